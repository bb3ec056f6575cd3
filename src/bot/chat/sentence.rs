//! Sentences out of words that come in pieces, each as soon as it is whole.

/// A sentence that does not end is said in parts of about so many characters, so that its first sound comes soon.
const LONGEST_CHARS: usize = 240;
/// Titles and the like, after which a sentence goes on.
const GOES_ON: [&str; 8] = ["mr.", "mrs.", "ms.", "dr.", "st.", "no.", "e.g.", "i.e."];

/// Collects pieces of text, and gives sentences.
#[derive(Debug, Default)]
pub(super) struct Sentences {
    rest: String,
    given: usize,
}

impl Sentences {
    /// Adds a piece.
    pub fn push(&mut self, piece: &str) {
        self.rest.push_str(piece);
    }

    /// The next sentence that is whole: what follows it has begun.
    pub fn next(&mut self) -> Option<String> {
        let end = self.end()?;
        let rest = self.rest.split_off(end);
        let sentence = std::mem::replace(&mut self.rest, rest);
        match spoken(&sentence) {
            Some(sentence) => {
                self.given += 1;
                Some(sentence)
            }
            None => self.next(),
        }
    }

    /// What is left when no more comes.
    pub fn last(&mut self) -> Option<String> {
        spoken(&std::mem::take(&mut self.rest))
    }

    /// What is left of an answer that was cut: nothing, unless it is all there is.
    pub fn last_of_cut(&mut self) -> Option<String> {
        let rest = self.last();
        rest.filter(|_| self.given == 0)
    }

    /// Where the first whole sentence ends.
    fn end(&self) -> Option<usize> {
        let mut start_of_word = 0;
        let mut chars = 0;
        for (at, c) in self.rest.char_indices() {
            chars += 1;
            if !c.is_whitespace() {
                continue;
            }
            let word = &self.rest[start_of_word..at];
            let is_line = c == '\n' && !self.rest[..at].trim().is_empty();
            if is_line || ends(word) || chars >= LONGEST_CHARS {
                return Some(at + c.len_utf8());
            }
            start_of_word = at + c.len_utf8();
        }
        None
    }
}

/// True if a sentence ends with this word. A number or a single letter with a full stop ends none.
fn ends(word: &str) -> bool {
    let bare = word.trim_end_matches(['"', '\'', ')', '”', '’', '*']);
    if bare.ends_with(['!', '?', '…', '。', '！', '？']) {
        return true;
    }
    let stem = bare.strip_suffix('.').unwrap_or_default();
    stem.chars().count() > 1 && !stem.chars().all(|c| c.is_ascii_digit()) && !GOES_ON.contains(&bare.to_lowercase().as_str())
}

/// A sentence as it is said: without the marks that models write for the eye; `None` if nothing is left.
fn spoken(text: &str) -> Option<String> {
    let is_mark = |c: char| matches!(c, '*' | '`' | '|' | '~');
    let plain = |word: &str| word.replace(is_mark, "").trim_matches('_').to_owned();
    let words: Vec<String> = text.split_whitespace().map(plain).filter(|word| word.contains(|c| c != '#' && c != '-')).collect();
    let said = words.join(" ");
    said.contains(char::is_alphanumeric).then_some(said)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(pieces: &[&str]) -> (Vec<String>, Option<String>) {
        let mut sentences = Sentences::default();
        let mut whole = Vec::new();
        for piece in pieces {
            sentences.push(piece);
            whole.extend(std::iter::from_fn(|| sentences.next()));
        }
        (whole, sentences.last())
    }

    #[test]
    fn a_sentence_is_given_when_the_next_one_begins() {
        for (pieces, whole, last) in [
            (vec!["Your or", "der is on", " its way. It", " comes tomorrow."], vec!["Your order is on its way."], Some("It comes tomorrow.")),
            (vec!["Dr. Smith is in. Please"], vec!["Dr. Smith is in."], Some("Please")),
            (vec!["It costs 3.50 now! Do you", " want it?"], vec!["It costs 3.50 now!"], Some("Do you want it?")),
            (vec!["1. First\n2. **Second**\n"], vec!["1. First", "2. Second"], None),
            (vec!["“Really?” ", "Yes"], vec!["“Really?”"], Some("Yes")),
            (vec!["Grüß", "e. Wie geht es?"], vec!["Grüße."], Some("Wie geht es?")),
            (vec!["- ", "… ", "\n\n"], vec![], None),
            (vec![""], vec![], None),
        ] {
            assert_eq!(cut(&pieces), (whole.into_iter().map(str::to_owned).collect(), last.map(str::to_owned)), "{pieces:?}");
        }
    }

    #[test]
    fn a_sentence_without_an_end_is_said_in_parts() {
        let (whole, last) = cut(&["and so on ".repeat(100).as_str()]);
        assert!(whole.len() > 3 && whole.iter().chain(&last).all(|part| part.chars().count() <= LONGEST_CHARS + 10), "{whole:?}");
    }
}
