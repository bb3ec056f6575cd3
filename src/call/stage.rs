//! The stages of a call, each with what only it needs.

use crate::base::{AgentId, EndedBy, HandoffClock, LegId, OfferId, PlaybackId, QueueId, StageName, TicketId, Time};
use crate::handoff::desk::Otherwise;
use crate::handoff::trigger::Fired;

use super::Target;
use super::agent_keys::Dialled;

/// Where a call is.
#[derive(Clone, Debug)]
pub(super) enum Stage {
    /// The caller's phone rings.
    Ringing,
    /// The bot's first words.
    Greeting,
    /// The bot serves the caller.
    WithBot,
    /// The caller was asked whether they want a person.
    Offered(Offering),
    /// A person is sought.
    Seeking(Seeking),
    /// Nobody was found: the caller is helped otherwise.
    Settling(Settling),
    /// Caller and agent are, or are just being, connected.
    Bridged(Bridged),
    /// The agent sends the caller to somebody outside and stays until that one has answered.
    Moving(Bridged),
    /// The caller is asked how it went.
    Survey,
    /// The last words are spoken, then the call ends.
    Farewell {
        /// Who ends it.
        by: EndedBy,
        /// True if the bot said goodbye, so that the caller may still go on.
        by_bot: bool,
    },
    /// Everything was told to end; the call is over as soon as it has.
    Ending(EndedBy),
    /// Over.
    Ended,
}

impl Stage {
    /// The name in records; [`Stage::Ending`] and [`Stage::Farewell`] are the tail of what was before them.
    pub(super) fn name(&self) -> Option<StageName> {
        Some(match self {
            Stage::Ringing => StageName::Ringing,
            Stage::Greeting => StageName::Greeting,
            Stage::WithBot => StageName::WithBot,
            Stage::Offered(_) => StageName::Offered,
            Stage::Seeking(seeking) => seeking.name(),
            Stage::Settling(Settling { step: Step::Filing | Step::Told(_), .. }) => StageName::Waiting,
            Stage::Settling(Settling { step: Step::Asking(_) | Step::Beep(_) | Step::Recording { .. }, .. }) => StageName::Message,
            Stage::Bridged(bridged) if bridged.seats.len() > 1 && bridged.consults().is_none() => StageName::Conference,
            Stage::Bridged(_) => StageName::Bridged,
            Stage::Moving(_) => StageName::Transfer,
            Stage::Survey => StageName::Survey,
            Stage::Farewell { .. } | Stage::Ending(_) => return None,
            Stage::Ended => StageName::Ended,
        })
    }
}

/// One handoff, from its trigger on.
#[derive(Clone, Debug)]
pub(super) struct Handoff {
    /// Counts the call's handoffs from 0.
    pub n: u32,
    /// What fired.
    pub fired: Fired,
    /// Where it goes.
    pub queue: QueueId,
    /// Which clocks have been reached, t0 first.
    pub reached: [bool; 7],
    /// Since when the caller waits, whatever queue or agent comes between.
    pub since: Time,
    /// True if the caller had an agent and lost them, so that they are told so.
    pub agent_was_lost: bool,
    /// How an agent had it whose line broke, for when they are back.
    pub kept: Option<Kept>,
    /// The one agent who is meant, until they have had the caller or can't be had.
    pub only: Option<AgentId>,
    /// What an agent who had the caller before noted.
    pub note: Option<String>,
}

impl Handoff {
    /// A handoff that has just been triggered.
    pub(super) fn new(n: u32, fired: Fired, queue: QueueId, now: Time) -> Self {
        Handoff { n, fired, queue, reached: [false; 7], since: now, agent_was_lost: false, kept: None, only: None, note: None }
    }

    /// Notes that a clock was reached; false if it was before.
    pub(super) fn reach(&mut self, clock: HandoffClock) -> bool {
        !std::mem::replace(&mut self.reached[clock as usize], true)
    }

    /// Forgets a clock, because what it stood for came to nothing.
    pub(super) fn unreach(&mut self, clock: HandoffClock) {
        self.reached[clock as usize] = false;
    }

