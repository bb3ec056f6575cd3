//! Streams that come in, over TCP and TLS: accepted, bounded in number, and handed to the library once they stand.
//!
//! The library's own listeners take as many connections as anybody opens, and wait without end for a handshake.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};
use rsipstack::sip;
use rsipstack::transaction::endpoint::EndpointInnerRef;
use rsipstack::transport::tcp::TcpConnection;
use rsipstack::transport::tcp_listener::TcpListenerConnection;
use rsipstack::transport::tls::{TlsConfig, TlsConnection, TlsListenerConnection};
use rsipstack::transport::udp::UdpConnection;
use rsipstack::transport::{SipAddr, SipConnection, TransportLayer};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustls::ServerConfig;
use socket2::{SockRef, Socket};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::SipError;
use super::door::{Door, GuardedSocket};
use super::guard::Verdict;
use super::table::{SipTable, Transport, read_bind};

/// Connections that stand at a time at most; each has 128 KiB of buffers.
const MAX_STREAMS: usize = 4_096;
/// Of which one address may have so many: an office behind one address.
const MAX_STREAMS_EACH: usize = 256;
/// A TLS handshake that takes longer is given up.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);
/// A port that the system chose for one transport may be taken for the next; so often others are tried.
const PORT_TRIES: usize = 8;
/// A peer that leaves our answers unread for so long is cut off: whoever writes to it waits so long at most. The system
/// sees to it where the peer is silent ([`SockRef::set_tcp_user_timeout`]), and [`Streams::cuts_off_unread`] where it sends on.
const UNREAD_LIMIT: Duration = Duration::from_secs(10);
/// When the system has no file left, nobody is accepted for so long.
const ACCEPT_BACK_OFF: Duration = Duration::from_millis(100);

/// Connections that came in and stand.
#[derive(Default)]
pub(super) struct Streams(Mutex<BTreeMap<SocketAddr, Stream>>);

/// One of them.
#[derive(Default)]
struct Stream {
    /// A second handle of its socket.
    socket: Option<Socket>,
    /// Since then there is no room for answers.
    full_since: Option<Instant>,
}

impl Streams {
    /// Whether there is room for one more from this address.
    pub fn add(&self, from: SocketAddr) -> bool {
        let mut open = self.open();
        let (first, last) = (SocketAddr::new(from.ip(), 0), SocketAddr::new(from.ip(), u16::MAX));
        let is_room = open.len() < MAX_STREAMS && open.range(first..=last).count() < MAX_STREAMS_EACH;
        is_room && open.insert(from, Stream::default()).is_none()
    }

    /// It stands.
    fn met(&self, from: SocketAddr, stream: &TcpStream) {
        if let Some(known) = self.open().get_mut(&from) {
            known.socket = SockRef::from(stream).try_clone().ok();
        }
    }

    /// Looks whether a peer that has just sent something reads what it is sent; one that has not for [`UNREAD_LIMIT`] is cut off (true).
    pub fn cuts_off_unread(&self, from: SocketAddr, now: Instant) -> bool {
        let mut open = self.open();
        let Some(Stream { socket: Some(socket), full_since }) = open.get_mut(&from) else { return false };
        if has_room(socket) {
            *full_since = None;
            return false;
        }
        let is_unread = now.duration_since(*full_since.get_or_insert(now)) > UNREAD_LIMIT;
        if is_unread {
            // Whoever reads from it and writes to it finds it closed.
            let _ = socket.shutdown(std::net::Shutdown::Both);
        }
        is_unread
    }

    /// It is closed.
    pub fn remove(&self, from: SocketAddr) {
        self.open().remove(&from);
    }

    fn open(&self) -> MutexGuard<'_, BTreeMap<SocketAddr, Stream>> {
        self.0.lock()
    }
}

/// Whether more can be written to it, or it has failed, which its owner finds out by itself.
fn has_room(socket: &Socket) -> bool {
    let mut asked = [PollFd::new(socket, PollFlags::OUT)];
    poll(&mut asked, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).is_err() || !asked[0].revents().is_empty()
}

