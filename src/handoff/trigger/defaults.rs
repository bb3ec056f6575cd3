//! The rules that a new configuration begins with, after HEARING.md's proposals: one raised voice only adds to the
//! score, an explicit request is never argued with, and what is uncertain is asked before it is done.

use super::{Does, TriggerTable};
use crate::base::SignalKind;

/// What shows that raised volume is more than arousal.
const WITH_RAISED_VOLUME: &str = r#"["repeat", "request", "sentiment", "profanity", "correction", "confusion", "no_match", "no_input", "no_progress", "out_of_scope", "bot_error"]"#;

/// Twice in a row without getting further, and not by silence alone: for a silent caller the bot has its own ladder (again, keys,
/// a person).
const FAILING: &str = r#"bot.failures >= 2 && recent(["no_match", "out_of_scope", "bot_error"], 60) > 0 || recent("no_progress", 60) >= 2"#;

/// The default rules, in order.
pub fn default_triggers() -> Vec<TriggerTable> {
    use Does::{Offer, Transfer};
    let rule = |name: &str, does, when: &str, reason: &str| TriggerTable {
        name: name.into(),
        does,
        when: when.into(),
        reason: reason.into(),
        ..TriggerTable::default()
    };
    let at_once =
        |name: &str, priority, when: &str, reason: &str| TriggerTable { priority, cooldown_secs: 0.0, ..rule(name, Transfer, when, reason) };
    let raised_and_more = format!(r#"recent("raised_volume", 30) > 0 && recent({WITH_RAISED_VOLUME}, 30) > 0"#);
    vec![
        at_once("request", 5, r#"recent("request", 30) > 0"#, "asked for a person"),
        at_once("topic", 10, r#"recent("topic", 30) > 0"#, "a topic that always goes to a person: {why}"),
        rule("bot_down", Transfer, r#"recent("bot_error", 60) >= 2"#, "the bot failed twice within a minute"),
        rule("raised_and_more", Transfer, &raised_and_more, "raised their voice, and more is wrong: {why}"),
        rule("score", Transfer, "score >= 0.75", "sounds more and more frustrated: {why}"),
        rule("bot_request", Offer, r#"recent("bot_request", 30) > 0"#, "{why}"),
        rule("raised_volume", Offer, r#"turns_with("raised_volume", 3) >= 2 || apart("raised_volume", 5)"#, "raised their voice more than once"),
        rule("profanity", Offer, r#"recent("profanity", 30) > 0"#, "used strong words"),
        rule("repeat", Offer, r#"recent("repeat", 30) > 0"#, "had to say the same again"),
        TriggerTable {
            kinds: vec![SignalKind::NoMatch, SignalKind::NoProgress, SignalKind::OutOfScope, SignalKind::BotError],
            ..rule("bot_failing", Offer, FAILING, "the bot did not get any further twice in a row")
        },
        rule("troubled", Offer, r#"recent(["correction", "confusion", "sentiment"], 60) >= 2"#, "is not happy with the answers: {why}"),
        rule("key_mash", Offer, r#"recent("key_mash", 30) > 0"#, "pressed many keys"),
    ]
}
