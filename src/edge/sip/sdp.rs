//! Offers and answers of one audio stream (RFC 3264, RFC 8866), with SRTP keys by SDES (RFC 4568).
//!
//! [`offer`] writes ours, [`answer`] answers a peer's, [`accept`] reads the answer to ours. What a peer offers beside one
//! audio stream is rejected line by line. What is *not* here: sockets, and who holds whom (the edge says it by [`Terms`]).

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sdp_types::{Attribute, Connection, Media, Origin, Session, Time};

use crate::edge::{MediaPlan, SrtpKeys};
use crate::sound::codec::Codec;

/// Payload type of Opus in our offers.
const OPUS: u8 = 111;
/// Payload types of telephone-event in our offers, by clock rate.
const EVENTS: [(u32, u8); 2] = [(8_000, 101), (48_000, 110)];
/// Clock rates at which the length of an event can be told in its 16 bits.
const EVENT_CLOCKS_HZ: std::ops::RangeInclusive<u32> = 8_000..=48_000;
/// The only crypto suite that is taken (RFC 4568, 6.2).
const SUITE: &str = "AES_CM_128_HMAC_SHA1_80";
/// Packet time in ms, unless a peer asks for another.
const PTIME_MS: u32 = 20;
/// Longest packet time that is kept to, in ms.
const MAX_PTIME_MS: u32 = 60;
/// Longest description that is read, in octets.
const MAX_LENGTH: usize = 64 * 1024;

/// Why a description can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SdpError {
    /// It is no SDP.
    #[error("malformed: {0}")]
    Malformed(String),
    /// It has no audio that could be used.
    #[error("no usable audio: {0}")]
    NoAudio(&'static str),
    /// There is no codec that both sides have.
    #[error("no codec in common; the peer has {0}")]
    NoCodec(String),
    /// The address is none.
    #[error("`{0}` is no address of a host")]
    Address(String),
    /// The encryption that was asked for can't be agreed on.
    #[error("encryption: {0}")]
    Encryption(&'static str),
}

/// What we bring to an offer or answer.
#[derive(Clone, Debug)]
pub struct Terms {
    /// Where our RTP is received; RTCP on the next port.
    pub local: SocketAddr,
    /// Identifies the session in `o=`, the same in every description of a leg.
    pub session: u64,
    /// One more with each description.
    pub version: u64,
    /// In order of preference.
    pub codecs: Vec<Codec>,
    /// Whether sound is encrypted.
    pub srtp: Encryption,
    /// Our key and salt, drawn for this leg.
    pub key: [u8; 30],
    /// We hold the peer: they are not to send.
    pub holds: bool,
}

/// Whether sound is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encryption {
    /// Never.
    Off,
    /// In answers, if the peer offers it.
    Optional,
    /// Always.
    Required,
}

/// Our offer.
pub fn offer(terms: &Terms) -> Vec<u8> {
    let mut payloads: Vec<(u8, String, Option<String>)> = Vec::new();
    for &codec in &terms.codecs {
        payloads.push((our_payload(codec), rtpmap(codec), fmtp(codec)));
    }
    for (clock, payload) in EVENTS {
        if terms.codecs.iter().any(|codec| event_clock(*codec) == clock) {
            payloads.push((payload, format!("telephone-event/{clock}"), Some("0-16".into())));
        }
    }
    let encrypts = terms.srtp == Encryption::Required;
    let mut media = Media {
        media: "audio".into(),
        port: terms.local.port(),
        num_ports: None,
        proto: if encrypts { "RTP/SAVP" } else { "RTP/AVP" }.into(),
        fmt: payloads.iter().map(|(payload, ..)| payload.to_string()).collect::<Vec<_>>().join(" "),
        media_title: None,
        connections: Vec::new(),
        bandwidths: Vec::new(),
        key: None,
        attributes: Vec::new(),
    };
    for (payload, map, fmtp) in payloads {
        media.add_attribute(Attribute::with_value("rtpmap", format!("{payload} {map}")));
        if let Some(fmtp) = fmtp {
            media.add_attribute(Attribute::with_value("fmtp", format!("{payload} {fmtp}")));
        }
    }
    if encrypts {
        media.add_attribute(crypto(1, &terms.key));
    }
    media.add_attribute(Attribute::with_value("ptime", PTIME_MS));
    media.add_attribute(Attribute::new(if terms.holds { "sendonly" } else { "sendrecv" }));
    write(terms, vec![media])
}

