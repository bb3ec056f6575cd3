//! Where a dialled call goes: over which trunks, in which order, and whom it follows when it is sent on (302).

use std::collections::{BTreeSet, VecDeque};

use rsipstack::sip::{Scheme, Uri};
use rsipstack::transport::SipAddr;

use super::Dialling;
use super::params::{NameAddr, split, unescaped};
use super::trunk::{Trunk, Trunks};
use crate::sound::codec::Codec;

/// SIP statuses that we say ourselves.
const NOT_FOUND: u16 = 404;
const SERVICE_UNAVAILABLE: u16 = 503;
/// Contacts that one call is sent on to at most (302).
const MAX_REDIRECTS: usize = 5;
/// From here on nobody wants the call, wherever it is tried.
const GLOBAL_FAILURE: u16 = 600;
/// A contact without `q` is fully preferred (RFC 3261, 20.10), in thousandths.
const DEFAULT_Q: u16 = 1_000;

/// One place to try.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Hop {
    /// Whom it is for.
    pub callee: Uri,
    /// Who calls.
    pub caller: Uri,
    /// Where it is sent, if not where the callee's URI leads.
    pub next: Option<SipAddr>,
    /// The trunk that it goes over.
    pub trunk: Option<usize>,
    /// In order of preference.
    pub codecs: Vec<Codec>,
    /// Somebody sent the call on to it.
    is_redirect: bool,
}

impl Hop {
    /// Whether the trunk is to blame, so that the next one may do better: nobody answered, or the trunk itself failed. Who is
    /// busy, declines or does not exist is so over every trunk.
    pub fn failed_by(&self, status: u16) -> bool {
        self.trunk.is_some() && matches!(status, 401 | 407 | 408 | 482 | 483 | 500..=599)
    }
}

/// The places that are left to try.
pub(super) struct Hops<'a> {
    trunks: &'a Trunks,
    dialling: &'a Dialling,
    left: VecDeque<Hop>,
    seen: BTreeSet<String>,
    redirects: usize,
}

impl<'a> Hops<'a> {
    /// All places of a call that is dialled.
    ///
    /// # Errors
    /// The status and reason why it can't be dialled.
    pub fn new(trunks: &'a Trunks, dialling: &'a Dialling) -> Result<Self, (u16, String)> {
        let mut hops = Hops { trunks, dialling, left: VecDeque::new(), seen: BTreeSet::new(), redirects: 0 };
        for name in &dialling.trunks {
            let trunk = trunks.named(name).ok_or_else(|| (NOT_FOUND, format!("there is no trunk `{name}`")))?;
            hops.left.push_back(over(trunk, dialling)?);
        }
        if dialling.trunks.is_empty() {
            hops.left.push_back(direct(&dialling.target, dialling)?);
        }
        Ok(hops)
    }

    /// The next place that is there; trunks that are down are passed over.
    pub fn next(&mut self) -> Option<Hop> {
        loop {
            let hop = self.left.pop_front()?;
            match hop.trunk.and_then(|n| self.trunks.numbered(n)).filter(|trunk| !trunk.is_up()) {
                Some(down) => down.pass_over(),
                None => {
                    self.seen.insert(key(&hop));
                    return Some(hop);
                }
            }
        }
    }

    /// Whether there is a place to go on to.
    pub fn has_more(&self) -> bool {
        !self.left.is_empty()
    }

    /// `from` refused with this status and these contacts: leaves what may still do better, and tells whether there is any.
    pub fn go_on(&mut self, from: &Hop, status: u16, contacts: &[String]) -> bool {
        let is_followed = self.redirect(contacts, from);
        if !is_followed && !from.failed_by(status) {
            // Of several contacts each may be tried, unless nobody wants the call (RFC 3261, 8.1.3.4 and 21.6).
            self.left.retain(|hop| hop.is_redirect && status < GLOBAL_FAILURE);
        }
        !self.left.is_empty()
    }

    /// The call was sent on to these contacts by the peer of `from`: they are tried next, the preferred ones first, each once.
    /// True if there is one to follow.
    fn redirect(&mut self, contacts: &[String], from: &Hop) -> bool {
        let mut found: Vec<(u16, Hop)> = Vec::new();
        for written in contacts.iter().flat_map(|contacts| split(contacts, ',')) {
            let Some(contact) = NameAddr::parse(written) else { continue };
            let Ok(hop) = self.contact(contact.uri, from) else { continue };
            let hop = Hop { is_redirect: true, ..hop };
            let is_known = self.seen.contains(&key(&hop)) || found.iter().any(|(_, known)| key(known) == key(&hop));
            if !is_known {
                found.push((thousandths(contact.param("q")), hop));
            }
        }
        found.sort_by_key(|(q, _)| std::cmp::Reverse(*q));
        found.truncate(MAX_REDIRECTS - self.redirects);
        self.redirects += found.len();
        let is_any = !found.is_empty();
        for (_, hop) in found.into_iter().rev() {
            self.left.push_front(hop);
        }
        is_any
    }

