//! The configured bot as a whole: mistakes in its file, what recognizers do to words, and that nothing brings it down.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::*;
use crate::base::{CallId, Key};
use crate::bot::Resumption;
use crate::listen::types::Understood;

const MERCURY: &str = include_str!("../../../config/bots/mercury.toml");

/// A small bot that is right; each test makes one thing of it wrong.
const SMALL: &str = r#"
name = "small"
greeting = "Hello."
help = "You can ask about an order."
[hours]
monday = ["09:00-12:00", "13:00-17:00"]
closed = ["2026-12-25"]
[synonyms]
order = ["parcel"]
[intent.order]
title = "order status"
key = "1"
samples = ["where is my order", "where is order {order}"]
slots = ["order"]
confirm = ["Order {order}?"]
lookup = "orders"
answers = ["Order {order} {status}."]
ask = { question = "Is that all?", yes = "bye", no = "" }
[intent.bye]
title = "goodbye"
samples = ["bye"]
answers = ["Bye."]
ends = true
[slot.order]
kind = "digits"
title = "order number"
min_digits = 4
max_digits = 6
prompt = ["Which number?"]
confirm = ["{order}, right?"]
[slot.what]
kind = "choice"
title = "what"
prompt = ["What?"]
[slot.what.choices]
lamp = ["light"]
chair = []
[lookup.orders]
slot = "order"
missing = ["No {order}."]
rows = { 4711 = { status = "is on its way" } }
"#;

fn bot(text: &str) -> Result<ConfiguredBot, Problems> {
    BotTable::parse(text).and_then(ConfiguredBot::new)
}

fn mercury() -> ConfiguredBot {
    bot(MERCURY).unwrap_or_else(|problems| panic!("{problems}"))
}

fn opening(hears_words: bool) -> BotOpening {
    BotOpening {
        call: CallId(uuid::Uuid::nil()),
        called: Arc::from("100"),
        caller: None,
        language: Arc::from("en"),
        wall: "2026-03-03T10:00:00[UTC]".parse().expect("a moment"),
        hears_words,
    }
}

fn said(text: impl Into<String>) -> BotEvent {
    BotEvent::Said { turn: 0, text: Some(text.into()), confidence: None }
}

