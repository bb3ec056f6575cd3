//! Caller and agent hear each other: connecting them, and whatever the agent does with the caller then.

use std::collections::BTreeSet;

use crate::base::{
    AgentId, CallOutcome, EndedBy, FRAME_MILLIS, HandoffClock, HandoffOutcome, Happening, LegId, OfferId, OfferOutcome, Party, Purpose, TicketId,
    Time, secs,
};
use crate::handoff::desk::DeskInput;
use crate::handoff::notice;

use super::offer::{LAST_WORDS, by_hand};
use super::stage::{Bridged, Handoff, Hold, Inviting, Kept, Seat, Stage};
use super::{Call, Effect, Reason, Target};

impl Call {
    pub(super) fn on_assigned(&mut self, ticket: TicketId, offer: OfferId, agent: AgentId, now: Time) {
        match &self.stage {
            Stage::Seeking(seeking) if seeking.ticket == ticket => {
                let handoff = seeking.handoff.clone();
                self.connect(handoff, ticket, offer, agent, now);
            }
            Stage::Bridged(bridged) if bridged.inviting.as_ref().is_some_and(|i| i.ticket == ticket) => self.add_seat(ticket, offer, agent),
            _ => {
                // The caller left, or was helped otherwise, while the desk decided: the agent is free again.
                self.odd += 1;
                if !self.holds(ticket) {
                    self.tell_desk(DeskInput::Release { ticket, agent });
                }
            }
        }
    }

    fn holds(&self, ticket: TicketId) -> bool {
        match &self.stage {
            Stage::Bridged(bridged) | Stage::Moving(bridged) => bridged.seats.iter().any(|seat| seat.ticket == ticket),
            _ => false,
        }
    }

    /// t4: the agent has the caller. Everything played to the caller stops and the routes open.
    fn connect(&mut self, handoff: Handoff, ticket: TicketId, offer: OfferId, agent: AgentId, now: Time) {
        self.out.push_back(Effect::MeasureGap);
        self.reach_now(HandoffClock::T4, Some(offer.n));
        let leg = self.seat_winner(handoff.n, offer, &agent);
        let handoff = match &self.stage {
            Stage::Seeking(seeking) => seeking.handoff.clone(),
            _ => handoff,
        };
        let kept = handoff.kept.clone().filter(|kept| kept.agent == agent);
        let (muted, held) = kept.map_or((false, false), |kept| (kept.muted, kept.held));
        let handoff = Handoff { only: None, kept: None, ..handoff };
        self.drop_all_offers();
        self.stop_where(|p| p.leg == LegId::CALLER);
        self.timers.set(Reason::BridgeSlow, secs(self.plan.entry.bridge_patience_secs), now);
        if self.plan.entry.announce_agent {
            self.say_notice_of(Purpose::Waiting, notice::CONNECTING, Some(&handoff), None, Some(&agent));
        }
        if muted {
            self.record(Happening::Muted { leg, agent: agent.clone(), on: true });
        }
        let seats = vec![Seat { leg, agent, ticket, dialled: None, is_outside: false, muted, unheard: None, is_heard: false }];
        let hold = if held { Hold::On { by: leg } } else { Hold::Off };
        // Who wants to be heard by nobody can't show that they could be, and may do again what they did before their line broke.
        self.stage = Stage::Bridged(Bridged { handoff, seats, heard_caller: false, heard_agent: muted || held, t5: None, inviting: None, hold });
    }

    /// The offer is accepted: its agent gets a leg, unless the briefing gave them one.
    fn seat_winner(&mut self, handoff: u32, offer: OfferId, agent: &AgentId) -> LegId {
        self.record(Happening::OfferSettled { handoff, offer: offer.n, agent: agent.clone(), outcome: OfferOutcome::Accepted, reason: None });
        self.out.push_back(Effect::StopAlert(offer));
        let briefed = self.asked_mut().and_then(|all| {
            let at = all.iter().position(|a| a.offer == offer)?;
            all.remove(at).leg()
        });
        match briefed {
            Some(leg) => {
                self.stop_where(|p| p.leg == leg);
                self.unroute(leg);
                leg
            }
            None => self.join(agent.clone(), Some(offer)),
        }
    }

    /// What an ACD sent until now was no person: sound crosses anew.
    fn unroute(&mut self, leg: LegId) {
        let (cut, kept) = std::mem::take(&mut self.routes).into_iter().partition(|&(from, to)| from == leg || to == leg);
        self.routes = kept;
        self.out.extend(BTreeSet::into_iter(cut).map(|(from, to)| Effect::Route { from, to, on: false }));
    }

