//! What one frame of listening costs, and one comparison of two turns.

use std::sync::Arc;
use std::time::Duration;

use divan::{Bencher, black_box};
use segue::base::{Frame, Party, Rate, Time};
use segue::listen::Listener;
use segue::listen::effort::Effort;
use segue::listen::signal::SignalsTable;
use segue::listen::signal::raised_volume::{RaisedVolume, RaisedVolumeTable};
use segue::listen::signal::repeat::{Comparison, SoundSketch, TurnSound};
use segue::listen::table::ListenTable;
use segue::listen::types::{ListenInput, ListenOutput, ListenerSeat, Scene};
use segue::listen::vad::Hearing;
use segue::sound::dtmf::DtmfDetector;
use segue::sound::recording::{ChannelChoice, Recording};

fn main() {
    divan::main();
}

const RATES: [u32; 2] = [8_000, 16_000];

fn rate(hz: u32) -> Rate {
    if hz == 8_000 { Rate::Hz8000 } else { Rate::Hz16000 }
}

/// A buzz whose pitch and colour glide, with noise; one frame of it.
fn frame(rate: Rate, n: usize) -> Frame {
    let mut frame = Frame::silence(rate);
    let mut seed = n as u32;
    for (i, sample) in frame.samples_mut().iter_mut().enumerate() {
        let t = (n * rate.frame_samples() + i) as f32 / rate.hz() as f32;
        let f0 = 120.0 + 10.0 * (t * 3.0).sin();
        let colour = 1.0 + 0.5 * (t * 17.0).sin();
        let buzz: f32 = (1..24).map(|k| 2_000.0 / (k as f32).powf(colour) * (std::f32::consts::TAU * f0 * k as f32 * t).cos()).sum();
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *sample = (buzz + ((seed >> 24) as f32 - 128.0) * 0.5) as i16;
    }
    frame
}

/// Runs `push` over the same second again and again.
fn each_frame(bencher: Bencher, rate: Rate, mut push: impl FnMut(&Frame)) {
    let frames: Vec<Frame> = (0..50).map(|n| frame(rate, n)).collect();
    let mut n = 0;
    bencher.bench_local(move || {
        push(black_box(&frames[n % frames.len()]));
        n += 1;
    });
}

/// A sample caller who talks a quarter of the time, frame by frame.
fn caller() -> Vec<Frame> {
    let file = std::fs::File::open(concat!(env!("CARGO_MANIFEST_DIR"), "/audio/calls/gets-loud.flac")).expect("a sample call");
    let recording = Recording::open_at(Box::new(file), Some("flac"), ChannelChoice::Left, Rate::Hz8000).expect("a recording");
    let samples = recording.read_all(Duration::from_secs(600)).expect("it decodes");
    samples.chunks(160).map(|part| Frame::from_samples(Rate::Hz8000, part)).collect()
}

/// Everything that listens on one leg, over a whole call: what a frame costs on average.
#[divan::bench(args = [Party::Caller, Party::Agent], sample_count = 20_000)]
fn whole_listener(bencher: Bencher, party: Party) {
    let frames = caller();
    let seat = ListenerSeat { party, rate: Rate::Hz8000 };
    let mut listener = Listener::new(seat, &ListenTable::default(), &SignalsTable::default());
    listener.handle(ListenInput::Scene(Scene::WithPerson), Time::ZERO);
    let (mut n, mut now) = (0, Time::ZERO);
    bencher.bench_local(move || {
        now += Duration::from_millis(20);
        listener.handle(ListenInput::Audio(frames[n % frames.len()]), now);
        n += 1;
        while !matches!(listener.poll(), ListenOutput::Idle(_)) {}
    });
}

#[divan::bench(args = RATES)]
fn keys_in_band(bencher: Bencher, hz: u32) {
    let mut keys = DtmfDetector::new(rate(hz));
    each_frame(bencher, rate(hz), |frame| {
        black_box(keys.push(frame));
    });
}

/// With the pitch that it looks at.
#[divan::bench(args = RATES)]
fn voice_activity(bencher: Bencher, hz: u32) {
    let mut hearing = Hearing::without_colour(rate(hz));
    each_frame(bencher, rate(hz), |frame| {
        black_box(hearing.push(frame));
    });
}

#[divan::bench(args = RATES)]
fn effort_front_end(bencher: Bencher, hz: u32) {
    let mut effort = Effort::new(rate(hz));
    each_frame(bencher, rate(hz), |frame| {
        black_box(effort.push(frame));
    });
}

/// Push and window together: nine of ten frames look at no window.
#[divan::bench]
fn raised_volume(bencher: Bencher) {
    let mut effort = Effort::new(Rate::Hz8000);
    let heard: Vec<_> = (0..200).map(|n| effort.push(&frame(Rate::Hz8000, n))).collect();
    let mut raised = RaisedVolume::new(&RaisedVolumeTable { threshold_s: 10.0, threshold_z: 10.0, ..RaisedVolumeTable::default() });
    raised.turn_began(Time::ZERO);
    let (mut n, mut now) = (0, Time::ZERO);
    bencher.bench_local(move || {
        now += Duration::from_millis(20);
        raised.push(&heard[n % heard.len()], true, now);
        n += 1;
        black_box(raised.window(now))
    });
}

#[divan::bench(args = RATES)]
fn sound_sketch(bencher: Bencher, hz: u32) {
    let mut sketch = SoundSketch::new(rate(hz));
    let mut n = 0;
    each_frame(bencher, rate(hz), move |frame| {
        n += 1;
        if n % 400 == 0 {
            sketch.clear();
        }
        sketch.push(frame);
    });
}

fn turn(from: usize, frames: usize) -> Arc<TurnSound> {
    let mut sketch = SoundSketch::new(Rate::Hz8000);
    (from..from + frames).for_each(|n| sketch.push(&frame(Rate::Hz8000, n)));
    Arc::new(sketch.finish().expect("long enough"))
}

/// One comparison of 100 × 100 frames, without stretched frequencies and with them.
#[divan::bench(args = ["plain", "stretched"])]
fn comparison(bencher: Bencher, kind: &str) {
    let threshold = if kind == "plain" { 0.001 } else { 2.0 };
    let comparison = Comparison { turn: 1, query: turn(0, 100), candidates: vec![(0, turn(137, 100))], threshold, threshold_angry: threshold };
    bencher.bench_local(move || black_box(comparison.run()));
}
