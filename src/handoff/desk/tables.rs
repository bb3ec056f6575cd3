//! Queues, agents and opening hours as they are written in the configuration.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::Problems;

pub use super::acd::{AcdAnswers, AcdMusic, AcdTable};
pub use super::hours::HoursTable;

/// Stands for every queue, skill or language in an agent's lists.
pub const ANY: &str = "*";
/// Longest time that any key here may ask for: a day, in s.
const MAX_SECS: f64 = 86_400.0;
/// Most offers at once for one caller.
const MAX_OFFERS_AT_ONCE: u32 = 20;
/// Most callers of one agent at the same time.
const MAX_CAPACITY: u32 = 20;
/// Most callers in one queue.
const MAX_WAITING: u32 = 10_000;

/// What the desk works with.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DeskTables {
    /// The queues.
    #[serde(rename = "queue")]
    pub queues: Vec<QueueTable>,
    /// The agents; equally idle ones are asked in this order.
    #[serde(rename = "agent")]
    pub agents: Vec<AgentTable>,
    /// Systems of somebody else that find the person; asked after agents who are equally idle.
    #[serde(rename = "acd")]
    pub acds: Vec<AcdTable>,
    /// Opening hours, by name.
    pub hours: Vec<HoursTable>,
}

/// A queue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct QueueTable {
    /// Its name, by which entries, triggers and agents refer to it.
    pub name: String,
    /// What callers are told; without it the name.
    pub title: Option<String>,
    /// Skills that every agent who takes its callers must have.
    pub skills: Vec<String>,
    /// For how long one agent is asked, briefing included.
    pub ring_secs: f64,
    /// How many agents are asked at the same time for one caller.
    pub offers_at_once: u32,
    /// How long a caller waits in it at most; then the overflow queue, or what `otherwise` says.
    pub max_wait_secs: f64,
    /// How many callers wait in it at most.
    pub max_waiting: u32,
    /// Where callers go who find nobody here, or have waited long enough. They keep their age.
    pub overflow: Option<String>,
    /// What to do instead of waiting, in order of preference.
    pub otherwise: Vec<Otherwise>,
    /// For how long an agent works after a call at most; 0 for not at all.
    pub wrap_up_secs: f64,
    /// Opening hours by name; without it always open.
    pub hours: Option<String>,
}

/// What is done for a caller for whom nobody is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Otherwise {
    /// Somebody calls back; needs the caller's number.
    Callback,
    /// The caller leaves a message.
    Message,
    /// The bot goes on.
    Bot,
}

impl Default for QueueTable {
    fn default() -> Self {
        QueueTable {
            name: String::new(),
            title: None,
            skills: Vec::new(),
            ring_secs: 20.0,
            offers_at_once: 1,
            max_wait_secs: 300.0,
            max_waiting: 50,
            overflow: None,
            otherwise: vec![Otherwise::Callback, Otherwise::Message, Otherwise::Bot],
            wrap_up_secs: 60.0,
            hours: None,
        }
    }
}

impl QueueTable {
    /// What callers are told.
    pub fn spoken(&self) -> &str {
        self.title.as_deref().unwrap_or(&self.name)
    }

    /// Names every mistake that can be seen without the other tables.
    pub fn check(&self, key: &str, problems: &mut Problems) {
        check_name(&self.name, key, problems);
        check_secs(self.ring_secs, 1.0, &format!("{key}.ring_secs"), problems);
        check_secs(self.max_wait_secs, 1.0, &format!("{key}.max_wait_secs"), problems);
        check_secs(self.wrap_up_secs, 0.0, &format!("{key}.wrap_up_secs"), problems);
        check_count(self.offers_at_once, MAX_OFFERS_AT_ONCE, &format!("{key}.offers_at_once"), problems);
        check_count(self.max_waiting, MAX_WAITING, &format!("{key}.max_waiting"), problems);
        check_list(&self.skills, &format!("{key}.skills"), problems);
        if self.otherwise.iter().collect::<BTreeSet<_>>().len() < self.otherwise.len() {
            problems.add(format!("{key}.otherwise"), "says the same twice");
        }
    }
}

/// An agent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AgentTable {
    /// Their name in records.
    pub name: String,
    /// What callers are told; without it the name.
    pub title: Option<String>,
    /// The queues whose callers they take; `"*"` for all.
    pub queues: Vec<String>,
    /// What they can do; `"*"` for everything.
    pub skills: Vec<String>,
    /// BCP 47 languages that they speak (`en` serves `en-GB` too); `"*"` for all.
    pub languages: Vec<String>,
    /// Callers that they take at the same time; on a screen one, since a line carries one call.
    pub capacity: u32,
}

