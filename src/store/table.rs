//! `[store]`: where calls, people and what they did are kept.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::Problems;
use crate::net::secret::{ApiKey, Kept, Secret, SecretError};

/// What `url` begins with for a file of SQLite.
pub(super) const SQLITE: &str = "sqlite:";
/// What `url` begins with for PostgreSQL.
const POSTGRES: [&str; 2] = ["postgres://", "postgresql://"];
/// Characters that have another meaning in a URL than in the name of a file.
const NOT_IN_FILES: [char; 3] = ['?', '#', '%'];

/// `[store]`: where calls, people and what they did are kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct StoreTable {
    /// `sqlite:FILE`, or `postgres://USER@HOST/DATABASE` (15 or later, without TLS); empty to keep nothing.
    pub url: String,
    /// The variable that holds the password of PostgreSQL.
    pub password_env: Option<String>,
    /// The file that holds the password of PostgreSQL, where the variable is not set.
    pub password_file: Option<PathBuf>,
    /// What this gateway is called among those that share a database. On start it closes the calls that it lost when it last ended.
    pub instance: String,
    /// Connections to the database at most.
    pub connections: u32,
    /// Records that may wait to be written while the database is slow or away; further ones are dropped and counted.
    pub queue_records: u32,
    /// Days for which calls are kept, with everything of them but their recordings; 0 for ever.
    pub keep_days: f64,
}

impl Default for StoreTable {
    fn default() -> Self {
        StoreTable {
            url: "sqlite:segue.db".into(),
            password_env: None,
            password_file: None,
            instance: "segue".into(),
            connections: 8,
            queue_records: 100_000,
            keep_days: 0.0,
        }
    }
}

impl StoreTable {
    /// Whether anything is kept.
    pub fn keeps(&self) -> bool {
        !self.url.is_empty()
    }

    /// Names every mistake below `key`.
    pub fn check(&self, key: &str, problems: &mut Problems) {
        let mut wrong = |name: &str, what: String| problems.add(format!("{key}.{name}"), what);
        if let Some(what) = wrong_url(&self.url) {
            wrong("url", what);
        }
        if self.instance.trim().is_empty() {
            wrong("instance", "is empty; expected a name".into());
        }
        for (name, count, least, most) in [("connections", self.connections, 2, 100), ("queue_records", self.queue_records, 5_000, 10_000_000)] {
            if !(least..=most).contains(&count) {
                wrong(name, format!("is {count}; it must be between {least} and {most}"));
            }
        }
        if !(0.0..=36_500.0).contains(&self.keep_days) {
            wrong("keep_days", format!("is {}; it must be between 0 (for ever) and 36500", self.keep_days));
        }
        let kept = Kept { password: None, variable: self.password_env.as_deref(), file: None };
        kept.check(key, problems);
    }

    /// The password, if one is named.
    ///
    /// # Errors
    /// It is named but can't be had.
    pub(super) fn password(&self) -> Result<Option<Secret>, SecretError> {
        if self.file().is_some() {
            return Ok(None);
        }
        ApiKey { variable: self.password_env.as_deref(), file: self.password_file.as_deref() }.find()
    }

    /// The file of SQLite, if it is that.
    pub(super) fn file(&self) -> Option<PathBuf> {
        let rest = self.url.strip_prefix(SQLITE)?;
        Some(PathBuf::from(rest.strip_prefix("//").unwrap_or(rest)))
    }
}

