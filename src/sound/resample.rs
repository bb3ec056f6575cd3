//! Resampling by FFT: whole streams of any rate for recordings, single frames between the two rates of calls.
//!
//! Both delay by half a block ([`FrameResampler`]: 10 ms) in exchange for an exact spectrum; [`StreamResampler`] takes
//! the delay out again. Live legs, which can't wait, want another kind of resampler.

use audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Resampler};

use crate::base::{Frame, MAX_FRAME_SAMPLES, Rate};

/// Blocks are as long as a frame, or the next length that both rates share.
const BLOCKS_PER_SEC: u32 = 50;
/// Full scale of a 16-bit sample.
const FULL_SCALE: f32 = 32_768.0;

/// A sample of ±1.0 as 16 bits, rounded and limited.
pub fn to_i16(sample: f32) -> i16 {
    (sample * FULL_SCALE).round() as i16
}

/// A 16-bit sample as ±1.0.
pub fn to_f32(sample: i16) -> f32 {
    f32::from(sample) / FULL_SCALE
}

/// Frames of 8 kHz to 16 kHz or back: exactly one frame out for one in, 10 ms late. Equal rates pass bit for bit.
pub struct FrameResampler {
    from: Rate,
    to: Rate,
    fft: Option<Fft<f32>>,
}

impl FrameResampler {
    /// A resampler with silence behind it.
    pub fn new(from: Rate, to: Rate) -> Self {
        let fft = (from != to).then(|| fft(from.hz(), to.hz(), 1));
        FrameResampler { from, to, fft }
    }

    /// The next frame at the other rate; a frame that is not at `from` counts as silence.
    pub fn push(&mut self, frame: &Frame) -> Frame {
        let silence = Frame::silence(self.from);
        let frame = if frame.rate() == self.from { frame } else { &silence };
        let Some(fft) = &mut self.fft else { return *frame };
        let mut input = [0.0; MAX_FRAME_SAMPLES];
        let mut output = [0.0; MAX_FRAME_SAMPLES];
        for (to, &from) in input.iter_mut().zip(frame.samples()) {
            *to = to_f32(from);
        }
        block(fft, &input, &mut output, 1);
        let mut resampled = Frame::silence(self.to);
        for (to, &from) in resampled.samples_mut().iter_mut().zip(&output) {
            *to = to_i16(from);
        }
        resampled
    }
}

/// A stream of interleaved samples from any rate to that of a call, without delay: sample 0 out is sample 0 in.
pub struct StreamResampler {
    channels: usize,
    from: u64,
    to: u64,
    /// `None` if the rates are equal.
    blocks: Option<Blocks>,
    /// Frames (samples of each channel) taken.
    taken: u64,
    /// Frames given.
    given: u64,
}

struct Blocks {
    fft: Fft<f32>,
    input: Vec<f32>,
    /// Samples in `input`.
    filled: usize,
    output: Vec<f32>,
    /// Frames of the resampler's delay that are still to be left out.
    late: usize,
}

impl StreamResampler {
    /// A resampler from `from_hz` (not 0) for so many interleaved channels.
    pub fn new(from_hz: u32, to: Rate, channels: usize) -> Self {
        let blocks = (from_hz != to.hz()).then(|| {
            let fft = fft(from_hz, to.hz(), channels);
            let late = fft.output_delay();
            let input = vec![0.0; fft.input_frames_max() * channels];
            let output = vec![0.0; fft.output_frames_max() * channels];
            Blocks { fft, input, filled: 0, output, late }
        });
        StreamResampler { channels, from: u64::from(from_hz), to: u64::from(to.hz()), blocks, taken: 0, given: 0 }
    }

    /// Takes interleaved samples and appends what is ready; allocates only if `out` has no room.
    pub fn push(&mut self, samples: &[f32], out: &mut Vec<f32>) {
        self.taken += (samples.len() / self.channels) as u64;
        match &mut self.blocks {
            Some(blocks) => self.given += blocks.push(samples, self.channels, out),
            None => {
                out.extend_from_slice(samples);
                self.given = self.taken;
            }
        }
    }

