//! What each message does to the desk.

use std::collections::BTreeSet;

use super::agents::{Busy, Line};
use super::tickets::{OpenOffer, Place, Ticket};
use super::types::{DeskOutput, Presence, Seek};
use super::{Callback, Desk, MAX_CALLBACKS, MAX_CALLS_REMEMBERED, NO_ANSWER, UNREACHABLE};
use crate::base::{AgentId, CallId, OfferId, OfferOutcome, Pii, QueueId, TicketId, Time};

impl Desk {
    pub(super) fn on_seek(&mut self, seek: Seek) {
        let id = seek.ticket;
        if !self.is_new_ticket(id) {
            self.counters.repeated += 1;
            return;
        }
        let Some((queue, _)) = self.queue(&seek.queue) else {
            self.counters.unknown_queues += 1;
            self.out.push_back(DeskOutput::NobodyOnDuty { ticket: id });
            return;
        };
        let except: BTreeSet<usize> = seek.except.iter().filter_map(|a| self.agents.iter().position(|b| b.id == *a)).collect();
        let full = self.waiting_in(queue) >= self.queues[queue].max_waiting;
        self.tickets.insert(id, Ticket::new(seek, queue, except, self.now));
        if full {
            self.move_on(id, DeskOutput::GaveUp { ticket: id });
        }
    }

    pub(super) fn on_cancel(&mut self, ticket: TicketId) {
        self.is_new_ticket(ticket);
        let Some(was) = self.tickets.remove(&ticket) else {
            self.counters.repeated += 1;
            return;
        };
        match was.place {
            Place::Waiting { offers, .. } => offers.into_iter().for_each(|offer| self.settled(ticket, offer, OfferOutcome::Withdrawn)),
            Place::Assigned { agent, .. } => {
                self.agents[agent].free(self.now, |b| matches!(b, Busy::Call { ticket: t, .. } if *t == ticket));
            }
        }
    }

    pub(super) fn on_accept(&mut self, id: OfferId) {
        let Some((ticket, offer)) = self.open_offer(id) else {
            if self.tickets.values().any(|t| matches!(t.place, Place::Assigned { offer, .. } if offer == id)) {
                self.counters.repeated += 1;
            } else if self.was_offered(id) {
                self.counters.late_accepts += 1;
                self.out.push_back(DeskOutput::TooLate { offer: id });
            } else {
                self.counters.unknown_offers += 1;
            }
            return;
        };
        let place = Place::Assigned { agent: offer.agent, offer: id };
        let entry = self.tickets.get_mut(&ticket).expect("its offer is open");
        let queue = entry.queue;
        let Place::Waiting { offers, .. } = std::mem::replace(&mut entry.place, place) else { return };
        let agent = &mut self.agents[offer.agent];
        agent.busy.retain(|b| !matches!(b, Busy::Offer(o, _) if *o == id));
        agent.busy.push(Busy::Call { ticket, queue, since: self.now });
        self.out.push_back(DeskOutput::Assigned { ticket, offer: id, agent: agent.id.clone() });
        for other in offers.into_iter().filter(|o| o.id != id) {
            self.settled(ticket, other, OfferOutcome::Withdrawn);
        }
    }

    pub(super) fn on_refuse(&mut self, id: OfferId, outcome: OfferOutcome) {
        match outcome {
            OfferOutcome::Declined | OfferOutcome::Unanswered | OfferOutcome::Vanished => {}
            OfferOutcome::Accepted | OfferOutcome::Withdrawn => {
                self.counters.odd_outcomes += 1;
                return;
            }
        }
        let Some((ticket, offer)) = self.open_offer(id) else {
            if self.was_offered(id) {
                self.counters.late_refusals += 1;
            } else {
                self.counters.unknown_offers += 1;
            }
            return;
        };
        if outcome == OfferOutcome::Vanished {
            // A contact that failed would fail again at once: nobody is sent there until the agent says so.
            self.agents[offer.agent].presence = Presence::Break(UNREACHABLE.into());
        }
        self.fail(ticket, offer, outcome);
    }

