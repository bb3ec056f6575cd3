//! The story of one call: its records, told in the order in which a person would ask about them.
//!
//! Drive it with [`Story::note`], record by record while the call lasts, or with [`Story::tell`] over a journal. It is a pure projection: the same
//! records give the same story. A record that refers to something it never heard of is counted in [`Story::odd`] and changes nothing else.
//! A story is as long as its call's journal; whoever writes the journal bounds it. What is *not* here: seconds and names for output
//! (`replay::result`), and any judgement.

mod handoff;

use std::collections::BTreeMap;

use crate::base::{
    AgentId, CallId, CallOutcome, EndedBy, Fault, Happening, InviteOutcome, Key, LegId, Mode, Network, OfferOutcome, Party, PlaybackId, Purpose,
    QueueId, Record, SignalKind, StageName, Time,
};
pub use handoff::{Clocks, Handoff, HandoffEnding, Notice, Offer, Position};

/// Everything that happened in one call.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Story {
    /// The call; `None` until its first record.
    pub call: Option<CallId>,
    /// How it came in.
    pub arrival: Option<Arrival>,
    /// Who said what, by begin of the turn.
    pub turns: Vec<Turn>,
    /// The evidence, by begin of its span.
    pub signals: Vec<Signal>,
    /// The frustration score at each change.
    pub scores: Vec<Score>,
    /// The stages, without gaps.
    pub stages: Vec<Stage>,
    /// The handoffs, by their triggers.
    pub handoffs: Vec<Handoff>,
    /// What was played, by its first sample.
    pub playbacks: Vec<Playback>,
    /// Who was in the call, by joining.
    pub legs: Vec<Leg>,
    /// Moments at which the caller talked a playback down.
    pub barge_ins: Vec<Time>,
    /// Keys that were pressed; `None` where digits are private.
    pub keys: Vec<(Time, Party, Option<Key>)>,
    /// The bot's answers.
    pub replies: Vec<Reply>,
    /// When the caller was put on hold and taken back.
    pub holds: Vec<(Time, bool)>,
    /// When agents were muted and heard again.
    pub mutes: Vec<(Time, LegId, bool)>,
    /// People whom agents asked into the bridge.
    pub invites: Vec<Invite>,
    /// What agents noted.
    pub notes: Vec<(Time, AgentId, String)>,
    /// What agents corrected: who, of what, and what is right.
    pub corrections: Vec<(Time, AgentId, String, String)>,
    /// What was settled when nobody could come to the phone.
    pub settlements: Vec<(Time, Settlement)>,
    /// The caller's answer to the survey: when, and the key.
    pub survey: Option<(Time, Option<u8>)>,
    /// Trouble, in order.
    pub faults: Vec<(Time, Fault)>,
    /// What the network did to each live leg, by leaving.
    pub network: Vec<(LegId, Network)>,
    /// How it ended.
    pub ended: Option<Ending>,
    /// Time of the last record.
    pub last: Time,
    /// Records that referred to nothing known.
    pub odd: u64,
}

/// How a call came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// When.
    pub at: Time,
    /// The entry's name.
    pub entry: String,
    /// The called number.
    pub called: String,
    /// The caller's number, if known.
    pub caller: Option<String>,
    /// BCP 47 language.
    pub language: String,
    /// Whether its triggers act.
    pub mode: Mode,
}

/// One party's uninterrupted say.
#[derive(Clone, Debug, PartialEq)]
pub struct Turn {
    /// Who spoke.
    pub who: Party,
    /// First sound.
    pub start: Time,
    /// Last sound.
    pub end: Time,
    /// What was said, if it was understood.
    pub text: Option<String>,
    /// 0..1 where the recognizer knows.
    pub confidence: Option<f64>,
    /// True if somebody cut it short.
    pub cut: bool,
}

/// A piece of evidence.
#[derive(Clone, Debug, PartialEq)]
pub struct Signal {
    /// When it was known (the end of the span, or later).
    pub at: Time,
    /// Who it is about.
    pub who: Party,
    /// What kind.
    pub kind: SignalKind,
    /// Where the evidence begins.
    pub start: Time,
    /// Where it ends.
    pub end: Time,
    /// How much, in `unit`.
    pub value: f64,
    /// The unit of `value`.
    pub unit: String,
    /// What it adds to the score, 0..1.
    pub weight: f64,
    /// Why, for a supervisor.
    pub why: String,
}

