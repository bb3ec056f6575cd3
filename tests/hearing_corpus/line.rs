//! A telephone line: 8 kHz, 300–3400 Hz, a gain of its own, µ-law.
#![allow(dead_code, reason = "each test uses what it needs of it")]

use audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Resampler};
use segue::base::{Frame, Rate};

/// Mean square of speech on a line of gain 0 dB: −26 dB re full scale.
const SPEECH_POWER: f32 = 0.0025;
/// Noise of the line itself before its gain: −66 dB re full scale.
const NOISE_AMPLITUDE: f32 = 0.000_87;
/// Silence before and after what is said, samples.
const AROUND: (usize, usize) = (3_200, 8_000);

/// Numbers that look random and are the same each time (xorshift64*, Vigna 2016).
#[derive(Clone, Debug)]
pub struct Seeded(u64);

impl Seeded {
    pub fn new(seed: u64) -> Self {
        Seeded(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// 0..1
    pub fn unit(&mut self) -> f32 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 40) as f32 / (1 << 24) as f32
    }

    /// About normal, mean 0, spread 1.
    pub fn normal(&mut self) -> f32 {
        (0..12).map(|_| self.unit()).sum::<f32>() - 6.0
    }
}

/// What a line does to a turn.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    pub gain_db: f32,
    /// Speech against white noise behind the caller, dB.
    pub snr_db: Option<f32>,
}

impl Line {
    pub fn plain(gain_db: f32) -> Self {
        Line { gain_db, snr_db: None }
    }
}

/// What was said, levelled, in the band, with silence around; the line is still to come.
pub fn in_band((samples, rate): (Vec<f32>, u32)) -> Vec<f32> {
    let mut x = to_8000(samples, rate);
    for (high, hz, q) in [(true, 300.0, 0.541), (true, 300.0, 1.307), (false, 3_400.0, 0.541), (false, 3_400.0, 1.307)] {
        butterworth(&mut x, high, hz, q);
    }
    let power = x.iter().map(|x| x * x).sum::<f32>() / x.len().max(1) as f32;
    let scale = (SPEECH_POWER / power.max(1e-12)).sqrt();
    let mut all = vec![0.0; AROUND.0];
    all.extend(x.iter().map(|x| x * scale));
    all.resize(all.len() + AROUND.1, 0.0);
    all
}

/// The frames that come out of the line.
pub fn frames(in_band: &[f32], line: Line, seed: u64) -> Vec<Frame> {
    let mut random = Seeded::new(seed);
    let gain = 10.0_f32.powf(line.gain_db / 20.0);
    let behind = line.snr_db.map_or(0.0, |db| (SPEECH_POWER / 10.0_f32.powf(db / 10.0)).sqrt());
    let noise = (NOISE_AMPLITUDE * NOISE_AMPLITUDE + behind * behind).sqrt();
    let samples: Vec<i16> = in_band.iter().map(|x| mu_law((x + noise * random.normal()) * gain)).collect();
    samples.chunks(160).map(|chunk| Frame::from_samples(Rate::Hz8000, chunk)).collect()
}

fn to_8000(mut samples: Vec<f32>, rate: u32) -> Vec<f32> {
    if rate == 8_000 {
        return samples;
    }
    let step = (rate / 50) as usize;
    let mut fft = Fft::<f32>::new(rate as usize, 8_000, step, 1, FixedSync::Both).expect("a usual rate");
    samples.resize(samples.len().next_multiple_of(step), 0.0);
    let (mut all, mut out) = (Vec::new(), [0.0; 160]);
    for chunk in samples.chunks(step) {
        let input = InterleavedSlice::new(chunk, 1, step).expect("one channel");
        let mut output = InterleavedSlice::new_mut(&mut out, 1, 160).expect("one channel");
        fft.process_into_buffer(&input, &mut output, None).expect("sizes fit");
        all.extend_from_slice(&out);
    }
    all
}

fn butterworth(x: &mut [f32], high: bool, hz: f32, q: f32) {
    let w = (std::f32::consts::PI * hz / 8_000.0).tan();
    let a0 = 1.0 + w / q + w * w;
    let (b0, b1) = if high { (1.0 / a0, -2.0 / a0) } else { (w * w / a0, 2.0 * w * w / a0) };
    let (a1, a2) = (2.0 * (w * w - 1.0) / a0, (1.0 - w / q + w * w) / a0);
    let (mut s1, mut s2) = (0.0, 0.0);
    for x in x {
        let y = b0 * *x + s1;
        s1 = b1 * *x - a1 * y + s2;
        s2 = b0 * *x - a2 * y;
        *x = y;
    }
}

/// G.711 µ-law there and back.
fn mu_law(x: f32) -> i16 {
    const BIAS: i32 = 33;
    const CLIP: i32 = 8_158;
    let linear = (x * 8_192.0).round().clamp(-8_192.0, 8_191.0) as i32;
    let magnitude = linear.abs().min(CLIP) + BIAS;
    let segment = (31 - magnitude.leading_zeros() as i32) - 5;
    let step = (magnitude >> (segment + 1)) & 0xF;
    let back = ((2 * step + BIAS) << segment) - BIAS;
    (back * linear.signum() * 4) as i16
}
