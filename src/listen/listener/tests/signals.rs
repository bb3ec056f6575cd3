//! Signals and their score.

use super::*;

#[test]
fn a_request_is_told_after_its_turn_and_before_its_score() {
    let mut bench = Bench::caller();
    bench.turn("I want to talk to a real person");
    let names: Vec<&str> = bench
        .told
        .iter()
        .filter_map(|(_, o)| match o {
            ListenOutput::TurnEnded(_) => Some("turn"),
            ListenOutput::Signal(signal) => Some(signal.kind.name()),
            ListenOutput::Score(_) => Some("score"),
            _ => None,
        })
        .take(3)
        .collect();
    assert_eq!(names, ["turn", "request", "score"]);
    let signal = &bench.signals()[0];
    assert_eq!(signal.why, "Asked for a person: “I want to talk to a real person”");
    assert_eq!((signal.turn, signal.weight), (Some(0), 0.9));
}

#[test]
fn nobody_is_asked_for_by_who_says_no() {
    let mut bench = Bench::caller();
    bench.turn("I don't want to talk to a person");
    assert_eq!(bench.signals().len(), 0);
}

#[test]
fn the_score_is_told_once_a_second_while_it_fades() {
    let mut bench = Bench::caller();
    bench.turn("this is ridiculous");
    bench.silence(3_000);
    let scores = bench.scores();
    for pair in scores.windows(2) {
        assert_eq!(pair[1].0.since(pair[0].0), Duration::from_secs(1));
        assert!(pair[1].1.score < pair[0].1.score);
    }
    let begun = scores[0].0;
    bench.pass(begun + Duration::from_secs(600));
    let scores = bench.scores();
    let last = scores.last().expect("there are some");
    assert!(last.1.score > 0.01 && last.1.score < 0.0102, "{last:?}");
    assert_eq!(scores.len() as u64, last.0.since(begun).as_secs() + 1);
    assert_eq!(bench.deadline, None, "then nothing is waited for");
}

#[test]
fn the_same_words_again_are_a_repeat_once() {
    let mut bench = Bench::caller();
    bench.ask("open", None, Understood::Nothing);
    bench.turn("where is my order");
    bench.ask("open", Some(0), Understood::Well);
    bench.turn("I asked where is my order");
    assert_eq!(bench.count(SignalKind::Repeat), 1);
    bench.give(verdict(1, 0));
    assert_eq!(bench.count(SignalKind::Repeat), 1, "the sound adds nothing to the words");
    let why = &bench.signals().into_iter().find(|s| s.kind == SignalKind::Repeat).expect("it is there").why;
    assert_eq!(why, "Said the same again as at 0:00: “I asked where is my order”");
}

#[test]
fn the_same_sound_again_is_a_repeat_without_words() {
    let mut bench = Bench::new(Party::Caller, false);
    bench.turn("");
    bench.turn("");
    bench.give(verdict(1, 0));
    bench.give(verdict(1, 0));
    bench.give(verdict(7, 0));
    assert_eq!(bench.count(SignalKind::Repeat), 1);
    assert_eq!(bench.signals()[0].unit, "cost");
}

#[test]
fn the_same_answer_to_the_same_question_is_no_repeat() {
    let mut bench = Bench::caller();
    bench.ask("slot:number", None, Understood::Nothing);
    bench.turn("four five six seven");
    bench.ask("slot:number", Some(0), Understood::Well);
    bench.turn("four five six seven");
    assert_eq!(bench.count(SignalKind::Repeat), 0);
    let compared = bench.told.iter().any(|(_, o)| matches!(o, ListenOutput::Compare(c) if c.candidates.iter().any(|(n, _)| *n == 0)));
    assert!(!compared, "nor is its sound compared");
    bench.ask("slot:invoice", Some(1), Understood::Well);
    bench.turn("four five six seven");
    assert_eq!(bench.count(SignalKind::Repeat), 1);
}

