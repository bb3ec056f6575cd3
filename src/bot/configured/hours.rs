//! Opening hours: whether it is open at a moment, and what to say about a day.

use jiff::civil::{Date, DateTime, Weekday};

use super::table::{HoursTable, Saying};
use super::when::{Minutes, weekday_name};

/// How far ahead the next open day is looked for; who is closed longer has no next day to tell.
const DAYS_AHEAD: usize = 14;

/// Opening hours of a week.
#[derive(Clone, Debug, Default)]
pub struct Hours {
    /// Ranges of each day, Monday first.
    week: [Vec<(Minutes, Minutes)>; 7],
    closed: Vec<Date>,
}

/// Something to say about the hours: which text, and its values in words.
pub type HoursLine = (Saying, Vec<(&'static str, String)>);

impl Hours {
    /// Takes a checked table; what does not parse is left out.
    pub fn new(table: &HoursTable) -> Hours {
        let week = table.days().map(|(_, ranges)| ranges.iter().filter_map(|range| Hours::range(range)).collect());
        Hours { week, closed: table.closed.iter().filter_map(|date| date.parse().ok()).collect() }
    }

    /// `09:00-17:30`
    pub fn range(text: &str) -> Option<(Minutes, Minutes)> {
        let (from, until) = text.split_once('-')?;
        let (from, until) = (Minutes::parse(from.trim())?, Minutes::parse(until.trim())?);
        (from < until).then_some((from, until))
    }

    /// What to say to "are you open?".
    pub fn now(&self, wall: DateTime) -> Vec<HoursLine> {
        let minute = Minutes(u16::try_from(wall.hour()).unwrap_or(0) * 60 + u16::try_from(wall.minute()).unwrap_or(0));
        let today = self.on(wall.date());
        if let Some((_, until)) = today.iter().find(|(from, until)| (*from..*until).contains(&minute)) {
            return vec![(Saying::hours_open, vec![("until", until.spoken())])];
        }
        if let Some((from, _)) = today.iter().find(|(from, _)| *from > minute) {
            return vec![(Saying::hours_later, vec![("from", from.spoken())])];
        }
        let mut day = wall.date();
        for _ in 0..DAYS_AHEAD {
            let Ok(next) = day.tomorrow() else { break };
            day = next;
            if let Some((from, _)) = self.on(day).first() {
                let name = weekday_name(day.weekday()).to_owned();
                return vec![(Saying::hours_closed, vec![("day", name), ("from", from.spoken())])];
            }
        }
        vec![(Saying::hours_never, Vec::new())]
    }

    /// What to say to "are you open on Saturday?"; the next such day, which may be today.
    pub fn on_weekday(&self, weekday: Weekday, today: Date) -> Vec<HoursLine> {
        let date = if today.weekday() == weekday { today } else { today.nth_weekday(1, weekday).unwrap_or(today) };
        let name = weekday_name(weekday).to_owned();
        let ranges = self.on(date);
        if ranges.is_empty() {
            return vec![(Saying::hours_day_closed, vec![("day", name)])];
        }
        let line = |(n, (from, until)): (usize, &(Minutes, Minutes))| {
            let values = vec![("day", name.clone()), ("from", from.spoken()), ("until", until.spoken())];
            (if n == 0 { Saying::hours_day } else { Saying::hours_and }, values)
        };
        ranges.iter().enumerate().map(line).collect()
    }

    fn on(&self, date: Date) -> &[(Minutes, Minutes)] {
        if self.closed.contains(&date) {
            return &[];
        }
        &self.week[usize::try_from(date.weekday().to_monday_zero_offset()).unwrap_or(0) % 7]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours() -> Hours {
        let open = || vec!["09:00-12:00".to_owned(), "13:00-17:30".to_owned()];
        Hours::new(&HoursTable { monday: open(), tuesday: open(), closed: vec!["2026-03-10".to_owned()], ..HoursTable::default() })
    }

    #[test]
    fn answers_follow_the_wall_clock() {
        for (wall, saying) in [
            ("2026-03-03T10:00", "hours_open noon"),
            ("2026-03-03T12:00", "hours_later one in the afternoon"),
            ("2026-03-03T08:59", "hours_later nine in the morning"),
            ("2026-03-03T17:30", "hours_closed Monday nine in the morning"),
            ("2026-03-10T10:00", "hours_closed Monday nine in the morning"),
        ] {
            let lines = hours().now(wall.parse().expect("a moment"));
            let (text, values) = &lines[0];
            let said: Vec<&str> = std::iter::once(text.key()).chain(values.iter().map(|(_, v)| v.as_str())).collect();
            assert_eq!(said.join(" "), saying, "{wall}");
        }
        assert_eq!(Hours::default().now("2026-03-03T10:00".parse().expect("a moment"))[0].0, Saying::hours_never);
    }

    #[test]
    fn each_range_of_a_day_is_told() {
        let today = "2026-03-03".parse().expect("a day");
        let told = |day| hours().on_weekday(day, today).iter().map(|(saying, _)| saying.key()).collect::<Vec<_>>();
        assert_eq!(told(Weekday::Tuesday), ["hours_day", "hours_and"]);
        assert_eq!(told(Weekday::Sunday), ["hours_day_closed"]);
    }
}
