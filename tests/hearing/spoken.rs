//! The scripted conversations of `tests/dialogues` as sound: the embedded voice calls the sample bot over a µ-law line.
//!
//! Each line of a script is spoken by flite, keys are tones, and the whole call goes through `segue::replay` with the
//! built-in configuration: speech detector, turn taking, recognizer, bot, signals and triggers are the real ones. The
//! recording waits while the bot speaks. What is expected of a step is looked for in what happened between its sound and
//! that of the next one. Needs the run-time packages; without them every test says so and is skipped.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::scripts::{Script, Step, mercury, scripts};
use segue::base::{CallId, EndedBy, Happening, Key, Party, Rate, Record, SignalKind};
use segue::bot::configured::ConfiguredBot;
use segue::bot::{BotEvent, BotOpening};
use segue::config::Config;
use segue::gateway::Kit;
use segue::replay::expect::ExpectTable;
use segue::replay::options::Pace;
use segue::replay::result::ReplayObject;
use segue::replay::run::{Done, Job, VirtualTime, Watcher, run};
use segue::sound::g711::{ulaw_decode, ulaw_encode};
use segue::sound::tone;
use segue::speech::flite::Flite;
use segue::speech::{Answering, FliteTable, FliteVoice, Synthesizer, doctor};

/// The fewest dialogues that must pass as sound.
const LEAST_DIALOGUES: usize = 20;
const RATE: Rate = Rate::Hz8000;
/// Before the first words.
const LEAD_SECS: f64 = 1.0;
/// After words: longer than any pause that ends a turn.
const PAUSE_SECS: f64 = 2.0;
/// Between the keys of one entry.
const KEY_SECS: f64 = 0.1;
/// Noise of the line, about −70 dBFS.
const NOISE: i16 = 15;

/// Why it can't be spoken, if it can't.
fn unspeakable(script: &Script) -> Option<&'static str> {
    if script.foreign_words {
        return Some("words that the vocabulary has not got");
    }
    if !script.hears_words {
        return Some("a call without a recognizer");
    }
    script
        .step
        .iter()
        .find_map(|step| if step.mumble { Some("sounds without words") } else { step.resume.as_ref().map(|_| "a person who gives the caller back") })
}

fn now<T>(mut answering: Answering<'_, T>) -> T {
    match answering.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer.expect("the engine works"),
        Poll::Pending => panic!("an embedded engine let us wait"),
    }
}

fn flite(voice: FliteVoice) -> Flite {
    Flite::load(&FliteTable { voice, ..FliteTable::default() }).expect("the doctor found it")
}

/// A caller's side of a call.
struct Line {
    voice: Flite,
    samples: Vec<i16>,
}

impl Line {
    fn new(voice: FliteVoice) -> Line {
        let mut line = Line { voice: flite(voice), samples: Vec::new() };
        line.silence(LEAD_SECS);
        line
    }

    fn secs(&self) -> f64 {
        self.samples.len() as f64 / f64::from(RATE.hz())
    }

    fn silence(&mut self, secs: f64) {
        self.samples.resize(self.samples.len() + (secs * f64::from(RATE.hz())) as usize, 0);
    }

    fn say(&mut self, text: &str) {
        let mut stream = now(self.voice.speak(text, "en-US", RATE));
        while let Some(chunk) = now(stream.next()) {
            self.samples.extend(chunk);
        }
        self.silence(PAUSE_SECS);
    }

    fn press(&mut self, keys: &str) {
        for key in keys.chars() {
            let (on, off) = (Duration::from_secs_f64(KEY_SECS), Duration::from_secs_f64(KEY_SECS));
            self.samples.extend(tone::dtmf(RATE, Key::new(key).expect("a key"), on, off).iter());
        }
        self.silence(PAUSE_SECS);
    }

