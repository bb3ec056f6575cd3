//! A checked bot file made ready: templates parsed, names resolved, samples learned. Shared by all calls.

use std::collections::BTreeMap;

use crate::base::Phrase;

use super::hours::Hours;
use super::matcher::Matcher;
use super::table::{BotTable, IntentTable, LookupTable, Saying, SlotTable};
use super::template::Template;
use super::words::{heard, holds_phrase};

/// Everything that a conversation needs and no conversation changes.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The bot as written.
    pub table: BotTable,
    /// Intents in order of their names.
    pub intents: Vec<Intent>,
    /// Slots by name.
    pub slots: BTreeMap<String, Slot>,
    /// Lookups by name.
    pub lookups: BTreeMap<String, Lookup>,
    /// Greeting.
    pub greeting: Line,
    /// Help.
    pub help: Line,
    /// Opening hours.
    pub hours: Hours,
    /// What a turn means.
    pub matcher: Matcher,
    /// How many lines there are, each with its own turn of variants.
    pub lines: usize,
    says: BTreeMap<Saying, Line>,
    person: Vec<String>,
}

/// Variants of a text that are said in turn.
#[derive(Clone, Debug, Default)]
pub struct Line {
    /// Counts lines from 0.
    pub n: usize,
    /// At least one where something is to be said.
    pub variants: Vec<Template>,
}

/// An intent made ready.
#[derive(Clone, Debug)]
pub struct Intent {
    /// Its key in the file.
    pub name: String,
    /// As written.
    pub table: IntentTable,
    /// Slots to fill, then those that only stand in samples.
    pub slots: Vec<String>,
    /// Answers.
    pub answers: Line,
    /// Reads all slots back; empty for none.
    pub confirm: Line,
    /// The question after the answer.
    pub ask: Option<Ask>,
    /// Why it wants a person; empty for not.
    pub wants_person: Template,
    /// What comes after its slots.
    pub next_step: Template,
}

/// A yes/no question made ready.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The question.
    pub question: Line,
    /// The intent that yes leads to.
    pub yes: Option<usize>,
    /// The intent that no leads to.
    pub no: Option<usize>,
}

/// A slot made ready.
#[derive(Clone, Debug)]
pub struct Slot {
    /// As written.
    pub table: SlotTable,
    /// The question.
    pub prompt: Line,
    /// The question asked again.
    pub reprompt: Line,
    /// Reads the value back; empty for none.
    pub confirm: Line,
}

/// A lookup made ready.
#[derive(Clone, Debug)]
pub struct Lookup {
    /// As written.
    pub table: LookupTable,
    /// Said when there is no such row.
    pub missing: Line,
    /// Why it wants a person then; empty for not.
    pub wants_person: Template,
}

/// Gives each line its number.
#[derive(Default)]
struct Lines(usize);

impl Lines {
    fn line(&mut self, texts: &[String]) -> Line {
        let n = self.0;
        self.0 += 1;
        Line { n, variants: texts.iter().map(|text| template(text)).collect() }
    }
}

/// A text of a checked table always parses.
fn template(text: &str) -> Template {
    Template::parse(text).unwrap_or_default()
}

impl Plan {
    /// Takes a checked table.
    pub fn new(table: BotTable) -> Plan {
        let mut lines = Lines::default();
        let says = Saying::ALL.iter().map(|saying| (*saying, lines.line(saying.variants(&table.says)))).collect();
        let slots = table.slot.iter().map(|(name, slot)| (name.clone(), Slot::new(slot, &mut lines))).collect();
        let lookups = table.lookup.iter().map(|(name, lookup)| (name.clone(), Lookup::new(lookup, &mut lines))).collect();
        let names: Vec<&String> = table.intent.keys().collect();
        let intents: Vec<Intent> = table.intent.iter().map(|(name, intent)| Intent::new(name, intent, &names, &mut lines)).collect();
        let samples: Vec<Vec<String>> = intents.iter().map(|intent| intent.table.samples.clone()).collect();
        Plan {
            matcher: Matcher::new(&samples, &table.synonyms, table.understanding.clone()),
            hours: Hours::new(&table.hours),
            greeting: lines.line(std::slice::from_ref(&table.greeting)),
            help: lines.line(std::slice::from_ref(&table.help)),
            person: table.person.samples.iter().map(|sample| heard(sample).join(" ")).collect(),
            intents,
            slots,
            lookups,
            says,
            lines: lines.0,
            table,
        }
    }

    /// A text that every bot needs.
    pub fn says(&self, saying: Saying) -> &Line {
        &self.says[&saying]
    }

    /// True if the caller asks for a person.
    pub fn asks_for_person(&self, words: &[String]) -> bool {
        let told = words.join(" ");
        self.person.iter().any(|phrase| holds_phrase(&told, phrase))
    }

    /// The intents that a key chooses, in order of the keys.
    pub fn menu(&self) -> Vec<(char, usize)> {
        let mut menu: Vec<(char, usize)> = self.intents.iter().enumerate().filter_map(|(n, intent)| Some((intent.table.key?, n))).collect();
        menu.sort_unstable();
        menu
    }

    /// One line of the menu.
    pub fn menu_item(&self, variant: usize, key: char, title: &str) -> Vec<Phrase> {
        let line = self.says(Saying::menu_item);
        line.variants[variant % line.variants.len().max(1)].say(|slot| if slot == "key" { key_name(key) } else { title.to_owned() })
    }
}

/// How a key is called.
pub fn key_name(key: char) -> String {
    match key {
        '*' => "star".to_owned(),
        '#' => "pound".to_owned(),
        other => other.to_string(),
    }
}

impl Intent {
    fn new(name: &str, table: &IntentTable, names: &[&String], lines: &mut Lines) -> Intent {
        let mut slots = table.slots.clone();
        for slot in table.samples.iter().flat_map(|sample| template(sample).slots().map(str::to_owned).collect::<Vec<_>>()) {
            if !slots.contains(&slot) {
                slots.push(slot);
            }
        }
        let index = |wanted: &String| names.iter().position(|name| *name == wanted);
        let ask =
            table.ask.as_ref().map(|ask| Ask { question: lines.line(std::slice::from_ref(&ask.question)), yes: index(&ask.yes), no: index(&ask.no) });
        Intent {
            name: name.to_owned(),
            slots,
            answers: lines.line(&table.answers),
            confirm: lines.line(&table.confirm),
            ask,
            wants_person: template(&table.wants_person),
            next_step: template(&table.next_step),
            table: table.clone(),
        }
    }
}

impl Slot {
    fn new(table: &SlotTable, lines: &mut Lines) -> Slot {
        let again = if table.reprompt.is_empty() { &table.prompt } else { &table.reprompt };
        Slot { prompt: lines.line(&table.prompt), reprompt: lines.line(again), confirm: lines.line(&table.confirm), table: table.clone() }
    }
}

impl Lookup {
    fn new(table: &LookupTable, lines: &mut Lines) -> Lookup {
        Lookup { missing: lines.line(&table.missing), wants_person: template(&table.missing_wants_person), table: table.clone() }
    }
}
