//! How many calls one core carries, what a call costs, and how long packets wait.
//!
//! Starts `segue serve` on one core and loads it from the others over SIP and RTP on loopback, steps up the number of calls
//! and prints one row of a table for each:
//!
//! ```sh
//! cargo bench --bench density -- --what relay --calls 100,250,500
//! ```
//!
//! `--what` is `bot` (callers who talk to the bot, fully listened to), `listened` (caller and agent on a bridge, both listened
//! to, packets forwarded), `mixed` (the same between two codecs, so that every packet is decoded, mixed and coded), `relay`
//! (bridged and not listened to) or `rtpengine` (that program in the gateway's place, for comparison). No recognizer. `--secs`
//! is how long each step is measured. `lines` is no call at all: so many agents are on duty at their pages, each with a line
//! in WebRTC on which nobody speaks.

#[allow(clippy::unwrap_used, reason = "a bench may fail by unwrapping")]
#[path = "../tests/harness/browser.rs"]
mod browser;
#[allow(clippy::unwrap_used, reason = "a bench may fail by unwrapping")]
#[path = "../tests/harness/console.rs"]
mod console;
#[path = "../tests/harness/kit.rs"]
mod kit;
#[path = "density/lines.rs"]
mod lines;
#[path = "density/load.rs"]
mod load;
#[path = "density/rtpengine.rs"]
mod rtpengine;
#[path = "density/served.rs"]
mod served;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context as _;
use clap::Parser;
use load::Load;
use rtpengine::Rtpengine;
use segue::sound::codec::Codec;
use segue::sound::recording::{ChannelChoice, Recording};
use served::{Served, Usage};
use tokio::task::JoinSet;

/// What the parties of a load say: callers of the sample calls.
const RECORDINGS: [&str; 4] = ["calm-served-by-the-bot", "asks-for-a-person", "gets-loud", "repeats-the-question"];
/// From the last pick-up to the measurement: greetings, notices and briefings are over.
const SETTLING: Duration = Duration::from_secs(15);
/// From one new call to the next: no multiple of a tick, for callers do not come in step, and calls that do would all tick at once.
const EVERY: Duration = Duration::from_millis(43);

/// Which load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum What {
    /// Callers who talk to the bot, fully listened to
    Bot,
    /// Caller and agent, both listened to
    Listened,
    /// The same between two codecs
    Mixed,
    /// Caller and agent, not listened to
    Relay,
    /// No gateway between them: what the load itself adds to delays
    Direct,
    /// rtpengine in the gateway's place, in user space: what forwarding costs who does nothing else
    Rtpengine,
    /// No calls: agents on duty, each with a line in WebRTC
    Lines,
}

/// How many calls one core carries.
#[derive(Debug, Parser)]
struct Args {
    /// Which load
    #[arg(long, value_enum, default_value = "relay")]
    what: What,
    /// Numbers of calls (or lines), one step after the other
    #[arg(long, value_delimiter = ',', default_value = "50")]
    calls: Vec<usize>,
    /// How long each step is measured, in s; lateness is told of the last minute
    #[arg(long, default_value_t = 70)]
    secs: u64,
    /// The core of the gateway; the load takes the others
    #[arg(long, default_value_t = 0)]
    core: usize,
    /// Scheduling priority of both, so that a busy machine disturbs less (needs root below 0)
    #[arg(long, default_value_t = 0, allow_hyphen_values = true)]
    nice: i32,
    /// Run this under the gateway, such as `perf record -g -o FILE --`
    #[arg(long)]
    under: Option<String>,
    /// Cargo passes it
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    served::settle_in(args.core, args.nice)?;
    if args.what == What::Lines {
        println!("{}", lines::HEADER);
    } else {
        println!(
            "| {:?}: calls | CPU s a call-minute | share of the core | memory a call | ticks late, p99.9 | packets lost | delay p50 / p99 |",
            args.what
        );
        println!("|---|---|---|---|---|---|---|");
    }
    for &calls in &args.calls {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let row = if args.what == What::Lines { runtime.block_on(lines::step(&args, calls)) } else { runtime.block_on(step(&args, calls)) };
        println!("{}", row?);
        // What is left of the calls must not disturb the next step.
        runtime.shutdown_background();
    }
    Ok(())
}

