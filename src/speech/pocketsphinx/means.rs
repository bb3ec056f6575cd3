//! Cepstral mean normalisation that a leg carries from utterance to utterance.
//!
//! The channel and the voice shift every cepstrum by a constant; taking the running mean away removes it. A stream begins
//! with a prior, so that the first word of a call is normalised too, and old frames are forgotten bit by bit.

use super::ffi::Cepstrum;

/// Frames that the prior counts for: it is outweighed after half a second of speech.
const PRIOR_FRAMES: f32 = 50.0;
/// Frames that the mean remembers at most (SphinxBase halves its sums at 800).
const MEMORY_FRAMES: f32 = 500.0;
/// Means of telephone speech at 8 kHz, µ-law, around −20 dBFS.
const PRIOR: Cepstrum = [41.0, -5.29, -0.12, 5.09, 2.48, -4.07, -1.37, -1.78, -5.08, -2.05, -6.45, -1.42, 1.17];

/// The running mean.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Means {
    mean: Cepstrum,
    frames: f32,
}

impl Default for Means {
    fn default() -> Self {
        Means { mean: PRIOR, frames: PRIOR_FRAMES }
    }
}

impl Means {
    /// Learns the frame, and takes the mean away from it.
    pub fn normalise(&mut self, frame: &mut Cepstrum) {
        self.frames = (self.frames + 1.0).min(MEMORY_FRAMES);
        for (coefficient, mean) in frame.iter_mut().zip(&mut self.mean) {
            *mean += (*coefficient - *mean) / self.frames;
            *coefficient -= *mean;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constant_shift_is_taken_away() {
        let mut means = Means::default();
        let mut frame = [0.0; 13];
        for _ in 0..3_000 {
            frame = [7.0; 13];
            means.normalise(&mut frame);
        }
        assert!(frame.iter().all(|c| c.abs() < 0.1), "{frame:?}");
    }
}
