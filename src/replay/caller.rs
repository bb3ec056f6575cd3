//! A test caller and a test agent on real phone calls: they play recordings, press keys, and say what they heard.
//!
//! [`place`] calls, [`attend`] picks up; both give a [`CallReport`]. A caller may be patient: [`Manners::Turns`] plays
//! one utterance of the recording, waits until the other side has spoken, and goes on. [`Tools`] are what a tester adds:
//! chirps that measure the delay, a recording, and a way to end it. [`summary`] judges many calls.

mod party;
pub mod probe;
mod script;
pub mod summary;
mod tape;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::Serialize;
use tokio::io::Interest;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::base::{FRAME_MILLIS, Frame, Key, Rate, Time};
use crate::call::Gone;
use crate::edge::rtp::RtpLeg;
use crate::edge::sip::{Dialling, SipEdge};
use crate::edge::{Leg, LegCommand, LegEvent, MediaPlan, Wire};
use crate::sound::codec::Codec;
use party::Party;
use probe::{Probe, Voice};
use tape::Tape;

pub use script::Script;

/// The rate of recordings.
pub const RATE: Rate = Rate::Hz8000;
/// A frame counts as heard from this peak on (about −40 dBFS).
const AUDIBLE_PEAK: u16 = 330;
/// Q.850 cause of a call that ended in the ordinary way.
const NORMAL_CLEARING: u16 = 16;
/// What a caller is told whom we no longer want to answer (RFC 3261, 21.4.18).
const TEMPORARILY_UNAVAILABLE: u16 = 480;
/// Whoever does not confirm that we have hung up is left after this.
const GOODBYE: Duration = Duration::from_secs(5);

/// How a recording is played.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Manners {
    /// As it was recorded, whatever the other side does
    #[default]
    Recording,
    /// One utterance after the other, each when the other side has spoken
    Turns,
}

/// What one party does in a call.
#[derive(Clone, Debug)]
pub struct Part {
    /// What they say, at 8 kHz; may be empty.
    pub recording: Arc<[i16]>,
    /// How they say it.
    pub manners: Manners,
    /// Keys, each at a moment after the pick-up.
    pub keys: Vec<(Duration, Key)>,
    /// What is heard is sent back in place of a recording.
    pub echoes: bool,
    /// They hang up when they have said everything.
    pub leaves_when_done: bool,
    /// They hang up after this.
    pub longest: Duration,
}

/// What a tester adds to a call.
#[derive(Clone, Debug, Default)]
pub struct Tools {
    /// Chirps with this voice in place of the recording, and measures delays; not for a party that echoes.
    pub probe: Option<Voice>,
    /// Where the call is recorded: what was said on the left, what was heard on the right.
    pub record: Option<PathBuf>,
    /// Cancelled, the party hangs up.
    pub stop: CancellationToken,
    /// Cancelled by the party when its recording is over.
    pub said: CancellationToken,
}