/// A point of the frustration curve.
#[derive(Clone, Debug, PartialEq)]
pub struct Score {
    /// When.
    pub at: Time,
    /// 0..1
    pub score: f64,
    /// What each kind contributes, 0..1.
    pub parts: BTreeMap<SignalKind, f64>,
}

/// A stage of the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stage {
    /// Which.
    pub stage: StageName,
    /// When it was entered.
    pub start: Time,
    /// When the next one was entered; `None` for the last.
    pub end: Option<Time>,
}

/// Somebody's media path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leg {
    /// Which.
    pub leg: LegId,
    /// Whose.
    pub party: Party,
    /// The agent's name, for an agent.
    pub agent: Option<AgentId>,
    /// When it joined.
    pub joined: Time,
    /// When it left and who ended it.
    pub left: Option<(Time, EndedBy)>,
}

/// Something that was played.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Playback {
    /// Which.
    pub playback: PlaybackId,
    /// Into which leg.
    pub leg: LegId,
    /// Why.
    pub purpose: Purpose,
    /// Its words, if any.
    pub text: Option<String>,
    /// First sample.
    pub start: Time,
    /// Last sample, and whether it was heard to its end; `None` while it sounds.
    pub stopped: Option<(Time, bool)>,
}

/// The bot's answer to a turn.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// When.
    pub at: Time,
    /// The intent it found.
    pub intent: Option<String>,
    /// What it knew then.
    pub slots: BTreeMap<String, String>,
    /// True if a slot was filled or an answer given.
    pub progress: bool,
}

/// One more person was asked into the bridge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invite {
    /// When.
    pub at: Time,
    /// By whom.
    pub agent: AgentId,
    /// Whom: an agent's or a queue's name, or a number.
    pub to: String,
    /// They talk with each other first.
    pub is_consult: bool,
    /// What came of it, and when.
    pub ended: Option<(Time, InviteOutcome)>,
}

/// What was settled instead of a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// Somebody will call back.
    Callback {
        /// The queue that calls.
        queue: QueueId,
        /// The number to call.
        number: Option<String>,
    },
    /// The caller left a message.
    Message {
        /// The queue it is for.
        queue: QueueId,
        /// Where it begins.
        start: Time,
        /// Where it ends.
        end: Time,
    },
    /// A ticket was filed.
    Ticket {
        /// The queue it is for.
        queue: QueueId,
    },
}

/// How the call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ending {
    /// When.
    pub at: Time,
    /// How.
    pub outcome: CallOutcome,
    /// By whom.
    pub by: EndedBy,
}