/// One row.
async fn step(args: &Args, calls: usize) -> anyhow::Result<String> {
    let speech = speech()?;
    let origin = SystemTime::now();
    let (callers, _) = Load::open(Codec::Pcmu, speech.clone(), origin).await?;
    let (agents, mut rung) = Load::open(if args.what == What::Mixed { Codec::Pcma } else { Codec::Pcmu }, speech, origin).await?;
    let mut served = Served::start(args.what, calls, agents.address(), args)?;
    let relay = if args.what == What::Rtpengine { Some(Arc::new(Rtpengine::at(served.address).await?)) } else { None };
    let before = served.usage()?;
    let target = if matches!(args.what, What::Direct | What::Rtpengine) { agents.address() } else { served.address };
    let mut parties = JoinSet::new();
    let mut pace = tokio::time::interval(EVERY);
    let mut begun = 0;
    let settled = tokio::time::sleep(EVERY.mul_f64(calls as f64) + SETTLING);
    tokio::pin!(settled);
    loop {
        tokio::select! {
            _ = pace.tick(), if begun < calls => {
                parties.spawn(callers.clone().call(target, relay.clone()));
                begun += 1;
            }
            Some(invited) = rung.recv() => { parties.spawn(agents.clone().attend(invited.leg, relay.clone())); }
            () = &mut settled => break,
        }
    }
    for load in [&callers, &agents] {
        load.note();
    }
    let (from, usage) = (Instant::now(), served.usage()?);
    tokio::time::sleep(Duration::from_secs(args.secs)).await;
    let spent = served.usage()?.cpu_s - usage.cpu_s;
    let elapsed = from.elapsed().as_secs_f64();
    let delays = [callers.delays_ms(), agents.delays_ms()].concat();
    let lost = callers.skipped() + agents.skipped();
    let came = callers.came.load(Ordering::Relaxed) + agents.came.load(Ordering::Relaxed);
    let live = callers.live();
    let memory = usage.memory_kb.saturating_sub(before.memory_kb);
    let late = served.lateness()?;
    drop(parties);
    tokio::time::sleep(Duration::from_secs(2)).await;
    served.stop().await.context("the gateway")?;
    let legs = if args.what == What::Bot { live } else { 2 * live };
    let expected = legs as f64 * 50.0 * elapsed;
    let row = Row { calls, live, spent, elapsed, memory, late, lost, missing: 1.0 - came as f64 / expected.max(1.0), delays };
    Ok(row.to_string())
}

/// What a step measured.
struct Row {
    calls: usize,
    live: u64,
    spent: f64,
    elapsed: f64,
    memory: u64,
    late: String,
    lost: u64,
    missing: f64,
    delays: Vec<f64>,
}

impl std::fmt::Display for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let minutes = self.live as f64 * self.elapsed / 60.0;
        let mut delays = self.delays.clone();
        delays.sort_unstable_by(f64::total_cmp);
        let at = |share: f64| delays.get((delays.len() as f64 * share) as usize).copied().unwrap_or(f64::NAN);
        write!(
            f,
            "| {} ({} live) | {:.4} | {:.0} % | {:.2} MB | {} | {} ({:.2} % fewer than due) | {:.2} / {:.2} ms of {} |",
            self.calls,
            self.live,
            self.spent / minutes,
            self.spent / self.elapsed * 100.0,
            self.memory as f64 / 1_024.0 / self.live.max(1) as f64,
            self.late,
            self.lost,
            self.missing * 100.0,
            at(0.5),
            at(0.99),
            delays.len()
        )
    }
}

/// The sample callers, one after the other, at 8 kHz.
fn speech() -> anyhow::Result<Arc<[i16]>> {
    let mut speech = Vec::new();
    for name in RECORDINGS {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/audio/calls/").to_owned() + name + ".flac";
        let file = std::fs::File::open(&path).with_context(|| path)?;
        let recording = Recording::open_at(Box::new(file), Some("flac"), ChannelChoice::Left, segue::base::Rate::Hz8000)?;
        speech.extend_from_slice(&recording.read_all(Duration::from_secs(600))?);
    }
    Ok(speech.into())
}

/// What the gateway uses.
impl Served {
    fn usage(&self) -> anyhow::Result<Usage> {
        Usage::of(self.pid())
    }
}
