//! The table of rights.

use axum::http::Method;

use crate::console::access::Person;
use crate::console::people::Role;
use crate::console::refusal::Refusal;

/// Who may use a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// Everybody, signed in or not.
    Anyone,
    /// A visitor, by a token of their own; the route looks at it itself.
    Visitor,
    /// Whoever is signed in.
    SignedIn,
    /// Whoever is an agent, whatever else they are.
    Desk,
    /// Those who are one of these.
    Roles(&'static [Role]),
}

/// One route and who may use it.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// The method.
    pub method: &'static str,
    /// The path below `/api/v1`, as the router has it.
    pub path: &'static str,
    /// Who.
    pub right: Right,
}

/// Below which path the API is.
pub const API: &str = "/api/v1";

const ADMINS: Right = Right::Roles(&[Role::Admin]);
const WATCHERS: Right = Right::Roles(&[Role::Supervisor, Role::Admin]);
const READERS: Right = Right::Roles(&[Role::Supervisor, Role::Admin, Role::Tester, Role::Program]);
const LIVE: Right = Right::Roles(&[Role::Supervisor, Role::Admin, Role::Program]);
const FEED: Right = Right::Roles(&[Role::Agent, Role::Supervisor, Role::Admin, Role::Program]);

const fn rule(method: &'static str, path: &'static str, right: Right) -> Rule {
    Rule { method, path, right }
}

/// Every route of the API.
pub const RIGHTS: [Rule; 58] = [
    rule("GET", "/openapi.json", Right::Anyone),
    rule("POST", "/session", Right::Anyone),
    rule("DELETE", "/session", Right::Anyone),
    rule("POST", "/welcome", Right::Anyone),
    rule("POST", "/enter", Right::Anyone),
    rule("GET", "/me", Right::SignedIn),
    rule("GET", "/users", ADMINS),
    rule("POST", "/users", ADMINS),
    rule("PATCH", "/users/{name}", ADMINS),
    rule("DELETE", "/users/{name}", ADMINS),
    rule("GET", "/keys", ADMINS),
    rule("POST", "/keys", ADMINS),
    rule("DELETE", "/keys/{name}", ADMINS),
    rule("GET", "/audit", WATCHERS),
    rule("GET", "/desk", Right::Desk),
    rule("PUT", "/desk/presence", Right::Desk),
    rule("POST", "/desk/offers/{offer}/shown", Right::Desk),
    rule("POST", "/desk/offers/{offer}/accept", Right::Desk),
    rule("POST", "/desk/offers/{offer}/decline", Right::Desk),
    rule("POST", "/desk/line", Right::Desk),
    rule("POST", "/desk/line/restart", Right::Desk),
    rule("DELETE", "/desk/line", Right::Desk),
    rule("GET", "/rtc", Right::SignedIn),
    rule("POST", "/desk/call/hold", Right::Desk),
    rule("POST", "/desk/call/mute", Right::Desk),
    rule("POST", "/desk/call/key", Right::Desk),
    rule("POST", "/desk/call/hand_back", Right::Desk),
    rule("POST", "/desk/call/transfer", Right::Desk),
    rule("POST", "/desk/call/conference", Right::Desk),
    rule("POST", "/desk/call/complete", Right::Desk),
    rule("POST", "/desk/call/take_back", Right::Desk),
    rule("POST", "/desk/call/hang_up", Right::Desk),
    rule("POST", "/desk/call/note", Right::Desk),
    rule("POST", "/desk/call/slots", Right::Desk),
    rule("POST", "/desk/call/wrap_up", Right::Desk),
    rule("GET", "/calls", READERS),
    rule("GET", "/calls/{id}", READERS),
    rule("GET", "/calls/{id}/audio", READERS),
    rule("GET", "/calls/{id}/report", READERS),
    rule("GET", "/live", FEED),
    rule("GET", "/live/desk", LIVE),
    rule("POST", "/live/line", WATCHERS),
    rule("POST", "/live/line/restart", WATCHERS),
    rule("DELETE", "/live/line", WATCHERS),
    rule("GET", "/live/calls", LIVE),
    rule("GET", "/live/calls/{id}", LIVE),
    rule("POST", "/live/calls/{id}/listen", WATCHERS),
    rule("DELETE", "/live/calls/{id}/listen", WATCHERS),
    rule("POST", "/live/calls/{id}/handoff", LIVE),
    rule("GET", "/triggers", READERS),
    rule("PUT", "/triggers/{name}", WATCHERS),
    rule("GET", "/visit/rtc", Right::Visitor),
    rule("POST", "/visit", Right::Visitor),
    rule("GET", "/visit/live", Right::Visitor),
    rule("POST", "/visit/restart", Right::Visitor),
    rule("POST", "/visit/person", Right::Visitor),
    rule("POST", "/visit/hang_up", Right::Visitor),
    rule("POST", "/visit/key", Right::Visitor),
];

/// Who may use this route; `None` if there is no such.
pub(super) fn right(method: &Method, matched: &str) -> Option<Right> {
    // A HEAD is a GET whose body is not sent (RFC 9110, 9.3.2).
    let method = if *method == Method::HEAD { "GET" } else { method.as_str() };
    let path = matched.strip_prefix(API)?;
    RIGHTS.iter().find(|rule| rule.method == method && rule.path == path).map(|rule| rule.right)
}

impl Right {
    /// Whether this person (or nobody) has it.
    ///
    /// # Errors
    /// Why not.
    pub(super) fn check(self, person: Option<&Person>) -> Result<(), Refusal> {
        let signed_in = || person.ok_or(Refusal::SignedOut);
        match self {
            Right::Anyone | Right::Visitor => Ok(()),
            Right::SignedIn => signed_in().map(|_| ()),
            Right::Desk if signed_in()?.agent.is_some() => Ok(()),
            Right::Desk => Err(Refusal::NotAllowed("Only agents have a desk. An admin can make you one.")),
            Right::Roles(roles) if roles.contains(&signed_in()?.role) => Ok(()),
            Right::Roles(_) => Err(Refusal::NotAllowed("Your role does not allow this. An admin can give you another.")),
        }
    }
}
