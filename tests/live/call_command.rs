//! `segue call` as a tester uses it: against sipp as either party, and against itself.

use std::path::Path;
use std::process::Command;

use crate::peers::{Peer, Room, free_media_port, free_port, until, until_bound};
use segue::sound::g711;
use serde_json::Value;

const SIPP: &str = "sip-tester";
/// Loud enough to be heard: about −15 dBFS.
const TONE_PEAK: f64 = 6_000.0;

fn segue(args: &[&str]) -> Peer {
    Peer::start(Command::new(env!("CARGO_BIN_EXE_segue")).arg("call").args(args), "segue").unwrap()
}

fn sipp(args: &[&str]) -> Option<Peer> {
    let mut command = Command::new("sipp");
    command.args(["-i", "127.0.0.1", "-m", "1", "-nostdin", "-timeout", "60", "-timeout_error"]).args(args);
    Peer::start(&mut command, SIPP)
}

/// The exit status, and one object a line.
fn told(peer: Peer) -> (i32, Vec<Value>) {
    let output = peer.ended();
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect();
    (output.status.code().unwrap(), lines)
}

fn tone(secs: usize) -> Vec<i16> {
    (0..secs * 8_000).map(|n| (TONE_PEAK * (std::f64::consts::TAU * 500.0 * n as f64 / 8_000.0).sin()) as i16).collect()
}

fn number(report: &Value, key: &str) -> f64 {
    report[key].as_f64().unwrap_or_else(|| panic!("{key} of {report}"))
}

#[test]
fn sipp_that_echoes_is_called_and_the_way_there_and_back_is_measured() {
    let (port, media) = (free_port().to_string(), free_media_port());
    let Some(echo) = sipp(&["-sn", "uas", "-rtp_echo", "-p", &port, "-mp", &media.to_string()]) else { return };
    until_bound(port.parse().unwrap());
    let (status, reports) = told(segue(&[&format!("sip:echo@127.0.0.1:{port}"), "--probe", "--max", "7", "--json"]));
    assert_eq!((status, reports.len()), (0, 1), "{reports:?}");
    let report = &reports[0];
    assert_eq!(
        (report["status"].as_u64(), report["they_hung_up"].as_bool(), report["mouth_to_ear_ms"].is_null()),
        (Some(200), Some(false), true),
        "{report}"
    );
    assert!(number(report, "echo_ms") >= 20.0 && number(report, "echo_ms") < 500.0, "{report}");
    assert!(number(report, "received") > 200.0 && number(report, "heard_s") > 0.1, "{report}");
    assert!(echo.ended().status.success(), "sipp was hung up on in order");
}

#[test]
fn sipp_that_speaks_is_picked_up_heard_and_recorded() {
    let room = Room::new("call-speaks");
    let sound = room.file("tone.ulaw", tone(5).iter().map(|&sample| g711::ulaw_encode(sample)).collect::<Vec<u8>>());
    let template = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sipp/caller_speaks.xml")).unwrap();
    let scenario = room.file("caller_speaks.xml", template.replace("SOUND,", &format!("{},", sound.display())));
    let (port, media) = (free_port(), free_media_port());
    let bind = format!("udp:127.0.0.1:{port}");
    let agent = segue(&["--answer", &bind, "--ring", "0.2", "--json", "--record", room.path().to_str().unwrap()]);
    until_bound(port);
    let target = format!("127.0.0.1:{port}");
    let media = media.to_string();
    let Some(caller) = sipp(&["-sf", scenario.to_str().unwrap(), "-mp", &media, &target]) else { return };
    let output = caller.ended();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let (status, reports) = told(agent);
    assert_eq!((status, reports.len()), (0, 1), "{reports:?}");
    let report = &reports[0];
    assert_eq!((report["they_hung_up"].as_bool(), report["codec"].as_str()), (Some(true), Some("pcmu")), "{report}");
    assert!(number(report, "heard_s") > 1.5 && number(report, "sent_s") == 0.0, "{report}");
    let mut wav = hound::WavReader::open(room.path().join("call-00001.wav")).unwrap();
    let heard: Vec<i16> = wav.samples::<i16>().map(Result::unwrap).skip(1).step_by(2).collect();
    let loud = heard.iter().filter(|sample| sample.unsigned_abs() > 4_000).count();
    assert!(loud > heard.len() / 4, "{loud} of {} samples are the tone's", heard.len());
}

