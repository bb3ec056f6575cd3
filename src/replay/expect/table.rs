//! `X.expect.toml` as it is written, and every mistake in it by key.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toml::Value;

use crate::base::{Asked, CallOutcome, Consent, HandoffOutcome, Mode, OfferOutcome, Problems, SignalKind};
use crate::replay::options::{AgentScript, BotChoice, Channel, Pace, parse_at};

/// The longest wait for an open handoff after a recording's end: an hour, in s.
pub const MAX_LINGER_SECS: f64 = 3_600.0;

/// What is expected of one recording, and how to replay it. Seconds are those of the recording.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ExpectTable {
    /// Who else speaks, as `--bot`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bot: Option<BotChoice>,
    /// Which channel is the caller, as `--channel`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<Channel>,
    /// Whether the recording waits for the bot, as `--pace`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pace: Option<Pace>,
    /// Who answers, as `--agents`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agents: Option<String>,
    /// Wall time, as `--at`, in quotes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// Called number, as `--called`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub called: Option<String>,
    /// Caller's number, as `--caller`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caller: Option<String>,
    /// How long to wait for an open handoff after the recording, in s, as `--linger`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub linger: Option<f64>,
    /// What must come out.
    pub expect: ChecksTable,
}

/// What must come out. Keys about a handoff are checked on the first one that has the named `trigger` and `kind`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ChecksTable {
    /// How the call ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<CallOutcome>,
    /// `false`: no trigger fires. `true`: at least one does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handoff: Option<bool>,
    /// The trigger that fires.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trigger: Option<String>,
    /// The largest contributor: a signal's name, or `entry`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// It fires not before this second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after_s: Option<f64>,
    /// It fires at this second at the latest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by_s: Option<f64>,
    /// `act` or `shadow`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// `transfer` or `offer`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asked: Option<Asked>,
    /// The caller's answer: `yes`, `no` or `silent`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consent: Option<Consent>,
    /// How the handoff ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handoff_outcome: Option<HandoffOutcome>,
    /// How its offers end, in order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offers: Option<Vec<OfferOutcome>>,
    /// Words that its notice has.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notice_has: Vec<String>,
    /// Words that its packet has.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub packet_has: Vec<String>,
    /// Words that its packet does not have.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub packet_lacks: Vec<String>,
    /// Words that some turn has.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub transcript_has: Vec<String>,
    /// Words that no turn has.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub transcript_lacks: Vec<String>,
    /// The score's highest point is at least this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peak_min: Option<f64>,
    /// The score's highest point is at most this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peak_max: Option<f64>,
    /// Kinds of signals that do not occur.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub no_signals: Vec<SignalKind>,
    /// Signals that occur.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub signals: Vec<SignalCheck>,
    /// Bounds of the handoff clocks.
    #[serde(skip_serializing_if = "ClockChecks::is_empty")]
    pub clocks: ClockChecks,
}

/// How often a kind of signal occurs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SignalCheck {
    /// Which kind.
    pub kind: Option<SignalKind>,
    /// Only those whose span touches these seconds count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub between: Option<[f64; 2]>,
    /// At least so many; 1 if nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<u32>,
    /// At most so many.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<u32>,
}

/// Upper bounds of what the handoff clocks measure, in ms.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ClockChecks {
    /// Of t1 − t0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_to_notice_ms_max: Option<f64>,
    /// Of t2 − t0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_to_context_ms_max: Option<f64>,
    /// Of t5 − t0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_to_human_ms_max: Option<f64>,
    /// Of t5 − t4.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pick_up_gap_ms_max: Option<f64>,
    /// Of the silence around t5.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bridge_gap_ms_max: Option<f64>,
}

impl ClockChecks {
    fn is_empty(&self) -> bool {
        *self == ClockChecks::default()
    }

