//! Notices: what the caller is told, by name.
//!
//! A notice is a recording, a template, or both joined. A template is cut into phrases, so that what is fixed can be
//! synthesized ahead ([`Notices::fixed`]) and speaking costs no wait; a sentence with a placeholder of which nothing is
//! known is left out. What is *not* here: when a notice is spoken.

mod cut;
mod defaults;
mod wait;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::{Phrase, Problems, Wording};
use crate::handoff::template;
use cut::{Cut, Piece};

pub use defaults::default_notices;
pub use wait::{spoken_wait, wait_bound_secs};

/// At once: a person is being sought.
pub const TRANSFER: &str = "transfer";
/// The question whether the caller wants a person.
pub const OFFER: &str = "offer";
/// An agent has accepted.
pub const CONNECTING: &str = "connecting";
/// Position and wait have changed.
pub const STILL_WAITING: &str = "still_waiting";
/// Nobody is there: somebody will call back.
pub const NOBODY_CALLBACK: &str = "nobody_callback";
/// Nobody is there: leave a message.
pub const NOBODY_MESSAGE: &str = "nobody_message";
/// Nobody is there: the bot goes on.
pub const NOBODY_BOT: &str = "nobody_bot";
/// Nobody is there and nothing else is possible: a ticket is filed.
pub const NOBODY_TICKET: &str = "nobody_ticket";
/// The message was taken.
pub const MESSAGE_THANKS: &str = "message_thanks";
/// The caller said no to a person.
pub const DECLINED: &str = "declined";
/// The agent is gone or gave the caller back: the bot goes on.
pub const RESUMED: &str = "resumed";
/// The agent's line was lost: somebody else is sought.
pub const AGENT_LOST: &str = "agent_lost";
/// An agent on a phone has heard why the caller is here: which key accepts.
pub const ACCEPT_BY_KEY: &str = "accept_by_key";
/// An agent puts the caller on hold.
pub const HELD: &str = "held";
/// Last words.
pub const GOODBYE: &str = "goodbye";
/// While a person is sought: the one question what it is about.
pub const ASK_TOPIC: &str = "ask_topic";
/// After a person has hung up: how did it go, by key 1 to 5.
pub const SURVEY: &str = "survey";

/// Placeholders of a notice.
const PLACEHOLDERS: [&str; 5] = ["queue", "reason", "position", "agent", "wait"];

/// A notice: the recording first, then the text, either of which may be missing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NoticeTable {
    /// What to speak. May use `{queue}`, `{reason}`, `{position}`, `{agent}` (once somebody accepted) and `{wait}`
    /// ("less than two minutes"); a sentence with one of which nothing is known is left out.
    pub text: String,
    /// A recording from the prompts directory, by file name without its ending, played before the text.
    pub prompt: Option<String>,
    /// The words of the recording, for transcript and report.
    pub prompt_text: String,
}

impl NoticeTable {
    /// Names every mistake.
    pub fn check(&self, key: &str, problems: &mut Problems) {
        template::check(&self.text, &PLACEHOLDERS, &format!("{key}.text"), problems);
        match &self.prompt {
            None if self.text.trim().is_empty() => problems.add(format!("{key}.text"), "is empty; a notice needs a text, a prompt or both"),
            Some(name) if name.is_empty() || name.contains(['/', '\\', '.']) => {
                problems
                    .add(format!("{key}.prompt"), format!("`{name}` is no name of a recording; expected a file name without directory and ending"));
            }
            None | Some(_) => {}
        }
        if self.prompt.is_none() && !self.prompt_text.is_empty() {
            problems.add(format!("{key}.prompt_text"), "is set, but there is no `prompt`");
        }
    }
}

/// What is known when a notice is spoken.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NoticeFacts {
    /// The queue's title.
    pub queue: Option<String>,
    /// Why a person is sought.
    pub reason: Option<String>,
    /// Place in the queue, 1 is next.
    pub position: Option<u32>,
    /// The agent's title, once they accepted.
    pub agent: Option<String>,
    /// Upper bound of the wait in s.
    pub wait_s: Option<f64>,
}

impl NoticeFacts {
    fn value(&self, slot: &str) -> Option<String> {
        let text = match slot {
            "queue" => self.queue.clone(),
            "reason" => self.reason.clone(),
            "position" => self.position.map(wait::spoken_number),
            "agent" => self.agent.clone(),
            "wait" => self.wait_s.and_then(spoken_wait).map(str::to_owned),
            _ => None,
        };
        text.filter(|t| !t.trim().is_empty())
    }
}

/// The notices by name.
#[derive(Clone, Debug, PartialEq)]
pub struct Notices {
    by_name: BTreeMap<String, Notice>,
}

#[derive(Clone, Debug, PartialEq)]
struct Notice {
    prompt: Option<Phrase>,
    sentences: Vec<Cut>,
}

impl Notices {
    /// The default notices, with these in place of or beside them; `key` is where they stand in the configuration.
    ///
    /// # Errors
    /// Every mistake by its key.
    pub fn new(tables: &BTreeMap<String, NoticeTable>, key: &str) -> Result<Notices, Problems> {
        let mut problems = Problems::default();
        for (name, table) in tables {
            // Hold may begin without a word.
            if name != HELD || table.prompt.is_some() || !table.text.trim().is_empty() {
                table.check(&format!("{key}.{name}"), &mut problems);
            }
        }
        let mut by_name: BTreeMap<String, Notice> = BTreeMap::new();
        let defaults = default_notices();
        for (name, table) in defaults.iter().chain(tables) {
            let Ok(sentences) = cut::cut(&table.text) else { continue };
            let prompt = table.prompt.as_ref().map(|name| Phrase::Prompt { name: name.clone(), text: table.prompt_text.clone() });
            by_name.insert(name.clone(), Notice { prompt, sentences });
        }
        problems.or(Notices { by_name })
    }

    /// True if there is a notice of this name.
    pub fn has(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
    }

    /// The names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }

    /// What to say. An unknown name, or a notice of which every sentence is left out, gives an empty wording.
    pub fn wording(&self, name: &str, facts: &NoticeFacts) -> Wording {
        let Some(notice) = self.by_name.get(name) else { return Wording::default() };
        let said = notice.sentences.iter().filter_map(|cut| cut.say(|slot| facts.value(slot))).flatten();
        Wording(notice.prompt.iter().cloned().chain(said.map(Phrase::Text)).collect())
    }

    /// Everything whose words are known beforehand, to be synthesized ahead: fixed pieces, spoken waits and the first
    /// positions, and pieces with these queue titles.
    pub fn fixed(&self, queue_titles: &[String]) -> Vec<Wording> {
        let mut texts = std::collections::BTreeSet::new();
        for notice in self.by_name.values() {
            for piece in notice.sentences.iter().flat_map(|cut| &cut.0) {
                match piece {
                    Piece::Fixed(text) => {
                        texts.insert(text.clone());
                    }
                    Piece::Slot { slot, after } => {
                        texts.extend(wait::known_values(slot, queue_titles).into_iter().map(|value| format!("{value}{after}")));
                    }
                }
            }
        }
        texts.into_iter().map(Wording::text).collect()
    }
}
