//! Desks, queues and agents as pages show them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{OfferView, PointView, SignalView, TurnView};

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
    /// Whom they have asked to join or to take over, and who is not with the caller yet.
    pub consult: Option<ConsultView>,
    /// True once it is over, and only the wrap-up is left.
    pub over: bool,
}

/// One more person whom an agent has asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ConsultView {
    /// Whom, by title.
    pub with: String,
    /// They talk with each other first: the caller is on hold until the agent says who goes on.
    pub warm: bool,
    /// They are there.
    pub here: bool,
    /// This is the desk of the agent who asked.
    pub mine: bool,
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
