//! Evidence: one file for each signal, and their fusion to a score.

pub mod raised_volume;
pub mod repeat;
