//! A person is sought: the desk is told, the caller is told, agents are shown why the caller is here.

use std::time::Duration;

use crate::base::{AgentId, EndedBy, HandoffClock, Happening, Key, LegId, OfferId, OfferOutcome, Party, PlaybackId, Purpose, TicketId, Time, secs};
use crate::handoff::desk::{DeskInput, DeskOutput, Seek};
use crate::handoff::notice::{self, NoticeFacts};
use crate::handoff::packet::{self, ContextPacket, HandoffFacts};
use crate::handoff::trigger::Does;

use super::plan::PicksUp;
use super::stage::{Accepts, Answer, AskedAgent, Handoff, Notice, Seeking, Stage, Step};
use super::types::{ACCEPT_KEY, DECLINE_KEY};
use super::{BotPlan, Call, Effect, RECORDED_BOT, Reason};

/// The caller is told something after this long even if the desk has not said a word.
const NOTICE_DUE: Duration = Duration::from_millis(120);
/// A desk that has said nothing for this long counts as gone.
const DESK_PATIENCE: Duration = Duration::from_secs(5);
/// How often an agent on a phone is asked for the key that accepts; after that the offer's deadline decides.
const KEY_ASKED: u8 = 3;

impl Call {
    /// Asks the desk for a person.
    pub(super) fn seek(&mut self, handoff: Handoff, prefer: Option<AgentId>, now: Time) {
        // What the bot had to say to an agent is not for the caller.
        self.cancel_bot();
        let ticket = self.next_ticket();
        // One agent who is named is asked whatever the hours of the queue that the caller comes from.
        if handoff.only.is_none() && !handoff.agent_was_lost && !self.plan.is_open(&handoff.queue, now) {
            self.stage = Stage::Seeking(Seeking { handoff, ticket, asked: Vec::new(), notice: Notice::Due, position: None });
            self.on_nobody(now);
            return;
        }
        self.tell_desk(DeskInput::Seek(self.need(&handoff, ticket, prefer, now)));
        self.timers.set(Reason::NoticeDue, NOTICE_DUE, now);
        self.timers.set(Reason::DeskSilent, DESK_PATIENCE, now);
        self.stage = Stage::Seeking(Seeking { handoff, ticket, asked: Vec::new(), notice: Notice::Due, position: None });
    }

    /// The one agent who was meant can't be had: anybody of the queue will do. The caller has been told what happens, and keeps their age.
    pub(super) fn seek_anybody(&mut self, now: Time) {
        let Stage::Seeking(seeking) = &self.stage else { return };
        let (handoff, told) = (Handoff { only: None, ..seeking.handoff.clone() }, seeking.notice);
        self.drop_all_offers();
        self.seek(handoff, None, now);
        if let Stage::Seeking(seeking) = &mut self.stage
            && told != Notice::Due
        {
            seeking.notice = told;
        }
    }

    pub(super) fn need(&self, handoff: &Handoff, ticket: TicketId, prefer: Option<AgentId>, now: Time) -> Seek {
        Seek {
            ticket,
            queue: handoff.queue.clone(),
            skills: handoff.fired.skills.clone(),
            language: self.plan.entry.language.clone(),
            priority: handoff.fired.priority,
            since: handoff.since,
            except: self.declined.clone(),
            prefer_until: prefer.is_some().then(|| now + self.plan.return_patience),
            prefer,
            only: handoff.only.clone(),
        }
    }

