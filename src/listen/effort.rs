//! Vocal effort: what a raised voice changes and the gain of a line cannot.
//!
//! Push each frame into [`Effort`]; out come the level of that frame, and pitch, tilt, alpha ratio and flux of the
//! frame five frames earlier, because the pitch is decided late. Everything runs at 8 kHz and is causal. Statistics of
//! a stretch of frames are in [`stats`]. Work follows speech: [`Effort::push_above`] only measures the level of what is
//! too quiet to matter, and catches up with the last such frames once it gets louder. What is *not* here: any judgement
//! (see `signal::raised_volume`).

mod filter;
mod pitch;
pub(super) mod spectrum;
pub mod stats;

use crate::base::{Frame, Rate};
use crate::sound::level::mean_square;

use super::hum::HumFilter;
use super::resample::Resample;
pub use pitch::LATE_FRAMES;
use pitch::Pitch;
use spectrum::{Colour, Spectrum};

/// The rate at which voices are looked at.
const RATE_HZ: f32 = 8_000.0;
/// The frequency from which semitones are counted.
const SEMITONE_REFERENCE_HZ: f32 = 100.0;
/// The level of digital silence in dB re full scale, below anything that 16 bits can hold.
pub const SILENCE_DB: f32 = -120.0;

/// What one pushed frame tells.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FrameEffort {
    /// Level of the frame just pushed and the one before it (40 ms) in dB re full scale, hum and offset removed.
    pub level_db: f32,
    /// The frame [`LATE_FRAMES`] before it, decided now; `None` at the beginning.
    pub decided: Option<DecidedFrame>,
}

impl FrameEffort {
    /// True if the frame decided now has a pitch.
    pub fn voiced(&self) -> bool {
        self.decided.is_some_and(|frame| frame.f0_semitones.is_some())
    }
}

/// What is known of a frame once its pitch is decided.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct DecidedFrame {
    /// Pitch in semitones above 100 Hz; `None` without pitch.
    pub f0_semitones: Option<f32>,
    /// Level in dB re full scale over 40 ms.
    pub level_db: f32,
    /// Slope of the spectrum in dB an octave.
    pub tilt: f32,
    /// Level at 1–3.4 kHz against 0.3–1 kHz in dB.
    pub alpha: f32,
    /// Share of the amplitude spectrum that is new in this frame, 0..1.
    pub flux: f32,
}

/// The front end of vocal effort: frames in, features out.
pub struct Effort {
    resample: Resample,
    hum: HumFilter,
    pitch: Pitch,
    /// `None` where nobody asks for colours.
    spectrum: Option<Box<Spectrum>>,
    /// The last frame, without hum and offset.
    samples: [f32; SAMPLES],
    /// Mean square of the frame before.
    power_before: f32,
    /// Levels and colours that wait for their pitch, a ring.
    waiting: [(f32, Colour); LATE_FRAMES + 1],
    /// The last frames, where each was too quiet to be looked at, a ring like `waiting`.
    rested: [Option<[f32; SAMPLES]>; LATE_FRAMES + 1],
    pushed: usize,
}

/// Samples of a frame at the rate at which voices are looked at.
const SAMPLES: usize = Rate::Hz8000.frame_samples();

impl Effort {
    /// For frames of this rate.
    pub fn new(rate: Rate) -> Self {
        Effort { spectrum: Some(Box::new(Spectrum::new())), ..Effort::without_colour(rate) }
    }

    /// The same, but tilt, alpha ratio and flux of each frame stay 0: for a party whose effort nobody judges.
    pub fn without_colour(rate: Rate) -> Self {
        Effort {
            resample: Resample::new(rate),
            hum: HumFilter::new(Rate::Hz8000),
            pitch: Pitch::new(RATE_HZ),
            spectrum: None,
            samples: [0.0; SAMPLES],
            power_before: 0.0,
            waiting: [(SILENCE_DB, Colour::default()); LATE_FRAMES + 1],
            rested: [None; LATE_FRAMES + 1],
            pushed: 0,
        }
    }

    /// Takes the next 20 ms.
    pub fn push(&mut self, frame: &Frame) -> FrameEffort {
        self.push_above(frame, f32::NEG_INFINITY)
    }

    /// Takes the next 20 ms; below `floor_db` only its level is measured, and no pitch is decided. The first frame above
    /// it finds everything as if the last [`LATE_FRAMES`] had been looked at, so what is decided from then on is right.
    pub fn push_above(&mut self, frame: &Frame, floor_db: f32) -> FrameEffort {
        let mut samples = [0.0; SAMPLES];
        samples.copy_from_slice(self.resample.push(frame));
        self.hum.run(&mut samples);
        self.samples = samples;
        let power = mean_square(&samples);
        let level_db = level_db(0.5 * (power + self.power_before));
        self.power_before = power;

        let at = self.pushed % self.waiting.len();
        self.pushed += 1;
        self.waiting[at] = (level_db, Colour::default());
        let f0 = if level_db < floor_db {
            self.rested[at] = Some(samples);
            None
        } else {
            self.rested[at] = None;
            self.catch_up();
            self.look(at, &samples)
        };
        let decided = (self.pushed > LATE_FRAMES).then(|| {
            let (level_db, colour) = self.waiting[self.pushed % self.waiting.len()];
            DecidedFrame { f0_semitones: f0.map(semitones), level_db, tilt: colour.tilt, alpha: colour.alpha, flux: colour.flux }
        });
        FrameEffort { level_db, decided }
    }

