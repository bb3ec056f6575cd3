//! The edge of a replayed call: scripted agents at a desk of their own, and what the caller hears.
//!
//! A script item is one agent, with every skill and queue, a virtual screen, and a line that sends comfort noise once
//! they accepted. Everything that they will do later waits in an agenda, in order of time.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::base::{AgentId, Denial, EndedBy, Frame, Key, LegId, OfferId, QueueId, Rate, Record, Time};
use crate::call::{CallInput, Gone};
use crate::gateway::Edge;
use crate::handoff::desk::{AgentTable, Desk, DeskInput, DeskOutput, DeskTables, Presence, QueueView};
use crate::handoff::packet::ContextPacket;

use super::clock::VirtualClock;
use super::options::{AgentScript, ScriptItem};

/// The level of an agent's comfort noise: about −66 dBFS, as a quiet room on a good line.
const NOISE_PEAK: i16 = 24;

/// Everything beyond a replayed call.
pub struct ReplayEdge {
    clock: VirtualClock,
    desk: Desk,
    queue: QueueId,
    view: QueueView,
    script: AgentScript,
    /// What scripted agents do later, by time and then by order.
    agenda: BTreeMap<(Time, u64), CallInput>,
    next: u64,
    news: VecDeque<CallInput>,
    /// Agents' legs, which send comfort noise.
    lines: Vec<LegId>,
    noise: u32,
    rate: Rate,
    heard: Option<Frame>,
    records: Vec<Record>,
}

/// The script's agents, each with every skill and queue.
pub fn scripted_agents(script: &AgentScript) -> Vec<AgentTable> {
    let agent = |n: usize| AgentTable {
        name: format!("agent-{n}"),
        title: None,
        queues: vec!["*".into()],
        skills: vec!["*".into()],
        languages: vec!["*".into()],
        capacity: 1,
    };
    (1..=script.0.len()).map(agent).collect()
}

impl ReplayEdge {
    /// An edge at whose desk the script's agents are on duty. `queue` is the entry's.
    pub fn new(clock: VirtualClock, tables: &DeskTables, script: AgentScript, queue: QueueId, rate: Rate) -> Self {
        let agents = scripted_agents(&script);
        let mut desk = Desk::new(&DeskTables { agents: agents.clone(), ..tables.clone() });
        for agent in &agents {
            let agent = AgentId::from(agent.name.as_str());
            desk.handle(DeskInput::Line { agent: agent.clone(), up: true }, clock.time());
            desk.handle(DeskInput::Presence { agent, presence: Presence::Available }, clock.time());
        }
        ReplayEdge {
            clock,
            desk,
            queue,
            view: QueueView::default(),
            script,
            agenda: BTreeMap::new(),
            next: 0,
            news: VecDeque::new(),
            lines: Vec::new(),
            noise: 0x2545_f491,
            rate,
            heard: None,
            records: Vec::new(),
        }
    }

    /// The next moment at which something is to happen by itself.
    pub fn due(&self) -> Option<Time> {
        self.agenda.first_key_value().map(|((at, _), _)| *at)
    }

    /// What is to happen now, if anything.
    pub fn pop_due(&mut self, now: Time) -> Option<CallInput> {
        let entry = self.agenda.first_entry()?;
        (entry.key().0 <= now).then(|| entry.remove())
    }

    /// Time has passed for the desk.
    pub fn tick(&mut self, now: Time) {
        self.desk.handle(DeskInput::Tick, now);
    }

    /// What the caller heard in the last tick.
    pub fn take_heard(&mut self) -> Option<Frame> {
        self.heard.take()
    }

    /// The agents' legs.
    pub fn lines(&self) -> &[LegId] {
        &self.lines
    }

    /// 20 ms of an agent's line: comfort noise, the same in every run.
    pub fn noise(&mut self) -> Frame {
        let mut frame = Frame::silence(self.rate);
        for sample in frame.samples_mut() {
            self.noise ^= self.noise << 13;
            self.noise ^= self.noise >> 17;
            self.noise ^= self.noise << 5;
            *sample = (self.noise % (2 * NOISE_PEAK as u32 + 1)) as i16 - NOISE_PEAK;
        }
        frame
    }

