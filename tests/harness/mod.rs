//! A call and a desk on virtual time, in a world without sound or sockets: words take time to be played, sound crosses
//! an open route at the next tick, and everything that the machines say is checked against the invariants (DESIGN §4).

// Each test binary uses its own part of the harness.
#![allow(dead_code)]

pub mod mutant;
pub mod watchdog;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use segue::base::*;
use segue::call::*;
use segue::handoff::desk::*;
use segue::handoff::notice::Notices;
use segue::handoff::packet::ContextPacket;
use segue::handoff::trigger::{Does, Rules, TriggerTable};
use segue::listen::types::*;

pub use mutant::Mutant;
pub use watchdog::{Left, Violation, Watchdog};

/// A tick of the harness.
pub const TICK: Duration = Duration::from_millis(20);

/// What a world is made of.
#[derive(Clone, Debug)]
pub struct Setup {
    pub agents: usize,
    pub bot: BotPlan,
    pub whisper: bool,
    pub survey: bool,
    pub offers_at_once: u32,
    pub caller: Option<&'static str>,
    pub otherwise: Vec<Otherwise>,
    pub mode: Mode,
    pub suggest: bool,
    pub mutant: Option<Mutant>,
    /// What it means that the ACD `acd` picks up, if there is one.
    pub acd: Option<PicksUp>,
}

impl Default for Setup {
    fn default() -> Self {
        Setup {
            agents: 2,
            bot: BotPlan::Serves,
            whisper: false,
            survey: false,
            offers_at_once: 1,
            caller: Some("+15550100"),
            otherwise: vec![Otherwise::Callback, Otherwise::Message, Otherwise::Bot],
            mode: Mode::Act,
            suggest: false,
            mutant: None,
            acd: None,
        }
    }
}

/// Something that is being played.
#[derive(Clone, Debug)]
pub struct Playing {
    pub leg: LegId,
    pub purpose: Purpose,
    pub left: Option<Duration>,
    pub started: bool,
}

/// A call, its desk, and everything around them.
pub struct World {
    pub call: Call,
    pub desk: Desk,
    pub now: Time,
    pub id: CallId,
    pub mutant: Option<Mutant>,
    pub watchdog: Watchdog,
    pub playing: BTreeMap<PlaybackId, Playing>,
    pub routes: BTreeSet<(LegId, LegId)>,
    crossing: VecDeque<(LegId, LegId)>,
    pub legs: BTreeMap<LegId, AgentId>,
    pub alerted: BTreeMap<OfferId, AgentId>,
    pub packets: Vec<ContextPacket>,
    pub records: Vec<(Time, Happening)>,
    pub told: Vec<BotEvent>,
    pub request: Option<BotRequest>,
    pub to_desk: Vec<DeskInput>,
    pub silent_agents: bool,
    /// Nothing is shown and nobody alerted until a test says so.
    pub slow_screens: bool,
    /// Why what was asked last is not done.
    pub denied: Vec<Denial>,
    pub silent_caller: bool,
    pub turns: u32,
    pub released: Vec<(LegId, EndedBy)>,
    pub moved_to: Vec<String>,
    pub keys_sent: Vec<(LegId, Key)>,
    /// Who is rung outside for an agent.
    pub dialled: Option<String>,
}

/// The id of every call in these tests.
pub fn call_id() -> CallId {
    CallId(uuid::Uuid::from_u128(0x0193_0000_0000_7000_8000_0000_0000_0001))
}

fn rule(name: &str, when: &str, does: Does) -> TriggerTable {
    TriggerTable { name: name.into(), when: when.into(), does, reason: "{why}".into(), cooldown_secs: 20.0, ..TriggerTable::default() }
}

