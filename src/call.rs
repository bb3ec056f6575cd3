//! The call's state machine: from the first ring to the last word, who is with the caller and what happens next.
//!
//! Drive it with [`Call::handle`] and then [`Call::poll`] until it is idle. It knows no socket, no engine and no clock:
//! what it wants done comes out as [`Effect`]s, what was done comes back as [`CallInput`]s. Odd and stale inputs are
//! counted and change nothing.
//!
//! Who hears whom and what each listener attends to are functions of the stage ([`Call::align`] tells the difference
//! after each input), so that no path can forget them. What is *not* here: rules and packets (`handoff`), and how
//! anything is carried out (`gateway`).

mod agent_keys;
mod align;
mod bridged;
mod command;
mod consent;
mod consult;
mod denial;
mod hold;
mod leave;
mod note;
mod offer;
mod plan;
mod play;
mod seek;
mod serve;
mod settle;
mod stage;
mod table;
mod transfer;
mod types;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

pub use agent_keys::AgentKeysTable;
pub use plan::{AgentPlan, BotPlan, PicksUp, Plan, QueuePlan};
pub use table::EntryTable;
pub use types::{ACCEPT_KEY, BotRequest, CallInput, CallOutput, Command, DECLINE_KEY, Effect, Gone, Heard, Reason, Target};

use crate::base::{
    AgentId, CallOutcome, EndedBy, Fault, Happening, Key, LegId, Party, PlaybackId, Purpose, StageName, TicketId, Time, Timers, Wording, secs,
};
use crate::handoff::desk::{DeskInput, QueueView};
use crate::handoff::dossier::{CallerData, Dossier};
use crate::handoff::notice::NoticeFacts;
use crate::handoff::trigger::Watch;
use crate::listen::types::BotEvent;
use crate::listen::types::{ListenInput, Scene, Turn};

use play::{Playbacks, is_interruptible, is_speech};
use stage::{Handoff, Seat, Stage};

/// One caller's visit.
#[derive(Debug)]
pub struct Call {
    plan: Arc<Plan>,
    dossier: Dossier,
    watch: Watch,
    view: QueueView,
    stage: Stage,
    /// The stage that was recorded last.
    named: Option<StageName>,
    playbacks: Playbacks,
    bot: BotState,
    /// How often in a row the bot has failed.
    bot_failures: u32,
    /// The caller talked over the answer to this: what else there is of it is not said.
    hushed: Option<BotRequest>,
    supervisor: Option<Supervisor>,
    /// The caller is on hold, as it was recorded last.
    held: bool,
    /// One more person was asked, and what came of it is not recorded yet.
    invited: bool,
    routes: BTreeSet<(LegId, LegId)>,
    scenes: BTreeMap<LegId, Scene>,
    /// What has been settled for the caller so far.
    settled: Option<CallOutcome>,
    /// How the call ends if nothing was settled: contained, unless a handoff was abandoned.
    fallback_outcome: CallOutcome,
    /// Agents who declined this call, or could not be heard in it; they are not asked again.
    declined: Vec<AgentId>,
    caller_is_gone: bool,
    recorded_bot_is_gone: bool,
    /// What the bot was told and could not answer because the caller was asked something else.
    unanswered: Option<BotEvent>,
    next: Counters,
    timers: Timers<Reason>,
    out: VecDeque<Effect>,
    odd: u64,
}

/// What the bot is doing.
#[derive(Clone, Debug, PartialEq)]
enum BotState {
    /// There is none, or it is gone for good.
    None,
    /// It waits for the caller.
    Idle,
    /// It works on this.
    Asked(BotRequest, BotEvent),
    /// It failed at this, and is told again unless a trigger takes the caller first.
    Failed(BotEvent),
}

/// Somebody who watches this call.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Supervisor {
    leg: LegId,
    who: AgentId,
    heard_by: HeardBy,
}

/// Who hears a supervisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum HeardBy {
    Nobody,
    Agents,
    Everybody,
}

/// Counters of what lives in the call; never reused.
#[derive(Clone, Debug, Default)]
struct Counters {
    leg: u32,
    ticket: u32,
    request: u32,
    handoff: u32,
}

