//! The executor: carries out the effects of one call's machines, the same way in every driver.
//!
//! A driver calls [`Executor::media`] for each frame that a leg sends, [`Executor::answer`] for each engine answer,
//! [`Executor::input`] for everything else, and [`Executor::tick`] each 20 ms. After each of them all machines have
//! been drained. Generic over the [`Clock`] and the [`Edge`]; nothing else differs between live and replayed calls.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::mpsc::{Sender, channel};

use crate::base::{
    AgentId, Denial, EndedBy, Fault, Frame, Happening, Key, LegId, OfferId, Organ, Party, Pii, PlaybackId, Purpose, RECORD_VERSION, Rate, Record,
    Time, UtteranceId, Wording,
};
use crate::bot::{Bot, BotOpening};
use crate::call::{BotPlan, BotRequest, Call, CallInput, CallOutput, Effect, Heard, Plan, RECORDED_BOT};
use crate::handoff::desk::DeskInput;
use crate::handoff::packet::ContextPacket;
use crate::listen::Listener;
use crate::listen::signal::SignalsTable;
use crate::listen::table::ListenTable;
use crate::listen::types::{BotEvent, ListenInput, ListenOutput, ListenerSeat, Scene};
use crate::sound::bridge::{Bridge, BridgeInput, BridgeOutput, Play};
use crate::sound::tone;
use crate::speech::voice::Voice;
use crate::speech::{EarOpening, Recognizer};

use super::engine::{self, Answer, Answered, BotTask, Cut, EarRequest, QUEUE, RequestId, Saying};
use super::redaction::redacted;

/// Where time comes from.
pub trait Clock {
    /// Now, from the driver's origin.
    fn now(&self) -> Time;
}

/// The world beyond a call: where legs, agents' screens, the desk and the journal are.
pub trait Edge {
    /// The caller's leg is to be answered; [`CallInput::Answered`] follows when its sound flows.
    fn answer(&mut self);
    /// What a leg hears in these 20 ms; `None` if nothing is meant for it.
    fn send(&mut self, leg: LegId, frame: Option<&Frame>);
    /// Press a key towards a leg's party.
    fn send_key(&mut self, leg: LegId, key: Key);
    /// The line of an agent or supervisor becomes a leg.
    fn join(&mut self, leg: LegId, agent: &AgentId, offer: Option<OfferId>);
    /// A leg is to end.
    fn release(&mut self, leg: LegId, by: EndedBy);
    /// Show the packet to the agent ([`CallInput::PacketShown`] follows) and alert them ([`CallInput::Alerted`] follows).
    fn alert(&mut self, offer: OfferId, agent: &AgentId, packet: &ContextPacket);
    /// What the agent is shown has changed.
    fn update(&mut self, offer: OfferId, packet: &ContextPacket);
    /// The offer is over.
    fn stop_alert(&mut self, offer: OfferId);
    /// Send the caller to somebody outside; [`CallInput::Moved`] follows, or [`CallInput::PutThrough`].
    fn move_to(&mut self, target: &str);
    /// Ring somebody outside; [`CallInput::PutThrough`] follows, or [`CallInput::Moved`] if they do not come.
    fn dial(&mut self, target: &str);
    /// Whoever is rung outside is not wanted any more.
    fn stop_dial(&mut self);
    /// Whoever was rung outside becomes a leg.
    fn join_outside(&mut self, leg: LegId);
    /// What was asked of the call last is not for who asked it to decide.
    fn deny(&mut self, why: Denial);
    /// A message for the desk.
    fn tell_desk(&mut self, message: DeskInput);
    /// Something happened.
    fn journal(&mut self, record: Record);
    /// The next thing that the edge has to say at this instant.
    fn news(&mut self) -> Option<CallInput>;
}

/// The engines and tables that a call works with.
#[derive(Clone)]
pub struct Equipment {
    /// Speaks.
    pub voice: Arc<Voice>,
    /// Hears words, if there is one.
    pub recognizer: Option<Arc<dyn Recognizer>>,
    /// Serves callers, if the entry has one.
    pub bot: Option<Arc<dyn Bot>>,
    /// Pauses, barge-in and so on.
    pub listen: Arc<ListenTable>,
    /// What counts as evidence.
    pub signals: Arc<SignalsTable>,
    /// Hold music at the call's rate, repeated for ever.
    pub music: Arc<[i16]>,
    /// The rate at which the call's sound runs.
    pub rate: Rate,
    /// Where engines work: never on the thread that moves the call's sound, unless it is the only one.
    pub engines: Handle,
}

