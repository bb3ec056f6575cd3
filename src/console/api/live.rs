//! Calls that go on, for supervisors and programs, and the live feed for all.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{AppendHeaders, IntoResponse, Response};
use serde::{Deserialize, Serialize};
use tower_sessions::Session;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{SEQ, call_id};
use crate::base::{CallId, QueueId};
use crate::call::Command;
use crate::console::Console;
use crate::console::access::{self, Listener, Person};
use crate::console::body::Body;
use crate::console::feed::{Watcher, socket};
use crate::console::people::Role;
use crate::console::refusal::Refusal;
use crate::console::views::{AgentRow, LiveCallView, QueueRow, WallRow};
use crate::edge::webrtc::{Line, LineState};
use crate::gateway::live::lines::NotNow;
use crate::handoff::trigger::{Does, TriggerTable};

/// A line that was opened a moment ago is connected within this.
const CONNECTS: Duration = Duration::from_secs(10);

pub(super) fn router() -> OpenApiRouter<Arc<Console>> {
    OpenApiRouter::new()
        .routes(routes!(feed))
        .routes(routes!(find_desk))
        .routes(routes!(list_calls))
        .routes(routes!(find_call))
        .routes(routes!(listen, stop_listening))
        .routes(routes!(hand_off))
        .routes(routes!(list_triggers))
        .routes(routes!(update_trigger))
}

/// Which page.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ByPage {
    /// Given by the page on which an agent's calls ring; the feed of a user whose role is `agent` always is.
    desk: Option<String>,
}

/// The live feed, by WebSocket. The page speaks first: `{"resume": seq, "watch": {"call": id}}`, both optional.
#[utoipa::path(get, path = "/live", tag = "wall", params(ByPage), responses((status = 101, description = "Messages of type LiveMessage follow.")))]
async fn feed(
    State(console): State<Arc<Console>>,
    person: Person,
    session: Session,
    asked: Result<Query<ByPage>, QueryRejection>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Refusal> {
    let upgrade = upgrade.map_err(|_| Refusal::BadInput { field: None, message: "This address speaks WebSocket only.".into() })?;
    let session = access::key_of(&session).filter(|_| person.role != Role::Program);
    let sees_all = matches!(person.role, Role::Supervisor | Role::Admin | Role::Program);
    // Of somebody who is more than an agent only the desk's page rings.
    let is_desk = person.role == Role::Agent || matches!(asked, Ok(Query(ByPage { desk: Some(_) })));
    let screen = person.agent.clone().filter(|_| is_desk).map(|agent| (console.gateway.lines().clone(), agent));
    let watcher = Watcher { name: person.name, session: session.clone(), agent: person.agent, sees_all, ..Watcher::default() };
    let (feed, stop, over) = (console.feed.clone(), console.stop.clone(), access::until_over(console.clone(), session));
    let ends: socket::Ends = Box::pin(async move {
        over.await;
        "signed out"
    });
    let upgrade = upgrade.max_message_size(socket::MAX_MESSAGE).max_frame_size(socket::MAX_MESSAGE);
    Ok(upgrade.on_upgrade(move |page| socket::serve(page, (feed, screen), watcher, ends, stop)))
}

/// Queues and agents.
#[derive(Debug, Serialize, ToSchema)]
struct LiveDesk {
    /// In the order of the configuration.
    queues: Vec<QueueRow>,
    /// In the order of the configuration.
    agents: Vec<AgentRow>,
}

/// Queues and agents. `X-Segue-Seq` says as of which number of the live feed.
#[utoipa::path(get, path = "/live/desk", operation_id = "find_live_desk", tag = "wall", responses((status = 200, description = "As they are now.", body = LiveDesk)))]
async fn find_desk(State(console): State<Arc<Console>>) -> impl IntoResponse {
    let (desk, seq) = console.feed.look(|world, now| LiveDesk { queues: world.queues(now), agents: world.agents() });
    (AppendHeaders([(SEQ, seq)]), Json(desk))
}

/// The wall. `X-Segue-Seq` says as of which number of the live feed.
#[utoipa::path(get, path = "/live/calls", operation_id = "list_live_calls", tag = "wall", responses((status = 200, description = "Calls that go on, or were over a moment ago.", body = [WallRow])))]
async fn list_calls(State(console): State<Arc<Console>>) -> impl IntoResponse {
    let (rows, seq) = console.feed.look(|world, now| world.rows(now));
    (AppendHeaders([(SEQ, seq)]), Json(rows))
}

/// A call that goes on, in full. `X-Segue-Seq` says as of which number of the live feed.
#[utoipa::path(get, path = "/live/calls/{id}", operation_id = "find_live_call", tag = "wall", params(("id" = String, Path)), responses((status = 200, description = "The call.", body = LiveCallView)))]
async fn find_call(State(console): State<Arc<Console>>, Path(id): Path<String>) -> Result<impl IntoResponse, Refusal> {
    let id = call_id(&id)?;
    let (call, seq) = console.feed.look(|world, now| world.call(id, now));
    let call = call.ok_or(Refusal::Unknown("call"))?;
    Ok((AppendHeaders([(SEQ, seq)]), Json(call)))
}

/// By which line.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ByLine {
    /// As POST /live/line named it.
    line: String,
}

