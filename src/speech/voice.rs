//! What a call speaks with: synthesizer, recorded prompts and a cache of spoken phrases, which is never silent.
//!
//! A wording is cut into sentences; each is spoken once and kept, so that of a template only the varying part is new.
//! [`Voice::ahead`] speaks everything that is known when the configuration is loaded; [`Voice::cached`] joins a wording
//! from what is kept, at once; [`Voice::speak`] gives it piece by piece. A prompt whose file is missing is spoken from its
//! text. What can't be spoken at all is a short signal tone, and its fault comes after the last sound. What is *not* here:
//! playing, and stopping.

mod cache;
mod join;
mod prompts;
mod sentence;
mod table;

use std::collections::VecDeque;
use std::future::ready;
use std::path::Path;
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};

use crate::base::{Fault, Organ, Phrase, Rate, Wording};
use crate::speech::{Answering, Synthesizer, VoiceStream};

use cache::{Cache, Piece};
use prompts::Prompts;
use sentence::sentences;

pub use table::VoiceTable;

/// The voice of the gateway, shared by all calls; a clone is the same voice.
#[derive(Clone)]
pub struct Voice {
    shared: Arc<Shared>,
}

struct Shared {
    synthesizer: Option<Arc<dyn Synthesizer>>,
    /// Speaks what the synthesizer can't.
    standby: Option<Arc<dyn Synthesizer>>,
    prompts: Arc<Prompts>,
    cache: Mutex<Cache>,
}

impl Voice {
    /// A voice of this synthesizer and the prompts in `prompts` (file stem → name).
    ///
    /// # Errors
    /// [`Fault::Unavailable`] if the directory can't be read.
    pub fn load(table: &VoiceTable, synthesizer: Option<Arc<dyn Synthesizer>>, prompts: Option<&Path>) -> Result<Voice, Fault> {
        let prompts = prompts.or(table.prompts.as_deref()).map(Prompts::list).transpose()?.unwrap_or_default();
        let prompts = Arc::new(prompts);
        let cache = Mutex::new(Cache::new(table.cache_mb.saturating_mul(1 << 20)));
        Ok(Voice { shared: Arc::new(Shared { synthesizer, standby: None, prompts, cache }) })
    }

    /// The same voice, with a synthesizer that speaks what the first one can't, at once and the same phrase. What it says
    /// is not kept: the next time the first one is asked again.
    pub fn with_standby(self, standby: Option<Arc<dyn Synthesizer>>) -> Voice {
        let Shared { synthesizer, prompts, .. } = &*self.shared;
        let cache = Mutex::new(self.shared.cache().clone());
        Voice { shared: Arc::new(Shared { synthesizer: synthesizer.clone(), standby, prompts: Arc::clone(prompts), cache }) }
    }

    /// The same voice with a cache of its own, which begins with what is kept now. A replayed call takes one, so that
    /// what is there at once never depends on what other calls have said.
    pub fn fork(&self) -> Voice {
        let Shared { synthesizer, standby, prompts, .. } = &*self.shared;
        let cache = Mutex::new(self.shared.cache().clone());
        let (synthesizer, standby) = (synthesizer.clone(), standby.clone());
        Voice { shared: Arc::new(Shared { synthesizer, standby, prompts: Arc::clone(prompts), cache }) }
    }

    /// Keeps what another has spoken, if it is the same voice; recordings may have changed since.
    pub fn take_phrases_of(&self, other: &Voice) {
        let name = |voice: &Voice| voice.shared.synthesizer.as_ref().map(|synthesizer| synthesizer.name().to_owned());
        if name(self).is_some() && name(self) == name(other) {
            let phrases = other.shared.cache().clone();
            self.shared.cache().take_phrases_of(phrases);
        }
    }

    /// Speaks these wordings into the cache; gives what went wrong, so that it is known before the first call.
    pub async fn ahead(&self, wordings: &[Wording], language: &str, rate: Rate) -> Vec<Fault> {
        let mut faults = Vec::new();
        for piece in wordings.iter().flat_map(|wording| pieces(wording, language, rate)) {
            if self.shared.kept(&piece).is_none() {
                faults.extend(self.shared.make(&piece).await.1);
            }
        }
        faults
    }

    /// The whole wording's samples at `rate`, if every piece is kept (or is a prompt on disk that was kept).
    pub fn cached(&self, wording: &Wording, language: &str, rate: Rate) -> Option<Arc<[i16]>> {
        let pieces = pieces(wording, language, rate);
        let kept: Option<Vec<Arc<[i16]>>> = pieces.iter().map(|piece| self.shared.kept(piece)).collect();
        let mut whole = Vec::new();
        for (piece, sound) in pieces.iter().zip(kept?) {
            join::append(&mut whole, piece, &sound);
        }
        (!whole.is_empty()).then(|| whole.into())
    }

