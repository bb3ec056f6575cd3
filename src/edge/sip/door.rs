//! The door of the edge: every datagram and every message of a stream passes it, before anything is begun on its account.
//!
//! Who is banned is not heard, who sends too much only in part, and what is no SIP is answered here or dropped. All of it
//! is counted; the log tells of it within bounds ([`Guard`]).

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use async_trait::async_trait;
use rsipstack::sip::{Method, SipMessage};
use rsipstack::transaction::endpoint::{EndpointInnerRef, TransportEventInspector};
use rsipstack::transaction::key::{TransactionKey, TransactionRole};
use rsipstack::transport::connection::TransportEvent;
use tokio::net::UdpSocket;

use super::accept::Streams;
use super::guard::{Guard, Verdict};
use super::wire::{self, Bad, Wire};

/// How requests are answered that the library can't read, and CANCELs of nothing (RFC 3261, 9.2).
const UNREADABLE: (u16, &str) = (400, "Unreadable");
const NO_TRANSACTION: (u16, &str) = (481, "Call/Transaction Does Not Exist");

/// What came to the door since the edge was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SipCounts {
    /// Messages that were let in, and what keeps ways open.
    pub messages: u64,
    /// What was no SIP, or not as it must be.
    pub malformed: u64,
    /// Messages beyond what one address may send.
    pub too_many: u64,
    /// What came from banned addresses, connections too.
    pub banned: u64,
}

/// Looks at what comes in.
pub(super) struct Door {
    pub guard: Arc<Guard>,
    pub streams: Arc<Streams>,
    pub endpoint: OnceLock<EndpointInnerRef>,
    messages: AtomicU64,
    malformed: AtomicU64,
    too_many: AtomicU64,
    banned: AtomicU64,
}

/// What becomes of a message.
enum Fate {
    Enters(Vec<u8>),
    Answered(Vec<u8>),
    Dropped,
}

impl Door {
    pub fn new(guard: Guard) -> Arc<Self> {
        let count = || AtomicU64::new(0);
        Arc::new(Door {
            guard: Arc::new(guard),
            streams: Arc::default(),
            endpoint: OnceLock::new(),
            messages: count(),
            malformed: count(),
            too_many: count(),
            banned: count(),
        })
    }

    pub fn counts(&self) -> SipCounts {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        SipCounts { messages: read(&self.messages), malformed: read(&self.malformed), too_many: read(&self.too_many), banned: read(&self.banned) }
    }

    /// Whether nobody from there is let in at all.
    pub fn shuts_out(&self, from: SocketAddr) -> bool {
        let is_banned = self.guard.is_banned(from.ip(), Instant::now());
        self.banned.fetch_add(u64::from(is_banned), Ordering::Relaxed);
        is_banned
    }

    fn look(&self, octets: &[u8], from: SocketAddr) -> Fate {
        let now = Instant::now();
        let was_banned = self.guard.is_banned(from.ip(), now);
        if let Verdict::Refuse { tell } = self.guard.call(from.ip(), now) {
            let count = if was_banned { &self.banned } else { &self.too_many };
            count.fetch_add(1, Ordering::Relaxed);
            if tell {
                tracing::warn!(%from, "sends more than it may; the rest is dropped, and who never stops is banned for a while");
            }
            return Fate::Dropped;
        }
        match wire::read(octets, from) {
            Wire::KeepAlive => self.enters(octets.to_vec()),
            Wire::Message(octets) if is_readable(&octets) => self.enters(octets),
            Wire::Message(octets) => self.bad(Bad { why: "Unreadable", answer: wire::refused(&octets, UNREADABLE, from) }, from),
            Wire::Bad(bad) => self.bad(bad, from),
        }
    }

    fn enters(&self, octets: Vec<u8>) -> Fate {
        self.messages.fetch_add(1, Ordering::Relaxed);
        Fate::Enters(octets)
    }

    fn bad(&self, bad: Bad, from: SocketAddr) -> Fate {
        self.malformed.fetch_add(1, Ordering::Relaxed);
        if let Verdict::Refuse { tell: true } = self.guard.failed(from.ip(), Instant::now()) {
            tracing::info!(%from, "what comes from there can't be understood: {}", bad.why);
        }
        bad.answer.map_or(Fate::Dropped, Fate::Answered)
    }

