//! Listening allocates nothing per frame.

use std::time::Duration;

use crate::no_alloc::allocations;
use segue::base::{Frame, Rate, Time};
use segue::listen::effort::Effort;
use segue::listen::signal::raised_volume::{RaisedVolume, RaisedVolumeTable};
use segue::listen::signal::repeat::SoundSketch;
use segue::listen::vad::Hearing;

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
fn no_frame_of_listening_allocates() {
    for rate in [Rate::Hz8000, Rate::Hz16000] {
        let frames: Vec<Frame> = (0..2_000).map(|n| frame(rate, n)).collect();
        let mut effort = Effort::new(rate);
        let mut raised = RaisedVolume::new(&RaisedVolumeTable { threshold_s: 10.0, threshold_z: 10.0, ..RaisedVolumeTable::default() });
        let mut sketch = SoundSketch::new(rate);
        let mut hearing = Hearing::new(rate);
        let mut now = Time::ZERO;
        raised.turn_began(now);
        let (mut voiced, mut spoken) = (0, 0);
        let mut listen = |frame: &Frame| {
            now += Duration::from_millis(20);
            let heard = effort.push(frame);
            raised.push(&heard, true, now);
            assert_eq!(raised.window(now), None);
            sketch.push(frame);
            let (speech, _) = hearing.push(frame);
            voiced += usize::from(heard.voiced());
            spoken += usize::from(speech);
        };
        listen(&frames[0]);
        assert_eq!(allocations(|| frames[1..].iter().for_each(&mut listen)), 0, "{rate:?}");
        assert!(voiced > 500, "{rate:?}: only {voiced} frames had a pitch, so little was tried; {spoken} were speech");
    }
}
