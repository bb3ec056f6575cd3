//! The gateway itself, killed in the middle of a hundred calls: what pages were told of them is kept, and once it runs again every
//! call has an end.

use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use segue::base::{Happening, Record, StageName};
use segue::store::{Checked, Store, StoreTable};
use serde_json::{Value, json};

use super::PATIENCE;
use super::console::{Feed, Person};
use super::databases::directory;
use super::killed::{LAST_SECOND, TRIES};
use super::peers::{Peer, free_port, until_bound};
use super::served::Served;

/// Callers with the bot.
const WITH_BOT: usize = 90;
/// Callers who are put through at once, and agents who take them.
const PUT_THROUGH: usize = 10;
const CALLS: usize = WITH_BOT + PUT_THROUGH;
/// Calls of which a page is told everything; a page may watch no more.
const WATCHED: usize = 20;
/// It is killed once the page was told so much of them, from the first to the last over so long.
const TOLD: (usize, Duration) = (100, Duration::from_secs(3));
/// Where the gateway's sound goes; nobody else's in these tests.
const PORTS: (u16, u16) = (19_000, 19_599);

/// Something that the page was told, and when.
type Told = (Instant, Value);

fn configuration(dir: &Path, at: SocketAddr, agents: u16) -> String {
    let people: String = (1..=PUT_THROUGH)
        .map(|n| format!("[[agent]]\nname = \"agent-{n}\"\n[[phone]]\nagent = \"agent-{n}\"\ncontact = \"sip:agent-{n}@127.0.0.1:{agents}\"\n"))
        .collect();
    format!(
        "[[entry]]\nname = \"main\"\ncalled = [\"1000\"]\nqueue = \"service\"\nbot = \"mercury\"\n[bot.mercury]\nfile = \"{}/config/bots/mercury.toml\"\n\
         [[entry]]\nname = \"direct\"\ncalled = [\"2000\"]\nqueue = \"service\"\n[[queue]]\nname = \"service\"\nmax_waiting = 200\n{people}\
         [sip]\nbind = [\"udp:{at}\"]\nrtp_first_port = {}\nrtp_last_port = {}\n[speech]\nrecognizer = \"off\"\n\
         [console]\nbind = \"127.0.0.1:0\"\n[store]\nurl = \"{}\"\n",
        env!("CARGO_MANIFEST_DIR"),
        PORTS.0,
        PORTS.1,
        database(dir)
    )
}

fn database(dir: &Path) -> String {
    format!("sqlite:{}", dir.join("segue.db").display())
}

/// Test callers or agents.
fn calling(args: &[&str]) -> Peer {
    Peer::start(Command::new(env!("CARGO_BIN_EXE_segue")).arg("call").args(args), "segue").unwrap()
}

fn recordings() -> Vec<String> {
    let of = |name: &str| format!("{}/audio/calls/{name}.flac", env!("CARGO_MANIFEST_DIR"));
    ["gets-loud", "calm-served-by-the-bot", "repeats-the-question"].map(of).to_vec()
}

/// All calls, as they go on.
struct Crowd {
    // Each ends with the test.
    _agents: Peer,
    _direct: Peer,
    _callers: Peer,
}

impl Crowd {
    fn call(served: &Served, agents: u16) -> Crowd {
        let (bind, through, with_bot) = (format!("udp:127.0.0.1:{agents}"), PUT_THROUGH.to_string(), WITH_BOT.to_string());
        let take = ["--key", "1@1.5", "--key", "1@4", "--key", "1@8"];
        let agents_phones = calling(&[&["--answer", &bind, "--ring", "0", "--calls", &through, "--max", "300"], &take[..]].concat());
        until_bound(agents);
        let direct = calling(&[&served.target("2000"), "--calls", &through, "--rate", "20", "--max", "300"]);
        let (target, recordings) = (served.target("1000"), recordings());
        let said: Vec<&str> = recordings.iter().map(String::as_str).collect();
        let callers = calling(&[&[target.as_str()], &said[..], &["--calls", &with_bot, "--rate", "40", "--max", "300"]].concat());
        Crowd { _agents: agents_phones, _direct: direct, _callers: callers }
    }
}

