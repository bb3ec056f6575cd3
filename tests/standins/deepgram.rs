//! Deepgram: `/v1/listen` over WebSocket and `/v1/speak`, as its published specification has them.
//!
//! The stand-in understands no speech: it "hears" the sentences that a test gives it, one for each utterance (whatever is sent
//! between two `Finalize`), word by word as sound comes in. It says a tone for every text.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Query, RawQuery, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};

use super::{KEY, Shared, refuse, refuse_for, serve};

/// The server closes a connection on which nothing comes for so long (NET-0001).
const SILENCE: Duration = Duration::from_secs(10);
/// Longest text of one request.
const MAX_TEXT_CHARS: usize = 2_000;

/// What the recognizer's server does wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Ear {
    /// Nothing.
    #[default]
    Fine,
    /// Refuses everybody with 401.
    Refuses,
    /// Is asked too often: 429, and comes back after so many seconds as it is written here.
    Busy(&'static str),
    /// Takes connections and never answers the handshake.
    Hangs,
    /// Drops the connection, without a goodbye, in the middle of the utterance with this number.
    DropsIn(usize),
    /// Sends what is no JSON in the middle of the utterance with this number.
    BreaksIn(usize),
    /// Takes sound and says nothing from the utterance with this number on.
    SilentFrom(usize),
    /// Drops the connection once, after the utterance with this number.
    DropsOnceAfter(usize),
    /// Sends a text that no caller says.
    Endless,
}

/// What the synthesizer's server does wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Mouth {
    /// Nothing.
    #[default]
    Fine,
    /// 500.
    Fails,
    /// 429, with the time as it is written here; once only if it is short.
    Busy(&'static str),
    /// Never begins to answer.
    Hangs,
    /// Breaks off in the middle of a sentence.
    Drops,
    /// Stops in the middle of a sentence and keeps the connection.
    Stops,
    /// Sends JSON for sound.
    Talks,
    /// Sends sound without an end.
    Endless,
    /// Sends silence.
    Silent,
}

/// What it was asked, and what it is to do.
#[derive(Debug, Default)]
pub struct Book {
    /// What callers are heard to say, utterance by utterance.
    pub hears: Vec<String>,
    pub ear: Ear,
    pub mouth: Mouth,
    /// Texts it was to speak.
    pub spoken: Vec<String>,
    /// Utterances that came to their `Finalize`.
    pub utterances: usize,
    /// Connections to the recognizer.
    pub connections: usize,
    /// Octets of sound that came.
    pub sound_bytes: usize,
    /// `CloseStream` that came.
    pub goodbyes: usize,
    /// `KeepAlive` that came.
    pub keep_alives: usize,
    /// Asked while it is busy.
    pub refused: usize,
    /// Whatever broke the contract.
    pub broken: Vec<String>,
}

/// A running stand-in.
pub struct Deepgram {
    pub at: SocketAddr,
    pub book: Shared<Book>,
}

impl Deepgram {
    pub async fn start(hears: &[&str]) -> Deepgram {
        let book = Shared::new(Book { hears: hears.iter().map(|&text| text.to_owned()).collect(), ..Book::default() });
        let app = Router::new().route("/v1/listen", get(listen)).route("/v1/speak", post(speak)).with_state(book.clone());
        Deepgram { at: serve(app).await, book }
    }

    /// The address for `speech.deepgram.url`.
    pub fn url(&self) -> String {
        format!("http://{}/v1", self.at)
    }

    /// Fails the test if anything broke the contract.
    pub fn holds(&self) {
        self.book.with(|book| assert!(book.broken.is_empty(), "the contract was broken: {:#?}", book.broken));
    }
}

fn is_authorized(headers: &HeaderMap) -> bool {
    let is_ours = |value: &str| value == format!("Token {KEY}") || value.starts_with("Bearer ");
    headers.get("authorization").and_then(|value| value.to_str().ok()).is_some_and(is_ours)
}

fn unauthorized() -> Response {
    let mut response = refuse(401, json!({"err_code": "INVALID_AUTH", "err_msg": "Invalid credentials.", "request_id": "r"}));
    response.headers_mut().insert("dg-error", "INVALID_AUTH".parse().unwrap());
    response
}

