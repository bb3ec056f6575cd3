//! A bridge moves on: handed back to the bot, sent to a queue or outside, or joined by one more person.

use std::time::Duration;

use crate::base::{AgentId, Denial, EndedBy, HandoffClock, HandoffOutcome, Happening, InviteOutcome, LegId, Party, Time};
use crate::handoff::desk::DeskInput;
use crate::listen::types::{BotEvent, Resumption};

use super::offer::by_hand;
use super::stage::{Bridged, Handoff, Hold, Inviting, Seat, Stage};
use super::{BotPlan, Call, Command, Effect, Reason, Target};

/// How long an outside target may take to answer.
const MOVE_PATIENCE: Duration = Duration::from_secs(30);

/// By which somebody outside stands in records; no agent can have this name.
const OUTSIDE: &str = "outside line";

impl Call {
    pub(super) fn on_hand_back(&mut self, agent: &AgentId, note: Option<String>, now: Time) {
        if self.plan.bot == BotPlan::None {
            self.odd += 1;
            return;
        }
        let Some(handoff) = self.talking().map(|bridged| bridged.handoff.clone()) else { return };
        if let Some(note) = &note {
            self.take_note(agent, note, now);
        }
        self.release_seats(EndedBy::Agent);
        self.end_handoff(&handoff, HandoffOutcome::HandedBack, EndedBy::Agent);
        self.expect_sound_after_person(now);
        self.watch.on_handoff_over(&self.dossier, now);
        self.back_to_bot(BotEvent::Resume(Resumption::HandedBack(note)), now);
    }

    pub(super) fn on_transfer(&mut self, target: Target, now: Time) {
        if self.talking().is_some() {
            self.send_on(target, now);
        }
    }

    /// A phone asks for the caller to be sent on, and is told in any case what comes of it.
    pub(super) fn on_referred(&mut self, leg: LegId, target: String, now: Time) {
        let (agent, is_talking) = match &self.stage {
            Stage::Bridged(bridged) => {
                (bridged.seats.iter().find(|seat| seat.leg == leg && !seat.is_outside).map(|seat| seat.agent.clone()), bridged.is_talking())
            }
            _ => (None, false),
        };
        let Some(agent) = agent.filter(|_| is_talking) else {
            self.odd += 1;
            return self.out.push_back(Effect::Deny(Denial::NotNow));
        };
        self.on_command(Command::Transfer { agent, target: Target::Outside(target) }, now);
    }

    /// Sends the caller of a bridge on; whoever is left in it is free.
    pub(super) fn send_on(&mut self, target: Target, now: Time) {
        let Stage::Bridged(bridged) = &self.stage else { return };
        let (old, only) = (bridged.handoff.clone(), target.agent());
        let queue = match target {
            Target::Queue(queue) if !self.plan.queues.contains_key(&queue) => {
                self.odd += 1;
                return;
            }
            Target::Queue(queue) => queue,
            Target::Agent(_) => old.queue.clone(),
            Target::Outside(uri) => return self.send_outside(uri, now),
        };
        self.release_seats(EndedBy::Agent);
        self.end_bridge(&old, EndedBy::Agent);
        let handoff = self.trigger_by_hand(by_hand("agent_transfer", "The agent sent the caller on."), queue, now);
        let mut handoff = Handoff { only, since: old.since, ..handoff };
        self.reach(&mut handoff, HandoffClock::T0);
        self.expect_sound_after_person(now);
        self.seek(handoff, None, now);
    }

    fn send_outside(&mut self, uri: String, now: Time) {
        self.cancel_invitation();
        let Stage::Bridged(bridged) = &self.stage else { return };
        // Should it fail, the caller hears the agent again.
        self.stage = Stage::Moving(Bridged { hold: Hold::Off, ..bridged.clone() });
        self.timers.set(Reason::MoveSlow, MOVE_PATIENCE, now);
        self.out.push_back(Effect::Move(uri));
    }

    /// The outside target took the caller, or the caller comes back to the agent, or to the queue if the agent has left.
    pub(super) fn on_moved(&mut self, taken: bool, now: Time) {
        let bridged = match &self.stage {
            Stage::Moving(bridged) => bridged.clone(),
            Stage::Bridged(bridged) if bridged.dials() && !taken => return self.on_nobody_came(now),
            _ => {
                self.odd += 1;
                return;
            }
        };
        if taken {
            self.release_seats(EndedBy::Agent);
            self.end_bridge(&bridged.handoff, EndedBy::Agent);
            self.conclude(EndedBy::Agent, now);
        } else if bridged.seats.is_empty() {
            self.end_bridge(&bridged.handoff, EndedBy::Agent);
            let mut handoff = self.trigger_by_hand(
                by_hand("move_failed", "The outside line did not answer and the agent has left."),
                bridged.handoff.queue.clone(),
                now,
            );
            self.reach(&mut handoff, HandoffClock::T0);
            handoff.since = bridged.handoff.since;
            handoff.agent_was_lost = true;
            self.seek(handoff, None, now);
        } else {
            self.stage = Stage::Bridged(bridged);
        }
    }

