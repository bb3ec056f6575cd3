//! Cutting a template into sentences and phrases.

use crate::handoff::template::{self, Part};

/// One sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cut(pub(super) Vec<Piece>);

/// One phrase of a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// Always the same.
    Fixed(String),
    /// A value with the punctuation that follows it, so that no phrase is punctuation alone.
    Slot {
        /// The placeholder.
        slot: String,
        /// The punctuation.
        after: String,
    },
}

impl Cut {
    /// The sentence's phrases; `None` if a value is unknown.
    pub(super) fn say(&self, value: impl Fn(&str) -> Option<String>) -> Option<Vec<String>> {
        let piece = |piece: &Piece| match piece {
            Piece::Fixed(text) => Some(text.clone()),
            Piece::Slot { slot, after } => value(slot).map(|v| format!("{v}{after}")),
        };
        self.0.iter().map(piece).collect()
    }
}

/// Cuts a template into sentences, and these into phrases.
///
/// # Errors
/// What is wrong with the template, for a person.
pub(super) fn cut(text: &str) -> Result<Vec<Cut>, String> {
    let mut sentences = vec![Vec::new()];
    for part in template::parse(text)? {
        match part {
            Part::Slot(slot) => last(&mut sentences).push(Piece::Slot { slot, after: String::new() }),
            Part::Fixed(text) => on_fixed(&mut sentences, &text),
        }
    }
    Ok(sentences.into_iter().filter(|s| !s.is_empty()).map(Cut).collect())
}

/// Puts fixed text in its sentence, and begins the next one after `.`, `!` or `?` before a space.
fn on_fixed(sentences: &mut Vec<Vec<Piece>>, text: &str) {
    let mut rest = text;
    if let Some(Piece::Slot { after, .. }) = last(sentences).last_mut() {
        let end = rest.find(|c: char| !c.is_ascii_punctuation()).unwrap_or(rest.len());
        after.push_str(&rest[..end]);
        let over = ends_sentence(&rest[..end]);
        rest = &rest[end..];
        if over && (rest.is_empty() || rest.starts_with(char::is_whitespace)) {
            sentences.push(Vec::new());
        }
    }
    loop {
        let mut chars = rest.char_indices().peekable();
        let mut end = None;
        while let Some((at, c)) = chars.next() {
            if matches!(c, '.' | '!' | '?') && chars.peek().is_none_or(|(_, next)| next.is_whitespace()) {
                end = Some(at + c.len_utf8());
                break;
            }
        }
        let piece = rest[..end.unwrap_or(rest.len())].trim();
        if !piece.is_empty() {
            last(sentences).push(Piece::Fixed(piece.to_owned()));
        }
        let Some(end) = end else { return };
        sentences.push(Vec::new());
        rest = &rest[end..];
    }
}

fn ends_sentence(punctuation: &str) -> bool {
    punctuation.ends_with(['.', '!', '?'])
}

fn last(sentences: &mut [Vec<Piece>]) -> &mut Vec<Piece> {
    sentences.last_mut().expect("there is always a sentence under way")
}