#[test]
fn every_mistake_is_named_by_its_key() {
    bot(SMALL).unwrap_or_else(|problems| panic!("the small bot is right: {problems}"));
    for (right, wrong, key) in [
        ("name = \"small\"", "name = \"Sm all\"", "name"),
        ("name = \"small\"", "", "name"),
        ("name = \"small\"", "name = \"small\"\nlanguage = \"de\"", "language"),
        ("name = \"small\"", "name = \"small\"\npatience_secs = nan", "patience_secs"),
        ("name = \"small\"", "name = \"small\"\npatience_secs = 1e9", "patience_secs"),
        ("name = \"small\"", "name = \"small\"\nunderstanding = { sure = 1.5 }", "understanding.sure"),
        ("name = \"small\"", "name = \"small\"\nunderstanding = { unsure = 0.9 }", "understanding.unsure"),
        ("name = \"small\"", "name = \"small\"\nperson = { key = \"x\" }", "person.key"),
        ("name = \"small\"", "name = \"small\"\nperson = { samples = [\"...\"] }", "person.samples[0]"),
        ("name = \"small\"", "name = \"small\"\nsays = { no_match = [] }", "says.no_match"),
        ("name = \"small\"", "name = \"small\"\nsays = { did_you_mean = [\"{who}?\"] }", "says.did_you_mean[0]"),
        ("greeting = \"Hello.\"", "greeting = \"\"", "greeting"),
        ("greeting = \"Hello.\"", "greeting = \"Hello\\u0007\"", "greeting"),
        ("greeting = \"Hello.\"", "greeting = \"Hello {name}\"", "greeting"),
        ("\"09:00-12:00\"", "\"9-12\"", "hours.monday[0]"),
        ("\"13:00-17:00\"", "\"11:00-17:00\"", "hours.monday[1]"),
        ("2026-12-25", "2026-13-25", "hours.closed[0]"),
        ("[\"parcel\"]", "[\"my parcel\"]", "synonyms.order[0]"),
        ("[\"parcel\"]", "[\"the\"]", "synonyms.order[0]"),
        ("title = \"order status\"", "", "intent.order.title"),
        ("key = \"1\"", "key = \"0\"", "intent.order.key"),
        ("key = \"1\"", "key = \"x\"", "intent.order.key"),
        ("[intent.bye]", "[intent.lost]\ntitle = \"lost\"\nanswers = [\"Lost.\"]\n[intent.bye]", "intent.lost.samples"),
        ("samples = [\"bye\"]", "samples = [\"where is my order\"]", "intent.order.samples[0]"),
        ("where is order {order}", "where is order {number}", "intent.order.samples[1]"),
        ("where is order {order}", "where is order {order", "intent.order.samples[1]"),
        ("slots = [\"order\"]", "slots = [\"order\", \"order\"]", "intent.order.slots[1]"),
        ("slots = [\"order\"]", "slots = [\"order\", \"size\"]", "intent.order.slots[1]"),
        ("confirm = [\"Order {order}?\"]", "confirm = [\"Order {status}?\"]", "intent.order.confirm[0]"),
        ("lookup = \"orders\"", "lookup = \"parcels\"", "intent.order.lookup"),
        ("{status}.", "{when}.", "intent.order.answers[0]"),
        ("yes = \"bye\"", "yes = \"goodbye\"", "intent.order.ask.yes"),
        ("ends = true", "ends = true\ntopic = true", "intent.bye"),
        ("min_digits = 4", "min_digits = 7", "slot.order.min_digits"),
        ("max_digits = 6", "", "slot.order.max_digits"),
        ("max_digits = 6", "max_digits = 200", "slot.order.max_digits"),
        ("kind = \"choice\"", "kind = \"choice\"\nmin_digits = 1", "slot.what.min_digits"),
        ("kind = \"choice\"", "kind = \"text\"", "slot.what.choices"),
        ("chair = []", "chair = [\"light\"]", "slot.what.choices.lamp[0]"),
        ("chair = []", "", "slot.what.choices"),
        ("prompt = [\"What?\"]", "prompt = []", "slot.what.prompt"),
        ("prompt = [\"What?\"]", "prompt = [\"\"]", "slot.what.prompt[0]"),
        ("slot = \"order\"", "slot = \"size\"", "lookup.orders.slot"),
        ("4711 = {", "47 = {", "lookup.orders.rows.47"),
        ("4711 = { status = \"is on its way\" }", "4711 = { status = \"a\" }, 4712 = { state = \"b\" }", "lookup.orders.rows.4712"),
        ("missing = [\"No {order}.\"]", "", "lookup.orders.missing"),
        // What does not even fit the table.
        ("name = \"small\"", "name = 3", "name"),
        ("ends = true", "ends = \"yes\"", "intent.bye.ends"),
        ("ends = true", "end = true", "intent.bye.end"),
        ("min_digits = 4", "min_digits = -4", "slot.order.min_digits"),
        ("kind = \"choice\"", "kind = \"colour\"", "slot.what.kind"),
    ] {
        let text = SMALL.replacen(right, wrong, 1);
        assert_ne!(text, SMALL, "{right}");
        let problems = bot(&text).expect_err(wrong);
        let keys: Vec<&str> = problems.0.iter().map(|problem| problem.key.as_str()).collect();
        assert!(keys.contains(&key), "{wrong}: {key} is not among {keys:?}");
    }
}

#[test]
fn files_that_are_no_bots_are_refused() {
    for text in ["", "\u{0}", "= = =", "[intent", "name = \"a\"\nname = \"b\"", &"x".repeat(MAX_FILE_BYTES + 1), &"[a.".repeat(10_000)] {
        assert!(bot(text).is_err());
    }
    let many = format!("{SMALL}\n{}", (0..300).map(|n| format!("[slot.s{n}]\ntitle = \"a\"\nprompt = [\"b\"]\n")).collect::<String>());
    assert!(bot(&many).expect_err("too many").to_string().contains("slot: has 302 slots"));
}

