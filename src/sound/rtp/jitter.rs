//! The jitter buffer of one leg: packets in order and in time.
//!
//! [`JitterBuffer::push`] takes packets as they come, [`JitterBuffer::pull`] gives one for each packet time. How much is
//! held back follows the network: the 95th percentile of recent delays, within 20 to 120 ms. What runs ahead, because
//! the peer's clock is faster or the network calmed down, is dropped in silence; what runs dry is made up and waits
//! again. Packets that are no sound (keys, comfort noise) hold their place in the order.

use crate::base::Time;

use super::{Extended, MAX_DATAGRAM, Packet};

/// Packets that are held at most.
const SLOTS: usize = 64;
/// Delays that are remembered.
const DELAYS: usize = 256;
/// How often the wanted delay is looked at, in packets.
const REVIEW_EVERY: u32 = 25;
/// Least and most that is held back, in ms.
const HELD_MS: (f64, f64) = (20.0, 120.0);
/// Share of delays that must fit.
const PERCENTILE: f64 = 0.95;
/// So much more than wanted, in ms, is dropped when the caller is quiet …
const SLACK_MS: f64 = 30.0;
/// … and so much more at once.
const TOO_MUCH_MS: f64 = 160.0;
/// Packets in a row that are made up before the buffer waits for new ones.
const MADE_UP: u32 = 5;
/// A sequence number that jumps further than this begins a new stream (RFC 3550, A.1).
const MAX_JUMP: u64 = 3_000;
/// Length of a packet before two have come, in ms.
const PACKET_MS: f64 = 20.0;

/// What a packet is to the buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Sound.
    Audio,
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

#[derive(Clone, Copy)]
struct Slot {
    sequence: u64,
    length: usize,
    kind: Option<Kind>,
    payload: [u8; MAX_DATAGRAM],
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
    made_up: u32,
    delays: [f64; DELAYS],
    filled: usize,
    at: usize,
    since_review: u32,
    held_ms: f64,
    packet_ms: f64,
    last: Option<(u64, u32)>,
    /// The timestamp that others are counted from, so that delays survive its wrap.
    origin: Option<u32>,
    counts: JitterCounts,
}

impl JitterBuffer {
    /// An empty one, for a codec's RTP clock.
    pub fn new(clock_hz: u32) -> Self {
        let slot = Slot { sequence: 0, length: 0, kind: None, payload: [0; MAX_DATAGRAM] };
        JitterBuffer {
            slots: vec![slot; SLOTS].into_boxed_slice(),
            clock_hz,
            source: None,
            extended: Extended::default(),
            next: 0,
            highest: None,
            is_waiting: true,
            made_up: 0,
            delays: [0.0; DELAYS],
            filled: 0,
            at: 0,
            since_review: 0,
            held_ms: HELD_MS.0,
            packet_ms: PACKET_MS,
            last: None,
            origin: None,
            counts: JitterCounts::default(),
        }
    }

    /// What happened so far.
    pub fn counts(&self) -> JitterCounts {
        self.counts
    }

    /// How much is held back now, in ms.
    pub fn held_ms(&self) -> f64 {
        self.held_ms
    }

