//! Encoders and decoders of one leg, at the rate of its call. Nothing allocates per frame.
//!
//! G.722 in a narrow-band call and G.711 in a wide-band call are resampled (10 ms late).

use audio_codec::g722::{Bitrate, G722Decoder, G722Encoder};
use audio_codec::{Decoder as _, Encoder as _};

use super::Codec;
use crate::base::{Frame, MAX_FRAME_SAMPLES, Rate};
use crate::sound::g711;
use crate::sound::resample::FrameResampler;

/// Samples that a packet may decode to: 120 ms at 16 kHz, the longest of Opus (RFC 6716, 2.1.4).
pub const MAX_DECODED: usize = 1_920;
/// Frames that one packet may hold: 60 ms.
pub const MAX_PACKET_FRAMES: usize = 3;
/// Octets that a packet may be coded to: 60 ms at 64 kbit/s.
pub const MAX_ENCODED: usize = 480;
/// Opus at this rate in bit/s, as wide-band telephony uses it. With less than 26,000 it leaves its forward error correction out in
/// wide band, at this effort and loss (libopus, `decide_fec`).
const OPUS_BITRATE: i32 = 28_000;
/// Encoding effort of Opus: beyond 5 it costs more than phones can tell.
const OPUS_COMPLEXITY: i32 = 5;
/// Share of packets that Opus's forward error correction prepares for, in percent.
const OPUS_EXPECTED_LOSS: i32 = 5;

/// A codec could not be set up, or met something that it can't decode.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{codec}: {what}")]
pub struct CodecError {
    codec: &'static str,
    what: String,
}

fn opus_error(error: opus::Error) -> CodecError {
    CodecError { codec: "opus", what: error.to_string() }
}

/// From frames to payloads.
pub struct Encoder {
    inner: Inner,
    rate: Rate,
}

enum Inner {
    Pcmu(FrameResampler),
    Pcma(FrameResampler),
    G722(G722Encoder, FrameResampler),
    Opus(opus::Encoder),
}

impl Encoder {
    /// An encoder of frames at this rate.
    ///
    /// # Errors
    /// Opus can't be set up.
    pub fn new(codec: Codec, rate: Rate) -> Result<Encoder, CodecError> {
        let inner = match codec {
            Codec::Pcmu => Inner::Pcmu(FrameResampler::new(rate, Rate::Hz8000)),
            Codec::Pcma => Inner::Pcma(FrameResampler::new(rate, Rate::Hz8000)),
            Codec::G722 => Inner::G722(G722Encoder::with_options(Bitrate::Mode1_64000, false, false), FrameResampler::new(rate, Rate::Hz16000)),
            Codec::Opus => {
                let mut opus = opus::Encoder::new(rate.hz(), opus::Channels::Mono, opus::Application::Voip).map_err(opus_error)?;
                opus.set_bitrate(opus::Bitrate::Bits(OPUS_BITRATE)).map_err(opus_error)?;
                opus.set_complexity(OPUS_COMPLEXITY).map_err(opus_error)?;
                opus.set_inband_fec(true).map_err(opus_error)?;
                opus.set_packet_loss_perc(OPUS_EXPECTED_LOSS).map_err(opus_error)?;
                Inner::Opus(opus)
            }
        };
        Ok(Encoder { inner, rate })
    }

    /// Codes 20 ms into `out`; gives its length. A frame at another rate is silence.
    pub fn encode(&mut self, frame: &Frame, out: &mut [u8; MAX_ENCODED]) -> usize {
        self.encode_packet(std::slice::from_ref(frame), out)
    }

    /// Codes at most [`MAX_PACKET_FRAMES`] frames as one payload; gives its length. What is too much is left out.
    pub fn encode_packet(&mut self, frames: &[Frame], out: &mut [u8; MAX_ENCODED]) -> usize {
        let frames = &frames[..frames.len().min(MAX_PACKET_FRAMES)];
        let mut together = [0; MAX_PACKET_FRAMES * MAX_FRAME_SAMPLES];
        let (mut filled, mut length) = (0, 0);
        let silence = Frame::silence(self.rate);
        for frame in frames {
            let frame = if frame.rate() == self.rate { frame } else { &silence };
            let out = &mut out[length..];
            length += match &mut self.inner {
                Inner::Pcmu(resampler) => map(&resampler.push(frame), out, g711::ulaw_encode),
                Inner::Pcma(resampler) => map(&resampler.push(frame), out, g711::alaw_encode),
                Inner::G722(g722, resampler) => g722.encode_into(resampler.push(frame).samples(), out).unwrap_or(0),
                Inner::Opus(_) => {
                    together[filled..filled + frame.samples().len()].copy_from_slice(frame.samples());
                    filled += frame.samples().len();
                    0
                }
            };
        }
        match &mut self.inner {
            // One packet of 40 or 60 ms (RFC 6716, 2.1.4).
            Inner::Opus(opus) => opus.encode(&together[..filled], out).unwrap_or(0),
            Inner::Pcmu(_) | Inner::Pcma(_) | Inner::G722(..) => length,
        }
    }
}

