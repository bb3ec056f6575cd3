//! Who may sign in, keys of programs, and who did what.
//!
//! Names of people are compared without regard to case. Of passwords and keys only hashes are kept.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, Row as _};
use utoipa::ToSchema;

use super::rows::clean;
use super::{Store, StoreError, moment};
use crate::net::random;

/// Octets of the key that makes the first admin.
const KEY_OCTETS: usize = 24;
/// Under which its hash is kept.
const FIRST_ADMIN: &str = "first_admin";

/// What somebody is to Segue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Takes calls.
    Agent,
    /// Watches calls and helps.
    Supervisor,
    /// May do everything.
    Admin,
    /// Reads calls and their reports.
    Tester,
    /// A program, by its API key.
    Program,
}

impl Role {
    /// Every role.
    pub const ALL: [Role; 5] = [Role::Agent, Role::Supervisor, Role::Admin, Role::Tester, Role::Program];

    /// The name in the store.
    pub const fn name(self) -> &'static str {
        match self {
            Role::Agent => "agent",
            Role::Supervisor => "supervisor",
            Role::Admin => "admin",
            Role::Tester => "tester",
            Role::Program => "program",
        }
    }
}

/// Somebody who may sign in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// What they sign in with.
    pub name: String,
    /// What others call them.
    pub title: String,
    /// What they are.
    pub role: Role,
    /// The agent in the configuration that they are, if any.
    pub agent: Option<String>,
    /// Of their password (PHC string of Argon2id).
    pub password_hash: String,
    /// True if they may not sign in for now.
    pub disabled: bool,
    /// Since when.
    pub created: Timestamp,
}

/// What is to be different of somebody; what is `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserChange {
    /// What others call them.
    pub title: Option<String>,
    /// What they are.
    pub role: Option<Role>,
    /// The agent that they are, or that they are none.
    pub agent: Option<Option<String>>,
    /// Of their password.
    pub password_hash: Option<String>,
    /// Whether they may not sign in for now.
    pub disabled: Option<bool>,
}

/// The key of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// By which it is named.
    pub name: String,
    /// Of the key.
    pub hash: String,
    /// Since when.
    pub created: Timestamp,
}

/// One act of somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Act {
    /// Counts all acts.
    pub n: i64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub who: String,
    /// What, in snake case.
    pub what: String,
    /// To whom or what.
    pub about: Option<String>,
    /// More, if there is more to say.
    pub detail: Option<String>,
}

/// What came of a key that makes the first admin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstAdmin {
    /// There is an admin now.
    Made,
    /// It is not the key, or it was used.
    WrongKey,
}

/// What is kept of a secret that is long and random: its hash needs no salt.
pub fn fingerprint(secret: &str) -> String {
    blake3::hash(secret.as_bytes()).to_hex().to_string()
}

fn folded(name: &str) -> String {
    clean(&name.to_lowercase())
}

fn user(row: &AnyRow) -> Result<User, StoreError> {
    let role: String = row.try_get("role")?;
    let known = Role::ALL.into_iter().find(|known| known.name() == role);
    Ok(User {
        name: row.try_get("shown")?,
        title: row.try_get("title")?,
        role: known.ok_or_else(|| StoreError::Foreign(format!("the role `{role}`")))?,
        agent: row.try_get("agent")?,
        password_hash: row.try_get("password_hash")?,
        disabled: row.try_get::<i64, _>("disabled")? != 0,
        created: moment(row.try_get("created_us")?),
    })
}

fn api_key(row: &AnyRow) -> Result<ApiKey, StoreError> {
    Ok(ApiKey { name: row.try_get("name")?, hash: row.try_get("hash")?, created: moment(row.try_get("created_us")?) })
}

fn act(row: &AnyRow) -> Result<Act, StoreError> {
    Ok(Act {
        n: row.try_get("n")?,
        at: moment(row.try_get("at_us")?),
        who: row.try_get("who")?,
        what: row.try_get("what")?,
        about: row.try_get("about")?,
        detail: row.try_get("detail")?,
    })
}

/// Adds somebody. False if the name is taken.
async fn insert_user(connection: &mut AnyConnection, user: &User) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "INSERT INTO users (name, shown, title, role, agent, password_hash, disabled, created_us) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (name) DO NOTHING",
    )
    .bind(folded(&user.name))
    .bind(clean(&user.name))
    .bind(clean(&user.title))
    .bind(user.role.name())
    .bind(user.agent.clone())
    .bind(user.password_hash.clone())
    .bind(i64::from(user.disabled))
    .bind(user.created.as_microsecond())
    .execute(connection)
    .await?;
    Ok(done.rows_affected() > 0)
}

