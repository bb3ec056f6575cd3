//! The keys of `[bot.NAME.chat]`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use reqwest::Url;
use reqwest::header::HeaderName;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::base::{Fault, Organ, Problems, secs};
use crate::net::secret::{ApiKey, Secret};

/// Waits may be limited from a tenth of a second up to a minute.
const WAIT_SECS: std::ops::RangeInclusive<f64> = 0.1..=60.0;
/// Longest delay in replay's virtual time; beyond it the caller would have hung up.
const MAX_REPLAY_DELAY_SECS: f64 = 30.0;
/// Messages that are kept of a call, from which on a model forgets its own question, and to which on no caller talks.
const MESSAGES: std::ops::RangeInclusive<u32> = 4..=1_000;
/// Characters that are kept of a call.
const CHARS: std::ops::RangeInclusive<u32> = 500..=1_000_000;
/// Longest prompt in octets; a longer one belongs into what a tool looks up.
const MAX_PROMPT_BYTES: usize = 65_536;
/// The API takes no more tools.
const MAX_TOOLS: usize = 128;
/// Longest name of a tool (published API).
const MAX_NAME_CHARS: usize = 64;
/// Parts of a request that are not for `options`.
const OURS: [&str; 6] = ["model", "messages", "tools", "stream", "stream_options", "n"];
/// The tool that brings a person.
pub(super) const HANDOFF: &str = "handoff";
/// The tool that ends the call.
pub(super) const END_CALL: &str = "end_call";
/// Where OpenAI's own API is.
const OPENAI: &str = "https://api.openai.com/v1";

/// `[bot.NAME.chat]`: a bot whose words come from a language model, by OpenAI's chat completions or a server that speaks them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ChatTable {
    /// Where the API is; `/chat/completions` is appended. Another address for a server of your own.
    pub url: String,
    /// The variable of the environment that holds the API key.
    pub api_key_env: Option<String>,
    /// The file that holds the API key and nothing else; read where the variable is not set.
    pub api_key_file: Option<PathBuf>,
    /// The model.
    pub model: String,
    /// What the model is told of its task, before everything else: who it is, what it may do, what it must not.
    pub prompt: String,
    /// Its first words, said without asking the model; with "" the model greets.
    pub greeting: String,
    /// What is said where the model ends the call without a word.
    pub goodbye: String,
    /// What callers may say, to help the embedded recognizer, which knows no other words.
    pub vocabulary: Vec<String>,
    /// The configured bot that takes over, to the end of the call, when the model fails; without one, a person does.
    pub standby: Option<String>,
    /// Whether the model is told the caller's number.
    pub tell_number: bool,
    /// How long to wait for an answer of the caller (default 6).
    pub patience_secs: f64,
    /// How long connecting may take (default 2).
    pub connect_secs: f64,
    /// How long the first word of an answer may take; then it is asked for once more (default 3).
    pub first_secs: f64,
    /// How long an answer may pause within (default 3).
    pub idle_secs: f64,
    /// How long a whole answer may take, with its tools and the second try (default 20).
    pub answer_secs: f64,
    /// After a failure the service is left alone for so long, if it does not say how long (default 15).
    pub rest_secs: f64,
    /// Messages of the call that the model is told again, the latest ones (default 60).
    pub history_messages: u32,
    /// Characters of the call that the model is told again (default 24000).
    pub history_chars: u32,
    /// What else the request is to say, such as `temperature`. `max_completion_tokens` is 400 unless it stands here, or
    /// `max_tokens` does, as older servers have it.
    pub options: BTreeMap<String, Value>,
    /// What the model may do beside bringing a person (`handoff`) and ending the call (`end_call`).
    pub tool: Vec<ToolTable>,
    /// How long an answer takes in a replay's virtual time, in seconds (default 0.8, an assumption).
    pub replay_delay_secs: f64,
}

impl Default for ChatTable {
    fn default() -> Self {
        ChatTable {
            url: OPENAI.into(),
            api_key_env: None,
            api_key_file: None,
            model: "gpt-4o-mini".into(),
            prompt: String::new(),
            greeting: "Hello. How can I help you?".into(),
            goodbye: "Thank you for calling. Goodbye.".into(),
            vocabulary: Vec::new(),
            standby: None,
            tell_number: false,
            patience_secs: 6.0,
            connect_secs: 2.0,
            first_secs: 3.0,
            idle_secs: 3.0,
            answer_secs: 20.0,
            rest_secs: 15.0,
            history_messages: 60,
            history_chars: 24_000,
            options: BTreeMap::new(),
            tool: Vec::new(),
            replay_delay_secs: 0.8,
        }
    }
}

