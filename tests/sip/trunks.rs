//! Trunks: a carrier of our own making that asks for passwords, sipp, and Kamailio as a proxy in front. Everything is on
//! loopback; every wait is for an event, with a deadline.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::carrier::{Carrier, Manners, Seen};
use crate::kamailio::Kamailio;
use segue::edge::sip::digest::{Algorithm, Credentials};
use segue::edge::sip::table::SipTable;
use segue::edge::sip::trunk::table::TrunkTable;
use segue::edge::sip::trunk::{TrunkPeer, TrunkStatus};
use segue::edge::sip::{Dialling, Peers, SipEdge};
use segue::edge::{Invited, Leg, LegCommand, LegEvent, Ports};
use segue::sound::codec::Codec;
use tokio::sync::mpsc::{Receiver, channel};

/// Nothing here takes longer than this on a busy machine.
const DEADLINE: Duration = Duration::from_secs(30);
const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// Media ports of each test's edges.
const PORTS_EACH: u16 = 40;
static NEXT_PORTS: AtomicU16 = AtomicU16::new(45_000);

fn trunk(name: &str, server: SocketAddr, rest: &str) -> TrunkPeer {
    let written = format!("name = \"{name}\"\nserver = \"sip:{server}\"\nusername = \"segue\"\noptions_secs = 0\n{rest}");
    let table: TrunkTable = toml::from_str(&written).expect("well formed");
    TrunkPeer { table, account: Some(Credentials::new("segue", "open sesame")) }
}

async fn open_as(table: SipTable, trunks: Vec<TrunkPeer>) -> (SipEdge, Receiver<Invited>) {
    let first = NEXT_PORTS.fetch_add(PORTS_EACH, Ordering::Relaxed);
    let ports = Arc::new(Ports::new(LOOPBACK, first, first + PORTS_EACH - 1));
    let (calls, ringing) = channel(16);
    let peers = Peers { accounts: Vec::new(), trunks };
    (SipEdge::open_with(&table, peers, ports, calls).await.expect("loopback has ports"), ringing)
}

async fn open(trunks: Vec<TrunkPeer>) -> SipEdge {
    open_as(SipTable { bind: vec!["udp:127.0.0.1:0".into()], ..SipTable::default() }, trunks).await.0
}

fn dialling(target: &str, trunks: &[&str]) -> Dialling {
    Dialling {
        trunks: trunks.iter().map(|name| (*name).to_owned()).collect(),
        ..Dialling::new(target, "sip:segue@127.0.0.1", vec![Codec::Pcmu, Codec::Pcma], DEADLINE)
    }
}

async fn next(leg: &mut Leg) -> LegEvent {
    tokio::time::timeout(DEADLINE, leg.events.recv()).await.expect("in time").expect("the leg goes on")
}

async fn stands(leg: &mut Leg) {
    loop {
        match next(leg).await {
            LegEvent::Answered => return,
            LegEvent::Media { .. } | LegEvent::Ringing => {}
            other => panic!("{other:?} while it rings"),
        }
    }
}

async fn refused(leg: &mut Leg) -> u16 {
    loop {
        match next(leg).await {
            LegEvent::Refused { status, .. } => return status,
            LegEvent::Media { .. } | LegEvent::Ringing => {}
            other => panic!("{other:?} while it rings"),
        }
    }
}

async fn hang_up(leg: &Leg) {
    leg.commands.send(LegCommand::HangUp { cause: 16, text: "over".into() }).await.expect("the leg goes on");
}

async fn seen(carrier: &mut Carrier, method: &str) -> Seen {
    loop {
        let seen = tokio::time::timeout(DEADLINE, carrier.seen.recv()).await;
        let seen = seen.unwrap_or_else(|_| panic!("no {method} in time")).expect("the carrier is open");
        if seen.method() == method {
            return seen;
        }
    }
}

