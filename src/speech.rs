//! Engines of speech: recognizers and synthesizers behind traits that fit an embedded engine and a hosted, streaming
//! one alike, and one file for each engine.
//!
//! A [`Recognizer`] opens one [`RecognizerStream`] for a leg; utterances pass through it one after the other. Each
//! call of a stream is a request that is answered once, so that replay can wait for it; a hosted engine drains in
//! `push` what its socket has brought, and waits only in `end`. A [`Synthesizer`] gives sound in chunks as it gets
//! ready. Dropping a stream cancels it. [`voice::Voice`] is what a call speaks with: synthesizer, prompts and cache in
//! one, which is never silent. [`doctor`] says what is not installed.
//! Engines are chosen by [`SpeechTable`], and know nothing of each other. Behind a hosted one stands an embedded one,
//! which takes over within the same utterance or sentence ([`standby`], [`voice::Voice::with_standby`]).

pub mod deepgram;
mod doctor;
pub mod flite;
pub mod pocketsphinx;
pub mod standby;
pub mod voice;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::{CallId, Fault, Frame, LegId, Problems, Rate, Time, UtteranceId};
use crate::listen::types::Hypothesis;

pub use deepgram::DeepgramTable;
pub use doctor::Doctor;
pub use flite::{FliteTable, FliteVoice};
pub use pocketsphinx::PocketSphinxTable;
pub use voice::VoiceTable;

/// How to get what is missing, as a person types it.
pub const INSTALL: &str = "get it with: apt-get install libpocketsphinx3 pocketsphinx-en-us libflite1";

/// A future of an engine.
pub type Answering<'a, T> = Pin<Box<dyn Future<Output = Result<T, Fault>> + Send + 'a>>;

/// A speech-to-text engine.
pub trait Recognizer: Send + Sync {
    /// What it is called in configuration and records.
    fn name(&self) -> &str;

    /// How long an answer takes in replay's virtual time.
    fn replay_delay(&self) -> Duration;

    /// Opens a stream for one leg.
    fn open(&self, opening: EarOpening) -> Answering<'_, Box<dyn RecognizerStream>>;
}

/// What a recognizer is told about the leg.
#[derive(Clone, Debug)]
pub struct EarOpening {
    /// The call.
    pub call: CallId,
    /// The leg.
    pub leg: LegId,
    /// Rate of the frames to come.
    pub rate: Rate,
    /// BCP 47 language.
    pub language: String,
}

/// The recognizer of one leg. Adaptive state (cepstral means) is the stream's own, so that sharing decoders between
/// calls can't change results.
pub trait RecognizerStream: Send {
    /// An utterance begins at `at`.
    fn begin(&mut self, utterance: UtteranceId, at: Time) -> Answering<'_, ()>;

    /// Takes 20 ms; answers with a new partial result, or `None` if there is nothing new.
    fn push(&mut self, frame: Frame) -> Answering<'_, Option<Hypothesis>>;

    /// The utterance is over: answers with its final result.
    fn end(&mut self) -> Answering<'_, Hypothesis>;

    /// Trouble that it got over since it was last asked: to be told, and no reason to give up.
    fn trouble(&mut self) -> Option<Fault> {
        None
    }
}

/// A text-to-speech engine.
pub trait Synthesizer: Send + Sync {
    /// Its voice: a text sounds the same from all synthesizers of one name.
    fn name(&self) -> &str;

    /// Begins to speak a sentence or two; the sound comes in chunks at `rate`.
    fn speak<'a>(&'a self, text: &'a str, language: &'a str, rate: Rate) -> Answering<'a, Box<dyn VoiceStream>>;
}

/// Sound on its way.
pub trait VoiceStream: Send {
    /// The next chunk; `None` when everything was given.
    fn next(&mut self) -> Answering<'_, Option<Vec<i16>>>;
}

