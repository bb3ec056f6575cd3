//! Every mistake that a bot file can have beyond its syntax, named by its key with what would be right.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::{Key, Problems};

use super::hours::Hours;
use super::number::all_digits;
use super::table::{AskTable, BotTable, HoursTable, IntentTable, LookupTable, Saying, SlotKind, SlotTable};
use super::template::{Template, is_name};
use super::words::{content, heard};

/// The longest text that is said in one go.
const MAX_TEXT_CHARS: usize = 600;
/// Entries of any list or table, rows of lookups apart.
const MAX_ENTRIES: usize = 200;
/// Rows of a lookup: a table in a file, not a database.
const MAX_ROWS: usize = 10_000;
/// The longest number that a caller is asked for (a payment card has 19 digits).
const MAX_DIGITS: u8 = 20;
/// The longest wait for an answer, in seconds.
const MAX_PATIENCE_SECS: f64 = 60.0;
/// Slots that the templates of an intent know without declaring them.
const HOURS_SLOT: &str = "hours";

/// A place in the file: adds problems under its dotted key.
struct At<'p> {
    key: String,
    problems: &'p mut Problems,
}

impl At<'_> {
    fn add(&mut self, what: impl Into<String>) {
        self.problems.add(self.key.clone(), what);
    }

    fn inner(&mut self, name: &str) -> At<'_> {
        let key = match (self.key.is_empty(), name.starts_with('[')) {
            (true, _) => name.to_owned(),
            (false, _) if name.is_empty() => self.key.clone(),
            (false, true) => format!("{}{name}", self.key),
            (false, false) => format!("{}.{name}", self.key),
        };
        At { key, problems: self.problems }
    }

    fn inner_index(&mut self, n: usize) -> At<'_> {
        self.inner(&format!("[{n}]"))
    }
}

impl BotTable {
    /// Notes every mistake under `key`, the dotted key of the bot in its file (empty for a file of its own).
    pub fn check(&self, key: &str, problems: &mut Problems) {
        let mut at = At { key: key.to_owned(), problems };
        self.check_head(&mut at);
        self.check_understanding(&mut at.inner("understanding"));
        self.check_person(&mut at.inner("person"));
        self.hours.check(&mut at.inner("hours"));
        self.check_synonyms(&mut at.inner("synonyms"));
        size("intents", self.intent.len(), 1, MAX_ENTRIES, &mut at.inner("intent"));
        size("slots", self.slot.len(), 0, MAX_ENTRIES, &mut at.inner("slot"));
        size("lookups", self.lookup.len(), 0, MAX_ENTRIES, &mut at.inner("lookup"));
        for (name, intent) in &self.intent {
            intent.check(name, self, &mut at.inner("intent").inner(name));
        }
        self.check_twins(&mut at.inner("intent"));
        for (name, slot) in &self.slot {
            slot.check(name, &mut at.inner("slot").inner(name));
        }
        for (name, lookup) in &self.lookup {
            lookup.check(name, self, &mut at.inner("lookup").inner(name));
        }
        for saying in Saying::ALL {
            texts(saying.variants(&self.says), saying.slots(), true, &mut at.inner("says").inner(saying.key()));
        }
    }

    fn check_head(&self, at: &mut At) {
        name(&self.name, &mut at.inner("name"));
        let english = self.language == "en" || self.language.starts_with("en-");
        if !english {
            at.inner("language").add(format!("`{}` is not understood by this bot; write `en`, or `en-US` and the like", printable(&self.language)));
        }
        text(&self.greeting, &[], true, &mut at.inner("greeting"));
        text(&self.help, &[], true, &mut at.inner("help"));
        patience(self.patience_secs, &mut at.inner("patience_secs"));
    }

    fn check_understanding(&self, at: &mut At) {
        let u = &self.understanding;
        for (key, value) in [("sure", u.sure), ("unsure", u.unsure), ("margin", u.margin), ("switch", u.switch), ("doubt", u.doubt)] {
            if !(0.0..=1.0).contains(&value) {
                at.inner(key).add(format!("is {value}; a number from 0 to 1 is right"));
            }
        }
        if u.unsure > u.sure {
            at.inner("unsure").add(format!("is {}, above `sure` ({}); at most that is right", u.unsure, u.sure));
        }
    }

    fn check_person(&self, at: &mut At) {
        if Key::new(self.person.key).is_none() {
            at.inner("key").add(format!("`{}` is no key of a telephone", self.person.key.escape_default()));
        }
        let mut at = at.inner("samples");
        size("samples", self.person.samples.len(), 1, MAX_ENTRIES, &mut at);
        for (n, sample) in self.person.samples.iter().enumerate() {
            let mut at = at.inner_index(n);
            text(sample, &[], true, &mut at);
            if heard(sample).is_empty() {
                at.add("has no word in it");
            }
        }
    }

