//! The same recording gives the same records, byte for byte: again, alone or among others, under whatever name.

use super::run::{Scene, engines, sample};
use super::sound::{babble, caller, decoded, key, over, room, samples, wav};

/// How many others are replayed in the same run.
const OTHERS: usize = 20;

/// Replays `x` twice alone, then in the middle of 20 others, of which one is a copy, and compares.
fn is_the_same(scene: &Scene, x: &[i16], args: &[&str], others: impl Fn(usize) -> Vec<i16>) {
    scene.write("calls/x.wav", wav(&[x]));
    for n in 0..OTHERS {
        let sound = if n == OTHERS - 1 { x.to_vec() } else { others(n) };
        // Half of them before it in the order, half after.
        scene.write(&format!("calls/{}-{n}.wav", if n % 2 == 0 { 'a' } else { 'z' }), wav(&[&sound]));
    }
    for out in ["first", "second"] {
        let told = scene.replay(&[args, &["--json", "--out", out, "calls/x.wav"]].concat());
        assert_eq!(told.status, 0, "{}", told.err);
    }
    let told = scene.replay(&[args, &["--json", "--out", "many", "calls"]].concat());
    assert_eq!((told.status, told.objects().len()), (0, OTHERS + 1), "{}", told.err);
    let first = scene.read("first/x/events.jsonl");
    assert!(first.lines().count() > 10, "{first}");
    for (other, what) in [("second/x", "again"), ("many/x", "among others"), ("many/z-19", "a copy of another name")] {
        let same = scene.read(&format!("{other}/events.jsonl")) == first;
        assert!(same, "{what}: {other}/events.jsonl differs from first/x/events.jsonl in {}", scene.path("").display());
    }
    for file in ["packet.json", "transcript.txt"] {
        assert_eq!(scene.read(&format!("many/x/{file}")), scene.read(&format!("first/x/{file}")), "{file}");
    }
    assert!(std::fs::read(scene.path("many/x/call.wav")).unwrap() == std::fs::read(scene.path("first/x/call.wav")).unwrap(), "call.wav");
    assert_ne!(scene.read("many/a-0/events.jsonl"), first, "another recording gives other records");
}

#[test]
fn records_are_the_same_with_engines_that_are_off() {
    let scene = Scene::quiet("same-quiet");
    let mut x = caller(8.0, &[0.5, 3.0], 1.2, 140.0);
    over(&mut x, 6.0, &key('0'));
    is_the_same(&scene, &x, &["--bot", "none"], |n| room(1.0 + n as f64 / 7.0, n as u32));
}

#[test]
fn records_are_the_same_with_both_engines() {
    if !engines("records_are_the_same_with_both_engines") {
        return;
    }
    let Some(path) = sample("records_are_the_same_with_both_engines", "asks-for-a-person.flac") else { return };
    let scene = Scene::new("same-engines");
    let all = decoded(&path);
    let x = &all[..samples(16.0).min(all.len())];
    is_the_same(&scene, x, &[], |n| {
        let mut other = room(3.0, n as u32);
        over(&mut other, 0.5, &babble(1.5, 100.0 + 10.0 * n as f64, n as u32));
        if n.is_multiple_of(4) { x[..samples(6.0)].to_vec() } else { other }
    });
}

#[test]
fn options_and_configuration_are_part_of_the_calls_id() {
    let scene = Scene::quiet("ids");
    scene.write("x.wav", wav(&[&room(1.0, 1)]));
    let id = |args: &[&str], scene: &Scene| {
        assert_eq!(scene.replay(&[args, &["--json", "--bot", "none", "--out", "results", "x.wav"]].concat()).status, 0);
        let events = scene.read("results/x/events.jsonl");
        let first: serde_json::Value = serde_json::from_str(events.lines().next().unwrap()).unwrap();
        first["subject"].as_str().unwrap().to_owned()
    };
    let plain = id(&[], &scene);
    assert_eq!(id(&[], &scene), plain);
    assert_ne!(id(&["--agents", "accept:5"], &scene), plain);
    assert_ne!(id(&["--caller", "+491"], &scene), plain);
    let scene = scene.with("SEGUE_LISTEN__TURN_PAUSE_SECS", "0.9");
    assert_ne!(id(&[], &scene), plain);
}
