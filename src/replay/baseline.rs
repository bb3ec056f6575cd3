//! What has changed against an earlier replay: the decisions that differ, in sentences.
//!
//! An earlier `--out` keeps its records, so [`read`] tells its story again from `events.jsonl`. Both are compared in the time of the call.
//! A decision differs if a trigger fires that did not (or the other way round), if it fires more than [`TRIGGER_SLACK_SECS`] apart, if its
//! cause, consent, offers or outcome differ, if the call's outcome differs, or if a signal appears or disappears.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use super::result::{HandoffObject, ReplayFacts, ReplayObject, SignalObject};
use super::time_map::TimeMap;
use super::verdict::clock;
use crate::base::{RECORD_VERSION, Record};
use crate::store::story::Story;

/// Triggers closer than this are the same decision (DESIGN §7: live and replayed times agree within 300 ms).
pub const TRIGGER_SLACK_SECS: f64 = 0.3;
/// Signals of one kind whose spans begin closer than this are the same signal.
const SIGNAL_SLACK_SECS: f64 = 1.0;
/// Longest line of a journal that is read, in bytes: a packet with an hour of transcript is far below.
const MAX_LINE_BYTES: usize = 16 << 20;

/// Why an earlier replay could not be read.
#[derive(Debug, thiserror::Error)]
pub enum BaselineError {
    /// There is no such replay: the recording is new.
    #[error("{0} is not there, so there is nothing to compare with")]
    Missing(PathBuf),
    /// The file cannot be read.
    #[error("{path} cannot be read: {source}")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A line is no record of this version.
    #[error("{path}, line {line}: {what}")]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// What is wrong with it.
        what: String,
    },
}

/// Tells an earlier replay again from the `events.jsonl` in its directory. What only the driver knows is empty or 0.
///
/// # Errors
/// The file is missing, cannot be read, or is no journal of this version.
pub fn read(dir: &Path) -> Result<ReplayObject, BaselineError> {
    let path = dir.join("events.jsonl");
    let unreadable = |source: std::io::Error| match source.kind() {
        std::io::ErrorKind::NotFound => BaselineError::Missing(path.clone()),
        _ => BaselineError::Unreadable { path: path.clone(), source },
    };
    let mut reader = BufReader::new(File::open(&path).map_err(unreadable)?);
    let mut story = Story::default();
    let mut line = Vec::new();
    for n in 1.. {
        line.clear();
        let read = std::io::Read::take(&mut reader, MAX_LINE_BYTES as u64).read_until(b'\n', &mut line).map_err(unreadable)?;
        if read == 0 {
            break;
        }
        let malformed = |what: String| BaselineError::Malformed { path: path.clone(), line: n, what };
        let record: Record = serde_json::from_slice(&line).map_err(|error| malformed(error.to_string()))?;
        if record.v != RECORD_VERSION {
            return Err(malformed(format!("is a record of version {}, not {RECORD_VERSION}", record.v)));
        }
        story.note(&record);
    }
    let call_s = story.last.as_secs_f64();
    let facts = ReplayFacts { recording: dir.display().to_string(), duration_s: call_s, call_s, ..ReplayFacts::default() };
    Ok(ReplayObject::of(&story, facts, &TimeMap::new()))
}

/// The decisions that differ, in sentences; empty if none does.
pub fn differences(old: &ReplayObject, new: &ReplayObject) -> Vec<String> {
    let mut told = Vec::new();
    if old.outcome != new.outcome {
        told.push(format!("the call's outcome was {}, now it is {}", name(&old.outcome), name(&new.outcome)));
    }
    handoffs(old, new, &mut told);
    signals(old, new, &mut told);
    told
}

/// Pairs each old handoff with the next new one of the same trigger.
fn handoffs(old: &ReplayObject, new: &ReplayObject, told: &mut Vec<String>) {
    let mut unpaired: Vec<&HandoffObject> = new.handoffs.iter().collect();
    for before in &old.handoffs {
        match unpaired.iter().position(|h| h.trigger == before.trigger) {
            Some(n) => handoff(before, unpaired.remove(n), told),
            None => told.push(format!("trigger “{}” fired at {}, now it does not", before.trigger, tenths(before.at_s))),
        }
    }
    for now in unpaired {
        told.push(format!("trigger “{}” did not fire, now it does at {}", now.trigger, tenths(now.at_s)));
    }
}

fn handoff(old: &HandoffObject, new: &HandoffObject, told: &mut Vec<String>) {
    let trigger = &old.trigger;
    if (old.at_s - new.at_s).abs() > TRIGGER_SLACK_SECS {
        let by = new.at_s - old.at_s;
        told.push(format!("trigger “{trigger}” fired at {}, now at {} ({by:+.1} s)", tenths(old.at_s), tenths(new.at_s)));
    }
    let mut differs = |what: &str, was: String, is: String| {
        if was != is {
            told.push(format!("the {what} of “{trigger}” was {was}, now it is {is}"));
        }
    };
    differs("largest contributor", old.kind.clone(), new.kind.clone());
    differs("mode", name(&old.mode), name(&new.mode));
    differs("way of asking", name(&old.asked), name(&new.asked));
    differs("caller's answer", name(&old.consent), name(&new.consent));
    differs("queue", name(&old.queue), name(&new.queue));
    differs("course of offers", offers(old), offers(new));
    differs("outcome", name(&old.outcome), name(&new.outcome));
}