/// The leg of a bot that was recorded on the other channel ([`BotPlan::Recorded`]).
pub const RECORDED_BOT: LegId = LegId(1);

impl Call {
    /// A call that begins to ring at `now`.
    pub fn new(plan: Arc<Plan>, now: Time) -> Self {
        let caller = CallerData {
            call: plan.call,
            entry: plan.entry.name.clone(),
            called: plan.called.clone(),
            caller: plan.caller.clone(),
            language: plan.entry.language.clone(),
            data: plan.data.clone(),
        };
        let mut call = Call {
            dossier: Dossier::new(caller, now),
            watch: Watch::new(plan.rules.clone()),
            view: QueueView::default(),
            stage: Stage::Ringing,
            named: None,
            playbacks: Playbacks::default(),
            bot: if plan.bot == BotPlan::Serves { BotState::Idle } else { BotState::None },
            bot_failures: 0,
            hushed: None,
            supervisor: None,
            held: false,
            invited: false,
            routes: BTreeSet::new(),
            scenes: BTreeMap::new(),
            settled: None,
            fallback_outcome: CallOutcome::Contained,
            declined: Vec::new(),
            caller_is_gone: false,
            recorded_bot_is_gone: false,
            unanswered: None,
            next: Counters { leg: RECORDED_BOT.0 + 1, ..Counters::default() },
            timers: Timers::default(),
            out: VecDeque::new(),
            odd: 0,
            plan,
        };
        call.record(Happening::CallBegan {
            entry: call.plan.entry.name.clone(),
            called: call.plan.called.clone(),
            caller: call.plan.caller.as_ref().map(|n| n.0.clone()),
            language: call.plan.entry.language.clone(),
            mode: call.plan.entry.mode,
        });
        call.timers.set(Reason::CallTooLong, secs(call.plan.entry.call_max_secs), now);
        call.align(now);
        call.out.push_back(Effect::Answer);
        call
    }

    /// Takes one input. It cannot fail: what does not fit is counted.
    pub fn handle(&mut self, input: CallInput, now: Time) {
        if matches!(self.stage, Stage::Ended) {
            self.odd += 1;
            return;
        }
        let mut has_changed = !matches!(input, CallInput::Tick);
        match input {
            CallInput::Answered => self.on_answered(now),
            CallInput::LegGone(leg, how) => self.on_leg_gone(leg, how, now),
            CallInput::AgentAnswered(offer) => self.on_agent_answered(offer, now),
            CallInput::AgentPickedUp(offer) => self.on_agent_picked_up(offer, now),
            CallInput::AgentSounds(offer) => self.on_agent_sounds(offer, now),
            CallInput::PersonFound(offer) => self.on_person_found(offer),
            CallInput::DeclineReason(offer, reason) => self.on_decline_reason(offer, reason),
            CallInput::AgentDeclined(offer) => self.on_agent_refused(offer, crate::base::OfferOutcome::Declined),
            CallInput::AgentVanished(offer) => self.on_agent_refused(offer, crate::base::OfferOutcome::Vanished),
            CallInput::PacketShown(offer) => self.on_packet_shown(offer),
            CallInput::Alerted(offer) => self.on_alerted(offer),
            CallInput::PlaybackStarted(id) => self.on_playback_started(id, now),
            CallInput::PlaybackStopped { id, sent, completed } => self.on_playback_stopped(id, sent, completed, now),
            CallInput::Crossed { from, to, gap_frames } => self.on_crossed(from, to, gap_frames, now),
            CallInput::NoMedia(leg) => self.on_no_media(leg, now),
            CallInput::Heard(LegId::CALLER, heard) => self.on_caller(heard, now),
            CallInput::Heard(leg, heard) => self.on_other_party(leg, heard, now),
            CallInput::BotSays(request, wording) => self.on_bot_says(request, wording, now),
            CallInput::BotReported(request, report) => self.on_bot_reported(request, report, now),
            CallInput::BotFailed(request, fault) => self.on_bot_failed(request, fault, now),
            CallInput::Desk(news) => self.on_desk(news, now),
            CallInput::Queue(view) => self.on_queue(view, now),
            CallInput::Command(command) => self.on_command(command, now),
            CallInput::Referred(leg, target) => self.on_referred(leg, target, now),
            CallInput::Moved(taken) => self.on_moved(taken, now),
            CallInput::PutThrough => self.on_put_through(),
            CallInput::TakenOver(leg) => self.on_taken_over(leg, now),
            CallInput::Fault(fault) => self.on_fault(fault),
            CallInput::Shutdown => self.on_shutdown(now),
            CallInput::Tick => {}
        }
        while let Some(reason) = self.timers.pop(now) {
            self.on_due(reason, now);
            has_changed = true;
        }
        // Fifty times a second nothing is due, and what was in line still is.
        if has_changed {
            self.align(now);
        }
    }

