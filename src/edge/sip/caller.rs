//! What signalling says of the caller: who they are, whom they called first, and what other systems gave them along.
//!
//! Anybody can write anything into a call, so an identity that the network asserts (RFC 3325) is believed from trusted
//! sources only. Everything is bounded, and what looks like the number of a payment card is hidden.

use rsipstack::sip::Request;
use rsipstack::sip::prelude::HeadersExt as _;

use super::params::{NameAddr, split, user};
use super::server::values;
use super::uui;
use crate::base::Pii;

/// Longest value that is handed on, in characters.
const MAX_CHARS: usize = 512;
/// Addresses that are handed on of one list.
const MAX_ADDRESSES: usize = 8;
/// ISO/IEC 7812: a payment card number has 13 to 19 digits.
const CARD_DIGITS: std::ops::RangeInclusive<usize> = 13..=19;

/// Who calls, and what else is known of them.
pub(super) struct Caller {
    /// Their number or user name; `None` if they are anonymous.
    pub number: Option<Pii<String>>,
    /// By name, each once.
    pub data: Vec<(String, Pii<String>)>,
}

/// Reads an INVITE. Asserted identities count if it `is_trusted`; `headers` are further ones to hand on.
pub(super) fn read(request: &Request, is_trusted: bool, headers: &[String]) -> Caller {
    let asserted = if is_trusted { asserted(request) } else { Vec::new() };
    let said = request.from_header().ok().map(|from| from.value().to_owned());
    let number = asserted.iter().find_map(|uri| named(uri)).or_else(|| named(NameAddr::parse(&said?)?.uri));
    let mut data = Vec::new();
    let mut keep = |name: &str, value: String| {
        if !value.is_empty() {
            data.push((name.to_owned(), Pii(tidy(&value))));
        }
    };
    keep("asserted_identity", joined(&asserted));
    let diversions: Vec<String> = list(request, "diversion");
    if let Some(latest) = diversions.iter().find_map(|written| NameAddr::parse(written)) {
        // RFC 5806, 4.1: the latest diversion stands first.
        keep("diversion", plain(latest.uri).to_owned());
        keep("diversion_reason", latest.param("reason").unwrap_or_default().to_owned());
    }
    keep("history_info", joined(&history(request)));
    let user_to_user: Vec<_> = values(request, uui::USER_TO_USER).flat_map(|header| uui::read(&header)).take(MAX_ADDRESSES).collect();
    keep("user_to_user", user_to_user.iter().map(|value| value.text.as_str()).collect::<Vec<_>>().join(", "));
    keep("user_to_user_purpose", user_to_user.iter().find_map(|value| value.purpose.clone()).unwrap_or_default());
    for header in headers {
        keep(&header.to_ascii_lowercase(), values(request, header).take(MAX_ADDRESSES).collect::<Vec<_>>().join(", "));
    }
    Caller { number: number.map(Pii), data }
}

/// The identities that the network asserts: P-Asserted-Identity, or Remote-Party-ID of older systems; none where the
/// caller wants to stay unknown (RFC 3323, RFC 3325, 9.3).
fn asserted(request: &Request) -> Vec<String> {
    let wants_privacy = values(request, "privacy").any(|header| header.split([';', ',']).any(|value| value.trim().eq_ignore_ascii_case("id")));
    if wants_privacy {
        return Vec::new();
    }
    let uris = |written: Vec<String>| written.iter().filter_map(|one| Some(plain(NameAddr::parse(one)?.uri).to_owned())).collect::<Vec<_>>();
    let identities = uris(list(request, "p-asserted-identity"));
    if !identities.is_empty() {
        return identities;
    }
    let parties = list(request, "remote-party-id").into_iter().filter(|written| {
        let Some(party) = NameAddr::parse(written) else { return false };
        let is_private = party.param("privacy").is_some_and(|privacy| privacy != "off");
        !is_private && party.param("party").is_none_or(|party| party == "calling")
    });
    uris(parties.collect())
}