    /// Everything that happened.
    pub fn into_records(self) -> Vec<Record> {
        self.records
    }

    fn later(&mut self, after_secs: f64, input: CallInput) {
        let at = self.clock.time() + Duration::try_from_secs_f64(after_secs).unwrap_or_default();
        self.agenda.insert((at, self.next), input);
        self.next += 1;
    }

    fn desk_news(&mut self) {
        loop {
            match self.desk.poll() {
                DeskOutput::Idle(_) => return,
                DeskOutput::AgentState { .. } => {}
                news @ (DeskOutput::Offer { .. }
                | DeskOutput::OfferSettled { .. }
                | DeskOutput::Assigned { .. }
                | DeskOutput::TooLate { .. }
                | DeskOutput::Position { .. }
                | DeskOutput::NobodyOnDuty { .. }
                | DeskOutput::GaveUp { .. }
                | DeskOutput::CallbackFiled { .. }
                | DeskOutput::CallbackRefused { .. }) => self.news.push_back(CallInput::Desk(news)),
            }
        }
    }
}

impl Edge for ReplayEdge {
    fn answer(&mut self) {
        self.news.push_back(CallInput::Answered);
    }

    fn send(&mut self, leg: LegId, frame: Option<&Frame>) {
        if leg == LegId::CALLER {
            self.heard = frame.copied();
        }
    }

    /// Nobody is there who could hear it.
    fn send_key(&mut self, _leg: LegId, _key: Key) {}

    fn join(&mut self, leg: LegId, _agent: &AgentId, _offer: Option<OfferId>) {
        self.lines.push(leg);
    }

    fn release(&mut self, leg: LegId, _by: EndedBy) {
        self.lines.retain(|line| *line != leg);
    }

    fn alert(&mut self, offer: OfferId, agent: &AgentId, _packet: &ContextPacket) {
        self.news.push_back(CallInput::PacketShown(offer));
        self.news.push_back(CallInput::Alerted(offer));
        match self.script.of(&agent.0) {
            ScriptItem::Accept { after_secs } => self.later(after_secs, CallInput::AgentAnswered(offer)),
            ScriptItem::Decline { after_secs } => self.later(after_secs, CallInput::AgentDeclined(offer)),
            ScriptItem::Vanish { after_secs } => self.later(after_secs, CallInput::AgentVanished(offer)),
            ScriptItem::Silent => {}
        }
    }

    fn update(&mut self, _offer: OfferId, _packet: &ContextPacket) {}

    fn stop_alert(&mut self, offer: OfferId) {
        self.agenda.retain(
            |_, input| !matches!(input, CallInput::AgentAnswered(o) | CallInput::AgentDeclined(o) | CallInput::AgentVanished(o) if *o == offer),
        );
    }

    /// A replayed line can't be moved: a leg declares what it can do, and this one declares nothing.
    fn move_to(&mut self, _target: &str) {
        self.news.push_back(CallInput::Moved(false));
    }

    fn dial(&mut self, _target: &str) {
        self.news.push_back(CallInput::Moved(false));
    }

    fn stop_dial(&mut self) {}

    /// Nobody asks anything of a replayed call.
    fn deny(&mut self, _why: Denial) {}

    fn join_outside(&mut self, leg: LegId) {
        self.news.push_back(CallInput::LegGone(leg, Gone::Lost));
    }

    fn tell_desk(&mut self, message: DeskInput) {
        self.desk.handle(message, self.clock.time());
    }

    fn journal(&mut self, record: Record) {
        self.records.push(record);
    }

    fn news(&mut self) -> Option<CallInput> {
        self.desk_news();
        if let Some(news) = self.news.pop_front() {
            return Some(news);
        }
        let view = self.desk.view(&self.queue, self.clock.time());
        (view != self.view).then(|| {
            self.view = view.clone();
            CallInput::Queue(view)
        })
    }
}
