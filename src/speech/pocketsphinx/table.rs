//! The keys of `[speech.pocketsphinx]`.

use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::Problems;

/// Utterances may be limited from a second up to five minutes.
const UTTERANCE_SECS: std::ops::RangeInclusive<f64> = 1.0..=300.0;
/// More decoders at once than any machine can serve.
const MAX_POOL: usize = 4_096;

/// `[speech.pocketsphinx]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PocketSphinxTable {
    /// The acoustic model's directory (default: where Debian's package puts it).
    pub model: PathBuf,
    /// The pronunciation dictionary from which the words of the bot's sentences are taken.
    pub dictionary: PathBuf,
    /// The phone bigram that any speech is compared with.
    pub phones: PathBuf,
    /// Rejection: the margin to a free loop of phones, in PocketSphinx's units a frame, from which on a sentence counts as
    /// understood. Higher rejects more (default −18).
    pub accept_margin: f64,
    /// Most decoders at once; each takes about 20 MB once somebody speaks (default 32).
    pub pool: usize,
    /// Longest utterance in seconds; what comes after it is not recognised (default 30).
    pub longest_utterance_secs: f64,
    /// How long an answer takes in a replay's virtual time, in seconds (default 0.06, the mean measured for a final result).
    pub replay_delay_secs: f64,
}

impl Default for PocketSphinxTable {
    fn default() -> Self {
        PocketSphinxTable {
            model: "/usr/share/pocketsphinx/model/en-us/en-us".into(),
            dictionary: "/usr/share/pocketsphinx/model/en-us/cmudict-en-us.dict".into(),
            phones: "/usr/share/pocketsphinx/model/en-us/en-us-phone.lm.bin".into(),
            accept_margin: -18.0,
            pool: 32,
            longest_utterance_secs: 30.0,
            replay_delay_secs: 0.06,
        }
    }
}

impl PocketSphinxTable {
    /// How long an answer takes in replay's virtual time.
    pub fn replay_delay(&self) -> Duration {
        crate::base::secs(self.replay_delay_secs)
    }

    /// Names every mistake below `key`.
    pub fn check(&self, key: &str, problems: &mut Problems) {
        if !self.accept_margin.is_finite() {
            problems.add(format!("{key}.accept_margin"), "must be a number such as -18.0");
        }
        if self.pool == 0 || self.pool > MAX_POOL {
            problems.add(format!("{key}.pool"), format!("must be between 1 and {MAX_POOL}, not {}", self.pool));
        }
        if !UTTERANCE_SECS.contains(&self.longest_utterance_secs) {
            let (least, most) = (UTTERANCE_SECS.start(), UTTERANCE_SECS.end());
            problems.add(format!("{key}.longest_utterance_secs"), format!("must be between {least} and {most}, not {}", self.longest_utterance_secs));
        }
        crate::speech::check_delay(self.replay_delay_secs, key, problems);
    }
}
