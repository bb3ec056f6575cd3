//! When the calls of one thread tick: spread evenly over the 20 ms.
//!
//! Would all tick at once, the last of many would be late, and a packet that is to be forwarded would wait for them all.
//! Calls that share a slot of 1 ms (as fine as the runtime's timers are) wake the thread once.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use crate::base::FRAME_MILLIS;

/// Slots of 1 ms.
const SLOTS: usize = FRAME_MILLIS as usize;
/// 20 ms.
const FRAME: Duration = Duration::from_millis(FRAME_MILLIS);
/// Of a call that only forwards packets every so many ticks is enough: for keys of agents, reports, and deadlines, and to
/// listen to what was said since.
const RESTING_FRAMES: u32 = 10;

/// How many calls tick in each slot of one thread.
#[derive(Clone, Debug)]
pub struct Pace {
    origin: Instant,
    calls: Rc<RefCell<[u32; SLOTS]>>,
}

/// The slot of one call, until it is dropped.
#[derive(Debug)]
pub struct Seat {
    slot: usize,
    pace: Pace,
}

impl Pace {
    /// No calls yet.
    pub fn new() -> Self {
        Pace { origin: Instant::now(), calls: Rc::default() }
    }

    /// A slot with the fewest calls in it, as far from the busy ones as it gets.
    pub fn seat(&self) -> Seat {
        let mut calls = self.calls.borrow_mut();
        let crowd = |slot: usize| {
            let near = [slot, (slot + 1) % SLOTS, (slot + SLOTS - 1) % SLOTS];
            (calls[slot], near.iter().map(|n| calls[*n]).sum::<u32>())
        };
        let slot = (0..SLOTS).min_by_key(|slot| crowd(*slot)).unwrap_or(0);
        calls[slot] += 1;
        Seat { slot, pace: self.clone() }
    }
}

impl Default for Pace {
    fn default() -> Self {
        Pace::new()
    }
}

impl Seat {
    /// Ticks each 20 ms from now on; those that were missed are made up for at once.
    pub fn ticks(&self) -> Ticks {
        let first = self.pace.origin + first_tick(self.pace.origin.elapsed(), self.slot);
        let mut interval = interval_at(first, FRAME);
        interval.set_missed_tick_behavior(MissedTickBehavior::Burst);
        Ticks { interval, last: first - FRAME, is_resting: false, heard: 0 }
    }
}

/// The ticks of one call, each in its slot.
#[derive(Debug)]
pub struct Ticks {
    interval: Interval,
    last: Instant,
    is_resting: bool,
    /// How many times 20 ms since the last tick were caught up with.
    heard: u32,
}

/// A tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tick {
    /// When it is due.
    pub at: Instant,
    /// How many times 20 ms lie between the one before and this one.
    pub frames: u32,
    /// How many of them were not caught up with before.
    pub unheard: u32,
}

impl Ticks {
    /// The next one.
    pub async fn tick(&mut self) -> Tick {
        let at = self.interval.tick().await;
        let frames = (at.duration_since(self.last).as_millis() / u128::from(FRAME_MILLIS)) as u32;
        self.last = at;
        if self.is_resting {
            self.interval.reset_at(at + FRAME * RESTING_FRAMES);
        }
        Tick { at, frames, unheard: frames.saturating_sub(std::mem::take(&mut self.heard)) }
    }

    /// Something comes between two ticks that are far apart: how many times 20 ms are to be caught up with first.
    pub fn catch_up(&mut self) -> u32 {
        if !self.is_resting {
            return 0;
        }
        let unheard = frames_unheard(self.last.elapsed(), self.heard);
        self.heard += unheard;
        unheard
    }

    /// Whether ticks are rare from now on, or come each 20 ms.
    pub fn rest(&mut self, is_resting: bool) {
        if std::mem::replace(&mut self.is_resting, is_resting) == is_resting {
            return;
        }
        self.interval.reset_at(self.last + FRAME * frames_to_next(is_resting, self.last.elapsed()));
    }
}

/// How many whole 20 ms have passed since the last tick, so long ago, and were not heard; what is later is the next tick's.
fn frames_unheard(elapsed: Duration, heard: u32) -> u32 {
    let passed = (elapsed.as_millis() / u128::from(FRAME_MILLIS)) as u32;
    passed.min(RESTING_FRAMES).saturating_sub(heard)
}

/// How many times 20 ms lie between the last tick, so long ago, and the next.
fn frames_to_next(is_resting: bool, elapsed: Duration) -> u32 {
    if is_resting { RESTING_FRAMES } else { elapsed.as_millis() as u32 / FRAME_MILLIS as u32 + 1 }
}

/// The slot's first moment that lies ahead, `now` and it counted from the thread's beginning.
fn first_tick(now: Duration, slot: usize) -> Duration {
    let (now, slot, frame) = (now.as_millis() as u64, slot as u64, FRAME_MILLIS);
    Duration::from_millis((now + frame - slot) / frame * frame + slot)
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.pace.calls.borrow_mut()[self.slot] -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_spread_evenly_and_what_is_free_is_taken_first() {
        let pace = Pace::new();
        let mut seats: Vec<Seat> = (0..60).map(|_| pace.seat()).collect();
        assert_eq!(*pace.calls.borrow(), [3; SLOTS]);
        let gone = seats.remove(7).slot;
        assert_eq!(pace.seat().slot, gone);
        drop(seats);
        assert_eq!(*pace.calls.borrow(), [0; SLOTS]);
        let (first, second) = (pace.seat(), pace.seat());
        assert!(first.slot.abs_diff(second.slot) > 1, "{first:?} {second:?}");
    }

    #[test]
    fn who_rests_ticks_rarely_and_at_the_next_slot_when_it_ends() {
        assert_eq!(frames_to_next(true, Duration::from_millis(3)), RESTING_FRAMES);
        for (elapsed_ms, frames) in [(0, 1), (19, 1), (20, 2), (47, 3), (199, 10)] {
            assert_eq!(frames_to_next(false, Duration::from_millis(elapsed_ms)), frames, "{elapsed_ms}");
        }
    }

    #[test]
    fn what_comes_between_rare_ticks_finds_everything_heard_once() {
        let mut heard = 0;
        for (elapsed_ms, unheard) in [(3, 0), (20, 1), (39, 0), (75, 2), (99, 1), (200, 6), (400, 0)] {
            assert_eq!(frames_unheard(Duration::from_millis(elapsed_ms), heard), unheard, "{elapsed_ms}");
            heard += unheard;
        }
        assert_eq!(heard, RESTING_FRAMES);
    }

    #[test]
    fn ticks_of_a_slot_fall_together_whenever_their_calls_began() {
        for slot in 0..SLOTS {
            for micros in (0..200_000).step_by(700) {
                let now = Duration::from_micros(micros);
                let (first, ahead) = (first_tick(now, slot), first_tick(now, slot).saturating_sub(now));
                assert_eq!(first.as_millis() as usize % SLOTS, slot);
                assert!(first > now && ahead <= Duration::from_millis(FRAME_MILLIS), "{slot} {now:?} {first:?}");
            }
        }
    }
}
