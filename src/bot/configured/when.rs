//! Days and times as callers say them. Plain on purpose: a weekday, today, tomorrow, a day of a month, a time of day.
//!
//! Nothing here reads a clock: "tomorrow" is reckoned from the wall time that the call began with.

use jiff::ToSpan;
use jiff::civil::{Date, Weekday};

use super::number::{clock, ordinal, small_number_at};

/// The days, Monday first, as they are written and said.
pub const WEEKDAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const MONTHS: [&str; 12] = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];
/// A bare hour from here on is in the morning ("at nine"), before it in the afternoon ("at two"): office hours.
const FIRST_BARE_MORNING_HOUR: u8 = 8;

/// Something found in a turn, and the words it stands in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found<T> {
    /// First word.
    pub start: usize,
    /// One past the last word.
    pub end: usize,
    /// What.
    pub value: T,
}

/// The weekday of this name.
pub fn weekday_named(name: &str) -> Option<Weekday> {
    let n = WEEKDAYS.iter().position(|day| day.eq_ignore_ascii_case(name))?;
    Weekday::from_monday_zero_offset(i8::try_from(n).ok()?).ok()
}

/// The name of a weekday.
pub fn weekday_name(day: Weekday) -> &'static str {
    WEEKDAYS[usize::try_from(day.to_monday_zero_offset()).unwrap_or(0) % 7]
}

/// The last day in a turn: a weekday, today or tomorrow.
pub fn weekday_in(words: &[String], today: Date) -> Option<Found<Weekday>> {
    (0..words.len()).rev().find_map(|at| {
        let word = words[at].as_str();
        let day = match word {
            "today" => today.weekday(),
            "tomorrow" => today.tomorrow().ok()?.weekday(),
            _ => weekday_named(word).or_else(|| weekday_named(word.strip_suffix('s')?))?,
        };
        Some(Found { start: at, end: at + 1, value: day })
    })
}

/// The last date in a turn: "the third of March", "March third", "tomorrow", or the next such weekday.
pub fn date_in(words: &[String], today: Date) -> Option<Found<Date>> {
    let of_month = (0..words.len()).rev().find_map(|at| day_of_month(words, at, today));
    of_month.or_else(|| {
        let found = weekday_in(words, today)?;
        let date = match words[found.start].as_str() {
            "today" => today,
            "tomorrow" => today.tomorrow().ok()?,
            _ => today.nth_weekday(1, found.value).ok()?,
        };
        Some(Found { start: found.start, end: found.end, value: date })
    })
}

fn day_of_month(words: &[String], at: usize, today: Date) -> Option<Found<Date>> {
    let month = MONTHS.iter().position(|m| m.eq_ignore_ascii_case(&words[at]))?;
    let before = at.checked_sub(1).map(|b| if words[b] == "of" { b } else { at }).unwrap_or(at);
    let (start, end, day) = match ordinal_ending(words, before) {
        Some((start, day)) => (start, at + 1, day),
        None => {
            let the = usize::from(words.get(at + 1).is_some_and(|w| w == "the"));
            let (day, used) = ordinal_at(words, at + 1 + the).or_else(|| small_number_at(words, at + 1 + the))?;
            (at, at + 1 + the + used, day)
        }
    };
    let (month, day) = (i8::try_from(month).ok()? + 1, i8::try_from(day).ok()?);
    let this_year = Date::new(today.year(), month, day).ok()?;
    let date = if this_year < today { this_year.checked_add(1.year()).ok()? } else { this_year };
    Some(Found { start, end, value: date })
}

fn ordinal_ending(words: &[String], end: usize) -> Option<(usize, u8)> {
    [2, 1].into_iter().find_map(|used| {
        let start = end.checked_sub(used)?;
        ordinal_at(words, start).filter(|(_, n)| *n == used).map(|(day, _)| (start, day))
    })
}

