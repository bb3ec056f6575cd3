//! What agents do, when and whom is called, how long the caller stays, and drafted expectations.

use serde_json::Value;

use super::run::{STRAIGHT, Scene};
use super::sound::{key, over, room, wav};

/// A caller on a line that goes straight to a person.
fn straight(name: &str) -> Scene {
    let scene = Scene::quiet(name);
    scene.write("own.toml", STRAIGHT);
    scene.write("x.wav", wav(&[&room(4.0, 1)]));
    scene
}

fn handoff(scene: &Scene, args: &[&str]) -> (Value, Value) {
    let told = scene.replay(&[&["--json", "--config", "own.toml"], args, &["x.wav"]].concat());
    let object = told.object();
    super::object::is_complete(&object);
    (object["handoffs"][0].clone(), object)
}

fn offers(handoff: &Value) -> Vec<(String, Option<String>)> {
    let text = |v: &Value| v.as_str().map(str::to_owned);
    handoff["offers"].as_array().unwrap().iter().map(|o| (text(&o["agent"]).unwrap(), text(&o["outcome"]))).collect()
}

fn told(list: &[(&str, &str)]) -> Vec<(String, Option<String>)> {
    list.iter().map(|(agent, outcome)| ((*agent).into(), Some((*outcome).into()))).collect()
}

#[test]
fn agents_do_what_the_script_says_in_the_order_of_asking() {
    let scene = straight("script");
    let (handoff_of, object) = handoff(&scene, &["--agents", "decline,accept:2"]);
    assert_eq!(offers(&handoff_of), told(&[("agent-1", "declined"), ("agent-2", "accepted")]));
    assert_eq!((object["outcome"].as_str(), handoff_of["outcome"].as_str()), (Some("bridged"), Some("bridged")));
    let (first, second) = (&handoff_of["offers"][0]["at_s"], &handoff_of["offers"][1]["at_s"]);
    assert!((second.as_f64().unwrap() - first.as_f64().unwrap() - 2.0).abs() < 0.05, "they decline after 2 s");
    assert!((handoff_of["accepted_s"].as_f64().unwrap() - second.as_f64().unwrap() - 2.0).abs() < 0.05, "and accept 2 s after the offer");
}

#[test]
fn an_agent_who_does_not_answer_is_not_waited_for_for_ever() {
    let scene = straight("silent");
    let (handoff_of, object) = handoff(&scene, &["--agents", "silent,accept:1"]);
    assert_eq!(offers(&handoff_of), told(&[("agent-1", "unanswered"), ("agent-2", "accepted")]));
    assert_eq!(object["outcome"], "bridged");
    let wait = handoff_of["offers"][1]["at_s"].as_f64().unwrap() - handoff_of["offers"][0]["at_s"].as_f64().unwrap();
    assert!((wait - 20.0).abs() < 0.1, "`ring_secs` is 20, the next was asked after {wait} s");
}

#[test]
fn an_agent_who_vanishes_is_followed_by_the_next() {
    let scene = straight("vanish");
    let (handoff_of, object) = handoff(&scene, &["--agents", "vanish:1,accept:1"]);
    assert_eq!(offers(&handoff_of), told(&[("agent-1", "vanished"), ("agent-2", "accepted")]));
    assert_eq!(object["outcome"], "bridged");
}

#[test]
fn a_caller_nobody_takes_is_not_hung_up_on() {
    let scene = straight("nobody");
    for agents in ["none", "decline", "vanish:1", "decline:1,vanish:1"] {
        let (handoff_of, object) = handoff(&scene, &["--agents", agents, "--caller", "+49301234"]);
        let offered = if agents == "none" { 0 } else { agents.split(',').count() };
        assert_eq!(offers(&handoff_of).len(), offered, "{agents}");
        assert_eq!(handoff_of["bridged_s"], Value::Null);
        let outcome = object["outcome"].as_str().unwrap();
        assert!(["callback", "message", "ticket", "abandoned", "contained"].contains(&outcome), "{agents}: {outcome}");
        assert_ne!((outcome, agents), ("abandoned", "none"), "somebody whom nobody can serve gets a callback, a message or a ticket");
    }
}

#[test]
fn the_caller_lingers_while_a_person_is_sought_and_not_longer() {
    let scene = straight("linger");
    let length = |args: &[&str]| handoff(&scene, args).1;
    let object = length(&["--agents", "accept:10", "--linger", "0"]);
    assert_eq!((object["outcome"].as_str(), object["handoffs"][0]["outcome"].as_str()), (Some("abandoned"), Some("abandoned")));
    assert!((object["call_s"].as_f64().unwrap() - 4.0).abs() < 0.1, "{}", object["call_s"]);
    let object = length(&["--agents", "accept:10", "--linger", "3.5"]);
    assert_eq!(object["outcome"], "abandoned");
    assert!((object["call_s"].as_f64().unwrap() - 7.5).abs() < 0.1, "{}", object["call_s"]);
    let object = length(&["--agents", "accept:10", "--linger", "20"]);
    assert_eq!(object["outcome"], "bridged");
    assert_eq!(object["duration_s"], 4.0);
    // With nobody to be sought, the caller leaves with the recording.
    let calm = scene.replay(&["--json", "--bot", "none", "x.wav"]).object();
    assert!(calm["call_s"].as_f64().unwrap() < 4.1, "{}", calm["call_s"]);
}

