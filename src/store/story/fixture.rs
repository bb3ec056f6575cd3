//! Hand-made journals: one whole call, and smaller ones, for the tests of everything that is told from records.

use std::collections::BTreeMap;

use serde_json::json;

use crate::base::{
    Asked, CallId, CallOutcome, Consent, EndedBy, Fault, HandoffClock, HandoffOutcome, Happening, LegId, Mode, OfferOutcome, Organ, Party,
    PlaybackId, Purpose, RECORD_VERSION, Record, SignalKind, StageName, Time,
};

/// Builds a journal.
#[derive(Clone, Debug)]
pub(crate) struct Journal {
    pub(crate) records: Vec<Record>,
    call: CallId,
    playbacks: u32,
}

/// Seconds.
pub(crate) fn s(secs: f64) -> Time {
    Time::from_secs_f64(secs)
}

/// The call of every fixture.
pub(crate) fn call() -> CallId {
    CallId(uuid::Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001))
}

impl Journal {
    pub(crate) fn new() -> Self {
        Journal { records: Vec::new(), call: call(), playbacks: 0 }
    }

    pub(crate) fn at(&mut self, secs: f64, kind: Happening) -> &mut Self {
        self.records.push(Record { v: RECORD_VERSION, seq: self.records.len() as u64, at: s(secs), subject: self.call, kind });
        self
    }

    pub(crate) fn begin(&mut self) -> &mut Self {
        let (entry, called, language) = ("front desk".into(), "+4930555000".into(), "en-US".into());
        self.at(0.0, Happening::CallBegan { entry, called, caller: Some("+4917012345".into()), language, mode: Mode::Act });
        self.at(0.0, Happening::LegJoined { leg: LegId::CALLER, party: Party::Caller, agent: None });
        self.stage(0.0, StageName::Ringing)
    }

    pub(crate) fn stage(&mut self, secs: f64, stage: StageName) -> &mut Self {
        self.at(secs, Happening::StageEntered { stage })
    }

    pub(crate) fn turn(&mut self, who: Party, start: f64, end: f64, text: &str) -> &mut Self {
        let confidence = (who == Party::Caller).then_some(0.82);
        let text = (!text.is_empty()).then(|| text.to_owned());
        self.at(end, Happening::TurnEnded { who, start: s(start), end: s(end), text, confidence, cut: false })
    }

    /// The bot says something: playback and turn.
    pub(crate) fn bot(&mut self, purpose: Purpose, start: f64, end: f64, text: &str) -> &mut Self {
        self.play(purpose, start, end, Some(text)).turn(Party::Bot, start, end, text)
    }

    pub(crate) fn play(&mut self, purpose: Purpose, start: f64, end: f64, text: Option<&str>) -> &mut Self {
        let playback = PlaybackId(self.playbacks);
        self.playbacks += 1;
        self.at(start, Happening::PlaybackStarted { playback, leg: LegId::CALLER, purpose, text: text.map(str::to_owned) });
        self.at(end, Happening::PlaybackStopped { playback, samples: ((end - start) * 8000.0) as u64, completed: true })
    }

    pub(crate) fn signal(&mut self, signal: SignalKind, start: f64, end: f64, (value, unit, weight): (f64, &str, f64), why: &str) -> &mut Self {
        let (who, unit, why) = (Party::Caller, unit.to_owned(), why.to_owned());
        self.at(end, Happening::SignalHeard { who, signal, start: s(start), end: s(end), value, unit, weight, why })
    }

    pub(crate) fn score(&mut self, secs: f64, score: f64, parts: &[(SignalKind, f64)]) -> &mut Self {
        self.at(secs, Happening::ScoreChanged { score, parts: parts.iter().copied().collect() })
    }

    pub(crate) fn trigger(&mut self, secs: f64, (trigger, cause): (&str, &str), mode: Mode, asked: Asked, reason: &str) -> &mut Self {
        let handoff = self.handoffs();
        let (trigger, cause, reason) = (trigger.to_owned(), cause.to_owned(), reason.to_owned());
        self.at(secs, Happening::Triggered { handoff, trigger, cause, mode, asked, reason, queue: "orders".into() })
    }

    fn handoffs(&self) -> u32 {
        self.records.iter().filter(|r| matches!(r.kind, Happening::Triggered { .. })).count() as u32
    }

