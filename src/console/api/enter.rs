//! Coming in by a link that works once, as `segue demo --browser` prints it.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use tower_sessions::Session;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::people::Me;
use crate::console::Console;
use crate::console::access::{self, From};
use crate::console::body::Body;
use crate::console::refusal::Refusal;

pub(super) fn router() -> OpenApiRouter<Arc<Console>> {
    OpenApiRouter::new().routes(routes!(enter))
}

/// Whoever has a link.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Enter {
    /// From the link.
    key: String,
}

/// Signs in by a link that works once.
#[utoipa::path(post, path = "/enter", tag = "access", request_body = Enter, responses((status = 200, description = "Signed in.", body = Me)))]
async fn enter(State(console): State<Arc<Console>>, From(from): From, session: Session, Body(asked): Body<Enter>) -> Result<Json<Me>, Refusal> {
    let attempt = console.attempts.note(None, from)?;
    let name = console.invited().remove(&access::fingerprint(&asked.key)).ok_or(Refusal::WrongKey)?;
    let user = console.people.find_user(&name).await?.filter(|user| !user.disabled).ok_or(Refusal::WrongKey)?;
    console.attempts.give_back(attempt);
    let person = access::sign_in(&console, &session, &user).await?;
    console.people.note(&user.name, "signed_in", None, Some(&from.to_string())).await?;
    Ok(Json(Me::of(&person, &console)))
}
