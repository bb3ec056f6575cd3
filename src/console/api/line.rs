//! Lines of browsers: where agents are heard and hear, and where supervisors listen.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use tower_sessions::Session;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::base::AgentId;
use crate::console::Console;
use crate::console::access::{self, Listener, OfDesk, Person};
use crate::console::body::Body;
use crate::console::refusal::Refusal;
use crate::console::views::LineState as LineWord;
use crate::edge::webrtc::{IceServer, LineState, WebRtcError};

/// Longest SDP, in bytes.
const MAX_SDP: usize = 32_768;

pub(super) fn router() -> OpenApiRouter<Arc<Console>> {
    OpenApiRouter::new()
        .routes(routes!(open_line, close_line))
        .routes(routes!(restart_line))
        .routes(routes!(open_ear, close_ear))
        .routes(routes!(restart_ear))
        .routes(routes!(find_rtc))
}

/// A line's state in the words of the desk.
pub(in crate::console) fn line_word(state: Option<LineState>) -> LineWord {
    match state {
        Some(LineState::Up) => LineWord::Up,
        Some(LineState::Connecting | LineState::Interrupted) => LineWord::Connecting,
        Some(LineState::Gone) | None => LineWord::None,
    }
}

/// What a browser offers, or how it is answered.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SdpOffer {
    /// The whole description, candidates included (RFC 8866).
    pub(super) sdp: String,
}

/// How a line is answered.
#[derive(Debug, Serialize, ToSchema)]
struct SdpAnswer {
    /// The whole description, candidates included (RFC 8866).
    sdp: String,
    /// The line, by a number of its own.
    line: String,
}

/// A description, as far as that can be seen at a glance.
pub(super) fn described(sdp: String) -> Result<String, Refusal> {
    let fits = sdp.len() <= MAX_SDP && sdp.starts_with("v=0");
    if fits { Ok(sdp) } else { Err(Refusal::bad("sdp", "It is no session description (RFC 8866).")) }
}

/// Why a line is not opened, or does not go on.
pub(super) fn not_answered(error: WebRtcError) -> Refusal {
    match error {
        WebRtcError::Offer(error) => Refusal::bad("sdp", format!("{error}.")),
        WebRtcError::Refused(error) => Refusal::bad("sdp", format!("It can't be answered: {error}.")),
        WebRtcError::OtherLine => Refusal::bad("sdp", "It is for another line. Open a new one."),
        WebRtcError::Gone => Refusal::Conflict { code: "no_line", message: "The line is gone. Open a new one.".into() },
        WebRtcError::Full(_) => {
            Refusal::Conflict { code: "full", message: "There are as many lines as this gateway takes. Tell whoever runs it.".into() }
        }
        WebRtcError::Slow => Refusal::Conflict { code: "slow", message: "The line could not be opened in time. Try again.".into() },
        WebRtcError::Bind(..) | WebRtcError::Secret(_) => Refusal::failed("answering a line", &error),
    }
}

/// Opens your line: while it is open calls can reach this page. One that you had before is closed.
#[utoipa::path(post, path = "/desk/line", tag = "desk", request_body = SdpOffer, responses((status = 200, description = "Answered.", body = SdpAnswer)))]
async fn open_line(
    State(console): State<Arc<Console>>,
    desk: OfDesk,
    session: Session,
    Body(asked): Body<SdpOffer>,
) -> Result<Json<SdpAnswer>, Refusal> {
    open(&console, (&desk.agent, &desk.person), &session, asked).await
}

async fn open(console: &Console, (owner, person): (&AgentId, &Person), session: &Session, asked: SdpOffer) -> Result<Json<SdpAnswer>, Refusal> {
    let (sdp, line) = console.webrtc.answer(&described(asked.sdp)?).await.map_err(not_answered)?;
    let id = line.id();
    console.known.opened(owner, id, &person.name, access::key_of(session));
    console.gateway.lines().connect(owner, line);
    Ok(Json(SdpAnswer { sdp, line: id.to_string() }))
}

