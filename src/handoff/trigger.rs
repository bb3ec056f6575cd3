//! Triggers: rules over what is known of a call that ask for a person.
//!
//! Write rules as [`TriggerTable`]s, compile them once with [`Rules::compile`], and give each call a [`Watch`] that
//! considers them whenever something new is known. What is *not* here: what a fired trigger leads to (the call machine).
//!
//! # What a rule may use
//!
//! A rule is an expression of the Common Expression Language (CEL) that is true or false.
//!
//! | variable | is |
//! |---|---|
//! | `score` | the frustration score, 0.0 to 1.0 |
//! | `signals` | the latest 64 signals in order of time, each with `kind`, `age_s`, `start_s`, `end_s`, `value`, `weight`, `turn` (-1: none), `why` |
//! | `bot` | `intent`, `topic`, `question` (empty: none), `turns`, `turns_without_progress`, `failures` (in a row), `no_match`, `no_input`, `errors` (in the call), `wants_person` |
//! | `desk` | of the entry's queue: `on_duty`, `available`, `waiting`, `expected_wait_s` (-1.0: unknown) |
//! | `time` | `hour` (0–23), `minute`, `weekday` (1 is Monday), `open` |
//! | `caller` | `number` (empty: unknown), `called`, `entry`, `language`, `data` (ask `has(caller.data.key)` first) |
//! | `call` | `age_s`, `turns` (of the caller), `handoffs` (so far) |
//!
//! | function | gives |
//! |---|---|
//! | `recent("repeat", 30)` | how many such signals ended in the last 30 s; a list of kinds counts them together |
//! | `turns_with("raised_volume", 3)` | in how many of the caller's last 3 turns there was one |
//! | `apart("raised_volume", 5)` | true if two of them in the same, latest turn began 5 s or more apart |
//!
//! Beside these: CEL's operators, `size`, `contains`, `startsWith`, `endsWith`, `matches`, conversions, and `all`,
//! `exists`, `exists_one`, `filter` and `map` over lists, two deep at most. Maps can only be looked up by key: going
//! through one would depend on an order that differs from run to run.
//!
//! # When a rule fires
//!
//! In the order in which they are written, the first true one. It fires again when its cool-down is over *and* a new
//! signal of its kinds was heard; a rule without a cool-down (an explicit request) needs the new signal only.

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
