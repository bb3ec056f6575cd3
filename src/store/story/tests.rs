use super::fixture::{self, Journal, packet, s};
use super::*;
use crate::base::{Asked, Consent, HandoffClock, HandoffOutcome};

#[test]
fn a_bridged_call_is_told_whole() {
    let story = Story::tell(&fixture::bridged());
    assert_eq!(story.odd, 0);
    assert_eq!(story.turns.len(), 13);
    assert!(story.turns.is_sorted_by_key(|t| t.start));
    assert_eq!(story.signals.iter().map(|s| s.kind).collect::<Vec<_>>(), [SignalKind::Repeat, SignalKind::RaisedVolume]);
    let handoff = &story.handoffs[0];
    assert_eq!(handoff.clocks.0, [25.4, 25.6, 27.42, 27.42, 31.42, 31.5, 31.52].map(|t| Some(s(t))));
    let notice = handoff.notice.as_ref().expect("it was spoken");
    assert_eq!((notice.text.as_deref(), notice.start, notice.end), (Some("I am getting a person for you."), s(25.6), Some(s(28.1))));
    let reasons: Vec<_> = handoff.offers.iter().map(|o| o.reason.as_deref()).collect();
    assert_eq!(reasons, [Some("Not my topic"), None]);
    let offers: Vec<_> = handoff.offers.iter().map(|o| (&*o.agent.0, o.at, o.settled.map(|(_, how)| how))).collect();
    assert_eq!(offers, [("agent-1", s(25.42), Some(OfferOutcome::Declined)), ("agent-2", s(27.42), Some(OfferOutcome::Accepted))]);
    assert_eq!(handoff.accepted_by(), Some(&"agent-2".into()));
    assert_eq!(handoff.ended.map(|e| e.outcome), Some(HandoffOutcome::Bridged));
    assert_eq!(handoff.bridge_gap_ms, Some(60.0));
    assert_eq!(handoff.packet, Some(fixture::packet()));
    assert_eq!(story.ended.map(|e| e.outcome), Some(CallOutcome::Bridged));
    assert_eq!(story.peak().map(|p| p.score), Some(0.74));
    assert_eq!(story.faults.len(), 1);
}

#[test]
fn stages_follow_each_other_without_gaps() {
    let story = Story::tell(&fixture::bridged());
    assert!(story.stages.windows(2).all(|w| w[0].end == Some(w[1].start)));
    assert_eq!(story.stages.last().map(|s| (s.stage, s.end)), Some((StageName::Ended, None)));
}

#[test]
fn records_survive_their_journal() {
    for records in [fixture::bridged(), fixture::contained(), fixture::declined(), fixture::shadow(), fixture::abandoned()] {
        for record in records {
            let line = serde_json::to_string(&record).expect("records are plain data");
            assert_eq!(serde_json::from_str::<Record>(&line).expect("and come back"), record, "{line}");
        }
    }
}

#[test]
fn joined_notices_are_one_and_a_later_one_is_other_news() {
    let mut j = Journal::new();
    j.begin().trigger(1.0, ("asked", "request"), Mode::Act, Asked::Transfer, "").clock(1.0, HandoffClock::T0);
    j.play(Purpose::Notice, 1.2, 2.0, Some("One moment.")).play(Purpose::Notice, 2.0, 3.0, Some("I get a person."));
    j.play(Purpose::Notice, 20.0, 21.0, Some("Anna is here now."));
    let story = Story::tell(&j.records);
    let expected = Notice { text: Some("One moment. I get a person.".into()), start: s(1.2), end: Some(s(3.0)) };
    assert_eq!(story.handoffs[0].notice, Some(expected));
}

#[test]
fn records_about_nothing_known_are_counted_and_change_nothing() {
    let mut j = Journal::new();
    j.begin().trigger(1.0, ("asked", "request"), Mode::Act, Asked::Transfer, "");
    let before = Story::tell(&j.records);
    j.at(2.0, Happening::Consented { handoff: 7, consent: Consent::Yes });
    j.at(2.0, Happening::OfferSettled { handoff: 0, offer: 3, agent: "x".into(), outcome: OfferOutcome::Declined, reason: None });
    j.at(2.0, Happening::PlaybackStopped { playback: PlaybackId(9), samples: 1, completed: true });
    j.at(2.0, Happening::LegLeft { leg: LegId(9), party: Party::Agent, by: EndedBy::Agent });
    let mut stranger = j.records[0].clone();
    stranger.subject = CallId(uuid::Uuid::nil());
    j.records.push(stranger);
    let after = Story::tell(&j.records);
    assert_eq!(after.odd, 5);
    assert_eq!(Story { odd: 0, last: before.last, ..after }, before);
}

#[test]
fn clocks_of_the_search_are_those_of_the_agent_who_came_on() {
    let mut j = Journal::new();
    j.begin().trigger(1.0, ("asked", "request"), Mode::Act, Asked::Transfer, "");
    use HandoffClock::{T3, T4, T5};
    for (at, clock) in [(2.0, T3), (5.0, T3), (6.0, T4), (7.0, T3), (8.0, T4), (9.0, T5), (10.0, T4)] {
        j.clock(at, clock);
    }
    let clocks = Story::tell(&j.records).handoffs[0].clocks;
    assert_eq!((clocks.at(HandoffClock::T3), clocks.at(HandoffClock::T4)), (Some(s(7.0)), Some(s(8.0))));
}

#[test]
fn of_several_who_are_asked_at_once_the_clocks_are_those_of_the_offer_that_was_accepted() {
    use HandoffClock::{T2, T3, T4, T5};
    // Who accepts; when each was shown and alerted, in s; what is told in the end.
    for (accepted, of_first, of_second, told) in [
        (0, [Some(2.0), Some(2.5)], [Some(3.0), Some(4.0)], [Some(2.0), Some(2.5)]),
        (1, [Some(3.0), Some(4.0)], [Some(2.0), Some(2.5)], [Some(2.0), Some(2.5)]),
        // Nothing is shown on a phone.
        (0, [None, Some(2.5)], [Some(3.0), Some(4.0)], [None, Some(2.5)]),
    ] {
        let mut j = Journal::new();
        j.begin().trigger(1.0, ("asked", "request"), Mode::Act, Asked::Transfer, "");
        j.offer(1.5, 0, "agent-1", packet()).offer(1.5, 1, "agent-2", packet());
        for (offer, [shown, alerted]) in [(0, of_first), (1, of_second)] {
            for (at, clock) in [(shown, T2), (alerted, T3)] {
                if let Some(at) = at {
                    j.clock_of(at, clock, offer);
                }
            }
        }
        j.clock_of(5.0, T4, accepted).clock(6.0, T5);
        let handoff = &Story::tell(&j.records).handoffs[0];
        let at = |clock| handoff.clocks.at(clock);
        assert_eq!([at(T2), at(T3), at(T4)], [told[0].map(s), told[1].map(s), Some(s(5.0))], "offer {accepted}");
        let each = Vec::from_iter(handoff.offers.iter().map(|offer| [offer.shown, offer.alerted]));
        assert_eq!(each, [of_first.map(|at| at.map(s)), of_second.map(|at| at.map(s))]);
    }
}
