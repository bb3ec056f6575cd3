//! How many calls one address may begin: a token bucket for each, in a table that can't grow without end.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Addresses that are remembered at most; beyond that the longest unseen is forgotten.
const MAX_SOURCES: usize = 10_000;

/// Lets each address begin so many calls a second, and as many at once.
pub struct Guard {
    per_second: f64,
    sources: Mutex<BTreeMap<IpAddr, Bucket>>,
}

struct Bucket {
    tokens: f64,
    seen: Instant,
    /// When its refusals were last told.
    told: Option<Instant>,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may pass.
    Pass,
    /// Too many; say so in the log if `tell` (at most once a minute for an address).
    Refuse {
        /// Whether it is worth a line.
        tell: bool,
    },
}

impl Guard {
    /// So many calls a second from one address.
    pub fn new(per_second: u32) -> Self {
        Guard { per_second: f64::from(per_second), sources: Mutex::new(BTreeMap::new()) }
    }

    /// A call from this address begins.
    pub fn call(&self, from: IpAddr, now: Instant) -> Verdict {
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        if sources.len() >= MAX_SOURCES && !sources.contains_key(&from) {
            let oldest = sources.iter().min_by_key(|(_, bucket)| bucket.seen).map(|(address, _)| *address);
            oldest.and_then(|address| sources.remove(&address));
        }
        let bucket = sources.entry(from).or_insert(Bucket { tokens: self.per_second, seen: now, told: None });
        let gained = now.saturating_duration_since(bucket.seen).as_secs_f64() * self.per_second;
        bucket.tokens = (bucket.tokens + gained).min(self.per_second);
        bucket.seen = now;
        if bucket.tokens >= 1.0 {
            bucket.tokens -= 1.0;
            return Verdict::Pass;
        }
        let tell = bucket.told.is_none_or(|told| now.saturating_duration_since(told).as_secs() >= 60);
        if tell {
            bucket.told = Some(now);
        }
        Verdict::Refuse { tell }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_address_that_begins_too_many_calls_is_refused_and_told_of_once_a_minute() {
        let guard = Guard::new(2);
        let (scanner, other) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        let start = Instant::now();
        let verdicts: Vec<Verdict> = (0..4).map(|_| guard.call(scanner, start)).collect();
        assert_eq!(verdicts, [Verdict::Pass, Verdict::Pass, Verdict::Refuse { tell: true }, Verdict::Refuse { tell: false }]);
        assert_eq!(guard.call(other, start), Verdict::Pass);
        assert_eq!(guard.call(scanner, start + Duration::from_millis(500)), Verdict::Pass);
        assert_eq!(guard.call(scanner, start + Duration::from_millis(501)), Verdict::Refuse { tell: false });
    }

    #[test]
    fn the_table_of_addresses_does_not_grow_without_end() {
        let guard = Guard::new(1);
        let start = Instant::now();
        for n in 0..(MAX_SOURCES as u32 + 500) {
            guard.call(IpAddr::from(n.to_be_bytes()), start + Duration::from_micros(u64::from(n)));
        }
        assert_eq!(guard.sources.lock().map(|s| s.len()).unwrap_or(0), MAX_SOURCES);
    }
}
