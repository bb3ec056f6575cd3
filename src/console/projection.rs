//! What pages show of calls that go on, told from their records: the wall, each call in full, each agent's desk.
//!
//! A pure projection: [`Projection::on_record`] and [`Projection::on_agent`] take what happened and give what is to be told and to
//! whom; [`Projection::flush`] gives what is told at most a few times a second (rows of the wall, queues, agents). Wall time is an
//! argument. Calls that are over stay for a moment, and while an agent wraps them up. What is *not* here: how it is sent (`feed`).

mod call;
mod desk;
mod kept;
mod lost;
mod visitor;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use jiff::Timestamp;

use crate::base::{AgentId, CallId, Happening, Party, Record, Time};
use crate::gateway::live::desk::AgentNow;
use crate::handoff::desk::tables::ANY;
use crate::handoff::desk::{AgentState, AgentTable, DeskTables, QueueTable};

use super::views::{AgentRow, ColleagueView, Desk, DeskState, Event, LineState, LiveCallView, OfferView, QueueRow, Topic, WallRow};
use call::LiveCall;
use desk::AgentDesk;

pub(super) use call::{name_of, offer_id};

/// For how long a call that is over stays on the wall, in s.
const ENDED_KEPT_S: f64 = 60.0;
/// Calls that are over and kept at most.
const MAX_ENDED: usize = 500;

/// To whom something is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Audience {
    /// To this agent.
    Agent(AgentId),
    /// To who watches this call, and to these agents, whose call it is.
    Call(CallId, Vec<AgentId>),
    /// To the visitor whose call this is.
    Visitor(CallId),
    /// To who sees the wall.
    Wall,
    /// To everybody but visitors.
    All,
}

/// Something to be told.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// To whom.
    pub to: Audience,
    /// What it is about.
    pub topic: Topic,
    /// Which call.
    pub call: Option<CallId>,
    /// What.
    pub event: Event,
}

impl Told {
    fn desk(agent: &AgentId, call: Option<CallId>, event: Event) -> Told {
        Told { to: Audience::Agent(agent.clone()), topic: Topic::Desk, call, event }
    }

    fn wall(call: Option<CallId>, event: Event) -> Told {
        Told { to: Audience::Wall, topic: Topic::Wall, call, event }
    }
}

/// What stands on every desk beside the agent's own.
#[derive(Clone, Debug, Default)]
pub struct Choices {
    /// Why agents may say that they take no calls.
    pub break_reasons: Vec<String>,
    /// How they may say that a call ended.
    pub dispositions: Vec<String>,
    /// The customer's page in the operator's own system.
    pub crm_url: Option<String>,
}

/// Everything that goes on.
pub struct Projection {
    tables: Arc<DeskTables>,
    choices: Choices,
    calls: BTreeMap<CallId, LiveCall>,
    /// Calls that are over, in the order in which they ended.
    ended: VecDeque<(Timestamp, CallId)>,
    agents: BTreeMap<AgentId, AgentDesk>,
    /// Calls from pages.
    visits: BTreeSet<CallId>,
    dirty: BTreeSet<CallId>,
    /// Calls that the gateway had no more when it was last asked, though no end of them was told.
    missing: BTreeSet<CallId>,
    queues_told: Vec<QueueRow>,
    agents_told: Vec<AgentRow>,
}

impl Projection {
    /// Nothing goes on, and nobody is here.
    pub fn new(tables: DeskTables, choices: Choices) -> Projection {
        let agents = tables.agents.iter().map(|agent| (AgentId::from(agent.name.as_str()), AgentDesk::default())).collect();
        Projection {
            tables: tables.into(),
            choices,
            calls: BTreeMap::new(),
            ended: VecDeque::new(),
            agents,
            visits: BTreeSet::new(),
            dirty: BTreeSet::new(),
            missing: BTreeSet::new(),
            queues_told: Vec::new(),
            agents_told: Vec::new(),
        }
    }

