//! The hosted recognizer and synthesizer against a stand-in that keeps Deepgram's contract, and misbehaves as told.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::peers::until_so;
use crate::standins::KEY;
use crate::standins::deepgram::{Deepgram, Ear, Mouth};
use segue::base::{CallId, Fault, Frame, LegId, Rate, Time, UtteranceId, Wording};
use segue::listen::types::Hypothesis;
use segue::speech::deepgram::{DeepgramEar, DeepgramEncoding, DeepgramTable, DeepgramVoice};
use segue::speech::standby::WithStandby;
use segue::speech::voice::{Voice, VoiceTable};
use segue::speech::{Answering, EarOpening, Recognizer, RecognizerStream, Synthesizer, VoiceStream};

/// Nothing here takes longer on a busy machine.
const DEADLINE: Duration = Duration::from_secs(60);
const RATE: Rate = Rate::Hz8000;

/// A file with the key, which is removed at the end.
struct KeyFile(PathBuf);

impl KeyFile {
    fn new(key: &str) -> Self {
        let path = std::env::temp_dir().join(format!("segue-test-{}", uuid::Uuid::now_v7()));
        std::fs::write(&path, key).unwrap();
        KeyFile(path)
    }
}

impl Drop for KeyFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn table(at: &Deepgram, key: &KeyFile) -> DeepgramTable {
    DeepgramTable { url: at.url(), api_key_file: Some(key.0.clone()), ..DeepgramTable::default() }
}

fn opening() -> EarOpening {
    EarOpening { call: CallId(uuid::Uuid::nil()), leg: LegId::CALLER, rate: RATE, language: "en-US".into() }
}

/// Says "embedded", and how many frames it was given.
struct Embedded;
struct Counting(usize);

impl Recognizer for Embedded {
    fn name(&self) -> &str {
        "embedded"
    }
    fn replay_delay(&self) -> Duration {
        Duration::ZERO
    }
    fn open(&self, _: EarOpening) -> Answering<'_, Box<dyn RecognizerStream>> {
        Box::pin(async { Ok(Box::new(Counting(0)) as Box<dyn RecognizerStream>) })
    }
}

impl RecognizerStream for Counting {
    fn begin(&mut self, _: UtteranceId, _: Time) -> Answering<'_, ()> {
        self.0 = 0;
        Box::pin(async { Ok(()) })
    }
    fn push(&mut self, _: Frame) -> Answering<'_, Option<Hypothesis>> {
        self.0 += 1;
        Box::pin(async { Ok(None) })
    }
    fn end(&mut self) -> Answering<'_, Hypothesis> {
        let text = format!("embedded {}", self.0);
        Box::pin(async { Ok(Hypothesis { text, accepted: true, ..Hypothesis::default() }) })
    }
}

