//! How bright and how lively a frame is: spectral tilt, alpha ratio and flux.

use std::f32::consts::PI;
use std::sync::Arc;

use realfft::num_complex::Complex;
use realfft::{RealFftPlanner, RealToComplex};

/// Samples of the window: 32 ms at 8 kHz.
const WINDOW: usize = 256;
/// Points of the transform.
const POINTS: usize = 512;
/// Hz from one line of the spectrum to the next.
const LINE_HZ: f32 = 8_000.0 / POINTS as f32;
/// The telephone band.
const BAND_HZ: (f32, f32) = (300.0, 3_400.0);
/// Where alpha divides the band.
const ALPHA_HZ: f32 = 1_000.0;
/// Bands of the tilt.
const BANDS: usize = 10;
/// Added to powers before the logarithm, far below one 16-bit step in one line.
const NOTHING: f32 = 1e-20;

/// What the spectrum says of a frame; none of it depends on the gain of the line.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Colour {
    /// dB an octave.
    pub tilt: f32,
    /// dB: 1–3.4 kHz against 0.3–1 kHz.
    pub alpha: f32,
    /// 0..1: the share of the amplitude spectrum that is new.
    pub flux: f32,
}

/// Looks at spectra.
pub(super) struct Spectrum {
    fft: Arc<dyn RealToComplex<f32>>,
    window: [f32; WINDOW],
    history: [f32; WINDOW],
    input: [f32; POINTS],
    lines: [Complex<f32>; POINTS / 2 + 1],
    scratch: Vec<Complex<f32>>,
    bands: [Band; BANDS],
    low: (usize, usize),
    high: (usize, usize),
    shape: [f32; POINTS / 2 + 1],
}

/// One band of the tilt.
#[derive(Clone, Copy)]
struct Band {
    lines: (usize, usize),
    /// Octaves from the mean of all bands, over the sum of their squares: the weight of its level in the slope.
    slope_weight: f32,
}

/// Sample `n` of a Hann window of so many, periodic.
pub(in crate::listen) fn hann(n: usize, of: usize) -> f32 {
    0.5 - 0.5 * (2.0 * PI * n as f32 / of as f32).cos()
}

impl Spectrum {
    pub(super) fn new() -> Self {
        let fft = RealFftPlanner::new().plan_fft_forward(POINTS);
        let scratch = fft.make_scratch_vec();
        Spectrum {
            fft,
            scratch,
            window: std::array::from_fn(|n| hann(n, WINDOW)),
            history: [0.0; WINDOW],
            input: [0.0; POINTS],
            lines: [Complex::default(); POINTS / 2 + 1],
            bands: bands(),
            low: lines_between(BAND_HZ.0, ALPHA_HZ),
            high: lines_between(ALPHA_HZ, BAND_HZ.1),
            shape: [0.0; POINTS / 2 + 1],
        }
    }

    /// Takes 20 ms at 8 kHz.
    pub(super) fn push(&mut self, samples: &[f32]) -> Colour {
        let n = samples.len().min(WINDOW);
        self.history.copy_within(n.., 0);
        self.history[WINDOW - n..].copy_from_slice(&samples[..n]);
        self.input.fill(0.0);
        for (input, (x, w)) in self.input.iter_mut().zip(self.history.iter().zip(&self.window)) {
            *input = x * w;
        }
        self.fft.process_with_scratch(&mut self.input, &mut self.lines, &mut self.scratch).expect("the buffers were made for this transform");
        let power = self.lines.map(|line| line.norm_sqr());
        let db = |(from, to): (usize, usize)| 10.0 * (power[from..to].iter().sum::<f32>() + NOTHING).log10();
        Colour {
            tilt: self.bands.iter().map(|band| band.slope_weight * db(band.lines)).sum(),
            alpha: db(self.high) - db(self.low),
            flux: self.flux(&power),
        }
    }

    fn flux(&mut self, power: &[f32]) -> f32 {
        let band = self.low.0..self.high.1;
        let total: f32 = power[band.clone()].iter().map(|p| p.sqrt()).sum();
        let scale = if total > 0.0 { 1.0 / total } else { 0.0 };
        let (mut risen, mut all) = (0.0, 0.0);
        for (line, p) in power[band.clone()].iter().enumerate() {
            let share = p.sqrt() * scale;
            let rise = (share - self.shape[line]).max(0.0);
            risen += rise * rise;
            all += share * share;
            self.shape[line] = share;
        }
        if all > 0.0 { (risen / all).sqrt() } else { 0.0 }
    }
}

/// The lines with `from` ≤ Hz < `to`.
fn lines_between(from: f32, to: f32) -> (usize, usize) {
    ((from / LINE_HZ).ceil() as usize, (to / LINE_HZ).ceil() as usize)
}

/// Bands of equal ratio over the telephone band, with their weights in a straight line's slope.
fn bands() -> [Band; BANDS] {
    let edge = |n: usize| BAND_HZ.0 * (BAND_HZ.1 / BAND_HZ.0).powf(n as f32 / BANDS as f32);
    let centre: [f32; BANDS] = std::array::from_fn(|n| (edge(n) * edge(n + 1)).sqrt().log2());
    let mean = centre.iter().sum::<f32>() / BANDS as f32;
    let squares: f32 = centre.iter().map(|x| (x - mean) * (x - mean)).sum();
    std::array::from_fn(|n| Band { lines: lines_between(edge(n), edge(n + 1)), slope_weight: (centre[n] - mean) / squares })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(frames: usize) -> Vec<f32> {
        let mut seed = 7_u32;
        (0..frames * 160)
            .map(|_| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                ((seed >> 8) as f32 / (1 << 24) as f32 - 0.5) * 0.1
            })
            .collect()
    }

    fn mean(samples: &[f32], what: fn(Colour) -> f32) -> f32 {
        let mut spectrum = Spectrum::new();
        let all: Vec<f32> = samples.chunks(160).map(|frame| what(spectrum.push(frame))).skip(3).collect();
        all.iter().sum::<f32>() / all.len() as f32
    }

    #[test]
    fn white_noise_rises_three_db_an_octave_in_bands_of_equal_ratio() {
        let tilt = mean(&noise(200), |c| c.tilt);
        assert!((tilt - 3.0).abs() < 0.5, "{tilt}");
        let alpha = mean(&noise(200), |c| c.alpha);
        assert!((alpha - 10.0 * (2_400.0_f32 / 700.0).log10()).abs() < 0.5, "{alpha}");
    }

    #[test]
    fn gain_changes_nothing() {
        let loud = noise(50);
        let quiet: Vec<f32> = loud.iter().map(|x| x * 0.1).collect();
        for what in [|c: Colour| c.tilt, |c: Colour| c.alpha, |c: Colour| c.flux] {
            let (a, b) = (mean(&loud, what), mean(&quiet, what));
            assert!((a - b).abs() < 1e-3, "{a} and {b}");
        }
    }

    #[test]
    fn a_steady_tone_has_no_flux_and_silence_has_no_colour_that_is_not_a_number() {
        let tone: Vec<f32> = (0..8_000).map(|n| (2.0 * PI * 1_000.0 * n as f32 / 8_000.0).sin()).collect();
        assert!(mean(&tone, |c| c.flux) < 0.01);
        let mut spectrum = Spectrum::new();
        for _ in 0..3 {
            let colour = spectrum.push(&[0.0; 160]);
            assert!(colour.tilt.abs() < 1e-3 && colour.alpha == 0.0 && colour.flux == 0.0, "{colour:?}");
        }
    }
}
