//! Voice activity: does the near talker speak in this frame?
//!
//! Push each frame into [`Hearing`]. A detector (earshot's network) says whether there is speech at all; the near-talker gate
//! then passes only what is about as loud as this talker has been, because no detector can tell babble from a caller. What is
//! *not* here: where turns begin and end.
//!
//! Levels are compared with each other only, so the gain of the line changes nothing.
//!
//! Work follows speech: once it has been quiet for a while, of frames below the gate's floor only the level is measured.
//! Both senses then catch up with the last of them.

mod gate;
mod leveller;
mod network;
mod voice;

use crate::base::{Frame, MAX_FRAME_SAMPLES, Rate};

use super::effort::{Effort, FrameEffort};
use super::hum::HumFilter;
use super::resample::FULL_SCALE;
use gate::NearTalkerGate;
use leveller::Leveller;
use voice::Voice;

/// The detector's score from which a frame is speech, wide band.
const THRESHOLD_WIDE: f32 = 0.5;
/// The same for a line that gives 8 kHz.
const THRESHOLD_NARROW: f32 = 0.55;
/// So many quiet frames in a row let the detector come to rest: its own memory has forgotten the speech before.
const QUIET_FRAMES: u32 = 15;
/// So many frames before a sound are shown to the detector when it wakes: as many as its features look back on, twice.
const CATCH_UP: usize = 6;

/// Both senses for a voice, resting while there is nothing to hear.
pub struct Hearing {
    detector: SpeechDetector,
    effort: Effort,
    /// For the detector, where it does not take what efforts are measured in.
    hum: HumFilter,
}

impl Hearing {
    /// For frames of this rate.
    pub fn new(rate: Rate) -> Self {
        Hearing::with(rate, Effort::new(rate))
    }

    /// The same for a party whose effort nobody judges (see [`Effort::without_colour`]).
    pub fn without_colour(rate: Rate) -> Self {
        Hearing::with(rate, Effort::without_colour(rate))
    }

    fn with(rate: Rate, effort: Effort) -> Self {
        Hearing { detector: SpeechDetector::new(rate), effort, hum: HumFilter::new(rate) }
    }

    /// Takes the next 20 ms: true while the near talker speaks (which lags by about 40 ms, and stays so for 160 ms after), and
    /// what the frame tells of their effort.
    pub fn push(&mut self, frame: &Frame) -> (bool, FrameEffort) {
        let floor_db = self.detector.floor_db();
        let effort = self.effort.push_above(frame, floor_db);
        let mut wide = [0.0; MAX_FRAME_SAMPLES];
        let samples: &[f32] = match self.detector.rate {
            // At 8 kHz both take the same.
            Rate::Hz8000 => self.effort.samples(),
            Rate::Hz16000 => {
                let own = if frame.rate() == Rate::Hz16000 { frame.samples() } else { &[] };
                wide.iter_mut().zip(own).for_each(|(x, &sample)| *x = f32::from(sample) / FULL_SCALE);
                self.hum.run(&mut wide);
                &wide
            }
        };
        if effort.level_db < floor_db {
            self.detector.rest(samples, effort.level_db);
            return (false, effort);
        }
        (self.detector.push(samples, effort.level_db, effort.voiced()), effort)
    }
}

/// Hears whether the near talker speaks.
struct SpeechDetector {
    rate: Rate,
    voice: Voice,
    threshold: f32,
    leveller: Leveller,
    gate: NearTalkerGate,
    /// Quiet frames in a row.
    quiet: u32,
    /// The last frames of a rest, a ring.
    rested: Box<[f32]>,
    rested_len: usize,
}

impl SpeechDetector {
    /// For samples of this rate, without hum.
    fn new(rate: Rate) -> Self {
        SpeechDetector {
            rate,
            voice: Voice::new(rate),
            threshold: match rate {
                Rate::Hz8000 => THRESHOLD_NARROW,
                Rate::Hz16000 => THRESHOLD_WIDE,
            },
            leveller: Leveller::default(),
            gate: NearTalkerGate::default(),
            quiet: 0,
            rested: vec![0.0; CATCH_UP * rate.frame_samples()].into(),
            rested_len: 0,
        }
    }

    /// The level below which a frame may be given to [`rest`](Self::rest); −∞ while there is something to hear.
    fn floor_db(&self) -> f32 {
        if self.quiet >= QUIET_FRAMES { self.gate.floor() } else { f32::NEG_INFINITY }
    }

    /// Takes 20 ms of a level below the floor: nobody speaks in them.
    fn rest(&mut self, samples: &[f32], level_db: f32) {
        self.leveller.gain(level_db);
        self.gate.push(level_db, false, false);
        let len = self.rate.frame_samples();
        let at = self.rested_len % CATCH_UP * len;
        self.rested[at..at + len].copy_from_slice(samples);
        self.rested_len += 1;
    }