/// The rules of these tests.
pub fn rules() -> Arc<Rules> {
    use std::sync::OnceLock;
    static RULES: OnceLock<Arc<Rules>> = OnceLock::new();
    RULES
        .get_or_init(|| {
            let tables = [
                TriggerTable { cooldown_secs: 0.0, ..rule("request", "recent('request', 5) > 0", Does::Transfer) },
                rule("repeat", "recent('repeat', 5) > 0", Does::Offer),
                rule("raised_volume", "recent('raised_volume', 5) > 0", Does::Transfer),
            ];
            Arc::new(Rules::compile(&tables, "trigger").expect("the rules are right"))
        })
        .clone()
}

/// The notices of these tests.
pub fn notices() -> Arc<Notices> {
    use std::sync::OnceLock;
    static NOTICES: OnceLock<Arc<Notices>> = OnceLock::new();
    NOTICES.get_or_init(|| Arc::new(Notices::new(&BTreeMap::new(), "notice").expect("the defaults are right"))).clone()
}

/// The desk of these queues, with everybody on duty.
fn staffed(setup: &Setup, queues: &[QueueTable]) -> Desk {
    let agents = (1..=setup.agents).map(|n| AgentTable { name: format!("agent-{n}"), ..AgentTable::default() }).collect();
    let acds = Vec::from_iter(
        setup.acd.map(|_| toml::from_str::<AcdTable>("name = 'acd'\nqueues = ['*']\ntarget = 'sip:acd@192.0.2.9'").expect("a table that holds")),
    );
    let mut desk = Desk::new(&DeskTables { queues: queues.to_vec(), agents, acds, hours: Vec::new() });
    for agent in (1..=setup.agents).map(|n| format!("agent-{n}")).chain(["acd".to_owned()]).map(|name| AgentId::from(name.as_str())) {
        desk.handle(DeskInput::Line { agent: agent.clone(), up: true }, Time::ZERO);
        desk.handle(DeskInput::Presence { agent, presence: Presence::Available }, Time::ZERO);
    }
    desk
}

impl World {
    /// A world in which the caller's phone rings, and every agent is on duty.
    pub fn new(setup: Setup) -> World {
        let id = call_id();
        let queue = |name: &str| QueueTable {
            name: name.into(),
            otherwise: setup.otherwise.clone(),
            offers_at_once: setup.offers_at_once,
            ring_secs: 20.0,
            max_wait_secs: 120.0,
            ..QueueTable::default()
        };
        let queues = vec![queue("support"), queue("billing")];
        let desk = staffed(&setup, &queues);
        let entry = EntryTable {
            queue: "support".into(),
            whisper: setup.whisper,
            survey: setup.survey,
            mode: setup.mode,
            suggest: setup.suggest,
            ..EntryTable::default()
        };
        let plan = Plan {
            call: id,
            called: "1000".into(),
            data: Default::default(),
            caller: setup.caller.map(|n| Pii(n.to_owned())),
            entry,
            bot: setup.bot,
            rules: rules(),
            notices: notices(),
            queues: queues
                .iter()
                .map(|q| (QueueId::from(q.name.as_str()), QueuePlan { title: q.name.clone(), otherwise: q.otherwise.clone(), hours: None }))
                .collect(),
            agents: Arc::new(
                setup.acd.into_iter().map(|picks_up| ("acd".into(), AgentPlan { title: "acd".into(), picks_up, is_heard_early: true })).collect(),
            ),
            hours: None,
            wall: "2026-03-03T10:00:00+00:00[UTC]".parse().expect("a time"),
            return_patience: Duration::from_secs(8),
            yields: false,
        };
        let mut world = World {
            call: Call::new(Arc::new(plan), Time::ZERO),
            desk,
            now: Time::ZERO,
            id,
            mutant: setup.mutant,
            watchdog: Watchdog::new(setup.bot, setup.suggest),
            playing: BTreeMap::new(),
            routes: BTreeSet::new(),
            crossing: VecDeque::new(),
            legs: BTreeMap::new(),
            alerted: BTreeMap::new(),
            packets: Vec::new(),
            records: Vec::new(),
            told: Vec::new(),
            request: None,
            to_desk: Vec::new(),
            silent_agents: false,
            slow_screens: false,
            denied: Vec::new(),
            silent_caller: false,
            turns: 0,
            released: Vec::new(),
            moved_to: Vec::new(),
            keys_sent: Vec::new(),
            dialled: None,
        };
        world.drain();
        world
    }

