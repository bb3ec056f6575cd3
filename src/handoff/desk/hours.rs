//! Opening hours in a named time zone.

use jiff::Zoned;
use jiff::civil::{Date, Time as Clock, Weekday};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::Problems;

/// How many days ahead the next opening is looked for.
const LOOK_AHEAD_DAYS: usize = 14;
/// The last minute of a day that a range may end at, written `24:00`.
const MIDNIGHT: u16 = 24 * 60;

/// Opening hours. Each day lists ranges like `"09:00-17:30"`; a day without any is closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HoursTable {
    /// The name by which queues refer to it.
    pub name: String,
    /// IANA time zone, like `Europe/Berlin`.
    pub timezone: String,
    /// Ranges on Mondays.
    pub monday: Vec<String>,
    /// Ranges on Tuesdays.
    pub tuesday: Vec<String>,
    /// Ranges on Wednesdays.
    pub wednesday: Vec<String>,
    /// Ranges on Thursdays.
    pub thursday: Vec<String>,
    /// Ranges on Fridays.
    pub friday: Vec<String>,
    /// Ranges on Saturdays.
    pub saturday: Vec<String>,
    /// Ranges on Sundays.
    pub sunday: Vec<String>,
    /// Days on which it is closed all day, like `2026-12-25`.
    pub closed_on: Vec<String>,
}

impl Default for HoursTable {
    fn default() -> Self {
        let day = vec!["09:00-17:00".to_owned()];
        HoursTable {
            name: String::new(),
            timezone: "UTC".into(),
            monday: day.clone(),
            tuesday: day.clone(),
            wednesday: day.clone(),
            thursday: day.clone(),
            friday: day,
            saturday: Vec::new(),
            sunday: Vec::new(),
            closed_on: Vec::new(),
        }
    }
}

impl HoursTable {
    /// True if it is open at this moment. Mistakes in the table count as closed; [`HoursTable::check`] names them.
    pub fn open_at(&self, at: &Zoned) -> bool {
        let Some(local) = self.local(at) else { return false };
        let minute = minute_of(local.time());
        self.ranges(local.date()).any(|(from, to)| (from..to).contains(&minute))
    }

    /// When it opens next, as it is spoken ("today at 9", "tomorrow at 9 30", "on Monday at 9"); `None` if it is open
    /// now or not within two weeks.
    pub fn next_opening(&self, at: &Zoned) -> Option<String> {
        if self.open_at(at) {
            return None;
        }
        let local = self.local(at)?;
        let now = minute_of(local.time());
        let mut date = local.date();
        for ahead in 0..LOOK_AHEAD_DAYS {
            let opening = self.ranges(date).map(|(from, _)| from).filter(|from| ahead > 0 || *from > now).min();
            if let Some(from) = opening {
                return Some(format!("{} at {}", spoken_day(ahead, date), spoken_clock(from)));
            }
            date = date.tomorrow().ok()?;
        }
        None
    }

    /// Names every mistake.
    pub fn check(&self, key: &str, problems: &mut Problems) {
        if self.name.trim().is_empty() {
            problems.add(format!("{key}.name"), "is empty; queues refer to it by name");
        }
        if self.zone().is_none() {
            problems.add(format!("{key}.timezone"), format!("`{}` is no IANA time zone; expected one like `Europe/Berlin`", self.timezone));
        }
        for (day, ranges) in self.days() {
            for (n, range) in ranges.iter().enumerate() {
                if let Err(what) = parse_range(range) {
                    problems.add(format!("{key}.{day}[{n}]"), what);
                }
            }
        }
        for (n, date) in self.closed_on.iter().enumerate() {
            if date.parse::<Date>().is_err() {
                problems.add(format!("{key}.closed_on[{n}]"), format!("`{date}` is no date; expected one like `2026-12-25`"));
            }
        }
    }

