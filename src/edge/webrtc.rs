//! Browsers: lines by WebRTC, all through one UDP port.
//!
//! [`WebRtcEdge::answer`] answers a browser's offer and gives its [`Line`]. A line outlives calls: [`Line::attach`]
//! lends it to a leg, dropping the wire gives it back. Encryption, connectivity and reports are the library's; buffers,
//! codecs and mixing are those of every other leg ([`super::rtp`]). Offers and answers are whole: nothing trickles.
//! What is *not* here: whose line it is, and what its owner is asked (gateway).

mod line;
mod offer;
mod port;
mod runtime;
mod stream;
mod table;
mod visitor;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ::webrtc::media_stream::track_local::TrackLocal;
use ::webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use ::webrtc::peer_connection::{
    MediaEngine, PeerConnection, PeerConnectionBuilder, RTCConfigurationBuilder, Registry, SettingEngine, SettingEngineBuilder,
    configure_rtcp_reports,
};
use ::webrtc::rtp_transceiver::RtpSender;
use rtc::ice::mdns::MulticastDnsMode;
use rtc::media_stream::MediaStreamTrack;
use rtc::peer_connection::configuration::media_engine::{MIME_TYPE_OPUS, MIME_TYPE_PCMA, MIME_TYPE_PCMU, MIME_TYPE_TELEPHONE_EVENT};
use rtc::peer_connection::transport::RTCDtlsRole;
use rtc::rtp_transceiver::rtp_sender::{RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind};
use tokio::runtime::Handle;

use crate::net::{random, secret};
use crate::sound::codec::Codec;
use line::{Callbacks, Ear, Parts};
use offer::Offer;
use port::{Port, Share};
use runtime::{LineRuntime, Thread};
use stream::Stream;

pub use line::{Line, LineState, NotFree};
pub use offer::OfferError;
pub use port::PortCounts;
pub use table::{IceServer, IceServerTable, WebRtcTable};
pub use visitor::Visit;

/// An offer that is not answered within this will not be.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// A line from which nothing has come for so long is interrupted. Checks go each second, so that three are lost.
const INTERRUPTED_AFTER: Duration = Duration::from_secs(3);
/// A line that is interrupted for so long is gone.
const GONE_AFTER: Duration = Duration::from_secs(60);
/// How often the other side is asked whether it is there (RFC 7675).
const ASK_EVERY: Duration = Duration::from_secs(1);
/// RFC 7587, 7.1: packets may be as short as 10 ms, and carry what was in the one before.
const OPUS_FORMAT: &str = "minptime=10;useinbandfec=1";
/// RFC 4733, 2.4.1: the keys of a phone.
const EVENT_FORMAT: &str = "0-16";

