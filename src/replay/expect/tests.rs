use super::*;
use crate::replay::result::tests::object;
use crate::store::story::fixture;

fn unmet(text: &str, records: &[crate::base::Record]) -> Vec<String> {
    let expectation = Expectation::parse(text).unwrap_or_else(|problems| panic!("{problems}"));
    expectation.check(&object(records), &TimeMap::new()).into_iter().map(|u| format!("{}: {}", u.key, u.sentence)).collect()
}

/// Everything that can be said of the whole call.
const FULL: &str = r#"
bot = "recorded"
channel = "right"
pace = "turns"
agents = "decline:2,accept:4"
at = "2026-03-03T10:00"
called = "+4930555000"
caller = "+4917012345"
linger = 30

[expect]
outcome = "bridged"
trigger = "upset"
kind = "raised_volume"
after_s = 24
by_s = 26.0
mode = "act"
asked = "transfer"
handoff_outcome = "bridged"
offers = ["declined", "accepted"]
notice_has = ["getting a person"]
packet_has = ["4711", "where is my order <b>now"]
packet_lacks = ["credit card"]
transcript_has = ["Where is my ORDER", "thank you"]
transcript_lacks = ["goodbye", "erm", "order number 4712"]
peak_min = 0.7
peak_max = 0.8
no_signals = ["request", "profanity"]
signals = [{ kind = "repeat", between = [16, 20], min = 1, max = 1 }, { kind = "raised_volume" }]
clocks = { time_to_notice_ms_max = 500, time_to_human_ms_max = 7000, pick_up_gap_ms_max = 100, bridge_gap_ms_max = 60, time_to_context_ms_max = 3000 }
"#;

#[test]
fn a_full_expectation_is_met() {
    assert_eq!(unmet(FULL, &fixture::bridged()), Vec::<String>::new());
    let table = Expectation::parse(FULL).expect("well written").table;
    assert_eq!((table.bot, table.linger), (Some(crate::replay::options::BotChoice::Recorded), Some(30.0)));
}

#[test]
fn each_unmet_expectation_says_what_was_there_instead() {
    for (text, records, says) in [
        ("by_s = 20.0", fixture::contained(), "expect.handoff: expected a handoff by 20.0 s, none happened; the score never rose"),
        ("by_s = 20.0", fixture::bridged(), "expect.by_s: expected a handoff by 20.0 s, “upset” fired at 25.4 s for raised_volume"),
        ("after_s = 30.0", fixture::bridged(), "expect.after_s: expected a handoff not before 30.0 s, “upset” fired at 25.4 s for raised_volume"),
        (
            "trigger = 'asked'",
            fixture::bridged(),
            "expect.trigger: expected a handoff through “asked”, instead “upset” fired at 25.4 s for raised_volume",
        ),
        ("kind = 'repeat'", fixture::bridged(), "expect.kind: expected a handoff for repeat, instead “upset” fired at 25.4 s for raised_volume"),
        (
            "handoff = false",
            fixture::declined(),
            "expect.handoff: expected no handoff, “bot_lost” fired at 3.0 s: The bot did not understand the caller twice.",
        ),
        ("handoff = true", fixture::contained(), "expect.handoff: expected a handoff, none happened; the score never rose"),
        ("outcome = 'contained'", fixture::bridged(), "expect.outcome: expected the call's outcome to be contained, it was bridged"),
        ("consent = 'yes'", fixture::declined(), "expect.consent: expected the caller's answer to be yes, it was no"),
        ("consent = 'yes'", fixture::bridged(), "expect.consent: expected the caller's answer to be yes, it was unknown"),
        ("mode = 'act'", fixture::shadow(), "expect.mode: expected the trigger's mode to be act, it was shadow"),
        ("asked = 'offer'", fixture::shadow(), "expect.asked: expected the handoff's way to be offer, it was transfer"),
        (
            "handoff_outcome = 'callback'",
            fixture::abandoned(),
            "expect.handoff_outcome: expected the handoff's outcome to be callback, it was abandoned",
        ),
        ("offers = ['accepted']", fixture::bridged(), "expect.offers: expected the offers to end as accepted; they ended as declined, accepted"),
        ("offers = []", fixture::abandoned(), "expect.offers: expected the offers to end as no offers; they ended as withdrawn"),
        ("notice_has = ['music']", fixture::bridged(), "expect.notice_has: expected “music” in the notice, it was “I am getting a person for you.”"),
        ("packet_has = ['4712']", fixture::bridged(), "expect.packet_has: expected “4712” in the packet, it is not there"),
        ("packet_has = ['x']", fixture::declined(), "expect.packet_has: expected “x” in the packet, no packet was shown"),
        ("packet_lacks = ['4711']", fixture::bridged(), "expect.packet_lacks: expected no “4711” in the packet, it is there"),
        ("transcript_has = ['my orders']", fixture::bridged(), "expect.transcript_has: expected “my orders” in the transcript, nobody said it"),
        (
            "transcript_lacks = ['monday']",
            fixture::bridged(),
            "expect.transcript_lacks: expected no “monday” in the transcript, it was said at 36.0 s",
        ),
        ("peak_min = 0.9", fixture::bridged(), "expect.peak_min: expected the score to reach 0.90; the score's peak was 0.74 at 25.4 s"),
        ("peak_max = 0.1", fixture::bridged(), "expect.peak_max: expected the score to stay at 0.10 or below; the score's peak was 0.74 at 25.4 s"),
        (
            "no_signals = ['repeat']",
            fixture::bridged(),
            "expect.no_signals: expected no repeat, one was heard at 17.0 s: Said “where is my order” again, 10 s after the first time.",
        ),
        (
            "signals = [{ kind = 'repeat', between = [0, 10] }]",
            fixture::bridged(),
            "expect.signals[0]: expected at least 1 × repeat between 0.0 and 10.0 s, found 0 (all in the call: 17.0 s)",
        ),
        (
            "signals = [{ kind = 'request', min = 2, max = 2 }]",
            fixture::contained(),
            "expect.signals[0]: expected 2 × request, found 0 (none in the whole call)",
        ),
        (
            "clocks = { time_to_human_ms_max = 5000 }",
            fixture::bridged(),
            "expect.clocks.time_to_human_ms_max: expected time_to_human within 5000 ms, it was 6100 ms",
        ),
        (
            "clocks = { pick_up_gap_ms_max = 100 }",
            fixture::abandoned(),
            "expect.clocks.pick_up_gap_ms_max: expected pick_up_gap within 100 ms, it was not reached",
        ),
    ] {
        assert_eq!(unmet(&format!("[expect]\n{text}"), &records), [says], "{text}");
    }
}

