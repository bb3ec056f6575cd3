use std::collections::BTreeMap;

use super::*;
use crate::base::{CallId, Phrase, Pii};
use crate::handoff::dossier::CallerData;
use crate::listen::types::{BotReport, Score, Understood};

fn secs(s: f64) -> Time {
    Time::from_secs_f64(s)
}

fn dossier() -> Dossier {
    let caller = CallerData {
        call: CallId(uuid::Uuid::nil()),
        entry: "shop".into(),
        called: "1000".into(),
        caller: Some(Pii("+491701234567".into())),
        language: "en-US".into(),
        data: BTreeMap::new(),
    };
    Dossier::new(caller, Time::ZERO)
}

/// A call in which the bot failed twice and the caller raised their voice.
fn heated() -> Dossier {
    let mut d = dossier();
    d.on_turn(Party::Bot, secs(0.5), secs(4.0), Some("How can I help you?"), None);
    d.on_turn(Party::Caller, secs(5.0), secs(7.0), Some("where is my order"), None);
    let slots = BTreeMap::from([("order_number".to_owned(), SlotValue { value: "4711".into(), confirmed: true })]);
    d.on_bot(
        &BotReport {
            turn: Some(0),
            understood: Understood::Well,
            intent: Some("order_status".into()),
            slots,
            progress: true,
            ..BotReport::default()
        },
        secs(7.5),
    );
    for n in 1..=2 {
        d.on_bot(&BotReport { turn: Some(n), understood: Understood::NoMatch, ..BotReport::default() }, secs(10.0 + f64::from(n)));
    }
    d.on_turn(Party::Caller, secs(18.0), secs(20.0), Some("I said my order, <b>not</b> my card 4111 1111 1111 1111"), None);
    d.on_signal(&Signal {
        kind: SignalKind::RaisedVolume,
        start: secs(18.2),
        end: secs(20.0),
        value: 2.6,
        unit: "s",
        weight: 0.3,
        why: "raised voice".into(),
        turn: Some(1),
    });
    d.on_score(&Score { score: 0.6, parts: BTreeMap::from([(SignalKind::RaisedVolume, 0.6)]) }, secs(20.0));
    d
}

fn facts(text: Option<&str>) -> HandoffFacts {
    let heard = "raised voice".to_owned();
    let sentence = TriggeringSentence { text: text.map(str::to_owned), start: secs(18.2), end: secs(20.0), turn: Some(1), heard };
    HandoffFacts {
        handoff: 0,
        queue: "Orders".into(),
        trigger: "raised_and_more".into(),
        cause: "raised_volume".into(),
        reason: "raised their voice, and more is wrong".into(),
        sentence: Some(sentence),
        since: secs(20.1),
        note: None,
    }
}

#[test]
fn trap_18_the_triggering_sentence_is_in_the_packet() {
    let packet = ContextPacket::build(&heated(), &facts(None), secs(25.0));
    assert!(packet.trigger.in_words);
    assert_eq!(packet.trigger.sentence, "I said my order, <b>not</b> my card ‹card›");
    assert_eq!(packet.trigger.said_at_s, Some(18.0));
    assert!(packet.summary.contains("I said my order"), "{}", packet.summary);

    let mut unheard = dossier();
    unheard.on_turn(Party::Caller, secs(18.0), secs(20.0), None, None);
    let packet = ContextPacket::build(
        &unheard,
        &HandoffFacts { sentence: facts(None).sentence.map(|s| TriggeringSentence { turn: Some(0), ..s }), ..facts(None) },
        secs(25.0),
    );
    assert_eq!((packet.trigger.in_words, packet.trigger.sentence.as_str()), (false, "raised voice at 0:18, words not understood"));
    assert!(packet.summary.contains("raised voice at 0:18"), "{}", packet.summary);
}

#[test]
fn the_headline_says_what_was_wanted_tried_mood_and_verification() {
    let packet = ContextPacket::build(&heated(), &facts(None), secs(25.0));
    assert_eq!(packet.headline, "Order status · bot helped at first, then did not understand twice · frustrated");
    assert_eq!(packet.verified, "not verified; confirmed order number");
    assert_eq!((packet.waited_s, packet.next_step.as_str()), (4.9, "acknowledge the trouble, then take up the matter"));
    assert_eq!(
        packet.summary,
        "The caller is here about order status. Bot helped at first, then did not understand twice. Raised their voice, and more is wrong: “I said my order, \
         <b>not</b> my card ‹card›”. Known: order number 4711."
    );
}

