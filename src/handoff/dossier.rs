//! The dossier: what is known of a call so far, bounded, for the rules and for the agent.
//!
//! The call feeds it with every turn, signal, score, bot report and key. Words are redacted as they come in
//! ([`redact`]), so nothing that is built from it shows a card number. What does not fit is dropped, oldest first, and
//! counted. What is *not* here: any judgement (rules) and any wording (packet).

use std::collections::{BTreeMap, VecDeque};

use crate::base::pii::redact;
use crate::base::{AgentId, CallId, Key, Party, Pii, SignalKind, Time};
use crate::listen::types::{BotReport, Score, Signal, SlotValue, Understood};

/// Turns kept: with a turn every 5 s, more than half an hour.
pub const MAX_LINES: usize = 400;
/// Signals kept.
pub const MAX_SIGNALS: usize = 256;
/// Points of the score curve kept; when it is full, every second one of the older half goes.
pub const MAX_SCORES: usize = 512;
/// Steps of the bot kept.
pub const MAX_STEPS: usize = 64;
/// Slots, and keys of caller data, kept.
pub const MAX_FIELDS: usize = 64;
/// Characters kept of one text.
pub const MAX_TEXT_CHARS: usize = 1_000;
/// Notes of agents kept.
pub const MAX_NOTES: usize = 32;
/// Keys of the caller kept.
pub const MAX_KEYS: usize = 64;

/// Who calls whom, as it is known when the call begins.
#[derive(Clone, Debug, PartialEq)]
pub struct CallerData {
    /// The call.
    pub call: CallId,
    /// The entry's name.
    pub entry: String,
    /// The called number.
    pub called: String,
    /// The caller's number, if known.
    pub caller: Option<Pii<String>>,
    /// BCP 47 language.
    pub language: String,
    /// What else the edge or a connector knows; `verified` says how the caller was verified.
    pub data: BTreeMap<String, String>,
}

/// One turn, as transcript and packet need it.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Who spoke.
    pub who: Party,
    /// The agent's name, for an agent.
    pub agent: Option<AgentId>,
    /// First sound.
    pub start: Time,
    /// Last sound.
    pub end: Time,
    /// What was said, redacted; `None` where it was not understood.
    pub text: Option<String>,
    /// The caller's turns are counted from 0, as the listener counts them.
    pub turn: Option<u32>,
}

/// What an agent noted.
#[derive(Clone, Debug, PartialEq)]
pub struct Note {
    /// When.
    pub at: Time,
    /// Who.
    pub agent: AgentId,
    /// What, redacted.
    pub text: String,
}

/// One step of the bot: what it was after, and how it went.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// When it answered.
    pub at: Time,
    /// The intent, for a person to read.
    pub intent: Option<String>,
    /// The question that was open when the caller spoke.
    pub question: Option<String>,
    /// How it understood.
    pub understood: Understood,
    /// True if it got further.
    pub progress: bool,
}

/// What the bot knows and how it fares.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BotFile {
    /// The intent by name.
    pub intent: Option<String>,
    /// The intent for a person to read.
    pub intent_title: Option<String>,
    /// What it knows, redacted.
    pub slots: BTreeMap<String, SlotValue>,
    /// Turns and silences of the caller that it worked on.
    pub turns: u32,
    /// Of these, how many since it last got further.
    pub turns_without_progress: u32,
    /// Turns in a row that it failed: no match, out of scope, no input, or its back end failed.
    pub failures: u32,
    /// Times it found no meaning, in the whole call.
    pub no_match: u32,
    /// Times it got no answer, in the whole call.
    pub no_input: u32,
    /// Times its back end failed, in the whole call.
    pub errors: u32,
    /// It wants a person itself, and why; by its last report.
    pub wants_person: Option<String>,
    /// The configured topic that it met.
    pub topic: Option<String>,
    /// What it would do next.
    pub next_step: Option<String>,
    /// The question that it waits for an answer to.
    pub question: Option<String>,
    /// Its steps, the latest [`MAX_STEPS`].
    pub steps: VecDeque<Step>,
}

/// What is known of a call so far.
#[derive(Clone, Debug, PartialEq)]
pub struct Dossier {
    caller: CallerData,
    began: Time,
    lines: VecDeque<Line>,
    signals: VecDeque<Signal>,
    scores: Vec<(Time, f64)>,
    score: Score,
    bot: BotFile,
    keys: VecDeque<(Time, Key)>,
    notes: VecDeque<Note>,
    /// What an agent has said is right; the bot does not know better.
    corrected: BTreeMap<String, SlotValue>,
    caller_turns: u32,
    heard: BTreeMap<SignalKind, u64>,
    handoffs: u32,
    dropped: u64,
    revision: u64,
}