    pub(super) fn on_desk(&mut self, news: DeskOutput, now: Time) {
        match news {
            DeskOutput::Offer { offer, ticket, agent, .. } => self.on_offer(offer, ticket, agent, now),
            DeskOutput::OfferSettled { offer, agent, outcome, .. } => self.on_offer_settled(offer, agent, outcome, now),
            DeskOutput::Assigned { ticket, offer, agent } => self.on_assigned(ticket, offer, agent, now),
            DeskOutput::TooLate { offer } => self.drop_offer(offer, OfferOutcome::Withdrawn),
            DeskOutput::Position { ticket, position, expected_wait_s } => self.on_position(ticket, position, expected_wait_s, now),
            DeskOutput::NobodyOnDuty { ticket } | DeskOutput::GaveUp { ticket } => self.on_ticket_closed(ticket, now),
            DeskOutput::CallbackFiled { ticket } => self.on_callback_filed(ticket, now),
            DeskOutput::CallbackRefused { ticket } => self.on_callback_refused(ticket, now),
            DeskOutput::AgentState { .. } | DeskOutput::Idle(_) => self.odd += 1,
        }
    }

    fn on_offer(&mut self, offer: OfferId, ticket: TicketId, agent: AgentId, now: Time) {
        self.timers.clear(Reason::DeskSilent);
        let asked = AskedAgent { offer, agent: agent.clone(), answer: Answer::None, reason: None, is_shown: false, is_alerted: false };
        let handoff = match &mut self.stage {
            Stage::Seeking(seeking) if seeking.ticket == ticket && !seeking.asked.iter().any(|a| a.offer == offer) => {
                seeking.asked.push(asked);
                seeking.handoff.clone()
            }
            Stage::Bridged(bridged) if bridged.inviting.as_ref().is_some_and(|i| i.ticket == ticket && !i.asked.iter().any(|a| a.offer == offer)) => {
                bridged.inviting.as_mut().expect("checked by the guard").asked.push(asked);
                Handoff { note: self.dossier.notes().last().map(|note| note.text.clone()), ..bridged.handoff.clone() }
            }
            _ => {
                self.odd += 1;
                return;
            }
        };
        let packet = Box::new(self.packet(&handoff, now));
        let shown = serde_json::to_value(&*packet).unwrap_or_default();
        // Pages show the offer by its record, and may answer at once: it is open before that.
        self.out.push_back(Effect::Alert { offer, agent: agent.clone(), packet });
        self.record(Happening::Offered { handoff: handoff.n, offer: offer.n, agent, packet: shown });
        self.give_notice(now);
    }

    pub(super) fn packet(&self, handoff: &Handoff, now: Time) -> ContextPacket {
        let facts = HandoffFacts::of_trigger(&handoff.fired, handoff.n, &self.plan.queue_title(&handoff.queue), handoff.since);
        ContextPacket::build(&self.dossier, &HandoffFacts { note: handoff.note.clone(), ..facts }, now)
    }

    /// More is known: those who are asked, or have the caller, see it.
    pub(super) fn update_packets(&mut self, now: Time) {
        let (handoff, is_seen) = match &self.stage {
            Stage::Seeking(seeking) => (seeking.handoff.clone(), !seeking.asked.is_empty()),
            Stage::Bridged(bridged) | Stage::Moving(bridged) => (bridged.handoff.clone(), true),
            _ => return,
        };
        let offers: Vec<OfferId> = self.asked_mut().into_iter().flatten().map(|a| a.offer).collect();
        let packet = self.packet(&handoff, now);
        if is_seen {
            self.record(Happening::PacketUpdated { handoff: handoff.n, packet: serde_json::to_value(&packet).unwrap_or_default() });
        }
        for offer in offers {
            self.out.push_back(Effect::UpdatePacket(offer, Box::new(packet.clone())));
        }
    }

    /// Everybody who is being asked now.
    pub(super) fn asked_mut(&mut self) -> Option<&mut Vec<AskedAgent>> {
        match &mut self.stage {
            Stage::Seeking(seeking) => Some(&mut seeking.asked),
            Stage::Bridged(bridged) => bridged.inviting.as_mut().map(|i| &mut i.asked),
            Stage::Ringing
            | Stage::Greeting
            | Stage::WithBot
            | Stage::Offered(_)
            | Stage::Settling(_)
            | Stage::Moving(_)
            | Stage::Survey
            | Stage::Farewell { .. }
            | Stage::Ending(_)
            | Stage::Ended => None,
        }
    }