/// Our answer to a peer's offer, and what it agrees on.
///
/// # Errors
/// The offer is malformed, or has nothing that we could take.
pub fn answer(terms: &Terms, offer: &[u8]) -> Result<(Vec<u8>, MediaPlan), SdpError> {
    let theirs = parse(offer)?;
    let at = usable(&theirs)?;
    let peer = Peer::read(&theirs, at)?;
    let codec = terms.codecs.iter().copied().find(|codec| peer.payload_of(*codec).is_some()).ok_or_else(|| peer.no_codec())?;
    let payload = peer.payload_of(codec).expect("found just now");
    let event = peer.event_for(codec);
    let srtp = match (terms.srtp, peer.encrypts, peer.crypto) {
        (Encryption::Off, false, _) | (Encryption::Optional, false, _) => None,
        (Encryption::Off, true, _) => return Err(SdpError::Encryption("the peer insists on it, and it is off here")),
        (Encryption::Required, false, _) => return Err(SdpError::Encryption("the peer offers none, and it is required here")),
        (Encryption::Optional | Encryption::Required, true, Some((tag, theirs))) => Some((tag, theirs)),
        (Encryption::Optional | Encryption::Required, true, None) => {
            return Err(SdpError::Encryption("the peer has no key for AES_CM_128_HMAC_SHA1_80"));
        }
    };
    let mut ours = Media { attributes: Vec::new(), connections: Vec::new(), port: terms.local.port(), ..theirs.medias[at].clone() };
    ours.fmt = std::iter::once(payload).chain(event.map(|(payload, _)| payload)).map(|payload| payload.to_string()).collect::<Vec<_>>().join(" ");
    ours.add_attribute(Attribute::with_value("rtpmap", format!("{payload} {}", rtpmap(codec))));
    if let Some(fmtp) = fmtp(codec) {
        ours.add_attribute(Attribute::with_value("fmtp", format!("{payload} {fmtp}")));
    }
    if let Some((event, clock)) = event {
        ours.add_attribute(Attribute::with_value("rtpmap", format!("{event} telephone-event/{clock}")));
        ours.add_attribute(Attribute::with_value("fmtp", format!("{event} 0-16")));
    }
    if let Some((tag, _)) = srtp {
        ours.add_attribute(crypto(tag, &terms.key));
    }
    ours.add_attribute(Attribute::with_value("ptime", peer.ptime_ms));
    if peer.mux {
        ours.add_attribute(Attribute::new("rtcp-mux"));
    }
    let direction = match (peer.takes, peer.sends && !terms.holds) {
        (true, true) => "sendrecv",
        (true, false) => "sendonly",
        (false, true) => "recvonly",
        (false, false) => "inactive",
    };
    ours.add_attribute(Attribute::new(direction));
    let medias = theirs.medias.iter().enumerate().map(|(n, media)| if n == at { ours.clone() } else { rejected(media) }).collect();
    let srtp = srtp.map(|(_, theirs)| SrtpKeys { ours: terms.key, theirs });
    let plan = peer.plan(codec, (payload, payload), event.map(|(payload, clock)| (payload, Some(payload), clock)), srtp, terms.holds);
    Ok((write(terms, medias), plan))
}

/// What a peer's answer to our [`offer`] agrees on.
///
/// # Errors
/// The answer is malformed, rejects the audio, or takes what was not offered.
pub fn accept(terms: &Terms, answer: &[u8]) -> Result<MediaPlan, SdpError> {
    let theirs = parse(answer)?;
    let at = usable(&theirs)?;
    let peer = Peer::read(&theirs, at)?;
    let in_their_order = peer.order.iter().find_map(|payload| {
        let codec = *terms.codecs.iter().find(|codec| peer.is_codec(*payload, **codec))?;
        Some((codec, *payload))
    });
    let (codec, payload) = in_their_order.ok_or_else(|| peer.no_codec())?;
    let event = peer.event_for(codec).map(|(payload, clock)| (payload, EVENTS.iter().find(|ours| ours.0 == clock).map(|ours| ours.1), clock));
    let srtp = match (terms.srtp, peer.crypto) {
        (Encryption::Required, Some((_, theirs))) => Some(SrtpKeys { ours: terms.key, theirs }),
        (Encryption::Required, None) => return Err(SdpError::Encryption("the peer answered without a key")),
        (Encryption::Off | Encryption::Optional, _) => None,
    };
    Ok(peer.plan(codec, (payload, our_payload(codec)), event, srtp, terms.holds))
}

