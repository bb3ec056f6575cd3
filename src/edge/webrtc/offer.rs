//! A browser's offer, as far as it concerns us, and the last touch on our answer.
//!
//! The library negotiates; what is here decides beforehand which one codec that is about, and afterwards at which
//! address we are found: the library does not know that all lines share one port.

use std::net::SocketAddr;

use sdp_types::{Media, Session};

use crate::sound::codec::Codec;

/// An offer is never longer; browsers write some 3,000 octets for a line with sound only.
const MAX_OCTETS: usize = 64 * 1_024;
/// The priority of a host candidate (RFC 8445, 5.1.2.1), less for each further address.
const HOST_PRIORITY: u32 = 2_130_706_431;
/// Payload types that may be negotiated (RFC 3551, 6; 64 to 95 collide with RTCP, RFC 5761, 4).
const MAX_PAYLOAD: u8 = 127;

/// Why an offer can't be answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OfferError {
    /// It is too long to be one.
    #[error("the offer has {0} octets; at most {MAX_OCTETS} are read")]
    TooLong(usize),
    /// It is no SDP.
    #[error("the offer is no SDP: {0}")]
    Malformed(String),
    /// It lacks something without which there is no line.
    #[error("the offer has no {0}")]
    Lacks(&'static str),
    /// There is no codec that both sides have.
    #[error("the offer has none of our codecs; it has {0}")]
    NoCodec(String),
}

/// What of an offer matters to us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The codec that the line uses.
    pub codec: Codec,
    /// Its payload type, both ways.
    pub payload: u8,
    /// The payload type of telephone-event (RFC 4733) with its clock rate: that of the codec, where there is a choice.
    pub event: Option<(u8, u32)>,
    /// The fingerprint of the browser's certificate (RFC 8122), by which one connection is known from another of the same browser.
    pub certificate: String,
}

/// A payload type and what `a=rtpmap` says of it: name, clock and channels.
type Mapped<'a> = (u8, &'a str, u32);

impl Offer {
    /// Reads an offer; `codecs` are ours, the preferred one first.
    ///
    /// # Errors
    /// What is missing or wrong, in a sentence for whoever wrote the page.
    pub fn read(text: &str, codecs: &[Codec]) -> Result<Offer, OfferError> {
        if text.len() > MAX_OCTETS {
            return Err(OfferError::TooLong(text.len()));
        }
        let session = Session::parse(text.as_bytes()).map_err(|error| OfferError::Malformed(error.to_string()))?;
        let audio = session.medias.iter().find(|media| media.media == "audio" && media.port != 0).ok_or(OfferError::Lacks("audio"))?;
        if !audio.proto.contains("RTP/SAVP") {
            return Err(OfferError::Lacks("encrypted audio (UDP/TLS/RTP/SAVPF)"));
        }
        for (name, what) in [("ice-ufrag", "ICE user (a=ice-ufrag)"), ("ice-pwd", "ICE password (a=ice-pwd)"), ("fingerprint", "DTLS fingerprint")] {
            if attribute(&session, audio, name).is_none_or(str::is_empty) {
                return Err(OfferError::Lacks(what));
            }
        }
        let certificate = attribute(&session, audio, "fingerprint").map(|value| value.trim().to_ascii_lowercase()).unwrap_or_default();
        let mapped = mapped(audio);
        let (codec, payload) = codecs
            .iter()
            .find_map(|codec| payload_of(*codec, &mapped).map(|payload| (*codec, payload)))
            .ok_or_else(|| OfferError::NoCodec(mapped.iter().map(|(_, name, _)| *name).collect::<Vec<_>>().join(", ")))?;
        let events = mapped.iter().filter(|(_, name, _)| name.eq_ignore_ascii_case("telephone-event"));
        let event = events.min_by_key(|(_, _, clock)| *clock != codec.clock_hz()).map(|(payload, _, clock)| (*payload, *clock));
        Ok(Offer { codec, payload, event, certificate })
    }

