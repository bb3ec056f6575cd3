//! The network of earshot 1.2 (Carson M., MIT or Apache-2.0): its weights and, to the bit, its scores, in three fifths of the time.
//!
//! It is the largest part of what listening costs, so it is worth lines of our own. Three layers of convolution over 3 spectra of
//! 40 bands, then two minimal gated recurrent units (Feng et al. 2024, "Were RNNs All We Needed?") of 64 in whole numbers, then
//! a logistic unit over both states. What differs from earshot is the order in which memory is walked: here a compiler finds
//! neighbours that can be added at once.

/// Spectra that it looks at.
pub(super) const SPECTRA: usize = 3;
/// Bands of a spectrum.
pub(super) const BANDS: usize = 40;
/// Channels of the convolutions.
const CHANNELS: usize = 16;
/// Taps of a convolution along the bands.
const TAPS: usize = 3;
/// Places of the first layer before and after pooling, of the second, and of the third.
const ROW: usize = BANDS - TAPS + 1;
const POOLED: usize = (ROW - TAPS) / 2 + 1;
const HALVED: usize = POOLED / 2;
const LAST: usize = HALVED.div_ceil(2);
/// What the third layer gives.
const SEEN: usize = LAST * CHANNELS;
/// A recurrent unit's state.
const STATE: usize = 64;
/// 1 in Q24, less one step.
const ONE_Q24: i32 = (1 << 24) - 1;

/// Words of four bytes, little-endian: floats, then pairs of whole numbers of 16 bits.
const WEIGHTS: &[u8; 39_940] = include_bytes!("network.bin");

static NORM: [f32; BANDS] = floats(0);
static FIRST_TAPS: [f32; SPECTRA * TAPS] = floats(40);
static FIRST_WEIGHT: [f32; CHANNELS] = floats(49);
static FIRST_BIAS: [f32; CHANNELS] = floats(65);
static SECOND_TAPS: [[f32; CHANNELS]; TAPS] = turned(81);
static SECOND_WEIGHT: [[f32; CHANNELS]; CHANNELS] = turned(129);
static SECOND_BIAS: [f32; CHANNELS] = floats(385);
static THIRD_TAPS: [[f32; CHANNELS]; TAPS] = turned(401);
static THIRD_WEIGHT: [[f32; CHANNELS]; CHANNELS] = turned(449);
static UNIT_1: [[i16; SEEN]; 2 * STATE] = rows(705);
static UNIT_2: [[i16; STATE]; 2 * STATE] = rows(5_825);
static OUTPUT: [[i16; STATE]; 2] = rows(9_921);

const fn float(word: usize) -> f32 {
    f32::from_le_bytes([WEIGHTS[4 * word], WEIGHTS[4 * word + 1], WEIGHTS[4 * word + 2], WEIGHTS[4 * word + 3]])
}

const fn floats<const N: usize>(first: usize) -> [f32; N] {
    let mut out = [0.0; N];
    let mut n = 0;
    while n < N {
        out[n] = float(first + n);
        n += 1;
    }
    out
}

/// Rows of one number for each of N things become N rows of channels.
const fn turned<const N: usize>(first: usize) -> [[f32; CHANNELS]; N] {
    let mut out = [[0.0; CHANNELS]; N];
    let mut n = 0;
    while n < N * CHANNELS {
        out[n % N][n / N] = float(first + n);
        n += 1;
    }
    out
}

const fn rows<const N: usize, const R: usize>(first: usize) -> [[i16; N]; R] {
    let mut out = [[0; N]; R];
    let mut n = 0;
    while n < N * R {
        out[n / N][n % N] = i16::from_le_bytes([WEIGHTS[4 * first + 2 * n], WEIGHTS[4 * first + 2 * n + 1]]);
        n += 1;
    }
    out
}

/// The network and what it remembers.
pub(super) struct Network {
    states: [[i16; STATE]; 2],
}

impl Network {
    /// One that has heard nothing yet.
    pub fn new() -> Self {
        Network { states: [[0; STATE]; 2] }
    }

    /// How much these spectra, oldest first and each [normalized](normalize), are a voice, 0..1.
    pub fn score(&mut self, spectra: &[f32; SPECTRA * BANDS]) -> f32 {
        let seen = third(&second(&first(spectra)));
        let [state_1, state_2] = &mut self.states;
        remember(&seen, state_1, &UNIT_1);
        remember(state_1, state_2, &UNIT_2);
        let sum: i32 = self.states.iter().zip(&OUTPUT).map(|(state, weights)| dot(state, weights)).sum(); // Q15 · Q9 = Q24
        1.0 / (1.0 + (-(sum as f32) / (1 << 24) as f32).exp())
    }
}

/// Brings the logarithms of a spectrum to one length.
pub(super) fn normalize(spectrum: &mut [f32]) {
    let mean_square = spectrum.iter().map(|x| x * x).sum::<f32>() / spectrum.len() as f32;
    let scale = 1.0 / mean_square.sqrt();
    spectrum.iter_mut().zip(&NORM).for_each(|(x, norm)| *x = norm * *x * scale);
}

