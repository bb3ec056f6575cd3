//! The load: callers and agents on SIP phones whose sound is bare packets, so that one core can feed many.
//!
//! A party sends a packet each 20 ms and notes what comes. Now and then a packet begins with the moment at which it was sent,
//! as samples of sixteen levels that survive transcoding; where they come out again, the delay is noted. A packet has come
//! when the kernel says so, however late we read it: on a full core that is most of what would be measured.

use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use nix::sys::socket::sockopt::ReceiveTimestampns;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg, setsockopt};
use nix::sys::time::TimeSpec;
use parking_lot::Mutex;
use segue::base::{Key, Time};
use segue::edge::sip::table::SipTable;
use segue::edge::sip::{Dialling, SipEdge};
use segue::edge::{Invited, Leg, LegCommand, LegEvent, MediaPlan, Ports, Wire};
use segue::sound::codec::Codec;
use segue::sound::g711;
use segue::sound::rtp::Packet;
use segue::sound::rtp::events::EventSender;
use tokio::io::Interest;
use tokio::net::UdpSocket;
use tokio::sync::mpsc::{Receiver, channel};

use super::rtpengine::Rtpengine;

/// Octets of 20 ms of G.711.
const PAYLOAD: usize = 160;
/// One packet in so many carries its moment. It is a loud click, for which whoever listens wakes up for 0.4 s: seldom, so that the
/// load stays one of speech.
const STAMP_EVERY: u32 = 500;
/// How a stamp begins; no speech goes like this.
const MAGIC: [u8; 6] = [15, 0, 15, 0, 14, 1];
/// Digits of a moment in µs.
const DIGITS: usize = 10;
/// The level of the digit 0, and how much louder each further one is: more than G.711 rounds, twice.
const LEVELS: (f64, f64) = (500.0, 1.25);
/// An agent presses the key that accepts this long after the pick-up, and again in case the first came too early.
const ACCEPTS_AFTER_FRAMES: [u32; 3] = [75, 200, 350];
/// Where the parties' sockets are.
const PORTS: (u16, u16) = (30_000, 49_999);

/// What all parties share.
pub struct Load {
    sip: SipEdge,
    /// What all say at 8 kHz, each from a place of its own.
    speech: Arc<[i16]>,
    started: SystemTime,
    /// Delays of stamped packets in µs, while they are noted.
    delays: Mutex<Vec<u64>>,
    is_noting: AtomicBool,
    /// Packets that came.
    pub came: AtomicU64,
    /// Numbers that were skipped in what came.
    skipped: AtomicU64,
    /// Calls that were answered, agents' too.
    answered: AtomicU64,
    /// Calls that are over.
    gone: AtomicU64,
    codec: Codec,
    parties: AtomicU64,
}

impl Load {
    /// A phone exchange of our own; calls to it come out of the receiver.
    pub async fn open(codec: Codec, speech: Arc<[i16]>, started: SystemTime) -> anyhow::Result<(Arc<Load>, Receiver<Invited>)> {
        let (sender, rung) = channel(1_024);
        let table = SipTable { bind: vec!["udp:127.0.0.1:0".into()], codecs: vec![codec], calls_per_second: 100_000, ..SipTable::default() };
        let ports = Arc::new(Ports::new([127, 0, 0, 1].into(), PORTS.0, PORTS.1));
        let sip = SipEdge::open(&table, ports, sender).await?;
        let (came, skipped, answered, gone, parties) = Default::default();
        let load =
            Load { sip, speech, started, delays: Mutex::default(), is_noting: AtomicBool::new(false), came, skipped, answered, gone, codec, parties };
        Ok((Arc::new(load), rung))
    }

    /// Where it is rung.
    pub fn address(&self) -> SocketAddr {
        self.sip.local()
    }

    /// Calls, and talks until the call is over or this is dropped; by way of a relay, if there is one.
    pub async fn call(self: Arc<Self>, target: SocketAddr, relay: Option<Arc<Rtpengine>>) {
        let dialling =
            Dialling::new(format!("sip:1000@{target}"), format!("sip:load@{}", self.sip.local()), vec![self.codec], Duration::from_secs(60));
        let leg = self.sip.dial(dialling);
        self.talk(leg, false, relay).await;
    }

    /// Picks up a phone, takes the call by key, and talks until it is over.
    pub async fn attend(self: Arc<Self>, leg: Leg, relay: Option<Arc<Rtpengine>>) {
        let _ = leg.commands.send(LegCommand::Ring).await;
        let _ = leg.commands.send(LegCommand::Answer).await;
        self.talk(leg, true, relay).await;
    }

