//! Callers on SIP phones are handed to agents in browsers: what the screen is told, what the agent answers, that both
//! hear each other, and what becomes of a call whose agent's line breaks.

use std::path::PathBuf;
use std::time::Duration;

use crate::browser::{Browser, Tunnel};
use crate::likeness::{Likeness, read, speech};
use crate::peers::{Room, until_so};
use crate::phones::{PATIENCE, agent, dialling, finished, in_time, on_loopback, open, outcomes, part, phone, until, until_they_talk};
use segue::base::{AgentId, HandoffClock, Happening, LegId, OfferId, OfferOutcome, Party, Purpose};
use segue::call::Command;
use segue::cmd::live::Running;
use segue::edge::LegCommand;
use segue::edge::webrtc::{LineState, Visit};
use segue::gateway::live::call::Finished;
use segue::gateway::live::desk::AgentNow;
use segue::gateway::live::lines::{Card, Lines, NotNow, OnDuty, ScreenEvent};
use segue::handoff::desk::{AgentState, Presence};
use segue::replay::caller::{self, CallReport, Part, Tools};
use segue::sound::codec::Codec;
use segue::sound::recording::ChannelChoice;
use tokio::sync::mpsc::{Receiver, channel};
use tokio::task::JoinHandle;

/// A queue whose agents wrap up for half a minute unless they say that they are done.
const NO_BOT: &str = "[[entry]]\nname = \"main\"\ncalled = [\"1000\"]\nqueue = \"service\"\n\
    [[queue]]\nname = \"service\"\nring_secs = 20.0\nwrap_up_secs = 30.0\n";

/// An agent in a browser.
pub struct Desk {
    pub agent: AgentId,
    pub lines: Lines,
    pub page: Browser,
    network: Tunnel,
    screen: Receiver<ScreenEvent>,
    _on_duty: OnDuty,
}

impl Desk {
    /// Opens the page, connects its line, and is available.
    pub async fn open(running: &Running, name: &str) -> Desk {
        let (agent, lines) = (AgentId::from(name), running.gateway.lines().clone());
        let (sender, screen) = channel(64);
        let on_duty = lines.go_on_duty(&agent, sender);
        let (page, network) = Desk::connect(running, &agent).await;
        lines.presence(&agent, Presence::Available);
        let mut desk = Desk { agent, lines, page, network, screen, _on_duty: on_duty };
        desk.until_line(LineState::Up).await;
        desk.until_state(running, AgentState::Available).await;
        desk
    }

    async fn connect(running: &Running, agent: &AgentId) -> (Browser, Tunnel) {
        let (page, network) = (Browser::open(Codec::Opus).await, Tunnel::to(running.webrtc.local()).await);
        let (answer, line) = running.webrtc.answer(&Tunnel::offer(&page.offer(false).await)).await.unwrap();
        running.gateway.lines().connect(agent, line);
        page.take(network.answer(&answer, running.webrtc.local())).await;
        (page, network)
    }

    async fn next(&mut self) -> ScreenEvent {
        in_time(self.screen.recv()).await.unwrap()
    }

    async fn until_line(&mut self, wanted: LineState) {
        while !matches!(self.next().await, ScreenEvent::Line(state) if state == wanted) {}
    }

    async fn offer(&mut self) -> Card {
        loop {
            if let ScreenEvent::Offer(card) = self.next().await {
                return card;
            }
        }
    }

    async fn until_over(&mut self, offer: OfferId) {
        while !matches!(self.next().await, ScreenEvent::OfferOver(over) if over == offer) {}
    }

    pub async fn until_state(&self, running: &Running, wanted: AgentState) -> AgentNow {
        let mut agents = running.gateway.desk().agents();
        let is_so = |agents: &segue::gateway::live::desk::Agents| agents[&self.agent].state == wanted;
        let agents = tokio::time::timeout(PATIENCE, agents.wait_for(is_so)).await.unwrap_or_else(|_| panic!("not {wanted:?}")).unwrap();
        agents[&self.agent].clone()
    }

