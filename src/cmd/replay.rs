//! `segue replay`: the command line of a replay (DESIGN §7).

mod realtime;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use parking_lot::Mutex;

use super::Ending;
use super::terminal::{self, complain};
use crate::base::Organ;
use crate::config::Config;
use crate::gateway::Kit;
use crate::replay::expect::ExpectTable;
use crate::replay::expect::MAX_LINGER_SECS;
use crate::replay::files;
use crate::replay::options::{AgentScript, BotChoice, Channel, Pace, parse_at};
use crate::replay::run::{self as replay, Done, Job, Player, VirtualTime, Watcher};
use crate::replay::terminal::{Totals, result, summary};
use crate::speech::doctor;
use realtime::RealTime;

/// Replay recorded calls and see what would have happened
///
/// Plays each recording to Segue as if the caller were on the line, and reports what was heard, said and decided, and
/// what an agent would be shown. Time is virtual: an hour of recording takes seconds.
#[derive(Clone, Debug, PartialEq, Args)]
#[command(after_help = "Examples:
  segue replay call.wav                          what happens in this call?
  segue replay audio/calls                       every recording below, against its .expect.toml
  segue replay --bot recorded both-sides.flac    the other channel is the bot the caller heard
  segue replay --json calls/ > results.jsonl     one object a recording, for other tools
  segue replay --out before calls/               keep everything, then after a change:
  segue replay --baseline before calls/          which decisions differ?
  segue replay --agents decline,accept:6 x.mp3   the first agent declines, the second takes 6 s

Reads WAV (PCM, float, G.711, ADPCM), FLAC, MP3, Ogg Vorbis and Opus, AAC and ALAC in MP4; one or two channels, 8 to 192 kHz.

Exit status: 0 all replayed and expectations met; 1 an expectation not met, or a decision changed;
2 bad usage, configuration or recording (the others are still replayed).")]
pub struct ReplayArgs {
    /// Recordings, or directories that are walked for them
    #[arg(required = true, value_name = "RECORDING|DIRECTORY")]
    pub recordings: Vec<PathBuf>,

    /// The configuration (default: the built-in one)
    #[arg(long, value_name = "FILE", env = "SEGUE_CONFIG", hide_env_values = true)]
    pub config: Option<PathBuf>,

    /// Print one JSON object a recording, one a line, and nothing else on standard output
    #[arg(long, help_heading = "Results")]
    pub json: bool,

    /// Write DIR/NAME/ for each recording: events.jsonl, packet.json, transcript.txt, call.wav, report.html
    #[arg(long, value_name = "DIR", help_heading = "Results")]
    pub out: Option<PathBuf>,

    /// Hold every recording to this expectation (default: X.expect.toml beside X.flac)
    #[arg(long, value_name = "FILE", help_heading = "Results")]
    pub expect: Option<PathBuf>,

    /// Draft an expectation from what happened, where there is none
    #[arg(long, help_heading = "Results", conflicts_with = "expect")]
    pub write_expect: bool,

    /// List the decisions that differ from an earlier --out
    #[arg(long, value_name = "DIR", help_heading = "Results")]
    pub baseline: Option<PathBuf>,

    /// Who speaks with the caller until the handoff (default: speak)
    #[arg(long, value_name = "WHO", help_heading = "The call")]
    pub bot: Option<BotChoice>,

    /// Where the caller is in a recording of two channels (default: left)
    #[arg(long, value_name = "SIDE", help_heading = "The call")]
    pub channel: Option<Channel>,

    /// Whether the recording waits for our bot to finish (default: recording)
    #[arg(long, value_name = "PACE", help_heading = "The call")]
    pub pace: Option<Pace>,

    /// What agents do, in the order in which they are asked
    ///
    /// Comma separated, each one agent, with seconds after the offer: `accept:4`, `decline`, `decline:2`, `silent`,
    /// `vanish:2`; or `none` for nobody on duty (default: accept:4)
    #[arg(long, value_name = "SCRIPT", help_heading = "The call")]
    pub agents: Option<AgentScript>,

