//! What fills the gap of a lost packet: the last pitch period again, fading (after ITU-T G.711 Appendix I).

use crate::base::Rate;

/// Longest pitch period, in ms: 66 Hz.
const LONGEST_MS: usize = 15;
/// Shortest pitch period, in ms: 200 Hz (G.711 Appendix I, 2.3).
const SHORTEST_MS: usize = 5;
/// Stretch that is compared to find the period, in ms.
const COMPARED_MS: usize = 20;
/// What is remembered: a stretch and the longest period before it, in ms.
const MEMORY_MS: usize = LONGEST_MS + COMPARED_MS;
/// Samples of memory at 16 kHz.
const MEMORY: usize = MEMORY_MS * 16;
/// Per lost frame the level falls to this; after [`SILENT_AFTER`] frames there is silence.
const FADE: f32 = 0.7;
/// 60 ms, as in the appendix.
const SILENT_AFTER: u32 = 3;
/// Cross-fade from concealment to what came, in ms.
const JOIN_MS: usize = 4;

/// Remembers what was heard last.
#[derive(Clone, Debug)]
pub struct Concealment {
    rate: Rate,
    /// The last samples, oldest first.
    memory: [i16; MEMORY],
    /// Lost frames in a row so far.
    lost: u32,
    /// Where in the period the next concealed sample is.
    phase: usize,
    period: usize,
}

impl Concealment {
    /// Silence behind it.
    pub fn new(rate: Rate) -> Self {
        Concealment { rate, memory: [0; MEMORY], lost: 0, phase: 0, period: 1 }
    }

    fn per_ms(&self) -> usize {
        self.rate.hz() as usize / 1_000
    }

    /// What came; after a gap its beginning is joined to what was made up.
    pub fn heard(&mut self, samples: &mut [i16]) {
        if self.lost > 0 && self.lost <= SILENT_AFTER {
            let join = (JOIN_MS * self.per_ms()).min(samples.len());
            for (n, sample) in samples.iter_mut().take(join).enumerate() {
                let share = n as f32 / join as f32;
                *sample = (share * f32::from(*sample) + (1.0 - share) * self.made_up(n)) as i16;
            }
        }
        self.lost = 0;
        self.remember(samples);
    }

    /// Fills `out` with what was probably said.
    pub fn conceal(&mut self, out: &mut [i16]) {
        if self.lost == 0 {
            self.period = self.find_period();
            self.phase = 0;
        }
        for (n, sample) in out.iter_mut().enumerate() {
            *sample = self.made_up(n) as i16;
        }
        self.phase += out.len();
        self.lost += 1;
    }

    fn made_up(&self, n: usize) -> f32 {
        if self.lost >= SILENT_AFTER {
            return 0.0;
        }
        let at = self.filled() - self.period + (self.phase + n) % self.period;
        f32::from(self.memory[at]) * FADE.powi(self.lost as i32)
    }

    fn filled(&self) -> usize {
        MEMORY_MS * self.per_ms()
    }

    fn remember(&mut self, samples: &[i16]) {
        let filled = self.filled();
        let taken = &samples[samples.len().saturating_sub(filled)..];
        self.memory.copy_within(taken.len()..filled, 0);
        self.memory[filled - taken.len()..filled].copy_from_slice(taken);
    }

    /// The lag at which the last 20 ms are most like themselves, by normalized cross-correlation.
    fn find_period(&self) -> usize {
        let compared = COMPARED_MS * self.per_ms();
        let filled = self.filled();
        let last = &self.memory[filled - compared..filled];
        let likeness = |lag: usize| {
            let earlier = &self.memory[filled - compared - lag..filled - lag];
            let (mut product, mut energy) = (0.0f32, 1.0f32);
            for (&a, &b) in last.iter().zip(earlier) {
                product += f32::from(a) * f32::from(b);
                energy += f32::from(b) * f32::from(b);
            }
            product / energy.sqrt()
        };
        let lags = SHORTEST_MS * self.per_ms()..=LONGEST_MS * self.per_ms();
        lags.map(|lag| (lag, likeness(lag))).fold((compared / 2, f32::MIN), |best, other| if other.1 > best.1 { other } else { best }).0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_stretch_of_a_tone_goes_on_in_phase_and_fades() {
        let mut concealment = Concealment::new(Rate::Hz8000);
        let tone = |n: usize| (10_000.0 * (std::f64::consts::TAU * 100.0 * n as f64 / 8_000.0).sin()) as i16;
        let mut heard: Vec<i16> = (0..480).map(tone).collect();
        concealment.heard(&mut heard);
        let mut made_up = [0; 160];
        concealment.conceal(&mut made_up);
        let error = made_up.iter().enumerate().map(|(n, &s)| (f64::from(s) - f64::from(tone(480 + n))).abs()).fold(0.0, f64::max);
        assert!(error < 900.0, "{error}");
        let level = |samples: &[i16]| samples.iter().map(|s| s.unsigned_abs()).max().unwrap_or(0);
        let mut levels = vec![level(&made_up)];
        for _ in 0..3 {
            concealment.conceal(&mut made_up);
            levels.push(level(&made_up));
        }
        assert!(levels[0] > levels[1] && levels[1] > levels[2] && levels[3] == 0, "{levels:?}");
    }
}
