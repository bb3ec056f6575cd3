//! From sentences to the words that are said, and from words to phones.
//!
//! A word's phones come from the CMU dictionary; one that is not in it is built from its parts (plural, possessive,
//! two words written as one) or, last, from letter rules of our own, and is reported so that a person can look at it.
//! Phones are the 39 of the CMU set, which the acoustic model was trained with.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

const SMALL: [&str; 20] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];
const TENS: [&str; 10] = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
/// Longer numbers are said digit by digit.
const LONGEST_NUMBER: usize = 4;

/// The words that a person says for this text: lower case, without punctuation, numbers written out.
pub fn spoken_words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let lower = text.to_lowercase().replace('’', "'");
    for piece in lower.split(|c: char| !(c.is_alphanumeric() || c == '\'')) {
        let piece = piece.trim_matches('\'');
        // "24th" and "mp3": letters and digits are said one after the other.
        let mut rest = piece;
        while let Some(first) = rest.chars().next() {
            let digits = first.is_ascii_digit();
            let cut = rest.find(|c: char| c.is_ascii_digit() != digits).unwrap_or(rest.len());
            let (part, after) = rest.split_at(cut);
            if digits {
                number(part, &mut words)
            } else {
                words.push(part.to_owned())
            }
            rest = after;
        }
    }
    words
}

fn number(digits: &str, words: &mut Vec<String>) {
    let value: usize = if digits.len() <= LONGEST_NUMBER && !digits.starts_with('0') { digits.parse().unwrap_or(0) } else { 0 };
    if value == 0 {
        words.extend(digits.bytes().map(|d| SMALL[usize::from(d - b'0')].to_owned()));
        return;
    }
    let mut say = |word: &str| words.push(word.to_owned());
    if value >= 1_000 {
        say(SMALL[value / 1_000]);
        say("thousand");
    }
    if value % 1_000 >= 100 {
        say(SMALL[value % 1_000 / 100]);
        say("hundred");
    }
    match value % 100 {
        0 => {}
        rest @ 1..20 => say(SMALL[rest]),
        rest => {
            say(TENS[rest / 10]);
            if rest % 10 > 0 {
                say(SMALL[rest % 10]);
            }
        }
    }
}

/// A dictionary for the decoder.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lexicon {
    /// In the format of the CMU dictionary.
    pub file: String,
    /// Words whose pronunciation is a guess.
    pub guessed: Vec<String>,
    /// Words that have none, because they have letters of another alphabet.
    pub left_out: Vec<String>,
}

impl Lexicon {
    /// Looks `words` up in `cmudict`, the text of a CMU dictionary.
    pub fn new<'a>(words: impl IntoIterator<Item = &'a str>, cmudict: &str) -> Lexicon {
        let wanted: BTreeSet<&str> = words.into_iter().collect();
        let mut found: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (word, phones) in entries(cmudict) {
            if wanted.contains(word) {
                found.entry(word).or_default().push(phones);
            }
        }
        let mut lexicon = Lexicon::default();
        let mut everything = None;
        for &word in &wanted {
            match found.get(word) {
                Some(ways) => ways.iter().enumerate().for_each(|(n, phones)| lexicon.add(word, n, phones)),
                None => lexicon.guess(word, everything.get_or_insert_with(|| entries(cmudict).rev().collect())),
            }
        }
        lexicon
    }

    fn add(&mut self, word: &str, way: usize, phones: &str) {
        let _ = match way {
            0 => writeln!(self.file, "{word} {phones}"),
            _ => writeln!(self.file, "{word}({}) {phones}", way + 1),
        };
    }

    fn guess(&mut self, word: &str, everything: &BTreeMap<&str, &str>) {
        match from_parts(word, everything).or_else(|| from_letters(word)) {
            Some(phones) => {
                self.add(word, 0, &phones);
                self.guessed.push(word.to_owned());
            }
            None => self.left_out.push(word.to_owned()),
        }
    }
}

/// Word without the number of its alternative, and phones.
fn entries(cmudict: &str) -> impl DoubleEndedIterator<Item = (&str, &str)> {
    cmudict.lines().filter_map(|line| {
        let (word, phones) = line.split_once(char::is_whitespace)?;
        Some((word.split_once('(').map_or(word, |(word, _)| word), phones.trim()))
    })
}

/// Shortest part of a word that is looked up by itself.
const SHORTEST_PART: usize = 3;

fn from_parts(word: &str, known: &BTreeMap<&str, &str>) -> Option<String> {
    for ending in ["'s", "s'", "s"] {
        if let Some(phones) = word.strip_suffix(ending).and_then(|stem| known.get(stem)) {
            let last = phones.rsplit(' ').next().unwrap_or_default();
            let ending = match last {
                "S" | "Z" | "SH" | "ZH" | "CH" | "JH" => "IH Z",
                "P" | "T" | "K" | "F" | "TH" => "S",
                _ => "Z",
            };
            return Some(format!("{phones} {ending}"));
        }
    }
    let cuts = word.char_indices().map(|(at, _)| at).filter(|&at| at >= SHORTEST_PART && word.len() - at >= SHORTEST_PART);
    cuts.filter_map(|at| Some(format!("{} {}", known.get(&word[..at])?, known.get(&word[at..])?))).next()
}

