//! A browser of our own making: a peer by the WebRTC library that speaks a recording and keeps what it hears.

// Each test binary uses its own part of this.
#![allow(dead_code)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU32, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use rtc::ice::mdns::MulticastDnsMode;
use rtc::media_stream::MediaStreamTrack;
use rtc::peer_connection::configuration::RTCOfferOptions;
use rtc::rtp;
use rtc::rtp_transceiver::rtp_sender::{RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind};
use segue::base::{Frame, Rate};
use segue::sound::codec::{Codec, Decoder, Encoder, MAX_DECODED, MAX_ENCODED};
use tokio::net::UdpSocket;
use tokio::sync::{Notify, watch};
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};
use webrtc::peer_connection::{
    MediaEngine, PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCIceGatheringState, RTCPeerConnectionState,
    RTCSessionDescription, Registry, SettingEngineBuilder, configure_rtcp_reports,
};

const RATE: Rate = Rate::Hz8000;
const PATIENCE: Duration = Duration::from_secs(60);
/// Types under which browsers send keys, by clock rate.
pub const EVENTS: [(u8, u32); 2] = [(110, 48_000), (126, 8_000)];

/// What a browser heard.
#[derive(Default)]
pub struct Heard {
    /// Sound at 8 kHz, packet by packet as it came.
    pub sound: Vec<i16>,
    /// Source, sequence number and timestamp of each packet.
    pub numbers: Vec<(u32, u16, u32)>,
}

pub struct Browser {
    pub peer: Arc<dyn PeerConnection>,
    track: Arc<TrackLocalStaticRTP>,
    codec: Codec,
    payload: u8,
    heard: Arc<Mutex<Heard>>,
    gathered: Arc<Notify>,
    state: watch::Receiver<RTCPeerConnectionState>,
    clock: Arc<AtomicU32>,
    sequence: Arc<AtomicU16>,
    speaks: Arc<AtomicBool>,
}

struct Ears {
    heard: Arc<Mutex<Heard>>,
    gathered: Arc<Notify>,
    state: watch::Sender<RTCPeerConnectionState>,
    codec: Codec,
}

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Ears {
    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        if state == RTCIceGatheringState::Complete {
            self.gathered.notify_one();
        }
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        self.state.send_replace(state);
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        let (heard, mut decoder) = (self.heard.clone(), Decoder::new(self.codec, RATE).unwrap());
        tokio::spawn(async move {
            let mut out = [0; MAX_DECODED];
            while let Some(event) = track.poll().await {
                let TrackRemoteEvent::OnRtpPacket(packet) = event else { continue };
                let mut heard = heard.lock();
                heard.numbers.push((packet.header.ssrc, packet.header.sequence_number, packet.header.timestamp));
                if let Ok(n) = decoder.decode(&packet.payload, &mut out) {
                    heard.sound.extend_from_slice(&out[..n]);
                }
            }
        });
    }
}

fn codec_of(codec: Codec) -> (u8, RTCRtpCodec) {
    let (payload, mime_type, channels, sdp_fmtp_line) = match codec {
        Codec::Opus => (111, "audio/opus", 2, "minptime=10;useinbandfec=1"),
        Codec::Pcmu => (0, "audio/PCMU", 1, ""),
        Codec::Pcma => (8, "audio/PCMA", 1, ""),
        Codec::G722 => panic!("browsers have no G.722 here"),
    };
    let codec = RTCRtpCodec {
        mime_type: mime_type.into(),
        clock_rate: codec.clock_hz(),
        channels,
        sdp_fmtp_line: sdp_fmtp_line.into(),
        ..RTCRtpCodec::default()
    };
    (payload, codec)
}

