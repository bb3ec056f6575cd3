//! What a line sends: one RTP stream from the line's beginning to its end, whatever calls it is in (RFC 3550, 5.1).
//!
//! Each call numbers its packets from wherever it likes; here they are moved so that they follow on what was sent
//! before, with as much time between as has passed. Within one call gaps and order stay as they are.

use std::time::Instant;

use crate::base::FRAME_MILLIS;
use crate::sound::rtp::Packet;

/// The stream of one line.
#[derive(Debug)]
pub(super) struct Stream {
    ssrc: u32,
    clock_hz: u32,
    /// Packets of calls before this one are not sent any more.
    call: u64,
    /// How far the present call's numbers are moved; `None` before its first packet.
    shift: Option<(u16, u32)>,
    /// The highest number that was sent, with its time on both clocks; at first drawn at random.
    sequence: u16,
    timestamp: u32,
    sent: Option<Instant>,
}

/// The numbers under which a packet is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Numbers {
    pub marker: bool,
    pub sequence: u16,
    pub timestamp: u32,
    pub ssrc: u32,
}

impl Stream {
    /// Begins at numbers that nobody can guess.
    pub fn new(clock_hz: u32, random: [u8; 10]) -> Stream {
        let [a, b, c, d, e, f, g, h, i, j] = random;
        Stream {
            ssrc: u32::from_be_bytes([a, b, c, d]),
            clock_hz,
            call: 0,
            shift: None,
            sequence: u16::from_be_bytes([e & 0x7f, f]),
            timestamp: u32::from_be_bytes([g, h, i, j]),
            sent: None,
        }
    }

    pub fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// Another call has the line; gives its number.
    pub fn begin(&mut self) -> u64 {
        self.call += 1;
        self.shift = None;
        self.call
    }

    /// The numbers of a packet of this call; `None` if another call has the line by now.
    pub fn number(&mut self, call: u64, packet: &Packet<'_>, now: Instant) -> Option<Numbers> {
        if call != self.call {
            return None;
        }
        let is_first = self.shift.is_none();
        let (by, later) = *self.shift.get_or_insert_with(|| {
            let passed = self.sent.map_or(0, |sent| (now.duration_since(sent).as_secs_f64() * f64::from(self.clock_hz)) as u64);
            // A call's last packet may have waited longer than the next one's first.
            let passed = passed.max(u64::from(self.clock_hz) * FRAME_MILLIS / 1_000);
            let timestamp = self.timestamp.wrapping_add(passed as u32);
            (self.sequence.wrapping_add(1).wrapping_sub(packet.sequence), timestamp.wrapping_sub(packet.timestamp))
        });
        let (sequence, timestamp) = (packet.sequence.wrapping_add(by), packet.timestamp.wrapping_add(later));
        if is_first || sequence.wrapping_sub(self.sequence) <= u16::MAX / 2 {
            (self.sequence, self.timestamp, self.sent) = (sequence, timestamp, Some(now));
        }
        Some(Numbers { marker: packet.marker || is_first, sequence, timestamp, ssrc: self.ssrc })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn packet(sequence: u16, timestamp: u32) -> Packet<'static> {
        Packet { marker: false, payload_type: 111, sequence, timestamp, ssrc: 99, payload: &[1; 20] }
    }

    #[test]
    fn a_second_call_goes_on_where_the_first_ended_as_much_later_as_has_passed() {
        let mut stream = Stream::new(48_000, [1, 2, 3, 4, 0x7f, 0xfe, 0xff, 0xff, 0xff, 0xff]);
        let start = Instant::now();
        let first = stream.begin();
        let mut sent = Vec::new();
        for n in 0..3 {
            sent.extend(stream.number(first, &packet(500 + n, 7_000 + 960 * u32::from(n)), start + Duration::from_millis(20) * u32::from(n)));
        }
        let second = stream.begin();
        assert_eq!(stream.number(first, &packet(503, 9_880), start), None, "its call has not the line any more");
        for n in 0..3 {
            let now = start + Duration::from_millis(60_040 + 20 * u64::from(n));
            sent.extend(stream.number(second, &packet(65_535u16.wrapping_add(n), 960 * u32::from(n)), now));
        }
        assert!(sent.windows(2).all(|pair| pair[1].sequence == pair[0].sequence.wrapping_add(1)), "{sent:?}");
        let steps: Vec<u32> = sent.windows(2).map(|pair| pair[1].timestamp.wrapping_sub(pair[0].timestamp)).collect();
        assert_eq!(steps, [960, 960, 48_000 * 60, 960, 960]);
        assert_eq!(sent.iter().map(|numbers| numbers.marker).collect::<Vec<_>>(), [true, false, false, true, false, false]);
        assert!(sent.iter().all(|numbers| numbers.ssrc == stream.ssrc()));
    }

    #[test]
    fn gaps_and_order_within_a_call_stay() {
        let mut stream = Stream::new(8_000, [0; 10]);
        let call = stream.begin();
        let numbers: Vec<u16> =
            [10, 11, 14, 12, 15].iter().filter_map(|n| stream.number(call, &packet(*n, 0), Instant::now())).map(|n| n.sequence).collect();
        assert_eq!(numbers, [1, 2, 5, 3, 6]);
        let call = stream.begin();
        assert_eq!(stream.number(call, &packet(9_000, 0), Instant::now()).map(|n| n.sequence), Some(7));
    }
}
