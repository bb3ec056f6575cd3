//! Values of slots: finding them in a turn, keying them, writing and saying them.

use jiff::civil::Date;

use super::number::{digit_runs, spell_digits};
use super::table::{SlotKind, SlotTable};
use super::when::{Minutes, date_in, date_written, time_in, weekday_in, weekday_name};
use super::words::{heard, holds_phrase, yes_or_no};

/// A `text` value is cut here: it goes into a packet, not into a book.
const MAX_TEXT_VALUE_CHARS: usize = 200;

/// What a caller gave for a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// As a person reads it.
    pub written: String,
    /// As a synthesizer says it.
    pub spoken: String,
}

impl Value {
    fn plain(text: &str) -> Value {
        Value { written: text.to_owned(), spoken: text.to_owned() }
    }

    /// The value of a number.
    pub fn digits(digits: &str) -> Value {
        Value { written: digits.to_owned(), spoken: spell_digits(digits) }
    }

    /// The value of a yes or no.
    pub fn yes_or_no(yes: bool) -> Value {
        Value::plain(if yes { "yes" } else { "no" })
    }
}

/// A turn from which values are taken; each word is used for one value only.
#[derive(Clone, Debug)]
pub struct Offer {
    words: Vec<String>,
    used: Vec<bool>,
    today: Date,
}

impl Offer {
    /// The words of a turn, and the day it is.
    pub fn new(words: &[String], today: Date) -> Offer {
        Offer { words: words.to_vec(), used: vec![false; words.len()], today }
    }

    /// Takes the values of these slots, most telling kinds first. `asked` is the slot that the bot asked for: it also
    /// takes what would be too vague otherwise.
    pub fn take<'a>(&mut self, slots: &[(&'a str, &SlotTable)], asked: Option<&str>) -> Vec<(&'a str, Value)> {
        let mut order: Vec<&(&str, &SlotTable)> = slots.iter().collect();
        order.sort_by_key(|(name, slot)| (rank(slot.kind), asked != Some(*name)));
        order.into_iter().filter_map(|(name, slot)| Some((*name, self.take_one(slot, asked == Some(*name))?))).collect()
    }

    /// The words that stand for no value, for whoever looks for a meaning in them.
    pub fn rest(&self) -> Vec<String> {
        let unused = self.unused();
        let mut numbers = vec![false; unused.len()];
        digit_runs(&unused).iter().for_each(|run| numbers[run.start..run.end].fill(true));
        unused.into_iter().zip(numbers).filter(|(word, number)| !word.is_empty() && !number).map(|(word, _)| word).collect()
    }

    fn take_one(&mut self, slot: &SlotTable, asked: bool) -> Option<Value> {
        let words = self.unused();
        let (value, start, end) = match slot.kind {
            SlotKind::Date => {
                let found = date_in(&words, self.today)?;
                (Value { written: date_written(found.value, false), spoken: date_written(found.value, true) }, found.start, found.end)
            }
            SlotKind::Weekday => {
                let found = weekday_in(&words, self.today)?;
                (Value::plain(weekday_name(found.value)), found.start, found.end)
            }
            SlotKind::Time => {
                let found = time_in(&words, asked)?;
                (time(found.value), found.start, found.end)
            }
            SlotKind::Digits => {
                let lengths = usize::from(slot.min_digits.unwrap_or(1))..=usize::from(slot.max_digits.unwrap_or(u8::MAX));
                let run = digit_runs(&words).into_iter().rfind(|run| lengths.contains(&run.digits.len()))?;
                (Value::digits(&run.digits), run.start, run.end)
            }
            SlotKind::Choice => (Value::plain(choice_in(slot, &words)?), 0, 0),
            SlotKind::YesNo if asked => (Value::yes_or_no(yes_or_no(&words)?), 0, 0),
            SlotKind::Text if asked => (text(&words)?, 0, words.len()),
            SlotKind::YesNo | SlotKind::Text => return None,
        };
        self.used[start..end].fill(true);
        Some(value)
    }

    /// The words with those used already blanked, so that places stay the same.
    fn unused(&self) -> Vec<String> {
        self.words.iter().zip(&self.used).map(|(word, used)| if *used { String::new() } else { word.clone() }).collect()
    }
}

/// Kinds that are hard to mistake come first: "on the third of March at two" has a date before it has a time.
fn rank(kind: SlotKind) -> u8 {
    match kind {
        SlotKind::Date => 0,
        SlotKind::Weekday => 1,
        SlotKind::Digits => 2,
        SlotKind::Time => 3,
        SlotKind::Choice => 4,
        SlotKind::YesNo => 5,
        SlotKind::Text => 6,
    }
}