    /// The last 20 ms at 8 kHz in ±1, hum and offset removed.
    pub(super) fn samples(&self) -> &[f32; SAMPLES] {
        &self.samples
    }

    /// Looks at the frames that were too quiet, oldest first.
    fn catch_up(&mut self) {
        for n in 0..self.rested.len() {
            let at = (self.pushed + n) % self.rested.len();
            if let Some(samples) = self.rested[at].take() {
                self.look(at, &samples);
            }
        }
    }

    fn look(&mut self, at: usize, samples: &[f32; SAMPLES]) -> Option<f32> {
        if let Some(spectrum) = &mut self.spectrum {
            self.waiting[at].1 = spectrum.push(samples);
        }
        self.pitch.push(samples)
    }
}

/// A mean square in dB re full scale, not below [`SILENCE_DB`].
pub(super) fn level_db(mean_square: f32) -> f32 {
    (10.0 * mean_square.log10()).max(SILENCE_DB)
}

fn semitones(hz: f32) -> f32 {
    12.0 * (hz / SEMITONE_REFERENCE_HZ).log2()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f32::consts::PI;

    fn buzz(rate: Rate, f0: f32, gain: f32, offset: f32) -> Vec<FrameEffort> {
        let mut effort = Effort::new(rate);
        (0..40)
            .map(|n| {
                let len = rate.frame_samples();
                let samples: Vec<i16> = (0..len)
                    .map(|i| {
                        let t = (n * len + i) as f32 / rate.hz() as f32;
                        let x: f32 = (2..14).map(|k| (2.0 * PI * f0 * k as f32 * t).cos() / k as f32).sum();
                        (x * gain + offset) as i16
                    })
                    .collect();
                effort.push(&Frame::from_samples(rate, &samples))
            })
            .collect()
    }

    #[test]
    fn nothing_is_decided_before_five_frames_have_passed() {
        let heard = buzz(Rate::Hz8000, 200.0, 4_000.0, 0.0);
        assert!(heard[..LATE_FRAMES].iter().all(|frame| frame.decided.is_none()));
        assert_eq!(heard[LATE_FRAMES].decided.map(|frame| frame.level_db), Some(heard[0].level_db));
    }

    /// Speech after two seconds of what is too quiet: what is decided is what would have been without the rest.
    #[test]
    fn after_a_rest_nothing_is_missing() {
        let frames: Vec<Frame> = (0..160)
            .map(|n| {
                let gain = if n < 100 { 4.0 } else { 3_000.0 };
                let at = |i: usize| (n * 160 + i) as f32 / 8_000.0;
                let samples: Vec<i16> =
                    (0..160).map(|i| ((2..14).map(|k| (2.0 * PI * 200.0 * k as f32 * at(i)).cos() / k as f32).sum::<f32>() * gain) as i16).collect();
                Frame::from_samples(Rate::Hz8000, &samples)
            })
            .collect();
        let (mut always, mut resting) = (Effort::new(Rate::Hz8000), Effort::new(Rate::Hz8000));
        for (n, frame) in frames.iter().enumerate() {
            let (full, rested) = (always.push(frame), resting.push_above(frame, -45.0));
            assert_eq!(full.level_db, rested.level_db);
            let (Some(full), Some(rested)) = (full.decided, rested.decided) else { continue };
            if n < 100 {
                assert!(rested.f0_semitones.is_none() && rested.level_db < -45.0);
            }
            if n >= 100 + LATE_FRAMES {
                let (a, b) = (full.f0_semitones.expect("voiced"), rested.f0_semitones.expect("voiced"));
                assert!(
                    (a - b).abs() < 0.05 && (full.tilt - rested.tilt).abs() < 0.1 && (full.flux - rested.flux).abs() < 0.01,
                    "{n}: {full:?} {rested:?}"
                );
            }
        }
        let mut plain = Effort::without_colour(Rate::Hz8000);
        let heard = frames.iter().map(|frame| plain.push(frame)).last().and_then(|heard| heard.decided).expect("decided");
        assert!(heard.f0_semitones.is_some() && heard.tilt == 0.0);
    }

    #[test]
    fn both_rates_and_an_offset_give_the_same_picture() {
        let plain = buzz(Rate::Hz8000, 200.0, 2_000.0, 0.0);
        for other in [buzz(Rate::Hz16000, 200.0, 2_000.0, 0.0), buzz(Rate::Hz8000, 200.0, 2_000.0, 2_000.0)] {
            let (a, b) = (plain[39].decided.expect("late enough"), other[39].decided.expect("late enough"));
            let (fa, fb) = (a.f0_semitones.expect("voiced"), b.f0_semitones.expect("voiced"));
            assert!((fa - 12.0).abs() < 0.3 && (fb - 12.0).abs() < 0.3, "{fa} {fb}");
            assert!((a.tilt - b.tilt).abs() < 0.3 && (a.alpha - b.alpha).abs() < 0.3 && (a.level_db - b.level_db).abs() < 0.3, "{a:?} {b:?}");
        }
    }
}
