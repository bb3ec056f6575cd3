//! What the hearing reaches on real voices, over a simulated telephone line.
//!
//! The corpus is not part of the repository; without it these tests say so and pass. The figures are printed
//! (`--nocapture`), the floors that are asserted lie a little below them.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::corpus::Recording;
use crate::line::{Line, Seeded};
use segue::base::{Frame, Rate, Time};
use segue::listen::signal::raised_volume::{EffortHit, RaisedVolume, RaisedVolumeTable};
use segue::listen::vad::Hearing;

/// One caller's ear, with the call's clock.
struct Ear {
    hearing: Hearing,
    raised: RaisedVolume,
    now: Time,
}

impl Ear {
    fn new() -> Self {
        Ear { hearing: Hearing::new(Rate::Hz8000), raised: RaisedVolume::new(&RaisedVolumeTable::default()), now: Time::ZERO }
    }

    /// Hears a turn and gives the hits in it.
    fn hear(&mut self, frames: &[Frame]) -> Vec<EffortHit> {
        let mut hits = Vec::new();
        self.raised.turn_began(self.now);
        for frame in frames {
            self.now += Duration::from_millis(20);
            let (speech, effort) = self.hearing.push(frame);
            self.raised.push(&effort, speech, self.now);
            hits.extend(self.raised.window(self.now));
        }
        hits.extend(self.raised.turn_ended(self.now));
        hits
    }
}

/// What was said, ready for a line.
struct Said {
    recording: Recording,
    sound: Vec<f32>,
}

fn said(wanted: impl Fn(&Recording) -> bool) -> Option<BTreeMap<String, Vec<Said>>> {
    let mut speakers: BTreeMap<String, Vec<Said>> = BTreeMap::new();
    for recording in crate::corpus::recordings()?.into_iter().filter(|r| wanted(r)) {
        let sound = crate::line::in_band(recording.samples());
        speakers.entry(recording.speaker.clone()).or_default().push(Said { recording, sound });
    }
    Some(speakers)
}

fn is_calm(recording: &Recording) -> bool {
    recording.is_sentence() && matches!(recording.label.as_str(), "neutral" | "boredom")
}

fn is_angry(recording: &Recording) -> bool {
    recording.is_sentence() && recording.label == "anger"
}

/// Hits and turns of one kind.
#[derive(Clone, Copy, Debug, Default)]
struct Share {
    hits: usize,
    of: usize,
}

impl Share {
    fn add(&mut self, hit: bool) {
        self.hits += usize::from(hit);
        self.of += 1;
    }

    fn rate(self) -> f64 {
        self.hits as f64 / self.of.max(1) as f64
    }
}

/// How many calls are simulated for each speaker, each in another order and with another gain.
const CALLS: u64 = if cfg!(debug_assertions) { 1 } else { 4 };

fn call(turns: &[Said], first: fn(&Recording) -> bool, then: fn(&Recording) -> bool, snr_db: Option<f32>, seed: u64) -> [Share; 2] {
    let mut random = Seeded::new(seed);
    let line = Line { gain_db: random.unit() * 24.0 - 12.0, snr_db };
    let mut ear = Ear::new();
    [first, then].map(|wanted| {
        let mut share = Share::default();
        let mut order: Vec<(f32, &Said)> = turns.iter().filter(|said| wanted(&said.recording)).map(|said| (random.unit(), said)).collect();
        order.sort_by(|a, b| a.0.total_cmp(&b.0));
        for (n, (_, said)) in order.iter().enumerate() {
            share.add(!ear.hear(&crate::line::frames(&said.sound, line, seed + n as u64)).is_empty());
        }
        share
    })
}

fn calls(name: &str, first: fn(&Recording) -> bool, then: fn(&Recording) -> bool, snr_db: Option<f32>) -> Option<[Share; 2]> {
    let mut total = [Share::default(); 2];
    for (speaker, turns) in said(|r| is_calm(r) || is_angry(r))? {
        let mut own = [Share::default(); 2];
        for seed in 0..CALLS {
            for (own, share) in own.iter_mut().zip(call(&turns, first, then, snr_db, seed * 1_000)) {
                own.hits += share.hits;
                own.of += share.of;
            }
        }
        println!("{name} {speaker}: first {:.3}, then {:.3}", own[0].rate(), own[1].rate());
        for (total, own) in total.iter_mut().zip(own) {
            total.hits += own.hits;
            total.of += own.of;
        }
    }
    println!("{name} all: first {:.3} ({:?}), then {:.3} ({:?})", total[0].rate(), total[0], total[1].rate(), total[1]);
    Some(total)
}

