//! The keys of `[speech]`: which recognizer, which voice, and their limits.
//!
//! Words with a closed set of values are enums, so that a wrong word is named together with the right ones. What is
//! *not* here: which prompts there are (the directory says), and what is said (the bot and the notices).

use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::Problems;

/// Longest delay that replay may be told for an engine; beyond it the caller would have hung up.
const MAX_REPLAY_DELAY_SECS: f64 = 30.0;
/// The recognizer's utterances may be limited from a second up to five minutes.
const UTTERANCE_SECS: std::ops::RangeInclusive<f64> = 1.0..=300.0;
/// More decoders at once than any machine can serve.
const MAX_POOL: usize = 4_096;

/// `[speech]`: the ear, the voice, and the recorded prompts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SpeechTable {
    /// The recognizer: speech to text.
    pub recognizer: RecognizerTable,
    /// The synthesizer: text to speech.
    pub synthesizer: SynthesizerTable,
    /// Recorded prompts, and what is kept of what was said.
    pub voice: VoiceTable,
}

impl SpeechTable {
    /// Names every mistake below `key`.
    pub fn check(&self, key: &str, problems: &mut Problems) {
        self.recognizer.check(&format!("{key}.recognizer"), problems);
        self.synthesizer.check(&format!("{key}.synthesizer"), problems);
    }
}

/// Which recognizer listens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RecognizerEngine {
    /// Debian's PocketSphinx: offline, US English, knows the words of the bot's sentences and no others.
    #[default]
    PocketSphinx,
    /// None: keys, voice activity, raised volume and repeats in sound still work.
    Off,
}

/// `[speech.recognizer]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RecognizerTable {
    /// `pocketsphinx` (default) or `off`.
    pub engine: RecognizerEngine,
    /// The acoustic model's directory (default: where Debian's package puts it).
    pub model: PathBuf,
    /// The pronunciation dictionary from which the words of the bot's sentences are taken.
    pub dictionary: PathBuf,
    /// The phone bigram that any speech is compared with.
    pub phones: PathBuf,
    /// Rejection: the margin to a free loop of phones, in PocketSphinx's units a frame, from which on a sentence counts as
    /// understood. Higher rejects more (default −12).
    pub accept_margin: f64,
    /// Most decoders at once; each takes about 25 MB while somebody speaks (default 32).
    pub pool: usize,
    /// Longest utterance in seconds; what comes after it is not recognised (default 30).
    pub longest_utterance_secs: f64,
    /// How long an answer takes in a replay's virtual time, in seconds (default 0.06, the mean measured for a final result).
    pub replay_delay_secs: f64,
}

impl Default for RecognizerTable {
    fn default() -> Self {
        RecognizerTable {
            engine: RecognizerEngine::default(),
            model: "/usr/share/pocketsphinx/model/en-us/en-us".into(),
            dictionary: "/usr/share/pocketsphinx/model/en-us/cmudict-en-us.dict".into(),
            phones: "/usr/share/pocketsphinx/model/en-us/en-us-phone.lm.bin".into(),
            accept_margin: -12.0,
            pool: 32,
            longest_utterance_secs: 30.0,
            replay_delay_secs: 0.06,
        }
    }
}

impl RecognizerTable {
    /// How long an answer takes in replay's virtual time.
    pub fn replay_delay(&self) -> Duration {
        delay(self.replay_delay_secs)
    }

    /// Names every mistake below `key`.
    pub fn check(&self, key: &str, problems: &mut Problems) {
        if !self.accept_margin.is_finite() {
            problems.add(format!("{key}.accept_margin"), "must be a number such as -12.0");
        }
        if self.pool == 0 || self.pool > MAX_POOL {
            problems.add(format!("{key}.pool"), format!("must be between 1 and {MAX_POOL}, not {}", self.pool));
        }
        if !UTTERANCE_SECS.contains(&self.longest_utterance_secs) {
            let (least, most) = (UTTERANCE_SECS.start(), UTTERANCE_SECS.end());
            problems.add(format!("{key}.longest_utterance_secs"), format!("must be between {least} and {most}, not {}", self.longest_utterance_secs));
        }
        check_delay(self.replay_delay_secs, key, problems);
    }
}

