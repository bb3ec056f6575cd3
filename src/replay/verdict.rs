//! The sentence before the numbers: what happened in a replayed call, for report and terminal.

use super::result::{HandoffObject, ReplayObject};
use crate::base::{CallOutcome, Consent, EndedBy, HandoffOutcome, Mode, OfferOutcome};

/// Scores below this are not worth a word.
const WORTH_TELLING: f64 = 0.05;

/// One to three plain sentences that say what happened.
pub fn verdict(object: &ReplayObject) -> String {
    let mut sentences = Vec::new();
    match told_handoff(object) {
        Some(handoff) => sentences.extend(of_handoff(handoff)),
        None => sentences.push(without_handoff(object)),
    }
    let more = object.handoffs.len().saturating_sub(1);
    if more > 0 {
        sentences.push(format!("{} more {} fired.", more, if more == 1 { "trigger" } else { "triggers" }));
    }
    if object.truncated {
        sentences.push("The recording is cut, so this is only what came before the cut.".into());
    }
    sentences.join(" ")
}

/// The handoff that the verdict is about: the first that reached a person, else the last that acted, else the first.
fn told_handoff(object: &ReplayObject) -> Option<&HandoffObject> {
    let bridged = object.acted().find(|h| h.bridged_s.is_some());
    bridged.or(object.acted().last()).or(object.handoffs.first())
}

fn without_handoff(object: &ReplayObject) -> String {
    let peak = object.peak().filter(|p| p.score >= WORTH_TELLING);
    let told = match (peak, object.signals.len()) {
        (_, 0) => "nothing asked for a person".to_owned(),
        (None, n) => format!("{n} {} heard, none of weight", if n == 1 { "signal was" } else { "signals were" }),
        (Some(peak), _) => format!("the score peaked at {:.2} ({}), which fired no trigger", peak.score, clock(peak.at_s)),
    };
    match object.outcome {
        Some(CallOutcome::Contained) => format!("The caller stayed with the bot to the end; {told}."),
        Some(_) | None => format!("No handoff; {told}."),
    }
}

fn of_handoff(handoff: &HandoffObject) -> Vec<String> {
    let at = clock(handoff.at_s);
    let reason = sentence(&handoff.reason);
    if handoff.mode == Mode::Shadow {
        return vec![format!("In shadow mode, “{}” would have fired at {at}.", handoff.trigger), reason];
    }
    vec![reason, what_came_of_it(handoff, &at)]
}

fn what_came_of_it(handoff: &HandoffObject, at: &str) -> String {
    let t0 = handoff.t_s[0].unwrap_or(handoff.at_s);
    let asked_at = format!("At {at} the bot offered a person");
    match handoff.consent {
        Some(Consent::No) => return format!("{asked_at}; the caller declined and stayed with the bot."),
        Some(Consent::Silence) => return format!("{asked_at}; the caller did not answer and stayed with the bot."),
        Some(Consent::Yes) | None => {}
    }
    if let Some(bridged) = handoff.bridged_s {
        let who = handoff.accepted_by().unwrap_or("An agent");
        let refusals = refusals(handoff);
        let back = if handoff.outcome == Some(HandoffOutcome::HandedBack) { ", and later gave the caller back to the bot" } else { "" };
        return format!("{who} was on the line {:.1} s later, at {}{refusals}{back}.", bridged - t0, clock(bridged));
    }
    let waited = handoff.ended_s.map_or(String::new(), |ended| format!(" after {:.1} s", (ended - t0).max(0.0)));
    match handoff.outcome {
        Some(HandoffOutcome::Abandoned) => format!("The caller hung up{waited}, before anybody was there."),
        Some(HandoffOutcome::Callback) => format!("Nobody could take the call; a callback was filed{waited}."),
        Some(HandoffOutcome::Message) => format!("Nobody could take the call; the caller left a message{waited}."),
        Some(HandoffOutcome::Ticket) => format!("Nobody could take the call; a ticket was filed{waited}."),
        Some(HandoffOutcome::KeptWithBot) => format!("Nobody could take the call; the caller went back to the bot{waited}."),
        Some(HandoffOutcome::Bridged | HandoffOutcome::HandedBack | HandoffOutcome::Shadow) | None => {
            let by = handoff.ended_by.map_or(String::new(), |by| format!(", ended by {}", who(by)));
            format!("The handoff began at {at} and reached nobody{by}.")
        }
    }
}

