//! A turn's sound, small enough to keep: 24 bands as bytes every 20 ms.

use std::sync::Arc;

use realfft::num_complex::Complex;
use realfft::{RealFftPlanner, RealToComplex};

use crate::base::{Frame, Rate};
use crate::listen::effort::stats::percentile;
use crate::listen::hum::HumFilter;
use crate::listen::resample::Resample;
use crate::sound::level::mean_square;

/// Bands between 300 and 3400 Hz.
pub(super) const BANDS: usize = 24;
/// The telephone band.
pub(super) const BAND_HZ: (f32, f32) = (300.0, 3_400.0);
/// Samples of the window: 32 ms at 8 kHz.
const WINDOW: usize = 256;
/// Samples from one window to the next: 10 ms.
const HOP: usize = 80;
/// Points of the transform.
const POINTS: usize = 512;
/// Hz from one line of the spectrum to the next.
const LINE_HZ: f32 = 8_000.0 / POINTS as f32;
/// Of a turn at most so many frames are kept: 8 s.
const KEPT_FRAMES: usize = 400;
/// While a turn goes on so many are remembered, so that silence before it costs nothing: 9 s.
const MEMORY_FRAMES: usize = 450;
/// A turn of fewer frames is not compared: 0.8 s.
const LEAST_FRAMES: usize = 40;
/// Powers are kept in half decibels above this level (white noise of a third of a 16-bit step lies there).
const LEAST_DB: f32 = -85.0;
/// The percentile of a band that is taken for noise.
const NOISE_PERCENTILE: f32 = 0.10;
/// How many times the noise is subtracted, and what is left at least.
const SUBTRACTED: (f32, f32) = (2.0, 0.001);
/// The percentile of levels that stands for speech.
const SPEECH_PERCENTILE: f32 = 0.95;
/// The turn begins and ends with frames within so many dB of it.
const TRIM_DB: f32 = 30.0;
/// Frames further below it than this are a pause.
const PAUSE_DB: f32 = 25.0;
/// Of each pause at most so many frames are kept: 120 ms.
const PAUSE_FRAMES: usize = 6;

/// A turn's sound.
#[derive(Clone, Debug, PartialEq)]
pub struct TurnSound {
    /// Band powers without the noise, in half dB above a fixed level; one row for each 20 ms.
    bands: Box<[[u8; BANDS]]>,
    snr_db: f32,
    /// True if the voice was raised in this turn.
    pub angry: bool,
}

impl TurnSound {
    /// Frames of 20 ms.
    pub fn frames(&self) -> usize {
        self.bands.len()
    }

    /// The distance between speech and noise in dB.
    pub fn snr_db(&self) -> f32 {
        self.snr_db
    }

    /// The bands' powers as numbers, frame by frame.
    pub(super) fn powers(&self) -> impl Iterator<Item = [f32; BANDS]> {
        self.bands.iter().map(|row| row.map(decode))
    }
}

/// Collects a turn.
pub struct SoundSketch {
    resample: Resample,
    hum: HumFilter,
    fft: Arc<dyn RealToComplex<f32>>,
    window: [f32; WINDOW],
    history: [f32; WINDOW],
    input: [f32; POINTS],
    lines: [Complex<f32>; POINTS / 2 + 1],
    scratch: Vec<Complex<f32>>,
    filters: [Triangle; BANDS],
    before: Option<[f32; BANDS]>,
    bands: Vec<[u8; BANDS]>,
    levels: Vec<u8>,
}

impl SoundSketch {
    /// For frames of this rate.
    pub fn new(rate: Rate) -> Self {
        let fft = RealFftPlanner::new().plan_fft_forward(POINTS);
        let scratch = fft.make_scratch_vec();
        let angle = |n: usize| 2.0 * std::f32::consts::PI * n as f32 / (WINDOW - 1) as f32;
        SoundSketch {
            resample: Resample::new(rate),
            hum: HumFilter::new(Rate::Hz8000),
            fft,
            scratch,
            window: std::array::from_fn(|n| 0.54 - 0.46 * angle(n).cos()),
            history: [0.0; WINDOW],
            input: [0.0; POINTS],
            lines: [Complex::default(); POINTS / 2 + 1],
            filters: triangles(),
            before: None,
            bands: Vec::with_capacity(MEMORY_FRAMES),
            levels: Vec::with_capacity(MEMORY_FRAMES),
        }
    }