    fn asked(&mut self, offer: OfferId) -> Option<&mut AskedAgent> {
        self.asked_mut()?.iter_mut().find(|a| a.offer == offer)
    }

    /// t2: the packet is on the screen of an agent who is asked. Each of several has clocks of their own.
    pub(super) fn on_packet_shown(&mut self, offer: OfferId) {
        let was_shown = self.asked(offer).map(|asked| std::mem::replace(&mut asked.is_shown, true));
        self.reach_of_offer(offer, HandoffClock::T2, was_shown);
    }

    /// t3: an agent who is asked hears or sees that they are.
    pub(super) fn on_alerted(&mut self, offer: OfferId) {
        let was_alerted = self.asked(offer).map(|asked| std::mem::replace(&mut asked.is_alerted, true));
        self.reach_of_offer(offer, HandoffClock::T3, was_alerted);
    }

    fn reach_of_offer(&mut self, offer: OfferId, clock: HandoffClock, was_reached: Option<bool>) {
        match (was_reached, &self.stage) {
            (None, _) => self.odd += 1,
            // Of somebody who is asked to join these are no clocks of the handoff.
            (Some(false), Stage::Seeking(seeking)) => {
                let handoff = seeking.handoff.n;
                self.record(Happening::ClockReached { handoff, clock, offer: Some(offer.n) });
            }
            (Some(_), _) => {}
        }
    }

    /// An agent pressed accept: they are briefed by ear if the entry says so, else they have accepted.
    pub(super) fn on_agent_answered(&mut self, offer: OfferId, now: Time) {
        if self.plan.entry.whisper && matches!(self.stage, Stage::Seeking(_)) {
            self.brief(offer, Accepts::ByHearing, now);
        } else {
            let leg = self.asked(offer).and_then(|asked| asked.leg());
            self.accept(offer, leg);
        }
    }

    /// A phone was picked up. Nobody but a person presses the key that accepts; an ACD speaks for its agents.
    pub(super) fn on_agent_picked_up(&mut self, offer: OfferId, now: Time) {
        let picks_up = self.asked(offer).map(|asked| asked.agent.clone()).map(|agent| self.plan.picks_up(&agent));
        match picks_up {
            Some(PicksUp::Somebody) | None => self.brief(offer, Accepts::ByKey { asked: 0 }, now),
            Some(PicksUp::Agent) => {
                self.hear_early(offer, true, now);
                self.on_person_found(offer);
            }
            Some(PicksUp::Queue) => self.hear_early(offer, true, now),
        }
    }

    /// What was rung sends sound before it was picked up: an ACD's own music, if the caller is to hear that.
    pub(super) fn on_agent_sounds(&mut self, offer: OfferId, now: Time) {
        let is_wanted = self.asked(offer).map(|asked| asked.agent.clone()).is_some_and(|agent| self.plan.is_heard_early(&agent));
        if is_wanted {
            self.hear_early(offer, false, now);
        }
    }

    /// The caller hears what an ACD sends from now on.
    fn hear_early(&mut self, offer: OfferId, is_picked_up: bool, now: Time) {
        let Some(asked) = self.asked(offer) else {
            self.odd += 1;
            return;
        };
        let leg = match asked.answer {
            Answer::Waits { leg, .. } => leg,
            Answer::None => {
                let agent = asked.agent.clone();
                self.join(agent, Some(offer))
            }
            Answer::Briefing { .. } | Answer::Accepting { .. } => {
                self.odd += 1;
                return;
            }
        };
        if let Some(asked) = self.asked(offer) {
            asked.answer = Answer::Waits { leg, is_picked_up };
        }
        self.expect_sound(now, now);
    }

