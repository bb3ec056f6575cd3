//! Live calls over loopback that hosted engines serve: a caller on a SIP phone, `segue serve`, stand-ins of recognizer,
//! voice, language model and webhook, and an agent on a SIP phone.

use std::io;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::peers::{Peer, Room, free_port, until, until_bound};
use crate::phones::{phone, ports};
use crate::standins::KEY;
use crate::standins::chat::{Chat, MODEL, Reply};
use crate::standins::deepgram::{Deepgram, Ear, Mouth};
use crate::standins::hook::{Hook, SECRET};
use segue::base::{HandoffClock, Happening, Key, LegId, Organ, Party, Record, StageName, Time};
use segue::edge::Invited;
use segue::edge::sip::{Dialling, SipEdge};
use segue::replay::caller::{self, CallReport, Manners, Part};
use segue::sound::codec::Codec;
use segue::sound::recording::{ChannelChoice, Recording};
use tokio::sync::mpsc::Receiver;

/// Nothing here takes longer.
const PATIENCE: Duration = Duration::from_secs(120);
/// By how much a busy machine may be late.
const BUSY_SECS: f64 = 1.0;
/// Samples a second.
const RATE: usize = 8_000;

/// Everything that is hosted, an agent who takes the call by key, and the gateway.
struct Hosted {
    ear: Deepgram,
    chat: Chat,
    hook: Hook,
    agent: SipEdge,
    rung: Option<Receiver<Invited>>,
    room: Room,
    segue: Option<Peer>,
    port: u16,
}

async fn hosted(name: &str, hears: &[&str], replies: &[Reply]) -> Hosted {
    let (ear, chat, hook) = (Deepgram::start(hears).await, Chat::start(replies).await, Hook::start().await);
    let (agent, rung) = phone().await;
    let (first, port, room) = (ports(), free_port(), Room::new(name));
    let text = format!(
        "[[entry]]\nname = \"main\"\ncalled = [\"1000\"]\nqueue = \"service\"\nbot = \"concierge\"\n\
         [[queue]]\nname = \"service\"\nring_secs = 15.0\n\
         [[agent]]\nname = \"ana\"\n[[phone]]\nagent = \"ana\"\ncontact = \"sip:ana@{}\"\n\
         [sip]\nbind = [\"udp:127.0.0.1:{port}\"]\nrtp_first_port = {first}\nrtp_last_port = {}\n\
         [gateway]\nrecordings = \"{}\"\n[store]\nurl = \"\"\n\
         [speech]\nrecognizer = \"deepgram\"\nsynthesizer = \"deepgram\"\n\
         [speech.deepgram]\nurl = \"{}\"\napi_key_env = \"HOSTED_KEY\"\n\
         [bot.concierge.chat]\nurl = \"{}\"\napi_key_env = \"HOSTED_KEY\"\nmodel = \"{MODEL}\"\nfirst_secs = 1.0\n\
         [[bot.concierge.chat.tool]]\nname = \"order\"\ndescription = \"Finds an order.\"\nurl = \"{}\"\nsecret_env = \"HOOKS_SECRET\"\n\
         parameters = {{ type = \"object\", properties = {{ number = {{ type = \"string\" }} }}, required = [\"number\"] }}\n",
        agent.local(),
        first + 199,
        room.path().join("calls").display(),
        ear.url(),
        chat.url(),
        hook.url(),
    );
    let config = room.file("my.toml", text);
    let mut command = Command::new(env!("CARGO_BIN_EXE_segue"));
    command.args(["-vv", "serve", "--config"]).arg(config).env("HOSTED_KEY", KEY).env("HOOKS_SECRET", SECRET);
    let segue = Peer::start(&mut command, "segue");
    tokio::task::block_in_place(|| until_bound(port));
    Hosted { ear, chat, hook, agent, rung: Some(rung), room, segue, port }
}

/// Somebody speaking for so many seconds. What they say does not matter: the recognizer is told.
fn speech(secs: f64) -> Vec<i16> {
    let flac = include_bytes!("../../audio/calls/asks-for-a-person.flac");
    let source = Box::new(io::Cursor::new(&flac[..]));
    let samples = Recording::open_at(source, Some("flac"), ChannelChoice::Left, segue::base::Rate::Hz8000).unwrap().read_all(PATIENCE).unwrap();
    let begin = samples.iter().position(|s| s.unsigned_abs() > 2_000).unwrap();
    // The loudest stretches alone, so that no pause ends the turn.
    let loud = samples[begin..].chunks(160).filter(|frame| frame.iter().any(|s| s.unsigned_abs() > 1_500)).flatten().copied();
    let wanted = (secs * RATE as f64) as usize;
    let found: Vec<i16> = loud.take(wanted).collect();
    assert_eq!(found.len(), wanted, "the sample call has so much speech");
    found
}

