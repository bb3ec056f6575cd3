//! Other tables in the middle of everything: who talks goes on talking.
//!
//! Queues and agents keep their places for good, as everything that goes on refers to them by place. One that is not in
//! the tables any more stays behind, closed: its queue takes nobody, its agent is off duty, and whoever waits there goes
//! on to the queue it would have overflowed to, or hears that nobody is there.

use std::time::Duration;

use super::Desk;
use super::agents::Agent;
use super::queue::Queue;
use super::tables::{DeskTables, QueueTable};
use super::types::Presence;
use crate::base::OfferOutcome;

/// Who is new can't say that they are here before they are known; callers who wait are given up no sooner than this after it.
const SETTLING: Duration = Duration::from_secs(2);

impl Desk {
    pub(super) fn on_tables(&mut self, tables: &DeskTables) {
        self.settling_until = self.now + SETTLING;
        let names = self.renew_queues(tables);
        let closed: Vec<usize> = (0..self.queues.len()).filter(|queue| self.queues[*queue].is_closed).collect();
        let people = tables.agents.iter().map(|table| Agent::new(table, &names));
        let mut listed: Vec<Agent> = people.chain(tables.acds.iter().map(|table| Agent::acd(table, &names))).collect();
        for agent in &mut listed {
            closed.iter().for_each(|queue| agent.serves[*queue] = false);
        }
        for agent in &mut self.agents {
            match listed.iter().position(|new| new.id == agent.id) {
                Some(at) => agent.renew(listed.remove(at)),
                None => agent.close(names.len()),
            }
        }
        self.agents.extend(listed);
        for agent in 0..self.agents.len() {
            if self.agents[agent].is_closed {
                self.leave_offers(agent, OfferOutcome::Vanished);
            }
        }
    }

    /// The names of all queues, by place, those that are closed too.
    fn renew_queues(&mut self, tables: &DeskTables) -> Vec<String> {
        let mut names: Vec<String> = self.queues.iter().map(|queue| queue.id.to_string()).collect();
        let is_new = |table: &&QueueTable| !self.queues.iter().any(|queue| *queue.id.0 == *table.name);
        names.extend(tables.queues.iter().filter(is_new).map(|table| table.name.clone()));
        for (place, name) in names.iter().enumerate() {
            let table = tables.queues.iter().find(|table| table.name == *name);
            match (table, self.queues.get_mut(place)) {
                (Some(table), Some(queue)) => *queue = Queue { handle_time: queue.handle_time, ..Queue::new(table, &names) },
                (Some(table), None) => self.queues.push(Queue::new(table, &names)),
                // Nobody overflows to it.
                (None, Some(queue)) => (queue.is_closed, queue.max_waiting) = (true, 0),
                (None, None) => {}
            }
        }
        names
    }
}

impl Agent {
    /// Other rules for who is here already.
    fn renew(&mut self, rules: Agent) {
        let was = std::mem::replace(self, rules);
        (self.presence, self.line, self.busy) = (was.presence, was.line, was.busy);
        (self.idle_since, self.told) = (was.idle_since, was.told);
    }

    /// Not in the tables any more: what they have begun they may end.
    fn close(&mut self, queues: usize) {
        self.is_closed = true;
        self.serves = vec![false; queues];
        self.presence = Presence::Offline;
    }
}

#[cfg(test)]
mod tests {
    use super::super::{AgentState, AgentTable, DeskInput, DeskOutput, Presence, Seek};
    use super::*;
    use crate::base::{AgentId, CallId, OfferId, QueueId, TicketId, Time};

    fn tables(queues: &[&str], agents: &[&str]) -> DeskTables {
        let queue = |name: &&str| QueueTable { name: (*name).into(), wrap_up_secs: 0.0, ..QueueTable::default() };
        let agent = |name: &&str| AgentTable { name: (*name).into(), ..AgentTable::default() };
        DeskTables { queues: queues.iter().map(queue).collect(), agents: agents.iter().map(agent).collect(), ..DeskTables::default() }
    }

