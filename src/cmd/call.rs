//! `segue call`: a test caller on real phone calls.

mod round;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tokio_util::sync::CancellationToken;

use super::Ending;
use super::terminal::{LOOK, WELL, complain, hint};
use crate::base::Key;
use crate::edge::go_first;
use crate::edge::sip::table::{SipTable, SrtpPolicy, read_bind};
use crate::edge::sip::{Dialling, SipEdge};
use crate::replay::caller::probe::Voice;
use crate::replay::caller::summary::Summary;
use crate::replay::caller::{Manners, Part, RATE, Tools};
use crate::replay::files;
use crate::sound::codec::Codec;
use crate::sound::recording::{ChannelChoice, Recording};

/// Longest recording that is played.
const MAX_RECORDING: Duration = Duration::from_secs(3_600);
/// The guard against floods must not hold up a load test.
const CALLS_PER_SECOND: u32 = 10_000;

/// Place test calls by SIP, and report how they went
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    segue call sip:1000@127.0.0.1 angry.wav --pace turns\n  \
    segue call sip:1000@127.0.0.1 --calls 100 --rate 10 --max 20 --json\n  \
    segue call sip:1000@127.0.0.1 angry.wav calm.wav --calls 1000 --at-once 50 --rate 5\n  \
    segue call --answer udp:127.0.0.1:5090 --key 1@3   an agent's phone that takes the call\n  \
    segue call --answer udp:127.0.0.1:5090 --echo      sends back what it hears; against it:\n  \
    segue call sip:echo@127.0.0.1:5090 --probe         how long sound takes there and back\n\n\
    Exit status: 0 every call was answered and heard something, 1 one was not, 2 bad usage or recording.")]
pub struct CallArgs {
    /// Whom to call, as a sip: URI (not with --answer)
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

    /// No more calls than this at the same time; the next begins when one is over
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000), conflicts_with = "answer")]
    at_once: Option<u32>,

    /// How a recording is played
    #[arg(long, value_enum, default_value_t = Manners::Recording)]
    pace: Manners,

    /// Codec to offer: pcmu, pcma, g722 or opus; may be repeated, in order of preference
    #[arg(long = "codec", value_name = "CODEC", value_parser = codec)]
    codecs: Vec<Codec>,

    /// How SIP is sent, if the target does not say; udp otherwise
    #[arg(long, value_name = "TRANSPORT", value_parser = ["udp", "tcp"], conflicts_with = "answer")]
    transport: Option<String>,

    /// The caller's user name or number
    #[arg(long, value_name = "USER", default_value = "segue-call", value_parser = user)]
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

    /// Chirp every 2 s and measure the delay from mouth to ear: of an echo, or of another --probe at the other end
    #[arg(long, conflicts_with_all = ["recordings", "echo"])]
    probe: bool,

    /// Record each call there: what was said on the left, what was heard on the right
    #[arg(long, value_name = "DIR")]
    record: Option<PathBuf>,

    /// Pick up calls that come in here instead of calling, such as udp:127.0.0.1:5090; ends after --calls of them
    #[arg(long, value_name = "BIND", conflicts_with = "rate")]
    answer: Option<String>,

    /// Let it ring for so many seconds before picking up
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0, value_parser = seconds, requires = "answer")]
    ring: f64,

    /// Where to send from
    #[arg(long, value_name = "BIND", default_value = "udp:127.0.0.1:0")]
    bind: String,

    /// Print one JSON object a call as it ends, and nothing else
    #[arg(long)]
    json: bool,
}

/// Calls, and says how it went.
///
/// # Errors
/// A port can't be had, or standard output can't be written.
pub fn run(args: &CallArgs) -> anyhow::Result<Ending> {
    let plan = match Plan::read(args) {
        Ok(plan) => plan,
        Err(mistakes) => {
            mistakes.iter().for_each(|mistake| complain(mistake));
            return Ok(Ending::Bad);
        }
    };
    let sound_first = || {
        go_first();
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().on_thread_start(sound_first).build()?;
    let reports = runtime.block_on(round::carry_out(&plan))?;
    let summary = Summary { reports: &reports, wanted: args.calls as usize };
    if !args.json {
        let text = summary.text();
        let (verdict, rest) = text.split_once('\n').unwrap_or((&text, ""));
        let style = if summary.is_well() { WELL } else { LOOK };
        write!(anstream::stdout(), "{style}{verdict}{style:#}\n{rest}")?;
    } else if !summary.is_well() {
        hint(&summary.verdict());
    }
    Ok(if summary.is_well() { Ending::Well } else { Ending::Unmet })
}

/// What is said in a call, and the file's name.
type Said = (String, Arc<[i16]>);

/// The command line, read and checked.
struct Plan<'a> {
    args: &'a CallArgs,
    /// Whom to call; `None` to pick up.
    target: Option<String>,
    bind: &'a str,
    recordings: Vec<Said>,
    codecs: Vec<Codec>,
}

