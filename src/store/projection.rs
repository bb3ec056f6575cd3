//! From records to rows. What only grows (turns, signals, scores) is told record by record; what changes (the call, its legs,
//! handoffs and offers) is told from the story as a whole, whenever it may have changed.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::Timestamp;
use serde::Serialize;

use super::rows::{Again, Field, Row, Target};
use super::story::{Handoff, Story};
use crate::base::{CallId, HandoffClock, Happening, Mode, Record, Time};

/// How a call ended of which the gateway knows no end: it was killed, or failed.
pub const GATEWAY_LOST: &str = "gateway_lost";

/// Longest number of a caller, in characters: an address of SIP is shorter as a rule.
const MAX_NUMBER: usize = 128;

const RECORDS: Target = Target { name: "records", columns: &["call", "seq", "at_us", "kind", "body"], keys: 2, again: Again::Stays };
const TURNS: Target =
    Target { name: "turns", columns: &["call", "seq", "who", "start_us", "end_us", "text", "confidence", "cut"], keys: 2, again: Again::Stays };
const SIGNALS: Target = Target {
    name: "signals",
    columns: &["call", "seq", "at_us", "who", "kind", "start_us", "end_us", "value", "unit", "weight", "why"],
    keys: 2,
    again: Again::Stays,
};
const SCORES: Target = Target { name: "scores", columns: &["call", "seq", "at_us", "score"], keys: 2, again: Again::Stays };
const CALLS: Target = Target {
    name: "calls",
    columns: &[
        "id",
        "instance",
        "began_us",
        "entry",
        "called",
        "caller",
        "language",
        "mode",
        "recordings",
        "ended_us",
        "outcome",
        "ended_by",
        "agent",
        "headline",
        "frustration_peak",
        "handoffs",
        "stage",
        "last_us",
        "last_kind",
        "records",
    ],
    keys: 1,
    again: Again::IsRenewed,
};
const LEGS: Target = Target {
    name: "legs",
    columns: &["call", "leg", "party", "agent", "joined_us", "left_us", "left_by", "began_us"],
    keys: 2,
    again: Again::IsRenewed,
};
const HANDOFFS: Target = Target {
    name: "handoffs",
    columns: &[
        "call",
        "n",
        "at_us",
        "trigger_name",
        "cause",
        "mode",
        "asked",
        "reason",
        "queue",
        "consent",
        "t0_us",
        "t1_us",
        "t2_us",
        "t3_us",
        "t4_us",
        "t5_us",
        "t6_us",
        "bridge_gap_ms",
        "notice",
        "notice_start_us",
        "notice_end_us",
        "packet",
        "agent",
        "ended_us",
        "outcome",
        "ended_by",
    ],
    keys: 2,
    again: Again::IsRenewed,
};
const OFFERS: Target = Target {
    name: "offers",
    columns: &["call", "offer", "handoff", "agent", "at_us", "settled_us", "outcome", "reason"],
    keys: 2,
    again: Again::IsRenewed,
};

/// Everything that a call's records are written to, in an order in which no row refers to one that is not there yet.
pub(super) const TARGETS: [Target; 8] = [CALLS, RECORDS, TURNS, SIGNALS, SCORES, LEGS, HANDOFFS, OFFERS];

/// Rows of one call, by the place of their target in [`TARGETS`].
pub(super) type Rows = [Vec<Row>; TARGETS.len()];

/// What is known of a call beside its records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    /// Whose call it is, of the gateways that share a database.
    pub instance: String,
    /// When it began to ring.
    pub began: Timestamp,
    /// Where its sound is kept, if it is.
    pub recordings: Option<PathBuf>,
}

/// A call whose records are being written.
#[derive(Debug)]
pub(super) struct Projection {
    call: CallId,
    facts: Facts,
    story: Story,
    /// The records so far, those that are missing not counted.
    records: u64,
    /// The next record's number.
    next: u64,
    last_kind: String,
    stage: Option<String>,
    lost: bool,
    /// What was told last of what changes, by the place of its target.
    told: Rows,
}

impl Projection {
    /// A call of which nothing is known yet.
    pub fn new(call: CallId, facts: Facts) -> Self {
        Projection {
            call,
            facts,
            story: Story::default(),
            records: 0,
            next: 0,
            last_kind: String::new(),
            stage: None,
            lost: false,
            told: Rows::default(),
        }
    }

    /// The facts are known better.
    pub fn correct(&mut self, facts: Facts) {
        self.facts = facts;
    }

