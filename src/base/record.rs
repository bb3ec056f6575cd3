//! What happened, in one envelope: the append-only journal of which results, reports, feeds and databases are projections.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{AgentId, CallId, Denial, Fault, LegId, Network, PlaybackId, QueueId, Time};

/// The version of the envelope and of the happenings in it.
pub const RECORD_VERSION: u16 = 1;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Version of the schema.
    pub v: u16,
    /// Counts within the subject's journal from 0, without gaps.
    pub seq: u64,
    /// When, in µs from the driver's origin.
    pub at: Time,
    /// The call that it is about.
    pub subject: CallId,
    /// What.
    #[serde(flatten)]
    pub kind: Happening,
}

/// Whose voice or act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Party {
    /// Who called.
    Caller,
    /// The voice bot, notices and music included.
    Bot,
    /// Who helps.
    Agent,
    /// Who watches.
    Supervisor,
}

/// The kinds of evidence that the listener gives (DESIGN §5), in alphabetical order of their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SignalKind {
    /// The bot's back end failed or stalled.
    BotError,
    /// The bot itself asks for a person.
    BotRequest,
    /// "I don't understand."
    Confusion,
    /// "No, that's not what I said."
    Correction,
    /// The caller talks over the bot, more than backchannel.
    Interruption,
    /// Keys pressed wildly.
    KeyMash,
    /// The caller says nothing for long.
    LongSilence,
    /// The recognizer or the bot is unsure of what was said.
    LowConfidence,
    /// The bot waited for an answer and got none.
    NoInput,
    /// The bot found no meaning in what was said.
    NoMatch,
    /// Turns without a new slot or answer.
    NoProgress,
    /// The bot understood, but it is nothing that it does.
    OutOfScope,
    /// Abusive words.
    Profanity,
    /// The caller raises their voice against their own calm speech.
    RaisedVolume,
    /// The caller says the same again, in words or in sound.
    Repeat,
    /// Asks for a person, or will not tell a machine.
    Request,
    /// Negative words.
    Sentiment,
    /// Words or intents that always go to a person.
    Topic,
}

impl SignalKind {
    /// Every kind, in order.
    pub const ALL: [SignalKind; 18] = [
        SignalKind::BotError,
        SignalKind::BotRequest,
        SignalKind::Confusion,
        SignalKind::Correction,
        SignalKind::Interruption,
        SignalKind::KeyMash,
        SignalKind::LongSilence,
        SignalKind::LowConfidence,
        SignalKind::NoInput,
        SignalKind::NoMatch,
        SignalKind::NoProgress,
        SignalKind::OutOfScope,
        SignalKind::Profanity,
        SignalKind::RaisedVolume,
        SignalKind::Repeat,
        SignalKind::Request,
        SignalKind::Sentiment,
        SignalKind::Topic,
    ];

    /// The name in records, rules and configuration.
    pub const fn name(self) -> &'static str {
        match self {
            SignalKind::BotError => "bot_error",
            SignalKind::BotRequest => "bot_request",
            SignalKind::Confusion => "confusion",
            SignalKind::Correction => "correction",
            SignalKind::Interruption => "interruption",
            SignalKind::KeyMash => "key_mash",
            SignalKind::LongSilence => "long_silence",
            SignalKind::LowConfidence => "low_confidence",
            SignalKind::NoInput => "no_input",
            SignalKind::NoMatch => "no_match",
            SignalKind::NoProgress => "no_progress",
            SignalKind::OutOfScope => "out_of_scope",
            SignalKind::Profanity => "profanity",
            SignalKind::RaisedVolume => "raised_volume",
            SignalKind::Repeat => "repeat",
            SignalKind::Request => "request",
            SignalKind::Sentiment => "sentiment",
            SignalKind::Topic => "topic",
        }
    }
}

/// A key of a telephone: `0`–`9`, `*`, `#`, `A`–`D`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "char", into = "char")]
pub struct Key(char);

impl Key {
    /// The key with this label, if there is one.
    pub fn new(label: char) -> Option<Key> {
        matches!(label, '0'..='9' | '*' | '#' | 'A'..='D').then_some(Key(label))
    }

    /// The label.
    pub const fn label(self) -> char {
        self.0
    }
}