/// What one party saw of a call.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct CallReport {
    /// Final SIP status; 0 if there was none.
    pub status: u16,
    /// Why it was refused.
    pub reason: Option<String>,
    /// From INVITE to 180, in ms.
    pub ring_ms: Option<f64>,
    /// From INVITE to 200, in ms.
    pub answer_ms: Option<f64>,
    /// What sound was coded with.
    pub codec: Option<Codec>,
    /// How long the call lasted from the pick-up, in s.
    pub talked_s: f64,
    /// Sound above −40 dBFS that was sent, in s.
    pub sent_s: f64,
    /// Sound above −40 dBFS that was heard, in s.
    pub heard_s: f64,
    /// From the pick-up to the first sound heard, in ms.
    pub first_sound_ms: Option<f64>,
    /// Longest stretch in which nothing was heard, in s.
    pub longest_silence_s: f64,
    /// Packets that came.
    pub received: u64,
    /// Packets that were lost.
    pub lost: u64,
    /// Inter-arrival jitter in ms.
    pub jitter_ms: f64,
    /// Share of our packets that the other side lost of late, 0..1, as it says itself (RTCP).
    pub their_loss: Option<f64>,
    /// Of packets there and back, in ms (RTCP).
    pub round_trip_ms: Option<f64>,
    /// Chirps that were said.
    pub probes_sent: u32,
    /// Chirps of the other side that were heard.
    pub probes_heard: u64,
    /// From the other's mouth to our ear, the 20 ms of a packet included, in ms: the median of all chirps.
    pub mouth_to_ear_ms: Option<f64>,
    /// The longest of them.
    pub mouth_to_ear_max_ms: Option<f64>,
    /// From our mouth back to our ear where the other side echoes, in ms: the median.
    pub echo_ms: Option<f64>,
    /// Whether the other side hung up.
    pub they_hung_up: bool,
    /// Whether the call was lost by the network, or the other side went away without a word.
    pub was_cut: bool,
    /// Keys that the other side pressed (RFC 4733), in order.
    pub keys_heard: String,
    /// When the recording stood still because the other side was waited for, since the pick-up.
    #[serde(skip)]
    pub stood: Vec<(Duration, Duration)>,
    /// By how much our own clock was late at worst, in ms; much of it makes the other figures ours.
    pub late_ms: f64,
}

impl CallReport {
    /// It was answered and something was heard.
    pub fn is_good(&self) -> bool {
        self.status == OK && self.heard_s > 0.0
    }

    fn of_answered(&self, value: f64) -> Option<f64> {
        (self.status == OK).then_some(value)
    }

    /// A tenth of a millisecond is as much as is known.
    fn rounded(mut self) -> CallReport {
        let tenth = |value: &mut f64| *value = (*value * 10.0).round() / 10.0;
        let all = [&mut self.ring_ms, &mut self.answer_ms, &mut self.first_sound_ms, &mut self.round_trip_ms, &mut self.mouth_to_ear_ms];
        all.into_iter().flatten().for_each(tenth);
        [&mut self.mouth_to_ear_max_ms, &mut self.echo_ms].into_iter().flatten().for_each(tenth);
        [&mut self.jitter_ms, &mut self.late_ms].into_iter().for_each(tenth);
        for secs in [&mut self.talked_s, &mut self.sent_s, &mut self.heard_s, &mut self.longest_silence_s] {
            *secs = (*secs * 100.0).round() / 100.0;
        }
        self
    }
}

/// SIP status of a call that stands.
const OK: u16 = 200;

/// Calls, and stays until the call is over.
pub async fn place(sip: &SipEdge, dialling: Dialling, part: Part) -> CallReport {
    place_with(sip, dialling, part, Tools::default()).await
}

/// As [`place`], with a tester's tools.
pub async fn place_with(sip: &SipEdge, dialling: Dialling, part: Part, tools: Tools) -> CallReport {
    let giving_up = tokio::time::sleep(dialling.ring_limit);
    tokio::pin!(giving_up);
    // The edge waits for the end of a transaction (32 s) where nobody is there at all; we don't.
    let mut begun = Begun::new(sip.dial(Dialling { ring_limit: dialling.ring_limit + GOODBYE, ..dialling }));
    loop {
        let event = tokio::select! {
            () = &mut giving_up => return begun.stop(hang_up()).await,
            () = tools.stop.cancelled() => return begun.stop(hang_up()).await,
            event = begun.leg.events.recv() => event,
        };
        let Some(event) = event else { return begun.report };
        if begun.on_event(event) {
            return begun.talk(part, tools).await;
        }
    }
}

/// Lets it ring for so long, picks up, and stays until the call is over.
pub async fn attend(leg: Leg, ring: Duration, part: Part) -> CallReport {
    attend_with(leg, ring, part, Tools::default()).await
}

