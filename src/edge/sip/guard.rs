//! How many requests one address may send, and how often it may fail: a token bucket and a count for each, in a table that
//! can't grow without end.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Addresses that are remembered at most; beyond that the longest unseen is forgotten.
const MAX_SOURCES: usize = 10_000;

/// An address that was banned is told of in the log again after this.
const TELL_AGAIN: Duration = Duration::from_secs(60);

/// Lets each address send so many requests a second, and as many at once; who fails too often is banned for a while.
pub struct Guard {
    per_second: f64,
    ban_after: u32,
    ban: Duration,
    sources: Mutex<BTreeMap<IpAddr, Bucket>>,
}

struct Bucket {
    tokens: f64,
    seen: Instant,
    /// When its refusals were last told.
    told: Option<Instant>,
    failures: u32,
    banned_until: Option<Instant>,
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
    /// So many requests a second from one address.
    pub fn new(per_second: u32) -> Self {
        Guard { per_second: f64::from(per_second), ban_after: u32::MAX, ban: Duration::ZERO, sources: Mutex::new(BTreeMap::new()) }
    }

    /// Bans an address for this time after so many failures.
    pub fn banning(self, after: u32, ban: Duration) -> Self {
        Guard { ban_after: after, ban, ..self }
    }

    /// A call or another request from this address begins.
    pub fn call(&self, from: IpAddr, now: Instant) -> Verdict {
        self.with(from, now, |bucket| {
            if bucket.banned_until.is_some_and(|until| now < until) {
                return bucket.refuse(now);
            }
            let gained = now.saturating_duration_since(bucket.seen).as_secs_f64() * self.per_second;
            bucket.tokens = (bucket.tokens + gained).min(self.per_second);
            bucket.seen = now;
            if bucket.tokens < 1.0 {
                return bucket.refuse(now);
            }
            bucket.tokens -= 1.0;
            Verdict::Pass
        })
    }

    /// Somebody at this address gave a wrong name or password. Failures are forgotten with the ban that they led to.
    pub fn failed(&self, from: IpAddr, now: Instant) -> Verdict {
        self.with(from, now, |bucket| {
            bucket.failures = bucket.failures.saturating_add(1);
            if bucket.failures >= self.ban_after {
                bucket.failures = 0;
                bucket.banned_until = Some(now + self.ban);
            }
            bucket.refuse(now)
        })
    }

    fn with(&self, from: IpAddr, now: Instant, act: impl FnOnce(&mut Bucket) -> Verdict) -> Verdict {
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        if sources.len() >= MAX_SOURCES && !sources.contains_key(&from) {
            let oldest = sources.iter().min_by_key(|(_, bucket)| bucket.seen).map(|(address, _)| *address);
            oldest.and_then(|address| sources.remove(&address));
        }
        let fresh = Bucket { tokens: self.per_second, seen: now, told: None, failures: 0, banned_until: None };
        act(sources.entry(from).or_insert(fresh))
    }
}

impl Bucket {
    fn refuse(&mut self, now: Instant) -> Verdict {
        let tell = self.told.is_none_or(|told| now.saturating_duration_since(told) >= TELL_AGAIN);
        if tell {
            self.told = Some(now);
        }
        Verdict::Refuse { tell }
    }
}

#[cfg(test)]
mod tests {
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
    #[test]
    fn who_fails_too_often_is_banned_for_a_while() {
        let guard = Guard::new(100).banning(3, Duration::from_secs(600));
        let (guesser, other) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        let start = Instant::now();
        guard.failed(guesser, start);
        guard.failed(guesser, start);
        assert_eq!(guard.call(guesser, start), Verdict::Pass);
        guard.failed(guesser, start);
        assert!(matches!(guard.call(guesser, start), Verdict::Refuse { .. }));
        assert!(matches!(guard.call(guesser, start + Duration::from_secs(599)), Verdict::Refuse { .. }));
        assert_eq!(guard.call(other, start), Verdict::Pass);
        assert_eq!(guard.call(guesser, start + Duration::from_secs(600)), Verdict::Pass);
    }
}
