//! The desk: agents, their presence, queues, offers and callbacks, for all calls.
//!
//! A machine: [`Desk::handle`] one message, then [`Desk::poll`] until it is idle. Its messages are plain data that can
//! be sent twice without harm, so that the desk may live on another node. It never waits for a call.

mod hours;
pub mod tables;
pub mod types;

use crate::base::{QueueId, Time};

pub use tables::{AgentTable, DeskTables, HoursTable, Otherwise, QueueTable};
pub use types::*;

/// The desk.
#[derive(Clone, Debug)]
pub struct Desk {}

impl Desk {
    /// A desk where nobody is on duty yet. The tables have been checked; what does not fit is left out.
    pub fn new(_tables: &DeskTables) -> Self {
        Desk {}
    }

    /// Takes one message.
    pub fn handle(&mut self, _input: DeskInput, _now: Time) {}

    /// The next thing to tell, until it is `Idle`.
    pub fn poll(&mut self) -> DeskOutput {
        DeskOutput::Idle(None)
    }

    /// What triggers and the call may know of a queue.
    pub fn view(&self, _queue: &QueueId, _now: Time) -> QueueView {
        QueueView::default()
    }
}
