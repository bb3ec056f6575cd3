//! The recorder: the caller on the left, what the caller hears on the right, 20 ms at a time. Writing is the shell's.

use crate::base::{Frame, MAX_FRAME_SAMPLES, Rate};

/// 20 ms of a recorded call, interleaved, inline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StereoFrame {
    len: usize,
    samples: [i16; 2 * MAX_FRAME_SAMPLES],
}

impl StereoFrame {
    /// Puts two frames side by side; what is missing, or at another rate, is silence.
    pub fn new(rate: Rate, left: Option<&Frame>, right: Option<&Frame>) -> Self {
        let mut samples = [0; 2 * MAX_FRAME_SAMPLES];
        for (channel, frame) in [left, right].into_iter().enumerate() {
            let Some(frame) = frame.filter(|f| f.rate() == rate) else { continue };
            for (to, &from) in samples.iter_mut().skip(channel).step_by(2).zip(frame.samples()) {
                *to = from;
            }
        }
        StereoFrame { len: 2 * rate.frame_samples(), samples }
    }

    /// Left, right, left, right …
    pub fn samples(&self) -> &[i16] {
        &self.samples[..self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caller_is_left_and_what_they_hear_is_right() {
        let (caller, heard) = (Frame::from_samples(Rate::Hz8000, &[1; 160]), Frame::from_samples(Rate::Hz8000, &[2; 160]));
        assert_eq!(StereoFrame::new(Rate::Hz8000, Some(&caller), Some(&heard)).samples(), [1, 2].repeat(160));
        assert_eq!(StereoFrame::new(Rate::Hz8000, Some(&caller), None).samples(), [1, 0].repeat(160));
        assert_eq!(StereoFrame::new(Rate::Hz16000, Some(&caller), None).samples(), [0; 640]);
    }
}
