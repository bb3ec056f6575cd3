//! The configuration as it is written, joined from each room's own table type.
//!
//! [`Config::load`] reads a file over the built-in defaults and the environment over both, and names *every* mistake by
//! its key, one line each, with the line of the file where it stands. What is *not* here: what a key means (its room
//! knows), and no room knows this one.
//!
//! Three layers, the later one wins:
//!
//! 1. The defaults of the tables. `config/segue.toml` documents them all; it is built in, and what it has in force is a
//!    small business line to try things with. A file that says anything about [`SAMPLE`] replaces that line as a whole.
//! 2. The file.
//! 3. The environment: `SEGUE_LISTEN__TURN_PAUSE_SECS=0.9` sets `listen.turn_pause_secs`, `SEGUE_QUEUE__0__RING_SECS=20`
//!    a key of the first queue. A value is read as TOML, and as text where it is none.

mod check;
pub mod document;
pub mod fit;
pub mod hint;
pub mod key;
mod layers;
pub mod mistake;
mod variables;

use std::collections::BTreeMap;
use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::Problems;
use crate::bot::chat::ChatTable;
use crate::bot::{BotTable, configured};
use crate::call::EntryTable;
use crate::console::ConsoleTable;
use crate::edge::sip::table::{PhoneTable, SipTable};
use crate::edge::sip::trunk::table::TrunkTable;
use crate::edge::webrtc::WebRtcTable;
use crate::gateway::KitTables;
use crate::gateway::live::LiveTable;
use crate::handoff::desk::{AcdTable, AgentTable, DeskTables, HoursTable, QueueTable};
use crate::handoff::notice::NoticeTable;
use crate::handoff::trigger::{TriggerTable, default_triggers};
use crate::listen::signal::SignalsTable;
use crate::listen::table::ListenTable;
use crate::speech::SpeechTable;
use crate::store::StoreTable;
use key::KeyPath;
use mistake::Mistakes;

/// What the built-in configuration is called in messages.
pub const BUILT_IN: &str = "the built-in configuration";
/// The documented configuration that is built in.
pub const DOCUMENTED: &str = include_str!("../config/segue.toml");
/// The sections of the built-in business line: a file has its own of all, or none.
pub const SAMPLE: [&str; 5] = ["entry", "queue", "agent", "hours", "bot"];

/// The whole configuration.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// How long pauses are, and what counts as talking over the bot.
    pub listen: ListenTable,
    /// What counts as evidence, and how much.
    pub signal: SignalsTable,
    /// The ear and the voice.
    pub speech: SpeechTable,
    /// Where phone calls come in.
    pub sip: SipTable,
    /// Where the sound of browsers comes in.
    pub webrtc: WebRtcTable,
    /// Over whom calls are dialled, and who sends us theirs.
    pub trunk: Vec<TrunkTable>,
    /// Where agents are rung.
    pub phone: Vec<PhoneTable>,
    /// How live calls are driven and what is kept of them.
    pub gateway: LiveTable,
    /// Where calls, people and what they did are kept.
    pub store: StoreTable,
    /// Pages for people.
    pub console: ConsoleTable,
    /// What called numbers mean.
    pub entry: Vec<EntryTable>,
    /// Where callers wait for a person.
    pub queue: Vec<QueueTable>,
    /// The bots, by name: in a file of their own, or right here.
    #[schemars(with = "BTreeMap<String, BotSource>")]
    pub bot: BTreeMap<String, BotTable>,
    /// Who takes calls.
    pub agent: Vec<AgentTable>,
    /// Systems of somebody else that find the person.
    pub acd: Vec<AcdTable>,
    /// Opening hours.
    pub hours: Vec<HoursTable>,
    /// When a person is brought: rules beside the default ones, or in place of those with the same name.
    pub trigger: Vec<TriggerTable>,
    /// What callers are told, by name; in place of the defaults of the same name, or beside them.
    pub notice: BTreeMap<String, NoticeTable>,
}

/// How a bot is named in the file.
#[derive(JsonSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "only its schema is used: files are read before values are fitted")]
enum BotSource {
    /// In a file of its own.
    File {
        /// Its path, from the directory of the configuration.
        file: String,
    },
    /// A language model.
    Chat {
        /// Which, and how.
        chat: Box<ChatTable>,
    },
    /// Right here.
    Here(Box<configured::BotTable>),
}