#[test]
fn a_cut_or_garbled_file_never_panics() {
    let mut dice = 0x2545_F491_4F6C_DD1D_u64;
    for _ in 0..300 {
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        let mut bytes = SMALL.as_bytes().to_vec();
        let at = dice as usize % bytes.len();
        match dice >> 62 {
            0 => bytes.truncate(at),
            1 => bytes[at] = (dice >> 32) as u8 & 0x7F,
            2 => _ = bytes.remove(at),
            _ => bytes.insert(at, b"\"{}[]=\n."[(dice >> 40) as usize % 8]),
        }
        let _ = bot(&String::from_utf8_lossy(&bytes));
    }
}

/// Of all samples of six words or more, each with one word replaced by another of the bot's words.
#[test]
fn one_wrong_word_in_six_seldom_matters() {
    let bot = mercury();
    let other: Vec<String> = bot.plan.intents.iter().flat_map(|i| i.table.samples.iter().flat_map(|s| words::heard(s))).collect();
    let (mut all, mut right, mut wrong) = (0, 0, 0);
    for intent in &bot.plan.intents {
        for sample in intent.table.samples.iter().filter(|s| !s.contains('{') && words::heard(s).len() >= 6) {
            let told = words::heard(sample);
            for at in 0..told.len() {
                for n in 0..10 {
                    let mut heard = told.clone();
                    heard[at] = other[(all * 31 + n * 7) % other.len()].clone();
                    let found = bot.plan.matcher.best(&heard, &heard, &[], None).filter(|m| m.sure);
                    all += 1;
                    right += usize::from(found.is_some_and(|m| bot.plan.intents[m.intent].name == intent.name));
                    wrong += usize::from(found.is_some_and(|m| bot.plan.intents[m.intent].name != intent.name));
                }
            }
        }
    }
    println!("{all} turns with a wrong word: {right} right, {wrong} wrong, the rest asked or not understood");
    assert!(right * 100 >= all * 85 && wrong * 100 <= all * 5, "{right} right and {wrong} wrong of {all}");
}

