//! What happens inside a dialog: offers that meet, signs of life, requests that come too early, answers that cross.

use super::*;
use crate::raw::{Raw, header, sdp, tag};

/// A phone calls, and stands.
async fn standing(table: SipTable, headers: &str) -> (Raw, Leg, SipEdge) {
    standing_as(|phone| phone, table, headers).await
}

/// The same, with a phone of its own kind.
async fn standing_as(kind: fn(Raw) -> Raw, table: SipTable, headers: &str) -> (Raw, Leg, SipEdge) {
    let (edge, mut ringing) = open_with(table).await;
    let mut phone = kind(Raw::new(edge.local(), "caller"));
    let cseq = phone.ask("INVITE", headers, &sdp(6_000, 0, "sendrecv"));
    let mut call = invited(&mut ringing).await;
    ask(&call.leg, LegCommand::Answer).await;
    let answer = phone.expect("SIP/2.0 200");
    phone.meet(&answer);
    phone.ack(cseq, "");
    stands(&mut call.leg).await;
    (phone, call.leg, edge)
}

async fn changed(leg: &mut Leg) -> MediaPlan {
    match next(leg).await {
        LegEvent::Media { plan, wire: None } => plan,
        other => panic!("{other:?} instead of a change"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_holds_resumes_and_changes_address_and_codec() {
    let (mut phone, mut leg, _edge) = standing(SipTable::default(), "").await;
    for (offer, expected, direction) in [
        (sdp(6_000, 0, "sendonly"), (false, true, Codec::Pcmu, 6_000), "a=recvonly"),
        (sdp(6_000, 0, "inactive"), (false, false, Codec::Pcmu, 6_000), "a=inactive"),
        (sdp(7_000, 8, "sendrecv"), (true, true, Codec::Pcma, 7_000), "a=sendrecv"),
    ] {
        phone.ask("UPDATE", "", &offer);
        let answer = phone.expect("SIP/2.0 200");
        assert!(answer.contains(direction), "{answer}");
        let plan = changed(&mut leg).await;
        assert_eq!((plan.sends, plan.receives, plan.codec, plan.remote.port()), expected);
    }
    phone.ask("UPDATE", "", "v=0\r\nm=nothing");
    phone.expect("SIP/2.0 488");
    phone.ask("BYE", "", "");
    phone.expect("SIP/2.0 200");
    ends(&mut leg).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reinvite_may_leave_the_offer_to_us_and_answer_it_in_the_ack() {
    let (mut phone, mut leg, _edge) = standing(SipTable::default(), "").await;
    let cseq = phone.ask("INVITE", "", "");
    let offer = phone.expect("SIP/2.0 200");
    assert!(offer.contains("m=audio"), "{offer}");
    phone.ack(cseq, &sdp(6_002, 8, "sendonly"));
    let plan = changed(&mut leg).await;
    assert_eq!((plan.sends, plan.codec, plan.remote.port()), (false, Codec::Pcma, 6_002));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_offers_that_meet_both_are_refused_and_ours_comes_again() {
    let (mut phone, mut leg, _edge) = standing(SipTable::default(), "").await;
    ask(&leg, LegCommand::Hold(true)).await;
    let ours = phone.expect("INVITE");
    phone.ask("INVITE", "", &sdp(6_004, 0, "sendrecv"));
    phone.expect("SIP/2.0 491");
    phone.beside("ACK");
    phone.answer(&ours, "491 Request Pending", "", "");
    phone.expect("ACK");
    let again = phone.expect("INVITE");
    assert!(again.contains("a=sendonly") && header(&again, "CSeq") != header(&ours, "CSeq"), "{again}");
    phone.answer(&again, "200 OK", "", &sdp(6_000, 0, "recvonly"));
    phone.expect("ACK");
    let plan = changed(&mut leg).await;
    assert_eq!((plan.sends, plan.receives), (true, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_too_early_is_told_to_ask_later() {
    let (edge, mut ringing) = open().await;
    let mut phone = Raw::new(edge.local(), "early");
    let invite = phone.ask("INVITE", "", &sdp(6_000, 0, "sendrecv"));
    let mut call = invited(&mut ringing).await;
    ask(&call.leg, LegCommand::Ring).await;
    let rings = phone.expect("SIP/2.0 180");
    phone.meet(&rings);
    phone.ask("INVITE", "", &sdp(6_004, 0, "sendrecv"));
    assert!(header(&phone.expect("SIP/2.0 500"), "Retry-After").is_some());
    phone.beside("ACK");
    phone.ask("UPDATE", "", &sdp(6_004, 0, "sendrecv"));
    phone.expect("SIP/2.0 500");
    phone.ask("UPDATE", "", "");
    phone.expect("SIP/2.0 200");
    phone.ask("OPTIONS", "", "");
    phone.expect("SIP/2.0 200");
    phone.ask("PRACK", "RAck: 1 1 INVITE\r\n", "");
    phone.expect("SIP/2.0 481");
    ask(&call.leg, LegCommand::Answer).await;
    let answer = phone.expect("SIP/2.0 200");
    assert!(header(&answer, "CSeq").is_some_and(|cseq| cseq.contains("INVITE")), "{answer}");
    phone.ack(invite, "");
    stands(&mut call.leg).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn that_it_rings_is_told_again_until_who_requires_it_has_acknowledged_it() {
    let (edge, mut ringing) = open().await;
    let mut phone = Raw::new(edge.local(), "reliable");
    let invite = phone.ask("INVITE", "Require: 100rel\r\n", &sdp(6_000, 0, "sendrecv"));
    let mut call = invited(&mut ringing).await;
    ask(&call.leg, LegCommand::Ring).await;
    let rings = phone.expect("SIP/2.0 180");
    assert_eq!(header(&rings, "Require"), Some("100rel"));
    let rseq: u32 = header(&rings, "RSeq").and_then(|rseq| rseq.parse().ok()).expect("a number");
    let again = phone.expect("SIP/2.0 180");
    assert_eq!(header(&again, "RSeq"), header(&rings, "RSeq"));
    phone.meet(&rings);
    phone.ask("PRACK", &format!("RAck: {} {invite} INVITE\r\n", rseq + 1), "");
    phone.expect("SIP/2.0 481");
    phone.ask("PRACK", &format!("RAck: {rseq} {invite} INVITE\r\n"), "");
    phone.expect("SIP/2.0 200");
    ask(&call.leg, LegCommand::Answer).await;
    phone.expect("SIP/2.0 200");
    phone.ack(invite, "");
    stands(&mut call.leg).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_may_overtake_the_acknowledgement_that_it_rings() {
    let (edge, mut ringing) = open().await;
    let mut phone = Raw::new(edge.local(), "hasty");
    let invite = phone.ask("INVITE", "Require: 100rel\r\n", &sdp(6_000, 0, "sendrecv"));
    let mut call = invited(&mut ringing).await;
    ask(&call.leg, LegCommand::Ring).await;
    ask(&call.leg, LegCommand::Answer).await;
    let rings = phone.expect("SIP/2.0 180");
    phone.expect("SIP/2.0 200");
    phone.meet(&rings);
    phone.ask("PRACK", &format!("RAck: {} {invite} INVITE\r\n", header(&rings, "RSeq").expect("a number")), "");
    phone.expect("SIP/2.0 200 OK");
    phone.ack(invite, "");
    stands(&mut call.leg).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_extension_that_nobody_knows_is_named() {
    let (edge, _ringing) = open().await;
    let mut phone = Raw::new(edge.local(), "strange");
    phone.ask("INVITE", "Require: timer, nothingSupportsThis\r\n", &sdp(6_000, 0, "sendrecv"));
    assert_eq!(header(&phone.expect("SIP/2.0 420"), "Unsupported"), Some("nothingsupportsthis"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_that_asks_before_it_picks_up_or_at_once_after_it_is_answered() {
    let (edge, _ringing) = open().await;
    let mut phone = Raw::new(edge.local(), "eager");
    let mut leg = edge.dial(dialling(phone.at.port(), ""));
    let invite = phone.expect("INVITE");
    phone.is_called(&invite);
    phone.answer(&invite, "180 Ringing", "", "");
    phone.ask("UPDATE", "", "");
    phone.expect("SIP/2.0 200");
    phone.ask("UPDATE", "", &sdp(6_004, 0, "sendrecv"));
    assert!(header(&phone.expect("SIP/2.0 500"), "Retry-After").is_some());
    phone.answer(&invite, "200 OK", "", &sdp(6_000, 0, "sendrecv"));
    phone.expect("ACK");
    phone.ask("UPDATE", "", &sdp(6_002, 0, "sendrecv"));
    phone.expect("SIP/2.0 200");
    assert_eq!(stands(&mut leg).await.remote.port(), 6_000);
    assert_eq!(changed(&mut leg).await.remote.port(), 6_002);
}

/// A session may be this short here, so that tests need not wait.
fn short() -> SipTable {
    SipTable { session_secs: 2, session_min_secs: 2, ..SipTable::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_nobody_refreshes_is_lost() {
    let (edge, mut ringing) = open_with(short()).await;
    let mut phone = Raw::new(edge.local(), "session");
    phone.ask("INVITE", "Supported: timer\r\nSession-Expires: 1\r\n", &sdp(6_000, 0, "sendrecv"));
    assert_eq!(header(&phone.expect("SIP/2.0 422"), "Min-SE"), Some("2"));
    phone.beside("ACK");
    let wishes = "Supported: timer\r\nSession-Expires: 2;refresher=uac\r\n";
    let invite = phone.ask("INVITE", wishes, &sdp(6_000, 0, "sendrecv"));
    let mut call = invited(&mut ringing).await;
    ask(&call.leg, LegCommand::Answer).await;
    let answer = phone.expect("SIP/2.0 200");
    assert_eq!((header(&answer, "Session-Expires"), header(&answer, "Require")), (Some("2;refresher=uac"), Some("timer")));
    phone.meet(&answer);
    phone.ack(invite, "");
    stands(&mut call.leg).await;
    phone.ask("UPDATE", wishes, "");
    let answer = phone.expect("SIP/2.0 200");
    assert_eq!(header(&answer, "Session-Expires"), Some("2;refresher=uac"));
    assert!(matches!(next(&mut call.leg).await, LegEvent::Gone(segue::call::Gone::Lost)));
    assert!(phone.expect_and_take("BYE").contains("Session expired"));
}

#[tokio::test(flavor = "multi_thread")]
async fn we_refresh_by_update_or_by_offer_and_leave_who_is_not_there_any_more() {
    for (allows, refresh) in [("INVITE, ACK, BYE, UPDATE", "UPDATE"), ("INVITE, ACK, BYE", "INVITE")] {
        let (phone, mut leg, _edge) = standing(short(), &format!("Supported: timer\r\nAllow: {allows}\r\n")).await;
        for _ in 0..2 {
            let request = phone.expect(refresh);
            assert_eq!(header(&request, "Session-Expires"), Some("2;refresher=uac"), "{request}");
            let body = if refresh == "INVITE" { sdp(6_000, 0, "sendrecv") } else { String::new() };
            phone.answer(&request, "200 OK", "Session-Expires: 2;refresher=uac\r\nRequire: timer\r\n", &body);
        }
        let request = phone.expect(refresh);
        phone.answer(&request, "481 Call/Transaction Does Not Exist", "", "");
        loop {
            match next(&mut leg).await {
                LegEvent::Media { .. } => {}
                LegEvent::Gone(gone) => break assert_eq!(gone, segue::call::Gone::Lost),
                other => panic!("{other:?}"),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_dialled_may_ask_us_to_refresh() {
    let (edge, _ringing) = open_with(short()).await;
    let mut phone = Raw::new(edge.local(), "dialled");
    let mut leg = edge.dial(dialling(phone.at.port(), ""));
    let headers = "Session-Expires: 2;refresher=uac\r\nRequire: timer\r\nAllow: INVITE, UPDATE\r\n";
    let invite = phone.picks_up(headers, 6_000);
    assert_eq!((header(&invite, "Session-Expires"), header(&invite, "Min-SE")), (Some("2"), Some("2")));
    assert!(header(&invite, "Supported").is_some_and(|tags| tags.contains("timer")), "{invite}");
    assert_eq!(invite.matches("\r\nAllow:").count(), 1, "{invite}");
    stands(&mut leg).await;
    phone.expect("UPDATE");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_wants_longer_sessions_gets_them() {
    let (edge, _ringing) = open_with(short()).await;
    let mut phone = Raw::new(edge.local(), "longer");
    let mut leg = edge.dial(dialling(phone.at.port(), ""));
    let first = phone.expect("INVITE");
    phone.answer(&first, "422 Session Interval Too Small", "Min-SE: 4\r\n", "");
    phone.expect("ACK");
    let invite = phone.picks_up("Session-Expires: 4;refresher=uac\r\nRequire: timer\r\nAllow: INVITE, UPDATE\r\n", 6_000);
    assert_eq!(header(&invite, "Session-Expires"), Some("4"));
    stands(&mut leg).await;
    let refresh = phone.expect("UPDATE");
    phone.answer(&refresh, "422 Session Interval Too Small", "Min-SE: 6\r\n", "");
    let again = phone.expect("UPDATE");
    assert_eq!(header(&again, "Session-Expires"), Some("6;refresher=uac"));
    phone.answer(&again, "200 OK", "Session-Expires: 6;refresher=uac\r\nRequire: timer\r\n", "");
    ask(&leg, LegCommand::HangUp { cause: 16, text: "Normal call clearing".into() }).await;
    phone.expect_and_take("BYE");
}

/// RFC 3261, 17.1.2.2: nobody has answered after 64 times T1, which is 32 s.
#[tokio::test(flavor = "multi_thread")]
async fn a_phone_that_does_not_answer_a_refresh_is_lost() {
    let (phone, mut leg, _edge) = standing(short(), "Supported: timer\r\nAllow: INVITE, ACK, BYE, UPDATE\r\n").await;
    phone.expect("UPDATE");
    let event = tokio::time::timeout(4 * DEADLINE, leg.events.recv()).await.expect("in time");
    assert!(matches!(event, Some(LegEvent::Gone(segue::call::Gone::Lost))), "{event:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn that_a_phone_rings_is_acknowledged_where_it_requires_that() {
    let (edge, _ringing) = open().await;
    let port = free_port();
    let Some(child) = sipp("callee_reliable.xml", "u1", &["-p", &port.to_string(), &edge.local().to_string()]) else { return };
    let mut leg = edge.dial(dialling(port, ""));
    assert_eq!(stands(&mut leg).await.remote.port(), 6_000);
    ask(&leg, LegCommand::HangUp { cause: 16, text: "Normal call clearing".into() }).await;
    went_well(child).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_requires_it_acknowledges_that_it_rings_and_then_moves_and_changes_codec() {
    let Some((child, mut leg, plan, _edge)) = called_by("caller_reliable.xml", "u1").await else { return };
    assert_eq!((plan.codec, plan.remote.port()), (Codec::Pcmu, 6_000));
    let plan = changed(&mut leg).await;
    assert_eq!((plan.codec, plan.remote.port(), plan.sends), (Codec::Pcma, 6_010, true));
    ends(&mut leg).await;
    went_well(child).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_sent_on_is_followed() {
    let (edge, _ringing) = open().await;
    let (first, second) = (free_port(), free_port());
    let Some(sends_on) = sipp("callee_sends_on.xml", "u1", &["-p", &first.to_string(), "-key", "other", &second.to_string()]) else { return };
    let Some(takes) = sipp("callee.xml", "u1", &["-p", &second.to_string()]) else { return };
    let mut leg = edge.dial(dialling(first, ""));
    stands(&mut leg).await;
    ask(&leg, LegCommand::HangUp { cause: 16, text: "Normal call clearing".into() }).await;
    went_well(sends_on).await;
    went_well(takes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_behind_nat_is_held_and_hung_up_on_where_they_are_heard_from() {
    let (phone, leg, _edge) = standing_as(Raw::behind_nat, SipTable::default(), "").await;
    ask(&leg, LegCommand::Hold(true)).await;
    let held = phone.expect(&format!("INVITE sip:dana@{}", phone.at));
    phone.answer(&held, "200 OK", "", &sdp(6_000, 0, "recvonly"));
    phone.expect("ACK");
    ask(&leg, LegCommand::HangUp { cause: 16, text: "Normal call clearing".into() }).await;
    phone.expect_and_take(&format!("BYE sip:dana@{}", phone.at));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_during_a_shutdown_whether_we_are_there_sends_no_more_calls() {
    let (edge, _ringing) = open().await;
    let mut proxy = Raw::new(edge.local(), "proxy");
    proxy.ask("OPTIONS", "", "");
    proxy.expect("SIP/2.0 200");
    edge.drain();
    proxy.ask("OPTIONS", "", "");
    assert_eq!(header(&proxy.expect("SIP/2.0 503"), "Retry-After"), Some("60"));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_picks_up_in_the_moment_in_which_they_are_given_up_is_hung_up_on() {
    let (edge, _ringing) = open().await;
    // The ACK leaves before the leg knows that it stands; few of these calls are given up just then.
    for _ in 0..200 {
        let phone = Raw::new(edge.local(), "late");
        let leg = edge.dial(dialling(phone.at.port(), ""));
        phone.answer(&phone.expect("INVITE"), "200 OK", "", &sdp(6_000, 0, "sendrecv"));
        phone.expect("ACK");
        drop(leg);
        phone.expect_and_take("BYE");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_for_which_there_is_no_room_is_sent_on() {
    let (edge, mut ringing) = open_with(SipTable { overload_target: Some("sip:queue@192.0.2.9".into()), ..SipTable::default() }).await;
    let mut phone = Raw::new(edge.local(), "sent");
    phone.ask("INVITE", "", &sdp(6_000, 0, "sendrecv"));
    let call = invited(&mut ringing).await;
    ask(&call.leg, LegCommand::Refuse { status: 302, retry_after_s: None, contact: Some("tel:+1-201-555-0123".into()) }).await;
    assert_eq!(header(&phone.expect("SIP/2.0 302"), "Contact"), Some("<tel:+1-201-555-0123>"));
    phone.beside("ACK");
    edge.drain();
    let mut late = Raw::new(edge.local(), "late");
    late.ask("INVITE", "", &sdp(6_000, 0, "sendrecv"));
    assert_eq!(header(&late.expect("SIP/2.0 302"), "Contact"), Some("<sip:queue@192.0.2.9>"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_that_crosses_our_answer_changes_nothing() {
    let (edge, mut ringing) = open().await;
    let mut phone = Raw::new(edge.local(), "crossing");
    let invite = phone.ask("INVITE", "", &sdp(6_000, 0, "sendrecv"));
    let mut call = invited(&mut ringing).await;
    ask(&call.leg, LegCommand::Answer).await;
    let answer = phone.expect("SIP/2.0 200");
    phone.beside("CANCEL");
    let cancelled = loop {
        let answer = phone.expect("SIP/2.0 ");
        if header(&answer, "CSeq").is_some_and(|cseq| cseq.contains("CANCEL")) {
            break answer;
        }
        assert!(answer.starts_with("SIP/2.0 200"), "the call was answered before: {answer}");
    };
    assert!(cancelled.starts_with("SIP/2.0 200") || cancelled.starts_with("SIP/2.0 481"), "{cancelled}");
    phone.meet(&answer);
    phone.ack(invite, "");
    stands(&mut call.leg).await;
    phone.ask("BYE", "", "");
    phone.expect("SIP/2.0 200");
    ends(&mut call.leg).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_picks_up_as_we_give_up_is_acknowledged_and_left() {
    let (edge, _ringing) = open().await;
    let mut phone = Raw::new(edge.local(), "late");
    let mut leg = edge.dial(dialling(phone.at.port(), ""));
    let invite = phone.expect("INVITE");
    phone.is_called(&invite);
    phone.answer(&invite, "180 Ringing", "", "");
    while !matches!(next(&mut leg).await, LegEvent::Ringing) {}
    ask(&leg, LegCommand::HangUp { cause: 16, text: "Answered elsewhere".into() }).await;
    let cancel = phone.expect("CANCEL");
    phone.answer(&invite, "200 OK", "", &sdp(6_000, 0, "sendrecv"));
    phone.answer(&cancel, "200 OK", "", "");
    phone.expect("ACK");
    phone.expect_and_take("BYE");
    assert!(matches!(next(&mut leg).await, LegEvent::Refused { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_phones_that_pick_up_at_once_one_is_kept() {
    let (edge, _ringing) = open().await;
    let mut phone = Raw::new(edge.local(), "fork");
    let mut leg = edge.dial(dialling(phone.at.port(), ""));
    let invite = phone.expect("INVITE");
    phone.is_called(&invite);
    phone.answer_as(&invite, "one", "200 OK", "", &sdp(6_000, 0, "sendrecv"));
    phone.answer_as(&invite, "two", "200 OK", "", &sdp(6_002, 0, "sendrecv"));
    assert_eq!(stands(&mut leg).await.remote.port(), 6_000);
    let left = phone.expect_and_take("BYE");
    assert_eq!(tag(&left, "To"), "two");
    ask(&leg, LegCommand::HangUp { cause: 16, text: "Normal call clearing".into() }).await;
    assert_eq!(tag(&phone.expect_and_take("BYE"), "To"), "one");
}

/// RFC 3261, 13.3.1.4: for 64 times T1, which is 32 s.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_repeated_until_it_is_acknowledged_and_who_never_does_is_left() {
    let (edge, mut ringing) = open().await;
    let mut phone = Raw::new(edge.local(), "deaf").patient(90);
    phone.ask("INVITE", "", &sdp(6_000, 0, "sendrecv"));
    let mut call = invited(&mut ringing).await;
    ask(&call.leg, LegCommand::Answer).await;
    for _ in 0..4 {
        let answer = phone.expect("SIP/2.0 200");
        phone.meet(&answer);
    }
    phone.expect_and_take("BYE");
    loop {
        match tokio::time::timeout(4 * DEADLINE, call.leg.events.recv()).await.expect("in time") {
            Some(LegEvent::Gone(gone)) => break assert_eq!(gone, segue::call::Gone::Lost),
            Some(_) => {}
            None => panic!("the leg ended without a word"),
        }
    }
}