    fn tell(desk: &mut Desk, input: DeskInput) -> Vec<DeskOutput> {
        desk.handle(input, Time::from_millis(1_000));
        std::iter::from_fn(|| Some(desk.poll()).filter(|news| !matches!(news, DeskOutput::Idle(_)))).collect()
    }

    fn on_duty(desk: &mut Desk, agent: &str) -> Vec<DeskOutput> {
        tell(desk, DeskInput::Line { agent: agent.into(), up: true });
        tell(desk, DeskInput::Presence { agent: agent.into(), presence: Presence::Available })
    }

    fn seek(n: u128, queue: &str) -> DeskInput {
        let ticket = TicketId { call: CallId(uuid::Uuid::from_u128(n)), n: 0 };
        let (skills, except, language) = (Vec::new(), Vec::new(), "en".into());
        let queue = QueueId::from(queue);
        DeskInput::Seek(Seek {
            ticket,
            queue,
            skills,
            language,
            priority: 0,
            since: Time::ZERO,
            except,
            prefer: None,
            prefer_until: None,
            only: None,
        })
    }

    fn offered(news: &[DeskOutput]) -> Option<(OfferId, AgentId)> {
        news.iter().find_map(|news| if let DeskOutput::Offer { offer, agent, .. } = news { Some((*offer, agent.clone())) } else { None })
    }

    fn state(desk: &Desk, agent: &str) -> Option<AgentState> {
        desk.agents().find(|(id, _)| **id == AgentId::from(agent)).map(|(_, state)| state)
    }

    fn new_tables(desk: &mut Desk, tables: DeskTables) -> Vec<DeskOutput> {
        tell(desk, DeskInput::Tables(tables.into()))
    }

    #[test]
    fn who_is_new_is_asked_for_whoever_seeks_from_then_on() {
        let mut desk = Desk::new(&tables(&["main"], &["ann"]));
        on_duty(&mut desk, "ann");
        assert!(tell(&mut desk, seek(1, "sales")).iter().any(|news| matches!(news, DeskOutput::NobodyOnDuty { .. })));
        new_tables(&mut desk, tables(&["main", "sales"], &["ann", "bob"]));
        assert_eq!(state(&desk, "bob"), Some(AgentState::Offline));
        let (offer, agent) = offered(&tell(&mut desk, seek(2, "sales"))).expect("ann serves all queues");
        assert_eq!(agent, AgentId::from("ann"));
        on_duty(&mut desk, "bob");
        tell(&mut desk, DeskInput::Accept { offer });
        assert_eq!(offered(&tell(&mut desk, seek(3, "main"))).map(|(_, agent)| agent), Some("bob".into()));
    }

    #[test]
    fn who_is_on_a_call_ends_it_as_ever_and_is_gone_then() {
        let mut desk = Desk::new(&tables(&["main"], &["ann"]));
        on_duty(&mut desk, "ann");
        let (offer, _) = offered(&tell(&mut desk, seek(1, "main"))).expect("ann is free");
        tell(&mut desk, DeskInput::Accept { offer });
        new_tables(&mut desk, tables(&["main"], &["bob"]));
        assert_eq!(state(&desk, "ann"), Some(AgentState::OnCall));
        on_duty(&mut desk, "ann");
        assert_eq!(offered(&tell(&mut desk, seek(2, "main"))), None, "they are asked no more");
        let ticket = TicketId { call: offer.call, n: 0 };
        tell(&mut desk, DeskInput::Release { ticket, agent: "ann".into() });
        tell(&mut desk, DeskInput::WrappedUp { agent: "ann".into(), call: offer.call });
        assert_eq!((state(&desk, "ann"), desk.tickets_of(offer.call)), (None, Vec::new()));
        new_tables(&mut desk, tables(&["main"], &["ann"]));
        assert_eq!(state(&desk, "ann"), Some(AgentState::Offline), "who is back says so themselves");
        let again = offered(&on_duty(&mut desk, "ann")).map(|(offer, _)| offer.call);
        assert_eq!(again, Some(CallId(uuid::Uuid::from_u128(2))), "who sought meanwhile has waited for a moment");
    }

