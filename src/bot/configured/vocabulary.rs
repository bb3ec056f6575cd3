//! What callers may say, as sentences for a recognizer's language model, and what the bot says, to be synthesized ahead.
//!
//! Both are bounded and always the same for the same bot. Sentences come in rounds, the plainest first, so that the
//! limit cuts variety and not an intent.

use std::collections::BTreeSet;

use crate::base::Phrase;

use super::number::{clock, digit_word, ordinal};
use super::plan::{Plan, key_name};
use super::table::{Saying, SlotKind, SlotTable};
use super::template::Template;
use super::when::WEEKDAYS;
use super::words::heard;

/// A language model of more sentences gains nothing and takes long to build.
pub const MAX_SENTENCES: usize = 5_000;
/// Synthesized ahead at most; the rest is synthesized when it is first said.
pub const MAX_PHRASES: usize = 1_000;
/// How many values stand in each sample's place of a slot.
const VALUES_IN_SAMPLE: usize = 6;
/// Lookup rows whose answers are synthesized ahead, for each intent.
const ROWS_AHEAD: usize = 50;
/// What callers say around an answer.
const AROUND_VALUES: [&str; 10] =
    ["{}", "it is {}", "it's {}", "my number is {}", "no {}", "no i said {}", "no it's {}", "yes {}", "{} please", "i said {}"];
/// What callers say around a wish.
const AROUND_WISHES: [&str; 6] = ["hello {}", "hi {}", "and {}", "yes {}", "no {}", "{} please"];
/// What callers say around "talk to a person".
const AROUND_TALKING: [&str; 6] = ["i want to {}", "i would like to {}", "i'd like to {}", "can i {}", "let me {}", "i need to {}"];
/// How samples sound when they are said in a hurry.
const CONTRACTED: [(&str, &str); 6] =
    [("i would", "i'd"), ("i am", "i'm"), ("what is", "what's"), ("where is", "where's"), ("do not", "don't"), ("can not", "can't")];
const ANSWERS: [&str; 34] = [
    "yes",
    "no",
    "yes please",
    "no thank you",
    "no thanks",
    "yes that's right",
    "yes that is right",
    "that's right",
    "that is right",
    "that's correct",
    "yes it is",
    "yes correct",
    "correct",
    "right",
    "exactly",
    "okay",
    "sure",
    "yeah",
    "yep",
    "no that's wrong",
    "that's wrong",
    "that is wrong",
    "no that's not right",
    "that is not right",
    "wrong",
    "nope",
    "i don't know",
    "i don't have it",
    "i have no idea",
    "i don't know the number",
    "yes i do",
    "no i don't",
    "no that's all",
    "no that is all thank you",
];

/// Sentences of at most [`MAX_SENTENCES`], in plain lower-case words as a dictionary has them.
pub fn sentences(plan: &Plan) -> Vec<String> {
    let mut book = Book::new(MAX_SENTENCES);
    let samples: Vec<&String> = plan.intents.iter().flat_map(|intent| &intent.table.samples).chain(&plan.table.person.samples).collect();
    for sample in &samples {
        book.add(&expand(plan, sample, 0));
    }
    ANSWERS.iter().for_each(|answer| book.add(answer));
    for intent in &plan.intents {
        book.add(&intent.table.title);
    }
    for (word, others) in &plan.table.synonyms {
        std::iter::once(word).chain(others).for_each(|word| book.add(word));
    }
    for round in 1..VALUES_IN_SAMPLE {
        samples.iter().filter(|sample| sample.contains('{')).for_each(|sample| book.add(&expand(plan, sample, round)));
    }
    for slot in plan.slots.values() {
        for (n, value) in values(&slot.table).iter().enumerate() {
            book.add(value);
            book.add(&AROUND_VALUES[n % AROUND_VALUES.len()].replace("{}", value));
        }
    }
    for sample in &samples {
        let plain = expand(plan, sample, 0);
        CONTRACTED.iter().filter(|(long, _)| plain.contains(long)).for_each(|(long, short)| book.add(&plain.replace(long, short)));
        AROUND_WISHES.iter().for_each(|around| book.add(&around.replace("{}", &plain)));
    }
    for sample in plan.table.person.samples.iter().filter(|sample| sample.starts_with("talk") || sample.starts_with("speak")) {
        AROUND_TALKING.iter().for_each(|around| book.add(&around.replace("{}", sample)));
    }
    book.lines
}

