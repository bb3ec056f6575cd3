//! Containers and codecs: packets in, interleaved samples of ±1.0 at the file's own rate out.
//!
//! Symphonia demuxes everything and decodes all but Opus, which libopus decodes at the call's rate, so that no
//! resampler stands behind it (RFC 7845: pre-skip and gain are obeyed).

use std::io::ErrorKind;
use std::time::Duration;

use symphonia::core::codecs::audio::well_known::CODEC_ID_OPUS;
use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatReader, Track, TrackType};
use symphonia::core::io::{MediaSource, MediaSourceStream};
use symphonia::core::packet::Packet;
use symphonia::core::units::TimeBase;

use super::RecordingError;
use crate::base::Rate;

/// What people record with.
const RATES_HZ: std::ops::RangeInclusive<u32> = 8_000..=192_000;
/// So many damaged packets in a row are no recording any more.
const MAX_DAMAGED_IN_A_ROW: u64 = 50;
/// A file may be so many seconds shorter than its header says, for encoders that round up to a block.
const ROUNDING_SECS: f64 = 0.1;
/// RFC 7845 §4: Opus positions count at 48 kHz.
const OPUS_HZ: u32 = 48_000;
/// RFC 6716 §2.1.4: an Opus packet holds at most 120 ms.
const OPUS_MAX_PACKET_MILLIS: u32 = 120;
/// RFC 7845 §5.1: bytes of the identification header up to and with the channel mapping family.
const OPUS_HEAD_BYTES: usize = 19;

/// How the samples come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spec {
    /// In the file.
    pub source_hz: u32,
    /// Of what comes out.
    pub decoded_hz: u32,
    /// Interleaved.
    pub channels: usize,
}

pub(super) struct Source {
    format: Box<dyn FormatReader>,
    decoder: Decoder,
    track: u32,
    time_base: Option<TimeBase>,
    codec: String,
    duration: Option<Duration>,
    /// `None` until the first packet.
    spec: Option<Spec>,
    /// Frames (samples of each channel) given.
    frames: u64,
    /// Frames of silence that stand for damaged packets and were not given yet.
    owed: u64,
    damaged: u64,
    damaged_in_a_row: u64,
}

enum Decoder {
    Symphonia(Box<dyn AudioDecoder>),
    Opus(OpusStream),
}

struct OpusStream {
    decoder: opus::Decoder,
    spec: Spec,
    /// Room for the longest packet.
    room: Vec<f32>,
    /// Frames of the pre-skip that are still to be left out.
    skip: usize,
}

/// What one packet gave.
enum Decoded {
    Samples(Spec),
    Damaged,
}

impl Source {
    /// Opens the container and its first audio track. `rate_for` chooses the rate at which Opus is decoded.
    pub fn open(source: Box<dyn MediaSource>, extension: Option<&str>, rate_for: impl Fn(u32) -> Rate) -> Result<Source, RecordingError> {
        if source.byte_len() == Some(0) {
            return Err(RecordingError::Empty);
        }
        let mut hint = Hint::new();
        if let Some(extension) = extension {
            hint.with_extension(extension);
        }
        let stream = MediaSourceStream::new(source, Default::default());
        let format = symphonia::default::get_probe().probe(&hint, stream, Default::default(), Default::default()).map_err(on_open)?;
        let track = format.default_track(TrackType::Audio).ok_or(RecordingError::NoSound)?;
        let params = track.codec_params.as_ref().and_then(|p| p.audio());
        let params = params.ok_or_else(|| RecordingError::Unsupported { detail: "unknown codec".into() })?;
        check_header(params)?;
        let (decoder, codec) = Decoder::open(params, track, rate_for)?;
        let (track, time_base, duration) = (track.id, track.time_base, duration(track));
        Ok(Source { format, decoder, track, time_base, codec, duration, spec: None, frames: 0, owed: 0, damaged: 0, damaged_in_a_row: 0 })
    }

    pub fn spec(&self) -> Spec {
        self.spec.expect("asked for after the first packet")
    }

    pub fn codec(&self) -> &str {
        &self.codec
    }

    pub fn duration(&self) -> Option<Duration> {
        self.duration
    }

    pub fn damaged(&self) -> u64 {
        self.damaged
    }

    pub fn frames_decoded(&self) -> u64 {
        self.frames
    }

    pub fn secs(&self, frames: u64) -> f64 {
        frames as f64 / f64::from(self.spec.map_or(1, |s| s.decoded_hz))
    }

