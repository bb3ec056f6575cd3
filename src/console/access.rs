//! Who somebody is, and what they may do: one table of rights, looked at before every request of the API.
//!
//! Somebody is known by the cookie of their session, or by an API key. A route that is not in [`RIGHTS`] is closed to all.
//! Requests that change something must come from a page of ours: they carry the header `X-Segue`, which no other site can
//! send, and an `Origin` that is ours, if any. What is *not* here: where users and sessions are kept (`people`).

mod attempts;
mod known;
mod password;
mod rights;
mod sessions;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{ConnectInfo, FromRequestParts, MatchedPath, Request, State};
use axum::http::header::{AUTHORIZATION, HOST, ORIGIN, UPGRADE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use tower_sessions::Session;

use super::Console;
use super::door::Peer;
use super::people::{Role, User};
use super::refusal::Refusal;
use crate::base::AgentId;

pub(super) use crate::store::{fingerprint, random_text};

pub(super) use attempts::{Attempts, household};
pub(super) use known::{Known, Whose};
pub(super) use password::{hash, is_right};
pub use rights::{API, RIGHTS, Right, Rule};
pub(super) use sessions::Sessions;

/// The header that only a page of ours, or a program, sends.
const OURS: &str = "x-segue";
/// Where a proxy says whom a request came from.
const FORWARDED: &str = "x-forwarded-for";
/// In a session: whose it is.
const WHO: &str = "who";
/// In a session: what their password was then; another one ends it.
const SEAL: &str = "seal";
/// In a session: when it ends, in s of Unix time.
const ENDS: &str = "ends";
/// While the store is away, what it would say is asked again after so many s.
const STORE_IS_BACK: i64 = 30;

/// Whoever sent a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// What they signed in with.
    pub name: String,
    /// What others call them.
    pub title: String,
    /// What they are.
    pub role: Role,
    /// The agent that they are, if any.
    pub agent: Option<AgentId>,
}

impl Person {
    fn of(user: &User) -> Person {
        let agent = user.agent.as_deref().map(AgentId::from);
        Person { name: user.name.clone(), title: user.title.clone(), role: user.role, agent }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Person {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        parts.extensions.get::<Person>().cloned().ok_or(Refusal::SignedOut)
    }
}

/// The agent whose desk it is.
pub(super) struct OfDesk {
    /// Who they are.
    pub person: Person,
    /// Which agent.
    pub agent: AgentId,
}

impl<S: Send + Sync> FromRequestParts<S> for OfDesk {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let person = Person::from_request_parts(parts, state).await?;
        let agent = person.agent.clone().ok_or(Refusal::NotAllowed("Only agents have a desk. An admin can make you one."))?;
        Ok(OfDesk { person, agent })
    }
}

/// Who listens: a line of theirs to which no call is offered, beside the one of their desk, if they have one.
pub(super) struct Listener(pub AgentId);

impl<S: Send + Sync> FromRequestParts<S> for Listener {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let person = Person::from_request_parts(parts, state).await?;
        // No agent of the configuration is called so: names of users have no `:`, and this one is in no table.
        Ok(Listener(AgentId::from(format!("supervisor:{}", person.name).as_str())))
    }
}

/// Lets a request through to its route, or not.
pub(super) async fn guard(State(console): State<Arc<Console>>, mut request: Request, next: Next) -> Response {
    match admit(&console, &mut request).await {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    }
}

async fn admit(console: &Console, request: &mut Request) -> Result<(), Refusal> {
    let matched = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned()).unwrap_or_default();
    let right = rights::right(request.method(), &matched).ok_or(Refusal::NoMethod)?;
    let by_key = request.headers().get(AUTHORIZATION).is_some() && !matches!(right, Right::Visitor);
    // A key is sent by who holds it; a cookie by every browser that has it, whoever asks.
    if !by_key {
        from_our_page(console, request)?;
    }
    let person = if by_key {
        let key = request.headers().get(AUTHORIZATION).cloned();
        Some(of_key(console, key).await?)
    } else {
        let session = request.extensions().get::<Session>().cloned();
        of_session(console, session).await?
    };
    right.check(person.as_ref())?;
    if let Some(person) = person {
        request.extensions_mut().insert(person);
    }
    Ok(())
}

/// Whether it may come from a page of ours.
fn from_our_page(console: &Console, request: &Request) -> Result<(), Refusal> {
    let headers = request.headers();
    let changes = !matches!(*request.method(), Method::GET | Method::HEAD);
    if changes && headers.get(OURS).is_none_or(|value| value != "1") {
        return Err(Refusal::CrossSite);
    }
    // Other sites may open WebSockets to us, and their browsers would send our cookie.
    if (changes || headers.contains_key(UPGRADE)) && !is_our_origin(console, headers) {
        return Err(Refusal::CrossSite);
    }
    Ok(())
}

/// What is no page sends no `Origin`; a page's is where we are reached.
fn is_our_origin(console: &Console, headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(ORIGIN) else { return true };
    let Some((_, authority)) = origin.to_str().ok().and_then(|origin| origin.split_once("://")) else { return false };
    let is_host = headers.get(HOST).and_then(|host| host.to_str().ok()) == Some(authority);
    is_host || console.authority.as_deref() == Some(authority)
}

