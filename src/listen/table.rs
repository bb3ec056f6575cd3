//! `[listen]`: how long pauses are, and what counts as talking over the bot.
//!
//! The defaults are proposals from common practice (pauses within a sentence last up to about half a second, a turn is
//! taken over after 0.5 to 1 s), not measurements of this gateway.

use std::ops::RangeInclusive;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::Problems;

/// No pause, patience or length that the listener knows is longer than an hour.
const LONGEST_SECS: f64 = 3600.0;
/// Longest history of sound before the decision that somebody speaks.
const PREROLL_SECS: RangeInclusive<f64> = 0.0..=1.0;

/// How the listener hears turns.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ListenTable {
    /// Speech must last this long before it counts (the detector holds on for 0.16 s after a click).
    pub onset_secs: f64,
    /// Sound before the first speech that the recognizer is given too.
    pub preroll_secs: f64,
    /// A pause that ends an utterance: the recognizer then gives its final result.
    pub utterance_pause_secs: f64,
    /// A pause that ends a turn.
    pub turn_pause_secs: f64,
    /// The same where the words so far look unfinished, see `unfinished`.
    pub unfinished_pause_secs: f64,
    /// The same where the bot has asked something and the words so far are all in `short_answers`.
    pub short_answer_pause_secs: f64,
    /// A longer utterance is cut in two.
    pub max_utterance_secs: f64,
    /// A longer turn is cut in two. At least `max_utterance_secs`.
    pub max_turn_secs: f64,
    /// A turn ends without the final result when the recognizer takes longer than this. One that is late but still finds
    /// words is waited for three times more, while the caller hears a comfort tone.
    pub final_limit_secs: f64,
    /// Partial transcripts come at most this often.
    pub partial_every_secs: f64,
    /// This much speech within `barge_in_window_secs` over an interruptible playback stops it.
    pub barge_in_secs: f64,
    /// Where `barge_in_secs` is looked for; at most 0.64.
    pub barge_in_window_secs: f64,
    /// Talking over the bot for this long is more than backchannel, whatever the words are.
    pub backchannel_limit_secs: f64,
    /// Words that listeners say without wanting the floor ("mm-hm").
    pub backchannel: Vec<String>,
    /// Whole answers after which nothing more is to be expected.
    pub short_answers: Vec<String>,
    /// Last words after which a sentence goes on.
    pub unfinished: Vec<String>,
}

impl Default for ListenTable {
    fn default() -> Self {
        ListenTable {
            onset_secs: 0.2,
            preroll_secs: 0.3,
            utterance_pause_secs: 0.5,
            turn_pause_secs: 0.7,
            unfinished_pause_secs: 1.5,
            short_answer_pause_secs: 0.5,
            max_utterance_secs: 20.0,
            max_turn_secs: 60.0,
            final_limit_secs: 1.5,
            partial_every_secs: 0.2,
            barge_in_secs: 0.35,
            barge_in_window_secs: 0.5,
            backchannel_limit_secs: 1.2,
            backchannel: strings("yes|yeah|yep|yup|mm|hm|hmm|mhm|uh|huh|um|okay|ok|right|sure|aha|ah|oh|good|fine|alright|i|see"),
            short_answers: strings("yes|yeah|yep|no|nope|yes please|no thanks|no thank you|okay|ok|sure|correct|right|that is right|that's right"),
            unfinished: strings("and|but|or|because|so|if|my|the|a|an|to|of|for|with|from|at|in|on|about|is|are|was|i|i'm|your|this|that's|um|uh"),
        }
    }
}