/// What the specification says about a query of `/v1/listen`.
fn mistake_of_listen(query: &[(String, String)]) -> Option<String> {
    const KNOWN: [&str; 12] = [
        "model",
        "language",
        "encoding",
        "sample_rate",
        "channels",
        "interim_results",
        "endpointing",
        "utterance_end_ms",
        "vad_events",
        "keyterm",
        "punctuate",
        "smart_format",
    ];
    let find = |name: &str| query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    if let Some((unknown, _)) = query.iter().find(|(key, _)| !KNOWN.contains(&key.as_str())) {
        return Some(format!("`{unknown}` is no parameter"));
    }
    if let Some((twice, _)) =
        query.iter().enumerate().find(|(n, (key, _))| key != "keyterm" && query[..*n].iter().any(|(other, _)| other == key)).map(|(_, pair)| pair)
    {
        return Some(format!("`{twice}` is given twice"));
    }
    match (find("encoding"), find("sample_rate")) {
        (Some("linear16" | "mulaw"), Some(rate)) if rate.parse::<u32>().is_ok_and(|rate| (8_000..=48_000).contains(&rate)) => {}
        (encoding, rate) => return Some(format!("encoding {encoding:?} with sample_rate {rate:?}")),
    }
    if find("model").is_none_or(str::is_empty) {
        return Some("no model".into());
    }
    if find("interim_results").is_some_and(|value| value != "true" && value != "false") {
        return Some("interim_results is no boolean".into());
    }
    if query.iter().any(|(key, _)| key == "keyterm") && find("model").is_some_and(|model| !model.starts_with("nova-3")) {
        return Some("keyterm is for nova-3 only".into());
    }
    None
}

async fn listen(State(book): State<Shared<Book>>, RawQuery(query): RawQuery, headers: HeaderMap, upgrade: WebSocketUpgrade) -> Response {
    let ear = book.with(|book| book.ear);
    match ear {
        Ear::Refuses => return unauthorized(),
        Ear::Busy(secs) => {
            let is_first = book.with(|book| {
                book.refused += 1;
                book.refused == 1
            });
            // Who comes back in time is let in.
            if is_first || secs.parse::<f64>().is_ok_and(|secs| secs > 2.0) {
                return refuse_for(429, secs, json!({"err_code": "TOO_MANY_REQUESTS", "err_msg": "slow down"}));
            }
        }
        Ear::Hangs => std::future::pending().await,
        _ => {}
    }
    let query: Vec<(String, String)> =
        Query::try_from_uri(&format!("/?{}", query.unwrap_or_default()).parse().unwrap()).map(|Query(pairs)| pairs).unwrap();
    let wrong = if is_authorized(&headers) { mistake_of_listen(&query) } else { Some("no key".into()) };
    if let Some(wrong) = wrong {
        let response = if wrong == "no key" { unauthorized() } else { refuse(400, json!({"err_code": "Bad Request", "err_msg": wrong})) };
        book.with(|book| book.broken.push(wrong));
        return response;
    }
    let find = |name: &str| query.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone()).unwrap_or_default();
    let octets = if find("encoding") == "mulaw" { 1.0 } else { 2.0 };
    let per_second = octets * find("sample_rate").parse::<f64>().unwrap();
    let interim = find("interim_results") == "true";
    upgrade.on_upgrade(move |socket| async move {
        book.with(|book| book.connections += 1);
        Hearing { book, socket, per_second, interim, sent: 0.0, begun: 0.0, told: 0 }.run().await;
    })
}

/// One connection of the recognizer.
struct Hearing {
    book: Shared<Book>,
    socket: WebSocket,
    per_second: f64,
    interim: bool,
    /// Seconds of sound that came.
    sent: f64,
    /// Where the utterance began.
    begun: f64,
    /// Words of it that were told.
    told: usize,
}

