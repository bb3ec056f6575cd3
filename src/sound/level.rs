//! Levels: of a frame, and of speech as ITU-T P.56 (12/2011) method B measures it.
//!
//! All levels are in dBov: 0 is a square wave at full scale, a full-scale sine is −3.01.

use crate::base::{Frame, Rate};

/// What digital silence is called (RFC 6464 §3: the lowest level that can be told).
pub const SILENCE_DBOV: f64 = -127.0;
/// The size of a full-scale sample.
const FULL_SCALE: f64 = 32_768.0;
/// P.56 §7: time constant of the envelope in s.
const ENVELOPE_SECS: f64 = 0.03;
/// P.56 §7: hangover in s.
const HANGOVER_SECS: f64 = 0.2;
/// P.56 §7: margin between the active level and its threshold in dB.
const MARGIN_DB: f64 = 15.9;
/// P.56 §7: thresholds, each twice the one before, the last one half of full scale.
const THRESHOLDS: usize = 15;

/// The level of samples: their mean power. [`SILENCE_DBOV`] for none or for zeros.
pub fn level_dbov(samples: &[i16]) -> f64 {
    let sum: u64 = samples.iter().map(|&s| u64::from(s.unsigned_abs()).pow(2)).sum();
    if sum == 0 { SILENCE_DBOV } else { to_db(sum as f64 / samples.len() as f64 / FULL_SCALE.powi(2)) }
}

/// The mean of the squares of samples in ±1, 0 for none. Added up in eight places at once, which processors do in one step.
pub fn mean_square(samples: &[f32]) -> f32 {
    let (eights, rest) = samples.as_chunks::<8>();
    let mut sums = [0.0_f32; 8];
    for eight in eights {
        sums.iter_mut().zip(eight).for_each(|(sum, x)| *sum += x * x);
    }
    (sums.iter().sum::<f32>() + rest.iter().map(|x| x * x).sum::<f32>()) / samples.len().max(1) as f32
}

/// The level of a frame.
pub fn frame_dbov(frame: &Frame) -> f64 {
    level_dbov(frame.samples())
}

/// The active speech level of everything pushed so far.
#[derive(Clone, Debug)]
pub struct SpeechLevel {
    /// Smoothing of the envelope for each sample.
    smooth: f64,
    hangover: u32,
    thresholds: [f64; THRESHOLDS],
    /// The envelope, smoothed once and twice.
    envelope: [f64; 2],
    /// Samples since the envelope was at each threshold.
    since: [u32; THRESHOLDS],
    /// Samples for which each threshold was active.
    active: [u64; THRESHOLDS],
    /// Sum of squares, full scale being 1.
    energy: f64,
    samples: u64,
}

/// What P.56 says about speech.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ActiveLevel {
    /// Mean power while there was speech, in dBov.
    pub active_dbov: f64,
    /// Mean power of everything, in dBov.
    pub long_term_dbov: f64,
    /// The part of the time with speech, 0..1.
    pub activity: f64,
}

impl SpeechLevel {
    /// A meter that has heard nothing.
    pub fn new(rate: Rate) -> Self {
        let hz = f64::from(rate.hz());
        let hangover = (HANGOVER_SECS * hz) as u32;
        SpeechLevel {
            smooth: (-1.0 / (hz * ENVELOPE_SECS)).exp(),
            hangover,
            thresholds: std::array::from_fn(|j| 0.5_f64.powi((THRESHOLDS - j) as i32)),
            envelope: [0.0; 2],
            since: [hangover + 1; THRESHOLDS],
            active: [0; THRESHOLDS],
            energy: 0.0,
            samples: 0,
        }
    }

    /// Takes the next frame.
    pub fn push(&mut self, frame: &Frame) {
        let mut active = [0_u32; THRESHOLDS];
        let (g, h) = (self.smooth, 1.0 - self.smooth);
        for &sample in frame.samples() {
            let x = f64::from(sample) / FULL_SCALE;
            self.energy += x * x;
            self.envelope[0] = g * self.envelope[0] + h * x.abs();
            self.envelope[1] = g * self.envelope[1] + h * self.envelope[0];
            for ((since, active), threshold) in self.since.iter_mut().zip(&mut active).zip(&self.thresholds) {
                *since = if self.envelope[1] >= *threshold { 0 } else { (*since + 1).min(self.hangover + 1) };
                *active += u32::from(*since <= self.hangover);
            }
        }
        for (total, active) in self.active.iter_mut().zip(active) {
            *total += u64::from(active);
        }
        self.samples += frame.samples().len() as u64;
    }

    /// What was measured; `None` if nothing of it was speech.
    pub fn measure(&self) -> Option<ActiveLevel> {
        let long_term_dbov = to_db(self.energy / self.samples.max(1) as f64);
        let mut below: Option<(f64, f64)> = None;
        for (&active, &threshold) in self.active.iter().zip(&self.thresholds) {
            if active == 0 {
                return None;
            }
            let level = to_db(self.energy / active as f64);
            let over = level - 2.0 * to_db(threshold) - MARGIN_DB;
            if over > 0.0 {
                below = Some((level, over));
                continue;
            }
            // The active level lies where the margin is met exactly: between this threshold and the one below (P.56 §7.4).
            let (level_below, over_below) = below?;
            let active_dbov = level_below + (level - level_below) * over_below / (over_below - over);
            return Some(ActiveLevel { active_dbov, long_term_dbov, activity: 10_f64.powf((long_term_dbov - active_dbov) / 10.0).min(1.0) });
        }
        None
    }
}

