//! What the live feed tells.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{AgentRow, Desk, OfferView, PointView, QueueRow, SignalView, StageWord, TurnView, WallRow};

/// How a visitor's call stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct VisitState {
    /// In one of the wall's words.
    pub stage: StageWord,
    /// In a sentence for the visitor.
    pub sentence: String,
}

/// What happened, as the live feed tells it; the fields stand beside `type`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// The desk as it is now.
    State(Box<Desk>),
    /// To a visitor: how their call stands. Its type is `state` too.
    #[serde(rename = "state", skip_deserializing)]
    Visit(VisitState),
    /// To a visitor: somebody said something.
    Caption {
        /// `caller`, `bot` or `agent`.
        who: String,
        /// What, without what is private.
        text: String,
        /// It will not change any more.
        #[serde(rename = "final")]
        is_final: bool,
    },
    /// A caller is offered.
    Offer(Box<OfferView>),
    /// What is known of the offered caller has changed.
    OfferUpdated(Box<OfferView>),
    /// The offer is over.
    OfferOver {
        /// Which.
        offer: String,
        /// `accepted`, `declined`, `unanswered`, `vanished` or `withdrawn`.
        why: String,
    },
    /// Caller and agent hear each other.
    Live {
        /// Which call.
        call: String,
    },
    /// The caller was put on hold, or taken back.
    Held {
        /// On hold now.
        on: bool,
    },
    /// The agent was muted, or not any more.
    Muted {
        /// Muted now.
        on: bool,
    },
    /// What came of asking one more person.
    InviteOver {
        /// `joined`, `completed`, `taken_back`, `nobody_came` or `dropped`.
        why: String,
    },
    /// The agent's part in the call is over.
    CallOver {
        /// `caller`, `agent`, `bot`, `supervisor`, `gateway` or `lost_media`.
        ended_by: String,
    },
    /// What is left to do after a call.
    WrapUp {
        /// What may be saved as it is.
        summary: String,
        /// How one may say that it ended.
        dispositions: Vec<String>,
    },
    /// Somebody said something.
    Turn(TurnView),
    /// Evidence.
    Signal(SignalView),
    /// The score changed.
    Score(PointView),
    /// The call moved on.
    Stage {
        /// Where to.
        stage: StageWord,
    },
    /// What the agent is shown has changed.
    Packet {
        /// As it is now.
        packet: Box<OfferView>,
    },
    /// What the bot would say.
    Suggestion {
        /// Its words.
        text: String,
    },
    /// A call on the wall is as it is now.
    Row(WallRow),
    /// A call leaves the wall.
    Gone {
        /// Which.
        id: String,
    },
    /// The queues as they are now.
    Queues {
        /// All.
        queues: Vec<QueueRow>,
    },
    /// The agents as they are now.
    Agents {
        /// All.
        agents: Vec<AgentRow>,
    },
    /// Another page of the same agent has taken the desk over: calls ring there, and nothing more is told here.
    Replaced,
    /// Passing news.
    Notice {
        /// In a sentence.
        text: String,
    },
    /// Read everything anew: what was missed is not known any more.
    Reset,
    /// The answer to a ping.
    Pong {
        /// Its number.
        n: u64,
    },
}

/// What an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Topic {
    /// The agent's own desk.
    Desk,
    /// A call that the page watches, or that is the agent's.
    Call,
    /// The supervisors' wall.
    Wall,
    /// The feed itself.
    System,
}

/// One message of the live feed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LiveMessage {
    /// Counts up; what a page saw last is where it resumes.
    pub seq: u64,
    /// When.
    pub at: String,
    /// What it is about.
    pub topic: Topic,
    /// Which call.
    pub call: Option<String>,
    /// What happened.
    pub event: Event,
}