impl Hearing {
    async fn run(mut self) {
        loop {
            let Ok(came) = tokio::time::timeout(SILENCE, self.socket.recv()).await else {
                let frame = CloseFrame { code: 1011, reason: "NET-0001".into() };
                let _ = self.socket.send(Message::Close(Some(frame))).await;
                self.book.with(|book| book.broken.push("nothing came for 10 s".into()));
                return;
            };
            let goes_on = match came {
                Some(Ok(Message::Binary(sound))) => self.on_sound(&sound).await,
                Some(Ok(Message::Text(text))) => self.on_text(&text).await,
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => true,
                Some(Ok(Message::Close(_)) | Err(_)) | None => false,
            };
            if !goes_on {
                return;
            }
        }
    }

    fn utterance(&self) -> usize {
        self.book.with(|book| book.utterances)
    }

    fn words(&self) -> Vec<String> {
        let n = self.utterance();
        let text =
            self.book.with(|book| if book.ear == Ear::Endless { "word ".repeat(20_000) } else { book.hears.get(n).cloned().unwrap_or_default() });
        text.split_whitespace().map(str::to_owned).collect()
    }

    async fn on_sound(&mut self, sound: &[u8]) -> bool {
        if sound.is_empty() {
            self.book.with(|book| book.broken.push("an empty message closes the stream".into()));
            return false;
        }
        self.book.with(|book| book.sound_bytes += sound.len());
        self.sent += sound.len() as f64 / self.per_second;
        let (n, ear) = (self.utterance(), self.book.with(|book| book.ear));
        let in_the_middle = self.sent - self.begun > 0.5;
        match ear {
            Ear::DropsIn(at) if at <= n && in_the_middle => return false,
            Ear::BreaksIn(at) if at == n && in_the_middle => return self.socket.send(Message::text("<html>oops")).await.is_ok(),
            Ear::SilentFrom(at) if at <= n => return true,
            _ => {}
        }
        // A word for each 300 ms of sound.
        let words = self.words();
        let heard = (((self.sent - self.begun) / 0.3) as usize).min(words.len());
        if !self.interim || heard <= self.told || ear == Ear::Endless {
            return true;
        }
        self.told = heard;
        self.results(&words[..heard], false, false).await
    }

    async fn on_text(&mut self, text: &str) -> bool {
        let kind = serde_json::from_str::<Value>(text).ok().and_then(|message| message["type"].as_str().map(str::to_owned));
        match kind.as_deref() {
            Some("KeepAlive") => self.book.with(|book| book.keep_alives += 1),
            Some("Finalize") => {
                let (n, ear) = (self.utterance(), self.book.with(|book| book.ear));
                let words = self.words();
                let is_silent = matches!(ear, Ear::SilentFrom(at) if at <= n);
                if !is_silent && !self.results(&words, true, true).await {
                    return false;
                }
                self.begun = self.sent;
                self.told = 0;
                self.book.with(|book| book.utterances += 1);
                if matches!(ear, Ear::DropsOnceAfter(at) if at == n) {
                    self.book.with(|book| book.ear = Ear::Fine);
                    return false;
                }
            }
            Some("CloseStream") => {
                self.book.with(|book| book.goodbyes += 1);
                let about = json!({"type": "Metadata", "transaction_key": "deprecated", "request_id": "r", "sha256": "x", "created": "2026-01-01T00:00:00Z",
                    "duration": self.sent, "channels": 1});
                let _ = self.socket.send(Message::text(about.to_string())).await;
                let _ = self.socket.send(Message::Close(None)).await;
                return false;
            }
            _ => {
                self.book.with(|book| book.broken.push(format!("no message of the contract: {text}")));
                return false;
            }
        }
        true
    }

    async fn results(&mut self, words: &[String], is_final: bool, from_finalize: bool) -> bool {
        let each = |(n, word): (usize, &String)| {
            let start = self.begun + n as f64 * 0.3;
            json!({"word": word, "start": start, "end": start + 0.25, "confidence": 0.95, "punctuated_word": word})
        };
        let words: Vec<Value> = words.iter().enumerate().map(each).collect();
        let transcript: Vec<&str> = words.iter().filter_map(|word| word["word"].as_str()).collect();
        let message = json!({
            "type": "Results", "channel_index": [0, 1], "duration": self.sent - self.begun, "start": self.begun, "is_final": is_final,
            "speech_final": is_final, "from_finalize": from_finalize,
            "channel": {"alternatives": [{"transcript": transcript.join(" "), "confidence": 0.97, "words": words}]},
            "metadata": {"request_id": "r", "model_info": {"name": "general-nova-3", "version": "1", "arch": "nova-3"}, "model_uuid": "m"},
        });
        self.socket.send(Message::text(message.to_string())).await.is_ok()
    }
}

