//! How well repeats are heard in sound alone, on real voices over a simulated telephone line.
//!
//! The corpus is not part of the repository; without it these tests say so and pass. Figures are printed
//! (`--nocapture`), the floors that are asserted lie a little below them.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::corpus::Recording;
use crate::line::{Line, Seeded};
use segue::base::{Rate, Time};
use segue::listen::signal::raised_volume::{RaisedVolume, RaisedVolumeTable};
use segue::listen::signal::repeat::{Comparison, RepeatTable, SoundSketch, TurnSound};
use segue::listen::vad::Hearing;

struct Turn {
    text: String,
    angry: bool,
    sound: Arc<TurnSound>,
}

fn sketch(in_band: &[f32], line: Line, seed: u64) -> Option<TurnSound> {
    let mut sketch = SoundSketch::new(Rate::Hz8000);
    crate::line::frames(in_band, line, seed).iter().for_each(|frame| sketch.push(frame));
    sketch.finish()
}

/// Each speaker's calm and angry sentences, each speaker on a line of their own.
fn sentences(snr_db: Option<f32>) -> Option<BTreeMap<String, Vec<Turn>>> {
    let mut speakers: BTreeMap<String, Vec<Turn>> = BTreeMap::new();
    let mut random = Seeded::new(11);
    let wanted = |r: &Recording| r.is_sentence() && matches!(r.label.as_str(), "neutral" | "boredom" | "anger");
    for (n, recording) in crate::corpus::recordings()?.into_iter().filter(wanted).enumerate() {
        let line = Line { gain_db: random.unit() * 24.0 - 12.0, snr_db };
        let Some(mut sound) = sketch(&crate::line::in_band(recording.samples()), line, n as u64) else { continue };
        sound.angry = recording.label == "anger";
        speakers.entry(recording.speaker).or_default().push(Turn { text: recording.text, angry: sound.angry, sound: Arc::new(sound) });
    }
    Some(speakers)
}

/// Pairs of one kind: how many there are, how many were taken for repeats, and their costs where asked for.
#[derive(Clone, Debug, Default)]
struct Pairs {
    hits: usize,
    of: usize,
    costs: Vec<f64>,
}

impl Pairs {
    fn rate(&self) -> f64 {
        self.hits as f64 / self.of.max(1) as f64
    }
}

fn is_repeat(a: &Turn, b: &Turn, table: &RepeatTable) -> Option<f64> {
    let comparison = Comparison {
        turn: 1,
        query: Arc::clone(&b.sound),
        candidates: vec![(0, Arc::clone(&a.sound))],
        threshold: table.threshold,
        threshold_angry: table.threshold_angry,
    };
    comparison.run().best.map(|best| best.cost)
}

/// Calm–calm, calm–angry and angry–angry; of each the same sentences and different ones.
fn measure(name: &str, snr_db: Option<f32>) -> Option<[[Pairs; 2]; 3]> {
    let mut found: [[Pairs; 2]; 3] = Default::default();
    let table = RepeatTable::default();
    let any = RepeatTable { threshold: 2.0, threshold_angry: 2.0, ..RepeatTable::default() };
    for turns in sentences(snr_db)?.values() {
        for (n, b) in turns.iter().enumerate() {
            for a in &turns[..n] {
                let pairs = &mut found[usize::from(a.angry) + usize::from(b.angry)][usize::from(a.text != b.text)];
                pairs.of += 1;
                pairs.hits += usize::from(is_repeat(a, b, &table).is_some());
                // Unoptimised this takes minutes.
                if !cfg!(debug_assertions) {
                    pairs.costs.extend(is_repeat(a, b, &any));
                }
            }
        }
    }
    for (kind, [same, different]) in ["calm-calm", "calm-angry", "angry-angry"].iter().zip(&found) {
        println!("{name} {kind}: recall {:.3} of {}, false {:.4} of {}", same.rate(), same.of, different.rate(), different.of);
        if !same.costs.is_empty() {
            println!("{name} {kind}: area {:.3}", area(&same.costs, &different.costs));
        }
    }
    Some(found)
}

/// How often a same pair costs less than a different one.
fn area(same: &[f64], different: &[f64]) -> f64 {
    let below = same.iter().map(|s| different.iter().filter(|d| *d > s).count()).sum::<usize>();
    below as f64 / (same.len() * different.len()).max(1) as f64
}

#[test]
fn the_same_sentence_is_heard_again() {
    let Some([[same, different], [across, across_different], [angry, angry_different]]) = measure("clean", None) else { return };
    assert!(same.rate() >= 0.95 && across.rate() >= 0.80 && angry.rate() >= 0.80);
    assert!(different.rate() <= 0.02 && across_different.rate() <= 0.01 && angry_different.rate() <= 0.01);
}

