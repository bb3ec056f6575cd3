//! What the bot knows, for the listener and for whoever takes over.

use std::time::Duration;

use crate::listen::types::{Question, SlotValue};

use super::{Dialogue, Reply, State};

/// How long a caller may pause between two keys of a number.
const BETWEEN_KEYS: Duration = Duration::from_secs(4);

impl Dialogue {
    /// Adds what every report holds.
    pub(super) fn complete(&self, reply: &mut Reply) {
        let report = &mut reply.report;
        report.slots = self
            .filled
            .iter()
            .map(|(name, filled)| (name.clone(), SlotValue { value: filled.value.written.clone(), confirmed: filled.confirmed }))
            .collect();
        let active = self.active().map(|intent| &self.plan.intents[intent]);
        if let (None, Some(intent)) = (&report.intent, active) {
            report.intent = Some(intent.name.clone());
            report.intent_title = Some(intent.table.title.clone());
        }
        if report.next_step.is_none() {
            report.next_step = self.next_step();
        }
        report.expects = self.question();
    }

    /// The intent in progress.
    pub(super) fn active(&self) -> Option<usize> {
        match &self.state {
            State::Filling { intent, .. }
            | State::Confirming { intent, .. }
            | State::Changing { intent }
            | State::Asking { intent }
            | State::Guessing { intent, .. } => Some(*intent),
            State::Open { .. } | State::Over => None,
        }
    }

    fn question(&self) -> Option<Question> {
        let name = |intent: &usize| self.plan.intents[*intent].name.as_str();
        let id = match &self.state {
            State::Open { served: false } => "open".to_owned(),
            State::Open { served: true } => "anything_else".to_owned(),
            State::Filling { slot, .. } => format!("slot:{slot}"),
            State::Confirming { slot: Some(slot), .. } => format!("confirm:{slot}"),
            State::Confirming { intent, slot: None } => format!("confirm_all:{}", name(intent)),
            State::Changing { intent } => format!("change:{}", name(intent)),
            State::Guessing { intent, .. } => format!("did_you_mean:{}", name(intent)),
            State::Asking { intent } => format!("ask:{}", name(intent)),
            State::Over => return None,
        };
        Some(Question { id, patience: self.patience() })
    }

    fn patience(&self) -> Duration {
        let secs = match &self.state {
            State::Filling { keyed, .. } if !keyed.is_empty() => return BETWEEN_KEYS,
            State::Filling { slot, .. } => self.plan.slots[slot].table.patience_secs,
            State::Open { .. } | State::Confirming { .. } | State::Changing { .. } | State::Guessing { .. } | State::Asking { .. } | State::Over => {
                None
            }
        };
        Duration::from_secs_f64(secs.unwrap_or(self.plan.table.patience_secs))
    }

    /// What the bot would do next, in words that a person can go on with.
    fn next_step(&self) -> Option<String> {
        let then = |intent: usize, first: String| {
            let next = self.plan.intents[intent].next_step.write(|slot| self.written(slot));
            if next.is_empty() { first } else { format!("{first}, then {next}") }
        };
        match &self.state {
            State::Filling { intent, slot, .. } => Some(then(*intent, format!("ask for the {}", self.plan.slots[slot].table.title))),
            State::Confirming { intent, slot } => {
                let slots: Vec<&String> = slot.as_ref().map_or(self.plan.intents[*intent].table.slots.iter().collect(), |slot| vec![slot]);
                let told: Vec<String> =
                    slots.into_iter().map(|slot| format!("the {} {}", self.plan.slots[slot].table.title, self.written(slot))).collect();
                Some(then(*intent, format!("confirm {}", told.join(" and "))))
            }
            State::Changing { intent } => Some(then(*intent, "find out what to change".to_owned())),
            State::Guessing { intent, .. } => Some(format!("find out whether the caller means {}", self.plan.intents[*intent].table.title)),
            State::Asking { intent } => self.plan.intents[*intent].table.ask.as_ref().map(|ask| format!("get an answer to “{}”", ask.question)),
            State::Open { .. } | State::Over => None,
        }
    }

    /// A slot's value as a person reads it; empty if there is none, which a reason leaves out.
    pub(super) fn written(&self, slot: &str) -> String {
        self.filled.get(slot).map(|filled| filled.value.written.clone()).unwrap_or_default()
    }

    /// A slot's value as a person reads it, or one of these.
    pub(super) fn written_or(&self, slot: &str, others: &[(String, String)]) -> String {
        match self.filled.get(slot) {
            Some(filled) => filled.value.written.clone(),
            None => others.iter().find(|(name, _)| name == slot).map(|(_, value)| value.clone()).unwrap_or_default(),
        }
    }

    /// All values as a synthesizer says them.
    pub(super) fn spoken(&self) -> Vec<(String, String)> {
        self.filled.iter().map(|(name, filled)| (name.clone(), filled.value.spoken.clone())).collect()
    }
}
