//! One frame from the line's rate to the 8 kHz at which efforts and repeats are looked for, by FFT.
//!
//! One frame in gives exactly one frame out, 10 ms later. What is *not* here: resampling for people's ears (`sound`).

use audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Resampler};

use crate::base::{Frame, MAX_FRAME_SAMPLES, Rate};

/// Full scale of a 16-bit sample.
pub(super) const FULL_SCALE: f32 = 32_768.0;
/// The rate of what comes out.
const TO: Rate = Rate::Hz8000;

/// Frames at the line's rate become samples in ±1 at 8 kHz.
pub(super) struct Resample {
    fft: Option<Fft<f32>>,
    from: Rate,
    input: [f32; MAX_FRAME_SAMPLES],
    output: [f32; MAX_FRAME_SAMPLES],
}

impl Resample {
    /// From this rate; samples that have the other already pass unchanged and undelayed.
    pub(super) fn new(from: Rate) -> Self {
        let fft = (from != TO).then(|| {
            Fft::new(from.hz() as usize, TO.hz() as usize, from.frame_samples(), 1, FixedSync::Both).expect("both rates are positive and known")
        });
        Resample { fft, from, input: [0.0; MAX_FRAME_SAMPLES], output: [0.0; MAX_FRAME_SAMPLES] }
    }

    /// 20 ms in, 20 ms out. A frame of another rate than was announced counts as silence.
    pub(super) fn push(&mut self, frame: &Frame) -> &[f32] {
        let (read, written) = (self.from.frame_samples(), TO.frame_samples());
        if frame.rate() == self.from {
            for (x, &sample) in self.input.iter_mut().zip(frame.samples()) {
                *x = f32::from(sample) / FULL_SCALE;
            }
        } else {
            self.input.fill(0.0);
        }
        let Some(fft) = &mut self.fft else { return &self.input[..read] };
        let input = InterleavedSlice::new(&self.input[..read], 1, read).expect("the slice holds one frame");
        let mut output = InterleavedSlice::new_mut(&mut self.output[..written], 1, written).expect("the slice holds one frame");
        fft.process_into_buffer(&input, &mut output, None).expect("the buffers have the sizes that the resampler was built for");
        &self.output[..written]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_keeps_its_level_at_the_other_rate() {
        let from = Rate::Hz16000;
        let mut resample = Resample::new(from);
        let mut power = 0.0;
        for n in 0..20 {
            let samples: Vec<i16> = (0..from.frame_samples())
                .map(|i| {
                    let t = (n * from.frame_samples() + i) as f32 / from.hz() as f32;
                    (8_192.0 * (2.0 * std::f32::consts::PI * 1_000.0 * t).sin()) as i16
                })
                .collect();
            let out = resample.push(&Frame::from_samples(from, &samples));
            power = out.iter().map(|x| x * x).sum::<f32>() / out.len() as f32;
        }
        assert!((power - 0.03125).abs() < 0.000_5, "{power}");
    }

    #[test]
    fn a_frame_of_another_rate_is_silence() {
        let mut resample = Resample::new(Rate::Hz8000);
        let frame = Frame::from_samples(Rate::Hz16000, &[1_000; 320]);
        assert!(resample.push(&frame).iter().all(|&x| x == 0.0));
    }
}
