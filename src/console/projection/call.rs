//! One call as pages show it.

use jiff::Timestamp;
use serde::Serialize;

use crate::base::{AgentId, CallId, Happening, OfferOutcome, Party, Record, StageName, Time};
use crate::console::views::{
    ConsultView, EarlierView, Event, MoodWord, NoteView, OfferView, PointView, SignalView, SlotView, StageWord, TurnView, WallRow,
};
use crate::handoff::desk::DeskTables;
use crate::handoff::packet::ContextPacket;
use crate::replay::transcript::mark;
use crate::store::story::{Handoff, Score, Signal, Story, Turn};

/// From so much more frustration on, what the packet says of the mood is old.
const RISES: f64 = 0.05;

/// A call of which something has happened.
pub(super) struct LiveCall {
    pub(super) began: Timestamp,
    pub(super) story: Story,
    /// Earlier calls of the same caller, once the store has told them.
    pub(super) history: Vec<EarlierView>,
    /// The gateway does not have it any more, and nobody was told how it ended.
    pub(super) is_lost: bool,
}

impl LiveCall {
    pub(super) fn new(began: Timestamp) -> LiveCall {
        LiveCall { began, story: Story::default(), history: Vec::new(), is_lost: false }
    }

    pub(super) fn is_over(&self) -> bool {
        self.is_lost || self.story.ended.is_some()
    }

    /// What a page that shows this call is told of a record.
    pub(super) fn event(&self, record: &Record) -> Option<Event> {
        match &record.kind {
            Happening::TurnEnded { who, start, end, text, .. } => Some(Event::Turn(TurnView {
                who: name_of(who),
                text: text.clone(),
                is_final: true,
                start_s: start.as_secs_f64(),
                end_s: end.as_secs_f64(),
            })),
            Happening::SignalHeard { signal, start, end, value, unit, why, .. } => Some(Event::Signal(SignalView {
                kind: signal.name().to_owned(),
                letter: mark(*signal).to_owned(),
                value: *value,
                unit: unit.clone(),
                why: why.clone(),
                start_s: start.as_secs_f64(),
                end_s: end.as_secs_f64(),
            })),
            Happening::ScoreChanged { score, .. } => Some(Event::Score(PointView { at_s: record.at.as_secs_f64(), score: *score })),
            Happening::StageEntered { stage } => Some(Event::Stage { stage: word(*stage) }),
            Happening::Offered { packet, offer, .. } => self.packet_event(record.subject, Some(*offer), packet),
            Happening::PacketUpdated { packet, .. } => self.packet_event(record.subject, None, packet),
            _ => None,
        }
    }

    fn packet_event(&self, id: CallId, offer: Option<u32>, packet: &serde_json::Value) -> Option<Event> {
        let packet = OfferView { history: self.history.clone(), ..view(id, offer, &read(packet)?, 0.0, None) };
        Some(Event::Packet { packet: Box::new(packet) })
    }

    pub(super) fn row(&self, id: CallId, tables: &DeskTables, now: Timestamp) -> WallRow {
        let arrival = self.story.arrival.as_ref();
        let handoff = self.handoff();
        let packet = handoff.and_then(packet_of);
        let queue = handoff
            .map(|handoff| tables.queues.iter().find(|queue| *queue.name == *handoff.queue.0).map_or(&*handoff.queue.0, |queue| queue.spoken()));
        WallRow {
            id: id.to_string(),
            began: self.began.to_string(),
            caller: arrival.and_then(|arrival| arrival.caller.clone()),
            entry: arrival.map(|arrival| arrival.entry.clone()).unwrap_or_default(),
            stage: self.stage(),
            agent: self.agent().map(|agent| title(tables, agent)),
            queue: queue.map(str::to_owned),
            wait_s: self.wait_s(now),
            frustration: self.score(),
            mood: packet.as_ref().filter(|packet| self.score() <= score(packet) + RISES).map(mood),
            headline: packet.map(|packet| packet.headline).or_else(|| self.last_words()),
        }
    }

    pub(super) fn turns(&self) -> Vec<TurnView> {
        let turn = |turn: &Turn| TurnView {
            who: name_of(&turn.who),
            text: turn.text.clone(),
            is_final: true,
            start_s: turn.start.as_secs_f64(),
            end_s: turn.end.as_secs_f64(),
        };
        self.story.turns.iter().map(turn).collect()
    }

    pub(super) fn signals(&self) -> Vec<SignalView> {
        let signal = |signal: &Signal| SignalView {
            kind: signal.kind.name().to_owned(),
            letter: mark(signal.kind).to_owned(),
            value: signal.value,
            unit: signal.unit.clone(),
            why: signal.why.clone(),
            start_s: signal.start.as_secs_f64(),
            end_s: signal.end.as_secs_f64(),
        };
        self.story.signals.iter().map(signal).collect()
    }

