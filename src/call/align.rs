//! What follows from the stage alone: its record, who hears whom, what listeners attend to, and music.
//!
//! Recomputed after every input, so that no path through the machine can forget a part of it.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::{HandoffClock, Happening, InviteOutcome, LegId, Purpose, Time};
use crate::listen::types::{ListenInput, Scene};

use super::stage::{Notice, Seeking, Stage, Unheard};
use super::{BotPlan, Call, Effect, HeardBy, RECORDED_BOT, Reason};

impl Call {
    /// Brings everything in line with the stage.
    pub(super) fn align(&mut self, now: Time) {
        self.align_timers();
        self.align_name();
        self.align_hold();
        self.align_invitation();
        self.align_music();
        self.align_scenes();
        self.align_routes();
        self.align_unheard(now);
        self.align_ending();
    }

    fn align_name(&mut self) {
        let Some(stage) = self.stage.name() else { return };
        if self.named != Some(stage) {
            self.named = Some(stage);
            self.record(Happening::StageEntered { stage });
        }
    }

    /// Deadlines that belong to a stage go with it.
    fn align_timers(&mut self) {
        let stage = &self.stage;
        let is_waiting_for_bot = matches!(self.bot, super::BotState::Asked(..));
        let has_bot_failed = matches!(self.bot, super::BotState::Failed(_));
        self.timers.retain(|reason| match reason {
            Reason::Comfort => !matches!(stage, Stage::Bridged(_) | Stage::Ringing | Stage::Ending(_) | Stage::Ended),
            Reason::BotStalled => is_waiting_for_bot,
            Reason::BotFailing => has_bot_failed,
            Reason::ConsentMissing => matches!(stage, Stage::Offered(_)),
            Reason::NoticeDue | Reason::StillWaiting => matches!(stage, Stage::Seeking(_)),
            Reason::DeskSilent => matches!(stage, Stage::Seeking(_) | Stage::Settling(_)),
            Reason::BridgeSlow => matches!(stage, Stage::Bridged(bridged) if !bridged.is_held()),
            Reason::DialSlow => matches!(stage, Stage::Bridged(bridged) if bridged.dials()),
            Reason::MoveSlow => matches!(stage, Stage::Moving(_)),
            Reason::MessagePause | Reason::MessageFull => matches!(stage, Stage::Settling(_)),
            Reason::SurveyOver => matches!(stage, Stage::Survey),
            Reason::LastWords => matches!(stage, Stage::Farewell { .. } | Stage::Ending(_)),
            Reason::CallTooLong => !matches!(stage, Stage::Ending(_) | Stage::Ended),
        });
    }

    /// Hold ends with its bridge, whatever ends that.
    fn align_hold(&mut self) {
        let on = self.caller_is_held();
        if self.held != on {
            self.held = on;
            self.record(Happening::Held { on });
        }
    }

    /// Asking one more person ends with the bridge.
    fn align_invitation(&mut self) {
        let goes_on = matches!(&self.stage, Stage::Bridged(bridged) if bridged.inviting.is_some() || bridged.consults().is_some());
        if !goes_on {
            self.end_invite(InviteOutcome::Dropped);
        }
    }

    /// Music plays exactly while a person is sought (after the notice), the call is being moved, or the caller is on hold.
    fn align_music(&mut self) {
        let waits = matches!(&self.stage, Stage::Seeking(Seeking { notice: Notice::Done, .. }) | Stage::Moving(_)) && self.acd_leg().is_none();
        let wanted = waits || self.caller_is_held();
        let playing = self.playbacks.which(|p| p.purpose == Purpose::Music && !p.stopping);
        if wanted && playing.is_empty() {
            let id = self.playbacks.add(LegId::CALLER, Purpose::Music, None);
            self.out.push_back(Effect::Music { id, leg: LegId::CALLER });
        } else if !wanted && !playing.is_empty() {
            self.stop_where(|p| p.purpose == Purpose::Music);
        }
    }

    fn align_scenes(&mut self) {
        let mut wanted = BTreeMap::new();
        let caller = match &self.stage {
            Stage::Ringing => None,
            Stage::Greeting | Stage::WithBot | Stage::Offered(_) | Stage::Survey | Stage::Farewell { .. } => Some(Scene::WithBot),
            Stage::Seeking(_) | Stage::Settling(_) | Stage::Moving(_) => Some(Scene::Waiting),
            Stage::Bridged(_) => Some(Scene::WithPerson),
            Stage::Ending(_) | Stage::Ended => Some(Scene::Gone),
        };
        wanted.extend(caller.map(|scene| (LegId::CALLER, scene)));
        if self.recorded_bot_is_heard() {
            wanted.insert(RECORDED_BOT, Scene::WithPerson);
        }
        if let Stage::Bridged(bridged) = &self.stage {
            wanted.extend(bridged.seats.iter().map(|seat| (seat.leg, Scene::WithPerson)));
        }
        // An agent who is being briefed accepts by key.
        let briefed = self.asked_mut().into_iter().flatten().filter(|asked| asked.early_leg().is_none()).filter_map(|asked| asked.leg());
        wanted.extend(briefed.map(|leg| (leg, Scene::Waiting)));
        for (&leg, &scene) in &wanted {
            if self.scenes.get(&leg) != Some(&scene) {
                self.out.push_back(Effect::Listener(leg, ListenInput::Scene(scene)));
            }
        }
        self.scenes = wanted;
    }

