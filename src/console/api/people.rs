//! Signing in, users, keys of programs, and who did what.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tower_sessions::Session;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::base::AgentId;
use crate::console::Console;
use crate::console::access::{self, From, Person, Whose};
use crate::console::body::Body;
use crate::console::people::{Act, ApiKey, Role, User, UserChange};
use crate::console::refusal::Refusal;
use crate::handoff::desk::tables::ANY;

/// Longest name of a user or key, in characters.
const MAX_NAME: usize = 60;
/// Acts in one answer.
const MAX_ACTS: usize = 200;

pub(super) fn router() -> OpenApiRouter<Arc<Console>> {
    OpenApiRouter::new()
        .routes(routes!(sign_in, sign_out))
        .routes(routes!(me))
        .routes(routes!(welcome))
        .routes(routes!(list_users, create_user))
        .routes(routes!(update_user, delete_user))
        .routes(routes!(list_keys, create_key))
        .routes(routes!(delete_key))
        .routes(routes!(list_acts))
}

/// Name and password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SignIn {
    name: String,
    password: String,
}

/// Whoever is signed in.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Me {
    /// What they sign in with.
    name: String,
    /// What others call them.
    title: String,
    /// What they may do.
    role: Role,
    /// The agent in the configuration that they are.
    agent: Option<String>,
    /// The queues whose callers that agent takes.
    queues: Vec<String>,
}

impl Me {
    pub(super) fn of(person: &Person, console: &Console) -> Me {
        let agent = person.agent.as_ref().map(|agent| agent.0.to_string());
        let desk = console.desk();
        let table = desk.agents.iter().find(|table| Some(&table.name) == agent.as_ref());
        let all = || desk.queues.iter().map(|queue| queue.name.clone()).collect();
        let queues = table.map(|table| if table.queues.iter().any(|queue| queue == ANY) { all() } else { table.queues.clone() });
        Me { name: person.name.clone(), title: person.title.clone(), role: person.role, agent, queues: queues.unwrap_or_default() }
    }
}

/// Signs in: the answer sets the session's cookie.
#[utoipa::path(post, path = "/session", tag = "access", request_body = SignIn, responses((status = 200, description = "Signed in.", body = Me)))]
async fn sign_in(State(console): State<Arc<Console>>, From(from): From, session: Session, Body(asked): Body<SignIn>) -> Result<Json<Me>, Refusal> {
    let SignIn { name, password } = asked;
    // It counts as one that failed until it has not; so nobody tries many at the same time.
    let attempt = console.attempts.note(Some(&name), from)?;
    let user = if name.chars().any(char::is_control) { None } else { console.people.find_user(&name).await? };
    let hash = user.as_ref().map(|user| user.password_hash.clone());
    let is_right = access::is_right(password, hash).await?;
    let Some(user) = user.filter(|user| !user.disabled) else { return Err(Refusal::WrongPassword) };
    if !is_right {
        // Aside: for a name that is none nothing is noted, and that must not be felt.
        let (name, from) = (user.name, from.to_string());
        tokio::spawn(async move { console.people.note(&name, "sign_in_failed", None, Some(&from)).await });
        return Err(Refusal::WrongPassword);
    }
    console.attempts.give_back(attempt);
    let person = access::sign_in(&console, &session, &user).await?;
    console.people.note(&user.name, "signed_in", None, Some(&from.to_string())).await?;
    Ok(Json(Me::of(&person, &console)))
}

/// Signs out.
#[utoipa::path(delete, path = "/session", tag = "access", responses((status = 204, description = "Signed out.")))]
async fn sign_out(State(console): State<Arc<Console>>, session: Session) -> Result<StatusCode, Refusal> {
    let key = access::key_of(&session);
    let ended = session.flush().await;
    if let Some(key) = key {
        console.end_access(Whose::Session(&key));
    }
    ended.map_err(access::unread)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Who is signed in.
#[utoipa::path(get, path = "/me", tag = "access", responses((status = 200, description = "You.", body = Me)))]
async fn me(State(console): State<Arc<Console>>, person: Person) -> Json<Me> {
    Json(Me::of(&person, &console))
}

/// The first admin.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Welcome {
    /// From the link that `segue serve` prints.
    key: String,
    name: String,
    password: String,
}

