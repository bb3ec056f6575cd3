//! What agents add to what is known: notes, and corrections.

use crate::base::{AgentId, Happening, Time};

use super::Call;
use super::stage::Stage;

impl Call {
    pub(super) fn on_note(&mut self, agent: &AgentId, text: &str, now: Time) {
        if text.trim().is_empty() || !self.has_seat(agent) {
            self.odd += 1;
            return;
        }
        self.take_note(agent, text, now);
        self.update_packets(now);
    }

    pub(super) fn take_note(&mut self, agent: &AgentId, text: &str, now: Time) {
        self.dossier.on_note(agent, text, now);
        self.record(Happening::Noted { agent: agent.clone(), text: text.to_owned() });
    }

    pub(super) fn on_correct(&mut self, agent: AgentId, name: String, value: String, now: Time) {
        if name.trim().is_empty() || !self.has_seat(&agent) {
            self.odd += 1;
            return;
        }
        self.dossier.correct(&name, &value);
        self.record(Happening::SlotCorrected { agent, name, value });
        self.update_packets(now);
    }

    fn has_seat(&self, agent: &AgentId) -> bool {
        matches!(&self.stage, Stage::Bridged(bridged) | Stage::Moving(bridged) if bridged.seats.iter().any(|seat| seat.agent == *agent))
    }
}
