//! One browser's line: a connection that stays, whatever calls it is in.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ::webrtc::media_stream::track_local::TrackLocal;
use ::webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use ::webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};
use ::webrtc::peer_connection::{PeerConnection, PeerConnectionEventHandler, RTCPeerConnectionState, RTCSessionDescription};
use ::webrtc::rtp_transceiver::RtpSender;
use parking_lot::Mutex;
use rtc::peer_connection::transport::RTCDtlsTransportState;
use rtc::rtp;
use tokio::runtime::Handle;
use tokio::sync::mpsc::{Receiver, Sender};
use tokio::sync::watch;

use super::offer::{Offer, ufrag, with_candidates};
use super::port::Share;
use super::stream::Stream;
use super::{INTERRUPTED_AFTER, WebRtcError};
use crate::edge::{LineEnd, LineWire, MediaPlan};
use crate::sound::codec::Codec;
use crate::sound::rtp::{HEADER, MAX_DATAGRAM, Packet};

/// How often the other side's goodbye is looked for: the library tells of it only seconds later.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// A line that is not up after this will never be.
const CONNECT_WITHIN: Duration = Duration::from_secs(30);
/// A restart that is not agreed on within this has failed.
const RESTART_WITHIN: Duration = Duration::from_secs(10);
/// Packets are as long as the peer wants them unless it says otherwise, and browsers don't.
const PTIME_MS: u32 = 20;

/// How a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineState {
    /// It is being connected.
    Connecting,
    /// Sound flows.
    Up,
    /// Nothing has come for some seconds; it may come back, by itself or by a restart.
    Interrupted,
    /// It is over, for good.
    Gone,
}

/// Somebody has the line already, or it is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the line is in a call already, or gone")]
pub struct NotFree;

/// A browser's line. Clones are the same line; it is closed when the last one is dropped.
#[derive(Clone)]
pub struct Line {
    inner: Arc<Inner>,
}

struct Inner {
    id: u64,
    plan: MediaPlan,
    /// The fingerprint of the browser's certificate.
    certificate: String,
    codecs: Vec<Codec>,
    peer: Arc<dyn PeerConnection>,
    track: Arc<TrackLocalStaticRTP>,
    stream: Arc<Mutex<Stream>>,
    share: Arc<Share>,
    addresses: Arc<[SocketAddr]>,
    ear: Arc<Ear>,
    handle: Handle,
    restarts: tokio::sync::Mutex<()>,
}

/// What the library's callbacks need; it holds nothing that would keep a line open.
pub(super) struct Ear {
    state: watch::Sender<LineState>,
    handle: Handle,
    /// Since when a way to the peer is looked for.
    checking: Mutex<Option<Instant>>,
    /// The leg that has the line.
    leg: Mutex<Option<Sender<Vec<u8>>>>,
}

/// Everything of a new line.
pub(super) struct Parts {
    pub id: u64,
    pub offer: Offer,
    pub codecs: Vec<Codec>,
    pub peer: Arc<dyn PeerConnection>,
    pub sender: Arc<dyn RtpSender>,
    pub track: Arc<TrackLocalStaticRTP>,
    pub stream: Stream,
    pub share: Arc<Share>,
    pub addresses: Arc<[SocketAddr]>,
    pub ear: Arc<Ear>,
    pub handle: Handle,
}

impl Line {
    pub(super) fn new(parts: Parts, payload: u8) -> Line {
        let Parts { id, offer, codecs, peer, sender, track, stream, share, addresses, ear, handle } = parts;
        handle.spawn(watch_over(peer.clone(), sender, ear.clone()));
        let stream = Arc::new(Mutex::new(stream));
        let (plan, certificate) = (plan(&offer, payload), offer.certificate);
        Line {
            inner: Arc::new(Inner {
                id,
                plan,
                certificate,
                codecs,
                peer,
                track,
                stream,
                share,
                addresses,
                ear,
                handle,
                restarts: tokio::sync::Mutex::default(),
            }),
        }
    }

    /// Counts the lines of its edge; never used again.
    pub fn id(&self) -> u64 {
        self.inner.id
    }

    /// How it is, now and whenever that changes.
    pub fn state(&self) -> watch::Receiver<LineState> {
        self.inner.ear.state.subscribe()
    }