impl Config {
    /// Reads the file at `path`, or the built-in configuration without one, and the environment over it.
    ///
    /// # Errors
    /// Every mistake, one line each: `my.toml:41: queue[0].ring_secs: is "ten"; must be a number`.
    pub fn load(path: Option<&Path>) -> Result<Config, Problems> {
        let variables = std::env::vars_os().map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()));
        match path {
            None => Config::read(None, variables, |_| Err(std::io::ErrorKind::NotFound.into())),
            Some(path) => {
                let mut mistakes = Mistakes::default();
                match layers::text_of(path, &path.display().to_string(), &mut mistakes) {
                    Some(text) => Config::read(Some((&path.display().to_string(), &text)), variables, |bot| {
                        std::fs::read_to_string(path.parent().unwrap_or(Path::new("")).join(bot))
                    }),
                    None => Err(mistakes.into_problems()),
                }
            }
        }
    }

    /// Reads a configuration of which everything is given: name and text of its file, variables, and how to read a bot's file.
    ///
    /// # Errors
    /// Every mistake, one line each.
    pub fn read(
        file: Option<(&str, &str)>,
        variables: impl IntoIterator<Item = (String, String)>,
        bot_file: impl Fn(&Path) -> std::io::Result<String>,
    ) -> Result<Config, Problems> {
        let mut mistakes = Mistakes::default();
        let Some(layered) = layers::layered(file, variables, &bot_file, &mut mistakes) else { return Err(mistakes.into_problems()) };
        let config = fit::fit::<Config>(&layered.table, &KeyPath::default(), &mut mistakes).map(|mut fitted| {
            fitted.value.name_bots();
            check::check(&fitted, &mut mistakes);
            fitted.value
        });
        mistakes.locate(&layered.places);
        match config {
            Some(config) if mistakes.is_empty() => Ok(config),
            _ => Err(mistakes.into_problems()),
        }
    }

    /// The desk's part of it.
    pub fn desk(&self) -> DeskTables {
        DeskTables { queues: self.queue.clone(), agents: self.agent.clone(), acds: self.acd.clone(), hours: self.hours.clone() }
    }

    /// The triggers in force: the defaults in their order, those of the same name in their places, then the others.
    pub fn triggers(&self) -> Vec<TriggerTable> {
        let mut triggers = default_triggers();
        for own in &self.trigger {
            match triggers.iter_mut().find(|t| t.name == own.name) {
                Some(default) => *default = own.clone(),
                None => triggers.push(own.clone()),
            }
        }
        triggers
    }

    /// The entry for a called number: an exact number before the longest prefix; of equal ones the first.
    pub fn entry_for(&self, called: &str) -> Option<&EntryTable> {
        let fits = self.entry.iter().filter_map(|entry| entry.fit(called).map(|fit| (fit, entry)));
        fits.reduce(|best, other| if other.0 > best.0 { other } else { best }).map(|(_, entry)| entry)
    }

    /// What a gateway or a replay makes its kit of. Paths in a file are meant from its directory, so its path is needed.
    pub fn kit_tables(&self, file: Option<&Path>) -> KitTables {
        let mut speech = self.speech.clone();
        let beside = file.and_then(Path::parent).unwrap_or(Path::new(""));
        speech.voice.prompts = speech.voice.prompts.map(|prompts| beside.join(prompts));
        KitTables {
            entries: self.entry.clone(),
            desk: self.desk(),
            triggers: self.triggers(),
            notices: self.notice.clone(),
            listen: self.listen.clone(),
            signals: self.signal.clone(),
            speech,
            bots: self.bot.clone(),
        }
    }

    /// What somebody else's machine does, for a person to read; empty if everything is embedded.
    pub fn hosted(&self) -> Vec<String> {
        let bots = self.bot.iter().filter(|(_, bot)| bot.is_hosted()).map(|(name, _)| format!("the bot `{name}`"));
        self.speech.hosted().into_iter().map(str::to_owned).chain(bots).collect()
    }

    /// The JSON schema of the file.
    pub fn schema() -> serde_json::Value {
        schemars::schema_for!(Config).to_value()
    }

    /// A bot that says no name is called as it is here.
    fn name_bots(&mut self) {
        for (name, bot) in &mut self.bot {
            if let BotTable::Configured(bot) = bot
                && bot.name.is_empty()
            {
                bot.name.clone_from(name);
            }
        }
    }
}