impl Store {
    /// Whether nobody may sign in yet.
    ///
    /// # Errors
    /// The database is away.
    pub async fn is_empty(&self) -> Result<bool, StoreError> {
        Ok(sqlx::query("SELECT name FROM users LIMIT 1").fetch_optional(&self.pool).await?.is_none())
    }

    /// Everybody, by name.
    ///
    /// # Errors
    /// The database is away.
    pub async fn list_users(&self) -> Result<Vec<User>, StoreError> {
        let rows = sqlx::query("SELECT shown, title, role, agent, password_hash, disabled, created_us FROM users ORDER BY name")
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(user).collect()
    }

    /// Whoever signs in with this name.
    ///
    /// # Errors
    /// The database is away.
    pub async fn find_user(&self, name: &str) -> Result<Option<User>, StoreError> {
        let found = sqlx::query("SELECT shown, title, role, agent, password_hash, disabled, created_us FROM users WHERE name = $1");
        let row = found.bind(folded(name)).fetch_optional(&self.pool).await?;
        row.as_ref().map(user).transpose()
    }

    /// Somebody more. False if the name is taken.
    ///
    /// # Errors
    /// The database is away.
    pub async fn create_user(&self, user: &User) -> Result<bool, StoreError> {
        insert_user(&mut *self.pool.acquire().await?, user).await
    }

    /// Somebody is different from now on in what is named, and in nothing else. False if there is nobody of this name.
    ///
    /// # Errors
    /// The database is away.
    pub async fn update_user(&self, name: &str, change: &UserChange) -> Result<bool, StoreError> {
        let texts = [
            ("title", change.title.as_deref().map(|title| Some(clean(title)))),
            ("role", change.role.map(|role| Some(role.name().to_owned()))),
            ("agent", change.agent.as_ref().map(|agent| agent.as_deref().map(clean))),
            ("password_hash", change.password_hash.clone().map(Some)),
        ];
        let texts: Vec<_> = texts.into_iter().filter_map(|(column, value)| Some((column, value?))).collect();
        // Something is always set, so that who is not there is known.
        let mut sql = String::from("UPDATE users SET disabled = COALESCE($2, disabled)");
        for (n, (column, _)) in texts.iter().enumerate() {
            sql.push_str(&format!(", {column} = ${}", n + 3));
        }
        sql.push_str(" WHERE name = $1");
        let mut update = sqlx::query(AssertSqlSafe(sql)).bind(folded(name)).bind(change.disabled.map(i64::from));
        for (_, value) in texts {
            update = update.bind(value);
        }
        Ok(update.execute(&self.pool).await?.rows_affected() > 0)
    }

    /// Somebody may not sign in any more. False if there was nobody.
    ///
    /// # Errors
    /// The database is away.
    pub async fn delete_user(&self, name: &str) -> Result<bool, StoreError> {
        let done = sqlx::query("DELETE FROM users WHERE name = $1").bind(folded(name)).execute(&self.pool).await?;
        Ok(done.rows_affected() > 0)
    }

    /// The key that makes the first admin, while nobody may sign in; it replaces the one before. Only its hash is kept.
    ///
    /// # Errors
    /// The database is away.
    pub async fn offer_first_admin(&self) -> Result<Option<String>, StoreError> {
        if !self.is_empty().await? {
            sqlx::query("DELETE FROM settings WHERE name = $1").bind(FIRST_ADMIN).execute(&self.pool).await?;
            return Ok(None);
        }
        let key = random_text();
        self.set_setting(FIRST_ADMIN, &fingerprint(&key)).await?;
        Ok(Some(key))
    }

    /// Makes the first admin, once, for whoever has the key.
    ///
    /// # Errors
    /// The database is away.
    pub async fn create_first_admin(&self, key: &str, user: &User) -> Result<FirstAdmin, StoreError> {
        let mut change = self.pool.begin().await?;
        // Who deletes it has it: of two who come together, one does.
        let used = sqlx::query("DELETE FROM settings WHERE name = $1 AND value = $2 AND NOT EXISTS (SELECT 1 FROM users)")
            .bind(FIRST_ADMIN)
            .bind(fingerprint(key))
            .execute(&mut *change)
            .await?;
        if used.rows_affected() == 0 {
            return Ok(FirstAdmin::WrongKey);
        }
        insert_user(&mut change, user).await?;
        change.commit().await?;
        Ok(FirstAdmin::Made)
    }

