//! Nobody was found: the caller still gets somewhere, a callback, a message, or the bot.

use std::time::Duration;

use crate::base::{CallOutcome, EndedBy, HandoffOutcome, Happening, Key, LegId, PlaybackId, Purpose, TicketId, Time, secs};
use crate::handoff::desk::{DeskInput, Otherwise};
use crate::handoff::notice;
use crate::listen::types::{BotEvent, Resumption};

use super::stage::{Handoff, Settling, Stage, Step};
use super::{BotPlan, Call, Effect, Reason};

/// A message is over when the caller has been silent for this long.
pub(super) const MESSAGE_PAUSE: Duration = Duration::from_secs(4);
/// How long the first word of a message is waited for.
const MESSAGE_BEGIN: Duration = Duration::from_secs(8);
/// How long the desk may take to file a callback.
const FILING_PATIENCE: Duration = Duration::from_secs(2);

impl Call {
    pub(super) fn on_ticket_closed(&mut self, ticket: TicketId, now: Time) {
        match &mut self.stage {
            Stage::Seeking(seeking) if seeking.ticket == ticket && seeking.handoff.only.is_some() => self.seek_anybody(now),
            Stage::Seeking(seeking) if seeking.ticket == ticket => self.on_nobody(now),
            Stage::Bridged(bridged) if bridged.inviting.as_ref().is_some_and(|i| i.ticket == ticket) => self.on_nobody_came(now),
            _ => self.odd += 1,
        }
    }

    /// The search is over without a person (or the desk does not answer).
    pub(super) fn on_nobody(&mut self, now: Time) {
        if let Stage::Settling(Settling { step: Step::Filing, .. }) = &self.stage {
            self.try_next(now);
            return;
        }
        let Stage::Seeking(seeking) = &self.stage else { return };
        let (handoff, ticket) = (seeking.handoff.clone(), seeking.ticket);
        self.drop_all_offers();
        self.tell_desk(DeskInput::Cancel { ticket });
        for reason in [Reason::DeskSilent, Reason::StillWaiting, Reason::NoticeDue] {
            self.timers.clear(reason);
        }
        self.stop_where(|p| p.leg == LegId::CALLER && matches!(p.purpose, Purpose::Notice | Purpose::Waiting));
        let mut rest = self.plan.queues.get(&handoff.queue).map(|q| q.otherwise.clone()).unwrap_or_default();
        if !self.bot_can_serve() {
            rest.retain(|way| *way != Otherwise::Bot);
            let more = [Otherwise::Callback, Otherwise::Message].into_iter().filter(|way| !rest.contains(way)).collect::<Vec<_>>();
            rest.extend(more);
        }
        self.expect_sound(now, now);
        self.stage = Stage::Settling(Settling { handoff, ticket, rest, step: Step::Filing });
        self.try_next(now);
    }

    fn try_next(&mut self, now: Time) {
        let Stage::Settling(settling) = &mut self.stage else { return };
        let way = if settling.rest.is_empty() { Otherwise::Bot } else { settling.rest.remove(0) };
        let (handoff, ticket) = (settling.handoff.clone(), settling.ticket);
        if way == Otherwise::Bot && !self.bot_can_serve() {
            self.abandon(&handoff, EndedBy::Gateway);
            self.farewell(EndedBy::Gateway, false, now);
            return;
        }
        match way {
            Otherwise::Callback => match self.plan.caller.clone() {
                Some(number) => {
                    self.tell_desk(DeskInput::Callback { ticket, queue: handoff.queue, number });
                    self.timers.set(Reason::DeskSilent, FILING_PATIENCE, now);
                    self.step(Step::Filing);
                }
                None => self.try_next(now),
            },
            Otherwise::Message => {
                let id = self.say_notice(Purpose::Notice, notice::NOBODY_MESSAGE, Some(&handoff), None);
                self.step(Step::Asking(id));
            }
            Otherwise::Bot => {
                self.end_handoff(&handoff, HandoffOutcome::KeptWithBot, EndedBy::Gateway);
                let id = self.say_notice(Purpose::Notice, notice::NOBODY_BOT, Some(&handoff), None);
                self.step(Step::Told(id));
            }
        }
    }

    /// False where there is no bot, or one that has died: to go back to it would go round for ever.
    fn bot_can_serve(&self) -> bool {
        self.plan.bot != BotPlan::None && !self.bot_is_given_up()
    }

    fn step(&mut self, step: Step) {
        if let Stage::Settling(settling) = &mut self.stage {
            settling.step = step;
        }
    }

