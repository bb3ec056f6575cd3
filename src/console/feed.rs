//! The live feed: what happens, told to every page that may know, in order, nothing missed and nothing twice.
//!
//! One task takes the records of all calls and what agents do, has them told by the [`Projection`], numbers what comes out and
//! keeps the latest [`ConsoleTable::feed_events`](super::ConsoleTable). A page that was cut off says what it saw last and goes on
//! from there ([`socket`]). Nothing is queued for a page: each reads on from its own place, and one that falls out of what is
//! kept reads everything anew. Numbers go on after a restart: they begin at the time of the start.

mod log;
pub(super) mod socket;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{Notify, broadcast};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::access::Whose;
use super::projection::{Audience, Projection, Told};
use super::views::{Event, Topic};
use crate::base::{CallId, Record};
use crate::gateway::live::Gateway;
pub(super) use log::{Log, Watcher};

/// How often the wall is brought up to date: a person sees no difference below this.
const FLUSH: Duration = Duration::from_millis(250);

/// How often it is asked which calls there still are: the end of one may have been missed.
const SETTLE: Duration = Duration::from_secs(5);

/// The feed. Clones are the same feed.
#[derive(Clone)]
pub(super) struct Feed(Arc<Mutex<Inner>>);

struct Inner {
    world: Projection,
    log: Log,
    seats: BTreeMap<u64, Seat>,
    next_seat: u64,
}

/// A page that is connected.
struct Seat {
    watcher: Watcher,
    wake: Arc<Notify>,
    /// Told to go.
    gone: CancellationToken,
}

impl Feed {
    /// Nothing has happened yet.
    pub(super) fn new(world: Projection, keep: usize) -> Feed {
        let first = u64::try_from(Timestamp::now().as_microsecond()).unwrap_or(1);
        Feed(Arc::new(Mutex::new(Inner { world, log: Log::new(first, keep), seats: BTreeMap::new(), next_seat: 0 })))
    }

    /// Takes what happens until told to stop.
    pub(super) async fn run(self, gateway: Arc<Gateway>, mut records: broadcast::Receiver<Record>, stop: CancellationToken) {
        let (mut flush, mut settle) = (tokio::time::interval(FLUSH), tokio::time::interval(SETTLE));
        flush.set_missed_tick_behavior(MissedTickBehavior::Delay);
        settle.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                record = records.recv() => match record {
                    Ok(record) => self.change(|world, now| world.on_record(&record, now)),
                    Err(broadcast::error::RecvError::Lagged(missed)) => {
                        tracing::warn!(missed, "the live feed came too late for some records; pages read everything anew");
                        self.change(|world, now| world.settle(&gateway.going_on(), now));
                        self.change(|_, _| vec![Told { to: Audience::All, topic: Topic::System, call: None, event: Event::Reset }]);
                    }
                    Err(broadcast::error::RecvError::Closed) => return,
                },
                _ = flush.tick() => self.change(Projection::flush),
                _ = settle.tick() => self.change(|world, now| world.settle(&gateway.going_on(), now)),
            }
        }
    }

    /// Something happened: whatever is to be told of it is told.
    pub(super) fn change(&self, change: impl FnOnce(&mut Projection, Timestamp) -> Vec<Told>) {
        let now = Timestamp::now();
        let mut inner = self.inner();
        for told in change(&mut inner.world, now) {
            let item = inner.log.push(told, now);
            inner.seats.values().filter(|seat| seat.watcher.wants(&item)).for_each(|seat| seat.wake.notify_one());
        }
    }

    /// A visitor calls: nothing of the call is told before it is known to be theirs. Gives the call, and the number after which
    /// what it tells begins.
    pub(super) fn visit(&self, begin: impl FnOnce() -> Option<CallId>) -> Option<(CallId, u64)> {
        let mut inner = self.inner();
        let call = begin()?;
        inner.world.on_visit(call);
        Some((call, inner.log.newest()))
    }

    /// Looks at what goes on, and as of which number.
    pub(super) fn look<T>(&self, look: impl FnOnce(&Projection, Timestamp) -> T) -> (T, u64) {
        let inner = self.inner();
        (look(&inner.world, Timestamp::now()), inner.log.newest())
    }

    /// Their pages are told to go.
    pub(super) fn dismiss(&self, whose: Whose) {
        let inner = self.inner();
        let is_theirs = |seat: &&Seat| whose.is(&seat.watcher.name, seat.watcher.session.as_deref());
        inner.seats.values().filter(is_theirs).for_each(|seat| seat.gone.cancel());
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock()
    }
}