impl ListenTable {
    /// Names every mistake by its key, `key` being the table's own.
    pub fn check(&self, key: &str, problems: &mut Problems) {
        for (name, value) in [
            ("utterance_pause_secs", self.utterance_pause_secs),
            ("turn_pause_secs", self.turn_pause_secs),
            ("unfinished_pause_secs", self.unfinished_pause_secs),
            ("short_answer_pause_secs", self.short_answer_pause_secs),
        ] {
            check_range(problems, &format!("{key}.{name}"), value, 0.1..=10.0);
        }
        check_range(problems, &format!("{key}.onset_secs"), self.onset_secs, 0.02..=1.0);
        check_range(problems, &format!("{key}.preroll_secs"), self.preroll_secs, PREROLL_SECS);
        check_range(problems, &format!("{key}.max_utterance_secs"), self.max_utterance_secs, 2.0..=120.0);
        check_range(problems, &format!("{key}.max_turn_secs"), self.max_turn_secs, 2.0..=600.0);
        check_range(problems, &format!("{key}.final_limit_secs"), self.final_limit_secs, 0.1..=30.0);
        check_range(problems, &format!("{key}.partial_every_secs"), self.partial_every_secs, 0.0..=5.0);
        check_range(problems, &format!("{key}.barge_in_window_secs"), self.barge_in_window_secs, 0.1..=0.64);
        check_range(problems, &format!("{key}.barge_in_secs"), self.barge_in_secs, 0.04..=0.64);
        check_range(problems, &format!("{key}.backchannel_limit_secs"), self.backchannel_limit_secs, 0.1..=10.0);
        if self.barge_in_secs > self.barge_in_window_secs {
            problems.add(format!("{key}.barge_in_secs"), "must not be longer than `barge_in_window_secs`");
        }
        if self.max_turn_secs < self.max_utterance_secs {
            problems.add(format!("{key}.max_turn_secs"), "must not be shorter than `max_utterance_secs`");
        }
        if self.turn_pause_secs > self.unfinished_pause_secs {
            problems.add(format!("{key}.unfinished_pause_secs"), "must not be shorter than `turn_pause_secs`");
        }
    }
}

/// The words of a list as it is written in a default: separated by `|`.
pub(crate) fn strings(list: &str) -> Vec<String> {
    list.split('|').map(str::to_owned).collect()
}

/// A duration from a key; what `check` refuses becomes the nearest possible value.
pub(crate) fn secs(value: f64) -> Duration {
    Duration::from_millis((value.clamp(0.0, LONGEST_SECS) * 1e3).round() as u64)
}

/// Notes a value out of its range.
pub(crate) fn check_range(problems: &mut Problems, key: &str, value: f64, range: RangeInclusive<f64>) {
    if !range.contains(&value) {
        problems.add(key, format!("is {value}; must be between {} and {}", range.start(), range.end()));
    }
}

/// Notes a weight that is none.
pub(crate) fn check_weight(problems: &mut Problems, key: &str, weight: f64) {
    check_range(problems, &format!("{key}.weight"), weight, 0.0..=1.0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_right() {
        let mut problems = Problems::default();
        ListenTable::default().check("listen", &mut problems);
        assert_eq!(problems.to_string(), "");
    }

    #[test]
    fn every_mistake_is_named_by_its_key() {
        let good = ListenTable::default;
        for (bad, key) in [
            (ListenTable { onset_secs: -1.0, ..good() }, "listen.onset_secs"),
            (ListenTable { turn_pause_secs: f64::NAN, ..good() }, "listen.turn_pause_secs"),
            (ListenTable { preroll_secs: 5.0, ..good() }, "listen.preroll_secs"),
            (ListenTable { max_utterance_secs: 0.0, ..good() }, "listen.max_utterance_secs"),
            (ListenTable { max_turn_secs: 10.0, ..good() }, "listen.max_turn_secs"),
            (ListenTable { final_limit_secs: f64::INFINITY, ..good() }, "listen.final_limit_secs"),
            (ListenTable { barge_in_secs: 0.6, ..good() }, "listen.barge_in_secs"),
            (ListenTable { unfinished_pause_secs: 0.3, ..good() }, "listen.unfinished_pause_secs"),
        ] {
            let mut problems = Problems::default();
            bad.check("listen", &mut problems);
            assert!(problems.0.iter().any(|p| p.key == key), "{key}: {problems}");
        }
    }

    #[test]
    fn odd_seconds_become_a_duration() {
        for (odd, millis) in [(f64::NAN, 0), (-1.0, 0), (0.35, 350), (f64::INFINITY, 3_600_000)] {
            assert_eq!(secs(odd), Duration::from_millis(millis));
        }
    }
}
