//! How often passwords may be tried and be wrong: for one name from one address, from one address, and for one name from anywhere;
//! and how often visitors may call.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};

use crate::console::refusal::Refusal;
use crate::console::table::ConsoleTable;

/// Names and addresses that are remembered; of more, those are forgotten whose attempts are over first.
const REMEMBERED: usize = 10_000;
/// Leading bits of an IPv6 address that belong to one household (RFC 6177).
const HOUSEHOLD: u32 = 64;
/// So much oftener may a password be tried for one name from anywhere than from one address: who tries it from many places does not
/// keep whoever has the name from signing in.
const ANYWHERE: u32 = 20;
/// Characters of a name by which it is counted: none is longer.
const NAME: usize = 64;

/// The counter of visits.
const VISITS: usize = 3;

/// Counts attempts.
pub(crate) struct Attempts(Mutex<[Counter; 4]>);

/// For what something is counted.
type Key = (String, IpAddr);

/// An attempt that may have failed.
#[derive(Debug)]
pub(crate) struct Attempt(Vec<(usize, Key)>);

/// So many within a time, each of which is forgotten after its share of it (the generic cell rate algorithm, ITU-T I.371, annex A).
struct Counter {
    most: u32,
    share: Duration,
    /// When everything that was counted is forgotten.
    until: BTreeMap<Key, Instant>,
}

impl Counter {
    /// How long to wait, if there were too many.
    fn wait(&self, key: &Key, now: Instant) -> Option<Duration> {
        let until = self.until.get(key).copied().unwrap_or(now).max(now) + self.share;
        Some((until - now).saturating_sub(self.share * self.most)).filter(|wait| !wait.is_zero())
    }

    fn count(&mut self, key: &Key, now: Instant) {
        if self.until.len() >= REMEMBERED {
            self.until.retain(|_, until| *until > now);
        }
        if self.until.len() >= REMEMBERED {
            let first = self.until.iter().min_by_key(|(_, until)| **until).map(|(key, _)| key.clone());
            let _ = first.and_then(|key| self.until.remove(&key));
        }
        let until = self.until.entry(key.clone()).or_insert(now);
        *until = (*until).max(now) + self.share;
    }
}

impl Attempts {
    /// None yet.
    pub(crate) fn new(table: &ConsoleTable) -> Attempts {
        let counter = |most: u32, secs: f64| {
            let span = Duration::try_from_secs_f64(secs).unwrap_or(Duration::from_secs(1));
            Counter { most: most.max(1), share: span / most.max(1), until: BTreeMap::new() }
        };
        let by_both = counter(table.sign_in_attempts, table.sign_in_secs);
        let by_name = counter(table.sign_in_attempts.saturating_mul(ANYWHERE), table.sign_in_secs);
        let visits = counter(table.address_visits, table.visit_secs);
        Attempts(Mutex::new([counter(table.sign_in_address_attempts, table.sign_in_secs), by_both, by_name, visits]))
    }

    fn counters(&self) -> MutexGuard<'_, [Counter; 4]> {
        self.0.lock()
    }

    /// One visitor's call more.
    ///
    /// # Errors
    /// There were too many.
    pub(crate) fn note_visit(&self, from: IpAddr) -> Result<(), Refusal> {
        let (key, now, mut counters) = ((String::new(), household(from)), Instant::now(), self.counters());
        if let Some(wait) = counters[VISITS].wait(&key, now) {
            return Err(too_many(wait));
        }
        counters[VISITS].count(&key, now);
        Ok(())
    }

    /// One attempt more, which counts as failed until it is given back. Without a name only its address counts.
    ///
    /// # Errors
    /// There were too many.
    pub(crate) fn note(&self, name: Option<&str>, from: IpAddr) -> Result<Attempt, Refusal> {
        let from = household(from);
        let mut keys = vec![(0, (String::new(), from))];
        if let Some(name) = name {
            let name: String = name.to_lowercase().chars().take(NAME).collect();
            keys.extend([(1, (name.clone(), from)), (2, (name, Ipv4Addr::UNSPECIFIED.into()))]);
        }
        let (now, mut counters) = (Instant::now(), self.counters());
        if let Some(wait) = keys.iter().filter_map(|(n, key)| counters[*n].wait(key, now)).max() {
            return Err(too_many(wait));
        }
        keys.iter().for_each(|(n, key)| counters[*n].count(key, now));
        Ok(Attempt(keys))
    }

    /// It did not fail.
    pub(crate) fn give_back(&self, attempt: Attempt) {
        let mut counters = self.counters();
        for (n, key) in attempt.0 {
            let share = counters[n].share;
            if let Some(until) = counters[n].until.get_mut(&key) {
                *until = until.checked_sub(share).unwrap_or(*until);
            }
        }
    }
}

