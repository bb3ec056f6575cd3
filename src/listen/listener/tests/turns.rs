//! Turns, utterances, barge-in.

use super::*;

#[test]
fn a_turn_ends_after_the_pause_with_its_text() {
    let mut bench = Bench::caller();
    bench.silence(400);
    bench.say(1_000, "where is my order");
    bench.silence(2_000);
    let (told, turn) = bench.turns().pop().expect("a turn");
    assert_eq!((turn.start, turn.end, told), (at(400), at(1_400), at(2_100)));
    assert_eq!((turn.n, turn.text.as_deref(), turn.recognized, turn.confidence), (0, Some("where is my order"), true, Some(0.9)));
}

#[test]
fn the_recognizer_hears_the_utterance_from_before_its_first_sound_to_the_pause() {
    let mut bench = Bench::caller();
    bench.silence(1_000);
    bench.say(1_000, "hello");
    bench.silence(1_000);
    let mut frames = 0;
    let mut opened = None;
    let mut closed = None;
    for (now, output) in &bench.told {
        match output {
            ListenOutput::OpenUtterance(id, first) => opened = Some((*id, *first)),
            ListenOutput::Recognize(_, _) => {
                assert!(opened.is_some() && closed.is_none());
                frames += 1;
            }
            ListenOutput::CloseUtterance(_) => closed = Some(*now),
            _ => {}
        }
    }
    assert_eq!(opened, Some((UtteranceId(0), at(700))), "300 ms before");
    assert_eq!(closed, Some(at(2_500)), "500 ms after");
    assert_eq!(frames, (2_500 - 700) / 20, "every frame once");
}

#[test]
fn a_click_is_no_speech() {
    let mut bench = Bench::caller();
    bench.sound(100, true);
    bench.silence(3_000);
    assert!(bench.told.is_empty(), "{:?}", bench.told);
}

#[test]
fn a_short_pause_ends_an_utterance_but_not_the_turn() {
    let mut bench = Bench::caller();
    bench.say(600, "where is");
    bench.silence(640);
    bench.say(600, "my order");
    bench.silence(2_000);
    assert_eq!(bench.texts(), [Some("where is my order".to_owned())]);
}

#[test]
fn an_unfinished_sentence_is_waited_for() {
    let mut bench = Bench::caller();
    bench.say(600, "my order number is");
    bench.silence(1_200);
    bench.say(600, "four five six");
    bench.silence(2_000);
    assert_eq!(bench.texts(), [Some("my order number is four five six".to_owned())]);
    bench.say(600, "and");
    bench.silence(1_400);
    assert_eq!(bench.turns().len(), 1);
    bench.silence(200);
    assert_eq!(bench.turns().len(), 2, "but not for ever");
}

#[test]
fn a_short_answer_to_a_question_ends_at_once() {
    let pause = |ask: bool| {
        let mut bench = Bench::caller();
        if ask {
            bench.ask("confirm:number", None, Understood::Nothing);
        }
        bench.say(400, "yes please");
        bench.silence(2_000);
        let (told, turn) = bench.turns().pop().expect("a turn");
        told.since(turn.end)
    };
    assert_eq!(pause(false), Duration::from_millis(700));
    assert_eq!(pause(true), Duration::from_millis(560), "as soon as the final result is there");
}

#[test]
fn a_turn_does_not_wait_for_ever_for_its_text() {
    let mut bench = Bench::caller();
    bench.script.push_back(None);
    bench.sound(1_000, true);
    bench.silence(3_000);
    let (told, turn) = bench.turns().pop().expect("a turn");
    assert_eq!((told, turn.text, turn.recognized), (at(3_000), None, false));
    bench.give(ListenInput::Final(UtteranceId(0), heard("too late")));
    bench.give(ListenInput::Partial(UtteranceId(9), heard("never opened")));
    assert_eq!(bench.listener.counts().stale_results, 2);
    assert_eq!(bench.turns().len(), 1);
}

#[test]
fn a_recognizer_that_is_late_but_finds_words_is_waited_for() {
    let late = |bench: &Bench| bench.told.iter().filter(|(_, told)| matches!(told, ListenOutput::EarLate)).count();
    let mut bench = Bench::caller();
    bench.script.push_back(None);
    bench.sound(1_000, true);
    bench.silence(600);
    for n in 0..5 {
        bench.give(ListenInput::Partial(UtteranceId(0), heard(&format!("one more word, {n}"))));
        bench.silence(1_500);
    }
    let turn = bench.turns().pop().expect("a turn, for nobody waits for ever");
    assert_eq!((turn.0, turn.1.text, late(&bench)), (at(7_500), None, 3));

    let mut bench = Bench::caller();
    bench.script.push_back(None);
    bench.sound(1_000, true);
    bench.silence(600);
    bench.give(ListenInput::Partial(UtteranceId(0), heard("a person")));
    bench.silence(2_000);
    assert_eq!((bench.turns().len(), late(&bench)), (0, 1));
    bench.give(ListenInput::Final(UtteranceId(0), heard("a person please")));
    assert_eq!(bench.texts(), [Some("a person please".to_owned())]);
}

#[test]
fn what_the_recognizer_rejects_is_no_text() {
    let mut bench = Bench::caller();
    bench.script.push_back(None);
    bench.sound(1_000, true);
    bench.silence(600);
    bench.give(ListenInput::Final(UtteranceId(0), Hypothesis { accepted: false, ..heard("agent") }));
    bench.silence(600);
    let (_, turn) = bench.turns().pop().expect("a turn");
    assert_eq!((turn.text, turn.recognized, bench.signals().len()), (None, true, 0));
}