#[test]
fn vocabulary_is_bounded_always_the_same_and_in_plain_words() {
    let sentences = mercury().vocabulary();
    println!("{} sentences", sentences.len());
    assert!(sentences.len() <= MAX_SENTENCES && sentences == mercury().vocabulary());
    for sentence in &sentences {
        assert!(sentence.chars().all(|c| c.is_ascii_lowercase() || c == ' ' || c == '\''), "{sentence}");
    }
    let told: BTreeSet<&str> = sentences.iter().map(String::as_str).collect();
    for wanted in ["agent", "yes that's right", "where is my order", "half past two", "on thursday", "my lamp is broken"] {
        assert!(told.contains(wanted), "{wanted}");
    }
    let bigrams: BTreeSet<(&str, &str)> = sentences.iter().flat_map(|s| s.split(' ').zip(s.split(' ').skip(1))).collect();
    let digits = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
    let missing: Vec<_> = digits.iter().flat_map(|a| digits.iter().map(move |b| (*a, *b))).filter(|pair| !bigrams.contains(pair)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn a_large_bot_keeps_its_vocabulary_and_phrases_within_limits() {
    let intents: String = (0..199)
        .map(|n| {
            let samples: Vec<String> = (0..60).map(|m| format!("\"say {} {{order}}\"", number::spell_digits(&format!("{n}{m}")))).collect();
            format!("[intent.i{n}]\ntitle = \"title {n}\"\nsamples = [{}]\nanswers = [\"Answer {n}.\", \"Again {n}.\"]\n", samples.join(","))
        })
        .collect();
    let text = SMALL.replacen("[intent.bye]", &format!("{intents}[intent.bye]"), 1).replacen("[intent.i0]", "[intent.j]", 1);
    let text = text.replacen("[intent.i1]", "[intent.jj]", 1);
    let bot = bot(&text.replace("[intent.i198]", "[intent.zz]")).map_err(|p| p.0.into_iter().take(3).collect::<Vec<_>>());
    match bot {
        Ok(bot) => assert!(bot.vocabulary().len() <= MAX_SENTENCES && bot.phrases().len() <= MAX_PHRASES),
        Err(problems) => assert!(problems.iter().all(|p| p.key.starts_with("intent")), "{problems:?}"),
    }
}

#[test]
fn fixed_pieces_that_are_said_were_announced() {
    let bot = mercury();
    let ahead: BTreeSet<String> = bot.phrases().into_iter().collect();
    let mut dialogue = bot.dialogue(&opening(true));
    let events = [
        BotEvent::Begin,
        said("where is my order"),
        said("four seven one one"),
        said("yes"),
        said("my lamp and the bill"),
        BotEvent::NoInput,
        BotEvent::NoInput,
    ];
    let mut late = Vec::new();
    for event in events {
        for phrase in dialogue.handle(event).wording.0 {
            let (crate::base::Phrase::Text(text) | crate::base::Phrase::Prompt { text, .. }) = phrase;
            late.extend((!ahead.contains(&text)).then_some(text));
        }
    }
    assert_eq!(late, ["four seven one one."]);
}

#[test]
fn a_conversation_has_an_end() {
    let mut dialogue = mercury().dialogue(&opening(true));
    let replies: Vec<Reply> = (0..250).map(|_| dialogue.handle(said("when are you open"))).collect();
    assert!(replies[0].report.wants_person.is_none());
    assert!(replies[249].report.wants_person.as_ref().is_some_and(|why| why.contains("turns")));
}

#[test]
fn answers_vary_in_a_fixed_order() {
    let tell = || {
        let mut dialogue = mercury().dialogue(&opening(true));
        (0..4).map(|_| dialogue.handle(said("how can i pay")).wording.words()).collect::<Vec<_>>()
    };
    assert_eq!(tell(), tell());
    assert_ne!(tell()[0], tell()[1]);
    assert_eq!(tell()[0], tell()[2]);
}

#[test]
fn nothing_that_happens_brings_it_down() {
    let bot = mercury();
    let texts = [
        "yes",
        "no",
        "where is my order",
        "four seven one one",
        "agent",
        "",
        "\u{0}{order}",
        "goodbye",
        "on thursday at two",
        "the day",
        "{",
        "not at two",
    ];
    let mut dice = 0x9E37_79B9_7F4A_7C15_u64;
    for hears_words in [true, false] {
        for _ in 0..300 {
            let mut dialogue = bot.dialogue(&opening(hears_words));
            for turn in 0..30 {
                dice ^= dice << 13;
                dice ^= dice >> 7;
                dice ^= dice << 17;
                let pick = (dice >> 20) as usize;
                let event = match dice % 8 {
                    0..=3 => BotEvent::Said { turn, text: Some(texts[pick % texts.len()].to_owned()), confidence: Some((pick % 11) as f32 / 10.0) },
                    4 => BotEvent::Key(Key::new(['0', '1', '2', '3', '4', '9', '*', '#', 'A'][pick % 9]).expect("a key")),
                    5 => BotEvent::NoInput,
                    6 => BotEvent::Said { turn, text: None, confidence: Some(f32::NAN) },
                    _ => BotEvent::Resume(
                        [Resumption::Declined, Resumption::NobodyFound, Resumption::HandedBack(Some("appointment".to_owned()))][pick % 3].clone(),
                    ),
                };
                let silent_key = matches!(event, BotEvent::Key(_));
                let reply = dialogue.handle(event);
                assert!(silent_key || !reply.wording.is_empty(), "the caller hears nothing");
                assert!(reply.report.goodbye || reply.report.expects.is_some() || reply.report.wants_person.is_some());
            }
        }
    }
}

#[tokio::test]
async fn the_trait_says_and_reports() {
    let bot = mercury();
    let mut stream = bot.open(opening(true)).await.expect("it always opens");
    let (acts, mut heard) = mpsc::channel(4);
    let report = stream.tell(BotEvent::Begin, acts.clone()).await.expect("it always answers");
    assert_eq!((report.understood, report.turn), (Understood::Nothing, None));
    assert_eq!(report.expects.map(|question| question.id).as_deref(), Some("open"));
    let Some(BotAct::Say(greeting)) = heard.recv().await else { panic!("no greeting") };
    assert!(greeting.words().contains("Say agent at any time"));
    drop(heard);
    let report = stream.tell(BotEvent::Said { turn: 7, text: Some("when are you open".to_owned()), confidence: None }, acts).await.expect("a report");
    assert_eq!((report.turn, report.intent.as_deref()), (Some(7), Some("opening_hours")));
}
