//! What a stretch of frames (a turn, or a window in it) says of the voice.

use super::DecidedFrame;

/// A frame counts if it is within so many dB of the 95th percentile of levels.
const LOUD_WITHIN_DB: f32 = 25.0;
/// The percentile from which loudness is counted.
const LOUDEST: f32 = 0.95;
/// The percentile of alpha that stands for the stretch.
const ALPHA_PERCENTILE: f32 = 0.80;

/// The voice of a stretch of frames.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Voice {
    /// Frames that are loud and have a pitch.
    pub voiced_frames: usize,
    /// Median pitch in semitones above 100 Hz.
    pub f0_semitones: f32,
    /// Median tilt of the louder half of voiced frames, dB an octave.
    pub tilt: f32,
    /// 80th percentile of alpha over voiced frames, dB.
    pub alpha: f32,
    /// Median flux over loud frames.
    pub flux: f32,
}

/// Room for the values that are sorted, so that none is allocated while the call runs.
#[derive(Clone, Debug)]
pub struct Scratch {
    values: Vec<f32>,
}

impl Scratch {
    /// Room for stretches of at most `frames`.
    pub fn new(frames: usize) -> Self {
        Scratch { values: Vec::with_capacity(frames) }
    }

    /// The percentile (0..1) of the values, between neighbours by their distance; `None` if there are none.
    fn percentile(&mut self, values: impl Iterator<Item = f32>, at: f32) -> Option<f32> {
        self.values.clear();
        self.values.extend(values);
        percentile(&mut self.values, at)
    }
}

/// The percentile (0..1) of the values, between neighbours by their distance; changes their order. `None` if there are none.
pub(in crate::listen) fn percentile(values: &mut [f32], at: f32) -> Option<f32> {
    let place = at * values.len().checked_sub(1)? as f32;
    let (_, &mut below, above) = values.select_nth_unstable_by(place.floor() as usize, f32::total_cmp);
    let above = above.iter().copied().min_by(f32::total_cmp).unwrap_or(below);
    Some(below + (above - below) * (place - place.floor()))
}

impl Voice {
    /// The voice of these frames; `None` if none of them is loud and has a pitch.
    pub fn of<'a>(frames: impl Iterator<Item = &'a DecidedFrame> + Clone, scratch: &mut Scratch) -> Option<Self> {
        const HALF: f32 = 0.5;
        let floor = scratch.percentile(frames.clone().map(|f| f.level_db), LOUDEST)? - LOUD_WITHIN_DB;
        let loud = frames.filter(|f| f.level_db >= floor);
        let voiced = loud.clone().filter(|f| f.f0_semitones.is_some());
        let f0_semitones = scratch.percentile(voiced.clone().filter_map(|f| f.f0_semitones), HALF)?;
        let middle = scratch.percentile(voiced.clone().map(|f| f.level_db), HALF)?;
        Some(Voice {
            voiced_frames: voiced.clone().count(),
            f0_semitones,
            tilt: scratch.percentile(voiced.clone().filter(|f| f.level_db >= middle).map(|f| f.tilt), HALF)?,
            alpha: scratch.percentile(voiced.map(|f| f.alpha), ALPHA_PERCENTILE)?,
            flux: scratch.percentile(loud.map(|f| f.flux), HALF)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_lie_between_neighbours() {
        for (at, value) in [(0.0, 1.0), (0.5, 2.5), (1.0, 4.0), (0.95, 3.85)] {
            let found = percentile(&mut [4.0, 1.0, 3.0, 2.0], at).expect("there are values");
            assert!((found - value).abs() < 1e-5, "{at}: {found}");
        }
        assert_eq!(percentile(&mut [], 0.5), None);
    }

    #[test]
    fn only_loud_frames_with_pitch_make_the_voice() {
        let frame =
            |f0: Option<f32>, level_db: f32| DecidedFrame { f0_semitones: f0, level_db, tilt: f0.unwrap_or(-99.0), ..DecidedFrame::default() };
        let mut frames = vec![frame(Some(4.0), -20.0); 30];
        frames.extend([frame(Some(40.0), -60.0); 20]);
        frames.extend([frame(None, -20.0); 20]);
        let voice = Voice::of(frames.iter(), &mut Scratch::new(100)).expect("there is a voice");
        assert_eq!((voice.voiced_frames, voice.f0_semitones, voice.tilt), (30, 4.0, 4.0));
        assert_eq!(Voice::of(frames[50..].iter(), &mut Scratch::new(100)), None);
    }
}
