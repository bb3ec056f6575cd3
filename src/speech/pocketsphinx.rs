//! The embedded recognizer: Debian's PocketSphinx, opened at run time, as a recogniser of the bot's own sentences.
//!
//! [`PocketSphinx::load`] makes a dictionary and a trigram language model of the sentences that callers may say, and
//! nothing else can be heard. Each utterance borrows a pair of decoders from a pool: one for the sentences, one that hears
//! any phones; the difference of their scores says whether the caller said one of the sentences at all ([`Hypothesis::accepted`]).
//! Adaptive state (cepstral means) belongs to the stream and every decoder starts an utterance from the same state, so a
//! text never depends on who used the decoder before. What is *not* here: voice activity; the listener cuts utterances.

mod cepstra;
mod ffi;
mod means;
mod model;
mod ngram;
mod pronounce;
mod resample;
mod table;

use std::future::ready;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::base::{FRAME_MILLIS, Fault, Frame, Organ, Rate, Time, UtteranceId};
use crate::listen::types::{Hypothesis, Word};
use crate::speech::{Answering, EarOpening, INSTALL, Recognizer, RecognizerStream};

use cepstra::{FrontEnd, Tables};
use ffi::{Api, Decoder, Segment};
use means::Means;
use model::ModelFiles;
use ngram::Trigram;
use pronounce::Lexicon;
use resample::Upsampler;

pub use table::PocketSphinxTable;

/// Frames of 20 ms between two partial results: 200 ms.
const PARTIAL_EVERY: usize = 10;
/// Length of a decoder's frame.
const DECODER_FRAME: Duration = Duration::from_millis(10);
/// Margin units in which confidence goes from a half to 0.73.
const CONFIDENCE_SCALE: f64 = 8.0;

/// The engine. Cheap to share; decoders are opened when somebody speaks.
pub struct PocketSphinx {
    shared: Arc<Shared>,
    guessed: Vec<String>,
    left_out: Vec<String>,
}

struct Shared {
    api: Arc<Api>,
    files: ModelFiles,
    phones: PathBuf,
    tables: Arc<Tables>,
    pool: Mutex<Pool>,
    most: usize,
    accept_margin: f64,
    longest_frames: usize,
    delay: Duration,
}

#[derive(Default)]
struct Pool {
    idle: Vec<Pair>,
    lent: usize,
}

/// The two decoders of one utterance.
struct Pair {
    sentences: Decoder,
    phones: Decoder,
}

impl PocketSphinx {
    /// Opens the library and builds dictionary and language model of these sentences.
    ///
    /// # Errors
    /// [`Fault::Unavailable`] names the missing package and how to get it, or says that there is no sentence;
    /// [`Fault::Failed`] what the library or the file system said.
    pub fn load(table: &PocketSphinxTable, sentences: &[String]) -> Result<PocketSphinx, Fault> {
        let api = Api::open().map_err(|error| missing(&format!("PocketSphinx ({error})")))?;
        let cmudict = std::fs::read_to_string(&table.dictionary)
            .map_err(|error| missing(&format!("the dictionary {} ({error})", table.dictionary.display())))?;
        if !table.phones.exists() {
            return Err(missing(&format!("the phone model {}", table.phones.display())));
        }
        let mut spoken: Vec<Vec<String>> = sentences.iter().map(|s| pronounce::spoken_words(s)).collect();
        let lexicon = Lexicon::new(spoken.iter().flatten().map(String::as_str), &cmudict);
        for words in &mut spoken {
            words.retain(|word| lexicon.left_out.binary_search(word).is_err());
        }
        spoken.retain(|words| !words.is_empty());
        if spoken.is_empty() {
            return Err(Fault::Unavailable { organ: Organ::Ear, detail: "the recognizer was given no sentence to listen for".into() });
        }
        let files = ModelFiles::new(&table.model, &lexicon.file, &Trigram::new(&spoken).arpa())
            .map_err(|error| missing(&format!("the acoustic model ({error})")))?;
        let shared = Shared {
            api,
            files,
            phones: table.phones.clone(),
            tables: Tables::new(),
            pool: Mutex::default(),
            most: table.pool,
            accept_margin: table.accept_margin,
            longest_frames: (table.longest_utterance_secs * 1_000.0 / FRAME_MILLIS as f64) as usize,
            delay: table.replay_delay(),
        };
        // One pair at once: the first caller waits for nothing, and a broken model is told now.
        let pair = shared.open_pair()?;
        shared.pool().idle.push(pair);
        Ok(PocketSphinx { shared: Arc::new(shared), guessed: lexicon.guessed, left_out: lexicon.left_out })
    }

