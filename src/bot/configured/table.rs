//! The bot as it is written: TOML, with a default for every key.
//!
//! What the mistakes are and how they are named stands in `check`; what becomes of it all in `plan`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::Problems;

/// A bot file larger than this is refused before it is parsed.
pub const MAX_FILE_BYTES: usize = 1 << 20;

/// A bot: what it says, what it understands, and what it asks for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BotTable {
    /// What the bot is called in configuration and records: lower-case letters, digits and `_`.
    pub name: String,
    /// BCP 47 language that it speaks and understands. Only English (`en`, `en-US`, …) so far.
    pub language: String,
    /// Its first words. How to reach a person and "How can I help you?" are said after them.
    pub greeting: String,
    /// What callers can ask about; said when somebody was not understood.
    pub help: String,
    /// How long to wait for an answer after a question, in seconds.
    pub patience_secs: f64,
    /// How sure the bot must be of what is meant, and when it asks.
    pub understanding: UnderstandingTable,
    /// How callers reach a person.
    pub person: PersonTable,
    /// Opening hours, for answers with `{hours}`.
    pub hours: HoursTable,
    /// Words that mean the same: the word of the samples, and what callers say instead.
    pub synonyms: BTreeMap<String, Vec<String>>,
    /// What callers may want, by name.
    pub intent: BTreeMap<String, IntentTable>,
    /// What the bot asks callers for, by name.
    pub slot: BTreeMap<String, SlotTable>,
    /// Answers looked up by the value of a slot, by name.
    pub lookup: BTreeMap<String, LookupTable>,
    /// The texts that every bot needs. Of several variants each is said in turn.
    pub says: SaysTable,
}

impl Default for BotTable {
    fn default() -> Self {
        BotTable {
            name: String::new(),
            language: "en".to_owned(),
            greeting: String::new(),
            help: String::new(),
            patience_secs: 6.0,
            understanding: UnderstandingTable::default(),
            person: PersonTable::default(),
            hours: HoursTable::default(),
            synonyms: BTreeMap::new(),
            intent: BTreeMap::new(),
            slot: BTreeMap::new(),
            lookup: BTreeMap::new(),
            says: SaysTable::default(),
        }
    }
}

impl BotTable {
    /// Reads a bot from TOML. It is not checked yet; `ConfiguredBot::new` does that.
    ///
    /// # Errors
    /// What is malformed, and at which key.
    pub fn parse(text: &str) -> Result<BotTable, Problems> {
        let mut problems = Problems::default();
        if text.len() > MAX_FILE_BYTES {
            problems.add("", format!("the file has {} bytes; a bot has at most {MAX_FILE_BYTES}", text.len()));
            return Err(problems);
        }
        let parsed = toml::Deserializer::parse(text)
            .map_err(|e| (String::new(), e))
            .and_then(|file| serde_path_to_error::deserialize(file).map_err(|e| (e.path().to_string(), e.into_inner())));
        parsed.map_err(|(key, error): (String, toml::de::Error)| {
            let line = error.span().map_or(1, |at| text[..at.start.min(text.len())].matches('\n').count() + 1);
            problems.add(key.trim_start_matches('.').to_owned(), format!("line {line}: {}", error.message().trim()));
            problems
        })
    }
}

/// How sure the bot must be. Scores are 0..1: the weighted share of words that what was said and a sample have in common.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct UnderstandingTable {
    /// From this score on an intent is taken.
    pub sure: f64,
    /// From this score on the bot asks "Did you mean …?", below it finds no match.
    pub unsure: f64,
    /// If the second-best intent is closer than this, the bot asks.
    pub margin: f64,
    /// From this score on a new intent interrupts the filling of a slot that was answered in the same turn.
    pub switch: f64,
    /// How much a score is lowered where the recognizer's confidence is 0; in proportion above.
    pub doubt: f64,
}

impl Default for UnderstandingTable {
    fn default() -> Self {
        UnderstandingTable { sure: 0.55, unsure: 0.38, margin: 0.08, switch: 0.75, doubt: 0.35 }
    }
}

/// How callers reach a person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PersonTable {
    /// The key that asks for a person wherever it is not part of a number.
    pub key: char,
    /// What callers say; anywhere in a turn.
    pub samples: Vec<String>,
}

