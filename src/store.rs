//! What is kept of calls: the journal of records, and the projections that are told from it.
//!
//! [`story`] tells one call from its records. What is *not* here yet: databases; they keep the same records and tell the
//! same stories.

pub mod story;