/// `[[bot.NAME.chat.tool]]`: an address of yours that the model may call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ToolTable {
    /// What the model calls it: letters, digits, `_` and `-`.
    pub name: String,
    /// What it does and when to use it, for the model.
    pub description: String,
    /// Where it is: called by POST, with JSON.
    pub url: String,
    /// The JSON schema of its arguments, an object.
    pub parameters: Value,
    /// The header in which your secret is sent.
    pub secret_header: String,
    /// The variable of the environment that holds the secret.
    pub secret_env: Option<String>,
    /// The file that holds the secret and nothing else; read where the variable is not set.
    pub secret_file: Option<PathBuf>,
    /// How long it may take (default 4).
    pub timeout_secs: f64,
    /// What the caller is told meanwhile, if nothing has been said yet; "" for nothing.
    pub says: String,
}

impl Default for ToolTable {
    fn default() -> Self {
        ToolTable {
            name: String::new(),
            description: String::new(),
            url: String::new(),
            parameters: json!({ "type": "object", "properties": {} }),
            secret_header: "X-Segue-Secret".into(),
            secret_env: None,
            secret_file: None,
            timeout_secs: 4.0,
            says: "One moment, please.".into(),
        }
    }
}

impl ChatTable {
    /// How long an answer takes in replay's virtual time.
    pub fn replay_delay(&self) -> Duration {
        secs(self.replay_delay_secs)
    }

    fn key(&self) -> ApiKey<'_> {
        ApiKey { variable: self.api_key_env.as_deref(), file: self.api_key_file.as_deref() }
    }

    /// The key; `None` if a server of your own wants none.
    pub(super) fn find_key(&self) -> Result<Option<Secret>, Fault> {
        found(self.key(), "the API key")
    }

    /// Names every mistake below `key`, the table's own.
    pub fn check(&self, key: &str, problems: &mut Problems) {
        self.key().check(key, problems);
        if !is_address(&self.url) {
            problems.add(format!("{key}.url"), format!("must be an address such as {OPENAI:?}, not {:?}", self.url));
        }
        if self.url == OPENAI && !self.key().is_named() {
            problems.add(format!("{key}.api_key_env"), "is missing: name the variable that holds the API key, or its file in api_key_file");
        }
        if self.model.trim().is_empty() {
            problems.add(format!("{key}.model"), "is empty; name the model");
        }
        if self.prompt.len() > MAX_PROMPT_BYTES {
            problems.add(format!("{key}.prompt"), format!("has {} octets; at most {MAX_PROMPT_BYTES} are sent", self.prompt.len()));
        }
        for (name, secs) in [
            ("patience_secs", self.patience_secs),
            ("connect_secs", self.connect_secs),
            ("first_secs", self.first_secs),
            ("idle_secs", self.idle_secs),
            ("answer_secs", self.answer_secs),
            ("rest_secs", self.rest_secs),
        ] {
            check_wait(secs, &format!("{key}.{name}"), problems);
        }
        if !(0.0..=MAX_REPLAY_DELAY_SECS).contains(&self.replay_delay_secs) {
            let what = format!("must be between 0 and {MAX_REPLAY_DELAY_SECS}, not {}", self.replay_delay_secs);
            problems.add(format!("{key}.replay_delay_secs"), what);
        }
        for (name, value, range) in [("history_messages", self.history_messages, MESSAGES), ("history_chars", self.history_chars, CHARS)] {
            if !range.contains(&value) {
                problems.add(format!("{key}.{name}"), format!("must be between {} and {}, not {value}", range.start(), range.end()));
            }
        }
        for name in self.options.keys().filter(|name| OURS.contains(&name.as_str())) {
            problems.add(format!("{key}.options.{name}"), "is not for you to say: Segue does");
        }
        self.check_tools(key, problems);
    }

    fn check_tools(&self, key: &str, problems: &mut Problems) {
        if self.tool.len() > MAX_TOOLS {
            problems.add(format!("{key}.tool"), format!("are {}; a model takes at most {MAX_TOOLS}", self.tool.len()));
        }
        let mut names = BTreeSet::from([HANDOFF, END_CALL]);
        for (n, tool) in self.tool.iter().enumerate() {
            tool.check(&format!("{key}.tool[{n}]"), problems);
            if !names.insert(&tool.name) {
                problems.add(format!("{key}.tool[{n}].name"), format!("`{}` is the name of another tool, or of a built-in one", tool.name));
            }
        }
    }
}

