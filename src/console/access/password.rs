//! Passwords: hashed by Argon2id (RFC 9106), never kept, and compared in the same time whether or not a name is known.

use std::sync::OnceLock;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordHasher as _, PasswordVerifier as _};
use ring::rand::{SecureRandom as _, SystemRandom};
use tokio::sync::Semaphore;

use crate::console::refusal::Refusal;

/// Shortest password, in characters (NIST SP 800-63B, 3.1.1.2, asks for at least 8).
const MIN_CHARS: usize = 10;
/// Longest password, in characters.
const MAX_CHARS: usize = 200;
/// Octets of salt (RFC 9106, 3.1).
const SALT_OCTETS: usize = 16;
/// Hashes at the same time: each takes 19 MiB and some 30 ms of a core.
static PLACES: Semaphore = Semaphore::const_new(2);

/// What is kept of a new password.
pub(crate) async fn hash(password: String) -> Result<String, Refusal> {
    let chars = password.chars().count();
    if !(MIN_CHARS..=MAX_CHARS).contains(&chars) {
        return Err(Refusal::bad("password", format!("A password has {MIN_CHARS} to {MAX_CHARS} characters; this one has {chars}.")));
    }
    aside(move || hashed(&password)).await
}

/// Whether this is the password. Without a hash (the name is unknown) it takes as long, and is not.
pub(crate) async fn is_right(password: String, hash: Option<String>) -> Result<bool, Refusal> {
    if password.chars().count() > MAX_CHARS {
        return Ok(false);
    }
    aside(move || {
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| nobodys().to_owned());
        let parsed = PasswordHash::new(&hash).map_err(|error| Refusal::failed("reading a password's hash", &error))?;
        Ok(Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok() && known)
    })
    .await
}

/// Hashing would keep others waiting, so it is done on a thread of its own, by few at a time.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> Result<T, Refusal> + Send + 'static) -> Result<T, Refusal> {
    let _place = PLACES.acquire().await.map_err(|error| Refusal::failed("hashing a password", &error))?;
    tokio::task::spawn_blocking(work).await.map_err(|error| Refusal::failed("hashing a password", &error))?
}

fn hashed(password: &str) -> Result<String, Refusal> {
    let mut salt = [0; SALT_OCTETS];
    SystemRandom::new().fill(&mut salt).map_err(|error| Refusal::failed("salting a password", &error))?;
    let hash = Argon2::default().hash_password_with_salt(password.as_bytes(), &salt);
    hash.map(|hash| hash.to_string()).map_err(|error| Refusal::failed("hashing a password", &error))
}

/// A hash of no password that anybody knows.
fn nobodys() -> &'static str {
    static HASH: OnceLock<String> = OnceLock::new();
    HASH.get_or_init(|| hashed(&super::random_text()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_password_itself_is_right() {
        let kept = hash("correct horse".into()).await.unwrap();
        assert!(kept.starts_with("$argon2id$"), "{kept}");
        assert_ne!(kept, hash("correct horse".into()).await.unwrap(), "the same salt twice");
        for (tried, right) in [("correct horse", true), ("Correct horse", false), ("", false), ("correct horse ", false)] {
            assert_eq!(is_right(tried.into(), Some(kept.clone())).await, Ok(right), "{tried}");
        }
        assert_eq!(is_right("correct horse".into(), None).await, Ok(false));
        assert_eq!(is_right("x".repeat(100_000), Some(kept)).await, Ok(false));
    }

    #[tokio::test]
    async fn a_password_has_a_least_and_a_most_length() {
        for (password, fits) in
            [("123456789", false), ("1234567890", true), ("", false), ("ä".repeat(200).as_str(), true), ("ä".repeat(201).as_str(), false)]
        {
            assert_eq!(hash(password.into()).await.is_ok(), fits, "{password}");
        }
    }
}
