//! `segue serve`: takes phone calls until it is told to stop.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Ending;
use super::live::{self, Running};
use super::terminal::{self, complain, hint};
use crate::base::{LegId, Organ};
use crate::config::{BUILT_IN, Config};
use crate::console::Served;
use crate::edge::sip::{SipCounts, SipEdge};
use crate::edge::webrtc::PortCounts;
use crate::gateway::live::Gateway;
use crate::gateway::live::call::Finished;
use crate::gateway::live::lateness::{Lateness, Ticks};
use crate::replay::verdict::{clock, verdict};
use crate::speech::doctor;
use crate::store::Store;

/// From this share of lost packets on people notice (ITU-T G.113, Appendix I: G.711 with concealment).
const AUDIBLE_LOSS: f64 = 0.02;

/// On leaving, the store may take so long for the last records.
const LAST_RECORDS: Duration = Duration::from_secs(5);

/// Take phone calls: SIP in, bot, handoff, agents on their phones
#[derive(Debug, Args)]
#[command(after_help = "Signals: SIGTERM or Ctrl-C takes no new calls and lets running ones finish (again: ends them, callers are told);\n\
    SIGHUP reads the configuration again, for calls that begin from then on.\n\n\
    Examples:\n  segue serve                      the built-in line, on 127.0.0.1:5060\n  segue serve --config my.toml")]
pub struct ServeArgs {
    /// The configuration (default: the built-in one)
    #[arg(long, value_name = "FILE", env = "SEGUE_CONFIG", hide_env_values = true)]
    config: Option<PathBuf>,
}

/// Serves until it is told to stop.
///
/// # Errors
/// A port, directory or certificate can't be had.
pub fn run(args: &ServeArgs) -> anyhow::Result<Ending> {
    let file = args.config.as_deref();
    let Some((config, kit)) = load(file) else { return Ok(Ending::Bad) };
    if !kit.missing().is_empty()
        && let Some(missing) = doctor(&config.speech).line()
    {
        hint(&missing);
    }
    for fault in kit.missing().iter().filter(|fault| fault.organ() == Organ::Bot) {
        hint(&fault.to_string());
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve(&config, kit, file))
}

/// The configuration and what it is made into; `None` if there are mistakes, which have then been told.
fn load(file: Option<&Path>) -> Option<(Config, crate::gateway::Kit)> {
    let loaded = Config::load(file).and_then(|config| live::kit(&config, file).map(|kit| (config, kit)));
    loaded.map_err(|problems| terminal::mistakes(&problems)).ok()
}

async fn serve(config: &Config, kit: crate::gateway::Kit, file: Option<&Path>) -> anyhow::Result<Ending> {
    let mut stop = Stop::new()?;
    let Running { gateway, sip, webrtc, mut finished, serving, console, store } = live::open_kept(config, kit).await?;
    tracing::info!("serving {} on {}", file.map_or_else(|| BUILT_IN.to_owned(), |file| file.display().to_string()), config.sip.bind.join(", "));
    console.iter().for_each(tell_console);
    notify(sd_notify::NotifyState::Ready);
    let mut watch = LatenessWatch::default();
    let mut look = tokio::time::interval(LatenessWatch::EVERY);
    loop {
        tokio::select! {
            Some(call) = finished.recv() => tell(&call),
            _ = look.tick() => watch.look(gateway.lateness()),
            asked = stop.asked() => match asked {
                Asked::Stop => break,
                Asked::Reload => {
                    renew(console.as_ref());
                    reload(config, &gateway, &sip, console.as_ref(), file).await;
                }
            },
        }
    }
    notify(sd_notify::NotifyState::Stopping);
    console.iter().for_each(Served::drain);
    sip.drain();
    let active = gateway.active();
    if active > 0 {
        let most = clock(config.gateway.drain_secs);
        tracing::info!("taking no new calls; {active} may go on for at most {most} (stop again to end them now)");
    }
    {
        let drained = gateway.drain();
        tokio::pin!(drained);
        loop {
            tokio::select! {
                () = &mut drained => break,
                Some(call) = finished.recv() => tell(&call),
                asked = stop.asked() => match asked {
                    Asked::Stop => {
                        gateway.shut_down().await;
                        break;
                    }
                    Asked::Reload => complain("the configuration is not read again: we are stopping"),
                }
            }
        }
    }
    while let Ok(call) = finished.try_recv() {
        tell(&call);
    }
    tell_counts(sip.counts(), webrtc.counts());
    serving.abort();
    sip.close().await;
    if let Some(console) = console {
        console.close().await;
    }
    if let Some(store) = store {
        close(&store).await;
    }
    watch.sum_up(gateway.lateness());
    Ok(Ending::Well)
}