    /// How it is now.
    pub fn is_up(&self) -> bool {
        *self.inner.ear.state.borrow() == LineState::Up
    }

    /// Gives the line to a leg, until the wire is dropped.
    ///
    /// # Errors
    /// Another leg has it, or it is gone.
    pub fn attach(&self) -> Result<(MediaPlan, LineWire), NotFree> {
        let inner = &self.inner;
        let mut leg = inner.ear.leg.lock();
        if *inner.ear.state.borrow() == LineState::Gone || leg.as_ref().is_some_and(|leg| !leg.is_closed()) {
            return Err(NotFree);
        }
        let (wire, LineEnd { to_leg, from_leg }) = LineWire::pair();
        *leg = Some(to_leg);
        let call = inner.stream.lock().begin();
        inner.handle.spawn(speak(from_leg, inner.track.clone(), inner.stream.clone(), call));
        Ok((inner.plan.clone(), wire))
    }

    /// Answers a new offer for the same line, after the browser's network has changed (ICE restart).
    ///
    /// # Errors
    /// The offer is none, is of another connection or codec than the line, or the line is gone.
    pub async fn restart(&self, offer: &str) -> Result<String, WebRtcError> {
        let read = Offer::read(offer, &self.inner.codecs)?;
        // Another window of the same person has another certificate (RFC 8842, 4): its restart would take this line's network away.
        let is_ours = read.certificate == self.inner.certificate;
        if !is_ours || (read.codec, read.payload) != (self.inner.plan.codec, self.inner.plan.payload_in) {
            return Err(WebRtcError::OtherLine);
        }
        if *self.inner.ear.state.borrow() == LineState::Gone {
            return Err(WebRtcError::Gone);
        }
        let (line, offer) = (self.clone(), read.reduced(offer));
        let restarted = self.inner.handle.spawn(async move {
            let _alone = line.inner.restarts.lock().await;
            let answered = answer(&line.inner.peer, offer, &line.inner.share, &line.inner.addresses);
            tokio::time::timeout(RESTART_WITHIN, answered).await.map_err(|_| WebRtcError::Slow)?
        });
        restarted.await.map_err(|_| WebRtcError::Slow)?
    }

    pub(super) fn handle(&self) -> &Handle {
        &self.inner.handle
    }

    /// Ends it; the browser is told.
    pub fn close(&self) {
        self.inner.ear.say(LineState::Gone);
    }
}

impl std::fmt::Debug for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Line({}, {:?})", self.inner.id, *self.inner.ear.state.borrow())
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.ear.say(LineState::Gone);
    }
}

/// Answers an offer, by the library and our candidates.
pub(super) async fn answer(peer: &Arc<dyn PeerConnection>, offer: String, share: &Share, addresses: &[SocketAddr]) -> Result<String, WebRtcError> {
    peer.set_remote_description(RTCSessionDescription::offer(offer)?).await?;
    let answer = peer.create_answer(None).await?;
    if let Some(user) = ufrag(&answer.sdp) {
        share.is_called(user);
    }
    let text = with_candidates(&answer.sdp, addresses);
    peer.set_local_description(answer).await?;
    Ok(text)
}

/// What the leg of a call is told of the line's sound. Where it goes is the line's affair.
fn plan(offer: &Offer, payload: u8) -> MediaPlan {
    let nowhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    MediaPlan {
        remote: nowhere,
        remote_rtcp: nowhere,
        codec: offer.codec,
        payload,
        payload_in: offer.payload,
        event_payload: offer.event.map(|(payload, _)| payload),
        event_payload_in: offer.event.map(|(payload, _)| payload),
        event_clock_hz: offer.event.map_or(offer.codec.clock_hz(), |(_, clock)| clock),
        comfort_noise: false,
        sends: true,
        receives: true,
        ptime_ms: PTIME_MS,
        srtp: None,
    }
}