/// Everything that is bound, before anything is served.
pub(super) struct Bound {
    pub transports: TransportLayer,
    /// Streams are accepted there, over this transport; peers are told the other address.
    pub listeners: Vec<(TcpListener, Transport, SocketAddr)>,
    /// The first that is bound.
    pub local: Option<SocketAddr>,
    /// The first that is bound for TLS.
    pub tls: Option<SocketAddr>,
    /// What peers see who come in over TLS.
    pub certificates: Option<watch::Sender<Arc<ServerConfig>>>,
}

impl Bound {
    /// Binds all that is configured.
    ///
    /// # Errors
    /// A transport that can't be read, a port that can't be had, or a certificate that can't be used.
    pub async fn all(table: &SipTable, door: &Arc<Door>, stop: &CancellationToken) -> Result<Bound, SipError> {
        let is_any = table.bind.iter().any(|bind| matches!(read_bind(bind), Ok((_, address)) if address.port() == 0));
        let mut tries = if is_any { PORT_TRIES } else { 1 };
        loop {
            tries -= 1;
            match Bound::once(table, door, stop).await {
                Err(SipError::Taken { .. }) if tries > 0 => {}
                done => return done,
            }
        }
    }

    async fn once(table: &SipTable, door: &Arc<Door>, stop: &CancellationToken) -> Result<Bound, SipError> {
        // Dropped with its token, if not all can be bound.
        let transports = TransportLayer::new(stop.child_token());
        transports.set_tls_config(TlsConfig { ca_certs: Some(table.tls.trust().map_err(SipError::Certificate)?), ..TlsConfig::default() });
        let mut all = Bound { transports, listeners: Vec::new(), local: None, tls: None, certificates: None };
        for bind in &table.bind {
            let (transport, address) = read_bind(bind).map_err(SipError::Bind)?;
            let taken = |reason: &dyn std::fmt::Display| SipError::Taken { bind: bind.clone(), reason: reason.to_string() };
            // Port 0 is chosen once: all transports have the same, but for TLS, which can't share it with TCP.
            let port = match (address.port(), all.local, transport) {
                (0, Some(local), Transport::Udp | Transport::Tcp) => local.port(),
                (port, ..) => port,
            };
            let address = SocketAddr::new(address.ip(), port);
            let external = |bound: SocketAddr| table.external_address.map(|ip| SocketAddr::new(ip, bound.port()));
            let bound = if transport == Transport::Udp {
                let socket = UdpSocket::bind(address).await.map_err(|error| taken(&error))?;
                let bound = socket.local_addr().map_err(|error| taken(&error))?;
                let socket = Arc::new(GuardedSocket { socket, door: door.clone() });
                let udp = UdpConnection::from_socket(socket, external(bound), Some(stop.child_token())).await;
                all.transports.add_transport(udp.map_err(|error| taken(&error))?.into());
                bound
            } else {
                let listener = TcpListener::bind(address).await.map_err(|error| taken(&error))?;
                let bound = listener.local_addr().map_err(|error| taken(&error))?;
                // The library only looks up there what it tells peers: its own attempt to listen fails, as we do already.
                let told = if transport == Transport::Tls {
                    all.certificates = Some(watch::Sender::new(table.tls.server().map_err(SipError::Certificate)?));
                    all.tls.get_or_insert(bound);
                    let tls = TlsListenerConnection::new(bound, external(bound), TlsConfig::default()).await.map_err(|error| taken(&error))?;
                    let told = tls.get_addr().clone();
                    all.transports.add_transport(SipConnection::TlsListener(tls));
                    told
                } else {
                    let tcp = TcpListenerConnection::new(bound, external(bound)).await.map_err(|error| taken(&error))?;
                    let told = tcp.get_addr().clone();
                    all.transports.add_transport(tcp.into());
                    told
                };
                all.listeners.push((listener, transport, told.get_socketaddr().map_err(|error| taken(&error))?));
                bound
            };
            all.local.get_or_insert(bound);
        }
        Ok(all)
    }
}

