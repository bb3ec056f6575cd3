//! What the peer hears: one frame goes in each 20 ms, and packets of the length that the peer wants come out.

use crate::base::{FRAME_MILLIS, Frame, Key, Rate, Time};
use crate::edge::MediaPlan;
use crate::sound::codec::{Codec, CodecError, Encoder, MAX_ENCODED, MAX_PACKET_FRAMES};
use crate::sound::rtp::egress::Egress;
use crate::sound::rtp::events::EventSender;
use crate::sound::rtp::{Packet, comfort};

/// Comfort noise is sent at the beginning of a pause, and again after so many frames (1 s): the level does not change.
const COMFORT_EVERY: u32 = 50;
/// After so many frames in which nothing was sent (15 s; RFC 6263, 8), something is, so that a way through NAT stays open.
const KEEP_ALIVE_AFTER: u32 = 750;

/// Frames in a second.
const FRAMES_PER_SECOND: u32 = 1_000 / FRAME_MILLIS as u32;

/// Our sound to one peer.
pub(super) struct Outlet {
    rate: Rate,
    encoder: Encoder,
    pub egress: Egress,
    events: EventSender,
    /// Frames that wait for their packet to be full.
    packing: [Frame; MAX_PACKET_FRAMES],
    packed: usize,
    /// Frames since something was meant for the peer.
    paused: u32,
    /// Frames since anything was sent.
    unsent: u32,
    /// A packet of another leg was passed on since the last rest.
    has_relayed: bool,
}

/// What is to be sent in these 20 ms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// A packet of so many octets.
    Packet(usize),
    /// An empty datagram (RFC 6263, 4.1).
    KeepAlive,
    /// Nothing.
    Nothing,
}

impl Outlet {
    pub fn new(codec: Codec, rate: Rate, egress: Egress) -> Result<Outlet, CodecError> {
        Ok(Outlet {
            rate,
            encoder: Encoder::new(codec, rate)?,
            egress,
            events: EventSender::default(),
            packing: [Frame::silence(rate); MAX_PACKET_FRAMES],
            packed: 0,
            paused: 0,
            unsent: 0,
            has_relayed: false,
        })
    }

    /// Another codec from now on.
    pub fn change(&mut self, codec: Codec) -> Result<(), CodecError> {
        self.encoder = Encoder::new(codec, self.rate)?;
        self.egress.change_clock(codec.clock_hz());
        self.packed = 0;
        Ok(())
    }

    pub fn press(&mut self, key: Key) {
        self.events.press(key);
    }

    /// True while a key is being sent.
    pub fn is_pressing(&self) -> bool {
        self.events.is_busy()
    }

    /// Writes what these 20 ms bring into `out`.
    pub fn next(&mut self, frame: Option<&Frame>, plan: &MediaPlan, now: Time, out: &mut [u8]) -> Due {
        self.egress.end_relay();
        let event = plan
            .event_payload
            .and_then(|payload| self.events.next(self.egress.timestamp(), plan.event_clock_hz / FRAMES_PER_SECOND, now).map(|e| (payload, e)));
        let length = match (event, frame.filter(|_| plan.sends)) {
            (Some((payload_type, event)), _) => {
                self.packed = 0;
                self.egress.event(payload_type, event.marker, event.timestamp, &event.payload).encode(out)
            }
            (None, Some(frame)) => {
                self.paused = 0;
                self.pack(frame, plan, out)
            }
            (None, None) => self.pause(plan, out),
        };
        self.pass(length.is_some());
        match length {
            Some(length) => Due::Packet(length),
            None => self.keep_alive(),
        }
    }

    /// So many times 20 ms in which packets of another leg are passed on, if any come; those carry the clock with them.
    pub fn rest(&mut self, frames: u32) -> Due {
        self.packed = 0;
        self.paused = 0;
        if !std::mem::take(&mut self.has_relayed) {
            (0..frames).for_each(|_| self.pass(false));
        }
        self.keep_alive()
    }

    /// A packet of another leg with our numbers, or `None` if it is not passed on.
    pub fn relay<'a>(&mut self, packet: &Packet<'a>, payload_type: u8) -> Option<Packet<'a>> {
        self.unsent = 0;
        self.has_relayed = true;
        self.egress.relay(packet, payload_type)
    }

    fn pass(&mut self, is_sent: bool) {
        self.egress.advance();
        self.unsent = if is_sent { 0 } else { self.unsent.saturating_add(1) };
    }

    fn keep_alive(&mut self) -> Due {
        if self.unsent < KEEP_ALIVE_AFTER {
            return Due::Nothing;
        }
        self.unsent = 0;
        Due::KeepAlive
    }

    fn pack(&mut self, frame: &Frame, plan: &MediaPlan, out: &mut [u8]) -> Option<usize> {
        self.packing[self.packed] = *frame;
        self.packed += 1;
        let wanted = (u64::from(plan.ptime_ms) / FRAME_MILLIS).clamp(1, MAX_PACKET_FRAMES as u64) as usize;
        if self.packed < wanted { None } else { self.flush(plan, 0, out) }
    }

    /// Sends the frames that wait, the last of which came `ago` frames before.
    fn flush(&mut self, plan: &MediaPlan, ago: u32, out: &mut [u8]) -> Option<usize> {
        let mut payload = [0; MAX_ENCODED];
        let frames = std::mem::take(&mut self.packed);
        let length = self.encoder.encode_packet(&self.packing[..frames], &mut payload);
        self.egress.sound(plan.payload, frames as u32 - 1 + ago, &payload[..length]).encode(out)
    }

    fn pause(&mut self, plan: &MediaPlan, out: &mut [u8]) -> Option<usize> {
        if self.packed > 0 && plan.sends {
            return self.flush(plan, 1, out);
        }
        self.packed = 0;
        let is_first = self.paused.is_multiple_of(COMFORT_EVERY);
        self.paused = self.paused.saturating_add(1);
        if is_first && plan.comfort_noise && plan.sends && self.egress.sent().0 > 0 {
            return self.egress.comfort(comfort::PAYLOAD_TYPE, &comfort::payload()).encode(out);
        }
        self.egress.silence();
        None
    }
}
