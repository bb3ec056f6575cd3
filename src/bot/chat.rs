//! A bot whose words come from a language model: OpenAI's chat completions, or a server that speaks them.
//!
//! Answers are streamed, and spoken sentence by sentence as they come. The model may bring a person (`handoff`), end the call
//! (`end_call`) and call addresses of the operator. What it is told again of the call is bounded, holds no card numbers, and
//! says of an answer that was talked over only what was heard.
//!
//! A request that fails is made once more, going on after what was said already; one that fails again is a [`Fault`], and
//! whoever stands behind takes over ([`super::standby`]), or else the call brings a person. After a failure to reach the
//! service other calls don't wait for it for a while. What is *not* here: what a tool does, and when a person comes (triggers).

mod answer;
mod history;
mod sentence;
mod table;
mod tools;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{Client, RequestBuilder, Url};
use serde_json::{Value, json};
use tokio::sync::mpsc::Sender;
use tokio::time::{Instant, sleep, timeout};

use crate::base::pii::redact;
use crate::base::{Fault, Organ, secs};
use crate::listen::types::{Question, Resumption, Understood};
use crate::net::Rest;
use crate::net::http::{self, Trouble};
use crate::speech::Answering;

use super::{Bot, BotAct, BotEvent, BotOpening, BotReport, BotStream};

use answer::Mouth;
use history::{History, ToolCall};
use tools::{Next, Tool};

pub use table::{ChatTable, ToolTable};

/// How often the model may call tools within one answer.
const MAX_ROUNDS: usize = 5;
/// Before a request is made again.
const RETRY_PAUSE: Duration = Duration::from_millis(150);
/// A service that refuses us for good (a wrong key) is asked again after this.
const REFUSED_REST: Duration = Duration::from_secs(60);
/// Tokens of an answer at most, unless the configuration says otherwise: more than a minute of speech.
const MAX_TOKENS: u32 = 400;
/// So many questions without an answer, one after the other, are for a person.
const SILENCES: u32 = 3;
/// A question that ends so was asked.
const QUESTION_MARKS: [char; 2] = ['?', '？'];
/// What every model is told, whatever its task is.
const HOUSE: &str = "You speak with a caller on the telephone. What you write is read out: write short, plain sentences without lists, markup, \
    links or emoji, and ask one question at a time. What the caller says was recognized by machine and may contain mistakes; ask when it makes no \
    sense. Text in parentheses tells you what happened, and was not said by the caller. Never say that you did something that no tool did for you.";
/// The model's answer broke off after it had begun.
const BROKE_OFF: &str = "(Your answer broke off here; the caller has heard it so far. Go on with what was missing, without repeating anything.)";

/// What all calls share.
struct Service {
    name: String,
    table: ChatTable,
    address: Url,
    authorization: Option<HeaderValue>,
    client: Client,
    tools: Vec<Tool>,
    described: Vec<Value>,
    rest: Rest,
}

impl Service {
    fn load(name: &str, table: &ChatTable) -> Result<Service, Fault> {
        let unusable = |detail: String| Fault::Unavailable { organ: Organ::Bot, detail: format!("bot `{name}`: {detail}") };
        let mut address = Url::parse(&table.url).map_err(|error| unusable(error.to_string()))?;
        address.path_segments_mut().map_err(|()| unusable("its url is no address".into()))?.pop_if_empty().extend(["chat", "completions"]);
        let authorization = match table.find_key().map_err(|fault| unusable(detail(&fault)))? {
            None => None,
            Some(key) => {
                let value = HeaderValue::from_str(&format!("Bearer {}", key.reveal()));
                let mut value = value.map_err(|_| unusable("the API key has characters that no key has".into()))?;
                value.set_sensitive(true);
                Some(value)
            }
        };
        let client = http::client(secs(table.connect_secs)).map_err(unusable)?;
        let tools = table.tool.iter().map(Tool::load).collect::<Result<_, _>>().map_err(|fault| unusable(detail(&fault)))?;
        let described = tools::wire(table.tool.iter());
        Ok(Service { name: name.to_owned(), table: table.clone(), address, authorization, client, tools, described, rest: Rest::default() })
    }

