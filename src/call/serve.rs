//! The bot's part: it is told what the caller says, and triggers are considered.

use std::time::Duration;

use crate::base::{Fault, Happening, LegId, Organ, Purpose, SignalKind, Time, Wording, secs};
use crate::handoff::trigger::Does;
use crate::listen::types::BotEvent;
use crate::listen::types::{BotReport, ListenInput, Signal, Turn};

use super::play::{is_interruptible, is_speech};
use super::stage::Stage;
use super::{BotPlan, BotRequest, BotState, Call, Effect, Reason};

/// The caller hears something at the latest this long after the end of their turn; the invariant allows 2 s.
const COMFORT_AFTER: Duration = Duration::from_millis(1_600);
/// How long triggers have to take the caller of a bot that failed, before it is told again.
const TRIGGERS_FIRST: Duration = Duration::from_millis(100);
/// A comfort tone is repeated this long after the last one began.
const COMFORT_AGAIN: Duration = Duration::from_millis(1_900);

impl Call {
    /// The bot answers a turn.
    pub(super) fn serve(&mut self, turn: Turn, now: Time) {
        if matches!(self.stage, Stage::Greeting) {
            self.stage = Stage::WithBot;
        }
        self.tell_bot(BotEvent::Said { turn: turn.n, text: turn.text, confidence: turn.confidence }, now);
        self.consider(now);
    }

    /// The bot goes on listening, if the entry wants that: what it would say is for the agent.
    pub(super) fn ask_for_advice(&mut self, turn: Turn, now: Time) {
        if self.plan.entry.suggest && self.plan.bot == BotPlan::Serves && turn.text.is_some() {
            self.tell_bot(BotEvent::Said { turn: turn.n, text: turn.text, confidence: turn.confidence }, now);
        }
    }

    /// True while whatever the bot says is for the agent only.
    fn advises(&self) -> bool {
        matches!(self.stage, Stage::Bridged(_) | Stage::Moving(_))
    }

    /// What the caller has said is not known yet: they need not wait in silence for it.
    pub(super) fn on_ear_late(&mut self, now: Time) {
        if matches!(self.stage, Stage::Greeting | Stage::WithBot) {
            self.expect_sound(now.back(COMFORT_AFTER), now);
        }
    }

    pub(super) fn on_no_input(&mut self, now: Time) {
        if matches!(self.stage, Stage::Greeting | Stage::WithBot) {
            self.tell_bot(BotEvent::NoInput, now);
        }
    }

    /// Tells the bot; an unfinished answer to what it was told before is dropped.
    pub(super) fn tell_bot(&mut self, event: BotEvent, now: Time) {
        self.cancel_bot();
        if self.bot == BotState::None {
            return;
        }
        let request = BotRequest(self.next.request);
        self.next.request += 1;
        self.bot = BotState::Asked(request, event.clone());
        self.timers.set(Reason::BotStalled, secs(self.plan.entry.bot_patience_secs), now);
        self.out.push_back(Effect::TellBot(request, event));
        self.expect_sound(now, now);
    }

    /// Drops the bot's unfinished answer and gives back what it was to answer.
    pub(super) fn cancel_bot(&mut self) -> Option<BotEvent> {
        self.timers.clear(Reason::BotStalled);
        let event = match &self.bot {
            BotState::Asked(request, event) => {
                self.out.push_back(Effect::CancelBot(*request));
                event.clone()
            }
            BotState::Failed(event) => event.clone(),
            BotState::None | BotState::Idle => return None,
        };
        self.bot = BotState::Idle;
        Some(event)
    }

    fn is_asked(&self, request: BotRequest) -> bool {
        matches!(self.bot, BotState::Asked(asked, _) if asked == request)
    }

