//! What pages show of a call, told from the records of a replayed one: whatever a page is told as it happens adds up to what it would
//! read afterwards.

use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use segue::base::{AgentId, Happening, Party, Record, Time};
use segue::cmd::live;
use segue::config::Config;
use segue::console::projection::{Audience, Choices, Projection, Told};
use segue::console::views::{EarlierView, Event, NumbersView, StageWord, Topic};
use segue::gateway::live::desk::AgentNow;
use segue::handoff::desk::{AgentState, AgentTable, DeskTables, Presence};
use segue::replay::expect::ExpectTable;
use segue::replay::run::{Player as _, VirtualTime};

/// A recorded caller of the built-in line who gets a person, and the agent whom the replay scripts.
fn replayed() -> (Vec<Record>, DeskTables) {
    let config = Config::read(None, [], |_| Err(std::io::ErrorKind::NotFound.into())).unwrap_or_else(|p| panic!("{p}"));
    let kit = live::kit(&config, None).unwrap_or_else(|p| panic!("{p}"));
    let recording = Path::new(env!("CARGO_MANIFEST_DIR")).join("audio/calls/gets-loud.flac");
    let expected = std::fs::read_to_string(recording.with_extension("expect.toml")).unwrap();
    let options: ExpectTable = toml::from_str(&expected).unwrap();
    let played = VirtualTime(&kit).play(&recording, &options, None, &mut |_, _| {}).unwrap_or_else(|error| panic!("{error}"));
    let mut desk = config.desk();
    desk.agents = vec![AgentTable { name: "agent-1".into(), title: Some("Anna".into()), ..AgentTable::default() }];
    (played.replayed.records, desk)
}

/// A record's wall time, if the call began at the epoch.
fn wall(record: &Record) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_micros(record.at.as_micros() as i64)
}

#[test]
fn what_is_told_as_it_happens_adds_up_to_what_is_read_afterwards() {
    let (records, desk) = replayed();
    let anna = AgentId::from("agent-1");
    let mut world = Projection::new(desk, Choices { dispositions: vec!["resolved".into()], ..Choices::default() });
    let call = records[0].subject;
    let mut told: Vec<Told> = Vec::new();
    let mut at_offer = None;
    for record in &records {
        told.extend(world.on_record(record, wall(record)));
        if let Happening::Offered { .. } = record.kind {
            at_offer = world.desk(&anna, wall(record)).unwrap().offer;
        }
        told.extend(world.flush(wall(record)));
    }
    let end = wall(records.last().unwrap());
    let whole = world.call(call, end).unwrap();
    let events = |topic: Topic| told.iter().filter(move |told| told.topic == topic).map(|told| &told.event);

    // The call's own events.
    let mut turns: Vec<_> = events(Topic::Call).filter_map(|event| if let Event::Turn(turn) = event { Some(turn.clone()) } else { None }).collect();
    turns.sort_by(|a, b| a.start_s.total_cmp(&b.start_s));
    assert!(turns.len() > 2 && turns.iter().all(|turn| whole.turns.contains(turn)) && turns.len() == whole.turns.len());
    let signals: Vec<_> =
        events(Topic::Call).filter_map(|event| if let Event::Signal(signal) = event { Some(signal.clone()) } else { None }).collect();
    assert!(signals.iter().any(|signal| signal.kind == "raised_volume" && signal.letter == "▲" && !signal.why.is_empty()), "{signals:?}");
    assert!(signals.len() == whole.signals.len() && signals.iter().all(|signal| whole.signals.contains(signal)));
    let curve: Vec<_> = events(Topic::Call).filter_map(|event| if let Event::Score(point) = event { Some(*point) } else { None }).collect();
    assert_eq!(curve, whole.frustration_curve);
    let mut stages: Vec<_> = events(Topic::Call).filter_map(|event| if let Event::Stage { stage } = event { Some(*stage) } else { None }).collect();
    stages.dedup();
    assert_eq!(stages.first(), Some(&StageWord::Greeting));
    assert!(stages.windows(2).any(|two| two == [StageWord::Ringing, StageWord::Bridged]), "{stages:?}");
    assert_eq!(stages.last(), Some(&StageWord::Ended));

    // The agent's desk: asked, live, over, in this order and only theirs.
    let desk: Vec<&Told> = told.iter().filter(|told| told.topic == Topic::Desk).collect();
    assert!(desk.iter().all(|told| told.to == Audience::Agent(anna.clone())));
    let place = |is: &dyn Fn(&Event) -> bool| desk.iter().position(|told| is(&told.event));
    let offered = place(&|event| matches!(event, Event::Offer(_))).unwrap();
    let accepted = place(&|event| matches!(event, Event::OfferOver { why, .. } if why == "accepted")).unwrap();
    let live = place(&|event| matches!(event, Event::Live { .. })).unwrap();
    let over = place(&|event| matches!(event, Event::CallOver { .. })).unwrap();
    assert!(offered < accepted && accepted < live && live < over, "{offered} {accepted} {live} {over}");
    let offer = at_offer.unwrap();
    assert!(!offer.trigger_sentence.is_empty() && offer.headline.chars().count() <= 90 && offer.deadline_s.is_some_and(|left| left > 0.0));
    assert_eq!(offer.offer.as_deref(), Some(format!("{call}.0").as_str()));

    // The wall: the last row is what is read.
    let rows: Vec<_> = events(Topic::Wall).filter_map(|event| if let Event::Row(row) = event { Some(row.clone()) } else { None }).collect();
    assert_eq!(rows.last(), Some(&whole.row));
    assert_eq!((whole.row.stage, whole.row.wait_s.is_some()), (StageWord::Ended, true));
    assert!(rows.iter().any(|row| row.stage == StageWord::Bridged && row.agent.as_deref() == Some("Anna")));
}

