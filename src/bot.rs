//! Bot back ends: a trait, and one file for each.
//!
//! A [`Bot`] opens one [`BotStream`] for a call. Each event is a request; while it is worked on, the stream sends
//! [`BotAct`]s as they get ready (a sentence at a time, from a streaming model too), and it ends with one
//! [`BotReport`]. Dropping the request or the stream cancels it. [`BotTable`] is what a configuration says of any of them.

pub mod chat;
pub mod configured;
pub mod standby;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::de::value::StringDeserializer;
use serde::de::{DeserializeSeed, Error as _, IntoDeserializer as _, MapAccess, Visitor};
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tokio::sync::mpsc::Sender;

use crate::base::{CallId, Fault, Problems};
pub use crate::listen::types::{BotEvent, BotReport, Resumption};
use crate::speech::Answering;

/// A voice bot.
pub trait Bot: Send + Sync {
    /// What it is called in configuration and records.
    fn name(&self) -> &str;

    /// Sentences that callers may say to it, for the recognizer's language model.
    fn vocabulary(&self) -> Vec<String>;

    /// What it may say that is known beforehand, to be synthesized ahead.
    fn phrases(&self) -> Vec<String>;

    /// How long an answer takes in replay's virtual time.
    fn replay_delay(&self) -> Duration {
        Duration::ZERO
    }

    /// Opens a conversation.
    fn open(&self, opening: BotOpening) -> Answering<'_, Box<dyn BotStream>>;
}

/// What a bot is told about the call.
#[derive(Clone, Debug)]
pub struct BotOpening {
    /// The call.
    pub call: CallId,
    /// The called number.
    pub called: Arc<str>,
    /// The caller's number, if known.
    pub caller: Option<crate::base::Pii<Arc<str>>>,
    /// BCP 47 language.
    pub language: Arc<str>,
    /// Wall time at the call's begin.
    pub wall: jiff::Zoned,
    /// False if there is no recognizer: fall back to keys or a person.
    pub hears_words: bool,
}

/// One conversation.
pub trait BotStream: Send {
    /// Works on one event; sends what to say as it gets ready.
    fn tell(&mut self, event: BotEvent, acts: Sender<BotAct>) -> Answering<'_, BotReport>;

    /// Of what it `said` in one act the caller heard only `heard`, and nothing of what it said after that.
    fn cut(&mut self, said: &str, heard: &str) {
        let _ = (said, heard);
    }
}

/// What a bot does.
#[derive(Clone, Debug, PartialEq)]
pub enum BotAct {
    /// Says this, after what it said before.
    Say(crate::base::Wording),
    /// Something went wrong that it got over: to be told, and no reason to give up.
    Trouble(crate::base::Fault),
}

/// `[bot.NAME]`: what a bot is made of, told by its first key.
#[derive(Clone, Debug, PartialEq)]
pub enum BotTable {
    /// Intents, slots and answers, right here.
    Configured(Box<configured::BotTable>),
    /// `[bot.NAME.chat]`: a language model.
    Chat(Box<chat::ChatTable>),
}

/// The key that makes a bot one of a language model.
const CHAT: &str = "chat";

impl Default for BotTable {
    fn default() -> Self {
        BotTable::Configured(Box::default())
    }
}

impl BotTable {
    /// Names every mistake below `key`, the table's own.
    pub fn check(&self, key: &str, problems: &mut Problems) {
        match self {
            BotTable::Configured(table) => table.check(key, problems),
            BotTable::Chat(table) => table.check(&format!("{key}.{CHAT}"), problems),
        }
    }

    /// The bot that takes over when this one fails, by name.
    pub fn standby(&self) -> Option<&str> {
        match self {
            BotTable::Configured(_) => None,
            BotTable::Chat(table) => table.standby.as_deref(),
        }
    }

    /// True if it lives on somebody else's machine.
    pub fn is_hosted(&self) -> bool {
        matches!(self, BotTable::Chat(_))
    }
}

impl<'de> Deserialize<'de> for BotTable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(TableVisitor)
    }
}

