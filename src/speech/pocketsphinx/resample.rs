//! 8 → 16 kHz for the acoustic model, which was trained with 16 kHz and mistakes a mel bank cut at 4 kHz for other phones.

use std::time::Duration;

use audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Resampler};

use crate::base::{MAX_FRAME_SAMPLES, Rate};

/// Streaming upsampler of 20 ms blocks, without allocation.
pub struct Upsampler {
    fft: Fft<f32>,
}

impl Upsampler {
    /// The sound comes out that much later.
    pub const DELAY: Duration = Duration::from_millis(10);

    /// An upsampler at rest.
    pub fn new() -> Upsampler {
        let (from, to) = (Rate::Hz8000, Rate::Hz16000);
        let fft = Fft::new(from.hz() as usize, to.hz() as usize, from.frame_samples(), 1, FixedSync::Both);
        Upsampler { fft: fft.expect("8 and 16 kHz are rates that it takes") }
    }

    /// Takes 160 samples and gives 320, full scale ±32768.
    pub fn push<'a>(&mut self, samples: &[i16], out: &'a mut [f32; MAX_FRAME_SAMPLES]) -> &'a [f32] {
        let mut narrow = [0f32; Rate::Hz8000.frame_samples()];
        narrow.iter_mut().zip(samples).for_each(|(to, &from)| *to = f32::from(from));
        let (count, wide) = (narrow.len(), out.len());
        let input = InterleavedSlice::new(&narrow, 1, count).expect("one channel of as many samples");
        let mut output = InterleavedSlice::new_mut(&mut out[..], 1, wide).expect("one channel of as many samples");
        self.fft.process_into_buffer(&input, &mut output, None).expect("one block in gives one block out");
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_comes_out_with_twice_the_samples_and_the_stated_delay() {
        let mut upsampler = Upsampler::new();
        let tone = |n: f64| 10_000.0 * (std::f64::consts::TAU * 1_000.0 * n).sin();
        let narrow: Vec<i16> = (0..1_600).map(|n| tone(f64::from(n) / 8_000.0) as i16).collect();
        let mut wide = Vec::new();
        for block in narrow.chunks(160) {
            wide.extend_from_slice(upsampler.push(block, &mut [0.0; MAX_FRAME_SAMPLES]));
        }
        let late = (Upsampler::DELAY.as_secs_f64() * 16_000.0) as usize;
        for (n, &sample) in wide.iter().enumerate().take(2_500).skip(1_000) {
            let expected = tone((n - late) as f64 / 16_000.0);
            assert!((f64::from(sample) - expected).abs() < 10.0, "sample {n}: {sample} for {expected}");
        }
    }
}
