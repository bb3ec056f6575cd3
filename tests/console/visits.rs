//! Visitors call from a page: heard and read by both sides, brought to a person by a button, limited, and told nothing that is
//! not theirs. Supervisors listen on lines of their own.

use reqwest::{Method, StatusCode};
use segue::base::{EndedBy, Happening, Record, SignalKind};
use segue::config::Config;
use segue::sound::codec::Codec;
use serde_json::{Value, json};
use tokio::sync::broadcast::Receiver;

use crate::browser::Browser;
use crate::console::{Feed, PATIENCE, Person, Site, TABLES};
use crate::kit::kit;
use crate::likeness::{Likeness, speech};
use crate::peers::until_so;

/// A page that calls.
struct Visitor {
    page: Browser,
    feed: Feed,
    who: Person,
    token: String,
}

impl Visitor {
    async fn call(site: &Site) -> Visitor {
        let (page, mut who) = (Browser::open(Codec::Opus).await, site.stranger());
        let answer = who.post("/visit", &json!({ "entry": "main", "sdp": page.offer(false).await })).await;
        assert_eq!(answer.status(), 200);
        let answer: Value = answer.json().await.unwrap();
        page.take(answer["sdp"].as_str().unwrap().to_owned()).await;
        let token = answer["token"].as_str().unwrap().to_owned();
        who.key = Some(token.clone());
        let feed = Visitor::feed(&who, &token).await;
        Visitor { page, feed, who, token }
    }

    /// Everything from the beginning.
    async fn feed(who: &Person, token: &str) -> Feed {
        let mut feed = who.feed_at(&format!("/visit/live?token={token}")).await;
        feed.say(&json!({})).await;
        assert_eq!(feed.next().await["event"]["type"], "reset");
        feed
    }

    /// Until the call is in this stage; gives everything that was told.
    async fn until(&mut self, stage: &str) -> Vec<Value> {
        until(&mut self.feed, stage).await
    }

    async fn ask(&self, path: &str, body: &Value) -> StatusCode {
        self.who.post(path, body).await.status()
    }
}

async fn until(feed: &mut Feed, stage: &str) -> Vec<Value> {
    let mut told = Vec::new();
    loop {
        told.extend(feed.until("state").await);
        if told.last().is_some_and(|message| message["event"]["stage"] == stage) {
            return told;
        }
    }
}

/// Somebody's line.
async fn line(person: &Person, path: &str) -> (Browser, String) {
    let page = Browser::open(Codec::Opus).await;
    let answer = person.post(path, &json!({ "sdp": page.offer(false).await })).await;
    assert_eq!(answer.status(), 200);
    let answer: Value = answer.json().await.unwrap();
    page.take(answer["sdp"].as_str().unwrap().to_owned()).await;
    (page, answer["line"].as_str().unwrap().to_owned())
}

async fn recorded(records: &mut Receiver<Record>, what: &str, is_it: impl Fn(&Happening) -> bool) -> Happening {
    let looked = async {
        loop {
            let record = records.recv().await.unwrap();
            if is_it(&record.kind) {
                return record.kind;
            }
        }
    };
    tokio::time::timeout(PATIENCE, looked).await.unwrap_or_else(|_| panic!("{what} was not recorded"))
}