/// An utterance of a second, at the speed of speech. What was heard, and the partial results before it.
async fn utterance(stream: &mut dyn RecognizerStream, n: u32) -> (Result<Hypothesis, Fault>, Vec<String>) {
    let mut partials = Vec::new();
    let spoken = async {
        stream.begin(UtteranceId(n), Time::from_secs_f64(100.0)).await?;
        for _ in 0..50 {
            partials.extend(stream.push(Frame::silence(RATE)).await?.map(|heard| heard.text));
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        stream.end().await
    };
    let heard = tokio::time::timeout(DEADLINE, spoken).await.unwrap();
    (heard, partials)
}

#[tokio::test(flavor = "multi_thread")]
async fn utterances_are_heard_one_after_the_other_on_one_connection() {
    for encoding in [DeepgramEncoding::Linear16, DeepgramEncoding::Mulaw] {
        let (server, key) = (Deepgram::start(&["where is my order", "it is number forty one"]).await, KeyFile::new(KEY));
        let ear = DeepgramEar::load(&DeepgramTable { encoding, keyterms: vec!["lamp".into()], ..table(&server, &key) }).unwrap();
        let mut stream = ear.open(opening()).await.unwrap();
        let (heard, partials) = utterance(&mut *stream, 0).await;
        let heard = heard.unwrap();
        assert_eq!((heard.text.as_str(), heard.accepted), ("where is my order", true));
        assert!(heard.confidence.is_some_and(|c| c > 0.9));
        assert_eq!((heard.words.len(), heard.words[0].start), (4, Time::from_secs_f64(100.0)));
        assert!(!partials.is_empty() && partials.iter().all(|partial| "where is my order".starts_with(partial.as_str())), "{partials:?}");
        let (heard, _) = utterance(&mut *stream, 1).await;
        let heard = heard.unwrap();
        assert_eq!(heard.text, "it is number forty one");
        assert_eq!(heard.words[0].start, Time::from_secs_f64(100.0), "times are the call's, not the connection's");
        assert_eq!(stream.trouble(), None);
        drop(stream);
        until_so("the goodbye", || server.book.with(|book| book.goodbyes) > 0).await;
        let bytes = if encoding == DeepgramEncoding::Mulaw { 160 } else { 320 };
        server.book.with(|book| assert_eq!((book.connections, book.sound_bytes), (1, 100 * bytes)));
        server.holds();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_to_fail_leads_to_the_embedded_recognizer_with_the_whole_utterance() {
    for (ear, first, second) in [
        (Ear::Refuses, "embedded 50", "embedded 50"),
        (Ear::Busy("30"), "embedded 50", "embedded 50"),
        (Ear::Hangs, "embedded 50", "embedded 50"),
        (Ear::DropsIn(0), "embedded 50", "embedded 50"),
        (Ear::DropsIn(1), "hello there", "embedded 50"),
        (Ear::BreaksIn(1), "hello there", "embedded 50"),
        (Ear::SilentFrom(0), "embedded 50", "embedded 50"),
        (Ear::SilentFrom(1), "hello there", "embedded 50"),
        (Ear::Endless, "embedded 50", "embedded 50"),
    ] {
        let (server, key) = (Deepgram::start(&["hello there", "good bye"]).await, KeyFile::new(KEY));
        server.book.with(|book| book.ear = ear);
        let hosted = DeepgramEar::load(&DeepgramTable { connect_secs: 1.0, ..table(&server, &key) }).unwrap();
        let both = WithStandby::new(Arc::new(hosted), Arc::new(Embedded));
        let mut stream = tokio::time::timeout(DEADLINE, both.open(opening())).await.unwrap().unwrap();
        let mut troubles = Vec::new();
        for (n, expected) in [first, second].into_iter().enumerate() {
            let (heard, _) = utterance(&mut *stream, n as u32).await;
            assert_eq!(heard.unwrap().text, expected, "{ear:?}, utterance {n}");
            troubles.extend(std::iter::from_fn(|| stream.trouble()));
        }
        assert_eq!(troubles.len(), 1, "{ear:?}: {troubles:?}");
        assert!(!troubles[0].to_string().contains(KEY));
        server.holds();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_told_to_come_back_soon_does_and_a_broken_connection_between_utterances_is_made_anew() {
    let (server, key) = (Deepgram::start(&["one", "two"]).await, KeyFile::new(KEY));
    server.book.with(|book| book.ear = Ear::Busy("0.2"));
    let ear = DeepgramEar::load(&table(&server, &key)).unwrap();
    let mut stream = ear.open(opening()).await.unwrap();
    // We may know that we are let in before the server has noted it.
    until_so("asked twice, let in once", || server.book.with(|book| (book.refused, book.connections) == (2, 1))).await;
    server.book.with(|book| book.ear = Ear::DropsOnceAfter(0));
    assert_eq!(utterance(&mut *stream, 0).await.0.unwrap().text, "one");
    // The connection is found to be broken at the latest when it is needed.
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(utterance(&mut *stream, 1).await.0.unwrap().text, "two");
    assert!(matches!(stream.trouble(), Some(Fault::Failed { .. })), "the break is told");
    server.book.with(|book| assert_eq!(book.connections, 2));
    server.holds();
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_failure_other_legs_do_not_wait_for_it() {
    let (server, key) = (Deepgram::start(&[]).await, KeyFile::new(KEY));
    server.book.with(|book| book.ear = Ear::Hangs);
    let ear = DeepgramEar::load(&DeepgramTable { connect_secs: 1.0, ..table(&server, &key) }).unwrap();
    assert!(matches!(ear.open(opening()).await.err(), Some(Fault::Stalled { .. })));
    let begun = std::time::Instant::now();
    assert!(matches!(ear.open(opening()).await.err(), Some(Fault::Unavailable { .. })));
    assert!(begun.elapsed() < Duration::from_millis(900), "it was waited for again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_is_refused_and_not_told() {
    let (server, key) = (Deepgram::start(&[]).await, KeyFile::new("wrong-key"));
    let (ear, voice) = (DeepgramEar::load(&table(&server, &key)).unwrap(), DeepgramVoice::load(&table(&server, &key)).unwrap());
    let faults = [ear.open(opening()).await.err().unwrap(), voice.speak("Hello.", "en", RATE).await.err().unwrap()];
    for fault in faults {
        assert!(matches!(fault, Fault::Unavailable { .. }) && fault.to_string().contains("INVALID_AUTH"), "{fault}");
        assert!(!fault.to_string().contains("wrong-key"), "{fault}");
    }
}

/// Speaks half a second of a wave that no stand-in sends.
struct Other;
struct Once(Option<Vec<i16>>);

impl Synthesizer for Other {
    fn name(&self) -> &str {
        "other"
    }
    fn speak<'a>(&'a self, _: &'a str, _: &'a str, rate: Rate) -> Answering<'a, Box<dyn VoiceStream>> {
        let sound = (0..rate.hz() / 2).map(|n| if n % 2 == 0 { 9_000 } else { -9_000 }).collect();
        Box::pin(async { Ok(Box::new(Once(Some(sound))) as Box<dyn VoiceStream>) })
    }
}

impl VoiceStream for Once {
    fn next(&mut self) -> Answering<'_, Option<Vec<i16>>> {
        let given = self.0.take();
        Box::pin(async { Ok(given) })
    }
}

async fn said(voice: &Voice, text: &str) -> (Vec<i16>, Vec<Fault>) {
    let (mut sound, mut faults) = (Vec::new(), Vec::new());
    let speaking = async {
        let mut stream = voice.speak(&Wording::text(text), "en", RATE).await.unwrap();
        loop {
            match stream.next().await {
                Ok(Some(chunk)) => sound.extend(chunk),
                Ok(None) => return,
                Err(fault) => faults.push(fault),
            }
        }
    };
    tokio::time::timeout(DEADLINE, speaking).await.unwrap();
    (sound, faults)
}

#[tokio::test(flavor = "multi_thread")]
async fn sentences_are_spoken_there_once_and_kept() {
    let (server, key) = (Deepgram::start(&[]).await, KeyFile::new(KEY));
    let hosted = DeepgramVoice::load(&table(&server, &key)).unwrap();
    let voice = Voice::load(&VoiceTable::default(), Some(Arc::new(hosted)), None).unwrap().with_standby(Some(Arc::new(Other)));
    for _ in 0..2 {
        let (sound, faults) = said(&voice, "Hello there. How are you?").await;
        assert!(faults.is_empty(), "{faults:?}");
        assert!(sound.len() > 8_000 && sound.iter().all(|s| s.abs() < 7_000), "{} samples", sound.len());
    }
    server.book.with(|book| assert_eq!(book.spoken, ["Hello there.", "How are you?"]));
    server.holds();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_to_fail_leads_to_the_embedded_voice_with_the_same_sentence() {
    for mouth in [Mouth::Fails, Mouth::Busy("30"), Mouth::Hangs, Mouth::Drops, Mouth::Stops, Mouth::Talks, Mouth::Endless, Mouth::Silent] {
        let (server, key) = (Deepgram::start(&[]).await, KeyFile::new(KEY));
        server.book.with(|book| book.mouth = mouth);
        let hosted = DeepgramVoice::load(&DeepgramTable { first_sound_secs: 1.0, ..table(&server, &key) }).unwrap();
        let voice = Voice::load(&VoiceTable::default(), Some(Arc::new(hosted)), None).unwrap().with_standby(Some(Arc::new(Other)));
        let (sound, faults) = said(&voice, "Hello there.").await;
        assert!(sound.iter().any(|s| s.abs() > 8_000) && sound.len() > 3_000, "{mouth:?}: {} samples", sound.len());
        assert_eq!(faults.len(), 1, "{mouth:?}: {faults:?}");
        assert!(voice.cached(&Wording::text("Hello there."), "en", RATE).is_none(), "{mouth:?}: what stood in is not kept");
        server.holds();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_voice_that_is_busy_for_a_moment_is_asked_again() {
    let (server, key) = (Deepgram::start(&[]).await, KeyFile::new(KEY));
    server.book.with(|book| book.mouth = Mouth::Busy("0.1"));
    let hosted = DeepgramVoice::load(&table(&server, &key)).unwrap();
    let voice = Voice::load(&VoiceTable::default(), Some(Arc::new(hosted)), None).unwrap();
    let (_, faults) = said(&voice, "Hello there.").await;
    assert!(faults.is_empty(), "{faults:?}");
    server.book.with(|book| assert_eq!(book.spoken.len(), 2));
}
