//! The SIP edge against a peer of other making: sipp, with the scenarios in `tests/sipp`. Two edges also call each other,
//! and what no peer should send is thrown at one. Everything is on loopback; every wait is for an event, with a deadline.

mod dialogs;
mod transfers;

use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use segue::edge::sip::table::SipTable;
use segue::edge::sip::{Dialling, SipEdge};
use segue::edge::{Invited, Leg, LegCommand, LegEvent, MediaPlan, Ports};
use segue::sound::codec::Codec;
use tokio::sync::mpsc::{Receiver, channel};

/// Nothing here takes longer than this on a busy machine.
const DEADLINE: Duration = Duration::from_secs(20);
const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// Media ports of each test's edges.
const PORTS_EACH: u16 = 40;
static NEXT_PORTS: AtomicU16 = AtomicU16::new(36_000);

async fn open() -> (SipEdge, Receiver<Invited>) {
    open_with(SipTable::default()).await
}

async fn open_with(table: SipTable) -> (SipEdge, Receiver<Invited>) {
    let first = NEXT_PORTS.fetch_add(PORTS_EACH, Ordering::Relaxed);
    let ports = Arc::new(Ports::new(LOOPBACK, first, first + PORTS_EACH - 1));
    let table = SipTable { bind: vec!["udp:127.0.0.1:0".into(), "tcp:127.0.0.1:0".into()], calls_per_second: 1_000, ..table };
    let (calls, ringing) = channel(16);
    (SipEdge::open(&table, ports, calls).await.expect("loopback has ports"), ringing)
}

/// Starts sipp, or says loudly that it is missing.
fn sipp(scenario: &str, transport: &str, rest: &[&str]) -> Option<Child> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sipp").join(scenario);
    let mut command = Command::new("sipp");
    command.arg("-sf").arg(file).args(["-t", transport, "-m", "1", "-i", "127.0.0.1", "-nostdin", "-timeout", "20", "-timeout_error"]).args(rest);
    match command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn() {
        Ok(child) => Some(child),
        Err(_) => {
            eprintln!("SKIPPED: {scenario} was not tried, because sipp is missing (Debian: sip-tester)");
            None
        }
    }
}

async fn went_well(child: Child) {
    let done = tokio::task::spawn_blocking(move || child.wait_with_output()).await.expect("no panic").expect("sipp ends");
    assert!(done.status.success(), "sipp: {}\n{}", done.status, String::from_utf8_lossy(&done.stderr));
}

async fn next(leg: &mut Leg) -> LegEvent {
    tokio::time::timeout(DEADLINE, leg.events.recv()).await.expect("in time").expect("the leg goes on")
}

async fn invited(ringing: &mut Receiver<Invited>) -> Invited {
    tokio::time::timeout(DEADLINE, ringing.recv()).await.expect("in time").expect("the edge is open")
}

async fn ask(leg: &Leg, command: LegCommand) {
    leg.commands.send(command).await.expect("the leg goes on");
}

/// Until the call stands; what was agreed on.
async fn stands(leg: &mut Leg) -> MediaPlan {
    let mut agreed = None;
    loop {
        match next(leg).await {
            LegEvent::Media { plan, .. } => agreed = Some(plan),
            LegEvent::Answered => return agreed.expect("sound comes before the answer"),
            LegEvent::Ringing => {}
            other => panic!("{other:?} while it rings"),
        }
    }
}

async fn ends(leg: &mut Leg) {
    loop {
        if let LegEvent::Gone(_) = next(leg).await {
            return;
        }
    }
}

/// A scenario of sipp calls, and is answered.
async fn called_by(scenario: &str, transport: &str) -> Option<(Child, Leg, MediaPlan, SipEdge)> {
    let (edge, mut ringing) = open().await;
    let child = sipp(scenario, transport, &[&edge.local().to_string()])?;
    let mut call = invited(&mut ringing).await;
    assert_eq!(call.called, "1000");
    ask(&call.leg, LegCommand::Ring).await;
    ask(&call.leg, LegCommand::Answer).await;
    let plan = stands(&mut call.leg).await;
    Some((child, call.leg, plan, edge))
}