    /// Takes the next 20 ms of the turn; what comes after 9 s is left out.
    pub fn push(&mut self, frame: &Frame) {
        let mut samples = [0.0; Rate::Hz8000.frame_samples()];
        samples.copy_from_slice(self.resample.push(frame));
        self.hum.run(&mut samples);
        let (first, second) = samples.split_at(HOP);
        let now = self.powers(first);
        let after = self.powers(second);
        let before = self.before.replace(after).unwrap_or(now);
        if self.bands.len() < MEMORY_FRAMES {
            let smooth = |n: usize| 0.25 * before[n] + 0.5 * now[n] + 0.25 * after[n];
            self.bands.push(std::array::from_fn(|n| encode(smooth(n))));
            self.levels.push(encode(mean_square(&samples)));
        }
    }

    /// The turn is over: its sound, `None` if less than 0.8 s of it is left. Ready for the next turn.
    pub fn finish(&mut self) -> Option<TurnSound> {
        let sound = self.sound();
        self.clear();
        sound
    }

    /// Forgets what was pushed of the turn.
    pub fn clear(&mut self) {
        self.before = None;
        self.bands.clear();
        self.levels.clear();
    }

    fn powers(&mut self, hop: &[f32]) -> [f32; BANDS] {
        self.history.copy_within(HOP.., 0);
        self.history[WINDOW - HOP..].copy_from_slice(hop);
        self.input.fill(0.0);
        for (input, (x, w)) in self.input.iter_mut().zip(self.history.iter().zip(&self.window)) {
            *input = x * w;
        }
        self.fft.process_with_scratch(&mut self.input, &mut self.lines, &mut self.scratch).expect("the buffers were made for this transform");
        let power = self.lines.map(|line| line.norm_sqr());
        std::array::from_fn(|n| self.filters[n].power(&power))
    }

    fn sound(&self) -> Option<TurnSound> {
        let loudness: Vec<f32> = self.bands.iter().map(|row| row.iter().map(|&byte| decibels(byte)).sum::<f32>() / BANDS as f32).collect();
        let speech = percentile(&mut loudness.clone(), SPEECH_PERCENTILE)?;
        let first = loudness.iter().position(|&db| db >= speech - TRIM_DB)?;
        let last = loudness.iter().rposition(|&db| db >= speech - TRIM_DB)?.min(first + KEPT_FRAMES - 1);
        if last + 1 - first < LEAST_FRAMES {
            return None;
        }
        let noise = self.noise();
        let mut pause = 0;
        let mut kept = Vec::with_capacity(last + 1 - first);
        for (row, &db) in self.bands[first..=last].iter().zip(&loudness[first..=last]) {
            pause = if db < speech - PAUSE_DB { pause + 1 } else { 0 };
            if pause <= PAUSE_FRAMES {
                kept.push(without_noise(row, &noise));
            }
        }
        Some(TurnSound { bands: kept.into_boxed_slice(), snr_db: self.snr()?, angry: false })
    }

    /// Each band's noise power.
    fn noise(&self) -> [f32; BANDS] {
        let mut column = Vec::with_capacity(self.bands.len());
        std::array::from_fn(|band| {
            column.clear();
            column.extend(self.bands.iter().map(|row| decode(row[band])));
            percentile(&mut column, NOISE_PERCENTILE).unwrap_or(0.0)
        })
    }

    fn snr(&self) -> Option<f32> {
        let mut levels: Vec<f32> = self.levels.iter().map(|&byte| decibels(byte)).collect();
        Some(percentile(&mut levels, SPEECH_PERCENTILE)? - percentile(&mut levels, NOISE_PERCENTILE)?)
    }
}

fn without_noise(row: &[u8; BANDS], noise: &[f32; BANDS]) -> [u8; BANDS] {
    std::array::from_fn(|n| encode((decode(row[n]) - SUBTRACTED.0 * noise[n]).max(SUBTRACTED.1 * noise[n])))
}

/// A power in half dB above [`LEAST_DB`].
fn encode(power: f32) -> u8 {
    (2.0 * (10.0 * power.log10() - LEAST_DB)).round() as u8
}

fn decibels(byte: u8) -> f32 {
    0.5 * f32::from(byte) + LEAST_DB
}

fn decode(byte: u8) -> f32 {
    POWERS[usize::from(byte)]
}

/// The power of each byte, half a decibel from one to the next.
static POWERS: [f32; 256] = {
    const STEP: f64 = 1.122_018_454_301_963_3; // 10^0.05
    let (mut powers, mut power, mut byte) = ([0.0; 256], 3.162_277_660_168_379_5e-9, 0); // 10^(LEAST_DB / 10)
    while byte < powers.len() {
        powers[byte] = power as f32;
        power *= STEP;
        byte += 1;
    }
    powers
};

