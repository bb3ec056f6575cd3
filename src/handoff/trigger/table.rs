//! A trigger as it is written in the configuration.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::{Asked, Problems, SignalKind};
use crate::handoff::template;

/// Longest cool-down that makes sense: a day, in s.
const MAX_COOLDOWN_SECS: f64 = 86_400.0;
/// Most rules of one entry.
pub(super) const MAX_RULES: usize = 256;
/// Placeholders that a reason may use.
pub(super) const REASON_PLACEHOLDERS: [&str; 4] = ["quote", "why", "kind", "score"];

/// What a trigger does when its rule is true.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Does {
    /// Brings a person at once.
    Transfer,
    /// Asks the caller first.
    #[default]
    Offer,
    /// Nothing: the rule is switched off, but still checked.
    Off,
}

impl Does {
    /// How the handoff is asked for; `None` for a rule that is off.
    pub const fn asked(self) -> Option<Asked> {
        match self {
            Does::Transfer => Some(Asked::Transfer),
            Does::Offer => Some(Asked::Offer),
            Does::Off => None,
        }
    }
}

/// A rule that asks for a person. Rules are tried in the order in which they are written; the first true one wins.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TriggerTable {
    /// Its name in results and reports. One with the name of a default rule replaces it in its place.
    pub name: String,
    /// The rule: a CEL expression that is true or false (README, "Triggers", lists its variables and functions).
    pub when: String,
    /// `transfer` at once, `offer` (ask the caller first), or `off`.
    pub does: Does,
    /// The queue to go to; without it the entry's.
    pub queue: Option<String>,
    /// Skills that the agent must have, beside the queue's own.
    pub skills: Vec<String>,
    /// Higher goes first; equal ones by age.
    pub priority: i32,
    /// The notice to speak, by name; without it `transfer` or `offer`.
    pub notice: Option<String>,
    /// Why, in plain words for agent and supervisor. May use `{quote}` (the caller's words), `{why}` (of the largest
    /// contributor), `{kind}` and `{score}`.
    pub reason: String,
    /// For so long after it fired, after any offer was declined and after a failed handoff it does not fire again.
    /// With 0 it needs nothing but fresh evidence.
    pub cooldown_secs: f64,
    /// Signals that may be named as the cause, and of which a new one is needed to fire again; without it those that
    /// the rule itself names.
    pub kinds: Vec<SignalKind>,
}

impl Default for TriggerTable {
    fn default() -> Self {
        TriggerTable {
            name: String::new(),
            when: "false".into(),
            does: Does::default(),
            queue: None,
            skills: Vec::new(),
            priority: 0,
            notice: None,
            reason: "{why}".into(),
            cooldown_secs: 90.0,
            kinds: Vec::new(),
        }
    }
}

impl TriggerTable {
    /// Names every mistake but those of the rule itself, which [`Rules::compile`](super::Rules::compile) finds.
    pub fn check(&self, key: &str, problems: &mut Problems) {
        if self.name.trim().is_empty() {
            problems.add(format!("{key}.name"), "is empty; a trigger needs a name for results and reports");
        }
        if !(0.0..=MAX_COOLDOWN_SECS).contains(&self.cooldown_secs) {
            problems.add(format!("{key}.cooldown_secs"), format!("is {}; expected 0 to {MAX_COOLDOWN_SECS}", self.cooldown_secs));
        }
        if self.reason.trim().is_empty() {
            problems.add(format!("{key}.reason"), "is empty; say in a few words why a person is needed");
        }
        template::check(&self.reason, &REASON_PLACEHOLDERS, &format!("{key}.reason"), problems);
        for (n, skill) in self.skills.iter().enumerate() {
            if skill.trim().is_empty() {
                problems.add(format!("{key}.skills[{n}]"), "is empty");
            }
        }
        for (what, value) in [("queue", &self.queue), ("notice", &self.notice)] {
            if value.as_deref().is_some_and(|v| v.trim().is_empty()) {
                problems.add(format!("{key}.{what}"), "is empty; leave it out for the default");
            }
        }
    }
}