    /// The request for the next words after `history`.
    fn request(&self, head: &str, history: &History) -> RequestBuilder {
        let mut messages = vec![json!({ "role": "system", "content": head })];
        messages.extend(history.wire());
        let mut body = json!({ "model": self.table.model, "messages": messages, "tools": self.described, "stream": true });
        if let Value::Object(body) = &mut body {
            if !self.table.options.contains_key("max_tokens") {
                body.insert("max_completion_tokens".into(), MAX_TOKENS.into());
            }
            body.extend(self.table.options.iter().map(|(name, value)| (name.clone(), value.clone())));
        }
        let request = self.client.post(self.address.clone()).json(&body);
        match &self.authorization {
            Some(key) => request.header(AUTHORIZATION, key.clone()),
            None => request,
        }
    }

    /// Fails at once while the service rests.
    fn is_up(&self) -> Result<(), Fault> {
        match self.rest.left() {
            None => Ok(()),
            Some(left) => {
                let detail = format!("bot `{}` failed; its model is asked again in {} s", self.name, left.as_secs() + 1);
                Err(Fault::Unavailable { organ: Organ::Bot, detail })
            }
        }
    }

    /// The service failed twice, or for good: other calls leave it alone. One that talks nonsense is there at least.
    fn failed(&self, trouble: &Trouble) {
        let rest = match &trouble.fault {
            Fault::Malformed { .. } => return,
            Fault::Unavailable { .. } => REFUSED_REST,
            Fault::Stalled { .. } | Fault::Failed { .. } | Fault::Overloaded { .. } => secs(self.table.rest_secs),
        };
        self.rest.begin(trouble.retry_after.unwrap_or(rest));
    }

    fn tool(&self, name: &str) -> Option<&Tool> {
        self.tools.iter().find(|tool| tool.name() == name)
    }
}

fn detail(fault: &Fault) -> String {
    match fault {
        Fault::Unavailable { detail, .. } => detail.clone(),
        other => other.to_string(),
    }
}

/// The bot.
pub struct ChatBot {
    service: Arc<Service>,
}

impl ChatBot {
    /// Finds key and secrets; connects when somebody calls.
    ///
    /// # Errors
    /// [`Fault::Unavailable`] if one of them can't be had.
    pub fn load(name: &str, table: &ChatTable) -> Result<ChatBot, Fault> {
        Ok(ChatBot { service: Arc::new(Service::load(name, table)?) })
    }

    /// Asks the model for a word, as a caller's first sentence would; how long it took.
    ///
    /// # Errors
    /// It can't be had.
    pub async fn probe(&self) -> Result<Duration, Fault> {
        let begun = Instant::now();
        let mut history = History::new(2, 1_000);
        history.user("Hello?".into());
        // What it says is nobody's to hear.
        let (acts, mut said) = tokio::sync::mpsc::channel(1);
        let heard = tokio::spawn(async move { while said.recv().await.is_some() {} });
        let asked = answer::ask(&self.service, &mut history, HOUSE, &mut Mouth::new(acts)).await;
        heard.abort();
        asked.map(|_| begun.elapsed()).map_err(|trouble| trouble.fault)
    }
}

impl Bot for ChatBot {
    fn name(&self) -> &str {
        &self.service.name
    }

    fn vocabulary(&self) -> Vec<String> {
        self.service.table.vocabulary.clone()
    }

    fn phrases(&self) -> Vec<String> {
        let table = &self.service.table;
        let says = table.tool.iter().map(|tool| &tool.says);
        [&table.greeting, &table.goodbye].into_iter().chain(says).filter(|text| !text.is_empty()).cloned().collect()
    }

    fn replay_delay(&self) -> Duration {
        self.service.table.replay_delay()
    }

