//! What pages are shown, as the API writes it. Times are RFC 3339, spans are s, names are for people.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Where a call stands, in the words of the wall.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StageWord {
    /// It rings or the greeting is spoken.
    Greeting,
    /// The bot serves the caller.
    Bot,
    /// A person is sought.
    Waiting,
    /// An agent is asked.
    Ringing,
    /// The agent hears the briefing.
    Briefing,
    /// A person is with the caller.
    Bridged,
    /// Over.
    Ended,
}

/// How a caller feels, in one of three words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MoodWord {
    /// Calm.
    Calm,
    /// Tense.
    Rising,
    /// Frustrated, or very.
    Frustrated,
}

/// One call on the wall.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WallRow {
    /// Its id.
    pub id: String,
    /// When it began to ring.
    pub began: String,
    /// The caller's number, if known.
    pub caller: Option<String>,
    /// The entry's name.
    pub entry: String,
    /// Where it stands.
    pub stage: StageWord,
    /// Who is asked or with the caller.
    pub agent: Option<String>,
    /// Which queue it is or was in.
    pub queue: Option<String>,
    /// For how long the caller has waited for a person; stands still once one is there.
    pub wait_s: Option<f64>,
    /// The frustration score, 0..1.
    pub frustration: f64,
    /// How the caller felt when the packet was made, if there is one: what asks for a person in all calm raises the score, not the mood.
    pub mood: Option<MoodWord>,
    /// The packet's headline, else the caller's latest words.
    pub headline: Option<String>,
}

/// A call that goes on, in full.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LiveCallView {
    /// What the wall shows.
    #[serde(flatten)]
    pub row: WallRow,
    /// What was said.
    pub turns: Vec<TurnView>,
    /// What was heard beside words.
    pub signals: Vec<SignalView>,
    /// The score's curve.
    #[serde(rename = "curve")]
    pub frustration_curve: Vec<PointView>,
    /// What the agent was shown last.
    pub packet: Option<OfferView>,
}

/// One turn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TurnView {
    /// `caller`, `bot`, `agent` or `supervisor`.
    pub who: String,
    /// What was said; null where it was not understood.
    pub text: Option<String>,
    /// False while it may still change.
    #[serde(rename = "final")]
    pub is_final: bool,
    /// First sound, in s of the call.
    pub start_s: f64,
    /// Last sound, in s of the call.
    pub end_s: f64,
}

/// One piece of evidence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SignalView {
    /// What kind.
    pub kind: String,
    /// The mark that it has on every page.
    pub letter: String,
    /// How much, in `unit`.
    pub value: f64,
    /// The unit of `value`.
    pub unit: String,
    /// Why, in a sentence.
    pub why: String,
    /// Where the evidence begins, in s of the call.
    pub start_s: f64,
    /// Where it ends, in s of the call.
    pub end_s: f64,
}

/// A point of the frustration curve.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PointView {
    /// When, in s of the call.
    pub at_s: f64,
    /// 0..1
    pub score: f64,
}

/// Something that is known of the caller or their wish.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SlotView {
    /// What it is called.
    pub name: String,
    /// What it is.
    pub value: String,
    /// 1 once the caller has confirmed it; null where nobody has asked.
    pub confidence: Option<f64>,
}

/// An earlier call of the same caller.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EarlierView {
    /// When it began.
    pub began: String,
    /// How it ended.
    pub outcome: Option<String>,
    /// What it was about.
    pub headline: Option<String>,
}

/// A caller who is offered to an agent, or is with them: why they call, in one glance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OfferView {
    /// The offer's id; null where nobody is asked by an offer.
    pub offer: Option<String>,
    /// The call's id.
    pub call: String,
    /// One line that says it all.
    pub headline: String,
    /// What they want.
    pub wants: String,
    /// What was tried.
    pub tried: String,
    /// How they feel.
    pub mood: MoodWord,
    /// How they were verified.
    pub verified: String,
    /// Their number, if known.
    pub caller: Option<String>,
    /// The called number.
    pub called: String,
    /// The entry's name.
    pub entry: String,
    /// The queue's title.
    pub queue: String,
    /// Why a person is needed.
    pub reason: String,
    /// The caller's words that let it fire; empty where they had none, or none that were understood.
    pub trigger_sentence: String,
    /// Two to four sentences.
    pub summary: String,
    /// What to do first.
    pub next_step: String,
    /// What is known.
    pub slots: Vec<SlotView>,
    /// The frustration score, 0..1.
    pub frustration: f64,
    /// For how long they wait for a person.
    pub waited_s: f64,
    /// In how many s the offer ends by itself; null once it has been answered.
    pub deadline_s: Option<f64>,
    /// For how long an agent is asked.
    pub ring_s: f64,
    /// Their earlier calls, the latest first.
    pub history: Vec<EarlierView>,
}

