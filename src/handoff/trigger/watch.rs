//! The watch of one call: considers the rules whenever something new is known.

use std::sync::Arc;

use super::{Does, Rules};
use crate::base::{Fault, QueueId, Time};
use crate::handoff::desk::QueueView;
use crate::handoff::dossier::Dossier;

/// What rules may know of the time on the wall.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WallFacts {
    /// 0 to 23, in the entry's time zone.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 1 (Monday) to 7 (Sunday), ISO 8601.
    pub weekday: u8,
    /// True while the entry's queue is open.
    pub open: bool,
}

/// The caller's sentence that let a trigger fire, or what was heard where there was none.
#[derive(Clone, Debug, PartialEq)]
pub struct TriggeringSentence {
    /// The caller's words, redacted; `None` while, or where, they are not known.
    pub text: Option<String>,
    /// First sound.
    pub start: Time,
    /// Last sound.
    pub end: Time,
    /// The listener's turn, if it belongs to one.
    pub turn: Option<u32>,
    /// What was heard, in a sentence for a person.
    pub heard: String,
}

/// A trigger that fired.
#[derive(Clone, Debug, PartialEq)]
pub struct Fired {
    /// Its place among the rules.
    pub rule: usize,
    /// Its name.
    pub name: String,
    /// `Transfer` or `Offer`.
    pub does: Does,
    /// The largest contributor: a [`SignalKind`](crate::base::SignalKind)'s name, or the rule's own where no signal took part.
    pub cause: String,
    /// Why, in plain words.
    pub reason: String,
    /// The queue to go to; `None` for the entry's.
    pub queue: Option<QueueId>,
    /// Skills that the agent must have.
    pub skills: Vec<String>,
    /// Higher goes first.
    pub priority: i32,
    /// The notice to speak; `None` for the default.
    pub notice: Option<String>,
    /// What the caller said.
    pub sentence: Option<TriggeringSentence>,
}

/// What came of considering the rules.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Considered {
    /// The first rule that was true, if any.
    pub fired: Option<Fired>,
    /// Rules that could not be evaluated, each told once a call.
    pub faults: Vec<Fault>,
}

/// The rules of one call, with their cool-downs.
#[derive(Clone, Debug)]
pub struct Watch {
    rules: Arc<Rules>,
}

impl Watch {
    /// A watch over these rules.
    pub fn new(rules: Arc<Rules>) -> Self {
        Watch { rules }
    }

    /// Considers the rules in order, if anything in the dossier changed since the last time; the first true one that
    /// is not cooling down fires.
    pub fn consider(&mut self, _dossier: &Dossier, _desk: &QueueView, _wall: WallFacts, _now: Time) -> Considered {
        let _ = &self.rules;
        Considered::default()
    }

    /// The caller declined a person (or did not answer the question): every rule with a cool-down rests.
    pub fn on_declined(&mut self, _now: Time) {}

    /// A handoff ended without a person, or the caller is with the bot again: every rule with a cool-down rests.
    pub fn on_handoff_over(&mut self, _now: Time) {}
}
