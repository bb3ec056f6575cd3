//! Scripted conversations with the sample bot: one file in `tests/dialogues` for each.
//!
//! A file has steps of what the caller does (`caller`, `key`, `silence`, `resume`) and what is expected of the bot. `at` is the
//! wall time of the call, `hears_words = false` a call without a recognizer.

#![allow(dead_code, reason = "not every test reads all of it")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use segue::bot::configured::{BotTable, ConfiguredBot};
use serde::Deserialize;

/// A conversation.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    /// What it shows.
    pub title: String,
    #[serde(default = "tuesday_at_ten")]
    pub at: String,
    #[serde(default = "yes")]
    pub hears_words: bool,
    /// The caller says words that the bot's vocabulary has not got, on purpose.
    #[serde(default)]
    pub foreign_words: bool,
    /// Words of the greeting.
    #[serde(default)]
    pub greeting: Vec<String>,
    pub step: Vec<Step>,
}

fn tuesday_at_ten() -> String {
    "2026-03-03T10:00:00[UTC]".to_owned()
}

fn yes() -> bool {
    true
}

/// What the caller does, and what is expected of the bot then.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Step {
    /// What the caller says.
    pub caller: Option<String>,
    /// How sure the recognizer is.
    pub confidence: Option<f32>,
    /// Keys that are pressed one after the other; the last one's reply is compared.
    pub key: Option<String>,
    /// The caller says something that no recognizer understands.
    pub mumble: bool,
    /// The caller says nothing.
    pub silence: bool,
    /// `declined`, `nobody_found` or `handed_back`.
    pub resume: Option<String>,
    /// The note of who handed back.
    pub note: Option<String>,

    /// Words that the bot must say.
    pub says: Vec<String>,
    /// Words that the bot must not say.
    pub says_not: Vec<String>,
    pub understood: Option<String>,
    pub intent: Option<String>,
    /// Values, by slot.
    pub slots: BTreeMap<String, String>,
    /// Slots that must be confirmed.
    pub confirmed: Vec<String>,
    /// The question's id.
    pub expects: Option<String>,
    pub topic: Option<String>,
    /// Words of the reason; `""` for any.
    pub wants_person: Option<String>,
    pub next_step: Option<String>,
    pub progress: Option<bool>,
    pub goodbye: bool,
}

fn manifest(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The sample bot.
pub fn mercury() -> ConfiguredBot {
    let text = std::fs::read_to_string(manifest("config/bots/mercury.toml")).expect("the sample bot is in the repository");
    let table = BotTable::parse(&text).unwrap_or_else(|problems| panic!("{problems}"));
    ConfiguredBot::new(table).unwrap_or_else(|problems| panic!("{problems}"))
}

/// All of them by name, in order.
pub fn scripts() -> Vec<(String, Script)> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(manifest("tests/dialogues"))
        .expect("the dialogues are in the repository")
        .map(|entry| entry.expect("a readable directory").path())
        .filter(|path| path.extension().is_some_and(|ext| ext == "toml"))
        .collect();
    paths.sort();
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).expect("a readable file");
        let script = toml::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        (path.file_stem().expect("a file").to_string_lossy().into_owned(), script)
    };
    paths.into_iter().map(read).collect()
}
