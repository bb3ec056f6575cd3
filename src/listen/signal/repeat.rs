//! `repeat` in sound: the caller says the same again, in any language and with no recognizer.
//!
//! Push a turn's frames into a [`SoundSketch`]; at its end [`SoundSketch::finish`] gives a [`TurnSound`], and
//! [`RecentTurns::compare`] a [`Comparison`] with the caller's last turns. Run that off the media thread
//! ([`Comparison::run`] is pure) and bring back the [`Verdict`]. Comparing is dynamic time warping of one turn within
//! the other over seven cepstral features and their deltas. What is *not* here: similarity of words, and whether the
//! repeated thing was asked for again.

mod features;
mod sketch;
mod warp;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::{Problems, Time};
use features::{Features, Logarithms, STRETCHES};
pub use sketch::{SoundSketch, TurnSound};

/// Stretching the frequencies is only tried where the plain cost is at most so far above the threshold.
const WORTH_STRETCHING: f64 = 0.05;
/// What each dB of noise below [`CLEAN_DB`] adds to the threshold.
const ALLOWANCE_PER_DB: f64 = 0.004;
/// A line with this distance between speech and noise is clean.
const CLEAN_DB: f64 = 30.0;
/// Noise beyond so many dB below clean adds no more.
const ALLOWANCE_DB: f64 = 20.0;

/// How the signal `repeat` is measured in sound.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RepeatTable {
    /// Whether it is listened for.
    pub enabled: bool,
    /// Two turns are the same up to this cost.
    pub threshold: f64,
    /// The same where both turns are angry: shouted sentences sound more alike.
    pub threshold_angry: f64,
    /// A turn is compared with at most so many earlier ones, 1 to 50.
    pub turns: usize,
    /// A turn is compared with those that ended at most so many seconds before.
    pub within_secs: f64,
    /// What a hit adds to the frustration score, 0 to 1.
    pub weight: f64,
}

impl Default for RepeatTable {
    fn default() -> Self {
        RepeatTable { enabled: true, threshold: 0.592, threshold_angry: 0.572, turns: 12, within_secs: 180.0, weight: 0.3 }
    }
}

impl RepeatTable {
    /// Names every mistake by its key.
    pub fn check(&self, key: &str, problems: &mut Problems) {
        for (name, value) in [("threshold", self.threshold), ("threshold_angry", self.threshold_angry)] {
            if !(value > 0.0 && value <= 1.0) {
                problems.add(
                    format!("{key}.{name}"),
                    format!("{value} should lie above 0 and not above 1 (0.592 lets one false repeat in a hundred through)"),
                );
            }
        }
        if !(1..=50).contains(&self.turns) {
            problems.add(format!("{key}.turns"), format!("{} should lie between 1 and 50", self.turns));
        }
        if !(self.within_secs > 0.0 && self.within_secs <= 3_600.0) {
            problems.add(format!("{key}.within_secs"), format!("{} should lie above 0 and not above 3600 seconds", self.within_secs));
        }
        if !(0.0..=1.0).contains(&self.weight) {
            problems.add(format!("{key}.weight"), format!("{} should lie between 0 and 1", self.weight));
        }
    }
}

/// The caller's last turns, to compare the next one with.
#[derive(Clone, Debug)]
pub struct RecentTurns {
    table: RepeatTable,
    turns: VecDeque<(u32, Time, Arc<TurnSound>)>,
}

impl RecentTurns {
    /// None yet.
    pub fn new(table: &RepeatTable) -> Self {
        RecentTurns { table: table.clone(), turns: VecDeque::with_capacity(table.turns.min(64)) }
    }

    /// Remembers this turn that ended `now`; gives its comparison with the turns before, `None` if there are none.
    pub fn compare(&mut self, turn: u32, sound: TurnSound, now: Time) -> Option<Comparison> {
        let within = Duration::try_from_secs_f64(self.table.within_secs).unwrap_or(Duration::MAX);
        self.turns.retain(|(_, ended, _)| now.since(*ended) <= within);
        while self.turns.len() > self.table.turns {
            self.turns.pop_front();
        }
        let query = Arc::new(sound);
        let candidates: Vec<_> = self.turns.iter().map(|(other, _, sound)| (*other, Arc::clone(sound))).collect();
        self.turns.push_back((turn, now, Arc::clone(&query)));
        if !self.table.enabled || candidates.is_empty() {
            return None;
        }
        Some(Comparison { turn, query, candidates, threshold: self.table.threshold, threshold_angry: self.table.threshold_angry })
    }
}

/// Turns to be compared in sound, off the media thread.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// The turn that may be a repetition.
    pub turn: u32,
    /// Its sound.
    pub query: Arc<TurnSound>,
    /// The turns before it.
    pub candidates: Vec<(u32, Arc<TurnSound>)>,
    /// Two turns are the same up to this cost.
    pub threshold: f64,
    /// The same where both turns are angry.
    pub threshold_angry: f64,
}

/// What the comparison found.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// The turn that was compared.
    pub turn: u32,
    /// The turn that it repeats; `None` if it repeats none.
    pub best: Option<RepeatMatch>,
}

/// A turn that sounds the same.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RepeatMatch {
    /// The earlier turn.
    pub other: u32,
    /// How much they differ, 0 (the same samples) to 2.
    pub cost: f64,
    /// Up to which cost they count as the same.
    pub threshold: f64,
}

impl Comparison {
    /// Compares; pure.
    pub fn run(&self) -> Verdict {
        let mut query = Compared::of(&self.query);
        let closest = self.candidates.iter().map(|(other, sound)| self.against(&mut query, *other, sound));
        let best = closest.filter(|m| m.cost <= m.threshold).min_by(|a, b| (a.cost - a.threshold).total_cmp(&(b.cost - b.threshold)));
        Verdict { turn: self.turn, best }
    }

    fn against(&self, query: &mut Compared, other: u32, sound: &TurnSound) -> RepeatMatch {
        let both_angry = self.query.angry && sound.angry;
        let clean = if both_angry { self.threshold_angry } else { self.threshold };
        let snr = f64::from(self.query.snr_db().min(sound.snr_db()));
        let threshold = clean + ALLOWANCE_PER_DB * (CLEAN_DB - snr).clamp(0.0, ALLOWANCE_DB);
        let mut sound = Compared::of(sound);
        let mut cost = warp::cost(&query.plain, &sound.plain);
        if cost <= threshold + WORTH_STRETCHING {
            cost = cost.min(stretched_cost(query, &mut sound));
        }
        RepeatMatch { other, cost, threshold }
    }
}

/// A turn as it is compared.
struct Compared {
    logarithms: Logarithms,
    plain: Features,
    /// With its frequencies stretched, once that was needed.
    stretched: Option<[Features; STRETCHES.len()]>,
}

impl Compared {
    fn of(sound: &TurnSound) -> Self {
        let logarithms = Logarithms::of(sound);
        let plain = logarithms.features(1.0);
        Compared { logarithms, plain, stretched: None }
    }

    fn stretch(&mut self) -> &[Features; STRETCHES.len()] {
        self.stretched.get_or_insert_with(|| STRETCHES.map(|by| self.logarithms.features(by)))
    }
}

/// What it costs to find the shorter turn in the longer one with the frequencies of either stretched, the cheapest of all.
fn stretched_cost(a: &mut Compared, b: &mut Compared) -> f64 {
    let ours = a.stretch().iter().map(|stretched| warp::cost(stretched, &b.plain)).fold(f64::INFINITY, f64::min);
    b.stretch().iter().map(|stretched| warp::cost(stretched, &a.plain)).fold(ours, f64::min)
}
