//! The keys of `[speech.flite]`.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::Problems;

/// flite's voices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FliteVoice {
    /// A man; the clearest over a telephone line.
    #[default]
    Rms,
    /// A woman.
    Slt,
    /// A man, built from diphones: smaller and plainer.
    Kal16,
}

/// `[speech.flite]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FliteTable {
    /// flite's voice: `rms` (default), `slt` or `kal16`. One that is not installed is replaced by the next of these.
    pub voice: FliteVoice,
    /// How long the first sound takes in a replay's virtual time, in seconds (default 0.03, measured for a sentence of 3 s).
    pub replay_delay_secs: f64,
}

impl Default for FliteTable {
    fn default() -> Self {
        FliteTable { voice: FliteVoice::default(), replay_delay_secs: 0.03 }
    }
}

impl FliteTable {
    /// How long the first sound takes in replay's virtual time.
    pub fn replay_delay(&self) -> Duration {
        crate::base::secs(self.replay_delay_secs)
    }

    /// Names every mistake below `key`.
    pub fn check(&self, key: &str, problems: &mut Problems) {
        crate::speech::check_delay(self.replay_delay_secs, key, problems);
    }
}