/// A list without repetitions that stops at its limit.
struct Book {
    lines: Vec<String>,
    seen: BTreeSet<String>,
    most: usize,
}

impl Book {
    fn new(most: usize) -> Book {
        Book { lines: Vec::new(), seen: BTreeSet::new(), most }
    }

    /// Adds words as they are said; figures are written out.
    fn add(&mut self, sentence: &str) {
        let plain = sentence.to_lowercase().replace('’', "'");
        let words: Vec<&str> =
            plain.split(|c: char| !(c.is_alphanumeric() || c == '\'')).map(|w| w.trim_matches('\'')).filter(|w| !w.is_empty()).collect();
        let told: Vec<String> = words.into_iter().map(said).collect();
        self.keep(told.join(" "));
    }

    fn keep(&mut self, line: String) {
        if self.lines.len() < self.most && !line.is_empty() && self.seen.insert(line.clone()) {
            self.lines.push(line);
        }
    }
}

fn said(word: &str) -> String {
    if word.bytes().all(|b| b.is_ascii_digit()) { word.chars().map(digit_word).collect::<Vec<_>>().join(" ") } else { word.to_owned() }
}

/// A sample with the round's value in each slot.
fn expand(plan: &Plan, sample: &str, round: usize) -> String {
    let Ok(template) = Template::parse(sample) else { return String::new() };
    template.write(|slot| {
        let all = plan.slots.get(slot).map(|slot| values(&slot.table)).unwrap_or_default();
        // A stride that shares no factor with the lengths spreads the rounds over all values.
        all.get((round * 17 + sample.len()) % all.len().max(1)).cloned().unwrap_or_default()
    })
}

/// What callers say for a slot.
fn values(slot: &SlotTable) -> Vec<String> {
    match slot.kind {
        SlotKind::Digits => numbers(slot.min_digits.unwrap_or(1).into(), slot.max_digits.unwrap_or(1).into()),
        SlotKind::Weekday => days(),
        SlotKind::Date => days().into_iter().chain(dates()).collect(),
        SlotKind::Time => times(),
        SlotKind::Choice => {
            slot.choices.iter().flat_map(|(choice, others)| std::iter::once(choice).chain(others)).map(|c| heard(c).join(" ")).collect()
        }
        SlotKind::YesNo => vec!["yes".to_owned(), "no".to_owned()],
        SlotKind::Text => Vec::new(),
    }
}

fn days() -> Vec<String> {
    let plain = WEEKDAYS.iter().flat_map(|day| [day.to_lowercase(), format!("on {}", day.to_lowercase()), format!("next {}", day.to_lowercase())]);
    plain.chain(["today", "tomorrow"].map(str::to_owned)).collect()
}

fn dates() -> Vec<String> {
    const MONTHS: [&str; 12] =
        ["january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december"];
    (1..=31)
        .map(|day: u8| (day, MONTHS[usize::from(day) * 5 % 12]))
        .flat_map(|(day, month)| [format!("the {} of {month}", ordinal(day)), format!("{month} {}", ordinal(day))])
        .collect()
}

/// Whole, half and quarter hours of a working day, said in several ways.
fn times() -> Vec<String> {
    let mut all = Vec::new();
    for hour in 7..20_u8 {
        let whole = clock(hour, 0);
        let bare = super::number::cardinal(u64::from(if hour > 12 { hour - 12 } else { hour }));
        all.extend([bare.clone(), format!("at {bare}"), format!("{bare} o'clock"), whole.clone(), format!("at {whole}")]);
        all.extend([format!("{bare} thirty"), format!("half past {bare}"), format!("at half past {bare}"), format!("at {bare} thirty")]);
        all.extend([format!("quarter past {bare}"), format!("quarter to {bare}"), format!("{bare} fifteen"), format!("{bare} forty five")]);
        all.push(format!("{bare} {} m", if hour < 12 { "a" } else { "p" }));
    }
    all
}

