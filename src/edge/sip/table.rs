//! `[sip]` and `[[phone]]` as they are written in the configuration.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::Problems;
use crate::sound::codec::Codec;

use super::digest::Credentials;
use super::params::is_token;
use super::sdp::Encryption;
use super::secret::{Kept, Secret, SecretError};
use super::tls::TlsTable;
use super::uui::{UserToUserTable, user_to_user};

/// Longest time that a key here may ask for, in s.
const MAX_SECS: u32 = 86_400;
/// RFC 4028, 5: the shortest session timer that may be asked for, in s.
const MIN_SESSION_SECS: u32 = 90;
/// Headers that may be named in one list.
const MAX_HEADERS: usize = 16;
/// Headers that signalling itself needs, or that hold passwords: nobody may hand them on or write them.
const RESERVED: [&str; 18] = [
    "via",
    "from",
    "to",
    "call-id",
    "cseq",
    "contact",
    "route",
    "record-route",
    "max-forwards",
    "content-length",
    "content-type",
    "require",
    "supported",
    "allow",
    "authorization",
    "proxy-authorization",
    "www-authenticate",
    "proxy-authenticate",
];

/// `[sip]`: where phone calls come in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SipTable {
    /// Transports and addresses to listen on, such as `udp:127.0.0.1:5060`, `tcp:127.0.0.1:5060` and `tls:127.0.0.1:5061`; on loopback until told otherwise. Port 0 for any.
    pub bind: Vec<String>,
    /// Certificates of SIP over TLS.
    pub tls: TlsTable,
    /// The address that peers are told, where it is not the one that is bound (behind NAT).
    pub external_address: Option<IpAddr>,
    /// From whom calls are taken: addresses, or networks such as `192.0.2.0/24`.
    pub allow: Vec<String>,
    /// Who is believed when they say who calls (P-Asserted-Identity, Remote-Party-ID): addresses, or networks.
    pub trusted: Vec<String>,
    /// Further headers of a caller's INVITE that agents are to see, by name.
    pub caller_headers: Vec<String>,
    /// How the key of the context packet is written in `User-to-User`.
    pub user_to_user: UserToUserTable,
    /// Further headers for the phones of agents, by name; `{key}` in a value is the key of the context packet.
    pub agent_headers: BTreeMap<String, String>,
    /// Codecs, in order of preference: `pcmu`, `pcma`, `g722`, `opus`.
    pub codecs: Vec<Codec>,
    /// Encrypted sound (SRTP by SDES): `off`, `tls` (over TLS, where its keys are safe: taken where the caller offers it, and asked for where we dial), `optional` (wherever the caller offers it) or `required`.
    pub srtp: SrtpPolicy,
    /// First port for sound.
    pub rtp_first_port: u16,
    /// Last port for sound; each leg takes two.
    pub rtp_last_port: u16,
    /// Callers for whom there is no room, or who come during a shutdown, are sent to this `sip:` target (302); without it they get 503.
    pub overload_target: Option<String>,
    /// New calls a second from one address at most, and as many registrations; more are answered with 503. Messages of all kinds: as many from addresses that we don't know, twenty times as many from those in `allow` and of trunks; more are dropped.
    pub calls_per_second: u32,
    /// A call whose other side gives no sign of life within this is over (RFC 4028), in s; 0 to ask for none.
    pub session_secs: u32,
    /// Shortest such time that we agree to, in s.
    pub session_min_secs: u32,
    /// Whose passwords phones are asked for: what people see where they type theirs.
    pub realm: String,
    /// How passwords are proved, the preferred way first: `sha-256`, `md5`. Some phones give up if one is offered that they don't know, so `sha-256` is off until told otherwise.
    pub digests: Vec<DigestName>,
    /// Shortest time that a phone may be registered for, in s.
    pub register_min_secs: u32,
    /// Longest time that a phone is registered for, in s.
    pub register_max_secs: u32,
    /// After so many wrong passwords, calls from where none are taken, or messages that are no SIP, an address is refused for `ban_secs`; those in `allow` and of trunks for wrong passwords only.
    pub ban_after: u32,
    /// How long an address that guesses passwords is refused, in s.
    pub ban_secs: u32,
}

