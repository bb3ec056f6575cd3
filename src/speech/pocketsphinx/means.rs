//! Cepstral mean normalisation that a leg carries from utterance to utterance.
//!
//! The channel and the voice shift every cepstrum by a constant; taking the running mean away removes it. A stream begins
//! with a prior, so that the first word of a call is normalised too, and old frames are forgotten bit by bit.

use super::ffi::Cepstrum;

/// Frames that the prior counts for: it is outweighed after half a second of speech.
const PRIOR_FRAMES: f32 = 50.0;
/// Frames that the mean remembers at most: 10 s of speech.
const MEMORY_FRAMES: f32 = 1_000.0;
/// Means over 50 prompts of one calm speaker at 8 kHz, µ-law, −18 dBFS, with the noise floor of these features.
const PRIOR: Cepstrum = [55.5, 18.1, -11.8, 24.6, -10.4, -2.0, 7.2, -16.4, 15.4, -9.5, -4.3, 3.2, -9.5];

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
        assert!(frame.iter().all(|c| c.abs() < 0.5), "{frame:?}");
    }
}
