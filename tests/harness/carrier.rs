//! A carrier that asks for passwords, and does what it is told: its answers are written by hand, so that nothing of the
//! gateway's own library is on its side.

#![allow(dead_code, reason = "not every test uses all of it")]

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use segue::base::Time;
use segue::edge::sip::digest::server::{Authority, Denied};
use segue::edge::sip::digest::{Algorithm, Credentials};
use tokio::net::UdpSocket;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// What it takes calls with.
pub const SDP: &str =
    "v=0\r\no=- 7 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 6000 RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n";

/// How a carrier behaves.
#[derive(Clone)]
pub struct Manners {
    /// It asks for a password: with this status (401 or 407), these digests.
    pub asks: Option<(u16, Vec<Algorithm>)>,
    /// Every nonce is said to be too old once.
    pub is_forgetful: bool,
    /// How it answers an INVITE, with further header lines; 0 for not at all.
    pub invite: (u16, String),
    /// A REGISTER for less than this is refused with 423.
    pub least_secs: u32,
    /// How it answers a REGISTER, with further header lines.
    pub register: (u16, String),
    /// It says nothing at all.
    pub is_silent: bool,
}

impl Default for Manners {
    fn default() -> Self {
        Manners { asks: None, is_forgetful: false, invite: (200, String::new()), least_secs: 0, register: (200, String::new()), is_silent: false }
    }
}

/// A request that it took, or challenged.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The whole request.
    pub text: String,
    /// Who sent it, where that was proved.
    pub who: Option<String>,
    /// How it was answered.
    pub status: u16,
}

impl Seen {
    pub fn method(&self) -> &str {
        self.text.split(' ').next().unwrap_or_default()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.text, name)
    }
}

/// The value of the first header of this name.
pub fn header<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.split_once(':').filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()))
}

/// A carrier on a port of its own.
pub struct Carrier {
    pub address: SocketAddr,
    pub manners: Arc<Mutex<Manners>>,
    pub seen: UnboundedReceiver<Seen>,
    serving: JoinHandle<()>,
}

impl Drop for Carrier {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Carrier {
    /// Serves until it is dropped; `segue` with the password `open sesame` may come in.
    pub async fn open(manners: Manners) -> Carrier {
        let socket = UdpSocket::bind((LOOPBACK, 0)).await.expect("loopback has ports");
        let address = socket.local_addr().expect("it is bound");
        let manners = Arc::new(Mutex::new(manners));
        let (tell, seen) = unbounded_channel();
        let algorithms = manners.lock().expect("no panic").asks.clone().map_or_else(Vec::new, |(_, algorithms)| algorithms);
        let office = Office { socket, manners: manners.clone(), tell, authority: Authority::new("carrier", algorithms), now: 1, proved: 0 };
        Carrier { address, manners, seen, serving: tokio::spawn(office.serve()) }
    }

