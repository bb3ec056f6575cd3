//! What every answer says to browsers: load nothing from elsewhere, run no script that stands in a page, and stand in no frame.

use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS};
use axum::response::Response;

/// Scripts and styles are files of ours, forms lead nowhere else, and no page of ours stands in a frame.
const POLICY: &str = "default-src 'self'; img-src 'self' data:; media-src 'self' blob:; object-src 'none'; base-uri 'none'; \
    form-action 'self'; frame-ancestors 'none'";
/// What pages may use of the device: the microphone, and nothing else that could listen or look.
const PERMISSIONS: &str = "microphone=(self), speaker-selection=(self), camera=(), geolocation=(), display-capture=(), usb=()";
/// For how long a browser comes back over TLS only: a year, in s.
const SECURE_FOR: &str = "max-age=31536000";

/// Adds what an answer does not say itself.
pub(super) async fn guard(State(is_https): State<bool>, mut response: Response) -> Response {
    let headers = response.headers_mut();
    let mut say = |name: HeaderName, value: &'static str| {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    };
    say(CONTENT_SECURITY_POLICY, POLICY);
    say(X_CONTENT_TYPE_OPTIONS, "nosniff");
    say(REFERRER_POLICY, "no-referrer");
    say(HeaderName::from_static("permissions-policy"), PERMISSIONS);
    say(CACHE_CONTROL, "no-store");
    if is_https {
        say(STRICT_TRANSPORT_SECURITY, SECURE_FOR);
    }
    response
}
