//! A warm transfer between two agents in browsers, with a caller on a SIP phone: who hears whom, from the first agent's
//! question to the second one's caller.

use crate::likeness::{Likeness, read, speech};
use crate::lines::{Desk, gateway_of, has, recorded, rms};
use crate::peers::{Room, until_so};
use crate::phones::{finished, part, tone, until, until_they_talk};
use segue::base::{Denial, Happening, InviteOutcome, LegId};
use segue::call::{Command, Target};
use segue::gateway::live::lines::NotNow;
use segue::handoff::desk::AgentState;
use segue::replay::caller::{Part, RATE};
use segue::sound::recording::ChannelChoice;

/// Samples in a second of what is compared.
const HZ: usize = RATE.hz() as usize;
/// What each is heard of in each part of the talk, in s; speech has pauses.
const SPAN: usize = 7;

#[tokio::test(flavor = "multi_thread")]
async fn in_a_warm_transfer_the_agents_talk_first_and_then_the_second_has_the_caller() {
    let room = Room::new("live-warm");
    let wav = room.path().join("heard.wav");
    let mut running = gateway_of(&["anna", "ben"], "").await;
    let mut anna = Desk::open(&running, "anna").await;
    let mut ben = Desk::open(&running, "ben").await;
    // None of these says a sentence of another one's: many of the recordings share some.
    let anna_says = speech(&["gets-loud"]);
    let ben_says = speech(&["asks-for-a-person", "repeats-the-question", "fraud"]);
    let caller_says = speech(&["calm-served-by-the-bot", "order-by-keys", "nobody-on-duty"]);
    let mut watched = running.gateway.watch();
    // They say what is compared once they may be heard by whom it is compared for.
    let recording = [tone(9), caller_says.clone()].concat();
    let calling = recorded(&running, Part { recording: recording.into(), ..part(50) }, Some(wav.clone()));
    anna.page.speak([tone(2), anna_says.clone()].concat());
    anna.accept().await;
    until_they_talk(&mut watched).await;

    let target = Target::Agent(ben.agent.clone());
    anna.lines.ask(&anna.agent, Command::Consult { agent: anna.agent.clone(), target }).await.unwrap();
    until(&mut watched, |h| matches!(h, Happening::Held { on: true })).await;
    ben.accept().await;
    ben.page.speak(ben_says.clone());
    until(&mut watched, |h| matches!(h, Happening::LegHeard { .. })).await;
    let spoken = |desk: &Desk| desk.page.heard().sound.len();
    let (of_anna, of_ben) = (spoken(&anna), spoken(&ben));
    until_so("the agents' talk", || spoken(&anna) > of_anna + SPAN * HZ && spoken(&ben) > of_ben + SPAN * HZ).await;
    let denied = ben.lines.ask(&ben.agent, Command::HandBack { agent: ben.agent.clone(), note: None }).await;
    assert_eq!(denied, Err(NotNow::Denied(Denial::OnlyConsulted)));
    let (anna_heard, ben_heard) = (anna.page.heard().sound[of_anna..].to_vec(), ben.page.heard().sound[of_ben..].to_vec());

    anna.lines.ask(&anna.agent, Command::Complete { agent: anna.agent.clone() }).await.unwrap();
    until(&mut watched, |h| matches!(h, Happening::Held { on: false })).await;
    anna.until_state(&running, AgentState::WrapUp).await;
    until_so("the first agent's line back", || anna.lines.desktop(&anna.agent).calls.is_empty()).await;
    let (left, of_caller) = (spoken(&anna), spoken(&ben));
    until_so("the second agent's talk with the caller", || spoken(&ben) > of_caller + SPAN * HZ).await;
    let ben_heard_then = ben.page.heard().sound[of_caller..].to_vec();
    let anna_heard_then = anna.page.heard().sound[left..].to_vec();
    ben.lines.ask(&ben.agent, Command::HangUpAgent { agent: ben.agent.clone() }).await.unwrap();
    let report = calling.await.unwrap();
    assert!(report.they_hung_up && report.status == 200, "{report:?}");
    let finished = finished(&mut running).await;

    Likeness::of(&ben_says, &anna_heard).must_be_good("the first agent hears the second");
    Likeness::of(&anna_says, &ben_heard).must_be_good("the second agent hears the first");
    Likeness::of(&caller_says, &ben_heard_then).must_be_good("the second agent hears the caller");
    for (who, heard, said) in [("the first", &anna_heard, &ben_says), ("the second", &ben_heard, &anna_says)] {
        let (of_caller, of_agent) = (Likeness::of(&caller_says, heard), Likeness::of(said, heard));
        assert!(of_caller.found_s < of_agent.found_s, "{who} agent hears a caller on hold: {of_caller:?} {of_agent:?}");
    }
    assert!(rms(&anna_heard_then) < 60.0, "who is free hears the call: {:.0}", rms(&anna_heard_then));
    let at = |is: &dyn Fn(&Happening) -> bool| finished.records.iter().find(|record| is(&record.kind)).map(|record| record.at.as_secs_f64()).unwrap();
    let picked_up = at(&|kind| matches!(kind, Happening::LegJoined { leg: LegId::CALLER, .. }));
    let (on, off) = (at(&|kind| matches!(kind, Happening::Held { on: true })), at(&|kind| matches!(kind, Happening::Held { on: false })));
    let heard = read(&wav, ChannelChoice::Right);
    let sample = |secs: f64| (((secs - picked_up) * HZ as f64) as usize).min(heard.len());
    let (music, talk) = (&heard[sample(on + 1.0)..sample(off - 0.5)], &heard[sample(off + 0.5)..]);
    assert!(rms(music) > 100.0, "nothing is played to a caller on hold: {:.0}", rms(music));
    for (who, said) in [("first", &anna_says), ("second", &ben_says)] {
        let of_agent = Likeness::of(said, music);
        assert!(of_agent.found_s < 1.0, "a caller on hold hears the {who} agent: {of_agent:?}");
    }
    let (of_first, of_second) = (Likeness::of(&anna_says, talk), Likeness::of(&ben_says, talk));
    of_second.must_be_good("the caller hears the second agent");
    assert!(of_first.found_s < of_second.found_s, "the caller hears who has left: {of_first:?} {of_second:?}");
    assert!(has(&finished, |kind| matches!(kind, Happening::InviteEnded { outcome: InviteOutcome::Completed })));
    assert!(has(&finished, |kind| matches!(kind, Happening::Denied { why: Denial::OnlyConsulted, .. })));
}
