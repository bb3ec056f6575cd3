//! Evidence: one file for each signal, and their fusion to a score.
//!
//! A signal has a span, a value with its unit, a weight, and a sentence that a supervisor understands. What counts
//! depends on the scene ([`counts`]); signals that need words are unavailable where no recognizer listens
//! ([`needs_words`]): neither emitted nor fused.

mod about;
pub mod bot_error;
pub mod bot_request;
pub mod confusion;
pub mod correction;
pub mod fusion;
pub mod interruption;
pub mod key_mash;
pub mod long_silence;
pub mod low_confidence;
pub mod no_input;
pub mod no_match;
pub mod no_progress;
pub mod out_of_scope;
pub mod profanity;
pub mod raised_volume;
pub mod repeat;
pub mod repeat_words;
pub mod request;
pub mod sentiment;
pub mod topic;
pub mod word_signal;
pub mod words;

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::{Problems, SignalKind};
use crate::listen::types::Scene;

pub use about::About;

/// `[signal]`: each signal's own table, and what they add up to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SignalsTable {
    /// Signals that are not listened for at all.
    pub off: Vec<SignalKind>,
    /// The bot's back end failed or stalled.
    pub bot_error: bot_error::BotErrorTable,
    /// The bot itself asks for a person.
    pub bot_request: bot_request::BotRequestTable,
    /// "I don't understand."
    pub confusion: confusion::ConfusionTable,
    /// "No, that's not what I said."
    pub correction: correction::CorrectionTable,
    /// The caller talks over the bot.
    pub interruption: interruption::InterruptionTable,
    /// Keys pressed wildly.
    pub key_mash: key_mash::KeyMashTable,
    /// The caller says nothing for long.
    pub long_silence: long_silence::LongSilenceTable,
    /// The recognizer or the bot is unsure.
    pub low_confidence: low_confidence::LowConfidenceTable,
    /// The bot's question got no answer.
    pub no_input: no_input::NoInputTable,
    /// The bot found no meaning in what was said.
    pub no_match: no_match::NoMatchTable,
    /// Turns without a new slot or answer.
    pub no_progress: no_progress::NoProgressTable,
    /// Nothing that the bot does.
    pub out_of_scope: out_of_scope::OutOfScopeTable,
    /// Abusive words.
    pub profanity: profanity::ProfanityTable,
    /// The caller raises their voice.
    pub raised_volume: raised_volume::RaisedVolumeTable,
    /// The caller says the same again, by its sound.
    pub repeat: repeat::RepeatTable,
    /// The caller says the same again, by its words. Both give the signal `repeat`.
    pub repeat_words: repeat_words::RepeatWordsTable,
    /// Asks for a person.
    pub request: request::RequestTable,
    /// Negative words.
    pub sentiment: sentiment::SentimentTable,
    /// Words or intents that always go to a person.
    pub topic: topic::TopicTable,
    /// How signals add up to the frustration score.
    pub fusion: fusion::FusionTable,
}

impl SignalsTable {
    /// Names every mistake by its key, `key` being the table's own.
    pub fn check(&self, key: &str, problems: &mut Problems) {
        let of = |name: &str| format!("{key}.{name}");
        self.bot_error.check(&of("bot_error"), problems);
        self.bot_request.check(&of("bot_request"), problems);
        self.confusion.check(&of("confusion"), problems);
        self.correction.check(&of("correction"), problems);
        self.interruption.check(&of("interruption"), problems);
        self.key_mash.check(&of("key_mash"), problems);
        self.long_silence.check(&of("long_silence"), problems);
        self.low_confidence.check(&of("low_confidence"), problems);
        self.no_input.check(&of("no_input"), problems);
        self.no_match.check(&of("no_match"), problems);
        self.no_progress.check(&of("no_progress"), problems);
        self.out_of_scope.check(&of("out_of_scope"), problems);
        self.profanity.check(&of("profanity"), problems);
        self.raised_volume.check(&of("raised_volume"), problems);
        self.repeat.check(&of("repeat"), problems);
        self.repeat_words.check(&of("repeat_words"), problems);
        self.request.check(&of("request"), problems);
        self.sentiment.check(&of("sentiment"), problems);
        self.topic.check(&of("topic"), problems);
        self.fusion.check(&of("fusion"), problems);
    }
}

