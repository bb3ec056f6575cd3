//! One UDP port for all lines.
//!
//! The library wants a socket for each connection. What it gets is a [`Share`] of the one socket: datagrams are told
//! apart by the ICE user that a connectivity check names (RFC 8445, 7.2.2), and from then on by where they come from.
//! An address that belongs to a living line is not given to another one as long as the first one is heard from it.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::net::UdpSocket;
use webrtc::runtime::{AsyncUdpSocket, RecvMeta, Transmit};

/// Datagrams that may wait for a line; more than a second of sound.
const WAITING: usize = 128;
/// Addresses at which one line's peer may be; of more the one that was heard least lately is forgotten.
const MAX_PEERS: usize = 24;
/// Names of one line: those of its last restarts, of whose checks some may be under way.
const MAX_NAMES: usize = 4;
/// A socket that fails twice in a row is asked again after this.
const REST: Duration = Duration::from_millis(10);
/// Longest datagram that is read.
const MAX_DATAGRAM: usize = 2_048;
/// An address that has sent nothing for so long may be somebody else's by now.
const ADDRESS_HELD: Duration = Duration::from_secs(5);
/// A STUN binding request, and the cookie of STUN (RFC 8489, 5).
const BINDING_REQUEST: [u8; 2] = [0x00, 0x01];
const MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
/// Octets of a STUN header (RFC 8489, 5).
const STUN_HEADER: usize = 20;
/// The attribute USERNAME (RFC 8489, 14.3).
const USERNAME: u16 = 0x0006;

/// The port, and who shares it. Clones are the same port.
#[derive(Clone)]
pub(super) struct Port {
    socket: Arc<UdpSocket>,
    shares: Arc<Mutex<Shares>>,
}

#[derive(Default)]
struct Shares {
    next: u64,
    /// What waits for each line.
    queues: BTreeMap<u64, Queue>,
    /// The lines by the name that peers call them in connectivity checks.
    users: BTreeMap<String, u64>,
    /// The lines by where their peers are.
    peers: BTreeMap<SocketAddr, Peer>,
    counts: PortCounts,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<(Vec<u8>, SocketAddr)>,
    waker: Option<Waker>,
    /// What peers call the line, the newest name last.
    names: VecDeque<String>,
}

#[derive(Clone, Copy)]
struct Peer {
    line: u64,
    /// When it was heard last; `None` if we have only sent there.
    heard: Option<Instant>,
}

/// What became of datagrams that reached nobody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PortCounts {
    /// From an address that belongs to no line.
    pub strangers: u64,
    /// The line did not keep up.
    pub overflowed: u64,
    /// Could not be sent.
    pub unsent: u64,
    /// Times that the socket failed when it was asked for a datagram.
    pub failed: u64,
}

impl Port {
    /// Serves this socket until nobody has the port any more. Must run in the runtime in which its lines are to run.
    pub fn serve(socket: std::net::UdpSocket) -> io::Result<Port> {
        socket.set_nonblocking(true)?;
        let port = Port { socket: Arc::new(UdpSocket::from_std(socket)?), shares: Arc::default() };
        let (socket, shares) = (port.socket.clone(), Arc::downgrade(&port.shares));
        tokio::spawn(async move {
            let mut datagram = [0; MAX_DATAGRAM];
            let mut has_failed = false;
            loop {
                let came = socket.recv_from(&mut datagram).await;
                {
                    let Some(shares) = shares.upgrade() else { return };
                    match came {
                        Ok((length, from)) => shares.lock().route(&datagram[..length], from, Instant::now()),
                        Err(_) => shares.lock().counts.failed += 1,
                    }
                }
                // One error may be that of a datagram which we sent (ICMP); of one that lasts a core would be busy.
                if std::mem::replace(&mut has_failed, came.is_err()) && has_failed {
                    tokio::time::sleep(REST).await;
                }
            }
        });
        Ok(port)
    }