/// Listens to a call on your line; nobody hears you. It is noted who listened to what.
#[utoipa::path(post, path = "/live/calls/{id}/listen", tag = "wall", params(("id" = String, Path)), request_body = ByLine,
    responses((status = 202, description = "Asked of the call.")))]
async fn listen(
    State(console): State<Arc<Console>>,
    person: Person,
    owner: Listener,
    Path(id): Path<String>,
    Body(asked): Body<ByLine>,
) -> Result<StatusCode, Refusal> {
    let call = goes_on(&console, &id)?;
    let line = console.gateway.lines().line_of(&owner.0).filter(|line| line.id().to_string() == asked.line);
    if !comes_up(line).await {
        return Err(Refusal::Conflict { code: "no_line", message: "Your line is not up. Open one, then listen.".into() });
    }
    // Before anything is heard.
    console.people.note(&person.name, "listened_in", Some(&call.to_string()), None).await?;
    let asked = console.gateway.ask(call, Command::Listen { supervisor: owner.0 }).await;
    if asked.is_err() {
        // What was noted before is not what came of it.
        let _ = console.people.note(&person.name, "heard_nothing", Some(&call.to_string()), None).await;
    }
    told(asked)
}

/// Whether a line is up, or comes up soon: it may have been opened a moment ago.
async fn comes_up(line: Option<Line>) -> bool {
    let Some(line) = line else { return false };
    let mut state = line.state();
    let connected = state.wait_for(|state| *state != LineState::Connecting);
    // Its sender is the line, which we hold.
    drop(tokio::time::timeout(CONNECTS, connected).await);
    line.is_up()
}

/// Stops listening.
#[utoipa::path(delete, path = "/live/calls/{id}/listen", tag = "wall", params(("id" = String, Path)), responses((status = 202, description = "Asked of the call.")))]
async fn stop_listening(State(console): State<Arc<Console>>, person: Person, owner: Listener, Path(id): Path<String>) -> Result<StatusCode, Refusal> {
    let call = goes_on(&console, &id)?;
    let done = told(console.gateway.ask(call, Command::StopListening { supervisor: owner.0 }).await)?;
    // Nobody goes on listening because the store is away.
    let _ = console.people.note(&person.name, "stopped_listening", Some(&call.to_string()), None).await;
    Ok(done)
}

fn told(asked: Result<(), NotNow>) -> Result<StatusCode, Refusal> {
    match asked {
        Ok(()) => Ok(StatusCode::ACCEPTED),
        Err(NotNow::NoCall) => Err(Refusal::Unknown("call")),
        Err(not_now) => Err(not_now.into()),
    }
}

