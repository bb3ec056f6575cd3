//! The API below `/api/v1`: every route with its types, from which the document at `/api/v1/openapi.json` is made.
//!
//! A handler reads, acts and answers; who may call it is decided before (`access`). It answers 202 where something is asked of a
//! call or the desk: that it is done, the live feed says.

mod calls;
mod desk;
mod enter;
mod line;
mod live;
mod people;
mod visit;

use std::sync::Arc;

use axum::Json;
use utoipa::OpenApi;
use utoipa::openapi::path::Operation;
use utoipa::openapi::{Content, Ref, RefOr, ResponseBuilder};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) use calls::Heard;
pub(super) use line::line_word;

use super::Console;
use super::refusal::{ErrorBody, Refusal};
use super::views::LiveMessage;
use crate::base::CallId;

/// The header that says as of which number of the live feed an answer is.
const SEQ: &str = "x-segue-seq";

/// A call by its id in an address.
fn call_id(text: &str) -> Result<CallId, Refusal> {
    text.parse().map(CallId).map_err(|_| Refusal::Unknown("call"))
}

/// What the document says of itself.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Segue",
        version = "1",
        description = "Everything that Segue's pages do. Sign in by POST /session, or send an API key as `Authorization: Bearer`. With a \
            session, every request but GET carries the header `X-Segue: 1`. Times are RFC 3339, spans are seconds. 202 means asked: that it is \
            done, the live feed (WebSocket at GET /live, messages of type LiveMessage) says.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    servers((url = "/api/v1")),
    components(schemas(ErrorBody, LiveMessage)),
    tags(
        (name = "access", description = "Who may sign in, and who did what."),
        (name = "desk", description = "An agent's own desk and call."),
        (name = "wall", description = "Calls that go on, for supervisors."),
        (name = "calls", description = "Calls that are kept."),
        (name = "visit", description = "Callers from a browser.")
    )
)]
struct Document;

/// The routes with their document.
pub(super) fn router() -> OpenApiRouter<Arc<Console>> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(document))
        .merge(people::router())
        .merge(enter::router())
        .merge(desk::router())
        .merge(line::router())
        .merge(live::router())
        .merge(calls::router())
        .merge(visit::router())
}

/// The document, as it is served.
pub fn openapi() -> serde_json::Value {
    let mut document = router().into_openapi();
    for item in document.paths.paths.values_mut() {
        let operations = [&mut item.get, &mut item.put, &mut item.post, &mut item.delete, &mut item.patch];
        operations.into_iter().flatten().for_each(refusable);
    }
    serde_json::to_value(&document).expect("the document is plain data")
}

/// Every operation may be refused, always in the same shape.
fn refusable(operation: &mut Operation) {
    let body = Content::new(Some(RefOr::Ref(Ref::from_schema_name("ErrorBody"))));
    let refusal = ResponseBuilder::new().description("Refused: why, and what to do.").content("application/json", body).build();
    operation.responses.responses.insert("default".into(), refusal.into());
}

/// This document.
#[utoipa::path(get, path = "/openapi.json", tag = "access", responses((status = 200, description = "The API, as OpenAPI 3.1.")))]
async fn document() -> Json<serde_json::Value> {
    Json(openapi())
}
