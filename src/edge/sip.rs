//! Phone calls by SIP (RFC 3261): who rings, whom we ring, and what both sides may change meanwhile.
//!
//! [`SipEdge::open`] listens and hands over each call that rings as an [`Invited`]; [`SipEdge::dial`] rings somebody.
//! Either way one task for each leg turns [`LegCommand`](super::LegCommand)s into requests and what comes in into
//! [`LegEvent`](super::LegEvent)s. Transactions and dialogs are the library's; offers and answers are [`sdp`]'s.
//!
//! Phones of agents register here, with a digest; [`SipEdge::reachable`] tells whose are there, and [`SipEdge::contacts`] whom
//! to dial.
//!
//! Calls of carriers come and go over [`trunk`]s.
//!
//! What comes in passes the `door` first.

mod accept;
mod answering;
mod auth;
mod caller;
mod client;
pub mod digest;
mod door;
mod guard;
mod hop;
mod leg;
mod nat;
pub mod params;
mod peer;
mod register;
pub mod registrar;
pub mod sdp;
mod server;
mod session;
pub mod table;
pub mod tls;
pub mod trunk;
mod underway;
pub mod uui;
mod wire;

pub use crate::net::secret;
pub use door::SipCounts;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use rsipstack::EndpointBuilder;
use rsipstack::dialog::dialog_layer::DialogLayer;
use rsipstack::sip::{Host, HostWithPort, Method, Port, Uri};
use rsipstack::transaction::endpoint::EndpointOption;
use rsipstack::transaction::transaction::Transaction;
use rustls::ServerConfig;
use tokio::sync::mpsc::{Sender, channel};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{Invited, LEG_QUEUE, Leg, Ports};
use crate::net;
use crate::sound::codec::Codec;
use accept::{Accepting, Bound};
use auth::Prover;
use digest::Credentials;
use door::{Door, GuardedStreams};
use guard::Guard;
use leg::News;
use nat::Hidden;
use register::Phones;
use sdp::{Encryption, Terms};
use session::Wishes;
use table::{Network, SipTable, Transport};
use trunk::{TrunkPeer, TrunkStatus, Trunks};

/// What we call ourselves.
const USER_AGENT: &str = concat!("Segue/", env!("CARGO_PKG_VERSION"));
/// How often the library looks at its timers.
const TIMERS: Duration = Duration::from_millis(20);
/// Methods that we take.
const METHODS: [Method; 11] = [
    Method::Invite,
    Method::Ack,
    Method::Bye,
    Method::Cancel,
    Method::Options,
    Method::Info,
    Method::Update,
    Method::PRack,
    Method::Notify,
    Method::Register,
    // Phones offer a transfer only to those who list it.
    Method::Refer,
];

/// The edge can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum SipError {
    /// What is configured can't be read.
    #[error("sip.bind: {0}")]
    Bind(String),
    /// The port can't be had.
    #[error("{bind} can't be had: {reason}")]
    Taken {
        /// As it is configured.
        bind: String,
        /// Why.
        reason: String,
    },
    /// A certificate that can't be used.
    #[error("sip.tls: {0}")]
    Certificate(String),
}

/// Whom to ring, and how.
#[derive(Clone, Debug)]
pub struct Dialling {
    /// A `sip:` URI, kept as it is; or, over a trunk, a `tel:` URI.
    pub target: String,
    /// Our own URI in `From`; a trunk has its own.
    pub from: String,
    /// The name in `From`.
    pub from_name: Option<String>,
    /// Further headers.
    pub headers: Vec<(String, String)>,
    /// In order of preference.
    pub codecs: Vec<Codec>,
    /// Whether sound must be encrypted.
    pub srtp: bool,
    /// Given up when nobody has picked up after this.
    pub ring_limit: Duration,
    /// The names of the trunks to dial over, in order; none to dial the target directly.
    pub trunks: Vec<String>,
}

