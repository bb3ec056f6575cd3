//! The desk: agents, their presence, queues, offers and callbacks, for all calls.
//!
//! A machine: [`Desk::handle`] one message, then [`Desk::poll`] until it is idle. Its messages are plain data that can
//! be sent twice without harm, so that the desk may live on another node. It never waits for a call.

pub mod types;

pub use types::*;
