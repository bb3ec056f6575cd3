//! What a leg sends: one sequence, one clock and one source from its first packet to its last (RFC 3550, 5.1).
//!
//! Prompts, music, the bridge and keys all go through the same numbers. In silence the clock goes on and nothing is sent.

use super::Packet;

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
}

impl Egress {
    /// Begins at numbers that nobody can guess; `clock_hz` is the codec's.
    pub fn new(ssrc: u32, sequence: u16, timestamp: u32, clock_hz: u32) -> Self {
        Egress { ssrc, sequence, timestamp, step: clock_hz / 50, was_silent: true, packets: 0, octets: 0 }
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

    /// The sound of these 20 ms.
    pub fn sound<'a>(&mut self, payload_type: u8, payload: &'a [u8]) -> Packet<'a> {
        let marker = std::mem::replace(&mut self.was_silent, false);
        self.packet(marker, payload_type, self.timestamp, payload)
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
                let packet = egress.sound(0, &[1; 160]);
                sent.push((packet.marker, packet.sequence, packet.timestamp, packet.ssrc));
            }
            egress.advance();
        }
        assert_eq!(sent, [(true, 65_534, u32::MAX - 159, 7), (false, 65_535, 0, 7), (true, 0, 320, 7), (false, 1, 480, 7), (false, 2, 640, 7)]);
        assert_eq!(egress.sent(), (5, 800));
    }
}
