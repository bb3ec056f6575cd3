use std::collections::BTreeMap;
use std::sync::Arc;

use super::*;
use crate::base::{CallId, Party, Pii, SignalKind, Time};
use crate::handoff::desk::QueueView;
use crate::handoff::dossier::{CallerData, Dossier};
use crate::listen::types::{BotReport, Score, Signal, Understood};

const WALL: WallFacts = WallFacts { hour: 10, minute: 0, weekday: 2, open: true };

struct Call {
    dossier: Dossier,
    watch: Watch,
    score: Score,
}

fn secs(s: f64) -> Time {
    Time::from_secs_f64(s)
}

fn caller_data() -> CallerData {
    CallerData {
        call: CallId(uuid::Uuid::nil()),
        entry: "main".into(),
        called: "1000".into(),
        caller: Some(Pii("+491701234567".into())),
        language: "en-US".into(),
        data: BTreeMap::from([("vip".into(), "yes".into())]),
    }
}

impl Call {
    fn with(tables: &[TriggerTable]) -> Call {
        let rules = Rules::compile(tables, "trigger").expect("the rules of a test are right");
        Call { dossier: Dossier::new(caller_data(), Time::ZERO), watch: Watch::new(Arc::new(rules)), score: Score::default() }
    }

    fn one(when: &str) -> Call {
        Call::with(&[TriggerTable { name: "one".into(), when: when.into(), ..TriggerTable::default() }])
    }

    fn says(&mut self, at: f64, text: &str) {
        self.dossier.on_turn(Party::Caller, secs(at), secs(at + 1.0), Some(text), None);
    }

    fn hears(&mut self, kind: SignalKind, at: f64, turn: u32) -> &mut Self {
        let why = format!("{} heard", kind.name());
        self.dossier.on_signal(&Signal { kind, start: secs(at), end: secs(at + 0.5), value: 1.0, unit: "count", weight: 0.3, why, turn: Some(turn) });
        *self.score.parts.entry(kind).or_default() += 0.3;
        self
    }

    fn consider(&mut self, at: f64) -> Considered {
        self.watch.consider(&self.dossier, &QueueView::default(), WALL, secs(at))
    }

    fn fired(&mut self, at: f64) -> Option<(String, Does)> {
        let considered = self.consider(at);
        assert_eq!(considered.faults, []);
        considered.fired.map(|f| (f.name, f.does))
    }
}

fn of(name: &str, does: Does) -> Option<(String, Does)> {
    Some((name.to_owned(), does))
}

fn mistakes(when: &str) -> Vec<String> {
    let table = TriggerTable { name: "one".into(), when: when.into(), ..TriggerTable::default() };
    match Rules::compile(&[table], "trigger") {
        Ok(_) => Vec::new(),
        Err(problems) => problems.0.into_iter().map(|p| p.to_string()).collect(),
    }
}

#[test]
fn the_default_rules_compile_and_are_silent_in_a_calm_call() {
    let mut call = Call::with(&default_triggers());
    for n in 0..20 {
        call.says(f64::from(n) * 5.0, "what about my order");
        call.dossier.on_bot(
            &BotReport { turn: Some(n), understood: Understood::Well, progress: true, ..BotReport::default() },
            secs(f64::from(n) * 5.0 + 2.0),
        );
        assert_eq!(call.fired(f64::from(n) * 5.0 + 2.0), None);
    }
}

#[test]
fn a_request_transfers_at_once_with_the_callers_sentence() {
    let mut call = Call::with(&default_triggers());
    call.says(3.0, "let me talk to a person");
    call.hears(SignalKind::Request, 3.2, 0);
    let fired = call.consider(4.5).fired.expect("a request fires");
    assert_eq!((fired.name.as_str(), fired.cause.as_str(), fired.reason.as_str()), ("request", "request", "asked for a person"));
    let sentence = fired.sentence.expect("somebody spoke");
    assert_eq!((sentence.text.as_deref(), sentence.start), (Some("let me talk to a person"), secs(3.0)));
}

#[test]
fn one_raised_voice_only_adds_to_the_score_two_in_three_turns_offer() {
    let mut call = Call::with(&default_triggers());
    assert_eq!(call.hears(SignalKind::RaisedVolume, 5.0, 1).fired(6.0), None);
    assert_eq!(call.hears(SignalKind::RaisedVolume, 60.0, 5).fired(61.0), None);
    assert_eq!(call.hears(SignalKind::RaisedVolume, 70.0, 7).fired(71.0), of("raised_volume", Does::Offer));
}

#[test]
fn two_raised_voices_five_seconds_apart_in_one_turn_offer() {
    let mut call = Call::with(&default_triggers());
    call.hears(SignalKind::RaisedVolume, 5.0, 1);
    assert_eq!(call.hears(SignalKind::RaisedVolume, 9.9, 1).fired(10.5), None);
    assert_eq!(call.hears(SignalKind::RaisedVolume, 10.0, 1).fired(10.6), of("raised_volume", Does::Offer));
}

