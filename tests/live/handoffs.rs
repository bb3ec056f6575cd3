//! Handoffs to people on SIP phones, in real time: who is rung, who is passed over, who gets the caller, what agents do by key,
//! and whether the record says the same.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::likeness::{Likeness, speech};
use crate::peers::{Peer, Room, free_port, until_bound};
use crate::phones::{PATIENCE, accepts, agent, call, finished, gateway, in_time, on_loopback, open, outcomes, part, phone};
use segue::base::{EndedBy, HandoffClock, HandoffOutcome, Happening, Key, LegId, OfferOutcome, Party, Purpose, StageName};
use segue::cmd::live::Running;
use segue::edge::{Invited, LegCommand};
use segue::gateway::live::call::Finished;
use segue::replay::caller::{self, CallReport, Part, Tools};
use segue::sound::codec::Codec;
use segue::sound::recording::ChannelChoice;
use tokio::sync::mpsc::Receiver;
use tokio::task::JoinHandle;

/// A phone that is picked up at once.
const AT_ONCE: Duration = Duration::from_millis(100);
/// Tables of an entry without a bot, whose one queue rings for 6 s.
const NO_BOT: &str = "[[entry]]\nname = \"main\"\ncalled = [\"1000\"]\nqueue = \"service\"\n[[queue]]\nname = \"service\"\nring_secs = 6.0\n";

/// Somebody picks up the next call of this phone, and plays this part.
fn picks_up(mut rung: Receiver<Invited>, ring: Duration, part: Part, tools: Tools) -> JoinHandle<CallReport> {
    tokio::spawn(async move {
        let invited = in_time(rung.recv()).await.unwrap();
        caller::attend_with(invited.leg, ring, part, tools).await
    })
}

/// Somebody refuses every call of this phone.
fn refuses(mut rung: Receiver<Invited>, status: u16) {
    tokio::spawn(async move {
        while let Some(invited) = rung.recv().await {
            let _ = invited.leg.commands.send(LegCommand::Refuse { status, retry_after_s: None, contact: None }).await;
        }
    });
}

async fn over(picked_up: JoinHandle<CallReport>) -> CallReport {
    in_time(picked_up).await.unwrap()
}

fn keys(keys: &[(u64, char)], part: Part) -> Part {
    Part { keys: keys.iter().map(|(ms, label)| (Duration::from_millis(*ms), Key::new(*label).unwrap())).collect(), ..part }
}

fn silent(part: Part) -> Part {
    Part { recording: Vec::new().into(), ..part }
}

async fn is_called(running: &Running, part: Part) -> CallReport {
    let (caller_phone, _rung) = phone().await;
    call(&caller_phone, &format!("sip:1000@{}", running.sip.local()), Codec::Pcmu, part).await
}

fn has(finished: &Finished, what: impl Fn(&Happening) -> bool) -> bool {
    finished.records.iter().any(|record| what(&record.kind))
}

/// When it happened, in s.
fn at(finished: &Finished, what: impl Fn(&Happening) -> bool) -> Option<f64> {
    finished.records.iter().find(|record| what(&record.kind)).map(|record| record.at.as_secs_f64())
}

fn settled(agent: &str, outcome: OfferOutcome) -> (String, OfferOutcome) {
    (agent.to_owned(), outcome)
}