impl Story {
    /// The story of a whole journal, in its order.
    pub fn tell<'a>(records: impl IntoIterator<Item = &'a Record>) -> Story {
        let mut story = Story::default();
        for record in records {
            story.note(record);
        }
        story
    }

    /// The story goes on by one record. Records of another call are odd.
    pub fn note(&mut self, record: &Record) {
        if *self.call.get_or_insert(record.subject) != record.subject {
            self.odd += 1;
            return;
        }
        self.last = self.last.max(record.at);
        self.on_happening(record.at, &record.kind);
    }

    /// The highest point of the frustration curve; the first of equals.
    pub fn peak(&self) -> Option<&Score> {
        self.scores.iter().reduce(|best, s| if s.score > best.score { s } else { best })
    }

    fn on_happening(&mut self, at: Time, kind: &Happening) {
        match kind {
            Happening::CallBegan { entry, called, caller, language, mode } => {
                let (entry, called, caller, language) = (entry.clone(), called.clone(), caller.clone(), language.clone());
                self.arrival = Some(Arrival { at, entry, called, caller, language, mode: *mode });
            }
            Happening::StageEntered { stage } => self.on_stage(at, *stage),
            Happening::LegJoined { leg, party, agent } => {
                self.legs.push(Leg { leg: *leg, party: *party, agent: agent.clone(), joined: at, left: None });
            }
            Happening::LegLeft { leg, by, .. } => match self.legs.iter_mut().find(|l| l.leg == *leg && l.left.is_none()) {
                Some(found) => found.left = Some((at, *by)),
                None => self.odd += 1,
            },
            Happening::TurnEnded { who, start, end, text, confidence, cut } => {
                self.on_turn(Turn { who: *who, start: *start, end: *end, text: text.clone(), confidence: *confidence, cut: *cut });
            }
            Happening::BargedIn => self.barge_ins.push(at),
            Happening::KeyPressed { who, key } => self.keys.push((at, *who, *key)),
            Happening::SignalHeard { who, signal, start, end, value, unit, weight, why } => {
                let (unit, why) = (unit.clone(), why.clone());
                self.on_signal(Signal { at, who: *who, kind: *signal, start: *start, end: *end, value: *value, unit, weight: *weight, why });
            }
            Happening::ScoreChanged { score, parts } => self.scores.push(Score { at, score: *score, parts: parts.clone() }),
            Happening::BotReplied { intent, slots, progress } => {
                self.replies.push(Reply { at, intent: intent.clone(), slots: slots.clone(), progress: *progress });
            }
            Happening::Triggered { handoff, trigger, cause, mode, asked, reason, queue } => {
                let (trigger, cause, reason, queue) = (trigger.clone(), cause.clone(), reason.clone(), queue.clone());
                self.handoffs.push(Handoff { n: *handoff, at, trigger, cause, mode: *mode, asked: *asked, reason, queue, ..Handoff::blank() });
            }
            Happening::Consented { handoff, consent } => self.of(*handoff, |h| h.consent = Some((at, *consent))),
            Happening::ClockReached { handoff, clock, offer } => self.of(*handoff, |h| h.reach(*clock, *offer, at)),
            Happening::PositionChanged { handoff, position, expected_wait_s } => {
                self.of(*handoff, |h| h.positions.push(Position { at, position: *position, expected_wait_s: *expected_wait_s }));
            }
            Happening::Offered { handoff, offer, agent, packet } => self.of(*handoff, |h| {
                h.offers.push(Offer { offer: *offer, agent: agent.clone(), at, shown: None, alerted: None, settled: None, reason: None });
                h.packet = Some(packet.clone());
            }),
            Happening::OfferSettled { handoff, offer, outcome, reason, .. } => {
                self.on_offer_settled(*handoff, *offer, (at, *outcome), reason.as_deref())
            }
            Happening::PacketUpdated { handoff, packet } => self.of(*handoff, |h| h.packet = Some(packet.clone())),
            Happening::BridgeGapMeasured { handoff, gap_ms } => self.of(*handoff, |h| h.bridge_gap_ms = Some(*gap_ms)),
            Happening::OneWayAudio { handoff, from } => self.of(*handoff, |h| h.one_way.push((at, *from))),
            Happening::Held { .. }
            | Happening::Muted { .. }
            | Happening::Invited { .. }
            | Happening::InviteEnded { .. }
            | Happening::Noted { .. }
            | Happening::SlotCorrected { .. }
            | Happening::KeySent { .. } => self.on_agent_did(at, kind),
            Happening::LegHeard { .. } | Happening::Suggested { .. } | Happening::Denied { .. } => {}
            Happening::HandoffEnded { handoff, outcome, by } => {
                self.of(*handoff, |h| h.ended = Some(HandoffEnding { at, outcome: *outcome, by: *by }));
            }
            Happening::PlaybackStarted { playback, leg, purpose, text } => self.on_playback(at, *playback, *leg, *purpose, text.as_deref()),
            Happening::PlaybackStopped { playback, completed, .. } => self.on_playback_stopped(at, *playback, *completed),
            Happening::CallbackFiled { queue, number } => {
                self.settlements.push((at, Settlement::Callback { queue: queue.clone(), number: number.clone() }));
            }
            Happening::MessageLeft { queue, start, end } => {
                self.settlements.push((at, Settlement::Message { queue: queue.clone(), start: *start, end: *end }));
            }
            Happening::TicketFiled { queue } => self.settlements.push((at, Settlement::Ticket { queue: queue.clone() })),
            Happening::SurveyAnswered { rating } => self.survey = Some((at, *rating)),
            Happening::Faulted { fault } => self.faults.push((at, fault.clone())),
            Happening::NetworkMeasured { leg, network } => self.network.push((*leg, network.clone())),
            Happening::CallEnded { outcome, by } => self.ended = Some(Ending { at, outcome: *outcome, by: *by }),
        }
    }

    /// What an agent does in a call that they are in.
    fn on_agent_did(&mut self, at: Time, kind: &Happening) {
        match kind {
            Happening::Held { on } => self.holds.push((at, *on)),
            Happening::Muted { leg, on, .. } => self.mutes.push((at, *leg, *on)),
            Happening::Invited { agent, to, consult } => {
                self.invites.push(Invite { at, agent: agent.clone(), to: to.clone(), is_consult: *consult, ended: None });
            }
            Happening::InviteEnded { outcome } => match self.invites.iter_mut().rev().find(|invite| invite.ended.is_none()) {
                Some(invite) => invite.ended = Some((at, *outcome)),
                None => self.odd += 1,
            },
            Happening::Noted { agent, text } => self.notes.push((at, agent.clone(), text.clone())),
            Happening::SlotCorrected { agent, name, value } => self.corrections.push((at, agent.clone(), name.clone(), value.clone())),
            Happening::KeySent { key, .. } => self.keys.push((at, Party::Agent, Some(*key))),
            _ => {}
        }
    }

    /// Tells the handoff with this number; counts it as odd if there is none.
    fn of(&mut self, n: u32, tell: impl FnOnce(&mut Handoff)) {
        match self.handoffs.iter_mut().rev().find(|h| h.n == n) {
            Some(handoff) => tell(handoff),
            None => self.odd += 1,
        }
    }

    fn on_turn(&mut self, turn: Turn) {
        let place = self.turns.partition_point(|t| (t.start, t.end) <= (turn.start, turn.end));
        self.turns.insert(place, turn);
    }

    fn on_signal(&mut self, signal: Signal) {
        let place = self.signals.partition_point(|s| (s.start, s.end) <= (signal.start, signal.end));
        self.signals.insert(place, signal);
    }

    fn on_offer_settled(&mut self, handoff: u32, offer: u32, settled: (Time, OfferOutcome), reason: Option<&str>) {
        let known = self.handoffs.iter_mut().rev().find(|h| h.n == handoff);
        match known.and_then(|h| h.offers.iter_mut().find(|o| o.offer == offer && o.settled.is_none())) {
            Some(open) => (open.settled, open.reason) = (Some(settled), reason.map(str::to_owned)),
            None => self.odd += 1,
        }
    }

    fn on_stage(&mut self, at: Time, stage: StageName) {
        if let Some(open) = self.stages.last_mut() {
            open.end = Some(at);
        }
        self.stages.push(Stage { stage, start: at, end: None });
    }

    fn on_playback(&mut self, at: Time, playback: PlaybackId, leg: LegId, purpose: Purpose, text: Option<&str>) {
        self.playbacks.push(Playback { playback, leg, purpose, text: text.map(str::to_owned), start: at, stopped: None });
        if purpose == Purpose::Notice {
            match self.open_handoff() {
                Some(handoff) => handoff.hear_notice(at, text),
                None => self.odd += 1,
            }
        }
    }

    fn on_playback_stopped(&mut self, at: Time, playback: PlaybackId, completed: bool) {
        // Playbacks are open for seconds, so the search from the end is short.
        let Some(found) = self.playbacks.iter_mut().rev().find(|p| p.playback == playback && p.stopped.is_none()) else {
            self.odd += 1;
            return;
        };
        found.stopped = Some((at, completed));
        let (purpose, begun) = (found.purpose, found.start);
        if purpose != Purpose::Notice {
            return;
        }
        let handoff = self.handoffs.iter_mut().rev().find(|h| h.mode == Mode::Act && h.at <= begun);
        if let Some(notice) = handoff.and_then(|h| h.notice.as_mut()) {
            notice.end.get_or_insert(at);
        }
    }

    fn open_handoff(&mut self) -> Option<&mut Handoff> {
        self.handoffs.iter_mut().rev().find(|h| h.mode == Mode::Act && h.ended.is_none())
    }
}

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;
