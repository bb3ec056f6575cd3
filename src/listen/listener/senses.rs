//! What a frame sounds like: speech or not, effort, and keys in band.

use std::time::Duration;

use crate::base::{Frame, Key, Rate};
use crate::listen::effort::{Effort, FrameEffort};
use crate::listen::turn::Lags;
use crate::listen::vad::SpeechDetector;

/// The detector calls speech 40 ms late, and the gate stays open for 8 frames of 20 ms after it (HEARING, voice activity).
const LAGS: Lags = Lags { onset: Duration::from_millis(40), release: Duration::from_millis(40 + 160) };

/// The senses of a leg.
pub(super) struct Senses {
    detector: Detector,
    effort: Effort,
}

enum Detector {
    Voice(Box<SpeechDetector>),
    /// Everything above this level is speech, at once: for tests that script their sound.
    #[cfg(test)]
    Level(i16),
}

/// What a frame sounds like.
pub(super) struct Sensed {
    pub(super) speech: bool,
    pub(super) effort: FrameEffort,
    pub(super) key: Option<Key>,
}

impl Senses {
    pub(super) fn new(rate: Rate) -> Self {
        Senses { detector: Detector::Voice(Box::new(SpeechDetector::new(rate))), effort: Effort::new(rate) }
    }

    #[cfg(test)]
    pub(super) fn by_level(rate: Rate, level: i16) -> Self {
        Senses { detector: Detector::Level(level), effort: Effort::new(rate) }
    }

    pub(super) fn lags(&self) -> Lags {
        match self.detector {
            Detector::Voice(_) => LAGS,
            #[cfg(test)]
            Detector::Level(_) => Lags::default(),
        }
    }

    pub(super) fn push(&mut self, frame: &Frame) -> Sensed {
        let effort = self.effort.push(frame);
        let speech = match &mut self.detector {
            Detector::Voice(detector) => detector.push(frame, effort.voiced()),
            #[cfg(test)]
            Detector::Level(level) => frame.samples().iter().any(|s| s.unsigned_abs() > level.unsigned_abs()),
        };
        Sensed { speech, effort, key: None }
    }
}
