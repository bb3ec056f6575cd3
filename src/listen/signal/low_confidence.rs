//! `low_confidence`: the recognizer or the bot is unsure of what was said.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::{Problems, SignalKind};
use crate::listen::table::{check_range, check_weight};
use crate::listen::types::Signal;

use super::about::About;

/// `[signal.low_confidence]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LowConfidenceTable {
    /// What it adds to the score, 0 to 1. A proposal, not a measurement.
    pub weight: f64,
    /// A recognizer that is less sure than this counts as unsure, 0 to 1.
    pub below: f64,
}

impl Default for LowConfidenceTable {
    fn default() -> Self {
        LowConfidenceTable { weight: 0.1, below: 0.3 }
    }
}

impl LowConfidenceTable {
    /// Names every mistake by its key, `key` being the table's own.
    pub fn check(&self, key: &str, problems: &mut Problems) {
        check_weight(problems, key, self.weight);
        check_range(problems, &format!("{key}.below"), self.below, 0.0..=1.0);
    }

    /// The recognizer gave a final result.
    pub fn recognized(&self, confidence: Option<f32>, about: About) -> Option<Signal> {
        let confidence = f64::from(confidence?);
        let why = format!("The recognizer is only {:.0} % sure of {}.", confidence * 100.0, about.words());
        (confidence < self.below).then(|| about.signal(SignalKind::LowConfidence, confidence, "share", self.weight, why))
    }

    /// The bot said that it is unsure of a turn.
    pub fn unsure(&self, about: About) -> Signal {
        let why = format!("The bot is unsure what is meant by {}.", about.words());
        about.signal(SignalKind::LowConfidence, 1.0, "count", self.weight, why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Time;

    #[test]
    fn only_an_unsure_recognizer_is_told() {
        let about = About { turn: Some(0), said: Some("a b"), start: Time::ZERO, end: Time::ZERO };
        let table = LowConfidenceTable::default();
        for (confidence, told) in [(None, false), (Some(0.9), false), (Some(0.1), true), (Some(f32::NAN), false)] {
            assert_eq!(table.recognized(confidence, about).is_some(), told, "{confidence:?}");
        }
        assert_eq!(table.recognized(Some(0.1), about).map(|s| s.why).as_deref(), Some("The recognizer is only 10 % sure of “a b”."));
    }
}
