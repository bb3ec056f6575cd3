//! Transfers through the whole gateway: an agent on a phone sends a caller on, whose own phone (sipp) allows no REFER, or leaves the call to
//! another phone. Everything is on loopback; every wait is for an event, with a deadline.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::peers::{Peer, Room, free_port};
use crate::phones::{PATIENCE, accepts, finished, gateway, part, phone};
use segue::base::{AgentId, EndedBy, HandoffClock, Happening, Record};
use segue::cmd::live::Running;
use segue::edge::LegCommand;
use segue::gateway::live::call::Finished;
use segue::replay::caller::{self, CallReport};

/// A caller whose phone does not allow REFER, who echoes what they hear, and stays until they are hung up on.
fn caller_without_refer(running: &Running, room: &Room) -> Option<Peer> {
    let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sipp/caller_without_refer.xml");
    let filled = std::fs::read_to_string(scenario).unwrap().replace("m=audio 6000", "m=audio [media_port]");
    let mut command = Command::new("sipp");
    command.arg("-sf").arg(room.file("caller.xml", filled)).args(["-t", "u1", "-i", "127.0.0.1", "-m", "1", "-nostdin", "-rtp_echo"]);
    command.args(["-mi", "127.0.0.1", "-mp", &free_port().to_string(), "-timeout", "90", "-timeout_error"]);
    Peer::start(command.arg(running.sip.local().to_string()), "sip-tester")
}

/// Waits until something happens in the call.
async fn until(records: &mut tokio::sync::broadcast::Receiver<Record>, is_it: impl Fn(&Happening) -> bool) {
    let happens = async { while !is_it(&records.recv().await.unwrap().kind) {} };
    tokio::time::timeout(PATIENCE, happens).await.unwrap();
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
    let invited = tokio::time::timeout(PATIENCE, rung.recv()).await.unwrap().unwrap();
    let commands = invited.leg.commands.clone();
    let agent = tokio::spawn(caller::attend(invited.leg, Duration::from_millis(100), accepts(Duration::from_millis(1_500), part(stays_secs))));
    let talks = |kind: &Happening| matches!(kind, Happening::ClockReached { clock: HandoffClock::T5, .. });
    until(&mut records, talks).await;
    commands.send(LegCommand::Refer { target, user_to_user: None }).await.unwrap();
    drop(commands);
    let agent = tokio::time::timeout(PATIENCE, agent).await.unwrap().unwrap();
    let output = tokio::time::timeout(PATIENCE, tokio::task::spawn_blocking(move || sipp.ended())).await.unwrap().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some((agent, finished(&mut running).await))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_can_not_be_sent_on_is_put_through_to_who_is_outside_and_the_agent_is_free() {
    let (outside, mut rung) = phone().await;
    let target = format!("sip:bea@{}", outside.local());
    let talking = tokio::spawn(async move {
        let invited = tokio::time::timeout(PATIENCE, rung.recv()).await.unwrap().unwrap();
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
        let invited = tokio::time::timeout(PATIENCE, rung.recv()).await.unwrap().unwrap();
        invited.leg.commands.send(LegCommand::Refuse { status: 486, retry_after_s: None, contact: None }).await.unwrap();
    });
    let Some((agent, finished)) = transferred("not-put-through", target, 8).await else { return };
    refusing.await.unwrap();
    assert!(!agent.they_hung_up && agent.heard_s > 4.0, "{agent:?}");
    assert_eq!(joined(&finished), ["agent-1".into()]);
}
