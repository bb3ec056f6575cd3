//! Takes a little time out of what was decoded without being heard: how a buffer that runs ahead loses its surplus while
//! somebody speaks or music plays.
//!
//! One or more whole pitch periods are left out, and what was before them fades into what comes after (overlap-add at
//! the best match; Verhelst and Roelands, "An overlap-add technique based on waveform similarity", ICASSP 1993).

use crate::base::Rate;

/// Least and most that is left out, in tenths of a ms: pitch periods of 400 and 100 Hz.
const LEFT_OUT_TENTHS_MS: (usize, usize) = (25, 100);
/// Least that fades, in ms.
const FADE_MS: usize = 5;

/// Shortens samples in place, such that their first and last ones stay; gives how many are left. What is too short to be
/// shortened stays as it is.
pub fn shorten(samples: &mut [i16], rate: Rate) -> usize {
    let of_tenths = |tenths: usize| tenths * rate.hz() as usize / 10_000;
    let (least, most) = (of_tenths(LEFT_OUT_TENTHS_MS.0), of_tenths(LEFT_OUT_TENTHS_MS.1));
    let Some(fade) = samples.len().checked_sub(most).filter(|fade| *fade >= of_tenths(10 * FADE_MS)) else { return samples.len() };
    let likeness = |lag: usize| {
        let (mut product, mut energy) = (0.0f32, 1.0f32);
        for (&a, &b) in samples[..fade].iter().zip(&samples[lag..lag + fade]) {
            product += f32::from(a) * f32::from(b);
            energy += f32::from(b) * f32::from(b);
        }
        product / energy.sqrt()
    };
    let best = (least..=most).map(|lag| (lag, likeness(lag))).fold((most, f32::MIN), |best, other| if other.1 > best.1 { other } else { best });
    let (lag, left) = (best.0, samples.len() - best.0);
    for n in 0..left {
        let share = (n as f32 / fade as f32).min(1.0);
        samples[n] = (f32::from(samples[n]) * (1.0 - share) + f32::from(samples[n + lag]) * share) as i16;
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_that_is_shortened_goes_on_evenly() {
        for rate in [Rate::Hz8000, Rate::Hz16000] {
            for hz in [110.0, 220.0, 440.0, 1_000.0] {
                let n = rate.frame_samples();
                let mut tone: Vec<i16> =
                    (0..n).map(|n| (10_000.0 * (std::f64::consts::TAU * hz * n as f64 / f64::from(rate.hz())).sin()) as i16).collect();
                let (first, last) = (tone[0], tone[n - 1]);
                let steepest = |samples: &[i16]| samples.windows(2).map(|pair| pair[0].abs_diff(pair[1])).max().unwrap_or(0);
                let before = steepest(&tone);
                let left = shorten(&mut tone, rate);
                assert!((n / 2..=n * 7 / 8).contains(&left), "{hz}: {left}");
                assert_eq!((tone[0], tone[left - 1]), (first, last));
                assert!(steepest(&tone[..left]) <= before + before / 8, "{hz}");
                let peak = tone[..left].iter().map(|sample| sample.unsigned_abs()).max();
                assert!(peak.is_some_and(|peak| peak > 9_000), "{hz}: {peak:?}");
            }
        }
    }

    #[test]
    fn what_is_too_short_stays() {
        for n in [0, 1, 80, 119] {
            let mut samples = vec![7; n];
            assert_eq!(shorten(&mut samples, Rate::Hz8000), n);
        }
        assert!(shorten(&mut [0; 120], Rate::Hz8000) < 120);
    }
}
