use super::*;
use crate::base::Record;
use crate::store::story::fixture;

/// The object of a fixture.
pub(crate) fn object(records: &[Record]) -> ReplayObject {
    let story = Story::tell(records);
    let call_s = story.last.as_secs_f64();
    let facts = ReplayFacts { recording: "audio/calls/loud.flac".into(), duration_s: call_s, call_s, truncated: false, processing_s: 1.3 };
    ReplayObject::of(&story, facts, &TimeMap::new())
}

/// Compares with `tests/golden/NAME`; `SEGUE_BLESS=1` writes it instead.
pub(crate) fn golden(name: &str, told: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("SEGUE_BLESS").is_some() {
        std::fs::write(&path, told).expect("the golden directory can be written");
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(told, golden, "{} differs; SEGUE_BLESS=1 writes it anew, then read the difference", path.display());
}

#[test]
fn the_object_is_as_the_contract_says() {
    golden("replay-object.json", &(object(&fixture::bridged()).to_line() + "\n"));
    golden("replay-object-shadow.json", &(object(&fixture::shadow()).to_line() + "\n"));
}

#[test]
fn every_field_is_there_in_the_order_of_the_contract() {
    let line = object(&fixture::bridged()).to_line();
    let order = "schema recording duration_s call_s truncated processing_s turns who start_s end_s rec_start_s rec_end_s text confidence \
                 signals kind value unit weight why frustration at_s score handoffs trigger mode asked consent t_s reason notice queue offers agent \
                 outcome accepted_s bridged_s ended_s ended_by clocks_ms time_to_notice time_to_context time_to_human pick_up_gap bridge_gap packet";
    let mut from = 0;
    for key in order.split_whitespace() {
        let found = line[from..].find(&format!("\"{key}\":"));
        from += found.unwrap_or_else(|| panic!("`{key}` is missing, or out of order"));
    }
    assert!(!line.contains('\n'));
}

#[test]
fn unknown_is_null_and_never_zero() {
    let object = object(&fixture::declined());
    let handoff = &object.handoffs[0];
    assert_eq!(handoff.t_s, [None; 7]);
    assert_eq!(handoff.clocks_ms, Some(ClocksObject::default()));
    assert_eq!((handoff.outcome, handoff.consent), (Some(HandoffOutcome::KeptWithBot), Some(Consent::No)));
    assert!(object.to_line().contains(r#""text":null"#));
    assert!(object.to_line().contains(r#""consent":"no""#));
}

#[test]
fn in_shadow_everything_after_the_reason_is_null_but_the_outcome() {
    let object = object(&fixture::shadow());
    let line = serde_json::to_value(&object.handoffs[0]).expect("plain");
    for key in ["notice", "queue", "offers", "accepted_s", "bridged_s", "ended_s", "ended_by", "clocks_ms", "packet"] {
        assert!(line[key].is_null(), "{key}");
    }
    assert_eq!(line["outcome"], "shadow");
}

#[test]
fn a_silent_caller_is_silent_in_the_object() {
    assert_eq!(serde_json::to_string(&Consent::Silence).expect("plain"), r#""silent""#);
}

#[test]
fn seconds_have_three_decimals_and_recording_time_leaves_pauses_out() {
    let mut map = TimeMap::new();
    map.pause(Time::from_micros(1_000_400), Time::from_micros(2_000_400));
    let story = Story::tell(&fixture::contained());
    let object = ReplayObject::of(&story, ReplayFacts { processing_s: 0.123_456, ..ReplayFacts::default() }, &map);
    assert_eq!(object.processing_s, 0.123);
    assert_eq!((object.turns[0].start_s, object.turns[0].rec_start_s, object.turns[0].rec_end_s), (0.6, 0.6, 2.0));
    assert_eq!((object.turns[1].start_s, object.turns[1].rec_start_s), (3.8, 2.8));
}

#[test]
fn an_object_comes_back_from_its_line() {
    let object = object(&fixture::bridged());
    assert_eq!(serde_json::from_str::<ReplayObject>(&object.to_line()).expect("it is its own format"), object);
}
