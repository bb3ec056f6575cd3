use std::net::IpAddr;

use tokio::sync::mpsc::Receiver;

use super::*;
use crate::base::{HandoffClock, Happening, OfferId, Party, Rate};
use crate::call::EntryTable;
use crate::edge::sip::SipEdge;
use crate::edge::sip::table::SipTable;
use crate::edge::{LEG_QUEUE, Leg, LegEvent, Ports};
use crate::gateway::KitTables;
use crate::handoff::desk::{AgentTable, DeskTables, QueueTable};
use crate::sound::codec::Codec;
use phones::Place;

/// Nothing here takes longer.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOPBACK: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, what).await.expect("in time")
}

/// A SIP edge on loopback, and the calls that ring there.
async fn sip(first_port: u16) -> (SipEdge, Receiver<Invited>) {
    let (calls, ringing) = channel(8);
    let table = SipTable { bind: vec!["udp:127.0.0.1:0".into()], ..SipTable::default() };
    (SipEdge::open(&table, Arc::new(Ports::new(LOOPBACK, first_port, first_port + 39)), calls).await.expect("loopback has ports"), ringing)
}

/// One queue, and one agent, whose phone is at this address.
async fn gateway(phone: &SipEdge) -> (Arc<Gateway>, Receiver<Finished>) {
    let queue = QueueTable { name: "service".into(), wrap_up_secs: 0.0, ..QueueTable::default() };
    let agent = AgentTable { name: "anna".into(), ..AgentTable::default() };
    let desk = DeskTables { queues: vec![queue], agents: vec![agent], ..DeskTables::default() };
    let entry = EntryTable { name: "main".into(), queue: "service".into(), ..EntryTable::default() };
    let kit = Kit::load(KitTables { entries: vec![entry], desk, ..KitTables::default() }).expect("the tables are right");
    let (ours, _) = sip(39_200).await;
    let places = BTreeMap::from([(AgentId::from("anna"), vec![Place::Dialled(format!("sip:anna@{}", phone.local()), Vec::new())])]);
    let book = PhoneBook::new(ours, places, (vec![Codec::Pcmu], false), "sip:segue@127.0.0.1".into());
    let table = LiveTable { media_threads: 1, ..LiveTable::default() };
    Gateway::open(kit, table, book, Pages::new(None, Duration::ZERO), Around::default()).expect("a gateway")
}

/// Somebody who calls and is answered, without a phone; stays while the sender is kept.
async fn calls(gateway: &Gateway) -> (CallId, Sender<LegEvent>) {
    let ((commands, mut told), (events, of_leg)) = (channel(LEG_QUEUE), channel(LEG_QUEUE));
    let invited = Invited {
        called: "1000".into(),
        caller: None,
        data: Vec::new(),
        trunk: None,
        rate: Rate::Hz8000,
        from: (LOOPBACK, 5060).into(),
        reference: "test".into(),
        leg: Leg { commands, events: of_leg },
    };
    let call = gateway.take(invited).expect("there is room");
    let is_asked = async { while told.recv().await.expect("the leg is used") != LegCommand::Answer {} };
    soon(is_asked).await;
    events.send(LegEvent::Answered).await.expect("the call goes on");
    // What else it is told is of no matter.
    tokio::spawn(async move { while told.recv().await.is_some() {} });
    (call, events)
}

/// The agent's phone rings, is picked up, and its caller taken.
async fn takes(gateway: &Gateway, rung: &mut Receiver<Invited>, call: CallId) -> Leg {
    let mut records = gateway.watch();
    let leg = soon(rung.recv()).await.expect("the phone is there").leg;
    leg.commands.send(LegCommand::Answer).await.expect("it rings");
    let mut until = async |what: fn(&Happening) -> bool| soon(async { while !what(&records.recv().await.expect("the gateway runs").kind) {} }).await;
    until(|kind| matches!(kind, Happening::LegJoined { party: Party::Agent, .. })).await;
    let inbox = gateway.calls().get(&call).cloned().expect("the call goes on");
    let accept = CallInput::AgentAnswered(OfferId { call, n: 0 });
    inbox.send(News::Call(accept)).await.expect("the call goes on");
    until(|kind| matches!(kind, Happening::ClockReached { clock: HandoffClock::T4, .. })).await;
    leg
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_in_a_call_that_segue_failed_at_is_offered_the_next_one() {
    let (phone, mut rung) = sip(39_240).await;
    let (gateway, mut finished) = gateway(&phone).await;
    let (first, _stays) = calls(&gateway).await;
    let mut leg = takes(&gateway, &mut rung, first).await;
    let (second, _stays) = calls(&gateway).await;
    let inbox = gateway.calls().get(&first).cloned().expect("the call goes on");
    inbox.send(News::Fail).await.expect("the call goes on");
    let over = soon(finished.recv()).await.expect("the gateway runs");
    assert!(over.call == first && !over.is_sound);
    while !matches!(soon(leg.events.recv()).await, Some(LegEvent::Gone(_)) | None) {}
    takes(&gateway, &mut rung, second).await;
}