    /// A number goes over the same trunk, and so does what is at the trunk; everything else goes straight there, without our name
    /// at the trunk.
    fn contact(&self, uri: &str, from: &Hop) -> Result<Hop, (u16, String)> {
        let target = uri.split('?').next().unwrap_or_default();
        let trunk = from.trunk.and_then(|n| self.trunks.numbered(n));
        match trunk {
            Some(trunk) if is_tel(target) => Ok(Hop { callee: number(trunk, target)?, ..from.clone() }),
            Some(trunk) => {
                let callee = read_uri(target)?;
                let is_same = callee.host_with_port == trunk.server.host_with_port || callee.host_with_port == trunk.caller().host_with_port;
                if is_same { Ok(Hop { callee, ..from.clone() }) } else { direct(target, self.dialling) }
            }
            None => direct(target, self.dialling),
        }
    }
}

fn key(hop: &Hop) -> String {
    format!("{} {:?}", hop.callee, hop.trunk)
}

fn is_tel(target: &str) -> bool {
    target.get(..4).is_some_and(|scheme| scheme.eq_ignore_ascii_case("tel:"))
}

fn over(trunk: &Trunk, dialling: &Dialling) -> Result<Hop, (u16, String)> {
    let callee = if is_tel(&dialling.target) { number(trunk, &dialling.target)? } else { read_uri(&dialling.target)? };
    let codecs = if trunk.table.codecs.is_empty() { dialling.codecs.clone() } else { trunk.table.codecs.clone() };
    Ok(Hop { callee, caller: trunk.caller(), next: Some(trunk.address()), trunk: Some(trunk.n), codecs, is_redirect: false })
}

fn number(trunk: &Trunk, target: &str) -> Result<Uri, (u16, String)> {
    if trunk.table.tel_as_sip { Ok(trunk.number(&target[4..])) } else { read_uri(target) }
}

fn direct(target: &str, dialling: &Dialling) -> Result<Hop, (u16, String)> {
    if is_tel(target) {
        return Err((NOT_FOUND, format!("`{target}` is a number, and no trunk is named to dial it over")));
    }
    let (callee, caller) = (read_uri(target)?, read_uri(&dialling.from)?);
    Ok(Hop { callee, caller, next: None, trunk: None, codecs: dialling.codecs.clone(), is_redirect: false })
}

/// What all trunks being down is told as.
pub(super) fn none_is_up() -> (u16, String) {
    (SERVICE_UNAVAILABLE, "every trunk is down".into())
}

pub(super) fn read_uri(written: &str) -> Result<Uri, (u16, String)> {
    let wrong = |why: String| (NOT_FOUND, format!("`{written}` can't be dialled: {why}"));
    let mut uri = rsipstack::sip::parse_uri(written).map_err(|error| wrong(error.to_string()))?;
    if let Some(Scheme::Other(scheme)) = &uri.scheme
        && !scheme.eq_ignore_ascii_case("tel")
    {
        return Err(wrong(format!("`{scheme}:` is no scheme of ours")));
    }
    // The library escapes what it writes, and what it reads is escaped already.
    if let Some(auth) = &mut uri.auth {
        auth.user = unescaped(&auth.user);
    }
    Ok(uri)
}

