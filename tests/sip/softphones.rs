//! Calls through the whole gateway with baresip at one end: what either party says is found again in what the other heard.
//! Everything is on loopback; every wait is for an event, with a deadline.

use std::path::Path;
use std::time::Duration;

use crate::baresip::Baresip;
use crate::likeness::{Likeness, speech};
use crate::peers::Room;
use crate::phones::{accepts, dialling, finished, gateway_with, in_time, outcomes, part, phone_with};
use segue::base::OfferOutcome;
use segue::cmd::live;
use segue::edge::sip::Dialling;
use segue::replay::caller::{self, Part, Tools};
use segue::sound::codec::Codec;
use segue::sound::recording::ChannelChoice;

/// The agent lets it ring for so long, and presses the key so long after the pick-up: still in the briefing.
const RINGS: Duration = Duration::from_millis(200);
const TAKES: Duration = Duration::from_millis(1_500);
/// How long the party that is ours stays, from its pick-up.
const STAYS: u64 = 12;

fn what_callers_say() -> Vec<i16> {
    speech(&["asks-for-a-person", "gets-loud", "fraud", "calm-served-by-the-bot"])
}

fn what_agents_say() -> Vec<i16> {
    speech(&["repeats-the-question", "nobody-on-duty", "bot-fails-twice-caller-declines"])
}

fn says(recording: Vec<i16>) -> Part {
    Part { recording: recording.into(), ..part(STAYS) }
}

fn taped(path: &Path) -> Tools {
    Tools { record: Some(path.to_owned()), ..Tools::default() }
}

/// baresip calls with this codec; the agent is a phone of ours.
async fn baresip_calls(name: &str, codec: Codec, account: &str, modules: &[&str]) {
    let (agent_phone, mut rung) = phone_with(vec![codec]).await;
    let sip = format!("srtp = \"optional\"\ncodecs = [{}]", serde_json::to_string(&codec).unwrap());
    let mut running = gateway_with(&sip, &[agent_phone.local()], "").await;
    let account = format!("<sip:dana@127.0.0.1>;regint=0;{account}");
    let Some(mut baresip) = Baresip::start(name, &account, modules, &what_callers_say()).await else { return };
    let room = Room::new(&format!("{name}-agent"));
    let tape = room.path().join("agent.wav");
    let tools = taped(&tape);
    let agent = tokio::spawn(async move {
        let invited = in_time(rung.recv()).await.unwrap();
        caller::attend_with(invited.leg, RINGS, accepts(TAKES, says(what_agents_say())), tools).await
    });
    baresip.tell("dial", &format!("sip:1000@{}", running.sip.local())).await;
    baresip.until("CALL_ESTABLISHED").await;
    let agent = agent.await.unwrap();
    assert!(!agent.they_hung_up && agent.status == 200, "{agent:?}");
    baresip.until("CALL_CLOSED").await;
    let finished = finished(&mut running).await;
    assert_eq!(outcomes(&finished), [("agent-1".to_owned(), OfferOutcome::Accepted)]);
    Likeness::of(&what_agents_say(), &baresip.heard()).must_be_good("baresip hears the agent");
    Likeness::of(&what_callers_say(), &crate::likeness::read(&tape, ChannelChoice::Right)).must_be_good("the agent hears baresip");
}

