//! Trouble of any engine, edge or connector: one closed enum, an input like any other.

use serde::{Deserialize, Serialize};

/// Which part of the gateway had the trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Organ {
    /// What hears: a recognizer, and what compares the sound of turns.
    Ear,
    /// A synthesizer: text to speech.
    Voice,
    /// A bot back end.
    Bot,
    /// Where legs enter and leave.
    Edge,
    /// An outside system of record.
    Connector,
    /// A trigger rule whose evaluation failed.
    Rule,
}

/// What went wrong. The words are for a person; code looks at the variant only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "fault", rename_all = "snake_case")]
pub enum Fault {
    /// It is not there at all (not installed, not configured, refused).
    #[error("{organ:?} is unavailable: {detail}")]
    Unavailable {
        /// Which part.
        organ: Organ,
        /// What is missing and how to get it.
        detail: String,
    },
    /// It did not answer in time.
    #[error("{organ:?} did not answer within {after_ms} ms")]
    Stalled {
        /// Which part.
        organ: Organ,
        /// How long it was waited for.
        after_ms: u64,
    },
    /// It answered with an error, or broke off.
    #[error("{organ:?} failed: {detail}")]
    Failed {
        /// Which part.
        organ: Organ,
        /// What it said.
        detail: String,
    },
    /// It sent something that it may not send.
    #[error("{organ:?} broke its contract: {detail}")]
    Malformed {
        /// Which part.
        organ: Organ,
        /// What was wrong and where.
        detail: String,
    },
    /// A limit was reached and something was dropped.
    #[error("{organ:?} is over its limit: {detail}")]
    Overloaded {
        /// Which part.
        organ: Organ,
        /// Which limit.
        detail: String,
    },
}

impl Fault {
    /// Which part of the gateway had the trouble.
    pub fn organ(&self) -> Organ {
        match self {
            Fault::Unavailable { organ, .. }
            | Fault::Stalled { organ, .. }
            | Fault::Failed { organ, .. }
            | Fault::Malformed { organ, .. }
            | Fault::Overloaded { organ, .. } => *organ,
        }
    }

    /// True if the same request may succeed when tried again.
    pub fn is_retryable(&self) -> bool {
        match self {
            Fault::Stalled { .. } | Fault::Failed { .. } | Fault::Overloaded { .. } => true,
            Fault::Unavailable { .. } | Fault::Malformed { .. } => false,
        }
    }
}