/// Makes the first admin, once, and signs them in.
#[utoipa::path(post, path = "/welcome", tag = "access", request_body = Welcome, responses((status = 200, description = "Made and signed in.", body = Me)))]
async fn welcome(State(console): State<Arc<Console>>, From(from): From, session: Session, Body(asked): Body<Welcome>) -> Result<Json<Me>, Refusal> {
    let attempt = console.attempts.note(None, from)?;
    if !console.people.is_empty().await? {
        return Err(Refusal::WrongKey);
    }
    let name = checked_name(&asked.name)?;
    let password_hash = access::hash(asked.password).await?;
    let user = User { title: name.clone(), name, role: Role::Admin, agent: None, password_hash, disabled: false, created: Timestamp::now() };
    // Whoever is quicker has it; the link works once, and nowhere once there is somebody.
    if !console.people.create_first_admin(&asked.key, &user).await? {
        return Err(Refusal::WrongKey);
    }
    console.attempts.give_back(attempt);
    console.people.note(&user.name, "first_admin", None, Some(&from.to_string())).await?;
    let person = access::sign_in(&console, &session, &user).await?;
    Ok(Json(Me::of(&person, &console)))
}

/// Somebody who may sign in.
#[derive(Debug, Serialize, ToSchema)]
struct UserView {
    /// What they sign in with.
    name: String,
    /// What others call them.
    title: String,
    /// What they may do.
    role: Role,
    /// The agent in the configuration that they are.
    agent: Option<String>,
    /// Since when.
    created: String,
}

impl UserView {
    fn of(user: User) -> UserView {
        UserView { name: user.name, title: user.title, role: user.role, agent: user.agent, created: user.created.to_string() }
    }
}

/// Somebody who is to be able to sign in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewUser {
    name: String,
    /// Without it the name.
    title: Option<String>,
    role: Role,
    agent: Option<String>,
    password: String,
}

/// What is to be different; what is not named stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ChangedUser {
    title: Option<String>,
    role: Option<Role>,
    /// An empty one: no agent.
    agent: Option<String>,
    password: Option<String>,
}

/// Everybody who may sign in.
#[utoipa::path(get, path = "/users", tag = "access", responses((status = 200, description = "By name.", body = [UserView])))]
async fn list_users(State(console): State<Arc<Console>>) -> Result<Json<Vec<UserView>>, Refusal> {
    Ok(Json(console.people.list_users().await?.into_iter().map(UserView::of).collect()))
}

/// Lets somebody sign in.
#[utoipa::path(post, path = "/users", tag = "access", request_body = NewUser, responses((status = 201, description = "Made.", body = UserView)))]
async fn create_user(
    State(console): State<Arc<Console>>,
    person: Person,
    Body(asked): Body<NewUser>,
) -> Result<(StatusCode, Json<UserView>), Refusal> {
    let name = checked_name(&asked.name)?;
    let title = match asked.title {
        Some(title) => checked("title", &title)?,
        None => name.clone(),
    };
    let role = checked_role(asked.role)?;
    let agent = checked_agent(&console, asked.agent)?;
    let password_hash = access::hash(asked.password).await?;
    let user = User { name, title, role, agent, password_hash, disabled: false, created: Timestamp::now() };
    if console.people.find_user(&user.name).await?.is_some() {
        return Err(Refusal::Taken("user"));
    }
    // What is not noted is not done.
    console.people.note(&person.name, "user_created", Some(&user.name), Some(user.role.name())).await?;
    if !console.people.create_user(user.clone()).await? {
        return Err(Refusal::Taken("user"));
    }
    Ok((StatusCode::CREATED, Json(UserView::of(user))))
}