#[test]
fn a_call_that_is_over_leaves_the_wall_after_a_while() {
    let (records, desk) = replayed();
    let mut world = Projection::new(desk, Choices::default());
    let call = records[0].subject;
    for record in &records {
        world.on_record(record, wall(record));
    }
    let end = wall(records.last().unwrap());
    world.flush(end);
    assert_eq!(world.rows(end).len(), 1);
    let later = end + SignedDuration::from_secs(61);
    let told = world.flush(later);
    assert!(told.iter().any(|told| told.event == Event::Gone { id: call.to_string() }), "{told:?}");
    assert!(world.rows(later).is_empty() && world.call(call, later).is_none());
    assert!(world.on_record(records.last().unwrap(), later).is_empty(), "what comes late brings nothing back");
}

fn state(state: AgentState) -> AgentNow {
    AgentNow { state, presence: Presence::Available, since: Timestamp::UNIX_EPOCH }
}

/// All that happens until the agent has left, and when that was.
fn until_she_left(world: &mut Projection, anna: &AgentId, records: &[Record]) -> (Time, Timestamp) {
    for record in records {
        if let Happening::LegJoined { party: Party::Agent, .. } = record.kind {
            world.on_agent(anna, &state(AgentState::OnCall), wall(record));
        }
        world.on_record(record, wall(record));
        if let Happening::LegLeft { party: Party::Agent, .. } = record.kind {
            world.on_agent(anna, &state(AgentState::WrapUp), wall(record));
            return (record.at, wall(record));
        }
    }
    panic!("no agent was there");
}

#[test]
fn who_has_left_a_call_reads_no_more_of_it() {
    let (records, desk) = replayed();
    let anna = AgentId::from("agent-1");
    let mut world = Projection::new(desk, Choices::default());
    let (left, now) = until_she_left(&mut world, &anna, &records);
    let before = world.desk(&anna, now).unwrap().call.expect("she has it to wrap up");
    assert!(before.over && !before.turns.is_empty() && before.packet.is_some());
    assert!(world.to_wrap_up(&anna).is_some());
    // The caller speaks with somebody else.
    let at = Time::from_secs_f64(left.as_secs_f64() + 5.0);
    let secret = Some("my card number".to_owned());
    let start = Time::from_secs_f64(left.as_secs_f64() + 4.0);
    let kind = Happening::TurnEnded { who: Party::Caller, start, end: at, text: secret, confidence: None, cut: false };
    let record = Record { seq: 10_000, at, kind, ..records[0].clone() };
    for told in world.on_record(&record, wall(&record)) {
        assert!(matches!(&told.to, Audience::Call(_, agents) if agents.is_empty()), "{told:?}");
    }
    let after = world.desk(&anna, wall(&record)).unwrap().call.unwrap();
    assert_eq!(after, before);
    assert_eq!(world.call(records[0].subject, wall(&record)).unwrap().turns.len(), before.turns.len() + 1, "a supervisor sees it");
}