#[test]
fn a_raised_voice_with_another_signal_within_half_a_minute_transfers() {
    for (later, expected) in [(20.0, of("raised_and_more", Does::Transfer)), (60.0, of("repeat", Does::Offer))] {
        let mut call = Call::with(&default_triggers());
        call.hears(SignalKind::RaisedVolume, 5.0, 1).fired(6.0);
        assert_eq!(call.hears(SignalKind::Repeat, 5.0 + later, 3).fired(6.0 + later), expected);
    }
}

#[test]
fn two_failures_of_the_bot_in_a_row_offer() {
    let mut call = Call::with(&default_triggers());
    let failed = |turn| BotReport { turn: Some(turn), understood: Understood::NoMatch, ..BotReport::default() };
    call.dossier.on_bot(&failed(0), secs(5.0));
    assert_eq!(call.hears(SignalKind::NoMatch, 5.0, 0).fired(5.0), None);
    call.dossier.on_bot(&failed(1), secs(15.0));
    let fired = call.consider(15.0).fired.expect("two in a row");
    assert_eq!((fired.name.as_str(), fired.cause.as_str()), ("bot_failing", "no_match"));
    assert_eq!(call.hears(SignalKind::NoMatch, 15.0, 1).fired(15.0), None, "it was asked already");
}

#[test]
fn the_score_names_its_largest_contributor() {
    let mut call = Call::with(&default_triggers());
    call.hears(SignalKind::Interruption, 1.0, 0).hears(SignalKind::LongSilence, 3.0, 1);
    call.dossier.on_score(&Score { score: 0.8, parts: BTreeMap::from([(SignalKind::Interruption, 0.6), (SignalKind::LongSilence, 0.1)]) }, secs(4.0));
    let fired = call.consider(4.0).fired.expect("the score is high");
    assert_eq!((fired.name.as_str(), fired.cause.as_str()), ("score", "interruption"));
    assert_eq!(fired.reason, "sounds more and more frustrated: interruption heard");
}

#[test]
fn a_declined_offer_is_not_repeated_until_its_cool_down_is_over_and_there_is_new_evidence() {
    let mut call = Call::with(&default_triggers());
    assert_eq!(call.hears(SignalKind::Repeat, 5.0, 1).fired(6.0), of("repeat", Does::Offer));
    call.watch.on_declined(secs(10.0));
    assert_eq!(call.hears(SignalKind::Profanity, 20.0, 2).fired(21.0), None, "other offers rest too");
    assert_eq!(call.hears(SignalKind::Repeat, 80.0, 4).fired(99.0), None);
    call.dossier.on_score(&Score::default(), secs(101.0));
    assert_eq!(call.fired(101.0), of("repeat", Does::Offer));
    assert_eq!(call.hears(SignalKind::Request, 102.0, 5).fired(103.0), of("request", Does::Transfer));
}

#[test]
fn a_request_is_heard_again_after_a_failed_handoff_but_the_old_one_is_spent() {
    let mut call = Call::with(&default_triggers());
    assert_eq!(call.hears(SignalKind::Request, 5.0, 1).fired(6.0), of("request", Does::Transfer));
    call.watch.on_handoff_over(&call.dossier, secs(20.0));
    call.says(21.0, "well");
    assert_eq!(call.fired(22.0), None);
    assert_eq!(call.hears(SignalKind::Request, 25.0, 3).fired(26.0), of("request", Does::Transfer));
}

#[test]
fn a_request_that_said_yes_to_an_offer_is_spent_as_well() {
    let mut call = Call::with(&default_triggers());
    assert_eq!(call.hears(SignalKind::BotRequest, 5.0, 1).fired(6.0), of("bot_request", Does::Offer));
    // They ask for a person while they are asked: that is the answer, and no rule fires.
    call.hears(SignalKind::Request, 7.0, 1);
    call.watch.on_handoff_over(&call.dossier, secs(20.0));
    call.says(21.0, "well");
    assert_eq!(call.fired(22.0), None);
    assert_eq!(call.hears(SignalKind::Request, 25.0, 3).fired(26.0), of("request", Does::Transfer));
}

#[test]
fn nothing_is_considered_twice() {
    let mut call = Call::one("score < 2.0");
    assert!(call.fired(1.0).is_some());
    assert!(call.fired(100.0).is_none(), "nothing is new");
}

#[test]
fn the_first_true_rule_wins_and_off_never_fires() {
    let rule = |name: &str, does| TriggerTable { name: name.into(), when: "true".into(), does, ..TriggerTable::default() };
    let mut call = Call::with(&[rule("a", Does::Off), rule("b", Does::Transfer), rule("c", Does::Offer)]);
    let fired = call.consider(1.0).fired.expect("b is true");
    assert_eq!((fired.rule, fired.name.as_str(), fired.cause.as_str()), (1, "b", "b"));
}

