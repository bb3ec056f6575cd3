//! The signals of one caller and their score: what counts is kept and told, the rest is left out.

use std::collections::VecDeque;

use crate::base::{Fault, Key, SignalKind, Time};
use crate::listen::signal::fusion::Fusion;
use crate::listen::signal::key_mash::KeyMash;
use crate::listen::signal::no_input::NoInput;
use crate::listen::signal::no_match::NoMatch;
use crate::listen::signal::no_progress::NoProgress;
use crate::listen::signal::raised_volume::{EffortHit, RaisedVolume};
use crate::listen::signal::repeat::{RecentTurns, Verdict};
use crate::listen::signal::repeat_words::{RepeatWords, clock};
use crate::listen::signal::request::Request;
use crate::listen::signal::topic::Topic;
use crate::listen::signal::word_signal::WordSignal;
use crate::listen::signal::words::{Say, quote};
use crate::listen::signal::{About, SignalsTable, counts, needs_words};
use crate::listen::types::{BotReport, Scene, Score, Signal, Turn, Understood};

/// Turns that a late report or verdict may still be about.
const REMEMBERED: usize = 64;

/// Everything that listens for evidence.
pub(super) struct Evidence {
    pub(super) table: SignalsTable,
    pub(super) raised: RaisedVolume,
    pub(super) recent: RecentTurns,
    pub(super) request: Request,
    pub(super) key_mash: KeyMash,
    pub(super) no_input: NoInput,
    words: [WordSignal; 4],
    topic: Topic,
    repeat_words: RepeatWords,
    no_match: NoMatch,
    no_progress: NoProgress,
    past: VecDeque<Past>,
    fusion: Fusion,
    score: ScoreState,
}

/// Whether the score must be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ScoreState {
    Told,
    Changed,
}

/// Turns whose words share less than this are not the same, however alike they sound. A proposal, not a measurement.
const WORDS_DIFFER: f64 = 0.25;

/// A turn that is over.
#[derive(Debug)]
struct Past {
    n: u32,
    start: Time,
    end: Time,
    text: Option<String>,
    /// The bot's closed question that it answered.
    answers: Option<String>,
    /// True once it was told to be a repeat, by words or by sound.
    repeated: bool,
    /// True once it was told to be unsure.
    unsure: bool,
}

/// Where evidence counts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) scene: Scene,
    pub(super) ear: bool,
    pub(super) now: Time,
}

impl Evidence {
    pub(super) fn new(table: &SignalsTable) -> Self {
        Evidence {
            raised: RaisedVolume::new(&table.raised_volume),
            recent: RecentTurns::new(&table.repeat),
            request: Request::new(&table.request),
            key_mash: KeyMash::new(&table.key_mash),
            no_input: NoInput::new(&table.no_input),
            words: [table.sentiment.listen(), table.profanity.listen(), table.correction.listen(), table.confusion.listen()],
            topic: Topic::new(&table.topic),
            repeat_words: RepeatWords::new(&table.repeat_words),
            no_match: NoMatch::new(&table.no_match),
            no_progress: NoProgress::new(&table.no_progress),
            past: VecDeque::with_capacity(REMEMBERED),
            fusion: Fusion::new(&table.fusion),
            score: ScoreState::Told,
            table: table.clone(),
        }
    }

    pub(super) fn is_available(&self, kind: SignalKind, ear: bool) -> bool {
        !self.table.off.contains(&kind) && (ear || !needs_words(kind))
    }

    /// The signal, if it counts here; the score then has it too.
    pub(super) fn take(&mut self, signal: Signal, place: Place) -> Option<Signal> {
        if !counts(signal.kind, place.scene) || !self.is_available(signal.kind, place.ear) {
            return None;
        }
        self.fusion.add(&signal, place.now);
        self.score = ScoreState::Changed;
        Some(signal)
    }

    /// The score is to be told again.
    pub(super) fn touch(&mut self) {
        self.score = ScoreState::Changed;
    }

    /// The score, if it must be told; not once it has faded.
    pub(super) fn score(&mut self, now: Time) -> Option<Score> {
        if self.score == ScoreState::Told {
            return None;
        }
        self.score = ScoreState::Told;
        Some(self.fusion.score(now)).filter(|score| score.score > 0.0)
    }

    /// A raised voice in `turn`.
    pub(super) fn raised(&self, hit: EffortHit, turn: Option<u32>) -> Signal {
        let EffortHit { start, end, value, unit, why } = hit;
        Signal { kind: SignalKind::RaisedVolume, start, end, value, unit, weight: self.table.raised_volume.weight, why, turn }
    }