impl ToolTable {
    fn secret(&self) -> ApiKey<'_> {
        ApiKey { variable: self.secret_env.as_deref(), file: self.secret_file.as_deref() }
    }

    /// The secret; `None` if none is named.
    pub(super) fn find_secret(&self) -> Result<Option<Secret>, Fault> {
        found(self.secret(), &format!("the secret of the tool `{}`", self.name))
    }

    fn check(&self, key: &str, problems: &mut Problems) {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if self.name.is_empty() || self.name.len() > MAX_NAME_CHARS || !self.name.chars().all(is_plain) {
            problems.add(format!("{key}.name"), format!("must be 1 to {MAX_NAME_CHARS} letters, digits, `_` or `-`"));
        }
        if self.description.trim().is_empty() {
            problems.add(format!("{key}.description"), "is empty; tell the model what the tool does and when to use it");
        }
        if !is_address(&self.url) {
            problems.add(format!("{key}.url"), format!("must be an address such as \"https://example.com/orders\", not {:?}", self.url));
        }
        if self.parameters["type"] != "object" {
            problems.add(format!("{key}.parameters"), "must be a JSON schema with type = \"object\"");
        }
        if HeaderName::from_bytes(self.secret_header.as_bytes()).is_err() {
            problems.add(format!("{key}.secret_header"), "is no name of a header");
        }
        if self.secret_env.as_deref().is_some_and(|name| name.is_empty() || name.contains(['=', '\0'])) {
            problems.add(format!("{key}.secret_env"), "is no name of a variable");
        }
        check_wait(self.timeout_secs, &format!("{key}.timeout_secs"), problems);
    }
}

fn found(key: ApiKey<'_>, what: &str) -> Result<Option<Secret>, Fault> {
    key.find().map_err(|error| Fault::Unavailable { organ: Organ::Bot, detail: format!("{what} can't be had: {error}") })
}

fn is_address(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

fn check_wait(secs: f64, key: &str, problems: &mut Problems) {
    if !WAIT_SECS.contains(&secs) {
        problems.add(key, format!("must be between {} and {}, not {secs}", WAIT_SECS.start(), WAIT_SECS.end()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistakes(text: &str) -> String {
        let table: ChatTable = match toml::from_str(text) {
            Ok(table) => table,
            Err(error) => return error.message().to_owned(),
        };
        let mut problems = Problems::default();
        table.check("bot.x.chat", &mut problems);
        problems.to_string()
    }

    const OWN: &str = "url = \"http://127.0.0.1:8080/v1\"\n";
    const TOOL: &str = "[[tool]]\nname = \"order\"\ndescription = \"Finds an order.\"\nurl = \"https://example.com/order\"\n";

    #[test]
    fn a_server_of_ones_own_needs_no_key() {
        assert_eq!(mistakes(OWN), "");
        assert_eq!(mistakes("api_key_env = \"KEY\""), "");
        assert_eq!(mistakes(&format!("{OWN}options = {{ temperature = 0.2 }}\n{TOOL}")), "");
    }

    #[test]
    fn every_mistake_is_named_by_its_key() {
        for (wrong, named) in [
            ("", "bot.x.chat.api_key_env: is missing"),
            ("api_key_env = \"A=B\"", "bot.x.chat.api_key_env"),
            ("url = \"openai\"", "bot.x.chat.url"),
            ("model = \" \"", "bot.x.chat.model"),
            ("first_secs = 0.0", "bot.x.chat.first_secs"),
            ("idle_secs = nan", "bot.x.chat.idle_secs"),
            ("answer_secs = inf", "bot.x.chat.answer_secs"),
            ("replay_delay_secs = -1.0", "bot.x.chat.replay_delay_secs"),
            ("history_messages = 1", "bot.x.chat.history_messages"),
            ("history_chars = 10", "bot.x.chat.history_chars"),
            ("options = { stream = false }", "bot.x.chat.options.stream"),
            ("[[tool]]", "bot.x.chat.tool[0].name"),
            ("[[tool]]\nname = \"a b\"", "bot.x.chat.tool[0].name"),
            ("[[tool]]\nname = \"handoff\"", "another tool, or of a built-in one"),
            ("[[tool]]\nname = \"a\"", "bot.x.chat.tool[0].description"),
            ("[[tool]]\nname = \"a\"\nurl = \"ftp://example.com\"", "bot.x.chat.tool[0].url"),
            ("[[tool]]\nname = \"a\"\nparameters = { type = \"string\" }", "bot.x.chat.tool[0].parameters"),
            ("[[tool]]\nname = \"a\"\nsecret_header = \"a b\"", "bot.x.chat.tool[0].secret_header"),
            ("[[tool]]\nname = \"a\"\nsecret_env = \"\"", "bot.x.chat.tool[0].secret_env"),
            ("[[tool]]\nname = \"a\"\ntimeout_secs = 0.0", "bot.x.chat.tool[0].timeout_secs"),
            ("[[tool]]\nname = \"a\"\n[[tool]]\nname = \"a\"", "bot.x.chat.tool[1].name: `a`"),
            ("modell = \"x\"", "modell"),
        ] {
            let said = mistakes(wrong);
            assert!(said.contains(named), "{wrong}: {said:?} does not name {named}");
        }
    }
}