fn too_many(wait: Duration) -> Refusal {
    Refusal::TooManyAttempts { retry_after_s: wait.as_secs() + 1 }
}

/// Who has one IPv6 address has 2^64 of them.
pub(crate) fn household(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() >> HOUSEHOLD << HOUSEHOLD).into()),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    const THERE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));

    fn attempts() -> Attempts {
        Attempts::new(&ConsoleTable { sign_in_attempts: 2, sign_in_address_attempts: 5, sign_in_secs: 3_600.0, ..ConsoleTable::default() })
    }

    #[test]
    fn attempts_are_counted_by_name_and_by_address() {
        let attempts = attempts();
        assert!(attempts.note(Some("anna"), HERE).is_ok() && attempts.note(Some("Anna"), HERE).is_ok());
        let Err(Refusal::TooManyAttempts { retry_after_s }) = attempts.note(Some("anna"), HERE) else { panic!("a third attempt was taken") };
        assert!((1..=1_801).contains(&retry_after_s), "{retry_after_s}");
        assert!(attempts.note(Some("anna"), THERE).is_ok(), "whoever has the name is somewhere else");
        for name in [Some("a"), None, Some("c")] {
            assert!(attempts.note(name, HERE).is_ok(), "{name:?}");
        }
        assert!(attempts.note(Some("e"), HERE).is_err() && attempts.note(None, HERE).is_err());
        assert!(attempts.note(Some("e"), THERE).is_ok());
    }

    #[test]
    fn only_those_that_failed_count() {
        let attempts = attempts();
        for n in 0..20 {
            let attempt = attempts.note(Some("anna"), HERE).unwrap_or_else(|_| panic!("{n}"));
            attempts.give_back(attempt);
        }
        let tried: Vec<_> = (0..3).map(|_| attempts.note(Some("anna"), HERE)).collect();
        assert!(tried[0].is_ok() && tried[1].is_ok() && tried[2].is_err(), "none is tried beyond the limit at the same time");
    }

    #[test]
    fn one_name_has_a_limit_from_everywhere_and_a_long_one_is_counted_too() {
        let attempts = attempts();
        let from = |n: u32| IpAddr::from(Ipv4Addr::from_bits(0x0a00_0000 + n));
        let long = "x".repeat(100_000);
        let taken = (0..100).filter(|n| attempts.note(Some(&format!("{long}{n}")), from(*n)).is_ok()).count();
        assert_eq!(taken, 40);
        assert!(attempts.counters().iter().flat_map(|counter| counter.until.keys()).all(|(name, _)| name.len() <= NAME));
    }

    #[test]
    fn there_is_an_end_to_what_is_remembered() {
        let attempts = attempts();
        for n in 0..REMEMBERED as u32 + 10 {
            assert!(attempts.note(None, IpAddr::from(Ipv4Addr::from_bits(n))).is_ok());
        }
        assert_eq!(attempts.counters()[0].until.len(), REMEMBERED);
    }

    #[test]
    fn addresses_of_one_household_are_one() {
        let at = |text: &str| household(text.parse().unwrap());
        assert_eq!(at("2001:db8:1:2:3::4"), at("2001:db8:1:2:ffff::1"));
        assert_ne!(at("2001:db8:1:2::1"), at("2001:db8:1:3::1"));
        assert_eq!(at("::ffff:192.0.2.1"), at("192.0.2.1"));
        assert_ne!(at("192.0.2.1"), at("192.0.2.2"));
    }
}