fn time(minutes: Minutes) -> Value {
    Value { written: minutes.written(), spoken: minutes.spoken() }
}

fn text(words: &[String]) -> Option<Value> {
    let told: String = words.join(" ").trim().chars().take(MAX_TEXT_VALUE_CHARS).collect();
    (!told.is_empty()).then(|| Value::plain(&told))
}

/// The choice that is said last: "not the repair, the pick-up".
fn choice_in<'a>(slot: &'a SlotTable, words: &[String]) -> Option<&'a str> {
    let told = words.join(" ");
    let last_at = |name: &str| {
        let phrase = heard(name).join(" ");
        holds_phrase(&told, &phrase).then(|| format!(" {told} ").rfind(&format!(" {phrase} ")).map(|at| (at + phrase.len(), phrase.len())))?
    };
    let said = slot.choices.iter().filter_map(|(choice, others)| {
        let at = std::iter::once(choice).chain(others).filter_map(|name| last_at(name)).max()?;
        Some((at, choice.as_str()))
    });
    said.max_by_key(|(at, _)| *at).map(|(_, choice)| choice)
}

/// What the keys 1 to 9 choose for this slot; empty if it can't be keyed this way.
pub fn keyed_choices(slot: &SlotTable) -> Vec<String> {
    match slot.kind {
        SlotKind::Choice => slot.choices.keys().take(9).cloned().collect(),
        SlotKind::Weekday => super::when::WEEKDAYS.iter().map(|day| (*day).to_owned()).collect(),
        SlotKind::YesNo => vec!["yes".to_owned(), "no".to_owned()],
        SlotKind::Digits | SlotKind::Date | SlotKind::Time | SlotKind::Text => Vec::new(),
    }
}

/// The value of a keyed choice.
pub fn keyed(slot: &SlotTable, key: char) -> Option<Value> {
    let n = key.to_digit(10)?.checked_sub(1)?;
    keyed_choices(slot).get(n as usize).map(|choice| Value::plain(choice))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn slot(kind: SlotKind) -> SlotTable {
        let choices = BTreeMap::from([("repair".to_owned(), vec!["fix".to_owned()]), ("pick-up".to_owned(), vec!["collect it".to_owned()])]);
        SlotTable { kind, min_digits: Some(4), max_digits: Some(4), choices, ..SlotTable::default() }
    }

    fn taken(said: &str, slots: &[(&str, SlotKind)], asked: Option<&str>) -> String {
        let tables: Vec<(&str, SlotTable)> = slots.iter().map(|(name, kind)| (*name, slot(*kind))).collect();
        let refs: Vec<(&str, &SlotTable)> = tables.iter().map(|(name, table)| (*name, table)).collect();
        let values = Offer::new(&heard(said), jiff::civil::date(2026, 3, 3)).take(&refs, asked);
        values.into_iter().map(|(name, value)| format!("{name}={}", value.written)).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn several_values_of_one_turn_are_taken_at_once() {
        let visit = [("day", SlotKind::Weekday), ("time", SlotKind::Time)];
        assert_eq!(taken("on thursday at half past two please", &visit, None), "day=Thursday time=14:30");
        assert_eq!(
            taken("the third of march at nine", &[("day", SlotKind::Date), ("time", SlotKind::Time)], None),
            "day=Tuesday, March 3 time=09:00"
        );
        assert_eq!(taken("thursday", &visit, Some("time")), "day=Thursday");
    }

    #[test]
    fn the_last_value_of_a_correction_counts() {
        assert_eq!(taken("no not 4711 I said four seven one two", &[("order", SlotKind::Digits)], None), "order=4712");
        assert_eq!(taken("not a repair just to collect it", &[("what", SlotKind::Choice)], None), "what=pick-up");
    }

    #[test]
    fn numbers_of_another_length_are_not_taken() {
        assert_eq!(taken("four seven one", &[("order", SlotKind::Digits)], Some("order")), "");
    }

    #[test]
    fn words_are_taken_as_they_are_only_when_asked_for() {
        assert_eq!(taken("yes my name is Dana", &[("name", SlotKind::Text)], None), "");
        assert_eq!(taken("Dana", &[("name", SlotKind::Text)], Some("name")), "name=dana");
        assert_eq!(taken("no thanks", &[("ok", SlotKind::YesNo)], Some("ok")), "ok=no");
    }

    #[test]
    fn choices_can_be_keyed() {
        assert_eq!(keyed(&slot(SlotKind::Weekday), '3').map(|v| v.written).as_deref(), Some("Wednesday"));
        assert_eq!(keyed(&slot(SlotKind::Choice), '9'), None);
        assert_eq!(keyed(&slot(SlotKind::Time), '1'), None);
    }
}