    /// A world in which the caller is with the bot, who has finished its greeting.
    pub fn with_bot(setup: Setup) -> World {
        let mut world = World::new(setup);
        world.input(CallInput::Answered);
        world.bot_says("Welcome. How can I help?");
        world.bot_reports(BotReport::default());
        world.run(Duration::from_secs(5));
        world
    }

    /// Hands an input to the call.
    pub fn input(&mut self, input: CallInput) {
        self.watchdog.on_input(&input, self.now);
        let input = match self.mutant {
            Some(mutant) => mutant.input(input, self.watchdog.decider()),
            None => input,
        };
        let gone = if let CallInput::LegGone(leg, _) = &input { Some(*leg) } else { None };
        self.call.handle(input, self.now);
        if let Some(leg) = gone {
            self.end_leg(leg);
        }
        self.drain();
    }

    /// Hands a message to the desk, as consoles do.
    pub fn desk_input(&mut self, input: DeskInput) {
        self.desk.handle(input, self.now);
        self.drain();
    }

    /// Lets time pass, a tick at a time.
    pub fn run(&mut self, by: Duration) {
        let end = self.now + by;
        while self.now < end {
            self.tick();
        }
    }

    /// One tick: playbacks go on, sound crosses open routes, deadlines come.
    pub fn tick(&mut self) {
        self.now += TICK;
        self.play();
        while let Some((from, to)) = self.crossing.pop_front() {
            let is_silent = (self.silent_agents && self.legs.contains_key(&from)) || (self.silent_caller && from == LegId::CALLER);
            if self.routes.contains(&(from, to)) && !is_silent {
                self.input(CallInput::Crossed { from, to, gap_frames: 1 });
            }
        }
        self.desk.handle(DeskInput::Tick, self.now);
        self.input(CallInput::Tick);
        self.watchdog.on_tick(self.now, &self.playing, &self.routes);
    }

    fn play(&mut self) {
        let mut legs = BTreeSet::new();
        for (id, playing) in self.playing.clone() {
            if playing.left.is_none() {
                if !playing.started {
                    self.start(id);
                }
                continue;
            }
            if !legs.insert(playing.leg) {
                continue;
            }
            if !playing.started {
                self.start(id);
            }
            let Some(playing) = self.playing.get_mut(&id) else { continue };
            let left = playing.left.unwrap_or_default();
            if left <= TICK {
                self.stopped(id, true);
            } else {
                playing.left = Some(left - TICK);
            }
        }
    }

    fn start(&mut self, id: PlaybackId) {
        if let Some(playing) = self.playing.get_mut(&id) {
            playing.started = true;
            self.input(CallInput::PlaybackStarted(id));
        }
    }

    fn stopped(&mut self, id: PlaybackId, completed: bool) {
        if let Some(playing) = self.playing.remove(&id) {
            let sent = if playing.started { 160 } else { 0 };
            self.input(CallInput::PlaybackStopped { id, sent, completed });
        }
    }

    fn end_leg(&mut self, leg: LegId) {
        self.legs.remove(&leg);
        let ended: Vec<PlaybackId> = self.playing.iter().filter(|(_, p)| p.leg == leg).map(|(id, _)| *id).collect();
        self.watchdog.on_leg_ended(leg);
        for id in ended {
            self.stopped(id, false);
        }
    }

