//! What the word signals have in common: phrases, a weight, and a count of what was found.

use crate::base::SignalKind;
use crate::listen::types::Signal;

use super::words::{Found, PhraseSet, Say, negated, quote};

/// A signal that counts phrases in a turn.
#[derive(Clone, Debug)]
pub struct WordSignal {
    kind: SignalKind,
    phrases: PhraseSet,
    weight: f64,
    /// What is said of the caller before the quote.
    lead: &'static str,
    /// Whether a "not" before the phrase takes it back.
    negatable: bool,
}

impl WordSignal {
    /// A signal of `kind`; its sentence is `lead`, a colon, and the caller's words.
    pub fn new(kind: SignalKind, phrases: &[String], weight: f64, lead: &'static str, negatable: bool) -> Self {
        WordSignal { kind, phrases: PhraseSet::new(phrases), weight, lead, negatable }
    }

    /// The signal in what was said in `turn`, if any.
    pub fn hear(&self, say: &Say, turn: u32) -> Option<Signal> {
        let mut found = self.phrases.find(say);
        if self.negatable {
            found.retain(|f| !negated(say, f.from));
        }
        let why = format!("{}: {}", self.lead, quote(&say.text));
        signal_at(self.kind, say, &found, self.weight, why, turn)
    }
}

/// A signal that spans what was found and counts it; `None` if nothing was.
pub fn signal_at(kind: SignalKind, say: &Say, found: &[Found], weight: f64, why: String, turn: u32) -> Option<Signal> {
    let (first, last) = (found.first()?, found.last()?);
    let (start, end) = (say.tokens.get(first.from)?.start, say.tokens.get(last.to - 1)?.end);
    Some(Signal { kind, start, end: end.max(start), value: found.len() as f64, unit: "count", weight, why, turn: Some(turn) })
}
