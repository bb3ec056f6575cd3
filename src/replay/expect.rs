//! Expectations: what a recording's replay must give, written in `X.expect.toml` beside it.
//!
//! [`Expectation::parse`] names every mistake by its key; [`Expectation::check`] says in sentences what was not met; [`draft()`] writes a first
//! expectation from what came out. All times in it are seconds of the recording. What is *not* here: finding and reading files.

pub mod draft;
pub mod table;

use super::result::{HandoffObject, ReplayObject, SignalObject};
use super::time_map::TimeMap;
use crate::base::{Mode, Problems, SignalKind};
pub use draft::draft;
pub use table::{ChecksTable, ClockChecks, ExpectTable, MAX_LINGER_SECS, SignalCheck};

/// A checked `X.expect.toml`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Expectation {
    /// As it was written; its options are the driver's business.
    pub table: ExpectTable,
}

/// One thing that was expected and is not so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmet {
    /// The key in the expectation, like `expect.by_s`.
    pub key: String,
    /// What was expected and what was there instead.
    pub sentence: String,
}

impl Expectation {
    /// Reads the text of an expectation.
    ///
    /// # Errors
    /// Every mistake in it, each by its key.
    pub fn parse(text: &str) -> Result<Self, Problems> {
        ExpectTable::parse(text).map(|table| Expectation { table })
    }

    /// What was expected of the replay and is not so; empty if all is well.
    pub fn check(&self, object: &ReplayObject, map: &TimeMap) -> Vec<Unmet> {
        let mut checking = Checking { checks: &self.table.expect, object, map, unmet: Vec::new() };
        checking.whole_call();
        checking.handoff();
        checking.unmet
    }
}

struct Checking<'a> {
    checks: &'a ChecksTable,
    object: &'a ReplayObject,
    map: &'a TimeMap,
    unmet: Vec<Unmet>,
}

