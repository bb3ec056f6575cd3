//! One live call: its executor, driven by real time, its inbox and the sockets of its legs.

use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::oneshot;

use crate::base::{AgentId, CallId, Denial, FRAME_MILLIS, Happening, LegId, OfferId, QueueId, Record, SignalKind, Time};
use crate::call::{CallInput, Command, Heard, Plan};
use crate::edge::rtp::RtpStats;
use crate::edge::{Leg, LegEvent};
use crate::gateway::{Answer, Clock as _, Equipment, Executor};
use crate::listen::types::{ListenInput, Signal};
use crate::sound::recorder::StereoFrame;

use super::clock::LiveClock;
use super::edge::{LiveEdge, Shared};
use super::lateness::Lateness;
use super::lines::NotNow;
use super::pace::Seat;

/// 20 ms.
const FRAME: Duration = Duration::from_millis(FRAME_MILLIS);
/// News that may wait for a call.
pub const INBOX: usize = 1_024;
/// Answers of engines that may wait for a call.
const ANSWERS: usize = 1_024;
/// A call that has not looked at what it was asked after this does not react.
const REACTS: Duration = Duration::from_secs(10);

/// What a call is told from outside.
#[derive(Debug)]
pub enum News {
    /// By the desk, an operator, or the gateway.
    Call(CallInput),
    /// By somebody who wants to know whether it is theirs to ask.
    Asked(Command, oneshot::Sender<Result<(), Denial>>),
    /// By the caller: they want a person, and said so by a button.
    WantsPerson,
    /// By the signalling of a contact.
    Leg(u32, LegEvent),
    /// The screen on which this agent is asked is gone; they have phones.
    NoScreen(OfferId, AgentId),
    /// Segue fails at this call.
    #[cfg(test)]
    Fail,
}

/// A call that is let in.
pub struct Admission {
    /// What it keeps to its end.
    pub plan: Plan,
    /// What it works with.
    pub equipment: Equipment,
    /// The caller's signalling.
    pub leg: Leg,
    /// When it began to ring.
    pub clock: LiveClock,
    /// Its inbox, both ends.
    pub inbox: (Sender<News>, Receiver<News>),
}

/// A call that is over.
#[derive(Debug)]
pub struct Finished {
    /// Which.
    pub call: CallId,
    /// What happened.
    pub records: Vec<Record>,
    /// How long it lasted, ringing included, in s.
    pub duration_s: f64,
    /// What the network did to each leg.
    pub network: Vec<(LegId, RtpStats)>,
    /// Where its files are, if any are kept.
    pub dir: Option<PathBuf>,
    /// False if Segue itself failed at it.
    pub is_sound: bool,
}

/// An inbox for a call.
pub fn inbox() -> (Sender<News>, Receiver<News>) {
    channel(INBOX)
}

/// Asks something of a call, and waits until it has looked at it.
///
/// # Errors
/// The call is over, does not react, or it is not theirs to ask.
pub(super) async fn ask(inbox: &Sender<News>, command: Command) -> Result<(), NotNow> {
    let (answer, answered) = oneshot::channel();
    inbox.try_send(News::Asked(command, answer)).map_err(|error| match error {
        TrySendError::Full(_) => NotNow::Stuck,
        TrySendError::Closed(_) => NotNow::NoCall,
    })?;
    match tokio::time::timeout(REACTS, answered).await {
        Ok(Ok(told)) => told.map_err(NotNow::Denied),
        Ok(Err(_)) => Err(NotNow::NoCall),
        Err(_) => Err(NotNow::Stuck),
    }
}

/// Drives a call to its end. A panic ends this call only.
pub(super) async fn run(admission: Admission, shared: Shared, pace: (Arc<Lateness>, Seat)) -> Finished {
    let call = admission.plan.call;
    let clock = admission.clock;
    let (desk, lines) = (shared.desk.clone(), shared.lines.clone());
    let journal = shared.journal.clone();
    let dir = journal.dir_of(call);
    let driven = AssertUnwindSafe(drive(admission, shared, pace)).catch_unwind().await;
    let duration_s = clock.now().as_secs_f64();
    match driven {
        Ok((records, network)) => Finished { call, records, duration_s, network, dir, is_sound: true },
        Err(_) => {
            tracing::error!(%call, "Segue failed at this call; its legs are hung up");
            desk.end(call);
            lines.forget(call);
            journal.end(call).await;
            Finished { call, records: Vec::new(), duration_s, network: Vec::new(), dir, is_sound: false }
        }
    }
}

async fn drive(admission: Admission, shared: Shared, (lateness, pace): (Arc<Lateness>, Seat)) -> (Vec<Record>, Vec<(LegId, RtpStats)>) {
    let Admission { plan, equipment, leg, clock, inbox: (inbox, mut news) } = admission;
    let (sender, mut answers) = channel::<Answer>(ANSWERS);
    let (rate, weight) = (equipment.rate, equipment.signals.request.weight);
    let seat = (plan.call, plan.caller.as_ref().map(|caller| caller.0.clone()), rate);
    shared.desk.begin(plan.call, QueueId::from(plan.entry.queue.as_str()), inbox.clone());
    let call = plan.call;
    let edge = LiveEdge::new(clock, seat, leg, shared, inbox);
    let mut executor = Executor::new(clock, edge, Arc::new(plan), equipment, sender);
    let mut ticks = pace.ticks();
    while !executor.call().is_over() {
        tokio::select! {
            biased;
            due = ticks.tick() => {
                lateness.note(due.at.elapsed());
                executor.edge().pass(due.frames);
                overhear(&mut executor, call, due.unheard);
                tick(&mut executor, call);
            }
            Some(news) = news.recv() => {
                overhear(&mut executor, call, ticks.catch_up());
                hear_news(&mut executor, news, weight);
            }
            Some(answer) = answers.recv() => {
                overhear(&mut executor, call, ticks.catch_up());
                executor.answer(answer);
            }
        }
        pair_up(&mut executor);
        note_network(&mut executor);
        ticks.rest(executor.edge().rests());
    }
    executor.edge().hang_up_all();
    note_network(&mut executor);
    executor.into_edge().close().await
}