/// As [`attend`], with a tester's tools.
pub async fn attend_with(leg: Leg, ring: Duration, part: Part, tools: Tools) -> CallReport {
    let mut begun = Begun::new(leg);
    // If it fails, the caller has left already, and the events say so.
    let _ = begun.leg.commands.send(LegCommand::Ring).await;
    let answering = tokio::time::sleep(ring);
    tokio::pin!(answering);
    let mut is_answered = false;
    loop {
        let event = tokio::select! {
            () = &mut answering, if !is_answered => {
                is_answered = true;
                let _ = begun.leg.commands.send(LegCommand::Answer).await;
                continue;
            }
            () = tools.stop.cancelled() => {
                let refused = LegCommand::Refuse { status: TEMPORARILY_UNAVAILABLE, retry_after_s: None, contact: None };
                return begun.stop(if is_answered { hang_up() } else { refused }).await;
            }
            event = begun.leg.events.recv() => event,
        };
        let Some(event) = event else { return begun.report };
        if begun.on_event(event) {
            return begun.talk(part, tools).await;
        }
    }
}

fn hang_up() -> LegCommand {
    LegCommand::HangUp { cause: NORMAL_CLEARING, text: "done".into() }
}

/// A call from its first message on.
struct Begun {
    leg: Leg,
    started: Instant,
    sound: Option<RtpLeg>,
    report: CallReport,
}

impl Begun {
    fn new(leg: Leg) -> Begun {
        Begun { leg, started: Instant::now(), sound: None, report: CallReport::default() }
    }

    /// True once the call stands.
    fn on_event(&mut self, event: LegEvent) -> bool {
        let since = Some(self.started.elapsed().as_secs_f64() * 1_000.0);
        match event {
            LegEvent::Ringing => self.report.ring_ms = self.report.ring_ms.or(since),
            LegEvent::Media { plan, wire } => self.on_media(&plan, wire),
            LegEvent::Answered => {
                self.report.answer_ms = since;
                self.report.status = OK;
                return true;
            }
            LegEvent::Refused { status, reason } => {
                self.report.status = status;
                self.report.reason = Some(reason);
            }
            LegEvent::Gone(gone) => self.on_gone(gone),
            LegEvent::Key(_)
            | LegEvent::Referred { .. }
            | LegEvent::Moved(_)
            | LegEvent::Unmovable
            | LegEvent::Replaced(_)
            | LegEvent::Brought(_) => {}
        }
        false
    }

    fn on_gone(&mut self, gone: Gone) {
        match gone {
            Gone::HungUp => self.report.they_hung_up = true,
            Gone::Lost => self.report.was_cut = true,
        }
    }

    fn on_media(&mut self, plan: &MediaPlan, wire: Option<Wire>) {
        self.report.codec = Some(plan.codec);
        match (self.sound.as_mut(), wire) {
            (Some(rtp), _) => rtp.change(plan),
            (None, Some(wire)) => match RtpLeg::open(wire, plan, RATE) {
                Ok(rtp) => self.sound = Some(rtp),
                Err(error) => tracing::error!(%error, "no sound"),
            },
            (None, None) => {}
        }
    }

    /// Ends it, and waits until the other side knows.
    async fn stop(mut self, command: LegCommand) -> CallReport {
        // If it fails, the leg is over already.
        let _ = self.leg.commands.send(command).await;
        let goodbye = async { while self.leg.events.recv().await.is_some() {} };
        if tokio::time::timeout(GOODBYE, goodbye).await.is_err() {
            tracing::debug!("the other side did not confirm that we have hung up");
        }
        if self.report.status == 0 {
            self.report.reason = Some("given up by us".into());
        }
        self.report.rounded()
    }

