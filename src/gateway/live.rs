//! The live driver: phone calls on real time.
//!
//! [`Gateway::open`] starts the desk, the journal and the threads for sound; [`Gateway::serve`] takes the calls of an
//! edge until it is told to stop. Each call is a task on one thread for sound ([`call`]), with a bounded inbox; engines
//! and signalling work elsewhere. What is *not* here: who may call and how that is said (`edge`).

pub mod call;
mod clock;
pub mod desk;
mod edge;
pub mod journal;
pub mod lateness;
pub mod lines;
mod moderation;
mod pace;
mod pair;
pub mod pages;
pub mod phones;
mod table;
mod threads;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::{Notify, broadcast};

use crate::base::{AgentId, CallId, Problems, Record, secs};
use crate::call::{CallInput, Command};
use crate::edge::{Invited, LegCommand};
use crate::handoff::desk::DeskInput;
use crate::handoff::trigger::{Does, TriggerTable};
use crate::store::Store;

use super::{Arrival, Kit};
use call::{Admission, Finished, News};
use clock::LiveClock;
use desk::DeskLine;
use edge::Shared;
use journal::Journal;
use lateness::Lateness;
use lines::{Lines, NotNow};
use moderation::moderated;
use pace::Pace;
use pages::Pages;
use phones::{PhoneBook, Places};
use threads::{Engines, move_sound_first};

pub use table::LiveTable;

/// Calls that may wait for a thread for sound to take them.
const ADMISSIONS: usize = 256;
/// Records that a watcher may be behind before it loses some.
const WATCHED: usize = 8_192;
/// Finished calls that may wait to be told of.
const FINISHED: usize = 1_024;
/// Longest name or number of a caller, in characters; what is beyond it nobody rings back.
const MAX_CALLER: usize = 128;
/// A caller who is refused for want of room may try again after this, in s.
const RETRY_AFTER_SECS: u32 = 30;
/// After the last words of a shutdown calls may take so long to end.
const LAST_WORDS: Duration = Duration::from_secs(15);

/// The live driver.
pub struct Gateway {
    kit: RwLock<Arc<Kit>>,
    table: LiveTable,
    shared: Shared,
    threads: Vec<Sender<Admission>>,
    calls: Mutex<BTreeMap<CallId, Sender<News>>>,
    /// No call begins any more; read and written while `calls` is held.
    is_shut: AtomicBool,
    emptied: Notify,
    lateness: Arc<Lateness>,
    engines: Engines,
    around: Around,
}

/// What a gateway is given for its calls.
#[derive(Debug, Default)]
pub struct Around {
    /// Where calls are sent that there is no room for.
    pub overload_target: Option<String>,
    /// The wall time from which all calls are dated, in place of the machine's; for what is played again.
    pub wall: Option<jiff::Zoned>,
    /// Where what happens is kept beside recordings.
    pub store: Option<Store>,
}

/// The gateway could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// Recordings can't be kept where they should.
    #[error("gateway.recordings: {0}")]
    Journal(std::io::Error),
    /// No thread for sound.
    #[error("no thread for sound could be started: {0}")]
    Thread(std::io::Error),
}

