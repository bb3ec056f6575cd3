//! Who is asked for whom, and where callers go for whom nobody is there.

use super::Desk;
use super::agents::{Agent, Busy};
use super::tickets::{OpenOffer, Place, Ticket};
use super::types::DeskOutput;
use crate::base::{OfferId, TicketId, Time};

impl Desk {
    /// Makes every offer that can be made, and moves callers on who wait in vain.
    pub(super) fn route(&mut self) {
        self.bring_back();
        loop {
            for id in self.in_order() {
                if !self.agents.iter().any(Agent::is_free) {
                    break;
                }
                while let Some(agent) = self.next_agent(&self.tickets[&id]) {
                    self.offer(id, agent);
                }
            }
            let in_vain: Vec<(TicketId, DeskOutput)> =
                self.in_order().into_iter().filter_map(|id| Some((id, self.waits_in_vain(&self.tickets[&id])?))).collect();
            if in_vain.is_empty() {
                return;
            }
            // Each one leaves the desk, or enters a queue where it has not been: this comes to an end.
            in_vain.into_iter().for_each(|(id, why)| self.move_on(id, why));
        }
    }

    /// Who returns to a caller is not given another one first, however long that one has waited.
    fn bring_back(&mut self) {
        for id in self.in_order() {
            let ticket = &self.tickets[&id];
            let agent = self.awaited(ticket).filter(|n| self.is_asked_now(*n, &self.agents[*n], ticket));
            if let Some(agent) = agent.filter(|_| ticket.offers().is_empty()) {
                self.offer(id, agent);
            }
        }
    }

    /// The agent for whom alone a caller waits now.
    fn awaited(&self, ticket: &Ticket) -> Option<usize> {
        let prefer = ticket.seek.prefer.as_ref().filter(|_| ticket.seek.prefer_until.is_some_and(|until| self.now < until))?;
        self.agents.iter().position(|agent| agent.id == *prefer)
    }

    /// True if this caller waits for one agent, who takes calls, or would if their line were back.
    fn waits_for_one(&self, ticket: &Ticket) -> bool {
        self.awaited(ticket).is_some_and(|n| {
            let agent = &self.agents[n];
            (agent.takes_calls() || agent.has_lost_line()) && self.may_ask(n, agent, ticket)
        })
    }

    /// Sends a caller on to the first overflow queue with room where they have not been, or tells why not.
    pub(super) fn move_on(&mut self, id: TicketId, why: DeskOutput) {
        let Some(ticket) = self.tickets.get(&id) else { return };
        let mut visited = ticket.visited.clone();
        let mut next = self.queues[ticket.queue].overflow;
        while let Some(queue) = next.filter(|q| visited.insert(*q)) {
            if self.waiting_in(queue) < self.queues[queue].max_waiting {
                let now = self.now;
                let ticket = self.tickets.get_mut(&id).expect("it was just looked at");
                ticket.queue = queue;
                ticket.entered = now;
                ticket.visited = visited;
                ticket.returned = false;
                return;
            }
            next = self.queues[queue].overflow;
        }
        self.tickets.remove(&id);
        self.out.push_back(why);
    }

    /// What to tell a caller for whom waiting here is pointless; `None` while there is hope.
    fn waits_in_vain(&self, ticket: &Ticket) -> Option<DeskOutput> {
        if !ticket.offers().is_empty() {
            return None;
        }
        let id = ticket.seek.ticket;
        let hope =
            self.agents.iter().enumerate().any(|(n, agent)| self.may_ask(n, agent, ticket) && (agent.takes_calls() || agent.may_be_back(self.now)));
        let may_come = self.now < self.settling_until && !self.queues[ticket.queue].is_closed;
        if !hope && !may_come && !self.waits_for_one(ticket) {
            return Some(DeskOutput::NobodyOnDuty { ticket: id });
        }
        (self.now >= self.gives_up_at(ticket)).then_some(DeskOutput::GaveUp { ticket: id })
    }