/// Changes somebody. A new password or role signs them out.
#[utoipa::path(patch, path = "/users/{name}", tag = "access", params(("name" = String, Path)), request_body = ChangedUser,
    responses((status = 200, description = "As they are now.", body = UserView)))]
async fn update_user(
    State(console): State<Arc<Console>>,
    person: Person,
    Path(name): Path<String>,
    Body(asked): Body<ChangedUser>,
) -> Result<Json<UserView>, Refusal> {
    let user = console.people.find_user(&name).await?.ok_or(Refusal::Unknown("user"))?;
    let ChangedUser { title, role, agent, password } = asked;
    if user.role == Role::Admin && role.is_some_and(|role| role != Role::Admin) {
        not_the_last_admin(&console).await?;
    }
    let agent = match agent {
        Some(agent) => Some(checked_agent(&console, Some(agent).filter(|agent| !agent.is_empty()))?),
        None => None,
    };
    let password_hash = match password {
        Some(password) => Some(access::hash(password).await?),
        None => None,
    };
    let title = title.map(|title| checked("title", &title)).transpose()?;
    let change = UserChange { title, role: role.map(checked_role).transpose()?, agent, password_hash, disabled: None };
    let named = [
        ("title", change.title.is_some()),
        ("role", change.role.is_some()),
        ("agent", change.agent.is_some()),
        ("password", change.password_hash.is_some()),
    ];
    let changed: Vec<&str> = named.into_iter().filter(|(_, is)| *is).map(|(name, _)| name).collect();
    console.people.note(&person.name, "user_changed", Some(&user.name), Some(&changed.join(", "))).await?;
    if !console.people.update_user(&user.name, change).await? {
        return Err(Refusal::Unknown("user"));
    }
    if changed.iter().any(|what| *what != "title") {
        console.end_access(Whose::Person(&user.name));
    }
    let now = console.people.find_user(&user.name).await?.ok_or(Refusal::Unknown("user"))?;
    Ok(Json(UserView::of(now)))
}

/// Somebody may not sign in any more.
#[utoipa::path(delete, path = "/users/{name}", tag = "access", params(("name" = String, Path)), responses((status = 204, description = "Gone.")))]
async fn delete_user(State(console): State<Arc<Console>>, person: Person, Path(name): Path<String>) -> Result<StatusCode, Refusal> {
    let user = console.people.find_user(&name).await?.ok_or(Refusal::Unknown("user"))?;
    if user.role == Role::Admin {
        not_the_last_admin(&console).await?;
    }
    console.people.note(&person.name, "user_deleted", Some(&user.name), None).await?;
    console.people.delete_user(&user.name).await?;
    console.end_access(Whose::Person(&user.name));
    Ok(StatusCode::NO_CONTENT)
}

/// A program's key, without the key itself.
#[derive(Debug, Serialize, ToSchema)]
struct KeyView {
    /// By which it is named.
    name: String,
    /// Since when.
    created: String,
}

/// A key that is wanted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewKey {
    name: String,
}

/// A key that was made.
#[derive(Debug, Serialize, ToSchema)]
struct MadeKey {
    /// By which it is named.
    name: String,
    /// Since when.
    created: String,
    /// The key: it is shown this once and kept nowhere.
    key: String,
}

/// Keys of programs.
#[utoipa::path(get, path = "/keys", tag = "access", responses((status = 200, description = "By name.", body = [KeyView])))]
async fn list_keys(State(console): State<Arc<Console>>) -> Result<Json<Vec<KeyView>>, Refusal> {
    let keys = console.people.list_keys().await?;
    Ok(Json(keys.into_iter().map(|key| KeyView { name: key.name, created: key.created.to_string() }).collect()))
}