    async fn talk(self: Arc<Self>, mut leg: Leg, accepts: bool, relay: Option<Arc<Rtpengine>>) {
        let mut media: Option<(MediaPlan, UdpSocket)> = None;
        loop {
            match leg.events.recv().await {
                Some(LegEvent::Media { plan, wire: Some(Wire::Sockets(sockets)) }) => {
                    media = UdpSocket::from_std(sockets.rtp).ok().map(|rtp| (plan, rtp))
                }
                Some(LegEvent::Answered) => break,
                Some(LegEvent::Refused { status, reason }) => return eprintln!("refused: {status} {reason}"),
                Some(_) => {}
                None => return,
            }
        }
        self.answered.fetch_add(1, Ordering::Relaxed);
        if let Some((mut plan, rtp)) = media {
            if let (Some(relay), Ok(own)) = (&relay, rtp.local_addr()) {
                match relay.way(own, plan.remote).await {
                    Ok(way) => plan.remote = way,
                    Err(error) => return eprintln!("{error:#}"),
                }
            }
            let party = Party::new(&self, plan, rtp, accepts);
            tokio::select! {
                () = party.run() => {}
                () = async { while leg.events.recv().await.is_some() {} } => {}
            }
        }
        self.gone.fetch_add(1, Ordering::Relaxed);
    }

    /// From now on delays are noted, and packets counted anew.
    pub fn note(&self) {
        self.came.store(0, Ordering::Relaxed);
        self.skipped.store(0, Ordering::Relaxed);
        self.is_noting.store(true, Ordering::Relaxed);
    }

    /// Numbers that were skipped in what came.
    pub fn skipped(&self) -> u64 {
        self.skipped.load(Ordering::Relaxed)
    }

    /// How long this is after the beginning, in µs.
    fn micros(&self, at: SystemTime) -> u64 {
        at.duration_since(self.started).unwrap_or_default().as_micros() as u64
    }

    /// Calls that go on.
    pub fn live(&self) -> u64 {
        self.answered.load(Ordering::Relaxed) - self.gone.load(Ordering::Relaxed)
    }

    /// The delays so far in ms, in order of length.
    pub fn delays_ms(&self) -> Vec<f64> {
        self.is_noting.store(false, Ordering::Relaxed);
        let mut delays = std::mem::take(&mut *self.delays.lock());
        delays.sort_unstable();
        delays.into_iter().map(|micros| micros as f64 / 1e3).collect()
    }
}

/// One party that talks.
struct Party<'a> {
    load: &'a Load,
    plan: MediaPlan,
    rtp: UdpSocket,
    n: u64,
    sent: u32,
    keys: EventSender,
    accepts: bool,
    highest: Option<u16>,
    /// What was heard last, in which a stamp may begin.
    heard: [i16; 2 * PAYLOAD],
}

