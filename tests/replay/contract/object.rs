//! The object of `--json`: every field is there, unknown is `null`, nothing else is on standard output, lists are in order of time.

use serde_json::Value;

use super::run::{STRAIGHT, Scene};
use super::sound::{caller, key, over, room, wav};

const OBJECT: [&str; 11] =
    ["schema", "recording", "duration_s", "call_s", "truncated", "processing_s", "turns", "signals", "frustration", "handoffs", "outcome"];
const TURN: [&str; 7] = ["who", "start_s", "end_s", "rec_start_s", "rec_end_s", "text", "confidence"];
const SIGNAL: [&str; 10] = ["kind", "who", "start_s", "end_s", "rec_start_s", "rec_end_s", "value", "unit", "weight", "why"];
const SCORE: [&str; 2] = ["at_s", "score"];
const HANDOFF: [&str; 18] = [
    "trigger",
    "kind",
    "mode",
    "asked",
    "consent",
    "at_s",
    "t_s",
    "reason",
    "notice",
    "queue",
    "offers",
    "accepted_s",
    "bridged_s",
    "ended_s",
    "ended_by",
    "clocks_ms",
    "packet",
    "outcome",
];
const NOTICE: [&str; 3] = ["text", "start_s", "end_s"];
const OFFER: [&str; 3] = ["agent", "at_s", "outcome"];
const CLOCKS: [&str; 5] = ["time_to_notice", "time_to_context", "time_to_human", "pick_up_gap", "bridge_gap"];

fn has_keys(value: &Value, keys: &[&str]) {
    let found: Vec<&String> = value.as_object().unwrap_or_else(|| panic!("no object: {value}")).keys().collect();
    let (mut found, mut keys) = (found.iter().map(|k| k.as_str()).collect::<Vec<_>>(), keys.to_vec());
    found.sort_unstable();
    keys.sort_unstable();
    assert_eq!(found, keys);
}

fn list(value: &Value) -> &Vec<Value> {
    value.as_array().unwrap_or_else(|| panic!("no list: {value}"))
}

fn in_order(list: &[Value], key: &str) {
    let times: Vec<f64> = list.iter().map(|v| v[key].as_f64().unwrap()).collect();
    assert!(times.is_sorted(), "{key}: {times:?}");
}

/// Checks the whole object.
pub fn is_complete(object: &Value) {
    has_keys(object, &OBJECT);
    assert_eq!(object["schema"], 1);
    for key in ["duration_s", "call_s", "processing_s"] {
        assert!(object[key].as_f64().is_some_and(|s| s >= 0.0), "{key}");
    }
    for turn in list(&object["turns"]) {
        has_keys(turn, &TURN);
        assert!(["caller", "bot", "agent"].contains(&turn["who"].as_str().unwrap()), "{turn}");
    }
    list(&object["signals"]).iter().for_each(|signal| has_keys(signal, &SIGNAL));
    list(&object["frustration"]).iter().for_each(|score| has_keys(score, &SCORE));
    for (key, time) in [("turns", "start_s"), ("signals", "start_s"), ("frustration", "at_s"), ("handoffs", "at_s")] {
        in_order(list(&object[key]), time);
    }
    list(&object["handoffs"]).iter().for_each(handoff_is_complete);
}

fn handoff_is_complete(handoff: &Value) {
    has_keys(handoff, &HANDOFF);
    assert_eq!(list(&handoff["t_s"]).len(), 7);
    if handoff["mode"] == "shadow" {
        for key in ["notice", "queue", "offers", "accepted_s", "bridged_s", "ended_s", "ended_by", "clocks_ms", "packet"] {
            assert_eq!(handoff[key], Value::Null, "{key} follows `reason`");
        }
        return;
    }
    if !handoff["notice"].is_null() {
        has_keys(&handoff["notice"], &NOTICE);
    }
    let offers = list(&handoff["offers"]);
    offers.iter().for_each(|offer| has_keys(offer, &OFFER));
    in_order(offers, "at_s");
    has_keys(&handoff["clocks_ms"], &CLOCKS);
}