/// The peer's side of one audio stream.
struct Peer {
    address: IpAddr,
    port: u16,
    rtcp_port: u16,
    mux: bool,
    /// In the order of the `m=` line.
    order: Vec<u8>,
    /// Encoding name in lower case, clock rate.
    maps: BTreeMap<u8, (String, u32)>,
    /// It wants to hear us.
    takes: bool,
    /// It speaks to us.
    sends: bool,
    ptime_ms: u32,
    encrypts: bool,
    /// Tag, key and salt.
    crypto: Option<(u32, [u8; 30])>,
}

impl Peer {
    fn read(session: &Session, at: usize) -> Result<Peer, SdpError> {
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

    fn is_codec(&self, payload: u8, codec: Codec) -> bool {
        self.order.contains(&payload)
            && self.maps.get(&payload).is_some_and(|(name, clock)| name.eq_ignore_ascii_case(codec.name()) && *clock == codec.clock_hz())
    }

    fn payload_of(&self, codec: Codec) -> Option<u8> {
        self.order.iter().copied().find(|payload| self.is_codec(*payload, codec))
    }

    /// The telephone-event of the codec's clock rate, or of another where there is no other (some phones offer Opus with 8000 only),
    /// and its clock rate.
    fn event_for(&self, codec: Codec) -> Option<(u8, u32)> {
        let is_event = |payload: &u8| self.maps.get(payload).is_some_and(|(name, _)| name == "telephone-event");
        let events = || self.order.iter().copied().filter(is_event).map(|payload| (payload, self.maps[&payload].1));
        events().find(|(_, clock)| *clock == event_clock(codec)).or_else(|| events().find(|(_, clock)| EVENT_CLOCKS_HZ.contains(clock)))
    }

    fn no_codec(&self) -> SdpError {
        let names: Vec<&str> = self.order.iter().map(|payload| self.maps.get(payload).map_or("?", |(name, _)| name.as_str())).collect();
        SdpError::NoCodec(if names.is_empty() { "none".into() } else { names.join(", ") })
    }

    fn plan(
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
            comfort_noise: self.order.contains(&13),
            sends: self.takes,
            receives: self.sends && !holds,
            ptime_ms: self.ptime_ms,
            srtp,
        }
    }
}

fn parse(text: &[u8]) -> Result<Session, SdpError> {
    if text.len() > MAX_LENGTH {
        return Err(SdpError::Malformed(format!("{} octets are too many", text.len())));
    }
    Session::parse(text).map_err(|error| SdpError::Malformed(error.to_string()))
}

