//! How many requests one address may send, and how often it may fail: a token bucket and a count for each, in a table that
//! can't grow without end.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};

use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};

use super::table::Network;

/// Addresses that are remembered at most; beyond that those are forgotten that have been quiet, and then the others that are not banned.
const MAX_SOURCES: usize = 10_000;
/// An address that has said nothing for so long is as good as new.
const QUIET: Duration = Duration::from_secs(10);
/// An address that was banned is told of in the log again after this.
const TELL_AGAIN: Duration = Duration::from_secs(60);
/// Lines of the log a minute about all addresses together; what many machines send at once must not fill the disk.
const MAX_LINES: u32 = 60;
/// Whoever is spared from bans may send so many times as much: the messages of a call, and some to spare.
const SPARED_TIMES: f64 = 20.0;
/// Who sends more than they may for so long, without a pause, is banned: in s of what they may.
const FLOOD_SECS: f64 = 10.0;

/// What is left of an IPv6 address to tell its owner from others.
const HOST_MASK: u128 = u128::MAX << 64;

/// Lets each address send so many requests a second, and as many at once; who fails too often, or never stops, is banned for a while.
pub struct Guard {
    per_second: f64,
    ban_after: u32,
    ban: Duration,
    spared: Vec<Network>,
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    sources: BTreeMap<IpAddr, Bucket>,
    /// When the present minute of the log began, and the lines since.
    lines: Option<(Instant, u32)>,
}

struct Bucket {
    tokens: f64,
    seen: Instant,
    /// When its refusals were last told.
    told: Option<Instant>,
    failures: u32,
    /// Refused since the bucket was last full.
    excess: f64,
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
        Guard { per_second: f64::from(per_second), ban_after: u32::MAX, ban: Duration::ZERO, spared: Vec::new(), table: Mutex::new(Table::default()) }
    }

    /// Bans an address for this time after so many failures.
    pub fn banning(self, after: u32, ban: Duration) -> Self {
        Guard { ban_after: after, ban, ..self }
    }

    /// Never bans these, and lets them send more: the source of a datagram is easily forged, and nobody may take our trunk from us.
    pub fn sparing(self, spared: Vec<Network>) -> Self {
        Guard { spared, ..self }
    }

    /// A call or another request from this address begins.
    pub fn call(&self, from: IpAddr, now: Instant) -> Verdict {
        let is_spared = self.is_spared(from);
        let rate = if is_spared { self.per_second * SPARED_TIMES } else { self.per_second };
        self.with(from, now, |bucket| {
            if bucket.is_banned(now) {
                return true;
            }
            let gained = now.saturating_duration_since(bucket.seen).as_secs_f64() * rate;
            bucket.tokens = (bucket.tokens + gained).min(rate);
            bucket.seen = now;
            if bucket.tokens < 1.0 {
                bucket.excess += 1.0;
                if bucket.excess >= rate * FLOOD_SECS && !is_spared && self.ban > Duration::ZERO {
                    bucket.banned_until = Some(now + self.ban);
                    bucket.excess = 0.0;
                }
                return true;
            }
            if bucket.tokens >= rate {
                bucket.excess = 0.0;
            }
            bucket.tokens -= 1.0;
            false
        })
    }

    /// Somebody at this address gave a wrong name or password, or what is no SIP. Failures are forgotten with the ban that they led to.
    pub fn failed(&self, from: IpAddr, now: Instant) -> Verdict {
        let is_spared = self.is_spared(from);
        self.with(from, now, |bucket| {
            bucket.failures = bucket.failures.saturating_add(1);
            if bucket.failures >= self.ban_after && !is_spared {
                bucket.failures = 0;
                bucket.banned_until = Some(now + self.ban);
            }
            true
        })
    }

    /// Whether an address is banned.
    pub fn is_banned(&self, from: IpAddr, now: Instant) -> bool {
        self.table().sources.get(&party(from)).is_some_and(|bucket| bucket.is_banned(now))
    }

    fn is_spared(&self, from: IpAddr) -> bool {
        self.spared.iter().any(|network| network.contains(from))
    }

    /// `act` tells whether the request is refused.
    fn with(&self, from: IpAddr, now: Instant, act: impl FnOnce(&mut Bucket) -> bool) -> Verdict {
        let fresh = || Bucket { tokens: f64::MAX, seen: now, told: None, failures: 0, excess: 0.0, banned_until: None };
        let from = party(from);
        let mut table = self.table();
        if table.sources.len() >= MAX_SOURCES && !table.sources.contains_key(&from) {
            table.forget(now);
        }
        let Table { sources, lines } = &mut *table;
        let bucket = sources.entry(from).or_insert_with(fresh);
        if !act(bucket) {
            return Verdict::Pass;
        }
        let is_new = bucket.told.is_none_or(|told| now.saturating_duration_since(told) >= TELL_AGAIN);
        let tell = is_new && take_line(lines, now);
        if tell {
            bucket.told = Some(now);
        }
        Verdict::Refuse { tell }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock()
    }
}