/// A page of a supervisor who watches some of the calls, until the gateway is killed. Gives what it was told, and when that was.
async fn watches_until_it_is_killed(served: &mut Served, mut feed: Feed) -> (Vec<Told>, Instant) {
    let (mut told, mut watched, mut seen, mut bridged) = (Vec::<Told>::new(), Vec::<String>::new(), Vec::new(), Vec::new());
    let mut of_watched: Vec<Instant> = Vec::new();
    while !(seen.len() >= CALLS && bridged.len() >= PUT_THROUGH && of_watched.len() >= TOLD.0 && of_watched[0].elapsed() > TOLD.1) {
        let message = feed.next().await;
        let (now, event) = (Instant::now(), &message["event"]);
        match event["type"].as_str() {
            Some("row") => {
                let id = event["id"].as_str().unwrap().to_owned();
                if event["stage"] == "bridged" && !bridged.contains(&id) {
                    bridged.push(id.clone());
                }
                if !seen.contains(&id) {
                    if watched.len() < WATCHED && event["entry"] == "main" {
                        feed.say(&json!({ "watch": { "call": id } })).await;
                        watched.push(id.clone());
                    }
                    seen.push(id);
                }
            }
            Some("turn" | "score" | "signal" | "stage") => of_watched.push(now),
            _ => {}
        }
        told.push((now, message));
    }
    // SIGKILL.
    served.child.kill().unwrap();
    let killed_at = Instant::now();
    // What was on its way.
    while let Ok(message) = feed.heard().await {
        told.push((killed_at, message));
    }
    served.child.wait().unwrap();
    (told, killed_at)
}

/// The stages of a call that has come so far as its row on the wall says.
fn stages(word: &str) -> Vec<StageName> {
    match word {
        "bridged" => vec![StageName::Bridged],
        "ringing" => vec![StageName::RingingAgent],
        _ => Vec::new(),
    }
}

/// Whether one of these records is what the page was told.
fn is_kept(event: &Value, records: &[Record]) -> bool {
    let near = |key: &str, at: segue::base::Time| (event[key].as_f64().unwrap() - at.as_secs_f64()).abs() < 0.002;
    let any = |is: &dyn Fn(&Happening) -> bool| records.iter().any(|record| is(&record.kind));
    match event["type"].as_str().unwrap() {
        "turn" => any(&|kind| matches!(kind, Happening::TurnEnded { start, end, .. } if near("start_s", *start) && near("end_s", *end))),
        "signal" => any(&|kind| matches!(kind, Happening::SignalHeard { start, end, .. } if near("start_s", *start) && near("end_s", *end))),
        "score" => records.iter().any(|record| matches!(record.kind, Happening::ScoreChanged { .. }) && near("at_s", record.at)),
        "row" => {
            let wanted = stages(event["stage"].as_str().unwrap());
            wanted.iter().all(|wanted| any(&|kind| matches!(kind, Happening::StageEntered { stage } if stage == wanted)))
        }
        _ => true,
    }
}

/// How long before its end the gateway told the first thing that is not kept.
async fn lost(store: &Store, told: &[Told], killed_at: Instant) -> Duration {
    let mut records = std::collections::BTreeMap::<String, Vec<Record>>::new();
    for listed in store.list_calls(None, 2 * CALLS).await.unwrap() {
        records.insert(listed.id.to_string(), store.find_call(listed.id).await.unwrap().unwrap().records);
    }
    let of = |message: &Value| message["call"].as_str().or(message["event"]["id"].as_str()).map(str::to_owned);
    let is_missing = |message: &Value| {
        of(message).is_some_and(|call| match records.get(&call) {
            Some(records) => !is_kept(&message["event"], records),
            None => true,
        })
    };
    let first = told.iter().find(|(_, message)| is_missing(message));
    first.map_or(Duration::ZERO, |(at, message)| {
        eprintln!("not kept: {message}, told {:?} before the kill", killed_at - *at);
        killed_at - *at
    })
}

