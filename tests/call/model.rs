//! The model test: random sequences of every input in every stage, stale ones too, against the invariants (DESIGN §4);
//! and broken machines, to show that each invariant would be missed.
//!
//! `SEGUE_SEQUENCES` sets how many sequences are run (CI: 100,000); what fails is shrunk to the shortest sequence.

use std::time::Duration;

use crate::harness::{Mutant, Setup, Violation, World, call_id};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use segue::base::*;
use segue::call::*;
use segue::handoff::desk::*;
use segue::listen::types::*;

/// Sequences of a run without `SEGUE_SEQUENCES`.
const SEQUENCES: u32 = 2_000;
/// They are drawn from so many seeds, at once.
const SEEDS: u8 = 2;
/// Inputs in each sequence, at least.
const INPUTS: usize = 50;
/// Sequences within which each mutant must be caught.
const MUTANT_SEQUENCES: u32 = 20_000;

/// Who listens, and who would like to.
const SUPERVISORS: [&str; 2] = ["sue", "sam"];

/// One input, made concrete in the world as it is then.
type Draw = (u8, u8, u16);

fn setup(draw: u16, mutant: Option<Mutant>) -> Setup {
    let bots = [BotPlan::Serves, BotPlan::Serves, BotPlan::Serves, BotPlan::None];
    Setup {
        agents: usize::from(draw % 4),
        bot: bots[usize::from(draw / 4 % 4)],
        whisper: draw / 16 % 2 == 1,
        survey: draw / 512 % 2 == 1,
        offers_at_once: u32::from(draw / 32 % 2) + 1,
        caller: (draw / 64).is_multiple_of(2).then_some("+15550100"),
        otherwise: match draw / 128 % 3 {
            0 => vec![Otherwise::Callback, Otherwise::Message, Otherwise::Bot],
            1 => vec![Otherwise::Message],
            _ => vec![Otherwise::Bot],
        },
        mode: Mode::Act,
        suggest: draw / 4_096 % 2 == 1,
        mutant,
        acd: [None, None, Some(PicksUp::Agent), Some(PicksUp::Queue)][usize::from(draw / 1_024 % 4)],
    }
}

/// An id that may be of something that is there, gone, or never was.
fn offer(world: &World, which: u8) -> OfferId {
    let open: Vec<OfferId> = world.alerted.keys().copied().collect();
    match open.get(usize::from(which) % (open.len() + 1)) {
        Some(offer) => *offer,
        None => OfferId { call: call_id(), n: u32::from(which % 7) },
    }
}

fn leg(world: &World, which: u8) -> LegId {
    let legs: Vec<LegId> = world.legs.keys().copied().collect();
    *legs.get(usize::from(which) % (legs.len() + 1)).unwrap_or(&LegId(u32::from(which % 9) + 1))
}

fn agent(which: u8) -> AgentId {
    AgentId::from(format!("agent-{}", which % 4 + 1).as_str())
}

/// Mostly somebody who is in the call.
fn talker(world: &World, which: u8) -> AgentId {
    let there: Vec<&AgentId> = world.legs.values().filter(|name| !SUPERVISORS.contains(&&*name.0)).collect();
    match there.get(usize::from(which) % (there.len() + 1)) {
        Some(name) => (*name).clone(),
        None => agent(which),
    }
}

fn supervisor(which: u8) -> AgentId {
    AgentId::from(SUPERVISORS[usize::from(which % 3 / 2)])
}

fn gone(which: u8) -> Gone {
    if which.is_multiple_of(2) { Gone::HungUp } else { Gone::Lost }
}

