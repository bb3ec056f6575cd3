//! A service that has just failed is left alone for a while, so that not every caller waits for it in vain.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// No rest is longer, whatever the service asks for: by then it is worth another try.
const LONGEST: Duration = Duration::from_secs(120);

/// Until when a service is left alone.
#[derive(Debug, Default)]
pub struct Rest(Mutex<Option<Instant>>);

impl Rest {
    /// How long it goes on; `None` if the service may be asked.
    pub fn left(&self) -> Option<Duration> {
        let until = *self.0.lock();
        until.map(|until| until.saturating_duration_since(Instant::now())).filter(|left| !left.is_zero())
    }

    /// The service failed: it rests for so long from now on.
    pub fn begin(&self, length: Duration) {
        *self.0.lock() = Some(Instant::now() + length.min(LONGEST));
    }

    /// The service works.
    pub fn end(&self) {
        *self.0.lock() = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rest_has_an_end_and_a_limit() {
        let rest = Rest::default();
        assert_eq!(rest.left(), None);
        rest.begin(Duration::MAX);
        assert!(rest.left().is_some_and(|left| left <= LONGEST));
        rest.end();
        assert_eq!(rest.left(), None);
        rest.begin(Duration::ZERO);
        assert_eq!(rest.left(), None);
    }
}
