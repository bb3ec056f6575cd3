//! What a turn said as words, and the phrases that signals look for in it.
//!
//! A phrase is a sequence of words. Case, punctuation, contractions ("don't" is "do not"), a plural's `s` and filler
//! words ("please", "the") make no difference. `*` stands for up to three words, and a phrase that begins with `=` must
//! be all that was said (twice is fine: "agent agent").

use crate::base::{Problems, Time};
use crate::listen::types::Hypothesis;

/// Words between two parts of a phrase that `*` may stand for.
const MAX_GAP: usize = 3;
/// How far before a phrase a "not" is looked for.
const NEGATION_REACH: usize = 4;
/// How much further it is looked for over a doubt ("I do not think I want").
const DOUBT_REACH: usize = 2;
/// Words of a caller that a sentence for a supervisor quotes at most, in characters.
const MAX_QUOTE: usize = 140;
/// Words that make no difference to what a phrase means.
const FILLERS: [&str; 19] =
    ["a", "an", "the", "please", "just", "really", "uh", "um", "er", "erm", "ah", "oh", "well", "actually", "hello", "hi", "hey", "now", "so"];
/// A word that says no to what follows within a few words.
const NEGATORS: [&str; 3] = ["not", "never", "without"];
/// Words at which a new clause begins, so that a "not" before them is about something else.
const CLAUSE_STARTS: [&str; 13] = ["i", "we", "you", "but", "and", "because", "let", "can", "could", "would", "will", "why", "then"];
/// "I don't think I want …": the "not" reaches over the second clause.
const DOUBTS: [&str; 3] = ["think", "believe", "suppose"];
/// Short forms that are written without an apostrophe, or fit no rule.
const SHORT_FORMS: [(&str, &str, &str); 16] = [
    ("cannot", "can", "not"),
    ("can't", "can", "not"),
    ("won't", "will", "not"),
    ("shan't", "shall", "not"),
    ("ain't", "is", "not"),
    ("dont", "do", "not"),
    ("cant", "can", "not"),
    ("didnt", "did", "not"),
    ("doesnt", "does", "not"),
    ("isnt", "is", "not"),
    ("im", "i", "am"),
    ("let's", "let", "us"),
    ("gonna", "going", "to"),
    ("wanna", "want", "to"),
    ("gotta", "got", "to"),
    ("gimme", "give", "me"),
];
/// Endings that are words of their own.
const ENDINGS: [(&str, &str); 6] = [("n't", "not"), ("'m", "am"), ("'re", "are"), ("'ll", "will"), ("'ve", "have"), ("'d", "would")];
/// Words whose `'s` is "is"; elsewhere it is a possessive and left out.
const IS_AFTER: [&str; 11] = ["that", "it", "what", "he", "she", "there", "here", "where", "who", "this", "how"];

/// One word as phrases see it, and when it was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Lower case, without punctuation; a short form is two tokens.
    pub word: String,
    /// First sound (of the utterance, where the engine gives no words).
    pub start: Time,
    /// Last sound (of the utterance, where the engine gives no words).
    pub end: Time,
}

/// What was said in a turn.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Say {
    /// The words as the recognizer gave them.
    pub text: String,
    /// The same, word by word.
    pub tokens: Vec<Token>,
}

impl Say {
    /// What a hypothesis says; its words' own times are used where there are as many as in the text.
    pub fn add(&mut self, heard: &Hypothesis, start: Time, end: Time) {
        let text = heard.text.trim();
        if text.is_empty() {
            return;
        }
        if !self.text.is_empty() {
            self.text.push(' ');
        }
        self.text.push_str(text);
        let timed = heard.words.len() == text.split_whitespace().count();
        for (n, raw) in text.split_whitespace().enumerate() {
            let (from, to) = if timed { (heard.words[n].start, heard.words[n].end) } else { (start, end) };
            normalise(raw, |word| self.tokens.push(Token { word: word.to_owned(), start: from, end: to }));
        }
    }

    /// A text said from `start` to `end`.
    pub fn of(text: &str, start: Time, end: Time) -> Self {
        let mut say = Say::default();
        say.add(&Hypothesis { text: text.into(), ..Hypothesis::default() }, start, end);
        say
    }

    /// True if nothing was understood.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// True if there are words, and each is one of `words`.
    pub fn is_only(&self, words: &[String]) -> bool {
        !self.is_empty() && self.tokens.iter().all(|t| words.contains(&t.word))
    }
}

