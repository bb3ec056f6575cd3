//! The exit status: 0 all is well, 1 an expectation is not met or a decision changed, 2 (wins) something is bad.

use super::run::{STRAIGHT, Scene};
use super::sound::{key, over, room, wav};

/// A caller who asks for a person by key, and one who says nothing.
fn scene(name: &str) -> Scene {
    let scene = Scene::quiet(name);
    let mut asks = room(5.0, 1);
    over(&mut asks, 2.0, &key('0'));
    scene.write("calls/asks.wav", wav(&[&asks]));
    scene.write("calls/calm.wav", wav(&[&room(3.0, 2)]));
    scene
}

const MET: &str = "bot = \"none\"\n[expect]\ntrigger = \"request\"\nby_s = 3.0\noutcome = \"bridged\"\n";
const UNMET: &str = "bot = \"none\"\n[expect]\nhandoff = false\npeak_max = 0.01\n";

#[test]
fn expectations_that_are_met_are_status_0() {
    let scene = scene("met");
    scene.write("calls/asks.expect.toml", MET);
    scene.write("calls/calm.expect.toml", UNMET);
    let told = scene.replay(&["--json", "calls"]);
    assert_eq!((told.status, told.err.as_str(), told.objects().len()), (0, "", 2));
}

#[test]
fn an_expectation_that_is_not_met_is_status_1_with_a_line_for_each_key() {
    let scene = scene("unmet");
    scene.write("calls/asks.expect.toml", UNMET);
    let told = scene.replay(&["--json", "calls"]);
    assert_eq!((told.status, told.objects().len()), (1, 2));
    let lines = told.lines();
    assert_eq!(lines.len(), 2, "{}", told.err);
    assert!(lines.iter().any(|l| l.starts_with("segue: calls/asks.wav: expect.handoff: expected no handoff, “request” fired at 2.")), "{}", told.err);
    assert!(lines.iter().any(|l| l.starts_with("segue: calls/asks.wav: expect.peak_max: ")), "{}", told.err);
    let plain = scene.replay(&["calls"]);
    assert_eq!(plain.status, 1);
    assert!(plain.out.contains("expected no handoff"), "{}", plain.out);
}

#[test]
fn one_expectation_may_hold_for_all_and_beats_what_lies_beside() {
    let scene = scene("for-all");
    scene.write("calls/asks.expect.toml", "this is no toml");
    scene.write("all.toml", MET);
    let told = scene.replay(&["--json", "--expect", "all.toml", "calls/asks.wav"]);
    assert_eq!((told.status, told.err.as_str()), (0, ""));
    let told = scene.replay(&["--json", "--expect", "all.toml", "calls/asks.wav", "calls/calm.wav"]);
    assert_eq!((told.status, told.objects().len()), (1, 2), "{}", told.err);
    for wrong in ["missing.toml", "calls"] {
        let told = scene.replay(&["--json", "--expect", wrong, "calls/asks.wav"]);
        assert_eq!((told.status, told.out.as_str(), told.lines().len()), (2, "", 1), "{}", told.err);
    }
}

#[test]
fn the_command_line_beats_the_expectation() {
    let scene = scene("beats");
    scene.write("calls/asks.expect.toml", format!("agents = \"none\"\n{MET}"));
    assert_eq!(scene.replay(&["--json", "calls/asks.wav"]).status, 1, "nobody is on duty");
    let told = scene.replay(&["--json", "--agents", "accept:1", "calls/asks.wav"]);
    assert_eq!((told.status, told.err.as_str()), (0, ""));
}

#[test]
fn a_bad_recording_wins_over_an_unmet_expectation() {
    let scene = scene("wins");
    scene.write("calls/asks.expect.toml", UNMET);
    for bad in ["calls/a-bad.wav", "calls/z-bad.wav"] {
        let path = scene.write(bad, "");
        let told = scene.replay(&["--json", "calls"]);
        assert_eq!((told.status, told.objects().len(), told.lines().len()), (2, 2, 3), "{bad}: {}", told.err);
        std::fs::remove_file(path).unwrap();
    }
    assert_eq!(scene.replay(&["--json", "missing.wav", "calls"]).status, 2);
}

#[test]
fn an_unmet_expectation_of_one_does_not_hide_a_changed_decision_of_another() {
    let scene = scene("changed");
    let before = scene.replay(&["--json", "--bot", "none", "--out", "before", "calls"]);
    assert_eq!(before.status, 0, "{}", before.err);
    let same = scene.replay(&["--json", "--bot", "none", "--baseline", "before", "calls"]);
    assert_eq!((same.status, same.err.as_str()), (0, ""), "a replay is its own baseline");
    let changed = scene.replay(&["--json", "--bot", "none", "--agents", "decline,accept:1", "--baseline", "before", "calls"]);
    assert_eq!((changed.status, changed.objects().len()), (1, 2));
    assert_eq!(changed.lines().len(), 1, "{}", changed.err);
    assert!(changed.err.starts_with("segue: calls/asks.wav: the course of offers of “request” was agent-1 accepted, now it is "), "{}", changed.err);
    let plain = scene.replay(&["--bot", "none", "--baseline", "before", "calls/asks.wav"]);
    assert_eq!(plain.status, 0, "{}{}", plain.out, plain.err);
}

#[test]
fn a_baseline_that_is_missing_or_spoiled_is_status_2() {
    let scene = scene("baseline");
    scene.write("file", "");
    for wrong in ["nowhere", "file"] {
        let told = scene.replay(&["--json", "--baseline", wrong, "calls/asks.wav"]);
        assert_eq!((told.status, told.out.as_str(), told.lines().len()), (2, "", 1), "{}", told.err);
    }
    scene.write("before/asks/events.jsonl", "{}\n");
    let told = scene.replay(&["--json", "--bot", "none", "--baseline", "before", "calls/asks.wav"]);
    assert_eq!((told.status, told.objects().len(), told.lines().len()), (2, 1, 1), "{}", told.err);
    assert!(told.err.contains("events.jsonl, line 1: "), "{}", told.err);
    let told = scene.replay(&["--json", "--baseline", "before", "calls/calm.wav"]);
    assert_eq!((told.status, told.lines().len()), (2, 1), "a recording that the baseline lacks is told: {}", told.err);
}

#[test]
fn many_recordings_end_in_a_summary_for_people() {
    let scene = scene("summary");
    scene.write("calls/asks.expect.toml", MET);
    let told = scene.replay(&["calls"]);
    assert_eq!((told.status, told.err.as_str()), (0, ""));
    assert!(told.out.lines().last().is_some_and(|l| l.starts_with("2 recordings: 1 as expected")), "{}", told.out);
    assert!(!told.out.contains('\u{1b}'), "no colours into a pipe");
    assert!(scene.replay(&["--config", "own.toml", "calls"]).err.contains("own.toml"), "a configuration that is missing is named");
    scene.write("own.toml", STRAIGHT);
    assert_eq!(scene.replay(&["--config", "own.toml", "calls/calm.wav"]).status, 0);
}
