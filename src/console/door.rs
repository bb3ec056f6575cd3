//! Where browsers come in: a TCP port, with TLS by our own certificate where one is configured.
//!
//! Handshakes go on beside each other, so that nobody who is slow at theirs keeps others waiting; how many connections there
//! may be, and how long a handshake may take, is limited. What is *not* here: what is said over a connection (`axum`).

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::net;

/// Connections at the same time: some for each of hundreds of pages.
const MAX_CONNECTIONS: usize = 4_096;
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
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = config;
        Ok(())
    }

    fn current(&self) -> Arc<ServerConfig> {
        self.config.read().unwrap_or_else(PoisonError::into_inner).clone()
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
    pub(super) fn open(listener: TcpListener, certificate: Option<Certificate>) -> io::Result<Door> {
        let local = listener.local_addr()?;
        let (sender, ready) = channel(READY);
        tokio::spawn(take(listener, certificate, sender));
        Ok(Door { ready, local })
    }
}

async fn take(listener: TcpListener, certificate: Option<Certificate>, ready: Sender<(Wire, SocketAddr)>) {
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
        // Without it small answers wait for each other.
        let _ = stream.set_nodelay(true);
        let (certificate, ready) = (certificate.clone(), ready.clone());
        tokio::spawn(async move {
            let Some(stream) = met(stream, certificate).await else { return };
            // Nobody takes connections any more: this one ends.
            let _ = ready.send((Wire { stream, _place: place }, from)).await;
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

/// A connection, which keeps its place among all until it ends.
pub(super) struct Wire {
    stream: Stream,
    _place: OwnedSemaphorePermit,
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().stream {
            Stream::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Stream::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().stream {
            Stream::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Stream::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
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