#[test]
fn sound_is_not_asked_where_words_say_that_they_differ() {
    let compared_with_first = |second: &'static str| {
        let mut bench = Bench::caller();
        bench.turn("where is my order");
        bench.turn(second);
        bench.told.iter().any(|(_, o)| matches!(o, ListenOutput::Compare(c) if c.candidates.iter().any(|(n, _)| *n == 0)))
    };
    assert!(!compared_with_first("what are your opening hours"));
    assert!(compared_with_first(""), "what was not understood may be the same");
}

#[test]
fn a_question_without_an_answer_is_told_after_the_patience() {
    let mut bench = Bench::caller();
    bench.ask("slot:number", None, Understood::Nothing);
    let asked = bench.now;
    bench.silence(8_000);
    let told: Vec<Time> = bench.told.iter().filter(|(_, o)| matches!(o, ListenOutput::NoInput)).map(|(at, _)| *at).collect();
    assert_eq!(told, [asked + Duration::from_secs(5)]);
    assert_eq!(bench.count(SignalKind::NoInput), 1);
    bench.ask("slot:number", None, Understood::NoInput);
    assert_eq!(bench.count(SignalKind::NoInput), 1, "the bot's own report of it adds nothing");
}

#[test]
fn an_answer_by_voice_or_key_ends_the_patience() {
    let mut bench = Bench::caller();
    bench.ask("slot:number", None, Understood::Nothing);
    bench.silence(4_000);
    bench.turn("well let me see");
    bench.silence(6_000);
    bench.ask("slot:number", Some(0), Understood::Well);
    bench.silence(4_000);
    bench.give(key('4'));
    bench.silence(6_000);
    assert!(!bench.told.iter().any(|(_, o)| matches!(o, ListenOutput::NoInput)));
}

#[test]
fn the_pause_after_a_keyed_number_is_told_and_is_no_evidence() {
    let mut bench = Bench::caller();
    bench.ask("slot:number", None, Understood::Nothing);
    bench.give(key('4'));
    let expects = Some(Question { id: "slot:number".into(), patience: Duration::from_secs(2) });
    bench.give(ListenInput::Bot(BotReport { expects, ..BotReport::default() }));
    bench.silence(3_000);
    assert!(bench.told.iter().any(|(_, o)| matches!(o, ListenOutput::NoInput)));
    assert_eq!(bench.count(SignalKind::NoInput), 0);
}

#[test]
fn long_silence_counts_only_after_something_was_played_and_once() {
    let mut bench = Bench::caller();
    bench.silence(30_000);
    assert_eq!(bench.signals().len(), 0, "nobody spoke to them");
    bench.play(true);
    bench.silence(30_000);
    assert_eq!(bench.signals().len(), 0, "something is played");
    bench.play(false);
    bench.silence(30_000);
    assert_eq!(bench.count(SignalKind::LongSilence), 1);
    bench.give(ListenInput::Scene(Scene::Waiting));
    bench.turn("hello");
    bench.silence(30_000);
    assert_eq!(bench.count(SignalKind::LongSilence), 1, "who waits may be silent");
}

#[test]
fn keys_ask_for_a_person_mash_and_come_once() {
    let mut bench = Bench::caller();
    bench.give(key('0'));
    bench.silence(1_000);
    assert_eq!(bench.count(SignalKind::Request), 1);
    bench.silence(5_000);
    for label in "15937".chars() {
        bench.give(key(label));
        bench.silence(200);
    }
    assert_eq!((bench.count(SignalKind::KeyMash), bench.count(SignalKind::Request)), (1, 1));
    let keys = bench.told.iter().filter(|(_, o)| matches!(o, ListenOutput::Key(_))).count();
    assert_eq!(keys, 6);
}

#[test]
fn a_key_that_comes_twice_is_one_key() {
    let mut bench = Bench::caller();
    let zero = Key::new('0').expect("a key");
    bench.listener.on_key(zero, Source::InBand, bench.now);
    bench.give(key('0'));
    bench.pass(at(150));
    bench.give(key('0'));
    let keys = bench.told.iter().filter(|(_, o)| matches!(o, ListenOutput::Key(_))).count();
    assert_eq!(keys, 2, "heard and signalled is one; pressed again is another");
}

