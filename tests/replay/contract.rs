//! The contract of `segue replay` (DESIGN §7) as a tester, a CI job or another tool meets it: the built binary, real files,
//! what comes out on standard output, on standard error, in the exit status and in the directory of `--out`.
//!
//! The recordings are made here, or are the samples of `audio/calls`; a test whose samples or engines are missing says so and is skipped.

mod bad_input;
mod filed;
mod gain;
mod object;
mod options;
mod run;
mod same;
mod sound;
mod speakers;
mod status;