/// How a password is proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DigestName {
    /// RFC 8760.
    #[serde(rename = "sha-256")]
    Sha256,
    /// RFC 3261: every phone knows it.
    #[serde(rename = "md5")]
    Md5,
}

/// Whether sound is encrypted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SrtpPolicy {
    /// Never.
    #[default]
    Off,
    /// Over TLS only: where the caller offers it, and of whom we dial.
    Tls,
    /// Where the caller offers it.
    Optional,
    /// Always.
    Required,
}

impl SrtpPolicy {
    /// As an answer takes it, by whether signalling is over TLS.
    pub fn answers(self, is_tls: bool) -> Encryption {
        match self {
            SrtpPolicy::Tls if is_tls => Encryption::Optional,
            SrtpPolicy::Off | SrtpPolicy::Tls => Encryption::Off,
            SrtpPolicy::Optional => Encryption::Optional,
            SrtpPolicy::Required => Encryption::Required,
        }
    }

    /// As an offer has it, by whether signalling is over TLS.
    pub fn offers(self, is_tls: bool) -> Encryption {
        match self {
            SrtpPolicy::Tls if is_tls => Encryption::Required,
            SrtpPolicy::Off | SrtpPolicy::Tls | SrtpPolicy::Optional => Encryption::Off,
            SrtpPolicy::Required => Encryption::Required,
        }
    }
}

/// `[[phone]]`: where an agent is rung.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PhoneTable {
    /// Whose phone it is, by the agent's name. An agent may have several: they ring together, and the first that is picked up wins.
    pub agent: String,
    /// Whom to dial: a `sip:` URI, such as `sip:anna@192.0.2.7`, or over a trunk a number, such as `tel:+4930123`. A phone without one has to register.
    pub contact: Option<String>,
    /// The names of the trunks to dial over: the next one where one is down or fails. None to dial directly.
    #[serde(default)]
    pub trunks: Vec<String>,
    /// The name by which the phone registers here.
    pub username: Option<String>,
    /// Its password. Better kept outside of this file: in `password_env` or `password_file`.
    pub password: Option<Secret>,
    /// The variable of the environment that holds the password.
    pub password_env: Option<String>,
    /// The file that holds the password and nothing else.
    pub password_file: Option<PathBuf>,
}

/// How sound's and signalling's transports are named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Datagrams.
    Udp,
    /// Streams.
    Tcp,
    /// Encrypted streams.
    Tls,
}

/// Reads `udp:127.0.0.1:5060`.
///
/// # Errors
/// What is wrong with it.
pub fn read_bind(written: &str) -> Result<(Transport, SocketAddr), String> {
    let (transport, address) = written.split_once(':').ok_or("expected a transport and an address, such as `udp:127.0.0.1:5060`")?;
    let transport = match transport {
        "udp" => Transport::Udp,
        "tcp" => Transport::Tcp,
        "tls" => Transport::Tls,
        _ => return Err(format!("`{transport}` is no transport; `udp`, `tcp` and `tls` are")),
    };
    let address = address.parse().map_err(|_| format!("`{address}` is no address with a port, such as `127.0.0.1:5060`"))?;
    Ok((transport, address))
}

/// An address, or a network by its prefix length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    /// Reads `192.0.2.7` or `192.0.2.0/24`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(written: &str) -> Result<Network, String> {
        let (address, prefix) = written.split_once('/').map_or((written, None), |(address, prefix)| (address, Some(prefix)));
        let address: IpAddr = address.parse().map_err(|_| format!("`{address}` is no address"))?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => bits,
            Some(prefix) => prefix.parse().ok().filter(|prefix| *prefix <= bits).ok_or(format!("`/{prefix}` is no prefix of 0 to {bits} bits"))?,
        };
        Ok(Network { address, prefix })
    }

    /// Those that can be read.
    pub fn read_all(written: &[String]) -> Vec<Network> {
        written.iter().filter_map(|network| Network::read(network).ok()).collect()
    }

    /// Whether an address is in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        let shared = |a: &[u8], b: &[u8]| (0..usize::from(self.prefix)).all(|bit| (a[bit / 8] ^ b[bit / 8]) & (0x80 >> (bit % 8)) == 0);
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(ours), IpAddr::V4(theirs)) => shared(&ours.octets(), &theirs.octets()),
            (IpAddr::V6(ours), IpAddr::V6(theirs)) => shared(&ours.octets(), &theirs.octets()),
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

