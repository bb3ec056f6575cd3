//! The traps that others fell into (DESIGN §8) and need no network, by number, and other scenes of a call's life.

use std::time::Duration;

use crate::harness::{Setup, World};
use segue::base::*;
use segue::call::*;
use segue::handoff::desk::*;
use segue::listen::types::*;

/// How something ends, by name.
type Ending = (&'static str, fn(&mut World));

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// Caller and `agent` are connected.
fn bridged(setup: Setup, agent: &str) -> World {
    let mut world = World::with_bot(setup);
    world.caller_asks_for_a_person();
    world.run(secs(1));
    let offer = world.offer_of(agent);
    world.input(CallInput::AgentAnswered(offer));
    world.run(secs(1));
    assert_eq!(world.stage(), StageName::Bridged);
    world
}

fn hang_up(world: &mut World) {
    world.input(CallInput::LegGone(LegId::CALLER, Gone::HungUp));
}

#[track_caller]
fn well(world: World) {
    assert_eq!(world.finish(), []);
}

#[test]
fn trap_1_caller_hangs_up_during_the_notice() {
    let mut world = World::with_bot(Setup::default());
    world.caller_asks_for_a_person();
    world.run(Duration::from_millis(500));
    assert!(world.playing.values().any(|p| p.purpose == Purpose::Notice && p.started));
    hang_up(&mut world);
    assert!(world.call.is_over());
    assert_eq!(world.outcome(), Some(CallOutcome::Abandoned));
    assert_eq!(world.handoff_outcomes(), [HandoffOutcome::Abandoned]);
    well(world);
}

#[test]
fn trap_2_caller_hangs_up_in_the_queue() {
    let mut world = World::with_bot(Setup { agents: 1, ..Setup::default() });
    let agent = AgentId::from("agent-1");
    world.desk_input(DeskInput::Seek(Seek {
        ticket: TicketId { call: CallId(uuid::Uuid::nil()), n: 0 },
        queue: "support".into(),
        skills: Vec::new(),
        language: "en-US".into(),
        priority: 9,
        since: Time::ZERO,
        except: Vec::new(),
        prefer: None,
        prefer_until: None,
        only: None,
    }));
    world.caller_asks_for_a_person();
    world.run(secs(8));
    assert_eq!(world.stage(), StageName::Waiting, "the only agent is busy with another caller");
    hang_up(&mut world);
    assert_eq!(world.outcome(), Some(CallOutcome::Abandoned));
    assert!(world.to_desk.iter().any(|m| matches!(m, DeskInput::Cancel { .. })));
    let _ = agent;
}

#[test]
fn trap_3_caller_hangs_up_while_the_agent_is_alerted() {
    let mut world = World::with_bot(Setup::default());
    world.caller_asks_for_a_person();
    world.run(secs(1));
    assert_eq!(world.stage(), StageName::RingingAgent);
    hang_up(&mut world);
    assert!(world.alerted.is_empty());
    assert!(world.recorded(|h| matches!(h, Happening::OfferSettled { outcome: OfferOutcome::Withdrawn, .. })));
    well(world);
}

#[test]
fn trap_4_caller_hangs_up_during_the_briefing() {
    let mut world = World::with_bot(Setup { whisper: true, ..Setup::default() });
    world.caller_asks_for_a_person();
    world.run(secs(1));
    let offer = world.offer_of("agent-1");
    world.input(CallInput::AgentAnswered(offer));
    world.run(Duration::from_millis(200));
    assert_eq!(world.stage(), StageName::Briefing);
    hang_up(&mut world);
    assert!(world.legs.is_empty() && world.playing.is_empty());
    assert_eq!(world.outcome(), Some(CallOutcome::Abandoned));
    well(world);
}

#[test]
fn trap_5_caller_hangs_up_while_being_bridged() {
    let mut world = World::with_bot(Setup::default());
    world.caller_asks_for_a_person();
    world.run(secs(1));
    let offer = world.offer_of("agent-1");
    world.input(CallInput::AgentAnswered(offer));
    assert_eq!(world.stage(), StageName::Bridged);
    hang_up(&mut world);
    assert_eq!(world.outcome(), Some(CallOutcome::Abandoned), "nobody heard anybody");
    well(world);
}

#[test]
fn trap_6_of_two_agents_who_accept_together_the_first_wins() {
    let mut world = World::with_bot(Setup { offers_at_once: 2, ..Setup::default() });
    world.caller_asks_for_a_person();
    world.run(secs(1));
    let (first, second) = (world.offer_of("agent-1"), world.offer_of("agent-2"));
    world.input(CallInput::AgentAnswered(second));
    world.input(CallInput::AgentAnswered(first));
    world.run(secs(1));
    assert_eq!(world.legs.values().map(ToString::to_string).collect::<Vec<_>>(), ["agent-2"]);
    assert!(world.recorded(|h| matches!(h, Happening::OfferSettled { outcome: OfferOutcome::Withdrawn, agent, .. } if &*agent.0 == "agent-1")));
    well(world);
}

#[test]
fn trap_6_of_two_agents_who_are_briefed_together_the_first_to_accept_wins() {
    let mut world = World::with_bot(Setup { offers_at_once: 2, ..Setup::default() });
    world.caller_asks_for_a_person();
    world.run(secs(1));
    let (first, second) = (world.offer_of("agent-1"), world.offer_of("agent-2"));
    world.input(CallInput::AgentPickedUp(first));
    world.input(CallInput::AgentPickedUp(second));
    world.run(Duration::from_millis(100));
    let (one, two) = (world.leg_of("agent-1"), world.leg_of("agent-2"));
    let key = Key::new(ACCEPT_KEY).expect("a key");
    world.input(CallInput::Heard(two, Heard::Key(key)));
    world.input(CallInput::Heard(one, Heard::Key(key)));
    world.run(secs(1));
    assert!(world.are_talking(LegId::CALLER, two));
    assert!(!world.legs.contains_key(&one), "the other one is let go");
    well(world);
}

#[test]
fn trap_7_an_agent_who_declines_after_another_accepted_changes_nothing() {
    let mut world = World::with_bot(Setup { offers_at_once: 2, ..Setup::default() });
    world.caller_asks_for_a_person();
    world.run(secs(1));
    let (first, second) = (world.offer_of("agent-1"), world.offer_of("agent-2"));
    world.input(CallInput::AgentAnswered(first));
    world.input(CallInput::AgentDeclined(second));
    world.run(secs(1));
    let leg = world.leg_of("agent-1");
    assert!(world.are_talking(LegId::CALLER, leg));
    well(world);
}

#[test]
fn trap_8_an_agent_who_goes_on_a_break_while_being_asked_is_replaced() {
    let mut world = World::with_bot(Setup::default());
    world.caller_asks_for_a_person();
    world.run(secs(1));
    assert_eq!(world.alerted_agents(), ["agent-1"]);
    world.desk_input(DeskInput::Presence { agent: "agent-1".into(), presence: Presence::Break("lunch".into()) });
    world.run(secs(1));
    assert_eq!(world.alerted_agents(), ["agent-2"]);
    well(world);
}

#[test]
fn trap_9_a_move_that_fails_half_way_gives_the_caller_back_to_the_agent() {
    let mut world = bridged(Setup::default(), "agent-1");
    world.input(CallInput::Command(Command::Transfer { agent: "agent-1".into(), target: Target::Outside("tel:+15550123;ext=7".into()) }));
    world.run(secs(2));
    assert_eq!(world.stage(), StageName::Transfer);
    assert_eq!(world.moved_to, ["tel:+15550123;ext=7"], "the target is kept as it is");
    world.input(CallInput::Moved(false));
    let leg = world.leg_of("agent-1");
    assert!(world.are_talking(LegId::CALLER, leg));
    well(world);
}

#[test]
fn trap_9_a_caller_whose_agent_left_a_failing_move_is_queued_again_and_the_call_can_end() {
    let mut world = bridged(Setup::default(), "agent-1");
    world.input(CallInput::Command(Command::Transfer { agent: "agent-1".into(), target: Target::Outside("tel:+15550123".into()) }));
    let leg = world.leg_of("agent-1");
    world.input(CallInput::LegGone(leg, Gone::HungUp));
    world.run(secs(31));
    assert!(matches!(world.stage(), StageName::Waiting | StageName::RingingAgent), "{:?}", world.stage());
    hang_up(&mut world);
    assert!(world.call.is_over());
    well(world);
}

#[test]
fn trap_20_an_agent_who_put_the_caller_through_is_free_and_the_call_ends_with_who_is_outside() {
    let mut world = bridged(Setup::default(), "agent-1");
    world.input(CallInput::Command(Command::Transfer { agent: "agent-1".into(), target: Target::Outside("tel:+15550123".into()) }));
    let agent = world.leg_of("agent-1");
    world.run(secs(3));
    world.input(CallInput::PutThrough);
    assert_eq!(world.stage(), StageName::Bridged);
    assert!(!world.legs.contains_key(&agent), "the agent's phone is hung up");
    let outside = world.leg_of("outside line");
    assert!(world.are_talking(LegId::CALLER, outside));
    dials(&mut world, outside, "*21");
    assert_eq!(world.keys_sent, []);
    dials(&mut world, LegId::CALLER, "4");
    assert_eq!(world.keys_sent, [(outside, Key::new('4').expect("a key"))], "there may be a menu");
    world.run(secs(40));
    assert!(world.are_talking(LegId::CALLER, outside), "codes are for agents, and nobody waits for the transfer any more");
    world.input(CallInput::LegGone(outside, Gone::HungUp));
    world.run(secs(30));
    assert!(world.call.is_over());
    well(world);
}

#[test]
fn trap_20_an_agent_whose_place_is_taken_after_a_consultation_is_free() {
    let mut world = bridged(Setup::default(), "agent-1");
    let agent = world.leg_of("agent-1");
    world.input(CallInput::TakenOver(agent));
    let outside = world.leg_of("outside line");
    assert!(!world.legs.contains_key(&agent) && world.are_talking(LegId::CALLER, outside));
    world.input(CallInput::TakenOver(agent));
    world.run(secs(3));
    assert!(world.are_talking(LegId::CALLER, outside), "it is told once");
    hang_up(&mut world);
    well(world);
}

#[test]
fn trap_15_the_bot_hears_no_waiting_caller_and_the_caller_no_briefing() {
    let mut world = World::with_bot(Setup { whisper: true, ..Setup::default() });
    world.caller_asks_for_a_person();
    world.run(secs(10));
    assert!(world.playing.values().any(|p| p.purpose == Purpose::Music && p.leg == LegId::CALLER));
    let told = world.told.len();
    world.caller_says("hello are you there");
    assert_eq!(world.told.len(), told, "the bot is not told what a waiting caller says");
    let offer = world.offer_of("agent-1");
    world.input(CallInput::AgentAnswered(offer));
    world.run(Duration::from_millis(100));
    let briefing: Vec<LegId> = world.playing.values().filter(|p| p.purpose == Purpose::Briefing).map(|p| p.leg).collect();
    assert_eq!(briefing, [world.leg_of("agent-1")]);
    assert!(world.routes.is_empty(), "nobody hears anybody yet");
    world.run(secs(10));
    assert_eq!(world.stage(), StageName::Bridged);
    well(world);
}

#[test]
fn trap_16_keys_of_agent_and_bridged_caller_do_not_reach_the_bot() {
    let mut world = bridged(Setup::default(), "agent-1");
    let told = world.told.len();
    let (agent, key) = (world.leg_of("agent-1"), Key::new('5').expect("a key"));
    world.input(CallInput::Heard(agent, Heard::Key(key)));
    world.input(CallInput::Heard(LegId::CALLER, Heard::Key(key)));
    assert_eq!(world.told.len(), told);
    assert!(world.recorded(|h| matches!(h, Happening::KeyPressed { who: Party::Agent, .. })));
    well(world);
}

#[test]
fn trap_17_a_voicemail_that_answers_for_an_agent_never_gets_the_caller() {
    let mut world = World::with_bot(Setup::default());
    world.caller_asks_for_a_person();
    world.run(secs(1));
    let offer = world.offer_of("agent-1");
    world.input(CallInput::AgentPickedUp(offer));
    world.run(secs(30));
    let unanswered = |h: &Happening| matches!(h, Happening::OfferSettled { outcome: OfferOutcome::Unanswered, .. });
    assert!(world.recorded(unanswered), "its offer runs out");
    assert!(!world.recorded(|h| matches!(h, Happening::ClockReached { clock: HandoffClock::T4, .. })));
    assert_eq!(world.alerted_agents(), ["agent-2"], "the next agent is asked");
    well(world);
}

#[test]
fn trap_18_the_triggering_sentence_is_in_the_packet() {
    let mut world = World::with_bot(Setup::default());
    let turn = world.caller_says("this is ridiculous, where is my order");
    world.signal(SignalKind::RaisedVolume, Some(&turn));
    world.run(secs(1));
    let packet = world.packets.last().expect("an agent is asked");
    assert_eq!(packet.trigger.sentence, "this is ridiculous, where is my order");
    assert!(packet.transcript.iter().any(|line| line.text.as_deref() == Some("this is ridiculous, where is my order")));
    well(world);
}

#[test]
fn trap_19_a_call_whose_bot_has_died_goes_to_a_person_and_can_end() {
    let mut world = World::with_bot(Setup::default());
    for _ in 0..3 {
        world.caller_says("hello");
        if let Some(request) = world.request {
            let fault = Fault::Failed { organ: Organ::Bot, detail: "connection reset".into() };
            world.input(CallInput::BotFailed(request, fault));
            world.signal(SignalKind::BotError, None);
        }
        world.run(secs(2));
    }
    assert!(world.recorded(|h| matches!(h, Happening::Triggered { trigger, .. } if trigger == "bot_failed")));
    hang_up(&mut world);
    assert!(world.call.is_over());
    well(world);
}

#[test]
fn a_bot_that_never_answers_is_not_waited_for_in_silence() {
    let mut world = World::with_bot(Setup::default());
    world.caller_says("where is my order");
    world.run(secs(7));
    let comfort = world.records.iter().filter(|(_, h)| matches!(h, Happening::PlaybackStarted { purpose: Purpose::Comfort, .. })).count();
    assert!(comfort >= 3, "{comfort} comfort tones in 7 s");
    world.run(secs(3));
    assert!(world.recorded(|h| matches!(h, Happening::Faulted { fault: Fault::Stalled { organ: Organ::Bot, .. } })));
    well(world);
}

#[test]
fn trap_20_talk_time_is_charged_to_the_agent_who_talked() {
    let mut world = World::with_bot(Setup { offers_at_once: 2, ..Setup::default() });
    world.caller_asks_for_a_person();
    world.run(secs(1));
    let second = world.offer_of("agent-2");
    world.input(CallInput::AgentAnswered(second));
    world.run(secs(10));
    hang_up(&mut world);
    let released: Vec<String> =
        world.to_desk.iter().filter_map(|m| if let DeskInput::Release { agent, .. } = m { Some(agent.to_string()) } else { None }).collect();
    assert_eq!(released, ["agent-2"]);
    well(world);
}

#[test]
fn trap_21_a_supervisor_is_not_audible_until_they_choose_to_be() {
    let mut world = bridged(Setup::default(), "agent-1");
    world.input(CallInput::Command(Command::Listen { supervisor: "sue".into() }));
    let (sue, agent) = (world.leg_of("sue"), world.leg_of("agent-1"));
    assert!(world.routes.contains(&(LegId::CALLER, sue)) && world.routes.contains(&(agent, sue)));
    assert!(!world.routes.iter().any(|(from, _)| *from == sue));
    world.input(CallInput::Command(Command::Whisper { supervisor: "sue".into() }));
    assert!(world.routes.contains(&(sue, agent)) && !world.routes.contains(&(sue, LegId::CALLER)));
    world.input(CallInput::Command(Command::Barge { supervisor: "sue".into() }));
    assert!(world.routes.contains(&(sue, LegId::CALLER)));
    well(world);
}

#[test]
fn trap_25_a_waiting_caller_is_offered_in_the_instant_in_which_an_agent_becomes_free() {
    let mut world = World::with_bot(Setup { agents: 1, ..Setup::default() });
    world.desk_input(DeskInput::Seek(Seek {
        ticket: TicketId { call: CallId(uuid::Uuid::nil()), n: 0 },
        queue: "support".into(),
        skills: Vec::new(),
        language: "en-US".into(),
        priority: 9,
        since: Time::ZERO,
        except: Vec::new(),
        prefer: None,
        prefer_until: None,
        only: None,
    }));
    world.caller_asks_for_a_person();
    world.run(secs(5));
    assert_eq!(world.stage(), StageName::Waiting);
    world.desk_input(DeskInput::Cancel { ticket: TicketId { call: CallId(uuid::Uuid::nil()), n: 0 } });
    assert_eq!(world.stage(), StageName::RingingAgent, "without any time passing");
}

#[test]
fn the_clocks_of_a_handoff_are_read_in_order() {
    let world = bridged(Setup::default(), "agent-1");
    let clocks: Vec<(HandoffClock, Time)> =
        world.records.iter().filter_map(|(at, h)| if let Happening::ClockReached { clock, .. } = h { Some((*clock, *at)) } else { None }).collect();
    let at = |clock| clocks.iter().find(|(c, _)| *c == clock).map(|(_, at)| *at).unwrap_or_else(|| panic!("{clock:?} is missing in {clocks:?}"));
    use HandoffClock::*;
    for (earlier, later) in [(T0, T1), (T0, T2), (T2, T3), (T3, T4), (T4, T5), (T5, T6)] {
        assert!(at(earlier) <= at(later), "{earlier:?} {later:?} in {clocks:?}");
    }
    assert!(at(T5).since(at(T4)) <= Duration::from_millis(60), "pick-up gap {:?}", at(T5).since(at(T4)));
    well(world);
}

#[test]
fn each_of_several_who_are_asked_at_once_has_clocks_of_their_own() {
    let mut world = World::with_bot(Setup { offers_at_once: 2, ..Setup::default() });
    world.slow_screens = true;
    world.caller_asks_for_a_person();
    world.run(secs(1));
    let (first, second) = (world.offer_of("agent-1"), world.offer_of("agent-2"));
    for (after, input) in [(1, CallInput::PacketShown(second)), (1, CallInput::PacketShown(first)), (0, CallInput::Alerted(first))] {
        world.run(secs(after));
        world.input(input.clone());
        world.input(input);
    }
    world.run(secs(1));
    world.input(CallInput::AgentAnswered(second));
    world.run(secs(1));
    use HandoffClock::*;
    let of_offer = |h: &Happening| match h {
        Happening::ClockReached { clock: clock @ (T2 | T3 | T4), offer, .. } => Some((*clock, *offer)),
        _ => None,
    };
    let reached = Vec::from_iter(world.records.iter().filter_map(|(_, h)| of_offer(h)));
    assert_eq!(reached, [(T2, Some(second.n)), (T2, Some(first.n)), (T3, Some(first.n)), (T4, Some(second.n))], "each once");
    well(world);
}

#[test]
fn an_offer_that_is_declined_keeps_the_caller_with_the_bot_which_answers_what_they_said() {
    let mut world = World::with_bot(Setup::default());
    let turn = world.caller_says("where is my order");
    world.signal(SignalKind::Repeat, Some(&turn));
    assert_eq!(world.stage(), StageName::Offered);
    world.run(secs(3));
    world.caller_says("no thank you");
    assert_eq!(world.stage(), StageName::WithBot);
    assert_eq!(world.handoff_outcomes(), [HandoffOutcome::KeptWithBot]);
    let last = world.told.last().expect("the bot is told");
    assert!(matches!(last, BotEvent::Said { text: Some(text), .. } if text == "where is my order"), "{last:?}");
    well(world);
}

#[test]
fn an_offer_that_is_accepted_by_key_or_word_begins_the_handoff() {
    for by_key in [true, false] {
        let mut world = World::with_bot(Setup::default());
        let turn = world.caller_says("where is my order");
        world.signal(SignalKind::Repeat, Some(&turn));
        world.run(secs(3));
        if by_key {
            world.input(CallInput::Heard(LegId::CALLER, Heard::Key(Key::new('1').expect("a key"))));
        } else {
            world.caller_says("yes please");
        }
        assert_eq!(world.stage(), StageName::RingingAgent);
        assert!(world.recorded(|h| matches!(h, Happening::Consented { consent: Consent::Yes, .. })));
        well(world);
    }
}

#[test]
fn a_question_that_is_not_answered_keeps_the_caller_with_the_bot() {
    let mut world = World::with_bot(Setup::default());
    let turn = world.caller_says("where is my order");
    world.signal(SignalKind::Repeat, Some(&turn));
    world.run(secs(15));
    assert!(world.recorded(|h| matches!(h, Happening::Consented { consent: Consent::Silence, .. })));
    assert_eq!(world.stage(), StageName::WithBot);
    well(world);
}

#[test]
fn nobody_on_duty_becomes_a_callback_and_the_bot_goes_on() {
    let mut world = World::with_bot(Setup { agents: 0, ..Setup::default() });
    world.caller_asks_for_a_person();
    world.run(secs(15));
    assert_eq!(world.handoff_outcomes(), [HandoffOutcome::Callback]);
    assert_eq!(world.stage(), StageName::WithBot);
    assert!(matches!(world.told.last(), Some(BotEvent::Resume(Resumption::NobodyFound))), "{:?}", world.told);
    let spoken: Vec<Purpose> =
        world.records.iter().filter_map(|(_, h)| if let Happening::PlaybackStarted { purpose, .. } = h { Some(*purpose) } else { None }).collect();
    assert_eq!(spoken.iter().filter(|p| **p == Purpose::Notice).count(), 1, "the caller is told once what happens: {spoken:?}");
    hang_up(&mut world);
    assert_eq!(world.outcome(), Some(CallOutcome::Callback));
    well(world);
}

#[test]
fn a_caller_without_a_number_leaves_a_message() {
    let mut world = World::with_bot(Setup { agents: 0, caller: None, ..Setup::default() });
    world.caller_asks_for_a_person();
    world.run(secs(10));
    assert_eq!(world.stage(), StageName::Message);
    world.caller_says("please call me at the shop");
    world.run(secs(10));
    assert!(world.recorded(|h| matches!(h, Happening::MessageLeft { .. })));
    assert_eq!(world.handoff_outcomes(), [HandoffOutcome::Message]);
    hang_up(&mut world);
    assert_eq!(world.outcome(), Some(CallOutcome::Message));
    well(world);
}

#[test]
fn an_agent_whose_line_breaks_is_replaced_and_the_caller_keeps_their_age() {
    let mut world = bridged(Setup::default(), "agent-1");
    world.run(secs(5));
    let leg = world.leg_of("agent-1");
    world.desk_input(DeskInput::Line { agent: "agent-1".into(), up: false });
    world.input(CallInput::LegGone(leg, Gone::Lost));
    assert_ne!(world.stage(), StageName::Bridged);
    let seeks: Vec<Time> = world.to_desk.iter().filter_map(|m| if let DeskInput::Seek(s) = m { Some(s.since) } else { None }).collect();
    assert_eq!(seeks.len(), 2);
    assert_eq!(seeks[0], seeks[1]);
    world.run(secs(12));
    assert_eq!(world.alerted_agents(), ["agent-2"]);
    well(world);
}

#[test]
fn an_agent_who_cannot_be_heard_is_replaced() {
    let mut world = World::with_bot(Setup::default());
    world.silent_agents = true;
    world.caller_asks_for_a_person();
    world.run(secs(1));
    let offer = world.offer_of("agent-1");
    world.input(CallInput::AgentAnswered(offer));
    world.run(secs(7));
    assert!(world.recorded(|h| matches!(h, Happening::OneWayAudio { from: Party::Agent, .. })));
    assert!(matches!(world.stage(), StageName::Waiting | StageName::RingingAgent), "{:?}", world.stage());
    well(world);
}

#[test]
fn an_agent_hands_the_caller_back_to_the_bot_with_a_note() {
    let mut world = bridged(Setup::default(), "agent-1");
    world.input(CallInput::Command(Command::HandBack { agent: "agent-1".into(), note: Some("just needs the opening hours".into()) }));
    assert_eq!(world.stage(), StageName::WithBot);
    assert!(matches!(world.told.last(), Some(BotEvent::Resume(Resumption::HandedBack(Some(note)))) if note.contains("opening")));
    assert_eq!(world.handoff_outcomes(), [HandoffOutcome::HandedBack]);
    assert!(world.legs.is_empty());
    well(world);
}

#[test]
fn a_caller_who_was_handed_back_is_not_sent_to_a_person_again_for_what_they_asked_before() {
    let mut world = World::with_bot(Setup::default());
    let turn = world.caller_says("where is my order");
    world.signal(SignalKind::Repeat, Some(&turn));
    assert_eq!(world.stage(), StageName::Offered);
    // The answer to the question is a request.
    let turn = world.caller_says("a person please");
    world.signal(SignalKind::Request, Some(&turn));
    world.run(secs(1));
    let offer = world.offer_of("agent-1");
    world.input(CallInput::AgentAnswered(offer));
    world.run(secs(2));
    assert_eq!(world.stage(), StageName::Bridged);
    world.input(CallInput::Command(Command::HandBack { agent: "agent-1".into(), note: None }));
    world.bot_says("Here I am again.");
    world.run(secs(2));
    assert_eq!(world.stage(), StageName::WithBot);
    well(world);
}

#[test]
fn a_second_agent_joins_a_conference_and_the_first_may_leave() {
    let mut world = bridged(Setup::default(), "agent-1");
    world.input(CallInput::Command(Command::Invite { agent: "agent-1".into(), target: Target::Queue("billing".into()) }));
    world.run(secs(1));
    let offer = world.offer_of("agent-2");
    world.input(CallInput::AgentAnswered(offer));
    world.run(secs(1));
    assert_eq!(world.stage(), StageName::Conference);
    let (one, two) = (world.leg_of("agent-1"), world.leg_of("agent-2"));
    assert!(world.are_talking(one, two) && world.are_talking(LegId::CALLER, two));
    world.input(CallInput::LegGone(one, Gone::HungUp));
    assert_eq!(world.stage(), StageName::Bridged);
    assert!(world.are_talking(LegId::CALLER, two));
    well(world);
}

#[test]
fn an_entry_in_shadow_mode_records_and_does_nothing() {
    let mut world = World::with_bot(Setup { mode: Mode::Shadow, ..Setup::default() });
    world.caller_asks_for_a_person();
    world.run(secs(3));
    assert!(world.recorded(|h| matches!(h, Happening::Triggered { mode: Mode::Shadow, .. })));
    assert_eq!(world.handoff_outcomes(), [HandoffOutcome::Shadow]);
    assert!(!world.to_desk.iter().any(|m| matches!(m, DeskInput::Seek(_))));
    assert_eq!(world.stage(), StageName::WithBot);
    well(world);
}

#[test]
fn an_entry_without_a_bot_goes_straight_to_the_queue() {
    let mut world = World::new(Setup { bot: BotPlan::None, ..Setup::default() });
    world.input(CallInput::Answered);
    world.run(secs(1));
    assert_eq!(world.stage(), StageName::RingingAgent);
    assert!(world.recorded(|h| matches!(h, Happening::Triggered { trigger, .. } if trigger == "entry")));
    well(world);
}

#[test]
fn shutdown_tells_the_caller_before_the_call_ends() {
    let mut world = World::with_bot(Setup::default());
    world.input(CallInput::Shutdown);
    world.run(secs(5));
    assert!(world.recorded(|h| matches!(h, Happening::PlaybackStarted { purpose: Purpose::Goodbye, .. })));
    assert!(world.call.is_over());
    well(world);
}

#[test]
fn barge_in_stops_the_bot_and_what_it_had_queued() {
    let mut world = World::with_bot(Setup::default());
    world.caller_says("opening hours");
    world.bot_says("We are open from nine to five on weekdays.");
    world.bot_says("On Saturdays from ten to two.");
    world.bot_reports(BotReport::default());
    world.run(Duration::from_millis(300));
    world.input(CallInput::Heard(LegId::CALLER, Heard::BargeIn));
    assert!(world.playing.is_empty(), "{:?}", world.playing);
    assert!(world.recorded(|h| matches!(h, Happening::BargedIn)));
    let cut = |h: &Happening| matches!(h, Happening::TurnEnded { who: Party::Bot, cut: true, text: Some(text), .. } if text.contains("weekdays"));
    assert!(world.recorded(cut));
    well(world);
}

#[test]
fn what_a_bot_still_says_to_what_it_was_talked_over_is_left_out_but_its_report_counts() {
    let mut world = World::with_bot(Setup::default());
    world.caller_says("where is my order");
    world.bot_says("It is on its way.");
    world.run(Duration::from_millis(200));
    world.input(CallInput::Heard(LegId::CALLER, Heard::BargeIn));
    world.bot_says("It comes tomorrow.");
    assert!(world.playing.values().all(|p| p.purpose != Purpose::Bot), "{:?}", world.playing);
    world.bot_reports(BotReport { progress: true, ..BotReport::default() });
    assert!(matches!(
        world.records.iter().rev().find(|(_, h)| matches!(h, Happening::BotReplied { .. })),
        Some((_, Happening::BotReplied { progress: true, .. }))
    ));
    world.caller_says("today?");
    world.bot_says("No, tomorrow.");
    assert!(world.playing.values().any(|p| p.purpose == Purpose::Bot), "the next answer is heard");
    well(world);
}

#[test]
fn a_bot_that_goes_on_speaking_has_not_stalled() {
    let mut world = World::with_bot(Setup::default());
    world.caller_says("tell me everything");
    for _ in 0..4 {
        world.run(secs(6));
        world.bot_says("And then.");
    }
    assert!(!world.recorded(|h| matches!(h, Happening::Faulted { .. })));
    world.run(secs(9));
    assert!(world.recorded(|h| matches!(h, Happening::Faulted { fault: Fault::Stalled { .. } })));
    well(world);
}

#[test]
fn a_caller_is_not_handed_back_where_there_is_no_bot() {
    let mut world = World::new(Setup { bot: BotPlan::None, ..Setup::default() });
    world.input(CallInput::Answered);
    let offer = world.offer_of("agent-1");
    world.input(CallInput::AgentAnswered(offer));
    world.run(secs(1));
    world.input(CallInput::Command(Command::HandBack { agent: "agent-1".into(), note: None }));
    world.run(secs(4));
    assert_eq!(world.stage(), StageName::Bridged);
    well(world);
}

#[test]
fn who_is_not_understood_yet_hears_that_they_are_waited_for() {
    let mut world = World::with_bot(Setup::default());
    world.run(secs(10));
    let tones =
        |world: &World| world.records.iter().filter(|(_, kind)| matches!(kind, Happening::PlaybackStarted { purpose: Purpose::Comfort, .. })).count();
    let before = tones(&world);
    world.input(CallInput::Heard(LegId::CALLER, Heard::EarLate));
    world.run(Duration::from_millis(100));
    assert_eq!(tones(&world), before + 1);
    well(world);
}

#[test]
fn a_message_is_as_long_as_the_caller_speaks() {
    let mut world = World::with_bot(Setup { agents: 0, caller: None, ..Setup::default() });
    world.caller_asks_for_a_person();
    world.run(secs(10));
    assert_eq!(world.stage(), StageName::Message);
    world.input(CallInput::Heard(LegId::CALLER, Heard::SpeechBegan(world.now)));
    world.run(secs(20));
    assert_eq!(world.stage(), StageName::Message, "they are still speaking");
    hang_up(&mut world);
    assert_eq!(world.outcome(), Some(CallOutcome::Message), "what they said before they hung up counts");
    well(world);
}

#[test]
fn a_late_yes_that_has_begun_in_time_is_a_yes() {
    let mut world = World::with_bot(Setup::default());
    let turn = world.caller_says("where is my order");
    world.signal(SignalKind::Repeat, Some(&turn));
    world.run(secs(6));
    world.input(CallInput::Heard(LegId::CALLER, Heard::SpeechBegan(world.now)));
    world.run(secs(5));
    world.caller_says("yes please");
    assert!(world.recorded(|h| matches!(h, Happening::Consented { consent: Consent::Yes, .. })));
    well(world);
}

/// The bot fails at whatever it is working on, and no listener says so.
fn bot_dies(world: &mut World) {
    if let Some(request) = world.request.take() {
        world.input(CallInput::BotFailed(request, Fault::Failed { organ: Organ::Bot, detail: "connection reset".into() }));
        world.run(Duration::from_millis(200));
    }
}

#[test]
fn a_failing_bot_is_recovered_from_even_where_no_signal_tells_of_it() {
    let mut world = World::with_bot(Setup::default());
    world.caller_says("hello");
    bot_dies(&mut world);
    bot_dies(&mut world);
    world.run(secs(1));
    assert!(world.recorded(|h| matches!(h, Happening::Triggered { trigger, .. } if trigger == "bot_failed")));
    well(world);
}

#[test]
fn a_bot_that_failed_is_told_again_what_the_caller_said() {
    let mut world = World::with_bot(Setup::default());
    world.caller_says("where is my order");
    bot_dies(&mut world);
    assert!(world.request.is_some(), "it is tried once more");
    assert!(matches!(world.told.last(), Some(BotEvent::Said { text: Some(text), .. }) if text == "where is my order"), "{:?}", world.told.last());
    well(world);
}

#[test]
fn a_trigger_on_a_failing_bot_comes_before_the_second_try() {
    let mut world = World::with_bot(Setup::default());
    world.caller_says("where is my order");
    let (request, told) = (world.request.take().expect("the bot was asked"), world.told.len());
    world.input(CallInput::BotFailed(request, Fault::Failed { organ: Organ::Bot, detail: "connection reset".into() }));
    world.signal(SignalKind::Request, None);
    world.run(secs(1));
    assert_eq!(world.told.len(), told);
    assert_eq!(world.stage(), StageName::RingingAgent);
    well(world);
}

#[test]
fn a_dead_bot_and_nobody_on_duty_do_not_take_turns_without_end() {
    for (otherwise, caller, expected) in [
        (vec![Otherwise::Bot], Some("+15550100"), CallOutcome::Callback),
        (vec![Otherwise::Bot], None, CallOutcome::Abandoned),
        (vec![Otherwise::Message, Otherwise::Bot], Some("+15550100"), CallOutcome::Callback),
    ] {
        let mut world = World::with_bot(Setup { agents: 0, otherwise, caller, ..Setup::default() });
        world.caller_says("hello");
        for _ in 0..20 {
            bot_dies(&mut world);
            world.run(secs(10));
        }
        let failed = world.records.iter().filter(|(_, h)| matches!(h, Happening::Triggered { .. })).count();
        assert_eq!(failed, 1, "handoffs of {expected:?}");
        assert!(world.call.is_over());
        assert_eq!(world.outcome(), Some(expected));
        well(world);
    }
}

#[test]
fn a_survey_ends_however_long_the_caller_goes_on() {
    let mut world = bridged(Setup { survey: true, ..Setup::default() }, "agent-1");
    let agent = world.leg_of("agent-1");
    world.input(CallInput::LegGone(agent, Gone::HungUp));
    assert_eq!(world.stage(), StageName::Survey);
    for _ in 0..15 {
        world.caller_says("what a day");
        world.input(CallInput::Heard(LegId::CALLER, Heard::Key(Key::new('9').expect("a key"))));
        world.run(secs(3));
    }
    assert!(world.call.is_over(), "{:?}", world.stage());
    well(world);
}

/// Caller and agent are connected, and the caller sends no sound.
fn bridged_to_a_silent_caller(setup: Setup) -> World {
    let mut world = World::with_bot(setup);
    world.silent_caller = true;
    world.caller_asks_for_a_person();
    world.run(secs(1));
    let offer = world.offer_of("agent-1");
    world.input(CallInput::AgentAnswered(offer));
    world.run(secs(7));
    assert_eq!(world.stage(), StageName::Bridged, "a silent caller is not taken from their agent");
    assert!(world.recorded(|h| matches!(h, Happening::OneWayAudio { from: Party::Caller, .. })));
    world
}

fn reached(world: &World, clock: HandoffClock) -> bool {
    world.recorded(|h| matches!(h, Happening::ClockReached { clock: c, .. } if *c == clock))
}

#[test]
fn an_agent_with_a_silent_caller_may_hand_back_or_send_on() {
    let mut world = bridged_to_a_silent_caller(Setup::default());
    world.input(CallInput::Command(Command::HandBack { agent: "agent-1".into(), note: None }));
    assert_eq!(world.stage(), StageName::WithBot);
    assert!(!reached(&world, HandoffClock::T5), "nothing that the caller sent has reached anybody");
    well(world);
    let mut world = bridged_to_a_silent_caller(Setup::default());
    world.input(CallInput::Command(Command::Transfer { agent: "agent-1".into(), target: Target::Queue("billing".into()) }));
    assert!(matches!(world.stage(), StageName::Waiting | StageName::RingingAgent), "{:?}", world.stage());
    well(world);
}

#[test]
fn an_agent_who_hangs_up_on_a_silent_caller_is_not_replaced() {
    let mut world = bridged_to_a_silent_caller(Setup::default());
    let agent = world.leg_of("agent-1");
    world.input(CallInput::LegGone(agent, Gone::HungUp));
    world.run(secs(2));
    assert!(world.call.is_over());
    assert_eq!(world.outcome(), Some(CallOutcome::Abandoned), "without t5 there was no bridge");
    well(world);
}

#[test]
fn an_agent_who_could_not_be_heard_is_not_asked_again_for_this_call() {
    let mut world = World::with_bot(Setup { agents: 2, ..Setup::default() });
    world.silent_agents = true;
    world.caller_asks_for_a_person();
    world.run(secs(1));
    let offer = world.offer_of("agent-1");
    world.input(CallInput::AgentAnswered(offer));
    world.run(secs(7));
    let seek =
        world.to_desk.iter().rev().find_map(|m| if let DeskInput::Seek(seek) = m { Some(seek.clone()) } else { None }).expect("a second search");
    assert_eq!((seek.prefer, seek.except), (None, vec![AgentId::from("agent-1")]));
    assert_eq!(world.alerted_agents(), ["agent-2"]);
    well(world);
}

#[test]
fn hanging_up_an_agent_of_a_conference_takes_the_one_who_is_named() {
    let mut world = bridged(Setup::default(), "agent-1");
    world.input(CallInput::Command(Command::Invite { agent: "agent-1".into(), target: Target::Queue("billing".into()) }));
    world.run(secs(1));
    let offer = world.offer_of("agent-2");
    world.input(CallInput::AgentAnswered(offer));
    world.run(secs(1));
    world.input(CallInput::Command(Command::HangUpAgent { agent: "agent-2".into() }));
    assert_eq!(world.stage(), StageName::Bridged);
    assert!(world.are_talking(LegId::CALLER, world.leg_of("agent-1")));
    let odd = world.call.odd_inputs();
    world.input(CallInput::Command(Command::HangUpAgent { agent: "agent-2".into() }));
    assert_eq!((world.stage(), world.call.odd_inputs()), (StageName::Bridged, odd + 1));
    well(world);
}

#[test]
fn a_caller_whose_media_dries_up_is_lost() {
    let mut world = bridged(Setup::default(), "agent-1");
    world.input(CallInput::NoMedia(LegId::CALLER));
    world.run(secs(2));
    assert!(world.recorded(|h| matches!(h, Happening::OneWayAudio { from: Party::Caller, .. })));
    assert!(world.recorded(|h| matches!(h, Happening::CallEnded { by: EndedBy::LostMedia, outcome: CallOutcome::Bridged })));
    assert!(world.released.contains(&(LegId::CALLER, EndedBy::LostMedia)));
    well(world);
}

#[test]
fn an_agent_whose_media_dries_up_is_replaced_and_the_caller_keeps_their_age() {
    let mut world = bridged(Setup::default(), "agent-1");
    world.run(secs(5));
    let leg = world.leg_of("agent-1");
    world.input(CallInput::NoMedia(leg));
    assert!(world.released.contains(&(leg, EndedBy::LostMedia)));
    assert!(world.recorded(|h| matches!(h, Happening::OneWayAudio { from: Party::Agent, .. })));
    let seeks: Vec<Time> = world.to_desk.iter().filter_map(|m| if let DeskInput::Seek(s) = m { Some(s.since) } else { None }).collect();
    assert_eq!(seeks.len(), 2);
    assert_eq!(seeks[0], seeks[1]);
    well(world);
}

#[test]
fn a_phone_that_falls_silent_while_it_is_briefed_has_vanished() {
    let mut world = World::with_bot(Setup::default());
    world.caller_asks_for_a_person();
    world.run(secs(1));
    let offer = world.offer_of("agent-1");
    world.input(CallInput::AgentPickedUp(offer));
    world.run(secs(1));
    let leg = world.leg_of("agent-1");
    world.input(CallInput::NoMedia(leg));
    assert!(world.recorded(|h| matches!(h, Happening::OfferSettled { outcome: OfferOutcome::Vanished, .. })));
    assert!(world.released.iter().any(|(released, _)| *released == leg));
    well(world);
}

fn dials(world: &mut World, leg: LegId, keys: &str) {
    for key in keys.chars() {
        world.input(CallInput::Heard(leg, Heard::Key(Key::new(key).expect("a key"))));
    }
}

#[test]
fn an_agent_on_a_phone_hands_back_by_key() {
    let mut world = bridged(Setup::default(), "agent-1");
    let agent = world.leg_of("agent-1");
    dials(&mut world, agent, "*1");
    assert_eq!(world.stage(), StageName::WithBot);
    assert_eq!(world.handoff_outcomes(), [HandoffOutcome::HandedBack]);
    well(world);
}

#[test]
fn an_agent_on_a_phone_sends_on_to_a_queue_by_its_digit() {
    let mut world = bridged(Setup::default(), "agent-1");
    let agent = world.leg_of("agent-1");
    dials(&mut world, agent, "*2");
    assert_eq!(world.stage(), StageName::Bridged, "the queue's digit is missing yet");
    dials(&mut world, agent, "1");
    let queue = world.to_desk.iter().rev().find_map(|m| if let DeskInput::Seek(seek) = m { Some(seek.queue.clone()) } else { None });
    assert_eq!(queue, Some("billing".into()), "the first of the queues in the order of their names");
    well(world);
}

#[test]
fn an_agent_on_a_phone_begins_a_conference_by_key() {
    let mut world = bridged(Setup::default(), "agent-1");
    let agent = world.leg_of("agent-1");
    dials(&mut world, agent, "*32");
    world.run(secs(1));
    let offer = world.offer_of("agent-2");
    world.input(CallInput::AgentAnswered(offer));
    world.run(secs(1));
    assert_eq!(world.stage(), StageName::Conference);
    well(world);
}

#[test]
fn a_wrong_code_is_answered_by_a_tone_in_the_agents_ear_only() {
    for wrong in ["*9", "*29", "*2*", "**"] {
        let mut world = bridged(Setup::default(), "agent-1");
        let agent = world.leg_of("agent-1");
        dials(&mut world, agent, wrong);
        assert_eq!(world.stage(), StageName::Bridged, "{wrong}");
        let tones: Vec<LegId> = world.playing.values().filter(|p| p.purpose == Purpose::Beep).map(|p| p.leg).collect();
        assert_eq!(tones, [agent], "{wrong}");
        dials(&mut world, agent, "1");
        assert_eq!(world.stage(), StageName::Bridged, "{wrong} is forgotten");
        well(world);
    }
}

#[test]
fn the_callers_stars_and_a_code_that_was_left_alone_do_nothing() {
    let mut world = bridged(Setup::default(), "agent-1");
    let agent = world.leg_of("agent-1");
    dials(&mut world, LegId::CALLER, "*1");
    dials(&mut world, agent, "1");
    assert_eq!(world.stage(), StageName::Bridged);
    dials(&mut world, agent, "*");
    world.run(secs(5));
    dials(&mut world, agent, "1");
    assert_eq!(world.stage(), StageName::Bridged);
    well(world);
}

#[test]
fn a_phone_is_asked_for_the_key_after_the_briefing_and_either_may_be_cut_short() {
    let mut world = World::with_bot(Setup::default());
    world.caller_asks_for_a_person();
    world.run(secs(1));
    let offer = world.offer_of("agent-1");
    world.input(CallInput::AgentPickedUp(offer));
    world.run(secs(10));
    let told = |world: &World, words: &str| {
        world.recorded(|h| matches!(h, Happening::PlaybackStarted { purpose: Purpose::Briefing, text: Some(text), .. } if text.contains(words)))
    };
    assert!(told(&world, "Press 1 to accept"));
    let agent = world.leg_of("agent-1");
    assert!(world.routes.is_empty(), "nobody hears anybody yet");
    dials(&mut world, agent, "1");
    world.run(secs(1));
    assert_eq!(world.stage(), StageName::Bridged);
    assert!(world.playing.values().all(|p| p.purpose != Purpose::Briefing));
    well(world);

    let mut world = World::with_bot(Setup::default());
    world.caller_asks_for_a_person();
    world.run(secs(1));
    let offer = world.offer_of("agent-1");
    world.input(CallInput::AgentPickedUp(offer));
    world.run(Duration::from_millis(100));
    let agent = world.leg_of("agent-1");
    dials(&mut world, agent, "1");
    world.run(secs(1));
    assert_eq!(world.stage(), StageName::Bridged, "who knows enough accepts at once");
    assert!(!told(&world, "Press 1 to accept"));
    well(world);
}

fn with_acd(picks_up: PicksUp) -> World {
    World::with_bot(Setup { agents: 0, acd: Some(picks_up), ..Setup::default() })
}

#[test]
fn an_acd_that_answers_for_its_agent_is_neither_briefed_nor_asked_for_a_key() {
    let mut world = with_acd(PicksUp::Agent);
    world.caller_asks_for_a_person();
    world.run(secs(4));
    let offer = world.offer_of("acd");
    assert!(!world.hears_acd());
    dials(&mut world, LegId::CALLER, "1");
    assert_eq!(world.keys_sent, [], "nobody has asked for one yet");
    world.input(CallInput::AgentSounds(offer));
    world.run(secs(30));
    dials(&mut world, LegId::CALLER, "2");
    assert!(world.hears_acd() && !world.plays(Purpose::Music), "its own music takes the place of ours, for longer than an agent would be asked");
    assert!(!world.recorded(|h| matches!(h, Happening::ClockReached { clock: HandoffClock::T4, .. })));
    world.input(CallInput::AgentPickedUp(offer));
    world.run(secs(1));
    assert!(world.recorded(|h| matches!(h, Happening::ClockReached { clock: HandoffClock::T5, .. })));
    dials(&mut world, LegId::CALLER, "3");
    let (acd, pressed) = (world.leg_of("acd"), |key| Key::new(key).expect("a key"));
    assert_eq!(world.keys_sent, [(acd, pressed('2')), (acd, pressed('3'))], "its menus have the caller's keys, before and after it was picked up");
    assert!(!world.recorded(|h| matches!(h, Happening::PlaybackStarted { purpose: Purpose::Briefing, .. })));
    world.input(CallInput::LegGone(world.leg_of("acd"), Gone::HungUp));
    world.run(secs(1));
    assert!(world.recorded(|h| matches!(h, Happening::CallEnded { outcome: CallOutcome::Bridged, by: EndedBy::Agent })));
    well(world);
}

#[test]
fn a_person_in_an_acds_own_queue_shows_by_the_page_that_they_open_or_by_what_the_caller_says() {
    for by_page in [true, false] {
        let mut world = with_acd(PicksUp::Queue);
        world.caller_asks_for_a_person();
        world.run(secs(4));
        let offer = world.offer_of("acd");
        world.input(CallInput::PersonFound(offer));
        world.input(CallInput::AgentPickedUp(offer));
        world.run(secs(10));
        assert!(world.hears_acd());
        assert!(!world.recorded(|h| matches!(h, Happening::ClockReached { clock: HandoffClock::T4, .. })), "music is no person");
        if by_page {
            world.input(CallInput::PersonFound(offer));
        } else {
            world.caller_says("yes, hello, it is about my order");
        }
        world.run(secs(1));
        assert!(world.recorded(|h| matches!(h, Happening::ClockReached { clock: HandoffClock::T5, .. })), "by page: {by_page}");
        well(world);
    }
}

#[test]
fn a_busy_acd_an_abandoned_wait_and_one_that_hangs_up_are_told_apart() {
    let mut busy = with_acd(PicksUp::Agent);
    busy.caller_asks_for_a_person();
    busy.run(secs(4));
    let offer = busy.offer_of("acd");
    busy.input(CallInput::AgentDeclined(offer));
    busy.run(secs(1));
    assert!(busy.recorded(|h| matches!(h, Happening::OfferSettled { outcome: OfferOutcome::Declined, .. })));
    assert!(!busy.recorded(|h| matches!(h, Happening::CallEnded { .. })), "the caller is offered something else");
    well(busy);

    let mut left = with_acd(PicksUp::Queue);
    left.caller_asks_for_a_person();
    left.run(secs(4));
    let offer = left.offer_of("acd");
    left.input(CallInput::AgentPickedUp(offer));
    left.run(secs(10));
    left.input(CallInput::LegGone(LegId::CALLER, Gone::HungUp));
    left.run(secs(1));
    assert!(left.recorded(|h| matches!(h, Happening::OfferSettled { outcome: OfferOutcome::Withdrawn, .. })));
    assert!(left.recorded(|h| matches!(h, Happening::CallEnded { outcome: CallOutcome::Abandoned, .. })));
    well(left);

    let mut dropped = with_acd(PicksUp::Queue);
    dropped.caller_asks_for_a_person();
    dropped.run(secs(4));
    let offer = dropped.offer_of("acd");
    dropped.input(CallInput::AgentPickedUp(offer));
    dropped.run(secs(10));
    dropped.input(CallInput::LegGone(dropped.leg_of("acd"), Gone::HungUp));
    dropped.run(secs(1));
    assert!(!dropped.recorded(|h| matches!(h, Happening::CallEnded { .. })), "the caller is not dropped with it");
    well(dropped);
}

#[test]
fn an_acd_takes_many_callers_and_one_wait_in_vain_is_no_break() {
    let mut world = with_acd(PicksUp::Agent);
    world.caller_asks_for_a_person();
    world.run(secs(590));
    let _ = world.offer_of("acd");
    world.run(secs(20));
    assert!(world.recorded(|h| matches!(h, Happening::OfferSettled { outcome: OfferOutcome::Unanswered, .. })));
    let view = world.desk.view(&"support".into(), world.now);
    assert_eq!(view.available, 1, "the next caller is offered to it at once");
    well(world);
}

fn command(world: &mut World, command: Command) {
    world.input(CallInput::Command(command));
}

/// Whether what was recorded of hold is this, in order.
fn holds(world: &World) -> Vec<bool> {
    world.records.iter().filter_map(|(_, h)| if let Happening::Held { on } = h { Some(*on) } else { None }).collect()
}

#[test]
fn a_caller_on_hold_is_told_so_hears_music_and_comes_back() {
    let mut world = bridged(Setup::default(), "agent-1");
    let agent = world.leg_of("agent-1");
    command(&mut world, Command::Hold { agent: "agent-1".into(), on: true });
    assert!(world.playing.values().any(|p| p.leg == LegId::CALLER && p.purpose == Purpose::Waiting && p.started || p.purpose == Purpose::Music));
    assert!(world.routes.is_empty(), "{:?}", world.routes);
    world.run(secs(60));
    assert!(world.plays(Purpose::Music) && !world.plays(Purpose::Waiting));
    assert_eq!(world.stage(), StageName::Bridged, "nothing fires, however long it lasts");
    let odd = world.call.odd_inputs();
    command(&mut world, Command::Hold { agent: "agent-1".into(), on: true });
    command(&mut world, Command::Press { agent: "agent-1".into(), key: Key::new('1').expect("a key") });
    assert_eq!(world.call.odd_inputs(), odd + 2, "on hold already, and nobody to press keys for");
    command(&mut world, Command::Hold { agent: "agent-1".into(), on: false });
    assert!(world.are_talking(LegId::CALLER, agent) && !world.plays(Purpose::Music));
    world.run(secs(1));
    assert_eq!(holds(&world), [true, false]);
    assert_eq!(world.handoff_outcomes(), []);
    well(world);
}

#[test]
fn hold_before_the_caller_was_heard_does_not_count_as_one_way() {
    let mut world = World::with_bot(Setup::default());
    world.silent_caller = true;
    world.caller_asks_for_a_person();
    world.run(secs(1));
    let offer = world.offer_of("agent-1");
    world.input(CallInput::AgentAnswered(offer));
    world.run(Duration::from_millis(200));
    command(&mut world, Command::Hold { agent: "agent-1".into(), on: true });
    world.run(secs(20));
    assert!(!world.recorded(|h| matches!(h, Happening::OneWayAudio { .. })));
    command(&mut world, Command::Hold { agent: "agent-1".into(), on: false });
    world.run(secs(20));
    assert!(world.recorded(|h| matches!(h, Happening::OneWayAudio { from: Party::Caller, .. })), "the watchdog is awake again");
    well(world);
}

#[test]
fn hold_ends_with_its_bridge() {
    let ends: [Ending; 6] = [
        ("the caller hangs up", hang_up),
        ("the agent hangs up", |world| command(world, Command::HangUpAgent { agent: "agent-1".into() })),
        ("the agent vanishes", |world| world.input(CallInput::LegGone(world.leg_of("agent-1"), Gone::Lost))),
        ("back to the bot", |world| command(world, Command::HandBack { agent: "agent-1".into(), note: None })),
        ("to a queue", |world| command(world, Command::Transfer { agent: "agent-1".into(), target: Target::Queue("billing".into()) })),
        ("outside", |world| command(world, Command::Transfer { agent: "agent-1".into(), target: Target::Outside("sip:desk@example.com".into()) })),
    ];
    for (how, end) in ends {
        let mut world = bridged(Setup::default(), "agent-1");
        command(&mut world, Command::Hold { agent: "agent-1".into(), on: true });
        world.run(secs(5));
        end(&mut world);
        assert_eq!(holds(&world), [true, false], "{how}");
        world.run(secs(5));
        assert_eq!(world.finish(), [], "{how}");
    }
}

#[test]
fn a_move_that_fails_brings_the_caller_off_hold_to_the_agent() {
    let mut world = bridged(Setup::default(), "agent-1");
    let agent = world.leg_of("agent-1");
    command(&mut world, Command::Hold { agent: "agent-1".into(), on: true });
    command(&mut world, Command::Transfer { agent: "agent-1".into(), target: Target::Outside("sip:desk@example.com".into()) });
    world.input(CallInput::Moved(false));
    assert!(world.are_talking(LegId::CALLER, agent));
    well(world);
}

#[test]
fn a_muted_agent_hears_and_is_not_heard_by_anybody() {
    let mut world = bridged(Setup::default(), "agent-1");
    let agent = world.leg_of("agent-1");
    command(&mut world, Command::Listen { supervisor: "sue".into() });
    let sue = world.leg_of("sue");
    command(&mut world, Command::Mute { agent: "agent-1".into(), on: true });
    assert_eq!(world.routes.iter().filter(|(from, _)| *from == agent).count(), 0);
    assert!(world.routes.contains(&(LegId::CALLER, agent)) && world.routes.contains(&(LegId::CALLER, sue)));
    let turn = Turn { n: 0, start: world.now, end: world.now, text: Some("what a day".into()), confidence: None, recognized: true };
    world.run(secs(2));
    world.input(CallInput::Heard(agent, Heard::Turn(turn)));
    assert!(!world.recorded(|h| matches!(h, Happening::TurnEnded { who: Party::Agent, .. })), "nobody heard it");
    world.watchdog.violations.clear();
    command(&mut world, Command::Mute { agent: "agent-2".into(), on: true });
    command(&mut world, Command::Mute { agent: "agent-1".into(), on: false });
    assert!(world.are_talking(LegId::CALLER, agent));
    let mutes = world.records.iter().filter_map(|(_, h)| if let Happening::Muted { on, .. } = h { Some(*on) } else { None });
    assert_eq!(mutes.collect::<Vec<_>>(), [true, false]);
}

#[test]
fn an_agents_keys_go_to_the_callers_side_and_a_callers_to_no_agent_of_ours() {
    let mut world = bridged(Setup::default(), "agent-1");
    dials(&mut world, LegId::CALLER, "7");
    assert_eq!(world.keys_sent, [], "it may be a card's number");
    let key = Key::new('7').expect("a key");
    command(&mut world, Command::Press { agent: "agent-1".into(), key });
    command(&mut world, Command::Press { agent: "agent-2".into(), key });
    assert_eq!(world.keys_sent, [(LegId::CALLER, key)]);
    assert!(world.recorded(|h| matches!(h, Happening::KeySent { agent, .. } if &*agent.0 == "agent-1")));
    well(world);
}

fn consult(world: &mut World, target: Target) {
    command(world, Command::Consult { agent: "agent-1".into(), target });
}

/// What came of asking one more person, in order.
fn invites(world: &World) -> Vec<InviteOutcome> {
    world.records.iter().filter_map(|(_, h)| if let Happening::InviteEnded { outcome } = h { Some(*outcome) } else { None }).collect()
}

/// The caller is with the first agent, who talks with the second.
fn consulting() -> World {
    let mut world = bridged(Setup::default(), "agent-1");
    consult(&mut world, Target::Agent("agent-2".into()));
    assert!(world.plays(Purpose::Waiting) || world.plays(Purpose::Music), "the caller is on hold at once");
    world.run(secs(1));
    let offer = world.offer_of("agent-2");
    world.input(CallInput::AgentAnswered(offer));
    world.run(secs(1));
    let (first, second) = (world.leg_of("agent-1"), world.leg_of("agent-2"));
    assert!(world.are_talking(first, second) && !world.routes.iter().any(|(from, to)| *from == LegId::CALLER || *to == LegId::CALLER));
    assert!(world.recorded(|h| matches!(h, Happening::LegHeard { leg } if *leg == second)));
    world
}

fn released(world: &World) -> Vec<String> {
    world.to_desk.iter().filter_map(|m| if let DeskInput::Release { agent, .. } = m { Some(agent.to_string()) } else { None }).collect()
}

#[test]
fn after_a_warm_transfer_the_second_agent_has_the_caller_and_the_first_wraps_up() {
    let mut world = consulting();
    let second = world.leg_of("agent-2");
    command(&mut world, Command::Complete { agent: "agent-2".into() });
    assert!(!world.are_talking(LegId::CALLER, second), "who was asked does not decide");
    command(&mut world, Command::Complete { agent: "agent-1".into() });
    assert!(world.are_talking(LegId::CALLER, second));
    assert_eq!((holds(&world), invites(&world), released(&world)), (vec![true, false], vec![InviteOutcome::Completed], vec!["agent-1".to_owned()]));
    world.run(secs(2));
    assert_eq!(world.stage(), StageName::Bridged);
    hang_up(&mut world);
    assert_eq!(released(&world), ["agent-1", "agent-2"]);
    assert_eq!(world.handoff_outcomes(), [HandoffOutcome::Bridged]);
    well(world);
}

#[test]
fn who_is_only_consulted_does_not_decide_about_the_caller_until_they_have_them() {
    type Attempt = (&'static str, fn(&mut World));
    let by_second = |command: fn(AgentId) -> Command| command("agent-2".into());
    let commands: [(&str, Command); 9] = [
        ("hand_back", by_second(|agent| Command::HandBack { agent, note: None })),
        ("transfer", by_second(|agent| Command::Transfer { agent, target: Target::Queue("billing".into()) })),
        ("transfer", by_second(|agent| Command::Transfer { agent, target: Target::Outside("tel:+15550123".into()) })),
        ("invite", by_second(|agent| Command::Invite { agent, target: Target::Queue("billing".into()) })),
        ("consult", by_second(|agent| Command::Consult { agent, target: Target::Agent("agent-3".into()) })),
        ("hold", by_second(|agent| Command::Hold { agent, on: false })),
        ("take_back", by_second(|agent| Command::TakeBack { agent })),
        ("complete", by_second(|agent| Command::Complete { agent })),
        ("press", by_second(|agent| Command::Press { agent, key: Key::new('5').expect("a key") })),
    ];
    let on_a_phone: [Attempt; 3] = [
        ("hand_back", |world| dials(world, world.leg_of("agent-2"), "*1")),
        ("transfer", |world| dials(world, world.leg_of("agent-2"), "*21")),
        ("transfer", |world| world.input(CallInput::Referred(world.leg_of("agent-2"), "sip:desk@example.com".into()))),
    ];
    let mut world = consulting();
    let (first, second, seeks) = (world.leg_of("agent-1"), world.leg_of("agent-2"), world.to_desk.len());
    let refused = |world: &World| {
        let of_second = |h: &Happening| match h {
            Happening::Denied { who, asked, why: Denial::OnlyConsulted } if &*who.0 == "agent-2" => Some(asked.clone()),
            _ => None,
        };
        Vec::from_iter(world.records.iter().filter_map(|(_, h)| of_second(h)))
    };
    let mut expected = Vec::new();
    for (asked, command) in commands {
        world.input(CallInput::Command(command));
        expected.push(asked.to_owned());
        assert_eq!((refused(&world), world.denied.len()), (expected.clone(), expected.len()), "{asked}");
    }
    for (asked, attempt) in on_a_phone {
        attempt(&mut world);
        expected.push(asked.to_owned());
        assert_eq!((refused(&world), world.denied.len()), (expected.clone(), expected.len()), "{asked} by phone");
        let tones = world.playing.values().filter(|p| p.purpose == Purpose::Beep && p.leg == second).count();
        assert!(tones > 0 || asked == "transfer", "a code is answered by a tone");
    }
    assert!(world.are_talking(first, second) && world.moved_to.is_empty() && world.to_desk.len() == seeks);
    assert_eq!((holds(&world), world.stage()), (vec![true], StageName::Bridged));
    // What is theirs they may do.
    command(&mut world, Command::Mute { agent: "agent-2".into(), on: true });
    command(&mut world, Command::Mute { agent: "agent-2".into(), on: false });
    command(&mut world, Command::Note { agent: "agent-2".into(), text: "known to us".into() });
    command(&mut world, Command::Complete { agent: "agent-1".into() });
    world.run(secs(1));
    assert!(world.are_talking(LegId::CALLER, second));
    command(&mut world, Command::HandBack { agent: "agent-2".into(), note: None });
    assert_eq!((world.stage(), world.denied.len()), (StageName::WithBot, expected.len()));
    well(world);
}

#[test]
fn who_is_only_consulted_may_leave() {
    let mut world = consulting();
    let first = world.leg_of("agent-1");
    command(&mut world, Command::HangUpAgent { agent: "agent-2".into() });
    assert!(world.are_talking(LegId::CALLER, first));
    assert_eq!((invites(&world), world.denied.len()), (vec![InviteOutcome::NobodyCame], 0));
    well(world);
}

#[test]
fn in_a_conference_who_put_the_caller_on_hold_takes_them_back_or_whoever_is_left() {
    for holder_leaves in [false, true] {
        let mut world = bridged(Setup::default(), "agent-1");
        command(&mut world, Command::Invite { agent: "agent-1".into(), target: Target::Agent("agent-2".into()) });
        world.run(secs(1));
        let offer = world.offer_of("agent-2");
        world.input(CallInput::AgentAnswered(offer));
        world.run(secs(1));
        let (first, second) = (world.leg_of("agent-1"), world.leg_of("agent-2"));
        command(&mut world, Command::Hold { agent: "agent-2".into(), on: true });
        command(&mut world, Command::Hold { agent: "agent-1".into(), on: false });
        assert_eq!((holds(&world), world.denied.as_slice()), (vec![true], [Denial::HeldByAnother].as_slice()));
        if holder_leaves {
            command(&mut world, Command::HangUpAgent { agent: "agent-2".into() });
            assert!(world.are_talking(LegId::CALLER, first));
        } else {
            command(&mut world, Command::HangUpAgent { agent: "agent-1".into() });
            assert_eq!(holds(&world), [true], "who holds them is still there");
            command(&mut world, Command::Hold { agent: "agent-2".into(), on: false });
            assert!(world.are_talking(LegId::CALLER, second));
        }
        assert_eq!(holds(&world), [true, false]);
        well(world);
    }
}

#[test]
fn who_is_not_in_the_call_is_told_so_and_a_phone_always_hears_what_becomes_of_its_refer() {
    let mut world = bridged(Setup::default(), "agent-1");
    command(&mut world, Command::Transfer { agent: "agent-3".into(), target: Target::Queue("billing".into()) });
    assert_eq!((world.denied.as_slice(), world.stage()), ([Denial::NotInCall].as_slice(), StageName::Bridged));
    world.input(CallInput::Referred(LegId(77), "sip:desk@example.com".into()));
    assert_eq!(world.denied, [Denial::NotInCall, Denial::NotNow]);
    let leg = world.leg_of("agent-1");
    world.input(CallInput::Referred(leg, "sip:desk@example.com".into()));
    assert_eq!((world.moved_to.as_slice(), world.denied.len()), (["sip:desk@example.com".to_owned()].as_slice(), 2));
    world.input(CallInput::Referred(leg, "sip:other@example.com".into()));
    assert_eq!((world.moved_to.len(), world.denied.len()), (1, 3), "the caller is being sent on already");
    world.input(CallInput::Moved(false));
    well(world);
}

#[test]
fn one_supervisor_listens_at_a_time_and_nobody_else_ends_that_or_speaks() {
    let mut world = bridged(Setup::default(), "agent-1");
    let sue = || AgentId::from("sue");
    let sam = || AgentId::from("sam");
    command(&mut world, Command::Listen { supervisor: sue() });
    let leg = world.leg_of("sue");
    command(&mut world, Command::Listen { supervisor: sam() });
    for attempt in [Command::StopListening { supervisor: sam() }, Command::Whisper { supervisor: sam() }, Command::Barge { supervisor: sam() }] {
        command(&mut world, attempt);
    }
    assert_eq!(world.denied, [Denial::ListenedTo, Denial::NotListening, Denial::NotListening, Denial::NotListening]);
    assert!(world.routes.contains(&(LegId::CALLER, leg)) && !world.routes.iter().any(|(from, _)| *from == leg));
    assert!(!world.legs.values().any(|name| &*name.0 == "sam"));
    command(&mut world, Command::StopListening { supervisor: sue() });
    assert!(!world.routes.iter().any(|(_, to)| *to == leg));
    command(&mut world, Command::Listen { supervisor: sam() });
    assert!(world.routes.contains(&(LegId::CALLER, world.leg_of("sam"))));
    assert_eq!(world.denied.len(), 4);
    well(world);
}

#[test]
fn the_first_agent_takes_the_caller_back_and_the_second_has_nothing_to_wrap_up() {
    for by_hold in [true, false] {
        let mut world = consulting();
        let first = world.leg_of("agent-1");
        command(
            &mut world,
            if by_hold { Command::Hold { agent: "agent-1".into(), on: false } } else { Command::TakeBack { agent: "agent-1".into() } },
        );
        assert!(world.are_talking(LegId::CALLER, first) && world.legs.len() == 1);
        assert_eq!((invites(&world), released(&world)), (vec![InviteOutcome::TakenBack], vec![]));
        well(world);
    }
}

#[test]
fn a_second_agent_who_does_not_come_leaves_the_caller_with_the_first_who_hears_so() {
    let ends: [Ending; 4] = [
        ("declines", |world| world.input(CallInput::AgentDeclined(world.offer_of("agent-2")))),
        ("vanishes", |world| world.input(CallInput::AgentVanished(world.offer_of("agent-2")))),
        ("does not answer", |world| world.run(secs(21))),
        ("comes and goes", |world| {
            world.input(CallInput::AgentAnswered(world.offer_of("agent-2")));
            world.run(secs(1));
            world.input(CallInput::LegGone(world.leg_of("agent-2"), Gone::Lost));
        }),
    ];
    for (how, end) in ends {
        let mut world = bridged(Setup::default(), "agent-1");
        consult(&mut world, Target::Agent("agent-2".into()));
        world.run(secs(1));
        end(&mut world);
        let first = world.leg_of("agent-1");
        assert!(world.are_talking(LegId::CALLER, first), "{how}");
        assert_eq!((invites(&world), holds(&world)), (vec![InviteOutcome::NobodyCame], vec![true, false]), "{how}");
        world.run(secs(1));
        assert!(world.recorded(|h| matches!(h, Happening::PlaybackStarted { leg, purpose: Purpose::Beep, .. } if *leg == first)), "{how}");
        assert_eq!(world.finish(), [], "{how}");
    }
}

#[test]
fn a_caller_who_leaves_while_the_second_rings_takes_everything_with_them() {
    for is_there in [true, false] {
        let mut world = if is_there {
            consulting()
        } else {
            let mut world = bridged(Setup::default(), "agent-1");
            consult(&mut world, Target::Agent("agent-2".into()));
            world.run(secs(1));
            world
        };
        hang_up(&mut world);
        assert!(world.legs.is_empty() && world.alerted.is_empty() && world.call.is_over());
        assert_eq!((invites(&world), holds(&world)), (vec![InviteOutcome::Dropped], vec![true, false]));
        assert_eq!(released(&world), ["agent-1"], "the second has not had the caller and has nothing to wrap up");
        well(world);
    }
}

#[test]
fn a_first_agent_who_vanishes_leaves_the_caller_to_the_second_or_to_the_next() {
    let mut world = consulting();
    let (first, second) = (world.leg_of("agent-1"), world.leg_of("agent-2"));
    world.input(CallInput::LegGone(first, Gone::Lost));
    assert!(world.are_talking(LegId::CALLER, second));
    assert_eq!(invites(&world), [InviteOutcome::Dropped]);
    well(world);

    let mut world = bridged(Setup::default(), "agent-1");
    consult(&mut world, Target::Agent("agent-2".into()));
    world.run(secs(1));
    let first = world.leg_of("agent-1");
    world.input(CallInput::LegGone(first, Gone::Lost));
    assert_eq!(invites(&world), [InviteOutcome::Dropped]);
    world.run(secs(15));
    assert_eq!(world.stage(), StageName::RingingAgent, "somebody is sought for the caller");
    well(world);
}

#[test]
fn a_first_agent_who_hangs_up_while_the_second_rings_sends_the_caller_on() {
    let mut world = bridged(Setup::default(), "agent-1");
    consult(&mut world, Target::Agent("agent-2".into()));
    world.run(secs(1));
    command(&mut world, Command::Complete { agent: "agent-1".into() });
    world.run(secs(1));
    assert_eq!(world.alerted_agents(), ["agent-2"]);
    let offer = world.offer_of("agent-2");
    world.input(CallInput::AgentAnswered(offer));
    world.run(secs(1));
    let second = world.leg_of("agent-2");
    assert!(world.are_talking(LegId::CALLER, second));
    assert_eq!(world.handoff_outcomes(), [HandoffOutcome::Bridged]);
    well(world);
}

#[test]
fn one_agent_is_asked_when_one_is_named_and_anybody_if_they_can_not_come() {
    let mut world = bridged(Setup { agents: 3, ..Setup::default() }, "agent-1");
    command(&mut world, Command::Note { agent: "agent-1".into(), text: "wants the blue one".into() });
    command(&mut world, Command::Transfer { agent: "agent-1".into(), target: Target::Agent("agent-3".into()) });
    world.run(secs(1));
    assert_eq!(world.alerted_agents(), ["agent-3"]);
    let packet = world.packets.last().expect("a packet");
    assert!(packet.next_step.contains("wants the blue one") && packet.notes.len() == 1, "{packet:?}");
    let offer = world.offer_of("agent-3");
    world.input(CallInput::DeclineReason(offer, "in a meeting".into()));
    world.input(CallInput::AgentDeclined(offer));
    world.run(secs(1));
    assert_eq!(world.alerted_agents(), ["agent-2"], "the first one wraps up, the third has declined");
    assert!(world.recorded(|h| matches!(h, Happening::OfferSettled { reason: Some(reason), .. } if reason == "in a meeting")));
    well(world);
}

#[test]
fn somebody_outside_is_talked_to_first_and_then_has_the_caller() {
    let mut world = bridged(Setup::default(), "agent-1");
    consult(&mut world, Target::Outside("tel:+15550123".into()));
    assert_eq!(world.dialled.as_deref(), Some("tel:+15550123"));
    world.run(secs(2));
    world.input(CallInput::PutThrough);
    let (first, outside) = (world.leg_of("agent-1"), world.leg_of("outside line"));
    assert!(world.are_talking(first, outside) && !world.are_talking(LegId::CALLER, outside));
    command(&mut world, Command::Complete { agent: "agent-1".into() });
    assert!(world.are_talking(LegId::CALLER, outside));
    well(world);
}

#[test]
fn somebody_outside_who_does_not_come_is_rung_no_longer() {
    let ends: [Ending; 3] = [
        ("refuses", |world| {
            world.dialled = None;
            world.input(CallInput::Moved(false));
        }),
        ("never answers", |world| world.run(secs(31))),
        ("is not wanted any more", |world| command(world, Command::TakeBack { agent: "agent-1".into() })),
    ];
    for (how, end) in ends {
        let mut world = bridged(Setup::default(), "agent-1");
        consult(&mut world, Target::Outside("tel:+15550123".into()));
        world.run(secs(1));
        end(&mut world);
        let first = world.leg_of("agent-1");
        assert!(world.dialled.is_none() && world.are_talking(LegId::CALLER, first) && invites(&world).len() == 1, "{how}");
        // What comes late changes nothing.
        world.input(CallInput::PutThrough);
        world.input(CallInput::Moved(false));
        assert!(world.are_talking(LegId::CALLER, first) && world.legs.len() == 1, "{how}");
        assert_eq!(world.finish(), [], "{how}");
    }
}

#[test]
fn a_conference_is_joined_by_an_agent_or_somebody_outside() {
    for target in [Target::Agent("agent-2".into()), Target::Outside("tel:+15550123".into())] {
        let mut world = bridged(Setup::default(), "agent-1");
        command(&mut world, Command::Invite { agent: "agent-1".into(), target: target.clone() });
        world.run(secs(1));
        if let Target::Agent(_) = target {
            world.input(CallInput::AgentAnswered(world.offer_of("agent-2")));
        } else {
            world.input(CallInput::PutThrough);
        }
        world.run(secs(1));
        assert_eq!((world.stage(), world.legs.len(), invites(&world)), (StageName::Conference, 2, vec![InviteOutcome::Joined]));
        let legs: Vec<LegId> = world.legs.keys().copied().collect();
        assert!(legs.iter().all(|leg| world.are_talking(LegId::CALLER, *leg)) && world.are_talking(legs[0], legs[1]));
        well(world);
    }
}

#[test]
fn what_an_agent_notes_and_corrects_is_in_the_packet_from_then_on_and_reaches_the_bot() {
    let mut world = bridged(Setup::default(), "agent-1");
    command(&mut world, Command::Correct { agent: "agent-1".into(), name: "order".into(), value: "4711".into() });
    command(&mut world, Command::Note { agent: "agent-1".into(), text: "pays by card 4111 1111 1111 1111".into() });
    command(&mut world, Command::Note { agent: "agent-2".into(), text: "not in the call".into() });
    let packet = |world: &World| {
        let shown =
            world.records.iter().rev().find_map(|(_, h)| if let Happening::PacketUpdated { packet, .. } = h { Some(packet.clone()) } else { None });
        shown.expect("a packet").to_string()
    };
    let shown = packet(&world);
    assert!(shown.contains("4711") && shown.contains("pays by card") && !shown.contains("4111 1111") && !shown.contains("not in"), "{shown}");
    command(&mut world, Command::HandBack { agent: "agent-1".into(), note: Some("they want to know when it comes".into()) });
    assert!(matches!(world.told.last(), Some(BotEvent::Resume(Resumption::HandedBack(Some(note)))) if note.contains("when it comes")));
    // The bot knows another number; the agent knows better.
    let slots = [("order".to_owned(), SlotValue { value: "4117".into(), confirmed: false })].into();
    world.bot_reports(BotReport { slots, ..BotReport::default() });
    world.run(secs(2));
    world.caller_asks_for_a_person();
    world.run(secs(1));
    let packet = world.packets.last().expect("a packet");
    assert_eq!((packet.slots["order"].value.as_str(), packet.notes.len()), ("4711", 2), "{packet:?}");
    well(world);
}

#[test]
fn a_bot_that_goes_on_listening_is_read_by_the_agent_and_heard_by_nobody() {
    let mut world = bridged(Setup { suggest: true, ..Setup::default() }, "agent-1");
    world.caller_says("where is my order");
    let spoken = world.playing.len();
    world.bot_says("It comes tomorrow.");
    world.bot_reports(BotReport { goodbye: true, ..BotReport::default() });
    assert!(world.recorded(|h| matches!(h, Happening::Suggested { text } if text == "It comes tomorrow.")));
    assert_eq!((world.playing.len(), world.stage()), (spoken, StageName::Bridged));
    world.caller_says("and the blue one");
    if let Some(request) = world.request {
        world.input(CallInput::BotFailed(request, Fault::Stalled { organ: Organ::Bot, after_ms: 1 }));
    }
    command(&mut world, Command::Hold { agent: "agent-1".into(), on: true });
    let told = world.told.len();
    world.caller_says("this is for nobody");
    assert_eq!(world.told.len(), told, "on hold nobody listens");
    well(world);
}

fn agent_says(world: &mut World, leg: LegId, start: Time, end: Time) {
    let turn = Turn { n: 0, start, end, text: Some("what a day".into()), confidence: None, recognized: true };
    world.input(CallInput::Heard(leg, Heard::Turn(turn)));
}

fn agent_turns(world: &World) -> usize {
    world.records.iter().filter(|(_, h)| matches!(h, Happening::TurnEnded { who: Party::Agent, .. })).count()
}

#[test]
fn whoever_is_left_of_a_conference_on_hold_has_the_caller() {
    for is_taken_over in [false, true] {
        let mut world = bridged(Setup::default(), "agent-1");
        command(&mut world, Command::Invite { agent: "agent-1".into(), target: Target::Outside("tel:+15550123".into()) });
        world.run(secs(1));
        world.input(CallInput::PutThrough);
        world.run(secs(1));
        let (first, outside) = (world.leg_of("agent-1"), world.leg_of("outside line"));
        command(&mut world, Command::Hold { agent: "agent-1".into(), on: true });
        if is_taken_over {
            world.input(CallInput::TakenOver(first));
        } else {
            command(&mut world, Command::HangUpAgent { agent: "agent-1".into() });
        }
        assert!(world.are_talking(LegId::CALLER, outside), "taken over: {is_taken_over}");
        assert_eq!(holds(&world), [true, false]);
        well(world);
    }
}

#[test]
fn what_an_agent_says_while_the_caller_is_sent_on_is_said_to_nobody() {
    let mut world = bridged(Setup::default(), "agent-1");
    let agent = world.leg_of("agent-1");
    command(&mut world, Command::Transfer { agent: "agent-1".into(), target: Target::Outside("tel:+15550123".into()) });
    world.run(secs(3));
    let (start, end) = (world.now.back(secs(2)), world.now.back(secs(1)));
    agent_says(&mut world, agent, start, end);
    world.input(CallInput::Moved(false));
    agent_says(&mut world, agent, start, end);
    assert_eq!(agent_turns(&world), 0);
    world.run(secs(2));
    let (start, end) = (world.now.back(secs(1)), world.now);
    agent_says(&mut world, agent, start, end);
    assert_eq!(agent_turns(&world), 1);
}

#[test]
fn what_was_said_muted_or_alone_stays_private_when_it_is_told_late() {
    for by_hold in [true, false] {
        let mut world = bridged(Setup::default(), "agent-1");
        let agent = world.leg_of("agent-1");
        let private = |on| if by_hold { Command::Hold { agent: "agent-1".into(), on } } else { Command::Mute { agent: "agent-1".into(), on } };
        command(&mut world, private(true));
        world.run(secs(3));
        command(&mut world, private(false));
        let (start, end) = (world.now.back(secs(1)), world.now);
        agent_says(&mut world, agent, start, end);
        assert_eq!(agent_turns(&world), 0, "by hold: {by_hold}");
        world.run(secs(2));
        let (start, end) = (world.now.back(secs(1)), world.now);
        agent_says(&mut world, agent, start, end);
        assert_eq!(agent_turns(&world), 1, "by hold: {by_hold}");
    }
}

#[test]
fn a_second_agent_on_a_phone_is_asked_for_the_key_too() {
    let mut world = bridged(Setup::default(), "agent-1");
    consult(&mut world, Target::Agent("agent-2".into()));
    world.run(secs(1));
    let offer = world.offer_of("agent-2");
    world.input(CallInput::AgentPickedUp(offer));
    world.run(secs(10));
    let asks =
        |h: &Happening| matches!(h, Happening::PlaybackStarted { purpose: Purpose::Briefing, text: Some(t), .. } if t.contains("Press 1 to accept"));
    assert!(world.recorded(asks));
    let (first, second) = (world.leg_of("agent-1"), world.leg_of("agent-2"));
    dials(&mut world, second, "1");
    world.run(secs(1));
    assert!(world.are_talking(first, second) && !world.are_talking(LegId::CALLER, second));
    well(world);
}

#[test]
fn a_blip_of_the_line_undoes_neither_mute_nor_hold() {
    for by_hold in [true, false] {
        let mut world = bridged(Setup::default(), "agent-1");
        world.run(secs(5));
        let private = |on| if by_hold { Command::Hold { agent: "agent-1".into(), on } } else { Command::Mute { agent: "agent-1".into(), on } };
        command(&mut world, private(true));
        let leg = world.leg_of("agent-1");
        world.input(CallInput::LegGone(leg, Gone::Lost));
        world.run(secs(1));
        let offer = world.offer_of("agent-1");
        world.input(CallInput::AgentAnswered(offer));
        world.run(secs(10));
        let leg = world.leg_of("agent-1");
        assert!(!world.routes.contains(&(leg, LegId::CALLER)), "by hold: {by_hold}");
        let is_told = |h: &Happening| matches!(h, Happening::Muted { leg: l, on: true, .. } if *l == leg);
        assert!(if by_hold { holds(&world) == [true, false, true] } else { world.recorded(is_told) }, "it is recorded for the new leg");
        command(&mut world, private(false));
        world.run(secs(1));
        assert!(world.are_talking(LegId::CALLER, leg), "by hold: {by_hold}");
        well(world);
    }
}
