//! What a fired rule says: the largest contributor, the caller's sentence, and the reason.

use super::rules::Rule;
use super::{Fired, TriggeringSentence};
use crate::base::{Party, QueueId};
use crate::handoff::dossier::Dossier;
use crate::handoff::template;
use crate::listen::types::Signal;

/// What is told of a rule that is true.
pub(super) fn fire(rule: &Rule, dossier: &Dossier) -> Fired {
    let signal = largest(rule, dossier);
    let sentence = sentence(signal, dossier);
    let cause = match (signal, rule.table.kinds.first()) {
        (Some(signal), _) => signal.kind.name(),
        (None, Some(kind)) => kind.name(),
        (None, None) => &rule.table.name,
    };
    let value = |slot: &str| match slot {
        "quote" => sentence.as_ref().and_then(|s| s.text.clone()),
        "why" => Some(signal.map_or_else(|| rule.table.name.clone(), |s| s.why.clone())),
        "kind" => Some(cause.replace('_', " ")),
        "score" => Some(format!("{:.2}", dossier.score().score)),
        _ => None,
    };
    Fired {
        rule: rule.index,
        name: rule.table.name.clone(),
        does: rule.table.does,
        cause: cause.to_owned(),
        reason: template::fill(&rule.reason, value),
        queue: rule.table.queue.as_deref().map(QueueId::from),
        skills: rule.table.skills.clone(),
        priority: rule.table.priority,
        notice: rule.table.notice.clone(),
        sentence,
    }
}

/// The latest signal of the kind that contributes most to the score among the rule's; of equal ones the later.
fn largest<'a>(rule: &Rule, dossier: &'a Dossier) -> Option<&'a Signal> {
    let parts = &dossier.score().parts;
    // The score follows its signal, so a new signal counts at least its own weight.
    let part = |s: &Signal| parts.get(&s.kind).copied().unwrap_or_default().max(s.weight);
    let may_be = |s: &&Signal| rule.kinds.is_empty() || rule.kinds.contains(&s.kind);
    dossier.signals().filter(may_be).max_by(|a, b| part(a).total_cmp(&part(b)).then(a.end.cmp(&b.end)))
}

/// What the caller said: the turn of the signal, or else the last one before.
fn sentence(signal: Option<&Signal>, dossier: &Dossier) -> Option<TriggeringSentence> {
    let Some(signal) = signal else {
        let line = dossier.lines().rfind(|l| l.who == Party::Caller)?;
        let heard = "the caller spoke".to_owned();
        return Some(TriggeringSentence { text: line.text.clone(), start: line.start, end: line.end, turn: line.turn, heard });
    };
    let line = dossier.line_of(signal.turn, signal.start, signal.end);
    let (start, end) = line.map_or((signal.start, signal.end), |l| (l.start, l.end));
    Some(TriggeringSentence { text: line.and_then(|l| l.text.clone()), start, end, turn: signal.turn, heard: signal.why.clone() })
}
