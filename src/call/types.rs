//! What goes into a call and what comes out.

use serde::{Deserialize, Serialize};

use crate::base::{AgentId, Denial, EndedBy, Fault, Happening, Key, LegId, OfferId, PlaybackId, Purpose, QueueId, Time, Wording};
use crate::handoff::desk::{DeskInput, DeskOutput, QueueView};
use crate::handoff::packet::ContextPacket;
use crate::listen::types::BotEvent;
use crate::listen::types::{BotReport, ListenInput, Score, Signal, Turn};

/// The key by which an agent on a phone accepts.
pub const ACCEPT_KEY: char = '1';
/// The key by which an agent on a phone declines.
pub const DECLINE_KEY: char = '2';

/// What goes into a call.
#[derive(Clone, Debug)]
pub enum CallInput {
    /// The caller's leg is answered and its sound flows.
    Answered,
    /// A leg is gone.
    LegGone(LegId, Gone),
    /// An agent pressed accept on their screen.
    AgentAnswered(OfferId),
    /// An agent's phone was picked up, by them or by a voicemail: they are briefed, and accept by [`ACCEPT_KEY`].
    AgentPickedUp(OfferId),
    /// What this offer rang sends sound before it was picked up (early media).
    AgentSounds(OfferId),
    /// A person is there: the page of this offer was opened, or an ACD named its agent.
    PersonFound(OfferId),
    /// Why an agent is about to say no.
    DeclineReason(OfferId, String),
    /// An agent said no.
    AgentDeclined(OfferId),
    /// An agent's line or page went away before they accepted, or their phone failed.
    AgentVanished(OfferId),
    /// The packet is on the agent's screen (t2).
    PacketShown(OfferId),
    /// The agent's phone rings or their page alerts (t3).
    Alerted(OfferId),
    /// A playback's first sample was sent.
    PlaybackStarted(PlaybackId),
    /// A playback is over.
    PlaybackStopped {
        /// Which.
        id: PlaybackId,
        /// Samples sent.
        sent: u64,
        /// True if it was sent to its end.
        completed: bool,
    },
    /// The first sound that `from` sent after the route was opened has been sent to `to`.
    Crossed {
        /// Who spoke.
        from: LegId,
        /// Who hears.
        to: LegId,
        /// Frames in which nothing was sent to the caller since [`Effect::MeasureGap`].
        gap_frames: u32,
    },
    /// Nothing has come from this leg for longer than its edge allows, although it should (it is not on hold): it is lost.
    NoMedia(LegId),
    /// What the listener of a leg found.
    Heard(LegId, Heard),
    /// The bot says this in answer to a request.
    BotSays(BotRequest, Wording),
    /// The bot's answer to a request is complete.
    BotReported(BotRequest, BotReport),
    /// The bot failed at a request.
    BotFailed(BotRequest, Fault),
    /// News from the desk.
    Desk(DeskOutput),
    /// The state of the entry's queue, for the triggers; sent when it changes.
    Queue(QueueView),
    /// An agent, supervisor or operator wants something. What is not theirs to decide is answered by [`Effect::Deny`].
    Command(Command),
    /// The phone of an agent on this leg asks for the caller to be sent to this target; answered by [`Effect::Move`] or [`Effect::Deny`].
    Referred(LegId, String),
    /// The outside target of a transfer took the caller, or not.
    Moved(bool),
    /// The outside target of a transfer was rung by ourselves and has picked up.
    PutThrough,
    /// Whoever the agent on this leg has talked to on another line takes their place.
    TakenOver(LegId),
    /// Some part had trouble.
    Fault(Fault),
    /// Segue shuts down: the caller is told and the call ends.
    Shutdown,
    /// Time has passed.
    Tick,
}

/// What a listener found, as far as the call cares.
#[derive(Clone, Debug)]
pub enum Heard {
    /// The party began to speak.
    SpeechBegan(Time),
    /// The party talks over what is played.
    BargeIn,
    /// The party has said something, and what it was is not known yet.
    EarLate,
    /// A turn is over.
    Turn(Turn),
    /// The bot's question got no answer.
    NoInput,
    /// A key.
    Key(Key),
    /// Evidence.
    Signal(Signal),
    /// The score changed.
    Score(Score),
}

