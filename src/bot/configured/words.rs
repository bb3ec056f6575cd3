//! Words: from what a recognizer or a person wrote to a row of plain lower-case words, their stems, and yes or no.
//!
//! English only. Nothing here knows of intents or slots.

use std::collections::BTreeMap;

/// A turn longer than this is cut: nobody says more in one breath, and a hosted recognizer may send anything.
pub const MAX_HEARD_CHARS: usize = 600;
/// Words beyond this are dropped for the same reason (600 characters of short words).
const MAX_HEARD_WORDS: usize = 120;

/// Words that carry grammar rather than meaning, so that they never tell two intents apart.
const FUNCTION_WORDS: [&str; 91] = [
    "a", "about", "actually", "ah", "am", "an", "and", "any", "are", "as", "at", "be", "been", "but", "by", "can", "could", "did", "do", "does",
    "er", "for", "from", "get", "give", "going", "got", "had", "has", "have", "hello", "hey", "hi", "i", "if", "in", "is", "it", "its", "just",
    "know", "like", "may", "me", "mine", "my", "need", "now", "of", "oh", "okay", "on", "or", "our", "please", "say", "said", "see", "shall",
    "should", "so", "some", "tell", "thank", "thanks", "that", "the", "them", "then", "there", "they", "this", "to", "uh", "um", "us", "want", "was",
    "we", "well", "were", "what", "will", "with", "would", "yes", "yeah", "no", "you", "your", "yours",
];

/// Forms that the suffix rules do not reach.
const IRREGULAR: [(&str, &str); 14] = [
    ("bought", "buy"),
    ("came", "come"),
    ("found", "find"),
    ("gone", "go"),
    ("held", "hold"),
    ("kept", "keep"),
    ("lost", "lose"),
    ("made", "make"),
    ("paid", "pay"),
    ("sent", "send"),
    ("sold", "sell"),
    ("spoken", "speak"),
    ("took", "take"),
    ("went", "go"),
];

/// Endings of contractions and what they stand for.
const CONTRACTIONS: [(&str, &str); 8] = [
    ("can't", "can not"),
    ("won't", "will not"),
    ("n't", " not"),
    ("'d", " would"),
    ("'ll", " will"),
    ("'re", " are"),
    ("'ve", " have"),
    ("'m", " am"),
];

const YES: [&str; 14] =
    ["yes", "yeah", "yep", "yup", "sure", "correct", "right", "exactly", "okay", "ok", "absolutely", "certainly", "indeed", "fine"];
const NO: [&str; 8] = ["no", "nope", "nah", "not", "wrong", "incorrect", "never", "neither"];

/// Splits text into plain lower-case words: punctuation gone, contractions written out, `p.m.` as `pm`, `2:30` kept.
pub fn heard(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    let lower: String = text.chars().take(MAX_HEARD_CHARS).collect::<String>().to_lowercase().replace('’', "'");
    let mut letters = lower.chars().peekable();
    while let Some(c) = letters.next() {
        let inside_time = c == ':' && word.chars().all(|d| d.is_ascii_digit()) && letters.peek().is_some_and(char::is_ascii_digit);
        if c.is_alphanumeric() || c == '\'' || inside_time {
            word.push(c);
        } else {
            finish_word(&mut word, &mut words);
        }
    }
    finish_word(&mut word, &mut words);
    words.truncate(MAX_HEARD_WORDS);
    words
}

fn finish_word(word: &mut String, words: &mut Vec<String>) {
    let raw = std::mem::take(word);
    let bare = raw.trim_matches('\'');
    if bare.is_empty() {
        return;
    }
    if bare == "m" && words.last().is_some_and(|w| w == "a" || w == "p") {
        words.last_mut().expect("just looked at").push('m');
        return;
    }
    for (ending, meaning) in CONTRACTIONS {
        if let Some(stem) = bare.strip_suffix(ending) {
            words.extend(format!("{stem}{meaning}").split_whitespace().map(str::to_owned));
            return;
        }
    }
    match bare.strip_suffix("'s") {
        Some(who @ ("what" | "where" | "when" | "that" | "it" | "there" | "how" | "who" | "let")) => {
            words.extend([who.to_owned(), "is".to_owned()]);
        }
        Some(owner) => words.push(owner.to_owned()),
        None => words.push(bare.to_owned()),
    }
}

