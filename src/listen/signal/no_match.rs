//! `no_match`: the bot found no meaning in what the caller said, by its own report.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::{Problems, SignalKind};
use crate::listen::table::check_weight;
use crate::listen::types::{Signal, Understood};

use super::about::About;

/// `[signal.no_match]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NoMatchTable {
    /// What it adds to the score, 0 to 1. A proposal, not a measurement.
    pub weight: f64,
}

impl Default for NoMatchTable {
    fn default() -> Self {
        NoMatchTable { weight: 0.25 }
    }
}

impl NoMatchTable {
    /// Names every mistake by its key, `key` being the table's own.
    pub fn check(&self, key: &str, problems: &mut Problems) {
        check_weight(problems, key, self.weight);
    }
}

/// Counts how often in a row the bot found no meaning.
#[derive(Clone, Debug)]
pub struct NoMatch {
    weight: f64,
    in_a_row: u32,
}

impl NoMatch {
    /// Nothing counted yet.
    pub fn new(table: &NoMatchTable) -> Self {
        NoMatch { weight: table.weight, in_a_row: 0 }
    }

    /// The bot told how it understood a turn.
    pub fn on_report(&mut self, understood: Understood, about: About) -> Option<Signal> {
        match understood {
            Understood::NoMatch => self.in_a_row += 1,
            Understood::Well => self.in_a_row = 0,
            Understood::Nothing | Understood::Unsure | Understood::OutOfScope | Understood::NoInput => return None,
        }
        let again = if self.in_a_row > 1 { format!(" ({} times in a row)", self.in_a_row) } else { String::new() };
        let why = format!("The bot found no meaning in {}{again}.", about.words());
        (self.in_a_row > 0).then(|| about.signal(SignalKind::NoMatch, f64::from(self.in_a_row), "count", self.weight, why))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Time;

    #[test]
    fn misses_in_a_row_are_counted_until_one_hits() {
        let mut no_match = NoMatch::new(&NoMatchTable::default());
        let about = About { turn: Some(3), said: Some("blah"), start: Time::ZERO, end: Time::ZERO };
        let mut value = |understood| no_match.on_report(understood, about).map(|s| s.value);
        assert_eq!(value(Understood::NoMatch), Some(1.0));
        assert_eq!(value(Understood::NoInput), None);
        assert_eq!(value(Understood::NoMatch), Some(2.0));
        assert_eq!(value(Understood::Well), None);
        assert_eq!(value(Understood::NoMatch), Some(1.0));
    }
}
