//! Keys in band, as ITU-T Q.24 asks for them, and no keys in speech.

use std::f64::consts::TAU;
use std::path::PathBuf;
use std::time::Duration;

use segue::base::{Frame, Key, Rate};
use segue::sound::dtmf::DtmfDetector;
use segue::sound::g711;
use segue::sound::recording::{ChannelChoice, Recording};
use segue::sound::tone::{dtmf, dtmf_tones};

const KEYS: &str = "0123456789*#ABCD";
const MS: fn(u64) -> Duration = Duration::from_millis;

fn key(label: char) -> Key {
    Key::new(label).expect("a key")
}

/// The keys found in the samples, `shift` samples of silence before them, a fifth of a second behind.
fn found(samples: &[i16], rate: Rate, shift: usize) -> String {
    let mut line = vec![0; shift];
    line.extend_from_slice(samples);
    line.resize(line.len() + rate.hz() as usize / 5, 0);
    let mut detector = DtmfDetector::new(rate);
    line.chunks(rate.frame_samples()).filter_map(|chunk| detector.push(&Frame::from_samples(rate, chunk))).map(Key::label).collect()
}

/// Two sines for so many ms, peaks in dB of full scale, without soft edges.
fn pair(rate: Rate, hz: (f64, f64), db: (f64, f64), ms: usize) -> Vec<i16> {
    let r = f64::from(rate.hz());
    let peak = |db: f64| 32_768.0 * 10_f64.powf(db / 20.0);
    (0..rate.hz() as usize * ms / 1_000)
        .map(|i| (peak(db.0) * (TAU * hz.0 * i as f64 / r).sin() + peak(db.1) * (TAU * hz.1 * i as f64 / r + 1.0).sin()) as i16)
        .collect()
}

