//! `User-to-User` (RFC 7433, RFC 7434): a key that goes along with a call, so that whoever takes it finds what is known of the
//! caller. We write a key and nothing else: the header crosses carriers in clear.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::Problems;

use super::params::{from_hex, hex, is_token, parameter, quoted, split, unquoted};

/// The header's name.
pub const USER_TO_USER: &str = "User-to-User";
/// The package that is meant where none is named (RFC 7433, 4.1).
const ISDN: &str = "isdn-uui";
/// The first octet of isdn-uui says what follows: user specific, or IA5 characters (RFC 7434, 7; ITU-T Q.931, 4.5.30).
const DISCRIMINATORS: [u8; 2] = [0x00, 0x04];
/// Values that are read from one call.
const MAX_VALUES: usize = 4;

/// `[sip.user_to_user]`: how the key of a context packet is written for others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct UserToUserTable {
    /// How the key is written: `hex` (RFC 7433, what most systems read), `ascii` (as it is) or `quoted` (as it is, in quotes).
    pub encoding: UserToUserEncoding,
    /// The octet before the key that says what follows, in two hexadecimal digits: `04` for text, `00` for user specific; empty for none. Only with `hex`.
    pub discriminator: String,
    /// The same as a parameter `pd`, for systems that look for it there.
    pub pd: Option<String>,
    /// Who is to understand it: the parameter `purpose`.
    pub purpose: Option<String>,
    /// What it is: the parameter `content`.
    pub content: Option<String>,
}

/// How a key is written in `User-to-User`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum UserToUserEncoding {
    /// Each octet as two hexadecimal digits.
    #[default]
    Hex,
    /// As it is, with `encoding=ascii`.
    Ascii,
    /// As it is, as a quoted string.
    Quoted,
}

impl Default for UserToUserTable {
    fn default() -> Self {
        UserToUserTable { encoding: UserToUserEncoding::Hex, discriminator: "04".into(), pd: None, purpose: None, content: None }
    }
}

impl UserToUserTable {
    /// Names every mistake below `key`.
    pub fn check(&self, key: &str, problems: &mut Problems) {
        let is_octet = |text: &str| from_hex(text).is_some_and(|octets| octets.len() == 1);
        if !self.discriminator.is_empty() && !is_octet(&self.discriminator) {
            problems.add(format!("{key}.discriminator"), format!("`{}` is no octet in two hexadecimal digits, such as \"04\"", self.discriminator));
        }
        if let Some(pd) = self.pd.as_deref().filter(|pd| !is_octet(pd)) {
            problems.add(format!("{key}.pd"), format!("`{pd}` is no octet in two hexadecimal digits, such as \"04\""));
        }
        for (name, value) in [("purpose", &self.purpose), ("content", &self.content)] {
            if let Some(value) = value.as_deref().filter(|value| !is_token(value)) {
                problems.add(format!("{key}.{name}"), format!("`{value}` must be letters, digits and hyphens, such as \"isdn-uui\""));
            }
        }
    }
}

/// The name and the value of the header that carries this key (RFC 7433, 4). A key of more than 128 octets is more than
/// isdn-uui takes (RFC 7434); ours are shorter.
pub fn user_to_user(key: &str, terms: &UserToUserTable) -> (String, String) {
    let mut value = match terms.encoding {
        UserToUserEncoding::Hex => format!("{}{};encoding=hex", terms.discriminator.to_ascii_lowercase(), hex(key.as_bytes())),
        UserToUserEncoding::Ascii if is_token(key) => format!("{key};encoding=ascii"),
        UserToUserEncoding::Ascii => format!("{};encoding=ascii", quoted(key)),
        UserToUserEncoding::Quoted => quoted(key),
    };
    for (name, written) in [("purpose", &terms.purpose), ("content", &terms.content), ("pd", &terms.pd)] {
        if let Some(written) = written {
            value.push_str(&format!(";{name}={written}"));
        }
    }
    (USER_TO_USER.to_owned(), value)
}

/// What somebody sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserToUser {
    /// As text where it is text, else as hexadecimal digits.
    pub text: String,
    /// Who is to understand it.
    pub purpose: Option<String>,
}

