//! `segue replay` as testers meet it.

#![allow(clippy::unwrap_used, reason = "a test may fail by unwrapping")]

mod contract;
mod realtime;
mod sample_calls;