    /// Words of the sentences whose pronunciation is a guess, because the dictionary does not have them.
    pub fn guessed(&self) -> &[String] {
        &self.guessed
    }

    /// Words of the sentences that can't be heard, because they have letters that English has not.
    pub fn left_out(&self) -> &[String] {
        &self.left_out
    }
}

impl Recognizer for PocketSphinx {
    fn name(&self) -> &str {
        "pocketsphinx"
    }

    fn replay_delay(&self) -> Duration {
        self.shared.delay
    }

    fn open(&self, opening: EarOpening) -> Answering<'_, Box<dyn RecognizerStream>> {
        if !speaks_english(&opening.language) {
            let detail = format!("PocketSphinx has a model for English only, not for {:?}", opening.language);
            return Box::pin(ready(Err(Fault::Unavailable { organ: Organ::Ear, detail })));
        }
        let stream = LegStream { shared: Arc::clone(&self.shared), rate: opening.rate, means: Means::default(), utterance: None };
        Box::pin(ready(Ok(Box::new(stream) as Box<dyn RecognizerStream>)))
    }
}

fn speaks_english(language: &str) -> bool {
    language.split(['-', '_']).next().is_some_and(|primary| primary.is_empty() || primary.eq_ignore_ascii_case("en"))
}

impl Shared {
    fn pool(&self) -> parking_lot::MutexGuard<'_, Pool> {
        self.pool.lock()
    }

    fn open_pair(&self) -> Result<Pair, Fault> {
        let mut common = self.files.arguments();
        // No phones are looked ahead, which saves work for as many word errors. Codewords are searched anew in every frame:
        // skipping frames (`-ds 2`) would save another fifth, but what a skipped frame takes over may be from the
        // utterance before, and then scores depend on who used the decoder last.
        common.extend(["-pl_window", "0"].map(str::to_owned));
        let with = |more: &[&str]| -> Vec<String> { common.iter().cloned().chain(more.iter().map(|s| (*s).to_owned())).collect() };
        // fwdflat and bestpath stay on: the second and third pass are worth their 50 ms.
        let sentences = with(&["-lm", &self.files.language()]);
        // A free loop of context-independent phones with a phone bigram: any speech, whatever its words.
        let loop_of = self.phones.to_string_lossy();
        let phones = with(&["-allphone", &loop_of, "-allphone_ci", "yes", "-lw", "2.0", "-pip", "0.3", "-beam", "1e-20", "-pbeam", "1e-20"]);
        Ok(Pair { sentences: self.api.decoder(&sentences).map_err(|e| failed(&e))?, phones: self.api.decoder(&phones).map_err(|e| failed(&e))? })
    }

    fn lend(self: &Arc<Self>) -> Result<Lease, Fault> {
        let idle = {
            let mut pool = self.pool();
            if pool.lent >= self.most {
                return Err(Fault::Overloaded { organ: Organ::Ear, detail: format!("all {} decoders are listening", self.most) });
            }
            pool.lent += 1;
            pool.idle.pop()
        };
        let mut lease = Lease { shared: Arc::clone(self), pair: idle };
        if lease.pair.is_none() {
            lease.pair = Some(self.open_pair()?);
        }
        Ok(lease)
    }
}

/// A borrowed pair. Dropped in the midst of an utterance the pair is closed; [`Lease::give_back`] keeps it for the next.
struct Lease {
    shared: Arc<Shared>,
    pair: Option<Pair>,
}

impl Lease {
    fn pair(&mut self) -> Result<&mut Pair, Fault> {
        self.pair.as_mut().ok_or_else(|| failed("the decoder is gone"))
    }

