//! What a peer's description says of its audio stream.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sdp_types::{Media, Session};

use super::{PTIME_MS, SUITE, SdpError, event_clock, has_comfort};
use crate::edge::{MediaPlan, SrtpKeys};
use crate::sound::codec::Codec;
use crate::sound::rtp::comfort;

/// Clock rates at which the length of an event can be told in its 16 bits.
const EVENT_CLOCKS_HZ: std::ops::RangeInclusive<u32> = 8_000..=48_000;
/// Longest packet time that is kept to, in ms.
const MAX_PTIME_MS: u32 = 60;
/// Longest description that is read, in octets.
pub(super) const MAX_LENGTH: usize = 64 * 1024;

/// The peer's side of one audio stream.
pub(super) struct Peer {
    address: IpAddr,
    port: u16,
    rtcp_port: u16,
    pub mux: bool,
    /// In the order of the `m=` line.
    pub order: Vec<u8>,
    /// Encoding name in lower case, clock rate.
    maps: BTreeMap<u8, (String, u32)>,
    /// It wants to hear us.
    pub takes: bool,
    /// It speaks to us.
    pub sends: bool,
    pub ptime_ms: u32,
    pub encrypts: bool,
    /// Tag, key and salt.
    pub crypto: Option<(u32, [u8; 30])>,
}

impl Peer {
    pub fn read(session: &Session, at: usize) -> Result<Peer, SdpError> {
        let media = &session.medias[at];
        let connection = media.connections.first().or(session.connection.as_ref()).ok_or(SdpError::NoAudio("there is no c= line"))?;
        let written = connection.connection_address.split('/').next().unwrap_or_default();
        let address: IpAddr = written.parse().map_err(|_| SdpError::Address(connection.connection_address.clone()))?;
        if address.is_multicast() {
            return Err(SdpError::Address(connection.connection_address.clone()));
        }
        let order: Vec<u8> = media.fmt.split_whitespace().filter_map(|fmt| fmt.parse().ok()).filter(|payload| *payload < 128).collect();
        let mut maps: BTreeMap<u8, (String, u32)> = BTreeMap::new();
        for codec in [Codec::Pcmu, Codec::Pcma, Codec::G722] {
            if let Some(payload) = codec.static_payload() {
                maps.insert(payload, (codec.name().to_lowercase(), codec.clock_hz()));
            }
        }
        maps.extend(values(media, "rtpmap").filter_map(read_rtpmap));
        let says = |name: &str| media.has_attribute(name) || session.attributes.iter().any(|a| a.attribute.eq_ignore_ascii_case(name));
        let direction = ["sendrecv", "sendonly", "recvonly", "inactive"].into_iter().find(|name| media.has_attribute(name));
        let direction = direction.or_else(|| ["sendonly", "recvonly", "inactive"].into_iter().find(|name| says(name))).unwrap_or("sendrecv");
        let mux = media.has_attribute("rtcp-mux");
        let rtcp = values(media, "rtcp").next().and_then(|value| value.split_whitespace().next()?.parse().ok());
        let ptime = values(media, "ptime").next().and_then(|value| value.trim().parse::<u32>().ok());
        Ok(Peer {
            address,
            port: media.port,
            rtcp_port: if mux { media.port } else { rtcp.unwrap_or(media.port.saturating_add(1)) },
            mux,
            order,
            maps,
            takes: matches!(direction, "sendrecv" | "recvonly") && !address.is_unspecified(),
            sends: matches!(direction, "sendrecv" | "sendonly"),
            ptime_ms: ptime.filter(|ms| (PTIME_MS..=MAX_PTIME_MS).contains(ms) && ms.is_multiple_of(PTIME_MS)).unwrap_or(PTIME_MS),
            encrypts: media.proto.contains("SAVP"),
            crypto: values(media, "crypto").find_map(read_crypto),
        })
    }

    pub fn is_codec(&self, payload: u8, codec: Codec) -> bool {
        self.order.contains(&payload)
            && self.maps.get(&payload).is_some_and(|(name, clock)| name.eq_ignore_ascii_case(codec.name()) && *clock == codec.clock_hz())
    }

    pub fn payload_of(&self, codec: Codec) -> Option<u8> {
        self.order.iter().copied().find(|payload| self.is_codec(*payload, codec))
    }