/// Letters and the phones that they most often stand for in English; the longest that fits comes first.
const LETTERS: [(&str, &str); 88] = [
    ("tion", "SH AH N"),
    ("sion", "ZH AH N"),
    ("ough", "AO"),
    ("augh", "AO"),
    ("eigh", "EY"),
    ("ture", "CH ER"),
    ("igh", "AY"),
    ("tch", "CH"),
    ("dge", "JH"),
    ("sch", "SH"),
    ("ing", "IH NG"),
    ("air", "EH R"),
    ("ear", "IH R"),
    ("eer", "IH R"),
    ("oor", "AO R"),
    ("our", "AO R"),
    ("ch", "CH"),
    ("sh", "SH"),
    ("th", "TH"),
    ("ph", "F"),
    ("wh", "W"),
    ("ck", "K"),
    ("ng", "NG"),
    ("qu", "K W"),
    ("gh", "G"),
    ("kn", "N"),
    ("wr", "R"),
    ("rh", "R"),
    ("ps", "P S"),
    ("sc", "S K"),
    ("ee", "IY"),
    ("ea", "IY"),
    ("ai", "EY"),
    ("ay", "EY"),
    ("ei", "IY"),
    ("ey", "IY"),
    ("ie", "IY"),
    ("oa", "OW"),
    ("oe", "OW"),
    ("oi", "OY"),
    ("oy", "OY"),
    ("oo", "UW"),
    ("ou", "AW"),
    ("ow", "OW"),
    ("au", "AO"),
    ("aw", "AO"),
    ("ue", "UW"),
    ("ui", "UW"),
    ("ew", "UW"),
    ("ar", "AA R"),
    ("er", "ER"),
    ("ir", "ER"),
    ("or", "AO R"),
    ("ur", "ER"),
    ("yr", "ER"),
    ("ce", "S EH"),
    ("ci", "S IH"),
    ("cy", "S IY"),
    ("ge", "JH EH"),
    ("gi", "JH IH"),
    ("gy", "JH IY"),
    ("zz", "T S"),
    ("a", "AE"),
    ("b", "B"),
    ("c", "K"),
    ("d", "D"),
    ("e", "EH"),
    ("f", "F"),
    ("g", "G"),
    ("h", "HH"),
    ("i", "IH"),
    ("j", "JH"),
    ("k", "K"),
    ("l", "L"),
    ("m", "M"),
    ("n", "N"),
    ("o", "AA"),
    ("p", "P"),
    ("q", "K"),
    ("r", "R"),
    ("s", "S"),
    ("t", "T"),
    ("u", "AH"),
    ("v", "V"),
    ("w", "W"),
    ("x", "K S"),
    ("y", "IY"),
    ("z", "Z"),
];
/// Vowels before a single consonant and a silent `e`.
const LONG: [(&str, &str); 6] = [("a", "EY"), ("e", "IY"), ("i", "AY"), ("o", "OW"), ("u", "UW"), ("y", "AY")];

/// Phones by letter rules; `None` where a letter is not one of English.
fn from_letters(word: &str) -> Option<String> {
    let mut phones: Vec<&str> = Vec::new();
    let letters: String = word.chars().filter(|c| *c != '\'').collect();
    let mut rest = letters.as_str();
    while !rest.is_empty() {
        let mut chars = rest.chars();
        let (first, second) = (chars.next()?, chars.next());
        let magic_e = rest.len() == 3 && rest.ends_with('e') && second.is_some_and(|c| !"aeiouywxh".contains(c));
        if let Some((_, phone)) = LONG.iter().find(|(letter, _)| magic_e && rest.starts_with(letter)) {
            phones.push(phone);
            rest = &rest[1..];
        } else if rest == "e" && !phones.is_empty() {
            break; // silent
        } else if matches!(rest, "ce" | "ge") {
            phones.push(if rest == "ce" { "S" } else { "JH" });
            break;
        } else if second == Some(first) && !"aeiouz".contains(first) {
            rest = &rest[first.len_utf8()..]; // a doubled consonant is one sound
        } else {
            let (letter, phone) = LETTERS.iter().find(|(letter, _)| rest.starts_with(letter))?;
            phones.push(phone);
            rest = &rest[letter.len()..];
        }
    }
    (!phones.is_empty()).then(|| phones.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DICT: &str = "agent EY JH AH N T\nhouse HH AW S\nhouse(2) HH AW Z\nmail M EY L\nread R EH D\nread(2) R IY D\nvoice V OY S\n";

    #[test]
    fn text_becomes_the_words_that_are_said() {
        for (text, words) in [
            ("I'd like an Agent, please!", "i'd like an agent please"),
            ("Order 24-115", "order twenty four one hundred fifteen"),
            ("zip 00501 or 1905", "zip zero zero five zero one or one thousand nine hundred five"),
            ("the 3rd (third)", "the three rd third"),
            ("don’t 'quote'", "don't quote"),
            ("…", ""),
        ] {
            assert_eq!(spoken_words(text).join(" "), words, "{text}");
        }
    }

    #[test]
    fn all_ways_to_say_a_word_are_kept() {
        let lexicon = Lexicon::new(["read", "agent"], DICT);
        assert_eq!(lexicon.file, "agent EY JH AH N T\nread R EH D\nread(2) R IY D\n");
        assert!(lexicon.guessed.is_empty() && lexicon.left_out.is_empty());
    }

    #[test]
    fn unknown_words_are_guessed_and_named() {
        for (word, phones) in [
            ("agents", "EY JH AH N T S"),
            ("house's", "HH AW S IH Z"),
            ("voicemail", "V OY S M EY L"),
            ("fripp", "F R IH P"),
            ("blane", "B L EY N"),
            ("zorge", "Z AO R JH"),
        ] {
            let lexicon = Lexicon::new([word], DICT);
            assert_eq!((lexicon.file.as_str(), lexicon.guessed), (format!("{word} {phones}\n").as_str(), vec![word.to_owned()]));
        }
    }

    #[test]
    fn words_of_another_alphabet_are_left_out_and_named() {
        let lexicon = Lexicon::new(["заказ", "crème", "mail"], DICT);
        assert_eq!(lexicon.left_out, ["crème", "заказ"]);
        assert_eq!(lexicon.file, "mail M EY L\n");
    }
}
