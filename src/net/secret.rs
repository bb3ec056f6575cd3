//! A password or another secret, and where it is kept: in the configuration, in a variable of the environment, or in a
//! file of its own.

use std::fmt;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};

use crate::base::Problems;

/// Longest secret, in octets; a longer file is the wrong file.
const MAX_OCTETS: u64 = 4_096;

/// Text that is never printed, logged or written.
#[derive(Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Keeps this text.
    pub fn new(text: impl Into<String>) -> Self {
        Secret(text.into())
    }

    /// The text itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("…")
    }
}

/// The three keys by which a table names a secret.
#[derive(Clone, Copy, Debug)]
pub struct Kept<'a> {
    /// `password`: the password itself.
    pub password: Option<&'a Secret>,
    /// `password_env`: the variable that holds it.
    pub variable: Option<&'a str>,
    /// `password_file`: the file that holds it.
    pub file: Option<&'a Path>,
}

/// A secret can't be had.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Nothing is in the environment.
    #[error("the environment has no variable `{0}`")]
    Variable(String),
    /// The file can't be read.
    #[error("{0} can't be read: {1}")]
    File(PathBuf, std::io::Error),
    /// The file is empty, or too long for a secret.
    #[error("{0} holds no secret: it is empty, or longer than 4,096 octets")]
    Odd(PathBuf),
}

impl Kept<'_> {
    /// Names what can be seen without looking for the password.
    pub fn check(&self, key: &str, problems: &mut Problems) {
        let named = [self.password.is_some(), self.variable.is_some(), self.file.is_some()].iter().filter(|is| **is).count();
        if named > 1 {
            problems.add(format!("{key}.password"), "is given more than once; write one of password, password_env and password_file");
        }
        if self.password.is_some_and(|password| password.reveal().is_empty()) {
            problems.add(format!("{key}.password"), "is empty");
        }
        check_variable(self.variable, "password_env", key, problems);
    }

    /// Whether any is named.
    pub fn is_named(&self) -> bool {
        self.password.is_some() || self.variable.is_some() || self.file.is_some()
    }

    /// The password; `None` if none is named. A line end after it does not belong to it.
    ///
    /// # Errors
    /// It is named but can't be had.
    pub fn find(&self) -> Result<Option<Secret>, SecretError> {
        if let Some(password) = self.password {
            return Ok(Some(password.clone()));
        }
        if let Some(name) = self.variable {
            let value = std::env::var(name).ok().filter(|value| !value.is_empty());
            return value.map(|value| Some(Secret(value))).ok_or_else(|| SecretError::Variable(name.to_owned()));
        }
        let Some(file) = self.file else { return Ok(None) };
        let failed = |error| SecretError::File(file.to_owned(), error);
        if std::fs::metadata(file).map_err(failed)?.len() > MAX_OCTETS {
            return Err(SecretError::Odd(file.to_owned()));
        }
        let text = std::fs::read_to_string(file).map_err(failed)?;
        let password = text.trim_end_matches(['\r', '\n']);
        if password.is_empty() { Err(SecretError::Odd(file.to_owned())) } else { Ok(Some(Secret::new(password))) }
    }
}

/// Names a variable that can't be one.
fn check_variable(variable: Option<&str>, called: &str, key: &str, problems: &mut Problems) {
    if variable.is_some_and(|name| name.is_empty() || name.contains(['=', '\0'])) {
        problems.add(format!("{key}.{called}"), "is no name of a variable");
    }
}

/// Where the key of a hosted service is kept: in a variable, or where that is not set in a file.
#[derive(Clone, Copy, Debug)]
pub struct ApiKey<'a> {
    /// `api_key_env`: the variable that holds it.
    pub variable: Option<&'a str>,
    /// `api_key_file`: the file that holds it.
    pub file: Option<&'a Path>,
}

impl ApiKey<'_> {
    /// Names what can be seen without looking for the key.
    pub fn check(&self, key: &str, problems: &mut Problems) {
        check_variable(self.variable, "api_key_env", key, problems);
    }

    /// Whether any is named.
    pub fn is_named(&self) -> bool {
        self.variable.is_some() || self.file.is_some()
    }

    /// The key; `None` if none is named.
    ///
    /// # Errors
    /// It is named but can't be had.
    pub fn find(&self) -> Result<Option<Secret>, SecretError> {
        let of = |variable, file| Kept { password: None, variable, file }.find();
        match (of(self.variable, None), self.file) {
            (Ok(None) | Err(_), Some(file)) => of(None, Some(file)),
            (found, _) => found,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Kept<'_> = Kept { password: None, variable: None, file: None };

    #[test]
    fn a_password_is_found_where_it_is_kept() {
        assert_eq!(NONE.find().expect("none is named"), None);
        let secret = Secret::new("a");
        assert_eq!(Kept { password: Some(&secret), ..NONE }.find().expect("it is here"), Some(secret.clone()));
        let file = std::env::temp_dir().join(format!("segue-secret-{}", std::process::id()));
        std::fs::write(&file, "b c\r\n").expect("a temporary file");
        assert_eq!(Kept { file: Some(&file), ..NONE }.find().expect("it is there"), Some(Secret::new("b c")));
        std::fs::write(&file, "\n").expect("a temporary file");
        assert!(matches!(Kept { file: Some(&file), ..NONE }.find(), Err(SecretError::Odd(_))));
        std::fs::remove_file(&file).expect("it was there");
        assert!(matches!(Kept { file: Some(&file), ..NONE }.find(), Err(SecretError::File(..))));
        assert!(matches!(Kept { variable: Some("SEGUE_NO_SUCH_SECRET"), ..NONE }.find(), Err(SecretError::Variable(_))));
    }

    #[test]
    fn a_key_is_read_from_its_file_where_its_variable_is_not_set() {
        let file = std::env::temp_dir().join(format!("segue-api-key-{}", std::process::id()));
        std::fs::write(&file, "k\n").expect("a temporary file");
        let unset = Some("SEGUE_NO_SUCH_SECRET");
        assert_eq!(ApiKey { variable: unset, file: Some(&file) }.find().expect("the file is there"), Some(Secret::new("k")));
        assert!(matches!(ApiKey { variable: unset, file: None }.find(), Err(SecretError::Variable(_))));
        assert_eq!(ApiKey { variable: None, file: None }.find().expect("none is named"), None);
        std::fs::remove_file(&file).expect("it was there");
    }

    #[test]
    fn a_password_is_neither_printed_nor_written() {
        let secret = Secret::new("sesame");
        assert!(!format!("{secret:?}").contains("sesame"));
        assert_eq!(serde_json::to_string(&secret).expect("text"), "\"…\"");
    }

    #[test]
    fn a_password_is_named_once() {
        let (secret, empty) = (Secret::new("a"), Secret::new(""));
        for (kept, mistakes) in [
            (NONE, 0),
            (Kept { password: Some(&secret), ..NONE }, 0),
            (Kept { password: Some(&secret), variable: Some("A"), ..NONE }, 1),
            (Kept { password: Some(&empty), ..NONE }, 1),
            (Kept { variable: Some(""), ..NONE }, 1),
        ] {
            let mut problems = Problems::default();
            kept.check("phone[0]", &mut problems);
            assert_eq!(problems.0.len(), mistakes, "{kept:?}: {problems}");
        }
    }
}
