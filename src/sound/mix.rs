//! Mixing: the sum of what a leg hears, limited softly so that two voices at once do not crackle.
//!
//! One source passes bit for bit; the limiter only works on sums.

use crate::base::{Frame, MAX_FRAME_SAMPLES, Rate};

/// Sums below this stay as they are (−2.5 dBFS); above it they bend towards full scale.
const KNEE: i32 = 24_576;
/// What lies between the knee and full scale.
const HEADROOM: i32 = i16::MAX as i32 - KNEE;

/// The sum of the sources of one frame.
#[derive(Clone, Debug)]
pub struct Mix {
    rate: Rate,
    sum: [i32; MAX_FRAME_SAMPLES],
    sources: u32,
}

impl Mix {
    /// Nothing yet.
    pub fn new(rate: Rate) -> Self {
        Mix { rate, sum: [0; MAX_FRAME_SAMPLES], sources: 0 }
    }

    /// Forgets every source.
    pub fn clear(&mut self) {
        if self.sources > 0 {
            self.sum = [0; MAX_FRAME_SAMPLES];
            self.sources = 0;
        }
    }

    /// Adds a source; samples beyond a frame are left out, missing ones are silence.
    pub fn add(&mut self, samples: &[i16]) {
        self.sources += 1;
        for (sum, &sample) in self.sum.iter_mut().zip(samples).take(self.rate.frame_samples()) {
            *sum += i32::from(sample);
        }
    }

    /// How many sources were added.
    pub fn sources(&self) -> u32 {
        self.sources
    }

    /// The mixed frame; silence if there was no source.
    pub fn frame(&self) -> Frame {
        let mut frame = Frame::silence(self.rate);
        let limited = self.sources > 1;
        for (out, &sum) in frame.samples_mut().iter_mut().zip(&self.sum) {
            *out = if limited { soft_limit(sum) } else { sum as i16 };
        }
        frame
    }
}

/// `sum` unchanged up to −2.5 dBFS, then bent so that it nears full scale and never passes it; odd and monotonic.
pub fn soft_limit(sum: i32) -> i16 {
    let size = sum.saturating_abs();
    if size <= KNEE {
        return sum as i16;
    }
    let over = i64::from(size - KNEE);
    let bent = KNEE + (over * i64::from(HEADROOM) / (over + i64::from(HEADROOM))) as i32;
    (bent * sum.signum()) as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_source_passes_bit_for_bit() {
        let samples: Vec<i16> = (0..160).map(|i| if i % 2 == 0 { i16::MAX } else { i16::MIN }).collect();
        let mut mix = Mix::new(Rate::Hz8000);
        mix.add(&samples);
        assert_eq!(mix.frame().samples(), samples);
    }

    #[test]
    fn sums_never_wrap() {
        for value in [i16::MAX, i16::MIN] {
            let mut mix = Mix::new(Rate::Hz16000);
            for _ in 0..8 {
                mix.add(&[value; 320]);
            }
            let mixed = mix.frame();
            assert!(mixed.samples().iter().all(|&s| s.signum() == value.signum() && s.unsigned_abs() > 30_000), "{mixed:?}");
        }
    }

    #[test]
    fn limiter_is_monotonic_odd_and_the_identity_below_its_knee() {
        let mut last = i16::MIN;
        for sum in -200_000..=200_000 {
            let out = soft_limit(sum);
            assert!(out >= last && out == -soft_limit(-sum));
            assert!(sum.abs() > KNEE || i32::from(out) == sum);
            last = out;
        }
    }

    #[test]
    fn a_cleared_mix_is_silent() {
        let mut mix = Mix::new(Rate::Hz8000);
        mix.add(&[1_000; 160]);
        mix.clear();
        assert!(mix.frame().is_silent() && mix.sources() == 0);
    }
}
