//! The traps of call handling that need a network, on live calls: who transfers and leaves at once, who changes their stream,
//! who holds, whose target is no `sip:` URI. That a caller gets one stream through music and bridge (trap 11) is in `calls`,
//! keys whose numbers differ (trap 13) are in `keys`, and what phones say word by word is in `tests/sip`.

use std::net::SocketAddr;
use std::time::Duration;

use crate::likeness::{Likeness, speech};
use crate::phones::{dialling, finished, gateway, in_time, outcomes, phone, until, until_they_talk};
use segue::base::{CallOutcome, EndedBy, Frame, HandoffClock, Happening, Key, OfferOutcome, Rate, Record, StageName, Time};
use segue::cmd::live::Running;
use segue::edge::rtp::RtpLeg;
use segue::edge::{Invited, Leg, LegCommand, LegEvent, Wire};
use segue::gateway::live::call::Finished;
use segue::sound::codec::{Codec, Encoder, MAX_ENCODED};
use segue::sound::rtp::Packet;
use tokio::sync::mpsc::{Receiver, Sender, UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{broadcast, watch};
use tokio::task::JoinHandle;

const TICK: Duration = Duration::from_millis(20);
/// Samples of a frame.
const FRAME: usize = 160;

/// A phone in a call, which does what the test says.
pub struct Line {
    commands: Sender<LegCommand>,
    events: UnboundedReceiver<Seen>,
    /// Frames that it has heard so far, silent ones too.
    frames: watch::Receiver<u64>,
    /// What it has heard, once the call is over.
    heard: JoinHandle<Vec<i16>>,
}

/// What it was told.
#[derive(Debug, PartialEq)]
pub enum Seen {
    Referred(String),
    Moved(bool),
    /// Sound was agreed on anew; true if we are heard.
    Changed(bool),
}

impl Line {
    /// Says this from the pick-up on, and presses keys so long after it.
    pub fn new(leg: Leg, says: Vec<i16>, keys: &[(u64, char)]) -> Line {
        let commands = leg.commands.clone();
        let (sender, events) = unbounded_channel();
        let (count, frames) = watch::channel(0);
        let keys = keys.iter().map(|(ms, label)| (Duration::from_millis(*ms), Key::new(*label).unwrap())).collect();
        Line { commands, events, frames, heard: tokio::spawn(talk(leg, says, keys, (sender, count))) }
    }

    /// Picks up the next call of this phone.
    async fn picks_up(rung: &mut Receiver<Invited>, says: Vec<i16>, keys: &[(u64, char)]) -> Line {
        let invited = in_time(rung.recv()).await.unwrap();
        invited.leg.commands.send(LegCommand::Answer).await.unwrap();
        Line::new(invited.leg, says, keys)
    }

    async fn ask(&self, command: LegCommand) {
        self.commands.send(command).await.unwrap();
    }

    pub async fn refer(&self, target: &str) {
        self.ask(LegCommand::Refer { target: target.into(), user_to_user: None }).await;
    }

    pub async fn hang_up(&self) {
        self.ask(LegCommand::HangUp { cause: 16, text: "done".into() }).await;
    }

    pub async fn sees(&mut self) -> Seen {
        in_time(self.events.recv()).await.expect("the call goes on")
    }

    /// Goes on for so long.
    pub async fn goes_on(&mut self, secs: u64) {
        let until = *self.frames.borrow() + secs * 50;
        in_time(self.frames.wait_for(|frames| *frames >= until)).await.expect("the call goes on");
    }

    /// Where it is sent, without the key of the packet, which may follow.
    async fn is_sent_to(&mut self) -> String {
        match self.sees().await {
            Seen::Referred(target) => target.split("?User-to-User=").next().unwrap_or_default().to_owned(),
            other => panic!("{other:?} instead of a transfer"),
        }
    }

    pub async fn heard(self) -> Vec<i16> {
        in_time(self.heard).await.unwrap()
    }
}

async fn talk(mut leg: Leg, says: Vec<i16>, mut keys: Vec<(Duration, Key)>, (seen, count): (UnboundedSender<Seen>, watch::Sender<u64>)) -> Vec<i16> {
    let mut says = says.chunks(FRAME).map(|frame| Frame::from_samples(Rate::Hz8000, frame)).collect::<Vec<_>>().into_iter();
    let mut ticks = tokio::time::interval(TICK);
    let (mut rtp, mut heard, mut answered) = (None::<RtpLeg>, Vec::new(), None);
    let began = tokio::time::Instant::now();
    loop {
        tokio::select! {
            _ = ticks.tick() => {
                let (Some(rtp), Some(answered)) = (&mut rtp, answered) else { continue };
                let now = Time::ZERO + began.elapsed();
                rtp.receive(now);
                heard.extend(rtp.play_out(now).map_or(vec![0; FRAME], |frame| frame.samples().to_vec()));
                if let Some((_, key)) = keys.first().filter(|(at, _)| now.since(answered) >= *at) {
                    rtp.send_key(*key);
                    keys.remove(0);
                }
                count.send_modify(|frames| *frames += 1);
                rtp.send(Some(&says.next().unwrap_or(Frame::silence(Rate::Hz8000))), now);
            }
            event = leg.events.recv() => match event {
                Some(LegEvent::Media { plan, wire: Some(wire) }) => rtp = RtpLeg::open(wire, &plan, Rate::Hz8000).ok(),
                Some(LegEvent::Media { plan, wire: None }) => {
                    let _ = seen.send(Seen::Changed(plan.sends));
                    if let Some(rtp) = &mut rtp {
                        rtp.change(&plan);
                    }
                }
                Some(LegEvent::Answered) => answered = Some(Time::ZERO + began.elapsed()),
                Some(LegEvent::Referred { target }) => drop(seen.send(Seen::Referred(target))),
                Some(LegEvent::Moved(well)) => drop(seen.send(Seen::Moved(well))),
                Some(LegEvent::Gone(_) | LegEvent::Refused { .. }) | None => return heard,
                Some(_) => {}
            },
        }
    }
}

pub fn has(finished: &Finished, what: impl Fn(&Happening) -> bool) -> bool {
    finished.records.iter().any(|record| what(&record.kind))
}

pub fn what_callers_say() -> Vec<i16> {
    speech(&["asks-for-a-person", "gets-loud", "fraud", "calm-served-by-the-bot", "bot-fails-twice-caller-declines"])
}

fn what_agents_say() -> Vec<i16> {
    speech(&["repeats-the-question", "nobody-on-duty", "gets-loud", "asks-for-a-person", "fraud"])
}

/// A caller and an agent who talk with each other; more agents are on the phones of `others`.
pub struct Talk {
    pub caller: Line,
    pub agent: Line,
    pub running: Running,
    pub records: broadcast::Receiver<Record>,
}

pub async fn talk_with(others: &[SocketAddr], more: &str) -> Talk {
    let (agent_phone, mut rung) = phone().await;
    let (caller_phone, _rung) = phone().await;
    let agents = [&[agent_phone.local()], others].concat();
    let running = gateway(&agents, more).await;
    let mut records = running.gateway.watch();
    let leg = caller_phone.dial(dialling(&caller_phone, &format!("sip:1000@{}", running.sip.local()), Codec::Pcmu));
    let caller = Line::new(leg, what_callers_say(), &[]);
    let agent = Line::picks_up(&mut rung, what_agents_say(), &[(500, '1')]).await;
    until_they_talk(&mut records).await;
    Talk { caller, agent, running, records }
}

/// Where a target is no `sip:` URI; nothing of it may get lost.
const TEL: &str = "tel:+1-201-555-0123;phone-context=example.com";

#[tokio::test(flavor = "multi_thread")]
async fn trap_10_22_23_who_transfers_may_leave_at_once_and_the_caller_is_sent_to_the_target_as_it_is_written() {
    let Talk { mut caller, agent, mut running, .. } = talk_with(&[], "").await;
    agent.refer(TEL).await;
    assert_eq!(caller.is_sent_to().await, TEL);
    agent.hang_up().await;
    agent.heard().await;
    // The target answers the caller's phone, which says so and leaves.
    caller.ask(LegCommand::Referral { status: 200 }).await;
    let finished = finished(&mut running).await;
    caller.heard().await;
    assert!(has(&finished, |h| matches!(h, Happening::CallEnded { outcome: CallOutcome::Bridged, .. })), "{:?}", finished.records.last());
    assert_eq!(outcomes(&finished), [("agent-1".to_owned(), OfferOutcome::Accepted)], "nobody else is rung");
}

#[tokio::test(flavor = "multi_thread")]
async fn trap_10_a_caller_whom_the_target_does_not_take_after_the_agent_has_left_gets_the_next_agent() {
    let (second, mut second_rung) = phone().await;
    let Talk { mut caller, agent, mut running, mut records } = talk_with(&[second.local()], "").await;
    agent.refer("sip:2000@192.0.2.1").await;
    assert_eq!(caller.is_sent_to().await, "sip:2000@192.0.2.1");
    agent.hang_up().await;
    agent.heard().await;
    caller.ask(LegCommand::Referral { status: 486 }).await;
    let second = Line::picks_up(&mut second_rung, what_agents_say(), &[(500, '1')]).await;
    until_they_talk(&mut records).await;
    caller.hang_up().await;
    second.heard().await;
    let finished = finished(&mut running).await;
    let settled = [("agent-1".to_owned(), OfferOutcome::Accepted), ("agent-2".to_owned(), OfferOutcome::Accepted)];
    assert_eq!(outcomes(&finished), settled);
    assert!(has(&finished, |h| matches!(h, Happening::CallEnded { by: EndedBy::Caller, .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn trap_23_24_after_a_transfer_that_failed_the_agent_is_told_and_nobody_stays_on_hold() {
    let Talk { mut caller, mut agent, mut running, .. } = talk_with(&[], "").await;
    // As phones do it: hold, ask, and take the call back when it went wrong.
    agent.ask(LegCommand::Hold(true)).await;
    assert!(matches!(agent.sees().await, Seen::Changed(_)));
    agent.refer("sip:2000@192.0.2.1").await;
    assert_eq!(caller.is_sent_to().await, "sip:2000@192.0.2.1");
    caller.ask(LegCommand::Referral { status: 603 }).await;
    assert_eq!(agent.sees().await, Seen::Moved(false));
    agent.ask(LegCommand::Hold(false)).await;
    assert_eq!(agent.sees().await, Seen::Changed(true));
    // Enough to tell, and then the caller leaves.
    caller.goes_on(7).await;
    caller.hang_up().await;
    let (of_caller, of_agent) = (caller.heard().await, agent.heard().await);
    let finished = finished(&mut running).await;
    assert_eq!(outcomes(&finished), [("agent-1".to_owned(), OfferOutcome::Accepted)]);
    let latest = |heard: &[i16]| heard[heard.len().saturating_sub(6 * 8_000)..].to_vec();
    Likeness::of(&what_agents_say(), &latest(&of_caller)).must_be_good("the caller hears the agent again");
    Likeness::of(&what_callers_say(), &latest(&of_agent)).must_be_good("the agent hears the caller again");
}

#[tokio::test(flavor = "multi_thread")]
async fn trap_23_a_caller_whose_phone_never_tells_how_it_went_is_with_the_agent_again() {
    let Talk { mut caller, agent, mut running, mut records } = talk_with(&[], "").await;
    agent.refer("sip:2000@192.0.2.1").await;
    assert_eq!(caller.is_sent_to().await, "sip:2000@192.0.2.1");
    until(&mut records, |h| matches!(h, Happening::StageEntered { stage: StageName::Transfer })).await;
    until(&mut records, |h| matches!(h, Happening::StageEntered { stage: StageName::Bridged })).await;
    caller.hang_up().await;
    agent.heard().await;
    let finished = finished(&mut running).await;
    assert!(has(&finished, |h| matches!(h, Happening::CallEnded { by: EndedBy::Caller, .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn trap_14_a_caller_who_holds_is_not_lost_and_is_heard_when_they_come_back() {
    let Talk { mut caller, agent, mut running, .. } = talk_with(&[], "[gateway]\nmedia_timeout_secs = 2.0\n").await;
    caller.ask(LegCommand::Hold(true)).await;
    assert!(matches!(caller.sees().await, Seen::Changed(_)));
    caller.goes_on(4).await;
    caller.ask(LegCommand::Hold(false)).await;
    assert_eq!(caller.sees().await, Seen::Changed(true));
    caller.goes_on(7).await;
    caller.hang_up().await;
    let (of_caller, of_agent) = (caller.heard().await, agent.heard().await);
    let finished = finished(&mut running).await;
    assert!(has(&finished, |h| matches!(h, Happening::CallEnded { by: EndedBy::Caller, .. })), "{:?}", finished.records.last());
    let latest = |heard: &[i16]| heard[heard.len().saturating_sub(6 * 8_000)..].to_vec();
    Likeness::of(&what_agents_say(), &latest(&of_caller)).must_be_good("the caller hears the agent again");
    Likeness::of(&what_callers_say(), &latest(&of_agent)).must_be_good("the agent hears the caller again");
}

#[tokio::test(flavor = "multi_thread")]
async fn trap_12_a_caller_whose_stream_begins_anew_goes_on_to_be_heard() {
    let (agent_phone, mut rung) = phone().await;
    let (caller_phone, _rung) = phone().await;
    let mut running = gateway(&[agent_phone.local()], "").await;
    let mut records = running.gateway.watch();
    let mut leg = caller_phone.dial(dialling(&caller_phone, &format!("sip:1000@{}", running.sip.local()), Codec::Pcma));
    let (plan, sockets) = loop {
        if let LegEvent::Media { plan, wire: Some(Wire::Sockets(sockets)) } = in_time(leg.events.recv()).await.unwrap() {
            break (plan, sockets);
        }
    };
    let agent = Line::picks_up(&mut rung, Vec::new(), &[(500, '1')]).await;
    let mut encoder = Encoder::new(Codec::Pcma, Rate::Hz8000).unwrap();
    let (mut payload, mut datagram) = ([0; MAX_ENCODED], [0; 400]);
    let said = what_callers_say();
    let mut ticks = tokio::time::interval(TICK);
    // High numbers first, low ones later: whoever keeps to the old stream takes what comes for late.
    let streams = [(7_u32, 60_000_u16), (8, 3), (9, 40_000)];
    let (frames, mut bridged_at) = (said.chunks_exact(FRAME).collect::<Vec<_>>(), None);
    for (n, frame) in frames.iter().enumerate() {
        ticks.tick().await;
        while let Ok(record) = records.try_recv() {
            if matches!(record.kind, Happening::ClockReached { clock: HandoffClock::T5, .. }) {
                bridged_at = Some(n);
            }
        }
        // 5 s each from when they talk on.
        let turn = bridged_at.map_or(0, |at| (n - at) / 250);
        let Some((ssrc, first)) = streams.get(turn) else { break };
        let length = encoder.encode(&Frame::from_samples(Rate::Hz8000, frame), &mut payload);
        let sequence = first.wrapping_add(n as u16);
        let packet = Packet {
            marker: n == 0,
            payload_type: 8,
            sequence,
            timestamp: ssrc * 1_000_000 + n as u32 * 160,
            ssrc: *ssrc,
            payload: &payload[..length],
        };
        let length = packet.encode(&mut datagram).unwrap();
        sockets.rtp.send_to(&datagram[..length], plan.remote).unwrap();
    }
    leg.commands.send(LegCommand::HangUp { cause: 16, text: "done".into() }).await.unwrap();
    let heard = agent.heard().await;
    finished(&mut running).await;
    let at = bridged_at.expect("they talk");
    for turn in 0..streams.len() {
        let said: Vec<i16> = frames[at + turn * 250..at + (turn + 1) * 250].concat();
        Likeness::of(&said, &heard).must_be_good(&format!("the agent hears stream {turn}"));
    }
}
