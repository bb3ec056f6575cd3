//! `segue serve` as a process: it is told to read its configuration again and to stop while a call goes on. Everything is on
//! loopback; every wait is for an event, with a deadline.

use std::net::{SocketAddr, UdpSocket};
use std::path::PathBuf;

use crate::phones::{dialling, in_time, phone};
use crate::served::Served;
use segue::edge::sip::SipEdge;
use segue::edge::{Invited, Leg, LegCommand, LegEvent, MediaSockets, Wire};
use segue::sound::codec::Codec;
use tokio::sync::mpsc::Receiver;

/// A second of sound.
const SECOND: usize = 50;

/// Whom it serves: an entry whose queue has one agent, whose phone rings for longer than any test takes, so that a caller
/// waits there; and more tables.
fn configuration(at: SocketAddr, first_port: u16, phone: &SipEdge, more: &str) -> String {
    format!(
        "[[entry]]\nname = \"main\"\ncalled = [\"1000\"]\nqueue = \"service\"\nask_topic = false\n[[queue]]\nname = \"service\"\nring_secs = 600.0\n\
         [[agent]]\nname = \"nobody\"\n[[phone]]\nagent = \"nobody\"\ncontact = \"sip:nobody@{}\"\n\
         [sip]\nbind = [\"udp:{at}\"]\nrtp_first_port = {first_port}\nrtp_last_port = {}\n[speech]\nrecognizer = \"off\"\n[store]\nurl = \"\"\n{more}",
        phone.local(),
        first_port + 99
    )
}

/// A file of configuration, and where it says that calls are taken.
fn written(name: &str, text: impl FnOnce(SocketAddr) -> String) -> (PathBuf, SocketAddr) {
    let at = UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).unwrap();
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("serve");
    std::fs::create_dir_all(&dir).unwrap();
    let file = dir.join(format!("{name}.toml"));
    std::fs::write(&file, text(at)).unwrap();
    (file, at)
}

async fn served(name: &str, first_port: u16, phone: &SipEdge, gateway: &str) -> Served {
    let more = format!("[gateway]\nmedia_timeout_secs = 600.0\n{gateway}\n");
    let (file, at) = written(name, |at| configuration(at, first_port, phone, &more));
    Served::start(&file, at).await
}

/// A call that stands, and what it hears.
struct Standing {
    leg: Leg,
    sockets: MediaSockets,
}

async fn next(leg: &mut Leg) -> LegEvent {
    in_time(leg.events.recv()).await.unwrap()
}

async fn stands(phone: &SipEdge, target: &str) -> Standing {
    let mut leg = phone.dial(dialling(phone, target, Codec::Pcmu));
    let mut media = None;
    loop {
        match next(&mut leg).await {
            LegEvent::Media { wire: Some(Wire::Sockets(sockets)), .. } => media = Some(sockets),
            LegEvent::Answered => return Standing { leg, sockets: media.unwrap() },
            LegEvent::Ringing | LegEvent::Media { .. } => {}
            other => panic!("{other:?}"),
        }
    }
}

impl Standing {
    /// Until so many more packets have come, and nothing else.
    async fn hears(&mut self, packets: usize) {
        let rtp = tokio::net::UdpSocket::from_std(self.sockets.rtp.try_clone().unwrap()).unwrap();
        let mut datagram = [0; 2_048];
        // What waited in the socket is from before.
        while rtp.try_recv(&mut datagram).is_ok() {}
        for _ in 0..packets {
            tokio::select! {
                came = in_time(rtp.recv(&mut datagram)) => drop(came.unwrap()),
                event = self.leg.events.recv() => panic!("the call goes on no more: {event:?}"),
            }
        }
    }

    async fn hangs_up(&mut self) {
        self.leg.commands.send(LegCommand::HangUp { cause: 16, text: "Normal call clearing".into() }).await.unwrap();
    }
}

