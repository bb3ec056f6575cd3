//! One leg's sound, from its sockets to frames and back.
//!
//! Each 20 ms: [`RtpLeg::receive`] takes what has come, [`RtpLeg::play_out`] gives one frame, [`RtpLeg::send`] sends one.
//! RTP is taken from the address that was agreed on, or, where the peer is behind NAT, from the one other address that
//! keeps sending (once, then never again): what strangers send is counted and never heard.

mod srtp;

use std::collections::VecDeque;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ring::rand::{SecureRandom as _, SystemRandom};

use super::{MediaPlan, MediaSockets};
use crate::base::{Fault, Frame, Key, Organ, Rate, Time};
use crate::sound::codec::{Codec, Decoder, Encoder, MAX_DECODED, MAX_ENCODED};
use crate::sound::rtp::conceal::Concealment;
use crate::sound::rtp::egress::Egress;
use crate::sound::rtp::events::{EventReceiver, EventSender};
use crate::sound::rtp::jitter::{JitterBuffer, JitterCounts, Kind, Pull};
use crate::sound::rtp::{Extended, MAX_DATAGRAM, Packet, rtcp};
use srtp::Srtp;

/// Datagrams that are taken in one go at most, so that a flood holds up nobody else.
const MAX_AT_ONCE: usize = 64;
/// Reports that are taken in one go at most; a peer sends one in some seconds.
const MAX_REPORTS_AT_ONCE: usize = 8;
/// Packets in sequence from another address before it is believed to be the peer's.
const LATCH_AFTER: u32 = 5;
/// Keys that may wait to be taken.
const MAX_KEYS: usize = 32;
/// A frame whose peak is below this may be dropped without being missed (about −50 dBFS).
const QUIET_PEAK: u16 = 100;
/// Payload type of comfort noise (RFC 3389).
const COMFORT_NOISE: u8 = 13;
/// Longest key and checksum that SRTP adds, in octets.
const ROOM: usize = 64;

/// What a leg's network did.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RtpStats {
    /// Packets that came from the peer.
    pub received: u64,
    /// Packets that were sent.
    pub sent: u64,
    /// What the jitter buffer made of them.
    pub jitter_buffer: JitterCounts,
    /// Inter-arrival jitter in ms.
    pub jitter_ms: f64,
    /// How much is held back, in ms.
    pub held_ms: f64,
    /// Datagrams that are no RTP, or can't be decoded.
    pub bad: u64,
    /// Datagrams from somebody else.
    pub strangers: u64,
    /// Datagrams that did not pass authentication.
    pub forged: u64,
    /// Datagrams that could not be sent.
    pub unsent: u64,
    /// What the peer says of our sound.
    pub peer: Option<rtcp::PeerReport>,
}

/// From whom sound is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Latch {
    /// As agreed; another address has sent so many packets in sequence.
    Agreed { other: Option<(SocketAddr, u16, u32, u32)> },
    /// Decided for good.
    Locked,
}

/// One leg's sound.
pub struct RtpLeg {
    sockets: MediaSockets,
    plan: MediaPlan,
    rate: Rate,
    /// Where it sends to and hears from.
    peer: SocketAddr,
    peer_rtcp: SocketAddr,
    latch: Latch,
    srtp: Option<Srtp>,
    encoder: Encoder,
    decoder: Decoder,
    egress: Egress,
    jitter_buffer: JitterBuffer,
    jitter: rtcp::Jitter,
    concealment: Concealment,
    events_in: EventReceiver,
    events_out: EventSender,
    keys: VecDeque<Key>,
    /// Decoded, not yet played.
    fifo: VecDeque<i16>,
    decoded: Box<[i16; MAX_DECODED]>,
    is_quiet: bool,
    heard_at: Option<Time>,
    opened_at: Option<Time>,
    reported_at: Time,
    reported_lost: (u64, u64),
    sender_report: Option<(u32, Time)>,
    peer_ssrc: u32,
    sequence: Extended,
    /// The highest sequence number of the peer, with its cycles as [`Extended`] counts them.
    highest: u64,
    stats: RtpStats,
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).expect("the system gives random numbers");
    bytes
}