#[test]
fn noise_hides_some_repeats_and_makes_few() {
    let Some([[same, different], [across, across_different], [_, angry_different]]) = measure("15 dB noise", Some(15.0)) else { return };
    assert!(same.rate() >= 0.8 && across.rate() >= 0.55);
    assert!(different.rate() <= 0.05 && across_different.rate() <= 0.02 && angry_different.rate() <= 0.02);
}

/// Numbers of four digits by two speakers, each from other takes.
#[test]
fn calm_numbers_raise_nothing_and_different_ones_do_not_repeat() {
    let Some(recordings) = crate::corpus::recordings() else { return };
    let mut takes: BTreeMap<String, BTreeMap<String, Vec<Vec<f32>>>> = BTreeMap::new();
    for recording in recordings.into_iter().filter(|r| r.label == "digit") {
        let speaker = takes.entry(recording.speaker.clone()).or_default();
        speaker.entry(recording.text.clone()).or_default().push(recording.samples().0);
    }
    let (mut different, mut sharing, mut same, mut raised) = (Pairs::default(), Pairs::default(), Pairs::default(), Pairs::default());
    for digits in takes.values().map(|takes| takes.values().collect::<Vec<_>>()) {
        let single: Vec<Vec<f32>> =
            (0..12).flat_map(|take| digits.iter().map(move |takes| crate::line::in_band((takes[take].clone(), 8_000)))).collect();
        raised.of += single.len();
        raised.hits += raised_voices(&single);
        let spoken: Vec<Vec<f32>> = (0..24).map(|n| number(&digits, n % 12, n)).collect();
        raised.of += spoken.len();
        raised.hits += raised_voices(&spoken);
        let turns: Vec<_> = spoken.iter().enumerate().map(|(n, sound)| (n % 12, sketch(sound, Line::plain(0.0), n as u64))).collect();
        for (n, (b, query)) in turns.iter().enumerate() {
            for (a, earlier) in &turns[..n] {
                let (Some(query), Some(earlier)) = (query, earlier) else { continue };
                let turn = |sound: &TurnSound| Turn { text: String::new(), angry: false, sound: Arc::new(sound.clone()) };
                let share = places(*a).iter().any(|digit| places(*b).contains(digit));
                let pairs = if a == b {
                    &mut same
                } else if share {
                    &mut sharing
                } else {
                    &mut different
                };
                pairs.of += 1;
                pairs.hits += usize::from(is_repeat(&turn(earlier), &turn(query), &RepeatTable::default()).is_some());
            }
        }
    }
    println!("digits and numbers: raised {} of {}", raised.hits, raised.of);
    for (name, pairs) in [("same", &same), ("some digits in common", &sharing), ("none in common", &different)] {
        println!("numbers, {name}: {:.3} of {} taken for repeats", pairs.rate(), pairs.of);
    }
    assert!(raised.rate() <= 0.03 && different.rate() <= 0.08 && different.of > 50);
}

/// Four different digits of ten.
fn places(which: usize) -> [usize; 4] {
    std::array::from_fn(|place| (which * 7 + place * [1, 3, 7][which % 3] + which / 3) % 10)
}

/// Four digits that depend on `which`, from takes that depend on `take`.
fn number(digits: &[&Vec<Vec<f32>>], which: usize, take: usize) -> Vec<f32> {
    let mut sound = Vec::new();
    for (place, digit) in places(which).into_iter().enumerate() {
        let takes = digits[digit];
        sound.extend_from_slice(&takes[(take + place) % takes.len()]);
        sound.resize(sound.len() + 400, 0.0);
    }
    crate::line::in_band((sound, 8_000))
}

fn raised_voices(turns: &[Vec<f32>]) -> usize {
    let mut hearing = Hearing::new(Rate::Hz8000);
    let mut raised = RaisedVolume::new(&RaisedVolumeTable::default());
    let (mut millis, mut hits) = (0, 0);
    for (n, turn) in turns.iter().enumerate() {
        raised.turn_began(Time::from_millis(millis));
        for frame in crate::line::frames(turn, Line::plain(0.0), n as u64) {
            millis += 20;
            let (speech, heard) = hearing.push(&frame);
            raised.push(&heard, speech, Time::from_millis(millis));
            hits += usize::from(raised.window(Time::from_millis(millis)).is_some());
        }
        hits += usize::from(raised.turn_ended(Time::from_millis(millis)).is_some());
    }
    hits
}
