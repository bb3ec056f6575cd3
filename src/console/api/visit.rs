//! Callers from a browser: a visitor calls, asks for a person, presses keys and hangs up, known by a token that is theirs for
//! this call alone.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{FromRequestParts, Query, State};
use axum::http::StatusCode;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::error::TrySendError;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::line::{Rtc, SdpOffer, described, not_answered};
use crate::base::Key;
use crate::console::Console;
use crate::console::access::From;
use crate::console::body::Body;
use crate::console::feed::{Watcher, socket};
use crate::console::refusal::Refusal;
use crate::console::visits::{self, Visit};
use crate::edge::webrtc;

pub(super) fn router() -> OpenApiRouter<Arc<Console>> {
    OpenApiRouter::new()
        .routes(routes!(find_servers))
        .routes(routes!(begin))
        .routes(routes!(feed))
        .routes(routes!(restart))
        .routes(routes!(person))
        .routes(routes!(hang_up))
        .routes(routes!(press_key))
}

/// A visitor, by the token of their call.
struct Visitor(Arc<Visit>);

impl FromRequestParts<Arc<Console>> for Visitor {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, console: &Arc<Console>) -> Result<Self, Refusal> {
        let header = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = header.and_then(|value| value.strip_prefix("Bearer ")).ok_or(Refusal::NoToken)?;
        console.visits.find(token).map(Visitor)
    }
}

/// Which entry.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ByEntry {
    /// Its name; it must take calls from browsers (`browser = true`).
    entry: String,
}

/// What a visitor's browser needs to reach us: as agents' browsers are told, wherever an entry takes calls from browsers.
#[utoipa::path(get, path = "/visit/rtc", tag = "visit", params(ByEntry), responses((status = 200, description = "For RTCPeerConnection.", body = Rtc)))]
async fn find_servers(State(console): State<Arc<Console>>, asked: Result<Query<ByEntry>, QueryRejection>) -> Result<Json<Rtc>, Refusal> {
    let Query(ByEntry { entry }) = asked?;
    console.gateway.web_number(&entry).ok_or(Refusal::Unknown("entry for browsers"))?;
    Ok(Json(Rtc::of(&console)))
}

/// Whom a visitor calls.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewVisit {
    /// The entry's name; it must take calls from browsers (`browser = true`).
    entry: String,
    /// The whole description, candidates included (RFC 8866).
    sdp: String,
}

/// How a visitor is answered.
#[derive(Debug, Serialize, ToSchema)]
struct VisitAnswer {
    /// The whole description, candidates included (RFC 8866).
    sdp: String,
    /// For this call only: as `Authorization: Bearer`, and for the feed.
    token: String,
}

/// Calls from a browser. The call begins when the line is up.
#[utoipa::path(post, path = "/visit", tag = "visit", request_body = NewVisit, responses((status = 200, description = "Answered.", body = VisitAnswer)))]
async fn begin(State(console): State<Arc<Console>>, From(from): From, Body(asked): Body<NewVisit>) -> Result<Json<VisitAnswer>, Refusal> {
    let called = console.gateway.web_number(&asked.entry).ok_or(Refusal::Unknown("entry for browsers"))?;
    let offer = described(asked.sdp)?;
    console.attempts.note_visit(from)?;
    let place = console.visits.place()?;
    let (sdp, line) = console.webrtc.answer(&offer).await.map_err(not_answered)?;
    let taken = line.call(webrtc::Visit { called, ..webrtc::Visit::default() });
    let (invited, keys) = taken.map_err(|not| Refusal::failed("taking a visitor's line", &not))?;
    let begun = console.feed.visit(|| console.gateway.take(invited)).ok_or_else(visits::busy)?;
    let token = console.visits.begin(Visit::new(begun, line, keys), place, console.stop.clone());
    Ok(Json(VisitAnswer { sdp, token }))
}

/// Which visitor.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ByToken {
    /// As POST /visit gave it.
    token: String,
}

