//! `segue call`: a test caller on real phone calls.

use std::io::Write as _;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use indicatif::ProgressBar;
use tokio::sync::mpsc::channel;
use tokio::task::JoinSet;

use super::Ending;
use super::terminal::complain;
use crate::base::Key;
use crate::edge::Ports;
use crate::edge::sip::table::{SipTable, read_bind};
use crate::edge::sip::{Dialling, SipEdge};
use crate::replay::caller::{self, CallReport, Manners, Part, RATE};
use crate::sound::codec::Codec;
use crate::sound::recording::{ChannelChoice, Recording};

/// Longest recording that is played.
const MAX_RECORDING: Duration = Duration::from_secs(3_600);
/// Ports for sound, apart from those of a gateway on the same machine.
const PORTS: (u16, u16) = (30_000, 39_999);

/// Place test calls by SIP, and report how they went
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  segue call sip:1000@127.0.0.1 angry.wav --pace turns\n  segue call sip:1000@127.0.0.1 --calls 100 --rate 10 --max 20 --json\n  segue call --answer udp:127.0.0.1:5090 --key 1@3   an agent's phone that picks up and takes the call\n\n\
    Exit status: 0 every call was answered and heard something, 1 one was not, 2 bad usage or recording."
)]
pub struct CallArgs {
    /// Whom to call, as a sip: URI
    #[arg(value_name = "TARGET", required_unless_present = "answer")]
    target: Option<String>,

    /// What callers say, in turn; without one they are silent
    #[arg(value_name = "RECORDING")]
    recordings: Vec<PathBuf>,

    /// How many calls
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    calls: u32,

    /// New calls a second
    #[arg(long, value_name = "N", default_value_t = 1.0, value_parser = rate)]
    rate: f64,

    /// How a recording is played
    #[arg(long, value_enum, default_value_t = Manners::Recording)]
    pace: Manners,

    /// Codec to offer: pcmu, pcma, g722 or opus; may be repeated, in order of preference
    #[arg(long = "codec", value_name = "CODEC", value_parser = codec)]
    codecs: Vec<Codec>,

    /// The caller's user name or number
    #[arg(long, value_name = "USER", default_value = "segue-call")]
    from: String,

    /// Press a key so many seconds after the pick-up, such as 1@2.5; may be repeated
    #[arg(long = "key", value_name = "KEY@SECONDS", value_parser = key)]
    keys: Vec<(Duration, Key)>,

    /// Hang up after so many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 120.0, value_parser = seconds)]
    max: f64,

    /// Encrypt sound (SRTP by SDES)
    #[arg(long)]
    srtp: bool,

    /// Send back what is heard
    #[arg(long, conflicts_with = "recordings")]
    echo: bool,

    /// Pick up calls that come in here instead of calling, such as udp:127.0.0.1:5090; ends after --calls of them
    #[arg(long, value_name = "BIND", conflicts_with_all = ["target", "rate"])]
    answer: Option<String>,

    /// Let it ring for so many seconds before picking up
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0, value_parser = seconds, requires = "answer")]
    ring: f64,

    /// Where to send from
    #[arg(long, value_name = "BIND", default_value = "udp:127.0.0.1:0")]
    bind: String,

    /// Print one JSON object a call, and nothing else
    #[arg(long)]
    json: bool,
}

