//! Segue: a voice call handoff gateway.

pub mod base;
pub mod sound;
pub mod listen;
pub mod handoff;
pub mod call;
pub mod speech;
pub mod bot;
pub mod store;
pub mod replay;
pub mod config;
pub mod cmd;