    /// Keys of programs, by name.
    ///
    /// # Errors
    /// The database is away.
    pub async fn list_keys(&self) -> Result<Vec<ApiKey>, StoreError> {
        let rows = sqlx::query("SELECT name, hash, created_us FROM api_keys ORDER BY name").fetch_all(&self.pool).await?;
        rows.iter().map(api_key).collect()
    }

    /// The key with this hash.
    ///
    /// # Errors
    /// The database is away.
    pub async fn find_key(&self, hash: &str) -> Result<Option<ApiKey>, StoreError> {
        let row = sqlx::query("SELECT name, hash, created_us FROM api_keys WHERE hash = $1").bind(hash.to_owned()).fetch_optional(&self.pool).await?;
        row.as_ref().map(api_key).transpose()
    }

    /// A key more. False if the name is taken.
    ///
    /// # Errors
    /// The database is away.
    pub async fn create_key(&self, key: &ApiKey) -> Result<bool, StoreError> {
        let done = sqlx::query("INSERT INTO api_keys (name, hash, created_us) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING")
            .bind(clean(&key.name))
            .bind(key.hash.clone())
            .bind(key.created.as_microsecond())
            .execute(&self.pool)
            .await?;
        Ok(done.rows_affected() > 0)
    }

    /// A key opens nothing any more. False if there was none.
    ///
    /// # Errors
    /// The database is away.
    pub async fn delete_key(&self, name: &str) -> Result<bool, StoreError> {
        let done = sqlx::query("DELETE FROM api_keys WHERE name = $1").bind(clean(name)).execute(&self.pool).await?;
        Ok(done.rows_affected() > 0)
    }

    /// Notes what somebody did; gives its number.
    ///
    /// # Errors
    /// The database is away.
    pub async fn note(&self, who: &str, what: &str, about: Option<&str>, detail: Option<&str>) -> Result<i64, StoreError> {
        let mut change = self.pool.begin().await?;
        // The counter is locked until both stand, so numbers have no gap and no act is seen after a later one.
        let n: i64 = sqlx::query("UPDATE counters SET n = n + 1 WHERE name = 'audit' RETURNING n").fetch_one(&mut *change).await?.try_get("n")?;
        sqlx::query("INSERT INTO audit (n, at_us, who, what, about, detail) VALUES ($1, $2, $3, $4, $5, $6)")
            .bind(n)
            .bind(Timestamp::now().as_microsecond())
            .bind(clean(who))
            .bind(clean(what))
            .bind(about.map(clean))
            .bind(detail.map(clean))
            .execute(&mut *change)
            .await?;
        change.commit().await?;
        Ok(n)
    }

    /// What was done before act number `before`, the latest first.
    ///
    /// # Errors
    /// The database is away.
    pub async fn list_acts(&self, before: Option<i64>, most: usize) -> Result<Vec<Act>, StoreError> {
        let rows = sqlx::query("SELECT n, at_us, who, what, about, detail FROM audit WHERE n < $1 ORDER BY n DESC LIMIT $2")
            .bind(before.unwrap_or(i64::MAX))
            .bind(i64::try_from(most).unwrap_or(i64::MAX))
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(act).collect()
    }

    /// What is set under a name.
    ///
    /// # Errors
    /// The database is away.
    pub async fn setting(&self, name: &str) -> Result<Option<String>, StoreError> {
        let row = sqlx::query("SELECT value FROM settings WHERE name = $1").bind(clean(name)).fetch_optional(&self.pool).await?;
        Ok(row.map(|row| row.try_get("value")).transpose()?)
    }

    /// Sets something under a name.
    ///
    /// # Errors
    /// The database is away.
    pub async fn set_setting(&self, name: &str, value: &str) -> Result<(), StoreError> {
        sqlx::query("INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value")
            .bind(clean(name))
            .bind(value.to_owned())
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}

/// Text that nobody can guess.
pub fn random_text() -> String {
    random::<KEY_OCTETS>().iter().map(|octet| format!("{octet:02x}")).collect()
}
