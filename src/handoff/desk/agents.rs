//! The agents of a desk, and what keeps each of them busy.

use std::time::Duration;

use super::tables::{ANY, AcdTable, AgentTable};
use super::types::{AgentState, Presence};
use crate::base::{AgentId, CallId, OfferId, TicketId, Time};

/// For so long a lost line may come back (a page that is loaded anew) before waiting for its agent is pointless.
pub(super) const LINE_GRACE: Duration = Duration::from_secs(10);

/// One agent.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Agent {
    pub(super) id: AgentId,
    /// Which queues they serve, by place.
    pub(super) serves: Vec<bool>,
    skills: Vec<String>,
    languages: Vec<String>,
    capacity: usize,
    /// For how long they are asked; without it as long as the queue says.
    pub(super) ring: Option<Duration>,
    /// False for an ACD: it needs no time after a call, and no break when nobody answered.
    pub(super) is_person: bool,
    /// True if they are in the tables no more.
    pub(super) is_closed: bool,
    pub(super) presence: Presence,
    pub(super) line: Line,
    /// What occupies them, each taking one place of their capacity.
    pub(super) busy: Vec<Busy>,
    /// Since when they are free, or came on duty.
    pub(super) idle_since: Time,
    /// What was told last.
    pub(super) told: AgentState,
}

/// An agent's standing connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// Calls can reach them.
    Up,
    /// It has never been up.
    Never,
    /// It was lost then.
    DownSince(Time),
}

/// One thing that occupies an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Busy {
    /// Asked to take a caller.
    Offer(OfferId, TicketId),
    /// With a caller.
    Call { ticket: TicketId, queue: usize, since: Time },
    /// Working after a call.
    WrapUp { call: CallId, queue: usize, since: Time, until: Time },
}

impl Busy {
    fn call(&self) -> CallId {
        match self {
            Busy::Offer(_, ticket) | Busy::Call { ticket, .. } => ticket.call,
            Busy::WrapUp { call, .. } => *call,
        }
    }
}

impl Agent {
    pub(super) fn new(table: &AgentTable, queues: &[String]) -> Self {
        Agent {
            id: AgentId::from(table.name.as_str()),
            serves: queues.iter().map(|q| has(&table.queues, q)).collect(),
            skills: table.skills.clone(),
            languages: table.languages.clone(),
            capacity: table.capacity as usize,
            ring: None,
            is_person: true,
            is_closed: false,
            presence: Presence::Offline,
            line: Line::Never,
            busy: Vec::new(),
            idle_since: Time::ZERO,
            told: AgentState::Offline,
        }
    }

    /// An ACD has whoever is needed: it does what the queue asks for.
    pub(super) fn acd(table: &AcdTable, queues: &[String]) -> Self {
        let any = || vec![ANY.to_owned()];
        let agent = AgentTable {
            name: table.name.clone(),
            title: None,
            queues: table.queues.clone(),
            skills: any(),
            languages: any(),
            capacity: table.calls,
        };
        let ring = Duration::try_from_secs_f64(table.wait_secs).ok();
        Agent { ring, is_person: false, ..Agent::new(&agent, queues) }
    }

    pub(super) fn can(&self, skills: &[String]) -> bool {
        skills.iter().all(|skill| has(&self.skills, skill))
    }

    /// Languages fit by their primary subtag (BCP 47, section 2.2.1): who speaks `en` serves `en-GB`.
    pub(super) fn speaks(&self, language: &str) -> bool {
        let primary = |tag: &'_ str| tag.find(['-', '_']).unwrap_or(tag.len());
        let wanted = &language[..primary(language)];
        self.languages.iter().any(|l| l == ANY || l[..primary(l)].eq_ignore_ascii_case(wanted))
    }

    /// True if they want calls and calls can reach them, now or after what they are doing.
    pub(super) fn takes_calls(&self) -> bool {
        self.presence == Presence::Available && self.line == Line::Up
    }

    /// True if they want calls, and their line was lost only a moment ago.
    pub(super) fn may_be_back(&self, now: Time) -> bool {
        self.back_by().is_some_and(|by| now < by)
    }

    /// True if they want calls, and their line was there and is lost.
    pub(super) fn has_lost_line(&self) -> bool {
        self.presence == Presence::Available && matches!(self.line, Line::DownSince(_))
    }

    /// Until when a lost line may come back.
    pub(super) fn back_by(&self) -> Option<Time> {
        match (&self.presence, self.line) {
            (Presence::Available, Line::DownSince(since)) => Some(since + LINE_GRACE),
            _ => None,
        }
    }

    /// True if they can be asked right now.
    pub(super) fn is_free(&self) -> bool {
        self.takes_calls() && self.free_places() > 0
    }

    pub(super) fn free_places(&self) -> usize {
        self.capacity.saturating_sub(self.busy.len())
    }

    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.capacity
    }

    pub(super) fn is_with(&self, call: CallId) -> bool {
        self.busy.iter().any(|b| b.call() == call && !matches!(b, Busy::WrapUp { .. }))
    }

    /// How many queues they share their time among.
    pub(super) fn queue_count(&self) -> usize {
        self.serves.iter().filter(|s| **s).count().max(1)
    }

    /// Takes one thing away from what occupies them; free agents whose break was waiting go on it.
    pub(super) fn free(&mut self, now: Time, which: impl Fn(&Busy) -> bool) -> Option<Busy> {
        let place = self.busy.iter().position(which)?;
        let was = self.busy.remove(place);
        let worked = !matches!(was, Busy::Offer(..));
        if worked {
            self.idle_since = now;
        }
        self.settle_break();
        Some(was)
    }

    /// A break after the call begins when nothing occupies them any more.
    pub(super) fn settle_break(&mut self) {
        if self.busy.is_empty()
            && let Presence::BreakAfterCall(reason) = &mut self.presence
        {
            self.presence = Presence::Break(std::mem::take(reason));
        }
    }

    pub(super) fn state(&self) -> AgentState {
        let any = |is: fn(&Busy) -> bool| self.busy.iter().any(is);
        if any(|b| matches!(b, Busy::Call { .. })) {
            AgentState::OnCall
        } else if any(|b| matches!(b, Busy::Offer(..))) {
            AgentState::Ringing
        } else if any(|b| matches!(b, Busy::WrapUp { .. })) {
            AgentState::WrapUp
        } else {
            match (&self.presence, self.line) {
                (Presence::Offline, _) | (_, Line::Never | Line::DownSince(_)) => AgentState::Offline,
                (Presence::Break(_) | Presence::BreakAfterCall(_), Line::Up) => AgentState::OnBreak,
                (Presence::Available, Line::Up) => AgentState::Available,
            }
        }
    }
}

fn has(list: &[String], item: &str) -> bool {
    list.iter().any(|i| i == ANY || i == item)
}
