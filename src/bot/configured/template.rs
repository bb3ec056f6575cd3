//! Templates: texts with slots in braces, cut into pieces that can be synthesized ahead.
//!
//! A piece ends where a speaker could pause: at the end of a sentence, or before a value that has at least
//! [`LEAST_HEAD_WORDS`] fixed words before it. So "You said {order}. Is that right?" is three pieces of which two never
//! change, and "Order {order} was shipped." is one, because "Order" alone would sound chopped.

use crate::base::Phrase;

use super::number::speakable;

/// Fixed words before a value that may be spoken on their own.
pub const LEAST_HEAD_WORDS: usize = 2;

/// A text with slots.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Template {
    text: Vec<Part>,
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Fixed(String),
    Slot(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    /// Never changes; in words already.
    Fixed(String),
    Varying(Vec<Part>),
}

impl Template {
    /// Parses `text {slot} text`.
    ///
    /// # Errors
    /// What is wrong with the braces.
    pub fn parse(text: &str) -> Result<Template, String> {
        let mut parts = Vec::new();
        let mut rest = text.trim();
        while let Some(open) = rest.find(['{', '}']) {
            let (before, from) = rest.split_at(open);
            let Some(inside) = from.strip_prefix('{') else {
                return Err("has a `}` without a `{`".to_owned());
            };
            let (name, after) = inside.split_once('}').ok_or("has a `{` without a `}`")?;
            if !is_name(name) {
                return Err(format!("`{{{name}}}` is no name; use lower-case letters, digits and `_`"));
            }
            parts.extend((!before.is_empty()).then(|| Part::Fixed(before.to_owned())));
            parts.push(Part::Slot(name.to_owned()));
            rest = after;
        }
        parts.extend((!rest.is_empty()).then(|| Part::Fixed(rest.to_owned())));
        let pieces = sentences(&parts).into_iter().flat_map(cut).fold(Vec::new(), join_fixed);
        Ok(Template { text: parts, pieces })
    }

    /// The slots it names, in order of appearance.
    pub fn slots(&self) -> impl Iterator<Item = &str> {
        self.text.iter().filter_map(|part| match part {
            Part::Slot(name) => Some(name.as_str()),
            Part::Fixed(_) => None,
        })
    }

    /// The pieces to say, with `value` giving each slot in words.
    pub fn say(&self, value: impl Fn(&str) -> String) -> Vec<Phrase> {
        let said = |piece: &Piece| match piece {
            Piece::Fixed(text) => text.clone(),
            Piece::Varying(parts) => speakable(fill(parts, &value).trim()),
        };
        self.pieces.iter().map(said).filter(|text| !text.is_empty()).map(Phrase::Text).collect()
    }

    /// The whole as text for a reader, with `value` giving each slot as it is written.
    pub fn write(&self, value: impl Fn(&str) -> String) -> String {
        fill(&self.text, &value)
    }

    /// The pieces that never change.
    pub fn fixed(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Fixed(text) => Some(text.as_str()),
            Piece::Varying(_) => None,
        })
    }
}

/// True for a name that may stand in braces or be a key: lower-case letters, digits and `_`.
pub fn is_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= 40 && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

fn fill(parts: &[Part], value: &impl Fn(&str) -> String) -> String {
    parts
        .iter()
        .map(|part| match part {
            Part::Fixed(text) => text.clone(),
            Part::Slot(name) => value(name),
        })
        .collect()
}

fn sentences(parts: &[Part]) -> Vec<Vec<Part>> {
    let mut all: Vec<Vec<Part>> = vec![Vec::new()];
    for part in parts {
        let Part::Fixed(text) = part else {
            all.last_mut().expect("begins with one").push(part.clone());
            continue;
        };
        let mut rest = text.as_str();
        while let Some(end) = sentence_end(rest) {
            let (head, tail) = rest.split_at(end);
            all.last_mut().expect("begins with one").push(Part::Fixed(head.to_owned()));
            all.push(Vec::new());
            rest = tail.trim_start();
        }
        if !rest.is_empty() {
            all.last_mut().expect("begins with one").push(Part::Fixed(rest.to_owned()));
        }
    }
    all.retain(|sentence| !sentence.is_empty());
    all
}

/// Where the first sentence of a text ends, if more text follows its last mark.
fn sentence_end(text: &str) -> Option<usize> {
    text.char_indices().find(|(at, c)| ".?!".contains(*c) && text[at + 1..].starts_with(char::is_whitespace)).map(|(at, _)| at + 1)
}

fn cut(sentence: Vec<Part>) -> Vec<Piece> {
    let Some(first) = sentence.iter().position(|part| matches!(part, Part::Slot(_))) else {
        return vec![Piece::Fixed(speakable(fill(&sentence, &|_| String::new()).trim()))];
    };
    let head = fill(&sentence[..first], &|_| String::new());
    if head.split_whitespace().count() < LEAST_HEAD_WORDS || !head.ends_with(char::is_whitespace) {
        return vec![Piece::Varying(sentence)];
    }
    vec![Piece::Fixed(speakable(head.trim())), Piece::Varying(sentence[first..].to_vec())]
}

fn join_fixed(mut pieces: Vec<Piece>, next: Piece) -> Vec<Piece> {
    match (pieces.last_mut(), &next) {
        (Some(Piece::Fixed(before)), Piece::Fixed(text)) if before.ends_with(['.', '?', '!']) && text.ends_with(['.', '?', '!']) => {
            before.push(' ');
            before.push_str(text);
        }
        _ => pieces.push(next),
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Vec<String> {
        let template = Template::parse(text).expect("a good template");
        template
            .say(|slot| if slot == "order" { "four seven".to_owned() } else { "on Monday".to_owned() })
            .into_iter()
            .map(|phrase| match phrase {
                Phrase::Text(text) | Phrase::Prompt { text, .. } => text,
            })
            .collect()
    }

    #[test]
    fn pieces_end_where_a_speaker_could_pause() {
        assert_eq!(said("You said {order}. Is that right?"), ["You said", "four seven.", "Is that right?"]);
        assert_eq!(said("Order {order} comes {when}. Bye. Press 1!"), ["Order four seven comes on Monday.", "Bye. Press one!"]);
        assert_eq!(said("{order}"), ["four seven"]);
        assert_eq!(
            said("Hello. I see that {order}, at 14:30, is yours."),
            ["Hello.", "I see that", "four seven, at two thirty in the afternoon, is yours."]
        );
    }

    #[test]
    fn readers_see_what_was_written() {
        let template = Template::parse("Order {order} at 14:30").expect("a good template");
        assert_eq!(template.write(|_| "4711".to_owned()), "Order 4711 at 14:30");
        assert_eq!(template.slots().collect::<Vec<_>>(), ["order"]);
    }

    #[test]
    fn broken_braces_are_named() {
        for bad in ["a } b", "a { b", "{}", "{A}", "{a b}", "{{a}}"] {
            assert!(Template::parse(bad).is_err(), "{bad}");
        }
    }
}
