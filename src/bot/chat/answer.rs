//! One answer of the model: a request, and its words and tool calls as they come.

use std::collections::BTreeMap;

use tokio::sync::mpsc::Sender;
use tokio::time::{Instant, timeout_at};

use crate::base::{Fault, Organ, Wording, secs};
use crate::bot::BotAct;
use crate::net::http::{self, Incoming, Limits, Trouble};

use super::Service;
use super::history::{History, ToolCall};
use super::sentence::Sentences;
use super::tools::MAX_ARGUMENT_BYTES;
use super::wire::{Delta, Event, EventStream, ToolDelta, malformed};

/// Longest answer in octets of the stream; some servers send a kilobyte a word.
const MAX_STREAM_BYTES: usize = 4 << 20;
/// Longest answer that is said: more than three minutes of speech, at which nobody listens any more.
const MAX_SAID_CHARS: usize = 4_000;
/// Tools that one answer may call.
const MAX_CALLS: usize = 8;

/// Where sentences go.
pub(super) struct Mouth {
    acts: Sender<BotAct>,
    /// True once something was said.
    pub spoke: bool,
}

impl Mouth {
    /// Says sentences by these acts.
    pub fn new(acts: Sender<BotAct>) -> Self {
        Mouth { acts, spoke: false }
    }

    /// Says a sentence, which the model will know that it said.
    pub async fn say(&mut self, sentence: String, history: &mut History) {
        // Nobody to take it means that the call is over, and the answer is dropped as well.
        let _ = self.acts.send(BotAct::Say(Wording::text(sentence.clone()))).await;
        history.say(&sentence);
        self.spoke = true;
    }

    /// Says something that the model need not know of.
    pub async fn meanwhile(&mut self, sentence: String) {
        let _ = self.acts.send(BotAct::Say(Wording::text(sentence))).await;
        self.spoke = true;
    }

    /// Tells of something that was got over.
    pub async fn trouble(&self, fault: Fault) {
        let _ = self.acts.send(BotAct::Trouble(fault)).await;
    }
}

/// An answer as it comes.
struct Coming<'a> {
    mouth: &'a mut Mouth,
    history: &'a mut History,
    sentences: Sentences,
    calls: BTreeMap<u32, ToolCall>,
    /// Characters that are no white space.
    chars: usize,
}

/// Asks the model for its next words; they are said, and go into the history, sentence by sentence. Gives the tools that it
/// wants called, in order.
///
/// # Errors
/// The service does not answer, is late, breaks off, or says what makes no sense. What was said until then stands.
pub(super) async fn ask(service: &Service, history: &mut History, head: &str, mouth: &mut Mouth) -> Result<Vec<ToolCall>, Trouble> {
    let table = &service.table;
    let due = Instant::now() + secs(table.first_secs);
    let limits = Limits { first: secs(table.first_secs), idle: secs(table.idle_secs), total: secs(table.answer_secs), bytes: MAX_STREAM_BYTES };
    let mut incoming = http::fetch(Organ::Bot, service.request(head, history), limits).await?;
    if incoming.content_type != "text/event-stream" {
        return Err(malformed(format!("it answered with {}, not with a stream of events", kind(&incoming))).into());
    }
    let mut coming = Coming { mouth, history, sentences: Sentences::default(), calls: BTreeMap::new(), chars: 0 };
    coming.all(&mut incoming, (due, secs(table.first_secs).as_millis() as u64)).await?;
    Ok(coming.calls.into_values().collect())
}

fn kind(incoming: &Incoming) -> &str {
    if incoming.content_type.is_empty() { "nothing that it names" } else { &incoming.content_type }
}

