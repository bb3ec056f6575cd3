//! Brings every line to about the same level, because the detector's own features are not free of gain.

/// Where the loudest sounds of the line are brought to, dB re full scale.
const TARGET_DB: f32 = -22.0;
/// How fast the line's level follows louder sounds, a frame.
const RISE: f32 = 0.2;
/// How fast it forgets them, dB a frame (1 dB a second).
const FALL_DB: f32 = 0.02;
/// Never more gain than this, nor less.
const GAIN_DB: (f32, f32) = (-12.0, 30.0);

/// Follows the level of the loudest sounds.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Leveller {
    loudest: Option<f32>,
}

impl Leveller {
    /// Takes a frame's level in dB; gives the factor to apply to it.
    pub(super) fn gain(&mut self, level: f32) -> f32 {
        let loudest = match self.loudest {
            Some(loudest) if level > loudest => loudest + (level - loudest) * RISE,
            Some(loudest) => (loudest - FALL_DB).max(level),
            None => level,
        };
        self.loudest = Some(loudest);
        self.now()
    }

    /// The factor as it is now.
    pub(super) fn now(&self) -> f32 {
        self.loudest.map_or(1.0, |loudest| 10.0_f32.powf((TARGET_DB - loudest).clamp(GAIN_DB.0, GAIN_DB.1) / 20.0))
    }
}
