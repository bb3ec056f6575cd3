//! Bot back ends: a trait, and one file for each.
//!
//! A [`Bot`] opens one [`BotStream`] for a call. Each event is a request; while it is worked on, the stream sends
//! [`BotAct`]s as they get ready (a sentence at a time, from a streaming model too), and it ends with one
//! [`BotReport`](crate::listen::types::BotReport). Dropping the request or the stream cancels it.

use std::sync::Arc;

use tokio::sync::mpsc::Sender;

use crate::base::{CallId, Key};
use crate::listen::types::BotReport;
use crate::speech::Answering;

/// A voice bot.
pub trait Bot: Send + Sync {
    /// What it is called in configuration and records.
    fn name(&self) -> &str;

    /// Sentences that callers may say to it, for the recognizer's language model.
    fn vocabulary(&self) -> Vec<String>;

    /// What it may say that is known beforehand, to be synthesized ahead.
    fn phrases(&self) -> Vec<String>;

    /// Opens a conversation.
    fn open(&self, opening: BotOpening) -> Answering<'_, Box<dyn BotStream>>;
}

/// What a bot is told about the call.
#[derive(Clone, Debug)]
pub struct BotOpening {
    /// The call.
    pub call: CallId,
    /// The called number.
    pub called: Arc<str>,
    /// The caller's number, if known.
    pub caller: Option<crate::base::Pii<Arc<str>>>,
    /// BCP 47 language.
    pub language: Arc<str>,
    /// Wall time at the call's begin.
    pub wall: jiff::Zoned,
    /// False if there is no recognizer: fall back to keys or a person.
    pub hears_words: bool,
}

/// One conversation.
pub trait BotStream: Send {
    /// Works on one event; sends what to say as it gets ready.
    fn tell(&mut self, event: BotEvent, acts: Sender<BotAct>) -> Answering<'_, BotReport>;
}

/// What a bot hears.
#[derive(Clone, Debug, PartialEq)]
pub enum BotEvent {
    /// The call begins: greet.
    Begin,
    /// The caller finished a turn.
    Said {
        /// Which turn.
        turn: u32,
        /// What was said; `None` where it was not understood.
        text: Option<String>,
        /// 0..1 where the recognizer knows.
        confidence: Option<f32>,
    },
    /// The caller pressed a key.
    Key(Key),
    /// The caller did not answer the bot's question.
    NoInput,
    /// The caller chose to stay with the bot, or nobody was found: go on.
    Resume(Resumption),
}

/// Why the bot has the caller again.
#[derive(Clone, Debug, PartialEq)]
pub enum Resumption {
    /// The caller declined a person.
    Declined,
    /// Nobody was found; what was settled instead has been said.
    NobodyFound,
    /// An agent gave the caller back, with a note.
    HandedBack(Option<String>),
}

/// What a bot does.
#[derive(Clone, Debug, PartialEq)]
pub enum BotAct {
    /// Says this, after what it said before.
    Say(crate::base::Wording),
}