#[test]
fn rules_see_call_bot_desk_time_and_caller() {
    for when in [
        r#"caller.data.vip == "yes" && has(caller.data.vip) && caller.number.startsWith("+49")"#,
        r#"time.open && time.hour >= 9 && time.weekday <= 5"#,
        r#"desk.on_duty == 0 && desk.expected_wait_s < 0.0"#,
        r#"bot.failures == 0 && !bot.wants_person && bot.intent == """#,
        r#"call.age_s >= 1 && call.handoffs == 0 && call.turns == 1"#,
        r#"signals.exists(s, s.kind == "repeat" && s.age_s < 10.0)"#,
        r#"signals.filter(s, s.weight > 0.1).all(s, s.turn == 0)"#,
        r#"size(signals) == 1 && signals[0].start_s > 0.5 && "x" in ["x", "y"]"#,
        r#"recent(["repeat", "topic"], 10) == 1 && score >= 0 && turns_with("repeat", 1) == 1"#,
    ] {
        let mut call = Call::one(when);
        call.says(1.0, "hello");
        assert!(call.hears(SignalKind::Repeat, 1.0, 0).fired(2.0).is_some(), "{when}");
    }
}

#[test]
fn mistakes_in_a_rule_are_named_by_key() {
    for (when, what) in [
        ("score >", "trigger[0].when: line 1, column"),
        ("", "trigger[0].when: "),
        ("scores > 1.0", "`scores` is unknown"),
        ("bot.failure > 1", "`.failure` is unknown"),
        ("size(signals)", "gives a int"),
        ("\"yes\"", "gives a string"),
        ("score > \"high\"", "trigger[0].when: "),
        ("score > 5.0 && score > \"high\"", "trigger[0].when: "),
        ("recent(\"raised_voice\", 30) > 0", "there is no signal `raised_voice`"),
        ("recent(\"repeat\") > 0", "takes two arguments"),
        ("recent(bot.intent, 5) > 0", "must be a signal's name"),
        ("signals.exists(s, s.kind == \"repeated\")", "there is no signal `repeated`"),
        ("signals.exists(s, s.sort == \"repeat\")", "`.sort` is unknown"),
        ("caller.data.exists(k, k == \"vip\")", "goes through something that is no list"),
        ("caller.data.map(k, k)[0] == \"a\"", "goes through something that is no list"),
        ("{\"a\": 1}.exists(k, k == \"a\")", "makes a map"),
        ("now() > 3", "`now` is no function here"),
        ("score.decay() > 3", "`decay` is no function here"),
    ] {
        let found = mistakes(when);
        assert!(found.iter().any(|m| m.contains(what)), "{when:?}: {found:?}");
    }
}

#[test]
fn hostile_rules_neither_panic_nor_hang() {
    for when in [
        "(".repeat(4_000),
        "!".repeat(3_999) + "x",
        "-".repeat(3_990) + "1",
        "[".repeat(2_000) + &"]".repeat(2_000),
        "a.".repeat(2_000),
        "é\u{0}🦀".into(),
    ] {
        assert!(!mistakes(&when).is_empty());
    }
    let nested = |n: usize| "signals.all(a, ".repeat(n) + "true" + &")".repeat(n);
    assert!(mistakes(&nested(2)).is_empty());
    assert!(mistakes(&nested(3))[0].contains("more than 2 deep"));
}

#[test]
fn a_rule_that_fails_in_the_call_is_told_once_and_the_others_still_work() {
    let rule = |name: &str, when: &str| TriggerTable { name: name.into(), when: when.into(), ..TriggerTable::default() };
    let mut call = Call::with(&[rule("tier", r#"caller.data.tier == "gold""#), rule("repeat", r#"recent("repeat", 30) > 0"#)]);
    call.says(1.0, "hello");
    let first = call.consider(2.0);
    assert_eq!((first.faults.len(), first.fired), (1, None));
    assert!(first.faults[0].to_string().contains("trigger `tier`: there is no `tier`"), "{}", first.faults[0]);
    let second = call.hears(SignalKind::Repeat, 3.0, 0).consider(4.0);
    assert_eq!((second.faults.len(), second.fired.map(|f| f.name)), (0, Some("repeat".into())));
}

#[test]
fn mistakes_beside_the_rule_are_named_by_key() {
    let bad = TriggerTable {
        reason: "because {because}".into(),
        cooldown_secs: f64::NAN,
        queue: Some(String::new()),
        skills: vec![" ".into()],
        when: "true".into(),
        ..TriggerTable::default()
    };
    let problems = Rules::compile(&[bad.clone(), bad], "entry.main.trigger").expect_err("it is full of mistakes");
    let keys: Vec<&str> = problems.0.iter().map(|p| p.key.as_str()).filter(|k| k.contains("[1]")).collect();
    let expected = ["name", "cooldown_secs", "reason", "skills[0]", "queue", "name"].map(|k| format!("entry.main.trigger[1].{k}"));
    assert_eq!(keys, expected);
}

#[test]
fn a_sentence_not_yet_transcribed_is_described() {
    let mut call = Call::with(&default_triggers());
    call.hears(SignalKind::RaisedVolume, 5.0, 0);
    call.hears(SignalKind::RaisedVolume, 11.0, 0);
    let sentence = call.consider(11.5).fired.and_then(|f| f.sentence).expect("what was heard");
    assert_eq!((sentence.text, sentence.turn, sentence.heard.as_str()), (None, Some(0), "raised_volume heard"));
}
