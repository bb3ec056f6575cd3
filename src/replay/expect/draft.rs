//! A first expectation, from what came out: for `--write-expect`.

use std::fmt::Write;

use super::table::{ChecksTable, ExpectTable, SignalCheck};
use crate::replay::result::{HandoffObject, ReplayObject};
use crate::replay::time_map::TimeMap;

/// How far a trigger may move in a later replay before the draft calls it a change, in s.
const TRIGGER_SLACK_SECS: f64 = 0.5;
/// How far a signal may move, in s.
const SIGNAL_SLACK_SECS: f64 = 1.0;
/// Most words of the caller that the draft asks the packet to have.
const SENTENCE_CHARS: usize = 60;

/// The text of an expectation that this replay meets, with the `options` that it was made with. A person should read it before keeping it.
pub fn draft(object: &ReplayObject, map: &TimeMap, options: ExpectTable) -> String {
    let mut table = ExpectTable { expect: ChecksTable::default(), ..options };
    table.expect.outcome = object.outcome;
    match object.handoffs.first() {
        None => table.expect.handoff = Some(false),
        Some(handoff) => expect_handoff(&mut table.expect, handoff, map),
    }
    for kind in super::kinds_of(object) {
        let spans = object.signals.iter().filter(|s| s.kind == kind);
        let from = spans.clone().map(|s| s.rec_start_s).fold(f64::INFINITY, f64::min);
        let to = spans.clone().map(|s| s.rec_end_s).fold(0.0, f64::max);
        let between = Some([floor(from - SIGNAL_SLACK_SECS), ceil(to + SIGNAL_SLACK_SECS)]);
        table.expect.signals.push(SignalCheck { kind: Some(kind), between, min: None, max: None });
    }
    let mut text = String::from("# Drafted from a replay. Read it before you keep it: it says what happened, not what should.\n");
    let body = toml::to_string(&table).unwrap_or_default();
    let _ = write!(text, "# Seconds are those of the recording.\n\n{body}");
    text
}

fn expect_handoff(checks: &mut ChecksTable, handoff: &HandoffObject, map: &TimeMap) {
    let at = map.rec_secs(handoff.at_s);
    checks.trigger = Some(handoff.trigger.clone());
    let known = handoff.kind == "entry" || crate::base::SignalKind::ALL.iter().any(|k| k.name() == handoff.kind);
    checks.kind = known.then(|| handoff.kind.clone());
    checks.after_s = Some(floor(at - TRIGGER_SLACK_SECS));
    checks.by_s = Some(ceil(at + TRIGGER_SLACK_SECS));
    checks.mode = Some(handoff.mode);
    checks.consent = handoff.consent;
    if !super::acts(handoff) {
        return;
    }
    checks.handoff_outcome = handoff.outcome;
    checks.offers = handoff.offers.as_ref().and_then(|offers| offers.iter().map(|o| o.outcome).collect());
    let sentence = handoff.packet.as_ref().and_then(|p| p.get("trigger")?.get("sentence")?.as_str());
    if let Some(sentence) = sentence.filter(|s| s.chars().count() <= SENTENCE_CHARS && !super::words_of(s).trim().is_empty()) {
        checks.packet_has.push(sentence.to_owned());
    }
}

/// Down to a tenth, and never below 0.
fn floor(secs: f64) -> f64 {
    ((secs * 10.0).floor() / 10.0).max(0.0)
}

/// Up to a tenth.
fn ceil(secs: f64) -> f64 {
    (secs * 10.0).ceil() / 10.0
}
