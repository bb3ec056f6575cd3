//! Who may ask what of a running call.
//!
//! An agent whom a colleague consults (a warm transfer) does not have the caller: they talk with who asked, and may leave,
//! mute themselves, and add to what is known; what becomes of the caller is not theirs to decide. Hold is ended by who put
//! the caller there. One supervisor listens at a time, and nobody else stops them. What is denied changes nothing: it is
//! counted and recorded, and whoever asked is told why ([`Effect::Deny`]). Whether something is possible at all where the
//! call stands is decided where it is done.

use crate::base::{AgentId, Denial, Happening};

use super::stage::{Hold, Stage};
use super::{Call, Command, Effect};

impl Command {
    /// Its name, and who asks; nobody is named by who runs the gateway.
    fn asked(&self) -> (&'static str, Option<&AgentId>) {
        match self {
            Command::Handoff { .. } => ("handoff", None),
            Command::HandBack { agent, .. } => ("hand_back", Some(agent)),
            Command::Transfer { agent, .. } => ("transfer", Some(agent)),
            Command::Invite { agent, .. } => ("invite", Some(agent)),
            Command::Consult { agent, .. } => ("consult", Some(agent)),
            Command::Complete { agent } => ("complete", Some(agent)),
            Command::TakeBack { agent } => ("take_back", Some(agent)),
            Command::Note { agent, .. } => ("note", Some(agent)),
            Command::Correct { agent, .. } => ("correct", Some(agent)),
            Command::HangUpAgent { agent } => ("hang_up_agent", Some(agent)),
            Command::Hold { agent, .. } => ("hold", Some(agent)),
            Command::Mute { agent, .. } => ("mute", Some(agent)),
            Command::Press { agent, .. } => ("press", Some(agent)),
            Command::Listen { supervisor } => ("listen", Some(supervisor)),
            Command::Whisper { supervisor } => ("whisper", Some(supervisor)),
            Command::Barge { supervisor } => ("barge", Some(supervisor)),
            Command::StopListening { supervisor } => ("stop_listening", Some(supervisor)),
            Command::HangUp => ("hang_up", None),
        }
    }
}

impl Call {
    /// Why this is not theirs to decide; `None` if it is.
    pub(super) fn denial(&self, command: &Command) -> Option<Denial> {
        match command {
            Command::HandBack { agent, .. }
            | Command::Transfer { agent, .. }
            | Command::Invite { agent, .. }
            | Command::Consult { agent, .. }
            | Command::Complete { agent }
            | Command::TakeBack { agent }
            | Command::Press { agent, .. }
            | Command::Hold { agent, on: true } => self.denial_of_caller(agent),
            Command::Hold { agent, on: false } => self.denial_of_caller(agent).or_else(|| self.denial_of_resuming(agent)),
            Command::Listen { supervisor } => self.supervisor.as_ref().filter(|there| there.who != *supervisor).map(|_| Denial::ListenedTo),
            Command::Whisper { supervisor } | Command::Barge { supervisor } | Command::StopListening { supervisor } => {
                let listens = self.supervisor.as_ref().is_some_and(|there| there.who == *supervisor);
                (!listens).then_some(Denial::NotListening)
            }
            // Their own sound and place, and what they know; or whoever runs the gateway.
            Command::Note { .. } | Command::Correct { .. } | Command::HangUpAgent { .. } | Command::Mute { .. } => None,
            Command::Handoff { .. } | Command::HangUp => None,
        }
    }

    /// Why an agent has no say in what becomes of the caller.
    fn denial_of_caller(&self, agent: &AgentId) -> Option<Denial> {
        let Stage::Bridged(bridged) = &self.stage else { return None };
        match bridged.seats.iter().find(|seat| seat.agent == *agent) {
            None => Some(Denial::NotInCall),
            Some(seat) => bridged.consults().filter(|by| *by != seat.leg).map(|_| Denial::OnlyConsulted),
        }
    }

    fn denial_of_resuming(&self, agent: &AgentId) -> Option<Denial> {
        let Stage::Bridged(bridged) = &self.stage else { return None };
        let Hold::On { by } = bridged.hold else { return None };
        let is_theirs = bridged.seats.iter().any(|seat| seat.leg == by && seat.agent == *agent);
        (!is_theirs).then_some(Denial::HeldByAnother)
    }

    /// Nothing is done, and whoever asked is told why.
    pub(super) fn deny(&mut self, command: &Command, why: Denial) {
        self.odd += 1;
        let (asked, who) = command.asked();
        if let Some(who) = who {
            self.record(Happening::Denied { who: who.clone(), asked: asked.to_owned(), why });
        }
        self.out.push_back(Effect::Deny(why));
    }
}
