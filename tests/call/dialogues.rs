//! Scripted conversations with the sample bot, as text: one file in `tests/dialogues` for each. Only what a step names is compared.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::scripts::{Script, Step, mercury, scripts};
use segue::base::{CallId, Key};
use segue::bot::configured::{ConfiguredBot, Dialogue, Reply};
use segue::bot::{Bot, BotEvent, BotOpening, Resumption};
use segue::listen::types::Understood;

/// The fewest dialogues that the sample bot must pass.
const LEAST_DIALOGUES: usize = 24;

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

#[test]
fn every_dialogue_goes_as_scripted() {
    let (bot, scripts) = (mercury(), scripts());
    let mut wrong = Vec::new();
    for (name, script) in &scripts {
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
    for (name, script) in scripts().iter().filter(|(_, script)| !script.foreign_words) {
        for line in script.step.iter().filter_map(|step| step.caller.as_deref()) {
            let strange: Vec<&str> = line.split(' ').filter(|word| !known.contains(word)).collect();
            assert!(strange.is_empty(), "{name}: {line}: {strange:?}");
        }
    }
}

#[test]
fn a_wrong_expectation_is_noticed() {
    let script: Script = toml::from_str("title = 'x'\n[[step]]\ncaller = 'when are you open'\nsays = ['never']\nintent = 'fraud'\ntopic = 'fraud'\n")
        .expect("a script");
    assert_eq!(run(&mercury(), &script).len(), 3);
}
