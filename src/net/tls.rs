//! TLS as every client here speaks it: ring, TLS 1.2 and 1.3, and the certificates that the system trusts
//! (`SSL_CERT_FILE` and `SSL_CERT_DIR` name others); and as our own servers speak it, by a certificate and its key.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};

/// The configuration of clients, made once. A system without certificates trusts nobody, which is logged.
///
/// # Errors
/// The cryptography is not as it was built: never, as far as we know.
pub fn tls() -> Result<Arc<ClientConfig>, String> {
    static CONFIG: OnceLock<Result<Arc<ClientConfig>, String>> = OnceLock::new();
    CONFIG.get_or_init(configure).clone()
}

/// How peers are met that come in over TLS: they see this certificate (and those between it and its root), and need none. Both files
/// are PEM.
///
/// # Errors
/// The certificate or its key can't be read, or they don't belong together.
pub fn server(certificate: &Path, key: &Path) -> Result<ServerConfig, String> {
    let chain = certificates(certificate)?;
    let wrong = |error: &dyn std::fmt::Display| format!("{}: no private key in PEM: {error}", key.display());
    let key_der = PrivateKeyDer::from_pem_file(key).map_err(|error| wrong(&error))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().map_err(|error| error.to_string())?;
    let config = config.with_no_client_auth().with_single_cert(chain, key_der);
    config.map_err(|error| format!("{} and {}: {error}", certificate.display(), key.display()))
}

/// The certificates in a file of PEM.
///
/// # Errors
/// It can't be read, or holds none.
pub fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let wrong = |error: &dyn std::fmt::Display| format!("{}: no certificates in PEM: {error}", file.display());
    let chain = CertificateDer::pem_file_iter(file).map_err(|error| wrong(&error))?.collect::<Result<Vec<_>, _>>().map_err(|error| wrong(&error))?;
    if chain.is_empty() { Err(wrong(&"it holds none")) } else { Ok(chain) }
}

fn configure() -> Result<Arc<ClientConfig>, String> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        tracing::warn!("the system has no trusted certificates (Debian: ca-certificates), so no https or wss server can be reached");
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().map_err(|error| error.to_string())?;
    Ok(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
}
