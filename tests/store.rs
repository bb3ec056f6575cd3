//! The store, by the same suite on SQLite and on a PostgreSQL that is started for it. What it does when its process is killed and when
//! its database goes away is tried on both too. Every wait is for an event, with a deadline.

#![allow(clippy::unwrap_used, reason = "a test may fail by unwrapping")]

#[path = "store/calls.rs"]
mod calls;
#[path = "harness/console.rs"]
mod console;
#[path = "store/databases.rs"]
mod databases;
#[path = "store/gateway_killed.rs"]
mod gateway_killed;
#[path = "store/killed.rs"]
mod killed;
#[path = "harness/kit.rs"]
mod kit;
#[path = "harness/peers.rs"]
mod peers;
#[path = "store/people.rs"]
mod people;
#[path = "harness/served.rs"]
mod served;
#[path = "store/upgraded.rs"]
mod upgraded;

use std::time::Instant;

use calls::{call, in_json, last, moment, nth, replayed, whole};
use databases::{Cluster, rows_of, sqlite};
use peers::{PATIENCE, until_so};
use segue::base::{CallOutcome, Record};
use segue::replay::result::{ReplayFacts, ReplayObject};
use segue::replay::time_map::TimeMap;
use segue::store::{AgentDay, Began, GATEWAY_LOST, Store, StoreError, StoreTable, WrapUp};
use sqlx::Row as _;

