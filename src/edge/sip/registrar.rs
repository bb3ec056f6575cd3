//! The registrar (RFC 3261, section 10): where the phones of users are.
//!
//! A machine that reads no clock: [`Registrar::register`] for what comes in (whose sender has proved who they are),
//! [`Registrar::expire`] once in a while. [`Registrar::contacts`] tells whom to dial. What is *not* here: digests, and
//! how a REGISTER is received and answered.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use super::nat;
use super::params::{NameAddr, split};
use crate::base::Time;

/// Phones of one user at most.
pub const MAX_CONTACTS: usize = 10;
/// Longest contact, in octets.
const MAX_CONTACT: usize = 512;
/// What a phone gets that says nothing (RFC 3261, 10.3), in s.
const DEFAULT_SECS: u32 = 3_600;
/// A phone without a preference, in thousandths.
const DEFAULT_Q: u16 = 1_000;

/// How long a phone may be registered before it registers again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// A shorter time is refused with 423, in s.
    pub min_secs: u32,
    /// A longer time is cut, in s.
    pub max_secs: u32,
}

/// A REGISTER, as far as it matters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Register<'a> {
    /// Its Call-ID.
    pub call_id: &'a str,
    /// Its CSeq.
    pub sequence: u32,
    /// The values of its `Contact` headers.
    pub contacts: &'a [String],
    /// The value of its `Expires`, if any.
    pub expires: Option<&'a str>,
    /// Where it came from.
    pub source: SocketAddr,
    /// The transport that it came by, as a URI names it (`udp`, `tcp`, `tls`).
    pub transport: &'a str,
}

/// How a REGISTER is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// 200, with these values of `Contact`.
    Ok(Vec<String>),
    /// 423, with this `Min-Expires`, in s.
    TooBrief(u32),
    /// 400: it can't be read.
    Malformed(&'static str),
    /// 403: more phones than one user may have.
    TooMany,
    /// 500 (RFC 3261, 10.3, step 7): a later one was there before.
    OutOfOrder,
}

/// One phone.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Binding {
    /// The URI as the phone wrote it, which names the binding.
    uri: String,
    /// The URI at which it is dialled.
    target: String,
    /// Where it is heard from, over UDP, if its own address leads nowhere.
    hidden: Option<SocketAddr>,
    /// Preference in thousandths.
    q: u16,
    until: Time,
    call_id: String,
    sequence: u32,
}

/// Who is registered where.
#[derive(Debug)]
pub struct Registrar {
    bounds: Bounds,
    users: BTreeMap<String, Vec<Binding>>,
}

impl Registrar {
    /// Nobody is registered.
    pub fn new(bounds: Bounds) -> Self {
        Registrar { bounds, users: BTreeMap::new() }
    }

    /// Changes a user's bindings: all as asked, or none. Without a contact nothing changes, and the answer tells what is.
    pub fn register(&mut self, name: &str, register: &Register<'_>, now: Time) -> Answer {
        self.expire(now);
        let mut bindings = self.users.get(name).cloned().unwrap_or_default();
        let contacts: Vec<&str> = register.contacts.iter().flat_map(|value| split(value, ',')).filter(|contact| !contact.is_empty()).collect();
        let changed = if contacts.contains(&"*") {
            forget_all(&mut bindings, &contacts, register)
        } else {
            contacts.into_iter().try_for_each(|contact| self.change(&mut bindings, contact, register, now))
        };
        if let Err(answer) = changed {
            return answer;
        }
        bindings.sort_by_key(|binding| std::cmp::Reverse(binding.q));
        let answer = Answer::Ok(bindings.iter().map(|binding| binding.written(now)).collect());
        if bindings.is_empty() {
            self.users.remove(name);
        } else {
            self.users.insert(name.to_owned(), bindings);
        }
        answer
    }