    /// Shows the next offer and takes it.
    pub async fn accept(&mut self) -> Card {
        let card = self.offer().await;
        self.lines.shown(&self.agent, card.offer).unwrap();
        self.lines.accept(&self.agent, card.offer).unwrap();
        card
    }
}

fn caller(running: &Running, part: Part) -> JoinHandle<CallReport> {
    recorded(running, part, None)
}

/// A caller whose call is recorded: what they hear is on the right.
pub fn recorded(running: &Running, part: Part, record: Option<PathBuf>) -> JoinHandle<CallReport> {
    let target = format!("sip:1000@{}", running.sip.local());
    tokio::spawn(async move {
        let (caller_phone, _rung) = phone().await;
        let tools = Tools { record, ..Tools::default() };
        let placed = caller::place_with(&caller_phone, dialling(&caller_phone, &target, Codec::Pcmu), part, tools);
        in_time(placed).await
    })
}

fn says(of: &str, longest_secs: u64) -> Part {
    Part { recording: speech(&[of]).into(), ..part(longest_secs) }
}

pub fn has(finished: &Finished, what: impl Fn(&Happening) -> bool) -> bool {
    finished.records.iter().any(|record| what(&record.kind))
}

/// When a clock of a handoff was reached, in s.
fn clock(finished: &Finished, handoff: u32, clock: HandoffClock) -> Option<f64> {
    let is_it = |kind: &Happening| matches!(kind, Happening::ClockReached { handoff: of, clock: is, .. } if *of == handoff && *is == clock);
    finished.records.iter().find(|record| is_it(&record.kind)).map(|record| record.at.as_secs_f64())
}

fn settled(agent: &str, outcome: OfferOutcome) -> (String, OfferOutcome) {
    (agent.to_owned(), outcome)
}