impl Table {
    /// Makes room, half of it at a time, so that a flood from forged addresses costs little for each.
    fn forget(&mut self, now: Instant) {
        self.sources.retain(|_, bucket| bucket.is_banned(now) || now.saturating_duration_since(bucket.seen) < QUIET);
        if self.sources.len() > MAX_SOURCES / 2 {
            self.sources.retain(|_, bucket| bucket.is_banned(now));
        }
        if self.sources.len() > MAX_SOURCES / 2 {
            self.sources.clear();
        }
    }
}

impl Bucket {
    fn is_banned(&self, now: Instant) -> bool {
        self.banned_until.is_some_and(|until| now < until)
    }
}

/// Who stands behind an address: of IPv6 everybody has at least a network of 64 bits to himself (RFC 6177), and all its addresses.
fn party(from: IpAddr) -> IpAddr {
    match from.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & HOST_MASK)),
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// Whether there is room for one more line in this minute.
fn take_line(lines: &mut Option<(Instant, u32)>, now: Instant) -> bool {
    let (began, count) = lines.filter(|(began, _)| now.saturating_duration_since(*began) < TELL_AGAIN).unwrap_or((now, 0));
    *lines = Some((began, count.saturating_add(1)));
    count < MAX_LINES
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
        assert!(guard.table().sources.len() <= MAX_SOURCES);
    }

    #[test]
    fn a_flood_from_forged_addresses_lifts_no_ban() {
        let guard = Guard::new(1).banning(1, Duration::from_secs(600));
        let start = Instant::now();
        let guesser = IpAddr::from([192, 0, 2, 1]);
        guard.failed(guesser, start);
        for n in 0..(3 * MAX_SOURCES as u32) {
            guard.call(IpAddr::from(n.to_be_bytes()), start);
        }
        assert!(guard.is_banned(guesser, start));
    }

    #[test]
    fn who_has_many_addresses_is_one_party() {
        let guard = Guard::new(1).banning(1, Duration::from_secs(600));
        let from = |written: &str| written.parse::<IpAddr>().expect(written);
        let start = Instant::now();
        guard.failed(from("2001:db8:1:2::7"), start);
        guard.failed(from("::ffff:192.0.2.1"), start);
        assert!(guard.is_banned(from("2001:db8:1:2:ffff::9"), start) && !guard.is_banned(from("2001:db8:1:3::7"), start));
        assert!(guard.is_banned(from("192.0.2.1"), start) && !guard.is_banned(from("192.0.2.2"), start));
    }

    #[test]
    fn who_never_stops_is_banned_and_whom_we_know_only_held_back() {
        let known = Network::read("198.51.100.0/24").expect("a network");
        let guard = Guard::new(2).banning(10, Duration::from_secs(600)).sparing(vec![known]);
        let (scanner, carrier) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([198, 51, 100, 7]));
        let start = Instant::now();
        let passed = |from| (0..10_000).filter(|_| guard.call(from, start) == Verdict::Pass).count();
        assert_eq!((passed(scanner), passed(carrier)), (2, 40));
        assert!(guard.is_banned(scanner, start) && !guard.is_banned(carrier, start));
        for _ in 0..100 {
            guard.failed(carrier, start);
        }
        assert!(!guard.is_banned(carrier, start));
        let later = start + Duration::from_secs(600);
        assert_eq!((guard.call(scanner, later), guard.call(carrier, later)), (Verdict::Pass, Verdict::Pass));
    }

    #[test]
    fn many_addresses_together_write_a_page_of_log_a_minute() {
        let guard = Guard::new(1);
        let start = Instant::now();
        let told = |now: Instant| {
            let all = (0..5_000_u32).map(|n| guard.failed(IpAddr::from(n.to_be_bytes()), now));
            all.filter(|verdict| *verdict == Verdict::Refuse { tell: true }).count()
        };
        assert_eq!((told(start), told(start + Duration::from_secs(59)), told(start + Duration::from_secs(61))), (60, 0, 60));
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
