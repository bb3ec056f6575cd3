//! Databases that an older Segue has made.

use segue::base::{Happening, OfferOutcome, Record};
use segue::store::{Began, StoreTable};
use sqlx::Row as _;

use super::calls::{call, last, moment, nth};
use super::databases::rows_of;
use super::{opened, written};

/// What takes a database back to what it was before offers had a reason.
const BEFORE: [&str; 2] = ["ALTER TABLE offers DROP COLUMN reason", "DELETE FROM _sqlx_migrations WHERE version = 2"];

/// The `seq`th record of a call that the first agent declines and the second one takes.
fn declined(seq: u64) -> Record {
    let (handoff, offer, reason) = (0, 0, Some("Not my topic".to_owned()));
    let settled = Happening::OfferSettled { handoff, offer, agent: "ana".into(), outcome: OfferOutcome::Declined, reason };
    let record = nth(call(2), seq, None, if seq == 5 { "ana" } else { "ben" });
    match record.kind {
        Happening::OfferSettled { .. } => Record { kind: settled, ..record },
        _ => record,
    }
}

pub async fn why_an_agent_declined_is_kept_in_a_database_of_before_too(table: StoreTable) {
    let store = opened(&table).await;
    super::calls::whole(&store, 1, moment(0), (None, "ana"), 20);
    written(&store).await;
    let once = store.find_call(call(1)).await.unwrap();
    store.close(super::PATIENCE).await;
    let rows = rows_of(&table).await;
    for change in BEFORE {
        sqlx::query(change).execute(&rows).await.unwrap();
    }
    rows.close().await;
    let store = opened(&table).await;
    assert_eq!(store.find_call(call(1)).await.unwrap(), once);
    store.begin(Began { call: call(2), at: moment(60), recordings: None });
    (0..10).for_each(|seq| store.record(&declined(seq)));
    last(call(2), 10).iter().for_each(|record| store.record(record));
    store.end(call(2));
    written(&store).await;
    let kept = store.find_call(call(2)).await.unwrap().unwrap();
    assert_eq!(kept.story().handoffs[0].offers[0].reason.as_deref(), Some("Not my topic"));
    let rows = rows_of(&table).await;
    let told = sqlx::query("SELECT agent, outcome, reason FROM offers ORDER BY call, offer").fetch_all(&rows).await.unwrap();
    let told: Vec<(String, Option<String>, Option<String>)> = told.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect();
    let (ana, taken, reason) = (|| "ana".to_owned(), Some("accepted".to_owned()), Some("Not my topic".to_owned()));
    assert_eq!(told, [(ana(), taken, None), (ana(), Some("declined".to_owned()), reason)]);
    rows.close().await;
    assert!(store.check().await.unwrap().is_whole());
}
