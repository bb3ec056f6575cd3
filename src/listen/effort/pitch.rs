//! The pitch of a voice on a telephone line, decided five frames late.
//!
//! Two views of the same 40 ms vote: the low-passed wave, and its envelope, which keeps the fundamental that the line
//! took away. The mean of their normalised cross-correlations gives candidates, and a path through the last frames
//! (after Boersma 1993, section 3) chooses among them, or decides that there is no pitch.

use super::filter::Section;

/// Every second sample of 8 kHz.
const RATE_HZ: f32 = 4_000.0;
/// Samples that one frame brings at [`RATE_HZ`].
const HOP: usize = 80;
/// Samples that are correlated: 40 ms.
const WINDOW: usize = 160;
/// The shortest lag: 500 Hz.
const MIN_LAG: usize = 8;
/// The longest lag: 70 Hz.
const MAX_LAG: usize = 57;
/// How many lags are tried.
const LAGS: usize = MAX_LAG - MIN_LAG + 1;
/// Samples that are remembered.
const HISTORY: usize = WINDOW + MAX_LAG;
/// Corner of the low-pass before decimation.
const LOW_PASS_HZ: f32 = 1_800.0;
/// Qualities of the three sections of a 6th-order Butterworth low-pass.
const LOW_PASS_Q: [f32; 3] = [0.517_638, std::f32::consts::FRAC_1_SQRT_2, 1.931_852];
/// Band of the envelope.
const ENVELOPE_HZ: (f32, f32) = (60.0, 900.0);
/// At most so many candidates a frame.
const MAX_PEAKS: usize = 6;
/// A candidate is at least so strong.
const MIN_STRENGTH: f32 = 0.25;
/// What a candidate loses for each octave below 500 Hz, so that of equal peaks the shortest lag wins.
const OCTAVE_LOSS: f32 = 0.01;
/// The strength of "no pitch".
const UNVOICED_STRENGTH: f32 = 0.5;
/// What a path pays for each octave jumped.
const JUMP_COST: f32 = 0.35;
/// What a path pays for beginning or ending a voiced stretch.
const VOICING_COST: f32 = 0.15;
/// Frames between a sound and its decision.
pub const LATE_FRAMES: usize = 5;
/// Waves are correlated as whole numbers up to this: the energy of a window is still below 2³¹.
const PEAK: f32 = 3_600.0;
/// A wave with this peak is digital silence: far below one 16-bit step.
const NOTHING: f32 = 1e-9;

/// Follows the pitch.
#[derive(Clone, Debug)]
pub(super) struct Pitch {
    low_pass: [Section; 3],
    envelope: Section,
    waves: [[f32; HISTORY]; 2],
    path: Path,
}

impl Pitch {
    pub(super) fn new(rate_hz: f32) -> Self {
        Pitch {
            low_pass: LOW_PASS_Q.map(|q| Section::low_pass(LOW_PASS_HZ, q, rate_hz)),
            envelope: Section::band_pass(ENVELOPE_HZ.0, ENVELOPE_HZ.1, rate_hz),
            waves: [[0.0; HISTORY]; 2],
            path: Path::new(),
        }
    }

    /// Takes 20 ms at 8 kHz; gives the frequency in Hz of the frame [`LATE_FRAMES`] ago, `None` where it has no pitch.
    pub(super) fn push(&mut self, samples: &[f32]) -> Option<f32> {
        self.remember(samples);
        let mut strengths = [0.0; LAGS];
        for wave in &self.waves {
            add_correlation(wave, &mut strengths);
        }
        self.path.push(&candidates(&strengths))
    }

    fn remember(&mut self, samples: &[f32]) {
        let [low, envelope] = &mut self.waves;
        for wave in [&mut *low, &mut *envelope] {
            wave.copy_within(HOP.., 0);
        }
        // Copies of one's own stay in registers.
        let ([mut first, mut second, mut third], mut beside) = (self.low_pass, self.envelope);
        let mut both = |x: f32| (third.filter(second.filter(first.filter(x))), beside.filter(x.abs()));
        for ((pair, l), e) in samples.chunks_exact(2).zip(&mut low[HISTORY - HOP..]).zip(&mut envelope[HISTORY - HOP..]) {
            (*l, *e) = both(pair[0]);
            both(pair[1]);
        }
        self.low_pass = [first, second, third];
        self.envelope = beside;
        self.low_pass.iter_mut().for_each(Section::settle);
        self.envelope.settle();
    }
}

