//! A phone whose every word is written by the test: for what sipp can't do, because it depends on what was said before.

// Each test binary uses its own part of this.
#![allow(dead_code)]

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

/// The type of a description of sound.
const SDP: &str = "application/sdp";

/// A phone on a port of its own, in one dialog.
pub struct Raw {
    socket: UdpSocket,
    pub at: SocketAddr,
    /// The address that it takes for its own.
    named: String,
    edge: SocketAddr,
    /// From our side: our tag, theirs, the Call-ID.
    pub tag: String,
    pub their_tag: String,
    pub call: String,
    their_uri: String,
    cseq: u32,
    branch: u32,
    patience: Duration,
}

/// The value of the first header of this name.
pub fn header<'a>(message: &'a str, name: &str) -> Option<&'a str> {
    message.lines().find_map(|line| line.split_once(':').filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()))
}

/// The tag of `From` or `To`.
pub fn tag(message: &str, name: &str) -> String {
    let value = header(message, name).unwrap_or_default();
    value.split_once(";tag=").map(|(_, tag)| tag.split(';').next().unwrap_or_default().to_owned()).unwrap_or_default()
}

/// What it wants to hear with: G.711 at this port.
pub fn sdp(port: u16, payload: u8, direction: &str) -> String {
    format!(
        "v=0\r\no=- 7 {port} IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {port} RTP/AVP {payload} 101\r\n\
         a=rtpmap:101 telephone-event/8000\r\na={direction}\r\n"
    )
}

/// Where sound is sent, by this message.
pub fn sound_of(message: &str) -> SocketAddr {
    let port = message.split("m=audio ").nth(1).and_then(|rest| rest.split(' ').next()?.parse().ok());
    SocketAddr::from(([127, 0, 0, 1], port.expect("it has sound")))
}

impl Raw {
    pub fn new(edge: SocketAddr, name: &str) -> Raw {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("loopback has ports");
        let at = socket.local_addr().expect("it is bound");
        let call = format!("{name}-{}@test", at.port());
        let their_uri = format!("sip:1000@{edge}");
        let patience = Duration::from_secs(20);
        Raw {
            socket,
            at,
            named: at.to_string(),
            edge,
            tag: format!("{name}1"),
            their_tag: String::new(),
            call,
            their_uri,
            cseq: 0,
            branch: 0,
            patience,
        }
    }

    /// Knows only its address in a network of its own.
    pub fn behind_nat(self) -> Raw {
        Raw { named: "10.0.0.3:5060".into(), ..self }
    }

    /// Talks to this edge from now on.
    pub fn towards(self, edge: SocketAddr) -> Raw {
        Raw { edge, ..self }
    }

    /// Waits as long as this for what it expects.
    pub fn patient(self, secs: u64) -> Raw {
        Raw { patience: Duration::from_secs(secs), ..self }
    }

    pub fn send(&self, message: &str) {
        self.socket.send_to(message.as_bytes(), self.edge).expect("loopback takes it");
    }

    /// A request of its own, the next in the dialog; gives the number.
    pub fn ask(&mut self, method: &str, headers: &str, body: &str) -> u32 {
        self.cseq += 1;
        self.branch += 1;
        self.send(&self.request(method, self.cseq, self.branch, headers, (SDP, body)));
        self.cseq
    }

    /// Presses a key by INFO, as phones do that send it beside their sound.
    pub fn presses(&mut self, key: char) {
        self.cseq += 1;
        self.branch += 1;
        self.send(&self.request("INFO", self.cseq, self.branch, "", ("application/dtmf-relay", &format!("Signal={key}\r\nDuration=160\r\n"))));
    }

    /// An ACK for the 200 to its INVITE.
    pub fn ack(&mut self, cseq: u32, body: &str) {
        self.branch += 1;
        self.send(&self.request("ACK", cseq, self.branch, "", (SDP, body)));
    }

    /// A CANCEL, or the ACK of a refusal: with the branch of the latest request.
    pub fn beside(&self, method: &str) {
        self.send(&self.request(method, self.cseq, self.branch, "", (SDP, "")));
    }

