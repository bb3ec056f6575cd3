//! The last moments of sound, for a recognizer that is opened a little late.

use std::collections::VecDeque;
use std::time::Duration;

use crate::base::{FRAME_MILLIS, Frame, Time};

/// Frames of the last moments, and up to where they were given away.
pub(super) struct Preroll {
    /// When each frame begins; oldest first.
    frames: VecDeque<(Time, Frame)>,
    len: usize,
    before: Duration,
    given: Time,
}

impl Preroll {
    /// Keeps `len` frames, of which `before` counts from ahead of the first speech.
    pub(super) fn new(len: usize, before: Duration) -> Self {
        Preroll { frames: VecDeque::with_capacity(len), len, before, given: Time::ZERO }
    }

    pub(super) fn push(&mut self, start: Time, frame: Frame) {
        if self.frames.len() == self.len {
            self.frames.pop_front();
        }
        self.frames.push_back((start, frame));
    }

    /// An utterance begins at `at`: begin with what was heard shortly before it and not given away yet. The first frame's time.
    pub(super) fn rewind(&mut self, at: Time, now: Time) -> Time {
        self.given = self.given.max(at.back(self.before));
        self.frames.iter().map(|(start, _)| *start).find(|start| *start >= self.given).unwrap_or(now)
    }

    /// The frames that were not given away yet; they are now.
    pub(super) fn give(&mut self, mut each: impl FnMut(Frame)) {
        for (start, frame) in &self.frames {
            if *start >= self.given {
                each(*frame);
                self.given = *start + Duration::from_millis(FRAME_MILLIS);
            }
        }
    }

    /// What was heard since `at`, without giving it away.
    pub(super) fn since(&self, at: Time) -> impl Iterator<Item = &Frame> {
        self.frames.iter().filter(move |(start, _)| *start >= at).map(|(_, frame)| frame)
    }
}