    fn check_synonyms(&self, at: &mut At) {
        size("words", self.synonyms.len(), 0, MAX_ENTRIES, at);
        let mut seen: BTreeMap<Option<String>, &str> = BTreeMap::new();
        for (word, others) in &self.synonyms {
            let mut at = at.inner(word);
            size("synonyms", others.len(), 1, MAX_ENTRIES, &mut at);
            for (n, other) in std::iter::once(word).chain(others).enumerate() {
                let mut at = if n == 0 { at.inner("") } else { at.inner_index(n - 1) };
                let words = heard(other);
                let stem = content(other, &BTreeMap::new());
                if words.len() != 1 || stem.is_none() {
                    at.add(format!("`{}` must be one word, and one that carries a meaning", printable(other)));
                } else if let Some(first) = seen.insert(stem, word).filter(|first| first != word) {
                    at.add(format!("`{other}` stands for `{first}` already"));
                }
            }
        }
    }

    /// The same sample in two intents, and one key for two.
    fn check_twins(&self, at: &mut At) {
        let mut samples: BTreeMap<Vec<String>, &str> = BTreeMap::new();
        let mut keys: BTreeMap<char, &str> = BTreeMap::new();
        for (name, intent) in &self.intent {
            let mut at = at.inner(name);
            for (n, sample) in intent.samples.iter().enumerate() {
                match samples.insert(heard(sample), name) {
                    Some(first) if first != name => at.inner("samples").inner_index(n).add(format!("is a sample of `{first}` already")),
                    _ => {}
                }
            }
            let Some(key) = intent.key else { continue };
            if Key::new(key).is_none() {
                at.inner("key").add(format!("`{}` is no key of a telephone", key.escape_default()));
            } else if key == self.person.key || key == '*' {
                at.inner("key").add(format!("`{key}` is taken: `{}` asks for a person, `*` repeats the menu", self.person.key));
            } else if let Some(first) = keys.insert(key, name) {
                at.inner("key").add(format!("`{key}` chooses `{first}` already"));
            }
        }
    }

    /// Names that may stand in an answer of this intent.
    fn answer_slots<'a>(&'a self, intent: &'a IntentTable) -> BTreeSet<&'a str> {
        let mut names: BTreeSet<&str> = intent.slots.iter().map(String::as_str).collect();
        let columns = intent.lookup.as_ref().and_then(|lookup| self.lookup.get(lookup)).and_then(|lookup| lookup.rows.values().next());
        names.extend(columns.into_iter().flat_map(|row| row.keys().map(String::as_str)));
        if self.hours != HoursTable::default() {
            names.insert(HOURS_SLOT);
        }
        names
    }
}

impl IntentTable {
    fn check(&self, own_name: &str, bot: &BotTable, at: &mut At) {
        name(own_name, at);
        text(&self.title, &[], true, &mut at.inner("title"));
        self.check_samples(own_name, bot, &mut at.inner("samples"));
        size("slots", self.slots.len(), 0, MAX_ENTRIES, &mut at.inner("slots"));
        let mut seen = BTreeSet::new();
        for (n, slot) in self.slots.iter().enumerate() {
            if !bot.slot.contains_key(slot) {
                at.inner("slots").inner_index(n).add(format!("there is no `slot.{}`", printable(slot)));
            } else if !seen.insert(slot) {
                at.inner("slots").inner_index(n).add(format!("`{slot}` stands there twice"));
            }
        }
        let own: Vec<&str> = self.slots.iter().map(String::as_str).collect();
        texts(&self.confirm, &own, false, &mut at.inner("confirm"));
        let known: Vec<&str> = bot.answer_slots(self).into_iter().collect();
        texts(&self.answers, &known, true, &mut at.inner("answers"));
        text(&self.wants_person, &known, false, &mut at.inner("wants_person"));
        text(&self.next_step, &[], false, &mut at.inner("next_step"));
        self.check_lookup(bot, &mut at.inner("lookup"));
        if let Some(ask) = &self.ask {
            ask.check(bot, &mut at.inner("ask"));
        }
        let kinds = [self.topic, self.out_of_scope, self.ends].iter().filter(|is| **is).count();
        if kinds > 1 {
            at.add("is more than one of `topic`, `out_of_scope` and `ends`; one at most is right");
        }
        if (self.topic || self.out_of_scope) && !self.slots.is_empty() {
            at.inner("slots").add("an intent that is a `topic` or `out_of_scope` asks for nothing");
        }
    }

