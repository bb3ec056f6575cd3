//! Which intent a turn means, without a model: weighted shares of content words.
//!
//! A word weighs more the fewer intents use it (inverse document frequency, Spärck Jones 1972, intents as documents).
//! A turn's score for a sample is the weighted Dice share of their words, joined with the share of the turn's words
//! that any sample of the intent knows; a sample said word for word scores 1. Words that the bot has never heard count
//! against a match, but never more than the known ones, so that a long story around a clear wish is still understood.

use std::collections::{BTreeMap, BTreeSet};

use super::table::UnderstandingTable;
use super::words::{content, heard, holds_phrase, nearly_same, stem};

/// Share of the sample comparison in a score; the rest is the comparison with all words of the intent.
const SAMPLE_SHARE: f64 = 0.6;
/// What a sample of two or more words adds when it is contained word for word.
const PHRASE_BONUS: f64 = 0.25;
/// A word with one letter wrong counts this much.
const NEARLY: f64 = 0.8;
/// Shorter words have too many neighbours to allow a wrong letter.
const LEAST_NEARLY_CHARS: usize = 5;
/// Even a word that every intent uses says a little.
const LEAST_WEIGHT: f64 = 0.2;
/// Unknown words count at most this much of what the known ones weigh.
const MOST_UNKNOWN: f64 = 1.0;

/// What a turn most likely means.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Match {
    /// Index of the intent.
    pub intent: usize,
    /// 0..1
    pub score: f64,
    /// How sure the bot is.
    pub sure: bool,
}

/// The samples of all intents, ready to compare.
#[derive(Clone, Debug)]
pub struct Matcher {
    intents: Vec<Known>,
    weights: BTreeMap<String, f64>,
    unknown: f64,
    synonyms: BTreeMap<String, String>,
    bars: UnderstandingTable,
}

#[derive(Clone, Debug, Default)]
struct Known {
    samples: Vec<Sample>,
    all: BTreeSet<String>,
}

#[derive(Clone, Debug)]
struct Sample {
    /// Its words as they are said, without slots, and a bare form for comparison as a whole.
    told: String,
    has_slot: bool,
    content: BTreeSet<String>,
}

/// The marker word of a slot, which no caller can say.
fn slot_word(slot: &str) -> String {
    format!("{{{slot}}}")
}

impl Matcher {
    /// Learns the samples of the intents, in their order.
    pub fn new(samples: &[Vec<String>], synonyms: &BTreeMap<String, Vec<String>>, bars: UnderstandingTable) -> Matcher {
        let synonyms: BTreeMap<String, String> =
            synonyms.iter().flat_map(|(word, others)| others.iter().map(|other| (stem(other), stem(word)))).collect();
        let intents: Vec<Known> = samples.iter().map(|samples| Known::new(samples, &synonyms)).collect();
        let mut spread: BTreeMap<String, f64> = BTreeMap::new();
        for word in intents.iter().flat_map(|known| &known.all) {
            *spread.entry(word.clone()).or_default() += 1.0;
        }
        let all = intents.len() as f64 + 1.0;
        let weights: BTreeMap<String, f64> = spread.into_iter().map(|(word, intents)| (word, (all / intents).ln().max(LEAST_WEIGHT))).collect();
        let unknown = (all / 2.0).ln().max(LEAST_WEIGHT);
        Matcher { intents, weights, unknown, synonyms, bars }
    }

    /// The likeliest intent, if any comes near. `rest` are the turn's words without those that stand for values, `slots`
    /// the slots whose values were found in it; `confidence` is the recognizer's.
    pub fn best(&self, words: &[String], rest: &[String], slots: &[&str], confidence: Option<f32>) -> Option<Match> {
        let told = words.join(" ");
        let turn = self.turn(rest, slots);
        let trust = 1.0 - self.bars.doubt * (1.0 - f64::from(confidence.unwrap_or(1.0)).clamp(0.0, 1.0));
        let mut ranked: Vec<(f64, usize)> = self.intents.iter().enumerate().map(|(n, known)| (trust * self.score(known, &turn, &told), n)).collect();
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let (score, intent) = *ranked.first()?;
        let lead = score - ranked.get(1).map_or(0.0, |second| second.0);
        (score >= self.bars.unsure).then_some(Match { intent, score, sure: score >= self.bars.sure && lead >= self.bars.margin })
    }

    /// The content of a turn, each word with how much it counts.
    fn turn(&self, words: &[String], slots: &[&str]) -> BTreeMap<String, f64> {
        let mut turn = BTreeMap::new();
        for word in words.iter().filter_map(|word| content(word, &self.synonyms)) {
            if self.weights.contains_key(&word) || word.chars().count() < LEAST_NEARLY_CHARS {
                turn.insert(word, 1.0);
                continue;
            }
            let near = self.weights.keys().find(|known| known.chars().count() >= LEAST_NEARLY_CHARS && nearly_same(known, &word));
            match near {
                Some(near) => {
                    turn.entry(near.clone()).or_insert(NEARLY);
                }
                None => {
                    turn.insert(word, 1.0);
                }
            }
        }
        turn.extend(slots.iter().map(|slot| (slot_word(slot), 1.0)).filter(|(slot, _)| self.weights.contains_key(slot)));
        turn
    }

