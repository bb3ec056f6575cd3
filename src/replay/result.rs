//! The object that `segue replay --json` prints for a recording (DESIGN §7): one line, every field always there.
//!
//! Make it with [`ReplayObject::of`] from the call's [`Story`] and what the driver knows of the recording; print [`ReplayObject::to_line`].
//! Unknown or not reached is `null`, never 0; lists are in order of time; seconds have three decimals.
//! A handoff in shadow mode has `null` for all that follows its `reason`, but for its outcome, which says `shadow`.

use serde::{Deserialize, Serialize};

use super::time_map::TimeMap;
use crate::base::{Asked, CallOutcome, Consent, EndedBy, HandoffClock, HandoffOutcome, Mode, OfferOutcome, Party, SignalKind, Time};
use crate::store::story::{self, Story};

/// The version of the object.
pub const SCHEMA: u16 = 1;

/// What the driver knows of a replay beside its records.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReplayFacts {
    /// The recording as it was named on the command line.
    pub recording: String,
    /// Length of the recording's sound in s.
    pub duration_s: f64,
    /// Length of the call in s.
    pub call_s: f64,
    /// True if the recording is cut.
    pub truncated: bool,
    /// CPU time that the replay took, in s.
    pub processing_s: f64,
}

/// The whole object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReplayObject {
    /// [`SCHEMA`].
    pub schema: u16,
    /// The recording as it was named.
    pub recording: String,
    /// Length of the recording in s.
    pub duration_s: f64,
    /// Length of the call in s.
    pub call_s: f64,
    /// True if the recording is cut.
    pub truncated: bool,
    /// CPU time in s.
    pub processing_s: f64,
    /// Who said what, by begin.
    pub turns: Vec<TurnObject>,
    /// The evidence, by begin.
    pub signals: Vec<SignalObject>,
    /// The score at each change.
    pub frustration: Vec<ScoreObject>,
    /// The handoffs, by trigger.
    pub handoffs: Vec<HandoffObject>,
    /// How the call ended.
    pub outcome: Option<CallOutcome>,
}

/// One turn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TurnObject {
    /// Who spoke.
    pub who: Party,
    /// First sound, s of the call.
    pub start_s: f64,
    /// Last sound, s of the call.
    pub end_s: f64,
    /// First sound, s of the recording.
    pub rec_start_s: f64,
    /// Last sound, s of the recording.
    pub rec_end_s: f64,
    /// What was said.
    pub text: Option<String>,
    /// 0..1
    pub confidence: Option<f64>,
}

/// One signal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SignalObject {
    /// What kind.
    pub kind: SignalKind,
    /// Who it is about.
    pub who: Party,
    /// Begin of its span, s of the call.
    pub start_s: f64,
    /// End of its span, s of the call.
    pub end_s: f64,
    /// Begin of its span, s of the recording.
    pub rec_start_s: f64,
    /// End of its span, s of the recording.
    pub rec_end_s: f64,
    /// How much, in `unit`.
    pub value: f64,
    /// The unit of `value`.
    pub unit: String,
    /// What it adds to the score, 0..1.
    pub weight: f64,
    /// Why, for a supervisor.
    pub why: String,
}

/// One point of the frustration curve.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScoreObject {
    /// s of the call.
    pub at_s: f64,
    /// 0..1
    pub score: f64,
}

/// One handoff.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HandoffObject {
    /// The trigger's name, or `entry`.
    pub trigger: String,
    /// The largest contributor, or `entry`.
    pub kind: String,
    /// Acts or only records.
    pub mode: Mode,
    /// At once, or by asking the caller.
    pub asked: Asked,
    /// The caller's answer, if they were asked.
    pub consent: Option<Consent>,
    /// When the trigger fired, s of the call.
    pub at_s: f64,
    /// t0 to t6, s of the call.
    pub t_s: [Option<f64>; 7],
    /// Why, for a person.
    pub reason: String,
    /// What the caller was told.
    pub notice: Option<NoticeObject>,
    /// The queue.
    pub queue: Option<String>,
    /// Who was asked.
    pub offers: Option<Vec<OfferObject>>,
    /// t4
    pub accepted_s: Option<f64>,
    /// t5
    pub bridged_s: Option<f64>,
    /// When it ended, s of the call.
    pub ended_s: Option<f64>,
    /// Who ended it.
    pub ended_by: Option<EndedBy>,
    /// What the clocks measure.
    pub clocks_ms: Option<ClocksObject>,
    /// What the agent was shown last.
    pub packet: Option<serde_json::Value>,
    /// How it ended.
    pub outcome: Option<HandoffOutcome>,
}

/// A notice.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NoticeObject {
    /// Its words.
    pub text: Option<String>,
    /// First sample, s of the call.
    pub start_s: f64,
    /// Last sample, s of the call.
    pub end_s: Option<f64>,
}

/// One offer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OfferObject {
    /// Whom.
    pub agent: String,
    /// When, s of the call.
    pub at_s: f64,
    /// How it ended.
    pub outcome: Option<OfferOutcome>,
    /// Why they declined, in their words, redacted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What the handoff clocks measure, in ms (DESIGN §4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ClocksObject {
    /// t1 − t0
    pub time_to_notice: Option<f64>,
    /// t2 − t0
    pub time_to_context: Option<f64>,
    /// t5 − t0
    pub time_to_human: Option<f64>,
    /// t5 − t4
    pub pick_up_gap: Option<f64>,
    /// Silence that the caller heard around t5.
    pub bridge_gap: Option<f64>,
}