/// The listener of a leg and its recognizer.
struct Ear {
    listener: Listener,
    recognizer: Option<Sender<EarRequest>>,
    /// It gets no sound: the entry does not want bridges to be listened to.
    is_deaf: bool,
}

/// One call at work.
pub struct Executor<C, E> {
    clock: C,
    edge: E,
    plan: Arc<Plan>,
    equipment: Equipment,
    call: Call,
    bridge: Bridge,
    ears: BTreeMap<LegId, Ear>,
    bot: Option<Sender<BotTask>>,
    /// The bot's request that is being worked on, and its number as a request to an engine.
    telling: Option<(BotRequest, RequestId)>,
    /// What the bot says and is not over, with the samples that there are of it so far.
    bot_says: BTreeMap<PlaybackId, (String, u64)>,
    answers: Sender<Answer>,
    outstanding: BTreeMap<RequestId, Organ>,
    next_request: u64,
    next_record: u64,
    gap_frames: Option<u32>,
}

impl<C: Clock, E: Edge> Executor<C, E> {
    /// A call that begins to ring. The answers of its engines come through `answers`.
    pub fn new(clock: C, edge: E, plan: Arc<Plan>, equipment: Equipment, answers: Sender<Answer>) -> Self {
        let mut executor = Executor {
            call: Call::new(plan.clone(), clock.now()),
            bridge: Bridge::new(equipment.rate),
            ears: BTreeMap::new(),
            bot: None,
            telling: None,
            bot_says: BTreeMap::new(),
            answers,
            outstanding: BTreeMap::new(),
            next_request: 0,
            next_record: 0,
            gap_frames: None,
            clock,
            edge,
            plan,
            equipment,
        };
        executor.bridge.handle(BridgeInput::Join(LegId::CALLER, Party::Caller));
        if executor.plan.bot == BotPlan::Recorded {
            executor.bridge.handle(BridgeInput::Join(RECORDED_BOT, Party::Bot));
        }
        executor.drain();
        executor
    }

    /// The driver's clock.
    pub fn clock(&mut self) -> &mut C {
        &mut self.clock
    }

    /// The driver's edge.
    pub fn edge(&mut self) -> &mut E {
        &mut self.edge
    }

    /// The call.
    pub fn call(&self) -> &Call {
        &self.call
    }

    /// The listener of a leg.
    pub fn listener(&self, leg: LegId) -> Option<&Listener> {
        self.ears.get(&leg).map(|ear| &ear.listener)
    }

    /// Whether a leg's sound is listened to now.
    pub fn listens_to(&self, leg: LegId) -> bool {
        self.ears.get(&leg).is_some_and(|ear| !ear.is_deaf)
    }

    /// The two legs whose packets need no mixing, if there are such (see [`Bridge::plain_pair`]).
    pub fn plain_pair(&self) -> Option<(LegId, LegId)> {
        self.bridge.plain_pair()
    }

