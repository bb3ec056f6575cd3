//! Sessions of people at the pages, kept under the hash of their ids: who reads the database can't use them.

use sqlx::Row as _;

use super::{Store, StoreError};

impl Store {
    /// A session, by the hash of its id: what it holds, and when it ends, in s since 1970.
    ///
    /// # Errors
    /// The database is away.
    pub async fn load_session(&self, id_hash: &str) -> Result<Option<(String, i64)>, StoreError> {
        let found = sqlx::query("SELECT data, ends FROM sessions WHERE id_hash = $1").bind(id_hash.to_owned()).fetch_optional(&self.pool).await?;
        Ok(found.map(|row| Ok::<_, sqlx::Error>((row.try_get("data")?, row.try_get("ends")?))).transpose()?)
    }

    /// Keeps a session, by the hash of its id.
    ///
    /// # Errors
    /// The database is away.
    pub async fn save_session(&self, id_hash: &str, data: &str, ends: i64) -> Result<(), StoreError> {
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

    /// A session that goes on holds something else, or ends later. One that has ended stays so.
    ///
    /// # Errors
    /// The database is away.
    pub async fn update_session(&self, id_hash: &str, data: &str, ends: i64) -> Result<(), StoreError> {
        let update = sqlx::query("UPDATE sessions SET data = $2, ends = $3 WHERE id_hash = $1");
        update.bind(id_hash.to_owned()).bind(data.to_owned()).bind(ends).execute(&self.pool).await?;
        Ok(())
    }

    /// Forgets a session, by the hash of its id.
    ///
    /// # Errors
    /// The database is away.
    pub async fn delete_session(&self, id_hash: &str) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM sessions WHERE id_hash = $1").bind(id_hash.to_owned()).execute(&self.pool).await?;
        Ok(())
    }
}
