//! An operator's own address: a tool that a language model may call.

use std::net::SocketAddr;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use serde_json::{Value, json};

use super::{Shared, refuse, serve};

/// The secret that it wants in `X-Segue-Secret`.
pub const SECRET: &str = "secret-of-the-stand-in";

/// What it does.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Work {
    /// Its work.
    #[default]
    Fine,
    /// 500.
    Fails,
    /// Never answers.
    Hangs,
    /// Answers without an end.
    Endless,
}

/// What it was asked, and what it is to do.
#[derive(Debug, Default)]
pub struct Book {
    pub work: Work,
    pub asked: Vec<Value>,
    /// Whatever broke the contract.
    pub broken: Vec<String>,
}

/// A running stand-in.
pub struct Hook {
    pub at: SocketAddr,
    pub book: Shared<Book>,
}

impl Hook {
    pub async fn start() -> Hook {
        let book = Shared::new(Book::default());
        let app = Router::new().route("/order", post(order)).with_state(book.clone());
        Hook { at: serve(app).await, book }
    }

    pub fn url(&self) -> String {
        format!("http://{}/order", self.at)
    }

    /// Fails the test if anything broke the contract.
    pub fn holds(&self) {
        self.book.with(|book| assert!(book.broken.is_empty(), "the contract was broken: {:#?}", book.broken));
    }
}

async fn order(State(book): State<Shared<Book>>, headers: HeaderMap, body: Bytes) -> Response {
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let is_ours = headers.get("x-segue-secret").is_some_and(|secret| secret == SECRET);
    let is_whole = body["call"].is_string() && body["tool"] == "order" && body["arguments"]["number"].is_string();
    if !is_ours || !is_whole {
        book.with(|book| book.broken.push(format!("secret: {is_ours}, body: {body}")));
        return refuse(if is_ours { 400 } else { 403 }, json!({ "error": "refused" }));
    }
    let work = book.with(|book| {
        book.asked.push(body);
        book.work
    });
    match work {
        Work::Fine => axum::Json(json!({ "status": "on its way", "arrives": "tomorrow" })).into_response(),
        Work::Fails => refuse(500, json!({ "error": "oops" })),
        Work::Hangs => std::future::pending().await,
        Work::Endless => {
            let stream = futures_util::stream::repeat_with(|| Ok::<Bytes, std::io::Error>(vec![b'x'; 65_536].into()));
            axum::body::Body::from_stream(stream).into_response()
        }
    }
}