impl Dossier {
    /// A dossier of a call that began at `began`.
    pub fn new(mut caller: CallerData, began: Time) -> Self {
        let fields = std::mem::take(&mut caller.data);
        let mut dropped = fields.len().saturating_sub(MAX_FIELDS) as u64;
        caller.data = fields.into_iter().take(MAX_FIELDS).map(|(k, v)| (k, clean(&v, &mut dropped))).collect();
        Dossier {
            caller,
            began,
            lines: VecDeque::new(),
            signals: VecDeque::new(),
            scores: Vec::new(),
            score: Score::default(),
            bot: BotFile::default(),
            keys: VecDeque::new(),
            notes: VecDeque::new(),
            corrected: BTreeMap::new(),
            caller_turns: 0,
            heard: BTreeMap::new(),
            handoffs: 0,
            dropped,
            revision: 1,
        }
    }

    /// A party finished a turn; `agent` is the agent's name, for an agent.
    pub fn on_turn(&mut self, who: Party, start: Time, end: Time, text: Option<&str>, agent: Option<&AgentId>) {
        let text = text.map(|t| clean(t, &mut self.dropped)).filter(|t| !t.is_empty());
        let turn = matches!(who, Party::Caller).then_some(self.caller_turns);
        self.caller_turns += u32::from(turn.is_some());
        let line = Line { who, agent: agent.cloned(), start, end, text, turn };
        let place = self.lines.partition_point(|l| l.start <= start);
        self.lines.insert(place, line);
        bound(&mut self.lines, MAX_LINES, &mut self.dropped);
        self.revision += 1;
    }

    /// The listener has evidence.
    pub fn on_signal(&mut self, signal: &Signal) {
        let signal = Signal { why: clean(&signal.why, &mut self.dropped), ..signal.clone() };
        if signal.kind == SignalKind::BotError {
            self.bot.errors += 1;
            self.bot.failures += 1;
        }
        *self.heard.entry(signal.kind).or_default() += 1;
        let place = self.signals.partition_point(|s| s.end <= signal.end);
        self.signals.insert(place, signal);
        bound(&mut self.signals, MAX_SIGNALS, &mut self.dropped);
        self.revision += 1;
    }

    /// The score changed.
    pub fn on_score(&mut self, score: &Score, now: Time) {
        if self.scores.len() >= MAX_SCORES {
            let mut n = 0;
            self.scores.retain(|_| {
                n += 1;
                n > MAX_SCORES / 2 || n % 2 == 1
            });
            self.dropped += (MAX_SCORES - self.scores.len()) as u64;
        }
        self.scores.push((now, score.score));
        self.score.clone_from(score);
        self.revision += 1;
    }

    /// The bot answered a turn, a key or a silence.
    pub fn on_bot(&mut self, report: &BotReport, now: Time) {
        let bot = &mut self.bot;
        let failed = match report.understood {
            Understood::NoMatch | Understood::OutOfScope | Understood::NoInput => true,
            Understood::Nothing | Understood::Well | Understood::Unsure => false,
        };
        bot.no_match += u32::from(report.understood == Understood::NoMatch);
        bot.no_input += u32::from(report.understood == Understood::NoInput);
        let worked = report.turn.is_some() || failed;
        bot.turns += u32::from(worked);
        bot.turns_without_progress = if report.progress { 0 } else { bot.turns_without_progress + u32::from(worked) };
        bot.failures = match (failed, worked || report.progress) {
            (true, _) => bot.failures + 1,
            (false, true) => 0,
            (false, false) => bot.failures,
        };
        if report.intent.is_some() {
            bot.intent.clone_from(&report.intent);
            bot.intent_title.clone_from(&report.intent_title);
        }
        for (name, slot) in report.slots.iter().take(MAX_FIELDS) {
            let value = clean(&slot.value, &mut self.dropped);
            let heard = SlotValue { value, confirmed: slot.confirmed };
            bot.slots.insert(name.clone(), self.corrected.get(name).cloned().unwrap_or(heard));
        }
        while bot.slots.len() > MAX_FIELDS {
            bot.slots.pop_last();
            self.dropped += 1;
        }
        if worked || report.progress {
            let intent = bot.intent_title.clone().or_else(|| bot.intent.clone());
            let step = Step { at: now, intent, question: bot.question.take(), understood: report.understood, progress: report.progress };
            bot.steps.push_back(step);
            bound(&mut bot.steps, MAX_STEPS, &mut self.dropped);
        }
        bot.question = report.expects.as_ref().map(|q| q.id.clone());
        bot.wants_person = report.wants_person.as_deref().map(|t| clean(t, &mut self.dropped));
        bot.topic = report.topic.clone().or(bot.topic.take());
        bot.next_step = report.next_step.as_deref().map(|t| clean(t, &mut self.dropped));
        self.revision += 1;
    }

    /// The caller pressed a key.
    pub fn on_key(&mut self, key: Key, now: Time) {
        self.keys.push_back((now, key));
        bound(&mut self.keys, MAX_KEYS, &mut self.dropped);
        self.revision += 1;
    }