    pub(crate) fn clock(&mut self, secs: f64, clock: HandoffClock) -> &mut Self {
        let handoff = self.handoffs() - 1;
        self.at(secs, Happening::ClockReached { handoff, clock, offer: None })
    }

    pub(crate) fn clock_of(&mut self, secs: f64, clock: HandoffClock, offer: u32) -> &mut Self {
        let handoff = self.handoffs() - 1;
        self.at(secs, Happening::ClockReached { handoff, clock, offer: Some(offer) })
    }

    pub(crate) fn offer(&mut self, secs: f64, offer: u32, agent: &str, packet: serde_json::Value) -> &mut Self {
        let handoff = self.handoffs() - 1;
        self.at(secs, Happening::Offered { handoff, offer, agent: agent.into(), packet })
    }

    pub(crate) fn settle(&mut self, secs: f64, offer: u32, agent: &str, outcome: OfferOutcome) -> &mut Self {
        let handoff = self.handoffs() - 1;
        let reason = (outcome == OfferOutcome::Declined).then(|| "Not my topic".to_owned());
        self.at(secs, Happening::OfferSettled { handoff, offer, agent: agent.into(), outcome, reason })
    }

    pub(crate) fn handoff_ended(&mut self, secs: f64, outcome: HandoffOutcome, by: EndedBy) -> &mut Self {
        let handoff = self.handoffs() - 1;
        self.at(secs, Happening::HandoffEnded { handoff, outcome, by })
    }

    pub(crate) fn end(&mut self, secs: f64, outcome: CallOutcome, by: EndedBy) -> &mut Self {
        self.at(secs, Happening::LegLeft { leg: LegId::CALLER, party: Party::Caller, by });
        self.stage(secs, StageName::Ended).at(secs, Happening::CallEnded { outcome, by })
    }
}

/// What an agent would be shown in [`bridged`].
pub(crate) fn packet() -> serde_json::Value {
    json!({
        "headline": "Order status; number 4711 not found, asked twice; frustrated; not verified",
        "wants": "order status",
        "tried": "The bot looked for order 4711 and did not find it.",
        "mood": {"word": "frustrated", "score": 0.74},
        "verified": "not verified",
        "caller": "+4917012345",
        "called": "+4930555000",
        "entry": "front desk",
        "data": {"customer": "Dana Miller"},
        "reason": "The caller asked the same twice and raised their voice.",
        "trigger": {"name": "upset", "cause": "raised_volume", "sentence": "where is my order <b>now</b>", "in_words": true, "said_at_s": 22.6},
        "summary": "The caller wants to know where an order is. The bot could not find the number 4711. The caller asked again and got loud.",
        "intent": "order status",
        "slots": {"order_number": {"value": "4711", "confirmed": true}, "surname": {"value": "Miller", "confirmed": false}},
        "transcript": [
            {"who": "caller", "agent": null, "at_s": 5.0, "text": "where is my order"},
            {"who": "bot", "agent": null, "at_s": 7.5, "text": "What is your order number?"},
            {"who": "caller", "agent": null, "at_s": 22.6, "text": "where is my order <b>now</b>"}
        ],
        "signals": [{"kind": "repeat", "at_s": 17.0, "why": "Said “where is my order” again, 10 s after the first time."}],
        "score_over_time": [{"at_s": 19.0, "score": 0.35}, {"at_s": 25.4, "score": 0.74}],
        "language": "en-US",
        "waited_s": 0.0,
        "next_step": "Look the order up by name and address.",
        "queue": "Orders",
        "handoff": 0
    })
}

