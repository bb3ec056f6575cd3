//! What a leg sends: one sequence, one clock and one source from its first packet to its last (RFC 3550, 5.1).
//!
//! Prompts, music, the bridge and keys all go through the same numbers, and so do packets of another leg that are passed
//! on as they come ([`Egress::relay`]). In silence the clock goes on and nothing is sent.

use super::Packet;
use super::relay::Relay;

/// Numbers what is sent.
#[derive(Clone, Copy, Debug)]
pub struct Egress {
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    /// Units of 20 ms.
    step: u32,
    /// Nothing was sent in the last 20 ms.
    was_silent: bool,
    packets: u32,
    octets: u32,
    relay: Relay,
}

impl Egress {
    /// Begins at numbers that nobody can guess; `clock_hz` is the codec's.
    pub fn new(ssrc: u32, sequence: u16, timestamp: u32, clock_hz: u32) -> Self {
        Egress { ssrc, sequence, timestamp, step: clock_hz / 50, was_silent: true, packets: 0, octets: 0, relay: Relay::default() }
    }

    /// Another codec: the clock goes on at its speed.
    pub fn change_clock(&mut self, clock_hz: u32) {
        self.step = clock_hz / 50;
    }

    /// Our source.
    pub fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// The timestamp of these 20 ms.
    pub fn timestamp(&self) -> u32 {
        self.timestamp
    }

    /// Units of 20 ms.
    pub fn step(&self) -> u32 {
        self.step
    }

    /// Packets and octets of payload that were sent (RFC 3550, 6.4.1).
    pub fn sent(&self) -> (u32, u32) {
        (self.packets, self.octets)
    }

