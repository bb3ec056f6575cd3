//! REGISTER (RFC 3261, 10.3): who may register is asked, where they are is kept by the registrar, and whoever rings agents
//! is told who can be reached.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard, RwLock};
use rsipstack::sip::{Header, Request, StatusCode, Transport};
use rsipstack::transaction::transaction::Transaction;
use rsipstack::transport::{SipAddr, SipConnection};
use tokio::sync::watch;

use super::digest::Credentials;
use super::digest::server::{Authority, Denied};
use super::guard::{Guard, Verdict};
use super::nat::Hidden;
use super::params::{NameAddr, user};
use super::registrar::{Answer, Bounds, Register, Registrar};
use super::server::{retry_after, source, values};
use super::table::SipTable;
use super::{Inner, digest};
use crate::base::Time;

/// How often phones are looked for that did not come back.
const EXPIRY: Duration = Duration::from_secs(1);
/// How often phones behind NAT hear from us: before a NAT forgets them, after 30 s at the soonest (RFC 5626, 4.4.2, has 24 to 29 s).
const KEEP_ALIVE: Duration = Duration::from_secs(25);
/// What keeps a way open (RFC 5626, 3.5.1, for streams; phones pass it over in datagrams too).
const LINE_ENDS: &[u8] = b"\r\n\r\n";

/// Phones that register here.
pub(super) struct Phones {
    accounts: RwLock<BTreeMap<String, Credentials>>,
    authority: Mutex<Authority>,
    registrar: Mutex<Registrar>,
    guard: Guard,
    reachable: watch::Sender<BTreeSet<String>>,
    hidden: Arc<Hidden>,
    opened: Instant,
}

impl Phones {
    pub fn new(table: &SipTable, accounts: Vec<Credentials>, hidden: Arc<Hidden>) -> Self {
        let bounds = Bounds { min_secs: table.register_min_secs, max_secs: table.register_max_secs };
        let algorithms = table.digests.iter().map(|digest| digest.algorithm()).collect();
        Phones {
            accounts: RwLock::new(by_name(accounts)),
            authority: Mutex::new(Authority::new(&table.realm, algorithms)),
            registrar: Mutex::new(Registrar::new(bounds)),
            guard: Guard::new(table.calls_per_second).banning(table.ban_after, Duration::from_secs(u64::from(table.ban_secs))),
            reachable: watch::Sender::new(BTreeSet::new()),
            hidden,
            opened: Instant::now(),
        }
    }

    /// These accounts, and no others, from now on; who registered by another, or with another password, is forgotten.
    pub fn renew(&self, accounts: Vec<Credentials>) {
        let accounts = by_name(accounts);
        let before = std::mem::replace(&mut *self.accounts.write(), accounts.clone());
        self.registrar().retain(|name| accounts.get(name).is_some_and(|account| before.get(name) == Some(account)));
        self.tell();
    }

    pub fn contacts(&self, name: &str) -> Vec<String> {
        self.registrar().contacts(name, self.now())
    }

    pub fn reachable(&self) -> watch::Receiver<BTreeSet<String>> {
        self.reachable.subscribe()
    }

    fn now(&self) -> Time {
        Time::ZERO + self.opened.elapsed()
    }

