//! flite speaks, a µ-law line carries, PocketSphinx listens: the embedded voice and ear against each other.
//!
//! Needs the run-time packages; without them every test says so and is skipped.

use std::task::{Context, Poll, Waker};

use segue::base::{CallId, Fault, Frame, LegId, Organ, Rate, Time, UtteranceId};
use segue::listen::types::Hypothesis;
use segue::speech::flite::Flite;
use segue::speech::pocketsphinx::PocketSphinx;
use segue::speech::{
    Answering, EarOpening, FliteTable, FliteVoice, PocketSphinxTable, Recognizer, RecognizerEngine, RecognizerStream, SpeechTable, Synthesizer,
    SynthesizerEngine, doctor,
};

/// What callers say to a small business line.
const DOMAIN: [&str; 24] = [
    "what are your opening hours",
    "are you open on saturday",
    "when do you close today",
    "where is my order",
    "i want to know the status of my order",
    "my order has not arrived yet",
    "i have a question about my invoice",
    "the invoice is wrong",
    "i was charged twice",
    "i would like to make an appointment",
    "can i come on tuesday morning",
    "please cancel my appointment",
    "yes please",
    "no thank you",
    "that is right",
    "that is wrong",
    "agent",
    "operator",
    "representative please",
    "i want to talk to a person",
    "can i speak to a human being",
    "let me talk to your manager",
    "this is not helping",
    "you do not understand me",
];

/// Said by nobody who calls that line.
const ELSEWHERE: [&str; 12] = [
    "the quick brown fox jumps over the lazy dog",
    "we walked along the river until the sun went down",
    "she bought seven green apples at the market",
    "music by the old orchestra fills the theatre",
    "the train leaves the mountain village before dawn",
    "my sister plays chess with her neighbour every winter",
    "put some garlic and pepper into the soup",
    "clouds gather above the quiet harbour",
    "he painted the fence blue last summer",
    "the museum shows ships from three centuries",
    "rabbits dig holes beneath the garden wall",
    "a storm broke the window of the kitchen",
];

/// Embedded engines answer at once.
fn answer<T>(mut answering: Answering<'_, T>) -> Result<T, Fault> {
    match answering.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("an embedded engine let us wait"),
    }
}

fn now<T>(answering: Answering<'_, T>) -> T {
    answer(answering).expect("the engine works")
}

fn ear() -> Option<PocketSphinx> {
    let sentences: Vec<String> = DOMAIN.iter().map(|s| (*s).to_owned()).collect();
    match PocketSphinx::load(&PocketSphinxTable::default(), &sentences) {
        Ok(ear) => Some(ear),
        Err(fault) => {
            eprintln!("SKIPPED: {fault}");
            None
        }
    }
}

fn voice(voice: FliteVoice) -> Option<Flite> {
    match Flite::load(&FliteTable { voice, ..FliteTable::default() }) {
        Ok(voice) => Some(voice),
        Err(fault) => {
            eprintln!("SKIPPED: {fault}");
            None
        }
    }
}

/// ITU-T G.711 µ-law there and back, by the segment formula.
fn mulaw(sample: i16) -> i16 {
    let (sign, magnitude) = (i32::from(sample.signum()), i32::from(sample).abs().min(32_635) + 132);
    let segment = (0..8).rev().find(|e| magnitude >= 128 << e).unwrap_or(0);
    let step = (magnitude >> (segment + 3)) & 15;
    (sign * ((((step << 3) + 132) << segment) - 132)) as i16
}

/// The text as a telephone line brings it, with 200 ms of line noise on both sides.
fn spoken(voice: &Flite, text: &str) -> Vec<Frame> {
    let rate = Rate::Hz8000;
    let noise = |n: usize| ((n * 7_919 % 31) as i16) - 15;
    let mut sound: Vec<i16> = (0..1_600).map(noise).collect();
    let mut stream = now(voice.speak(text, "en-US", rate));
    while let Some(chunk) = now(stream.next()) {
        sound.extend(chunk);
    }
    sound.extend((0..1_600).map(noise));
    sound.chunks(rate.frame_samples()).map(|part| Frame::from_samples(rate, &part.iter().map(|&s| mulaw(s)).collect::<Vec<_>>())).collect()
}

fn leg(ear: &PocketSphinx) -> Box<dyn RecognizerStream> {
    let opening = EarOpening { call: CallId(uuid::Uuid::nil()), leg: LegId::CALLER, rate: Rate::Hz8000, language: "en-US".into() };
    now(ear.open(opening))
}

