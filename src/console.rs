//! Pages and the API, by axum: the desk of agents, the wall of supervisors, calls that are over, and the page of a handoff.
//!
//! [`open`] serves everything until [`Served::close`]. Whatever a page does goes through the API below `/api/v1` (`api`); who may
//! do what stands in one table (`access`); what happens is told by one feed (`feed`), which is made from records (`projection`).
//! The page of a handoff at somebody else's system (`handoff`) needs no sign-in and keeps its own rules. What is *not* here: what
//! is decided about a call (`call`, `handoff`), and how pages look (`console/web`).

pub mod access;
mod api;
mod body;
mod door;
mod feed;
mod handoff;
mod headers;
mod kept;
pub mod people;
pub mod projection;
pub mod refusal;
mod statics;
pub mod table;
pub mod views;
mod visits;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{from_fn_with_state, map_response_with_state};
use axum::routing::get;
use parking_lot::{Mutex, MutexGuard, RwLock};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tower_sessions::cookie::SameSite;
use tower_sessions::cookie::time::Duration as SessionSpan;
use tower_sessions::{Expiry, SessionManagerLayer};

use crate::base::AgentId;
use crate::edge::webrtc::WebRtcEdge;
use crate::gateway::live::Gateway;
use crate::gateway::live::desk::AgentNow;
use crate::gateway::live::pages::Pages;
use crate::handoff::desk::DeskTables;
use access::{Attempts, Known, Sessions, Whose};
use door::{Certificate, Door, Peer};
use feed::Feed;
use people::{People, User};
use projection::{Audience, Choices, Projection, Told};
use refusal::Refusal;
use views::{Event, Topic};
use visits::Visits;

pub use api::openapi;
pub use table::ConsoleTable;

/// The name of the session's cookie.
const COOKIE: &str = "segue";
/// Answers that are on their way when we stop may take so long.
const LAST_ANSWERS: Duration = Duration::from_secs(5);

/// The pages can't be served.
#[derive(Debug, thiserror::Error)]
pub enum ConsoleError {
    /// The port is taken, or not ours.
    #[error("console.bind: {bind} can't be had: {reason}")]
    Bind {
        /// Where.
        bind: SocketAddr,
        /// Why.
        reason: std::io::Error,
    },
    /// Certificate or key can't be used.
    #[error("console.tls_certificate: {0}")]
    Certificate(String),
    /// Who may sign in can't be read.
    #[error("the console's users can't be read")]
    People,
}

/// What the console shows and acts on.
pub struct Parts {
    /// Pages of handoffs.
    pub pages: Pages,
    /// The live driver.
    pub gateway: Arc<Gateway>,
    /// Where the sound of browsers comes in.
    pub webrtc: WebRtcEdge,
    /// Queues and agents.
    pub desk: DeskTables,
    /// Who may sign in.
    pub people: People,
}

/// What all requests share.
pub(crate) struct Console {
    table: ConsoleTable,
    people: People,
    attempts: Attempts,
    known: Known,
    heard: api::Heard,
    gateway: Arc<Gateway>,
    webrtc: WebRtcEdge,
    visits: Arc<Visits>,
    desk: RwLock<Arc<DeskTables>>,
    feed: Feed,
    /// Who may come in by a link, once: by what is kept of its key.
    invited: Mutex<BTreeMap<String, String>>,
    /// What links begin with.
    base: String,
    /// Host and port by which browsers reach us.
    authority: Option<String>,
    is_stopping: AtomicBool,
    stop: CancellationToken,
}

impl Console {
    /// Somebody may no longer do what they did: their pages are told to go, and they hear nothing any more.
    pub(crate) fn end_access(&self, whose: Whose) {
        self.feed.dismiss(whose);
        let lines = self.gateway.lines();
        for (owner, id) in self.known.end(whose) {
            // They may have another one by now.
            if lines.line_of(&owner).is_some_and(|line| line.id() == id) {
                lines.disconnect(&owner);
            }
        }
    }