    fn add_seat(&mut self, ticket: TicketId, offer: OfferId, agent: AgentId) {
        let Stage::Bridged(bridged) = &self.stage else { return };
        let n = bridged.handoff.n;
        let leg = self.seat_winner(n, offer, &agent);
        self.drop_all_offers();
        self.sit_down(Seat { leg, agent, ticket, dialled: None, is_outside: false, muted: false, unheard: None, is_heard: false });
    }

    /// Sound has crossed: when it has both ways, that is t5, and the bot is gone.
    pub(super) fn on_crossed(&mut self, from: LegId, to: LegId, gap_frames: u32, now: Time) {
        let Stage::Bridged(bridged) = &mut self.stage else { return };
        let is_live = bridged.t5.is_some();
        let joined = bridged.seats.iter_mut().find(|seat| seat.leg == from && !seat.is_heard);
        let is_new = joined.map(|seat| seat.is_heard = true).is_some();
        if is_live {
            if is_new {
                self.record(Happening::LegHeard { leg: from });
            }
            return;
        }
        let is_seat = |leg: LegId| bridged.seats.iter().any(|seat| seat.leg == leg);
        if from == LegId::CALLER && is_seat(to) {
            bridged.heard_caller = true;
        } else if to == LegId::CALLER && is_seat(from) {
            bridged.heard_agent = true;
        }
        if bridged.heard_caller && bridged.heard_agent {
            let handoff = bridged.handoff.n;
            bridged.t5 = Some(now);
            self.timers.clear(Reason::BridgeSlow);
            self.reach_now(HandoffClock::T5, None);
            self.record(Happening::BridgeGapMeasured { handoff, gap_ms: f64::from(gap_frames) * FRAME_MILLIS as f64 });
            self.settled(CallOutcome::Bridged);
            self.cancel_bot();
            self.reach_now(HandoffClock::T6, None);
        }
    }

    /// Sound did not cross in time. An agent who cannot be heard is as good as gone, and not asked again for this call;
    /// a caller who is silent is not.
    pub(super) fn on_bridge_slow(&mut self, now: Time) {
        let Stage::Bridged(bridged) = &self.stage else { return };
        let (handoff, seat) = (bridged.handoff.n, bridged.seats.first().cloned());
        let from = if bridged.heard_agent { Party::Caller } else { Party::Agent };
        self.record(Happening::OneWayAudio { handoff, from });
        if from == Party::Agent
            && let Some(seat) = seat
        {
            self.except(seat.agent);
            self.release(seat.leg, EndedBy::Gateway);
            self.on_seat_gone(seat.leg, true, now);
        }
    }

    /// A leg whose sound has dried up is lost: the caller's ends the call, an agent's is as if their line broke.
    pub(super) fn on_no_media(&mut self, leg: LegId, now: Time) {
        if let Stage::Bridged(bridged) | Stage::Moving(bridged) = &self.stage
            && (leg == LegId::CALLER || self.is_seat(leg))
        {
            let from = if leg == LegId::CALLER { Party::Caller } else { Party::Agent };
            self.record(Happening::OneWayAudio { handoff: bridged.handoff.n, from });
        }
        if leg == LegId::CALLER {
            if !matches!(self.stage, Stage::Ringing | Stage::Ending(_) | Stage::Ended) {
                self.end(EndedBy::LostMedia, now);
            }
        } else if self.supervisor.as_ref().is_some_and(|s| s.leg == leg) {
            self.release_supervisor(EndedBy::LostMedia);
        } else if let Some(offer) = self.asked_mut().and_then(|all| all.iter().find(|a| a.leg() == Some(leg)).map(|a| a.offer)) {
            self.on_agent_refused(offer, OfferOutcome::Vanished);
        } else if self.is_seat(leg) {
            self.release(leg, EndedBy::LostMedia);
            self.on_seat_gone(leg, true, now);
        } else {
            self.odd += 1;
        }
    }