    /// As the telephone brings it: with a little noise, and in µ-law.
    fn write(&self, path: &Path) {
        let spec = hound::WavSpec { channels: 1, sample_rate: RATE.hz(), bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
        let mut wav = hound::WavWriter::create(path, spec).expect("a file in a directory of our own");
        let mut state = 1_u32;
        for &sample in &self.samples {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let noise = (state >> 16) as i16 % (NOISE + 1);
            wav.write_sample(ulaw_decode(ulaw_encode(sample.saturating_add(noise)))).expect("room on the disk");
        }
        wav.finalize().expect("room on the disk");
    }
}

/// A call to be made: its recording, and where in it each step begins, in s.
struct Call {
    name: String,
    recording: PathBuf,
    begins: Vec<f64>,
}

/// Nobody looks.
struct Alone;

impl Watcher for Alone {
    fn progress(&self, _: usize, _: &Path, _: f64, _: Option<f64>) {}
    fn over(&self, _: usize) {}
}

/// What happened in a call.
struct Heard {
    object: ReplayObject,
    records: Vec<Record>,
}

impl Heard {
    /// From the call's time to the recording's, both in s: it stands while the bot speaks, and else they go together.
    fn rec_s(&self, call_s: f64) -> f64 {
        let turns = self.object.turns.iter();
        let mut anchors: Vec<(f64, f64)> = turns.flat_map(|t| [(t.start_s, t.rec_start_s), (t.end_s, t.rec_end_s)]).collect();
        anchors.sort_by(|a, b| a.0.total_cmp(&b.0));
        let after = anchors.partition_point(|(call, _)| *call <= call_s);
        let (call, rec) = after.checked_sub(1).map_or((0.0, 0.0), |before| anchors[before]);
        let most = anchors.get(after).map_or(f64::INFINITY, |(_, rec)| *rec);
        (rec + call_s - call).min(most)
    }

    fn within(&self, (from, to): (f64, f64)) -> impl Iterator<Item = &Happening> {
        self.records.iter().filter(move |r| (from..to).contains(&self.rec_s(r.at.as_secs_f64()))).map(|r| &r.kind)
    }

    /// What the bot said, in lower case.
    fn told(&self, (from, to): (f64, f64)) -> String {
        let turns = self.object.turns.iter().filter(|t| t.who == Party::Bot && (from..to).contains(&t.rec_start_s));
        turns.filter_map(|t| t.text.as_deref()).collect::<Vec<_>>().join(" ").to_lowercase()
    }

    /// What was heard of the caller.
    fn understood(&self, (from, to): (f64, f64)) -> String {
        let turns = self.object.turns.iter().filter(|t| t.who == Party::Caller && (from..to).contains(&t.rec_end_s));
        turns.map(|t| format!("{:?} {:.2}", t.text.as_deref().unwrap_or("?"), t.confidence.unwrap_or(-1.0))).collect::<Vec<_>>().join(" + ")
    }

    /// Whether a person was asked for, by signal and by trigger.
    fn person_was_asked_for(&self, span: (f64, f64)) -> bool {
        let signal = self.within(span).any(|h| matches!(h, Happening::SignalHeard { signal: SignalKind::Request, who: Party::Caller, .. }));
        signal && self.hands_off(span)
    }

