//! How speech sounds after a bad network: loss, jitter, reordering and duplicates on virtual time.
//!
//! One leg says a recording, a wire in between does its worst, another leg plays it out. Told for each codec and network: what
//! was lost, how much was held back, how alike the loudness of both sides is, and PESQ (ITU-T P.862, narrow band) against
//! what was said, where Python's `pesq` is installed (`SEGUE_PYTHON` names the interpreter). Run with `--nocapture` for the table.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use segue::base::{Frame, Rate, Time};
use segue::edge::rtp::{RtpLeg, RtpStats};
use segue::edge::{MediaPlan, MediaSockets, Ports};
use segue::sound::codec::{Codec, Decoder, Encoder, MAX_DECODED, MAX_ENCODED};
use segue::sound::recording::{ChannelChoice, Recording};

/// Steps of virtual time in ms; a frame is four of them.
const STEP_MS: u64 = 5;
/// What any network takes, in µs.
const TRANSIT_MICROS: u64 = 5_000;
/// At 5 % loss.
const LEAST_PESQ: f64 = 2.6;
/// PESQ judges stretches of this length.
const STRETCH: usize = 8 * 8_000;

/// What a network does to packets. Shares are 0..1.
#[derive(Clone, Copy)]
struct Weather {
    name: &'static str,
    loss: f64,
    /// Even, from 0 to this.
    jitter_ms: f64,
    /// This share comes 30 ms later than the others.
    reordered: f64,
    doubled: f64,
}

const CALM: Weather = Weather { name: "clean", loss: 0.0, jitter_ms: 0.0, reordered: 0.0, doubled: 0.0 };
const WEATHER: [Weather; 7] = [
    CALM,
    Weather { name: "1 % loss", loss: 0.01, ..CALM },
    Weather { name: "5 % loss", loss: 0.05, ..CALM },
    Weather { name: "10 % loss", loss: 0.10, ..CALM },
    Weather { name: "60 ms jitter", jitter_ms: 60.0, ..CALM },
    Weather { name: "5 % reordered, 5 % doubled", reordered: 0.05, doubled: 0.05, ..CALM },
    Weather { name: "5 % loss, 60 ms jitter", loss: 0.05, jitter_ms: 60.0, ..CALM },
];

/// Between two legs.
struct Wire {
    weather: Weather,
    sockets: MediaSockets,
    to: SocketAddr,
    seed: u64,
    /// By when they arrive, in µs, and their number.
    under_way: BTreeMap<(u64, u64), Vec<u8>>,
    taken: u64,
}

impl Wire {
    /// Even numbers from 0 to 1 (xorshift).
    fn random(&mut self) -> f64 {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        (self.seed >> 11) as f64 / (1u64 << 53) as f64
    }

    fn carry(&mut self, now: Time) {
        let mut datagram = [0; 1_500];
        while let Ok((length, from)) = self.sockets.rtp.recv_from(&mut datagram) {
            if from == self.to {
                continue;
            }
            let copies = if self.random() < self.weather.doubled { 2 } else { 1 };
            for _ in 0..copies {
                self.taken += 1;
                let late_ms = self.weather.jitter_ms * self.random() + if self.random() < self.weather.reordered { 30.0 } else { 0.0 };
                if self.random() >= self.weather.loss {
                    let due = now.as_micros() + TRANSIT_MICROS + (late_ms * 1_000.0) as u64;
                    self.under_way.insert((due, self.taken), datagram[..length].to_vec());
                }
            }
        }
        while let Some(entry) = self.under_way.first_entry().filter(|entry| entry.key().0 <= now.as_micros()) {
            self.sockets.rtp.send_to(&entry.remove(), self.to).unwrap();
        }
    }
}

fn sockets() -> MediaSockets {
    Ports::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 47_000, 48_999).bind().unwrap()
}

fn plan(to: &MediaSockets, codec: Codec) -> MediaPlan {
    MediaPlan {
        remote: to.rtp.local_addr().unwrap(),
        remote_rtcp: to.rtcp.local_addr().unwrap(),
        codec,
        payload: codec.static_payload().unwrap_or(111),
        payload_in: codec.static_payload().unwrap_or(111),
        event_payload: None,
        event_payload_in: None,
        event_clock_hz: 8_000,
        comfort_noise: false,
        sends: true,
        receives: true,
        ptime_ms: 20,
        srtp: None,
    }
}

