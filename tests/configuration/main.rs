//! The configuration file: that it is documented, and that no spoiled one breaks anything.

#![allow(clippy::unwrap_used, reason = "a test may fail by unwrapping")]

mod documented;
mod mutations;