/// Goes on with your line over another network.
#[utoipa::path(post, path = "/desk/line/restart", tag = "desk", request_body = SdpOffer, responses((status = 200, description = "Answered.", body = SdpAnswer)))]
async fn restart_line(State(console): State<Arc<Console>>, desk: OfDesk, Body(asked): Body<SdpOffer>) -> Result<Json<SdpAnswer>, Refusal> {
    restart(&console, &desk.agent, asked).await
}

async fn restart(console: &Console, owner: &AgentId, asked: SdpOffer) -> Result<Json<SdpAnswer>, Refusal> {
    let offer = described(asked.sdp)?;
    let line = console.gateway.lines().line_of(owner).ok_or_else(|| not_answered(WebRtcError::Gone))?;
    let sdp = line.restart(&offer).await.map_err(not_answered)?;
    Ok(Json(SdpAnswer { sdp, line: line.id().to_string() }))
}

/// Closes your line.
#[utoipa::path(delete, path = "/desk/line", tag = "desk", responses((status = 204, description = "Closed.")))]
async fn close_line(State(console): State<Arc<Console>>, desk: OfDesk) -> StatusCode {
    console.gateway.lines().disconnect(&desk.agent);
    StatusCode::NO_CONTENT
}

/// Opens a line on which you listen to calls: none is offered to it, and nothing that comes from it is heard. One that you had before
/// is closed.
#[utoipa::path(post, path = "/live/line", tag = "wall", request_body = SdpOffer, responses((status = 200, description = "Answered.", body = SdpAnswer)))]
async fn open_ear(
    State(console): State<Arc<Console>>,
    person: Person,
    owner: Listener,
    session: Session,
    Body(asked): Body<SdpOffer>,
) -> Result<Json<SdpAnswer>, Refusal> {
    open(&console, (&owner.0, &person), &session, asked).await
}

/// Goes on with the line on which you listen, over another network.
#[utoipa::path(post, path = "/live/line/restart", tag = "wall", request_body = SdpOffer, responses((status = 200, description = "Answered.", body = SdpAnswer)))]
async fn restart_ear(State(console): State<Arc<Console>>, owner: Listener, Body(asked): Body<SdpOffer>) -> Result<Json<SdpAnswer>, Refusal> {
    restart(&console, &owner.0, asked).await
}

/// Closes the line on which you listen.
#[utoipa::path(delete, path = "/live/line", tag = "wall", responses((status = 204, description = "Closed.")))]
async fn close_ear(State(console): State<Arc<Console>>, owner: Listener) -> StatusCode {
    console.gateway.lines().disconnect(&owner.0);
    StatusCode::NO_CONTENT
}

/// What browsers need to reach us, as RTCPeerConnection takes it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Rtc {
    /// STUN and TURN servers.
    ice_servers: Vec<IceServerView>,
}

/// A STUN or TURN server.
#[derive(Debug, Serialize, ToSchema)]
struct IceServerView {
    /// Where it is.
    urls: Vec<String>,
    /// The user name of a TURN server.
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<String>,
    /// The password of a TURN server.
    #[serde(skip_serializing_if = "Option::is_none")]
    credential: Option<String>,
}

impl Rtc {
    /// As it is configured, passwords of TURN servers included.
    pub(super) fn of(console: &Console) -> Rtc {
        Rtc { ice_servers: console.webrtc.ice_servers().iter().map(IceServerView::of).collect() }
    }
}

impl IceServerView {
    fn of(server: &IceServer) -> IceServerView {
        let (username, credential) = server.credentials.as_ref().map(|(name, password)| (name.clone(), password.reveal().to_owned())).unzip();
        IceServerView { urls: server.urls.clone(), username, credential }
    }
}

/// What browsers need to reach us.
#[utoipa::path(get, path = "/rtc", tag = "desk", responses((status = 200, description = "For RTCPeerConnection.", body = Rtc)))]
async fn find_rtc(State(console): State<Arc<Console>>, _person: Person) -> Json<Rtc> {
    Json(Rtc::of(&console))
}