    fn days(&self) -> [(&'static str, &[String]); 7] {
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

    /// Its time zone, `None` for a name that is none. Only those that are built in count, so that no machine's files change what is open.
    pub fn zone(&self) -> Option<TimeZone> {
        TimeZoneDatabase::bundled().get(&self.timezone).ok()
    }

    fn local(&self, at: &Zoned) -> Option<Zoned> {
        Some(at.with_time_zone(self.zone()?))
    }

    fn ranges(&self, date: Date) -> impl Iterator<Item = (u16, u16)> {
        let closed = self.closed_on.iter().any(|d| d.parse::<Date>().is_ok_and(|d| d == date));
        let ranges = self.days()[date.weekday().to_monday_zero_offset() as usize].1;
        ranges.iter().filter(move |_| !closed).filter_map(|range| parse_range(range).ok())
    }
}

/// `09:00-17:30` as minutes of the day.
fn parse_range(range: &str) -> Result<(u16, u16), String> {
    let expected = || format!("`{range}` is no range of hours; expected one like `09:00-17:30`, its end after its begin");
    let (from, to) = range.split_once('-').ok_or_else(expected)?;
    let from = parse_clock(from.trim()).ok_or_else(expected)?;
    let to = parse_clock(to.trim()).ok_or_else(expected)?;
    if from < to { Ok((from, to)) } else { Err(expected()) }
}

fn parse_clock(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    if hour.len() != 2 || minute.len() != 2 || !(hour.to_owned() + minute).bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
    let total = hour * 60 + minute;
    (minute < 60 && total <= MIDNIGHT).then_some(total)
}

fn minute_of(clock: Clock) -> u16 {
    clock.hour() as u16 * 60 + clock.minute() as u16
}

fn spoken_day(ahead: usize, date: Date) -> String {
    let name = match date.weekday() {
        Weekday::Monday => "Monday",
        Weekday::Tuesday => "Tuesday",
        Weekday::Wednesday => "Wednesday",
        Weekday::Thursday => "Thursday",
        Weekday::Friday => "Friday",
        Weekday::Saturday => "Saturday",
        Weekday::Sunday => "Sunday",
    };
    match ahead {
        0 => "today".into(),
        1 => "tomorrow".into(),
        2..7 => format!("on {name}"),
        7.. => format!("on {name} next week"),
    }
}

/// Minutes of the day as they are spoken: `9 a.m.`, `1 30 p.m.`, `noon`.
fn spoken_clock(minute: u16) -> String {
    let (hour, minute) = (minute / 60, minute % 60);
    if (hour, minute) == (12, 0) {
        return "noon".into();
    }
    let half = if hour < 12 { "a.m." } else { "p.m." };
    let hour = if hour % 12 == 0 { 12 } else { hour % 12 };
    if minute == 0 { format!("{hour} {half}") } else { format!("{hour} {minute:02} {half}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Zoned {
        text.parse().expect("a zoned time of a test")
    }

    fn berlin() -> HoursTable {
        HoursTable {
            name: "shop".into(),
            timezone: "Europe/Berlin".into(),
            saturday: vec!["10:00-12:00".into(), "13:30-14:00".into()],
            closed_on: vec!["2026-03-03".into()],
            ..HoursTable::default()
        }
    }

    #[test]
    fn it_is_open_by_the_clock_of_its_own_zone() {
        let hours = berlin();
        for (when, open) in [
            ("2026-03-02T07:59:59[UTC]", false),
            ("2026-03-02T08:00:00[UTC]", true),
            ("2026-03-02T15:59:59[UTC]", true),
            ("2026-03-02T16:00:00[UTC]", false),
            ("2026-07-06T07:30:00[UTC]", true),
            ("2026-03-03T10:00:00[Europe/Berlin]", false),
            ("2026-03-07T12:30:00[Europe/Berlin]", false),
            ("2026-03-07T13:45:00[Europe/Berlin]", true),
            ("2026-03-08T13:45:00[Europe/Berlin]", false),
        ] {
            assert_eq!(hours.open_at(&at(when)), open, "{when}");
        }
    }

    #[test]
    fn the_next_opening_is_told_as_people_say_it() {
        let hours = berlin();
        for (when, told) in [
            ("2026-03-02T08:00:00[Europe/Berlin]", Some("today at 9 a.m.")),
            ("2026-03-02T12:00:00[Europe/Berlin]", None),
            ("2026-03-02T18:00:00[Europe/Berlin]", Some("on Wednesday at 9 a.m.")),
            ("2026-03-07T12:30:00[Europe/Berlin]", Some("today at 1 30 p.m.")),
            ("2026-03-08T12:30:00[Europe/Berlin]", Some("tomorrow at 9 a.m.")),
        ] {
            assert_eq!(hours.next_opening(&at(when)).as_deref(), told, "{when}");
        }
    }

    #[test]
    fn mistakes_are_named_by_key() {
        let bad = HoursTable {
            timezone: "Mars/Olympus".into(),
            monday: vec!["9-17".into(), "17:00-09:00".into(), "09:00-24:00".into(), "09:60-10:00".into(), "+9:00-10:00".into()],
            closed_on: vec!["25.12.".into()],
            ..HoursTable::default()
        };
        let mut problems = Problems::default();
        bad.check("hours[0]", &mut problems);
        let keys: Vec<&str> = problems.0.iter().map(|p| p.key.as_str()).collect();
        assert_eq!(
            keys,
            [
                "hours[0].name",
                "hours[0].timezone",
                "hours[0].monday[0]",
                "hours[0].monday[1]",
                "hours[0].monday[3]",
                "hours[0].monday[4]",
                "hours[0].closed_on[0]"
            ]
        );
    }
}
