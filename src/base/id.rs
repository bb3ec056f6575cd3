//! Ids. A call's id is drawn in the shell; what lives in a call is counted within it and never reused.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A call: UUIDv7, drawn in the shell; replay derives it from a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CallId(pub uuid::Uuid);

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

macro_rules! counter {
    ($(#[$doc:meta])* $name:ident, $letter:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u32);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($letter, "{}"), self.0)
            }
        }
    };
}

counter!(
    /// A leg: one party's media path in a call, counted within the call.
    LegId, "leg-"
);
counter!(
    /// A playback into a leg, counted within the call.
    PlaybackId, "play-"
);
counter!(
    /// An utterance: a stretch of speech between pauses, counted within the leg.
    UtteranceId, "utt-"
);

impl LegId {
    /// The caller's leg: every call's first.
    pub const CALLER: LegId = LegId(0);
}

macro_rules! within_call {
    ($(#[$doc:meta])* $name:ident, $letter:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name {
            /// The call.
            pub call: CallId,
            /// Counted within the call, never reused.
            pub n: u32,
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!("{}/", $letter, "{}"), self.call, self.n)
            }
        }
    };
}

within_call!(
    /// A ticket: one caller's place in the desk's queues.
    TicketId, "ticket-"
);
within_call!(
    /// An offer: one agent asked to take one caller. The desk counts them within the call.
    OfferId, "offer-"
);

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
        #[serde(transparent)]
        pub struct $name(pub Arc<str>);

        impl From<&str> for $name {
            fn from(name: &str) -> Self {
                $name(name.into())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(
    /// An agent, by the name in the configuration.
    AgentId
);
name!(
    /// A queue, by the name in the configuration.
    QueueId
);