    /// Other queues and agents, from now on; who is gone is shown as long as they are on a call.
    pub fn renew(&mut self, tables: DeskTables) {
        let is_listed = |id: &AgentId| tables.agents.iter().any(|agent| *agent.name == *id.0);
        self.agents.retain(|id, desk| is_listed(id) || desk.is_busy());
        for agent in &tables.agents {
            self.agents.entry(AgentId::from(agent.name.as_str())).or_default();
        }
        self.tables = tables.into();
    }

    /// One thing happened in a call.
    pub fn on_record(&mut self, record: &Record, now: Timestamp) -> Vec<Told> {
        let id = record.subject;
        if !self.calls.contains_key(&id) && !matches!(record.kind, Happening::CallBegan { .. }) {
            // It began before anybody looked, or is gone already.
            return Vec::new();
        }
        let call = self.calls.entry(id).or_insert_with(|| LiveCall::new(began(now, record.at)));
        call.story.note(record);
        self.dirty.insert(id);
        let mut told = Vec::new();
        let event = call.event(record);
        let shown = if self.visits.contains(&id) { visitor::event(call, record) } else { None };
        self.on_desk(record, now, &mut told);
        if let Some(event) = event {
            // Who only wraps it up hears nothing of what others say in it.
            let mine = self.agents.iter().filter(|(_, desk)| desk.is_on(id, None)).map(|(agent, _)| agent.clone()).collect();
            told.push(Told { to: Audience::Call(id, mine), topic: Topic::Call, call: Some(id), event });
        }
        told.extend(shown.map(|event| Told { to: Audience::Visitor(id), topic: Topic::Call, call: None, event }));
        if let Happening::CallEnded { .. } = record.kind {
            self.ended.push_back((now, id));
        }
        told
    }

    /// This call, of which nothing was told yet, comes from a page.
    pub fn on_visit(&mut self, call: CallId) {
        self.visits.insert(call);
    }

    /// How a visitor's call stands.
    pub fn visit(&self, call: CallId) -> Option<Event> {
        self.calls.get(&call).map(visitor::now)
    }

    /// What an agent is doing, or has said of themselves, has changed.
    pub fn on_agent(&mut self, agent: &AgentId, is: &AgentNow, now: Timestamp) -> Vec<Told> {
        let Some(desk) = self.agents.get_mut(agent) else { return Vec::new() };
        let began_wrap_up = is.state == AgentState::WrapUp && desk.state != DeskState::WrapUp;
        let summary = desk.on.as_ref().and_then(|on| on.packet.as_ref()).map(|packet| packet.summary.clone());
        let last = desk.on_state(is, now);
        let mut told: Vec<Told> = self.state(agent, now).into_iter().collect();
        if let Some(call) = last.filter(|_| began_wrap_up) {
            let summary = summary.or_else(|| self.calls.get(&call).and_then(LiveCall::summary)).unwrap_or_default();
            let dispositions = self.choices.dispositions.clone();
            told.push(Told::desk(agent, Some(call), Event::WrapUp { summary, dispositions }));
        }
        told
    }

    /// Whether calls can reach an agent's page has changed.
    pub fn on_line(&mut self, agent: &AgentId, line: LineState, now: Timestamp) -> Vec<Told> {
        let Some(desk) = self.agents.get_mut(agent) else { return Vec::new() };
        desk.line = line;
        self.state(agent, now).into_iter().collect()
    }