    /// The same offer with nothing in its audio but what we take: the library tells two types of keys not apart.
    pub fn reduced(&self, text: &str) -> String {
        let is_taken =
            |payload: &str| payload.parse().is_ok_and(|payload: u8| payload == self.payload || self.event.is_some_and(|(event, _)| event == payload));
        let mut is_audio = false;
        let mut reduced = String::with_capacity(text.len());
        for line in text.lines() {
            if let Some(media) = line.strip_prefix("m=") {
                is_audio = media.starts_with("audio ");
                let mut parts = media.splitn(4, ' ');
                if let (true, Some(kind), Some(port), Some(protocol), Some(types)) =
                    (is_audio, parts.next(), parts.next(), parts.next(), parts.next())
                {
                    let types = types.split_ascii_whitespace().filter(|payload| is_taken(payload)).fold(String::new(), |all, one| all + " " + one);
                    reduced += &format!("m={kind} {port} {protocol}{types}\r\n");
                    continue;
                }
            }
            let of = ["a=rtpmap:", "a=fmtp:", "a=rtcp-fb:"].iter().find_map(|name| line.strip_prefix(name));
            let payload = of.and_then(|of| of.split_ascii_whitespace().next());
            if !is_audio || payload.is_none_or(|payload| is_taken(payload) || payload == "*") {
                reduced += line;
                reduced += "\r\n";
            }
        }
        reduced
    }
}

/// Our answer with our candidates in place of the library's, complete, so that nothing has to trickle.
pub(super) fn with_candidates(answer: &str, addresses: &[SocketAddr]) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut is_first_media = false;
    let mut medias = 0;
    let candidates = || {
        addresses.iter().enumerate().map(|(n, address)| {
            let priority = HOST_PRIORITY - n as u32 * 256;
            format!("a=candidate:{} 1 udp {priority} {} {} typ host", n + 1, address.ip(), address.port())
        })
    };
    for line in answer.lines().filter(|line| !line.starts_with("a=candidate:") && !line.starts_with("a=end-of-candidates")) {
        if line.starts_with("m=") {
            if is_first_media {
                lines.extend(candidates());
                lines.push("a=end-of-candidates".into());
            }
            medias += 1;
            is_first_media = medias == 1;
        }
        lines.push(line.to_owned());
    }
    if is_first_media {
        lines.extend(candidates());
        lines.push("a=end-of-candidates".into());
    }
    lines.iter().flat_map(|line| [line.as_str(), "\r\n"]).collect()
}

/// By which the answerer is addressed in connectivity checks (RFC 8445, 7.2.2).
pub(super) fn ufrag(description: &str) -> Option<&str> {
    description.lines().find_map(|line| line.strip_prefix("a=ice-ufrag:")).map(str::trim)
}

fn attribute<'a>(session: &'a Session, media: &'a Media, name: &'a str) -> Option<&'a str> {
    let own = media.get_first_attribute_value(name).flatten();
    own.or_else(|| session.get_first_attribute_value(name).flatten())
}

fn mapped(media: &Media) -> Vec<Mapped<'_>> {
    let offered = |payload: u8| media.fmt.split_ascii_whitespace().any(|fmt| fmt.parse() == Ok(payload));
    let named = media.attributes.iter().filter(|attribute| attribute.attribute == "rtpmap").filter_map(|attribute| {
        let (payload, map) = attribute.value.as_deref()?.split_once(' ')?;
        let mut parts = map.trim().split('/');
        let (name, clock) = (parts.next()?, parts.next()?.parse().ok()?);
        let payload = payload.parse().ok().filter(|payload| *payload <= MAX_PAYLOAD && offered(*payload))?;
        Some((payload, name, clock))
    });
    let mut mapped: Vec<Mapped<'_>> = named.collect();
    // RFC 3551, 6: these need no `a=rtpmap`.
    for (payload, name) in [(0, "PCMU"), (8, "PCMA"), (13, "CN")] {
        if offered(payload) && !mapped.iter().any(|(known, ..)| *known == payload) {
            mapped.push((payload, name, 8_000));
        }
    }
    mapped
}