    pub(super) fn on_bot_says(&mut self, request: BotRequest, wording: Wording, now: Time) {
        if !self.is_asked(request) || wording.is_empty() {
            self.odd += 1;
            return;
        }
        if self.hushed == Some(request) {
            return;
        }
        self.timers.set(Reason::BotStalled, secs(self.plan.entry.bot_patience_secs), now);
        if self.advises() {
            self.record(Happening::Suggested { text: wording.words() });
            return;
        }
        let purpose = if matches!(self.stage, Stage::Greeting) { Purpose::Greeting } else { Purpose::Bot };
        self.say(LegId::CALLER, purpose, wording);
    }

    /// The caller talks over the bot: what else it has to say to what it was asked is left out. What it reports still counts.
    pub(super) fn hush_bot(&mut self) {
        if let BotState::Asked(request, _) = &self.bot {
            self.hushed = Some(*request);
        }
    }

    pub(super) fn on_bot_reported(&mut self, request: BotRequest, report: BotReport, now: Time) {
        if !self.is_asked(request) {
            self.odd += 1;
            return;
        }
        self.bot = BotState::Idle;
        self.bot_failures = 0;
        self.timers.clear(Reason::BotStalled);
        self.dossier.on_bot(&report, now);
        self.record(Happening::BotReplied {
            intent: report.intent.clone(),
            slots: report.slots.iter().map(|(name, slot)| (name.clone(), slot.value.clone())).collect(),
            progress: report.progress,
        });
        if self.advises() {
            return self.update_packets(now);
        }
        let goodbye = report.goodbye;
        self.out.push_back(Effect::Listener(LegId::CALLER, ListenInput::Bot(report)));
        if goodbye && matches!(self.stage, Stage::Greeting | Stage::WithBot) {
            self.farewell(crate::base::EndedBy::Bot, true, now);
        } else {
            self.consider(now);
        }
    }

    pub(super) fn on_bot_failed(&mut self, request: BotRequest, fault: Fault, now: Time) {
        let lost = match &self.bot {
            BotState::Asked(asked, event) if *asked == request => event.clone(),
            BotState::None | BotState::Idle | BotState::Asked(..) | BotState::Failed(_) => {
                self.odd += 1;
                return;
            }
        };
        self.timers.clear(Reason::BotStalled);
        if self.advises() {
            // Nobody waits for it.
            self.bot = BotState::Idle;
            return self.record(Happening::Faulted { fault });
        }
        self.bot = BotState::Failed(lost);
        self.timers.set(Reason::BotFailing, TRIGGERS_FIRST, now);
        self.bot_failures += 1;
        self.record(Happening::Faulted { fault: fault.clone() });
        self.out.push_back(Effect::Listener(LegId::CALLER, ListenInput::BotFailed(fault)));
        self.expect_sound(now, now);
    }

    pub(super) fn on_bot_stalled(&mut self, now: Time) {
        if let BotState::Asked(request, _) = &self.bot {
            let request = *request;
            let after_ms = (self.plan.entry.bot_patience_secs * 1_000.0) as u64;
            self.out.push_back(Effect::CancelBot(request));
            self.on_bot_failed(request, Fault::Stalled { organ: Organ::Bot, after_ms }, now);
        }
    }

    /// A signal may answer an open question, or fire a trigger.
    pub(super) fn on_signal(&mut self, signal: &Signal, now: Time) {
        if signal.kind == SignalKind::Request && matches!(self.stage, Stage::Offered(_)) {
            self.on_consent(crate::base::Consent::Yes, now);
            return;
        }
        self.consider(now);
    }

    /// No trigger took a failing bot's caller: the bot is told again what it failed at, then the caller is brought to a person.
    /// This hangs on no signal: those may be switched off.
    pub(super) fn on_bot_trouble(&mut self, now: Time) {
        if !matches!(self.stage, Stage::Greeting | Stage::WithBot) {
            return;
        }
        let BotState::Failed(lost) = &self.bot else { return };
        let lost = lost.clone();
        self.bot = BotState::Idle;
        if self.bot_is_given_up() {
            self.begin_by_failure(now);
        } else {
            self.tell_bot(lost, now);
        }
    }

