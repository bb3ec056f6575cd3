//! The near-talker gate: passes what is about as loud as the talker on this line, not what is heard behind them.

/// How fast the talker's level follows louder and quieter speech, a frame.
const TALKER_RISE: f32 = 0.10;
/// See [`TALKER_RISE`].
const TALKER_FALL: f32 = 0.005;
/// Frames further below the talker's level do not move it.
const TALKER_WITHIN_DB: f32 = 20.0;
/// How fast the background's level follows, a frame.
const BACKGROUND_RISE: f32 = 0.05;
/// See [`BACKGROUND_RISE`].
const BACKGROUND_FALL: f32 = 0.02;
/// The background is not taken for quieter than so far below the talker: beyond it the gate is as wide as it gets.
const BACKGROUND_WITHIN_DB: f32 = 40.0;
/// The background begins at the median of so many frames.
const FIRST_FRAMES: usize = 25;
/// Of the distance between talker and background, what the gate is open for.
const OPEN_SHARE: f32 = 0.65;
/// The gate is open for at least so much, and at most.
const OPEN_DB: (f32, f32) = (4.0, 15.0);
/// What is detected, but has had no pitch for about a second, is noise: a detector's memory can hang in it. Each such frame
/// counts so much, each frame that is not detected takes one back, and a voice takes all.
const PITCHLESS_STEP: u32 = 4;
/// See [`PITCHLESS_STEP`]: 50 frames.
const PITCHLESS_LIMIT: u32 = 50 * PITCHLESS_STEP;
/// Frames that the gate stays open after speech.
const HANGOVER_FRAMES: u32 = 8;
/// What lies so far below what could move the talker's level can be left to itself.
const REST_MARGIN_DB: f32 = 5.0;
/// No line carries speech as quiet as this: less than the smallest step of G.711.
const NOTHING_DB: f32 = -75.0;

/// Follows the levels of the talker and of what is behind them.
#[derive(Clone, Debug, Default)]
pub(super) struct NearTalkerGate {
    /// dB; `None` until a frame was detected and voiced.
    talker: Option<f32>,
    background: Background,
    /// The last levels; what is older is forgotten.
    last: [f32; 3],
    seen: usize,
    /// How long nothing that was detected had a pitch, in [`PITCHLESS_STEP`]s.
    pitchless: u32,
    hangover: u32,
}

#[derive(Clone, Debug)]
enum Background {
    /// Levels heard so far.
    Gathering { levels: [f32; FIRST_FRAMES], len: usize },
    /// dB
    Known(f32),
}

impl Default for Background {
    fn default() -> Self {
        Background::Gathering { levels: [0.0; FIRST_FRAMES], len: 0 }
    }
}

impl NearTalkerGate {
    /// Takes a frame's level in dB, whether it was detected as speech, and whether it is voiced; true while the near talker speaks.
    pub(super) fn push(&mut self, level: f32, detected: bool, voiced: bool) -> bool {
        self.last[self.seen % self.last.len()] = level;
        self.seen += 1;
        let background = self.background.push(level);
        if detected && voiced {
            self.talker = Some(match self.talker {
                None => level,
                Some(talker) if level > talker - TALKER_WITHIN_DB => follow(talker, level, TALKER_RISE, TALKER_FALL),
                Some(talker) => talker,
            });
        }
        self.pitchless = match (detected, voiced) {
            (_, true) => 0,
            (true, false) => (self.pitchless + PITCHLESS_STEP).min(2 * PITCHLESS_LIMIT),
            (false, false) => self.pitchless.saturating_sub(1),
        };
        let passed = detected && self.pitchless <= PITCHLESS_LIMIT && self.talker.is_none_or(|talker| self.is_near(talker, background));
        if !passed {
            self.background.follow(level, self.talker);
        }
        let open = passed || self.hangover > 0;
        self.hangover = if passed { HANGOVER_FRAMES } else { self.hangover.saturating_sub(1) };
        open
    }

    /// What is quieter, and follows on quiet, can neither pass nor move the talker's level, whatever is detected in it.
    pub(super) fn floor(&self) -> f32 {
        self.talker.map_or(NOTHING_DB, |talker| (talker - TALKER_WITHIN_DB - REST_MARGIN_DB).max(NOTHING_DB))
    }

    fn is_near(&self, talker: f32, background: f32) -> bool {
        let n = self.seen.min(self.last.len());
        let mean = self.last[..n].iter().sum::<f32>() / n as f32;
        let background = background.max(talker - BACKGROUND_WITHIN_DB);
        mean > talker - (OPEN_SHARE * (talker - background)).clamp(OPEN_DB.0, OPEN_DB.1)
    }
}

impl Background {
    /// Takes a level while gathering; gives the background's level as it is known.
    fn push(&mut self, level: f32) -> f32 {
        match self {
            Background::Known(db) => *db,
            Background::Gathering { levels, len } => {
                levels[*len] = level;
                *len += 1;
                let mut sorted = *levels;
                sorted[..*len].sort_unstable_by(f32::total_cmp);
                let median = sorted[*len / 2];
                if *len == FIRST_FRAMES {
                    *self = Background::Known(median);
                }
                median
            }
        }
    }

    /// A frame without near speech moves the background.
    fn follow(&mut self, level: f32, talker: Option<f32>) {
        if let Background::Known(db) = self {
            let floor = talker.map_or(f32::MIN, |talker| talker - BACKGROUND_WITHIN_DB);
            *db = follow(*db, level, BACKGROUND_RISE, BACKGROUND_FALL).max(floor);
        }
    }
}

fn follow(at: f32, to: f32, rise: f32, fall: f32) -> f32 {
    at + (to - at) * if to > at { rise } else { fall }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed(gate: &mut NearTalkerGate, level: f32, frames: usize) -> usize {
        (0..frames).filter(|_| gate.push(level, true, true)).count()
    }

    #[test]
    fn a_quiet_talker_behind_a_near_one_does_not_pass_at_any_gain() {
        for gain in [0.0, -12.0, -40.0] {
            let mut gate = NearTalkerGate::default();
            for _ in 0..50 {
                assert!(!gate.push(gain - 55.0, false, false));
            }
            assert!(passed(&mut gate, gain - 20.0, 100) >= 98, "the near talker speaks");
            let behind = passed(&mut gate, gain - 38.0, 100);
            assert!(behind <= 11, "gain {gain}: {behind} frames of the far talker passed");
            assert!(passed(&mut gate, gain - 20.0, 50) >= 47, "the near talker again");
        }
    }

    #[test]
    fn below_its_floor_nothing_passes_whatever_is_detected() {
        let mut gate = NearTalkerGate::default();
        assert!(gate.floor() <= NOTHING_DB);
        passed(&mut gate, -20.0, 50);
        let floor = gate.floor();
        assert!((-46.0..-44.0).contains(&floor), "{floor}");
        passed(&mut gate, floor - 0.1, 10);
        assert_eq!((passed(&mut gate, floor - 0.1, 100), gate.floor()), (0, floor));
    }

    #[test]
    fn it_stays_open_for_eight_frames() {
        let mut gate = NearTalkerGate::default();
        passed(&mut gate, -20.0, 30);
        let open = (0..20).filter(|_| gate.push(-70.0, false, false)).count();
        assert_eq!(open, HANGOVER_FRAMES as usize);
    }

    #[test]
    fn all_that_is_detected_passes_until_the_talker_is_known() {
        let mut gate = NearTalkerGate::default();
        assert!((0..10).all(|n| gate.push(-60.0 - n as f32, true, false)));
    }
}