/// Adds half of the wave's normalised cross-correlation at each lag.
///
/// In whole numbers, whose products processors add eight at a time in any order.
fn add_correlation(wave: &[f32; HISTORY], strengths: &mut [f32; LAGS]) {
    let wave = whole(wave);
    let newest = wave[MAX_LAG..].first_chunk::<WINDOW>().expect("the window is remembered");
    let now: i32 = newest.iter().map(|&x| square(x)).sum();
    let mut energies = [0.0_f32; LAGS];
    let mut then = now;
    for lag in 1..=MAX_LAG {
        then += square(wave[MAX_LAG - lag]) - square(wave[HISTORY - lag]);
        if lag >= MIN_LAG {
            energies[lag - MIN_LAG] = then as f32;
        }
    }
    let mut products = [0.0_f32; LAGS];
    for (product, lag) in products.iter_mut().zip(MIN_LAG..) {
        let then = wave[MAX_LAG - lag..].first_chunk::<WINDOW>().expect("each lag lies within what is remembered");
        *product = newest.iter().zip(then).map(|(&a, &b)| i32::from(a) * i32::from(b)).sum::<i32>() as f32;
    }
    let now = now as f32;
    for ((strength, product), then) in strengths.iter_mut().zip(products).zip(energies) {
        // Without any energy there is no product either.
        *strength += 0.5 * product / (now * then).sqrt().max(1.0);
    }
}

fn square(x: i16) -> i32 {
    i32::from(x) * i32::from(x)
}

/// The wave with its peak at [`PEAK`], rounded.
fn whole(wave: &[f32; HISTORY]) -> [i16; HISTORY] {
    // Of numbers that are not negative, the largest has the largest bits, which are quicker to compare.
    let peak = wave.iter().map(|x| x.abs().to_bits() as i32).max().map_or(0.0, |bits| f32::from_bits(bits as u32));
    let scale = if peak > NOTHING { PEAK / peak } else { 0.0 };
    // Added to this, a small number is rounded, and its lowest bits are those of the whole number.
    const ROUNDER: f32 = 12_582_912.0;
    wave.map(|x| (x * scale + ROUNDER).to_bits() as i16)
}

/// One thing that a frame may be.
#[derive(Clone, Copy, Debug, Default)]
struct Candidate {
    /// log₂ of the frequency in Hz; `None` for "no pitch".
    octave: Option<f32>,
    strength: f32,
}

/// "No pitch" and the strongest peaks.
#[derive(Clone, Copy, Debug, Default)]
struct Candidates {
    all: [Candidate; MAX_PEAKS + 1],
    len: usize,
}

fn candidates(strengths: &[f32; LAGS]) -> Candidates {
    let mut found = Candidates::default();
    found.all[0] = Candidate { octave: None, strength: UNVOICED_STRENGTH };
    found.len = 1;
    for (n, around) in strengths.windows(3).enumerate() {
        let [before, peak, after] = [around[0], around[1], around[2]];
        if peak <= MIN_STRENGTH || peak < before || peak <= after {
            continue;
        }
        let shift = 0.5 * (before - after) / (before - 2.0 * peak + after);
        let lag = (n + 1 + MIN_LAG) as f32 + shift;
        let octave = (RATE_HZ / lag).log2();
        let top = (RATE_HZ / MIN_LAG as f32).log2();
        let strength = peak - 0.25 * (before - after) * shift - OCTAVE_LOSS * (top - octave);
        found.keep(Candidate { octave: Some(octave), strength });
    }
    found
}

impl Candidates {
    /// Keeps a peak, in the place of the weakest if there are too many.
    fn keep(&mut self, peak: Candidate) {
        if self.len < self.all.len() {
            self.all[self.len] = peak;
            self.len += 1;
            return;
        }
        let weakest = self.all[1..].iter_mut().min_by(|a, b| a.strength.total_cmp(&b.strength)).expect("there are peaks");
        if peak.strength > weakest.strength {
            *weakest = peak;
        }
    }
}

