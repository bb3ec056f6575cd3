//! What a jitter buffer holds beyond what it has needed for a while: left over from a network that has calmed down.

/// So many pulls are looked at together: 2 s of packets of 20 ms.
const PULLS: u32 = 100;

/// The least that was held beyond what is wanted, over stretches of pulls.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spare {
    least_ms: f64,
    pulls: u32,
    is_there: bool,
}

impl Default for Spare {
    fn default() -> Self {
        Spare { least_ms: f64::INFINITY, pulls: 0, is_there: false }
    }
}

impl Spare {
    /// True if a packet more than wanted was held throughout a stretch, and still is.
    pub fn is_there(&self) -> bool {
        self.is_there
    }

    /// So much more than wanted is held before this pull.
    pub fn note(&mut self, extra_ms: f64, packet_ms: f64) {
        self.least_ms = self.least_ms.min(extra_ms);
        self.pulls += 1;
        self.is_there &= extra_ms >= packet_ms;
        if self.pulls >= PULLS {
            *self = Spare { is_there: self.least_ms >= packet_ms, ..Spare::default() };
        }
    }
}
