//! The line's gain is not the caller's voice: louder or softer, the same signals (HEARING.md).

use serde_json::Value;

use super::run::{Scene, sample};
use super::sound::{decoded, gained, wav};

/// How far a span may move, in s.
const SLACK_SECS: f64 = 0.1;

/// Spans of `raised_volume` in s.
fn raised(object: &Value) -> Vec<(f64, f64)> {
    let signals = object["signals"].as_array().unwrap().iter().filter(|s| s["kind"] == "raised_volume");
    signals.map(|s| (s["rec_start_s"].as_f64().unwrap(), s["rec_end_s"].as_f64().unwrap())).collect()
}

/// So far, in dB, is the loudest sample from full scale.
fn headroom(sound: &[i16]) -> f64 {
    let peak = sound.iter().map(|s| s.unsigned_abs()).max().unwrap();
    20.0 * (32_767.0 / f64::from(peak)).log10()
}

#[test]
fn a_raised_voice_is_heard_alike_at_every_gain() {
    let Some(path) = sample("a_raised_voice_is_heard_alike_at_every_gain", "gets-loud.flac") else { return };
    let scene = Scene::quiet("gain-loud");
    let whole = decoded(&path);
    // Reduced first, so that 6 dB more do not clip.
    let base = gained(&whole, (headroom(&whole) - 6.1).min(0.0));
    let heard = |db: f64| {
        scene.write("x.wav", wav(&[&gained(&base, db)]));
        raised(&scene.replay(&["--json", "--bot", "none", "x.wav"]).object())
    };
    let plain = heard(0.0);
    assert!(!plain.is_empty(), "the sample has a raised voice");
    for db in [-12.0, 6.0] {
        let other = heard(db);
        assert_eq!(other.len(), plain.len(), "{db} dB: {other:?} instead of {plain:?}");
        for (a, b) in plain.iter().zip(&other) {
            assert!((a.0 - b.0).abs() <= SLACK_SECS && (a.1 - b.1).abs() <= SLACK_SECS, "{db} dB: {other:?} instead of {plain:?}");
        }
    }
}

#[test]
fn a_calm_call_is_never_raised_however_loud() {
    for name in ["calm-served-by-the-bot.flac", "only-the-line-gets-loud.flac"] {
        let Some(path) = sample("a_calm_call_is_never_raised_however_loud", name) else { return };
        let scene = Scene::quiet(&format!("gain-{name}"));
        let whole = decoded(&path);
        for db in [0.0, 12.0_f64.min(headroom(&whole)), 12.0] {
            scene.write("x.wav", wav(&[&gained(&whole, db)]));
            let object = scene.replay(&["--json", "--bot", "none", "x.wav"]).object();
            assert_eq!(raised(&object), [], "{name} at {db:.1} dB");
        }
    }
}
