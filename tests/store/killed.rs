//! A process that writes calls and is killed in the middle.

use std::io::{BufRead, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use segue::base::CallId;
use segue::store::{Began, GATEWAY_LOST, Store, StoreTable};

use super::calls::{call, moment, nth};
use super::opened;

/// What the process keeps calls in.
const TABLE: &str = "SEGUE_TEST_STORE";
/// Calls that go on when it is killed.
const CALLS: u64 = 100;
/// Records a second, of all calls: more than so many calls have.
const RECORDS_A_SECOND: f64 = 2_000.0;
/// It is killed after so many records.
const KILLED_AFTER: u64 = 5_000;
/// What may be lost.
pub const LAST_SECOND: Duration = Duration::from_secs(1);
/// A busy machine may keep one process from writing in time, not one after the other.
pub const TRIES: u32 = 3;

/// The `n`th record of all calls together.
fn place(n: u64) -> (CallId, u64) {
    (call(u128::from(n % CALLS)), n / CALLS)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "it is the process that is killed"]
async fn writes_until_it_is_killed() {
    let Ok(table) = std::env::var(TABLE) else { return };
    let store = opened(&serde_json::from_str(&table).unwrap()).await;
    (0..CALLS).for_each(|n| store.begin(Began { call: place(n).0, at: moment(0), recordings: None }));
    let started = Instant::now();
    let mut out = std::io::stdout();
    for n in 0.. {
        let (call, seq) = place(n);
        store.record(&nth(call, seq, None, "ana"));
        writeln!(out, "{n} {}", started.elapsed().as_micros()).unwrap();
        let due = Duration::from_secs_f64(n as f64 / RECORDS_A_SECOND);
        tokio::time::sleep_until((started + due).into()).await;
    }
}

/// What it had handed over when it was killed: each record's number, and when.
fn killed(table: &StoreTable) -> Vec<(u64, Duration)> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["killed::writes_until_it_is_killed", "--exact", "--ignored", "--nocapture"])
        .env(TABLE, serde_json::to_string(table).unwrap())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut handed = Vec::new();
    for line in lines {
        let Some((n, micros)) = line.split_once(' ').and_then(|(n, micros)| Some((n.parse().ok()?, micros.parse().ok()?))) else { continue };
        handed.push((n, Duration::from_micros(micros)));
        if n == KILLED_AFTER {
            // SIGKILL.
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    handed
}

pub async fn who_is_killed_loses_no_more_than_the_last_second(table: StoreTable) {
    let mut lost = Duration::MAX;
    for n in 0..TRIES {
        let table = StoreTable { instance: format!("try {n}"), ..table.clone() };
        let handed = tokio::task::spawn_blocking({
            let table = table.clone();
            move || killed(&table)
        });
        let handed = handed.await.unwrap();
        lost = is_whole(&table, &handed).await;
        if lost <= LAST_SECOND {
            return;
        }
        forget(&table).await;
    }
    panic!("the last {lost:?} are lost, {TRIES} times");
}

/// Everything that is there is whole. Gives how much is not there.
async fn is_whole(table: &StoreTable, handed: &[(u64, Duration)]) -> Duration {
    let store = Store::open_existing(table).await.unwrap();
    let checked = store.check().await.unwrap();
    assert!(checked.is_whole() && checked.incomplete.is_empty(), "{checked:?}");
    assert!(checked.calls == CALLS && checked.lost.len() as u64 == CALLS && checked.lost.iter().all(|call| !call.is_over), "{checked:?}");
    let first_missing = checked.records;
    let killed_at = handed.last().expect("it wrote").1;
    let lost = handed.iter().find(|(n, _)| *n == first_missing).map_or(Duration::ZERO, |(_, at)| killed_at - *at);
    eprintln!("killed after {} records, {killed_at:?}: the last {lost:?} are lost", handed.len());
    assert_eq!(store.recover().await.unwrap().len() as u64, CALLS);
    let after = store.check().await.unwrap();
    assert_eq!(after.endings, [(GATEWAY_LOST.to_owned(), CALLS)].into());
    for lost in &after.lost {
        assert!(lost.is_over && lost.stage.is_some() && !lost.last_kind.is_empty(), "{lost:?}");
    }
    lost
}

async fn forget(table: &StoreTable) {
    let rows = super::rows_of(table).await;
    sqlx::query("DELETE FROM calls").execute(&rows).await.unwrap();
    rows.close().await;
}