impl Default for AgentTable {
    fn default() -> Self {
        AgentTable { name: String::new(), title: None, queues: vec![ANY.into()], skills: Vec::new(), languages: vec![ANY.into()], capacity: 1 }
    }
}

impl AgentTable {
    /// What callers are told.
    pub fn spoken(&self) -> &str {
        self.title.as_deref().unwrap_or(&self.name)
    }

    /// Names every mistake that can be seen without the other tables.
    pub fn check(&self, key: &str, problems: &mut Problems) {
        check_name(&self.name, key, problems);
        check_list(&self.queues, &format!("{key}.queues"), problems);
        check_list(&self.skills, &format!("{key}.skills"), problems);
        check_list(&self.languages, &format!("{key}.languages"), problems);
        check_count(self.capacity, MAX_CAPACITY, &format!("{key}.capacity"), problems);
        if self.queues.is_empty() {
            problems.add(format!("{key}.queues"), "is empty, so this agent would never be asked; name queues, or \"*\" for all");
        }
        if self.languages.is_empty() {
            problems.add(format!("{key}.languages"), "is empty, so this agent would never be asked; name languages, or \"*\" for all");
        }
    }
}

impl DeskTables {
    /// Names every mistake in the tables `queue`, `agent` and `hours` below `key` (empty for the file's root).
    pub fn check(&self, key: &str, problems: &mut Problems) {
        let below = |name: &str, n: usize| if key.is_empty() { format!("{name}[{n}]") } else { format!("{key}.{name}[{n}]") };
        let queues: BTreeMap<&str, &QueueTable> = self.queues.iter().map(|q| (q.name.as_str(), q)).collect();
        let hours: BTreeSet<&str> = self.hours.iter().map(|h| h.name.as_str()).collect();
        let mut seen = BTreeSet::new();
        for (n, queue) in self.queues.iter().enumerate() {
            let key = below("queue", n);
            queue.check(&key, problems);
            check_once(&queue.name, &mut seen, &key, problems);
            if let Some(overflow) = &queue.overflow
                && (*overflow == queue.name || !queues.contains_key(overflow.as_str()))
            {
                problems.add(format!("{key}.overflow"), format!("`{overflow}` is not another queue"));
            }
            if let Some(name) = &queue.hours
                && !hours.contains(name.as_str())
            {
                problems.add(format!("{key}.hours"), format!("there are no opening hours named `{name}`"));
            }
        }
        seen.clear();
        let known = |asked: &[String], key: &str, problems: &mut Problems| {
            for (m, queue) in asked.iter().enumerate() {
                if queue != ANY && !queues.contains_key(queue.as_str()) {
                    problems.add(format!("{key}.queues[{m}]"), format!("there is no queue named `{queue}`"));
                }
            }
        };
        for (n, agent) in self.agents.iter().enumerate() {
            let key = below("agent", n);
            agent.check(&key, problems);
            check_once(&agent.name, &mut seen, &key, problems);
            known(&agent.queues, &key, problems);
        }
        // Records name agents and ACDs alike, so their names are of one kind.
        for (n, acd) in self.acds.iter().enumerate() {
            let key = below("acd", n);
            acd.check(&key, problems);
            check_once(&acd.name, &mut seen, &key, problems);
            known(&acd.queues, &key, problems);
        }
        seen.clear();
        for (n, table) in self.hours.iter().enumerate() {
            let key = below("hours", n);
            table.check(&key, problems);
            check_once(&table.name, &mut seen, &key, problems);
        }
    }
}

pub(super) fn check_name(name: &str, key: &str, problems: &mut Problems) {
    if name.trim().is_empty() {
        problems.add(format!("{key}.name"), "is empty; others refer to it by name");
    } else if name == ANY {
        problems.add(format!("{key}.name"), "`*` stands for all and can't be a name");
    }
}

fn check_once<'a>(name: &'a str, seen: &mut BTreeSet<&'a str>, key: &str, problems: &mut Problems) {
    if !name.trim().is_empty() && !seen.insert(name) {
        problems.add(format!("{key}.name"), format!("`{name}` is there twice"));
    }
}

pub(super) fn check_list(list: &[String], key: &str, problems: &mut Problems) {
    for (n, item) in list.iter().enumerate() {
        if item.trim().is_empty() {
            problems.add(format!("{key}[{n}]"), "is empty");
        }
    }
}

pub(super) fn check_secs(secs: f64, least: f64, key: &str, problems: &mut Problems) {
    if !(least..=MAX_SECS).contains(&secs) {
        problems.add(key, format!("is {secs}; expected {least} to {MAX_SECS}"));
    }
}

pub(super) fn check_count(count: u32, most: u32, key: &str, problems: &mut Problems) {
    if !(1..=most).contains(&count) {
        problems.add(key, format!("is {count}; expected 1 to {most}"));
    }
}