/// Hz as mel (O'Shaughnessy 1987).
pub(super) fn mel(hz: f32) -> f32 {
    2_595.0 * (1.0 + hz / 700.0).log10()
}

/// mel as Hz.
pub(super) fn hz(mel: f32) -> f32 {
    700.0 * (10.0_f32.powf(mel / 2_595.0) - 1.0)
}

/// The lines under one band's triangle.
#[derive(Clone, Copy, Debug)]
struct Triangle {
    first: usize,
    len: usize,
    weights: [f32; MAX_LINES],
}

/// The widest triangle covers fewer lines than this.
const MAX_LINES: usize = 48;

impl Triangle {
    fn power(&self, lines: &[f32]) -> f32 {
        self.weights[..self.len].iter().zip(&lines[self.first..]).map(|(weight, power)| weight * power).sum()
    }
}

/// Triangles of equal width in mel, each from its lower neighbour's centre to its upper one's.
fn triangles() -> [Triangle; BANDS] {
    let (low, high) = (mel(BAND_HZ.0), mel(BAND_HZ.1));
    let edge = |n: usize| hz(low + (high - low) * n as f32 / (BANDS + 1) as f32);
    std::array::from_fn(|n| {
        let (left, centre, right) = (edge(n), edge(n + 1), edge(n + 2));
        let first = (left / LINE_HZ).ceil() as usize;
        let len = ((right / LINE_HZ).ceil() as usize - first).min(MAX_LINES);
        let weight = |line: usize| {
            let at = (first + line) as f32 * LINE_HZ;
            if at < centre { (at - left) / (centre - left) } else { (right - at) / (right - centre) }
        };
        Triangle { first, len, weights: std::array::from_fn(|line| if line < len { weight(line) } else { 0.0 }) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(frames: usize, amplitude: f32) -> impl Iterator<Item = Frame> {
        (0..frames).map(move |n| {
            let samples: Vec<i16> =
                (0..160).map(|i| (amplitude * (2.0 * std::f32::consts::PI * 1_000.0 * (n * 160 + i) as f32 / 8_000.0).sin()) as i16).collect();
            Frame::from_samples(Rate::Hz8000, &samples)
        })
    }

    #[test]
    fn bytes_keep_powers_within_a_quarter_of_a_decibel() {
        for db in [-80.0_f32, -33.3, 0.0, 12.34, 40.0] {
            let back = decibels(encode(10.0_f32.powf(db / 10.0)));
            assert!((back - db).abs() <= 0.251, "{db} became {back}");
        }
        assert_eq!((encode(0.0), encode(1e9)), (0, 255));
        for byte in 0..=u8::MAX {
            let back = 10.0 * decode(byte).log10();
            assert!((back - decibels(byte)).abs() < 1e-4, "{byte} is {} dB and became {back}", decibels(byte));
        }
    }

    #[test]
    fn a_short_turn_gives_nothing_and_a_long_one_at_most_eight_seconds() {
        for (frames, expected) in [(0, None), (30, None), (100, Some(100)), (1_000, Some(KEPT_FRAMES))] {
            let mut sketch = SoundSketch::new(Rate::Hz8000);
            tone(frames, 8_000.0).for_each(|frame| sketch.push(&frame));
            assert_eq!(sketch.finish().map(|sound| sound.frames()), expected, "{frames} frames");
        }
    }

    #[test]
    fn pauses_shrink_and_edges_are_trimmed() {
        let mut sketch = SoundSketch::new(Rate::Hz8000);
        for (frames, amplitude) in [(40, 3.0), (50, 8_000.0), (40, 3.0), (50, 8_000.0), (40, 3.0)] {
            tone(frames, amplitude).for_each(|frame| sketch.push(&frame));
        }
        let frames = sketch.finish().expect("long enough").frames();
        assert!((100..=116).contains(&frames), "{frames}");
    }

    #[test]
    fn each_line_of_the_band_lies_under_the_triangles() {
        let mut sum = [0.0; POINTS / 2 + 1];
        for triangle in triangles() {
            for (n, weight) in triangle.weights[..triangle.len].iter().enumerate() {
                sum[triangle.first + n] += weight;
            }
        }
        for (line, sum) in sum.iter().enumerate().filter(|(line, _)| (380.0..3_100.0).contains(&(*line as f32 * LINE_HZ))) {
            assert!((sum - 1.0).abs() < 1e-3, "{line}: {sum}");
        }
    }
}