    /// The leg of an ACD that has music for the caller, who was told what happens.
    pub(super) fn acd_leg(&self) -> Option<LegId> {
        match &self.stage {
            Stage::Seeking(Seeking { notice: Notice::Done, asked, .. }) => asked.iter().find_map(|a| a.early_leg()),
            _ => None,
        }
    }

    /// The leg of an ACD that hears the caller and is heard, while they are told nothing else.
    pub(super) fn heard_acd(&self) -> Option<LegId> {
        self.acd_leg().filter(|_| !self.caller_is_told())
    }

    /// The recorded bot speaks until t1 of the first handoff.
    fn recorded_bot_is_heard(&self) -> bool {
        self.plan.bot == BotPlan::Recorded && !self.recorded_bot_is_gone && !matches!(self.stage, Stage::Ringing | Stage::Ending(_) | Stage::Ended)
    }

    /// Who hears whom.
    fn align_routes(&mut self) {
        let mut wanted: BTreeSet<(LegId, LegId)> = BTreeSet::new();
        let mut legs: Vec<LegId> = Vec::new();
        let mut agents: Vec<LegId> = Vec::new();
        if self.recorded_bot_is_heard() {
            wanted.insert((RECORDED_BOT, LegId::CALLER));
            legs.push(RECORDED_BOT);
        }
        if let Stage::Bridged(bridged) = &self.stage {
            agents.extend(bridged.seats.iter().map(|seat| seat.leg));
            for seat in &bridged.seats {
                let others = agents.iter().filter(|other| **other != seat.leg).copied();
                let caller = (!bridged.is_held()).then_some(LegId::CALLER);
                wanted.extend(caller.map(|caller| (caller, seat.leg)));
                if !seat.muted {
                    wanted.extend(others.chain(caller).map(|other| (seat.leg, other)));
                }
            }
        }
        if let Some(early) = self.heard_acd() {
            wanted.insert((early, LegId::CALLER));
            wanted.insert((LegId::CALLER, early));
        }
        if let Some(supervisor) = &self.supervisor
            && !matches!(self.stage, Stage::Ringing | Stage::Ending(_) | Stage::Ended)
        {
            legs.push(LegId::CALLER);
            legs.extend(agents.iter().filter(|agent| !self.is_muted(**agent)));
            wanted.extend(legs.iter().map(|&leg| (leg, supervisor.leg)));
            if supervisor.heard_by != HeardBy::Nobody {
                wanted.extend(agents.iter().map(|&agent| (supervisor.leg, agent)));
            }
            if supervisor.heard_by == HeardBy::Everybody && matches!(&self.stage, Stage::Bridged(bridged) if !bridged.is_held()) {
                wanted.insert((supervisor.leg, LegId::CALLER));
            }
        }
        for &(from, to) in self.routes.difference(&wanted) {
            self.out.push_back(Effect::Route { from, to, on: false });
        }
        for &(from, to) in wanted.difference(&self.routes) {
            self.out.push_back(Effect::Route { from, to, on: true });
        }
        self.routes = wanted;
    }

    /// Since when, or until when, nobody hears an agent. A supervisor does not count: nobody talks to them.
    fn align_unheard(&mut self, now: Time) {
        let (routes, watcher) = (&self.routes, self.supervisor.as_ref().map(|supervisor| supervisor.leg));
        let (Stage::Bridged(bridged) | Stage::Moving(bridged)) = &mut self.stage else { return };
        for seat in &mut bridged.seats {
            let is_heard = routes.iter().any(|&(from, to)| from == seat.leg && Some(to) != watcher);
            let open = seat.unheard.filter(|unheard| unheard.until.is_none());
            match (open, is_heard) {
                (Some(open), true) => seat.unheard = Some(Unheard { until: Some(now), ..open }),
                (None, false) => seat.unheard = Some(Unheard { since: now, until: None }),
                (Some(_), false) | (None, true) => {}
            }
        }
    }

    /// An ending call is over when nothing plays any more.
    fn align_ending(&mut self) {
        let Stage::Ending(by) = self.stage else { return };
        if !self.playbacks.is_empty() && self.timers.is_set(Reason::LastWords) {
            return;
        }
        let outcome = self.settled.unwrap_or(self.fallback_outcome);
        self.stage = Stage::Ended;
        self.align_name();
        self.record(Happening::CallEnded { outcome, by });
    }

    /// Notes a clock of the handoff that the call is in, and of the offer by which it was reached, if it is of one.
    pub(super) fn reach_now(&mut self, clock: HandoffClock, offer: Option<u32>) {
        let handoff = match &mut self.stage {
            Stage::Seeking(seeking) => &mut seeking.handoff,
            Stage::Bridged(bridged) => &mut bridged.handoff,
            Stage::Settling(settling) => &mut settling.handoff,
            Stage::Ringing
            | Stage::Greeting
            | Stage::WithBot
            | Stage::Offered(_)
            | Stage::Moving(_)
            | Stage::Survey
            | Stage::Farewell { .. }
            | Stage::Ending(_)
            | Stage::Ended => return,
        };
        if handoff.reach(clock) {
            let handoff = handoff.n;
            self.record(Happening::ClockReached { handoff, clock, offer });
        }
    }
}