    /// Stays until one of them hangs up. Each tick has its moment, and one that comes late is made up for.
    async fn talk(mut self, part: Part, tools: Tools) -> CallReport {
        let mut party = Party::new(part, tools.probe.map(Probe::new));
        let mut tape = Tape::open(tools.record.as_deref());
        let began = tokio::time::Instant::now();
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).map_or(Time::ZERO, |since| Time::ZERO + since);
        let mut ticks = tokio::time::interval_at(began, Duration::from_millis(FRAME_MILLIS));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut arrivals = Arrivals::of(self.sound.as_ref());
        loop {
            let leaves = tokio::select! {
                biased;
                due = ticks.tick() => {
                    self.report.late_ms = self.report.late_ms.max(due.elapsed().as_secs_f64() * 1_000.0);
                    self.tick(&mut party, &mut tape, Time::ZERO + began.elapsed(), wall + (due - began));
                    if party.has_said_all() {
                        tools.said.cancel();
                    }
                    party.leaves()
                }
                () = tools.stop.cancelled() => true,
                () = arrivals.next() => {
                    arrivals.take(self.sound.as_mut(), Time::ZERO + began.elapsed());
                    false
                }
                event = self.leg.events.recv() => match event {
                    Some(LegEvent::Gone(gone)) => {
                        self.on_gone(gone);
                        break;
                    }
                    Some(LegEvent::Media { plan, wire }) => {
                        self.on_media(&plan, wire);
                        arrivals = Arrivals::of(self.sound.as_ref());
                        false
                    }
                    Some(_) => false,
                    None => {
                        self.report.they_hung_up = true;
                        break;
                    }
                },
            };
            if leaves {
                self.note(&party);
                tape.finish();
                return self.stop(hang_up()).await;
            }
        }
        self.note(&party);
        tape.finish();
        self.report.rounded()
    }

    fn tick(&mut self, party: &mut Party, tape: &mut Tape, now: Time, wall: Time) {
        let mut heard = None;
        if let Some(sound) = &mut self.sound {
            sound.receive(now);
            heard = sound.play_out(now);
            self.report.keys_heard.extend(std::iter::from_fn(|| sound.key()).map(Key::label));
        }
        let said = party.tick(heard.as_ref(), wall);
        tape.push(&said, heard.as_ref());
        if let Some(sound) = &mut self.sound {
            while let Some(key) = party.key() {
                sound.send_key(key);
            }
            sound.send(Some(&said), now);
        }
    }

    fn note(&mut self, party: &Party) {
        party.note(&mut self.report);
        let Some(sound) = &self.sound else { return };
        let stats = sound.stats();
        self.report.received = stats.received;
        self.report.lost = stats.jitter_buffer.lost;
        self.report.jitter_ms = stats.jitter_ms;
        self.report.their_loss = stats.peer.map(|peer| peer.lost);
        self.report.round_trip_ms = stats.peer.and_then(|peer| peer.round_trip_ms);
    }
}

/// Tells when a packet comes, so that jitter is that of the network and not of our ticks.
struct Arrivals {
    socket: Option<tokio::net::UdpSocket>,
}

impl Arrivals {
    fn of(sound: Option<&RtpLeg>) -> Arrivals {
        // Without it packets are taken on each tick.
        let socket = sound
            .and_then(|sound| sound.wire().rtp().and_then(std::net::UdpSocket::try_clone).ok())
            .and_then(|socket| tokio::net::UdpSocket::from_std(socket).ok());
        Arrivals { socket }
    }

    async fn next(&self) {
        match &self.socket {
            Some(socket) => drop(socket.readable().await),
            None => std::future::pending().await,
        }
    }

    /// Takes what has come, and waits for more.
    fn take(&self, sound: Option<&mut RtpLeg>, now: Time) {
        let (Some(socket), Some(sound)) = (&self.socket, sound) else { return };
        // The leg reads until nothing is left; saying so arms the next wait.
        let _ = socket.try_io(Interest::READABLE, || {
            sound.receive(now);
            Err::<(), _>(std::io::ErrorKind::WouldBlock.into())
        });
    }
}

fn is_audible(frame: &Frame) -> bool {
    frame.samples().iter().any(|sample| sample.unsigned_abs() >= AUDIBLE_PEAK)
}
