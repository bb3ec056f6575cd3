//! The bot of a language model against a stand-in that keeps the contract of chat completions, and misbehaves as told.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::peers::until_so;
use crate::standins::KEY;
use crate::standins::chat::{Chat, MODEL, Reply, mistake};
use crate::standins::hook::{Hook, SECRET, Work};
use segue::base::{CallId, Fault, Key, Organ, Pii};
use segue::bot::chat::{ChatBot, ChatTable, ToolTable};
use segue::bot::{Bot, BotAct, BotEvent, BotOpening, BotReport, BotStream, BotTable, Bots};
use segue::config::Config;
use segue::listen::types::{Resumption, Understood};
use serde_json::{Value, json};
use tokio::sync::mpsc::channel;

/// Nothing here takes longer on a busy machine.
const DEADLINE: Duration = Duration::from_secs(60);

/// A file with a secret, which is removed at the end.
struct SecretFile(PathBuf);

impl SecretFile {
    fn new(secret: &str) -> Self {
        let path = std::env::temp_dir().join(format!("segue-test-{}", uuid::Uuid::now_v7()));
        std::fs::write(&path, secret).unwrap();
        SecretFile(path)
    }
}

impl Drop for SecretFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// A bot, the model that it asks, and the tool that it may call.
struct Setting {
    chat: Chat,
    hook: Hook,
    table: ChatTable,
    _files: [SecretFile; 2],
}

async fn setting(replies: &[Reply]) -> Setting {
    let (chat, hook) = (Chat::start(replies).await, Hook::start().await);
    let files = [SecretFile::new(KEY), SecretFile::new(SECRET)];
    let order = ToolTable {
        name: "order".into(),
        description: "Finds an order by its number.".into(),
        url: hook.url(),
        parameters: json!({ "type": "object", "properties": { "number": { "type": "string" } }, "required": ["number"] }),
        secret_file: Some(files[1].0.clone()),
        timeout_secs: 1.0,
        ..ToolTable::default()
    };
    let table = ChatTable {
        url: chat.url(),
        api_key_file: Some(files[0].0.clone()),
        model: MODEL.into(),
        prompt: "You help the callers of a shop for lamps.".into(),
        first_secs: 2.0,
        idle_secs: 1.0,
        tool: vec![order],
        ..ChatTable::default()
    };
    Setting { chat, hook, table, _files: files }
}

impl Setting {
    fn bot(&self) -> ChatBot {
        ChatBot::load("concierge", &self.table).unwrap()
    }

    async fn open(&self) -> Box<dyn BotStream> {
        self.bot().open(opening()).await.unwrap()
    }

    fn requests(&self) -> usize {
        self.chat.book.with(|book| book.asked.len())
    }
}

fn opening() -> BotOpening {
    BotOpening {
        call: CallId(uuid::Uuid::nil()),
        called: "1000".into(),
        caller: Some(Pii("+15550100".into())),
        language: "en-US".into(),
        wall: "2026-03-03T10:00:00+00:00[UTC]".parse().unwrap(),
        hears_words: true,
    }
}

fn said(text: &str) -> BotEvent {
    BotEvent::Said { turn: 3, text: Some(text.into()), confidence: Some(0.9) }
}

/// What came of an event.
struct Told {
    report: Result<BotReport, Fault>,
    said: Vec<String>,
    troubles: Vec<Fault>,
}

