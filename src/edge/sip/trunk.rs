//! Trunks: the carriers and telephone systems that calls are dialled over, and whose calls we take.
//!
//! What is known of each stands here: whether it is there, whether it knows where we are, and how often it was passed
//! over. [`keep`] finds that out, `client` dials by it.

pub(super) mod keep;
pub mod table;

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rsipstack::sip::{Auth, Host, HostWithPort, Param, Scheme, Uri};
use rsipstack::transport::SipAddr;
use tokio::sync::Notify;

use super::digest::Credentials;
use super::table::Network;
use table::{TrunkTable, read_server};

/// Who we are where a trunk says nothing about it.
const NOBODY: &str = "segue";

/// A trunk, and what it knows us by.
#[derive(Clone, Debug)]
pub struct TrunkPeer {
    /// As it is configured.
    pub table: TrunkTable,
    /// What is proved with where it asks.
    pub account: Option<Credentials>,
}

/// What is known of a trunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrunkStatus {
    /// Its name.
    pub name: String,
    /// It answers, or is not asked.
    pub is_up: bool,
    /// It knows where we are; `None` where we don't register.
    pub is_registered: Option<bool>,
    /// How often it went down.
    pub downs: u64,
    /// Calls that passed it over because it was down.
    pub passed_over: u64,
    /// Calls that it failed, so that the next trunk was tried.
    pub failed: u64,
}

/// All trunks, in the order of the configuration.
pub(super) struct Trunks(Vec<Trunk>);

pub(super) struct Trunk {
    /// Its place in the order, by which `auth` knows its account.
    pub n: usize,
    pub table: TrunkTable,
    /// Where its calls go.
    pub server: Uri,
    networks: Vec<Network>,
    pub has_account: bool,
    is_up: AtomicBool,
    is_registered: AtomicBool,
    downs: AtomicU64,
    passed_over: AtomicU64,
    failed: AtomicU64,
    /// A call found it silent: look now.
    pub suspected: Notify,
}

impl Trunks {
    /// These trunks; a server that can't be read is left out, which the configuration's check has told.
    pub fn new(peers: &[TrunkPeer]) -> Self {
        let trunk = |(n, peer): (usize, &TrunkPeer)| {
            Some(Trunk {
                n,
                server: read_server(&peer.table.server).ok()?,
                networks: peer.table.allow.iter().filter_map(|network| Network::read(network).ok()).collect(),
                has_account: peer.account.is_some(),
                table: peer.table.clone(),
                is_up: AtomicBool::new(true),
                is_registered: AtomicBool::new(false),
                downs: AtomicU64::new(0),
                passed_over: AtomicU64::new(0),
                failed: AtomicU64::new(0),
                suspected: Notify::new(),
            })
        };
        Trunks(peers.iter().enumerate().filter_map(trunk).collect())
    }

    pub fn all(&self) -> &[Trunk] {
        &self.0
    }

    pub fn named(&self, name: &str) -> Option<&Trunk> {
        self.0.iter().find(|trunk| trunk.table.name == name)
    }

    pub fn numbered(&self, n: usize) -> Option<&Trunk> {
        self.0.iter().find(|trunk| trunk.n == n)
    }

    /// Whose calls come from this address.
    pub fn from(&self, address: IpAddr) -> Option<&Trunk> {
        self.0.iter().find(|trunk| trunk.networks.iter().any(|network| network.contains(address)))
    }
}

impl Trunk {
    pub fn status(&self) -> TrunkStatus {
        TrunkStatus {
            name: self.table.name.clone(),
            is_up: self.is_up(),
            is_registered: (self.table.register_secs > 0).then(|| self.is_registered.load(Ordering::Relaxed)),
            downs: self.downs.load(Ordering::Relaxed),
            passed_over: self.passed_over.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
        }
    }

    pub fn is_up(&self) -> bool {
        self.is_up.load(Ordering::Relaxed)
    }

    /// It answered, or did not; told where that is new.
    pub fn found(&self, is_up: bool, why: &str) {
        if self.is_up.swap(is_up, Ordering::Relaxed) == is_up {
            return;
        }
        let name = &self.table.name;
        if is_up {
            tracing::info!("trunk `{name}` is back");
        } else {
            self.downs.fetch_add(1, Ordering::Relaxed);
            tracing::warn!("trunk `{name}` is down: {why}; calls pass it over until it is back");
        }
    }

    /// It knows where we are, or no longer does; told where that is new.
    pub fn registered(&self, is_registered: bool) -> bool {
        self.is_registered.swap(is_registered, Ordering::Relaxed) != is_registered
    }

