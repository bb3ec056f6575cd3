//! The desk: agents, their presence, queues, offers and callbacks, for all calls.
//!
//! A machine: [`Desk::handle`] one message, then [`Desk::poll`] until it is idle. Its messages are plain data that can
//! be sent twice without harm, so that the desk may live on another node. It never waits for a call.
//!
//! It pushes: whatever makes an agent or a caller free leads to the next offer in the same `handle`. Longest idle first
//! among those whose queues, skills and language fit; callers by priority, then those for whom an agent was asked in
//! vain, then by age. Invariants: an agent has at most as many calls, offers and wrap-ups as their capacity; a caller
//! belongs to at most one agent; every offer is settled exactly once; whoever declined a call is not offered it again;
//! an agent who lets an offer pass is on a break ([`NO_ANSWER`]) until they say that they are available.
//!
//! What is *not* here: opening hours as a reason not to seek (the call looks at them), and how anybody is alerted.

mod acd;
mod agents;
mod hours;
mod inputs;
mod queue;
mod renew;
mod routing;
pub mod tables;
mod tickets;
pub mod types;
mod wait;

#[cfg(test)]
mod model_tests;
#[cfg(test)]
mod scenario_tests;

use std::collections::{BTreeMap, VecDeque};

use crate::base::{AgentId, CallId, Pii, QueueId, TicketId, Time};
use agents::Agent;
use queue::Queue;
use tickets::{Place, Ticket};

pub use tables::{AcdAnswers, AcdMusic, AcdTable, AgentTable, DeskTables, HoursTable, Otherwise, QueueTable};
pub use types::*;

/// The break on which an agent is put who lets an offer pass.
pub const NO_ANSWER: &str = "no answer";
/// The break on which an agent is put whose contact failed.
pub const UNREACHABLE: &str = "unreachable";
/// Callbacks on the list at most.
pub const MAX_CALLBACKS: usize = 10_000;
/// Calls that are remembered at most, so that late messages are known as late.
pub const MAX_CALLS_REMEMBERED: usize = 10_000;

/// The desk.
#[derive(Clone, Debug, PartialEq)]
pub struct Desk {
    queues: Vec<Queue>,
    agents: Vec<Agent>,
    tickets: BTreeMap<TicketId, Ticket>,
    calls: BTreeMap<CallId, CallMemory>,
    callbacks: BTreeMap<TicketId, Callback>,
    counters: DeskCounters,
    out: VecDeque<DeskOutput>,
    now: Time,
    /// Until when agents who have just come into the tables may say that they are here.
    settling_until: Time,
}

/// Somebody is to be called back.
#[derive(Clone, Debug, PartialEq)]
pub struct Callback {
    /// The queue whose agents call.
    pub queue: QueueId,
    /// The number to call.
    pub number: Pii<String>,
    /// Since when.
    pub since: Time,
}

/// What is remembered of a call, so that what comes late or twice changes nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct CallMemory {
    /// The next offer's number.
    next_offer: u32,
    /// Tickets with smaller numbers have been here.
    next_ticket: u32,
    /// Callbacks of tickets with smaller numbers were made.
    next_callback: u32,
}

/// Odd inputs, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeskCounters {
    /// Messages that had come before.
    pub repeated: u64,
    /// Acceptances of an offer that was over.
    pub late_accepts: u64,
    /// Refusals of an offer that was over.
    pub late_refusals: u64,
    /// Messages about offers that never were.
    pub unknown_offers: u64,
    /// Messages about agents who are not in the tables.
    pub unknown_agents: u64,
    /// Messages about queues that are not in the tables.
    pub unknown_queues: u64,
    /// Refusals with an outcome that an agent can't have.
    pub odd_outcomes: u64,
    /// Releases by somebody who does not have the caller.
    pub wrong_releases: u64,
    /// Callbacks refused because the list is full.
    pub callbacks_refused: u64,
    /// Calls forgotten because there were too many.
    pub calls_forgotten: u64,
}

impl Desk {
    /// A desk where nobody is on duty yet. The tables have been checked; what does not fit is left out.
    pub fn new(tables: &DeskTables) -> Self {
        let names: Vec<String> = tables.queues.iter().map(|q| q.name.clone()).collect();
        Desk {
            queues: tables.queues.iter().map(|q| Queue::new(q, &names)).collect(),
            agents: tables.agents.iter().map(|a| Agent::new(a, &names)).chain(tables.acds.iter().map(|a| Agent::acd(a, &names))).collect(),
            tickets: BTreeMap::new(),
            calls: BTreeMap::new(),
            callbacks: BTreeMap::new(),
            counters: DeskCounters::default(),
            out: VecDeque::new(),
            now: Time::ZERO,
            settling_until: Time::ZERO,
        }
    }

