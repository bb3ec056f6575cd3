//! Why a request is not answered as asked, and how that is said: one shape of JSON, made in one place.

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// While the store is away, it is worth another try after so many s.
const STORE_IS_BACK_S: u64 = 5;

/// Why not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nobody is signed in, or not any more.
    #[error("Sign in first.")]
    SignedOut,
    /// A visitor's request without the token of their call.
    #[error("This needs the token of your call: send it as `Authorization: Bearer`, or as `token` for the feed.")]
    NoToken,
    /// Name or password is wrong; it is not said which.
    #[error("Name or password is wrong. Check both, and whether Caps Lock is on.")]
    WrongPassword,
    /// The one-time key is none, or was used.
    #[error("This link was used already, or is none. If nobody has an account yet, start Segue again: it prints a new one.")]
    WrongKey,
    /// Too many attempts to sign in.
    #[error("Too many attempts. Wait {retry_after_s} s, then try again.")]
    TooManyAttempts {
        /// When the next one is taken, in s.
        retry_after_s: u64,
    },
    /// Whoever asks may not.
    #[error("{0}")]
    NotAllowed(&'static str),
    /// The request may come from another site.
    #[error("This request did not come from a page of Segue. Requests other than GET need the header `X-Segue: 1` and our own Origin.")]
    CrossSite,
    /// A part of the request is not as it must be.
    #[error("{message}")]
    BadInput {
        /// Which part, if one can be told.
        field: Option<String>,
        /// What would be right.
        message: String,
    },
    /// There is no such thing.
    #[error("There is no {0} of this name, or not any more.")]
    Unknown(&'static str),
    /// There is one of this name already.
    #[error("There is a {0} of this name already. Choose another name.")]
    Taken(&'static str),
    /// What can't be done as things stand.
    #[error("{message}")]
    Conflict {
        /// Its name for programs.
        code: &'static str,
        /// What to do.
        message: String,
    },
    /// The body is larger than any that is expected.
    #[error("The request is larger than {0} bytes.")]
    TooLarge(usize),
    /// The path is none of ours.
    #[error("There is nothing at this address. The API is described at /api.")]
    NoRoute,
    /// The path is ours, but takes no such method.
    #[error("This address takes no such method. The API is described at /api.")]
    NoMethod,
    /// Not built yet.
    #[error("{0} can't be done from here yet.")]
    NotBuilt(&'static str),
    /// This gateway was started without what is needed.
    #[error("{0}")]
    Without(&'static str),
    /// The database does not answer.
    #[error("What Segue keeps can't be reached just now. Try again in a moment; calls go on.")]
    Away,
    /// Something of ours failed; what, stands in the log.
    #[error("Segue could not do this just now. Try again; if it happens again, whoever runs Segue finds the reason in its log.")]
    Failed,
}

/// What is sent with every status from 400 on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErrorBody {
    /// Why not.
    pub error: ErrorDetail,
}

/// Why a request was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErrorDetail {
    /// For programs, in snake case.
    pub code: String,
    /// A sentence for people, which says what to do.
    pub message: String,
    /// The part of the request that it is about, if one can be told.
    pub field: Option<String>,
}

impl Refusal {
    /// A part of the request is not as it must be.
    pub fn bad(field: &str, message: impl Into<String>) -> Refusal {
        Refusal::BadInput { field: Some(field.to_owned()), message: message.into() }
    }

    /// The offer is over: somebody else has the caller, or they are gone.
    pub fn offer_over() -> Refusal {
        Refusal::Conflict { code: "offer_over", message: "This offer is over: somebody else has the caller, or they hung up.".into() }
    }

    /// There is no call that it could be done to.
    pub fn no_call() -> Refusal {
        Refusal::Conflict { code: "no_call", message: "You have no call for this, or not any more.".into() }
    }

    /// Something of ours failed: the reason is logged, never told.
    pub fn failed(what: &'static str, reason: &dyn std::fmt::Display) -> Refusal {
        tracing::error!(%reason, what, "a request to the console failed");
        Refusal::Failed
    }

    fn status_and_code(&self) -> (StatusCode, &'static str) {
        match self {
            Refusal::SignedOut => (StatusCode::UNAUTHORIZED, "signed_out"),
            Refusal::NoToken => (StatusCode::UNAUTHORIZED, "no_token"),
            Refusal::WrongPassword => (StatusCode::UNAUTHORIZED, "wrong_password"),
            Refusal::WrongKey => (StatusCode::UNAUTHORIZED, "wrong_key"),
            Refusal::TooManyAttempts { .. } => (StatusCode::TOO_MANY_REQUESTS, "too_many_attempts"),
            Refusal::NotAllowed(_) => (StatusCode::FORBIDDEN, "not_allowed"),
            Refusal::CrossSite => (StatusCode::FORBIDDEN, "cross_site"),
            Refusal::BadInput { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "bad_input"),
            Refusal::Unknown(_) => (StatusCode::NOT_FOUND, "unknown"),
            Refusal::Taken(_) => (StatusCode::CONFLICT, "taken"),
            Refusal::Conflict { code, .. } => (StatusCode::CONFLICT, code),
            Refusal::TooLarge(_) => (StatusCode::PAYLOAD_TOO_LARGE, "too_large"),
            Refusal::NoRoute => (StatusCode::NOT_FOUND, "no_route"),
            Refusal::NoMethod => (StatusCode::METHOD_NOT_ALLOWED, "no_method"),
            Refusal::NotBuilt(_) => (StatusCode::NOT_IMPLEMENTED, "not_built"),
            Refusal::Without(_) => (StatusCode::SERVICE_UNAVAILABLE, "not_configured"),
            Refusal::Away => (StatusCode::SERVICE_UNAVAILABLE, "store_away"),
            Refusal::Failed => (StatusCode::INTERNAL_SERVER_ERROR, "failed"),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, code) = self.status_and_code();
        let field = if let Refusal::BadInput { field, .. } = &self { field.clone() } else { None };
        let body = ErrorBody { error: ErrorDetail { code: code.to_owned(), message: self.to_string(), field } };
        let mut response = (status, axum::Json(body)).into_response();
        match self {
            Refusal::TooManyAttempts { retry_after_s } => {
                response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(retry_after_s));
            }
            Refusal::Away => {
                response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(STORE_IS_BACK_S));
            }
            // RFC 9110, 11.6.1: a 401 names how one may come in.
            Refusal::SignedOut | Refusal::NoToken => {
                response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            _ => {}
        }
        response
    }
}

impl From<PathRejection> for Refusal {
    fn from(_: PathRejection) -> Refusal {
        Refusal::NoRoute
    }
}

impl From<QueryRejection> for Refusal {
    fn from(rejection: QueryRejection) -> Refusal {
        Refusal::BadInput { field: None, message: format!("{}.", rejection.body_text()) }
    }
}
