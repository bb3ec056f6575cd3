//! `confusion`: "I don't understand".

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::{Problems, SignalKind};
use crate::listen::table::{check_weight, strings};

use super::word_signal::WordSignal;
use super::words::check_phrases;

/// `[signal.confusion]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ConfusionTable {
    /// What it adds to the score, 0 to 1. A proposal, not a measurement.
    pub weight: f64,
    /// What people say when they can't follow.
    pub phrases: Vec<String>,
}

impl Default for ConfusionTable {
    fn default() -> Self {
        ConfusionTable { weight: 0.15, phrases: strings(PHRASES) }
    }
}

/// English defaults.
const PHRASES: &str = "i do not understand|i did not understand|do not get it|did not get that|did not catch that|what do you mean|what does that mean|i am confused|this is confusing|makes no sense|does not make sense|what did you say|what was that|say that again|repeat that|can you repeat|could you repeat|not sure what you|do not know what you|what are you talking about|what are you saying|=what|=huh|=pardon|=sorry what|=excuse me|i am lost";

impl ConfusionTable {
    /// Names every mistake by its key, `key` being the table's own.
    pub fn check(&self, key: &str, problems: &mut Problems) {
        check_weight(problems, key, self.weight);
        check_phrases(problems, &format!("{key}.phrases"), &self.phrases);
    }

    /// The signal that listens for these phrases.
    pub fn listen(&self) -> WordSignal {
        WordSignal::new(SignalKind::Confusion, &self.phrases, self.weight, "Did not follow", false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Time;
    use crate::listen::signal::words::Say;

    fn hears(said: &str) -> bool {
        ConfusionTable::default().listen().hear(&Say::of(said, Time::ZERO, Time::ZERO), 0).is_some()
    }

    #[test]
    fn the_defaults_can_all_be_found() {
        let table = ConfusionTable::default();
        let mut problems = Problems::default();
        table.check("signal.confusion", &mut problems);
        assert_eq!(problems.to_string(), "");
        for phrase in &table.phrases {
            assert!(hears(&crate::listen::signal::words::spoken(phrase)), "{phrase}");
        }
    }

    #[test]
    fn confusion_is_heard_and_questions_are_not() {
        for (said, is) in [
            ("I don't understand", true),
            ("What?", true),
            ("sorry what do you mean", true),
            ("what are your opening hours", false),
            ("do you understand", false),
        ] {
            assert_eq!(hears(said), is, "{said}");
        }
    }
}