    fn check_samples(&self, own_name: &str, bot: &BotTable, at: &mut At) {
        let asks = bot.intent.values().filter_map(|other| other.ask.as_ref());
        let reachable = self.key.is_some() || asks.into_iter().any(|ask| ask.yes == own_name || ask.no == own_name);
        size("samples", self.samples.len(), usize::from(!reachable), MAX_ENTRIES, at);
        let slots: Vec<&str> = bot.slot.keys().map(String::as_str).collect();
        for (n, sample) in self.samples.iter().enumerate() {
            let mut at = at.inner_index(n);
            text(sample, &slots, true, &mut at);
            if heard(sample).is_empty() {
                at.add("has no word in it");
            }
        }
    }

    fn check_lookup(&self, bot: &BotTable, at: &mut At) {
        let Some(lookup) = &self.lookup else { return };
        match bot.lookup.get(lookup) {
            None => at.add(format!("there is no `lookup.{}`", printable(lookup))),
            Some(table) if !self.slots.contains(&table.slot) => {
                at.add(format!("looks up by `{}`, which is not among the `slots` of this intent", printable(&table.slot)));
            }
            Some(_) => {}
        }
    }
}

impl AskTable {
    fn check(&self, bot: &BotTable, at: &mut At) {
        text(&self.question, &[], true, &mut at.inner("question"));
        for (key, intent) in [("yes", &self.yes), ("no", &self.no)] {
            if !intent.is_empty() && !bot.intent.contains_key(intent) {
                at.inner(key).add(format!("there is no `intent.{}`", printable(intent)));
            }
        }
    }
}

impl SlotTable {
    fn check(&self, own_name: &str, at: &mut At) {
        name(own_name, at);
        if own_name == HOURS_SLOT {
            at.add("`hours` in braces means the opening hours; choose another name");
        }
        text(&self.title, &[], true, &mut at.inner("title"));
        texts(&self.prompt, &[], true, &mut at.inner("prompt"));
        texts(&self.reprompt, &[], false, &mut at.inner("reprompt"));
        texts(&self.confirm, &[own_name], false, &mut at.inner("confirm"));
        if self.patience_secs.is_some() {
            patience(self.patience_secs.unwrap_or_default(), &mut at.inner("patience_secs"));
        }
        self.check_digits(at);
        self.check_choices(&mut at.inner("choices"));
    }

    fn check_digits(&self, at: &mut At) {
        let is_digits = self.kind == SlotKind::Digits;
        for (key, given) in [("min_digits", self.min_digits), ("max_digits", self.max_digits)] {
            match given {
                Some(_) if !is_digits => at.inner(key).add("fits `kind = \"digits\"` only"),
                None if is_digits => at.inner(key).add("is missing; how many digits has it?"),
                Some(n) if !(1..=MAX_DIGITS).contains(&n) => at.inner(key).add(format!("is {n}; from 1 to {MAX_DIGITS} is right")),
                _ => {}
            }
        }
        if is_digits && self.min_digits > self.max_digits {
            at.inner("min_digits").add("is above `max_digits`");
        }
    }

    fn check_choices(&self, at: &mut At) {
        match (self.kind == SlotKind::Choice, self.choices.len()) {
            (false, 0) => return,
            (false, _) => return at.add("fits `kind = \"choice\"` only"),
            (true, n) => size("choices", n, 2, MAX_ENTRIES, at),
        }
        let mut seen: BTreeMap<Vec<String>, &str> = BTreeMap::new();
        for (choice, others) in &self.choices {
            let mut at = at.inner(choice);
            size("synonyms", others.len(), 0, MAX_ENTRIES, &mut at);
            for (n, other) in std::iter::once(choice).chain(others).enumerate() {
                let mut at = if n == 0 { at.inner("") } else { at.inner_index(n - 1) };
                text(other, &[], true, &mut at);
                if let Some(first) = seen.insert(heard(other), choice) {
                    at.add(format!("means `{}` already", printable(first)));
                }
            }
        }
    }
}

impl LookupTable {
    fn check(&self, own_name: &str, bot: &BotTable, at: &mut At) {
        name(own_name, at);
        let slot = bot.slot.get(&self.slot);
        if slot.is_none() {
            at.inner("slot").add(format!("there is no `slot.{}`", printable(&self.slot)));
        }
        texts(&self.missing, &[&self.slot], true, &mut at.inner("missing"));
        text(&self.missing_wants_person, &[&self.slot], false, &mut at.inner("missing_wants_person"));
        let mut at = at.inner("rows");
        size("rows", self.rows.len(), 1, MAX_ROWS, &mut at);
        let columns: Option<Vec<&String>> = self.rows.values().next().map(|row| row.keys().collect());
        for (value, row) in &self.rows {
            let mut at = at.inner(&printable(value));
            if Some(row.keys().collect()) != columns {
                at.add("has other columns than the first row");
            }
            if let Some(slot) = slot {
                slot.check_row(value, &mut at);
            }
            for (column, shown) in row {
                let mut at = at.inner(&printable(column));
                name(column, &mut at);
                text(shown, &[], true, &mut at);
            }
        }
    }
}

