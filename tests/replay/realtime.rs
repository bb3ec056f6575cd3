//! `segue replay --realtime`: recordings through the live gateway, by phone, meet the same expectations as on virtual time.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("audio/calls").join(name)
}

fn segue(args: &[&str], recordings: &[PathBuf]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_segue")).arg("replay").args(args).args(recordings).output().unwrap()
}

fn told(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn objects(output: &Output) -> Vec<Value> {
    String::from_utf8_lossy(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// By how much times may differ, in s.
const SLACK_SECS: f64 = 0.3;

/// What was heard, and when it began and ended in the recording.
fn signals(object: &Value) -> Vec<(&Value, &Value, [f64; 2])> {
    let signals = object["signals"].as_array().unwrap().iter();
    signals.map(|s| (&s["kind"], &s["who"], ["rec_start_s", "rec_end_s"].map(|key| s[key].as_f64().unwrap()))).collect()
}

/// What a handoff was for, and what agents did.
fn decisions(object: &Value) -> Vec<Value> {
    let handoffs = object["handoffs"].as_array().unwrap().iter();
    handoffs.map(|handoff| serde_json::json!([handoff["trigger"], handoff["outcome"], handoff["offers"].as_array().map(Vec::len)])).collect()
}

#[test]
fn a_phone_call_in_real_time_decides_as_virtual_time_does() {
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("realtime");
    let calls = ["asks-for-a-person.flac", "gets-loud.flac", "order-by-keys.flac"].map(sample);
    let realtime = segue(&["--realtime", "--json", "--out", out.to_str().unwrap()], &calls);
    if told(&realtime).contains("no speech recognizer") {
        eprintln!("SKIPPED: {}", told(&realtime));
        return;
    }
    assert!(realtime.status.success(), "{}", told(&realtime));
    let on_virtual_time = segue(&["--json"], &calls);
    let (real, virtual_time) = (objects(&realtime), objects(&on_virtual_time));
    assert_eq!((real.len(), virtual_time.len()), (calls.len(), calls.len()));
    for (real, virtual_time) in real.iter().zip(&virtual_time) {
        assert_eq!(decisions(real), decisions(virtual_time));
        let (real, virtual_time) = (signals(real), signals(virtual_time));
        let are_same = real.iter().zip(&virtual_time).all(|((kind, who, at), (other, whose, when))| {
            (kind, who) == (other, whose) && at.iter().zip(when).all(|(at, when)| (at - when).abs() < SLACK_SECS)
        });
        assert!(real.len() == virtual_time.len() && are_same, "{real:?} in real time, {virtual_time:?} on virtual time");
    }
    for file in ["events.jsonl", "packet.json", "transcript.txt", "call.wav", "report.html"] {
        assert!(out.join("asks-for-a-person").join(file).metadata().unwrap().len() > 0, "{file}");
    }
    let wav = hound::WavReader::open(out.join("asks-for-a-person/call.wav")).unwrap();
    assert!(wav.duration() > 20 * wav.spec().sample_rate, "{} samples", wav.duration());
}

#[test]
fn what_real_time_cannot_do_is_said() {
    for (args, recording, says) in [
        (&["--realtime", "--bot", "none"][..], sample("fraud.flac"), "--realtime runs the bot of the configuration"),
        (&["--realtime", "--at", "noon"][..], sample("fraud.flac"), "is no time"),
        (&["--realtime"][..], sample("no-such-file.flac"), "no-such-file.flac"),
        (&["--realtime", "--channel", "right"][..], sample("fraud.flac"), "has one channel"),
    ] {
        let output = segue(args, &[recording]);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", told(&output));
        assert!(told(&output).contains(says), "{args:?}: {}", told(&output));
    }
}