    /// What changes often: rows of the wall that have changed, calls that leave it, queues and agents.
    pub fn flush(&mut self, now: Timestamp) -> Vec<Told> {
        let mut told = Vec::new();
        for id in std::mem::take(&mut self.dirty) {
            if let Some(row) = self.row(id, now) {
                told.push(Told::wall(Some(id), Event::Row(row)));
            }
        }
        for id in self.forgotten(now) {
            self.calls.remove(&id);
            self.visits.remove(&id);
            told.push(Told::wall(Some(id), Event::Gone { id: id.to_string() }));
        }
        let queues = self.queues(now);
        // How long the oldest has waited changes always; pages count on by themselves.
        let same = |a: &QueueRow, b: &QueueRow| a.waiting == b.waiting && a.on_duty == b.on_duty && a.name == b.name;
        if queues.len() != self.queues_told.len() || !queues.iter().zip(&self.queues_told).all(|(a, b)| same(a, b)) {
            self.queues_told.clone_from(&queues);
            // Agents' desks show them too.
            told.push(Told { to: Audience::All, topic: Topic::Wall, call: None, event: Event::Queues { queues } });
        }
        let agents = self.agents();
        if agents != self.agents_told {
            self.agents_told.clone_from(&agents);
            told.push(Told::wall(None, Event::Agents { agents }));
        }
        told
    }

    /// The wall: every call that goes on, or was over a moment ago, by begin.
    pub fn rows(&self, now: Timestamp) -> Vec<WallRow> {
        self.calls.keys().filter_map(|id| self.row(*id, now)).collect()
    }

    /// A call in full.
    pub fn call(&self, id: CallId, now: Timestamp) -> Option<LiveCallView> {
        let call = self.calls.get(&id)?;
        let packet = call.packet_view(id, &self.tables, now);
        Some(LiveCallView { row: self.row(id, now)?, turns: call.turns(), signals: call.signals(), frustration_curve: call.curve(), packet })
    }

    /// An agent's desk.
    pub fn desk(&self, agent: &AgentId, now: Timestamp) -> Option<Desk> {
        let desk = self.agents.get(agent)?;
        // Who is in the tables no more may be on a call still.
        let table = self.agent_table(agent);
        let (queues, other_queues) = self.queues(now).into_iter().partition(|queue| table.is_some_and(|table| serves(table, &queue.name)));
        let offer = desk.offers.first().and_then(|(call, n)| self.offer(*call, *n, now));
        let on = desk.on.as_ref();
        let call = on.and_then(|on| Some((on, self.calls.get(&on.call)?)));
        let call = call.map(|(on, call)| on.view(agent, call, call.packet_view(on.call, &self.tables, now), &self.tables));
        let others = self.agents().into_iter().filter(|other| *other.name != *agent.0);
        let (break_reason, break_after_call) = desk.breaks();
        Some(Desk {
            agent: agent.to_string(),
            state: desk.state,
            break_reason,
            break_after_call,
            since: desk.since.map(|at| at.to_string()),
            on_duty: desk.wants_calls(),
            line: desk.line,
            numbers: desk.numbers(),
            offer,
            call,
            queues,
            other_queues,
            colleagues: others.map(|other| ColleagueView { name: other.name, title: other.title, state: other.state }).collect(),
            break_reasons: self.choices.break_reasons.clone(),
            dispositions: self.choices.dispositions.clone(),
            crm_url: self.choices.crm_url.clone(),
        })
    }

    /// The queues, in the order of the configuration.
    pub fn queues(&self, now: Timestamp) -> Vec<QueueRow> {
        let row = |queue: &QueueTable| {
            let waits = self.calls.values().filter(|call| call.waits_in(&queue.name)).filter_map(|call| call.wait_s(now));
            let (waiting, oldest_s) = waits.fold((0, None), |(n, oldest): (u32, Option<f64>), wait| (n + 1, Some(oldest.unwrap_or(0.0).max(wait))));
            let serving = self.tables.agents.iter().filter(|agent| serves(agent, &queue.name));
            let on_duty = serving.filter(|agent| self.agents.get(&AgentId::from(agent.name.as_str())).is_some_and(AgentDesk::is_on_duty)).count();
            QueueRow { name: queue.name.clone(), title: queue.spoken().to_owned(), waiting, oldest_s, on_duty: on_duty as u32 }
        };
        self.tables.queues.iter().map(row).collect()
    }

