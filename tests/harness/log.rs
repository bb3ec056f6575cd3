//! The log of a test, as a person would read it: of the level that `segue serve` has, and of the gateway's own words.

#![allow(dead_code, reason = "not every test uses all of it")]

use std::io::Write;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tracing_subscriber::fmt::MakeWriter;

/// All lines that the tests of one binary log.
#[derive(Clone)]
pub struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Begins to listen; all tests of a binary share one log.
    pub fn begin() -> Log {
        Log::with("segue=info")
    }

    /// Begins to listen, with a filter of its own.
    pub fn with(filter: &str) -> Log {
        static LOG: OnceLock<Log> = OnceLock::new();
        let begin = || {
            let log = Log(Arc::default());
            let filter = tracing_subscriber::EnvFilter::new(filter);
            let lines = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_writer(log.clone());
            // Another subscriber of this binary would hear what we should.
            lines.try_init().expect("it is the only one");
            log
        };
        LOG.get_or_init(begin).clone()
    }

    /// What was logged until now.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock()).into_owned()
    }

    /// Until this was logged.
    pub async fn until(&self, said: &str, deadline: Duration) {
        let started = Instant::now();
        while !self.text().contains(said) {
            assert!(started.elapsed() < deadline, "`{said}` was not logged, but\n{}", self.text());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Write for Log {
    fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
        self.0.lock().extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Log;

    fn make_writer(&self) -> Log {
        self.clone()
    }
}
