//! How late packets are against the quickest of late, and how much must be held back for that.

use crate::base::Time;

/// Delays that are remembered.
const DELAYS: usize = 256;
/// How often the wanted delay is looked at, in packets.
const REVIEW_EVERY: u32 = 25;
/// Least and most that is held back, in ms.
const HELD_MS: (f64, f64) = (20.0, 120.0);
/// Share of delays that must fit.
const PERCENTILE: f64 = 0.95;

/// The delays of late, each the arrival minus the timestamp.
pub(super) struct Delays {
    /// In ms.
    delays: [f64; DELAYS],
    filled: usize,
    at: usize,
    since_review: u32,
    held_ms: f64,
    /// The timestamp that others are counted from, so that delays survive its wrap.
    origin: Option<u32>,
}

impl Default for Delays {
    fn default() -> Self {
        Delays { delays: [0.0; DELAYS], filled: 0, at: 0, since_review: 0, held_ms: HELD_MS.0, origin: None }
    }
}

impl Delays {
    /// How much is to be held back, in ms.
    pub fn held_ms(&self) -> f64 {
        self.held_ms
    }

    /// Another stream: what is held back stays until it is known better.
    pub fn forget(&mut self) {
        *self = Delays { held_ms: self.held_ms, ..Delays::default() };
    }

    /// A packet came.
    pub fn note(&mut self, timestamp: u32, clock_hz: u32, now: Time) {
        let arrival_ms = now.as_micros() as f64 / 1_000.0;
        let since = timestamp.wrapping_sub(*self.origin.get_or_insert(timestamp)) as i32;
        let stamp_ms = f64::from(since) * 1_000.0 / f64::from(clock_hz);
        self.delays[self.at] = arrival_ms - stamp_ms;
        self.at = (self.at + 1) % DELAYS;
        self.filled = (self.filled + 1).min(DELAYS);
        self.since_review += 1;
        if self.since_review >= REVIEW_EVERY {
            self.since_review = 0;
            self.review();
        }
    }

    fn review(&mut self) {
        let mut delays = self.delays;
        let delays = &mut delays[..self.filled];
        let quickest = delays.iter().copied().fold(f64::INFINITY, f64::min);
        let (_, slow, _) = delays.select_nth_unstable_by((self.filled as f64 * PERCENTILE) as usize, f64::total_cmp);
        self.held_ms = (*slow - quickest).clamp(HELD_MS.0, HELD_MS.1);
    }
}
