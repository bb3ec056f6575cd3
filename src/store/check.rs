//! Is everything that is kept whole? And how did calls end of which the gateway knows no end?

use std::collections::BTreeMap;

use jiff::Timestamp;
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row as _};

use super::calls::id_of;
use super::projection::GATEWAY_LOST;
use super::{Store, StoreError, moment};
use crate::base::CallId;

/// Calls without an end, or with missing records, that are told one by one.
const TOLD: i64 = 10_000;
/// Tables whose rows belong to a call.
const OF_CALLS: [&str; 8] = ["records", "turns", "signals", "scores", "legs", "handoffs", "offers", "wrap_ups"];
/// Tables whose rows belong to a record.
const OF_RECORDS: [&str; 3] = ["turns", "signals", "scores"];

/// What was found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Checked {
    /// Calls that are kept.
    pub calls: u64,
    /// Records that are kept.
    pub records: u64,
    /// How many calls ended how: by outcome, [`GATEWAY_LOST`], or `goes on`.
    pub endings: BTreeMap<String, u64>,
    /// Rows that belong to nothing.
    pub dangling: Vec<Dangling>,
    /// Calls of which records are missing.
    pub incomplete: Vec<Incomplete>,
    /// Calls of which no end is known, the earliest first.
    pub lost: Vec<LostCall>,
}

impl Checked {
    /// Whether no row belongs to nothing.
    pub fn is_whole(&self) -> bool {
        self.dangling.is_empty()
    }
}

/// Rows that belong to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dangling {
    /// The table that they are in.
    pub table: &'static str,
    /// What they should belong to.
    pub owner: &'static str,
    /// How many.
    pub rows: u64,
}

/// A call of which records are missing: they were dropped while the database was away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incomplete {
    /// Which.
    pub call: CallId,
    /// How many, before the last that is there.
    pub missing: u64,
}

/// A call of which no end is known.
#[derive(Clone, Debug, PartialEq)]
pub struct LostCall {
    /// Which.
    pub call: CallId,
    /// When it began.
    pub began: Timestamp,
    /// True if it was marked as lost; false if it may be going on.
    pub is_over: bool,
    /// The stage that it was in, as records name it.
    pub stage: Option<String>,
    /// The agent who had taken it, if one had.
    pub agent: Option<String>,
    /// Its last record's kind.
    pub last_kind: String,
    /// When that was, in s of the call.
    pub last_s: f64,
}

fn lost(row: &AnyRow) -> Result<LostCall, StoreError> {
    Ok(LostCall {
        call: id_of(&row.try_get::<String, _>("id")?)?,
        began: moment(row.try_get("began_us")?),
        is_over: row.try_get::<Option<i64>, _>("ended_us")?.is_some(),
        stage: row.try_get("stage")?,
        agent: row.try_get("agent")?,
        last_kind: row.try_get("last_kind")?,
        last_s: row.try_get::<i64, _>("last_us")? as f64 / 1e6,
    })
}

impl Store {
    /// Looks at everything that is kept.
    ///
    /// # Errors
    /// The database is away.
    pub async fn check(&self) -> Result<Checked, StoreError> {
        let mut checked = Checked { calls: self.count("FROM calls").await?, records: self.count("FROM records").await?, ..Checked::default() };
        let endings = sqlx::query(
            "SELECT COALESCE(outcome, CASE WHEN ended_us IS NULL THEN 'goes on' ELSE ended_by END) AS ending, COUNT(*) AS calls FROM calls \
             GROUP BY COALESCE(outcome, CASE WHEN ended_us IS NULL THEN 'goes on' ELSE ended_by END)",
        );
        for row in endings.fetch_all(&self.pool).await? {
            let ending: Option<String> = row.try_get("ending")?;
            checked.endings.insert(ending.unwrap_or_default(), row.try_get::<i64, _>("calls")?.try_into().unwrap_or_default());
        }
        checked.dangling = self.dangling().await?;
        let gaps = sqlx::query(
            "SELECT call, CAST(MAX(seq) + 1 - COUNT(*) AS BIGINT) AS missing FROM records GROUP BY call HAVING MAX(seq) + 1 > COUNT(*) ORDER BY call LIMIT $1",
        );
        for row in gaps.bind(TOLD).fetch_all(&self.pool).await? {
            let missing = row.try_get::<i64, _>("missing")?.try_into().unwrap_or_default();
            checked.incomplete.push(Incomplete { call: id_of(&row.try_get::<String, _>("call")?)?, missing });
        }
        let lost_calls = sqlx::query(
            "SELECT id, began_us, ended_us, stage, agent, last_kind, last_us FROM calls WHERE outcome IS NULL ORDER BY began_us, id LIMIT $1",
        );
        checked.lost = lost_calls.bind(TOLD).fetch_all(&self.pool).await?.iter().map(lost).collect::<Result<_, _>>()?;
        Ok(checked)
    }

