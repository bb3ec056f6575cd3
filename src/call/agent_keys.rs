//! What agents on desk phones do by key while they are with a caller: hand back, transfer, conference.
//!
//! A code begins with the prefix (`*1`, `*2` and a queue's digit, …). It is taken from the keys of that agent's leg only;
//! no key of an agent is ever passed on to the caller. What makes no code, or can't be done, is answered by a tone in
//! the agent's ear.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::{Key, LegId, Problems, QueueId, Time, secs};

use super::stage::Stage;
use super::{Call, Command, Target};

/// Keys that a phone has.
const KEYS: &str = "0123456789*#";
/// Queues that have a digit when none are named: 1 to 9.
const DIGITS: usize = 9;

/// What agents on a phone may do by key while they talk with a caller.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AgentKeysTable {
    /// The key with which every code begins; empty for no codes at all.
    pub prefix: String,
    /// Gives the caller back to the bot.
    pub hand_back: String,
    /// Sends the caller on, to the queue whose digit follows.
    pub transfer: String,
    /// Asks one more person to join, from the queue whose digit follows.
    pub conference: String,
    /// Digits of queues; while there is none, 1 to 9 are the queues in the order of their names.
    pub queues: BTreeMap<String, String>,
    /// A code that is not gone on with for this long is forgotten.
    pub pause_secs: f64,
}

impl Default for AgentKeysTable {
    fn default() -> Self {
        AgentKeysTable {
            prefix: "*".into(),
            hand_back: "1".into(),
            transfer: "2".into(),
            conference: "3".into(),
            queues: BTreeMap::new(),
            pause_secs: 4.0,
        }
    }
}

impl AgentKeysTable {
    /// Names every mistake that can be seen without the other tables.
    pub fn check(&self, key: &str, problems: &mut Problems) {
        let codes = [("hand_back", &self.hand_back), ("transfer", &self.transfer), ("conference", &self.conference)];
        if !self.prefix.is_empty() && key_of(&self.prefix).is_none() {
            problems.add(format!("{key}.prefix"), format!("is `{}`; it must be one key of {KEYS}, or empty for no codes", self.prefix));
        }
        for (n, (name, code)) in codes.iter().enumerate() {
            if key_of(code).is_none() {
                problems.add(format!("{key}.{name}"), format!("is `{code}`; it must be one key of {KEYS}"));
            } else if let Some((other, _)) = codes[..n].iter().find(|(_, other)| other == code) {
                problems.add(format!("{key}.{name}"), format!("`{code}` is the key of {other} already"));
            }
        }
        for (digit, queue) in &self.queues {
            if key_of(digit).is_none() {
                problems.add(format!("{key}.queues.{digit}"), format!("`{digit}` is no key; it must be one of {KEYS}"));
            }
            if queue.is_empty() {
                problems.add(format!("{key}.queues.{digit}"), "is empty; name a queue");
            }
        }
        if !(self.pause_secs >= 1.0 && self.pause_secs <= 30.0) {
            problems.add(format!("{key}.pause_secs"), format!("is {}; it must be between 1 and 30", self.pause_secs));
        }
    }

    fn read(&self, dialled: &[char]) -> Code {
        let is = |key: char, code: &str| key_of(code) == Some(key);
        match *dialled {
            [] => Code::Open,
            [feature] if is(feature, &self.hand_back) => Code::HandBack,
            [feature] if is(feature, &self.transfer) || is(feature, &self.conference) => Code::Open,
            [feature, queue] if is(feature, &self.transfer) => Code::Transfer(queue),
            [feature, queue] if is(feature, &self.conference) => Code::Conference(queue),
            _ => Code::Wrong,
        }
    }
}

/// What the keys after the prefix mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Code {
    /// More must follow.
    Open,
    HandBack,
    Transfer(char),
    Conference(char),
    Wrong,
}

/// A code that an agent has begun: the keys after the prefix, and when the last one came.
#[derive(Clone, Debug)]
pub(super) struct Dialled {
    keys: Vec<char>,
    at: Time,
}

fn key_of(text: &str) -> Option<char> {
    let mut keys = text.chars();
    keys.next().filter(|key| keys.next().is_none() && KEYS.contains(*key))
}

impl Call {
    /// A key of an agent who is with the caller.
    pub(super) fn on_agent_key(&mut self, leg: LegId, key: Key, now: Time) {
        let table = &self.plan.entry.agent_keys;
        let Some(prefix) = key_of(&table.prefix) else { return };
        let Stage::Bridged(bridged) = &mut self.stage else { return };
        let Some(seat) = bridged.seats.iter_mut().find(|seat| seat.leg == leg && !seat.is_outside) else { return };
        let begun = seat.dialled.take().filter(|dialled| now.since(dialled.at) < secs(table.pause_secs));
        let keys = match begun {
            Some(dialled) => [dialled.keys.as_slice(), &[key.label()]].concat(),
            None if key.label() == prefix => Vec::new(),
            None => return,
        };
        let agent = seat.agent.clone();
        let command = match table.read(&keys) {
            Code::Open => {
                seat.dialled = Some(Dialled { keys, at: now });
                return;
            }
            Code::HandBack => Some(Command::HandBack { agent, note: None }),
            Code::Transfer(digit) => self.queue_by_key(digit).map(|queue| Command::Transfer { agent, target: Target::Queue(queue) }),
            Code::Conference(digit) => self.queue_by_key(digit).map(|queue| Command::Invite { agent, target: Target::Queue(queue) }),
            Code::Wrong => None,
        };
        let odd = self.odd;
        match command {
            Some(command) => self.on_command(command, now),
            None => self.odd += 1,
        }
        if self.odd != odd && self.is_seat(leg) {
            self.beep(leg);
        }
    }

    fn queue_by_key(&self, digit: char) -> Option<QueueId> {
        let named = &self.plan.entry.agent_keys.queues;
        if !named.is_empty() {
            return named.get(&digit.to_string()).map(|queue| QueueId::from(queue.as_str()));
        }
        let n = digit.to_digit(10).and_then(|n| usize::try_from(n).ok()).filter(|n| (1..=DIGITS).contains(n))?;
        self.plan.queues.keys().nth(n - 1).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_read_key_by_key() {
        let table = AgentKeysTable::default();
        for (dialled, code) in [
            ("", Code::Open),
            ("1", Code::HandBack),
            ("2", Code::Open),
            ("24", Code::Transfer('4')),
            ("3", Code::Open),
            ("31", Code::Conference('1')),
            ("*", Code::Wrong),
            ("9", Code::Wrong),
            ("241", Code::Wrong),
        ] {
            assert_eq!(table.read(&dialled.chars().collect::<Vec<_>>()), code, "{dialled:?}");
        }
    }

    #[test]
    fn every_mistake_is_named_by_its_key() {
        let queues = BTreeMap::from([("12".to_owned(), "support".to_owned()), ("1".to_owned(), String::new())]);
        let table = AgentKeysTable {
            prefix: "**".into(),
            hand_back: "x".into(),
            conference: "2".into(),
            queues,
            pause_secs: 0.0,
            ..AgentKeysTable::default()
        };
        let mut problems = Problems::default();
        table.check("entry[0].agent_keys", &mut problems);
        let text = problems.to_string();
        for key in ["prefix", "hand_back", "conference", "queues.12", "queues.1", "pause_secs"] {
            assert!(text.contains(&format!("entry[0].agent_keys.{key}:")), "{key} is missing in {text}");
        }
    }
}