    fn request(&self, method: &str, cseq: u32, branch: u32, headers: &str, (kind, body): (&str, &str)) -> String {
        let Raw { named, tag, call, their_uri, their_tag, .. } = self;
        let to_tag = if their_tag.is_empty() || method == "CANCEL" { String::new() } else { format!(";tag={their_tag}") };
        let content = if body.is_empty() { String::new() } else { format!("Content-Type: {kind}\r\n") };
        format!(
            "{method} {their_uri} SIP/2.0\r\nVia: SIP/2.0/UDP {named};branch=z9hG4bK{tag}{branch};rport\r\nMax-Forwards: 70\r\nFrom: <sip:dana@{named}>;tag={tag}\r\n\
             To: <{their_uri}>{to_tag}\r\nCall-ID: {call}\r\nCSeq: {cseq} {method}\r\nContact: <sip:dana@{named}>\r\n{headers}{content}Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }

    /// Answers a request.
    pub fn answer(&self, request: &str, status: &str, headers: &str, body: &str) {
        self.answer_as(request, &self.tag, status, headers, body);
    }

    /// Answers with another tag, as another branch of a fork.
    pub fn answer_as(&self, request: &str, tag: &str, status: &str, headers: &str, body: &str) {
        let of = |name| header(request, name).unwrap_or_default();
        let to = if of("To").contains(";tag=") { of("To").to_owned() } else { format!("{};tag={tag}", of("To")) };
        let content = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        self.send(&format!(
            "SIP/2.0 {status}\r\nVia: {}\r\nFrom: {}\r\nTo: {to}\r\nCall-ID: {}\r\nCSeq: {}\r\nContact: <sip:anna@{}>\r\n{headers}{content}\
             Content-Length: {}\r\n\r\n{body}",
            of("Via"),
            of("From"),
            of("Call-ID"),
            of("CSeq"),
            self.named,
            body.len()
        ));
    }

    /// The next message that begins so; others are passed over.
    pub fn expect(&self, begin: &str) -> String {
        let until = Instant::now() + self.patience;
        let mut seen = Vec::new();
        let mut buffer = [0; 65_536];
        loop {
            let left = until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
            self.socket.set_read_timeout(Some(left)).expect("it is a time");
            let Ok(length) = self.socket.recv(&mut buffer) else { panic!("no `{begin}` came in time; what came was {seen:#?}") };
            let message = String::from_utf8_lossy(&buffer[..length]).into_owned();
            if message.starts_with(begin) {
                return message;
            }
            seen.push(message.lines().next().unwrap_or_default().to_owned() + " " + header(&message, "CSeq").unwrap_or_default());
        }
    }

    /// The next message that begins so is answered with 200.
    pub fn expect_and_take(&self, begin: &str) -> String {
        let request = self.expect(begin);
        self.answer(&request, "200 OK", "", "");
        request
    }

    /// Calls; the 200 has come and is acknowledged.
    pub fn calls(&mut self, headers: &str, port: u16) -> String {
        let cseq = self.ask("INVITE", headers, &sdp(port, 0, "sendrecv"));
        let answer = self.expect("SIP/2.0 200");
        self.meet(&answer);
        self.ack(cseq, "");
        answer
    }

    /// Learns the other's tag and address from its answer.
    pub fn meet(&mut self, answer: &str) {
        self.their_tag = tag(answer, "To");
        let contact = header(answer, "Contact").unwrap_or_default();
        self.their_uri = contact.trim_start_matches('<').trim_end_matches('>').to_owned();
    }

    /// Is called: picks up, and waits for the ACK; gives the INVITE.
    pub fn picks_up(&mut self, headers: &str, port: u16) -> String {
        let invite = self.expect("INVITE");
        self.is_called(&invite);
        self.answer(&invite, "180 Ringing", headers, "");
        self.answer(&invite, "200 OK", headers, &sdp(port, 0, "sendrecv"));
        self.expect("ACK");
        invite
    }

    /// Learns the dialog from an INVITE.
    pub fn is_called(&mut self, invite: &str) {
        self.their_tag = tag(invite, "From");
        self.call = header(invite, "Call-ID").unwrap_or_default().to_owned();
        let contact = header(invite, "Contact").unwrap_or_default();
        self.their_uri = contact.trim_start_matches('<').trim_end_matches('>').to_owned();
    }
}
