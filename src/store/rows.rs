//! Rows on their way into the database: many by one statement, the same for SQLite and PostgreSQL.
//!
//! sqlx's `Any` binds a missing f64 as one of another width, and PostgreSQL keeps the type that a statement had first. So
//! numbers that may be missing are bound as text and cast, and everything else always has one type.

use std::fmt::Write as _;

use sqlx::any::AnyArguments;
use sqlx::query::Query;
use sqlx::{Any, AnyConnection, AssertSqlSafe};

/// Rows by one statement, in powers of two up to this, so that there are few statements to prepare.
const ROWS_AT_ONCE: usize = 32;

/// One value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Field {
    /// A count, a time in µs, or true (1) and false (0).
    Int(Option<i64>),
    /// A number that is always there.
    Real(f64),
    /// A number that may be missing.
    MaybeReal(Option<f64>),
    /// Words.
    Text(Option<String>),
}

impl From<i64> for Field {
    fn from(value: i64) -> Self {
        Field::Int(Some(value))
    }
}

impl From<Option<i64>> for Field {
    fn from(value: Option<i64>) -> Self {
        Field::Int(value)
    }
}

impl From<f64> for Field {
    fn from(value: f64) -> Self {
        Field::Real(value)
    }
}

impl From<Option<f64>> for Field {
    fn from(value: Option<f64>) -> Self {
        Field::MaybeReal(value)
    }
}

impl From<&str> for Field {
    fn from(value: &str) -> Self {
        Field::Text(Some(clean(value)))
    }
}

impl From<Option<&str>> for Field {
    fn from(value: Option<&str>) -> Self {
        Field::Text(value.map(clean))
    }
}

/// PostgreSQL takes no text with a NUL in it, whoever said it.
pub(super) fn clean(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// What happens to a row that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Again {
    /// It stays as it is.
    Stays,
    /// It is written anew.
    IsRenewed,
}

/// Where rows go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// The table.
    pub name: &'static str,
    /// Its columns, in the order of rows' fields; the first ones are its key.
    pub columns: &'static [&'static str],
    /// How many columns are its key.
    pub keys: usize,
    /// What happens to a row that is there already.
    pub again: Again,
}

/// One row: as many fields as its target has columns.
pub(super) type Row = Vec<Field>;

/// Writes rows of one target. No two may have the same key.
pub(super) async fn write(connection: &mut AnyConnection, target: Target, mut rows: &[&Row]) -> Result<(), sqlx::Error> {
    while !rows.is_empty() {
        let count = (1 << rows.len().ilog2()).min(ROWS_AT_ONCE);
        let (now, rest) = rows.split_at(count);
        let mut query = sqlx::query(AssertSqlSafe(statement(target, now)));
        for field in now.iter().copied().flatten() {
            query = bound(query, field);
        }
        query.execute(&mut *connection).await?;
        rows = rest;
    }
    Ok(())
}

fn statement(target: Target, rows: &[&Row]) -> String {
    let mut sql = format!("INSERT INTO {} ({}) VALUES ", target.name, target.columns.join(", "));
    let mut n = 0;
    for (at, row) in rows.iter().enumerate() {
        sql.push_str(if at == 0 { "(" } else { ", (" });
        for (column, field) in row.iter().enumerate() {
            n += 1;
            let comma = if column == 0 { "" } else { ", " };
            // Writing to a string can't fail.
            let _ = match field {
                Field::MaybeReal(_) => write!(sql, "{comma}CAST(${n} AS DOUBLE PRECISION)"),
                Field::Int(_) | Field::Real(_) | Field::Text(_) => write!(sql, "{comma}${n}"),
            };
        }
        sql.push(')');
    }
    let (keys, others) = target.columns.split_at(target.keys);
    let _ = write!(sql, " ON CONFLICT ({}) DO ", keys.join(", "));
    match target.again {
        Again::Stays => sql.push_str("NOTHING"),
        Again::IsRenewed => {
            let set: Vec<String> = others.iter().map(|column| format!("{column} = excluded.{column}")).collect();
            let _ = write!(sql, "UPDATE SET {}", set.join(", "));
        }
    }
    sql
}

fn bound<'q>(query: Query<'q, Any, AnyArguments>, field: &Field) -> Query<'q, Any, AnyArguments> {
    match field {
        Field::Int(value) => query.bind(*value),
        Field::Real(value) => query.bind(*value),
        Field::MaybeReal(value) => query.bind(value.map(|value| value.to_string())),
        Field::Text(value) => query.bind(value.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCORES: Target = Target { name: "scores", columns: &["call", "seq", "score"], keys: 2, again: Again::Stays };

    #[test]
    fn many_rows_are_one_statement() {
        let row: Row = vec!["a".into(), 1.into(), 0.5.into()];
        assert_eq!(
            statement(SCORES, &[&row, &row]),
            "INSERT INTO scores (call, seq, score) VALUES ($1, $2, $3), ($4, $5, $6) ON CONFLICT (call, seq) DO NOTHING"
        );
    }

    #[test]
    fn a_row_that_is_there_is_renewed_where_that_is_wanted_and_missing_numbers_are_cast() {
        let target = Target { again: Again::IsRenewed, ..SCORES };
        let row: Row = vec!["a".into(), 1.into(), None::<f64>.into()];
        assert_eq!(
            statement(target, &[&row]),
            "INSERT INTO scores (call, seq, score) VALUES ($1, $2, CAST($3 AS DOUBLE PRECISION)) ON CONFLICT (call, seq) DO UPDATE SET score = excluded.score"
        );
    }

    #[test]
    fn no_text_has_a_nul_in_it() {
        assert_eq!(Field::from("a\0b"), Field::Text(Some("a\u{fffd}b".into())));
    }
}
