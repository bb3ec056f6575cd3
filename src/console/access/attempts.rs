//! How often passwords may be tried: for one name, and from one address.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::console::refusal::Refusal;
use crate::console::table::ConsoleTable;

/// Names and addresses that are remembered before those are forgotten that have tried nothing lately.
const REMEMBERED: usize = 10_000;
/// Leading bits of an IPv6 address that belong to one household (RFC 6177).
const HOUSEHOLD: u32 = 64;

/// Counts attempts.
pub(crate) struct Attempts {
    by_name: DefaultKeyedRateLimiter<String>,
    by_address: DefaultKeyedRateLimiter<IpAddr>,
    clock: DefaultClock,
}

impl Attempts {
    /// None yet.
    pub(crate) fn new(table: &ConsoleTable) -> Attempts {
        let quota = |most: u32| {
            let most = NonZeroU32::new(most).unwrap_or(NonZeroU32::MIN);
            let one = Duration::try_from_secs_f64(table.sign_in_secs).unwrap_or(Duration::from_secs(1)) / most.get();
            Quota::with_period(one.max(Duration::from_nanos(1))).expect("the period is not zero").allow_burst(most)
        };
        Attempts {
            by_name: RateLimiter::keyed(quota(table.sign_in_attempts)),
            by_address: RateLimiter::keyed(quota(table.sign_in_address_attempts)),
            clock: DefaultClock::default(),
        }
    }

    /// One attempt more.
    ///
    /// # Errors
    /// There were too many.
    pub(crate) fn note(&self, name: &str, from: IpAddr) -> Result<(), Refusal> {
        if self.by_name.len() > REMEMBERED || self.by_address.len() > REMEMBERED {
            self.by_name.retain_recent();
            self.by_address.retain_recent();
        }
        let too_many = |wait: Duration| Refusal::TooManyAttempts { retry_after_s: wait.as_secs() + 1 };
        self.by_address.check_key(&household(from)).map_err(|not| too_many(not.wait_time_from(self.clock.now())))?;
        self.by_name.check_key(&name.to_lowercase()).map_err(|not| too_many(not.wait_time_from(self.clock.now())))
    }
}

/// Who has one IPv6 address has 2^64 of them.
fn household(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() >> HOUSEHOLD << HOUSEHOLD).into()),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_are_counted_by_name_and_by_address() {
        let table = ConsoleTable { sign_in_attempts: 2, sign_in_address_attempts: 5, sign_in_secs: 3_600.0, ..ConsoleTable::default() };
        let attempts = Attempts::new(&table);
        let (here, there) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        assert!(attempts.note("anna", here).is_ok() && attempts.note("Anna", there).is_ok());
        let Err(Refusal::TooManyAttempts { retry_after_s }) = attempts.note("anna", there) else { panic!("a third attempt was taken") };
        assert!((1..=1_801).contains(&retry_after_s), "{retry_after_s}");
        for name in ["a", "b", "c", "d"] {
            assert!(attempts.note(name, here).is_ok(), "{name}");
        }
        assert!(attempts.note("e", here).is_err());
        assert!(attempts.note("e", there).is_ok());
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
