//! The call core without sound or sockets: random sequences, scenarios, and the dialogues of the sample bot.

#![allow(clippy::unwrap_used, reason = "a test may fail by unwrapping")]

#[path = "../harness/mod.rs"]
mod harness;
#[path = "../harness/scripts.rs"]
mod scripts;

mod dialogues;
mod model;
mod scenarios;