fn map(frame: &Frame, out: &mut [u8], code: impl Fn(i16) -> u8) -> usize {
    for (to, &sample) in out.iter_mut().zip(frame.samples()) {
        *to = code(sample);
    }
    frame.samples().len()
}

/// From payloads to samples.
pub struct Decoder {
    inner: DecoderInner,
    rate: Rate,
}

enum DecoderInner {
    G711 { meaning: &'static [i16; 256], resampler: FrameResampler },
    G722 { decoder: G722Decoder, resampler: FrameResampler, wide: Box<[i16; MAX_DECODED]> },
    Opus(opus::Decoder),
}

impl Decoder {
    /// A decoder to samples at this rate.
    ///
    /// # Errors
    /// Opus can't be set up.
    pub fn new(codec: Codec, rate: Rate) -> Result<Decoder, CodecError> {
        let g711 = |meaning| DecoderInner::G711 { meaning, resampler: FrameResampler::new(Rate::Hz8000, rate) };
        let inner = match codec {
            Codec::Pcmu => g711(&g711::ULAW),
            Codec::Pcma => g711(&g711::ALAW),
            Codec::G722 => DecoderInner::G722 {
                decoder: G722Decoder::with_options(Bitrate::Mode1_64000, false, false),
                resampler: FrameResampler::new(Rate::Hz16000, rate),
                wide: Box::new([0; MAX_DECODED]),
            },
            Codec::Opus => DecoderInner::Opus(opus::Decoder::new(rate.hz(), opus::Channels::Mono).map_err(opus_error)?),
        };
        Ok(Decoder { inner, rate })
    }

    /// Decodes a payload into `out`; gives the number of samples.
    ///
    /// # Errors
    /// What is no payload of the codec, or too long.
    pub fn decode(&mut self, payload: &[u8], out: &mut [i16; MAX_DECODED]) -> Result<usize, CodecError> {
        match &mut self.inner {
            DecoderInner::G711 { meaning, resampler } => {
                let most = if self.rate == Rate::Hz8000 { MAX_DECODED } else { MAX_DECODED / 2 };
                if payload.is_empty() || payload.len() > most {
                    return Err(CodecError { codec: "G.711", what: format!("{} octets", payload.len()) });
                }
                let mut written = 0;
                for chunk in payload.chunks(Rate::Hz8000.frame_samples()) {
                    let mut samples = [0; MAX_FRAME_SAMPLES];
                    for (to, &code) in samples.iter_mut().zip(chunk) {
                        *to = meaning[usize::from(code)];
                    }
                    let frame = resampler.push(&Frame::from_samples(Rate::Hz8000, &samples[..chunk.len()]));
                    let n = chunk.len() * self.rate.hz() as usize / Rate::Hz8000.hz() as usize;
                    out[written..written + n].copy_from_slice(&frame.samples()[..n]);
                    written += n;
                }
                Ok(written)
            }
            DecoderInner::G722 { decoder, resampler, wide } => {
                let taken = decoder.decode_into(payload, &mut wide[..]).map_err(|error| CodecError { codec: "G.722", what: format!("{error:?}") })?;
                if taken == 0 {
                    return Err(CodecError { codec: "G.722", what: "0 octets".into() });
                }
                let mut written = 0;
                for chunk in wide[..taken].chunks(Rate::Hz16000.frame_samples()) {
                    let n = chunk.len() * self.rate.hz() as usize / Rate::Hz16000.hz() as usize;
                    let frame = resampler.push(&Frame::from_samples(Rate::Hz16000, chunk));
                    out[written..written + n].copy_from_slice(&frame.samples()[..n]);
                    written += n;
                }
                Ok(written)
            }
            DecoderInner::Opus(opus) => opus.decode(payload, out, false).map_err(opus_error),
        }
    }

