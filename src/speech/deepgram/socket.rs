//! The connection to the recognizer: a task of its own that sends sound, keeps the connection alive, and hands over results.
//!
//! It ends when its [`Socket`] is dropped, politely (`CloseStream`), or when the server does.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{StatusCode, Url};
use tokio::net::TcpStream;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Error as WsError, Message as Packet};
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config};

use crate::base::{Fault, Organ};
use crate::net::http::{Trouble, refused, retry_after};
use crate::net::secret::Secret;

use super::message::{self, Message, Results};

/// Frames that may wait to be sent: ten seconds.
const OUTBOX: usize = 512;
/// Results that may wait to be taken.
const INBOX: usize = 256;
/// Largest message; results of a minute have some 20 kB.
const MAX_MESSAGE_BYTES: usize = 1 << 20;
/// Without sound for so long, the server is told that we are still there; it closes after about 10 s.
const KEEP_ALIVE: Duration = Duration::from_secs(4);
/// A server that takes nothing for so long is gone.
const SEND_PATIENCE: Duration = Duration::from_secs(3);
/// How long a server may take to say goodbye.
const CLOSE_PATIENCE: Duration = Duration::from_secs(2);

type Stream = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// What is sent.
#[derive(Debug, PartialEq)]
pub enum ToServer {
    /// Encoded sound; never empty, because an empty message would close the stream.
    Sound(Vec<u8>),
    /// The utterance is over.
    Finalize,
}

/// A connection. Dropping it closes it.
#[derive(Debug)]
pub struct Socket {
    to: Sender<ToServer>,
    from: Receiver<Result<Results, Fault>>,
}

impl Socket {
    /// Connects. A 429 or 503 that says when to come back is obeyed once, within `patience`.
    pub async fn connect(url: Url, key: Option<Secret>, patience: Duration) -> Result<Socket, Trouble> {
        let sockets = crate::net::sockets().map_err(|detail| Fault::Unavailable { organ: Organ::Ear, detail })?;
        let stalled = Fault::Stalled { organ: Organ::Ear, after_ms: patience.as_millis() as u64 };
        let start = Instant::now();
        let opening = async move {
            match open(&url, key.as_ref()).await {
                Err(Trouble { retry_after: Some(pause), .. }) if start.elapsed() + pause < patience => {
                    tokio::time::sleep(pause).await;
                    open(&url, key.as_ref()).await
                }
                opened => opened,
            }
        };
        let opened = sockets.spawn(timeout(patience, opening));
        let broken = |error: tokio::task::JoinError| Fault::Failed { organ: Organ::Ear, detail: error.to_string() };
        let stream = opened.await.map_err(broken)?.map_err(|_| stalled)??;
        let (to, outbox) = channel(OUTBOX);
        let (inbox, from) = channel(INBOX);
        sockets.spawn(run(stream, outbox, inbox));
        Ok(Socket { to, from })
    }

    /// Sends, as soon as the server takes it.
    pub fn send(&mut self, what: ToServer) -> Result<(), Fault> {
        self.to.try_send(what).map_err(|error| match error {
            TrySendError::Full(_) => Fault::Overloaded { organ: Organ::Ear, detail: "Deepgram takes sound more slowly than it comes".into() },
            TrySendError::Closed(_) => self.why_closed(),
        })
    }

    /// The next result that has come already.
    pub fn take(&mut self) -> Result<Option<Results>, Fault> {
        use tokio::sync::mpsc::error::TryRecvError;
        match self.from.try_recv() {
            Ok(result) => result.map(Some),
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => Err(lost("it closed the connection")),
        }
    }

    /// Waits for the next result.
    pub async fn next(&mut self) -> Result<Results, Fault> {
        self.from.recv().await.unwrap_or_else(|| Err(lost("it closed the connection")))
    }

    fn why_closed(&mut self) -> Fault {
        loop {
            match self.from.try_recv() {
                Ok(Ok(_)) => {}
                Ok(Err(fault)) => return fault,
                Err(_) => return lost("it closed the connection"),
            }
        }
    }
}

fn lost(what: &str) -> Fault {
    Fault::Failed { organ: Organ::Ear, detail: format!("Deepgram is lost: {what}") }
}