fn pause(secs: f64) -> Vec<i16> {
    vec![0; (secs * RATE as f64) as usize]
}

fn caller(recording: Vec<i16>, manners: Manners, longest_secs: u64) -> Part {
    let longest = Duration::from_secs(longest_secs);
    Part { recording: recording.into(), manners, keys: Vec::new(), echoes: false, leaves_when_done: false, longest }
}

/// The call, from dialling to its record. The agent picks up and takes it, if it comes to that.
async fn serve(hosted: &mut Hosted, part: Part) -> (CallReport, Vec<Record>) {
    let (phone, _rung) = phone().await;
    let dialling =
        Dialling::new(format!("sip:1000@127.0.0.1:{}", hosted.port), format!("sip:+15550100@{}", phone.local()), vec![Codec::Pcmu], PATIENCE);
    let takes = Part { keys: vec![(Duration::from_secs(2), Key::new('1').unwrap())], ..caller(speech(3.0).repeat(20), Manners::Recording, 60) };
    let mut rung = hosted.rung.take().unwrap();
    let agent = tokio::spawn(async move {
        if let Some(invited) = rung.recv().await {
            caller::attend(invited.leg, Duration::from_millis(300), takes).await;
        }
    });
    let calling = tokio::spawn(async move { caller::place(&phone, dialling, part).await });
    let report = tokio::time::timeout(PATIENCE, calling).await.unwrap().unwrap();
    let records = tokio::task::block_in_place(|| {
        until("the record of the call", || records(hosted.room.path()).iter().any(|record| matches!(record.kind, Happening::CallEnded { .. })));
        let segue = hosted.segue.take().unwrap();
        segue.interrupt();
        let log = segue.ended().stderr;
        let log = String::from_utf8_lossy(&log);
        assert!(![KEY, SECRET, "my order", "5550100"].iter().any(|private| log.contains(private)), "the log tells what is private: {log}");
        records(hosted.room.path())
    });
    agent.abort();
    hosted.agent.clone().close().await;
    (report, records)
}

