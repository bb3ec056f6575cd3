//! Keys in band: finds the two tones of a pressed key in a line's sound (ITU-T Q.23, Q.24).
//!
//! Every 5 ms the last 20 ms are correlated with the eight tones. The phase that a tone gains from one window to the
//! next tells its frequency to a few Hz, so that speech, which seldom holds two steady tones and nothing else, is told
//! apart. A key is reported once, about 40 ms after its onset.

use std::f32::consts::{PI, TAU};

use crate::base::{Frame, Key, Rate};
use crate::sound::level::mean_square;
use crate::sound::tone::{DTMF_HIGH_HZ, DTMF_KEYS, DTMF_LOW_HZ};

/// Pieces of sound that are looked at, in a second: 5 ms each.
const PIECES_PER_SEC: u32 = 200;
/// Pieces of a window: 20 ms.
const WINDOW: usize = 4;
/// Pieces over which the phase is compared: 10 ms, which tells frequencies within ±50 Hz.
const STRIDE: usize = 2;
/// Samples of a piece at 16 kHz.
const MAX_PIECE: usize = 80;
const TONES: usize = 8;
/// Where all tones begin: cosines and sines.
const BEGINNING: [[f32; TONES]; 2] = [[1.0; TONES], [0.0; TONES]];

/// Q.24 table A-1: tones up to 1.5 % off must work, from 3.5 % on they must not.
const MAX_OFF: f32 = 0.025;
/// Q.24 table A-1 lets administrations ask for 4 to 10 dB where the low tone is louder …
const MAX_LOW_OVER_HIGH_DB: f32 = 10.0;
/// … and for 4 to 6 dB where the high tone is.
const MAX_HIGH_OVER_LOW_DB: f32 = 6.0;
/// The part of a window's power that must lie in the two tones. Seven eighths of a window reach 0.875.
const MIN_PURITY: f32 = 0.86;
/// Mean power of the quietest key, full scale being 1: −42 dBov, below Q.24's −29 dBm for every usual line.
const MIN_POWER: f32 = 6.3e-5;
/// A piece of less mean power than this is left to itself: 20 dB below the quietest key.
const NOTHING: f32 = MIN_POWER / 100.0;
/// Windows that must agree: with them a tone of 40 ms is surely found and one of 20 ms surely is not (Q.24).
const ONSET_WINDOWS: u32 = 4;
/// Windows without the key after which it is released: a pause of 40 ms surely is one, 10 ms surely are not (Q.24).
const RELEASE_WINDOWS: u32 = 8;

/// Finds keys in the frames of one line.
#[derive(Clone, Debug)]
pub struct DtmfDetector {
    rate: Rate,
    /// Cosine and minus sine of every tone, sample by sample of a piece: side by side, so that all tones are correlated at once.
    waves: [[[f32; TONES]; 2]; MAX_PIECE],
    /// What each tone turns by over a piece, and where it is: cosines and sines.
    turn: [[f32; TONES]; 2],
    phase: [[f32; TONES]; 2],
    /// Pieces since all tones were where they began.
    since: u32,
    /// The last pieces, newest last.
    pieces: [Piece; WINDOW + STRIDE],
    state: State,
}

/// What a piece, or a window, has of each tone.
#[derive(Clone, Copy, Debug, Default)]
struct Piece {
    /// Correlation with each tone, real and imaginary.
    tones: [[f32; 2]; TONES],
    /// Sum of squares.
    energy: f32,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// No key.
    Open,
    /// A key that was seen in so many windows in a row.
    Rising { place: (usize, usize), windows: u32 },
    /// A key that was reported, and has been missing for so many windows.
    Held { place: (usize, usize), missing: u32 },
}

impl DtmfDetector {
    /// A detector that has heard nothing.
    pub fn new(rate: Rate) -> Self {
        let hz = rate.hz() as f32;
        let omega = |tone: usize| TAU * tone_hz(tone) / hz;
        let waves = std::array::from_fn(|i| {
            [std::array::from_fn(|tone| (omega(tone) * i as f32).cos()), std::array::from_fn(|tone| -(omega(tone) * i as f32).sin())]
        });
        let piece = (rate.hz() / PIECES_PER_SEC) as f32;
        DtmfDetector {
            rate,
            waves,
            turn: [std::array::from_fn(|tone| (omega(tone) * piece).cos()), std::array::from_fn(|tone| (omega(tone) * piece).sin())],
            phase: BEGINNING,
            since: 0,
            pieces: Default::default(),
            state: State::Open,
        }
    }

    /// Takes the next frame; the key, once, if one was found to be pressed. A frame at another rate counts as silence.
    pub fn push(&mut self, frame: &Frame) -> Option<Key> {
        let silence = Frame::silence(self.rate);
        let frame = if frame.rate() == self.rate { frame } else { &silence };
        let mut pressed = None;
        for piece in frame.samples().chunks((self.rate.hz() / PIECES_PER_SEC) as usize) {
            self.pieces.rotate_left(1);
            self.pieces[WINDOW + STRIDE - 1] = self.correlate(piece);
            let seen = self.look();
            pressed = pressed.or(self.step(seen));
        }
        pressed
    }