impl Default for SipTable {
    fn default() -> Self {
        SipTable {
            bind: vec!["udp:127.0.0.1:5060".into(), "tcp:127.0.0.1:5060".into()],
            tls: TlsTable::default(),
            external_address: None,
            allow: vec!["127.0.0.0/8".into(), "::1".into()],
            trusted: vec!["127.0.0.0/8".into(), "::1".into()],
            caller_headers: Vec::new(),
            user_to_user: UserToUserTable::default(),
            agent_headers: BTreeMap::new(),
            codecs: vec![Codec::Pcmu, Codec::Pcma],
            srtp: SrtpPolicy::Off,
            rtp_first_port: 20_000,
            rtp_last_port: 29_999,
            overload_target: None,
            calls_per_second: 50,
            session_secs: 1_800,
            session_min_secs: MIN_SESSION_SECS,
            realm: "segue".into(),
            digests: vec![DigestName::Md5],
            register_min_secs: 60,
            register_max_secs: 600,
            ban_after: 10,
            ban_secs: 600,
        }
    }
}

impl SipTable {
    /// The address that sound's sockets are bound to: that of the first transport.
    pub fn media_address(&self) -> Option<IpAddr> {
        self.bind.iter().find_map(|bind| read_bind(bind).ok()).map(|(_, address)| address.ip())
    }

    /// Names every mistake below `key`.
    pub fn check(&self, key: &str, problems: &mut Problems) {
        if self.bind.is_empty() {
            problems.add(format!("{key}.bind"), "is empty, so no call could come in; write \"udp:127.0.0.1:5060\"");
        }
        for (n, bind) in self.bind.iter().enumerate() {
            if let Err(what) = read_bind(bind) {
                problems.add(format!("{key}.bind[{n}]"), what);
            }
        }
        let is_any = self.bind.iter().any(|bind| read_bind(bind).is_ok_and(|(_, address)| address.ip().is_unspecified()));
        match self.external_address {
            None if is_any => {
                problems.add(format!("{key}.external_address"), "is missing; with `bind` on all addresses, write the one that peers are to use")
            }
            Some(ip) if ip.is_unspecified() || ip.is_multicast() => {
                problems.add(format!("{key}.external_address"), format!("`{ip}` is no address of a host"));
            }
            Some(_) | None => {}
        }
        let is_tls = self.bind.iter().any(|bind| matches!(read_bind(bind), Ok((Transport::Tls, _))));
        self.tls.check(&format!("{key}.tls"), is_tls, problems);
        for (name, networks) in [("allow", &self.allow), ("trusted", &self.trusted)] {
            for (n, network) in networks.iter().enumerate() {
                if let Err(what) = Network::read(network) {
                    problems.add(format!("{key}.{name}[{n}]"), what);
                }
            }
        }
        self.check_headers(key, problems);
        if self.codecs.is_empty() {
            problems.add(format!("{key}.codecs"), "is empty; name at least one of pcmu, pcma, g722, opus");
        }
        if self.rtp_first_port < 1_024 || self.rtp_last_port.saturating_sub(self.rtp_first_port) < 3 {
            let what = format!("{} to {} is no range of at least two pairs of ports from 1024 on", self.rtp_first_port, self.rtp_last_port);
            problems.add(format!("{key}.rtp_last_port"), what);
        }
        if self.overload_target.as_ref().is_some_and(|target| !is_target(target)) {
            problems.add(format!("{key}.overload_target"), "must be a `sip:` or `tel:` URI");
        }
        if !(1..=MAX_SECS).contains(&self.calls_per_second) {
            problems.add(format!("{key}.calls_per_second"), format!("is {}; expected 1 to {MAX_SECS}", self.calls_per_second));
        }
        if !(MIN_SESSION_SECS..=MAX_SECS).contains(&self.session_min_secs) {
            problems.add(format!("{key}.session_min_secs"), format!("is {}; expected {MIN_SESSION_SECS} to {MAX_SECS}", self.session_min_secs));
        }
        if self.session_secs != 0 && !(self.session_min_secs..=MAX_SECS).contains(&self.session_secs) {
            let what = format!("is {}; expected 0, or {} to {MAX_SECS}", self.session_secs, self.session_min_secs);
            problems.add(format!("{key}.session_secs"), what);
        }
        self.check_registration(key, problems);
    }