    /// How much waits to be played, in ms.
    pub fn depth_ms(&self) -> f64 {
        self.highest.map_or(0.0, |highest| (highest + 1).saturating_sub(self.next) as f64 * self.packet_ms)
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
        if self.slots[sequence as usize % SLOTS].kind.is_some() && self.slots[sequence as usize % SLOTS].sequence == sequence {
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
        self.made_up = 0;
        self.filled = 0;
        self.at = 0;
        self.last = None;
        self.origin = None;
    }

    fn store(&mut self, sequence: u64, packet: &Packet<'_>, kind: Kind, now: Time) {
        self.counts.taken += 1;
        self.note_length(sequence, packet.timestamp, kind);
        self.highest = Some(self.highest.map_or(sequence, |highest| highest.max(sequence)));
        let slot = &mut self.slots[sequence as usize % SLOTS];
        slot.sequence = sequence;
        slot.length = packet.payload.len();
        slot.kind = Some(kind);
        slot.payload[..packet.payload.len()].copy_from_slice(packet.payload);
        self.note_delay(packet.timestamp, kind, now);
    }

    /// The length of a packet is the distance of two that follow each other.
    fn note_length(&mut self, sequence: u64, timestamp: u32, kind: Kind) {
        if kind == Kind::NoSound {
            return;
        }
        if let Some((last, earlier)) = self.last
            && sequence == last + 1
        {
            let ms = f64::from(timestamp.wrapping_sub(earlier)) * 1_000.0 / f64::from(self.clock_hz);
            if (10.0..=120.0).contains(&ms) {
                self.packet_ms = ms;
            }
        }
        self.last = Some((sequence, timestamp));
    }

    /// The delay of a packet against the quickest of late: its arrival minus its timestamp. The packets of a key all
    /// carry the timestamp of its beginning (RFC 4733, 2.2.2), so only sound tells how the network is.
    fn note_delay(&mut self, timestamp: u32, kind: Kind, now: Time) {
        if kind == Kind::NoSound {
            return;
        }
        let arrival_ms = now.as_micros() as f64 / 1_000.0;
        let since = timestamp.wrapping_sub(*self.origin.get_or_insert(timestamp)) as i32;
        let stamp_ms = f64::from(since) * 1_000.0 / f64::from(self.clock_hz);
        self.delays[self.at] = arrival_ms - stamp_ms;
        self.at = (self.at + 1) % DELAYS;
        self.filled = (self.filled + 1).min(DELAYS);
        self.since_review += 1;
        if self.since_review >= REVIEW_EVERY {
            self.since_review = 0;
            self.review();
        }
    }

    fn review(&mut self) {
        let mut delays = self.delays;
        let delays = &mut delays[..self.filled];
        delays.sort_unstable_by(f64::total_cmp);
        let (Some(quickest), Some(slow)) = (delays.first(), delays.get((self.filled as f64 * PERCENTILE) as usize)) else { return };
        self.held_ms = (slow - quickest).clamp(HELD_MS.0, HELD_MS.1);
    }

    fn drop_next(&mut self) {
        let slot = &mut self.slots[self.next as usize % SLOTS];
        if slot.kind.is_some() && slot.sequence == self.next {
            slot.kind = None;
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
            if self.depth_ms() < self.held_ms {
                return Pull::Waiting;
            }
            self.is_waiting = false;
        }
        let extra = self.depth_ms() - self.held_ms - self.packet_ms;
        if extra > TOO_MUCH_MS || (is_quiet && extra > SLACK_MS) {
            self.drop_next();
        }
        let at = self.next as usize % SLOTS;
        if self.slots[at].kind.is_some() && self.slots[at].sequence == self.next {
            self.next += 1;
            self.made_up = 0;
            let slot = &mut self.slots[at];
            let kind = slot.kind.take();
            return if kind == Some(Kind::Audio) { Pull::Payload(&slot.payload[..slot.length]) } else { Pull::NoSound };
        }
        if self.next <= highest {
            self.next += 1;
            self.counts.lost += 1;
            let after = &self.slots[self.next as usize % SLOTS];
            let has_come = after.kind == Some(Kind::Audio) && after.sequence == self.next;
            return Pull::Lost(has_come.then_some(&after.payload[..after.length]));
        }
        // Nothing later has come: it is late, or the peer is silent. What is made up now delays what comes.
        self.made_up += 1;
        if self.made_up > MADE_UP {
            self.is_waiting = true;
            return Pull::Waiting;
        }
        Pull::Lost(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP_MICROS: u64 = 20_000;

    fn packet(sequence: u64, payload: &[u8]) -> Packet<'_> {
        Packet { marker: false, payload_type: 0, sequence: sequence as u16, timestamp: (sequence * 160) as u32, ssrc: 1, payload }
    }

    /// A network in virtual time: gives for each packet the moments at which it arrives.
    struct Network(u64);

    impl Network {
        fn random(&mut self) -> f64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            (self.0 >> 11) as f64 / (1u64 << 53) as f64
        }
    }

    /// Sends so many packets and plays them; gives how often each kind of pull came, the buffer, and its deepest point in ms.
    fn play(packets: u64, drift: f64, mut arrivals: impl FnMut(u64, &mut Network) -> Vec<f64>) -> (u64, u64, JitterBuffer, f64) {
        let mut network = Network(0x9e37_79b9_7f4a_7c15);
        let mut due: Vec<(u64, u64)> = Vec::new();
        for n in 0..packets {
            let sent_ms = n as f64 * 20.0 / (1.0 + drift);
            due.extend(arrivals(n, &mut network).into_iter().map(|delay_ms| (((sent_ms + delay_ms) * 1_000.0) as u64, n)));
        }
        due.sort_unstable();
        let mut buffer = JitterBuffer::new(8_000);
        let (mut played, mut lost, mut deepest, mut at) = (0, 0, 0.0f64, 0);
        for tick in 0..packets {
            let now = tick * STEP_MICROS;
            while let Some((arrival, n)) = due.get(at).filter(|(arrival, _)| *arrival <= now) {
                buffer.push(&packet(*n, &[0; 160]), Kind::Audio, Time::from_micros(*arrival));
                at += 1;
            }
            match buffer.pull(tick % 10 == 0) {
                Pull::Payload(_) => played += 1,
                Pull::Lost(_) => lost += 1,
                Pull::NoSound | Pull::Waiting => {}
            }
            if tick > 500 {
                deepest = deepest.max(buffer.depth_ms());
            }
        }
        (played, lost, buffer, deepest)
    }

    #[test]
    fn a_clean_network_loses_nothing_and_is_held_back_little() {
        let (played, lost, buffer, deepest) = play(3_000, 0.0, |_, _| vec![5.0]);
        assert!(played >= 2_995 && lost == 0, "{played} {lost}");
        assert!(buffer.held_ms() <= 20.0 && deepest <= 40.0, "{} {deepest}", buffer.held_ms());
    }

    #[test]
    fn loss_is_told_packet_by_packet() {
        for share in [0.01, 0.05, 0.10] {
            let (played, lost, ..) = play(5_000, 0.0, |_, network| if network.random() < share { vec![] } else { vec![5.0] });
            let lost = lost as f64 / 5_000.0;
            assert!((lost - share).abs() < 0.012 && played as f64 > 5_000.0 * (1.0 - share) * 0.98, "{share}: {lost} {played}");
        }
    }

    #[test]
    fn jitter_of_60_ms_is_held_back_and_nothing_is_lost_in_the_long_run() {
        let (played, lost, buffer, deepest) = play(5_000, 0.0, |_, network| vec![60.0 * network.random()]);
        assert!(lost <= 250 && played >= 4_650, "{played} {lost}");
        assert!((40.0..=80.0).contains(&buffer.held_ms()) && deepest <= 200.0, "{} {deepest}", buffer.held_ms());
    }

    #[test]
    fn reordered_and_doubled_packets_are_played_once_and_in_order() {
        let (played, lost, buffer, _) = play(3_000, 0.0, |n, network| if n % 7 == 0 { vec![25.0, 30.0] } else { vec![3.0 * network.random()] });
        assert!(buffer.counts().duplicates > 300, "{:?}", buffer.counts());
        assert!(played >= 2_900 && lost < 60, "{played} {lost}");
    }

    #[test]
    fn a_clock_that_runs_fast_or_slow_for_an_hour_does_not_fill_or_starve_the_buffer() {
        for drift in [0.0002, -0.0002] {
            let packets = 180_000;
            let (played, lost, buffer, deepest) = play(packets, drift, |_, _| vec![5.0]);
            assert!(deepest <= 120.0, "{drift}: {deepest}");
            assert!(played as f64 > packets as f64 * 0.999 && lost < 100, "{drift}: {played} {lost} {:?}", buffer.counts());
        }
    }

    #[test]
    fn a_new_source_begins_anew() {
        let mut buffer = JitterBuffer::new(8_000);
        let now = Time::ZERO;
        for n in 0..5 {
            buffer.push(&packet(n, &[1]), Kind::Audio, now);
        }
        assert_eq!(buffer.pull(false), Pull::Payload(&[1]));
        buffer.push(&Packet { ssrc: 2, ..packet(40_000, &[2]) }, Kind::Audio, now);
        assert_eq!(buffer.pull(false), Pull::Payload(&[2]));
        assert_eq!(buffer.counts().resets, 1);
        buffer.push(&Packet { ssrc: 2, ..packet(10_000, &[3]) }, Kind::Audio, now);
        assert_eq!(buffer.pull(false), Pull::Payload(&[3]));
        assert_eq!(buffer.counts().resets, 2);
    }

    #[test]
    fn a_key_that_is_held_down_is_no_jitter() {
        let mut buffer = JitterBuffer::new(8_000);
        for n in 0..300 {
            let is_key = (100..200).contains(&n);
            let stamped = if is_key { 100 } else { n };
            let packet = Packet { timestamp: stamped * 160, ..packet(u64::from(n), &[0; 160]) };
            buffer.push(&packet, if is_key { Kind::NoSound } else { Kind::Audio }, Time::from_millis(u64::from(n) * 20));
            buffer.pull(false);
        }
        assert!(buffer.held_ms() <= 20.0, "{}", buffer.held_ms());
    }

    #[test]
    fn a_timestamp_that_wraps_is_no_jitter() {
        let mut buffer = JitterBuffer::new(8_000);
        for n in 0..100u32 {
            let packet = Packet { timestamp: (n * 160).wrapping_sub(8_000), ..packet(u64::from(n), &[0; 160]) };
            buffer.push(&packet, Kind::Audio, Time::from_millis(u64::from(n) * 20));
            buffer.pull(false);
        }
        assert!(buffer.held_ms() <= 20.0, "{}", buffer.held_ms());
    }

    #[test]
    fn what_is_no_sound_is_neither_played_nor_lost() {
        let mut buffer = JitterBuffer::new(8_000);
        for n in 0..3 {
            buffer.push(&packet(n, &[9]), if n == 1 { Kind::NoSound } else { Kind::Audio }, Time::ZERO);
        }
        assert_eq!(
            [buffer.pull(false) == Pull::Payload(&[9]), buffer.pull(false) == Pull::NoSound, buffer.pull(false) == Pull::Payload(&[9])],
            [true; 3]
        );
        assert_eq!(buffer.counts().lost, 0);
    }
}
