//! The watch of one call: considers the rules whenever something new is known.

use std::sync::Arc;

use super::facts::Facts;
use super::rules::Rule;
use super::{Does, Rules, cause};
use crate::base::{Fault, Organ, QueueId, Time};
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
    state: Vec<RuleState>,
    /// The dossier's revision when it was looked at last.
    seen: u64,
    /// The evidence that there is counts as used from the next look on.
    forget_evidence: bool,
}

/// How one rule stands in this call.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct RuleState {
    /// It does not fire before then.
    rests_until: Option<Time>,
    /// So many signals of its kinds have been used; `None` until it has fired, when any evidence counts.
    used: Option<u64>,
    /// It could not be evaluated, and that was told.
    faulted: bool,
}

impl Watch {
    /// A watch over these rules.
    pub fn new(rules: Arc<Rules>) -> Self {
        let state = vec![RuleState::default(); rules.rules.len()];
        Watch { rules, state, seen: 0, forget_evidence: false }
    }

    /// Considers the rules in order, if anything in the dossier changed since the last time. The first true one fires
    /// that is not resting, and of whose signals there is a new one since it fired last.
    pub fn consider(&mut self, dossier: &Dossier, desk: &QueueView, wall: WallFacts, now: Time) -> Considered {
        let mut considered = Considered::default();
        if std::mem::replace(&mut self.seen, dossier.revision()) == dossier.revision() {
            return considered;
        }
        let rules = Arc::clone(&self.rules);
        if std::mem::take(&mut self.forget_evidence) {
            for (rule, state) in rules.rules.iter().zip(&mut self.state).filter(|(rule, _)| !rule.cooldown.is_zero()) {
                state.used = Some(heard_of(rule, dossier));
            }
        }
        let may_fire = |rule: &Rule, state: &RuleState| {
            state.rests_until.is_none_or(|until| now >= until) && state.used.is_none_or(|used| heard_of(rule, dossier) > used)
        };
        if !rules.rules.iter().zip(&self.state).any(|(rule, state)| may_fire(rule, state)) {
            return considered;
        }
        let context = match (Facts { dossier, desk, wall, now }).context(Arc::clone(&rules.env), rules.lists_signals) {
            Ok(context) => context,
            Err(detail) => {
                considered.faults.push(Fault::Failed { organ: Organ::Rule, detail });
                return considered;
            }
        };
        for (rule, state) in rules.rules.iter().zip(&mut self.state) {
            if !may_fire(rule, state) {
                continue;
            }
            match rule.holds(&context) {
                Ok(true) => {
                    state.rests_until = Some(now + rule.cooldown);
                    state.used = Some(heard_of(rule, dossier));
                    considered.fired = Some(cause::fire(rule, dossier));
                    break;
                }
                Ok(false) => {}
                Err(why) => {
                    if !std::mem::replace(&mut state.faulted, true) {
                        let detail = format!("trigger `{}`: {why}", rule.table.name);
                        considered.faults.push(Fault::Failed { organ: Organ::Rule, detail });
                    }
                }
            }
        }
        considered
    }

    /// The caller declined a person (or did not answer the question): every rule with a cool-down rests, and needs new
    /// evidence afterwards.
    pub fn on_declined(&mut self, now: Time) {
        self.rest(now);
    }

    /// A handoff ended without a person, or the caller is with the bot again: every rule with a cool-down rests, and
    /// every rule needs new evidence afterwards. What a caller had said by now has had its answer, whichever rule it was.
    pub fn on_handoff_over(&mut self, dossier: &Dossier, now: Time) {
        self.rest(now);
        for (rule, state) in self.rules.rules.iter().zip(&mut self.state) {
            state.used = Some(heard_of(rule, dossier));
        }
    }

    fn rest(&mut self, now: Time) {
        for (rule, state) in self.rules.rules.iter().zip(&mut self.state) {
            if !rule.cooldown.is_zero() {
                state.rests_until = state.rests_until.max(Some(now + rule.cooldown));
            }
        }
        self.forget_evidence = true;
    }
}

/// How many signals of a rule's kinds were heard so far.
fn heard_of(rule: &Rule, dossier: &Dossier) -> u64 {
    if rule.kinds.is_empty() { dossier.signals_heard() } else { rule.kinds.iter().map(|k| dossier.heard(*k)).sum() }
}
