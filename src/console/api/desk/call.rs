//! What an agent does with the call that they have.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{MAX_TEXT, checked};
use crate::base::{AgentId, CallId, Key};
use crate::call::Command;
use crate::console::Console;
use crate::console::access::OfDesk;
use crate::console::body::Body;
use crate::console::people::People;
use crate::console::refusal::Refusal;
use crate::gateway::live::lines::NotNow;
use crate::store::WrapUp as WrapUpKept;

/// Longest name or value of a slot, in characters.
const MAX_SLOT: usize = 200;

pub(super) fn router() -> OpenApiRouter<Arc<Console>> {
    OpenApiRouter::new()
        .routes(routes!(hold))
        .routes(routes!(mute))
        .routes(routes!(press_key))
        .routes(routes!(hand_back))
        .routes(routes!(hang_up))
        .routes(routes!(note))
        .routes(routes!(correct_slot))
        .routes(routes!(wrap_up))
}

/// The call that the agent has.
fn call_of(console: &Console, agent: &AgentId) -> Result<CallId, Refusal> {
    console.feed.look(|world, _| world.call_of(agent)).0.ok_or_else(Refusal::no_call)
}

/// Has a command carried out by the agent's call.
pub(super) async fn command(console: &Console, agent: &AgentId, command: Command) -> Result<StatusCode, Refusal> {
    match console.gateway.lines().ask(agent, command.clone()).await {
        // Who is on a phone has no line; their call is known all the same.
        Err(NotNow::NoCall) => console.gateway.ask(call_of(console, agent)?, command).await?,
        asked => asked?,
    }
    Ok(StatusCode::ACCEPTED)
}

/// On or off.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Switch {
    on: bool,
}

/// Puts the caller on hold, or takes them back.
#[utoipa::path(post, path = "/desk/call/hold", tag = "desk", request_body = Switch, responses((status = 202, description = "Asked of the call.")))]
async fn hold(State(console): State<Arc<Console>>, desk: OfDesk, Body(asked): Body<Switch>) -> Result<StatusCode, Refusal> {
    command(&console, &desk.agent, Command::Hold { agent: desk.agent.clone(), on: asked.on }).await
}

/// Nobody hears you, or they do again.
#[utoipa::path(post, path = "/desk/call/mute", tag = "desk", request_body = Switch, responses((status = 202, description = "Asked of the call.")))]
async fn mute(State(console): State<Arc<Console>>, desk: OfDesk, Body(asked): Body<Switch>) -> Result<StatusCode, Refusal> {
    command(&console, &desk.agent, Command::Mute { agent: desk.agent.clone(), on: asked.on }).await
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
    command(&console, &desk.agent, Command::Press { agent: desk.agent.clone(), key: asked.key }).await
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
    command(&console, &desk.agent, Command::HandBack { agent: desk.agent.clone(), note }).await
}

/// You are done: hangs up your side. If nobody else is with the caller, the call ends.
#[utoipa::path(post, path = "/desk/call/hang_up", tag = "desk", responses((status = 202, description = "Asked of the call.")))]
async fn hang_up(State(console): State<Arc<Console>>, desk: OfDesk) -> Result<StatusCode, Refusal> {
    command(&console, &desk.agent, Command::HangUpAgent { agent: desk.agent.clone() }).await
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
    let text = checked("text", &asked.text, MAX_TEXT)?;
    if text.is_empty() {
        return Err(Refusal::bad("text", "It says nothing."));
    }
    command(&console, &desk.agent, Command::Note { agent: desk.agent.clone(), text }).await
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
    let (name, value) = (checked("name", &asked.name, MAX_SLOT)?, checked("value", &asked.value, MAX_SLOT)?);
    if name.is_empty() {
        return Err(Refusal::bad("name", "It names nothing."));
    }
    command(&console, &desk.agent, Command::Correct { agent: desk.agent.clone(), name, value }).await
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
