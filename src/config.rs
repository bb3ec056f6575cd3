//! The configuration as it is written, joined from each room's own table type.

pub mod document;
pub mod fit;
pub mod hint;
pub mod key;
pub mod mistake;