impl Dialling {
    /// Rings the target directly, with neither name, further headers nor encryption.
    pub fn new(target: impl Into<String>, from: impl Into<String>, codecs: Vec<Codec>, ring_limit: Duration) -> Dialling {
        let (target, from) = (target.into(), from.into());
        Dialling { target, from, from_name: None, headers: Vec::new(), codecs, srtp: false, ring_limit, trunks: Vec::new() }
    }
}

/// Whom an edge knows.
#[derive(Clone, Debug, Default)]
pub struct Peers {
    /// Phones that may register, by their accounts.
    pub accounts: Vec<Credentials>,
    /// Trunks, in the order in which they are looked for.
    pub trunks: Vec<TrunkPeer>,
}

/// Where phone calls come in and go out.
#[derive(Clone)]
pub struct SipEdge {
    inner: Arc<Inner>,
}

struct Inner {
    table: SipTable,
    layer: Arc<DialogLayer>,
    ports: Arc<Ports>,
    local: SocketAddr,
    /// Where peers come in over TLS.
    tls: Option<SocketAddr>,
    certificates: Option<watch::Sender<Arc<ServerConfig>>>,
    door: Arc<Door>,
    allowed: Vec<Network>,
    trusted: Vec<Network>,
    guard: Guard,
    phones: Phones,
    trunks: Trunks,
    /// Taking leave of registrars, on shutdown.
    leaving: CancellationToken,
    /// Legs that stand, by their dialog: another may take their place.
    standing: Registry<News>,
    /// Calls that ring here, by their dialog: they answer what the caller asks meanwhile.
    ringing: Registry<Transaction>,
    /// Calls that we dial, by Call-ID and our own tag.
    dialled: Mutex<BTreeSet<(String, String)>>,
    /// How many legs are not over.
    underway: watch::Sender<usize>,
    is_draining: AtomicBool,
    sessions: AtomicU64,
    stop: CancellationToken,
}

impl SipEdge {
    /// Listens on every configured transport. Calls that ring come out of `calls`; where nobody takes them they are refused.
    ///
    /// # Errors
    /// A transport that can't be read, or a port that can't be had.
    pub async fn open(table: &SipTable, ports: Arc<Ports>, calls: Sender<Invited>) -> Result<SipEdge, SipError> {
        SipEdge::open_with(table, Peers::default(), ports, calls).await
    }

    /// As [`SipEdge::open`], and the phones of these accounts may register.
    ///
    /// # Errors
    /// A transport that can't be read, or a port that can't be had.
    pub async fn open_for(table: &SipTable, accounts: Vec<Credentials>, ports: Arc<Ports>, calls: Sender<Invited>) -> Result<SipEdge, SipError> {
        SipEdge::open_with(table, Peers { accounts, trunks: Vec::new() }, ports, calls).await
    }