    /// The library answers a CANCEL of nothing, and what it has answered before, where it reads all that comes, and would wait there for
    /// a peer that does not read. So the first is answered here, and the second, which does not come over a stream (RFC 3261, 17.2), is dropped.
    fn enters_stream(&self, octets: Vec<u8>, from: SocketAddr) -> Option<Result<SipMessage, Vec<u8>>> {
        let message = SipMessage::try_from(octets.as_slice()).ok()?;
        let (Some(endpoint), SipMessage::Request(request)) = (self.endpoint.get(), &message) else { return Some(Ok(message)) };
        let key = TransactionKey::from_request(request, TransactionRole::Server).ok()?;
        match request.method {
            Method::Ack => Some(Ok(message)),
            Method::Cancel if endpoint.transactions.get(&key).is_none() => wire::refused(&octets, NO_TRANSACTION, from).map(Err),
            _ if endpoint.finished_transactions.get(&key).is_some() => None,
            _ => Some(Ok(message)),
        }
    }
}

/// Whether the library understands it, and can tell which transaction it belongs to.
fn is_readable(octets: &[u8]) -> bool {
    match SipMessage::try_from(octets) {
        Ok(SipMessage::Request(request)) => TransactionKey::from_request(&request, TransactionRole::Server).is_ok(),
        Ok(SipMessage::Response(response)) => TransactionKey::from_response(&response, TransactionRole::Client).is_ok(),
        Err(_) => false,
    }
}

/// A socket whose datagrams pass the door.
pub(super) struct GuardedSocket {
    pub socket: UdpSocket,
    pub door: Arc<Door>,
}

#[async_trait]
impl rsipstack::platform::net::UdpSocket for GuardedSocket {
    async fn recv_from(&self, buffer: &mut [u8]) -> rsipstack::Result<(usize, SocketAddr)> {
        loop {
            let (length, from) = self.socket.recv_from(buffer).await?;
            match self.door.look(&buffer[..length], from) {
                // What is written more plainly is longer by a few names at most; a message that has no room then had none before.
                Fate::Enters(octets) if octets.len() <= buffer.len() => {
                    buffer[..octets.len()].copy_from_slice(&octets);
                    return Ok((octets.len(), from));
                }
                // Nobody waits for a socket that is full.
                Fate::Answered(answer) => drop(self.socket.try_send_to(&answer, from)),
                Fate::Enters(_) | Fate::Dropped => {}
            }
        }
    }

    async fn send_to(&self, octets: &[u8], to: SocketAddr) -> rsipstack::Result<usize> {
        Ok(self.socket.send_to(octets, to).await?)
    }

    fn local_addr(&self) -> rsipstack::Result<SocketAddr> {
        Ok(self.socket.local_addr()?)
    }
}

/// The messages of streams pass the door.
pub(super) struct GuardedStreams(pub Arc<Door>);

#[async_trait]
impl TransportEventInspector for GuardedStreams {
    async fn handle(&self, event: TransportEvent) -> Option<TransportEvent> {
        match event {
            TransportEvent::Incoming(message, connection, from) if connection.is_reliable() => {
                let source = from.get_socketaddr().ok()?;
                if self.0.streams.cuts_off_unread(source, Instant::now()) {
                    tracing::info!(from = %source, "it does not read what it is answered, and is cut off");
                    return None;
                }
                let fate = match self.0.look(&message.to_bytes(), source) {
                    Fate::Enters(octets) => self.0.enters_stream(octets, source)?,
                    Fate::Answered(answer) => Err(answer),
                    Fate::Dropped => return None,
                };
                match fate {
                    Ok(message) => Some(TransportEvent::Incoming(message, connection, from)),
                    Err(answer) => {
                        if let Ok(answer) = SipMessage::try_from(answer.as_slice()) {
                            tokio::spawn(async move { drop(connection.send(answer, None).await) });
                        }
                        None
                    }
                }
            }
            TransportEvent::Closed(connection) => {
                if let Some(from) = connection.get_remote_addr().and_then(|address| address.get_socketaddr().ok()) {
                    self.0.streams.remove(from);
                }
                Some(TransportEvent::Closed(connection))
            }
            other => Some(other),
        }
    }
}
