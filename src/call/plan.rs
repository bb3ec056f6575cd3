//! What a call was begun with: it keeps this to its end, whatever is reloaded meanwhile.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::base::{AgentId, CallId, Pii, QueueId, Time};
use crate::handoff::desk::{HoursTable, Otherwise};
use crate::handoff::notice::Notices;
use crate::handoff::trigger::{Rules, WallFacts};

use super::EntryTable;

/// Everything that is fixed for the call.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The call.
    pub call: CallId,
    /// The called number.
    pub called: String,
    /// The caller's number, if known.
    pub caller: Option<Pii<String>>,
    /// What else the edge knows of the caller.
    pub data: BTreeMap<String, String>,
    /// What the entry says.
    pub entry: EntryTable,
    /// Who serves the caller first.
    pub bot: BotPlan,
    /// When a person is brought.
    pub rules: Arc<Rules>,
    /// What callers are told.
    pub notices: Arc<Notices>,
    /// The queues, by name.
    pub queues: BTreeMap<QueueId, QueuePlan>,
    /// Who may be asked.
    pub agents: Arc<BTreeMap<AgentId, AgentPlan>>,
    /// The entry's opening hours.
    pub hours: Option<HoursTable>,
    /// Wall time at the origin of [`Time`].
    pub wall: jiff::Zoned,
    /// For how long an agent whose line broke is waited for before others are asked.
    pub return_patience: Duration,
    /// A recorded caller can't react to the bot: whenever they begin to speak, the bot's words stop, and that is no barge-in.
    pub yields: bool,
}

/// Who serves the caller before a person does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BotPlan {
    /// The entry's bot.
    Serves,
    /// Another channel of the recording is the bot that the caller heard; it is the call's second leg, mute from t1 on.
    Recorded,
    /// Nobody speaks until the notice.
    Mute,
    /// The entry has no bot: callers go straight to the queue.
    None,
}

/// What a call must know of a queue.
#[derive(Clone, Debug, PartialEq)]
pub struct QueuePlan {
    /// Its name for people.
    pub title: String,
    /// What is done when nobody is found, in order.
    pub otherwise: Vec<Otherwise>,
    /// When its agents may be asked; `None` for always.
    pub hours: Option<HoursTable>,
}

/// What a call must know of somebody who may be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentPlan {
    /// Their name for people.
    pub title: String,
    /// What it means that their phone was picked up.
    pub picks_up: PicksUp,
    /// Whether the caller hears what comes from there before a person does.
    pub is_heard_early: bool,
}

/// What it means that a phone was picked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PicksUp {
    /// Somebody, or a voicemail: they are briefed, and accept by key.
    Somebody,
    /// A person who takes the call: an ACD answers for its agent.
    Agent,
    /// An ACD's own queue: a person comes later.
    Queue,
}

impl Plan {
    /// What rules may know of the time of day.
    pub(super) fn wall_facts(&self, now: Time) -> WallFacts {
        let wall = self.wall_at(now);
        WallFacts {
            hour: wall.hour().unsigned_abs(),
            minute: wall.minute().unsigned_abs(),
            weekday: wall.weekday().to_monday_one_offset().unsigned_abs(),
            open: self.hours.as_ref().is_none_or(|hours| hours.open_at(&wall)),
        }
    }

    /// Whether entry and queue are open now.
    pub(super) fn is_open(&self, queue: &QueueId, now: Time) -> bool {
        let wall = self.wall_at(now);
        let queue_hours = self.queues.get(queue).and_then(|q| q.hours.as_ref());
        self.hours.iter().chain(queue_hours).all(|hours| hours.open_at(&wall))
    }

    /// Wall time now.
    pub(super) fn wall_at(&self, now: Time) -> jiff::Zoned {
        let span = jiff::SignedDuration::from_micros(i64::try_from(now.as_micros()).unwrap_or(i64::MAX));
        self.wall.checked_add(span).unwrap_or_else(|_| self.wall.clone())
    }

    /// A queue's name for people.
    pub(super) fn queue_title(&self, queue: &QueueId) -> String {
        self.queues.get(queue).map_or_else(|| queue.to_string(), |q| q.title.clone())
    }

    /// An agent's name for people.
    pub(super) fn agent_title(&self, agent: &AgentId) -> String {
        self.agents.get(agent).map_or_else(|| agent.to_string(), |a| a.title.clone())
    }

    /// What it means that this one's phone was picked up.
    pub(super) fn picks_up(&self, agent: &AgentId) -> PicksUp {
        self.agents.get(agent).map_or(PicksUp::Somebody, |a| a.picks_up)
    }

    /// Whether the caller hears what comes from there before a person is there.
    pub(super) fn is_heard_early(&self, agent: &AgentId) -> bool {
        self.agents.get(agent).is_some_and(|a| a.is_heard_early)
    }
}
