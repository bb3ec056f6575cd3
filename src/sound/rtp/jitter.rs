//! The jitter buffer of one leg: packets in order and in time.
//!
//! [`JitterBuffer::push`] takes packets as they come, [`JitterBuffer::pull`] gives one for each packet time. How much is
//! held back follows the network: the 95th percentile of recent delays, within 20 to 120 ms. What runs ahead, because
//! the peer's clock is faster or the network calmed down, is dropped in silence, and shortened where there is none
//! ([`JitterBuffer::is_ahead`]): at once where it is much, and where it is one packet that was never needed for ten seconds.
//! What runs dry is made up and waits again. Packets that are no sound (keys, comfort noise) hold their place in the order;
//! a pause that comfort noise announces is no loss.

mod delays;
mod spare;

use crate::base::Time;

use super::{Extended, MAX_DATAGRAM, MAX_JUMP, Packet};
use delays::Delays;
use spare::Spare;

/// Packets that are held at most.
const SLOTS: usize = 64;
/// Octets that a slot has room for from the beginning: 20 ms of any codec (G.711 takes 160).
const SLOT_OCTETS: usize = 192;
/// So much more than wanted, in ms, is dropped when the caller is quiet …
const SLACK_MS: f64 = 30.0;
/// … and so much more at once.
const TOO_MUCH_MS: f64 = 160.0;
/// Packets in a row that are made up before the buffer waits for new ones.
const MADE_UP: u32 = 5;
/// Length of a packet before two have come, in ms.
const PACKET_MS: f64 = 20.0;

/// What a packet is to the buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Sound.
    Audio,
    /// The peer pauses, and says how its line sounds meanwhile.
    Comfort,
    /// It holds its place, but there is nothing to decode.
    NoSound,
}