    fn change(&self, bindings: &mut Vec<Binding>, written: &str, register: &Register<'_>, now: Time) -> Result<(), Answer> {
        let address = NameAddr::parse(written).filter(|_| written.len() <= MAX_CONTACT).ok_or(Answer::Malformed("Contact can't be read"))?;
        let secs = match seconds(address.param("expires")).or_else(|| seconds(register.expires)).unwrap_or(DEFAULT_SECS) {
            secs if secs != 0 && secs < self.bounds.min_secs => return Err(Answer::TooBrief(self.bounds.min_secs)),
            secs => secs.min(self.bounds.max_secs),
        };
        let known = bindings.iter().position(|binding| binding.uri == address.uri);
        if known.is_some_and(|at| bindings[at].is_later_than(register)) {
            return Err(Answer::OutOfOrder);
        }
        if secs == 0 {
            known.map(|at| bindings.swap_remove(at));
            return Ok(());
        }
        let target = nat::target(address.uri, register.source, register.transport);
        let (target, hidden) = target.ok_or(Answer::Malformed("Contact is no sip: URI"))?;
        let binding = Binding {
            uri: address.uri.to_owned(),
            target,
            hidden,
            q: thousandths(address.param("q")),
            until: now + Duration::from_secs(u64::from(secs)),
            call_id: register.call_id.to_owned(),
            sequence: register.sequence,
        };
        match known {
            Some(at) => bindings[at] = binding,
            None if bindings.len() >= MAX_CONTACTS => return Err(Answer::TooMany),
            None => bindings.push(binding),
        }
        Ok(())
    }

    /// Forgets phones that did not register again in time.
    pub fn expire(&mut self, now: Time) {
        self.users.retain(|_, bindings| {
            bindings.retain(|binding| binding.until > now);
            !bindings.is_empty()
        });
    }

    /// Forgets the phones of all other users.
    pub fn retain(&mut self, stays: impl Fn(&str) -> bool) {
        self.users.retain(|name, _| stays(name));
    }

    /// The URIs at which a user's phones are dialled, the preferred ones first.
    pub fn contacts(&self, name: &str, now: Time) -> Vec<String> {
        let bindings = self.users.get(name).into_iter().flatten();
        bindings.filter(|binding| binding.until > now).map(|binding| binding.target.clone()).collect()
    }

    /// Where phones are heard from that registered over UDP with an address that leads nowhere.
    pub fn hidden(&self) -> BTreeSet<SocketAddr> {
        self.users.values().flatten().filter_map(|binding| binding.hidden).collect()
    }

    /// Users with at least one phone.
    pub fn reachable(&self) -> BTreeSet<String> {
        self.users.keys().cloned().collect()
    }
}

/// `Contact: *` with `Expires: 0`: all phones are gone (RFC 3261, 10.2.2).
fn forget_all(bindings: &mut Vec<Binding>, contacts: &[&str], register: &Register<'_>) -> Result<(), Answer> {
    if contacts.len() != 1 || seconds(register.expires) != Some(0) {
        return Err(Answer::Malformed("Contact: * stands alone, with Expires: 0"));
    }
    if bindings.iter().any(|binding| binding.is_later_than(register)) {
        return Err(Answer::OutOfOrder);
    }
    bindings.clear();
    Ok(())
}

impl Binding {
    fn is_later_than(&self, register: &Register<'_>) -> bool {
        self.call_id == register.call_id && self.sequence >= register.sequence
    }

    fn written(&self, now: Time) -> String {
        let left = self.until.since(now).as_secs();
        let q = if self.q == DEFAULT_Q { String::new() } else { format!(";q=0.{:03}", self.q) };
        format!("<{}>;expires={left}{q}", self.uri)
    }
}

/// Seconds as they are written; too many are as many as fit, and what is no number is not there (RFC 3261, 20.19).
fn seconds(written: Option<&str>) -> Option<u32> {
    let written = written?.trim();
    let is_number = !written.is_empty() && written.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| written.parse().unwrap_or(u32::MAX))
}

