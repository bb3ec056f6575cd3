//! Agents who are on duty and in no call: each has a page that is told what happens, and a line on which nobody speaks.

use std::time::{Duration, Instant};

use segue::sound::codec::Codec;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::browser::Browser;
use super::console::Person;
use super::served::Served;
use super::{Args, What};

/// A page asks so often whether its connection is still there, as ours do.
const PING: Duration = Duration::from_secs(10);
/// From the last line that is up to the measurement.
const SETTLING: Duration = Duration::from_secs(5);

/// How a row of its table begins, and what stands in it.
pub const HEADER: &str = "| idle lines | of a core, each | of a core, all | memory each |\n|---|---|---|---|";

/// One row: opens so many lines, and measures them.
///
/// # Errors
/// The gateway does not serve, or its process can't be watched.
pub async fn step(args: &Args, lines: usize) -> anyhow::Result<String> {
    let mut served = Served::start(What::Lines, lines, ([127, 0, 0, 1], 9).into(), args)?;
    let mut admin = Person::at(served.word_after("pages on ")?.parse()?);
    admin.is_welcomed(&served.word_after("/welcome?key=")?).await;
    let mut agents = Vec::new();
    for n in 0..lines {
        agents.push(admin.makes(&format!("agent-{n}"), "agent", Some(&format!("agent-{n}"))).await);
    }
    let before = served.usage()?;
    let (mut pages, mut browsers) = (JoinSet::new(), Vec::new());
    for agent in &agents {
        pages.spawn(page(agent.clone()));
        browsers.push(line(agent).await);
    }
    tokio::time::sleep(SETTLING).await;
    let (from, usage) = (Instant::now(), served.usage()?);
    tokio::time::sleep(Duration::from_secs(args.secs)).await;
    let (share, memory) = ((served.usage()?.cpu_s - usage.cpu_s) / from.elapsed().as_secs_f64() * 100.0, usage.memory_kb - before.memory_kb);
    for agent in &agents {
        let desk: Value = agent.get("/desk").await.json().await?;
        anyhow::ensure!(desk["line"] == "up" && desk["state"] == "available", "a line went down: {desk}");
    }
    drop((pages, browsers));
    served.stop().await?;
    Ok(format!("| {lines} | {:.4} % | {share:.1} % | {:.2} MB |", share / lines as f64, memory as f64 / 1_024.0 / lines as f64))
}

/// The page of somebody's desk, as long as it is open.
async fn page(agent: Person) {
    let mut feed = agent.feed_at("/live?desk=1").await;
    let mut pings = tokio::time::interval(PING);
    for n in 0_u64.. {
        tokio::select! {
            _ = pings.tick() => feed.say(&json!({ "ping": n })).await,
            told = feed.heard() => if told.is_err() { return },
        }
    }
}

/// Their line, up and quiet, and they on duty.
async fn line(agent: &Person) -> Browser {
    let browser = Browser::open(Codec::Opus).await;
    let answer: Value = agent.post("/desk/line", &json!({ "sdp": browser.offer(false).await })).await.json().await.expect("an answer");
    browser.take(answer["sdp"].as_str().expect("the answer's SDP").to_owned()).await;
    browser.stands().await;
    agent.put("/desk/presence", &json!({ "presence": "available" })).await;
    browser
}