    fn check_headers(&self, key: &str, problems: &mut Problems) {
        for (n, name) in self.caller_headers.iter().enumerate().filter(|(_, name)| !is_free(name)) {
            problems.add(format!("{key}.caller_headers[{n}]"), format!("`{}` is no name of a header that could be handed on", name.escape_debug()));
        }
        for name in self.agent_headers.keys().filter(|name| !is_free(name)) {
            problems.add(format!("{key}.agent_headers.{name}"), "is no name of a header that could be written, such as `X-Segue-Key`");
        }
        for (name, _) in self.agent_headers.iter().filter(|(_, value)| value.chars().any(char::is_control)) {
            problems.add(format!("{key}.agent_headers.{name}"), "must be one line");
        }
        for (name, count) in [("caller_headers", self.caller_headers.len()), ("agent_headers", self.agent_headers.len())] {
            if count > MAX_HEADERS {
                problems.add(format!("{key}.{name}"), format!("names {count} headers; at most {MAX_HEADERS} are taken"));
            }
        }
        self.user_to_user.check(&format!("{key}.user_to_user"), problems);
    }

    /// The headers that tell an agent's phone, or whoever else takes a caller, by which key the context packet is found.
    pub fn headers_for(&self, key: &str) -> Vec<(String, String)> {
        let further = self.agent_headers.iter().map(|(name, value)| (name.clone(), value.replace("{key}", key)));
        std::iter::once(user_to_user(key, &self.user_to_user)).chain(further).collect()
    }

    fn check_registration(&self, key: &str, problems: &mut Problems) {
        if self.realm.is_empty() || self.realm.chars().any(char::is_control) {
            problems.add(format!("{key}.realm"), "must be a name, such as \"segue\"");
        }
        if self.digests.is_empty() {
            problems.add(format!("{key}.digests"), "is empty, so no phone could register; name sha-256, md5 or both");
        }
        let is_range = self.register_min_secs >= 1 && self.register_min_secs <= self.register_max_secs && self.register_max_secs <= MAX_SECS;
        if !is_range {
            let what = format!("{} to {} s is no time to be registered for, within {MAX_SECS}", self.register_min_secs, self.register_max_secs);
            problems.add(format!("{key}.register_max_secs"), what);
        }
        for (name, value) in [("ban_after", self.ban_after), ("ban_secs", self.ban_secs)] {
            if !(1..=MAX_SECS).contains(&value) {
                problems.add(format!("{key}.{name}"), format!("is {value}; expected 1 to {MAX_SECS}"));
            }
        }
    }
}

impl PhoneTable {
    /// A phone that is dialled at this `sip:` URI.
    pub fn dialled(agent: impl Into<String>, contact: impl Into<String>) -> Self {
        PhoneTable {
            agent: agent.into(),
            contact: Some(contact.into()),
            trunks: Vec::new(),
            username: None,
            password: None,
            password_env: None,
            password_file: None,
        }
    }