/// What is kept is whole, and every call of the crowd is there, without an end as far as it had none.
async fn is_whole(store: &Store) -> Checked {
    let checked = store.check().await.unwrap();
    assert!(checked.is_whole() && checked.incomplete.is_empty(), "{checked:?}");
    assert!(checked.calls == CALLS as u64 && checked.lost.iter().all(|call| !call.is_over), "{checked:?}");
    // On a slow machine the bot may have given up on somebody meanwhile.
    assert!(checked.lost.len() > CALLS / 2, "{:?}", checked.endings);
    checked
}

/// `segue store check`: what it says, and that it finds nothing wrong.
fn check(file: &Path) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_segue")).args(["store", "check", "--config"]).arg(file).env("NO_COLOR", "1").output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    said
}

/// The gateway runs again: everybody who looks is told how each call ended, and callers are served.
async fn runs_again(file: &Path, at: SocketAddr, admin: &Person, before: &Checked) {
    let mut served = Served::start(file, at).await;
    let lost = before.lost.len();
    served.says(&format!("calls that were lost when the gateway last ended: {lost}")).await;
    let said = check(file);
    assert!(said.contains(&format!("is whole: {CALLS} calls")) && said.contains(&format!("{lost} gateway lost")), "{said}");
    assert!(!said.contains("goes on") && !said.contains("missing"), "{said}");
    for call in &before.lost {
        let line = said.lines().find(|line| line.contains(&call.call.to_string())).unwrap_or_else(|| panic!("{} has no end in\n{said}", call.call));
        assert!(line.contains("was lost by the gateway in stage"), "{line}");
    }
    let taken = said.lines().filter(|line| line.contains("in stage bridged, taken by agent-")).count();
    assert!(taken >= PUT_THROUGH, "{taken} were bridged:\n{said}");
    // Who was signed in still is, and sees them all as over.
    let admin = admin.moved_to(served.word_after("pages on").await.parse().unwrap());
    let listed: Vec<Value> = admin.get("/calls?limit=200").await.json().await.unwrap();
    assert!(listed.len() == CALLS && listed.iter().all(|call| call["ended"].is_string()), "{listed:?}");
    let live: Vec<Value> = admin.get("/live/calls").await.json().await.unwrap();
    assert_eq!(live, Vec::<Value>::new());
    // Phones that know nothing of it still send to the ports of the next call.
    let next = calling(&[&served.target("1000"), "--max", "3", "--json"]).ended();
    let report: Value = serde_json::from_slice(&next.stdout).unwrap();
    assert!(report["status"] == 200 && report["heard_s"].as_f64().unwrap() > 0.5, "{report}");
    tokio::task::spawn_blocking(move || drop(served)).await.unwrap();
}

/// One time all of it. Gives how much was lost.
async fn killed_once(dir: PathBuf) -> Duration {
    let at = UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).unwrap();
    let (file, agents) = (dir.join("segue.toml"), free_port());
    std::fs::write(&file, configuration(&dir, at, agents)).unwrap();
    let mut served = Served::start(&file, at).await;
    let mut admin = Person::at(served.word_after("pages on").await.parse().unwrap());
    admin.is_welcomed(&served.word_after("/welcome?key=").await).await;
    let (feed, _) = admin.feed_from_now().await;
    let crowd = Crowd::call(&served, agents);
    let (told, killed_at) = watches_until_it_is_killed(&mut served, feed).await;
    let store = Store::open_existing(&StoreTable { url: database(&dir), ..StoreTable::default() }).await.unwrap();
    let checked = is_whole(&store).await;
    let lost = lost(&store, &told, killed_at).await;
    eprintln!("killed in the middle of {} calls, after {} things told: the last {lost:?} are lost", checked.lost.len(), told.len());
    store.close(PATIENCE).await;
    runs_again(&file, at, &admin, &checked).await;
    drop(crowd);
    lost
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_is_killed_in_the_middle_of_calls_keeps_all_but_the_last_second_and_says_how_each_ended() {
    let mut lost = Duration::MAX;
    for n in 0..TRIES {
        lost = killed_once(directory(&format!("gateway killed {n}"))).await;
        if lost <= LAST_SECOND {
            return;
        }
    }
    panic!("the last {lost:?} are lost, {TRIES} times");
}