    /// Where it is bound.
    pub fn local(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// A share for a line.
    pub fn share(&self) -> Share {
        let mut shares = self.shares.lock();
        let line = shares.next;
        shares.next += 1;
        shares.queues.insert(line, Queue::default());
        Share { port: self.clone(), line }
    }

    /// How many lines share it.
    pub fn lines(&self) -> usize {
        self.shares.lock().queues.len()
    }

    /// What reached nobody so far.
    pub fn counts(&self) -> PortCounts {
        self.shares.lock().counts
    }
}

impl Shares {
    fn route(&mut self, datagram: &[u8], from: SocketAddr, now: Instant) {
        let by_user = user_of(datagram).and_then(|user| self.users.get(user)).copied();
        let line = match (by_user, self.peers.get(&from)) {
            (Some(line), known) => {
                let is_taken = known.is_some_and(|peer| peer.line != line && peer.heard.is_some_and(|at| now.duration_since(at) < ADDRESS_HELD));
                if !is_taken {
                    self.know(from, line, Some(now));
                }
                line
            }
            (None, Some(peer)) => {
                let line = peer.line;
                self.know(from, line, Some(now));
                line
            }
            (None, None) => {
                self.counts.strangers += 1;
                return;
            }
        };
        let Some(queue) = self.queues.get_mut(&line) else { return };
        if queue.waiting.len() >= WAITING {
            self.counts.overflowed += 1;
            return;
        }
        queue.waiting.push_back((datagram.to_vec(), from));
        if let Some(waker) = queue.waker.take() {
            waker.wake();
        }
    }

    /// The peer of this line is (also) at this address.
    fn know(&mut self, address: SocketAddr, line: u64, heard: Option<Instant>) {
        let is_new = self.peers.get(&address).is_none_or(|peer| peer.line != line);
        let own = || self.peers.iter().filter(|(_, peer)| peer.line == line);
        if is_new && own().count() >= MAX_PEERS {
            let stalest = own().min_by_key(|(_, peer)| peer.heard).map(|(address, _)| *address);
            if let Some(stalest) = stalest {
                self.peers.remove(&stalest);
            }
        }
        self.peers.insert(address, Peer { line, heard });
    }

    /// Peers call the line so from now on; older names stay valid for checks under way. Where it never came from is forgotten.
    fn call(&mut self, line: u64, user: &str) {
        let Some(queue) = self.queues.get_mut(&line) else { return };
        queue.names.push_back(user.to_owned());
        if queue.names.len() > MAX_NAMES
            && let Some(old) = queue.names.pop_front()
        {
            self.users.remove(&old);
        }
        self.users.insert(user.to_owned(), line);
        self.peers.retain(|_, peer| peer.line != line || peer.heard.is_some());
    }

    fn forget(&mut self, line: u64) {
        self.queues.remove(&line);
        self.users.retain(|_, of| *of != line);
        self.peers.retain(|_, peer| peer.line != line);
    }
}

/// Whom a connectivity check is for: the part of its user name before the colon.
fn user_of(datagram: &[u8]) -> Option<&str> {
    if !datagram.starts_with(&BINDING_REQUEST) || datagram.get(4..8)? != MAGIC_COOKIE {
        return None;
    }
    let mut rest = datagram.get(STUN_HEADER..)?;
    loop {
        let (header, value) = rest.split_at_checked(4)?;
        let (kind, length) = (u16::from_be_bytes([header[0], header[1]]), usize::from(u16::from_be_bytes([header[2], header[3]])));
        if kind == USERNAME {
            let name = std::str::from_utf8(value.get(..length)?).ok()?;
            return name.split_once(':').map(|(ours, _)| ours);
        }
        // Each attribute is filled up to a multiple of four (RFC 8489, 14).
        rest = value.get(length.next_multiple_of(4)..)?;
    }
}

/// A line's share of the port. Dropping it takes the line off the port.
pub(super) struct Share {
    port: Port,
    line: u64,
}

impl Share {
    /// Peers call the line so in connectivity checks, from now on; older names stay valid for checks under way.
    pub fn is_called(&self, user: &str) {
        self.port.shares.lock().call(self.line, user);
    }

