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
    pub fn ticks(&self) -> Interval {
        let first = self.pace.origin + first_tick(self.pace.origin.elapsed(), self.slot);
        let mut ticks = interval_at(first, Duration::from_millis(FRAME_MILLIS));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        ticks
    }
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
