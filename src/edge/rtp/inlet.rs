//! What the peer says: packets go in as they come, and one frame comes out each 20 ms.

use std::collections::VecDeque;

use crate::base::{FRAME_MILLIS, Frame, Rate, Time};
use crate::sound::codec::{Codec, CodecError, Decoder, MAX_DECODED};
use crate::sound::rtp::Packet;
use crate::sound::rtp::comfort::ComfortNoise;
use crate::sound::rtp::conceal::Concealment;
use crate::sound::rtp::jitter::{JitterBuffer, Kind, Pull};
use crate::sound::rtp::shorten::shorten;

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

    /// The next 20 ms, which were due so many times 20 ms ago; `None` until the peer has begun to send, or while it is silent
    /// for long.
    pub fn pull(&mut self, ago: u32) -> Option<Frame> {
        self.buffer.lag(f64::from(ago) * FRAME_MILLIS as f64);
        let wanted = self.rate.frame_samples();
        while self.fifo.len() < wanted {
            let is_ahead = !self.is_quiet && self.buffer.is_ahead();
            let got = match self.buffer.pull(self.is_quiet) {
                Pull::Waiting if self.pause.is_none() => return None,
                Pull::Waiting => Decoded::Pause,
                Pull::Comfort(payload) => {
                    self.pause = Some(ComfortNoise::of(payload));
                    Decoded::Pause
                }
                Pull::NoSound => Decoded::Silence,
                Pull::Payload(payload) => match self.decoder.decode(payload, &mut self.decoded) {
                    Ok(n) if is_ahead => Decoded::Samples(shorten(&mut self.decoded[..n.min(MAX_DECODED)], self.rate)),
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
        let (first, second) = self.fifo.as_slices();
        let n = first.len().min(wanted);
        frame.samples_mut()[..n].copy_from_slice(&first[..n]);
        frame.samples_mut()[n..].copy_from_slice(&second[..wanted - n]);
        self.fifo.drain(..wanted);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sound::codec::{Encoder, MAX_ENCODED};

    /// Plays a tone of 400 Hz that a clock sends which runs fast or slow by this share; gives each frame's level and its
    /// steepest step (with the last sample before it), and how deep the buffer was at most.
    fn listen(hours: f64, drift: f64, mut heard: impl FnMut(f64, u16)) -> f64 {
        let mut tone = Frame::silence(Rate::Hz8000);
        for (n, sample) in tone.samples_mut().iter_mut().enumerate() {
            *sample = (8_000.0 * (std::f64::consts::TAU * 400.0 * n as f64 / 8_000.0).sin()) as i16;
        }
        let mut payload = [0; MAX_ENCODED];
        let length = Encoder::new(Codec::Pcma, Rate::Hz8000).expect("codec").encode(&tone, &mut payload);
        let mut inlet = Inlet::new(Codec::Pcma, Rate::Hz8000).expect("codec");
        let (mut next, mut last, mut deepest) = (0u64, 0, 0.0f64);
        for tick in 0..(hours * 180_000.0) as u64 {
            let now = Time::from_millis(tick * 20);
            while next as f64 * 20.0 / (1.0 + drift) + 7.0 <= tick as f64 * 20.0 {
                let packet = Packet {
                    marker: false,
                    payload_type: 8,
                    sequence: next as u16,
                    timestamp: (next * 160) as u32,
                    ssrc: 1,
                    payload: &payload[..length],
                };
                inlet.push(&packet, Kind::Audio, now);
                next += 1;
            }
            deepest = deepest.max(inlet.buffer.depth_ms());
            let Some(frame) = inlet.pull(0) else { continue };
            let samples = frame.samples();
            let steps = std::iter::once(&last).chain(samples).zip(samples).map(|(a, b)| a.abs_diff(*b)).max();
            last = samples[samples.len() - 1];
            let energy: f64 = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum();
            heard((energy / samples.len() as f64).sqrt(), steps.unwrap_or(0));
        }
        deepest
    }

    #[test]
    fn a_clock_that_runs_fast_or_slow_for_four_hours_is_followed_without_an_audible_gap() {
        for drift in [0.0002, -0.0002] {
            let (mut frames, mut quietest, mut steepest) = (0u64, f64::MAX, 0);
            let deepest = listen(4.0, drift, |level, step| {
                frames += 1;
                if frames > 10 {
                    quietest = quietest.min(level);
                    steepest = steepest.max(step);
                }
            });
            // 8000 / √2 is the tone's level, 8000 · 2π · 400 / 8000 its steepest step.
            assert!(frames > 719_900, "{drift}: {frames}");
            assert!(quietest > 5_657.0 * 0.9, "{drift}: {quietest}");
            assert!(steepest < 2_513 + 500, "{drift}: {steepest}");
            assert!(deepest <= 120.0, "{drift}: {deepest}");
        }
    }
}
