//! What to say: text to be synthesized and recorded prompts, in order.

use serde::{Deserialize, Serialize};

/// Words to be said, or a recording to be played, one after the other without a gap.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Wording(pub Vec<Phrase>);

/// One piece of a wording.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phrase {
    /// Text for the synthesizer.
    Text(String),
    /// A recording from the prompts directory, by file stem, with the words that it says.
    Prompt {
        /// File stem.
        name: String,
        /// Its words, for transcript and report.
        text: String,
    },
}

impl Wording {
    /// A wording of one text.
    pub fn text(text: impl Into<String>) -> Self {
        Wording(vec![Phrase::Text(text.into())])
    }

    /// The words as a person reads them.
    pub fn words(&self) -> String {
        let mut words = String::new();
        for phrase in &self.0 {
            let (Phrase::Text(text) | Phrase::Prompt { text, .. }) = phrase;
            if !words.is_empty() && !text.is_empty() {
                words.push(' ');
            }
            words.push_str(text.trim());
        }
        words
    }

    /// True if there is nothing to say.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
