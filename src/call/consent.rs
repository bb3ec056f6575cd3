//! What a caller answers to "would you like to talk to a person?".

use crate::base::Consent;

/// Words of consent, with which a short answer begins or ends.
const YES: [&str; 10] = ["yes", "yeah", "yep", "yup", "sure", "okay", "ok", "absolutely", "definitely", "right"];
/// Words that only agree where little stands beside them: "please do", but not "cancel my order please".
const PLEASE: &str = "please";
/// Beside "please" at most so many other words.
const PLEASE_WORDS: usize = 2;
/// What agrees although a word in it refuses.
const IDIOMS: [&[&str]; 5] = [&["no", "problem"], &["no", "problems"], &["why", "not"], &["don't", "mind"], &["not", "a", "problem"]];
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
    let (words, agrees) = without_idioms(words);
    let heard: &[&str] = if words.len() > SHORT_WORDS { &words[..1] } else { &words };
    // Whoever speaks of a person, however wordily, answers the question.
    if words.iter().any(|w| PERSON.contains(w)) {
        return Some(if words.iter().any(|w| NO.contains(w)) { Consent::No } else { Consent::Yes });
    }
    if heard.iter().any(|w| NO.contains(w)) {
        Some(Consent::No)
    } else if agrees || heard.iter().any(|w| YES.contains(w)) || (words.contains(&PLEASE) && words.len() <= PLEASE_WORDS) {
        Some(Consent::Yes)
    } else {
        None
    }
}

/// The words without idioms of consent, and whether a short answer held one.
fn without_idioms(words: Vec<&str>) -> (Vec<&str>, bool) {
    let (is_short, mut agrees) = (words.len() <= SHORT_WORDS, false);
    let (mut left, mut at) = (Vec::with_capacity(words.len()), 0);
    while at < words.len() {
        match IDIOMS.iter().find(|idiom| words[at..].starts_with(idiom)) {
            Some(idiom) => {
                agrees = is_short;
                at += idiom.len();
            }
            None => {
                left.push(words[at]);
                at += 1;
            }
        }
    }
    (left, agrees)
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
            ("please", Some(Consent::Yes)),
            ("oh please", Some(Consent::Yes)),
            ("please do", Some(Consent::Yes)),
            ("cancel my order please", None),
            ("my balance please", None),
            ("no problem", Some(Consent::Yes)),
            ("no problem thanks", Some(Consent::Yes)),
            ("why not", Some(Consent::Yes)),
            ("sure why not", Some(Consent::Yes)),
            ("i don't mind", Some(Consent::Yes)),
            ("why not talk to a person", Some(Consent::Yes)),
            ("no problem but no", Some(Consent::No)),
            ("no please", Some(Consent::No)),
            ("please don't", Some(Consent::No)),
            ("i'm not sure", Some(Consent::No)),
            ("i have no problem with my order but with the bill", None),
        ] {
            assert_eq!(answer(text), expected, "{text}");
        }
    }
}