/// Numbers in which every pair of digits occurs at their begin, others behind, with "oh" and doubles in between.
fn numbers(least: usize, most: usize) -> Vec<String> {
    let mut lengths = vec![least, most, usize::midpoint(least, most)];
    lengths.sort_unstable();
    lengths.dedup();
    let mut all = Vec::new();
    for length in lengths {
        for pair in 0..100_usize {
            let (mut a, mut b) = (pair / 10, pair % 10);
            let mut words = Vec::new();
            for n in 0..length {
                let digit = a;
                (a, b) = (b, (a + 3 * b + n + 1) % 10);
                words.push(digit_word(char::from_digit(digit as u32, 10).unwrap_or('0')));
            }
            let line = words.join(" ");
            if words.contains(&"zero") {
                all.push(line.replace("zero", "oh"));
            }
            all.push(line);
            if length > 2 && pair % 10 == 0 {
                let doubled = digit_word(char::from_digit((pair / 10) as u32, 10).unwrap_or('0'));
                all.push(format!("{} double {doubled}", words[..length - 2].join(" ")));
            }
        }
    }
    all
}

/// What the bot says that never changes, or has few values: at most [`MAX_PHRASES`].
pub fn phrases(plan: &Plan) -> Vec<String> {
    let mut book = Book::new(MAX_PHRASES);
    let mut lines = vec![&plan.greeting, &plan.help];
    lines.extend(Saying::ALL.iter().map(|saying| plan.says(*saying)));
    lines.extend(plan.slots.values().flat_map(|slot| [&slot.prompt, &slot.reprompt, &slot.confirm]));
    lines.extend(plan.intents.iter().flat_map(|intent| [&intent.answers, &intent.confirm]));
    lines.extend(plan.intents.iter().filter_map(|intent| intent.ask.as_ref().map(|ask| &ask.question)));
    lines.extend(plan.lookups.values().map(|lookup| &lookup.missing));
    for template in lines.iter().flat_map(|line| &line.variants) {
        template.fixed().for_each(|piece| book.keep(piece.to_owned()));
    }
    menu_phrases(plan, &mut book);
    for intent in &plan.intents {
        let title = plan.says(Saying::did_you_mean).variants.iter().flat_map(|line| line.say(|_| intent.table.title.clone()));
        title.for_each(|phrase| book.keep(words(phrase)));
        row_phrases(plan, intent, &mut book);
    }
    book.lines
}

fn menu_phrases(plan: &Plan, book: &mut Book) {
    for (key, intent) in plan.menu() {
        for variant in 0..plan.says(Saying::menu_item).variants.len() {
            plan.menu_item(variant, key, &plan.intents[intent].table.title).into_iter().for_each(|phrase| book.keep(words(phrase)));
        }
    }
    for line in &plan.says(Saying::reach_person_by_key).variants {
        line.say(|_| key_name(plan.table.person.key)).into_iter().for_each(|phrase| book.keep(words(phrase)));
    }
}

/// Answers for the rows of a lookup.
fn row_phrases(plan: &Plan, intent: &super::plan::Intent, book: &mut Book) {
    let Some(lookup) = intent.table.lookup.as_ref().and_then(|name| plan.lookups.get(name)) else { return };
    let digits = plan.slots.get(&lookup.table.slot).is_some_and(|slot| slot.table.kind == SlotKind::Digits);
    for (value, row) in lookup.table.rows.iter().take(ROWS_AHEAD) {
        let spoken = if digits { super::number::spell_digits(value) } else { value.clone() };
        for template in &intent.answers.variants {
            let known = |slot: &str| slot == lookup.table.slot || row.contains_key(slot);
            if template.slots().all(known) {
                let said = template.say(|slot| row.get(slot).unwrap_or(&spoken).clone());
                said.into_iter().for_each(|phrase| book.keep(words(phrase)));
            }
        }
    }
}

fn words(phrase: Phrase) -> String {
    let (Phrase::Text(text) | Phrase::Prompt { text, .. }) = phrase;
    text
}
