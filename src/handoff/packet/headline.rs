//! One line that says it all, and the parts that it is made of.

use crate::base::SignalKind;
use crate::handoff::dossier::{BotFile, Dossier};
use crate::listen::types::Understood;

use super::{HEADLINE_CHARS, HandoffFacts, Mood};

/// Scores from which on a caller is called tense, frustrated and very frustrated (ours).
const MOODS: [(f64, &str); 3] = [(0.75, "very frustrated"), (0.45, "frustrated"), (0.2, "tense")];
/// Longest part of the headline that is the caller's wish, in characters.
const WANTS_CHARS: usize = 40;

/// What a caller asks for, or what it is about, says nothing of how they feel.
const NO_MOOD: [SignalKind; 3] = [SignalKind::Request, SignalKind::Topic, SignalKind::BotRequest];

/// How the caller feels: the higher of the score now and that of the trigger's moment, which decays while they wait;
/// after a plain request for a person, the score without it.
pub(super) fn mood(dossier: &Dossier, facts: &HandoffFacts) -> Mood {
    let around = |at: crate::base::Time| facts.since.since(at).as_secs() < 10;
    let at_trigger = dossier.scores().iter().filter(|(at, _)| *at <= facts.since && around(*at)).map(|(_, s)| *s);
    let now = dossier.score();
    // The score is one minus the product of what each kind leaves (`listen::signal::fusion`): what no mood took away is given back.
    let left: f64 = NO_MOOD.iter().filter_map(|kind| now.parts.get(kind)).map(|part| 1.0 - part).product();
    let score = if left < 1.0 { 1.0 - ((1.0 - now.score) / left.max(f64::EPSILON)).min(1.0) } else { at_trigger.fold(now.score, f64::max) };
    let word = MOODS.iter().find(|(from, _)| score >= *from).map_or("calm", |(_, word)| word);
    Mood { word: word.to_owned(), score: (score * 100.0).round() / 100.0 }
}

/// What they want: the intent, or their first words that say something.
pub(super) fn wants(dossier: &Dossier) -> String {
    let bot = dossier.bot();
    if let Some(intent) = bot.intent_title.as_ref().or(bot.intent.as_ref()) {
        return intent.replace('_', " ");
    }
    let said = || dossier.lines().filter(|l| l.who == crate::base::Party::Caller).filter_map(|l| l.text.as_deref());
    match said().find(|t| t.split_whitespace().count() >= 3).or_else(|| said().next()) {
        Some(text) => format!("“{}”", shortened(text, WANTS_CHARS)),
        None => "not said yet".into(),
    }
}

/// What was tried: what the bot knows, and how it failed.
pub(super) fn tried(dossier: &Dossier) -> String {
    let bot = dossier.bot();
    if bot.turns == 0 && bot.errors == 0 {
        return "nothing yet".into();
    }
    let trouble = trouble(bot, dossier);
    let helped = bot.steps.iter().any(|s| s.progress);
    match (helped, trouble) {
        (true, None) => format!("bot helped so far ({})", turns(bot.turns)),
        (true, Some(trouble)) => format!("bot helped at first, then {trouble}"),
        (false, Some(trouble)) => format!("bot {trouble}"),
        (false, None) => format!("bot got no further in {}", turns(bot.turns)),
    }
}

fn trouble(bot: &BotFile, dossier: &Dossier) -> Option<String> {
    if bot.errors > 0 {
        return Some(format!("failed technically {}", times(bot.errors)));
    }
    let out_of_scope = bot.steps.iter().filter(|s| s.understood == Understood::OutOfScope).count() as u32;
    if bot.no_match > 0 {
        Some(format!("did not understand {}", times(bot.no_match)))
    } else if out_of_scope > 0 {
        Some("can't do that".into())
    } else if bot.no_input > 0 {
        Some(format!("got no answer {}", times(bot.no_input)))
    } else if dossier.heard(SignalKind::Repeat) > 0 {
        Some("made them repeat themselves".into())
    } else {
        None
    }
}

/// How they were verified: what a connector says, or what they confirmed.
pub(super) fn verified(dossier: &Dossier) -> String {
    if let Some(how) = dossier.caller().data.get("verified").filter(|v| !v.is_empty()) {
        return how.clone();
    }
    let confirmed: Vec<String> = dossier.bot().slots.iter().filter(|(_, s)| s.confirmed).map(|(name, _)| name.replace('_', " ")).collect();
    if confirmed.is_empty() { "not verified".into() } else { format!("not verified; confirmed {}", confirmed.join(", ")) }
}

/// What they want, what was tried, mood, how verified; whatever does not fit is left out from the end.
pub(super) fn headline(wants: &str, tried: &str, mood: &Mood, verified: &str) -> String {
    let short_verified = if verified.starts_with("not verified") { "not verified" } else { verified };
    let wants = shortened(wants, WANTS_CHARS);
    let mut line = capitalised(&wants);
    for part in [tried, &mood.word, short_verified] {
        let longer = format!("{line} · {part}");
        if longer.chars().count() <= HEADLINE_CHARS {
            line = longer;
        }
    }
    line
}

/// The text, cut at a word to at most so many characters, with an ellipsis.
pub(super) fn shortened(text: &str, chars: usize) -> String {
    if text.chars().count() <= chars {
        return text.to_owned();
    }
    let cut: String = text.chars().take(chars.saturating_sub(1)).collect();
    let at_word = cut.rfind(' ').filter(|at| *at > 0).map_or(cut.as_str(), |at| &cut[..at]);
    format!("{}…", at_word.trim_end())
}

pub(super) fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |c| c.to_uppercase().chain(chars).collect())
}

pub(super) fn times(n: u32) -> String {
    match n {
        1 => "once".into(),
        2 => "twice".into(),
        n => format!("{n} times"),
    }
}

fn turns(n: u32) -> String {
    if n == 1 { "one turn".into() } else { format!("{n} turns") }
}