pub async fn gateway_of(agents: &[&str], more: &str) -> Running {
    let agents: String = agents.iter().map(|name| agent(name, &["service"], &[])).collect();
    open(&(NO_BOT.to_owned() + &on_loopback("") + &agents + more)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_takes_two_calls_on_one_line_and_both_sides_hear_each_other() {
    let room = Room::new("live-lines");
    let mut running = gateway_of(&["anna"], "").await;
    let mut anna = Desk::open(&running, "anna").await;
    anna.page.speak(speech(&["gets-loud", "fraud", "calm-served-by-the-bot"]));
    for n in 0..2 {
        let before = anna.page.heard().sound.len();
        let wav = room.path().join(format!("{n}.wav"));
        let calling = recorded(&running, says("repeats-the-question", 14), Some(wav.clone()));
        let card = anna.offer().await;
        assert!(card.deadline.is_some_and(|deadline| deadline.elapsed() == Duration::ZERO) && !card.resumes);
        anna.until_state(&running, AgentState::Ringing).await;
        anna.lines.shown(&anna.agent, card.offer).unwrap();
        anna.lines.accept(&anna.agent, card.offer).unwrap();
        anna.until_over(card.offer).await;
        assert_eq!(anna.lines.accept(&anna.agent, card.offer), Err(NotNow::OfferOver));
        anna.until_state(&running, AgentState::OnCall).await;
        calling.await.unwrap();
        let finished = finished(&mut running).await;
        assert_eq!(outcomes(&finished), [settled("anna", OfferOutcome::Accepted)]);
        Likeness::of(&speech(&["repeats-the-question"]), &anna.page.heard().sound[before..]).must_be_good("the agent hears");
        Likeness::of(&speech(&["gets-loud", "fraud", "calm-served-by-the-bot"]), &read(&wav, ChannelChoice::Right)).must_be_good("the caller hears");
        let [t2, t3, t4, t5] = [HandoffClock::T2, HandoffClock::T3, HandoffClock::T4, HandoffClock::T5].map(|of| clock(&finished, 0, of));
        assert!(t2 <= t4 && t3 <= t4 && t4 <= t5 && t2.is_some() && t5.is_some(), "{t2:?} {t3:?} {t4:?} {t5:?}");
        println!("accept to t5 of call {n}: {:.0} ms", (t5.unwrap() - t4.unwrap()) * 1_000.0);
        anna.until_state(&running, AgentState::WrapUp).await;
        assert_eq!(anna.lines.ask(&anna.agent, Command::HangUp).await, Err(NotNow::NoCall));
        anna.lines.wrapped_up(&anna.agent, card.offer.call);
        anna.until_state(&running, AgentState::Available).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_declines_is_passed_over_and_who_hangs_up_ends_the_call() {
    let mut running = gateway_of(&["anna", "ben"], "").await;
    let mut anna = Desk::open(&running, "anna").await;
    let mut ben = Desk::open(&running, "ben").await;
    ben.page.speak(speech(&["fraud"]));
    let mut watched = running.gateway.watch();
    let calling = caller(&running, part(30));
    let card = anna.offer().await;
    anna.lines.shown(&anna.agent, card.offer).unwrap();
    anna.lines.decline(&anna.agent, card.offer, Some("an appointment")).unwrap();
    anna.until_over(card.offer).await;
    ben.accept().await;
    until_they_talk(&mut watched).await;
    assert_eq!(ben.lines.desktop(&ben.agent).calls.len(), 1);
    assert_eq!(ben.lines.ask(&ben.agent, Command::HangUpAgent { agent: ben.agent.clone() }).await, Ok(()));
    assert!(calling.await.unwrap().they_hung_up);
    let finished = finished(&mut running).await;
    assert_eq!(outcomes(&finished), [settled("anna", OfferOutcome::Declined), settled("ben", OfferOutcome::Accepted)]);
    ben.until_state(&running, AgentState::WrapUp).await;
    until_so("his line back", || ben.lines.desktop(&ben.agent).calls.is_empty()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_is_closed_while_it_rings_leaves_the_caller_to_the_next() {
    let mut running = gateway_of(&["anna", "ben"], "").await;
    let mut anna = Desk::open(&running, "anna").await;
    let mut ben = Desk::open(&running, "ben").await;
    ben.page.speak(speech(&["fraud"]));
    let calling = caller(&running, part(12));
    anna.offer().await;
    anna.page.close().await;
    ben.accept().await;
    assert_eq!(calling.await.unwrap().status, 200);
    let finished = finished(&mut running).await;
    assert_eq!(outcomes(&finished), [settled("anna", OfferOutcome::Vanished), settled("ben", OfferOutcome::Accepted)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_breaks_while_it_rings_lets_the_agents_phone_ring() {
    let (desk_phone, mut rung) = phone().await;
    let mut running = open(&(NO_BOT.to_owned() + &on_loopback("") + &agent("anna", &["service"], &[desk_phone.local()]))).await;
    let mut anna = Desk::open(&running, "anna").await;
    let calling = caller(&running, part(6));
    let card = anna.offer().await;
    anna.lines.shown(&anna.agent, card.offer).unwrap();
    anna.page.close().await;
    let mut rings = in_time(rung.recv()).await.unwrap();
    rings.leg.commands.send(LegCommand::Refuse { status: 486, retry_after_s: None, contact: None }).await.unwrap();
    while rings.leg.events.recv().await.is_some() {}
    calling.await.unwrap();
    assert_eq!(outcomes(&finished(&mut running).await), [settled("anna", OfferOutcome::Declined)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_carries_one_call_however_many_its_agent_may_have() {
    let mut running = open(&(NO_BOT.to_owned() + &on_loopback("") + &agent("anna", &["service"], &[]) + "capacity = 3\n")).await;
    let mut anna = Desk::open(&running, "anna").await;
    anna.page.speak(speech(&["fraud"]));
    let mut watched = running.gateway.watch();
    let calling = [caller(&running, part(40)), caller(&running, part(40))];
    let (first, second) = (anna.offer().await, anna.offer().await);
    anna.lines.shown(&anna.agent, first.offer).unwrap();
    anna.lines.accept(&anna.agent, first.offer).unwrap();
    until_they_talk(&mut watched).await;
    assert_eq!(anna.lines.accept(&anna.agent, second.offer), Err(NotNow::Busy));
    // Whoever calls now is not put before somebody who can't take them.
    let third = caller(&running, part(2));
    assert_eq!(outcomes(&finished(&mut running).await), [settled("anna", OfferOutcome::Declined)]);
    third.await.unwrap();
    assert!(anna.lines.desktop(&anna.agent).offers.iter().all(|card| card.offer == second.offer));
    calling.iter().for_each(JoinHandle::abort);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_listens_in_vain_takes_no_place_in_the_call() {
    let mut running = gateway_of(&["anna", "boss"], "").await;
    let mut anna = Desk::open(&running, "anna").await;
    anna.page.speak(speech(&["fraud"]));
    let mut watched = running.gateway.watch();
    let calling = caller(&running, part(8));
    let card = anna.offer().await;
    for _ in 0..10 {
        assert_eq!(running.gateway.ask(card.offer.call, Command::Listen { supervisor: AgentId::from("boss") }).await, Ok(()));
        until(&mut watched, |h| matches!(h, Happening::LegLeft { party: Party::Supervisor, .. })).await;
    }
    anna.lines.accept(&anna.agent, card.offer).unwrap();
    calling.await.unwrap();
    assert!(clock(&finished(&mut running).await, 0, HandoffClock::T5).is_some(), "the agent is not heard");
}

/// Anna's line breaks in mid-call; what becomes of the call is what `then` does.
async fn breaks(more: &str, then: impl AsyncFnOnce(&Running, Desk)) -> (Finished, CallReport) {
    let mut running = gateway_of(&["anna", "ben"], more).await;
    let mut anna = Desk::open(&running, "anna").await;
    anna.page.speak(speech(&["fraud"]));
    let mut watched = running.gateway.watch();
    let calling = caller(&running, part(25));
    anna.accept().await;
    until_they_talk(&mut watched).await;
    anna.page.close().await;
    anna.until_line(LineState::Gone).await;
    until(&mut watched, |h| matches!(h, Happening::PlaybackStarted { leg: LegId::CALLER, purpose: Purpose::Waiting, .. })).await;
    then(&running, anna).await;
    let report = calling.await.unwrap();
    (finished(&mut running).await, report)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_who_is_back_in_time_goes_on_without_being_asked() {
    let (finished, report) = breaks("", async |running, mut anna| {
        // Somebody else is free, and is not asked.
        let ben = Desk::open(running, "ben").await;
        (anna.page, anna.network) = Desk::connect(running, &anna.agent).await;
        anna.page.speak(speech(&["fraud"]));
        assert!(anna.offer().await.resumes);
        anna.until_state(running, AgentState::OnCall).await;
        assert!(ben.lines.desktop(&ben.agent).offers.is_empty());
        // The call goes on to its end.
        while !anna.lines.desktop(&anna.agent).calls.is_empty() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    assert_eq!(outcomes(&finished), [settled("anna", OfferOutcome::Accepted), settled("anna", OfferOutcome::Accepted)]);
    assert!(clock(&finished, 1, HandoffClock::T5).is_some() && report.status == 200, "{report:?}");
    assert!(has(&finished, |kind| matches!(kind, Happening::LegLeft { party: Party::Agent, by: segue::base::EndedBy::LostMedia, .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agents_network_that_is_gone_for_some_seconds_costs_neither_the_caller_nor_the_agent_the_call() {
    let mut running = gateway_of(&["anna"], "").await;
    let mut anna = Desk::open(&running, "anna").await;
    anna.page.speak(speech(&["fraud", "gets-loud", "calm-served-by-the-bot"]));
    let mut watched = running.gateway.watch();
    let calling = caller(&running, part(25));
    anna.accept().await;
    until_they_talk(&mut watched).await;
    anna.network.open(false);
    anna.until_line(LineState::Interrupted).await;
    until(&mut watched, |h| matches!(h, Happening::PlaybackStarted { leg: LegId::CALLER, purpose: Purpose::Waiting, .. })).await;
    anna.network.open(true);
    assert!(anna.offer().await.resumes);
    until_they_talk(&mut watched).await;
    assert_eq!(calling.await.unwrap().status, 200);
    let finished = finished(&mut running).await;
    assert_eq!(outcomes(&finished), [settled("anna", OfferOutcome::Accepted), settled("anna", OfferOutcome::Accepted)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_who_stays_away_is_replaced_by_the_next() {
    let (finished, _) = breaks("[gateway]\nline_grace_secs = 2.0\n", async |running, _anna| {
        let mut ben = Desk::open(running, "ben").await;
        ben.page.speak(speech(&["fraud"]));
        ben.accept().await;
        ben.until_state(running, AgentState::OnCall).await;
        while !ben.lines.desktop(&ben.agent).calls.is_empty() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    assert_eq!(outcomes(&finished), [settled("anna", OfferOutcome::Accepted), settled("ben", OfferOutcome::Accepted)]);
    assert!(clock(&finished, 1, HandoffClock::T5).is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_line_phones_ring_as_ever() {
    let (desk_phone, mut rung) = phone().await;
    let text = NO_BOT.to_owned() + &on_loopback("") + &agent("anna", &["service"], &[desk_phone.local()]);
    let running = open(&text).await;
    let (sender, mut screen) = channel(8);
    let _page = running.gateway.lines().go_on_duty(&AgentId::from("anna"), sender);
    let calling = caller(&running, part(5));
    assert!(in_time(rung.recv()).await.is_some());
    assert!(screen.try_recv().is_err(), "a page without a line rings for nobody");
    calling.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visitor_at_a_page_is_a_caller_and_a_supervisor_listens_without_being_heard() {
    let mut running = gateway_of(&["anna", "boss"], "").await;
    let mut anna = Desk::open(&running, "anna").await;
    anna.page.speak(speech(&["fraud", "gets-loud"]));
    let visitor = Browser::open(Codec::Opus).await;
    let (answer, line) = running.webrtc.answer(&visitor.offer(false).await).await.unwrap();
    visitor.take(answer).await;
    let mut state = line.state();
    state.wait_for(|state| *state == LineState::Up).await.unwrap();
    let mut watched = running.gateway.watch();
    let (invited, _keys) = line.call(Visit { called: "1000".into(), ..Visit::default() }).unwrap();
    let id = running.gateway.take(invited).unwrap();
    let words = ["repeats-the-question", "calm-served-by-the-bot"];
    visitor.speak(speech(&words));
    anna.accept().await;
    until_they_talk(&mut watched).await;
    // A supervisor needs a line, and no presence.
    let boss = AgentId::from("boss");
    let (ears, network) = Desk::connect(&running, &boss).await;
    ears.speak(speech(&["asks-for-a-person"]));
    until_so("the supervisor's line", || running.gateway.lines().desktop(&boss).line == Some(LineState::Up)).await;
    assert_eq!(running.gateway.ask(id, Command::Listen { supervisor: boss.clone() }).await, Ok(()));
    until_so("seven seconds of listening", || ears.heard().sound.len() > 7 * 8_000).await;
    assert_eq!(running.gateway.ask(id, Command::StopListening { supervisor: boss.clone() }).await, Ok(()));
    until_so("the supervisor's line back", || running.gateway.lines().desktop(&boss).calls.is_empty()).await;
    drop(network);
    visitor.close().await;
    let finished = finished(&mut running).await;
    assert!(has(&finished, |kind| matches!(kind, Happening::CallEnded { by: segue::base::EndedBy::Caller, .. })));
    Likeness::of(&speech(&words), &anna.page.heard().sound).must_be_good("the agent hears the visitor");
    Likeness::of(&speech(&["fraud", "gets-loud"]), &visitor.heard().sound).must_be_good("the visitor hears the agent");
    let spoken = Likeness::of(&speech(&["asks-for-a-person"]), &visitor.heard().sound);
    assert!(spoken.found_s < 1.0, "nobody hears who only listens: {spoken:?}");
    assert!(!ears.heard().sound.is_empty());
    assert_eq!(*line.state().borrow(), LineState::Gone);
}

/// Root mean square.
pub fn rms(samples: &[i16]) -> f64 {
    (samples.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>() / samples.len().max(1) as f64).sqrt()
}

#[tokio::test(flavor = "multi_thread")]
async fn on_hold_there_is_music_muted_there_is_silence_and_keys_reach_the_caller() {
    let room = Room::new("live-hold");
    let wav = room.path().join("heard.wav");
    let mut running = gateway_of(&["anna"], "").await;
    let mut anna = Desk::open(&running, "anna").await;
    let said = speech(&["gets-loud", "fraud", "calm-served-by-the-bot", "repeats-the-question"]);
    anna.page.speak(said.clone());
    let mut watched = running.gateway.watch();
    let calling = recorded(&running, part(26), Some(wav.clone()));
    anna.accept().await;
    until_they_talk(&mut watched).await;
    let command = async |command| anna.lines.ask(&anna.agent, command).await.unwrap();
    // What is heard is measured in these spans; nothing is waited for by them.
    let span = async |secs: u64| tokio::time::sleep(Duration::from_secs(secs)).await;
    let mark = || anna.page.heard().sound.len();
    span(3).await;
    command(Command::Hold { agent: anna.agent.clone(), on: true }).await;
    until(&mut watched, |h| matches!(h, Happening::Held { on: true })).await;
    span(1).await;
    let held = mark();
    span(5).await;
    let resumed = mark();
    command(Command::Hold { agent: anna.agent.clone(), on: false }).await;
    until(&mut watched, |h| matches!(h, Happening::Held { on: false })).await;
    span(3).await;
    command(Command::Mute { agent: anna.agent.clone(), on: true }).await;
    until(&mut watched, |h| matches!(h, Happening::Muted { on: true, .. })).await;
    let muted = mark();
    span(3).await;
    let heard_while_muted = mark();
    command(Command::Mute { agent: anna.agent.clone(), on: false }).await;
    until(&mut watched, |h| matches!(h, Happening::Muted { on: false, .. })).await;
    for key in ['4', '#'] {
        command(Command::Press { agent: anna.agent.clone(), key: segue::base::Key::new(key).unwrap() }).await;
    }
    let report = calling.await.unwrap();
    let finished = finished(&mut running).await;
    assert_eq!(report.keys_heard, "4#");

    let heard = anna.page.heard().sound.clone();
    let (on_hold, while_muted) = (rms(&heard[held..resumed]), rms(&heard[muted..heard_while_muted]));
    assert!(on_hold < 60.0, "the agent hears the caller who is on hold: {on_hold:.0}");
    assert!(while_muted > 1_000.0, "the agent who is muted hears the caller: {while_muted:.0}");
    let at = |is: &dyn Fn(&Happening) -> bool| finished.records.iter().find(|record| is(&record.kind)).map(|record| record.at.as_secs_f64()).unwrap();
    let picked_up = at(&|kind| matches!(kind, Happening::LegJoined { leg: LegId::CALLER, .. }));
    let caller_heard = read(&wav, ChannelChoice::Right);
    let part_of = |from_s: f64, to_s: f64| {
        let sample = |secs: f64| (((secs - picked_up) * 8_000.0) as usize).min(caller_heard.len());
        &caller_heard[sample(from_s)..sample(to_s)]
    };
    let (on, off) = (at(&|kind| matches!(kind, Happening::Held { on: true })), at(&|kind| matches!(kind, Happening::Held { on: false })));
    let (mute, unmute) =
        (at(&|kind| matches!(kind, Happening::Muted { on: true, .. })), at(&|kind| matches!(kind, Happening::Muted { on: false, .. })));
    let (music, talk, silence) = (part_of(on + 1.0, off - 0.5), part_of(off + 0.5, mute - 0.2), part_of(mute + 0.8, unmute - 0.3));
    println!("the caller hears on hold {:.0}, then {:.0}, then {:.0}", rms(music), rms(talk), rms(silence));
    assert!(rms(music) > 100.0 && Likeness::of(&said, music).found_s < 0.7, "music on hold: {:.0} {:?}", rms(music), Likeness::of(&said, music));
    assert!(Likeness::of(&said, talk).found_s >= 0.9, "the agent is heard again: {:?}", Likeness::of(&said, talk));
    assert!(rms(silence) < 60.0, "a muted agent is heard: {:.0}", rms(silence));
}
