//! What a test caller says next: a recording as it is, or one utterance after the other.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use crate::base::{FRAME_MILLIS, Frame};

use super::{Manners, Part, RATE, is_audible};

/// A pause in a recording that separates two utterances.
const PAUSE: Duration = Duration::from_millis(600);
/// The other side has finished when it has been silent for this long.
const TURN: Duration = Duration::from_millis(1_200);
/// Whoever hears nothing at all speaks after this.
const PATIENCE: Duration = Duration::from_secs(8);

/// Samples of a frame.
const FRAME: usize = RATE.frame_samples();

/// A recording, frame by frame.
#[derive(Clone, Debug)]
pub struct Script {
    /// Shared by all calls that play it.
    recording: Arc<[i16]>,
    manners: Manners,
    /// Of the utterances that are not said yet, in order.
    utterances: std::collections::VecDeque<Range<usize>>,
    /// What is being said; the rest of it.
    saying: Option<Range<usize>>,
    /// The other side has spoken since our last utterance.
    has_heard: bool,
    /// Frames in which nothing was heard, and nothing said.
    silent: u64,
}

fn frames(of: Duration) -> u64 {
    of.as_millis() as u64 / FRAME_MILLIS
}

impl Script {
    /// What this party will say.
    pub fn new(part: &Part) -> Script {
        let recording = part.recording.clone();
        let utterances = match part.manners {
            Manners::Recording => std::iter::once(0..recording.len().div_ceil(FRAME)).collect(),
            Manners::Turns => utterances(&recording).into(),
        };
        Script { recording, manners: part.manners, utterances, saying: None, has_heard: false, silent: 0 }
    }

    /// True if everything was said.
    pub fn is_done(&self) -> bool {
        self.saying.is_none() && self.utterances.is_empty()
    }

    /// The next 20 ms, where `is_heard` says whether the other side speaks.
    pub fn next(&mut self, is_heard: bool) -> Frame {
        if let Some(saying) = &mut self.saying {
            if let Some(at) = saying.next() {
                return frame(&self.recording, at);
            }
            self.saying = None;
            self.has_heard = false;
            self.silent = 0;
        }
        self.has_heard |= is_heard;
        self.silent = if is_heard { 0 } else { self.silent + 1 };
        let is_our_turn = match self.manners {
            Manners::Recording => true,
            Manners::Turns => (self.has_heard && self.silent >= frames(TURN)) || self.silent >= frames(PATIENCE),
        };
        if is_our_turn {
            self.saying = self.utterances.pop_front();
        }
        match self.saying.as_mut().and_then(Iterator::next) {
            Some(at) => frame(&self.recording, at),
            None => Frame::silence(RATE),
        }
    }
}

/// The `at`th frame of a recording; beyond its end is silence.
fn frame(recording: &[i16], at: usize) -> Frame {
    Frame::from_samples(RATE, recording.get(at * FRAME..).unwrap_or_default())
}

/// Stretches of sound between pauses, in frames.
fn utterances(recording: &[i16]) -> Vec<Range<usize>> {
    let pause = frames(PAUSE) as usize;
    let mut found: Vec<Range<usize>> = Vec::new();
    let length = recording.len().div_ceil(FRAME);
    for at in (0..length).filter(|&at| is_audible(&frame(recording, at))) {
        match found.last_mut() {
            Some(last) if at - last.end < pause => last.end = at + 1,
            Some(_) | None => found.push(at..at + 1),
        }
    }
    // A little of the room on either side, so that soft beginnings and ends are not cut.
    let room = pause / 4;
    found.into_iter().map(|u| u.start.saturating_sub(room)..(u.end + room).min(length)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(manners: Manners, loud: &[bool]) -> Part {
        let recording = loud.iter().flat_map(|&loud| vec![if loud { 5_000 } else { 0 }; RATE.frame_samples()]).collect();
        Part { recording, manners, keys: Vec::new(), echoes: false, leaves_when_done: true, longest: Duration::from_secs(60) }
    }

    #[test]
    fn a_recording_is_played_as_it_is() {
        let mut script = Script::new(&part(Manners::Recording, &[true, false, true]));
        let heard: Vec<bool> = (0..4).map(|_| is_audible(&script.next(true))).collect();
        assert_eq!(heard, [true, false, true, false]);
        assert!(script.is_done());
    }

    #[test]
    fn a_patient_caller_speaks_when_the_other_side_has_spoken() {
        let mut loud = vec![true; 50];
        loud.extend([false; 50]);
        loud.extend([true; 50]);
        let mut script = Script::new(&part(Manners::Turns, &loud));
        let mut at = |n: u64, heard: bool| (0..n).filter(|_| is_audible(&script.next(heard))).count();
        assert_eq!(at(300, true), 0, "the other side speaks");
        assert_eq!(at(frames(TURN) - 1, false), 0, "it may only pause");
        assert_eq!(at(100, false), 50, "the first utterance");
        assert_eq!(at(200, false), 0, "no answer yet");
        assert_eq!(at(frames(PATIENCE), false), 50, "nobody answers: the second");
        assert!(script.is_done());
    }
}