fn fault(what: impl std::fmt::Display) -> Fault {
    Fault::Failed { organ: Organ::Edge, detail: what.to_string() }
}

impl RtpLeg {
    /// A leg on these sockets, with frames at this rate.
    ///
    /// # Errors
    /// A codec or a key that can't be set up.
    pub fn open(sockets: MediaSockets, plan: &MediaPlan, rate: Rate) -> Result<RtpLeg, Fault> {
        let clock = plan.codec.clock_hz();
        let [a, b, c, d, e, f, g, h, i, j] = random::<10>();
        let egress = Egress::new(u32::from_be_bytes([a, b, c, d]), u16::from_be_bytes([e & 0x7f, f]), u32::from_be_bytes([g, h, i, j]), clock);
        Ok(RtpLeg {
            sockets,
            rate,
            peer: plan.remote,
            peer_rtcp: plan.remote_rtcp,
            latch: Latch::Agreed { other: None },
            srtp: plan.srtp.as_ref().map(Srtp::new).transpose().map_err(fault)?,
            encoder: Encoder::new(plan.codec, rate).map_err(fault)?,
            decoder: Decoder::new(plan.codec, rate).map_err(fault)?,
            egress,
            jitter_buffer: JitterBuffer::new(clock),
            jitter: rtcp::Jitter::default(),
            concealment: Concealment::new(rate),
            events_in: EventReceiver::default(),
            events_out: EventSender::default(),
            keys: VecDeque::with_capacity(MAX_KEYS),
            fifo: VecDeque::with_capacity(2 * MAX_DECODED),
            decoded: Box::new([0; MAX_DECODED]),
            is_quiet: true,
            heard_at: None,
            opened_at: None,
            reported_at: Time::ZERO,
            reported_lost: (0, 0),
            sender_report: None,
            peer_ssrc: 0,
            sequence: Extended::default(),
            highest: 0,
            plan: plan.clone(),
            stats: RtpStats::default(),
        })
    }

    /// What was agreed on has changed: hold, address or codec. Our numbers go on.
    pub fn change(&mut self, plan: &MediaPlan) {
        if plan.remote != self.plan.remote {
            self.peer = plan.remote;
            self.peer_rtcp = plan.remote_rtcp;
            self.latch = Latch::Agreed { other: None };
        }
        if plan.codec != self.plan.codec {
            self.change_codec(plan.codec);
        }
        if plan.srtp != self.plan.srtp {
            match plan.srtp.as_ref().map(Srtp::new).transpose() {
                Ok(srtp) => self.srtp = srtp,
                Err(error) => tracing::error!(%error, "new keys of a leg can't be set up"),
            }
        }
        self.plan = plan.clone();
    }

    fn change_codec(&mut self, codec: Codec) {
        match (Encoder::new(codec, self.rate), Decoder::new(codec, self.rate)) {
            (Ok(encoder), Ok(decoder)) => {
                self.encoder = encoder;
                self.decoder = decoder;
                self.egress.change_clock(codec.clock_hz());
                self.jitter_buffer = JitterBuffer::new(codec.clock_hz());
                self.fifo.clear();
            }
            (Err(error), _) | (_, Err(error)) => tracing::error!(%error, "a leg's new codec can't be set up"),
        }
    }

    /// Takes what has come since the last time.
    pub fn receive(&mut self, now: Time) {
        self.opened_at.get_or_insert(now);
        let mut datagram = [0; MAX_DATAGRAM];
        for _ in 0..MAX_AT_ONCE {
            // A datagram that was refused (ICMP) is an error of the one before; both mean that nothing is here.
            let Ok((length, from)) = self.sockets.rtp.recv_from(&mut datagram) else { break };
            self.on_datagram(&datagram[..length], from, now);
        }
        for _ in 0..MAX_REPORTS_AT_ONCE {
            let Ok((length, from)) = self.sockets.rtcp.recv_from(&mut datagram) else { break };
            self.on_rtcp(&datagram[..length], from, now);
        }
    }