    /// As [`SipEdge::open`], with everybody whom we know.
    ///
    /// # Errors
    /// A transport that can't be read, or a port that can't be had.
    pub async fn open_with(table: &SipTable, peers: Peers, ports: Arc<Ports>, calls: Sender<Invited>) -> Result<SipEdge, SipError> {
        let stop = CancellationToken::new();
        let known = peers.trunks.iter().flat_map(|trunk| Network::read_all(&trunk.table.allow));
        let known: Vec<Network> = Network::read_all(&table.allow).into_iter().chain(known).collect();
        let guard = Guard::new(table.calls_per_second).banning(table.ban_after, Duration::from_secs(u64::from(table.ban_secs))).sparing(known);
        let door = Door::new(guard);
        let bound = Bound::all(table, &door, &stop).await?;
        let (local, tls) = (bound.local.ok_or_else(|| SipError::Bind("is empty".into()))?, bound.tls);
        let hidden = Arc::<Hidden>::default();
        let endpoint = EndpointBuilder::new()
            .with_user_agent(USER_AGENT)
            .with_allows(METHODS.to_vec())
            .with_timer_interval(TIMERS)
            .with_option(EndpointOption { callid_suffix: Some("segue".into()), ..EndpointOption::default() })
            .with_cancel_token(stop.clone())
            .with_inspector(Box::new(Prover::new(peers.trunks.iter().map(|trunk| trunk.account.clone()).collect(), hidden.clone())))
            .with_transport_inspector(Box::new(GuardedStreams(door.clone())))
            .with_transport_layer(bound.transports)
            .build();
        // Set once, here.
        let _ = door.endpoint.set(endpoint.inner.clone());
        for (listener, transport, told) in bound.listeners {
            let certificates = (transport == Transport::Tls).then(|| bound.certificates.as_ref().map(watch::Sender::subscribe)).flatten();
            let (endpoint, door, stop) = (endpoint.inner.clone(), door.clone(), stop.clone());
            tokio::spawn(Accepting { endpoint, door, local: told, tls: certificates, stop }.run(listener));
        }
        let incoming = endpoint.incoming_transactions().map_err(|error| SipError::Bind(error.to_string()))?;
        let layer = Arc::new(DialogLayer::new(endpoint.inner.clone()));
        let inner = Arc::new(Inner {
            allowed: Network::read_all(&table.allow),
            trusted: Network::read_all(&table.trusted),
            guard: Guard::new(table.calls_per_second),
            phones: Phones::new(table, peers.accounts, hidden),
            trunks: Trunks::new(&peers.trunks),
            leaving: stop.child_token(),
            table: table.clone(),
            layer,
            ports,
            local,
            tls,
            certificates: bound.certificates,
            door,
            standing: Registry::default(),
            ringing: Registry::default(),
            dialled: Mutex::default(),
            underway: watch::Sender::new(0),
            is_draining: AtomicBool::new(false),
            sessions: AtomicU64::new(random()),
            stop,
        });
        for trunk in inner.trunks.all().iter().filter(|trunk| tls.is_none() && trunk.address().r#type == Some(rsipstack::sip::Transport::Tls)) {
            tracing::warn!("trunk `{}` is dialled over TLS, but sip.bind has no `tls:` where it could call us", trunk.table.name);
        }
        tokio::spawn(async move { endpoint.serve().await });
        tokio::spawn(server::take(inner.clone(), incoming, calls));
        tokio::spawn(register::look_after(inner.clone()));
        trunk::keep::begin(&inner);
        Ok(SipEdge { inner })
    }

    /// The address of the first transport.
    pub fn local(&self) -> SocketAddr {
        self.inner.local
    }

    /// Where peers come in over TLS, if they do.
    pub fn tls(&self) -> Option<SocketAddr> {
        self.inner.tls
    }

    /// What came to our door, and how much of it was let in.
    pub fn counts(&self) -> SipCounts {
        self.inner.door.counts()
    }

    /// Reads the certificate that peers see again, from the files of `[sip.tls]`; it holds for those who connect from now on.
    ///
    /// # Errors
    /// It can't be read; the one before stays.
    pub fn renew_certificate(&self) -> Result<(), SipError> {
        let Some(certificates) = &self.inner.certificates else { return Ok(()) };
        certificates.send_replace(self.inner.table.tls.server().map_err(SipError::Certificate)?);
        Ok(())
    }

    /// Phones may register by these accounts from now on, and no others; those that have by another are not there any more.
    pub fn renew_accounts(&self, accounts: Vec<Credentials>) {
        self.inner.phones.renew(accounts);
    }

    /// Rings somebody; everything that comes of it comes as events of the leg.
    pub fn dial(&self, dialling: Dialling) -> Leg {
        self.inner.dial(dialling)
    }

    /// The URIs at which a user's registered phones are dialled, the preferred ones first.
    pub fn contacts(&self, user: &str) -> Vec<String> {
        self.inner.phones.contacts(user)
    }

    /// The users who have a registered phone, now and whenever that changes.
    pub fn reachable(&self) -> watch::Receiver<BTreeSet<String>> {
        self.inner.phones.reachable()
    }