async fn refusal(status: u16, outcome: OfferOutcome) {
    let (refusing, refused) = phone().await;
    let (second, second_rung) = phone().await;
    refuses(refused, status);
    let taker = picks_up(second_rung, AT_ONCE, accepts(Duration::from_millis(400), part(60)), Tools::default());
    let mut running = gateway(&[refusing.local(), second.local()], "").await;
    let heard = is_called(&running, part(7)).await;
    let taker = over(taker).await;
    assert!(taker.they_hung_up && heard.status == 200, "{taker:?} {heard:?}");
    let finished = finished(&mut running).await;
    assert_eq!(outcomes(&finished), [settled("agent-1", outcome), settled("agent-2", OfferOutcome::Accepted)], "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_busy_or_declines_has_declined_and_the_next_is_rung() {
    tokio::join!(refusal(486, OfferOutcome::Declined), refusal(600, OfferOutcome::Declined), refusal(603, OfferOutcome::Declined));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_that_is_not_there_or_fails_is_as_good_as_gone_and_the_next_is_rung() {
    tokio::join!(refusal(404, OfferOutcome::Vanished), refusal(480, OfferOutcome::Vanished), refusal(503, OfferOutcome::Vanished));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_that_rings_too_long_is_cancelled_and_the_next_is_rung() {
    let (deaf, deaf_rung) = phone().await;
    let (second, second_rung) = phone().await;
    let ringing = picks_up(deaf_rung, PATIENCE, part(60), Tools::default());
    let taker = picks_up(second_rung, AT_ONCE, accepts(Duration::from_millis(400), part(60)), Tools::default());
    let tables = [agent("agent-1", &["service"], &[deaf.local()]), agent("agent-2", &["service"], &[second.local()])].concat();
    let mut running = open(&(NO_BOT.replace("6.0", "2.0") + &on_loopback("") + &tables)).await;
    let heard = is_called(&running, part(9)).await;
    let ringing = over(ringing).await;
    assert!(ringing.they_hung_up && ringing.status == 0, "{ringing:?}");
    assert!(over(taker).await.heard_s > 1.0 && heard.longest_silence_s < 2.5, "{heard:?}");
    assert_eq!(outcomes(&finished(&mut running).await), [settled("agent-1", OfferOutcome::Unanswered), settled("agent-2", OfferOutcome::Accepted)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn phones_of_one_agent_ring_together_and_who_picks_up_first_wins() {
    let [(desk, desk_rung), (busy, busy_rung), (mobile, mobile_rung)] = [phone().await, phone().await, phone().await];
    refuses(busy_rung, 486);
    let desk_rings = picks_up(desk_rung, PATIENCE, part(60), Tools::default());
    let mobile_wins = picks_up(mobile_rung, Duration::from_millis(700), accepts(Duration::from_millis(400), part(60)), Tools::default());
    let anna = agent("anna", &["service"], &[desk.local(), busy.local(), mobile.local()]);
    let mut running = open(&(NO_BOT.to_owned() + &on_loopback("") + &anna)).await;
    let heard = is_called(&running, part(7)).await;
    let (desk_rings, mobile_wins) = (over(desk_rings).await, over(mobile_wins).await);
    assert!(desk_rings.they_hung_up && desk_rings.status == 0, "it is cancelled: {desk_rings:?}");
    assert!(mobile_wins.status == 200 && mobile_wins.heard_s > 1.0 && heard.heard_s > 1.0, "{mobile_wins:?} {heard:?}");
    assert_eq!(outcomes(&finished(&mut running).await), [settled("anna", OfferOutcome::Accepted)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_phones_that_are_picked_up_in_the_same_moment_one_is_hung_up() {
    let [(desk, desk_rung), (mobile, mobile_rung)] = [phone().await, phone().await];
    // Both send their 200 without ringing; both would press the key.
    let phones =
        [desk_rung, mobile_rung].map(|rung| picks_up(rung, Duration::ZERO, accepts(Duration::from_millis(1_500), part(60)), Tools::default()));
    let anna = agent("anna", &["service"], &[desk.local(), mobile.local()]);
    let mut running = open(&(NO_BOT.to_owned() + &on_loopback("") + &anna)).await;
    let heard = is_called(&running, part(8)).await;
    let mut talked = Vec::new();
    for phone in phones {
        let report = over(phone).await;
        assert!(report.they_hung_up, "{report:?}");
        talked.push(report.heard_s > 1.0 && report.talked_s > 3.0);
    }
    assert_eq!(talked.iter().filter(|talked| **talked).count(), 1, "exactly one has the caller: {talked:?}");
    assert!(heard.heard_s > 1.0, "{heard:?}");
    assert_eq!(outcomes(&finished(&mut running).await), [settled("anna", OfferOutcome::Accepted)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_declines_on_one_phone_is_not_rung_on_the_others() {
    let [(desk, desk_rung), (mobile, mobile_rung)] = [phone().await, phone().await];
    let (second, second_rung) = phone().await;
    refuses(mobile_rung, 603);
    let desk_rings = picks_up(desk_rung, PATIENCE, part(60), Tools::default());
    let taker = picks_up(second_rung, AT_ONCE, accepts(Duration::from_millis(400), part(60)), Tools::default());
    let tables = [agent("anna", &["service"], &[desk.local(), mobile.local()]), agent("ben", &["service"], &[second.local()])].concat();
    // The offer would last for a minute.
    let mut running = open(&(NO_BOT.replace("6.0", "60.0") + &on_loopback("") + &tables)).await;
    is_called(&running, part(8)).await;
    assert!(over(desk_rings).await.they_hung_up && over(taker).await.heard_s > 1.0);
    assert_eq!(outcomes(&finished(&mut running).await), [settled("anna", OfferOutcome::Declined), settled("ben", OfferOutcome::Accepted)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_briefing_is_short_and_who_knows_enough_takes_the_call_at_once() {
    let (second, second_rung) = phone().await;
    let taker = picks_up(second_rung, AT_ONCE, keys(&[(13_000, '1')], part(60)), Tools::default());
    let patient = async {
        let mut running = open(&(NO_BOT.replace("6.0", "30.0") + &on_loopback("") + &agent("anna", &["service"], &[second.local()]))).await;
        is_called(&running, part(17)).await;
        finished(&mut running).await
    };
    let (third, third_rung) = phone().await;
    let hasty_taker = picks_up(third_rung, AT_ONCE, keys(&[(600, '1')], part(60)), Tools::default());
    let hasty = async {
        let mut running = open(&(NO_BOT.to_owned() + &on_loopback("") + &agent("anna", &["service"], &[third.local()]))).await;
        is_called(&running, part(7)).await;
        finished(&mut running).await
    };
    let (patient, hasty) = tokio::join!(patient, hasty);
    over(taker).await;
    over(hasty_taker).await;
    let briefings = |finished: &Finished| -> Vec<(f64, bool)> {
        let started: Vec<_> = finished
            .records
            .iter()
            .filter_map(|record| match &record.kind {
                Happening::PlaybackStarted { playback, purpose: Purpose::Briefing, leg, .. } if *leg != LegId::CALLER => Some(*playback),
                _ => None,
            })
            .collect();
        let stopped = finished.records.iter().filter_map(|record| match record.kind {
            Happening::PlaybackStopped { playback, samples, completed } if started.contains(&playback) => Some((samples as f64 / 8_000.0, completed)),
            _ => None,
        });
        stopped.collect()
    };
    let told = briefings(&patient);
    assert!(told.len() >= 2 && told.iter().all(|(secs, _)| *secs <= 6.0) && told[0].1, "why, then the key: {told:?}");
    let cut = briefings(&hasty);
    assert!(cut.len() == 1 && !cut[0].1, "the key ends it: {cut:?}");
    for finished in [&patient, &hasty] {
        assert_eq!(outcomes(finished), [settled("anna", OfferOutcome::Accepted)]);
    }
}

/// An agent has a caller of the bot, who has asked for a person by key.
async fn with_bot(room: &Room, second: &[SocketAddr], first: SocketAddr) -> Running {
    let bot = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/bots/mercury.toml");
    let text = format!(
        "[[entry]]\nname = \"main\"\ncalled = [\"1000\"]\nqueue = \"service\"\nbot = \"mercury\"\n[bot.mercury]\nfile = \"{}\"\n\
         [[queue]]\nname = \"sales\"\n[[queue]]\nname = \"service\"\n{}{}{}[gateway]\nrecordings = \"{}\"\n",
        bot.display(),
        on_loopback(""),
        agent("anna", &["service"], &[first]),
        agent("ben", &["sales"], second),
        room.path().display()
    );
    open(&text).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_gives_the_caller_back_to_the_bot_by_key() {
    let room = Room::new("hands-back");
    let (desk, rung) = phone().await;
    let anna = picks_up(rung, AT_ONCE, keys(&[(800, '1'), (6_000, '*'), (6_300, '1')], part(60)), Tools::default());
    let mut running = with_bot(&room, &[], desk.local()).await;
    let heard = is_called(&running, keys(&[(3_000, '0')], silent(part(22)))).await;
    let anna = over(anna).await;
    assert!(anna.they_hung_up && anna.talked_s < 15.0, "she is free again: {anna:?}");
    let finished = finished(&mut running).await;
    assert!(has(&finished, |h| matches!(h, Happening::HandoffEnded { outcome: HandoffOutcome::HandedBack, by: EndedBy::Agent, .. })));
    let back = at(&finished, |h| matches!(h, Happening::HandoffEnded { .. })).unwrap();
    let spoke = finished.records.iter().any(|record| {
        record.at.as_secs_f64() >= back && matches!(record.kind, Happening::PlaybackStarted { leg: LegId::CALLER, purpose: Purpose::Bot, .. })
    });
    assert!(spoke && heard.status == 200, "the bot takes up again");
    assert!(has(&finished, |h| matches!(h, Happening::CallEnded { by: EndedBy::Caller, .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_sends_the_caller_on_to_another_queue_by_key() {
    let room = Room::new("sends-on");
    let [(desk, rung), (second, second_rung)] = [phone().await, phone().await];
    let anna = picks_up(rung, AT_ONCE, keys(&[(800, '1'), (5_000, '*'), (5_300, '2'), (5_600, '1')], part(60)), Tools::default());
    let ben = picks_up(second_rung, AT_ONCE, accepts(Duration::from_millis(800), part(60)), Tools::default());
    let mut running = with_bot(&room, &[second.local()], desk.local()).await;
    is_called(&running, keys(&[(3_000, '0')], part(22))).await;
    let (anna, ben) = (over(anna).await, over(ben).await);
    assert!(anna.they_hung_up && ben.they_hung_up && ben.heard_s > 1.0, "{anna:?} {ben:?}");
    let finished = finished(&mut running).await;
    assert_eq!(outcomes(&finished), [settled("anna", OfferOutcome::Accepted), settled("ben", OfferOutcome::Accepted)]);
    let accepted = finished.records.iter().filter(|r| matches!(r.kind, Happening::ClockReached { clock: HandoffClock::T5, .. })).count();
    assert_eq!(accepted, 2, "the caller has talked with both");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_brings_in_one_more_person_by_key_and_may_leave() {
    let room = Room::new("conference");
    let [(desk, rung), (second, second_rung)] = [phone().await, phone().await];
    let [of_anna, of_ben] = [speech(&["gets-loud", "fraud", "asks-for-a-person"]), speech(&["repeats-the-question", "nobody-on-duty"])];
    let says = |recording: &[i16], secs| Part { recording: recording.to_vec().into(), ..part(secs) };
    let tape = |name: &str| Tools { record: Some(room.path().join(name)), ..Tools::default() };
    let conference = [(800, '1'), (5_000, '*'), (5_300, '3'), (5_600, '1')];
    let anna = picks_up(rung, AT_ONCE, keys(&conference, says(&of_anna, 20)), tape("anna.wav"));
    let ben = picks_up(second_rung, AT_ONCE, accepts(Duration::from_millis(800), says(&of_ben, 60)), tape("ben.wav"));
    let mut running = with_bot(&room, &[second.local()], desk.local()).await;
    let heard = is_called(&running, keys(&[(3_000, '0')], silent(part(30)))).await;
    let (anna, ben) = (over(anna).await, over(ben).await);
    assert!(!anna.they_hung_up && ben.they_hung_up && ben.talked_s > 10.0, "anna has left, ben has stayed: {anna:?} {ben:?}");
    assert!(heard.heard_s > 8.0, "{heard:?}");
    let finished = finished(&mut running).await;
    assert!(has(&finished, |h| matches!(h, Happening::StageEntered { stage: StageName::Conference })));
    assert!(has(&finished, |h| matches!(h, Happening::LegLeft { party: Party::Agent, by: EndedBy::Agent, .. })));
    assert!(has(&finished, |h| matches!(h, Happening::CallEnded { by: EndedBy::Caller, .. })));
    let heard_by = |name: &str| crate::likeness::read(&room.path().join(name), ChannelChoice::Right);
    Likeness::of(&of_anna, &heard_by("ben.wav")).must_be_good("ben hears anna");
    Likeness::of(&of_ben, &heard_by("anna.wav")).must_be_good("anna hears ben");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_whose_phone_sends_no_sound_is_noticed_and_replaced() {
    let port = free_port();
    let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sipp/callee_takes_by_info.xml");
    let mut sipp = Command::new("sipp");
    sipp.arg("-sf").arg(scenario).args(["-i", "127.0.0.1", "-m", "1", "-nostdin", "-timeout", "60", "-p", &port.to_string()]);
    let Some(mute) = Peer::start(&mut sipp, "sip-tester") else { return };
    until_bound(port);
    let (second, second_rung) = phone().await;
    let taker = picks_up(second_rung, AT_ONCE, accepts(Duration::from_millis(600), part(60)), Tools::default());
    let mute_phone = SocketAddr::from(([127, 0, 0, 1], port));
    let tables = [agent("agent-1", &["service"], &[mute_phone]), agent("agent-2", &["service"], &[second.local()])].concat();
    let mut running = open(&(NO_BOT.replace("called", "bridge_patience_secs = 2.0\ncalled") + &on_loopback("") + &tables)).await;
    let heard = is_called(&running, part(16)).await;
    assert!(over(taker).await.heard_s > 1.0 && heard.heard_s > 1.0, "{heard:?}");
    let finished = finished(&mut running).await;
    assert!(has(&finished, |h| matches!(h, Happening::OneWayAudio { from: Party::Agent, .. })));
    let clock = |clock| at(&finished, move |h| matches!(h, Happening::ClockReached { clock: c, .. } if *c == clock));
    assert!(clock(HandoffClock::T5).is_some(), "sound crosses in the end");
    assert_eq!(outcomes(&finished), [settled("agent-1", OfferOutcome::Accepted), settled("agent-2", OfferOutcome::Accepted)]);
    assert!(mute.ended().status.success(), "its phone was hung up on in order");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_who_hangs_up_has_ended_the_call_and_the_record_says_so() {
    let (desk, rung) = phone().await;
    let anna = picks_up(rung, AT_ONCE, accepts(Duration::from_millis(500), part(6)), Tools::default());
    let mut running = gateway(&[desk.local()], "").await;
    let heard = is_called(&running, part(60)).await;
    assert!(heard.they_hung_up && heard.talked_s < 50.0, "{heard:?}");
    assert!(!over(anna).await.they_hung_up);
    let finished = finished(&mut running).await;
    assert!(has(&finished, |h| matches!(h, Happening::LegLeft { party: Party::Agent, by: EndedBy::Agent, .. })));
    assert!(has(&finished, |h| matches!(h, Happening::HandoffEnded { outcome: HandoffOutcome::Bridged, by: EndedBy::Agent, .. })));
    assert!(has(&finished, |h| matches!(h, Happening::CallEnded { by: EndedBy::Agent, .. })), "{:?}", finished.records.last());
}