    /// Somebody has opened the page of an offer, or was named by an ACD. Who is asked by a phone of their own still accepts by key.
    pub(super) fn on_person_found(&mut self, offer: OfferId) {
        if let Some(Answer::Waits { leg, is_picked_up: true }) = self.asked(offer).map(|asked| asked.answer) {
            self.accept(offer, Some(leg));
        }
    }

    /// The caller speaks while an ACD that was picked up has them: nobody talks to music for long.
    pub(super) fn on_words_to_acd(&mut self) {
        let found =
            self.asked_mut().and_then(|all| all.iter().find(|a| matches!(a.answer, Answer::Waits { is_picked_up: true, .. })).map(|a| a.offer));
        if let Some(offer) = found {
            self.on_person_found(offer);
        }
    }

    /// Opens the agent's ear and tells them why the caller is here. The caller does not hear it.
    fn brief(&mut self, offer: OfferId, accepts: Accepts, now: Time) {
        let Some(handoff) = self.handoff().cloned() else {
            self.odd += 1;
            return;
        };
        let Some(agent) = self.asked(offer).filter(|asked| asked.answer == Answer::None).map(|asked| asked.agent.clone()) else {
            self.odd += 1;
            return;
        };
        let briefing = packet::briefing(&self.packet(&handoff, now));
        let leg = self.join(agent, Some(offer));
        let playback = self.say(leg, Purpose::Briefing, briefing);
        if let Some(asked) = self.asked(offer) {
            asked.answer = Answer::Briefing { leg, playback, accepts };
        }
    }

    /// The agent accepts; the desk decides whether they have the caller.
    fn accept(&mut self, offer: OfferId, leg: Option<LegId>) {
        match self.asked(offer) {
            Some(asked) if !matches!(asked.answer, Answer::Accepting { .. }) => {
                asked.answer = Answer::Accepting { leg, is_briefed: matches!(asked.answer, Answer::Briefing { .. }) };
            }
            Some(_) | None => {
                self.odd += 1;
                return;
            }
        }
        self.tell_desk(DeskInput::Accept { offer });
    }

    /// A key of an agent who is being briefed: yes or no.
    pub(super) fn on_briefed_key(&mut self, leg: LegId, key: Key) {
        let is_briefed = |a: &&AskedAgent| a.leg() == Some(leg) && a.early_leg().is_none();
        let Some(offer) = self.asked_mut().and_then(|all| all.iter().find(is_briefed).map(|a| a.offer)) else { return };
        match key.label() {
            ACCEPT_KEY => self.accept(offer, Some(leg)),
            DECLINE_KEY => self.on_agent_refused(offer, OfferOutcome::Declined),
            _ => {}
        }
    }

    /// The handoff that the call is in, if agents can be asked for it.
    fn handoff(&self) -> Option<&Handoff> {
        match &self.stage {
            Stage::Seeking(seeking) => Some(&seeking.handoff),
            Stage::Bridged(bridged) => Some(&bridged.handoff),
            Stage::Ringing
            | Stage::Greeting
            | Stage::WithBot
            | Stage::Offered(_)
            | Stage::Settling(_)
            | Stage::Moving(_)
            | Stage::Survey
            | Stage::Farewell { .. }
            | Stage::Ending(_)
            | Stage::Ended => None,
        }
    }

    /// A leg for a line: of an agent by an offer, of a supervisor without one.
    pub(super) fn join(&mut self, agent: AgentId, offer: Option<OfferId>) -> LegId {
        let leg = self.next_leg();
        let party = if offer.is_some() { Party::Agent } else { Party::Supervisor };
        // Whoever reads the record may command the call at once: their line is in it before that.
        self.out.push_back(Effect::Join { leg, agent: agent.clone(), offer });
        self.record(Happening::LegJoined { leg, party, agent: Some(agent) });
        leg
    }

