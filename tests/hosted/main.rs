//! Hosted engines, by stand-ins that keep their published contracts: alone, and in live calls.

#![allow(clippy::unwrap_used, reason = "a test may fail by unwrapping")]

#[path = "../harness/kit.rs"]
mod kit;
#[path = "../harness/peers.rs"]
mod peers;
#[path = "../harness/phones.rs"]
mod phones;
#[path = "../standins/mod.rs"]
mod standins;

mod bot;
mod calls;
mod speech;