/// Says it through this network; gives what was heard, and what the network did.
fn say(said: &[i16], codec: Codec, weather: Weather) -> (Vec<i16>, RtpStats) {
    let (ours, theirs, between) = (sockets(), sockets(), sockets());
    let to = theirs.rtp.local_addr().unwrap();
    let mut speaker = RtpLeg::open(ours, &plan(&between, codec), Rate::Hz8000).unwrap();
    let mut hearer = RtpLeg::open(theirs, &plan(&between, codec), Rate::Hz8000).unwrap();
    let mut wire = Wire { weather, sockets: between, to, seed: 0x9e37_79b9_7f4a_7c15, under_way: BTreeMap::new(), taken: 0 };
    let mut heard = Vec::new();
    for (n, samples) in said.chunks_exact(160).enumerate() {
        speaker.send(Some(&Frame::from_samples(Rate::Hz8000, samples)), Time::from_millis(20 * n as u64));
        for step in 0..4 {
            let now = Time::from_millis(20 * n as u64 + STEP_MS * step);
            wire.carry(now);
            hearer.receive(now);
        }
        let frame = hearer.play_out(Time::from_millis(20 * n as u64 + 15)).unwrap_or(Frame::silence(Rate::Hz8000));
        heard.extend_from_slice(frame.samples());
    }
    (heard, hearer.stats())
}

/// The sample callers, whole stretches of them.
fn speech(rate: Rate) -> Vec<i16> {
    let mut speech = Vec::new();
    for name in ["calm-served-by-the-bot", "asks-for-a-person", "repeats-the-question"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("audio/calls").join(name).with_extension("flac");
        let file = std::fs::File::open(path).unwrap();
        let recording = Recording::open_at(Box::new(file), Some("flac"), ChannelChoice::Left, rate).unwrap();
        // Pauses are no test of anything.
        let samples = recording.read_all(Duration::from_secs(300)).unwrap();
        speech.extend(samples.chunks(5 * rate.frame_samples()).filter(|chunk| chunk.iter().any(|sample| sample.unsigned_abs() > 300)).flatten());
    }
    speech.truncate(speech.len() / STRETCH * STRETCH);
    speech
}

/// How alike the loudness of both is over time (correlation of 20 ms levels in dB at the best of lags up to 300 ms).
fn likeness(said: &[i16], heard: &[i16]) -> f64 {
    let levels = |samples: &[i16]| -> Vec<f64> {
        let level = |chunk: &[i16]| 10.0 * (1.0 + chunk.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / 160.0).log10();
        samples.chunks_exact(160).map(level).collect()
    };
    let (said, heard) = (levels(said), levels(heard));
    let correlation = |lag: usize| {
        let (a, b) = (&said[..said.len() - lag], &heard[lag..]);
        let mean = |x: &[f64]| x.iter().sum::<f64>() / x.len() as f64;
        let (ma, mb) = (mean(a), mean(b));
        let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
        for (x, y) in a.iter().zip(b) {
            ab += (x - ma) * (y - mb);
            aa += (x - ma).powi(2);
            bb += (y - mb).powi(2);
        }
        ab / (aa * bb).sqrt()
    };
    (0..15).map(correlation).fold(f64::MIN, f64::max)
}

/// PESQ of each pair of raw files, averaged over stretches; `None` where it is not installed, and nobody says that it is.
fn pesq(dir: &Path, names: &[String]) -> Option<Vec<f64>> {
    const SCRIPT: &str = "
import sys, numpy as np
from pesq import pesq
d, n = sys.argv[1], int(sys.argv[2])
said = np.fromfile(d + '/said.raw', '<i2')
for name in sys.argv[3:]:
    heard = np.fromfile(d + '/' + name, '<i2')
    print(np.mean([pesq(8000, said[i:i+n], heard[i:i+n], 'nb') for i in range(0, len(said) - n + 1, n)]))
";
    let named = std::env::var("SEGUE_PYTHON").ok();
    let python = named.as_deref().unwrap_or("python3");
    let judged = Command::new(python).args(["-c", SCRIPT]).arg(dir).arg(STRETCH.to_string()).args(names).output().ok().filter(|o| o.status.success());
    assert!(judged.is_some() || named.is_none(), "{python} has no `pesq`, or it failed");
    let text = String::from_utf8(judged?.stdout).ok()?;
    Some(text.lines().map(|line| line.trim().parse().unwrap()).collect())
}

fn keep(dir: &Path, name: &str, samples: &[i16]) {
    let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    std::fs::write(dir.join(name), bytes).unwrap();
}

