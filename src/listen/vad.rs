//! Voice activity: does the near talker speak in this frame?
//!
//! Push each frame into [`SpeechDetector`] together with the pitch decision of that moment. A detector (earshot, on
//! 16 kHz) says whether there is speech at all; the near-talker gate then passes only what is about as loud as this
//! talker has been, because no detector can tell babble from a caller. What is *not* here: where turns begin and end.
//!
//! Levels are compared with each other only, so the gain of the line changes nothing.
//!
//! Work follows speech: once it has been quiet for a while, frames below [`SpeechDetector::floor_db`] can be given to
//! [`SpeechDetector::rest`], which does nearly nothing; [`Hearing`] does so. The detector then catches up with the last of them.

mod gate;
mod leveller;

use earshot::Detector;

use crate::base::{Frame, MAX_FRAME_SAMPLES, Rate};

use super::effort::filter::Section;
use super::effort::{Effort, FrameEffort, level_db, mean_square};
use super::resample::Resample;
use gate::NearTalkerGate;
use leveller::Leveller;

/// Samples that the detector takes at once: 16 ms at 16 kHz.
const CHUNK: usize = 256;
/// The detector's score from which a frame is speech, wide band.
const THRESHOLD_WIDE: f32 = 0.5;
/// The same for a line that gives 8 kHz.
const THRESHOLD_NARROW: f32 = 0.55;
/// Noise under a line that gives 8 kHz, dB re full scale after levelling. The detector knows no empty upper band: without
/// it white noise on such a line is speech (498 of 500 frames; with it none, and no more speech is missed).
const NARROW_NOISE_DB: f32 = -50.0;
/// The amplitude of even noise whose mean square is 1.
const EVEN_NOISE: f32 = 1.732_05;
/// What lies below is hum and offset, no voice.
const HUM_HZ: f32 = 50.0;
/// So many quiet frames in a row let the detector come to rest: its own memory has forgotten the speech before.
const QUIET_FRAMES: u32 = 15;
/// So many frames before a sound are shown to the detector when it wakes: as many as its features look back on, twice.
const CATCH_UP: usize = 6;

/// Both senses for a voice, resting while there is nothing to hear.
pub struct Hearing {
    detector: SpeechDetector,
    effort: Effort,
}

impl Hearing {
    /// For frames of this rate.
    pub fn new(rate: Rate) -> Self {
        Hearing { detector: SpeechDetector::new(rate), effort: Effort::new(rate) }
    }

    /// The same for a party whose effort nobody judges (see [`Effort::without_colour`]).
    pub fn without_colour(rate: Rate) -> Self {
        Hearing { detector: SpeechDetector::new(rate), effort: Effort::without_colour(rate) }
    }

    /// Takes the next 20 ms: true while the near talker speaks, and what the frame tells of their effort.
    pub fn push(&mut self, frame: &Frame) -> (bool, FrameEffort) {
        let floor_db = self.detector.floor_db();
        let effort = self.effort.push_above(frame, floor_db);
        let speech = if effort.level_db < floor_db {
            self.detector.rest(frame, effort.level_db);
            false
        } else {
            self.detector.push(frame, effort.voiced())
        };
        (speech, effort)
    }
}

/// Hears whether the near talker speaks.
pub struct SpeechDetector {
    resample: Resample,
    hum: Section,
    detector: Detector,
    threshold: f32,
    leveller: Leveller,
    gate: NearTalkerGate,
    noise: Noise,
    /// Samples that wait for a full chunk; never more than a chunk and a frame.
    waiting: [f32; CHUNK + MAX_FRAME_SAMPLES],
    waiting_len: usize,
    score: f32,
    power_before: f32,
    /// Quiet frames in a row.
    quiet: u32,
    /// The last frames of a rest, a ring.
    rested: [Frame; CATCH_UP],
    rested_len: usize,
}

impl SpeechDetector {
    /// For frames of this rate.
    pub fn new(rate: Rate) -> Self {
        SpeechDetector {
            resample: Resample::new(rate, Rate::Hz16000),
            hum: Section::high_pass(HUM_HZ, std::f32::consts::FRAC_1_SQRT_2, Rate::Hz16000.hz() as f32),
            detector: Detector::default(),
            threshold: match rate {
                Rate::Hz8000 => THRESHOLD_NARROW,
                Rate::Hz16000 => THRESHOLD_WIDE,
            },
            leveller: Leveller::default(),
            gate: NearTalkerGate::default(),
            noise: Noise::under(rate),
            waiting: [0.0; CHUNK + MAX_FRAME_SAMPLES],
            waiting_len: 0,
            score: 0.0,
            power_before: 0.0,
            quiet: 0,
            rested: [Frame::silence(rate); CATCH_UP],
            rested_len: 0,
        }
    }

