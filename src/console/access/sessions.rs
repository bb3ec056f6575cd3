//! Sessions of people at the pages, kept by the store under the hash of their ids.

use async_trait::async_trait;
use tower_sessions::SessionStore;
use tower_sessions::cookie::time::OffsetDateTime;
use tower_sessions::session::{Id, Record};
use tower_sessions::session_store::{Error, Result};

use super::fingerprint;
use crate::console::people::People;

/// Sessions as the layer of axum wants them.
#[derive(Clone, Debug)]
pub(crate) struct Sessions(pub People);

/// What a session is kept under.
pub(super) fn key(id: &Id) -> String {
    fingerprint(&id.to_string())
}

fn data_of(record: &Record) -> Result<String> {
    serde_json::to_string(&record.data).map_err(|error| Error::Encode(error.to_string()))
}

fn backend(error: impl std::fmt::Display) -> Error {
    Error::Backend(error.to_string())
}

#[async_trait]
impl SessionStore for Sessions {
    /// Ids have 128 random bits: none comes twice.
    async fn create(&self, record: &mut Record) -> Result<()> {
        self.0.save_session(&key(&record.id), &data_of(record)?, record.expiry_date.unix_timestamp()).await.map_err(backend)
    }

    /// One that has ended meanwhile stays so.
    async fn save(&self, record: &Record) -> Result<()> {
        self.0.update_session(&key(&record.id), &data_of(record)?, record.expiry_date.unix_timestamp()).await.map_err(backend)
    }

    async fn load(&self, id: &Id) -> Result<Option<Record>> {
        let Some((data, ends)) = self.0.load_session(&key(id)).await.map_err(backend)? else { return Ok(None) };
        let expiry_date = OffsetDateTime::from_unix_timestamp(ends).map_err(|error| Error::Decode(error.to_string()))?;
        if expiry_date <= OffsetDateTime::now_utc() {
            return Ok(None);
        }
        let data = serde_json::from_str(&data).map_err(|error| Error::Decode(error.to_string()))?;
        Ok(Some(Record { id: *id, data, expiry_date }))
    }

    async fn delete(&self, id: &Id) -> Result<()> {
        self.0.delete_session(&key(id)).await.map_err(backend)
    }
}