/// Calls `each` with the words that `raw` stands for.
pub fn normalise(raw: &str, mut each: impl FnMut(&str)) {
    for part in raw.split(['-', '/', '_']) {
        let lower = part.to_lowercase().replace('’', "'");
        let bare = lower.trim_matches(|c: char| !c.is_alphanumeric());
        if bare.is_empty() {
            continue;
        }
        if let Some((_, first, second)) = SHORT_FORMS.iter().find(|(short, _, _)| *short == bare) {
            each(first);
            each(second);
        } else if let Some((stem, word)) =
            ENDINGS.iter().find_map(|(ending, word)| Some((bare.strip_suffix(ending).filter(|s| !s.is_empty())?, word)))
        {
            each(stem);
            each(word);
        } else if let Some(stem) = bare.strip_suffix("'s") {
            each(stem);
            if IS_AFTER.contains(&stem) {
                each("is");
            }
        } else {
            each(bare);
        }
    }
}

/// The caller's words in quotes, shortened.
pub fn quote(text: &str) -> String {
    match text.char_indices().nth(MAX_QUOTE) {
        None => format!("“{text}”"),
        Some((cut, _)) => format!("“{}…”", text[..cut].trim_end()),
    }
}

/// Where phrases were found: `say.tokens[from..to]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Found {
    /// First token.
    pub from: usize,
    /// Behind the last token.
    pub to: usize,
}

/// Phrases to look for.
#[derive(Clone, Debug, Default)]
pub struct PhraseSet(Vec<Phrase>);

#[derive(Clone, Debug)]
struct Phrase {
    parts: Vec<Part>,
    whole: bool,
}

#[derive(Clone, Debug)]
enum Part {
    Word(String),
    Gap,
}

impl PhraseSet {
    /// The phrases, each as it is written in the configuration; those without a word are left out.
    pub fn new<S: AsRef<str>>(phrases: impl IntoIterator<Item = S>) -> Self {
        PhraseSet(phrases.into_iter().filter_map(|text| Phrase::parse(text.as_ref())).collect())
    }

    /// Where the phrases are, in order; what overlaps is one.
    pub fn find(&self, say: &Say) -> Vec<Found> {
        let content: Vec<usize> = (0..say.tokens.len()).filter(|&n| !FILLERS.contains(&say.tokens[n].word.as_str())).collect();
        let words: Vec<&str> = content.iter().map(|&n| singular(&say.tokens[n].word)).collect();
        let mut found: Vec<Found> = Vec::new();
        for phrase in &self.0 {
            phrase.each_match(&words, |from, to| found.push(Found { from: content[from], to: content[to - 1] + 1 }));
        }
        found.sort_unstable();
        found.dedup_by(|next, last| {
            let overlap = next.from < last.to;
            if overlap {
                last.to = last.to.max(next.to);
            }
            overlap
        });
        found
    }
}

impl Phrase {
    fn parse(text: &str) -> Option<Phrase> {
        let (whole, text) = text.trim().strip_prefix('=').map_or((false, text), |rest| (true, rest));
        let mut parts = Vec::new();
        for raw in text.split_whitespace() {
            if raw == "*" {
                parts.push(Part::Gap);
            } else {
                normalise(raw, |word| {
                    if !FILLERS.contains(&word) {
                        parts.push(Part::Word(singular(word).to_owned()));
                    }
                });
            }
        }
        parts.iter().any(|p| matches!(p, Part::Word(_))).then_some(Phrase { parts, whole })
    }

    fn each_match(&self, words: &[&str], mut each: impl FnMut(usize, usize)) {
        if self.whole {
            let mut at = 0;
            while let Some(end) = matches_at(&self.parts, words, at).filter(|&end| end > at) {
                at = end;
            }
            if at > 0 && at == words.len() {
                each(0, at);
            }
            return;
        }
        for from in 0..words.len() {
            if let Some(to) = matches_at(&self.parts, words, from).filter(|&to| to > from) {
                each(from, to);
            }
        }
    }
}

/// The end of the shortest match of `parts` that begins at `at`.
fn matches_at(parts: &[Part], words: &[&str], at: usize) -> Option<usize> {
    match parts.split_first() {
        None => Some(at),
        Some((Part::Word(word), rest)) => (words.get(at) == Some(&word.as_str())).then(|| matches_at(rest, words, at + 1)).flatten(),
        Some((Part::Gap, rest)) => (0..=MAX_GAP).find_map(|skip| matches_at(rest, words, (at + skip).min(words.len()))),
    }
}

