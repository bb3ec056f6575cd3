//! `request`: the caller asks for a person, or won't tell a machine, in words or by the keys that callers press for one.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::{Key, Problems, SignalKind, Time};
use crate::listen::table::{check_weight, strings};
use crate::listen::types::Signal;

use super::word_signal::signal_at;
use super::words::{PhraseSet, Say, check_phrases, negated, quote, spoken};

/// Where a phrase has this, each of `persons` is listened for in its place.
const PERSON: &str = "{person}";
/// Keys closer together than this belong to one entry, in which a key for a person is only a digit.
pub const KEY_GAP: Duration = Duration::from_millis(1_500);

/// `[signal.request]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RequestTable {
    /// What it adds to the score, 0 to 1. A proposal, not a measurement.
    pub weight: f64,
    /// What a person may be called, with the article.
    pub persons: Vec<String>,
    /// How callers ask for one; `{person}` stands for each of `persons`. A "not" before it takes it back.
    pub phrases: Vec<String>,
    /// How callers refuse to talk to a machine; no "not" takes it back.
    pub refusals: Vec<String>,
    /// Keys that callers press for a person, on their own: any of `0` to `9`, `*`, `#`, `A` to `D`.
    pub keys: String,
}

impl Default for RequestTable {
    fn default() -> Self {
        RequestTable {
            weight: 0.9,
            persons: strings(
                "an agent|a live agent|a person|a real person|a human|a human being|a real human|people|a representative|an operator|an advisor|a manager|a supervisor|someone|somebody|someone else|customer service|a colleague|an employee|a member of staff|a man or a woman",
            ),
            phrases: strings(
                "speak to * {person}|speak with * {person}|talk to * {person}|talk with * {person}|want {person}|need {person}|get me {person}|give me {person}|would like {person}|do you have {person}|not you have {person}|have you got {person}|find me {person}|connect me|connect me to * {person}|put me through|transfer me|pass me to * {person}|={person}|=yes {person}|is there {person}",
            ),
            refusals: strings(
                "not a machine|not a robot|not a computer|not a bot|talk to a machine|talk to a robot|talk to a computer|talk to a bot|talking to a machine|talking to a robot|talking to a computer|speak to a machine|speaking to a machine|tell a machine|telling a machine|telling that to a machine|tell that to a machine|hate machines|hate robots",
            ),
            keys: "0".into(),
        }
    }
}

impl RequestTable {
    /// Names every mistake by its key, `key` being the table's own.
    pub fn check(&self, key: &str, problems: &mut Problems) {
        check_weight(problems, key, self.weight);
        check_phrases(problems, &format!("{key}.persons"), &self.persons);
        check_phrases(problems, &format!("{key}.phrases"), &self.phrases);
        check_phrases(problems, &format!("{key}.refusals"), &self.refusals);
        for label in self.keys.chars().filter(|&label| Key::new(label).is_none()) {
            problems.add(format!("{key}.keys"), format!("`{label}` is no key of a telephone; write `0` to `9`, `*`, `#` or `A` to `D`"));
        }
    }

    /// Every phrase with each person in its place.
    fn asks(&self) -> impl Iterator<Item = String> {
        self.phrases.iter().flat_map(|phrase| {
            let persons: &[String] = if phrase.contains(PERSON) { &self.persons } else { &[] };
            let plain = persons.is_empty().then(|| phrase.clone());
            persons.iter().map(move |person| phrase.replace(PERSON, person)).chain(plain)
        })
    }

    /// Every phrase as it is said.
    pub fn heard(&self) -> impl Iterator<Item = String> {
        self.asks().chain(self.refusals.iter().cloned()).map(|phrase| spoken(&phrase))
    }
}

/// Listens for a person being asked for.
#[derive(Clone, Debug)]
pub struct Request {
    asks: PhraseSet,
    refusals: PhraseSet,
    keys: Vec<Key>,
    weight: f64,
    entry: Option<Entry>,
}

/// Keys that were pressed one shortly after the other.
#[derive(Clone, Copy, Debug)]
struct Entry {
    first: Time,
    last: Time,
    key: Key,
    /// True while all of them are keys for a person.
    asks: bool,
    told: bool,
}

impl Request {
    /// Listens for what the table says.
    pub fn new(table: &RequestTable) -> Self {
        Request {
            asks: PhraseSet::new(table.asks()),
            refusals: PhraseSet::new(&table.refusals),
            keys: table.keys.chars().filter_map(Key::new).collect(),
            weight: table.weight,
            entry: None,
        }
    }