fn refusals(handoff: &HandoffObject) -> String {
    let told: Vec<String> = handoff
        .offers
        .iter()
        .flatten()
        .filter_map(|o| match o.outcome {
            Some(OfferOutcome::Declined) => Some(format!("{} had declined", o.agent)),
            Some(OfferOutcome::Unanswered) => Some(format!("{} had not answered", o.agent)),
            Some(OfferOutcome::Vanished) => Some(format!("{} had gone", o.agent)),
            Some(OfferOutcome::Accepted | OfferOutcome::Withdrawn) | None => None,
        })
        .collect();
    if told.is_empty() { String::new() } else { format!(" ({})", told.join(", ")) }
}

/// Who ended something, in words.
pub(crate) fn who(by: EndedBy) -> &'static str {
    match by {
        EndedBy::Caller => "the caller",
        EndedBy::Agent => "the agent",
        EndedBy::Bot => "the bot",
        EndedBy::Supervisor => "a supervisor",
        EndedBy::Gateway => "the gateway",
        EndedBy::LostMedia => "the network",
    }
}

/// `m:ss`, or `h:mm:ss` from one hour on.
pub(crate) fn clock(secs: f64) -> String {
    let whole = secs.max(0.0).floor() as u64;
    let (hours, minutes, seconds) = (whole / 3_600, whole / 60 % 60, whole % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

/// The text as a sentence: capital first, full stop last.
pub(crate) fn sentence(text: &str) -> String {
    let text = text.trim();
    let mut chars = text.chars();
    let Some(first) = chars.next() else { return "A trigger fired.".into() };
    let stop = if text.ends_with(['.', '!', '?', '”', '"', '…']) { "" } else { "." };
    format!("{}{}{stop}", first.to_uppercase(), chars.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::result::tests::object;
    use crate::store::story::fixture;

    #[test]
    fn the_verdict_says_what_happened() {
        for (records, says) in [
            (
                fixture::bridged(),
                "The caller asked the same twice and raised their voice. agent-2 was on the line 6.1 s later, at 0:31 (agent-1 had declined).",
            ),
            (fixture::contained(), "The caller stayed with the bot to the end; nothing asked for a person."),
            (
                fixture::declined(),
                "The bot did not understand the caller twice. At 0:03 the bot offered a person; the caller declined and stayed with the bot.",
            ),
            (fixture::shadow(), "In shadow mode, “asked” would have fired at 0:03. The caller asked for a person."),
            (fixture::abandoned(), "The caller asked for a person. The caller hung up after 12.0 s, before anybody was there."),
        ] {
            assert_eq!(verdict(&object(&records)), says);
        }
    }

    #[test]
    fn a_cut_recording_is_said_to_be_cut() {
        let cut = ReplayObject { truncated: true, ..object(&fixture::contained()) };
        assert!(verdict(&cut).ends_with("The recording is cut, so this is only what came before the cut."));
    }

    #[test]
    fn times_have_hours_only_when_they_need_them() {
        assert_eq!([0.0, 59.99, 61.0, 3_599.0, 3_661.0, -1.0].map(clock), ["0:00", "0:59", "1:01", "59:59", "1:01:01", "0:00"]);
    }

    #[test]
    fn reasons_become_sentences() {
        assert_eq!(sentence("this line goes straight to a person"), "This line goes straight to a person.");
        assert_eq!(sentence("Said “no!”"), "Said “no!”");
        assert_eq!(sentence("  "), "A trigger fired.");
    }
}
