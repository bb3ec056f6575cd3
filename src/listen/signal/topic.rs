//! `topic`: configured words, or an intent of the bot's, that always go to a person.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::{Problems, SignalKind, Time};
use crate::listen::table::{check_weight, strings};
use crate::listen::types::Signal;

use super::word_signal::signal_at;
use super::words::{PhraseSet, Say, check_phrases, negated, quote};

/// `[signal.topic]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TopicTable {
    /// What it adds to the score, 0 to 1. A proposal, not a measurement.
    pub weight: f64,
    /// The phrases of each topic, by its name.
    pub topics: BTreeMap<String, Vec<String>>,
}

impl Default for TopicTable {
    fn default() -> Self {
        let topics = [
            (
                "fraud",
                "fraud|fraudulent|scam|scammed|identity theft|stolen card|card was stolen|card has been stolen|did not make this payment|did not order this",
            ),
            ("emergency", "emergency|ambulance|there is a fire|gas leak|smell gas|someone is hurt|somebody is hurt|i am hurt"),
            ("cancellation", "cancel my contract|cancel my account|cancel my subscription|cancel my membership|close my account"),
        ];
        TopicTable { weight: 0.9, topics: topics.into_iter().map(|(name, phrases)| (name.to_owned(), strings(phrases))).collect() }
    }
}

impl TopicTable {
    /// Names every mistake by its key, `key` being the table's own.
    pub fn check(&self, key: &str, problems: &mut Problems) {
        check_weight(problems, key, self.weight);
        for (name, phrases) in &self.topics {
            let key = format!("{key}.topics.{name}");
            if phrases.is_empty() {
                problems.add(&key, "has no phrases; list what callers say, or leave the topic out");
            }
            check_phrases(problems, &key, phrases);
        }
    }
}

/// Listens for topics.
#[derive(Clone, Debug)]
pub struct Topic {
    topics: Vec<(String, PhraseSet)>,
    weight: f64,
}

impl Topic {
    /// Listens for what the table says.
    pub fn new(table: &TopicTable) -> Self {
        let topics = table.topics.iter().map(|(name, phrases)| (name.clone(), PhraseSet::new(phrases))).collect();
        Topic { topics, weight: table.weight }
    }

    /// The first topic in what was said in `turn`, if any.
    pub fn hear(&self, say: &Say, turn: u32) -> Option<Signal> {
        self.topics.iter().find_map(|(name, phrases)| {
            let mut found = phrases.find(say);
            found.retain(|f| !negated(say, f.from) || say.tokens[f.from..f.to].iter().any(|t| t.word == "not"));
            let why = format!("Spoke of {name}: {}", quote(&say.text));
            signal_at(SignalKind::Topic, say, &found, self.weight, why, turn)
        })
    }

    /// The bot found an intent that always goes to a person.
    pub fn reported(&self, topic: &str, said: Option<&str>, span: (Time, Time), turn: Option<u32>) -> Signal {
        let words = said.map(|text| format!(": {}", quote(text))).unwrap_or_else(|| ".".into());
        Signal {
            kind: SignalKind::Topic,
            start: span.0,
            end: span.1,
            value: 1.0,
            unit: "count",
            weight: self.weight,
            why: format!("The bot heard that it is about {topic}{words}"),
            turn,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(said: &str) -> Option<String> {
        Topic::new(&TopicTable::default()).hear(&Say::of(said, Time::ZERO, Time::ZERO), 0).map(|s| s.why)
    }

    #[test]
    fn topics_are_heard_by_name() {
        assert_eq!(why("I think it's a scam").as_deref(), Some("Spoke of fraud: “I think it's a scam”"));
        assert_eq!(why("I'd like to cancel my contract").as_deref(), Some("Spoke of cancellation: “I'd like to cancel my contract”"));
        for none in ["this is not an emergency", "I don't want to close my account", "cancel my appointment", ""] {
            assert_eq!(why(none), None, "{none}");
        }
    }

    #[test]
    fn mistakes_are_named_by_topic() {
        let mut problems = Problems::default();
        let topics = BTreeMap::from([("a".to_owned(), vec![]), ("b".to_owned(), vec!["?".to_owned()])]);
        TopicTable { topics, weight: -0.1 }.check("signal.topic", &mut problems);
        let keys: Vec<_> = problems.0.iter().map(|p| p.key.as_str()).collect();
        assert_eq!(keys, ["signal.topic.weight", "signal.topic.topics.a", "signal.topic.topics.b[0]"]);
    }
}