    /// What was lost before this payload, from the redundancy that Opus put into it; `None` where the codec has none.
    pub fn recover(&mut self, next: &[u8], out: &mut [i16; MAX_DECODED]) -> Option<usize> {
        match &mut self.inner {
            DecoderInner::Opus(opus) => opus.decode(next, &mut out[..self.rate.frame_samples()], true).ok(),
            DecoderInner::G711 { .. } | DecoderInner::G722 { .. } => None,
        }
    }

    /// The codec's own guess at 20 ms that were lost; `None` where it has none.
    pub fn conceal(&mut self, out: &mut [i16; MAX_DECODED]) -> Option<usize> {
        match &mut self.inner {
            DecoderInner::Opus(opus) => opus.decode(&[], &mut out[..self.rate.frame_samples()], false).ok(),
            DecoderInner::G711 { .. } | DecoderInner::G722 { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tone of 440 Hz.
    fn tone(rate: Rate, n: usize) -> Frame {
        let mut frame = Frame::silence(rate);
        let first = n * rate.frame_samples();
        for (i, sample) in frame.samples_mut().iter_mut().enumerate() {
            *sample = (8_000.0 * (std::f64::consts::TAU * 440.0 * (first + i) as f64 / f64::from(rate.hz())).sin()) as i16;
        }
        frame
    }

    fn rms(samples: &[i16]) -> f64 {
        (samples.iter().map(|&s| f64::from(s).powi(2)).sum::<f64>() / samples.len() as f64).sqrt()
    }

    #[test]
    fn a_tone_comes_through_every_codec_at_either_rate() {
        for codec in [Codec::Pcmu, Codec::Pcma, Codec::G722, Codec::Opus] {
            for rate in [Rate::Hz8000, Rate::Hz16000] {
                let (mut encoder, mut decoder) = (Encoder::new(codec, rate).expect("codec"), Decoder::new(codec, rate).expect("codec"));
                let (mut payload, mut out) = ([0; MAX_ENCODED], [0; MAX_DECODED]);
                let mut heard = Vec::new();
                for n in 0..50 {
                    let len = encoder.encode(&tone(rate, n), &mut payload);
                    let n = decoder.decode(&payload[..len], &mut out).expect("payload");
                    assert_eq!(n, rate.frame_samples(), "{codec:?} {rate:?}");
                    heard.extend_from_slice(&out[..n]);
                }
                let level = rms(&heard[heard.len() / 2..]);
                assert!((4_600.0..6_500.0).contains(&level), "{codec:?} {rate:?}: {level}");
            }
        }
    }

    #[test]
    fn several_frames_make_one_payload_that_decodes_to_as_many() {
        for codec in [Codec::Pcmu, Codec::Pcma, Codec::G722, Codec::Opus] {
            for frames in 1..=MAX_PACKET_FRAMES {
                let (mut encoder, mut decoder) =
                    (Encoder::new(codec, Rate::Hz16000).expect("codec"), Decoder::new(codec, Rate::Hz16000).expect("codec"));
                let (mut payload, mut out) = ([0; MAX_ENCODED], [0; MAX_DECODED]);
                let mut level = 0.0;
                for n in 0..20 {
                    let sound: Vec<Frame> = (0..frames).map(|k| tone(Rate::Hz16000, n * frames + k)).collect();
                    let length = encoder.encode_packet(&sound, &mut payload);
                    let decoded = decoder.decode(&payload[..length], &mut out).expect("payload");
                    assert_eq!(decoded, frames * 320, "{codec:?}");
                    level = rms(&out[..decoded]);
                }
                assert!((4_600.0..6_500.0).contains(&level), "{codec:?} {frames}: {level}");
            }
        }
    }

    #[test]
    fn payloads_that_are_none_are_refused_and_break_nothing() {
        for codec in [Codec::Pcmu, Codec::Pcma, Codec::G722, Codec::Opus] {
            let mut decoder = Decoder::new(codec, Rate::Hz8000).expect("codec");
            let mut out = [0; MAX_DECODED];
            assert!(decoder.decode(&[0; 4_000], &mut out).is_err(), "{codec:?}");
            if codec != Codec::Opus {
                assert!(decoder.decode(&[], &mut out).is_err(), "{codec:?}");
            }
            assert!(decoder.decode(&[0xff; 80], &mut out).is_ok() || codec == Codec::Opus);
        }
    }
}
