//! Many recordings, on all cores, each judged and filed; the results come in the order in which they were asked for.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::time::Duration;

use cpu_time::ThreadTime;

use crate::base::{CallId, QueueId};
use crate::call::BotPlan;
use crate::gateway::{Arrival, Kit};
use crate::handoff::trigger::TriggerTable;
use crate::sound::recording::{ChannelChoice, Recording, RecordingError};
use crate::store::story::Story;

use super::driver::{self, Course, Delays, ReplayError, Replayed};
use super::edge::ReplayEdge;
use super::expect::{self, ExpectTable, Expectation};
use super::options::{AgentScript, BotChoice, Channel, Pace, parse_at};
use super::output::Drawn;
use super::report::{self, Goals, ReportInput, Threshold};
use super::result::{ReplayFacts, ReplayObject};
use super::terminal::Judgement;
use super::time_map::TimeMap;
use super::{baseline, files, output, transcript};

/// Wall time of a replayed call that says nothing else: a Tuesday.
const AT: &str = "2026-03-03T10:00";
/// The number that is called.
const CALLED: &str = "1000";
/// For how long a handoff may stay open after the recording's end, in s.
const LINGER_SECS: f64 = 60.0;

/// What is to be replayed, and what is to come of it.
#[derive(Clone, Debug, Default)]
pub struct Job {
    /// The recordings, in order.
    pub recordings: Vec<PathBuf>,
    /// Where results are filed.
    pub out: Option<PathBuf>,
    /// One expectation for all.
    pub expect: Option<PathBuf>,
    /// Draft the expectations that are missing.
    pub write_expect: bool,
    /// An earlier `out` to compare with.
    pub baseline: Option<PathBuf>,
    /// Options from the command line; they beat those of an expectation.
    pub options: ExpectTable,
    /// What names the configuration: a hash of it goes into the ids of calls.
    pub configuration: String,
}

/// What became of one recording.
#[derive(Debug, Default)]
pub struct Done {
    /// The result; `None` if it gave no sound.
    pub object: Option<ReplayObject>,
    /// What was expected, and so on.
    pub judgement: Judgement,
    /// What is wrong with it, one line each: exit 2.
    pub errors: Vec<String>,
    /// Worth knowing, one line each.
    pub hints: Vec<String>,
}

/// Plays one recording to Segue.
pub trait Player: Sync {
    /// Plays it as these options say. With a directory, `call.wav` is written there, and what the report draws is given.
    /// `progress` is told how far it has got, in s, and of how much.
    ///
    /// # Errors
    /// The recording, an option or an engine is bad.
    fn play(
        &self,
        recording: &Path,
        options: &ExpectTable,
        dir: Option<&Path>,
        progress: &mut dyn FnMut(f64, Option<f64>),
    ) -> Result<Played, RunError>;

    /// What results are made with.
    fn kit(&self) -> &Kit;
}

/// A recording that was played.
pub struct Played {
    /// The call.
    pub replayed: Replayed,
    /// What the report draws, if there is a directory for it.
    pub drawn: Option<Drawn>,
    /// CPU time that it took, in s.
    pub processing_s: f64,
    /// What may make the result another than it should be.
    pub doubt: Option<String>,
}

/// Who watches the work.
pub trait Watcher: Sync {
    /// Work on this recording has got so far, in s; of so many, if that is known.
    fn progress(&self, n: usize, recording: &Path, done_s: f64, of_s: Option<f64>);
    /// Work on this recording is over.
    fn over(&self, n: usize);
}

