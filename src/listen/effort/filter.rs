//! Second-order filter sections, by the bilinear transform with pre-warped edges.

use std::f32::consts::PI;

/// Below this a section's memory is taken for zero: arithmetic on denormal numbers is slow.
const NOTHING: f32 = 1e-20;

/// One second-order section, transposed direct form II.
#[derive(Clone, Copy, Debug)]
pub(super) struct Section {
    b: [f32; 3],
    a: [f32; 2],
    memory: [f32; 2],
}

impl Section {
    /// A low-pass section with its corner at `hz` and quality `q`, for `rate` samples a second.
    pub(super) fn low_pass(hz: f32, q: f32, rate: f32) -> Self {
        let w = (PI * hz / rate).tan();
        let a0 = 1.0 + w / q + w * w;
        Section::new([w * w, 2.0 * w * w, w * w], [2.0 * (w * w - 1.0), 1.0 - w / q + w * w], a0)
    }

    /// A band-pass section from `low_hz` to `high_hz` (−3 dB), for `rate` samples a second.
    pub(super) fn band_pass(low_hz: f32, high_hz: f32, rate: f32) -> Self {
        let (low, high) = ((PI * low_hz / rate).tan(), (PI * high_hz / rate).tan());
        let (width, square) = (high - low, high * low);
        let a0 = 1.0 + width + square;
        Section::new([width, 0.0, -width], [2.0 * (square - 1.0), 1.0 - width + square], a0)
    }

    fn new(b: [f32; 3], a: [f32; 2], a0: f32) -> Self {
        Section { b: b.map(|x| x / a0), a: a.map(|x| x / a0), memory: [0.0; 2] }
    }

    /// Filters one sample.
    pub(super) fn filter(&mut self, x: f32) -> f32 {
        let y = self.b[0] * x + self.memory[0];
        // What does not wait for `y` comes first.
        self.memory[0] = (self.b[1] * x + self.memory[1]) - self.a[0] * y;
        self.memory[1] = self.b[2] * x - self.a[1] * y;
        y
    }

    /// Forgets what is too small to matter; call it once a frame.
    pub(super) fn settle(&mut self) {
        for m in &mut self.memory {
            if m.abs() < NOTHING {
                *m = 0.0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gain_db(mut section: Section, hz: f32) -> f32 {
        let mut power = 0.0;
        for n in 0..8_000 {
            let y = section.filter((2.0 * PI * hz * n as f32 / 8_000.0).sin());
            if n >= 4_000 {
                power += y * y / 2_000.0;
            }
        }
        10.0 * power.log10()
    }

    #[test]
    fn sections_pass_and_stop_what_they_say() {
        let half = std::f32::consts::FRAC_1_SQRT_2;
        for (section, hz, db) in [
            (Section::low_pass(1_800.0, half, 8_000.0), 200.0, 0.0),
            (Section::low_pass(1_800.0, half, 8_000.0), 1_800.0, -3.01),
            (Section::band_pass(60.0, 900.0, 8_000.0), 60.0, -3.01),
            (Section::band_pass(60.0, 900.0, 8_000.0), 900.0, -3.01),
        ] {
            let found = gain_db(section, hz);
            assert!((found - db).abs() < 0.1, "{hz} Hz: {found} dB, should be {db}");
        }
    }
}