    /// Appends the samples of the next packet that has any; false at the end.
    pub fn next(&mut self, out: &mut Vec<f32>) -> Result<bool, RecordingError> {
        let before = out.len();
        while out.len() == before {
            let packet = match self.format.next_packet() {
                Ok(Some(packet)) if packet.track_id == self.track => packet,
                Ok(Some(_)) => continue,
                Ok(None) => return self.end(),
                Err(Error::IoError(e)) if e.kind() == ErrorKind::UnexpectedEof => return self.end(),
                Err(Error::IoError(e)) => return Err(RecordingError::Unreadable { detail: e.to_string() }),
                Err(Error::ResetRequired) => return Err(RecordingError::Changes { at_secs: self.secs(self.frames) }),
                Err(e) => return Err(RecordingError::Malformed { detail: e.to_string() }),
            };
            match self.decoder.decode(&packet, out)? {
                Decoded::Samples(spec) => self.on_samples(spec, before, out)?,
                Decoded::Damaged => self.on_damage(&packet)?,
            }
        }
        Ok(true)
    }

    fn on_samples(&mut self, spec: Spec, before: usize, out: &mut Vec<f32>) -> Result<(), RecordingError> {
        match self.spec {
            None => check_spec(spec)?,
            Some(first) if first != spec => {
                out.truncate(before);
                return Err(RecordingError::Changes { at_secs: self.secs(self.frames) });
            }
            Some(_) => {}
        }
        self.spec = Some(spec);
        let silence = self.owed as usize * spec.channels;
        if silence > 0 {
            let end = out.len();
            out.resize(end + silence, 0.0);
            out.copy_within(before..end, before + silence);
            out[before..before + silence].fill(0.0);
        }
        self.frames += ((out.len() - before) / spec.channels) as u64;
        (self.owed, self.damaged_in_a_row) = (0, 0);
        Ok(())
    }

    /// Silence will stand for a damaged packet, so that what follows comes at its time; at the end nothing does.
    fn on_damage(&mut self, packet: &Packet) -> Result<(), RecordingError> {
        self.damaged += 1;
        self.damaged_in_a_row += 1;
        if self.damaged_in_a_row >= MAX_DAMAGED_IN_A_ROW {
            return Err(RecordingError::Malformed { detail: format!("nothing can be decoded after {:.3} s", self.secs(self.frames)) });
        }
        if let Some(spec) = self.spec {
            let secs = self.time_base.and_then(|base| base.calc_duration(packet.dur)).map_or(0.0, |time| time.as_secs_f64());
            self.owed += (secs.clamp(0.0, 1.0) * f64::from(spec.decoded_hz)).round() as u64;
        }
        Ok(())
    }

    /// The end, unless the header promised more.
    fn end(&self) -> Result<bool, RecordingError> {
        let at_secs = self.secs(self.frames);
        match self.duration {
            Some(promised) if self.spec.is_some() && promised.as_secs_f64() > at_secs + ROUNDING_SECS => Err(RecordingError::Cut { at_secs }),
            Some(_) | None => Ok(false),
        }
    }
}

impl Decoder {
    fn open(params: &AudioCodecParameters, track: &Track, rate_for: impl Fn(u32) -> Rate) -> Result<(Decoder, String), RecordingError> {
        if params.codec == CODEC_ID_OPUS {
            return Ok((Decoder::Opus(OpusStream::open(params, track, rate_for)?), "opus".into()));
        }
        let unknown = |e: Error| RecordingError::Unsupported { detail: e.to_string() };
        let decoder = symphonia::default::get_codecs().make_audio_decoder(params, &AudioDecoderOptions::default()).map_err(unknown)?;
        let codec = decoder.codec_info().short_name.to_owned();
        Ok((Decoder::Symphonia(decoder), codec))
    }

    /// Appends a packet's samples.
    fn decode(&mut self, packet: &Packet, out: &mut Vec<f32>) -> Result<Decoded, RecordingError> {
        let decoder = match self {
            Decoder::Opus(stream) => return Ok(stream.decode(packet, out)),
            Decoder::Symphonia(decoder) => decoder,
        };
        let samples = match decoder.decode(packet) {
            Ok(samples) => samples,
            Err(Error::DecodeError(_) | Error::IoError(_)) => return Ok(Decoded::Damaged),
            Err(e) => return Err(RecordingError::Malformed { detail: e.to_string() }),
        };
        let spec = Spec { source_hz: samples.spec().rate(), decoded_hz: samples.spec().rate(), channels: samples.spec().channels().count() };
        let before = out.len();
        out.resize(before + samples.samples_interleaved(), 0.0);
        samples.copy_to_slice_interleaved(&mut out[before..]);
        Ok(Decoded::Samples(spec))
    }
}

