//! A queue's rules, and how long its callers take.

use std::time::Duration;

use super::tables::QueueTable;
use crate::base::{QueueId, secs};

/// Weight of the newest call in the moving average of handle times, once there are enough for it (METRICS: Salesforce
/// weighs the newest with 0.1).
const NEWEST_WEIGHT: f64 = 0.1;
/// Calls needed before a wait is told (METRICS: Webex's `minValidSamples`; the number is ours).
const MIN_SAMPLES: u32 = 3;
/// Largest coefficient of variation with which a wait is told (METRICS: Webex's `maxCV`; the number is ours).
const MAX_VARIATION: f64 = 1.5;

/// A queue.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Queue {
    pub(super) id: QueueId,
    pub(super) skills: Vec<String>,
    pub(super) ring: Duration,
    pub(super) offers_at_once: usize,
    pub(super) max_wait: Duration,
    pub(super) max_waiting: usize,
    pub(super) overflow: Option<usize>,
    pub(super) wrap_up: Duration,
    pub(super) handle_time: HandleTime,
    /// True if it is in the tables no more.
    pub(super) is_closed: bool,
}

impl Queue {
    pub(super) fn new(table: &QueueTable, names: &[String]) -> Self {
        Queue {
            id: QueueId::from(table.name.as_str()),
            skills: table.skills.clone(),
            ring: secs(table.ring_secs),
            offers_at_once: table.offers_at_once.max(1) as usize,
            max_wait: secs(table.max_wait_secs),
            max_waiting: table.max_waiting as usize,
            overflow: table.overflow.as_ref().and_then(|o| names.iter().position(|n| n == o)),
            wrap_up: secs(table.wrap_up_secs),
            handle_time: HandleTime::default(),
            is_closed: false,
        }
    }
}

/// How long one call keeps an agent, from acceptance to the end of wrap-up: a moving average with its spread.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct HandleTime {
    mean_s: f64,
    variance: f64,
    samples: u32,
}

impl HandleTime {
    /// One call more (exponentially weighted mean and variance, Finch 2009, section 9; plain ones at first).
    pub(super) fn add(&mut self, took: Duration) {
        self.samples = self.samples.saturating_add(1);
        let weight = NEWEST_WEIGHT.max(1.0 / f64::from(self.samples));
        let off = took.as_secs_f64() - self.mean_s;
        self.mean_s += weight * off;
        self.variance = (1.0 - weight) * (self.variance + weight * off * off);
    }

    /// The average in s, if there is enough behind it.
    pub(super) fn known_s(&self) -> Option<f64> {
        let enough = self.samples >= MIN_SAMPLES && self.mean_s > 0.0 && self.variance.sqrt() <= MAX_VARIATION * self.mean_s;
        enough.then_some(self.mean_s)
    }
}