    /// Takes the next 20 ms, of this level over 40 ms; true while the near talker speaks.
    ///
    /// `voiced` is the pitch decision as it comes, five frames late ([`super::effort::FrameEffort::voiced`]).
    fn push(&mut self, samples: &[f32], level_db: f32, voiced: bool) -> bool {
        self.catch_up();
        let gain = self.leveller.gain(level_db);
        let score = self.voice.push(samples, gain);
        let detected = score >= self.threshold;
        let open = self.gate.push(level_db, detected, voiced);
        self.quiet = if open || detected || level_db >= self.gate.floor() { 0 } else { self.quiet.saturating_add(1) };
        open
    }

    /// Shows the detector the last frames of a rest.
    fn catch_up(&mut self) {
        let first = self.rested_len.saturating_sub(CATCH_UP);
        let (gain, len) = (self.leveller.now(), self.rate.frame_samples());
        for n in first..std::mem::take(&mut self.rested_len) {
            let at = n % CATCH_UP * len;
            self.voice.push(&self.rested[at..at + len], gain);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Even noise (a linear congruential generator; constants of Numerical Recipes).
    struct Noise {
        seed: u32,
        amplitude: f32,
    }

    impl Noise {
        fn next(&mut self) -> f32 {
            self.seed = self.seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            self.amplitude * ((self.seed >> 8) as f32 / (1 << 23) as f32 - 1.0)
        }
    }

    /// A vowel with the slow beat of syllables.
    fn vowel(n: usize) -> Frame {
        let mut frame = Frame::silence(Rate::Hz8000);
        for (i, sample) in frame.samples_mut().iter_mut().enumerate() {
            let t = (n * 160 + i) as f32 / 8_000.0;
            let beat = 0.6 + 0.4 * (std::f32::consts::TAU * 4.0 * t).sin();
            let formant = |hz: f32| (-((hz - 700.0) / 250.0).powi(2)).exp() + 0.5 * (-((hz - 1_200.0) / 250.0).powi(2)).exp();
            let buzz: f32 = (1..25).map(|k| k as f32 * 130.0).map(|hz| formant(hz) * (std::f32::consts::TAU * hz * t).sin()).sum();
            *sample = (4_000.0 * beat * buzz) as i16;
        }
        frame
    }

    #[test]
    fn who_rests_in_pauses_hears_the_same_speech() {
        let mut noise = Noise { seed: 9, amplitude: 20.0 };
        let (mut hearing, mut always) = (Hearing::new(Rate::Hz8000), Hearing::new(Rate::Hz8000));
        let (mut differs, mut spoken, mut rested) = (0, 0, 0);
        for n in 0..1_500 {
            let mut frame = if n % 150 >= 75 { vowel(n) } else { Frame::silence(Rate::Hz8000) };
            frame.samples_mut().iter_mut().for_each(|sample| *sample = sample.saturating_add(noise.next() as i16));
            always.detector.quiet = 0;
            let (always, _) = always.push(&frame);
            let floor = hearing.detector.floor_db();
            let (speech, heard) = hearing.push(&frame);
            rested += usize::from(heard.level_db < floor);
            spoken += usize::from(always);
            differs += usize::from(always != speech);
        }
        assert!(spoken > 700 && rested > 300, "too little was tried: {spoken} {rested}");
        assert!(differs <= 10, "{differs} frames of 1500 are heard otherwise");
    }

    /// The worst case: noise that sets in after digital silence is detected on a narrow line, until its lack of pitch shows.
    #[test]
    fn silence_is_no_speech_and_noise_is_none_for_long() {
        for (rate, quiet, amplitude) in [(Rate::Hz8000, 100, 250.0), (Rate::Hz16000, 100, 35.0), (Rate::Hz8000, 0, 1_000.0)] {
            let mut hearing = Hearing::new(rate);
            let mut noise = Noise { seed: 3, amplitude };
            let spoke: Vec<bool> = (0..400)
                .map(|n| {
                    let mut frame = Frame::silence(rate);
                    if n >= quiet {
                        frame.samples_mut().iter_mut().for_each(|sample| *sample = noise.next() as i16);
                    }
                    hearing.push(&frame).0
                })
                .collect();
            assert!(spoke[20.min(quiet)..quiet].iter().all(|speech| !speech), "{rate:?}: silence is speech");
            let long = spoke[quiet..].iter().filter(|speech| **speech).count();
            assert!(long <= 100, "{rate:?}: {long} frames of noise are speech");
        }
    }
}