impl TryFrom<char> for Key {
    type Error = String;
    fn try_from(label: char) -> Result<Self, String> {
        Key::new(label).ok_or_else(|| format!("`{label}` is no key of a telephone"))
    }
}

impl From<Key> for char {
    fn from(key: Key) -> char {
        key.0
    }
}

/// The stages of a call (DESIGN §4), as records name them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StageName {
    /// The caller's phone rings.
    Ringing,
    /// The greeting is spoken.
    Greeting,
    /// The bot serves the caller.
    WithBot,
    /// The caller was asked whether they want a person.
    Offered,
    /// The desk looks for a person.
    Waiting,
    /// An agent is being alerted.
    RingingAgent,
    /// The agent hears the briefing.
    Briefing,
    /// Caller and agent hear each other.
    Bridged,
    /// More than one person is with the caller.
    Conference,
    /// The call moves on to an outside target.
    Transfer,
    /// Nobody could be found: the caller leaves a message.
    Message,
    /// The caller is asked how it went.
    Survey,
    /// Over.
    Ended,
}

/// Why something was played.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// The first words of the call.
    Greeting,
    /// An answer or question of the bot.
    Bot,
    /// What the caller is told about the handoff.
    Notice,
    /// "Would you like to talk to a person?"
    Question,
    /// Position, wait, or a change of plan while waiting.
    Waiting,
    /// Hold music.
    Music,
    /// A short tone that shows that the line is alive.
    Comfort,
    /// What the agent is told by ear.
    Briefing,
    /// The tone after which a message is recorded.
    Beep,
    /// Questions after the call.
    Survey,
    /// Last words.
    Goodbye,
}

/// How a handoff was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Asked {
    /// At once.
    Transfer,
    /// The caller was asked first.
    Offer,
}

/// Whether a trigger acts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// It does.
    #[default]
    Act,
    /// It only records what it would have done.
    Shadow,
}

/// The caller's answer to the offer of a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Consent {
    /// Wants a person.
    Yes,
    /// Stays with the bot.
    No,
    /// Said nothing.
    #[serde(rename = "silent")]
    Silence,
}

/// How one offer to one agent ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OfferOutcome {
    /// The agent took the caller.
    Accepted,
    /// The agent said no.
    Declined,
    /// The agent let the deadline pass.
    Unanswered,
    /// The agent's line or page went away.
    Vanished,
    /// It was taken back: somebody else accepted, or the caller left.
    Withdrawn,
}

/// What came of asking one more person into a bridge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InviteOutcome {
    /// They are with the caller beside the agent who asked.
    Joined,
    /// They have the caller, and the agent who asked is free.
    Completed,
    /// The agent who asked took the caller back.
    TakenBack,
    /// They said no, did not answer, or went away again.
    NobodyCame,
    /// The bridge ended, or the agent who asked was lost.
    Dropped,
}

/// How a handoff ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HandoffOutcome {
    /// Caller and agent talked to the end.
    Bridged,
    /// The caller stayed with the bot (declined, or nobody was found).
    KeptWithBot,
    /// A callback was filed.
    Callback,
    /// The caller left a message.
    Message,
    /// A ticket was filed.
    Ticket,
    /// The caller hung up before anybody was there.
    Abandoned,
    /// The agent gave the caller back to the bot.
    HandedBack,
    /// It only would have been.
    Shadow,
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallOutcome {
    /// Some handoff reached a person.
    Bridged,
    /// The bot served it to the end.
    Contained,
    /// A callback was filed.
    Callback,
    /// A message was left.
    Message,
    /// A ticket was filed.
    Ticket,
    /// The caller hung up while a person was being sought.
    Abandoned,
}

/// Who ended something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndedBy {
    /// The caller hung up.
    Caller,
    /// The agent hung up or handed back.
    Agent,
    /// The bot said goodbye.
    Bot,
    /// A supervisor or operator did.
    Supervisor,
    /// Segue did: shutdown, a limit, or the last way out of a failed handoff.
    Gateway,
    /// The network took the caller away.
    LostMedia,
}

/// The handoff clocks (DESIGN §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HandoffClock {
    /// Trigger, or the caller's yes.
    T0,
    /// First sample of the notice.
    T1,
    /// Packet on the agent's screen.
    T2,
    /// Agent alerted.
    T3,
    /// Agent accepts.
    T4,
    /// Sound received after t4 from each side has been sent to the other.
    T5,
    /// Bot gone.
    T6,
}