fn goes_on(console: &Console, id: &str) -> Result<CallId, Refusal> {
    let id = call_id(id)?;
    if console.feed.look(|world, _| world.goes_on(id)).0 { Ok(id) } else { Err(Refusal::Unknown("call")) }
}

/// Where to.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ToQueue {
    /// Without it the entry's.
    queue: Option<String>,
}

/// Brings a person to a call that is with the bot.
#[utoipa::path(post, path = "/live/calls/{id}/handoff", tag = "wall", params(("id" = String, Path)), request_body = ToQueue,
    responses((status = 202, description = "Asked of the call.")))]
async fn hand_off(
    State(console): State<Arc<Console>>,
    person: Person,
    Path(id): Path<String>,
    Body(asked): Body<ToQueue>,
) -> Result<StatusCode, Refusal> {
    if let Some(queue) = &asked.queue
        && !console.desk().queues.iter().any(|table| table.name == *queue)
    {
        return Err(Refusal::bad("queue", "There is no queue of this name."));
    }
    let id = goes_on(&console, &id)?;
    let queue = asked.queue.as_deref().map(QueueId::from);
    console.people.note(&person.name, "handoff_asked", Some(&id.to_string()), asked.queue.as_deref()).await?;
    told(console.gateway.ask(id, Command::Handoff { queue }).await)
}

/// What a trigger does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum TriggerMode {
    /// Brings a person at once.
    Transfer,
    /// Asks the caller first.
    Offer,
    /// Nothing.
    Off,
}

/// A trigger.
#[derive(Debug, Serialize, ToSchema)]
struct TriggerView {
    name: String,
    mode: TriggerMode,
    /// Where it leads; null for the entry's queue.
    queue: Option<String>,
}

impl TriggerView {
    fn of(table: &TriggerTable) -> TriggerView {
        let mode = match table.does {
            Does::Transfer => TriggerMode::Transfer,
            Does::Offer => TriggerMode::Offer,
            Does::Off => TriggerMode::Off,
        };
        TriggerView { name: table.name.clone(), mode, queue: table.queue.clone() }
    }
}

/// The triggers in force, in their order.
#[utoipa::path(get, path = "/triggers", tag = "wall", responses((status = 200, description = "In their order.", body = [TriggerView])))]
async fn list_triggers(State(console): State<Arc<Console>>) -> Json<Vec<TriggerView>> {
    Json(console.gateway.triggers().iter().map(TriggerView::of).collect())
}

/// What it is to do.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewMode {
    mode: TriggerMode,
}

/// Changes what a trigger does, for calls that begin from now on, until the configuration is read again.
#[utoipa::path(put, path = "/triggers/{name}", tag = "wall", params(("name" = String, Path)), request_body = NewMode,
    responses((status = 202, description = "In force for calls from now on.")))]
async fn update_trigger(
    State(console): State<Arc<Console>>,
    person: Person,
    Path(name): Path<String>,
    Body(asked): Body<NewMode>,
) -> Result<StatusCode, Refusal> {
    let (does, word) = match asked.mode {
        TriggerMode::Transfer => (Does::Transfer, "transfer"),
        TriggerMode::Offer => (Does::Offer, "offer"),
        TriggerMode::Off => (Does::Off, "off"),
    };
    if !console.gateway.triggers().iter().any(|trigger| trigger.name == name) {
        return Err(Refusal::Unknown("trigger"));
    }
    console.people.note(&person.name, "trigger_changed", Some(&name), Some(word)).await?;
    if !console.gateway.set_trigger(&name, does).map_err(|problems| Refusal::failed("changing a trigger", &problems))? {
        return Err(Refusal::Unknown("trigger"));
    }
    Ok(StatusCode::ACCEPTED)
}