impl Checking<'_> {
    fn add(&mut self, key: &str, sentence: String) {
        self.unmet.push(Unmet { key: format!("expect.{key}"), sentence });
    }

    fn equal<T: PartialEq + serde::Serialize>(&mut self, key: &str, what: &str, expected: Option<&T>, found: Option<&T>) {
        if expected.is_some() && expected != found {
            self.add(key, format!("expected {what} to be {}, it was {}", name(expected), name(found)));
        }
    }

    fn whole_call(&mut self) {
        let (checks, object) = (self.checks, self.object);
        self.equal("outcome", "the call's outcome", checks.outcome.as_ref(), object.outcome.as_ref());
        let turns: Vec<String> = object.turns.iter().filter_map(|t| t.text.as_deref()).map(words_of).collect();
        for words in &checks.transcript_has {
            if !turns.iter().any(|turn| turn.contains(&words_of(words))) {
                self.add("transcript_has", format!("expected “{words}” in the transcript, nobody said it"));
            }
        }
        for words in &checks.transcript_lacks {
            if let Some(n) = object.turns.iter().position(|t| t.text.as_deref().is_some_and(|text| words_of(text).contains(&words_of(words)))) {
                let at = object.turns[n].rec_start_s;
                self.add("transcript_lacks", format!("expected no “{words}” in the transcript, it was said at {at:.1} s"));
            }
        }
        self.score();
        for kind in &checks.no_signals {
            if let Some(signal) = object.signals.iter().find(|s| s.kind == *kind) {
                let sentence = format!("expected no {}, one was heard at {:.1} s: {}", kind.name(), signal.rec_start_s, signal.why);
                self.add("no_signals", sentence);
            }
        }
        for (n, check) in checks.signals.iter().enumerate() {
            self.signal(n, check);
        }
    }

    fn score(&mut self) {
        let peak = self.object.peak().map_or(0.0, |p| p.score);
        let told = self.peak();
        if let Some(min) = self.checks.peak_min.filter(|min| peak < *min) {
            self.add("peak_min", format!("expected the score to reach {min:.2}; {told}"));
        }
        if let Some(max) = self.checks.peak_max.filter(|max| peak > *max) {
            self.add("peak_max", format!("expected the score to stay at {max:.2} or below; {told}"));
        }
    }

    fn signal(&mut self, n: usize, check: &SignalCheck) {
        let Some(kind) = check.kind else { return };
        let of_kind = self.object.signals.iter().filter(|s| s.kind == kind);
        let counts = |s: &&SignalObject| check.between.is_none_or(|[from, to]| s.rec_end_s >= from && s.rec_start_s <= to);
        let found = of_kind.clone().filter(counts).count();
        let (min, max) = (check.min.unwrap_or(1) as usize, check.max.map(|m| m as usize));
        if found >= min && max.is_none_or(|max| found <= max) {
            return;
        }
        let wanted = match max {
            Some(max) if max == min => format!("{min}"),
            Some(max) => format!("{min} to {max}"),
            None => format!("at least {min}"),
        };
        let span = check.between.map_or(String::new(), |[from, to]| format!(" between {from:.1} and {to:.1} s"));
        let all: Vec<String> = of_kind.take(MAX_LISTED).map(|s| format!("{:.1} s", s.rec_start_s)).collect();
        let there = if all.is_empty() { String::from("none in the whole call") } else { format!("all in the call: {}", all.join(", ")) };
        self.add(&format!("signals[{n}]"), format!("expected {wanted} × {}{span}, found {found} ({there})", kind.name()));
    }

    fn handoff(&mut self) {
        let (checks, object) = (self.checks, self.object);
        if checks.handoff == Some(false) {
            if let Some(found) = object.handoffs.first() {
                let at = self.map.rec_secs(found.at_s);
                self.add("handoff", format!("expected no handoff, “{}” fired at {at:.1} s: {}", found.trigger, found.reason));
            }
            return;
        }
        if !checks.wants_handoff() {
            return;
        }
        let named = |h: &&HandoffObject| checks.trigger.as_ref().is_none_or(|t| *t == h.trigger) && checks.kind.as_ref().is_none_or(|k| *k == h.kind);
        let mut candidates = object.handoffs.iter().filter(named);
        let first = candidates.clone().next();
        let Some(handoff) = candidates.find(|h| self.is_in_time(h)).or(first) else {
            self.missing_handoff();
            return;
        };
        self.times(handoff);
        self.course(handoff);
        self.words(handoff);
        self.clocks(handoff);
    }

    /// No handoff has the trigger and kind that were named.
    fn missing_handoff(&mut self) {
        let checks = self.checks;
        let by = checks.by_s.map_or(String::new(), |by| format!(" by {by:.1} s"));
        let of_kind = checks.kind.as_ref().map_or(String::new(), |kind| format!(" for {kind}"));
        let through = checks.trigger.as_ref().map_or(String::new(), |trigger| format!(" through “{trigger}”"));
        let fired: Vec<String> = self.object.handoffs.iter().take(MAX_LISTED).map(|h| self.fired(h)).collect();
        let instead = if fired.is_empty() { format!("none happened; {}", self.peak()) } else { format!("instead {}", fired.join(" and ")) };
        let key = if checks.trigger.is_some() {
            "trigger"
        } else if checks.kind.is_some() {
            "kind"
        } else {
            "handoff"
        };
        self.add(key, format!("expected a handoff{of_kind}{through}{by}, {instead}"));
    }

    fn fired(&self, handoff: &HandoffObject) -> String {
        format!("“{}” fired at {:.1} s for {}", handoff.trigger, self.map.rec_secs(handoff.at_s), handoff.kind)
    }

    fn peak(&self) -> String {
        match self.object.peak() {
            Some(peak) => format!("the score's peak was {:.2} at {:.1} s", peak.score, self.map.rec_secs(peak.at_s)),
            None => "the score never rose".into(),
        }
    }

    fn is_in_time(&self, handoff: &HandoffObject) -> bool {
        let at = self.map.rec_secs(handoff.at_s);
        self.checks.by_s.is_none_or(|by| at <= by) && self.checks.after_s.is_none_or(|after| at >= after)
    }

    fn times(&mut self, handoff: &HandoffObject) {
        let at = self.map.rec_secs(handoff.at_s);
        if let Some(by) = self.checks.by_s.filter(|by| at > *by) {
            self.add("by_s", format!("expected a handoff by {by:.1} s, {}", self.fired(handoff)));
        }
        if let Some(after) = self.checks.after_s.filter(|after| at < *after) {
            self.add("after_s", format!("expected a handoff not before {after:.1} s, {}", self.fired(handoff)));
        }
    }

    fn course(&mut self, handoff: &HandoffObject) {
        let checks = self.checks;
        self.equal("mode", "the trigger's mode", checks.mode.as_ref(), Some(&handoff.mode));
        self.equal("asked", "the handoff's way", checks.asked.as_ref(), Some(&handoff.asked));
        self.equal("consent", "the caller's answer", checks.consent.as_ref(), handoff.consent.as_ref());
        self.equal("handoff_outcome", "the handoff's outcome", checks.handoff_outcome.as_ref(), handoff.outcome.as_ref());
        if let Some(expected) = &checks.offers {
            let found: Vec<_> = handoff.offers.iter().flatten().map(|o| o.outcome).collect();
            if !found.iter().copied().eq(expected.iter().copied().map(Some)) {
                let told = |list: Vec<String>| if list.is_empty() { "no offers".into() } else { list.join(", ") };
                let expected = told(expected.iter().map(|o| name(Some(o))).collect());
                let found = told(found.iter().map(|o| name(o.as_ref())).collect());
                self.add("offers", format!("expected the offers to end as {expected}; they ended as {found}"));
            }
        }
    }

    fn words(&mut self, handoff: &HandoffObject) {
        let checks = self.checks;
        let notice = handoff.notice.as_ref().and_then(|n| n.text.as_deref());
        for words in &checks.notice_has {
            if !notice.is_some_and(|text| words_of(text).contains(&words_of(words))) {
                let said = notice.map_or("there was none".into(), |text| format!("it was “{text}”"));
                self.add("notice_has", format!("expected “{words}” in the notice, {said}"));
            }
        }
        let mut strings = Vec::new();
        if let Some(packet) = &handoff.packet {
            collect_words(packet, 0, &mut strings);
        }
        for words in &checks.packet_has {
            if !strings.iter().any(|s| s.contains(&words_of(words))) {
                let there = if handoff.packet.is_some() { "it is not there" } else { "no packet was shown" };
                self.add("packet_has", format!("expected “{words}” in the packet, {there}"));
            }
        }
        for words in &checks.packet_lacks {
            if strings.iter().any(|s| s.contains(&words_of(words))) {
                self.add("packet_lacks", format!("expected no “{words}” in the packet, it is there"));
            }
        }
    }

    fn clocks(&mut self, handoff: &HandoffObject) {
        let measured = handoff.clocks_ms.unwrap_or_default();
        let measured = [measured.time_to_notice, measured.time_to_context, measured.time_to_human, measured.pick_up_gap, measured.bridge_gap];
        for ((clock, bound), measured) in self.checks.clocks.bounds().into_iter().zip(measured) {
            let Some(bound) = bound else { continue };
            if measured.is_none_or(|ms| ms > bound) {
                let was = measured.map_or("was not reached".into(), |ms| format!("was {ms:.0} ms"));
                self.add(&format!("clocks.{clock}_ms_max"), format!("expected {clock} within {bound:.0} ms, it {was}"));
            }
        }
    }
}

