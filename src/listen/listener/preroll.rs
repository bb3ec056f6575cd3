//! The last moments of sound, for a recognizer that is opened a little late.

use std::collections::VecDeque;
use std::time::Duration;

use crate::base::{Frame, Time};

/// Frames of the last moments, and up to where they were given away. That goes by their number and not by their time: a
/// live line's frames are not exactly 20 ms apart.
pub(super) struct Preroll {
    /// When each frame begins; oldest first.
    frames: VecDeque<(Time, Frame)>,
    len: usize,
    before: Duration,
    /// How many there were.
    pushed: u64,
    /// How many of them need not be given away any more.
    given: u64,
}

impl Preroll {
    /// Keeps `len` frames, of which `before` counts from ahead of the first speech.
    pub(super) fn new(len: usize, before: Duration) -> Self {
        Preroll { frames: VecDeque::with_capacity(len), len, before, pushed: 0, given: 0 }
    }

    pub(super) fn push(&mut self, start: Time, frame: Frame) {
        if self.frames.len() == self.len {
            self.frames.pop_front();
        }
        self.frames.push_back((start, frame));
        self.pushed += 1;
    }

    /// An utterance begins at `at`: begin with what was heard shortly before it and not given away yet. The first frame's time.
    pub(super) fn rewind(&mut self, at: Time, now: Time) -> Time {
        let from = at.back(self.before);
        let before = self.frames.iter().take_while(|(start, _)| *start < from).count() as u64;
        self.given = self.given.max(self.oldest() + before);
        self.kept().next().map_or(now, |(start, _)| *start)
    }

    /// The frames that were not given away yet; they are now.
    pub(super) fn give(&mut self, mut each: impl FnMut(Frame)) {
        self.kept().for_each(|(_, frame)| each(*frame));
        self.given = self.pushed;
    }

    /// The number of the oldest frame.
    fn oldest(&self) -> u64 {
        self.pushed - self.frames.len() as u64
    }

    /// What was not given away yet.
    fn kept(&self) -> impl Iterator<Item = &(Time, Frame)> {
        self.frames.iter().skip(self.given.saturating_sub(self.oldest()) as usize)
    }

    /// What was heard since `at`, without giving it away.
    pub(super) fn since(&self, at: Time) -> impl Iterator<Item = &Frame> {
        self.frames.iter().filter(move |(start, _)| *start >= at).map(|(_, frame)| frame)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Rate;

    fn numbered(n: i16) -> Frame {
        Frame::from_samples(Rate::Hz8000, &[n; 160])
    }

    #[test]
    fn a_live_lines_frames_are_all_given_away_though_they_come_early_and_late() {
        let mut preroll = Preroll::new(10, Duration::from_millis(45));
        let mut given = Vec::new();
        let at = |n: i16| Time::from_micros(1_000_000 + n as u64 * 20_000 + [0, 900, 300, 700][n as usize % 4]);
        for n in 0..40 {
            preroll.push(at(n), numbered(n));
            if n == 12 {
                assert_eq!(preroll.rewind(at(10), at(13)), at(8), "two frames from ahead of the first speech");
            }
            if n >= 12 {
                preroll.give(|frame| given.push(frame.samples()[0]));
            }
        }
        assert_eq!(given, (8..40).collect::<Vec<_>>());
        assert_eq!(preroll.rewind(at(35), at(40)), at(40), "what was given away is not given again");
    }
}
