//! Checks of a rule before it is used.