#[test]
fn a_key_in_band_is_heard() {
    let mut bench = Bench::caller();
    for n in 0..10_u32 {
        let tone = |i: u32, hz: f32| (std::f32::consts::TAU * hz * (n * 160 + i) as f32 / 8_000.0).sin();
        let samples: Vec<i16> = (0..160).map(|i| (5_000.0 * (tone(i, 941.0) + tone(i, 1_336.0))) as i16).collect();
        bench.pass(bench.now + FRAME);
        bench.give(ListenInput::Audio(Frame::from_samples(Rate::Hz8000, &samples)));
    }
    let keys: Vec<char> = bench.told.iter().filter_map(|(_, o)| if let ListenOutput::Key(key) = o { Some(key.label()) } else { None }).collect();
    assert_eq!(keys, ['0']);
    bench.silence(1_000);
    assert_eq!(bench.turns().len(), 0, "its tones are no speech");
    assert_eq!(bench.count(SignalKind::Request), 1);
}

#[test]
fn a_zero_within_a_number_asks_for_nobody() {
    let mut bench = Bench::caller();
    bench.ask("slot:number", None, Understood::Nothing);
    for label in "1040".chars() {
        bench.give(key(label));
        bench.silence(400);
    }
    bench.silence(3_000);
    assert_eq!(bench.signals().len(), 0);
    bench.ask("slot:number", None, Understood::Nothing);
    bench.give(key('0'));
    bench.silence(3_000);
    assert_eq!(bench.count(SignalKind::Request), 1, "but alone it does");
}

#[test]
fn the_bots_trouble_is_evidence() {
    let mut bench = Bench::caller();
    let trouble = [Understood::NoMatch, Understood::NoMatch, Understood::OutOfScope, Understood::Unsure];
    for (n, understood) in trouble.into_iter().enumerate() {
        bench.turn(["blah", "hmm what ever", "sing a song", "maybe later"][n]);
        bench.ask("open", u32::try_from(n).ok(), understood);
    }
    bench.give(ListenInput::BotFailed(failed()));
    let report = BotReport { wants_person: Some("refunds".into()), topic: Some("refund".into()), ..BotReport::default() };
    bench.give(ListenInput::Bot(report));
    for (kind, n) in [
        (SignalKind::NoMatch, 2),
        (SignalKind::OutOfScope, 1),
        (SignalKind::LowConfidence, 1),
        (SignalKind::NoProgress, 2),
        (SignalKind::BotError, 1),
        (SignalKind::BotRequest, 1),
        (SignalKind::Topic, 1),
    ] {
        assert_eq!(bench.count(kind), n, "{kind:?}: {:#?}", bench.signals());
    }
    assert_eq!(bench.signals()[0].why, "The bot found no meaning in “blah”.");
}

#[test]
fn without_a_recognizer_signals_that_need_words_are_unavailable() {
    let mut bench = Bench::new(Party::Caller, false);
    bench.turn("");
    for understood in [Understood::NoMatch, Understood::OutOfScope, Understood::Unsure, Understood::NoMatch] {
        bench.ask("open", Some(0), understood);
    }
    assert_eq!(bench.signals(), []);
    assert!(!bench.listener.is_available(SignalKind::NoMatch) && bench.listener.is_available(SignalKind::Repeat));
    bench.give(ListenInput::Ear(true));
    assert!(bench.listener.is_available(SignalKind::NoMatch));
}

#[test]
fn the_bot_is_not_judged_while_the_caller_waits() {
    let mut bench = Bench::caller();
    bench.give(ListenInput::Scene(Scene::Waiting));
    bench.turn("this is taking forever");
    bench.give(ListenInput::Bot(BotReport { turn: Some(0), understood: Understood::NoMatch, ..BotReport::default() }));
    bench.give(ListenInput::BotFailed(failed()));
    bench.give(ListenInput::Playing { on: true, interruptible: true });
    bench.say(1_000, "I want to speak to somebody");
    bench.silence(2_000);
    let kinds: Vec<_> = bench.signals().into_iter().map(|s| s.kind).collect();
    assert_eq!(kinds, [SignalKind::Sentiment, SignalKind::Request]);
}