    fn on_datagram(&mut self, datagram: &[u8], from: SocketAddr, now: Time) {
        if datagram.get(1).is_some_and(|byte| (192..=223).contains(byte)) {
            return self.on_rtcp(datagram, from, now);
        }
        let Ok(outer) = Packet::parse(datagram) else {
            self.stats.bad += 1;
            return;
        };
        if from != self.peer && self.latch == Latch::Locked {
            self.stats.strangers += 1;
            return;
        }
        // Who lacks the keys must not win the leg by counting up, so authentication comes before belief.
        let opened;
        let packet = match &mut self.srtp {
            None => outer,
            Some(srtp) => match srtp.open(datagram) {
                Ok(plain) => {
                    opened = plain;
                    let Ok(packet) = Packet::parse(&opened) else {
                        self.stats.bad += 1;
                        return;
                    };
                    packet
                }
                Err(_) => {
                    self.stats.forged += 1;
                    return;
                }
            },
        };
        if !self.is_from_peer(from, &packet) {
            self.stats.strangers += 1;
            return;
        }
        self.on_packet(&packet, now);
    }

    /// Whether this is the peer: at the agreed address, or at the one other that keeps sending in sequence.
    fn is_from_peer(&mut self, from: SocketAddr, packet: &Packet<'_>) -> bool {
        if from == self.peer {
            if self.peer == self.plan.remote {
                self.latch = Latch::Locked;
            }
            return true;
        }
        let Latch::Agreed { other } = &mut self.latch else { return false };
        let run = match *other {
            Some((address, sequence, ssrc, run)) if address == from && ssrc == packet.ssrc && packet.sequence == sequence.wrapping_add(1) => run + 1,
            Some(_) | None => 1,
        };
        *other = Some((from, packet.sequence, packet.ssrc, run));
        if run < LATCH_AFTER {
            return false;
        }
        tracing::debug!(agreed = %self.peer, %from, "a leg's sound comes from another address than was agreed (NAT)");
        self.peer = from;
        self.peer_rtcp = if self.plan.remote_rtcp == self.plan.remote { from } else { SocketAddr::new(from.ip(), from.port().saturating_add(1)) };
        self.latch = Latch::Locked;
        true
    }

    fn on_packet(&mut self, packet: &Packet<'_>, now: Time) {
        self.heard_at = Some(now);
        self.stats.received += 1;
        if self.peer_ssrc != packet.ssrc {
            self.peer_ssrc = packet.ssrc;
            self.sequence = Extended::default();
            self.highest = 0;
        }
        self.highest = self.highest.max(self.sequence.extend(packet.sequence));
        if Some(packet.payload_type) == self.plan.event_payload_in {
            if let Some(key) = self.events_in.receive(packet.ssrc, packet.timestamp, packet.payload)
                && self.keys.len() < MAX_KEYS
            {
                self.keys.push_back(key);
            }
            return self.jitter_buffer.push(packet, Kind::NoSound, now);
        }
        // A packet without payload keeps a way through NAT open (RFC 6263, 4.1).
        if packet.payload_type == COMFORT_NOISE || packet.payload.is_empty() || !self.plan.receives {
            return self.jitter_buffer.push(packet, Kind::NoSound, now);
        }
        if packet.payload_type != self.plan.payload_in && packet.payload_type != self.plan.payload {
            self.stats.bad += 1;
            return self.jitter_buffer.push(packet, Kind::NoSound, now);
        }
        self.jitter.note(packet.timestamp, now, self.plan.codec.clock_hz());
        self.jitter_buffer.push(packet, Kind::Audio, now);
    }

