//! Where the packets of one stream stand in another: how a leg's packets get the numbers of the leg that they go to.

use super::{Extended, MAX_JUMP, Packet};

/// Timestamps that leap by more than this are another clock: 5 s of 8 kHz.
const MAX_LEAP: i32 = 40_000;

/// The stream that is relayed at the moment, if any.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Relay(Option<Stream>);

#[derive(Clone, Copy, Debug)]
struct Stream {
    ssrc: u32,
    extended: Extended,
    /// The highest number so far, with its cycles.
    highest: u64,
    /// What comes before this is not passed on any more.
    first: u64,
    /// What is added to its numbers and its clock.
    sequence_offset: u16,
    timestamp_offset: u32,
    last_timestamp: u32,
}

impl Relay {
    /// The numbers of a packet; those of a stream that begins, or begins anew, are `sequence` and `timestamp`.
    pub(super) fn place(&mut self, packet: &Packet<'_>, sequence: u16, timestamp: u32) -> Option<(u16, u32)> {
        if !self.goes_on(packet) {
            self.begin(packet, sequence, timestamp);
        }
        let stream = self.0.as_mut()?;
        let number = stream.extended.extend(packet.sequence);
        if number < stream.first {
            return None;
        }
        let leap = packet.timestamp.wrapping_sub(stream.last_timestamp) as i32;
        if number > stream.highest && !(0..=MAX_LEAP).contains(&leap) {
            stream.timestamp_offset = timestamp.wrapping_sub(packet.timestamp);
        }
        if number >= stream.highest {
            stream.highest = number;
            stream.last_timestamp = packet.timestamp;
        }
        Some((packet.sequence.wrapping_add(stream.sequence_offset), packet.timestamp.wrapping_add(stream.timestamp_offset)))
    }

    /// Leaves a packet out.
    pub(super) fn withhold(&mut self, packet: &Packet<'_>) {
        if !self.goes_on(packet) {
            return;
        }
        let Some(stream) = &mut self.0 else { return };
        let number = stream.extended.extend(packet.sequence);
        if number > stream.highest {
            // What was lost just before it keeps its gap.
            stream.highest = number;
            stream.first = number + 1;
            stream.sequence_offset = stream.sequence_offset.wrapping_sub(1);
        }
    }

    fn goes_on(&self, packet: &Packet<'_>) -> bool {
        self.0.is_some_and(|stream| {
            let mut extended = stream.extended;
            stream.ssrc == packet.ssrc && extended.extend(packet.sequence).abs_diff(stream.highest) <= MAX_JUMP
        })
    }

    fn begin(&mut self, packet: &Packet<'_>, sequence: u16, timestamp: u32) {
        let mut extended = Extended::default();
        let first = extended.extend(packet.sequence);
        self.0 = Some(Stream {
            ssrc: packet.ssrc,
            extended,
            highest: first,
            first,
            sequence_offset: sequence.wrapping_sub(packet.sequence),
            timestamp_offset: timestamp.wrapping_sub(packet.timestamp),
            last_timestamp: packet.timestamp,
        });
    }
}
