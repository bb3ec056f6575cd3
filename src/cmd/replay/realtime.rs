//! `segue replay --realtime`: each recording is a phone call to the live gateway, at the speed of life.
//!
//! A gateway of its own is opened for each recording, on this machine only; a test caller places the call and test
//! agents pick up as the script says. What is *not* here: how a result is made of the records (`replay::run`).

use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::sync::broadcast::{Receiver, error::RecvError};
use tokio_util::sync::CancellationToken;

use super::super::live::{self, Running};
use crate::base::{Frame, HandoffClock, Happening, Record, StageName, Time, secs};
use crate::config::Config;
use crate::edge::sip::Dialling;
use crate::edge::sip::table::{PhoneTable, SipTable};
use crate::edge::{Invited, LegCommand, LegEvent};
use crate::gateway::Kit;
use crate::gateway::live::call::Finished;
use crate::replay::caller::{self, CallReport, Manners, Part, RATE, Tools};
use crate::replay::driver::{Replayed, Witness as _};
use crate::replay::edge::scripted_agents;
use crate::replay::expect::ExpectTable;
use crate::replay::options::{AgentScript, BotChoice, Channel, Pace, ScriptItem};
use crate::replay::output::{Drawn, Sound};
use crate::replay::run::{self, Played, Player, RunError};
use crate::replay::time_map::TimeMap;
use crate::sound::codec::Codec;
use crate::sound::recording::{ChannelChoice, Recording, RecordingError};

/// Longest recording that is played.
const MAX_RECORDING: Duration = Duration::from_secs(12 * 3_600);
/// A caller whose recording is over stays this long with the person they were brought to, as on virtual time.
const WITH_PERSON: Duration = Duration::from_secs(1);
/// How long the end of the caller's last words is waited for, as on virtual time.
const LAST_TURN: Duration = Duration::from_secs(4);
/// A test caller who is later than this speaks with gaps.
const LATE_MS: f64 = 100.0;
/// What a gateway that is closed may take for it.
const CLEANING_UP: Duration = Duration::from_secs(2);
/// How often progress is told, and whether the caller leaves is looked at.
const LOOK: Duration = Duration::from_millis(100);
/// A call that stands still longer than this after its recording and whatever may follow is ended.
const PATIENCE: Duration = Duration::from_secs(600);
/// The gateway ends a call this soon after its caller has left, survey and last words included.
const LAST_WORDS: Duration = Duration::from_secs(60);
/// Ports for sound: of agents, of the caller, and of the gateway.
const PORTS: [u16; 3] = [31_000, 33_000, 35_000];
/// What an agent's phone says that is busy, and one whose line goes away.
const BUSY: u16 = 486;
const UNAVAILABLE: u16 = 480;

/// Plays recordings in real time.
pub struct RealTime<'c> {
    /// The configuration, of which each call gets a gateway.
    pub config: &'c Config,
    /// Its file.
    pub file: Option<&'c Path>,
    /// What results are made with.
    pub kit: &'c Kit,
}

impl Player for RealTime<'_> {
    fn kit(&self) -> &Kit {
        self.kit
    }

    fn play(&self, path: &Path, options: &ExpectTable, dir: Option<&Path>, progress: &mut dyn FnMut(f64, Option<f64>)) -> Result<Played, RunError> {
        if options.bot.unwrap_or_default() != BotChoice::Speak {
            return Err(RunError::Option("--realtime runs the bot of the configuration; leave out --bot".into()));
        }
        let recording = read(path, options)?;
        let length = recording.len() as f64 / f64::from(RATE.hz());
        let script = run::agents(options)?;
        let arrival = run::arrival(self.kit, options)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().map_err(RunError::Output)?;
        let called = arrival.called.clone();
        let (_, equipment) = self.kit.admit(arrival.clone(), RATE, None, runtime.handle().clone()).ok_or(RunError::NoEntry(called))?;
        let recognizer = equipment.recognizer.map(|recognizer| recognizer.name().to_owned());
        let kept = Kept::new().map_err(RunError::Output)?;
        let part = Part {
            recording: recording.clone(),
            manners: if options.pace == Some(Pace::Turns) { Manners::Turns } else { Manners::Recording },
            keys: Vec::new(),
            echoes: false,
            leaves_when_done: false,
            longest: Duration::from_secs_f64(length) + run::linger(options) + PATIENCE,
        };
        let caller = options.caller.clone().unwrap_or_else(|| "anonymous".into());
        let call = Call { config: self.tables(&script, &kept), file: self.file, script, part, caller, linger: run::linger(options), arrival };
        let (finished, report) = runtime.block_on(call.play(&mut |said_s| progress(said_s, Some(length)))).map_err(|error| failed(&error))?;
        // Whatever still lingers there (a socket's close) is waited for a moment, so that it cleans up behind itself.
        runtime.shutdown_timeout(CLEANING_UP);
        if !finished.is_sound {
            return Err(RunError::Option("Segue failed at it; see the log".into()));
        }
        run::make_dir(dir)?;
        let drawn = draw(dir, &finished, recognizer).map_err(RunError::Output)?;
        let doubt = (report.late_ms > LATE_MS)
            .then(|| format!("this machine was too busy for real time (up to {:.0} ms late); what was heard may differ", report.late_ms));
        Ok(Played { replayed: replayed(finished, &report, &recording), drawn, processing_s: 0.0, doubt })
    }
}

