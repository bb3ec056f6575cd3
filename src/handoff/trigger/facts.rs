//! What a rule may know.
