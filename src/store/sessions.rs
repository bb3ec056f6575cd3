//! Sessions of people at the pages, kept under the hash of their ids: who reads the database can't use them.

use async_trait::async_trait;
use sqlx::Row as _;
use tower_sessions::SessionStore;
use tower_sessions::cookie::time::OffsetDateTime;
use tower_sessions::session::{Id, Record};
use tower_sessions::session_store::{Error, Result};

use super::people::fingerprint;
use super::{Store, StoreError};

impl Store {
    /// A session, by the hash of its id: what it holds, and when it ends, in s since 1970.
    ///
    /// # Errors
    /// The database is away.
    pub async fn load_session(&self, id_hash: &str) -> std::result::Result<Option<(String, i64)>, StoreError> {
        let found = sqlx::query("SELECT data, ends FROM sessions WHERE id_hash = $1").bind(id_hash.to_owned()).fetch_optional(&self.pool).await?;
        Ok(found.map(|row| Ok::<_, sqlx::Error>((row.try_get("data")?, row.try_get("ends")?))).transpose()?)
    }

    /// Keeps a session, by the hash of its id.
    ///
    /// # Errors
    /// The database is away.
    pub async fn save_session(&self, id_hash: &str, data: &str, ends: i64) -> std::result::Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO sessions (id_hash, data, ends) VALUES ($1, $2, $3) \
             ON CONFLICT (id_hash) DO UPDATE SET data = excluded.data, ends = excluded.ends",
        )
        .bind(id_hash.to_owned())
        .bind(data.to_owned())
        .bind(ends)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Forgets a session, by the hash of its id.
    ///
    /// # Errors
    /// The database is away.
    pub async fn delete_session(&self, id_hash: &str) -> std::result::Result<(), StoreError> {
        sqlx::query("DELETE FROM sessions WHERE id_hash = $1").bind(id_hash.to_owned()).execute(&self.pool).await?;
        Ok(())
    }
}

fn key(id: &Id) -> String {
    fingerprint(&id.to_string())
}

fn backend(error: impl std::fmt::Display) -> Error {
    Error::Backend(error.to_string())
}

fn decode(error: impl std::fmt::Display) -> Error {
    Error::Decode(error.to_string())
}

#[async_trait]
impl SessionStore for Store {
    /// Ids have 128 random bits: none comes twice.
    async fn create(&self, record: &mut Record) -> Result<()> {
        self.save(record).await
    }

    async fn save(&self, record: &Record) -> Result<()> {
        let data = serde_json::to_string(&record.data).map_err(|error| Error::Encode(error.to_string()))?;
        self.save_session(&key(&record.id), &data, record.expiry_date.unix_timestamp()).await.map_err(backend)
    }

    async fn load(&self, id: &Id) -> Result<Option<Record>> {
        let Some((data, ends)) = self.load_session(&key(id)).await.map_err(backend)? else { return Ok(None) };
        let expiry_date = OffsetDateTime::from_unix_timestamp(ends).map_err(decode)?;
        if expiry_date <= OffsetDateTime::now_utc() {
            return Ok(None);
        }
        let data = serde_json::from_str(&data).map_err(decode)?;
        Ok(Some(Record { id: *id, data, expiry_date }))
    }

    async fn delete(&self, id: &Id) -> Result<()> {
        self.delete_session(&key(id)).await.map_err(backend)
    }
}
