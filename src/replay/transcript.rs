//! `transcript.txt`: who said what and when, with signals and stages in the margin.
//!
//! Three columns: time, speaker (or a margin mark: `--` a stage, `>>` a step of a handoff, a signal's mark), and text.

use std::fmt::Write;

use super::verdict::{clock, sentence};
use crate::base::{Consent, Mode, OfferOutcome, Party, SignalKind, StageName, Time};
use crate::store::story::{Handoff, Story};

/// The mark that a signal has on every page and in every text.
pub fn mark(kind: SignalKind) -> &'static str {
    match kind {
        SignalKind::RaisedVolume => "▲",
        SignalKind::Repeat => "↻",
        SignalKind::Request | SignalKind::BotRequest => "☎",
        SignalKind::Sentiment | SignalKind::Profanity | SignalKind::Correction | SignalKind::Confusion | SignalKind::Interruption => "✎",
        SignalKind::NoMatch
        | SignalKind::NoInput
        | SignalKind::LowConfidence
        | SignalKind::BotError
        | SignalKind::NoProgress
        | SignalKind::OutOfScope => "◇",
        SignalKind::LongSilence | SignalKind::KeyMash => "…",
        SignalKind::Topic => "!",
    }
}

/// A stage in words.
pub(crate) fn stage_words(stage: StageName) -> &'static str {
    match stage {
        StageName::Ringing => "ringing",
        StageName::Greeting => "greeting",
        StageName::WithBot => "with the bot",
        StageName::Offered => "asked whether they want a person",
        StageName::Waiting => "waiting for a person",
        StageName::RingingAgent => "ringing an agent",
        StageName::Briefing => "agent is being briefed",
        StageName::Bridged => "with a person",
        StageName::Conference => "in conference",
        StageName::Transfer => "transferred onward",
        StageName::Message => "leaving a message",
        StageName::Survey => "survey",
        StageName::Ended => "ended",
    }
}

/// The name of a party.
pub(crate) fn party_words(party: Party) -> &'static str {
    match party {
        Party::Caller => "caller",
        Party::Bot => "bot",
        Party::Agent => "agent",
        Party::Supervisor => "supervisor",
    }
}

/// Width of the speaker's column: as wide as `caller`.
const SPEAKER_CHARS: usize = 6;

/// The whole transcript, one line a turn, ended by a line end.
pub fn transcript(story: &Story) -> String {
    let mut lines: Vec<(Time, u8, String, String)> = Vec::new();
    for stage in &story.stages {
        lines.push((stage.start, 0, "--".into(), stage_words(stage.stage).into()));
    }
    for turn in &story.turns {
        let text = turn.text.clone().unwrap_or_else(|| "(not understood)".into());
        let cut = if turn.cut { " —" } else { "" };
        lines.push((turn.start, 1, party_words(turn.who).into(), format!("{text}{cut}")));
    }
    for signal in &story.signals {
        let told = format!("{}: {}", signal.kind.name().replace('_', " "), signal.why);
        lines.push((signal.at, 2, mark(signal.kind).into(), told));
    }
    for (at, _, key) in &story.keys {
        let told = key.map_or("pressed a key (private)".to_owned(), |key| format!("pressed {}", key.label()));
        lines.push((*at, 1, "keys".into(), told));
    }
    for handoff in &story.handoffs {
        lines.extend(steps(handoff).into_iter().map(|(at, told)| (at, 3, ">>".into(), told)));
    }
    for (at, fault) in &story.faults {
        lines.push((*at, 4, "fault".into(), fault.to_string()));
    }
    lines.sort_by_key(|line| (line.0, line.1));
    let width = lines.last().map_or(4, |last| clock(last.0.as_secs_f64()).len());
    let mut out = String::new();
    for (at, _, who, text) in lines {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let _ = writeln!(out, "{:>width$}  {who:<SPEAKER_CHARS$}  {text}", clock(at.as_secs_f64()));
    }
    out
}

fn steps(handoff: &Handoff) -> Vec<(Time, String)> {
    let verb = if handoff.mode == Mode::Shadow { "would have fired" } else { "fired" };
    let mut steps = vec![(handoff.at, format!("trigger “{}” {verb}: {}", handoff.trigger, sentence(&handoff.reason)))];
    if let Some((at, consent)) = handoff.consent {
        let told = match consent {
            Consent::Yes => "the caller wants a person",
            Consent::No => "the caller does not want a person",
            Consent::Silence => "the caller did not say whether they want a person",
        };
        steps.push((at, told.into()));
    }
    for offer in &handoff.offers {
        steps.push((offer.at, format!("{} is asked", offer.agent)));
        if let Some((at, outcome)) = offer.settled {
            let told = match outcome {
                OfferOutcome::Accepted => "accepts",
                OfferOutcome::Declined => "declines",
                OfferOutcome::Unanswered => "does not answer",
                OfferOutcome::Vanished => "is gone",
                OfferOutcome::Withdrawn => "is not needed any more",
            };
            let why = offer.reason.as_deref().map_or(String::new(), |why| format!(": “{why}”"));
            steps.push((at, format!("{} {told}{why}", offer.agent)));
        }
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::result::tests::golden;
    use crate::store::story::fixture::{self, Journal};

    #[test]
    fn a_transcript_reads_as_a_play() {
        golden("transcript.txt", &transcript(&Story::tell(&fixture::bridged())));
        golden("transcript-declined.txt", &transcript(&Story::tell(&fixture::declined())));
    }

    #[test]
    fn a_line_break_in_a_callers_words_makes_no_new_line() {
        let mut j = Journal::new();
        j.begin().turn(Party::Caller, 1.0, 2.0, "one\n0:99  agent  two");
        let text = transcript(&Story::tell(&j.records));
        assert_eq!(text.lines().last(), Some("0:01  caller  one 0:99 agent two"));
    }

    #[test]
    fn an_empty_call_has_an_empty_transcript() {
        assert_eq!(transcript(&Story::default()), "");
    }
}
