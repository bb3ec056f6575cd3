//! `repeat`: the caller says the same again, in words or in sound.

/// Turns to be compared in sound, off the media thread.
#[derive(Clone, Debug)]
pub struct Comparison;

/// What the comparison found.
#[derive(Clone, Debug)]
pub struct Verdict;
