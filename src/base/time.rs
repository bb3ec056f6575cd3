//! Time as an argument: microseconds from one origin.
//!
//! The origin is the process start (live) or the recording's first sample (replay). Wall time enters once, as an
//! offset that the driver keeps; nothing on the pure side reads a clock.

use std::fmt;
use std::ops::{Add, AddAssign, Sub};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A configured number of seconds; of what is no time (negative, NaN, endless) none.
pub fn secs(secs: f64) -> Duration {
    Duration::try_from_secs_f64(secs).unwrap_or_default()
}

/// A moment, in µs from the driver's origin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Time(u64);

impl Time {
    /// The origin.
    pub const ZERO: Time = Time(0);
    /// Later than everything that happens.
    pub const MAX: Time = Time(u64::MAX);

    /// A moment `micros` µs after the origin.
    pub const fn from_micros(micros: u64) -> Self {
        Time(micros)
    }

    /// A moment `millis` ms after the origin.
    pub const fn from_millis(millis: u64) -> Self {
        Time(millis * 1_000)
    }

    /// A moment that many seconds after the origin; negative values and NaN give the origin.
    pub fn from_secs_f64(secs: f64) -> Self {
        Time((secs.max(0.0) * 1e6).round() as u64)
    }

    /// µs from the origin.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// Seconds from the origin.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// How long ago `earlier` was; zero if it is later.
    pub const fn since(self, earlier: Time) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// This moment moved back, not beyond the origin.
    pub fn back(self, by: Duration) -> Time {
        Time(self.0.saturating_sub(micros(by)))
    }
}

fn micros(d: Duration) -> u64 {
    u64::try_from(d.as_micros()).unwrap_or(u64::MAX)
}

impl Add<Duration> for Time {
    type Output = Time;
    fn add(self, by: Duration) -> Time {
        Time(self.0.saturating_add(micros(by)))
    }
}

impl AddAssign<Duration> for Time {
    fn add_assign(&mut self, by: Duration) {
        *self = *self + by;
    }
}

impl Sub<Time> for Time {
    type Output = Duration;
    fn sub(self, earlier: Time) -> Duration {
        self.since(earlier)
    }
}

impl fmt::Display for Time {
    /// `m:ss.mmm`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0 / 1_000;
        write!(f, "{}:{:02}.{:03}", millis / 60_000, millis / 1_000 % 60, millis % 1_000)
    }
}
