//! What a test call sounded like: a stereo WAV, what was said on the left, what was heard on the right.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use hound::{SampleFormat, WavSpec, WavWriter};

use crate::base::Frame;
use crate::sound::recorder::StereoFrame;

use super::RATE;

/// Octets that are written in one go: 2 s of a call, so that a disk is asked seldom.
const BUFFER: usize = 64 * 1024;

/// A recording that grows.
pub struct Tape {
    wav: Option<WavWriter<BufWriter<File>>>,
}

impl Tape {
    /// Makes the file, if one is wanted. A disk that fails ends the recording and not the call, and is logged.
    pub fn open(path: Option<&Path>) -> Tape {
        let spec = WavSpec { channels: 2, sample_rate: RATE.hz(), bits_per_sample: 16, sample_format: SampleFormat::Int };
        let made = path.map(|path| {
            let file = File::create(path).map_err(hound::Error::IoError)?;
            WavWriter::new(BufWriter::with_capacity(BUFFER, file), spec)
        });
        Tape { wav: made.transpose().unwrap_or_else(failed) }
    }

    /// Another 20 ms.
    pub fn push(&mut self, said: &Frame, heard: Option<&Frame>) {
        let Some(wav) = &mut self.wav else { return };
        if let Err(error) = StereoFrame::new(RATE, Some(said), heard).samples().iter().try_for_each(|&sample| wav.write_sample(sample)) {
            self.wav = failed(error);
        }
    }

    /// Writes what is left.
    pub fn finish(self) {
        if let Some(Err(error)) = self.wav.map(WavWriter::finalize) {
            failed::<()>(error);
        }
    }
}

fn failed<T>(error: hound::Error) -> Option<T> {
    tracing::error!(%error, "a test call is not recorded any further");
    None
}
