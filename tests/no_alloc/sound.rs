//! Nothing in the path of a frame allocates: counted by the tests' allocator.

use std::hint::black_box;
use std::time::Duration;

use crate::no_alloc::allocations;
use segue::base::{Frame, Key, LegId, Party, PlaybackId, Rate};
use segue::sound::bridge::{Bridge, BridgeInput, BridgeOutput, Play};
use segue::sound::dtmf::DtmfDetector;
use segue::sound::level::{SpeechLevel, frame_dbov};
use segue::sound::mix::Mix;
use segue::sound::recorder::StereoFrame;
use segue::sound::resample::{FrameResampler, StreamResampler};
use segue::sound::{g711, tone};

fn frame(rate: Rate, n: usize) -> Frame {
    let samples: Vec<i16> = (0..rate.frame_samples()).map(|i| ((i * 7_919 + n * 104_729) % 20_000) as i16 - 10_000).collect();
    Frame::from_samples(rate, &samples)
}

fn drain(bridge: &mut Bridge) -> u32 {
    let mut outputs = 0;
    while black_box(bridge.poll()) != BridgeOutput::Idle {
        outputs += 1;
    }
    outputs
}

#[test]
fn a_bridge_with_talk_playback_and_music_allocates_nothing_per_tick() {
    for rate in [Rate::Hz8000, Rate::Hz16000] {
        let mut bridge = Bridge::new(rate);
        let legs = [(LegId(0), Party::Caller), (LegId(1), Party::Agent)];
        for (leg, party) in legs {
            bridge.handle(BridgeInput::Join(leg, party));
        }
        bridge.handle(BridgeInput::Route { from: LegId(0), to: LegId(1), on: true });
        bridge.handle(BridgeInput::Route { from: LegId(1), to: LegId(0), on: true });
        let sound = |id, leg, looped, secs: usize| {
            let samples = vec![1_000; secs * rate.hz() as usize + 77].into();
            BridgeInput::Play(Play { id: PlaybackId(id), leg: LegId(leg), samples, more: false, looped })
        };
        bridge.handle(sound(1, 0, true, 1));
        for id in 2..6 {
            bridge.handle(sound(id, id % 2, false, 1));
        }
        let frames = [frame(rate, 1), frame(rate, 2)];
        let mut outputs = 0;
        let count = allocations(|| {
            for _ in 0..500 {
                bridge.handle(BridgeInput::Media(LegId(0), frames[0]));
                bridge.handle(BridgeInput::Media(LegId(1), frames[1]));
                bridge.handle(BridgeInput::Tick);
                outputs += drain(&mut bridge);
            }
        });
        assert_eq!(count, 0, "{rate:?}");
        assert_eq!(outputs, 500 * 2 + 2 + 2 * 4 + 1, "two legs each tick, two crossings, four playbacks, one start of music");
    }
}

#[test]
fn resampling_allocates_nothing_per_frame() {
    for (from, to) in [(Rate::Hz8000, Rate::Hz16000), (Rate::Hz16000, Rate::Hz8000)] {
        let mut resampler = FrameResampler::new(from, to);
        let input = frame(from, 1);
        let count = allocations(|| (0..200).for_each(|_| assert_eq!(black_box(resampler.push(&input)).rate(), to)));
        assert_eq!(count, 0, "{from:?}");
    }
    for from_hz in [8_000, 44_100, 48_000] {
        let mut resampler = StreamResampler::new(from_hz, Rate::Hz16000, 2);
        let chunk = vec![0.1; 2 * 1_152];
        let mut out = Vec::with_capacity(64 * 1_024);
        let count = allocations(|| {
            for _ in 0..200 {
                resampler.push(&chunk, &mut out);
                out.clear();
            }
        });
        assert_eq!(count, 0, "{from_hz} Hz");
    }
}

#[test]
fn keys_levels_mixing_codecs_and_recorder_allocate_nothing_per_frame() {
    for rate in [Rate::Hz8000, Rate::Hz16000] {
        let (mut keys, mut level, mut mix) = (DtmfDetector::new(rate), SpeechLevel::new(rate), Mix::new(rate));
        let key = Key::new('5').expect("a key");
        let tone = tone::dtmf(rate, key, Duration::from_millis(100), Duration::from_millis(100));
        let frames: Vec<Frame> = tone.chunks(rate.frame_samples()).map(|chunk| Frame::from_samples(rate, chunk)).collect();
        let mut found = 0;
        let count = allocations(|| {
            for frame in frames.iter().cycle().take(200) {
                found += u32::from(keys.push(frame).is_some());
                level.push(frame);
                black_box((frame_dbov(frame), level.measure()));
                mix.clear();
                mix.add(frame.samples());
                mix.add(frame.samples());
                black_box(StereoFrame::new(rate, Some(frame), Some(&mix.frame())));
                for &sample in frame.samples() {
                    black_box(g711::ulaw_decode(g711::ulaw_encode(sample)) + g711::alaw_decode(g711::alaw_encode(sample)) / 2);
                }
            }
        });
        assert_eq!((count, found), (0, 20), "{rate:?}");
    }
}
