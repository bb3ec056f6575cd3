//! The server's side of digests: who may come in.
//!
//! A nonce carries the time of its making and a keyed hash of it, so nothing is kept for whom we merely challenge. Kept is
//! only, for nonces with which somebody proved who they are, which counts were used: what was seen can't be replayed.

use std::collections::BTreeMap;
use std::time::Duration;

use ring::hmac;
use ring::rand::SystemRandom;

use super::{Algorithm, Asked, Counted, Credentials, DigestError, Fields};
use crate::base::Time;
use crate::edge::sip::params::{from_hex, hex, quoted};
use crate::net::random;

/// A nonce may be used for so long; then its owner is given a new one without being asked for the password again.
const NONCE_LIFE: Duration = Duration::from_secs(300);
/// Nonces in use that are remembered at most; the oldest of more becomes stale.
const MAX_NONCES: usize = 10_000;
/// Octets of a nonce: its time in µs, a random number, and the hash of both.
const TIME_OCTETS: usize = 8;
const RANDOM_OCTETS: usize = 8;
const HASH_OCTETS: usize = 16;
/// Counts that may arrive out of order, behind the highest.
const WINDOW: u32 = 64;

/// Challenges, and checks answers.
#[derive(Debug)]
pub struct Authority {
    realm: String,
    key: hmac::Key,
    algorithms: Vec<Algorithm>,
    used: BTreeMap<NonceId, Used>,
    /// Nonces up to this one were forgotten: nobody knows any more which counts they had.
    forgotten: Option<NonceId>,
}

/// Time and random number of a nonce; in order of time.
type NonceId = [u8; TIME_OCTETS + RANDOM_OCTETS];

/// Which counts of a nonce were used.
#[derive(Clone, Copy, Debug)]
struct Used {
    highest: u32,
    /// Bit n: `highest` − n was used.
    seen: u64,
}

/// Why somebody is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// They said nothing that is meant for us: challenge them.
    Unknown,
    /// The nonce is too old, was used, or is not ours: challenge them with `stale`.
    Stale,
    /// Name or password is wrong: challenge them, and count it.
    Wrong,
    /// What they said can't be read (400).
    Malformed,
}