/// What is to be played next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pull<'a> {
    /// Nothing has come, or the buffer fills.
    Waiting,
    /// Decode this.
    Payload(&'a [u8]),
    /// The peer pauses: noise as this payload says, until there is sound again.
    Comfort(&'a [u8]),
    /// The packet was no sound.
    NoSound,
    /// It is lost or late; the one after it, if that has come, may hold its redundancy.
    Lost(Option<&'a [u8]>),
}

/// What happened to packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JitterCounts {
    /// Taken.
    pub taken: u64,
    /// Never came, or too late.
    pub lost: u64,
    /// Came after their time.
    pub late: u64,
    /// Came twice.
    pub duplicates: u64,
    /// Left out because too many were held.
    pub dropped: u64,
    /// The stream began anew.
    pub resets: u64,
    /// Too long, left out.
    pub too_long: u64,
}

struct Slot {
    sequence: u64,
    kind: Option<Kind>,
    /// Grows once where a peer sends longer packets than nearly all do.
    payload: Vec<u8>,
}

/// Packets of one leg that wait to be played.
pub struct JitterBuffer {
    slots: Box<[Slot]>,
    clock_hz: u32,
    source: Option<u32>,
    extended: Extended,
    /// The next to be played.
    next: u64,
    /// The highest that has come.
    highest: Option<u64>,
    is_waiting: bool,
    /// The last that was played said that the peer pauses.
    is_pause: bool,
    made_up: u32,
    delays: Delays,
    spare: Spare,
    packet_ms: f64,
    last: Option<(u64, u32)>,
    /// What is pulled now was due so long ago, in ms.
    ago_ms: f64,
    counts: JitterCounts,
}

impl JitterBuffer {
    /// An empty one, for a codec's RTP clock.
    pub fn new(clock_hz: u32) -> Self {
        let slot = |_| Slot { sequence: 0, kind: None, payload: Vec::with_capacity(SLOT_OCTETS) };
        JitterBuffer {
            slots: (0..SLOTS).map(slot).collect(),
            clock_hz,
            source: None,
            extended: Extended::default(),
            next: 0,
            highest: None,
            is_waiting: true,
            is_pause: false,
            made_up: 0,
            delays: Delays::default(),
            spare: Spare::default(),
            packet_ms: PACKET_MS,
            last: None,
            ago_ms: 0.0,
            counts: JitterCounts::default(),
        }
    }

    /// What happened so far.
    pub fn counts(&self) -> JitterCounts {
        self.counts
    }

    /// How much is held back now, in ms.
    pub fn held_ms(&self) -> f64 {
        self.delays.held_ms()
    }

    /// The length of the peer's packets, in ms.
    pub fn packet_ms(&self) -> f64 {
        self.packet_ms
    }

    /// Another codec, another RTP clock: begins anew, but goes on counting.
    pub fn change_clock(&mut self, clock_hz: u32) {
        let counts = self.counts;
        *self = JitterBuffer { counts, ..JitterBuffer::new(clock_hz) };
    }

    /// How much waits to be played, in ms.
    pub fn depth_ms(&self) -> f64 {
        self.highest.map_or(0.0, |highest| (highest + 1).saturating_sub(self.next) as f64 * self.packet_ms)
    }

    /// What is pulled from now on was due so long ago, in ms: what has come since then is no surplus.
    pub fn lag(&mut self, ago_ms: f64) {
        self.ago_ms = ago_ms;
    }

    fn due_ms(&self) -> f64 {
        self.depth_ms() - self.ago_ms
    }

    fn extra_ms(&self) -> f64 {
        self.due_ms() - self.held_ms() - self.packet_ms
    }

    /// True if so much more than wanted is held that what is decoded should be shortened.
    pub fn is_ahead(&self) -> bool {
        !self.is_waiting && (self.extra_ms() > SLACK_MS || self.spare.is_there())
    }

    /// Takes a packet.
    pub fn push(&mut self, packet: &Packet<'_>, kind: Kind, now: Time) {
        if packet.payload.len() > MAX_DATAGRAM {
            self.counts.too_long += 1;
            return;
        }
        if self.source != Some(packet.ssrc) {
            self.begin(packet.ssrc);
        }
        let mut sequence = self.extended.extend(packet.sequence);
        if self.highest.is_some_and(|highest| sequence.abs_diff(highest) > MAX_JUMP) {
            self.begin(packet.ssrc);
            sequence = self.extended.extend(packet.sequence);
        }
        let Some(highest) = self.highest else {
            self.next = sequence;
            return self.store(sequence, packet, kind, now);
        };
        // Before anything was played, an earlier packet may still become the first.
        if self.is_waiting && self.made_up == 0 && sequence < self.next && highest - sequence < SLOTS as u64 {
            self.next = sequence;
        }
        if sequence < self.next {
            self.counts.late += 1;
            self.note_delay(packet.timestamp, kind, now);
            return;
        }
        if self.kind_of(sequence).is_some() {
            self.counts.duplicates += 1;
            return;
        }
        while sequence - self.next >= SLOTS as u64 {
            self.drop_next();
        }
        self.store(sequence, packet, kind, now);
    }

    fn begin(&mut self, source: u32) {
        if self.source.is_some() {
            self.counts.resets += 1;
        }
        for slot in &mut self.slots {
            slot.kind = None;
        }
        self.source = Some(source);
        self.extended = Extended::default();
        self.highest = None;
        self.is_waiting = true;
        self.is_pause = false;
        self.made_up = 0;
        self.delays.forget();
        self.last = None;
    }

    fn store(&mut self, sequence: u64, packet: &Packet<'_>, kind: Kind, now: Time) {
        self.counts.taken += 1;
        self.note_length(sequence, packet, kind);
        self.highest = Some(self.highest.map_or(sequence, |highest| highest.max(sequence)));
        let slot = &mut self.slots[sequence as usize % SLOTS];
        slot.sequence = sequence;
        slot.kind = Some(kind);
        slot.payload.clear();
        slot.payload.extend_from_slice(packet.payload);
        self.note_delay(packet.timestamp, kind, now);
    }

    /// The length of a packet is the distance of two that follow each other without a pause between them.
    fn note_length(&mut self, sequence: u64, packet: &Packet<'_>, kind: Kind) {
        if kind != Kind::Audio {
            self.last = None;
            return;
        }
        if let Some((last, earlier)) = self.last
            && sequence == last + 1
            && !packet.marker
        {
            let ms = f64::from(packet.timestamp.wrapping_sub(earlier)) * 1_000.0 / f64::from(self.clock_hz);
            if (10.0..=120.0).contains(&ms) {
                self.packet_ms = ms;
            }
        }
        self.last = Some((sequence, packet.timestamp));
    }

    /// The packets of a key all carry the timestamp of its beginning (RFC 4733, 2.2.2), so only sound tells how the network is.
    fn note_delay(&mut self, timestamp: u32, kind: Kind, now: Time) {
        if kind == Kind::Audio {
            self.delays.note(timestamp, self.clock_hz, now);
        }
    }

    fn drop_next(&mut self) {
        if self.kind_of(self.next).is_some() {
            self.slots[self.next as usize % SLOTS].kind = None;
            self.counts.dropped += 1;
        } else {
            self.counts.lost += 1;
        }
        self.next += 1;
    }

    /// What is to be played in the next packet time; `is_quiet` says that a dropped packet would not be missed.
    pub fn pull(&mut self, is_quiet: bool) -> Pull<'_> {
        let Some(highest) = self.highest else { return Pull::Waiting };
        if self.is_waiting {
            if self.due_ms() < self.held_ms() && self.kind_of(self.next) != Some(Kind::Comfort) {
                return Pull::Waiting;
            }
            self.is_waiting = false;
            self.spare = Spare::default();
        }
        let extra = self.extra_ms();
        self.spare.note(extra);
        if extra > TOO_MUCH_MS || (is_quiet && (extra > SLACK_MS || self.spare.is_there())) {
            self.drop_next();
        }
        if let Some(kind) = self.kind_of(self.next) {
            return self.take_next(kind);
        }
        if self.next <= highest {
            self.next += 1;
            self.counts.lost += 1;
            let has_come = self.kind_of(self.next) == Some(Kind::Audio);
            let after = &self.slots[self.next as usize % SLOTS];
            return Pull::Lost(has_come.then_some(&after.payload[..]));
        }
        // Nothing later has come: it is late, or the peer is silent. What is made up now delays what comes.
        self.made_up += 1;
        self.spare = Spare::default();
        if self.made_up > MADE_UP || self.is_pause {
            self.is_waiting = true;
            return Pull::Waiting;
        }
        Pull::Lost(None)
    }

    fn take_next(&mut self, kind: Kind) -> Pull<'_> {
        let slot = &mut self.slots[self.next as usize % SLOTS];
        slot.kind = None;
        self.next += 1;
        self.made_up = 0;
        self.is_pause = kind == Kind::Comfort;
        match kind {
            Kind::Audio => Pull::Payload(&slot.payload),
            Kind::Comfort => Pull::Comfort(&slot.payload),
            Kind::NoSound => Pull::NoSound,
        }
    }

    fn kind_of(&self, sequence: u64) -> Option<Kind> {
        let slot = &self.slots[sequence as usize % SLOTS];
        slot.kind.filter(|_| slot.sequence == sequence)
    }
}

#[cfg(test)]
mod tests;
