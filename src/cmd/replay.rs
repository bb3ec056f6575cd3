//! `segue replay`: the command line of a replay (DESIGN §7).

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use clap::Args;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::Ending;
use super::terminal;
use crate::base::Organ;
use crate::config::Config;
use crate::gateway::Kit;
use crate::replay::expect::ExpectTable;
use crate::replay::files;
use crate::replay::options::{AgentScript, BotChoice, Channel, Pace, parse_at};
use crate::replay::run::{self, Done, Job, Watcher};
use crate::replay::terminal::{Totals, result, summary};
use crate::speech::Doctor;

/// The longest `--linger`: an hour, in s.
const MAX_LINGER_SECS: f64 = 3_600.0;

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
}

fn seconds(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|secs| (0.0..=MAX_LINGER_SECS).contains(secs)).ok_or_else(|| format!("wanted are seconds from 0 to {MAX_LINGER_SECS}"))
}

/// The zone is that of the entry, which is not known yet; whether it is a time can be said.
fn wall_time(text: &str) -> Result<String, String> {
    parse_at(text, &jiff::tz::TimeZone::UTC).map(|_| text.to_owned())
}

/// Replays, and says what happened.
///
/// # Errors
/// If standard output can't be written.
pub fn run(args: &ReplayArgs) -> anyhow::Result<Ending> {
    let Some((kit, job)) = prepare(args) else { return Ok(Ending::Bad) };
    if let Some(line) = missing(&kit) {
        terminal::complain(&line);
    }
    let bars = Bars::default();
    let mut results = Results { json: args.json, width: terminal::width(), totals: Totals::default(), ending: Ending::Well, failed: None };
    run::run(&kit, &job, &bars, |_, done| bars.suspend(|| results.take(done)));
    bars.finish();
    results.end(job.recordings.len())
}

/// Configuration and usage are checked before anything is replayed.
fn prepare(args: &ReplayArgs) -> Option<(Kit, Job)> {
    let config = Config::load(args.config.as_deref()).map_err(|problems| terminal::mistakes(&problems)).ok()?;
    let complain_all = |lines: Vec<String>| lines.iter().for_each(|line| terminal::complain(line));
    let recordings = files::recordings(&args.recordings).map_err(complain_all).ok()?;
    let clashes = if args.out.is_some() { files::equal_stems(&recordings) } else { Vec::new() };
    if !clashes.is_empty() {
        complain_all(clashes);
        return None;
    }
    let configuration = toml::to_string(&config).unwrap_or_default();
    let kit = Kit::load(config.into_kit()).map_err(|problems| terminal::mistakes(&problems)).ok()?;
    let options = ExpectTable {
        bot: args.bot,
        channel: args.channel,
        pace: args.pace,
        agents: args.agents.as_ref().map(ToString::to_string),
        at: args.at.clone(),
        called: args.called.clone(),
        caller: args.caller.clone(),
        linger: args.linger,
        ..ExpectTable::default()
    };
    let job = Job {
        recordings,
        out: args.out.clone(),
        expect: args.expect.clone(),
        write_expect: args.write_expect,
        baseline: args.baseline.clone(),
        options,
        configuration,
    };
    Some((kit, job))
}

/// What is not installed, in one line.
fn missing(kit: &Kit) -> Option<String> {
    let of = |organ| kit.missing().iter().find(|fault| fault.organ() == organ).cloned();
    Doctor { ear: of(Organ::Ear), voice: of(Organ::Voice) }.line()
}

/// What has come out so far, told as it comes.
struct Results {
    json: bool,
    width: Option<usize>,
    totals: Totals,
    ending: Ending,
    failed: Option<std::io::Error>,
}

impl Results {
    fn take(&mut self, done: Done) {
        for line in done.errors.iter().chain(&done.hints) {
            terminal::complain(line);
        }
        let judged = if done.judgement.is_bad() { Ending::Unmet } else { Ending::Well };
        let ending = if done.errors.is_empty() { judged } else { Ending::Bad };
        self.ending = self.ending.max(ending);
        self.totals.failed += usize::from(ending == Ending::Bad);
        self.totals.unmet += usize::from(judged == Ending::Unmet);
        self.totals.expected += usize::from(done.judgement.expected);
        let Some(object) = &done.object else { return };
        self.totals.replayed += 1;
        self.totals.processing_s += object.processing_s;
        self.totals.duration_s += object.duration_s;
        if self.json {
            let unmet = done.judgement.unmet.iter().map(|unmet| &unmet.sentence);
            for line in unmet.chain(done.judgement.differences.iter().flatten()) {
                terminal::complain(&format!("{}: {line}", object.recording));
            }
        }
        let written = if self.json {
            std::io::stdout().write_all((object.to_line() + "\n").as_bytes())
        } else {
            anstream::stdout().write_all((result(object, &done.judgement, self.width) + "\n").as_bytes())
        };
        if let Err(error) = written {
            self.failed.get_or_insert(error);
        }
    }

    fn end(self, recordings: usize) -> anyhow::Result<Ending> {
        if let Some(error) = self.failed {
            return Err(error.into());
        }
        if !self.json && recordings > 1 {
            anstream::stdout().write_all(summary(&self.totals).as_bytes())?;
        }
        Ok(self.ending)
    }
}

/// Recordings shorter than this have no progress bar, in s.
const BAR_FROM_SECS: f64 = 120.0;

/// Progress bars on standard error, where a person sees it, for work that takes long enough to be looked at.
#[derive(Default)]
struct Bars {
    all: MultiProgress,
    bars: Mutex<BTreeMap<usize, ProgressBar>>,
}

impl Bars {
    /// Says something while no bar is drawn.
    fn suspend(&self, say: impl FnOnce()) {
        self.all.suspend(say);
    }

    fn finish(&self) {
        // Bars that are gone leave nothing to be cleared.
        let _ = self.all.clear();
    }

    fn bars(&self) -> MutexGuard<'_, BTreeMap<usize, ProgressBar>> {
        self.bars.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn bar(&self, recording: &Path, of_s: Option<f64>) -> ProgressBar {
        let bar = self.all.add(ProgressBar::new(of_s.unwrap_or_default() as u64));
        let template = if of_s.is_some() { "{msg} {wide_bar} {percent:>3} %, {eta} left" } else { "{msg} {pos} s {spinner}" };
        bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_message(files::stem(recording));
        bar
    }
}

impl Watcher for Bars {
    fn progress(&self, n: usize, recording: &Path, done_s: f64, of_s: Option<f64>) {
        if of_s.is_none_or(|of| of >= BAR_FROM_SECS) {
            self.bars().entry(n).or_insert_with(|| self.bar(recording, of_s)).set_position(done_s as u64);
        }
    }

    fn over(&self, n: usize) {
        if let Some(bar) = self.bars().remove(&n) {
            bar.finish_and_clear();
        }
    }
}