    /// It goes on by a record, which is written to `rows`; not if it was written before.
    pub fn note(&mut self, record: &Record, rows: &mut Rows) {
        if record.seq < self.next {
            return;
        }
        self.learn(record);
        let id = self.call.to_string();
        let key = |rest: Vec<Field>| -> Row { [Field::from(id.as_str()), int(record.seq)].into_iter().chain(rest).collect() };
        let body = serde_json::to_string(record).expect("its keys are strings and its values plain");
        rows[1].push(key(vec![time(record.at), self.last_kind.as_str().into(), body.as_str().into()]));
        match &record.kind {
            Happening::TurnEnded { who, start, end, text, confidence, cut } => {
                let words = [text.as_deref().into(), (*confidence).into(), i64::from(*cut).into()];
                rows[2].push(key([word(who), time(*start), time(*end)].into_iter().chain(words).collect()));
            }
            Happening::SignalHeard { who, signal, start, end, value, unit, weight, why } => {
                let amount = [Field::Real(*value), unit.as_str().into(), Field::Real(*weight), why.as_str().into()];
                rows[3].push(key([time(record.at), word(who), word(signal), time(*start), time(*end)].into_iter().chain(amount).collect()));
            }
            Happening::ScoreChanged { score, .. } => rows[4].push(key(vec![time(record.at), Field::Real(*score)])),
            _ => {}
        }
    }

    /// It goes on by a record that is written already.
    pub fn learn(&mut self, record: &Record) {
        self.next = record.seq + 1;
        self.records += 1;
        self.last_kind = kind_of(&record.kind);
        if let Happening::StageEntered { stage } = &record.kind {
            self.stage = Some(text(stage));
        }
        self.story.note(record);
    }

    /// Nothing will come of it any more. Without an end of its own the gateway has lost it.
    pub fn end(&mut self) {
        self.lost = self.story.ended.is_none();
    }

    /// Everything of it that has changed since this was last asked.
    pub fn tell(&mut self, rows: &mut Rows) {
        let mut now = Rows::default();
        self.tell_all(&mut now);
        for (n, (now, told)) in now.iter().zip(&self.told).enumerate() {
            rows[n].extend(now.iter().filter(|row| !told.contains(row)).cloned());
        }
        self.told = now;
    }

    fn tell_all(&self, rows: &mut Rows) {
        let id = self.call.to_string();
        rows[0] = vec![self.row()];
        // A leg or offer that is told twice counts once.
        let legs: BTreeMap<_, _> = self.story.legs.iter().map(|leg| (leg.leg, leg)).collect();
        rows[5] = legs
            .into_values()
            .map(|leg| {
                let (left, by) = leg.left.unzip();
                let who = [id.as_str().into(), i64::from(leg.leg.0).into(), word(&leg.party), leg.agent.as_ref().map(|agent| &*agent.0).into()];
                who.into_iter()
                    .chain([time(leg.joined), maybe_time(left), maybe_word(by.as_ref()), self.facts.began.as_microsecond().into()])
                    .collect()
            })
            .collect();
        let handoffs: BTreeMap<_, _> = self.story.handoffs.iter().map(|handoff| (handoff.n, handoff)).collect();
        rows[6] = handoffs.values().map(|handoff| of_handoff(&id, handoff)).collect();
        let offers: BTreeMap<_, _> =
            handoffs.values().flat_map(|handoff| handoff.offers.iter().map(|offer| (offer.offer, (handoff.n, offer)))).collect();
        rows[7] = offers
            .into_values()
            .map(|(n, offer)| {
                let (settled, outcome) = offer.settled.unzip();
                let which = [id.as_str().into(), i64::from(offer.offer).into(), i64::from(n).into(), (&*offer.agent.0).into()];
                which.into_iter().chain([time(offer.at), maybe_time(settled), maybe_word(outcome.as_ref()), offer.reason.as_deref().into()]).collect()
            })
            .collect();
    }

    fn row(&self) -> Row {
        let story = &self.story;
        let arrival = story.arrival.as_ref();
        let began = self.facts.began.as_microsecond();
        let known = |pick: fn(&super::story::Arrival) -> &str| Field::from(arrival.map_or("", pick));
        let ended = story.ended.map(|ending| ending.at).or(self.lost.then_some(story.last));
        let by = story.ended.map(|ending| text(&ending.by)).or(self.lost.then(|| GATEWAY_LOST.to_owned()));
        let accepted = story.handoffs.iter().rev().find_map(Handoff::accepted_by);
        let headline = story.handoffs.iter().rev().find_map(|handoff| handoff.packet.as_ref()?.get("headline")?.as_str());
        vec![
            self.call.to_string().as_str().into(),
            self.facts.instance.as_str().into(),
            began.into(),
            known(|arrival| &arrival.entry),
            known(|arrival| short(&arrival.called)),
            arrival.and_then(|arrival| arrival.caller.as_deref()).map(short).into(),
            known(|arrival| &arrival.language),
            word(&arrival.map_or(Mode::Act, |arrival| arrival.mode)),
            self.facts.recordings.as_deref().map(|dir| dir.to_string_lossy()).as_deref().into(),
            ended.map(|at| began.saturating_add(micros(at))).into(),
            maybe_word(story.ended.map(|ending| ending.outcome).as_ref()),
            by.as_deref().into(),
            accepted.map(|agent| &*agent.0).into(),
            headline.into(),
            story.peak().map(|peak| peak.score).into(),
            int(story.handoffs.iter().filter(|handoff| handoff.mode == Mode::Act).count() as u64),
            self.stage.as_deref().into(),
            time(story.last),
            self.last_kind.as_str().into(),
            int(self.records),
        ]
    }
}

