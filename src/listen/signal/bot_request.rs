//! `bot_request`: the bot itself asks for a person.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::{Problems, SignalKind};
use crate::listen::table::check_weight;
use crate::listen::types::Signal;

use super::about::About;

/// `[signal.bot_request]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BotRequestTable {
    /// What it adds to the score, 0 to 1. A proposal, not a measurement.
    pub weight: f64,
}

impl Default for BotRequestTable {
    fn default() -> Self {
        BotRequestTable { weight: 0.8 }
    }
}

impl BotRequestTable {
    /// Names every mistake by its key, `key` being the table's own.
    pub fn check(&self, key: &str, problems: &mut Problems) {
        check_weight(problems, key, self.weight);
    }
}

impl BotRequestTable {
    /// The bot wants a person, and says why.
    pub fn signal(&self, reason: &str, about: About) -> Signal {
        let reason = reason.trim().trim_end_matches('.');
        let why = if reason.is_empty() { "The bot asks for a person.".into() } else { format!("The bot asks for a person: {reason}.") };
        about.signal(SignalKind::BotRequest, 1.0, "count", self.weight, why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Time;

    #[test]
    fn the_reason_is_the_bots() {
        for (reason, why) in [("", "The bot asks for a person."), ("refunds need approval.", "The bot asks for a person: refunds need approval.")] {
            assert_eq!(BotRequestTable::default().signal(reason, About::moment(Time::ZERO)).why, why);
        }
    }
}
