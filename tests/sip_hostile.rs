//! What nobody should send, and what scanners do: the messages of RFC 4475, spoiled descriptions, 100,000 random and mutated
//! datagrams, floods, and guessed passwords. None of it stops the edge or harms a call, all of it is counted, and the log
//! neither grows without end nor tells a secret. Everything is on loopback; every wait is for an event, with a deadline.

#[path = "harness/log.rs"]
mod log;

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use segue::edge::sip::digest::{Challenge, Credentials};
use segue::edge::sip::table::SipTable;
use segue::edge::sip::{Dialling, SipEdge};
use segue::edge::{Invited, Leg, LegCommand, LegEvent, Ports};
use segue::sound::codec::Codec;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::mpsc::{Receiver, channel};

/// Nothing here takes longer than this on a busy machine.
const DEADLINE: Duration = Duration::from_secs(60);
const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// Who scans us; Linux has all of 127.0.0.0/8.
const SCANNER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
/// Media ports of each test's edges.
const PORTS_EACH: u16 = 40;
static NEXT_PORTS: AtomicU16 = AtomicU16::new(38_100);

async fn open(table: SipTable) -> (SipEdge, Receiver<Invited>) {
    let first = NEXT_PORTS.fetch_add(PORTS_EACH, Ordering::Relaxed);
    let ports = Arc::new(Ports::new(LOOPBACK, first, first + PORTS_EACH - 1));
    let table = SipTable { bind: vec!["udp:127.0.0.1:0".into(), "tcp:127.0.0.1:0".into()], ..table };
    let (calls, ringing) = channel(64);
    let accounts = vec![Credentials::new("anna", PASSWORD)];
    (SipEdge::open_for(&table, accounts, ports, calls).await.expect("loopback has ports"), ringing)
}

const PASSWORD: &str = "open-sesame-7261";

/// Whoever rings is told that we are busy.
fn busy(mut ringing: Receiver<Invited>) {
    tokio::spawn(async move {
        while let Some(call) = ringing.recv().await {
            let _ = call.leg.commands.try_send(LegCommand::Refuse { status: 486, retry_after_s: None, contact: None });
        }
    });
}

/// Who talks to the edge by hand.
struct Hand {
    socket: UdpSocket,
    edge: SocketAddr,
}

impl Hand {
    fn at(address: Ipv4Addr, edge: &SipEdge) -> Hand {
        let socket = UdpSocket::bind((address, 0)).expect("loopback has ports");
        socket.set_read_timeout(Some(Duration::from_secs(1))).expect("a socket has a time-out");
        Hand { socket, edge: edge.local() }
    }

    fn send(&self, octets: &[u8]) {
        self.socket.send_to(octets, self.edge).expect("loopback takes it");
    }

    /// The next final answer, within a second.
    fn answer(&self) -> Option<String> {
        let mut buffer = [0; 65_536];
        loop {
            let length = self.socket.recv(&mut buffer).ok()?;
            let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
            if !text.starts_with("SIP/2.0 1") {
                return Some(text);
            }
        }
    }

    /// Until an OPTIONS is answered; its answer, and what else came before.
    fn probe(&self, name: &str) -> Vec<String> {
        let started = Instant::now();
        let mut came = Vec::new();
        let ours = self.socket.local_addr().expect("it is bound");
        self.send(&request("OPTIONS", ours, name, "", ""));
        while started.elapsed() < DEADLINE {
            let Some(answer) = self.answer() else {
                // It was lost, or the edge is slow.
                self.send(&request("OPTIONS", ours, name, "", ""));
                continue;
            };
            let is_ours = answer.contains(&format!("Call-ID: {name}\r\n"));
            came.push(answer);
            if is_ours {
                return came;
            }
        }
        panic!("the edge no longer answers; before that came {came:?}");
    }
}

