//! The caller's own calm voice, and how far a voice is from it.

use std::collections::VecDeque;
use std::fmt;

use crate::listen::effort::stats::Voice;

/// The baseline is known from so many accepted turns on.
const ENOUGH_TURNS: usize = 3;
/// It is the median of so many accepted turns.
const KEPT_TURNS: usize = 8;
/// After so many turns without a baseline the gate is widened.
const PATIENT_TURNS: u32 = 8;
/// Without a baseline a turn is calm below this `z`.
const CALM_Z_AT_FIRST: f64 = 0.0;
/// At any time a turn is calm only below this `z`.
const CALM_Z: f64 = 2.0;
/// With a baseline a turn is calm below this `s`.
const CALM_S: f64 = 1.0;
/// Semitones, dB an octave and dB that count as one step of effort.
const STEP: (f64, f64, f64) = (4.0, 3.0, 4.0);
/// What tilt and alpha weigh against pitch.
const BRIGHTNESS_WEIGHT: f64 = 0.5;
/// One step counts at most so much, down and up, so that pitch alone is never enough.
const STEP_RANGE: (f64, f64) = (-1.0, 1.5);

/// A voice, judged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Judged {
    /// Against the caller's own calm voice.
    Relative {
        /// Rise in effort.
        s: f64,
        /// Semitones above the baseline.
        semitones: f64,
        /// True if tilt or alpha rose too.
        brighter: bool,
    },
    /// Without knowing it.
    Absolute {
        /// Effort.
        z: f64,
    },
}

impl fmt::Display for Judged {
    /// A sentence for a supervisor.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Judged::Relative { semitones, brighter: true, .. } => {
                write!(f, "Speaks {semitones:.1} semitones higher and brighter than in their own calm turns")
            }
            Judged::Relative { semitones, brighter: false, .. } => write!(f, "Speaks {semitones:.1} semitones higher than in their own calm turns"),
            Judged::Absolute { .. } => f.write_str("Sounds high, bright and pressed, before their calm voice is known"),
        }
    }
}

/// The last calm turns.
#[derive(Clone, Debug, Default)]
pub(super) struct Baseline {
    /// At most [`KEPT_TURNS`].
    calm: VecDeque<Voice>,
    /// Turns that were offered before the baseline was known.
    offered: u32,
}

impl Baseline {
    /// How much effort is in this voice.
    pub(super) fn judge(&self, voice: &Voice) -> Judged {
        let Some(own) = self.own() else { return Judged::Absolute { z: absolute(voice) } };
        let rise = |now: f32, then: f32, step: f64| (f64::from(now - then) / step).clamp(STEP_RANGE.0, STEP_RANGE.1);
        let tilt = rise(voice.tilt, own.tilt, STEP.1);
        let alpha = rise(voice.alpha, own.alpha, STEP.2);
        Judged::Relative {
            s: rise(voice.f0_semitones, own.f0_semitones, STEP.0) + BRIGHTNESS_WEIGHT * (tilt + alpha),
            semitones: f64::from(voice.f0_semitones - own.f0_semitones),
            brighter: tilt + alpha > 0.0,
        }
    }

    /// A whole turn's voice: kept if it is calm.
    pub(super) fn learn(&mut self, voice: &Voice) {
        self.offered = self.offered.saturating_add(1);
        let z = absolute(voice);
        let calm = match self.judge(voice) {
            Judged::Relative { s, .. } => s < CALM_S && z < CALM_Z,
            Judged::Absolute { z } => z < if self.offered > PATIENT_TURNS { CALM_Z } else { CALM_Z_AT_FIRST },
        };
        if calm {
            if self.calm.len() == KEPT_TURNS {
                self.calm.pop_front();
            }
            self.calm.push_back(*voice);
        }
    }

    /// The median of the calm turns, once there are enough.
    fn own(&self) -> Option<Voice> {
        let n = self.calm.len();
        if n < ENOUGH_TURNS {
            return None;
        }
        let median = |of: fn(&Voice) -> f32| {
            let mut values = [0.0; KEPT_TURNS];
            for (value, voice) in values.iter_mut().zip(&self.calm) {
                *value = of(voice);
            }
            values[..n].sort_unstable_by(f32::total_cmp);
            0.5 * (values[(n - 1) / 2] + values[n / 2])
        };
        Some(Voice {
            f0_semitones: median(|v| v.f0_semitones),
            tilt: median(|v| v.tilt),
            alpha: median(|v| v.alpha),
            flux: median(|v| v.flux),
            voiced_frames: 0,
        })
    }
}

/// Effort without a baseline, from acted speech of ten speakers: 0 is calm, 2 is raised.
fn absolute(voice: &Voice) -> f64 {
    const TILT: f64 = 0.64;
    const FLUX: f64 = 44.0;
    const F0: f64 = 0.22;
    const CALM: f64 = 21.8;
    TILT * f64::from(voice.tilt) + FLUX * f64::from(voice.flux) + F0 * f64::from(voice.f0_semitones) - CALM
}