/// The word without a plural's `s`.
pub fn singular(word: &str) -> &str {
    match word.strip_suffix('s') {
        Some(stem) if stem.len() > 2 && !stem.ends_with('s') => stem,
        _ => word,
    }
}

/// True if a "not" shortly before `at` says no to what follows.
pub fn negated(say: &Say, at: usize) -> bool {
    let word = |n: usize| say.tokens[n].word.as_str();
    if at > 0 && word(at - 1) == "no" {
        return true;
    }
    let (mut n, mut left) = (at, NEGATION_REACH);
    while n > 0 && left > 0 {
        (n, left) = (n - 1, left - 1);
        if NEGATORS.contains(&word(n)) {
            return true;
        }
        if CLAUSE_STARTS.contains(&word(n)) {
            if n == 0 || !DOUBTS.contains(&word(n - 1)) {
                return false;
            }
            left += DOUBT_REACH;
        }
    }
    false
}

/// A phrase as somebody would say it: without marks.
pub fn spoken(phrase: &str) -> String {
    phrase.trim().trim_start_matches('=').split_whitespace().filter(|w| *w != "*").collect::<Vec<_>>().join(" ")
}

/// Names phrases that can't be found.
pub fn check_phrases(problems: &mut Problems, key: &str, phrases: &[String]) {
    for (n, phrase) in phrases.iter().enumerate() {
        if Phrase::parse(phrase).is_none() {
            problems.add(format!("{key}[{n}]"), format!("“{phrase}” has no word to listen for; write the words as they are said"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(phrase: &str, said: &str) -> Vec<String> {
        let say = Say::of(said, Time::ZERO, Time::ZERO);
        let words = |f: Found| say.tokens[f.from..f.to].iter().map(|t| t.word.as_str()).collect::<Vec<_>>().join(" ");
        PhraseSet::new([phrase]).find(&say).into_iter().map(words).collect()
    }

    #[test]
    fn words_are_normalised() {
        for (raw, tokens) in [
            ("Don't", "do not"),
            ("can’t", "can not"),
            ("that's", "that is"),
            ("caller's", "caller"),
            ("MM-HM,", "mm hm"),
            ("I'd", "i would"),
            ("o'clock", "o'clock"),
            ("...", ""),
            ("'s", "s"),
            ("n't", "n't"),
            ("Straße", "straße"),
        ] {
            let mut got = Vec::new();
            normalise(raw, |w| got.push(w.to_owned()));
            let want: Vec<String> = tokens.split_whitespace().map(str::to_owned).collect();
            assert_eq!(got, want, "{raw}");
        }
    }

    #[test]
    fn phrases_are_found_whatever_the_fillers() {
        for (phrase, said, hits) in [
            ("speak to an agent", "I want to speak to the agent please", 1),
            ("speak to an agent", "speak to an agent speak to an agent", 2),
            ("speak to * agent", "speak to one of your agents", 1),
            ("speak to * agent", "speak to one of your very best agents", 0),
            ("speak to * agent", "speak to agent", 1),
            ("=agent", "agent", 1),
            ("=agent", "Agent, please! Agent!", 1),
            ("=agent", "my travel agent", 0),
            ("do not understand", "I don't understand", 1),
            ("", "anything", 0),
            ("*", "anything", 0),
            ("=", "anything", 0),
            ("the", "the", 0),
            ("fed up *", "I am fed up", 1),
        ] {
            assert_eq!(found(phrase, said).len(), hits, "{phrase} in {said}");
        }
    }

    #[test]
    fn overlapping_phrases_are_found_once() {
        let say = Say::of("i want to speak to an agent", Time::ZERO, Time::ZERO);
        assert_eq!(PhraseSet::new(["want to speak", "speak to an agent"]).find(&say), [Found { from: 1, to: 7 }]);
    }

    #[test]
    fn a_word_has_its_own_time_where_the_engine_gives_it() {
        use crate::listen::types::Word;
        let at = Time::from_millis;
        let word = |text: &str, start, end| Word { text: text.into(), start: at(start), end: at(end), confidence: None };
        let mut say = Say::default();
        let words = vec![word("don't", 100, 300), word("go", 300, 500)];
        say.add(&Hypothesis { text: "don't go".into(), words, ..Hypothesis::default() }, at(0), at(900));
        assert_eq!(say.tokens.iter().map(|t| t.start).collect::<Vec<_>>(), [at(100), at(100), at(300)]);
    }

    #[test]
    fn long_words_are_quoted_in_part() {
        assert_eq!(quote("hello"), "“hello”");
        assert!(quote(&"ä".repeat(500)).chars().count() < 150);
    }
}