#[test]
fn a_failed_recognizer_loses_one_utterance() {
    let mut bench = Bench::caller();
    bench.script.push_back(None);
    bench.sound(600, true);
    bench.silence(600);
    bench.give(ListenInput::Unheard(UtteranceId(0), failed()));
    bench.silence(200);
    bench.turn("hello there");
    assert_eq!(bench.texts(), [None, Some("hello there".to_owned())]);
}

#[test]
fn without_a_recognizer_turns_have_no_text() {
    let mut bench = Bench::new(Party::Caller, false);
    bench.sound(1_000, true);
    bench.silence(1_000);
    let (told, turn) = bench.turns().pop().expect("a turn");
    assert_eq!((told, turn.text, turn.recognized), (at(1_700), None, false));
    assert!(!bench.told.iter().any(|(_, o)| matches!(o, ListenOutput::OpenUtterance(..) | ListenOutput::Recognize(..))));
}

#[test]
fn long_talk_is_cut_into_utterances_and_turns() {
    let mut bench = Bench::caller();
    ["one", "two", "three", "four"].into_iter().for_each(|text| bench.script.push_back(Some(text)));
    bench.sound(70_000, true);
    bench.silence(2_000);
    assert_eq!(bench.texts(), [Some("one two three".to_owned()), Some("four".to_owned())]);
    let turns = bench.turns();
    assert_eq!(turns[0].1.end, turns[1].1.start);
    let frames = bench.told.iter().filter(|(_, o)| matches!(o, ListenOutput::Recognize(..))).count();
    assert_eq!(frames, (70_000 + 500) / 20, "no frame twice, none left out");
}

#[test]
fn a_turn_ends_when_frames_stay_away() {
    let mut bench = Bench::caller();
    bench.say(1_000, "hello");
    bench.pass(at(4_000));
    assert_eq!(bench.texts(), [Some("hello".to_owned())]);
}

#[test]
fn every_beginning_has_one_end() {
    let mut bench = Bench::caller();
    for text in ["a", "and", "", "yes"] {
        bench.say(300, text);
        bench.silence(900);
    }
    bench.silence(3_000);
    let mut open = 0;
    for (_, output) in &bench.told {
        match output {
            ListenOutput::SpeechBegan { .. } => open += 1,
            ListenOutput::TurnEnded(_) => open -= 1,
            _ => {}
        }
        assert!((0..=1).contains(&open));
    }
    assert_eq!(open, 0);
}

#[test]
fn partial_results_come_not_too_often() {
    let mut bench = Bench::caller();
    bench.script.push_back(Some("one two three"));
    bench.sound(400, true);
    for text in ["one", "one two", "one two", "one two three"] {
        bench.give(ListenInput::Partial(UtteranceId(0), heard(text)));
        bench.sound(40, true);
    }
    bench.sound(400, true);
    bench.silence(2_000);
    let partials: Vec<&str> = bench.told.iter().filter_map(|(_, o)| if let ListenOutput::Partial(p) = o { Some(p.as_str()) } else { None }).collect();
    assert_eq!(partials, ["one", "one two three"]);
}

#[test]
fn talking_over_the_bot_stops_it() {
    let mut bench = Bench::caller();
    bench.play(true);
    bench.silence(1_000);
    bench.say(1_000, "stop");
    assert_eq!(bench.barge_ins(), 1);
    let told = bench.told.iter().find(|(_, o)| matches!(o, ListenOutput::BargeIn)).map(|(at, _)| *at);
    assert_eq!(told, Some(at(1_360)), "350 ms, in whole frames");
    let signal = &bench.signals()[0];
    assert_eq!((signal.kind, signal.start, signal.end), (SignalKind::Interruption, at(1_000), at(1_360)));
}

#[test]
fn backchannel_and_what_may_not_be_interrupted_stop_nothing() {
    let mut bench = Bench::caller();
    bench.play(true);
    bench.say(300, "okay");
    bench.silence(2_000);
    bench.script.push_back(Some("yeah okay right"));
    bench.sound(240, true);
    bench.give(ListenInput::Partial(UtteranceId(1), heard("yeah okay")));
    bench.sound(600, true);
    bench.silence(2_000);
    assert_eq!((bench.barge_ins(), bench.signals().len()), (0, 0), "backchannel");
    bench.play(false);
    bench.say(1_000, "hello");
    bench.silence(2_000);
    bench.give(ListenInput::Playing { on: true, interruptible: false });
    bench.say(1_000, "hello again");
    assert_eq!(bench.barge_ins(), 0, "nothing to interrupt");
}

#[test]
fn who_is_talked_over_does_not_interrupt() {
    let mut bench = Bench::caller();
    bench.sound(1_000, true);
    bench.play(true);
    bench.sound(1_000, true);
    assert_eq!((bench.barge_ins(), bench.signals().len()), (1, 0));
}

#[test]
fn an_agents_leg_gives_turns_and_no_signals() {
    let mut bench = Bench::new(Party::Agent, true);
    bench.turn("this is ridiculous let me talk to a manager");
    assert_eq!((bench.turns().len(), bench.signals().len(), bench.scores().len()), (1, 0, 0));
}

#[test]
fn the_last_words_are_kept_when_the_caller_is_gone_and_signal_nothing() {
    let mut bench = Bench::caller();
    bench.play(true);
    bench.play(false);
    bench.say(800, "I want an agent");
    bench.give(ListenInput::Scene(Scene::Gone));
    bench.give(ListenInput::Scene(Scene::WithPerson));
    bench.pass(at(60_000));
    assert_eq!(bench.texts(), [Some("I want an agent".to_owned())]);
    assert_eq!(bench.signals().len(), 0);
    bench.give(ListenInput::Audio(frame(true)));
    assert_eq!(bench.listener.counts().odd_frames, 1);
}
