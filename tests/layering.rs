//! Holds the table of rooms (see the crate's documentation): who may use whom, and what the pure side never does.
//!
//! A rule that finds nothing may be a rule that can't see, so each stands beside a small crate under
//! `tests/fixtures/layering` that breaks it, with `//~ part of the message` on the line where it must be found.

#![allow(clippy::unwrap_used, reason = "a test may fail by unwrapping")]

mod layering {
    pub mod names;
    pub mod rules;
    pub mod tree;
}

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use layering::rules::{Finding, findings};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn listed(found: &BTreeSet<Finding>) -> String {
    found.iter().map(|f| format!("\n  {}:{}: {}", f.file, f.line, f.what)).collect()
}

#[test]
fn the_house_keeps_its_rules() {
    let found = findings(&root());
    assert!(found.is_empty(), "{} places break the rules of the house (tests/layering/rules.rs):{}", found.len(), listed(&found));
}

#[test]
fn each_broken_house_is_found_out() {
    let fixtures = root().join("tests/fixtures/layering");
    let mut names: Vec<PathBuf> = std::fs::read_dir(&fixtures).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    assert!(names.len() >= 20, "only {} fixtures in {}", names.len(), fixtures.display());
    for fixture in names {
        let found = findings(&fixture);
        let wanted = marks(&fixture);
        let name = fixture.file_name().unwrap().to_string_lossy();
        assert_eq!(wanted.is_empty(), name.starts_with("sound_"), "{name}: only a house without fault (`sound_…`) has no mark");
        for (file, line, what) in &wanted {
            let hit = found.iter().any(|f| f.file == *file && f.line == *line && f.what.contains(what.as_str()));
            assert!(hit, "{name}: {file}:{line} should be found: {what}\nfound:{}", listed(&found));
        }
        let known: BTreeSet<(&str, usize)> = wanted.iter().map(|(file, line, _)| (file.as_str(), *line)).collect();
        let more: BTreeSet<Finding> = found.into_iter().filter(|f| !known.contains(&(f.file.as_str(), f.line))).collect();
        assert!(more.is_empty(), "{name}: found without a mark:{}", listed(&more));
    }
}

/// The `//~` marks of a fixture: file, line, part of the message.
fn marks(fixture: &Path) -> Vec<(String, usize, String)> {
    let mut marks = Vec::new();
    let mut todo = vec![fixture.join("src")];
    while let Some(dir) = todo.pop() {
        for entry in std::fs::read_dir(&dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                todo.push(path);
                continue;
            }
            let file = path.strip_prefix(fixture).unwrap().display().to_string();
            for (n, line) in std::fs::read_to_string(&path).unwrap().lines().enumerate() {
                if let Some((_, what)) = line.split_once("//~ ") {
                    marks.push((file.clone(), n + 1, what.trim().to_string()));
                }
            }
        }
    }
    marks
}
