//! An agent's own desk and call.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{AppendHeaders, IntoResponse};
use jiff::Timestamp;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::SEQ;
use super::line::line_word;
use crate::base::{AgentId, CallId, Key, OfferId, QueueId};
use crate::call::{Command, Target};
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
use crate::store::WrapUp as WrapUpKept;

/// Longest note, summary or reason, in characters.
const MAX_TEXT: usize = 4_000;
/// Longest name or value of a slot, in characters.
const MAX_SLOT: usize = 200;
/// Longest target of a transfer, in characters.
const MAX_TARGET: usize = 200;

pub(super) fn router() -> OpenApiRouter<Arc<Console>> {
    OpenApiRouter::new()
        .routes(routes!(find_desk))
        .routes(routes!(update_presence))
        .routes(routes!(offer_shown))
        .routes(routes!(accept_offer))
        .routes(routes!(decline_offer))
        .routes(routes!(hold))
        .routes(routes!(mute))
        .routes(routes!(press_key))
        .routes(routes!(hand_back))
        .routes(routes!(transfer))
        .routes(routes!(conference))
        .routes(routes!(hang_up))
        .routes(routes!(note))
        .routes(routes!(correct_slot))
        .routes(routes!(wrap_up))
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

impl From<NotNow> for Refusal {
    fn from(not_now: NotNow) -> Refusal {
        match not_now {
            NotNow::OfferOver => Refusal::offer_over(),
            NotNow::NoCall => Refusal::no_call(),
            NotNow::Busy => Refusal::Conflict { code: "line_busy", message: "Your line is in another call. End that one first.".into() },
            NotNow::Stuck => Refusal::Conflict { code: "stuck", message: "The call does not react. Try again.".into() },
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
    console.gateway.lines().decline(&desk.agent, offer)?;
    // The call's records say that it was declined, this only why: nobody is kept ringing because the store is away.
    let _ = console.people.note(&desk.person.name, "offer_declined", Some(&offer_name(offer.call, offer.n)), reason.as_deref()).await;
    Ok(StatusCode::ACCEPTED)
}

/// The call that the agent has.
fn call_of(console: &Console, agent: &AgentId) -> Result<CallId, Refusal> {
    console.feed.look(|world, _| world.call_of(agent)).0.ok_or_else(Refusal::no_call)
}

/// Has a command carried out by the agent's call.
fn command(console: &Console, agent: &AgentId, command: Command) -> Result<StatusCode, Refusal> {
    // Who is on a phone has no line; their call is known all the same.
    match console.gateway.lines().command(agent, command.clone()) {
        Ok(_) => Ok(StatusCode::ACCEPTED),
        Err(NotNow::NoCall) if console.gateway.command(call_of(console, agent)?, command) => Ok(StatusCode::ACCEPTED),
        Err(not_now) => Err(not_now.into()),
    }
}

/// On or off.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Switch {
    #[allow(dead_code, reason = "read once calls can be put on hold")]
    on: bool,
}

/// Puts the caller on hold, or takes them back.
#[utoipa::path(post, path = "/desk/call/hold", tag = "desk", request_body = Switch, responses((status = 202, description = "Asked of the call.")))]
async fn hold(State(console): State<Arc<Console>>, desk: OfDesk, Body(_asked): Body<Switch>) -> Result<StatusCode, Refusal> {
    call_of(&console, &desk.agent)?;
    Err(Refusal::NotBuilt("Hold"))
}

/// Nobody hears you, or they do again.
#[utoipa::path(post, path = "/desk/call/mute", tag = "desk", request_body = Switch, responses((status = 202, description = "Asked of the call.")))]
async fn mute(State(console): State<Arc<Console>>, desk: OfDesk, Body(_asked): Body<Switch>) -> Result<StatusCode, Refusal> {
    call_of(&console, &desk.agent)?;
    Err(Refusal::NotBuilt("Mute"))
}

/// A key of a telephone.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Press {
    /// `0` to `9`, `*`, `#`, `A` to `D`.
    #[schema(value_type = String)]
    key: Key,
}

/// Sends a key to the caller's side.
#[utoipa::path(post, path = "/desk/call/key", tag = "desk", request_body = Press, responses((status = 202, description = "Asked of the call.")))]
async fn press_key(State(console): State<Arc<Console>>, desk: OfDesk, Body(asked): Body<Press>) -> Result<StatusCode, Refusal> {
    call_of(&console, &desk.agent)?;
    tracing::debug!(key = %asked.key.label(), "a key was pressed at a desk");
    Err(Refusal::NotBuilt("The keypad"))
}

/// A note.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Note {
    note: Option<String>,
}

