//! Hold, mute and keys: what an agent does with the sound between them and the caller.
//!
//! On hold the caller hears a sentence, if there is one, and then music; agents hear each other only. What follows for
//! routes and music is in [`align`](super::align), so that hold ends with its bridge whatever ends that. Nobody's phone
//! is asked to stop sending: a leg from which nothing comes at all is lost on hold as ever.

use crate::base::{AgentId, Happening, Key, LegId, Purpose, Time, secs};
use crate::handoff::notice::{self, NoticeFacts};

use super::stage::{Hold, Stage};
use super::{Call, Effect, Reason};

impl Call {
    pub(super) fn on_hold(&mut self, agent: &AgentId, on: bool, now: Time) {
        let Some(bridged) = self.talking() else { return };
        let (is_held, leg) = (bridged.is_held(), bridged.seat_of(agent).map(|seat| seat.leg));
        match leg {
            Some(leg) if on && !is_held => self.hold(leg),
            Some(_) if !on && is_held => self.take_back(now),
            Some(_) | None => self.odd += 1,
        }
    }

    /// The agent on this leg puts the caller on hold.
    pub(super) fn hold(&mut self, by: LegId) {
        let Stage::Bridged(bridged) = &mut self.stage else { return };
        bridged.hold = Hold::On { by };
        if !self.plan.notices.wording(notice::HELD, &NoticeFacts::default()).is_empty() {
            self.say_notice(Purpose::Waiting, notice::HELD, None, None);
        }
    }

    pub(super) fn resume(&mut self, now: Time) {
        let Stage::Bridged(bridged) = &mut self.stage else { return };
        bridged.hold = Hold::Off;
        if bridged.t5.is_none() {
            self.timers.set(Reason::BridgeSlow, secs(self.plan.entry.bridge_patience_secs), now);
        }
        self.stop_where(|p| p.leg == LegId::CALLER && p.purpose == Purpose::Waiting);
    }

    /// True while the caller is on hold.
    pub(super) fn caller_is_held(&self) -> bool {
        matches!(&self.stage, Stage::Bridged(bridged) if bridged.is_held())
    }

    pub(super) fn on_mute(&mut self, agent: &AgentId, on: bool) {
        let Some(bridged) = self.talking() else { return };
        let Some(seat) = bridged.seat_of(agent).filter(|seat| seat.muted != on) else {
            self.odd += 1;
            return;
        };
        seat.muted = on;
        let leg = seat.leg;
        self.record(Happening::Muted { leg, agent: agent.clone(), on });
    }

    /// True if this is the leg of an agent whom nobody hears.
    pub(super) fn is_muted(&self, leg: LegId) -> bool {
        matches!(&self.stage, Stage::Bridged(bridged) if bridged.seats.iter().any(|seat| seat.leg == leg && seat.muted))
    }

    /// True if nobody could hear some of what this agent said then: muted, alone while the caller is on hold, or while the
    /// caller is sent on. It is told only after it was said, so what counts is when that was.
    pub(super) fn spoke_to_nobody(&self, leg: LegId, start: Time, end: Time) -> bool {
        let (Stage::Bridged(bridged) | Stage::Moving(bridged)) = &self.stage else { return false };
        let unheard = bridged.seats.iter().find(|seat| seat.leg == leg).and_then(|seat| seat.unheard);
        unheard.is_some_and(|unheard| unheard.has_some_of(start, end))
    }

    pub(super) fn on_press(&mut self, agent: AgentId, key: Key) {
        let is_heard = self.talking().is_some_and(|bridged| !bridged.is_held() && bridged.seat_of(&agent).is_some());
        if !is_heard {
            self.odd += 1;
            return;
        }
        self.out.push_back(Effect::SendKey(LegId::CALLER, key));
        self.record(Happening::KeySent { agent, key });
    }
}
