//! Twenty milliseconds of sound.

use std::fmt;

/// Length of a frame in ms.
pub const FRAME_MILLIS: u64 = 20;
/// Length of a frame in µs.
pub const FRAME_MICROS: u64 = FRAME_MILLIS * 1_000;
/// Samples of the longest frame (16 kHz).
pub const MAX_FRAME_SAMPLES: usize = 320;

/// The two rates at which a call's sound runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rate {
    /// Narrow band, as a phone gives it.
    Hz8000,
    /// Wide band.
    Hz16000,
}

impl Rate {
    /// Samples a second.
    pub const fn hz(self) -> u32 {
        match self {
            Rate::Hz8000 => 8_000,
            Rate::Hz16000 => 16_000,
        }
    }

    /// Samples in a 20 ms frame.
    pub const fn frame_samples(self) -> usize {
        self.hz() as usize / 50
    }
}

/// 20 ms of mono sound, 16-bit linear, inline and copied: 160 samples at 8 kHz, 320 at 16 kHz.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    rate: Rate,
    samples: [i16; MAX_FRAME_SAMPLES],
}

impl Frame {
    /// A frame of digital silence.
    pub const fn silence(rate: Rate) -> Self {
        Frame { rate, samples: [0; MAX_FRAME_SAMPLES] }
    }

    /// A frame with these samples; what is missing is silence, what is too much is left out.
    pub fn from_samples(rate: Rate, samples: &[i16]) -> Self {
        let mut frame = Frame::silence(rate);
        let n = samples.len().min(rate.frame_samples());
        frame.samples[..n].copy_from_slice(&samples[..n]);
        frame
    }

    /// The rate.
    pub const fn rate(&self) -> Rate {
        self.rate
    }

    /// The samples, `rate().frame_samples()` of them.
    pub fn samples(&self) -> &[i16] {
        &self.samples[..self.rate.frame_samples()]
    }

    /// The samples, to be changed in place.
    pub fn samples_mut(&mut self) -> &mut [i16] {
        &mut self.samples[..self.rate.frame_samples()]
    }

    /// True if every sample is zero.
    pub fn is_silent(&self) -> bool {
        self.samples().iter().all(|&s| s == 0)
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Frame({} Hz, peak {})", self.rate.hz(), self.samples().iter().map(|s| s.unsigned_abs()).max().unwrap_or(0))
    }
}