    fn on_rtcp(&mut self, datagram: &[u8], from: SocketAddr, now: Time) {
        if from.ip() != self.peer.ip() {
            self.stats.strangers += 1;
            return;
        }
        let opened;
        let datagram = match &mut self.srtp {
            None => datagram,
            Some(srtp) => match srtp.open_rtcp(datagram) {
                Ok(plain) => {
                    opened = plain;
                    &opened
                }
                Err(_) => {
                    self.stats.forged += 1;
                    return;
                }
            },
        };
        match rtcp::receive(datagram, self.egress.ssrc(), wall_ntp()) {
            Some(received) => {
                // A peer that sends no sound in silence still lives.
                self.heard_at = self.heard_at.map(|_| now);
                if let Some(ntp) = received.sender_ntp {
                    self.sender_report = Some((ntp, now));
                }
                self.stats.peer = received.about_us.or(self.stats.peer);
            }
            None => self.stats.bad += 1,
        }
    }

    /// The next 20 ms of the peer; `None` until it has begun to send, or while it is silent for long. Called once each 20 ms.
    pub fn play_out(&mut self, _now: Time) -> Option<Frame> {
        let wanted = self.rate.frame_samples();
        while self.fifo.len() < wanted {
            let got = match self.jitter_buffer.pull(self.is_quiet) {
                Pull::Waiting => return None,
                Pull::NoSound => Decoded::Silence,
                Pull::Payload(payload) => match self.decoder.decode(payload, &mut self.decoded) {
                    Ok(n) => Decoded::Samples(n),
                    Err(_) => {
                        self.stats.bad += 1;
                        Decoded::Lost
                    }
                },
                Pull::Lost(next) => match next.and_then(|next| self.decoder.recover(next, &mut self.decoded)) {
                    Some(n) => Decoded::Samples(n),
                    None => Decoded::Lost,
                },
            };
            match got {
                Decoded::Samples(n) => {
                    let samples = &mut self.decoded[..n.min(MAX_DECODED)];
                    self.concealment.heard(samples);
                    self.fifo.extend(samples.iter());
                }
                Decoded::Silence => self.fifo.extend(std::iter::repeat_n(0, wanted)),
                Decoded::Lost => {
                    let n = self.decoder.conceal(&mut self.decoded).unwrap_or(0);
                    if n == 0 {
                        self.concealment.conceal(&mut self.decoded[..wanted]);
                    }
                    self.fifo.extend(&self.decoded[..if n == 0 { wanted } else { n }]);
                }
            }
        }
        let mut frame = Frame::silence(self.rate);
        for (to, from) in frame.samples_mut().iter_mut().zip(self.fifo.drain(..wanted)) {
            *to = from;
        }
        self.is_quiet = frame.samples().iter().all(|sample| sample.unsigned_abs() < QUIET_PEAK);
        Some(frame)
    }

    /// The next key that the peer pressed.
    pub fn key(&mut self) -> Option<Key> {
        self.keys.pop_front()
    }

    /// Presses a key towards the peer, in place of what it would hear.
    pub fn send_key(&mut self, key: Key) {
        self.events_out.press(key);
    }

    /// Sends 20 ms, or nothing where nothing is meant for the peer. Called once each 20 ms.
    pub fn send(&mut self, frame: Option<&Frame>, now: Time) {
        let mut payload = [0; MAX_ENCODED];
        let mut datagram = [0; MAX_ENCODED + ROOM];
        let event = self.plan.event_payload.and_then(|pt| self.events_out.next(self.egress.timestamp(), self.egress.step(), now).map(|e| (pt, e)));
        let length = match (event, frame.filter(|_| self.plan.sends)) {
            (Some((payload_type, event)), _) => self.egress.event(payload_type, event.marker, event.timestamp, &event.payload).encode(&mut datagram),
            (None, Some(frame)) => {
                let n = self.encoder.encode(frame, &mut payload);
                self.egress.sound(self.plan.payload, &payload[..n]).encode(&mut datagram)
            }
            (None, None) => {
                self.egress.silence();
                None
            }
        };
        if let Some(length) = length {
            self.transmit(&datagram[..length]);
        }
        self.egress.advance();
        if now.since(self.reported_at).as_secs() >= rtcp::INTERVAL_SECS {
            self.report(now, false);
        }
    }