impl Default for PersonTable {
    fn default() -> Self {
        let samples = [
            "agent",
            "an agent",
            "operator",
            "representative",
            "human being",
            "real person",
            "talk to a person",
            "speak to a person",
            "talk to someone",
            "speak to someone",
            "talk to somebody",
            "speak to somebody",
            "speak with someone",
            "talk to a human",
            "customer service",
        ];
        PersonTable { key: '0', samples: samples.map(str::to_owned).to_vec() }
    }
}

/// Opening hours: each day's ranges as `HH:MM-HH:MM`; no range means closed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HoursTable {
    /// Ranges of Monday.
    pub monday: Vec<String>,
    /// Ranges of Tuesday.
    pub tuesday: Vec<String>,
    /// Ranges of Wednesday.
    pub wednesday: Vec<String>,
    /// Ranges of Thursday.
    pub thursday: Vec<String>,
    /// Ranges of Friday.
    pub friday: Vec<String>,
    /// Ranges of Saturday.
    pub saturday: Vec<String>,
    /// Ranges of Sunday.
    pub sunday: Vec<String>,
    /// Dates on which all is closed, as `YYYY-MM-DD`.
    pub closed: Vec<String>,
}

/// Something that callers may want.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct IntentTable {
    /// What it means, for a person to read and for "Did you mean …?" ("order status").
    pub title: String,
    /// What callers say, with slots in braces: "where is my order {order}".
    pub samples: Vec<String>,
    /// The key that chooses it from the menu.
    pub key: Option<char>,
    /// Slots to fill before the answer, in order. Slots that only stand in samples are taken, but never asked for.
    pub slots: Vec<String>,
    /// Read back before the answer, with every slot: "{day} at {time}. Is that right?"; empty for none.
    pub confirm: Vec<String>,
    /// The lookup that gives more values for the answer.
    pub lookup: Option<String>,
    /// What the bot answers, with slots, columns of the lookup and `{hours}` in braces.
    pub answers: Vec<String>,
    /// A yes/no question after the answer.
    pub ask: Option<AskTable>,
    /// It always goes to a person, for the triggers to decide how.
    pub topic: bool,
    /// It is understood, but nothing that this bot does.
    pub out_of_scope: bool,
    /// The bot wants a person after the answer, for this reason (slots in braces); empty for not.
    pub wants_person: String,
    /// The conversation ends after the answer.
    pub ends: bool,
    /// What comes after its slots are filled, for the person who takes over: "tell the delivery date".
    pub next_step: String,
}

/// A yes/no question after an answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AskTable {
    /// The question.
    pub question: String,
    /// The intent that a yes leads to; empty for "anything else?".
    pub yes: String,
    /// The intent that a no leads to; empty for "anything else?".
    pub no: String,
}

/// What kind of value a slot takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SlotKind {
    /// A number read digit by digit, or keyed.
    Digits,
    /// A day: weekday, today, tomorrow, a day of a month. Becomes a date.
    Date,
    /// A weekday, today or tomorrow. Stays a weekday.
    Weekday,
    /// A time of day.
    Time,
    /// One of a list.
    Choice,
    /// Yes or no.
    YesNo,
    /// Whatever the caller says.
    #[default]
    Text,
}

/// Something that the bot asks callers for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SlotTable {
    /// What kind of value.
    pub kind: SlotKind,
    /// What it is, for a person to read ("order number").
    pub title: String,
    /// Fewest digits; with `kind = "digits"` only.
    pub min_digits: Option<u8>,
    /// Most digits; with `kind = "digits"` only.
    pub max_digits: Option<u8>,
    /// The choices, each with what callers say instead; with `kind = "choice"` only.
    pub choices: BTreeMap<String, Vec<String>>,
    /// The question.
    pub prompt: Vec<String>,
    /// The question asked again; `prompt` if empty.
    pub reprompt: Vec<String>,
    /// Read back when it was spoken, with itself in braces: "You said {order}. Is that right?"; empty for none.
    pub confirm: Vec<String>,
    /// How long to wait for it, in seconds; the bot's `patience_secs` if absent.
    pub patience_secs: Option<f64>,
}

/// Answers looked up by the value of a slot.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LookupTable {
    /// The slot whose value chooses the row.
    pub slot: String,
    /// The columns of each value; all rows have the same.
    pub rows: BTreeMap<String, BTreeMap<String, String>>,
    /// Said when there is no such row.
    pub missing: Vec<String>,
    /// The bot wants a person then, for this reason (slots in braces); empty for not.
    pub missing_wants_person: String,
}

