//! The context packet: what the agent is shown, so that nobody repeats anything.
//!
//! Built from the dossier by plain rules, again whenever something new is known. Caller text is data in it, never
//! markup. What is *not* here: how it is shown.

mod headline;
mod summary;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::base::{Party, SignalKind, Time};
use crate::handoff::dossier::{Dossier, Line, Note};
use crate::handoff::trigger::{Fired, TriggeringSentence};
use crate::listen::types::{Signal, SlotValue};

pub use summary::briefing;

/// Longest headline, in characters.
pub const HEADLINE_CHARS: usize = 90;

/// What the call knows of this handoff beside the dossier.
#[derive(Clone, Debug, PartialEq)]
pub struct HandoffFacts {
    /// Counts the call's handoffs from 0.
    pub handoff: u32,
    /// The queue's title.
    pub queue: String,
    /// The trigger's name, or `entry`.
    pub trigger: String,
    /// The largest contributor's name, or `entry`.
    pub cause: String,
    /// Why, in plain words.
    pub reason: String,
    /// What the caller said; `None` for an entry without a bot.
    pub sentence: Option<TriggeringSentence>,
    /// Since when the caller waits for a person (t0).
    pub since: Time,
    /// What an agent who had the caller before noted.
    pub note: Option<String>,
}

impl HandoffFacts {
    /// The facts of a handoff that a trigger asked for.
    pub fn of_trigger(fired: &Fired, handoff: u32, queue: &str, since: Time) -> Self {
        HandoffFacts {
            handoff,
            queue: queue.to_owned(),
            trigger: fired.name.clone(),
            cause: fired.cause.clone(),
            reason: fired.reason.clone(),
            sentence: fired.sentence.clone(),
            since,
            note: None,
        }
    }

    /// The facts of a call whose entry has no bot.
    pub fn of_entry(handoff: u32, queue: &str, since: Time) -> Self {
        HandoffFacts {
            handoff,
            queue: queue.to_owned(),
            trigger: "entry".into(),
            cause: "entry".into(),
            reason: "this line goes straight to a person".into(),
            sentence: None,
            since,
            note: None,
        }
    }
}

/// What the agent is shown. Times are seconds of the call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ContextPacket {
    /// One line that says it all, at most [`HEADLINE_CHARS`] characters: what they want, what was tried, mood, how verified.
    pub headline: String,
    /// What they want.
    pub wants: String,
    /// What was tried.
    pub tried: String,
    /// How they feel.
    pub mood: Mood,
    /// How they were verified.
    pub verified: String,
    /// The caller's number, if known.
    pub caller: Option<String>,
    /// The called number.
    pub called: String,
    /// The entry's name.
    pub entry: String,
    /// What else is known of the caller.
    pub data: BTreeMap<String, String>,
    /// Why a person is needed.
    pub reason: String,
    /// What let it fire.
    pub trigger: PacketTrigger,
    /// Two to four sentences.
    pub summary: String,
    /// The intent, for a person to read.
    pub intent: Option<String>,
    /// What the bot knows.
    pub slots: BTreeMap<String, SlotValue>,
    /// What was said.
    pub transcript: Vec<PacketLine>,
    /// What agents noted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<PacketNote>,
    /// What was heard beside words.
    pub signals: Vec<PacketSignal>,
    /// The frustration score over time.
    pub score_over_time: Vec<ScorePoint>,
    /// BCP 47 language.
    pub language: String,
    /// For how long the caller waits for a person, in s.
    pub waited_s: f64,
    /// What to do first.
    pub next_step: String,
    /// The queue's title.
    pub queue: String,
    /// Counts the call's handoffs from 0.
    pub handoff: u32,
}

/// How a caller feels, by the frustration score.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mood {
    /// `calm`, `tense`, `frustrated` or `very frustrated`.
    pub word: String,
    /// 0..1
    pub score: f64,
}

/// What let a handoff begin.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PacketTrigger {
    /// The trigger's name, or `entry`.
    pub name: String,
    /// The largest contributor.
    pub cause: String,
    /// The caller's words, or what was heard where there were none.
    pub sentence: String,
    /// True if `sentence` is the caller's own words.
    pub in_words: bool,
    /// When it was said, in s.
    pub said_at_s: Option<f64>,
}

/// One turn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PacketLine {
    /// Who spoke.
    pub who: Party,
    /// The agent's name, for an agent.
    pub agent: Option<String>,
    /// When it began, in s.
    pub at_s: f64,
    /// What was said; `None` where it was not understood.
    pub text: Option<String>,
}

/// A note of an agent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PacketNote {
    /// The agent's name.
    pub agent: String,
    /// When, in s.
    pub at_s: f64,
    /// What they noted.
    pub text: String,
}

/// One signal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PacketSignal {
    /// What kind.
    pub kind: SignalKind,
    /// Where the evidence begins, in s.
    pub at_s: f64,
    /// What was heard, in a sentence.
    pub why: String,
}

/// One point of the score curve.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScorePoint {
    /// When, in s.
    pub at_s: f64,
    /// 0..1
    pub score: f64,
}

impl ContextPacket {
    /// The packet as things stand.
    pub fn build(dossier: &Dossier, facts: &HandoffFacts, now: Time) -> ContextPacket {
        let caller = dossier.caller();
        let bot = dossier.bot();
        let wants = headline::wants(dossier);
        let tried = headline::tried(dossier);
        let mood = headline::mood(dossier, facts);
        let verified = headline::verified(dossier);
        let mut packet = ContextPacket {
            headline: headline::headline(&wants, &tried, &mood, &verified),
            wants,
            tried,
            mood,
            verified,
            caller: caller.caller.as_ref().map(|c| c.0.clone()),
            called: caller.called.clone(),
            entry: caller.entry.clone(),
            data: caller.data.clone(),
            reason: facts.reason.clone(),
            trigger: summary::trigger(dossier, facts),
            summary: String::new(),
            intent: bot.intent_title.clone().or_else(|| bot.intent.clone()),
            slots: bot.slots.clone(),
            transcript: dossier.lines().map(PacketLine::of).collect(),
            notes: dossier.notes().map(PacketNote::of).collect(),
            signals: dossier.signals().map(PacketSignal::of).collect(),
            score_over_time: dossier.scores().iter().map(|(at, score)| ScorePoint { at_s: at.as_secs_f64(), score: *score }).collect(),
            language: caller.language.clone(),
            waited_s: now.since(facts.since).as_secs_f64(),
            next_step: String::new(),
            queue: facts.queue.clone(),
            handoff: facts.handoff,
        };
        packet.summary = summary::summary(&packet);
        packet.next_step = summary::next_step(dossier, facts, &packet);
        packet
    }
}

impl PacketLine {
    fn of(line: &Line) -> Self {
        PacketLine { who: line.who, agent: line.agent.as_ref().map(ToString::to_string), at_s: line.start.as_secs_f64(), text: line.text.clone() }
    }
}

impl PacketNote {
    fn of(note: &Note) -> Self {
        PacketNote { agent: note.agent.to_string(), at_s: note.at.as_secs_f64(), text: note.text.clone() }
    }
}

impl PacketSignal {
    fn of(signal: &Signal) -> Self {
        PacketSignal { kind: signal.kind, at_s: signal.start.as_secs_f64(), why: signal.why.clone() }
    }
}