/// Reads one header; what is malformed is passed over.
pub fn read(header: &str) -> Vec<UserToUser> {
    split(header, ',').into_iter().filter_map(read_one).take(MAX_VALUES).collect()
}

fn read_one(written: &str) -> Option<UserToUser> {
    let mut parts = split(written, ';').into_iter();
    let data = unquoted(parts.next()?).filter(|data| !data.is_empty())?;
    let params: Vec<(String, Option<String>)> = parts.filter_map(parameter).collect();
    let param = |name: &str| params.iter().find(|(known, _)| known == name).and_then(|(_, value)| value.clone());
    let is_isdn = param("purpose").is_none_or(|purpose| purpose.eq_ignore_ascii_case(ISDN));
    let text = match (param("encoding").map(|encoding| encoding.to_ascii_lowercase()).as_deref(), from_hex(&data)) {
        (Some("hex"), None) => return None,
        (Some("hex") | None, Some(octets)) => decoded(&octets, is_isdn).unwrap_or(data),
        (None, None) | (Some(_), _) => data,
    };
    Some(UserToUser { text, purpose: param("purpose") })
}

/// The octets as text without their discriminator, if that is text.
fn decoded(octets: &[u8], is_isdn: bool) -> Option<String> {
    let text = match octets.split_first() {
        Some((first, rest)) if is_isdn && DISCRIMINATORS.contains(first) => rest,
        Some(_) | None => octets,
    };
    String::from_utf8(text.to_vec()).ok().filter(|text| !text.is_empty() && !text.chars().any(char::is_control))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_written_as_it_is_asked_for_and_read_back() {
        let terms = |toml: &str| toml::from_str::<UserToUserTable>(toml).expect(toml);
        for (toml, expected) in [
            ("", "0461622e30;encoding=hex"),
            ("discriminator = \"\"", "61622e30;encoding=hex"),
            ("discriminator = \"00\"\npd = \"00\"", "0061622e30;encoding=hex;pd=00"),
            ("encoding = \"ascii\"", "ab.0;encoding=ascii"),
            ("encoding = \"quoted\"\npurpose = \"key\"\ncontent = \"text\"", "\"ab.0\";purpose=key;content=text"),
        ] {
            let (name, value) = user_to_user("ab.0", &terms(toml));
            assert_eq!((name.as_str(), value.as_str()), ("User-to-User", expected), "{toml}");
            assert_eq!(read(&value)[0].text, "ab.0", "{toml}");
        }
        let (_, value) = user_to_user("a;b\r\nX: c", &terms("encoding = \"ascii\""));
        assert_eq!(value, "\"a;bX: c\";encoding=ascii");
    }

    #[test]
    fn what_other_systems_send_is_read() {
        let texts = |header: &str| read(header).into_iter().map(|value| value.text).collect::<Vec<_>>();
        assert_eq!(texts("6b3d76;encoding=hex;purpose=Goog-Session-Param"), ["k=v"]);
        assert_eq!(texts("00410042;encoding=HEX"), ["00410042"], "what is no text stays in digits");
        assert_eq!(texts("\"a, b\";encoding=ascii,0441;encoding=hex"), ["a, b", "A"]);
        assert_eq!(texts("123456789"), ["123456789"]);
        assert_eq!(texts("0441"), ["A"], "hex is meant where nothing is said");
        for bad in ["", ";encoding=hex", "zz;encoding=hex", "041;encoding=hex", "\"open", ","] {
            assert_eq!(texts(bad), Vec::<String>::new(), "{bad}");
        }
        assert_eq!(read("41;purpose=x;encoding=hex")[0].purpose.as_deref(), Some("x"));
        assert_eq!(texts(&"41,".repeat(50)).len(), MAX_VALUES);
    }

    #[test]
    fn every_mistake_is_named_by_its_key() {
        for (wrong, named) in [
            ("discriminator = \"4\"", "u.discriminator"),
            ("discriminator = \"0x04\"", "u.discriminator"),
            ("pd = \"\"", "u.pd"),
            ("purpose = \"a b\"", "u.purpose"),
            ("content = \"\"", "u.content"),
        ] {
            let mut problems = Problems::default();
            toml::from_str::<UserToUserTable>(wrong).expect(wrong).check("u", &mut problems);
            assert!(problems.to_string().contains(named), "{wrong}: {problems}");
        }
    }
}
