//! `repeat` in words: what the caller says is much like what they said a few turns before.
//!
//! Two turns are compared by their content words (stop words left out, endings taken off): Dice's coefficient
//! 2·|A ∩ B| / (|A| + |B|), Dice 1945. Where the bot found the same meaning in both, less likeness is enough.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::{Problems, SignalKind, Time};
use crate::listen::table::{check_range, secs};
use crate::listen::types::Signal;

use super::words::{Say, quote, singular};

/// Turns that are remembered (HEARING proposes 12 for repeats in sound; the same here).
const REMEMBERED: usize = 12;
/// Content words that two turns of different length must share.
const MIN_SHARED: usize = 2;
/// Words that carry no content of their own.
const STOP_WORDS: [&str; 98] = [
    "a", "an", "the", "i", "you", "he", "she", "it", "we", "they", "me", "my", "your", "him", "her", "his", "its", "us", "our", "them", "their",
    "am", "is", "are", "was", "were", "be", "been", "do", "does", "did", "have", "has", "had", "can", "could", "will", "would", "shall", "should",
    "may", "might", "must", "to", "of", "in", "on", "at", "for", "from", "with", "about", "by", "as", "and", "or", "but", "if", "so", "that", "this",
    "there", "here", "what", "which", "who", "please", "just", "really", "uh", "um", "er", "oh", "well", "okay", "ok", "yes", "yeah", "no", "not",
    "hello", "hi", "thanks", "thank", "want", "like", "get", "got", "know", "tell", "said", "say", "again", "now", "then", "going", "need", "let",
];

/// `[signal.repeat_words]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RepeatWordsTable {
    /// What it adds to the score, 0 to 1. A proposal, not a measurement.
    pub weight: f64,
    /// Turns at least this alike are a repeat, 0 to 1 (1: the same content words).
    pub alike: f64,
    /// The same where the bot found the same meaning in both.
    pub alike_same_intent: f64,
    /// How far back a turn may be repeated.
    pub within_secs: f64,
}

impl Default for RepeatWordsTable {
    fn default() -> Self {
        RepeatWordsTable { weight: 0.35, alike: 0.75, alike_same_intent: 0.5, within_secs: 180.0 }
    }
}

impl RepeatWordsTable {
    /// Names every mistake by its key, `key` being the table's own.
    pub fn check(&self, key: &str, problems: &mut Problems) {
        crate::listen::table::check_weight(problems, key, self.weight);
        check_range(problems, &format!("{key}.alike"), self.alike, 0.1..=1.0);
        check_range(problems, &format!("{key}.alike_same_intent"), self.alike_same_intent, 0.1..=1.0);
        check_range(problems, &format!("{key}.within_secs"), self.within_secs, 1.0..=3600.0);
    }
}

/// Remembers what was said, and hears it said again.
#[derive(Clone, Debug)]
pub struct RepeatWords {
    table: RepeatWordsTable,
    within: Duration,
    said: VecDeque<Said>,
}

/// A turn that was understood.
#[derive(Clone, Debug)]
struct Said {
    turn: u32,
    start: Time,
    end: Time,
    text: String,
    content: BTreeSet<String>,
    /// The bot's closed question that it answered.
    answers: Option<String>,
    intent: Option<String>,
}

impl RepeatWords {
    /// Nothing said yet.
    pub fn new(table: &RepeatWordsTable) -> Self {
        RepeatWords { table: table.clone(), within: secs(table.within_secs), said: VecDeque::with_capacity(REMEMBERED) }
    }

    /// A turn is over; `answers` is the closed question of the bot's that it answers. The repeat in it, if any.
    pub fn hear(&mut self, say: &Say, turn: u32, answers: Option<&str>) -> Option<Signal> {
        let (start, end) = (say.tokens.first()?.start, say.tokens.last()?.end);
        let said = Said { turn, start, end, text: say.text.clone(), content: content(say), answers: answers.map(str::to_owned), intent: None };
        let signal = self.repeat_of(&said, self.table.alike, |_| true);
        if self.said.len() == REMEMBERED {
            self.said.pop_front();
        }
        self.said.push_back(said);
        signal
    }

    /// The bot found this meaning in a turn: it may be a repeat in other words.
    pub fn on_intent(&mut self, turn: u32, intent: &str) -> Option<Signal> {
        let n = self.said.iter().position(|s| s.turn == turn)?;
        self.said[n].intent = Some(intent.to_owned());
        let said = self.said[n].clone();
        self.repeat_of(&said, self.table.alike_same_intent, |before| before.intent.as_deref() == Some(intent))
    }

