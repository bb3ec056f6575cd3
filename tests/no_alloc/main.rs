//! Paths of sound that allocate nothing for a frame, under an allocator that counts.

#![allow(clippy::unwrap_used, reason = "a test may fail by unwrapping")]

#[path = "../harness/no_alloc.rs"]
mod no_alloc;

mod listen;
mod listener;
mod rtp;
mod sound;