/// Every phrase that a signal listens for, as it is said, for the recognizer's vocabulary; sorted, each once.
pub fn heard_phrases(table: &SignalsTable) -> Vec<String> {
    let lists = [&table.confusion.phrases, &table.correction.phrases, &table.profanity.phrases, &table.sentiment.phrases];
    let plain = lists.into_iter().chain(table.topic.topics.values()).flatten().map(|phrase| words::spoken(phrase));
    let phrases: BTreeSet<String> = plain.chain(table.request.heard()).map(|phrase| phrase.to_lowercase()).filter(|p| !p.is_empty()).collect();
    phrases.into_iter().collect()
}

/// True if this kind of evidence counts in this scene.
pub fn counts(kind: SignalKind, scene: Scene) -> bool {
    match kind {
        SignalKind::Confusion
        | SignalKind::Correction
        | SignalKind::Profanity
        | SignalKind::RaisedVolume
        | SignalKind::Request
        | SignalKind::Sentiment
        | SignalKind::Topic => scene != Scene::Gone,
        SignalKind::KeyMash | SignalKind::Repeat => matches!(scene, Scene::WithBot | Scene::Waiting),
        SignalKind::BotError
        | SignalKind::BotRequest
        | SignalKind::Interruption
        | SignalKind::LongSilence
        | SignalKind::LowConfidence
        | SignalKind::NoInput
        | SignalKind::NoMatch
        | SignalKind::NoProgress
        | SignalKind::OutOfScope => scene == Scene::WithBot,
    }
}

/// True if this kind of evidence is unavailable where no recognizer listens. (`request`, `topic` and `repeat` have a
/// second way without words: keys, the bot's own report, the sound.)
pub fn needs_words(kind: SignalKind) -> bool {
    match kind {
        SignalKind::Confusion
        | SignalKind::Correction
        | SignalKind::LowConfidence
        | SignalKind::NoMatch
        | SignalKind::NoProgress
        | SignalKind::OutOfScope
        | SignalKind::Profanity
        | SignalKind::Sentiment => true,
        SignalKind::BotError
        | SignalKind::BotRequest
        | SignalKind::Interruption
        | SignalKind::KeyMash
        | SignalKind::LongSilence
        | SignalKind::NoInput
        | SignalKind::RaisedVolume
        | SignalKind::Repeat
        | SignalKind::Request
        | SignalKind::Topic => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_right() {
        let mut problems = Problems::default();
        SignalsTable::default().check("signal", &mut problems);
        assert_eq!(problems.to_string(), "");
    }

    #[test]
    fn mistakes_are_named_from_the_root() {
        let mut table = SignalsTable::default();
        table.no_match.weight = 1.5;
        table.sentiment.phrases.push("!".into());
        table.fusion.cap = 0.0;
        let mut problems = Problems::default();
        table.check("signal", &mut problems);
        let keys: Vec<_> = problems.0.iter().map(|p| p.key.clone()).collect();
        let last = format!("signal.sentiment.phrases[{}]", table.sentiment.phrases.len() - 1);
        assert_eq!(keys, ["signal.no_match.weight", last.as_str(), "signal.fusion.cap"]);
    }

    #[test]
    fn the_recognizer_is_told_every_phrase_as_it_is_said() {
        let phrases = heard_phrases(&SignalsTable::default());
        for phrase in ["speak to an agent", "not a machine", "agent", "that is wrong", "identity theft", "fed up"] {
            assert!(phrases.iter().any(|p| p == phrase || p == &format!("an {phrase}")), "{phrase}");
        }
        assert!(phrases.iter().all(|p| !p.contains(['*', '=', '{'])), "no marks");
        assert!(phrases.is_sorted());
    }

    #[test]
    fn nothing_counts_when_the_party_is_gone() {
        assert!(SignalKind::ALL.into_iter().all(|kind| !counts(kind, Scene::Gone)));
        assert!(SignalKind::ALL.into_iter().all(|kind| counts(kind, Scene::WithBot)));
    }
}