/// Most things that a sentence lists.
const MAX_LISTED: usize = 5;
/// Deepest nesting of a packet that is looked into.
const MAX_DEPTH: usize = 16;

/// The strings and numbers of a packet, each as [`words_of`] gives them.
fn collect_words(value: &serde_json::Value, depth: usize, out: &mut Vec<String>) {
    match value {
        serde_json::Value::Null | serde_json::Value::Bool(_) => {}
        serde_json::Value::Number(number) => out.push(words_of(&number.to_string())),
        serde_json::Value::String(text) => out.push(words_of(text)),
        serde_json::Value::Array(list) if depth < MAX_DEPTH => list.iter().for_each(|v| collect_words(v, depth + 1, out)),
        serde_json::Value::Object(map) if depth < MAX_DEPTH => map.values().for_each(|v| collect_words(v, depth + 1, out)),
        serde_json::Value::Array(_) | serde_json::Value::Object(_) => {}
    }
}

/// Lower case words with one space around each, so that case, punctuation and parts of words do not matter.
pub(crate) fn words_of(text: &str) -> String {
    let mut out = String::from(" ");
    for c in text.chars().flat_map(char::to_lowercase) {
        match c {
            '\'' | '’' => {}
            c if c.is_alphanumeric() => out.push(c),
            _ if out.ends_with(' ') => {}
            _ => out.push(' '),
        }
    }
    if !out.ends_with(' ') {
        out.push(' ');
    }
    out
}

/// The name of a value as the object writes it.
fn name<T: serde::Serialize>(value: Option<&T>) -> String {
    let value = serde_json::to_value(value).unwrap_or_default();
    value.as_str().map_or_else(|| "unknown".into(), str::to_owned)
}

/// True for a handoff that changed something for the caller.
pub(crate) fn acts(handoff: &HandoffObject) -> bool {
    handoff.mode == Mode::Act
}

/// The kinds that the object's signals have, in order, each once.
pub(crate) fn kinds_of(object: &ReplayObject) -> Vec<SignalKind> {
    let kinds: std::collections::BTreeSet<_> = object.signals.iter().map(|s| s.kind).collect();
    kinds.into_iter().collect()
}

#[cfg(test)]
mod tests;