    pub(super) fn curve(&self) -> Vec<PointView> {
        self.story.scores.iter().map(|Score { at, score, .. }| PointView { at_s: at.as_secs_f64(), score: *score }).collect()
    }

    /// For how long the caller has waited for a person; stands still once one is there.
    pub(super) fn wait_s(&self, now: Timestamp) -> Option<f64> {
        let handoff = self.handoff()?;
        let since = handoff.clocks.at(crate::base::HandoffClock::T0)?;
        let lost = self.is_lost.then_some(self.story.last);
        let until = handoff.clocks.at(crate::base::HandoffClock::T5).or(handoff.ended.map(|ended| ended.at)).or(lost);
        Some(until.unwrap_or_else(|| self.time(now)).since(since).as_secs_f64())
    }

    /// Whether the caller waits in this queue for somebody to take them.
    pub(super) fn waits_in(&self, queue: &str) -> bool {
        matches!(self.stage(), StageWord::Waiting | StageWord::Ringing) && self.handoff().is_some_and(|handoff| *handoff.queue.0 == *queue)
    }

    /// What the agent may save as it is.
    pub(super) fn summary(&self) -> Option<String> {
        self.handoff().and_then(packet_of).map(|packet| packet.summary)
    }

    /// The offer by which this agent has the caller.
    pub(super) fn accepted_by(&self, agent: &AgentId) -> Option<u32> {
        let offers = self.story.handoffs.iter().rev().flat_map(|handoff| handoff.offers.iter().rev());
        let mut mine = offers.filter(|offer| offer.agent == *agent);
        mine.find(|offer| offer.settled.is_none_or(|(_, outcome)| outcome == OfferOutcome::Accepted)).map(|offer| offer.offer)
    }

    /// The packet as an agent with the caller sees it.
    pub(super) fn packet_view(&self, id: CallId, tables: &DeskTables, now: Timestamp) -> Option<OfferView> {
        let handoff = self.handoff()?;
        let mut shown = view(id, handoff.offers.last().map(|offer| offer.offer), &packet_of(handoff)?, ring_s(handoff, tables), None);
        shown.waited_s = self.wait_s(now).unwrap_or(shown.waited_s);
        shown.history.clone_from(&self.history);
        Some(shown)
    }

    /// An open offer.
    pub(super) fn offer_view(&self, id: CallId, n: u32, tables: &DeskTables, now: Timestamp) -> Option<OfferView> {
        let handoff = self.story.handoffs.iter().rev().find(|handoff| handoff.offers.iter().any(|offer| offer.offer == n))?;
        let offer = handoff.offers.iter().find(|offer| offer.offer == n)?;
        let ring_s = ring_s(handoff, tables);
        let left = (ring_s - self.time(now).since(offer.at).as_secs_f64()).max(0.0);
        let mut shown = view(id, Some(n), &packet_of(handoff)?, ring_s, Some(left));
        shown.waited_s = self.wait_s(now).unwrap_or(shown.waited_s);
        shown.history.clone_from(&self.history);
        Some(shown)
    }

    pub(super) fn parties(&self, tables: &DeskTables) -> Vec<String> {
        let here = self.story.legs.iter().filter(|leg| leg.left.is_none());
        here.map(|leg| leg.agent.as_ref().map_or_else(|| name_of(&leg.party), |agent| title(tables, agent))).collect()
    }

    /// The caller is on hold.
    pub(super) fn is_held(&self) -> bool {
        self.story.holds.last().is_some_and(|(_, on)| *on)
    }

    /// Whom an agent has asked to join or to take over, as the desk of `agent` shows it.
    pub(super) fn consult(&self, agent: &AgentId, tables: &DeskTables) -> Option<ConsultView> {
        let invite = self.story.invites.last().filter(|invite| invite.ended.is_none())?;
        let here = self.story.legs.iter().any(|leg| leg.party == Party::Agent && leg.left.is_none() && leg.joined >= invite.at);
        let queue = tables.queues.iter().find(|queue| queue.name == invite.to).map(|queue| queue.spoken().to_owned());
        let with = queue.unwrap_or_else(|| title(tables, &AgentId::from(invite.to.as_str())));
        Some(ConsultView { with, warm: invite.is_consult, here, mine: invite.agent == *agent })
    }

    /// The call's own time.
    fn time(&self, now: Timestamp) -> Time {
        Time::from_secs_f64(super::secs(now, self.began)).max(self.story.last)
    }

