//! Calls through the whole gateway with sipp at one end, over UDP and TCP: it plays a recording or echoes what it hears, and
//! what was said is found again in what the other end heard. Everything is on loopback; every wait is for an event.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::likeness::{Likeness, speech};
use crate::peers::{Peer, Room, free_media_port, free_port, until_bound};
use crate::phones::{accepts, dialling, finished, gateway, gateway_with, in_time, outcomes, part, phone};
use segue::base::OfferOutcome;
use segue::replay::caller::{self, Part, Tools};
use segue::sound::codec::Codec;
use segue::sound::g711;
use segue::sound::recording::ChannelChoice;

/// Transports as sipp and a URI name them.
const TRANSPORTS: [(&str, &str); 2] = [("u1", "udp"), ("t1", "tcp")];
/// How long sipp stays after its pick-up, in ms.
const STAYS_MS: u32 = 11_000;

fn scenario(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sipp").join(name)
}

fn sipp(scenario: &Path, transport: &str, rest: &[&str]) -> Option<Peer> {
    let mut command = Command::new("sipp");
    command.arg("-sf").arg(scenario).args(["-t", transport, "-i", "127.0.0.1", "-m", "1", "-nostdin", "-timeout", "90", "-timeout_error"]);
    Peer::start(command.args(rest), "sip-tester")
}

/// Waits until it has ended, which may take a while, and it must have liked what it saw.
async fn went_well(peer: Peer) {
    let output = tokio::task::spawn_blocking(move || peer.ended()).await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn taped(path: &Path) -> Tools {
    Tools { record: Some(path.to_owned()), ..Tools::default() }
}

fn what_is_said() -> Vec<i16> {
    speech(&["asks-for-a-person", "gets-loud", "fraud"])
}

async fn sipp_plays(sipp_transport: &str) {
    let room = Room::new(&format!("sipp-plays-{sipp_transport}"));
    let sound = room.file("said.ulaw", what_is_said().iter().map(|&sample| g711::ulaw_encode(sample)).collect::<Vec<u8>>());
    let template = std::fs::read_to_string(scenario("caller_speaks.xml")).unwrap();
    let filled = template.replace("SOUND,", &format!("{},", sound.display())).replace("\"3000\"", &format!("\"{STAYS_MS}\""));
    let filled = room.file("caller_speaks.xml", filled);
    let (agent_phone, mut rung) = phone().await;
    let mut running = gateway(&[agent_phone.local()], "").await;
    let media = free_media_port().to_string();
    let Some(caller) = sipp(&filled, sipp_transport, &["-mp", &media, &running.sip.local().to_string()]) else { return };
    let tape = room.path().join("agent.wav");
    let invited = in_time(rung.recv()).await.unwrap();
    let agent = caller::attend_with(invited.leg, Duration::from_millis(200), accepts(Duration::from_millis(1_500), part(60)), taped(&tape)).await;
    assert!(agent.they_hung_up, "{agent:?}");
    went_well(caller).await;
    assert_eq!(outcomes(&finished(&mut running).await), [("agent-1".to_owned(), OfferOutcome::Accepted)]);
    Likeness::of(&what_is_said(), &crate::likeness::read(&tape, ChannelChoice::Right)).must_be_good("the agent hears sipp");
}

async fn sipp_echoes(sipp_transport: &str, transport: &str) {
    let room = Room::new(&format!("sipp-echoes-{transport}"));
    let (port, media) = (free_port(), free_media_port().to_string());
    let arguments = ["-rtp_echo", "-p", &port.to_string(), "-mp", &media];
    let Some(agent) = sipp(&scenario("callee_takes_by_info.xml"), sipp_transport, &arguments) else { return };
    match transport {
        "udp" => until_bound(port),
        _ => crate::peers::until_listening(port),
    }
    let phone_of_anna =
        format!("[[agent]]\nname = \"anna\"\n[[phone]]\nagent = \"anna\"\ncontact = \"sip:anna@127.0.0.1:{port};transport={transport}\"\n");
    let mut running = gateway_with("", &[], &phone_of_anna).await;
    let (caller_phone, _rung) = phone().await;
    let tape = room.path().join("caller.wav");
    let dialling = dialling(&caller_phone, &format!("sip:1000@{};transport={transport}", running.sip.local()), Codec::Pcmu);
    let says = Part { recording: what_is_said().into(), ..part(13) };
    let caller = caller::place_with(&caller_phone, dialling, says, taped(&tape)).await;
    assert_eq!((caller.status, caller.they_hung_up), (200, false), "{caller:?}");
    went_well(agent).await;
    assert_eq!(outcomes(&finished(&mut running).await), [("anna".to_owned(), OfferOutcome::Accepted)]);
    Likeness::of(&what_is_said(), &crate::likeness::read(&tape, ChannelChoice::Right)).must_be_good("the caller hears the echo of sipp");
}

/// Both at the same time. What one computes beforehand and afterwards holds up no phone of the other.
async fn both(a: impl Future<Output = ()> + Send + 'static, b: impl Future<Output = ()> + Send + 'static) {
    tokio::try_join!(tokio::spawn(a), tokio::spawn(b)).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_sipp_plays_is_heard_by_the_agent_over_udp_and_tcp() {
    let [(udp, _), (tcp, _)] = TRANSPORTS;
    both(sipp_plays(udp), sipp_plays(tcp)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_an_agent_of_sipp_sends_back_is_heard_by_the_caller_over_udp_and_tcp() {
    let [udp, tcp] = TRANSPORTS;
    both(sipp_echoes(udp.0, udp.1), sipp_echoes(tcp.0, tcp.1)).await;
}