fn hear(stream: &mut dyn RecognizerStream, n: u32, frames: &[Frame]) -> (Vec<Hypothesis>, Hypothesis) {
    now(stream.begin(UtteranceId(n), Time::from_millis(u64::from(n) * 60_000)));
    let partials = frames.iter().filter_map(|&frame| now(stream.push(frame))).collect();
    (partials, now(stream.end()))
}

/// Fewest insertions, deletions and substitutions from one list of words to the other.
fn word_errors(said: &str, heard: &str) -> usize {
    let heard: Vec<&str> = heard.split_whitespace().collect();
    let mut row: Vec<usize> = (0..=heard.len()).collect();
    for (i, word) in said.split_whitespace().enumerate() {
        let mut last = row[0];
        row[0] = i + 1;
        for (j, other) in heard.iter().enumerate() {
            let best = (last + usize::from(word != *other)).min(row[j] + 1).min(row[j + 1] + 1);
            last = std::mem::replace(&mut row[j + 1], best);
        }
    }
    row[heard.len()]
}

#[test]
fn sentences_of_the_domain_are_understood_over_a_telephone_line() {
    let Some(ear) = ear() else { return };
    for name in [FliteVoice::Rms, FliteVoice::Slt, FliteVoice::Kal16] {
        let Some(voice) = voice(name) else { return };
        let mut stream = leg(&ear);
        let (mut words, mut errors, mut accepted) = (0, 0, 0);
        for (n, text) in DOMAIN.iter().enumerate() {
            let (_, heard) = hear(stream.as_mut(), n as u32, &spoken(&voice, text));
            eprintln!("{name:?}: {text:?} -> {:?} {} {:?}", heard.text, heard.accepted, heard.confidence);
            words += text.split_whitespace().count();
            errors += word_errors(text, &heard.text);
            accepted += usize::from(heard.accepted);
        }
        eprintln!("{name:?}: {errors} errors in {words} words, {accepted} of {} accepted", DOMAIN.len());
        assert!(errors * 10 <= words, "{name:?}: {errors} errors in {words} words");
        assert!(accepted * 10 >= DOMAIN.len() * 9, "{name:?}: {accepted} accepted");
    }
}

#[test]
fn speech_of_elsewhere_is_rejected() {
    let (Some(ear), Some(voice)) = (ear(), voice(FliteVoice::Rms)) else { return };
    let mut stream = leg(&ear);
    let mut accepted = 0;
    for (n, text) in ELSEWHERE.iter().enumerate() {
        let (_, heard) = hear(stream.as_mut(), n as u32, &spoken(&voice, text));
        eprintln!("{text:?} -> {:?} {} {:?}", heard.text, heard.accepted, heard.confidence);
        accepted += usize::from(heard.accepted);
    }
    assert!(accepted <= 1, "{accepted} of {} accepted", ELSEWHERE.len());
}

#[test]
fn a_sentence_is_heard_the_same_whoever_used_the_decoder_before() {
    let (Some(ear), Some(voice)) = (ear(), voice(FliteVoice::Rms)) else { return };
    let (said, other) = (spoken(&voice, "i want to talk to a person"), spoken(&voice, ELSEWHERE[3]));
    let (_, alone) = hear(leg(&ear).as_mut(), 0, &said);
    for n in 1..4 {
        let mut stranger = leg(&ear);
        hear(stranger.as_mut(), 0, &other);
        // Cancelled in the midst: the stranger hangs up.
        now(stranger.begin(UtteranceId(1), Time::ZERO));
        other.iter().take(20 * n).for_each(|&frame| {
            now(stranger.push(frame));
        });
        drop(stranger);
        let (_, again) = hear(leg(&ear).as_mut(), 0, &said);
        assert_eq!(alone, again, "after {n} strangers");
    }
}

#[test]
fn twenty_at_once_on_two_threads_hear_what_each_hears_alone() {
    let (Some(ear), Some(voice)) = (ear(), voice(FliteVoice::Slt)) else { return };
    let calls: Vec<Vec<Vec<Frame>>> = (0..20).map(|n| (0..2).map(|k| spoken(&voice, DOMAIN[(n + 7 * k) % DOMAIN.len()])).collect()).collect();
    let alone: Vec<Vec<Hypothesis>> = calls.iter().map(|call| whole_call(&ear, call)).collect();
    let (ear, half) = (&ear, calls.len() / 2);
    let together: Vec<Vec<Hypothesis>> = std::thread::scope(|scope| {
        let threads: Vec<_> = calls.chunks(half).map(|calls| scope.spawn(move || interleaved(ear, calls))).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect()
    });
    assert_eq!(alone, together);
}