    pub(super) fn stage(&self) -> StageWord {
        match self.story.stages.last() {
            _ if self.is_lost => StageWord::Ended,
            stage => stage.map_or(StageWord::Greeting, |stage| word(stage.stage)),
        }
    }

    /// The latest handoff that acts.
    fn handoff(&self) -> Option<&Handoff> {
        self.story.handoffs.iter().rev().find(|handoff| handoff.mode == crate::base::Mode::Act)
    }

    /// Who is with the caller, else who is asked.
    fn agent(&self) -> Option<&AgentId> {
        let with = self.story.legs.iter().rev().find(|leg| leg.party == Party::Agent && leg.left.is_none()).and_then(|leg| leg.agent.as_ref());
        with.or_else(|| self.handoff()?.offers.iter().rev().find(|offer| offer.settled.is_none()).map(|offer| &offer.agent))
    }

    fn score(&self) -> f64 {
        self.story.scores.last().map_or(0.0, |score| score.score)
    }

    fn last_words(&self) -> Option<String> {
        let said = self.story.turns.iter().rev().filter(|turn| turn.who == Party::Caller);
        said.filter_map(|turn| turn.text.as_deref()).next().map(|text| format!("“{text}”"))
    }
}

/// How an offer is named outside.
pub(in crate::console) fn offer_id(call: CallId, n: u32) -> String {
    format!("{call}.{n}")
}

/// The name that something has in records.
pub(in crate::console) fn name_of(named: &impl Serialize) -> String {
    serde_json::to_value(named).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

fn title(tables: &DeskTables, agent: &AgentId) -> String {
    let person = tables.agents.iter().find(|table| *table.name == *agent.0).map(|table| table.spoken());
    person.unwrap_or(&agent.0).to_owned()
}

pub(super) fn word(stage: StageName) -> StageWord {
    match stage {
        StageName::Ringing | StageName::Greeting => StageWord::Greeting,
        StageName::WithBot | StageName::Offered | StageName::Message | StageName::Survey => StageWord::Bot,
        StageName::Waiting => StageWord::Waiting,
        StageName::RingingAgent => StageWord::Ringing,
        StageName::Briefing => StageWord::Briefing,
        StageName::Bridged | StageName::Conference | StageName::Transfer => StageWord::Bridged,
        StageName::Ended => StageWord::Ended,
    }
}

fn ring_s(handoff: &Handoff, tables: &DeskTables) -> f64 {
    tables.queues.iter().find(|queue| *queue.name == *handoff.queue.0).map_or(0.0, |queue| queue.ring_secs)
}

fn packet_of(handoff: &Handoff) -> Option<ContextPacket> {
    read(handoff.packet.as_ref()?)
}

fn read(packet: &serde_json::Value) -> Option<ContextPacket> {
    serde_json::from_value(packet.clone()).ok()
}

/// The score when the packet was made.
fn score(packet: &ContextPacket) -> f64 {
    packet.score_over_time.last().map_or(packet.mood.score, |point| point.score)
}

fn mood(packet: &ContextPacket) -> MoodWord {
    match packet.mood.word.as_str() {
        "calm" => MoodWord::Calm,
        "tense" => MoodWord::Rising,
        _ => MoodWord::Frustrated,
    }
}

fn view(call: CallId, offer: Option<u32>, packet: &ContextPacket, ring_s: f64, deadline_s: Option<f64>) -> OfferView {
    let slot = |(name, slot): (&String, &crate::listen::types::SlotValue)| SlotView {
        name: name.clone(),
        value: slot.value.clone(),
        confidence: slot.confirmed.then_some(1.0),
    };
    let known = packet.data.iter().map(|(name, value)| SlotView { name: name.clone(), value: value.clone(), confidence: None });
    OfferView {
        offer: offer.map(|n| offer_id(call, n)),
        call: call.to_string(),
        headline: packet.headline.clone(),
        wants: packet.wants.clone(),
        tried: packet.tried.clone(),
        mood: mood(packet),
        verified: packet.verified.clone(),
        caller: packet.caller.clone(),
        called: packet.called.clone(),
        entry: packet.entry.clone(),
        queue: packet.queue.clone(),
        reason: packet.reason.clone(),
        trigger_sentence: Some(&packet.trigger).filter(|trigger| trigger.in_words).map(|trigger| trigger.sentence.clone()).unwrap_or_default(),
        summary: packet.summary.clone(),
        next_step: packet.next_step.clone(),
        slots: packet.slots.iter().map(slot).chain(known).collect(),
        notes: packet.notes.iter().map(|note| NoteView { agent: note.agent.clone(), at_s: note.at_s, text: note.text.clone() }).collect(),
        frustration: score(packet),
        waited_s: packet.waited_s,
        deadline_s,
        ring_s,
        history: Vec::new(),
    }
}