/// What is wrong with a URL.
fn wrong_url(url: &str) -> Option<String> {
    if url.is_empty() {
        return None;
    }
    if let Some(file) = url.strip_prefix(SQLITE) {
        let file = file.strip_prefix("//").unwrap_or(file);
        return if file.is_empty() || file.ends_with('/') {
            Some(format!("is `{url}`, which names no file; expected such as `sqlite:segue.db`"))
        } else if file.starts_with(':') {
            Some(format!("is `{url}`, which keeps nothing; write \"\" for that, or `sqlite:FILE`"))
        } else if file.contains(NOT_IN_FILES) {
            Some(format!("is `{url}`; the file's name may not have `?`, `#` or `%` in it"))
        } else {
            None
        };
    }
    let Some(rest) = POSTGRES.iter().find_map(|scheme| url.strip_prefix(scheme)) else {
        return Some(format!("is `{}`; expected `sqlite:FILE`, `postgres://USER@HOST/DATABASE`, or \"\" to keep nothing", hidden(url)));
    };
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let names_password = authority.rsplit_once('@').is_some_and(|(who, _)| who.contains(':')) || rest.contains("password=");
    if names_password {
        return Some("holds a password; write it into a variable or a file, and name that in password_env or password_file".into());
    }
    if rest.contains(char::is_whitespace) || !rest.contains('/') {
        return Some(format!("is `{url}`; expected `postgres://USER@HOST/DATABASE`"));
    }
    None
}

/// The URL without what might be a password.
fn hidden(url: &str) -> String {
    match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://…@{host}"),
        _ => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistakes(text: &str) -> Problems {
        let mut problems = Problems::default();
        toml::from_str::<StoreTable>(text).unwrap().check("store", &mut problems);
        problems
    }

    #[test]
    fn every_mistake_is_named_by_its_key() {
        for (text, key) in [
            ("url = 'segue.db'", "store.url"),
            ("url = 'sqlite:'", "store.url"),
            ("url = 'sqlite:///var/lib/'", "store.url"),
            ("url = 'sqlite::memory:'", "store.url"),
            ("url = 'sqlite:segue.db?mode=ro'", "store.url"),
            ("url = 'mysql://segue@localhost/segue'", "store.url"),
            ("url = 'postgres://localhost'", "store.url"),
            ("url = 'postgres://segue:sesame@localhost/segue'", "store.url"),
            ("url = 'postgres://localhost/segue?user=segue&password=sesame'", "store.url"),
            ("url = 'postgres://localhost/seg ue'", "store.url"),
            ("url = 'postgres://segue@localhost/segue'\npassword_env = ''", "store.password_env"),
            ("instance = ' '", "store.instance"),
            ("connections = 1", "store.connections"),
            ("connections = 101", "store.connections"),
            ("queue_records = 100", "store.queue_records"),
            ("keep_days = -1.0", "store.keep_days"),
            ("keep_days = nan", "store.keep_days"),
        ] {
            let problems = mistakes(text);
            assert!(problems.0.len() == 1 && problems.0[0].key == key, "{text}: {problems:?}");
            assert!(!problems.to_string().contains("sesame"), "a password is told: {problems}");
        }
        assert!(mistakes("url = 'mysql://segue:sesame@localhost/segue'").0.len() == 1);
        assert!(!mistakes("url = 'mysql://segue:sesame@localhost/segue'").to_string().contains("sesame"));
    }

    #[test]
    fn what_may_be_written_is_taken() {
        for text in [
            "",
            "url = ''",
            "url = 'sqlite:/var/lib/segue/segue.db'",
            "url = 'sqlite:///var/lib/segue/segue.db'",
            "url = 'postgres://segue@192.0.2.4:5433/segue'\npassword_file = '/etc/segue/store'",
            "url = 'postgresql:///segue?host=/var/run/postgresql&user=segue'",
        ] {
            assert!(mistakes(text).0.is_empty(), "{text}: {}", mistakes(text));
        }
    }

    #[test]
    fn the_file_is_the_one_that_the_url_names() {
        for (url, file) in [("sqlite:segue.db", "segue.db"), ("sqlite:///a/b.db", "/a/b.db"), ("sqlite:/a/b.db", "/a/b.db")] {
            assert_eq!(StoreTable { url: url.into(), ..StoreTable::default() }.file(), Some(PathBuf::from(file)));
        }
        assert_eq!(StoreTable { url: "postgres://localhost/a".into(), ..StoreTable::default() }.file(), None);
    }
}
