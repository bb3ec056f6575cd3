//! The keys of `[speech.deepgram]`.

use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::{Fault, Organ, Problems};
use crate::net::secret::{ApiKey, Secret};

/// Waits may be limited from a tenth of a second up to half a minute.
const WAIT_SECS: std::ops::RangeInclusive<f64> = 0.1..=30.0;
/// Deepgram takes no more (keyterm prompting).
const MAX_KEYTERMS: usize = 100;

/// How sound is sent to the recognizer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DeepgramEncoding {
    /// 16 bits a sample.
    #[default]
    Linear16,
    /// G.711 µ-law: half as much to send, and no worse where the phone line is G.711 anyway.
    Mulaw,
}

/// `[speech.deepgram]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DeepgramTable {
    /// Where the API is; `/listen` and `/speak` are appended. Another address for a server of your own.
    pub url: String,
    /// The variable of the environment that holds the API key.
    pub api_key_env: Option<String>,
    /// The file that holds the API key and nothing else; read where the variable is not set.
    pub api_key_file: Option<PathBuf>,
    /// The model that listens.
    pub model: String,
    /// Words that callers use and no dictionary has, such as names of products: `keyterm` of nova-3.
    pub keyterms: Vec<String>,
    /// How sound is sent: `linear16` (default) or `mulaw`.
    pub encoding: DeepgramEncoding,
    /// The voice that speaks.
    pub voice: String,
    /// How long connecting may take (default 2).
    pub connect_secs: f64,
    /// How long the final result of an utterance may take after its end (default 1).
    pub final_secs: f64,
    /// How long the first sound of a sentence may take (default 1.5).
    pub first_sound_secs: f64,
    /// After a failure the embedded engine does all the work for so long, if Deepgram does not say how long (default 15).
    pub rest_secs: f64,
    /// How long an answer takes in a replay's virtual time, in seconds (default 0.3, an assumption).
    pub replay_delay_secs: f64,
}

/// Deepgram's own address.
const DEEPGRAM: &str = "https://api.deepgram.com/v1";

impl Default for DeepgramTable {
    fn default() -> Self {
        DeepgramTable {
            url: DEEPGRAM.into(),
            api_key_env: None,
            api_key_file: None,
            model: "nova-3".into(),
            keyterms: Vec::new(),
            encoding: DeepgramEncoding::default(),
            voice: "aura-2-thalia-en".into(),
            connect_secs: 2.0,
            final_secs: 1.0,
            first_sound_secs: 1.5,
            rest_secs: 15.0,
            replay_delay_secs: 0.3,
        }
    }
}

impl DeepgramTable {
    /// How long an answer takes in replay's virtual time.
    pub fn replay_delay(&self) -> Duration {
        crate::base::secs(self.replay_delay_secs)
    }

    fn key(&self) -> ApiKey<'_> {
        ApiKey { variable: self.api_key_env.as_deref(), file: self.api_key_file.as_deref() }
    }

    /// The key; `None` if a server of your own wants none.
    pub(super) fn find_key(&self, organ: Organ) -> Result<Option<Secret>, Fault> {
        self.key().find().map_err(|error| Fault::Unavailable { organ, detail: format!("the API key of Deepgram can't be had: {error}") })
    }

    /// Names every mistake below `key`.
    pub fn check(&self, key: &str, problems: &mut Problems) {
        self.key().check(key, problems);
        if reqwest::Url::parse(&self.url).ok().is_none_or(|url| !matches!(url.scheme(), "http" | "https") || !url.has_host()) {
            problems.add(format!("{key}.url"), format!("must be an address such as {DEEPGRAM:?}, not {:?}", self.url));
        }
        for (name, text) in [("model", &self.model), ("voice", &self.voice)] {
            if text.trim().is_empty() {
                problems.add(format!("{key}.{name}"), "is empty; Deepgram's documentation lists what there is");
            }
        }
        if self.keyterms.len() > MAX_KEYTERMS {
            problems.add(format!("{key}.keyterms"), format!("must be at most {MAX_KEYTERMS}, not {}", self.keyterms.len()));
        }
        let waits = [
            ("connect_secs", self.connect_secs),
            ("final_secs", self.final_secs),
            ("first_sound_secs", self.first_sound_secs),
            ("rest_secs", self.rest_secs),
        ];
        for (name, secs) in waits {
            if !WAIT_SECS.contains(&secs) {
                problems.add(format!("{key}.{name}"), format!("must be between {} and {}, not {secs}", WAIT_SECS.start(), WAIT_SECS.end()));
            }
        }
        crate::speech::check_delay(self.replay_delay_secs, key, problems);
    }

    /// Names what is missing where Deepgram is to be used.
    pub fn check_use(&self, key: &str, problems: &mut Problems) {
        if self.url == DEEPGRAM && !self.key().is_named() {
            problems.add(format!("{key}.api_key_env"), "is missing: name the variable that holds the API key, or its file in api_key_file");
        }
    }
}
