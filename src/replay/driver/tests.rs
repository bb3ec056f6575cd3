use super::*;
use crate::base::{CallId, QueueId, Rate, UtteranceId};
use crate::bot::{Bot, BotAct, BotEvent, BotOpening, BotReport, BotStream};
use crate::call::{BotPlan, EntryTable};
use crate::gateway::{Arrival, Kit, KitTables};
use crate::handoff::desk::{DeskTables, QueueTable};
use crate::listen::types::Hypothesis;
use crate::replay::options::AgentScript;
use crate::sound::recording::ChannelChoice;
use crate::speech::{Answering, EarOpening, Recognizer, RecognizerEngine, RecognizerStream, SpeechTable, SynthesizerEngine};

/// An engine that takes everything and never answers.
struct Silent;

impl Bot for Silent {
    fn name(&self) -> &str {
        "silent"
    }
    fn vocabulary(&self) -> Vec<String> {
        Vec::new()
    }
    fn phrases(&self) -> Vec<String> {
        Vec::new()
    }
    fn open(&self, _: BotOpening) -> Answering<'_, Box<dyn BotStream>> {
        Box::pin(std::future::ready(Ok(Box::new(Silent) as Box<dyn BotStream>)))
    }
}

impl BotStream for Silent {
    fn tell(&mut self, _: BotEvent, _: tokio::sync::mpsc::Sender<BotAct>) -> Answering<'_, BotReport> {
        Box::pin(std::future::pending())
    }
}

impl Recognizer for Silent {
    fn name(&self) -> &str {
        "silent"
    }
    fn replay_delay(&self) -> Duration {
        Duration::ZERO
    }
    fn open(&self, _: EarOpening) -> Answering<'_, Box<dyn RecognizerStream>> {
        Box::pin(std::future::ready(Ok(Box::new(Silent) as Box<dyn RecognizerStream>)))
    }
}

impl RecognizerStream for Silent {
    fn begin(&mut self, _: UtteranceId, _: Time) -> Answering<'_, ()> {
        Box::pin(std::future::ready(Ok(())))
    }
    fn push(&mut self, _: Frame) -> Answering<'_, Option<Hypothesis>> {
        Box::pin(std::future::ready(Ok(None)))
    }
    fn end(&mut self) -> Answering<'_, Hypothesis> {
        Box::pin(std::future::pending())
    }
}

struct Nobody;

impl Witness for Nobody {
    fn tick(&mut self, _: &Frame, _: Option<&Frame>) -> std::io::Result<()> {
        Ok(())
    }
    fn progress(&mut self, _: f64) {}
}

/// A replay of a sample call with engines that are silent or not there, up to the fault that ends it.
async fn replayed(bot: Option<Arc<dyn Bot>>, recognizer: Option<Arc<dyn Recognizer>>) -> Result<Replayed, ReplayError> {
    let entry = EntryTable { name: "main".into(), called: vec!["*".into()], queue: "service".into(), ..EntryTable::default() };
    let queue = QueueTable { name: "service".into(), ..QueueTable::default() };
    let off = SpeechTable { recognizer: RecognizerEngine::Off, synthesizer: SynthesizerEngine::Off, ..SpeechTable::default() };
    let desk = DeskTables { queues: vec![queue], ..DeskTables::default() };
    let kit = Kit::load(KitTables { entries: vec![entry], desk: desk.clone(), speech: off, ..KitTables::default() }).expect("it is right");
    let wall = "2026-03-03T10:00:00+00:00[UTC]".parse().expect("a time");
    let arrival = Arrival { call: CallId(uuid::Uuid::nil()), called: "1".into(), caller: None, data: Default::default(), wall };
    let (mut plan, mut equipment) = kit.admit(arrival, Rate::Hz8000, None, tokio::runtime::Handle::current()).expect("the entry is there");
    plan.bot = if bot.is_some() { BotPlan::Serves } else { BotPlan::Mute };
    (equipment.bot, equipment.recognizer) = (bot, recognizer);
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/audio/calls/asks-for-a-person.flac");
    let file = std::fs::File::open(path).expect("the sample calls are in the repository");
    let recording = Recording::open_at(Box::new(file), Some("flac"), ChannelChoice::Both, Rate::Hz8000).expect("it is in order");
    let edge = |clock| ReplayEdge::new(clock, &desk, AgentScript::default(), QueueId::from("service"), Rate::Hz8000);
    let course =
        Course { in_turns: false, recorded_bot: false, caller_is_right: false, linger: Duration::ZERO, engine_patience: Duration::from_millis(100) };
    let delays = Delays { ear: Duration::ZERO, voice: Duration::ZERO, bot: Duration::ZERO };
    drive(recording, plan.into(), equipment, edge, (course, delays), &mut Nobody).await
}

#[tokio::test]
async fn an_engine_that_is_silent_ends_the_recording_and_is_named() {
    for (bot, recognizer, organ) in [
        (Some(Arc::new(Silent) as Arc<dyn Bot>), None, Organ::Bot),
        (None, Some(Arc::new(Silent) as Arc<dyn Recognizer>), Organ::Ear),
        (Some(Arc::new(Silent) as Arc<dyn Bot>), Some(Arc::new(Silent) as Arc<dyn Recognizer>), Organ::Bot),
    ] {
        match replayed(bot, recognizer).await {
            Err(ReplayError::Engine(Fault::Stalled { organ: named, after_ms: 100 })) => assert_eq!(named, organ),
            other => panic!("{organ:?} is silent, and the replay says {:?}", other.map(|replayed| replayed.call_s)),
        }
    }
}

#[test]
fn an_engine_has_half_a_minute() {
    assert_eq!(ENGINE_PATIENCE, Duration::from_secs(30));
}