    /// The socket that the library is given; it says that it is bound to `local`.
    pub fn socket(self: &Arc<Self>, local: SocketAddr) -> Arc<dyn AsyncUdpSocket> {
        Arc::new(ShareSocket { share: self.clone(), local })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.port.shares.lock().forget(self.line);
    }
}

struct ShareSocket {
    share: Arc<Share>,
    local: SocketAddr,
}

impl std::fmt::Debug for ShareSocket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ShareSocket({})", self.local)
    }
}

impl AsyncUdpSocket for ShareSocket {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.local)
    }

    /// Sends at once, or not at all: of sound that has to wait nobody has anything.
    fn poll_send(&self, _: &mut Context<'_>, transmit: &Transmit<'_>) -> Poll<io::Result<usize>> {
        let port = &self.share.port;
        let is_sent = port.socket.try_send_to(transmit.contents, transmit.destination).is_ok();
        let mut shares = port.shares.lock();
        shares.counts.unsent += u64::from(!is_sent);
        // Whom we check answers from there, before or without a check of their own.
        if !shares.peers.contains_key(&transmit.destination) && shares.queues.contains_key(&self.share.line) {
            shares.know(transmit.destination, self.share.line, None);
        }
        Poll::Ready(Ok(transmit.contents.len()))
    }

    fn poll_recv(&self, context: &mut Context<'_>, bufs: &mut [IoSliceMut<'_>], meta: &mut [RecvMeta]) -> Poll<io::Result<usize>> {
        let (Some(buffer), Some(meta)) = (bufs.first_mut(), meta.first_mut()) else { return Poll::Ready(Ok(0)) };
        let mut shares = self.share.port.shares.lock();
        let Some(queue) = shares.queues.get_mut(&self.share.line) else {
            return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        };
        let Some((datagram, from)) = queue.waiting.pop_front() else {
            // The library looks with a waker that does nothing, too; the one that sleeps is told of last.
            if !context.waker().will_wake(Waker::noop()) {
                queue.waker = Some(context.waker().clone());
            }
            return Poll::Pending;
        };
        drop(shares);
        let length = datagram.len().min(buffer.len());
        buffer[..length].copy_from_slice(&datagram[..length]);
        *meta = RecvMeta::default();
        (meta.addr, meta.len, meta.stride) = (from, length, length.max(1));
        Poll::Ready(Ok(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(user: &str) -> Vec<u8> {
        let mut datagram = [&BINDING_REQUEST[..], &[0, 0], &MAGIC_COOKIE, &[7; 12]].concat();
        // PRIORITY comes first with some browsers.
        datagram.extend([0x00, 0x24, 0, 4, 1, 2, 3, 4]);
        datagram.extend(USERNAME.to_be_bytes());
        datagram.extend((user.len() as u16).to_be_bytes());
        datagram.extend(user.as_bytes());
        datagram.resize(datagram.len().next_multiple_of(4), 0);
        datagram
    }

    fn at(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], port))
    }

    fn two_lines() -> Shares {
        let mut shares = Shares::default();
        for (line, name) in [(1, "anna"), (2, "ben")] {
            shares.queues.insert(line, Queue::default());
            shares.users.insert(name.into(), line);
        }
        shares
    }

    fn waiting(shares: &Shares, line: u64) -> usize {
        shares.queues[&line].waiting.len()
    }

    #[test]
    fn the_user_of_a_check_is_found_and_nothing_else_has_one() {
        assert_eq!(user_of(&check("anna:xyz")), Some("anna"));
        assert_eq!(user_of(&check("anna")), None);
        let whole = check("anna:xyz");
        for length in 0..whole.len() {
            let found = user_of(&whole[..length]);
            assert!(found.is_none() || length >= whole.len() - 3, "{length}: {found:?}");
        }
        assert_eq!(user_of(&[0x80; 40]), None, "RTP");
        assert_eq!(user_of(&[22; 40]), None, "DTLS");
        let mut response = whole;
        response[0] = 1;
        assert_eq!(user_of(&response), None, "an answer");
    }

    #[test]
    fn lines_are_told_apart_by_user_and_then_by_address() {
        let (mut shares, now) = (two_lines(), Instant::now());
        shares.route(&[0x80; 40], at(1), now);
        assert_eq!(shares.counts.strangers, 1);
        shares.route(&check("anna:x"), at(1), now);
        shares.route(&check("ben:x"), at(2), now);
        shares.route(&[0x80; 40], at(2), now);
        assert_eq!((waiting(&shares, 1), waiting(&shares, 2)), (1, 2));
        // A restart: a new name for the same line, which comes from elsewhere.
        shares.users.insert("anna2".into(), 1);
        shares.route(&check("anna2:x"), at(3), now);
        shares.route(&[0x80; 40], at(3), now);
        assert_eq!(waiting(&shares, 1), 3);
        shares.forget(1);
        shares.route(&[0x80; 40], at(3), now);
        assert_eq!((shares.counts.strangers, shares.peers.len(), shares.users.len()), (2, 1, 1));
    }

    #[test]
    fn nobody_takes_the_address_of_a_line_that_is_heard_and_a_new_page_may_have_that_of_a_silent_one() {
        let (mut shares, now) = (two_lines(), Instant::now());
        shares.route(&check("anna:x"), at(1), now);
        shares.route(&check("ben:x"), at(1), now);
        assert_eq!(shares.peers[&at(1)].line, 1, "the check itself is answered, by its own line");
        assert_eq!(waiting(&shares, 2), 1);
        shares.route(&check("ben:x"), at(1), now + ADDRESS_HELD);
        assert_eq!(shares.peers[&at(1)].line, 2);
    }

    #[test]
    fn a_line_that_moves_on_and_on_stays_reachable_where_it_is_now() {
        let (mut shares, now) = (two_lines(), Instant::now());
        shares.route(&check("ben:x"), at(9_999), now);
        for n in 0..100u16 {
            let (moved, name) = (now + Duration::from_secs(u64::from(n)), format!("anna{n}"));
            // Where we look for it, it may never have been.
            for looked in 0..10 {
                shares.know(at(10_000 + 10 * n + looked), 1, None);
            }
            shares.call(1, &name);
            shares.route(&check(&format!("{name}:x")), at(n), moved);
            let before = shares.counts.strangers;
            shares.route(&[0x80; 40], at(n), moved);
            assert_eq!(shares.counts.strangers, before, "after {n} moves");
            shares.queues.get_mut(&1).unwrap().waiting.clear();
        }
        assert_eq!(shares.peers.values().filter(|peer| peer.line == 1).count(), MAX_PEERS);
        assert_eq!(shares.users.values().filter(|line| **line == 1).count(), MAX_NAMES + 1, "and the one it had from the start");
        assert_eq!(shares.peers[&at(9_999)].line, 2, "nobody else's is forgotten");
    }

    #[test]
    fn who_floods_fills_their_own_line_only() {
        let (mut shares, now) = (two_lines(), Instant::now());
        for n in 0..2_000 {
            shares.route(&check("anna:x"), at(n), now);
        }
        assert_eq!((waiting(&shares, 1), shares.peers.len()), (WAITING, MAX_PEERS));
        assert_eq!(shares.counts.overflowed, 2_000 - WAITING as u64);
        shares.route(&check("ben:x"), at(5_000), now);
        assert_eq!(waiting(&shares, 2), 1);
    }
}