#[test]
fn who_politely_asks_for_a_person_is_calm() {
    let mut dossier = dossier();
    let parts = std::collections::BTreeMap::from([(SignalKind::Request, 0.9)]);
    dossier.on_score(&Score { score: 0.9, parts: parts.clone() }, secs(20.0));
    assert_eq!(ContextPacket::build(&dossier, &facts(None), secs(20.0)).mood.word, "calm");
    let parts = parts.into_iter().chain([(SignalKind::RaisedVolume, 0.5)]).collect();
    dossier.on_score(&Score { score: 0.95, parts }, secs(21.0));
    let mood = ContextPacket::build(&dossier, &facts(None), secs(21.0)).mood;
    assert_eq!((mood.word.as_str(), mood.score), ("frustrated", 0.5));
}

#[test]
fn headline_and_briefing_keep_their_length_whatever_was_said() {
    let mut long = heated();
    let wordy = "word ".repeat(300) + &"x".repeat(500);
    long.on_bot(&BotReport { turn: Some(3), intent: Some(wordy.clone()), next_step: Some(wordy.clone()), ..BotReport::default() }, secs(21.0));
    for dossier in [&long, &heated(), &dossier()] {
        let facts = HandoffFacts { reason: wordy.clone(), ..facts(Some(&wordy)) };
        let packet = ContextPacket::build(dossier, &facts, secs(25.0));
        assert!((1..=HEADLINE_CHARS).contains(&packet.headline.chars().count()), "{}", packet.headline);
        let words = briefing(&packet).words();
        assert!((1..=15).contains(&words.split_whitespace().count()), "{words}");
    }
    let packet = ContextPacket::build(&heated(), &facts(None), secs(25.0));
    assert_eq!(briefing(&packet).0, [Phrase::Text("Order status. Raised their voice, and more is wrong. Mood frustrated.".into())]);
}

#[test]
fn an_empty_dossier_gives_an_honest_packet() {
    let packet = ContextPacket::build(&dossier(), &HandoffFacts::of_entry(0, "Orders", secs(1.0)), secs(1.0));
    assert_eq!(packet.headline, "Not said yet · nothing yet · calm · not verified");
    assert_eq!(packet.next_step, "ask what it is about");
    assert_eq!((packet.trigger.in_words, packet.trigger.said_at_s), (false, None));
    assert!(packet.trigger.sentence.contains("nothing was said"));
}

#[test]
fn the_packet_survives_the_wire_in_the_same_order() {
    let packet = ContextPacket::build(&heated(), &facts(None), secs(25.0));
    let wire = serde_json::to_string(&packet).expect("a packet is plain data");
    assert!(wire.starts_with(r#"{"headline":"#));
    assert_eq!(serde_json::from_str::<ContextPacket>(&wire).expect("what was written can be read"), packet);
}

#[test]
fn the_dossier_keeps_its_bounds() {
    use crate::handoff::dossier::{MAX_FIELDS, MAX_LINES, MAX_SCORES, MAX_SIGNALS, MAX_STEPS, MAX_TEXT_CHARS};
    let mut d = dossier();
    for n in 0..2_000_u32 {
        let at = secs(f64::from(n));
        d.on_turn(Party::Caller, at, at, Some(&"é".repeat(3_000)), None);
        d.on_signal(&Signal {
            kind: SignalKind::Repeat,
            start: at,
            end: at,
            value: 1.0,
            unit: "cost",
            weight: 0.1,
            why: "again".into(),
            turn: Some(n),
        });
        d.on_score(&Score { score: 0.5, parts: BTreeMap::new() }, at);
        let slots = BTreeMap::from([(format!("slot{n}"), SlotValue { value: "x".into(), confirmed: false })]);
        d.on_bot(&BotReport { turn: Some(n), slots, ..BotReport::default() }, at);
        d.on_data(&format!("key{n}"), "v");
    }
    assert!(d.lines().count() <= MAX_LINES && d.signals().count() <= MAX_SIGNALS && d.scores().len() <= MAX_SCORES);
    assert!(d.bot().steps.len() <= MAX_STEPS && d.bot().slots.len() <= MAX_FIELDS && d.caller().data.len() <= MAX_FIELDS);
    assert!(d.lines().all(|l| l.text.as_ref().is_some_and(|t| t.chars().count() <= MAX_TEXT_CHARS)));
    assert!(d.scores().windows(2).all(|w| w[0].0 < w[1].0), "the curve stays in order");
    assert_eq!((d.scores().first().map(|p| p.0), d.caller_turns(), d.heard(SignalKind::Repeat)), (Some(secs(0.0)), 2_000, 2_000));
    assert!(d.dropped() > 0);
}
