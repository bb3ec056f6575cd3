//! `[sip]` and `[[phone]]` as they are written in the configuration.

use std::net::{IpAddr, SocketAddr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::Problems;
use crate::sound::codec::Codec;

use super::sdp::Encryption;

/// Longest time that a key here may ask for, in s.
const MAX_SECS: u32 = 86_400;

/// `[sip]`: where phone calls come in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SipTable {
    /// Transports and addresses to listen on, such as `udp:127.0.0.1:5060` and `tcp:127.0.0.1:5060`; on loopback until told otherwise. Port 0 for any.
    pub bind: Vec<String>,
    /// The address that peers are told, where it is not the one that is bound (behind NAT).
    pub external_address: Option<IpAddr>,
    /// From whom calls are taken: addresses, or networks such as `192.0.2.0/24`.
    pub allow: Vec<String>,
    /// Codecs, in order of preference: `pcmu`, `pcma`, `g722`, `opus`.
    pub codecs: Vec<Codec>,
    /// Encrypted sound (SRTP by SDES): `off`, `optional` (where the caller offers it) or `required`.
    pub srtp: SrtpPolicy,
    /// First port for sound.
    pub rtp_first_port: u16,
    /// Last port for sound; each leg takes two.
    pub rtp_last_port: u16,
    /// Callers for whom there is no room, or who come during a shutdown, are sent to this `sip:` target (302); without it they get 503.
    pub overload_target: Option<String>,
    /// New calls a second from one address at most; more are answered with 503.
    pub calls_per_second: u32,
}

/// Whether sound is encrypted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SrtpPolicy {
    /// Never.
    #[default]
    Off,
    /// Where the caller offers it.
    Optional,
    /// Always.
    Required,
}

impl SrtpPolicy {
    /// As an answer takes it.
    pub fn encryption(self) -> Encryption {
        match self {
            SrtpPolicy::Off => Encryption::Off,
            SrtpPolicy::Optional => Encryption::Optional,
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
    /// Whom to dial: a `sip:` URI, such as `sip:anna@192.0.2.7`.
    pub contact: String,
}

/// How sound's and signalling's transports are named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Datagrams.
    Udp,
    /// Streams.
    Tcp,
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
        _ => return Err(format!("`{transport}` is no transport; `udp` and `tcp` are")),
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
            external_address: None,
            allow: vec!["127.0.0.0/8".into(), "::1".into()],
            codecs: vec![Codec::Pcmu, Codec::Pcma],
            srtp: SrtpPolicy::Off,
            rtp_first_port: 20_000,
            rtp_last_port: 29_999,
            overload_target: None,
            calls_per_second: 50,
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
        for (n, network) in self.allow.iter().enumerate() {
            if let Err(what) = Network::read(network) {
                problems.add(format!("{key}.allow[{n}]"), what);
            }
        }
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
    }
}

impl PhoneTable {
    /// Names every mistake that can be seen without the agents.
    pub fn check(&self, key: &str, problems: &mut Problems) {
        if self.agent.trim().is_empty() {
            problems.add(format!("{key}.agent"), "is empty; name the agent whose phone it is");
        }
        if !self.contact.starts_with("sip:") || rsipstack::sip::parse_uri(&self.contact).is_err() {
            problems.add(format!("{key}.contact"), format!("`{}` is no `sip:` URI, such as `sip:anna@192.0.2.7`", self.contact));
        }
    }
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
            ("allow = [\"192.0.2.0/99\"]", "sip.allow[0]"),
            ("codecs = []", "sip.codecs"),
            ("rtp_first_port = 80", "sip.rtp_last_port"),
            ("rtp_first_port = 30000", "sip.rtp_last_port"),
            ("overload_target = \"elsewhere\"", "sip.overload_target"),
            ("calls_per_second = 0", "sip.calls_per_second"),
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
}
