//! Which threads go first: those that move sound. Engines have threads of their own, so that what computes for long keeps
//! nothing else waiting.

use thread_priority::{
    RealtimeThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy, set_thread_priority_and_policy, thread_native_id, thread_schedule_policy,
};
use tokio::runtime::{Builder, Handle, Runtime};

use crate::edge::go_first;

/// How nice engines are where sound can't go first: they get a third of the time of a thread that moves sound.
const ENGINES_NICE: i32 = 5;

/// The calling thread moves the sound of calls, and goes first where others want the same core: at the lowest real-time
/// priority where this process was granted that (`RLIMIT_RTPRIO`; to be root is not enough, for it displaces everything
/// else), else by [`go_first`]. False if it may do neither. Such a thread never waits by looking again and again
/// ([`super::moderation`]).
pub(super) fn move_sound_first() -> bool {
    let real_time = ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::RoundRobin);
    let be_real_time = || set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, real_time).is_ok();
    // Who was started at real-time priority knows better which.
    is_real_time() || (is_granted() && be_real_time()) || go_first()
}

fn is_granted() -> bool {
    rustix::process::getrlimit(rustix::process::Resource::Rtprio).current != Some(0)
}

fn is_real_time() -> bool {
    matches!(thread_schedule_policy(), Ok(ThreadSchedulePolicy::Realtime(_)))
}

/// Where recognizers, voices and bots work, and turns are compared. Dropped, what they are doing is dropped with it.
#[derive(Debug)]
pub struct Engines(Option<Runtime>);

impl Engines {
    /// One thread for each core.
    ///
    /// # Errors
    /// A thread can't be made.
    pub fn start() -> std::io::Result<Engines> {
        let sound_goes_first = std::thread::spawn(move_sound_first).join().unwrap_or(false);
        let step_back = move || {
            if !sound_goes_first {
                // Where not even that is allowed all are equal.
                let _ = rustix::process::nice(ENGINES_NICE);
            }
        };
        Ok(Engines(Some(Builder::new_multi_thread().enable_all().thread_name("engine").on_thread_start(step_back).build()?)))
    }

    /// What is spawned here works in these threads.
    pub fn handle(&self) -> Handle {
        self.0.as_ref().map_or_else(Handle::current, |runtime| runtime.handle().clone())
    }
}

impl Drop for Engines {
    fn drop(&mut self) {
        // A gateway is dropped by tasks too, which must not wait for threads.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_moves_sound_is_real_time_where_that_is_granted_else_nicer_to_itself_and_others_are_as_before() {
        let standing = || (is_real_time(), rustix::process::nice(0).ok());
        let before = standing();
        let (goes_first, after) = std::thread::spawn(move || (move_sound_first(), standing())).join().unwrap();
        // The same may be said of any thread, and by the other policy.
        let fifo = ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::Fifo);
        let may_be = std::thread::spawn(move || set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, fifo).is_ok());
        assert_eq!(after.0, before.0 || (is_granted() && may_be.join().unwrap()));
        assert!(after.0 || goes_first == (after.1 < before.1), "{before:?} {after:?}");
        assert_eq!(standing(), before);
    }
}
