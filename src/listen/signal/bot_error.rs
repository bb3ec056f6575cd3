//! `bot_error`: the bot's back end failed or stalled.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::{Fault, Problems, SignalKind};
use crate::listen::table::check_weight;
use crate::listen::types::Signal;

use super::about::About;

/// `[signal.bot_error]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BotErrorTable {
    /// What it adds to the score, 0 to 1. A proposal, not a measurement.
    pub weight: f64,
}

impl Default for BotErrorTable {
    fn default() -> Self {
        BotErrorTable { weight: 0.5 }
    }
}

impl BotErrorTable {
    /// Names every mistake by its key, `key` being the table's own.
    pub fn check(&self, key: &str, problems: &mut Problems) {
        check_weight(problems, key, self.weight);
    }
}

impl BotErrorTable {
    /// The bot failed; what its maker says of it stays in the log.
    pub fn signal(&self, fault: &Fault, about: About) -> Signal {
        let why = match fault {
            Fault::Unavailable { .. } => "The bot is not there.".into(),
            Fault::Stalled { after_ms, .. } => format!("The bot did not answer within {:.1} s.", *after_ms as f64 / 1e3),
            Fault::Failed { .. } => "The bot failed.".into(),
            Fault::Malformed { .. } => "The bot answered something that makes no sense.".into(),
            Fault::Overloaded { .. } => "The bot is overloaded.".into(),
        };
        about.signal(SignalKind::BotError, 1.0, "count", self.weight, why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Organ, Time};

    #[test]
    fn a_supervisor_reads_no_stack_traces() {
        let fault = Fault::Failed { organ: Organ::Bot, detail: "HTTP 500 at /v1/x".into() };
        assert_eq!(BotErrorTable::default().signal(&fault, About::moment(Time::ZERO)).why, "The bot failed.");
    }
}
