//! Lines of browsers: sound both ways in every codec, keys, restarts, goodbyes, and nothing that is left behind.
//!
//! Peers are the library that the edge itself uses, and aiortc, which has nothing in common with it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::browser::{Browser, EVENTS, Tunnel};
use crate::likeness::{Likeness, speech};
use crate::peers::{PATIENCE, Room, until_so};
use segue::base::{Frame, Rate, Time};
use segue::edge::LineWire;
use segue::edge::rtp::RtpLeg;
use segue::edge::webrtc::{Line, LineState, WebRtcEdge, WebRtcTable};
use segue::sound::codec::Codec;
use serde_json::{Value as Json, json};
use tokio::task::JoinHandle;

/// What one side says, and what the other does, from the sample calls.
const THEIRS: [&str; 1] = ["gets-loud"];
const OURS: [&str; 1] = ["calm-served-by-the-bot"];

fn edge_with(codecs: &[Codec]) -> WebRtcEdge {
    WebRtcEdge::open(&WebRtcTable { codecs: codecs.to_vec(), ..WebRtcTable::default() }).unwrap()
}

async fn until(line: &Line, wanted: LineState) {
    let mut state = line.state();
    let came = tokio::time::timeout(PATIENCE, state.wait_for(|state| *state == wanted)).await;
    assert!(came.is_ok(), "{line:?} did not become {wanted:?}");
}

async fn connected(edge: &WebRtcEdge, codec: Codec) -> (Browser, Line) {
    let browser = Browser::open(codec).await;
    let (answer, line) = edge.answer(&browser.offer(false).await).await.unwrap();
    browser.take(answer).await;
    until(&line, LineState::Up).await;
    browser.stands().await;
    (browser, line)
}

/// A leg on a line, as a call drives it: it says something, and keeps what it hears and which keys come.
struct Call {
    codec: Codec,
    leg: JoinHandle<()>,
    heard: Arc<Mutex<(Vec<i16>, String)>>,
}

impl Call {
    fn on(line: &Line, said: Vec<i16>) -> Call {
        let (plan, wire): (_, LineWire) = line.attach().unwrap();
        assert!(line.attach().is_err(), "nobody else can have it");
        let mut rtp = RtpLeg::open(wire, &plan, Rate::Hz8000).unwrap();
        let heard: Arc<Mutex<(Vec<i16>, String)>> = Arc::default();
        let kept = heard.clone();
        let leg = tokio::spawn(async move {
            let begun = Instant::now();
            let mut ticks = tokio::time::interval(Duration::from_millis(20));
            let silence = [0; 160];
            for samples in said.chunks_exact(160).chain(std::iter::repeat(&silence[..])) {
                ticks.tick().await;
                let now = Time::from_micros(begun.elapsed().as_micros() as u64);
                rtp.receive(now);
                let mut kept = kept.lock().unwrap();
                if let Some(frame) = rtp.play_out(now) {
                    kept.0.extend_from_slice(frame.samples());
                }
                while let Some(key) = rtp.key() {
                    kept.1.push(key.label());
                }
                rtp.send(Some(&Frame::from_samples(Rate::Hz8000, samples)), now);
            }
        });
        Call { codec: plan.codec, leg, heard }
    }

    fn heard(&self) -> Vec<i16> {
        self.heard.lock().unwrap().0.clone()
    }

    fn keys(&self) -> String {
        self.heard.lock().unwrap().1.clone()
    }

    /// The line is given back, and what was heard.
    async fn hang_up(self) -> Vec<i16> {
        self.leg.abort();
        let _ = self.leg.await;
        self.heard.lock().unwrap().0.clone()
    }
}