fn whole_call(ear: &PocketSphinx, call: &[Vec<Frame>]) -> Vec<Hypothesis> {
    let mut stream = leg(ear);
    call.iter().zip(0..).map(|(utterance, n)| hear(stream.as_mut(), n, utterance).1).collect()
}

/// All calls of a thread at the same time, frame by frame in turn.
fn interleaved(ear: &PocketSphinx, calls: &[Vec<Vec<Frame>>]) -> Vec<Vec<Hypothesis>> {
    let mut streams: Vec<_> = calls.iter().map(|_| leg(ear)).collect();
    let mut heard: Vec<Vec<Hypothesis>> = vec![Vec::new(); calls.len()];
    for (utterance, n) in (0..calls[0].len()).zip(0..) {
        for stream in &mut streams {
            now(stream.begin(UtteranceId(n), Time::from_millis(u64::from(n) * 60_000)));
        }
        let longest = calls.iter().map(|call| call[utterance].len()).max().unwrap_or(0);
        for at in 0..longest {
            for (stream, call) in streams.iter_mut().zip(calls) {
                if let Some(&frame) = call[utterance].get(at) {
                    now(stream.push(frame));
                }
            }
        }
        for (stream, heard) in streams.iter_mut().zip(&mut heard) {
            heard.push(now(stream.end()));
        }
    }
    heard
}

#[test]
fn words_come_in_order_within_the_utterance_and_partials_not_more_often_than_five_a_second() {
    let (Some(ear), Some(voice)) = (ear(), voice(FliteVoice::Rms)) else { return };
    let said = spoken(&voice, "i want to know the status of my order");
    let (partials, heard) = hear(leg(&ear).as_mut(), 3, &said);
    let texts: Vec<&str> = heard.words.iter().map(|w| w.text.as_str()).collect();
    assert_eq!(texts.join(" "), heard.text);
    let (begin, end) = (Time::from_millis(180_000), Time::from_millis(180_000 + 20 * said.len() as u64));
    assert!(heard.words.iter().all(|w| begin <= w.start && w.start < w.end && w.end <= end), "{:?}", heard.words);
    assert!(heard.words.windows(2).all(|pair| pair[0].end <= pair[1].start), "{:?}", heard.words);
    assert!(!partials.is_empty() && partials.len() <= said.len() / 10);
    assert!(partials.windows(2).all(|pair| pair[0].text != pair[1].text));
}

#[test]
fn the_pool_has_a_limit_and_a_cancelled_utterance_makes_room() {
    let sentences = ["yes".to_owned()];
    let table = PocketSphinxTable { pool: 1, ..PocketSphinxTable::default() };
    let Ok(ear) = PocketSphinx::load(&table, &sentences) else { return eprintln!("SKIPPED: no recognizer") };
    let (mut first, mut second) = (leg(&ear), leg(&ear));
    now(first.begin(UtteranceId(0), Time::ZERO));
    assert!(matches!(answer(second.begin(UtteranceId(0), Time::ZERO)), Err(Fault::Overloaded { organ: Organ::Ear, .. })));
    drop(first);
    now(second.begin(UtteranceId(1), Time::ZERO));
    assert_eq!(now(second.end()).text, "");
    assert!(answer(second.end()).is_err() && answer(second.push(Frame::silence(Rate::Hz8000))).is_err());
}

#[test]
fn the_same_text_gives_the_same_samples() {
    let Some(voice) = voice(FliteVoice::Rms) else { return };
    let first = spoken(&voice, DOMAIN[4]);
    spoken(&voice, DOMAIN[5]);
    assert!(first == spoken(&voice, DOMAIN[4]));
}

#[test]
fn odd_texts_are_spoken_or_refused_and_never_break_the_voice() {
    let Some(voice) = voice(FliteVoice::Rms) else { return };
    for text in ["", " ", "!?", "\u{0}", "a", "<speak>", "ΩЖ漢", "$1,234.56 on 12/24", &"very ".repeat(200)] {
        let mut stream = now(voice.speak(text, "en", Rate::Hz16000));
        while let Ok(Some(_)) = answer(stream.next()) {}
    }
    assert!(spoken(&voice, "hello").len() > 30);
}

#[test]
fn engines_that_are_off_lack_nothing() {
    let table = SpeechTable { recognizer: RecognizerEngine::Off, synthesizer: SynthesizerEngine::Off, ..SpeechTable::default() };
    assert!(doctor(&table).is_well());
}
