//! The one task that writes calls: it takes what they hand over, batch by batch, each in one transaction.
//!
//! Handing over never waits. What does not fit is dropped and counted; room is kept for begins and ends, of which there are few.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use sqlx::AnyPool;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::oneshot;
use tokio::time::{Instant, interval_at, sleep, timeout, timeout_at};

use super::away::{code_of, is_away};
use super::calls::{Began, find_listed, records};
use super::projection::{Facts, Projection, Rows, TARGETS};
use super::rows::{self, Row};
use super::{Store, StoreError, StoreTable};
use crate::base::{CallId, Record};

/// What has been handed over is written after so long at most, if the database keeps up.
const BATCH: Duration = Duration::from_millis(200);
/// What is written at once at most.
const BATCH_ITEMS: usize = 5_000;
/// Places of the queue that records leave free.
const RESERVED: usize = 2_000;
/// The database is tried again after so long, twice as long each time, up to [`LONGEST_PAUSE`].
const PAUSE: Duration = Duration::from_millis(200);
/// The longest time between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Calls that are followed at the same time; of more, the oldest are read again when they go on.
const FOLLOWED: usize = 20_000;
/// So often what is over is forgotten.
const TIDY: Duration = Duration::from_secs(3_600);

/// That there is no room is said once within this.
const SAID_AGAIN: Duration = Duration::from_secs(60);
/// Calls that are forgotten at once: no more than a moment's work.
const FORGOTTEN: u64 = 500;

/// What was written and what was not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Records that were written.
    pub written: u64,
    /// Records, begins and ends that were dropped: there was no room, or the database refused them.
    pub dropped: u64,
    /// What waits to be written.
    pub waiting: u64,
    /// True while the database is away.
    pub is_away: bool,
}

/// What is handed over.
enum Item {
    Began(Box<Began>),
    Happened(Box<Record>),
    Ended(CallId),
    /// Everything before this is written.
    Flush(oneshot::Sender<()>),
}

#[derive(Debug, Default)]
struct Tally {
    written: AtomicU64,
    dropped: AtomicU64,
    is_away: AtomicBool,
    /// Set until half of the queue is free again.
    is_full: AtomicBool,
    /// When that was said last, in s since the queue began, plus one; 0 for never.
    full_said: AtomicU64,
}

/// The calls' end of the queue.
#[derive(Debug)]
pub(super) struct Line {
    queue: Sender<Item>,
    tally: Arc<Tally>,
    began: Instant,
}

impl Line {
    /// Starts the task that writes.
    pub fn open(pool: AnyPool, table: &StoreTable) -> Line {
        let (queue, items) = channel(table.queue_records as usize + RESERVED);
        let tally = Arc::new(Tally::default());
        let keep = Duration::try_from_secs_f64(table.keep_days * 86_400.0).ok().filter(|keep| !keep.is_zero());
        let writer = Writer { pool, instance: table.instance.clone(), keep, tally: tally.clone(), followed: BTreeMap::new() };
        tokio::spawn(writer.run(items));
        Line { queue, tally, began: Instant::now() }
    }

    fn put(&self, item: Item, reserved: usize) {
        let fits = self.queue.capacity() > reserved;
        if fits && self.queue.try_send(item).is_ok() {
            if self.queue.capacity() > self.queue.max_capacity() / 2 {
                self.tally.is_full.store(false, Ordering::Relaxed);
            }
            return;
        }
        self.tally.dropped.fetch_add(1, Ordering::Relaxed);
        if !self.tally.is_full.swap(true, Ordering::Relaxed) && self.may_say() {
            tracing::error!("the store is too slow or away, and as much waits for it as may: records of calls are lost from now on");
        }
    }

    /// Whether it is long enough ago that we said that there is no room.
    fn may_say(&self) -> bool {
        let (now, last) = (self.began.elapsed().as_secs() + 1, self.tally.full_said.load(Ordering::Relaxed));
        let may = last == 0 || now >= last + SAID_AGAIN.as_secs();
        if may {
            self.tally.full_said.store(now, Ordering::Relaxed);
        }
        may
    }

    pub async fn flush(&self, within: Duration) -> bool {
        let (done, flushed) = oneshot::channel();
        let asked = timeout(within, async { self.queue.send(Item::Flush(done)).await.is_ok() && flushed.await.is_ok() });
        asked.await.unwrap_or(false)
    }

    pub fn counts(&self) -> Counts {
        Counts {
            written: self.tally.written.load(Ordering::Relaxed),
            dropped: self.tally.dropped.load(Ordering::Relaxed),
            waiting: (self.queue.max_capacity() - self.queue.capacity()) as u64,
            is_away: self.tally.is_away.load(Ordering::Relaxed),
        }
    }
}