    fn score(&self, known: &Known, turn: &BTreeMap<String, f64>, told: &str) -> f64 {
        let (mut heard, mut unheard, mut covered) = (0.0, 0.0, 0.0);
        for (word, count) in turn {
            match self.weights.get(word) {
                Some(weight) => heard += weight,
                None => unheard += self.unknown,
            }
            if known.all.contains(word) {
                covered += count * self.weights[word];
            }
        }
        let whole = heard + f64::min(unheard, MOST_UNKNOWN * heard);
        let cover = if whole > 0.0 { covered / whole } else { 0.0 };
        known.samples.iter().map(|sample| self.likeness(sample, turn, whole, cover, told)).fold(0.0, f64::max)
    }

    fn likeness(&self, sample: &Sample, turn: &BTreeMap<String, f64>, whole: f64, cover: f64, told: &str) -> f64 {
        if !sample.has_slot && sample.told == told {
            return 1.0;
        }
        let size: f64 = sample.content.iter().map(|word| self.weights[word]).sum();
        let shared: f64 = sample.content.iter().filter_map(|word| turn.get(word).map(|count| count * self.weights[word])).sum();
        if shared <= 0.0 {
            return 0.0;
        }
        let dice = 2.0 * shared / (whole + size);
        let phrase = sample.told.contains(' ') && sample.content.len() > 1 && holds_phrase(told, &sample.told);
        let score = SAMPLE_SHARE * dice + (1.0 - SAMPLE_SHARE) * cover + if phrase { PHRASE_BONUS } else { 0.0 };
        score.min(1.0)
    }
}

impl Known {
    fn new(samples: &[String], synonyms: &BTreeMap<String, String>) -> Known {
        let samples: Vec<Sample> = samples.iter().map(|sample| Sample::new(sample, synonyms)).collect();
        let all = samples.iter().flat_map(|sample| sample.content.iter().cloned()).collect();
        Known { samples, all }
    }
}

impl Sample {
    fn new(sample: &str, synonyms: &BTreeMap<String, String>) -> Sample {
        let (plain, slots): (Vec<&str>, Vec<&str>) =
            sample.split(['{', '}']).enumerate().fold(Default::default(), |(mut plain, mut slots), (n, part)| {
                if n % 2 == 0 {
                    plain.push(part)
                } else {
                    slots.push(part)
                }
                (plain, slots)
            });
        let words = heard(&plain.join(" "));
        let content = words.iter().filter_map(|word| content(word, synonyms)).chain(slots.iter().map(|slot| slot_word(slot))).collect();
        Sample { told: words.join(" "), has_slot: !slots.is_empty(), content }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matcher() -> Matcher {
        let samples = [
            vec!["where is my order", "where is my order {order}", "has my order been shipped", "track a package"],
            vec!["when are you open", "what are your opening hours", "are you open on {day}"],
            vec!["i have a question about my invoice", "how do i pay my invoice", "my invoice is wrong"],
            vec!["i would like to make an appointment", "can someone come and look at my lamp"],
            vec!["goodbye", "that is all thank you"],
        ];
        let samples: Vec<Vec<String>> = samples.iter().map(|list| list.iter().map(|s| (*s).to_owned()).collect()).collect();
        let synonyms = BTreeMap::from([("order".to_owned(), vec!["parcel".to_owned()]), ("invoice".to_owned(), vec!["bill".to_owned()])]);
        Matcher::new(&samples, &synonyms, UnderstandingTable::default())
    }

    fn best(said: &str, confidence: Option<f32>) -> Option<(usize, bool)> {
        matcher().best(&heard(said), &heard(said), &[], confidence).map(|m| (m.intent, m.sure))
    }

    #[test]
    fn wishes_are_understood_in_other_words() {
        for (said, intent) in [
            ("where's my parcel", 0),
            ("hello I ordered something last week and I wonder where it is", 0),
            ("has it shipped yet my order", 0),
            ("what are the opening hours", 1),
            ("there is something wrong on my bill", 2),
            ("I'd like an appointment please", 3),
            ("goodbye", 4),
            ("my invoise is wrong", 2),
        ] {
            assert_eq!(best(said, None), Some((intent, true)), "{said}");
        }
    }

    #[test]
    fn other_talk_is_no_match() {
        for said in ["the weather is lovely in paris", "", "well yes please", "my cat ate the sofa"] {
            assert_eq!(best(said, None), None, "{said}");
        }
    }

    #[test]
    fn little_confidence_makes_unsure() {
        assert_eq!(best("something about an invoice", Some(1.0)).map(|m| m.0), Some(2));
        assert_eq!(best("what are your opening hours today", Some(0.9)), Some((1, true)));
        let poor = best("has it shipped yet my order", Some(0.0));
        assert!(!poor.is_some_and(|(_, sure)| sure), "{poor:?}");
    }
}
