//! The grammar that headers of SIP share (RFC 3261, 25.1): tokens, quoted strings, lists that commas part and parameters
//! that follow semicolons. Nothing here fails by panicking, whatever is written.

/// Cuts `text` at every `separator` that stands neither in quotes nor in angle brackets. Pieces are trimmed; empty ones stay.
pub fn split(text: &str, separator: char) -> Vec<&str> {
    let (mut pieces, mut start) = (Vec::new(), 0);
    let (mut is_quoted, mut is_escaped, mut is_bracketed) = (false, false, false);
    for (at, c) in text.char_indices() {
        if is_escaped {
            is_escaped = false;
        } else if is_quoted {
            is_escaped = c == '\\';
            is_quoted = c != '"';
        } else if c == separator && !is_bracketed {
            pieces.push(text[start..at].trim());
            start = at + c.len_utf8();
        } else {
            is_quoted = c == '"';
            is_bracketed = (is_bracketed || c == '<') && c != '>';
        }
    }
    pieces.push(text[start..].trim());
    pieces
}

/// Whether this is a token.
pub fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&b))
}

/// What a token or quoted string means; `None` if a quote is not closed, or something follows it.
pub fn unquoted(written: &str) -> Option<String> {
    let Some(inner) = written.strip_prefix('"') else {
        return (!written.contains('"')).then(|| written.to_owned());
    };
    let mut plain = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    loop {
        match chars.next()? {
            '"' => return chars.next().is_none().then_some(plain),
            '\\' => plain.push(chars.next()?),
            c => plain.push(c),
        }
    }
}

/// A quoted string that means this. Control characters, which no header may hold, are left out.
pub fn quoted(plain: &str) -> String {
    let mut written = String::with_capacity(plain.len() + 2);
    written.push('"');
    for c in plain.chars().filter(|c| !c.is_control()) {
        if matches!(c, '"' | '\\') {
            written.push('\\');
        }
        written.push(c);
    }
    written.push('"');
    written
}

/// Splits `name=value` into the lower-case name and what the value means; a name alone has no value.
pub fn parameter(written: &str) -> Option<(String, Option<String>)> {
    let (name, value) = written.split_once('=').map_or((written, None), |(name, value)| (name, Some(value)));
    let name = name.trim();
    if !is_token(name) {
        return None;
    }
    match value {
        None => Some((name.to_ascii_lowercase(), None)),
        Some(value) => Some((name.to_ascii_lowercase(), Some(unquoted(value.trim())?))),
    }
}

/// A name with its address, as `From`, `Contact` and their like hold it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameAddr<'a> {
    /// The display name; empty if there is none.
    pub name: String,
    /// The URI, as it is written.
    pub uri: &'a str,
    /// The header's parameters, by lower-case name.
    pub params: Vec<(String, Option<String>)>,
}

impl<'a> NameAddr<'a> {
    /// Reads `"Dana" <sip:dana@b>;tag=1`, or the URI alone, whose parameters are then the header's (RFC 3261, 20.10).
    pub fn parse(written: &'a str) -> Option<Self> {
        let (name, uri, rest) = match first_bracket(written) {
            None => {
                let (uri, rest) = written.split_once(';').unwrap_or((written, ""));
                ("", uri, rest)
            }
            Some(open) => {
                let close = open + written[open..].find('>')?;
                (&written[..open], &written[open + 1..close], &written[close + 1..])
            }
        };
        let uri = uri.trim();
        let has_scheme = uri.split_once(':').is_some_and(|(scheme, rest)| is_token(scheme) && !rest.is_empty());
        if !has_scheme || uri.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return None;
        }
        Some(NameAddr { name: unquoted(name.trim())?, uri, params: split(rest, ';').into_iter().filter_map(parameter).collect() })
    }

    /// The value of a parameter.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params.iter().find(|(known, _)| known == name)?.1.as_deref()
    }
}

/// Who a Via says has sent it: host and port (RFC 3261, 20.42).
pub fn sent_by(via: &str) -> Option<&str> {
    via.split(';').next()?.split_whitespace().last()
}

/// The user part of a `sip:` URI, or the number of a `tel:` URI, unescaped.
pub fn user(uri: &str) -> Option<String> {
    let (scheme, rest) = uri.split_once(':')?;
    let rest = rest.split(['?', ';']).next().unwrap_or_default();
    let user = match scheme.to_ascii_lowercase().as_str() {
        "sip" | "sips" => rest.rsplit_once('@')?.0.split(':').next().unwrap_or_default(),
        "tel" => rest,
        _ => return None,
    };
    (!user.is_empty()).then(|| unescaped(user))
}