    /// The request in what was said in `turn`, if any.
    pub fn hear(&self, say: &Say, turn: u32) -> Option<Signal> {
        let refused = self.refusals.find(say);
        if !refused.is_empty() {
            let why = format!("Would not talk to a machine: {}", quote(&say.text));
            return signal_at(SignalKind::Request, say, &refused, self.weight, why, turn);
        }
        let mut asked = self.asks.find(say);
        asked.retain(|f| !negated(say, f.from));
        let why = format!("Asked for a person: {}", quote(&say.text));
        signal_at(SignalKind::Request, say, &asked, self.weight, why, turn)
    }

    /// A key was pressed. Says when to ask [`Request::key_pause`] whether it stayed alone.
    pub fn on_key(&mut self, key: Key, answering: bool, now: Time) -> Option<Time> {
        let asks = self.keys.contains(&key);
        let entry = match self.entry {
            Some(entry) if now.since(entry.last) < KEY_GAP => Entry { last: now, asks: entry.asks && asks, ..entry },
            Some(_) | None => Entry { first: now, last: now, key, asks, told: false },
        };
        self.entry = Some(entry);
        let wait = if answering { KEY_GAP } else { Duration::ZERO };
        (entry.asks && !entry.told).then(|| now + wait)
    }

    /// The request that the last keys were, if they were nothing else.
    pub fn key_pause(&mut self) -> Option<Signal> {
        let entry = self.entry.as_mut().filter(|e| e.asks && !e.told)?;
        entry.told = true;
        Some(Signal {
            kind: SignalKind::Request,
            start: entry.first,
            end: entry.last,
            value: 1.0,
            unit: "count",
            weight: self.weight,
            why: format!("Pressed {} for a person.", entry.key.label()),
            turn: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hears(said: &str) -> bool {
        Request::new(&RequestTable::default()).hear(&Say::of(said, Time::ZERO, Time::ZERO), 0).is_some()
    }

    #[test]
    fn a_person_is_asked_for_in_many_ways() {
        for said in [
            "agent",
            "Agent, please!",
            "agent agent agent",
            "I want to speak to an agent",
            "can I talk to a real person",
            "could you put me through to someone",
            "I'd like to speak with a human being please",
            "let me talk to somebody",
            "get me a representative",
            "I need a human",
            "I don't want a bot I want a person",
            "no I want to talk to a person",
            "why can't I talk to a person",
            "don't you have a real person there",
            "this is not working I want an agent",
            "connect me to customer service",
            "transfer me",
            "can I speak to one of your agents",
            "is there somebody I can talk to",
            "I don't want to talk to a machine",
            "I'm not telling that to a machine",
            "a person not a machine",
            "operator",
        ] {
            assert!(hears(said), "{said}");
        }
    }

    #[test]
    fn who_wants_no_person_or_talks_of_something_else_asks_for_none() {
        for said in [
            "I don't want to talk to a person",
            "I do not want to speak to an agent",
            "I'd rather not speak to a person",
            "no agent",
            "I don't need an agent",
            "please don't transfer me",
            "I don't think I want to talk to a person",
            "I never asked to speak to a manager",
            "my travel agent booked it",
            "where is my order",
            "are you a real person",
            "I can't talk right now",
            "the person at the door took the parcel",
            "",
        ] {
            assert!(!hears(said), "{said}");
        }
    }

    #[test]
    fn the_defaults_can_all_be_found() {
        let table = RequestTable::default();
        let mut problems = Problems::default();
        table.check("signal.request", &mut problems);
        assert_eq!(problems.to_string(), "");
        for phrase in table.heard() {
            assert!(hears(&phrase), "{phrase}");
        }
    }

    #[test]
    fn wrong_keys_are_named() {
        let mut problems = Problems::default();
        RequestTable { keys: "0x".into(), weight: 2.0, ..RequestTable::default() }.check("signal.request", &mut problems);
        assert_eq!(problems.0.iter().map(|p| p.key.as_str()).collect::<Vec<_>>(), ["signal.request.weight", "signal.request.keys"]);
    }

    #[test]
    fn a_lone_key_asks_and_a_digit_of_a_number_does_not() {
        let key = |c| Key::new(c).expect("a key");
        let at = Time::from_millis;
        let mut request = Request::new(&RequestTable::default());
        assert_eq!(request.on_key(key('0'), false, at(1_000)), Some(at(1_000)));
        assert!(request.key_pause().is_some());
        assert_eq!(request.on_key(key('0'), false, at(1_500)), None, "once is enough");
        assert_eq!(request.on_key(key('0'), true, at(9_000)), Some(at(10_500)));
        assert_eq!(request.on_key(key('4'), true, at(9_500)), None);
        assert!(request.key_pause().is_none());
        assert_eq!(request.on_key(key('4'), true, at(20_000)), None);
        assert_eq!(request.on_key(key('0'), true, at(20_400)), None);
        assert!(request.key_pause().is_none());
    }
}
