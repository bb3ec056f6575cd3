//! Bot back ends: a trait, and one file for each.
//!
//! A [`Bot`] opens one [`BotStream`] for a call. Each event is a request; while it is worked on, the stream sends
//! [`BotAct`]s as they get ready (a sentence at a time, from a streaming model too), and it ends with one
//! [`BotReport`]. Dropping the request or the stream cancels it.

pub mod configured;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::Sender;

use crate::base::CallId;
pub use crate::listen::types::{BotEvent, BotReport, Resumption};
use crate::speech::Answering;

/// A voice bot.
pub trait Bot: Send + Sync {
    /// What it is called in configuration and records.
    fn name(&self) -> &str;

    /// Sentences that callers may say to it, for the recognizer's language model.
    fn vocabulary(&self) -> Vec<String>;

    /// What it may say that is known beforehand, to be synthesized ahead.
    fn phrases(&self) -> Vec<String>;

    /// How long an answer takes in replay's virtual time.
    fn replay_delay(&self) -> Duration {
        Duration::ZERO
    }

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

/// What a bot does.
#[derive(Clone, Debug, PartialEq)]
pub enum BotAct {
    /// Says this, after what it said before.
    Say(crate::base::Wording),
    /// Something went wrong that it got over: to be told, and no reason to give up.
    Trouble(crate::base::Fault),
}
