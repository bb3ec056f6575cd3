//! What the other side's headers say that it can do, and what they name.

use rsipstack::dialog::DialogId;
use rsipstack::sip::{Headers, Method};

use super::params::{is_token, parameter, split, unescaped};

/// Option tags that we understand (RFC 3891, RFC 4028, RFC 3262).
pub(super) const EXTENSIONS: [&str; 3] = ["replaces", "timer", "100rel"];

/// The values of all headers of this name.
pub(super) fn named<'a>(headers: &'a Headers, name: &'a str) -> impl Iterator<Item = &'a str> + 'a {
    headers.iter().filter(move |header| header.name().eq_ignore_ascii_case(name)).map(|header| header.value().trim())
}

/// The tokens of a header that is a list of them, in lower case.
pub(super) fn tokens(headers: &Headers, name: &str) -> Vec<String> {
    let all = named(headers, name).flat_map(|value| value.split(','));
    all.map(|token| token.trim().to_ascii_lowercase()).filter(|token| !token.is_empty()).collect()
}

/// What the other side of a dialog can do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Peer {
    /// `None` if it did not say.
    allows: Option<Vec<String>>,
    extensions: Vec<String>,
}

impl Peer {
    /// As its INVITE, or its answer to ours, says.
    pub fn read(headers: &Headers) -> Peer {
        let is_said = named(headers, "allow").next().is_some();
        let mut extensions = tokens(headers, "supported");
        extensions.extend(tokens(headers, "require"));
        Peer { allows: is_said.then(|| tokens(headers, "allow")), extensions }
    }

    /// It takes this method, or did not say what it takes.
    pub fn may_take(&self, method: Method) -> bool {
        self.allows.as_ref().is_none_or(|_| self.takes(method))
    }

    /// It said that it takes this method.
    pub fn takes(&self, method: Method) -> bool {
        let name = method.to_string();
        self.allows.as_ref().is_some_and(|allows| allows.iter().any(|allowed| allowed.eq_ignore_ascii_case(&name)))
    }

    /// It knows this extension.
    pub fn knows(&self, extension: &str) -> bool {
        self.extensions.iter().any(|known| known == extension)
    }
}

/// A dialog of ours that another is to replace (RFC 3891).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Replaces {
    /// As we know the dialog.
    pub dialog: DialogId,
    /// Only if it is not confirmed yet.
    pub early_only: bool,
}

/// Reads `Replaces`: `to-tag` is that of whoever receives it, so ours.
pub(super) fn replaces(value: &str) -> Option<Replaces> {
    let mut parts = split(value, ';').into_iter();
    let call_id = parts.next().filter(|call_id| !call_id.is_empty() && !call_id.contains(|c: char| c.is_whitespace() || c.is_control()))?;
    let params: Vec<(String, Option<String>)> = parts.filter_map(parameter).collect();
    let tag = |name: &str| params.iter().find(|(known, _)| known == name)?.1.clone().filter(|tag| is_token(tag));
    let dialog = DialogId { call_id: call_id.to_owned(), local_tag: tag("to-tag")?, remote_tag: tag("from-tag")? };
    Some(Replaces { dialog, early_only: params.iter().any(|(name, _)| name == "early-only") })
}

/// A `sip:` URI without the headers in it, and the value of the header `Replaces` among them, unescaped, if it is there
/// (RFC 3261, 19.1.1).
pub(super) fn replaces_in(target: &str) -> (String, Option<String>) {
    let Some((uri, headers)) = target.split_once('?') else { return (target.to_owned(), None) };
    let of_name = |header: &str| header.split_once('=').filter(|(name, _)| name.eq_ignore_ascii_case("replaces")).map(|(_, value)| unescaped(value));
    (uri.to_owned(), headers.split('&').find_map(of_name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rsipstack::sip::Request;

    fn headers(lines: &str) -> Headers {
        let text = format!("INVITE sip:1@b SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1\r\n{lines}\r\n\r\n");
        Request::try_from(text.as_bytes()).expect("well formed").headers
    }

    #[test]
    fn what_the_peer_can_do_is_known_from_what_it_says() {
        let silent = Peer::read(&headers("To: <sip:b>"));
        assert!(silent.may_take(Method::Refer) && !silent.takes(Method::Refer) && !silent.knows("timer"));
        let peer = Peer::read(&headers("Allow: INVITE, ack\r\nAllow: Update\r\nk: timer,  Replaces\r\nRequire: 100rel"));
        assert!(peer.takes(Method::Update) && peer.may_take(Method::Ack) && !peer.may_take(Method::Refer));
        assert!(peer.knows("timer") && peer.knows("replaces") && peer.knows("100rel") && !peer.knows("path"));
        assert!(!Peer::read(&headers("Allow:")).may_take(Method::Invite), "an empty list allows nothing");
    }

    #[test]
    fn the_dialog_to_replace_is_found_by_our_own_tag() {
        let read = replaces("a@b;from-tag=theirs;to-tag=ours;early-only").expect("well formed");
        assert_eq!((read.dialog.call_id.as_str(), read.dialog.local_tag.as_str(), read.dialog.remote_tag.as_str()), ("a@b", "ours", "theirs"));
        assert!(read.early_only);
        for bad in ["", "a@b", "a@b;to-tag=1", "a@b;from-tag=1;to-tag=", ";to-tag=1;from-tag=2", "a b;to-tag=1;from-tag=2"] {
            assert_eq!(replaces(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_target_may_bring_the_dialog_that_its_call_replaces() {
        let (uri, value) = replaces_in("sip:bea@192.0.2.7;transport=tcp?X=1&Replaces=c%40d%3Bto-tag%3D1%3Bfrom-tag%3D2&Require=replaces");
        assert_eq!((uri.as_str(), value.as_deref()), ("sip:bea@192.0.2.7;transport=tcp", Some("c@d;to-tag=1;from-tag=2")));
        assert_eq!(replaces_in("tel:+1-201"), ("tel:+1-201".into(), None));
        assert_eq!(replaces_in("sip:a@b?").1, None);
    }
}
