//! What the peer says: packets go in as they come, and one frame comes out each 20 ms.

use std::collections::VecDeque;

use crate::base::{Frame, Rate, Time};
use crate::sound::codec::{Codec, CodecError, Decoder, MAX_DECODED};
use crate::sound::rtp::Packet;
use crate::sound::rtp::comfort::ComfortNoise;
use crate::sound::rtp::conceal::Concealment;
use crate::sound::rtp::jitter::{JitterBuffer, Kind, Pull};

/// A frame whose peak is below this may be dropped without being missed (about −50 dBFS).
const QUIET_PEAK: u16 = 100;

/// The peer's sound.
pub(super) struct Inlet {
    rate: Rate,
    decoder: Decoder,
    pub buffer: JitterBuffer,
    concealment: Concealment,
    /// The peer pauses, and its line sounds like this.
    pause: Option<ComfortNoise>,
    /// Decoded, not yet played.
    fifo: VecDeque<i16>,
    decoded: Box<[i16; MAX_DECODED]>,
    is_quiet: bool,
    /// Payloads that the codec could not decode.
    pub undecodable: u64,
}

impl Inlet {
    pub fn new(codec: Codec, rate: Rate) -> Result<Inlet, CodecError> {
        Ok(Inlet {
            rate,
            decoder: Decoder::new(codec, rate)?,
            buffer: JitterBuffer::new(codec.clock_hz()),
            concealment: Concealment::new(rate),
            pause: None,
            fifo: VecDeque::with_capacity(2 * MAX_DECODED),
            decoded: Box::new([0; MAX_DECODED]),
            is_quiet: true,
            undecodable: 0,
        })
    }

    /// Another codec from now on.
    pub fn change(&mut self, codec: Codec) -> Result<(), CodecError> {
        self.decoder = Decoder::new(codec, self.rate)?;
        self.buffer.change_clock(codec.clock_hz());
        self.fifo.clear();
        self.pause = None;
        Ok(())
    }

    pub fn push(&mut self, packet: &Packet<'_>, kind: Kind, now: Time) {
        self.buffer.push(packet, kind, now);
    }

    /// True if what was played last would not have been missed.
    pub fn is_quiet(&self) -> bool {
        self.is_quiet
    }

    /// Samples that wait to be played.
    #[cfg(test)]
    pub fn waiting(&self) -> usize {
        self.fifo.len()
    }

    /// The next 20 ms; `None` until the peer has begun to send, or while it is silent for long.
    pub fn pull(&mut self) -> Option<Frame> {
        let wanted = self.rate.frame_samples();
        while self.fifo.len() < wanted {
            let got = match self.buffer.pull(self.is_quiet) {
                Pull::Waiting if self.pause.is_none() => return None,
                Pull::Waiting => Decoded::Pause,
                Pull::Comfort(payload) => {
                    self.pause = Some(ComfortNoise::of(payload));
                    Decoded::Pause
                }
                Pull::NoSound => Decoded::Silence,
                Pull::Payload(payload) => match self.decoder.decode(payload, &mut self.decoded) {
                    Ok(n) => Decoded::Samples(n),
                    Err(_) => {
                        self.undecodable += 1;
                        Decoded::Lost
                    }
                },
                Pull::Lost(next) => match next.and_then(|next| self.decoder.recover(next, &mut self.decoded)) {
                    Some(n) => Decoded::Samples(n),
                    None => Decoded::Lost,
                },
            };
            self.append(got, wanted);
        }
        let mut frame = Frame::silence(self.rate);
        for (to, from) in frame.samples_mut().iter_mut().zip(self.fifo.drain(..wanted)) {
            *to = from;
        }
        self.is_quiet = frame.samples().iter().all(|sample| sample.unsigned_abs() < QUIET_PEAK);
        Some(frame)
    }

    fn append(&mut self, got: Decoded, wanted: usize) {
        match got {
            Decoded::Samples(n) => {
                self.pause = None;
                let samples = &mut self.decoded[..n.min(MAX_DECODED)];
                self.concealment.heard(samples);
                self.fifo.extend(samples.iter());
            }
            Decoded::Silence => self.fifo.extend(std::iter::repeat_n(0, wanted)),
            Decoded::Pause => {
                if let Some(noise) = &mut self.pause {
                    noise.fill(&mut self.decoded[..wanted]);
                }
                self.fifo.extend(&self.decoded[..wanted]);
            }
            Decoded::Lost => {
                let n = self.decoder.conceal(&mut self.decoded).unwrap_or(0);
                if n == 0 {
                    self.concealment.conceal(&mut self.decoded[..wanted]);
                }
                self.fifo.extend(&self.decoded[..if n == 0 { wanted } else { n }]);
            }
        }
    }
}

/// What came out of a pull.
enum Decoded {
    Samples(usize),
    Silence,
    Pause,
    Lost,
}