async fn status_of(phone: &SipEdge, target: &str) -> u16 {
    let mut leg = phone.dial(dialling(phone, target, Codec::Pcmu));
    loop {
        match next(&mut leg).await {
            LegEvent::Refused { status, .. } => return status,
            LegEvent::Answered => return 200,
            _ => {}
        }
    }
}

/// The answer to an INVITE, as it comes over the wire.
async fn invited(at: SocketAddr) -> String {
    invited_to(at, "1000").await
}

async fn invited_to(at: SocketAddr, number: &str) -> String {
    let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let us = socket.local_addr().unwrap();
    let invite = format!(
        "INVITE sip:{number}@{at} SIP/2.0\r\nVia: SIP/2.0/UDP {us};branch=z9hG4bK{};rport\r\nMax-Forwards: 70\r\nFrom: <sip:a@{us}>;tag=1\r\n\
         To: <sip:{number}@{at}>\r\nCall-ID: late-{us}\r\nCSeq: 1 INVITE\r\nContact: <sip:a@{us}>\r\nContent-Length: 0\r\n\r\n",
        us.port()
    );
    socket.send_to(invite.as_bytes(), at).await.unwrap();
    let mut datagram = [0; 4_096];
    loop {
        let length = in_time(socket.recv(&mut datagram)).await.unwrap();
        let text = String::from_utf8_lossy(&datagram[..length]).into_owned();
        if !text.starts_with("SIP/2.0 1") {
            return text;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_configuration_is_read_while_a_call_goes_on_and_a_spoiled_one_is_not_taken() {
    let (phone, _rung) = phone().await;
    let mut served = served("reload", 47_600, &phone, "").await;
    let mut call = stands(&phone, &served.target("1000")).await;
    call.hears(SECOND).await;
    assert_eq!(status_of(&phone, &served.target("2000")).await, 404);
    served.reload(|text| text.replace("called = [\"1000\"]", "called = [\"2000\"]"));
    served.says("the configuration was read again").await;
    call.hears(SECOND).await;
    assert_eq!(status_of(&phone, &served.target("2000")).await, 200);
    assert_eq!(status_of(&phone, &served.target("1000")).await, 404, "the number that is no longer there");
    served.reload(|text| text.replace("called = [\"2000\"]", "called = 3000"));
    served.says("the old one stays in force").await;
    assert_eq!(status_of(&phone, &served.target("2000")).await, 200);
    served.reload(|text| text.replace("called = 3000", "called = [\"3000\"]").replace("service", "sales"));
    served.says_times("the configuration was read again", 2).await;
    assert_eq!(status_of(&phone, &served.target("3000")).await, 200);
    call.hears(SECOND).await;
    call.hangs_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn systemd_is_told_and_each_call_is_one_line_in_the_log() {
    let (phone, _rung) = phone().await;
    // A path of a socket is short (108 octets).
    let path = std::env::temp_dir().join(format!("segue-notify-{}", std::process::id()));
    let told = tokio::net::UnixDatagram::bind(&path).unwrap();
    let (file, at) = written("notify", |at| configuration(at, 48_600, &phone, ""));
    let mut served = Served::start_with(&file, at, &[("NOTIFY_SOCKET", path.as_os_str())]).await;
    let tells = async |what: &str| {
        let mut datagram = [0; 1_024];
        loop {
            let length = in_time(told.recv(&mut datagram)).await.unwrap();
            if String::from_utf8_lossy(&datagram[..length]).lines().any(|line| line == what) {
                return;
            }
        }
    };
    tells("READY=1").await;
    let mut call = stands(&phone, &served.target("1000")).await;
    call.hears(SECOND).await;
    call.hangs_up().await;
    served.says("The caller hung up").await;
    served.signal("TERM");
    tells("STOPPING=1").await;
    assert!(served.ends().await.success());
    let _ = std::fs::remove_file(&path);
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_beyond_max_calls_and_beyond_a_share_are_sent_elsewhere() {
    let (phone, _rung) = phone().await;
    let full = "[gateway]\nmax_calls = 1\nmedia_timeout_secs = 600.0\n";
    let tried = "[[entry]]\nname = \"tried\"\ncalled = [\"2000\"]\nqueue = \"service\"\nshare = 0.0\nrest = \"sip:old@192.0.2.8\"\n";
    let (file, at) = written("full", |at| {
        let text = configuration(at, 48_700, &phone, &format!("{full}{tried}"));
        text.replace("[sip]\n", "[sip]\noverload_target = \"sip:queue@192.0.2.9\"\n")
    });
    let served = Served::start(&file, at).await;
    let sent = |answer: &str| answer.lines().find_map(|line| line.strip_prefix("Contact:")).unwrap_or_default().trim().to_owned();
    let answer = invited_to(at, "2000").await;
    assert!(answer.starts_with("SIP/2.0 302") && sent(&answer) == "<sip:old@192.0.2.8>", "{answer}");
    let mut call = stands(&phone, &served.target("1000")).await;
    call.hears(1).await;
    let answer = invited_to(at, "1000").await;
    assert!(answer.starts_with("SIP/2.0 302") && sent(&answer) == "<sip:queue@192.0.2.9>", "{answer}");
    call.hangs_up().await;
}

/// Whose phone rings next.
async fn rings(rung: &mut Receiver<Invited>) -> (String, Leg) {
    let invited = in_time(rung.recv()).await.unwrap();
    invited.leg.commands.send(LegCommand::Ring).await.unwrap();
    (invited.called, invited.leg)
}

#[tokio::test(flavor = "multi_thread")]
async fn other_agents_are_read_while_a_caller_waits_who_is_theirs_from_then_on() {
    let (phone, mut rung) = phone().await;
    let mut served = served("agents", 48_700, &phone, "").await;
    let mut call = stands(&phone, &served.target("1000")).await;
    let (name, mut leg) = rings(&mut rung).await;
    assert_eq!(name, "nobody");
    served.reload(|text| text.replace("nobody", "dora"));
    let (name, mut dora) = rings(&mut rung).await;
    assert_eq!(name, "dora");
    while !matches!(next(&mut leg).await, LegEvent::Gone(_)) {}
    dora.commands.send(LegCommand::Answer).await.unwrap();
    call.hears(SECOND).await;
    call.hangs_up().await;
    while !matches!(next(&mut dora).await, LegEvent::Gone(_)) {}
    served.says("the configuration was read again").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn told_to_stop_it_refuses_new_calls_and_goes_when_the_running_one_has_ended() {
    let (phone, _rung) = phone().await;
    let mut served = served("stop", 47_700, &phone, "").await;
    let mut call = stands(&phone, &served.target("1000")).await;
    served.signal("TERM");
    served.says("taking no new calls; 1 may go on").await;
    let answer = invited(served.at).await;
    assert!(answer.starts_with("SIP/2.0 503 ") && answer.contains("\r\nRetry-After: "), "{answer}");
    call.hears(SECOND).await;
    call.hangs_up().await;
    let status = served.ends().await;
    assert!(status.success(), "{status}\n{}", *served.log.borrow());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_does_not_end_is_ended_after_the_configured_time_or_when_told_to_stop_again() {
    for (name, first_port, gateway, again) in [("late", 47_800, "drain_secs = 1.0", false), ("twice", 47_900, "drain_secs = 3600.0", true)] {
        let (phone, _rung) = phone().await;
        let mut served = served(name, first_port, &phone, gateway).await;
        let mut call = stands(&phone, &served.target("1000")).await;
        served.signal("TERM");
        served.says("taking no new calls; 1 may go on").await;
        if again {
            call.hears(2 * SECOND).await;
            served.signal("TERM");
        }
        while !matches!(next(&mut call.leg).await, LegEvent::Gone(_)) {}
        let status = served.ends().await;
        assert!(status.success(), "{name}: {status}\n{}", *served.log.borrow());
    }
}
