//! Two legs of a live call that hear each other and nothing else: their packets go from socket to socket as they come.
//!
//! The bridge says which legs these are ([`crate::sound::bridge::Bridge::plain_pair`]); [`LiveEdge::pair_up`] is asked
//! after everything that happens, so that packets stop at once when anything else is to be heard. Who listens or records
//! gets a copy by way of the jitter buffer, as ever.

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::io::Interest;
use tokio::net::UdpSocket;

use crate::base::{LegId, Time};
use crate::edge::rtp::RtpLeg;

use super::edge::LiveEdge;

/// What the jitter buffer holds back is skipped when forwarding begins, so it begins in a pause, or after this.
const PAUSE_WITHIN: Duration = Duration::from_secs(2);

/// Two legs that may be forwarded to each other.
pub(super) struct Pair {
    legs: (LegId, LegId),
    state: State,
}

enum State {
    /// Until both pause.
    Waiting { since: Time },
    /// The sockets tell when packets come.
    Forwarding([UdpSocket; 2]),
}

impl Pair {
    /// True if packets are forwarded to this leg.
    pub fn forwards_to(&self, leg: LegId) -> bool {
        matches!(self.state, State::Forwarding(_)) && (self.legs.0 == leg || self.legs.1 == leg)
    }
}

impl LiveEdge {
    /// These legs hear each other and nothing else, or none do. `is_tapped` if anybody else listens to them.
    pub fn pair_up(&mut self, legs: Option<(LegId, LegId)>, is_tapped: bool, now: Time) {
        let legs = legs.filter(|legs| self.fit(*legs));
        match (&self.pair, legs) {
            (None, None) => {}
            (Some(_), None) => self.part(),
            (Some(pair), Some(legs)) if pair.legs == legs => {}
            (_, Some(legs)) => {
                self.part();
                self.pair = Some(Pair { legs, state: State::Waiting { since: now } });
            }
        }
        self.begin_forwarding(is_tapped, now);
    }

    /// Waits until packets have come that are to be forwarded, and says from which of the two; for ever, if none are.
    pub async fn packet(&mut self) -> [bool; 2] {
        let Some(Pair { state: State::Forwarding(sockets), .. }) = &self.pair else { return std::future::pending().await };
        poll_fn(|context| {
            let came = sockets.each_ref().map(|socket| has_packets(socket, context));
            if came.contains(&true) { Poll::Ready(came) } else { Poll::Pending }
        })
        .await
    }

    /// Passes on what has come from either.
    pub fn forward(&mut self, came: [bool; 2], now: Time) {
        let Some(Pair { legs, state: State::Forwarding(_) }) = &self.pair else { return };
        if let Some((a, b)) = self.both(*legs) {
            if came[0] {
                a.forward(b, now);
            }
            if came[1] {
                b.forward(a, now);
            }
        }
    }

    fn fit(&mut self, legs: (LegId, LegId)) -> bool {
        self.both(legs).is_some_and(|(a, b)| a.can_forward(b) && b.can_forward(a))
    }

    /// Nothing is forwarded from now on.
    pub(super) fn part(&mut self) {
        let Some(Pair { legs, state: State::Forwarding(_) }) = self.pair.take() else { return };
        for leg in [legs.0, legs.1] {
            if let Some(rtp) = self.rtp_of(leg) {
                rtp.tap(true);
            }
        }
    }

    fn begin_forwarding(&mut self, is_tapped: bool, now: Time) {
        let Some(Pair { legs, state: State::Waiting { since } }) = &self.pair else { return };
        let (legs, since) = (*legs, *since);
        let Some((a, b)) = self.both(legs) else { return };
        if !(a.is_quiet() && b.is_quiet()) && now.since(since) < PAUSE_WITHIN {
            return;
        }
        a.tap(is_tapped);
        b.tap(is_tapped);
        let watch = |rtp: &RtpLeg| rtp.wire().rtp().and_then(std::net::UdpSocket::try_clone).and_then(UdpSocket::from_std);
        match (watch(a), watch(b)) {
            (Ok(first), Ok(second)) => self.pair = Some(Pair { legs, state: State::Forwarding([first, second]) }),
            (Err(error), _) | (_, Err(error)) => {
                tracing::warn!(%error, "packets of a bridge can't be watched; they go on being mixed");
                self.pair = None;
            }
        }
    }
}

/// True if packets have come since this was last true; wakes nobody when more do.
pub(super) fn has_come(socket: &UdpSocket) -> bool {
    has_packets(socket, &mut Context::from_waker(Waker::noop()))
}

/// True if packets have come since this was last true; wakes the task when more do.
fn has_packets(socket: &UdpSocket, context: &mut Context<'_>) -> bool {
    let mut has_packets = false;
    while socket.poll_recv_ready(context).is_ready() {
        // Who says that nothing is here forgets that something was. Packets are taken after this, so that what comes
        // meanwhile wakes us again.
        let _ = socket.try_io(Interest::READABLE, || Err::<(), _>(io::Error::from(io::ErrorKind::WouldBlock)));
        has_packets = true;
    }
    has_packets
}