/// The first audio stream that could be used.
fn usable(session: &Session) -> Result<usize, SdpError> {
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

fn crypto(tag: u32, key: &[u8; 30]) -> Attribute {
    Attribute::with_value("crypto", format!("{tag} {SUITE} inline:{}", BASE64_STANDARD.encode(key)))
}

fn our_payload(codec: Codec) -> u8 {
    codec.static_payload().unwrap_or(OPUS)
}

fn event_clock(codec: Codec) -> u32 {
    codec.clock_hz()
}

fn rtpmap(codec: Codec) -> String {
    let channels = if codec == Codec::Opus { "/2" } else { "" };
    format!("{}/{}{channels}", codec.name(), codec.clock_hz())
}

fn fmtp(codec: Codec) -> Option<String> {
    (codec == Codec::Opus).then(|| "useinbandfec=1;maxplaybackrate=16000;sprop-maxcapturerate=16000".to_owned())
}

/// RFC 3264, 6: a stream that is not wanted has port 0 in the answer.
fn rejected(media: &Media) -> Media {
    Media { port: 0, attributes: Vec::new(), connections: Vec::new(), bandwidths: Vec::new(), key: None, ..media.clone() }
}

fn write(terms: &Terms, medias: Vec<Media>) -> Vec<u8> {
    let origin = Origin::with_ip_addr(terms.session.to_string(), terms.version, terms.local.ip());
    let mut session = Session::new(origin, "-");
    session.connection = Some(Connection::from_ip_addr(terms.local.ip()));
    session.times.push(Time::new(0, 0));
    session.medias = medias;
    let mut text = Vec::new();
    session.write(&mut text).expect("writing into memory does not fail");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(codecs: &[Codec], srtp: Encryption) -> Terms {
        Terms { local: ([192, 0, 2, 1], 40_000).into(), session: 7, version: 1, codecs: codecs.to_vec(), srtp, key: [7; 30], holds: false }
    }

    fn described(lines: &str) -> Vec<u8> {
        format!("v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n{}", lines.replace('\n', "\r\n")).into_bytes()
    }

    #[test]
    fn our_offer_and_answer_agree_with_each_other() {
        for srtp in [Encryption::Off, Encryption::Required] {
            for codec in [Codec::Pcmu, Codec::Pcma, Codec::G722, Codec::Opus] {
                let caller = terms(&[codec], srtp);
                let callee = Terms {
                    local: ([192, 0, 2, 2], 50_000).into(),
                    key: [9; 30],
                    ..terms(&[Codec::Pcma, Codec::Opus, Codec::G722, Codec::Pcmu], srtp)
                };
                let (text, theirs) = answer(&callee, &offer(&caller)).unwrap_or_else(|error| panic!("{codec:?}: {error}"));
                let ours = accept(&caller, &text).unwrap_or_else(|error| panic!("{codec:?}: {error}"));
                assert_eq!((ours.codec, theirs.codec), (codec, codec));
                assert_eq!((ours.payload, ours.payload_in), (theirs.payload_in, theirs.payload));
                assert_eq!(ours.event_payload, theirs.event_payload_in);
                assert!(ours.event_payload.is_some() && ours.sends && ours.receives);
                assert_eq!(ours.remote, SocketAddr::from(([192, 0, 2, 2], 50_000)));
                assert_eq!(theirs.remote_rtcp.port(), 40_001);
                match (srtp, ours.srtp, theirs.srtp) {
                    (Encryption::Required, Some(ours), Some(theirs)) => assert_eq!((ours.ours, ours.theirs), (theirs.theirs, theirs.ours)),
                    (_, ours, theirs) => assert!(ours.is_none() && theirs.is_none()),
                }
            }
        }
    }

    #[test]
    fn hold_is_answered_as_it_was_asked() {
        for (said, direction, sends, receives) in [
            ("a=sendrecv\n", "sendrecv", true, true),
            ("", "sendrecv", true, true),
            ("a=sendonly\n", "recvonly", false, true),
            ("a=recvonly\n", "sendonly", true, false),
            ("a=inactive\n", "inactive", false, false),
            ("c=IN IP4 0.0.0.0\n", "recvonly", false, true),
        ] {
            let (text, plan) = answer(&terms(&[Codec::Pcmu], Encryption::Off), &described(&format!("m=audio 4000 RTP/AVP 0\n{said}"))).expect(said);
            assert!(String::from_utf8_lossy(&text).contains(&format!("a={direction}\r\n")), "{said}");
            assert_eq!((plan.sends, plan.receives), (sends, receives), "{said}");
        }
    }

    #[test]
    fn streams_that_are_not_wanted_keep_their_place_with_port_0() {
        let offer = described("m=video 5000 RTP/AVP 96\nm=audio 4000 RTP/AVP 0 101\na=rtpmap:101 telephone-event/8000\nm=audio 4002 RTP/AVP 8\n");
        let (text, plan) = answer(&terms(&[Codec::Pcma, Codec::Pcmu], Encryption::Off), &offer).expect("usable");
        let text = String::from_utf8_lossy(&text).into_owned();
        let medias: Vec<&str> = text.lines().filter(|line| line.starts_with("m=")).collect();
        assert_eq!(medias, ["m=video 0 RTP/AVP 96", "m=audio 40000 RTP/AVP 0 101", "m=audio 0 RTP/AVP 8"]);
        assert_eq!((plan.codec, plan.event_payload), (Codec::Pcmu, Some(101)));
    }

    #[test]
    fn dynamic_payload_types_are_those_of_the_peer() {
        let offer = described(
            "m=audio 4000 RTP/AVP 96 97 98\na=rtpmap:96 opus/48000/2\na=rtpmap:97 PCMU/8000\na=rtpmap:98 telephone-event/48000\na=ptime:40\n",
        );
        let (_, plan) = answer(&terms(&[Codec::Opus, Codec::Pcmu], Encryption::Off), &offer).expect("usable");
        assert_eq!((plan.codec, plan.payload, plan.event_payload, plan.ptime_ms), (Codec::Opus, 96, Some(98), 40));
        assert_eq!(plan.event_clock_hz, 48_000);
    }

    #[test]
    fn keys_keep_the_clock_that_the_peer_gave_them_whatever_the_codecs_is() {
        let lines = "m=audio 4000 RTP/AVP 96 101\na=rtpmap:96 opus/48000/2\na=rtpmap:101 telephone-event/8000\n";
        let (text, plan) = answer(&terms(&[Codec::Opus], Encryption::Off), &described(lines)).expect("usable");
        assert!(String::from_utf8_lossy(&text).contains("a=rtpmap:101 telephone-event/8000\r\n"));
        assert_eq!((plan.event_payload, plan.event_payload_in, plan.event_clock_hz), (Some(101), Some(101), 8_000));
        let asked = terms(&[Codec::Opus, Codec::Pcmu], Encryption::Off);
        let plan = accept(&asked, &described(&lines.replace("96", "111").replace("101", "97"))).expect("usable");
        assert_eq!((plan.event_payload, plan.event_payload_in, plan.event_clock_hz), (Some(97), Some(101), 8_000));
        let odd = lines.replace("event/8000", "event/4000000000");
        let (_, plan) = answer(&terms(&[Codec::Opus], Encryption::Off), &described(&odd)).expect("usable");
        assert_eq!((plan.event_payload, plan.event_clock_hz), (None, 48_000));
    }

    #[test]
    fn what_can_not_be_used_is_said() {
        let audio = |rest: &str| described(&format!("m=audio 4000 {rest}"));
        let cases: Vec<(Vec<u8>, &str)> = vec![
            (b"".to_vec(), "malformed"),
            (b"hello".to_vec(), "malformed"),
            (b"v=1\r\n".to_vec(), "malformed"),
            (vec![0xff; 100], "malformed"),
            (vec![b'v'; MAX_LENGTH + 1], "too many"),
            (described(""), "no m=audio line"),
            (described("m=video 1 RTP/AVP 0\n"), "no m=audio line"),
            (described("m=audio 0 RTP/AVP 0\n"), "port is 0"),
            (described("m=audio 70000 RTP/AVP 0\n"), "malformed"),
            (described("m=audio x RTP/AVP 0\n"), "malformed"),
            (described("m=audio\n"), "malformed"),
            (audio("TCP/MRCPv2 0\n"), "no RTP"),
            (audio("RTP/AVP 18\n"), "no codec in common; the peer has ?"),
            (audio("RTP/AVP 3 18\na=rtpmap:3 GSM/8000\na=rtpmap:18 G729/8000\n"), "gsm, g729"),
            (audio("RTP/AVP\n"), "malformed"),
            (audio("RTP/AVP 300 -1 x\n"), "no codec"),
            (audio("RTP/AVP 0\nc=IN IP4 host.invalid\n"), "no address"),
            (audio("RTP/AVP 0\nc=IN IP4 224.0.0.1\n"), "no address"),
            (audio("RTP/AVP 0\nc=IN IP4 999.1.1.1\n"), "no address"),
            (audio("RTP/AVP 0\na=rtpmap:0 PCMU/16000\n"), "no codec"),
            (audio("RTP/SAVP 0\n"), "insists"),
            (b"v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n".to_vec(), "no c= line"),
        ];
        for (offer, says) in cases {
            let error = answer(&terms(&[Codec::Pcmu], Encryption::Off), &offer).expect_err(says).to_string();
            assert!(error.contains(says), "{error:?} does not say {says:?}");
        }
    }

    #[test]
    fn encryption_is_agreed_on_or_refused() {
        let key = BASE64_STANDARD.encode([5; 30]);
        let crypto = |rest: &str| described(&format!("m=audio 4000 RTP/SAVP 0\na=crypto:{rest}\n"));
        let taken = |offer: Vec<u8>, srtp| answer(&terms(&[Codec::Pcmu], srtp), &offer);
        let (text, plan) = taken(crypto(&format!("3 {SUITE} inline:{key}|2^31")), Encryption::Optional).expect("a key");
        assert!(String::from_utf8_lossy(&text).contains("a=crypto:3 AES_CM_128_HMAC_SHA1_80"));
        assert_eq!(plan.srtp.map(|keys| keys.theirs), Some([5; 30]));
        for bad in [
            format!("1 AES_256_CM_HMAC_SHA1_80 inline:{key}"),
            format!("1 {SUITE} inline:AAAA"),
            format!("1 {SUITE}"),
            format!("x {SUITE} inline:{key}"),
            format!("1 {SUITE} inline:{key}|1:4"),
        ] {
            assert!(taken(crypto(&bad), Encryption::Required).is_err(), "{bad}");
        }
        assert!(taken(described("m=audio 4000 RTP/AVP 0\n"), Encryption::Required).is_err());
        assert!(taken(described("m=audio 4000 RTP/AVP 0\n"), Encryption::Optional).is_ok_and(|(_, plan)| plan.srtp.is_none()));
    }
}
