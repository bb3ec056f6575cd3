//! Is the database away, or does it refuse what it is asked?

/// Classes of PostgreSQL's errors (its documentation, appendix A) that pass: connection, rollback, resources, objects in use, operator.
const AWAY_CLASSES: [&str; 5] = ["08", "40", "53", "55", "57"];
/// Kinds of SQLite's errors (sqlite.org/rescode.html) that pass: busy, locked, input and output, disk full, not to be opened.
const AWAY_KINDS: [u32; 5] = [5, 6, 10, 13, 14];

/// Whether the database is away, or too busy: what it does not take now it may take later. Everything else it refuses for good.
pub(super) fn is_away(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => true,
        sqlx::Error::Database(error) => error.code().is_some_and(|code| is_away_code(&code)),
        _ => false,
    }
}

/// PostgreSQL says why in five characters, of which two are the class; SQLite in a number whose low octet is the kind.
fn is_away_code(code: &str) -> bool {
    match code.len() {
        5 => AWAY_CLASSES.iter().any(|class| code.starts_with(class)),
        _ => code.parse::<u32>().is_ok_and(|code| AWAY_KINDS.contains(&(code & 0xff))),
    }
}

/// What the database says of it, in a word that has nothing of a caller in it.
pub(super) fn code_of(error: &sqlx::Error) -> String {
    let code = error.as_database_error().and_then(|error| error.code()).map(|code| code.into_owned());
    code.unwrap_or_else(|| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_away_or_refuses() {
        for (code, expected) in [
            ("08006", true),
            ("40001", true),
            ("40P01", true),
            ("53300", true),
            ("55P03", true),
            ("57P01", true),
            ("54000", false),
            ("23505", false),
            ("22021", false),
            ("42P01", false),
            ("5", true),
            ("517", true),
            ("10", true),
            ("6410", true),
            ("13", true),
            ("1", false),
            ("11", false),
            ("2067", false),
            ("", false),
            ("odd", false),
        ] {
            assert_eq!(is_away_code(code), expected, "{code}");
        }
        assert!(is_away(&sqlx::Error::PoolTimedOut) && !is_away(&sqlx::Error::RowNotFound));
    }
}
