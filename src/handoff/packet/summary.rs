//! Two to four sentences, the next step, and the briefing by ear.

use super::headline::{capitalised, shortened};
use super::{ContextPacket, HandoffFacts, PacketTrigger};
use crate::base::{Time, Wording};
use crate::handoff::dossier::Dossier;

/// Words of the briefing: 15 take about 6 s at 150 words a minute.
const BRIEFING_WORDS: usize = 15;
/// Longest quotation in the summary, in characters.
const QUOTE_CHARS: usize = 120;

/// What let the handoff begin, with the sentence as it is known by now: its words often come after the trigger.
pub(super) fn trigger(dossier: &Dossier, facts: &HandoffFacts) -> PacketTrigger {
    let Some(sentence) = &facts.sentence else {
        let first = dossier.lines().find(|l| l.who == crate::base::Party::Caller);
        let text = first.and_then(|l| l.text.clone());
        return PacketTrigger {
            name: facts.trigger.clone(),
            cause: facts.cause.clone(),
            in_words: text.is_some(),
            said_at_s: first.map(|l| l.start.as_secs_f64()),
            sentence: text.unwrap_or_else(|| format!("nothing was said: {}", facts.reason)),
        };
    };
    let line = dossier.line_of(sentence.turn, sentence.start, sentence.end);
    let text = sentence.text.clone().or_else(|| line.and_then(|l| l.text.clone()));
    let start = line.map_or(sentence.start, |l| l.start);
    PacketTrigger {
        name: facts.trigger.clone(),
        cause: facts.cause.clone(),
        in_words: text.is_some(),
        said_at_s: Some(start.as_secs_f64()),
        sentence: text.unwrap_or_else(|| format!("{} at {}, words not understood", sentence.heard, clock(sentence.start))),
    }
}

/// What they want, what was tried, what let it come to a person, and what is known already.
pub(super) fn summary(packet: &ContextPacket) -> String {
    let mut sentences = vec![match packet.wants.as_str() {
        "not said yet" => "The caller has not said yet what it is about.".into(),
        wants => format!("The caller is here about {wants}."),
    }];
    if packet.tried != "nothing yet" {
        sentences.push(format!("{}.", capitalised(&packet.tried)));
    }
    let reason = capitalised(packet.reason.trim_end_matches('.'));
    sentences.push(match packet.trigger.said_at_s {
        _ if packet.trigger.in_words => format!("{reason}: “{}”.", shortened(&packet.trigger.sentence, QUOTE_CHARS)),
        Some(_) => format!("{reason} ({}).", packet.trigger.sentence),
        None => format!("{reason}."),
    });
    if !packet.slots.is_empty() {
        let known = packet.slots.iter().map(|(name, slot)| {
            let sure = if slot.confirmed { "" } else { " (not confirmed)" };
            format!("{} {}{sure}", name.replace('_', " "), slot.value)
        });
        sentences.push(format!("Known: {}.", known.collect::<Vec<_>>().join(", ")));
    }
    sentences.join(" ")
}

/// What to do first.
pub(super) fn next_step(dossier: &Dossier, facts: &HandoffFacts, packet: &ContextPacket) -> String {
    if let Some(note) = &facts.note {
        return format!("read the note of the agent before: {note}");
    }
    if let Some(step) = &dossier.bot().next_step {
        return step.clone();
    }
    let open: Vec<&str> = packet.slots.iter().filter(|(_, s)| !s.confirmed).map(|(name, _)| name.as_str()).collect();
    if packet.wants == "not said yet" {
        "ask what it is about".into()
    } else if !open.is_empty() {
        format!("confirm {}", open.join(", ").replace('_', " "))
    } else if packet.mood.score >= 0.45 {
        "acknowledge the trouble, then take up the matter".into()
    } else {
        "take up the matter".into()
    }
}

/// What the agent is told by ear before the bridge: what they want, why, and how they feel, in at most 15 words.
pub fn briefing(packet: &ContextPacket) -> Wording {
    let wants = match packet.wants.as_str() {
        "not said yet" => "Caller, subject unknown".to_owned(),
        wants => capitalised(wants.trim_matches(['“', '”', '…'])),
    };
    let mut text = String::new();
    let mut words = 0;
    for part in [wants, capitalised(&packet.reason), format!("Mood {}", packet.mood.word)] {
        let part: Vec<&str> = part.split_whitespace().collect();
        let room = BRIEFING_WORDS - words;
        if room == 0 || (words > 0 && part.len() > room) {
            continue;
        }
        let taken = part.len().min(room);
        words += taken;
        text += &format!("{}{}.", if text.is_empty() { "" } else { " " }, part[..taken].join(" ").trim_end_matches(['.', ':', ',']));
    }
    Wording::text(text)
}

/// `m:ss`
fn clock(at: Time) -> String {
    let secs = at.as_micros() / 1_000_000;
    format!("{}:{:02}", secs / 60, secs % 60)
}
