//! The JSON body of a request, read so that a mistake is told by its field.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use serde::de::DeserializeOwned;

use super::refusal::Refusal;

/// Longest body of any request, in bytes: an SDP offer of a browser has some 5,000.
pub(super) const MAX_BODY: usize = 65_536;

/// A body, read as `T`.
pub(super) struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection| match rejection.status().as_u16() {
            413 => Refusal::TooLarge(MAX_BODY),
            _ => Refusal::BadInput { field: None, message: "The request was cut off.".into() },
        })?;
        parse(&bytes).map(Body)
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Refusal> {
    // A list would be read as an object's fields in their order.
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        return Err(Refusal::BadInput { field: None, message: "The request is not as expected: it must be a JSON object.".into() });
    }
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let read = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        // What could not be placed is written so.
        let field = (!path.is_empty() && !matches!(path.as_str(), "." | "?")).then_some(path);
        Refusal::BadInput { field, message: format!("The request is not as expected: {}.", error.into_inner()) }
    })?;
    json.end().map_err(|_| Refusal::BadInput { field: None, message: "Something follows after the JSON of the request.".into() })?;
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Asked {
        #[allow(dead_code, reason = "only that it can be read is looked at")]
        on: bool,
    }

    #[test]
    fn a_mistake_is_told_by_its_field() {
        for (text, field) in [
            ("", None),
            ("[]", None),
            ("[true]", None),
            ("{\"on\": true} {}", None),
            ("{\"on\": 1}", Some("on")),
            ("{\"on\": true, \"off\": false}", Some("off")),
            ("{\"on\": true", None),
            ("\u{0}\u{1}", None),
        ] {
            let Err(Refusal::BadInput { field: named, message }) = parse::<Asked>(text.as_bytes()) else { panic!("{text} was taken") };
            assert_eq!(named.as_deref(), field, "{text}: {message}");
        }
        assert!(parse::<Asked>(b"{\"on\": true}").is_ok_and(|asked| asked.on));
    }
}