/// Gives the caller back to the bot.
#[utoipa::path(post, path = "/desk/call/hand_back", tag = "desk", request_body = Note, responses((status = 202, description = "Asked of the call.")))]
async fn hand_back(State(console): State<Arc<Console>>, desk: OfDesk, Body(asked): Body<Note>) -> Result<StatusCode, Refusal> {
    let note = asked.note.map(|note| checked("note", &note, MAX_TEXT)).transpose()?.filter(|note| !note.is_empty());
    command(&console, &desk.agent, Command::HandBack { note })
}

/// To whom a caller is sent: one of the three.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
struct To {
    agent: Option<String>,
    queue: Option<String>,
    /// A `tel:` or `sip:` URI, or a number.
    number: Option<String>,
}

/// Where a caller is sent on.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Transfer {
    to: To,
    /// Talk to them first.
    #[serde(default)]
    warm: bool,
    note: Option<String>,
}

/// Sends the caller on.
#[utoipa::path(post, path = "/desk/call/transfer", tag = "desk", request_body = Transfer, responses((status = 202, description = "Asked of the call.")))]
async fn transfer(State(console): State<Arc<Console>>, desk: OfDesk, Body(asked): Body<Transfer>) -> Result<StatusCode, Refusal> {
    let Transfer { to, warm, note } = asked;
    note.map(|note| checked("note", &note, MAX_TEXT)).transpose()?;
    let target = match to {
        To { agent: None, queue: Some(queue), number: None } => Target::Queue(known_queue(&console, &queue)?),
        To { agent: None, queue: None, number: Some(number) } => Target::Outside(outside(&number)?),
        To { agent: Some(_), queue: None, number: None } => return Err(Refusal::NotBuilt("Sending a caller to one agent")),
        _ => return Err(Refusal::bad("to", "Name one of agent, queue or number.")),
    };
    call_of(&console, &desk.agent)?;
    if warm {
        return Err(Refusal::NotBuilt("Talking to the other first"));
    }
    command(&console, &desk.agent, Command::Transfer(target))
}

/// Who is to join.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Conference {
    to: To,
}

/// Asks one more person to join.
#[utoipa::path(post, path = "/desk/call/conference", tag = "desk", request_body = Conference, responses((status = 202, description = "Asked of the call.")))]
async fn conference(State(console): State<Arc<Console>>, desk: OfDesk, Body(asked): Body<Conference>) -> Result<StatusCode, Refusal> {
    match asked.to {
        To { agent: None, queue: Some(queue), number: None } => {
            let queue = known_queue(&console, &queue)?;
            command(&console, &desk.agent, Command::Invite(queue))
        }
        To { agent: None, queue: None, number: None } => Err(Refusal::bad("to", "Name a queue.")),
        _ => Err(Refusal::NotBuilt("A conference with anybody but a queue")),
    }
}

/// You are done: hangs up your side. If nobody else is with the caller, the call ends.
#[utoipa::path(post, path = "/desk/call/hang_up", tag = "desk", responses((status = 202, description = "Asked of the call.")))]
async fn hang_up(State(console): State<Arc<Console>>, desk: OfDesk) -> Result<StatusCode, Refusal> {
    command(&console, &desk.agent, Command::HangUpAgent { agent: desk.agent.clone() })
}

/// A note for the record.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Remark {
    text: String,
}

/// Notes something for the record.
#[utoipa::path(post, path = "/desk/call/note", tag = "desk", request_body = Remark, responses((status = 202, description = "Noted.")))]
async fn note(State(console): State<Arc<Console>>, desk: OfDesk, Body(asked): Body<Remark>) -> Result<StatusCode, Refusal> {
    checked("text", &asked.text, MAX_TEXT)?;
    call_of(&console, &desk.agent)?;
    Err(Refusal::NotBuilt("A note"))
}

/// What is right.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Correction {
    name: String,
    value: String,
}

