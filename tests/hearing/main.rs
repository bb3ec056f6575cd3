//! What is heard in voices: corpora where they are at hand, the embedded recognizer, and dialogues spoken aloud.

#![allow(clippy::unwrap_used, reason = "a test may fail by unwrapping")]

#[path = "../hearing_corpus/corpus.rs"]
mod corpus;
#[path = "../hearing_corpus/line.rs"]
mod line;
#[path = "../harness/scripts.rs"]
mod scripts;

mod corpora;
mod real_voices;
mod repeats;
mod speech;
mod spoken;