/// The tables of tests, with an entry for browsers; visits are not limited unless `console` says so.
fn tables(console: &str) -> String {
    let tables = TABLES.replace("queue = \"service\"\n[[queue]]", "queue = \"service\"\nbrowser = true\n[[queue]]");
    let limits = if console.is_empty() { "address_visits = 1000" } else { console };
    format!("{tables}[console]\nbind = \"127.0.0.1:0\"\n{limits}\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visitor_and_an_agent_hear_each_other_and_a_supervisor_hears_both() {
    let site = Site::with(&tables("")).await;
    let admin = site.admin().await;
    let anna = site.person(&admin, "anna", "agent", Some("anna")).await;
    let sue = site.person(&admin, "sue", "supervisor", None).await;
    let (mut desk, _) = anna.feed_from_now().await;
    let (ear, _) = line(&anna, "/desk/line").await;
    assert_eq!(anna.put("/desk/presence", &json!({ "presence": "available" })).await.status(), 202);
    let mut visitor = Visitor::call(&site).await;
    let offer = desk.until("offer").await.pop().unwrap()["event"].clone();
    assert_eq!(offer["called"], "web:main");
    for answer in ["shown", "accept"] {
        let asked = anna.request(Method::POST, &format!("/desk/offers/{}/{answer}", offer["offer"].as_str().unwrap())).send().await.unwrap();
        assert!(asked.status().is_success(), "{answer}: {}", asked.status());
    }
    let mut told = visitor.until("bridged").await;
    // A supervisor who is no agent has a line of their own, and may come to the call while it is still being connected.
    let (hidden, name) = line(&sue, "/live/line").await;
    let listen = format!("/live/calls/{}/listen", offer["call"].as_str().unwrap());
    assert_eq!(sue.post(&listen, &json!({ "line": "none of mine" })).await.status(), 409);
    assert_eq!(sue.post(&listen, &json!({ "line": name })).await.status(), 202);
    assert_eq!(anna.post(&listen, &json!({ "line": name })).await.status(), 403);
    // One listens at a time, and nobody else ends that.
    let sam = site.person(&admin, "sam", "supervisor", None).await;
    let (_sams, sams) = line(&sam, "/live/line").await;
    let answer = sam.post(&listen, &json!({ "line": sams })).await;
    assert_eq!(answer.status(), 409);
    let answer: Value = answer.json().await.unwrap();
    assert_eq!(
        (answer["error"]["code"].as_str(), answer["error"]["message"].as_str().map(|words| words.contains("listens"))),
        (Some("listened_to"), Some(true))
    );
    assert_eq!(sam.request(Method::DELETE, &listen).send().await.unwrap().status(), 409);
    let acts: Value = admin.get("/audit").await.json().await.unwrap();
    let listened = |act: &Value| act["who"] == "sue" && act["what"] == "listened_in" && act["about"] == offer["call"];
    assert!(acts.as_array().unwrap().iter().any(listened), "{acts}");
    let (theirs, ours) = (speech(&["repeats-the-question", "asks-for-a-person"]), speech(&["gets-loud", "calm-served-by-the-bot"]));
    let spoken_s = |page: &Browser| page.heard().sound.len() as f64 / 8_000.0;
    let before = [&visitor.page, &ear, &hidden].map(spoken_s);
    visitor.page.speak(theirs.clone());
    ear.speak(ours.clone());
    hidden.speak(speech(&["fraud"]));
    until_so("twelve seconds", || [&visitor.page, &ear, &hidden].map(spoken_s).iter().zip(before).all(|(now, then)| now - then > 12.0)).await;
    Likeness::of(&theirs, &ear.heard().sound).must_be_good("the agent hears the visitor");
    Likeness::of(&ours, &visitor.page.heard().sound).must_be_good("the visitor hears the agent, and nobody else");
    assert!(hidden.heard().sound[(before[2] * 8_000.0) as usize..].iter().any(|sample| sample.unsigned_abs() > 2_000), "the supervisor hears them");
    // Another connection is told the same from the beginning, and one that resumes only what is new.
    let seen = told.last().unwrap()["seq"].as_u64().unwrap();
    let again = until(&mut Visitor::feed(&visitor.who, &visitor.token).await, "bridged").await;
    assert_eq!(again, told);
    let mut resumed = visitor.who.feed_at(&format!("/visit/live?token={}", visitor.token)).await;
    resumed.say(&json!({ "resume": seen })).await;
    assert_eq!(visitor.ask("/visit/hang_up", &json!({})).await, 202);
    let rest = visitor.until("ended").await;
    assert_eq!(until(&mut resumed, "ended").await, rest);
    told.extend(rest);
    let over = desk.until("call_over").await.pop().unwrap();
    assert_eq!(over["event"]["ended_by"], "caller");
    for message in &told {
        let event = &message["event"];
        assert!(event["type"] == "state" || event["type"] == "caption", "{message}");
        assert!(message["call"].is_null() && message["topic"] == "call", "{message}");
        let known = ["type", "stage", "sentence", "who", "text", "final"];
        assert!(event.as_object().unwrap().keys().all(|key| known.contains(&key.as_str())), "{message}");
    }
    let seqs: Vec<u64> = told.iter().map(|message| message["seq"].as_u64().unwrap()).collect();
    assert!(seqs.windows(2).all(|pair| pair[0] < pair[1]), "{seqs:?}");
    // A call that has just told its end may still be looked at for a moment.
    let over = async { while visitor.ask("/visit/person", &json!({})).await != 409 {} };
    tokio::time::timeout(PATIENCE, over).await.expect("the call is over");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_button_is_a_request_as_if_it_had_been_said() {
    let mut config = Config::read(None, [], |_| unreachable!()).unwrap_or_else(|problems| panic!("{problems}"));
    config.entry.iter_mut().for_each(|entry| entry.browser = true);
    config.speech.recognizer = segue::speech::RecognizerEngine::Off;
    config.sip.bind = vec!["udp:127.0.0.1:0".into()];
    config.console.bind = Some(([127, 0, 0, 1], 0).into());
    let site = Site::of(&config).await;
    let mut records = site.running.gateway.watch();
    let mut visitor = Visitor::call(&site).await;
    let told = visitor.until("bot").await;
    if kit(&config).await.missing().is_empty() {
        assert!(told.iter().any(|message| message["event"]["who"] == "bot"), "the greeting is read too: {told:?}");
    }
    assert_eq!(visitor.ask("/visit/person", &json!({})).await, 202);
    let heard = recorded(&mut records, "the request", |kind| matches!(kind, Happening::SignalHeard { signal: SignalKind::Request, .. })).await;
    let Happening::SignalHeard { why, .. } = heard else { unreachable!() };
    assert_eq!(why, "Pressed “Talk to a person” on the page.");
    let fired = recorded(&mut records, "the trigger", |kind| matches!(kind, Happening::Triggered { .. })).await;
    let Happening::Triggered { trigger, cause, .. } = fired else { unreachable!() };
    assert_eq!((trigger.as_str(), cause.as_str()), ("request", "request"));
    visitor.until("waiting").await;
    assert_eq!(visitor.ask("/visit/key", &json!({ "key": "5" })).await, 202);
    recorded(&mut records, "the key", |kind| matches!(kind, Happening::KeyPressed { .. })).await;
    // Whoever closes the page has hung up.
    visitor.page.close().await;
    recorded(&mut records, "the end", |kind| matches!(kind, Happening::CallEnded { by: EndedBy::Caller, .. })).await;
    visitor.until("ended").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visitor_is_told_of_the_servers_by_which_browsers_reach_us_as_agents_are() {
    let servers = "[[webrtc.ice_server]]\nurls = [\"stun:stun.example.com:3478\"]\n[[webrtc.ice_server]]\nurls = [\"turns:turn.example.com:5349\"]\n\
        username = \"segue\"\npassword = \"open sesame\"\n";
    let site = Site::with(&format!("{}{servers}", tables(""))).await;
    let (admin, who) = (site.admin().await, site.stranger());
    let told: Value = who.get("/visit/rtc?entry=main").await.json().await.unwrap();
    let turn = json!({ "urls": ["turns:turn.example.com:5349"], "username": "segue", "credential": "open sesame" });
    assert_eq!(told, json!({ "ice_servers": [{ "urls": ["stun:stun.example.com:3478"] }, turn] }));
    assert_eq!(admin.get("/rtc").await.json::<Value>().await.unwrap(), told);
    // Nobody is told of them where nobody may call.
    assert_eq!(who.get("/rtc").await.status(), 401);
    for (asked, status) in [("?entry=sales", 404), ("?entry=1000", 404), ("", 422), ("?entry=main&sdp=1", 422)] {
        assert_eq!(who.get(&format!("/visit/rtc{asked}")).await.status(), status, "{asked}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_visitors_ask_for_wrongly_or_too_often_is_refused() {
    let site = Site::with(&tables("max_visitors = 1\naddress_visits = 3\nvisit_secs = 3600.0")).await;
    let (who, sdp) = (site.stranger(), "v=0\r\n");
    let token = |token: &str| site.bearer(token);
    let visitor = Visitor::call(&site).await;
    let mine = token(&visitor.token);
    for (person, path, body, status, code, field) in [
        (&who, "/visit", json!({ "entry": "sales", "sdp": sdp }), 404, "unknown", None),
        (&who, "/visit", json!({ "entry": "1000", "sdp": sdp }), 404, "unknown", None),
        (&who, "/visit", json!({ "entry": "main", "sdp": "hello" }), 422, "bad_input", Some("sdp")),
        (&who, "/visit", json!({ "entry": "main", "sdp": format!("v=0{}", "x".repeat(40_000)) }), 422, "bad_input", Some("sdp")),
        (&who, "/visit", json!({ "entry": "main" }), 422, "bad_input", None),
        (&who, "/visit", json!({ "entry": 7, "sdp": sdp }), 422, "bad_input", Some("entry")),
        (&who, "/visit", json!({ "entry": "main", "sdp": sdp, "caller": "1" }), 422, "bad_input", Some("caller")),
        (&who, "/visit", json!({ "entry": "main", "sdp": sdp }), 409, "busy", None),
        (&who, "/visit/person", json!({}), 401, "no_token", None),
        (&token("nobody's"), "/visit/person", json!({}), 409, "no_call", None),
        (&token("nobody's"), "/visit/hang_up", json!({}), 409, "no_call", None),
        (&token(""), "/visit/key", json!({ "key": "1" }), 401, "no_token", None),
        (&mine, "/visit/key", json!({ "key": "12" }), 422, "bad_input", Some("key")),
        (&mine, "/visit/key", json!({ "key": "A" }), 422, "bad_input", Some("key")),
        (&mine, "/visit/key", json!({ "key": "" }), 422, "bad_input", Some("key")),
        (&mine, "/visit/restart", json!({ "sdp": sdp }), 422, "bad_input", Some("sdp")),
        (&mine, "/visit/restart", json!({ "sdp": 5 }), 422, "bad_input", Some("sdp")),
        // The first call was the first visit, the busy one the second.
        (&who, "/visit", json!({ "entry": "main", "sdp": sdp }), 409, "busy", None),
        (&who, "/visit", json!({ "entry": "main", "sdp": sdp }), 429, "too_many_attempts", None),
    ] {
        let answer = person.post(path, &body).await;
        let status_is = answer.status().as_u16();
        let error: Value = answer.json().await.unwrap();
        let said: String = body.to_string().chars().take(80).collect();
        let told = (status_is, error["error"]["code"].as_str(), error["error"]["field"].as_str());
        assert_eq!(told, (status, Some(code), field), "{path} {said}: {error}");
        assert!(error["error"]["message"].as_str().is_some_and(|message| message.ends_with('.')), "{error}");
    }
    for (path, status) in [("/visit/live?token=nobody", 409), ("/visit/live", 401), (&*format!("/visit/live?token={}", visitor.token), 422)] {
        assert_eq!(who.get(path).await.status(), status, "{path}");
    }
    // No other site may call in the name of its visitors.
    let elsewhere = who.bare(Method::POST, "/visit").json(&json!({ "entry": "main", "sdp": sdp })).send().await.unwrap();
    assert_eq!(elsewhere.status(), 403);
    visitor.page.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_page_takes_the_desk_over_and_the_first_is_told_so() {
    let site = Site::with(&tables("")).await;
    let admin = site.admin().await;
    let anna = site.person(&admin, "anna", "agent", Some("anna")).await;
    let (mut first, _) = anna.feed_from_now().await;
    let (mut second, _) = anna.feed_from_now().await;
    first.until("replaced").await;
    assert_eq!(first.heard().await.unwrap_err().map(|why| why.0), Some(4_001), "nothing is told there any more");
    let (ear, _) = line(&anna, "/desk/line").await;
    assert_eq!(anna.put("/desk/presence", &json!({ "presence": "available" })).await.status(), 202);
    let visitor = Visitor::call(&site).await;
    second.until("offer").await;
    let queues: Value = admin.get("/live/desk").await.json().await.unwrap();
    assert_eq!((&queues["agents"][0]["name"], &queues["agents"][0]["state"]), (&json!("anna"), &json!("ringing")));
    assert_eq!((&queues["queues"][0]["title"], &queues["queues"][0]["on_duty"]), (&json!("our service"), &json!(1)));
    assert_eq!(anna.get("/live/desk").await.status(), 403);
    visitor.page.close().await;
    ear.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_is_not_there_can_not_go_on() {
    let site = Site::with(&tables("")).await;
    let admin = site.admin().await;
    let anna = site.person(&admin, "anna", "agent", Some("anna")).await;
    let page = Browser::open(Codec::Opus).await;
    let offer = json!({ "sdp": page.offer(false).await });
    for (person, path) in [(&anna, "/desk/line/restart"), (&admin, "/live/line/restart")] {
        let gone = person.post(path, &offer).await;
        assert_eq!(gone.status(), 409, "{path}");
        assert_eq!(gone.json::<Value>().await.unwrap()["error"]["code"], "no_line");
        assert_eq!(person.post(path, &json!({ "sdp": "hello" })).await.status(), 422, "{path}");
    }
    let (ear, _) = line(&anna, "/desk/line").await;
    for sdp in ["v=0\r\n", "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n"] {
        assert_eq!(anna.post("/desk/line/restart", &json!({ "sdp": sdp })).await.status(), 422, "{sdp:?}");
    }
    let again = anna.post("/desk/line/restart", &json!({ "sdp": ear.offer(true).await })).await;
    assert_eq!(again.status(), 200);
    ear.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_lets_its_user_in_once() {
    let site = Site::open("").await;
    let user = segue::console::people::User {
        name: "you".into(),
        title: "You".into(),
        role: segue::console::people::Role::Admin,
        agent: Some("anna".into()),
        password_hash: String::new(),
        disabled: false,
        created: jiff::Timestamp::now(),
    };
    let served = site.running.console.as_ref().unwrap();
    let link = served.invite(user.clone(), "/desk").await.unwrap();
    assert!(served.invite(user, "/desk").await.is_err(), "there is one of this name");
    let key = link.strip_prefix(&format!("http://{}/enter?key=", site.address)).unwrap().strip_suffix("&next=/desk").unwrap();
    let mut you = site.stranger();
    assert_eq!(you.post("/enter", &json!({ "key": "none" })).await.status(), 401);
    let answer = you.post("/enter", &json!({ "key": key })).await;
    assert_eq!(answer.status(), 200);
    you.keep_cookie(&answer);
    assert_eq!(you.get("/desk").await.status(), 200);
    assert_eq!(site.stranger().post("/enter", &json!({ "key": key })).await.status(), 401, "once");
}
