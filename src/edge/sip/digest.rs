//! Digest authentication (RFC 7616; for SIP RFC 3261, section 22, and RFC 8760): MD5, SHA-256 and their `-sess` forms, with
//! `qop=auth` or none.
//!
//! As a client: [`choose`] the challenge, then [`Challenge::answer`]. As a server: an authority of [`server`] challenges
//! and verifies. The library's own digests are not used: it prints `nc` in decimal and stumbles over
//! `qop="auth,auth-int"` and SHA-256. What is *not* here: `auth-int`, `userhash` and SHA-512/256, which no peer needs.

pub mod server;

use std::fmt;

use super::params::{hex, parameter, quoted, split};
use super::secret::Secret;

/// Parameters of one header at most; RFC 7616 names eleven.
const MAX_PARAMETERS: usize = 24;

/// Who we are, or whom we know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// The user name.
    pub username: String,
    /// Its password; never printed.
    pub password: Secret,
}

impl Credentials {
    /// These credentials.
    pub fn new(username: impl Into<String>, password: impl Into<String>) -> Self {
        Credentials { username: username.into(), password: Secret::new(password) }
    }
}

/// How digests are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Algorithm {
    /// The one that every phone knows.
    Md5,
    /// MD5 with the nonces in the secret's digest.
    Md5Sess,
    /// RFC 8760.
    Sha256,
    /// SHA-256 with the nonces in the secret's digest.
    Sha256Sess,
}

impl Algorithm {
    fn read(written: &str) -> Option<Algorithm> {
        [Algorithm::Md5, Algorithm::Md5Sess, Algorithm::Sha256, Algorithm::Sha256Sess]
            .into_iter()
            .find(|algorithm| algorithm.to_string().eq_ignore_ascii_case(written))
    }

    /// The digest in lower-case hexadecimal digits.
    fn digest(self, text: &str) -> String {
        match self {
            Algorithm::Md5 | Algorithm::Md5Sess => {
                use md5::Digest as _;
                hex(&md5::Md5::digest(text.as_bytes()))
            }
            Algorithm::Sha256 | Algorithm::Sha256Sess => hex(ring::digest::digest(&ring::digest::SHA256, text.as_bytes()).as_ref()),
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Algorithm::Md5 => "MD5",
            Algorithm::Md5Sess => "MD5-sess",
            Algorithm::Sha256 => "SHA-256",
            Algorithm::Sha256Sess => "SHA-256-sess",
        })
    }
}

/// What is wrong with a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DigestError {
    /// Another scheme than `Digest`.
    #[error("it is no digest")]
    Scheme,
    /// The header can't be read.
    #[error("it is malformed")]
    Malformed,
    /// An algorithm or quality of protection that is not ours.
    #[error("it asks for what is not known here")]
    Unsupported,
}

/// One `WWW-Authenticate` or `Proxy-Authenticate`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// Whose password is wanted.
    pub realm: String,
    /// What the digest has to hold.
    pub nonce: String,
    /// Given back as it is.
    pub opaque: Option<String>,
    /// `None` if it was not said, and so MD5.
    pub algorithm: Option<Algorithm>,
    /// `qop=auth` is offered.
    pub has_auth: bool,
    /// Only the nonce was too old; the password was right.
    pub is_stale: bool,
}

impl Challenge {
    /// Reads the value of the header.
    ///
    /// # Errors
    /// It can't be read, or asks for something else than digests of ours.
    pub fn parse(value: &str) -> Result<Challenge, DigestError> {
        let mut fields = Fields::parse(value)?;
        let algorithm = fields.take("algorithm").map(|name| Algorithm::read(&name).ok_or(DigestError::Unsupported)).transpose()?;
        let qop = fields.take("qop");
        let has_auth = qop.as_ref().is_some_and(|qop| split(qop, ',').iter().any(|option| option.eq_ignore_ascii_case("auth")));
        let is_session = matches!(algorithm, Some(Algorithm::Md5Sess | Algorithm::Sha256Sess));
        if !has_auth && (is_session || qop.is_some_and(|qop| !qop.trim().is_empty())) {
            return Err(DigestError::Unsupported);
        }
        Ok(Challenge {
            realm: fields.take("realm").ok_or(DigestError::Malformed)?,
            nonce: fields.take("nonce").filter(|nonce| !nonce.is_empty()).ok_or(DigestError::Malformed)?,
            opaque: fields.take("opaque"),
            algorithm,
            has_auth,
            is_stale: fields.take("stale").is_some_and(|stale| stale.eq_ignore_ascii_case("true")),
        })
    }