    pub fn pass_over(&self) {
        self.passed_over.fetch_add(1, Ordering::Relaxed);
    }

    /// A call got nowhere over it.
    pub fn fail(&self, was_silent: bool) {
        self.failed.fetch_add(1, Ordering::Relaxed);
        if was_silent {
            self.suspected.notify_one();
        }
    }

    /// Where its calls are sent.
    pub fn address(&self) -> SipAddr {
        let transport = self.server.params.iter().find_map(|param| if let Param::Transport(transport) = param { Some(*transport) } else { None });
        SipAddr { r#type: transport, addr: self.server.host_with_port.clone() }
    }

    /// Who calls, as the trunk is told.
    pub fn caller(&self) -> Uri {
        let user = self.table.caller_id.as_deref().or(self.table.username.as_deref()).unwrap_or(NOBODY);
        Uri { auth: Some(auth(user)), ..self.place() }
    }

    /// Whom the trunk knows us as.
    pub fn us(&self) -> Uri {
        Uri { auth: Some(auth(self.table.username.as_deref().unwrap_or(NOBODY))), ..self.place() }
    }

    /// A number at the trunk's domain, from what follows `tel:` (RFC 3261, 19.1.6).
    pub fn number(&self, tel: &str) -> Uri {
        let (digits, rest) = tel.split_once(';').unwrap_or((tel, ""));
        let digits: String = digits.chars().filter(|c| !matches!(c, '-' | '.' | '(' | ')')).collect();
        let user = if rest.is_empty() { digits } else { format!("{digits};{rest}") };
        Uri { auth: Some(auth(&user)), params: vec![Param::User("phone".into())], ..self.place() }
    }

    fn place(&self) -> Uri {
        let host_with_port = match &self.table.domain {
            Some(domain) => HostWithPort { host: Host::Domain(domain.as_str().into()), port: None },
            None => self.server.host_with_port.clone(),
        };
        Uri { scheme: Some(Scheme::Sip), host_with_port, ..Uri::default() }
    }
}

fn auth(user: &str) -> Auth {
    Auth { user: user.to_owned(), password: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trunk(written: &str) -> Trunks {
        let table: TrunkTable = toml::from_str(written).expect(written);
        Trunks::new(&[TrunkPeer { account: table.account().expect("no file"), table }])
    }

    #[test]
    fn numbers_and_callers_are_written_as_the_trunk_wants_them() {
        let trunks = trunk("name = \"a\"\nserver = \"sip:192.0.2.7:5080;transport=tcp\"\nusername = \"u\"");
        let a = trunks.named("a").expect("it is there");
        assert_eq!((a.caller().to_string(), a.us().to_string()), ("sip:u@192.0.2.7:5080".into(), "sip:u@192.0.2.7:5080".into()));
        assert_eq!(a.number("+49-30-(123).4").to_string(), "sip:+49301234@192.0.2.7:5080;user=phone");
        assert_eq!(a.address().to_string(), "TCP 192.0.2.7:5080");
        let trunks = trunk("name = \"a\"\nserver = \"sip:192.0.2.7\"\ndomain = \"example.com\"\ncaller_id = \"+4930\"");
        let a = trunks.named("a").expect("it is there");
        assert_eq!(a.caller().to_string(), "sip:+4930@example.com");
        assert_eq!(a.us().to_string(), "sip:segue@example.com");
        assert_eq!(a.number("7042;phone-context=example.com").to_string(), "sip:7042;phone-context=example.com@example.com;user=phone");
    }

    #[test]
    fn a_trunk_is_known_by_where_its_calls_come_from() {
        let trunks = trunk("name = \"a\"\nserver = \"sip:192.0.2.7\"\nallow = [\"198.51.100.0/24\"]");
        let from = |address: &str| trunks.from(address.parse().expect(address)).map(|trunk| trunk.table.name.as_str());
        assert_eq!((from("198.51.100.9"), from("192.0.2.7")), (Some("a"), None));
    }

    #[test]
    fn what_is_known_of_a_trunk_is_counted_once_for_each_change() {
        let trunks = trunk("name = \"a\"\nserver = \"sip:192.0.2.7\"\nusername = \"u\"\nregister_secs = 60");
        let a = &trunks.all()[0];
        a.found(false, "test");
        a.found(false, "test");
        a.pass_over();
        a.fail(true);
        assert!(a.registered(true) && !a.registered(true));
        let told = TrunkStatus { name: "a".into(), is_up: false, is_registered: Some(true), downs: 1, passed_over: 1, failed: 1 };
        assert_eq!(a.status(), told);
        a.found(true, "");
        assert!(a.is_up());
    }
}
