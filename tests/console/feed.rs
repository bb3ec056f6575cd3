//! The live feed over a real WebSocket: nothing is missed and nothing comes twice across a reconnect, everybody hears what is theirs,
//! and who says what nobody understands is cut off.

use std::time::Instant;

use crate::console::{PATIENCE, Person, Site};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

/// Changes what stands on an agent's desk so many times, each so that the feed tells it: of changes in quick succession it tells the last.
async fn breaks(agent: &Person, times: usize) {
    for _ in 0..times {
        let reason = if break_of(agent).await == "lunch" { "training" } else { "lunch" };
        assert_eq!(agent.put("/desk/presence", &json!({ "presence": "break", "reason": reason })).await.status(), 202);
        let started = Instant::now();
        while break_of(agent).await != reason {
            assert!(started.elapsed() < PATIENCE, "the break does not begin");
        }
    }
}

async fn break_of(agent: &Person) -> Value {
    agent.get("/desk").await.json::<Value>().await.unwrap()["break_reason"].take()
}

fn seq(message: &Value) -> u64 {
    message["seq"].as_u64().unwrap()
}

async fn states(feed: &mut crate::console::Feed, count: usize) -> Vec<Value> {
    let mut states = Vec::new();
    while states.len() < count {
        states.push(feed.until("state").await.pop().unwrap());
    }
    states
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_back_goes_on_where_they_were() {
    let site = Site::open("").await;
    let admin = site.admin().await;
    let anna = site.person(&admin, "anna", "agent", Some("anna")).await;
    let (mut feed, start) = anna.feed_from_now().await;
    // By a page that is not her desk: another desk of hers would take the place of the first.
    let mut whole = site.person(&admin, "beside", "supervisor", Some("anna")).await.feed().await;
    whole.say(&json!({ "resume": start })).await;
    breaks(&anna, 3).await;
    let mut seen = states(&mut feed, 3).await;
    drop(feed);
    // Missed by one connection, and more than is read from the feed at once.
    breaks(&anna, 150).await;
    let mut feed = anna.feed().await;
    feed.say(&json!({ "resume": seq(seen.last().unwrap()) })).await;
    breaks(&anna, 2).await;
    seen.extend(states(&mut feed, 152).await);
    let expected = states(&mut whole, 155).await;
    assert_eq!(seen, expected, "as if there had been one connection");
    assert!(seen.windows(2).all(|two| seq(&two[0]) < seq(&two[1])));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_away_for_too_long_or_never_there_reads_everything_anew() {
    let site = Site::open("feed_events = 100").await;
    let admin = site.admin().await;
    let anna = site.person(&admin, "anna", "agent", Some("anna")).await;
    let (feed, start) = anna.feed_from_now().await;
    drop(feed);
    breaks(&anna, 120).await;
    for resume in [json!(start), json!(0), json!(u64::MAX), Value::Null] {
        let mut feed = anna.feed().await;
        feed.say(&json!({ "resume": resume })).await;
        let first = feed.next().await;
        assert_eq!(first["event"], json!({ "type": "reset" }), "{resume}");
        breaks(&anna, 1).await;
        let next = feed.until("state").await.pop().unwrap();
        assert!(seq(&next) > seq(&first), "{resume}");
    }
    // Who says nothing is told what is new all the same.
    let mut silent = anna.feed().await;
    assert_eq!(silent.next().await["event"]["type"], "reset");
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_hears_what_is_theirs() {
    let site = Site::open("").await;
    let admin = site.admin().await;
    let anna = site.person(&admin, "anna", "agent", Some("anna")).await;
    let ben = site.person(&admin, "ben", "agent", Some("ben")).await;
    let sue = site.person(&admin, "sue", "supervisor", None).await;
    let (mut annas, _) = anna.feed_from_now().await;
    let (mut bens, _) = ben.feed_from_now().await;
    let (mut sues, _) = sue.feed_from_now().await;
    breaks(&anna, 1).await;
    breaks(&ben, 1).await;
    let told = annas.until("state").await;
    let theirs = |message: &Value, agent: &str| message["event"]["agent"] == agent || message["event"]["type"] == "queues";
    assert!(told.iter().all(|message| theirs(message, "anna")), "{told:?}");
    let told = bens.until("state").await;
    assert!(told.iter().all(|message| theirs(message, "ben")), "{told:?}");
    sues.say(&json!({ "ping": 7 })).await;
    let told = sues.until("pong").await;
    assert!(told.iter().all(|message| message["topic"] != "desk"), "{told:?}");
    assert_eq!(told.last().unwrap()["event"]["n"], 7);
    // What a desk shows is as of a number of the feed.
    let answer = anna.get("/desk").await;
    let as_of: u64 = answer.headers()["x-segue-seq"].to_str().unwrap().parse().unwrap();
    let desk: Value = answer.json().await.unwrap();
    assert_eq!((&desk["agent"], &desk["break_reason"], &desk["state"]), (&json!("anna"), &json!("lunch"), &json!("offline")));
    breaks(&anna, 2).await;
    assert!(seq(&states(&mut annas, 2).await[1]) > as_of);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_message_of_the_feed_ends_it() {
    let site = Site::open("").await;
    let admin = site.admin().await;
    for (message, code) in [
        (Message::Text("hello".into()), 1007),
        (Message::Text("[]".into()), 1007),
        (Message::Text("{\"resume\": -1}".into()), 1007),
        (Message::Text("{\"resume\": \"7\"}".into()), 1007),
        (Message::Text("{\"sing\": true}".into()), 1007),
        (Message::Text("{\"watch\": {\"call\": \"no-call\"}}".into()), 1007),
        (Message::Binary(vec![1, 2, 3].into()), 1003),
    ] {
        let mut feed = admin.feed().await;
        feed.say_raw(message.clone()).await;
        let closed = loop {
            match feed.heard().await {
                Ok(_) => {}
                Err(closed) => break closed,
            }
        };
        assert_eq!(closed.map(|(code, _)| code), Some(code), "{message:?}");
    }
    let mut feed = admin.feed().await;
    feed.say_raw(Message::Text("x".repeat(10_000).into())).await;
    while feed.heard().await.is_ok() {}
    // Who watches too much, or talks too much.
    let (mut greedy, _) = admin.feed_from_now().await;
    for n in 0..21 {
        greedy.say_raw(Message::Text(json!({ "watch": { "call": format!("00000000-0000-7000-8000-0000000000{n:02}") } }).to_string().into())).await;
    }
    let mut closed = greedy.heard().await;
    while closed.is_ok() {
        closed = greedy.heard().await;
    }
    assert_eq!(closed, Err(Some((1008, "too many calls are watched".into()))));
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_told_when_the_gateway_stops() {
    let mut site = Site::open("").await;
    let admin = site.admin().await;
    let (mut feed, _) = admin.feed_from_now().await;
    site.running.console.take().unwrap().close().await;
    let closed = loop {
        match feed.heard().await {
            Ok(_) => {}
            Err(closed) => break closed,
        }
    };
    assert_eq!(closed, Some((1001, "Segue stops".into())));
}
