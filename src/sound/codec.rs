//! The codecs of a phone leg, by the names and payload types that SDP gives them (RFC 3551, RFC 7587).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::Rate;

/// A codec.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Codec {
    /// Opus, wide band with in-band forward error correction.
    Opus,
    /// G.722 at 64 kbit/s: 16 kHz sound whose RTP clock says 8 kHz (RFC 3551, 4.5.2).
    G722,
    /// G.711 A-law.
    Pcma,
    /// G.711 µ-law.
    Pcmu,
}

impl Codec {
    /// The rate of a call whose caller speaks it: no codec here carries more.
    pub const fn band(self) -> Rate {
        match self {
            Codec::Opus | Codec::G722 => Rate::Hz16000,
            Codec::Pcma | Codec::Pcmu => Rate::Hz8000,
        }
    }

    /// Its encoding name in `a=rtpmap`.
    pub const fn name(self) -> &'static str {
        match self {
            Codec::Opus => "opus",
            Codec::G722 => "G722",
            Codec::Pcma => "PCMA",
            Codec::Pcmu => "PCMU",
        }
    }

    /// Units of the RTP timestamp in a second.
    pub const fn clock_hz(self) -> u32 {
        match self {
            Codec::Opus => 48_000,
            Codec::G722 | Codec::Pcma | Codec::Pcmu => 8_000,
        }
    }

    /// The payload type that every endpoint knows without `a=rtpmap`, if it has one.
    pub const fn static_payload(self) -> Option<u8> {
        match self {
            Codec::Opus => None,
            Codec::G722 => Some(9),
            Codec::Pcma => Some(8),
            Codec::Pcmu => Some(0),
        }
    }
}

mod coder;

pub use coder::{CodecError, Decoder, Encoder, MAX_DECODED, MAX_ENCODED, MAX_PACKET_FRAMES};