    /// What to do next; call it until it is [`CallOutput::Idle`].
    pub fn poll(&mut self) -> CallOutput {
        match self.out.pop_front() {
            Some(effect) => CallOutput::Do(effect),
            None => CallOutput::Idle(self.timers.next()),
        }
    }

    /// True once nothing is left of the call.
    pub fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Ended) && self.out.is_empty()
    }

    /// True while a person is being sought, or the caller is otherwise in the middle of being handed over.
    pub fn is_handing_off(&self) -> bool {
        match self.stage {
            Stage::Offered(_) | Stage::Seeking(_) | Stage::Settling(_) | Stage::Moving(_) => true,
            Stage::Bridged(ref bridged) => bridged.t5.is_none(),
            Stage::Farewell { .. } | Stage::Ending(_) => true,
            Stage::Ringing | Stage::Greeting | Stage::WithBot | Stage::Survey | Stage::Ended => false,
        }
    }

    /// Since when caller and person have been talking, if they are.
    pub fn bridged_at(&self) -> Option<Time> {
        match &self.stage {
            Stage::Bridged(bridged) => bridged.t5,
            Stage::Ringing
            | Stage::Greeting
            | Stage::WithBot
            | Stage::Offered(_)
            | Stage::Seeking(_)
            | Stage::Settling(_)
            | Stage::Moving(_)
            | Stage::Survey
            | Stage::Farewell { .. }
            | Stage::Ending(_)
            | Stage::Ended => None,
        }
    }

    /// True while the bot thinks or speaks, or the caller is being told something: it is not the caller's turn.
    pub fn has_the_word(&self) -> bool {
        self.bot_owes_an_answer() || self.caller_is_told()
    }

    /// How many inputs did not fit the stage they came in.
    pub fn odd_inputs(&self) -> u64 {
        self.odd
    }

    fn on_answered(&mut self, now: Time) {
        if !matches!(self.stage, Stage::Ringing) {
            self.odd += 1;
            return;
        }
        self.record(Happening::LegJoined { leg: LegId::CALLER, party: Party::Caller, agent: None });
        match self.plan.bot {
            BotPlan::Serves => {
                self.stage = Stage::Greeting;
                self.tell_bot(BotEvent::Begin, now);
            }
            BotPlan::Recorded => {
                self.record(Happening::LegJoined { leg: RECORDED_BOT, party: Party::Bot, agent: None });
                self.stage = Stage::WithBot;
            }
            BotPlan::Mute => self.stage = Stage::WithBot,
            BotPlan::None => self.begin_by_entry(now),
        }
    }

    fn on_playback_started(&mut self, id: PlaybackId, now: Time) {
        let Some(playing) = self.playbacks.get_mut(id) else {
            self.odd += 1;
            return;
        };
        playing.started = Some(now);
        let (leg, purpose, words) = (playing.leg, playing.purpose, playing.words.clone());
        self.record(Happening::PlaybackStarted { playback: id, leg, purpose, text: words });
        if leg == LegId::CALLER {
            if purpose != Purpose::Comfort {
                self.timers.clear(Reason::Comfort);
            }
            if is_speech(purpose) {
                let interruptible = is_interruptible(purpose) && self.plan.entry.barge_in && !self.plan.yields;
                self.out.push_back(Effect::Listener(leg, ListenInput::Playing { on: true, interruptible }));
            }
            self.on_notice_started(id);
        }
    }

    fn on_playback_stopped(&mut self, id: PlaybackId, sent: u64, completed: bool, now: Time) {
        let Some(playing) = self.playbacks.remove(id) else {
            self.odd += 1;
            return;
        };
        let heard = playing.started.is_some();
        let mut talked_over = false;
        if let Some(start) = playing.started {
            talked_over = playing.leg == LegId::CALLER && self.dossier.lines().any(|line| line.who == Party::Caller && line.end >= start);
            self.record(Happening::PlaybackStopped { playback: id, samples: sent, completed });
            if playing.leg == LegId::CALLER && is_speech(playing.purpose) {
                self.note_bot_turn(playing.words.clone(), start, now, completed);
                if !self.playbacks.any(|p| p.leg == LegId::CALLER && is_speech(p.purpose) && p.started.is_some()) {
                    self.out.push_back(Effect::Listener(LegId::CALLER, ListenInput::Playing { on: false, interruptible: false }));
                }
            }
        }
        self.on_played_out(id, playing.purpose, heard, completed, now);
        // Who spoke while this played waits for something from now on.
        if talked_over || self.bot_owes_an_answer() {
            self.expect_sound(now, now);
        }
    }

    fn note_bot_turn(&mut self, words: Option<String>, start: Time, end: Time, completed: bool) {
        self.dossier.on_turn(Party::Bot, start, end, words.as_deref(), None);
        self.record(Happening::TurnEnded { who: Party::Bot, start, end, text: words, confidence: None, cut: !completed });
    }

    /// The next step of whatever waited for this playback.
    fn on_played_out(&mut self, id: PlaybackId, purpose: Purpose, heard: bool, completed: bool, now: Time) {
        match &mut self.stage {
            Stage::Greeting if !self.playbacks.any(|p| p.purpose == Purpose::Greeting) => self.stage = Stage::WithBot,
            Stage::Offered(_) => self.on_question_over(id, heard, now),
            Stage::Seeking(_) => self.on_search_playback_over(id, completed, now),
            Stage::Bridged(_) => self.on_briefing_over(id, completed),
            Stage::Settling(_) => self.on_settling_playback_over(id, now),
            Stage::Farewell { by, .. } => {
                let by = *by;
                if !self.playbacks.any(|p| p.leg == LegId::CALLER && is_speech(p.purpose)) {
                    self.end(by, now);
                }
            }
            // A comfort tone that ends gives nobody more time.
            Stage::Survey if purpose == Purpose::Survey => self.timers.set(Reason::SurveyOver, SURVEY_PATIENCE, now),
            Stage::Survey | Stage::Ringing | Stage::Greeting | Stage::WithBot | Stage::Moving(_) | Stage::Ending(_) | Stage::Ended => {}
        }
    }

    fn on_caller(&mut self, heard: Heard, now: Time) {
        match heard {
            Heard::SpeechBegan(_) => {
                // What is owed to them is owed from the end of this turn on.
                self.timers.clear(Reason::Comfort);
                self.timers.clear(Reason::ConsentMissing);
                self.on_message_began();
                if self.plan.yields {
                    self.stop_bot_words();
                }
            }
            Heard::BargeIn => {
                if self.playbacks.any(|p| p.leg == LegId::CALLER && is_interruptible(p.purpose) && p.started.is_some()) {
                    self.record(Happening::BargedIn);
                    self.stop_bot_words();
                    self.hush_bot();
                    if self.bot_owes_an_answer() {
                        self.expect_sound(now, now);
                    }
                }
            }
            Heard::EarLate => self.on_ear_late(now),
            Heard::Turn(turn) => self.on_caller_turn(turn, now),
            Heard::NoInput => self.on_no_input(now),
            Heard::Key(key) => self.on_caller_key(key, now),
            Heard::Signal(signal) => {
                self.dossier.on_signal(&signal);
                self.record_signal(&signal);
                self.on_signal(&signal, now);
            }
            Heard::Score(score) => {
                self.dossier.on_score(&score, now);
                self.record(Happening::ScoreChanged { score: score.score, parts: score.parts });
                self.consider(now);
            }
        }
    }

    /// An agent, a supervisor or a recorded bot spoke: it belongs to the transcript.
    fn on_other_party(&mut self, leg: LegId, heard: Heard, now: Time) {
        let party = if leg == RECORDED_BOT && self.plan.bot == BotPlan::Recorded { Party::Bot } else { Party::Agent };
        let agent = match &self.stage {
            Stage::Bridged(bridged) => bridged.seats.iter().find(|seat| seat.leg == leg).map(|seat| seat.agent.clone()),
            _ => None,
        };
        match heard {
            // What nobody could hear was not said to anybody.
            Heard::Turn(turn) if self.spoke_to_nobody(leg, turn.start, turn.end) => {}
            Heard::Turn(turn) => {
                self.dossier.on_turn(party, turn.start, turn.end, turn.text.as_deref(), agent.as_ref());
                self.record_turn(party, turn);
            }
            Heard::Key(key) => {
                self.record(Happening::KeyPressed { who: party, key: Some(key) });
                self.on_briefed_key(leg, key);
                self.on_agent_key(leg, key, now);
            }
            Heard::SpeechBegan(_) | Heard::BargeIn | Heard::EarLate | Heard::NoInput | Heard::Signal(_) | Heard::Score(_) => {}
        }
    }

    fn on_caller_turn(&mut self, turn: Turn, now: Time) {
        self.dossier.on_turn(Party::Caller, turn.start, turn.end, turn.text.as_deref(), None);
        self.record_turn(Party::Caller, turn.clone());
        self.expect_sound(turn.end, now);
        match &self.stage {
            Stage::Greeting | Stage::WithBot => self.serve(turn, now),
            Stage::Farewell { by_bot: true, .. } if turn.text.is_some() => {
                self.stage = Stage::WithBot;
                self.serve(turn, now);
            }
            Stage::Offered(_) => self.on_consent_words(turn, now),
            Stage::Seeking(_) => {
                self.update_packets(now);
                self.on_words_to_acd();
            }
            Stage::Settling(_) => self.on_message_turn(now),
            Stage::Bridged(bridged) if !bridged.is_held() => self.ask_for_advice(turn, now),
            Stage::Ringing | Stage::Bridged(_) | Stage::Moving(_) | Stage::Survey | Stage::Farewell { .. } | Stage::Ending(_) | Stage::Ended => {}
        }
    }

    fn on_caller_key(&mut self, key: Key, now: Time) {
        self.dossier.on_key(key, now);
        self.record(Happening::KeyPressed { who: Party::Caller, key: Some(key) });
        self.expect_sound(now, now);
        match &self.stage {
            Stage::Greeting | Stage::WithBot => {
                self.stop_bot_words();
                self.tell_bot(BotEvent::Key(key), now);
            }
            Stage::Offered(_) => self.on_consent_key(key, now),
            Stage::Settling(_) => self.on_message_key(key, now),
            Stage::Survey => self.on_rating(key, now),
            Stage::Seeking(_) | Stage::Bridged(_) => self.pass_on_key(key),
            Stage::Ringing | Stage::Moving(_) | Stage::Farewell { .. } | Stage::Ending(_) | Stage::Ended => {}
        }
    }

    /// A menu may ask the caller for keys where somebody else's system has them: an ACD, or whom they were put through to. An
    /// agent of ours gets none of them: it may be a card's number.
    fn pass_on_key(&mut self, key: Key) {
        let mut legs: Vec<LegId> = self.heard_acd().into_iter().collect();
        if let Stage::Bridged(bridged) = &self.stage
            && !bridged.is_held()
        {
            let has_menus = |seat: &&Seat| seat.is_outside || self.plan.picks_up(&seat.agent) != PicksUp::Somebody;
            legs.extend(bridged.seats.iter().filter(has_menus).map(|seat| seat.leg));
        }
        self.out.extend(legs.into_iter().map(|leg| Effect::SendKey(leg, key)));
    }

    fn on_queue(&mut self, view: QueueView, now: Time) {
        if self.view != view {
            self.view = view;
            self.consider(now);
        }
    }

    fn on_fault(&mut self, fault: Fault) {
        self.record(Happening::Faulted { fault });
    }

    fn on_due(&mut self, reason: Reason, now: Time) {
        match reason {
            Reason::Comfort => self.on_comfort_due(now),
            Reason::BotStalled => self.on_bot_stalled(now),
            Reason::BotFailing => self.on_bot_trouble(now),
            Reason::ConsentMissing => self.on_consent_missing(now),
            Reason::NoticeDue => self.give_notice(now),
            Reason::DeskSilent => self.on_nobody(now),
            Reason::StillWaiting => self.on_still_waiting(now),
            Reason::BridgeSlow => self.on_bridge_slow(now),
            Reason::MoveSlow | Reason::DialSlow => self.on_moved(false, now),
            Reason::MessagePause | Reason::MessageFull => self.on_message_over(now),
            Reason::SurveyOver => self.end(EndedBy::Agent, now),
            Reason::LastWords => self.on_last_words_late(now),
            Reason::CallTooLong => self.end(EndedBy::Gateway, now),
        }
    }

    fn record(&mut self, happening: Happening) {
        self.out.push_back(Effect::Record(happening));
    }

    fn record_turn(&mut self, who: Party, turn: Turn) {
        self.record(Happening::TurnEnded {
            who,
            start: turn.start,
            end: turn.end,
            text: turn.text,
            confidence: turn.confidence.map(f64::from),
            cut: false,
        });
    }

    fn record_signal(&mut self, signal: &crate::listen::types::Signal) {
        self.record(Happening::SignalHeard {
            who: Party::Caller,
            signal: signal.kind,
            start: signal.start,
            end: signal.end,
            value: signal.value,
            unit: signal.unit.to_owned(),
            weight: signal.weight,
            why: signal.why.clone(),
        });
    }

    /// Says something into a leg, after what is being said there.
    fn say(&mut self, leg: LegId, purpose: Purpose, wording: Wording) -> PlaybackId {
        let id = self.playbacks.add(leg, purpose, Some(wording.words()));
        self.out.push_back(Effect::Say { id, leg, purpose, wording });
        id
    }

    /// Tells the caller one of the configured notices.
    fn say_notice(&mut self, purpose: Purpose, name: &str, handoff: Option<&Handoff>, position: Option<(u32, Option<f64>)>) -> PlaybackId {
        self.say_notice_of(purpose, name, handoff, position, None)
    }

    /// Tells the caller one of the configured notices, with the name of an agent.
    fn say_notice_of(
        &mut self,
        purpose: Purpose,
        name: &str,
        handoff: Option<&Handoff>,
        position: Option<(u32, Option<f64>)>,
        agent: Option<&AgentId>,
    ) -> PlaybackId {
        let facts = NoticeFacts {
            queue: handoff.map(|h| self.plan.queue_title(&h.queue)),
            reason: handoff.map(|h| h.fired.reason.clone()),
            position: position.map(|(p, _)| p),
            agent: agent.map(|a| self.plan.agent_title(a)),
            wait_s: position.and_then(|(_, wait)| wait),
        };
        let wording = self.plan.notices.wording(name, &facts);
        self.say(LegId::CALLER, purpose, wording)
    }

    fn stop_where(&mut self, fits: impl Fn(&play::Playing) -> bool) {
        for id in self.playbacks.which(|p| !p.stopping && fits(p)) {
            if let Some(playing) = self.playbacks.get_mut(id) {
                playing.stopping = true;
            }
            self.out.push_back(Effect::Stop(id));
        }
    }

    /// Stops what the bot says and drops what it had queued.
    fn stop_bot_words(&mut self) {
        self.stop_where(|p| p.leg == LegId::CALLER && is_interruptible(p.purpose));
    }

    fn next_leg(&mut self) -> LegId {
        self.next.leg += 1;
        LegId(self.next.leg - 1)
    }

    fn next_ticket(&mut self) -> TicketId {
        self.next.ticket += 1;
        TicketId { call: self.plan.call, n: self.next.ticket - 1 }
    }

    fn tell_desk(&mut self, message: DeskInput) {
        self.out.push_back(Effect::ToDesk(message));
    }
}

/// How long an answer to the survey is waited for.
const SURVEY_PATIENCE: std::time::Duration = std::time::Duration::from_secs(8);
