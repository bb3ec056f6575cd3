//! Features of the acoustic model: 16 kHz samples → 25 log-mel energies → 13 liftered cepstra, each 10 ms.
//!
//! The recipe is that of SphinxBase's front end with the parameters in the model's `feat.params` (pre-emphasis 0.97,
//! Hamming window of 25.625 ms, 512-point FFT, 25 unit-area triangles between 130 and 6800 Hz, orthonormal DCT, lifter
//! 22). Doing it here keeps every adaptive state in our hands, serves two decoders with one pass, and gives a place
//! between mel energies and cepstra for bandwidth extension. Noise subtraction and silence removal are left out on
//! purpose: the listener has cut the utterance already, and removed frames would spoil the words' times.

use std::sync::Arc;

use realfft::num_complex::Complex;
use realfft::{RealFftPlanner, RealToComplex};

use super::ffi::{CEPSTRA, Cepstrum};

/// Mel filters of the model.
pub const MEL_FILTERS: usize = 25;
/// Log-mel energies of one frame.
pub type LogMel = [f32; MEL_FILTERS];

/// Rate of the model in Hz.
const RATE: usize = 16_000;
/// Samples from one frame to the next (100 frames a second).
pub const SHIFT: usize = 160;
/// Samples of a window: 25.625 ms.
const WINDOW: usize = 410;
/// Points of the FFT.
const POINTS: usize = 512;
/// Edges of the filter bank in Hz (`-lowerf`, `-upperf`).
const LOWER_HZ: f32 = 130.0;
const UPPER_HZ: f32 = 6_800.0;
/// Pre-emphasis (`-alpha`).
const EMPHASIS: f32 = 0.97;
/// `-lifter`
const LIFTER: f32 = 22.0;
/// Variance of the white noise (−70 dBFS) whose expected energy is added to every filter. SphinxBase adds next to nothing;
/// then the digital silence of a telephone line, and all above 4 kHz, looks like nothing that the model has ever heard.
const FLOOR_VARIANCE: f32 = 100.0;

/// One triangle: first FFT bin and its weights.
struct Triangle {
    first: usize,
    weights: Vec<f32>,
    /// Expected energy of the noise floor.
    floor: f32,
}

/// The tables, made once and shared by all streams.
pub struct Tables {
    window: [f32; WINDOW],
    fft: Arc<dyn RealToComplex<f32>>,
    triangles: Vec<Triangle>,
    cosine: [LogMel; CEPSTRA],
    lifter: Cepstrum,
}

impl Tables {
    /// Computes them.
    pub fn new() -> Arc<Tables> {
        let window: [f32; WINDOW] = std::array::from_fn(|n| 0.54 - 0.46 * (std::f32::consts::TAU * n as f32 / (WINDOW as f32 - 1.0)).cos());
        let cosine = std::array::from_fn(|c| {
            let scale = (if c == 0 { 1.0 } else { 2.0 } / MEL_FILTERS as f32).sqrt();
            std::array::from_fn(|m| scale * (std::f32::consts::PI / MEL_FILTERS as f32 * c as f32 * (m as f32 + 0.5)).cos())
        });
        let lifter = std::array::from_fn(|c| 1.0 + LIFTER / 2.0 * (c as f32 * std::f32::consts::PI / LIFTER).sin());
        let triangles = triangles(&window);
        Arc::new(Tables { window, fft: RealFftPlanner::new().plan_fft_forward(POINTS), triangles, cosine, lifter })
    }

    /// Cepstra of log-mel energies.
    pub fn cepstrum(&self, mel: &LogMel) -> Cepstrum {
        std::array::from_fn(|c| self.lifter[c] * self.cosine[c].iter().zip(mel).map(|(w, m)| w * m).sum::<f32>())
    }
}

fn mel(hz: f32) -> f32 {
    2595.0 * (1.0 + hz / 700.0).log10()
}

fn triangles(window: &[f32; WINDOW]) -> Vec<Triangle> {
    let bin_hz = RATE as f32 / POINTS as f32;
    let width = (mel(UPPER_HZ) - mel(LOWER_HZ)) / (MEL_FILTERS as f32 + 1.0);
    // The edges are rounded to FFT bins (`-round_filters`).
    let edge = |n: usize| {
        let hz = 700.0 * (10f32.powf((mel(LOWER_HZ) + n as f32 * width) / 2595.0) - 1.0);
        (hz / bin_hz).round() as usize
    };
    // White noise in one bin: variance × energy of the window × gain of the pre-emphasis.
    let noise = |bin: usize| {
        let angle = std::f32::consts::TAU * bin as f32 / POINTS as f32;
        let gain = 1.0 + EMPHASIS * EMPHASIS - 2.0 * EMPHASIS * angle.cos();
        FLOOR_VARIANCE * gain * window.iter().map(|w| w * w).sum::<f32>()
    };
    (0..MEL_FILTERS)
        .map(|n| {
            let (low, top, high) = (edge(n), edge(n + 1), edge(n + 2));
            let area = 2.0 / ((high - low) as f32 * bin_hz);
            let weights: Vec<f32> = (low..=high)
                .map(|bin| {
                    let rising = (bin - low) as f32 / (top - low) as f32;
                    let falling = (high - bin) as f32 / (high - top) as f32;
                    area * rising.min(falling)
                })
                .collect();
            let floor = weights.iter().enumerate().map(|(n, w)| w * noise(low + n)).sum();
            Triangle { first: low, weights, floor }
        })
        .collect()
}

