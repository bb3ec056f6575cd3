//! How late the 20 ms ticks of calls are: the measure of a gateway near its limit.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds of the buckets in µs; the last bucket has none.
const BOUNDS_MICROS: [u64; 9] = [250, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000];

/// Counts ticks by how late they were, for all threads.
#[derive(Debug, Default)]
pub struct Lateness {
    counts: [AtomicU64; BOUNDS_MICROS.len() + 1],
}

impl Lateness {
    /// A tick came so late.
    pub fn note(&self, late: Duration) {
        let micros = late.as_micros();
        let bucket = BOUNDS_MICROS.iter().position(|&bound| micros <= u128::from(bound)).unwrap_or(BOUNDS_MICROS.len());
        self.counts[bucket].fetch_add(1, Ordering::Relaxed);
    }

    /// An upper bound of the lateness of this share of all ticks (0.999 for p99.9); `None` without ticks, or beyond 100 ms.
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        let counts: Vec<u64> = self.counts.iter().map(|c| c.load(Ordering::Relaxed)).collect();
        let wanted = (counts.iter().sum::<u64>() as f64 * share).ceil() as u64;
        let mut so_far = 0;
        let bucket = counts.iter().position(|count| {
            so_far += count;
            wanted > 0 && so_far >= wanted
        })?;
        BOUNDS_MICROS.get(bucket).map(|&micros| Duration::from_micros(micros))
    }

    /// Ticks so far.
    pub fn ticks(&self) -> u64 {
        self.counts.iter().map(|c| c.load(Ordering::Relaxed)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quantile_is_the_bound_of_the_bucket_in_which_it_falls() {
        let lateness = Lateness::default();
        assert_eq!(lateness.quantile(0.5), None);
        for _ in 0..999 {
            lateness.note(Duration::from_micros(100));
        }
        lateness.note(Duration::from_millis(4));
        assert_eq!(lateness.quantile(0.999), Some(Duration::from_micros(250)));
        assert_eq!(lateness.quantile(1.0), Some(Duration::from_millis(5)));
        lateness.note(Duration::from_secs(1));
        assert_eq!(lateness.quantile(1.0), None);
        assert_eq!(lateness.ticks(), 1_001);
    }
}