    /// The stream is over: appends the rest, so that what came out is as long as what went in.
    pub fn finish(&mut self, out: &mut Vec<f32>) {
        let Some(blocks) = &mut self.blocks else { return };
        let due = (self.taken * self.to).div_ceil(self.from);
        let silence = [0.0; MAX_FRAME_SAMPLES];
        while self.given < due {
            let whole = silence.len() / self.channels * self.channels;
            self.given += blocks.push(&silence[..whole], self.channels, out);
        }
        out.truncate(out.len() - (self.given - due) as usize * self.channels);
        self.given = due;
    }
}

impl Blocks {
    fn push(&mut self, mut samples: &[f32], channels: usize, out: &mut Vec<f32>) -> u64 {
        let before = out.len();
        while !samples.is_empty() {
            let n = samples.len().min(self.input.len() - self.filled);
            self.input[self.filled..self.filled + n].copy_from_slice(&samples[..n]);
            self.filled += n;
            samples = &samples[n..];
            if self.filled == self.input.len() {
                self.filled = 0;
                block(&mut self.fft, &self.input, &mut self.output, channels);
                let frames = self.output.len() / channels;
                let skip = self.late.min(frames);
                self.late -= skip;
                out.extend_from_slice(&self.output[skip * channels..]);
            }
        }
        ((out.len() - before) / channels) as u64
    }
}

/// Blocks of an even length on both sides: the delay of half a block must be a whole number of samples.
fn fft(from_hz: u32, to_hz: u32, channels: usize) -> Fft<f32> {
    let shared = common_divisor(from_hz, to_hz);
    let least = from_hz / shared;
    let blocks = (from_hz / BLOCKS_PER_SEC).div_ceil(least).next_multiple_of(2);
    let chunk = (blocks * least) as usize;
    Fft::new(from_hz as usize, to_hz as usize, chunk, channels, FixedSync::Both).expect("rates and chunk are above zero")
}

/// Euclid.
fn common_divisor(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { common_divisor(b, a % b) }
}

