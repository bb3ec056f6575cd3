//! Virtual time: stands still until the driver moves it.

use std::cell::Cell;
use std::rc::Rc;

use crate::base::Time;
use crate::gateway::Clock;

/// A clock that a driver moves by hand. Clones show the same time.
#[derive(Clone, Debug, Default)]
pub struct VirtualClock(Rc<Cell<Time>>);

impl VirtualClock {
    /// Now.
    pub fn time(&self) -> Time {
        self.0.get()
    }

    /// It is this late now; never earlier than it was.
    pub fn set(&self, now: Time) {
        self.0.set(self.0.get().max(now));
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Time {
        self.time()
    }
}