/// What came in and reached nobody.
fn tell_counts(sip: SipCounts, browsers: PortCounts) {
    let SipCounts { messages, malformed, too_many, banned } = sip;
    if malformed + too_many + banned > 0 {
        tracing::info!(
            "of what came in, {messages} messages were taken; {malformed} were malformed, {too_many} too many, {banned} from banned addresses"
        );
    }
    let PortCounts { strangers, overflowed, unsent, failed } = browsers;
    if strangers + overflowed + unsent + failed > 0 {
        tracing::info!(
            "on the port for browsers, {strangers} datagrams were from strangers, {overflowed} too many, {unsent} could not be sent; it failed {failed} times"
        );
    }
}

/// Writes what waits for the store.
async fn close(store: &Store) {
    store.close(LAST_RECORDS).await;
    let dropped = store.counts().dropped;
    if dropped > 0 {
        tracing::warn!("{dropped} records were not kept: the store was too slow or away");
    }
}

/// Reads the pages' certificate again.
fn renew(console: Option<&Served>) {
    if let Some(Err(error)) = console.map(Served::renew_certificate) {
        complain(&format!("{error}; the certificate before it stays in force"));
    }
}

/// Where pages are, and how the first admin gets in.
fn tell_console(console: &Served) {
    tracing::info!("pages on {}", console.address());
    if let Some(link) = console.welcome() {
        hint(&format!("nobody may sign in yet; whoever opens this link first becomes the admin, once: {link}"));
    }
}

/// One line for a call that is over.
fn tell(call: &Finished) {
    if !call.is_sound {
        complain(&format!("call {}: Segue failed at it; see the log above", call.call));
        return;
    }
    let object = live::object(call);
    tracing::info!("{} {}{} [{}]", clock(call.duration_s), verdict(&object), on_the_line(call), call.call);
}

/// Watches how late sound is, for whoever sizes a machine: over the last minute, and in all.
#[derive(Default)]
struct LatenessWatch {
    /// What was counted at each look of the last minute, the oldest first.
    looks: VecDeque<Ticks>,
    /// Looks for which nothing is said.
    quiet: u32,
}

impl LatenessWatch {
    const EVERY: Duration = Duration::from_secs(10);
    const MINUTE: usize = 6;
    /// From here on people hear it: the jitter buffers of phones begin with about so much.
    const AUDIBLE: Duration = Duration::from_millis(20);

    fn look(&mut self, lateness: &Lateness) {
        self.quiet = self.quiet.saturating_sub(1);
        let minute = self.minute(lateness);
        if let Some(late) = late(&minute) {
            tracing::debug!("in the last minute {late}");
            let is_audible = minute.quantile(SHARE).is_none_or(|late| late > LatenessWatch::AUDIBLE);
            if is_audible && self.quiet == 0 {
                tracing::warn!("in the last minute sound was late ({late}): too many calls for this machine, or something else keeps it busy");
                self.quiet = LatenessWatch::MINUTE as u32;
            }
        }
        if self.looks.len() == LatenessWatch::MINUTE {
            self.looks.pop_front();
        }
        self.looks.push_back(lateness.ticks());
    }

