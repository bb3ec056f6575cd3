//! Private data: what a caller says and who they are stays out of logs and, where configured, out of records.

use std::fmt;
use std::ops::Deref;

use serde::{Deserialize, Serialize};

/// A number, name or words of a person. Prints as `‹private›` in logs; serializes as it is.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Pii<T>(pub T);

impl<T> fmt::Debug for Pii<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("‹private›")
    }
}

impl<T> fmt::Display for Pii<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("‹private›")
    }
}

impl<T> Deref for Pii<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> From<T> for Pii<T> {
    fn from(value: T) -> Self {
        Pii(value)
    }
}

/// Words that stand for a digit when someone reads a number aloud.
const DIGIT_WORDS: [&str; 11] = ["zero", "oh", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
/// ISO/IEC 7812: a payment card number has 13 to 19 digits.
const CARD_DIGITS: std::ops::RangeInclusive<usize> = 13..=19;

/// Replaces runs of 13 to 19 digits, written or spoken word by word, by `‹card›` (ISO/IEC 7812 lengths).
///
/// Spaces and hyphens inside a run are allowed, as people write card numbers. Recognised speech is often off by a
/// digit, so the check digit is not asked for: a long number too many is hidden rather than a card shown.
pub fn redact(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut run: Vec<&str> = Vec::new();
    let mut digits = 0;
    for word in text.split_inclusive(char::is_whitespace) {
        let count = digit_count(word.trim_end());
        if count == 0 {
            flush(&mut out, &mut run, &mut digits);
            out.push_str(word);
        } else {
            digits += count;
            run.push(word);
        }
    }
    flush(&mut out, &mut run, &mut digits);
    out
}

fn digit_count(word: &str) -> usize {
    let bare = word.trim_matches(|c: char| c.is_ascii_punctuation());
    if DIGIT_WORDS.contains(&bare.to_ascii_lowercase().as_str()) {
        return 1;
    }
    let digits = bare.chars().filter(char::is_ascii_digit).count();
    if digits > 0 && bare.chars().all(|c| c.is_ascii_digit() || c == '-') { digits } else { 0 }
}

fn flush(out: &mut String, run: &mut Vec<&str>, digits: &mut usize) {
    if CARD_DIGITS.contains(digits) {
        let last = run.last().map_or("", |w| w);
        out.push_str("‹card›");
        out.push_str(&last[last.trim_end().len()..]);
    } else {
        run.iter().for_each(|w| out.push_str(w));
    }
    run.clear();
    *digits = 0;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_words_do_not_print() {
        assert_eq!(format!("{:?} {}", Pii("Dana"), Pii("Dana")), "‹private› ‹private›");
    }

    #[test]
    fn card_numbers_are_hidden_however_they_are_said() {
        for (said, shown) in [
            ("my card is 4111 1111 1111 1111 thanks", "my card is ‹card› thanks"),
            ("4111-1111-1111-1111", "‹card›"),
            ("four one one one one one one one one one one one one one one one yes", "‹card› yes"),
            ("order one two three four five six", "order one two three four five six"),
            ("call +49 30 1234567", "call +49 30 1234567"),
        ] {
            assert_eq!(redact(said), shown);
        }
    }
}