    /// The level below which a frame may be given to [`rest`](Self::rest); −∞ while there is something to hear.
    pub fn floor_db(&self) -> f32 {
        if self.quiet >= QUIET_FRAMES { self.gate.floor() } else { f32::NEG_INFINITY }
    }

    /// Takes 20 ms of a level below the floor: nobody speaks in them.
    pub fn rest(&mut self, frame: &Frame, level_db: f32) {
        self.leveller.gain(level_db);
        self.gate.push(level_db, false, false);
        self.rested[self.rested_len % CATCH_UP] = *frame;
        self.rested_len += 1;
    }

    /// Takes the next 20 ms; true while the near talker speaks. Lags by about 40 ms, and stays true for 160 ms after.
    ///
    /// `voiced` is the pitch decision as it comes, five frames late ([`super::effort::FrameEffort::voiced`]).
    pub fn push(&mut self, frame: &Frame, voiced: bool) -> bool {
        self.catch_up();
        let mut samples = [0.0; MAX_FRAME_SAMPLES];
        let power = self.prepare(frame, &mut samples);
        let level = level_db(0.5 * (power + self.power_before));
        self.power_before = power;

        let gain = self.leveller.gain(level);
        self.detect(&samples, gain);
        let detected = self.score >= self.threshold;
        let open = self.gate.push(level, detected, voiced);
        self.quiet = if open || detected || level >= self.gate.floor() { 0 } else { self.quiet.saturating_add(1) };
        open
    }

    /// Shows the detector the last frames of a rest.
    fn catch_up(&mut self) {
        let first = self.rested_len.saturating_sub(CATCH_UP);
        let gain = self.leveller.now();
        for n in first..std::mem::take(&mut self.rested_len) {
            let (frame, mut samples) = (self.rested[n % CATCH_UP], [0.0; MAX_FRAME_SAMPLES]);
            self.power_before = self.prepare(&frame, &mut samples);
            self.detect(&samples, gain);
        }
    }

    /// The frame as the detector wants it, and its mean square.
    fn prepare(&mut self, frame: &Frame, samples: &mut [f32; MAX_FRAME_SAMPLES]) -> f32 {
        for (x, &raw) in samples.iter_mut().zip(self.resample.push(frame)) {
            *x = self.hum.filter(raw);
        }
        self.hum.settle();
        mean_square(samples)
    }

    /// Gives the detector its chunks; the last one's score counts.
    fn detect(&mut self, samples: &[f32], gain: f32) {
        for (slot, x) in self.waiting[self.waiting_len..].iter_mut().zip(samples) {
            *slot = (x * gain + self.noise.next()).clamp(-1.0, 1.0);
        }
        self.waiting_len += samples.len();
        while self.waiting_len >= CHUNK {
            self.score = self.detector.predict_f32(&self.waiting[..CHUNK]);
            self.waiting.copy_within(CHUNK..self.waiting_len, 0);
            self.waiting_len -= CHUNK;
        }
    }
}

/// The same even noise for each call (a linear congruential generator; constants of Numerical Recipes).
#[derive(Clone, Copy, Debug)]
struct Noise {
    seed: u32,
    amplitude: f32,
}

impl Noise {
    fn under(rate: Rate) -> Self {
        let amplitude = match rate {
            Rate::Hz8000 => EVEN_NOISE * 10.0_f32.powf(NARROW_NOISE_DB / 20.0),
            Rate::Hz16000 => 0.0,
        };
        Noise { seed: 1, amplitude }
    }

    fn next(&mut self) -> f32 {
        self.seed = self.seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        self.amplitude * ((self.seed >> 8) as f32 / (1 << 23) as f32 - 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let (mut hearing, mut effort, mut detector) = (Hearing::new(Rate::Hz8000), Effort::new(Rate::Hz8000), SpeechDetector::new(Rate::Hz8000));
        let (mut differs, mut spoken, mut rested) = (0, 0, 0);
        for n in 0..1_500 {
            let mut frame = if n % 150 >= 75 { vowel(n) } else { Frame::silence(Rate::Hz8000) };
            frame.samples_mut().iter_mut().for_each(|sample| *sample = sample.saturating_add(noise.next() as i16));
            let voiced = effort.push(&frame).voiced();
            let always = detector.push(&frame, voiced);
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
            let mut detector = SpeechDetector::new(rate);
            let mut noise = Noise { seed: 3, amplitude };
            let spoke: Vec<bool> = (0..400)
                .map(|n| {
                    let mut frame = Frame::silence(rate);
                    if n >= quiet {
                        frame.samples_mut().iter_mut().for_each(|sample| *sample = noise.next() as i16);
                    }
                    detector.push(&frame, false)
                })
                .collect();
            assert!(spoke[20.min(quiet)..quiet].iter().all(|speech| !speech), "{rate:?}: silence is speech");
            let long = spoke[quiet..].iter().filter(|speech| **speech).count();
            assert!(long <= 100, "{rate:?}: {long} frames of noise are speech");
        }
    }
}
