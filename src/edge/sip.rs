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
//! What is *not* here: TLS.

mod auth;
mod caller;
mod client;
pub mod digest;
mod guard;
mod hop;
mod leg;
pub mod params;
mod register;
pub mod registrar;
pub mod sdp;
mod server;
pub mod table;
pub mod trunk;
pub mod uui;

pub use crate::net::secret;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use ring::rand::{SecureRandom as _, SystemRandom};
use rsipstack::EndpointBuilder;
use rsipstack::dialog::dialog_layer::DialogLayer;
use rsipstack::sip::{Host, HostWithPort, Method, Port, Uri};
use rsipstack::transaction::endpoint::EndpointOption;
use rsipstack::transport::TransportLayer;
use rsipstack::transport::tcp_listener::TcpListenerConnection;
use rsipstack::transport::udp::UdpConnection;
use tokio::sync::mpsc::{Sender, channel};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{Invited, LEG_QUEUE, Leg, Ports};
use crate::sound::codec::Codec;
use auth::Prover;
use digest::Credentials;
use guard::Guard;
use register::Phones;
use sdp::{Encryption, Terms};
use table::{Network, SipTable, Transport, read_bind};
use trunk::{TrunkPeer, TrunkStatus, Trunks};

/// What we call ourselves.
const USER_AGENT: &str = concat!("Segue/", env!("CARGO_PKG_VERSION"));
/// How often the library looks at its timers.
const TIMERS: Duration = Duration::from_millis(20);
/// Methods that we take.
const METHODS: [Method; 10] = [
    Method::Invite,
    Method::Ack,
    Method::Bye,
    Method::Cancel,
    Method::Options,
    Method::Info,
    Method::Update,
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
    allowed: Vec<Network>,
    trusted: Vec<Network>,
    guard: Guard,
    phones: Phones,
    trunks: Trunks,
    /// Taking leave of registrars, on shutdown.
    leaving: CancellationToken,
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
        let transports = TransportLayer::new(stop.clone());
        let mut local = None;
        for bind in &table.bind {
            let (transport, address) = read_bind(bind).map_err(SipError::Bind)?;
            let taken = |reason: String| SipError::Taken { bind: bind.clone(), reason };
            // Port 0 is chosen once: all transports have the same.
            let address =
                if address.port() == 0 { SocketAddr::new(address.ip(), local.map_or(0, |local: SocketAddr| local.port())) } else { address };
            let external = table.external_address.map(|ip| SocketAddr::new(ip, address.port()));
            let bound = match transport {
                Transport::Udp => {
                    let udp =
                        UdpConnection::create_connection(address, external, Some(stop.child_token())).await.map_err(|e| taken(e.to_string()))?;
                    let bound = udp.get_addr().get_socketaddr().map_err(|e| taken(e.to_string()))?;
                    transports.add_transport(udp.into());
                    bound
                }
                Transport::Tcp => {
                    // The library listens later and only logs a failure; try now, so that it is said.
                    let probe = std::net::TcpListener::bind(address).map_err(|e| taken(e.to_string()))?;
                    let bound = probe.local_addr().map_err(|e| taken(e.to_string()))?;
                    drop(probe);
                    let tcp = TcpListenerConnection::new(bound, external).await.map_err(|e| taken(e.to_string()))?;
                    transports.add_transport(tcp.into());
                    bound
                }
            };
            local.get_or_insert(bound);
        }
        let local = local.ok_or_else(|| SipError::Bind("is empty".into()))?;
        let endpoint = EndpointBuilder::new()
            .with_user_agent(USER_AGENT)
            .with_allows(METHODS.to_vec())
            .with_timer_interval(TIMERS)
            .with_option(EndpointOption { callid_suffix: Some("segue".into()), ..EndpointOption::default() })
            .with_cancel_token(stop.clone())
            .with_inspector(Box::new(Prover::new(peers.trunks.iter().map(|trunk| trunk.account.clone()).collect())))
            .with_transport_layer(transports)
            .build();
        let incoming = endpoint.incoming_transactions().map_err(|error| SipError::Bind(error.to_string()))?;
        let layer = Arc::new(DialogLayer::new(endpoint.inner.clone()));
        let inner = Arc::new(Inner {
            allowed: Network::read_all(&table.allow),
            trusted: Network::read_all(&table.trusted),
            guard: Guard::new(table.calls_per_second),
            phones: Phones::new(table, peers.accounts),
            trunks: Trunks::new(&peers.trunks),
            leaving: stop.child_token(),
            table: table.clone(),
            layer,
            ports,
            local,
            is_draining: AtomicBool::new(false),
            sessions: AtomicU64::new(random()),
            stop,
        });
        tokio::spawn(async move { endpoint.serve().await });
        tokio::spawn(server::take(inner.clone(), incoming, calls));
        tokio::spawn(register::expire(inner.clone()));
        trunk::keep::begin(&inner);
        Ok(SipEdge { inner })
    }

    /// The address of the first transport.
    pub fn local(&self) -> SocketAddr {
        self.inner.local
    }

    /// Rings somebody; everything that comes of it comes as events of the leg.
    pub fn dial(&self, dialling: Dialling) -> Leg {
        let (commands, asked) = channel(LEG_QUEUE);
        let (tell, events) = channel(LEG_QUEUE);
        tokio::spawn(client::ring(self.inner.clone(), dialling, asked, tell));
        Leg { commands, events }
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

    /// Stops listening.
    pub async fn close(self) {
        self.inner.stop.cancel();
    }
}

impl Inner {
    /// Our own URI, as peers are told.
    fn contact(&self, transport: Option<rsipstack::sip::Transport>) -> Uri {
        let ip = self.table.external_address.unwrap_or(self.local.ip());
        let host = HostWithPort { host: Host::IpAddr(ip), port: Some(Port::from(self.local.port())) };
        let params = transport.filter(|t| *t != rsipstack::sip::Transport::Udp).map(rsipstack::sip::Param::Transport).into_iter().collect();
        let scheme = Some(rsipstack::sip::Scheme::Sip);
        Uri { scheme, host_with_port: host, auth: Some(rsipstack::sip::Auth { user: "segue".into(), password: None }), params, ..Uri::default() }
    }

    /// Terms for a new leg, whose sound is received at `port`.
    fn terms(&self, port: u16, codecs: Vec<Codec>, srtp: Encryption) -> Terms {
        let ip = self.table.external_address.unwrap_or(self.ports.address());
        let session = self.sessions.fetch_add(1, Ordering::Relaxed) >> 2;
        Terms { local: SocketAddr::new(ip, port), session, version: 1, codecs, srtp, key: random_key(), holds: false }
    }
}

fn random() -> u64 {
    let mut bytes = [0; 8];
    SystemRandom::new().fill(&mut bytes).expect("the system gives random numbers");
    u64::from_le_bytes(bytes) >> 1
}

fn random_key() -> [u8; 30] {
    let mut key = [0; 30];
    SystemRandom::new().fill(&mut key).expect("the system gives random numbers");
    key
}
