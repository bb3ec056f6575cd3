//! The keys of `[speech.voice]`.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::Problems;

/// `[speech.voice]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct VoiceTable {
    /// Directory of recorded prompts (`name.wav`, `name.flac`, `name.ogg`); without it everything is synthesized.
    pub prompts: Option<PathBuf>,
    /// How many megabytes of spoken phrases are kept (default 64: about an hour at 8 kHz).
    pub cache_mb: usize,
}

impl Default for VoiceTable {
    fn default() -> Self {
        VoiceTable { prompts: None, cache_mb: 64 }
    }
}

/// A cache beyond this is a slip of the hand.
const MAX_CACHE_MB: usize = 16_384;

impl VoiceTable {
    /// Names every mistake below `key`.
    pub fn check(&self, key: &str, problems: &mut Problems) {
        if self.cache_mb > MAX_CACHE_MB {
            problems.add(format!("{key}.cache_mb"), format!("must be at most {MAX_CACHE_MB}, not {}", self.cache_mb));
        }
    }
}