#[test]
fn times_are_those_of_the_recording() {
    let mut map = TimeMap::new();
    map.pause(crate::base::Time::from_secs_f64(10.0), crate::base::Time::from_secs_f64(15.0));
    let expectation = Expectation::parse("[expect]\nby_s = 21").expect("well written");
    assert_eq!(expectation.check(&object(&fixture::bridged()), &map), []);
}

#[test]
fn every_mistake_is_named_by_its_key() {
    for (text, keys) in [
        ("bot = 'loud'", &["bot"][..]),
        ("bot = 1\npace = 'slow'\nwhat = 2", &["bot", "pace", "what"]),
        ("agents = 'accept:x'", &["agents"]),
        ("agents = ['accept']", &["agents"]),
        ("at = 'noon'", &["at"]),
        ("at = 12", &["at"]),
        ("called = ''\ncaller = ' '", &["called", "caller"]),
        ("linger = -1", &["linger"]),
        ("linger = nan", &["linger"]),
        ("linger = 3601", &["linger"]),
        ("linger = 1e300", &["linger"]),
        ("expect = 3", &["expect"]),
        ("[expect]\noutcome = 'won'\nby_s = 'soon'", &["expect.outcome", "expect.by_s"]),
        ("[expect]\ntriger = 'x'", &["expect.triger"]),
        ("[expect.foo]\na = 1\nb = 2", &["expect.foo"]),
        ("[expect]\nby_s = 3\nafter_s = 4", &["expect.by_s"]),
        ("[expect]\nby_s = inf", &["expect.by_s"]),
        ("[expect]\nhandoff = false\ntrigger = 'x'\nby_s = 2", &["expect.trigger", "expect.by_s"]),
        ("[expect]\nkind = 'anger'", &["expect.kind"]),
        ("[expect]\nno_signals = ['anger']", &["expect.no_signals"]),
        ("[expect]\nno_signals = 'request'", &["expect.no_signals"]),
        (
            "[expect]\nsignals = [{ kind = 'repeat' }, { kind = 'anger', min = -1, foo = 1 }]",
            &["expect.signals[1].kind", "expect.signals[1].min", "expect.signals[1].foo"],
        ),
        ("[expect]\nsignals = [{ between = [1, 2] }]", &["expect.signals[0].kind"]),
        ("[expect]\nsignals = [{ kind = 'repeat', between = [5, 2] }]", &["expect.signals[0].between"]),
        ("[expect]\nsignals = [{ kind = 'repeat', between = [1, 2, 3] }]", &["expect.signals[0].between"]),
        ("[expect]\nsignals = [{ kind = 'repeat', min = 3, max = 2 }]", &["expect.signals[0].max"]),
        ("[expect]\nsignals = [{ kind = 'repeat', max = 0 }]", &["expect.signals[0].max"]),
        ("[expect]\ntranscript_has = ['?!', 'fine']\npacket_lacks = ['']", &["expect.packet_lacks[0]", "expect.transcript_has[0]"]),
        ("[expect]\npeak_min = 2", &["expect.peak_min"]),
        ("[expect]\noffers = ['taken']", &["expect.offers"]),
        ("[expect]\nclocks = { time_to_notice = 3 }", &["expect.clocks.time_to_notice"]),
        ("[expect]\nclocks = { bridge_gap_ms_max = -3 }", &["expect.clocks.bridge_gap_ms_max"]),
        ("[expect\n", &["line 1"]),
        ("\n\nbot = 'speak'\nbot = 'none'", &["line 4"]),
    ] {
        let problems = Expectation::parse(text).expect_err(text);
        let found: Vec<&str> = problems.0.iter().map(|p| p.key.as_str()).collect();
        let sorted = |list: &[&str]| {
            let mut list = list.iter().map(|s| s.to_string()).collect::<Vec<_>>();
            list.sort();
            list
        };
        assert_eq!(sorted(&found), sorted(keys), "{text}\n{problems}");
        assert!(problems.0.iter().all(|p| !p.what.is_empty() && !p.what.contains('\n')), "{problems}");
    }
}

