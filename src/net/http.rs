//! HTTP with bounds: one request, and its answer in chunks.
//!
//! Every wait has a limit, and every answer a size. A 429 or 503 that says when to come back is obeyed once, if that is
//! within the time for the first byte. Redirects are not followed, because keys must not be, and no proxy is used.

use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::task::AbortOnDropHandle;

use crate::base::{Fault, Organ};

/// Chunks that may wait to be taken; then the server has to wait.
const CHUNKS: usize = 16;
/// How much of a refusal is read, to find its code.
const MAX_REFUSAL_BYTES: usize = 4_096;
/// Longest code of a refusal that is told.
const MAX_CODE_CHARS: usize = 64;
/// A connection that nobody has used for so long is closed.
const IDLE: Duration = Duration::from_secs(60);

/// What an answer may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// From the request to the answer's first chunk, waiting for a second try included.
    pub first: Duration,
    /// From one chunk to the next.
    pub idle: Duration,
    /// From the request to the answer's end.
    pub total: Duration,
    /// Octets of the answer.
    pub bytes: usize,
}

/// An answer that is not there: what to record, and when the service says that it may be asked again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{fault}")]
pub struct Trouble {
    /// What went wrong.
    pub fault: Fault,
    /// How long the service wants to be left alone.
    pub retry_after: Option<Duration>,
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Self {
        Trouble { fault, retry_after: None }
    }
}

/// A client whose connections are kept for the next request.
///
/// # Errors
/// TLS can't be set up.
pub fn client(connect: Duration) -> Result<Client, String> {
    let tls = rustls::ClientConfig::clone(&*super::tls()?);
    let client = Client::builder().tls_backend_preconfigured(tls).connect_timeout(connect).pool_idle_timeout(IDLE).no_proxy();
    client.redirect(reqwest::redirect::Policy::none()).build().map_err(|error| plain(&error))
}

/// An answer on its way. Dropping it ends it.
#[derive(Debug)]
pub struct Incoming {
    /// What the server calls it, such as `text/event-stream`; lower case, without parameters.
    pub content_type: String,
    chunks: Receiver<Result<Vec<u8>, Fault>>,
    _task: AbortOnDropHandle<()>,
}

impl Incoming {
    /// The next chunk; `None` at the answer's end.
    ///
    /// # Errors
    /// It broke off, is late, or too large.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, Fault> {
        self.chunks.recv().await.transpose()
    }

    /// All of it.
    ///
    /// # Errors
    /// It broke off, is late, or too large.
    pub async fn all(mut self) -> Result<Vec<u8>, Fault> {
        let mut whole = Vec::new();
        while let Some(chunk) = self.next().await? {
            whole.extend(chunk);
        }
        Ok(whole)
    }
}

/// Sends a request; answers as soon as the first chunk is there.
///
/// # Errors
/// There is no answer, or it is no success.
pub async fn fetch(organ: Organ, request: RequestBuilder, limits: Limits) -> Result<Incoming, Trouble> {
    let sockets = super::sockets().map_err(|detail| Fault::Unavailable { organ, detail })?;
    let (sender, mut chunks) = channel(CHUNKS);
    let (head, begun) = tokio::sync::oneshot::channel();
    let task = sockets.spawn(async move {
        let start = Instant::now();
        match begin(organ, request, limits, start).await {
            Ok((response, first)) => {
                let content_type = content_type(response.headers());
                // If nobody waits any more, the next send says so.
                let _ = head.send(Ok(content_type));
                pump(organ, (response, first), limits, start, &sender).await;
            }
            Err(trouble) => {
                let _ = head.send(Err(trouble));
            }
        }
    });
    let task = AbortOnDropHandle::new(task);
    match begun.await {
        Ok(Ok(content_type)) => Ok(Incoming { content_type, chunks, _task: task }),
        Ok(Err(trouble)) => Err(trouble),
        Err(_) => {
            chunks.close();
            Err(Fault::Failed { organ, detail: "the request was dropped".into() }.into())
        }
    }
}

/// The answer's head and first chunk, by the second try if the service says when.
async fn begin(organ: Organ, request: RequestBuilder, limits: Limits, start: Instant) -> Result<(Response, Option<Vec<u8>>), Trouble> {
    let due = start + limits.first.min(limits.total);
    let again = request.try_clone();
    let first = attempt(organ, request, due, limits).await;
    let Err(Trouble { retry_after: Some(pause), .. }) = &first else { return first };
    let Some(again) = again.filter(|_| Instant::now() + *pause < due) else { return first };
    sleep(*pause).await;
    attempt(organ, again, due, limits).await
}

async fn attempt(organ: Organ, request: RequestBuilder, due: Instant, limits: Limits) -> Result<(Response, Option<Vec<u8>>), Trouble> {
    let stalled = || Fault::Stalled { organ, after_ms: limits.first.as_millis() as u64 };
    let failed = |error: reqwest::Error| Fault::Failed { organ, detail: plain(&error) };
    let mut response = timeout_at(due, request.send()).await.map_err(|_| stalled())?.map_err(failed)?;
    if !response.status().is_success() {
        return Err(timeout_at(due, refusal(organ, response)).await.map_err(|_| stalled())?);
    }
    let first = timeout_at(due, response.chunk()).await.map_err(|_| stalled())?.map_err(failed)?;
    Ok((response, first.map(Vec::from)))
}

