//! `out_of_scope`: the bot understood, but it is nothing that it does.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::{Problems, SignalKind};
use crate::listen::table::check_weight;
use crate::listen::types::Signal;

use super::about::About;

/// `[signal.out_of_scope]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OutOfScopeTable {
    /// What it adds to the score, 0 to 1. A proposal, not a measurement.
    pub weight: f64,
}

impl Default for OutOfScopeTable {
    fn default() -> Self {
        OutOfScopeTable { weight: 0.3 }
    }
}

impl OutOfScopeTable {
    /// Names every mistake by its key, `key` being the table's own.
    pub fn check(&self, key: &str, problems: &mut Problems) {
        check_weight(problems, key, self.weight);
    }
}

impl OutOfScopeTable {
    /// The bot said so of a turn.
    pub fn signal(&self, about: About) -> Signal {
        let why = format!("The bot does nothing about {}.", about.words());
        about.signal(SignalKind::OutOfScope, 1.0, "count", self.weight, why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Time;

    #[test]
    fn the_reason_quotes_the_caller() {
        let about = About { turn: Some(0), said: Some("sing me a song"), start: Time::ZERO, end: Time::ZERO };
        assert_eq!(OutOfScopeTable::default().signal(about).why, "The bot does nothing about “sing me a song”.");
        assert_eq!(OutOfScopeTable::default().signal(About::moment(Time::ZERO)).why, "The bot does nothing about what the caller said.");
    }
}
