//! Transfers through the whole gateway: an agent on a phone sends a caller on, whose own phone (sipp) allows no REFER, or leaves the call to
//! another phone. Everything is on loopback; every wait is for an event, with a deadline.

use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::likeness::{Likeness, speech};
use crate::peers::{Peer, Room, free_media_port};
use crate::phones::{PATIENCE, accepts, dialling, finished, gateway, in_time, part, phone, until, until_they_talk};
use crate::raw::{Raw, header, sdp, sound_of};
use crate::traps::{Line, Seen, Talk, has, talk_with, what_callers_say};
use segue::base::{AgentId, CallOutcome, EndedBy, HandoffClock, HandoffOutcome, Happening, StageName};
use segue::cmd::live::Running;
use segue::edge::{LEG_QUEUE, Leg, LegCommand, LegEvent, MediaPlan, MediaSockets};
use segue::gateway::live::call::Finished;
use segue::replay::caller::{self, CallReport};
use segue::sound::codec::Codec;
use tokio::sync::mpsc::{Sender, channel};

/// A caller whose phone does not allow REFER, who echoes what they hear, and stays until they are hung up on.
fn caller_without_refer(running: &Running, room: &Room) -> Option<Peer> {
    let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sipp/caller_without_refer.xml");
    let filled = std::fs::read_to_string(scenario).unwrap().replace("m=audio 6000", "m=audio [media_port]");
    let mut command = Command::new("sipp");
    command.arg("-sf").arg(room.file("caller.xml", filled)).args(["-t", "u1", "-i", "127.0.0.1", "-m", "1", "-nostdin", "-rtp_echo"]);
    command.args(["-mi", "127.0.0.1", "-mp", &free_media_port().to_string(), "-timeout", "90", "-timeout_error"]);
    Peer::start(command.arg(running.sip.local().to_string()), "sip-tester")
}

fn joined(finished: &Finished) -> Vec<AgentId> {
    let joined = finished.records.iter().filter_map(|record| match &record.kind {
        Happening::LegJoined { agent, .. } => agent.clone(),
        _ => None,
    });
    joined.collect()
}

