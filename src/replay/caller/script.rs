//! What a test caller says next: a recording as it is, or one utterance after the other.

use std::collections::VecDeque;
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
    /// Frames before which the party waits until the other side has spoken, in order.
    rests: VecDeque<usize>,
    /// The next frame.
    at: usize,
    waits: bool,
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
        let rests = match part.manners {
            Manners::Recording => VecDeque::new(),
            Manners::Turns => rests(&recording),
        };
        Script { recording, rests, at: 0, waits: false, has_heard: false, silent: 0 }
    }

    /// True if everything was said.
    pub fn is_done(&self) -> bool {
        !self.waits && self.at >= self.recording.len().div_ceil(FRAME)
    }

    /// True if the last frame was none of the recording, which stands still until the other side has spoken.
    pub fn waits(&self) -> bool {
        self.waits
    }

    /// The next 20 ms, where `is_heard` says whether the other side speaks.
    pub fn next(&mut self, is_heard: bool) -> Frame {
        if self.rests.front() == Some(&self.at) && !self.is_done() {
            self.rests.pop_front();
            (self.waits, self.has_heard, self.silent) = (true, false, 0);
        }
        if self.waits {
            self.has_heard |= is_heard;
            self.silent = if is_heard { 0 } else { self.silent + 1 };
            self.waits = !(self.has_heard && self.silent >= frames(TURN) || self.silent >= frames(PATIENCE));
        }
        if self.waits {
            return Frame::silence(RATE);
        }
        let frame = frame(&self.recording, self.at);
        self.at += 1;
        frame
    }
}

/// The `at`th frame of a recording; beyond its end is silence.
fn frame(recording: &[i16], at: usize) -> Frame {
    Frame::from_samples(RATE, recording.get(at * FRAME..).unwrap_or_default())
}

/// Where a patient party waits: before the first word, and a little after each utterance but the last, so that soft ends are not cut.
fn rests(recording: &[i16]) -> VecDeque<usize> {
    let pause = frames(PAUSE) as usize;
    let room = pause / 4;
    let (mut rests, mut last) = (VecDeque::from([0]), None);
    for at in (0..recording.len().div_ceil(FRAME)).filter(|&at| is_audible(&frame(recording, at))) {
        rests.extend(last.filter(|last| at - last > pause).map(|last| last + room));
        last = Some(at);
    }
    rests
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