/// The records of the one call.
fn records(room: &Path) -> Vec<Record> {
    let Ok(mut calls) = std::fs::read_dir(room.join("calls")) else { return Vec::new() };
    let Some(Ok(call)) = calls.next() else { return Vec::new() };
    let text = std::fs::read_to_string(call.path().join("events.jsonl")).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

fn lines(records: &[Record], party: Party) -> Vec<String> {
    let said = records.iter().filter_map(|record| match &record.kind {
        Happening::TurnEnded { who, text: Some(text), .. } if *who == party => Some(text.clone()),
        _ => None,
    });
    said.collect()
}

fn is_bridged(records: &[Record]) -> bool {
    records.iter().any(|record| matches!(record.kind, Happening::ClockReached { clock: HandoffClock::T5, .. }))
}

/// After each turn that was said to the bot something is heard within two seconds, and a little for a busy machine.
fn is_never_left_in_silence(records: &[Record]) {
    let mut playing = Vec::new();
    let mut since = None;
    for record in records {
        match &record.kind {
            Happening::PlaybackStarted { playback, leg: LegId::CALLER, .. } => {
                let waited = since.take().map_or(0.0, |end: Time| record.at.since(end).as_secs_f64());
                assert!(waited < 2.0 + BUSY_SECS, "the caller heard nothing for {waited} s: {records:#?}");
                playing.push(*playback);
            }
            Happening::PlaybackStopped { playback, .. } => playing.retain(|p| p != playback),
            Happening::TurnEnded { who: Party::Caller, end, .. } if playing.is_empty() => since = since.or(Some(*end)),
            Happening::StageEntered { stage: StageName::Bridged } => return,
            _ => {}
        }
    }
    assert_eq!(since, None, "the caller heard nothing any more");
}

fn faults(records: &[Record]) -> Vec<Organ> {
    let faults = records.iter().filter_map(|record| match &record.kind {
        Happening::Faulted { fault } => Some(fault.organ()),
        _ => None,
    });
    faults.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_heard_served_and_handed_off_by_hosted_engines() {
    let mut hosted = hosted(
        "hosted-served",
        &["where is my order four seven one one", "i want a refund"],
        &[
            Reply::Calls("", &[("order", r#"{"number":"4711"}"#)]),
            Reply::Says("It comes tomorrow. Anything else?"),
            Reply::Calls("", &[("handoff", r#"{"reason":"wants a refund","about":"a refund","next_step":"refund order 4711","caller_asked":true}"#)]),
        ],
    )
    .await;
    let says = [speech(2.0), pause(2.0), speech(1.6), pause(2.0)].concat();
    let (heard, records) = serve(&mut hosted, caller(says, Manners::Turns, 30)).await;
    assert_eq!(heard.status, 200, "{heard:?}");
    assert!(is_bridged(&records), "{records:#?}");
    let trigger =
        records.iter().find_map(|record| if let Happening::Triggered { trigger, .. } = &record.kind { Some(trigger.as_str()) } else { None });
    assert_eq!(trigger, Some("topic"), "who asked for a person is not asked whether they want one");
    let packet = records.iter().find_map(|record| if let Happening::Offered { packet, .. } = &record.kind { Some(packet.to_string()) } else { None });
    let packet = packet.unwrap();
    assert!(packet.contains("refund order 4711"), "the agent is shown what the model says is to be done: {packet}");
    assert_eq!(lines(&records, Party::Caller)[..2], ["where is my order four seven one one", "i want a refund"]);
    let bot = lines(&records, Party::Bot).join(" ");
    assert!(bot.contains("Hello. How can I help you? One moment, please. It comes tomorrow. Anything else?"), "{bot}");
    is_never_left_in_silence(&records);
    assert!(faults(&records).is_empty(), "{:?}", faults(&records));
    hosted.hook.book.with(|book| assert_eq!(book.asked.len(), 1));
    hosted.ear.holds();
    hosted.chat.holds();
    hosted.hook.holds();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_breaks_off_for_good_costs_the_caller_a_moment_and_then_a_person_is_there() {
    let mut hosted = hosted("hosted-breaks", &["where is my order"], &vec![Reply::DropsAfter("Let me see. I will"); 8]).await;
    let says = [speech(2.0), pause(2.0)].concat();
    let (_, records) = serve(&mut hosted, caller(says, Manners::Turns, 30)).await;
    assert!(is_bridged(&records), "{records:#?}");
    assert!(faults(&records).contains(&Organ::Bot));
    is_never_left_in_silence(&records);
    hosted.ear.holds();
    hosted.chat.holds();
}

#[tokio::test(flavor = "multi_thread")]
async fn where_everything_hosted_is_dead_the_caller_is_told_and_gets_a_person() {
    let mut hosted = hosted("hosted-dead", &[], &vec![Reply::Hangs; 8]).await;
    hosted.ear.book.with(|book| (book.ear, book.mouth) = (Ear::Refuses, Mouth::Fails));
    let says = [speech(2.0), pause(2.0)].concat();
    let (_, records) = serve(&mut hosted, caller(says, Manners::Turns, 30)).await;
    assert!(is_bridged(&records), "{records:#?}");
    is_never_left_in_silence(&records);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_talks_over_an_answer_is_heard_and_the_model_knows_how_far_it_came() {
    const LONG: &str = "Your order was packed on Monday. It left the house on Tuesday. It was in Leipzig on Wednesday. It was in Berlin on Thursday. \
                        It will be with you on Friday. It comes in two parcels. Please look for both of them.";
    let mut hosted = hosted("hosted-talks-over", &["where is my order", "when does it come"], &[Reply::Says(LONG), Reply::Says("On Friday.")]).await;
    // The answer takes eleven seconds to say; the caller speaks again in the midst of it.
    let says = [pause(3.0), speech(1.6), pause(5.5), speech(2.0), pause(8.0)].concat();
    let (_, records) = serve(&mut hosted, caller(says, Manners::Recording, 20)).await;
    assert!(records.iter().any(|record| matches!(record.kind, Happening::BargedIn)), "{records:#?}");
    let told = hosted.chat.messages(1);
    let answer = told.iter().rfind(|message| message.starts_with("assistant ")).unwrap();
    let heard = answer.trim_start_matches("assistant ").trim_end_matches('…');
    assert!(LONG.starts_with(heard.trim_end()) && heard.len() < LONG.len() && heard.len() > 30, "{told:#?}");
    assert_eq!(told.last().map(String::as_str), Some("user when does it come"));
    assert!(lines(&records, Party::Bot).contains(&"On Friday.".to_owned()), "{:?}", lines(&records, Party::Bot));
    hosted.ear.holds();
    hosted.chat.holds();
}