fn hear_news(executor: &mut Executor<LiveClock, LiveEdge>, news: News, weight: f64) {
    match news {
        News::Call(CallInput::Desk(told)) => {
            let told = executor.edge().take_news(told);
            executor.input(CallInput::Desk(told));
        }
        News::Call(input) => executor.input(input),
        News::Asked(command, answer) => {
            // Of what others asked before, nobody waits for the answer.
            executor.edge().take_denial();
            executor.input(CallInput::Command(command));
            // Whoever asked may have given up waiting.
            let _ = answer.send(executor.edge().take_denial().map_or(Ok(()), Err));
        }
        News::WantsPerson => {
            let asked = wants_person(executor.clock().now(), weight);
            executor.input(CallInput::Heard(LegId::CALLER, Heard::Signal(asked)));
        }
        News::Leg(n, event) => {
            if let Some((leg, key)) = executor.edge().on_event(n, event) {
                executor.tell(leg, ListenInput::Key(key));
            }
            pass_on(executor);
        }
        News::NoScreen(offer, agent) => {
            executor.edge().ring_phones(offer, &agent);
            pass_on(executor);
        }
        #[cfg(test)]
        News::Fail => panic!("a test wants it"),
    }
}

/// The same evidence as if they had said it; the score is for what is heard.
fn wants_person(now: Time, weight: f64) -> Signal {
    let why = "Pressed “Talk to a person” on the page.".to_owned();
    Signal { kind: SignalKind::Request, start: now, end: now, value: 1.0, unit: "count", weight, why, turn: None }
}

/// What the network did to legs that are gone now.
fn note_network(executor: &mut Executor<LiveClock, LiveEdge>) {
    while let Some((leg, stats)) = executor.edge().newly_gone() {
        executor.note(Happening::NetworkMeasured { leg, network: stats.network() });
    }
}

/// Whether packets are forwarded is looked at after everything that happens.
fn pair_up(executor: &mut Executor<LiveClock, LiveEdge>) {
    let legs = executor.plain_pair();
    let listens = legs.is_some_and(|(a, b)| executor.listens_to(a) || executor.listens_to(b));
    let edge = executor.edge();
    let is_tapped = listens || edge.journal_of_calls().keeps();
    edge.pair_up(legs, is_tapped);
}

/// So many times 20 ms of two legs whose packets have been forwarded meanwhile: to who listens, and to the recording.
fn overhear(executor: &mut Executor<LiveClock, LiveEdge>, call: CallId, frames: u32) {
    let Some(legs) = executor.edge().overheard() else { return };
    let now = executor.clock().now();
    for ago in (0..frames).rev() {
        let said = legs.map(|leg| executor.edge().catch_up(leg, ago));
        for (leg, frame) in legs.into_iter().zip(said) {
            if let Some(frame) = frame {
                executor.overhear(leg, frame, now.back(FRAME * ago));
            }
        }
        let edge = executor.edge();
        if edge.journal_of_calls().keeps() {
            let [caller, heard] = match legs.iter().position(|leg| *leg == LegId::CALLER) {
                Some(0) => said,
                Some(_) => [said[1], said[0]],
                None => [None, None],
            };
            edge.journal_of_calls().sound(call, StereoFrame::new(edge.rate(), caller.as_ref(), heard.as_ref()));
        }
    }
}

/// 20 ms, or more while nothing is done but to forward packets: what every leg sent goes in, what every leg hears goes out.
fn tick(executor: &mut Executor<LiveClock, LiveEdge>, call: CallId) {
    let now = executor.clock().now();
    let is_overheard = executor.edge().overheard().is_some();
    let mut caller = None;
    let mut at = 0;
    while at < executor.edge().contacts() {
        let sound = executor.edge().take_sound(at, now);
        at += 1;
        let Some(sound) = sound else { continue };
        if let Some(key) = sound.key {
            executor.tell(sound.leg, ListenInput::Key(key));
        }
        if let Some(frame) = sound.frame {
            if sound.leg == LegId::CALLER {
                caller = Some(frame);
            }
            executor.media(sound.leg, frame);
        }
        if sound.is_lost {
            executor.input(CallInput::NoMedia(sound.leg));
        }
    }
    executor.tick();
    let edge = executor.edge();
    let heard = edge.take_heard();
    if is_overheard || !edge.journal_of_calls().keeps() {
        return;
    }
    let rate = edge.rate();
    edge.journal_of_calls().sound(call, StereoFrame::new(rate, caller.as_ref(), heard.as_ref()));
}

/// News that the edge has noted go to the call.
fn pass_on(executor: &mut Executor<LiveClock, LiveEdge>) {
    while let Some(input) = crate::gateway::Edge::news(executor.edge()) {
        executor.input(input);
    }
}
