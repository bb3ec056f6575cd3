//! From a trigger to a handoff: at once, by asking the caller, or only on paper.

use std::time::Duration;

use crate::base::{Asked, Consent, EndedBy, HandoffClock, HandoffOutcome, Happening, Key, Mode, PlaybackId, Purpose, QueueId, Time, secs};
use crate::handoff::notice;
use crate::handoff::trigger::{Does, Fired};
use crate::listen::types::Turn;
use crate::listen::types::{BotEvent, Resumption};

use super::stage::{Handoff, Offering, Stage};
use super::{Call, Reason, consent};

/// How often the question is asked when the answer was not understood.
const MAX_QUESTIONS: u8 = 2;
/// The reason of a handoff that no trigger asked for.
const BY_ENTRY: &str = "entry";

impl Call {
    /// The entry has no bot: the caller goes straight to its queue.
    pub(super) fn begin_by_entry(&mut self, now: Time) {
        self.begin(by_hand(BY_ENTRY, "The called number goes straight to a person."), now);
    }

    /// The bot is broken: the caller is brought to a person whatever the triggers say.
    pub(super) fn begin_by_failure(&mut self, now: Time) {
        self.begin(by_hand("bot_failed", "The bot does not answer any more."), now);
    }

    /// Begins a handoff at once.
    pub(super) fn begin(&mut self, fired: Fired, now: Time) {
        let handoff = self.trigger(fired, Asked::Transfer, Mode::Act, now);
        self.silence_bot();
        self.start(handoff, now);
    }

    /// Asks the caller first. What the bot has just said to them is heard out; what it is still thinking about is kept for later.
    pub(super) fn ask(&mut self, fired: Fired, now: Time) {
        let handoff = self.trigger(fired, Asked::Offer, Mode::Act, now);
        self.unanswered = self.cancel_bot();
        let question = self.say_question(&handoff);
        self.stage = Stage::Offered(Offering { handoff, question: Some(question), asked: 1 });
    }

    /// Records what would have been done.
    pub(super) fn shadow(&mut self, fired: Fired) {
        let asked = match fired.does {
            Does::Offer => Asked::Offer,
            Does::Transfer | Does::Off => Asked::Transfer,
        };
        let handoff = self.trigger(fired, asked, Mode::Shadow, Time::ZERO);
        self.record(Happening::HandoffEnded { handoff: handoff.n, outcome: HandoffOutcome::Shadow, by: EndedBy::Gateway });
    }

    fn trigger(&mut self, fired: Fired, asked: Asked, mode: Mode, now: Time) -> Handoff {
        let n = self.next.handoff;
        self.next.handoff += 1;
        if mode == Mode::Act {
            self.dossier.on_handoff();
        }
        let queue = fired.queue.clone().unwrap_or_else(|| QueueId::from(self.plan.entry.queue.as_str()));
        self.record(Happening::Triggered {
            handoff: n,
            trigger: fired.name.clone(),
            cause: fired.cause.clone(),
            mode,
            asked,
            reason: fired.reason.clone(),
            queue: queue.clone(),
        });
        let note = self.dossier.notes().last().map(|note| note.text.clone());
        Handoff { note, ..Handoff::new(n, fired, queue, now) }
    }

    /// Records a handoff that somebody, not a rule, asked for.
    pub(super) fn trigger_by_hand(&mut self, mut fired: Fired, queue: QueueId, now: Time) -> Handoff {
        fired.queue = Some(queue);
        self.trigger(fired, Asked::Transfer, Mode::Act, now)
    }

    /// The handoff is wanted: t0.
    pub(super) fn start(&mut self, mut handoff: Handoff, now: Time) {
        handoff.since = now;
        self.reach(&mut handoff, HandoffClock::T0);
        self.unanswered = None;
        self.timers.clear(Reason::ConsentMissing);
        self.expect_sound(now, now);
        self.seek(handoff, None, now);
    }

    /// Notes and records a clock, once.
    pub(super) fn reach(&mut self, handoff: &mut Handoff, clock: HandoffClock) {
        if handoff.reach(clock) {
            self.record(Happening::ClockReached { handoff: handoff.n, clock, offer: None });
        }
    }

