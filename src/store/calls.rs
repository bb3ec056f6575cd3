//! Calls that are kept: the list, one of them with everything, a caller's history, an agent's day, and wrap-ups.

use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use sqlx::any::AnyRow;
use sqlx::{AnyPool, Row as _};

use super::projection::short;
use super::rows::clean;
use super::story::Story;
use super::{Store, StoreError, moment};
use crate::base::{CallId, CallOutcome, Record};

/// A wrap-up waits so long for its call to be written.
const CALL_IS_WRITTEN: Duration = Duration::from_secs(5);

/// What is known of a call when it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Began {
    /// Which.
    pub call: CallId,
    /// When it began to ring.
    pub at: Timestamp,
    /// The directory with its sound, if that is kept.
    pub recordings: Option<PathBuf>,
}

/// One line in the list of calls.
#[derive(Clone, Debug, PartialEq)]
pub struct ListedCall {
    /// Which.
    pub id: CallId,
    /// When it began to ring.
    pub began: Timestamp,
    /// When it ended; `None` while it goes on.
    pub ended: Option<Timestamp>,
    /// The called number.
    pub called: String,
    /// The caller's number, if known.
    pub caller: Option<String>,
    /// The entry's name.
    pub entry: String,
    /// How it ended; `None` while it goes on, and where the gateway lost it.
    pub outcome: Option<CallOutcome>,
    /// Who ended it, as [`crate::base::EndedBy`] is written, or [`super::GATEWAY_LOST`].
    pub ended_by: Option<String>,
    /// The last agent who took it.
    pub agent: Option<String>,
    /// What its last packet says in one line.
    pub headline: Option<String>,
    /// The highest point of the frustration curve, 0..1.
    pub frustration_peak: Option<f64>,
    /// Handoffs that were not only shadow.
    pub handoffs: u64,
    /// The directory with its sound, if that was kept.
    pub recordings: Option<PathBuf>,
}

/// Everything that is kept of a call.
#[derive(Clone, Debug, PartialEq)]
pub struct KeptCall {
    /// As in the list.
    pub listed: ListedCall,
    /// What happened, in order.
    pub records: Vec<Record>,
    /// What agents said afterwards.
    pub wrap_ups: Vec<WrapUp>,
}

impl KeptCall {
    /// The records as one story.
    pub fn story(&self) -> Story {
        Story::tell(&self.records)
    }
}

/// An agent's work after a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrapUp {
    /// Which call.
    pub call: CallId,
    /// Whose.
    pub agent: String,
    /// When it began.
    pub began: Timestamp,
    /// When it was saved.
    pub saved: Timestamp,
    /// What the call was about.
    pub summary: String,
    /// How it ended, of the configured words.
    pub disposition: Option<String>,
    /// Whether the caller was helped, if that was said.
    pub resolved: Option<bool>,
}

/// An agent's numbers since a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct AgentDay {
    /// Calls that they took.
    pub calls: u64,
    /// From coming onto a call to leaving it, and the wrap-up after it, on average in s; `None` without a call that is over.
    pub mean_handle_s: Option<f64>,
}

const LISTED: &str = "SELECT id, began_us, ended_us, called, caller, entry, outcome, ended_by, agent, headline, frustration_peak, handoffs, recordings \
                      FROM calls";

fn listed(row: &AnyRow) -> Result<ListedCall, StoreError> {
    let outcome: Option<String> = row.try_get("outcome")?;
    Ok(ListedCall {
        id: id_of(&row.try_get::<String, _>("id")?)?,
        began: moment(row.try_get("began_us")?),
        ended: row.try_get::<Option<i64>, _>("ended_us")?.map(moment),
        called: row.try_get("called")?,
        caller: row.try_get("caller")?,
        entry: row.try_get("entry")?,
        outcome: outcome.map(|name| read(&serde_json::Value::String(name).to_string())).transpose()?,
        ended_by: row.try_get("ended_by")?,
        agent: row.try_get("agent")?,
        headline: row.try_get("headline")?,
        frustration_peak: row.try_get("frustration_peak")?,
        handoffs: row.try_get::<i64, _>("handoffs")?.try_into().unwrap_or_default(),
        recordings: row.try_get::<Option<String>, _>("recordings")?.map(PathBuf::from),
    })
}

fn wrap_up(row: &AnyRow) -> Result<WrapUp, StoreError> {
    Ok(WrapUp {
        call: id_of(&row.try_get::<String, _>("call")?)?,
        agent: row.try_get("agent")?,
        began: moment(row.try_get("began_us")?),
        saved: moment(row.try_get("saved_us")?),
        summary: row.try_get("summary")?,
        disposition: row.try_get("disposition")?,
        resolved: row.try_get::<Option<i64>, _>("resolved")?.map(|resolved| resolved != 0),
    })
}

pub(super) fn id_of(text: &str) -> Result<CallId, StoreError> {
    uuid::Uuid::parse_str(text).map(CallId).map_err(|_| StoreError::Foreign(format!("the call `{text}`")))
}

fn read<T: DeserializeOwned>(json: &str) -> Result<T, StoreError> {
    serde_json::from_str(json).map_err(|error| StoreError::Foreign(error.to_string()))
}

/// The records of a call, in order.
pub(super) async fn records(pool: &AnyPool, call: CallId) -> Result<Vec<Record>, StoreError> {
    let rows = sqlx::query("SELECT body FROM records WHERE call = $1 ORDER BY seq").bind(call.to_string()).fetch_all(pool).await?;
    rows.iter().map(|row| read(&row.try_get::<String, _>("body")?)).collect()
}