fn payload_of(codec: Codec, mapped: &[Mapped<'_>]) -> Option<u8> {
    let is_it = |(_, name, clock): &&Mapped<'_>| name.eq_ignore_ascii_case(codec.name()) && *clock == codec.clock_hz();
    mapped.iter().find(is_it).map(|(payload, ..)| *payload)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: [Codec; 3] = [Codec::Opus, Codec::Pcmu, Codec::Pcma];
    const HEAD: &str = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n";
    const KEYS: &str = "a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\na=fingerprint:sha-256 AA:BB\r\na=setup:actpass\r\na=mid:0\r\n";

    fn offer(media: &str) -> String {
        format!("{HEAD}{media}c=IN IP4 0.0.0.0\r\n{KEYS}")
    }

    #[test]
    fn browsers_are_understood_by_their_own_numbers() {
        let chrome = offer("m=audio 9 UDP/TLS/RTP/SAVPF 111 63 0 8 13 110 126\r\n")
            + "a=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\na=rtpmap:63 red/48000/2\r\na=rtpmap:0 PCMU/8000\r\n\
               a=rtpmap:8 PCMA/8000\r\na=rtpmap:13 CN/8000\r\na=rtpmap:126 telephone-event/8000\r\na=rtpmap:110 telephone-event/48000\r\n";
        let read = Offer::read(&chrome, &OURS).expect("Chrome's");
        let certificate = "sha-256 aa:bb".to_owned();
        assert_eq!(read, Offer { codec: Codec::Opus, payload: 111, event: Some((110, 48_000)), certificate: certificate.clone() });
        let read = Offer::read(&chrome, &[Codec::Pcma]).expect("Chrome's");
        assert_eq!(read, Offer { codec: Codec::Pcma, payload: 8, event: Some((126, 8_000)), certificate: certificate.clone() });
        let aiortc = offer("m=audio 9 UDP/TLS/RTP/SAVPF 96 0 8\r\n") + "a=rtpmap:96 opus/48000/2\r\n";
        assert_eq!(Offer::read(&aiortc, &OURS).map(|offer| offer.payload), Ok(96));
        assert_eq!(Offer::read(&aiortc, &[Codec::Pcmu]).map(|offer| (offer.payload, offer.event)), Ok((0, None)));
        let only = Offer { codec: Codec::Opus, payload: 111, event: Some((126, 8_000)), certificate }.reduced(&chrome);
        assert!(only.contains("m=audio 9 UDP/TLS/RTP/SAVPF 111 126\r\n") && only.contains("a=mid:0"), "{only}");
        let kept: Vec<&str> = only.lines().filter(|line| line.starts_with("a=rtpmap") || line.starts_with("a=fmtp")).collect();
        assert_eq!(kept, ["a=rtpmap:111 opus/48000/2", "a=fmtp:111 minptime=10;useinbandfec=1", "a=rtpmap:126 telephone-event/8000"]);
    }

    #[test]
    fn what_can_not_be_answered_is_said() {
        let whole = offer("m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n");
        for (text, says) in [
            (String::new(), "no SDP"),
            ("hello".into(), "no SDP"),
            ("\0\u{fffd}".into(), "no SDP"),
            (HEAD.into(), "no audio"),
            (offer("m=video 9 UDP/TLS/RTP/SAVPF 96\r\n"), "no audio"),
            (offer("m=audio 0 UDP/TLS/RTP/SAVPF 0\r\n"), "no audio"),
            (offer("m=audio 9 RTP/AVP 0\r\n"), "encrypted"),
            (whole.replace("a=ice-ufrag:abcd\r\n", ""), "ICE user"),
            (whole.replace("a=ice-pwd:0123456789012345678901\r\n", ""), "ICE password"),
            (whole.replace("a=fingerprint:sha-256 AA:BB\r\n", ""), "fingerprint"),
            (offer("m=audio 9 UDP/TLS/RTP/SAVPF 9\r\n") + "a=rtpmap:9 G722/8000\r\n", "it has G722"),
            (offer("m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n") + "a=rtpmap:200 opus/48000\r\na=rtpmap:111\r\na=rtpmap:111 opus\r\n", "none of our codecs"),
            (whole.clone() + &"a=x\r\n".repeat(20_000), "octets"),
        ] {
            let error = Offer::read(&text, &OURS).expect_err(&text);
            assert!(error.to_string().contains(says), "{error} instead of {says}");
        }
        assert!(Offer::read(&whole, &OURS).is_ok());
    }

    #[test]
    fn the_answer_names_our_port_once_and_says_that_this_is_all() {
        let library = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=ice-ufrag:xyz\r\na=candidate:1 1 udp 1 127.0.0.1 40000 typ host\r\na=end-of-candidates\r\nm=video 0 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\n";
        let ours = with_candidates(library, &["192.0.2.1:8189".parse().expect("address"), "192.0.2.2:8189".parse().expect("address")]);
        let expected = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=ice-ufrag:xyz\r\na=candidate:1 1 udp 2130706431 192.0.2.1 8189 typ host\r\n\
                        a=candidate:2 1 udp 2130706175 192.0.2.2 8189 typ host\r\na=end-of-candidates\r\nm=video 0 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\n";
        assert_eq!(ours, expected);
        assert_eq!(ufrag(&ours), Some("xyz"));
    }
}
