//! Listening: the listener of one leg hears when somebody speaks, when a turn ends, what was said, and every signal.
//!
//! Drive it with [`Listener::handle`] and then [`Listener::poll`] until it is idle. What is *not* here: engines (the
//! recognizer's answers come in as inputs) and decisions (the call machine has the triggers).

pub mod effort;
mod hum;
pub mod listener;
mod resample;
pub mod signal;
pub mod table;
pub mod turn;
pub mod types;
pub mod vad;

pub use listener::Listener;