    /// The telephone-event of the codec's clock rate, or of another where there is no other (some phones offer Opus with 8000 only),
    /// and its clock rate.
    pub fn event_for(&self, codec: Codec) -> Option<(u8, u32)> {
        let is_event = |payload: &u8| self.maps.get(payload).is_some_and(|(name, _)| name == "telephone-event");
        let events = || self.order.iter().copied().filter(is_event).map(|payload| (payload, self.maps[&payload].1));
        events().find(|(_, clock)| *clock == event_clock(codec)).or_else(|| events().find(|(_, clock)| EVENT_CLOCKS_HZ.contains(clock)))
    }

    /// Whether pauses in this codec may be told by comfort noise.
    pub fn has_comfort(&self, codec: Codec) -> bool {
        has_comfort(codec) && self.order.contains(&comfort::PAYLOAD_TYPE)
    }

    pub fn no_codec(&self) -> SdpError {
        let names: Vec<&str> = self.order.iter().map(|payload| self.maps.get(payload).map_or("?", |(name, _)| name.as_str())).collect();
        SdpError::NoCodec(if names.is_empty() { "none".into() } else { names.join(", ") })
    }

    pub fn plan(
        &self,
        codec: Codec,
        (payload, payload_in): (u8, u8),
        event: Option<(u8, Option<u8>, u32)>,
        srtp: Option<SrtpKeys>,
        holds: bool,
    ) -> MediaPlan {
        MediaPlan {
            remote: SocketAddr::new(self.address, self.port),
            remote_rtcp: SocketAddr::new(self.address, self.rtcp_port),
            codec,
            payload,
            payload_in,
            event_payload: event.map(|(payload, ..)| payload),
            event_payload_in: event.and_then(|(_, ours, _)| ours),
            event_clock_hz: event.map_or(event_clock(codec), |(.., clock)| clock),
            comfort_noise: self.has_comfort(codec),
            sends: self.takes,
            receives: self.sends && !holds,
            ptime_ms: self.ptime_ms,
            srtp,
        }
    }
}

pub(super) fn parse(text: &[u8]) -> Result<Session, SdpError> {
    if text.len() > MAX_LENGTH {
        return Err(SdpError::Malformed(format!("{} octets are too many", text.len())));
    }
    Session::parse(text).map_err(|error| SdpError::Malformed(error.to_string()))
}

/// The first audio stream that could be used.
pub(super) fn usable(session: &Session) -> Result<usize, SdpError> {
    let audio = |media: &Media| media.media.eq_ignore_ascii_case("audio");
    let is_rtp = |media: &Media| matches!(media.proto.as_str(), "RTP/AVP" | "RTP/SAVP" | "RTP/AVPF" | "RTP/SAVPF");
    if !session.medias.iter().any(audio) {
        return Err(SdpError::NoAudio("there is no m=audio line"));
    }
    let found = session.medias.iter().position(|media| audio(media) && is_rtp(media) && media.port != 0);
    found.ok_or(SdpError::NoAudio("its port is 0, or it is no RTP"))
}

fn values<'a>(media: &'a Media, name: &'a str) -> impl Iterator<Item = &'a str> {
    media.attributes.iter().filter(move |a| a.attribute.eq_ignore_ascii_case(name)).filter_map(|a| a.value.as_deref())
}

fn read_rtpmap(value: &str) -> Option<(u8, (String, u32))> {
    let (payload, map) = value.trim().split_once(char::is_whitespace)?;
    let mut parts = map.trim().split('/');
    let name = parts.next()?.to_lowercase();
    let clock = parts.next()?.trim().parse().ok()?;
    Some((payload.parse().ok().filter(|payload| *payload < 128)?, (name, clock)))
}

/// `1 AES_CM_128_HMAC_SHA1_80 inline:BASE64[|lifetime][|MKI]`; one with an MKI is passed over.
fn read_crypto(value: &str) -> Option<(u32, [u8; 30])> {
    let mut parts = value.split_whitespace();
    let tag = parts.next()?.parse().ok()?;
    if parts.next()? != SUITE {
        return None;
    }
    let inline = parts.next()?.strip_prefix("inline:")?;
    let mut fields = inline.split('|');
    let key = BASE64_STANDARD.decode(fields.next()?).ok()?;
    let has_mki = fields.any(|field| field.contains(':'));
    key.try_into().ok().filter(|_| !has_mki).map(|key| (tag, key))
}
