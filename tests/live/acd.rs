//! A queue that somebody else's ACD serves: a caller, the gateway, and a stand-in for the ACD, in real time.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::acd_standin::{AGENT_HZ, Acd, MUSIC_HZ, Script, Seen, value};
use crate::peers::until_so;
use crate::phones::{on_loopback, open, part, phone};
use segue::base::{CallOutcome, HandoffClock, Happening, OfferOutcome};
use segue::cmd::live::Running;
use segue::gateway::live::call::Finished;
use segue::replay::caller::Part;
use segue::sound::codec::Codec;

/// Samples a second of a live call's recording.
const RATE: usize = 8_000;
/// Where agents' browsers reach pages, through somebody's proxy.
const PUBLIC_URL: &str = "https://calls.example/segue";

struct Line {
    running: Running,
    acd: Acd,
    console: SocketAddr,
}

async fn line(script: Script, more: &str) -> Line {
    let acd = Acd::start(script);
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("acd-{}", uuid::Uuid::now_v7()));
    let console = std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).unwrap();
    let text = format!(
        "[[entry]]\nname = \"main\"\ncalled = [\"1000\"]\nqueue = \"service\"\nask_topic = false\n\
         [[queue]]\nname = \"service\"\nring_secs = 1.0\notherwise = [\"message\"]\n\
         [[acd]]\nname = \"acd\"\nqueues = [\"service\"]\ntarget = \"sip:service@{}\"\n{more}\n\
         [console]\nbind = \"{console}\"\npublic_url = \"{PUBLIC_URL}/\"\n[gateway]\nrecordings = \"{}\"\n{}",
        acd.address,
        kept.display(),
        on_loopback(""),
    );
    Line { running: open(&text).await, acd, console }
}

/// A silent caller who stays for so long.
async fn call(line: &mut Line, stays: Duration) -> Finished {
    let (sip, _rung) = phone().await;
    let target = format!("sip:1000@{}", line.running.sip.local());
    let silent = Part { recording: Arc::default(), longest: stays, ..part(1) };
    crate::phones::call(&sip, &target, Codec::Pcmu, silent).await;
    let finished = crate::phones::finished(&mut line.running).await;
    sip.close().await;
    finished
}

fn seen(line: &Line) -> Seen {
    let seen = line.acd.seen();
    assert_eq!(seen.faults, Vec::<String>::new());
    seen
}

fn offers(finished: &Finished) -> Vec<OfferOutcome> {
    let settled = finished.records.iter().filter_map(|r| if let Happening::OfferSettled { outcome, .. } = &r.kind { Some(*outcome) } else { None });
    settled.collect()
}

fn clock(finished: &Finished, clock: HandoffClock) -> Option<f64> {
    let reached = |r: &&segue::base::Record| matches!(&r.kind, Happening::ClockReached { clock: c, .. } if *c == clock);
    finished.records.iter().find(reached).map(|r| r.at.as_secs_f64())
}

fn outcome(finished: &Finished) -> Option<CallOutcome> {
    finished.records.iter().find_map(|r| if let Happening::CallEnded { outcome, .. } = &r.kind { Some(*outcome) } else { None })
}

/// Seconds in which the caller heard this tone.
fn heard(dir: &Path, hz: f64) -> f64 {
    let mut wav = hound::WavReader::open(dir.join("call.wav")).unwrap();
    assert_eq!(wav.spec().sample_rate as usize, RATE);
    let right: Vec<f64> = wav.samples::<i16>().skip(1).step_by(2).map(|sample| f64::from(sample.unwrap())).collect();
    let frames = right.chunks_exact(RATE / 10);
    let is_tone = |frame: &&[f64]| {
        let power: f64 = frame.iter().map(|x| x * x).sum();
        let turn = std::f64::consts::TAU * hz / RATE as f64;
        let (re, im) =
            frame.iter().enumerate().fold((0.0, 0.0), |(re, im), (n, x)| (re + x * (turn * n as f64).cos(), im + x * (turn * n as f64).sin()));
        power > 1e6 && 2.0 * (re * re + im * im) / (frame.len() as f64) > 0.7 * power
    };
    frames.filter(is_tone).count() as f64 / 10.0
}

/// The answer to `GET` with these further header lines.
fn get(at: SocketAddr, path: &str, more: &str) -> String {
    ask(at, "GET", path, more)
}