async fn open(url: &Url, key: Option<&Secret>) -> Result<Stream, Trouble> {
    let unusable = |detail: String| Fault::Unavailable { organ: Organ::Ear, detail };
    let mut request = url.as_str().into_client_request().map_err(|error| unusable(error.to_string()))?;
    if let Some(key) = key {
        let mut value =
            HeaderValue::from_str(&format!("Token {}", key.reveal())).map_err(|_| unusable("the API key has characters that no key has".into()))?;
        value.set_sensitive(true);
        request.headers_mut().insert(AUTHORIZATION, value);
    }
    let limits = WebSocketConfig::default().max_message_size(Some(MAX_MESSAGE_BYTES)).max_frame_size(Some(MAX_MESSAGE_BYTES));
    let tls = Connector::Rustls(crate::net::tls().map_err(unusable)?);
    match connect_async_tls_with_config(request, Some(limits), true, Some(tls)).await {
        Ok((stream, _)) => Ok(stream),
        Err(WsError::Http(answer)) => Err(refusal(&answer)),
        Err(error) => Err(lost(&error.to_string()).into()),
    }
}

/// Why the server would not have us.
fn refusal(answer: &tungstenite::http::Response<Option<Vec<u8>>>) -> Trouble {
    let status = StatusCode::from_u16(answer.status().as_u16()).unwrap_or(StatusCode::BAD_GATEWAY);
    let code = answer.headers().get("dg-error").and_then(|code| code.to_str().ok()).filter(|code| code.len() <= 64);
    let code = code.map(|code| format!(" ({code})")).unwrap_or_default();
    let fault = refused(Organ::Ear, status, format!("Deepgram answered {}{code}", status.as_u16()));
    Trouble { fault, retry_after: retry_after(answer.headers()) }
}

/// Moves everything both ways until one side is done.
async fn run(mut stream: Stream, mut outbox: Receiver<ToServer>, inbox: Sender<Result<Results, Fault>>) {
    let mut last_sent = Instant::now();
    let fault = loop {
        let packet = tokio::select! {
            asked = outbox.recv() => match asked {
                Some(ToServer::Sound(sound)) => Packet::binary(sound),
                Some(ToServer::Finalize) => Packet::text(r#"{"type":"Finalize"}"#),
                None => return close(stream).await,
            },
            () = sleep_until(last_sent + KEEP_ALIVE) => Packet::text(r#"{"type":"KeepAlive"}"#),
            came = stream.next() => match received(came) {
                // Who takes nothing gets the next ones: partial results that nobody waits for.
                Ok(Some(results)) => match inbox.try_send(Ok(results)) {
                    Ok(()) | Err(TrySendError::Full(_)) => continue,
                    Err(TrySendError::Closed(_)) => return close(stream).await,
                },
                Ok(None) => continue,
                Err(fault) => break fault,
            },
        };
        last_sent = Instant::now();
        match timeout(SEND_PATIENCE, stream.send(packet)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => break lost(&error.to_string()),
            Err(_) => break Fault::Stalled { organ: Organ::Ear, after_ms: SEND_PATIENCE.as_millis() as u64 },
        }
    };
    // Nobody to tell means that the leg is gone.
    let _ = inbox.send(Err(fault)).await;
}

/// What came, if it matters.
fn received(came: Option<Result<Packet, WsError>>) -> Result<Option<Results>, Fault> {
    match came {
        Some(Ok(Packet::Text(text))) => match message::read(&text)? {
            Message::Results(results) => Ok(Some(results)),
            Message::Other => Ok(None),
        },
        Some(Ok(Packet::Close(frame))) => {
            let code = frame.map(|frame| format!(" ({})", frame.code)).unwrap_or_default();
            Err(lost(&format!("it closed the connection{code}")))
        }
        Some(Ok(Packet::Binary(_) | Packet::Ping(_) | Packet::Pong(_) | Packet::Frame(_))) => Ok(None),
        Some(Err(error)) => Err(lost(&error.to_string())),
        None => Err(lost("it closed the connection")),
    }
}

/// Says goodbye.
async fn close(mut stream: Stream) {
    let polite = async {
        stream.send(Packet::text(r#"{"type":"CloseStream"}"#)).await?;
        while let Some(packet) = stream.next().await {
            packet?;
        }
        Ok::<(), WsError>(())
    };
    // Whatever comes of it, the connection ends here.
    let _ = timeout(CLOSE_PATIENCE, polite).await;
}