/// Corrects what is known of the caller or their wish.
#[utoipa::path(post, path = "/desk/call/slots", tag = "desk", request_body = Correction, responses((status = 202, description = "Asked of the call.")))]
async fn correct_slot(State(console): State<Arc<Console>>, desk: OfDesk, Body(asked): Body<Correction>) -> Result<StatusCode, Refusal> {
    checked("name", &asked.name, MAX_SLOT)?;
    checked("value", &asked.value, MAX_SLOT)?;
    call_of(&console, &desk.agent)?;
    Err(Refusal::NotBuilt("A correction"))
}

/// What is kept of a call that is over.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct WrapUp {
    summary: String,
    /// One of `dispositions`.
    disposition: String,
    resolved: bool,
}

/// Saves the wrap-up: you are free for the next caller.
#[utoipa::path(post, path = "/desk/call/wrap_up", tag = "desk", request_body = WrapUp, responses((status = 202, description = "Saved.")))]
async fn wrap_up(State(console): State<Arc<Console>>, desk: OfDesk, Body(asked): Body<WrapUp>) -> Result<StatusCode, Refusal> {
    let summary = checked("summary", &asked.summary, MAX_TEXT)?;
    if !console.table.dispositions.contains(&asked.disposition) {
        return Err(Refusal::bad("disposition", format!("It is one of these: {}.", console.table.dispositions.join(", "))));
    }
    let (call, began) = console.feed.look(|world, _| world.to_wrap_up(&desk.agent)).0.ok_or_else(Refusal::no_call)?;
    if let People::Stored(store) = &console.people {
        let saved = Timestamp::now();
        let (agent, disposition, resolved) = (desk.agent.to_string(), Some(asked.disposition.clone()), Some(asked.resolved));
        if !store.save_wrap_up(&WrapUpKept { call, agent, began, saved, summary, disposition, resolved }).await? {
            // The call itself is still on its way there.
            return Err(Refusal::Away);
        }
    }
    console.people.note(&desk.person.name, "wrapped_up", Some(&call.to_string()), Some(&asked.disposition)).await?;
    console.gateway.lines().wrapped_up(&desk.agent, call);
    Ok(StatusCode::ACCEPTED)
}

fn checked(field: &str, text: &str, most: usize) -> Result<String, Refusal> {
    let text = text.trim();
    let is_plain = !text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'));
    let fits = is_plain && text.chars().count() <= most;
    if fits { Ok(text.to_owned()) } else { Err(Refusal::bad(field, format!("It has at most {most} characters, and no control characters."))) }
}

fn known_queue(console: &Console, name: &str) -> Result<QueueId, Refusal> {
    let is_known = console.desk.queues.iter().any(|queue| queue.name == name);
    if is_known { Ok(QueueId::from(name)) } else { Err(Refusal::bad("to.queue", "There is no queue of this name.")) }
}

/// A `tel:` or `sip:` URI as it is, or a number as the former.
fn outside(target: &str) -> Result<String, Refusal> {
    let target = target.trim();
    let wrong = || Refusal::bad("to.number", "It is a `tel:` or `sip:` URI, or a number.");
    let is_plain =
        target.chars().count() <= MAX_TARGET && !target.chars().any(|c| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | '"'));
    if !is_plain {
        let number: String = target.chars().filter(|c| !matches!(c, ' ' | '(' | ')' | '/' | '-')).collect();
        return if number.len() < target.len() && !number.contains(char::is_whitespace) { outside(&number) } else { Err(wrong()) };
    }
    let is_uri = ["sip:", "sips:", "tel:"].iter().any(|scheme| target.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty()));
    let digits = target.strip_prefix('+').unwrap_or(target);
    let is_number = !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit() || matches!(c, '-' | '.' | '(' | ')' | '*' | '#'));
    match (is_uri, is_number) {
        (true, _) => Ok(target.to_owned()),
        (_, true) => Ok(format!("tel:{target}")),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_outside_is_a_uri_or_a_number() {
        for (target, expected) in [
            ("+49 30 555 000", Some("tel:+4930555000")),
            ("(030) 555-000", Some("tel:030555000")),
            ("sip:help@example.com", Some("sip:help@example.com")),
            ("tel:+4930555000", Some("tel:+4930555000")),
            ("*21#", Some("tel:*21#")),
            ("", None),
            ("sip:", None),
            ("help", None),
            ("sip:a@b>\r\nX: y", None),
            ("sip:a@b;\"x\"", None),
            ("javascript:alert(1)", None),
        ] {
            assert_eq!(outside(target).ok().as_deref(), expected, "{target}");
        }
    }
}
