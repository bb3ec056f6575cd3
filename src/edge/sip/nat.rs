//! Peers behind NAT, over UDP: the address that they write leads nowhere, so they are answered where they were heard from.
//!
//! Requests within a call go to the peer's Contact (RFC 3261, 12.2.1.1), and so does the ACK of its 200. [`Hidden::shown`]
//! writes the address that a message came from into the Contact of who is certainly behind NAT: a caller whose request passed
//! no proxy and names another address in Via and Contact, and a phone that registered so; what they answer, too. Where proxies
//! record their route, requests take it, and nothing is written. A stream needs none of this: it is gone back on.

use std::collections::{BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};

use parking_lot::Mutex;
use rsipstack::sip::{Header, Headers, Method, SipMessage, Transport};
use rsipstack::transport::SipAddr;

use super::params::{NameAddr, sent_by, split, user};
use super::peer::named;

/// Statuses whose Contact says where the peer is; that of a redirection says where others are.
const ANSWERS: std::ops::Range<u16> = 101..300;

/// Callers who are remembered at most; beyond that the first is forgotten.
const MAX_CALLERS: usize = 16_384;

/// Where peers are heard from whose Contact leads nowhere.
#[derive(Debug, Default)]
pub(super) struct Hidden {
    /// Phones that registered.
    phones: Mutex<BTreeSet<SocketAddr>>,
    callers: Mutex<Callers>,
}

#[derive(Debug, Default)]
struct Callers {
    known: BTreeSet<SocketAddr>,
    in_order: VecDeque<SocketAddr>,
}

impl Callers {
    fn remember(&mut self, caller: SocketAddr) {
        if !self.known.insert(caller) {
            return;
        }
        self.in_order.push_back(caller);
        if self.in_order.len() > MAX_CALLERS
            && let Some(first) = self.in_order.pop_front()
        {
            self.known.remove(&first);
        }
    }
}

impl Hidden {
    /// These phones, and no others, from now on.
    pub fn are(&self, phones: BTreeSet<SocketAddr>) {
        *self.phones.lock() = phones;
    }

    /// All phones.
    pub fn phones(&self) -> Vec<SocketAddr> {
        self.phones.lock().iter().copied().collect()
    }

    fn knows(&self, source: SocketAddr) -> bool {
        self.phones.lock().contains(&source) || self.callers.lock().known.contains(&source)
    }

