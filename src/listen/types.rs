//! What goes into a listener and what comes out.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::base::{Fault, Frame, Key, Party, SignalKind, Time, UtteranceId};

/// A word that a recognizer heard.
#[derive(Clone, Debug, PartialEq)]
pub struct Word {
    /// Lower case, as in the dictionary.
    pub text: String,
    /// First sound.
    pub start: Time,
    /// Last sound.
    pub end: Time,
    /// 0..1 where the recognizer knows.
    pub confidence: Option<f32>,
}

/// What a recognizer makes of an utterance so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Hypothesis {
    /// Lower case words joined by spaces; empty where nothing was understood.
    pub text: String,
    /// 0..1 where the recognizer knows.
    pub confidence: Option<f32>,
    /// The words in order; may be empty where the engine gives none.
    pub words: Vec<Word>,
    /// False if the recognizer itself rejects it as none of its sentences; its text is then only a guess.
    pub accepted: bool,
}

/// One uninterrupted say of the leg's party, text included.
#[derive(Clone, Debug, PartialEq)]
pub struct Turn {
    /// Counts the leg's turns from 0.
    pub n: u32,
    /// First sound.
    pub start: Time,
    /// Last sound.
    pub end: Time,
    /// What was said; `None` where no recognizer listened, or it rejected what it heard.
    pub text: Option<String>,
    /// 0..1 where the recognizer knows.
    pub confidence: Option<f32>,
    /// True if a recognizer listened to it (so `text: None` means "not understood").
    pub recognized: bool,
}

/// A timed, scored, explained piece of evidence.
#[derive(Clone, Debug, PartialEq)]
pub struct Signal {
    /// What kind.
    pub kind: SignalKind,
    /// Where the evidence begins.
    pub start: Time,
    /// Where it ends.
    pub end: Time,
    /// How much, in `unit`.
    pub value: f64,
    /// The unit of `value`: `s` and `z` for vocal effort, `cost`, `share`, `count`, `s` for seconds is written `sec`.
    pub unit: &'static str,
    /// What it adds to the score, 0..1.
    pub weight: f64,
    /// A sentence that a supervisor understands, with the caller's words in quotes where there are any.
    pub why: String,
    /// The leg's turn it belongs to, if any.
    pub turn: Option<u32>,
}

/// The frustration score and its parts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Score {
    /// 0..1
    pub score: f64,
    /// What each kind contributes now, 0..1; only those that do.
    pub parts: BTreeMap<SignalKind, f64>,
}

/// What the leg's party is doing, which says what may be a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scene {
    /// Talks with the bot: everything counts.
    WithBot,
    /// Waits for a person: behaviour of the bot does not count, silence is no signal.
    Waiting,
    /// Talks with a person: only what is said counts, and it is a transcript first of all.
    WithPerson,
    /// The party is gone (or the recording is over): nothing counts any more.
    Gone,
}

/// What the bot says of its answer to a turn (or of its own trouble).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BotReport {
    /// The turn that it answers; `None` for its first words, a key or a silence.
    pub turn: Option<u32>,
    /// How it understood.
    pub understood: Understood,
    /// The intent it found, by name.
    pub intent: Option<String>,
    /// What the intent means for a person to read ("order status").
    pub intent_title: Option<String>,
    /// What it knows so far.
    pub slots: BTreeMap<String, SlotValue>,
    /// True if a slot was filled or confirmed, or an answer given.
    pub progress: bool,
    /// What it waits for now; `None` if it asked nothing.
    pub expects: Option<Question>,
    /// The intent is one that always goes to a person.
    pub topic: Option<String>,
    /// It wants a person itself, and why.
    pub wants_person: Option<String>,
    /// What the bot would do next, for the packet.
    pub next_step: Option<String>,
    /// It has ended the conversation: the call may end when the playback is over.
    pub goodbye: bool,
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

/// How the bot understood a turn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Understood {
    /// Nothing had to be understood.
    #[default]
    Nothing,
    /// It has a meaning for it.
    Well,
    /// It has one, but is unsure.
    Unsure,
    /// It found none.
    NoMatch,
    /// It understood that this is nothing it does.
    OutOfScope,
    /// It was asked to, but got no answer.
    NoInput,
}

/// A slot's value.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SlotValue {
    /// What a person reads.
    pub value: String,
    /// True once the caller said yes to it, or keyed it.
    pub confirmed: bool,
}

/// What the bot waits for.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// The same for the same question, however it is worded.
    pub id: String,
    /// How long to wait for an answer after the playback is over.
    pub patience: Duration,
}

impl Question {
    /// Ids of questions that ask nothing in particular ("how can I help?", "anything else?").
    pub const OPEN: [&str; 2] = ["open", "anything_else"];

    /// True if it asks nothing in particular. Who says the same again to an open question repeats themselves; who gives
    /// the same answer to any other question again only answers.
    pub fn is_open(&self) -> bool {
        Question::OPEN.contains(&self.id.as_str())
    }
}

/// What goes into a listener.
#[derive(Clone, Debug)]
pub enum ListenInput {
    /// 20 ms of the party's sound, ending `now`.
    Audio(Frame),
    /// A recognizer's partial result.
    Partial(UtteranceId, Hypothesis),
    /// A recognizer's final result, one for each utterance that was closed.
    Final(UtteranceId, Hypothesis),
    /// The recognizer failed for this utterance; what it heard of it is lost, later ones may succeed.
    Unheard(UtteranceId, Fault),
    /// There is a recognizer on this leg from now on, or none.
    Ear(bool),
    /// Something begins (`true`) or stops to be played to the party; `interruptible` says whether talking over it means anything.
    Playing {
        /// It begins, or is over.
        on: bool,
        /// Whether talking over it is barge-in and interruption.
        interruptible: bool,
    },
    /// The bot answered.
    Bot(BotReport),
    /// The bot's back end failed.
    BotFailed(Fault),
    /// A key by RFC 4733 or signalling (keys in band are heard by the listener itself).
    Key(Key),
    /// A comparison that the listener asked for is done.
    Compared(super::signal::repeat::Verdict),
    /// What the party is doing from now on.
    Scene(Scene),
    /// Time has passed: sent at the deadline of [`ListenOutput::Idle`] where no frame comes in time.
    Tick,
}

/// What comes out of a listener.
#[derive(Clone, Debug)]
pub enum ListenOutput {
    /// The party began to speak.
    SpeechBegan {
        /// First sound (earlier than `now`).
        at: Time,
    },
    /// The party talks over what is played, more than backchannel: stop it.
    BargeIn,
    /// Open the recognizer for this utterance; the frames that follow begin with what was heard before the decision.
    OpenUtterance(UtteranceId, Time),
    /// 20 ms for the recognizer.
    Recognize(UtteranceId, Frame),
    /// No more frames: ask for the final result.
    CloseUtterance(UtteranceId),
    /// A partial transcript of the current turn.
    Partial(String),
    /// The party has said something, and the recognizer is late with it.
    EarLate,
    /// A turn is over.
    TurnEnded(Turn),
    /// The bot's question got no answer within its patience.
    NoInput,
    /// A key.
    Key(Key),
    /// Compare these turns off the media thread, and bring back the verdict.
    Compare(Box<super::signal::repeat::Comparison>),
    /// Evidence.
    Signal(Signal),
    /// The score changed.
    Score(Score),
    /// Nothing to do until then at the latest (`None`: until the next input).
    Idle(Option<Time>),
}

/// Who a listener listens to, and at which rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListenerSeat {
    /// Whose leg.
    pub party: Party,
    /// The rate of the frames.
    pub rate: crate::base::Rate,
}
