//! `key_mash`: keys pressed wildly, or the same key hammered.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::{Key, Problems, SignalKind, Time};
use crate::listen::table::{check_range, check_weight, secs};
use crate::listen::types::Signal;

/// Keys that are remembered: more than this within the window is a mash in any case.
const REMEMBERED: usize = 16;

/// `[signal.key_mash]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct KeyMashTable {
    /// What it adds to the score, 0 to 1. A proposal, not a measurement.
    pub weight: f64,
    /// This many keys within `within_secs` that answer no question are a mash; so are as many presses of one key.
    pub keys: usize,
    /// Where they are counted.
    pub within_secs: f64,
}

impl Default for KeyMashTable {
    fn default() -> Self {
        KeyMashTable { weight: 0.3, keys: 5, within_secs: 3.0 }
    }
}

impl KeyMashTable {
    /// Names every mistake by its key, `key` being the table's own.
    pub fn check(&self, key: &str, problems: &mut Problems) {
        check_weight(problems, key, self.weight);
        check_range(problems, &format!("{key}.within_secs"), self.within_secs, 0.5..=30.0);
        if !(2..=REMEMBERED).contains(&self.keys) {
            problems.add(format!("{key}.keys"), format!("is {}; must be between 2 and {REMEMBERED}", self.keys));
        }
    }
}

/// Listens for keys pressed wildly.
#[derive(Clone, Debug)]
pub struct KeyMash {
    weight: f64,
    keys: usize,
    within: Duration,
    /// Press, key, and whether it answered a question.
    pressed: Vec<(Time, Key, bool)>,
    told: bool,
}

impl KeyMash {
    /// Listens for what the table says.
    pub fn new(table: &KeyMashTable) -> Self {
        let keys = table.keys.clamp(2, REMEMBERED);
        KeyMash { weight: table.weight, keys, within: secs(table.within_secs), pressed: Vec::with_capacity(REMEMBERED), told: false }
    }

    /// A key was pressed; `answering` says whether the bot had asked something. One signal for each burst.
    pub fn on_key(&mut self, key: Key, answering: bool, now: Time) -> Option<Signal> {
        let within = self.within;
        self.pressed.retain(|(at, _, _)| now.since(*at) <= within);
        if self.pressed.is_empty() {
            self.told = false;
        }
        if self.pressed.len() == REMEMBERED {
            self.pressed.remove(0);
        }
        self.pressed.push((now, key, answering));
        let idle = self.pressed.iter().filter(|(_, _, answering)| !answering).count();
        let same = self.pressed.iter().filter(|(_, k, _)| *k == key).count();
        if self.told || idle.max(same) < self.keys {
            return None;
        }
        self.told = true;
        let start = self.pressed.first().map_or(now, |(at, _, _)| *at);
        let seconds = now.since(start).as_secs_f64();
        let why = if same >= self.keys {
            format!("Pressed {} {same} times within {seconds:.1} s.", key.label())
        } else {
            format!("Pressed {idle} keys within {seconds:.1} s, though nothing was asked.")
        };
        let value = idle.max(same) as f64;
        Some(Signal { kind: SignalKind::KeyMash, start, end: now, value, unit: "count", weight: self.weight, why, turn: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signals(keys: &str, step_ms: u64, answering: bool) -> usize {
        let mut mash = KeyMash::new(&KeyMashTable::default());
        let at = |n: usize| Time::from_millis(10_000 + n as u64 * step_ms);
        keys.chars().enumerate().filter_map(|(n, c)| mash.on_key(Key::new(c).expect("a key"), answering, at(n))).count()
    }

    #[test]
    fn wild_and_hammered_keys_are_told_once_and_numbers_never() {
        for (keys, step_ms, answering, told) in [
            ("15937", 200, false, 1),
            ("1593726840", 200, false, 1),
            ("0000000", 200, true, 1),
            ("1593726", 200, true, 0),
            ("1593", 200, false, 0),
            ("15937", 900, false, 0),
        ] {
            assert_eq!(signals(keys, step_ms, answering), told, "{keys}");
        }
    }

    #[test]
    fn a_limit_that_makes_no_sense_is_named() {
        let mut problems = Problems::default();
        KeyMashTable { keys: 1, within_secs: 0.0, weight: 0.3 }.check("signal.key_mash", &mut problems);
        assert_eq!(problems.0.len(), 2);
    }
}
