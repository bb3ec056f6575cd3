//! Scripted conversations with the sample bot, as text: one file in `tests/dialogues` for each.
//!
//! A file has steps of what the caller does (`caller`, `key`, `silence`, `resume`) and what is expected of the bot.
//! Only what a step names is compared. `at` is the wall time of the call, `hears_words = false` a call without a
//! recognizer.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use segue::base::{CallId, Key};
use segue::bot::configured::{BotTable, ConfiguredBot, Dialogue, Reply};
use segue::bot::{Bot, BotEvent, BotOpening, Resumption};
use segue::listen::types::Understood;
use serde::Deserialize;

/// The fewest dialogues that the sample bot must pass.
const LEAST_DIALOGUES: usize = 24;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Script {
    /// What it shows.
    title: String,
    #[serde(default = "tuesday_at_ten")]
    at: String,
    #[serde(default = "yes")]
    hears_words: bool,
    /// The caller says words that the bot's vocabulary has not got, on purpose.
    #[serde(default)]
    foreign_words: bool,
    /// Words of the greeting.
    #[serde(default)]
    greeting: Vec<String>,
    step: Vec<Step>,
}

fn tuesday_at_ten() -> String {
    "2026-03-03T10:00:00[UTC]".to_owned()
}

fn yes() -> bool {
    true
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Step {
    /// What the caller says.
    caller: Option<String>,
    /// How sure the recognizer is.
    confidence: Option<f32>,
    /// Keys that are pressed one after the other; the last one's reply is compared.
    key: Option<String>,
    /// The caller says something that no recognizer understands.
    mumble: bool,
    /// The caller says nothing.
    silence: bool,
    /// `declined`, `nobody_found` or `handed_back`.
    resume: Option<String>,
    /// The note of who handed back.
    note: Option<String>,

    /// Words that the bot must say.
    says: Vec<String>,
    /// Words that the bot must not say.
    says_not: Vec<String>,
    understood: Option<String>,
    intent: Option<String>,
    /// Values, by slot.
    slots: BTreeMap<String, String>,
    /// Slots that must be confirmed.
    confirmed: Vec<String>,
    /// The question's id.
    expects: Option<String>,
    topic: Option<String>,
    /// Words of the reason; `""` for any.
    wants_person: Option<String>,
    next_step: Option<String>,
    progress: Option<bool>,
    goodbye: bool,
}

fn opening(script: &Script) -> BotOpening {
    BotOpening {
        call: CallId(uuid::Uuid::nil()),
        called: Arc::from("100"),
        caller: None,
        language: Arc::from("en-US"),
        wall: script.at.parse().unwrap_or_else(|e| panic!("`at` of “{}”: {e}", script.title)),
        hears_words: script.hears_words,
    }
}

fn events(step: &Step, turn: &mut u32) -> Vec<BotEvent> {
    let mut said = |text: Option<String>| {
        *turn += 1;
        vec![BotEvent::Said { turn: *turn, text, confidence: step.confidence }]
    };
    match (&step.caller, &step.key, step.resume.as_deref()) {
        (Some(text), None, None) => said(Some(text.clone())),
        (None, Some(keys), None) => keys.chars().map(|key| BotEvent::Key(Key::new(key).expect("a key"))).collect(),
        (None, None, Some("declined")) => vec![BotEvent::Resume(Resumption::Declined)],
        (None, None, Some("nobody_found")) => vec![BotEvent::Resume(Resumption::NobodyFound)],
        (None, None, Some("handed_back")) => vec![BotEvent::Resume(Resumption::HandedBack(step.note.clone()))],
        (None, None, None) if step.mumble => said(None),
        (None, None, None) if step.silence => vec![BotEvent::NoInput],
        other => panic!("a step does one thing, not {other:?}"),
    }
}

fn play(dialogue: &mut Dialogue, step: &Step, turn: &mut u32) -> Reply {
    let replies = events(step, turn).into_iter().map(|event| dialogue.handle(event));
    replies.last().expect("a step has an event")
}

/// What is not as the step expects.
fn complaints(step: &Step, reply: &Reply) -> Vec<String> {
    let mut wrong = Vec::new();
    let (told, report) = (reply.wording.words().to_lowercase(), &reply.report);
    let mut expect = |ok: bool, what: String| wrong.extend((!ok).then_some(what));
    for words in &step.says {
        expect(told.contains(&words.to_lowercase()), format!("does not say “{words}”"));
    }
    for words in &step.says_not {
        expect(!told.contains(&words.to_lowercase()), format!("says “{words}”"));
    }
    let understood = match report.understood {
        Understood::Nothing => "nothing",
        Understood::Well => "well",
        Understood::Unsure => "unsure",
        Understood::NoMatch => "no_match",
        Understood::OutOfScope => "out_of_scope",
        Understood::NoInput => "no_input",
    };
    expect(step.understood.as_deref().is_none_or(|u| u == understood), format!("understood {understood}"));
    expect(step.intent.is_none() || step.intent == report.intent, format!("intent is {:?}", report.intent));
    for (slot, value) in &step.slots {
        expect(report.slots.get(slot).is_some_and(|s| s.value == *value), format!("slot {slot} is {:?}", report.slots.get(slot)));
    }
    for slot in &step.confirmed {
        expect(report.slots.get(slot).is_some_and(|s| s.confirmed), format!("slot {slot} is not confirmed"));
    }
    let id = report.expects.as_ref().map(|question| question.id.clone());
    expect(step.expects.is_none() || step.expects == id, format!("expects {id:?}"));
    expect(step.topic == report.topic, format!("topic is {:?}", report.topic));
    let wanted = match (&step.wants_person, &report.wants_person) {
        (None, None) => true,
        (Some(words), Some(why)) => why.contains(words.as_str()),
        (Some(_), None) | (None, Some(_)) => false,
    };
    expect(wanted, format!("wants_person is {:?}", report.wants_person));
    expect(step.next_step.is_none() || step.next_step == report.next_step, format!("next_step is {:?}", report.next_step));
    expect(step.progress.is_none_or(|p| p == report.progress), format!("progress is {}", report.progress));
    expect(step.goodbye == report.goodbye, format!("goodbye is {}", report.goodbye));
    expect(!reply.wording.is_empty() || step.key.is_some(), "says nothing".to_owned());
    wrong
}

fn run(bot: &ConfiguredBot, script: &Script) -> Vec<String> {
    let mut dialogue = bot.dialogue(&opening(script));
    let greeting = dialogue.handle(BotEvent::Begin);
    let mut wrong: Vec<String> =
        complaints(&Step { says: script.greeting.clone(), ..Step::default() }, &greeting).into_iter().map(|w| format!("greeting: {w}")).collect();
    let mut turn = 0;
    for (n, step) in script.step.iter().enumerate() {
        let reply = play(&mut dialogue, step, &mut turn);
        let found = complaints(step, &reply);
        wrong.extend(found.into_iter().map(|w| format!("step {} ({:?}): {w}; said “{}”", n + 1, step.caller, reply.wording.words())));
    }
    wrong
}

fn manifest(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn mercury() -> ConfiguredBot {
    let text = std::fs::read_to_string(manifest("config/bots/mercury.toml")).expect("the sample bot is in the repository");
    let table = BotTable::parse(&text).unwrap_or_else(|problems| panic!("{problems}"));
    ConfiguredBot::new(table).unwrap_or_else(|problems| panic!("{problems}"))
}

fn scripts() -> Vec<(PathBuf, Script)> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(manifest("tests/dialogues"))
        .expect("the dialogues are in the repository")
        .map(|entry| entry.expect("a readable directory").path())
        .filter(|path| path.extension().is_some_and(|ext| ext == "toml"))
        .collect();
    paths.sort();
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).expect("a readable file");
        let script = toml::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        (path, script)
    };
    paths.into_iter().map(read).collect()
}

