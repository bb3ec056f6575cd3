//! Who is brought back to duty, and what reaches a desk that is busy.

use tokio::sync::mpsc::error::TryRecvError;

use super::*;
use crate::base::{OfferId, TicketId};
use crate::handoff::desk::{AgentTable, QueueTable, Seek};

fn tables() -> DeskTables {
    let agent = |name: &str| AgentTable { name: name.into(), ..AgentTable::default() };
    DeskTables { queues: vec![QueueTable { name: "service".into(), ..QueueTable::default() }], agents: vec![agent("anna")], ..DeskTables::default() }
}

fn anna() -> AgentId {
    AgentId::from("anna")
}

/// A desk where Anna is available on her phone, and comes back from breaks at once.
fn service() -> DeskService {
    let (mut service, _) = DeskService::new(Desk::new(&tables()), Instant::now(), Duration::ZERO);
    service.take(Told::Message(DeskInput::Line { agent: anna(), up: true }));
    service.take(Told::PhoneIsUp(anna()));
    service.drain();
    assert_eq!(presence(&service), Presence::Available);
    service
}

fn presence(service: &DeskService) -> Presence {
    service.desk.presence(&anna()).cloned().unwrap()
}

fn says(service: &mut DeskService, presence: Presence) {
    service.take(Told::Message(DeskInput::Presence { agent: anna(), presence }));
    service.drain();
}

/// An offer that Anna lets pass.
fn lets_pass(service: &mut DeskService) {
    let (inbox, mut news) = channel(64);
    let call = CallId(uuid::Uuid::now_v7());
    service.take(Told::Began(call, "service".into(), inbox));
    let seek = Seek {
        ticket: TicketId { call, n: 0 },
        queue: "service".into(),
        skills: Vec::new(),
        language: "en".into(),
        priority: 0,
        since: Time::ZERO,
        except: Vec::new(),
        prefer: None,
        prefer_until: None,
        only: None,
    };
    service.take(Told::Message(DeskInput::Seek(seek)));
    service.drain();
    let offer = loop {
        match news.try_recv() {
            Ok(News::Call(CallInput::Desk(DeskOutput::Offer { offer, .. }))) => break offer,
            Ok(_) => {}
            Err(TryRecvError::Empty | TryRecvError::Disconnected) => panic!("nobody is asked"),
        }
    };
    assert_eq!(offer, OfferId { call, n: 0 });
    service.take(Told::Message(DeskInput::Refuse { offer, outcome: OfferOutcome::Unanswered }));
    service.drain();
    assert_eq!(presence(service), Presence::Break(NO_ANSWER.into()));
    service.take(Told::Ended(call));
}

fn ticks(service: &mut DeskService) {
    service.tick();
    service.drain();
}

#[test]
fn who_let_an_offer_pass_on_a_phone_is_back_by_themselves() {
    let mut service = service();
    lets_pass(&mut service);
    ticks(&mut service);
    assert_eq!(presence(&service), Presence::Available);
    assert!(service.back.is_empty());
}

#[test]
fn nobody_is_brought_back_who_said_how_they_are_or_can_say_so() {
    for said in [Presence::Break("lunch".into()), Presence::Offline, Presence::BreakAfterCall("lunch".into())] {
        let mut service = service();
        lets_pass(&mut service);
        says(&mut service, said.clone());
        let is = presence(&service);
        ticks(&mut service);
        service.take(Told::PhoneIsUp(anna()));
        assert_eq!(presence(&service), is, "{said:?}");
    }
    let mut service = service();
    service.take(Told::Page(anna(), true));
    lets_pass(&mut service);
    ticks(&mut service);
    assert_eq!(presence(&service), Presence::Break(NO_ANSWER.into()), "they have a page");
    service.take(Told::PhoneIsUp(anna()));
    assert_eq!(presence(&service), Presence::Available, "a phone that was away is there");
}

#[test]
fn who_has_gone_without_a_word_is_available_on_a_phone_that_comes_and_who_signed_off_is_not() {
    let mut service = service();
    service.take(Told::Left(anna()));
    assert_eq!(presence(&service), Presence::Offline);
    service.take(Told::PhoneIsUp(anna()));
    assert_eq!(presence(&service), Presence::Available);
    says(&mut service, Presence::Offline);
    service.take(Told::PhoneIsUp(anna()));
    assert_eq!(presence(&service), Presence::Offline);
}

#[tokio::test]
async fn what_must_come_finds_its_way_past_a_full_queue_and_in_its_order() {
    let line = DeskLine::open(&tables(), Duration::from_secs(60));
    line.tell(DeskInput::Presence { agent: anna(), presence: Presence::Available });
    for _ in 0..2 * QUEUE {
        line.tell(DeskInput::Tick);
    }
    for up in [true, false, true] {
        line.tell(DeskInput::Line { agent: anna(), up });
    }
    let mut agents = line.agents();
    let is_there = |agents: &Agents| agents[&anna()].state == AgentState::Available;
    assert!(tokio::time::timeout(Duration::from_secs(30), agents.wait_for(is_there)).await.is_ok());
    assert!(line.late.lock().is_empty());
}