    fn open(&self, opening: BotOpening) -> Answering<'_, Box<dyn BotStream>> {
        let table = &self.service.table;
        let conversation = Conversation {
            head: head(table, &opening),
            history: History::new(table.history_messages as usize, table.history_chars as usize),
            service: self.service.clone(),
            silences: 0,
            opening,
        };
        Box::pin(std::future::ready(Ok(Box::new(conversation) as Box<dyn BotStream>)))
    }
}

/// What the model is told before everything else.
fn head(table: &ChatTable, opening: &BotOpening) -> String {
    let mut head = format!("{HOUSE}\n\n{}\n\n", table.prompt.trim());
    head += &format!("The call began on {}. The language is {}.", opening.wall.strftime("%A, %Y-%m-%d at %H:%M"), opening.language);
    head += &format!(" The caller dialled {}.", opening.called);
    if let Some(number) = opening.caller.as_ref().filter(|_| table.tell_number) {
        head += &format!(" The caller's number is {}.", number.0);
    }
    head
}

/// One call's conversation.
struct Conversation {
    service: Arc<Service>,
    opening: BotOpening,
    head: String,
    history: History,
    /// Questions in a row that got no answer.
    silences: u32,
}

impl BotStream for Conversation {
    fn tell(&mut self, event: BotEvent, acts: Sender<BotAct>) -> Answering<'_, BotReport> {
        Box::pin(async move {
            let patience = secs(self.service.table.answer_secs);
            let stalled = Fault::Stalled { organ: Organ::Bot, after_ms: patience.as_millis() as u64 };
            let service = self.service.clone();
            timeout(patience, self.on_event(event, Mouth::new(acts))).await.unwrap_or_else(|_| {
                service.failed(&stalled.clone().into());
                Err(stalled)
            })
        })
    }

    fn cut(&mut self, said: &str, heard: &str) {
        self.history.cut(said, heard);
    }
}

impl Conversation {
    async fn on_event(&mut self, event: BotEvent, mut mouth: Mouth) -> Result<BotReport, Fault> {
        let mut report = BotReport::default();
        self.silences = if event == BotEvent::NoInput { self.silences + 1 } else { 0 };
        let is_begin = event == BotEvent::Begin;
        if is_begin && !self.opening.hears_words {
            report.wants_person = Some("nobody here can hear words".into());
        }
        let greeting = &self.service.table.greeting;
        let next = if is_begin && !greeting.is_empty() {
            mouth.say(greeting.clone(), &mut self.history).await;
            Next::Caller
        } else {
            self.note(event, &mut report);
            self.converse(&mut mouth).await?
        };
        report.progress = true;
        match next {
            Next::Caller => {}
            Next::Person(wish) => {
                report.wants_person = Some(wish.reason);
                // Who asked for a person gets one at once.
                report.topic = wish.was_asked_for.then(|| "getting a person".into());
                report.intent_title.clone_from(&wish.about);
                report.intent = wish.about;
                report.next_step = wish.next_step;
            }
            Next::Goodbye => {
                if !mouth.spoke && !self.service.table.goodbye.is_empty() {
                    mouth.say(self.service.table.goodbye.clone(), &mut self.history).await;
                }
                report.goodbye = true;
            }
        }
        if self.silences >= SILENCES && report.wants_person.is_none() {
            report.wants_person = Some("the caller can't be heard".into());
        }
        report.expects = (!report.goodbye).then(|| self.question());
        Ok(report)
    }

    /// Tells the model what happened.
    fn note(&mut self, event: BotEvent, report: &mut BotReport) {
        let told = match event {
            BotEvent::Begin => "(The call begins. Greet the caller.)".to_owned(),
            BotEvent::Said { turn, text, .. } => {
                report.turn = Some(turn);
                report.understood = if text.is_some() { Understood::Well } else { Understood::NoMatch };
                text.map_or_else(|| "(The caller said something that could not be understood.)".into(), |text| redact(&text))
            }
            BotEvent::Key(key) => format!("(The caller pressed the key {}.)", key.label()),
            BotEvent::NoInput => {
                report.understood = Understood::NoInput;
                "(The caller says nothing.)".to_owned()
            }
            BotEvent::Resume(Resumption::Declined) => "(The caller would rather go on with you than wait for a person.)".to_owned(),
            BotEvent::Resume(Resumption::NobodyFound) => "(No person was found. The caller knows, and is back with you.)".to_owned(),
            BotEvent::Resume(Resumption::HandedBack(note)) => {
                let note = note.map(|note| format!(" The person notes: {}", redact(&note))).unwrap_or_default();
                format!("(A person has talked with the caller, who is back with you now.{note})")
            }
        };
        self.history.user(told);
    }

