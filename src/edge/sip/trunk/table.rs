//! `[[trunk]]` as it is written in the configuration.

use std::path::PathBuf;

use rsipstack::sip::{Param, Scheme, Transport, Uri};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::Problems;
use crate::sound::codec::Codec;

use super::super::digest::Credentials;
use super::super::secret::{Kept, Secret, SecretError};
use super::super::table::Network;

/// Longest time that a key here may ask for, in s: a day.
const MAX_SECS: u32 = 86_400;
/// Shortest registration that may be asked for, in s; below it nothing but registering would be done.
const MIN_REGISTER_SECS: u32 = 10;

/// `[[trunk]]`: a carrier or telephone system that calls are dialled over, and that sends us its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrunkTable {
    /// What phones and the log call it.
    pub name: String,
    /// Where calls are sent: a `sip:` URI with its transport, such as `sip:sip.example.com;transport=tls`; UDP if it says none.
    pub server: String,
    /// Who we are to the trunk, where it asks for a password or has us register.
    pub username: Option<String>,
    /// The password. Better kept outside of this file: in `password_env` or `password_file`.
    pub password: Option<Secret>,
    /// The variable of the environment that holds the password.
    pub password_env: Option<String>,
    /// The file that holds the password and nothing else.
    pub password_file: Option<PathBuf>,
    /// Register at the trunk for so long at a time, in s, and again before that is over; 0 for a trunk that knows where we are.
    #[serde(default)]
    pub register_secs: u32,
    /// From where the trunk's calls come: addresses, or networks such as `192.0.2.0/24`. Its calls are taken as those of `sip.allow` are.
    #[serde(default)]
    pub allow: Vec<String>,
    /// Where its calls say who is called.
    #[serde(default)]
    pub called_in: CalledIn,
    /// Look so often whether the trunk is there (OPTIONS), in s; one that is not is passed over until it is back. 0 for one that answers none.
    #[serde(default = "options_secs")]
    pub options_secs: u32,
    /// A trunk that does not react to a call at all for so long is given up for the next one, in s.
    #[serde(default = "silent_secs")]
    pub silent_secs: f64,
    /// The domain of who calls and registers; the host of `server` unless it is another.
    pub domain: Option<String>,
    /// The number or name that calls show as the caller; `username` unless it is another.
    pub caller_id: Option<String>,
    /// Send numbers (`tel:`) as `sip:` numbers at the trunk's domain, for a trunk that takes no `tel:`.
    #[serde(default)]
    pub tel_as_sip: bool,
    /// Codecs, in order of preference; those of `sip.codecs` if there are none.
    #[serde(default)]
    pub codecs: Vec<Codec>,
}

/// Where a call says who is called. A trunk that we register at may call the contact that we registered, and say only elsewhere
/// which of our numbers was dialled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CalledIn {
    /// The Request-URI, which proxies change on the way.
    #[default]
    RequestUri,
    /// `To`, as the caller dialled.
    To,
    /// `P-Called-Party-ID` (RFC 7315, 4.2); the Request-URI where there is none.
    PCalledPartyId,
}

fn options_secs() -> u32 {
    30
}

fn silent_secs() -> f64 {
    5.0
}

/// Reads where a trunk's calls are sent.
///
/// # Errors
/// What is wrong with it.
pub fn read_server(written: &str) -> Result<Uri, String> {
    let wrong = || format!("`{written}` is no `sip:` URI of a server, such as `sip:sip.example.com;transport=tcp`");
    let uri = rsipstack::sip::parse_uri(written).map_err(|_| wrong())?;
    let host = uri.host_with_port.host.to_string();
    let is_plain = uri.auth.is_none() && uri.headers.is_empty() && !host.is_empty() && !host.contains(|c: char| c.is_whitespace() || c.is_control());
    if !is_plain || uri.scheme != Some(Scheme::Sip) {
        return Err(wrong());
    }
    match uri.params.iter().find_map(|param| if let Param::Transport(transport) = param { Some(*transport) } else { None }) {
        None | Some(Transport::Udp | Transport::Tcp | Transport::Tls) => Ok(uri),
        Some(other) => Err(format!("`{other}` is no transport of ours; udp, tcp and tls are")),
    }
}

impl TrunkTable {
    /// Names every mistake below `key`.
    pub fn check(&self, key: &str, problems: &mut Problems) {
        if self.name.trim().is_empty() {
            problems.add(format!("{key}.name"), "is empty; phones and the log call the trunk by it");
        }
        if let Err(what) = read_server(&self.server) {
            problems.add(format!("{key}.server"), what);
        }
        self.check_account(key, problems);
        for (n, network) in self.allow.iter().enumerate() {
            if let Err(what) = Network::read(network) {
                problems.add(format!("{key}.allow[{n}]"), what);
            }
        }
        if self.options_secs > MAX_SECS {
            problems.add(
                format!("{key}.options_secs"),
                format!("is {}; at most {MAX_SECS}, or 0 for a trunk that answers no OPTIONS", self.options_secs),
            );
        }
        if !(0.5..=32.0).contains(&self.silent_secs) {
            problems.add(format!("{key}.silent_secs"), format!("is {}; it must be between 0.5 and 32", self.silent_secs));
        }
        for (name, value) in [("domain", &self.domain), ("caller_id", &self.caller_id)] {
            let is_odd = |value: &String| value.is_empty() || value.chars().any(|c| c.is_whitespace() || c.is_control() || "<>\"@;?".contains(c));
            if value.as_ref().is_some_and(is_odd) {
                problems.add(format!("{key}.{name}"), "must be a part of `sip:caller_id@domain`, without the rest");
            }
        }
    }

