//! The live gateway in real time: calls, handoffs, agents at phones and in browsers, traps of networks, and its commands.

#![allow(clippy::unwrap_used, reason = "a test may fail by unwrapping")]

#[path = "../standins/acd.rs"]
mod acd_standin;
#[path = "../harness/browser.rs"]
mod browser;
#[path = "../harness/kit.rs"]
mod kit;
#[path = "../harness/likeness.rs"]
mod likeness;
#[path = "../harness/peers.rs"]
mod peers;
#[path = "../harness/phones.rs"]
mod phones;
#[path = "../harness/raw.rs"]
mod raw;
#[path = "../harness/served.rs"]
mod served;

mod acd;
mod call_command;
mod calls;
mod demo;
mod handoffs;
mod keys;
mod lines;
mod serve;
mod transfers;
mod traps;
mod warm;
mod webrtc;
