//! Where browsers come in: a TCP port, with TLS by our own certificate where one is configured.
//!
//! Handshakes go on beside each other, so that nobody who is slow at theirs keeps others waiting; how many connections there
//! may be, and how long a handshake may take, is limited. What is *not* here: what is said over a connection (`axum`).

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use parking_lot::{Mutex, MutexGuard, RwLock};
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::access::household;
use crate::net;

/// Connections at the same time: some for each of hundreds of pages.
const MAX_CONNECTIONS: usize = 4_096;
/// Connections of one address (of IPv6, of one household) at the same time: a call centre may have but one, and is still not all.
const MAX_OF_ADDRESS: usize = 1_024;
/// Who connects says so soon what they want.
const FIRST_WORDS: Duration = Duration::from_secs(10);
/// Afterwards nothing may be said for so long: pages ask whether we are there more often, and we ask them.
const SILENCE: Duration = Duration::from_secs(120);
/// A handshake may take so long (a phone with a bad network needs some).
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Connections that are ready and may wait to be served.
const READY: usize = 64;
/// After the system had no socket left, the next is taken so much later.
const PAUSE: Duration = Duration::from_millis(200);

/// Our certificate, which may be read again.
#[derive(Clone)]
pub(super) struct Certificate {
    files: Arc<(PathBuf, PathBuf)>,
    config: Arc<RwLock<Arc<ServerConfig>>>,
}

impl Certificate {
    /// Reads certificate and key.
    pub(super) fn read(certificate: PathBuf, key: PathBuf) -> Result<Certificate, String> {
        let config = server(&certificate, &key)?;
        Ok(Certificate { files: Arc::new((certificate, key)), config: Arc::new(RwLock::new(config)) })
    }

    /// Reads both again, for connections from now on; if they can't be read the old ones stay.
    pub(super) fn renew(&self) -> Result<(), String> {
        let config = server(&self.files.0, &self.files.1)?;
        *self.config.write() = config;
        Ok(())
    }

    fn current(&self) -> Arc<ServerConfig> {
        self.config.read().clone()
    }
}

fn server(certificate: &std::path::Path, key: &std::path::Path) -> Result<Arc<ServerConfig>, String> {
    let mut config = net::server(certificate, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// Who is at the other end of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(pub SocketAddr);

/// Takes connections.
pub(super) struct Door {
    ready: Receiver<(Wire, SocketAddr)>,
    local: SocketAddr,
}

impl Door {
    /// Takes connections from `listener` on, until the door is dropped.
    ///
    /// Behind a proxy all come from its address, which has no limit of its own then.
    pub(super) fn open(listener: TcpListener, certificate: Option<Certificate>, behind_proxy: bool) -> io::Result<Door> {
        let local = listener.local_addr()?;
        let (sender, ready) = channel(READY);
        let houses = (!behind_proxy).then(Houses::default);
        tokio::spawn(take(listener, certificate, houses, sender));
        Ok(Door { ready, local })
    }
}

/// How many connections each address has.
#[derive(Clone, Default)]
struct Houses(Arc<Mutex<BTreeMap<IpAddr, usize>>>);

/// The place of one connection among those of its address.
struct Room {
    houses: Houses,
    at: IpAddr,
}

impl Houses {
    fn count(&self) -> MutexGuard<'_, BTreeMap<IpAddr, usize>> {
        self.0.lock()
    }

    /// `None` if there are too many from there.
    fn enter(&self, from: IpAddr) -> Option<Room> {
        let at = household(from);
        let mut count = self.count();
        let here = count.entry(at).or_default();
        if *here >= MAX_OF_ADDRESS {
            return None;
        }
        *here += 1;
        Some(Room { houses: self.clone(), at })
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let mut count = self.houses.count();
        if let Some(here) = count.get_mut(&self.at) {
            *here = here.saturating_sub(1);
            if *here == 0 {
                count.remove(&self.at);
            }
        }
    }
}

async fn take(listener: TcpListener, certificate: Option<Certificate>, houses: Option<Houses>, ready: Sender<(Wire, SocketAddr)>) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = ready.closed() => return,
        };
        let (stream, from) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::debug!(%error, "a connection to the console was not taken");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let room = match houses.as_ref().map(|houses| houses.enter(from.ip())) {
            Some(None) => {
                tracing::debug!(%from, "too many connections to the console from one address");
                continue;
            }
            room => room.flatten(),
        };
        // Without it small answers wait for each other.
        let _ = stream.set_nodelay(true);
        let (certificate, ready) = (certificate.clone(), ready.clone());
        tokio::spawn(async move {
            let Some(stream) = met(stream, certificate).await else { return };
            // Nobody takes connections any more: this one ends.
            let _ = ready.send((Wire::new(stream, (place, room)), from)).await;
        });
    }
}