    fn correlate(&mut self, samples: &[i16]) -> Piece {
        let mut x = [0.0; MAX_PIECE];
        for (to, &from) in x.iter_mut().zip(samples) {
            *to = f32::from(from) / 32_768.0;
        }
        let mut piece = Piece { energy: mean_square(&x) * MAX_PIECE as f32, ..Piece::default() };
        if piece.energy < NOTHING * samples.len() as f32 {
            self.turn_on();
            return piece;
        }
        let (mut re, mut im) = ([0.0; TONES], [0.0; TONES]);
        for (s, [cos, sin]) in x[..samples.len()].iter().zip(&self.waves) {
            for tone in 0..TONES {
                re[tone] += s * cos[tone];
                im[tone] += s * sin[tone];
            }
        }
        for tone in 0..TONES {
            // Turned to where the tone's own wave is at this piece, so that pieces add up.
            let (cos, sin) = (self.phase[0][tone], self.phase[1][tone]);
            piece.tones[tone] = [re[tone] * cos + im[tone] * sin, im[tone] * cos - re[tone] * sin];
        }
        self.turn_on();
        piece
    }

    /// A piece further. Tones of whole hertz are where they began after each second.
    fn turn_on(&mut self) {
        self.since = (self.since + 1) % PIECES_PER_SEC;
        if self.since == 0 {
            self.phase = BEGINNING;
            return;
        }
        let [cosines, sines] = &mut self.phase;
        for tone in 0..TONES {
            let (cos, sin) = (cosines[tone], sines[tone]);
            let [turn_cos, turn_sin] = [self.turn[0][tone], self.turn[1][tone]];
            cosines[tone] = cos * turn_cos - sin * turn_sin;
            sines[tone] = sin * turn_cos + cos * turn_sin;
        }
    }

    /// The key in the newest window, if there is one and nothing else.
    fn look(&self) -> Option<(usize, usize)> {
        let samples = (self.rate.hz() / PIECES_PER_SEC) as f32 * WINDOW as f32;
        if self.pieces[STRIDE..].iter().map(|piece| piece.energy).sum::<f32>() < MIN_POWER * samples {
            return None;
        }
        let (now, before) = (self.window(STRIDE), self.window(0));
        let (low, high) = (strongest(&now, 0), strongest(&now, 4));
        let (low_power, high_power) = (tone_power(&now, &before, low, samples)?, tone_power(&now, &before, high, samples)?);
        let twist_db = 10.0 * (high_power / low_power).log10();
        let pure = low_power + high_power >= MIN_PURITY * now.energy / samples;
        (pure && (-MAX_LOW_OVER_HIGH_DB..=MAX_HIGH_OVER_LOW_DB).contains(&twist_db)).then_some((low, high - 4))
    }

    fn window(&self, from: usize) -> Piece {
        let mut window = Piece::default();
        for piece in &self.pieces[from..from + WINDOW] {
            window.energy += piece.energy;
            for (sum, part) in window.tones.iter_mut().zip(&piece.tones) {
                *sum = [sum[0] + part[0], sum[1] + part[1]];
            }
        }
        window
    }

    fn step(&mut self, seen: Option<(usize, usize)>) -> Option<Key> {
        let (state, pressed) = match (self.state, seen) {
            (State::Held { place, .. }, Some(now)) if now == place => (State::Held { place, missing: 0 }, None),
            (State::Held { place, missing }, _) if missing + 1 < RELEASE_WINDOWS => (State::Held { place, missing: missing + 1 }, None),
            (State::Rising { place, windows }, Some(now)) if now == place && windows + 1 >= ONSET_WINDOWS => {
                (State::Held { place, missing: 0 }, Some(place))
            }
            (State::Rising { place, windows }, Some(now)) if now == place => (State::Rising { place, windows: windows + 1 }, None),
            (State::Open | State::Rising { .. } | State::Held { .. }, Some(place)) => (State::Rising { place, windows: 1 }, None),
            (State::Open | State::Rising { .. } | State::Held { .. }, None) => (State::Open, None),
        };
        self.state = state;
        pressed.and_then(|(low, high)| Key::new(DTMF_KEYS[low][high]))
    }
}

fn tone_hz(tone: usize) -> f32 {
    (if tone < 4 { DTMF_LOW_HZ[tone] } else { DTMF_HIGH_HZ[tone - 4] }) as f32
}

/// The strongest of four tones.
fn strongest(window: &Piece, from: usize) -> usize {
    let size = |tone: usize| window.tones[tone][0].powi(2) + window.tones[tone][1].powi(2);
    (from + 1..from + 4).fold(from, |best, tone| if size(tone) > size(best) { tone } else { best })
}

/// Mean power of a tone near its place, corrected for how far off it is; `None` if that is too far.
fn tone_power(now: &Piece, before: &Piece, tone: usize, samples: f32) -> Option<f32> {
    let ([a, b], [c, d]) = (now.tones[tone], before.tones[tone]);
    let gained = (b * c - a * d).atan2(a * c + b * d);
    let off_hz = gained / TAU * (PIECES_PER_SEC as f32 / STRIDE as f32);
    if off_hz.abs() > MAX_OFF * tone_hz(tone) {
        return None;
    }
    // A rectangular window of 20 ms sees a tone that is off by f as sinc(f · 20 ms).
    let x = PI * off_hz * WINDOW as f32 / PIECES_PER_SEC as f32;
    let seen = if x.abs() < 1e-3 { 1.0 } else { x.sin() / x };
    Some(2.0 * (a * a + b * b) / (samples * seen).powi(2))
}