/// Resamples one block; `input` and `output` hold at least a block.
fn block(fft: &mut Fft<f32>, input: &[f32], output: &mut [f32], channels: usize) {
    let (taken, given) = (fft.input_frames_next(), fft.output_frames_next());
    let input = InterleavedSlice::new(input, channels, taken).expect("the input holds a block");
    let mut output = InterleavedSlice::new_mut(output, channels, given).expect("the output holds a block");
    fft.process_into_buffer(&input, &mut output, None).expect("a whole block goes in and comes out");
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use super::*;

    fn sine(hz: f64, rate: u32, n: usize) -> Vec<f32> {
        (0..n).map(|i| (0.5 * (TAU * hz * i as f64 / f64::from(rate)).sin()) as f32).collect()
    }

    /// Signal to error in dB, edges left out.
    fn snr(expected: &[f32], got: &[f32], edge: usize) -> f64 {
        assert_eq!(expected.len(), got.len());
        let inner = edge..expected.len() - edge;
        let power = |samples: &mut dyn Iterator<Item = f64>| samples.map(|s| s * s).sum::<f64>();
        let signal = power(&mut expected[inner.clone()].iter().map(|&s| f64::from(s)));
        let error = power(&mut expected[inner.clone()].iter().zip(&got[inner]).map(|(&e, &g)| f64::from(e) - f64::from(g)));
        10.0 * (signal / error.max(1e-30)).log10()
    }

    fn stream(input: &[f32], from: u32, to: Rate, channels: usize) -> Vec<f32> {
        let mut resampler = StreamResampler::new(from, to, channels);
        let mut out = Vec::new();
        for chunk in input.chunks(1_154 / channels * channels) {
            resampler.push(chunk, &mut out);
        }
        resampler.finish(&mut out);
        out
    }

    #[test]
    fn a_sine_of_any_rate_arrives_in_time_and_in_shape() {
        // Tolerance: 90 dB, below the noise of 16 bits, at 1 kHz, in the middle of every pass band.
        for from in [8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000, 192_000] {
            for to in [Rate::Hz8000, Rate::Hz16000] {
                let out = stream(&sine(1_000.0, from, from as usize), from, to, 1);
                let expected = sine(1_000.0, to.hz(), to.hz() as usize);
                let snr = snr(&expected, &out, to.hz() as usize / 10);
                assert!(snr > 90.0, "{from} Hz to {to:?}: {snr:.1} dB");
            }
        }
    }

    #[test]
    fn rates_that_share_nothing_with_ours_work_too() {
        for from in [8_001, 44_056, 191_999] {
            let out = stream(&sine(1_000.0, from, 2 * from as usize), from, Rate::Hz8000, 1);
            let snr = snr(&sine(1_000.0, 8_000, 16_000), &out, 4_000);
            assert!(snr > 80.0, "{from} Hz: {snr:.1} dB");
        }
    }

    #[test]
    fn what_a_phone_cannot_carry_does_not_fold_back() {
        for hz in [4_300.0, 6_000.0, 12_000.0, 20_000.0] {
            let out = stream(&sine(hz, 48_000, 48_000), 48_000, Rate::Hz8000, 1);
            let loudest = out[800..7_200].iter().fold(0.0_f32, |m, s| m.max(s.abs()));
            assert!(loudest < 0.000_05, "{hz} Hz leaks {loudest}");
        }
    }

    #[test]
    fn two_channels_stay_apart_and_in_step() {
        let (left, right) = (sine(440.0, 44_100, 44_100), sine(1_250.0, 44_100, 44_100));
        let both: Vec<f32> = left.iter().zip(&right).flat_map(|(&l, &r)| [l, r]).collect();
        let out = stream(&both, 44_100, Rate::Hz16000, 2);
        for (channel, hz) in [(0, 440.0), (1, 1_250.0)] {
            let alone: Vec<f32> = out.iter().skip(channel).step_by(2).copied().collect();
            assert!(snr(&sine(hz, 16_000, 16_000), &alone, 1_600) > 90.0);
        }
    }

    #[test]
    fn lengths_are_kept_whatever_they_are() {
        for n in [0, 1, 2, 159, 160, 161, 441, 5_000] {
            for from in [8_000, 16_000, 44_100] {
                let out = stream(&vec![0.1; n], from, Rate::Hz16000, 1);
                assert_eq!(out.len(), (n * 16_000).div_ceil(from as usize), "{n} samples at {from} Hz");
            }
        }
    }

    #[test]
    fn frames_go_up_and_down_again_without_loss() {
        // Tolerance: 70 dB, two roundings to 16 bits of a sine at half scale.
        let (mut up, mut down) = (FrameResampler::new(Rate::Hz8000, Rate::Hz16000), FrameResampler::new(Rate::Hz16000, Rate::Hz8000));
        let tone: Vec<i16> = sine(1_000.0, 8_000, 16_000).into_iter().map(to_i16).collect();
        let out: Vec<f32> = tone
            .chunks(160)
            .flat_map(|chunk| {
                let wide = up.push(&Frame::from_samples(Rate::Hz8000, chunk));
                assert_eq!(wide.rate(), Rate::Hz16000);
                down.push(&wide).samples().iter().map(|&s| to_f32(s)).collect::<Vec<_>>()
            })
            .collect();
        let delay = 160; // 10 ms each way
        let expected: Vec<f32> = tone.iter().map(|&s| to_f32(s)).collect();
        let snr = snr(&expected[..15_840], &out[delay..], 800);
        assert!(snr > 70.0, "{snr:.1} dB");
    }

    #[test]
    fn equal_rates_pass_bit_for_bit() {
        let frame = Frame::from_samples(Rate::Hz8000, &[i16::MIN, -1, 0, 1, i16::MAX]);
        assert_eq!(FrameResampler::new(Rate::Hz8000, Rate::Hz8000).push(&frame), frame);
        for sample in i16::MIN..=i16::MAX {
            assert_eq!(to_i16(to_f32(sample)), sample);
        }
    }

    #[test]
    fn a_frame_at_the_wrong_rate_counts_as_silence() {
        let mut up = FrameResampler::new(Rate::Hz8000, Rate::Hz16000);
        assert!(up.push(&Frame::from_samples(Rate::Hz16000, &[9_000; 320])).is_silent());
    }
}