/// A preference of 0 to 1 with up to three decimals; what is none is the default.
fn thousandths(written: Option<&str>) -> u16 {
    let Some(written) = written else { return DEFAULT_Q };
    let (whole, rest) = written.split_once('.').unwrap_or((written, ""));
    if whole != "0" || rest.len() > 3 || !rest.bytes().all(|b| b.is_ascii_digit()) {
        return DEFAULT_Q;
    }
    format!("{rest:0<3}").parse().unwrap_or(DEFAULT_Q)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds { min_secs: 60, max_secs: 600 };
    const SOURCE: &str = "192.0.2.7:5060";

    fn at(secs: u64) -> Time {
        Time::from_millis(secs * 1_000)
    }

    /// One phone's REGISTERs.
    struct Phone {
        registrar: Registrar,
        sequence: u32,
        source: SocketAddr,
        transport: &'static str,
    }

    impl Phone {
        fn new() -> Self {
            Phone { registrar: Registrar::new(BOUNDS), sequence: 0, source: SOURCE.parse().expect("an address"), transport: "udp" }
        }

        fn say(&mut self, contacts: &[&str], expires: Option<&str>, now: Time) -> Answer {
            self.sequence += 1;
            self.repeat(contacts, expires, now)
        }

        fn repeat(&mut self, contacts: &[&str], expires: Option<&str>, now: Time) -> Answer {
            let contacts: Vec<String> = contacts.iter().map(|c| (*c).to_owned()).collect();
            let register =
                Register { call_id: "a", sequence: self.sequence, contacts: &contacts, expires, source: self.source, transport: self.transport };
            self.registrar.register("anna", &register, now)
        }
    }

    fn ok(contacts: &[&str]) -> Answer {
        Answer::Ok(contacts.iter().map(|c| (*c).to_owned()).collect())
    }

    #[test]
    fn a_phone_is_there_until_its_time_is_over() {
        let mut phone = Phone::new();
        assert_eq!(phone.say(&["<sip:anna@192.0.2.7:5062;ob>;expires=100"], Some("300"), at(0)), ok(&["<sip:anna@192.0.2.7:5062;ob>;expires=100"]));
        assert_eq!(phone.registrar.contacts("anna", at(99)), ["sip:anna@192.0.2.7:5062;ob"]);
        assert_eq!(phone.say(&[], None, at(50)), ok(&["<sip:anna@192.0.2.7:5062;ob>;expires=50"]));
        assert_eq!(phone.registrar.contacts("anna", at(100)), [""; 0]);
        assert_eq!(phone.registrar.reachable().len(), 1);
        phone.registrar.expire(at(100));
        assert_eq!(phone.registrar.reachable().len(), 0);
        assert_eq!(phone.registrar.contacts("bert", at(0)), [""; 0]);
    }

    #[test]
    fn the_time_asked_for_is_bounded() {
        let mut phone = Phone::new();
        assert_eq!(phone.say(&["<sip:a@192.0.2.7>"], Some("59"), at(0)), Answer::TooBrief(60));
        for (expires, granted) in [(Some("60"), 60), (Some("99999"), 600), (Some("99999999999999999999"), 600), (None, 600), (Some("soon"), 600)] {
            assert_eq!(phone.say(&["<sip:a@192.0.2.7>"], expires, at(0)), ok(&[&format!("<sip:a@192.0.2.7>;expires={granted}")]), "{expires:?}");
        }
    }

    #[test]
    fn a_phone_takes_itself_away_and_a_star_takes_all_away() {
        let mut phone = Phone::new();
        phone.say(&["<sip:a@192.0.2.7>, <sip:b@192.0.2.7>;q=0.5"], None, at(0));
        assert_eq!(phone.say(&["<sip:a@192.0.2.7>;expires=0"], None, at(0)), ok(&["<sip:b@192.0.2.7>;expires=600;q=0.500"]));
        assert!(matches!(phone.say(&["*"], Some("1"), at(0)), Answer::Malformed(_)));
        assert!(matches!(phone.say(&["*", "<sip:a@192.0.2.7>"], Some("0"), at(0)), Answer::Malformed(_)));
        assert_eq!(phone.say(&["*"], Some("0"), at(0)), ok(&[]));
        assert!(phone.registrar.reachable().is_empty());
    }

    #[test]
    fn an_old_request_that_arrives_late_changes_nothing() {
        let mut phone = Phone::new();
        phone.say(&["<sip:a@192.0.2.7>"], None, at(0));
        assert_eq!(phone.repeat(&["<sip:b@192.0.2.7>, <sip:a@192.0.2.7>;expires=0"], None, at(0)), Answer::OutOfOrder);
        assert_eq!(phone.repeat(&["*"], Some("0"), at(0)), Answer::OutOfOrder);
        assert_eq!(phone.registrar.contacts("anna", at(0)), ["sip:a@192.0.2.7"]);
    }

    #[test]
    fn preferred_phones_come_first_and_there_is_a_limit() {
        let mut phone = Phone::new();
        let many: Vec<String> = (0..MAX_CONTACTS).map(|n| format!("<sip:p{n}@192.0.2.7>;q=0.{n}")).collect();
        phone.say(&many.iter().map(String::as_str).collect::<Vec<_>>(), None, at(0));
        assert_eq!(phone.registrar.contacts("anna", at(0))[0], "sip:p9@192.0.2.7");
        assert_eq!(phone.say(&["<sip:p10@192.0.2.7>"], None, at(0)), Answer::TooMany);
        assert_eq!(phone.registrar.contacts("anna", at(0)).len(), MAX_CONTACTS);
        assert_eq!([thousandths(Some("0.5")), thousandths(Some("0")), thousandths(Some("2")), thousandths(Some("0.0001"))], [500, 0, 1_000, 1_000]);
    }

    #[test]
    fn a_phone_behind_nat_is_dialled_where_it_came_from() {
        for (contact, transport, dialled) in [
            ("<sip:anna@192.0.2.7:5070;line=1>", "udp", "sip:anna@192.0.2.7:5070;line=1"),
            ("<sip:anna@10.0.0.3:5060;transport=udp>", "udp", "sip:anna@192.0.2.7:5060"),
            ("<sip:anna@phone.local>", "udp", "sip:anna@192.0.2.7:5060"),
            ("<sip:anna@192.0.2.7:5070;transport=TCP;line=1>", "tcp", "sip:anna@192.0.2.7:5060;line=1;transport=tcp"),
            ("sip:192.0.2.7", "udp", "sip:192.0.2.7"),
            ("<sip:%23anna@10.0.0.3?X-Header=1>", "udp", "sip:%23anna@192.0.2.7:5060"),
        ] {
            let mut phone = Phone { transport, ..Phone::new() };
            assert!(matches!(phone.say(&[contact], None, at(0)), Answer::Ok(_)), "{contact}");
            assert_eq!(phone.registrar.contacts("anna", at(0)), [dialled], "{contact}");
        }
        let mut phone = Phone { source: "[2001:db8::7]:5060".parse().expect("an address"), ..Phone::new() };
        phone.say(&["<sip:anna@[fe80::1]:5060>"], None, at(0));
        assert_eq!(phone.registrar.contacts("anna", at(0)), ["sip:anna@[2001:db8::7]:5060"]);
    }

    #[test]
    fn contacts_that_can_not_be_dialled_are_refused_and_nothing_is_changed() {
        let mut phone = Phone::new();
        phone.say(&["<sip:a@192.0.2.7>"], None, at(0));
        let long = format!("<sip:{}@192.0.2.7>", "a".repeat(MAX_CONTACT));
        for bad in ["x", "<>", "<sip:>", "<tel:+1201>", "<http://a@b>", "<sip:@192.0.2.7>", "\"open <sip:a@b>", "<sip:a b@c>", long.as_str()] {
            assert!(matches!(phone.say(&["<sip:new@192.0.2.7>", bad], None, at(0)), Answer::Malformed(_)), "{bad}");
        }
        assert_eq!(phone.registrar.contacts("anna", at(0)), ["sip:a@192.0.2.7"]);
    }
}
