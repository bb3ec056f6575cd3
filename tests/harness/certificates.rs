//! Certificates for tests, made by `openssl`: a root that is trusted, one that is not, and what they sign.

#![allow(dead_code, reason = "not every test uses all of it")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A directory of certificates, removed with the test.
pub struct Certificates(PathBuf);

impl Drop for Certificates {
    fn drop(&mut self) {
        // A directory that stays behind harms nobody.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Certificates {
    /// Roots `root` and `stranger`; leaves `good` (127.0.0.1), `expired`, `other-name` (example.com) and `unknown` (signed by the
    /// stranger). `None`, said loudly, without `openssl`.
    pub fn make(name: &str) -> Option<Certificates> {
        let dir = std::env::temp_dir().join(format!("segue-tls-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&dir).expect("a temporary directory");
        let made = Certificates(dir);
        for root in ["root", "stranger"] {
            let subject = format!("/CN=Segue test {root}");
            let args = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", &subject];
            if !made.openssl(&args, &["-keyout", &format!("{root}.key"), "-out", &format!("{root}.pem")]) {
                eprintln!("SKIPPED: nothing was tried over TLS, because openssl is missing (Debian: openssl)");
                return None;
            }
        }
        made.leaf("good", "root", "IP:127.0.0.1", "2");
        made.leaf("expired", "root", "IP:127.0.0.1", "-1");
        made.leaf("other-name", "root", "DNS:example.com", "2");
        made.leaf("unknown", "stranger", "IP:127.0.0.1", "2");
        Some(made)
    }

    fn leaf(&self, name: &str, root: &str, subject: &str, days: &str) {
        let (key, request, certificate) = (format!("{name}.key"), format!("{name}.csr"), format!("{name}.pem"));
        let extensions = format!("{name}.ext");
        std::fs::write(self.path(&extensions), format!("subjectAltName={subject}\nbasicConstraints=CA:FALSE\n")).expect("a temporary file");
        let made = self.openssl(
            &["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=Segue test"],
            &["-keyout", &key, "-out", &request],
        ) && self.openssl(
            &["x509", "-req", "-days", days, "-CAcreateserial", "-CA", &format!("{root}.pem"), "-CAkey", &format!("{root}.key")],
            &["-in", &request, "-extfile", &extensions, "-out", &certificate],
        );
        assert!(made, "openssl made no certificate `{name}`");
    }

    fn openssl(&self, args: &[&str], files: &[&str]) -> bool {
        let mut command = Command::new("openssl");
        command.current_dir(&self.0).args(args).args(files).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    }

    /// Where a file of it is.
    pub fn path(&self, file: &str) -> PathBuf {
        self.0.join(file)
    }

    /// Its directory.
    pub fn dir(&self) -> &Path {
        &self.0
    }
}