fn of_handoff(call: &str, handoff: &Handoff) -> Row {
    let notice = handoff.notice.as_ref();
    let packet = handoff.packet.as_ref().map(ToString::to_string);
    let clocks = [HandoffClock::T0, HandoffClock::T1, HandoffClock::T2, HandoffClock::T3, HandoffClock::T4, HandoffClock::T5, HandoffClock::T6];
    let why = [
        call.into(),
        i64::from(handoff.n).into(),
        time(handoff.at),
        handoff.trigger.as_str().into(),
        handoff.cause.as_str().into(),
        word(&handoff.mode),
        word(&handoff.asked),
        handoff.reason.as_str().into(),
        (&*handoff.queue.0).into(),
        maybe_word(handoff.consent.map(|(_, consent)| consent).as_ref()),
    ];
    let what = [
        handoff.bridge_gap_ms.into(),
        notice.and_then(|notice| notice.text.as_deref()).into(),
        maybe_time(notice.map(|notice| notice.start)),
        maybe_time(notice.and_then(|notice| notice.end)),
        packet.as_deref().into(),
        handoff.accepted_by().map(|agent| &*agent.0).into(),
        maybe_time(handoff.ended.map(|ended| ended.at)),
        maybe_word(handoff.ended.map(|ended| ended.outcome).as_ref()),
        maybe_word(handoff.ended.map(|ended| ended.by).as_ref()),
    ];
    why.into_iter().chain(clocks.map(|clock| maybe_time(handoff.clocks.at(clock)))).chain(what).collect()
}

/// As much of a caller's or called number as is kept beside the records: a key of an index has a limit (PostgreSQL's is 2,704 octets).
pub(super) fn short(number: &str) -> &str {
    number.char_indices().nth(MAX_NUMBER).map_or(number, |(end, _)| &number[..end])
}

/// The name of a happening in its record.
fn kind_of(kind: &Happening) -> String {
    let value = serde_json::to_value(kind).unwrap_or_default();
    value.get("kind").and_then(serde_json::Value::as_str).unwrap_or_default().to_owned()
}

/// The name of a value of one of our enums, as records have it.
fn text(value: &impl Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

fn word(value: &impl Serialize) -> Field {
    Field::from(text(value).as_str())
}

fn maybe_word<T: Serialize>(value: Option<&T>) -> Field {
    value.map_or(Field::Text(None), word)
}

fn int(count: u64) -> Field {
    Field::Int(Some(i64::try_from(count).unwrap_or(i64::MAX)))
}

fn micros(at: Time) -> i64 {
    i64::try_from(at.as_micros()).unwrap_or(i64::MAX)
}

fn time(at: Time) -> Field {
    micros(at).into()
}

fn maybe_time(at: Option<Time>) -> Field {
    at.map(micros).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::story::fixture;

    fn projected(records: &[Record]) -> (Projection, Rows) {
        let facts = Facts { instance: "segue".into(), began: Timestamp::UNIX_EPOCH, recordings: None };
        let mut projection = Projection::new(fixture::call(), facts);
        let mut rows = Rows::default();
        records.iter().for_each(|record| projection.note(record, &mut rows));
        projection.tell(&mut rows);
        (projection, rows)
    }

    #[test]
    fn every_row_has_a_field_for_every_column() {
        for records in [fixture::bridged(), fixture::declined(), fixture::shadow(), fixture::contained()] {
            for (target, rows) in TARGETS.iter().zip(projected(&records).1) {
                assert!(rows.iter().all(|row| row.len() == target.columns.len()), "{}: {rows:?}", target.name);
            }
        }
        let rows = projected(&fixture::bridged()).1;
        assert!(rows.iter().all(|rows| !rows.is_empty()), "the bridged call has something of everything: {rows:?}");
    }

    #[test]
    fn a_record_that_comes_again_changes_nothing() {
        let records = fixture::bridged();
        let (mut projection, once) = projected(&records);
        let mut again = Rows::default();
        records.iter().for_each(|record| projection.note(record, &mut again));
        projection.tell(&mut again);
        assert!(again.iter().all(Vec::is_empty));
        projection.tell_all(&mut again);
        assert_eq!((&again[0], &again[6]), (&once[0], &once[6]));
    }

    #[test]
    fn only_what_has_changed_is_told_again() {
        let records = fixture::bridged();
        let (mut projection, _) = projected(&records[..records.len() - 4]);
        let mut rows = Rows::default();
        records[records.len() - 4..].iter().for_each(|record| projection.note(record, &mut rows));
        projection.tell(&mut rows);
        assert_eq!(rows.each_ref().map(Vec::len), [1, 4, 0, 0, 0, 2, 0, 0], "two legs left: {rows:?}");
    }

    #[test]
    fn a_call_without_an_end_was_lost() {
        let records = fixture::bridged();
        let cut = &records[..records.len() / 2];
        let (mut projection, _) = projected(cut);
        assert_eq!(projection.row()[11], Field::Text(None));
        projection.end();
        assert_eq!(projection.row()[11], Field::from(GATEWAY_LOST));
        let (mut whole, _) = projected(&records);
        let by = whole.row()[11].clone();
        whole.end();
        assert_eq!(whole.row()[11], by);
    }
}
