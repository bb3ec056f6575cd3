//! Calls as gateways hand them over.

use std::collections::BTreeMap;
use std::path::Path;

use segue::base::*;
use segue::config::Config;
use segue::gateway::Kit;
use segue::replay::expect::Expectation;
use segue::replay::result::{ReplayFacts, ReplayObject};
use segue::replay::run::{Player as _, VirtualTime};
use segue::store::story::Story;
use segue::store::{Began, Store};

/// A call's id.
pub fn call(n: u128) -> CallId {
    CallId(uuid::Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 + n))
}

/// A moment, in s of 2026.
pub fn moment(secs: i64) -> jiff::Timestamp {
    jiff::Timestamp::from_second(1_767_225_600 + secs).unwrap()
}

fn s(secs: f64) -> Time {
    Time::from_secs_f64(secs)
}

/// The `seq`th record of a call that an agent takes and that goes on and on.
pub fn nth(call: CallId, seq: u64, caller: Option<&str>, agent: &str) -> Record {
    let at = seq as f64 * 0.5;
    let packet = || serde_json::json!({"headline": "Order status · calm", "wants": "order 4711"});
    let kind = match seq {
        0 => Happening::CallBegan {
            entry: "main".into(),
            called: "1000".into(),
            caller: caller.map(str::to_owned),
            language: "en-US".into(),
            mode: Mode::Act,
        },
        1 => Happening::LegJoined { leg: LegId::CALLER, party: Party::Caller, agent: None },
        2 => Happening::StageEntered { stage: StageName::WithBot },
        3 => Happening::Triggered {
            handoff: 0,
            trigger: "asked".into(),
            cause: "request".into(),
            mode: Mode::Act,
            asked: Asked::Transfer,
            reason: "Asked for a person.".into(),
            queue: "service".into(),
        },
        4 => Happening::ClockReached { handoff: 0, clock: HandoffClock::T0, offer: None },
        5 => Happening::Offered { handoff: 0, offer: 0, agent: agent.into(), packet: packet() },
        6 => Happening::OfferSettled { handoff: 0, offer: 0, agent: agent.into(), outcome: OfferOutcome::Accepted, reason: None },
        7 => Happening::LegJoined { leg: LegId(1), party: Party::Agent, agent: Some(agent.into()) },
        8 => Happening::StageEntered { stage: StageName::Bridged },
        n if n % 3 == 0 => Happening::TurnEnded {
            who: if n % 2 == 0 { Party::Caller } else { Party::Agent },
            start: s(at - 0.4),
            end: s(at),
            text: (n % 5 != 0).then(|| "where is\0my order".into()),
            confidence: (n % 2 == 0).then_some(0.81),
            cut: n % 4 == 0,
        },
        n if n % 3 == 1 => Happening::ScoreChanged { score: (n % 7) as f64 / 10.0, parts: BTreeMap::new() },
        _ => Happening::SignalHeard {
            who: Party::Caller,
            signal: SignalKind::Repeat,
            start: s(at - 0.4),
            end: s(at),
            value: 0.9,
            unit: "share".into(),
            weight: 0.3,
            why: "Said the same again.".into(),
        },
    };
    Record { v: RECORD_VERSION, seq, at: s(at), subject: call, kind }
}

/// How such a call ends.
pub fn last(call: CallId, seq: u64) -> [Record; 4] {
    let at = s(seq as f64 * 0.5);
    let record = |n: u64, kind| Record { v: RECORD_VERSION, seq: seq + n, at, subject: call, kind };
    [
        record(0, Happening::HandoffEnded { handoff: 0, outcome: HandoffOutcome::Bridged, by: EndedBy::Caller }),
        record(1, Happening::LegLeft { leg: LegId(1), party: Party::Agent, by: EndedBy::Caller }),
        record(2, Happening::LegLeft { leg: LegId::CALLER, party: Party::Caller, by: EndedBy::Caller }),
        record(3, Happening::CallEnded { outcome: CallOutcome::Bridged, by: EndedBy::Caller }),
    ]
}

/// A whole call of so many records before its end.
pub fn whole(store: &Store, n: u128, at: jiff::Timestamp, (caller, agent): (Option<&str>, &str), length: u64) {
    let call = call(n);
    store.begin(Began { call, at, recordings: None });
    (0..length).for_each(|seq| store.record(&nth(call, seq, caller, agent)));
    last(call, length).iter().for_each(|record| store.record(record));
    store.end(call);
}

/// Records as JSON keeps them: it may lose the last bit of a number.
pub fn in_json(records: &[Record]) -> Vec<Record> {
    records.iter().map(|record| serde_json::from_str(&serde_json::to_string(record).unwrap()).unwrap()).collect()
}

/// A recorded call, replayed: its records, and its object as JSON keeps it.
pub fn replayed(name: &str) -> (Vec<Record>, ReplayObject) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("audio/calls").join(name);
    let config = Config::load(None).unwrap();
    let kit = Kit::load(config.kit_tables(None)).unwrap();
    let expected = std::fs::read_to_string(path.with_extension("expect.toml")).unwrap();
    let options = Expectation::parse(&expected).unwrap().table;
    let played = VirtualTime(&kit).play(&path, &options, None, &mut |_, _| ()).unwrap();
    let replayed = played.replayed;
    let facts = ReplayFacts { recording: name.into(), duration_s: replayed.duration_s, call_s: replayed.call_s, truncated: false, processing_s: 0.0 };
    let object = ReplayObject::of(&Story::tell(&in_json(&replayed.records)), facts, &replayed.map);
    (replayed.records, object)
}
