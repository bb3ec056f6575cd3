//! One leg's sound, from its wire to frames and back.
//!
//! Each 20 ms: [`RtpLeg::receive`] takes what has come, [`RtpLeg::play_out`] gives one frame, [`RtpLeg::send`] sends one.
//! Where a leg hears another and nothing else, [`RtpLeg::forward`] passes packets on as they come, and [`RtpLeg::rest`]
//! stands for `send`; the copy that `play_out` gives is still there for who listens. What we send is one stream, whoever
//! makes it. RTP is taken from the address that was agreed on, or, where the peer is behind NAT, from the one other
//! address that keeps sending (once, until the agreed one sends): what strangers send is counted and never heard.

mod inlet;
mod outlet;
mod reports;
mod source;
mod srtp;
mod stats;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use super::{MediaPlan, Wire};
use crate::base::{Fault, Frame, Key, Organ, Rate, Time};
use crate::net::random;
use crate::sound::codec::{Codec, MAX_ENCODED};
use crate::sound::rtp::egress::Egress;
use crate::sound::rtp::events::EventReceiver;
use crate::sound::rtp::jitter::Kind;
use crate::sound::rtp::{Extended, HEADER, MAX_DATAGRAM, Packet, comfort, rtcp};
use inlet::Inlet;
use outlet::{Due, Outlet};
use reports::{Heard, Reports};
use source::{Sender, Source};
use srtp::{Refused, Srtp};
pub use stats::{BadPackets, RtpStats};

/// Datagrams that are taken in one go at most, so that a flood holds up nobody else.
const MAX_AT_ONCE: usize = 64;
/// Reports that are taken in one go at most; a peer sends one in some seconds.
const MAX_REPORTS_AT_ONCE: usize = 8;
/// Keys that may wait to be taken.
const MAX_KEYS: usize = 32;

/// One leg's sound.
pub struct RtpLeg {
    wire: Wire,
    plan: MediaPlan,
    source: Source,
    srtp: Option<Srtp>,
    inlet: Inlet,
    outlet: Outlet,
    jitter: rtcp::Jitter,
    events_in: EventReceiver,
    keys: VecDeque<Key>,
    reports: Reports,
    /// Somebody takes what [`Self::play_out`] gives.
    is_tapped: bool,
    heard_at: Option<Time>,
    opened_at: Option<Time>,
    peer_ssrc: u32,
    sequence: Extended,
    /// The highest sequence number of the peer, with its cycles as [`Extended`] counts them.
    highest: u64,
    stats: RtpStats,
}

fn fault(what: impl std::fmt::Display) -> Fault {
    Fault::Failed { organ: Organ::Edge, detail: what.to_string() }
}

