//! `[[acd]]`: a system of somebody else (an ACD, a PBX) that finds the person.
//!
//! To the desk it is an agent of its own kind: it takes many callers at once, is asked for as long as its own callers may
//! wait, has no wrap-up, and one wait in vain does not send it on a break.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::tables::{check_count, check_list, check_name, check_secs};
use crate::base::Problems;

/// Most callers in an ACD at the same time.
const MAX_CALLS: u32 = 10_000;

/// An ACD (or PBX) that serves queues.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AcdTable {
    /// Its name in records, where an agent's would stand.
    pub name: String,
    /// What callers are told; without it the name.
    pub title: Option<String>,
    /// The queues whose callers it takes; `*` for all.
    pub queues: Vec<String>,
    /// Whom to dial: a `sip:` or `tel:` URI, kept as it is.
    pub target: String,
    /// The names of the trunks to dial over: the next one where one is down or fails. None to dial directly.
    #[serde(default)]
    pub trunks: Vec<String>,
    /// Callers that are in it at the same time, at most.
    #[serde(default = "default_calls")]
    pub calls: u32,
    /// How long it may take to find somebody for a caller.
    #[serde(default = "default_wait_secs")]
    pub wait_secs: f64,
    /// When it answers: as its `agent` picks up, or as the caller enters its own `queue`.
    #[serde(default)]
    pub answers: AcdAnswers,
    /// What the caller hears until somebody picks up: `ours`, or `theirs` once it sends something.
    #[serde(default)]
    pub music: AcdMusic,
}

/// What an ACD's 200 means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AcdAnswers {
    /// A person has picked up.
    #[default]
    Agent,
    /// The caller waits in a queue of the ACD, whose music plays. That a person is there shows when the handoff's page is
    /// opened, or when the caller speaks.
    Queue,
}

/// Whose music a caller hears while an ACD looks for somebody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AcdMusic {
    /// That of the entry.
    #[default]
    Ours,
    /// That of the ACD.
    Theirs,
}

fn default_calls() -> u32 {
    30
}

fn default_wait_secs() -> f64 {
    600.0
}

impl AcdTable {
    /// What callers are told.
    pub fn spoken(&self) -> &str {
        self.title.as_deref().unwrap_or(&self.name)
    }

    /// True if what it sends before a person is there is for the caller's ears.
    pub fn is_heard_early(&self) -> bool {
        self.music == AcdMusic::Theirs || self.answers == AcdAnswers::Queue
    }

    /// Names every mistake that can be seen without the other tables.
    pub fn check(&self, key: &str, problems: &mut Problems) {
        check_name(&self.name, key, problems);
        check_list(&self.queues, &format!("{key}.queues"), problems);
        if self.queues.is_empty() {
            problems.add(format!("{key}.queues"), "is empty, so it would never be asked; name queues, or \"*\" for all");
        }
        if !["sip:", "sips:", "tel:"].iter().any(|scheme| self.target.starts_with(scheme)) {
            problems.add(format!("{key}.target"), format!("is `{}`; expected a URI such as `sip:support@192.0.2.9`", self.target));
        }
        if self.target.starts_with("tel:") && self.trunks.is_empty() {
            problems.add(format!("{key}.trunks"), format!("is empty; `{}` is a number, and dialled over a [[trunk]]", self.target));
        }
        check_count(self.calls, MAX_CALLS, &format!("{key}.calls"), problems);
        check_secs(self.wait_secs, 1.0, &format!("{key}.wait_secs"), problems);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "name = 'pbx'\nqueues = ['*']\ntarget = 'sip:support@192.0.2.9'\n";

    fn mistakes(text: &str) -> Vec<String> {
        let mut problems = Problems::default();
        toml::from_str::<AcdTable>(text).unwrap().check("acd[0]", &mut problems);
        problems.0.iter().map(|problem| problem.to_string()).collect()
    }

    #[test]
    fn what_must_be_said_is_a_name_queues_and_a_target() {
        assert_eq!(mistakes(GOOD), [""; 0]);
        for key in ["name", "queues", "target"] {
            let without: String = GOOD.lines().filter(|line| !line.starts_with(key)).map(|line| format!("{line}\n")).collect();
            let error = toml::from_str::<AcdTable>(&without).unwrap_err().to_string();
            assert!(error.contains(&format!("missing field `{key}`")), "{error}");
        }
    }

    #[test]
    fn every_mistake_is_named_by_its_key() {
        for (text, key) in [
            (GOOD.replace("'pbx'", "''"), "acd[0].name"),
            (GOOD.replace("['*']", "[]"), "acd[0].queues"),
            (GOOD.replace("sip:support@192.0.2.9", "support"), "acd[0].target"),
            (GOOD.replace("sip:support@192.0.2.9", "tel:+4930123"), "acd[0].trunks"),
            (format!("{GOOD}calls = 0"), "acd[0].calls"),
            (format!("{GOOD}wait_secs = -1.0"), "acd[0].wait_secs"),
            (format!("{GOOD}wait_secs = nan"), "acd[0].wait_secs"),
        ] {
            let found = mistakes(&text);
            assert!(found.len() == 1 && found[0].starts_with(key), "{text}: {found:?}");
        }
    }
}