/// Calls, and says how it went.
///
/// # Errors
/// A port can't be had, or standard output can't be written.
pub fn run(args: &CallArgs) -> anyhow::Result<Ending> {
    let mut recordings = Vec::new();
    for path in &args.recordings {
        match read(path) {
            Ok(samples) => recordings.push(samples),
            Err(error) => {
                complain(&format!("{}: {error:#}", path.display()));
                return Ok(Ending::Bad);
            }
        }
    }
    let bind = args.answer.as_ref().unwrap_or(&args.bind);
    if let Err(wrong) = read_bind(bind) {
        complain(&format!("`{bind}`: {wrong}"));
        return Ok(Ending::Bad);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let reports = runtime.block_on(call(args, bind, recordings))?;
    tell(args, &reports)
}

async fn call(args: &CallArgs, bind: &str, recordings: Vec<Vec<i16>>) -> anyhow::Result<Vec<CallReport>> {
    let codecs = if args.codecs.is_empty() { vec![Codec::Pcmu, Codec::Pcma] } else { args.codecs.clone() };
    let (_, address) = read_bind(bind).map_err(anyhow::Error::msg)?;
    let srtp = if args.srtp { crate::edge::sip::table::SrtpPolicy::Required } else { crate::edge::sip::table::SrtpPolicy::Optional };
    let table = SipTable {
        bind: vec![bind.to_owned()],
        allow: vec!["0.0.0.0/0".into(), "::/0".into()],
        codecs: codecs.clone(),
        srtp,
        calls_per_second: 10_000,
        ..SipTable::default()
    };
    let (sender, mut invited) = channel(256);
    let ip: IpAddr = address.ip();
    let sip = SipEdge::open(&table, Arc::new(Ports::new(ip, PORTS.0, PORTS.1)), sender).await.context("can't open SIP")?;
    let bar = if args.json { ProgressBar::hidden() } else { ProgressBar::new(u64::from(args.calls)) };
    let mut running = JoinSet::new();
    let mut reports = Vec::new();
    let mut begun = 0;
    let mut pace = tokio::time::interval(Duration::from_secs_f64(1.0 / args.rate));
    let is_answering = args.answer.is_some();
    while reports.len() < args.calls as usize {
        tokio::select! {
            _ = pace.tick(), if !is_answering && begun < args.calls => {
                let recording = recordings.get(begun as usize % recordings.len().max(1)).cloned().unwrap_or_default();
                let dialling = Dialling {
                    target: args.target.clone().unwrap_or_default(),
                    from: format!("sip:{}@{}", args.from, sip.local()),
                    from_name: None,
                    headers: Vec::new(),
                    codecs: codecs.clone(),
                    srtp: args.srtp,
                    ring_limit: Duration::from_secs_f64(args.max),
                    trunks: Vec::new(),
                };
                let (sip, part) = (sip.clone(), part(args, recording));
                running.spawn(async move { caller::place(&sip, dialling, part).await });
                begun += 1;
            }
            Some(call) = invited.recv(), if is_answering && begun < args.calls => {
                let recording = recordings.get(begun as usize % recordings.len().max(1)).cloned().unwrap_or_default();
                running.spawn(caller::attend(call.leg, Duration::from_secs_f64(args.ring), part(args, recording)));
                begun += 1;
            }
            Some(report) = running.join_next() => {
                reports.push(report.unwrap_or_default());
                bar.inc(1);
            }
            _ = tokio::signal::ctrl_c() => break,
        }
    }
    bar.finish_and_clear();
    // Calls that go on are hung up: their senders are dropped.
    running.shutdown().await;
    sip.close().await;
    Ok(reports)
}

fn part(args: &CallArgs, recording: Vec<i16>) -> Part {
    let leaves_when_done = !recording.is_empty() && args.pace == Manners::Recording && args.answer.is_none();
    let longest = Duration::from_secs_f64(args.max);
    Part { recording, manners: args.pace, keys: args.keys.clone(), echoes: args.echo, leaves_when_done, longest }
}

/// A recording at 8 kHz, its left channel.
pub(super) fn read(path: &Path) -> anyhow::Result<Vec<i16>> {
    let file = std::fs::File::open(path)?;
    let extension = path.extension().and_then(|extension| extension.to_str()).map(str::to_owned);
    decode(Box::new(file), extension.as_deref())
}

/// A recording at 8 kHz, its left channel.
pub(super) fn decode(source: Box<dyn symphonia::core::io::MediaSource>, extension: Option<&str>) -> anyhow::Result<Vec<i16>> {
    Ok(Recording::open_at(source, extension, ChannelChoice::Left, RATE)?.read_all(MAX_RECORDING)?.to_vec())
}

fn tell(args: &CallArgs, reports: &[CallReport]) -> anyhow::Result<Ending> {
    let mut out = anstream::stdout();
    let is_good = |report: &CallReport| report.status == 200 && report.heard_s > 0.0;
    let good = reports.iter().filter(|report| is_good(report)).count();
    let is_well = good == reports.len() && reports.len() == args.calls as usize;
    let ending = if is_well { Ending::Well } else { Ending::Unmet };
    if args.json {
        for report in reports {
            writeln!(out, "{}", serde_json::to_string(report)?)?;
        }
        return Ok(ending);
    }
    writeln!(out, "{good} of {} calls were answered and heard something.", args.calls)?;
    let mut row = |name: &str, unit: &str, of: &dyn Fn(&CallReport) -> Option<f64>| -> std::io::Result<()> {
        let mut values: Vec<f64> = reports.iter().filter_map(of).collect();
        values.sort_unstable_by(f64::total_cmp);
        let Some(last) = values.len().checked_sub(1) else { return Ok(()) };
        let at = |share: f64| values[(last as f64 * share).round() as usize];
        writeln!(out, "  {name:<22} p50 {:>8.1}   p95 {:>8.1}   p99 {:>8.1} {unit}", at(0.5), at(0.95), at(0.99))
    };
    row("INVITE to ringing", "ms", &|r| r.ring_ms)?;
    row("INVITE to pick-up", "ms", &|r| r.answer_ms)?;
    row("pick-up to first sound", "ms", &|r| r.first_sound_ms)?;
    row("sound sent", "s", &|r| (r.status == 200).then_some(r.sent_s))?;
    row("sound heard", "s", &|r| (r.status == 200).then_some(r.heard_s))?;
    row("longest silence", "s", &|r| (r.status == 200).then_some(r.longest_silence_s))?;
    row("jitter", "ms", &|r| (r.status == 200).then_some(r.jitter_ms))?;
    let (lost, received) = reports.iter().fold((0, 0), |(lost, received), r| (lost + r.lost, received + r.received));
    writeln!(out, "  packets                {received} came, {lost} were lost")?;
    for report in reports.iter().filter(|report| report.status != 200) {
        writeln!(out, "  refused: {} {}", report.status, report.reason.as_deref().unwrap_or_default())?;
    }
    Ok(ending)
}

fn rate(written: &str) -> Result<f64, String> {
    written.parse().ok().filter(|rate| (0.01..=1_000.0).contains(rate)).ok_or("expected 0.01 to 1000 calls a second".into())
}

fn seconds(written: &str) -> Result<f64, String> {
    written.parse().ok().filter(|secs| (0.0..=86_400.0).contains(secs)).ok_or("expected 0 to 86400 seconds".into())
}

fn codec(written: &str) -> Result<Codec, String> {
    match written.to_lowercase().as_str() {
        "pcmu" => Ok(Codec::Pcmu),
        "pcma" => Ok(Codec::Pcma),
        "g722" => Ok(Codec::G722),
        "opus" => Ok(Codec::Opus),
        _ => Err("expected pcmu, pcma, g722 or opus".into()),
    }
}

fn key(written: &str) -> Result<(Duration, Key), String> {
    let read = || {
        let (label, secs) = written.split_once('@')?;
        let mut chars = label.chars();
        let key = Key::new(chars.next()?.to_ascii_uppercase()).filter(|_| chars.next().is_none())?;
        Some((Duration::try_from_secs_f64(secs.parse().ok()?).ok()?, key))
    };
    read().ok_or("expected a key and a moment, such as 1@2.5".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_that_make_no_sense_are_refused() {
        for bad in ["", "1", "@1", "12@1", "x@1", "1@", "1@-1", "1@nan", "1@1e300"] {
            assert!(key(bad).is_err(), "{bad}");
        }
        assert_eq!(key("#@2.5"), Ok((Duration::from_millis(2_500), Key::new('#').expect("a key"))));
        assert!(["0", "-1", "nan", "x", "1e9"].iter().all(|bad| rate(bad).is_err()));
        assert!(["-1", "nan", "x", "1e9"].iter().all(|bad| seconds(bad).is_err()));
        assert!(codec("gsm").is_err() && codec("PCMU").is_ok());
    }
}