impl Authority {
    /// An authority for this realm that offers these algorithms, the preferred one first. Its key is drawn anew.
    pub fn new(realm: impl Into<String>, algorithms: Vec<Algorithm>) -> Self {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new()).expect("the system gives random numbers");
        Authority { realm: realm.into(), key, algorithms, used: BTreeMap::new(), forgotten: None }
    }

    /// The values of `WWW-Authenticate`, one for each algorithm, in order of preference (RFC 8760, 2.3).
    pub fn challenge(&self, is_stale: bool, now: Time) -> Vec<String> {
        let mut id = [0; TIME_OCTETS + RANDOM_OCTETS];
        id[..TIME_OCTETS].copy_from_slice(&now.as_micros().to_be_bytes());
        id[TIME_OCTETS..].copy_from_slice(&random::<RANDOM_OCTETS>());
        let nonce = format!("{}{}", hex(&id), hex(self.hash(&id).as_slice()));
        let stale = if is_stale { ", stale=true" } else { "" };
        let value =
            |algorithm: &Algorithm| format!("Digest realm={}, nonce=\"{nonce}\"{stale}, algorithm={algorithm}, qop=\"auth\"", quoted(&self.realm));
        self.algorithms.iter().map(value).collect()
    }

    fn hash(&self, id: &NonceId) -> Vec<u8> {
        hmac::sign(&self.key, id).as_ref()[..HASH_OCTETS].to_vec()
    }

    /// Checks the value of an `Authorization` of a request with this method and request URI. Gives the user's name.
    ///
    /// # Errors
    /// Why they are not let in.
    pub fn verify(
        &mut self,
        value: &str,
        (method, uri): (&str, &str),
        known: impl FnOnce(&str) -> Option<Credentials>,
        now: Time,
    ) -> Result<String, Denied> {
        let said = Said::parse(value)?;
        if said.realm != self.realm || !self.algorithms.contains(&said.algorithm) {
            return Err(Denied::Unknown);
        }
        // The nonce comes first: who has one of ours received it, so a wrong password can't be charged to a forged address.
        let id = self.nonce(&said.nonce, now).ok_or(Denied::Stale)?;
        // A stranger costs as much time as a wrong password, so that names can't be tried out.
        let credentials = known(&said.username);
        let is_known = credentials.is_some();
        let credentials = credentials.unwrap_or_else(|| Credentials::new(said.username.clone(), ""));
        let asked = Asked { realm: &said.realm, nonce: &said.nonce, method, uri: &said.uri, counted: said.counted.as_ref() };
        let is_right = equal(asked.response(said.algorithm, &credentials).as_bytes(), said.response.to_ascii_lowercase().as_bytes());
        if !is_known || !is_right || !is_same_place(&said.uri, uri) {
            return Err(Denied::Wrong);
        }
        let count = match &said.counted {
            Some(Counted { nc, .. }) => u32::from_str_radix(nc, 16).map_err(|_| Denied::Malformed)?,
            // Without counts a nonce is good for one request.
            None => 1,
        };
        if self.mark(id, count) { Ok(said.username) } else { Err(Denied::Stale) }
    }

    /// The nonce, if it is ours and not too old.
    fn nonce(&self, written: &str, now: Time) -> Option<NonceId> {
        let octets = from_hex(written).filter(|octets| octets.len() == TIME_OCTETS + RANDOM_OCTETS + HASH_OCTETS)?;
        let (id, hash) = octets.split_at(TIME_OCTETS + RANDOM_OCTETS);
        let id: NonceId = id.try_into().ok()?;
        let made = Time::from_micros(u64::from_be_bytes(id[..TIME_OCTETS].try_into().ok()?));
        let is_ours = equal(&self.hash(&id), hash) && made <= now;
        (is_ours && now.since(made) <= NONCE_LIFE).then_some(id)
    }

    /// Whether this count of a nonce is used for the first time; then it is remembered.
    fn mark(&mut self, id: NonceId, count: u32) -> bool {
        if self.forgotten.is_some_and(|forgotten| id <= forgotten) && !self.used.contains_key(&id) {
            return false;
        }
        let is_new = match self.used.get_mut(&id) {
            None => {
                self.used.insert(id, Used { highest: count, seen: 1 });
                true
            }
            Some(used) if count > used.highest => {
                let by = count - used.highest;
                used.seen = if by < WINDOW { used.seen << by | 1 } else { 1 };
                used.highest = count;
                true
            }
            Some(used) => {
                let bit = 1_u64.checked_shl(used.highest - count).unwrap_or(0);
                let is_new = bit != 0 && used.seen & bit == 0;
                used.seen |= bit;
                is_new
            }
        };
        if self.used.len() > MAX_NONCES
            && let Some((oldest, _)) = self.used.pop_first()
        {
            self.forgotten = Some(oldest);
        }
        is_new
    }
}

/// An `Authorization` as it was said.
struct Said {
    username: String,
    realm: String,
    nonce: String,
    uri: String,
    response: String,
    algorithm: Algorithm,
    counted: Option<Counted>,
}

impl Said {
    fn parse(value: &str) -> Result<Said, Denied> {
        let denied = |error| match error {
            DigestError::Scheme | DigestError::Unsupported => Denied::Unknown,
            DigestError::Malformed => Denied::Malformed,
        };
        let mut fields = Fields::parse(value).map_err(denied)?;
        let algorithm = match fields.take("algorithm") {
            Some(name) => Algorithm::read(&name).ok_or(Denied::Unknown)?,
            None => Algorithm::Md5,
        };
        let counted = match fields.take("qop") {
            None => None,
            Some(qop) if !qop.eq_ignore_ascii_case("auth") => return Err(Denied::Unknown),
            Some(_) => {
                let nc = fields.take("nc").filter(|nc| nc.len() == 8 && nc.bytes().all(|b| b.is_ascii_hexdigit()));
                Some(Counted { nc: nc.ok_or(Denied::Malformed)?, cnonce: fields.take("cnonce").ok_or(Denied::Malformed)? })
            }
        };
        if counted.is_none() && matches!(algorithm, Algorithm::Md5Sess | Algorithm::Sha256Sess) {
            return Err(Denied::Malformed);
        }
        let mut take = |name| fields.take(name).ok_or(Denied::Malformed);
        Ok(Said {
            username: take("username")?,
            realm: take("realm")?,
            nonce: take("nonce")?,
            uri: take("uri")?,
            response: take("response")?,
            algorithm,
            counted,
        })
    }
}

