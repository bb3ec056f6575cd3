//! A baresip (1.0.0, as Debian has it) with a configuration directory of its own: it says a recording, keeps what it hears, and
//! is told what to do over TCP (its module `ctrl_tcp`: JSON in netstrings).

// Each test binary uses its own part of this.
#![allow(dead_code)]

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use segue::replay::caller::RATE;
use segue::sound::recording::ChannelChoice;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::likeness;
use super::peers::{PATIENCE, Peer, Room, free_port};

/// Where Debian keeps its modules.
const MODULES: &str = "/usr/lib/baresip/modules";
/// Between two attempts to reach it while it starts.
const LOOK: Duration = Duration::from_millis(50);
/// Longest message that is read of it.
const MAX_MESSAGE: usize = 64 * 1024;

/// A baresip that runs.
pub struct Baresip {
    room: Room,
    control: TcpStream,
    read: Vec<u8>,
    _peer: Peer,
}

impl Baresip {
    /// Starts it with an account and modules besides its usual ones, or says loudly that it is missing.
    pub async fn start(name: &str, account: &str, modules: &[&str], says: &[i16]) -> Option<Baresip> {
        let room = Room::new(&format!("baresip-{name}"));
        let said = room.path().join("said.wav");
        write(&said, says);
        let port = free_port();
        let dir = room.path().display();
        let usual = ["g711.so", "aufile.so", "aubridge.so", "sndfile.so"];
        let loaded: String = usual.iter().chain(modules).map(|module| format!("module {module}\n")).collect();
        room.file(
            "config",
            format!(
                // The player takes sound and lets it go; what is heard is kept by the filter `sndfile`.
                "poll_method epoll\nsip_listen 127.0.0.1:0\nnet_interface 127.0.0.1\nrtp_ports 20000-29999\naudio_source aufile,{}\n\
                 audio_player aubridge,nobody\naudio_alert aubridge,nobody\naudio_path {dir}\nausrc_srate 8000\nauplay_srate 8000\n\
                 ausrc_channels 1\nauplay_channels 1\nopus_stereo no\nopus_sprop_stereo no\nsnd_path {dir}\n\
                 ctrl_tcp_listen 127.0.0.1:{port}\nmodule_path {MODULES}\n{loaded}module_tmp account.so\nmodule_app menu.so\nmodule_app ctrl_tcp.so\n",
                said.display()
            ),
        );
        room.file("accounts", format!("{account}\n"));
        room.file("contacts", "");
        let mut command = Command::new("baresip");
        command.arg("-f").arg(room.path()).env("HOME", room.path()).current_dir(room.path());
        let peer = Peer::start(&mut command, "baresip-core")?;
        let control = tokio::time::timeout(PATIENCE, reached(port)).await.expect("baresip listens");
        Some(Baresip { room, control, read: Vec::new(), _peer: peer })
    }

    /// Gives it a command.
    pub async fn tell(&mut self, command: &str, params: &str) {
        let text = json!({ "command": command, "params": params, "token": command }).to_string();
        self.control.write_all(format!("{}:{text},", text.len()).as_bytes()).await.expect("baresip reads");
    }

    /// Waits until this happens to it, such as `CALL_ESTABLISHED`.
    pub async fn until(&mut self, kind: &str) -> Value {
        let wait = async {
            loop {
                let message = self.message().await;
                assert!(message["ok"] != false, "baresip: {message}");
                if message["type"] == kind {
                    return message;
                }
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("baresip never told of {kind}"))
    }

    /// The next netstring.
    async fn message(&mut self) -> Value {
        loop {
            if let Some(colon) = self.read.iter().position(|octet| *octet == b':') {
                let len: usize = std::str::from_utf8(&self.read[..colon]).ok().and_then(|len| len.parse().ok()).expect("a netstring");
                assert!(len <= MAX_MESSAGE);
                if let Some(text) = self.read.get(colon + 1..colon + 1 + len) {
                    let message = serde_json::from_slice(text).expect("JSON");
                    self.read.drain(..colon + len + 2);
                    return message;
                }
            }
            let read = self.control.read_buf(&mut self.read).await.expect("baresip runs");
            assert!(read > 0, "baresip has ended");
        }
    }

    /// What it heard in its call, once that is over.
    pub fn heard(&self) -> Vec<i16> {
        let files = std::fs::read_dir(self.room.path()).expect("its directory").flatten().map(|entry| entry.path());
        let dumps: Vec<_> = files.filter(|path| path.to_string_lossy().ends_with("-dec.wav")).collect();
        assert_eq!(dumps.len(), 1, "one call, one recording: {dumps:?}");
        likeness::read(&dumps[0], ChannelChoice::Left)
    }
}

async fn reached(port: u16) -> TcpStream {
    loop {
        if let Ok(control) = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], port))).await {
            return control;
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn write(path: &Path, samples: &[i16]) {
    let spec = hound::WavSpec { channels: 1, sample_rate: RATE.hz(), bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
    let mut wav = hound::WavWriter::create(path, spec).expect("a temporary file");
    samples.iter().for_each(|&sample| wav.write_sample(sample).expect("a temporary file"));
    wav.finalize().expect("a temporary file");
}