/// `[speech]`: the ear, the voice, and the recorded prompts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SpeechTable {
    /// The recognizer (speech to text): `pocketsphinx` (default), `deepgram` (hosted) or `off`.
    pub recognizer: RecognizerEngine,
    /// The synthesizer (text to speech): `flite` (default), `deepgram` (hosted) or `off`.
    pub synthesizer: SynthesizerEngine,
    /// Deepgram, or a server that speaks like it, as recognizer, synthesizer or both.
    pub deepgram: DeepgramTable,
    /// The embedded recognizer.
    pub pocketsphinx: PocketSphinxTable,
    /// The embedded synthesizer.
    pub flite: FliteTable,
    /// Recorded prompts, and what is kept of what was said.
    pub voice: VoiceTable,
}

/// Which recognizer listens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RecognizerEngine {
    /// Debian's PocketSphinx: offline, US English, knows the words of the bot's sentences and no others.
    #[default]
    PocketSphinx,
    /// Deepgram, hosted; PocketSphinx takes over when it fails.
    Deepgram,
    /// None: keys, voice activity, raised volume and repeats in sound still work.
    Off,
}

/// Which synthesizer speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SynthesizerEngine {
    /// Debian's flite: offline, US English.
    #[default]
    Flite,
    /// Deepgram, hosted; flite takes over when it fails.
    Deepgram,
    /// None: recorded prompts only; what has none is a short signal tone.
    Off,
}

impl SpeechTable {
    /// Names every mistake below `key`.
    pub fn check(&self, key: &str, problems: &mut Problems) {
        self.pocketsphinx.check(&format!("{key}.pocketsphinx"), problems);
        self.flite.check(&format!("{key}.flite"), problems);
        self.voice.check(&format!("{key}.voice"), problems);
        self.deepgram.check(&format!("{key}.deepgram"), problems);
        if !self.hosted().is_empty() {
            self.deepgram.check_use(&format!("{key}.deepgram"), problems);
        }
    }

    /// Opens the recognizer for these sentences, with the embedded one behind it if it is hosted.
    pub fn ear(&self, sentences: &[String]) -> Opened<dyn Recognizer> {
        let embedded = || Opened::of(pocketsphinx::PocketSphinx::load(&self.pocketsphinx, sentences).map(|ear| Arc::new(ear) as Arc<dyn Recognizer>));
        match self.recognizer {
            RecognizerEngine::PocketSphinx => embedded(),
            RecognizerEngine::Deepgram => {
                let hosted = Opened::of(deepgram::DeepgramEar::load(&self.deepgram).map(|ear| Arc::new(ear) as Arc<dyn Recognizer>));
                let mut opened = embedded();
                opened.missing.splice(..0, hosted.missing);
                opened.engine = match (hosted.engine, opened.engine) {
                    (Some(first), Some(standby)) => Some(Arc::new(standby::WithStandby::new(first, standby))),
                    (first, standby) => first.or(standby),
                };
                opened
            }
            RecognizerEngine::Off => Opened::none(),
        }
    }

    /// Opens the synthesizer, and the embedded one that takes over if it is hosted.
    pub fn mouth(&self) -> (Opened<dyn Synthesizer>, Option<Arc<dyn Synthesizer>>) {
        let embedded = || Opened::of(flite::Flite::load(&self.flite).map(|voice| Arc::new(voice) as Arc<dyn Synthesizer>));
        match self.synthesizer {
            SynthesizerEngine::Flite => (embedded(), None),
            SynthesizerEngine::Deepgram => {
                let mut hosted = Opened::of(deepgram::DeepgramVoice::load(&self.deepgram).map(|voice| Arc::new(voice) as Arc<dyn Synthesizer>));
                let standby = embedded();
                hosted.missing.extend(standby.missing);
                match hosted.engine {
                    Some(_) => (hosted, standby.engine),
                    None => (Opened { engine: standby.engine, missing: hosted.missing }, None),
                }
            }
            SynthesizerEngine::Off => (Opened::none(), None),
        }
    }