    /// The wording piece by piece. Always gives some sound for a wording that is not empty; if a piece could not be
    /// spoken, its fault comes as the stream's last answer but one, after all sound.
    pub fn speak(&self, wording: &Wording, language: &str, rate: Rate) -> Answering<'_, Box<dyn VoiceStream>> {
        let stream = Pieces { shared: Arc::clone(&self.shared), left: pieces(wording, language, rate).into(), faults: VecDeque::new() };
        Box::pin(ready(Ok(Box::new(stream) as Box<dyn VoiceStream>)))
    }

    /// How many phrases are kept, and how many were thrown away for room.
    pub fn cache_counts(&self) -> (usize, u64) {
        let cache = self.shared.cache();
        (cache.len(), cache.thrown_away())
    }
}

/// What is spoken, kept and joined one by one, in order.
fn pieces(wording: &Wording, language: &str, rate: Rate) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for phrase in &wording.0 {
        let (prompt, texts) = match phrase {
            Phrase::Text(text) => (None, sentences(text)),
            Phrase::Prompt { name, text } => (Some(name.clone()), vec![text.clone()]),
        };
        let of = |text| Piece { prompt: prompt.clone(), text, language: language.to_owned(), rate };
        pieces.extend(texts.into_iter().map(of));
    }
    pieces
}

impl Shared {
    fn cache(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock()
    }

    fn kept(&self, piece: &Piece) -> Option<Arc<[i16]>> {
        self.cache().find(piece)
    }

    /// The piece's sound and what went wrong: recording, else its text spoken by whoever can, else the signal tone.
    async fn make(&self, piece: &Piece) -> (Arc<[i16]>, Option<Fault>) {
        let mut trouble = None;
        if let Some(name) = &piece.prompt {
            match self.prompts.read(name, piece.rate) {
                Ok(sound) => return (self.keep(piece, join::tidy_recording(sound, piece.rate)), None),
                Err(fault) => trouble = Some(fault),
            }
        }
        let fault = match synthesize(self.synthesizer.as_deref(), piece).await {
            Ok(sound) => return (self.keep(piece, join::tidy(sound, piece.rate)), trouble),
            Err(fault) => fault,
        };
        let spoken = match &self.standby {
            Some(standby) => synthesize(Some(&**standby), piece).await.ok(),
            None => None,
        };
        let sound = spoken.map_or_else(|| join::signal_tone(piece.rate), |sound| join::tidy(sound, piece.rate));
        (sound.into(), trouble.or(Some(fault)))
    }

    fn keep(&self, piece: &Piece, sound: Vec<i16>) -> Arc<[i16]> {
        let sound: Arc<[i16]> = sound.into();
        self.cache().keep(piece.clone(), Arc::clone(&sound));
        sound
    }
}

/// A piece's samples, bounded and not silent.
async fn synthesize(synthesizer: Option<&dyn Synthesizer>, piece: &Piece) -> Result<Vec<i16>, Fault> {
    let Some(synthesizer) = synthesizer else {
        return Err(Fault::Unavailable { organ: Organ::Voice, detail: "there is no synthesizer, and no recording for this".into() });
    };
    let mut stream = synthesizer.speak(&piece.text, &piece.language, piece.rate).await?;
    let mut sound = Vec::new();
    while let Some(chunk) = stream.next().await? {
        if sound.len() + chunk.len() > join::LONGEST_SECS * piece.rate.hz() as usize {
            return Err(Fault::Overloaded { organ: Organ::Voice, detail: format!("a sentence is longer than {} s", join::LONGEST_SECS) });
        }
        sound.extend(chunk);
    }
    if sound.iter().all(|&s| s == 0) {
        return Err(Fault::Malformed { organ: Organ::Voice, detail: "the synthesizer gave silence".into() });
    }
    Ok(sound)
}

/// The pieces still to be given.
struct Pieces {
    shared: Arc<Shared>,
    left: VecDeque<Piece>,
    faults: VecDeque<Fault>,
}

impl VoiceStream for Pieces {
    fn next(&mut self) -> Answering<'_, Option<Vec<i16>>> {
        Box::pin(async move {
            let Some(piece) = self.left.pop_front() else {
                return self.faults.pop_front().map_or(Ok(None), Err);
            };
            let sound = match self.shared.kept(&piece) {
                Some(sound) => sound,
                None => {
                    let (sound, fault) = self.shared.make(&piece).await;
                    self.faults.extend(fault);
                    sound
                }
            };
            let mut given = Vec::new();
            join::append(&mut given, &piece, &sound);
            Ok(Some(given))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::{Context, Poll, Waker};

    /// Says each letter as 10 ms of a constant; refuses what contains "fail".
    struct Letters;
    struct Once(Option<Vec<i16>>);

    impl Synthesizer for Letters {
        fn name(&self) -> &str {
            "letters"
        }
        fn speak<'a>(&'a self, text: &'a str, _: &'a str, rate: Rate) -> Answering<'a, Box<dyn VoiceStream>> {
            let fault = Fault::Failed { organ: Organ::Voice, detail: "refused".into() };
            let samples = text.bytes().flat_map(|b| vec![i16::from(b) * 100; rate.hz() as usize / 100]).collect();
            let spoken = if text.contains("fail") { Err(fault) } else { Ok(Box::new(Once(Some(samples))) as Box<dyn VoiceStream>) };
            Box::pin(ready(spoken))
        }
    }