    /// The requests to engines that are not answered yet, and whose engine it is.
    pub fn owed(&self) -> impl Iterator<Item = (RequestId, Organ)> + '_ {
        self.outstanding.iter().map(|(request, organ)| (*request, *organ))
    }

    /// Tells a leg's listener something that only the driver knows.
    pub fn tell(&mut self, leg: LegId, input: ListenInput) {
        self.tell_listener(leg, input);
        self.drain();
    }

    /// Records something that only the driver knows.
    pub fn note(&mut self, kind: Happening) {
        self.record(kind);
    }

    /// True if this request is still waited for.
    pub fn awaits(&self, request: RequestId) -> bool {
        self.outstanding.contains_key(&request)
    }

    /// Gives the edge back, when the call is over.
    pub fn into_edge(self) -> E {
        self.edge
    }

    /// Something happened outside.
    pub fn input(&mut self, input: CallInput) {
        self.tell_call(input);
        self.drain();
    }

    /// A leg that is gone leaves everything here, whoever says so.
    fn tell_call(&mut self, input: CallInput) {
        if let CallInput::LegGone(leg, _) = input {
            self.drop_leg(leg);
        }
        self.call.handle(input, self.clock.now());
    }

    /// A leg sent 20 ms.
    pub fn media(&mut self, leg: LegId, frame: Frame) {
        self.bridge.handle(BridgeInput::Media(leg, frame));
        if self.listens_to(leg) {
            self.tell_listener(leg, ListenInput::Audio(frame));
        }
        self.drain();
    }

    /// A leg sent the 20 ms that ended `at`, and whom they are for has them already: only its listener gets them.
    pub fn overhear(&mut self, leg: LegId, frame: Frame, at: Time) {
        let Some(ear) = self.ears.get_mut(&leg).filter(|ear| !ear.is_deaf) else { return };
        ear.listener.handle(ListenInput::Audio(frame), at);
        if self.poll_listener(leg) {
            self.drain();
        }
    }

    /// 20 ms have passed: legs hear what is meant for them, and deadlines are looked at.
    pub fn tick(&mut self) {
        let now = self.clock.now();
        self.bridge.handle(BridgeInput::Tick);
        for ear in self.ears.values_mut() {
            ear.listener.handle(ListenInput::Tick, now);
        }
        self.call.handle(CallInput::Tick, now);
        self.drain();
    }

    /// An engine answered. An answer that nobody waits for any more is dropped.
    pub fn answer(&mut self, answer: Answer) {
        let now = self.clock.now();
        if !self.outstanding.contains_key(&answer.request) {
            if let Answered::Says(_, wording) = answer.answered {
                self.tell_cut(wording.words(), String::new());
            }
            return;
        }
        if answer.last {
            self.outstanding.remove(&answer.request);
        }
        match answer.answered {
            Answered::Partial(_, _, Ok(None)) => return,
            Answered::Partial(leg, utterance, Ok(Some(heard))) => self.tell_listener(leg, ListenInput::Partial(utterance, heard)),
            Answered::Final(leg, utterance, Ok(heard)) => self.tell_listener(leg, ListenInput::Final(utterance, heard)),
            Answered::Partial(leg, utterance, Err(fault)) | Answered::Final(leg, utterance, Err(fault)) => self.unheard(leg, utterance, fault),
            Answered::Compared(leg, verdict) => self.tell_listener(leg, ListenInput::Compared(verdict)),
            Answered::Trouble(fault) => self.call.handle(CallInput::Fault(fault), now),
            Answered::Says(request, wording) => self.call.handle(CallInput::BotSays(request, wording), now),
            Answered::Reported(request, report) => {
                self.telling = None;
                let input = match report {
                    Ok(report) => CallInput::BotReported(request, report),
                    Err(fault) => CallInput::BotFailed(request, fault),
                };
                self.call.handle(input, now);
            }
            Answered::Sound { id, samples, more, fault } => {
                if let Some(fault) = fault {
                    self.call.handle(CallInput::Fault(fault), now);
                }
                if let Some((_, there)) = self.bot_says.get_mut(&id) {
                    *there += samples.len() as u64;
                }
                self.bridge.handle(BridgeInput::Supply { id, samples: samples.into(), more });
            }
        }
        self.drain();
    }

    fn unheard(&mut self, leg: LegId, utterance: UtteranceId, fault: Fault) {
        self.call.handle(CallInput::Fault(fault.clone()), self.clock.now());
        self.tell_listener(leg, ListenInput::Unheard(utterance, fault));
    }

    /// Drains every machine until all are idle.
    fn drain(&mut self) {
        loop {
            let mut is_idle = true;
            while self.poll_bridge() {
                is_idle = false;
            }
            let mut leg = self.ears.first_key_value().map(|(&leg, _)| leg);
            while let Some(current) = leg {
                is_idle &= !self.poll_listener(current);
                leg = self.ears.range(LegId(current.0 + 1)..).next().map(|(&leg, _)| leg);
            }
            while let CallOutput::Do(effect) = self.call.poll() {
                is_idle = false;
                self.carry_out(effect);
            }
            while let Some(news) = self.edge.news() {
                is_idle = false;
                self.tell_call(news);
            }
            if is_idle {
                return;
            }
        }
    }

    /// Takes one thing out of the bridge; false if it is idle.
    fn poll_bridge(&mut self) -> bool {
        let now = self.clock.now();
        match self.bridge.poll() {
            BridgeOutput::Idle => return false,
            BridgeOutput::Egress(leg, frame) => {
                if leg == LegId::CALLER
                    && frame.is_none()
                    && let Some(gap) = &mut self.gap_frames
                {
                    *gap += 1;
                }
                self.edge.send(leg, frame.as_ref());
            }
            BridgeOutput::Started { id, .. } => self.call.handle(CallInput::PlaybackStarted(id), now),
            BridgeOutput::Stopped { id, sent, completed, .. } => {
                if let Some((said, there)) = self.bot_says.remove(&id).filter(|_| !completed) {
                    let heard = part(&said, sent, there);
                    self.tell_cut(said, heard);
                }
                self.call.handle(CallInput::PlaybackStopped { id, sent, completed }, now);
            }
            BridgeOutput::Crossed { from, to } => {
                let gap_frames = self.gap_frames.unwrap_or(0);
                self.call.handle(CallInput::Crossed { from, to, gap_frames }, now);
            }
        }
        true
    }

    /// Takes everything out of a listener; true if the call was told anything.
    fn poll_listener(&mut self, leg: LegId) -> bool {
        let now = self.clock.now();
        let mut told = false;
        while let Some(ear) = self.ears.get_mut(&leg) {
            let heard = match ear.listener.poll() {
                ListenOutput::Idle(_) => break,
                ListenOutput::OpenUtterance(utterance, at) => {
                    self.ask_ear(leg, utterance, |request| EarRequest::Begin(request, utterance, at));
                    continue;
                }
                ListenOutput::Recognize(utterance, frame) => {
                    self.ask_ear(leg, utterance, |request| EarRequest::Push(request, utterance, frame));
                    continue;
                }
                ListenOutput::CloseUtterance(utterance) => {
                    self.ask_ear(leg, utterance, |request| EarRequest::End(request, utterance));
                    continue;
                }
                ListenOutput::Compare(comparison) => {
                    let request = self.request(Organ::Ear);
                    self.equipment.engines.spawn(engine::compare(comparison, leg, request, self.answers.clone()));
                    continue;
                }
                ListenOutput::Partial(_) => continue,
                ListenOutput::SpeechBegan { at } => Heard::SpeechBegan(at),
                ListenOutput::BargeIn => Heard::BargeIn,
                ListenOutput::EarLate => Heard::EarLate,
                ListenOutput::TurnEnded(turn) => Heard::Turn(turn),
                ListenOutput::NoInput => Heard::NoInput,
                ListenOutput::Key(key) => Heard::Key(key),
                ListenOutput::Signal(signal) => Heard::Signal(signal),
                ListenOutput::Score(score) => Heard::Score(score),
            };
            told = true;
            self.call.handle(CallInput::Heard(leg, heard), now);
        }
        told
    }

    fn tell_listener(&mut self, leg: LegId, input: ListenInput) {
        let now = self.clock.now();
        if let Some(ear) = self.ears.get_mut(&leg) {
            ear.listener.handle(input, now);
        }
    }

    /// Puts a request to a leg's recognizer; one whose queue is full answers with a fault.
    fn ask_ear(&mut self, leg: LegId, utterance: UtteranceId, ask: impl FnOnce(RequestId) -> EarRequest) {
        let Some(recognizer) = self.ears.get(&leg).and_then(|ear| ear.recognizer.clone()) else { return };
        let request = self.request(Organ::Ear);
        if recognizer.try_send(ask(request)).is_err() {
            self.outstanding.remove(&request);
            self.unheard(leg, utterance, engine::full(Organ::Ear));
        }
    }

    fn request(&mut self, of: Organ) -> RequestId {
        let request = RequestId(self.next_request);
        self.next_request += 1;
        self.outstanding.insert(request, of);
        request
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Answer => self.edge.answer(),
            Effect::Say { id, leg, purpose, wording } => {
                if matches!(purpose, Purpose::Greeting | Purpose::Bot) {
                    self.bot_says.insert(id, (wording.words(), 0));
                }
                self.say(id, leg, wording);
            }
            Effect::Tone { id, leg, purpose } => self.tone(id, leg, purpose),
            Effect::Music { id, leg } => {
                let samples = self.equipment.music.clone();
                self.bridge.handle(BridgeInput::Play(Play { id, leg, samples, more: false, looped: true }));
            }
            Effect::Stop(id) => self.bridge.handle(BridgeInput::Stop(id)),
            Effect::Route { from, to, on } => self.bridge.handle(BridgeInput::Route { from, to, on }),
            Effect::SendKey(leg, key) => self.edge.send_key(leg, key),
            Effect::MeasureGap => self.gap_frames = Some(0),
            Effect::Listener(leg, input) => self.listen(leg, input),
            Effect::TellBot(request, event) => self.tell_bot(request, event),
            Effect::CancelBot(request) => self.cancel_bot(request),
            Effect::CloseBot => self.bot = None,
            Effect::ToDesk(message) => self.edge.tell_desk(message),
            Effect::Alert { offer, agent, packet } => self.edge.alert(offer, &agent, &packet),
            Effect::StopAlert(offer) => self.edge.stop_alert(offer),
            Effect::UpdatePacket(offer, packet) => self.edge.update(offer, &packet),
            Effect::Join { leg, agent, offer } => {
                let party = if offer.is_some() { Party::Agent } else { Party::Supervisor };
                self.bridge.handle(BridgeInput::Join(leg, party));
                self.edge.join(leg, &agent, offer);
            }
            Effect::Release(leg, by) => {
                self.drop_leg(leg);
                self.edge.release(leg, by);
            }
            Effect::Move(target) => self.edge.move_to(&target),
            Effect::Dial(target) => self.edge.dial(&target),
            Effect::StopDial => self.edge.stop_dial(),
            Effect::JoinOutside(leg) => {
                self.bridge.handle(BridgeInput::Join(leg, Party::Agent));
                self.edge.join_outside(leg);
            }
            Effect::Deny(why) => self.edge.deny(why),
            Effect::Record(happening) => self.record(happening),
        }
    }

    fn record(&mut self, kind: Happening) {
        let seq = self.next_record;
        self.next_record += 1;
        self.edge.journal(Record { v: RECORD_VERSION, seq, at: self.clock.now(), subject: self.plan.call, kind: redacted(kind) });
    }

    fn drop_leg(&mut self, leg: LegId) {
        self.ears.remove(&leg);
        self.bridge.handle(BridgeInput::Leave(leg));
    }

    /// From the cache at once, or from the synthesizer as it gets ready; either way in the order in which it was asked for.
    fn say(&mut self, id: PlaybackId, leg: LegId, wording: Wording) {
        let language: Arc<str> = self.plan.entry.language.as_str().into();
        let rate = self.equipment.rate;
        if let Some(samples) = self.equipment.voice.cached(&wording, &language, rate) {
            if let Some((_, there)) = self.bot_says.get_mut(&id) {
                *there = samples.len() as u64;
            }
            self.bridge.handle(BridgeInput::Play(Play { id, leg, samples, more: false, looped: false }));
            return;
        }
        self.bridge.handle(BridgeInput::Play(Play { id, leg, samples: Arc::new([]), more: true, looped: false }));
        let request = self.request(Organ::Voice);
        let saying = Saying { id, wording, language, rate };
        self.equipment.engines.spawn(engine::speak(self.equipment.voice.clone(), saying, request, self.answers.clone()));
    }

    fn tone(&mut self, id: PlaybackId, leg: LegId, purpose: Purpose) {
        let rate = self.equipment.rate;
        let samples = if purpose == Purpose::Beep { tone::beep(rate) } else { tone::comfort(rate) };
        self.bridge.handle(BridgeInput::Play(Play { id, leg, samples, more: false, looped: false }));
    }

    /// Tells a leg's listener, which is made at its first scene.
    fn listen(&mut self, leg: LegId, input: ListenInput) {
        if let ListenInput::Scene(_) = input
            && !self.ears.contains_key(&leg)
        {
            let ear = self.open_ear(leg);
            self.ears.insert(leg, ear);
        }
        if let (ListenInput::Scene(scene), Some(ear)) = (&input, self.ears.get_mut(&leg)) {
            ear.is_deaf = *scene == Scene::WithPerson && leg != RECORDED_BOT && !self.plan.entry.listen_bridged;
        }
        self.tell_listener(leg, input);
    }

    fn open_ear(&mut self, leg: LegId) -> Ear {
        let party = match leg {
            LegId::CALLER => Party::Caller,
            RECORDED_BOT if self.plan.bot == BotPlan::Recorded => Party::Bot,
            _ => Party::Agent,
        };
        let rate = self.equipment.rate;
        let mut listener = Listener::new(ListenerSeat { party, rate }, &self.equipment.listen, &self.equipment.signals);
        let recognizer = self.equipment.recognizer.clone().map(|recognizer| {
            let (sender, requests) = channel(QUEUE);
            let opening = EarOpening { call: self.plan.call, leg, rate, language: self.plan.entry.language.clone() };
            self.equipment.engines.spawn(engine::hear(recognizer, opening, requests, self.answers.clone()));
            sender
        });
        listener.handle(ListenInput::Ear(recognizer.is_some()), self.clock.now());
        Ear { listener, recognizer, is_deaf: false }
    }

    fn tell_bot(&mut self, request: BotRequest, event: BotEvent) {
        if self.bot.is_none() {
            self.bot = self.open_bot();
        }
        let id = self.request(Organ::Bot);
        if self.bot.as_ref().is_some_and(|bot| bot.try_send(BotTask::Tell(id, request, event)).is_ok()) {
            self.telling = Some((request, id));
            return;
        }
        self.outstanding.remove(&id);
        let fault = if self.equipment.bot.is_some() {
            engine::full(Organ::Bot)
        } else {
            Fault::Unavailable { organ: Organ::Bot, detail: "the entry's bot is not configured".into() }
        };
        self.call.handle(CallInput::BotFailed(request, fault), self.clock.now());
    }

    fn open_bot(&self) -> Option<Sender<BotTask>> {
        let bot = self.equipment.bot.clone()?;
        let opening = BotOpening {
            call: self.plan.call,
            called: self.plan.called.as_str().into(),
            caller: self.plan.caller.as_ref().map(|n| Pii(n.as_str().into())),
            language: self.plan.entry.language.as_str().into(),
            wall: self.plan.wall.clone(),
            hears_words: self.equipment.recognizer.is_some(),
        };
        let (sender, tasks) = channel(QUEUE);
        self.equipment.engines.spawn(engine::serve(bot, opening, tasks, self.answers.clone()));
        Some(sender)
    }

    fn cancel_bot(&mut self, request: BotRequest) {
        if let Some((_, id)) = self.telling.take_if(|(telling, _)| *telling == request) {
            self.outstanding.remove(&id);
        }
        if let Some(bot) = &self.bot {
            // A full queue needs no cancellation: the next request drops this one.
            let _ = bot.try_send(BotTask::Cancel(request));
        }
    }

    /// Tells the bot what was not heard of what it said.
    fn tell_cut(&self, said: String, heard: String) {
        if let Some(bot) = &self.bot {
            // A bot whose queue is full has more to think about.
            let _ = bot.try_send(BotTask::Cut(Cut { said, heard }));
        }
    }
}