impl OpusStream {
    fn open(params: &AudioCodecParameters, track: &Track, rate_for: impl Fn(u32) -> Rate) -> Result<OpusStream, RecordingError> {
        let malformed = |detail: String| RecordingError::Malformed { detail };
        let head = params.extra_data.as_deref().filter(|head| head.len() >= OPUS_HEAD_BYTES && head.starts_with(b"OpusHead"));
        let head = head.ok_or_else(|| malformed("its Opus header is too short".into()))?;
        let channels = usize::from(head[9]);
        let layout = match (channels, head[18]) {
            (1, 0 | 1) => opus::Channels::Mono,
            (2, 0 | 1) => opus::Channels::Stereo,
            (count, _) => return Err(RecordingError::Channels { count }),
        };
        let recorded_hz = u32::from_le_bytes([head[12], head[13], head[14], head[15]]);
        let source_hz = if RATES_HZ.contains(&recorded_hz) { recorded_hz } else { OPUS_HZ };
        let decoded_hz = rate_for(source_hz).hz();
        let mut decoder = opus::Decoder::new(decoded_hz, layout).map_err(|e| malformed(e.to_string()))?;
        decoder.set_gain(i32::from(i16::from_le_bytes([head[16], head[17]]))).map_err(|e| malformed(e.to_string()))?;
        let room = vec![0.0; (decoded_hz * OPUS_MAX_PACKET_MILLIS / 1_000) as usize * channels];
        let skip = scaled(u64::from(track.delay.unwrap_or(0)), decoded_hz);
        Ok(OpusStream { decoder, spec: Spec { source_hz, decoded_hz, channels }, room, skip })
    }

    fn decode(&mut self, packet: &Packet, out: &mut Vec<f32>) -> Decoded {
        let channels = self.spec.channels;
        // An empty packet would ask libopus for concealment.
        let frames = if packet.data.is_empty() { Err(()) } else { self.decoder.decode_float(&packet.data, &mut self.room, false).map_err(|_| ()) };
        let Ok(frames) = frames else { return Decoded::Damaged };
        let end = frames - scaled(packet.trim_end.get(), self.spec.decoded_hz).min(frames);
        let start = self.skip.min(end);
        self.skip -= self.skip.min(frames);
        out.extend_from_slice(&self.room[start * channels..end * channels]);
        Decoded::Samples(self.spec)
    }
}

/// Positions at 48 kHz as samples at another rate.
fn scaled(at_48k: u64, hz: u32) -> usize {
    (at_48k * u64::from(hz) / u64::from(OPUS_HZ)) as usize
}

fn duration(track: &Track) -> Option<Duration> {
    let time = track.time_base?.calc_duration(track.duration?)?;
    Some(Duration::from_secs_f64(time.as_secs_f64().max(0.0)))
}

/// Refuses what its header says, before a decoder is asked for it.
fn check_header(params: &AudioCodecParameters) -> Result<(), RecordingError> {
    let channels = params.channels.as_ref().map_or(1, |c| c.count());
    match params.sample_rate {
        Some(hz) if !RATES_HZ.contains(&hz) => Err(RecordingError::SampleRate { hz }),
        _ if channels > 2 => Err(RecordingError::Channels { count: channels }),
        _ => Ok(()),
    }
}

fn check_spec(spec: Spec) -> Result<(), RecordingError> {
    match spec {
        Spec { source_hz, .. } if !RATES_HZ.contains(&source_hz) => Err(RecordingError::SampleRate { hz: source_hz }),
        Spec { channels, .. } if !(1..=2).contains(&channels) => Err(RecordingError::Channels { count: channels }),
        Spec { .. } => Ok(()),
    }
}

fn on_open(error: Error) -> RecordingError {
    match error {
        Error::IoError(e) if e.kind() == ErrorKind::UnexpectedEof => RecordingError::NotRecognized,
        Error::IoError(e) => RecordingError::Unreadable { detail: e.to_string() },
        Error::Unsupported(detail) if detail.starts_with("core") || detail.starts_with("probe") => RecordingError::NotRecognized,
        Error::Unsupported(detail) if detail.contains("missing") => RecordingError::Malformed { detail: detail.to_owned() },
        Error::Unsupported(detail) => RecordingError::Unsupported { detail: detail.to_owned() },
        Error::DecodeError(detail) | Error::LimitError(detail) => RecordingError::Malformed { detail: detail.to_owned() },
        other => RecordingError::Malformed { detail: other.to_string() },
    }
}