macro_rules! suite {
    ($($(#[$why:meta])* $place:ident::$name:ident),* $(,)?) => {
        /// Each on a file of its own.
        mod on_sqlite {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $name() {
                    super::$place::$name(super::sqlite(stringify!($name))).await;
                }
            )*
        }

        /// Each in a database of its own, one after the other.
        #[tokio::test(flavor = "multi_thread")]
        async fn all_of_it_holds_on_postgresql() {
            let Some(cluster) = Cluster::start() else { return };
            $(
                eprintln!("on PostgreSQL: {}", stringify!($name));
                $place::$name(cluster.store(stringify!($name)).await).await;
            )*
            a_database_that_goes_away_and_comes_back(cluster).await;
        }
    };
}

suite! {
    kept::a_replayed_call_is_kept_as_it_was_told,
    kept::a_record_that_comes_again_changes_nothing,
    kept::a_store_goes_on_where_it_was_left,
    kept::calls_are_listed_page_by_page,
    kept::a_caller_has_a_history_and_an_agent_a_day,
    kept::calls_that_were_lost_are_over_after_the_next_start,
    kept::what_the_database_refuses_costs_no_other_call,
    kept::a_caller_without_end_stops_nobody,
    kept::what_is_kept_for_long_enough_is_forgotten,
    kept::many_calls_are_written_while_they_are_read,
    killed::who_is_killed_loses_no_more_than_the_last_second,
    people::users_come_change_and_go,
    people::the_first_admin_is_made_once,
    people::keys_and_settings_are_kept,
    people::sessions_end,
    people::acts_are_numbered_without_a_gap,
    people::odd_words_are_only_words,
    upgraded::why_an_agent_declined_is_kept_in_a_database_of_before_too,
}

async fn opened(table: &StoreTable) -> Store {
    Store::open(table).await.unwrap()
}

async fn written(store: &Store) {
    assert!(store.flush(PATIENCE).await, "what was handed over is not written: {:?}", store.counts());
}

mod kept {
    use super::*;

    pub async fn a_replayed_call_is_kept_as_it_was_told(table: StoreTable) {
        let (records, object) = tokio::task::spawn_blocking(|| replayed("gets-loud.flac")).await.unwrap();
        assert!(!object.handoffs.is_empty() && !object.signals.is_empty(), "the recording shows nothing: {}", object.to_line());
        let store = opened(&table).await;
        let id = records[0].subject;
        store.begin(Began { call: id, at: moment(0), recordings: Some("recordings/x".into()) });
        records.iter().for_each(|record| store.record(record));
        store.end(id);
        written(&store).await;
        let kept = store.find_call(id).await.unwrap().expect("it was written");
        assert_eq!(kept.records, in_json(&records));
        let facts =
            ReplayFacts { recording: object.recording.clone(), duration_s: object.duration_s, call_s: object.call_s, ..ReplayFacts::default() };
        let again = ReplayObject::of(&kept.story(), facts, &TimeMap::new());
        assert_eq!((&again.handoffs, &again.frustration, again.outcome), (&object.handoffs, &object.frustration, object.outcome));
        let listed = &kept.listed;
        assert_eq!((listed.outcome, listed.handoffs), (object.outcome, object.acted().count() as u64));
        assert_eq!((listed.agent.as_deref(), listed.began), (object.handoffs[0].accepted_by(), moment(0)));
        assert_eq!(listed.headline.as_deref(), object.handoffs[0].packet.as_ref().and_then(|packet| packet["headline"].as_str()));
        assert!((listed.frustration_peak.unwrap() - object.peak().unwrap().score).abs() < 0.001);
        rows_tell_the_same(&table, &object, id.to_string()).await;
        assert!(store.check().await.unwrap().is_whole());
    }

    fn secs(micros: i64) -> f64 {
        (micros as f64 / 1e3).round() / 1e3
    }

    /// The projections, row by row, against the object.
    async fn rows_tell_the_same(table: &StoreTable, object: &ReplayObject, id: String) {
        let rows = rows_of(table).await;
        let all = |sql: &'static str| {
            let (rows, id) = (rows.clone(), id.clone());
            async move { sqlx::query(sql).bind(id).fetch_all(&rows).await.unwrap() }
        };
        let turns = all("SELECT who, start_us, end_us, text FROM turns WHERE call = $1 ORDER BY start_us, end_us, seq").await;
        assert_eq!(turns.len(), object.turns.len());
        for (row, turn) in turns.iter().zip(&object.turns) {
            assert_eq!((secs(row.get("start_us")), secs(row.get("end_us"))), (turn.start_s, turn.end_s));
            assert_eq!(row.get::<Option<String>, _>("text"), turn.text);
            assert_eq!(serde_json::json!(row.get::<String, _>("who")), serde_json::json!(turn.who));
        }
        let signals = all("SELECT kind, start_us, value, weight, why FROM signals WHERE call = $1 ORDER BY start_us, end_us, seq").await;
        assert_eq!(signals.len(), object.signals.len());
        for (row, signal) in signals.iter().zip(&object.signals) {
            assert_eq!((row.get::<String, _>("kind").as_str(), secs(row.get("start_us"))), (signal.kind.name(), signal.start_s));
            assert!((row.get::<f64, _>("value") - signal.value).abs() < 0.001 && (row.get::<f64, _>("weight") - signal.weight).abs() < 0.001);
            assert_eq!(row.get::<String, _>("why"), signal.why);
        }
        let scores = all("SELECT at_us, score FROM scores WHERE call = $1 ORDER BY seq").await;
        assert_eq!(scores.len(), object.frustration.len());
        for (row, score) in scores.iter().zip(&object.frustration) {
            assert!(secs(row.get("at_us")) == score.at_s && (row.get::<f64, _>("score") - score.score).abs() < 0.001);
        }
        let handoffs = all("SELECT * FROM handoffs WHERE call = $1 ORDER BY n").await;
        assert_eq!(handoffs.len(), object.handoffs.len());
        for (row, handoff) in handoffs.iter().zip(&object.handoffs) {
            let clocks = ["t0_us", "t1_us", "t2_us", "t3_us", "t4_us", "t5_us", "t6_us"].map(|clock| row.get::<Option<i64>, _>(clock).map(secs));
            assert_eq!((clocks, row.get::<String, _>("trigger_name")), (handoff.t_s, handoff.trigger.clone()));
            let packet = row.get::<Option<String>, _>("packet").map(|packet| serde_json::from_str::<serde_json::Value>(&packet).unwrap());
            assert_eq!((packet, row.get::<String, _>("reason")), (handoff.packet.clone(), handoff.reason.clone()));
            assert_eq!(row.get::<Option<String>, _>("notice"), handoff.notice.as_ref().and_then(|notice| notice.text.clone()));
            assert_eq!(row.get::<Option<f64>, _>("bridge_gap_ms"), handoff.clocks_ms.and_then(|clocks| clocks.bridge_gap));
            assert_eq!(serde_json::json!(row.get::<Option<String>, _>("outcome")), serde_json::json!(handoff.outcome));
        }
        let offers = all("SELECT agent, at_us, outcome FROM offers WHERE call = $1 ORDER BY offer").await;
        let told: Vec<_> = object.handoffs.iter().flat_map(|handoff| handoff.offers.iter().flatten()).collect();
        assert_eq!(offers.len(), told.len());
        for (row, offer) in offers.iter().zip(told) {
            assert_eq!((row.get::<String, _>("agent"), secs(row.get("at_us"))), (offer.agent.clone(), offer.at_s));
            assert_eq!(serde_json::json!(row.get::<Option<String>, _>("outcome")), serde_json::json!(offer.outcome));
        }
        rows.close().await;
    }

    pub async fn a_record_that_comes_again_changes_nothing(table: StoreTable) {
        let store = opened(&table).await;
        whole(&store, 1, moment(0), (Some("+15550100"), "ana"), 40);
        written(&store).await;
        let once = (store.find_call(call(1)).await.unwrap(), store.check().await.unwrap());
        // In another order of begin and records, and after it was forgotten by the writer.
        (5..30).for_each(|seq| store.record(&nth(call(1), seq, None, "ben")));
        store.begin(Began { call: call(1), at: moment(0), recordings: None });
        store.end(call(1));
        written(&store).await;
        assert_eq!((store.find_call(call(1)).await.unwrap(), store.check().await.unwrap()), once);
        assert_eq!(store.counts().written, 44);
    }

    pub async fn a_store_goes_on_where_it_was_left(table: StoreTable) {
        let store = opened(&table).await;
        store.begin(Began { call: call(1), at: moment(0), recordings: None });
        (0..20).for_each(|seq| store.record(&nth(call(1), seq, None, "ana")));
        store.close(PATIENCE).await;
        let store = opened(&table).await;
        let open = store.find_call(call(1)).await.unwrap().unwrap();
        assert_eq!((open.records.len(), open.listed.ended, open.listed.agent.as_deref()), (20, None, Some("ana")));
        (20..30).for_each(|seq| store.record(&nth(call(1), seq, None, "ana")));
        last(call(1), 30).iter().for_each(|record| store.record(record));
        store.end(call(1));
        written(&store).await;
        let kept = store.find_call(call(1)).await.unwrap().unwrap();
        assert_eq!((kept.records.len(), kept.listed.outcome, kept.listed.began), (34, Some(CallOutcome::Bridged), moment(0)));
        assert_eq!(kept.listed.ended, Some(moment(15)));
        assert!(store.check().await.unwrap().is_whole());
        assert!(matches!(
            Store::open_existing(&StoreTable { url: "sqlite:/nowhere/at/all.db".into(), ..table.clone() }).await,
            Err(StoreError::Missing(_))
        ));
    }

    pub async fn calls_are_listed_page_by_page(table: StoreTable) {
        let store = opened(&table).await;
        // Some begin in the same moment.
        (0..25).for_each(|n| whole(&store, n, moment(i64::try_from(n / 3).unwrap()), (None, "ana"), 10));
        written(&store).await;
        let (mut seen, mut before) = (Vec::new(), None);
        loop {
            let page = store.list_calls(before, 4).await.unwrap();
            let Some(last) = page.last() else { break };
            before = Some(last.id);
            seen.extend(page.into_iter().map(|listed| listed.id));
        }
        assert_eq!(seen, (0..25).rev().map(call).collect::<Vec<_>>());
        assert_eq!(store.list_calls(Some(call(999)), 4).await.unwrap(), []);
        assert_eq!(store.find_call(call(999)).await.unwrap(), None);
    }

    pub async fn a_caller_has_a_history_and_an_agent_a_day(table: StoreTable) {
        let store = opened(&table).await;
        whole(&store, 1, moment(-100), (Some("+15550100"), "ana"), 20);
        whole(&store, 2, moment(100), (Some("+15550100"), "ana"), 20);
        whole(&store, 3, moment(200), (Some("+15550199"), "ana"), 40);
        whole(&store, 4, moment(300), (None, "ben"), 20);
        written(&store).await;
        let history: Vec<_> = store.history("+15550100", 10).await.unwrap().into_iter().map(|listed| (listed.id, listed.headline)).collect();
        let headline = Some("Order status · calm".to_owned());
        assert_eq!(history, [(call(2), headline.clone()), (call(1), headline)]);
        assert_eq!(store.history("' OR 1 = 1 --", 10).await.unwrap(), []);
        let wrap_up = WrapUp {
            call: call(2),
            agent: "ana".into(),
            began: moment(110),
            saved: moment(114),
            summary: "Where the order is.".into(),
            disposition: Some("resolved".into()),
            resolved: Some(true),
        };
        assert!(store.save_wrap_up(&wrap_up).await.unwrap());
        let corrected = WrapUp { saved: moment(116), resolved: Some(false), ..wrap_up.clone() };
        assert!(store.save_wrap_up(&corrected).await.unwrap());
        assert!(!store.save_wrap_up(&WrapUp { call: call(999), ..wrap_up }).await.unwrap(), "a call that is not kept");
        assert_eq!(store.find_call(call(2)).await.unwrap().unwrap().wrap_ups, [corrected]);
        // On the calls for 6.5 s and 16.5 s (records come every 0.5 s, the agent with the seventh), and 6 s of wrap-up.
        assert_eq!(store.agent_day("ana", moment(0)).await.unwrap(), AgentDay { calls: 2, mean_handle_s: Some(14.5) });
        assert_eq!(store.agent_day("zoe", moment(0)).await.unwrap(), AgentDay::default());
    }

    pub async fn calls_that_were_lost_are_over_after_the_next_start(table: StoreTable) {
        let store = opened(&table).await;
        let others = opened(&StoreTable { instance: "other".into(), ..table.clone() }).await;
        whole(&store, 1, moment(0), (None, "ana"), 12);
        for (store, n, length) in [(&store, 2, 9), (&store, 3, 3), (&others, 4, 12)] {
            store.begin(Began { call: call(n), at: moment(10), recordings: None });
            (0..length).for_each(|seq| store.record(&nth(call(n), seq, None, "ana")));
        }
        // Segue failed at this one.
        store.begin(Began { call: call(5), at: moment(20), recordings: None });
        (0..4).for_each(|seq| store.record(&nth(call(5), seq, None, "ana")));
        store.end(call(5));
        written(&store).await;
        written(&others).await;
        let before = store.check().await.unwrap();
        assert_eq!(
            before.lost.iter().map(|lost| (lost.call, lost.is_over)).collect::<Vec<_>>(),
            [(call(2), false), (call(3), false), (call(4), false), (call(5), true)]
        );
        store.close(PATIENCE).await;
        let store = opened(&table).await;
        let marked = store.recover().await.unwrap();
        assert_eq!(marked.iter().map(|lost| lost.call).collect::<Vec<_>>(), [call(2), call(3)]);
        assert_eq!(
            (marked[0].stage.as_deref(), marked[0].last_kind.as_str(), marked[0].agent.as_deref(), marked[0].last_s),
            (Some("bridged"), "stage_entered", Some("ana"), 4.0)
        );
        assert_eq!(store.recover().await.unwrap(), []);
        let after = store.check().await.unwrap();
        assert!(after.is_whole(), "{after:?}");
        let ended = [("bridged", 1), (GATEWAY_LOST, 3), ("goes on", 1)].map(|(ending, calls)| (ending.to_owned(), calls));
        assert_eq!(after.endings, ended.into());
        let kept = store.find_call(call(2)).await.unwrap().unwrap().listed;
        assert_eq!((kept.outcome, kept.ended_by.as_deref(), kept.ended), (None, Some(GATEWAY_LOST), Some(moment(14))));
    }

    pub async fn what_the_database_refuses_costs_no_other_call(table: StoreTable) {
        let store = opened(&table).await;
        let rows = rows_of(&table).await;
        // A rule of somebody else in our table.
        sqlx::query("CREATE UNIQUE INDEX odd ON calls (called, began_us)").execute(&rows).await.unwrap();
        for n in 1..=4 {
            whole(&store, n, moment(if n == 3 { 1 } else { i64::try_from(n).unwrap() }), (None, "ana"), 12);
        }
        written(&store).await;
        let listed: Vec<_> = store.list_calls(None, 10).await.unwrap().into_iter().map(|listed| listed.id).collect();
        assert_eq!(listed, [call(4), call(2), call(1)]);
        assert_eq!(store.counts().dropped, 16);
        assert!(store.check().await.unwrap().is_whole());
        rows.close().await;
    }

    pub async fn a_caller_without_end_stops_nobody(table: StoreTable) {
        let store = opened(&table).await;
        // Nothing that is alike in it, which a database could press together.
        let endless: String = (0..4_000_u32).map(|n| char::from(b'!' + (n.wrapping_mul(2_654_435_761) >> 25) as u8 % 90)).collect();
        whole(&store, 1, moment(0), (Some(&endless), "ana"), 12);
        whole(&store, 2, moment(1), (None, "ana"), 12);
        written(&store).await;
        assert_eq!(store.counts().dropped, 0);
        let history: Vec<_> = store.history(&endless, 5).await.unwrap().into_iter().map(|listed| (listed.id, listed.caller.unwrap().len())).collect();
        assert_eq!(history, [(call(1), 128)]);
        assert!(store.find_call(call(2)).await.unwrap().is_some());
    }

    pub async fn what_is_kept_for_long_enough_is_forgotten(table: StoreTable) {
        let store = opened(&table).await;
        // In 2026 and long ago; more than are forgotten at once.
        (0..510).for_each(|n| whole(&store, n, moment(-1_000_000_000), (None, "ana"), 1));
        let now = jiff::Timestamp::now();
        whole(&store, 600, now, (None, "ana"), 1);
        written(&store).await;
        store.close(PATIENCE).await;
        let store = opened(&StoreTable { keep_days: 30.0, ..table }).await;
        let started = Instant::now();
        loop {
            let left: Vec<_> = store.list_calls(None, 10).await.unwrap().into_iter().map(|listed| listed.id).collect();
            if left == [call(600)] {
                break;
            }
            assert!(started.elapsed() < PATIENCE && left.contains(&call(600)), "{left:?}");
        }
        assert!(store.check().await.unwrap().is_whole());
    }

    pub async fn many_calls_are_written_while_they_are_read(table: StoreTable) {
        let store = opened(&table).await;
        let started = Instant::now();
        for n in 0..100 {
            whole(&store, n, moment(0), (Some("+15550100"), "ana"), 96);
        }
        let handed_over = started.elapsed();
        let reader = tokio::spawn({
            let store = store.clone();
            async move {
                for _ in 0..20 {
                    store.list_calls(None, 50).await.unwrap();
                    store.note("ana", "looked", None, None).await.unwrap();
                }
            }
        });
        reader.await.unwrap();
        written(&store).await;
        eprintln!("10,000 records: handed over in {handed_over:?}, written after {:?}", started.elapsed());
        let checked = store.check().await.unwrap();
        assert!(checked.is_whole() && checked.incomplete.is_empty(), "{checked:?}");
        assert_eq!((checked.calls, checked.records, store.counts().dropped), (100, 10_000, 0));
    }
}

