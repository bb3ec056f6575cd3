//! The wait estimate: who of the agents gets free when, and how many callers come first.
//!
//! METRICS, "Suggested": callers ahead × average handle time over the agents, who count 1/k where they serve k queues,
//! with the residual time of running calls, and silence where there is no valid sample. What is told is an upper bound.

use super::Desk;
use super::agents::{Agent, Busy};
use super::queue::Queue;
use crate::base::Time;
use crate::handoff::notice::wait_bound_secs;

/// What is left of a call that lasts longer than the average, as a share of the average (ours, to be measured).
const LEAST_RESIDUAL: f64 = 0.25;
/// The bound over the expectation (ours, to be measured against what happened).
const BOUND_OVER_EXPECTED: f64 = 1.5;

impl Desk {
    /// Upper bound of the wait in s of one with so many callers of the same queue before them, if one can be told.
    pub(super) fn expected_wait_s(&self, queue: &Queue, fits: impl Fn(&Agent) -> bool, ahead: usize, now: Time) -> Option<f64> {
        let ring_s = queue.ring.as_secs_f64();
        let agents = || self.agents.iter().filter(|a| a.takes_calls() && fits(a));
        let free: usize = agents().map(|a| a.free_places() + a.busy.iter().filter(|b| matches!(b, Busy::Offer(..))).count()).sum();
        if ahead < free {
            return Some(bound(ring_s));
        }
        let average_s = queue.handle_time.known_s()?;
        let mut places: Vec<(f64, f64)> = Vec::new();
        for agent in agents() {
            let each_s = average_s * agent.queue_count() as f64;
            places.extend(agent.busy.iter().map(|busy| (residual_s(busy, average_s, now), each_s)));
            places.extend((0..agent.free_places()).map(|_| (0.0, each_s)));
        }
        let next = |places: &[(f64, f64)]| (0..places.len()).min_by(|a, b| places[*a].0.total_cmp(&places[*b].0));
        for _ in 0..ahead {
            let first = next(&places)?;
            places[first].0 += places[first].1;
        }
        let first = next(&places)?;
        Some(bound((places[first].0 + ring_s) * BOUND_OVER_EXPECTED))
    }
}

fn residual_s(busy: &Busy, average_s: f64, now: Time) -> f64 {
    match busy {
        // Whoever is offered is among those ahead, so this place counts as free.
        Busy::Offer(..) => 0.0,
        Busy::Call { since, .. } => (average_s - now.since(*since).as_secs_f64()).max(average_s * LEAST_RESIDUAL),
        Busy::WrapUp { until, .. } => until.since(now).as_secs_f64(),
    }
}

/// The bound that can be spoken, or full hours.
fn bound(wait_s: f64) -> f64 {
    const HOUR_S: f64 = 3_600.0;
    wait_bound_secs(wait_s).unwrap_or_else(|| (wait_s / HOUR_S).ceil() * HOUR_S)
}
