//! Pages for people, by axum.
//!
//! Today there is one kind: the page of a handoff, for agents at systems of somebody else ([`handoff`]). What is *not*
//! here: what a page shows (`handoff::packet`) and who may see it (`gateway::live::pages`).

mod handoff;
pub mod table;

use std::net::SocketAddr;

use axum::Router;
use axum::routing::get;
use tokio::net::TcpListener;

use crate::gateway::live::pages::Pages;

pub use table::ConsoleTable;

/// The pages can't be served.
#[derive(Debug, thiserror::Error)]
#[error("console.bind: {bind} can't be had: {reason}")]
pub struct ConsoleError {
    bind: SocketAddr,
    reason: std::io::Error,
}

/// Serves pages at `bind` until the process ends; gives the address (port 0 for any).
///
/// # Errors
/// The port can't be had.
pub async fn open(bind: SocketAddr, pages: Pages) -> Result<SocketAddr, ConsoleError> {
    let fail = |reason| ConsoleError { bind, reason };
    let listener = TcpListener::bind(bind).await.map_err(fail)?;
    let local = listener.local_addr().map_err(fail)?;
    let routes =
        Router::new().route("/handoff/{key}", get(handoff::page).head(handoff::no_head)).route("/handoff.css", get(handoff::style)).with_state(pages);
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, routes).await {
            tracing::error!(%error, "pages are not served any more");
        }
    });
    Ok(local)
}