    /// Name, bound and the key of each.
    pub(super) fn bounds(&self) -> [(&'static str, Option<f64>); 5] {
        [
            ("time_to_notice", self.time_to_notice_ms_max),
            ("time_to_context", self.time_to_context_ms_max),
            ("time_to_human", self.time_to_human_ms_max),
            ("pick_up_gap", self.pick_up_gap_ms_max),
            ("bridge_gap", self.bridge_gap_ms_max),
        ]
    }
}

/// Longest expectation that is read, in bytes.
const MAX_BYTES: usize = 1 << 20;

impl ExpectTable {
    /// Reads the text of a file.
    ///
    /// # Errors
    /// Every mistake in it, each by its key.
    pub fn parse(text: &str) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        if text.len() > MAX_BYTES {
            problems.add("(file)", format!("is longer than {MAX_BYTES} bytes, which no expectation is"));
            return Err(problems);
        }
        let mut whole = match text.parse::<toml::Table>() {
            Ok(table) => Value::Table(table),
            Err(error) => {
                let line = error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
                problems.add(format!("line {line}"), one_line(error.message()));
                return Err(problems);
            }
        };
        for path in misfits(&whole, &mut problems) {
            remove(&mut whole, &path);
        }
        // Keys that fit alone may still not fit together; then serde's first word on it is all there is to say.
        let table = match whole.try_into::<ExpectTable>() {
            Ok(table) => table,
            Err(error) => {
                if problems.0.is_empty() {
                    problems.add("(file)", one_line(error.message()));
                }
                return Err(problems);
            }
        };
        let mut more = Problems::default();
        table.check(&mut more);
        more.0.retain(|problem| !problems.0.iter().any(|named| named.key == problem.key));
        problems.0.extend(more.0);
        problems.or(table)
    }

    fn check(&self, problems: &mut Problems) {
        if let Some(Err(wrong)) = self.agents.as_ref().map(|script| script.parse::<AgentScript>()) {
            problems.add("agents", wrong);
        }
        if let Some(Err(wrong)) = self.at.as_ref().map(|at| parse_at(at, &jiff::tz::TimeZone::UTC)) {
            problems.add("at", wrong);
        }
        for (key, number) in [("called", &self.called), ("caller", &self.caller)] {
            if number.as_ref().is_some_and(|n| n.trim().is_empty()) {
                problems.add(key, "is empty; write a number, or leave the key out");
            }
        }
        seconds("linger", self.linger, problems);
        if self.linger.is_some_and(|secs| secs > MAX_LINGER_SECS) {
            problems.add("linger", format!("must be at most {MAX_LINGER_SECS} s"));
        }
        self.expect.check(problems);
    }
}

impl ChecksTable {
    fn check(&self, problems: &mut Problems) {
        seconds("expect.after_s", self.after_s, problems);
        seconds("expect.by_s", self.by_s, problems);
        if let (Some(after), Some(by)) = (self.after_s, self.by_s)
            && after > by
        {
            problems.add("expect.by_s", format!("{by} is before expect.after_s {after}, so nothing could be in time"));
        }
        if self.handoff == Some(false) {
            for (key, set) in self.keys_of_a_handoff() {
                if set {
                    problems.add(format!("expect.{key}"), "is about a handoff, but expect.handoff is false; leave one of them out");
                }
            }
        }
        if let Some(kind) = &self.kind
            && kind != "entry"
            && !SignalKind::ALL.iter().any(|k| k.name() == kind)
        {
            problems.add("expect.kind", format!("`{kind}` is no signal; one of entry, {}", SignalKind::ALL.map(SignalKind::name).join(", ")));
        }
        for (key, peak) in [("expect.peak_min", self.peak_min), ("expect.peak_max", self.peak_max)] {
            if peak.is_some_and(|p| !(0.0..=1.0).contains(&p)) {
                problems.add(key, "must be from 0 to 1");
            }
        }
        let has = [
            ("notice_has", &self.notice_has),
            ("packet_has", &self.packet_has),
            ("packet_lacks", &self.packet_lacks),
            ("transcript_has", &self.transcript_has),
            ("transcript_lacks", &self.transcript_lacks),
        ];
        for (key, wanted) in has {
            for (n, words) in wanted.iter().enumerate() {
                if super::words_of(words).trim().is_empty() {
                    problems.add(format!("expect.{key}[{n}]"), "has no words to look for");
                }
            }
        }
        for (n, signal) in self.signals.iter().enumerate() {
            signal.check(&format!("expect.signals[{n}]"), problems);
        }
        for (name, bound) in self.clocks.bounds() {
            seconds(&format!("expect.clocks.{name}_ms_max"), bound, problems);
        }
    }

