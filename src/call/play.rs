//! What is being played in a call.

use std::collections::BTreeMap;

use crate::base::{LegId, PlaybackId, Purpose, Time};

/// A playback that was asked for and is not over.
#[derive(Clone, Debug)]
pub(super) struct Playing {
    /// Into which leg.
    pub leg: LegId,
    /// Why.
    pub purpose: Purpose,
    /// Its words, if it has any.
    pub words: Option<String>,
    /// When its first sample was sent.
    pub started: Option<Time>,
    /// True once it was told to stop.
    pub stopping: bool,
}

/// All playbacks that are not over.
#[derive(Clone, Debug, Default)]
pub(super) struct Playbacks {
    all: BTreeMap<PlaybackId, Playing>,
    next: u32,
}

impl Playbacks {
    /// Notes a new playback.
    pub(super) fn add(&mut self, leg: LegId, purpose: Purpose, words: Option<String>) -> PlaybackId {
        let id = PlaybackId(self.next);
        self.next += 1;
        self.all.insert(id, Playing { leg, purpose, words, started: None, stopping: false });
        id
    }

    /// The playback, if it is not over.
    pub(super) fn get_mut(&mut self, id: PlaybackId) -> Option<&mut Playing> {
        self.all.get_mut(&id)
    }

    /// It is over.
    pub(super) fn remove(&mut self, id: PlaybackId) -> Option<Playing> {
        self.all.remove(&id)
    }

    /// The playbacks that fit, in the order in which they were asked for.
    pub(super) fn which(&self, fits: impl Fn(&Playing) -> bool) -> Vec<PlaybackId> {
        self.all.iter().filter(|(_, p)| fits(p)).map(|(id, _)| *id).collect()
    }

    /// True if one fits.
    pub(super) fn any(&self, fits: impl Fn(&Playing) -> bool) -> bool {
        self.all.values().any(fits)
    }

    /// True if nothing plays.
    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }
}

/// Whether talking over it is barge-in.
pub(super) fn is_interruptible(purpose: Purpose) -> bool {
    match purpose {
        Purpose::Greeting | Purpose::Bot | Purpose::Question => true,
        Purpose::Notice
        | Purpose::Waiting
        | Purpose::Music
        | Purpose::Comfort
        | Purpose::Briefing
        | Purpose::Beep
        | Purpose::Survey
        | Purpose::Goodbye => false,
    }
}

/// Whether it is somebody speaking.
pub(super) fn is_speech(purpose: Purpose) -> bool {
    match purpose {
        Purpose::Music | Purpose::Comfort | Purpose::Beep => false,
        Purpose::Greeting
        | Purpose::Bot
        | Purpose::Notice
        | Purpose::Question
        | Purpose::Waiting
        | Purpose::Briefing
        | Purpose::Survey
        | Purpose::Goodbye => true,
    }
}