/// A call's line, if it is kept.
pub(super) async fn find_listed(pool: &AnyPool, call: CallId) -> Result<Option<ListedCall>, StoreError> {
    let query = sqlx::query(sqlx::AssertSqlSafe(format!("{LISTED} WHERE id = $1"))).bind(call.to_string());
    query.fetch_optional(pool).await?.as_ref().map(listed).transpose()
}

fn limit(most: usize) -> i64 {
    i64::try_from(most).unwrap_or(i64::MAX)
}

impl Store {
    /// Calls, the latest first: those that began before this one, or all.
    ///
    /// # Errors
    /// The database is away.
    pub async fn list_calls(&self, before: Option<CallId>, most: usize) -> Result<Vec<ListedCall>, StoreError> {
        let rows = match before {
            None => {
                let query = sqlx::query(sqlx::AssertSqlSafe(format!("{LISTED} ORDER BY began_us DESC, id DESC LIMIT $1")));
                query.bind(limit(most)).fetch_all(&self.pool).await?
            }
            Some(call) => {
                let sql = format!(
                    "{LISTED} WHERE (began_us, id) < (SELECT began_us, id FROM calls WHERE id = $1) ORDER BY began_us DESC, id DESC LIMIT $2"
                );
                sqlx::query(sqlx::AssertSqlSafe(sql)).bind(call.to_string()).bind(limit(most)).fetch_all(&self.pool).await?
            }
        };
        rows.iter().map(listed).collect()
    }

    /// Everything that is kept of a call.
    ///
    /// # Errors
    /// The database is away.
    pub async fn find_call(&self, call: CallId) -> Result<Option<KeptCall>, StoreError> {
        let Some(listed) = find_listed(&self.pool, call).await? else { return Ok(None) };
        let records = records(&self.pool, call).await?;
        let said = "SELECT call, agent, began_us, saved_us, summary, disposition, resolved FROM wrap_ups WHERE call = $1 ORDER BY began_us, agent";
        let rows = sqlx::query(said).bind(call.to_string()).fetch_all(&self.pool).await?;
        let wrap_ups = rows.iter().map(wrap_up).collect::<Result<_, _>>()?;
        Ok(Some(KeptCall { listed, records, wrap_ups }))
    }

    /// Earlier calls from this number, the latest first.
    ///
    /// # Errors
    /// The database is away.
    pub async fn history(&self, caller: &str, most: usize) -> Result<Vec<ListedCall>, StoreError> {
        let sql = format!("{LISTED} WHERE caller = $1 ORDER BY began_us DESC, id DESC LIMIT $2");
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(clean(short(caller))).bind(limit(most)).fetch_all(&self.pool).await?;
        rows.iter().map(listed).collect()
    }

    /// An agent's numbers since a moment, such as midnight where they are: of calls that they took and that began since.
    ///
    /// # Errors
    /// The database is away.
    pub async fn agent_day(&self, agent: &str, since: Timestamp) -> Result<AgentDay, StoreError> {
        let took = "FROM legs WHERE legs.agent = $1 AND legs.began_us >= $2 AND EXISTS \
                    (SELECT 1 FROM offers WHERE offers.call = legs.call AND offers.agent = legs.agent AND offers.outcome = 'accepted')";
        let sql = format!(
            "SELECT COUNT(DISTINCT legs.call) AS calls, COUNT(DISTINCT CASE WHEN legs.left_us IS NULL THEN NULL ELSE legs.call END) AS over, \
             CAST(COALESCE(SUM(legs.left_us - legs.joined_us), 0) AS BIGINT) AS talked {took}"
        );
        let row = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(agent.to_owned()).bind(since.as_microsecond()).fetch_one(&self.pool).await?;
        let wrapped = sqlx::query(
            "SELECT CAST(COALESCE(SUM(saved_us - wrap_ups.began_us), 0) AS BIGINT) AS wrapped FROM wrap_ups JOIN calls ON calls.id = wrap_ups.call \
             WHERE wrap_ups.agent = $1 AND wrap_ups.began_us >= $2 AND calls.began_us >= $2",
        )
        .bind(agent.to_owned())
        .bind(since.as_microsecond())
        .fetch_one(&self.pool)
        .await?;
        let (over, micros) = (row.try_get::<i64, _>("over")?, row.try_get::<i64, _>("talked")? + wrapped.try_get::<i64, _>("wrapped")?);
        let mean_handle_s = (over > 0).then(|| micros as f64 / 1e6 / over as f64);
        Ok(AgentDay { calls: row.try_get::<i64, _>("calls")?.try_into().unwrap_or_default(), mean_handle_s })
    }

    /// Keeps what an agent says after a call; saying it again corrects it. False if the call is not kept.
    ///
    /// # Errors
    /// The database is away.
    pub async fn save_wrap_up(&self, wrap_up: &WrapUp) -> Result<bool, StoreError> {
        // A call that ended a moment ago may still wait to be written.
        self.flush(CALL_IS_WRITTEN).await;
        let done = sqlx::query(
            "INSERT INTO wrap_ups (call, agent, began_us, saved_us, summary, disposition, resolved) \
             SELECT id, $2, $3, $4, $5, $6, $7 FROM calls WHERE id = $1 \
             ON CONFLICT (call, agent) DO UPDATE SET began_us = excluded.began_us, saved_us = excluded.saved_us, \
             summary = excluded.summary, disposition = excluded.disposition, resolved = excluded.resolved",
        )
        .bind(wrap_up.call.to_string())
        .bind(wrap_up.agent.clone())
        .bind(wrap_up.began.as_microsecond())
        .bind(wrap_up.saved.as_microsecond())
        .bind(clean(&wrap_up.summary))
        .bind(wrap_up.disposition.clone())
        .bind(wrap_up.resolved.map(i64::from))
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected() > 0)
    }
}