    /// Moves everything between call and desk until both are idle.
    pub fn drain(&mut self) {
        for _ in 0..10_000 {
            let mut idle = true;
            while let CallOutput::Do(effect) = self.call.poll() {
                idle = false;
                for effect in self.mutant.map_or_else(|| vec![effect.clone()], |mutant| mutant.effect(effect.clone())) {
                    self.watchdog.on_effect(&effect, self.now);
                    self.carry_out(effect);
                }
            }
            loop {
                match self.desk.poll() {
                    DeskOutput::Idle(_) => break,
                    DeskOutput::AgentState { .. } => {}
                    news => {
                        idle = false;
                        self.input(CallInput::Desk(news));
                    }
                }
            }
            if idle {
                return;
            }
        }
        panic!("call and desk do not come to rest");
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Say { id, leg, purpose, wording } => {
                let left = Some(Duration::from_millis(40) * wording.words().chars().count().max(1) as u32);
                self.playing.insert(id, Playing { leg, purpose, left, started: false });
            }
            Effect::Tone { id, leg, purpose } => {
                self.playing.insert(id, Playing { leg, purpose, left: Some(Duration::from_millis(300)), started: false });
            }
            Effect::Music { id, leg } => {
                self.playing.insert(id, Playing { leg, purpose: Purpose::Music, left: None, started: false });
            }
            Effect::Stop(id) => self.stopped(id, false),
            Effect::Route { from, to, on: true } => {
                self.routes.insert((from, to));
                self.crossing.push_back((from, to));
            }
            Effect::Route { from, to, on: false } => {
                self.routes.remove(&(from, to));
            }
            Effect::TellBot(request, event) => {
                self.request = Some(request);
                self.told.push(event);
            }
            Effect::CancelBot(_) | Effect::CloseBot => self.request = None,
            Effect::ToDesk(message) => {
                self.to_desk.push(message.clone());
                self.desk.handle(message, self.now);
            }
            Effect::Alert { offer, agent, packet } => {
                self.alerted.insert(offer, agent);
                self.packets.push(*packet);
                if !self.slow_screens {
                    self.input(CallInput::PacketShown(offer));
                    self.input(CallInput::Alerted(offer));
                }
            }
            Effect::StopAlert(offer) => {
                self.alerted.remove(&offer);
            }
            Effect::Join { leg, agent, .. } => {
                self.legs.insert(leg, agent);
            }
            Effect::Release(leg, by) => {
                self.released.push((leg, by));
                self.end_leg(leg);
            }
            Effect::Move(target) => self.moved_to.push(target),
            Effect::Dial(target) => self.dialled = Some(target),
            Effect::StopDial => self.dialled = None,
            Effect::JoinOutside(leg) => {
                self.dialled = None;
                self.legs.insert(leg, "outside line".into());
            }
            Effect::Record(happening) => self.records.push((self.now, happening)),
            Effect::SendKey(leg, key) => self.keys_sent.push((leg, key)),
            Effect::Deny(why) => self.denied.push(why),
            Effect::Answer | Effect::MeasureGap | Effect::Listener(..) | Effect::UpdatePacket(..) => {}
        }
    }

    /// The caller says something; a recognizer understood it.
    pub fn caller_says(&mut self, text: &str) -> Turn {
        let turn = Turn {
            n: self.turns,
            start: self.now.back(Duration::from_secs(2)),
            end: self.now.back(Duration::from_millis(800)),
            text: Some(text.to_owned()),
            confidence: Some(0.9),
            recognized: true,
        };
        self.turns += 1;
        self.input(CallInput::Heard(LegId::CALLER, Heard::Turn(turn.clone())));
        turn
    }

    /// The caller asks for a person, which is a turn and its signal.
    pub fn caller_asks_for_a_person(&mut self) {
        let turn = self.caller_says("I want to talk to a person");
        self.signal(SignalKind::Request, Some(&turn));
    }

    /// The listener has evidence.
    pub fn signal(&mut self, kind: SignalKind, turn: Option<&Turn>) {
        let start = turn.map_or(self.now.back(Duration::from_secs(1)), |t| t.start);
        let end = turn.map_or(self.now, |t| t.end);
        let why = format!("{} was heard", kind.name());
        let signal = Signal { kind, start, end, value: 1.0, unit: "count", weight: 0.5, why, turn: turn.map(|t| t.n) };
        self.input(CallInput::Heard(LegId::CALLER, Heard::Signal(signal)));
    }

    /// The bot says something in answer to what it was told last.
    pub fn bot_says(&mut self, words: &str) {
        if let Some(request) = self.request {
            self.input(CallInput::BotSays(request, Wording::text(words)));
        }
    }

    /// The bot is done with what it was told last.
    pub fn bot_reports(&mut self, report: BotReport) {
        if let Some(request) = self.request.take() {
            self.input(CallInput::BotReported(request, report));
        }
    }

    /// The offer that this agent has now.
    pub fn offer_of(&self, agent: &str) -> OfferId {
        let found = self.alerted.iter().find(|(_, name)| &*name.0 == agent);
        *found.unwrap_or_else(|| panic!("{agent} is not alerted, only {:?}", self.alerted)).0
    }

    /// Whether the caller hears what the ACD sends.
    pub fn hears_acd(&self) -> bool {
        self.legs.iter().any(|(leg, name)| &*name.0 == "acd" && self.routes.contains(&(*leg, LegId::CALLER)))
    }

    /// Whether something is played to the caller for this purpose.
    pub fn plays(&self, purpose: Purpose) -> bool {
        self.playing.values().any(|p| p.purpose == purpose && p.leg == LegId::CALLER)
    }

    /// Agents who are alerted now.
    pub fn alerted_agents(&self) -> Vec<String> {
        self.alerted.values().map(ToString::to_string).collect()
    }

    /// The stage that was recorded last.
    pub fn stage(&self) -> StageName {
        let stages = self.records.iter().rev().find_map(|(_, h)| if let Happening::StageEntered { stage } = h { Some(*stage) } else { None });
        stages.expect("a call is always in a stage")
    }

    /// True if something like this was recorded.
    pub fn recorded(&self, like: impl Fn(&Happening) -> bool) -> bool {
        self.records.iter().any(|(_, h)| like(h))
    }

    /// How the handoffs ended, in order.
    pub fn handoff_outcomes(&self) -> Vec<HandoffOutcome> {
        let outcome = |(_, h): &(Time, Happening)| if let Happening::HandoffEnded { outcome, .. } = h { Some(*outcome) } else { None };
        self.records.iter().filter_map(outcome).collect()
    }

    /// How the call ended.
    pub fn outcome(&self) -> Option<CallOutcome> {
        self.records.iter().find_map(|(_, h)| if let Happening::CallEnded { outcome, .. } = h { Some(*outcome) } else { None })
    }

    /// The leg of an agent who is in the call.
    pub fn leg_of(&self, agent: &str) -> LegId {
        *self.legs.iter().find(|(_, name)| &*name.0 == agent).unwrap_or_else(|| panic!("{agent} has no leg")).0
    }

    /// Whether two legs hear each other.
    pub fn are_talking(&self, a: LegId, b: LegId) -> bool {
        self.routes.contains(&(a, b)) && self.routes.contains(&(b, a))
    }

    /// Checks what must hold when everything is over, and gives every violation.
    pub fn finish(mut self) -> Vec<Violation> {
        if !self.call.is_over() {
            self.input(CallInput::LegGone(LegId::CALLER, Gone::HungUp));
            self.run(Duration::from_secs(2));
        }
        let busy: Vec<QueueView> = ["support", "billing"].iter().map(|q| self.desk.view(&QueueId::from(*q), self.now)).collect();
        let is_over = self.call.is_over();
        let left = Left { playing: &self.playing, routes: &self.routes, legs: &self.legs, alerted: &self.alerted, queues: &busy, is_over };
        self.watchdog.at_end(left);
        self.watchdog.violations
    }
}