async fn tell(stream: &mut dyn BotStream, event: BotEvent) -> Told {
    let (acts, mut done) = channel(64);
    let report = tokio::time::timeout(DEADLINE, stream.tell(event, acts)).await.unwrap();
    let mut told = Told { report, said: Vec::new(), troubles: Vec::new() };
    while let Some(act) = done.recv().await {
        match act {
            BotAct::Say(wording) => told.said.push(wording.words()),
            BotAct::Trouble(fault) => told.troubles.push(fault),
        }
    }
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_spoken_sentence_by_sentence_and_remembered() {
    let setting = setting(&[Reply::Says("It is on its way. It comes tomorrow. Anything else?"), Reply::Says("You are welcome.")]).await;
    let mut stream = setting.open().await;
    let greeting = tell(&mut *stream, BotEvent::Begin).await;
    assert_eq!((greeting.said, setting.requests()), (vec!["Hello. How can I help you?".to_owned()], 0), "the first words need no model");
    let told = tell(&mut *stream, said("where is my order")).await;
    assert_eq!(told.said, ["It is on its way.", "It comes tomorrow.", "Anything else?"]);
    let report = told.report.unwrap();
    assert_eq!((report.turn, report.understood, report.goodbye), (Some(3), Understood::Well, false));
    assert_eq!(report.expects.unwrap().id, "asked:anything else?");
    tell(&mut *stream, said("my card is 4111 1111 1111 1111")).await;
    let before = ["assistant Hello. How can I help you?", "user where is my order"];
    assert_eq!(setting.chat.messages(0), before);
    let after = [before[0], before[1], "assistant It is on its way. It comes tomorrow. Anything else?", "user my card is ‹card›"];
    assert_eq!(setting.chat.messages(1), after, "card numbers leave the house as little as they are recorded");
    let head = setting.chat.book.with(|book| book.asked[0]["messages"][0]["content"].as_str().unwrap().to_owned());
    assert!(head.contains("shop for lamps") && head.contains("2026-03-03 at 10:00") && !head.contains("5550100"), "{head}");
    setting.chat.holds();
}

#[tokio::test(flavor = "multi_thread")]
async fn sentences_come_while_the_model_still_speaks() {
    let setting = setting(&[Reply::StopsAfter("It is on its way. And it")]).await;
    let mut stream = setting.open().await;
    let (acts, mut done) = channel(64);
    let telling = stream.tell(said("where is it"), acts);
    tokio::select! {
        _ = telling => panic!("the model has not finished"),
        act = done.recv() => assert!(matches!(act, Some(BotAct::Say(wording)) if wording.words() == "It is on its way.")),
    }
    // Dropped in the midst of it: the model is not listened to any more.
    until_so("the model is left", || setting.chat.book.with(|book| book.left) > 0).await;
    setting.chat.holds();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_talked_over_is_remembered_as_far_as_it_was_heard() {
    let setting = setting(&[Reply::Says("It is on its way. It comes tomorrow. Anything else?"), Reply::Says("No.")]).await;
    let mut stream = setting.open().await;
    tell(&mut *stream, said("where is my order")).await;
    stream.cut("It comes tomorrow.", "It comes");
    stream.cut("Anything else?", "");
    tell(&mut *stream, said("today?")).await;
    assert_eq!(setting.chat.messages(1), ["user where is my order", "assistant It is on its way. It comes…", "user today?"]);
    setting.chat.holds();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_event_is_told_in_words() {
    let events = [
        (BotEvent::Said { turn: 0, text: None, confidence: None }, "could not be understood", Understood::NoMatch),
        (BotEvent::Key(Key::new('4').unwrap()), "pressed the key 4", Understood::Nothing),
        (BotEvent::NoInput, "says nothing", Understood::NoInput),
        (BotEvent::Resume(Resumption::Declined), "rather go on with you", Understood::Nothing),
        (BotEvent::Resume(Resumption::NobodyFound), "No person was found", Understood::Nothing),
        (BotEvent::Resume(Resumption::HandedBack(Some("refund done".into()))), "refund done", Understood::Nothing),
    ];
    let setting = setting(&vec![Reply::Says("All right."); events.len()]).await;
    let mut stream = setting.open().await;
    for (n, (event, words, understood)) in events.into_iter().enumerate() {
        let told = tell(&mut *stream, event).await;
        assert_eq!(told.report.unwrap().understood, understood);
        assert!(setting.chat.messages(n).last().unwrap().contains(words), "{words}");
    }
    let silent: Vec<bool> = {
        let mut wants = Vec::new();
        for _ in 0..3 {
            wants.push(tell(&mut *stream, BotEvent::NoInput).await.report.unwrap().wants_person.is_some());
        }
        wants
    };
    assert_eq!(silent, [false, false, true], "who can't be heard gets a person in the end");
    setting.chat.holds();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_model_brings_a_person_and_ends_the_call() {
    let setting = setting(&[
        Reply::Calls("", &[("handoff", r#"{"reason":"wants a refund","about":"a refund","next_step":"look at order 4711"}"#)]),
        Reply::Calls("One moment.", &[("handoff", r#"{"reason":"asked for a person","caller_asked":true}"#)]),
        Reply::Calls("", &[("end_call", "{}"), ("handoff", r#"{"reason":"asked for a person","caller_asked":true}"#)]),
        Reply::Calls("Bye now.", &[("end_call", "{}")]),
        Reply::Calls("", &[("end_call", "")]),
    ])
    .await;
    let mut stream = setting.open().await;
    let report = tell(&mut *stream, said("a refund")).await.report.unwrap();
    assert_eq!((report.wants_person.as_deref(), report.topic), (Some("wants a refund"), None));
    assert_eq!((report.intent_title.as_deref(), report.next_step.as_deref()), (Some("a refund"), Some("look at order 4711")));
    for _ in 0..2 {
        let report = tell(&mut *stream, said("a person")).await.report.unwrap();
        assert!(report.wants_person.is_some() && report.topic.is_some() && !report.goodbye, "who asked for a person gets one at once: {report:?}");
    }
    let told = tell(&mut *stream, said("that's all")).await;
    assert_eq!((told.said, told.report.unwrap().goodbye), (vec!["Bye now.".to_owned()], true));
    let told = tell(&mut *stream, said("bye")).await;
    assert_eq!((told.said, told.report.unwrap().goodbye), (vec!["Thank you for calling. Goodbye.".to_owned()], true), "never without a word");
    setting.chat.holds();
}

const CALLS: Reply = Reply::Calls("", &[("order", r#"{"number":"4711"}"#)]);

#[tokio::test(flavor = "multi_thread")]
async fn a_tool_of_the_operator_is_called_and_its_answer_is_spoken() {
    let setting = setting(&[CALLS, Reply::Says("It comes tomorrow.")]).await;
    let told = tell(&mut *setting.open().await, said("where is 4711")).await;
    assert_eq!(told.said, ["One moment, please.", "It comes tomorrow."]);
    assert!(told.report.is_ok() && told.troubles.is_empty());
    setting.hook.book.with(|book| assert_eq!((book.asked.len(), &book.asked[0]["arguments"]), (1, &json!({ "number": "4711" }))));
    let messages = setting.chat.messages(1);
    assert_eq!(messages[..2], ["user where is 4711", "assistant -"]);
    assert!(messages[2].starts_with("tool {") && messages[2].contains("on its way"), "{messages:?}");
    setting.chat.holds();
    setting.hook.holds();
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_wrong_with_a_tool_is_told_to_the_model_which_goes_on() {
    for (call, work, told, troubles) in [
        (CALLS, Work::Fails, "does not work", 1),
        (CALLS, Work::Hangs, "does not work", 1),
        (CALLS, Work::Endless, "does not work", 1),
        (Reply::Calls("", &[("order", "{\"number\":")]), Work::Fine, "no JSON object", 0),
        (Reply::Calls("", &[("order", "{}")]), Work::Fine, "`number` is missing", 0),
        (Reply::Calls("", &[("order", "{\"number\":4711}")]), Work::Fine, "another type", 0),
        (Reply::Calls("", &[("fly", "{}")]), Work::Fine, "no such tool", 0),
    ] {
        let setting = setting(&[call.clone(), Reply::Says("I am sorry.")]).await;
        setting.hook.book.with(|book| book.work = work);
        let heard = tell(&mut *setting.open().await, said("where is 4711")).await;
        assert_eq!(heard.said.last().map(String::as_str), Some("I am sorry."), "{call:?} {work:?}");
        assert!(setting.chat.messages(1).last().unwrap().contains(told), "{call:?} {work:?}: {:?}", setting.chat.messages(1));
        assert_eq!(heard.troubles.len(), troubles, "{call:?} {work:?}: {:?}", heard.troubles);
        assert!(heard.troubles.iter().all(|fault| fault.organ() == Organ::Connector));
        setting.chat.holds();
        setting.hook.holds();
    }
    let endless = setting(&vec![CALLS; 20]).await;
    let told = tell(&mut *endless.open().await, said("where is 4711")).await;
    assert!(matches!(told.report, Err(Fault::Overloaded { .. })) && endless.requests() == 5, "tools are not called for ever");
}

/// Every way to fail once: what is said in the end, and how often the model was asked.
#[tokio::test(flavor = "multi_thread")]
async fn who_fails_once_is_asked_once_more() {
    let then = Reply::Says("It comes tomorrow.");
    for (reply, heard, goes_on) in [
        (Reply::Refuses(500, None), "It comes tomorrow.", false),
        (Reply::Refuses(503, None), "It comes tomorrow.", false),
        (Reply::Refuses(429, None), "It comes tomorrow.", false),
        (Reply::Hangs, "It comes tomorrow.", false),
        (Reply::SaysNothing, "It comes tomorrow.", false),
        (Reply::Page, "It comes tomorrow.", false),
        (Reply::Empty, "It comes tomorrow.", false),
        (Reply::Filtered, "It comes tomorrow.", false),
        (Reply::CutCall, "It comes tomorrow.", false),
        (Reply::NamelessCall, "It comes tomorrow.", false),
        (Reply::EndsAfter(""), "It comes tomorrow.", false),
        (Reply::DropsAfter(""), "It comes tomorrow.", false),
        (Reply::BreaksAfter("It is"), "It comes tomorrow.", false),
        (Reply::DropsAfter("It is on its way. And it"), "It is on its way. It comes tomorrow.", true),
        (Reply::StopsAfter("It is on its way. And it"), "It is on its way. It comes tomorrow.", true),
        (Reply::EndsAfter("It is on its way. And it"), "It is on its way. It comes tomorrow.", true),
        (Reply::BreaksAfter("It is on its way. And it"), "It is on its way. It comes tomorrow.", true),
        (Reply::FailsAfter("It is on its way. And it"), "It is on its way. It comes tomorrow.", true),
    ] {
        let setting = setting(&[reply.clone(), then.clone()]).await;
        let told = tell(&mut *setting.open().await, said("where is it")).await;
        assert!(told.report.is_ok(), "{reply:?}: {:?}", told.report);
        assert_eq!((told.said.join(" ").as_str(), told.troubles.len(), setting.requests()), (heard, 1, 2), "{reply:?}: {:?}", told.troubles);
        let again = setting.chat.messages(1);
        let expected: &[&str] = if goes_on { &["user where is it", "assistant It is on its way."] } else { &["user where is it"] };
        assert_eq!(again[..expected.len()], *expected, "{reply:?}");
        assert_eq!(again.last().unwrap().contains("broke off"), goes_on, "{reply:?}: {again:?}");
        setting.chat.holds();
    }
}

/// Every way to fail for good: which fault it is, how often the model was asked, and whether other calls ask it still.
#[tokio::test(flavor = "multi_thread")]
async fn who_fails_again_is_given_up() {
    const MALFORMED: fn(&Fault) -> bool = |fault| matches!(fault, Fault::Malformed { .. });
    const FAILED: fn(&Fault) -> bool = |fault| matches!(fault, Fault::Failed { .. });
    const STALLED: fn(&Fault) -> bool = |fault| matches!(fault, Fault::Stalled { .. });
    const OVERLOADED: fn(&Fault) -> bool = |fault| matches!(fault, Fault::Overloaded { .. });
    const UNAVAILABLE: fn(&Fault) -> bool = |fault| matches!(fault, Fault::Unavailable { .. });
    for (reply, is_it, requests, rests) in [
        (Reply::Refuses(500, None), FAILED, 2, true),
        (Reply::Refuses(401, None), UNAVAILABLE, 1, true),
        (Reply::Refuses(404, None), UNAVAILABLE, 1, true),
        (Reply::Refuses(400, None), UNAVAILABLE, 1, true),
        (Reply::Refuses(429, None), OVERLOADED, 2, true),
        (Reply::Refuses(429, Some("30")), OVERLOADED, 1, true),
        (Reply::Hangs, STALLED, 2, true),
        (Reply::SaysNothing, STALLED, 2, true),
        (Reply::StopsAfter("It is on its way. And it"), STALLED, 2, true),
        (Reply::DropsAfter("It is on its way. And it"), FAILED, 2, true),
        (Reply::EndsAfter("It is on its way. And it"), FAILED, 2, true),
        (Reply::BreaksAfter("It is on its way. And it"), MALFORMED, 2, false),
        (Reply::FailsAfter("It is on its way. And it"), FAILED, 2, true),
        (Reply::Page, MALFORMED, 2, false),
        (Reply::Empty, MALFORMED, 2, false),
        (Reply::Endless, OVERLOADED, 2, true),
    ] {
        let setting = setting(&vec![reply.clone(); 6]).await;
        let bot = setting.bot();
        let mut stream = bot.open(opening()).await.unwrap();
        let told = tell(&mut *stream, said("where is it")).await;
        let fault = told.report.expect_err("it fails");
        assert!(is_it(&fault), "{reply:?}: {fault}");
        assert!(!fault.to_string().contains(KEY));
        assert_eq!(setting.requests(), requests, "{reply:?}");
        let mut other = bot.open(opening()).await.unwrap();
        let told = tell(&mut *other, said("where is it")).await;
        assert!(told.report.is_err());
        let asks = if rests { requests } else { 2 * requests };
        assert_eq!(setting.requests(), asks, "{reply:?}: other calls wait for it in vain, or never ask it again");
        setting.chat.holds();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_told_to_come_back_soon_does() {
    let setting = setting(&[Reply::Refuses(429, Some("0.2")), Reply::Says("Hello.")]).await;
    let told = tell(&mut *setting.open().await, said("hello")).await;
    assert_eq!((told.said, told.troubles.len(), setting.requests()), (vec!["Hello.".to_owned()], 0, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_too_long_loses_its_half_sentence_only() {
    for (reply, heard) in [("It is on its way. And then it", "It is on its way."), ("It is on its", "It is on its")] {
        let setting = setting(&[Reply::CutByLimit(reply)]).await;
        let told = tell(&mut *setting.open().await, said("where is it")).await;
        assert_eq!((told.said.join(" ").as_str(), told.report.is_ok()), (heard, true));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_answer_has_a_limit_too() {
    let mut setting = setting(&[Reply::Endless]).await;
    setting.table.answer_secs = 0.3;
    let told = tell(&mut *setting.open().await, said("where is it")).await;
    assert!(matches!(told.report, Err(Fault::Stalled { .. })), "{:?}", told.report);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_there_and_a_wrong_key_are_told_without_the_key() {
    let mut wrong_key = setting(&[]).await;
    let file = SecretFile::new("wrong-key");
    wrong_key.table.api_key_file = Some(file.0.clone());
    let mut nobody = setting(&[]).await;
    nobody.table.url = "http://127.0.0.1:9/v1".into();
    for (setting, words) in [(&wrong_key, "invalid_api_key"), (&nobody, "no connection")] {
        let fault = tell(&mut *setting.open().await, said("hello")).await.report.expect_err("it fails").to_string();
        assert!(fault.contains(words) && !fault.contains("wrong-key"), "{fault}");
        assert!(setting.bot().probe().await.is_err());
    }
    let well = setting(&[Reply::Says("Yes?")]).await;
    well.bot().probe().await.unwrap();
    let unset = ChatTable { api_key_env: Some("SEGUE_NO_SUCH_KEY".into()), api_key_file: None, ..well.table.clone() };
    assert!(ChatBot::load("x", &unset).err().is_some_and(|fault| fault.to_string().contains("SEGUE_NO_SUCH_KEY")));
}

/// The configured bot of the sample.
fn mercury() -> BotTable {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/config/bots/mercury.toml")).unwrap();
    BotTable::Configured(Box::new(toml::from_str(&text).unwrap()))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_configured_bot_behind_it_takes_over_with_what_the_caller_said() {
    for (reply, troubles) in [(Reply::Refuses(401, None), 1), (Reply::DropsAfter("Well. And"), 2)] {
        let setting = setting(&[reply.clone(), reply.clone()]).await;
        let table = ChatTable { standby: Some("mercury".into()), ..setting.table.clone() };
        let tables = BTreeMap::from([("concierge".to_owned(), BotTable::Chat(Box::new(table))), ("mercury".to_owned(), mercury())]);
        let bots = Bots::load(&tables);
        assert!(bots.missing.is_empty() && bots.problems.0.is_empty(), "{} {:?}", bots.problems, bots.missing);
        let mut stream = bots.there["concierge"].open(opening()).await.unwrap();
        tell(&mut *stream, BotEvent::Begin).await;
        let told = tell(&mut *stream, said("where is my order")).await;
        assert_eq!((told.troubles.len(), told.report.unwrap().intent.as_deref()), (troubles, Some("order_status")), "{reply:?}");
        let asked = setting.requests();
        let told = tell(&mut *stream, said("four seven one one")).await;
        assert!(told.report.is_ok() && !told.said.is_empty());
        assert_eq!(setting.requests(), asked, "to the end of the call");
    }
}

#[test]
fn without_its_key_a_bot_is_the_one_behind_it_and_that_is_told() {
    let chat = |standby: Option<&str>| {
        let table = ChatTable { api_key_env: Some("SEGUE_NO_SUCH_KEY".into()), standby: standby.map(str::to_owned), ..ChatTable::default() };
        BotTable::Chat(Box::new(table))
    };
    let tables = BTreeMap::from([("a".to_owned(), chat(Some("mercury"))), ("b".to_owned(), chat(None)), ("mercury".to_owned(), mercury())]);
    let bots = Bots::load(&tables);
    assert_eq!(bots.there.iter().map(|(name, bot)| (name.as_str(), bot.name())).collect::<Vec<_>>(), [("a", "mercury"), ("mercury", "mercury")]);
    assert!(bots.missing.iter().all(|fault| fault.to_string().contains("SEGUE_NO_SUCH_KEY")) && bots.missing.len() == 2, "{:?}", bots.missing);
}

#[test]
fn mistakes_in_a_configuration_are_named_by_key_and_line() {
    let read = |chat: &str| {
        let text = format!(
            "[[entry]]\nname = \"main\"\ncalled = [\"*\"]\nqueue = \"q\"\nbot = \"x\"\n[[queue]]\nname = \"q\"\n[[agent]]\nname = \"a\"\n{chat}"
        );
        Config::read(Some(("my.toml", &text)), [], |_| Err(std::io::ErrorKind::NotFound.into())).map(drop).map_err(|problems| problems.to_string())
    };
    let right = "[bot.x.chat]\napi_key_env = \"KEY\"\n";
    assert_eq!(read(right), Ok(()));
    for (wrong, told) in [
        ("modell = \"m\"", "my.toml:12: bot.x.chat.modell: is no key; did you mean `model`?"),
        ("first_secs = \"fast\"", "my.toml:12: bot.x.chat.first_secs: is \"fast\"; must be a number"),
        ("first_secs = 0.0", "my.toml:12: bot.x.chat.first_secs: must be between"),
        ("standby = \"y\"", "my.toml:12: bot.x.chat.standby: there is no configured bot `y`"),
        ("standby = \"x\"", "my.toml:12: bot.x.chat.standby: there is no configured bot `x`"),
        ("tool = [{ name = \"a\", description = \"b\" }]", "my.toml:12: bot.x.chat.tool[0].url: must be an address"),
        ("[bot.x.hours]", "my.toml:12: bot.x.hours: is no key"),
        ("[bot.y]\ngreetin = \"Hi.\"", "my.toml:13: bot.y.greetin: is no key; did you mean `greeting`?"),
    ] {
        let said = read(&format!("{right}{wrong}\n")).expect_err("it is wrong");
        assert!(said.contains(told), "{wrong}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_says_whether_the_model_answers() {
    for (reply, status, words) in [(Reply::Says("Yes?"), 0, "answers, in"), (Reply::Refuses(503, None), 1, "does not answer")] {
        let chat = Chat::start(&[reply]).await;
        let text = format!(
            "[[entry]]\nname = \"main\"\ncalled = [\"*\"]\nqueue = \"q\"\nbot = \"x\"\n[[queue]]\nname = \"q\"\n[[agent]]\nname = \"a\"\n\
             [speech]\nrecognizer = \"off\"\nsynthesizer = \"off\"\n[bot.x.chat]\nurl = \"{}\"\napi_key_env = \"HOSTED_KEY\"\nmodel = \"{MODEL}\"\n",
            chat.url()
        );
        let file = SecretFile::new(&text);
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_segue"));
        command.args(["check", "--probe"]).arg(&file.0).env("HOSTED_KEY", KEY);
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.code() == Some(status) && said.contains(words), "{:?} {said}", output.status);
        chat.holds();
    }
}

#[test]
fn the_stand_in_refuses_what_the_contract_forbids() {
    let system = json!({ "role": "system", "content": "s" });
    let user = json!({ "role": "user", "content": "u" });
    let calls = |ids: &[&str]| {
        let call = |id: &&str| json!({ "id": id, "type": "function", "function": { "name": "order", "arguments": "{}" } });
        json!({ "role": "assistant", "content": null, "tool_calls": ids.iter().map(call).collect::<Vec<_>>() })
    };
    let tool = |id: &str| json!({ "role": "tool", "tool_call_id": id, "content": "ok" });
    let body = |messages: Vec<Value>| json!({ "model": MODEL, "stream": true, "messages": messages });
    for (right, messages) in [
        (true, vec![system.clone(), user.clone()]),
        (true, vec![user.clone(), calls(&["a", "b"]), tool("b"), tool("a"), user.clone()]),
        (false, vec![]),
        (false, vec![tool("a")]),
        (false, vec![user.clone(), calls(&["a"]), user.clone()]),
        (false, vec![user.clone(), calls(&["a", "b"]), tool("a")]),
        (false, vec![user.clone(), calls(&["a", "a"]), tool("a")]),
        (false, vec![user.clone(), calls(&["a"]), tool("b")]),
        (false, vec![user.clone(), calls(&[])]),
        (false, vec![json!({ "role": "assistant", "content": "" })]),
        (false, vec![json!({ "role": "user", "content": "" })]),
        (false, vec![json!({ "role": "caller", "content": "x" })]),
    ] {
        assert_eq!(mistake(&body(messages.clone())).is_none(), right, "{messages:?}");
    }
    let with = |name: &str, value: Value| {
        let mut body = body(vec![user.clone()]);
        body[name] = value;
        body
    };
    let function = |name: &str, parameters: Value| json!({ "type": "function", "function": { "name": name, "parameters": parameters } });
    let object = json!({ "type": "object" });
    for (name, value) in [
        ("stream", json!(false)),
        ("max_toknes", json!(3)),
        ("temperature", json!(3.0)),
        ("tools", json!([])),
        ("tools", json!([function("a b", object.clone())])),
        ("tools", json!([function("a", json!({ "type": "string" }))])),
        ("tools", json!([function("a", object.clone()), function("a", object.clone())])),
    ] {
        assert!(mistake(&with(name, value.clone())).is_some(), "{name}: {value}");
    }
    let mut both = with("max_tokens", json!(3));
    both["max_completion_tokens"] = json!(3);
    assert!(mistake(&both).is_some());
}