    /// An agent noted something.
    pub fn on_note(&mut self, agent: &AgentId, text: &str, now: Time) {
        let text = clean(text, &mut self.dropped);
        self.notes.push_back(Note { at: now, agent: agent.clone(), text });
        bound(&mut self.notes, MAX_NOTES, &mut self.dropped);
        self.revision += 1;
    }

    /// An agent says what is right: of what the caller's data or the bot has, or of something new.
    pub fn correct(&mut self, name: &str, value: &str) {
        if self.caller.data.contains_key(name) {
            return self.on_data(name, value);
        }
        if self.bot.slots.len() >= MAX_FIELDS && !self.bot.slots.contains_key(name) {
            self.dropped += 1;
            return;
        }
        let slot = SlotValue { value: clean(value, &mut self.dropped), confirmed: true };
        self.bot.slots.insert(name.to_owned(), slot.clone());
        self.corrected.insert(name.to_owned(), slot);
        self.revision += 1;
    }

    /// A handoff began (an accepted offer or a transfer); `call.handoffs` counts them.
    pub fn on_handoff(&mut self) {
        self.handoffs += 1;
        self.revision += 1;
    }

    /// A connector has learned something about the caller.
    pub fn on_data(&mut self, key: &str, value: &str) {
        if self.caller.data.len() < MAX_FIELDS || self.caller.data.contains_key(key) {
            let value = clean(value, &mut self.dropped);
            self.caller.data.insert(key.to_owned(), value);
        } else {
            self.dropped += 1;
        }
        self.revision += 1;
    }

    /// Who calls whom.
    pub fn caller(&self) -> &CallerData {
        &self.caller
    }

    /// When the call began.
    pub fn began(&self) -> Time {
        self.began
    }

    /// The turns in order of their begin, the latest [`MAX_LINES`].
    pub fn lines(&self) -> impl DoubleEndedIterator<Item = &Line> {
        self.lines.iter()
    }

    /// The signals in order of their end, the latest [`MAX_SIGNALS`].
    pub fn signals(&self) -> impl DoubleEndedIterator<Item = &Signal> {
        self.signals.iter()
    }

    /// The score and its parts now.
    pub fn score(&self) -> &Score {
        &self.score
    }

    /// The score over time.
    pub fn scores(&self) -> &[(Time, f64)] {
        &self.scores
    }

    /// What the bot knows and how it fares.
    pub fn bot(&self) -> &BotFile {
        &self.bot
    }

    /// The caller's keys, the latest [`MAX_KEYS`].
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &(Time, Key)> {
        self.keys.iter()
    }

    /// What agents noted, the latest [`MAX_NOTES`].
    pub fn notes(&self) -> impl DoubleEndedIterator<Item = &Note> {
        self.notes.iter()
    }

    /// Turns that the caller finished.
    pub fn caller_turns(&self) -> u32 {
        self.caller_turns
    }

    /// Handoffs that began so far.
    pub fn handoffs(&self) -> u32 {
        self.handoffs
    }

    /// Signals heard so far, those dropped since included.
    pub fn signals_heard(&self) -> u64 {
        self.heard.values().sum()
    }

    /// Signals of this kind heard so far, those dropped since included.
    pub fn heard(&self, kind: SignalKind) -> u64 {
        self.heard.get(&kind).copied().unwrap_or_default()
    }

    /// Things that did not fit and were dropped or cut.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Grows with everything new; equal numbers mean that nothing changed.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// The latest turn of the caller that anything is known of: a signal may belong to one that is not over yet.
    pub fn latest_turn(&self) -> Option<u32> {
        let finished = self.caller_turns.checked_sub(1);
        finished.max(self.signals.iter().filter_map(|s| s.turn).max())
    }

    /// The caller's line that a signal belongs to: its turn, or what was said while it lasted.
    pub fn line_of(&self, turn: Option<u32>, start: Time, end: Time) -> Option<&Line> {
        let callers = || self.lines.iter().filter(|l| l.who == Party::Caller);
        let by_turn = turn.and_then(|turn| callers().find(|l| l.turn == Some(turn)));
        by_turn.or_else(|| callers().rfind(|l| l.start <= end && start <= l.end))
    }
}

/// Redacts a text, makes it one line and cuts it to [`MAX_TEXT_CHARS`].
fn clean(text: &str, dropped: &mut u64) -> String {
    let one_line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let shown = redact(&one_line);
    match shown.char_indices().nth(MAX_TEXT_CHARS) {
        Some((cut, _)) => {
            *dropped += 1;
            shown[..cut].to_owned()
        }
        None => shown,
    }
}

fn bound<T>(items: &mut VecDeque<T>, limit: usize, dropped: &mut u64) {
    while items.len() > limit {
        items.pop_front();
        *dropped += 1;
    }
}
