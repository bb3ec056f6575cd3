//! Stand-ins of hosted engines: they keep the published contract, refuse what it forbids, and can be told to misbehave.
//!
//! Each listens on a port of its own on loopback, and notes what it was asked and everything that broke the contract.

#![allow(dead_code, reason = "each test takes the stand-ins that it needs")]
#![allow(clippy::unwrap_used, reason = "a test may fail by unwrapping")]

pub mod chat;
pub mod deepgram;
pub mod hook;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};

/// The key that stand-ins want.
pub const KEY: &str = "key-of-the-stand-in";

/// Serves on a free port; ends with the test's runtime.
pub async fn serve(app: axum::Router) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    at
}

/// A value that a test and a server share.
#[derive(Debug, Default)]
pub struct Shared<T>(Arc<Mutex<T>>);

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Shared(self.0.clone())
    }
}

impl<T> Shared<T> {
    pub fn new(value: T) -> Self {
        Shared(Arc::new(Mutex::new(value)))
    }

    pub fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        f(&mut self.0.lock().unwrap())
    }
}

/// A refusal in words.
pub fn refuse(status: u16, body: serde_json::Value) -> Response {
    (StatusCode::from_u16(status).unwrap(), axum::Json(body)).into_response()
}

/// A refusal that says when to come back.
pub fn refuse_for(status: u16, secs: &str, body: serde_json::Value) -> Response {
    let mut response = refuse(status, body);
    response.headers_mut().insert("retry-after", secs.parse().unwrap());
    response
}