/// The agent, who stays for so long at most, takes the caller and sends them to `target`: what became of the agent's phone and of the call.
async fn transferred(name: &str, target: String, stays_secs: u64) -> Option<(CallReport, Finished)> {
    let (agent, mut rung) = phone().await;
    let mut running = gateway(&[agent.local()], "").await;
    let mut records = running.gateway.watch();
    let room = Room::new(name);
    let sipp = caller_without_refer(&running, &room)?;
    let invited = in_time(rung.recv()).await.unwrap();
    let commands = invited.leg.commands.clone();
    let agent = tokio::spawn(caller::attend(invited.leg, Duration::from_millis(100), accepts(Duration::from_millis(1_500), part(stays_secs))));
    let talks = |kind: &Happening| matches!(kind, Happening::ClockReached { clock: HandoffClock::T5, .. });
    until(&mut records, talks).await;
    commands.send(LegCommand::Refer { target, user_to_user: None }).await.unwrap();
    drop(commands);
    let agent = in_time(agent).await.unwrap();
    let output = in_time(tokio::task::spawn_blocking(move || sipp.ended())).await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some((agent, finished(&mut running).await))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_can_not_be_sent_on_is_put_through_to_who_is_outside_and_the_agent_is_free() {
    let (outside, mut rung) = phone().await;
    let target = format!("sip:bea@{}", outside.local());
    let talking = tokio::spawn(async move {
        let invited = in_time(rung.recv()).await.unwrap();
        let is_told = invited.data.iter().any(|(name, _)| name == "user_to_user");
        (is_told, caller::attend(invited.leg, Duration::from_millis(300), part(4)).await)
    });
    let Some((agent, finished)) = transferred("put-through", target, 40).await else { return };
    let (is_told, outside) = talking.await.unwrap();
    assert!(is_told, "whoever gets the caller is told the packet's key");
    assert!(agent.they_hung_up && agent.talked_s < 20.0, "{agent:?}");
    assert!(outside.heard_s > 2.0, "{outside:?}");
    assert_eq!(joined(&finished), ["agent-1".into(), AgentId::from("outside line")]);
    assert!(finished.records.iter().any(|record| matches!(&record.kind, Happening::HandoffEnded { by: EndedBy::Agent, .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn when_nobody_outside_takes_the_caller_the_agent_still_has_them() {
    let (outside, mut rung) = phone().await;
    let target = format!("sip:bea@{}", outside.local());
    let refusing = tokio::spawn(async move {
        let invited = in_time(rung.recv()).await.unwrap();
        invited.leg.commands.send(LegCommand::Refuse { status: 486, retry_after_s: None, contact: None }).await.unwrap();
    });
    let Some((agent, finished)) = transferred("not-put-through", target, 8).await else { return };
    refusing.await.unwrap();
    assert!(!agent.they_hung_up && agent.heard_s > 4.0, "{agent:?}");
    assert_eq!(joined(&finished), ["agent-1".into()]);
}

/// A phone whose words the test writes: it is called, in place of another dialog, and picks up. Where its sound is, and its peer's.
fn takes_over(bea: &mut Raw) -> (UdpSocket, SocketAddr) {
    let invite = bea.expect("INVITE");
    assert_eq!((header(&invite, "Replaces"), header(&invite, "Require")), (Some("other@line;to-tag=bea7;from-tag=anna7"), Some("replaces")));
    bea.is_called(&invite);
    bea.answer(&invite, "180 Ringing", "", "");
    let rtp = UdpSocket::bind("127.0.0.1:0").unwrap();
    bea.answer(&invite, "200 OK", "", &sdp(rtp.local_addr().unwrap().port(), 0, "sendrecv"));
    bea.expect("ACK");
    (rtp, sound_of(&invite))
}

/// Somebody who talks on this socket, in G.711 with this peer, until the sender is dropped.
async fn talks((rtp, remote): (UdpSocket, SocketAddr), says: Vec<i16>) -> (Line, Sender<LegEvent>) {
    let (rtcp, codec) = (UdpSocket::bind("127.0.0.1:0").unwrap(), Codec::Pcmu);
    rtp.set_nonblocking(true).unwrap();
    rtcp.set_nonblocking(true).unwrap();
    let plan = MediaPlan {
        remote,
        remote_rtcp: remote,
        codec,
        payload: 0,
        payload_in: 0,
        event_payload: None,
        event_payload_in: None,
        event_clock_hz: 8_000,
        comfort_noise: false,
        sends: true,
        receives: true,
        ptime_ms: 20,
        srtp: None,
    };
    let ((commands, _), (told, events)) = (channel(LEG_QUEUE), channel(LEG_QUEUE));
    let line = Line::new(Leg { commands, events }, says, &[]);
    told.send(LegEvent::Media { plan, wire: Some(MediaSockets { rtp, rtcp }.into()) }).await.unwrap();
    told.send(LegEvent::Answered).await.unwrap();
    (line, told)
}

/// The caller and who has taken them over on this phone talk, and hear each other, until the caller hangs up.
async fn talk_to_the_end(mut caller: Line, (phone, line, over): (Raw, Line, Sender<LegEvent>), says: &[i16], running: &mut Running) -> Finished {
    caller.goes_on(12).await;
    caller.hang_up().await;
    in_time(tokio::task::spawn_blocking(move || phone.expect_and_take("BYE"))).await.unwrap();
    drop(over);
    let (of_caller, of_other) = (caller.heard().await, line.heard().await);
    let latest = of_caller.len().saturating_sub(10 * 8_000);
    Likeness::of(says, &of_caller[latest..]).must_be_good("the caller hears who has taken them over");
    Likeness::of(&what_callers_say(), &of_other).must_be_good("who has taken the caller over hears them");
    let finished = finished(running).await;
    let bridged = |h: &Happening| matches!(h, Happening::CallEnded { outcome: CallOutcome::Bridged, by: EndedBy::Caller, .. });
    assert!(has(&finished, bridged), "{:?}", finished.records.last());
    finished
}

/// An attended transfer (REFER with Replaces) from end to end: whom the agent's phone has talked to on another line hears the caller.
#[tokio::test(flavor = "multi_thread")]
async fn whom_an_agent_has_asked_on_another_line_takes_the_caller_over_and_the_agent_is_free() {
    let Talk { caller, mut agent, mut running, .. } = talk_with(&[], "").await;
    let mut bea = Raw::new(running.sip.local(), "bea").patient(PATIENCE.as_secs());
    agent.refer(&format!("sip:bea@{}?Replaces=other%40line%3Bto-tag%3Dbea7%3Bfrom-tag%3Danna7", bea.at)).await;
    let (bea, sound) = tokio::task::spawn_blocking(move || {
        let sound = takes_over(&mut bea);
        (bea, sound)
    })
    .await
    .unwrap();
    let bea_says = speech(&["bot-fails-twice-caller-declines", "nobody-on-duty", "fraud", "gets-loud"]);
    let (line, over) = talks(sound, bea_says.clone()).await;
    assert_eq!(agent.sees().await, Seen::Moved(true), "the agent's phone is told");
    agent.heard().await;
    let finished = talk_to_the_end(caller, (bea, line, over), &bea_says, &mut running).await;
    assert_eq!(joined(&finished), ["agent-1".into(), AgentId::from("outside line")]);
    assert!(has(&finished, |h| matches!(h, Happening::HandoffEnded { outcome: HandoffOutcome::Bridged, .. })), "{:?}", finished.records);
}

/// INVITE with Replaces (RFC 3891) from end to end: an agent goes on with the caller on their other phone.
#[tokio::test(flavor = "multi_thread")]
async fn an_agent_takes_the_call_over_on_another_phone() {
    let (caller_phone, _rung) = phone().await;
    let desk = Raw::new(SocketAddr::from(([127, 0, 0, 1], 9)), "desk");
    let mut running = gateway(&[desk.at], "").await;
    let mut records = running.gateway.watch();
    let leg = caller_phone.dial(dialling(&caller_phone, &format!("sip:1000@{}", running.sip.local()), Codec::Pcmu));
    let caller = Line::new(leg, what_callers_say(), &[]);
    let edge = running.sip.local();
    let mut desk = desk.towards(edge).patient(PATIENCE.as_secs());
    let mut desk = in_time(tokio::task::spawn_blocking(move || {
        desk.picks_up("", 6_000);
        desk
    }))
    .await
    .unwrap();
    until(&mut records, |h| matches!(h, Happening::StageEntered { stage: StageName::Briefing })).await;
    desk.presses('1');
    until(&mut records, |h| matches!(h, Happening::StageEntered { stage: StageName::Bridged })).await;
    let rtp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = rtp.local_addr().unwrap().port();
    let (mobile, answer) = in_time(tokio::task::spawn_blocking(move || {
        let mut mobile = Raw::new(edge, "mobile").patient(PATIENCE.as_secs());
        let answer = mobile.calls(&format!("Replaces: {};to-tag={};from-tag={}\r\n", desk.call, desk.their_tag, desk.tag), port);
        desk.expect_and_take("BYE");
        (mobile, answer)
    }))
    .await
    .unwrap();
    let says = speech(&["repeats-the-question", "nobody-on-duty", "gets-loud"]);
    let (line, over) = talks((rtp, sound_of(&answer)), says.clone()).await;
    until_they_talk(&mut records).await;
    let finished = talk_to_the_end(caller, (mobile, line, over), &says, &mut running).await;
    assert_eq!(joined(&finished), ["agent-1".into()], "it is the same agent");
}
