//! Who else speaks: our bot, the recording's other channel or nobody; and at whose pace.

use serde_json::Value;

use super::run::{Scene, engines};
use super::sound::{caller, key, over, room, wav};

fn turns(object: &Value, who: &str) -> Vec<(f64, f64)> {
    let own = object["turns"].as_array().unwrap().iter().filter(|t| t["who"] == who);
    own.map(|t| (t["start_s"].as_f64().unwrap(), t["end_s"].as_f64().unwrap())).collect()
}

/// Both sides of a call: the bot speaks at 0.5 and 5 s, the caller at 3 s, and presses 0 at 8 s.
fn both() -> (Vec<i16>, Vec<i16>) {
    let mut side = caller(10.0, &[3.0], 1.2, 180.0);
    over(&mut side, 8.0, &key('0'));
    (side, caller(10.0, &[0.5, 5.0], 1.5, 105.0))
}

fn is_near(found: &[(f64, f64)], wanted: &[(f64, f64)]) {
    let near = |a: &(f64, f64), b: &(f64, f64)| (a.0 - b.0).abs() < 0.35 && (a.1 - b.1).abs() < 0.35;
    assert!(found.len() == wanted.len() && found.iter().zip(wanted).all(|(a, b)| near(a, b)), "{found:?} is not {wanted:?}");
}

#[test]
fn a_recorded_bot_has_turns_and_is_not_scored() {
    let scene = Scene::quiet("recorded");
    let (side, bot) = both();
    scene.write("x.wav", wav(&[&side, &bot]));
    scene.write("swapped.wav", wav(&[&bot, &side]));
    let left = scene.replay(&["--json", "--bot", "recorded", "--agents", "accept:1", "x.wav"]).object();
    super::object::is_complete(&left);
    is_near(&turns(&left, "bot")[..2], &[(0.5, 2.0), (5.0, 6.5)]);
    is_near(&turns(&left, "caller"), &[(3.0, 4.2)]);
    assert!(left["signals"].as_array().unwrap().iter().all(|s| s["who"] == "caller"), "the bot is not scored");
    assert_eq!(left["handoffs"][0]["trigger"], "request");
    let right = scene.replay(&["--json", "--bot", "recorded", "--channel", "right", "--agents", "accept:1", "swapped.wav"]).object();
    for key in ["turns", "signals", "handoffs", "outcome", "call_s", "frustration"] {
        assert_eq!(right[key], left[key], "{key}: the same call with its sides swapped");
    }
    // Bot trouble can't be known of a bot that is only recorded.
    for kind in ["no_match", "no_input", "low_confidence", "bot_error", "no_progress", "out_of_scope", "bot_request"] {
        assert!(left["signals"].as_array().unwrap().iter().all(|s| s["kind"] != kind), "{kind}");
    }
}

#[test]
fn the_recorded_bot_is_muted_when_the_notice_begins() {
    if !engines("the_recorded_bot_is_muted_when_the_notice_begins") {
        return;
    }
    let scene = Scene::speaking("muted");
    let (mut side, bot) = both();
    side[..1_600].fill(0);
    over(&mut side, 4.0, &key('0'));
    scene.write("x.wav", wav(&[&side, &bot]));
    let object = scene.replay(&["--json", "--bot", "recorded", "--agents", "accept:1", "x.wav"]).object();
    let notice = &object["handoffs"][0]["notice"];
    let t1 = notice["start_s"].as_f64().unwrap();
    assert!((4.0..5.0).contains(&t1), "{notice}");
    assert_eq!(object["handoffs"][0]["t_s"][1], notice["start_s"]);
    let recorded = turns(&object, "bot").into_iter().filter(|t| t.0 < t1).count();
    assert_eq!(recorded, 1, "what the recording says at 5 s is not heard: {:?}", object["turns"]);
}

#[test]
fn the_callers_channel_is_the_one_that_was_asked_for() {
    let scene = Scene::quiet("channel");
    let (left, right) = (caller(5.0, &[1.0], 1.0, 120.0), caller(5.0, &[3.0], 1.0, 120.0));
    scene.write("x.wav", wav(&[&left, &right]));
    for (channel, wanted) in [("left", &[(1.0, 2.0)][..]), ("right", &[(3.0, 4.0)]), ("mix", &[(1.0, 2.0), (3.0, 4.0)])] {
        let object = scene.replay(&["--json", "--bot", "none", "--channel", channel, "x.wav"]).object();
        is_near(&turns(&object, "caller"), wanted);
    }
    let unsaid = scene.replay(&["--json", "--bot", "none", "x.wav"]).object();
    is_near(&turns(&unsaid, "caller"), &[(1.0, 2.0)]);
}