/// baresip registers as an agent's phone and is rung; the caller is a phone of ours.
async fn baresip_is_rung(name: &str, sip: &str, account: &str, modules: &[&str]) {
    let room = Room::new(&format!("{name}-caller"));
    let password = room.file("password", "open sesame");
    let anna = format!("[[agent]]\nname = \"anna\"\n[[phone]]\nagent = \"anna\"\nusername = \"anna\"\npassword_file = \"{}\"\n", password.display());
    let mut running = gateway_with(sip, &[], &anna).await;
    let account = format!("<sip:anna@{}>;auth_user=anna;auth_pass=\"open sesame\";regint=60;answermode=auto;{account}", running.sip.local());
    let Some(mut baresip) = Baresip::start(name, &account, modules, &what_agents_say()).await else { return };
    in_time(running.sip.reachable().wait_for(|users| users.contains("anna"))).await.unwrap();
    let (caller_phone, _rung) = phone_with(vec![Codec::Pcmu, Codec::Pcma]).await;
    let tape = room.path().join("caller.wav");
    // Where the gateway wants SRTP, it wants it of both.
    let srtp = sip.contains("required");
    let dialling = Dialling { srtp, ..dialling(&caller_phone, &format!("sip:1000@{}", running.sip.local()), Codec::Pcmu) };
    let tools = taped(&tape);
    let calling = tokio::spawn(async move { caller::place_with(&caller_phone, dialling, says(what_callers_say()), tools).await });
    baresip.until("CALL_ESTABLISHED").await;
    baresip.tell("sndcode", "1").await;
    let caller = calling.await.unwrap();
    assert_eq!((caller.status, caller.they_hung_up), (200, false), "{caller:?}");
    baresip.until("CALL_CLOSED").await;
    let finished = finished(&mut running).await;
    assert_eq!(outcomes(&finished), [("anna".to_owned(), OfferOutcome::Accepted)]);
    let handoff = &live::object(&finished).handoffs[0];
    assert!(handoff.bridged_s.is_some(), "{handoff:?}");
    Likeness::of(&what_callers_say(), &baresip.heard()).must_be_good("baresip hears the caller");
    Likeness::of(&what_agents_say(), &crate::likeness::read(&tape, ChannelChoice::Right)).must_be_good("the caller hears baresip");
}

#[tokio::test(flavor = "multi_thread")]
async fn baresip_as_a_caller_and_the_agent_hear_each_other() {
    baresip_calls("calls", Codec::Pcmu, "audio_codecs=PCMU/8000/1", &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn baresip_as_a_caller_and_the_agent_hear_each_other_with_srtp() {
    baresip_calls("calls-srtp", Codec::Pcma, "audio_codecs=PCMA/8000/1;mediaenc=srtp-mand", &["srtp.so"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn baresip_as_a_caller_and_the_agent_hear_each_other_in_g722() {
    baresip_calls("calls-g722", Codec::G722, "audio_codecs=G722/16000/1", &["g722.so"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn baresip_as_a_caller_and_the_agent_hear_each_other_in_opus() {
    baresip_calls("calls-opus", Codec::Opus, "audio_codecs=opus/48000/2", &["opus.so"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn baresip_as_a_registered_agent_takes_the_call_by_key() {
    baresip_is_rung("rung", "", "audio_codecs=PCMA/8000/1", &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn baresip_as_a_registered_agent_speaks_g722_with_srtp_to_a_caller_in_g711() {
    let sip = "srtp = \"required\"\ncodecs = [\"g722\", \"pcmu\"]";
    baresip_is_rung("rung-g722", sip, "audio_codecs=G722/16000/1;mediaenc=srtp", &["g722.so", "srtp.so"]).await;
}

#[test]
fn likeness_tells_speech_that_came_over_from_speech_that_did_not() {
    let (callers, agents) = (what_callers_say(), what_agents_say());
    assert!(callers.len() > 20 * 8_000 && agents.len() > 20 * 8_000, "{} {}", callers.len(), agents.len());
    let mut late = vec![0; 12_345];
    late.extend(callers[..80_000].iter().map(|&x| segue::sound::g711::ulaw_decode(segue::sound::g711::ulaw_encode(x / 2))));
    Likeness::of(&callers, &late).must_be_good("late, quieter and coded");
    for (what, heard) in
        [("somebody else", agents[..80_000].to_vec()), ("nothing", vec![0; 80_000]), ("backwards", callers[..80_000].iter().rev().copied().collect())]
    {
        let likeness = Likeness::of(&callers, &heard);
        assert!(likeness.found_s < 1.0, "{what}: {likeness:?}");
    }
}