impl Store {
    /// A call begins. Never waits.
    pub fn begin(&self, began: Began) {
        self.line.put(Item::Began(Box::new(began)), 0);
    }

    /// Something happened in a call. Never waits.
    pub fn record(&self, record: &Record) {
        self.line.put(Item::Happened(Box::new(record.clone())), RESERVED);
    }

    /// Nothing will come of a call any more. Never waits.
    pub fn end(&self, call: CallId) {
        self.line.put(Item::Ended(call), 0);
    }
}

/// A call that goes on.
struct Followed {
    projection: Projection,
    /// Counts up with each batch; the least was touched the longest ago.
    touched: u64,
}

struct Writer {
    pool: AnyPool,
    instance: String,
    keep: Option<Duration>,
    tally: Arc<Tally>,
    followed: BTreeMap<CallId, Followed>,
}

impl Writer {
    async fn run(mut self, mut items: Receiver<Item>) {
        let mut tidy = interval_at(Instant::now(), TIDY);
        let mut batch = 0;
        loop {
            tokio::select! {
                first = items.recv() => match first {
                    Some(first) => {
                        batch += 1;
                        let taken = gather(first, &mut items).await;
                        self.write(taken, batch).await;
                    }
                    None => return,
                },
                _ = tidy.tick() => {
                    if self.tidy().await {
                        tidy.reset_after(BATCH);
                    }
                }
            }
        }
    }

    async fn write(&mut self, items: Vec<Item>, batch: u64) {
        let mut rows: BTreeMap<CallId, Rows> = BTreeMap::new();
        let (mut ended, mut flushes) = (Vec::new(), Vec::new());
        for item in items {
            match item {
                Item::Began(began) => {
                    let facts = Facts { instance: self.instance.clone(), began: began.at, recordings: began.recordings };
                    let followed = self.follow(began.call, facts.clone(), batch).await;
                    followed.projection.correct(facts);
                    rows.entry(began.call).or_default();
                }
                Item::Happened(record) => {
                    let of = rows.entry(record.subject).or_default();
                    let facts = self.guess(&record);
                    self.follow(record.subject, facts, batch).await.projection.note(&record, of);
                }
                Item::Ended(call) => {
                    rows.entry(call).or_default();
                    let facts = Facts { instance: self.instance.clone(), began: Timestamp::now(), recordings: None };
                    self.follow(call, facts, batch).await.projection.end();
                    ended.push(call);
                }
                Item::Flush(done) => flushes.push(done),
            }
        }
        for (call, rows) in &mut rows {
            if let Some(followed) = self.followed.get_mut(call) {
                followed.projection.tell(rows);
            }
        }
        self.put(&rows).await;
        for call in ended {
            self.followed.remove(&call);
        }
        while self.followed.len() > FOLLOWED {
            let oldest = self.followed.iter().min_by_key(|(_, followed)| followed.touched).map(|(call, _)| *call);
            let _ = oldest.and_then(|call| self.followed.remove(&call));
        }
        for done in flushes {
            // Whoever waited has gone.
            let _ = done.send(());
        }
    }

    /// What can be said of a call whose begin got lost.
    fn guess(&self, record: &Record) -> Facts {
        let since = SignedDuration::from_micros(i64::try_from(record.at.as_micros()).unwrap_or_default());
        Facts { instance: self.instance.clone(), began: Timestamp::now().checked_sub(since).unwrap_or_default(), recordings: None }
    }

    /// The call as far as it is known: from what was handed over, or from what was written before.
    async fn follow(&mut self, call: CallId, facts: Facts, batch: u64) -> &mut Followed {
        if !self.followed.contains_key(&call) {
            let mut pause = PAUSE;
            let projection = loop {
                match self.read(call, facts.clone()).await {
                    Ok(projection) => break projection,
                    Err(StoreError::Database(error)) if is_away(&error) => self.wait(&error, &mut pause).await,
                    Err(error) => {
                        tracing::error!(%call, %error, "what is kept of the call can't be read; it begins anew");
                        break Projection::new(call, facts);
                    }
                }
            };
            self.is_back();
            self.followed.insert(call, Followed { projection, touched: batch });
        }
        let followed = self.followed.get_mut(&call).expect("it was put there");
        followed.touched = batch;
        followed
    }

    async fn read(&self, call: CallId, facts: Facts) -> Result<Projection, StoreError> {
        let Some(kept) = find_listed(&self.pool, call).await? else { return Ok(Projection::new(call, facts)) };
        let facts = Facts { began: kept.began, recordings: kept.recordings.or(facts.recordings), ..facts };
        let mut projection = Projection::new(call, facts);
        records(&self.pool, call).await?.iter().for_each(|record| projection.learn(record));
        Ok(projection)
    }

