//! Passwords: hashed by Argon2id (RFC 9106), never kept, and compared in the same time whether or not a name is known.

use std::sync::OnceLock;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordHasher as _, PasswordVerifier as _};
use ring::rand::{SecureRandom as _, SystemRandom};
use tokio::sync::Semaphore;

use super::{Store, StoreError, User};

/// Longest password that is looked at, in octets.
const MAX_OCTETS: usize = 1_024;
/// Octets of salt (RFC 9106, 3.1).
const SALT_OCTETS: usize = 16;
/// Hashes at the same time: each takes 19 MiB and some 30 ms of a core.
static PLACES: Semaphore = Semaphore::const_new(2);

impl Store {
    /// What is kept of a password.
    ///
    /// # Errors
    /// It is longer than 1,024 octets, or the system gives no random numbers.
    pub async fn hash_password(password: String) -> Result<String, StoreError> {
        if password.len() > MAX_OCTETS {
            return Err(StoreError::Hash(format!("it is longer than {MAX_OCTETS} octets")));
        }
        aside(move || hashed(&password)).await
    }

    /// Whoever has this name and this password, unless they may not sign in. A name that is unknown takes as long.
    ///
    /// # Errors
    /// The database is away.
    pub async fn verify_password(&self, name: &str, password: String) -> Result<Option<User>, StoreError> {
        let user = self.find_user(name).await?.filter(|user| !user.disabled);
        let hash = user.as_ref().map(|user| user.password_hash.clone());
        let is_right = aside(move || is_right(&password, hash.as_deref())).await?;
        Ok(user.filter(|_| is_right))
    }
}

/// Hashing would keep others waiting, so it is done on a thread of its own, by few at a time.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> Result<T, StoreError> + Send + 'static) -> Result<T, StoreError> {
    let failed = |error: &dyn std::fmt::Display| StoreError::Hash(error.to_string());
    let _place = PLACES.acquire().await.map_err(|error| failed(&error))?;
    tokio::task::spawn_blocking(work).await.map_err(|error| failed(&error))?
}

fn hashed(password: &str) -> Result<String, StoreError> {
    let mut salt = [0; SALT_OCTETS];
    SystemRandom::new().fill(&mut salt).map_err(|error| StoreError::Hash(error.to_string()))?;
    let hash = Argon2::default().hash_password_with_salt(password.as_bytes(), &salt);
    hash.map(|hash| hash.to_string()).map_err(|error| StoreError::Hash(error.to_string()))
}

fn is_right(password: &str, hash: Option<&str>) -> Result<bool, StoreError> {
    let fits = password.len() <= MAX_OCTETS;
    let tried = if fits { password } else { "" };
    let parsed = PasswordHash::new(hash.unwrap_or_else(|| nobodys())).map_err(|error| StoreError::Foreign(format!("a password's hash: {error}")))?;
    Ok(Argon2::default().verify_password(tried.as_bytes(), &parsed).is_ok() && fits && hash.is_some())
}

/// A hash of no password that anybody knows.
fn nobodys() -> &'static str {
    static HASH: OnceLock<String> = OnceLock::new();
    HASH.get_or_init(|| {
        let mut octets = [0; SALT_OCTETS];
        // Without random numbers it is a password that still opens nothing: no user has this hash.
        let _ = SystemRandom::new().fill(&mut octets);
        hashed(&String::from_utf8_lossy(&octets)).unwrap_or_default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_password_itself_is_right() {
        let kept = Store::hash_password("correct horse".into()).await.unwrap();
        assert!(kept.starts_with("$argon2id$"), "{kept}");
        assert_ne!(kept, Store::hash_password("correct horse".into()).await.unwrap(), "the same salt twice");
        for (tried, right) in [("correct horse", true), ("Correct horse", false), ("", false), ("correct horse ", false)] {
            assert_eq!(is_right(tried, Some(&kept)).unwrap(), right, "{tried}");
        }
        assert!(!is_right("correct horse", None).unwrap());
        assert!(!is_right(&"x".repeat(100_000), Some(&kept)).unwrap());
        let empty = hashed("").unwrap();
        assert!(!is_right(&"x".repeat(100_000), Some(&empty)).unwrap());
        assert!(is_right("a", Some("not a hash")).is_err());
    }

    #[tokio::test]
    async fn a_password_has_a_most_length() {
        assert!(Store::hash_password("x".repeat(MAX_OCTETS)).await.is_ok());
        assert!(Store::hash_password("x".repeat(MAX_OCTETS + 1)).await.is_err());
    }
}
