//! Callers from a browser.

use std::sync::Arc;

use axum::http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::console::Console;
use crate::console::refusal::Refusal;

pub(super) fn router() -> OpenApiRouter<Arc<Console>> {
    OpenApiRouter::new().routes(routes!(begin)).routes(routes!(person)).routes(routes!(hang_up)).routes(routes!(press_key))
}

/// Calls from a browser.
#[utoipa::path(post, path = "/visit", tag = "visit", responses((status = 200, description = "Answered.")))]
async fn begin() -> Result<StatusCode, Refusal> {
    Err(Refusal::NotBuilt("Calling from a browser"))
}

/// Asks for a person.
#[utoipa::path(post, path = "/visit/person", tag = "visit", responses((status = 202, description = "Asked of the call.")))]
async fn person() -> Result<StatusCode, Refusal> {
    Err(Refusal::NotBuilt("Calling from a browser"))
}

/// Hangs up.
#[utoipa::path(post, path = "/visit/hang_up", tag = "visit", responses((status = 202, description = "Asked of the call.")))]
async fn hang_up() -> Result<StatusCode, Refusal> {
    Err(Refusal::NotBuilt("Calling from a browser"))
}

/// Presses a key.
#[utoipa::path(post, path = "/visit/key", tag = "visit", responses((status = 202, description = "Asked of the call.")))]
async fn press_key() -> Result<StatusCode, Refusal> {
    Err(Refusal::NotBuilt("Calling from a browser"))
}
