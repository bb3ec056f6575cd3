//! Engines of speech: recognizers and synthesizers behind traits that fit an embedded engine and a hosted, streaming
//! one alike, and one file for each engine.
//!
//! A [`Recognizer`] opens one [`RecognizerStream`] for a leg; utterances pass through it one after the other. Each
//! call of a stream is a request that is answered once, so that replay can wait for it; a hosted engine drains in
//! `push` what its socket has brought, and waits only in `end`. A [`Synthesizer`] gives sound in chunks as it gets
//! ready. Dropping a stream cancels it. [`voice::Voice`] is what a call speaks with: synthesizer, prompts and cache in
//! one, which is never silent. [`doctor::doctor`] says what is not installed.

pub mod doctor;
pub mod flite;
pub mod pocketsphinx;
mod rate;
mod sentence;
mod table;
pub mod voice;

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use crate::base::{CallId, Fault, Frame, LegId, Rate, Time, UtteranceId};
use crate::listen::types::Hypothesis;

pub use sentence::sentences;
pub use table::{FliteVoice, RecognizerEngine, RecognizerTable, SpeechTable, SynthesizerEngine, SynthesizerTable, VoiceTable};

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
}

/// A text-to-speech engine.
pub trait Synthesizer: Send + Sync {
    /// What it is called in configuration and records.
    fn name(&self) -> &str;

    /// Begins to speak a sentence or two; the sound comes in chunks at `rate`.
    fn speak<'a>(&'a self, text: &'a str, language: &'a str, rate: Rate) -> Answering<'a, Box<dyn VoiceStream>>;
}

/// Sound on its way.
pub trait VoiceStream: Send {
    /// The next chunk; `None` when everything was given.
    fn next(&mut self) -> Answering<'_, Option<Vec<i16>>>;
}
