//! Tones that a telephone user knows: ringback, a beep, keys, and a soft sign that the line is alive.
//!
//! They are made once, as samples to be played; loops hold their own pause.

use std::f64::consts::TAU;
use std::sync::Arc;
use std::time::Duration;

use crate::base::{Key, Rate};

/// Edges that do not click.
const RAMP_SECS: f64 = 0.005;

/// The low and high tones of the keys in Hz (ITU-T Q.23 §6).
pub const DTMF_LOW_HZ: [f64; 4] = [697.0, 770.0, 852.0, 941.0];
/// The high tones.
pub const DTMF_HIGH_HZ: [f64; 4] = [1_209.0, 1_336.0, 1_477.0, 1_633.0];
/// Which key lies where low and high tones cross, row by row (ITU-T Q.23 §6).
pub const DTMF_KEYS: [[char; 4]; 4] = [['1', '2', '3', 'A'], ['4', '5', '6', 'B'], ['7', '8', '9', 'C'], ['*', '0', '#', 'D']];

/// Where a ringback tone is at home.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Country {
    /// 425 Hz, 1 s of 5 (ITU-T E.180 §5, most of Europe).
    Europe,
    /// 440 and 480 Hz, 2 s of 6 (ANSI T1.401).
    NorthAmerica,
}

/// One of the tones sounding together: its frequency in Hz and the level of its sine in dBov.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sine {
    /// Frequency in Hz.
    pub hz: f64,
    /// Level in dBov; a full-scale sine has −3.01.
    pub dbov: f64,
}

/// Tones together for `on`, with soft edges, then silence for `off`.
pub fn tone(rate: Rate, sines: &[Sine], on: Duration, off: Duration) -> Arc<[i16]> {
    let hz = f64::from(rate.hz());
    let (on, off) = ((on.as_secs_f64() * hz) as usize, (off.as_secs_f64() * hz) as usize);
    let ramp = RAMP_SECS * hz;
    let sample = |i: usize| {
        let edge = ((i.min(on - 1 - i) + 1) as f64 / ramp).min(1.0);
        let sum: f64 = sines.iter().map(|s| peak(s.dbov) * (TAU * s.hz * i as f64 / hz).sin()).sum();
        (sum * edge).round() as i16
    };
    (0..on).map(sample).chain(std::iter::repeat_n(0, off)).collect()
}

/// What a caller hears while a phone rings; play it looped.
pub fn ringback(rate: Rate, country: Country) -> Arc<[i16]> {
    let (sines, on, off): (&[Sine], _, _) = match country {
        Country::Europe => (&[Sine { hz: 425.0, dbov: -20.0 }], 1, 4),
        Country::NorthAmerica => (&[Sine { hz: 440.0, dbov: -22.0 }, Sine { hz: 480.0, dbov: -22.0 }], 2, 4),
    };
    tone(rate, sines, Duration::from_secs(on), Duration::from_secs(off))
}

/// "Speak after the beep".
pub fn beep(rate: Rate) -> Arc<[i16]> {
    tone(rate, &[Sine { hz: 1_000.0, dbov: -18.0 }], Duration::from_millis(300), Duration::ZERO)
}

/// A soft sign every 1.5 s that the line is alive, for when there is nothing else to hear; play it looped.
pub fn comfort(rate: Rate) -> Arc<[i16]> {
    tone(rate, &[Sine { hz: 350.0, dbov: -32.0 }, Sine { hz: 440.0, dbov: -32.0 }], Duration::from_millis(150), Duration::from_millis(1_350))
}

/// A pressed key (ITU-T Q.23), the high tone 2 dB louder as phones send it (ETSI ES 201 235-2 §4.2.3).
pub fn dtmf(rate: Rate, key: Key, on: Duration, off: Duration) -> Arc<[i16]> {
    let (low, high) = dtmf_tones(key);
    tone(rate, &[Sine { hz: low, dbov: -15.0 }, Sine { hz: high, dbov: -13.0 }], on, off)
}

/// The low and the high tone of a key, in Hz.
pub fn dtmf_tones(key: Key) -> (f64, f64) {
    let place = (0..16).find(|&i| DTMF_KEYS[i / 4][i % 4] == key.label()).expect("every key has its place");
    (DTMF_LOW_HZ[place / 4], DTMF_HIGH_HZ[place % 4])
}

/// Peak of a sine of that level.
fn peak(dbov: f64) -> f64 {
    32_768.0 * std::f64::consts::SQRT_2 * 10_f64.powf(dbov / 20.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sound::level::level_dbov;

    #[test]
    fn tones_have_their_level_length_and_soft_edges() {
        for rate in [Rate::Hz8000, Rate::Hz16000] {
            let beep = beep(rate);
            assert_eq!(beep.len(), rate.hz() as usize * 3 / 10);
            assert!((level_dbov(&beep[400..2_000]) + 18.0).abs() < 0.05);
            assert!(beep[0].abs() < 50 && beep[beep.len() - 1].abs() < 200);
            assert_eq!(ringback(rate, Country::Europe).len(), 5 * rate.hz() as usize);
            assert_eq!(ringback(rate, Country::NorthAmerica).len(), 6 * rate.hz() as usize);
        }
    }

    #[test]
    fn the_comfort_tone_is_heard_at_least_every_two_seconds() {
        let comfort = comfort(Rate::Hz8000);
        assert!(comfort.len() < 2 * 8_000 && comfort.iter().any(|&s| s.abs() > 300));
    }

    #[test]
    fn nothing_is_a_tone_of_no_length() {
        assert!(tone(Rate::Hz8000, &[Sine { hz: 400.0, dbov: -20.0 }], Duration::ZERO, Duration::ZERO).is_empty());
    }

    #[test]
    fn keys_lie_where_the_recommendation_puts_them() {
        let tones = |label| dtmf_tones(Key::new(label).expect("a key"));
        assert_eq!((tones('1'), tones('5'), tones('0'), tones('D')), ((697.0, 1_209.0), (770.0, 1_336.0), (941.0, 1_336.0), (941.0, 1_633.0)));
    }
}
