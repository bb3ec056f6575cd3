//! Proving to trunks who we are (RFC 3261, 22.2 and 22.3): the digests of every request that a trunk challenges, within a
//! call or outside of it.
//!
//! The library answers challenges by itself, but not all of them rightly: it stumbles over several, over
//! `qop="auth,auth-int"` and over SHA-256. So it is shown a challenge that it can answer, in which the real one is
//! wrapped, and what it answers is replaced, on its way out, by the real answer. It never holds a password.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use rsipstack::dialog::authenticate::Credential;
use rsipstack::sip::{Header, Method, Request, Response, SipMessage, StatusCode};
use rsipstack::transaction::endpoint::MessageInspector;
use rsipstack::transport::SipAddr;

use super::digest::{Challenge, Credentials};
use super::nat::Hidden;
use super::params::{from_hex, hex, parameter, split};

/// Nonces whose requests are counted at most; beyond that the oldest is forgotten, and its next answer is challenged anew.
const MAX_NONCES: usize = 1_024;
/// Longest challenge that is answered, in octets.
const MAX_CHALLENGE: usize = 4_096;
/// What the wrapped challenge begins with.
const WRAPPED: &str = "segue-";

/// Answers the challenges of trunks, and shows the library where peers behind NAT are.
pub(super) struct Prover {
    /// By the number of the trunk.
    accounts: Vec<Option<Credentials>>,
    hidden: Arc<Hidden>,
    counts: Mutex<VecDeque<(String, u32)>>,
}

/// How the library names the account that it should answer with; it has no password.
pub(super) fn account(trunk: usize) -> Credential {
    Credential { username: trunk.to_string(), ..Credential::default() }
}

impl Prover {
    /// Proves with these accounts, one for each trunk.
    pub fn new(accounts: Vec<Option<Credentials>>, hidden: Arc<Hidden>) -> Self {
        Prover { accounts, hidden, counts: Mutex::new(VecDeque::new()) }
    }

    /// How many requests have been sent with this nonce, this one included (RFC 7616, 3.4).
    fn count(&self, nonce: &str) -> u32 {
        let mut counts = self.counts.lock();
        if let Some((_, count)) = counts.iter_mut().find(|(known, _)| known == nonce) {
            *count = count.saturating_add(1);
            return *count;
        }
        if counts.len() >= MAX_NONCES {
            counts.pop_front();
        }
        counts.push_back((nonce.to_owned(), 1));
        1
    }

    /// Leaves one challenge: the first that we can answer (RFC 8760, 2.4), wrapped; none if we can answer none.
    fn wrap(&self, mut response: Response) -> Response {
        let is_proxy = response.status_code == StatusCode::ProxyAuthenticationRequired;
        let values: Vec<String> = response
            .headers
            .iter()
            .filter_map(|header| match header {
                Header::WwwAuthenticate(value) if !is_proxy => Some(value.value().to_owned()),
                Header::ProxyAuthenticate(value) if is_proxy => Some(value.value().to_owned()),
                _ => None,
            })
            .collect();
        response.headers.retain(|header| !matches!(header, Header::WwwAuthenticate(_) | Header::ProxyAuthenticate(_)));
        let known = values.iter().filter(|value| value.len() <= MAX_CHALLENGE).find_map(|value| Some((value, Challenge::parse(value).ok()?)));
        if let Some((value, challenge)) = known {
            let stale = if challenge.is_stale { ", stale=true" } else { "" };
            let opaque = format!("{WRAPPED}{}-{}", self.count(&challenge.nonce), hex(value.as_bytes()));
            let wrapped = format!("Digest realm=\"segue\", nonce=\"0\", opaque=\"{opaque}\", algorithm=MD5, qop=\"auth\"{stale}");
            response.headers.push(if is_proxy { Header::ProxyAuthenticate(wrapped.into()) } else { Header::WwwAuthenticate(wrapped.into()) });
        }
        response
    }

    /// What the library answered, as it should have been; `None` for what is no answer to a wrapped challenge.
    fn unwrap(&self, value: &str, request: &Request) -> Option<String> {
        let fields: Vec<(String, String)> = split(value.trim().split_once(' ')?.1, ',').into_iter().filter_map(field).collect();
        let field = |name: &str| fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        let (count, challenge) = field("opaque")?.strip_prefix(WRAPPED)?.split_once('-')?;
        let challenge = Challenge::parse(&String::from_utf8(from_hex(challenge)?).ok()?).ok()?;
        let credentials = self.accounts.get(field("username")?.parse::<usize>().ok()?)?.as_ref()?;
        // An ACK has the digest of its INVITE (RFC 3261, 22.1).
        let method = if request.method == Method::Ack { Method::Invite } else { request.method };
        Some(challenge.answer(credentials, &method.to_string(), field("uri")?, (count.parse().ok()?, field("cnonce")?)))
    }
}

fn field(written: &str) -> Option<(String, String)> {
    let (name, value) = parameter(written)?;
    Some((name, value?))
}

impl MessageInspector for Prover {
    fn before_send(&self, message: SipMessage, _to: Option<&SipAddr>) -> SipMessage {
        let SipMessage::Request(mut request) = message else { return message };
        for at in 0..request.headers.iter().count() {
            let (value, is_proxy) = match request.headers.iter().nth(at) {
                Some(Header::Authorization(value)) => (value.value().to_owned(), false),
                Some(Header::ProxyAuthorization(value)) => (value.value().to_owned(), true),
                _ => continue,
            };
            if let Some(answer) = self.unwrap(&value, &request)
                && let Some(header) = request.headers.iter_mut().nth(at)
            {
                *header = if is_proxy { Header::ProxyAuthorization(answer.into()) } else { Header::Authorization(answer.into()) };
            }
        }
        SipMessage::Request(request)
    }