    fn transmit(&mut self, datagram: &[u8]) {
        let done = match &mut self.srtp {
            None => self.sockets.rtp.send_to(datagram, self.peer).is_ok(),
            Some(srtp) => srtp.protect(datagram).is_ok_and(|protected| self.sockets.rtp.send_to(&protected, self.peer).is_ok()),
        };
        if done {
            self.stats.sent += 1;
        } else {
            self.stats.unsent += 1;
        }
    }

    fn report(&mut self, now: Time, is_bye: bool) {
        self.reported_at = now;
        let (packets, octets) = self.egress.sent();
        let sending = rtcp::Sending { ssrc: self.egress.ssrc(), timestamp: self.egress.timestamp(), packets, octets };
        let counts = self.jitter_buffer.counts();
        let (lost, taken) = (counts.lost - self.reported_lost.0.min(counts.lost), counts.taken - self.reported_lost.1.min(counts.taken));
        self.reported_lost = (counts.lost, counts.taken);
        let since = |at: Time| (now.since(at).as_micros() * 65_536 / 1_000_000) as u32;
        let reception = rtcp::Reception {
            ssrc: self.peer_ssrc,
            fraction_lost: (lost * 256 / (lost + taken).max(1)).min(255) as u8,
            lost: counts.lost.min(u64::from(u32::MAX)) as u32,
            // Cycles of a report begin at 0 (RFC 3550, A.1), ours at 1.
            highest: self.highest.saturating_sub(1 << 16) as u32,
            jitter: self.jitter.value() as u32,
            last_report: self.sender_report.map_or((0, 0), |(ntp, at)| (ntp, since(at))),
        };
        let mut out = [0; rtcp::MAX_REPORT];
        let reception = self.heard_at.map(|_| &reception);
        let length = rtcp::report(&sending, reception, wall_ntp(), "segue", is_bye, &mut out);
        let socket = if self.peer_rtcp == self.peer { &self.sockets.rtp } else { &self.sockets.rtcp };
        // A report that can't be sent is followed by the next one.
        let _ = match &mut self.srtp {
            None => socket.send_to(&out[..length], self.peer_rtcp),
            Some(srtp) => match srtp.protect_rtcp(&out[..length]) {
                Ok(protected) => socket.send_to(&protected, self.peer_rtcp),
                Err(_) => return,
            },
        };
    }

    /// For how long nothing has come; from the first [`receive`](Self::receive) on.
    pub fn silent_for(&self, now: Time) -> Duration {
        self.heard_at.or(self.opened_at).map_or(Duration::ZERO, |at| now.since(at))
    }

    /// What the network did so far.
    pub fn stats(&self) -> RtpStats {
        let jitter_ms = self.jitter.value() * 1_000.0 / f64::from(self.plan.codec.clock_hz());
        RtpStats { jitter_buffer: self.jitter_buffer.counts(), jitter_ms, held_ms: self.jitter_buffer.held_ms(), ..self.stats }
    }

    /// The socket of its RTP.
    pub fn socket(&self) -> &UdpSocket {
        &self.sockets.rtp
    }
}

impl Drop for RtpLeg {
    /// The peer is told that we leave (RFC 3550, 6.3.7).
    fn drop(&mut self) {
        self.report(self.reported_at, true);
    }
}

/// What came out of a pull.
enum Decoded {
    Samples(usize),
    Silence,
    Lost,
}

fn wall_ntp() -> u64 {
    let micros = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros());
    rtcp::ntp(u64::try_from(micros).unwrap_or(0))
}

#[cfg(test)]
mod tests;