/// RFC 7044: whom the call was meant for, in order of the index.
fn history(request: &Request) -> Vec<String> {
    let entries = list(request, "history-info");
    let mut entries: Vec<(Vec<u32>, String)> = entries
        .iter()
        .filter_map(|written| {
            let entry = NameAddr::parse(written)?;
            let index = entry.param("index").unwrap_or_default().split('.').map_while(|part| part.parse().ok()).collect();
            Some((index, plain(entry.uri).to_owned()))
        })
        .collect();
    entries.sort();
    entries.into_iter().map(|(_, uri)| uri).collect()
}

/// All values of a header that is a list, bounded.
fn list(request: &Request, name: &str) -> Vec<String> {
    let all = values(request, name).flat_map(|header| split(&header, ',').into_iter().map(str::to_owned).collect::<Vec<_>>());
    all.filter(|value| !value.is_empty()).take(MAX_ADDRESSES).collect()
}

fn joined(uris: &[String]) -> String {
    uris.join(", ")
}

/// A URI without the headers in it.
fn plain(uri: &str) -> &str {
    uri.split('?').next().unwrap_or_default()
}

/// The number or user in a URI, unless it is that of somebody anonymous (RFC 3323, 4.1.1.3).
fn named(uri: &str) -> Option<String> {
    let host = uri.rsplit_once('@').map_or("", |(_, host)| host).split([';', '?', ':']).next().unwrap_or_default();
    let user = user(uri)?;
    let is_anonymous = user.eq_ignore_ascii_case("anonymous") || host.eq_ignore_ascii_case("anonymous.invalid");
    (!is_anonymous).then_some(user)
}

/// One line of bounded length, without numbers of payment cards.
fn tidy(value: &str) -> String {
    let one_line: String = value.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_CHARS).collect();
    without_cards(&one_line)
}

/// Hides runs of 13 to 19 digits, with single spaces or hyphens between them, whose check digit is right (ISO/IEC 7812-1,
/// annex B). A number with `+` before it is a telephone's.
fn without_cards(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut shown = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let (end, digits) = run(&chars, at);
        let is_card = CARD_DIGITS.contains(&digits.len()) && is_checked(&digits) && (at == 0 || chars[at - 1] != '+');
        if is_card {
            shown.push_str("‹card›");
        } else {
            shown.extend(&chars[at..end]);
        }
        at = end;
    }
    shown
}

/// The run of digits that begins here, and where it ends; one character that is no digit is a run without digits.
fn run(chars: &[char], start: usize) -> (usize, Vec<u32>) {
    let mut digits = Vec::new();
    let mut end = start;
    let mut at = start;
    while at < chars.len() {
        match chars[at].to_digit(10) {
            Some(digit) => {
                digits.push(digit);
                end = at + 1;
            }
            None if matches!(chars[at], ' ' | '-') && end == at && !digits.is_empty() => {}
            None => break,
        }
        at += 1;
    }
    (end.max(start + 1), digits)
}

