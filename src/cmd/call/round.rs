//! All calls of one `segue call`: placed at a rate or picked up as they come, and hung up together when a user has enough.

use std::io::{IsTerminal as _, Write as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::channel;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::super::terminal::hint;
use super::Plan;
use crate::edge::sip::SipEdge;
use crate::edge::sip::table::read_bind;
use crate::edge::{Invited, Ports};
use crate::replay::caller::{self, CallReport};

/// Ports for sound, apart from those of a gateway on the same machine.
const PORTS: (u16, u16) = (30_000, 39_999);
/// Calls that may wait to be picked up.
const RINGING: usize = 256;
/// How often a log, which has no bar, is told how far it is.
const TOLD_EVERY: Duration = Duration::from_secs(10);

/// A call as it is told in JSON.
#[derive(Serialize)]
struct Line<'a> {
    /// Its number, from 1.
    call: u32,
    /// What was played, by its file's name.
    recording: &'a str,
    /// When it was placed or came in, in s since the first one.
    began_s: f64,
    #[serde(flatten)]
    report: &'a CallReport,
}

/// A call that is over.
#[derive(Default)]
struct Over {
    /// Its number, from 0.
    n: u32,
    /// What was played, by its file's name.
    recording: String,
    /// Since the first call began.
    began: Duration,
    report: CallReport,
}

/// Calls under way.
struct Calls<'a> {
    plan: &'a Plan<'a>,
    begun: u32,
    running: JoinSet<Over>,
    /// When the first call began.
    first: Option<Instant>,
    reports: Vec<CallReport>,
    stop: CancellationToken,
    bar: ProgressBar,
}

/// Places or picks up all calls of the plan, and gives their reports in the order in which they ended.
///
/// # Errors
/// A port can't be had, or standard output can't be written.
pub(super) async fn carry_out(plan: &Plan<'_>) -> anyhow::Result<Vec<CallReport>> {
    let (_, address) = read_bind(plan.bind).map_err(anyhow::Error::msg)?;
    let (sender, mut invited) = channel(RINGING);
    let sip = SipEdge::open(&plan.table(), Arc::new(Ports::new(address.ip(), PORTS.0, PORTS.1)), sender).await.context("can't open SIP")?;
    let mut calls = Calls::new(plan);
    let wanted = plan.args.calls;
    if plan.target.is_none() && !plan.args.json {
        hint(&format!("waiting for calls at {}", sip.local()));
    }
    let at_once = plan.args.at_once.unwrap_or(wanted) as usize;
    let mut pace = interval(Duration::from_secs_f64(1.0 / plan.args.rate));
    if at_once < wanted as usize {
        // Calls that end together are not followed by as many at the same moment.
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    }
    let (mut interrupts, mut terminations) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let mut telling = interval(TOLD_EVERY);
    telling.reset();
    let mut told = Ok(());
    while !(calls.running.is_empty() && (calls.begun == wanted || calls.stop.is_cancelled())) {
        let goes_on = calls.begun < wanted && !calls.stop.is_cancelled();
        tokio::select! {
            _ = pace.tick(), if goes_on && plan.target.is_some() && calls.running.len() < at_once => calls.place(&sip),
            Some(call) = invited.recv(), if goes_on && plan.target.is_none() => calls.attend(call),
            Some(over) = calls.running.join_next() => {
                // A call whose task panicked has failed.
                if let Err(error) = calls.on_over(over.unwrap_or_default()) {
                    // Nobody reads on; what runs is hung up first.
                    told = Err(error);
                    calls.stop.cancel();
                }
            }
            _ = telling.tick() => calls.tell(),
            _ = interrupts.recv() => {
                if calls.stop.is_cancelled() {
                    // Asked twice: without goodbye.
                    break;
                }
                calls.stop.cancel();
            }
            _ = terminations.recv() => calls.stop.cancel(),
        }
    }
    calls.bar.finish_and_clear();
    sip.close().await;
    told.map(|()| calls.reports)
}

impl<'a> Calls<'a> {
    fn new(plan: &'a Plan<'a>) -> Calls<'a> {
        // The bar hides itself where standard error is no terminal.
        let is_shown = !plan.args.json || !std::io::stdout().is_terminal();
        let bar = if is_shown { ProgressBar::new(u64::from(plan.args.calls)) } else { ProgressBar::hidden() };
        let style = ProgressStyle::with_template("{pos} of {len} calls are over, {msg} {wide_bar}").unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = bar.with_style(style).with_message("0 on");
        Calls { plan, begun: 0, running: JoinSet::new(), first: None, reports: Vec::new(), stop: CancellationToken::new(), bar }
    }

    fn place(&mut self, sip: &SipEdge) {
        let Some(target) = &self.plan.target else { return };
        let (n, began) = (self.begun, self.began());
        let (name, said) = self.plan.said(n);
        let (dialling, part, tools) = (self.plan.dialling(target, sip), self.plan.part(said), self.plan.tools(n, &self.stop));
        let sip = sip.clone();
        self.running.spawn(async move { Over { n, recording: name, began, report: caller::place_with(&sip, dialling, part, tools).await } });
        self.on_begun();
    }

    fn attend(&mut self, call: Invited) {
        let (n, began) = (self.begun, self.began());
        let (name, said) = self.plan.said(n);
        let (part, tools) = (self.plan.part(said), self.plan.tools(n, &self.stop));
        let ring = Duration::from_secs_f64(self.plan.args.ring);
        self.running.spawn(async move { Over { n, recording: name, began, report: caller::attend_with(call.leg, ring, part, tools).await } });
        self.on_begun();
    }

    /// How far it is, where no bar shows it.
    fn tell(&self) {
        if !self.plan.args.json && !std::io::stderr().is_terminal() {
            hint(&format!("{} of {} calls are over, {} on", self.reports.len(), self.plan.args.calls, self.running.len()));
        }
    }

    /// Now, since the first call began.
    fn began(&mut self) -> Duration {
        self.first.get_or_insert_with(Instant::now).elapsed()
    }

    fn on_begun(&mut self) {
        self.begun += 1;
        self.bar.set_message(format!("{} on", self.running.len()));
    }

    fn on_over(&mut self, over: Over) -> anyhow::Result<()> {
        self.bar.inc(1);
        self.bar.set_message(format!("{} on", self.running.len()));
        if self.plan.args.json {
            let began_s = over.began.as_millis() as f64 / 1_000.0;
            let line = serde_json::to_string(&Line { call: over.n + 1, recording: &over.recording, began_s, report: &over.report })?;
            self.bar.suspend(|| writeln!(anstream::stdout(), "{line}"))?;
        }
        self.reports.push(over.report);
        Ok(())
    }
}
