//! A language model's server: `POST /v1/chat/completions`, streamed, as the published specification has it.
//!
//! The stand-in understands nothing: it answers with what a test gives it, one [`Reply`] for each request, word by word.

use std::collections::{BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use futures_util::StreamExt as _;
use serde_json::{Value, json};

use super::{KEY, Shared, refuse, refuse_for, serve};

/// The model that it has.
pub const MODEL: &str = "stand-in-1";
/// Between two pieces of an answer.
const PACE: Duration = Duration::from_millis(5);

/// How it answers a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// With these words.
    Says(&'static str),
    /// With these words, if any, and calls of tools: name and arguments.
    Calls(&'static str, &'static [(&'static str, &'static str)]),
    /// With these words, which end at its limit.
    CutByLimit(&'static str),
    /// With this status, and when to come back.
    Refuses(u16, Option<&'static str>),
    /// Never.
    Hangs,
    /// With the head of an answer and nothing in it.
    SaysNothing,
    /// With these words, and stops there, with the connection open.
    StopsAfter(&'static str),
    /// With these words; then the connection breaks.
    DropsAfter(&'static str),
    /// With these words; then the stream ends as if all were well, without its end.
    EndsAfter(&'static str),
    /// With these words, then what is no JSON.
    BreaksAfter(&'static str),
    /// With these words, then an error in the stream.
    FailsAfter(&'static str),
    /// With a page.
    Page,
    /// With an end and no words.
    Empty,
    /// With words that it may not say.
    Filtered,
    /// With words without an end.
    Endless,
    /// With a call whose arguments are cut by the limit.
    CutCall,
    /// With a call without a name.
    NamelessCall,
}

/// What it was asked, and what it is to do.
#[derive(Debug, Default)]
pub struct Book {
    /// What it answers, request by request; then it says that nobody told it.
    pub replies: VecDeque<Reply>,
    /// The bodies that came.
    pub asked: Vec<Value>,
    /// Whatever broke the contract.
    pub broken: Vec<String>,
    /// Answers whose reader went away before the end.
    pub left: usize,
}

/// A running stand-in.
pub struct Chat {
    pub at: SocketAddr,
    pub book: Shared<Book>,
}

impl Chat {
    pub async fn start(replies: &[Reply]) -> Chat {
        let book = Shared::new(Book { replies: replies.iter().cloned().collect(), ..Book::default() });
        let app = Router::new().route("/v1/chat/completions", post(complete)).with_state(book.clone());
        Chat { at: serve(app).await, book }
    }

    /// The address for `bot.NAME.chat.url`.
    pub fn url(&self) -> String {
        format!("http://{}/v1", self.at)
    }

    /// What it was asked: of each request its messages, as `role content`.
    pub fn messages(&self, request: usize) -> Vec<String> {
        let told = |message: &Value| format!("{} {}", message["role"].as_str().unwrap(), message["content"].as_str().unwrap_or("-"));
        self.book.with(|book| book.asked[request]["messages"].as_array().unwrap().iter().skip(1).map(told).collect())
    }

    /// Fails the test if anything broke the contract.
    pub fn holds(&self) {
        self.book.with(|book| assert!(book.broken.is_empty(), "the contract was broken: {:#?}", book.broken));
    }
}

fn error(status: u16, kind: &str, code: Option<&str>, message: &str) -> Value {
    json!({ "error": { "message": format!("{message} ({status})"), "type": kind, "param": null, "code": code } })
}

/// What the specification says about a request.
pub fn mistake(body: &Value) -> Option<String> {
    const KNOWN: [&str; 16] = [
        "model",
        "messages",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "temperature",
        "top_p",
        "max_completion_tokens",
        "max_tokens",
        "stream",
        "stream_options",
        "response_format",
        "seed",
        "stop",
        "user",
        "n",
    ];
    let fields = body.as_object()?;
    if let Some(unknown) = fields.keys().find(|name| !KNOWN.contains(&name.as_str())) {
        return Some(format!("unrecognized argument {unknown}"));
    }
    if body["stream"] != true {
        return Some("this one only streams".into());
    }
    if fields.contains_key("max_tokens") && fields.contains_key("max_completion_tokens") {
        return Some("max_tokens and max_completion_tokens together".into());
    }
    if body["temperature"].as_f64().is_some_and(|t| !(0.0..=2.0).contains(&t)) {
        return Some("temperature is not between 0 and 2".into());
    }
    mistake_of_tools(&body["tools"]).or_else(|| mistake_of_messages(body["messages"].as_array().map(Vec::as_slice).unwrap_or_default()))
}

fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len()) && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

fn mistake_of_tools(tools: &Value) -> Option<String> {
    let mut names = BTreeSet::new();
    if tools.as_array().is_some_and(|tools| tools.is_empty() || tools.len() > 128) {
        return Some("tools must be 1 to 128".into());
    }
    for tool in tools.as_array().into_iter().flatten() {
        let function = &tool["function"];
        let name = function["name"].as_str().unwrap_or_default();
        if tool["type"] != "function" || !is_name(name) || !names.insert(name) {
            return Some(format!("no tool: {tool}"));
        }
        if !function["parameters"].is_null() && function["parameters"]["type"] != "object" {
            return Some(format!("the parameters of {name} are no object"));
        }
    }
    None
}

fn mistake_of_messages(messages: &[Value]) -> Option<String> {
    if messages.is_empty() {
        return Some("no messages".into());
    }
    let mut owed: BTreeSet<String> = BTreeSet::new();
    for message in messages {
        let (role, content) = (message["role"].as_str().unwrap_or_default(), message["content"].as_str());
        if role == "tool" {
            if content.is_none() || !owed.remove(message["tool_call_id"].as_str().unwrap_or_default()) {
                return Some("messages with role 'tool' must be a response to a preceding message with 'tool_calls'".into());
            }
            continue;
        }
        if !owed.is_empty() {
            return Some("an assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'".into());
        }
        match role {
            "system" | "developer" | "user" if content.is_some_and(|text| !text.trim().is_empty()) => {}
            "assistant" => {
                let calls = message["tool_calls"].as_array();
                if calls.is_some_and(Vec::is_empty) || (calls.is_none() && content.is_none_or(|text| text.trim().is_empty())) {
                    return Some("an assistant message says nothing".into());
                }
                for call in calls.into_iter().flatten() {
                    let (id, function) = (call["id"].as_str().unwrap_or_default(), &call["function"]);
                    let is_call =
                        call["type"] == "function" && is_name(function["name"].as_str().unwrap_or_default()) && function["arguments"].is_string();
                    if !is_call || id.is_empty() || !owed.insert(id.to_owned()) {
                        return Some(format!("no tool call: {call}"));
                    }
                }
            }
            _ => return Some(format!("no message: {message}")),
        }
    }
    (!owed.is_empty()).then(|| "the last tool calls are not answered".into())
}

async fn complete(State(book): State<Shared<Book>>, headers: HeaderMap, body: Bytes) -> Response {
    let find = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    if find("authorization") != format!("Bearer {KEY}") {
        book.with(|book| book.broken.push("no key".into()));
        return refuse(401, error(401, "invalid_request_error", Some("invalid_api_key"), "Incorrect API key provided"));
    }
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let wrong = if find("content-type") != "application/json" || !body.is_object() { Some("no JSON object".into()) } else { mistake(&body) };
    if let Some(wrong) = wrong {
        book.with(|book| book.broken.push(wrong.clone()));
        return refuse(400, error(400, "invalid_request_error", None, &wrong));
    }
    if body["model"] != MODEL {
        book.with(|book| book.broken.push(format!("no such model: {}", body["model"])));
        return refuse(404, error(404, "invalid_request_error", Some("model_not_found"), "The model does not exist"));
    }
    let (n, reply) = book.with(|book| {
        book.asked.push(body);
        (book.asked.len(), book.replies.pop_front().unwrap_or(Reply::Says("Nobody told me what to say.")))
    });
    answer(book, n, reply).await
}

async fn answer(book: Shared<Book>, n: usize, reply: Reply) -> Response {
    let text = |words: &str| words.split_inclusive(' ').map(|word| Piece::Chunk(delta(json!({ "content": word })))).collect::<Vec<_>>();
    let after = |words: &str, last: Piece| text(words).into_iter().chain([last]).collect();
    let call = |n: usize, name: &str, arguments: &str| {
        let (a, b) = arguments.split_at(arguments.len() / 2);
        let id = format!("call_{n}_{name}");
        [
            Piece::Chunk(delta(
                json!({ "tool_calls": [{ "index": n, "id": id, "type": "function", "function": { "name": name, "arguments": "" } }] }),
            )),
            Piece::Chunk(delta(json!({ "tool_calls": [{ "index": n, "function": { "arguments": a } }] }))),
            Piece::Chunk(delta(json!({ "tool_calls": [{ "index": n, "function": { "arguments": b } }] }))),
        ]
    };
    let pieces: Vec<Piece> = match reply {
        Reply::Says(words) => text(words).into_iter().chain(end("stop")).collect(),
        Reply::Calls(words, calls) => {
            let calls = calls.iter().enumerate().flat_map(|(n, (name, arguments))| call(n, name, arguments));
            text(words).into_iter().chain(calls).chain(end("tool_calls")).collect()
        }
        Reply::CutByLimit(words) => text(words).into_iter().chain(end("length")).collect(),
        Reply::Refuses(status, None) => return refuse(status, error(status, "server_error", None, "refused")),
        Reply::Refuses(status, Some(secs)) => return refuse_for(status, secs, error(status, "requests", Some("rate_limit_exceeded"), "slow down")),
        Reply::Hangs => std::future::pending().await,
        Reply::SaysNothing => vec![Piece::Wait],
        Reply::StopsAfter(words) => after(words, Piece::Wait),
        Reply::DropsAfter(words) => after(words, Piece::Break),
        Reply::EndsAfter(words) => text(words),
        Reply::BreaksAfter(words) => after(words, Piece::Raw("data: {\"id\":\"chatcmpl-1\",\"choi\n\n")),
        Reply::FailsAfter(words) => after(words, Piece::Chunk(error(500, "server_error", None, "The server had an error"))),
        Reply::Page => return ([("content-type", "text/html")], "<html>Welcome to nginx!</html>").into_response(),
        Reply::Empty => end("stop").into(),
        Reply::Filtered => end("content_filter").into(),
        Reply::Endless => vec![Piece::Endless],
        Reply::CutCall => call(0, "order", "{\"number\":\"47").into_iter().chain(end("length")).collect(),
        Reply::NamelessCall => {
            let nameless = delta(json!({ "tool_calls": [{ "index": 0, "id": "x", "type": "function", "function": { "arguments": "{}" } }] }));
            [Piece::Chunk(nameless)].into_iter().chain(end("tool_calls")).collect()
        }
    };
    stream(book, n, pieces)
}

/// A piece of a stream.
#[derive(Clone, Debug)]
enum Piece {
    Chunk(Value),
    Raw(&'static str),
    Wait,
    Break,
    Endless,
}

fn delta(delta: Value) -> Value {
    json!({ "choices": [{ "index": 0, "delta": delta, "finish_reason": null }] })
}

/// The end of an answer. Some servers tell the usage without being asked, in a chunk without a choice.
fn end(reason: &str) -> [Piece; 3] {
    let last = json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": reason }] });
    let usage = json!({ "choices": [], "usage": { "prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2 } });
    [Piece::Chunk(last), Piece::Chunk(usage), Piece::Raw("data: [DONE]\n\n")]
}

/// Counts a reader who leaves early.
struct Reader(Shared<Book>, bool);

impl Reader {
    fn finish(mut self) {
        self.1 = true;
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if !self.1 {
            self.0.with(|book| book.left += 1);
        }
    }
}

fn stream(book: Shared<Book>, n: usize, pieces: Vec<Piece>) -> Response {
    let head = Piece::Chunk(delta(json!({ "role": "assistant", "content": "" })));
    let pieces: VecDeque<Piece> = [head].into_iter().chain(pieces).collect();
    let sent = futures_util::stream::unfold((pieces, Reader(book, false)), move |(mut pieces, reader)| async move {
        tokio::time::sleep(PACE).await;
        let Some(piece) = pieces.pop_front() else {
            reader.finish();
            return None;
        };
        let sent = match piece {
            Piece::Chunk(mut chunk) => {
                for (name, value) in
                    [("id", json!(format!("chatcmpl-{n}"))), ("object", json!("chat.completion.chunk")), ("created", json!(1_700_000_000))]
                {
                    chunk[name] = value;
                }
                chunk["model"] = json!(MODEL);
                Ok(Bytes::from(format!("data: {chunk}\n\n")))
            }
            Piece::Raw(text) => Ok(Bytes::from(text)),
            Piece::Wait => std::future::pending().await,
            Piece::Break => Err(std::io::Error::other("broken off")),
            Piece::Endless => {
                pieces.push_back(Piece::Endless);
                let words = delta(json!({ "content": "and so on and on and on, word by word by word by word " }));
                Ok(Bytes::from(format!("data: {words}\n\n")))
            }
        };
        Some((sent, (pieces, reader)))
    });
    ([("content-type", "text/event-stream; charset=utf-8")], Body::from_stream(sent.map(|sent| sent.map_err(axum::Error::new)))).into_response()
}
