//! `raised_volume`: the caller raises their voice against their own calm speech.
//!
//! Push every frame into [`RaisedVolume`], say when turns begin and end, and ask [`RaisedVolume::window`] in each frame
//! of a turn. Judged is vocal effort (pitch, tilt, alpha ratio, flux), which the gain of a line cannot fake: with the
//! caller's own calm baseline by `s`, without one yet by `z`. What is *not* here: how frames become features (`effort`).
//! It measures arousal: joy raises a voice like anger does.

mod baseline;

use std::collections::VecDeque;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::{FRAME_MICROS, Problems, Time};
use crate::listen::effort::stats::{Scratch, Voice};
use crate::listen::effort::{DecidedFrame, FrameEffort, LATE_FRAMES};
use baseline::{Baseline, Judged};

/// Frames that are remembered: 30 s. Of a longer turn only its last 30 s are judged.
const MEMORY_FRAMES: usize = 1_500;
/// A window has so many frames with pitch.
const VOICED_FRAMES: usize = 60;
/// A turn with fewer loud frames with pitch neither fires nor enters the baseline. Measured on acted sentences (1 to 4 s):
/// at 60 frames most turns are too short (recall 0.34), at 40 recall is 0.85, at 20 it is 0.96, with no false alarm at any.
const TURN_VOICED_FRAMES: usize = 20;
/// A window is at most so long.
const WINDOW_FRAMES: usize = 240;
/// A window is looked at every so many frames.
const EVERY_FRAMES: u32 = 10;

/// How the signal `raised_volume` is measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RaisedVolumeTable {
    /// Whether it is listened for.
    pub enabled: bool,
    /// With the caller's own calm voice known: the rise in effort (`s`) from which a voice is raised.
    pub threshold_s: f64,
    /// Before it is known: the effort (`z`) from which a voice is raised.
    pub threshold_z: f64,
    /// Within one turn, a further hit comes no sooner than so many seconds after the one before.
    pub again_after_secs: f64,
    /// What a hit adds to the frustration score, 0 to 1.
    pub weight: f64,
}

impl Default for RaisedVolumeTable {
    fn default() -> Self {
        RaisedVolumeTable { enabled: true, threshold_s: 2.0, threshold_z: 2.0, again_after_secs: 5.0, weight: 0.3 }
    }
}

impl RaisedVolumeTable {
    /// Names every mistake by its key.
    pub fn check(&self, key: &str, problems: &mut Problems) {
        for (name, value) in [("threshold_s", self.threshold_s), ("threshold_z", self.threshold_z)] {
            if !(value > 0.0 && value <= 10.0) {
                problems.add(format!("{key}.{name}"), format!("{value} should lie above 0 and not above 10 (2 is what was measured)"));
            }
        }
        if !(self.again_after_secs >= 1.0 && self.again_after_secs <= 3_600.0) {
            problems.add(format!("{key}.again_after_secs"), format!("{} should lie between 1 and 3600 seconds", self.again_after_secs));
        }
        if !(0.0..=1.0).contains(&self.weight) {
            problems.add(format!("{key}.weight"), format!("{} should lie between 0 and 1", self.weight));
        }
    }
}

/// A raised voice.
#[derive(Clone, Debug, PartialEq)]
pub struct EffortHit {
    /// Where the raised voice begins.
    pub start: Time,
    /// Where what was judged ends.
    pub end: Time,
    /// How much.
    pub value: f64,
    /// `s` against the caller's own calm voice, `z` without knowing it.
    pub unit: &'static str,
    /// A sentence for a supervisor.
    pub why: String,
}

/// One remembered frame.
#[derive(Clone, Copy, Debug)]
struct Heard {
    /// When it ended.
    at: Time,
    speech: bool,
    frame: DecidedFrame,
}

/// A turn under way.
#[derive(Clone, Debug)]
struct Turn {
    began: Time,
    frames: u32,
    /// A window over the threshold that waits for another which does not overlap it.
    first: Option<Over>,
    last_hit: Option<LastHit>,
}

/// The turn's last hit: when it was found, and where it ended.
#[derive(Clone, Copy, Debug)]
struct LastHit {
    found: Time,
    end: Time,
}

/// A stretch over the threshold.
#[derive(Clone, Copy, Debug)]
struct Over {
    start: Time,
    end: Time,
    judged: Judged,
}

/// Follows the effort of one talker.
#[derive(Clone, Debug)]
pub struct RaisedVolume {
    table: RaisedVolumeTable,
    heard: VecDeque<Heard>,
    scratch: Scratch,
    baseline: Baseline,
    turn: Option<Turn>,
}

impl RaisedVolume {
    /// Knows nothing of the caller yet.
    pub fn new(table: &RaisedVolumeTable) -> Self {
        RaisedVolume {
            table: table.clone(),
            heard: VecDeque::with_capacity(MEMORY_FRAMES),
            scratch: Scratch::new(MEMORY_FRAMES),
            baseline: Baseline::default(),
            turn: None,
        }
    }

