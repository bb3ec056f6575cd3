//! What people do to a running call, and the supervisor who watches it.

use crate::base::{AgentId, EndedBy, QueueId, Time};

use super::offer::by_hand;
use super::stage::{Bridged, Stage};
use super::{Call, Command, HeardBy, Supervisor};

impl Call {
    pub(super) fn on_command(&mut self, command: Command, now: Time) {
        if let Some(denial) = self.denial(&command) {
            return self.deny(&command, denial);
        }
        match command {
            Command::Handoff { queue } => self.on_handoff_by_hand(queue, now),
            Command::HandBack { agent, note } => self.on_hand_back(&agent, note, now),
            Command::Transfer { target, .. } => self.on_transfer(target, now),
            Command::Invite { agent, target } => self.on_invite(&agent, target, now),
            Command::Consult { agent, target } => self.on_consult(&agent, target, now),
            Command::Complete { agent } => self.on_complete(&agent, now),
            Command::TakeBack { agent } => self.on_take_back(&agent, now),
            Command::Note { agent, text } => self.on_note(&agent, &text, now),
            Command::Correct { agent, name, value } => self.on_correct(agent, name, value, now),
            Command::HangUpAgent { agent } => self.on_hang_up_agent(&agent, now),
            Command::Hold { agent, on } => self.on_hold(&agent, on, now),
            Command::Mute { agent, on } => self.on_mute(&agent, on),
            Command::Press { agent, key } => self.on_press(agent, key),
            Command::Listen { supervisor } => self.on_supervisor(supervisor),
            Command::Whisper { .. } => self.on_supervisor_speaks(HeardBy::Agents),
            Command::Barge { .. } => self.on_supervisor_speaks(HeardBy::Everybody),
            Command::StopListening { .. } => self.release_supervisor(EndedBy::Supervisor),
            Command::HangUp => self.end(EndedBy::Supervisor, now),
        }
    }

    fn on_handoff_by_hand(&mut self, queue: Option<QueueId>, now: Time) {
        match &self.stage {
            Stage::Greeting | Stage::WithBot => {
                let mut fired = by_hand("console", "Somebody at the console asked for a person.");
                fired.queue = queue.filter(|q| self.plan.queues.contains_key(q));
                self.begin(fired, now);
            }
            _ => self.odd += 1,
        }
    }

    /// The bridge that the agent is in, if they can be heard.
    pub(super) fn talking(&mut self) -> Option<&mut Bridged> {
        match &mut self.stage {
            Stage::Bridged(bridged) if bridged.is_talking() => Some(bridged),
            _ => {
                self.odd += 1;
                None
            }
        }
    }

    fn on_supervisor(&mut self, supervisor: AgentId) {
        if self.supervisor.is_some() || matches!(self.stage, Stage::Ringing | Stage::Ending(_) | Stage::Ended) {
            self.odd += 1;
            return;
        }
        let leg = self.join(supervisor.clone(), None);
        self.supervisor = Some(Supervisor { leg, who: supervisor, heard_by: HeardBy::Nobody });
    }

    fn on_supervisor_speaks(&mut self, heard_by: HeardBy) {
        match &mut self.supervisor {
            Some(supervisor) => supervisor.heard_by = heard_by,
            None => self.odd += 1,
        }
    }

    pub(super) fn release_supervisor(&mut self, by: EndedBy) {
        match self.supervisor.take() {
            Some(supervisor) => self.release(supervisor.leg, by),
            None => self.odd += 1,
        }
    }
}
