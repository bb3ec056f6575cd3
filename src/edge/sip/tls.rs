//! Certificates of SIP over TLS (RFC 3261, 26.3.1): ours, by which peers know us, and those that we trust in peers.
//!
//! What is *not* here: sockets (`accept`), and the library's connections to peers, which verify by [`TlsTable::trust`].

use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rustls::ServerConfig;
use rustls::pki_types::CertificateDer;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::Problems;
use crate::net::{certificates, server};

/// Characters of a line of PEM (RFC 7468, 2).
const PEM_LINE: usize = 64;

/// `[sip.tls]`: certificates of SIP over TLS.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TlsTable {
    /// Our certificate and those between it and its root, in PEM; needed where `sip.bind` names `tls`. It is read again with the configuration (SIGHUP).
    pub certificate_file: Option<PathBuf>,
    /// The certificate's private key, in PEM.
    pub key_file: Option<PathBuf>,
    /// Roots that we trust when we dial over TLS, in PEM; those of the system unless it is named.
    pub trust_file: Option<PathBuf>,
}

impl TlsTable {
    /// Names every mistake below `key` that can be seen without reading files. `is_bound`: peers come in over TLS.
    pub fn check(&self, key: &str, is_bound: bool, problems: &mut Problems) {
        let pair = [("certificate_file", &self.certificate_file), ("key_file", &self.key_file)];
        let is_named = pair.iter().any(|(_, file)| file.is_some());
        for (name, _) in pair.iter().filter(|(_, file)| file.is_none() && (is_bound || is_named)) {
            problems.add(format!("{key}.{name}"), "is missing; who listens on TLS needs a certificate and its key, in PEM");
        }
    }

    /// How peers are met that come in over TLS: they see our certificate, and need none.
    ///
    /// # Errors
    /// The certificate or its key can't be read, or they don't belong together.
    pub fn server(&self) -> Result<Arc<ServerConfig>, String> {
        let (Some(certificate), Some(key)) = (&self.certificate_file, &self.key_file) else {
            return Err("sip.tls.certificate_file and sip.tls.key_file are needed to listen on TLS".into());
        };
        server(certificate, key).map(Arc::new)
    }

    /// The roots by which peers are verified whom we dial, in PEM.
    ///
    /// # Errors
    /// The file can't be read, or holds no certificate.
    pub fn trust(&self) -> Result<Vec<u8>, String> {
        let roots = match &self.trust_file {
            Some(file) => certificates(file)?,
            None => rustls_native_certs::load_native_certs().certs,
        };
        Ok(roots.iter().map(pem).collect::<String>().into_bytes())
    }
}

fn pem(certificate: &CertificateDer<'_>) -> String {
    let written = BASE64_STANDARD.encode(certificate);
    let mut text = String::from("-----BEGIN CERTIFICATE-----\n");
    let mut rest = written.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(PEM_LINE));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    text + "-----END CERTIFICATE-----\n"
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::pem::PemObject as _;

    use super::*;

    #[test]
    fn who_listens_needs_a_certificate_and_its_key() {
        let named = |table: &TlsTable, is_bound: bool| {
            let mut problems = Problems::default();
            table.check("sip.tls", is_bound, &mut problems);
            problems.to_string()
        };
        assert_eq!(named(&TlsTable::default(), false), "");
        assert!(named(&TlsTable::default(), true).contains("sip.tls.certificate_file"));
        let half = TlsTable { certificate_file: Some("a.pem".into()), ..TlsTable::default() };
        assert!(named(&half, false).contains("sip.tls.key_file"));
        let whole = TlsTable { key_file: Some("b.pem".into()), ..half };
        assert_eq!(named(&whole, true), "");
        assert!(whole.server().is_err_and(|why| why.starts_with("a.pem: no certificates")));
    }

    #[test]
    fn certificates_come_back_from_pem_as_they_went() {
        let octets: Vec<u8> = (0..=255).collect();
        let text = pem(&CertificateDer::from(octets.clone()));
        assert!(text.lines().all(|line| line.len() <= PEM_LINE));
        let back = CertificateDer::from_pem_slice(text.as_bytes()).expect("well formed");
        assert_eq!(back.as_ref(), octets);
    }
}