impl Browser {
    /// A page that is about to call.
    pub async fn open(codec: Codec) -> Browser {
        let (payload_type, rtp_codec) = codec_of(codec);
        let mut media = MediaEngine::default();
        media.register_codec(RTCRtpCodecParameters { rtp_codec: rtp_codec.clone(), payload_type }, RtpCodecKind::Audio).unwrap();
        for (payload_type, clock_rate) in EVENTS {
            let rtp_codec = RTCRtpCodec { mime_type: "audio/telephone-event".into(), clock_rate, ..RTCRtpCodec::default() };
            media.register_codec(RTCRtpCodecParameters { rtp_codec, payload_type }, RtpCodecKind::Audio).unwrap();
        }
        let (heard, gathered) = (Arc::new(Mutex::default()), Arc::new(Notify::new()));
        let (changes, state) = watch::channel(RTCPeerConnectionState::New);
        let settings = SettingEngineBuilder::new().with_multicast_dns_mode(MulticastDnsMode::Disabled).with_include_loopback_candidate(true).build();
        let peer: Arc<dyn PeerConnection> = Arc::new(
            PeerConnectionBuilder::new()
                .with_media_engine(media)
                .with_setting_engine(settings)
                .with_interceptor_registry(configure_rtcp_reports(Registry::new()))
                .with_handler(Arc::new(Ears { heard: heard.clone(), gathered: gathered.clone(), state: changes, codec }))
                .with_udp_addrs(vec![SocketAddr::from(([127, 0, 0, 1], 0))])
                .build()
                .await
                .unwrap(),
        );
        let encoding = RTCRtpEncodingParameters {
            rtp_coding_parameters: RTCRtpCodingParameters { ssrc: Some(4_711), ..RTCRtpCodingParameters::default() },
            codec: rtp_codec,
            ..RTCRtpEncodingParameters::default()
        };
        let track = MediaStreamTrack::new("page".into(), "microphone".into(), "microphone".into(), RtpCodecKind::Audio, vec![encoding]);
        let track = Arc::new(TrackLocalStaticRTP::new(track));
        peer.add_track(track.clone() as Arc<dyn TrackLocal>).await.unwrap();
        let (clock, sequence, speaks) = (Arc::default(), Arc::default(), Arc::new(AtomicBool::new(true)));
        Browser { peer, track, codec, payload: payload_type, heard, gathered, state, clock, sequence, speaks }
    }

    /// Its whole offer.
    pub async fn offer(&self, restarts: bool) -> String {
        let offer = self.peer.create_offer(restarts.then_some(RTCOfferOptions { ice_restart: true })).await.unwrap();
        self.peer.set_local_description(offer).await.unwrap();
        tokio::time::timeout(PATIENCE, self.gathered.notified()).await.unwrap();
        self.offer_text().await
    }

    /// The offer that it made last.
    pub async fn offer_text(&self) -> String {
        let offer = self.peer.local_description().await.unwrap().sdp;
        // The library leaves out what it has no track for; browsers offer keys all the same.
        let types: String = EVENTS.iter().map(|(payload, _)| format!(" {payload}")).collect();
        let maps: String = EVENTS.iter().map(|(payload, clock)| format!("a=rtpmap:{payload} telephone-event/{clock}\r\n")).collect();
        let line = format!("UDP/TLS/RTP/SAVPF {}", self.payload);
        offer.replace(&line, &format!("{line}{types}")).replace("a=rtcp-mux\r\n", &format!("a=rtcp-mux\r\n{maps}"))
    }

    pub async fn take(&self, answer: String) {
        self.peer.set_remote_description(RTCSessionDescription::answer(answer).unwrap()).await.unwrap();
    }

    /// Until it is connected too: its last message of the handshake comes before ours is read.
    pub async fn stands(&self) {
        let mut state = self.state.clone();
        let connected = state.wait_for(|state| *state == RTCPeerConnectionState::Connected);
        tokio::time::timeout(PATIENCE, connected).await.unwrap().unwrap();
    }

