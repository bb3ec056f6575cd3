//! Legs leave and the call ends: everything that was started is ended.

use crate::base::{CallOutcome, EndedBy, HandoffOutcome, Happening, Key, LegId, OfferOutcome, Party, Purpose, Time};
use crate::handoff::desk::DeskInput;

use super::offer::LAST_WORDS;
use super::stage::{Answer, Settling, Stage, Step};
use super::{BotState, Call, Effect, Gone, RECORDED_BOT, Reason};

impl Call {
    pub(super) fn on_leg_gone(&mut self, leg: LegId, how: Gone, now: Time) {
        if leg == LegId::CALLER {
            self.on_caller_gone(how, now);
        } else if self.supervisor.as_ref().is_some_and(|s| s.leg == leg) {
            self.supervisor = None;
            self.record(Happening::LegLeft { leg, party: Party::Supervisor, by: EndedBy::Supervisor });
        } else if leg == RECORDED_BOT {
            self.recorded_bot_is_gone = true;
        } else {
            self.on_agent_leg_gone(leg, how, now);
        }
    }

    fn on_caller_gone(&mut self, how: Gone, now: Time) {
        if self.caller_is_gone {
            self.odd += 1;
            return;
        }
        self.caller_is_gone = true;
        let by = match how {
            Gone::HungUp => EndedBy::Caller,
            Gone::Lost => EndedBy::LostMedia,
        };
        self.record(Happening::LegLeft { leg: LegId::CALLER, party: Party::Caller, by });
        self.end(by, now);
    }

    fn on_agent_leg_gone(&mut self, leg: LegId, how: Gone, now: Time) {
        let by = match how {
            Gone::HungUp => EndedBy::Agent,
            Gone::Lost => EndedBy::LostMedia,
        };
        if let Some(asked) = self.asked_mut().and_then(|all| all.iter_mut().find(|a| a.leg() == Some(leg))) {
            let offer = asked.offer;
            asked.answer = Answer::None;
            self.stop_where(|p| p.leg == leg);
            self.record(Happening::LegLeft { leg, party: Party::Agent, by });
            let outcome = match how {
                Gone::HungUp => OfferOutcome::Declined,
                Gone::Lost => OfferOutcome::Vanished,
            };
            self.tell_desk(DeskInput::Refuse { offer, outcome });
            return;
        }
        if !self.is_seat(leg) {
            self.odd += 1;
            return;
        }
        self.record(Happening::LegLeft { leg, party: Party::Agent, by });
        self.on_seat_gone(leg, how == Gone::Lost, now);
    }

    /// Ends a leg.
    pub(super) fn release(&mut self, leg: LegId, by: EndedBy) {
        let party = if leg == LegId::CALLER {
            Party::Caller
        } else if leg == RECORDED_BOT {
            if std::mem::replace(&mut self.recorded_bot_is_gone, true) {
                return;
            }
            Party::Bot
        } else if self.supervisor.as_ref().is_some_and(|s| s.leg == leg) {
            Party::Supervisor
        } else {
            Party::Agent
        };
        self.record(Happening::LegLeft { leg, party, by });
        self.out.push_back(Effect::Release(leg, by));
    }

    /// Ends the call after what is being said has been heard.
    pub(super) fn farewell(&mut self, by: EndedBy, by_bot: bool, now: Time) {
        if !by_bot {
            self.say_notice(Purpose::Goodbye, crate::handoff::notice::GOODBYE, None, None);
        }
        if self.caller_is_told() {
            self.timers.set(Reason::LastWords, LAST_WORDS, now);
            self.stage = Stage::Farewell { by, by_bot };
        } else {
            self.end(by, now);
        }
    }

    pub(super) fn on_last_words_late(&mut self, now: Time) {
        if let Stage::Farewell { by, .. } = self.stage {
            self.end(by, now);
        }
    }

    pub(super) fn on_shutdown(&mut self, now: Time) {
        match &mut self.stage {
            Stage::Ringing => self.end(EndedBy::Gateway, now),
            Stage::Farewell { by_bot, .. } => *by_bot = false,
            Stage::Ending(_) | Stage::Ended => {}
            _ => {
                self.silence_bot();
                self.close_stage(EndedBy::Gateway, now);
                self.farewell(EndedBy::Gateway, false, now);
            }
        }
    }

    pub(super) fn on_rating(&mut self, key: Key, now: Time) {
        let rating = key.label().to_digit(10).filter(|r| (1..=5).contains(r)).map(|r| r as u8);
        if rating.is_some() {
            self.record(Happening::SurveyAnswered { rating });
            self.end(EndedBy::Agent, now);
        }
    }

    /// Ends the call: whatever the stage had open is closed, every leg and playback is told to end.
    pub(super) fn end(&mut self, by: EndedBy, now: Time) {
        if matches!(self.stage, Stage::Ending(_) | Stage::Ended) {
            self.odd += 1;
            return;
        }
        self.close_stage(by, now);
        self.conclude(by, now);
    }

    /// Ends the call whose stage has nothing open any more.
    pub(super) fn conclude(&mut self, by: EndedBy, now: Time) {
        self.cancel_bot();
        if self.bot != BotState::None {
            self.bot = BotState::None;
            self.out.push_back(Effect::CloseBot);
        }
        self.stop_where(|_| true);
        if self.supervisor.is_some() {
            self.release_supervisor(by);
        }
        if self.plan.bot == super::BotPlan::Recorded && !matches!(self.stage, Stage::Ringing) {
            self.release(RECORDED_BOT, by);
        }
        if !self.caller_is_gone {
            self.caller_is_gone = true;
            self.release(LegId::CALLER, by);
        }
        self.timers.set(Reason::LastWords, std::time::Duration::from_secs(1), now);
        self.stage = Stage::Ending(by);
    }

    /// Closes what the stage had open with the desk and with agents, and says how its handoff ended.
    fn close_stage(&mut self, by: EndedBy, now: Time) {
        match &self.stage {
            Stage::Offered(offering) => {
                let handoff = offering.handoff.clone();
                self.end_handoff(&handoff, HandoffOutcome::KeptWithBot, by);
            }
            Stage::Seeking(seeking) => {
                let (handoff, ticket) = (seeking.handoff.clone(), seeking.ticket);
                self.drop_all_offers();
                self.tell_desk(DeskInput::Cancel { ticket });
                self.abandon(&handoff, by);
            }
            Stage::Settling(Settling { handoff, step, .. }) => {
                let (handoff, step) = (handoff.clone(), *step);
                match step {
                    Step::Recording { since, spoke: true } => self.leave_message(&handoff, since, now),
                    Step::Filing | Step::Asking(_) | Step::Beep(_) | Step::Recording { spoke: false, .. } => self.abandon(&handoff, by),
                    Step::Told(_) => {}
                }
            }
            Stage::Bridged(bridged) | Stage::Moving(bridged) => {
                let handoff = bridged.handoff.clone();
                self.release_seats(by);
                self.end_bridge(&handoff, by);
            }
            Stage::Ringing | Stage::Greeting | Stage::WithBot | Stage::Survey | Stage::Farewell { .. } | Stage::Ending(_) | Stage::Ended => {}
        }
    }

    pub(super) fn abandon(&mut self, handoff: &super::stage::Handoff, by: EndedBy) {
        self.end_handoff(handoff, HandoffOutcome::Abandoned, by);
        self.fallback_outcome = CallOutcome::Abandoned;
    }
}
