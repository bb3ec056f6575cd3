//! The other driver: recorded audio on virtual time, and what is made of the records that come out.
//!
//! [`result`] is the object of `--json`, [`expect`] and [`baseline`] judge it, [`verdict`] and [`terminal`] say it to a person,
//! [`transcript`] and [`report`] show it.

pub mod baseline;
pub mod caller;
pub mod expect;
pub mod options;
pub mod report;
pub mod result;
pub mod progress;
mod tape;
pub mod terminal;
pub mod time_map;
pub mod transcript;
pub mod verdict;
pub mod clock;
pub mod driver;
pub mod edge;
pub mod files;
pub mod output;
pub mod run;
