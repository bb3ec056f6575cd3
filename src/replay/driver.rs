//! The driver on virtual time: one recording through the whole handoff.
//!
//! Each 20 ms of the recording is one tick. What engines and scripted agents do in between is delivered at its own
//! moment, ordered by (time, source, sequence); virtual time waits until every request to an engine is answered. So the
//! same recording gives the same records, however busy the machine is.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::{Receiver, channel};

use crate::base::{FRAME_MICROS, Fault, Frame, LegId, Organ, Record, Time};
use crate::call::{CallInput, Gone, Plan, RECORDED_BOT};
use crate::gateway::{Answer, Answered, Equipment, Executor, RequestId};
use crate::listen::types::{ListenInput, Scene};
use crate::sound::recording::{RecordedFrame, Recording, RecordingError};

use super::clock::VirtualClock;
use super::edge::ReplayEdge;
use super::tape::Tape;
use super::time_map::TimeMap;

/// An engine that is silent for this long of wall time ends the recording (DESIGN §3).
pub const ENGINE_PATIENCE: Duration = Duration::from_secs(30);
/// Answers that may wait to be taken.
const ANSWERS: usize = 1_024;
/// How long the end of the caller's last words is waited for after the recording's end.
const LAST_TURN: Duration = Duration::from_secs(4);
/// A caller whose recording is over stays this long with the person they were brought to.
const WITH_PERSON: Duration = Duration::from_secs(1);

/// How a recording is replayed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Course {
    /// After each of the caller's turns the recording waits until our bot has finished.
    pub in_turns: bool,
    /// The recording's other channel is the bot that the caller heard.
    pub recorded_bot: bool,
    /// Of two channels, the caller's is the right one.
    pub caller_is_right: bool,
    /// How long a handoff may stay open after the recording's end.
    pub linger: Duration,
    /// How long an engine may be silent, of wall time.
    pub engine_patience: Duration,
}

/// How long the engines take in virtual time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Delays {
    /// From a frame or an utterance's end to the recognizer's answer.
    pub ear: Duration,
    /// From a sentence to its sound, where it is not in the cache.
    pub voice: Duration,
    /// From a turn to the bot's answer.
    pub bot: Duration,
}

impl Delays {
    fn of(&self, organ: Organ) -> Duration {
        match organ {
            Organ::Ear => self.ear,
            Organ::Voice => self.voice,
            Organ::Bot => self.bot,
            Organ::Edge | Organ::Connector | Organ::Rule => Duration::ZERO,
        }
    }
}

/// Who wants each 20 ms of the call as they pass.
pub trait Witness {
    /// Takes what the caller sent and what they heard.
    ///
    /// # Errors
    /// Whatever keeps it from being written down.
    fn tick(&mut self, caller: &Frame, heard: Option<&Frame>) -> std::io::Result<()>;
    /// The recording has got this far, in s.
    fn progress(&mut self, recording_s: f64);
}

/// A replayed call.
#[derive(Debug)]
pub struct Replayed {
    /// What happened.
    pub records: Vec<Record>,
    /// From the call's time to the recording's.
    pub map: TimeMap,
    /// Length of the recording in s.
    pub duration_s: f64,
    /// Length of the call in s.
    pub call_s: f64,
    /// What was wrong at the recording's end, if it is cut.
    pub cut: Option<RecordingError>,
    /// A hash of all decoded samples.
    pub samples: blake3::Hash,
    /// The other channel carries speech too, and nobody said what it is.
    pub both_speak: bool,
}

/// Why a recording could not be replayed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The recording is bad from the first sample on.
    #[error(transparent)]
    Recording(#[from] RecordingError),
    /// An engine did not answer.
    #[error("{0}")]
    Engine(Fault),
    /// The sound could not be written down.
    #[error("call.wav: {0}")]
    Output(#[from] std::io::Error),
}

/// A recording on its way through a call.
struct Driver<'w> {
    clock: VirtualClock,
    executor: Executor<VirtualClock, ReplayEdge>,
    answers: Receiver<Answer>,
    delays: Delays,
    course: Course,
    /// Answers that came in, by the virtual time at which they are delivered.
    due: BTreeMap<(Time, u64), Answer>,
    arrived: BTreeSet<RequestId>,
    next: u64,
    tape: Tape,
    map: TimeMap,
    witness: &'w mut dyn Witness,
}

/// Replays a recording. Must run inside a current-thread tokio runtime with time.
///
/// # Errors
/// An engine that does not answer, or sound that can't be written down. A cut recording is replayed to its cut.
pub async fn drive(
    recording: Recording,
    plan: Arc<Plan>,
    equipment: Equipment,
    edge: impl FnOnce(VirtualClock) -> ReplayEdge,
    (course, delays): (Course, Delays),
    witness: &mut dyn Witness,
) -> Result<Replayed, ReplayError> {
    let clock = VirtualClock::default();
    let (sender, answers) = channel(ANSWERS);
    let executor = Executor::new(clock.clone(), edge(clock.clone()), plan, equipment, sender);
    let mut driver = Driver {
        clock,
        executor,
        answers,
        delays,
        course,
        due: BTreeMap::new(),
        arrived: BTreeSet::new(),
        next: 0,
        tape: Tape::new(recording, course.caller_is_right),
        map: TimeMap::new(),
        witness,
    };
    driver.collect().await?;
    driver.play().await?;
    Ok(driver.finish())
}