#[test]
fn speech_on_both_channels_draws_a_hint_and_no_failure() {
    let scene = Scene::quiet("hint");
    let (side, bot) = (caller(10.0, &[1.0], 2.0, 180.0), caller(10.0, &[4.0], 5.0, 105.0));
    scene.write("x.wav", wav(&[&side, &bot]));
    scene.write("mono.wav", wav(&[&side]));
    let told = scene.replay(&["--json", "x.wav"]);
    assert_eq!((told.status, told.objects().len(), told.lines().len()), (0, 1, 1), "{}", told.err);
    assert!(told.err.contains("x.wav: both channels carry speech") && told.err.contains("--bot recorded"), "{}", told.err);
    for args in [&["--bot", "recorded", "x.wav"][..], &["mono.wav"]] {
        assert_eq!(scene.replay(&[&["--json"], args].concat()).err, "", "{args:?}");
    }
}

#[test]
fn with_nobody_else_nobody_speaks_before_the_notice() {
    let scene = Scene::speaking("nobody-speaks");
    scene.write("x.wav", wav(&[&caller(5.0, &[1.0], 1.5, 120.0)]));
    let object = scene.replay(&["--json", "--bot", "none", "x.wav"]).object();
    assert_eq!(turns(&object, "bot"), []);
    assert_eq!(object["outcome"], "contained");
}

#[test]
fn in_turns_the_recording_waits_until_the_bot_has_finished() {
    if !engines("in_turns_the_recording_waits_until_the_bot_has_finished") {
        return;
    }
    let scene = Scene::speaking("pace");
    scene.write("x.wav", wav(&[&caller(8.0, &[1.0, 4.0], 1.5, 120.0)]));
    let straight = scene.replay(&["--json", "x.wav"]).object();
    for turn in straight["turns"].as_array().unwrap() {
        assert_eq!((&turn["start_s"], &turn["end_s"]), (&turn["rec_start_s"], &turn["rec_end_s"]), "call time is the recording's time");
    }
    let object = scene.replay(&["--json", "--pace", "turns", "x.wav"]).object();
    super::object::is_complete(&object);
    let turns: Vec<&Value> = object["turns"].as_array().unwrap().iter().filter(|t| t["who"] == "caller").collect();
    let (call, rec) = (|t: &Value| t["start_s"].as_f64().unwrap(), |t: &Value| t["rec_start_s"].as_f64().unwrap());
    assert_eq!(turns.len(), 2, "{:?}", object["turns"]);
    for (turn, at) in turns.iter().zip([1.0, 4.0]) {
        assert!((rec(turn) - at).abs() < 0.35, "said at {at} s of the recording: {turn}");
        assert!(call(turn) > rec(turn), "the greeting was waited for: {turn}");
    }
    assert!(call(turns[1]) - rec(turns[1]) >= call(turns[0]) - rec(turns[0]), "it never catches up");
    let (call_s, duration_s) = (object["call_s"].as_f64().unwrap(), object["duration_s"].as_f64().unwrap());
    assert!(duration_s == 8.0 && call_s >= duration_s + call(turns[0]) - rec(turns[0]) - 0.1, "{call_s} {duration_s}");
    let signals = object["signals"].as_array().unwrap();
    assert!(signals.iter().all(|s| s["kind"] != "interruption"), "who waits for the bot does not talk over it: {signals:?}");
}

#[test]
fn at_the_recordings_pace_overlap_is_no_interruption() {
    if !engines("at_the_recordings_pace_overlap_is_no_interruption") {
        return;
    }
    let scene = Scene::speaking("overlap");
    scene.write("x.wav", wav(&[&caller(6.0, &[0.6, 3.0], 1.8, 120.0)]));
    let object = scene.replay(&["--json", "--out", "results", "x.wav"]).object();
    assert!(object["signals"].as_array().unwrap().iter().all(|s| s["kind"] != "interruption"), "{object}");
    assert!(!scene.read("results/x/events.jsonl").contains("barged_in"));
}

#[test]
fn what_comes_after_the_recording_is_no_signal() {
    let scene = Scene::quiet("after");
    let mut asks = room(3.0, 1);
    over(&mut asks, 2.0, &key('0'));
    scene.write("x.wav", wav(&[&asks]));
    let object = scene.replay(&["--json", "--bot", "none", "--agents", "accept:19", "x.wav"]).object();
    assert!(object["call_s"].as_f64().unwrap() > 21.0, "{}", object["call_s"]);
    for signal in object["signals"].as_array().unwrap() {
        assert!(signal["rec_start_s"].as_f64().unwrap() <= 3.0, "{signal}");
    }
}
