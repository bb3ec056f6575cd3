//! The threads in which engines work: what computes for long keeps nothing else waiting.

use tokio::runtime::{Builder, Handle, Runtime};

use crate::edge::go_first;

/// How nice engines are where sound can't go first: they get a third of the time of a thread that moves sound.
const ENGINES_NICE: i32 = 5;

/// Where recognizers, voices and bots work. Dropped, what they are doing is dropped with it.
#[derive(Debug)]
pub struct Engines(Option<Runtime>);

impl Engines {
    /// One thread for each core.
    ///
    /// # Errors
    /// A thread can't be made.
    pub fn start() -> std::io::Result<Engines> {
        let sound_goes_first = std::thread::spawn(go_first).join().unwrap_or(false);
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