/// Replays all of a job's recordings on all cores, and hands over each in order as soon as it and all before it are done.
pub fn run(player: &dyn Player, job: &Job, watcher: &dyn Watcher, mut take: impl FnMut(usize, Done)) {
    let workers = std::thread::available_parallelism().map_or(1, usize::from).min(job.recordings.len()).max(1);
    let next = AtomicUsize::new(0);
    let (sender, results) = channel();
    std::thread::scope(|scope| {
        for _ in 0..workers {
            let (sender, next) = (sender.clone(), &next);
            scope.spawn(move || {
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    let Some(recording) = job.recordings.get(n) else { return };
                    let done = guarded(player, job, n, recording, watcher);
                    watcher.over(n);
                    if sender.send((n, done)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let mut waiting = std::collections::BTreeMap::new();
        let mut due = 0;
        for (n, done) in results {
            waiting.insert(n, done);
            while let Some(done) = waiting.remove(&due) {
                take(due, done);
                due += 1;
            }
        }
    });
}

/// A panic ends one recording, never the others.
fn guarded(player: &dyn Player, job: &Job, n: usize, recording: &Path, watcher: &dyn Watcher) -> Done {
    catch_unwind(AssertUnwindSafe(|| one(player, job, n, recording, watcher))).unwrap_or_else(|panic| {
        let what = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied()).unwrap_or("for an unknown reason");
        Done { errors: vec![format!("{}: Segue failed at it: {what}", recording.display())], ..Done::default() }
    })
}

/// One recording: expectation, options, replay, judgement, files.
fn one(player: &dyn Player, job: &Job, n: usize, path: &Path, watcher: &dyn Watcher) -> Done {
    let mut done = Done::default();
    let expectation = match expectation(job, path) {
        Ok(expectation) => expectation,
        Err(mistakes) => {
            done.errors.extend(mistakes.iter().cloned());
            done.judgement.malformed = mistakes;
            None
        }
    };
    let options = merge(&job.options, expectation.as_ref().map(|e| &e.table));
    let dir = results_dir(job, path);
    let mut progress = |done_s: f64, of_s: Option<f64>| watcher.progress(n, path, done_s, of_s);
    let played = match player.play(path, &options, dir.as_deref(), &mut progress) {
        Ok(played) => played,
        Err(error) => {
            done.errors.push(format!("{}: {error}", path.display()));
            return done;
        }
    };
    let Played { mut replayed, drawn, processing_s, doubt } = played;
    done.hints.extend(doubt.map(|doubt| format!("{}: {doubt}", path.display())));
    name_call(&mut replayed, &options, job);
    let story = Story::tell(&replayed.records);
    let facts = ReplayFacts {
        recording: path.display().to_string(),
        duration_s: replayed.duration_s,
        call_s: replayed.call_s,
        truncated: replayed.cut.is_some(),
        processing_s,
    };
    let object = ReplayObject::of(&story, facts, &replayed.map);
    if let Some(cut) = &replayed.cut {
        done.errors.push(format!("{}: {cut}", path.display()));
    }
    if replayed.both_speak && options.bot.is_none() {
        done.hints.push(format!(
            "{}: both channels carry speech; with --bot recorded the other one is the bot or agent that the caller heard",
            path.display()
        ));
    }
    judge(job, path, expectation, &options, (&object, &replayed.map), &mut done);
    compare(job, path, &object, &mut done);
    if let (Some(dir), Some(drawn)) = (dir, drawn)
        && let Err(error) =
            file(player.kit(), &dir, Filed { story: &story, object: &object, records: &replayed.records, judgement: &done.judgement }, drawn)
    {
        done.errors.push(format!("{}: {error}", path.display()));
    }
    done.object = Some(object);
    done
}

/// The expectation of a recording, if it has one.
fn expectation(job: &Job, recording: &Path) -> Result<Option<Expectation>, Vec<String>> {
    let beside = files::expectation_beside(recording);
    let path = match &job.expect {
        Some(path) => path,
        None if beside.exists() => &beside,
        None => return Ok(None),
    };
    let name = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| vec![format!("{name}: {}", files::reason(&error))])?;
    Expectation::parse(&text).map(Some).map_err(|problems| problems.0.iter().map(|p| format!("{name}: {p}")).collect())
}

/// The command line beats the expectation.
fn merge(first: &ExpectTable, second: Option<&ExpectTable>) -> ExpectTable {
    let none = ExpectTable::default();
    let second = second.unwrap_or(&none);
    ExpectTable {
        bot: first.bot.or(second.bot),
        channel: first.channel.or(second.channel),
        pace: first.pace.or(second.pace),
        agents: first.agents.clone().or(second.agents.clone()),
        at: first.at.clone().or(second.at.clone()),
        called: first.called.clone().or(second.called.clone()),
        caller: first.caller.clone().or(second.caller.clone()),
        linger: first.linger.or(second.linger),
        expect: none.expect,
    }
}

/// Why a recording gave no result.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// It can't be opened.
    #[error("{}", files::reason(.0))]
    Open(std::io::Error),
    /// It is no sound that can be read.
    #[error(transparent)]
    Recording(#[from] RecordingError),
    /// It was not replayed to its end.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// No entry is for it.
    #[error("`{0}` is the number of no entry; see [[entry]] in the configuration, or choose another with --called")]
    NoEntry(String),
    /// It can't be replayed in the way that was asked for.
    #[error("{0}")]
    Option(String),
    /// Its results can't be written.
    #[error("{0}")]
    Output(std::io::Error),
}

/// Makes the directory for results, if there is to be one; once it is clear that there will be some.
///
/// # Errors
/// It can't be made.
pub fn make_dir(dir: Option<&Path>) -> Result<(), RunError> {
    dir.map_or(Ok(()), |dir| std::fs::create_dir_all(dir).map_err(|error| RunError::Output(named(dir, error))))
}

/// Plays recordings on virtual time.
pub struct VirtualTime<'k>(pub &'k Kit);

impl Player for VirtualTime<'_> {
    fn kit(&self) -> &Kit {
        self.0
    }

    fn play(&self, path: &Path, options: &ExpectTable, dir: Option<&Path>, progress: &mut dyn FnMut(f64, Option<f64>)) -> Result<Played, RunError> {
        let VirtualTime(kit) = *self;
        let recording = open(path, options)?;
        let rate = recording.info().rate;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().map_err(RunError::Output)?;
        // All calls share what is known to be said; it is no part of the work on this recording.
        runtime.block_on(kit.speak_ahead(rate));
        let started = ThreadTime::now();
        let length = recording.info().duration.map(|d| d.as_secs_f64());
        let arrival = arrival(kit, options)?;
        let called = arrival.called.clone();
        let bot = match options.bot.unwrap_or_default() {
            BotChoice::Speak => None,
            BotChoice::Recorded => Some(BotPlan::Recorded),
            BotChoice::None => Some(BotPlan::Mute),
        };
        let (mut plan, equipment) = kit.admit(arrival, rate, bot, runtime.handle().clone()).ok_or(RunError::NoEntry(called))?;
        let in_turns = options.pace == Some(Pace::Turns);
        plan.yields = !in_turns;
        let caller_is_right = options.channel == Some(Channel::Right);
        let course = Course {
            in_turns,
            recorded_bot: plan.bot == BotPlan::Recorded,
            caller_is_right,
            linger: linger(options),
            engine_patience: driver::ENGINE_PATIENCE,
        };
        let speech = &kit.tables().speech;
        let bot_delay = equipment.bot.as_ref().map(|bot| bot.replay_delay()).unwrap_or_default();
        let delays = Delays { ear: speech.ear_delay(), voice: speech.voice_delay(), bot: bot_delay };
        let mut progress = |done_s: f64| progress(done_s, length);
        make_dir(dir)?;
        let recognizer = equipment.recognizer.as_ref().map(|r| r.name().to_owned());
        let mut sound = output::Sound::new(dir, rate, recognizer, &mut progress).map_err(RunError::Output)?;
        let queue = QueueId::from(plan.entry.queue.as_str());
        let script = agents(options)?;
        let edge = |clock| ReplayEdge::new(clock, &kit.tables().desk, script, queue, rate);
        let replayed = runtime.block_on(driver::drive(recording, plan.into(), equipment, edge, (course, delays), &mut sound))?;
        if let Some(bad) = replayed.cut.clone().filter(|_| replayed.duration_s == 0.0) {
            return Err(bad.into());
        }
        let drawn = sound.finish().map_err(RunError::Output)?;
        Ok(Played { replayed, drawn, processing_s: started.elapsed().as_secs_f64(), doubt: None })
    }
}