#[test]
fn who_is_busy_and_who_is_not_there_are_told_apart() {
    let port = free_port().to_string();
    let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sipp/callee_busy.xml");
    let Some(busy) = sipp(&["-sf", scenario.to_str().unwrap(), "-p", &port]) else { return };
    until_bound(port.parse().unwrap());
    let output = segue(&[&format!("sip:anna@127.0.0.1:{port}")]).ended();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "The call failed: it was refused.\n  1 × 486 Busy Here\n");
    drop(busy);
    // Somebody holds the port, and says nothing.
    let deaf = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let output = segue(&[&format!("sip:anna@{}", deaf.local_addr().unwrap()), "--max", "2"]).ended();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stdout).unwrap().starts_with("The call failed: it was never answered.\n"));
}

#[test]
fn ctrl_c_hangs_up_all_calls_and_still_reports_them() {
    const CALLS: usize = 20;
    let room = Room::new("call-interrupted");
    let port = free_port();
    let bind = format!("udp:127.0.0.1:{port}");
    let calls = CALLS.to_string();
    let agents = segue(&["--answer", &bind, "--ring", "0", "--echo", "--json", "--calls", &calls]);
    until_bound(port);
    let target = format!("sip:x@127.0.0.1:{port}");
    let callers =
        segue(&[&target, "--calls", &calls, "--rate", "50", "--probe", "--json", "--max", "300", "--record", room.path().to_str().unwrap()]);
    until("all calls", || std::fs::read_dir(room.path()).unwrap().count() == CALLS);
    callers.interrupt();
    let ((_, ours), (_, theirs)) = (told(callers), told(agents));
    assert_eq!((ours.len(), theirs.len()), (CALLS, CALLS));
    assert!(ours.iter().all(|report| report["status"] == 200 && report["they_hung_up"] == false), "{ours:?}");
    // Whose ACK was on its way when we hung up never stood there.
    let told = theirs.iter().filter(|report| report["they_hung_up"] == true).count();
    assert_eq!(told, CALLS, "{theirs:?}");
    let mut numbers: Vec<u64> = ours.iter().filter_map(|report| report["call"].as_u64()).collect();
    numbers.sort_unstable();
    assert!(numbers.into_iter().eq(1..=CALLS as u64));
}

#[test]
fn no_more_calls_are_on_than_were_asked_for_at_once() {
    let port = free_port();
    let agents = segue(&["--answer", &format!("udp:127.0.0.1:{port}"), "--ring", "0", "--probe", "--json", "--calls", "6"]);
    until_bound(port);
    let target = format!("sip:x@127.0.0.1:{port}");
    let (status, reports) = told(segue(&[&target, "--calls", "6", "--rate", "1000", "--at-once", "2", "--probe", "--max", "4", "--json"]));
    assert_eq!((status, reports.len()), (0, 6), "{reports:?}");
    assert_eq!(told(agents).1.len(), 6);
    let spans: Vec<(f64, f64)> =
        reports.iter().map(|report| (number(report, "began_s"), number(report, "began_s") + number(report, "talked_s"))).collect();
    // A call counts its ticks, the first of which is at once, and not the time.
    let on_at = |moment: f64| spans.iter().filter(|(began, over)| (*began..*over - 0.2).contains(&moment)).count();
    assert!(spans.iter().all(|(began, _)| on_at(*began) <= 2), "{spans:?}");
    // Both probe, and so each measures the way from the other.
    for report in &reports {
        assert!(number(report, "mouth_to_ear_ms") >= 20.0 && number(report, "mouth_to_ear_ms") < 500.0, "{report}");
    }
}
