//! Transfers: of a caller by us, and of their call by an agent's phone, blind and attended.

use super::*;
use crate::raw::{Raw, header, sdp, tag};

/// How it ended, if they could be sent anywhere at all.
async fn moved(leg: &mut Leg) -> Option<bool> {
    loop {
        match next(leg).await {
            LegEvent::Moved(well) => return Some(well),
            LegEvent::Unmovable => return None,
            LegEvent::Media { .. } => {}
            other => panic!("{other:?} while they are sent on"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_allow_refer_is_not_asked() {
    let Some((child, mut leg, ..)) = called_by("caller_without_refer.xml", "u1").await else { return };
    ask(&leg, LegCommand::Refer { target: "sip:2000@192.0.2.1".into(), user_to_user: None }).await;
    assert_eq!(moved(&mut leg).await, None);
    ask(&leg, LegCommand::HangUp { cause: 16, text: "Normal call clearing".into() }).await;
    went_well(child).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_is_sent_on_with_the_key_and_how_it_goes_is_followed() {
    for (scenario, well) in [("caller_is_sent_on.xml", Some(true)), ("caller_move_fails.xml", Some(false)), ("caller_refuses_to_move.xml", None)] {
        let Some((child, mut leg, ..)) = called_by(scenario, "u1").await else { return };
        ask(&leg, LegCommand::Refer { target: "sip:2000@192.0.2.1".into(), user_to_user: Some("046b6579;encoding=hex".into()) }).await;
        assert_eq!(moved(&mut leg).await, well, "{scenario}");
        ask(&leg, LegCommand::HangUp { cause: 16, text: "Normal call clearing".into() }).await;
        went_well(child).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn trap_23_a_phone_that_transfers_is_told_how_it_goes() {
    let (edge, _ringing) = open().await;
    let port = free_port();
    let Some(child) = sipp("callee_transfers.xml", "u1", &["-p", &port.to_string(), &edge.local().to_string()]) else { return };
    let mut leg = edge.dial(dialling(port, ""));
    stands(&mut leg).await;
    let LegEvent::Referred { target } = next(&mut leg).await else { panic!("no transfer") };
    assert_eq!(target, "tel:+1-201-555-0123");
    ask(&leg, LegCommand::Referral { status: 180 }).await;
    ask(&leg, LegCommand::Referral { status: 486 }).await;
    let LegEvent::Referred { target } = next(&mut leg).await else { panic!("no second transfer") };
    assert_eq!(target, "sip:2000@192.0.2.1");
    ask(&leg, LegCommand::Referral { status: 200 }).await;
    ask(&leg, LegCommand::HangUp { cause: 16, text: "Normal call clearing".into() }).await;
    went_well(child).await;
}

/// An agent's phone that was dialled, and talks.
async fn agent() -> (Raw, Leg, SipEdge, Receiver<Invited>) {
    let (edge, ringing) = open().await;
    let mut phone = Raw::new(edge.local(), "anna");
    let mut leg = edge.dial(dialling(phone.at.port(), ""));
    phone.picks_up("", 6_000);
    stands(&mut leg).await;
    (phone, leg, edge, ringing)
}

async fn replaced(leg: &mut Leg) -> Leg {
    loop {
        match next(leg).await {
            LegEvent::Replaced(leg) | LegEvent::Brought(leg) => return leg,
            LegEvent::Media { .. } => {}
            other => panic!("{other:?} before it was replaced"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_phone_takes_the_place_of_the_first() {
    let (anna, mut leg, edge, _ringing) = agent().await;
    let mut second = Raw::new(edge.local(), "second");
    for (replaces, status) in [
        (format!("{};to-tag=nobody;from-tag={}", anna.call, anna.tag), "481"),
        ("nonsense".into(), "400"),
        (format!("{};to-tag={};from-tag={};early-only", anna.call, anna.their_tag, anna.tag), "486"),
    ] {
        second.ask("INVITE", &format!("Require: replaces\r\nReplaces: {replaces}\r\n"), &sdp(6_010, 0, "sendrecv"));
        second.expect(&format!("SIP/2.0 {status}"));
        second.beside("ACK");
    }
    let replaces = format!("Replaces: {};to-tag={};from-tag={}\r\n", anna.call, anna.their_tag, anna.tag);
    second.calls(&replaces, 6_010);
    anna.expect_and_take("BYE");
    let mut new = replaced(&mut leg).await;
    assert_eq!(stands(&mut new).await.remote.port(), 6_010);
    second.ask("BYE", "", "");
    second.expect("SIP/2.0 200");
    ends(&mut new).await;
}

/// The agent has asked `bea` on another line, and wants her to take the caller.
fn transfer_to(anna: &mut Raw, bea: &Raw) {
    let refer_to = format!("Refer-To: <sip:bea@{}?Replaces=other%40line%3Bto-tag%3Dbea7%3Bfrom-tag%3Danna7>\r\n", bea.at);
    anna.ask("REFER", &refer_to, "");
    anna.expect("SIP/2.0 202");
    assert!(anna.expect_and_take("NOTIFY").contains("SIP/2.0 100"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attended_transfer_brings_whom_the_agent_has_talked_to() {
    let (mut anna, mut leg, edge, _ringing) = agent().await;
    let mut bea = Raw::new(edge.local(), "bea");
    transfer_to(&mut anna, &bea);
    let invite = bea.expect("INVITE");
    assert_eq!((header(&invite, "Replaces"), header(&invite, "Require")), (Some("other@line;to-tag=bea7;from-tag=anna7"), Some("replaces")));
    bea.is_called(&invite);
    bea.answer(&invite, "180 Ringing", "", "");
    assert!(anna.expect_and_take("NOTIFY").contains("SIP/2.0 180"));
    bea.answer(&invite, "200 OK", "", &sdp(6_020, 0, "sendrecv"));
    bea.expect("ACK");
    let last = anna.expect_and_take("NOTIFY");
    assert!(last.contains("SIP/2.0 200") && header(&last, "Subscription-State").is_some_and(|state| state.starts_with("terminated")), "{last}");
    anna.expect_and_take("BYE");
    let mut new = replaced(&mut leg).await;
    assert_eq!(stands_or_stood(&mut new).await, 6_020);
    ask(&new, LegCommand::HangUp { cause: 16, text: "Normal call clearing".into() }).await;
    bea.expect_and_take("BYE");
}

/// The port of a leg that stood already when it was handed over.
async fn stands_or_stood(leg: &mut Leg) -> u16 {
    match next(leg).await {
        LegEvent::Media { plan, wire: Some(_) } => plan.remote.port(),
        other => panic!("{other:?} instead of sound"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attended_transfer_that_fails_leaves_the_agent_on_the_call() {
    let (mut anna, mut leg, edge, _ringing) = agent().await;
    let bea = Raw::new(edge.local(), "bea");
    transfer_to(&mut anna, &bea);
    let invite = bea.expect("INVITE");
    bea.answer(&invite, "481 Call/Transaction Does Not Exist", "", "");
    let last = anna.expect_and_take("NOTIFY");
    assert!(last.contains("SIP/2.0 481"), "{last}");
    anna.ask("BYE", "", "");
    anna.expect("SIP/2.0 200");
    ends(&mut leg).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn trap_10_who_transfers_may_leave_before_the_target_answers() {
    for answers in [true, false] {
        let (mut anna, mut leg, edge, _ringing) = agent().await;
        let mut bea = Raw::new(edge.local(), "bea");
        transfer_to(&mut anna, &bea);
        let invite = bea.expect("INVITE");
        anna.ask("BYE", "", "");
        anna.expect("SIP/2.0 200");
        bea.is_called(&invite);
        if answers {
            bea.answer(&invite, "200 OK", "", &sdp(6_030, 0, "sendrecv"));
            let mut new = replaced(&mut leg).await;
            assert_eq!(stands_or_stood(&mut new).await, 6_030);
        } else {
            bea.answer(&invite, "603 Decline", "", "");
            assert!(matches!(next(&mut leg).await, LegEvent::Gone(segue::call::Gone::HungUp)));
        }
        assert_eq!(tag(&invite, "To"), "", "it is a new call");
    }
}
