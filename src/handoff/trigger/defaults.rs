//! The rules that a new configuration begins with.

use super::TriggerTable;

/// The default rules, in order.
pub fn default_triggers() -> Vec<TriggerTable> {
    Vec::new()
}