    /// The value of `Authorization` or `Proxy-Authorization` for the `count`th request (from 1) with this challenge's nonce.
    pub fn answer(&self, credentials: &Credentials, method: &str, uri: &str, (count, cnonce): (u32, &str)) -> String {
        let algorithm = self.algorithm.unwrap_or(Algorithm::Md5);
        let counted = self.has_auth.then(|| Counted { nc: format!("{count:08x}"), cnonce: cnonce.to_owned() });
        let asked = Asked { realm: &self.realm, nonce: &self.nonce, method, uri, counted: counted.as_ref() };
        let response = asked.response(algorithm, credentials);
        let mut value = format!(
            "Digest username={}, realm={}, nonce={}, uri={}, response=\"{response}\"",
            quoted(&credentials.username),
            quoted(&self.realm),
            quoted(&self.nonce),
            quoted(uri)
        );
        if let Some(algorithm) = self.algorithm {
            value.push_str(&format!(", algorithm={algorithm}"));
        }
        if let Some(opaque) = &self.opaque {
            value.push_str(&format!(", opaque={}", quoted(opaque)));
        }
        if let Some(Counted { nc, cnonce }) = counted {
            value.push_str(&format!(", qop=auth, nc={nc}, cnonce={}", quoted(&cnonce)));
        }
        value
    }
}

/// The topmost challenge that we can answer (RFC 8760, 2.4): the server lists them in its own order of preference.
pub fn choose<'a>(values: impl IntoIterator<Item = &'a str>) -> Option<Challenge> {
    values.into_iter().find_map(|value| Challenge::parse(value).ok())
}

/// Everything of a request that goes into its digest, beside the secret.
struct Asked<'a> {
    realm: &'a str,
    nonce: &'a str,
    method: &'a str,
    uri: &'a str,
    counted: Option<&'a Counted>,
}

/// What `qop=auth` adds.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Counted {
    /// As it was written: eight hexadecimal digits.
    nc: String,
    cnonce: String,
}

impl Asked<'_> {
    /// RFC 7616, 3.4.1 to 3.4.3.
    fn response(&self, algorithm: Algorithm, Credentials { username, password }: &Credentials) -> String {
        let Asked { realm, nonce, method, uri, counted } = self;
        let mut secret = algorithm.digest(&format!("{username}:{realm}:{}", password.reveal()));
        if let (Algorithm::Md5Sess | Algorithm::Sha256Sess, Some(Counted { cnonce, .. })) = (algorithm, counted) {
            secret = algorithm.digest(&format!("{secret}:{nonce}:{cnonce}"));
        }
        let request = algorithm.digest(&format!("{method}:{uri}"));
        match counted {
            Some(Counted { nc, cnonce }) => algorithm.digest(&format!("{secret}:{nonce}:{nc}:{cnonce}:auth:{request}")),
            None => algorithm.digest(&format!("{secret}:{nonce}:{request}")),
        }
    }
}

/// The parameters of a header, each once.
struct Fields(Vec<(String, String)>);

impl Fields {
    fn parse(value: &str) -> Result<Fields, DigestError> {
        let value = value.trim();
        let (scheme, rest) = value.split_once(char::is_whitespace).ok_or(DigestError::Scheme)?;
        if !scheme.eq_ignore_ascii_case("digest") {
            return Err(DigestError::Scheme);
        }
        let mut fields: Vec<(String, String)> = Vec::new();
        // Empty elements of a list mean nothing (RFC 9110, 5.6.1).
        for written in split(rest, ',').into_iter().filter(|written| !written.is_empty()) {
            let Some((name, Some(value))) = parameter(written) else { return Err(DigestError::Malformed) };
            if fields.len() == MAX_PARAMETERS || fields.iter().any(|(known, _)| *known == name) {
                return Err(DigestError::Malformed);
            }
            fields.push((name, value));
        }
        Ok(Fields(fields))
    }