/// A bot serves four turns, the caller repeats and gets loud, agent-1 declines, agent-2 accepts, they talk, the caller hangs up.
pub(crate) fn bridged() -> Vec<Record> {
    let mut j = Journal::new();
    j.begin().stage(0.5, StageName::Greeting);
    j.bot(Purpose::Greeting, 0.6, 4.2, "Welcome to Orchard Supplies. Say agent at any time to reach a person. How can I help?");
    j.stage(4.2, StageName::WithBot);
    j.turn(Party::Caller, 5.0, 7.1, "where is my order");
    let slots = BTreeMap::from([("order_number".to_owned(), "4711".to_owned())]);
    j.at(7.4, Happening::BotReplied { intent: Some("order_status".into()), slots: BTreeMap::new(), progress: true });
    j.bot(Purpose::Bot, 7.5, 10.0, "What is your order number?");
    j.turn(Party::Caller, 10.8, 12.6, "four seven one one");
    j.at(12.9, Happening::BotReplied { intent: Some("order_status".into()), slots: slots.clone(), progress: true });
    j.bot(Purpose::Bot, 13.0, 16.2, "Sorry, I find no order with the number 4711. What else can I do?");
    j.turn(Party::Caller, 17.0, 19.0, "but where is my order");
    j.signal(SignalKind::Repeat, 17.0, 19.0, (0.86, "share", 0.35), "Said “where is my order” again, 10 s after the first time.");
    j.score(19.0, 0.35, &[(SignalKind::Repeat, 0.35)]);
    j.at(19.3, Happening::BotReplied { intent: Some("order_status".into()), slots, progress: false });
    j.bot(Purpose::Bot, 19.4, 22.0, "I find no order with the number 4711.");
    for (at, score) in [(20.0, 0.34), (21.0, 0.33), (22.0, 0.32), (23.0, 0.31)] {
        j.score(at, score, &[(SignalKind::Repeat, score)]);
    }
    j.turn(Party::Caller, 22.6, 25.4, "where is my order <b>now</b>");
    let why = "Speaks with more effort than in their calm turns: pitch up 4.1 semitones.";
    j.signal(SignalKind::RaisedVolume, 22.9, 25.4, (2.6, "s", 0.45), why);
    j.score(25.4, 0.74, &[(SignalKind::RaisedVolume, 0.45), (SignalKind::Repeat, 0.29)]);
    j.trigger(25.4, ("upset", "raised_volume"), Mode::Act, Asked::Transfer, "The caller asked the same twice and raised their voice.");
    served_by_agent_2(&mut j);
    j.records
}

fn served_by_agent_2(j: &mut Journal) {
    j.clock(25.4, HandoffClock::T0).stage(25.4, StageName::Waiting);
    j.at(25.4, Happening::PositionChanged { handoff: 0, position: 1, expected_wait_s: Some(20.0) });
    j.offer(25.42, 0, "agent-1", packet()).clock(25.42, HandoffClock::T2).clock(25.42, HandoffClock::T3).stage(25.42, StageName::RingingAgent);
    j.clock(25.6, HandoffClock::T1);
    j.at(
        25.6,
        Happening::PlaybackStarted {
            playback: PlaybackId(90),
            leg: LegId::CALLER,
            purpose: Purpose::Notice,
            text: Some("I am getting a person for you.".into()),
        },
    );
    j.settle(27.42, 0, "agent-1", OfferOutcome::Declined);
    j.offer(27.42, 1, "agent-2", packet()).clock(27.42, HandoffClock::T2).clock(27.42, HandoffClock::T3);
    j.at(28.1, Happening::PlaybackStopped { playback: PlaybackId(90), samples: 20_000, completed: true });
    j.turn(Party::Bot, 25.6, 28.1, "I am getting a person for you.");
    j.at(28.2, Happening::PlaybackStarted { playback: PlaybackId(91), leg: LegId::CALLER, purpose: Purpose::Music, text: None });
    j.at(30.0, Happening::Faulted { fault: Fault::Stalled { organ: Organ::Connector, after_ms: 2_000 } });
    j.at(31.42, Happening::LegJoined { leg: LegId(1), party: Party::Agent, agent: Some("agent-2".into()) });
    j.settle(31.42, 1, "agent-2", OfferOutcome::Accepted).clock(31.42, HandoffClock::T4);
    j.at(31.44, Happening::PlaybackStopped { playback: PlaybackId(91), samples: 25_920, completed: false });
    j.stage(31.44, StageName::Bridged).clock(31.5, HandoffClock::T5).clock(31.52, HandoffClock::T6);
    j.at(31.6, Happening::BridgeGapMeasured { handoff: 0, gap_ms: 60.0 });
    j.turn(Party::Agent, 32.0, 35.5, "hello dana i see that you look for your order");
    j.turn(Party::Caller, 36.0, 38.2, "yes it should have come on monday");
    j.turn(Party::Agent, 38.8, 42.0, "it is on its way <script>alert(1)</script>");
    j.turn(Party::Caller, 42.6, 43.4, "thank you");
    j.handoff_ended(44.0, HandoffOutcome::Bridged, EndedBy::Caller);
    j.at(44.0, Happening::LegLeft { leg: LegId(1), party: Party::Agent, by: EndedBy::Caller });
    j.end(44.0, CallOutcome::Bridged, EndedBy::Caller);
}

