//! Recordings: what a file holds, as frames at a call's rate, one after the other.
//!
//! [`Recording::open`] takes an opened source (opening files is the shell's); [`Recording::next_frame`] gives 20 ms at a time
//! until `None`. A recording is streamed: memory does not grow with its length. All errors are sentences about the
//! file, and what came before an error is given first. Demuxers allocate per packet; nothing else here does.

use std::sync::Arc;
use std::time::Duration;

use symphonia::core::io::MediaSource;

use crate::base::{Frame, Rate};
use crate::sound::resample::{StreamResampler, to_i16};

mod error;
mod source;

pub use error::RecordingError;
use source::Source;

/// Recordings below this are narrow band (8 kHz), others wide band (16 kHz).
const WIDE_BAND_FROM_HZ: u32 = 12_000;

/// Which channels of a recording to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChannelChoice {
    /// The left one, or the only one.
    Left,
    /// The right one; an error if there is only one.
    Right,
    /// The mean of both, or the only one.
    Mix,
    /// Both apart; of a mono recording the only one.
    Both,
}

/// What a recording says about itself.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordingInfo {
    /// Samples a second in the file (for Opus, of what was encoded).
    pub source_hz: u32,
    /// Channels in the file: 1 or 2.
    pub channels: usize,
    /// Short name of the codec, like `flac` or `pcm_s16le`.
    pub codec: String,
    /// How long it should be, where the file says so.
    pub duration: Option<Duration>,
    /// The rate of the frames.
    pub rate: Rate,
}

/// 20 ms of a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordedFrame {
    /// The chosen channel; the left one of both.
    pub first: Frame,
    /// The right one, for [`ChannelChoice::Both`] of a stereo recording.
    pub second: Option<Frame>,
}

/// A recording being read.
pub struct Recording {
    source: Source,
    choice: ChannelChoice,
    info: RecordingInfo,
    resampler: StreamResampler,
    /// Channels given: 1 or 2.
    width: usize,
    /// As decoded, interleaved.
    decoded: Vec<f32>,
    /// Chosen, resampled, interleaved; `read` samples of it were given.
    ready: Vec<f32>,
    read: usize,
    state: State,
    truncated: bool,
}

#[derive(Debug)]
enum State {
    /// There may be more.
    Reading,
    /// Nothing follows but this error.
    Failing(RecordingError),
    /// Nothing follows.
    Over,
}

impl Recording {
    /// Opens a recording at the rate that suits it: 8 kHz for narrow band, else 16 kHz.
    ///
    /// `extension` of the file name is a hint only; what counts is the content.
    ///
    /// # Errors
    /// Whatever is wrong with its header or its first packet.
    pub fn open(source: Box<dyn MediaSource>, extension: Option<&str>, choice: ChannelChoice) -> Result<Recording, RecordingError> {
        Recording::open_as(source, extension, choice, None)
    }

    /// Opens a recording at a given rate, as prompts for a running call are.
    ///
    /// # Errors
    /// Whatever is wrong with its header or its first packet.
    pub fn open_at(source: Box<dyn MediaSource>, extension: Option<&str>, choice: ChannelChoice, rate: Rate) -> Result<Recording, RecordingError> {
        Recording::open_as(source, extension, choice, Some(rate))
    }

    fn open_as(
        source: Box<dyn MediaSource>,
        extension: Option<&str>,
        choice: ChannelChoice,
        rate: Option<Rate>,
    ) -> Result<Recording, RecordingError> {
        let mut source = Source::open(source, extension, |hz| rate.unwrap_or(suited(hz)))?;
        let mut decoded = Vec::new();
        let state = match source.next(&mut decoded) {
            Ok(true) => State::Reading,
            Ok(false) => return Err(RecordingError::NoSound),
            Err(cut) if cut.is_cut() && decoded.is_empty() => return Err(RecordingError::NoSound),
            Err(error) if decoded.is_empty() => return Err(error),
            Err(error) => State::Failing(error),
        };
        let spec = source.spec();
        if choice == ChannelChoice::Right && spec.channels == 1 {
            return Err(RecordingError::NoRightChannel);
        }
        let rate = rate.unwrap_or(suited(spec.source_hz));
        let width = if choice == ChannelChoice::Both { spec.channels } else { 1 };
        let info =
            RecordingInfo { source_hz: spec.source_hz, channels: spec.channels, codec: source.codec().to_owned(), duration: source.duration(), rate };
        let resampler = StreamResampler::new(spec.decoded_hz, rate, width);
        let mut recording = Recording { source, choice, info, resampler, width, decoded, ready: Vec::new(), read: 0, state, truncated: false };
        recording.take_decoded();
        if !matches!(recording.state, State::Reading) {
            recording.resampler.finish(&mut recording.ready);
        }
        Ok(recording)
    }