/// One row out of all spectra; each channel then takes the largest of three places that it makes of it, if above 0.
fn first(spectra: &[f32; SPECTRA * BANDS]) -> [[f32; CHANNELS]; POOLED] {
    let mut row = [0.0; ROW];
    for (n, tap) in FIRST_TAPS.iter().enumerate() {
        let from = n / TAPS * BANDS + n % TAPS;
        row.iter_mut().zip(&spectra[from..from + ROW]).for_each(|(sum, x)| *sum += x * tap);
    }
    std::array::from_fn(|n| {
        let three = &row[2 * n..2 * n + TAPS];
        // What is weighed less than 0 is largest where the row is smallest.
        let largest = three.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let smallest = three.iter().copied().fold(f32::INFINITY, f32::min);
        std::array::from_fn(|c| {
            let (weight, bias) = (FIRST_WEIGHT[c], FIRST_BIAS[c]);
            (largest * weight + bias).max(smallest * weight + bias).max(0.0)
        })
    })
}

fn second(places: &[[f32; CHANNELS]; POOLED]) -> [[f32; CHANNELS]; HALVED] {
    std::array::from_fn(|n| {
        let mixed = mix(&taken(places, n, &SECOND_TAPS), &SECOND_WEIGHT);
        std::array::from_fn(|c| (mixed[c] + SECOND_BIAS[c]).max(0.0))
    })
}

fn third(places: &[[f32; CHANNELS]; HALVED]) -> [i16; SEEN] {
    let mut seen = [0; SEEN];
    for (n, out) in seen.chunks_exact_mut(CHANNELS).enumerate() {
        let mixed = mix(&taken(places, n, &THIRD_TAPS), &THIRD_WEIGHT);
        // As a number in Q15; what is too large becomes the largest.
        out.iter_mut().zip(mixed).for_each(|(out, x)| *out = (x * 32_768.0).round() as i16);
    }
    seen
}

/// Each channel of every second place with its neighbours.
fn taken<const N: usize>(places: &[[f32; CHANNELS]; N], n: usize, taps: &[[f32; CHANNELS]; TAPS]) -> [f32; CHANNELS] {
    let mut out = [0.0; CHANNELS];
    for (k, tap) in taps.iter().enumerate() {
        let Some(place) = (2 * n + k).checked_sub(1).and_then(|at| places.get(at)) else { continue };
        out.iter_mut().zip(place).zip(tap).for_each(|((sum, x), tap)| *sum += x * tap);
    }
    out
}

/// Every channel out of all channels.
fn mix(channels: &[f32; CHANNELS], weights: &[[f32; CHANNELS]; CHANNELS]) -> [f32; CHANNELS] {
    let mut out = [0.0; CHANNELS];
    for (x, weights) in channels.iter().zip(weights) {
        out.iter_mut().zip(weights).for_each(|(sum, weight)| *sum += x * weight);
    }
    out
}

/// A minimal gated recurrent unit: the first half of the rows says what is new, the second how much of it is taken over.
fn remember<const N: usize>(input: &[i16; N], state: &mut [i16; STATE], weights: &[[i16; N]; 2 * STATE]) {
    let (news, gates) = weights.split_at(STATE);
    for ((state, news), gate) in state.iter_mut().zip(news).zip(gates) {
        let gate = i64::from((dot(input, gate) << 2).clamp(0, ONE_Q24));
        let mixed = (i64::from(ONE_Q24) - gate) * i64::from(i32::from(*state) << 9) + gate * i64::from(dot(input, news)); // Q48
        *state = (mixed >> 33).clamp(i16::MIN.into(), i16::MAX.into()) as i16;
    }
}

fn dot<const N: usize>(a: &[i16; N], b: &[i16; N]) -> i32 {
    a.iter().zip(b).map(|(a, b)| i32::from(*a) * i32::from(*b)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use earshot::{DefaultPredictor, Predictor as _};

    #[test]
    fn its_scores_are_those_of_earshot() {
        let (mut seed, mut seen) = (1_u32, (1.0_f32, 0.0_f32));
        let mut random = || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 8) as f32 / (1 << 24) as f32
        };
        for voice in 0..50 {
            let (mut network, mut theirs) = (Network::new(), DefaultPredictor::new());
            for window in 0..100 {
                let hum = |n: usize| 5.0 * (n as f32 * voice as f32 * 0.01 + window as f32 * 0.3).sin();
                let mut spectra: [f32; SPECTRA * BANDS] = std::array::from_fn(|n| 10.0 * random() - 15.0 + hum(n));
                let mut same = spectra;
                spectra.chunks_exact_mut(BANDS).for_each(normalize);
                same.chunks_exact_mut(BANDS).for_each(|spectrum| theirs.normalize(spectrum));
                assert_eq!(spectra, same);
                let score = network.score(&spectra);
                assert_eq!(score, theirs.predict(&same, &mut [0.0; 1_024]), "voice {voice}, window {window}");
                seen = (seen.0.min(score), seen.1.max(score));
            }
        }
        assert!(seen.0 < 0.2 && seen.1 > 0.8, "too little was tried: {seen:?}");
    }
}