/// A preference of 0 to 1 with up to three decimals; what is none is the default.
fn thousandths(written: Option<&str>) -> u16 {
    let written = written.and_then(|q| q.parse::<f32>().ok()).filter(|q| (0.0..=1.0).contains(q));
    written.map_or(DEFAULT_Q, |q| (q * f32::from(DEFAULT_Q)) as u16)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::sip::trunk::TrunkPeer;
    use crate::edge::sip::trunk::table::TrunkTable;
    use std::time::Duration;

    fn trunks() -> Trunks {
        let table = |name: &str, rest: &str| {
            let written = format!("name = \"{name}\"\nserver = \"sip:{name}.example.com\"\nusername = \"u\"\n{rest}");
            TrunkPeer { table: toml::from_str::<TrunkTable>(&written).expect("well formed"), account: None }
        };
        Trunks::new(&[table("a", ""), table("b", "tel_as_sip = true\ncodecs = [\"g722\"]")])
    }

    fn dialling(target: &str, trunks: &[&str]) -> Dialling {
        Dialling {
            trunks: trunks.iter().map(|name| (*name).to_owned()).collect(),
            ..Dialling::new(target, "sip:segue@192.0.2.1", vec![Codec::Pcmu], Duration::from_secs(1))
        }
    }

    fn shown(hop: &Hop) -> String {
        format!("{} from {} to {}", hop.callee, hop.caller, hop.next.as_ref().map(ToString::to_string).unwrap_or_default())
    }

    #[test]
    fn targets_are_kept_as_they_are_written() {
        let trunks = trunks();
        for target in
            ["sip:anna@192.0.2.7:5070;line=1", "tel:+1-201-555-0123;phone-context=example.com", "sip:%23anna@[2001:db8::7]", "sip:example.com"]
        {
            let dialling = dialling(target, &["a"]);
            let hop = Hops::new(&trunks, &dialling).expect(target).next().expect("one");
            assert_eq!(hop.callee.to_string(), target);
            assert_eq!(hop.next.expect("a trunk").to_string(), "a.example.com");
        }
    }

    #[test]
    fn trunks_are_tried_in_order_and_those_that_are_down_are_passed_over() {
        let trunks = trunks();
        let dialling = dialling("tel:+49-30", &["a", "b"]);
        let mut hops = Hops::new(&trunks, &dialling).expect("well formed");
        assert_eq!(shown(&hops.next().expect("a")), "tel:+49-30 from sip:u@a.example.com to a.example.com");
        let second = hops.next().expect("b");
        assert_eq!(shown(&second), "sip:+4930@b.example.com;user=phone from sip:u@b.example.com to b.example.com");
        assert_eq!(second.codecs, [Codec::G722]);
        assert!(hops.next().is_none() && !hops.has_more());
        trunks.all()[0].found(false, "test");
        let mut hops = Hops::new(&trunks, &dialling).expect("well formed");
        assert_eq!(hops.next().and_then(|hop| hop.trunk), Some(1));
        assert_eq!(trunks.all()[0].status().passed_over, 1);
    }

    #[test]
    fn the_next_trunk_is_tried_when_one_fails_and_not_when_nobody_picks_up() {
        let trunks = trunks();
        let dialling = dialling("tel:+49", &["a", "b"]);
        for (status, goes_on) in
            [(503, true), (500, true), (408, true), (401, true), (483, true), (486, false), (404, false), (480, false), (603, false)]
        {
            let mut hops = Hops::new(&trunks, &dialling).expect("well formed");
            let first = hops.next().expect("a");
            assert_eq!((hops.go_on(&first, status, &[]), hops.next().is_some()), (goes_on, goes_on), "{status}");
        }
        let mut hops = Hops::new(&trunks, &dialling).expect("well formed");
        let first = hops.next().expect("a");
        assert!(hops.go_on(&first, 302, &["<tel:+50>".into(), "<tel:+51>".into()]));
        let second = hops.next().expect("sent on");
        assert!(hops.go_on(&second, 486, &[]) && hops.next().is_some_and(|hop| hop.callee.to_string() == "tel:+51"));
        assert!(!hops.go_on(&second, 486, &[]) && hops.next().is_none());
    }

    #[test]
    fn what_can_not_be_dialled_is_told_so() {
        let trunks = trunks();
        for (target, over) in [("tel:+49", &[][..]), ("http://a", &[]), ("sip:a:99999", &[]), ("sip:a@b", &["c"])] {
            let dialling = dialling(target, over);
            assert!(Hops::new(&trunks, &dialling).is_err_and(|(status, _)| status == 404), "{target}");
        }
    }

    #[test]
    fn a_call_that_is_sent_on_is_followed_and_never_in_a_circle() {
        let trunks = trunks();
        let dialling = dialling("sip:anna@192.0.2.7", &[]);
        let mut hops = Hops::new(&trunks, &dialling).expect("well formed");
        let first = hops.next().expect("one");
        assert!(hops.redirect(&["<sip:b@192.0.2.8>;q=0.1, \"C\" <sip:c@192.0.2.9?X=1>;q=0.9".into(), "<sip:anna@192.0.2.7>".into()], &first));
        assert_eq!(hops.next().map(|hop| hop.callee.to_string()).as_deref(), Some("sip:c@192.0.2.9"));
        let second = hops.next().expect("the other");
        assert!(!hops.redirect(&["<sip:anna@192.0.2.7>, <sip:c@192.0.2.9>, <tel:+49>, <mailto:a@b>, x".into()], &second));
        assert!(hops.next().is_none());
        let many: Vec<String> = (0..20).map(|n| format!("<sip:p{n}@192.0.2.8>")).collect();
        assert!(hops.redirect(&many, &second));
        assert_eq!(std::iter::from_fn(|| hops.next()).count(), MAX_REDIRECTS - 2);
        assert!(!hops.redirect(&["<sip:new@192.0.2.8>".into()], &second));
    }

    #[test]
    fn a_trunk_that_sends_on_a_call_keeps_its_numbers_and_not_our_name_elsewhere() {
        let trunks = trunks();
        let dialling = dialling("tel:+49", &["b"]);
        let mut hops = Hops::new(&trunks, &dialling).expect("well formed");
        let first = hops.next().expect("one");
        assert!(hops.redirect(&["<tel:+50>".into(), "<sip:x@b.example.com>".into(), "<sip:y@192.0.2.8>".into()], &first));
        let followed: Vec<(String, Option<usize>)> = std::iter::from_fn(|| hops.next()).map(|hop| (shown(&hop), hop.trunk)).collect();
        let expected = [
            ("sip:+50@b.example.com;user=phone from sip:u@b.example.com to b.example.com", Some(1)),
            ("sip:x@b.example.com from sip:u@b.example.com to b.example.com", Some(1)),
            ("sip:y@192.0.2.8 from sip:segue@192.0.2.1 to ", None),
        ];
        assert_eq!(followed, expected.map(|(shown, trunk)| (shown.to_owned(), trunk)));
    }
}
