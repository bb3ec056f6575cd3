//! What 20 ms of sound cost. Run with `cargo bench --bench sound`.

use std::io::Cursor;
use std::time::Duration;

use divan::{Bencher, black_box};
use segue::base::{Frame, Key, LegId, Party, PlaybackId, Rate};
use segue::sound::bridge::{Bridge, BridgeInput, BridgeOutput, Play};
use segue::sound::dtmf::DtmfDetector;
use segue::sound::level::{SpeechLevel, frame_dbov};
use segue::sound::mix::Mix;
use segue::sound::recording::{ChannelChoice, Recording};
use segue::sound::resample::{FrameResampler, StreamResampler};
use segue::sound::tone;

const RATES: [u32; 2] = [8_000, 16_000];

fn main() {
    divan::main();
}

fn rate(hz: u32) -> Rate {
    if hz == 8_000 { Rate::Hz8000 } else { Rate::Hz16000 }
}

fn frame(rate: Rate) -> Frame {
    let samples: Vec<i16> = (0..rate.frame_samples()).map(|i| ((i * 7_919) % 20_000) as i16 - 10_000).collect();
    Frame::from_samples(rate, &samples)
}

#[divan::bench(args = RATES)]
fn resample_frame_to_the_other_rate(bencher: Bencher, hz: u32) {
    let (from, to) = (rate(hz), rate(24_000 - hz));
    let (mut resampler, frame) = (FrameResampler::new(from, to), frame(from));
    bencher.bench_local(|| resampler.push(black_box(&frame)));
}

#[divan::bench(args = [44_100, 48_000])]
fn resample_stream_mono_20_ms(bencher: Bencher, hz: u32) {
    let mut resampler = StreamResampler::new(hz, Rate::Hz16000, 1);
    let (chunk, mut out) = (vec![0.1; hz as usize / 50], Vec::with_capacity(4_096));
    bencher.bench_local(|| {
        out.clear();
        resampler.push(black_box(&chunk), &mut out);
    });
}

#[divan::bench(args = RATES)]
fn mix_three_sources(bencher: Bencher, hz: u32) {
    let (mut mix, frame) = (Mix::new(rate(hz)), frame(rate(hz)));
    bencher.bench_local(|| {
        mix.clear();
        (0..3).for_each(|_| mix.add(black_box(frame.samples())));
        mix.frame()
    });
}

#[divan::bench(args = RATES)]
fn bridge_tick_two_legs_talk_and_music(bencher: Bencher, hz: u32) {
    let rate = rate(hz);
    let mut bridge = Bridge::new(rate);
    for (leg, party) in [(LegId(0), Party::Caller), (LegId(1), Party::Agent)] {
        bridge.handle(BridgeInput::Join(leg, party));
    }
    bridge.handle(BridgeInput::Route { from: LegId(0), to: LegId(1), on: true });
    bridge.handle(BridgeInput::Route { from: LegId(1), to: LegId(0), on: true });
    bridge.handle(BridgeInput::Play(Play { id: PlaybackId(1), leg: LegId(0), samples: vec![900; 50_000].into(), more: false, looped: true }));
    let frame = frame(rate);
    bencher.bench_local(|| {
        bridge.handle(BridgeInput::Media(LegId(0), black_box(frame)));
        bridge.handle(BridgeInput::Media(LegId(1), black_box(frame)));
        bridge.handle(BridgeInput::Tick);
        while black_box(bridge.poll()) != BridgeOutput::Idle {}
    });
}

#[divan::bench(args = RATES)]
fn detect_keys(bencher: Bencher, hz: u32) {
    let (mut detector, frame) = (DtmfDetector::new(rate(hz)), frame(rate(hz)));
    bencher.bench_local(|| detector.push(black_box(&frame)));
}

#[divan::bench(args = RATES)]
fn measure_speech_level(bencher: Bencher, hz: u32) {
    let (mut level, frame) = (SpeechLevel::new(rate(hz)), frame(rate(hz)));
    bencher.bench_local(|| level.push(black_box(&frame)));
}

#[divan::bench(args = RATES)]
fn measure_frame_level(bencher: Bencher, hz: u32) {
    let frame = frame(rate(hz));
    bencher.bench_local(|| frame_dbov(black_box(&frame)));
}

/// Reads a whole second: 50 frames.
#[divan::bench(args = ["alaw-8k.wav", "flac-8k.flac", "mp3-44k.mp3", "vorbis-16k.ogg", "aac-44k.m4a", "opus-8k.opus"])]
fn read_one_second_of_a_recording(bencher: Bencher, name: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/sound").join(name);
    let bytes = std::fs::read(path).expect("fixtures are in the repository");
    let open = || Recording::open(Box::new(Cursor::new(bytes.clone())), None, ChannelChoice::Left).expect("a good recording");
    bencher.with_inputs(open).bench_local_values(|mut recording| while let Ok(Some(_)) = recording.next_frame() {});
}

#[divan::bench]
fn make_a_key_tone(bencher: Bencher) {
    let key = Key::new('5').expect("a key");
    bencher.bench_local(|| tone::dtmf(Rate::Hz8000, black_box(key), Duration::from_millis(40), Duration::from_millis(40)));
}