    /// Everything that the words of a turn tell. Remembers the turn.
    pub(super) fn hear(&mut self, turn: &Turn, say: &Say, answers: Option<&str>) -> Vec<Signal> {
        let n = turn.n;
        let about = About { turn: Some(n), said: turn.text.as_deref(), start: turn.start, end: turn.end };
        let unsure = if say.is_empty() { None } else { self.table.low_confidence.recognized(turn.confidence, about) };
        let repeat = self.repeat_words.hear(say, n, answers);
        if self.past.len() == REMEMBERED {
            self.past.pop_front();
        }
        self.past.push_back(Past {
            n,
            start: turn.start,
            end: turn.end,
            text: turn.text.clone(),
            answers: answers.map(str::to_owned),
            repeated: repeat.is_some(),
            unsure: unsure.is_some(),
        });
        let first = [self.request.hear(say, n), self.topic.hear(say, n)];
        let words = self.words.iter().filter_map(|signal| signal.hear(say, n));
        first.into_iter().flatten().chain(words).chain(repeat).chain(unsure).collect()
    }

    /// Whether the sounds of two turns may tell a repeat: not where words say that they differ, nor for answers to
    /// closed questions whose words are unknown (sound can't tell one number from another), nor for answers to the same one.
    pub(super) fn may_sound_alike(&self, a: u32, b: u32) -> bool {
        let answers = |n| self.past(n).and_then(|past| past.answers.as_deref());
        let answer_the_same = answers(a).is_some() && answers(a) == answers(b);
        !answer_the_same
            && match self.repeat_words.likeness_of(a, b) {
                Some(alike) => alike >= WORDS_DIFFER,
                None => answers(a).is_none() && answers(b).is_none(),
            }
    }

    /// The repeat that a comparison of sounds found.
    pub(super) fn compared(&mut self, verdict: &Verdict) -> Option<Signal> {
        let found = verdict.best?;
        let before = self.past(found.other)?.start;
        let weight = self.table.repeat.weight;
        let past = self.past.iter_mut().find(|past| past.n == verdict.turn && !past.repeated)?;
        past.repeated = true;
        let words = past.text.as_deref().map(|text| format!(": {}", quote(text))).unwrap_or_else(|| ".".into());
        let why = format!("Said the same again as at {}, by its sound{words}", clock(before));
        let (start, end) = (past.start, past.end);
        Some(Signal { kind: SignalKind::Repeat, start, end, value: found.cost, unit: "cost", weight, why, turn: Some(verdict.turn) })
    }

    /// Everything that a report of the bot tells.
    pub(super) fn reported(&mut self, report: &BotReport, place: Place) -> Vec<Signal> {
        let mut signals = Vec::new();
        let past = report.turn.and_then(|n| self.past.iter_mut().find(|past| past.n == n));
        let (mut text, mut told_unsure, mut told_repeat) = (None, false, false);
        let mut about = About { turn: report.turn, ..About::moment(place.now) };
        if let Some(past) = past {
            text.clone_from(&past.text);
            (about.start, about.end) = (past.start, past.end);
            (told_unsure, told_repeat) = (past.unsure, past.repeated);
            past.unsure |= report.understood == Understood::Unsure;
        }
        let about = About { said: text.as_deref(), ..about };
        signals.extend(self.no_match.on_report(report.understood, about));
        match report.understood {
            Understood::Unsure if !told_unsure => signals.push(self.table.low_confidence.unsure(about)),
            Understood::OutOfScope => signals.push(self.table.out_of_scope.signal(about)),
            Understood::Nothing | Understood::Well | Understood::Unsure | Understood::NoMatch | Understood::NoInput => {}
        }
        if let Some(turn) = report.turn {
            signals.extend(self.no_progress.on_report(report.progress, about));
            let intent = report.intent.as_deref().and_then(|intent| self.repeat_words.on_intent(turn, intent));
            signals.extend(intent.filter(|_| !told_repeat));
        }
        if let Some(past) = self.past.iter_mut().find(|past| Some(past.n) == report.turn) {
            past.repeated |= signals.iter().any(|signal| signal.kind == SignalKind::Repeat);
        }
        signals.extend(report.topic.as_deref().map(|topic| self.topic.reported(topic, about.said, (about.start, about.end), about.turn)));
        signals.extend(report.wants_person.as_deref().map(|reason| self.table.bot_request.signal(reason, about)));
        signals
    }

    /// The bot failed.
    pub(super) fn bot_failed(&self, fault: &Fault, now: Time) -> Signal {
        self.table.bot_error.signal(fault, About::moment(now))
    }

    /// A key was pressed: a mash, and when to ask whether it stayed alone.
    pub(super) fn on_key(&mut self, key: Key, answering: bool, now: Time) -> (Option<Signal>, Option<Time>) {
        (self.key_mash.on_key(key, answering, now), self.request.on_key(key, answering, now))
    }

    fn past(&self, n: u32) -> Option<&Past> {
        self.past.iter().find(|past| past.n == n)
    }
}
