//! Where legs enter and leave: shapes that every edge shares, and one file for each kind.
//!
//! An edge gives each leg a [`Leg`]: commands go in, [`LegEvent`]s come out. Sound does not pass through it: when an
//! offer is answered the edge hands over a socket with a [`MediaPlan`], and whoever drives the call's sound owns it from
//! then on. What is *not* here: who is called and why (gateway), and what is heard (listen).

pub mod rtp;
pub mod sip;
pub mod webrtc;

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicU16, Ordering};

use tokio::sync::mpsc::{Receiver, Sender, channel};

use crate::base::{Key, Pii, Rate};
use crate::call::Gone;
use crate::sound::codec::Codec;
use crate::sound::rtp::MAX_DATAGRAM;

/// Commands and events that may wait for a leg.
pub const LEG_QUEUE: usize = 64;
/// Packets that may wait in each direction of a line: more than a second, which is more than anybody wants to hear late.
pub const LINE_QUEUE: usize = 64;
/// How nice threads are that move sound: one gets nine times the time of a usual one.
const SOUND_NICE: i32 = -10;

/// The calling thread moves sound from now on, and goes first where others want the same core, other programs too. False if
/// this process may not say so (it needs root, `CAP_SYS_NICE` or `RLIMIT_NICE`).
pub fn go_first() -> bool {
    rustix::process::nice(SOUND_NICE).is_ok()
}

/// One party's signalling: an early or confirmed dialog.
#[derive(Debug)]
pub struct Leg {
    /// What it is to do. Dropping the sender hangs up.
    pub commands: Sender<LegCommand>,
    /// What became of it; ends after [`LegEvent::Gone`] or [`LegEvent::Refused`].
    pub events: Receiver<LegEvent>,
}

/// A call that comes in and rings.
#[derive(Debug)]
pub struct Invited {
    /// Whom the caller dialled: the user part of the request URI.
    pub called: String,
    /// The caller's number or user name, asserted by the trunk where it does.
    pub caller: Option<Pii<String>>,
    /// What the signalling says of the caller, each name once, bounded and without numbers of payment cards:
    /// `asserted_identity`, `diversion` with `diversion_reason`, `history_info`, `user_to_user` with
    /// `user_to_user_purpose`, and configured headers by their lower-case name.
    pub data: Vec<(String, Pii<String>)>,
    /// The name of the trunk that it came from, if any.
    pub trunk: Option<String>,
    /// What the agreed codec carries; narrow band where none is agreed yet.
    pub rate: Rate,
    /// Where it came from.
    pub from: SocketAddr,
    /// The dialog's Call-ID, for the log.
    pub reference: String,
    /// Its signalling.
    pub leg: Leg,
}

/// What a leg is to do.
#[derive(Clone, Debug, PartialEq)]
pub enum LegCommand {
    /// Tell the caller that it rings (180).
    Ring,
    /// Answer; [`LegEvent::Media`] and [`LegEvent::Answered`] follow.
    Answer,
    /// Refuse the call with this SIP status.
    Refuse {
        /// 300 to 699.
        status: u16,
        /// When to try again, in s.
        retry_after_s: Option<u32>,
        /// Where to try instead (3xx).
        contact: Option<String>,
    },
    /// Put the party on hold, or take them back.
    Hold(bool),
    /// Send the party to this `sip:` or `tel:` target by REFER; [`LegEvent::Moved`] or [`LegEvent::Unmovable`] follows.
    Refer {
        /// Kept as it is.
        target: String,
        /// A `User-to-User` value for the new call, if any.
        user_to_user: Option<String>,
    },
    /// Tell the party how the transfer goes that it asked for ([`LegEvent::Referred`]): from 200 on it is decided.
    Referral {
        /// SIP status.
        status: u16,
    },
    /// Hang up, or cancel if it was not answered.
    HangUp {
        /// Goes into a `Reason` header.
        cause: u16,
        /// In words.
        text: String,
    },
}

/// What became of a leg.
#[derive(Debug)]
pub enum LegEvent {
    /// The dialled party's phone rings (180, or 183 without sound).
    Ringing,
    /// Sound is agreed, for the first time (with its wire; early media, if [`LegEvent::Answered`] has not come), or changed.
    Media {
        /// What was agreed.
        plan: MediaPlan,
        /// What the leg's sound goes through, the first time.
        wire: Option<Wire>,
    },
    /// The dialog is confirmed: for an incoming leg the ACK came, for a dialled one the 200.
    Answered,
    /// A key by signalling (INFO).
    Key(Key),
    /// The party wants the call to be sent to this target (REFER); it was accepted, and waits for [`LegCommand::Referral`].
    Referred {
        /// As it was written.
        target: String,
    },
    /// Another leg takes the place of this one, which ends by itself: the party goes on at another phone (RFC 3891).
    /// [`LegEvent::Media`] comes first of it.
    Replaced(Leg),
    /// As [`LegEvent::Replaced`], by somebody else: whoever the party has talked to on another line (attended transfer).
    Brought(Leg),
    /// A REFER of ours came to its end: the party was taken, or not.
    Moved(bool),
    /// The party can't be sent anywhere: it does not allow REFER, or refused ours.
    Unmovable,
    /// A dialled party refused, or could not be reached, with the final status; 408 where nobody answered.
    Refused {
        /// SIP status.
        status: u16,
        /// Its phrase.
        reason: String,
    },
    /// The dialog is over: the party hung up or cancelled, or signalling was lost.
    Gone(Gone),
}