/// A power as dB.
fn to_db(power: f64) -> f64 {
    if power > 0.0 { 10.0 * power.log10() } else { SILENCE_DBOV }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use super::*;

    /// P.56 method B as its flow chart reads, over whole signals, with the bisection of its annex.
    fn by_the_book(samples: &[i16], hz: f64) -> Option<(f64, f64)> {
        let g = (-1.0 / (hz * 0.03)).exp();
        let hang = (0.2 * hz) as usize;
        let (mut p, mut q, mut sq) = (0.0, 0.0, 0.0);
        let (mut a, mut h) = ([0_usize; 15], [hang; 15]);
        for &s in samples {
            let x = f64::from(s) / 32_768.0;
            sq += x * x;
            p = g * p + (1.0 - g) * x.abs();
            q = g * q + (1.0 - g) * p;
            for j in 0..15 {
                if q >= 2_f64.powi(j as i32 - 15) {
                    a[j] += 1;
                    h[j] = 0;
                } else if h[j] < hang {
                    a[j] += 1;
                    h[j] += 1;
                }
            }
        }
        let point = |j: usize| (a[j] > 0).then(|| (10.0 * (sq / a[j] as f64).log10(), 20.0 * 2_f64.powi(j as i32 - 15).log10()));
        let mut low = point(0)?;
        for j in 1..15 {
            let mut high = point(j)?;
            if high.0 - high.1 <= 15.9 {
                for _ in 0..60 {
                    let middle = ((low.0 + high.0) / 2.0, (low.1 + high.1) / 2.0);
                    if middle.0 - middle.1 > 15.9 { low = middle } else { high = middle }
                }
                let long = 10.0 * (sq / samples.len() as f64).log10();
                return Some((low.0, 10_f64.powf((long - low.0) / 10.0)));
            }
            low = high;
        }
        None
    }

    fn measure(samples: &[i16], rate: Rate) -> Option<ActiveLevel> {
        let mut meter = SpeechLevel::new(rate);
        samples.chunks(rate.frame_samples()).for_each(|chunk| meter.push(&Frame::from_samples(rate, chunk)));
        meter.measure()
    }

    /// Bursts of a tone of 1 s with pauses of 1 s.
    fn bursts(rate: Rate, peak: f64, secs: usize) -> Vec<i16> {
        let hz = rate.hz() as usize;
        (0..secs * hz)
            .map(|i| if (i / hz).is_multiple_of(2) { (peak * 32_768.0 * (TAU * 300.0 * i as f64 / hz as f64).sin()) as i16 } else { 0 })
            .collect()
    }

    #[test]
    fn levels_of_known_signals() {
        assert_eq!(level_dbov(&[0; 160]), SILENCE_DBOV);
        assert_eq!(level_dbov(&[]), SILENCE_DBOV);
        assert!((level_dbov(&[i16::MIN; 160])).abs() < 1e-9);
        let sine: Vec<i16> = (0..160).map(|i| (32_767.0 * (TAU * i as f64 / 16.0).sin()) as i16).collect();
        assert!((frame_dbov(&Frame::from_samples(Rate::Hz8000, &sine)) + 3.01).abs() < 0.01);
    }

    #[test]
    fn the_active_level_is_that_of_the_speech_not_of_its_pauses() {
        // A sine of peak 0.1 has −23.01 dBov; with 200 ms of hangover it is counted for 1.2 s of each 2 s or a little
        // more, which lowers the active level by 10·log10(1.2): tolerance 0.3 dB and 0.05.
        for rate in [Rate::Hz8000, Rate::Hz16000] {
            let heard = measure(&bursts(rate, 0.1, 20), rate).expect("there is speech");
            assert!((heard.long_term_dbov + 26.02).abs() < 0.01, "{heard:?}");
            assert!((heard.active_dbov + 23.01 + 10.0 * 1.25_f64.log10()).abs() < 0.3, "{heard:?}");
            assert!((heard.activity - 0.625).abs() < 0.05, "{heard:?}");
        }
    }

    #[test]
    fn agrees_with_the_flow_chart_of_the_recommendation() {
        // Tolerance 0.001 dB: the same sums, another way to interpolate.
        for (n, peak) in [0.9, 0.3, 0.1, 0.03, 0.01, 0.003].into_iter().enumerate() {
            let mut noise = n as u64 + 1;
            let samples: Vec<i16> = bursts(Rate::Hz8000, peak, 11)
                .into_iter()
                .map(|s| {
                    noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    s.saturating_add(((noise >> 60) as i16) - 8)
                })
                .collect();
            let heard = measure(&samples, Rate::Hz8000).expect("there is speech");
            let (level, activity) = by_the_book(&samples, 8_000.0).expect("there is speech");
            assert!((heard.active_dbov - level).abs() < 0.001 && (heard.activity - activity).abs() < 0.001, "{heard:?} {level} {activity}");
        }
    }

    #[test]
    fn gain_moves_the_level_and_nothing_else() {
        let quiet = measure(&bursts(Rate::Hz8000, 0.05, 10), Rate::Hz8000).expect("there is speech");
        let loud = measure(&bursts(Rate::Hz8000, 0.4, 10), Rate::Hz8000).expect("there is speech");
        assert!((loud.active_dbov - quiet.active_dbov - 18.06).abs() < 0.2, "{quiet:?} {loud:?}");
        assert!((loud.activity - quiet.activity).abs() < 0.03);
    }

    #[test]
    fn silence_has_no_active_level() {
        assert_eq!(measure(&[0; 16_000], Rate::Hz8000), None);
        assert_eq!(SpeechLevel::new(Rate::Hz8000).measure(), None);
    }
}
