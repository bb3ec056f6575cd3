//! What of a turn's sound is compared: six cepstra, the mean log energy, and how they change.

use super::sketch::{BAND_HZ, BANDS, TurnSound, hz, mel};
use crate::listen::effort::stats::percentile;

/// By how much the frequencies of a turn may be stretched to fit another.
pub(super) const STRETCHES: [f32; 4] = [0.9, 0.95, 1.05, 1.1];
/// Cepstra c1 to c6.
const CEPSTRA: usize = 6;
/// Cepstra and mean log energy.
const STATIC: usize = CEPSTRA + 1;
/// Numbers for each frame: static ones, their deltas, and two zeros that let them be multiplied by eights.
pub(super) const NUMBERS: usize = 16;
/// What deltas weigh.
const DELTA_WEIGHT: f32 = 0.7;
/// Of each band's 95th percentile so much is added before the logarithm.
const FLOOR: (f32, f32) = (0.95, 1e-3);
/// A power below any that bytes can hold, so that the logarithm is finite.
const NOTHING: f32 = 1e-15;

/// A turn as unit vectors, one for each frame.
#[derive(Clone, Debug)]
pub(super) struct Features(pub(super) Vec<[f32; NUMBERS]>);

/// The logarithms of a turn's bands, which are the same however its frequencies are stretched.
pub(super) struct Logarithms(Vec<[f32; BANDS]>);

impl Logarithms {
    /// Of this turn.
    pub(super) fn of(sound: &TurnSound) -> Self {
        let mut bands: Vec<[f32; BANDS]> = sound.powers().collect();
        take_logarithms(&mut bands);
        Logarithms(bands)
    }

    /// Frequencies stretched by this factor.
    pub(super) fn features(&self, stretch: f32) -> Features {
        let (places, waves) = (places(stretch), waves());
        let mut frames: Vec<[f32; NUMBERS]> = self.0.iter().map(|row| cepstra(&places.map(|place| between(row, place)), &waves)).collect();
        add_deltas(&mut frames);
        for number in 0..2 * STATIC {
            normalise(&mut frames, number, if number < STATIC { 1.0 } else { DELTA_WEIGHT });
        }
        frames.iter_mut().for_each(to_unit_length);
        Features(frames)
    }
}

fn take_logarithms(bands: &mut [[f32; BANDS]]) {
    let mut column = Vec::with_capacity(bands.len());
    for band in 0..BANDS {
        column.clear();
        column.extend(bands.iter().map(|row| row[band]));
        let floor = FLOOR.1 * percentile(&mut column, FLOOR.0).unwrap_or(0.0) + NOTHING;
        bands.iter_mut().for_each(|row| row[band] = (row[band] + floor).ln());
    }
}

/// Where each band's centre, stretched, lies between the bands that there are.
fn places(stretch: f32) -> [f32; BANDS] {
    let (low, high) = (mel(BAND_HZ.0), mel(BAND_HZ.1));
    let step = (high - low) / (BANDS + 1) as f32;
    std::array::from_fn(|n| {
        let centre = hz(low + step * (n + 1) as f32);
        ((mel(stretch * centre) - low) / step - 1.0).clamp(0.0, (BANDS - 1) as f32)
    })
}

fn between(row: &[f32; BANDS], place: f32) -> f32 {
    let below = place as usize;
    let above = (below + 1).min(BANDS - 1);
    row[below] + (row[above] - row[below]) * (place - below as f32)
}

/// What each band counts for in c1 to c6: a discrete cosine transform.
fn waves() -> [[f32; BANDS]; CEPSTRA] {
    let turn = |n: usize| std::f32::consts::PI * (n + 1) as f32 / BANDS as f32;
    std::array::from_fn(|n| std::array::from_fn(|band| (turn(n) * (band as f32 + 0.5)).cos()))
}

/// c1 to c6, and the mean.
fn cepstra(row: &[f32; BANDS], waves: &[[f32; BANDS]; CEPSTRA]) -> [f32; NUMBERS] {
    let mut numbers = [0.0; NUMBERS];
    for (number, wave) in numbers.iter_mut().zip(waves) {
        *number = row.iter().zip(wave).map(|(x, weight)| x * weight).sum();
    }
    numbers[CEPSTRA] = row.iter().sum::<f32>() / BANDS as f32;
    numbers
}

/// Half the difference of the neighbours; the ends are their own neighbours.
fn add_deltas(frames: &mut [[f32; NUMBERS]]) {
    for n in 0..frames.len() {
        let (before, after) = (frames[n.saturating_sub(1)], frames[(n + 1).min(frames.len() - 1)]);
        for number in 0..STATIC {
            frames[n][STATIC + number] = 0.5 * (after[number] - before[number]);
        }
    }
}

/// Mean 0 and the given spread over the turn.
fn normalise(frames: &mut [[f32; NUMBERS]], number: usize, spread: f32) {
    let len = frames.len().max(1) as f32;
    let mean = frames.iter().map(|frame| frame[number]).sum::<f32>() / len;
    let variance = frames.iter().map(|frame| (frame[number] - mean).powi(2)).sum::<f32>() / len;
    let scale = if variance > 0.0 { spread / variance.sqrt() } else { 0.0 };
    frames.iter_mut().for_each(|frame| frame[number] = (frame[number] - mean) * scale);
}

fn to_unit_length(frame: &mut [f32; NUMBERS]) {
    let length = frame.iter().map(|x| x * x).sum::<f32>().sqrt();
    if length > 0.0 {
        frame.iter_mut().for_each(|x| *x /= length);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unstretched_band_is_its_own_place() {
        for (n, place) in places(1.0).iter().enumerate() {
            assert!((place - n as f32).abs() < 1e-3, "{n}: {place}");
        }
        assert!(places(1.1)[10] > 10.5 && places(0.9)[10] < 9.5);
    }

    #[test]
    fn a_flat_spectrum_has_no_cepstra() {
        let numbers = cepstra(&[3.0; BANDS], &waves());
        assert!(numbers[..CEPSTRA].iter().all(|c| c.abs() < 1e-4));
        assert!((numbers[CEPSTRA] - 3.0).abs() < 1e-5);
    }
}
