//! Watches a call from outside and notes every broken invariant (DESIGN §4), by its number.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use segue::base::*;
use segue::call::*;
use segue::handoff::desk::*;
use segue::listen::types::*;

use super::Playing;

/// A broken invariant.
#[derive(Clone, Debug, PartialEq)]
pub struct Violation {
    pub invariant: u8,
    pub at: Time,
    pub what: String,
}

/// The caller hears something at the latest so long after the end of their turn.
const SILENCE: Duration = Duration::from_millis(2_000 + 2 * 20);

/// What is left in the world when everything is over.
pub struct Left<'a> {
    pub playing: &'a BTreeMap<PlaybackId, Playing>,
    pub routes: &'a BTreeSet<(LegId, LegId)>,
    pub legs: &'a BTreeMap<LegId, AgentId>,
    pub alerted: &'a BTreeMap<OfferId, AgentId>,
    pub queues: &'a [QueueView],
    pub is_over: bool,
}

#[derive(Debug)]
pub struct Watchdog {
    pub violations: Vec<Violation>,
    bot: BotPlan,
    stage: Option<StageName>,
    ended: bool,
    may_hang_up: bool,
    quiet_since: Option<Time>,
    recording_message: bool,
    legs: BTreeMap<LegId, Party>,
    begun_offers: BTreeMap<u32, AgentId>,
    declined: BTreeSet<AgentId>,
    alerts: BTreeMap<OfferId, AgentId>,
    agents: BTreeMap<LegId, AgentId>,
    tickets: BTreeSet<TicketId>,
    waiting_since: Option<Time>,
    sentence: Option<String>,
    agent_turns: usize,
    agent_turns_recorded: usize,
    supervisor_may_speak: bool,
    supervisors: BTreeMap<LegId, AgentId>,
    /// Who talks with a colleague first, while the caller is on hold.
    consults: Option<AgentId>,
    /// Who put the caller on hold.
    holder: Option<AgentId>,
    /// Who has just asked for that.
    asked_by: Option<AgentId>,
    /// What somebody asked for who may not, until anything else comes.
    forbidden: Option<String>,
    inviting: bool,
    bot_open: bool,
    asked_for_person: bool,
    handoffs_open: BTreeSet<u32>,
    /// The caller is on hold.
    held: bool,
    /// Legs that nobody is to hear.
    muted: BTreeSet<LegId>,
    /// Ticks in a row in which a caller on hold heard nothing.
    held_quiet: u32,
    /// One more person was asked, and nothing has come of it yet.
    invited: bool,
    /// The bot may hear a caller who is with a person.
    suggest: bool,
    /// When the caller last heard anything.
    last_heard: Time,
}

impl Watchdog {
    pub fn new(bot: BotPlan, suggest: bool) -> Self {
        Watchdog {
            violations: Vec::new(),
            bot,
            stage: None,
            ended: false,
            may_hang_up: false,
            quiet_since: None,
            recording_message: false,
            legs: BTreeMap::new(),
            begun_offers: BTreeMap::new(),
            declined: BTreeSet::new(),
            alerts: BTreeMap::new(),
            agents: BTreeMap::new(),
            tickets: BTreeSet::new(),
            waiting_since: None,
            sentence: None,
            agent_turns: 0,
            agent_turns_recorded: 0,
            supervisor_may_speak: false,
            supervisors: BTreeMap::new(),
            consults: None,
            holder: None,
            asked_by: None,
            forbidden: None,
            inviting: false,
            bot_open: false,
            asked_for_person: false,
            handoffs_open: BTreeSet::new(),
            held: false,
            muted: BTreeSet::new(),
            held_quiet: 0,
            invited: false,
            suggest,
            last_heard: Time::ZERO,
        }
    }

    fn broken(&mut self, invariant: u8, at: Time, what: impl Into<String>) {
        if self.violations.len() < 5 {
            self.violations.push(Violation { invariant, at, what: what.into() });
        }
    }

    fn is_with_person(&self) -> bool {
        matches!(self.stage, Some(StageName::Bridged | StageName::Conference))
    }