impl SlotTable {
    fn check_row(&self, value: &str, at: &mut At) {
        match self.kind {
            SlotKind::Digits => {
                let range = usize::from(self.min_digits.unwrap_or(0))..=usize::from(self.max_digits.unwrap_or(MAX_DIGITS));
                if all_digits(value) != value || !range.contains(&value.len()) {
                    at.add(format!("is no value of the slot: {} to {} digits are right", range.start(), range.end()));
                }
            }
            SlotKind::Choice if !self.choices.contains_key(value) => at.add("is none of the choices of the slot"),
            SlotKind::Choice | SlotKind::Date | SlotKind::Weekday | SlotKind::Time | SlotKind::YesNo | SlotKind::Text => {}
        }
    }
}

impl HoursTable {
    /// Each day's key and ranges, Monday first.
    pub fn days(&self) -> [(&'static str, &[String]); 7] {
        [
            ("monday", &self.monday),
            ("tuesday", &self.tuesday),
            ("wednesday", &self.wednesday),
            ("thursday", &self.thursday),
            ("friday", &self.friday),
            ("saturday", &self.saturday),
            ("sunday", &self.sunday),
        ]
    }

    fn check(&self, at: &mut At) {
        for (day, ranges) in self.days() {
            let mut at = at.inner(day);
            size("ranges", ranges.len(), 0, MAX_ENTRIES, &mut at);
            let mut last = None;
            for (n, range) in ranges.iter().enumerate() {
                let mut at = at.inner_index(n);
                match Hours::range(range) {
                    None => at.add(format!("`{}` is no range; `09:00-17:30` would be one, and it ends on the same day", printable(range))),
                    Some((from, _)) if last > Some(from) => at.add("begins before the range before it ends"),
                    Some((_, until)) => last = Some(until),
                }
            }
        }
        let mut at = at.inner("closed");
        size("dates", self.closed.len(), 0, MAX_ENTRIES, &mut at);
        for (n, date) in self.closed.iter().enumerate() {
            if date.parse::<jiff::civil::Date>().is_err() {
                at.inner_index(n).add(format!("`{}` is no date; `2026-12-25` would be one", printable(date)));
            }
        }
    }
}

fn size(what: &str, len: usize, least: usize, most: usize, at: &mut At) {
    if len < least {
        at.add(format!("has {len} {what}; at least {least} is right"));
    } else if len > most {
        at.add(format!("has {len} {what}; at most {most} are allowed"));
    }
}

fn name(name: &str, at: &mut At) {
    if !is_name(name) {
        at.add(format!("`{}` is no name; use up to 40 lower-case letters, digits and `_`", printable(name)));
    }
}

fn patience(secs: f64, at: &mut At) {
    if !(0.5..=MAX_PATIENCE_SECS).contains(&secs) {
        at.add(format!("is {secs}; from 0.5 to {MAX_PATIENCE_SECS} seconds is right"));
    }
}

fn texts(variants: &[String], slots: &[&str], needed: bool, at: &mut At) {
    size("texts", variants.len(), usize::from(needed), MAX_ENTRIES, at);
    for (n, variant) in variants.iter().enumerate() {
        text(variant, slots, true, &mut at.inner_index(n));
    }
}

fn text(written: &str, slots: &[&str], needed: bool, at: &mut At) {
    let chars = written.chars().count();
    if needed && written.trim().is_empty() {
        at.add("is empty");
    }
    if chars > MAX_TEXT_CHARS {
        at.add(format!("has {chars} characters; at most {MAX_TEXT_CHARS} are allowed"));
    }
    if written.chars().any(char::is_control) {
        at.add("has a control character (a line break?) in it");
    }
    match Template::parse(written) {
        Err(why) => at.add(why),
        Ok(template) => {
            for slot in template.slots().filter(|slot| !slots.contains(slot)) {
                let known = if slots.is_empty() { "none".to_owned() } else { slots.join(", ") };
                at.add(format!("`{{{slot}}}` is unknown here; known: {known}"));
            }
        }
    }
}

/// At most 40 characters without control characters, for messages.
fn printable(text: &str) -> String {
    text.chars().take(40).map(|c| if c.is_control() { '\u{FFFD}' } else { c }).collect()
}
