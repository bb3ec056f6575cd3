//! An agent's own desk: what stands on it, presence, and offers.

mod call;
mod transfer;

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{AppendHeaders, IntoResponse};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::SEQ;
use super::line::line_word;
use crate::base::{CallId, Denial, OfferId};
use crate::console::Console;
use crate::console::access::OfDesk;
use crate::console::body::Body;
use crate::console::kept;
use crate::console::people::People;
use crate::console::projection::offer_id as offer_name;
use crate::console::refusal::Refusal;
use crate::console::views::Desk;
use crate::gateway::live::lines::NotNow;
use crate::handoff::desk::Presence;

/// Longest note, summary or reason, in characters.
const MAX_TEXT: usize = 4_000;

pub(super) fn router() -> OpenApiRouter<Arc<Console>> {
    OpenApiRouter::new()
        .routes(routes!(find_desk))
        .routes(routes!(update_presence))
        .routes(routes!(offer_shown))
        .routes(routes!(accept_offer))
        .routes(routes!(decline_offer))
        .merge(call::router())
        .merge(transfer::router())
}

/// Everything on your desk. `X-Segue-Seq` says as of which number of the live feed.
#[utoipa::path(get, path = "/desk", tag = "desk", responses((status = 200, description = "Your desk.", body = Desk)))]
async fn find_desk(State(console): State<Arc<Console>>, desk: OfDesk) -> Result<impl IntoResponse, Refusal> {
    let (shown, seq) = console.feed.look(|world, now| world.desk(&desk.agent, now));
    let mut shown = shown.ok_or(Refusal::Unknown("agent"))?;
    let desktop = console.gateway.lines().desktop(&desk.agent);
    shown.line = line_word(desktop.line);
    if let Some(offer) = &mut shown.offer {
        let deadline = desktop.offers.iter().find(|card| offer_name(card.offer.call, card.offer.n) == *offer.offer.as_deref().unwrap_or_default());
        let left =
            deadline.and_then(|card| card.deadline).map(|deadline| deadline.saturating_duration_since(std::time::Instant::now()).as_secs_f64());
        offer.deadline_s = left.or(offer.deadline_s);
    }
    if let People::Stored(store) = &console.people {
        kept::add(&console, store, &desk.agent, &mut shown).await;
    }
    Ok((AppendHeaders([(SEQ, seq)]), Json(shown)))
}

/// Whether an agent takes calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum AskedPresence {
    Available,
    Break,
    Offline,
}

/// Whether you take calls.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewPresence {
    presence: AskedPresence,
    /// Why, for a break; one of `break_reasons`.
    reason: Option<String>,
    /// The break begins when the call that goes on is over.
    #[serde(default)]
    after_call: bool,
}

/// Says whether you take calls.
#[utoipa::path(put, path = "/desk/presence", tag = "desk", request_body = NewPresence, responses((status = 202, description = "Asked of the desk.")))]
async fn update_presence(State(console): State<Arc<Console>>, desk: OfDesk, Body(asked): Body<NewPresence>) -> Result<StatusCode, Refusal> {
    let reason = asked.reason.as_deref().map(str::trim).filter(|reason| !reason.is_empty());
    let presence = match (asked.presence, reason) {
        (AskedPresence::Available, _) => Presence::Available,
        (AskedPresence::Offline, _) => Presence::Offline,
        (AskedPresence::Break, Some(reason)) if console.table.break_reasons.iter().any(|known| known == reason) && asked.after_call => {
            Presence::BreakAfterCall(reason.to_owned())
        }
        (AskedPresence::Break, Some(reason)) if console.table.break_reasons.iter().any(|known| known == reason) => Presence::Break(reason.to_owned()),
        (AskedPresence::Break, _) => {
            return Err(Refusal::bad("reason", format!("A break has one of these reasons: {}.", console.table.break_reasons.join(", "))));
        }
    };
    console.gateway.lines().presence(&desk.agent, presence);
    Ok(StatusCode::ACCEPTED)
}

fn offer_id(text: &str) -> Result<OfferId, Refusal> {
    let parts = text.split_once('.').and_then(|(call, n)| Some(OfferId { call: CallId(call.parse().ok()?), n: n.parse().ok()? }));
    parts.ok_or(Refusal::Unknown("offer"))
}

/// The name of a denial for programs.
fn code_of(why: Denial) -> &'static str {
    match why {
        Denial::OnlyConsulted => "only_consulted",
        Denial::NotInCall => "not_in_call",
        Denial::HeldByAnother => "held_by_another",
        Denial::NotNow => "not_now",
        Denial::ListenedTo => "listened_to",
        Denial::NotListening => "not_listening",
    }
}

impl From<NotNow> for Refusal {
    fn from(not_now: NotNow) -> Refusal {
        match not_now {
            NotNow::OfferOver => Refusal::offer_over(),
            NotNow::NoCall => Refusal::no_call(),
            NotNow::Busy => Refusal::Conflict { code: "line_busy", message: "Your line is in another call. End that one first.".into() },
            NotNow::Stuck => Refusal::Conflict { code: "stuck", message: "The call does not react. Try again.".into() },
            NotNow::Denied(why) => Refusal::Conflict { code: code_of(why), message: why.to_string() },
        }
    }
}

/// The card is on your screen.
#[utoipa::path(post, path = "/desk/offers/{offer}/shown", tag = "desk", params(("offer" = String, Path)), responses((status = 204, description = "Noted.")))]
async fn offer_shown(State(console): State<Arc<Console>>, desk: OfDesk, Path(text): Path<String>) -> Result<StatusCode, Refusal> {
    console.gateway.lines().shown(&desk.agent, offer_id(&text)?)?;
    Ok(StatusCode::NO_CONTENT)
}

/// You take the caller.
#[utoipa::path(post, path = "/desk/offers/{offer}/accept", tag = "desk", params(("offer" = String, Path)), responses((status = 202, description = "Asked of the call.")))]
async fn accept_offer(State(console): State<Arc<Console>>, desk: OfDesk, Path(text): Path<String>) -> Result<StatusCode, Refusal> {
    console.gateway.lines().accept(&desk.agent, offer_id(&text)?)?;
    Ok(StatusCode::ACCEPTED)
}

/// Why an agent declines.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Decline {
    reason: Option<String>,
}

/// You do not take the caller; somebody else is asked.
#[utoipa::path(post, path = "/desk/offers/{offer}/decline", tag = "desk", params(("offer" = String, Path)), request_body = Decline,
    responses((status = 202, description = "Asked of the call.")))]
async fn decline_offer(
    State(console): State<Arc<Console>>,
    desk: OfDesk,
    Path(text): Path<String>,
    Body(asked): Body<Decline>,
) -> Result<StatusCode, Refusal> {
    let reason = asked.reason.map(|reason| checked("reason", &reason, MAX_TEXT)).transpose()?;
    let offer = offer_id(&text)?;
    console.gateway.lines().decline(&desk.agent, offer, reason.as_deref().filter(|reason| !reason.is_empty()))?;
    // The call's records say that and why it was declined: nobody is kept ringing because the store is away.
    let _ = console.people.note(&desk.person.name, "offer_declined", Some(&offer_name(offer.call, offer.n)), reason.as_deref()).await;
    Ok(StatusCode::ACCEPTED)
}

fn checked(field: &str, text: &str, most: usize) -> Result<String, Refusal> {
    let text = text.trim();
    let is_plain = !text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'));
    let fits = is_plain && text.chars().count() <= most;
    if fits { Ok(text.to_owned()) } else { Err(Refusal::bad(field, format!("It has at most {most} characters, and no control characters."))) }
}
