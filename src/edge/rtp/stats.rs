//! What a leg's network did, in counts.

use crate::base::{Network, PeerNetwork};
use crate::sound::codec::Codec;
use crate::sound::rtp::PacketError;
use crate::sound::rtp::jitter::JitterCounts;
use crate::sound::rtp::rtcp::PeerReport;

/// What a leg's network did.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RtpStats {
    /// How sound is coded; `None` before there is a leg.
    pub codec: Option<Codec>,
    /// Packets that came from the peer.
    pub received: u64,
    /// Packets that were sent.
    pub sent: u64,
    /// Of these, packets of another leg that were passed on as they came.
    pub forwarded: u64,
    /// What the jitter buffer made of them.
    pub jitter_buffer: JitterCounts,
    /// Inter-arrival jitter in ms.
    pub jitter_ms: f64,
    /// How much is held back, in ms.
    pub held_ms: f64,
    /// Datagrams that could not be used, by kind.
    pub bad: BadPackets,
    /// Datagrams from somebody else.
    pub strangers: u64,
    /// Datagrams that did not pass authentication.
    pub forged: u64,
    /// Datagrams that could not be sent.
    pub unsent: u64,
    /// What the peer says of our sound.
    pub peer: Option<PeerReport>,
}

impl RtpStats {
    /// The same, as records tell it.
    pub fn network(&self) -> Network {
        let counts = self.jitter_buffer;
        let clock_hz = self.codec.map_or(f64::INFINITY, |codec| f64::from(codec.clock_hz()));
        Network {
            codec: self.codec.map(Codec::name).unwrap_or_default().to_owned(),
            received: self.received,
            lost: counts.lost,
            late: counts.late,
            duplicates: counts.duplicates,
            dropped: counts.dropped,
            refused: self.bad.total() + self.strangers + self.forged,
            jitter_ms: tenths(self.jitter_ms),
            held_ms: tenths(self.held_ms),
            sent: self.sent,
            forwarded: self.forwarded,
            peer: self.peer.map(|peer| PeerNetwork {
                lost: (peer.lost * 1_000.0).round() / 1_000.0,
                jitter_ms: tenths(f64::from(peer.jitter) * 1_000.0 / clock_hz),
                round_trip_ms: peer.round_trip_ms.map(tenths),
            }),
        }
    }
}

/// Nobody can use more digits than one.
fn tenths(ms: f64) -> f64 {
    (ms * 10.0).round() / 10.0
}

/// Datagrams that could not be used, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BadPackets {
    /// Cut off before the end of their header.
    pub cut: u64,
    /// Not version 2 of RTP.
    pub version: u64,
    /// More padding than payload.
    pub padding: u64,
    /// A payload type that was not agreed on.
    pub payload_type: u64,
    /// The codec could not decode them.
    pub undecodable: u64,
    /// From another source than the one that goes on sending.
    pub other_source: u64,
    /// Encrypted packets that had come before.
    pub replayed: u64,
    /// Reports (RTCP) that are none.
    pub report: u64,
}

impl BadPackets {
    /// All of them.
    pub fn total(&self) -> u64 {
        let BadPackets { cut, version, padding, payload_type, undecodable, other_source, replayed, report } = *self;
        cut + version + padding + payload_type + undecodable + other_source + replayed + report
    }

    pub(super) fn note(&mut self, error: PacketError) {
        match error {
            PacketError::Cut => self.cut += 1,
            PacketError::Version => self.version += 1,
            PacketError::Padding => self.padding += 1,
            PacketError::Rtcp => self.report += 1,
        }
    }
}