    /// What is about to go into the call.
    pub fn on_input(&mut self, input: &CallInput, now: Time) {
        self.forbidden = self.is_forbidden(input).then(|| format!("{input:?}"));
        self.asked_by = match input {
            CallInput::Command(Command::Hold { agent, on: true } | Command::Consult { agent, .. }) => Some(agent.clone()),
            _ => None,
        };
        match input {
            CallInput::Heard(LegId::CALLER, Heard::Turn(turn)) if !self.ended => {
                self.quiet_since = Some(turn.end.max(now.back(Duration::from_millis(1_000))).max(self.last_heard));
                self.sentence = turn.text.clone();
            }
            CallInput::Heard(LegId::CALLER, Heard::Signal(signal)) if signal.kind == SignalKind::Request => {
                self.asked_for_person = matches!(self.stage, Some(StageName::WithBot | StageName::Greeting));
            }
            CallInput::Heard(leg, Heard::Turn(_)) if *leg != LegId::CALLER && !self.ended => self.agent_turns += 1,
            // They speak again: what is owed to them is owed from the end of that turn on.
            CallInput::Heard(LegId::CALLER, Heard::BargeIn | Heard::SpeechBegan(_)) => self.quiet_since = None,
            CallInput::Command(Command::Invite { target, .. } | Command::Consult { target, .. }) => {
                self.inviting = !matches!(target, Target::Outside(_))
            }
            CallInput::Command(Command::Whisper { supervisor } | Command::Barge { supervisor }) => {
                self.supervisor_may_speak |= self.supervisors.values().any(|there| there == supervisor);
            }
            CallInput::Command(Command::HangUp) | CallInput::Shutdown => self.may_hang_up = true,
            _ => {}
        }
    }

    /// Whether it is somebody else's to decide: an agent's who has the caller on hold, or a supervisor's who listens.
    fn is_forbidden(&self, input: &CallInput) -> bool {
        let CallInput::Command(command) = input else { return false };
        let is_other = |known: &Option<AgentId>, agent: &AgentId| known.as_ref().is_some_and(|known| known != agent);
        match command {
            Command::HandBack { agent, .. }
            | Command::Transfer { agent, .. }
            | Command::Invite { agent, .. }
            | Command::Consult { agent, .. }
            | Command::Complete { agent }
            | Command::TakeBack { agent } => is_other(&self.consults, agent),
            Command::Hold { agent, on: false } => is_other(&self.consults, agent) || is_other(&self.holder, agent),
            Command::StopListening { supervisor } => self.supervisors.values().any(|there| there != supervisor),
            _ => false,
        }
    }

    /// Who decides what becomes of a caller who is on hold.
    pub fn decider(&self) -> Option<&AgentId> {
        self.consults.as_ref().or(self.holder.as_ref())
    }

    /// What came out of the call.
    pub fn on_effect(&mut self, effect: &Effect, now: Time) {
        if self.ended {
            self.broken(4, now, format!("after its end the call wants {effect:?}"));
        }
        match effect {
            Effect::Record(happening) => self.on_record(happening, now),
            Effect::Route { from, to, on: true } => self.on_route(*from, *to, now),
            Effect::Say { leg, purpose, .. } => {
                if *purpose == Purpose::Briefing && *leg == LegId::CALLER {
                    self.broken(6, now, "the caller hears the briefing");
                }
                if *purpose == Purpose::Question && self.asked_for_person {
                    self.broken(7, now, "a plain request for a person is answered with a question");
                }
            }
            Effect::TellBot(_, event) => {
                self.bot_open = true;
                let said = matches!(event, BotEvent::Said { .. } | BotEvent::Key(_));
                if said && ((self.is_with_person() && (!self.suggest || self.held)) || self.stage == Some(StageName::Waiting)) {
                    self.broken(6, now, "the bot hears a caller who waits or is with a person");
                }
            }
            Effect::CloseBot => self.bot_open = false,
            // They heard a person until now.
            Effect::Route { to: LegId::CALLER, on: false, .. } => self.quiet_since = self.quiet_since.map(|_| now),
            Effect::Alert { offer, agent, packet } => {
                self.alerts.insert(*offer, agent.clone());
                if self.declined.contains(agent) {
                    self.broken(3, now, format!("{agent} declined this call and is asked again"));
                }
                if packet.trigger.sentence.is_empty() {
                    self.broken(5, now, "the packet has no triggering sentence");
                }
                if packet.trigger.cause == "request" && packet.trigger.in_words && Some(&packet.trigger.sentence) != self.sentence.as_ref() {
                    let known = packet.transcript.iter().any(|line| line.text.as_ref() == Some(&packet.trigger.sentence));
                    if !known {
                        self.broken(5, now, format!("the packet's sentence is {:?}", packet.trigger.sentence));
                    }
                }
                if packet.trigger.cause == "request" && !packet.trigger.in_words {
                    self.broken(5, now, "the packet lacks the words with which the caller asked for a person");
                }
            }
            Effect::StopAlert(offer) => {
                self.alerts.remove(offer);
            }
            Effect::ToDesk(DeskInput::Seek(seek)) => self.on_seek(seek, now),
            Effect::Release(LegId::CALLER, EndedBy::Gateway) if !self.may_hang_up => {
                self.broken(3, now, "Segue hangs up on the caller");
            }
            _ => {}
        }
    }

