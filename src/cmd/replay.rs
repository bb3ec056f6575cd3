//! `segue replay`: the command line of a replay (DESIGN §7).

use std::path::PathBuf;

use clap::Args;

use crate::replay::options::{AgentScript, BotChoice, Channel, Pace, parse_at};

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