/// Why a leg is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gone {
    /// The party hung up.
    HungUp,
    /// The network, page or phone went away.
    Lost,
}

/// Counts what the bot was told, so that late answers are recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BotRequest(pub u32);

/// What people do to a running call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Command {
    /// Start a handoff by hand.
    Handoff {
        /// To this queue, or the entry's.
        queue: Option<QueueId>,
    },
    /// The agent gives the caller back to the bot.
    HandBack {
        /// Who.
        agent: AgentId,
        /// For the bot and the record.
        note: Option<String>,
    },
    /// The agent sends the caller on.
    Transfer {
        /// Who.
        agent: AgentId,
        /// Where to.
        target: Target,
    },
    /// The agent asks one more person to join.
    Invite {
        /// Who asks.
        agent: AgentId,
        /// Whom.
        target: Target,
    },
    /// An agent talks with somebody else first, while the caller is on hold.
    Consult {
        /// Who.
        agent: AgentId,
        /// With whom.
        target: Target,
    },
    /// Whom the agent talks with takes the caller, and the agent is done. If nobody is there yet, the caller goes on to them as they are.
    Complete {
        /// Who is done.
        agent: AgentId,
    },
    /// The agent takes the caller back, and whom they talk with leaves.
    TakeBack {
        /// Who.
        agent: AgentId,
    },
    /// An agent notes something, for the record and whoever has the caller after them.
    Note {
        /// Who.
        agent: AgentId,
        /// What.
        text: String,
    },
    /// An agent corrects what is known of the caller or their wish.
    Correct {
        /// Who.
        agent: AgentId,
        /// Of what.
        name: String,
        /// What is right.
        value: String,
    },
    /// An agent is done: hang up their leg.
    HangUpAgent {
        /// Which of those who are with the caller.
        agent: AgentId,
    },
    /// The caller is put on hold, or taken back by who did that.
    Hold {
        /// By whom.
        agent: AgentId,
        /// On hold from now on.
        on: bool,
    },
    /// Nobody hears an agent from now on, or everybody does again.
    Mute {
        /// Whom.
        agent: AgentId,
        /// Muted from now on.
        on: bool,
    },
    /// An agent presses a key for the caller's side.
    Press {
        /// Who.
        agent: AgentId,
        /// Which.
        key: Key,
    },
    /// A supervisor joins and hears everybody; their microphone is closed.
    Listen {
        /// Who.
        supervisor: AgentId,
    },
    /// The listening supervisor speaks to the agent only.
    Whisper {
        /// Who.
        supervisor: AgentId,
    },
    /// The listening supervisor speaks to everybody.
    Barge {
        /// Who.
        supervisor: AgentId,
    },
    /// The supervisor leaves.
    StopListening {
        /// Who.
        supervisor: AgentId,
    },
    /// End the call.
    HangUp,
}

/// Where a caller is sent on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "to", content = "name", rename_all = "snake_case")]
pub enum Target {
    /// To this agent.
    Agent(AgentId),
    /// To a queue.
    Queue(QueueId),
    /// To somebody outside, as a `tel:` or `sip:` URI kept as it is.
    Outside(String),
}

impl Target {
    /// The one agent who is meant.
    pub(super) fn agent(&self) -> Option<AgentId> {
        match self {
            Target::Agent(agent) => Some(agent.clone()),
            Target::Queue(_) | Target::Outside(_) => None,
        }
    }

    /// As records name it.
    pub(super) fn name(&self) -> &str {
        match self {
            Target::Agent(agent) => &agent.0,
            Target::Queue(queue) => &queue.0,
            Target::Outside(uri) => uri,
        }
    }
}