    fn on_seek(&mut self, seek: &Seek, now: Time) {
        if !self.tickets.insert(seek.ticket) {
            self.broken(4, now, "a ticket is used twice");
        }
        let for_conference = std::mem::take(&mut self.inviting) && self.is_with_person();
        match self.waiting_since {
            Some(_) if for_conference => {}
            Some(since) if since != seek.since => self.broken(3, now, "a caller who returns to the queue loses their age"),
            Some(_) => {}
            None => self.waiting_since = Some(seek.since),
        }
        if self.declined.iter().any(|agent| !seek.except.contains(agent)) {
            self.broken(3, now, "an agent who declined may be asked again");
        }
    }

    fn on_route(&mut self, from: LegId, to: LegId, now: Time) {
        let supervisors: BTreeSet<LegId> = self.legs.iter().filter(|(_, party)| **party == Party::Supervisor).map(|(leg, _)| *leg).collect();
        let supervisor = |leg: LegId| supervisors.contains(&leg);
        if supervisor(from) && !self.supervisor_may_speak {
            self.broken(6, now, "a supervisor who only listens can be heard");
        }
        // What an ACD sends while it looks for somebody is for the caller's ears.
        let acd = |leg: LegId| self.agents.get(&leg).is_some_and(|agent| &*agent.0 == "acd");
        if acd(from) || acd(to) {
            return;
        }
        if !supervisor(from) && !supervisor(to) && matches!(self.stage, Some(StageName::Briefing)) {
            self.broken(6, now, "agent and caller hear each other during the briefing");
        }
    }