fn ask(at: SocketAddr, method: &str, path: &str, more: &str) -> String {
    let mut stream = TcpStream::connect(at).unwrap();
    write!(stream, "{method} {path} HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\n{more}\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_hears_the_acds_own_music_and_then_its_agent() {
    let mut line = line(Script::AgentAnswers(Duration::from_secs(8)), "music = \"theirs\"").await;
    let finished = call(&mut line, Duration::from_secs(11)).await;
    assert_eq!((offers(&finished), outcome(&finished)), (vec![OfferOutcome::Accepted], Some(CallOutcome::Bridged)));
    let (t0, t4) = (clock(&finished, HandoffClock::T0).unwrap(), clock(&finished, HandoffClock::T4).unwrap());
    assert!(t4 - t0 > 7.0, "t4 is when its agent picks up, not when its music begins: {}", t4 - t0);
    let dir = finished.dir.clone().unwrap();
    assert!(
        heard(&dir, MUSIC_HZ) > 1.0 && heard(&dir, AGENT_HZ) > 1.5,
        "{} s of music, {} s of the agent",
        heard(&dir, MUSIC_HZ),
        heard(&dir, AGENT_HZ)
    );
    // The call is over when its BYE is on its way.
    let watch = line.acd.watch();
    until_so("the BYE", || watch().got_bye).await;
    let seen = seen(&line);
    assert!(seen.was_acked && seen.got_bye && seen.packets > 50, "{seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_acds_music_is_kept_from_a_caller_who_has_ours() {
    let mut line = line(Script::AgentAnswers(Duration::from_secs(6)), "").await;
    let finished = call(&mut line, Duration::from_secs(9)).await;
    assert_eq!(outcome(&finished), Some(CallOutcome::Bridged));
    let dir = finished.dir.clone().unwrap();
    assert!(
        heard(&dir, MUSIC_HZ) < 0.3 && heard(&dir, AGENT_HZ) > 1.0,
        "{} s of music, {} s of the agent",
        heard(&dir, MUSIC_HZ),
        heard(&dir, AGENT_HZ)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_acd_leaves_the_caller_to_a_message() {
    let mut line = line(Script::Busy, "").await;
    let finished = call(&mut line, Duration::from_secs(6)).await;
    assert_eq!(offers(&finished), [OfferOutcome::Declined]);
    assert!(seen(&line).was_acked);
    let asks = |r: &segue::base::Record| matches!(&r.kind, Happening::PlaybackStarted { text: Some(text), .. } if text.contains("message"));
    assert!(finished.records.iter().any(asks), "the caller is asked for a message");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_abandoned_wait_in_an_acd_cancels_it() {
    let mut line = line(Script::AgentAnswers(Duration::from_secs(30)), "music = \"theirs\"").await;
    let finished = call(&mut line, Duration::from_secs(4)).await;
    assert_eq!((offers(&finished), outcome(&finished)), (vec![OfferOutcome::Withdrawn], Some(CallOutcome::Abandoned)));
    tokio::time::sleep(Duration::from_millis(300)).await;
    let seen = seen(&line);
    assert!(seen.was_cancelled && !seen.got_bye, "{seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_of_a_handoff_opens_once_and_tells_that_a_person_is_there() {
    let mut line = line(Script::QueueAnswers(Duration::from_secs(30)), "answers = \"queue\"").await;
    let console = line.console;
    let visitor = {
        let acd = line.acd.watch();
        tokio::task::spawn_blocking(move || {
            let invite = loop {
                let invite = acd().invite;
                if !invite.is_empty() {
                    break invite;
                }
                std::thread::sleep(Duration::from_millis(20));
            };
            std::thread::sleep(Duration::from_secs(4));
            let link = value(&invite, "Call-Info").unwrap().to_owned();
            let path = link.strip_prefix(&format!("<{PUBLIC_URL}")).unwrap().split('>').next().unwrap().to_owned();
            // Whoever shows links ahead looks, and the page is still closed.
            assert!(ask(console, "HEAD", &path, "").starts_with("HTTP/1.1 405"));
            let first = get(console, &path, "");
            let cookie = first.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap();
            // In the frame of a CRM it comes back only so, and behind a proxy below the path that browsers see.
            let kept = ["HttpOnly", "SameSite=None", "Secure", "Partitioned"];
            assert!(kept.iter().all(|word| cookie.contains(word)) && cookie.contains(&format!("Path=/segue{path};")), "{cookie}");
            let cookie = cookie.split(';').next().unwrap();
            let again = get(console, &path, &format!("Cookie: {cookie}\r\nAccept: application/json\r\n"));
            (first, again, get(console, &path, ""), get(console, "/handoff/no-such-key", ""))
        })
    };
    let finished = call(&mut line, Duration::from_secs(9)).await;
    let (first, again, stranger, unknown) = visitor.await.unwrap();
    assert!(first.starts_with("HTTP/1.1 200") && first.contains("+15550100"), "{first}");
    assert!(!first.contains("<script"), "{first}");
    assert!(again.starts_with("HTTP/1.1 200") && again.contains("\"headline\""), "{again}");
    assert!(stranger.starts_with("HTTP/1.1 410") && !stranger.contains("+15550100"), "{stranger}");
    assert!(unknown.starts_with("HTTP/1.1 404"), "{unknown}");
    assert_eq!((offers(&finished), outcome(&finished)), (vec![OfferOutcome::Accepted], Some(CallOutcome::Bridged)));
    let waited = clock(&finished, HandoffClock::T4).unwrap() - clock(&finished, HandoffClock::T0).unwrap();
    assert!(waited > 3.0, "the queue's pick-up is no person: {waited}");
    seen(&line);
}