    /// The headers that tell who takes a caller by which key the context packet is found; `User-to-User` is the first.
    pub fn headers_for(&self, key: &str) -> Vec<(String, String)> {
        self.inner.table.headers_for(key)
    }

    /// What is known of each trunk, in the order of the configuration.
    pub fn trunks(&self) -> Vec<TrunkStatus> {
        self.inner.trunks.all().iter().map(trunk::Trunk::status).collect()
    }

    /// Takes no new calls from now on: they get 503, or 302 to the configured target. Trunks are told that we are no longer there.
    pub fn drain(&self) {
        self.inner.is_draining.store(true, Ordering::Relaxed);
        self.inner.leaving.cancel();
    }

    /// Stops listening, as soon as those who were hung up on know it; legs that go on are cut off after 5 s.
    pub async fn close(self) {
        self.inner.until_all_are_gone().await;
        self.inner.stop.cancel();
    }
}

/// Tasks that can be told something, by the dialog that each is for.
type Registry<T> = Mutex<BTreeMap<String, Sender<T>>>;

fn registered<T>(registry: &Registry<T>) -> MutexGuard<'_, BTreeMap<String, Sender<T>>> {
    registry.lock()
}

impl Inner {
    fn dial(self: &Arc<Self>, dialling: Dialling) -> Leg {
        let (commands, asked) = channel(LEG_QUEUE);
        let (tell, events) = channel(LEG_QUEUE);
        let (inner, underway) = (self.clone(), self.goes_on());
        tokio::spawn(async move {
            client::ring(inner, dialling, asked, tell).await;
            drop(underway);
        });
        Leg { commands, events }
    }

    /// A leg stands, and may be told news.
    fn stand(&self, dialog: String, news: Sender<News>) {
        registered(&self.standing).insert(dialog, news);
    }

    fn forget(&self, dialog: &str) {
        registered(&self.standing).remove(dialog);
    }

    fn standing(&self, dialog: &str) -> Option<Sender<News>> {
        registered(&self.standing).get(dialog).cloned()
    }

    /// A call rings, and takes the requests of its caller.
    fn rings(&self, dialog: String, requests: Sender<Transaction>) {
        registered(&self.ringing).insert(dialog, requests);
    }

    fn answered(&self, dialog: &str) {
        registered(&self.ringing).remove(dialog);
    }

    fn ringing(&self, dialog: &str) -> Option<Sender<Transaction>> {
        registered(&self.ringing).get(dialog).cloned()
    }

    /// What we ask of session timers.
    fn wishes(&self) -> Wishes {
        Wishes { secs: self.table.session_secs, min_secs: self.table.session_min_secs }
    }

    /// Our own URI, as peers are told.
    fn contact(&self, transport: Option<rsipstack::sip::Transport>) -> Uri {
        let ip = self.table.external_address.unwrap_or(self.local.ip());
        let local = self.tls.filter(|_| transport == Some(rsipstack::sip::Transport::Tls)).unwrap_or(self.local);
        let host = HostWithPort { host: Host::IpAddr(ip), port: Some(Port::from(local.port())) };
        let params = transport.filter(|t| *t != rsipstack::sip::Transport::Udp).map(rsipstack::sip::Param::Transport).into_iter().collect();
        let scheme = Some(rsipstack::sip::Scheme::Sip);
        Uri { scheme, host_with_port: host, auth: Some(rsipstack::sip::Auth { user: "segue".into(), password: None }), params, ..Uri::default() }
    }

    /// Terms for a new leg, whose sound is received at `port`.
    fn terms(&self, port: u16, codecs: Vec<Codec>, srtp: Encryption) -> Terms {
        let ip = self.table.external_address.unwrap_or(self.ports.address());
        let session = self.sessions.fetch_add(1, Ordering::Relaxed) >> 2;
        Terms { local: SocketAddr::new(ip, port), session, version: 1, codecs, srtp, key: net::random(), holds: false }
    }
}

fn random() -> u64 {
    u64::from_le_bytes(net::random()) >> 1
}