impl Coming<'_> {
    /// Takes the whole answer. The first word or call is `due` at a certain time.
    async fn all(&mut self, incoming: &mut Incoming, due: (Instant, u64)) -> Result<(), Fault> {
        let mut events = EventStream::default();
        let mut finished: Option<String> = None;
        loop {
            let next = if self.has_begun() {
                incoming.next().await?
            } else {
                timeout_at(due.0, incoming.next()).await.map_err(|_| Fault::Stalled { organ: Organ::Bot, after_ms: due.1 })??
            };
            let is_over = next.is_none();
            events.push(&next.unwrap_or_default())?;
            while let Some(event) = if is_over { events.last()? } else { events.next()? } {
                match event {
                    Event::Done => return self.finish(finished.as_deref()).await,
                    Event::Chunk(chunk) => {
                        let (delta, reason) = chunk.take()?;
                        finished = reason.or(finished);
                        self.take(delta).await?;
                    }
                }
            }
            if is_over && finished.is_some() {
                return self.finish(finished.as_deref()).await;
            }
            if is_over {
                return Err(Fault::Failed { organ: Organ::Bot, detail: "its answer broke off".into() });
            }
        }
    }

    fn has_begun(&self) -> bool {
        self.chars > 0 || !self.calls.is_empty()
    }

    async fn take(&mut self, delta: Delta) -> Result<(), Fault> {
        for piece in delta.tool_calls.into_iter().flatten() {
            self.take_call(piece)?;
        }
        for words in [delta.content, delta.refusal].into_iter().flatten() {
            self.chars += words.chars().filter(|c| !c.is_whitespace()).count();
            if self.chars > MAX_SAID_CHARS {
                return Err(Fault::Overloaded { organ: Organ::Bot, detail: format!("an answer is longer than {MAX_SAID_CHARS} characters") });
            }
            self.sentences.push(&words);
            while let Some(sentence) = self.sentences.next() {
                self.mouth.say(sentence, self.history).await;
            }
        }
        Ok(())
    }

    /// Ids and names come once; arguments in pieces. Some servers give no index: then each id begins a call.
    fn take_call(&mut self, piece: ToolDelta) -> Result<(), Fault> {
        let last = self.calls.last_key_value().map(|(index, _)| *index);
        let begins = piece.id.as_ref().is_some_and(|id| !id.is_empty() && self.calls.values().all(|call| call.id != *id));
        let index = piece.index.or_else(|| if begins { Some(last.map_or(0, |n| n + 1)) } else { last }).unwrap_or(0);
        if !self.calls.contains_key(&index) && self.calls.len() >= MAX_CALLS {
            return Err(Fault::Overloaded { organ: Organ::Bot, detail: format!("an answer calls more than {MAX_CALLS} tools") });
        }
        let call = self.calls.entry(index).or_default();
        if let Some(id) = piece.id.filter(|_| call.id.is_empty()) {
            call.id = id;
        }
        let function = piece.function.unwrap_or_default();
        if let Some(name) = function.name.filter(|_| call.name.is_empty()) {
            call.name = name;
        }
        call.arguments.push_str(&function.arguments.unwrap_or_default());
        if call.arguments.len() > MAX_ARGUMENT_BYTES {
            return Err(Fault::Overloaded {
                organ: Organ::Bot,
                detail: format!("the arguments of a tool are longer than {MAX_ARGUMENT_BYTES} octets"),
            });
        }
        Ok(())
    }

    /// The model has finished, for this reason.
    async fn finish(&mut self, reason: Option<&str>) -> Result<(), Fault> {
        let Some(reason) = reason else { return Err(Fault::Failed { organ: Organ::Bot, detail: "its answer ends without a reason".into() }) };
        // Cut by its limit, it ends with half a sentence.
        let last = if reason == "length" { self.sentences.last_of_cut() } else { self.sentences.last() };
        if let Some(last) = last {
            self.mouth.say(last, self.history).await;
        }
        if let Some(call) = self.calls.values().find(|call| call.id.is_empty() || call.name.is_empty()) {
            return Err(malformed(format!("it calls a tool without {}", if call.name.is_empty() { "a name" } else { "an id" })));
        }
        match reason {
            "content_filter" if !self.has_begun() => Err(malformed("its answer was filtered".into())),
            "length" if !self.calls.is_empty() => Err(malformed("its answer is cut within a tool call".into())),
            _ if !self.has_begun() => Err(malformed("its answer is empty".into())),
            _ => Ok(()),
        }
    }
}
