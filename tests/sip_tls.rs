//! SIP over TLS against peers of other making: baresip, sipp behind socat, and openssl's own server. Certificates are made for
//! the test. Everything is on loopback; every wait is for an event, with a deadline.

#[path = "harness/certificates.rs"]
mod certificates;
#[path = "harness/log.rs"]
mod log;

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use certificates::Certificates;
use segue::edge::sip::digest::Credentials;
use segue::edge::sip::table::{SipTable, SrtpPolicy};
use segue::edge::sip::tls::TlsTable;
use segue::edge::sip::trunk::TrunkPeer;
use segue::edge::sip::{Dialling, Peers, SipEdge};
use segue::edge::{Invited, Leg, LegCommand, LegEvent, MediaPlan, Ports};
use segue::sound::codec::Codec;
use tokio::sync::mpsc::{Receiver, channel};

/// Nothing here takes longer than this on a busy machine.
const DEADLINE: Duration = Duration::from_secs(30);
const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// Media ports of each test's edges.
const PORTS_EACH: u16 = 40;
static NEXT_PORTS: AtomicU16 = AtomicU16::new(37_500);

/// A process of a peer, with its directory; ended with the test.
struct Peer(Child);

impl Drop for Peer {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a peer, or says loudly that it is missing.
fn peer(program: &str, package: &str, args: &[&str]) -> Option<Peer> {
    match Command::new(program).args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn() {
        Ok(child) => Some(Peer(child)),
        Err(_) => {
            eprintln!("SKIPPED: {program} is missing (Debian: {package})");
            None
        }
    }
}

async fn open(made: &Certificates, certificate: &str, peers: Peers) -> (SipEdge, Receiver<Invited>) {
    let first = NEXT_PORTS.fetch_add(PORTS_EACH, Ordering::Relaxed);
    let ports = Arc::new(Ports::new(LOOPBACK, first, first + PORTS_EACH - 1));
    let tls = TlsTable {
        certificate_file: Some(made.path(&format!("{certificate}.pem"))),
        key_file: Some(made.path(&format!("{certificate}.key"))),
        trust_file: Some(made.path("root.pem")),
    };
    let bind = ["udp", "tcp", "tls"].map(|transport| format!("{transport}:127.0.0.1:0")).to_vec();
    let table = SipTable { bind, tls, srtp: SrtpPolicy::Tls, ..SipTable::default() };
    let (calls, ringing) = channel(16);
    (SipEdge::open_with(&table, peers, ports, calls).await.expect("loopback has ports"), ringing)
}

fn anna() -> Peers {
    Peers { accounts: vec![Credentials::new("anna", "open sesame")], trunks: Vec::new() }
}

fn tls(edge: &SipEdge) -> SocketAddr {
    edge.tls().expect("it listens on TLS")
}

async fn next(leg: &mut Leg) -> LegEvent {
    tokio::time::timeout(DEADLINE, leg.events.recv()).await.expect("in time").expect("the leg goes on")
}

async fn ask(leg: &Leg, command: LegCommand) {
    leg.commands.send(command).await.expect("the leg goes on");
}

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
    while !matches!(next(leg).await, LegEvent::Gone(_)) {}
}

fn dialling(target: String) -> Dialling {
    Dialling::new(target, "sip:segue@127.0.0.1", vec![Codec::Pcmu, Codec::Pcma], DEADLINE)
}

/// Starts baresip as anna's phone over TLS, whose sound must be encrypted; it takes every call, and first does what it is told.
fn baresip(made: &Certificates, name: &str, edge: &SipEdge, command: &str) -> Option<Peer> {
    let dir = made.path(name);
    std::fs::create_dir_all(&dir).expect("a temporary directory");
    let modules = "module_path /usr/lib/baresip/modules\nmodule g711.so\nmodule srtp.so\nmodule ausine.so\nmodule aubridge.so\nmodule_tmp account.so\nmodule_app menu.so\n";
    let cafile = made.path("root.pem");
    let config = format!(
        "sip_listen 127.0.0.1:0\nnet_interface 127.0.0.1\nsip_cafile {}\naudio_source aubridge,x\naudio_player aubridge,x\n{modules}",
        cafile.display()
    );
    std::fs::write(dir.join("config"), config).expect("a temporary file");
    let account =
        format!("<sip:anna@{};transport=tls>;auth_user=anna;auth_pass=\"open sesame\";regint=60;mediaenc=srtp-mand;answermode=auto\n", tls(edge));
    std::fs::write(dir.join("accounts"), account).expect("a temporary file");
    std::fs::write(dir.join("contacts"), "").expect("a temporary file");
    let dir = dir.display().to_string();
    peer("baresip", "baresip-core", &["-f", &dir, "-e", command])
}