    fn hands_off(&self, span: (f64, f64)) -> bool {
        self.within(span).any(|h| matches!(h, Happening::Triggered { .. }))
    }
}

/// Replays calls with the built-in configuration at this wall time.
fn replay(kit: &Kit, calls: &[&Call], at: &str) -> Vec<Heard> {
    let out = calls.first().map_or_else(PathBuf::new, |call| call.recording.with_file_name("out"));
    let options = ExpectTable { pace: Some(Pace::Turns), at: Some(at.to_owned()), ..ExpectTable::default() };
    let job = Job { recordings: calls.iter().map(|c| c.recording.clone()).collect(), out: Some(out.clone()), options, ..Job::default() };
    let mut heard = Vec::new();
    run(&VirtualTime(kit), &job, &Alone, |n, done: Done| {
        assert!(done.errors.is_empty(), "{:?}", done.errors);
        let events = fs::read_to_string(out.join(&calls[n].name).join("events.jsonl")).expect("the records are filed");
        let records = events.lines().map(|line| serde_json::from_str(line).expect("a record")).collect();
        heard.push(Heard { object: done.object.expect("a replay without errors has a result"), records });
    });
    heard
}

/// The kit of the built-in configuration; `None`, loudly, if speech is not installed.
fn kit() -> Option<Kit> {
    let config = Config::read(None, [], |_| Err(std::io::ErrorKind::NotFound.into())).unwrap_or_else(|problems| panic!("{problems}"));
    if let Some(missing) = doctor(&config.speech).line() {
        eprintln!("SKIPPED, NOTHING WAS SPOKEN: {missing}");
        return None;
    }
    Some(Kit::load(config.kit_tables(None)).unwrap_or_else(|problems| panic!("{problems}")))
}

/// An empty directory of this test.
fn directory(name: &str) -> PathBuf {
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir_all(&dir).expect("a temporary directory");
    dir
}

/// Speaks a script. How long a silence must be is what the bot's patience is, which is asked of the bot as text.
fn speak(bot: &ConfiguredBot, name: &str, script: &Script, dir: &Path) -> Call {
    let mut dialogue = bot.dialogue(&BotOpening {
        call: CallId(uuid::Uuid::nil()),
        called: "100".into(),
        caller: None,
        language: "en-US".into(),
        wall: script.at.parse().unwrap_or_else(|e| panic!("`at` of “{name}”: {e}")),
        hears_words: true,
    });
    let mut reply = dialogue.handle(BotEvent::Begin);
    let (mut line, mut begins) = (Line::new(FliteVoice::Rms), Vec::new());
    for (step, turn) in script.step.iter().zip(1..) {
        begins.push(line.secs());
        if let Some(text) = &step.caller {
            line.say(text);
            reply = dialogue.handle(BotEvent::Said { turn, text: Some(text.clone()), confidence: None });
        } else if let Some(keys) = &step.key {
            line.press(keys);
            keys.chars().for_each(|key| reply = dialogue.handle(BotEvent::Key(Key::new(key).expect("a key"))));
        } else {
            // The end of the last pause has passed already: this is longer than the patience.
            line.silence(reply.report.expects.as_ref().map_or(0.0, |question| question.patience.as_secs_f64()));
            reply = dialogue.handle(BotEvent::NoInput);
        }
    }
    let recording = dir.join(format!("{name}.wav"));
    line.write(&recording);
    Call { name: name.to_owned(), recording, begins }
}

/// The span of a step in the recording, in s.
fn span(call: &Call, n: usize) -> (f64, f64) {
    (call.begins[n], call.begins.get(n + 1).copied().unwrap_or(f64::INFINITY))
}

/// What did not go as the script says.
fn complaints(script: &Script, call: &Call, heard: &Heard) -> Vec<String> {
    let greeting = heard.told((0.0, call.begins[0]));
    let mut wrong: Vec<String> =
        script.greeting.iter().filter(|w| !greeting.contains(&w.to_lowercase())).map(|w| format!("greeting does not say “{w}”")).collect();
    for (n, step) in script.step.iter().enumerate() {
        let span = span(call, n);
        let of_step = complaints_of_step(step, span, heard);
        let what = step.caller.as_deref().or(step.key.as_deref()).unwrap_or("(silence)");
        let told = heard.told(span);
        wrong.extend(of_step.into_iter().map(|w| format!("step {} “{what}”, heard {}: {w}; it said “{told}”", n + 1, heard.understood(span))));
    }
    wrong
}

fn complaints_of_step(step: &Step, span: (f64, f64), heard: &Heard) -> Vec<String> {
    let told = heard.told(span);
    let mut wrong = Vec::new();
    let mut expect = |ok: bool, what: String| wrong.extend((!ok).then_some(what));
    // What always goes to a person is acted upon at once, before the bot, which answers alone as text, is even asked.
    if asks_for_person(step) || step.topic.is_some() {
        expect(heard.hands_off(span), "no handoff".to_owned());
        expect(!asks_for_person(step) || heard.person_was_asked_for(span), "the request for a person was not heard".to_owned());
        return wrong;
    }
    for words in &step.says {
        expect(told.contains(&words.to_lowercase()), format!("does not say “{words}”"));
    }
    for words in &step.says_not {
        expect(!told.contains(&words.to_lowercase()), format!("says “{words}”"));
    }
    let replies: Vec<_> =
        heard.within(span).filter_map(|h| if let Happening::BotReplied { intent, slots, .. } = h { Some((intent, slots)) } else { None }).collect();
    if let Some(intent) = &step.intent {
        expect(replies.iter().any(|(found, _)| found.as_ref() == Some(intent)), format!("no intent {intent} in {replies:?}"));
    }
    for (slot, value) in &step.slots {
        expect(replies.iter().any(|(_, slots)| slots.get(slot) == Some(value)), format!("no {slot} {value} in {replies:?}"));
    }
    let wants = step.wants_person.is_some();
    let why: Vec<_> = heard
        .within(span)
        .filter_map(|h| if let Happening::Triggered { trigger, reason, .. } = h { Some(format!("{trigger}: {reason}")) } else { None })
        .collect();
    expect(wants != why.is_empty(), if wants { "no handoff".to_owned() } else { format!("a handoff, {why:?}") });
    let goodbye = heard.within(span).any(|h| matches!(h, Happening::CallEnded { by: EndedBy::Bot, .. }));
    expect(step.goodbye == goodbye, format!("goodbye is {goodbye}"));
    wrong
}

fn asks_for_person(step: &Step) -> bool {
    step.caller.is_some() && step.wants_person.as_deref().is_some_and(|why| why.contains("asked for a person"))
}

#[test]
fn dialogues_go_as_scripted_when_they_are_spoken() {
    let Some(kit) = kit() else { return };
    let (bot, dir, scripts) = (mercury(), directory("bot_spoken"), scripts());
    let (mut passed, mut spoken, mut deaf) = (0, 0, Vec::new());
    let mut by_time: BTreeMap<&str, Vec<(&Script, Call)>> = BTreeMap::new();
    for (name, script) in &scripts {
        match unspeakable(script) {
            Some(why) => eprintln!("{name:<24} not spoken: {why}"),
            None => by_time.entry(&script.at).or_default().push((script, speak(&bot, name, script, &dir))),
        }
    }
    for (at, calls) in &by_time {
        let heard = replay(&kit, &calls.iter().map(|(_, call)| call).collect::<Vec<_>>(), at);
        for ((script, call), heard) in calls.iter().zip(&heard) {
            let wrong = complaints(script, call, heard);
            spoken += 1;
            passed += usize::from(wrong.is_empty());
            eprintln!("{:<24} {}", call.name, if wrong.is_empty() { "passes" } else { "FAILS" });
            wrong.iter().for_each(|w| eprintln!("    {w}"));
            let requests = script.step.iter().enumerate().filter(|(_, step)| asks_for_person(step));
            deaf.extend(requests.filter(|(n, _)| !heard.person_was_asked_for(span(call, *n))).map(|_| call.name.clone()));
        }
    }
    eprintln!("{passed} of {spoken} spoken dialogues pass ({} scripts)", scripts.len());
    assert!(deaf.is_empty(), "a request for a person was not heard: {deaf:?}");
    assert!(passed >= LEAST_DIALOGUES, "only {passed} dialogues pass");
}

/// How callers ask for a person in the middle of something else.
const REQUESTS: [&str; 16] = [
    "i want to talk to a person",
    "agent",
    "representative",
    "operator",
    "agent please",
    "operator please",
    "i want to speak to an agent",
    "i want to speak to a representative",
    "can i talk to a real person",
    "can i speak to a human being",
    "let me talk to somebody",
    "i would like to speak with someone",
    "i need a human",
    "put me through to customer service",
    "connect me to an operator",
    "i don't want to talk to a machine",
];

/// So many of the requests, the first of the list, are always heard from the two natural voices.
const PLAIN_REQUESTS: usize = 6;
/// So many of all may be missed; may only be lowered. Measured: 5 of 48, three of them from kal16. The goal is 0.
const MOST_MISSED: usize = 5;

/// The most important sentences of all: a call whose third turn is one of them is handed off.
#[test]
fn requests_for_a_person_are_heard_in_the_midst_of_a_call() {
    let Some(kit) = kit() else { return };
    let dir = directory("bot_spoken_requests");
    let mut calls = Vec::new();
    for voice in [FliteVoice::Slt, FliteVoice::Rms, FliteVoice::Kal16] {
        for request in REQUESTS {
            let mut line = Line::new(voice);
            line.say("where is my order");
            line.say("four seven one one");
            let begins = vec![line.secs()];
            line.say(request);
            let name = format!("{voice:?} {request}");
            let recording = dir.join(format!("{name}.wav"));
            line.write(&recording);
            calls.push(Call { name, recording, begins });
        }
    }
    let heard = replay(&kit, &calls.iter().collect::<Vec<_>>(), "2026-03-03T10:00");
    let (mut deaf, mut missed) = (Vec::new(), 0);
    for ((call, heard), n) in calls.iter().zip(&heard).zip(0..) {
        let words = [(0.0, call.begins[0]), span(call, 0)].map(|span| heard.understood(span));
        let well = heard.person_was_asked_for(span(call, 0));
        eprintln!("{:<48} {} heard {} | {}", call.name, if well { "passes" } else { "FAILS " }, words[1], words[0]);
        let is_plain = n % REQUESTS.len() < PLAIN_REQUESTS && n < 2 * REQUESTS.len();
        deaf.extend((is_plain && !well).then_some(&call.name));
        missed += usize::from(!well);
    }
    eprintln!("{missed} of {} requests were missed", calls.len());
    assert!(deaf.is_empty(), "not heard: {deaf:?}");
    assert!(missed <= MOST_MISSED, "{missed} of {} requests were missed", calls.len());
}
