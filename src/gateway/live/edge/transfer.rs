//! Transfers: the caller is sent to somebody outside (REFER), or, where the caller's side does not take that, whoever is
//! outside is rung and put through here. An agent's phone that asked for it is told how it goes.

use std::time::Duration;

use crate::base::{Denial, LegId, Time};
use crate::call::{CallInput, Gone};
use crate::edge::{Leg, LegCommand, LegEvent};

use super::{LiveEdge, Role};
use crate::gateway::Clock as _;

/// The call waits 30 s for an outside target, REFER included; ringing it ourselves has to be over before.
const PUT_THROUGH_LIMIT: Duration = Duration::from_secs(25);
/// Ringing for less is not worth a try.
const LEAST_RING: Duration = Duration::from_secs(5);
/// What a phone is told of the transfer that it asked for: it rings, is done, has failed, or is not taken at all.
const RINGING: u16 = 180;
const MOVED: u16 = 200;
const NOT_MOVED: u16 = 503;
const DECLINED: u16 = 603;

/// A transfer that goes on.
pub(super) struct Moving {
    target: String,
    since: Time,
    /// By which the context packet is found.
    user_to_user: Option<String>,
}

impl LiveEdge {
    /// A phone wants the caller to be sent on. Of agents the call decides who may.
    pub(super) fn on_referred(&mut self, at: usize, target: String) {
        let contact = &self.contacts[at];
        match contact.role {
            Role::Joined(leg) if leg != LegId::CALLER && !contact.is_outside => {
                self.asks = Some(contact.n);
                self.news.push_back(CallInput::Referred(leg, target));
            }
            Role::Joined(_) | Role::Ringing(_) | Role::Early(..) | Role::PickedUp(_) | Role::Outside => self.tell_referral(contact.n, DECLINED),
        }
    }

    /// What was asked of the call is not done: who asked by phone is told so.
    pub(super) fn on_denied(&mut self, why: Denial) {
        self.denied = Some(why);
        if let Some(asks) = self.asks.take() {
            self.tell_referral(asks, DECLINED);
        }
    }

    /// Why the call does not do what was asked of it last, if it does not.
    pub fn take_denial(&mut self) -> Option<Denial> {
        self.denied.take()
    }

    pub(super) fn move_caller(&mut self, target: &str, user_to_user: Option<String>) {
        self.referrer = self.asks.take();
        self.moving = Some(Moving { target: target.to_owned(), since: self.clock.now(), user_to_user: user_to_user.clone() });
        let refer = LegCommand::Refer { target: target.to_owned(), user_to_user };
        let is_asked = self.contact_of(LegId::CALLER).is_some_and(|contact| contact.commands.try_send(refer).is_ok());
        if !is_asked {
            self.on_moved(false);
        }
    }

    pub(super) fn on_moved(&mut self, well: bool) {
        self.end_moving(if well { MOVED } else { NOT_MOVED });
        self.news.push_back(CallInput::Moved(well));
    }

    /// The caller's side does not let us send them on: whoever is outside is rung by us.
    pub(super) fn on_unmovable(&mut self) {
        let now = self.clock.now();
        let rung = self.moving.as_ref().and_then(|moving| {
            let limit = PUT_THROUGH_LIMIT.saturating_sub(now.since(moving.since));
            let headers = moving.user_to_user.clone().map(|value| ("User-to-User".to_owned(), value)).into_iter().collect();
            (limit >= LEAST_RING).then(|| self.shared.phones.ring_outside(&moving.target, self.caller.as_deref(), headers, limit))
        });
        match rung {
            Some(leg) => self.add(leg, Role::Outside),
            None => self.on_moved(false),
        }
    }

    /// An agent asks somebody outside to join: they are rung, and the caller stays where they are.
    pub(super) fn dial_outside(&mut self, target: &str) {
        let (key, _) = self.key();
        let user_to_user = self.shared.phones.user_to_user(&key);
        let headers = user_to_user.map(|value| ("User-to-User".to_owned(), value)).into_iter().collect();
        let leg = self.shared.phones.ring_outside(target, self.caller.as_deref(), headers, PUT_THROUGH_LIMIT);
        self.add(leg, Role::Outside);
    }

    /// Something came of whoever is rung outside.
    pub(super) fn on_outside(&mut self, at: usize, event: LegEvent) {
        match event {
            LegEvent::Ringing => self.tell_referrer(RINGING),
            LegEvent::Media { plan, wire } => self.on_media(at, &plan, wire),
            LegEvent::Answered => {
                self.end_moving(MOVED);
                self.news.push_back(CallInput::PutThrough);
            }
            LegEvent::Refused { .. } | LegEvent::Gone(_) => {
                self.contacts.remove(at);
                self.on_moved(false);
            }
            LegEvent::Key(_) | LegEvent::Moved(_) | LegEvent::Unmovable | LegEvent::Replaced(_) | LegEvent::Brought(_) => {}
            LegEvent::Referred { target } => self.on_referred(at, target),
        }
    }

    /// Whoever was rung outside becomes a leg.
    pub(super) fn seat_outside(&mut self, leg: LegId) {
        match self.contacts.iter_mut().find(|contact| contact.role == Role::Outside) {
            Some(contact) => {
                contact.role = Role::Joined(leg);
                contact.is_outside = true;
            }
            None => self.news.push_back(CallInput::LegGone(leg, Gone::Lost)),
        }
    }

    /// Another phone takes the place of a contact, whose own dialog ends by itself.
    pub(super) fn replace(&mut self, at: usize, leg: Leg) {
        self.part();
        let old = self.contacts.remove(at);
        if let Role::Joined(leg) = old.role {
            self.note_stats(leg, old.rtp.as_ref());
        }
        self.add(leg, old.role);
        if let Some(new) = self.contacts.last_mut() {
            new.is_outside = old.is_outside;
        }
    }

    /// Whoever an agent has talked to on another line takes their place; the agent's own dialog ends by itself.
    pub(super) fn bring(&mut self, at: usize, leg: Leg) {
        match self.contacts[at].role {
            Role::Joined(old) if old != LegId::CALLER => {
                self.add(leg, Role::Outside);
                self.news.push_back(CallInput::TakenOver(old));
            }
            Role::Joined(_) | Role::PickedUp(_) => self.replace(at, leg),
            // A phone that rings has transferred nobody; dropped, the other hangs up.
            Role::Ringing(_) | Role::Early(..) | Role::Outside => {}
        }
    }

    fn end_moving(&mut self, status: u16) {
        self.moving = None;
        self.tell_referrer(status);
        self.referrer = None;
    }

    fn tell_referrer(&mut self, status: u16) {
        if let Some(referrer) = self.referrer {
            self.tell_referral(referrer, status);
        }
    }

    fn tell_referral(&self, n: u32, status: u16) {
        if let Some(contact) = self.contacts.iter().find(|contact| contact.n == n) {
            // Where there is no room the phone is told when its patience ends.
            let _ = contact.commands.try_send(LegCommand::Referral { status });
        }
    }
}