    pub fn behave(&self, change: impl FnOnce(&mut Manners)) {
        change(&mut self.manners.lock().expect("no panic"));
    }
}

/// Whether somebody registers for less than this; for 0 they leave.
fn is_brief(register: &str, least_secs: u32) -> bool {
    header(register, "Expires").and_then(|secs| secs.parse().ok()).is_some_and(|secs: u32| secs > 0 && secs < least_secs)
}

struct Office {
    socket: UdpSocket,
    manners: Arc<Mutex<Manners>>,
    tell: UnboundedSender<Seen>,
    authority: Authority,
    now: u64,
    proved: u32,
}

impl Office {
    async fn serve(mut self) {
        let mut buffer = vec![0; 65_536];
        let mut last = String::new();
        loop {
            let Ok((length, from)) = self.socket.recv_from(&mut buffer).await else { return };
            let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
            // Sent again, because we were slow: it is answered once.
            let is_again = text == last;
            last.clone_from(&text);
            let manners = self.manners.lock().expect("no panic").clone();
            if text.starts_with("SIP/2.0") || text.trim().is_empty() || is_again {
                continue;
            }
            self.now += 1;
            let (who, denied) = self.prove(&text, &manners);
            let method = text.split(' ').next().unwrap_or_default().to_owned();
            let (status, headers, body) = match denied {
                _ if manners.is_silent => (0, String::new(), ""),
                Some((status, headers)) => (status, headers, ""),
                None => match method.as_str() {
                    "ACK" => (0, String::new(), ""),
                    "INVITE" => (manners.invite.0, manners.invite.1.clone(), if manners.invite.0 == 200 { SDP } else { "" }),
                    "REGISTER" if is_brief(&text, manners.least_secs) => (423, format!("Min-Expires: {}\r\n", manners.least_secs), ""),
                    "REGISTER" => (manners.register.0, manners.register.1.clone(), ""),
                    _ => (200, String::new(), ""),
                },
            };
            if status > 0 {
                if method == "INVITE" {
                    self.answer(&text, 100, "", "", from).await;
                }
                self.answer(&text, status, &headers, body, from).await;
            }
            // The test may have seen enough.
            let _ = self.tell.send(Seen { text, who, status });
        }
    }

    /// Who sent it, and with what it is refused.
    fn prove(&mut self, text: &str, manners: &Manners) -> (Option<String>, Option<(u16, String)>) {
        let Some((status, _)) = &manners.asks else { return (None, None) };
        let (asks, answers) = if *status == 407 { ("Proxy-Authenticate", "Proxy-Authorization") } else { ("WWW-Authenticate", "Authorization") };
        let mut words = text.split(' ');
        let (method, uri) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        if matches!(method, "ACK" | "CANCEL") {
            return (None, None);
        }
        let now = Time::from_millis(self.now);
        let known = |name: &str| (name == "segue").then(|| Credentials::new("segue", "open sesame"));
        let proved = match header(text, answers) {
            Some(value) => self.authority.verify(value, (method, uri), known, now),
            None => Err(Denied::Unknown),
        };
        let is_stale = match &proved {
            Ok(_) => {
                self.proved += 1;
                manners.is_forgetful && self.proved % 2 == 1
            }
            Err(denied) => *denied == Denied::Stale,
        };
        match proved {
            Ok(name) if !is_stale => (Some(name), None),
            _ => {
                let values = self.authority.challenge(is_stale, now);
                (None, Some((*status, values.iter().map(|value| format!("{asks}: {value}\r\n")).collect())))
            }
        }
    }

    async fn answer(&self, request: &str, status: u16, headers: &str, body: &str, to: SocketAddr) {
        let copied: String = request
            .lines()
            .take_while(|line| !line.is_empty())
            .filter(|line| {
                let name = line.split(':').next().unwrap_or_default();
                ["via", "from", "call-id", "cseq", "record-route"].iter().any(|copied| name.eq_ignore_ascii_case(copied))
            })
            .map(|line| format!("{line}\r\n"))
            .collect();
        let callee = header(request, "To").unwrap_or_default();
        let tag = if callee.contains("tag=") || status == 100 { "" } else { ";tag=carrier" };
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        // Whoever registers is told back where they are, unless the test says otherwise.
        let contact = match header(request, "Contact") {
            Some(theirs) if request.starts_with("REGISTER") && !headers.contains("Contact") => format!("Contact: {theirs}\r\n"),
            _ if headers.contains("Contact") => String::new(),
            _ => format!("Contact: <sip:carrier@{}>\r\n", self.socket.local_addr().expect("it is bound")),
        };
        let text =
            format!("SIP/2.0 {status} Said\r\n{copied}To: {callee}{tag}\r\n{contact}{headers}{kind}Content-Length: {}\r\n\r\n{body}", body.len());
        self.socket.send_to(text.as_bytes(), to).await.expect("loopback is up");
    }
}
