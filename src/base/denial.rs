//! Why a call does not do what somebody asks of it.

use serde::{Deserialize, Serialize};

/// Why a call does not do what somebody asks of it: it is not theirs to decide. Each says so in words that they can be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Denial {
    /// A colleague talks with them first, and has the caller.
    #[error("Your colleague only consults you and decides about the caller. You can talk with them, or hang up.")]
    OnlyConsulted,
    /// They have no place in the call.
    #[error("You are not in this call, or not any more.")]
    NotInCall,
    /// Another agent has put the caller on hold.
    #[error("Another agent has put the caller on hold, and takes them back.")]
    HeldByAnother,
    /// It can't be done as the call stands.
    #[error("The call is not where this can be done.")]
    NotNow,
    /// Another supervisor listens.
    #[error("Another supervisor listens to this call already. Try again when they have stopped.")]
    ListenedTo,
    /// They do not listen.
    #[error("You do not listen to this call.")]
    NotListening,
}
