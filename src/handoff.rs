//! The handoff: what is known of a call, the rules that ask for a person, the notice, the context packet, and the desk
//! that finds the person.
//!
//! Pure. What is *not* here: the order of things in a call (that is the call machine's) and how anybody is alerted.

pub mod desk;