/// Whether the digest is about the request that carries it. Proxies and phones differ in letter case and parameters
/// (`;transport=tls` becomes `TLS`), so these are not compared.
fn is_same_place(said: &str, uri: &str) -> bool {
    let bare = |uri: &str| uri.split([';', '?']).next().unwrap_or_default().trim().to_ascii_lowercase();
    bare(said) == bare(uri)
}

/// Compares in a time that depends on the lengths alone.
fn equal(ours: &[u8], theirs: &[u8]) -> bool {
    ours.len() == theirs.len() && ours.iter().zip(theirs).fold(0, |differ, (a, b)| differ | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::super::Challenge;
    use super::*;

    const URI: &str = "sip:segue.example";
    const START: Time = Time::from_millis(60_000);

    fn authority() -> Authority {
        Authority::new("segue", vec![Algorithm::Sha256, Algorithm::Md5])
    }

    fn challenge(authority: &Authority, nth: usize, now: Time) -> Challenge {
        Challenge::parse(&authority.challenge(false, now)[nth]).expect("ours is well formed")
    }

    fn anna() -> Credentials {
        Credentials::new("anna", "sesame")
    }

    fn come(authority: &mut Authority, value: &str, now: Time) -> Result<String, Denied> {
        authority.verify(value, ("REGISTER", URI), |name| (name == "anna").then(anna), now)
    }

    #[test]
    fn who_knows_the_password_comes_in_with_either_algorithm() {
        let mut authority = authority();
        for nth in 0..2 {
            let value = challenge(&authority, nth, START).answer(&anna(), "REGISTER", URI, (1, "c"));
            assert_eq!(come(&mut authority, &value, START).as_deref(), Ok("anna"));
        }
        assert!(authority.challenge(true, START)[0].contains("stale=true, algorithm=SHA-256"));
    }

    #[test]
    fn who_does_not_know_it_stays_outside() {
        let mut authority = authority();
        let wrong = [Credentials::new("anna", "guess"), Credentials::new("bert", "sesame"), Credentials::new("bert", "")];
        for credentials in wrong {
            let value = challenge(&authority, 1, START).answer(&credentials, "REGISTER", URI, (1, "c"));
            assert_eq!(come(&mut authority, &value, START), Err(Denied::Wrong), "{credentials:?}");
        }
        let other_method = challenge(&authority, 1, START).answer(&anna(), "INVITE", URI, (1, "c"));
        assert_eq!(come(&mut authority, &other_method, START), Err(Denied::Wrong));
        let other_place = challenge(&authority, 1, START).answer(&anna(), "REGISTER", "sip:elsewhere.example", (1, "c"));
        assert_eq!(come(&mut authority, &other_place, START), Err(Denied::Wrong));
        let mut elsewhere = challenge(&authority, 1, START);
        elsewhere.realm = "other".into();
        assert_eq!(come(&mut authority, &elsewhere.answer(&anna(), "REGISTER", URI, (1, "c")), START), Err(Denied::Unknown));
    }

    #[test]
    fn parameters_and_case_of_the_uri_may_differ() {
        let mut authority = authority();
        let value = challenge(&authority, 0, START).answer(&anna(), "REGISTER", "sip:SEGUE.example;transport=tls", (1, "c"));
        assert_eq!(come(&mut authority, &value, START).as_deref(), Ok("anna"));
    }

    #[test]
    fn a_nonce_counts_up_for_its_life_and_is_stale_after_it() {
        let mut authority = authority();
        let challenge = challenge(&authority, 0, START);
        for count in 1..=300 {
            let value = challenge.answer(&anna(), "REGISTER", URI, (count, "c"));
            assert_eq!(come(&mut authority, &value, START).as_deref(), Ok("anna"), "{count}");
            assert_eq!(come(&mut authority, &value, START), Err(Denied::Stale), "{count} again");
        }
        let last = challenge.answer(&anna(), "REGISTER", URI, (301, "c"));
        assert_eq!(come(&mut authority, &last, START + NONCE_LIFE + Duration::from_secs(1)), Err(Denied::Stale));
        assert_eq!(come(&mut authority, &last, START + NONCE_LIFE).as_deref(), Ok("anna"));
    }

    #[test]
    fn requests_that_overtake_each_other_are_let_in_once() {
        let mut authority = authority();
        let challenge = challenge(&authority, 0, START);
        let mut say = |count| come(&mut authority, &challenge.answer(&anna(), "REGISTER", URI, (count, "c")), START).is_ok();
        assert_eq!([3, 1, 2, 1, 100, 90, 90, 5].map(&mut say), [true, true, true, false, true, true, false, false]);
    }

    #[test]
    fn without_counts_a_nonce_is_good_for_one_request() {
        let mut authority = authority();
        let mut challenge = challenge(&authority, 1, START);
        challenge.has_auth = false;
        let value = challenge.answer(&anna(), "REGISTER", URI, (1, "c"));
        assert_eq!(come(&mut authority, &value, START).as_deref(), Ok("anna"));
        assert_eq!(come(&mut authority, &value, START), Err(Denied::Stale));
    }

    #[test]
    fn a_nonce_of_somebody_else_is_stale_and_none_from_the_future_is_taken() {
        let mut ours = authority();
        let value = challenge(&authority(), 0, START).answer(&anna(), "REGISTER", URI, (1, "c"));
        assert_eq!(come(&mut ours, &value, START), Err(Denied::Stale));
        let early = challenge(&ours, 0, START).answer(&anna(), "REGISTER", URI, (1, "c"));
        assert_eq!(come(&mut ours, &early, Time::ZERO), Err(Denied::Stale));
    }

    #[test]
    fn what_was_used_is_remembered_in_a_table_of_limited_size_and_what_was_forgotten_is_stale() {
        let mut authority = authority();
        let id = |n: u64| {
            let mut id = [0; TIME_OCTETS + RANDOM_OCTETS];
            id[..TIME_OCTETS].copy_from_slice(&n.to_be_bytes());
            id
        };
        assert!((0..=MAX_NONCES as u64).all(|n| authority.mark(id(n), 1)));
        assert_eq!(authority.used.len(), MAX_NONCES);
        assert!(!authority.mark(id(0), 1) && !authority.mark(id(0), 2));
        assert!(!authority.mark(id(1), 1) && authority.mark(id(1), 2));
    }

    #[test]
    fn what_can_not_be_read_is_no_panic() {
        let mut authority = authority();
        let good = challenge(&authority, 1, START).answer(&anna(), "REGISTER", URI, (1, "c"));
        let with = |from: &str, to: &str| good.replace(from, to);
        for (bad, denied) in [
            (String::new(), Denied::Unknown),
            ("Bearer abc".into(), Denied::Unknown),
            ("Digest ,".into(), Denied::Malformed),
            ("Digest username".into(), Denied::Malformed),
            (with("username=\"anna\", ", ""), Denied::Malformed),
            (with("response=", "reponse="), Denied::Malformed),
            (with("nc=00000001", "nc=1"), Denied::Malformed),
            (with("nc=00000001", "nc=0000000g"), Denied::Malformed),
            (with("nc=00000001, ", ""), Denied::Malformed),
            (with("qop=auth", "qop=auth-int"), Denied::Unknown),
            (with("algorithm=MD5", "algorithm=SHA-512-256"), Denied::Unknown),
            (with("algorithm=MD5", "algorithm=MD5-sess"), Denied::Unknown),
            (with("nonce=\"", "nonce=\"é"), Denied::Stale),
            (good.clone() + ", username=\"bert\"", Denied::Malformed),
        ] {
            assert_eq!(come(&mut authority, &bad, START), Err(denied), "{bad}");
        }
        assert_eq!(come(&mut authority, &good, START).as_deref(), Ok("anna"));
    }
}