/// What agents do.
///
/// # Errors
/// The script is none.
pub fn agents(options: &ExpectTable) -> Result<AgentScript, RunError> {
    options.agents.as_ref().map_or(Ok(AgentScript::default()), |script| script.parse().map_err(RunError::Option))
}

/// For how long a handoff may stay open after the recording's end.
pub fn linger(options: &ExpectTable) -> Duration {
    Duration::try_from_secs_f64(options.linger.unwrap_or(LINGER_SECS)).unwrap_or_default()
}

/// The file of a recording.
///
/// # Errors
/// It is no regular file, or can't be opened.
pub fn source(path: &Path) -> Result<File, RunError> {
    // Asked before it is opened: to open a pipe is to wait for whoever writes into it.
    let kind = std::fs::metadata(path).map_err(RunError::Open)?.file_type();
    if kind.is_dir() {
        return Err(RunError::Option("is a directory".into()));
    }
    if !kind.is_file() {
        return Err(RunError::Option("is no regular file".into()));
    }
    File::open(path).map_err(RunError::Open)
}

fn open(path: &Path, options: &ExpectTable) -> Result<Recording, RunError> {
    let file = source(path)?;
    let extension = path.extension().and_then(|e| e.to_str());
    let recorded = options.bot == Some(BotChoice::Recorded);
    let choice = match options.channel {
        Some(Channel::Mix) if recorded => {
            return Err(RunError::Option("--channel mix leaves no other channel for --bot recorded".into()));
        }
        Some(Channel::Mix) => ChannelChoice::Mix,
        Some(Channel::Right | Channel::Left) | None => ChannelChoice::Both,
    };
    let recording = Recording::open(Box::new(file), extension, choice)?;
    let is_mono = recording.info().channels < 2;
    if recorded && is_mono {
        return Err(RunError::Option("--bot recorded needs a recording of two channels, this one has one".into()));
    }
    if options.channel == Some(Channel::Right) && is_mono {
        return Err(RecordingError::NoRightChannel.into());
    }
    Ok(recording)
}