/// The words of `said` that were heard when `sent` of its samples were; speech is taken to go at an even pace.
fn part(said: &str, sent: u64, samples: u64) -> String {
    let chars = said.chars().count() as u64;
    let heard = (chars * sent.min(samples)).checked_div(samples).unwrap_or(0) as usize;
    let end = said.char_indices().nth(heard).map_or(said.len(), |(at, _)| at);
    let is_whole = end == said.len() || said[end..].starts_with(char::is_whitespace);
    let words = if is_whole { end } else { said[..end].rfind(char::is_whitespace).unwrap_or(0) };
    said[..words].trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::part;

    #[test]
    fn of_a_sentence_whole_words_are_heard() {
        for (sent, samples, heard) in [
            (0, 16_000, ""),
            (0, 0, ""),
            (1_000, 16_000, ""),
            (8_000, 16_000, "Your order"),
            (8_400, 16_000, "Your order is"),
            (15_900, 16_000, "Your order is on its"),
            (16_000, 16_000, "Your order is on its way."),
            (99_000, 16_000, "Your order is on its way."),
        ] {
            assert_eq!(part("Your order is on its way.", sent, samples), heard, "{sent} of {samples}");
        }
        assert_eq!(part("Grüße aus Köln", 70, 100), "Grüße aus");
    }
}
