//! Calls that are kept, over real HTTP: a replayed call is written to a database, listed, opened, heard and drawn.

use std::path::Path;

use crate::console::{PATIENCE, Site, TABLES};
use reqwest::Method;
use segue::base::Record;
use segue::cmd::live;
use segue::config::Config;
use segue::replay::expect::ExpectTable;
use segue::replay::run::{Player as _, VirtualTime};
use segue::store::Began;
use serde_json::{Value, json};

/// What happened in a recorded call that gets a person; its sound is written into `dir`.
fn replayed(dir: &Path) -> Vec<Record> {
    let config = Config::read(None, [], |_| Err(std::io::ErrorKind::NotFound.into())).unwrap_or_else(|p| panic!("{p}"));
    let kit = live::kit(&config, None).unwrap_or_else(|p| panic!("{p}"));
    let recording = Path::new(env!("CARGO_MANIFEST_DIR")).join("audio/calls/asks-for-a-person.flac");
    let options: ExpectTable = toml::from_str(&std::fs::read_to_string(recording.with_extension("expect.toml")).unwrap()).unwrap();
    VirtualTime(&kit).play(&recording, &options, Some(dir), &mut |_, _| {}).unwrap_or_else(|error| panic!("{error}")).replayed.records
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_kept_is_listed_opened_heard_and_drawn() {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("console-calls");
    let _ = std::fs::remove_dir_all(&dir);
    std::fs::create_dir_all(&dir).unwrap();
    let recordings = dir.join("call");
    let records = tokio::task::spawn_blocking({
        let recordings = recordings.clone();
        move || replayed(&recordings)
    })
    .await
    .unwrap();
    let store = format!("[store]\nurl = \"sqlite:{}\"\n", dir.join("segue.db").display());
    let site = Site::kept(&format!("{TABLES}[console]\nbind = \"127.0.0.1:0\"\n{store}")).await;
    let admin = site.admin().await;
    assert_eq!(admin.get("/calls").await.json::<Value>().await.unwrap(), json!([]));
    let kept = site.running.store.clone().unwrap();
    let call = records[0].subject;
    kept.begin(Began { call, at: jiff::Timestamp::now(), recordings: Some(recordings.clone()) });
    records.iter().for_each(|record| kept.record(record));
    kept.end(call);
    assert!(kept.flush(PATIENCE).await);

    let rows: Value = admin.get("/calls?limit=5").await.json().await.unwrap();
    assert_eq!((&rows[0]["id"], &rows[0]["outcome"], &rows[0]["handoffs"]), (&json!(call.to_string()), &json!("bridged"), &json!(1)), "{rows}");
    assert_eq!(admin.get(&format!("/calls?before={call}")).await.json::<Value>().await.unwrap(), json!([]));
    let whole: Value = admin.get(&format!("/calls/{call}")).await.json().await.unwrap();
    assert_eq!((&whole["outcome"], &whole["audio"], &whole["wrap_ups"]), (&json!("bridged"), &json!(true), &json!([])));
    assert!(whole["began"].is_string() && !whole["turns"].as_array().unwrap().is_empty() && whole["handoffs"][0]["packet"].is_object());

    let sound = std::fs::read(recordings.join("call.wav")).unwrap();
    let path = format!("/calls/{call}/audio");
    let answer = admin.get(&path).await;
    assert_eq!((answer.status().as_u16(), answer.headers()["content-type"].to_str().unwrap()), (200, "audio/wav"));
    assert!(answer.bytes().await.unwrap() == sound);
    assert_eq!(admin.request(Method::HEAD, &path).send().await.unwrap().status(), 200);
    let tom = site.person(&admin, "tom", "tester", None).await;
    assert_eq!(tom.request(Method::HEAD, &path).send().await.unwrap().status(), 200);
    let listened = async |who: &str| {
        let acts: Vec<Value> = admin.get("/audit").await.json().await.unwrap();
        let to: Vec<_> = acts.iter().filter(|act| act["what"] == "listened_to" && act["who"] == who).map(|act| act["about"].clone()).collect();
        to
    };
    assert_eq!(listened("tom").await, [] as [Value; 0], "nothing was heard yet");
    // All of it but an octet, by an id that is written in another way.
    let other = format!("/calls/{}/audio", call.to_string().to_uppercase());
    assert_eq!(tom.request(Method::GET, &other).header("range", "bytes=1-").send().await.unwrap().status(), 206);
    assert_eq!(listened("tom").await, [json!(call.to_string())]);
    let part = admin.request(Method::GET, &path).header("range", "bytes=100-100099").send().await.unwrap();
    assert_eq!(part.status(), 206);
    assert_eq!(part.headers()["content-range"].to_str().unwrap(), format!("bytes 100-100099/{}", sound.len()));
    assert!(part.bytes().await.unwrap() == sound[100..100_100]);

    assert_eq!(listened("root").await.len(), 1, "a player asks for one sound in many parts");

    let report = admin.get(&format!("/calls/{call}/report")).await;
    let policy = report.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.contains("sandbox") && !policy.contains("unsafe"), "{policy}");
    assert!(report.text().await.unwrap().starts_with("<!"));
    let acts = admin.get("/audit").await.text().await.unwrap();
    assert!(acts.contains("listened_to") && acts.contains("report_opened"), "{acts}");
    for (path, status) in [("/calls/x", 404), ("/calls/00000000-0000-7000-8000-000000000000", 404), ("/calls?before=x", 404), ("/calls?limit=x", 422)]
    {
        assert_eq!(admin.get(path).await.status().as_u16(), status, "{path}");
    }
    // Who may sign in is there again after a restart, and their session goes on.
    site.running.console.unwrap().close().await;
    kept.close(PATIENCE).await;
    let again = Site::kept(&format!("{TABLES}[console]\nbind = \"127.0.0.1:0\"\n{store}")).await;
    assert!(again.running.console.as_ref().unwrap().welcome().is_none());
    let mut root = again.stranger();
    root.cookie = admin.cookie;
    assert_eq!(root.get("/me").await.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nothing_is_kept_it_is_said() {
    let site = Site::open("").await;
    let admin = site.admin().await;
    let answer = admin.get("/calls").await;
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.json::<Value>().await.unwrap()["error"]["code"], "not_configured");
}
