//! Two legs of a live call that hear each other and nothing else: their packets go from socket to socket as they come.
//!
//! The bridge says which legs these are ([`crate::sound::bridge::Bridge::plain_pair`]); [`LiveEdge::pair_up`] is asked
//! after everything that happens, so that packets stop at once when anything else is to be heard. Who listens or records
//! gets a copy by way of the jitter buffer, as ever. Packets wake a task of their own, beside the call's: it has nothing
//! else to look at, and who floods us with packets keeps nothing from the call.

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::io::Interest;
use tokio::net::UdpSocket;
use tokio_util::task::AbortOnDropHandle;

use crate::base::{LegId, Time};
use crate::gateway::Clock as _;

use super::clock::LiveClock;
use super::edge::{LiveEdge, Sounding};

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
    /// This task passes packets on; legs are tapped or not.
    Forwarding { task: AbortOnDropHandle<()>, is_tapped: bool },
}

impl Pair {
    /// True if packets are forwarded to this leg.
    pub fn forwards_to(&self, leg: LegId) -> bool {
        matches!(self.state, State::Forwarding { .. }) && (self.legs.0 == leg || self.legs.1 == leg)
    }

    /// Whether anybody listens or records, if packets are forwarded.
    pub fn tapped(&self) -> Option<bool> {
        match &self.state {
            State::Waiting { .. } => None,
            State::Forwarding { is_tapped, .. } => Some(*is_tapped),
        }
    }

    /// The legs.
    pub fn legs(&self) -> [LegId; 2] {
        [self.legs.0, self.legs.1]
    }

    /// The task that should forward has failed.
    fn is_broken(&self) -> bool {
        matches!(&self.state, State::Forwarding { task, .. } if task.is_finished())
    }
}

impl LiveEdge {
    /// These legs hear each other and nothing else, or none do. `is_tapped` if anybody else listens to them.
    pub fn pair_up(&mut self, legs: Option<(LegId, LegId)>, is_tapped: bool) {
        let legs = legs.filter(|legs| self.fit(*legs));
        match (&self.pair, legs) {
            (None, None) => {}
            (Some(_), None) => self.part(),
            (Some(pair), Some(legs)) if pair.legs == legs && !pair.is_broken() => self.tap(is_tapped),
            (_, Some(legs)) => {
                self.part();
                self.pair = Some(Pair { legs, state: State::Waiting { since: self.clock.now() } });
            }
        }
        self.begin_forwarding(is_tapped);
    }

    fn fit(&self, legs: (LegId, LegId)) -> bool {
        self.both(legs).is_some_and(|[a, b]| {
            let (a, b) = (a.borrow(), b.borrow());
            a.can_forward(&b) && b.can_forward(&a)
        })
    }

    /// Nothing is forwarded from now on.
    pub(super) fn part(&mut self) {
        self.tap(true);
        self.pair = None;
    }

    /// Whether anybody listens to forwarded legs, or records them, has changed.
    fn tap(&mut self, is_needed: bool) {
        let Some(Pair { legs, state: State::Forwarding { is_tapped, .. } }) = &mut self.pair else { return };
        if std::mem::replace(is_tapped, is_needed) != is_needed {
            for leg in [legs.0, legs.1] {
                if let Some(mut rtp) = self.rtp_of(leg) {
                    rtp.tap(is_needed);
                }
            }
        }
    }

    fn begin_forwarding(&mut self, is_tapped: bool) {
        let Some(Pair { legs, state: State::Waiting { since } }) = self.pair else { return };
        let Some(pair) = self.both(legs) else { return };
        let is_pause = pair.iter().all(|leg| leg.borrow().is_quiet());
        if !is_pause && self.clock.now().since(since) < PAUSE_WITHIN {
            return;
        }
        let watch = |leg: &Sounding| leg.borrow().wire().rtp().and_then(std::net::UdpSocket::try_clone).and_then(UdpSocket::from_std);
        self.pair = match (watch(pair[0]), watch(pair[1])) {
            (Ok(first), Ok(second)) => {
                pair.iter().for_each(|leg| leg.borrow_mut().tap(is_tapped));
                let task = tokio::task::spawn_local(forward(pair.map(Sounding::clone), [first, second], self.clock));
                Some(Pair { legs, state: State::Forwarding { task: AbortOnDropHandle::new(task), is_tapped } })
            }
            (Err(error), _) | (_, Err(error)) => {
                tracing::warn!(%error, "packets of a bridge can't be watched; they go on being mixed");
                None
            }
        };
    }
}

/// Passes on what comes from either leg, until it is aborted.
async fn forward(legs: [Sounding; 2], sockets: [UdpSocket; 2], clock: LiveClock) {
    loop {
        let came = poll_fn(|context| {
            let came = sockets.each_ref().map(|socket| has_packets(socket, context));
            if came.contains(&true) { Poll::Ready(came) } else { Poll::Pending }
        });
        let came = came.await;
        let now = clock.now();
        let (mut a, mut b) = (legs[0].borrow_mut(), legs[1].borrow_mut());
        if came[0] {
            a.forward(&mut b, now);
        }
        if came[1] {
            b.forward(&mut a, now);
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