#[test]
fn a_call_is_wrapped_up_once_it_is_over() {
    let (records, desk) = replayed();
    let anna = AgentId::from("agent-1");
    let mut world = Projection::new(desk, Choices::default());
    for record in &records {
        world.on_record(record, wall(record));
        if let Happening::LegJoined { party: Party::Agent, .. } = record.kind {
            break;
        }
    }
    assert!(world.call_of(&anna).is_some() && world.to_wrap_up(&anna).is_none());
}

#[test]
fn a_call_that_the_gateway_has_no_more_is_over_though_its_end_was_missed() {
    let (records, desk) = replayed();
    let anna = AgentId::from("agent-1");
    let call = records[0].subject;
    let joined = records.iter().position(|record| matches!(record.kind, Happening::LegJoined { party: Party::Agent, .. })).unwrap();
    let offered = records.iter().position(|record| matches!(record.kind, Happening::Offered { .. })).unwrap();
    for (seen, is_on) in [(joined, true), (offered, false)] {
        let mut world = Projection::new(desk.clone(), Choices::default());
        records[..=seen].iter().for_each(|record| drop(world.on_record(record, wall(record))));
        let now = wall(&records[seen]) + SignedDuration::from_secs(5);
        assert_eq!(world.settle(&[call].into(), now), []);
        assert_eq!(world.settle(&[].into(), now), [], "its last records may be on their way");
        let told = world.settle(&[].into(), now);
        let is_told = |event: &dyn Fn(&Event) -> bool| told.iter().any(|told| event(&told.event));
        assert!(is_told(&|event| matches!(event, Event::Stage { stage: StageWord::Ended })), "{told:?}");
        assert_eq!(is_told(&|event| matches!(event, Event::CallOver { .. })), is_on);
        assert_eq!(is_told(&|event| matches!(event, Event::OfferOver { .. })), !is_on);
        assert!(world.desk(&anna, now).unwrap().offer.is_none() && world.call_of(&anna).is_none() && !world.goes_on(call));
        assert_eq!(world.rows(now)[0].stage, StageWord::Ended);
        assert_eq!(world.settle(&[].into(), now), [], "once");
        let later = now + SignedDuration::from_secs(61);
        assert!(world.flush(later).iter().any(|told| told.event == Event::Gone { id: call.to_string() }));
    }
}

#[test]
fn what_is_kept_of_a_caller_and_an_agent_stays_in_what_is_told() {
    let (records, desk) = replayed();
    let anna = AgentId::from("agent-1");
    let call = records[0].subject;
    let mut world = Projection::new(desk, Choices::default());
    let offered = records.iter().position(|record| matches!(record.kind, Happening::Offered { .. })).unwrap();
    records[..=offered].iter().for_each(|record| drop(world.on_record(record, wall(record))));
    let now = wall(&records[offered]);
    let earlier = vec![EarlierView { began: "2026-01-01T00:00:00Z".into(), outcome: None, headline: Some("Where is it?".into()) }];
    let day = NumbersView { calls_today: 7, mean_handle_s: Some(90.0) };
    let told = world.on_kept(&anna, day, Some((call, earlier.clone())), now);
    let update = told.iter().find_map(|told| if let Event::OfferUpdated(offer) = &told.event { Some(offer) } else { None });
    assert_eq!(update.expect("her page is told").history, earlier);
    let mut states = told;
    for record in &records[offered + 1..] {
        states.extend(world.on_record(record, wall(record)));
    }
    let desks: Vec<_> = states.iter().filter_map(|told| if let Event::State(desk) = &told.event { Some(desk) } else { None }).collect();
    assert!(desks.iter().all(|desk| desk.numbers.calls_today >= 7), "{desks:?}");
    assert!(desks.iter().filter_map(|desk| desk.call.as_ref()?.packet.as_ref()).all(|packet| packet.history == earlier));
    assert_eq!(desks.last().unwrap().numbers.calls_today, 8);
}