    fn check_account(&self, key: &str, problems: &mut Problems) {
        self.kept().check(key, problems);
        match &self.username {
            None if self.kept().is_named() => problems.add(format!("{key}.username"), "is missing; the password is that of a name"),
            None if self.register_secs > 0 => problems.add(format!("{key}.username"), "is missing; it is by a name that one registers"),
            None => {}
            Some(name) if name.is_empty() || name.chars().any(|c| c.is_control() || c.is_whitespace()) => {
                problems.add(format!("{key}.username"), format!("`{}` is no name that a trunk could know us by", name.escape_debug()));
            }
            Some(_) => {}
        }
        if self.register_secs > 0 && !(MIN_REGISTER_SECS..=MAX_SECS).contains(&self.register_secs) {
            let what = format!("is {}; it must be between {MIN_REGISTER_SECS} and {MAX_SECS}, or 0 to not register", self.register_secs);
            problems.add(format!("{key}.register_secs"), what);
        }
    }

    /// What we prove who we are with; `None` where the trunk wants no password.
    ///
    /// # Errors
    /// The password can't be had.
    pub fn account(&self) -> Result<Option<Credentials>, SecretError> {
        let Some(username) = &self.username else { return Ok(None) };
        Ok(self.kept().find()?.map(|password| Credentials { username: username.clone(), password }))
    }

    fn kept(&self) -> Kept<'_> {
        Kept { password: self.password.as_ref(), variable: self.password_env.as_deref(), file: self.password_file.as_deref() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(written: &str) -> Problems {
        let table: TrunkTable = toml::from_str(written).expect(written);
        let mut problems = Problems::default();
        table.check("trunk[0]", &mut problems);
        problems
    }

    #[test]
    fn every_mistake_is_named_by_its_key() {
        for (wrong, named) in [
            ("name = \" \"", "trunk[0].name"),
            ("server = \"\"", "trunk[0].server"),
            ("server = \"sip.example.com\"", "trunk[0].server"),
            ("server = \"sips:sip.example.com\"", "trunk[0].server"),
            ("server = \"tel:+1201\"", "trunk[0].server"),
            ("server = \"sip:anna@sip.example.com\"", "trunk[0].server"),
            ("server = \"sip:a b\"", "trunk[0].server"),
            ("server = \"sip:a;transport=sctp\"", "trunk[0].server"),
            ("server = \"sip:a:99999\"", "trunk[0].server"),
            ("password = \"a\"", "trunk[0].username"),
            ("register_secs = 60", "trunk[0].username"),
            ("username = \"a\"\nregister_secs = 5", "trunk[0].register_secs"),
            ("username = \"a\"\nregister_secs = 86401", "trunk[0].register_secs"),
            ("username = \"a b\"", "trunk[0].username"),
            ("username = \"a\"\npassword = \"b\"\npassword_env = \"C\"", "trunk[0].password"),
            ("allow = [\"carrier\"]", "trunk[0].allow[0]"),
            ("options_secs = 100000", "trunk[0].options_secs"),
            ("silent_secs = 0.1", "trunk[0].silent_secs"),
            ("domain = \"sip:example.com@\"", "trunk[0].domain"),
            ("caller_id = \"\"", "trunk[0].caller_id"),
        ] {
            let key = wrong.split(" =").next().unwrap_or_default();
            let rest: String = [("name", "name = \"a\""), ("server", "server = \"sip:sip.example.com\"")]
                .iter()
                .filter(|(name, _)| *name != key)
                .map(|(_, line)| format!("{line}\n"))
                .collect();
            let problems = problems(&format!("{rest}{wrong}"));
            assert!(problems.to_string().contains(named) && problems.0.len() == 1, "{wrong}: {problems}");
        }
    }

    #[test]
    fn a_trunk_may_be_a_server_alone_or_have_it_all() {
        for written in [
            "name = \"a\"\nserver = \"sip:192.0.2.7:5080;transport=tcp\"",
            "name = \"a\"\nserver = \"sip:[2001:db8::7]\"\nusername = \"b\"\npassword = \"c\"\nregister_secs = 300\nallow = [\"192.0.2.0/24\"]\noptions_secs = 0\n\
             silent_secs = 2\ndomain = \"example.com\"\ncaller_id = \"+4930123\"\ntel_as_sip = true\ncodecs = [\"g722\"]",
        ] {
            assert_eq!(problems(written).to_string(), "", "{written}");
        }
    }

    #[test]
    fn a_password_of_a_trunk_is_never_printed() {
        let table: TrunkTable = toml::from_str("name = \"a\"\nserver = \"sip:a\"\nusername = \"a\"\npassword = \"sesame\"").expect("well formed");
        assert_eq!(table.account().expect("it is here").expect("it is here").password.reveal(), "sesame");
        assert!(!format!("{table:?}").contains("sesame"));
    }
}