    fn gives_up_at(&self, ticket: &Ticket) -> Time {
        ticket.entered + self.queues[ticket.queue].max_wait
    }

    /// Whom to ask next for a waiting caller, if anybody.
    fn next_agent(&self, ticket: &Ticket) -> Option<usize> {
        let Place::Waiting { offers, .. } = &ticket.place else { return None };
        if offers.len() >= self.queues[ticket.queue].offers_at_once {
            return None;
        }
        let preferred = ticket.seek.prefer.as_ref().and_then(|p| self.agents.iter().position(|a| a.id == *p));
        if let Some(n) = preferred {
            let agent = &self.agents[n];
            if self.is_asked_now(n, agent, ticket) {
                return Some(n);
            }
            if self.waits_for_one(ticket) {
                return None;
            }
        }
        let free = self.agents.iter().enumerate().filter(|(n, agent)| self.is_asked_now(*n, agent, ticket));
        free.min_by_key(|(n, agent)| (agent.busy.len(), agent.idle_since, *n)).map(|(n, _)| n)
    }

    fn is_asked_now(&self, n: usize, agent: &Agent, ticket: &Ticket) -> bool {
        agent.is_free() && self.may_ask(n, agent, ticket)
    }

    /// True if this agent may ever be asked for this caller where they are now.
    fn may_ask(&self, n: usize, agent: &Agent, ticket: &Ticket) -> bool {
        let is_meant = match &ticket.seek.only {
            Some(only) => agent.id == *only,
            None => self.fits(agent, ticket),
        };
        is_meant && !ticket.except.contains(&n) && !agent.is_with(ticket.seek.ticket.call)
    }

    /// Queue, skills and language.
    pub(super) fn fits(&self, agent: &Agent, ticket: &Ticket) -> bool {
        agent.serves[ticket.queue]
            && agent.can(&self.queues[ticket.queue].skills)
            && agent.can(&ticket.seek.skills)
            && agent.speaks(&ticket.seek.language)
    }

    fn offer(&mut self, id: TicketId, agent: usize) {
        let call = self.remember(id.call);
        let offer = OfferId { call: id.call, n: call.next_offer };
        call.next_offer += 1;
        let Some(ticket) = self.tickets.get_mut(&id) else { return };
        let deadline = self.now + self.agents[agent].ring.unwrap_or(self.queues[ticket.queue].ring);
        if let Place::Waiting { offers, .. } = &mut ticket.place {
            offers.push(OpenOffer { id: offer, agent, deadline });
        }
        self.agents[agent].busy.push(Busy::Offer(offer, id));
        self.out.push_back(DeskOutput::Offer { offer, ticket: id, agent: self.agents[agent].id.clone(), deadline });
    }

    /// When something happens by itself next: an offer's deadline, the end of a wrap-up, of a wait, of the time in
    /// which a caller waits for one agent only, or in which a lost line may come back, or new agents may come.
    pub(super) fn next_deadline(&self) -> Option<Time> {
        let offers = self.tickets.values().flat_map(|t| t.offers()).map(|o| o.deadline);
        let wrap_ups = self.agents.iter().flat_map(|a| &a.busy).filter_map(|b| match b {
            Busy::WrapUp { until, .. } => Some(*until),
            Busy::Offer(..) | Busy::Call { .. } => None,
        });
        let unasked = || self.tickets.values().filter(|t| t.is_waiting() && t.offers().is_empty());
        let waits = unasked().flat_map(|t| [Some(self.gives_up_at(t)), t.seek.prefer_until]).flatten();
        let lines = self.agents.iter().filter_map(Agent::back_by).filter(|_| unasked().next().is_some());
        let settled = unasked().next().map(|_| self.settling_until);
        offers.chain(wrap_ups).chain(waits).chain(lines).chain(settled).filter(|at| *at > self.now).min()
    }
}