    pub(super) fn on_release(&mut self, ticket: TicketId, agent: &AgentId) {
        let Some(entry) = self.tickets.get(&ticket) else {
            self.counters.repeated += 1;
            return;
        };
        let Place::Assigned { agent: has, .. } = entry.place else {
            self.counters.wrong_releases += 1;
            return;
        };
        if self.agents[has].id != *agent {
            self.counters.wrong_releases += 1;
            return;
        }
        self.tickets.remove(&ticket);
        let held = self.agents[has].busy.iter().position(|b| matches!(b, Busy::Call { ticket: t, .. } if *t == ticket));
        let Some(held) = held else { return };
        let Busy::Call { queue, since, .. } = self.agents[has].busy[held] else { return };
        if !self.agents[has].is_person {
            self.agents[has].free(self.now, |b| matches!(b, Busy::Call { ticket: t, .. } if *t == ticket));
            return self.queues[queue].handle_time.add(self.now.since(since));
        }
        let until = self.now + self.queues[queue].wrap_up;
        self.agents[has].busy[held] = Busy::WrapUp { call: ticket.call, queue, since, until };
    }

    pub(super) fn on_wrapped_up(&mut self, agent: &AgentId, call: CallId) {
        let Some(agent) = self.agent_index(agent) else { return };
        self.end_wrap_up(agent, |busy| matches!(busy, Busy::WrapUp { call: c, .. } if *c == call));
    }

    pub(super) fn on_presence(&mut self, agent: &AgentId, presence: Presence) {
        let Some(index) = self.agent_index(agent) else { return };
        if self.agents[index].is_closed {
            self.counters.unknown_agents += 1;
            return;
        }
        let agent = &mut self.agents[index];
        if agent.presence == presence {
            self.counters.repeated += 1;
            return;
        }
        if presence == Presence::Available && agent.busy.is_empty() {
            agent.idle_since = self.now;
        }
        agent.presence = presence;
        agent.settle_break();
        match agent.presence {
            Presence::Available | Presence::BreakAfterCall(_) => {}
            Presence::Break(_) => self.leave_offers(index, OfferOutcome::Declined),
            Presence::Offline => self.leave_offers(index, OfferOutcome::Vanished),
        }
    }

    pub(super) fn on_line(&mut self, agent: &AgentId, up: bool) {
        let Some(index) = self.agent_index(agent) else { return };
        let agent = &mut self.agents[index];
        match (agent.line, up) {
            (Line::Up, true) | (Line::Never | Line::DownSince(_), false) => self.counters.repeated += 1,
            (Line::Never | Line::DownSince(_), true) => agent.line = Line::Up,
            (Line::Up, false) => {
                agent.line = Line::DownSince(self.now);
                self.leave_offers(index, OfferOutcome::Vanished);
            }
        }
    }

    pub(super) fn on_callback(&mut self, ticket: TicketId, queue: QueueId, number: Pii<String>) {
        let made = self.calls.get(&ticket.call).is_some_and(|c| ticket.n < c.next_callback);
        if made || self.callbacks.contains_key(&ticket) {
            self.counters.repeated += 1;
        } else if self.queue(&queue).is_none() {
            self.counters.unknown_queues += 1;
            return self.out.push_back(DeskOutput::CallbackRefused { ticket });
        } else if self.callbacks.len() >= MAX_CALLBACKS {
            self.counters.callbacks_refused += 1;
            return self.out.push_back(DeskOutput::CallbackRefused { ticket });
        } else {
            self.callbacks.insert(ticket, Callback { queue, number, since: self.now });
        }
        self.out.push_back(DeskOutput::CallbackFiled { ticket });
    }

    pub(super) fn on_callback_done(&mut self, ticket: TicketId) {
        if self.callbacks.remove(&ticket).is_none() {
            self.counters.repeated += 1;
        }
        let call = self.remember(ticket.call);
        call.next_callback = call.next_callback.max(ticket.n.saturating_add(1));
    }