    /// How alike the words of two turns are, 0..1; `None` where either was not understood or is forgotten.
    pub fn likeness_of(&self, a: u32, b: u32) -> Option<f64> {
        let content = |turn| self.said.iter().find(|said| said.turn == turn).map(|said| &said.content);
        Some(likeness(content(a)?, content(b)?))
    }

    fn repeat_of(&self, said: &Said, alike: f64, fits: impl Fn(&Said) -> bool) -> Option<Signal> {
        let earlier = self.said.iter().filter(|before| {
            let only_answers = said.answers.is_some() && said.answers == before.answers;
            before.turn < said.turn && said.start.since(before.end) <= self.within && !only_answers && fits(before)
        });
        let (value, before) = earlier.map(|before| (likeness(&said.content, &before.content), before)).max_by(|a, b| a.0.total_cmp(&b.0))?;
        let why = format!("Said the same again as at {}: {}", clock(before.start), quote(&said.text));
        (value >= alike).then(|| Signal {
            kind: SignalKind::Repeat,
            start: said.start,
            end: said.end.max(said.start),
            value,
            unit: "share",
            weight: self.table.weight,
            why,
            turn: Some(said.turn),
        })
    }
}

/// `m:ss`, as a supervisor reads it beside the time axis.
pub fn clock(at: Time) -> String {
    let seconds = at.as_micros() / 1_000_000;
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

fn content(say: &Say) -> BTreeSet<String> {
    say.tokens.iter().filter(|t| !STOP_WORDS.contains(&t.word.as_str())).map(|t| stem(&t.word).to_owned()).collect()
}

/// Takes off the endings that most often differ when somebody says the same again ("ordered", "ordering", "orders").
fn stem(word: &str) -> &str {
    let word = singular(word);
    ["ing", "ed", "ly"].iter().find_map(|ending| word.strip_suffix(ending).filter(|stem| stem.len() > 3)).unwrap_or(word)
}

/// 0..1; turns that share too little to tell are not alike at all, unless they are the same.
fn likeness(a: &BTreeSet<String>, b: &BTreeSet<String>) -> f64 {
    let shared = a.intersection(b).count();
    if shared == 0 || (shared < MIN_SHARED && a != b) {
        return 0.0;
    }
    2.0 * shared as f64 / (a.len() + b.len()) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn say(text: &str, secs: u64) -> Say {
        Say::of(text, Time::from_millis(secs * 1_000), Time::from_millis(secs * 1_000 + 900))
    }

    fn repeats(first: &str, second: &str) -> bool {
        let mut words = RepeatWords::new(&RepeatWordsTable::default());
        assert!(words.hear(&say(first, 1), 0, None).is_none());
        words.hear(&say(second, 11), 1, None).is_some()
    }

    #[test]
    fn the_same_again_is_a_repeat_and_something_else_is_none() {
        for (first, second, is) in [
            ("where is my order", "where is my order", true),
            ("where is my order", "I said where's my order please", true),
            ("I want to change my delivery address", "change the delivery address", true),
            ("what are your opening hours", "what are the opening hours again", true),
            ("where is my order", "I have a question about an invoice", false),
            ("my order number is one two three", "my order number is four five six", false),
            ("yes", "yes", false),
            ("yes please", "okay yes", false),
            ("order", "order status", false),
            ("billing", "billing", true),
        ] {
            assert_eq!(repeats(first, second), is, "{first} / {second}");
        }
    }

    #[test]
    fn the_same_answer_to_the_same_question_is_no_repeat() {
        let mut words = RepeatWords::new(&RepeatWordsTable::default());
        words.hear(&say("four five six", 1), 0, Some("order_number"));
        assert!(words.hear(&say("four five six", 9), 1, Some("order_number")).is_none());
        assert!(words.hear(&say("four five six", 19), 2, Some("invoice_number")).is_some());
    }

    #[test]
    fn the_same_meaning_in_other_words_is_a_repeat() {
        let mut words = RepeatWords::new(&RepeatWordsTable::default());
        assert!(words.hear(&say("where is the parcel I ordered last week", 1), 0, None).is_none());
        assert!(words.on_intent(0, "order_status").is_none());
        assert!(words.hear(&say("my parcel from last week has not arrived", 12), 1, None).is_none());
        assert!(words.on_intent(1, "invoice").is_none());
        assert!(words.on_intent(1, "order_status").is_some());
        assert!(words.on_intent(7, "order_status").is_none(), "a turn that was never heard");
    }

    #[test]
    fn what_was_said_long_ago_may_be_said_again() {
        let mut words = RepeatWords::new(&RepeatWordsTable::default());
        words.hear(&say("where is my order", 1), 0, None);
        assert!(words.hear(&say("where is my order", 400), 1, None).is_none());
    }
}