    /// Names every mistake that can be seen without the agents.
    pub fn check(&self, key: &str, problems: &mut Problems) {
        if self.agent.trim().is_empty() {
            problems.add(format!("{key}.agent"), "is empty; name the agent whose phone it is");
        }
        self.check_contact(key, problems);
        self.kept().check(key, problems);
        match &self.username {
            None if self.kept().is_named() => problems.add(format!("{key}.username"), "is missing; the password is that of a name"),
            None if self.contact.is_none() => {
                problems.add(key, "can't be reached: write a contact to dial, or username and password_env for a phone that registers");
            }
            None => {}
            Some(name) if name.is_empty() || name.chars().any(|c| c.is_control() || c.is_whitespace()) => {
                problems.add(format!("{key}.username"), format!("`{}` is no name that a phone could have", name.escape_debug()));
            }
            Some(_) if !self.kept().is_named() => {
                problems.add(format!("{key}.password_env"), "is missing; a phone that registers needs a password (or password_file)");
            }
            Some(_) => {}
        }
    }

    fn check_contact(&self, key: &str, problems: &mut Problems) {
        let is_number = self.contact.as_ref().is_some_and(|contact| contact.starts_with("tel:"));
        let is_uri = |contact: &str| (contact.starts_with("sip:") || is_number) && rsipstack::sip::parse_uri(contact).is_ok();
        match &self.contact {
            Some(contact) if !is_uri(contact) => {
                problems.add(format!("{key}.contact"), format!("`{contact}` is no `sip:` or `tel:` URI, such as `sip:anna@192.0.2.7`"));
            }
            Some(contact) if is_number && self.trunks.is_empty() => {
                problems.add(format!("{key}.trunks"), format!("is empty; `{contact}` is a number, and dialled over a [[trunk]]"));
            }
            None if !self.trunks.is_empty() => problems.add(format!("{key}.contact"), "is missing; only a contact is dialled over a trunk"),
            Some(_) | None => {}
        }
    }

    /// What the phone registers with; `None` if it does not register.
    ///
    /// # Errors
    /// Its password can't be had.
    pub fn account(&self) -> Result<Option<Credentials>, SecretError> {
        let Some(username) = &self.username else { return Ok(None) };
        Ok(self.kept().find()?.map(|password| Credentials { username: username.clone(), password }))
    }

    fn kept(&self) -> Kept<'_> {
        Kept { password: self.password.as_ref(), variable: self.password_env.as_deref(), file: self.password_file.as_deref() }
    }
}

/// Whether a header of this name may be read or written by whoever configures it.
fn is_free(name: &str) -> bool {
    is_token(name) && !RESERVED.iter().any(|reserved| name.eq_ignore_ascii_case(reserved))
}

