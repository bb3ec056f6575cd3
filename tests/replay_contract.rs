//! The contract of `segue replay` (DESIGN §7) as a tester, a CI job or another tool meets it: the built binary, real files,
//! what comes out on standard output, on standard error, in the exit status and in the directory of `--out`.
//!
//! The recordings are made here, or are the samples of `audio/calls`; a test whose samples or engines are missing says so and is skipped.

#![allow(clippy::unwrap_used, reason = "a test may fail by unwrapping")]

mod replay_contract {
    pub mod bad_input;
    pub mod filed;
    pub mod gain;
    pub mod object;
    pub mod options;
    pub mod run;
    pub mod same;
    pub mod sound;
    pub mod speakers;
    pub mod status;
}