fn is_checked(digits: &[u32]) -> bool {
    let sum: u32 = digits.iter().rev().enumerate().map(|(n, digit)| if n % 2 == 0 { *digit } else { digit * 2 / 10 + digit * 2 % 10 }).sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(is_trusted: bool, headers: &str) -> Caller {
        let text = format!(
            "INVITE sip:1000@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1\r\nTo: <sip:1000@example.com>\r\nCall-ID: a\r\nCSeq: 1 INVITE\r\n{headers}\r\n\r\n"
        );
        read(&Request::try_from(text.as_bytes()).expect("well formed"), is_trusted, &["X-Tier".into(), "X-None".into()])
    }

    fn number(is_trusted: bool, headers: &str) -> Option<String> {
        says(is_trusted, headers).number.map(|number| number.0)
    }

    const ANONYMOUS: &str = "From: \"Anonymous\" <sip:anonymous@anonymous.invalid>;tag=1";

    #[test]
    fn who_calls_is_read_from_what_peers_write() {
        for (headers, expected) in [
            ("From: \"Dana\" <sip:+15550100@example.com>;tag=1", Some("+15550100")),
            ("From: sip:dana@example.com;tag=1", Some("dana")),
            ("From: <tel:+1-201-555-0123>;tag=1", Some("+1-201-555-0123")),
            ("From: <sip:example.com>;tag=1", None),
            (ANONYMOUS, None),
        ] {
            assert_eq!(number(false, headers).as_deref(), expected, "{headers}");
        }
    }

    #[test]
    fn an_asserted_identity_is_believed_from_trusted_sources_only() {
        let asserted = format!("{ANONYMOUS}\r\nP-Asserted-Identity: \"D, L\" <sip:+15550199@carrier.example>, <tel:+15550199>");
        assert_eq!(number(true, &asserted).as_deref(), Some("+15550199"));
        assert_eq!(number(false, &asserted), None);
        assert!(says(false, &asserted).data.is_empty());
        assert_eq!(says(true, &asserted).data[0], ("asserted_identity".into(), Pii("sip:+15550199@carrier.example, tel:+15550199".into())));
        assert_eq!(number(true, &format!("{asserted}\r\nPrivacy: id;critical")), None, "who wants to stay unknown does");
        let older = format!("{ANONYMOUS}\r\nRemote-Party-ID: <sip:+15550188@b>;party=calling;privacy=off;screen=yes");
        assert_eq!(number(true, &older).as_deref(), Some("+15550188"));
        assert_eq!(number(true, &older.replace("privacy=off", "privacy=full")), None);
        assert_eq!(number(true, &older.replace("calling", "called")), None);
        assert_eq!(number(false, &older), None);
    }

    #[test]
    fn what_is_known_of_the_caller_is_handed_on() {
        let known = says(
            false,
            "From: <sip:a@b>;tag=1\r\nDiversion: \"Desk, 2\" <sip:2000@b;user=phone>;reason=no-answer;counter=1, <tel:+4915112345678>;reason=time-of-day\r\n\
             History-Info: <sip:2000@b?Reason=SIP%3Bcause%3D302>;index=1.1\r\nHistory-Info: <tel:+4915112345678>;index=1\r\n\
             User-to-User: 0441;encoding=hex;purpose=isdn-uui\r\nX-TIER: gold\r\nX-Other: 1",
        );
        let known: Vec<(&str, &str)> = known.data.iter().map(|(name, value)| (name.as_str(), value.0.as_str())).collect();
        assert_eq!(
            known,
            [
                ("diversion", "sip:2000@b;user=phone"),
                ("diversion_reason", "no-answer"),
                ("history_info", "tel:+4915112345678, sip:2000@b"),
                ("user_to_user", "A"),
                ("user_to_user_purpose", "isdn-uui"),
                ("x-tier", "gold"),
            ]
        );
    }

    #[test]
    fn whatever_is_written_is_bounded_and_shows_no_card() {
        let long = format!("From: <sip:a@b>;tag=1\r\nX-Tier: {}\r\nDiversion: {}", "a".repeat(5_000), "<sip:a@b>,".repeat(500));
        assert!(says(true, &long).data.iter().all(|(_, value)| value.0.len() <= MAX_CHARS));
        for bad in
            ["Diversion: <", "Diversion: \"open <sip:a@b>", "History-Info: ,,;index=1", "User-to-User: ;;;", "P-Asserted-Identity: x", "Privacy:"]
        {
            assert_eq!(says(true, &format!("From: <sip:a@b>;tag=1\r\n{bad}")).data, [], "{bad}");
        }
        for (written, shown) in [
            ("card=4111111111111111;x", "card=‹card›;x"),
            ("4111 1111-1111 1111", "‹card›"),
            ("4111111111111112", "4111111111111112"),
            ("tel:+4111111111111111", "tel:+4111111111111111"),
            ("4111", "4111"),
        ] {
            assert_eq!(without_cards(written), shown);
        }
        let card = says(true, "From: <sip:a@b>;tag=1\r\nUser-to-User: 0434313131313131313131313131313131;encoding=hex");
        assert_eq!(card.data[0].1.0, "‹card›");
    }
}
