//! The frustration score: what the signals add up to, fading with time.
//!
//! Each kind contributes 1 − Π(1 − wᵢ·½^(ageᵢ/half-life)) over its signals, at most `cap` × its weight, so that ten
//! times the same is not ten times as bad; the score is 1 − Π(1 − contribution) over the kinds (a noisy-or, Pearl 1988).
//! Weights, half-life and cap are proposals; nothing here was fitted.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::{Problems, SignalKind, Time};
use crate::listen::table::{check_range, secs};
use crate::listen::types::{Score, Signal};

/// Below this the score counts as none, and is told no more.
pub const FLOOR: f64 = 0.01;
/// How often a fading score is told.
pub const STEP: Duration = Duration::from_secs(1);
/// No kind alone makes certain.
const HIGHEST: f64 = 0.95;
/// Signals of a kind that are remembered; older ones have faded or are beyond the cap.
const REMEMBERED: usize = 8;

/// `[signal.fusion]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FusionTable {
    /// After this time a signal counts half.
    pub half_life_secs: f64,
    /// All signals of a kind together count at most this many times the weight of one (and never above 0.95).
    pub cap: f64,
}

impl Default for FusionTable {
    fn default() -> Self {
        FusionTable { half_life_secs: 60.0, cap: 2.0 }
    }
}

impl FusionTable {
    /// Names every mistake by its key, `key` being the table's own.
    pub fn check(&self, key: &str, problems: &mut Problems) {
        check_range(problems, &format!("{key}.half_life_secs"), self.half_life_secs, 1.0..=3600.0);
        check_range(problems, &format!("{key}.cap"), self.cap, 1.0..=10.0);
    }
}

/// Adds signals up.
#[derive(Clone, Debug)]
pub struct Fusion {
    half_life: Duration,
    cap: f64,
    /// By kind: when, and how much then. Oldest first, `REMEMBERED` at most.
    heard: Vec<(SignalKind, Vec<(Time, f64)>)>,
}

impl Fusion {
    /// Nothing heard yet.
    pub fn new(table: &FusionTable) -> Self {
        let heard = SignalKind::ALL.into_iter().map(|kind| (kind, Vec::with_capacity(REMEMBERED))).collect();
        Fusion { half_life: secs(table.half_life_secs).max(Duration::from_secs(1)), cap: table.cap.max(1.0), heard }
    }

    /// A signal is told `now`.
    pub fn add(&mut self, signal: &Signal, now: Time) {
        let Some((_, heard)) = self.heard.iter_mut().find(|(kind, _)| *kind == signal.kind) else { return };
        if heard.len() == REMEMBERED {
            heard.remove(0);
        }
        heard.push((now, signal.weight.clamp(0.0, 1.0)));
    }

    /// The score `now` and its parts; below [`FLOOR`] everything is forgotten and the score is 0.
    pub fn score(&mut self, now: Time) -> Score {
        let mut score = Score::default();
        let mut calm = 1.0;
        for (kind, heard) in &self.heard {
            let part = self.part(heard, now);
            if part > 0.0 {
                calm *= 1.0 - part;
                score.parts.insert(*kind, part);
            }
        }
        score.score = 1.0 - calm;
        if score.score <= FLOOR {
            self.heard.iter_mut().for_each(|(_, heard)| heard.clear());
            return Score::default();
        }
        score
    }

    fn part(&self, heard: &[(Time, f64)], now: Time) -> f64 {
        let faded = |at: Time| 0.5_f64.powf(now.since(at).as_secs_f64() / self.half_life.as_secs_f64());
        let calm: f64 = heard.iter().map(|(at, weight)| 1.0 - weight * faded(*at)).product();
        let most = heard.iter().map(|(_, weight)| *weight).fold(0.0, f64::max);
        (1.0 - calm).min((most * self.cap).min(HIGHEST))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signal(kind: SignalKind, weight: f64) -> Signal {
        Signal { kind, start: Time::ZERO, end: Time::ZERO, value: 1.0, unit: "count", weight, why: String::new(), turn: None }
    }

    #[test]
    fn a_signal_counts_half_after_the_half_life() {
        let mut fusion = Fusion::new(&FusionTable::default());
        fusion.add(&signal(SignalKind::Repeat, 0.4), Time::ZERO);
        assert!((fusion.score(Time::ZERO).score - 0.4).abs() < 1e-12);
        assert!((fusion.score(Time::from_millis(60_000)).score - 0.2).abs() < 1e-12);
        assert_eq!(fusion.score(Time::from_millis(60_000)).parts.keys().copied().collect::<Vec<_>>(), [SignalKind::Repeat]);
    }

    #[test]
    fn kinds_add_up_and_ten_of_one_kind_are_capped() {
        let mut fusion = Fusion::new(&FusionTable::default());
        (0..10).for_each(|_| fusion.add(&signal(SignalKind::NoMatch, 0.25), Time::ZERO));
        assert!((fusion.score(Time::ZERO).score - 0.5).abs() < 1e-12);
        fusion.add(&signal(SignalKind::Request, 0.9), Time::ZERO);
        let score = fusion.score(Time::ZERO);
        assert!((score.score - 0.95).abs() < 1e-12, "{score:?}");
        assert_eq!(score.parts.len(), 2);
    }

    #[test]
    fn what_has_faded_is_forgotten() {
        let mut fusion = Fusion::new(&FusionTable::default());
        fusion.add(&signal(SignalKind::NoInput, 0.15), Time::ZERO);
        assert!(fusion.score(Time::from_millis(200_000)).score > FLOOR);
        assert_eq!(fusion.score(Time::from_millis(300_000)), Score::default());
    }

    #[test]
    fn odd_weights_stay_within_bounds() {
        let mut fusion = Fusion::new(&FusionTable { half_life_secs: 0.0, cap: f64::NAN });
        for weight in [5.0, -1.0] {
            fusion.add(&signal(SignalKind::Request, weight), Time::ZERO);
        }
        assert!((0.0..=1.0).contains(&fusion.score(Time::ZERO).score));
    }
}
