//! `segue serve` as a process of its own; ended with the test.

// Each test binary uses its own part of this.
#![allow(dead_code)]

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

/// Nothing that a test waits for takes longer on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A gateway.
pub struct Served {
    pub child: Child,
    /// Where it is called by SIP.
    pub at: SocketAddr,
    /// Its configuration.
    pub file: PathBuf,
    /// What it has said so far.
    pub log: watch::Receiver<String>,
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Served {
    /// Of this configuration, which says that it is called at `at`; serving.
    pub async fn start(file: &Path, at: SocketAddr) -> Served {
        Served::start_with(file, at, &[]).await
    }

    /// The same, with these in its environment.
    pub async fn start_with(file: &Path, at: SocketAddr, environment: &[(&str, &OsStr)]) -> Served {
        let mut command = Command::new(env!("CARGO_BIN_EXE_segue"));
        command.args(["-v", "serve", "--config"]).arg(file).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.env("NO_COLOR", "1").envs(environment.iter().copied()).spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let (told, log) = watch::channel(String::new());
        std::thread::spawn(move || lines.for_each(|line| told.send_modify(|log| *log += &format!("{line}\n"))));
        let mut served = Served { child, at, file: file.to_owned(), log };
        served.says("serving ").await;
        served
    }

    /// Until it has said so.
    pub async fn says(&mut self, what: &str) {
        self.says_times(what, 1).await;
    }

    /// Until it has said so this often.
    pub async fn says_times(&mut self, what: &str, times: usize) {
        let is_said = matches!(timeout(PATIENCE, self.log.wait_for(|log| log.matches(what).count() >= times)).await, Ok(Ok(_)));
        assert!(is_said, "it does not say `{what}` {times} times, but\n{}", *self.log.borrow());
    }

    /// The word that comes after this in what it says.
    pub async fn word_after(&mut self, what: &str) -> String {
        self.says(what).await;
        let log = self.log.borrow();
        let word = log.split_once(what).and_then(|(_, rest)| rest.split_whitespace().next());
        word.unwrap_or_else(|| panic!("nothing comes after `{what}` in\n{}", *log)).to_owned()
    }

    /// Writes the configuration anew and has it read.
    pub fn reload(&self, change: impl FnOnce(String) -> String) {
        let text = std::fs::read_to_string(&self.file).unwrap();
        std::fs::write(&self.file, change(text)).unwrap();
        self.signal("HUP");
    }

    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    pub async fn ends(&mut self) -> ExitStatus {
        // A process that has ended says no more.
        let silent = timeout(PATIENCE, async { while self.log.changed().await.is_ok() {} }).await;
        assert!(silent.is_ok(), "it does not end:\n{}", *self.log.borrow());
        self.child.wait().unwrap()
    }

    pub fn target(&self, number: &str) -> String {
        format!("sip:{number}@{}", self.at)
    }
}
