//! What goes into the desk and what comes out. Plain, serializable, idempotent.

use serde::{Deserialize, Serialize};

use super::tables::DeskTables;
use crate::base::{AgentId, CallId, OfferId, OfferOutcome, Pii, QueueId, TicketId, Time};

/// What goes into the desk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "message", rename_all = "snake_case")]
pub enum DeskInput {
    /// A caller needs a person. A second one with the same ticket changes nothing.
    Seek(Seek),
    /// The caller needs nobody any more (hung up, was settled otherwise). Its open offers are withdrawn; an agent who
    /// accepted, but was never connected, is free again at once. For one who was connected send [`DeskInput::Release`].
    Cancel {
        /// Whose place.
        ticket: TicketId,
    },
    /// This agent accepts this offer (t4). The first one wins; later ones get [`DeskOutput::TooLate`].
    Accept {
        /// Which offer.
        offer: OfferId,
    },
    /// This agent declines, or their contact failed, or they went away.
    Refuse {
        /// Which offer.
        offer: OfferId,
        /// `Declined`, `Unanswered` or `Vanished`; others are counted as odd.
        outcome: OfferOutcome,
    },
    /// The agent of this ticket is done talking, or their line went away in mid-call: wrap-up begins. From anybody else
    /// it is counted as odd: talk time is never charged to the wrong agent.
    Release {
        /// Whose place.
        ticket: TicketId,
        /// Who was with the caller.
        agent: AgentId,
    },
    /// The agent saved the wrap-up of this call.
    WrappedUp {
        /// Who.
        agent: AgentId,
        /// Which call.
        call: CallId,
    },
    /// The agent says whether they want calls.
    Presence {
        /// Who.
        agent: AgentId,
        /// What they say.
        presence: Presence,
    },
    /// The agent's line is up or down.
    Line {
        /// Who.
        agent: AgentId,
        /// True while calls can reach them.
        up: bool,
    },
    /// File a callback: somebody of this queue calls this number when they can.
    Callback {
        /// Whose ticket it was.
        ticket: TicketId,
        /// Which queue.
        queue: QueueId,
        /// The number to call.
        number: Pii<String>,
    },
    /// Other queues, agents, skills: for whoever seeks or is asked from now on. What goes on goes on.
    Tables(Box<DeskTables>),
    /// A callback was made, or is not wanted any more.
    CallbackDone {
        /// Whose ticket it was.
        ticket: TicketId,
    },
    /// Time has passed: deadlines of offers, wrap-ups and presence.
    Tick,
}

/// A caller's need.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Seek {
    /// The caller's place, chosen by the call, never reused.
    pub ticket: TicketId,
    /// Where to look first.
    pub queue: QueueId,
    /// Skills that an agent must have.
    pub skills: Vec<String>,
    /// BCP 47 language that an agent must speak.
    pub language: String,
    /// Higher goes first; equal ones by age.
    pub priority: i32,
    /// Since when the caller waits; kept when a caller returns to the queue.
    pub since: Time,
    /// Agents who are not asked (they declined this call before).
    pub except: Vec<AgentId>,
    /// Asked first if they are free, for as long as `prefer_until` (an agent to whom the caller returns).
    pub prefer: Option<AgentId>,
    /// Until when only `prefer` is asked.
    pub prefer_until: Option<Time>,
    /// Nobody but this agent is asked, whatever their queues and skills (somebody was named).
    #[serde(default)]
    pub only: Option<AgentId>,
}

/// What an agent says of themselves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// Takes calls.
    Available,
    /// Does not, for this reason.
    Break(String),
    /// Finishes what they have, then is on a break.
    BreakAfterCall(String),
    /// Not on duty.
    Offline,
}

/// What comes out of the desk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "news", rename_all = "snake_case")]
pub enum DeskOutput {
    /// Ask this agent: show the packet and alert them.
    Offer {
        /// Which offer.
        offer: OfferId,
        /// For whom.
        ticket: TicketId,
        /// Whom.
        agent: AgentId,
        /// When it ends by itself; covers ring and briefing.
        deadline: Time,
    },
    /// An offer ended other than by being accepted; stop alerting this agent.
    OfferSettled {
        /// Which offer.
        offer: OfferId,
        /// For whom.
        ticket: TicketId,
        /// Whose.
        agent: AgentId,
        /// How.
        outcome: OfferOutcome,
    },
    /// This agent has the caller.
    Assigned {
        /// For whom.
        ticket: TicketId,
        /// Which offer won.
        offer: OfferId,
        /// Who.
        agent: AgentId,
    },
    /// This acceptance came too late: somebody else has the caller, or the offer is over.
    TooLate {
        /// Which offer.
        offer: OfferId,
    },
    /// Where the caller stands now; sent when it changes.
    Position {
        /// Whose place.
        ticket: TicketId,
        /// 1 is next.
        position: u32,
        /// Upper bound of the wait in s, if one can be told (METRICS: EWT).
        expected_wait_s: Option<f64>,
    },
    /// Nobody who could take this caller is on duty, so that waiting is pointless; the ticket is closed.
    NobodyOnDuty {
        /// Whose place.
        ticket: TicketId,
    },
    /// The caller waited as long as their queues allow, or the queue is full; the ticket is closed.
    GaveUp {
        /// Whose place.
        ticket: TicketId,
    },
    /// The callback is on the list. Sent again for a second request of the same ticket.
    CallbackFiled {
        /// Whose ticket it was.
        ticket: TicketId,
    },
    /// The callback could not be filed (the list is full, or there is no such queue): settle it another way.
    CallbackRefused {
        /// Whose ticket it was.
        ticket: TicketId,
    },
    /// The state of an agent has changed, for those who watch.
    AgentState {
        /// Who.
        agent: AgentId,
        /// What.
        state: AgentState,
    },
    /// Nothing to do until then at the latest.
    Idle(Option<Time>),
}

/// What an agent is doing, as the system sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgentState {
    /// Not on duty, or no line.
    Offline,
    /// On a break.
    OnBreak,
    /// Free.
    Available,
    /// Asked to take a caller.
    Ringing,
    /// With a caller.
    OnCall,
    /// Working after a call.
    WrapUp,
}

/// What triggers and the call may know of the desk.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct QueueView {
    /// Agents of the queue who are on duty (available, ringing, on call, wrap-up).
    pub on_duty: u32,
    /// Of these, who are free now.
    pub available: u32,
    /// Callers waiting.
    pub waiting: u32,
    /// Upper bound of the wait in s for one who came now, if one can be told.
    pub expected_wait_s: Option<f64>,
}