    /// The question was heard, and is waited for; or it was stopped before it began, and is asked once more.
    pub(super) fn on_question_over(&mut self, id: PlaybackId, heard: bool, now: Time) {
        let Stage::Offered(offering) = &self.stage else { return };
        if offering.question != Some(id) {
            return;
        }
        let handoff = offering.handoff.clone();
        let again = (!heard).then(|| self.say_question(&handoff));
        if heard {
            self.timers.set(Reason::ConsentMissing, secs(self.plan.entry.offer_patience_secs), now);
        }
        if let Stage::Offered(offering) = &mut self.stage {
            offering.question = again;
        }
    }

    pub(super) fn on_consent_words(&mut self, turn: Turn, now: Time) {
        match turn.text.as_deref().map(consent::answer) {
            Some(Some(consent)) => self.on_consent(consent, now),
            // They said something else: they go on with the bot, which hears it.
            Some(None) => {
                self.unanswered = Some(BotEvent::Said { turn: turn.n, text: turn.text, confidence: turn.confidence });
                self.on_consent(Consent::No, now);
            }
            None => self.ask_again(now),
        }
    }

    pub(super) fn on_consent_key(&mut self, key: Key, now: Time) {
        match key.label() {
            '1' | '0' => self.on_consent(Consent::Yes, now),
            '2' => self.on_consent(Consent::No, now),
            _ => self.ask_again(now),
        }
    }

    pub(super) fn on_consent_missing(&mut self, now: Time) {
        self.on_consent(Consent::Silence, now);
    }

    fn say_question(&mut self, handoff: &Handoff) -> PlaybackId {
        let name = handoff.fired.notice.as_deref().unwrap_or(notice::OFFER);
        self.say_notice(Purpose::Question, name, Some(handoff), None)
    }

    fn ask_again(&mut self, now: Time) {
        let Stage::Offered(offering) = &self.stage else { return };
        if offering.question.is_some() {
            return;
        }
        if offering.asked >= MAX_QUESTIONS {
            self.on_consent(Consent::Silence, now);
            return;
        }
        let handoff = offering.handoff.clone();
        let question = self.say_question(&handoff);
        self.timers.clear(Reason::ConsentMissing);
        let Stage::Offered(offering) = &mut self.stage else { return };
        offering.asked += 1;
        offering.question = Some(question);
    }

    pub(super) fn on_consent(&mut self, consent: Consent, now: Time) {
        let Stage::Offered(offering) = &self.stage else { return };
        let handoff = offering.handoff.clone();
        self.timers.clear(Reason::ConsentMissing);
        self.stop_where(|p| p.purpose == Purpose::Question);
        self.record(Happening::Consented { handoff: handoff.n, consent });
        match consent {
            Consent::Yes => {
                self.silence_bot();
                self.start(handoff, now);
            }
            Consent::No | Consent::Silence => {
                self.record(Happening::HandoffEnded { handoff: handoff.n, outcome: HandoffOutcome::KeptWithBot, by: EndedBy::Caller });
                self.watch.on_declined(now);
                let event = self.unanswered.take().unwrap_or(BotEvent::Resume(Resumption::Declined));
                self.back_to_bot(event, now);
            }
        }
    }

    /// The bot has the caller again; where there is none, nobody speaks until the next trigger, or the call ends in words.
    pub(super) fn back_to_bot(&mut self, event: BotEvent, now: Time) {
        match self.plan.bot {
            super::BotPlan::Serves => {
                self.stage = Stage::WithBot;
                self.tell_bot(event, now);
                self.expect_sound(now, now);
            }
            super::BotPlan::Recorded | super::BotPlan::Mute => self.stage = Stage::WithBot,
            super::BotPlan::None => self.farewell(EndedBy::Gateway, false, now),
        }
    }
}

/// A handoff that no rule asked for.
pub(super) fn by_hand(name: &str, reason: &str) -> Fired {
    Fired {
        rule: usize::MAX,
        name: name.to_owned(),
        does: Does::Transfer,
        cause: name.to_owned(),
        reason: reason.to_owned(),
        queue: None,
        skills: Vec::new(),
        priority: 0,
        notice: None,
        sentence: None,
    }
}

/// Last words are not waited for longer than this, even if their playback never reports.
pub(super) const LAST_WORDS: Duration = Duration::from_secs(30);