async fn pump(
    organ: Organ,
    (mut response, first): (Response, Option<Vec<u8>>),
    limits: Limits,
    start: Instant,
    sender: &Sender<Result<Vec<u8>, Fault>>,
) {
    let mut size = 0;
    let mut next = first;
    while let Some(chunk) = next {
        size += chunk.len();
        if size > limits.bytes {
            let detail = format!("an answer is longer than {} octets", limits.bytes);
            let _ = sender.send(Err(Fault::Overloaded { organ, detail })).await;
            return;
        }
        if sender.send(Ok(chunk)).await.is_err() {
            return;
        }
        let (idle, end) = (Instant::now() + limits.idle, start + limits.total);
        let after = if idle < end { limits.idle } else { limits.total };
        let fault = match timeout_at(idle.min(end), response.chunk()).await {
            Ok(Ok(chunk)) => {
                next = chunk.map(Vec::from);
                continue;
            }
            Ok(Err(error)) => Fault::Failed { organ, detail: plain(&error) },
            Err(_) => Fault::Stalled { organ, after_ms: after.as_millis() as u64 },
        };
        // Nobody is left to tell when the answer is not wanted any more.
        let _ = sender.send(Err(fault)).await;
        return;
    }
}

/// What a status that is no success means. Of the words only a code is told: they may quote the request, or the key.
async fn refusal(organ: Organ, mut response: Response) -> Trouble {
    let (status, retry_after) = (response.status(), retry_after(response.headers()));
    let mut words = Vec::new();
    while words.len() < MAX_REFUSAL_BYTES
        && let Ok(Some(chunk)) = response.chunk().await
    {
        words.extend(chunk);
    }
    let code = code(&words).map(|code| format!(" ({code})")).unwrap_or_default();
    let pause = retry_after.map(|pause| format!(", again after {} s", pause.as_secs_f64())).unwrap_or_default();
    Trouble { fault: refused(organ, status, format!("{}{code}{pause}", told(status))), retry_after }
}

fn told(status: StatusCode) -> String {
    format!("the server answered {} {}", status.as_u16(), status.canonical_reason().unwrap_or_default()).trim_end().to_owned()
}

/// The fault of a status that is no success.
pub fn refused(organ: Organ, status: StatusCode, detail: String) -> Fault {
    match status.as_u16() {
        429 => Fault::Overloaded { organ, detail },
        408 | 425 | 500.. => Fault::Failed { organ, detail },
        _ => Fault::Unavailable { organ, detail },
    }
}

/// `Retry-After` in seconds (RFC 9110 section 10.2.3); a date is not obeyed.
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let secs: f64 = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Duration::try_from_secs_f64(secs).ok()
}

fn content_type(headers: &HeaderMap) -> String {
    let whole = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    whole.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// The code that a refusal gives itself: `error.code`, `error.type` or `err_code`.
fn code(words: &[u8]) -> Option<String> {
    let words: serde_json::Value = serde_json::from_slice(words).ok()?;
    let codes = ["/error/code", "/error/type", "/err_code", "/code"];
    let code = codes.iter().find_map(|at| words.pointer(at)?.as_str())?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    (code.len() <= MAX_CODE_CHARS && code.chars().all(is_plain)).then(|| code.to_owned())
}

/// What went wrong, without the address, which may hold what is nobody's business.
fn plain(error: &reqwest::Error) -> String {
    let mut said = match (error.is_connect(), error.is_timeout()) {
        (true, true) => "no connection in time".to_owned(),
        (true, false) => "no connection".to_owned(),
        (false, true) => "no answer in time".to_owned(),
        (false, false) => "the connection broke".to_owned(),
    };
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        if inner.source().is_none() {
            said += &format!(": {inner}");
        }
        cause = inner.source();
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderValue;

    #[test]
    fn a_pause_is_read_in_seconds() {
        for (written, secs) in
            [("2", Some(2.0)), (" 0.5 ", Some(0.5)), ("-1", None), ("nan", None), ("Fri, 31 Dec 1999 23:59:59 GMT", None), ("", None)]
        {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, HeaderValue::from_static(written));
            assert_eq!(retry_after(&headers).map(|pause| pause.as_secs_f64()), secs, "{written}");
        }
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }

    #[test]
    fn of_a_refusal_only_its_code_is_told() {
        for (words, told) in [
            (r#"{"error":{"message":"bad key sk-123","type":"invalid_request_error","code":"invalid_api_key"}}"#, Some("invalid_api_key")),
            (r#"{"error":{"message":"x","type":"server_error","code":null}}"#, Some("server_error")),
            (r#"{"err_code":"INVALID_AUTH","err_msg":"x"}"#, Some("INVALID_AUTH")),
            (r#"{"error":{"code":"the whole prompt: hello"}}"#, None),
            (r#"{"error":"x"}"#, None),
            ("<html>", None),
        ] {
            assert_eq!(code(words.as_bytes()).as_deref(), told, "{words}");
        }
    }

    #[test]
    fn what_may_be_tried_again_is_told_from_what_may_not() {
        for (status, retryable) in
            [(429, true), (500, true), (503, true), (408, true), (400, false), (401, false), (403, false), (404, false), (301, false)]
        {
            let status = StatusCode::from_u16(status).expect("a status");
            assert_eq!(refused(Organ::Bot, status, String::new()).is_retryable(), retryable, "{status}");
        }
    }
}
