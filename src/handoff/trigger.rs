//! Triggers: rules over what is known of a call that ask for a person.
//!
//! Write rules as [`TriggerTable`]s, compile them once with [`Rules::compile`], and give each call a [`Watch`] that
//! considers them whenever something new is known. What is *not* here: what a fired trigger leads to (the call machine).

mod cause;
mod check;
mod defaults;
mod facts;
mod rules;
mod table;
mod watch;

#[cfg(test)]
mod tests;

pub use defaults::default_triggers;
pub use rules::Rules;
pub use table::{Does, TriggerTable};
pub use watch::{Considered, Fired, TriggeringSentence, WallFacts, Watch};
