//! What pages are shown, as the API writes it. Times are RFC 3339, spans are s, names are for people.

mod call;
mod desk;
mod event;

pub use call::{EarlierView, LiveCallView, MoodWord, NoteView, OfferView, PointView, SignalView, SlotView, StageWord, TurnView, WallRow};
pub use desk::{AgentRow, ColleagueView, ConsultView, Desk, DeskCall, DeskState, LineState, NumbersView, QueueRow};
pub use event::{Event, LiveMessage, Topic, VisitState};