    fn on_record(&mut self, happening: &Happening, now: Time) {
        self.on_decided(happening, now);
        match happening {
            Happening::StageEntered { stage } => {
                if self.stage == Some(*stage) {
                    self.broken(2, now, format!("{stage:?} is entered twice"));
                }
                if *stage == StageName::WithBot || *stage == StageName::Greeting {
                    self.waiting_since = None;
                }
                if self.stage == Some(StageName::Survey) && *stage != StageName::Ended {
                    self.broken(2, now, format!("{stage:?} follows the survey"));
                }
                self.stage = Some(*stage);
                self.asked_for_person = false;
            }
            Happening::LegJoined { leg, party, agent } => {
                self.agents.extend(agent.clone().filter(|_| *party == Party::Agent).map(|agent| (*leg, agent)));
                self.supervisors.extend(agent.clone().filter(|_| *party == Party::Supervisor).map(|who| (*leg, who)));
                if self.legs.insert(*leg, *party).is_some() {
                    self.broken(4, now, format!("{leg} joins twice"));
                }
            }
            Happening::LegLeft { leg, .. } => {
                self.muted.remove(leg);
                self.agents.remove(leg);
                // The next one only listens at first.
                self.supervisor_may_speak &= self.supervisors.remove(leg).is_none();
                if self.legs.remove(leg).is_none() {
                    self.broken(4, now, format!("{leg} leaves and was not there"));
                }
            }
            Happening::Offered { offer, agent, .. } => {
                let before = self.begun_offers.insert(*offer, agent.clone());
                if before.is_some() {
                    self.broken(4, now, "an offer's number is used twice");
                }
            }
            Happening::OfferSettled { offer, agent, outcome, .. } => {
                if self.begun_offers.remove(offer).is_none() {
                    self.broken(4, now, "an offer is settled that was not open");
                }
                if *outcome == OfferOutcome::Declined {
                    self.declined.insert(agent.clone());
                }
            }
            Happening::Triggered { handoff, mode: Mode::Act, .. } => {
                self.handoffs_open.insert(*handoff);
            }
            Happening::HandoffEnded { handoff, outcome, by } => {
                if *outcome != HandoffOutcome::Shadow && !self.handoffs_open.remove(handoff) {
                    self.broken(4, now, "a handoff ends that was not open");
                }
                // A caller whose agent was lost keeps their age in the handoff that follows.
                if (*outcome, *by) != (HandoffOutcome::Bridged, EndedBy::LostMedia) {
                    self.waiting_since = None;
                }
            }
            Happening::TurnEnded { who: Party::Agent, .. } => self.agent_turns_recorded += 1,
            Happening::PlaybackStarted { purpose: Purpose::Goodbye, .. } => self.may_hang_up = true,
            Happening::CallEnded { .. } => self.ended = true,
            _ => self.on_agent_did(happening, now),
        }
    }

    /// Nothing follows from what is not theirs to ask.
    fn on_decided(&mut self, happening: &Happening, now: Time) {
        let decides = matches!(
            happening,
            Happening::StageEntered { .. }
                | Happening::Held { .. }
                | Happening::Invited { .. }
                | Happening::InviteEnded { .. }
                | Happening::HandoffEnded { .. }
                | Happening::LegLeft { .. }
        );
        if let Some(asked) = self.forbidden.as_ref().filter(|_| decides) {
            self.broken(2, now, format!("{happening:?} follows from what is not theirs to ask: {asked}"));
        }
    }

    /// What an agent does in a talk.
    fn on_agent_did(&mut self, happening: &Happening, now: Time) {
        match happening {
            Happening::Held { on } => {
                if self.held == *on {
                    self.broken(2, now, format!("hold is {on} twice"));
                }
                self.held = *on;
                self.holder = self.asked_by.take().filter(|_| *on);
            }
            Happening::Invited { agent, consult, .. } => {
                self.consults = consult.then(|| agent.clone());
                if self.invited {
                    self.broken(2, now, "two people are asked to join at once");
                }
                self.invited = true;
            }
            Happening::InviteEnded { .. } => {
                self.consults = None;
                if !std::mem::take(&mut self.invited) {
                    self.broken(4, now, "an invitation ends that was not open");
                }
            }
            Happening::Muted { leg, on: true, .. } => drop(self.muted.insert(*leg)),
            Happening::Muted { leg, on: false, .. } => drop(self.muted.remove(leg)),
            _ => {}
        }
    }

    /// A leg is gone: it can't hear or be heard.
    pub fn on_leg_ended(&mut self, _leg: LegId) {}