/// What can happen in a call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Happening {
    /// The caller's call reached an entry.
    CallBegan {
        /// The entry's name.
        entry: String,
        /// The called number.
        called: String,
        /// The caller's number, if known.
        caller: Option<String>,
        /// BCP 47 language of the entry.
        language: String,
        /// `act`, or `shadow` for the whole entry.
        mode: Mode,
    },
    /// The call entered a stage.
    StageEntered {
        /// Which.
        stage: StageName,
    },
    /// A leg joined the call.
    LegJoined {
        /// Which.
        leg: LegId,
        /// Whose.
        party: Party,
        /// The agent's name, for an agent.
        agent: Option<AgentId>,
    },
    /// A leg left the call.
    LegLeft {
        /// Which.
        leg: LegId,
        /// Whose.
        party: Party,
        /// Who ended it.
        by: EndedBy,
    },
    /// A party finished a turn.
    TurnEnded {
        /// Who spoke.
        who: Party,
        /// First sound.
        start: Time,
        /// Last sound.
        end: Time,
        /// What was said, redacted; `None` where no recognizer listened or nothing was understood.
        text: Option<String>,
        /// 0..1 where the recognizer knows.
        confidence: Option<f64>,
        /// True if somebody cut it short.
        cut: bool,
    },
    /// The caller began to talk over what was played, and it was stopped.
    BargedIn,
    /// A key was pressed.
    KeyPressed {
        /// By whom.
        who: Party,
        /// Which; `None` where digits are private.
        key: Option<Key>,
    },
    /// The listener has evidence.
    SignalHeard {
        /// Who it is about.
        who: Party,
        /// What kind; named `signal` beside the record's own `kind`.
        signal: SignalKind,
        /// Where the evidence begins.
        start: Time,
        /// Where it ends.
        end: Time,
        /// How much, in `unit`.
        value: f64,
        /// The unit of `value`.
        unit: String,
        /// What it adds to the score, 0..1.
        weight: f64,
        /// A sentence for a supervisor, redacted.
        why: String,
    },
    /// The frustration score changed.
    ScoreChanged {
        /// 0..1
        score: f64,
        /// What each kind contributes now, 0..1; only those that do.
        parts: BTreeMap<SignalKind, f64>,
    },
    /// The bot answered a turn.
    BotReplied {
        /// The intent it found.
        intent: Option<String>,
        /// What it knows so far, redacted.
        slots: BTreeMap<String, String>,
        /// True if a slot was filled or an answer given.
        progress: bool,
    },
    /// A trigger fired, or an entry without a bot sends the caller on.
    Triggered {
        /// Counts the call's handoffs from 0.
        handoff: u32,
        /// The trigger's name, or `entry`.
        trigger: String,
        /// The largest contributor's name, or `entry`.
        cause: String,
        /// Acts or only records.
        mode: Mode,
        /// At once, or by asking the caller.
        asked: Asked,
        /// A sentence for a person.
        reason: String,
        /// The queue it would go to.
        queue: QueueId,
    },
    /// The caller answered the offer of a person.
    Consented {
        /// Which handoff.
        handoff: u32,
        /// What they said.
        consent: Consent,
    },
    /// A handoff clock was reached.
    ClockReached {
        /// Which handoff.
        handoff: u32,
        /// Which clock.
        clock: HandoffClock,
        /// Of which offer, for t2 to t4: several agents may be asked at once. None of other clocks, and in older records.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        offer: Option<u32>,
    },
    /// Where the caller stands in the queue.
    PositionChanged {
        /// Which handoff.
        handoff: u32,
        /// 1 is next.
        position: u32,
        /// Upper bound of the wait in s, if one can be told.
        expected_wait_s: Option<f64>,
    },
    /// An agent is asked to take the caller.
    Offered {
        /// Which handoff.
        handoff: u32,
        /// The offer's number within the call.
        offer: u32,
        /// Whom.
        agent: AgentId,
        /// What the agent is shown, redacted.
        packet: serde_json::Value,
    },
    /// An offer ended.
    OfferSettled {
        /// Which handoff.
        handoff: u32,
        /// The offer's number within the call.
        offer: u32,
        /// Whose.
        agent: AgentId,
        /// How.
        outcome: OfferOutcome,
        /// Why the agent declined, in their words, redacted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// What the agent is shown has changed.
    PacketUpdated {
        /// Which handoff.
        handoff: u32,
        /// The packet, redacted.
        packet: serde_json::Value,
    },
    /// The caller heard nothing for a moment around t5.
    BridgeGapMeasured {
        /// Which handoff.
        handoff: u32,
        /// Silence in ms.
        gap_ms: f64,
    },
    /// After t5, no sound flows from this side.
    OneWayAudio {
        /// Which handoff.
        handoff: u32,
        /// Whose sound is missing.
        from: Party,
    },
    /// An agent put the caller on hold, or took them back; hold ends with its bridge.
    Held {
        /// On hold from now on.
        on: bool,
    },
    /// Nobody hears an agent from now on, or everybody does again.
    Muted {
        /// Their leg.
        leg: LegId,
        /// Who.
        agent: AgentId,
        /// Muted from now on.
        on: bool,
    },
    /// An agent asks one more person.
    Invited {
        /// Who asks.
        agent: AgentId,
        /// Whom: an agent's or a queue's name, or a number.
        to: String,
        /// They talk with each other first, while the caller is on hold.
        consult: bool,
    },
    /// What came of asking one more person; each [`Happening::Invited`] has one.
    InviteEnded {
        /// What.
        outcome: InviteOutcome,
    },
    /// The first sound of somebody who joined a bridge that was there already has been heard.
    LegHeard {
        /// Their leg.
        leg: LegId,
    },
    /// What the bot would have said to a caller who is with an agent; only the agent is shown it.
    Suggested {
        /// Its words, redacted.
        text: String,
    },
    /// An agent noted something.
    Noted {
        /// Who.
        agent: AgentId,
        /// What, redacted.
        text: String,
    },
    /// An agent corrected what is known of the caller or their wish.
    SlotCorrected {
        /// Who.
        agent: AgentId,
        /// Of what.
        name: String,
        /// What is right, redacted.
        value: String,
    },
    /// An agent pressed a key for the caller's side.
    KeySent {
        /// Who.
        agent: AgentId,
        /// Which.
        key: Key,
    },
    /// Somebody asked for what they may not decide; nothing was done.
    Denied {
        /// Who.
        who: AgentId,
        /// What they asked for: the name of a command.
        asked: String,
        /// Why it was not done.
        why: Denial,
    },
    /// A handoff is over.
    HandoffEnded {
        /// Which.
        handoff: u32,
        /// How.
        outcome: HandoffOutcome,
        /// By whom.
        by: EndedBy,
    },
    /// A playback's first sample was sent.
    PlaybackStarted {
        /// Which.
        playback: PlaybackId,
        /// Into which leg.
        leg: LegId,
        /// Why.
        purpose: Purpose,
        /// Its words, redacted, if it has any.
        text: Option<String>,
    },
    /// A playback's last sample was sent, or it was stopped.
    PlaybackStopped {
        /// Which.
        playback: PlaybackId,
        /// Samples sent.
        samples: u64,
        /// True if it was heard to its end.
        completed: bool,
    },
    /// A callback was filed with the desk.
    CallbackFiled {
        /// The queue that calls back.
        queue: QueueId,
        /// The number to call.
        number: Option<String>,
    },
    /// A message was left.
    MessageLeft {
        /// The queue it is for.
        queue: QueueId,
        /// Where it begins.
        start: Time,
        /// Where it ends.
        end: Time,
    },
    /// A ticket was filed because nothing else was possible.
    TicketFiled {
        /// The queue it is for.
        queue: QueueId,
    },
    /// The caller answered the survey.
    SurveyAnswered {
        /// The key pressed.
        rating: Option<u8>,
    },
    /// Something had trouble; the call went on.
    Faulted {
        /// What.
        #[serde(flatten)]
        fault: Fault,
    },
    /// What the network did to a leg's sound, told when the leg is gone; for the last ones that is after the call's end.
    NetworkMeasured {
        /// Which leg.
        leg: LegId,
        /// What it did.
        #[serde(flatten)]
        network: Network,
    },
    /// The call is over.
    CallEnded {
        /// How.
        outcome: CallOutcome,
        /// By whom.
        by: EndedBy,
    },
}
