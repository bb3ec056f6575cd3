//! Sound by itself: bridges, keys, recordings, and what bad networks do to it.

#![allow(clippy::unwrap_used, reason = "a test may fail by unwrapping")]

mod bridge;
mod dtmf;
mod lossy_network;
mod recording;