impl Gateway {
    /// Starts everything; calls that are over come out of the receiver, and must be taken. Must run inside the runtime
    /// in which signalling is to work; engines get threads of their own.
    ///
    /// # Errors
    /// A directory or a thread can't be made.
    pub fn open(
        kit: Kit,
        table: LiveTable,
        phones: PhoneBook,
        pages: Pages,
        around: Around,
    ) -> Result<(Arc<Gateway>, Receiver<Finished>), GatewayError> {
        let desk = DeskLine::open(&kit.tables().desk, secs(table.no_answer_pause_secs));
        let journal = Journal::open(table.recordings.as_deref(), around.store.clone()).map_err(GatewayError::Journal)?;
        let (watchers, _) = broadcast::channel(WATCHED);
        let lines = Lines::new(desk.clone(), secs(table.line_grace_secs));
        let media_timeout = secs(table.media_timeout_secs);
        let shared = Shared { desk, journal, phones: Arc::new(phones), lines, pages, watchers, media_timeout };
        let (finished, over) = channel(FINISHED);
        let lateness = Arc::new(Lateness::default());
        let count = match table.media_threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            n => n as usize,
        };
        let mut gateway = Gateway {
            kit: RwLock::new(Arc::new(kit)),
            table,
            shared,
            threads: Vec::new(),
            calls: Mutex::new(BTreeMap::new()),
            is_shut: AtomicBool::new(false),
            emptied: Notify::new(),
            lateness,
            engines: Engines::start().map_err(GatewayError::Thread)?,
            around,
        };
        let mut admissions = Vec::new();
        for _ in 0..count {
            let (sender, receiver) = channel(ADMISSIONS);
            gateway.threads.push(sender);
            admissions.push(receiver);
        }
        let gateway = Arc::new(gateway);
        for (n, admitted) in admissions.into_iter().enumerate() {
            let (gateway, finished) = (Arc::downgrade(&gateway), finished.clone());
            let started = std::thread::Builder::new().name(format!("sound-{n}")).spawn(move || sound_thread(&gateway, admitted, &finished));
            started.map_err(GatewayError::Thread)?;
        }
        Gateway::announce_phones(&gateway);
        Ok((gateway, over))
    }

    /// Takes calls until no more can come.
    pub async fn serve(&self, mut calls: Receiver<Invited>) {
        let mut next = 0;
        while let Some(invited) = calls.recv().await {
            next = (next + 1) % self.threads.len().max(1);
            self.admit(invited, next);
        }
    }

    /// Takes one call that does not come from an edge that is served; `None` if it is refused, which its leg is told.
    pub fn take(&self, invited: Invited) -> Option<CallId> {
        self.admit(invited, self.active() % self.threads.len().max(1))
    }

    /// Other calls begin with this kit from now on, and running ones keep theirs; but queues and agents are for all calls, and
    /// so is where agents are rung.
    pub fn reload(&self, kit: Kit, places: Places) {
        let mut current = self.kit.write();
        // Before those who are new can be rung.
        self.shared.desk.tell(DeskInput::Tables(kit.tables().desk.clone().into()));
        self.shared.phones.renew(places);
        *current = Arc::new(kit);
    }

    /// The triggers in force for calls that begin now.
    pub fn triggers(&self) -> Vec<TriggerTable> {
        self.kit().tables().triggers.clone()
    }

    /// A trigger does something else in calls that begin from now on, until the next reload. False if there is no such trigger.
    ///
    /// # Errors
    /// Every mistake in the triggers, by key.
    pub fn set_trigger(&self, name: &str, does: Does) -> Result<bool, Problems> {
        let mut current = self.kit.write();
        let Some(kit) = current.with_trigger(name, does)? else { return Ok(false) };
        *current = Arc::new(kit);
        Ok(true)
    }

    /// What happens in all calls from now on.
    pub fn watch(&self) -> broadcast::Receiver<Record> {
        self.shared.watchers.subscribe()
    }

    /// How late ticks are.
    pub fn lateness(&self) -> &Lateness {
        &self.lateness
    }

    /// Calls that go on now.
    pub fn active(&self) -> usize {
        self.calls().len()
    }

    /// Which calls go on now.
    pub fn going_on(&self) -> BTreeSet<CallId> {
        self.calls().keys().copied().collect()
    }

    /// Agents at screens.
    pub fn lines(&self) -> &Lines {
        &self.shared.lines
    }

    /// Somebody wants something of a running call, and hears whether it is theirs to ask; whether it is possible, records tell.
    ///
    /// # Errors
    /// There is no such call, it does not react, or it is not theirs to ask.
    pub async fn ask(&self, call: CallId, command: Command) -> Result<(), NotNow> {
        let inbox = self.calls().get(&call).cloned().ok_or(NotNow::NoCall)?;
        call::ask(&inbox, command).await
    }

    /// The number that stands for this entry where a browser calls it; `None` if there is no such entry, or browsers can't.
    pub fn web_number(&self, entry: &str) -> Option<String> {
        self.kit().tables().entries.iter().find(|table| table.name == entry)?.web_number()
    }

    /// A caller wants a person, and says so by a button; false if there is no such call, or it does not react.
    pub fn want_person(&self, call: CallId) -> bool {
        let inbox = self.calls().get(&call).cloned();
        inbox.is_some_and(|inbox| inbox.try_send(News::WantsPerson).is_ok())
    }

    /// The desk, for whoever tells it of agents.
    pub fn desk(&self) -> &DeskLine {
        &self.shared.desk
    }

    /// Waits until running calls are over, at most as long as configured; then their callers are told, and the calls end.
    /// The edge must not send new ones any more.
    pub async fn drain(&self) {
        if tokio::time::timeout(secs(self.table.drain_secs), self.until_empty()).await.is_ok() {
            return;
        }
        self.shut_down().await;
    }

    /// Tells the callers of all running calls that they end, and ends them. Who still comes is refused.
    pub async fn shut_down(&self) {
        {
            let calls = self.calls();
            self.is_shut.store(true, Ordering::Relaxed);
            for inbox in calls.values() {
                // A full inbox belongs to a call that is stuck; its legs end with the process.
                let _ = inbox.try_send(News::Call(CallInput::Shutdown));
            }
        }
        let _ = tokio::time::timeout(LAST_WORDS, self.until_empty()).await;
    }

    async fn until_empty(&self) {
        loop {
            let emptied = self.emptied.notified();
            if self.active() == 0 {
                return;
            }
            emptied.await;
        }
    }

    /// What calls begin with now.
    pub fn kit(&self) -> Arc<Kit> {
        self.kit.read().clone()
    }

    fn calls(&self) -> parking_lot::MutexGuard<'_, BTreeMap<CallId, Sender<News>>> {
        self.calls.lock()
    }

    /// Tells the desk whose phones can be rung, now and whenever one registers or is gone.
    fn announce_phones(gateway: &Arc<Gateway>) {
        let (mut registered, mut places) = (gateway.shared.phones.registered(), gateway.shared.phones.places());
        let mut reachable = BTreeSet::new();
        let mut announce = move |gateway: &Gateway, registered: &BTreeSet<String>| {
            let now = gateway.shared.phones.reachable(registered);
            for (agent, up) in now.difference(&reachable).map(|agent| (agent, true)).chain(reachable.difference(&now).map(|agent| (agent, false))) {
                gateway.on_line(agent, up);
            }
            reachable = now;
        };
        announce(gateway, &registered.borrow_and_update());
        let gateway = Arc::downgrade(gateway);
        tokio::spawn(async move {
            loop {
                let changed = tokio::select! {
                    changed = registered.changed() => changed,
                    changed = places.changed() => changed,
                };
                let (Ok(()), Some(gateway)) = (changed, gateway.upgrade()) else { return };
                announce(&gateway, &registered.borrow_and_update());
            }
        });
    }

    /// An agent's phone can be rung from now on, or not any more. Who has a phone that can be rung is available, unless they said
    /// otherwise.
    pub fn on_line(&self, agent: &AgentId, up: bool) {
        self.shared.lines.phone(agent, up);
        if up {
            self.shared.desk.phone_is_up(agent);
        }
    }

    fn admit(&self, invited: Invited, thread: usize) -> Option<CallId> {
        let Invited { called, caller, data, rate, from, reference, leg, .. } = invited;
        if self.active() >= self.table.max_calls as usize {
            tracing::warn!(reference, "refused: {} calls go on already", self.table.max_calls);
            let contact = self.around.overload_target.clone();
            let status = if contact.is_some() { 302 } else { 503 };
            refuse(&leg.commands, LegCommand::Refuse { status, retry_after_s: Some(RETRY_AFTER_SECS), contact });
            return None;
        }
        let kit = self.kit();
        let call = CallId(uuid::Uuid::now_v7());
        if let Some(target) = kit.elsewhere(&called, call) {
            tracing::info!(reference, %from, called, target, "sent on: not of the entry's share");
            refuse(&leg.commands, LegCommand::Refuse { status: 302, retry_after_s: None, contact: Some(target.to_owned()) });
            return None;
        }
        let clock = LiveClock::start();
        let wall = self.around.wall.clone().unwrap_or_else(|| jiff::Timestamp::now().to_zoned(kit.zone(&called)));
        let data = data.into_iter().map(|(name, value)| (name, value.0)).collect();
        let arrival = Arrival { call, called: called.clone(), caller: caller.map(|caller| caller.0.chars().take(MAX_CALLER).collect()), data, wall };
        let Some((mut plan, mut equipment)) = kit.admit(arrival, rate, None, self.engines.handle()) else {
            tracing::info!(reference, %from, called, "refused: no entry has this number");
            refuse(&leg.commands, LegCommand::Refuse { status: 404, retry_after_s: None, contact: None });
            return None;
        };
        equipment.voice = kit.voice();
        plan.return_patience = secs(self.table.line_grace_secs);
        tracing::debug!(%call, reference, %from, called, "a call begins");
        let inbox = call::inbox();
        if !self.begin(call, inbox.0.clone()) {
            tracing::info!(reference, "refused: we are stopping");
            refuse(&leg.commands, LegCommand::Refuse { status: 503, retry_after_s: Some(RETRY_AFTER_SECS), contact: None });
            return None;
        }
        let admission = Admission { plan, equipment, leg, clock, inbox };
        let Err(refused) = self.threads[thread].try_send(admission) else { return Some(call) };
        self.forget(call);
        let (tokio::sync::mpsc::error::TrySendError::Full(admission) | tokio::sync::mpsc::error::TrySendError::Closed(admission)) = refused;
        refuse(&admission.leg.commands, LegCommand::Refuse { status: 503, retry_after_s: Some(RETRY_AFTER_SECS), contact: None });
        None
    }

    /// Counts a call as going on; false once calls are ended, of which this one would not hear.
    fn begin(&self, call: CallId, inbox: Sender<News>) -> bool {
        let mut calls = self.calls();
        let is_open = !self.is_shut.load(Ordering::Relaxed);
        if is_open {
            calls.insert(call, inbox);
        }
        is_open
    }

    fn forget(&self, call: CallId) {
        self.calls().remove(&call);
        self.emptied.notify_waiters();
    }
}

fn refuse(commands: &Sender<LegCommand>, refusal: LegCommand) {
    // If it fails the leg is gone already, or hangs up as its sender is dropped.
    let _ = commands.try_send(refusal);
}

/// A thread that moves the sound of its calls, each a task of its own, as long as there is a gateway.
fn sound_thread(gateway: &Weak<Gateway>, mut admitted: Receiver<Admission>, finished: &Sender<Finished>) {
    move_sound_first();
    let served = moderated(async {
        let pace = Pace::new();
        while let Some(admission) = admitted.recv().await {
            let Some(gateway) = gateway.upgrade() else { return };
            let (finished, seat) = (finished.clone(), pace.seat());
            tokio::task::spawn_local(async move {
                let call = admission.plan.call;
                let over = call::run(admission, gateway.shared.clone(), (gateway.lateness.clone(), seat)).await;
                // Whoever told of finished calls is gone with the process.
                let _ = finished.send(over).await;
                gateway.forget(call);
            });
        }
    });
    if let Err(error) = served {
        tracing::error!(%error, "a thread for sound has no runtime; its calls are refused");
    }
}

#[cfg(test)]
mod tests;