/// Rounds to three decimals: ms in s, µs in ms.
fn round3(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}

fn secs(at: Time) -> f64 {
    round3(at.as_secs_f64())
}

impl ReplayObject {
    /// The object of a story.
    pub fn of(story: &Story, facts: ReplayFacts, map: &TimeMap) -> Self {
        ReplayObject {
            schema: SCHEMA,
            recording: facts.recording,
            duration_s: round3(facts.duration_s),
            call_s: round3(facts.call_s),
            truncated: facts.truncated,
            processing_s: round3(facts.processing_s),
            turns: story.turns.iter().map(|turn| TurnObject::of(turn, map)).collect(),
            signals: story.signals.iter().map(|signal| SignalObject::of(signal, map)).collect(),
            frustration: story.scores.iter().map(|s| ScoreObject { at_s: secs(s.at), score: round3(s.score) }).collect(),
            handoffs: story.handoffs.iter().map(HandoffObject::of).collect(),
            outcome: story.ended.map(|e| e.outcome),
        }
    }

    /// The object as one line of JSON, without the line's end.
    pub fn to_line(&self) -> String {
        serde_json::to_string(self).expect("its keys are strings and its values plain")
    }

    /// The handoffs that acted, in order.
    pub fn acted(&self) -> impl Iterator<Item = &HandoffObject> {
        self.handoffs.iter().filter(|h| h.mode == Mode::Act)
    }

    /// The highest point of the frustration curve; the first of equals.
    pub fn peak(&self) -> Option<ScoreObject> {
        self.frustration.iter().copied().reduce(|best, s| if s.score > best.score { s } else { best })
    }
}

impl TurnObject {
    fn of(turn: &story::Turn, map: &TimeMap) -> Self {
        TurnObject {
            who: turn.who,
            start_s: secs(turn.start),
            end_s: secs(turn.end),
            rec_start_s: round3(map.rec(turn.start)),
            rec_end_s: round3(map.rec(turn.end)),
            text: turn.text.clone(),
            confidence: turn.confidence.map(round3),
        }
    }
}

impl SignalObject {
    fn of(signal: &story::Signal, map: &TimeMap) -> Self {
        SignalObject {
            kind: signal.kind,
            who: signal.who,
            start_s: secs(signal.start),
            end_s: secs(signal.end),
            rec_start_s: round3(map.rec(signal.start)),
            rec_end_s: round3(map.rec(signal.end)),
            value: round3(signal.value),
            unit: signal.unit.clone(),
            weight: round3(signal.weight),
            why: signal.why.clone(),
        }
    }
}

impl HandoffObject {
    fn of(handoff: &story::Handoff) -> Self {
        let began = HandoffObject {
            trigger: handoff.trigger.clone(),
            kind: handoff.cause.clone(),
            mode: handoff.mode,
            asked: handoff.asked,
            consent: handoff.consent.map(|(_, consent)| consent),
            at_s: secs(handoff.at),
            t_s: handoff.clocks.0.map(|t| t.map(secs)),
            reason: handoff.reason.clone(),
            notice: None,
            queue: None,
            offers: None,
            accepted_s: None,
            bridged_s: None,
            ended_s: None,
            ended_by: None,
            clocks_ms: None,
            packet: None,
            outcome: None,
        };
        match handoff.mode {
            Mode::Shadow => HandoffObject { outcome: Some(HandoffOutcome::Shadow), ..began },
            Mode::Act => began.acted(handoff),
        }
    }

    fn acted(self, handoff: &story::Handoff) -> Self {
        let notice = handoff.notice.as_ref();
        let offers = handoff.offers.iter().map(|o| {
            let (agent, outcome) = (o.agent.to_string(), o.settled.map(|(_, how)| how));
            OfferObject { agent, at_s: secs(o.at), outcome, reason: o.reason.clone() }
        });
        HandoffObject {
            notice: notice.map(|n| NoticeObject { text: n.text.clone(), start_s: secs(n.start), end_s: n.end.map(secs) }),
            queue: Some(handoff.queue.to_string()),
            offers: Some(offers.collect()),
            accepted_s: handoff.clocks.at(HandoffClock::T4).map(secs),
            bridged_s: handoff.clocks.at(HandoffClock::T5).map(secs),
            ended_s: handoff.ended.map(|e| secs(e.at)),
            ended_by: handoff.ended.map(|e| e.by),
            clocks_ms: Some(ClocksObject::of(handoff)),
            packet: handoff.packet.clone(),
            outcome: handoff.ended.map(|e| e.outcome),
            ..self
        }
    }

    /// The agent who accepted, if one did.
    pub fn accepted_by(&self) -> Option<&str> {
        let accepted = self.offers.iter().flatten().find(|o| o.outcome == Some(OfferOutcome::Accepted));
        accepted.map(|o| o.agent.as_str())
    }
}

impl ClocksObject {
    fn of(handoff: &story::Handoff) -> Self {
        let between = |from: HandoffClock, to: HandoffClock| {
            let (from, to) = (handoff.clocks.at(from)?, handoff.clocks.at(to)?);
            Some(round3((to.as_micros() as f64 - from.as_micros() as f64) / 1e3))
        };
        ClocksObject {
            time_to_notice: between(HandoffClock::T0, HandoffClock::T1),
            time_to_context: between(HandoffClock::T0, HandoffClock::T2),
            time_to_human: between(HandoffClock::T0, HandoffClock::T5),
            pick_up_gap: between(HandoffClock::T4, HandoffClock::T5),
            bridge_gap: handoff.bridge_gap_ms.map(round3),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