    fn take(&mut self, name: &str) -> Option<String> {
        let at = self.0.iter().position(|(known, _)| known == name)?;
        Some(self.0.swap_remove(at).1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7616, 3.9.1.
    const CNONCE: &str = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
    const RFC_7616: &str = "realm=\"http-auth@example.org\", qop=\"auth, auth-int\", nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\"";

    #[test]
    fn the_digests_of_the_standards_come_out() {
        let mufasa = Credentials::new("Mufasa", "Circle of Life");
        for (algorithm, response) in
            [("MD5", "8ca523f5e9506fed4657c9700eebdbec"), ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1")]
        {
            let challenge = Challenge::parse(&format!("Digest {RFC_7616}, algorithm={algorithm}")).expect("well formed");
            let value = challenge.answer(&mufasa, "GET", "/dir/index.html", (1, CNONCE));
            assert!(value.contains(&format!("response=\"{response}\"")), "{value}");
            assert!(value.contains(&format!("algorithm={algorithm}, opaque=\"FQhe")) && value.contains("qop=auth, nc=00000001, cnonce="), "{value}");
        }
        // RFC 2617, 3.5.
        let challenge = Challenge::parse(
            "Digest realm=\"testrealm@host.com\",qop=\"auth,auth-int\",nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\",opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"",
        )
        .expect("well formed");
        let value = challenge.answer(&Credentials::new("Mufasa", "Circle Of Life"), "GET", "/dir/index.html", (1, "0a4f113b"));
        assert!(value.contains("response=\"6629fae49393a05397450978507c4ef1\"") && !value.contains("algorithm"), "{value}");
    }

    #[test]
    fn without_a_quality_of_protection_nothing_is_counted() {
        let challenge = Challenge::parse("Digest realm=\"r\", nonce=\"n\"").expect("well formed");
        let value = challenge.answer(&Credentials::new("u", "p"), "REGISTER", "sip:r", (1, "c"));
        let expected = Algorithm::Md5.digest(&format!("{}:n:{}", Algorithm::Md5.digest("u:r:p"), Algorithm::Md5.digest("REGISTER:sip:r")));
        assert!(value.ends_with(&format!("response=\"{expected}\"")), "{value}");
    }

    #[test]
    fn the_tenth_request_of_a_nonce_is_counted_in_hexadecimal() {
        let challenge = Challenge::parse("Digest realm=\"r\", nonce=\"n\", qop=\"auth\"").expect("well formed");
        let credentials = Credentials::new("u", "p");
        assert!(challenge.answer(&credentials, "INVITE", "sip:r", (10, "c")).contains("nc=0000000a"));
        assert!(challenge.answer(&credentials, "INVITE", "sip:r", (4_096, "c")).contains("nc=00001000"));
    }

    #[test]
    fn the_topmost_challenge_that_is_known_is_taken() {
        let md5 = "Digest realm=\"r\", nonce=\"m\", algorithm=MD5, qop=auth";
        let sha = "Digest realm=\"r\", nonce=\"s\", algorithm=SHA-256, qop=\"auth\"";
        let sha512 = "Digest realm=\"r\", nonce=\"x\", algorithm=SHA-512-256, qop=\"auth\"";
        let nonce = |values: &[&str]| choose(values.iter().copied()).map(|challenge| challenge.nonce);
        assert_eq!(nonce(&[sha512, sha, md5]).as_deref(), Some("s"));
        assert_eq!(nonce(&[md5, sha]).as_deref(), Some("m"));
        assert_eq!(nonce(&["Basic realm=\"r\"", "rubbish", sha512]), None);
        let stale = choose(["digest REALM=\"r\" , Nonce = \"n\" ,, stale = TRUE"]).expect("odd but allowed");
        assert!(stale.is_stale && !stale.has_auth);
    }

    #[test]
    fn what_is_quoted_in_a_challenge_stays_quoted_in_the_answer() {
        let challenge = Challenge::parse("Digest realm=\"a \\\"b\\\", c\", nonce=\"n=1,2\", opaque=\"\"").expect("well formed");
        let value = challenge.answer(&Credentials::new("d\"e", "p"), "INVITE", "sip:a@b", (1, "c"));
        assert!(value.starts_with("Digest username=\"d\\\"e\", realm=\"a \\\"b\\\", c\", nonce=\"n=1,2\""), "{value}");
        assert!(value.contains("opaque=\"\""), "{value}");
    }

    #[test]
    fn challenges_that_can_not_be_answered_are_no_panic() {
        use DigestError::{Malformed, Scheme, Unsupported};
        for (bad, error) in [
            ("", Scheme),
            ("Digest", Scheme),
            ("Basic realm=\"r\"", Scheme),
            ("Digest ", Scheme),
            ("Digest realm", Malformed),
            ("Digest realm=\"r\"", Malformed),
            ("Digest nonce=\"n\"", Malformed),
            ("Digest realm=\"r\", nonce=\"\"", Malformed),
            ("Digest realm=\"r, nonce=\"n\"", Malformed),
            ("Digest realm=\"r\", nonce=\"n\", realm=\"s\"", Malformed),
            ("Digest realm=\"r\", nonce=\"n\" qop=\"auth\"", Malformed),
            ("Digest realm=\"r\", nonce=\"n\", =x", Malformed),
            ("Digest realm=\"r\", nonce=\"n\", é=x", Malformed),
            ("Digest realm=\"r\", nonce=\"n\", algorithm=SHA-512-256", Unsupported),
            ("Digest realm=\"r\", nonce=\"n\", qop=\"auth-int\"", Unsupported),
            ("Digest realm=\"r\", nonce=\"n\", algorithm=MD5-sess", Unsupported),
        ] {
            assert_eq!(Challenge::parse(bad), Err(error), "{bad}");
        }
        let many: String = (0..100).map(|n| format!(", p{n}=1")).collect();
        assert_eq!(Challenge::parse(&format!("Digest realm=\"r\", nonce=\"n\"{many}")), Err(Malformed));
    }

    #[test]
    fn credentials_are_not_printed() {
        assert!(!format!("{:?}", Credentials::new("dana", "open sesame")).contains("sesame"));
    }
}