/// What is handed over while the database is away: more than may wait.
async fn too_much(store: &Store) {
    whole(store, 2, moment(2), (None, "ana"), 12);
    until_so("the database's absence", || store.counts().is_away).await;
    store.begin(Began { call: call(3), at: moment(3), recordings: None });
    let flood: Vec<Record> = (0..20_000).map(|seq| nth(call(3), seq, None, "ana")).collect();
    flood.iter().for_each(|record| store.record(record));
    store.end(call(3));
    whole(store, 4, moment(4), (None, "ana"), 12);
    let counts = store.counts();
    assert!(counts.is_away && counts.dropped > 10_000 && counts.waiting <= 5_000 + 2_000, "{counts:?}");
}

async fn came_back(store: &Store) {
    written(store).await;
    let (counts, checked) = (store.counts(), store.check().await.unwrap());
    assert!(!counts.is_away && checked.is_whole(), "{counts:?} {checked:?}");
    assert!(checked.records > 1_000 && checked.records + counts.dropped > 20_000, "{counts:?} {checked:?}");
    for n in [1, 2] {
        let kept = store.find_call(call(n)).await.unwrap().expect("it fitted");
        assert_eq!(kept.listed.outcome, Some(CallOutcome::Bridged), "call {n}");
    }
    // Its records did not fit, but its end did.
    assert_eq!(store.find_call(call(3)).await.unwrap().unwrap().listed.ended_by.as_deref(), Some(GATEWAY_LOST));
    whole(store, 5, moment(5), (None, "ana"), 12);
    written(store).await;
    assert_eq!(store.find_call(call(5)).await.unwrap().unwrap().records.len(), 16);
}

