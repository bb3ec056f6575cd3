//! TLS as every client here speaks it: ring, TLS 1.2 and 1.3, and the certificates that the system trusts
//! (`SSL_CERT_FILE` and `SSL_CERT_DIR` name others).

use std::sync::{Arc, OnceLock};

use rustls::{ClientConfig, RootCertStore};

/// The configuration, made once. A system without certificates trusts nobody, which is logged.
///
/// # Errors
/// The cryptography is not as it was built: never, as far as we know.
pub fn tls() -> Result<Arc<ClientConfig>, String> {
    static CONFIG: OnceLock<Result<Arc<ClientConfig>, String>> = OnceLock::new();
    CONFIG.get_or_init(configure).clone()
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