    fn give_back(mut self) {
        if let Some(pair) = self.pair.take() {
            self.shared.pool().idle.push(pair);
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.shared.pool().lent -= 1;
    }
}

/// The recognizer of one leg.
struct LegStream {
    shared: Arc<Shared>,
    rate: Rate,
    means: Means,
    utterance: Option<Utterance>,
}

/// What an utterance needs from its begin to its end.
struct Utterance {
    at: Time,
    lease: Lease,
    upsampler: Option<Upsampler>,
    front: FrontEnd,
    means: Means,
    /// Frames of 20 ms that came.
    pushed: usize,
    /// Frames of 10 ms that were decoded.
    decoded: usize,
    /// Text of the last partial result.
    told: String,
}

impl RecognizerStream for LegStream {
    fn begin(&mut self, _utterance: UtteranceId, at: Time) -> Answering<'_, ()> {
        // One that was not ended is cancelled.
        self.utterance = None;
        let began = Utterance::begin(&self.shared, self.rate, self.means, at);
        Box::pin(ready(began.map(|utterance| self.utterance = Some(utterance))))
    }

    fn push(&mut self, frame: Frame) -> Answering<'_, Option<Hypothesis>> {
        let Some(utterance) = &mut self.utterance else {
            return Box::pin(ready(Err(failed("a frame came before the utterance's begin"))));
        };
        let answer = utterance.push(&frame);
        if answer.is_err() {
            self.utterance = None;
        }
        Box::pin(ready(answer))
    }

    fn end(&mut self) -> Answering<'_, Hypothesis> {
        let Some(utterance) = self.utterance.take() else {
            return Box::pin(ready(Err(failed("an end came before the utterance's begin"))));
        };
        Box::pin(ready(utterance.end().map(|(hypothesis, means)| {
            self.means = means;
            hypothesis
        })))
    }
}

impl Utterance {
    fn begin(shared: &Arc<Shared>, rate: Rate, means: Means, at: Time) -> Result<Utterance, Fault> {
        let mut lease = shared.lend()?;
        let pair = lease.pair()?;
        pair.sentences.start().map_err(|e| failed(&e))?;
        pair.phones.start().map_err(|e| failed(&e))?;
        let upsampler = match rate {
            Rate::Hz8000 => Some(Upsampler::new()),
            Rate::Hz16000 => None,
        };
        Ok(Utterance { at, lease, upsampler, front: FrontEnd::new(&shared.tables), means, pushed: 0, decoded: 0, told: String::new() })
    }

    fn push(&mut self, frame: &Frame) -> Result<Option<Hypothesis>, Fault> {
        self.pushed += 1;
        if self.pushed > self.lease.shared.longest_frames {
            if self.pushed == self.lease.shared.longest_frames + 1 {
                tracing::warn!("utterance is longer than the recognizer's limit; its rest is not recognised");
            }
            return Ok(None);
        }
        self.decode(frame)?;
        if self.pushed.is_multiple_of(PARTIAL_EVERY) { self.partial() } else { Ok(None) }
    }

    fn decode(&mut self, frame: &Frame) -> Result<(), Fault> {
        let mut samples = [0f32; crate::base::MAX_FRAME_SAMPLES];
        let wide = match &mut self.upsampler {
            Some(upsampler) => upsampler.push(frame.samples(), &mut samples),
            None => {
                samples.iter_mut().zip(frame.samples()).for_each(|(to, &from)| *to = f32::from(from));
                &samples[..]
            }
        };
        let (mut cepstra, tables) = (Vec::with_capacity(3), &self.lease.shared.tables);
        self.front.push(wide, |mel| cepstra.push(tables.cepstrum(&mel)));
        for cepstrum in &mut cepstra {
            self.means.normalise(cepstrum);
        }
        self.decoded += cepstra.len();
        let pair = self.lease.pair()?;
        pair.phones.push(&mut cepstra.clone()).map_err(|e| failed(&e))?;
        pair.sentences.push(&mut cepstra).map_err(|e| failed(&e))
    }