fn is_target(target: &str) -> bool {
    ["sip:", "sips:", "tel:"].iter().any(|scheme| target.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_holds_its_own_addresses_only() {
        let holds = |network: &str, address: &str| Network::read(network).expect(network).contains(address.parse().expect(address));
        assert!(holds("192.0.2.0/24", "192.0.2.200") && !holds("192.0.2.0/24", "192.0.3.1"));
        assert!(holds("192.0.2.128/25", "192.0.2.200") && !holds("192.0.2.128/25", "192.0.2.100"));
        assert!(holds("192.0.2.7", "192.0.2.7") && !holds("192.0.2.7", "192.0.2.8"));
        assert!(holds("0.0.0.0/0", "8.8.8.8") && !holds("0.0.0.0/0", "::1"));
        assert!(holds("127.0.0.0/8", "::ffff:127.0.0.1"));
        for bad in ["", "x", "192.0.2.0/33", "192.0.2.0/-1", "192.0.2.0/", "::1/129", "192.0.2"] {
            assert!(Network::read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn every_mistake_is_named_by_its_key() {
        for (wrong, named) in [
            ("bind = []", "sip.bind"),
            ("bind = [\"127.0.0.1:5060\"]", "sip.bind[0]"),
            ("bind = [\"udp:127.0.0.1:5060\", \"sctp:127.0.0.1:5060\"]", "sip.bind[1]"),
            ("bind = [\"udp:localhost\"]", "sip.bind[0]"),
            ("bind = [\"tls:127.0.0.1:5061\"]", "sip.tls.certificate_file"),
            ("bind = [\"udp:0.0.0.0:5060\"]", "sip.external_address"),
            ("bind = [\"udp:[::]:5060\"]\nexternal_address = \"::\"", "sip.external_address"),
            ("tls = { certificate_file = \"a.pem\" }", "sip.tls.key_file"),
            ("allow = [\"192.0.2.0/99\"]", "sip.allow[0]"),
            ("trusted = [\"192.0.2\"]", "sip.trusted[0]"),
            ("caller_headers = [\"X-Tier\", \"Authorization\"]", "sip.caller_headers[1]"),
            ("caller_headers = [\"X Tier\"]", "sip.caller_headers[0]"),
            ("agent_headers = { Via = \"{key}\" }", "sip.agent_headers.Via"),
            ("agent_headers = { X-Key = \"a\\nb\" }", "sip.agent_headers.X-Key"),
            ("user_to_user = { discriminator = \"4\" }", "sip.user_to_user.discriminator"),
            ("codecs = []", "sip.codecs"),
            ("rtp_first_port = 80", "sip.rtp_last_port"),
            ("rtp_first_port = 30000", "sip.rtp_last_port"),
            ("overload_target = \"elsewhere\"", "sip.overload_target"),
            ("calls_per_second = 0", "sip.calls_per_second"),
            ("session_min_secs = 30", "sip.session_min_secs"),
            ("session_secs = 60", "sip.session_secs"),
            ("session_secs = 100000", "sip.session_secs"),
            ("realm = \"\"", "sip.realm"),
            ("digests = []", "sip.digests"),
            ("register_min_secs = 0", "sip.register_max_secs"),
            ("register_min_secs = 601", "sip.register_max_secs"),
            ("register_max_secs = 100000", "sip.register_max_secs"),
            ("ban_after = 0", "sip.ban_after"),
            ("ban_secs = 0", "sip.ban_secs"),
        ] {
            let table: SipTable = toml::from_str(wrong).expect(wrong);
            let mut problems = Problems::default();
            table.check("sip", &mut problems);
            assert!(problems.to_string().contains(named), "{wrong}: {problems}");
        }
        let mut problems = Problems::default();
        SipTable::default().check("sip", &mut problems);
        assert_eq!(problems.to_string(), "");
    }
    #[test]
    fn a_phone_is_dialled_or_registers() {
        for (written, named) in [
            ("contact = \"sip:a@192.0.2.7\"", ""),
            ("username = \"a\"\npassword = \"b\"", ""),
            ("username = \"a\"\npassword_env = \"B\"\ncontact = \"sip:a@192.0.2.7\"", ""),
            ("", "phone[0]: can't be reached"),
            ("username = \"a\"", "phone[0].password_env"),
            ("password = \"b\"", "phone[0].username"),
            ("username = \"a b\"\npassword = \"b\"", "phone[0].username"),
            ("username = \"a\"\npassword = \"b\"\npassword_file = \"c\"", "phone[0].password"),
            ("contact = \"tel:+1201\"\ntrunks = [\"carrier\"]", ""),
            ("contact = \"sip:a@192.0.2.7\"\ntrunks = [\"carrier\", \"other\"]", ""),
            ("contact = \"tel:+1201\"", "phone[0].trunks"),
            ("username = \"a\"\npassword = \"b\"\ntrunks = [\"carrier\"]", "phone[0].contact"),
            ("contact = \"mailto:a@b\"", "phone[0].contact"),
            ("contact = \"sip:\"", "phone[0].contact"),
        ] {
            let table: PhoneTable = toml::from_str(&format!("agent = \"anna\"\n{written}")).expect(written);
            let mut problems = Problems::default();
            table.check("phone[0]", &mut problems);
            assert!(problems.to_string().contains(named) && problems.0.is_empty() == named.is_empty(), "{written}: {problems}");
        }
    }
}