/// What an agent is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeskState {
    /// Not on duty.
    #[default]
    Offline,
    /// Takes calls.
    Available,
    /// On a break.
    Break,
    /// Asked to take a caller.
    Ringing,
    /// With a caller.
    OnCall,
    /// Working after a call.
    WrapUp,
}

/// Whether calls can reach an agent's page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LineState {
    /// They can't.
    #[default]
    None,
    /// Not yet.
    Connecting,
    /// They can.
    Up,
}

/// What an agent has done today.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NumbersView {
    /// Callers that they talked to.
    pub calls_today: u32,
    /// How long one took, from answer to saved wrap-up, on average; null before the first.
    pub mean_handle_s: Option<f64>,
}

/// A queue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct QueueRow {
    /// Its name in the configuration.
    pub name: String,
    /// What people call it.
    pub title: String,
    /// Callers who wait.
    pub waiting: u32,
    /// For how long the one waits who waits longest.
    pub oldest_s: Option<f64>,
    /// Agents of the queue who are on duty.
    pub on_duty: u32,
}

/// An agent on the wall.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AgentRow {
    /// Their name in the configuration.
    pub name: String,
    /// What people call them.
    pub title: String,
    /// What they are doing.
    pub state: DeskState,
    /// Since when; null if they have not been here yet.
    pub since: Option<String>,
    /// The call that they are with.
    pub call: Option<String>,
}

/// Another agent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ColleagueView {
    /// Their name in the configuration.
    pub name: String,
    /// What people call them.
    pub title: String,
    /// What they are doing.
    pub state: DeskState,
}

/// The call that an agent has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DeskCall {
    /// Its id.
    pub id: String,
    /// The offer that they accepted.
    pub offer: Option<String>,
    /// Since when they have it.
    pub since: String,
    /// True once caller and agent hear each other.
    pub live: bool,
    /// The caller hears music.
    pub held: bool,
    /// Nobody hears the agent.
    pub muted: bool,
    /// Why the caller is here.
    pub packet: Option<OfferView>,
    /// What was said.
    pub turns: Vec<TurnView>,
    /// What was heard beside words.
    pub signals: Vec<SignalView>,
    /// The score's curve.
    pub frustration: Vec<PointView>,
    /// Who is in the call, by title.
    pub parties: Vec<String>,
    /// True once it is over, and only the wrap-up is left.
    pub over: bool,
}

/// Everything on an agent's desk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Desk {
    /// The agent's name in the configuration.
    pub agent: String,
    /// What they are doing.
    pub state: DeskState,
    /// Why they are on a break.
    pub break_reason: Option<String>,
    /// They go on a break after this call, and why.
    pub break_after_call: Option<String>,
    /// Since when they are doing it.
    pub since: Option<String>,
    /// They have said that they work here now. Who has and is `offline` can't be reached: their line is down.
    pub on_duty: bool,
    /// Whether calls can reach their page.
    pub line: LineState,
    /// What they have done today.
    pub numbers: NumbersView,
    /// Who is offered to them.
    pub offer: Option<OfferView>,
    /// Who they have.
    pub call: Option<DeskCall>,
    /// The queues whose callers they take.
    pub queues: Vec<QueueRow>,
    /// The other queues, to which a caller may be sent.
    pub other_queues: Vec<QueueRow>,
    /// The other agents, to whom a caller may be sent.
    pub colleagues: Vec<ColleagueView>,
    /// Why they may say that they take no calls.
    pub break_reasons: Vec<String>,
    /// How they may say that a call ended.
    pub dispositions: Vec<String>,
    /// The customer's page in the operator's own system, with places for `{caller}` and so on.
    pub crm_url: Option<String>,
}

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