#[test]
fn speech_is_understood_after_loss_jitter_reordering_and_duplicates() {
    let said = speech(Rate::Hz8000);
    assert!(said.len() >= 2 * STRETCH, "{}", said.len());
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("lossy_network");
    std::fs::create_dir_all(&dir).unwrap();
    keep(&dir, "said.raw", &said);
    let mut runs = Vec::new();
    for codec in [Codec::Pcmu, Codec::G722, Codec::Opus] {
        for weather in WEATHER {
            let (heard, stats) = say(&said, codec, weather);
            let name = format!("{}-{}.raw", codec.name(), weather.name.replace([' ', '%', ','], ""));
            keep(&dir, &name, &heard);
            runs.push((codec, weather, name, likeness(&said, &heard), stats));
        }
    }
    let names: Vec<String> = runs.iter().map(|(_, _, name, ..)| name.clone()).collect();
    let pesq = pesq(&dir, &names);
    if pesq.is_none() {
        println!("SKIPPED PESQ: Python's `pesq` is not installed (SEGUE_PYTHON names an interpreter that has it)");
    }
    println!("| codec | network | lost | held back | likeness of loudness | PESQ |\n|---|---|---|---|---|---|");
    for (n, (codec, weather, _, likeness, stats)) in runs.iter().enumerate() {
        let counts = stats.jitter_buffer;
        let lost = counts.lost as f64 / (counts.lost + counts.taken).max(1) as f64;
        let judged = pesq.as_ref().map_or(f64::NAN, |pesq| pesq[n]);
        println!("| {} | {} | {:.1} % | {:.0} ms | {likeness:.3} | {judged:.2} |", codec.name(), weather.name, lost * 100.0, stats.held_ms);
        assert!(lost < weather.loss + 0.06, "{} {}: {counts:?}", codec.name(), weather.name);
        assert!(*likeness > if weather.loss > 0.06 { 0.75 } else { 0.85 }, "{} {}: {likeness}", codec.name(), weather.name);
        if pesq.is_some() && weather.loss <= 0.05 && weather.jitter_ms == 0.0 {
            assert!(judged >= LEAST_PESQ, "{} {}: PESQ {judged}", codec.name(), weather.name);
        }
    }
}

/// Signal to noise in dB over the frames that were lost, each against what would have been heard.
fn signal_to_noise(meant: &[i16], heard: &[i16]) -> f64 {
    let power = |samples: &mut dyn Iterator<Item = f64>| samples.map(|sample| sample * sample).sum::<f64>();
    let noise = power(&mut meant.iter().zip(heard).map(|(a, b)| f64::from(*a) - f64::from(*b)));
    10.0 * (power(&mut meant.iter().map(|sample| f64::from(*sample))) / noise).log10()
}

#[test]
fn what_is_lost_of_opus_is_found_in_the_next_packet() {
    for rate in [Rate::Hz8000, Rate::Hz16000] {
        let mut encoder = Encoder::new(Codec::Opus, rate).unwrap();
        let mut payloads = Vec::new();
        for samples in speech(rate).chunks_exact(rate.frame_samples()) {
            let mut payload = [0; MAX_ENCODED];
            let length = encoder.encode(&Frame::from_samples(rate, samples), &mut payload);
            payloads.push(payload[..length].to_vec());
        }
        let decoder = || Decoder::new(Codec::Opus, rate).unwrap();
        let (mut whole, mut recovers, mut guesses) = (decoder(), decoder(), decoder());
        let (mut meant, mut recovered, mut guessed) = (Vec::new(), Vec::new(), Vec::new());
        let mut out = [0; MAX_DECODED];
        for (n, pair) in payloads.windows(2).enumerate() {
            let length = whole.decode(&pair[0], &mut out).unwrap();
            if n % 10 == 9 {
                meant.extend_from_slice(&out[..length]);
                let length = recovers.recover(&pair[1], &mut out).unwrap();
                recovered.extend_from_slice(&out[..length]);
                let length = guesses.conceal(&mut out).unwrap();
                guessed.extend_from_slice(&out[..length]);
            } else {
                recovers.decode(&pair[0], &mut out).unwrap();
                guesses.decode(&pair[0], &mut out).unwrap();
            }
        }
        let (recovered, guessed) = (signal_to_noise(&meant, &recovered), signal_to_noise(&meant, &guessed));
        println!("{rate:?}: found in the next packet {recovered:.1} dB, guessed {guessed:.1} dB");
        assert!(recovered > guessed + 4.0, "{rate:?}: {recovered} {guessed}");
    }
}
