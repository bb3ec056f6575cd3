//! Whole pieces of sound from one rate to another, for synthesized sentences and recorded prompts.

use audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Resampler};

use crate::base::Rate;

/// Blocks a second: 20 ms, long enough for a clean band edge.
const BLOCKS: u32 = 50;

/// The same sound at `to`, as long as before; `None` if no resampler takes `from` (0 Hz).
pub fn converted(samples: &[i16], from: u32, to: Rate) -> Option<Vec<i16>> {
    if from == to.hz() {
        return Some(samples.to_vec());
    }
    let block = usize::try_from(from / BLOCKS).ok()?;
    let mut fft = Fft::<f32>::new(usize::try_from(from).ok()?, to.hz() as usize, block, 1, FixedSync::Both).ok()?;
    let wanted = (samples.len() as u64 * u64::from(to.hz()) / u64::from(from)) as usize;
    let (mut input, mut output) = (vec![0f32; fft.input_frames_next()], vec![0f32; fft.output_frames_max()]);
    let mut late = fft.output_delay();
    let mut made: Vec<i16> = Vec::with_capacity(wanted);
    let mut rest = samples;
    while made.len() < wanted {
        let (now, later) = rest.split_at(rest.len().min(input.len()));
        rest = later;
        input.fill(0.0);
        input.iter_mut().zip(now).for_each(|(to, &from)| *to = f32::from(from));
        let (frames_in, frames_out) = (input.len(), output.len());
        let adapter = InterleavedSlice::new(&input, 1, frames_in).ok()?;
        let mut out = InterleavedSlice::new_mut(&mut output, 1, frames_out).ok()?;
        let (_, given) = fft.process_into_buffer(&adapter, &mut out, None).ok()?;
        let skip = late.min(given);
        late -= skip;
        made.extend(output[skip..given].iter().take(wanted - made.len()).map(|s| s.round() as i16));
    }
    Some(made)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_keeps_its_pitch_place_and_length() {
        for (from, to) in [(16_000, Rate::Hz8000), (8_000, Rate::Hz16000), (44_100, Rate::Hz8000), (8_000, Rate::Hz8000)] {
            let tone = |secs: f64| 9_000.0 * (std::f64::consts::TAU * 700.0 * secs).sin();
            let samples: Vec<i16> = (0..from).map(|n| tone(f64::from(n) / f64::from(from)) as i16).collect();
            let made = converted(&samples, from, to).expect("a usual rate");
            assert_eq!(made.len(), to.hz() as usize);
            for n in made.len() / 4..made.len() / 2 {
                assert!((f64::from(made[n]) - tone(n as f64 / f64::from(to.hz()))).abs() < 30.0, "{from} to {to:?} at {n}");
            }
        }
    }

    #[test]
    fn impossible_rates_give_nothing() {
        for from in [0, 1, 49] {
            assert!(converted(&[1, 2, 3], from, Rate::Hz8000).is_none(), "{from}");
        }
        assert_eq!(converted(&[], 16_000, Rate::Hz8000), Some(vec![]));
    }
}
