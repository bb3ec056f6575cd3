//! How often a thread for sound looks for packets: where many come, not for each one; and that it lets others work.
//!
//! To wake up for a packet costs more than to pass it on. A thread that keeps waking up lets packets gather for a moment
//! before it looks again, as network cards do (interrupt moderation); one that has little to do looks at once.
//!
//! A thread that goes before all others would wait for ever for what another one must do first, if it waited by looking
//! again and again. Tokio does so for moments: a task that is just being woken is polled until whoever wakes it has done so,
//! and who wakes it may have been displaced by this very thread. So after many rounds without sleep it steps back.

use std::io;
use std::num::NonZeroU64;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::runtime::Builder;
use tokio::task::LocalSet;

/// Packets gather for so long at most: little beside the 20 ms that each stands for.
const GATHER: Duration = Duration::from_micros(125);
/// Looks are counted for so long.
const WINDOW: Duration = Duration::from_millis(10);
/// So many looks in a window, about those of 100 calls, and packets gather from then on.
const OFTEN: u32 = 100;
/// So few, while packets gather, and they do no more.
const SELDOM: u32 = 20;
/// How late a sleeping thread may be woken, in ns; otherwise it is 50 µs.
const SLACK_NS: u64 = 1_000;

/// So many rounds of its tasks, of 61 polls at most, without sleep: some milliseconds.
const ROUNDS: u32 = 64;
/// Others have the core for so long then.
const STEP_BACK: Duration = Duration::from_micros(50);
/// Who waits for less finds that something has come already, and has not slept.
const SLEEP: Duration = Duration::from_micros(20);

/// Does this on the calling thread, with everything that it spawns there, until it is done.
///
/// # Errors
/// There can be no runtime.
pub(super) fn moderated(work: impl Future<Output = ()>) -> io::Result<()> {
    run(work, || std::thread::sleep(STEP_BACK))
}

fn run(work: impl Future<Output = ()>, step_back: impl Fn()) -> io::Result<()> {
    // Where it can't be said, packets gather for a little longer.
    let _ = rustix::thread::set_current_timer_slack(NonZeroU64::new(SLACK_NS));
    let moderation = Arc::new(Mutex::new(Moderation::new(Instant::now())));
    let (sleeps, wakes) = (moderation.clone(), moderation.clone());
    let before_sleep = move || {
        let pause = sleeps.lock().pause(Instant::now());
        if !pause.is_zero() {
            std::thread::sleep(pause);
        }
    };
    let after_sleep = move || wakes.lock().woken(Instant::now());
    let runtime = Builder::new_current_thread().enable_all().on_thread_park(before_sleep).on_thread_unpark(after_sleep).build()?;
    let mut work = pin!(work);
    let in_rounds = std::future::poll_fn(|context| {
        let is_long = moderation.lock().next_round();
        if is_long {
            step_back();
        }
        work.as_mut().poll(context)
    });
    LocalSet::new().block_on(&runtime, in_rounds);
    Ok(())
}

#[derive(Debug)]
struct Moderation {
    looked_at: Instant,
    /// When it went to sleep last.
    slept_at: Instant,
    window_began: Instant,
    looks: u32,
    lets_gather: bool,
    /// Rounds since it slept, or stepped back.
    rounds: u32,
}

impl Moderation {
    fn new(now: Instant) -> Self {
        Moderation { looked_at: now, slept_at: now, window_began: now, looks: 0, lets_gather: false, rounds: 0 }
    }

    /// The thread wants to look again: how long it pauses first.
    fn pause(&mut self, now: Instant) -> Duration {
        if now.duration_since(self.window_began) >= WINDOW {
            self.lets_gather = self.looks >= if self.lets_gather { SELDOM } else { OFTEN };
            (self.window_began, self.looks) = (now, 0);
        }
        self.looks += 1;
        let pause = if self.lets_gather { (self.looked_at + GATHER).saturating_duration_since(now) } else { Duration::ZERO };
        (self.slept_at, self.looked_at) = (now, now + pause);
        pause
    }

    /// The thread goes on after it wanted to look again.
    fn woken(&mut self, now: Instant) {
        if now.duration_since(self.slept_at) >= SLEEP {
            self.rounds = 0;
        }
    }

    /// Another round begins: whether others are to have the core for a moment first.
    fn next_round(&mut self) -> bool {
        self.rounds = (self.rounds + 1) % ROUNDS;
        self.rounds == 0
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// How many looks, and how long all pauses, where for a second a packet comes each `every` and takes 10 µs.
    fn a_second_of(every: Duration, moderation: &mut Moderation) -> (u32, Duration) {
        let began = moderation.looked_at;
        let (mut now, mut next, mut looks, mut paused) = (began, began, 0, Duration::ZERO);
        while now < began + Duration::from_secs(1) {
            let pause = moderation.pause(now);
            looks += 1;
            paused += pause;
            now = (now + pause).max(next);
            while next <= now {
                next += every;
                now += Duration::from_micros(10);
            }
        }
        (looks, paused)
    }

    #[test]
    fn where_many_packets_come_few_looks_are_enough_and_where_few_come_each_is_looked_for_at_once() {
        let mut moderation = Moderation::new(Instant::now());
        let few = Duration::from_micros(200);
        for (every, least, most, pauses) in [(few, 4_900, 5_100, false), (Duration::from_micros(20), 7_000, 8_500, true)] {
            let (looks, paused) = a_second_of(every, &mut moderation);
            assert!((least..=most).contains(&looks) && paused.is_zero() != pauses, "{every:?}: {looks} looks, {paused:?}");
        }
    }

    /// How often a thread stepped back whose work is polled so often, and sleeps before each n-th time.
    fn steps_back(rounds: u32, sleeps_each: Option<u32>) -> u32 {
        let stepped_back = Cell::new(0);
        let work = async {
            for round in 1..rounds {
                if sleeps_each.is_some_and(|each| round.is_multiple_of(each)) {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                } else {
                    wakes_itself().await;
                }
            }
        };
        run(work, || stepped_back.set(stepped_back.get() + 1)).unwrap();
        stepped_back.get()
    }

    /// As a task does while whoever wakes it is displaced.
    async fn wakes_itself() {
        let mut is_woken = false;
        let looks_again = std::future::poll_fn(|context| {
            if std::mem::replace(&mut is_woken, true) {
                return std::task::Poll::Ready(());
            }
            context.waker().wake_by_ref();
            std::task::Poll::Pending
        });
        looks_again.await;
    }

    #[test]
    fn who_does_not_sleep_steps_back_now_and_then_and_who_sleeps_never_does() {
        assert_eq!(steps_back(10 * ROUNDS, None), 10);
        assert_eq!(steps_back(10 * ROUNDS, Some(ROUNDS / 4)), 0);
    }

    #[test]
    fn packets_gather_until_they_are_rare() {
        let mut moderation = Moderation::new(Instant::now());
        for (every_us, gather) in [(200, false), (50, true), (200, true), (1_000, false), (200, false)] {
            a_second_of(Duration::from_micros(every_us), &mut moderation);
            assert_eq!(moderation.lets_gather, gather, "{every_us} µs");
        }
    }
}
