//! `long_silence`: the caller says nothing for long, though nothing is played to them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use std::time::Duration;

use crate::base::{Problems, SignalKind, Time};
use crate::listen::table::{check_range, check_weight, secs};
use crate::listen::types::Signal;

/// `[signal.long_silence]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LongSilenceTable {
    /// What it adds to the score, 0 to 1. A proposal, not a measurement.
    pub weight: f64,
    /// Silence of the caller, with nothing played, that counts as long.
    pub after_secs: f64,
}

impl Default for LongSilenceTable {
    fn default() -> Self {
        LongSilenceTable { weight: 0.15, after_secs: 10.0 }
    }
}

impl LongSilenceTable {
    /// Names every mistake by its key, `key` being the table's own.
    pub fn check(&self, key: &str, problems: &mut Problems) {
        check_weight(problems, key, self.weight);
        check_range(problems, &format!("{key}.after_secs"), self.after_secs, 2.0..=600.0);
    }

    /// How long is long.
    pub fn after(&self) -> Duration {
        secs(self.after_secs)
    }

    /// It has been silent for so long.
    pub fn signal(&self, now: Time) -> Signal {
        let value = self.after().as_secs_f64();
        let why = format!("The caller has said nothing for {value:.0} s.");
        let start = now.back(self.after());
        Signal { kind: SignalKind::LongSilence, start, end: now, value, unit: "sec", weight: self.weight, why, turn: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_span_is_the_silence() {
        let signal = LongSilenceTable::default().signal(Time::from_millis(30_000));
        assert_eq!((signal.start, signal.end, signal.value), (Time::from_millis(20_000), Time::from_millis(30_000), 10.0));
    }
}
