//! Who may do what at the console, over real HTTP: every route for every role, requests of other sites, passwords that are tried,
//! sessions that end, and what is refused.

use std::collections::BTreeSet;
use std::time::Instant;

use crate::console::{PASSWORD, PATIENCE, Person, Site, TABLES};
use reqwest::Method;
use segue::base::AgentId;
use segue::config::Config;
use segue::console::access::{RIGHTS, Right};
use segue::console::people::Role;
use serde_json::{Value, json};

/// A path as somebody asks for it.
fn filled(path: &str) -> String {
    path.replace("{name}", "nobody")
        .replace("{offer}", "00000000-0000-7000-8000-000000000000.0")
        .replace("{id}", "00000000-0000-7000-8000-000000000000")
}

async fn code(answer: reqwest::Response) -> (u16, String) {
    let status = answer.status().as_u16();
    let body = answer.text().await.unwrap();
    let code = serde_json::from_str::<Value>(&body).ok().and_then(|body| body["error"]["code"].as_str().map(str::to_owned));
    (status, code.unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_is_open_to_whom_the_table_says_and_to_nobody_else() {
    let site = Site::open("").await;
    let admin = site.admin().await;
    let agent = site.person(&admin, "anna", "agent", Some("anna")).await;
    let supervisor = site.person(&admin, "sue", "supervisor", None).await;
    let tester = site.person(&admin, "tom", "tester", None).await;
    let program = site.program(&admin, "robot").await;
    let everybody: [(&Person, Option<Role>, bool); 6] = [
        (&site.stranger(), None, false),
        (&agent, Some(Role::Agent), true),
        (&supervisor, Some(Role::Supervisor), false),
        (&tester, Some(Role::Tester), false),
        (&program, Some(Role::Program), false),
        (&admin, Some(Role::Admin), false),
    ];
    for rule in RIGHTS {
        // Who signs out is nobody afterwards, and passwords may be tried a few times only.
        if ["/session", "/welcome", "/enter"].contains(&rule.path) {
            continue;
        }
        for (person, role, has_desk) in everybody {
            let method: Method = rule.method.parse().unwrap();
            let mut request = person.request(method.clone(), &filled(rule.path));
            if method != Method::GET {
                request = request.json(&json!({}));
            }
            let (status, code) = code(request.send().await.unwrap()).await;
            let may = match rule.right {
                Right::Anyone | Right::Visitor => true,
                Right::SignedIn => role.is_some(),
                Right::Desk => has_desk,
                Right::Roles(roles) => role.is_some_and(|role| roles.contains(&role)),
            };
            let refused = if role.is_none() { 401 } else { 403 };
            let what = format!("{} {} for {role:?}: {status} {code}", rule.method, rule.path);
            // A visitor has a token instead, of which this table knows nothing.
            let is_refused = (status == 401 || status == 403) && code != "no_token";
            assert_eq!(is_refused, !may, "{what}");
            assert!(may || status == refused, "{what}");
            assert!(status != 405 && code != "no_route" && status != 500, "{what}");
        }
    }
}

#[test]
fn the_table_and_the_document_name_the_same_routes() {
    let document = segue::console::openapi();
    let mut described = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        described.extend(item.as_object().unwrap().keys().map(|method| (method.to_uppercase(), path.clone())));
    }
    let ruled: BTreeSet<(String, String)> = RIGHTS.iter().map(|rule| (rule.method.to_owned(), rule.path.to_owned())).collect();
    assert_eq!(ruled.len(), RIGHTS.len(), "a route has two rules");
    assert_eq!(described, ruled);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_of_another_site_changes_nothing() {
    let site = Site::open("").await;
    let admin = site.admin().await;
    let asked = json!({ "name": "eve", "role": "admin", "password": PASSWORD });
    let here = format!("http://{}", site.address);
    for (header, origin, taken) in [
        (None, None, false),
        (None, Some(here.as_str()), false),
        (Some("0"), Some(here.as_str()), false),
        (Some("1"), Some("https://evil.example"), false),
        (Some("1"), Some("null"), false),
        (Some("1"), Some("http://127.0.0.1:1"), false),
        (Some("1"), None, true),
    ] {
        let mut request = admin.bare(Method::POST, "/users").json(&asked);
        if let Some(header) = header {
            request = request.header("x-segue", header);
        }
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        let (status, code) = code(request.send().await.unwrap()).await;
        assert_eq!((status, code.as_str()), if taken { (201, "") } else { (403, "cross_site") }, "{header:?} {origin:?}");
    }
    // A page of another site may open a WebSocket; the browser says whose it is.
    let opened = admin.bare(Method::GET, "/live").header("upgrade", "websocket").header("origin", "https://evil.example").send().await.unwrap();
    assert_eq!(code(opened).await, (403, "cross_site".into()));
    // A program has no cookie that a browser would send for somebody else.
    let program = site.program(&admin, "robot").await;
    let asked = program.bare(Method::POST, &filled("/live/calls/{id}/handoff")).json(&json!({}));
    assert_eq!(code(asked.send().await.unwrap()).await, (404, "unknown".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_passwords_are_all_the_same_and_soon_too_many() {
    let site = Site::open("sign_in_attempts = 3\nsign_in_address_attempts = 12\nsign_in_secs = 3600.0").await;
    let admin = site.admin().await;
    let stranger = site.stranger();
    let try_in = async |name: &str, password: &str| code(stranger.post("/session", &json!({ "name": name, "password": password })).await).await;
    let wrong = (401, "wrong_password".to_owned());
    let too_many = (429, "too_many_attempts".to_owned());
    assert_eq!(try_in("root", "wrong password").await, wrong);
    assert_eq!(try_in("nobody", PASSWORD).await, wrong, "that a name is none is not told");
    assert_eq!(try_in("ROOT", "").await, wrong);
    assert_eq!(try_in("ro\0ot", PASSWORD).await, wrong);
    assert_eq!(try_in("root", PASSWORD).await.0, 200, "what was right does not count");
    assert_eq!(try_in("root", PASSWORD).await.0, 200);
    assert_eq!(try_in("root", "wrong password").await, wrong);
    assert_eq!(try_in("root", PASSWORD).await, too_many, "of the name");
    for n in 0..7 {
        assert_eq!(try_in(&format!("other-{n}"), "wrong password").await, wrong, "{n}");
    }
    let answer = stranger.post("/session", &json!({ "name": "another", "password": PASSWORD })).await;
    let wait: u64 = answer.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=3600).contains(&wait), "{wait}");
    assert_eq!(code(answer).await, too_many, "of the address");
    // Who is signed in already stays so, and what was tried can be read.
    let started = Instant::now();
    loop {
        let acts: Value = admin.get("/audit").await.json().await.unwrap();
        let failed = acts.as_array().unwrap().iter().filter(|act| act["what"] == "sign_in_failed").count();
        if failed == 3 {
            break;
        }
        assert!(failed < 3 && started.elapsed() < PATIENCE, "{acts}");
    }
}

/// What a browser offers to open a line, though none is there.
const SDP: &str = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\n\
    a=rtcp:9 IN IP4 0.0.0.0\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\na=fingerprint:sha-256 \
    00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF\r\na=setup:actpass\r\na=mid:0\r\n\
    a=sendrecv\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn whoever_loses_their_access_hears_nothing_any_more() {
    let site = Site::open("").await;
    let admin = site.admin().await;
    let lines = site.running.gateway.lines().clone();
    let has_line = |owner: &str| lines.line_of(&AgentId::from(owner)).is_some();
    let open = async |person: &Person, owner: &str| {
        let path = if owner.starts_with("supervisor:") { "/live/line" } else { "/desk/line" };
        let answer = person.post(path, &json!({ "sdp": SDP })).await;
        assert!(answer.status() == 200 && has_line(owner), "{}", answer.text().await.unwrap());
    };
    let closed = async |feed: &mut crate::console::Feed| loop {
        if let Err(why) = feed.heard().await {
            break assert_eq!(why, Some((1008, "signed out".into())));
        }
    };
    // Signed out, in one of two browsers: the other goes on.
    let at_home = site.person(&admin, "sue", "supervisor", None).await;
    let mut sue = site.stranger();
    assert_eq!(sue.sign_in("sue", PASSWORD).await, 200);
    let (mut feed, mut others) = (at_home.feed_from_now().await.0, sue.feed_from_now().await.0);
    open(&at_home, "supervisor:sue").await;
    assert_eq!(at_home.request(Method::DELETE, "/session").send().await.unwrap().status(), 204);
    assert!(!has_line("supervisor:sue"), "who has signed out still listens");
    closed(&mut feed).await;
    open(&sue, "supervisor:sue").await;
    // No supervisor any more; then gone.
    let change = |name: &str, change: Value| admin.request(Method::PATCH, &format!("/users/{name}")).json(&change).send();
    assert_eq!(change("sue", json!({ "title": "Susan" })).await.unwrap().status(), 200);
    assert!(has_line("supervisor:sue"), "by another title one is no other");
    assert_eq!(change("sue", json!({ "role": "agent" })).await.unwrap().status(), 200);
    assert!(!has_line("supervisor:sue"), "who is no supervisor any more still listens");
    closed(&mut others).await;
    let anna = site.person(&admin, "anna", "agent", Some("anna")).await;
    let mut feed = anna.feed_from_now().await.0;
    open(&anna, "anna").await;
    assert_eq!(admin.request(Method::DELETE, "/users/anna").send().await.unwrap().status(), 204);
    assert!(!has_line("anna"), "who is gone is still heard");
    closed(&mut feed).await;
}

/// A gateway that keeps what it is told, in a new file or in this one.
async fn keeping(name: &str, is_new: bool) -> Site {
    let dir = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("console-{name}"));
    if is_new {
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(&dir).unwrap();
    }
    Site::kept(&format!("{TABLES}[console]\nbind = \"127.0.0.1:0\"\n[store]\nurl = \"sqlite:{}/segue.db\"\n", dir.display())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_is_used_goes_on_and_one_that_has_ended_stays_so() {
    let site = keeping("sessions", true).await;
    let admin = site.admin().await;
    let store = site.running.store.clone().unwrap();
    let id = admin.cookie.as_ref().unwrap().strip_prefix("segue=").unwrap().to_owned();
    let key = segue::store::fingerprint(&id);
    let (data, ends) = store.load_session(&key).await.unwrap().expect("it was kept under its fingerprint");
    assert!(admin.get("/me").await.headers().get("set-cookie").is_none(), "it has just begun");
    // As if much of its time were over.
    let soon = jiff::Timestamp::now().as_second() + 600;
    let sooner = |data: &str| {
        let mut data: Value = serde_json::from_str(data).unwrap();
        data["ends"] = soon.into();
        data.to_string()
    };
    store.save_session(&key, &sooner(&data), soon).await.unwrap();
    assert!(admin.get("/me").await.headers().get("set-cookie").is_some(), "the browser forgets it");
    assert!(store.load_session(&key).await.unwrap().unwrap().1 >= ends, "it ends when it would have");
    store.delete_session(&key).await.unwrap();
    store.update_session(&key, &data, ends).await.unwrap();
    assert_eq!(store.load_session(&key).await.unwrap(), None);
    assert_eq!(admin.get("/me").await.status(), 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_store_is_away_who_is_here_gets_on_with_their_call() {
    let site = keeping("away", true).await;
    let admin = site.admin().await;
    let anna = site.person(&admin, "anna", "agent", Some("anna")).await;
    assert_eq!(anna.get("/desk").await.status(), 200);
    site.running.store.clone().unwrap().close(PATIENCE).await;
    assert_eq!(code(anna.post("/desk/call/hang_up", &json!({})).await).await, (409, "no_call".into()));
    assert_eq!(anna.get("/desk").await.status(), 200);
    let answer = admin.get("/audit").await;
    assert!(answer.headers().contains_key("retry-after"));
    assert_eq!(code(answer).await, (503, "store_away".into()));
    let stranger = site.stranger().post("/session", &json!({ "name": "anna", "password": PASSWORD })).await;
    assert_eq!(code(stranger).await, (503, "store_away".into()));
    // What can't be noted is not done.
    let triggers: Value = admin.get("/triggers").await.json().await.unwrap();
    let name = triggers[0]["name"].as_str().unwrap();
    assert_eq!(admin.put(&format!("/triggers/{name}"), &json!({ "mode": "off" })).await.status(), 503);
    assert_eq!(admin.get("/triggers").await.json::<Value>().await.unwrap(), triggers);
    // Who has signed out is not believed any longer.
    anna.request(Method::DELETE, "/session").send().await.unwrap();
    assert_eq!(code(anna.post("/desk/call/hang_up", &json!({})).await).await, (503, "store_away".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_to_the_first_admin_is_worth_nothing_once_there_is_one() {
    let (one, other) = (keeping("links", true).await, keeping("links", false).await);
    let (stale, good) = (one.welcome_key(), other.welcome_key());
    let ask = async |site: &Site, key: &str, name: &str| {
        code(site.stranger().post("/welcome", &json!({ "key": key, "name": name, "password": PASSWORD })).await).await
    };
    assert_eq!(ask(&other, &good, "root").await.0, 200);
    for (site, key) in [(&one, &stale), (&one, &good), (&other, &stale), (&other, &good)] {
        assert_eq!(ask(site, key, "eve").await, (401, "wrong_key".into()));
    }
    assert_eq!(one.running.store.as_ref().unwrap().list_users().await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_by_signing_out_by_time_by_a_new_password_and_with_its_user() {
    let site = Site::open("").await;
    let admin = site.admin().await;
    let me = async |person: &Person| person.get("/me").await.status().as_u16();
    let anna = site.person(&admin, "anna", "agent", Some("anna")).await;
    let body: Value = anna.get("/me").await.json().await.unwrap();
    assert_eq!(body, json!({ "name": "anna", "title": "anna", "role": "agent", "agent": "anna", "queues": ["service"] }));
    assert_eq!(anna.request(Method::DELETE, "/session").send().await.unwrap().status(), 204);
    assert_eq!(me(&anna).await, 401, "the cookie is worth nothing any more");

    let ben = site.person(&admin, "ben", "agent", Some("ben")).await;
    let mut feed = ben.feed_from_now().await.0;
    let changed = admin.request(Method::PATCH, "/users/ben").json(&json!({ "password": "another password" })).send().await.unwrap();
    assert_eq!(changed.status(), 200);
    assert_eq!(me(&ben).await, 401);
    assert_eq!(feed.heard().await, Err(Some((1008, "signed out".into()))));

    let carl = site.person(&admin, "carl", "tester", None).await;
    assert_eq!(admin.request(Method::DELETE, "/users/carl").send().await.unwrap().status(), 204);
    assert_eq!(me(&carl).await, 401);

    // A file may not ask for so short a session, but time is short here.
    let mut config =
        Config::read(Some(("test.toml", &format!("{TABLES}[console]\nbind = \"127.0.0.1:0\"\n"))), [], |path| std::fs::read_to_string(path)).unwrap();
    config.console.session_secs = 2.0;
    let site = Site::of(&config).await;
    let admin = site.admin().await;
    let mut feed = admin.feed_from_now().await.0;
    loop {
        match feed.heard().await {
            Ok(_) => {}
            Err(why) => break assert_eq!(why, Some((1008, "signed out".into()))),
        }
    }
    assert_eq!(me(&admin).await, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_admin_is_made_once_by_whoever_has_the_link() {
    let site = Site::open("").await;
    let stranger = site.stranger();
    let key = site.welcome_key();
    let ask = async |key: &str, name: &str, password: &str| {
        code(stranger.post("/welcome", &json!({ "key": key, "name": name, "password": password })).await).await
    };
    assert_eq!(ask("", "root", PASSWORD).await, (401, "wrong_key".into()));
    assert_eq!(ask(&key, "root", "short").await, (422, "bad_input".into()), "and the link still works");
    assert_eq!(ask(&key, "root", PASSWORD).await.0, 200);
    assert_eq!(ask(&key, "eve", PASSWORD).await, (401, "wrong_key".into()));
    let mut root = site.stranger();
    assert_eq!(root.sign_in("root", PASSWORD).await, 200);
    // The last admin can't lock everybody out.
    for (method, body) in [(Method::DELETE, json!({})), (Method::PATCH, json!({ "role": "agent" }))] {
        let answer = root.request(method, "/users/root").json(&body).send().await.unwrap();
        assert_eq!(code(answer).await, (409, "last_admin".into()));
    }
}

/// Who asks for what, with which body, and how that is refused: status, code, field.
type Wrong<'a> = (&'a Person, Method, &'a str, Value, u16, &'a str, Option<&'a str>);

#[tokio::test(flavor = "multi_thread")]
#[allow(clippy::too_many_lines, reason = "a table")]
async fn what_is_wrong_in_a_request_is_told_by_its_field() {
    let site = Site::open("").await;
    let admin = site.admin().await;
    let anna = site.person(&admin, "anna", "agent", Some("anna")).await;
    let user = |change: Value| {
        let mut user = json!({ "name": "eve", "role": "agent", "password": PASSWORD });
        user.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        user
    };
    let cases: Vec<Wrong> = vec![
        (&admin, Method::POST, "/users", user(json!({ "name": "" })), 422, "bad_input", Some("name")),
        (&admin, Method::POST, "/users", user(json!({ "name": "<img onerror=alert(1)>" })), 422, "bad_input", Some("name")),
        (&admin, Method::POST, "/users", user(json!({ "name": "a".repeat(61) })), 422, "bad_input", Some("name")),
        (&admin, Method::POST, "/users", user(json!({ "name": 7 })), 422, "bad_input", Some("name")),
        (&admin, Method::POST, "/users", user(json!({ "role": "god" })), 422, "bad_input", Some("role")),
        (&admin, Method::POST, "/users", user(json!({ "role": "program" })), 422, "bad_input", Some("role")),
        (&admin, Method::POST, "/users", user(json!({ "agent": "zoe" })), 422, "bad_input", Some("agent")),
        (&admin, Method::POST, "/users", user(json!({ "password": "short" })), 422, "bad_input", Some("password")),
        (&admin, Method::POST, "/users", user(json!({ "title": "\u{7}" })), 422, "bad_input", Some("title")),
        (&admin, Method::POST, "/users", user(json!({ "shoe_size": 42 })), 422, "bad_input", Some("shoe_size")),
        (&admin, Method::POST, "/users", user(json!({ "name": "ANNA" })), 409, "taken", None),
        (&admin, Method::POST, "/users", json!([]), 422, "bad_input", None),
        (&admin, Method::PATCH, "/users/nobody", json!({}), 404, "unknown", None),
        (&admin, Method::DELETE, "/keys/nobody", json!({}), 404, "unknown", None),
        (&admin, Method::GET, "/audit?before=yesterday", json!({}), 422, "bad_input", None),
        (&admin, Method::PUT, "/triggers/nobody", json!({ "mode": "off" }), 404, "unknown", None),
        (&admin, Method::PUT, "/triggers/asks_for_person", json!({ "mode": "maybe" }), 422, "bad_input", Some("mode")),
        (&admin, Method::GET, "/live/calls/no-call", json!({}), 404, "unknown", None),
        (&admin, Method::GET, "/live", json!({}), 422, "bad_input", None),
        (
            &admin,
            Method::POST,
            "/live/calls/00000000-0000-7000-8000-000000000000/handoff",
            json!({ "queue": "nowhere" }),
            422,
            "bad_input",
            Some("queue"),
        ),
        (&anna, Method::PUT, "/desk/presence", json!({ "presence": "asleep" }), 422, "bad_input", Some("presence")),
        (&anna, Method::PUT, "/desk/presence", json!({ "presence": "break" }), 422, "bad_input", Some("reason")),
        (&anna, Method::PUT, "/desk/presence", json!({ "presence": "break", "reason": "none of these" }), 422, "bad_input", Some("reason")),
        (&anna, Method::POST, "/desk/offers/x/accept", json!({}), 404, "unknown", None),
        (&anna, Method::POST, "/desk/offers/00000000-0000-7000-8000-000000000000.0/accept", json!({}), 409, "offer_over", None),
        (&anna, Method::POST, "/desk/line", json!({ "sdp": "hello" }), 422, "bad_input", Some("sdp")),
        (&anna, Method::POST, "/desk/call/key", json!({ "key": "Z" }), 422, "bad_input", Some("key")),
        (&anna, Method::POST, "/desk/call/hang_up", json!({}), 409, "no_call", None),
        (&anna, Method::POST, "/desk/call/hand_back", json!({ "note": "x".repeat(5_000) }), 422, "bad_input", Some("note")),
        (&anna, Method::POST, "/desk/offers/x/decline", json!({ "reason": "a\u{0}b" }), 422, "bad_input", Some("reason")),
        (&anna, Method::POST, "/desk/call/transfer", json!({ "to": {} }), 422, "bad_input", Some("to")),
        (&anna, Method::POST, "/desk/call/transfer", json!({ "to": { "queue": "a", "number": "1" } }), 422, "bad_input", Some("to")),
        (&anna, Method::POST, "/desk/call/transfer", json!({ "to": { "queue": "nowhere" } }), 422, "bad_input", Some("to.queue")),
        (&anna, Method::POST, "/desk/call/transfer", json!({ "to": { "agent": "nobody" } }), 422, "bad_input", Some("to.agent")),
        (&anna, Method::POST, "/desk/call/conference", json!({ "to": {} }), 422, "bad_input", Some("to")),
        (&anna, Method::POST, "/desk/call/hold", json!({ "on": "yes" }), 422, "bad_input", Some("on")),
        (&anna, Method::POST, "/desk/call/hold", json!({ "on": true }), 409, "no_call", None),
        (&anna, Method::POST, "/desk/call/mute", json!({ "on": true }), 409, "no_call", None),
        (&anna, Method::POST, "/desk/call/key", json!({ "key": "1" }), 409, "no_call", None),
        (&anna, Method::POST, "/desk/call/complete", json!({}), 409, "no_call", None),
        (&anna, Method::POST, "/desk/call/take_back", json!({}), 409, "no_call", None),
        (&anna, Method::POST, "/desk/call/note", json!({ "text": " " }), 422, "bad_input", Some("text")),
        (&anna, Method::POST, "/desk/call/slots", json!({ "name": "", "value": "1" }), 422, "bad_input", Some("name")),
        (&anna, Method::POST, "/desk/call/slots", json!({ "name": "order", "value": "1" }), 409, "no_call", None),
        (&anna, Method::POST, "/desk/call/transfer", json!({ "to": { "number": "call me" } }), 422, "bad_input", Some("to.number")),
        (
            &anna,
            Method::POST,
            "/desk/call/wrap_up",
            json!({ "summary": "", "disposition": "none", "resolved": true }),
            422,
            "bad_input",
            Some("disposition"),
        ),
        (&anna, Method::POST, "/desk/call/wrap_up", json!({ "summary": "", "disposition": "resolved", "resolved": true }), 409, "no_call", None),
        (&anna, Method::PUT, "/desk", json!({}), 405, "no_method", None),
        (&anna, Method::GET, "/nothing", json!({}), 404, "no_route", None),
        (&anna, Method::POST, "/desk/call/note", json!({ "text": "x".repeat(100_000) }), 413, "too_large", None),
    ];
    for (person, method, path, body, status, code, field) in cases {
        let mut request = person.request(method.clone(), path);
        if method != Method::GET {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        assert_eq!(answer.headers()["content-type"], "application/json", "{method} {path}");
        let found = answer.status().as_u16();
        let error: Value = answer.json().await.unwrap();
        let said: String = body.to_string().chars().take(100).collect();
        assert_eq!(
            (found, error["error"]["code"].as_str(), error["error"]["field"].as_str()),
            (status, Some(code), field),
            "{method} {path} {said}: {error}"
        );
        assert!(error["error"]["message"].as_str().is_some_and(|message| message.ends_with('.')), "{error}");
    }
    for (body, kind) in [("{", "application/json"), ("\u{0}", "text/plain"), ("", "application/json")] {
        let answer = anna.request(Method::PUT, "/desk/presence").header("content-type", kind).body(body).send().await.unwrap();
        assert_eq!(code(answer).await, (422, "bad_input".into()), "{body:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_changed_stands_in_the_audit_with_who_did_it() {
    let site = Site::open("").await;
    let admin = site.admin().await;
    let sue = site.person(&admin, "sue", "supervisor", None).await;
    let triggers: Value = sue.get("/triggers").await.json().await.unwrap();
    let name = triggers[0]["name"].as_str().unwrap().to_owned();
    assert_eq!(sue.put(&format!("/triggers/{name}"), &json!({ "mode": "off" })).await.status(), 202);
    let after: Value = sue.get("/triggers").await.json().await.unwrap();
    assert_eq!(after[0]["mode"], "off");
    let acts: Vec<Value> = sue.get("/audit").await.json().await.unwrap();
    let told = |what: &str| acts.iter().find(|act| act["what"] == what).unwrap_or_else(|| panic!("{what} is missing: {acts:?}")).clone();
    let changed = told("trigger_changed");
    assert_eq!((&changed["who"], &changed["about"], &changed["detail"]), (&json!("sue"), &json!(name), &json!("off")));
    assert_eq!(told("user_created")["who"], "root");
    assert!(!acts.iter().any(|act| act.to_string().contains(PASSWORD)));
    let last = acts.last().unwrap()["n"].as_i64().unwrap();
    let before: Vec<Value> = sue.get(&format!("/audit?before={}", last + 1)).await.json().await.unwrap();
    assert_eq!(before.len(), 1);
}
