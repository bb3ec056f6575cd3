//! The sample calls do what their expectations say, in the program as users run it.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The calls, in order of name.
fn calls() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("audio/calls");
    let entries = std::fs::read_dir(&folder).expect("audio/calls is part of the repository");
    let mut calls: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    calls.retain(|path| path.extension().is_some_and(|ending| ending == "flac"));
    calls.sort();
    calls
}

#[test]
fn every_sample_call_meets_its_expectation() {
    let calls = calls();
    assert!(calls.len() >= 6, "only {} sample calls", calls.len());
    let mut unmet = Vec::new();
    for call in &calls {
        assert!(call.with_extension("expect.toml").is_file(), "{} has no expectation", call.display());
        let result = Command::new(env!("CARGO_BIN_EXE_segue")).args(["replay", "--json"]).arg(call).output().expect("segue starts");
        let (object, told) = (String::from_utf8_lossy(&result.stdout), String::from_utf8_lossy(&result.stderr));
        if told.contains("no speech recognizer") {
            eprintln!("SKIPPED the sample calls: {}", told.trim());
            return;
        }
        if !result.status.success() {
            unmet.push(format!("{}: {}\n{told}\n{object}", call.display(), result.status));
        }
    }
    assert!(unmet.is_empty(), "{} of {} calls do not meet their expectation:\n{}", unmet.len(), calls.len(), unmet.join("\n"));
}
