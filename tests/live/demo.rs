//! `segue demo`, as somebody meets it who has configured nothing.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Runs it in a directory of its own; gives that, and what it printed.
fn demo(name: &str, args: &[&str]) -> (PathBuf, String) {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&dir);
    std::fs::create_dir_all(&dir).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_segue")).arg("demo").args(args).current_dir(&dir).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    (dir, String::from_utf8(output.stdout).unwrap())
}

#[test]
fn the_demo_tells_what_happens_and_how_to_replay_it() {
    let (dir, told) = demo("demo", &[]);
    for line in [
        "bot       “Welcome",
        "trigger   “request” fires",
        "packet    for Ana",
        "whisper   “",
        "agent     presses 1",
        "the caller heard 0 ms of silence",
    ] {
        assert!(told.contains(line), "`{line}` is not told:\n{told}");
    }
    assert!(told.contains("bridged: the caller talked with a person"), "{told}");
    let replay = told.lines().find_map(|line| line.strip_prefix("Replay it:  segue ")).expect("it says how");
    let replayed = Command::new(env!("CARGO_BIN_EXE_segue")).args(replay.split(' ')).current_dir(&dir).output().unwrap();
    assert!(replayed.status.success(), "{}", String::from_utf8_lossy(&replayed.stderr));
    let said = String::from_utf8(replayed.stdout).unwrap();
    assert!(said.contains("“request”"), "the recording holds what happened: {said}");
}

#[test]
fn the_demos_result_is_one_line_of_json() {
    let (_, printed) = demo("demo_json", &["--json"]);
    assert_eq!(printed.lines().count(), 1, "{printed}");
    let result: Value = serde_json::from_str(&printed).unwrap();
    assert!(result["turns"].as_array().is_some_and(|turns| turns.len() >= 4), "{result:#}");
    let handoff = &result["handoffs"][0];
    assert_eq!((&handoff["trigger"], &handoff["offers"][0]["outcome"]), (&Value::from("request"), &Value::from("accepted")), "{handoff:#}");
    assert!(handoff["bridged_s"].is_f64() && handoff["clocks_ms"]["bridge_gap"].is_f64(), "{handoff:#}");
    assert!(Path::new(result["recording"].as_str().unwrap()).exists());
}