/// A calm call that the bot serves to its end.
pub(crate) fn contained() -> Vec<Record> {
    let mut j = Journal::new();
    j.begin().stage(0.5, StageName::Greeting).bot(Purpose::Greeting, 0.6, 3.0, "Welcome to Orchard Supplies. How can I help?");
    j.stage(3.0, StageName::WithBot).turn(Party::Caller, 3.8, 5.2, "when are you open");
    j.bot(Purpose::Bot, 5.6, 8.0, "We are open from nine to five, Monday to Friday.");
    j.turn(Party::Caller, 8.6, 9.4, "thank you").bot(Purpose::Goodbye, 9.8, 11.0, "Goodbye.");
    j.end(11.1, CallOutcome::Contained, EndedBy::Bot);
    j.records
}

/// The bot offers a person, the caller declines.
pub(crate) fn declined() -> Vec<Record> {
    let mut j = Journal::new();
    j.begin().stage(0.5, StageName::WithBot).turn(Party::Caller, 1.0, 3.0, "");
    j.signal(SignalKind::NoMatch, 1.0, 3.0, (2.0, "count", 0.4), "The bot found no meaning in two turns.").score(
        3.0,
        0.4,
        &[(SignalKind::NoMatch, 0.4)],
    );
    j.trigger(3.0, ("bot_lost", "no_match"), Mode::Act, Asked::Offer, "The bot did not understand the caller twice.").stage(3.0, StageName::Offered);
    j.bot(Purpose::Question, 3.2, 5.0, "Would you like to talk to a person?").turn(Party::Caller, 5.5, 6.0, "no");
    j.at(6.1, Happening::Consented { handoff: 0, consent: Consent::No });
    j.handoff_ended(6.1, HandoffOutcome::KeptWithBot, EndedBy::Caller).stage(6.1, StageName::WithBot);
    j.end(9.0, CallOutcome::Contained, EndedBy::Caller);
    j.records
}

/// A shadow trigger and nothing else.
pub(crate) fn shadow() -> Vec<Record> {
    let mut j = Journal::new();
    j.begin().stage(0.5, StageName::WithBot).turn(Party::Caller, 1.0, 3.0, "i want a person");
    j.signal(SignalKind::Request, 1.0, 3.0, (1.0, "count", 0.9), "Said “I want a person”.").score(3.0, 0.9, &[(SignalKind::Request, 0.9)]);
    j.trigger(3.0, ("asked", "request"), Mode::Shadow, Asked::Transfer, "The caller asked for a person.");
    j.handoff_ended(3.0, HandoffOutcome::Shadow, EndedBy::Gateway);
    j.end(9.0, CallOutcome::Contained, EndedBy::Caller);
    j.records
}

/// The caller hangs up while agent-1 is rung.
pub(crate) fn abandoned() -> Vec<Record> {
    let mut j = Journal::new();
    j.begin().stage(0.5, StageName::WithBot).turn(Party::Caller, 1.0, 3.0, "i want a person");
    j.signal(SignalKind::Request, 1.0, 3.0, (1.0, "count", 0.9), "Said “I want a person”.").score(3.0, 0.9, &[(SignalKind::Request, 0.9)]);
    j.trigger(3.0, ("asked", "request"), Mode::Act, Asked::Transfer, "The caller asked for a person.").clock(3.0, HandoffClock::T0);
    j.stage(3.0, StageName::Waiting).offer(3.02, 0, "agent-1", packet()).clock(3.02, HandoffClock::T2).clock(3.02, HandoffClock::T3);
    j.clock(3.2, HandoffClock::T1).bot(Purpose::Notice, 3.2, 5.0, "I am getting a person for you.");
    j.settle(15.0, 0, "agent-1", OfferOutcome::Withdrawn).handoff_ended(15.0, HandoffOutcome::Abandoned, EndedBy::Caller);
    j.end(15.0, CallOutcome::Abandoned, EndedBy::Caller);
    j.records
}