impl Plan<'_> {
    /// Reads recordings and addresses, and names all mistakes.
    fn read(args: &CallArgs) -> Result<Plan<'_>, Vec<String>> {
        let mut mistakes = Vec::new();
        let bind = args.answer.as_deref().unwrap_or(&args.bind);
        if let Err(wrong) = read_bind(bind) {
            mistakes.push(format!("`{bind}`: {wrong}"));
        }
        // Who picks up calls nobody: all that is named is to be played.
        let (target, named) = match &args.answer {
            Some(_) => (None, args.target.as_ref().map(PathBuf::from)),
            None => (args.target.as_deref(), None),
        };
        let target = target.map(|target| dialled(target, args.transport.as_deref())).transpose().unwrap_or_else(|wrong| {
            mistakes.push(wrong);
            None
        });
        if named.is_some() && (args.probe || args.echo) {
            mistakes.push("a recording can't be played together with --probe or --echo".into());
        }
        let mut recordings = Vec::new();
        for path in named.iter().chain(&args.recordings) {
            match read(path) {
                Ok(samples) => recordings.push((files::stem(path), samples.into())),
                Err(error) => mistakes.push(format!("{}: {error:#}", path.display())),
            }
        }
        if let Some(Err(error)) = args.record.as_ref().filter(|_| mistakes.is_empty()).map(std::fs::create_dir_all) {
            mistakes.push(format!("--record: {error}"));
        }
        let codecs = if args.codecs.is_empty() { vec![Codec::Pcmu, Codec::Pcma] } else { args.codecs.clone() };
        if mistakes.is_empty() { Ok(Plan { args, target, bind, recordings, codecs }) } else { Err(mistakes) }
    }

    /// The `n`th call's recording.
    fn said(&self, n: u32) -> Said {
        let turn = n as usize % self.recordings.len().max(1);
        self.recordings.get(turn).cloned().unwrap_or_default()
    }

    fn part(&self, recording: Arc<[i16]>) -> Part {
        let args = self.args;
        let leaves_when_done = !recording.is_empty() && args.pace == Manners::Recording && self.target.is_some();
        let longest = Duration::from_secs_f64(args.max);
        Part { recording, manners: args.pace, keys: args.keys.clone(), echoes: args.echo, leaves_when_done, longest }
    }

    fn tools(&self, n: u32, stop: &CancellationToken) -> Tools {
        let voice = if self.target.is_some() { Voice::Caller } else { Voice::Agent };
        let record = self.args.record.as_ref().map(|dir| dir.join(format!("call-{:05}.wav", n + 1)));
        Tools { probe: self.args.probe.then_some(voice), record, stop: stop.clone(), ..Tools::default() }
    }

    fn dialling(&self, target: &str, sip: &SipEdge) -> Dialling {
        Dialling {
            srtp: self.args.srtp,
            ..Dialling::new(target, format!("sip:{}@{}", self.args.from, sip.local()), self.codecs.clone(), Duration::from_secs_f64(self.args.max))
        }
    }

    fn table(&self) -> SipTable {
        SipTable {
            bind: vec![self.bind.to_owned()],
            allow: vec!["0.0.0.0/0".into(), "::/0".into()],
            codecs: self.codecs.clone(),
            srtp: if self.args.srtp { SrtpPolicy::Required } else { SrtpPolicy::Optional },
            calls_per_second: CALLS_PER_SECOND,
            ..SipTable::default()
        }
    }
}

/// A target that can be dialled, by this transport if it names none itself.
fn dialled(target: &str, transport: Option<&str>) -> Result<String, String> {
    if !target.starts_with("sip:") || target.len() == "sip:".len() || rsipstack::sip::parse_uri(target).is_err() {
        return Err(format!("`{target}` is no `sip:` URI, such as `sip:1000@192.0.2.5`"));
    }
    let Some(transport) = transport.filter(|_| !target.to_ascii_lowercase().contains(";transport=")) else { return Ok(target.to_owned()) };
    // Parameters come before headers (RFC 3261, 19.1.1).
    let (address, headers) = target.split_at(target.find('?').unwrap_or(target.len()));
    Ok(format!("{address};transport={transport}{headers}"))
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

/// What may stand before the `@` of our own URI without being escaped (RFC 3261, 25.1).
fn user(written: &str) -> Result<String, String> {
    let is_good = !written.is_empty() && written.chars().all(|c| c.is_ascii_alphanumeric() || "-_.!~*'()&=+$,;?/".contains(c));
    if is_good { Ok(written.to_owned()) } else { Err("expected a number or a user name, such as +12015550123".into()) }
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
        assert!(["", "a b", "a@b", "<a>", "ä", "a\r\nX: y"].iter().all(|bad| user(bad).is_err()));
        assert_eq!(user("+12015550123"), Ok("+12015550123".to_owned()));
    }

    #[test]
    fn a_target_is_kept_but_for_the_transport_that_it_lacks() {
        for bad in ["", "sip:", "1000", "1000@127.0.0.1", "tel:+12015550123", "http://127.0.0.1"] {
            assert!(dialled(bad, None).is_err(), "{bad}");
        }
        let good = |target, transport| dialled(target, transport).unwrap();
        assert_eq!(good("sip:1000@127.0.0.1:5060", None), "sip:1000@127.0.0.1:5060");
        assert_eq!(good("sip:1000@127.0.0.1", Some("tcp")), "sip:1000@127.0.0.1;transport=tcp");
        assert_eq!(good("sip:a@b.example?X-Y=z", Some("tcp")), "sip:a@b.example;transport=tcp?X-Y=z");
        assert_eq!(good("sip:a@127.0.0.1;transport=udp", Some("tcp")), "sip:a@127.0.0.1;transport=udp");
    }
}