    /// What it says about itself.
    pub fn info(&self) -> &RecordingInfo {
        &self.info
    }

    /// True once it turned out that the file is cut off.
    pub fn truncated(&self) -> bool {
        self.truncated
    }

    /// Packets so far that were damaged; silence stands for them.
    pub fn damaged_packets(&self) -> u64 {
        self.source.damaged()
    }

    /// The next 20 ms, the last ones filled up with silence; `None` at the end.
    ///
    /// # Errors
    /// Once, behind all that came before it: what is wrong from here on. Then `None`.
    pub fn next_frame(&mut self) -> Result<Option<RecordedFrame>, RecordingError> {
        let wanted = self.info.rate.frame_samples() * self.width;
        self.fill(wanted);
        let n = wanted.min(self.ready.len() - self.read);
        if n == 0 {
            return self.end();
        }
        let samples = &self.ready[self.read..self.read + n];
        let heard = RecordedFrame { first: self.frame(samples, 0), second: (self.width == 2).then(|| self.frame(samples, 1)) };
        self.read += n;
        Ok(Some(heard))
    }

    /// All of it, if it is not longer than `limit`; of both channels, the left one.
    ///
    /// # Errors
    /// Anything wrong with it; prompts are whole or not at all.
    pub fn read_all(mut self, limit: Duration) -> Result<Arc<[i16]>, RecordingError> {
        let longest = (limit.as_secs_f64() * f64::from(self.info.rate.hz())) as usize;
        let mut samples = Vec::new();
        loop {
            self.fill(1);
            if self.ready.len() == self.read {
                return match self.end()? {
                    Some(_) | None => Ok(samples.into()),
                };
            }
            samples.extend(self.ready[self.read..].iter().step_by(self.width).map(|&s| to_i16(s)));
            self.read = self.ready.len();
            if samples.len() > longest {
                return Err(RecordingError::TooLong { limit_secs: limit.as_secs_f64() });
            }
        }
    }

    /// Reads until so many samples are ready, or there are no more.
    fn fill(&mut self, wanted: usize) {
        while self.ready.len() - self.read < wanted && matches!(self.state, State::Reading) {
            self.ready.drain(..self.read);
            self.read = 0;
            let next = self.source.next(&mut self.decoded);
            self.take_decoded();
            match next {
                Ok(true) => continue,
                Ok(false) if matches!(self.state, State::Reading) => self.state = State::Over,
                Err(error) if matches!(self.state, State::Reading) => self.state = State::Failing(error),
                Ok(false) | Err(_) => {}
            }
            self.resampler.finish(&mut self.ready);
        }
    }

    /// Chooses and resamples what was decoded, up to the first sample that is not a number.
    fn take_decoded(&mut self) {
        let channels = self.info.channels;
        let good = self.decoded.iter().position(|s| !s.is_finite()).unwrap_or(self.decoded.len()) / channels * channels;
        if good < self.decoded.len() {
            let before = self.source.frames_decoded() - ((self.decoded.len() - good) / channels) as u64;
            self.state = State::Failing(RecordingError::NotANumber { at_secs: self.source.secs(before) });
            self.decoded.truncate(good);
        }
        choose(&mut self.decoded, channels, self.choice);
        self.resampler.push(&self.decoded, &mut self.ready);
        self.decoded.clear();
    }

    fn frame(&self, samples: &[f32], channel: usize) -> Frame {
        let mut frame = Frame::silence(self.info.rate);
        for (to, &from) in frame.samples_mut().iter_mut().zip(samples.iter().skip(channel).step_by(self.width)) {
            *to = to_i16(from);
        }
        frame
    }

    fn end(&mut self) -> Result<Option<RecordedFrame>, RecordingError> {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Failing(error) => {
                self.truncated |= error.is_cut();
                Err(error)
            }
            State::Reading | State::Over => Ok(None),
        }
    }
}

fn suited(hz: u32) -> Rate {
    if hz < WIDE_BAND_FROM_HZ { Rate::Hz8000 } else { Rate::Hz16000 }
}

/// Leaves the chosen channels in place.
fn choose(samples: &mut Vec<f32>, channels: usize, choice: ChannelChoice) {
    if channels == 1 || choice == ChannelChoice::Both {
        return;
    }
    let n = samples.len() / channels;
    for i in 0..n {
        let (left, right) = (samples[i * channels], samples[i * channels + 1]);
        samples[i] = match choice {
            ChannelChoice::Left | ChannelChoice::Both => left,
            ChannelChoice::Right => right,
            ChannelChoice::Mix => (left + right) / 2.0,
        };
    }
    samples.truncate(n);
}
