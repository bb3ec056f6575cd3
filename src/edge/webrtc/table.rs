//! `[webrtc]` as it is written in the configuration.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::secret::{Kept, Secret, SecretError};
use crate::base::Problems;
use crate::sound::codec::Codec;

/// Codecs that every browser has (RFC 7874, 3).
const BROWSER_CODECS: [Codec; 3] = [Codec::Opus, Codec::Pcmu, Codec::Pcma];
/// Schemes of servers that help browsers to reach us (RFC 7064, RFC 7065).
const SCHEMES: [&str; 4] = ["stun:", "stuns:", "turn:", "turns:"];
/// Servers at most: browsers ask all of them, each time.
const MAX_SERVERS: usize = 8;
/// Most lines that may be configured.
const MAX_LINES: u32 = 10_000;

/// `[webrtc]`: where the sound of browsers comes in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct WebRtcTable {
    /// The UDP address for the sound of all browsers; on loopback until told otherwise. Port 0 for any.
    pub bind: SocketAddr,
    /// The addresses that browsers are told, where they are not the one that is bound: behind NAT, or with `0.0.0.0`.
    pub external_addresses: Vec<IpAddr>,
    /// Codecs, in order of preference: `opus`, `pcmu`, `pcma`.
    pub codecs: Vec<Codec>,
    /// Browsers that are connected at the same time at most.
    pub max_lines: u32,
    /// STUN and TURN servers that browsers use to reach us.
    pub ice_server: Vec<IceServerTable>,
}

/// `[[webrtc.ice_server]]`: a server by which browsers reach us.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IceServerTable {
    /// Such as `turn:turn.example.com:3478?transport=udp`.
    pub urls: Vec<String>,
    /// The user name of a TURN server.
    pub username: Option<String>,
    /// The password of a TURN server. Everybody who opens a page is told it.
    pub password: Option<Secret>,
    /// The variable of the environment that holds the password.
    pub password_env: Option<String>,
    /// The file that holds the password.
    pub password_file: Option<PathBuf>,
}

/// A server by which browsers reach us, with its password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IceServer {
    /// Where it is.
    pub urls: Vec<String>,
    /// User name and password, if it wants any.
    pub credentials: Option<(String, Secret)>,
}

impl Default for WebRtcTable {
    fn default() -> Self {
        WebRtcTable {
            bind: SocketAddr::from(([127, 0, 0, 1], 0)),
            external_addresses: Vec::new(),
            codecs: BROWSER_CODECS.to_vec(),
            max_lines: 1_000,
            ice_server: Vec::new(),
        }
    }
}

impl WebRtcTable {
    /// Names every mistake below `key`.
    pub fn check(&self, key: &str, problems: &mut Problems) {
        if self.bind.ip().is_unspecified() && self.external_addresses.is_empty() {
            problems.add(format!("{key}.external_addresses"), "is empty; with `bind` on all addresses, name those that browsers are to use");
        }
        for (n, address) in self.external_addresses.iter().enumerate() {
            if address.is_unspecified() || address.is_multicast() {
                problems.add(format!("{key}.external_addresses[{n}]"), format!("`{address}` is no address of a host"));
            } else if address.is_ipv4() != self.bind.is_ipv4() {
                problems.add(format!("{key}.external_addresses[{n}]"), format!("is `{address}`; it must be of the same kind as `bind`"));
            }
        }
        if self.codecs.is_empty() {
            problems.add(format!("{key}.codecs"), "is empty; name at least one of opus, pcmu and pcma");
        }
        for (n, codec) in self.codecs.iter().enumerate() {
            if !BROWSER_CODECS.contains(codec) {
                problems.add(format!("{key}.codecs[{n}]"), "no browser has it; name opus, pcmu or pcma");
            } else if self.codecs[..n].contains(codec) {
                problems.add(format!("{key}.codecs[{n}]"), "is named twice");
            }
        }
        if !(1..=MAX_LINES).contains(&self.max_lines) {
            problems.add(format!("{key}.max_lines"), format!("is {}; it must be between 1 and {MAX_LINES}", self.max_lines));
        }
        if self.ice_server.len() > MAX_SERVERS {
            problems.add(format!("{key}.ice_server"), format!("are {}; at most {MAX_SERVERS}", self.ice_server.len()));
        }
        for (n, server) in self.ice_server.iter().enumerate() {
            server.check(&format!("{key}.ice_server[{n}]"), problems);
        }
    }
}

impl IceServerTable {
    fn kept(&self) -> Kept<'_> {
        Kept { password: self.password.as_ref(), variable: self.password_env.as_deref(), file: self.password_file.as_deref() }
    }

    /// The server, with its password.
    ///
    /// # Errors
    /// The password can't be had.
    pub fn server(&self) -> Result<IceServer, SecretError> {
        let password = self.kept().find()?;
        Ok(IceServer { urls: self.urls.clone(), credentials: self.username.clone().zip(password) })
    }

    fn check(&self, key: &str, problems: &mut Problems) {
        if self.urls.is_empty() {
            problems.add(format!("{key}.urls"), "is empty; name at least one such as `stun:stun.example.com:3478`");
        }
        let scheme_of = |url: &str| SCHEMES.into_iter().find(|scheme| url.strip_prefix(scheme).is_some_and(|host| !host.is_empty()));
        for (n, url) in self.urls.iter().enumerate() {
            if scheme_of(url).is_none() {
                problems.add(format!("{key}.urls[{n}]"), format!("is `{url}`; it must begin with stun:, stuns:, turn: or turns:, and name a host"));
            }
        }
        self.kept().check(key, problems);
        let is_turn = self.urls.iter().any(|url| url.starts_with("turn"));
        if is_turn && self.username.as_ref().is_none_or(String::is_empty) {
            problems.add(format!("{key}.username"), "is missing; browsers use no TURN server without one");
        }
        if is_turn && !self.kept().is_named() {
            problems.add(format!("{key}.password"), "is missing; browsers use no TURN server without one");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_hold() {
        let mut problems = Problems::default();
        WebRtcTable::default().check("webrtc", &mut problems);
        assert!(problems.0.is_empty(), "{problems}");
    }

    #[test]
    fn every_mistake_is_named_by_its_key() {
        let bad = IceServerTable { urls: vec!["turn:turn.example.com".into(), "http://x".into(), "stun:".into()], ..IceServerTable::default() };
        let table = WebRtcTable {
            bind: SocketAddr::from(([0, 0, 0, 0], 8_189)),
            external_addresses: vec![IpAddr::from([0, 0, 0, 0]), IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1])],
            codecs: vec![Codec::G722, Codec::Opus, Codec::Opus],
            max_lines: 0,
            ice_server: vec![bad, IceServerTable::default()],
        };
        let mut problems = Problems::default();
        table.check("webrtc", &mut problems);
        WebRtcTable { external_addresses: Vec::new(), codecs: Vec::new(), ..table }.check("bare", &mut problems);
        let text = problems.to_string();
        for key in [
            "webrtc.external_addresses[0]",
            "webrtc.external_addresses[1]",
            "webrtc.codecs[0]",
            "webrtc.codecs[2]",
            "webrtc.max_lines",
            "webrtc.ice_server[0].urls[1]",
            "webrtc.ice_server[0].urls[2]",
            "webrtc.ice_server[0].username",
            "webrtc.ice_server[0].password",
            "webrtc.ice_server[1].urls",
            "bare.external_addresses",
            "bare.codecs",
        ] {
            assert!(text.contains(&format!("{key}:")), "{key} is missing in {text}");
        }
    }
}