/// Makes a key for a program: it reads calls and may start handoffs.
#[utoipa::path(post, path = "/keys", tag = "access", request_body = NewKey, responses((status = 201, description = "Made.", body = MadeKey)))]
async fn create_key(State(console): State<Arc<Console>>, person: Person, Body(asked): Body<NewKey>) -> Result<(StatusCode, Json<MadeKey>), Refusal> {
    let name = checked_name(&asked.name)?;
    let key = format!("segue_{}", access::random_text());
    let kept = ApiKey { name: name.clone(), hash: access::fingerprint(&key), created: Timestamp::now() };
    let created = kept.created.to_string();
    if console.people.list_keys().await?.iter().any(|key| key.name == name) {
        return Err(Refusal::Taken("key"));
    }
    console.people.note(&person.name, "key_created", Some(&name), None).await?;
    if !console.people.create_key(kept).await? {
        return Err(Refusal::Taken("key"));
    }
    Ok((StatusCode::CREATED, Json(MadeKey { name, created, key })))
}

/// A key opens nothing any more.
#[utoipa::path(delete, path = "/keys/{name}", tag = "access", params(("name" = String, Path)), responses((status = 204, description = "Gone.")))]
async fn delete_key(State(console): State<Arc<Console>>, person: Person, Path(name): Path<String>) -> Result<StatusCode, Refusal> {
    if !console.people.list_keys().await?.iter().any(|key| key.name == name) {
        return Err(Refusal::Unknown("key"));
    }
    console.people.note(&person.name, "key_deleted", Some(&name), None).await?;
    console.people.delete_key(&name).await?;
    console.end_access(Whose::Program(&name));
    Ok(StatusCode::NO_CONTENT)
}

/// Which acts.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Before {
    /// Only those before this number.
    before: Option<i64>,
}

/// One act of somebody.
#[derive(Debug, Serialize, ToSchema)]
struct ActView {
    /// Counts all acts.
    n: i64,
    /// When.
    at: String,
    /// Who.
    who: String,
    /// What, in snake case.
    what: String,
    /// To whom or what.
    about: Option<String>,
    /// More, if there is more to say.
    detail: Option<String>,
}

/// Who changed or listened to what, the latest first.
#[utoipa::path(get, path = "/audit", tag = "access", params(Before), responses((status = 200, description = "At most 200.", body = [ActView])))]
async fn list_acts(
    State(console): State<Arc<Console>>,
    asked: Result<Query<Before>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<Vec<ActView>>, Refusal> {
    let Query(asked) = asked?;
    let acts = console.people.list_acts(asked.before, MAX_ACTS).await?;
    let view = |act: Act| ActView { n: act.n, at: act.at.to_string(), who: act.who, what: act.what, about: act.about, detail: act.detail };
    Ok(Json(acts.into_iter().map(view).collect()))
}

fn checked_name(name: &str) -> Result<String, Refusal> {
    // It stands in addresses and logs.
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '@');
    let name = checked("name", name)?;
    if name.chars().all(fits) { Ok(name) } else { Err(Refusal::bad("name", "A name has letters, digits and `.`, `-`, `_`, `@` only.")) }
}

fn checked(field: &str, text: &str) -> Result<String, Refusal> {
    let text = text.trim();
    let fits = (1..=MAX_NAME).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    if fits { Ok(text.to_owned()) } else { Err(Refusal::bad(field, format!("It has 1 to {MAX_NAME} characters."))) }
}

fn checked_role(role: Role) -> Result<Role, Refusal> {
    if role == Role::Program { Err(Refusal::bad("role", "A program has a key; see /keys.")) } else { Ok(role) }
}

fn checked_agent(console: &Console, agent: Option<String>) -> Result<Option<String>, Refusal> {
    let Some(agent) = agent else { return Ok(None) };
    let is_known = console.desk().agents.iter().any(|table| AgentId::from(table.name.as_str()) == AgentId::from(agent.as_str()));
    if is_known { Ok(Some(agent)) } else { Err(Refusal::bad("agent", "There is no agent of this name in the configuration ([[agent]]).")) }
}

async fn not_the_last_admin(console: &Console) -> Result<(), Refusal> {
    let admins = console.people.list_users().await?.into_iter().filter(|user| user.role == Role::Admin).count();
    let message = "This is the last admin. Make another one first.".to_owned();
    if admins > 1 { Ok(()) } else { Err(Refusal::Conflict { code: "last_admin", message }) }
}