    /// The caller could not be sent on, so whoever is outside was rung for them, and takes the agents' place, who are free. Or an
    /// agent has asked them to join.
    pub(super) fn on_put_through(&mut self) {
        let bridged = match &self.stage {
            Stage::Moving(bridged) => bridged.clone(),
            Stage::Bridged(bridged) if bridged.dials() => {
                self.timers.clear(Reason::DialSlow);
                let seat = self.seat_outside();
                return self.sit_down(seat);
            }
            _ => {
                self.odd += 1;
                return;
            }
        };
        self.timers.clear(Reason::MoveSlow);
        self.release_seats(EndedBy::Agent);
        let seats = vec![self.seat_outside()];
        self.stage = Stage::Bridged(Bridged { seats, ..bridged });
    }

    /// An attended transfer: one agent's place is taken, and they are free.
    pub(super) fn on_taken_over(&mut self, leg: LegId, now: Time) {
        if !self.is_seat(leg) {
            self.odd += 1;
            return;
        }
        match &self.stage {
            Stage::Bridged(Bridged { hold: Hold::Consult { by }, .. }) if *by == leg => self.take_back(now),
            // Who comes has no button to take the caller off hold.
            Stage::Bridged(bridged) if bridged.is_held_by(leg) => self.resume(now),
            _ => {}
        }
        let new = self.seat_outside();
        let old = match &mut self.stage {
            Stage::Bridged(bridged) | Stage::Moving(bridged) => bridged.seats.iter_mut().find(|seat| seat.leg == leg),
            _ => None,
        };
        let Some(old) = old.map(|seat| std::mem::replace(seat, new)) else { return };
        self.stop_where(|p| p.leg == leg);
        self.release(leg, EndedBy::Agent);
        if !old.is_outside {
            self.tell_desk(DeskInput::Release { ticket: old.ticket, agent: old.agent });
        }
    }

    fn seat_outside(&mut self) -> Seat {
        let (leg, agent) = (self.next_leg(), AgentId::from(OUTSIDE));
        self.record(Happening::LegJoined { leg, party: Party::Agent, agent: Some(agent.clone()) });
        self.out.push_back(Effect::JoinOutside(leg));
        Seat { leg, agent, ticket: self.next_ticket(), dialled: None, is_outside: true, muted: false, unheard: None, is_heard: false }
    }

    pub(super) fn on_invite(&mut self, agent: &AgentId, target: Target, now: Time) {
        if self.talking().is_some() {
            self.invite(agent, target, false, now);
        }
    }

    /// Asks one more person; false if that is not possible now.
    pub(super) fn invite(&mut self, agent: &AgentId, target: Target, consult: bool, now: Time) -> bool {
        let is_known = !matches!(&target, Target::Queue(queue) if !self.plan.queues.contains_key(queue));
        let Stage::Bridged(bridged) = &self.stage else { return false };
        if !is_known || bridged.inviting.is_some() || bridged.consults().is_some() {
            self.odd += 1;
            return false;
        }
        let present: Vec<AgentId> = bridged.seats.iter().map(|seat| seat.agent.clone()).collect();
        let mut handoff = Handoff { only: target.agent(), ..bridged.handoff.clone() };
        let ticket = self.next_ticket();
        match &target {
            Target::Outside(uri) => {
                self.timers.set(Reason::DialSlow, MOVE_PATIENCE, now);
                self.out.push_back(Effect::Dial(uri.clone()));
            }
            Target::Agent(_) | Target::Queue(_) => {
                if let Target::Queue(queue) = &target {
                    handoff.queue.clone_from(queue);
                }
                let mut need = self.need(&handoff, ticket, None, now);
                need.except.extend(present);
                self.tell_desk(DeskInput::Seek(need));
            }
        }
        self.invited = true;
        self.record(Happening::Invited { agent: agent.clone(), to: target.name().to_owned(), consult });
        if let Stage::Bridged(bridged) = &mut self.stage {
            bridged.inviting = Some(Inviting { target, ticket, asked: Vec::new() });
        }
        true
    }

    /// Who was asked is there.
    pub(super) fn sit_down(&mut self, seat: Seat) {
        let Stage::Bridged(bridged) = &mut self.stage else { return };
        bridged.inviting = None;
        bridged.seats.push(seat);
        if bridged.consults().is_none() {
            self.end_invite(InviteOutcome::Joined);
        }
    }

    /// Records what came of asking one more person, once.
    pub(super) fn end_invite(&mut self, outcome: InviteOutcome) {
        if std::mem::take(&mut self.invited) {
            self.record(Happening::InviteEnded { outcome });
        }
    }

    pub(super) fn on_hang_up_agent(&mut self, agent: &AgentId, now: Time) {
        let leg = match &self.stage {
            Stage::Bridged(bridged) => bridged.seats.iter().find(|seat| seat.agent == *agent).map(|seat| seat.leg),
            _ => None,
        };
        let Some(leg) = leg else {
            self.odd += 1;
            return;
        };
        self.release(leg, EndedBy::Agent);
        self.on_seat_gone(leg, false, now);
    }
}