/// Until the edge says so of its only or first trunk.
async fn until(edge: &SipEdge, what: &str, is_so: impl Fn(&TrunkStatus) -> bool) {
    let waiting = async {
        while !is_so(&edge.trunks()[0]) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(tokio::time::timeout(DEADLINE, waiting).await.is_ok(), "not {what}: {:?}", edge.trunks());
}

fn asking(status: u16, algorithms: &[Algorithm]) -> Manners {
    Manners { asks: Some((status, algorithms.to_vec())), ..Manners::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_for_a_password_gets_the_digest_they_want_with_every_request_of_a_call() {
    for (status, algorithms) in
        [(407, vec![Algorithm::Md5]), (401, vec![Algorithm::Sha256]), (407, vec![Algorithm::Sha256, Algorithm::Md5]), (401, vec![Algorithm::Md5Sess])]
    {
        let mut carrier = Carrier::open(asking(status, &algorithms)).await;
        let edge = open(vec![trunk("carrier", carrier.address, "")]).await;
        let mut leg = edge.dial(dialling("tel:+49-30-123", &["carrier"]));
        stands(&mut leg).await;
        leg.commands.send(LegCommand::Hold(true)).await.expect("the leg goes on");
        while !matches!(next(&mut leg).await, LegEvent::Media { .. }) {}
        hang_up(&leg).await;
        for method in ["INVITE", "INVITE", "BYE"] {
            let first = seen(&mut carrier, method).await;
            let second = seen(&mut carrier, method).await;
            assert_eq!((first.status, second.status, second.who.as_deref()), (status, 200, Some("segue")), "{algorithms:?} {}", second.text);
            assert!(!second.text.contains("open sesame"));
            let answers = if status == 407 { "Proxy-Authorization" } else { "Authorization" };
            let proof = second.header(answers).expect("it was asked for");
            assert!(proof.contains(&format!("algorithm={}", algorithms[0])) && proof.contains("nc=00000001"), "{proof}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nonce_that_is_too_old_is_replaced_without_a_word() {
    let mut carrier = Carrier::open(Manners { is_forgetful: true, ..asking(407, &[Algorithm::Md5]) }).await;
    let edge = open(vec![trunk("carrier", carrier.address, "")]).await;
    let mut leg = edge.dial(dialling("tel:+4930", &["carrier"]));
    stands(&mut leg).await;
    let answers = [seen(&mut carrier, "INVITE").await, seen(&mut carrier, "INVITE").await, seen(&mut carrier, "INVITE").await];
    assert_eq!(answers.map(|seen| seen.status), [407, 407, 200]);
}

/// Everything that is logged, by whomever.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, text: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no panic").extend_from_slice(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// On one thread, so that all that is logged comes here.
#[tokio::test]
async fn a_wrong_password_is_tried_once_and_the_log_says_so_without_it() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_ansi(false).with_writer(move || writer.clone()).finish();
    let _logging = tracing::subscriber::set_default(subscriber);
    let mut carrier = Carrier::open(asking(407, &[Algorithm::Md5])).await;
    let account = Some(Credentials::new("segue", "wrong-sesame"));
    let edge = open(vec![TrunkPeer { account, ..trunk("carrier", carrier.address, "register_secs = 60") }]).await;
    let mut leg = edge.dial(dialling("tel:+4930", &["carrier"]));
    assert_eq!(refused(&mut leg).await, 407);
    let said = |text: &str| String::from_utf8_lossy(&log.0.lock().expect("no panic")).contains(text);
    let waiting = async {
        while !said("can't register at trunk `carrier`: it does not take our username or password (407); next try in 600 s") {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(tokio::time::timeout(DEADLINE, waiting).await.is_ok(), "nothing is said of the registration");
    assert!(said("WARN segue::edge::sip::client: trunk `carrier` refused a call with 407: it does not take our username or password"));
    assert!(!said("wrong-sesame"), "a password is in the log");
    let (mut invites, mut registers) = (0, 0);
    while let Ok(seen) = carrier.seen.try_recv() {
        invites += u32::from(seen.method() == "INVITE");
        registers += u32::from(seen.method() == "REGISTER");
    }
    assert_eq!((invites, registers), (2, 2), "one without a password, and one with it");
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_and_uris_are_sent_as_they_are_written_or_as_the_trunk_wants_them() {
    let mut carrier = Carrier::open(Manners::default()).await;
    let rest = "caller_id = \"+4930\"\ndomain = \"example.com\"";
    let plain = trunk("plain", carrier.address, rest);
    let as_sip = trunk("as-sip", carrier.address, &format!("{rest}\ntel_as_sip = true"));
    let edge = open(vec![plain, as_sip]).await;
    for (target, over, sent) in [
        ("tel:+1-201-555-0123;phone-context=example.com", "plain", "tel:+1-201-555-0123;phone-context=example.com"),
        ("tel:+1-201-555-0123", "as-sip", "sip:+12015550123@example.com;user=phone"),
        ("sip:%23anna@elsewhere.example.com", "plain", "sip:%23anna@elsewhere.example.com"),
    ] {
        let mut leg = edge.dial(dialling(target, &[over]));
        stands(&mut leg).await;
        let invite = seen(&mut carrier, "INVITE").await;
        assert!(invite.text.starts_with(&format!("INVITE {sent} SIP/2.0\r\n")), "{}", invite.text);
        assert!(invite.header("From").is_some_and(|from| from.contains("<sip:+4930@example.com>")), "{}", invite.text);
        hang_up(&leg).await;
        let bye = seen(&mut carrier, "BYE").await;
        assert!(bye.text.starts_with(&format!("BYE sip:carrier@{} SIP/2.0\r\n", carrier.address)), "{}", bye.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trunk_that_fails_or_is_silent_gives_way_to_the_next() {
    let mut first = Carrier::open(Manners::default()).await;
    let mut second = Carrier::open(Manners::default()).await;
    let edge = open(vec![trunk("first", first.address, "silent_secs = 0.5"), trunk("second", second.address, "")]).await;
    for (n, status) in [503, 500, 408, 483, 0].into_iter().enumerate() {
        first.behave(|manners| (manners.invite.0, manners.is_silent) = (status, status == 0));
        let mut leg = edge.dial(dialling("tel:+4930", &["first", "second"]));
        stands(&mut leg).await;
        seen(&mut first, "INVITE").await;
        seen(&mut second, "INVITE").await;
        hang_up(&leg).await;
        seen(&mut second, "BYE").await;
        assert_eq!(edge.trunks().iter().map(|trunk| trunk.failed).collect::<Vec<_>>(), [n as u64 + 1, 0], "{status}");
    }
    first.behave(|manners| manners.is_silent = false);
    for status in [486, 603, 404, 480] {
        first.behave(|manners| manners.invite.0 = status);
        let mut leg = edge.dial(dialling("tel:+4930", &["first", "second"]));
        assert_eq!(refused(&mut leg).await, status);
    }
    assert!(second.seen.try_recv().is_err(), "who is busy over one trunk is so over every other");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trunk_that_answers_no_options_is_passed_over_until_it_is_back() {
    let mut first = Carrier::open(Manners::default()).await;
    let mut second = Carrier::open(Manners::default()).await;
    let mut watched = trunk("first", first.address, "");
    watched.table.options_secs = 1;
    let edge = open(vec![watched, trunk("second", second.address, "")]).await;
    seen(&mut first, "OPTIONS").await;
    first.behave(|manners| manners.is_silent = true);
    until(&edge, "down", |trunk| !trunk.is_up).await;
    let mut leg = edge.dial(dialling("tel:+4930", &["first", "second"]));
    stands(&mut leg).await;
    hang_up(&leg).await;
    seen(&mut second, "BYE").await;
    let mut none = edge.dial(dialling("tel:+4930", &["first"]));
    assert_eq!(refused(&mut none).await, 503);
    assert_eq!((edge.trunks()[0].downs, edge.trunks()[0].passed_over), (1, 2));
    first.behave(|manners| manners.is_silent = false);
    until(&edge, "up", |trunk| trunk.is_up).await;
    while let Ok(seen) = first.seen.try_recv() {
        assert_ne!(seen.method(), "INVITE", "a trunk that is down is not asked");
    }
    let mut leg = edge.dial(dialling("tel:+4930", &["first", "second"]));
    stands(&mut leg).await;
    seen(&mut first, "INVITE").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn we_register_with_a_password_again_in_time_for_as_long_as_is_wanted_and_take_leave() {
    let register = (200, "Expires: 2\r\n".into());
    let mut carrier = Carrier::open(Manners { least_secs: 120, register, ..asking(401, &[Algorithm::Md5]) }).await;
    let edge = open(vec![trunk("carrier", carrier.address, "register_secs = 60")]).await;
    let first = seen(&mut carrier, "REGISTER").await;
    assert_eq!((first.status, first.header("Expires")), (401, Some("60")));
    assert_eq!(seen(&mut carrier, "REGISTER").await.status, 423);
    assert_eq!(seen(&mut carrier, "REGISTER").await.status, 401);
    let proved = seen(&mut carrier, "REGISTER").await;
    assert_eq!((proved.header("Expires"), proved.who.as_deref()), (Some("120"), Some("segue")));
    let contact = format!("<sip:segue@{}>", edge.local());
    assert_eq!(proved.header("Contact"), Some(contact.as_str()));
    until(&edge, "registered", |trunk| trunk.is_registered == Some(true)).await;
    let again = seen(&mut carrier, "REGISTER").await;
    let sequence = |seen: &Seen| seen.header("CSeq").and_then(|value| value.split(' ').next()?.parse::<u32>().ok());
    assert!(again.header("Call-ID") == proved.header("Call-ID") && sequence(&again) > sequence(&proved), "{}", again.text);
    edge.drain();
    loop {
        let last = seen(&mut carrier, "REGISTER").await;
        if last.status == 200 && last.header("Expires") == Some("0") {
            break;
        }
    }
    until(&edge, "gone", |trunk| trunk.is_registered == Some(false)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_sent_on_is_followed_and_never_in_a_circle() {
    let mut first = Carrier::open(Manners::default()).await;
    let mut second = Carrier::open(Manners::default()).await;
    let edge = open(Vec::new()).await;
    let target = format!("sip:anna@{}", first.address);
    first.behave(|manners| manners.invite = (302, format!("Contact: <sip:bert@{}>\r\n", second.address)));
    let mut leg = edge.dial(dialling(&target, &[]));
    stands(&mut leg).await;
    assert!(seen(&mut second, "INVITE").await.text.starts_with("INVITE sip:bert@"));
    hang_up(&leg).await;
    seen(&mut second, "BYE").await;
    second.behave(|manners| manners.invite = (302, format!("Contact: <{target}>\r\n")));
    let mut leg = edge.dial(dialling(&target, &[]));
    assert_eq!(refused(&mut leg).await, 302);
    let mut invites = 0;
    while let Ok(seen) = first.seen.try_recv() {
        invites += u32::from(seen.method() == "INVITE");
    }
    assert_eq!(invites, 2, "once for each of the two calls");
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_of_a_trunk_are_taken_under_its_name_and_those_of_strangers_are_not() {
    let carrier = Carrier::open(Manners::default()).await;
    let table = SipTable { bind: vec!["udp:127.0.0.1:0".into()], allow: vec!["192.0.2.1".into()], ..SipTable::default() };
    let (gateway, mut ringing) = open_as(table, vec![trunk("carrier", carrier.address, "allow = [\"127.0.0.1\"]")]).await;
    let caller = open(Vec::new()).await;
    let leg = caller.dial(dialling(&format!("sip:1000@{}", gateway.local()), &[]));
    let call = tokio::time::timeout(DEADLINE, ringing.recv()).await.expect("in time").expect("the edge is open");
    assert_eq!((call.trunk.as_deref(), call.called.as_str()), (Some("carrier"), "1000"));
    drop(leg);
    let stranger = SipTable { bind: vec!["udp:127.0.0.2:0".into()], ..SipTable::default() };
    let (stranger, _none) = open_as(stranger, Vec::new()).await;
    let mut leg = stranger.dial(dialling(&format!("sip:1000@{}", gateway.local()), &[]));
    assert_eq!(refused(&mut leg).await, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_has_gone_too_far_or_comes_back_is_refused() {
    let (gateway, _ringing) = open_as(SipTable { bind: vec!["udp:127.0.0.1:0".into()], ..SipTable::default() }, Vec::new()).await;
    let phone = tokio::net::UdpSocket::bind((LOOPBACK, 0)).await.expect("loopback has ports");
    let ours = phone.local_addr().expect("it is bound");
    for (n, (hops, via, expected)) in
        [("0", String::new(), "483"), ("70", format!("Via: SIP/2.0/UDP {};branch=z9hG4bKloop\r\n", gateway.local()), "482")].into_iter().enumerate()
    {
        let invite = format!(
            "INVITE sip:1000@{} SIP/2.0\r\nVia: SIP/2.0/UDP {ours};branch=z9hG4bK{n};rport\r\n{via}Max-Forwards: {hops}\r\nFrom: <sip:dana@{ours}>;tag={n}\r\n\
             To: <sip:1000@segue>\r\nCall-ID: {n}@{ours}\r\nCSeq: 1 INVITE\r\nContact: <sip:dana@{ours}>\r\nContent-Type: application/sdp\r\n\
             Content-Length: {}\r\n\r\n{}",
            gateway.local(),
            crate::carrier::SDP.len(),
            crate::carrier::SDP
        );
        phone.send_to(invite.as_bytes(), gateway.local()).await.expect("loopback is up");
        let mut buffer = [0; 4_096];
        let status = loop {
            let received = tokio::time::timeout(DEADLINE, phone.recv_from(&mut buffer)).await.expect("in time").expect("loopback is up");
            let text = String::from_utf8_lossy(&buffer[..received.0]).into_owned();
            if !text.contains(&format!("Call-ID: {n}@")) || text.starts_with("SIP/2.0 1") {
                continue;
            }
            break text[8..11].to_owned();
        };
        assert_eq!(status, expected);
    }
}

/// Starts sipp, or says loudly that it is missing.
fn sipp(scenario: &str, rest: &[&str]) -> Option<Child> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sipp").join(scenario);
    let mut command = Command::new("sipp");
    command.arg("-sf").arg(file).args(["-t", "u1", "-m", "1", "-i", "127.0.0.1", "-nostdin", "-timeout", "30", "-timeout_error"]).args(rest);
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

/// A port for a sipp that is called, which can't take port 0.
fn free_port() -> u16 {
    std::net::UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("loopback has ports").port()
}

#[tokio::test(flavor = "multi_thread")]
async fn sipp_asks_for_the_password_of_a_call_and_of_its_end() {
    let port = free_port();
    let Some(child) = sipp("carrier_asks.xml", &["-p", &port.to_string()]) else { return };
    let edge = open(vec![trunk("sipp", SocketAddr::new(LOOPBACK, port), "")]).await;
    let mut leg = edge.dial(dialling("sip:+4930@example.com", &["sipp"]));
    stands(&mut leg).await;
    hang_up(&leg).await;
    went_well(child).await;
}

/// A gateway behind Kamailio, which is its trunk too.
async fn behind_kamailio(name: &str, phone: u16) -> Option<(Kamailio, SipEdge, Receiver<Invited>)> {
    let port = free_port();
    let kamailio = crate::kamailio::start(name, port, phone)?;
    let table = SipTable { bind: vec![format!("udp:127.0.0.1:{port}"), format!("tcp:127.0.0.1:{port}")], ..SipTable::default() };
    let server = SocketAddr::new(LOOPBACK, kamailio.port);
    let (gateway, ringing) = open_as(table, vec![trunk("kamailio", server, "allow = [\"127.0.0.1\"]")]).await;
    Some((kamailio, gateway, ringing))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_behind_kamailio_is_answered_and_either_side_hangs_up() {
    let Some((kamailio, _gateway, mut ringing)) = behind_kamailio("caller", 9).await else { return };
    let proxy = format!("127.0.0.1:{}", kamailio.port);
    let Some(child) = sipp("caller_routed.xml", &[&proxy]) else { return };
    let mut call = tokio::time::timeout(DEADLINE, ringing.recv()).await.expect("in time").expect("the edge is open");
    assert_eq!((call.trunk.as_deref(), call.called.as_str()), (Some("kamailio"), "1000"));
    call.leg.commands.send(LegCommand::Answer).await.expect("the leg goes on");
    while !matches!(next(&mut call.leg).await, LegEvent::Gone(_)) {}
    went_well(child).await;
    kamailio.relayed("BYE", 1).await;

    for (n, transport) in ["", ";transport=tcp"].into_iter().enumerate() {
        let (caller, _none) =
            open_as(SipTable { bind: vec!["udp:127.0.0.1:0".into(), "tcp:127.0.0.1:0".into()], ..SipTable::default() }, vec![]).await;
        let mut ours = caller.dial(dialling(&format!("sip:1000@{proxy}{transport}"), &[]));
        let mut call = tokio::time::timeout(DEADLINE, ringing.recv()).await.expect("in time").expect("the edge is open");
        call.leg.commands.send(LegCommand::Answer).await.expect("the leg goes on");
        stands(&mut ours).await;
        stands(&mut call.leg).await;
        // A change within the call takes the same way.
        call.leg.commands.send(LegCommand::Hold(true)).await.expect("the leg goes on");
        while !matches!(next(&mut ours).await, LegEvent::Media { .. }) {}
        hang_up(&call.leg).await;
        while !matches!(next(&mut ours).await, LegEvent::Gone(_)) {}
        kamailio.relayed("BYE", 2 + n).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_behind_kamailio_is_rung_with_a_password_and_either_side_hangs_up() {
    let (phone, mut rung) = open_as(SipTable { bind: vec!["udp:127.0.0.1:0".into()], ..SipTable::default() }, Vec::new()).await;
    let Some((kamailio, gateway, _ringing)) = behind_kamailio("phone", phone.local().port()).await else { return };
    for (n, we_hang_up) in [true, false].into_iter().enumerate() {
        let mut ours = gateway.dial(dialling("sip:anna@example.com", &["kamailio"]));
        let mut theirs = tokio::time::timeout(DEADLINE, rung.recv()).await.expect("in time").expect("the edge is open").leg;
        theirs.commands.send(LegCommand::Answer).await.expect("the leg goes on");
        stands(&mut ours).await;
        stands(&mut theirs).await;
        let (leaves, stays) = if we_hang_up { (&ours, &mut theirs) } else { (&theirs, &mut ours) };
        hang_up(leaves).await;
        while !matches!(next(stays).await, LegEvent::Gone(_)) {}
        kamailio.relayed("BYE", n + 1).await;
    }
    drop(phone);
    let port = free_port();
    let Some((kamailio, gateway, _ringing)) = behind_kamailio("sipp", port).await else { return };
    let Some(child) = sipp("callee_routed.xml", &["-p", &port.to_string()]) else { return };
    let mut leg = gateway.dial(dialling("sip:anna@example.com", &["kamailio"]));
    stands(&mut leg).await;
    hang_up(&leg).await;
    went_well(child).await;
    kamailio.relayed("BYE", 1).await;
}