async fn speak(State(book): State<Shared<Book>>, Query(query): Query<BTreeMap<String, String>>, headers: HeaderMap, body: Bytes) -> Response {
    if !is_authorized(&headers) {
        book.with(|book| book.broken.push("no key".into()));
        return unauthorized();
    }
    let text = serde_json::from_slice::<Value>(&body).ok().filter(|body| body.as_object().is_some_and(|o| o.len() == 1));
    let text = text.and_then(|body| body["text"].as_str().map(str::to_owned)).filter(|text| !text.trim().is_empty() && text.len() <= MAX_TEXT_CHARS);
    let find = |name: &str| query.get(name).map(String::as_str);
    let rate = find("sample_rate").and_then(|rate| rate.parse::<u32>().ok()).filter(|rate| [8_000, 16_000, 24_000, 32_000, 48_000].contains(rate));
    let is_json = headers.get("content-type").is_some_and(|kind| kind == "application/json");
    let is_known = query.keys().all(|key| ["model", "encoding", "sample_rate", "container", "callback", "bit_rate"].contains(&key.as_str()));
    let (Some(text), Some(rate), true, true, Some("linear16"), Some("none")) = (text, rate, is_json, is_known, find("encoding"), find("container"))
    else {
        book.with(|book| book.broken.push(format!("a request to speak: {query:?} {}", String::from_utf8_lossy(&body))));
        return refuse(400, json!({"err_code": "INPUT", "err_msg": "bad request"}));
    };
    let mouth = book.with(|book| {
        book.spoken.push(text.clone());
        book.mouth
    });
    let secs = 0.06 * text.len() as f64;
    let tone: Vec<u8> = (0..(secs * f64::from(rate)) as usize)
        .flat_map(|n| ((6_000.0 * (std::f64::consts::TAU * 440.0 * n as f64 / f64::from(rate)).sin()) as i16).to_le_bytes())
        .collect();
    match mouth {
        Mouth::Fine => sound(tone).into_response(),
        Mouth::Fails => refuse(500, json!({"err_code": "INTERNAL", "err_msg": "oops"})),
        Mouth::Busy(secs) => {
            let refused = book.with(|book| {
                book.refused += 1;
                book.refused
            });
            if refused == 1 || secs.parse::<f64>().is_ok_and(|secs| secs > 1.0) {
                return refuse_for(429, secs, json!({"err_code": "TOO_MANY_REQUESTS", "err_msg": "slow down"}));
            }
            sound(tone).into_response()
        }
        Mouth::Hangs => std::future::pending().await,
        Mouth::Drops => pieces(vec![Some(tone[..tone.len() / 2].to_vec()), None]),
        Mouth::Stops => {
            let half = tone[..tone.len() / 2].to_vec();
            let stream = futures_util::stream::unfold(Some(half), |half| async {
                match half {
                    Some(half) => Some((Ok::<Bytes, std::io::Error>(half.into()), None)),
                    None => std::future::pending().await,
                }
            });
            sound(Body::from_stream(stream)).into_response()
        }
        Mouth::Talks => refuse(200, json!({"metadata": {"request_id": "r"}})),
        Mouth::Endless => {
            let stream = futures_util::stream::repeat_with(move || Ok::<Bytes, std::io::Error>(vec![7; 65_536].into()));
            sound(Body::from_stream(stream)).into_response()
        }
        Mouth::Silent => sound(vec![0; tone.len()]).into_response(),
    }
}

fn sound(body: impl Into<Body>) -> impl axum::response::IntoResponse {
    ([("content-type", "audio/l16")], body.into())
}

/// A body in these pieces; `None` breaks it off.
fn pieces(pieces: Vec<Option<Vec<u8>>>) -> Response {
    let stream =
        futures_util::stream::iter(pieces.into_iter().map(|piece| piece.map(Bytes::from).ok_or_else(|| std::io::Error::other("broken off"))));
    sound(Body::from_stream(stream)).into_response()
}
