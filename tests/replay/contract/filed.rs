//! `--out`: five files for each recording, consistent with each other and with the object, and the same wherever they were made.

use std::path::Path;

use segue::base::{RECORD_VERSION, Record};
use serde_json::Value;

use super::run::Scene;
use super::sound::{HZ, caller, key, over, room, samples, wav};

const FILES: [&str; 5] = ["call.wav", "events.jsonl", "packet.json", "report.html", "transcript.txt"];

/// A call that is bridged, filed in `results`.
fn filed(name: &str) -> (Scene, Value) {
    let scene = Scene::quiet(name);
    let mut asks = caller(6.0, &[0.5], 1.5, 130.0);
    over(&mut asks, 3.0, &key('0'));
    scene.write("asks.wav", wav(&[&asks]));
    let path = scene.path("asks.wav");
    let object = scene.replay(&["--json", "--bot", "none", "--agents", "accept:1", "--out", "results", path.to_str().unwrap()]).object();
    (scene, object)
}

#[test]
fn five_files_are_written_and_no_other() {
    let (scene, _) = filed("five");
    let mut found: Vec<String> =
        std::fs::read_dir(scene.path("results/asks")).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    found.sort();
    assert_eq!(found, FILES);
}

#[test]
fn events_are_records_without_gaps_paths_or_clocks() {
    let (scene, object) = filed("events");
    let events = scene.read("results/asks/events.jsonl");
    let records: Vec<Record> = events.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect();
    assert!(records.len() > 10 && events.ends_with('\n'));
    assert!(records.iter().zip(0..).all(|(r, n)| r.seq == n && r.v == RECORD_VERSION && r.subject == records[0].subject));
    assert!(records.windows(2).all(|pair| pair[0].at <= pair[1].at), "records are in order of time");
    assert_eq!(records[0].subject.0.get_version_num(), 7);
    let last = records.last().unwrap();
    assert!((last.at.as_secs_f64() - object["call_s"].as_f64().unwrap()).abs() < 0.021, "the call's end is the last record");
    let home = scene.path("").to_string_lossy().into_owned();
    let year = &time_now()[..];
    for never in [home.as_str(), "asks.wav", "/tmp", "processing", year] {
        assert!(!events.contains(never), "{never} in\n{events}");
    }
}

/// Seconds of the wall clock, without the last three digits, as they would stand in a record.
fn time_now() -> String {
    let secs = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    format!("{}", secs / 1_000)
}

#[test]
fn the_packet_is_that_of_the_object() {
    let (scene, object) = filed("packet");
    let packet: Value = serde_json::from_str(&scene.read("results/asks/packet.json")).unwrap();
    assert_eq!(packet, object["handoffs"][0]["packet"]);
    assert_eq!(packet["trigger"]["name"], "request");
    scene.write("calm.wav", wav(&[&room(1.0, 2)]));
    assert_eq!(scene.replay(&["--bot", "none", "--out", "results", "calm.wav"]).status, 0);
    assert_eq!(scene.read("results/calm/packet.json"), "null\n");
}

#[test]
fn the_sound_is_the_caller_left_and_what_they_hear_right() {
    let (scene, object) = filed("sound");
    let mut reader = hound::WavReader::open(scene.path("results/asks/call.wav")).unwrap();
    assert_eq!((reader.spec().channels, reader.spec().sample_rate, reader.spec().bits_per_sample), (2, HZ, 16));
    let sound: Vec<i16> = reader.samples().map(Result::unwrap).collect();
    let (left, right): (Vec<i16>, Vec<i16>) = sound.chunks(2).map(|pair| (pair[0], pair[1])).unzip();
    let secs = left.len() as f64 / f64::from(HZ);
    assert!((secs - object["call_s"].as_f64().unwrap()).abs() < 0.021, "{secs} s");
    let recorded = super::sound::decoded(&scene.path("asks.wav"));
    let length = recorded.len().min(left.len());
    assert_eq!(left[..length], recorded[..length], "the caller's side is the recording");
    let bridged = samples(object["handoffs"][0]["bridged_s"].as_f64().unwrap());
    assert!(right[bridged..].iter().any(|s| *s != 0), "the person's line is heard");
    assert!(right[..samples(2.5)].iter().all(|s| *s == 0), "nobody speaks before the notice");
}

#[test]
fn the_report_needs_nothing_but_itself() {
    let (scene, _) = filed("report");
    let report = scene.read("results/asks/report.html");
    for outside in ["src=\"http", "href=\"http", "src='http", "href='http", "src=\"//", "href=\"//", "url(http", "@import", "<link "] {
        assert!(!report.contains(outside), "{outside}");
    }
    assert!(report.contains("request") && report.contains("<svg"), "it shows the call");
}

#[test]
fn the_transcript_tells_turns_and_steps() {
    let (scene, _) = filed("transcript");
    let transcript = scene.read("results/asks/transcript.txt");
    for part in ["caller", "(not understood)", "trigger “request” fired", "agent-1 accepts", "with a person"] {
        assert!(transcript.contains(part), "{part} is not in\n{transcript}");
    }
}

#[test]
fn equal_names_are_refused_before_work_begins() {
    let scene = Scene::quiet("equal-names");
    for name in ["x.wav", "below/x.wav", "y.wav"] {
        scene.write(name, wav(&[&room(0.2, 1)]));
    }
    for option in ["--out", "--baseline"] {
        std::fs::create_dir_all(scene.path("before")).unwrap();
        let directory = if option == "--out" { "results" } else { "before" };
        let told = scene.replay(&["--json", option, directory, "."]);
        assert_eq!((told.status, told.out.as_str(), told.lines().len()), (2, "", 1), "{}", told.err);
        assert!(told.err.contains("below/x.wav") && told.err.contains("./x.wav: has the same name"), "{}", told.err);
    }
    assert!(!scene.path("results").exists());
    assert_eq!(scene.replay(&["--json", "."]).status, 0, "without results equal names are fine");
}

#[test]
fn every_recording_of_a_run_has_its_own_directory() {
    let scene = Scene::quiet("own-directory");
    for name in ["x.wav", "y.wav", "z.wav"] {
        scene.write(name, wav(&[&room(0.5, 1)]));
    }
    scene.write("bad.wav", "");
    let told = scene.replay(&["--json", "--out", "new/results", "."]);
    assert_eq!(told.status, 2);
    for (name, file) in ["x", "y", "z"].iter().flat_map(|name| FILES.map(|file| (name, file))) {
        assert!(scene.path("new/results").join(name).join(file).is_file(), "{name}/{file}");
    }
    assert!(!Path::new(&scene.path("new/results/bad")).exists(), "what gave no sound has no results");
}