#[test]
fn every_dialogue_goes_as_scripted() {
    let (bot, scripts) = (mercury(), scripts());
    let mut wrong = Vec::new();
    for (path, script) in &scripts {
        let name = path.file_stem().expect("a file").to_string_lossy();
        wrong.extend(run(&bot, script).into_iter().map(|w| format!("{name}: {w}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(scripts.len() >= LEAST_DIALOGUES, "only {} dialogues", scripts.len());
}

/// What a caller says must be possible for a recognizer to hear that knows the bot's vocabulary only.
#[test]
fn callers_use_words_of_the_vocabulary() {
    let sentences = mercury().vocabulary();
    let known: BTreeSet<&str> = sentences.iter().flat_map(|sentence| sentence.split(' ')).collect();
    for (path, script) in scripts().iter().filter(|(_, script)| !script.foreign_words) {
        for line in script.step.iter().filter_map(|step| step.caller.as_deref()) {
            let strange: Vec<&str> = line.split(' ').filter(|word| !known.contains(word)).collect();
            assert!(strange.is_empty(), "{}: {line}: {strange:?}", path.display());
        }
    }
}

#[test]
fn a_wrong_expectation_is_noticed() {
    let script: Script = toml::from_str("title = 'x'\n[[step]]\ncaller = 'when are you open'\nsays = ['never']\nintent = 'fraud'\ntopic = 'fraud'\n")
        .expect("a script");
    assert_eq!(run(&mercury(), &script).len(), 3);
}
