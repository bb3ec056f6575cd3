//! The words that every room shares: ids, time, frames, records, faults, timers and private data.
//!
//! Nothing here decides anything. What is *not* here: behaviour of a call, of sound, or of a desk.

pub mod denial;
pub mod fault;
pub mod frame;
pub mod id;
pub mod network;
pub mod pii;
pub mod problem;
pub mod record;
pub mod time;
pub mod timer;
pub mod wording;

pub use denial::Denial;
pub use fault::{Fault, Organ};
pub use frame::{FRAME_MICROS, FRAME_MILLIS, Frame, MAX_FRAME_SAMPLES, Rate};
pub use id::{AgentId, CallId, LegId, OfferId, PlaybackId, QueueId, TicketId, UtteranceId};
pub use network::{Network, PeerNetwork};
pub use pii::Pii;
pub use problem::{Problem, Problems};
pub use record::{
    Asked, CallOutcome, Consent, EndedBy, HandoffClock, HandoffOutcome, Happening, InviteOutcome, Key, Mode, OfferOutcome, Party, Purpose,
    RECORD_VERSION, Record, SignalKind, StageName,
};
pub use time::{Time, secs};
pub use timer::Timers;
pub use wording::{Phrase, Wording};