impl RealTime<'_> {
    /// The configuration on this machine only, where the script's agents work.
    fn tables(&self, script: &AgentScript, kept: &Kept) -> Config {
        let mut config = self.config.clone();
        config.agent = scripted_agents(script);
        config.sip =
            SipTable { bind: vec!["udp:127.0.0.1:0".into()], rtp_first_port: PORTS[2], rtp_last_port: PORTS[2] + 1_999, ..SipTable::default() };
        config.gateway.recordings = Some(kept.0.clone());
        (config.trunk, config.console.bind) = (Vec::new(), None);
        config
    }
}

/// What `--out` keeps of the call's sound.
fn draw(dir: Option<&Path>, finished: &Finished, recognizer: Option<String>) -> std::io::Result<Option<Drawn>> {
    let Some(from) = dir.and(finished.dir.as_ref()) else { return Ok(None) };
    let mut wav = hound::WavReader::open(from.join("call.wav")).map_err(std::io::Error::other)?;
    let mut ignored = |_: f64| {};
    let mut sound = Sound::new(dir, RATE, recognizer, &mut ignored)?;
    let samples = wav.samples::<i16>().collect::<Result<Vec<_>, _>>().map_err(std::io::Error::other)?;
    for frame in samples.chunks_exact(2 * RATE.frame_samples()) {
        let side = |n| Frame::from_samples(RATE, &frame.iter().skip(n).step_by(2).copied().collect::<Vec<_>>());
        sound.tick(&side(0), Some(&side(1)))?;
    }
    sound.finish()
}

/// One call.
struct Call<'c> {
    config: Config,
    file: Option<&'c Path>,
    script: AgentScript,
    part: Part,
    caller: String,
    linger: Duration,
    arrival: crate::gateway::Arrival,
}

impl Call<'_> {
    async fn play(mut self, progress: &mut dyn FnMut(f64)) -> anyhow::Result<(Finished, CallReport)> {
        let (agents, mut rung) = live::phone(PORTS[0]).await.context("the agents' phone")?;
        let (phone, _) = live::phone(PORTS[1]).await.context("the caller's phone")?;
        let dialled = |name: &str| format!("sip:{name}@{}", agents.local());
        self.config.phone = self.config.agent.iter().map(|agent| PhoneTable::dialled(&agent.name, dialled(&agent.name))).collect();
        for acd in &mut self.config.acd {
            (acd.target, acd.trunks) = (dialled(&acd.name), Vec::new());
        }
        for entry in &mut self.config.entry {
            entry.share = 1.0;
        }
        let kit = live::kit(&self.config, self.file).map_err(|problems| anyhow::anyhow!("{problems}"))?;
        let Running { gateway, sip, mut finished, serving, .. } = live::open_at(&self.config, kit, Some(self.arrival.wall.clone())).await?;
        let records = gateway.watch();
        let script = self.script;
        let picking_up = tokio::spawn(async move {
            while let Some(call) = rung.recv().await {
                let item = script.of(&call.called);
                tokio::spawn(act(call, item));
            }
        });
        let dialling = Dialling::new(
            format!("sip:{}@{}", self.arrival.called, sip.local()),
            format!("sip:{}@{}", self.caller, phone.local()),
            vec![Codec::Pcmu],
            PATIENCE,
        );
        let (stop, said) = (CancellationToken::new(), CancellationToken::new());
        let tools = Tools { stop: stop.clone(), said: said.clone(), ..Tools::default() };
        let call = caller::place_with(&phone, dialling, self.part, tools);
        tokio::pin!(call);
        let report = tokio::select! {
            report = &mut call => report,
            () = leave(records, (said, stop), self.linger, progress) => call.await,
        };
        anyhow::ensure!(report.status == 200, "the gateway refused the call: {} {}", report.status, report.reason.as_deref().unwrap_or_default());
        let over = tokio::time::timeout(LAST_WORDS, finished.recv()).await.ok().flatten().context("the gateway did not end the call")?;
        picking_up.abort();
        serving.abort();
        // What is not closed by then is closed with the runtime.
        let _ = tokio::time::timeout(LOOK, async { tokio::join!(sip.close(), agents.close()) }).await;
        Ok((over, report))
    }
}