fn offers(handoff: &HandoffObject) -> String {
    let told: Vec<String> = handoff.offers.iter().flatten().map(|o| format!("{} {}", o.agent, name(&o.outcome))).collect();
    if told.is_empty() { "none".into() } else { told.join(", ") }
}

fn signals(old: &ReplayObject, new: &ReplayObject, told: &mut Vec<String>) {
    let mut unpaired: Vec<&SignalObject> = new.signals.iter().collect();
    for before in &old.signals {
        let same = |s: &&SignalObject| s.kind == before.kind && s.who == before.who && (s.start_s - before.start_s).abs() <= SIGNAL_SLACK_SECS;
        match unpaired.iter().position(same) {
            Some(n) => drop(unpaired.remove(n)),
            None => told.push(format!("{} at {} is not heard any more: {}", before.kind.name(), tenths(before.start_s), before.why)),
        }
    }
    for now in unpaired {
        told.push(format!("{} at {} is new: {}", now.kind.name(), tenths(now.start_s), now.why));
    }
}

fn tenths(secs: f64) -> String {
    format!("{}.{}", clock(secs), (secs.max(0.0) * 10.0) as u64 % 10)
}

fn name<T: serde::Serialize>(value: &T) -> String {
    let value = serde_json::to_value(value).unwrap_or_default();
    value.as_str().map_or_else(|| "none".into(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::result::tests::object;
    use crate::store::story::fixture;

    #[test]
    fn the_same_replay_differs_in_nothing() {
        for records in [fixture::bridged(), fixture::contained(), fixture::shadow()] {
            assert_eq!(differences(&object(&records), &object(&records)), Vec::<String>::new());
        }
    }

    #[test]
    fn decisions_that_differ_are_told() {
        let old = object(&fixture::bridged());
        let mut new = old.clone();
        new.handoffs[0].at_s += 0.4;
        new.handoffs[0].offers.as_mut().expect("it acted").remove(0);
        new.signals[0].start_s += 5.0;
        assert_eq!(
            differences(&old, &new),
            [
                "trigger “upset” fired at 0:25.4, now at 0:25.8 (+0.4 s)",
                "the course of offers of “upset” was agent-1 declined, agent-2 accepted, now it is agent-2 accepted",
                "repeat at 0:17.0 is not heard any more: Said “where is my order” again, 10 s after the first time.",
                "repeat at 0:22.0 is new: Said “where is my order” again, 10 s after the first time.",
            ]
        );
        let told = differences(&old, &object(&fixture::contained()));
        assert_eq!(told[0], "the call's outcome was bridged, now it is contained");
        assert_eq!(told[1], "trigger “upset” fired at 0:25.4, now it does not");
        assert!(differences(&object(&fixture::contained()), &old).contains(&"trigger “upset” did not fire, now it does at 0:25.4".into()));
    }

    #[test]
    fn what_moves_within_the_slack_is_no_difference() {
        let old = object(&fixture::bridged());
        let mut new = old.clone();
        new.handoffs[0].at_s += 0.29;
        new.signals[0].start_s += 0.9;
        new.frustration.clear();
        assert_eq!(differences(&old, &new), Vec::<String>::new());
    }

    fn dir(name: &str, journal: Option<&str>) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("segue-baseline-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&dir).expect("a temporary directory");
        if let Some(journal) = journal {
            std::fs::write(dir.join("events.jsonl"), journal).expect("a temporary file");
        }
        dir
    }

    #[test]
    fn an_earlier_replay_is_told_again_from_its_journal() {
        let lines: Vec<String> = fixture::bridged().iter().map(|r| serde_json::to_string(r).expect("plain")).collect();
        let dir = dir("good", Some(&(lines.join("\n") + "\n")));
        let told = read(&dir).expect("it was just written");
        assert_eq!(differences(&told, &object(&fixture::bridged())), Vec::<String>::new());
        std::fs::remove_dir_all(dir).expect("it is ours");
    }

    #[test]
    fn bad_journals_say_where() {
        let good = serde_json::to_string(&fixture::bridged()[0]).expect("plain");
        for (name, journal, says) in [
            ("missing", None, "nothing to compare with"),
            ("text", Some(format!("{good}\nhello\n")), "line 2: "),
            ("cut", Some(good[..good.len() - 9].to_owned()), "line 1: "),
            ("version", Some(good.replace("\"v\":1", "\"v\":9")), "line 1: is a record of version 9, not 1"),
        ] {
            let dir = dir(name, journal.as_deref());
            let error = read(&dir).expect_err(name).to_string();
            assert!(error.contains(says), "{name}: {error}");
            std::fs::remove_dir_all(dir).expect("it is ours");
        }
    }
}