/// Why a browser gets no line.
#[derive(Debug, thiserror::Error)]
pub enum WebRtcError {
    /// The port can't be had.
    #[error("webrtc.bind: {0}: {1}")]
    Bind(SocketAddr, std::io::Error),
    /// A server's password can't be had.
    #[error("webrtc.ice_server: {0}")]
    Secret(#[from] secret::SecretError),
    /// The offer can't be answered.
    #[error(transparent)]
    Offer(#[from] OfferError),
    /// The library refuses the offer.
    #[error("the offer can't be answered: {0}")]
    Refused(#[from] ::webrtc::error::Error),
    /// There are as many lines as may be.
    #[error("there are {0} lines already, which is `webrtc.max_lines`")]
    Full(usize),
    /// It took too long.
    #[error("the offer was not answered in time")]
    Slow,
    /// A restart came for a line that is gone.
    #[error("the line is gone; open another one")]
    Gone,
    /// A restart has another certificate or codec than the line.
    #[error("the offer is for another line: its certificate or codec is not the one that was agreed on")]
    OtherLine,
}

/// Where browsers' sound comes in. Clones are the same edge.
#[derive(Clone)]
pub struct WebRtcEdge {
    inner: Arc<Inner>,
}

struct Inner {
    thread: Thread,
    port: Port,
    local: SocketAddr,
    addresses: Arc<[SocketAddr]>,
    codecs: Vec<Codec>,
    max_lines: usize,
    ice_servers: Vec<IceServer>,
    next: AtomicU64,
}

impl WebRtcEdge {
    /// Binds the port and starts the thread on which lines live.
    ///
    /// # Errors
    /// The port or a password can't be had.
    pub fn open(table: &WebRtcTable) -> Result<WebRtcEdge, WebRtcError> {
        let failed = |error| WebRtcError::Bind(table.bind, error);
        let ice_servers = table.ice_server.iter().map(IceServerTable::server).collect::<Result<_, _>>()?;
        let thread = Thread::start("lines").map_err(failed)?;
        let socket = std::net::UdpSocket::bind(table.bind).map_err(failed)?;
        let port = {
            let _here = thread.handle().enter();
            Port::serve(socket).map_err(failed)?
        };
        let local = port.local().map_err(failed)?;
        let told = if table.external_addresses.is_empty() { vec![local.ip()] } else { table.external_addresses.clone() };
        let addresses = told.into_iter().map(|address| SocketAddr::new(address, local.port())).collect();
        let (codecs, max_lines) = (table.codecs.clone(), table.max_lines as usize);
        Ok(WebRtcEdge { inner: Arc::new(Inner { thread, port, local, addresses, codecs, max_lines, ice_servers, next: AtomicU64::new(1) }) })
    }

    /// Where the port is bound.
    pub fn local(&self) -> SocketAddr {
        self.inner.local
    }

    /// What browsers use to reach us, for the page.
    pub fn ice_servers(&self) -> &[IceServer] {
        &self.inner.ice_servers
    }

    /// How many lines there are.
    pub fn lines(&self) -> usize {
        self.inner.port.lines()
    }

    /// Datagrams that reached nobody.
    pub fn counts(&self) -> PortCounts {
        self.inner.port.counts()
    }

    /// Answers a browser's offer, which must be whole (with its candidates), and opens its line.
    ///
    /// # Errors
    /// The offer can't be answered, or there is no room.
    pub async fn answer(&self, offer: &str) -> Result<(String, Line), WebRtcError> {
        let read = Offer::read(offer, &self.inner.codecs)?;
        if self.lines() >= self.inner.max_lines {
            return Err(WebRtcError::Full(self.inner.max_lines));
        }
        let (inner, offer) = (self.inner.clone(), read.reduced(offer));
        let handle = self.inner.thread.handle().clone();
        let opened = self.inner.thread.handle().spawn(async move { open(&inner, handle, offer, read).await });
        opened.await.map_err(|_| WebRtcError::Slow)?
    }
}

impl std::fmt::Debug for WebRtcEdge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "WebRtcEdge({})", self.inner.local)
    }
}

async fn open(inner: &Inner, handle: Handle, text: String, offer: Offer) -> Result<(String, Line), WebRtcError> {
    let ear = Ear::new(handle.clone());
    let share = Arc::new(inner.port.share());
    let loopback = if inner.local.is_ipv4() { IpAddr::from(Ipv4Addr::LOCALHOST) } else { IpAddr::from(Ipv6Addr::LOCALHOST) };
    let peer: Arc<dyn PeerConnection> = Arc::new(
        PeerConnectionBuilder::new()
            .with_configuration(RTCConfigurationBuilder::new().build())
            .with_media_engine(media(&offer)?)
            .with_setting_engine(settings())
            .with_interceptor_registry(configure_rtcp_reports(Registry::new()))
            .with_handler(Arc::new(Callbacks(ear.clone())))
            .with_runtime(Arc::new(LineRuntime { handle: handle.clone(), share: share.clone() }))
            .with_udp_addrs(vec![SocketAddr::new(loopback, 0)])
            .build()
            .await?,
    );
    let agreed = tokio::time::timeout(ANSWER_WITHIN, agree(&peer, text, &offer, (&share, &inner.addresses))).await;
    let Agreed { answer, sender, track, stream, payload } = match agreed.unwrap_or(Err(WebRtcError::Slow)) {
        Ok(agreed) => agreed,
        Err(error) => {
            // It would have its place on the port for ever.
            line::close(&*peer).await;
            return Err(error);
        }
    };
    let (id, codecs, addresses) = (inner.next.fetch_add(1, Ordering::Relaxed), inner.codecs.clone(), inner.addresses.clone());
    let parts = Parts { id, offer, codecs, peer, sender, track, stream, share, addresses, ear, handle };
    Ok((answer, Line::new(parts, payload)))
}

