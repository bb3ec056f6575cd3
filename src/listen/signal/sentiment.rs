//! `sentiment`: the caller says how they feel, and it is nothing good.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::{Problems, SignalKind};
use crate::listen::table::{check_weight, strings};

use super::word_signal::WordSignal;
use super::words::check_phrases;

/// `[signal.sentiment]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SentimentTable {
    /// What it adds to the score, 0 to 1. A proposal, not a measurement.
    pub weight: f64,
    /// Negative words. A "not" before them takes them back.
    pub phrases: Vec<String>,
}

impl Default for SentimentTable {
    fn default() -> Self {
        SentimentTable { weight: 0.2, phrases: strings(PHRASES) }
    }
}

/// English defaults.
const PHRASES: &str = "terrible|horrible|awful|ridiculous|useless|pathetic|frustrated|frustrating|annoyed|annoying|angry|furious|upset|disappointed|unacceptable|outrageous|worst|stupid|hate|fed up|sick of|tired of this|tired of waiting|waste of time|wasting my time|not happy|not good enough|not helpful|not working|does not work|never works|this is a joke|had enough|lost my patience|running out of patience|taking forever|makes me mad|so bad|rip off|how many times|complaint|complain";

impl SentimentTable {
    /// Names every mistake by its key, `key` being the table's own.
    pub fn check(&self, key: &str, problems: &mut Problems) {
        check_weight(problems, key, self.weight);
        check_phrases(problems, &format!("{key}.phrases"), &self.phrases);
    }

    /// The signal that listens for these phrases.
    pub fn listen(&self) -> WordSignal {
        WordSignal::new(SignalKind::Sentiment, &self.phrases, self.weight, "Sounded unhappy", true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Time;
    use crate::listen::signal::words::Say;

    fn hears(said: &str) -> bool {
        SentimentTable::default().listen().hear(&Say::of(said, Time::ZERO, Time::ZERO), 0).is_some()
    }

    #[test]
    fn the_defaults_can_all_be_found() {
        let table = SentimentTable::default();
        let mut problems = Problems::default();
        table.check("signal.sentiment", &mut problems);
        assert_eq!(problems.to_string(), "");
        for phrase in &table.phrases {
            assert!(hears(&crate::listen::signal::words::spoken(phrase)), "{phrase}");
        }
    }

    #[test]
    fn feelings_are_heard_unless_they_are_denied() {
        for (said, is) in [
            ("this is ridiculous", true),
            ("I'm not happy with this", true),
            ("I am not angry", false),
            ("it doesn't work", true),
            ("where is my order", false),
            ("that is great thank you", false),
        ] {
            assert_eq!(hears(said), is, "{said}");
        }
    }
}