    /// The sound of these 20 ms, and of `frames_before` ones before them.
    pub fn sound<'a>(&mut self, payload_type: u8, frames_before: u32, payload: &'a [u8]) -> Packet<'a> {
        let marker = std::mem::replace(&mut self.was_silent, false);
        self.packet(marker, payload_type, self.timestamp.wrapping_sub(frames_before * self.step), payload)
    }

    /// What the noise of our line is like, while we are silent (RFC 3389).
    pub fn comfort<'a>(&mut self, payload_type: u8, payload: &'a [u8]) -> Packet<'a> {
        self.was_silent = true;
        self.packet(false, payload_type, self.timestamp, payload)
    }

    /// A packet of another leg's stream with our numbers: gaps and order stay as they are, because the peer's own buffer
    /// deals with them. `None` if it belongs before what we sent already.
    pub fn relay<'a>(&mut self, packet: &Packet<'a>, payload_type: u8) -> Option<Packet<'a>> {
        let (sequence, timestamp) = self.relay.place(packet, self.sequence, self.timestamp)?;
        if sequence.wrapping_sub(self.sequence) <= u16::MAX / 2 {
            self.sequence = sequence.wrapping_add(1);
            self.timestamp = timestamp.wrapping_add(self.step);
        }
        let marker = std::mem::replace(&mut self.was_silent, false) || packet.marker;
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add(packet.payload.len() as u32);
        Some(Packet { marker, payload_type, sequence, timestamp, ssrc: self.ssrc, payload: packet.payload })
    }

    /// A packet of the relayed stream that is not for the peer (a key): the numbers after it close up.
    pub fn withhold(&mut self, packet: &Packet<'_>) {
        self.relay.withhold(packet);
    }

    /// What is relayed next belongs to another stretch: its numbers follow on ours.
    pub fn end_relay(&mut self) {
        self.relay = Relay::default();
    }

    /// An event in place of the sound; its timestamp is its beginning.
    pub fn event<'a>(&mut self, payload_type: u8, marker: bool, timestamp: u32, payload: &'a [u8]) -> Packet<'a> {
        self.was_silent = true;
        self.packet(marker, payload_type, timestamp, payload)
    }

    /// Nothing is sent in these 20 ms.
    pub fn silence(&mut self) {
        self.was_silent = true;
    }

    /// 20 ms have passed.
    pub fn advance(&mut self) {
        self.timestamp = self.timestamp.wrapping_add(self.step);
    }

    fn packet<'a>(&mut self, marker: bool, payload_type: u8, timestamp: u32, payload: &'a [u8]) -> Packet<'a> {
        let sequence = self.sequence;
        self.sequence = sequence.wrapping_add(1);
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add(payload.len() as u32);
        Packet { marker, payload_type, sequence, timestamp, ssrc: self.ssrc, payload }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_go_on_over_silence_and_wraps_and_the_marker_says_where_sound_begins() {
        let mut egress = Egress::new(7, 65_534, u32::MAX - 159, 8_000);
        let mut sent = Vec::new();
        for n in 0..6 {
            if n == 2 {
                egress.silence();
            } else {
                let packet = egress.sound(0, 0, &[1; 160]);
                sent.push((packet.marker, packet.sequence, packet.timestamp, packet.ssrc));
            }
            egress.advance();
        }
        assert_eq!(sent, [(true, 65_534, u32::MAX - 159, 7), (false, 65_535, 0, 7), (true, 0, 320, 7), (false, 1, 480, 7), (false, 2, 640, 7)]);
        assert_eq!(egress.sent(), (5, 800));
    }

    fn theirs(sequence: u16, timestamp: u32, ssrc: u32) -> Packet<'static> {
        Packet { marker: false, payload_type: 8, sequence, timestamp, ssrc, payload: &[1; 160] }
    }

    #[test]
    fn mixing_relaying_and_mixing_again_are_one_stream_to_the_peer() {
        let mut egress = Egress::new(7, 65_533, 1_000, 8_000);
        let mut sent = Vec::new();
        let mut note = |packet: Packet<'_>| sent.push((packet.sequence, packet.timestamp, packet.ssrc, packet.payload_type));
        for _ in 0..2 {
            note(egress.sound(0, 0, &[1; 160]));
            egress.advance();
        }
        for n in 0..4 {
            note(egress.relay(&theirs(900 + n, 77 + 160 * u32::from(n), 5), 0).expect("in order"));
            egress.advance();
        }
        egress.end_relay();
        note(egress.sound(0, 0, &[1; 160]));
        egress.advance();
        // The other side has another stream by now.
        note(egress.relay(&theirs(3, 9, 6), 0).expect("in order"));
        assert!(sent.iter().all(|(_, _, ssrc, payload)| (*ssrc, *payload) == (7, 0)));
        let sequences: Vec<u16> = sent.iter().map(|(sequence, ..)| sequence.wrapping_sub(65_533)).collect();
        assert_eq!(sequences, (0..8).collect::<Vec<_>>());
        assert!(sent.windows(2).all(|pair| [160, 320].contains(&pair[1].1.wrapping_sub(pair[0].1))), "{sent:?}");
    }

    #[test]
    fn what_is_lost_late_or_doubled_there_is_so_here() {
        let mut egress = Egress::new(7, 10, 0, 8_000);
        let relayed: Vec<Option<u16>> =
            [100, 101, 104, 103, 103, 99].iter().map(|n| egress.relay(&theirs(*n, u32::from(*n) * 160, 5), 0).map(|p| p.sequence)).collect();
        assert_eq!(relayed, [Some(10), Some(11), Some(14), Some(13), Some(13), None]);
        assert_eq!(egress.sound(0, 0, &[]).sequence, 15);
    }

    #[test]
    fn keys_that_are_withheld_leave_no_gap() {
        let mut egress = Egress::new(7, 10, 0, 8_000);
        let mut relayed = Vec::new();
        for n in 100..110u16 {
            let packet = theirs(n, u32::from(n) * 160, 5);
            if (103..106).contains(&n) {
                egress.withhold(&packet);
            } else {
                relayed.extend(egress.relay(&packet, 0).map(|p| (p.sequence, p.timestamp)));
            }
        }
        assert_eq!(egress.relay(&theirs(102, 102 * 160, 5), 0), None, "late, and its number is taken");
        let sequences: Vec<u16> = relayed.iter().map(|(sequence, _)| *sequence).collect();
        assert_eq!(sequences, (10..17).collect::<Vec<_>>());
        assert_eq!(relayed[3].1 - relayed[2].1, 4 * 160, "the time of the keys has passed");
    }

    #[test]
    fn a_source_that_changes_or_leaps_goes_on_under_our_numbers() {
        let mut egress = Egress::new(7, 10, 5_000, 8_000);
        let mut last = egress.relay(&theirs(100, 1_000, 5), 0).expect("the first");
        egress.advance();
        for packet in [theirs(40_000, 9, 6), theirs(10_000, 169, 6), theirs(10_001, 4_000_000_000, 6)] {
            let next = egress.relay(&packet, 0).expect("goes on");
            let step = next.timestamp.wrapping_sub(last.timestamp);
            assert_eq!((next.sequence, next.ssrc), (last.sequence + 1, 7));
            assert!((160..=480).contains(&step), "{step}");
            last = next;
            egress.advance();
        }
    }
}
