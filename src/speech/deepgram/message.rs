//! What the recognizer's server says, read with care: it is somebody else's.

use serde::Deserialize;

use crate::base::{Fault, Organ};

/// More words than anybody says between two messages.
const MAX_WORDS: usize = 2_000;

/// A message of the server that matters.
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    /// Words.
    Results(Results),
    /// Anything else.
    Other,
}

/// What was heard in a stretch of the sound.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Results {
    /// Where the stretch begins, in seconds of the sound sent on this connection.
    pub start: f64,
    /// Its length in seconds.
    pub duration: f64,
    /// The words of this stretch will not change.
    #[serde(default)]
    pub is_final: bool,
    /// The answer to `Finalize`.
    #[serde(default)]
    pub from_finalize: bool,
    channel: Channel,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
struct Channel {
    alternatives: Vec<Alternative>,
}

/// One reading of the stretch.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct Alternative {
    /// The words in one.
    pub transcript: String,
    /// 0..1
    #[serde(default)]
    pub confidence: Option<f32>,
    /// Each word.
    #[serde(default)]
    pub words: Vec<HeardWord>,
}

/// One word.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct HeardWord {
    /// As it is written, lower case.
    pub word: String,
    /// In seconds of the sound sent.
    pub start: f64,
    /// In seconds of the sound sent.
    pub end: f64,
    /// 0..1
    #[serde(default)]
    pub confidence: Option<f32>,
}

impl Results {
    /// Where the stretch ends, in seconds of the sound sent.
    pub fn end(&self) -> f64 {
        self.start + self.duration
    }

    /// The best reading.
    pub fn best(self) -> Alternative {
        self.channel.alternatives.into_iter().next().unwrap_or_default()
    }

    fn is_sane(&self) -> bool {
        let words = || self.channel.alternatives.iter().flat_map(|reading| &reading.words);
        let is_time = |secs: f64| secs.is_finite() && secs >= 0.0;
        is_time(self.start) && is_time(self.duration) && words().count() <= MAX_WORDS && words().all(|w| is_time(w.start) && is_time(w.end))
    }
}

#[derive(Deserialize)]
struct Kind {
    #[serde(rename = "type")]
    kind: String,
}

/// Reads a message.
///
/// # Errors
/// [`Fault::Malformed`]: it is none that the contract knows.
pub fn read(text: &str) -> Result<Message, Fault> {
    let malformed = |what: String| Fault::Malformed { organ: Organ::Ear, detail: format!("a message of Deepgram {what}") };
    let kind: Kind = serde_json::from_str(text).map_err(|error| malformed(format!("is no JSON object with a type ({error})")))?;
    if kind.kind != "Results" {
        return Ok(Message::Other);
    }
    let results: Results = serde_json::from_str(text).map_err(|error| malformed(format!("is not as agreed: {error}")))?;
    if results.is_sane() { Ok(Message::Results(results)) } else { Err(malformed("has times or words that can't be".into())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_read_and_what_does_not_matter_is_passed_over() {
        let text = r#"{"type":"Results","channel_index":[0,1],"duration":1.5,"start":2.0,"is_final":true,"speech_final":true,
            "channel":{"alternatives":[{"transcript":"where is it","confidence":0.98,
            "words":[{"word":"where","start":2.1,"end":2.3,"confidence":0.97,"punctuated_word":"Where"}]}]},"metadata":{"request_id":"x"}}"#;
        let Ok(Message::Results(results)) = read(text) else { panic!("not read") };
        assert!(results.is_final && !results.from_finalize && results.end() == 3.5);
        let best = results.best();
        assert_eq!((best.transcript.as_str(), best.words[0].word.as_str(), best.words[0].confidence), ("where is it", "where", Some(0.97)));
        for other in [
            r#"{"type":"Metadata","request_id":"x"}"#,
            r#"{"type":"UtteranceEnd"}"#,
            r#"{"type":"SpeechStarted","timestamp":1}"#,
            r#"{"type":"New"}"#,
        ] {
            assert_eq!(read(other), Ok(Message::Other), "{other}");
        }
    }

    #[test]
    fn what_breaks_the_contract_is_a_fault() {
        for bad in [
            "",
            "[]",
            "{}",
            "{\"type\":3}",
            "{\"type\":\"Results\"}",
            r#"{"type":"Results","start":0,"duration":1,"channel":{}}"#,
            r#"{"type":"Results","start":-1,"duration":1,"channel":{"alternatives":[]}}"#,
            r#"{"type":"Results","start":0,"duration":1,"channel":{"alternatives":[{"transcript":"a","words":[{"word":"a","start":-5,"end":1}]}]}}"#,
            r#"{"type":"Results","start":0,"duration":1,"channel":{"alternatives":[{"transcript":7}]}}"#,
        ] {
            assert!(matches!(read(bad), Err(Fault::Malformed { organ: Organ::Ear, .. })), "{bad}");
        }
    }

    #[test]
    fn a_stretch_without_a_reading_is_silence() {
        let Ok(Message::Results(results)) = read(r#"{"type":"Results","start":0,"duration":1,"channel":{"alternatives":[]}}"#) else {
            panic!("not read")
        };
        assert_eq!(results.best(), Alternative::default());
    }
}