/// Noise whose mean power is that of a sine of this peak (Marsaglia 2003, xorshift64).
fn noise(seed: u64, db: f64, n: usize) -> Vec<i16> {
    let mut x = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let half = 32_768.0 * 10_f64.powf(db / 20.0) * 1.5_f64.sqrt();
    let mut next = || {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        (x >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    };
    (0..n).map(|_| (half * next()) as i16).collect()
}

fn add(a: &[i16], b: &[i16]) -> Vec<i16> {
    a.iter().zip(b).map(|(a, b)| a.saturating_add(*b)).collect()
}

#[test]
fn every_key_is_found_once_wherever_it_begins_in_a_frame() {
    for rate in [Rate::Hz8000, Rate::Hz16000] {
        for label in KEYS.chars() {
            for shift in (0..rate.frame_samples()).step_by(13) {
                assert_eq!(found(&dtmf(rate, key(label), MS(40), MS(40)), rate, shift), label.to_string(), "{rate:?}, shift {shift}");
            }
        }
    }
}

#[test]
fn a_number_dialled_as_fast_as_allowed_is_found_in_order() {
    for rate in [Rate::Hz8000, Rate::Hz16000] {
        for shift in (0..rate.frame_samples()).step_by(7) {
            let dialled: Vec<i16> = "00112#*5599".chars().flat_map(|label| dtmf(rate, key(label), MS(40), MS(40)).to_vec()).collect();
            assert_eq!(found(&dialled, rate, shift), "00112#*5599", "{rate:?}, shift {shift}");
        }
    }
}

#[test]
fn a_key_held_for_long_is_one_key() {
    assert_eq!(found(&dtmf(Rate::Hz8000, key('7'), MS(5_000), MS(0)), Rate::Hz8000, 31), "7");
}

#[test]
fn a_key_is_reported_within_60_ms_of_its_onset() {
    let mut detector = DtmfDetector::new(Rate::Hz8000);
    let tone = dtmf(Rate::Hz8000, key('4'), MS(100), MS(0));
    let first = tone.chunks(160).position(|chunk| detector.push(&Frame::from_samples(Rate::Hz8000, chunk)).is_some());
    assert!(first.is_some_and(|frame| frame < 3), "frame {first:?}");
}

#[test]
fn a_short_break_does_not_press_a_key_twice() {
    for shift in 0..160 {
        let tone = dtmf(Rate::Hz8000, key('5'), MS(60), MS(10));
        assert_eq!(found(&[tone.as_ref(), tone.as_ref()].concat(), Rate::Hz8000, shift), "5", "shift {shift}");
    }
}

#[test]
fn what_is_too_short_is_no_key() {
    for shift in 0..160 {
        assert_eq!(found(&pair(Rate::Hz8000, dtmf_tones(key('5')), (-12.0, -12.0), 20), Rate::Hz8000, shift), "", "shift {shift}");
    }
}

#[test]
fn tones_that_are_a_little_off_are_keys_and_those_that_are_more_are_none() {
    for label in KEYS.chars() {
        let (low, high) = dtmf_tones(key(label));
        for (off, expected) in [(0.985, label.to_string()), (1.015, label.to_string()), (0.965, String::new()), (1.035, String::new())] {
            for shift in [0, 37, 81, 119] {
                for hz in [(low * off, high), (low, high * off)] {
                    let heard = found(&pair(Rate::Hz8000, hz, (-14.0, -14.0), 60), Rate::Hz8000, shift);
                    assert_eq!(heard, expected, "{label} {hz:?}, shift {shift}");
                }
            }
        }
    }
}

#[test]
fn twist_is_allowed_within_its_limits() {
    for label in KEYS.chars() {
        for (low, high, expected) in
            [(-10.0, -18.0, true), (-16.0, -12.0, true), (-6.0, -20.0, false), (-22.0, -12.0, false), (-12.0, -90.0, false), (-90.0, -12.0, false)]
        {
            for shift in [0, 37, 81, 119] {
                let heard = found(&pair(Rate::Hz8000, dtmf_tones(key(label)), (low, high), 60), Rate::Hz8000, shift);
                assert_eq!(heard, if expected { label.to_string() } else { String::new() }, "{label} {low} {high}, shift {shift}");
            }
        }
    }
}

#[test]
fn keys_are_found_through_level_noise_and_g711() {
    for label in KEYS.chars() {
        let quiet = pair(Rate::Hz8000, dtmf_tones(key(label)), (-38.0, -36.0), 60);
        assert_eq!(found(&quiet, Rate::Hz8000, 50), label.to_string(), "quiet");
        let loud = pair(Rate::Hz8000, dtmf_tones(key(label)), (-6.1, -6.1), 60);
        assert_eq!(found(&loud, Rate::Hz8000, 50), label.to_string(), "loud");
        let noisy = add(&pair(Rate::Hz8000, dtmf_tones(key(label)), (-14.0, -12.0), 60), &noise(label as u64, -27.0, 480));
        assert_eq!(found(&noisy, Rate::Hz8000, 50), label.to_string(), "15 dB above noise");
        for through in [|s: i16| g711::ulaw_decode(g711::ulaw_encode(s)), |s: i16| g711::alaw_decode(g711::alaw_encode(s))] {
            let line: Vec<i16> = quiet.iter().map(|&s| through(s)).collect();
            assert_eq!(found(&line, Rate::Hz8000, 50), label.to_string(), "quiet, through G.711");
        }
    }
}

#[test]
fn noise_clicks_and_single_tones_are_no_keys() {
    for rate in [Rate::Hz8000, Rate::Hz16000] {
        for seed in 1..6 {
            assert_eq!(found(&noise(seed, -12.0, 30 * rate.hz() as usize), rate, 0), "");
        }
        for hz in (300..3_400).step_by(17) {
            assert_eq!(found(&pair(rate, (f64::from(hz), 0.0), (-10.0, -120.0), 300), rate, 0), "", "{hz} Hz");
        }
        assert_eq!(found(&[i16::MAX, i16::MIN].repeat(2_000), rate, 0), "");
    }
}

/// Speech-like: harmonics of a gliding pitch under moving formants, in syllables.
fn babble(seed: u64, rate: Rate, secs: usize) -> Vec<i16> {
    let r = f64::from(rate.hz());
    let base = 90.0 + (seed % 9) as f64 * 22.0;
    let mut phase = 0.0;
    (0..secs * rate.hz() as usize)
        .map(|i| {
            let t = i as f64 / r;
            let pitch = base * (1.0 + 0.2 * (TAU * 0.7 * t).sin() + 0.05 * (TAU * 3.1 * t + seed as f64).sin());
            phase += TAU * pitch / r;
            let formants = [500.0 + 300.0 * (TAU * 1.3 * t).sin(), 1_450.0 + 600.0 * (TAU * 0.9 * t + seed as f64).sin(), 2_600.0];
            let voice: f64 = (1..)
                .take_while(|&h| f64::from(h) * pitch < r / 2.0 - 200.0)
                .map(|h| {
                    let hz = f64::from(h) * pitch;
                    let weight: f64 = formants.iter().zip([1.0, 0.5, 0.2]).map(|(f, w)| w / (1.0 + ((hz - f) / 90.0).powi(2))).sum();
                    weight * (f64::from(h) * phase).sin()
                })
                .sum();
            (6_000.0 * voice * (TAU * 2.0 * t).sin().max(0.0).sqrt()) as i16
        })
        .collect()
}

#[test]
fn an_artificial_voice_presses_few_keys() {
    // Harder than people: no breath, no jitter, formants so narrow that two harmonics can stand alone. Real speech has
    // a test of its own, which allows nothing.
    let alarms: String = (0..9).map(|seed| found(&babble(seed, Rate::Hz8000, 10), Rate::Hz8000, 0)).collect();
    assert!(alarms.len() <= 3, "{alarms:?} in 90 s: more than two a minute");
}

#[test]
fn the_embedded_voice_presses_no_keys() {
    let said = "Hello, I would like to know where my order is, number four five one nine. My invoice is wrong, and I have been waiting \
                for seven days. Please connect me with somebody who can help, this is the third time that I call about the same thing.";
    for voice in ["rms", "slt", "kal16"] {
        let path = std::env::temp_dir().join(format!("segue-dtmf-{}-{voice}.wav", std::process::id()));
        let spoken = std::process::Command::new("flite").args(["-voice", voice, "-t", said, "-o"]).arg(&path).status();
        let Ok(file) = std::fs::File::open(&path) else {
            println!("SKIPPED: flite is not installed ({spoken:?})");
            return;
        };
        std::fs::remove_file(&path).expect("it was just made");
        let mut recording = Recording::open(Box::new(file), Some("wav"), ChannelChoice::Mix).expect("flite writes WAV");
        let mut detector = DtmfDetector::new(recording.info().rate);
        let mut alarms = String::new();
        while let Some(heard) = recording.next_frame().expect("flite writes WAV") {
            alarms.extend(detector.push(&heard.first).map(Key::label));
        }
        assert_eq!(alarms, "", "{voice}");
    }
}

fn corpus() -> PathBuf {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus");
    std::env::var_os("SEGUE_CORPUS").map_or_else(beside, PathBuf::from)
}

#[test]
fn people_speaking_press_no_keys() {
    let (mut files, mut secs, mut alarms) = (0, 0.0, Vec::new());
    for part in ["digits", "emotion"] {
        let Ok(entries) = std::fs::read_dir(corpus().join(part)) else {
            println!("SKIPPED: no corpus of real speech in {}", corpus().display());
            return;
        };
        let mut paths: Vec<_> = entries.filter_map(|e| Some(e.ok()?.path())).filter(|p| p.extension().is_some_and(|e| e == "flac")).collect();
        paths.sort();
        for path in paths {
            let file = std::fs::File::open(&path).expect("the corpus is readable");
            let mut recording =
                Recording::open(Box::new(file), Some("flac"), ChannelChoice::Mix).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            let mut detector = DtmfDetector::new(recording.info().rate);
            files += 1;
            while let Some(heard) = recording.next_frame().unwrap_or_else(|e| panic!("{}: {e}", path.display())) {
                secs += 0.02;
                if let Some(key) = detector.push(&heard.first) {
                    alarms.push((path.clone(), key.label()));
                }
            }
        }
    }
    println!("{} false keys in {files} files, {secs:.0} s of speech", alarms.len());
    assert_eq!(alarms, []);
}