fn request(method: &str, ours: SocketAddr, id: &str, headers: &str, body: &str) -> Vec<u8> {
    let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    format!(
        "{method} sip:1000@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {ours};branch=z9hG4bK{id};rport\r\nMax-Forwards: 70\r\n\
         From: \"A\" <sip:a@127.0.0.1>;tag=1\r\nTo: <sip:1000@127.0.0.1>\r\nCall-ID: {id}\r\nCSeq: 1 {method}\r\n\
         Contact: <sip:a@{ours}>\r\n{headers}{kind}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

fn status(answer: &str) -> &str {
    answer.get(8..11).unwrap_or_default()
}

/// The messages of `tests/sip_torture/messages.txt`: name, status or `-`, octets.
fn torture() -> Vec<(String, String, Vec<u8>)> {
    let mut all: Vec<(String, String, Vec<u8>)> = Vec::new();
    let mut is_open = false;
    for line in include_str!("sip_torture/messages.txt").lines() {
        match line.strip_prefix("==") {
            Some("") => is_open = false,
            Some(begin) => {
                let (name, status) = begin.trim().split_once(' ').expect("a name and a status");
                all.push((name.into(), status.into(), Vec::new()));
                is_open = true;
            }
            None if is_open => {
                let octets = &mut all.last_mut().expect("it has begun").2;
                octets.extend(spelled(line));
                octets.extend(b"\r\n");
            }
            None => assert!(line.is_empty() || line.starts_with('#'), "{line}"),
        }
    }
    all
}

/// A line with what stands in brackets spelled out; what is none of ours stays.
fn spelled(line: &str) -> Vec<u8> {
    let mut octets = Vec::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once('<') {
        octets.extend(before.bytes());
        let (inner, behind) = after.split_once('>').unwrap_or((after, ""));
        let repeated = inner.strip_prefix('"').and_then(|inner| inner.split_once("\"*"));
        match (inner, repeated, u8::from_str_radix(inner, 16)) {
            ("SP", ..) => octets.push(b' '),
            (_, Some((word, count)), _) => octets.extend(word.repeat(count.parse().expect("a number")).bytes()),
            (_, None, Ok(octet)) if inner.len() == 2 => octets.push(octet),
            _ if inner.starts_with("sdp ") => octets.extend(description(&inner[4..]).trim_end().bytes()),
            _ => {
                octets.push(b'<');
                rest = after;
                continue;
            }
        }
        rest = behind;
    }
    octets.extend(rest.bytes());
    octets
}

fn description(address: &str) -> String {
    format!(
        "v=0\r\no=mhandley 29739 7272939 IN IP4 {address}\r\ns=-\r\nc=IN IP4 {address}\r\nt=0 0\r\nm=audio 49217 RTP/AVP 0 12\r\n\
         m=video 3227 RTP/AVP 31\r\na=rtpmap:31 LPC\r\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn the_torture_messages_of_rfc_4475_are_answered_as_it_says() {
    let (edge, ringing) = open(SipTable::default()).await;
    busy(ringing);
    let messages = torture();
    assert_eq!(messages.len(), 49, "RFC 4475 has so many");
    let bad = messages
        .iter()
        .filter(|(name, status, _)| ["400", "416", "501", "505"].contains(&status.as_str()) || ["scalarlg", "bigcode"].contains(&name.as_str()));
    let bad = bad.count() as u64;
    let asked = edge.clone();
    let wrong = tokio::task::spawn_blocking(move || {
        let mut wrong = Vec::new();
        for (name, expected, octets) in messages {
            let hand = Hand::at(Ipv4Addr::LOCALHOST, &asked);
            hand.send(&octets);
            // What is answered twice, or is not to be answered, shows before the answer to what comes next.
            let came = hand.probe(&format!("after-{name}"));
            let mut answers: Vec<&str> = came.iter().map(|answer| status(answer)).collect();
            answers.pop();
            let first = match (answers.first(), expected.as_str()) {
                (None, "-") => continue,
                (None, _) => hand.answer().map_or_else(|| "-".into(), |answer| status(&answer).to_owned()),
                (Some(first), _) => (*first).to_owned(),
            };
            if first != expected {
                wrong.push(format!("{name}: {first} and not {expected}"));
            }
        }
        wrong
    });
    let wrong = wrong.await.expect("no panic");
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(edge.counts().malformed, bad);
}

/// What is wrong with it, and how an INVITE with it is answered.
const DESCRIPTIONS: [(&str, &str); 16] = [
    ("hello", "488"),
    ("v=0", "488"),
    ("v=1\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n", "488"),
    ("m=audio 6000 RTP/AVP 0\r\nv=0\r\n", "488"),
    ("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 6000 RTP/AVP 0\r\n", "488"),
    ("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 nowhere\r\nt=0 0\r\nm=audio 6000 RTP/AVP 0\r\n", "488"),
    ("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 224.0.0.1/127\r\nt=0 0\r\nm=audio 6000 RTP/AVP 0\r\n", "488"),
    ("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 99999 RTP/AVP 0\r\n", "488"),
    ("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 6000 RTP/AVP\r\n", "488"),
    ("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 6000 RTP/AVP 999 -1 x\r\n", "488"),
    ("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 6000 TCP/HTTP 0\r\n", "488"),
    ("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=video 6000 RTP/AVP 31\r\n", "488"),
    ("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 6000 RTP/AVP 96\r\na=rtpmap:96 \r\n", "488"),
    ("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 6000 RTP/SAVP 0\r\na=crypto:1 x y\r\n", "488"),
    // What is odd beside the stream does no harm to it.
    (
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 6000 RTP/AVP 0\r\na=rtpmap:x\r\na=fmtp:\r\na=ptime:-5\r\n",
        "486",
    ),
    ("v=0\r\no=- 99999999999999999999 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 6000 RTP/AVP 0\r\n", "486"),
];

#[tokio::test(flavor = "multi_thread")]
async fn spoiled_descriptions_are_refused_and_odd_ones_read_as_far_as_they_go() {
    let (edge, ringing) = open(SipTable::default()).await;
    busy(ringing);
    let wrong = tokio::task::spawn_blocking(move || {
        let mut wrong = Vec::new();
        for (n, (body, expected)) in DESCRIPTIONS.iter().enumerate() {
            let hand = Hand::at(Ipv4Addr::LOCALHOST, &edge);
            hand.send(&request("INVITE", hand.socket.local_addr().expect("it is bound"), &format!("sdp{n}"), "", body));
            let answer = hand.answer().unwrap_or_default();
            if status(&answer) != *expected {
                wrong.push(format!("{body}: {answer}"));
            }
        }
        wrong
    });
    let wrong = wrong.await.expect("no panic");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

async fn next(leg: &mut Leg) -> LegEvent {
    tokio::time::timeout(DEADLINE, leg.events.recv()).await.expect("in time").expect("the leg goes on")
}

async fn stands(leg: &mut Leg) {
    while !matches!(next(leg).await, LegEvent::Answered) {}
}

async fn ask(leg: &Leg, command: LegCommand) {
    leg.commands.send(command).await.expect("the leg goes on");
}

fn dialling(edge: &SipEdge) -> Dialling {
    Dialling::new(format!("sip:1000@{}", edge.local()), "sip:segue@127.0.0.1", vec![Codec::Pcmu], DEADLINE)
}

/// A call to the edge that stands: the caller's phone, both legs, and who rings from now on.
async fn call(edge: &SipEdge, mut ringing: Receiver<Invited>) -> (SipEdge, Leg, Leg, Receiver<Invited>) {
    let (phone, _none) = open(SipTable::default()).await;
    let mut theirs = phone.dial(dialling(edge));
    let mut ours = tokio::time::timeout(DEADLINE, ringing.recv()).await.expect("in time").expect("the edge is open").leg;
    ask(&ours, LegCommand::Answer).await;
    stands(&mut theirs).await;
    stands(&mut ours).await;
    (phone, theirs, ours, ringing)
}

/// The call is as it was: it is held, taken back, and ends when one of both says so.
async fn is_unharmed(mut theirs: Leg, mut ours: Leg) {
    for holds in [true, false] {
        ask(&theirs, LegCommand::Hold(holds)).await;
        let LegEvent::Media { plan, .. } = next(&mut ours).await else { panic!("the call was harmed") };
        assert_eq!(plan.sends, !holds);
    }
    ask(&theirs, LegCommand::HangUp { cause: 16, text: "Normal call clearing".into() }).await;
    while !matches!(next(&mut ours).await, LegEvent::Gone(_)) {}
    assert!(!matches!(theirs.events.try_recv(), Ok(LegEvent::Refused { .. })));
}

/// Counts panics of whatever thread; the test's own would fail it anyway.
fn count_panics() -> &'static AtomicUsize {
    static PANICS: AtomicUsize = AtomicUsize::new(0);
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            PANICS.fetch_add(1, Ordering::SeqCst);
            before(info);
        }));
    });
    &PANICS
}

