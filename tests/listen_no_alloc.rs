//! Listening allocates nothing per frame.
#![allow(unsafe_code, reason = "an allocator that counts cannot be written without")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::Duration;

use segue::base::{Frame, Rate, Time};
use segue::listen::effort::Effort;
use segue::listen::signal::raised_volume::{RaisedVolume, RaisedVolumeTable};
use segue::listen::signal::repeat::SoundSketch;
use segue::listen::vad::SpeechDetector;

/// Counts what this thread asks for.
struct Counting;

thread_local! {
    static ASKED: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call is passed on unchanged to the system's allocator; counting touches a thread-local cell only.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = ASKED.try_with(|asked| asked.set(asked.get() + 1));
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let _ = ASKED.try_with(|asked| asked.set(asked.get() + 1));
        unsafe { System.realloc(memory, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations(run: impl FnOnce()) -> usize {
    let before = ASKED.with(Cell::get);
    run();
    ASKED.with(Cell::get) - before
}

/// A voice-like buzz with pauses.
fn frame(rate: Rate, n: usize) -> Frame {
    let mut frame = Frame::silence(rate);
    if n % 100 < 70 {
        for (i, sample) in frame.samples_mut().iter_mut().enumerate() {
            let t = (n * rate.frame_samples() + i) as f32 / rate.hz() as f32;
            *sample = (1..20).map(|k| 1_500.0 / k as f32 * (std::f32::consts::TAU * 130.0 * k as f32 * t).cos()).sum::<f32>() as i16;
        }
    }
    frame
}

#[test]
fn counting_counts() {
    assert_eq!(allocations(|| drop(std::hint::black_box(Box::new(1)))), 1);
}

#[test]
fn no_frame_of_listening_allocates() {
    for rate in [Rate::Hz8000, Rate::Hz16000] {
        let frames: Vec<Frame> = (0..2_000).map(|n| frame(rate, n)).collect();
        let mut detector = SpeechDetector::new(rate);
        let mut effort = Effort::new(rate);
        let mut raised = RaisedVolume::new(&RaisedVolumeTable { threshold_s: 10.0, threshold_z: 10.0, ..RaisedVolumeTable::default() });
        let mut sketch = SoundSketch::new(rate);
        let mut now = Time::ZERO;
        raised.turn_began(now);
        let (mut voiced, mut spoken) = (0, 0);
        let mut listen = |frame: &Frame| {
            now += Duration::from_millis(20);
            let heard = effort.push(frame);
            let speech = detector.push(frame, heard.voiced());
            raised.push(&heard, true, now);
            assert_eq!(raised.window(now), None);
            sketch.push(frame);
            voiced += usize::from(heard.voiced());
            spoken += usize::from(speech);
        };
        listen(&frames[0]);
        assert_eq!(allocations(|| frames[1..].iter().for_each(&mut listen)), 0, "{rate:?}");
        assert!(voiced > 500, "{rate:?}: only {voiced} frames had a pitch, so little was tried; {spoken} were speech");
    }
}
