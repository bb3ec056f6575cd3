//! What comes in, looked at before the library sees it: whether it is SIP at all (RFC 3261, 7 and 25), written in the one way
//! that the library reads well (lines unfolded, names in full, the body as long as it says).
//!
//! What can't be understood is answered here, from whatever of it can be read (RFC 4475 shows what that may be). What is
//! *not* here: what a well-formed message means.

use std::net::SocketAddr;

use super::params::{first_bracket, is_token, split, unquoted};

/// Largest sequence number (RFC 3261, 8.1.1.5).
const MAX_SEQUENCE: u64 = (1 << 31) - 1;
/// Largest Max-Forwards (RFC 3261, 20.22).
const MAX_FORWARDS: u64 = 255;
/// Most header lines that are read.
const MAX_LINES: usize = 256;
/// SIP statuses (RFC 3261, 21).
const BAD_REQUEST: u16 = 400;
const UNSUPPORTED_SCHEME: u16 = 416;
const NOT_IMPLEMENTED: u16 = 501;
const VERSION_NOT_SUPPORTED: u16 = 505;
/// The tag of answers that no transaction stands behind; the same for the same request (RFC 3261, 8.2.7).
const TAG: &str = "segue-unread";

/// Methods that have been registered; of others nobody here has heard (RFC 3261, 21.5.2).
const METHODS: [&str; 14] =
    ["INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "REGISTER", "INFO", "UPDATE", "PRACK", "REFER", "NOTIFY", "SUBSCRIBE", "MESSAGE", "PUBLISH"];

/// What an answer repeats of its request (RFC 3261, 8.2.6.2).
const ECHOED: [&str; 5] = ["Via", "From", "To", "Call-ID", "CSeq"];

/// Names in their short form (RFC 3261, 7.3.3, and those registered later).
const SHORT: [(&str, &str); 14] = [
    ("v", "Via"),
    ("f", "From"),
    ("t", "To"),
    ("i", "Call-ID"),
    ("m", "Contact"),
    ("l", "Content-Length"),
    ("c", "Content-Type"),
    ("e", "Content-Encoding"),
    ("k", "Supported"),
    ("s", "Subject"),
    ("r", "Refer-To"),
    ("b", "Referred-By"),
    ("o", "Event"),
    ("x", "Session-Expires"),
];

/// What a datagram, or a message of a stream, is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wire {
    /// SIP, as the library reads it well.
    Message(Vec<u8>),
    /// Nothing but line ends, by which peers keep their way to us open.
    KeepAlive,
    /// What can't be understood.
    Bad(Bad),
}

/// A message that can't be understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bad {
    /// What is wrong with it.
    pub why: &'static str,
    /// How it is answered; not at all if it is an answer itself, an ACK, or nothing that could be answered.
    pub answer: Option<Vec<u8>>,
}

/// A status and what is wrong.
type Fault = (u16, &'static str);

/// Looks at what came from this address.
pub fn read(octets: &[u8], from: SocketAddr) -> Wire {
    let start = octets.iter().position(|octet| !matches!(octet, b'\r' | b'\n')).unwrap_or(octets.len());
    if octets[start..].iter().all(u8::is_ascii_whitespace) {
        return Wire::KeepAlive;
    }
    let Some(mut message) = Message::read(&octets[start..]) else {
        return Wire::Bad(Bad { why: "it is no SIP", answer: None });
    };
    let fault = if message.is_answer() { message.answers_fault() } else { message.asks_fault() };
    match fault.or_else(|| message.cut_body().err()) {
        None => Wire::Message(message.written()),
        Some((status, why)) => Wire::Bad(Bad { why, answer: message.refused(status, why, from) }),
    }
}

/// A well-formed request refused with this status and phrase.
pub fn refused(request: &[u8], (status, phrase): (u16, &str), from: SocketAddr) -> Option<Vec<u8>> {
    Message::read(request)?.refused(status, phrase, from)
}

struct Message<'a> {
    start: String,
    headers: Vec<(String, String)>,
    /// A line that is no header.
    is_odd: bool,
    body: &'a [u8],
}