    /// What the caller hears in this tick.
    pub fn on_tick(&mut self, now: Time, playing: &BTreeMap<PlaybackId, Playing>, routes: &BTreeSet<(LegId, LegId)>) {
        let hears = playing.values().any(|p| p.leg == LegId::CALLER && p.started);
        let talks = routes.iter().any(|(_, to)| *to == LegId::CALLER);
        if hears || talks {
            self.last_heard = now;
        }
        self.on_hold(now, hears, routes);
        self.recording_message = self.stage == Some(StageName::Message);
        // Who mutes themselves is silent because they want to be.
        let is_muted = self.is_with_person() && !self.muted.is_empty();
        if hears || talks || is_muted || self.ended || self.recording_message || !matches!(self.bot, BotPlan::Serves | BotPlan::None) {
            self.quiet_since = None;
        }
        if let Some(since) = self.quiet_since
            && now.since(since) > SILENCE
        {
            self.broken(1, now, format!("in {:?} the caller has heard nothing since {since}", self.stage));
            self.quiet_since = None;
        }
        let near: Vec<LegId> = routes.iter().filter(|(_, to)| *to == LegId::CALLER).map(|(from, _)| *from).collect();
        let agents = near.iter().filter(|leg| self.legs.get(leg) == Some(&Party::Agent)).count();
        if agents > 1 && self.stage != Some(StageName::Conference) {
            self.broken(2, now, "the caller hears two agents outside a conference");
        }
        // An invited agent who is being asked may be briefed meanwhile.
        let seats = self.agents.values().filter(|agent| !self.alerts.values().any(|asked| asked == *agent)).count();
        if seats > 1 && self.stage == Some(StageName::Bridged) && !self.held {
            self.broken(2, now, "two agents are in a bridge");
        }
        let stale =
            |p: &Playing| p.leg == LegId::CALLER && matches!(p.purpose, Purpose::Greeting | Purpose::Bot | Purpose::Question | Purpose::Notice);
        if self.is_with_person() && playing.values().any(stale) {
            self.broken(4, now, "what was said before the bridge outlives it");
        }
        let music = playing.values().any(|p| p.leg == LegId::CALLER && p.purpose == Purpose::Music && p.started);
        if music && self.is_with_person() && !self.held {
            self.broken(6, now, "music plays into the bridge");
        }
    }

    /// On hold caller and agents do not hear each other, and the caller hears something; a muted agent is heard by nobody.
    fn on_hold(&mut self, now: Time, hears: bool, routes: &BTreeSet<(LegId, LegId)>) {
        let agent = |leg: LegId| self.legs.get(&leg) == Some(&Party::Agent);
        let crosses = |(from, to): &(LegId, LegId)| (*from == LegId::CALLER && agent(*to)) || *to == LegId::CALLER;
        let (crosses, muted) = (routes.iter().any(crosses), routes.iter().any(|(from, _)| self.muted.contains(from)));
        if self.held && crosses {
            self.broken(6, now, "a caller on hold is heard, or hears somebody");
        }
        // What is played to them may take a tick to begin.
        self.held_quiet = if self.held && !hears { self.held_quiet + 1 } else { 0 };
        if self.held_quiet > 1 {
            self.broken(1, now, "a caller on hold hears nothing");
        }
        if self.held && !self.is_with_person() {
            self.broken(4, now, "hold outlives its bridge");
        }
        if muted {
            self.broken(6, now, "a muted agent is heard");
        }
    }

    /// When everything is over, nothing is left.
    pub fn at_end(&mut self, left: Left<'_>) {
        let Left { playing, routes, legs, alerted, queues, is_over } = left;
        let at = Time::MAX;
        if !is_over {
            self.broken(4, at, "the call outlives its caller");
        }
        if !playing.is_empty() {
            self.broken(4, at, format!("still playing: {playing:?}"));
        }
        if !routes.is_empty() {
            self.broken(4, at, format!("still routed: {routes:?}"));
        }
        if !legs.is_empty() {
            self.broken(4, at, format!("still in the call: {legs:?}"));
        }
        if !alerted.is_empty() || !self.alerts.is_empty() {
            self.broken(4, at, format!("still alerted: {alerted:?}"));
        }
        if !self.begun_offers.is_empty() {
            self.broken(4, at, format!("offers never settled: {:?}", self.begun_offers));
        }
        if !self.handoffs_open.is_empty() {
            self.broken(4, at, format!("handoffs never ended: {:?}", self.handoffs_open));
        }
        if self.invited {
            self.broken(4, at, "an invitation never ended");
        }
        if self.bot_open {
            self.broken(4, at, "the bot outlives the call");
        }
        if queues.iter().any(|q| q.waiting > 0) {
            self.broken(4, at, "the desk still waits for this caller");
        }
        if self.agent_turns_recorded < self.agent_turns {
            self.broken(5, at, "what an agent said is missing from the transcript");
        }
    }
}