    /// Ends what has reached its deadline: offers that nobody answered, and wrap-ups.
    pub(super) fn expire(&mut self, due: impl Fn(Time) -> bool) {
        for id in self.in_order() {
            let late: Vec<OpenOffer> = self.tickets[&id].offers().iter().filter(|o| due(o.deadline)).copied().collect();
            for offer in late {
                self.fail(id, offer, OfferOutcome::Unanswered);
            }
        }
        for agent in 0..self.agents.len() {
            self.end_wrap_up(agent, |busy| matches!(busy, Busy::WrapUp { until, .. } if due(*until)));
        }
    }

    /// An offer came to nothing: the caller is at the head of the queue again.
    fn fail(&mut self, id: TicketId, offer: OpenOffer, outcome: OfferOutcome) {
        let is_person = self.agents[offer.agent].is_person;
        if let Some(ticket) = self.tickets.get_mut(&id) {
            if let Place::Waiting { offers, .. } = &mut ticket.place {
                offers.retain(|o| o.id != offer.id);
            }
            ticket.returned = true;
            if outcome == OfferOutcome::Declined || !is_person {
                ticket.except.insert(offer.agent);
            }
        }
        if outcome == OfferOutcome::Unanswered && is_person {
            self.agents[offer.agent].presence = Presence::Break(NO_ANSWER.into());
        }
        self.settled(id, offer, outcome);
    }

    fn settled(&mut self, ticket: TicketId, offer: OpenOffer, outcome: OfferOutcome) {
        let agent = &mut self.agents[offer.agent];
        agent.free(self.now, |b| matches!(b, Busy::Offer(o, _) if *o == offer.id));
        self.out.push_back(DeskOutput::OfferSettled { offer: offer.id, ticket, agent: agent.id.clone(), outcome });
    }

    /// All open offers of an agent who goes away.
    pub(super) fn leave_offers(&mut self, agent: usize, outcome: OfferOutcome) {
        let open: Vec<(TicketId, OpenOffer)> =
            self.tickets.iter().flat_map(|(id, t)| t.offers().iter().map(|o| (*id, *o))).filter(|(_, o)| o.agent == agent).collect();
        for (ticket, offer) in open {
            self.fail(ticket, offer, outcome);
        }
    }

    fn end_wrap_up(&mut self, agent: usize, which: impl Fn(&Busy) -> bool) {
        while let Some(Busy::WrapUp { queue, since, .. }) = self.agents[agent].free(self.now, &which) {
            self.queues[queue].handle_time.add(self.now.since(since));
        }
    }

    fn agent_index(&mut self, agent: &AgentId) -> Option<usize> {
        let index = self.agents.iter().position(|a| a.id == *agent);
        self.counters.unknown_agents += u64::from(index.is_none());
        index
    }

    fn open_offer(&self, id: OfferId) -> Option<(TicketId, OpenOffer)> {
        self.tickets.iter().find_map(|(ticket, t)| Some((*ticket, *t.offers().iter().find(|o| o.id == id)?)))
    }

    fn was_offered(&self, id: OfferId) -> bool {
        self.calls.get(&id.call).is_some_and(|c| id.n < c.next_offer)
    }

    /// True the first time that a ticket is heard of.
    fn is_new_ticket(&mut self, ticket: TicketId) -> bool {
        let call = self.remember(ticket.call);
        let new = ticket.n >= call.next_ticket;
        call.next_ticket = call.next_ticket.max(ticket.n.saturating_add(1));
        new
    }

    /// The memory of a call. Call ids sort by the time of their call, so the oldest without a ticket is forgotten first.
    pub(super) fn remember(&mut self, call: CallId) -> &mut super::CallMemory {
        if self.calls.len() >= MAX_CALLS_REMEMBERED && !self.calls.contains_key(&call) {
            let has_ticket = |call: &CallId| self.tickets.keys().any(|t| t.call == *call);
            if let Some(oldest) = self.calls.keys().find(|c| !has_ticket(c)).copied() {
                self.calls.remove(&oldest);
                self.counters.calls_forgotten += 1;
            }
        }
        self.calls.entry(call).or_default()
    }
}