    /// True if the clock was reached.
    pub(super) fn has_reached(&self, clock: HandoffClock) -> bool {
        self.reached[clock as usize]
    }
}

/// What an agent whose line broke wanted nobody to hear: a blip of the line does not undo it.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    /// Who.
    pub agent: AgentId,
    /// They were muted.
    pub muted: bool,
    /// They had the caller on hold.
    pub held: bool,
}

/// The caller was asked whether they want a person.
#[derive(Clone, Debug)]
pub(super) struct Offering {
    /// What would begin.
    pub handoff: Handoff,
    /// The question, while it is spoken.
    pub question: Option<PlaybackId>,
    /// How often it was asked.
    pub asked: u8,
}

/// A person is sought.
#[derive(Clone, Debug)]
pub(super) struct Seeking {
    /// Why.
    pub handoff: Handoff,
    /// The caller's place at the desk.
    pub ticket: TicketId,
    /// Agents who are being asked.
    pub asked: Vec<AskedAgent>,
    /// What the caller was told.
    pub notice: Notice,
    /// Where the caller stands, as the desk last said.
    pub position: Option<(u32, Option<f64>)>,
}

impl Seeking {
    fn name(&self) -> StageName {
        if self.asked.iter().any(|a| matches!(a.answer, Answer::Briefing { .. } | Answer::Accepting { is_briefed: true, .. })) {
            StageName::Briefing
        } else if self.asked.is_empty() {
            StageName::Waiting
        } else {
            StageName::RingingAgent
        }
    }
}

/// What the caller was told of the search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Notice {
    /// Nothing yet: the desk's first news decides what.
    Due,
    /// It is being spoken.
    Playing(PlaybackId),
    /// It is over; music plays.
    Done,
}

/// An agent who is being asked.
#[derive(Clone, Debug)]
pub(super) struct AskedAgent {
    /// The offer.
    pub offer: OfferId,
    /// Whom.
    pub agent: AgentId,
    /// How far they are.
    pub answer: Answer,
    /// Why they decline, if they said so.
    pub reason: Option<String>,
    /// The packet is on their screen.
    pub is_shown: bool,
    /// They were alerted.
    pub is_alerted: bool,
}

/// How far an asked agent is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Alerted.
    None,
    /// Their ear is open and they are briefed.
    Briefing {
        /// Their leg.
        leg: LegId,
        /// The briefing, or the question that follows it.
        playback: PlaybackId,
        /// How they accept.
        accepts: Accepts,
    },
    /// An ACD looks for a person; the caller hears what it sends.
    Waits {
        /// Its leg.
        leg: LegId,
        /// Whether it was picked up; until then this is early media.
        is_picked_up: bool,
    },
    /// They accepted; the desk decides.
    Accepting {
        /// Their leg, if they have one already.
        leg: Option<LegId>,
        /// Whether they were briefed.
        is_briefed: bool,
    },
}

/// How an agent who is briefed accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Accepts {
    /// By hearing the briefing out.
    ByHearing,
    /// By key, on a phone that a voicemail might have answered.
    ByKey {
        /// How often they were asked for it.
        asked: u8,
    },
}

impl AskedAgent {
    /// The leg of an ACD that has not found a person yet.
    pub(super) fn early_leg(&self) -> Option<LegId> {
        match self.answer {
            Answer::Waits { leg, .. } => Some(leg),
            Answer::None | Answer::Briefing { .. } | Answer::Accepting { .. } => None,
        }
    }

    /// The agent's leg, if their ear is open.
    pub(super) fn leg(&self) -> Option<LegId> {
        match self.answer {
            Answer::None => None,
            Answer::Briefing { leg, .. } | Answer::Waits { leg, .. } => Some(leg),
            Answer::Accepting { leg, .. } => leg,
        }
    }
}

/// Nobody was found.
#[derive(Clone, Debug)]
pub(super) struct Settling {
    /// The handoff; over once something was settled.
    pub handoff: Handoff,
    /// Its ticket.
    pub ticket: TicketId,
    /// What else may be tried, in order.
    pub rest: Vec<Otherwise>,
    /// What is being done.
    pub step: Step,
}

