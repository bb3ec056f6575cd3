//! Sending the caller on, and asking somebody else to join.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::call::command;
use super::{MAX_TEXT, checked};
use crate::base::{AgentId, QueueId};
use crate::call::{Command, Target};
use crate::console::Console;
use crate::console::access::OfDesk;
use crate::console::body::Body;
use crate::console::refusal::Refusal;

/// Longest target of a transfer, in characters.
const MAX_TARGET: usize = 200;

pub(super) fn router() -> OpenApiRouter<Arc<Console>> {
    OpenApiRouter::new().routes(routes!(transfer)).routes(routes!(conference)).routes(routes!(complete)).routes(routes!(take_back))
}

/// To whom a caller is sent, or who is to join: one of the three.
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
    /// Talk to them first; the caller is on hold meanwhile.
    #[serde(default)]
    warm: bool,
    /// What whoever takes over should know.
    note: Option<String>,
}

/// Sends the caller on.
#[utoipa::path(post, path = "/desk/call/transfer", tag = "desk", request_body = Transfer, responses((status = 202, description = "Asked of the call.")))]
async fn transfer(State(console): State<Arc<Console>>, desk: OfDesk, Body(asked): Body<Transfer>) -> Result<StatusCode, Refusal> {
    let Transfer { to, warm, note } = asked;
    let note = note.map(|note| checked("note", &note, MAX_TEXT)).transpose()?.filter(|note| !note.is_empty());
    let (target, agent) = (target(&console, to, &desk.agent)?, desk.agent.clone());
    if let Some(text) = note {
        command(&console, &agent, Command::Note { agent: agent.clone(), text }).await?;
    }
    command(&console, &desk.agent, if warm { Command::Consult { agent, target } } else { Command::Transfer { agent, target } }).await
}

/// Whom you talk with takes the caller, and you are done.
#[utoipa::path(post, path = "/desk/call/complete", tag = "desk", responses((status = 202, description = "Asked of the call.")))]
async fn complete(State(console): State<Arc<Console>>, desk: OfDesk) -> Result<StatusCode, Refusal> {
    command(&console, &desk.agent, Command::Complete { agent: desk.agent.clone() }).await
}

/// You take the caller back, and whom you talk with leaves.
#[utoipa::path(post, path = "/desk/call/take_back", tag = "desk", responses((status = 202, description = "Asked of the call.")))]
async fn take_back(State(console): State<Arc<Console>>, desk: OfDesk) -> Result<StatusCode, Refusal> {
    command(&console, &desk.agent, Command::TakeBack { agent: desk.agent.clone() }).await
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
    let target = target(&console, asked.to, &desk.agent)?;
    command(&console, &desk.agent, Command::Invite { agent: desk.agent.clone(), target }).await
}

fn target(console: &Console, to: To, own: &AgentId) -> Result<Target, Refusal> {
    match to {
        To { agent: Some(agent), queue: None, number: None } => colleague(console, &agent, own).map(Target::Agent),
        To { agent: None, queue: Some(queue), number: None } => known_queue(console, &queue).map(Target::Queue),
        To { agent: None, queue: None, number: Some(number) } => outside(&number).map(Target::Outside),
        _ => Err(Refusal::bad("to", "Name one of agent, queue or number.")),
    }
}

/// Another agent, by their name or what people call them.
fn colleague(console: &Console, name: &str, own: &AgentId) -> Result<AgentId, Refusal> {
    let desk = console.desk();
    let others = || desk.agents.iter().filter(|agent| *agent.name != *own.0);
    let found = others().find(|agent| agent.name == name).or_else(|| others().find(|agent| agent.spoken().eq_ignore_ascii_case(name.trim())));
    found.map(|agent| AgentId::from(agent.name.as_str())).ok_or_else(|| Refusal::bad("to.agent", "There is no colleague of this name."))
}

fn known_queue(console: &Console, name: &str) -> Result<QueueId, Refusal> {
    let is_known = console.desk().queues.iter().any(|queue| queue.name == name);
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