    /// The wall time at which the call begins, such as 2026-03-03T10:00 (default: a fixed Tuesday, 10:00)
    #[arg(long, value_name = "TIME", value_parser = wall_time, help_heading = "The call")]
    pub at: Option<String>,

    /// The number that was called; it chooses the entry
    #[arg(long, value_name = "NUMBER", help_heading = "The call")]
    pub called: Option<String>,

    /// The caller's number
    #[arg(long, value_name = "NUMBER", help_heading = "The call")]
    pub caller: Option<String>,

    /// How long a caller stays on the line after the recording's end while a person is sought (default: 60)
    #[arg(long, value_name = "SECONDS", value_parser = seconds, help_heading = "The call")]
    pub linger: Option<f64>,

    /// Play each recording as a phone call to the live gateway, at the speed of life
    #[arg(long, help_heading = "The call")]
    pub realtime: bool,
}

/// Replays, and says what happened: results on standard output, everything else on standard error.
///
/// # Errors
/// If standard output can't be written.
pub fn run(args: &ReplayArgs) -> anyhow::Result<Ending> {
    let (recordings, unreadable) = files::recordings(&args.recordings);
    unreadable.iter().for_each(|line| complain(line));
    let Some((config, job)) = prepared(args, recordings)? else { return Ok(Ending::Bad) };
    if job.recordings.is_empty() {
        return Ok(Ending::Bad);
    }
    let kit = match Kit::load(config.kit_tables(args.config.as_deref())) {
        Ok(kit) => kit,
        Err(problems) => {
            terminal::mistakes(&problems);
            return Ok(Ending::Bad);
        }
    };
    if !kit.missing().is_empty()
        && let Some(missing) = doctor(&config.speech).line()
    {
        complain(&missing);
    }
    for fault in kit.missing().iter().filter(|fault| fault.organ() == Organ::Bot) {
        complain(&fault.to_string());
    }
    let hosted = config.hosted();
    if !hosted.is_empty() {
        terminal::hint(&format!("hosted here: {}; their answers may differ from one replay to the next", hosted.join(", ")));
    }
    let bars = Bars::default();
    let ending = if unreadable.is_empty() { Ending::Well } else { Ending::Bad };
    let totals = Totals { failed: unreadable.len(), ..Totals::default() };
    let mut told = Told { json: args.json, ending, totals, width: terminal::width(), written: Ok(()) };
    let real_time = RealTime { config: &config, file: args.config.as_deref(), kit: &kit };
    let virtual_time = VirtualTime(&kit);
    let player: &dyn Player = if args.realtime { &real_time } else { &virtual_time };
    replay::run(player, &job, &bars, |_, done| bars.all.suspend(|| told.tell(&done)));
    told.written?;
    if !args.json && job.recordings.len() + unreadable.len() > 1 {
        write!(anstream::stdout(), "{}", summary(&told.totals))?;
    }
    Ok(told.ending)
}

