//! Recordings that are made here: tones, noise, keys and a buzz that a listener takes for speech.

use std::f64::consts::TAU;
use std::io::Cursor;
use std::path::Path;

use segue::sound::recording::{ChannelChoice, Recording};
use segue::sound::tone::{DTMF_HIGH_HZ, DTMF_KEYS, DTMF_LOW_HZ};

/// Samples a second of what is made here.
pub const HZ: u32 = 8_000;

/// So many seconds in samples.
pub fn samples(secs: f64) -> usize {
    (secs * f64::from(HZ)) as usize
}

/// The smallest generator that is good enough for noise (Knuth and Lewis, in Numerical Recipes).
fn random(state: &mut u32) -> u32 {
    *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
    *state >> 16
}

/// A quiet room: noise of about −69 dBFS, another one for each seed.
pub fn room(secs: f64, seed: u32) -> Vec<i16> {
    let mut state = seed.wrapping_mul(2_654_435_761) | 1;
    (0..samples(secs)).map(|_| (0..4).map(|_| (random(&mut state) % 21) as i16 - 10).sum()).collect()
}

/// A pure tone.
pub fn sine(secs: f64, hz: f64, peak: f64) -> Vec<i16> {
    (0..samples(secs)).map(|i| (peak * (TAU * hz * i as f64 / f64::from(HZ)).sin()) as i16).collect()
}

/// Puts `sound` over `base` at this second.
pub fn over(base: &mut [i16], at_secs: f64, sound: &[i16]) {
    for (b, s) in base[samples(at_secs)..].iter_mut().zip(sound) {
        *b = b.saturating_add(*s);
    }
}

/// A key as a phone sends it in band, for 120 ms.
pub fn key(which: char) -> Vec<i16> {
    let (row, column) = (0..4).flat_map(|r| (0..4).map(move |c| (r, c))).find(|&(r, c)| DTMF_KEYS[r][c] == which).unwrap();
    let (low, high) = (sine(0.12, DTMF_LOW_HZ[row], 5_000.0), sine(0.12, DTMF_HIGH_HZ[column], 5_000.0));
    low.iter().zip(high).map(|(l, h)| l + h).collect()
}

/// Formants in Hz of some vowels (Peterson and Barney 1952, men).
const VOWELS: [[f64; 3]; 4] = [[730.0, 1_090.0, 2_440.0], [270.0, 2_290.0, 3_010.0], [570.0, 840.0, 2_410.0], [530.0, 1_840.0, 2_480.0]];

/// A voice that says vowels, four or more syllables a second: pulses at a gliding pitch through three formants. Another `words` says others.
pub fn babble(secs: f64, pitch_hz: f64, words: u32) -> Vec<i16> {
    let (rate, peak) = (f64::from(HZ), 9_000.0);
    let pace = 4.0 + f64::from(words % 3);
    let mut state = words.wrapping_mul(2_654_435_761) | 1;
    let said: Vec<[f64; 3]> = (0..=(secs * pace) as usize).map(|_| VOWELS[random(&mut state) as usize % VOWELS.len()]).collect();
    let mut memory = [[0.0_f64; 2]; 3];
    let (mut phase, mut out) = (0.0_f64, Vec::with_capacity(samples(secs)));
    for i in 0..samples(secs) {
        let t = i as f64 / rate;
        let within = (t * pace).fract();
        let loudness = (std::f64::consts::PI * within).sin().powf(0.5) * if within > 0.85 { 0.1 } else { 1.0 };
        phase += pitch_hz * (1.0 + 0.12 * (TAU * 0.7 * t).sin() - 0.1 * within) / rate;
        let mut source = if phase >= 1.0 { 1.0 } else { 0.0 };
        phase = phase.fract();
        source += 0.01 * (TAU * 1_733.0 * t * t).sin();
        let mut voiced = 0.0;
        for (state, hz) in memory.iter_mut().zip(said[(t * pace) as usize]) {
            let width = 60.0 + hz * 0.04;
            let r = (-std::f64::consts::PI * width / rate).exp();
            let y = source + 2.0 * r * (TAU * hz / rate).cos() * state[0] - r * r * state[1];
            *state = [y, state[0]];
            voiced += y / (1.0 + hz / 700.0);
        }
        out.push(voiced * loudness);
    }
    let most = out.iter().fold(0.0_f64, |m, s| m.max(s.abs()));
    out.iter().map(|s| (s / most * peak) as i16).collect()
}

/// A caller who says something for so long, something else at each of these seconds.
pub fn caller(secs: f64, says_at: &[f64], for_secs: f64, pitch_hz: f64) -> Vec<i16> {
    let mut sound = room(secs, pitch_hz as u32);
    for (at, words) in says_at.iter().zip(pitch_hz as u32..) {
        over(&mut sound, *at, &babble(for_secs, pitch_hz, words));
    }
    sound
}

/// A WAV file of 16 bits with these channels.
pub fn wav(channels: &[&[i16]]) -> Vec<u8> {
    let spec = hound::WavSpec { channels: channels.len() as u16, sample_rate: HZ, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
    let mut bytes = Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut bytes, spec).unwrap();
    for i in 0..channels[0].len() {
        channels.iter().for_each(|c| writer.write_sample(c[i]).unwrap());
    }
    writer.finalize().unwrap();
    bytes.into_inner()
}

/// A WAV file by its header: format tag, channels, rate, bits.
pub fn raw_wav(tag: u16, channels: u16, hz: u32, bits: u16, data: &[u8]) -> Vec<u8> {
    let block = channels.saturating_mul(bits / 8);
    let words = |list: &[u16]| list.iter().flat_map(|w| w.to_le_bytes()).collect::<Vec<u8>>();
    let mut file = b"RIFF".to_vec();
    file.extend((36 + data.len() as u32).to_le_bytes());
    file.extend(b"WAVEfmt \x10\0\0\0");
    file.extend(words(&[tag, channels]));
    file.extend(hz.to_le_bytes());
    file.extend(hz.saturating_mul(u32::from(block)).to_le_bytes());
    file.extend(words(&[block, bits]));
    file.extend(b"data");
    file.extend((data.len() as u32).to_le_bytes());
    file.extend(data);
    file
}

/// All samples of a recording's first channel, at the rate of a call.
pub fn decoded(path: &Path) -> Vec<i16> {
    let file = Box::new(std::fs::File::open(path).unwrap());
    let mut recording = Recording::open(file, path.extension().and_then(|e| e.to_str()), ChannelChoice::Left).unwrap();
    assert_eq!(recording.info().rate.hz(), HZ, "the samples are as a phone gives them");
    let mut all = Vec::new();
    while let Some(heard) = recording.next_frame().unwrap() {
        all.extend_from_slice(heard.first.samples());
    }
    all
}

/// The same louder or softer.
pub fn gained(sound: &[i16], db: f64) -> Vec<i16> {
    let factor = 10_f64.powf(db / 20.0);
    sound.iter().map(|s| (f64::from(*s) * factor).round().clamp(-32_768.0, 32_767.0) as i16).collect()
}