fn ordinal_at(words: &[String], at: usize) -> Option<(u8, usize)> {
    let one = words.get(at)?;
    let two = words.get(at + 1).map(|next| format!("{one} {next}"));
    (1..=31).find_map(|day| {
        let name = ordinal(day);
        if two.as_ref() == Some(&name) {
            return Some((day, 2));
        }
        (*one == name && !two.as_ref().is_some_and(|t| (21..=31).any(|d| ordinal(d) == *t))).then_some((day, 1))
    })
}

/// How a date is written and said: "Tuesday, March 3" and "Tuesday, March third".
pub fn date_written(date: Date, spoken: bool) -> String {
    let day = u8::try_from(date.day()).unwrap_or(1);
    let month = MONTHS[usize::try_from(date.month() - 1).unwrap_or(0) % 12];
    let number = if spoken { ordinal(day) } else { day.to_string() };
    format!("{}, {month} {number}", weekday_name(date.weekday()))
}

/// A time of day, in minutes after midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Minutes(pub u16);

impl Minutes {
    /// `HH:MM` up to 24:00.
    pub fn parse(text: &str) -> Option<Minutes> {
        let (hour, minute) = text.split_once(':')?;
        if hour.len() != 2 || minute.len() != 2 || !text.bytes().all(|b| b.is_ascii_digit() || b == b':') {
            return None;
        }
        let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
        let all = hour * 60 + minute;
        (minute < 60 && all <= 24 * 60).then_some(Minutes(all))
    }

    /// `HH:MM`
    pub fn written(self) -> String {
        format!("{:02}:{:02}", self.0 / 60, self.0 % 60)
    }

    /// In words, for a synthesizer.
    pub fn spoken(self) -> String {
        clock(u8::try_from(self.0 / 60).unwrap_or(0) % 24, u8::try_from(self.0 % 60).unwrap_or(0))
    }
}

/// The last time of day in a turn: "half past two", "two thirty p m", "ten o'clock", "noon", "14:30". A bare number
/// counts only if `asked` (the bot asked for a time) or after "at".
pub fn time_in(words: &[String], asked: bool) -> Option<Found<Minutes>> {
    let mut last = None;
    let mut at = 0;
    while at < words.len() {
        match time_at(words, at, asked) {
            Some(found) => {
                at = found.end.max(at + 1);
                last = Some(found);
            }
            None => at += 1,
        }
    }
    last
}

fn time_at(words: &[String], at: usize, asked: bool) -> Option<Found<Minutes>> {
    let word = words[at].as_str();
    let fixed = match word {
        "noon" | "midday" => Some(12 * 60),
        "midnight" => Some(0),
        _ => None,
    };
    if let Some(minutes) = fixed {
        return Some(Found { start: at, end: at + 1, value: Minutes(minutes) });
    }
    let behind_number = at.checked_sub(1).is_some_and(|b| small_number_at(words, b).is_some());
    let bare = || hour_and_minute(words, at).filter(|(.., sure)| *sure || !behind_number);
    let (hour, minute, end, sure) = past_or_to(words, at).or_else(bare)?;
    let after_at = at.checked_sub(1).is_some_and(|b| ["at", "around", "about"].contains(&words[b].as_str()));
    let (part, end) = part_of_day(words, end);
    if hour > 24 || minute > 59 || !(sure || asked || after_at || part.is_some()) {
        return None;
    }
    let hour = match (part, hour) {
        (Some(false), 12) => 0,
        (Some(true), 1..12) => hour + 12,
        (None, 1..FIRST_BARE_MORNING_HOUR) => hour + 12,
        _ => hour % 24,
    };
    Some(Found { start: at, end, value: Minutes(u16::from(hour) * 60 + u16::from(minute)) })
}