/// How the call comes in.
///
/// # Errors
/// The wall time is none.
pub fn arrival(kit: &Kit, options: &ExpectTable) -> Result<Arrival, RunError> {
    let called = options.called.clone().unwrap_or_else(|| CALLED.to_owned());
    let wall = parse_at(options.at.as_deref().unwrap_or(AT), &kit.zone(&called)).map_err(RunError::Option)?;
    Ok(Arrival { call: CallId(uuid::Uuid::nil()), called, caller: options.caller.clone(), data: Default::default(), wall })
}

fn named(path: &Path, error: std::io::Error) -> std::io::Error {
    std::io::Error::new(error.kind(), format!("{}: {}", path.display(), files::reason(&error)))
}

fn results_dir(job: &Job, recording: &Path) -> Option<PathBuf> {
    job.out.as_ref().map(|out| out.join(files::stem(recording)))
}

/// A replayed call's id comes from the decoded samples, the options and the configuration.
fn name_call(replayed: &mut Replayed, options: &ExpectTable, job: &Job) {
    let mut hash = blake3::Hasher::new();
    hash.update(replayed.samples.as_bytes());
    hash.update(toml::to_string(options).unwrap_or_default().as_bytes());
    hash.update(job.configuration.as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.finalize().as_bytes()[..16]);
    let id = uuid::Builder::from_bytes(bytes).with_version(uuid::Version::SortRand).with_variant(uuid::Variant::RFC4122).into_uuid();
    for record in &mut replayed.records {
        record.subject = CallId(id);
    }
}

/// Holds the result to its expectation, or drafts one.
fn judge(job: &Job, path: &Path, expectation: Option<Expectation>, options: &ExpectTable, (object, map): (&ReplayObject, &TimeMap), done: &mut Done) {
    match expectation {
        Some(expectation) => {
            done.judgement.expected = true;
            done.judgement.unmet = expectation.check(object, map);
        }
        None if job.write_expect && done.judgement.malformed.is_empty() => {
            let beside = files::expectation_beside(path);
            match std::fs::write(&beside, expect::draft(object, map, options.clone())) {
                Ok(()) => done.hints.push(format!("{}: drafted; read it before you keep it", beside.display())),
                Err(error) => done.errors.push(format!("{}: {}", beside.display(), files::reason(&error))),
            }
        }
        None => {}
    }
}

/// Lists what is decided differently from an earlier replay.
fn compare(job: &Job, path: &Path, object: &ReplayObject, done: &mut Done) {
    let Some(dir) = &job.baseline else { return };
    match baseline::read(&dir.join(files::stem(path))) {
        Ok(old) => done.judgement.differences = Some(baseline::differences(&old, object)),
        Err(error) => done.errors.push(error.to_string()),
    }
}

/// Files everything that `--out` asks for.
fn file(kit: &Kit, dir: &Path, filed: Filed<'_>, drawn: Drawn) -> std::io::Result<()> {
    let Filed { story, object, records, judgement } = filed;
    output::events(dir, records)?;
    let packet = object.handoffs.iter().rev().find_map(|h| h.packet.as_ref());
    let packet = serde_json::to_string_pretty(&packet).map_err(std::io::Error::other)?;
    output::text(dir, "packet.json", &(packet + "\n"))?;
    output::text(dir, "transcript.txt", &transcript::transcript(story))?;
    let sound = drawn.sound.finish();
    let input = ReportInput {
        object,
        story,
        peaks: &drawn.peaks,
        sound: sound.as_deref(),
        thresholds: &kit.tables().triggers.iter().filter_map(threshold).collect::<Vec<_>>(),
        goals: Goals::default(),
        recognizer: drawn.recognizer.as_deref(),
        judgement,
    };
    output::text(dir, "report.html", &report::render(&input))
}

/// What is filed of a recording.
struct Filed<'a> {
    story: &'a Story,
    object: &'a ReplayObject,
    records: &'a [crate::base::Record],
    judgement: &'a Judgement,
}

/// The score at which a trigger fires, if its rule compares the score with a number.
fn threshold(trigger: &TriggerTable) -> Option<Threshold> {
    let (_, after) = trigger.when.split_once("score >")?;
    let number: String = after.trim_start_matches('=').trim_start().chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
    Some(Threshold { trigger: trigger.name.clone(), score: number.parse().ok()? })
}