#[test]
fn a_time_may_stand_without_quotes() {
    assert_eq!(Expectation::parse("at = 2026-03-03T10:00:00").expect("well written").table.at.as_deref(), Some("2026-03-03T10:00:00"));
}

#[test]
fn a_draft_is_met_by_what_it_was_drafted_from() {
    for records in [fixture::bridged(), fixture::contained(), fixture::declined(), fixture::shadow(), fixture::abandoned()] {
        let object = object(&records);
        let options = ExpectTable { agents: Some("decline:2,accept:4".into()), ..ExpectTable::default() };
        let text = draft(&object, &TimeMap::new(), options);
        let expectation = Expectation::parse(&text).unwrap_or_else(|problems| panic!("{problems}\n{text}"));
        assert_eq!(expectation.check(&object, &TimeMap::new()), [], "{text}");
        assert_eq!(expectation.table.agents.as_deref(), Some("decline:2,accept:4"));
    }
}

#[test]
fn a_draft_reads_well() {
    crate::replay::result::tests::golden("draft.expect.toml", &draft(&object(&fixture::bridged()), &TimeMap::new(), ExpectTable::default()));
}

/// Seeded mutations of a good expectation: bytes changed, cut, doubled and lines swapped. Nothing panics, and what parses can be checked.
#[test]
fn mutated_expectations_never_panic() {
    let object = object(&fixture::bridged());
    let mut state = 0x5e6e_u64;
    let mut draw = |n: usize| {
        // Xorshift64 (Marsaglia 2003): enough to pick places.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % n.max(1) as u64) as usize
    };
    let bits =
        ["=", "\"", "[", "]", "{", "}", "nan", "-1", "inf", "1e400", "\n", "expect", "\u{0}", "é", "'", "0x", "true", "[[expect]]", "1979-05-27"];
    for _ in 0..6_000 {
        let mut text: Vec<char> = FULL.chars().collect();
        for _ in 0..=draw(4) {
            let at = draw(text.len());
            match draw(4) {
                0 => drop(text.splice(at..(at + draw(12)).min(text.len()), [])),
                1 => drop(text.splice(at..at, bits[draw(bits.len())].chars())),
                2 => text[at] = char::from(draw(128) as u8),
                _ => {
                    let piece: Vec<char> = text[at..(at + draw(40)).min(text.len())].to_vec();
                    let to = draw(text.len());
                    text.splice(to..to, piece);
                }
            }
        }
        let text: String = text.into_iter().collect();
        match Expectation::parse(&text) {
            Ok(expectation) => drop(expectation.check(&object, &TimeMap::new())),
            Err(problems) => assert!(!problems.0.is_empty()),
        }
    }
}