    /// Calls that this gateway had when it last ended, and no others, are over from now on: the gateway lost them.
    /// Call it before the first call comes.
    ///
    /// # Errors
    /// The database is away.
    pub async fn recover(&self) -> Result<Vec<LostCall>, StoreError> {
        let mut change = self.pool.begin().await?;
        sqlx::query(
            "UPDATE handoffs SET ended_by = $1, ended_us = (SELECT last_us FROM calls WHERE calls.id = handoffs.call) \
             WHERE ended_us IS NULL AND mode = 'act' AND call IN (SELECT id FROM calls WHERE ended_us IS NULL AND instance = $2)",
        )
        .bind(GATEWAY_LOST)
        .bind(self.instance.to_string())
        .execute(&mut *change)
        .await?;
        let marked = sqlx::query(
            "UPDATE calls SET ended_us = began_us + last_us, ended_by = $1 WHERE ended_us IS NULL AND instance = $2 \
             RETURNING id, began_us, ended_us, stage, agent, last_kind, last_us",
        )
        .bind(GATEWAY_LOST)
        .bind(self.instance.to_string())
        .fetch_all(&mut *change)
        .await?;
        change.commit().await?;
        let mut marked: Vec<LostCall> = marked.iter().map(lost).collect::<Result<_, _>>()?;
        marked.sort_by_key(|call| (call.began, call.call));
        Ok(marked)
    }

    async fn dangling(&self) -> Result<Vec<Dangling>, StoreError> {
        let mut places: Vec<(&'static str, &'static str, String)> = Vec::new();
        for table in OF_CALLS {
            places.push((table, "call", format!("FROM {table} WHERE NOT EXISTS (SELECT 1 FROM calls WHERE calls.id = {table}.call)")));
        }
        for table in OF_RECORDS {
            let there = format!("SELECT 1 FROM records WHERE records.call = {table}.call AND records.seq = {table}.seq");
            places.push((table, "record", format!("FROM {table} WHERE NOT EXISTS ({there})")));
        }
        let there = "SELECT 1 FROM handoffs WHERE handoffs.call = offers.call AND handoffs.n = offers.handoff";
        places.push(("offers", "handoff", format!("FROM offers WHERE NOT EXISTS ({there})")));
        let counted = "SELECT COUNT(*) FROM records WHERE records.call = calls.id";
        places.push(("calls", "full count of records", format!("FROM calls WHERE calls.records <> ({counted})")));
        let mut dangling = Vec::new();
        for (table, owner, from) in places {
            let rows = self.count(&from).await?;
            if rows > 0 {
                dangling.push(Dangling { table, owner, rows });
            }
        }
        Ok(dangling)
    }

    /// `from` is one of ours.
    async fn count(&self, from: &str) -> Result<u64, StoreError> {
        let row = sqlx::query(AssertSqlSafe(format!("SELECT COUNT(*) AS n {from}"))).fetch_one(&self.pool).await?;
        Ok(row.try_get::<i64, _>("n")?.try_into().unwrap_or_default())
    }
}