/// Where the first `<` stands that is not in the quoted name.
pub fn first_bracket(text: &str) -> Option<usize> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' if is_quoted => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            '<' if !is_quoted => return Some(at),
            _ => {}
        }
    }
    None
}

/// `%2B` is `+` (RFC 3261, 19.1.2); what is escaped wrongly stays as it is.
pub fn unescaped(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let digits = (bytes[at] == b'%').then(|| text.get(at + 1..at + 3)).flatten().filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()));
        let octet = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        plain.push(octet.unwrap_or(bytes[at]));
        at += if octet.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&plain).into_owned()
}

/// Octets in lower-case hexadecimal digits.
pub fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// Octets from hexadecimal digits of either case; `None` if there is anything else, or an odd number.
pub fn from_hex(text: &str) -> Option<Vec<u8>> {
    let is_hex = text.len().is_multiple_of(2) && text.bytes().all(|b| b.is_ascii_hexdigit());
    is_hex.then(|| (0..text.len()).step_by(2).filter_map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_cut_outside_of_quotes_and_brackets_only() {
        assert_eq!(split("a, \"b, \\\" c\", <sip:d,e>", ','), ["a", "\"b, \\\" c\"", "<sip:d,e>"]);
        assert_eq!(split("", ','), [""]);
        assert_eq!(split("a,,b,", ','), ["a", "", "b", ""]);
        assert_eq!(split("\"open, for ever", ','), ["\"open, for ever"]);
        assert_eq!(split("é,\u{1f600}", ','), ["é", "\u{1f600}"]);
    }

    #[test]
    fn quoted_strings_come_back_as_they_went() {
        for plain in ["", "a", "a \"b\" \\ c", "é", "a;b,c=d"] {
            assert_eq!(unquoted(&quoted(plain)).as_deref(), Some(plain));
        }
        assert_eq!(quoted("a\r\nX: b"), "\"aX: b\"");
        for bad in ["\"", "\"a", "\"a\"b", "a\"", "\"a\\\"", "\"\\"] {
            assert_eq!(unquoted(bad), None, "{bad}");
        }
    }

    #[test]
    fn names_and_addresses_are_read_as_peers_write_them() {
        let uri = |written: &str| NameAddr::parse(written).map(|address| address.uri.to_owned());
        assert_eq!(uri("\"A <B>\" <sip:a@b;x=1?y=2>;tag=1").as_deref(), Some("sip:a@b;x=1?y=2"));
        assert_eq!(uri("sip:a@b;tag=1").as_deref(), Some("sip:a@b"));
        assert_eq!(uri("Dana Lee<tel:+1-201>").as_deref(), Some("tel:+1-201"));
        let address = NameAddr::parse("\"D\" <sip:a@b>; q=0.5 ;Expires=60;ob").expect("well formed");
        assert_eq!((address.name.as_str(), address.param("q"), address.param("expires"), address.param("ob")), ("D", Some("0.5"), Some("60"), None));
        for bad in ["", "<", "<>", "<sip:>", "sip:", "a@b", "\"open <sip:a@b>", "<sip:a b@c>", "<sip:a@b", ">sip:a@b<", "\"a\"b <sip:a@b>"] {
            assert_eq!(uri(bad), None, "{bad}");
        }
    }

    #[test]
    fn users_are_found_in_uris() {
        for (uri, expected) in [
            ("sip:%2B49@b;x=1", Some("+49")),
            ("SIPS:a:secret@b", Some("a")),
            ("tel:+1-201;phone-context=b", Some("+1-201")),
            ("sip:b", None),
            ("sip:@b", None),
            ("http://a@b", None),
            ("", None),
        ] {
            assert_eq!(user(uri).as_deref(), expected, "{uri}");
        }
    }

    #[test]
    fn hexadecimal_digits_are_read_in_both_cases() {
        assert_eq!(from_hex("00fFaB").as_deref(), Some([0, 255, 171].as_slice()));
        assert_eq!(hex(&[0, 255, 171]), "00ffab");
        for bad in ["0", "0g", "+1", "é", " 1"] {
            assert_eq!(from_hex(bad), None, "{bad}");
        }
        assert_eq!([unescaped("%2B1"), unescaped("%+1"), unescaped("%"), unescaped("é%41")], ["+1", "%+1", "%", "éA"]);
    }
}
