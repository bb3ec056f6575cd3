//! Rules, compiled.

use super::TriggerTable;
use crate::base::Problems;

/// The rules of an entry, compiled once and shared by its calls.
#[derive(Debug)]
pub struct Rules {}

impl Rules {
    /// Compiles the rules; `key` is where they stand in the configuration (`trigger` gives `trigger[0].when`).
    ///
    /// # Errors
    /// Every mistake by its key.
    pub fn compile(tables: &[TriggerTable], key: &str) -> Result<Rules, Problems> {
        let mut problems = Problems::default();
        for (n, table) in tables.iter().enumerate() {
            table.check(&format!("{key}[{n}]"), &mut problems);
        }
        problems.or(Rules {})
    }
}