impl<'a> Party<'a> {
    fn new(load: &'a Load, plan: MediaPlan, rtp: UdpSocket, accepts: bool) -> Party<'a> {
        let n = load.parties.fetch_add(1, Ordering::Relaxed);
        setsockopt(&rtp, ReceiveTimestampns, &true).expect("the kernel tells when packets come");
        Party { load, plan, rtp, n, sent: 0, keys: EventSender::default(), accepts, highest: None, heard: [0; 2 * PAYLOAD] }
    }

    /// Sends at moments of its own within the 20 ms, as phones do.
    async fn run(mut self) {
        let mut ticks = tokio::time::interval(Duration::from_millis(20));
        let mut datagram = [0; 400];
        loop {
            tokio::select! {
                _ = ticks.tick() => self.send(),
                ready = self.rtp.readable() => {
                    if ready.is_err() {
                        return;
                    }
                    while let Ok((length, at)) = self.rtp.try_io(Interest::READABLE, || receive(&self.rtp, &mut datagram)) {
                        self.take(&datagram[..length], at);
                    }
                }
            }
        }
    }

    fn send(&mut self) {
        let n = self.sent;
        self.sent += 1;
        if self.accepts && ACCEPTS_AFTER_FRAMES.contains(&n) {
            self.keys.press(Key::new('1').expect("a key"));
        }
        let timestamp = n * PAYLOAD as u32;
        let mut datagram = [0; 400];
        let event = self.plan.event_payload.and_then(|kind| Some((kind, self.keys.next(timestamp, PAYLOAD as u32, Time::ZERO)?)));
        let mut payload = [0; PAYLOAD];
        let packet = match &event {
            Some((kind, event)) => Packet {
                marker: event.marker,
                payload_type: *kind,
                sequence: n as u16,
                timestamp: event.timestamp,
                ssrc: self.n as u32,
                payload: &event.payload,
            },
            None => {
                self.say(n, &mut payload);
                Packet { marker: n == 0, payload_type: self.plan.payload, sequence: n as u16, timestamp, ssrc: self.n as u32, payload: &payload }
            }
        };
        if let Some(length) = packet.encode(&mut datagram) {
            let _ = self.rtp.try_send_to(&datagram[..length], self.plan.remote);
        }
    }

    fn say(&self, n: u32, payload: &mut [u8; PAYLOAD]) {
        let frames = (self.load.speech.len() / PAYLOAD) as u64;
        // A prime keeps them apart.
        let at = ((u64::from(n) + self.n * 997) % frames) as usize * PAYLOAD;
        let mut samples = [0; PAYLOAD];
        samples.copy_from_slice(&self.load.speech[at..at + PAYLOAD]);
        if (n + self.n as u32).is_multiple_of(STAMP_EVERY) {
            let now = self.load.micros(SystemTime::now());
            let digits = (0..DIGITS).map(|n| (now >> (4 * n)) as u8 & 0x0f);
            samples.iter_mut().zip(MAGIC.into_iter().chain(digits)).for_each(|(sample, digit)| *sample = level(digit));
        }
        for (code, sample) in payload.iter_mut().zip(samples) {
            *code = if self.load.codec == Codec::Pcmu { g711::ulaw_encode(sample) } else { g711::alaw_encode(sample) };
        }
    }

    fn take(&mut self, datagram: &[u8], at: SystemTime) {
        let Ok(packet) = Packet::parse(datagram) else { return };
        self.load.came.fetch_add(1, Ordering::Relaxed);
        let step = self.highest.map_or(1, |highest| packet.sequence.wrapping_sub(highest));
        if (1..1_000).contains(&step) {
            self.highest = Some(packet.sequence);
            self.load.skipped.fetch_add(u64::from(step) - 1, Ordering::Relaxed);
        }
        if packet.payload.len() != PAYLOAD || !self.load.is_noting.load(Ordering::Relaxed) {
            return;
        }
        self.heard.copy_within(PAYLOAD.., 0);
        for (sample, &code) in self.heard[PAYLOAD..].iter_mut().zip(packet.payload) {
            *sample = if self.plan.codec == Codec::Pcmu { g711::ulaw_decode(code) } else { g711::alaw_decode(code) };
        }
        if let Some(sent) = stamp(&self.heard) {
            self.load.delays.lock().push(self.load.micros(at).saturating_sub(sent));
        }
    }
}

/// One packet: its length, and when the kernel had it.
fn receive(socket: &UdpSocket, datagram: &mut [u8]) -> io::Result<(usize, SystemTime)> {
    let mut space = nix::cmsg_space!(TimeSpec);
    let mut parts = [IoSliceMut::new(datagram)];
    let message = recvmsg::<()>(socket.as_raw_fd(), &mut parts, Some(&mut space), MsgFlags::MSG_DONTWAIT)?;
    let at = message.cmsgs()?.find_map(|control| if let ControlMessageOwned::ScmTimestampns(at) = control { Some(at) } else { None });
    let at = at.map_or_else(SystemTime::now, |at| SystemTime::UNIX_EPOCH + Duration::from(at));
    Ok((message.bytes, at))
}

fn level(digit: u8) -> i16 {
    (LEVELS.0 * LEVELS.1.powi(digit.into())) as i16
}

fn digit(sample: i16) -> Option<u8> {
    let digit = (f64::from(sample.max(1)) / LEVELS.0).log(LEVELS.1).round();
    (0.0..16.0).contains(&digit).then_some(digit as u8)
}

/// The moment whose last digit is in the second of these two packets, in µs.
fn stamp(heard: &[i16; 2 * PAYLOAD]) -> Option<u64> {
    let is_here = |at: &usize| MAGIC.iter().enumerate().all(|(n, wanted)| digit(heard[at + n]) == Some(*wanted));
    let length = MAGIC.len() + DIGITS;
    let at = (PAYLOAD + 1 - length..=2 * PAYLOAD - length).find(is_here)? + MAGIC.len();
    (0..DIGITS).try_fold(0, |sent, n| Some(sent | u64::from(digit(heard[at + n])?) << (4 * n)))
}
