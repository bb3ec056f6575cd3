//! Takes hum and offset out of sound: a high-pass of second order (Butterworth, by the bilinear transform).
//!
//! Filtered one by one, each sample waits for the one before it, and a processor mostly idles. What comes out of a step of four
//! samples is a sum of fixed shares of these samples and of what the filter remembers, so only steps wait for each other.

use std::array::from_fn;
use std::f64::consts::{FRAC_1_SQRT_2, PI};

use crate::base::Rate;

/// What lies below is hum and offset, no voice.
const CORNER_HZ: f64 = 50.0;
/// Samples of a step.
const STEP: usize = 4;
/// What is remembered is taken for zero below this: arithmetic on denormal numbers is slow.
const NOTHING: f32 = 1e-20;

/// What one sample, or one number that is remembered, adds to a step and to what is remembered after it.
#[derive(Clone, Copy, Debug)]
struct Share {
    out: [f32; STEP],
    memory: [f32; 2],
}

/// The filter of one line.
#[derive(Clone, Debug)]
pub(super) struct HumFilter {
    samples: [Share; STEP],
    remembered: [Share; 2],
    memory: [f32; 2],
}

impl HumFilter {
    /// For samples of this rate.
    pub(super) fn new(rate: Rate) -> Self {
        let w = (PI * CORNER_HZ / f64::from(rate.hz())).tan();
        let a0 = 1.0 + w / FRAC_1_SQRT_2 + w * w;
        let b = [1.0, -2.0, 1.0].map(|x| x / a0);
        let a = [2.0 * (w * w - 1.0), 1.0 - w / FRAC_1_SQRT_2 + w * w].map(|x| x / a0);
        // Transposed direct form II.
        let share = |mut memory: [f64; 2], step: [f64; STEP]| {
            let out = step.map(|x| {
                let y = b[0] * x + memory[0];
                memory = [b[1] * x - a[0] * y + memory[1], b[2] * x - a[1] * y];
                y as f32
            });
            Share { out, memory: memory.map(|x| x as f32) }
        };
        HumFilter { samples: from_fn(|n| share([0.0; 2], one_at(n))), remembered: from_fn(|n| share(one_at(n), [0.0; STEP])), memory: [0.0; 2] }
    }

    /// Filters in place what follows on what was filtered before: whole steps, as frames are.
    pub(super) fn run(&mut self, samples: &mut [f32]) {
        let (steps, rest) = samples.as_chunks_mut::<STEP>();
        debug_assert!(rest.is_empty(), "{} samples are no whole steps", rest.len());
        let mut memory = self.memory;
        for step in steps {
            let mut sum = Share { out: [0.0; STEP], memory: [0.0; 2] };
            step.iter().zip(&self.samples).for_each(|(&x, share)| sum.add(x, share));
            memory.iter().zip(&self.remembered).for_each(|(&x, share)| sum.add(x, share));
            (*step, memory) = (sum.out, sum.memory);
        }
        self.memory = memory.map(|x| if x.abs() < NOTHING { 0.0 } else { x });
    }
}

impl Share {
    #[inline]
    fn add(&mut self, x: f32, share: &Share) {
        self.out.iter_mut().zip(share.out).for_each(|(sum, part)| *sum += part * x);
        self.memory.iter_mut().zip(share.memory).for_each(|(sum, part)| *sum += part * x);
    }
}

fn one_at<const N: usize>(n: usize) -> [f64; N] {
    from_fn(|k| if k == n { 1.0 } else { 0.0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Level at this frequency against that of what went in.
    fn gain_db(rate: Rate, hz: f64) -> f64 {
        let mut hum = HumFilter::new(rate);
        let second = rate.hz() as usize;
        let mut samples: Vec<f32> = (0..2 * second).map(|n| (2.0 * PI * hz * n as f64 / second as f64).cos() as f32).collect();
        let power = |samples: &[f32]| samples[second..].iter().map(|&x| f64::from(x).powi(2)).sum::<f64>();
        let before = power(&samples);
        samples.chunks_mut(rate.frame_samples()).for_each(|frame| hum.run(frame));
        10.0 * (power(&samples) / before).log10()
    }

    #[test]
    fn hum_is_stopped_and_a_voice_passes() {
        for rate in [Rate::Hz8000, Rate::Hz16000] {
            for (hz, db) in [(12.5, -24.1), (25.0, -12.3), (50.0, -3.01), (100.0, -0.26), (1_000.0, 0.0)] {
                let found = gain_db(rate, hz);
                assert!((found - db).abs() < 0.1, "{rate:?}: {hz} Hz: {found} dB, should be {db}");
            }
            let offset = gain_db(rate, 0.0);
            assert!(offset < -70.0, "{rate:?}: of an offset {offset} dB stay");
        }
    }

    #[test]
    fn what_it_remembers_of_a_sound_is_gone_after_a_while() {
        let mut hum = HumFilter::new(Rate::Hz8000);
        hum.run(&mut [1.0; 160]);
        assert_ne!(hum.memory, [0.0; 2]);
        (0..20).for_each(|_| hum.run(&mut [0.0; 160]));
        assert_eq!(hum.memory, [0.0; 2]);
    }
}
