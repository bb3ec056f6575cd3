//! SIP phones of our own making, and a gateway for them, all on loopback.
//!
//! Entries have no bot, so that a call goes straight to its queue and a test takes seconds.

// Each test binary uses its own part of this.
#![allow(dead_code)]

use std::net::SocketAddr;
use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use segue::base::{HandoffClock, Happening, Key, OfferOutcome, Record};
use segue::cmd::live::{self, Running};
use segue::config::Config;
use segue::edge::sip::table::SipTable;
use segue::edge::sip::{Dialling, SipEdge};
use segue::edge::{Invited, Ports};
use segue::gateway::live::call::Finished;
use segue::replay::caller::{self, CallReport, Manners, Part};
use segue::sound::codec::Codec;
use tokio::sync::broadcast;
use tokio::sync::mpsc::{Receiver, channel};

use crate::kit::kit;

/// Nothing here takes longer.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Waits for something that a test can't do without.
#[track_caller]
pub fn in_time<T>(what: impl Future<Output = T>) -> impl Future<Output = T> {
    let place = Location::caller();
    async move { tokio::time::timeout(PATIENCE, what).await.unwrap_or_else(|_| panic!("{place}: nothing came in {PATIENCE:?}")) }
}

/// Waits until this happens in a call.
pub async fn until(records: &mut broadcast::Receiver<Record>, what: impl Fn(&Happening) -> bool) {
    in_time(async { while !what(&records.recv().await.expect("the gateway runs").kind) {} }).await;
}

pub async fn until_they_talk(records: &mut broadcast::Receiver<Record>) {
    until(records, |h| matches!(h, Happening::ClockReached { clock: HandoffClock::T5, .. })).await;
}

/// Ports for sound, apart for each user of them, and below those that the system gives out; after 60 users they come again.
pub fn ports() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    20_000 + 200 * (NEXT.fetch_add(1, Ordering::Relaxed) % 60)
}

/// Somebody's SIP phone.
pub async fn phone() -> (SipEdge, Receiver<Invited>) {
    phone_with(SipTable::default().codecs).await
}

/// One that has these codecs only.
pub async fn phone_with(codecs: Vec<Codec>) -> (SipEdge, Receiver<Invited>) {
    let (sender, rung) = channel(8);
    let table = SipTable { bind: vec!["udp:127.0.0.1:0".into()], codecs, ..SipTable::default() };
    let first = ports();
    (SipEdge::open(&table, Arc::new(Ports::new([127, 0, 0, 1].into(), first, first + 199)), sender).await.unwrap(), rung)
}

/// The tables of `[sip]` and `[speech]` for a gateway on loopback, with more keys of `[sip]`.
pub fn on_loopback(sip: &str) -> String {
    let first = ports();
    format!(
        "[sip]\nbind = [\"udp:127.0.0.1:0\", \"tcp:127.0.0.1:0\"]\nrtp_first_port = {first}\nrtp_last_port = {}\n{sip}\n[speech]\nrecognizer = \"off\"\n",
        first + 199
    )
}

/// An agent with phones at these addresses, who takes callers of these queues.
pub fn agent(name: &str, queues: &[&str], phones: &[SocketAddr]) -> String {
    let phones: String = phones.iter().map(|phone| format!("[[phone]]\nagent = \"{name}\"\ncontact = \"sip:{name}@{phone}\"\n")).collect();
    format!("[[agent]]\nname = \"{name}\"\nqueues = {queues:?}\n{phones}")
}

/// A gateway whose agents `agent-1`, `agent-2` … are at these phones, with more tables.
pub async fn gateway(agents: &[SocketAddr], more: &str) -> Running {
    gateway_with("", agents, more).await
}

/// One with more keys of `[sip]`, too.
pub async fn gateway_with(sip: &str, agents: &[SocketAddr], more: &str) -> Running {
    let mut text =
        "[[entry]]\nname = \"main\"\ncalled = [\"1000\"]\nqueue = \"service\"\n[[queue]]\nname = \"service\"\nring_secs = 8.0\n".to_owned();
    text += &on_loopback(sip);
    for (name, phone) in ["agent-1", "agent-2", "agent-3"].into_iter().zip(agents) {
        text += &agent(name, &["service"], &[*phone]);
    }
    if agents.is_empty() {
        text += "[[agent]]\nname = \"nobody\"\n";
    }
    open(&(text + more)).await
}

/// A gateway of this configuration, which has no recognizer and no secrets.
pub async fn open(text: &str) -> Running {
    let config = Config::read(Some(("test.toml", text)), [], |path| std::fs::read_to_string(path)).unwrap_or_else(|p| panic!("{p}"));
    live::open(&config, kit(&config).await).await.unwrap()
}

/// A tone of so many seconds.
pub fn tone(secs: usize) -> Vec<i16> {
    (0..secs * 8_000).map(|n| (6_000.0 * (std::f64::consts::TAU * 500.0 * n as f64 / 8_000.0).sin()) as i16).collect()
}

pub fn part(longest_secs: u64) -> Part {
    let longest = Duration::from_secs(longest_secs);
    Part {
        recording: tone(longest_secs as usize).into(),
        manners: Manners::Recording,
        keys: Vec::new(),
        echoes: false,
        leaves_when_done: false,
        longest,
    }
}

/// An agent who takes the call by key, and presses it again as people do: on a busy machine the first one may come before
/// anybody listens for it. On the call it means nothing.
pub fn accepts(after: Duration, part: Part) -> Part {
    let again = [0, 3, 8].map(|secs| (after + Duration::from_secs(secs), Key::new('1').unwrap()));
    Part { keys: again.to_vec(), ..part }
}

/// A call to this target, in one codec.
pub fn dialling(sip: &SipEdge, target: &str, codec: Codec) -> Dialling {
    Dialling::new(target, format!("sip:+15550100@{}", sip.local()), vec![codec], PATIENCE)
}

pub async fn call(sip: &SipEdge, target: &str, codec: Codec, part: Part) -> CallReport {
    in_time(caller::place(sip, dialling(sip, target, codec), part)).await
}

/// The next call that is over; what happened in it is shown by a test that fails.
pub async fn finished(running: &mut Running) -> Finished {
    let finished = in_time(running.finished.recv()).await.unwrap();
    for record in &finished.records {
        println!("{:>9.3} s {:?}", record.at.as_secs_f64(), record.kind);
    }
    finished
}

pub fn outcomes(finished: &Finished) -> Vec<(String, OfferOutcome)> {
    let settled = finished.records.iter().filter_map(|record| match &record.kind {
        Happening::OfferSettled { agent, outcome, .. } => Some((agent.to_string(), *outcome)),
        _ => None,
    });
    settled.collect()
}