impl Serialize for BotTable {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            BotTable::Configured(table) => table.serialize(serializer),
            BotTable::Chat(table) => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry(CHAT, table)?;
                map.end()
            }
        }
    }
}

/// Looks at the first key, and hands the table to the type that it belongs to.
struct TableVisitor;

impl<'de> Visitor<'de> for TableVisitor {
    type Value = BotTable;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<BotTable, A::Error> {
        let first: Option<String> = map.next_key()?;
        if first.as_deref() != Some(CHAT) {
            let table = configured::BotTable::deserialize(serde::de::value::MapAccessDeserializer::new(Begun { first, map }))?;
            return Ok(BotTable::Configured(Box::new(table)));
        }
        let table = map.next_value()?;
        match map.next_key::<String>()? {
            None => Ok(BotTable::Chat(table)),
            Some(other) => Err(A::Error::unknown_field(&other, &[CHAT])),
        }
    }
}

/// A table whose first key has been read.
struct Begun<A> {
    first: Option<String>,
    map: A,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Begun<A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        match self.first.take() {
            Some(first) => {
                let key: StringDeserializer<A::Error> = first.into_deserializer();
                seed.deserialize(key).map(Some)
            }
            None => self.map.next_key_seed(seed),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        self.map.next_value_seed(seed)
    }
}

/// The bots of a configuration.
#[derive(Default)]
pub struct Bots {
    /// Those that are there, by name.
    pub there: BTreeMap<String, Arc<dyn Bot>>,
    /// What is missing for the others.
    pub missing: Vec<Fault>,
    /// What is wrong with them.
    pub problems: Problems,
}

impl Bots {
    /// Makes all bots, each with the one behind it.
    pub fn load(tables: &BTreeMap<String, BotTable>) -> Bots {
        let mut bots = Bots::default();
        for (name, table) in tables {
            match table {
                BotTable::Configured(table) => match configured::ConfiguredBot::new((**table).clone()) {
                    Ok(bot) => drop(bots.there.insert(name.clone(), Arc::new(bot))),
                    Err(found) => bots.problems.0.extend(found.0),
                },
                BotTable::Chat(table) => match chat::ChatBot::load(name, table) {
                    Ok(bot) => drop(bots.there.insert(name.clone(), Arc::new(bot))),
                    Err(fault) => bots.missing.push(fault),
                },
            }
        }
        let embedded = bots.there.clone();
        for (name, table) in tables {
            let Some(standby) = table.standby().and_then(|standby| embedded.get(standby)) else { continue };
            let both: Arc<dyn Bot> = match bots.there.remove(name) {
                Some(first) => Arc::new(standby::WithStandby::new(first, standby.clone())),
                None => standby.clone(),
            };
            bots.there.insert(name.clone(), both);
        }
        bots
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_key_tells_what_a_bot_is() {
        let read = |text: &str| toml::from_str::<BTreeMap<String, BotTable>>(text).map(|bots| bots["x"].clone());
        assert!(matches!(read("[x]"), Ok(BotTable::Configured(_))));
        assert!(matches!(read("[x]\nname = \"x\"\ngreeting = \"Hello.\""), Ok(BotTable::Configured(table)) if table.greeting == "Hello."));
        assert!(matches!(read("[x.chat]\nmodel = \"m\""), Ok(BotTable::Chat(table)) if table.model == "m"));
        for (wrong, told) in [("[x]\nchatt = 1", "chatt"), ("[x.chat]\nmodell = 1", "modell"), ("x = 3", "a map"), ("[x.chat]\n[x.hours]", "hours")] {
            let said = read(wrong).expect_err("it is wrong").to_string();
            assert!(said.contains(told), "{wrong}: {said}");
        }
        for text in ["[x.chat]\nmodel = \"m\"", "[x]\ngreeting = \"Hello.\""] {
            let table = read(text).expect("it is right");
            let written = toml::to_string(&BTreeMap::from([("x", &table)])).expect("it can be written");
            assert_eq!(read(&written).expect("it can be read again"), table);
        }
    }
}
