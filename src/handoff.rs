//! The handoff: what is known of a call, the rules that ask for a person, the notice, the context packet, and the desk
//! that finds the person.
//!
//! In the order of a call: the [`Dossier`] collects, [`Watch`] considers its rules, [`Notices`] tell the caller, the
//! [`ContextPacket`] tells the agent, and the [`Desk`](desk::Desk) finds the agent.
//!
//! Pure. What is *not* here: the order of things in a call (that is the call machine's) and how anybody is alerted.

pub mod desk;
pub mod dossier;
pub mod notice;
pub mod packet;
pub mod trigger;

mod template;

pub use dossier::{CallerData, Dossier};
pub use notice::{NoticeFacts, NoticeTable, Notices};
pub use packet::{ContextPacket, HandoffFacts, briefing};
pub use trigger::{Considered, Does, Fired, Rules, TriggerTable, TriggeringSentence, WallFacts, Watch, default_triggers};