    pub(super) fn on_agent_refused(&mut self, offer: OfferId, outcome: OfferOutcome) {
        if self.asked(offer).is_none() {
            self.odd += 1;
            return;
        }
        self.tell_desk(DeskInput::Refuse { offer, outcome });
    }

    pub(super) fn on_decline_reason(&mut self, offer: OfferId, reason: String) {
        match self.asked(offer) {
            Some(asked) => asked.reason = Some(reason),
            None => self.odd += 1,
        }
    }

    fn on_offer_settled(&mut self, offer: OfferId, agent: AgentId, outcome: OfferOutcome, now: Time) {
        if self.asked(offer).is_none() {
            self.odd += 1;
            return;
        }
        self.drop_offer(offer, outcome);
        if outcome == OfferOutcome::Declined {
            self.except(agent);
        }
        self.expect_sound(now, now);
    }

    /// An offer is over: its agent is no longer alerted, briefed or connected.
    pub(super) fn drop_offer(&mut self, offer: OfferId, outcome: OfferOutcome) {
        let handoff = match &self.stage {
            Stage::Seeking(seeking) => seeking.handoff.n,
            Stage::Bridged(bridged) => bridged.handoff.n,
            _ => {
                self.odd += 1;
                return;
            }
        };
        let Some(all) = self.asked_mut() else { return };
        let Some(at) = all.iter().position(|a| a.offer == offer) else {
            self.odd += 1;
            return;
        };
        let asked = all.remove(at);
        let reason = asked.reason.clone().filter(|_| outcome == OfferOutcome::Declined);
        self.record(Happening::OfferSettled { handoff, offer: offer.n, agent: asked.agent.clone(), outcome, reason });
        self.out.push_back(Effect::StopAlert(offer));
        if let Some(leg) = asked.leg() {
            self.stop_where(|p| p.leg == leg);
            self.release(leg, EndedBy::Gateway);
        }
    }

    /// Takes back every open offer, because the caller does not need them any more.
    pub(super) fn drop_all_offers(&mut self) {
        while let Some(offer) = self.asked_mut().and_then(|all| all.first().map(|a| a.offer)) {
            self.drop_offer(offer, OfferOutcome::Withdrawn);
        }
    }

    fn on_position(&mut self, ticket: TicketId, position: u32, wait: Option<f64>, now: Time) {
        let Stage::Seeking(seeking) = &mut self.stage else {
            return;
        };
        if seeking.ticket != ticket {
            self.odd += 1;
            return;
        }
        seeking.position = Some((position, wait));
        let handoff = seeking.handoff.n;
        self.timers.clear(Reason::DeskSilent);
        self.record(Happening::PositionChanged { handoff, position, expected_wait_s: wait });
        self.give_notice(now);
    }

    /// Tells the caller what happens next, once, as soon as the desk has said what that is.
    pub(super) fn give_notice(&mut self, now: Time) {
        let Stage::Seeking(seeking) = &self.stage else { return };
        if seeking.notice != Notice::Due {
            return;
        }
        let (handoff, position) = (seeking.handoff.clone(), seeking.position);
        self.timers.clear(Reason::NoticeDue);
        // The notice of an offer was its question.
        let own = handoff.fired.notice.as_deref().filter(|_| handoff.fired.does == Does::Transfer);
        let name = own.unwrap_or(notice::TRANSFER);
        let id = if handoff.agent_was_lost {
            self.say_notice(Purpose::Waiting, notice::AGENT_LOST, Some(&handoff), None)
        } else {
            self.say_notice(Purpose::Notice, name, Some(&handoff), position)
        };
        // Who has talked with an agent has told them already.
        let is_known = handoff.agent_was_lost || self.dossier.bot().intent.is_some() || self.dossier.caller_turns() > 1;
        if self.plan.entry.ask_topic && !is_known {
            self.say_notice(Purpose::Waiting, notice::ASK_TOPIC, Some(&handoff), None);
        }
        if let Stage::Seeking(seeking) = &mut self.stage {
            seeking.notice = Notice::Playing(id);
        }
        self.timers.set(Reason::StillWaiting, secs(self.plan.entry.waiting_notice_secs), now);
    }