    fn after_received(&self, message: SipMessage, from: Option<&SipAddr>) -> SipMessage {
        match self.hidden.shown(message, from) {
            SipMessage::Response(response) if matches!(response.status_code, StatusCode::Unauthorized | StatusCode::ProxyAuthenticationRequired) => {
                SipMessage::Response(self.wrap(response))
            }
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const URI: &str = "sip:1000@192.0.2.7";

    fn prover() -> Prover {
        Prover::new(vec![None, Some(Credentials::new("segue", "sesame"))], Arc::default())
    }

    fn response(status: u16, headers: &str) -> SipMessage {
        let text = format!("SIP/2.0 {status} Said\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1\r\nCall-ID: a\r\nCSeq: 1 INVITE\r\n{headers}\r\n");
        SipMessage::try_from(text.as_str()).expect("well formed")
    }

    /// What the library is shown.
    fn shown(prover: &Prover, status: u16, headers: &str) -> Vec<String> {
        let SipMessage::Response(response) = prover.after_received(response(status, headers), None) else { panic!("a response") };
        let value = |header: &Header| header.to_string().split_once("uthenticate: ").map(|(_, value)| value.to_owned());
        response.headers.iter().filter_map(value).collect()
    }

    /// What goes out when the library answers what it is shown.
    fn sent(prover: &Prover, method: &str, shown: &str, trunk: usize) -> String {
        let opaque = shown.split("opaque=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("it is wrapped");
        let answer = format!(
            "Digest username=\"{trunk}\", realm=\"segue\", nonce=\"0\", uri=\"{URI}\", response=\"1\", algorithm=MD5, opaque=\"{opaque}\", qop=\"auth\", nc=00000001, cnonce=\"c\""
        );
        let text = format!(
            "{method} {URI} SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1\r\nCall-ID: a\r\nCSeq: 1 {method}\r\nAuthorization: {answer}\r\n\r\n"
        );
        let SipMessage::Request(request) = prover.before_send(SipMessage::try_from(text.as_str()).expect("well formed"), None) else {
            panic!("a request")
        };
        request.headers.iter().find_map(|header| header.to_string().strip_prefix("Authorization: ").map(str::to_owned)).expect("it is answered")
    }

    #[test]
    fn the_first_challenge_that_can_be_answered_is_and_its_requests_are_counted() {
        let prover = prover();
        let asked = "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", algorithm=SHA-512-256, qop=\"auth\"\r\n\
                     WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", algorithm=SHA-256, qop=\"auth,auth-int\"\r\n\
                     WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", algorithm=MD5, qop=\"auth\"\r\n";
        for count in [1_u32, 2] {
            let shown = shown(&prover, 401, asked);
            assert_eq!(shown.len(), 1, "{shown:?}");
            let challenge = Challenge::parse("Digest realm=\"r\", nonce=\"n\", algorithm=SHA-256, qop=\"auth,auth-int\"").expect("well formed");
            let expected = challenge.answer(&Credentials::new("segue", "sesame"), "INVITE", URI, (count, "c"));
            // Sent again, it is the same; and the ACK has it too.
            for method in ["INVITE", "INVITE", "ACK"] {
                assert_eq!(sent(&prover, method, &shown[0], 1), expected);
            }
        }
    }

    #[test]
    fn a_stale_nonce_is_shown_as_such_and_what_can_not_be_answered_is_not_shown() {
        let prover = prover();
        assert!(shown(&prover, 407, "Proxy-Authenticate: Digest realm=\"r\", nonce=\"n\", stale=TRUE\r\n")[0].ends_with(", stale=true"));
        for asked in [
            "WWW-Authenticate: Basic realm=\"r\"\r\n".to_owned(),
            "WWW-Authenticate: Digest realm=\"r\"\r\n".into(),
            "Proxy-Authenticate: Digest realm=\"r\", nonce=\"n\"\r\n".into(),
            format!("WWW-Authenticate: Digest realm=\"{}\", nonce=\"n\"\r\n", "r".repeat(MAX_CHALLENGE)),
        ] {
            assert_eq!(shown(&prover, 401, &asked), [""; 0], "{asked}");
        }
    }

    #[test]
    fn the_account_of_another_trunk_or_none_proves_nothing() {
        let prover = prover();
        let shown = shown(&prover, 401, "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\"\r\n");
        for trunk in [0, 2] {
            assert!(
                sent(&prover, "INVITE", &shown[0], trunk).contains("username=\"")
                    && !sent(&prover, "INVITE", &shown[0], trunk).contains("segue\", realm")
            );
        }
    }

    #[test]
    fn nonces_that_are_counted_have_a_limit() {
        let prover = prover();
        for n in 0..MAX_NONCES + 10 {
            assert_eq!(prover.count(&n.to_string()), 1);
        }
        assert_eq!(prover.counts.lock().len(), MAX_NONCES);
        assert_eq!(prover.count("0"), 1);
        assert_eq!(prover.count(&(MAX_NONCES + 9).to_string()), 2);
    }
}
