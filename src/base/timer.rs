//! Deadlines, each with the reason why it exists.

use std::time::Duration;

use super::Time;

/// Deadlines for which there is room from the start, so that setting one in the frame path allocates nothing.
const ROOM: usize = 16;

/// A few deadlines, at most one for each reason. Setting one again moves it.
#[derive(Clone, Debug)]
pub struct Timers<R> {
    due: Vec<(Time, R)>,
}

impl<R> Default for Timers<R> {
    fn default() -> Self {
        Timers { due: Vec::with_capacity(ROOM) }
    }
}

impl<R: Copy + Ord> Timers<R> {
    /// Sets the deadline of `reason` to `now + after`.
    pub fn set(&mut self, reason: R, after: Duration, now: Time) {
        self.set_at(reason, now + after);
    }

    /// Sets the deadline of `reason`.
    pub fn set_at(&mut self, reason: R, at: Time) {
        self.clear(reason);
        self.due.push((at, reason));
        self.due.sort_unstable();
    }

    /// Moves the deadline of `reason` forward to `at`; one that is earlier stays.
    pub fn set_no_later(&mut self, reason: R, at: Time) {
        if self.due.iter().all(|(due, r)| *r != reason || *due > at) {
            self.set_at(reason, at);
        }
    }

    /// Takes the deadline of `reason` away, if there is one.
    pub fn clear(&mut self, reason: R) {
        self.due.retain(|(_, r)| *r != reason);
    }

    /// Takes every deadline away whose reason does not fit.
    pub fn retain(&mut self, keep: impl Fn(R) -> bool) {
        self.due.retain(|(_, r)| keep(*r));
    }

    /// True if `reason` has a deadline.
    pub fn is_set(&self, reason: R) -> bool {
        self.due.iter().any(|(_, r)| *r == reason)
    }

    /// The next deadline and its reason.
    pub fn next(&self) -> Option<(Time, R)> {
        self.due.first().copied()
    }

    /// Takes the first deadline that `now` has reached; equal ones come in the order of their reasons.
    pub fn pop(&mut self, now: Time) -> Option<R> {
        let (at, reason) = *self.due.first()?;
        (at <= now).then(|| {
            self.due.remove(0);
            reason
        })
    }
}