    /// Asks the model, and calls the tools that it wants called, until it has nothing more to do.
    async fn converse(&mut self, mouth: &mut Mouth) -> Result<Next, Fault> {
        for _ in 0..MAX_ROUNDS {
            let calls = self.ask(mouth).await?;
            if calls.is_empty() {
                return Ok(Next::Caller);
            }
            self.history.call(&calls);
            let mut next = Next::Caller;
            for call in &calls {
                match tools::built_in(call) {
                    Some(wanted) => {
                        self.history.answer(&call.id, "{\"ok\":true}".into());
                        // A person outweighs a goodbye.
                        if !matches!(next, Next::Person(_)) {
                            next = wanted;
                        }
                    }
                    None => {
                        let answer = self.call(call, mouth).await;
                        self.history.answer(&call.id, answer);
                    }
                }
            }
            if next != Next::Caller {
                return Ok(next);
            }
        }
        Err(Fault::Overloaded { organ: Organ::Bot, detail: format!("the model called tools {MAX_ROUNDS} times without an answer") })
    }

    /// Asks the model for its next words, and once more if that fails.
    async fn ask(&mut self, mouth: &mut Mouth) -> Result<Vec<ToolCall>, Fault> {
        self.service.is_up()?;
        let spoke = mouth.spoke;
        mouth.spoke = false;
        let first = match answer::ask(&self.service, &mut self.history, &self.head, mouth).await {
            Ok(calls) => {
                mouth.spoke |= spoke;
                self.service.rest.end();
                return Ok(calls);
            }
            Err(trouble) => trouble,
        };
        // Who says when to come back has been waited for already, as far as a caller can wait.
        if matches!(first.fault, Fault::Unavailable { .. }) || first.retry_after.is_some() {
            self.service.failed(&first);
            return Err(first.fault);
        }
        mouth.trouble(first.fault).await;
        if mouth.spoke {
            self.history.note(BROKE_OFF);
        }
        sleep(RETRY_PAUSE).await;
        let second = answer::ask(&self.service, &mut self.history, &self.head, mouth).await;
        mouth.spoke |= spoke;
        match second {
            Ok(calls) => {
                self.service.rest.end();
                Ok(calls)
            }
            Err(trouble) => {
                self.service.failed(&trouble);
                Err(trouble.fault)
            }
        }
    }

    /// Calls a tool of the operator; what the model is told of it.
    async fn call(&mut self, call: &ToolCall, mouth: &mut Mouth) -> String {
        let service = self.service.clone();
        let Some(tool) = service.tool(&call.name) else { return json!({ "error": "there is no such tool" }).to_string() };
        let arguments = match tools::arguments(call) {
            Ok(arguments) => arguments,
            Err(wrong) => return json!({ "error": wrong }).to_string(),
        };
        if let Some(says) = tool.says().filter(|_| !mouth.spoke) {
            mouth.meanwhile(says.to_owned()).await;
        }
        let (answer, fault) = tool.call(&service.client, self.opening.call, arguments).await;
        if let Some(fault) = fault {
            mouth.trouble(fault).await;
        }
        answer
    }

    /// What the caller is expected to answer. The same question, put in the same words, is the same.
    fn question(&self) -> Question {
        let asked = self.history.last_said().filter(|said| said.ends_with(QUESTION_MARKS));
        let id = asked.map_or_else(|| Question::OPEN[0].to_owned(), |said| format!("asked:{}", said.to_lowercase()));
        Question { id, patience: secs(self.service.table.patience_secs) }
    }
}