    impl VoiceStream for Once {
        fn next(&mut self) -> Answering<'_, Option<Vec<i16>>> {
            Box::pin(ready(Ok(self.0.take())))
        }
    }

    fn now<T>(future: impl Future<Output = T>) -> T {
        match std::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(answer) => answer,
            Poll::Pending => panic!("nothing to wait for"),
        }
    }

    fn letters() -> Voice {
        Voice::load(&VoiceTable::default(), Some(Arc::new(Letters)), None).expect("no directory to read")
    }

    fn all(voice: &Voice, wording: &Wording) -> (Vec<i16>, Vec<Fault>) {
        let mut stream = now(voice.speak(wording, "en", Rate::Hz8000)).expect("it speaks");
        let (mut sound, mut faults) = (Vec::new(), Vec::new());
        loop {
            match now(stream.next()) {
                Ok(Some(chunk)) => sound.extend(chunk),
                Ok(None) => return (sound, faults),
                Err(fault) => faults.push(fault),
            }
        }
    }

    #[test]
    fn what_was_spoken_ahead_is_there_at_once_and_the_same() {
        let (voice, wording) = (letters(), Wording::text("You are next. Please hold."));
        assert!(voice.cached(&wording, "en", Rate::Hz8000).is_none());
        assert!(now(voice.ahead(std::slice::from_ref(&wording), "en", Rate::Hz8000)).is_empty());
        let cached = voice.cached(&wording, "en", Rate::Hz8000).expect("spoken ahead");
        assert_eq!(*cached, *all(&voice, &wording).0);
        assert!(voice.cached(&wording, "en", Rate::Hz16000).is_none(), "another rate is another sound");
    }

    #[test]
    fn of_a_template_only_the_varying_part_is_new() {
        let voice = letters();
        let of = |place: &str| Wording(vec![Phrase::Text("You are number".into()), Phrase::Text(place.into()), Phrase::Text("in line.".into())]);
        now(voice.ahead(&[of("three")], "en", Rate::Hz8000));
        let (kept, _) = voice.cache_counts();
        all(&voice, &of("four"));
        assert_eq!((kept, voice.cache_counts().0), (3, 4));
    }

    #[test]
    fn what_can_not_be_spoken_is_a_tone_and_its_fault_comes_last() {
        let silent = Voice::load(&VoiceTable::default(), None, None).expect("no directory to read");
        let failing = letters();
        let prompt = Wording(vec![Phrase::Prompt { name: "welcome".into(), text: "fail".into() }]);
        for (voice, wording) in [(&silent, Wording::text("Hello.")), (&failing, Wording::text("This will fail. This not.")), (&failing, prompt)] {
            let (sound, faults) = all(voice, &wording);
            assert!(sound.iter().any(|s| s.unsigned_abs() > 1_000), "silence for {wording:?}");
            assert_eq!(faults.len(), 1);
            assert!(voice.cached(&wording, "en", Rate::Hz8000).is_none(), "a tone is not kept");
        }
    }

    #[test]
    fn a_missing_recording_is_spoken_and_said() {
        let voice = letters();
        let wording = Wording(vec![Phrase::Prompt { name: "nowhere".into(), text: "Welcome.".into() }]);
        let faults = now(voice.ahead(std::slice::from_ref(&wording), "en", Rate::Hz8000));
        assert!(faults.iter().any(|f| f.to_string().contains("nowhere")), "{faults:?}");
        assert!(voice.cached(&wording, "en", Rate::Hz8000).is_some_and(|sound| sound.len() > 400));
    }

    #[test]
    fn a_fork_begins_with_what_is_kept_and_then_goes_its_own_way() {
        let (voice, before, after) = (letters(), Wording::text("Before."), Wording::text("After."));
        now(voice.ahead(std::slice::from_ref(&before), "en", Rate::Hz8000));
        let fork = voice.fork();
        all(&voice, &after);
        assert!(fork.cached(&before, "en", Rate::Hz8000).is_some());
        assert!(fork.cached(&after, "en", Rate::Hz8000).is_none());
    }

    #[test]
    fn an_empty_wording_is_no_sound_and_no_fault() {
        assert_eq!(all(&letters(), &Wording::default()), (vec![], vec![]));
        assert_eq!(letters().cached(&Wording::text(" "), "en", Rate::Hz8000), None);
    }
}