/// The connection when both sides have agreed how to speak; `None` if they did not, or took too long.
async fn met(stream: TcpStream, certificate: Option<Certificate>) -> Option<Stream> {
    let Some(certificate) = certificate else { return Some(Stream::Plain(stream)) };
    let shaking = TlsAcceptor::from(certificate.current()).accept(stream);
    match tokio::time::timeout(HANDSHAKE, shaking).await {
        Ok(Ok(stream)) => Some(Stream::Tls(Box::new(stream))),
        Ok(Err(error)) => {
            tracing::debug!(%error, "a browser and we did not agree on TLS");
            None
        }
        Err(_) => None,
    }
}

impl Listener for Door {
    type Io = Wire;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Wire, SocketAddr) {
        match self.ready.recv().await {
            Some(accepted) => accepted,
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.local)
    }
}

impl Connected<IncomingStream<'_, Door>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Door>) -> Peer {
        Peer(*stream.remote_addr())
    }
}

/// A connection, which keeps its place among all until it ends. One on which nothing is said for too long ends.
pub(super) struct Wire {
    stream: Stream,
    /// When something was said last, and how long it may be silent from then on.
    said: (Instant, Duration),
    silence: Pin<Box<Sleep>>,
    _place: (OwnedSemaphorePermit, Option<Room>),
}

impl Wire {
    fn new(stream: Stream, place: (OwnedSemaphorePermit, Option<Room>)) -> Wire {
        Wire { stream, said: (Instant::now(), FIRST_WORDS), silence: Box::pin(tokio::time::sleep(FIRST_WORDS)), _place: place }
    }

    fn heard(&mut self) {
        self.said = (Instant::now(), SILENCE);
    }

    /// Whether it has been silent for too long; else it is woken when it will have been.
    fn is_silent(&mut self, cx: &mut Context<'_>) -> bool {
        while self.silence.as_mut().poll(cx).is_ready() {
            let until = self.said.0 + self.said.1;
            if until <= Instant::now() {
                return true;
            }
            self.silence.as_mut().reset(until);
        }
        false
    }
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let wire = self.get_mut();
        let before = buf.filled().len();
        let read = match &mut wire.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Stream::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        };
        match read {
            Poll::Ready(Ok(())) if buf.filled().len() > before => wire.heard(),
            Poll::Pending if wire.is_silent(cx) => return Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Ready(_) | Poll::Pending => {}
        }
        read
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let wire = self.get_mut();
        let written = match &mut wire.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Stream::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        };
        if let Poll::Ready(Ok(1..)) = written {
            wire.heard();
        }
        written
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().stream {
            Stream::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().stream {
            Stream::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    async fn door() -> Door {
        Door::open(TcpListener::bind("127.0.0.1:0").await.unwrap(), None, false).unwrap()
    }

    /// As if nothing had been said for so long.
    fn age(wire: &mut Wire, by: Duration) {
        wire.said.0 = wire.said.0.checked_sub(by).unwrap();
        wire.silence.as_mut().reset(Instant::now());
    }

    #[tokio::test]
    async fn who_says_nothing_gives_their_place_back() {
        let mut door = door().await;
        let mut stream = TcpStream::connect(door.local).await.unwrap();
        let (mut wire, _) = door.accept().await;
        let mut octet = [0];
        assert!(wire.read(&mut octet).now_or_never().is_none(), "it is waited for");
        age(&mut wire, FIRST_WORDS);
        assert_eq!(wire.read(&mut octet).await.unwrap_err().kind(), io::ErrorKind::TimedOut);
        // Who has said something, in another connection, may be silent for longer.
        wire.said.0 = Instant::now();
        stream.write_all(b"G").await.unwrap();
        assert_eq!(wire.read(&mut octet).await.unwrap(), 1);
        age(&mut wire, FIRST_WORDS);
        stream.write_all(b"E").await.unwrap();
        assert_eq!(wire.read(&mut octet).await.unwrap(), 1);
        age(&mut wire, SILENCE);
        assert_eq!(wire.read(&mut octet).await.unwrap_err().kind(), io::ErrorKind::TimedOut);
        // What we say counts as well.
        wire.write_all(b"x").await.unwrap();
        stream.write_all(b"T").await.unwrap();
        age(&mut wire, FIRST_WORDS);
        assert_eq!(wire.read(&mut octet).await.unwrap(), 1);
    }

    #[test]
    fn one_address_has_not_all_places() {
        let houses = Houses::default();
        let (here, there) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        let mut rooms: Vec<Room> = (0..MAX_OF_ADDRESS).map(|_| houses.enter(here).unwrap()).collect();
        assert!(houses.enter(here).is_none() && houses.enter(there).is_some());
        rooms.pop();
        assert!(houses.enter(here).is_some());
        rooms.clear();
        assert!(houses.count().is_empty());
    }
}
