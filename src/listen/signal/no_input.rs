//! `no_input`: the bot asked, and its patience ended without an answer.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use std::time::Duration;

use crate::base::{Problems, SignalKind, Time};
use crate::listen::table::check_weight;
use crate::listen::types::Signal;

/// `[signal.no_input]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NoInputTable {
    /// What it adds to the score, 0 to 1. A proposal, not a measurement.
    pub weight: f64,
}

impl Default for NoInputTable {
    fn default() -> Self {
        NoInputTable { weight: 0.15 }
    }
}

impl NoInputTable {
    /// Names every mistake by its key, `key` being the table's own.
    pub fn check(&self, key: &str, problems: &mut Problems) {
        check_weight(problems, key, self.weight);
    }
}

/// Counts questions without an answer.
#[derive(Clone, Debug)]
pub struct NoInput {
    weight: f64,
    in_a_row: u32,
}

impl NoInput {
    /// Nothing counted yet.
    pub fn new(table: &NoInputTable) -> Self {
        NoInput { weight: table.weight, in_a_row: 0 }
    }

    /// The caller answered something.
    pub fn answered(&mut self) {
        self.in_a_row = 0;
    }

    /// A question got no answer: how long was waited, where that is known.
    pub fn unanswered(&mut self, waited: Option<Duration>, now: Time) -> Signal {
        self.in_a_row += 1;
        let waited = waited.unwrap_or_default();
        let why = match self.in_a_row {
            1 => "The caller did not answer the bot's question.".into(),
            n => format!("The caller did not answer the bot's questions, {n} times in a row."),
        };
        let value = waited.as_secs_f64();
        Signal { kind: SignalKind::NoInput, start: now.back(waited), end: now, value, unit: "sec", weight: self.weight, why, turn: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_counted_until_it_ends() {
        let mut no_input = NoInput::new(&NoInputTable::default());
        let now = Time::from_millis(9_000);
        let first = no_input.unanswered(Some(Duration::from_secs(5)), now);
        assert_eq!((first.start, first.end, first.value), (Time::from_millis(4_000), now, 5.0));
        assert!(no_input.unanswered(None, now).why.contains("2 times"));
        no_input.answered();
        assert!(!no_input.unanswered(None, now).why.contains("times"));
    }
}
