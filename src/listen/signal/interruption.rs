//! `interruption`: the caller talks over the bot, more than backchannel.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use std::time::Duration;

use crate::base::{Problems, SignalKind, Time};
use crate::listen::table::check_weight;
use crate::listen::types::Signal;

use super::words::quote;

/// `[signal.interruption]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct InterruptionTable {
    /// What it adds to the score, 0 to 1. A proposal, not a measurement.
    pub weight: f64,
}

impl Default for InterruptionTable {
    fn default() -> Self {
        InterruptionTable { weight: 0.15 }
    }
}

impl InterruptionTable {
    /// Names every mistake by its key, `key` being the table's own.
    pub fn check(&self, key: &str, problems: &mut Problems) {
        check_weight(problems, key, self.weight);
    }
}

impl InterruptionTable {
    /// The caller began to talk over the bot at `start` and has spoken for `spoken` of that time; `text` is what is understood so far.
    pub fn signal(&self, start: Time, spoken: Duration, text: &str, turn: Option<u32>, now: Time) -> Signal {
        let words = if text.is_empty() { ".".into() } else { format!(": {}", quote(text)) };
        let why = format!("The caller talked over the bot{words}");
        let value = spoken.as_secs_f64();
        Signal { kind: SignalKind::Interruption, start, end: now.max(start), value, unit: "sec", weight: self.weight, why, turn }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_where_there_are_any() {
        let why = |text| InterruptionTable::default().signal(Time::ZERO, Duration::ZERO, text, None, Time::ZERO).why;
        assert_eq!(why(""), "The caller talked over the bot.");
        assert_eq!(why("stop it"), "The caller talked over the bot: “stop it”");
    }
}