    /// Speaks this, then silence, until the page is closed.
    pub fn speak(&self, said: Vec<i16>) {
        let (track, clock, sequence, speaks) = (self.track.clone(), self.clock.clone(), self.sequence.clone(), self.speaks.clone());
        let (payload, codec) = (self.payload, self.codec);
        tokio::spawn(async move {
            let mut encoder = Encoder::new(codec, RATE).unwrap();
            let mut ticks = tokio::time::interval(Duration::from_millis(20));
            let mut out = [0; MAX_ENCODED];
            let silence = [0; 160];
            for (n, samples) in said.chunks_exact(160).chain(std::iter::repeat(&silence[..])).enumerate() {
                ticks.tick().await;
                let length = encoder.encode(&Frame::from_samples(RATE, samples), &mut out);
                let timestamp = clock.fetch_add(codec.clock_hz() / 50, Ordering::Relaxed);
                if !speaks.load(Ordering::Relaxed) {
                    continue;
                }
                let sequence = sequence.fetch_add(1, Ordering::Relaxed);
                if track.write_rtp(packet(payload, sequence, timestamp, n == 0, out[..length].to_vec())).await.is_err() {
                    return;
                }
            }
        });
    }

    /// Its microphone is switched off (nothing is sent at all) or on.
    pub fn sends(&self, on: bool) {
        self.speaks.store(on, Ordering::Relaxed);
    }

    /// Presses a key under this type (RFC 4733).
    pub async fn press(&self, payload: u8, code: u8) {
        let timestamp = self.clock.load(Ordering::Relaxed);
        for n in 0..8u16 {
            let ends = if n >= 5 { 0x80 } else { 0 };
            let event = vec![code, ends | 10, 0, 160];
            let sequence = self.sequence.fetch_add(1, Ordering::Relaxed);
            self.track.write_rtp(packet(payload, sequence, timestamp, n == 0, event)).await.unwrap();
        }
    }

    pub fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock()
    }

    pub async fn close(&self) {
        self.peer.close().await.unwrap();
    }
}

fn packet(payload_type: u8, sequence_number: u16, timestamp: u32, marker: bool, payload: Vec<u8>) -> rtp::Packet {
    let header = rtp::Header { version: 2, marker, payload_type, sequence_number, timestamp, ssrc: 4_711, ..rtp::Header::default() };
    rtp::Packet { header, payload: payload.into() }
}

/// A network between a browser and the edge, which can be cut off.
pub struct Tunnel {
    port: u16,
    is_open: Arc<AtomicBool>,
}

impl Tunnel {
    pub async fn to(edge: SocketAddr) -> Tunnel {
        let near = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let far = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let (port, is_open) = (near.local_addr().unwrap().port(), Arc::new(AtomicBool::new(true)));
        let open = is_open.clone();
        tokio::spawn(async move {
            let (mut here, mut there, mut browser) = ([0; 2_048], [0; 2_048], None);
            loop {
                tokio::select! {
                    Ok((length, from)) = near.recv_from(&mut here) => {
                        browser = Some(from);
                        if open.load(Ordering::Relaxed) {
                            let _ = far.send_to(&here[..length], edge).await;
                        }
                    }
                    Ok((length, _)) = far.recv_from(&mut there) => if let Some(browser) = browser && open.load(Ordering::Relaxed) {
                        let _ = near.send_to(&there[..length], browser).await;
                    },
                }
            }
        });
        Tunnel { port, is_open }
    }

    pub fn open(&self, is_open: bool) {
        self.is_open.store(is_open, Ordering::Relaxed);
    }

    /// The offer of somebody who can be reached only through this.
    pub fn offer(offer: &str) -> String {
        offer.lines().filter(|line| !line.starts_with("a=candidate:")).flat_map(|line| [line, "\r\n"]).collect()
    }

    /// The answer with this in place of the edge.
    pub fn answer(&self, answer: &str, edge: SocketAddr) -> String {
        answer.replace(&format!(" {} {} typ host", edge.ip(), edge.port()), &format!(" 127.0.0.1 {} typ host", self.port))
    }
}
