//! From whom a leg takes sound: one address, and one source (SSRC) at a time.
//!
//! Sound is taken from the address that was agreed on, or, where the peer is behind NAT, from the one other address that
//! keeps sending: once, and only until the one that was agreed on sends. A new source is believed when the one before has fallen silent, or sends on alone.

use std::net::SocketAddr;
use std::time::Duration;

use crate::base::Time;
use crate::sound::rtp::Packet;

/// Packets in sequence from another address before it is believed to be the peer's.
pub(super) const LATCH_AFTER: u32 = 5;
/// A source that has sent nothing for so long may be followed by another at once.
const SOURCE_GONE: Duration = Duration::from_millis(100);
/// Packets in sequence of another source, with none of the present one between them, before it takes its place.
const SWITCH_AFTER: u32 = 3;

/// Where a leg sends to and hears from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source {
    agreed: SocketAddr,
    agreed_rtcp: SocketAddr,
    /// Where it sends to and hears from.
    pub peer: SocketAddr,
    /// The same for reports.
    pub peer_rtcp: SocketAddr,
    latch: Latch,
    now: Option<Speaking>,
    rival: Option<Run>,
}

/// From whom sound is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Latch {
    /// As agreed; another address may have sent some packets in sequence.
    Agreed { other: Option<(SocketAddr, Run)> },
    /// Another address was believed; the agreed one may have sent some packets in sequence since.
    Guessed { agreed: Option<Run> },
    /// It is the agreed address, for good.
    Locked,
}

/// Packets in sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    ssrc: u32,
    sequence: u16,
    length: u32,
}

/// The source that is heard.
#[derive(Clone, Copy, Debug)]
struct Speaking {
    ssrc: u32,
    at: Time,
}

/// Who sent a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sender {
    /// The peer.
    Peer,
    /// Somebody at another address.
    Stranger,
    /// Another source at the peer's address.
    OtherSource,
}

impl Run {
    /// One more packet, or a new run.
    fn add(run: Option<Run>, packet: &Packet<'_>) -> Run {
        let length = match run {
            Some(run) if run.ssrc == packet.ssrc && packet.sequence == run.sequence.wrapping_add(1) => run.length + 1,
            Some(_) | None => 1,
        };
        Run { ssrc: packet.ssrc, sequence: packet.sequence, length }
    }
}

impl Source {
    pub fn new(agreed: SocketAddr, agreed_rtcp: SocketAddr) -> Self {
        Source { agreed, agreed_rtcp, peer: agreed, peer_rtcp: agreed_rtcp, latch: Latch::Agreed { other: None }, now: None, rival: None }
    }

    /// The SSRC that is heard.
    #[cfg(test)]
    pub fn ssrc(&self) -> Option<u32> {
        self.now.map(|now| now.ssrc)
    }

    /// True if nothing from this address can be the peer's any more.
    pub fn is_stranger(&self, from: SocketAddr) -> bool {
        let is_settled = match self.latch {
            Latch::Agreed { .. } => false,
            Latch::Guessed { .. } => from != self.agreed,
            Latch::Locked => true,
        };
        from != self.peer && is_settled
    }

    /// Who sent this packet, which has passed authentication if there is any.
    pub fn admit(&mut self, from: SocketAddr, packet: &Packet<'_>, now: Time) -> Sender {
        if !self.is_peer(from, packet) {
            return Sender::Stranger;
        }
        match self.now {
            Some(speaking) if speaking.ssrc != packet.ssrc && now.since(speaking.at) < SOURCE_GONE => {
                let run = Run::add(self.rival, packet);
                self.rival = Some(run);
                if run.length < SWITCH_AFTER {
                    return Sender::OtherSource;
                }
            }
            Some(_) | None => {}
        }
        self.rival = None;
        self.now = Some(Speaking { ssrc: packet.ssrc, at: now });
        Sender::Peer
    }

    fn is_peer(&mut self, from: SocketAddr, packet: &Packet<'_>) -> bool {
        if from == self.peer {
            if self.peer == self.agreed {
                self.latch = Latch::Locked;
            }
            return true;
        }
        match &mut self.latch {
            Latch::Locked => false,
            Latch::Guessed { agreed } => {
                let run = Run::add(*agreed, packet);
                *agreed = Some(run);
                if from != self.agreed || run.length < LATCH_AFTER {
                    return false;
                }
                (self.peer, self.peer_rtcp, self.latch) = (self.agreed, self.agreed_rtcp, Latch::Locked);
                true
            }
            Latch::Agreed { other } => {
                let run = Run::add(other.filter(|(address, _)| *address == from).map(|(_, run)| run), packet);
                *other = Some((from, run));
                if run.length < LATCH_AFTER {
                    return false;
                }
                tracing::debug!(agreed = %self.peer, %from, "a leg's sound comes from another address than was agreed (NAT)");
                self.peer = from;
                self.peer_rtcp = if self.agreed_rtcp == self.agreed { from } else { SocketAddr::new(from.ip(), from.port().saturating_add(1)) };
                self.latch = Latch::Guessed { agreed: None };
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(sequence: u16, ssrc: u32) -> Packet<'static> {
        Packet { marker: false, payload_type: 0, sequence, timestamp: 0, ssrc, payload: &[0; 160] }
    }

    #[test]
    fn another_address_is_believed_until_the_agreed_one_sends_and_then_never_again() {
        let [agreed, other, third] = [1, 2, 3].map(|n| SocketAddr::from(([192, 0, 2, n], 4_000)));
        let mut source = Source::new(agreed, agreed);
        let mut at = 0;
        let mut send = |from, ssrc, packets: u16| {
            let admitted = (0..packets).filter(|n| {
                at += 20;
                !source.is_stranger(from) && source.admit(from, &packet(*n, ssrc), Time::from_millis(at)) == Sender::Peer
            });
            (admitted.count(), source.peer)
        };
        let late = LATCH_AFTER as usize - 1;
        assert_eq!(send(other, 1, 50), (50 - late, other), "behind NAT");
        assert_eq!(send(third, 2, 50), (0, other), "one guess is enough");
        // It has fallen silent meanwhile, so that the agreed one's source is taken at once.
        assert_eq!(send(agreed, 3, 50), (50 - late, agreed), "who was agreed on needs no guess");
        assert_eq!(send(other, 1, 50), (0, agreed));
    }

    #[test]
    fn a_flood_of_sources_does_not_push_the_speaker_out_and_a_restart_does() {
        let address = SocketAddr::from(([192, 0, 2, 1], 4_000));
        let mut source = Source::new(address, address);
        let at = |n: u64| Time::from_millis(n * 20);
        let mut heard = 0;
        for n in 0..100u16 {
            heard += u32::from(source.admit(address, &packet(n, 1), at(n.into())) == Sender::Peer);
            for other in 2..40 {
                assert_eq!(source.admit(address, &packet(n, other), at(n.into())), Sender::OtherSource);
            }
        }
        assert_eq!((heard, source.ssrc()), (100, Some(1)));
        let restarted: Vec<Sender> = (0..4).map(|n| source.admit(address, &packet(n, 9), at(100 + u64::from(n)))).collect();
        assert_eq!(restarted, [Sender::OtherSource, Sender::OtherSource, Sender::Peer, Sender::Peer]);
        assert_eq!(source.admit(address, &packet(7, 10), at(110)), Sender::Peer, "after a pause at once");
    }
}
