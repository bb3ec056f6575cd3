//! The desk at work: one task for all calls.
//!
//! Calls send it messages and never wait; its news goes into the inbox of the call that it is about. Each call counts
//! time from its own first ring, the desk from its own start: [`Shift`] carries times from one to the other. An agent
//! on a phone has no page on which to say that they are back, so one who let an offer pass is on duty again after
//! [`LiveTable::no_answer_pause_secs`](super::LiveTable). Nothing that is done for agents overrules what they said
//! themselves.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::watch;

use crate::base::{AgentId, CallId, OfferOutcome, QueueId, Time};
use crate::call::CallInput;
use crate::handoff::desk::{AgentState, Desk, DeskInput, DeskOutput, DeskTables, NO_ANSWER, Presence, QueueView, UNREACHABLE};

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
    /// A page of this agent is open, or none any more.
    Page(AgentId, bool),
    /// This agent has closed their page, and nothing else reaches them.
    Left(AgentId),
    /// A phone of this agent can be rung.
    PhoneIsUp(AgentId),
}

impl Told {
    /// Whoever was told of something must be told that it is over, or that it is otherwise now.
    fn must_come(&self) -> bool {
        match self {
            Told::Ended(_) | Told::Page(..) | Told::Left(_) => true,
            Told::Message(message) => {
                matches!(message, DeskInput::Release { .. } | DeskInput::Cancel { .. } | DeskInput::Line { .. } | DeskInput::Tables(_))
            }
            Told::Began(..) | Told::PhoneIsUp(_) => false,
        }
    }
}

/// What found no room and must come all the same, in its order. There are as many calls and agents as may be, and a few for each.
type Late = Arc<Mutex<VecDeque<Told>>>;

/// How calls reach the desk.
#[derive(Clone, Debug)]
pub struct DeskLine {
    told: Sender<Told>,
    late: Late,
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
        let late = Late::default();
        let (service, watched) = DeskService::new(Desk::new(tables), origin, no_answer_pause);
        tokio::spawn(service.run(messages, late.clone()));
        DeskLine { told, late, origin, agents: watched }
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

    /// A page of this agent is open, on which they can say how they are; or none any more.
    pub fn page(&self, agent: &AgentId, is_open: bool) {
        self.send(Told::Page(agent.clone(), is_open));
    }

    /// This agent has closed their page, and nothing else reaches them.
    pub fn leave(&self, agent: &AgentId) {
        self.send(Told::Left(agent.clone()));
    }

    /// A phone of this agent can be rung: they are available, unless they said otherwise.
    pub fn phone_is_up(&self, agent: &AgentId) {
        self.send(Told::PhoneIsUp(agent.clone()));
    }

    fn send(&self, told: Told) {
        let mut late = self.late.lock();
        if !late.is_empty() && told.must_come() {
            return late.push_back(told);
        }
        match self.told.try_send(told) {
            Ok(()) | Err(TrySendError::Closed(_)) => {}
            Err(TrySendError::Full(told)) if told.must_come() => late.push_back(told),
            Err(TrySendError::Full(told)) => tracing::error!(?told, "the desk has more than {QUEUE} messages waiting; one is lost"),
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
    /// When agents on phones come back from a break by themselves.
    back: BTreeMap<AgentId, Time>,
    /// Agents with an open page, on which they say so themselves.
    pages: BTreeSet<AgentId>,
    /// Agents who said that they are not on duty.
    signed_off: BTreeSet<AgentId>,
    no_answer_pause: Duration,
    agents: watch::Sender<Agents>,
}

impl DeskService {
    fn new(desk: Desk, origin: Instant, no_answer_pause: Duration) -> (DeskService, watch::Receiver<Agents>) {
        let (agents, watched) = watch::channel(Agents::default());
        let (back, pages, signed_off) = (BTreeMap::new(), BTreeSet::new(), BTreeSet::new());
        let service = DeskService { desk, origin, calls: BTreeMap::new(), back, pages, signed_off, no_answer_pause, agents };
        service.show_who_is_here();
        (service, watched)
    }

    async fn run(mut self, mut messages: Receiver<Told>, late: Late) {
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
            // What was sent before it has come by then.
            if messages.is_empty() {
                let late = std::mem::take(&mut *late.lock());
                for told in late {
                    self.take(told);
                    self.drain();
                }
            }
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
            Told::Message(DeskInput::Presence { agent, presence }) => {
                match presence {
                    Presence::Offline => self.signed_off.insert(agent.clone()),
                    Presence::Available | Presence::Break(_) | Presence::BreakAfterCall(_) => self.signed_off.remove(&agent),
                };
                self.becomes(agent, presence);
            }
            Told::Message(DeskInput::Tables(tables)) => {
                self.desk.handle(DeskInput::Tables(tables), self.now());
                self.show_who_is_here();
            }
            Told::Message(message) => self.desk.handle(message, self.now()),
            Told::Page(agent, true) => drop(self.pages.insert(agent)),
            Told::Page(agent, false) => drop(self.pages.remove(&agent)),
            Told::Left(agent) => self.becomes(agent, Presence::Offline),
            Told::PhoneIsUp(agent) => {
                let is_new = self.desk.presence(&agent) == Some(&Presence::Offline) && !self.signed_off.contains(&agent);
                if is_new || self.was_put_on_break(&agent) {
                    self.becomes(agent, Presence::Available);
                }
            }
        }
    }

    fn becomes(&mut self, agent: AgentId, presence: Presence) {
        self.back.remove(&agent);
        self.desk.handle(DeskInput::Presence { agent: agent.clone(), presence }, self.now());
        self.show(&agent, None);
    }

    /// Not by themselves, but for an offer that they let pass, or that did not reach them.
    fn was_put_on_break(&self, agent: &AgentId) -> bool {
        matches!(self.desk.presence(agent), Some(Presence::Break(reason)) if reason == NO_ANSWER || reason == UNREACHABLE)
    }

    fn tick(&mut self) {
        let now = self.now();
        self.desk.handle(DeskInput::Tick, now);
        let due: Vec<AgentId> = self.back.iter().filter(|(_, at)| **at <= now).map(|(agent, _)| agent.clone()).collect();
        for agent in due {
            self.back.remove(&agent);
            if self.was_put_on_break(&agent) && !self.pages.contains(&agent) {
                self.becomes(agent, Presence::Available);
            }
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
                        self.back.insert(agent.clone(), self.now() + self.no_answer_pause);
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

    /// Shows whoever is new, and nobody who is gone.
    fn show_who_is_here(&self) {
        let since = jiff::Timestamp::now();
        self.agents.send_if_modified(|agents| {
            let new = |(agent, state): (&AgentId, AgentState)| {
                let now = agents.get(agent).cloned().unwrap_or(AgentNow { state, presence: Presence::Offline, since });
                (agent.clone(), now)
            };
            let here: BTreeMap<AgentId, AgentNow> = self.desk.agents().map(new).collect();
            let is_news = !here.keys().eq(agents.keys());
            *agents = here.into();
            is_news
        });
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

#[cfg(test)]
mod tests;
