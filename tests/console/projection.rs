//! What pages show of a call, told from the records of a replayed one: whatever a page is told as it happens adds up to what it would
//! read afterwards.

use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use segue::base::{AgentId, Happening, Record};
use segue::cmd::live;
use segue::config::Config;
use segue::console::projection::{Audience, Choices, Projection, Told};
use segue::console::views::{Event, StageWord, Topic};
use segue::handoff::desk::{AgentTable, DeskTables};
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