/// One frame of the path: what it may be, the best score of a path that ends there, and where that came from.
#[derive(Clone, Copy, Debug, Default)]
struct Step {
    candidates: Candidates,
    score: [f32; MAX_PEAKS + 1],
    from: [usize; MAX_PEAKS + 1],
}

/// The best path through the last frames.
#[derive(Clone, Debug)]
struct Path {
    /// A ring; `newest` is the last frame's.
    steps: [Step; LATE_FRAMES + 1],
    newest: usize,
}

impl Path {
    fn new() -> Self {
        let mut unvoiced = Step::default();
        unvoiced.candidates.len = 1;
        Path { steps: [unvoiced; LATE_FRAMES + 1], newest: 0 }
    }

    fn push(&mut self, candidates: &Candidates) -> Option<f32> {
        let last = self.steps[self.newest];
        let mut step = Step { candidates: *candidates, ..Step::default() };
        for (n, to) in candidates.all[..candidates.len].iter().enumerate() {
            let came = last.candidates.all[..last.candidates.len].iter().zip(last.score).map(|(from, score)| score - cost(from, to));
            let (from, score) = came.enumerate().max_by(|a, b| a.1.total_cmp(&b.1)).expect("there is always the candidate without pitch");
            step.score[n] = score + to.strength;
            step.from[n] = from;
        }
        let (best, top) = (0..candidates.len).map(|n| (n, step.score[n])).max_by(|a, b| a.1.total_cmp(&b.1)).expect("as above");
        step.score.iter_mut().for_each(|score| *score -= top);
        self.newest = (self.newest + 1) % self.steps.len();
        self.steps[self.newest] = step;
        self.decide(best)
    }

    /// Follows the best path back to its oldest frame.
    fn decide(&self, best: usize) -> Option<f32> {
        let len = self.steps.len();
        let mut at = best;
        for back in 0..LATE_FRAMES {
            at = self.steps[(self.newest + len - back) % len].from[at];
        }
        self.steps[(self.newest + 1) % len].candidates.all[at].octave.map(f32::exp2)
    }
}

fn cost(from: &Candidate, to: &Candidate) -> f32 {
    match (from.octave, to.octave) {
        (None, None) => 0.0,
        (Some(a), Some(b)) => JUMP_COST * (a - b).abs(),
        (Some(_), None) | (None, Some(_)) => VOICING_COST,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f32::consts::PI;

    /// A pulse-like voice whose harmonics below `lowest_hz` the line took away.
    fn voice(f0: f32, lowest_hz: f32, frames: usize) -> Vec<f32> {
        (0..frames * 160)
            .map(|n| {
                let t = n as f32 / 8_000.0;
                (1..40)
                    .map(|k| k as f32 * f0)
                    .filter(|&hz| hz >= lowest_hz && hz < 3_400.0)
                    .map(|hz| (2.0 * PI * hz * t).cos() / (hz / 300.0) * 0.01)
                    .sum()
            })
            .collect()
    }

    #[test]
    fn the_pitch_is_found_though_the_line_took_the_fundamental() {
        for f0 in [85.0, 110.0, 160.0, 220.0, 330.0] {
            let mut pitch = Pitch::new(8_000.0);
            let found: Vec<_> = voice(f0, 300.0, 30).chunks(160).map(|frame| pitch.push(frame)).collect();
            for hz in &found[12..] {
                let hz = hz.unwrap_or_else(|| panic!("{f0} Hz: no pitch"));
                assert!((hz / f0 - 1.0).abs() < 0.02, "{f0} Hz was heard as {hz}");
            }
        }
    }

    #[test]
    fn noise_and_silence_have_no_pitch() {
        let mut seed = 1_u32;
        let mut noise = || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 8) as f32 / (1 << 24) as f32 - 0.5
        };
        let mut pitch = Pitch::new(8_000.0);
        let voiced = (0..200).filter(|_| pitch.push(&std::array::from_fn::<f32, 160, _>(|_| noise())).is_some()).count();
        assert!(voiced <= 10, "{voiced} of 200 frames of noise have a pitch");
        for _ in 0..20 {
            pitch.push(&[0.0; 160]);
        }
        assert!((0..50).all(|_| pitch.push(&[0.0; 160]).is_none()));
    }
}
