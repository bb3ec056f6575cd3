//! `[gateway]`: how live calls are driven and what is kept of them.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::Problems;

/// Most threads for sound.
const MAX_THREADS: u32 = 64;

/// `[gateway]`: how live calls are driven and what is kept of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LiveTable {
    /// Threads that move the calls' sound, one call on one thread; 0 for one a core.
    pub media_threads: u32,
    /// Calls at the same time at most; further ones are refused with 503, or sent to `sip.overload_target`.
    pub max_calls: u32,
    /// For each call a directory in here with `call.wav` (caller left, what they hear right) and `events.jsonl`; without it nothing is kept.
    pub recordings: Option<PathBuf>,
    /// A leg from which nothing has come for so long is lost.
    pub media_timeout_secs: f64,
    /// On shutdown, running calls may go on for so long; then the caller is told and the call ends.
    pub drain_secs: f64,
    /// An agent on a phone who let an offer pass is asked again after this.
    pub no_answer_pause_secs: f64,
    /// An agent whose line breaks in the middle of a call may be back within this and goes on; then another one is asked.
    pub line_grace_secs: f64,
}

impl Default for LiveTable {
    fn default() -> Self {
        LiveTable {
            media_threads: 0,
            max_calls: 400,
            recordings: None,
            media_timeout_secs: 20.0,
            drain_secs: 300.0,
            no_answer_pause_secs: 60.0,
            line_grace_secs: 20.0,
        }
    }
}

impl LiveTable {
    /// Names every mistake below `key`.
    pub fn check(&self, key: &str, problems: &mut Problems) {
        if self.media_threads > MAX_THREADS {
            problems.add(format!("{key}.media_threads"), format!("is {}; at most {MAX_THREADS}, or 0 for one a core", self.media_threads));
        }
        if self.max_calls == 0 {
            problems.add(format!("{key}.max_calls"), "is 0, so no call would be served; at least 1");
        }
        for (name, secs, least, most) in [
            ("media_timeout_secs", self.media_timeout_secs, 2.0, 3_600.0),
            ("drain_secs", self.drain_secs, 0.0, 86_400.0),
            ("no_answer_pause_secs", self.no_answer_pause_secs, 1.0, 86_400.0),
            ("line_grace_secs", self.line_grace_secs, 0.0, 3_600.0),
        ] {
            if !(least..=most).contains(&secs) {
                problems.add(format!("{key}.{name}"), format!("is {secs}; it must be between {least} and {most}"));
            }
        }
    }
}
