//! The pages, which are part of the program: HTML, styles and scripts from `src/console/web/`.
//!
//! Each page has an address of its own ([`PAGES`]), and every other file that of its path. A file is looked up by its whole
//! name among those that were built in, so that no path leads anywhere else.

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rust_embed::{EmbeddedFile, RustEmbed};

use super::refusal::Refusal;

/// Octets of a file's hash that make its tag.
const TAG_OCTETS: usize = 12;

#[derive(RustEmbed)]
#[folder = "src/console/web"]
struct Files;

/// The addresses of pages, and their files.
pub(super) const PAGES: [(&str, &str); 11] = [
    ("/", "index.html"),
    ("/desk", "desk.html"),
    ("/wall", "wall.html"),
    ("/calls", "calls.html"),
    ("/calls/{id}", "call.html"),
    ("/call", "visit.html"),
    ("/sign-in", "sign-in.html"),
    ("/welcome", "welcome.html"),
    ("/enter", "enter.html"),
    ("/api", "api.html"),
    ("/admin", "admin.html"),
];
/// The page where another has no file of its own.
const SHELL: &str = "index.html";

/// The page with this file.
pub(super) fn page(file: &'static str, headers: &HeaderMap) -> Response {
    let file = if Files::get(file).is_some() { file } else { SHELL };
    found(file, headers)
}

/// A style, script, picture or sound; everything else is nothing.
pub(super) async fn asset(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    match method {
        Method::GET | Method::HEAD => found(uri.path().trim_start_matches('/'), &headers),
        _ => Refusal::NoRoute.into_response(),
    }
}

fn found(path: &str, headers: &HeaderMap) -> Response {
    // Where files are read as they lie (a debug build), what begins with a dot or climbs is none.
    let is_plain = path.split('/').all(|part| !part.is_empty() && !part.starts_with('.') && !part.contains('\\'));
    // JSON is none of the pages': it tells the tools of those who write them what they are.
    let is_ours = is_plain && !path.ends_with(".json");
    let Some(file) = is_ours.then(|| Files::get(path)).flatten() else { return Refusal::NoRoute.into_response() };
    let tag = tag(&file);
    let is_known = headers.get(IF_NONE_MATCH).and_then(|value| value.to_str().ok()).is_some_and(|known| knows(known, &tag));
    // `no-cache`: kept, and asked for again with its tag each time, so that an update shows at once.
    let kept = [(ETAG, tag), (CACHE_CONTROL, "no-cache".into())];
    if is_known {
        return (StatusCode::NOT_MODIFIED, kept).into_response();
    }
    let mut response = (kept, file.data).into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type(path)));
    response
}

/// `If-None-Match` lists tags; those marked as weak count as well (RFC 9110, 13.1.2).
fn knows(listed: &str, tag: &str) -> bool {
    listed.split(',').map(str::trim).any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == tag)
}

fn tag(file: &EmbeddedFile) -> String {
    format!("\"{}\"", URL_SAFE_NO_PAD.encode(&file.metadata.sha256_hash()[..TAG_OCTETS]))
}

/// By the end of its name: what stands in `web/` is known.
fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, end)| end) {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "wav" => "audio/wav",
        "ogg" | "opus" => "audio/ogg",
        "webmanifest" => "application/manifest+json",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_known_in_every_way_of_writing_it() {
        for (listed, is_known) in
            [("\"a\"", true), ("\"b\", \"a\"", true), ("W/\"a\"", true), ("*", true), ("\"b\"", false), ("a", false), ("", false), ("\"a", false)]
        {
            assert_eq!(knows(listed, "\"a\""), is_known, "{listed}");
        }
    }

    #[test]
    fn a_path_leads_nowhere_else() {
        for path in [
            "../table.rs",
            "..",
            ".",
            "",
            "/etc/passwd",
            "a/../../table.rs",
            "a//b",
            "a/./b",
            "..\\table.rs",
            ".git",
            "package.json",
            "jsconfig.json",
        ] {
            assert_eq!(found(path, &HeaderMap::new()).status(), StatusCode::NOT_FOUND, "{path}");
        }
    }

    #[test]
    fn what_is_sent_has_its_type() {
        for (path, expected) in [("a.html", "text/html"), ("b/c.js", "text/javascript"), ("d.css", "text/css"), ("e", "application/octet-stream")] {
            assert!(content_type(path).starts_with(expected), "{path}");
        }
    }
}