/// "half past two", "quarter to three", "ten past nine": hour, minute, end, and true as it can't be anything else.
fn past_or_to(words: &[String], at: usize) -> Option<(u8, u8, usize, bool)> {
    let (minute, used) = match words[at].as_str() {
        "half" => (30, 1),
        "quarter" => (15, 1),
        _ => small_number_at(words, at)?,
    };
    let way = words.get(at + used)?.as_str();
    let (hour, more) = small_number_at(words, at + used + 1)?;
    let end = at + used + 1 + more;
    match way {
        "past" | "after" if hour <= 12 => Some((hour, minute, end, true)),
        "to" | "before" if (1..=12).contains(&hour) && (1..60).contains(&minute) => {
            Some((if hour == 1 { 12 } else { hour - 1 }, 60 - minute, end, true))
        }
        _ => None,
    }
}

/// "two", "two thirty", "nine oh five", "ten o'clock", "14:30".
fn hour_and_minute(words: &[String], at: usize) -> Option<(u8, u8, usize, bool)> {
    if let Some((hour, minute)) = words[at].split_once(':') {
        return Some((hour.parse().ok()?, minute.parse().ok()?, at + 1, true));
    }
    let (hour, used) = small_number_at(words, at)?;
    let next = at + used;
    match words.get(next).map(String::as_str) {
        Some("o'clock" | "oclock") => Some((hour, 0, next + 1, true)),
        Some("oh" | "o") => {
            let (minute, more) = small_number_at(words, next + 1)?;
            Some((hour, minute, next + 1 + more, false))
        }
        _ => match small_number_at(words, next) {
            Some((minute, more)) if (10..60).contains(&minute) => Some((hour, minute, next + more, false)),
            Some(_) => None,
            None => Some((hour, 0, next, false)),
        },
    }
}

/// True for afternoon, false for morning, if the words say so; and where they end.
fn part_of_day(words: &[String], end: usize) -> (Option<bool>, usize) {
    let rest: Vec<&str> = words[end.min(words.len())..].iter().take(3).map(String::as_str).collect();
    match rest.as_slice() {
        ["am", ..] => (Some(false), end + 1),
        ["pm", ..] => (Some(true), end + 1),
        ["in", "the", "morning", ..] => (Some(false), end + 3),
        ["in", "the", "afternoon" | "evening", ..] => (Some(true), end + 3),
        _ => (None, end),
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::bot::configured::words::heard;

    #[test]
    fn times_are_heard_however_they_are_said() {
        for (said, time) in [
            ("at two", "14:00"),
            ("two thirty", "14:30"),
            ("half past nine", "09:30"),
            ("quarter to three", "14:45"),
            ("ten past eleven in the morning", "11:10"),
            ("nine oh five", "09:05"),
            ("three o'clock", "15:00"),
            ("7 p.m. please", "19:00"),
            ("twelve a m", "00:00"),
            ("14:30", "14:30"),
            ("noon", "12:00"),
            ("not at two at four", "16:00"),
            ("eight forty five in the evening", "20:45"),
        ] {
            assert_eq!(time_in(&heard(said), true).map(|t| t.value.written()).as_deref(), Some(time), "{said}");
        }
        assert_eq!(time_in(&heard("order two lamps"), false), None);
        assert_eq!(time_in(&heard("four seven one one"), true), None);
    }

    #[test]
    fn dates_are_reckoned_from_the_calls_day() {
        let today = date(2026, 3, 3); // a Tuesday
        for (said, expected) in [
            ("tomorrow", "2026-03-04"),
            ("on tuesday", "2026-03-10"),
            ("the third of march", "2026-03-03"),
            ("march second", "2027-03-02"),
            ("december the twenty first", "2026-12-21"),
            ("may 5", "2026-05-05"),
        ] {
            assert_eq!(date_in(&heard(said), today).map(|d| d.value.to_string()).as_deref(), Some(expected), "{said}");
        }
        assert_eq!(date_in(&heard("the thirty first of february"), today), None);
        assert_eq!(date_written(today, true), "Tuesday, March third");
    }

    #[test]
    fn clock_times_in_tables_are_checked() {
        for bad in ["9:00", "24:01", "12:60", "aa:bb", "12-30", "", "１2:30"] {
            assert_eq!(Minutes::parse(bad), None, "{bad}");
        }
        assert_eq!(Minutes::parse("24:00"), Some(Minutes(1440)));
    }
}