    /// True once the bot has failed too often in a row to be relied on.
    pub(super) fn bot_is_given_up(&self) -> bool {
        self.bot_failures >= MAX_BOT_FAILURES
    }

    /// True if something that the bot was told is not answered yet.
    pub(super) fn bot_owes_an_answer(&self) -> bool {
        matches!(self.bot, BotState::Asked(..) | BotState::Failed(_))
    }

    /// Looks whether a trigger fires; only while the bot serves the caller.
    pub(super) fn consider(&mut self, now: Time) {
        if !matches!(self.stage, Stage::Greeting | Stage::WithBot) {
            return;
        }
        let wall = self.plan.wall_facts(now);
        let considered = self.watch.consider(&self.dossier, &self.view, wall, now);
        for fault in considered.faults {
            self.record(Happening::Faulted { fault });
        }
        let Some(fired) = considered.fired else { return };
        if self.plan.entry.mode == crate::base::Mode::Shadow {
            self.shadow(fired);
            return;
        }
        match fired.does {
            Does::Transfer => self.begin(fired, now),
            Does::Offer => self.ask(fired, now),
            Does::Off => self.odd += 1,
        }
    }

    /// The caller's turn (or key) ended at `since`: something must be heard soon.
    pub(super) fn expect_sound(&mut self, since: Time, now: Time) {
        let speaks = match self.plan.bot {
            BotPlan::Serves | BotPlan::None => true,
            BotPlan::Recorded | BotPlan::Mute => !matches!(self.stage, Stage::WithBot),
        };
        // What they have been waiting for already is not put off.
        if speaks && !self.caller_hears() {
            self.timers.set_no_later(Reason::Comfort, (since + COMFORT_AFTER).max(now));
        }
    }

    pub(super) fn on_comfort_due(&mut self, now: Time) {
        let waits = match &self.stage {
            Stage::Greeting | Stage::WithBot => self.bot != BotState::Idle || self.playbacks.any(|p| p.leg == LegId::CALLER),
            Stage::Offered(_) | Stage::Seeking(_) | Stage::Settling(_) | Stage::Moving(_) | Stage::Survey | Stage::Farewell { .. } => true,
            Stage::Ringing | Stage::Bridged(_) | Stage::Ending(_) | Stage::Ended => return,
        };
        if self.caller_hears() || self.is_message_being_recorded() {
            return;
        }
        let id = self.playbacks.add(LegId::CALLER, Purpose::Comfort, None);
        self.out.push_back(Effect::Tone { id, leg: LegId::CALLER, purpose: Purpose::Comfort });
        if waits {
            self.timers.set(Reason::Comfort, COMFORT_AGAIN, now);
        }
    }

    /// A person's voice is gone from the line: something else must be heard soon.
    pub(super) fn expect_sound_after_person(&mut self, now: Time) {
        self.timers.set(Reason::Comfort, COMFORT_AFTER, now);
    }

    /// True if the caller hears words or music now.
    fn caller_hears(&self) -> bool {
        let is_played = self.playbacks.any(|p| p.leg == LegId::CALLER && p.started.is_some() && !p.stopping && p.purpose != Purpose::Comfort);
        is_played || self.acd_leg().is_some()
    }

    /// Takes the word from the bot for good measure: its unfinished answer, and what it says.
    pub(super) fn silence_bot(&mut self) -> Option<BotEvent> {
        self.stop_where(|p| p.leg == LegId::CALLER && is_interruptible(p.purpose));
        self.cancel_bot()
    }

    /// True while words are played or queued for the caller.
    pub(super) fn caller_is_told(&self) -> bool {
        self.playbacks.any(|p| p.leg == LegId::CALLER && is_speech(p.purpose))
    }
}

/// After so many failures in a row the bot is given up.
const MAX_BOT_FAILURES: u32 = 2;
