//! What a frame sounds like: speech or not, effort, and keys in band.

use std::time::Duration;

use crate::base::{Frame, Key, Rate};
use crate::listen::effort::FrameEffort;
use crate::listen::turn::Lags;
use crate::listen::vad::Hearing;
use crate::sound::dtmf::DtmfDetector;

/// The detector calls speech 40 ms late, and the gate stays open for 8 frames of 20 ms after it (HEARING, voice activity).
const LAGS: Lags = Lags { onset: Duration::from_millis(40), release: Duration::from_millis(40 + 160) };

/// The senses of a leg.
pub(super) struct Senses {
    detector: Detector,
    keys: DtmfDetector,
}

enum Detector {
    Voice(Box<Hearing>),
    /// Every frame with a sample above this is speech, at once and of no effort: for tests that script their sound.
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
    /// For frames of this rate; effort is measured in full only where it is `scored`.
    pub(super) fn new(rate: Rate, scored: bool) -> Self {
        let hearing = if scored { Hearing::new(rate) } else { Hearing::without_colour(rate) };
        Senses { detector: Detector::Voice(Box::new(hearing)), keys: DtmfDetector::new(rate) }
    }

    #[cfg(test)]
    pub(super) fn by_level(rate: Rate, level: i16) -> Self {
        Senses { detector: Detector::Level(level), keys: DtmfDetector::new(rate) }
    }

    pub(super) fn lags(&self) -> Lags {
        match self.detector {
            Detector::Voice(_) => LAGS,
            #[cfg(test)]
            Detector::Level(_) => Lags::default(),
        }
    }

    pub(super) fn push(&mut self, frame: &Frame) -> Sensed {
        let key = self.keys.push(frame);
        match &mut self.detector {
            Detector::Voice(hearing) => {
                let (speech, effort) = hearing.push(frame);
                Sensed { speech, effort, key }
            }
            #[cfg(test)]
            Detector::Level(level) => {
                let peak = frame.samples().iter().map(|s| s.unsigned_abs()).max().unwrap_or(0);
                let level_db = 20.0 * (f32::from(peak.max(1)) / f32::from(i16::MAX)).log10();
                Sensed { speech: peak > level.unsigned_abs(), effort: FrameEffort { level_db, decided: None }, key }
            }
        }
    }
}