/// What is being done for a caller for whom nobody was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The desk is filing a callback.
    Filing,
    /// It is settled and the caller is being told.
    Told(PlaybackId),
    /// The caller is asked for a message.
    Asking(PlaybackId),
    /// The tone sounds.
    Beep(PlaybackId),
    /// The caller speaks.
    Recording {
        /// Since when.
        since: Time,
        /// True once they have said something.
        spoke: bool,
    },
}

/// Caller and agent are, or are just being, connected.
#[derive(Clone, Debug)]
pub(super) struct Bridged {
    /// Why.
    pub handoff: Handoff,
    /// Who is with the caller; the first one has the call.
    pub seats: Vec<Seat>,
    /// Sound has crossed from the caller to the agent.
    pub heard_caller: bool,
    /// Sound has crossed from the agent to the caller.
    pub heard_agent: bool,
    /// When sound had crossed both ways.
    pub t5: Option<Time>,
    /// One more person who is sought.
    pub inviting: Option<Inviting>,
    /// Whether the caller is on hold.
    pub hold: Hold,
}

/// Whether the caller hears music instead of who is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hold {
    /// They hear the agents, and are heard.
    Off,
    /// They wait.
    On {
        /// The leg of the agent who wants it so, and who alone ends it while they are there.
        by: LegId,
    },
    /// They wait while an agent talks with somebody else first, or waits for them.
    Consult {
        /// The leg of the agent who asked.
        by: LegId,
    },
}

impl Bridged {
    /// True once the caller can hear an agent. That the caller is silent, or muted, takes nothing from what the agent may do.
    pub(super) fn is_talking(&self) -> bool {
        self.heard_agent || self.t5.is_some()
    }

    /// True while the caller is on hold.
    pub(super) fn is_held(&self) -> bool {
        match self.hold {
            Hold::Off => false,
            Hold::On { .. } | Hold::Consult { .. } => true,
        }
    }

    /// The agent who talks with somebody else first, if one does.
    pub(super) fn consults(&self) -> Option<LegId> {
        match self.hold {
            Hold::Consult { by } => Some(by),
            Hold::Off | Hold::On { .. } => None,
        }
    }

    /// True if the agent on this leg put the caller on hold, and talks with nobody else meanwhile.
    pub(super) fn is_held_by(&self, leg: LegId) -> bool {
        matches!(self.hold, Hold::On { by } if by == leg)
    }

    /// True while somebody outside is rung to join.
    pub(super) fn dials(&self) -> bool {
        self.inviting.as_ref().is_some_and(|inviting| matches!(inviting.target, Target::Outside(_)))
    }

    /// The seat of an agent.
    pub(super) fn seat_of(&mut self, agent: &AgentId) -> Option<&mut Seat> {
        self.seats.iter_mut().find(|seat| seat.agent == *agent)
    }
}

/// One agent with the caller.
#[derive(Clone, Debug)]
pub(super) struct Seat {
    /// Their leg.
    pub leg: LegId,
    /// Who.
    pub agent: AgentId,
    /// The ticket by which they were found.
    pub ticket: TicketId,
    /// A code by key that they have begun.
    pub dialled: Option<Dialled>,
    /// No agent of ours, but somebody whom one has put the caller through to.
    pub is_outside: bool,
    /// Nobody hears them, because they want it so.
    pub muted: bool,
    /// When nobody heard them, whatever the reason: now, or the last time.
    pub unheard: Option<Unheard>,
    /// Somebody has heard them.
    pub is_heard: bool,
}

/// A span in which nobody but a supervisor heard an agent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unheard {
    /// Its beginning.
    pub since: Time,
    /// Its end, once it is over.
    pub until: Option<Time>,
}

impl Unheard {
    /// True if any of what was said between these was said in this span.
    pub(super) fn has_some_of(&self, start: Time, end: Time) -> bool {
        self.since <= end && self.until.is_none_or(|until| start < until)
    }
}

/// One more person is sought.
#[derive(Clone, Debug)]
pub(super) struct Inviting {
    /// Whom.
    pub target: Target,
    /// Their ticket; the desk knows none of somebody outside.
    pub ticket: TicketId,
    /// Who is asked.
    pub asked: Vec<AskedAgent>,
}
