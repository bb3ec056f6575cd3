//! A test caller and a test agent on real phone calls: they play recordings, press keys, and say what they heard.
//!
//! [`place`] calls, [`attend`] picks up; both give a [`CallReport`]. A caller may be patient: [`Manners::Turns`] plays
//! one utterance of the recording, waits until the other side has spoken, and goes on.

mod script;

use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::sync::mpsc::Receiver;
use tokio::time::MissedTickBehavior;

use crate::base::{FRAME_MILLIS, Frame, Key, Rate, Time};
use crate::edge::rtp::RtpLeg;
use crate::edge::sip::{Dialling, SipEdge};
use crate::edge::{Leg, LegCommand, LegEvent};

pub use script::Script;

/// The rate of recordings.
pub const RATE: Rate = Rate::Hz8000;
/// A frame counts as heard from this peak on (about −40 dBFS).
const AUDIBLE_PEAK: u16 = 330;
/// Q.850 cause of a call that ended in the ordinary way.
const NORMAL_CLEARING: u16 = 16;

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
    pub recording: Vec<i16>,
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
    /// Whether the other side hung up.
    pub they_hung_up: bool,
}

/// Calls, and stays until the call is over.
pub async fn place(sip: &SipEdge, dialling: Dialling, part: Part) -> CallReport {
    let started = Instant::now();
    let mut leg = sip.dial(dialling);
    let mut report = CallReport::default();
    let since = |started: Instant| Some(started.elapsed().as_secs_f64() * 1_000.0);
    let mut sound = None;
    while let Some(event) = leg.events.recv().await {
        match event {
            LegEvent::Ringing => report.ring_ms = report.ring_ms.or(since(started)),
            LegEvent::Media { plan, sockets } => open(&mut sound, &plan, sockets),
            LegEvent::Answered => {
                report.answer_ms = since(started);
                report.status = 200;
                return talk(leg, sound, part, report).await;
            }
            LegEvent::Refused { status, reason } => {
                report.status = status;
                report.reason = Some(reason);
            }
            LegEvent::Gone(_) | LegEvent::Key(_) | LegEvent::Referred { .. } | LegEvent::Moved(_) => {}
        }
    }
    report
}

/// Lets it ring for so long, picks up, and stays until the call is over.
pub async fn attend(mut leg: Leg, ring: Duration, part: Part) -> CallReport {
    let started = Instant::now();
    let mut report = CallReport::default();
    let mut sound = None;
    // If it fails, the caller has left already, and the events say so.
    let _ = leg.commands.send(LegCommand::Ring).await;
    let answering = tokio::time::sleep(ring);
    tokio::pin!(answering);
    let mut is_answered = false;
    loop {
        let event = tokio::select! {
            () = &mut answering, if !is_answered => {
                is_answered = true;
                let _ = leg.commands.send(LegCommand::Answer).await;
                continue;
            }
            event = leg.events.recv() => event,
        };
        match event {
            Some(LegEvent::Media { plan, sockets }) => open(&mut sound, &plan, sockets),
            Some(LegEvent::Answered) => {
                report.status = 200;
                report.answer_ms = Some(started.elapsed().as_secs_f64() * 1_000.0);
                return talk(leg, sound, part, report).await;
            }
            Some(LegEvent::Gone(_)) => report.they_hung_up = true,
            Some(_) => {}
            None => return report,
        }
    }
}

fn open(sound: &mut Option<RtpLeg>, plan: &crate::edge::MediaPlan, sockets: Option<crate::edge::MediaSockets>) {
    match (sound.as_mut(), sockets) {
        (Some(rtp), _) => rtp.change(plan),
        (None, Some(sockets)) => match RtpLeg::open(sockets, plan, RATE) {
            Ok(rtp) => *sound = Some(rtp),
            Err(error) => tracing::error!(%error, "no sound"),
        },
        (None, None) => {}
    }
}

async fn talk(mut leg: Leg, sound: Option<RtpLeg>, part: Part, report: CallReport) -> CallReport {
    let mut talk = Talk { sound, script: Script::new(&part), part, report, silence: 0, ticks: 0, keys_pressed: 0 };
    let mut ticks = tokio::time::interval(Duration::from_millis(FRAME_MILLIS));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    loop {
        tokio::select! {
            biased;
            _ = ticks.tick() => if talk.tick() {
                let _ = leg.commands.send(LegCommand::HangUp { cause: NORMAL_CLEARING, text: "done".into() }).await;
                drain(&mut leg.events).await;
                break;
            },
            event = leg.events.recv() => match event {
                Some(LegEvent::Media { plan, sockets }) => open(&mut talk.sound, &plan, sockets),
                Some(LegEvent::Gone(_)) | None => {
                    talk.report.they_hung_up = true;
                    break;
                }
                Some(_) => {}
            },
        }
    }
    talk.finish()
}

/// Until the leg's task has said goodbye.
async fn drain(events: &mut Receiver<LegEvent>) {
    while events.recv().await.is_some() {}
}

/// One party in a call that stands.
struct Talk {
    sound: Option<RtpLeg>,
    script: Script,
    part: Part,
    report: CallReport,
    /// Ticks in which nothing was heard.
    silence: u64,
    ticks: u64,
    keys_pressed: usize,
}

impl Talk {
    /// 20 ms; true if the party hangs up.
    fn tick(&mut self) -> bool {
        let at = Duration::from_millis(self.ticks * FRAME_MILLIS);
        let now = Time::from_millis(self.ticks * FRAME_MILLIS);
        self.ticks += 1;
        let Some(sound) = &mut self.sound else { return at >= self.part.longest };
        sound.receive(now);
        let heard = sound.play_out(now);
        while sound.key().is_some() {}
        let is_audible = heard.as_ref().is_some_and(is_audible);
        if is_audible {
            self.report.heard_s += FRAME_MILLIS as f64 / 1_000.0;
            self.report.first_sound_ms.get_or_insert(at.as_secs_f64() * 1_000.0);
            self.silence = 0;
        } else {
            self.silence += 1;
            let silent_s = (self.silence * FRAME_MILLIS) as f64 / 1_000.0;
            self.report.longest_silence_s = self.report.longest_silence_s.max(silent_s);
        }
        while let Some((_, key)) = self.part.keys.get(self.keys_pressed).filter(|(due, _)| *due <= at) {
            sound.send_key(*key);
            self.keys_pressed += 1;
        }
        let said = if self.part.echoes { heard.unwrap_or(Frame::silence(RATE)) } else { self.script.next(is_audible) };
        if self::is_audible(&said) {
            self.report.sent_s += FRAME_MILLIS as f64 / 1_000.0;
        }
        sound.send(Some(&said), now);
        at >= self.part.longest || (self.part.leaves_when_done && self.script.is_done())
    }

    fn finish(mut self) -> CallReport {
        self.report.talked_s = (self.ticks * FRAME_MILLIS) as f64 / 1_000.0;
        if let Some(sound) = &self.sound {
            let stats = sound.stats();
            self.report.received = stats.received;
            self.report.lost = stats.jitter_buffer.lost;
            self.report.jitter_ms = stats.jitter_ms;
        }
        self.report
    }
}

fn is_audible(frame: &Frame) -> bool {
    frame.samples().iter().any(|sample| sample.unsigned_abs() >= AUDIBLE_PEAK)
}
