//! What a jitter buffer holds beyond what it has needed for a while: left over from a network that has calmed down.

/// So many pulls are looked at together, 10 s of packets of 20 ms: a network that stalls more often keeps its packet. Of a
/// buffer that gives it back after 2 s, a stall of 30 ms each 10 s takes 0.3 % of the packets, of one that waits none.
const PULLS: u32 = 500;

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
    /// True if what is wanted was held without the packet that is played, throughout a stretch, and still is.
    pub fn is_there(&self) -> bool {
        self.is_there
    }

    /// So much more than wanted is held once this pull has played its packet.
    pub fn note(&mut self, extra_ms: f64) {
        self.least_ms = self.least_ms.min(extra_ms);
        self.pulls += 1;
        self.is_there &= extra_ms >= 0.0;
        if self.pulls >= PULLS {
            *self = Spare { is_there: self.least_ms >= 0.0, ..Spare::default() };
        }
    }
}