/// What happens in a visitor's call, by WebSocket: `caption` and `state`, in messages as of the live feed. The page speaks first:
/// `{"resume": seq}`, or `{}` for everything from the call's beginning.
#[utoipa::path(get, path = "/visit/live", operation_id = "visit_feed", tag = "visit", params(ByToken), responses((status = 101, description = "Messages of type LiveMessage follow.")))]
async fn feed(
    State(console): State<Arc<Console>>,
    asked: Result<Query<ByToken>, QueryRejection>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Refusal> {
    let Query(ByToken { token }) = asked.map_err(|_| Refusal::NoToken)?;
    let visit = console.visits.find(&token)?;
    let upgrade = upgrade.map_err(|_| Refusal::BadInput { field: None, message: "This address speaks WebSocket only.".into() })?;
    let watcher = Watcher { visit: Some((visit.call, visit.first)), ..Watcher::default() };
    let (feed, stop) = (console.feed.clone(), console.stop.clone());
    let upgrade = upgrade.max_message_size(socket::MAX_MESSAGE).max_frame_size(socket::MAX_MESSAGE);
    Ok(upgrade.on_upgrade(move |page| async move {
        let over = visit.over.clone();
        let _here = visit.on_page();
        let ends: socket::Ends = Box::pin(async move {
            over.cancelled().await;
            "the call is over"
        });
        socket::serve(page, (feed, None), watcher, ends, stop).await;
    }))
}

/// A line that goes on.
#[derive(Debug, Serialize, ToSchema)]
struct VisitLine {
    /// The whole description, candidates included (RFC 8866).
    sdp: String,
}

/// Goes on over another network.
#[utoipa::path(post, path = "/visit/restart", tag = "visit", request_body = SdpOffer, responses((status = 200, description = "Answered.", body = VisitLine)))]
async fn restart(Visitor(visit): Visitor, Body(asked): Body<SdpOffer>) -> Result<Json<VisitLine>, Refusal> {
    let offer = described(asked.sdp)?;
    let sdp = visit.line.restart(&offer).await.map_err(not_answered)?;
    Ok(Json(VisitLine { sdp }))
}

/// Asks for a person, as by saying so.
#[utoipa::path(post, path = "/visit/person", tag = "visit", responses((status = 202, description = "Asked of the call.")))]
async fn person(State(console): State<Arc<Console>>, Visitor(visit): Visitor) -> Result<StatusCode, Refusal> {
    if console.gateway.want_person(visit.call) { Ok(StatusCode::ACCEPTED) } else { Err(visits::gone()) }
}

/// Hangs up.
#[utoipa::path(post, path = "/visit/hang_up", operation_id = "end_visit", tag = "visit", responses((status = 202, description = "Asked of the call.")))]
async fn hang_up(Visitor(visit): Visitor) -> StatusCode {
    visit.line.close();
    StatusCode::ACCEPTED
}

/// A key.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PressedKey {
    /// `0` to `9`, `*` or `#`.
    key: String,
}

/// Presses a key.
#[utoipa::path(post, path = "/visit/key", operation_id = "press_visit_key", tag = "visit", request_body = PressedKey, responses((status = 202, description = "Asked of the call.")))]
async fn press_key(Visitor(visit): Visitor, Body(asked): Body<PressedKey>) -> Result<StatusCode, Refusal> {
    let mut labels = asked.key.chars();
    let key = labels.next().filter(|label| labels.next().is_none() && !label.is_ascii_alphabetic()).and_then(Key::new);
    let key = key.ok_or_else(|| Refusal::bad("key", "It is no key of a telephone: expected 0 to 9, * or #."))?;
    match visit.keys.try_send(key) {
        Ok(()) => Ok(StatusCode::ACCEPTED),
        Err(TrySendError::Full(_)) => Err(Refusal::Conflict { code: "too_fast", message: "Keys come too fast. Wait a moment.".into() }),
        Err(TrySendError::Closed(_)) => Err(visits::gone()),
    }
}