#[test]
fn every_field_is_there_and_unknown_is_null() {
    let scene = Scene::quiet("object");
    let mut asks = caller(8.0, &[1.0], 1.5, 120.0);
    over(&mut asks, 4.0, &key('0'));
    scene.write("asks.wav", wav(&[&asks]));
    for (agents, bridged) in [("accept:1", true), ("none", false), ("silent", false), ("decline,vanish:1,accept:1", true)] {
        let told = scene.replay(&["--json", "--bot", "none", "--agents", agents, "asks.wav"]);
        assert_eq!((told.status, told.err.as_str()), (0, ""));
        let object = told.object();
        is_complete(&object);
        let handoff = &object["handoffs"][0];
        assert_eq!((handoff["trigger"].as_str(), handoff["kind"].as_str()), (Some("request"), Some("request")), "{agents}");
        assert_eq!(handoff["consent"], Value::Null, "nobody was asked");
        for reached in [&handoff["bridged_s"], &handoff["accepted_s"], &handoff["t_s"][5], &handoff["clocks_ms"]["time_to_human"]] {
            assert_eq!(reached.is_f64(), bridged, "{agents}: {handoff}");
            assert!(bridged || reached.is_null(), "{agents}: what was not reached is null, never 0");
        }
        let turn = &object["turns"].as_array().unwrap().iter().find(|t| t["who"] == "caller").unwrap();
        assert_eq!((&turn["text"], &turn["confidence"]), (&Value::Null, &Value::Null), "no recognizer listened");
        assert_eq!((&turn["start_s"], &turn["end_s"]), (&turn["rec_start_s"], &turn["rec_end_s"]));
    }
}

#[test]
fn a_call_in_which_nothing_happens_has_empty_lists() {
    let scene = Scene::quiet("nothing-happens");
    scene.write("silent.wav", wav(&[&room(2.0, 4)]));
    let object = scene.replay(&["--json", "--bot", "none", "silent.wav"]).object();
    is_complete(&object);
    for key in ["turns", "signals", "frustration", "handoffs"] {
        assert_eq!(object[key], Value::Array(vec![]), "{key}");
    }
    assert_eq!(object["outcome"], "contained");
    assert_eq!(object["duration_s"], 2.0);
}

#[test]
fn shadow_records_what_would_have_fired_and_acts_on_nothing() {
    let scene = Scene::quiet("shadow").with("SEGUE_ENTRY__0__MODE", "shadow");
    let mut asks = room(5.0, 6);
    over(&mut asks, 2.0, &key('0'));
    scene.write("asks.wav", wav(&[&asks]));
    let object = scene.replay(&["--json", "--bot", "none", "--out", "results", "asks.wav"]).object();
    is_complete(&object);
    let handoff = &object["handoffs"][0];
    assert_eq!((handoff["mode"].as_str(), handoff["outcome"].as_str()), (Some("shadow"), Some("shadow")));
    assert_eq!(object["outcome"], "contained");
    let events = scene.read("results/asks/events.jsonl");
    for acted in ["\"offered\"", "\"playback_started\"", "\"leg_joined\",\"leg\":1"] {
        assert!(!events.contains(acted), "{acted} in\n{events}");
    }
}

#[test]
fn a_directory_is_printed_in_byte_order_of_paths_and_nothing_else_is() {
    let scene = Scene::quiet("order");
    let names = ["b.wav", "B.wav", "a/z.wav", "a-b.wav", "a.wav", "ä.wav", "10.wav", "9.wav", "a/b/c.wav"];
    for (n, name) in names.iter().enumerate() {
        // The first in order are the longest, so that on several cores they are done last.
        scene.write(name, wav(&[&room(0.2 + (name.len() * n % 5) as f64, n as u32)]));
    }
    scene.write("notes.txt", "no sound");
    let told = scene.replay(&["--json", "--bot", "none", "."]);
    assert_eq!((told.status, told.err.as_str()), (0, ""));
    let found: Vec<String> = told.objects().iter().map(|o| o["recording"].as_str().unwrap().to_owned()).collect();
    let mut wanted: Vec<String> = names.iter().map(|name| format!("./{name}")).collect();
    wanted.sort();
    assert_eq!(found, wanted);
    let named = scene.replay(&["--json", "--bot", "none", "b.wav", "a.wav", "b.wav"]);
    assert_eq!(named.recordings(), ["b.wav", "a.wav", "b.wav"], "files come as they are named");
}

#[test]
fn an_entry_without_a_bot_goes_straight_to_a_person() {
    let scene = Scene::quiet("straight");
    scene.write("own.toml", STRAIGHT);
    scene.write("x.wav", wav(&[&room(3.0, 8)]));
    let object = scene.replay(&["--json", "--config", "own.toml", "--agents", "accept:1", "x.wav"]).object();
    is_complete(&object);
    let handoff = &object["handoffs"][0];
    assert_eq!((handoff["trigger"].as_str(), handoff["kind"].as_str(), handoff["asked"].as_str()), (Some("entry"), Some("entry"), Some("transfer")));
    assert_eq!((object["outcome"].as_str(), object["handoffs"].as_array().unwrap().len()), (Some("bridged"), 1));
}
