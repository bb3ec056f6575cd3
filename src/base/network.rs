//! What the network did to one leg's sound, as records tell it.

use serde::{Deserialize, Serialize};

/// What the network did to one leg's sound, from its beginning to its end. Counts are packets unless said.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Network {
    /// How sound was coded at the end, by its name in SDP.
    pub codec: String,
    /// Came from the peer.
    pub received: u64,
    /// Never came, or too late to be played.
    pub lost: u64,
    /// Of these, came too late.
    pub late: u64,
    /// Came twice.
    pub duplicates: u64,
    /// Came, but were left out because too many waited.
    pub dropped: u64,
    /// Datagrams that could not be used, or were not the peer's.
    pub refused: u64,
    /// Inter-arrival jitter at the end, in ms (RFC 3550, 6.4.1).
    pub jitter_ms: f64,
    /// How much was held back against jitter at the end, in ms.
    pub held_ms: f64,
    /// Sent to the peer.
    pub sent: u64,
    /// Of these, packets of another leg that were passed on as they came.
    pub forwarded: u64,
    /// What the peer's last report says of our sound; `None` if it sent none.
    pub peer: Option<PeerNetwork>,
}

/// What a peer says of the sound that it gets (RTCP).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PeerNetwork {
    /// Share of packets that it lost between its last two reports, 0..1.
    pub lost: f64,
    /// Its inter-arrival jitter, in ms.
    pub jitter_ms: f64,
    /// There and back, in ms; `None` until it has seen a report of ours.
    pub round_trip_ms: Option<f64>,
}
