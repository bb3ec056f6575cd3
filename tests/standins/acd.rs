//! A stand-in for an ACD, because none of those that contact centers own can be installed by a test.
//!
//! One call over UDP, as RFC 3261 has it: it reads the INVITE, refuses what a strict system would, sends provisional
//! answers with music as early media, and connects an agent (another tone) when its script says so.

use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// The ACD's own music, in Hz.
pub const MUSIC_HZ: f64 = 400.0;
/// Its agent's voice, in Hz.
pub const AGENT_HZ: f64 = 1_100.0;

/// What it does with the call.
#[derive(Clone, Copy, Debug)]
pub enum Script {
    /// 486 at once.
    Busy,
    /// 183 with music; 200 when the agent picks up after this.
    AgentAnswers(Duration),
    /// 200 at once with music; the agent comes after this.
    QueueAnswers(Duration),
}

/// What it saw.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// What it must not get, in words.
    pub faults: Vec<String>,
    /// The INVITE.
    pub invite: String,
    pub was_cancelled: bool,
    pub was_acked: bool,
    pub got_bye: bool,
    /// RTP packets that came in.
    pub packets: u32,
}

/// A running ACD; ends when it is dropped.
pub struct Acd {
    pub address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
    stop: Arc<AtomicBool>,
}

impl Drop for Acd {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

impl Acd {
    pub fn start(script: Script) -> Acd {
        let sip = UdpSocket::bind("127.0.0.1:0").unwrap();
        let rtp = UdpSocket::bind("127.0.0.1:0").unwrap();
        for socket in [&sip, &rtp] {
            socket.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
        }
        let address = sip.local_addr().unwrap();
        let (seen, stop) = (Arc::new(Mutex::new(Seen::default())), Arc::new(AtomicBool::new(false)));
        let mut at_work = AtWork { sip, rtp, script, seen: seen.clone(), dialog: None, sent: 0 };
        std::thread::spawn({
            let stop = stop.clone();
            move || {
                while !stop.load(Ordering::Relaxed) {
                    at_work.turn();
                }
            }
        });
        Acd { address, seen, stop }
    }

    pub fn seen(&self) -> Seen {
        self.watch()()
    }

    /// What it has seen, whenever asked.
    pub fn watch(&self) -> impl Fn() -> Seen + Send + 'static {
        let seen = self.seen.clone();
        move || seen.lock().unwrap().clone()
    }
}

struct AtWork {
    sip: UdpSocket,
    rtp: UdpSocket,
    script: Script,
    seen: Arc<Mutex<Seen>>,
    dialog: Option<Dialog>,
    sent: u32,
}

struct Dialog {
    invite: String,
    peer: SocketAddr,
    media: SocketAddr,
    since: Instant,
    is_answered: bool,
    is_over: bool,
}

impl AtWork {
    fn turn(&mut self) {
        let mut bytes = [0; 65_535];
        if let Ok((length, peer)) = self.sip.recv_from(&mut bytes) {
            let text = String::from_utf8_lossy(&bytes[..length]).into_owned();
            self.on_message(&text, peer);
        }
        while let Ok((length, _)) = self.rtp.recv_from(&mut bytes) {
            self.seen.lock().unwrap().packets += u32::from(length > 12);
        }
        self.sound();
    }

    fn on_message(&mut self, text: &str, peer: SocketAddr) {
        match text.split(' ').next().unwrap_or_default() {
            "INVITE" if self.dialog.is_none() => self.on_invite(text, peer),
            "INVITE" | "SIP/2.0" => {}
            "ACK" => self.seen.lock().unwrap().was_acked = true,
            "CANCEL" => {
                self.seen.lock().unwrap().was_cancelled = true;
                self.answer(text, peer, "200 OK", None);
                if let Some(dialog) = &mut self.dialog
                    && !dialog.is_answered
                {
                    dialog.is_over = true;
                    let invite = dialog.invite.clone();
                    self.answer(&invite, peer, "487 Request Terminated", None);
                }
            }
            "BYE" => {
                self.seen.lock().unwrap().got_bye = true;
                if let Some(dialog) = &mut self.dialog {
                    dialog.is_over = true;
                }
                self.answer(text, peer, "200 OK", None);
            }
            other => self.fault(format!("an unexpected {other}")),
        }
    }