async fn of_key(console: &Console, header: Option<HeaderValue>) -> Result<Person, Refusal> {
    let key = header.as_ref().and_then(|value| value.to_str().ok()).and_then(|value| value.strip_prefix("Bearer "));
    let key = key.ok_or(Refusal::SignedOut)?;
    let known = console.people.find_key(&fingerprint(key)).await?.ok_or(Refusal::SignedOut)?;
    Ok(Person { title: known.name.clone(), name: known.name, role: Role::Program, agent: None })
}

async fn of_session(console: &Console, session: Option<Session>) -> Result<Option<Person>, Refusal> {
    let Some(session) = session else { return Ok(None) };
    let Some(key) = key_of(&session) else { return Ok(None) };
    let before = console.known.recall(&key);
    // Who has a call gets on with it; others are told to wait, as the store is asked.
    if let Some(person) = before.clone().filter(|_| console.people.is_away()) {
        return Ok(Some(person));
    }
    match asked(console, &session).await {
        Ok(Some(person)) => {
            console.known.see(key, &person);
            Ok(Some(person))
        }
        Ok(None) => {
            console.known.forget(&key);
            Ok(None)
        }
        Err(Refusal::Away) => before.map(Some).ok_or(Refusal::Away),
        Err(refusal) => Err(refusal),
    }
}

/// Whose session it is, as the store says. One that is used goes on.
async fn asked(console: &Console, session: &Session) -> Result<Option<Person>, Refusal> {
    let Some(name) = session.get::<String>(WHO).await.map_err(unread)? else { return Ok(None) };
    let seal = session.get::<String>(SEAL).await.map_err(unread)?;
    let ends = session.get::<i64>(ENDS).await.map_err(unread)?.unwrap_or_default();
    let user = console.people.find_user(&name).await?;
    let user = user.filter(|user| !user.disabled && seal.as_deref() == Some(fingerprint(&user.password_hash).as_str()));
    let Some(user) = user else { return Ok(None) };
    let left = ends - Timestamp::now().as_second();
    if left as f64 <= console.table.session_secs / 2.0 {
        session.insert(ENDS, ends_from_now(console)).await.map_err(unread)?;
    }
    Ok(Some(Person::of(&user)))
}

/// A session that can't be read: the store is away, or holds what is not ours.
pub(super) fn unread(error: tower_sessions::session::Error) -> Refusal {
    match error {
        // It was logged where it failed.
        tower_sessions::session::Error::Store(tower_sessions::session_store::Error::Backend(_)) => Refusal::Away,
        error => Refusal::failed("reading a session", &error),
    }
}

/// What a session is known by, here and in the store.
pub(super) fn key_of(session: &Session) -> Option<String> {
    session.id().map(|id| sessions::key(&id))
}

/// When a session ends that begins or goes on now, in s of Unix time.
fn ends_from_now(console: &Console) -> i64 {
    Timestamp::now().as_second().saturating_add(console.table.session_secs as i64)
}

/// Until somebody's session is over, which takes from them whatever they still have. Never, for who has none.
pub(super) async fn until_over(console: Arc<Console>, session: Option<String>) {
    let Some(session) = session else { return std::future::pending().await };
    loop {
        let now = Timestamp::now().as_second();
        let ends = match console.people.load_session(&session).await {
            Ok(found) => found.map_or(now, |(_, ends)| ends),
            Err(_) => now + STORE_IS_BACK,
        };
        // Requests may have put it off meanwhile.
        match u64::try_from(ends - now) {
            Ok(left @ 1..) => tokio::time::sleep(Duration::from_secs(left)).await,
            _ => break,
        }
    }
    console.end_access(Whose::Session(&session));
}

/// Somebody has proved who they are: their session begins, under an id that nobody knew before.
pub(super) async fn sign_in(console: &Console, session: &Session, user: &User) -> Result<Person, Refusal> {
    // The session of whoever was here before is over.
    if let Some(before) = key_of(session) {
        console.end_access(Whose::Session(&before));
    }
    session.cycle_id().await.map_err(unread)?;
    session.insert(WHO, &user.name).await.map_err(unread)?;
    session.insert(SEAL, fingerprint(&user.password_hash)).await.map_err(unread)?;
    session.insert(ENDS, ends_from_now(console)).await.map_err(unread)?;
    Ok(Person::of(user))
}

/// Where a request came from.
fn address(console: &Console, request: &Parts) -> IpAddr {
    let forwarded = || {
        let said = request.headers.get_all(FORWARDED).iter().next_back()?.to_str().ok()?;
        said.rsplit(',').next()?.trim().parse::<IpAddr>().ok()
    };
    let behind = if console.table.behind_proxy { forwarded() } else { None };
    let peer = || request.extensions.get::<ConnectInfo<Peer>>().map(|info| info.0.0);
    behind.unwrap_or_else(|| peer().unwrap_or(SocketAddr::from(([0, 0, 0, 0], 0))).ip())
}

/// Where a request came from, for a handler.
pub(super) struct From(pub IpAddr);

impl FromRequestParts<Arc<Console>> for From {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, console: &Arc<Console>) -> Result<Self, Refusal> {
        Ok(From(address(console, parts)))
    }
}
