//! Programs of other making that take part in a test: each has a directory of its own and ends with the test.

// Each test binary uses its own part of this.
#![allow(dead_code)]

use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Nothing that a test waits for takes longer on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks at something that tells nobody when it changes.
const LOOK: Duration = Duration::from_millis(20);

/// A directory that goes with the test.
pub struct Room(PathBuf);

impl Room {
    /// An empty one.
    pub fn new(name: &str) -> Room {
        let dir = std::env::temp_dir().join(format!("segue-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(&dir).expect("a temporary directory");
        Room(dir)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// A file in it.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, content).expect("a temporary file");
        path
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A program that runs.
pub struct Peer(Option<Child>);

impl Peer {
    /// Starts it, or says loudly that it is missing.
    pub fn start(command: &mut Command, package: &str) -> Option<Peer> {
        match command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn() {
            Ok(child) => Some(Peer(Some(child))),
            Err(error) => {
                eprintln!("SKIPPED: {:?} can't be started ({error}); Debian has it in {package}", command.get_program());
                None
            }
        }
    }

    /// Asks it to end, as Ctrl-C does.
    pub fn interrupt(&self) {
        let id = self.0.as_ref().expect("it runs").id().to_string();
        let sent = Command::new("kill").args(["-INT", &id]).status().expect("every system has kill");
        assert!(sent.success());
    }

    /// What it printed, when it has ended by itself.
    pub fn ended(mut self) -> Output {
        self.0.take().expect("it runs").wait_with_output().expect("it was started")
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A port that was free a moment ago, for a program that can't take port 0.
pub fn free_port() -> u16 {
    UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("loopback has ports").port()
}

/// An even one, for a program that takes it and the three after it for sound and pictures and their reports.
pub fn free_media_port() -> u16 {
    let are_free = |first: &u16| (*first..first + 4).map(|port| UdpSocket::bind(("127.0.0.1", port))).all(|bound| bound.is_ok());
    std::iter::repeat_with(|| free_port() & !1).find(are_free).expect("it is looked for until there is one")
}

/// Looks until it is so.
pub fn until(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "{what} did not come");
        std::thread::sleep(LOOK);
    }
}

/// The same where other tasks go on meanwhile.
pub async fn until_so(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "{what} did not come");
        tokio::time::sleep(LOOK).await;
    }
}

/// Looks until somebody has bound this UDP port of loopback.
pub fn until_bound(port: u16) {
    until(&format!("a program at port {port}"), || UdpSocket::bind(("127.0.0.1", port)).is_err());
}

/// Looks until somebody listens at this TCP port of loopback.
pub fn until_listening(port: u16) {
    until(&format!("a program at port {port}"), || std::net::TcpListener::bind(("127.0.0.1", port)).is_err());
}
