//! From the time of the call to the time of the recording.
//!
//! With `--pace recording` both are the same. With `--pace turns` the recording stands still while our bot speaks: note each such span with
//! [`TimeMap::pause`], in order, and [`TimeMap::rec`] leaves them out. What is *not* here: when to pause.

use crate::base::Time;

/// Where the recording stood still.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TimeMap {
    /// (begin, end, µs stood still before the begin), in order, without overlap. Never more than one for a turn of the bot.
    pauses: Vec<(u64, u64, u64)>,
}

impl TimeMap {
    /// A recording that never stands still.
    pub fn new() -> Self {
        TimeMap::default()
    }

    /// The recording stood still in this span of the call. Spans come in order; what overlaps the one before is counted once.
    pub fn pause(&mut self, from: Time, to: Time) {
        let (mut from, to) = (from.as_micros(), to.as_micros());
        let mut before = 0;
        if let Some(last) = self.pauses.last_mut() {
            from = from.max(last.1);
            if from == last.1 {
                last.1 = to.max(from);
                return;
            }
            before = last.2 + (last.1 - last.0);
        }
        if to > from {
            self.pauses.push((from, to, before));
        }
    }

    /// Where the recording was at this moment of the call, in s.
    pub fn rec(&self, call: Time) -> f64 {
        let at = call.as_micros();
        let n = self.pauses.partition_point(|p| p.0 < at);
        let stood = n.checked_sub(1).map_or(0, |i| {
            let (from, to, before) = self.pauses[i];
            before + at.min(to) - from
        });
        (at - stood) as f64 / 1e6
    }

    /// The same for a moment in s of the call.
    pub fn rec_secs(&self, call_s: f64) -> f64 {
        self.rec(Time::from_secs_f64(call_s))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s(secs: f64) -> Time {
        Time::from_secs_f64(secs)
    }

    #[test]
    fn without_pauses_both_times_are_equal() {
        assert_eq!(TimeMap::new().rec(s(12.345)), 12.345);
    }

    #[test]
    fn the_recording_stands_still_in_a_pause_and_goes_on_after_it() {
        let mut map = TimeMap::new();
        map.pause(s(2.0), s(3.0));
        map.pause(s(5.0), s(5.5));
        map.pause(s(5.5), s(7.0));
        for (call, rec) in [(0.0, 0.0), (2.0, 2.0), (2.5, 2.0), (3.0, 2.0), (4.0, 3.0), (5.0, 4.0), (6.0, 4.0), (7.0, 4.0), (9.0, 6.0)] {
            assert_eq!(map.rec(s(call)), rec, "at {call}");
        }
    }

    #[test]
    fn a_span_that_overlaps_the_one_before_is_counted_once() {
        let mut map = TimeMap::new();
        map.pause(s(2.0), s(4.0));
        map.pause(s(3.0), s(5.0));
        map.pause(s(1.0), s(2.0));
        assert_eq!(map.rec(s(6.0)), 3.0);
    }
}