/// Which synthesizer speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SynthesizerEngine {
    /// Debian's flite: offline, US English.
    #[default]
    Flite,
    /// None: recorded prompts only; what has none is a short signal tone.
    Off,
}

/// flite's voices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FliteVoice {
    /// A man; the clearest over a telephone line.
    #[default]
    Rms,
    /// A woman.
    Slt,
    /// A man, built from diphones: smaller and plainer.
    Kal16,
}

/// `[speech.synthesizer]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SynthesizerTable {
    /// `flite` (default) or `off`.
    pub engine: SynthesizerEngine,
    /// flite's voice: `rms` (default), `slt` or `kal16`. One that is not installed is replaced by the next of these.
    pub voice: FliteVoice,
    /// How long the first sound takes in a replay's virtual time, in seconds (default 0.03, measured for a sentence of 3 s).
    pub replay_delay_secs: f64,
}

impl Default for SynthesizerTable {
    fn default() -> Self {
        SynthesizerTable { engine: SynthesizerEngine::default(), voice: FliteVoice::default(), replay_delay_secs: 0.03 }
    }
}

impl SynthesizerTable {
    /// How long the first sound takes in replay's virtual time.
    pub fn replay_delay(&self) -> Duration {
        delay(self.replay_delay_secs)
    }

    /// Names every mistake below `key`.
    pub fn check(&self, key: &str, problems: &mut Problems) {
        check_delay(self.replay_delay_secs, key, problems);
    }
}

/// `[speech.voice]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct VoiceTable {
    /// Directory of recorded prompts (`name.wav`, `name.flac`, `name.ogg`); without it everything is synthesized.
    pub prompts: Option<PathBuf>,
    /// How many megabytes of spoken phrases are kept (default 64: about an hour at 8 kHz).
    pub cache_mb: usize,
}

impl Default for VoiceTable {
    fn default() -> Self {
        VoiceTable { prompts: None, cache_mb: 64 }
    }
}

fn delay(secs: f64) -> Duration {
    Duration::try_from_secs_f64(secs).unwrap_or_default()
}

fn check_delay(secs: f64, key: &str, problems: &mut Problems) {
    if !(0.0..=MAX_REPLAY_DELAY_SECS).contains(&secs) {
        problems.add(format!("{key}.replay_delay_secs"), format!("must be between 0 and {MAX_REPLAY_DELAY_SECS}, not {secs}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistakes(text: &str) -> String {
        let table: SpeechTable = match toml::from_str(text) {
            Ok(table) => table,
            Err(error) => return error.message().to_owned(),
        };
        let mut problems = Problems::default();
        table.check("speech", &mut problems);
        problems.to_string()
    }

    #[test]
    fn the_default_has_no_mistake() {
        assert_eq!(mistakes(""), "");
        assert_eq!(mistakes("recognizer.engine = \"off\"\nsynthesizer.engine = \"off\""), "");
    }

    #[test]
    fn every_mistake_is_named_by_its_key() {
        for (wrong, named) in [
            ("recognizer.pool = 0", "speech.recognizer.pool"),
            ("recognizer.pool = 100000", "speech.recognizer.pool"),
            ("recognizer.accept_margin = nan", "speech.recognizer.accept_margin"),
            ("recognizer.longest_utterance_secs = 0.0", "speech.recognizer.longest_utterance_secs"),
            ("recognizer.longest_utterance_secs = inf", "speech.recognizer.longest_utterance_secs"),
            ("recognizer.replay_delay_secs = -1.0", "speech.recognizer.replay_delay_secs"),
            ("synthesizer.replay_delay_secs = nan", "speech.synthesizer.replay_delay_secs"),
            ("recognizer.engine = \"whisper\"", "`pocketsphinx`"),
            ("synthesizer.voice = \"bob\"", "`kal16`"),
            ("voice.cache_mb = -1", "-1"),
            ("recogniser.engine = \"off\"", "recogniser"),
        ] {
            let said = mistakes(wrong);
            assert!(said.contains(named), "{wrong}: {said:?} does not name {named}");
        }
    }
}
