//! `profanity`: the caller gets abusive.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::{Problems, SignalKind};
use crate::listen::table::{check_weight, strings};

use super::word_signal::WordSignal;
use super::words::check_phrases;

/// `[signal.profanity]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ProfanityTable {
    /// What it adds to the score, 0 to 1. A proposal, not a measurement.
    pub weight: f64,
    /// Abusive words.
    pub phrases: Vec<String>,
}

impl Default for ProfanityTable {
    fn default() -> Self {
        ProfanityTable { weight: 0.3, phrases: strings(PHRASES) }
    }
}

/// English defaults.
const PHRASES: &str = "damn|damned|goddamn|shit|shitty|bullshit|fuck|fucking|fucked|crap|bastard|asshole|bitch|idiot|idiots|moron|dumb machine|stupid machine|stupid robot|piece of junk|piece of crap|shut up|screw you|piss off|pissed off|go to hell|what the hell|bloody hell";

impl ProfanityTable {
    /// Names every mistake by its key, `key` being the table's own.
    pub fn check(&self, key: &str, problems: &mut Problems) {
        check_weight(problems, key, self.weight);
        check_phrases(problems, &format!("{key}.phrases"), &self.phrases);
    }

    /// The signal that listens for these phrases.
    pub fn listen(&self) -> WordSignal {
        WordSignal::new(SignalKind::Profanity, &self.phrases, self.weight, "Used abusive words", false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Time;
    use crate::listen::signal::words::Say;

    fn hears(said: &str) -> bool {
        ProfanityTable::default().listen().hear(&Say::of(said, Time::ZERO, Time::ZERO), 0).is_some()
    }

    #[test]
    fn the_defaults_can_all_be_found() {
        let table = ProfanityTable::default();
        let mut problems = Problems::default();
        table.check("signal.profanity", &mut problems);
        assert_eq!(problems.to_string(), "");
        for phrase in &table.phrases {
            assert!(hears(&crate::listen::signal::words::spoken(phrase)), "{phrase}");
        }
    }

    #[test]
    fn abuse_is_heard_and_harmless_words_are_not() {
        for (said, is) in
            [("what the hell is this", true), ("you are an idiot", true), ("hello is this the help desk", false), ("shutting up the shop", false)]
        {
            assert_eq!(hears(said), is, "{said}");
        }
    }
}