fn some_secs(of: &[&str], secs: usize) -> Vec<i16> {
    let mut said = speech(of);
    said.truncate(secs * 8_000);
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn sound_goes_both_ways_in_every_codec() {
    let (theirs, ours) = (some_secs(&THEIRS, 7), some_secs(&OURS, 7));
    for codec in [Codec::Opus, Codec::Pcmu, Codec::Pcma] {
        let edge = edge_with(&[Codec::Opus, Codec::Pcmu, Codec::Pcma]);
        let (browser, line) = connected(&edge, codec).await;
        let call = Call::on(&line, ours.clone());
        assert_eq!(call.codec, codec);
        browser.speak(theirs.clone());
        until_so("all of what was said", || call.heard().len() > theirs.len() && browser.heard().sound.len() > ours.len()).await;
        Likeness::of(&theirs, &call.hang_up().await).must_be_good(&format!("we hear {codec:?}"));
        Likeness::of(&ours, &browser.heard().sound).must_be_good(&format!("they hear {codec:?}"));
        browser.close().await;
        until(&line, LineState::Gone).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_come_under_the_type_that_goes_with_the_codec() {
    for codec in [Codec::Opus, Codec::Pcmu] {
        let edge = edge_with(&[codec]);
        let (browser, line) = connected(&edge, codec).await;
        let call = Call::on(&line, Vec::new());
        browser.speak(some_secs(&THEIRS, 1));
        until_so("sound", || !call.heard().is_empty()).await;
        let (payload, _) = EVENTS.into_iter().find(|(_, clock)| *clock == codec.clock_hz()).unwrap();
        let answer = browser.peer.remote_description().await.unwrap().sdp;
        assert!(answer.contains(&format!("a=rtpmap:{payload} telephone-event/")), "{answer}");
        for code in [3, 4, 4] {
            let pressed = call.keys().len();
            browser.press(payload, code).await;
            until_so(&format!("key {code} in {codec:?} after {:?}", call.keys()), || call.keys().len() > pressed).await;
        }
        assert_eq!(call.keys(), "344", "{codec:?}");
        browser.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_keeps_the_line_and_its_call() {
    let edge = edge_with(&[Codec::Opus]);
    let (browser, line) = connected(&edge, Codec::Opus).await;
    let call = Call::on(&line, Vec::new());
    browser.speak(speech(&THEIRS));
    until_so("sound", || call.heard().len() > 8_000).await;
    for _ in 0..2 {
        let offer = browser.offer(true).await;
        let answer = line.restart(&offer).await.unwrap();
        browser.take(answer).await;
        let before = call.heard().len();
        until_so("sound after the restart", || call.heard().len() > before + 8_000).await;
        assert_eq!(*line.state().borrow(), LineState::Up);
    }
    let other = Browser::open(Codec::Pcmu).await;
    let refused = line.restart(&other.offer(false).await).await.unwrap_err();
    assert!(refused.to_string().contains("codecs"), "{refused}");
    browser.close().await;
    until(&line, LineState::Gone).await;
    assert!(line.restart(&browser.offer_text().await).await.is_err(), "what is gone stays gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_browser_hears_one_stream_over_all_calls() {
    let edge = edge_with(&[Codec::Opus]);
    let (browser, line) = connected(&edge, Codec::Opus).await;
    for n in 1..=3 {
        let call = Call::on(&line, some_secs(&OURS, 2));
        until_so("a second of sound", || browser.heard().numbers.len() >= 50 * n).await;
        call.hang_up().await;
        until_so("the line back", || line.attach().is_ok()).await;
    }
    let numbers = browser.heard().numbers.clone();
    assert!(numbers.iter().all(|(ssrc, ..)| *ssrc == numbers[0].0), "one source");
    for pair in numbers.windows(2) {
        let (steps, time) = (pair[1].1.wrapping_sub(pair[0].1), pair[1].2.wrapping_sub(pair[0].2));
        assert!(steps == 1 && (960..480_000).contains(&time), "{pair:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_goodbye_is_noticed_at_once_on_both_sides() {
    let edge = edge_with(&[Codec::Opus]);
    let (browser, line) = connected(&edge, Codec::Opus).await;
    let (began, mut state) = (Instant::now(), line.state());
    browser.close().await;
    state.wait_for(|state| *state == LineState::Gone).await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    assert!(line.attach().is_err());
    drop(line);
    let (browser, line) = connected(&edge, Codec::Opus).await;
    line.close();
    until(&line, LineState::Gone).await;
    drop((browser, line));
    let (_browser, line) = connected(&edge, Codec::Opus).await;
    let state = line.state();
    drop(line);
    until_so("the end of a line that nobody has", || *state.borrow() == LineState::Gone).await;
    until_so("an empty port", || edge.lines() == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn offers_that_are_none_are_refused_in_a_sentence_and_break_nothing() {
    let edge = edge_with(&[Codec::Opus]);
    let browser = Browser::open(Codec::Opus).await;
    let (_, line) = edge.answer(&browser.offer(false).await).await.unwrap();
    assert_eq!(*line.state().borrow(), LineState::Connecting, "the answer never reached it");
    for offer in ["", "hello", "v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n", "\u{fffd}\0"] {
        let refused = edge.answer(offer).await.unwrap_err();
        assert!(refused.to_string().starts_with("the offer"), "{refused}");
    }
    let nonsense = browser.offer_text().await.replace("a=fingerprint:sha-256 ", "a=fingerprint:sha-256 zz:");
    // Whether it is refused or never comes up: nothing breaks.
    drop(edge.answer(&nonsense).await);
    assert!(edge.answer(&browser.offer_text().await).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_is_gone_for_five_seconds_interrupts_the_line_and_no_more() {
    let edge = edge_with(&[Codec::Opus]);
    let tunnel = Tunnel::to(edge.local()).await;
    let browser = Browser::open(Codec::Opus).await;
    let (answer, line) = edge.answer(&Tunnel::offer(&browser.offer(false).await)).await.unwrap();
    browser.take(tunnel.answer(&answer, edge.local())).await;
    until(&line, LineState::Up).await;
    let call = Call::on(&line, Vec::new());
    browser.speak(speech(&THEIRS));
    until_so("sound", || call.heard().len() > 8_000).await;
    tunnel.open(false);
    let gone = Instant::now();
    until(&line, LineState::Interrupted).await;
    let noticed = gone.elapsed();
    tokio::time::sleep(Duration::from_secs(5).saturating_sub(noticed)).await;
    tunnel.open(true);
    let (back, before) = (Instant::now(), call.heard().len());
    until(&line, LineState::Up).await;
    println!("interrupted after {noticed:?}, up again after {:?}", back.elapsed());
    until_so("sound again", || call.heard().len() > before + 16_000).await;
    assert!(noticed < Duration::from_secs(6), "{noticed:?}");
    call.hang_up().await;
    browser.close().await;
    until(&line, LineState::Gone).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_that_gets_nowhere_interrupts_the_line() {
    let edge = edge_with(&[Codec::Opus]);
    let tunnel = Tunnel::to(edge.local()).await;
    let browser = Browser::open(Codec::Opus).await;
    let (answer, line) = edge.answer(&Tunnel::offer(&browser.offer(false).await)).await.unwrap();
    browser.take(tunnel.answer(&answer, edge.local())).await;
    until(&line, LineState::Up).await;
    tunnel.open(false);
    let answer = line.restart(&Tunnel::offer(&browser.offer(true).await)).await.unwrap();
    until(&line, LineState::Interrupted).await;
    tunnel.open(true);
    browser.take(tunnel.answer(&answer, edge.local())).await;
    until(&line, LineState::Up).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn offers_that_fail_on_the_way_take_no_place() {
    let edge = WebRtcEdge::open(&WebRtcTable { max_lines: 2, ..WebRtcTable::default() }).unwrap();
    let browser = Browser::open(Codec::Opus).await;
    let good = browser.offer(false).await;
    // What the library alone finds wrong with it.
    let bad = good.replace("a=mid:0", "a=mid:");
    for _ in 0..6 {
        assert!(edge.answer(&bad).await.is_err());
    }
    until_so("an empty port", || edge.lines() == 0).await;
    assert!(edge.answer(&good).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_lines_than_there_may_be() {
    let edge = WebRtcEdge::open(&WebRtcTable { max_lines: 1, ..WebRtcTable::default() }).unwrap();
    let (_browser, _line) = connected(&edge, Codec::Opus).await;
    let refused = edge.answer(&Browser::open(Codec::Opus).await.offer(false).await).await.unwrap_err();
    assert!(refused.to_string().contains("max_lines"), "{refused}");
}

fn open_files() -> usize {
    std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}

/// Resident memory in KiB.
fn memory() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse().unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_lines_one_after_the_other_leave_nothing_behind() {
    let edge = edge_with(&[Codec::Opus]);
    let mut before = (0, 0);
    for n in 0..50 {
        let (browser, line) = connected(&edge, Codec::Opus).await;
        let call = Call::on(&line, some_secs(&OURS, 1));
        until_so("some sound", || browser.heard().numbers.len() >= 5).await;
        call.hang_up().await;
        if n % 2 == 0 {
            browser.close().await
        } else {
            line.close()
        }
        until(&line, LineState::Gone).await;
        drop(line);
        browser.close().await;
        until_so("an empty port", || edge.lines() == 0).await;
        if n == 9 {
            before = (open_files(), memory());
        }
    }
    until_so("no more files than before", || open_files() <= before.0 + 8).await;
    let grown = memory().saturating_sub(before.1);
    assert!(grown < 16 * 1_024, "{grown} KiB more after 40 lines");
    println!("40 lines: {} files before, {} after, {grown} KiB more", before.0, open_files());
}

/// aiortc's browser.
struct Page {
    child: Child,
    ask: ChildStdin,
    says: BufReader<ChildStdout>,
}

impl Page {
    /// `None`, said loudly, where it is not installed.
    fn open() -> Option<Page> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let python = std::env::var_os("SEGUE_AIORTC").map_or_else(|| root.join("target/peers/bin/python"), PathBuf::from);
        let mut command = Command::new(&python);
        match command.arg(root.join("tests/webrtc/peer.py")).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn() {
            Ok(mut child) => {
                let (ask, says) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
                Some(Page { child, ask, says })
            }
            Err(error) => {
                eprintln!("SKIPPED: {} can't be started ({error}); tests/run installs aiortc there", python.display());
                None
            }
        }
    }

    fn ask(&mut self, what: &Json) -> Json {
        writeln!(self.ask, "{what}").unwrap();
        let mut line = String::new();
        self.says.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{what}: {error}: {line}"))
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn octets(samples: &[i16]) -> Vec<u8> {
    samples.iter().flat_map(|sample| sample.to_le_bytes()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn aiortc_talks_and_listens_in_opus_and_pcmu() {
    let room = Room::new("aiortc");
    let (theirs, ours) = (some_secs(&THEIRS, 7), some_secs(&OURS, 7));
    let plays = room.file("theirs.raw", octets(&theirs));
    for (name, codec) in [("opus", Codec::Opus), ("PCMU", Codec::Pcmu)] {
        let edge = edge_with(&[Codec::Opus, Codec::Pcmu]);
        let Some(mut page) = Page::open() else { return };
        let offer = page.ask(&json!({"do": "offer", "codec": name, "plays": plays}));
        let (answer, line) = edge.answer(offer["sdp"].as_str().unwrap()).await.unwrap();
        let call = Call::on(&line, Vec::new());
        assert_eq!(page.ask(&json!({"do": "answer", "sdp": answer}))["state"], "connected", "{answer}");
        until(&line, LineState::Up).await;
        assert_eq!(call.codec, codec);
        until_so("the first of their sound", || !call.heard().is_empty()).await;
        let first = call.hang_up().await;
        until_so("the line back", || line.attach().is_ok()).await;
        let call = Call::on(&line, ours.clone());
        until_so("all of what was said", || call.heard().len() > theirs.len() + 4_000).await;
        let heard = room.path().join("heard.raw");
        page.ask(&json!({"do": "heard", "to": heard}));
        let they_hear: Vec<i16> = std::fs::read(&heard).unwrap().chunks_exact(2).map(|two| i16::from_le_bytes([two[0], two[1]])).collect();
        Likeness::of(&theirs, &[first, call.hang_up().await].concat()).must_be_good(&format!("we hear aiortc's {name}"));
        Likeness::of(&ours, &they_hear).must_be_good(&format!("aiortc hears our {name}"));
        page.ask(&json!({"do": "close"}));
        let (began, mut state) = (Instant::now(), line.state());
        state.wait_for(|state| *state == LineState::Gone).await.unwrap();
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    }
}

/// Processor time of the thread on which lines live, in s.
fn lines_cpu_s() -> f64 {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let of_lines = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("stat")).ok()).filter(|stat| stat.contains("(lines)"));
    // proc(5): utime and stime are the fields 14 and 15, in hundredths of a second.
    of_lines
        .map(|stat| stat.rsplit(')').next().unwrap().split_whitespace().skip(11).take(2).filter_map(|n| n.parse::<f64>().ok()).sum::<f64>())
        .sum::<f64>()
        / 100.0
}

/// Measures; run by hand: `cargo test --release --test webrtc -- --ignored --nocapture idle`.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures"]
async fn idle_lines_cost_next_to_nothing() {
    const LINES: usize = 200;
    const SECS: u64 = 30;
    let edge = edge_with(&[Codec::Opus]);
    let mut all = Vec::new();
    for _ in 0..LINES {
        all.push(connected(&edge, Codec::Opus).await);
    }
    let (cpu, memory) = (lines_cpu_s(), memory());
    tokio::time::sleep(Duration::from_secs(SECS)).await;
    let share = (lines_cpu_s() - cpu) / SECS as f64 / LINES as f64;
    println!("an idle line: {:.4} % of a core; {memory} KiB with {LINES} lines and as many peers", share * 100.0);
    assert!(all.iter().all(|(_, line)| line.is_up()));
}
