//! The page of a handoff: why the caller is here, in one glance, for an agent at somebody else's system.
//!
//! It needs no script and no sign-in: its key opens once. A program that asks for `application/json` gets the packet.

use axum::extract::{Path, State};
use axum::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, COOKIE, REFERRER_POLICY, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use maud::{DOCTYPE, Markup, html};

use crate::base::Party;
use crate::gateway::live::pages::{Pages, Visit};
use crate::handoff::packet::{ContextPacket, PacketLine};

/// What a browser may load for a page: its style, nothing else. It may stand in a frame of any CRM.
const POLICY: &str = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'";
/// The name of the cookie that keeps a page open for whoever opened it.
const TOKEN: &str = "segue-handoff";
/// Seconds for which a browser keeps it: longer than any page.
const TOKEN_SECS: u32 = 604_800;

pub(super) async fn style() -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/css; charset=utf-8"), (CACHE_CONTROL, "max-age=3600")], include_str!("handoff.css"))
}

/// A program that only looks whether a link works must not spend it.
pub(super) async fn no_head() -> StatusCode {
    StatusCode::METHOD_NOT_ALLOWED
}

pub(super) async fn page(State(pages): State<Pages>, Path(key): Path<String>, headers: HeaderMap) -> Response {
    let wants_json = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).is_some_and(|accept| accept.starts_with("application/json"));
    let (is_https, path) = pages.reached();
    let visit = pages.visit(&key, cookie(&headers).as_deref());
    let mut response = match (&visit, wants_json) {
        (Visit::Shown { packet, .. }, true) => axum::Json(packet).into_response(),
        (Visit::Shown { packet, .. }, false) => written(StatusCode::OK, path, &packet.headline, &card(packet)),
        (Visit::Taken, true) => {
            (StatusCode::GONE, axum::Json(serde_json::json!({ "error": "this page was opened by somebody else" }))).into_response()
        }
        (Visit::Unknown, true) => (StatusCode::NOT_FOUND, axum::Json(serde_json::json!({ "error": "there is no such handoff" }))).into_response(),
        (Visit::Taken, false) => written(StatusCode::GONE, path, "Opened already", &taken()),
        (Visit::Unknown, false) => written(StatusCode::NOT_FOUND, path, "No such handoff", &unknown()),
    };
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    if let Visit::Shown { token, .. } = visit
        && let Ok(cookie) =
            HeaderValue::from_str(&format!("{TOKEN}={token}; Path={path}/handoff/{key}; Max-Age={TOKEN_SECS}; HttpOnly; {}", same_site(is_https)))
    {
        headers.insert(SET_COOKIE, cookie);
    }
    response
}

fn cookie(headers: &HeaderMap) -> Option<String> {
    let sent = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(';'));
    sent.filter_map(|pair| pair.trim().split_once('=')).find(|(name, _)| *name == TOKEN).map(|(_, value)| value.to_owned())
}

/// In the frame of a CRM the page is another site's, and browsers keep its cookie only over TLS.
fn same_site(is_https: bool) -> &'static str {
    if is_https { "SameSite=None; Secure; Partitioned" } else { "SameSite=Lax" }
}

fn written(status: StatusCode, path: &str, title: &str, main: &Markup) -> Response {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " – Segue" }
                link rel="stylesheet" href={ (path) "/handoff.css" };
            }
            body { main { (main) } }
        }
    };
    (status, [(CONTENT_TYPE, "text/html; charset=utf-8")], page.into_string()).into_response()
}

fn taken() -> Markup {
    html! {
        h1 { "Somebody else has opened this handoff." }
        p { "Each link opens once, in one browser, so that nobody else reads what a caller said. If the call is yours, ask your supervisor for its report." }
    }
}

fn unknown() -> Markup {
    html! {
        h1 { "There is no such handoff, or not any more." }
        p { "Check that the whole link was copied. Links end some hours after the call." }
    }
}

/// The packet. Everything in it that a caller said is escaped by the template.
fn card(packet: &ContextPacket) -> Markup {
    let who = packet.caller.as_deref().unwrap_or("number withheld");
    html! {
        header {
            p.kind { "Handoff to " (packet.queue) }
            h1 { (packet.headline) }
            p.said { @if packet.trigger.in_words { "“" (packet.trigger.sentence) "”" } @else { (packet.trigger.sentence) } }
        }
        section aria-label="Next step" { p.next { strong { "First: " } (packet.next_step) } }
        section aria-label="Summary" { p { (packet.summary) } }
        dl {
            div { dt { "Caller" } dd { (who) } }
            div { dt { "Why a person" } dd { (packet.reason) } }
            div { dt { "Mood" } dd { (mood_shape(packet.mood.score)) " " (packet.mood.word) } }
            div { dt { "Verified" } dd { (packet.verified) } }
            div { dt { "Waited" } dd { (clock(packet.waited_s)) } }
            div { dt { "Tried" } dd { (packet.tried) } }
            @for (name, slot) in &packet.slots { div { dt { (name) } dd { (slot.value) } } }
            @for (name, value) in &packet.data { div { dt { (name) } dd { (value) } } }
        }
        section aria-labelledby="said" {
            h2 #said { "What was said" }
            @if packet.transcript.is_empty() { p.quiet { "Nothing yet." } }
            ol { @for line in &packet.transcript { (spoken(line)) } }
            p.quiet { "Load this page again to see what was said since." }
        }
    }
}

fn spoken(line: &PacketLine) -> Markup {
    let (class, who) = match line.who {
        Party::Caller => ("caller", "Caller"),
        Party::Agent => ("person", line.agent.as_deref().unwrap_or("Agent")),
        Party::Bot | Party::Supervisor => ("bot", "Bot"),
    };
    html! {
        li class=(class) {
            span.who { (who) " " span.quiet { (clock(line.at_s)) } }
            @match &line.text { Some(text) => p { (text) }, None => p.quiet { "(not understood)" } }
        }
    }
}

/// A shape beside the word, so that mood is never told by colour alone.
fn mood_shape(score: f64) -> &'static str {
    if score < 0.3 {
        "○"
    } else if score < 0.6 {
        "◐"
    } else {
        "●"
    }
}

/// `m:ss`
fn clock(secs: f64) -> String {
    let whole = secs.max(0.0) as u64;
    format!("{}:{:02}", whole / 60, whole % 60)
}
