//! `report.html`: one self-contained page that shows a replayed call on one time axis.
//!
//! [`render`] fills the page; the driver collects [`Peaks`] and [`ReportSound`] while it writes `call.wav`. Everything a caller said goes into
//! the page as data and onto the screen as text: the data is escaped so that it cannot end its script, the script writes text nodes only, and a
//! policy lets nothing run or load but the page's own script. What is *not* here: what the page says (the story, the object, the verdict).

pub mod band;
pub mod peaks;
pub mod sound;

use serde::Serialize;
use serde_json::{Value, json};

use super::result::ReplayObject;
use super::terminal::Judgement;
use super::transcript::{mark, party_words};
use super::verdict::verdict;
use crate::base::{Mode, SignalKind};
use crate::store::story::Story;
pub use peaks::Peaks;
pub use sound::ReportSound;

const PAGE: &str = include_str!("report/page.html");
const STYLE: &str = include_str!("report/page.css");
const SCRIPT: &str = include_str!("report/page.js");

/// What a report is made of.
#[derive(Debug)]
pub struct ReportInput<'a> {
    /// The result.
    pub object: &'a ReplayObject,
    /// The story behind it.
    pub story: &'a Story,
    /// The waveform of `call.wav`.
    pub peaks: &'a Peaks,
    /// The sound, from [`ReportSound::finish`]; `None` links `call.wav` instead.
    pub sound: Option<&'a [u8]>,
    /// The scores at which triggers fire, where a trigger has one.
    pub thresholds: &'a [Threshold],
    /// What the handoff clocks should reach.
    pub goals: Goals,
    /// The recognizer that listened to the caller, if one did.
    pub recognizer: Option<&'a str>,
    /// Unmet expectations and differences.
    pub judgement: &'a Judgement,
}

/// A score at which a trigger fires.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Threshold {
    /// The trigger's name.
    pub trigger: String,
    /// 0..1
    pub score: f64,
}

/// What the handoff clocks should reach, in ms; `None` where nothing is promised.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Goals {
    /// t1 − t0
    pub time_to_notice: Option<f64>,
    /// t2 − t0
    pub time_to_context: Option<f64>,
    /// t5 − t0
    pub time_to_human: Option<f64>,
    /// t5 − t4
    pub pick_up_gap: Option<f64>,
    /// Silence around t5.
    pub bridge_gap: Option<f64>,
}

/// The caller hears something meant for them within 2 s (DESIGN §4, invariant 1).
const NOTICE_GOAL_MS: f64 = 2_000.0;

impl Default for Goals {
    /// Only what the design promises of itself.
    fn default() -> Self {
        Goals { time_to_notice: Some(NOTICE_GOAL_MS), time_to_context: None, time_to_human: None, pick_up_gap: None, bridge_gap: None }
    }
}

/// The whole page.
pub fn render(input: &ReportInput) -> String {
    let data = script_safe(&data(input).to_string());
    let sound = input.sound.map(sound::base64).unwrap_or_default();
    // No one can write the hash of the page that holds their own words, so that only our script and style have the nonce.
    let nonce = blake3::hash(data.as_bytes()).to_hex();
    let verdict = verdict(input.object);
    let title = file_name(&input.object.recording);
    fill(
        PAGE,
        &[
            ("nonce", nonce.as_str()),
            ("title", &text_safe(title)),
            ("verdict", &text_safe(&verdict)),
            ("style", STYLE),
            ("data", &data),
            ("sound", &sound),
            ("script", SCRIPT),
        ],
    )
}

fn data(input: &ReportInput) -> Value {
    let (object, story) = (input.object, input.story);
    let waveform = json!({
        "bucket_s": input.peaks.bucket_secs(),
        "caller": sound::base64(&input.peaks.bytes(0)),
        "served": sound::base64(&input.peaks.bytes(1)),
    });
    let marks: serde_json::Map<String, Value> =
        SignalKind::ALL.iter().map(|kind| (kind.name().to_owned(), json!({"mark": mark(*kind), "name": kind.name().replace('_', " ")}))).collect();
    let faults: Vec<Value> = story.faults.iter().map(|(at, fault)| json!({"at_s": at.as_secs_f64(), "what": fault.to_string()})).collect();
    let keys: Vec<Value> =
        story.keys.iter().map(|(at, who, key)| json!({"at_s": at.as_secs_f64(), "who": party_words(*who), "key": key.map(|k| k.label())})).collect();
    let acting: Vec<Value> = story.handoffs.iter().filter(|h| h.mode == Mode::Act).map(course).collect();
    json!({
        "object": object,
        "band": band::band(story, object.call_s),
        "waveform": waveform,
        "marks": marks,
        "faults": faults,
        "keys": keys,
        "courses": acting,
        "barge_ins": story.barge_ins.iter().map(|at| at.as_secs_f64()).collect::<Vec<_>>(),
        "entry": story.arrival.as_ref().map(|a| json!({"entry": a.entry, "called": a.called, "caller": a.caller, "language": a.language})),
        "cuts": story.turns.iter().filter(|t| t.cut).map(|t| t.start.as_secs_f64()).collect::<Vec<_>>(),
        "thresholds": input.thresholds,
        "goals": input.goals,
        "recognizer": input.recognizer,
        "sound": {"embedded": input.sound.is_some(), "mime": "audio/ogg; codecs=opus", "href": "call.wav"},
        "unmet": input.judgement.unmet.iter().map(|u| u.sentence.as_str()).collect::<Vec<_>>(),
        "malformed": input.judgement.malformed,
        "expected": input.judgement.expected,
        "differences": input.judgement.differences,
    })
}

/// What the object does not say of a handoff: when offers were settled, places in the queue, sides that were silent.
fn course(handoff: &crate::store::story::Handoff) -> Value {
    let settled: Vec<Value> = handoff
        .offers
        .iter()
        .filter_map(|o| o.settled.map(|(at, how)| json!({"at_s": at.as_secs_f64(), "agent": o.agent, "outcome": how, "reason": o.reason})))
        .collect();
    let positions: Vec<Value> =
        handoff.positions.iter().map(|p| json!({"at_s": p.at.as_secs_f64(), "position": p.position, "expected_wait_s": p.expected_wait_s})).collect();
    let one_way: Vec<Value> = handoff.one_way.iter().map(|(at, from)| json!({"at_s": at.as_secs_f64(), "from": party_words(*from)})).collect();
    json!({"at_s": handoff.at.as_secs_f64(), "settled": settled, "positions": positions, "one_way": one_way})
}

fn file_name(recording: &str) -> &str {
    recording.rsplit(['/', '\\']).next().unwrap_or(recording)
}

/// JSON that cannot end the script that holds it (HTML Living Standard, restrictions for contents of script elements).
fn script_safe(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '<' => out.push_str("\\u003c"),
            '>' => out.push_str("\\u003e"),
            '&' => out.push_str("\\u0026"),
            '\u{2028}' => out.push_str("\\u2028"),
            '\u{2029}' => out.push_str("\\u2029"),
            c => out.push(c),
        }
    }
    out
}

/// Text between tags or in a quoted attribute.
fn text_safe(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// Replaces `{{name}}` once, from left to right, so that what is filled in is never looked at again.
fn fill(page: &str, values: &[(&str, &str)]) -> String {
    let mut out = String::with_capacity(page.len() + values.iter().map(|(_, value)| value.len()).sum::<usize>());
    let mut rest = page;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) = after.split_once("}}").expect("every place in the page is closed");
        out.push_str(before);
        out.push_str(values.iter().find(|(known, _)| *known == name).expect("every place in the page is known").1);
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests;