/// Two thirds of the steps are what usually happens; the rest is everything else that may.
fn step(world: &mut World, (kind, which, size): Draw) {
    match kind % 50 {
        0..=7 => world.run(Duration::from_millis(u64::from(size % 4_000))),
        8 | 9 => {
            world.bot_says("Here is what I know.");
            world.bot_reports(BotReport { progress: which.is_multiple_of(2), goodbye: which > 240, ..BotReport::default() });
        }
        10..=12 => drop(world.caller_says(["where is my order", "yes", "no", "hello", "the blue one please"][usize::from(which % 5)])),
        13..=15 => world.caller_asks_for_a_person(),
        16 => {
            let turn = world.caller_says("where is my order again");
            world.signal([SignalKind::Repeat, SignalKind::RaisedVolume][usize::from(which % 2)], Some(&turn));
        }
        17..=20 => world.input(CallInput::AgentAnswered(offer(world, which))),
        21 => world.input(CallInput::AgentPickedUp(offer(world, which))),
        22 => {
            let offer = offer(world, which);
            world.input(CallInput::DeclineReason(offer, "lunch".into()));
            world.input(CallInput::AgentDeclined(offer));
        }
        23 => world.input(CallInput::AgentVanished(offer(world, which))),
        24 | 25 => {
            let leg = leg(world, which);
            world.input(CallInput::LegGone(leg, gone(which)));
        }
        26 => {
            let leg = leg(world, which);
            // Codes of agents on phones: a few whole ones, and single keys.
            let keys = ["1", "2", "9", "*1", "*2", "*21", "*22", "*32", "*9", "1"][usize::from(size % 10)];
            for key in keys.chars() {
                world.input(CallInput::Heard(leg, Heard::Key(Key::new(key).expect("a key"))));
            }
        }
        27 => world.input(CallInput::Heard(LegId::CALLER, Heard::Key(Key::new(['1', '2', '0', '#', '5'][usize::from(which % 5)]).expect("a key")))),
        28 if size % 2 == 0 => world.input(CallInput::Heard(LegId::CALLER, Heard::EarLate)),
        28 => world.input(CallInput::Heard(LegId::CALLER, Heard::NoInput)),
        29 => world.input(CallInput::Heard(LegId::CALLER, Heard::BargeIn)),
        30 => {
            if let Some(request) = world.request {
                world.input(CallInput::BotFailed(request, Fault::Failed { organ: Organ::Bot, detail: "reset".into() }));
                world.signal(SignalKind::BotError, None);
            }
        }
        31 => agent_talks(world, which),
        32 => world.input(CallInput::Command(command(world, which))),
        33 => elsewhere(world, which),
        34 => world.desk_input(DeskInput::Presence { agent: agent(which), presence: presence(which) }),
        35 => world.desk_input(DeskInput::Line { agent: agent(which), up: which.is_multiple_of(2) }),
        36 => world.input(CallInput::Desk(stale_news(which))),
        37 => stale(world, which),
        38 if size % 4 == 0 && which % 8 == 0 => world.input(CallInput::NoMedia(LegId::CALLER)),
        38 => world.input(CallInput::NoMedia(leg(world, which))),
        39 => world.input(CallInput::Queue(QueueView { waiting: u32::from(which), ..QueueView::default() })),
        40 => world.input(CallInput::Fault(Fault::Unavailable { organ: Organ::Voice, detail: "gone".into() })),
        41 => {
            world.silent_agents = which.is_multiple_of(4);
            world.silent_caller = which % 4 == 1;
        }
        42 => world.input(CallInput::Answered),
        43 => world.input(CallInput::Command(Command::HandBack { agent: talker(world, which), note: None })),
        44 => world.input(CallInput::Command(Command::Listen { supervisor: supervisor(which) })),
        45 => world.desk_input(DeskInput::WrappedUp { agent: agent(which), call: call_id() }),
        46 if size % 16 == 0 => world.input(CallInput::Shutdown),
        47 if size % 4 == 0 => world.input(CallInput::LegGone(LegId::CALLER, gone(which))),
        48 => world.input(CallInput::AgentSounds(offer(world, which))),
        49 => world.input(CallInput::PersonFound(offer(world, which))),
        _ => world.tick(),
    }
}

/// Something comes of a transfer, or a phone asks for one.
fn elsewhere(world: &mut World, which: u8) {
    let input = match which % 8 {
        5 => CallInput::TakenOver(leg(world, which)),
        1 => CallInput::Referred(leg(world, which / 8), "sip:desk@example.com".into()),
        3 | 7 => CallInput::PutThrough,
        _ => CallInput::Moved(which.is_multiple_of(2)),
    };
    world.input(input);
}

