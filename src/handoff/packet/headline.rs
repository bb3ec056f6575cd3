//! One line that says it all.