    /// How long the recognizer takes in replay's virtual time.
    pub fn ear_delay(&self) -> Duration {
        match self.recognizer {
            RecognizerEngine::PocketSphinx | RecognizerEngine::Off => self.pocketsphinx.replay_delay(),
            RecognizerEngine::Deepgram => self.deepgram.replay_delay(),
        }
    }

    /// How long the synthesizer takes in replay's virtual time.
    pub fn voice_delay(&self) -> Duration {
        match self.synthesizer {
            SynthesizerEngine::Flite | SynthesizerEngine::Off => self.flite.replay_delay(),
            SynthesizerEngine::Deepgram => self.deepgram.replay_delay(),
        }
    }

    /// What somebody else's machine does, for a person to read; empty if everything is embedded.
    pub fn hosted(&self) -> Vec<&'static str> {
        let ear = (self.recognizer == RecognizerEngine::Deepgram).then_some("the recognizer (deepgram)");
        let voice = (self.synthesizer == SynthesizerEngine::Deepgram).then_some("the synthesizer (deepgram)");
        ear.into_iter().chain(voice).collect()
    }
}

/// An engine, if it could be opened, and what was missing for it.
#[derive(Clone, Debug)]
pub struct Opened<T: ?Sized> {
    /// The engine.
    pub engine: Option<Arc<T>>,
    /// What could not be had of it, or of the one behind it.
    pub missing: Vec<Fault>,
}

impl<T: ?Sized> Opened<T> {
    fn none() -> Self {
        Opened { engine: None, missing: Vec::new() }
    }

    fn of(opened: Result<Arc<T>, Fault>) -> Self {
        match opened {
            Ok(engine) => Opened { engine: Some(engine), missing: Vec::new() },
            Err(fault) => Opened { engine: None, missing: vec![fault] },
        }
    }
}

/// Tries the configured engines, and says what they lack on this machine.
pub fn doctor(table: &SpeechTable) -> Doctor {
    let (ear, (voice, _)) = (table.ear(&["yes".to_owned()]), table.mouth());
    Doctor { is_deaf: ear.engine.is_none(), is_mute: voice.engine.is_none(), ear: ear.missing, voice: voice.missing }
}

/// Longest delay that replay may be told for an engine; beyond it the caller would have hung up.
const MAX_REPLAY_DELAY_SECS: f64 = 30.0;

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
        assert_eq!(mistakes("recognizer = \"off\"\nsynthesizer = \"off\""), "");
    }

    #[test]
    fn every_mistake_is_named_by_its_key() {
        for (wrong, named) in [
            ("pocketsphinx.pool = 0", "speech.pocketsphinx.pool"),
            ("pocketsphinx.pool = 100000", "speech.pocketsphinx.pool"),
            ("pocketsphinx.accept_margin = nan", "speech.pocketsphinx.accept_margin"),
            ("pocketsphinx.longest_utterance_secs = 0.0", "speech.pocketsphinx.longest_utterance_secs"),
            ("pocketsphinx.longest_utterance_secs = inf", "speech.pocketsphinx.longest_utterance_secs"),
            ("pocketsphinx.replay_delay_secs = -1.0", "speech.pocketsphinx.replay_delay_secs"),
            ("flite.replay_delay_secs = nan", "speech.flite.replay_delay_secs"),
            ("deepgram.url = \"deepgram\"", "speech.deepgram.url"),
            ("deepgram.connect_secs = 0.0", "speech.deepgram.connect_secs"),
            ("deepgram.final_secs = nan", "speech.deepgram.final_secs"),
            ("deepgram.api_key_env = \"A=B\"", "speech.deepgram.api_key_env"),
            ("recognizer = \"deepgram\"", "speech.deepgram.api_key_env"),
            ("recognizer = \"whisper\"", "`pocketsphinx`"),
            ("flite.voice = \"bob\"", "`kal16`"),
            ("voice.cache_mb = -1", "-1"),
            ("recogniser = \"off\"", "recogniser"),
        ] {
            let said = mistakes(wrong);
            assert!(said.contains(named), "{wrong}: {said:?} does not name {named}");
        }
    }
}