    /// Queues and agents, as they are now.
    pub(crate) fn desk(&self) -> Arc<DeskTables> {
        self.desk.read().clone()
    }

    fn invited(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.invited.lock()
    }
}

/// A console that is served.
pub struct Served {
    console: Arc<Console>,
    address: SocketAddr,
    welcome: Option<String>,
    certificate: Option<Certificate>,
    serving: JoinHandle<()>,
}

impl Served {
    /// Where.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The one-time link by which the first admin is made, if there was nobody when we began.
    pub fn welcome(&self) -> Option<&str> {
        self.welcome.as_deref()
    }

    /// What links begin with, without a slash at the end.
    pub fn base_url(&self) -> &str {
        &self.console.base
    }

    /// Makes a user who has no password, and gives the link that signs them in, once, and leads to this page.
    ///
    /// # Errors
    /// There is one of this name, or users can't be kept.
    pub async fn invite(&self, user: User, page: &str) -> Result<String, ConsoleError> {
        let (key, name) = (access::random_text(), user.name.clone());
        let password_hash = access::hash(access::random_text()).await.map_err(|_| ConsoleError::People)?;
        let user = User { password_hash, ..user };
        if !matches!(self.console.people.create_user(user).await, Ok(true)) {
            return Err(ConsoleError::People);
        }
        self.console.invited().insert(access::fingerprint(&key), name);
        Ok(format!("{}/enter?key={key}&next={page}", self.console.base))
    }

    /// Passing news for every page.
    pub fn announce(&self, text: &str) {
        let event = Event::Notice { text: text.to_owned() };
        self.console.feed.change(|_, _| vec![Told { to: Audience::All, topic: Topic::System, call: None, event }]);
    }

    /// Reads the certificate again, for connections from now on.
    ///
    /// # Errors
    /// It can't be read; the one before it stays in force.
    pub fn renew_certificate(&self) -> Result<(), String> {
        self.certificate.as_ref().map_or(Ok(()), Certificate::renew)
    }

    /// Other queues and agents, from now on.
    pub fn renew_desk(&self, desk: DeskTables) {
        *self.console.desk.write() = desk.clone().into();
        self.console.feed.change(|world, now| {
            world.renew(desk);
            world.flush(now)
        });
    }

    /// `/readyz` says no from now on; everything else goes on.
    pub fn drain(&self) {
        self.console.is_stopping.store(true, Ordering::Relaxed);
    }

    /// Takes no more requests, lets answers finish and tells pages that we go.
    pub async fn close(self) {
        self.drain();
        self.console.stop.cancel();
        let abort = self.serving.abort_handle();
        if tokio::time::timeout(LAST_ANSWERS, self.serving).await.is_err() {
            abort.abort();
        }
    }
}

