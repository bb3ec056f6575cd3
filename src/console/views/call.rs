//! A call as pages show it: on the wall, in full, and offered to an agent.

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

/// What an agent noted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NoteView {
    /// Who.
    pub agent: String,
    /// When, in s of the call.
    pub at_s: f64,
    /// What.
    pub text: String,
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
    /// What agents noted, the first one first.
    pub notes: Vec<NoteView>,
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