    fn minute(&self, lateness: &Lateness) -> Ticks {
        lateness.ticks().since(self.looks.front().unwrap_or(&Ticks::default()))
    }

    fn sum_up(&self, lateness: &Lateness) {
        let ticks = lateness.ticks();
        if let Some(in_all) = late(&ticks) {
            let lately = late(&self.minute(lateness)).map_or(String::new(), |late| format!("; in the last minute {late}"));
            tracing::info!("{} ticks of sound: {in_all}{lately}", ticks.count());
        }
    }
}

/// The share of ticks that is told of.
const SHARE: f64 = 0.999;

/// How late they were; `None` if there were none.
fn late(ticks: &Ticks) -> Option<String> {
    let most = ticks.quantile(SHARE).map_or("more than 100 ms".to_owned(), |late| format!("at most {} ms", late.as_secs_f64() * 1_000.0));
    (ticks.count() > 0).then(|| format!("99.9 % {most} late"))
}

/// What the network did to the caller's sound, where a person would have heard it.
fn on_the_line(call: &Finished) -> String {
    let Some((_, caller)) = call.network.iter().find(|(leg, _)| *leg == LegId::CALLER) else { return String::new() };
    let network = caller.network();
    let lost = network.lost as f64 / (network.lost + network.received).max(1) as f64;
    let theirs = network.peer.map_or(0.0, |peer| peer.lost);
    if lost.max(theirs) < AUDIBLE_LOSS {
        return String::new();
    }
    format!(" The network lost {:.0} % of what the caller said, and of late {:.0} % of what they were to hear.", lost * 100.0, theirs * 100.0)
}

async fn reload(old: &Config, gateway: &Gateway, sip: &SipEdge, console: Option<&Served>, file: Option<&Path>) {
    if let Err(error) = sip.renew_certificate() {
        complain(&format!("{error}; the certificate before it stays in force"));
    }
    let Some((config, kit)) = load(file) else {
        complain("the configuration has mistakes; the old one stays in force");
        return;
    };
    let (places, accounts) = match live::places(&config) {
        Ok(phones) => phones,
        Err(error) => return complain(&format!("{error:#}; the old configuration stays in force")),
    };
    kit.take_phrases_of(&gateway.kit());
    gateway.reload(live::speak_ahead(&config, kit).await, places);
    sip.renew_accounts(accounts);
    if let Some(console) = console {
        console.renew_desk(config.desk());
    }
    match fixed(old, &config).join(", ") {
        none if none.is_empty() => tracing::info!("the configuration was read again"),
        these => tracing::warn!("the configuration was read again, but changes of these need a restart: {these}"),
    }
}

/// The tables that have changed and are not read again.
fn fixed(old: &Config, new: &Config) -> Vec<&'static str> {
    let changed = [
        ("sip", old.sip != new.sip),
        ("webrtc", old.webrtc != new.webrtc),
        ("trunk", old.trunk != new.trunk),
        ("gateway", old.gateway != new.gateway),
        ("store", old.store != new.store),
        ("console", old.console != new.console),
    ];
    changed.into_iter().filter(|(_, changed)| *changed).map(|(name, _)| name).collect()
}

/// Tells systemd, where it started us.
fn notify(state: sd_notify::NotifyState<'_>) {
    // Without systemd there is nobody to tell.
    let _ = sd_notify::notify(false, &[state]);
}

/// What a signal asks for.
enum Asked {
    Stop,
    Reload,
}

/// Signals to the gateway.
struct Stop {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Stop {
    fn new() -> std::io::Result<Self> {
        Ok(Stop { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())?, hangup: signal(SignalKind::hangup())? })
    }

    async fn asked(&mut self) -> Asked {
        tokio::select! {
            _ = self.terminate.recv() => Asked::Stop,
            _ = self.interrupt.recv() => Asked::Stop,
            _ = self.hangup.recv() => Asked::Reload,
        }
    }
}
