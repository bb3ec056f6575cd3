//! `no_progress`: turns go by without a new slot or answer.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::{Problems, SignalKind, Time};
use crate::listen::table::check_weight;
use crate::listen::types::Signal;

use super::about::About;

/// `[signal.no_progress]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NoProgressTable {
    /// What it adds to the score, 0 to 1. A proposal, not a measurement.
    pub weight: f64,
    /// This many of the caller's turns in a row without a new slot or answer.
    pub turns: u32,
}

impl Default for NoProgressTable {
    fn default() -> Self {
        NoProgressTable { weight: 0.25, turns: 3 }
    }
}

impl NoProgressTable {
    /// Names every mistake by its key, `key` being the table's own.
    pub fn check(&self, key: &str, problems: &mut Problems) {
        check_weight(problems, key, self.weight);
        if self.turns == 0 {
            problems.add(format!("{key}.turns"), "is 0; must be at least 1");
        }
    }
}

/// Counts turns that brought nothing.
#[derive(Clone, Debug)]
pub struct NoProgress {
    table: NoProgressTable,
    in_vain: u32,
    since: Time,
}

impl NoProgress {
    /// Nothing counted yet.
    pub fn new(table: &NoProgressTable) -> Self {
        NoProgress { table: table.clone(), in_vain: 0, since: Time::ZERO }
    }

    /// The bot answered a turn.
    pub fn on_report(&mut self, progress: bool, about: About) -> Option<Signal> {
        if progress {
            self.in_vain = 0;
            return None;
        }
        if self.in_vain == 0 {
            self.since = about.start;
        }
        self.in_vain += 1;
        let about = About { start: self.since, ..about };
        let why = format!("{} turns without a new answer, the last about {}.", self.in_vain, about.words());
        (self.in_vain >= self.table.turns.max(1))
            .then(|| about.signal(SignalKind::NoProgress, f64::from(self.in_vain), "count", self.table.weight, why))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_turns_in_vain_are_told_from_the_first_one_on() {
        let mut no_progress = NoProgress::new(&NoProgressTable::default());
        let about = |n: u64| About { turn: Some(n as u32), said: None, start: Time::from_millis(n * 1_000), end: Time::from_millis(n * 1_000 + 500) };
        assert!(no_progress.on_report(false, about(1)).is_none());
        assert!(no_progress.on_report(true, about(2)).is_none());
        assert!(no_progress.on_report(false, about(3)).is_none());
        assert!(no_progress.on_report(false, about(4)).is_none());
        let signal = no_progress.on_report(false, about(5)).expect("the third in a row");
        assert_eq!((signal.start, signal.end, signal.value), (Time::from_millis(3_000), Time::from_millis(5_500), 3.0));
    }
}
