//! A trigram language model from the bot's own sentences, written in ARPA's format.
//!
//! Interpolated Witten–Bell smoothing (Witten and Bell 1991; as in Chen and Goodman 1998, section 2.4): what a history
//! `h` leaves to shorter histories is the number of different words seen after it over that number plus how often it
//! was seen. Every history's probabilities sum to one, which a test checks through the written back-off form. What is
//! *not* here: pronunciations, and anything about sound.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// A sentence's begin and end in ARPA files.
const BEGIN: &str = "<s>";
const END: &str = "</s>";
/// ARPA's stand-in for log10(0), for a word that is never predicted.
const NEVER: f64 = -99.0;
/// Longest history, in words.
const HISTORY: usize = 2;

/// What was seen after one history.
#[derive(Clone, Debug, Default)]
struct Followers {
    total: f64,
    counts: BTreeMap<String, f64>,
}

impl Followers {
    /// Witten–Bell: the share that is left to shorter histories.
    fn left(&self) -> f64 {
        let kinds = self.counts.len() as f64;
        kinds / (kinds + self.total)
    }
}

/// A trigram model.
#[derive(Clone, Debug, Default)]
pub struct Trigram {
    /// By history of 0, 1 or 2 words.
    followers: BTreeMap<Vec<String>, Followers>,
    words: BTreeSet<String>,
}

impl Trigram {
    /// Counts these sentences, each a list of words.
    pub fn new<'a>(sentences: impl IntoIterator<Item = &'a Vec<String>>) -> Trigram {
        let mut model = Trigram::default();
        for sentence in sentences {
            model.count(sentence);
        }
        model
    }

    fn count(&mut self, sentence: &[String]) {
        let mut history = vec![BEGIN.to_owned()];
        for word in sentence.iter().map(String::as_str).chain([END]) {
            for from in 0..=history.len() {
                let seen = self.followers.entry(history[from..].to_vec()).or_default();
                seen.total += 1.0;
                *seen.counts.entry(word.to_owned()).or_default() += 1.0;
            }
            self.words.insert(word.to_owned());
            history.push(word.to_owned());
            if history.len() > HISTORY {
                history.remove(0);
            }
        }
    }

    /// P(word | history), interpolated down to an equal share for every word.
    fn probability(&self, history: &[String], word: &str) -> f64 {
        let shorter = match history.split_first() {
            Some((_, rest)) => self.probability(rest, word),
            None => 1.0 / self.words.len() as f64,
        };
        let Some(seen) = self.followers.get(history) else { return shorter };
        let left = seen.left();
        let share = seen.counts.get(word).copied().unwrap_or(0.0) / seen.total;
        (1.0 - left) * share + left * shorter
    }

    /// The model as an ARPA file.
    pub fn arpa(&self) -> String {
        let mut grams: [Vec<String>; HISTORY + 1] = Default::default();
        grams[0].push(self.line(&[], BEGIN, NEVER));
        for (history, seen) in &self.followers {
            for word in seen.counts.keys() {
                grams[history.len()].push(self.line(history, word, self.probability(history, word).log10()));
            }
        }
        let mut file = String::from("\\data\\\n");
        for (n, lines) in grams.iter().enumerate() {
            let _ = writeln!(file, "ngram {}={}", n + 1, lines.len());
        }
        for (n, lines) in grams.iter().enumerate() {
            let _ = write!(file, "\n\\{}-grams:\n{}", n + 1, lines.concat());
        }
        file.push_str("\n\\end\\\n");
        file
    }

    /// One line: log probability, words, and the back-off weight where the words are a history.
    fn line(&self, history: &[String], word: &str, log: f64) -> String {
        let mut gram = history.to_vec();
        gram.push(word.to_owned());
        let words = gram.join(" ");
        match self.followers.get(&gram) {
            Some(seen) => format!("{log:.6}\t{words}\t{:.6}\n", seen.left().log10()),
            None if gram.len() <= HISTORY => format!("{log:.6}\t{words}\t0.000000\n"),
            None => format!("{log:.6}\t{words}\n"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(sentences: &[&str]) -> Trigram {
        let sentences: Vec<Vec<String>> = sentences.iter().map(|s| s.split_whitespace().map(str::to_owned).collect()).collect();
        Trigram::new(&sentences)
    }

    /// Reads an ARPA file back: n-gram → (probability, back-off weight).
    fn read(arpa: &str) -> BTreeMap<Vec<String>, (f64, f64)> {
        let of = |log: &str| 10f64.powf(log.parse().expect("a number"));
        arpa.lines()
            .filter_map(|line| {
                let mut fields = line.split('\t');
                let (log, words) = (fields.next()?, fields.next()?);
                Some((words.split(' ').map(str::to_owned).collect(), (of(log), fields.next().map_or(1.0, of))))
            })
            .collect()
    }

    fn backed_off(grams: &BTreeMap<Vec<String>, (f64, f64)>, history: &[String], word: &str) -> f64 {
        let gram: Vec<String> = history.iter().cloned().chain([word.to_owned()]).collect();
        if let Some((probability, _)) = grams.get(&gram) {
            return *probability;
        }
        let weight = grams.get(history).map_or(1.0, |(_, weight)| *weight);
        weight * backed_off(grams, &history[1..], word)
    }

    #[test]
    fn every_history_of_the_written_file_sums_to_one() {
        let model = model(&["i want my order", "i want a person", "where is my order", "my order my order please", "yes"]);
        let grams = read(&model.arpa());
        let words = model.words.clone();
        let mut histories: Vec<Vec<String>> = vec![vec![], vec!["unseen".into(), "order".into()]];
        histories.extend(grams.keys().filter(|g| g.len() <= HISTORY && g.last().is_some_and(|w| w != END)).cloned());
        for history in histories {
            let sum: f64 = words.iter().map(|w| backed_off(&grams, &history, w)).sum();
            assert!((sum - 1.0).abs() < 1e-4, "{history:?} sums to {sum}");
        }
    }

    #[test]
    fn what_was_seen_is_likelier_than_what_was_not() {
        let model = model(&["talk to an agent", "talk to a person", "pay an invoice"]);
        let history = ["to".to_owned(), "an".to_owned()];
        assert!(model.probability(&history, "agent") > model.probability(&history, "invoice"));
        assert!(model.probability(&history, "invoice") > model.probability(&history, "talk"));
        assert!(model.probability(&history, "talk") > 0.0);
    }

    #[test]
    fn begin_is_a_history_and_never_a_word() {
        let grams = read(&model(&["yes"]).arpa());
        assert!(grams[&vec![BEGIN.to_owned()]].0 < 1e-90);
        assert!(grams.contains_key(&vec![BEGIN.to_owned(), "yes".to_owned(), END.to_owned()]));
        assert!(!grams.contains_key(&vec!["yes".to_owned(), BEGIN.to_owned()]));
    }

    #[test]
    fn counts_in_the_head_are_those_of_the_body() {
        let arpa = model(&["a b c", "a b d", ""]).arpa();
        for n in 1..=3 {
            let stated = arpa.lines().find_map(|l| l.strip_prefix(&format!("ngram {n}="))).expect("a head");
            let body = arpa.split(&format!("\\{n}-grams:\n")).nth(1).expect("a body");
            let lines = body.lines().take_while(|l| !l.is_empty()).count();
            assert_eq!(stated, lines.to_string());
        }
    }
}
