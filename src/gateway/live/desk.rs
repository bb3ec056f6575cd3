//! The desk at work: one task for all calls.
//!
//! Calls send it messages and never wait; its news goes into the inbox of the call that it is about. Each call counts
//! time from its own first ring, the desk from its own start: [`Shift`] carries times from one to the other. An agent
//! on a phone has no page on which to say that they are back, so one who let an offer pass is on duty again after
//! [`LiveTable::no_answer_pause_secs`](super::LiveTable).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::watch;

use crate::base::{AgentId, CallId, OfferOutcome, QueueId, Time};
use crate::call::CallInput;
use crate::handoff::desk::{AgentState, Desk, DeskInput, DeskOutput, DeskTables, Presence, QueueView};

use super::call::News;

/// Messages that may wait for the desk.
const QUEUE: usize = 4_096;
/// How often deadlines and expected waits are looked at.
const TICK: Duration = Duration::from_millis(100);

/// What the desk's task is told.
#[derive(Debug)]
enum Told {
    /// A call begins; it hears of its own tickets and of this queue.
    Began(CallId, QueueId, Sender<News>),
    /// A call is over.
    Ended(CallId),
    /// A message for the desk.
    Message(DeskInput),
}

/// How calls reach the desk.
#[derive(Clone, Debug)]
pub struct DeskLine {
    told: Sender<Told>,
    origin: Instant,
    agents: watch::Receiver<Agents>,
}

/// All agents, as they are now.
pub type Agents = Arc<BTreeMap<AgentId, AgentNow>>;

/// How an agent is.
#[derive(Clone, Debug, PartialEq)]
pub struct AgentNow {
    /// What they are doing.
    pub state: AgentState,
    /// What they have said of themselves, or was said for them.
    pub presence: Presence,
    /// Since when `state` is so.
    pub since: jiff::Timestamp,
}

impl DeskLine {
    /// Starts the desk; it ends when nobody can reach it any more.
    pub fn open(tables: &DeskTables, no_answer_pause: Duration) -> DeskLine {
        let (told, messages) = channel(QUEUE);
        let origin = Instant::now();
        let desk = Desk::new(tables);
        let since = jiff::Timestamp::now();
        let now = |(agent, state): (&AgentId, AgentState)| (agent.clone(), AgentNow { state, presence: Presence::Offline, since });
        let (agents, watched) = watch::channel(Arc::new(desk.agents().map(now).collect()));
        let service = DeskService { desk, origin, calls: BTreeMap::new(), back: Vec::new(), no_answer_pause, agents };
        tokio::spawn(service.run(messages));
        DeskLine { told, origin, agents: watched }
    }

    /// All agents, now and whenever one of them changes.
    pub fn agents(&self) -> watch::Receiver<Agents> {
        self.agents.clone()
    }

    /// When the desk's time began.
    pub fn origin(&self) -> Instant {
        self.origin
    }

    /// A call begins.
    pub fn begin(&self, call: CallId, queue: QueueId, inbox: Sender<News>) {
        self.send(Told::Began(call, queue, inbox));
    }

    /// A call is over.
    pub fn end(&self, call: CallId) {
        self.send(Told::Ended(call));
    }

    /// A message in the desk's time.
    pub fn tell(&self, message: DeskInput) {
        self.send(Told::Message(message));
    }

    fn send(&self, told: Told) {
        if self.told.try_send(told).is_err() {
            tracing::error!("the desk has more than {QUEUE} messages waiting; one is lost");
        }
    }
}

/// Carries times between a call and the desk.
#[derive(Clone, Copy, Debug)]
pub struct Shift(pub Duration);

impl Shift {
    /// From the call's time to the desk's.
    pub fn to_desk(self, mut message: DeskInput) -> DeskInput {
        if let DeskInput::Seek(seek) = &mut message {
            seek.since += self.0;
            seek.prefer_until = seek.prefer_until.map(|until| until + self.0);
        }
        message
    }

    /// From the desk's time to the call's.
    pub fn to_call(self, mut news: DeskOutput) -> DeskOutput {
        if let DeskOutput::Offer { deadline, .. } = &mut news {
            *deadline = deadline.back(self.0);
        }
        news
    }
}

/// A call as the desk knows it.
struct Known {
    queue: QueueId,
    view: QueueView,
    inbox: Sender<News>,
}