#[tokio::test(flavor = "multi_thread")]
async fn baresip_registers_calls_and_is_rung_over_tls_with_encrypted_sound() {
    let Some(made) = Certificates::make("baresip") else { return };
    let (edge, mut ringing) = open(&made, "good", anna()).await;
    let dial = format!("/dial sip:1000@{};transport=tls", tls(&edge));
    let Some(_baresip) = baresip(&made, "phone", &edge, &dial) else { return };
    let mut call = tokio::time::timeout(DEADLINE, ringing.recv()).await.expect("in time").expect("the edge is open");
    assert_eq!(call.called, "1000");
    ask(&call.leg, LegCommand::Answer).await;
    assert!(stands(&mut call.leg).await.srtp.is_some(), "its keys are safe over TLS");
    ask(&call.leg, LegCommand::HangUp { cause: 16, text: "Normal call clearing".into() }).await;
    let mut reachable = edge.reachable();
    let registered = tokio::time::timeout(DEADLINE, reachable.wait_for(|users| users.contains("anna"))).await;
    assert!(registered.is_ok_and(|users| users.is_ok()), "it does not register");
    let contact = edge.contacts("anna").remove(0);
    assert!(contact.ends_with(";transport=tls"), "{contact}");
    let mut leg = edge.dial(dialling(contact));
    assert!(stands(&mut leg).await.srtp.is_some(), "we offer encrypted sound over TLS");
    ask(&leg, LegCommand::HangUp { cause: 16, text: "Normal call clearing".into() }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_trusts_another_root_does_not_come_in_and_keys_in_the_clear_are_not_taken() {
    let Some(made) = Certificates::make("strangers") else { return };
    let log = log::Log::begin();
    let (edge, mut ringing) = open(&made, "good", Peers::default()).await;
    let (at, root) = (tls(&edge).to_string(), made.path("stranger.pem").display().to_string());
    let Some(_client) = peer("openssl", "openssl", &["s_client", "-connect", &at, "-CAfile", &root, "-verify_return_error"]) else { return };
    log.until("a connection came to nothing: TLS: received fatal alert", DEADLINE).await;
    assert!(ringing.try_recv().is_err());
    let (phone, mut rung) = open(&made, "good", Peers::default()).await;
    let mut leg = phone.dial(Dialling { srtp: true, ..dialling(format!("sip:1000@{}", edge.local())) });
    assert!(matches!(next(&mut leg).await, LegEvent::Refused { status: 488, .. }));
    assert!(rung.try_recv().is_err());
}

fn free_port() -> u16 {
    TcpListener::bind((LOOPBACK, 0)).and_then(|socket| socket.local_addr()).expect("loopback has ports").port()
}

/// Until somebody listens there.
fn listens(port: u16) {
    let started = Instant::now();
    while TcpStream::connect((LOOPBACK, port)).is_err() {
        assert!(started.elapsed() < DEADLINE, "nobody listens on {port}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn sipp(scenario: &str, rest: &[&str]) -> Option<Peer> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sipp").join(scenario).display().to_string();
    let fixed = ["-sf", &file, "-t", "t1", "-m", "1", "-i", "127.0.0.1", "-nostdin", "-timeout", "30", "-timeout_error"];
    peer("sipp", "sip-tester", &[&fixed, rest].concat())
}

async fn went_well(mut sipp: Peer) {
    let done = tokio::task::spawn_blocking(move || sipp.0.wait()).await.expect("no panic").expect("sipp ends");
    assert!(done.success(), "sipp: {done}");
}

/// Debian's sipp speaks no TLS; OpenSSL does it for sipp, in socat.
#[tokio::test(flavor = "multi_thread")]
async fn sipp_behind_openssl_calls_and_is_called() {
    let Some(made) = Certificates::make("sipp") else { return };
    let (edge, mut ringing) = open(&made, "good", Peers::default()).await;
    let port = free_port();
    let (from, to) =
        (format!("TCP-LISTEN:{port},bind=127.0.0.1,reuseaddr,fork"), format!("OPENSSL:{},cafile={}", tls(&edge), made.path("root.pem").display()));
    let Some(_socat) = peer("socat", "socat", &[&from, &to]) else { return };
    listens(port);
    let Some(caller) = sipp("caller.xml", &[&format!("127.0.0.1:{port}")]) else { return };
    let mut call = tokio::time::timeout(DEADLINE, ringing.recv()).await.expect("in time").expect("the edge is open");
    ask(&call.leg, LegCommand::Answer).await;
    assert!(stands(&mut call.leg).await.srtp.is_none(), "it offers none");
    ends(&mut call.leg).await;
    went_well(caller).await;

    let (behind, before) = (free_port(), free_port());
    let Some(callee) = sipp("callee_encrypted.xml", &["-p", &behind.to_string()]) else { return };
    let (certificate, key) = (made.path("good.pem"), made.path("good.key"));
    let from = format!("OPENSSL-LISTEN:{before},bind=127.0.0.1,reuseaddr,fork,verify=0,cert={},key={}", certificate.display(), key.display());
    let Some(_socat) = peer("socat", "socat", &[&from, &format!("TCP:127.0.0.1:{behind}")]) else { return };
    let (leg, plan) = loop {
        let mut leg = edge.dial(dialling(format!("sip:anna@127.0.0.1:{before};transport=tls")));
        match next(&mut leg).await {
            // It does not listen yet.
            LegEvent::Refused { status: 503, .. } => tokio::time::sleep(Duration::from_millis(10)).await,
            LegEvent::Media { plan, .. } => break (leg, plan),
            LegEvent::Ringing => {
                let plan = stands(&mut leg).await;
                break (leg, plan);
            }
            other => panic!("{other:?}"),
        }
    };
    assert!(plan.srtp.is_some());
    ask(&leg, LegCommand::HangUp { cause: 16, text: "Normal call clearing".into() }).await;
    went_well(callee).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_carrier_with_a_wrong_certificate_is_not_called_and_the_log_says_why() {
    let Some(made) = Certificates::make("carriers") else { return };
    let log = log::Log::begin();
    for (certificate, why) in [("expired", "Expired"), ("other-name", "not valid for name"), ("unknown", "UnknownIssuer")] {
        let port = free_port();
        let (file, key) =
            (made.path(&format!("{certificate}.pem")).display().to_string(), made.path(&format!("{certificate}.key")).display().to_string());
        let Some(_server) =
            peer("openssl", "openssl", &["s_server", "-quiet", "-accept", &format!("127.0.0.1:{port}"), "-cert", &file, "-key", &key])
        else {
            return;
        };
        listens(port);
        let written = format!("name = \"{certificate}\"\nserver = \"sip:127.0.0.1:{port};transport=tls\"\noptions_secs = 0");
        let table = toml::from_str(&written).expect("well formed");
        let (edge, _ringing) = open(&made, "good", Peers { accounts: Vec::new(), trunks: vec![TrunkPeer { table, account: None }] }).await;
        let mut leg = edge.dial(Dialling { trunks: vec![certificate.into()], ..dialling("tel:+4930".into()) });
        let LegEvent::Refused { status, reason } = next(&mut leg).await else { panic!("it was called") };
        assert!(status == 503 && reason.contains(why), "{certificate}: {status} {reason}");
        log.until(&format!("trunk `{certificate}` failed a call: 503 "), DEADLINE).await;
        assert!(log.text().contains(why), "{}", log.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_renewed_while_we_serve_and_a_spoiled_one_is_not_taken() {
    let Some(made) = Certificates::make("renewed") else { return };
    for file in ["pem", "key"] {
        std::fs::copy(made.path(&format!("unknown.{file}")), made.path(&format!("ours.{file}"))).expect("a temporary file");
    }
    let (edge, _ringing) = open(&made, "ours", Peers::default()).await;
    let (caller, _none) = open(&made, "good", Peers::default()).await;
    let target = format!("sip:1000@{};transport=tls", tls(&edge));
    let refused = async |caller: &SipEdge| {
        let mut leg = caller.dial(dialling(target.clone()));
        let LegEvent::Refused { status, reason } = next(&mut leg).await else { panic!("it rings") };
        (status, reason)
    };
    let (status, reason) = refused(&caller).await;
    assert!(status == 503 && reason.contains("UnknownIssuer"), "{status} {reason}");
    std::fs::write(made.path("ours.pem"), "-----BEGIN CERTIFICATE-----\nspoiled\n").expect("a temporary file");
    assert!(edge.renew_certificate().is_err_and(|error| error.to_string().contains("ours.pem")));
    for file in ["pem", "key"] {
        std::fs::copy(made.path(&format!("good.{file}")), made.path(&format!("ours.{file}"))).expect("a temporary file");
    }
    edge.renew_certificate().expect("it is well formed");
    edge.drain();
    let (status, reason) = refused(&caller).await;
    assert!(status == 503 && !reason.contains("reached"), "the call got through TLS: {status} {reason}");
}