    /// The agents, in the order of the configuration.
    pub fn agents(&self) -> Vec<AgentRow> {
        let row = |table: &AgentTable| {
            let desk = self.agents.get(&AgentId::from(table.name.as_str()));
            AgentRow {
                name: table.name.clone(),
                title: table.spoken().to_owned(),
                state: desk.map_or(DeskState::Offline, |desk| desk.state),
                since: desk.and_then(|desk| desk.since).map(|at| at.to_string()),
                call: desk.and_then(|desk| desk.on.as_ref()).filter(|on| on.over.is_none()).map(|on| on.call.to_string()),
            }
        };
        self.tables.agents.iter().map(row).collect()
    }

    /// The call that an agent has and that is not over.
    pub fn call_of(&self, agent: &AgentId) -> Option<CallId> {
        self.agents.get(agent)?.on.as_ref().filter(|on| on.over.is_none()).map(|on| on.call)
    }

    /// The call that the agent has to wrap up, and when they left it.
    pub fn to_wrap_up(&self, agent: &AgentId) -> Option<(CallId, Timestamp)> {
        let on = self.agents.get(agent)?.on.as_ref()?;
        Some((on.call, on.over?))
    }

    /// Whether this call goes on.
    pub fn goes_on(&self, call: CallId) -> bool {
        self.calls.get(&call).is_some_and(|call| !call.is_over())
    }

    fn row(&self, id: CallId, now: Timestamp) -> Option<WallRow> {
        self.calls.get(&id).map(|call| call.row(id, &self.tables, now))
    }

    fn offer(&self, call: CallId, n: u32, now: Timestamp) -> Option<OfferView> {
        self.calls.get(&call)?.offer_view(call, n, &self.tables, now)
    }

    fn agent_table(&self, agent: &AgentId) -> Option<&AgentTable> {
        self.tables.agents.iter().find(|table| *table.name == *agent.0)
    }

    fn state(&self, agent: &AgentId, now: Timestamp) -> Option<Told> {
        Some(Told::desk(agent, None, Event::State(Box::new(self.desk(agent, now)?))))
    }

    /// What a record means for the desks of agents.
    fn on_desk(&mut self, record: &Record, now: Timestamp, told: &mut Vec<Told>) {
        let id = record.subject;
        let mut changed: Vec<AgentId> = Vec::new();
        match &record.kind {
            Happening::Offered { offer, agent, .. } => {
                let Some(desk) = self.agents.get_mut(agent) else { return };
                desk.offers.push((id, *offer));
                if let Some(view) = self.offer(id, *offer, now) {
                    told.push(Told::desk(agent, Some(id), Event::Offer(Box::new(view))));
                }
                changed.push(agent.clone());
            }
            Happening::OfferSettled { offer, agent, outcome, .. } => {
                let Some(desk) = self.agents.get_mut(agent) else { return };
                desk.offers.retain(|open| *open != (id, *offer));
                let why = call::name_of(outcome);
                told.push(Told::desk(agent, Some(id), Event::OfferOver { offer: offer_id(id, *offer), why }));
                changed.push(agent.clone());
            }
            Happening::PacketUpdated { .. } => self.tell_update(id, now, told),
            Happening::LegJoined { leg, party: Party::Agent, agent: Some(agent) } => {
                let call = self.calls.get(&id);
                let (accepted, held) = (call.and_then(|call| call.accepted_by(agent)), call.is_some_and(LiveCall::is_held));
                if let Some(desk) = self.agents.get_mut(agent) {
                    desk.join(id, *leg, accepted, now);
                    desk.hold(held);
                }
                // Who is there already sees who is new.
                changed.extend(self.in_call(id));
            }
            Happening::LegLeft { leg, party: Party::Agent, by } => {
                let packet = self.calls.get(&id).and_then(|call| call.packet_view(id, &self.tables, now));
                for (agent, desk) in self.agents.iter_mut().filter(|(_, desk)| desk.is_on(id, Some(*leg))) {
                    desk.leave(now, record.at, packet.clone());
                    told.push(Told::desk(agent, Some(id), Event::CallOver { ended_by: call::name_of(by) }));
                    changed.push(agent.clone());
                }
                changed.extend(self.in_call(id));
            }
            Happening::CallEnded { by, .. } => {
                changed.extend(self.leave_all(id, record.at, &call::name_of(by), now, told));
            }
            _ => self.on_talk(record, told, &mut changed),
        }
        told.extend(changed.iter().filter_map(|agent| self.state(agent, now)));
    }