#[test]
fn opening_hours_hold_in_the_time_zone_of_who_is_called() {
    let scene = straight("hours");
    let hours = "[[hours]]\nname = \"shop\"\ntimezone = \"America/New_York\"\ntuesday = [\"09:00-17:30\"]\nwednesday = []\n";
    scene.write("own.toml", STRAIGHT.replace("[[queue]]", "hours = \"shop\"\n[[queue]]") + hours);
    let bridged = |args: &[&str]| handoff(&scene, args).1["outcome"] == "bridged";
    assert!(bridged(&[]), "the default is a Tuesday, 10:00 there");
    for (at, open) in [
        ("2026-03-03T09:30", true),
        ("2026-03-03T08:30", false),
        ("2026-03-03T17:29", true),
        ("2026-03-03T17:31", false),
        ("2026-03-04T10:00", false),
        ("2026-03-03T10:00Z", false),
        ("2026-03-03T15:00Z", true),
        ("2026-03-03T10:00[Europe/Berlin]", false),
    ] {
        assert_eq!(bridged(&["--at", at]), open, "{at}");
    }
}

#[test]
fn the_called_number_chooses_the_entry() {
    let scene = straight("called");
    let second = "[[entry]]\nname = \"shadow\"\ncalled = [\"+4930*\"]\nqueue = \"service\"\nmode = \"shadow\"\n";
    scene.write("own.toml", STRAIGHT.to_owned() + second);
    assert_eq!(handoff(&scene, &["--called", "+4940123"]).0["packet"]["entry"], "main");
    let (_, object) = handoff_or_none(&scene, &["--called", "+4930123"]);
    assert!(object["handoffs"].as_array().unwrap().iter().all(|h| h["packet"]["entry"] != "main"), "{object}");
    let (with_number, _) = handoff(&scene, &["--caller", "+49301234"]);
    assert_eq!(with_number["packet"]["caller"], "+49301234");
}

fn handoff_or_none(scene: &Scene, args: &[&str]) -> (Option<Value>, Value) {
    let object = scene.replay(&[&["--json", "--config", "own.toml"], args, &["x.wav"]].concat()).object();
    (object["handoffs"].get(0).cloned(), object)
}

#[test]
fn a_drafted_expectation_is_met_and_is_not_overwritten() {
    let scene = Scene::quiet("draft");
    let mut asks = room(5.0, 1);
    over(&mut asks, 2.0, &key('0'));
    scene.write("asks.wav", wav(&[&asks]));
    scene.write("calm.wav", wav(&[&room(2.0, 2)]));
    let drafted = scene.replay(&["--json", "--write-expect", "--bot", "none", "--agents", "decline,accept:2", "."]);
    assert_eq!((drafted.status, drafted.objects().len(), drafted.lines().len()), (0, 2, 2), "{}", drafted.err);
    let text = scene.read("asks.expect.toml");
    for part in ["bot = \"none\"", "agents = \"decline:2,accept:2\"", "trigger = \"request\"", "outcome = \"bridged\""] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    assert!(scene.read("calm.expect.toml").contains("handoff = false"));
    let held = scene.replay(&["--json", "."]);
    assert_eq!((held.status, held.err.as_str()), (0, ""), "a draft is met by what it was made of");
    scene.write("asks.expect.toml", "bot = \"none\"\n[expect]\noutcome = \"bridged\"\n");
    assert_eq!(scene.replay(&["--json", "--write-expect", "."]).status, 0);
    assert_eq!(scene.read("asks.expect.toml"), "bot = \"none\"\n[expect]\noutcome = \"bridged\"\n");
}

#[test]
fn a_bridge_that_is_not_to_be_listened_to_leaves_no_turns() {
    let scene = straight("unheard");
    scene.write("unheard.toml", STRAIGHT.replace("queue = \"service\"\n[[queue]]", "queue = \"service\"\nlisten_bridged = false\n[[queue]]"));
    // Away from its expectation.
    scene.write("call.flac", std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/audio/calls/gets-loud.flac")).unwrap());
    let turns_of_the_bridge = |config: &str| {
        let object = scene.replay(&["--json", "--config", config, "--agents", "accept:0", "call.flac"]).object();
        let bridged = object["handoffs"][0]["bridged_s"].as_f64().unwrap();
        object["turns"].as_array().unwrap().iter().filter(|turn| turn["start_s"].as_f64().unwrap() > bridged + 1.0).count()
    };
    assert!(turns_of_the_bridge("own.toml") >= 2);
    assert_eq!(turns_of_the_bridge("unheard.toml"), 0);
}