impl RtpLeg {
    /// A leg on this wire, with frames at this rate.
    ///
    /// # Errors
    /// A codec or a key that can't be set up.
    pub fn open(wire: impl Into<Wire>, plan: &MediaPlan, rate: Rate) -> Result<RtpLeg, Fault> {
        let clock = plan.codec.clock_hz();
        let [a, b, c, d, e, f, g, h, i, j] = random::<10>();
        let egress = Egress::new(u32::from_be_bytes([a, b, c, d]), u16::from_be_bytes([e & 0x7f, f]), u32::from_be_bytes([g, h, i, j]), clock);
        Ok(RtpLeg {
            wire: wire.into(),
            source: Source::new(plan.remote, plan.remote_rtcp),
            srtp: plan.srtp.as_ref().map(Srtp::new).transpose().map_err(fault)?,
            inlet: Inlet::new(plan.codec, rate).map_err(fault)?,
            outlet: Outlet::new(plan.codec, rate, egress).map_err(fault)?,
            jitter: rtcp::Jitter::default(),
            events_in: EventReceiver::default(),
            keys: VecDeque::with_capacity(MAX_KEYS),
            reports: Reports::new(random()),
            is_tapped: true,
            heard_at: None,
            opened_at: None,
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
            self.source = Source::new(plan.remote, plan.remote_rtcp);
        }
        if (plan.remote, plan.sends, plan.receives) != (self.plan.remote, self.plan.sends, self.plan.receives) {
            // Silence counts anew: who comes back from hold has not been lost.
            (self.heard_at, self.opened_at) = (None, None);
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
        if let Err(error) = self.inlet.change(codec).and_then(|()| self.outlet.change(codec)) {
            tracing::error!(%error, "a leg's new codec can't be set up");
        }
    }

    /// Takes what has come since the last time.
    pub fn receive(&mut self, now: Time) {
        self.receive_sound(now);
        self.receive_reports(now);
    }

    /// Takes the sound that has come since the last time.
    pub fn receive_sound(&mut self, now: Time) {
        self.take(None, now);
    }

    /// Takes what has come, and passes sound on to a leg with the same codec at once ([`Self::can_forward`]).
    pub fn forward(&mut self, to: &mut RtpLeg, now: Time) {
        self.take(Some(to), now);
    }

    /// Takes the reports that have come since the last time.
    pub fn receive_reports(&mut self, now: Time) {
        let mut datagram = [0; MAX_DATAGRAM];
        for _ in 0..MAX_REPORTS_AT_ONCE {
            let Ok((length, from)) = self.wire.rtcp().and_then(|socket| socket.recv_from(&mut datagram)) else { break };
            self.on_rtcp(&datagram[..length], from, now);
        }
    }

    /// True if this leg's packets, as they are, are what the other peer wants.
    pub fn can_forward(&self, to: &RtpLeg) -> bool {
        // What a line needs has no socket of its own that could be watched.
        let have_sockets = self.wire.sockets().is_ok() && to.wire.sockets().is_ok();
        let fits = have_sockets && self.plan.codec == to.plan.codec && self.inlet.buffer.packet_ms() == f64::from(to.plan.ptime_ms);
        fits && self.plan.receives && to.plan.sends && !to.outlet.is_pressing()
    }

    /// Whether somebody takes what [`Self::play_out`] gives; if nobody does, forwarded packets are not kept for it.
    pub fn tap(&mut self, is_tapped: bool) {
        self.is_tapped = is_tapped;
    }

    /// True if what was played out last would not have been missed.
    pub fn is_quiet(&self) -> bool {
        self.inlet.is_quiet()
    }

    fn take(&mut self, mut to: Option<&mut RtpLeg>, now: Time) {
        self.opened_at.get_or_insert(now);
        let mut datagram = [0; MAX_DATAGRAM];
        for _ in 0..MAX_AT_ONCE {
            let Some((length, from)) = self.wire.receive(&mut datagram) else { break };
            self.on_datagram(&datagram[..length], from.unwrap_or(self.source.peer), to.as_deref_mut(), now);
        }
    }

    fn on_datagram(&mut self, datagram: &[u8], from: SocketAddr, to: Option<&mut RtpLeg>, now: Time) {
        if datagram.is_empty() {
            return; // It keeps a way through NAT open (RFC 6263, 4.1).
        }
        if datagram.get(1).is_some_and(|byte| (192..=223).contains(byte)) {
            return self.on_rtcp(datagram, from, now);
        }
        let outer = match Packet::parse(datagram) {
            Ok(outer) => outer,
            Err(error) => return self.stats.bad.note(error),
        };
        if self.source.is_stranger(from) {
            self.stats.strangers += 1;
            return;
        }
        // Who lacks the keys must not win the leg by counting up, so authentication comes before belief.
        let opened;
        let packet = match &mut self.srtp {
            None => outer,
            Some(srtp) => match srtp.open(outer.ssrc, datagram) {
                Ok(plain) => {
                    opened = plain;
                    match Packet::parse(&opened) {
                        Ok(packet) => packet,
                        Err(error) => return self.stats.bad.note(error),
                    }
                }
                Err(Refused::Replayed) => {
                    self.stats.bad.replayed += 1;
                    return;
                }
                Err(Refused::Forged) => {
                    self.stats.forged += 1;
                    return;
                }
            },
        };
        match self.source.admit(from, &packet, now) {
            Sender::Peer => self.on_packet(&packet, to, now),
            Sender::Stranger => self.stats.strangers += 1,
            Sender::OtherSource => self.stats.bad.other_source += 1,
        }
    }

    fn on_packet(&mut self, packet: &Packet<'_>, to: Option<&mut RtpLeg>, now: Time) {
        self.heard_at = Some(now);
        self.stats.received += 1;
        if self.peer_ssrc != packet.ssrc {
            self.peer_ssrc = packet.ssrc;
            self.sequence = Extended::default();
            self.highest = 0;
        }
        self.highest = self.highest.max(self.sequence.extend(packet.sequence));
        let kind = self.kind_of(packet);
        if kind == Kind::Audio {
            self.jitter.note(packet.timestamp, now, self.plan.codec.clock_hz());
        }
        match to {
            Some(to) => {
                to.pass_on(packet, kind);
                if self.is_tapped {
                    self.inlet.push(packet, kind, now);
                }
            }
            None => self.inlet.push(packet, kind, now),
        }
    }

    /// What a packet of the peer is; a key in it is noted.
    fn kind_of(&mut self, packet: &Packet<'_>) -> Kind {
        if Some(packet.payload_type) == self.plan.event_payload_in {
            if let Some(key) = self.events_in.receive(packet.ssrc, packet.timestamp, packet.payload)
                && self.keys.len() < MAX_KEYS
            {
                self.keys.push_back(key);
            }
            return Kind::NoSound;
        }
        // A packet without payload keeps a way through NAT open.
        if packet.payload.is_empty() || !self.plan.receives {
            return Kind::NoSound;
        }
        if packet.payload_type == self.plan.payload_in || packet.payload_type == self.plan.payload {
            return Kind::Audio;
        }
        // Some peers send it without having said so.
        if packet.payload_type == comfort::PAYLOAD_TYPE {
            return Kind::Comfort;
        }
        self.stats.bad.payload_type += 1;
        Kind::NoSound
    }

    /// A packet of another leg goes to our peer as it is, but for its numbers; keys and what our peer can't take do not.
    fn pass_on(&mut self, packet: &Packet<'_>, kind: Kind) {
        let payload_type = match kind {
            Kind::Audio => Some(self.plan.payload),
            Kind::Comfort => self.plan.comfort_noise.then_some(comfort::PAYLOAD_TYPE),
            Kind::NoSound => None,
        };
        let Some(payload_type) = payload_type.filter(|_| self.plan.sends && !self.outlet.is_pressing()) else {
            return self.outlet.egress.withhold(packet);
        };
        let mut datagram = [0; MAX_DATAGRAM + HEADER];
        if let Some(length) = self.outlet.relay(packet, payload_type).and_then(|packet| packet.encode(&mut datagram)) {
            self.transmit(&datagram[..length]);
            self.stats.forwarded += 1;
        }
    }

    fn on_rtcp(&mut self, datagram: &[u8], from: SocketAddr, now: Time) {
        if from.ip() != self.source.peer.ip() {
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
        if self.reports.read(datagram, self.outlet.egress.ssrc(), now) {
            // A peer that sends no sound in silence still lives.
            self.heard_at = self.heard_at.map(|_| now);
        } else {
            self.stats.bad.report += 1;
        }
    }

    /// The next 20 ms of the peer; `None` until it has begun to send, or while it is silent for long. Called once each 20 ms.
    pub fn play_out(&mut self, _now: Time) -> Option<Frame> {
        self.inlet.pull(0)
    }

    /// In place of [`Self::play_out`], where a few are taken together: the next 20 ms, which were due so many times 20 ms ago.
    pub fn catch_up(&mut self, ago: u32) -> Option<Frame> {
        self.inlet.pull(ago)
    }

    /// The next key that the peer pressed.
    pub fn key(&mut self) -> Option<Key> {
        self.keys.pop_front()
    }

    /// Presses a key towards the peer, in place of what it would hear. One that takes no events gets none.
    pub fn send_key(&mut self, key: Key) {
        if self.plan.event_payload.is_some() {
            self.outlet.press(key);
        }
    }

    /// Sends 20 ms, or nothing where nothing is meant for the peer. Called once each 20 ms.
    pub fn send(&mut self, frame: Option<&Frame>, now: Time) {
        let mut datagram = [0; MAX_ENCODED + HEADER];
        match self.outlet.next(frame, &self.plan, now, &mut datagram) {
            Due::Packet(length) => self.transmit(&datagram[..length]),
            Due::KeepAlive => self.keep_alive(),
            Due::Nothing => {}
        }
        self.report_if_due(now);
    }

    /// In place of [`Self::send`] while another leg's packets are forwarded to this one: so many times 20 ms have passed.
    pub fn rest(&mut self, frames: u32, now: Time) {
        if self.outlet.rest(frames) == Due::KeepAlive {
            self.keep_alive();
        }
        self.report_if_due(now);
    }

    fn keep_alive(&self) {
        // If it can't be sent, the next one may; a line is kept open without our help.
        let _ = self.wire.rtp().and_then(|socket| socket.send_to(&[], self.source.peer));
    }

    fn transmit(&mut self, datagram: &[u8]) {
        let (wire, peer) = (&self.wire, self.source.peer);
        let done = match &mut self.srtp {
            None => wire.send(datagram, peer),
            Some(srtp) => srtp.protect(datagram).is_ok_and(|protected| wire.send(&protected, peer)),
        };
        if done {
            self.stats.sent += 1;
        } else {
            self.stats.unsent += 1;
        }
    }

    fn report_if_due(&mut self, now: Time) {
        if self.reports.is_due(now) {
            self.report(now, false);
        }
    }

    fn report(&mut self, now: Time, is_bye: bool) {
        // A line reports by itself.
        let Ok(sockets) = self.wire.sockets() else { return };
        let egress = &self.outlet.egress;
        let (packets, octets) = egress.sent();
        let sending = rtcp::Sending { ssrc: egress.ssrc(), timestamp: egress.timestamp(), packets, octets, is_active: packets > 0 };
        let heard = Heard { ssrc: self.peer_ssrc, highest: self.highest, jitter: self.jitter.value(), counts: self.inlet.buffer.counts() };
        let mut out = [0; rtcp::MAX_REPORT];
        let length = self.reports.write(&sending, self.heard_at.map(|_| heard), now, is_bye, &mut out);
        let (peer, to) = (self.source.peer, self.source.peer_rtcp);
        let socket = if to == peer { &sockets.rtp } else { &sockets.rtcp };
        // A report that can't be sent is followed by the next one.
        let _ = match &mut self.srtp {
            None => socket.send_to(&out[..length], to),
            Some(srtp) => match srtp.protect_rtcp(&out[..length]) {
                Ok(protected) => socket.send_to(&protected, to),
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
        let bad = BadPackets { undecodable: self.inlet.undecodable, ..self.stats.bad };
        let buffer = &self.inlet.buffer;
        let codec = Some(self.plan.codec);
        RtpStats { codec, bad, jitter_buffer: buffer.counts(), jitter_ms, held_ms: buffer.held_ms(), peer: self.reports.peer, ..self.stats }
    }

    /// What it goes through.
    pub fn wire(&self) -> &Wire {
        &self.wire
    }
}

impl Drop for RtpLeg {
    /// The peer is told that we leave (RFC 3550, 6.3.7).
    fn drop(&mut self) {
        self.report(self.reports.sent_at(), true);
    }
}

#[cfg(test)]
mod tests;
