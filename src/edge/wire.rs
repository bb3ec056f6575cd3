//! Through what a leg's sound goes: sockets of its own, or an agent's line.

use std::io;
use std::net::{SocketAddr, UdpSocket};

use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::MediaSockets;
use crate::sound::rtp::MAX_DATAGRAM;

/// Packets that may wait in each direction of a line: more than a second, which is more than anybody wants to hear late.
pub const LINE_QUEUE: usize = 64;

/// Through what a leg's sound goes.
#[derive(Debug)]
pub enum Wire {
    /// Sockets of its own; reports (RTCP) are the leg's affair.
    Sockets(MediaSockets),
    /// A line, which deals with encryption and reports itself.
    Line(LineWire),
}

/// A line's sound while it belongs to a leg: plain RTP packets, whole, both ways. Dropping it gives the line back.
#[derive(Debug)]
pub struct LineWire {
    from_peer: Receiver<Vec<u8>>,
    to_peer: Sender<Vec<u8>>,
}

/// The line's side of a [`LineWire`].
#[derive(Debug)]
pub struct LineEnd {
    /// What the peer sends.
    pub to_leg: Sender<Vec<u8>>,
    /// What the peer is to hear; ends when the wire is dropped.
    pub from_leg: Receiver<Vec<u8>>,
}

impl LineWire {
    /// A wire and its other end.
    pub fn pair() -> (LineWire, LineEnd) {
        let (to_leg, from_peer) = channel(LINE_QUEUE);
        let (to_peer, from_leg) = channel(LINE_QUEUE);
        (LineWire { from_peer, to_peer }, LineEnd { to_leg, from_leg })
    }
}

impl From<MediaSockets> for Wire {
    fn from(sockets: MediaSockets) -> Self {
        Wire::Sockets(sockets)
    }
}

impl From<LineWire> for Wire {
    fn from(line: LineWire) -> Self {
        Wire::Line(line)
    }
}

impl Wire {
    /// The next packet that has come, if any: its length, and from where, if that can be anybody.
    pub(super) fn receive(&mut self, datagram: &mut [u8; MAX_DATAGRAM]) -> Option<(usize, Option<SocketAddr>)> {
        match self {
            // A datagram that was refused (ICMP) is an error of the one before; both mean that nothing is here.
            Wire::Sockets(sockets) => sockets.rtp.recv_from(datagram).ok().map(|(length, from)| (length, Some(from))),
            Wire::Line(line) => {
                let packet = line.from_peer.try_recv().ok()?;
                let length = packet.len().min(MAX_DATAGRAM);
                datagram[..length].copy_from_slice(&packet[..length]);
                Some((length, None))
            }
        }
    }

    /// Sends a packet; false if it could not be sent.
    pub(super) fn send(&self, datagram: &[u8], to: SocketAddr) -> bool {
        match self {
            Wire::Sockets(sockets) => sockets.rtp.send_to(datagram, to).is_ok(),
            Wire::Line(line) => line.to_peer.try_send(datagram.to_vec()).is_ok(),
        }
    }

    /// The sockets, if it has any.
    pub(super) fn sockets(&self) -> io::Result<&MediaSockets> {
        match self {
            Wire::Sockets(sockets) => Ok(sockets),
            Wire::Line(_) => Err(io::Error::new(io::ErrorKind::NotConnected, "a line has no sockets of its own")),
        }
    }

    /// The socket of its RTP.
    ///
    /// # Errors
    /// It is a line.
    pub fn rtp(&self) -> io::Result<&UdpSocket> {
        self.sockets().map(|sockets| &sockets.rtp)
    }

    /// The socket of its reports.
    ///
    /// # Errors
    /// It is a line.
    pub fn rtcp(&self) -> io::Result<&UdpSocket> {
        self.sockets().map(|sockets| &sockets.rtcp)
    }
}