/// What an agent who is in the call says goes into the transcript.
fn agent_talks(world: &mut World, which: u8) {
    let legs: Vec<LegId> = world.legs.iter().filter(|(_, name)| !SUPERVISORS.contains(&&*name.0)).map(|(leg, _)| *leg).collect();
    if let Some(leg) = legs.get(usize::from(which) % legs.len().max(1))
        && world.are_talking(LegId::CALLER, *leg)
    {
        let (start, end) = (world.now, world.now);
        let turn = Turn { n: 0, start, end, text: Some("let me look".into()), confidence: None, recognized: true };
        world.input(CallInput::Heard(*leg, Heard::Turn(turn)));
    }
}

fn command(world: &World, which: u8) -> Command {
    match which % 22 {
        0 => Command::Handoff { queue: None },
        1 => Command::Handoff { queue: Some("billing".into()) },
        2 => Command::HandBack { agent: talker(world, which / 22), note: Some("back".into()) },
        3 => Command::Transfer { agent: talker(world, which / 22), target: Target::Queue("billing".into()) },
        4 => Command::Transfer { agent: talker(world, which / 22), target: Target::Queue("nowhere".into()) },
        5 => Command::Transfer { agent: talker(world, which / 22), target: Target::Outside("sip:desk@example.com".into()) },
        6 => Command::Invite { agent: talker(world, which / 22), target: Target::Queue("billing".into()) },
        7 => Command::HangUpAgent { agent: agent(which / 16) },
        8 => Command::Whisper { supervisor: supervisor(which / 22) },
        9 => Command::Barge { supervisor: supervisor(which / 22) },
        10 => Command::StopListening { supervisor: supervisor(which / 22) },
        11 | 12 => Command::Hold { agent: talker(world, which / 22), on: (which / 16).is_multiple_of(2) },
        13 => Command::Mute { agent: agent(which / 32), on: (which / 16).is_multiple_of(2) },
        14 => Command::Press { agent: agent(which / 16), key: Key::new('5').expect("a key") },
        15 | 16 => Command::Consult { agent: agent(which / 22), target: target(which) },
        17 => Command::Complete { agent: agent(which / 22) },
        18 => Command::TakeBack { agent: agent(which / 22) },
        19 => Command::Invite { agent: talker(world, which / 22), target: target(which) },
        20 => Command::Note { agent: agent(which / 22), text: "likes blue".into() },
        _ if which < 200 => Command::Correct { agent: agent(which / 22), name: "order".into(), value: "4711".into() },
        _ => Command::HangUp,
    }
}

fn target(which: u8) -> Target {
    match which % 3 {
        0 => Target::Agent(agent(which / 3)),
        1 => Target::Queue("billing".into()),
        _ => Target::Outside("tel:+15550123".into()),
    }
}

fn presence(which: u8) -> Presence {
    match which % 4 {
        0 | 1 => Presence::Available,
        2 => Presence::Break("tea".into()),
        _ => Presence::Offline,
    }
}

/// News about tickets and offers that are not, or no longer, the call's.
fn stale_news(which: u8) -> DeskOutput {
    let stale = TicketId { call: call_id(), n: 1_000 + u32::from(which) };
    let old = OfferId { call: call_id(), n: 1_000 + u32::from(which) };
    match which % 8 {
        0 => DeskOutput::NobodyOnDuty { ticket: stale },
        1 => DeskOutput::GaveUp { ticket: stale },
        2 => DeskOutput::TooLate { offer: old },
        3 => DeskOutput::Position { ticket: stale, position: 3, expected_wait_s: None },
        4 => DeskOutput::CallbackFiled { ticket: stale },
        5 => DeskOutput::CallbackRefused { ticket: stale },
        6 => DeskOutput::OfferSettled { offer: old, ticket: stale, agent: agent(which), outcome: OfferOutcome::Declined },
        _ => DeskOutput::AgentState { agent: agent(which), state: AgentState::Available },
    }
}

