//! What is kept: records of calls and what is told from them, who may sign in, their sessions, and who did what.
//!
//! [`Store::open`] opens a database of SQLite or PostgreSQL, brings its tables up to date, and starts the one task that writes
//! calls. Calls hand over what happens by [`Store::begin`], [`Store::record`] and [`Store::end`], which never wait; everything
//! else is asked and answered. [`story`] tells one call from its records.
//!
//! - Each batch of records and all that is told from it is one transaction, at most every 200 ms. So a process that is killed
//!   loses no more than its last second, and no row refers to one that is not there.
//! - A record is known by its call and number: what comes again changes nothing.
//! - While the database is away, as many records wait as configured; further ones are dropped and counted.
//!
//! What is *not* here: sound (`gateway::live::journal`), and what anybody may do (`console`).

mod away;
mod calls;
mod check;
mod people;
mod projection;
mod rows;
mod sessions;
pub mod story;
mod table;
mod writer;

use std::fmt;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{AnyConnection, AnyPool, ConnectOptions as _, Connection as _, Executor as _, SqlSafeStr as _};

use crate::net::secret::SecretError;
use writer::Line;

pub use calls::{AgentDay, Began, KeptCall, ListedCall, WrapUp};
pub use check::{Checked, Dangling, Incomplete, LostCall};
pub use people::{Act, ApiKey, FirstAdmin, Role, User, UserChange, fingerprint, random_text};
pub use projection::GATEWAY_LOST;
pub use table::StoreTable;
pub use writer::Counts;

/// How the tables came to be: version, name and statements, in order.
const MIGRATIONS: [(i64, &str, &str); 2] =
    [(1, "begin", include_str!("store/migrations/0001_begin.sql")), (2, "reasons", include_str!("store/migrations/0002_reasons.sql"))];
/// A connection is waited for so long.
const PATIENCE: Duration = Duration::from_secs(5);
/// Every connection to SQLite: readers and the writer don't wait for each other; what was written survives the process, though
/// a power cut may cost the last moments (sqlite.org/pragma.html).
const PRAGMAS: &str = "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON;";

/// Something could not be kept or found.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database can't be had.
    #[error("store.url: {url} can't be opened: {reason}")]
    Open {
        /// Which, without its password.
        url: String,
        /// Why.
        reason: String,
    },
    /// Nothing was ever kept there.
    #[error("store.url: {0} is not there; `segue serve` makes it")]
    Missing(String),
    /// The password of the database can't be had.
    #[error("store: {0}")]
    Password(#[from] SecretError),
    /// The database failed at a question, or is away.
    #[error("the store does not answer: {0}")]
    Database(#[from] sqlx::Error),
    /// What is kept is not what we write.
    #[error("the store holds what is not ours: {0}")]
    Foreign(String),
}

impl StoreError {
    /// Whether it may be otherwise when asked again.
    pub fn is_retryable(&self) -> bool {
        match self {
            StoreError::Database(error) => away::is_away(error),
            StoreError::Open { .. } | StoreError::Missing(_) | StoreError::Password(_) | StoreError::Foreign(_) => false,
        }
    }
}

/// Where everything is kept. Clones are the same store.
#[derive(Clone)]
pub struct Store {
    pool: AnyPool,
    line: Arc<Line>,
    instance: Arc<str>,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("instance", &self.instance).field("line", &self.line).finish_non_exhaustive()
    }
}

impl Store {
    /// Opens the database, makes what is missing, and starts to write. Must run inside a runtime, which does the writing.
    ///
    /// # Errors
    /// The database can't be had, or its password.
    pub async fn open(table: &StoreTable) -> Result<Store, StoreError> {
        if let Some(file) = table.file() {
            make(&file).map_err(|error| StoreError::Open { url: table.url.clone(), reason: error.to_string() })?;
        }
        Store::connect(table).await
    }

    /// As [`Store::open`], where something was kept before.
    ///
    /// # Errors
    /// As with [`Store::open`]; or nothing was.
    pub async fn open_existing(table: &StoreTable) -> Result<Store, StoreError> {
        match table.file() {
            Some(file) if !file.exists() => Err(StoreError::Missing(table.url.clone())),
            _ => Store::connect(table).await,
        }
    }

    async fn connect(table: &StoreTable) -> Result<Store, StoreError> {
        sqlx::any::install_default_drivers();
        let password = table.password()?;
        let failed = |error: sqlx::Error| StoreError::Open { url: table.url.clone(), reason: plain(&error) };
        let mut options = AnyConnectOptions::from_str(&table.url).map_err(failed)?;
        if let Some(password) = password {
            options.database_url.query_pairs_mut().append_pair("password", password.reveal());
        }
        // Callers' words stay out of the log.
        let options = options.disable_statement_logging();
        let is_sqlite = table.file().is_some();
        look(&options, is_sqlite).await.map_err(failed)?;
        let pool = AnyPoolOptions::new().max_connections(table.connections).acquire_timeout(PATIENCE);
        let pool = pool.after_connect(move |connection, _| Box::pin(prepare(connection, is_sqlite)));
        let pool = pool.connect_with(options).await.map_err(failed)?;
        let migrations =
            MIGRATIONS.map(|(version, name, sql)| Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false));
        Migrator::with_migrations(migrations.into())
            .run(&pool)
            .await
            .map_err(|error| StoreError::Open { url: table.url.clone(), reason: error.to_string() })?;
        let line = Line::open(pool.clone(), table);
        Ok(Store { pool, line: Arc::new(line), instance: table.instance.as_str().into() })
    }

    /// Waits until everything that was handed over so far is written or dropped, at most so long. False if it was not.
    pub async fn flush(&self, within: Duration) -> bool {
        self.line.flush(within).await
    }

    /// Writes what waits, for at most so long, and closes the database.
    pub async fn close(&self, within: Duration) {
        if !self.flush(within).await {
            tracing::error!("the store did not take the last records in time; they are lost");
        }
        // A connection that is stuck ends with the process.
        let _ = tokio::time::timeout(within, self.pool.close()).await;
    }

    /// What was written and what was not.
    pub fn counts(&self) -> Counts {
        self.line.counts()
    }
}

/// Connects once: a pool would only say that it got nothing.
async fn look(options: &AnyConnectOptions, is_sqlite: bool) -> Result<(), sqlx::Error> {
    let connected = tokio::time::timeout(PATIENCE, AnyConnection::connect_with(options)).await;
    let mut connection = connected.map_err(|_| sqlx::Error::PoolTimedOut)??;
    prepare(&mut connection, is_sqlite).await?;
    connection.close().await
}

/// What every connection begins with.
async fn prepare(connection: &mut AnyConnection, is_sqlite: bool) -> Result<(), sqlx::Error> {
    if is_sqlite {
        connection.execute(PRAGMAS).await?;
    }
    Ok(())
}

/// Makes the file of SQLite, which only we may read: callers' words are in it.
fn make(file: &Path) -> std::io::Result<()> {
    std::fs::OpenOptions::new().append(true).create(true).mode(0o600).open(file).map(drop)
}

/// An error as one sentence, without what wraps it.
fn plain(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::PoolTimedOut => "it does not answer".into(),
        error => error.to_string(),
    }
}

/// µs since 1970 as a moment.
fn moment(micros: i64) -> Timestamp {
    Timestamp::from_microsecond(micros).unwrap_or_default()
}
