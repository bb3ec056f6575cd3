//! RTP (RFC 3550): packets in and out of one leg.
//!
//! [`Packet::parse`] reads a datagram, [`jitter::JitterBuffer`] puts packets in order and in time, [`egress::Egress`]
//! numbers what we send. Keys as events are [`events`]', what fills gaps is [`conceal`]'s, what fills pauses [`comfort`]'s. Pure: sockets are the edge's.

pub mod comfort;
pub mod conceal;
pub mod egress;
pub mod events;
pub mod jitter;
mod relay;
pub mod rtcp;
pub mod shorten;

/// Octets of a header without extras.
pub const HEADER: usize = 12;
/// Longest datagram that is read.
pub const MAX_DATAGRAM: usize = 1_500;
/// A sequence number that jumps further than this begins a new stream (RFC 3550, A.1).
const MAX_JUMP: u64 = 3_000;

/// A packet, borrowed from its datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// First of a talk spurt.
    pub marker: bool,
    /// Payload type, 0 to 127.
    pub payload_type: u8,
    /// Sequence number.
    pub sequence: u16,
    /// In units of the codec's clock.
    pub timestamp: u32,
    /// Who sends.
    pub ssrc: u32,
    /// What is sent.
    pub payload: &'a [u8],
}

/// Why a datagram is no packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PacketError {
    /// Shorter than its header.
    #[error("it is cut")]
    Cut,
    /// Not version 2.
    #[error("its version is not 2")]
    Version,
    /// More padding than payload.
    #[error("its padding is longer than its payload")]
    Padding,
    /// RTCP on the port of RTP (RFC 5761).
    #[error("it is RTCP")]
    Rtcp,
}

impl<'a> Packet<'a> {
    /// Reads a datagram.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(datagram: &'a [u8]) -> Result<Packet<'a>, PacketError> {
        let (header, mut rest) = datagram.split_at_checked(HEADER).ok_or(PacketError::Cut)?;
        if header[0] >> 6 != 2 {
            return Err(PacketError::Version);
        }
        // RFC 5761, 4: with the marker these are the packet types 192 to 223 of RTCP.
        if matches!(header[1], 192..=223) {
            return Err(PacketError::Rtcp);
        }
        let sources = usize::from(header[0] & 0x0f) * 4;
        rest = rest.get(sources..).ok_or(PacketError::Cut)?;
        if header[0] & 0x10 != 0 {
            let words = rest.get(2..4).ok_or(PacketError::Cut)?;
            let length = usize::from(u16::from_be_bytes([words[0], words[1]])) * 4;
            rest = rest.get(4 + length..).ok_or(PacketError::Cut)?;
        }
        if header[0] & 0x20 != 0 {
            let padding = usize::from(*rest.last().ok_or(PacketError::Padding)?);
            if padding == 0 || padding > rest.len() {
                return Err(PacketError::Padding);
            }
            rest = &rest[..rest.len() - padding];
        }
        Ok(Packet {
            marker: header[1] & 0x80 != 0,
            payload_type: header[1] & 0x7f,
            sequence: u16::from_be_bytes([header[2], header[3]]),
            timestamp: u32::from_be_bytes([header[4], header[5], header[6], header[7]]),
            ssrc: u32::from_be_bytes([header[8], header[9], header[10], header[11]]),
            payload: rest,
        })
    }

    /// Writes it into `out`; gives its length, or `None` if there is no room.
    pub fn encode(&self, out: &mut [u8]) -> Option<usize> {
        let length = HEADER + self.payload.len();
        let out = out.get_mut(..length)?;
        out[0] = 0x80;
        out[1] = u8::from(self.marker) << 7 | self.payload_type & 0x7f;
        out[2..4].copy_from_slice(&self.sequence.to_be_bytes());
        out[4..8].copy_from_slice(&self.timestamp.to_be_bytes());
        out[8..12].copy_from_slice(&self.ssrc.to_be_bytes());
        out[HEADER..].copy_from_slice(self.payload);
        Some(length)
    }
}

/// Sequence numbers without their wrap-around (RFC 3550, A.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extended(Option<u64>);

impl Extended {
    /// The number with its cycles, nearest to the highest so far.
    pub fn extend(&mut self, sequence: u16) -> u64 {
        let Some(highest) = self.0 else {
            // The first cycle is 1, so that earlier packets do not go below 0.
            let first = (1 << 16) | u64::from(sequence);
            self.0 = Some(first);
            return first;
        };
        let step = i64::from(sequence.wrapping_sub(highest as u16) as i16);
        let extended = highest.saturating_add_signed(step);
        self.0 = Some(highest.max(extended));
        extended
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Packet<'_> = Packet { marker: true, payload_type: 8, sequence: 0xfffe, timestamp: 0xdead_beef, ssrc: 7, payload: &[1, 2, 3, 4] };

    #[test]
    fn what_is_encoded_is_parsed() {
        let mut out = [0; 32];
        let length = PLAIN.encode(&mut out).expect("room");
        assert_eq!(Packet::parse(&out[..length]), Ok(PLAIN));
        assert_eq!(PLAIN.encode(&mut [0; 15]), None);
    }

    #[test]
    fn sources_extensions_and_padding_are_left_out() {
        let datagram = [0xb1, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 9, 9, 9, 9, 0xbe, 0xde, 0, 1, 8, 8, 8, 8, 5, 6, 0, 2];
        assert_eq!(Packet::parse(&datagram).map(|p| p.payload.to_vec()), Ok(vec![5, 6]));
    }

    #[test]
    fn bad_packets_are_told_apart() {
        let with = |at: usize, byte: u8| {
            let mut datagram = vec![0x80, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 1, 1, 1, 1];
            datagram[at] = byte;
            Packet::parse(&datagram).map(|p| p.payload.len())
        };
        assert_eq!(Packet::parse(&[]), Err(PacketError::Cut));
        assert_eq!(Packet::parse(&[0x80; 11]), Err(PacketError::Cut));
        assert_eq!(with(0, 0x00), Err(PacketError::Version));
        assert_eq!(with(0, 0xc0), Err(PacketError::Version));
        assert_eq!(with(0, 0x8f), Err(PacketError::Cut));
        assert_eq!(with(0, 0x90), Err(PacketError::Cut));
        assert_eq!(with(0, 0x82), Err(PacketError::Cut));
        assert_eq!(with(1, 200), Err(PacketError::Rtcp));
        assert_eq!(with(0, 0xa0), Ok(3));
        assert_eq!(Packet::parse(&[0xa0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3]), Err(PacketError::Padding));
        assert_eq!(Packet::parse(&[0xa0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 9]), Err(PacketError::Padding));
        assert_eq!(Packet::parse(&[0xa0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0]), Err(PacketError::Padding));
    }

    #[test]
    fn sequence_numbers_go_on_over_the_wrap() {
        let mut extended = Extended::default();
        let numbers: Vec<u64> = [65_534, 65_535, 1, 0, 2].into_iter().map(|sequence| extended.extend(sequence) - 65_536).collect();
        assert_eq!(numbers, [65_534, 65_535, 65_537, 65_536, 65_538]);
    }
}