    /// A message as it would have been without NAT.
    pub fn shown(&self, mut message: SipMessage, from: Option<&SipAddr>) -> SipMessage {
        let from = from.filter(|from| from.r#type == Some(Transport::Udp)).and_then(|from| from.get_socketaddr().ok());
        let Some(source) = from.map(canonical) else { return message };
        let is_hidden = |host: IpAddr| host != source.ip();
        match &mut message {
            SipMessage::Request(request) if request.method != Method::Register => {
                let sender = sender(&request.headers).filter(|sender| is_hidden(*sender));
                if show(&mut request.headers, source, |host| sender == Some(host)) {
                    self.callers.lock().remember(source);
                }
            }
            SipMessage::Response(response) if ANSWERS.contains(&response.status_code.code()) && self.knows(source) => {
                show(&mut response.headers, source, is_hidden);
            }
            SipMessage::Request(_) | SipMessage::Response(_) => {}
        }
        message
    }
}

/// Writes the source in place of hosts that are hidden; true if there was one.
fn show(headers: &mut Headers, source: SocketAddr, is_hidden: impl Fn(IpAddr) -> bool) -> bool {
    if named(headers, "record-route").next().is_some() {
        return false;
    }
    let mut is_any = false;
    for header in headers.iter_mut() {
        let Header::Contact(value) = header else { continue };
        let written = value.value().to_owned();
        let Some(uri) = NameAddr::parse(&written).map(|contact| contact.uri) else { continue };
        if host_of(uri).and_then(ip_of).is_some_and(&is_hidden)
            && let Some(shown) = at(uri, source, "udp")
        {
            *header = Header::Contact(written.replacen(uri, &shown, 1).into());
            is_any = true;
        }
    }
    is_any
}

/// The address that the sender of a request takes for its own; `None` if a proxy passed it on.
fn sender(headers: &Headers) -> Option<IpAddr> {
    let vias: Vec<&str> = named(headers, "via").flat_map(|via| split(via, ',')).collect();
    let [via] = vias[..] else { return None };
    ip_of(sent_by(via)?)
}

/// Where a phone is dialled that registered this contact from there, and where it is hidden if its own address leads nowhere: then
/// the source counts (RFC 3581 for requests). Over a stream it always does, for its phone listens on no other.
pub(super) fn target(uri: &str, source: SocketAddr, transport: &str) -> Option<(String, Option<SocketAddr>)> {
    if !transport.eq_ignore_ascii_case("udp") {
        return Some((at(uri, source, transport)?, None));
    }
    let host = host_of(uri)?;
    if ip_of(host) == Some(canonical(source).ip()) {
        return Some((with_host(uri, host, transport)?, None));
    }
    Some((at(uri, source, transport)?, Some(canonical(source))))
}

/// A `sip:` URI at another address.
fn at(uri: &str, source: SocketAddr, transport: &str) -> Option<String> {
    with_host(uri, &canonical(source).to_string(), transport)
}

fn with_host(uri: &str, host: &str, transport: &str) -> Option<String> {
    let (scheme, rest) = uri.split_once(':')?;
    if !scheme.eq_ignore_ascii_case("sip") {
        return None;
    }
    let rest = rest.split('?').next()?;
    let (address, params) = rest.split_once(';').unwrap_or((rest, ""));
    let user = match address.rsplit_once('@') {
        Some((written, _)) => {
            user(uri)?;
            format!("{}@", written.split(':').next()?)
        }
        None => String::new(),
    };
    let kept = params.split(';').filter(|param| !param.is_empty() && !param.to_ascii_lowercase().starts_with("transport="));
    let kept: String = kept.map(|param| format!(";{param}")).collect();
    let is_stream = !transport.eq_ignore_ascii_case("udp");
    let transport = if is_stream { format!(";transport={}", transport.to_ascii_lowercase()) } else { String::new() };
    let target = format!("sip:{user}{host}{kept}{transport}");
    rsipstack::sip::parse_uri(&target).is_ok().then_some(target)
}

/// Host and port of a URI, as written.
fn host_of(uri: &str) -> Option<&str> {
    let (_, rest) = uri.split_once(':')?;
    let address = rest.split(['?', ';']).next()?;
    Some(address.rsplit_once('@').map_or(address, |(_, host)| host))
}

/// The address of `192.0.2.7:5060`, `[2001:db8::1]` and the like; `None` for a name.
fn ip_of(host: &str) -> Option<IpAddr> {
    let bare = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next()?,
        None => host.split(':').next()?,
    };
    bare.parse().ok().map(|ip: IpAddr| ip.to_canonical())
}

fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: ([u8; 4], u16) = ([192, 0, 2, 7], 40_001);

    fn contact(start: &str, headers: &str, transport: Transport) -> String {
        let hidden = Hidden::default();
        hidden.are(BTreeSet::from([SOURCE.into()]));
        let text =
            format!("{start}\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\n{headers}Content-Length: 0\r\n\r\n");
        let from = SipAddr { r#type: Some(transport), ..SipAddr::from(SocketAddr::from(SOURCE)) };
        let shown = hidden.shown(SipMessage::try_from(text.as_str()).expect("well formed"), Some(&from));
        shown.to_string().lines().find_map(|line| line.strip_prefix("Contact: ")).unwrap_or_default().to_owned()
    }

    #[test]
    fn a_caller_who_is_certainly_behind_nat_is_answered_where_they_were_heard_from() {
        let via = |hosts: &str| hosts.split(' ').map(|host| format!("Via: SIP/2.0/UDP {host};branch=z9hG4bK1;rport\r\n")).collect::<String>();
        let private = "Contact: \"Dana\" <sip:dana@10.0.0.3:5062;ob>;+sip.instance=\"x\"\r\n";
        let as_it_was = "\"Dana\" <sip:dana@10.0.0.3:5062;ob>;+sip.instance=\"x\"";
        let cases = [
            (via("10.0.0.3:5062"), private, "\"Dana\" <sip:dana@192.0.2.7:40001;ob>;+sip.instance=\"x\""),
            // A proxy passed it on, and could be asked to record its route.
            (via("192.0.2.7 10.0.0.3:5062"), private, as_it_was),
            (via("10.0.0.3:5062") + "Record-Route: <sip:192.0.2.7;lr>\r\n", private, as_it_was),
            // It knows where it is heard, and wants to be called elsewhere.
            (via("192.0.2.7"), private, as_it_was),
            (via("10.0.0.9"), private, as_it_was),
            (via("phone.example.com"), private, as_it_was),
            (via("10.0.0.3"), "Contact: <sip:dana@example.com>\r\n", "<sip:dana@example.com>"),
            (via("[2001:db8::1]:5060"), "Contact: <sip:[2001:db8::1]>\r\n", "<sip:192.0.2.7:40001>"),
            (via("10.0.0.3"), "Contact: <tel:+4930123>\r\n", "<tel:+4930123>"),
        ];
        for (via, written, shown) in cases {
            assert_eq!(contact("INVITE sip:c@d SIP/2.0", &(via + written), Transport::Udp), shown);
        }
        let hidden = via("10.0.0.3:5062") + private;
        assert_eq!(contact("INVITE sip:c@d SIP/2.0", &hidden, Transport::Tcp), as_it_was, "a stream is gone back on");
        assert_eq!(
            contact("REGISTER sip:d SIP/2.0", &hidden.replace("INVITE", "REGISTER"), Transport::Udp),
            as_it_was,
            "the registrar keeps what it wrote"
        );
    }

    #[test]
    fn callers_are_remembered_within_bounds() {
        let mut callers = Callers::default();
        for n in 0..MAX_CALLERS as u32 + 2 {
            let caller = SocketAddr::from((std::net::Ipv4Addr::from_bits(n), 5_060));
            callers.remember(caller);
            callers.remember(caller);
        }
        assert_eq!((callers.known.len(), callers.in_order.len()), (MAX_CALLERS, MAX_CALLERS));
        assert!(
            !callers.known.contains(&SocketAddr::from(([0, 0, 0, 1], 5_060))) && callers.known.contains(&SocketAddr::from(([0, 0, 0, 2], 5_060)))
        );
    }

    #[test]
    fn a_phone_that_registered_from_behind_nat_is_acknowledged_there() {
        let headers = "Via: SIP/2.0/UDP 198.51.100.1;branch=z9hG4bK1\r\nContact: <sip:anna@10.0.0.3>\r\n";
        for (status, shown) in
            [("180 Ringing", "<sip:anna@192.0.2.7:40001>"), ("200 OK", "<sip:anna@192.0.2.7:40001>"), ("302 Moved", "<sip:anna@10.0.0.3>")]
        {
            assert_eq!(contact(&format!("SIP/2.0 {status}"), headers, Transport::Udp), shown);
        }
        let routed = format!("Record-Route: <sip:198.51.100.9;lr>\r\n{headers}");
        assert_eq!(contact("SIP/2.0 200 OK", &routed, Transport::Udp), "<sip:anna@10.0.0.3>");
        let stranger = Hidden::default();
        let text = format!("SIP/2.0 200 OK\r\n{headers}From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\n\r\n");
        let message = SipMessage::try_from(text.as_str()).expect("well formed");
        let from = SipAddr { r#type: Some(Transport::Udp), ..SipAddr::from(SocketAddr::from(SOURCE)) };
        assert_eq!(stranger.shown(message.clone(), Some(&from)).to_string(), message.to_string(), "it may be a proxy that records no route");
    }
}