macro_rules! says {
    ($($(#[$doc:meta])* $name:ident = [$($text:literal),+ $(,)?] ($($slot:literal),*),)+) => {
        /// The texts that every bot needs; of several variants each is said in turn.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(default, deny_unknown_fields)]
        pub struct SaysTable {
            $($(#[$doc])* pub $name: Vec<String>,)+
        }

        impl Default for SaysTable {
            fn default() -> Self {
                SaysTable { $($name: vec![$($text.to_owned()),+],)+ }
            }
        }

        /// Names a text of [`SaysTable`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[allow(non_camel_case_types)]
        pub enum Saying {
            $($(#[$doc])* $name,)+
        }

        impl Saying {
            /// Every text, in order.
            pub const ALL: &[Saying] = &[$(Saying::$name),+];

            /// The key in the table.
            pub const fn key(self) -> &'static str {
                match self { $(Saying::$name => stringify!($name),)+ }
            }

            /// The names that may stand in braces.
            pub const fn slots(self) -> &'static [&'static str] {
                match self { $(Saying::$name => &[$($slot),*],)+ }
            }

            /// The variants.
            pub fn variants(self, table: &SaysTable) -> &[String] {
                match self { $(Saying::$name => &table.$name,)+ }
            }
        }
    };
}

says! {
    /// How to reach a person by voice; follows the greeting and the help.
    reach_person = ["Say agent at any time to talk to a person."] (),
    /// How to reach a person by key; follows every menu.
    reach_person_by_key = ["To talk to a person, press {key}."] ("key"),
    /// The open question.
    how_can_i_help = ["How can I help you?", "What can I do for you?"] (),
    /// After an answer.
    anything_else = ["Is there anything else I can help you with?", "Can I help you with anything else?"] (),
    /// The first time that nothing was understood.
    no_match = ["Sorry, I did not understand that.", "Sorry, I did not get that."] (),
    /// The second time in a row; then the bot wants a person.
    no_match_again = ["I am sorry, I still do not understand."] (),
    /// The first time that the caller did not answer.
    no_input = ["Sorry, I did not hear you."] (),
    /// The second time in a row; the keys are offered.
    no_input_keys = ["I still can not hear you. You can use the keys of your phone."] (),
    /// The third time in a row; then the bot wants a person.
    no_input_again = ["I am sorry, I can not hear you."] (),
    /// When the bot is unsure; asked at most once in a row.
    did_you_mean = ["Did you mean {title}?"] ("title"),
    /// Helps to answer a yes/no question.
    yes_or_no = ["Please say yes or no."] (),
    /// Helps to answer a yes/no question by key.
    yes_or_no_by_key = ["Press 1 for yes, or 2 for no."] (),
    /// Before a question is asked again because the answer was heard wrong.
    sorry = ["Sorry about that."] (),
    /// When something of several values is wrong.
    change_what = ["What should I change?"] (),
    /// When the caller has not got what was asked for; then the bot wants a person.
    has_not_got_it = ["That is no problem."] (),
    /// One line of the menu.
    menu_item = ["For {title}, press {key}."] ("title", "key"),
    /// One line of a choice by key.
    choice_item = ["For {choice}, press {key}."] ("choice", "key"),
    /// How to key a number.
    key_digits = ["Please use the keys of your phone."] (),
    /// When something can't be said with keys; then the bot wants a person.
    not_by_key = ["I can not take that by key."] (),
    /// When the caller asks for a person.
    person = ["All right."] (),
    /// When the caller declined a person.
    declined = ["All right, let us go on."] (),
    /// When nobody was found, and what was settled instead has been said.
    nobody_found = ["In the meantime I can still help you."] (),
    /// When a person gave the caller back.
    handed_back = ["Hello again."] (),
    /// The last words.
    goodbye = ["Thank you for calling. Goodbye."] (),
    /// Open now.
    hours_open = ["We are open now, until {until}."] ("until"),
    /// Closed now, but opens later today.
    hours_later = ["We are closed right now. We open today at {from}."] ("from"),
    /// Closed for the rest of today.
    hours_closed = ["We are closed right now. We open again on {day} at {from}."] ("day", "from"),
    /// A range of a day that was asked for; further ranges follow in `hours_and`.
    hours_day = ["On {day} we are open from {from} to {until}."] ("day", "from", "until"),
    /// One more range of the same day.
    hours_and = ["And again from {from} to {until}."] ("from", "until"),
    /// The day that was asked for is closed.
    hours_day_closed = ["On {day} we are closed."] ("day"),
    /// No open day within two weeks.
    hours_never = ["We are closed at the moment."] (),
}