    /// What a record of a talk that goes on means for the desks of who is in it.
    fn on_talk(&mut self, record: &Record, told: &mut Vec<Told>, changed: &mut Vec<AgentId>) {
        let id = record.subject;
        match &record.kind {
            Happening::ClockReached { clock: crate::base::HandoffClock::T5, .. } => {
                for (agent, desk) in self.agents.iter_mut().filter(|(_, desk)| desk.goes_live(id)) {
                    desk.live();
                    told.push(Told::desk(agent, Some(id), Event::Live { call: id.to_string() }));
                }
            }
            Happening::LegHeard { leg } => {
                for (agent, desk) in self.agents.iter_mut().filter(|(_, desk)| desk.is_on(id, Some(*leg))) {
                    desk.live();
                    told.push(Told::desk(agent, Some(id), Event::Live { call: id.to_string() }));
                }
            }
            Happening::Invited { .. } => changed.extend(self.in_call(id)),
            Happening::InviteEnded { outcome } => {
                let why = call::name_of(outcome);
                told.extend(self.in_call(id).iter().map(|agent| Told::desk(agent, Some(id), Event::InviteOver { why: why.clone() })));
                changed.extend(self.in_call(id));
            }
            Happening::Suggested { text } => {
                let event = Event::Suggestion { text: text.clone() };
                told.extend(self.in_call(id).iter().map(|agent| Told { topic: Topic::Call, ..Told::desk(agent, Some(id), event.clone()) }));
            }
            Happening::Held { on } => {
                for (agent, desk) in self.agents.iter_mut().filter(|(_, desk)| desk.is_on(id, None)) {
                    desk.hold(*on);
                    told.push(Told::desk(agent, Some(id), Event::Held { on: *on }));
                }
            }
            Happening::Muted { leg, agent, on } => {
                if let Some(desk) = self.agents.get_mut(agent).filter(|desk| desk.is_on(id, Some(*leg))) {
                    desk.mute(*on);
                    told.push(Told::desk(agent, Some(id), Event::Muted { on: *on }));
                }
            }
            _ => {}
        }
    }

    /// The agents who are in this call.
    fn in_call(&self, id: CallId) -> Vec<AgentId> {
        self.agents.iter().filter(|(_, desk)| desk.is_on(id, None)).map(|(agent, _)| agent.clone()).collect()
    }

    /// The caller said more while they are offered.
    fn tell_update(&self, id: CallId, now: Timestamp, told: &mut Vec<Told>) {
        for (agent, desk) in &self.agents {
            for (_, n) in desk.offers.iter().filter(|(call, _)| *call == id) {
                if let Some(view) = self.offer(id, *n, now) {
                    told.push(Told::desk(agent, Some(id), Event::OfferUpdated(Box::new(view))));
                }
            }
        }
    }
}

/// When a call began in which something happened just now.
fn began(now: Timestamp, at: Time) -> Timestamp {
    let micros = i64::try_from(at.as_micros()).unwrap_or(i64::MAX);
    now.checked_sub(jiff::SignedDuration::from_micros(micros)).unwrap_or(now)
}

/// Seconds from `earlier` to `now`, none if it is later.
fn secs(now: Timestamp, earlier: Timestamp) -> f64 {
    now.duration_since(earlier).as_secs_f64().max(0.0)
}

fn serves(agent: &AgentTable, queue: &str) -> bool {
    agent.queues.iter().any(|name| name == ANY || name == queue)
}
