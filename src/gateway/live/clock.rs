//! The clock of a live call: real time from the moment at which it began to ring.

use std::time::Instant;

use crate::base::Time;
use crate::gateway::Clock;

/// Real time since the call's first ring.
#[derive(Clone, Copy, Debug)]
pub struct LiveClock(Instant);

impl LiveClock {
    /// A clock that starts now.
    pub fn start() -> Self {
        LiveClock(Instant::now())
    }

    /// What this moment is called by this clock.
    pub fn at(&self, moment: Instant) -> Time {
        Time::from_micros(u64::try_from(moment.saturating_duration_since(self.0).as_micros()).unwrap_or(u64::MAX))
    }

    /// When this is by the machine's clock.
    pub fn moment(&self, time: Time) -> Instant {
        self.0 + std::time::Duration::from_micros(time.as_micros())
    }

    /// How long after `origin` this clock started.
    pub fn since(&self, origin: Instant) -> std::time::Duration {
        self.0.saturating_duration_since(origin)
    }
}

impl Clock for LiveClock {
    fn now(&self) -> Time {
        self.at(Instant::now())
    }
}