    fn registrar(&self) -> MutexGuard<'_, Registrar> {
        self.registrar.lock()
    }

    fn authority(&self) -> MutexGuard<'_, Authority> {
        self.authority.lock()
    }

    /// Tells who can be reached, and where.
    fn tell(&self) {
        let (reachable, hidden) = {
            let registrar = self.registrar();
            (registrar.reachable(), registrar.hidden())
        };
        self.hidden.are(hidden);
        self.reachable.send_if_modified(|known| {
            let is_new = *known != reachable;
            *known = reachable;
            is_new
        });
    }

    /// Who sent this, if they prove it; else how they are answered.
    fn sender(&self, request: &Request, from: SocketAddr) -> Result<String, (StatusCode, Vec<Header>)> {
        let now = self.now();
        let uri = request.uri.to_string();
        let method = request.method.to_string();
        let mut denied = Denied::Unknown;
        for value in values(request, "authorization") {
            match self.authority().verify(&value, (&method, &uri), |name| self.accounts.read().get(name).cloned(), now) {
                Ok(name) => return Ok(name),
                Err(why) => denied = why,
            }
            if denied != Denied::Unknown {
                break;
            }
        }
        match denied {
            Denied::Malformed => return Err((StatusCode::BadRequest, Vec::new())),
            Denied::Wrong => {
                if let Verdict::Refuse { tell: true } = self.guard.failed(from.ip(), Instant::now()) {
                    tracing::warn!(%from, "a phone could not register: its name or password is wrong");
                }
            }
            Denied::Unknown | Denied::Stale => {}
        }
        let values = self.authority().challenge(denied == Denied::Stale, now);
        Err((StatusCode::Unauthorized, values.into_iter().map(|value| Header::WwwAuthenticate(value.into())).collect()))
    }

    /// A REGISTER, as it is answered.
    fn on_register(&self, request: &Request, from: SocketAddr, transport: &str) -> (StatusCode, Vec<Header>) {
        if self.accounts.read().is_empty() {
            return (StatusCode::Forbidden, Vec::new());
        }
        if let Verdict::Refuse { tell } = self.guard.call(from.ip(), Instant::now()) {
            if tell {
                tracing::warn!(%from, "registers too often, or guesses passwords; it is refused for a while");
            }
            return (StatusCode::ServiceUnavailable, vec![retry_after()]);
        }
        let name = match self.sender(request, from) {
            Ok(name) => name,
            Err(refusal) => return refusal,
        };
        let registered = values(request, "to").next();
        if registered.and_then(|to| user(NameAddr::parse(&to)?.uri)).as_deref() != Some(name.as_str()) {
            return (StatusCode::Forbidden, Vec::new());
        }
        let sequence = values(request, "cseq").next().and_then(|value| value.split_whitespace().next()?.parse().ok());
        let call_id = values(request, "call-id").next();
        let (Some(sequence), Some(call_id)) = (sequence, call_id) else { return (StatusCode::BadRequest, Vec::new()) };
        let contacts: Vec<String> = values(request, "contact").collect();
        let expires = values(request, "expires").next();
        let register = Register { call_id: &call_id, sequence, contacts: &contacts, expires: expires.as_deref(), source: from, transport };
        let answer = self.registrar().register(&name, &register, self.now());
        self.tell();
        match answer {
            Answer::Ok(contacts) => (StatusCode::OK, contacts.into_iter().map(|contact| Header::Contact(contact.into())).collect()),
            Answer::TooBrief(min_secs) => (StatusCode::IntervalTooBrief, vec![Header::MinExpires(min_secs.to_string().into())]),
            Answer::Malformed(why) => (StatusCode::BadRequest, vec![Header::Warning(format!("399 segue \"{why}\"").into())]),
            Answer::TooMany => (StatusCode::Forbidden, Vec::new()),
            Answer::OutOfOrder => (StatusCode::ServerInternalError, Vec::new()),
        }
    }
}

fn by_name(accounts: Vec<Credentials>) -> BTreeMap<String, Credentials> {
    accounts.into_iter().map(|account| (account.username.clone(), account)).collect()
}

/// Answers a REGISTER.
pub(super) async fn on_register(inner: &Inner, transaction: &mut Transaction) -> rsipstack::Result<()> {
    let Some(from) = source(transaction) else { return transaction.reply(StatusCode::BadRequest).await };
    let transport = transaction.connection.as_ref().map_or(rsipstack::sip::Transport::Udp, |connection| connection.transport());
    let (status, headers) = inner.phones.on_register(&transaction.original, from, &transport.to_string().to_lowercase());
    transaction.reply_with(status, headers, None).await
}

/// Forgets phones that did not come back, and keeps the way to those behind NAT open, until the edge is closed.
pub(super) async fn look_after(inner: Arc<Inner>) {
    let (mut expiry, mut keep_alive) = (tokio::time::interval(EXPIRY), tokio::time::interval(KEEP_ALIVE));
    loop {
        tokio::select! {
            _ = expiry.tick() => {
                inner.phones.registrar().expire(inner.phones.now());
                inner.phones.tell();
            }
            _ = keep_alive.tick() => {
                for phone in inner.phones.hidden.phones() {
                    if let Err(error) = inner.keep_open(phone).await {
                        tracing::debug!(%phone, %error, "the way to a phone could not be kept open");
                    }
                }
            }
            () = inner.stop.cancelled() => return,
        }
    }
}

impl Inner {
    /// A datagram that means nothing, and that NAT lets answers in for.
    async fn keep_open(&self, phone: SocketAddr) -> rsipstack::Result<()> {
        let to = SipAddr { r#type: Some(Transport::Udp), ..SipAddr::from(phone) };
        match self.layer.endpoint.transport_layer.lookup(&to, None).await? {
            (SipConnection::Udp(udp), to) => udp.send_raw(LINE_ENDS, &to).await,
            _ => Ok(()),
        }
    }
}

impl super::table::DigestName {
    /// The algorithm of that name.
    fn algorithm(self) -> digest::Algorithm {
        match self {
            super::table::DigestName::Sha256 => digest::Algorithm::Sha256,
            super::table::DigestName::Md5 => digest::Algorithm::Md5,
        }
    }
}