    /// The first sample of the notice was sent: t1.
    pub(super) fn on_notice_started(&mut self, id: PlaybackId) {
        let reached = match &mut self.stage {
            Stage::Seeking(seeking) if seeking.notice == Notice::Playing(id) => seeking.handoff.reach(HandoffClock::T1).then_some(seeking.handoff.n),
            Stage::Settling(settling) if matches!(settling.step, Step::Told(p) | Step::Asking(p) if p == id) => {
                settling.handoff.reach(HandoffClock::T1).then_some(settling.handoff.n)
            }
            _ => None,
        };
        if let Some(handoff) = reached {
            self.record(Happening::ClockReached { handoff, clock: HandoffClock::T1, offer: None });
            if self.plan.bot == BotPlan::Recorded {
                self.release(RECORDED_BOT, EndedBy::Gateway);
            }
        }
    }

    /// A notice or briefing is over.
    pub(super) fn on_search_playback_over(&mut self, id: PlaybackId, completed: bool, now: Time) {
        let Stage::Seeking(seeking) = &mut self.stage else { return };
        if seeking.notice == Notice::Playing(id) {
            seeking.notice = Notice::Done;
            self.expect_sound(now, now);
            return;
        }
        self.on_briefing_over(id, completed);
    }

    /// A briefing was heard out: on a screen that is the acceptance, on a phone the key is asked for.
    pub(super) fn on_briefing_over(&mut self, id: PlaybackId, completed: bool) {
        let briefed = self.asked_mut().and_then(|all| {
            all.iter().find_map(|asked| match asked.answer {
                Answer::Briefing { leg, playback, accepts } if playback == id => Some((asked.offer, leg, accepts)),
                Answer::Briefing { .. } | Answer::None | Answer::Waits { .. } | Answer::Accepting { .. } => None,
            })
        });
        match briefed.filter(|_| completed) {
            Some((offer, leg, Accepts::ByHearing)) => self.accept(offer, Some(leg)),
            Some((offer, leg, Accepts::ByKey { asked })) if asked < KEY_ASKED => {
                let wording = self.plan.notices.wording(notice::ACCEPT_BY_KEY, &NoticeFacts::default());
                let playback = self.say(leg, Purpose::Briefing, wording);
                if let Some(of) = self.asked(offer) {
                    of.answer = Answer::Briefing { leg, playback, accepts: Accepts::ByKey { asked: asked + 1 } };
                }
            }
            Some((_, _, Accepts::ByKey { .. })) | None => {}
        }
    }

    pub(super) fn on_still_waiting(&mut self, now: Time) {
        let Stage::Seeking(seeking) = &self.stage else { return };
        let (handoff, position) = (seeking.handoff.clone(), seeking.position);
        if !self.caller_is_told() {
            self.say_notice(Purpose::Waiting, notice::STILL_WAITING, Some(&handoff), position);
        }
        self.timers.set(Reason::StillWaiting, secs(self.plan.entry.waiting_notice_secs), now);
    }

    /// A message is being left and the caller speaks: it is as long as they go on.
    pub(super) fn on_message_began(&mut self) {
        if let Stage::Settling(settling) = &mut self.stage
            && let Step::Recording { spoke, .. } = &mut settling.step
        {
            *spoke = true;
            self.timers.clear(Reason::MessagePause);
        }
    }

    /// A message is being left and the caller has said something.
    pub(super) fn on_message_turn(&mut self, now: Time) {
        if let Stage::Settling(settling) = &mut self.stage
            && let Step::Recording { spoke, .. } = &mut settling.step
        {
            *spoke = true;
            self.timers.set(Reason::MessagePause, super::settle::MESSAGE_PAUSE, now);
        }
    }
}
