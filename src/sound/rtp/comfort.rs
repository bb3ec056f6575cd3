//! Comfort noise (RFC 3389): a peer that pauses says how loud its line is, and we make up noise of that level.
//!
//! Only the level is used. The reflection coefficients that may follow colour the noise, which a phone can do without.

/// Payload type of comfort noise at a clock of 8 kHz (RFC 3551, table 4).
pub const PAYLOAD_TYPE: u8 = 13;
/// Longest part of a payload that is kept: the level.
pub const KEPT: usize = 1;
/// Full scale of a 16-bit sample.
const FULL_SCALE: f32 = 32_768.0;
/// The amplitude of even noise whose root mean square is 1.
const EVEN_NOISE: f32 = 1.732_05;
/// The level of our own lines, in −dBov: a quiet room.
const OUR_LEVEL: u8 = 70;

/// Noise of a level.
#[derive(Clone, Copy, Debug)]
pub struct ComfortNoise {
    amplitude: f32,
    seed: u32,
}

impl ComfortNoise {
    /// As loud as this payload says; without a level in it, as loud as our own.
    pub fn of(payload: &[u8]) -> Self {
        // The most significant bit of the level is always 0 (RFC 3389, 3).
        let level = payload.first().map_or(OUR_LEVEL, |level| level & 0x7f);
        ComfortNoise { amplitude: EVEN_NOISE * FULL_SCALE * 10f32.powf(-f32::from(level) / 20.0), seed: 1 }
    }

    /// The next samples (a linear congruential generator; constants of Numerical Recipes).
    pub fn fill(&mut self, out: &mut [i16]) {
        for sample in out {
            self.seed = self.seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *sample = (self.amplitude * ((self.seed >> 8) as f32 / (1 << 23) as f32 - 1.0)) as i16;
        }
    }
}

/// What we send while nothing is meant for the peer.
pub fn payload() -> [u8; KEPT] {
    [OUR_LEVEL]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_is_as_loud_as_was_said() {
        for level in [10, 30, 50, 0x80 | 30] {
            let mut out = [0; 8_000];
            ComfortNoise::of(&[level, 99, 99]).fill(&mut out);
            let rms = (out.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / out.len() as f64).sqrt();
            let db = 20.0 * (rms / 32_768.0).log10();
            assert!((db + f64::from(level & 0x7f)).abs() < 0.7, "{level}: {db}");
        }
        let mut out = [1; 160];
        ComfortNoise::of(&[127]).fill(&mut out);
        assert_eq!(out, [0; 160]);
        ComfortNoise::of(&[]).fill(&mut out);
        assert!(out.iter().any(|sample| *sample != 0));
    }
}
