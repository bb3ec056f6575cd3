//! `correction`: "no, that's not what I said".

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::{Problems, SignalKind};
use crate::listen::table::{check_weight, strings};

use super::word_signal::WordSignal;
use super::words::check_phrases;

/// `[signal.correction]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CorrectionTable {
    /// What it adds to the score, 0 to 1. A proposal, not a measurement.
    pub weight: f64,
    /// What people say when the bot got it wrong.
    pub phrases: Vec<String>,
}

impl Default for CorrectionTable {
    fn default() -> Self {
        CorrectionTable { weight: 0.2, phrases: strings(PHRASES) }
    }
}

/// English defaults.
const PHRASES: &str = "not what i said|not what i asked|not what i meant|not what i want|not what i wanted|not what i need|i did not say that|i did not ask|i did not mean|i never said|that is wrong|that is not right|that is not correct|that is incorrect|=wrong|=no wrong|wrong answer|you got it wrong|got that wrong|you misunderstood|you did not understand|you do not understand|you are not listening|not listening to me|no i said|i already said|i already told|i just said|i just told|told you already|as i said|like i said|i said no|=no no|=no not that|no that is not";

impl CorrectionTable {
    /// Names every mistake by its key, `key` being the table's own.
    pub fn check(&self, key: &str, problems: &mut Problems) {
        check_weight(problems, key, self.weight);
        check_phrases(problems, &format!("{key}.phrases"), &self.phrases);
    }

    /// The signal that listens for these phrases.
    pub fn listen(&self) -> WordSignal {
        WordSignal::new(SignalKind::Correction, &self.phrases, self.weight, "Corrected the bot", false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Time;
    use crate::listen::signal::words::Say;

    fn hears(said: &str) -> bool {
        CorrectionTable::default().listen().hear(&Say::of(said, Time::ZERO, Time::ZERO), 0).is_some()
    }

    #[test]
    fn the_defaults_can_all_be_found() {
        let table = CorrectionTable::default();
        let mut problems = Problems::default();
        table.check("signal.correction", &mut problems);
        assert_eq!(problems.to_string(), "");
        for phrase in &table.phrases {
            assert!(hears(&crate::listen::signal::words::spoken(phrase)), "{phrase}");
        }
    }

    #[test]
    fn corrections_are_heard_and_plain_answers_are_not() {
        for (said, is) in [
            ("No, that's not what I said.", true),
            ("no no no", false),
            ("no no", true),
            ("I already told you my number", true),
            ("no", false),
            ("no thank you", false),
            ("that's right", false),
        ] {
            assert_eq!(hears(said), is, "{said}");
        }
    }
}