struct DeskService {
    desk: Desk,
    origin: Instant,
    calls: BTreeMap<CallId, Known>,
    /// Agents on phones who come back from a break by themselves.
    back: Vec<(Time, AgentId)>,
    no_answer_pause: Duration,
    agents: watch::Sender<Agents>,
}

impl DeskService {
    async fn run(mut self, mut messages: Receiver<Told>) {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                told = messages.recv() => match told {
                    Some(told) => self.take(told),
                    None => return,
                },
                _ = tick.tick() => self.tick(),
            }
            self.drain();
        }
    }

    fn now(&self) -> Time {
        Time::from_micros(u64::try_from(self.origin.elapsed().as_micros()).unwrap_or(u64::MAX))
    }

    fn take(&mut self, told: Told) {
        match told {
            Told::Began(call, queue, inbox) => {
                let view = self.desk.view(&queue, self.now());
                deliver(&inbox, CallInput::Queue(view.clone()));
                self.calls.insert(call, Known { queue, view, inbox });
            }
            Told::Ended(call) => {
                self.calls.remove(&call);
                // A call that Segue failed at has left its ticket; its agent is free again.
                for ticket in self.desk.tickets_of(call) {
                    self.desk.handle(DeskInput::Cancel { ticket }, self.now());
                }
            }
            Told::Message(message) => {
                let said = match &message {
                    DeskInput::Presence { agent, .. } => Some(agent.clone()),
                    _ => None,
                };
                self.desk.handle(message, self.now());
                said.inspect(|agent| self.show(agent, None));
            }
        }
    }

    fn tick(&mut self) {
        let now = self.now();
        self.desk.handle(DeskInput::Tick, now);
        let (due, later) = std::mem::take(&mut self.back).into_iter().partition(|(at, _)| *at <= now);
        self.back = later;
        for (_, agent) in due {
            self.desk.handle(DeskInput::Presence { agent, presence: Presence::Available }, now);
        }
    }

    fn drain(&mut self) {
        loop {
            let news = self.desk.poll();
            let call = match &news {
                DeskOutput::Idle(_) => break,
                DeskOutput::AgentState { agent, state } => {
                    tracing::debug!(agent = %agent, ?state, "agent");
                    self.show(agent, Some(*state));
                    continue;
                }
                DeskOutput::OfferSettled { ticket, agent, outcome, .. } => {
                    if matches!(outcome, OfferOutcome::Unanswered | OfferOutcome::Vanished) {
                        self.back.push((self.now() + self.no_answer_pause, agent.clone()));
                    }
                    ticket.call
                }
                DeskOutput::Offer { ticket, .. }
                | DeskOutput::Assigned { ticket, .. }
                | DeskOutput::Position { ticket, .. }
                | DeskOutput::NobodyOnDuty { ticket }
                | DeskOutput::GaveUp { ticket }
                | DeskOutput::CallbackFiled { ticket }
                | DeskOutput::CallbackRefused { ticket } => ticket.call,
                DeskOutput::TooLate { offer } => offer.call,
            };
            if let Some(known) = self.calls.get(&call) {
                deliver(&known.inbox, CallInput::Desk(news));
            }
        }
        self.tell_views();
    }

    /// Shows how an agent is to whoever watches.
    fn show(&self, agent: &AgentId, state: Option<AgentState>) {
        let Some(presence) = self.desk.presence(agent) else { return };
        self.agents.send_if_modified(|agents| {
            let Some(now) = Arc::make_mut(agents).get_mut(agent) else { return false };
            let next = state.unwrap_or(now.state);
            let is_news = now.state != next || now.presence != *presence;
            if now.state != next {
                (now.state, now.since) = (next, jiff::Timestamp::now());
            }
            now.presence = presence.clone();
            is_news
        });
    }

    fn tell_views(&mut self) {
        let now = self.now();
        let mut views: BTreeMap<QueueId, QueueView> = BTreeMap::new();
        for known in self.calls.values_mut() {
            let view = views.entry(known.queue.clone()).or_insert_with(|| self.desk.view(&known.queue, now));
            if *view != known.view {
                known.view = view.clone();
                deliver(&known.inbox, CallInput::Queue(view.clone()));
            }
        }
    }
}

/// A call whose inbox is full is stuck, and its own watchdogs end it.
fn deliver(inbox: &Sender<News>, input: CallInput) {
    if inbox.try_send(News::Call(input)).is_err() {
        tracing::warn!("news of the desk came too late or found a full inbox");
    }
}
