//! The bridge of a call: who hears whom, and what is played to whom.
//!
//! A machine driven by the 20 ms tick. Feed it what legs send ([`BridgeInput::Media`]), say who hears whom and what to
//! play, then [`BridgeInput::Tick`]; poll until [`BridgeOutput::Idle`].

use std::sync::Arc;

use crate::base::{Frame, LegId, Party, PlaybackId};

/// What goes into a bridge.
#[derive(Clone, Debug)]
pub enum BridgeInput {
    /// A leg joins; it hears nobody and nobody hears it.
    Join(LegId, Party),
    /// A leg leaves; its playbacks and routes end.
    Leave(LegId),
    /// 20 ms that a leg sent, to be passed on at the next tick (the last one wins).
    Media(LegId, Frame),
    /// Whether `to` hears `from`.
    Route {
        /// Who speaks.
        from: LegId,
        /// Who hears.
        to: LegId,
        /// Whether they do.
        on: bool,
    },
    /// Begin a playback: after what is queued for the leg, or repeated for ever.
    Play(Play),
    /// More samples of a playback that was begun with `more`.
    Supply {
        /// Which.
        id: PlaybackId,
        /// At the bridge's rate.
        samples: Arc<[i16]>,
        /// True if more will follow.
        more: bool,
    },
    /// End a playback now (playing or queued), with a short fade.
    Stop(PlaybackId),
    /// 20 ms have passed: everything that each leg is to hear comes out.
    Tick,
}

/// A playback.
#[derive(Clone, Debug)]
pub struct Play {
    /// Chosen by the call, never reused.
    pub id: PlaybackId,
    /// Who hears it.
    pub leg: LegId,
    /// At the bridge's rate.
    pub samples: Arc<[i16]>,
    /// True if more samples will be supplied; running dry meanwhile is silence, not the end.
    pub more: bool,
    /// Repeat for ever (hold music). A loop does not queue: it sounds whenever nothing else is played to the leg.
    pub looped: bool,
}

/// What comes out of a bridge.
#[derive(Clone, Debug, PartialEq)]
pub enum BridgeOutput {
    /// What the leg hears in these 20 ms; `None` if nothing at all is meant for it (its edge sends comfort noise or nothing).
    Egress(LegId, Option<Frame>),
    /// The playback's first sample was sent at this sample of the call.
    Started {
        /// Which.
        id: PlaybackId,
        /// Sample of the call, from its first tick.
        sample: u64,
    },
    /// The playback's last sample was sent at this sample of the call.
    Stopped {
        /// Which.
        id: PlaybackId,
        /// Sample of the call, from its first tick.
        sample: u64,
        /// Samples of it that were sent.
        sent: u64,
        /// True if it was sent to its end.
        completed: bool,
    },
    /// The first sound that `from` sent after the route was opened has been sent to `to`.
    Crossed {
        /// Who spoke (or whose line sent).
        from: LegId,
        /// To whom it was sent.
        to: LegId,
    },
    /// Nothing more until the next input.
    Idle,
}
