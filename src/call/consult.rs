//! A warm transfer: an agent talks with somebody else first, while the caller is on hold.
//!
//! It ends in one of four ways: the agent who asked leaves and the other has the caller ([`Call::on_complete`], or by
//! hanging up); they take the caller back; the other does not come or goes away again, and the caller is back with the
//! agent, who hears a tone; or the bridge ends. Who hears whom follows in [`align`](super::align).

use crate::base::{AgentId, EndedBy, InviteOutcome, LegId, Purpose, Time};
use crate::handoff::desk::DeskInput;

use super::stage::{Hold, Stage};
use super::{Call, Effect, Target};

impl Call {
    pub(super) fn on_consult(&mut self, agent: &AgentId, target: Target, now: Time) {
        let Some(bridged) = self.talking() else { return };
        let (is_alone, is_held) = (bridged.seats.len() == 1, bridged.is_held());
        let Some(by) = bridged.seat_of(agent).filter(|_| is_alone).map(|seat| seat.leg) else {
            self.odd += 1;
            return;
        };
        if !self.invite(agent, target, true, now) {
            return;
        }
        if !is_held {
            self.hold(by);
        }
        if let Stage::Bridged(bridged) = &mut self.stage {
            bridged.hold = Hold::Consult { by };
        }
    }

    /// The agent who asked leaves the caller to the other.
    pub(super) fn on_complete(&mut self, agent: &AgentId, now: Time) {
        if self.consults_by(agent) {
            self.on_hang_up_agent(agent, now);
        } else {
            self.odd += 1;
        }
    }

    pub(super) fn on_take_back(&mut self, agent: &AgentId, now: Time) {
        if self.consults_by(agent) {
            self.take_back(now);
        } else {
            self.odd += 1;
        }
    }

    fn consults_by(&mut self, agent: &AgentId) -> bool {
        let Stage::Bridged(bridged) = &mut self.stage else { return false };
        let consults = bridged.consults();
        bridged.seat_of(agent).is_some_and(|seat| consults == Some(seat.leg))
    }

    /// The caller comes off hold, to the agent who put them there.
    pub(super) fn take_back(&mut self, now: Time) {
        let Stage::Bridged(bridged) = &mut self.stage else { return };
        if let Some(by) = bridged.consults() {
            let (kept, others) = std::mem::take(&mut bridged.seats).into_iter().partition(|seat| seat.leg == by);
            bridged.seats = kept;
            self.cancel_invitation();
            for seat in Vec::from_iter(others) {
                self.stop_where(|p| p.leg == seat.leg);
                self.release(seat.leg, EndedBy::Agent);
                if !seat.is_outside {
                    // Who has never had the caller has nothing to wrap up.
                    self.tell_desk(DeskInput::Cancel { ticket: seat.ticket });
                }
            }
            self.end_invite(InviteOutcome::TakenBack);
        }
        self.resume(now);
    }

    /// Who was asked said no, did not answer, or could not be found.
    pub(super) fn on_nobody_came(&mut self, now: Time) {
        self.cancel_invitation();
        self.end_invite(InviteOutcome::NobodyCame);
        let Stage::Bridged(bridged) = &self.stage else { return };
        match bridged.consults().or(bridged.seats.first().map(|seat| seat.leg)) {
            Some(leg) if bridged.consults().is_some() => {
                self.resume(now);
                self.beep(leg);
            }
            Some(leg) => self.beep(leg),
            None => {}
        }
    }

    /// One of two who talked with each other has left: the other has the caller.
    pub(super) fn on_consult_left(&mut self, by: LegId, left: LegId, lost: bool, now: Time) {
        let outcome = match (by == left, lost) {
            (true, false) => InviteOutcome::Completed,
            (true, true) => InviteOutcome::Dropped,
            (false, _) => InviteOutcome::NobodyCame,
        };
        self.end_invite(outcome);
        self.resume(now);
        if by != left {
            self.beep(by);
        }
    }

    /// A tone in an agent's ear: something did not come about.
    pub(super) fn beep(&mut self, leg: LegId) {
        let id = self.playbacks.add(leg, Purpose::Beep, None);
        self.out.push_back(Effect::Tone { id, leg, purpose: Purpose::Beep });
    }
}