    #[test]
    fn who_is_asked_and_not_there_any_more_leaves_the_caller_to_the_next() {
        let mut desk = Desk::new(&tables(&["main"], &["ann", "bob"]));
        on_duty(&mut desk, "ann");
        let (offer, _) = offered(&tell(&mut desk, seek(1, "main"))).expect("ann is free");
        on_duty(&mut desk, "bob");
        let news = new_tables(&mut desk, tables(&["main"], &["bob"]));
        assert!(news.iter().any(|news| matches!(news, DeskOutput::OfferSettled { offer: o, outcome: OfferOutcome::Vanished, .. } if *o == offer)));
        assert_eq!(offered(&news).map(|(_, agent)| agent), Some("bob".into()));
    }

    #[test]
    fn who_is_there_in_place_of_all_others_is_waited_for() {
        let mut desk = Desk::new(&tables(&["main"], &["ann"]));
        on_duty(&mut desk, "ann");
        tell(&mut desk, seek(1, "main"));
        let news = new_tables(&mut desk, tables(&["main"], &["bob"]));
        assert!(!news.iter().any(|news| matches!(news, DeskOutput::NobodyOnDuty { .. })), "{news:?}");
        let mut alone = desk.clone();
        assert_eq!(offered(&on_duty(&mut desk, "bob")).map(|(_, agent)| agent), Some("bob".into()));
        let DeskOutput::Idle(Some(deadline)) = alone.poll() else { panic!("somebody waits") };
        assert_eq!(deadline, Time::from_millis(1_000) + SETTLING);
        alone.handle(DeskInput::Tick, deadline);
        assert!(matches!(alone.poll(), DeskOutput::NobodyOnDuty { .. }));
    }

    #[test]
    fn who_waits_in_a_queue_that_is_closed_goes_where_it_overflowed_to() {
        let mut before = tables(&["main", "second", "third"], &["ann"]);
        before.queues[0].overflow = Some("second".into());
        let mut desk = Desk::new(&before);
        on_duty(&mut desk, "ann");
        let (first, _) = offered(&tell(&mut desk, seek(1, "third"))).expect("ann is free");
        tell(&mut desk, DeskInput::Accept { offer: first });
        tell(&mut desk, seek(2, "main"));
        tell(&mut desk, seek(3, "third"));
        let news = new_tables(&mut desk, tables(&["second"], &["ann"]));
        let alone: Vec<_> = news.iter().filter(|news| matches!(news, DeskOutput::NobodyOnDuty { .. })).collect();
        assert_eq!(alone.len(), 1, "there is nothing after the third: {news:?}");
        let released = DeskInput::Release { ticket: TicketId { call: first.call, n: 0 }, agent: "ann".into() };
        let (offer, _) = offered(&tell(&mut desk, released)).expect("ann is free again");
        assert_eq!(offer.call, CallId(uuid::Uuid::from_u128(2)));
    }

    #[test]
    fn fewer_calls_at_once_take_none_away() {
        let with = |capacity| {
            let mut tables = tables(&["main"], &["ann"]);
            tables.agents[0].capacity = capacity;
            tables
        };
        let mut desk = Desk::new(&with(2));
        on_duty(&mut desk, "ann");
        for n in [1, 2] {
            let (offer, _) = offered(&tell(&mut desk, seek(n, "main"))).expect("ann has room");
            tell(&mut desk, DeskInput::Accept { offer });
        }
        assert_eq!(new_tables(&mut desk, with(1)), []);
        assert_eq!(offered(&tell(&mut desk, seek(3, "main"))), None);
        let ticket = TicketId { call: CallId(uuid::Uuid::from_u128(1)), n: 0 };
        assert_eq!(offered(&tell(&mut desk, DeskInput::Release { ticket, agent: "ann".into() })), None, "one is enough now");
    }
}