impl Driver<'_> {
    /// Ticks until the call is over.
    async fn play(&mut self) -> Result<(), ReplayError> {
        let mut ended: Option<Time> = None;
        let mut hung_up = false;
        while !self.executor.call().is_over() {
            let end = self.clock.time() + Duration::from_micros(FRAME_MICROS);
            self.deliver_until(end).await?;
            self.clock.set(end);
            self.tick(end)?;
            self.collect().await?;
            if self.tape.is_over {
                let since = *ended.get_or_insert(end);
                if !hung_up && self.hangs_up(since, end) {
                    hung_up = true;
                    self.executor.input(CallInput::LegGone(LegId::CALLER, Gone::HungUp));
                    self.collect().await?;
                }
            }
        }
        Ok(())
    }

    /// Whether the caller, whose recording is over, leaves now.
    fn hangs_up(&mut self, since: Time, now: Time) -> bool {
        let waited = now.since(since);
        if waited < LAST_TURN && self.executor.listener(LegId::CALLER).is_some_and(|l| l.is_in_turn()) {
            return false;
        }
        self.executor.tell(LegId::CALLER, ListenInput::Scene(Scene::Gone));
        if self.executor.call().is_handing_off() {
            return waited >= self.course.linger;
        }
        let with_person = self.executor.call().bridged_at().map(|at| now.since(at));
        with_person.is_none_or(|spent| spent >= WITH_PERSON)
    }

    /// One tick that ends at `end`.
    fn tick(&mut self, end: Time) -> Result<(), ReplayError> {
        let stands = self.course.in_turns && !self.tape.is_over && self.executor.call().has_the_word() && self.tape.rests();
        let heard = if stands {
            self.map.pause(end.back(Duration::from_micros(FRAME_MICROS)), end);
            RecordedFrame { first: self.tape.room(), second: None }
        } else {
            self.tape.next()
        };
        self.executor.media(LegId::CALLER, heard.first);
        if let Some(second) = heard.second.filter(|_| self.course.recorded_bot) {
            self.executor.media(RECORDED_BOT, second);
        }
        if self.course.in_turns && !stands {
            let in_turn = self.executor.listener(LegId::CALLER).is_some_and(|l| l.is_in_turn());
            self.tape.remember_room(heard.first, in_turn);
        }
        for leg in self.executor.edge().lines().to_vec() {
            let noise = self.executor.edge().noise();
            self.executor.media(leg, noise);
        }
        self.executor.edge().tick(end);
        self.executor.tick();
        let sent = self.executor.edge().take_heard();
        self.witness.tick(&heard.first, sent.as_ref())?;
        self.witness.progress(self.tape.frames as f64 * FRAME_MICROS as f64 / 1e6);
        Ok(())
    }

    /// Delivers what is due before the tick's end, each at its own moment: engines first, then agents.
    async fn deliver_until(&mut self, end: Time) -> Result<(), ReplayError> {
        loop {
            let engine = self.due.first_key_value().map(|((at, _), _)| *at).filter(|at| *at <= end);
            let agent = self.executor.edge().due().filter(|at| *at <= end);
            match (engine, agent) {
                (None, None) => return Ok(()),
                (Some(at), other) if other.is_none_or(|other| at <= other) => {
                    self.clock.set(at);
                    if let Some((_, answer)) = self.due.pop_first() {
                        if answer.last {
                            self.arrived.remove(&answer.request);
                        }
                        self.executor.answer(answer);
                    }
                }
                (_, Some(at)) => {
                    self.clock.set(at);
                    if let Some(input) = self.executor.edge().pop_due(at) {
                        self.executor.input(input);
                    }
                }
                (Some(_), None) => unreachable!("the first arm takes an engine's answer when no agent is due"),
            }
            self.collect().await?;
        }
    }

    /// Waits until every request to an engine is answered, and notes when each answer is to be delivered.
    async fn collect(&mut self) -> Result<(), ReplayError> {
        while self.executor.owed().any(|(request, _)| !self.arrived.contains(&request)) {
            let answer = match tokio::time::timeout(self.course.engine_patience, self.answers.recv()).await {
                Ok(Some(answer)) => answer,
                Ok(None) | Err(_) => return Err(ReplayError::Engine(self.silent_engine())),
            };
            if !self.executor.awaits(answer.request) {
                continue;
            }
            // What we compute ourselves takes no time.
            if matches!(answer.answered, Answered::Partial(_, _, Ok(None)) | Answered::Compared(..) | Answered::Trouble(_)) {
                self.executor.answer(answer);
                continue;
            }
            if answer.last {
                self.arrived.insert(answer.request);
            }
            let at = self.clock.time() + self.delays.of(answer.answered.organ());
            self.due.insert((at, self.next), answer);
            self.next += 1;
        }
        Ok(())
    }

    /// The engine that has owed an answer for longest.
    fn silent_engine(&self) -> Fault {
        let owing = self.executor.owed().find(|(request, _)| !self.arrived.contains(request));
        let organ = owing.map_or(Organ::Ear, |(_, organ)| organ);
        Fault::Stalled { organ, after_ms: self.course.engine_patience.as_millis() as u64 }
    }

    /// Reads what is left of the recording after the call's end, and hands everything over.
    fn finish(mut self) -> Replayed {
        while !self.tape.is_over {
            self.tape.next();
        }
        let both_speak = !self.course.recorded_bot && self.tape.other_speaks();
        Replayed {
            records: self.executor.into_edge().into_records(),
            map: self.map,
            duration_s: self.tape.frames as f64 * FRAME_MICROS as f64 / 1e6,
            call_s: self.clock.time().as_secs_f64(),
            cut: self.tape.cut,
            samples: self.tape.hash.finalize(),
            both_speak,
        }
    }
}

#[cfg(test)]
mod tests;