    /// The keys that need a handoff, and whether each is set.
    fn keys_of_a_handoff(&self) -> [(&'static str, bool); 13] {
        [
            ("trigger", self.trigger.is_some()),
            ("kind", self.kind.is_some()),
            ("after_s", self.after_s.is_some()),
            ("by_s", self.by_s.is_some()),
            ("mode", self.mode.is_some()),
            ("asked", self.asked.is_some()),
            ("consent", self.consent.is_some()),
            ("handoff_outcome", self.handoff_outcome.is_some()),
            ("offers", self.offers.is_some()),
            ("notice_has", !self.notice_has.is_empty()),
            ("packet_has", !self.packet_has.is_empty()),
            ("packet_lacks", !self.packet_lacks.is_empty()),
            ("clocks", !self.clocks.is_empty()),
        ]
    }

    /// True if some key asks for a handoff.
    pub(super) fn wants_handoff(&self) -> bool {
        self.handoff == Some(true) || self.keys_of_a_handoff().iter().any(|(_, set)| *set)
    }
}

impl SignalCheck {
    fn check(&self, key: &str, problems: &mut Problems) {
        if self.kind.is_none() {
            problems.add(format!("{key}.kind"), format!("is missing; one of {}", SignalKind::ALL.map(SignalKind::name).join(", ")));
        }
        if let Some([from, to]) = self.between {
            seconds(&format!("{key}.between[0]"), Some(from), problems);
            seconds(&format!("{key}.between[1]"), Some(to), problems);
            if from > to {
                problems.add(format!("{key}.between"), format!("ends at {to}, before it begins at {from}"));
            }
        }
        if let (Some(min), Some(max)) = (self.min, self.max)
            && min > max
        {
            problems.add(format!("{key}.max"), format!("{max} is below min {min}"));
        }
        if self.max == Some(0) && self.min.is_none() {
            problems.add(format!("{key}.max"), "0 means none at all: list the kind in expect.no_signals, or set min = 0 too");
        }
    }
}

fn seconds(key: &str, value: Option<f64>, problems: &mut Problems) {
    if value.is_some_and(|v| !v.is_finite() || v < 0.0) {
        problems.add(key, "must be a number from 0 up");
    }
}

fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Tries every leaf by itself, so that one mistake does not hide the next; gives the paths of those that do not fit.
fn misfits(whole: &Value, problems: &mut Problems) -> Vec<Vec<String>> {
    let (mut seen, mut paths) = (BTreeSet::new(), Vec::new());
    for (path, alone) in leaves(whole) {
        let Err(error) = serde_path_to_error::deserialize::<_, ExpectTable>(alone) else { continue };
        // An unknown table is one mistake, not one for each of its keys.
        let depth = error.path().iter().count().clamp(1, path.len().max(1));
        let key = path[..depth.min(path.len())].join(".").replace(".[", "[");
        if seen.insert(key.clone()) {
            problems.add(key, one_line(error.inner().message()));
        }
        paths.push(path);
    }
    paths
}

/// Takes a leaf out of the document, so that what fits can be checked further.
fn remove(value: &mut Value, path: &[String]) {
    match (value, path) {
        (Value::Table(table), [key]) => drop(table.remove(key)),
        (Value::Table(table), [key, rest @ ..]) => {
            if let Some(inner) = table.get_mut(key) {
                remove(inner, rest);
            }
        }
        (Value::Array(list), [place, rest @ ..]) => {
            let n = place.trim_matches(['[', ']']).parse::<usize>();
            if let Some(inner) = n.ok().and_then(|n| list.get_mut(n)) {
                remove(inner, rest);
            }
        }
        _ => {}
    }
}

/// Each leaf with its path and a document that holds nothing else. A list is a leaf unless it is one of tables.
fn leaves(value: &Value) -> Vec<(Vec<String>, Value)> {
    let inner: Vec<(String, &Value)> = match value {
        Value::Table(table) if !table.is_empty() => table.iter().map(|(key, v)| (key.clone(), v)).collect(),
        Value::Array(list) if !list.is_empty() && list.iter().all(Value::is_table) => {
            list.iter().enumerate().map(|(n, v)| (format!("[{n}]"), v)).collect()
        }
        _ => return vec![(Vec::new(), value.clone())],
    };
    let mut out = Vec::new();
    for (key, inner) in inner {
        for (mut path, alone) in leaves(inner) {
            path.insert(0, key.clone());
            let around = match value {
                Value::Array(_) => Value::Array(vec![alone]),
                _ => Value::Table(toml::Table::from_iter([(key.clone(), alone)])),
            };
            out.push((path, around));
        }
    }
    out
}