/// Sends what a leg says, as long as it has the line.
async fn speak(mut from_leg: Receiver<Vec<u8>>, track: Arc<TrackLocalStaticRTP>, stream: Arc<Mutex<Stream>>, call: u64) {
    while let Some(datagram) = from_leg.recv().await {
        let Ok(packet) = Packet::parse(&datagram) else { continue };
        let Some(numbers) = stream.lock().number(call, &packet, Instant::now()) else { return };
        let header = rtp::Header {
            version: 2,
            marker: numbers.marker,
            payload_type: packet.payload_type,
            sequence_number: numbers.sequence,
            timestamp: numbers.timestamp,
            ssrc: numbers.ssrc,
            ..rtp::Header::default()
        };
        let packet = rtp::Packet { header, payload: packet.payload.to_vec().into() };
        if track.write_rtp(packet).await.is_err() {
            return;
        }
    }
}

/// Looks for the other side's goodbye, and closes the connection when the line is gone.
async fn watch_over(peer: Arc<dyn PeerConnection>, sender: Arc<dyn RtpSender>, ear: Arc<Ear>) {
    let mut state = ear.state.subscribe();
    let mut look = tokio::time::interval(LOOK_EVERY);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let begun = Instant::now();
    loop {
        tokio::select! {
            _ = look.tick() => {
                let dtls = match sender.transport().await {
                    Ok(Some(transport)) => transport.state().await.ok(),
                    Ok(None) | Err(_) => None,
                };
                let is_over = matches!(dtls, Some(RTCDtlsTransportState::Closed | RTCDtlsTransportState::Failed));
                let now = *state.borrow();
                if is_over || (now == LineState::Connecting && begun.elapsed() > CONNECT_WITHIN) {
                    ear.say(LineState::Gone);
                } else if now == LineState::Up && ear.looks_in_vain() {
                    ear.say(LineState::Interrupted);
                }
            }
            // Its sender is the ear, which we hold.
            _ = state.changed() => {}
        }
        if *state.borrow_and_update() == LineState::Gone {
            break;
        }
    }
    *ear.leg.lock() = None;
    close(&*peer).await;
}

/// Ends a connection, and its share of the port.
pub(super) async fn close(peer: &dyn PeerConnection) {
    if let Err(error) = peer.close().await {
        tracing::debug!(%error, "a line did not close cleanly");
    }
}

impl Ear {
    pub fn new(handle: Handle) -> Arc<Ear> {
        Arc::new(Ear { state: watch::channel(LineState::Connecting).0, handle, checking: Mutex::default(), leg: Mutex::default() })
    }

    /// While it looks for a way, as after a restart, the library does not tell that nothing comes any more.
    fn looks_in_vain(&self) -> bool {
        self.checking.lock().is_some_and(|since| since.elapsed() > INTERRUPTED_AFTER)
    }

    /// What is gone stays gone.
    fn say(&self, now: LineState) {
        self.state.send_if_modified(|state| {
            let is_news = *state != LineState::Gone && *state != now;
            if is_news {
                *state = now;
            }
            is_news
        });
    }

    /// A packet of the peer, for the leg that has the line; if it can't keep up, it hears less.
    fn hear(&self, packet: &rtp::Packet) {
        let Some(leg) = self.leg.lock().clone() else { return };
        let header = &packet.header;
        let plain = Packet {
            marker: header.marker,
            payload_type: header.payload_type,
            sequence: header.sequence_number,
            timestamp: header.timestamp,
            ssrc: header.ssrc,
            payload: &packet.payload,
        };
        let mut datagram = vec![0; HEADER + packet.payload.len().min(MAX_DATAGRAM)];
        if plain.encode(&mut datagram).is_some() {
            let _ = leg.try_send(datagram);
        }
    }
}

/// The callbacks; they run where the connection is driven, and never wait.
pub(super) struct Callbacks(pub Arc<Ear>);

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Callbacks {
    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        *self.0.checking.lock() = (state == RTCPeerConnectionState::Connecting).then(Instant::now);
        match state {
            RTCPeerConnectionState::Connected => self.0.say(LineState::Up),
            RTCPeerConnectionState::Disconnected => self.0.say(LineState::Interrupted),
            RTCPeerConnectionState::Failed | RTCPeerConnectionState::Closed => self.0.say(LineState::Gone),
            _ => {}
        }
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        let ear = self.0.clone();
        self.0.handle.spawn(async move {
            while let Some(event) = track.poll().await {
                if let TrackRemoteEvent::OnRtpPacket(packet) = event {
                    ear.hear(&packet);
                }
            }
        });
    }
}
