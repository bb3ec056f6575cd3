//! Offers and answers of one audio stream (RFC 3264, RFC 8866), with SRTP keys by SDES (RFC 4568).
//!
//! [`offer`] writes ours, [`answer`] answers a peer's, [`accept`] reads the answer to ours. What a peer offers beside one
//! audio stream is rejected line by line. What is *not* here: sockets, and who holds whom (the edge says it by [`Terms`]).

mod peer;

use std::net::SocketAddr;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sdp_types::{Attribute, Connection, Media, Origin, Session, Time};

use crate::edge::{MediaPlan, SrtpKeys};
use crate::sound::codec::Codec;
use crate::sound::rtp::comfort;
use peer::{Peer, parse, usable};

/// Payload type of Opus in our offers.
const OPUS: u8 = 111;
/// Payload types of telephone-event in our offers, by clock rate.
const EVENTS: [(u32, u8); 2] = [(8_000, 101), (48_000, 110)];
/// The only crypto suite that is taken (RFC 4568, 6.2).
const SUITE: &str = "AES_CM_128_HMAC_SHA1_80";
/// Clock of comfort noise (RFC 3389, 4), with the sound of which it goes.
const COMFORT_CLOCK: u32 = 8_000;
/// Packet time in ms, unless a peer asks for another.
const PTIME_MS: u32 = 20;

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
    let codecs = terms.codecs.iter().map(|codec| Format::codec(*codec, our_payload(*codec)));
    let comfort = terms.codecs.iter().any(|codec| has_comfort(*codec)).then(Format::comfort);
    let events = EVENTS.into_iter().filter(|(clock, _)| terms.codecs.iter().any(|codec| event_clock(*codec) == *clock));
    let formats = codecs.chain(comfort).chain(events.map(|(clock, payload)| Format::event(payload, clock)));
    let encrypts = terms.srtp == Encryption::Required;
    let mut media = Media {
        media: "audio".into(),
        port: terms.local.port(),
        num_ports: None,
        proto: if encrypts { "RTP/SAVP" } else { "RTP/AVP" }.into(),
        fmt: String::new(),
        media_title: None,
        connections: Vec::new(),
        bandwidths: Vec::new(),
        key: None,
        attributes: Vec::new(),
    };
    describe(&mut media, formats.collect());
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
    let comfort = peer.has_comfort(codec).then(Format::comfort);
    let events = event.map(|(payload, clock)| Format::event(payload, clock));
    describe(&mut ours, std::iter::once(Format::codec(codec, payload)).chain(comfort).chain(events).collect());
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

fn crypto(tag: u32, key: &[u8; 30]) -> Attribute {
    Attribute::with_value("crypto", format!("{tag} {SUITE} inline:{}", BASE64_STANDARD.encode(key)))
}

fn our_payload(codec: Codec) -> u8 {
    codec.static_payload().unwrap_or(OPUS)
}

fn event_clock(codec: Codec) -> u32 {
    codec.clock_hz()
}

/// Comfort noise is for codecs that have none of their own (RFC 3389, 1).
fn has_comfort(codec: Codec) -> bool {
    codec.clock_hz() == COMFORT_CLOCK
}

/// What a payload type means.
struct Format {
    payload: u8,
    rtpmap: String,
    fmtp: Option<&'static str>,
}

impl Format {
    fn codec(codec: Codec, payload: u8) -> Format {
        let (channels, fmtp) = match codec {
            Codec::Opus => ("/2", Some("useinbandfec=1;maxplaybackrate=16000;sprop-maxcapturerate=16000")),
            Codec::Pcmu | Codec::Pcma | Codec::G722 => ("", None),
        };
        Format { payload, rtpmap: format!("{}/{}{channels}", codec.name(), codec.clock_hz()), fmtp }
    }

    fn comfort() -> Format {
        Format { payload: comfort::PAYLOAD_TYPE, rtpmap: format!("CN/{COMFORT_CLOCK}"), fmtp: None }
    }

    fn event(payload: u8, clock: u32) -> Format {
        Format { payload, rtpmap: format!("telephone-event/{clock}"), fmtp: Some("0-16") }
    }
}

/// Takes these formats, and no others.
fn describe(media: &mut Media, formats: Vec<Format>) {
    media.fmt = formats.iter().map(|format| format.payload.to_string()).collect::<Vec<_>>().join(" ");
    for Format { payload, rtpmap, fmtp } in formats {
        media.add_attribute(Attribute::with_value("rtpmap", format!("{payload} {rtpmap}")));
        if let Some(fmtp) = fmtp {
            media.add_attribute(Attribute::with_value("fmtp", format!("{payload} {fmtp}")));
        }
    }
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
                assert_eq!((ours.comfort_noise, theirs.comfort_noise), (codec != Codec::Opus, codec != Codec::Opus));
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
    fn comfort_noise_is_for_those_who_offer_it_with_a_codec_that_has_none_of_its_own() {
        for (offered, codec, answered) in [("0 13 101", Codec::Pcmu, "0 13"), ("0", Codec::Pcmu, "0"), ("111 13", Codec::Opus, "111")] {
            let offer = described(&format!("m=audio 4000 RTP/AVP {offered}\na=rtpmap:111 opus/48000/2\n"));
            let (text, plan) = answer(&terms(&[codec], Encryption::Off), &offer).expect(offered);
            let text = String::from_utf8_lossy(&text).into_owned();
            assert!(text.contains(&format!("m=audio 40000 RTP/AVP {answered}\r\n")), "{text}");
            assert_eq!((plan.comfort_noise, text.contains("a=rtpmap:13 CN/8000\r\n")), (answered.ends_with("13"), answered.ends_with("13")));
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
            (vec![b'v'; peer::MAX_LENGTH + 1], "too many"),
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