fn dialling(port: u16, transport: &str) -> Dialling {
    Dialling {
        from_name: Some("Segue".into()),
        headers: vec![("X-Packet".into(), "41".into())],
        ..Dialling::new(format!("sip:anna@127.0.0.1:{port}{transport}"), "sip:segue@127.0.0.1", vec![Codec::Pcmu, Codec::Pcma], DEADLINE)
    }
}

/// A port for a sipp that is called, which can't take port 0.
fn free_port() -> u16 {
    UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("loopback has ports").port()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_is_answered_and_hangs_up_over_udp_and_tcp() {
    for transport in ["u1", "t1"] {
        let Some((child, mut leg, plan, _edge)) = called_by("caller.xml", transport).await else { return };
        assert_eq!((plan.codec, plan.payload, plan.event_payload, plan.remote.port()), (Codec::Pcmu, 0, Some(101), 6_000));
        ends(&mut leg).await;
        went_well(child).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_other_systems_say_of_a_caller_is_handed_on_and_identities_only_by_whom_we_trust() {
    for trusted in [vec!["127.0.0.1".to_owned()], vec!["192.0.2.0/24".to_owned()]] {
        let is_trusted = trusted[0].starts_with("127");
        let (edge, mut ringing) = open_with(SipTable { trusted, caller_headers: vec!["X-Tier".into()], ..SipTable::default() }).await;
        let Some(child) = sipp("caller_known.xml", "u1", &[&edge.local().to_string()]) else { return };
        let mut call = invited(&mut ringing).await;
        let known: Vec<(&str, &str)> = call.data.iter().map(|(name, value)| (name.as_str(), value.0.as_str())).collect();
        let expected = [
            ("asserted_identity", "tel:+15550199"),
            ("diversion", "sip:2000@example.com"),
            ("diversion_reason", "no-answer"),
            ("history_info", "sip:2000@example.com, sip:1000@example.com;cause=408"),
            ("user_to_user", "gold"),
            ("x-tier", "gold"),
        ];
        assert_eq!(known, expected[usize::from(!is_trusted)..]);
        assert_eq!(call.caller.as_ref().map(|caller| caller.0.as_str()), Some(if is_trusted { "+15550199" } else { "dana" }));
        ask(&call.leg, LegCommand::Answer).await;
        ends(&mut call.leg).await;
        went_well(child).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_is_told_by_which_key_the_packet_is_found() {
    let agent_headers = [("X-Segue-Key".to_owned(), "{key};v=1".to_owned())].into();
    let (edge, _ringing) = open_with(SipTable { agent_headers, ..SipTable::default() }).await;
    let port = free_port();
    let Some(child) = sipp("callee_told.xml", "u1", &["-p", &port.to_string()]) else { return };
    let mut leg = edge.dial(Dialling { headers: edge.headers_for("key"), ..dialling(port, "") });
    stands(&mut leg).await;
    ask(&leg, LegCommand::HangUp { cause: 16, text: "Normal call clearing".into() }).await;
    went_well(child).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_gives_up_while_it_rings_is_gone() {
    let (edge, mut ringing) = open().await;
    let Some(child) = sipp("caller_cancels.xml", "u1", &[&edge.local().to_string()]) else { return };
    let mut call = invited(&mut ringing).await;
    ask(&call.leg, LegCommand::Ring).await;
    assert!(matches!(next(&mut call.leg).await, LegEvent::Gone(segue::call::Gone::HungUp)));
    went_well(child).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn trap_14_a_caller_who_holds_us_is_answered_recvonly_and_comes_back() {
    let Some((child, mut leg, ..)) = called_by("caller_holds.xml", "u1").await else { return };
    for takes in [false, true] {
        let LegEvent::Media { plan, wire: None } = next(&mut leg).await else { panic!("no change") };
        assert_eq!((plan.sends, plan.receives), (takes, true));
    }
    ends(&mut leg).await;
    went_well(child).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offer_that_is_left_to_us_is_answered_in_the_ack() {
    let Some((child, mut leg, plan, _edge)) = called_by("caller_late_offer.xml", "u1").await else { return };
    assert_eq!((plan.codec, plan.remote.port()), (Codec::Pcmu, 6_000));
    ends(&mut leg).await;
    went_well(child).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn we_hang_up_with_a_reason() {
    let Some((child, leg, ..)) = called_by("caller_is_left.xml", "u1").await else { return };
    ask(&leg, LegCommand::HangUp { cause: 16, text: "Normal call clearing".into() }).await;
    went_well(child).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_by_info_is_heard_and_options_within_a_call_are_answered() {
    let Some((child, mut leg, ..)) = called_by("caller_keys.xml", "u1").await else { return };
    let LegEvent::Key(key) = next(&mut leg).await else { panic!("no key") };
    assert_eq!(key.label(), '5');
    ends(&mut leg).await;
    went_well(child).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dialled_phone_rings_picks_up_and_is_left() {
    let (edge, _ringing) = open().await;
    let port = free_port();
    let Some(child) = sipp("callee.xml", "u1", &["-p", &port.to_string()]) else { return };
    let mut leg = edge.dial(dialling(port, ""));
    assert_eq!(stands(&mut leg).await.remote.port(), 6_000);
    ask(&leg, LegCommand::HangUp { cause: 16, text: "Normal call clearing".into() }).await;
    went_well(child).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn early_media_holds_when_the_200_does_not_repeat_it() {
    let (edge, _ringing) = open().await;
    let port = free_port();
    let Some(child) = sipp("callee_early_media.xml", "u1", &["-p", &port.to_string()]) else { return };
    let mut leg = edge.dial(dialling(port, ""));
    assert_eq!(stands(&mut leg).await.remote.port(), 6_000);
    ask(&leg, LegCommand::HangUp { cause: 16, text: "Normal call clearing".into() }).await;
    went_well(child).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_phone_refuses() {
    let (edge, _ringing) = open().await;
    let port = free_port();
    let Some(child) = sipp("callee_busy.xml", "u1", &["-p", &port.to_string()]) else { return };
    let mut leg = edge.dial(dialling(port, ""));
    let LegEvent::Refused { status, .. } = next(&mut leg).await else { panic!("no refusal") };
    assert_eq!(status, 486);
    went_well(child).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_that_nobody_picks_up_is_cancelled() {
    let (edge, _ringing) = open().await;
    let port = free_port();
    let Some(child) = sipp("callee_rings.xml", "u1", &["-p", &port.to_string()]) else { return };
    let mut leg = edge.dial(dialling(port, ""));
    while !matches!(next(&mut leg).await, LegEvent::Ringing) {}
    ask(&leg, LegCommand::HangUp { cause: 16, text: "Picked up elsewhere".into() }).await;
    assert!(matches!(next(&mut leg).await, LegEvent::Refused { .. }));
    went_well(child).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_edges_call_hold_move_and_leave_each_other() {
    let (callee, mut ringing) = open().await;
    let (caller, _none) = open().await;
    for transport in ["", ";transport=tcp"] {
        let mut ours = caller.dial(dialling(callee.local().port(), transport));
        let mut theirs = invited(&mut ringing).await.leg;
        ask(&theirs, LegCommand::Ring).await;
        ask(&theirs, LegCommand::Answer).await;
        stands(&mut ours).await;
        stands(&mut theirs).await;
        ask(&ours, LegCommand::Hold(true)).await;
        let LegEvent::Media { plan, .. } = next(&mut theirs).await else { panic!("no hold") };
        assert_eq!((plan.sends, plan.receives), (false, true));
        ask(&ours, LegCommand::Refer { target: "tel:+1-201-555-0123".into(), user_to_user: None }).await;
        let LegEvent::Referred { target } = next(&mut theirs).await else { panic!("no transfer") };
        assert_eq!(target, "tel:+1-201-555-0123");
        ask(&theirs, LegCommand::Referral { status: 200 }).await;
        ask(&theirs, LegCommand::HangUp { cause: 16, text: "Moved".into() }).await;
        let mut moved = None;
        loop {
            match next(&mut ours).await {
                LegEvent::Moved(well) => moved = Some(well),
                LegEvent::Gone(_) => break,
                _ => {}
            }
        }
        assert_eq!(moved, Some(true));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edge_that_drains_refuses_new_calls() {
    let (callee, _ringing) = open().await;
    let (caller, _none) = open().await;
    callee.drain();
    let mut leg = caller.dial(dialling(callee.local().port(), ""));
    assert!(matches!(next(&mut leg).await, LegEvent::Refused { status: 503, .. }));
}