    /// Takes what the frame that ends `at` tells, and whether the near talker speaks in it.
    pub fn push(&mut self, effort: &FrameEffort, speech: bool, at: Time) {
        if let Some(turn) = &mut self.turn {
            turn.frames = turn.frames.saturating_add(1);
        }
        let Some(frame) = effort.decided else { return };
        if self.heard.len() == MEMORY_FRAMES {
            self.heard.pop_front();
        }
        self.heard.push_back(Heard { at: at.back(frames(LATE_FRAMES)), speech, frame });
    }

    /// A turn began `at` this moment, which may be earlier than the last frame pushed.
    pub fn turn_began(&mut self, at: Time) {
        self.turn = Some(Turn { began: at, frames: 0, first: None, last_hit: None });
    }

    /// Looks at the last 60 voiced frames of the turn, every tenth frame; a hit where two windows apart are over the threshold.
    pub fn window(&mut self, now: Time) -> Option<EffortHit> {
        let turn = self.turn.as_ref()?;
        if !self.table.enabled || turn.frames % EVERY_FRAMES != 0 {
            return None;
        }
        let over = self.over(self.window_begins()?, now)?;
        let again_after = Duration::from_secs_f64(self.table.again_after_secs);
        let turn = self.turn.as_mut()?;
        if turn.last_hit.is_some_and(|last| over.start < last.end) {
            return None;
        }
        let Some(first) = turn.first else {
            turn.first = Some(over);
            return None;
        };
        if over.start < first.end || turn.last_hit.is_some_and(|last| now.since(last.found) < again_after) {
            return None;
        }
        turn.last_hit = Some(LastHit { found: now, end: over.end });
        turn.first = None;
        Some(hit(first.start, over.end, over.judged))
    }

    /// The turn is over: judges the whole of it, and lets a calm one into the baseline.
    pub fn turn_ended(&mut self, now: Time) -> Option<EffortHit> {
        let turn = self.turn.take()?;
        let from = self.index_of(turn.began);
        let voice = self.voice(from)?;
        if voice.voiced_frames < TURN_VOICED_FRAMES {
            return None;
        }
        let judged = self.baseline.judge(&voice);
        self.baseline.learn(&voice);
        let fires = self.table.enabled && turn.last_hit.is_none() && self.is_over(&judged);
        fires.then(|| {
            let (start, end) = self.span(from, now);
            hit(start, end, judged)
        })
    }

    /// Where the window begins that ends with the last frame; `None` if it has too few frames with pitch.
    fn window_begins(&self) -> Option<usize> {
        let from = self.index_of(self.turn.as_ref()?.began).max(self.heard.len().saturating_sub(WINDOW_FRAMES));
        let mut voiced = 0;
        for (n, heard) in self.heard.iter().enumerate().skip(from).rev() {
            voiced += usize::from(heard.speech && heard.frame.f0_semitones.is_some());
            if voiced == VOICED_FRAMES {
                return Some(n);
            }
        }
        None
    }

    /// The stretch from there to the last frame, if it is over the threshold.
    fn over(&mut self, from: usize, now: Time) -> Option<Over> {
        let voice = self.voice(from)?;
        let judged = self.baseline.judge(&voice);
        self.is_over(&judged).then(|| {
            let (start, end) = self.span(from, now);
            Over { start, end, judged }
        })
    }

    fn voice(&mut self, from: usize) -> Option<Voice> {
        let frames = self.heard.range(from..).filter(|heard| heard.speech).map(|heard| &heard.frame);
        Voice::of(frames, &mut self.scratch)
    }

    fn is_over(&self, judged: &Judged) -> bool {
        match judged {
            Judged::Relative { s, .. } => *s >= self.table.threshold_s,
            Judged::Absolute { z } => *z >= self.table.threshold_z,
        }
    }

    /// First and last sound with pitch of a stretch.
    fn span(&self, from: usize, now: Time) -> (Time, Time) {
        let mut voiced = self.heard.range(from..).filter(|heard| heard.speech && heard.frame.f0_semitones.is_some());
        let first = voiced.next().map_or(now, |heard| heard.at.back(frames(1)));
        (first, voiced.next_back().map_or(now, |heard| heard.at))
    }

    /// The first remembered frame that ends after this moment.
    fn index_of(&self, at: Time) -> usize {
        self.heard.partition_point(|heard| heard.at <= at)
    }
}

fn frames(n: usize) -> Duration {
    Duration::from_micros(FRAME_MICROS * n as u64)
}

fn hit(start: Time, end: Time, judged: Judged) -> EffortHit {
    let (value, unit) = match judged {
        Judged::Relative { s, .. } => (s, "s"),
        Judged::Absolute { z } => (z, "z"),
    };
    EffortHit { start, end, value, unit, why: judged.to_string() }
}
