//! A listener allocates nothing in a frame in which nothing happens.

use std::time::Duration;

use crate::no_alloc::allocations;
use segue::base::{Frame, Party, Rate, Time};
use segue::listen::Listener;
use segue::listen::signal::SignalsTable;
use segue::listen::table::ListenTable;
use segue::listen::types::{ListenInput, ListenOutput, ListenerSeat};

/// A vowel with the slow beat of syllables, or the hiss of a line.
fn frame(n: usize, voice: bool) -> Frame {
    let mut frame = Frame::silence(Rate::Hz8000);
    for (i, sample) in frame.samples_mut().iter_mut().enumerate() {
        let t = (n * 160 + i) as f32 / 8_000.0;
        let beat = 0.6 + 0.4 * (std::f32::consts::TAU * 4.0 * t).sin();
        let hz = 130.0 + 8.0 * (std::f32::consts::TAU * 0.7 * t).sin();
        let formant = |hz: f32| (-((hz - 700.0) / 250.0).powi(2)).exp() + 0.5 * (-((hz - 1_200.0) / 250.0).powi(2)).exp();
        let buzz: f32 = (1..25).map(|k| k as f32 * hz).map(|hz| formant(hz) * (std::f32::consts::TAU * hz * t).sin()).sum();
        let hiss = ((n * 160 + i) * 7_919 % 31) as f32 - 15.0;
        *sample = if voice { (4_000.0 * beat * buzz) as i16 } else { hiss as i16 };
    }
    frame
}

#[test]
fn quiet_frames_allocate_nothing() {
    let seat = ListenerSeat { party: Party::Caller, rate: Rate::Hz8000 };
    let mut listener = Listener::new(seat, &ListenTable::default(), &SignalsTable::default());
    let (mut now, mut quiet, mut given) = (Time::ZERO, 0, 0);
    listener.handle(ListenInput::Ear(true), now);
    for n in 0..1_500 {
        let frame = frame(n, n % 500 > 100);
        now += Duration::from_millis(20);
        let mut nothing_happened = true;
        let asked = allocations(|| {
            listener.handle(ListenInput::Audio(frame), now);
            loop {
                match listener.poll() {
                    ListenOutput::Idle(_) => break,
                    ListenOutput::Recognize(..) => given += 1,
                    _ => nothing_happened = false,
                }
            }
        });
        // The first frames fill what keeps its size from then on.
        if nothing_happened && n > 10 {
            assert_eq!(asked, 0, "frame {n}");
            quiet += 1;
        }
    }
    assert!(quiet > 1_300 && given > 500, "too little was tried: {quiet} quiet frames, {given} given to the recognizer");
}