    /// Writes until it is written. What the database refuses for good is dropped, call by call.
    async fn put(&mut self, rows: &BTreeMap<CallId, Rows>) {
        let all: Vec<&Rows> = rows.values().collect();
        if self.insist(&all).await {
            return;
        }
        for (call, rows) in rows {
            if !self.insist(&[rows]).await {
                self.tally.dropped.fetch_add(rows[1].len() as u64, Ordering::Relaxed);
                // What is there is not what was told.
                self.followed.remove(call);
                tracing::error!(%call, "the database refuses the call's records; they are lost");
            }
        }
    }

    /// False if the database refuses them for good.
    async fn insist(&self, rows: &[&Rows]) -> bool {
        let mut pause = PAUSE;
        loop {
            match self.try_write(rows).await {
                Ok(()) => break,
                Err(error) if is_away(&error) => self.wait(&error, &mut pause).await,
                // Its sentence may have words of callers in it.
                Err(error) => {
                    tracing::error!(code = code_of(&error), calls = rows.len(), "the database refuses what was to be written");
                    return false;
                }
            }
        }
        self.is_back();
        self.tally.written.fetch_add(rows.iter().map(|rows| rows[1].len() as u64).sum(), Ordering::Relaxed);
        true
    }

    async fn try_write(&self, rows: &[&Rows]) -> Result<(), sqlx::Error> {
        let mut change = self.pool.begin().await?;
        for (n, target) in TARGETS.into_iter().enumerate() {
            let of_all: Vec<&Row> = rows.iter().flat_map(|rows| &rows[n]).collect();
            rows::write(&mut change, target, &of_all).await?;
        }
        change.commit().await
    }

    async fn wait(&self, error: &sqlx::Error, pause: &mut Duration) {
        if !self.tally.is_away.swap(true, Ordering::Relaxed) {
            tracing::error!(%error, "the store is away; records wait for it");
        }
        sleep(*pause).await;
        *pause = (*pause * 2).min(LONGEST_PAUSE);
    }

    fn is_back(&self) {
        if self.tally.is_away.swap(false, Ordering::Relaxed) {
            let dropped = self.tally.dropped.load(Ordering::Relaxed);
            tracing::warn!(dropped, "the store is back");
        }
    }

    /// Forgets sessions that are over, and some calls that are kept for long enough. True if there are more of them.
    async fn tidy(&self) -> bool {
        let now = Timestamp::now();
        let sessions = sqlx::query("DELETE FROM sessions WHERE ends < $1").bind(now.as_second()).execute(&self.pool).await;
        let calls = match self.keep.and_then(|keep| now.checked_sub(keep).ok()) {
            Some(before) => {
                let some = "DELETE FROM calls WHERE id IN (SELECT id FROM calls WHERE ended_us < $1 ORDER BY ended_us LIMIT $2)";
                sqlx::query(some).bind(before.as_microsecond()).bind(FORGOTTEN as i64).execute(&self.pool).await
            }
            None => Ok(Default::default()),
        };
        match sessions.and(calls) {
            Ok(forgotten) => self.keep.is_some() && forgotten.rows_affected() >= FORGOTTEN,
            Err(error) => {
                tracing::warn!(%error, "what is over could not be forgotten; it is tried again in an hour");
                false
            }
        }
    }
}

/// Whatever comes within [`BATCH`] of the first.
async fn gather(first: Item, items: &mut Receiver<Item>) -> Vec<Item> {
    let until = Instant::now() + BATCH;
    let is_awaited = |item: &Item| matches!(item, Item::Flush(_));
    let mut taken = vec![first];
    while taken.len() < BATCH_ITEMS && !taken.last().is_some_and(is_awaited) {
        match timeout_at(until, items.recv()).await {
            Ok(Some(item)) => taken.push(item),
            Ok(None) | Err(_) => break,
        }
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn that_there_is_no_room_is_so_until_half_of_it_is_free_and_is_said_once_a_minute() {
        let (queue, mut items) = channel(8);
        let line = Line { queue, tally: Arc::default(), began: Instant::now() };
        let put = |count: usize| (0..count).for_each(|_| line.put(Item::Ended(CallId(uuid::Uuid::from_u128(1))), 0));
        let is_full = || line.tally.is_full.load(Ordering::Relaxed);
        put(8);
        assert!(!is_full());
        put(2);
        assert!(is_full() && line.counts().dropped == 2 && !line.may_say());
        for (taken, expected) in [(2, true), (5, false)] {
            (0..taken).for_each(|_| drop(items.try_recv().unwrap()));
            put(1);
            assert_eq!(is_full(), expected, "{:?}", line.counts());
        }
        put(6);
        assert!(is_full() && !line.may_say(), "it comes and goes, and is said once");
    }
}