/// What a call wants done.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Answer the caller's leg.
    Answer,
    /// Say this into a leg.
    Say {
        /// The playback.
        id: PlaybackId,
        /// Into which leg.
        leg: LegId,
        /// Why.
        purpose: Purpose,
        /// What.
        wording: Wording,
    },
    /// Play a short tone into a leg.
    Tone {
        /// The playback.
        id: PlaybackId,
        /// Into which leg.
        leg: LegId,
        /// [`Purpose::Comfort`] or [`Purpose::Beep`].
        purpose: Purpose,
    },
    /// Play hold music into a leg until it is stopped.
    Music {
        /// The playback.
        id: PlaybackId,
        /// Into which leg.
        leg: LegId,
    },
    /// Stop a playback.
    Stop(PlaybackId),
    /// Whether `to` hears `from`.
    Route {
        /// Who speaks.
        from: LegId,
        /// Who hears.
        to: LegId,
        /// Whether they do.
        on: bool,
    },
    /// Press a key towards a leg's party.
    SendKey(LegId, Key),
    /// Count the frames in which nothing is sent to the caller from now on.
    MeasureGap,
    /// Tell the listener of a leg; a leg that has none yet gets one.
    Listener(LegId, ListenInput),
    /// Tell the bot.
    TellBot(BotRequest, BotEvent),
    /// The answer to this request is not wanted any more.
    CancelBot(BotRequest),
    /// The bot's part in the call is over for good.
    CloseBot,
    /// Tell the desk.
    ToDesk(DeskInput),
    /// Show the packet to the agent and alert them.
    Alert {
        /// The offer.
        offer: OfferId,
        /// Whom.
        agent: AgentId,
        /// What they are shown.
        packet: Box<ContextPacket>,
    },
    /// Stop alerting: the offer is over.
    StopAlert(OfferId),
    /// What the agent is shown has changed.
    UpdatePacket(OfferId, Box<ContextPacket>),
    /// The line of this agent (or supervisor) becomes a leg of the call.
    Join {
        /// The new leg.
        leg: LegId,
        /// Whose line.
        agent: AgentId,
        /// The offer that they answered; a supervisor has none.
        offer: Option<OfferId>,
    },
    /// End a leg.
    Release(LegId, EndedBy),
    /// Send the caller to somebody outside; answered by [`CallInput::Moved`], or by [`CallInput::PutThrough`] where the caller can't be sent.
    Move(String),
    /// Ring somebody outside, while the caller waits; answered by [`CallInput::PutThrough`], or [`CallInput::Moved`] if they did not come.
    Dial(String),
    /// Whoever is rung outside is not wanted any more.
    StopDial,
    /// Whoever was rung outside becomes a leg of the call.
    JoinOutside(LegId),
    /// Tell whoever asked for something that it is not theirs to decide; nothing was done.
    Deny(Denial),
    /// Note what happened.
    Record(Happening),
}

/// What comes out of a call.
#[derive(Clone, Debug)]
pub enum CallOutput {
    /// Do this.
    Do(Effect),
    /// Nothing to do until then at the latest, and why then.
    Idle(Option<(Time, Reason)>),
}

/// Why a call wants to be woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// The caller has heard nothing since the end of their turn.
    Comfort,
    /// The bot has not answered.
    BotStalled,
    /// The bot has failed, and no trigger has taken the caller.
    BotFailing,
    /// The caller has not answered the offer of a person.
    ConsentMissing,
    /// The desk has not said anything yet; the caller is told all the same.
    NoticeDue,
    /// The desk has not said anything about the ticket.
    DeskSilent,
    /// The caller is told again that they wait.
    StillWaiting,
    /// Sound has not crossed the bridge both ways.
    BridgeSlow,
    /// The outside target has not answered.
    MoveSlow,
    /// Whoever an agent asked from outside has not answered.
    DialSlow,
    /// The caller is silent after their message.
    MessagePause,
    /// The message is as long as it may be.
    MessageFull,
    /// The survey was not answered.
    SurveyOver,
    /// What is still played to the caller takes too long to end.
    LastWords,
    /// The call is as long as it may be.
    CallTooLong,
}