/// What is needed to accept streams of one transport.
pub(super) struct Accepting {
    pub endpoint: EndpointInnerRef,
    pub door: Arc<Door>,
    /// As peers are told.
    pub local: SocketAddr,
    /// How peers are met; `None` for TCP.
    pub tls: Option<watch::Receiver<Arc<ServerConfig>>>,
    pub stop: CancellationToken,
}

impl Accepting {
    /// Accepts until the edge is closed.
    pub async fn run(self, listener: TcpListener) {
        let accepting = Arc::new(self);
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = accepting.stop.cancelled() => return,
            };
            match accepted {
                Ok((stream, from)) if accepting.lets_in(from) => drop(tokio::spawn(accepting.clone().meet(stream, from))),
                Ok(_) => {}
                Err(error) => {
                    tracing::debug!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_BACK_OFF).await;
                }
            }
        }
    }

    fn lets_in(&self, from: SocketAddr) -> bool {
        !self.door.shuts_out(from) && self.door.streams.add(from)
    }

    async fn meet(self: Arc<Self>, stream: TcpStream, from: SocketAddr) {
        if let Err(error) = SockRef::from(&stream).set_tcp_user_timeout(Some(UNREAD_LIMIT)) {
            tracing::debug!(%error, "a stream has no limit on unread answers");
        }
        self.door.streams.met(from, &stream);
        let connection = match &self.tls {
            None => self.tcp(stream),
            Some(tls) => {
                let config = tls.borrow().clone();
                self.handshake(stream, config, from).await
            }
        };
        match connection {
            Ok(connection) => self.endpoint.transport_layer.add_connection(connection),
            Err(why) => {
                self.door.streams.remove(from);
                if let Verdict::Refuse { tell: true } = self.door.guard.failed(from.ip(), Instant::now()) {
                    tracing::info!(%from, "a connection came to nothing: {why}");
                }
            }
        }
    }

    fn tcp(&self, stream: TcpStream) -> Result<SipConnection, String> {
        let local = SipAddr { r#type: Some(sip::Transport::Tcp), addr: self.local.into() };
        let connection = TcpConnection::from_stream(stream, local, Some(self.stop.child_token())).map_err(|error| error.to_string())?;
        Ok(SipConnection::Tcp(connection))
    }

    async fn handshake(&self, stream: TcpStream, config: Arc<ServerConfig>, from: SocketAddr) -> Result<SipConnection, String> {
        let handshake = tokio::time::timeout(HANDSHAKE_LIMIT, TlsAcceptor::from(config).accept(stream));
        let stream = handshake.await.map_err(|_| "its TLS handshake took too long".to_owned())?.map_err(|error| format!("TLS: {error}"))?;
        let sip = |address: SocketAddr| SipAddr { r#type: Some(sip::Transport::Tls), addr: address.into() };
        let connection = TlsConnection::from_server_stream(stream, sip(self.local), sip(from), Some(self.stop.child_token()));
        Ok(SipConnection::Tls(connection.await.map_err(|error| error.to_string())?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::IpAddr;

    #[test]
    fn one_address_can_not_have_all_connections() {
        let streams = Streams::default();
        let from = |last: u8, port: u16| SocketAddr::new(IpAddr::from([192, 0, 2, last]), port);
        assert!((1..=MAX_STREAMS_EACH as u16).all(|port| streams.add(from(1, port))));
        assert!(!streams.add(from(1, 60_000)) && streams.add(from(2, 1)));
        streams.remove(from(1, 7));
        assert!(streams.add(from(1, 60_000)));
        let others = (3..=255).flat_map(|last| (1..=200).map(move |port| from(last, port)));
        assert_eq!(others.filter(|from| streams.add(*from)).count(), MAX_STREAMS - MAX_STREAMS_EACH - 1);
    }
}
