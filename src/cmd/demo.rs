//! `segue demo`: a whole handoff on this machine, with nothing to configure.

mod browser;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use tokio::sync::broadcast::error::RecvError;

use super::live::{self, Running};
use super::terminal::{self, hint};
use super::{Ending, call};
use crate::base::Key;
use crate::config::Config;
use crate::edge::sip::table::{PhoneTable, SipTable};
use crate::edge::sip::{Dialling, SipEdge};
use crate::gateway::live::call::Finished;
use crate::replay::caller::{self, Manners, Part};
use crate::replay::progress::Progress;
use crate::replay::terminal::{Judgement, result};
use crate::sound::codec::Codec;
use crate::speech::doctor;

/// A caller who asks, is not satisfied, and wants a person.
const CALLER: &[u8] = include_bytes!("../../audio/calls/asks-for-a-person.flac");
/// What the agent says when they are on.
const AGENT: &[u8] = include_bytes!("../../audio/demo/agent.flac");
/// The agent lets it ring for so long, and takes the call so long after the pick-up.
const AGENT_RINGS: Duration = Duration::from_millis(1_500);
const AGENT_TAKES: Duration = Duration::from_millis(4_500);
/// Longer than the demo ever lasts.
const LONGEST: Duration = Duration::from_secs(90);
/// The caller stays with the agent for so long.
const CALLER_STAYS: Duration = Duration::from_secs(44);
/// A caller whom the bot has not understood until then asks for a person by key.
const CALLER_PRESSES: (Duration, char) = (Duration::from_secs(27), '0');
/// The number that is called.
const CALLED: &str = "1000";

/// See a handoff happen: a caller, a bot and an agent on SIP phones, all on this machine
#[derive(Debug, Args)]
#[command(after_help = "Nothing is needed but this program: it opens ports on 127.0.0.1 only, takes about 45 seconds, and keeps the recording.\n\
    With --browser you are the agent, and after that the caller: it prints a link and goes on until Ctrl-C.")]
pub struct DemoArgs {
    /// Print the result as one JSON object, as `segue replay --json` does, and nothing else
    #[arg(long)]
    json: bool,

    /// Be the agent, in a browser: prints a link that signs you in
    #[arg(long, conflicts_with = "json")]
    browser: bool,

    /// With --browser, where pages are served (default: 127.0.0.1:8080)
    #[arg(long, value_name = "ADDRESS", requires = "browser")]
    listen: Option<SocketAddr>,

    /// With --browser, only watch: a recorded agent takes the caller
    #[arg(long, requires = "browser")]
    watch: bool,

    /// Where the recording of the call is kept
    #[arg(long, value_name = "DIR", default_value = "segue-demo")]
    out: PathBuf,
}

/// Plays the demo, and says what happened.
///
/// # Errors
/// A port or the directory can't be had, or standard output can't be written.
pub fn run(args: &DemoArgs) -> anyhow::Result<Ending> {
    let config = match Config::load(None) {
        Ok(config) => config,
        Err(problems) => {
            terminal::mistakes(&problems);
            return Ok(Ending::Bad);
        }
    };
    if let Some(missing) = doctor(&config.speech).line() {
        hint(&missing);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    if args.browser {
        return runtime.block_on(browser::play(config, args));
    }
    let finished = runtime.block_on(play(config, args))?;
    let object = live::object(&finished);
    let mut out = anstream::stdout();
    if args.json {
        writeln!(out, "{}", object.to_line())?;
    } else {
        writeln!(out, "\n{}", result(&object, &Judgement::default(), terminal::width()).trim_end())?;
        writeln!(out, "\nReplay it:  segue replay {} --out report", object.recording)?;
    }
    let is_bridged = object.handoffs.iter().any(|handoff| handoff.bridged_s.is_some());
    Ok(if is_bridged { Ending::Well } else { Ending::Unmet })
}

async fn play(mut config: Config, args: &DemoArgs) -> anyhow::Result<Finished> {
    let (agent_phone, mut rung) = live::phone(31_000).await.context("the agent's phone")?;
    let (caller_phone, _) = live::phone(33_000).await.context("the caller's phone")?;
    config.sip = SipTable { bind: vec!["udp:127.0.0.1:0".into()], rtp_first_port: 35_000, rtp_last_port: 36_999, ..config.sip };
    config.gateway.recordings = Some(std::path::absolute(&args.out)?);
    let agent = config.agent.first().context("the built-in configuration has no agent")?.clone();
    config.agent.truncate(1);
    config.phone = vec![PhoneTable::dialled(&agent.name, format!("sip:{}@{}", agent.name, agent_phone.local()))];
    let kit = live::kit(&config, None).map_err(|problems| anyhow::anyhow!("the built-in configuration: {problems}"))?;
    let Running { gateway, sip, mut finished, serving, .. } = live::open(&config, kit).await?;
    if !args.json {
        writeln!(anstream::stdout(), "A caller, a bot and {} on SIP phones at {}, all on this machine:\n", agent.spoken(), sip.local())?;
    }
    let mut records = gateway.watch();
    let picking_up = tokio::spawn(async move {
        let Some(call) = rung.recv().await else { return };
        let part = Part { keys: vec![(AGENT_TAKES, live::accept_key())], ..spoken(AGENT, Manners::Recording, LONGEST) };
        caller::attend(call.leg, AGENT_RINGS, part).await;
    });
    let dialling = dana(&sip, &caller_phone, LONGEST);
    let calling = tokio::spawn(async move {
        caller::place(&caller_phone, dialling, Part { keys: presses(), ..spoken(CALLER, Manners::Turns, CALLER_STAYS) }).await
    });
    let names = BTreeMap::from([(agent.name.clone(), agent.spoken().to_owned())]);
    let mut progress = Progress::new(names, terminal::width());
    let over = loop {
        tokio::select! {
            biased;
            record = records.recv() => match record {
                Ok(record) => if let Some(line) = progress.line(&record).filter(|_| !args.json) {
                    writeln!(anstream::stdout(), "{line}")?;
                },
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => anyhow::bail!("the gateway went away"),
            },
            over = finished.recv() => break over.context("the gateway went away")?,
        }
    };
    // The phones hang up by themselves when the call is over.
    let _ = calling.await;
    picking_up.abort();
    serving.abort();
    sip.close().await;
    agent_phone.close().await;
    Ok(over)
}

/// Dana calls from this phone.
fn dana(sip: &SipEdge, phone: &SipEdge, longest: Duration) -> Dialling {
    let target = format!("sip:{CALLED}@{}", sip.local());
    let from = format!("sip:dana@{}", phone.local());
    Dialling { from_name: Some("Dana".into()), ..Dialling::new(target, from, vec![Codec::Pcmu], longest) }
}

/// What she presses if nothing else helps.
fn presses() -> Vec<(Duration, Key)> {
    let (after, label) = CALLER_PRESSES;
    Key::new(label).map(|key| (after, key)).into_iter().collect()
}

/// Somebody who says what is in this recording.
fn spoken(recording: &'static [u8], manners: Manners, longest: Duration) -> Part {
    let recording = call::decode(Box::new(std::io::Cursor::new(recording)), Path::new("x.flac").extension().and_then(|e| e.to_str()));
    let recording = recording.expect("the sample calls are in order: a test replays them").into();
    Part { recording, manners, keys: Vec::new(), echoes: false, leaves_when_done: false, longest }
}