    /// Takes one message.
    pub fn handle(&mut self, input: DeskInput, now: Time) {
        self.now = self.now.max(now);
        let now = self.now;
        self.expire(|deadline| deadline < now);
        match input {
            DeskInput::Seek(seek) => self.on_seek(seek),
            DeskInput::Cancel { ticket } => self.on_cancel(ticket),
            DeskInput::Accept { offer } => self.on_accept(offer),
            DeskInput::Refuse { offer, outcome } => self.on_refuse(offer, outcome),
            DeskInput::Release { ticket, agent } => self.on_release(ticket, &agent),
            DeskInput::WrappedUp { agent, call } => self.on_wrapped_up(&agent, call),
            DeskInput::Presence { agent, presence } => self.on_presence(&agent, presence),
            DeskInput::Line { agent, up } => self.on_line(&agent, up),
            DeskInput::Callback { ticket, queue, number } => self.on_callback(ticket, queue, number),
            DeskInput::CallbackDone { ticket } => self.on_callback_done(ticket),
            DeskInput::Tables(tables) => self.on_tables(&tables),
            DeskInput::Tick => {}
        }
        self.expire(|deadline| deadline <= now);
        self.route();
        self.tell_positions();
        self.tell_agents();
    }

    /// The next thing to tell, until it is `Idle`.
    pub fn poll(&mut self) -> DeskOutput {
        self.out.pop_front().unwrap_or_else(|| DeskOutput::Idle(self.next_deadline()))
    }

    /// What triggers and the call may know of a queue.
    pub fn view(&self, queue: &QueueId, now: Time) -> QueueView {
        let Some((place, queue)) = self.queue(queue) else { return QueueView::default() };
        let serves = |agent: &Agent| agent.serves[place] && agent.can(&queue.skills);
        let on_duty = |agent: &&Agent| match agent.state() {
            AgentState::Offline | AgentState::OnBreak => false,
            AgentState::Available | AgentState::Ringing | AgentState::OnCall | AgentState::WrapUp => true,
        };
        let waiting = self.waiting_in(place);
        QueueView {
            on_duty: self.agents.iter().filter(|a| serves(a)).filter(on_duty).count() as u32,
            available: self.agents.iter().filter(|a| serves(a) && a.is_free()).count() as u32,
            waiting: waiting as u32,
            expected_wait_s: self.expected_wait_s(queue, serves, waiting, now),
        }
    }

    /// Odd inputs so far.
    pub fn counters(&self) -> DeskCounters {
        self.counters
    }

    /// Who is to be called back, by ticket.
    pub fn callbacks(&self) -> impl Iterator<Item = (&TicketId, &Callback)> {
        self.callbacks.iter()
    }

    /// A call's tickets that wait or have an agent.
    pub fn tickets_of(&self, call: CallId) -> Vec<TicketId> {
        self.tickets.keys().filter(|ticket| ticket.call == call).copied().collect()
    }

    /// What every agent is doing; those who are in the tables no more stay as long as they are on a call.
    pub fn agents(&self) -> impl Iterator<Item = (&AgentId, AgentState)> {
        self.agents.iter().filter(|a| !a.is_closed || !a.busy.is_empty()).map(|a| (&a.id, a.state()))
    }

    /// What an agent has said of themselves, or was put on for what they did.
    pub fn presence(&self, agent: &AgentId) -> Option<&Presence> {
        self.agents.iter().find(|a| a.id == *agent).map(|a| &a.presence)
    }

    fn queue(&self, id: &QueueId) -> Option<(usize, &Queue)> {
        self.queues.iter().enumerate().find(|(_, q)| q.id == *id && !q.is_closed)
    }

    fn waiting_in(&self, queue: usize) -> usize {
        self.tickets.values().filter(|t| t.queue == queue && t.is_waiting()).count()
    }

    /// Waiting tickets, who comes first.
    fn in_order(&self) -> Vec<TicketId> {
        let mut waiting: Vec<&Ticket> = self.tickets.values().filter(|t| t.is_waiting()).collect();
        waiting.sort_by_key(|t| t.rank());
        waiting.into_iter().map(|t| t.seek.ticket).collect()
    }

    /// Tells each waiting caller whose place changed, with the wait from there.
    fn tell_positions(&mut self) {
        let mut ahead = vec![0; self.queues.len()];
        for id in self.in_order() {
            let ticket = &self.tickets[&id];
            let queue = ticket.queue;
            ahead[queue] += 1;
            let here = (queue, ahead[queue] as u32);
            if matches!(&ticket.place, Place::Waiting { told, .. } if *told == Some(here)) {
                continue;
            }
            let fits = |agent: &Agent| self.fits(agent, ticket);
            let expected_wait_s = self.expected_wait_s(&self.queues[queue], fits, ahead[queue] - 1, self.now);
            self.out.push_back(DeskOutput::Position { ticket: id, position: here.1, expected_wait_s });
            if let Some(Place::Waiting { told, .. }) = self.tickets.get_mut(&id).map(|t| &mut t.place) {
                *told = Some(here);
            }
        }
    }

    fn tell_agents(&mut self) {
        for agent in &mut self.agents {
            let state = agent.state();
            if agent.told != state {
                agent.told = state;
                self.out.push_back(DeskOutput::AgentState { agent: agent.id.clone(), state });
            }
        }
    }
}
