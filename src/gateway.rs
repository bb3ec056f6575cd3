//! What every driver shares: the executor that carries out effects, and the tasks in which engines work.
//!
//! A driver owns the clock and the edge; it feeds an [`Executor`] with frames, engine answers and news, and the executor
//! moves them between the machines of one call until all are idle. What is *not* here: where frames come from.

pub mod engine;
pub mod executor;
pub mod kit;
pub mod live;
pub mod redaction;

pub use engine::{Answer, Answered, RequestId};
pub use executor::{Clock, Edge, Equipment, Executor};
pub use kit::{Arrival, Kit, KitTables};
