//! Text cut into the pieces that are spoken, and cached, one by one.

/// Longest piece in characters; a longer sentence is cut at a comma or a space, so that its first sound comes soon.
const LONGEST: usize = 240;

/// Sentences of a text in order, with their punctuation and single spaces; pieces without a letter or digit are left out.
pub fn sentences(text: &str) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut piece = String::new();
    let words: Vec<&str> = text.split_whitespace().collect();
    for (n, word) in words.iter().enumerate() {
        if !piece.is_empty() {
            piece.push(' ');
        }
        piece.push_str(word);
        let follows_capital = words.get(n + 1).is_none_or(|next| !next.starts_with(char::is_lowercase));
        let over = piece.chars().count() >= LONGEST;
        if over || (ends_sentence(word) && follows_capital) {
            keep(&mut piece, &mut pieces);
        }
    }
    keep(&mut piece, &mut pieces);
    pieces
}

/// A full stop after one letter or a title ends no sentence.
fn ends_sentence(word: &str) -> bool {
    const TITLES: [&str; 6] = ["mr.", "mrs.", "ms.", "dr.", "st.", "no."];
    let bare = word.trim_end_matches(['"', '\'', ')', '”', '’']);
    if bare.ends_with(['!', '?', ';', ':', '…']) {
        return true;
    }
    let stem = bare.strip_suffix('.').unwrap_or_default();
    stem.chars().count() > 1 && !TITLES.contains(&bare.to_lowercase().as_str())
}

fn keep(piece: &mut String, pieces: &mut Vec<String>) {
    if piece.contains(char::is_alphanumeric) {
        pieces.push(std::mem::take(piece));
    }
    piece.clear();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_where_a_sentence_ends() {
        for (text, cut) in [
            ("Hello.  How may I help you?", vec!["Hello.", "How may I help you?"]),
            ("Dr. Smith is in. Please hold", vec!["Dr. Smith is in.", "Please hold"]),
            ("We close at 6 p.m. today.", vec!["We close at 6 p.m. today."]),
            ("It costs 3.50 now!", vec!["It costs 3.50 now!"]),
            ("…", vec![]),
            ("", vec![]),
            (" – Yes: two", vec!["– Yes: two"]),
        ] {
            assert_eq!(sentences(text), cut, "{text}");
        }
    }

    #[test]
    fn an_endless_sentence_is_cut_all_the_same() {
        let text = "and so on ".repeat(500);
        let pieces = sentences(&text);
        assert!(pieces.iter().all(|p| p.chars().count() <= LONGEST + 10));
        assert_eq!(pieces.join(" "), text.trim());
    }
}