/// Inputs with ids of things that are over or never were.
fn stale(world: &mut World, which: u8) {
    let n = u32::from(which);
    let old = BotRequest(n / 2);
    let is_open = world.request == Some(old);
    let input = match which % 8 {
        0 => CallInput::PlaybackStarted(PlaybackId(10_000 + n)),
        1 => CallInput::PlaybackStopped { id: PlaybackId(10_000 + n), sent: 1, completed: true },
        2 => CallInput::Crossed { from: LegId(90 + n), to: LegId::CALLER, gap_frames: 0 },
        3 if !is_open => CallInput::BotSays(old, Wording::text("too late")),
        4 if !is_open => CallInput::BotReported(old, BotReport::default()),
        5 if !is_open => CallInput::BotFailed(old, Fault::Stalled { organ: Organ::Bot, after_ms: 1 }),
        6 => CallInput::PacketShown(OfferId { call: call_id(), n: 500 }),
        _ => CallInput::Alerted(OfferId { call: call_id(), n: 500 }),
    };
    world.input(input);
}

/// Runs one sequence and gives what was broken.
fn run(draws: &[Draw], mutant: Option<Mutant>) -> Vec<Violation> {
    let mut world = World::new(setup(draws.first().map_or(0, |d| d.2), mutant));
    world.input(CallInput::Answered);
    for draw in draws {
        step(&mut world, *draw);
        if !world.watchdog.violations.is_empty() {
            break;
        }
    }
    world.finish()
}

/// What happened last in a sequence.
fn journal(draws: &[Draw]) -> Vec<String> {
    let mut world = World::new(setup(draws.first().map_or(0, |d| d.2), None));
    world.input(CallInput::Answered);
    for draw in draws {
        step(&mut world, *draw);
        if !world.watchdog.violations.is_empty() {
            break;
        }
    }
    let told = world.records.iter().map(|(at, happening)| format!("{at} {happening:?}").chars().take(160).collect());
    told.collect::<Vec<String>>().split_off(world.records.len().saturating_sub(30))
}

/// Runs sequences until one breaks something; gives the shortest that still does. From a seed they are always the same.
fn search(seed: u8, sequences: u32, mutant: Option<Mutant>, wanted: Option<u8>) -> Option<(Vec<Draw>, Vec<Violation>)> {
    let config = Config { cases: sequences, failure_persistence: None, max_shrink_iters: 4_000, ..Config::default() };
    let rng = match seed {
        0 => TestRng::deterministic_rng(RngAlgorithm::ChaCha),
        _ => TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]),
    };
    let mut runner = TestRunner::new_with_rng(config, rng);
    let draws = vec(any::<Draw>(), INPUTS..INPUTS + 30);
    let broken = |draws: &[Draw]| -> Vec<Violation> {
        let mut found = run(draws, mutant);
        found.retain(|v| wanted.is_none_or(|wanted| wanted == v.invariant));
        found
    };
    let outcome = runner.run(&draws, |draws| {
        let found = broken(&draws);
        if found.is_empty() { Ok(()) } else { Err(TestCaseError::fail(format!("{found:?}"))) }
    });
    match outcome {
        Ok(()) => None,
        Err(TestError::Fail(_, draws)) => {
            let found = broken(&draws);
            Some((draws, found))
        }
        Err(TestError::Abort(why)) => panic!("the runner gave up: {why}"),
    }
}

#[test]
fn no_sequence_of_inputs_breaks_an_invariant() {
    let sequences = std::env::var("SEGUE_SEQUENCES").ok().and_then(|n| n.parse().ok()).unwrap_or(SEQUENCES);
    let of_seed = |seed| {
        if let Some((draws, violations)) = search(seed, sequences.div_ceil(u32::from(SEEDS)), None, None) {
            panic!("broken: {violations:#?}\nby {} inputs: {draws:?}\nwhat happened: {:#?}", draws.len(), journal(&draws));
        }
    };
    std::thread::scope(|scope| {
        for seed in 0..SEEDS {
            scope.spawn(move || of_seed(seed));
        }
    });
    println!("{sequences} sequences of at least {INPUTS} inputs broke nothing");
}

#[test]
fn every_broken_machine_is_caught_by_its_invariant() {
    for (mutant, invariant) in Mutant::ALL {
        let caught = search(0, MUTANT_SEQUENCES, Some(mutant), Some(invariant));
        let (draws, violations) = caught.unwrap_or_else(|| panic!("{mutant:?} was not caught by invariant {invariant}"));
        println!("{mutant:?}: invariant {invariant}, by {} inputs: {}", draws.len(), violations[0].what);
    }
}