    fn on_invite(&mut self, text: &str, peer: SocketAddr) {
        for header in ["Via", "Max-Forwards", "From", "To", "Call-ID", "CSeq", "Contact", "Content-Type", "User-to-User", "Call-Info"] {
            if value(text, header).is_none() {
                self.fault(format!("an INVITE without {header}"));
            }
        }
        // RFC 7433, 4: hexadecimal digits, in pairs, unless another encoding is named.
        let uui = value(text, "User-to-User").unwrap_or_default();
        let data = uui.split(';').next().unwrap_or_default().trim();
        if data.is_empty() || data.len() % 2 == 1 || !data.bytes().all(|b| b.is_ascii_hexdigit()) || data.len() > 256 {
            self.fault(format!("User-to-User: {uui}"));
        }
        let Some(media) = media_of(text) else { return self.fault("an INVITE without a usable offer".into()) };
        self.seen.lock().unwrap().invite = text.to_owned();
        self.dialog = Some(Dialog { invite: text.to_owned(), peer, media, since: Instant::now(), is_answered: false, is_over: false });
        match self.script {
            Script::Busy => {
                self.answer(text, peer, "486 Busy Here", None);
                if let Some(dialog) = &mut self.dialog {
                    dialog.is_over = true;
                }
            }
            Script::AgentAnswers(_) => {
                self.answer(text, peer, "100 Trying", None);
                self.answer(text, peer, "183 Session Progress", Some(self.sdp()));
            }
            Script::QueueAnswers(_) => self.pick_up(),
        }
    }

    fn pick_up(&mut self) {
        let sdp = self.sdp();
        let Some(dialog) = &mut self.dialog else { return };
        dialog.is_answered = true;
        let (invite, peer) = (dialog.invite.clone(), dialog.peer);
        self.answer(&invite, peer, "200 OK", Some(sdp));
    }

    /// 20 ms of what the caller is to hear, whenever it is due.
    fn sound(&mut self) {
        let Some(dialog) = &self.dialog else { return };
        let (age, is_over, is_answered, media) = (dialog.since.elapsed(), dialog.is_over, dialog.is_answered, dialog.media);
        if is_over {
            return;
        }
        let agent_after = match self.script {
            Script::Busy => return,
            Script::AgentAnswers(after) | Script::QueueAnswers(after) => after,
        };
        if age >= agent_after && !is_answered {
            self.pick_up();
        }
        let hz = if age < agent_after { MUSIC_HZ } else { AGENT_HZ };
        while Duration::from_millis(20) * self.sent < age {
            let mut packet = vec![0x80, 0, 0, 0, 0, 0, 0, 0, 0xac, 0xd0, 0, 1];
            packet[2..4].copy_from_slice(&(self.sent as u16).to_be_bytes());
            packet[4..8].copy_from_slice(&(self.sent * 160).to_be_bytes());
            let at = |n: u32| f64::from(self.sent * 160 + n) / 8_000.0;
            packet.extend((0..160).map(|n| ulaw((8_000.0 * (std::f64::consts::TAU * hz * at(n)).sin()) as i16)));
            let _ = self.rtp.send_to(&packet, media);
            self.sent += 1;
        }
    }

    fn sdp(&self) -> String {
        let port = self.rtp.local_addr().unwrap().port();
        format!("v=0\r\no=acd 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {port} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n")
    }

    fn answer(&self, request: &str, peer: SocketAddr, status: &str, body: Option<String>) {
        let mut text = format!("SIP/2.0 {status}\r\n");
        for line in request.lines().take_while(|line| !line.is_empty()) {
            let name = line.split(':').next().unwrap_or_default().trim().to_ascii_lowercase();
            let tag = if name == "to" && !line.contains(";tag=") && !status.starts_with("100") { ";tag=acd" } else { "" };
            if ["via", "from", "to", "call-id", "cseq", "record-route"].contains(&name.as_str()) {
                text += &format!("{line}{tag}\r\n");
            }
        }
        let body = body.unwrap_or_default();
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        text += &format!("Contact: <sip:acd@{}>\r\n{kind}Content-Length: {}\r\n\r\n{body}", self.sip.local_addr().unwrap(), body.len());
        let _ = self.sip.send_to(text.as_bytes(), peer);
    }

    fn fault(&self, what: String) {
        self.seen.lock().unwrap().faults.push(what);
    }
}

/// The first value of a header.
pub fn value<'a>(message: &'a str, header: &str) -> Option<&'a str> {
    let head = message.split("\r\n\r\n").next()?;
    head.lines()
        .skip(1)
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case(header))
        .map(|(_, value)| value.trim())
}

/// Where an offer wants its sound, if it takes PCMU.
fn media_of(message: &str) -> Option<SocketAddr> {
    let body = message.split_once("\r\n\r\n")?.1;
    let address = body.lines().find_map(|line| line.strip_prefix("c=IN IP4 "))?;
    let media = body.lines().find_map(|line| line.strip_prefix("m=audio "))?;
    let mut words = media.split(' ');
    let port = words.next()?;
    words.skip(1).any(|payload| payload == "0").then(|| format!("{address}:{port}").parse().ok())?
}

/// G.711 µ-law of one sample (ITU-T G.711, by the textbook).
fn ulaw(sample: i16) -> u8 {
    let sign = if sample < 0 { 0x80 } else { 0 };
    let magnitude = (i32::from(sample).abs() + 132).min(32_767);
    let exponent = (7..15).rev().find(|bit| magnitude >> bit & 1 == 1).unwrap_or(7) - 7;
    let mantissa = magnitude >> (exponent + 3) & 0x0f;
    !(sign | (exponent << 4) as u8 | mantissa as u8)
}