async fn a_database_that_goes_away_and_comes_back(cluster: Cluster) {
    let table = StoreTable { queue_records: 5_000, ..cluster.store("away").await };
    let store = opened(&table).await;
    whole(&store, 1, moment(0), (None, "ana"), 12);
    written(&store).await;
    cluster.stop();
    too_much(&store).await;
    assert!(matches!(store.list_users().await, Err(error) if error.is_retryable()));
    let away = Store::open(&table).await.unwrap_err();
    assert!(matches!(away, StoreError::Open { .. }) && !away.to_string().contains("sesame"), "{away}");
    cluster.resume();
    came_back(&store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_can_not_be_written_for_a_while() {
    let table = StoreTable { queue_records: 5_000, ..sqlite("away") };
    let store = opened(&table).await;
    whole(&store, 1, moment(0), (None, "ana"), 12);
    written(&store).await;
    let rows = rows_of(&table).await;
    // Somebody else writes, and does not end.
    let mut other = rows.acquire().await.unwrap();
    sqlx::query("BEGIN IMMEDIATE").execute(&mut *other).await.unwrap();
    too_much(&store).await;
    sqlx::query("ROLLBACK").execute(&mut *other).await.unwrap();
    drop(other);
    rows.close().await;
    came_back(&store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_not_as_it_was_keeps_nobody_waiting() {
    let table = sqlite("refused");
    let (store, rows) = (opened(&table).await, rows_of(&table).await);
    sqlx::query("ALTER TABLE records RENAME TO elsewhere").execute(&rows).await.unwrap();
    whole(&store, 1, moment(0), (None, "ana"), 12);
    written(&store).await;
    let counts = store.counts();
    assert!(!counts.is_away && counts.dropped == 16 && counts.waiting == 0, "{counts:?}");
    sqlx::query("ALTER TABLE elsewhere RENAME TO records").execute(&rows).await.unwrap();
    rows.close().await;
    whole(&store, 2, moment(0), (None, "ana"), 12);
    written(&store).await;
    assert!(store.find_call(call(2)).await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_opened_says_why() {
    let dir = databases::directory("closed");
    std::fs::write(dir.join("text.db"), "this is no database, but long enough to look like one: ".repeat(100)).unwrap();
    let open = |url: String| async move { Store::open(&StoreTable { url, ..StoreTable::default() }).await.unwrap_err().to_string() };
    for (url, why) in [
        (format!("sqlite:{}/none/segue.db", dir.display()), "No such file"),
        (format!("sqlite:{}", dir.display()), "directory"),
        (format!("sqlite:{}/text.db", dir.display()), "not a database"),
        ("postgres://segue@127.0.0.1:1/segue".into(), "refused"),
    ] {
        let said = open(url.clone()).await;
        assert!(said.contains(&url) && said.contains(why), "{url}: {said}");
    }
    let mode = |file: &str| std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(dir.join(file)).unwrap().permissions()) & 0o777;
    let made = StoreTable { url: format!("sqlite:{}/segue.db", dir.display()), ..StoreTable::default() };
    opened(&made).await.close(PATIENCE).await;
    assert_eq!(mode("segue.db"), 0o600, "others may read what callers said");
}
