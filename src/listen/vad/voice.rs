//! How much a moment of sound is a voice: features for the [network](super::network), and its score.
//!
//! The network was made for 16 kHz. Of a line that gives 8 kHz half the samples have the same lower half of the spectrum; of
//! the upper half it is told that there is nothing but the even noise that is laid under such a line, because it knows no
//! empty band. So nothing is resampled, and the transform is half as long. The features are those of earshot, where the network
//! comes from: 40 bands of equal width in mel over 48 ms, each 16 ms, their logarithms brought to one length.

use std::f32::consts::PI;
use std::sync::Arc;

use realfft::num_complex::Complex;
use realfft::{RealFftPlanner, RealToComplex};

use super::network::{BANDS, Network, SPECTRA, normalize};
use crate::base::Rate;
use crate::listen::effort::spectrum::hann;

/// Samples of the window at 16 kHz.
const WINDOW: usize = 768;
/// Points of the transform at 16 kHz.
const POINTS: usize = 1_024;
/// Samples from one window to the next at 16 kHz.
const HOP: usize = 256;
/// Of the sample before so much is taken away.
const PRE_EMPHASIS: f32 = 0.97;
/// Added before the logarithm.
const NOTHING: f32 = 1e-20;
/// The lines of the spectrum at which bands begin, peak and end: band n has the edges n, n + 1 and n + 2.
const EDGES: [usize; BANDS + 2] = [
    4, 7, 10, 13, 17, 21, 25, 29, 33, 38, 43, 48, 54, 60, 66, 73, 80, 87, 95, 103, 112, 122, 132, 142, 153, 165, 178, 191, 205, 220, 236, 253, 270,
    289, 309, 330, 353, 376, 402, 428, 456, 486,
];
/// Noise under a line that gives 8 kHz, dB re full scale after levelling. Without it white noise on such a line is speech
/// (498 of 500 frames; with it none, and no more speech is missed).
const NARROW_NOISE_DB: f32 = -50.0;

/// After a score above this the next window is only looked at for the sake of those that follow: the score keeps for it. The
/// network's memory fades more slowly then, which changes nothing that can be measured (clean, noisy and among other voices),
/// and nearly a third of its work is saved.
const SURELY: f32 = 0.8;

/// Says how much the last 48 ms are a voice.
pub(super) struct Voice {
    network: Network,
    features: [f32; SPECTRA * BANDS],
    fft: Arc<dyn RealToComplex<f32>>,
    window: Box<[f32]>,
    /// The last window and a frame, newest last.
    history: Box<[f32]>,
    /// Samples at its end that no window ended in yet.
    waiting: usize,
    hop: usize,
    input: Box<[f32]>,
    lines: Box<[Complex<f32>]>,
    scratch: Box<[Complex<f32>]>,
    bands: [Band; BANDS],
    /// What each line counts for in its bands, band by band.
    weights: Box<[f32]>,
    score: f32,
    /// The last window has the score of the one before.
    is_kept: bool,
}

/// One band: its lines, as far as there are any, and the noise in it.
#[derive(Clone, Copy, Debug, Default)]
struct Band {
    first: usize,
    len: usize,
    noise: f32,
}

impl Voice {
    /// For samples of this rate.
    pub fn new(rate: Rate) -> Self {
        let part = (Rate::Hz16000.hz() / rate.hz()) as usize;
        let (window, points) = (WINDOW / part, POINTS / part);
        let fft = RealFftPlanner::new().plan_fft_forward(points);
        let noise_power = match rate {
            Rate::Hz8000 => 10.0_f32.powf(NARROW_NOISE_DB / 10.0),
            Rate::Hz16000 => 0.0,
        };
        let (bands, weights) = bands(points / 2 + 1, (part * part) as f32, noise_power);
        Voice {
            network: Network::new(),
            features: [0.0; SPECTRA * BANDS],
            window: (0..window).map(|n| hann(n, window)).collect(),
            history: vec![0.0; window + rate.frame_samples()].into(),
            waiting: 0,
            hop: HOP / part,
            input: fft.make_input_vec().into(),
            lines: fft.make_output_vec().into(),
            scratch: fft.make_scratch_vec().into(),
            fft,
            bands,
            weights,
            score: 0.0,
            is_kept: false,
        }
    }

    /// Takes the next 20 ms (samples in ±1, times this gain); the score of the last window that is full, 0..1.
    pub fn push(&mut self, samples: &[f32], gain: f32) -> f32 {
        let len = self.history.len();
        self.history.copy_within(samples.len().., 0);
        self.waiting += samples.len();
        let at = len - samples.len();
        for (slot, &x) in self.history[at..].iter_mut().zip(samples) {
            *slot = (x * gain).clamp(-1.0, 1.0);
        }
        while self.waiting >= self.hop {
            self.waiting -= self.hop;
            self.look(len - self.waiting);
        }
        self.score
    }

    /// Looks at the window that ends here in the history.
    fn look(&mut self, end: usize) {
        let (windowed, rest) = self.input.split_at_mut(self.window.len());
        rest.fill(0.0);
        for (input, (x, w)) in windowed.iter_mut().zip(self.history[end - self.window.len()..end].iter().zip(&self.window)) {
            *input = x * w;
        }
        self.fft.process_with_scratch(&mut self.input, &mut self.lines, &mut self.scratch).expect("the buffers were made for this transform");
        // What was transformed is not needed any more.
        let power = &mut self.input[..self.lines.len() - 1];
        power.iter_mut().zip(&self.lines).for_each(|(power, line)| *power = line.norm_sqr());

        self.features.copy_within(BANDS.., 0);
        let newest = &mut self.features[(SPECTRA - 1) * BANDS..];
        let mut weights = &self.weights[..];
        for (feature, band) in newest.iter_mut().zip(&self.bands) {
            let own;
            (own, weights) = weights.split_at(band.len);
            let sound: f32 = own.iter().zip(&power[band.first..]).map(|(weight, power)| weight * power).sum();
            *feature = (sound + band.noise + NOTHING).ln();
        }
        normalize(newest);
        self.is_kept = !self.is_kept && self.score > SURELY;
        if !self.is_kept {
            self.score = self.network.score(&self.features);
        }
    }
}

/// Bands over so many lines, and what each line counts for: its place in the band, pre-emphasis, and `scale`.
fn bands(lines: usize, scale: f32, noise_power: f32) -> ([Band; BANDS], Box<[f32]>) {
    let window_power: f32 = (0..WINDOW).map(|n| hann(n, WINDOW).powi(2)).sum();
    let mut weights = Vec::new();
    let bands = std::array::from_fn(|n| {
        let (first, peak, end) = (EDGES[n], EDGES[n + 1], EDGES[n + 2]);
        let place = |line: usize| {
            if line < peak { (line - first) as f32 / (peak - first) as f32 } else { (end - line) as f32 / (end - peak) as f32 }
        };
        let weight = |line: usize| place(line) * emphasis(line);
        // The last line of the lower half is not a whole one.
        let len = end.min(lines - 1).saturating_sub(first);
        weights.extend((first..first + len).map(|line| weight(line) * scale));
        let noise = noise_power * window_power * (first..end).map(weight).sum::<f32>();
        Band { first: first.min(lines - 1), len, noise }
    });
    (bands, weights.into())
}

/// The power of the pre-emphasis filter at a line.
fn emphasis(line: usize) -> f32 {
    let turn = 2.0 * PI * line as f32 / POINTS as f32;
    1.0 + PRE_EMPHASIS * PRE_EMPHASIS - 2.0 * PRE_EMPHASIS * turn.cos()
}
