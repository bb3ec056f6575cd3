//! What a report of the bot is about: a turn of the caller's, or just now.

use crate::base::{SignalKind, Time};
use crate::listen::types::Signal;

use super::words::quote;

/// What a signal is about.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// The caller's turn, if there is one.
    pub turn: Option<u32>,
    /// What was said in it, if it was understood.
    pub said: Option<&'a str>,
    /// Where it begins.
    pub start: Time,
    /// Where it ends.
    pub end: Time,
}

impl About<'_> {
    /// Nothing but this moment.
    pub fn moment(now: Time) -> Self {
        About { turn: None, said: None, start: now, end: now }
    }

    /// The caller's words in quotes, or what stands for them.
    pub fn words(&self) -> String {
        self.said.map_or_else(|| "what the caller said".into(), quote)
    }

    /// A signal about this.
    pub fn signal(&self, kind: SignalKind, value: f64, unit: &'static str, weight: f64, why: String) -> Signal {
        Signal { kind, start: self.start, end: self.end.max(self.start), value, unit, weight, why, turn: self.turn }
    }
}