#[test]
fn anger_is_heard_against_the_callers_own_calm_voice() {
    let Some([calm, angry]) = calls("calm, then angry", is_calm, is_angry, None) else { return };
    assert!(angry.rate() >= 0.94, "recall {}", angry.rate());
    assert!(calm.rate() <= 0.01, "false alarms {}", calm.rate());
}

#[test]
fn a_caller_who_starts_angry_is_heard_too() {
    let Some([angry, calm]) = calls("angry, then calm", is_angry, is_calm, None) else { return };
    assert!(angry.rate() >= 0.86, "recall {}", angry.rate());
    assert!(calm.rate() <= 0.01, "false alarms {}", calm.rate());
}

#[test]
fn anger_is_heard_through_noise() {
    let Some([calm, angry]) = calls("calm, then angry, 15 dB noise", is_calm, is_angry, Some(15.0)) else { return };
    assert!(angry.rate() >= 0.91, "recall {}", angry.rate());
    assert!(calm.rate() <= 0.01, "false alarms {}", calm.rate());
}

/// A voice at another gain gives the same hits at the same places.
#[test]
fn the_gain_of_the_line_changes_nothing() {
    let Some(speakers) = said(|r| is_calm(r) || is_angry(r)) else { return };
    let (mut same, mut all) = (0, 0);
    for turns in speakers.values() {
        let hits = [0.0, -12.0, 6.0].map(|gain_db| {
            let mut ear = Ear::new();
            let order = turns.iter().filter(|said| is_calm(&said.recording)).chain(turns.iter().filter(|said| is_angry(&said.recording)));
            order.enumerate().map(|(n, said)| ear.hear(&crate::line::frames(&said.sound, Line::plain(gain_db), n as u64))).collect::<Vec<_>>()
        });
        for other in &hits[1..] {
            for (a, b) in hits[0].iter().zip(other) {
                all += 1;
                same += usize::from(are_alike(a, b));
            }
        }
    }
    println!("gain: {same} of {all} turns have the same hits");
    assert!(same * 100 >= all * 99, "{same} of {all}");
}

fn are_alike(a: &[EffortHit], b: &[EffortHit]) -> bool {
    let near = |a: Time, b: Time| a.since(b).max(b.since(a)) <= Duration::from_millis(100);
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| near(a.start, b.start) && near(a.end, b.end) && a.unit == b.unit)
}

/// One calm turn after another, the line getting louder from −12 to +12 dB.
#[test]
fn a_line_that_gets_louder_is_no_raised_voice() {
    let Some(speakers) = said(is_calm) else { return };
    let mut share = Share::default();
    for turns in speakers.values() {
        let mut ear = Ear::new();
        for (n, said) in turns.iter().enumerate() {
            let gain_db = -12.0 + 24.0 * n as f32 / turns.len() as f32;
            share.add(!ear.hear(&crate::line::frames(&said.sound, Line::plain(gain_db), n as u64)).is_empty());
        }
    }
    println!("gain ramp: {share:?}");
    assert!(share.rate() <= 0.02, "{share:?}");
}

/// Several sentences in one breath: a long turn fires more than once when angry, and not at all when calm.
#[test]
fn long_turns_fire_while_they_last() {
    let Some(speakers) = said(|r| is_calm(r) || is_angry(r)) else { return };
    let (mut calm, mut angry) = (Share::default(), Share::default());
    for turns in speakers.values() {
        let of = |wanted: fn(&Recording) -> bool| turns.iter().filter(move |said| wanted(&said.recording)).collect::<Vec<_>>();
        let (calm_turns, angry_turns) = (of(is_calm), of(is_angry));
        let mut ear = Ear::new();
        for said in &calm_turns {
            ear.hear(&crate::line::frames(&said.sound, Line::plain(0.0), 1));
        }
        for (share, turns) in [(&mut calm, &calm_turns), (&mut angry, &angry_turns)] {
            for several in turns.chunks(4).filter(|several| several.len() == 4) {
                let sound: Vec<f32> = several.iter().flat_map(|said| said.sound[1_600..said.sound.len() - 4_800].iter().copied()).collect();
                let hits = ear.hear(&crate::line::frames(&sound, Line::plain(0.0), 2));
                share.add(!hits.is_empty());
                assert!(hits.windows(2).all(|pair| pair[1].start >= pair[0].end), "{hits:?}");
            }
        }
    }
    println!("long turns: calm {calm:?}, angry {angry:?}");
    assert!(calm.hits == 0 && angry.rate() >= 0.9);
}
