//! How late the 20 ms ticks of calls are: the measure of a gateway near its limit.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds of the buckets in µs; the last bucket has none.
const BOUNDS_MICROS: [u64; 9] = [250, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000];

/// Counts ticks by how late they were, for all threads.
#[derive(Debug, Default)]
pub struct Lateness([AtomicU64; BOUNDS_MICROS.len() + 1]);

impl Lateness {
    /// A tick came so late.
    pub fn note(&self, late: Duration) {
        let micros = late.as_micros();
        let bucket = BOUNDS_MICROS.iter().position(|&bound| micros <= u128::from(bound)).unwrap_or(BOUNDS_MICROS.len());
        self.0[bucket].fetch_add(1, Ordering::Relaxed);
    }

    /// All ticks so far.
    pub fn ticks(&self) -> Ticks {
        Ticks(self.0.each_ref().map(|count| count.load(Ordering::Relaxed)))
    }
}

/// Ticks of some stretch of time, by how late they were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ticks([u64; BOUNDS_MICROS.len() + 1]);

impl Ticks {
    /// Those that came after `earlier` was taken.
    pub fn since(&self, earlier: &Ticks) -> Ticks {
        Ticks(std::array::from_fn(|n| self.0[n].saturating_sub(earlier.0[n])))
    }

    /// How many.
    pub fn count(&self) -> u64 {
        self.0.iter().sum()
    }

    /// An upper bound of the lateness of this share of them (0.999 for p99.9); `None` without ticks, or beyond 100 ms.
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        let wanted = (self.count() as f64 * share).ceil() as u64;
        let mut so_far = 0;
        let bucket = self.0.iter().position(|count| {
            so_far += count;
            wanted > 0 && so_far >= wanted
        })?;
        BOUNDS_MICROS.get(bucket).map(|&micros| Duration::from_micros(micros))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quantile_is_the_bound_of_the_bucket_in_which_it_falls() {
        let lateness = Lateness::default();
        assert_eq!(lateness.ticks().quantile(0.5), None);
        for _ in 0..999 {
            lateness.note(Duration::from_micros(100));
        }
        lateness.note(Duration::from_millis(4));
        let before = lateness.ticks();
        assert_eq!(before.quantile(0.999), Some(Duration::from_micros(250)));
        assert_eq!(before.quantile(1.0), Some(Duration::from_millis(5)));
        lateness.note(Duration::from_secs(1));
        assert_eq!(lateness.ticks().quantile(1.0), None);
        assert_eq!((lateness.ticks().count(), lateness.ticks().since(&before).count()), (1_001, 1));
    }
}