    pub(super) fn on_callback_filed(&mut self, ticket: TicketId, now: Time) {
        let Stage::Settling(Settling { handoff, ticket: ours, step: Step::Filing, .. }) = &self.stage else {
            self.odd += 1;
            return;
        };
        if *ours != ticket {
            self.odd += 1;
            return;
        }
        let handoff = handoff.clone();
        self.timers.clear(Reason::DeskSilent);
        let number = self.plan.caller.as_ref().map(|n| n.0.clone());
        self.record(Happening::CallbackFiled { queue: handoff.queue.clone(), number });
        self.settled(CallOutcome::Callback);
        self.end_handoff(&handoff, HandoffOutcome::Callback, EndedBy::Gateway);
        let id = self.say_notice(Purpose::Notice, notice::NOBODY_CALLBACK, Some(&handoff), None);
        self.step(Step::Told(id));
        self.expect_sound(now, now);
    }

    pub(super) fn on_callback_refused(&mut self, ticket: TicketId, now: Time) {
        match &self.stage {
            Stage::Settling(Settling { ticket: ours, step: Step::Filing, .. }) if *ours == ticket => self.try_next(now),
            _ => self.odd += 1,
        }
    }

    pub(super) fn on_settling_playback_over(&mut self, id: PlaybackId, now: Time) {
        let Stage::Settling(settling) = &self.stage else { return };
        match settling.step {
            Step::Told(playing) if playing == id => {
                self.watch.on_handoff_over(&self.dossier, now);
                if self.bot_can_serve() {
                    self.back_to_bot(BotEvent::Resume(Resumption::NobodyFound), now);
                } else {
                    self.farewell(EndedBy::Gateway, false, now);
                }
            }
            Step::Asking(playing) if playing == id => {
                let beep = self.playbacks.add(LegId::CALLER, Purpose::Beep, None);
                self.out.push_back(Effect::Tone { id: beep, leg: LegId::CALLER, purpose: Purpose::Beep });
                self.step(Step::Beep(beep));
            }
            Step::Beep(playing) if playing == id => {
                self.timers.set(Reason::MessagePause, MESSAGE_BEGIN, now);
                self.timers.set(Reason::MessageFull, secs(self.plan.entry.message_max_secs), now);
                self.timers.clear(Reason::Comfort);
                self.step(Step::Recording { since: now, spoke: false });
            }
            Step::Told(_) | Step::Asking(_) | Step::Beep(_) | Step::Filing | Step::Recording { .. } => {}
        }
    }

    pub(super) fn is_message_being_recorded(&self) -> bool {
        matches!(self.stage, Stage::Settling(Settling { step: Step::Recording { .. }, .. }))
    }

    pub(super) fn on_message_key(&mut self, key: Key, now: Time) {
        if key.label() == '#' && self.is_message_being_recorded() {
            self.on_message_over(now);
        }
    }

    pub(super) fn on_message_over(&mut self, now: Time) {
        self.timers.clear(Reason::MessagePause);
        self.timers.clear(Reason::MessageFull);
        let Stage::Settling(Settling { handoff, step: Step::Recording { since, spoke }, .. }) = &self.stage else {
            return;
        };
        let (handoff, since, spoke) = (handoff.clone(), *since, *spoke);
        if spoke {
            self.leave_message(&handoff, since, now);
            let id = self.say_notice(Purpose::Waiting, notice::MESSAGE_THANKS, Some(&handoff), None);
            self.step(Step::Told(id));
        } else {
            self.try_next(now);
        }
        self.expect_sound(now, now);
    }

    /// Files what the caller has said since the tone.
    pub(super) fn leave_message(&mut self, handoff: &Handoff, start: Time, end: Time) {
        self.record(Happening::MessageLeft { queue: handoff.queue.clone(), start, end });
        self.settled(CallOutcome::Message);
        self.end_handoff(handoff, HandoffOutcome::Message, EndedBy::Gateway);
    }

    /// Notes what the caller got; a bridge outweighs everything, and the first of the others stays.
    pub(super) fn settled(&mut self, outcome: CallOutcome) {
        if outcome == CallOutcome::Bridged || self.settled.is_none() {
            self.settled = Some(outcome);
        }
    }

    pub(super) fn end_handoff(&mut self, handoff: &Handoff, outcome: HandoffOutcome, by: EndedBy) {
        self.record(Happening::HandoffEnded { handoff: handoff.n, outcome, by });
    }
}