/// What both sides agree on.
struct Agreed {
    answer: String,
    sender: Arc<dyn RtpSender>,
    track: Arc<TrackLocalStaticRTP>,
    stream: Stream,
    payload: u8,
}

async fn agree(
    peer: &Arc<dyn PeerConnection>,
    text: String,
    offer: &Offer,
    (share, addresses): (&Share, &[SocketAddr]),
) -> Result<Agreed, WebRtcError> {
    let stream = Stream::new(offer.codec.clock_hz(), random());
    let track = Arc::new(TrackLocalStaticRTP::new(track(stream.ssrc(), offer.codec)));
    let sender = peer.add_track(track.clone() as Arc<dyn TrackLocal>).await?;
    let answer = line::answer(peer, text, share, addresses).await?;
    let agreed = sender.get_parameters().await?.rtp_parameters.codecs;
    let is_ours = |codec: &&RTCRtpCodecParameters| codec.rtp_codec.mime_type.eq_ignore_ascii_case(mime_type(offer.codec));
    let payload = agreed.iter().find(is_ours).map_or(offer.payload, |codec| codec.payload_type);
    Ok(Agreed { answer, sender, track, stream, payload })
}

fn settings() -> SettingEngine {
    SettingEngineBuilder::new()
        // Who answers as server is connected two round trips earlier.
        .with_answering_dtls_role(RTCDtlsRole::Server)
        .with_multicast_dns_mode(MulticastDnsMode::Disabled)
        // What it takes for its own socket is on loopback; which addresses there are is ours to say.
        .with_include_loopback_candidate(true)
        .with_ice_timeouts(Some(INTERRUPTED_AFTER), Some(GONE_AFTER), Some(ASK_EVERY))
        .build()
}

/// What is negotiated: the one codec that was chosen, and keys, under the browser's own numbers.
fn media(offer: &Offer) -> Result<MediaEngine, WebRtcError> {
    let mut media = MediaEngine::default();
    media.register_codec(RTCRtpCodecParameters { rtp_codec: codec(offer.codec), payload_type: offer.payload }, RtpCodecKind::Audio)?;
    if let Some((payload_type, clock_rate)) = offer.event {
        let rtp_codec = RTCRtpCodec {
            mime_type: MIME_TYPE_TELEPHONE_EVENT.to_owned(),
            clock_rate,
            sdp_fmtp_line: EVENT_FORMAT.to_owned(),
            ..RTCRtpCodec::default()
        };
        media.register_codec(RTCRtpCodecParameters { rtp_codec, payload_type }, RtpCodecKind::Audio)?;
    }
    Ok(media)
}

fn mime_type(codec: Codec) -> &'static str {
    match codec {
        Codec::Opus => MIME_TYPE_OPUS,
        Codec::Pcma => MIME_TYPE_PCMA,
        // G.722 is refused by the table.
        Codec::Pcmu | Codec::G722 => MIME_TYPE_PCMU,
    }
}

fn codec(codec: Codec) -> RTCRtpCodec {
    let is_opus = codec == Codec::Opus;
    RTCRtpCodec {
        mime_type: mime_type(codec).to_owned(),
        clock_rate: codec.clock_hz(),
        // RFC 7587, 7: always two, however many there are.
        channels: if is_opus { 2 } else { 1 },
        sdp_fmtp_line: if is_opus { OPUS_FORMAT.to_owned() } else { String::new() },
        ..RTCRtpCodec::default()
    }
}

fn track(ssrc: u32, sent: Codec) -> MediaStreamTrack {
    let encoding = RTCRtpEncodingParameters {
        rtp_coding_parameters: RTCRtpCodingParameters { ssrc: Some(ssrc), ..RTCRtpCodingParameters::default() },
        codec: codec(sent),
        ..RTCRtpEncodingParameters::default()
    };
    MediaStreamTrack::new("segue".into(), "sound".into(), "sound".into(), RtpCodecKind::Audio, vec![encoding])
}