/// The front end of one utterance.
pub struct FrontEnd {
    tables: Arc<Tables>,
    /// Emphasised samples that the next window begins with.
    pending: Vec<f32>,
    last: f32,
    input: Vec<f32>,
    spectrum: Vec<Complex<f32>>,
    scratch: Vec<Complex<f32>>,
}

impl FrontEnd {
    /// A front end at rest.
    pub fn new(tables: &Arc<Tables>) -> FrontEnd {
        FrontEnd {
            pending: Vec::with_capacity(2 * POINTS),
            last: 0.0,
            input: tables.fft.make_input_vec(),
            spectrum: tables.fft.make_output_vec(),
            scratch: tables.fft.make_scratch_vec(),
            tables: Arc::clone(tables),
        }
    }

    /// Takes samples at 16 kHz (full scale ±32768) and hands each frame that is complete to `take`.
    pub fn push(&mut self, samples: &[f32], mut take: impl FnMut(LogMel)) {
        for &sample in samples {
            self.pending.push(sample - EMPHASIS * self.last);
            self.last = sample;
            if self.pending.len() == WINDOW {
                take(self.frame());
                self.pending.drain(..SHIFT);
            }
        }
    }

    fn frame(&mut self) -> LogMel {
        self.input.fill(0.0);
        for ((slot, sample), weight) in self.input.iter_mut().zip(&self.pending).zip(&self.tables.window) {
            *slot = sample * weight;
        }
        self.tables.fft.process_with_scratch(&mut self.input, &mut self.spectrum, &mut self.scratch).expect("the buffers were made by this very FFT");
        std::array::from_fn(|n| {
            let triangle = &self.tables.triangles[n];
            let energy: f32 = self.spectrum[triangle.first..].iter().zip(&triangle.weights).map(|(bin, w)| w * bin.norm_sqr()).sum();
            (energy + triangle.floor).ln()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn last_mel(samples: &[f32]) -> LogMel {
        let mut last = [0.0; MEL_FILTERS];
        FrontEnd::new(&Tables::new()).push(samples, |frame| last = frame);
        last
    }

    #[test]
    fn a_tone_is_loudest_in_the_filter_around_it() {
        // Centres by the mel formula with these edges: filter 6 at about 820 Hz, filter 17 at about 3.3 kHz.
        for (hz, filter) in [(820.0, 6), (3_300.0, 17)] {
            let tone: Vec<f32> = (0..800).map(|n| 8_000.0 * (std::f32::consts::TAU * hz * n as f32 / RATE as f32).sin()).collect();
            let mel = last_mel(&tone);
            let loudest = (0..MEL_FILTERS).max_by(|&a, &b| mel[a].total_cmp(&mel[b]));
            assert!(loudest.is_some_and(|n| n.abs_diff(filter) <= 1), "{hz} Hz is in {loudest:?}");
        }
    }

    #[test]
    fn gain_moves_only_the_first_cepstrum() {
        let tables = Tables::new();
        let noise = |gain: f32| -> Vec<f32> { (0..800u32).map(|n| gain * (((n * n % 10_007 * 7_919) % 2_003) as f32 - 1_001.0)).collect() };
        let (quiet, loud) = (tables.cepstrum(&last_mel(&noise(8.0))), tables.cepstrum(&last_mel(&noise(16.0))));
        assert!((loud[0] - quiet[0] - 2.0 * 2f32.ln() * 25f32.sqrt()).abs() < 0.05, "{} {}", loud[0], quiet[0]);
        assert!((1..CEPSTRA).all(|c| (loud[c] - quiet[c]).abs() < 0.05));
    }

    #[test]
    fn how_samples_are_cut_makes_no_difference() {
        let samples: Vec<f32> = (0..4_000u32).map(|n| ((n * 7_919) % 2_003) as f32 - 1_000.0).collect();
        let tables = Tables::new();
        let (mut whole, mut cut) = (Vec::new(), Vec::new());
        FrontEnd::new(&tables).push(&samples, |f| whole.push(f));
        let mut front = FrontEnd::new(&tables);
        samples.chunks(37).for_each(|part| front.push(part, |f| cut.push(f)));
        assert_eq!(whole, cut);
        assert_eq!(whole.len(), (4_000 - WINDOW) / SHIFT + 1);
    }
}