/// A word without its inflection ("shipped" → "ship", "deliveries" → "delivery"). Light on purpose: it only has to
/// bring forms of the same word together, not to be a word itself.
pub fn stem(word: &str) -> String {
    if let Some((_, base)) = IRREGULAR.iter().find(|(form, _)| *form == word) {
        return (*base).to_owned();
    }
    let mut stem = word.to_owned();
    if stem.len() > 4 && stem.ends_with("ies") {
        stem.truncate(stem.len() - 3);
        stem.push('y');
    } else if stem.len() > 3 && stem.ends_with('s') && !["ss", "us", "is"].iter().any(|keep| stem.ends_with(keep)) {
        stem.pop();
    }
    for ending in ["ing", "ed"] {
        if stem.len() > ending.len() + 2 && stem.ends_with(ending) {
            stem.truncate(stem.len() - ending.len());
            undouble(&mut stem);
            break;
        }
    }
    if stem.len() > 3 && stem.ends_with('e') {
        stem.pop();
    }
    stem
}

fn undouble(stem: &mut String) {
    let mut back = stem.chars().rev();
    if let (Some(last), Some(before)) = (back.next(), back.next())
        && last == before
        && !matches!(last, 's' | 'e' | 'o')
    {
        stem.pop();
    }
}

/// The stem that stands for a word and all its configured synonyms; `None` for a word without meaning of its own.
pub fn content(word: &str, synonyms: &BTreeMap<String, String>) -> Option<String> {
    if FUNCTION_WORDS.contains(&word) {
        return None;
    }
    let stem = stem(word);
    Some(synonyms.get(&stem).cloned().unwrap_or(stem))
}

/// Yes, no, or neither.
pub fn yes_or_no(words: &[String]) -> Option<bool> {
    let is = |list: &[&str], word: &String| list.contains(&word.as_str());
    if words.iter().any(|w| is(&NO, w)) {
        return Some(false);
    }
    words.iter().any(|w| is(&YES, w)).then_some(true)
}

/// True if there is nothing but yes or no in it: "no, it does not", "yes that's right".
pub fn is_bare_answer(words: &[String]) -> bool {
    yes_or_no(words).is_some() && words.iter().all(|w| [&YES[..], &NO[..], &FUNCTION_WORDS[..]].iter().any(|list| list.contains(&w.as_str())))
}

/// True if the caller says that they have not got, or do not know, what was asked for.
pub fn has_not_got_it(words: &[String]) -> bool {
    let told = words.join(" ");
    ["not know", "not have", "no idea", "not sure", "not remember", "not find", "lost it", "forgot"].iter().any(|phrase| holds_phrase(&told, phrase))
}

/// True if `told` contains `phrase` as whole words.
pub fn holds_phrase(told: &str, phrase: &str) -> bool {
    !phrase.is_empty() && format!(" {told} ").contains(&format!(" {phrase} "))
}

/// True if the words differ by at most one letter put in, left out or changed (Levenshtein distance ≤ 1).
pub fn nearly_same(a: &str, b: &str) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let (short, long) = if a.len() <= b.len() { (&a, &b) } else { (&b, &a) };
    if long.len() - short.len() > 1 {
        return false;
    }
    let same = short.iter().zip(long).take_while(|(x, y)| x == y).count();
    let rest = &long[(same + 1).min(long.len())..];
    if short.len() == long.len() { short.get(same + 1..).unwrap_or(&[]) == rest } else { &short[same..] == rest }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_becomes_plain_words() {
        for (said, expected) in [
            ("What's up, I'd like 2:30 p.m.!", "what is up i would like 2:30 pm"),
            ("don't  I can't we won't", "do not i can not we will not"),
            ("my sister's order ’s", "my sister order s"),
            ("\u{0}\t…—", ""),
        ] {
            assert_eq!(heard(said).join(" "), expected);
        }
    }

    #[test]
    fn huge_text_is_cut() {
        assert!(heard(&"a ".repeat(1_000_000)).len() <= MAX_HEARD_WORDS);
    }

    #[test]
    fn inflections_share_a_stem() {
        for group in [
            ["ship", "shipped", "shipping"],
            ["invoice", "invoices", "invoiced"],
            ["cancel", "cancelled", "cancelling"],
            ["close", "closed", "closing"],
        ] {
            let stems: Vec<String> = group.iter().map(|w| stem(w)).collect();
            assert!(stems.windows(2).all(|pair| pair[0] == pair[1]), "{stems:?}");
        }
        assert_ne!(stem("bill"), stem("bell"));
    }

    #[test]
    fn yes_and_no_are_told_apart() {
        for (said, meant) in
            [("yes that's right", Some(true)), ("no, that's not right", Some(false)), ("wrong", Some(false)), ("where is it", None), ("", None)]
        {
            assert_eq!(yes_or_no(&heard(said)), meant, "{said}");
        }
    }

    #[test]
    fn one_wrong_letter_is_nearly_the_same() {
        assert!(nearly_same("invoice", "invoices") && nearly_same("order", "orden") && nearly_same("same", "same") && nearly_same("xorder", "order"));
        assert!(!nearly_same("order", "older one") && !nearly_same("ship", "shop it") && !nearly_same("abcd", "abdc"));
    }
}