impl<'a> Message<'a> {
    /// `None` if its first line is none of SIP, or its header does not end.
    fn read(octets: &'a [u8]) -> Option<Self> {
        let end = octets.windows(4).position(|four| four == b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(&octets[..end]);
        let mut lines = head.split("\r\n");
        let start = lines.next()?.to_owned();
        if !start.split([' ', '\t']).any(|word| word.get(..4).is_some_and(|begin| begin.eq_ignore_ascii_case("SIP/"))) {
            return None;
        }
        let mut message = Message { start, headers: Vec::new(), is_odd: false, body: &octets[end + 4..] };
        for line in lines {
            message.add(line);
        }
        Some(message)
    }

    fn add(&mut self, line: &str) {
        if line.starts_with([' ', '\t']) {
            match self.headers.last_mut() {
                Some((_, value)) => {
                    let space = if value.is_empty() { "" } else { " " };
                    *value += &format!("{space}{}", line.trim());
                }
                None => self.is_odd = true,
            }
            return;
        }
        let header = line.split_once(':').map(|(name, value)| (name.trim_end_matches([' ', '\t']), value.trim()));
        match header.filter(|(name, _)| is_token(name)) {
            Some((name, value)) if self.headers.len() < MAX_LINES => {
                // In quotes a control character may stand, behind a backslash (RFC 3261, 25.1): it means nothing to anybody.
                let value: String = if value.contains(char::is_control) { without_quoted_controls(value) } else { value.to_owned() };
                let full = SHORT.iter().find(|(short, _)| name.eq_ignore_ascii_case(short)).map_or(name, |(_, full)| full);
                self.headers.push((full.to_owned(), value));
            }
            _ => self.is_odd = true,
        }
    }

    fn is_answer(&self) -> bool {
        self.start.get(..4).is_some_and(|begin| begin.eq_ignore_ascii_case("SIP/"))
    }

    fn values<'b>(&'b self, name: &'b str) -> impl Iterator<Item = &'b str> {
        self.headers.iter().filter(move |(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    fn method(&self) -> &str {
        self.start.split([' ', '\t']).next().unwrap_or_default()
    }

    fn asks_fault(&self) -> Option<Fault> {
        let bad = |why| Some((BAD_REQUEST, why));
        let parts: Vec<&str> = self.start.split(' ').collect();
        let [method, uri, version] = parts[..] else { return bad("Malformed Request-Line") };
        if !is_token(method) {
            return bad("Malformed Method");
        }
        if !version.eq_ignore_ascii_case("SIP/2.0") {
            return Some((VERSION_NOT_SUPPORTED, "Version Not Supported"));
        }
        if let Some(fault) = self.common_fault().map(|why| (BAD_REQUEST, why)).or_else(|| uri_fault(uri)) {
            return Some(fault);
        }
        if !METHODS.contains(&method) {
            return Some((NOT_IMPLEMENTED, "Not Implemented"));
        }
        let sequence = self.values("cseq").next().unwrap_or_default();
        match sequence.split_once([' ', '\t']) {
            Some((number, named)) if named.trim() == method && is_number(number, MAX_SEQUENCE) => {}
            _ => return bad("Malformed CSeq"),
        }
        if self.values("max-forwards").any(|left| !is_number(left, MAX_FORWARDS)) {
            return bad("Malformed Max-Forwards");
        }
        if self.values("contact").flat_map(|value| split(value, ',')).any(|contact| contact != "*" && !is_address(contact)) {
            return bad("Malformed Contact");
        }
        None
    }

    fn answers_fault(&self) -> Option<Fault> {
        let mut parts = self.start.splitn(3, ' ');
        let version = parts.next().unwrap_or_default();
        let is_status = parts.next().is_some_and(|status| status.len() == 3 && is_number(status, 699) && !status.starts_with('0'));
        if !version.eq_ignore_ascii_case("SIP/2.0") || !is_status {
            return Some((BAD_REQUEST, "Malformed Status-Line"));
        }
        let sequence = self.values("cseq").next().unwrap_or_default();
        let is_sequence = sequence.split_once([' ', '\t']).is_some_and(|(number, _)| is_number(number, MAX_SEQUENCE));
        let why = self.common_fault().or_else(|| (!is_sequence).then_some("Malformed CSeq"));
        why.map(|why| (BAD_REQUEST, why))
    }

    /// What every message must have, and may have only once (RFC 3261, 8.1.1).
    fn common_fault(&self) -> Option<&'static str> {
        let has_control = |text: &str| text.chars().any(|c| c.is_control() && c != '\t');
        if self.is_odd || has_control(&self.start) || self.headers.iter().any(|(_, value)| has_control(value)) {
            return Some("Malformed Header Line");
        }
        for (name, why) in [
            ("from", "From Missing Or Twice"),
            ("to", "To Missing Or Twice"),
            ("cseq", "CSeq Missing Or Twice"),
            ("call-id", "Call-ID Missing Or Twice"),
        ] {
            if self.values(name).count() != 1 {
                return Some(why);
            }
        }
        for (name, why) in [("max-forwards", "Max-Forwards Twice"), ("content-length", "Content-Length Twice")] {
            if self.values(name).count() > 1 {
                return Some(why);
            }
        }
        if self.values("call-id").any(|id| id.is_empty() || id.contains(char::is_whitespace)) {
            return Some("Malformed Call-ID");
        }
        if !["from", "to"].into_iter().all(|name| self.values(name).all(is_address)) {
            return Some("Malformed From Or To");
        }
        let vias: Vec<&str> = self.values("via").flat_map(|value| split(value, ',')).collect();
        (vias.is_empty() || !vias.iter().all(|via| is_via(via))).then_some("Malformed Via")
    }

    /// What follows the body is none of it (RFC 3261, 18.3); a body that is shorter than it says is not whole.
    fn cut_body(&mut self) -> Result<(), Fault> {
        let Some(written) = self.values("content-length").next() else { return Ok(()) };
        let length = Some(written).filter(|written| is_number(written, u64::from(u32::MAX))).and_then(|written| written.parse::<usize>().ok());
        let length = length.ok_or((BAD_REQUEST, "Malformed Content-Length"))?;
        self.body = self.body.get(..length).ok_or((BAD_REQUEST, "Body Too Short"))?;
        Ok(())
    }

    fn written(&self) -> Vec<u8> {
        let mut head = format!("{}\r\n", self.start);
        for (name, value) in self.headers.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("content-length")) {
            let value = match name.to_ascii_lowercase().as_str() {
                "via" => squeezed(value),
                "from" | "to" => squeezed_behind(value),
                _ => value.clone(),
            };
            head += &format!("{name}: {value}\r\n");
        }
        head += &format!("Content-Length: {}\r\n\r\n", self.body.len());
        [head.as_bytes(), self.body].concat()
    }

    fn refused(&self, status: u16, why: &str, from: SocketAddr) -> Option<Vec<u8>> {
        if self.is_answer() || self.method() == "ACK" || self.values("via").next().is_none() {
            return None;
        }
        let mut text = format!("SIP/2.0 {status} {why}\r\n");
        let mut is_top = true;
        for (name, value) in &self.headers {
            let known = ECHOED.into_iter().find(|known| known.eq_ignore_ascii_case(name));
            let Some(name) = known.filter(|_| !value.chars().any(char::is_control)) else { continue };
            let value = match name {
                "Via" if is_top => received(value, from),
                "To" if !value.contains(";tag=") => format!("{value};tag={TAG}"),
                _ => value.clone(),
            };
            is_top &= name != "Via";
            text += &format!("{name}: {value}\r\n");
        }
        Some((text + "Content-Length: 0\r\n\r\n").into_bytes())
    }
}

fn without_quoted_controls(value: &str) -> String {
    let mut kept = String::with_capacity(value.len());
    let mut chars = value.chars().peekable();
    while let Some(c) = chars.next() {
        match chars.peek() {
            Some(next) if c == '\\' && next.is_control() && !matches!(next, '\r' | '\n') => drop(chars.next()),
            Some(next) if c == '\\' && !next.is_control() => {
                kept.push(c);
                kept.extend(chars.next());
            }
            _ => kept.push(c),
        }
    }
    kept
}

/// Whether this is a number in decimal digits, and not too large.
fn is_number(written: &str, most: u64) -> bool {
    !written.is_empty() && written.bytes().all(|b| b.is_ascii_digit()) && written.parse::<u64>().is_ok_and(|number| number <= most)
}

/// What a request may be for; anything but a SIP or telephone number is none of ours (RFC 3261, 8.2.2.1).
fn uri_fault(uri: &str) -> Option<Fault> {
    let (scheme, rest) = uri.split_once(':').unwrap_or_default();
    if !is_token(scheme) || rest.is_empty() {
        return Some((BAD_REQUEST, "Malformed Request-URI"));
    }
    match scheme.to_ascii_lowercase().as_str() {
        // Headers have no place in it (RFC 3261, 19.1.1, table 1).
        "sip" | "sips" if rest.rsplit('@').next().is_some_and(|host| host.contains('?')) => Some((BAD_REQUEST, "Headers In Request-URI")),
        "sip" | "sips" | "tel" => None,
        _ => Some((UNSUPPORTED_SCHEME, "Unsupported URI Scheme")),
    }
}

/// Whether this is a URI, with or without a name before it; parameters may follow, and each says something.
fn is_address(written: &str) -> bool {
    let (name, uri, rest) = match first_bracket(written) {
        Some(open) => match written[open..].find('>') {
            Some(length) => (&written[..open], &written[open + 1..open + length], &written[open + length + 1..]),
            None => return false,
        },
        None => {
            let (uri, rest) = written.split_once(';').map_or((written, ""), |(uri, _)| (uri, &written[uri.len()..]));
            // Without brackets headers of the URI, or of the message, could not be told apart (RFC 3261, 20.10).
            if uri.contains(['?', ',']) {
                return false;
            }
            ("", uri.trim_end(), rest)
        }
    };
    let name = name.trim();
    let is_name = if name.starts_with('"') { unquoted(name).is_some() } else { !name.contains(['"', ':']) };
    let is_uri = uri.split_once(':').is_some_and(|(scheme, rest)| is_token(scheme) && !rest.is_empty() && !rest.contains(char::is_whitespace));
    let rest = rest.trim();
    is_name && is_uri && (rest.is_empty() || rest.strip_prefix(';').is_some_and(|params| split(params, ';').iter().all(|param| !param.is_empty())))
}

/// Whether this says how a message came (RFC 3261, 20.42).
fn is_via(via: &str) -> bool {
    let via = squeezed(via);
    let mut pieces = split(&via, ';').into_iter();
    let sent = pieces.next().unwrap_or_default();
    let is_sent = sent.split_once(' ').is_some_and(|(protocol, by)| {
        let protocol: Vec<&str> = protocol.split('/').collect();
        protocol.len() == 3 && protocol.iter().all(|part| is_token(part)) && !by.is_empty() && !by.contains(char::is_whitespace)
    });
    is_sent && pieces.all(|param| !param.is_empty())
}

/// A Via without the spaces that may stand around its separators; what is in quotes stays.
fn squeezed(via: &str) -> String {
    let mut written = String::with_capacity(via.len());
    let (mut is_quoted, mut is_escaped) = (false, false);
    let mut space = false;
    for c in via.trim().chars() {
        if is_quoted {
            written.push(c);
            is_quoted = is_escaped || c != '"';
            is_escaped = !is_escaped && c == '\\';
        } else if c == ' ' || c == '\t' {
            space = true;
        } else {
            let is_apart = |c: char| matches!(c, '/' | ';' | '=' | ',' | ':');
            if space && !is_apart(c) && !written.ends_with(is_apart) {
                written.push(' ');
            }
            space = false;
            is_quoted = c == '"';
            written.push(c);
        }
    }
    written
}

/// An address whose parameters have no spaces.
fn squeezed_behind(address: &str) -> String {
    let start = first_bracket(address).and_then(|open| Some(open + address[open..].find('>')? + 1)).unwrap_or(0);
    format!("{}{}", &address[..start], squeezed(&address[start..]))
}

/// The topmost Via with where the request really came from, where that was asked for (RFC 3581, 4).
fn received(via: &str, from: SocketAddr) -> String {
    let asks = |piece: &&str| piece.trim().eq_ignore_ascii_case("rport");
    let Some(asked) = via.split(';').find(asks) else { return via.to_owned() };
    via.replacen(&format!(";{asked}"), &format!(";received={};rport={}", from.ip(), from.port()), 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from() -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 9], 5_070))
    }

    fn options(start: &str, headers: &str, body: &str) -> Wire {
        let rest = [
            ("Via:", "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1;rport"),
            ("From:", "From: <sip:a@b>;tag=1"),
            ("To:", "To: <sip:c@d>"),
            ("Call-ID:", "Call-ID: x"),
            ("CSeq:", "CSeq: 1 OPTIONS"),
        ];
        let rest: String = rest.iter().filter(|(name, _)| !headers.contains(name)).map(|(_, line)| format!("{line}\r\n")).collect();
        read(format!("{start}\r\n{headers}{rest}\r\n{body}").as_bytes(), from())
    }

    #[test]
    fn a_message_is_written_as_the_library_reads_it_well() {
        let odd = "\r\nOPTIONS sip:c@d SIP/2.0\r\nv  : SIP  / 2.0\r\n /UDP\r\n\t192.0.2.1 : 5060 ; branch = z9hG4bK1\r\nf: <sip:a@b>;tag=1\r\nTO :\r\n  <sip:c@d>\r\n\
                   i: x\r\nCSeq: 1\r\n  OPTIONS\r\nl: 2\r\n\r\nabcd";
        let expected = "OPTIONS sip:c@d SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTO: <sip:c@d>\r\nCall-ID: x\r\n\
                        CSeq: 1 OPTIONS\r\nContent-Length: 2\r\n\r\nab";
        let Wire::Message(written) = read(odd.as_bytes(), from()) else { panic!("it is well formed") };
        assert_eq!(String::from_utf8(written).expect("it was text"), expected);
    }

    #[test]
    fn what_is_wrong_is_found_and_answered() {
        let start = "OPTIONS sip:c@d SIP/2.0";
        for (start, headers, body, status) in [
            ("OPTIONS sip:c@d SIP/7.0", "", "", "505"),
            ("OPTIONS  sip:c@d SIP/2.0", "", "", "400"),
            ("OPTIONS sip:c@d SIP/2.0 ", "", "", "400"),
            ("OPTIONS <sip:c@d> SIP/2.0", "", "", "400"),
            ("OPTIONS sip:c@d?X=y SIP/2.0", "", "", "400"),
            ("OPTIONS soap.beep://c SIP/2.0", "", "", "416"),
            ("OPTIONS c SIP/2.0", "", "", "400"),
            ("SING sip:c@d SIP/2.0", "CSeq: 1 SING\r\n", "", "501"),
            (start, "CSeq: 1 INVITE\r\n", "", "400"),
            (start, "CSeq: 4294967296 OPTIONS\r\n", "", "400"),
            (start, "CSeq: -1 OPTIONS\r\n", "", "400"),
            (start, "Max-Forwards: 256\r\n", "", "400"),
            (start, "Max-Forwards: 1\r\nMax-Forwards: 2\r\n", "", "400"),
            (start, "To: \"open <sip:c@d>\r\n", "", "400"),
            (start, "To: <sip:c@d>\r\nt: <sip:c@d>\r\n", "", "400"),
            (start, "To: < sip:c@d>\r\n", "", "400"),
            (start, "Contact: sip:c@d?X=y\r\n", "", "400"),
            (start, "Contact: <sip:c@d>;;\r\n", "", "400"),
            (start, "Via: SIP/2.0/UDP 192.0.2.1;;,;\r\n", "", "400"),
            (start, "no header\r\n", "", "400"),
            (start, "X: a\u{0}b\r\n", "", "400"),
            (start, "Content-Length: 5\r\n", "four", "400"),
            (start, "Content-Length: -5\r\n", "four", "400"),
            (start, "Content-Length: 4\r\nl: 4\r\n", "four", "400"),
        ] {
            let Wire::Bad(Bad { answer: Some(answer), .. }) = options(start, headers, body) else { panic!("{start} {headers} is taken") };
            let answer = String::from_utf8(answer).expect("text");
            assert!(answer.starts_with(&format!("SIP/2.0 {status} ")) && answer.ends_with("\r\n\r\n"), "{start} {headers}: {answer}");
        }
    }

    #[test]
    fn an_answer_says_where_the_request_came_from_and_gives_it_a_tag() {
        let Wire::Bad(Bad { answer: Some(answer), why }) = options("OPTIONS sip:c@d SIP/3.0", "", "") else { panic!("it is taken") };
        assert_eq!(why, "Version Not Supported");
        let expected = "SIP/2.0 505 Version Not Supported\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1;received=192.0.2.9;rport=5070\r\n\
                        From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=segue-unread\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n";
        assert_eq!(String::from_utf8(answer).expect("text"), expected);
    }

    #[test]
    fn answers_acks_and_what_is_no_sip_are_not_answered() {
        let head = "Via: SIP/2.0/UDP 192.0.2.1\r\nFrom: <sip:a@b>\r\nTo: <sip:c@d>\r\nCall-ID: x\r\n";
        for octets in [
            format!("SIP/2.0 4294967301 big\r\n{head}CSeq: 1 OPTIONS\r\n\r\n"),
            format!("SIP/2.0 200 OK\r\n{head}CSeq: 9292394834772304023312 OPTIONS\r\n\r\n"),
            format!("ACK sip:c@d SIP/2.0\r\n{head}CSeq: 1 INVITE\r\n\r\n"),
            "OPTIONS sip:c@d SIP/2.0\r\nFrom: <sip:a@b>\r\n\r\n".into(),
            "OPTIONS sip:c@d SIP/2.0\r\n".into(),
            "GET / HTTP/1.1\r\n\r\n".into(),
            "\u{0}\u{1}".into(),
        ] {
            assert!(matches!(read(octets.as_bytes(), from()), Wire::Bad(Bad { answer: None, .. })), "{octets}");
        }
        assert!(["", "\r\n\r\n", "\r\n", " \r\n"].iter().all(|octets| read(octets.as_bytes(), from()) == Wire::KeepAlive));
    }
}