/// Serves pages and the API at `bind` (port 0 for any), with what `table` says otherwise.
///
/// # Errors
/// The port, the certificate or the users can't be had.
pub async fn open(bind: SocketAddr, table: &ConsoleTable, parts: Parts) -> Result<Served, ConsoleError> {
    let fail = |reason| ConsoleError::Bind { bind, reason };
    let certificate = match (&table.tls_certificate, &table.tls_key) {
        (Some(certificate), Some(key)) => Some(Certificate::read(certificate.clone(), key.clone()).map_err(ConsoleError::Certificate)?),
        _ => None,
    };
    let listener = TcpListener::bind(bind).await.map_err(fail)?;
    let door = Door::open(listener, certificate.clone(), table.behind_proxy).map_err(fail)?;
    let address = axum::serve::Listener::local_addr(&door).map_err(fail)?;
    let Parts { pages, gateway, webrtc, desk, people } = parts;
    let welcome = people.offer_first_admin().await.map_err(|_| ConsoleError::People)?;
    let base = table.public_url.clone().unwrap_or_else(|| format!("{}://{address}", if certificate.is_some() { "https" } else { "http" }));
    let link = welcome.as_ref().map(|key| format!("{}/welcome?key={key}", base.trim_end_matches('/')));
    let choices = Choices { break_reasons: table.break_reasons.clone(), dispositions: table.dispositions.clone(), crm_url: table.crm_url.clone() };
    let console = Arc::new(Console {
        feed: Feed::new(Projection::new(desk.clone(), choices), table.feed_events as usize),
        attempts: Attempts::new(table),
        known: Known::default(),
        heard: api::Heard::default(),
        visits: Arc::new(Visits::new(table.max_visitors)),
        people,
        desk: RwLock::new(desk.into()),
        invited: Mutex::default(),
        authority: base.split_once("://").map(|(_, rest)| rest.split('/').next().unwrap_or(rest).to_owned()),
        base: base.trim_end_matches('/').to_owned(),
        is_stopping: AtomicBool::new(false),
        stop: CancellationToken::new(),
        table: table.clone(),
        gateway,
        webrtc,
    });
    tokio::spawn(console.feed.clone().run(console.gateway.clone(), console.gateway.watch(), console.stop.clone()));
    tokio::spawn(kept::follow(console.clone()));
    tokio::spawn(watch_agents(console.clone()));
    let routes = routes(&console, pages, base.starts_with("https://"));
    let stopped = console.stop.clone().cancelled_owned();
    let serving = tokio::spawn(async move {
        let service = routes.into_make_service_with_connect_info::<Peer>();
        if let Err(error) = axum::serve(door, service).with_graceful_shutdown(stopped).await {
            tracing::error!(%error, "pages are not served any more");
        }
    });
    Ok(Served { console, address, welcome: link, certificate, serving })
}

fn routes(console: &Arc<Console>, pages: Pages, is_https: bool) -> Router {
    let sessions = SessionManagerLayer::new(Sessions(console.people.clone()))
        .with_name(COOKIE)
        .with_secure(is_https)
        .with_same_site(SameSite::Strict)
        .with_expiry(Expiry::OnInactivity(SessionSpan::seconds_f64(console.table.session_secs)));
    let (api, _) = api::router().split_for_parts();
    let api = api.route_layer(from_fn_with_state(console.clone(), access::guard)).layer(sessions).with_state(console.clone());
    let mut site = Router::new();
    for (path, file) in statics::PAGES {
        site = site.route(path, get(move |headers: HeaderMap| async move { statics::page(file, &headers) }));
    }
    let handoffs =
        Router::new().route("/handoff/{key}", get(handoff::page).head(handoff::no_head)).route("/handoff.css", get(handoff::style)).with_state(pages);
    let health = Router::new().route("/healthz", get(|| async { "ok\n" })).route("/readyz", get(ready)).with_state(console.clone());
    site.merge(handoffs)
        .merge(health)
        .nest(access::API, api)
        .fallback(statics::asset)
        .method_not_allowed_fallback(|| async { Refusal::NoMethod })
        .layer(DefaultBodyLimit::max(body::MAX_BODY))
        .layer(map_response_with_state(is_https, headers::guard))
}

/// Whether we take calls and know who people are.
async fn ready(State(console): State<Arc<Console>>) -> (StatusCode, &'static str) {
    if console.is_stopping.load(Ordering::Relaxed) {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n");
    }
    match console.people.is_empty().await {
        Ok(_) => (StatusCode::OK, "ready\n"),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the store does not answer\n"),
    }
}

/// Tells the feed what agents are doing.
async fn watch_agents(console: Arc<Console>) {
    let mut states = console.gateway.desk().agents();
    let mut known: BTreeMap<AgentId, AgentNow> = BTreeMap::new();
    loop {
        let now = states.borrow_and_update().clone();
        for (agent, state) in now.iter() {
            if known.get(agent) != Some(state) {
                console.feed.change(|world, at| world.on_agent(agent, state, at));
                known.insert(agent.clone(), state.clone());
            }
        }
        tokio::select! {
            () = console.stop.cancelled() => return,
            changed = states.changed() => if changed.is_err() { return },
        }
    }
}