/// What a scripted agent does with a call that rings at their phone.
async fn act(call: Invited, item: ScriptItem) {
    let Invited { mut leg, .. } = call;
    let (after, status) = match item {
        ScriptItem::Accept { after_secs } => {
            let part = Part {
                recording: Arc::default(),
                manners: Manners::Recording,
                keys: vec![(secs(after_secs), live::accept_key())],
                echoes: false,
                leaves_when_done: false,
                longest: MAX_RECORDING,
            };
            caller::attend(leg, Duration::ZERO, part).await;
            return;
        }
        ScriptItem::Decline { after_secs } => (secs(after_secs), BUSY),
        ScriptItem::Vanish { after_secs } => (secs(after_secs), UNAVAILABLE),
        ScriptItem::Silent => (MAX_RECORDING, UNAVAILABLE),
    };
    // If a command fails, it rings no more.
    let _ = leg.commands.send(LegCommand::Ring).await;
    let cancelled = async { while !matches!(leg.events.recv().await, None | Some(LegEvent::Gone(_))) {} };
    if tokio::time::timeout(after, cancelled).await.is_err() {
        let _ = leg.commands.send(LegCommand::Refuse { status, retry_after_s: None, contact: None }).await;
    }
}

/// Has the caller leave when a caller on virtual time would: after the recording, when no handoff is open any longer, and
/// a moment after they were brought to somebody.
async fn leave(mut records: Receiver<Record>, (said, stop): (CancellationToken, CancellationToken), linger: Duration, progress: &mut dyn FnMut(f64)) {
    let began = Instant::now();
    let (mut is_handing_off, mut bridged, mut over) = (false, None, None);
    let mut looks = tokio::time::interval(LOOK);
    loop {
        tokio::select! {
            record = records.recv() => match record.map(|record| record.kind) {
                Ok(Happening::StageEntered { stage: StageName::Ended }) | Err(RecvError::Closed) => return,
                Ok(Happening::StageEntered { stage }) => {
                    is_handing_off = !matches!(stage, StageName::Ringing | StageName::Greeting | StageName::WithBot | StageName::Survey);
                    bridged = None;
                }
                Ok(Happening::ClockReached { clock: HandoffClock::T5, .. }) => bridged = Some(Instant::now()),
                Ok(_) | Err(RecvError::Lagged(_)) => {}
            },
            () = said.cancelled(), if over.is_none() => over = Some(Instant::now()),
            _ = looks.tick() => progress(began.elapsed().as_secs_f64()),
        }
        let Some(over) = over else { continue };
        let leaves = match bridged {
            Some(bridged) => bridged.elapsed() >= WITH_PERSON && over.elapsed() >= LAST_TURN,
            None if is_handing_off => over.elapsed() >= linger,
            None => over.elapsed() >= LAST_TURN,
        };
        if leaves {
            stop.cancel();
            return;
        }
    }
}

fn replayed(finished: Finished, report: &CallReport, recording: &[i16]) -> Replayed {
    let is_greeted = |record: &&Record| matches!(record.kind, Happening::StageEntered { stage: StageName::Greeting | StageName::Waiting });
    let picked_up = finished.records.iter().find(is_greeted).map_or(Time::ZERO, |record| record.at);
    let mut map = TimeMap::new();
    for (from, until) in &report.stood {
        map.pause(picked_up + *from, picked_up + *until);
    }
    let mut hash = blake3::Hasher::new();
    for sample in recording {
        hash.update(&sample.to_le_bytes());
    }
    Replayed {
        records: finished.records,
        map,
        duration_s: recording.len() as f64 / f64::from(RATE.hz()),
        call_s: finished.duration_s,
        cut: None,
        samples: hash.finalize(),
        both_speak: false,
    }
}

/// The caller's side of a recording, at the rate of a phone.
fn read(path: &Path, options: &ExpectTable) -> Result<Arc<[i16]>, RunError> {
    let choice = match options.channel.unwrap_or_default() {
        Channel::Left => ChannelChoice::Left,
        Channel::Right => ChannelChoice::Right,
        Channel::Mix => ChannelChoice::Mix,
    };
    let extension = path.extension().and_then(|extension| extension.to_str());
    let recording = Recording::open_at(Box::new(run::source(path)?), extension, choice, RATE)?;
    if choice == ChannelChoice::Right && recording.info().channels < 2 {
        return Err(RecordingError::NoRightChannel.into());
    }
    Ok(recording.read_all(MAX_RECORDING)?)
}

fn failed(error: &anyhow::Error) -> RunError {
    RunError::Option(format!("{error:#}"))
}

/// A directory for one call's sound, which goes with it.
struct Kept(PathBuf);

impl Kept {
    /// Nobody else may read what was said.
    fn new() -> std::io::Result<Kept> {
        let dir = std::env::temp_dir().join(format!("segue-realtime-{}", uuid::Uuid::now_v7()));
        std::fs::DirBuilder::new().mode(0o700).create(&dir)?;
        Ok(Kept(dir))
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        // Whoever cleans up the directory for temporary files finds it by its name.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