    fn partial(&mut self) -> Result<Option<Hypothesis>, Fault> {
        let text = self.lease.pair()?.sentences.best().map(|(text, _)| plain(&text)).unwrap_or_default();
        if text == self.told {
            return Ok(None);
        }
        self.told.clone_from(&text);
        // Rejection needs the whole utterance.
        Ok(Some(Hypothesis { text, confidence: None, words: Vec::new(), accepted: true }))
    }

    fn end(mut self) -> Result<(Hypothesis, Means), Fault> {
        // The upsampler holds the last 10 ms back.
        self.decode(&Frame::silence(if self.upsampler.is_some() { Rate::Hz8000 } else { Rate::Hz16000 }))?;
        let frames = self.decoded.max(1) as f64;
        let pair = self.lease.pair()?;
        pair.sentences.end().map_err(|e| failed(&e))?;
        pair.phones.end().map_err(|e| failed(&e))?;
        let sentence = pair.sentences.best();
        let margin = match (&sentence, pair.phones.best()) {
            (Some((_, said)), Some((_, any))) => (f64::from(*said) - f64::from(any)) / frames,
            _ => f64::NEG_INFINITY,
        };
        let segments = pair.sentences.segments();
        let text = sentence.map(|(text, _)| plain(&text)).unwrap_or_default();
        let hypothesis = self.hypothesis(text, &segments, margin);
        self.lease.give_back();
        Ok((hypothesis, self.means))
    }

    fn hypothesis(&self, text: String, segments: &[Segment], margin: f64) -> Hypothesis {
        let shared = &self.lease.shared;
        let accepted = !text.is_empty() && margin >= shared.accept_margin;
        let confidence = 1.0 / (1.0 + ((shared.accept_margin - margin) / CONFIDENCE_SCALE).exp());
        let words = segments.iter().filter(|s| !is_filler(&s.word)).map(|s| self.word(s)).collect();
        Hypothesis { text, confidence: Some(confidence as f32), words, accepted }
    }

    fn word(&self, segment: &Segment) -> Word {
        let late = self.upsampler.as_ref().map_or(Duration::ZERO, |_| Upsampler::DELAY);
        let at = |frame: i32| (self.at + DECODER_FRAME * u32::try_from(frame).unwrap_or(0)).back(late).max(self.at);
        Word {
            text: plain(&segment.word),
            start: at(segment.first_frame),
            end: at(segment.last_frame + 1),
            confidence: Some(segment.posterior.clamp(0.0, 1.0) as f32),
        }
    }
}

/// Silence and noise are not words.
fn is_filler(word: &str) -> bool {
    word.starts_with(['<', '[', '+'])
}

/// Words without the numbers of their alternatives.
fn plain(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().filter(|w| !is_filler(w)).map(|w| w.split_once('(').map_or(w, |(w, _)| w)).collect();
    words.join(" ")
}

fn missing(what: &str) -> Fault {
    Fault::Unavailable { organ: Organ::Ear, detail: format!("{what} is missing; {INSTALL}") }
}

fn failed(what: &str) -> Fault {
    Fault::Failed { organ: Organ::Ear, detail: what.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fillers_and_numbers_of_alternatives_are_no_words() {
        assert_eq!(plain("<s> i read(2) it [NOISE] <sil> out </s>"), "i read it out");
    }

    #[test]
    fn only_english_is_heard() {
        for (language, heard) in [("en", true), ("en-GB", true), ("EN_us", true), ("", true), ("de-DE", false), ("eng-lish", false)] {
            assert_eq!(speaks_english(language), heard, "{language}");
        }
    }

    #[test]
    fn a_missing_package_is_named_with_the_line_that_installs_it() {
        let table = PocketSphinxTable { dictionary: "/nowhere/dict".into(), ..PocketSphinxTable::default() };
        let Err(fault) = PocketSphinx::load(&table, &["yes".into()]) else { panic!("there is no such dictionary") };
        assert!(fault.to_string().contains("apt-get install libpocketsphinx3 pocketsphinx-en-us libflite1"), "{fault}");
        assert!(!fault.is_retryable());
    }
}