/// What is to be done; `None` if usage or configuration is wrong, which has then been said.
fn prepared(args: &ReplayArgs, recordings: Vec<PathBuf>) -> anyhow::Result<Option<(Config, Job)>> {
    let mut wrong = Vec::new();
    if args.out.is_some() || args.baseline.is_some() {
        wrong.extend(files::equal_stems(&recordings));
    }
    if args.bot == Some(BotChoice::Recorded) && args.channel == Some(Channel::Mix) {
        wrong.push("--channel mix leaves no other channel for --bot recorded".into());
    }
    if let Some(path) = args.expect.as_deref().filter(|path| !path.is_file()) {
        wrong.push(format!("{}: --expect needs a file, and this is none", path.display()));
    }
    if let Some(path) = args.baseline.as_deref().filter(|path| !path.is_dir()) {
        wrong.push(format!("{}: --baseline needs the directory of an earlier --out, and this is none", path.display()));
    }
    wrong.iter().for_each(|line| complain(line));
    let config = Config::load(args.config.as_deref()).map_err(|problems| terminal::mistakes(&problems));
    let (true, Ok(config)) = (wrong.is_empty(), config) else { return Ok(None) };
    let job = Job {
        recordings,
        out: args.out.clone(),
        expect: args.expect.clone(),
        write_expect: args.write_expect,
        baseline: args.baseline.clone(),
        options: ExpectTable {
            bot: args.bot,
            channel: args.channel,
            pace: args.pace,
            agents: args.agents.as_ref().map(ToString::to_string),
            at: args.at.clone(),
            called: args.called.clone(),
            caller: args.caller.clone(),
            linger: args.linger,
            ..ExpectTable::default()
        },
        configuration: serde_json::to_string(&config)?,
    };
    Ok(Some((config, job)))
}

/// What has been told so far.
struct Told {
    json: bool,
    ending: Ending,
    totals: Totals,
    width: Option<usize>,
    written: io::Result<()>,
}

impl Told {
    fn tell(&mut self, done: &Done) {
        done.errors.iter().for_each(|line| complain(line));
        done.hints.iter().for_each(|line| terminal::hint(line));
        let unmet = done.judgement.is_bad() && done.judgement.malformed.is_empty();
        self.ending = self.ending.max(if unmet { Ending::Unmet } else { Ending::Well });
        self.totals.expected += usize::from(done.judgement.expected);
        self.totals.unmet += usize::from(unmet);
        if !done.errors.is_empty() {
            self.ending = Ending::Bad;
            self.totals.failed += 1;
        }
        let Some(object) = &done.object else { return };
        self.totals.replayed += 1;
        self.totals.processing_s += object.processing_s;
        self.totals.duration_s += object.duration_s;
        let text = if self.json { object.to_line() } else { result(object, &done.judgement, self.width) };
        if self.written.is_ok() {
            self.written = writeln!(anstream::stdout(), "{}", text.trim_end_matches('\n'));
        }
        if self.json {
            let changed = done.judgement.differences.iter().flatten();
            let unmet = done.judgement.unmet.iter().map(|unmet| format!("{}: {}: {}", object.recording, unmet.key, unmet.sentence));
            unmet.chain(changed.map(|change| format!("{}: {change}", object.recording))).for_each(|line| complain(&line));
        }
    }
}

/// A bar for each recording that is being worked on; where standard error is no terminal, nothing.
#[derive(Default)]
struct Bars {
    all: MultiProgress,
    bars: Mutex<BTreeMap<usize, ProgressBar>>,
}

impl Watcher for Bars {
    fn progress(&self, n: usize, recording: &Path, done_s: f64, of_s: Option<f64>) {
        let Some(of_s) = of_s else { return };
        let mut bars = self.bars.lock();
        let bar = bars.entry(n).or_insert_with(|| {
            let style = ProgressStyle::with_template("{msg} {wide_bar} {percent:>3} % {eta:>4}").unwrap_or_else(|_| ProgressStyle::default_bar());
            let bar = self.all.add(ProgressBar::new(of_s.ceil() as u64).with_style(style));
            bar.set_message(files::stem(recording));
            bar
        });
        bar.set_position(done_s as u64);
    }

    fn over(&self, n: usize) {
        if let Some(bar) = self.bars.lock().remove(&n) {
            bar.finish_and_clear();
        }
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|secs| (0.0..=MAX_LINGER_SECS).contains(secs)).ok_or_else(|| format!("wanted are seconds from 0 to {MAX_LINGER_SECS}"))
}

/// The zone is that of the entry, which is not known yet; whether it is a time can be said.
fn wall_time(text: &str) -> Result<String, String> {
    parse_at(text, &jiff::tz::TimeZone::UTC).map(|_| text.to_owned())
}