    /// An agent's leg ended. The last one to hang up ends the call; one who was lost, or hung up before anybody heard
    /// anything, is replaced.
    pub(super) fn on_seat_gone(&mut self, leg: LegId, lost: bool, now: Time) {
        let (bridged, is_moving) = match &mut self.stage {
            Stage::Bridged(bridged) => (bridged, false),
            Stage::Moving(bridged) => (bridged, true),
            _ => {
                self.odd += 1;
                return;
            }
        };
        let Some(at) = bridged.seats.iter().position(|seat| seat.leg == leg) else {
            self.odd += 1;
            return;
        };
        let seat = bridged.seats.remove(at);
        let is_last = bridged.seats.is_empty();
        let kept = Kept { agent: seat.agent.clone(), muted: seat.muted, held: bridged.is_held_by(leg) };
        let (handoff, talked, was_held) = (bridged.handoff.clone(), bridged.is_talking(), bridged.is_held_by(leg));
        let (consults, sought) = (bridged.consults(), bridged.inviting.as_ref().map(|inviting| inviting.target.clone()));
        self.stop_where(|p| p.leg == leg);
        if !seat.is_outside {
            // One who was lost, or never talked with the caller, has nothing to wrap up and may be asked again at once.
            self.tell_desk(if lost || !talked || consults.is_some_and(|by| by != leg) {
                DeskInput::Cancel { ticket: seat.ticket }
            } else {
                DeskInput::Release { ticket: seat.ticket, agent: seat.agent.clone() }
            });
        }
        if is_moving {
            return;
        }
        if !is_last {
            match consults {
                Some(by) => self.on_consult_left(by, leg, lost, now),
                // Who is left may have no button to take the caller off hold; whoever holds them has.
                None if was_held => self.resume(now),
                None => {}
            }
            return;
        }
        if let (Some(_), Some(target), false) = (consults, sought, lost) {
            // They hung up before the other was there: the caller goes on to them all the same.
            return self.send_on(target, now);
        }
        self.cancel_invitation();
        if talked && !lost {
            self.end_bridge(&handoff, EndedBy::Agent);
            self.after_person(now);
        } else {
            self.replace(handoff, kept, lost && !seat.is_outside, now);
        }
    }

    /// The handoff is over, and was a bridge only if sound crossed both ways (t5): a caller who never sent any was not reached.
    pub(super) fn end_bridge(&mut self, handoff: &Handoff, by: EndedBy) {
        if handoff.has_reached(HandoffClock::T5) {
            self.end_handoff(handoff, HandoffOutcome::Bridged, by);
        } else {
            self.abandon(handoff, by);
        }
    }

    /// True if this is the leg of an agent who is with the caller.
    pub(super) fn is_seat(&self, leg: LegId) -> bool {
        matches!(&self.stage, Stage::Bridged(bridged) | Stage::Moving(bridged) if bridged.seats.iter().any(|seat| seat.leg == leg))
    }

    /// This agent is not asked again for this call.
    pub(super) fn except(&mut self, agent: AgentId) {
        if !self.declined.contains(&agent) {
            self.declined.push(agent);
        }
    }

    /// The caller lost their agent: another one is sought, the same first if their line broke. They keep their age.
    fn replace(&mut self, mut handoff: Handoff, kept: Kept, lost: bool, now: Time) {
        if handoff.has_reached(HandoffClock::T5) {
            self.end_handoff(&handoff, HandoffOutcome::Bridged, EndedBy::LostMedia);
            let since = handoff.since;
            handoff = self.trigger_by_hand(by_hand("agent_lost", "The agent's line was lost in the middle of the call."), handoff.queue, now);
            self.reach(&mut handoff, HandoffClock::T0);
            handoff.since = since;
            handoff.agent_was_lost = true;
        } else {
            handoff.agent_was_lost = true;
            handoff.unreach(HandoffClock::T4);
        }
        self.expect_sound_after_person(now);
        let prefer = (lost && !self.declined.contains(&kept.agent)).then(|| kept.agent.clone());
        handoff.kept = lost.then_some(kept);
        self.seek(handoff, prefer, now);
    }

    pub(super) fn cancel_invitation(&mut self) {
        self.drop_all_offers();
        if let Stage::Bridged(bridged) = &mut self.stage
            && let Some(Inviting { ticket, target, .. }) = bridged.inviting.take()
        {
            match target {
                Target::Agent(_) | Target::Queue(_) => self.tell_desk(DeskInput::Cancel { ticket }),
                Target::Outside(_) => self.out.push_back(Effect::StopDial),
            }
        }
    }

    /// Takes every agent's leg away.
    pub(super) fn release_seats(&mut self, by: EndedBy) {
        self.cancel_invitation();
        let (seats, consults) = match &mut self.stage {
            Stage::Bridged(bridged) | Stage::Moving(bridged) => (std::mem::take(&mut bridged.seats), bridged.consults()),
            _ => return,
        };
        for seat in seats {
            self.stop_where(|p| p.leg == seat.leg);
            self.release(seat.leg, by);
            if !seat.is_outside {
                // Who was asked first and never had the caller has nothing to wrap up.
                self.tell_desk(if consults.is_some_and(|by| by != seat.leg) {
                    DeskInput::Cancel { ticket: seat.ticket }
                } else {
                    DeskInput::Release { ticket: seat.ticket, agent: seat.agent }
                });
            }
        }
    }

    fn after_person(&mut self, now: Time) {
        self.cancel_bot();
        if self.plan.entry.survey {
            self.stage = Stage::Survey;
            self.timers.set(Reason::SurveyOver, LAST_WORDS, now);
            self.say_notice(Purpose::Survey, notice::SURVEY, None, None);
        } else {
            self.conclude(EndedBy::Agent, now);
        }
    }
}