/// Pseudo-random numbers (xorshift, Marsaglia 2003), the same in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }

    fn octet(&mut self) -> u8 {
        self.below(256) as u8
    }
}

/// Words that parsers stumble over.
const WORDS: [&[u8]; 16] = [
    b"\r\n",
    b"\r\n\r\n",
    b":",
    b";",
    b",",
    b"\"",
    b"<",
    b">",
    b"%",
    b"SIP/2.0",
    b"Content-Length: ",
    b"4294967296",
    b"-1",
    b"z9hG4bK",
    b"\xff\xfe",
    b"\0",
];

/// One datagram: random octets, glued words, or a message that was spoiled in up to eight places.
fn hostile(random: &mut Random, seeds: &[Vec<u8>]) -> Vec<u8> {
    match random.below(8) {
        0 => (0..=random.below(1_200)).map(|_| random.octet()).collect(),
        1 => (0..=random.below(40)).flat_map(|_| WORDS[random.below(WORDS.len())].to_vec()).collect(),
        _ => {
            let mut octets = seeds[random.below(seeds.len())].clone();
            for _ in 0..=random.below(8) {
                let at = random.below(octets.len());
                match random.below(6) {
                    0 => octets[at] = random.octet(),
                    1 if random.below(4) == 0 => octets.truncate(at.max(1)),
                    2 => octets.insert(at, random.octet()),
                    3 if octets.len() > 1 => drop(octets.remove(at)),
                    4 => drop(octets.splice(at..at, WORDS[random.below(WORDS.len())].iter().copied())),
                    _ => {
                        let (from, length) = (random.below(octets.len()), random.below(32));
                        let piece: Vec<u8> = octets[from..].iter().take(length).copied().collect();
                        octets.splice(at..at, piece);
                    }
                }
            }
            octets
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_random_and_mutated_datagrams_harm_no_call_and_are_all_counted() {
    const DATAGRAMS: usize = 100_000;
    /// So many fit into the socket of an edge that is slow.
    const BURST: usize = 50;
    let panics = count_panics();
    // The limits on one address are tested apart.
    let (edge, ringing) = open(SipTable { calls_per_second: 80_000, ..SipTable::default() }).await;
    let (_phone, theirs, mut ours, ringing) = call(&edge, ringing).await;
    busy(ringing);
    let before = edge.counts();
    let asked = edge.clone();
    let sent = tokio::task::spawn_blocking(move || {
        let (hand, prober) = (Hand::at(Ipv4Addr::LOCALHOST, &asked), Hand::at(Ipv4Addr::LOCALHOST, &asked));
        let us = hand.socket.local_addr().expect("it is bound");
        let mut seeds: Vec<Vec<u8>> = torture().into_iter().map(|(_, _, octets)| octets).collect();
        for (n, method) in ["INVITE", "OPTIONS", "BYE", "REGISTER", "CANCEL", "ACK", "INFO", "UPDATE", "REFER", "NOTIFY"].into_iter().enumerate() {
            seeds.push(request(method, us, &format!("seed{n}"), "Authorization: Digest username=\"a\", realm=\"b\"\r\n", &description("127.0.0.1")));
        }
        seeds.push(b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\nCall-ID: e\r\nCSeq: 1 INVITE\r\n\r\n".to_vec());
        let mut random = Random(0x2545_F491_4F6C_DD1D);
        let mut sent = 0;
        for n in 0..DATAGRAMS {
            hand.send(&hostile(&mut random, &seeds));
            if n % BURST == BURST - 1 {
                let before = asked.counts();
                prober.probe(&format!("alive{n}"));
                assert!(asked.counts().messages > before.messages);
            }
            sent += 1;
        }
        sent
    });
    let sent: u64 = sent.await.expect("no panic");
    let after = edge.counts();
    let counted = after.messages + after.malformed - before.messages - before.malformed;
    // Each burst was followed by a probe, sometimes by two.
    let probes = counted.checked_sub(sent).expect("not all were counted");
    assert!((sent / BURST as u64..sent / 10).contains(&probes), "{sent} were sent, {counted} counted: {after:?}");
    assert!(after.malformed > sent / 2 && after.messages > sent / 20, "it was too easy or too hard: {after:?}");
    assert_eq!((after.too_many, after.banned, panics.load(Ordering::SeqCst)), (0, 0, 0));
    assert!(ours.events.try_recv().is_err(), "the call was harmed");
    is_unharmed(theirs, ours).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_from_one_address_is_banned_and_another_address_is_served_meanwhile() {
    const EACH: usize = 5_000;
    let log = log::Log::with("segue=trace");
    let (edge, ringing) = open(SipTable { allow: vec!["127.0.0.1".into()], ..SipTable::default() }).await;
    let asked = edge.clone();
    let flood = tokio::task::spawn_blocking(move || {
        let hand = Hand::at(SCANNER, &asked);
        let us = hand.socket.local_addr().expect("it is bound");
        for n in 0..EACH {
            for method in ["OPTIONS", "REGISTER", "INVITE"] {
                hand.send(&request(method, us, &format!("flood{method}{n}"), "User-Agent: friendly-scanner\r\n", ""));
            }
            if n == EACH / 2 {
                // A call of another is in the middle of it.
                std::thread::yield_now();
            }
        }
    });
    let (_phone, theirs, ours, _ringing) = call(&edge, ringing).await;
    flood.await.expect("no panic");
    is_unharmed(theirs, ours).await;
    let counts = edge.counts();
    assert!(counts.banned > 0, "{counts:?}");
    let silent = tokio::task::spawn_blocking({
        let edge = edge.clone();
        move || {
            let hand = Hand::at(SCANNER, &edge);
            hand.send(&request("OPTIONS", hand.socket.local_addr().expect("it is bound"), "banned", "", ""));
            hand.answer()
        }
    });
    assert_eq!(silent.await.expect("no panic"), None, "who is banned is not answered");
    assert!(edge.counts().banned > counts.banned);
    let text = log.text();
    let lines: Vec<&str> = text.lines().filter(|line| line.contains("127.0.0.2")).collect();
    assert!((1..=10).contains(&lines.len()), "{} lines of the log about one address: {lines:?}", lines.len());
    // Those whom we let in are held back, and never banned: anybody may forge where a datagram comes from.
    let (edge, ringing) = open(SipTable { calls_per_second: 1, ..SipTable::default() }).await;
    busy(ringing);
    let counts = tokio::task::spawn_blocking(move || {
        let hand = Hand::at(Ipv4Addr::LOCALHOST, &edge);
        for n in 0..2_000 {
            hand.send(&request("OPTIONS", hand.socket.local_addr().expect("it is bound"), &format!("known{n}"), "", ""));
        }
        hand.probe("patient");
        edge.counts()
    });
    let counts = counts.await.expect("no panic");
    assert!(counts.too_many > 0 && counts.banned == 0, "{counts:?}");
}

/// What came over a stream until so many answers, or its end.
async fn read(stream: &mut TcpStream, answers: usize) -> String {
    let (mut text, mut buffer) = (String::new(), [0; 4_096]);
    while text.matches("\r\n\r\n").count() < answers {
        let length = tokio::time::timeout(DEADLINE, stream.read(&mut buffer)).await.expect("in time").unwrap_or(0);
        if length == 0 {
            break;
        }
        text += &String::from_utf8_lossy(&buffer[..length]);
    }
    text
}

async fn connect(from: Ipv4Addr, edge: &SipEdge) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("there are sockets");
    socket.bind((from, 0).into()).expect("loopback has ports");
    socket.connect(edge.local()).await.expect("it listens")
}

fn over_tcp(method: &str, id: &str) -> String {
    let text = String::from_utf8(request(method, (LOOPBACK, 5_060).into(), id, "", "")).expect("text");
    text.replace("SIP/2.0/UDP", "SIP/2.0/TCP")
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_are_read_however_they_are_cut_and_closed_when_they_are_no_sip() {
    let (edge, ringing) = open(SipTable::default()).await;
    let (_phone, theirs, ours, _ringing) = call(&edge, ringing).await;
    let mut stream = connect(Ipv4Addr::LOCALHOST, &edge).await;
    for octet in over_tcp("OPTIONS", "bytewise").as_bytes() {
        stream.write_all(&[*octet]).await.expect("it is open");
    }
    let answer = read(&mut stream, 1).await;
    assert!(status(&answer) == "200" && answer.contains("Call-ID: bytewise"), "{answer}");
    stream
        .write_all((over_tcp("CANCEL", "first") + &over_tcp("OPTIONS", "second") + &over_tcp("BYE", "third")).as_bytes())
        .await
        .expect("it is open");
    let answers = read(&mut stream, 3).await;
    let of = |id: &str| {
        answers.split("SIP/2.0 ").filter(|answer| answer.contains(&format!("Call-ID: {id}\r\n"))).map(|answer| &answer[..3]).collect::<Vec<_>>()
    };
    assert_eq!([of("first"), of("second"), of("third")], [["481"], ["200"], ["481"]], "{answers}");
    stream.write_all(over_tcp("OPTIONS", "version").replace(" SIP/2.0\r\nVia", " SIP/7.0\r\nVia").as_bytes()).await.expect("it is open");
    assert_eq!(status(&read(&mut stream, 1).await), "505");
    for garbage in
        [b"hello\r\n\r\n".to_vec(), vec![b'x'; 200_000], over_tcp("OPTIONS", "long").replace("Content-Length: 0", "Content-Length: -1").into_bytes()]
    {
        let mut stream = connect(Ipv4Addr::LOCALHOST, &edge).await;
        // It may be closed while we still write.
        let _ = stream.write_all(&garbage).await;
        assert_eq!(read(&mut stream, 1).await, "", "it is closed without a word");
    }
    is_unharmed(theirs, ours).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_reads_no_answers_is_cut_off_and_holds_nobody_up() {
    let (edge, ringing) = open(SipTable { calls_per_second: 80_000, ..SipTable::default() }).await;
    let (_phone, theirs, ours, _ringing) = call(&edge, ringing).await;
    let socket = TcpSocket::new_v4().expect("there are sockets");
    socket.set_recv_buffer_size(4_096).expect("it can be small");
    let deaf = socket.connect(edge.local()).await.expect("it listens");
    let mut prober = connect(Ipv4Addr::LOCALHOST, &edge).await;
    // Answers repeat the id, in two places: long ones fill 4 MiB of buffers with a few hundred messages.
    let pad = "x".repeat(4_000);
    let asked = [over_tcp("OPTIONS", "deaf"), over_tcp("CANCEL", "deaf")].concat();
    let (started, mut left) = (Instant::now(), Vec::new());
    // Until its answers fill all buffers, and then until it is cut off.
    for n in 0.. {
        if left.is_empty() {
            left = asked.replace("deaf", &format!("deaf{n}{pad}")).into_bytes();
        }
        match deaf.try_write(&left) {
            Ok(length) => drop(left.drain(..length)),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => tokio::time::sleep(Duration::from_millis(1)).await,
            Err(_) => break,
        }
        if n % 100 == 0 {
            prober.write_all(over_tcp("OPTIONS", &format!("heard{n}")).as_bytes()).await.expect("it is open");
            assert_eq!(status(&read(&mut prober, 1).await), "200", "others are held up");
        }
        assert!(started.elapsed() < DEADLINE, "it is never cut off");
    }
    is_unharmed(theirs, ours).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_has_so_many_streams_and_others_are_served_meanwhile() {
    let (edge, _ringing) = open(SipTable::default()).await;
    let mut streams = Vec::new();
    for n in 0..300 {
        let mut stream = connect(SCANNER, &edge).await;
        stream.write_all(over_tcp("OPTIONS", &format!("stream{n}")).as_bytes()).await.expect("it is open");
        streams.push(stream);
    }
    let mut served = 0;
    for stream in &mut streams {
        served += usize::from(status(&read(stream, 1).await) == "200");
    }
    assert_eq!(served, 256, "of 300 streams of one address");
    let mut other = connect(Ipv4Addr::LOCALHOST, &edge).await;
    other.write_all(over_tcp("OPTIONS", "other").as_bytes()).await.expect("it is open");
    assert_eq!(status(&read(&mut other, 1).await), "200");
    drop(streams);
    let started = Instant::now();
    loop {
        let mut again = connect(SCANNER, &edge).await;
        again.write_all(over_tcp("OPTIONS", "again").as_bytes()).await.expect("it is open");
        if status(&read(&mut again, 1).await) == "200" {
            break;
        }
        assert!(started.elapsed() < DEADLINE, "streams that were closed still count");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_holds_no_credential_whatever_is_proved_with_it() {
    let log = log::Log::with("segue=trace");
    let (edge, ringing) = open(SipTable { ban_after: 100, ..SipTable::default() }).await;
    busy(ringing);
    let target = format!("sip:{}", edge.local());
    let secrets = tokio::task::spawn_blocking(move || {
        let hand = Hand::at(Ipv4Addr::LOCALHOST, &edge);
        let us = hand.socket.local_addr().expect("it is bound");
        let mut secrets = vec![PASSWORD.to_owned(), "wrong-password-5813".to_owned()];
        let send = |id: &str, headers: &str| {
            let text = String::from_utf8(request("REGISTER", us, id, headers, "")).expect("text").replace("sip:1000@127.0.0.1", "sip:anna@segue");
            hand.send(text.replace("REGISTER sip:anna@segue", &format!("REGISTER {target}")).as_bytes());
            hand.answer().expect("it is answered")
        };
        for (n, password) in ["wrong-password-5813", PASSWORD].into_iter().enumerate() {
            let challenged = send(&format!("ask{n}"), "");
            let value = challenged.lines().find_map(|line| line.strip_prefix("WWW-Authenticate: ")).expect("it is challenged").to_owned();
            let challenge = Challenge::parse(&value).expect("well formed");
            let proof = challenge.answer(&Credentials::new("anna", password), "REGISTER", &target, (1, "c5f1"));
            secrets.push(proof.split("response=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a response").to_owned());
            let answer = send(&format!("prove{n}"), &format!("Authorization: {proof}\r\n"));
            assert_eq!(status(&answer), if n == 0 { "401" } else { "200" }, "{answer}");
            // Spoiled around what it holds.
            send(&format!("spoiled{n}"), &format!("Authorization: {proof}\r\nCSeq: twice\r\n"));
        }
        // In the clear, as some phones would have it.
        send("basic", "Authorization: Basic YW5uYTpvcGVuLXNlc2FtZS03MjYx\r\n");
        secrets.push("YW5uYTpvcGVuLXNlc2FtZS03MjYx".into());
        secrets
    });
    let secrets = secrets.await.expect("no panic");
    log.until("name or password is wrong", DEADLINE).await;
    let text = log.text();
    for secret in secrets.iter().map(String::as_str).chain(["Authorization", "nonce="]) {
        assert!(!text.contains(secret), "the log holds {secret}:\n{text}");
    }
}
