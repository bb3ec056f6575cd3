//! What a caller answers to "would you like to talk to a person?".

use crate::base::Consent;

/// Words of consent, with which a short answer begins or ends.
const YES: [&str; 14] =
    ["yes", "yeah", "yep", "yup", "sure", "please", "okay", "ok", "absolutely", "definitely", "agent", "person", "human", "right"];
/// Words of refusal; any of them outweighs words of consent ("no that is okay").
const NO: [&str; 8] = ["no", "nope", "nah", "not", "don't", "never", "without", "continue"];
/// Words for a person.
const PERSON: [&str; 7] = ["agent", "person", "human", "representative", "operator", "somebody", "someone"];
/// An answer longer than this is a new say, not a yes or no, unless it begins with one.
const SHORT_WORDS: usize = 6;

/// The answer that these words give, if they give one.
pub(super) fn answer(text: &str) -> Option<Consent> {
    let text = text.to_lowercase();
    let words: Vec<&str> = text.split(|c: char| !(c.is_alphanumeric() || c == '\'')).filter(|w| !w.is_empty()).collect();
    let heard: &[&str] = if words.len() > SHORT_WORDS { &words[..1] } else { &words };
    // Whoever speaks of a person, however wordily, answers the question.
    if words.iter().any(|w| PERSON.contains(w)) {
        return Some(if words.iter().any(|w| NO.contains(w)) { Consent::No } else { Consent::Yes });
    }
    if heard.iter().any(|w| NO.contains(w)) {
        Some(Consent::No)
    } else if heard.iter().any(|w| YES.contains(w)) {
        Some(Consent::Yes)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_understood() {
        for (text, expected) in [
            ("yes", Some(Consent::Yes)),
            ("yes please", Some(Consent::Yes)),
            ("No.", Some(Consent::No)),
            ("no that's okay", Some(Consent::No)),
            ("i don't want that", Some(Consent::No)),
            ("okay", Some(Consent::Yes)),
            ("yes i would really like to talk to a person now", Some(Consent::Yes)),
            ("where is my order four seven one one please", None),
            ("my order", None),
            ("i want to talk to a person right now please", Some(Consent::Yes)),
            ("i do not want to talk to a person", Some(Consent::No)),
            ("", None),
        ] {
            assert_eq!(answer(text), expected, "{text}");
        }
    }
}