/// What offer and answer agreed on for one leg's sound.
#[derive(Clone, Debug, PartialEq)]
pub struct MediaPlan {
    /// Where its RTP is to be sent.
    pub remote: SocketAddr,
    /// Where its RTCP is to be sent; equal to `remote` with `a=rtcp-mux`.
    pub remote_rtcp: SocketAddr,
    /// How sound is coded, both ways.
    pub codec: Codec,
    /// The payload type that the peer expects for `codec`.
    pub payload: u8,
    /// The payload type that we announced for `codec`, which the peer sends.
    pub payload_in: u8,
    /// The payload type of telephone-event (RFC 4733) that the peer expects; `None` if it takes none.
    pub event_payload: Option<u8>,
    /// The payload type of telephone-event that we announced.
    pub event_payload_in: Option<u8>,
    /// Units of a second in which telephone-event counts, which need not be those of `codec` (RFC 4733, 2.1).
    pub event_clock_hz: u32,
    /// The payload type 13 (RFC 3389) was agreed.
    pub comfort_noise: bool,
    /// The peer wants to hear us.
    pub sends: bool,
    /// The peer sends to us; false while it has us on hold.
    pub receives: bool,
    /// The longest packet time that the peer asked for, in ms (20 unless it said so).
    pub ptime_ms: u32,
    /// Master keys with salts of SRTP by SDES, AES_CM_128_HMAC_SHA1_80 (RFC 4568).
    pub srtp: Option<SrtpKeys>,
}

/// Keys of SRTP: 16 octets of master key, 14 of salt.
#[derive(Clone, PartialEq, Eq)]
pub struct SrtpKeys {
    /// For what we send.
    pub ours: [u8; 30],
    /// For what we receive.
    pub theirs: [u8; 30],
}

impl std::fmt::Debug for SrtpKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SrtpKeys(…)")
    }
}

/// The sockets of one leg's sound, non-blocking.
#[derive(Debug)]
pub struct MediaSockets {
    /// RTP, on an even port.
    pub rtp: UdpSocket,
    /// RTCP, on the next port.
    pub rtcp: UdpSocket,
}

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
    fn receive(&mut self, datagram: &mut [u8; MAX_DATAGRAM]) -> Option<(usize, Option<SocketAddr>)> {
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
    fn send(&self, datagram: &[u8], to: SocketAddr) -> bool {
        match self {
            Wire::Sockets(sockets) => sockets.rtp.send_to(datagram, to).is_ok(),
            Wire::Line(line) => line.to_peer.try_send(datagram.to_vec()).is_ok(),
        }
    }

    /// The sockets, if it has any.
    fn sockets(&self) -> io::Result<&MediaSockets> {
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

/// Ports for sound: pairs from a range, in turn.
#[derive(Debug)]
pub struct Ports {
    address: IpAddr,
    first: u16,
    pairs: u16,
    next: AtomicU16,
}

/// No pair of ports in the range is free.
#[derive(Debug, thiserror::Error)]
#[error("no free pair of ports between {first} and {last} on {address}")]
pub struct NoPort {
    address: IpAddr,
    first: u16,
    last: u16,
}

impl Ports {
    /// Pairs from `first` to `last` on this address. An odd first port is left out.
    pub fn new(address: IpAddr, first: u16, last: u16) -> Self {
        let first = first.saturating_add(first % 2);
        let pairs = (last.saturating_sub(first).saturating_add(1)) / 2;
        Ports { address, first, pairs, next: AtomicU16::new(0) }
    }

    /// The address that the sockets are bound to.
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// Binds the next free pair.
    ///
    /// # Errors
    /// None of the range is free.
    pub fn bind(&self) -> Result<MediaSockets, NoPort> {
        for _ in 0..self.pairs {
            let n = self.next.fetch_add(1, Ordering::Relaxed) % self.pairs;
            if let Ok(sockets) = self.bind_at(self.first + 2 * n) {
                return Ok(sockets);
            }
        }
        Err(NoPort { address: self.address, first: self.first, last: self.first.saturating_add(self.pairs.saturating_mul(2)).saturating_sub(1) })
    }

    fn bind_at(&self, port: u16) -> io::Result<MediaSockets> {
        let rtp = UdpSocket::bind((self.address, port))?;
        let rtcp = UdpSocket::bind((self.address, port + 1))?;
        rtp.set_nonblocking(true)?;
        rtcp.set_nonblocking(true)?;
        Ok(MediaSockets { rtp, rtcp })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_gives_each_pair_once_and_then_says_that_it_is_used_up() {
        let ports = Ports::new(IpAddr::from([127, 0, 0, 1]), 42_001, 42_007);
        let taken: Vec<_> = std::iter::from_fn(|| ports.bind().ok()).collect();
        assert!(taken.len() <= 3 && !taken.is_empty(), "{}", taken.len());
        let is_even = |sockets: &MediaSockets| sockets.rtp.local_addr().is_ok_and(|address| address.port() % 2 == 0);
        assert!(taken.iter().all(is_even));
        assert!(ports.bind().is_err_and(|e| e.to_string().contains("between 42002 and 42007")));
        drop(taken);
        assert!(ports.bind().is_ok());
    }
}
