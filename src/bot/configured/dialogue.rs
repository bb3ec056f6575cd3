//! The conversation: one event in, one reply out. Pure: the wall time is that of the opening, variants are said in turn.
//!
//! Here stand the state, what every state has in common (silence, nothing understood, a person, coming back) and what
//! is asked; `filling` has what callers say while something is asked for, `keys` what they press, `report` the words
//! for whoever takes over.

mod filling;
mod keys;
mod report;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::civil::DateTime;

use crate::base::Wording;
use crate::bot::{BotEvent, Resumption};
use crate::listen::types::{BotReport, Understood};

use super::matcher::Match;
use super::plan::{Line, Plan, key_name};
use super::table::{Saying, SlotKind};
use super::values::{Offer, Value, keyed_choices};
use super::words::{heard, is_bare_answer, yes_or_no};

/// A conversation that has not ended after so many turns goes to a person: it is a loop, not a service.
const MAX_TURNS: u32 = 200;
/// Times in a row that nothing was understood before the bot wants a person.
const MISSES_TO_PERSON: u32 = 2;
/// Times in a row that nothing was said before the bot wants a person: asked again, keys offered, then enough.
const SILENCES_TO_PERSON: u32 = 3;

/// A conversation.
#[derive(Debug)]
pub struct Dialogue {
    plan: Arc<Plan>,
    wall: DateTime,
    hears_words: bool,
    state: State,
    filled: BTreeMap<String, Filled>,
    /// How often each line was said.
    said: Vec<usize>,
    /// Intents answered before, whose slots are asked for anew.
    answered: BTreeSet<usize>,
    /// Slots that belonged to the last answer only ("are you open on *Saturday*"), forgotten with the next wish.
    passing: Vec<String>,
    /// Turns without meaning in a row.
    misses: u32,
    /// Questions without an answer in a row.
    silences: u32,
    /// "Did you mean …?" was asked since something was last understood.
    guessed: bool,
    /// Values denied in a row.
    denials: u32,
    turns: u32,
}

/// What the caller was asked.
#[derive(Clone, Debug, PartialEq)]
enum State {
    /// Anything; `served` after an answer, when "no" means goodbye.
    Open { served: bool },
    /// For a slot; `keyed` holds the keys pressed so far.
    Filling { intent: usize, slot: String, keyed: String },
    /// Whether a slot, or with `None` all slots of the intent, are right.
    Confirming { intent: usize, slot: Option<String> },
    /// What of several values is wrong.
    Changing { intent: usize },
    /// Whether this intent was meant by these words.
    Guessing { intent: usize, words: Vec<String> },
    /// The question that belongs to the intent.
    Asking { intent: usize },
    /// Nothing: goodbye was said.
    Over,
}

#[derive(Clone, Debug, PartialEq)]
struct Filled {
    value: Value,
    confirmed: bool,
}

/// What the bot says and reports to one event.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reply {
    /// What to say.
    pub wording: Wording,
    /// How it went.
    pub report: BotReport,
}

impl Dialogue {
    /// A conversation that begins at `wall`.
    pub fn new(plan: Arc<Plan>, wall: DateTime, hears_words: bool) -> Dialogue {
        Dialogue {
            said: vec![0; plan.lines],
            plan,
            wall,
            hears_words,
            state: State::Open { served: false },
            filled: BTreeMap::new(),
            answered: BTreeSet::new(),
            passing: Vec::new(),
            misses: 0,
            silences: 0,
            guessed: false,
            denials: 0,
            turns: 0,
        }
    }

    /// Works on one event.
    pub fn handle(&mut self, event: BotEvent) -> Reply {
        let mut reply = Reply::default();
        if self.state == State::Over {
            self.state = State::Open { served: true };
        }
        match event {
            BotEvent::Begin => self.on_begin(&mut reply),
            BotEvent::Said { turn, text, confidence } => {
                reply.report.turn = Some(turn);
                self.on_said(text.as_deref().unwrap_or(""), confidence, &mut reply);
            }
            BotEvent::Key(key) => self.on_key(key.label(), &mut reply),
            BotEvent::NoInput => self.on_no_input(&mut reply),
            BotEvent::Resume(why) => self.on_resume(why, &mut reply),
        }
        self.complete(&mut reply);
        reply
    }

    fn on_begin(&mut self, reply: &mut Reply) {
        let plan = self.plan.clone();
        self.say_line(&plan.greeting, &[], reply);
        if self.hears_words {
            self.say(Saying::reach_person, reply);
        }
        self.ask(false, reply);
    }

    fn on_said(&mut self, text: &str, confidence: Option<f32>, reply: &mut Reply) {
        self.turns += 1;
        self.silences = 0;
        let words = heard(text);
        if self.turns > MAX_TURNS {
            self.say(Saying::no_match_again, reply);
            return want(reply, format!("the conversation has had {MAX_TURNS} turns without an end"));
        }
        if words.is_empty() {
            return self.on_miss(reply);
        }
        if self.plan.asks_for_person(&words) {
            return self.on_person(reply);
        }
        let found = self.find(&words, confidence);
        match self.state.clone() {
            State::Open { served } => self.on_wish(served, found, &words, reply),
            State::Over => self.on_wish(true, found, &words, reply),
            State::Filling { intent, slot, .. } => self.on_value(intent, &slot, found, &words, reply),
            State::Confirming { intent, slot } => self.on_confirmation(intent, slot, found, &words, reply),
            State::Changing { intent } => self.on_change(intent, found, &words, reply),
            State::Guessing { intent, words: before } => self.on_guessed(intent, &before, found, &words, reply),
            State::Asking { intent } => self.on_asked(intent, found, &words, reply),
        }
    }

    /// What the words may mean, slots that they hold included.
    fn find(&self, words: &[String], confidence: Option<f32>) -> Option<Match> {
        let answerable = match &self.state {
            State::Open { served } => *served,
            State::Confirming { .. } | State::Guessing { .. } | State::Asking { .. } | State::Over => true,
            State::Filling { .. } | State::Changing { .. } => false,
        };
        if answerable && is_bare_answer(words) {
            return None;
        }
        let own = self.active().map(|intent| self.plan.intents[intent].slots.as_slice()).unwrap_or_default();
        let mut offer = Offer::new(words, self.wall.date());
        let mut slots = Vec::new();
        for (name, slot) in &self.plan.slots {
            let one = [(name.as_str(), &slot.table)];
            if Offer::new(words, self.wall.date()).take(&one, None).is_empty() {
                continue;
            }
            offer.take(&one, None);
            // A value of a kind that was asked for speaks for no other wish, not even one digit too long.
            if !own.iter().any(|other| self.plan.slots[other].table.kind == slot.table.kind) {
                slots.push(name.as_str());
            }
        }
        self.plan.matcher.best(words, &offer.rest(), &slots, confidence)
    }

    fn on_wish(&mut self, served: bool, found: Option<Match>, words: &[String], reply: &mut Reply) {
        match found {
            Some(found) if found.sure => self.enter(found.intent, words, reply),
            Some(found) if !self.guessed => self.guess(found.intent, words, reply),
            _ => match yes_or_no(words).filter(|_| served) {
                Some(true) => {
                    self.well(reply);
                    self.state = State::Open { served: false };
                    self.ask(false, reply);
                }
                Some(false) => self.on_goodbye(reply),
                None => self.on_miss(reply),
            },
        }
    }

    fn guess(&mut self, intent: usize, words: &[String], reply: &mut Reply) {
        self.guessed = true;
        self.misses = 0;
        reply.report.understood = Understood::Unsure;
        self.state = State::Guessing { intent, words: words.to_vec() };
        self.ask(false, reply);
    }

    fn on_guessed(&mut self, intent: usize, before: &[String], found: Option<Match>, words: &[String], reply: &mut Reply) {
        if let Some(found) = found.filter(|found| found.sure) {
            return self.enter(found.intent, words, reply);
        }
        match yes_or_no(words) {
            Some(true) => self.enter(intent, before, reply),
            Some(false) => {
                reply.report.understood = Understood::Well;
                self.state = State::Open { served: false };
                self.say(Saying::sorry, reply);
                self.ask(true, reply);
            }
            None => self.on_miss(reply),
        }
    }

    fn on_asked(&mut self, intent: usize, found: Option<Match>, words: &[String], reply: &mut Reply) {
        match (found.filter(|found| found.sure), yes_or_no(words)) {
            (Some(found), _) => self.enter(found.intent, words, reply),
            (None, Some(yes)) => self.on_asked_answer(intent, yes, reply),
            (None, None) => self.on_miss(reply),
        }
    }

    fn on_asked_answer(&mut self, intent: usize, yes: bool, reply: &mut Reply) {
        let next = self.plan.intents[intent].ask.as_ref().and_then(|ask| if yes { ask.yes } else { ask.no });
        self.well(reply);
        match next {
            Some(next) => self.enter(next, &[], reply),
            None => {
                self.state = State::Open { served: true };
                self.ask(false, reply);
            }
        }
    }

    fn on_goodbye(&mut self, reply: &mut Reply) {
        self.well(reply);
        self.say(Saying::goodbye, reply);
        reply.report.goodbye = true;
        self.state = State::Over;
    }

    fn on_person(&mut self, reply: &mut Reply) {
        self.well(reply);
        self.say(Saying::person, reply);
        want(reply, "the caller asked for a person");
    }

    /// Nothing was understood.
    fn on_miss(&mut self, reply: &mut Reply) {
        reply.report.understood = if self.hears_words { Understood::NoMatch } else { Understood::Nothing };
        self.misses += 1;
        if self.misses < MISSES_TO_PERSON {
            self.say(Saying::no_match, reply);
            return self.ask(true, reply);
        }
        self.say(Saying::no_match_again, reply);
        want(reply, format!("the bot did not understand the caller {} times in a row", self.misses));
    }

    fn on_no_input(&mut self, reply: &mut Reply) {
        if self.take_keyed(reply) {
            return;
        }
        reply.report.understood = Understood::NoInput;
        self.silences += 1;
        match self.silences {
            1 => {
                self.say(Saying::no_input, reply);
                self.ask(true, reply);
            }
            2.. if self.silences < SILENCES_TO_PERSON => {
                self.say(Saying::no_input_keys, reply);
                self.ask_for_keys(reply);
            }
            _ if self.state == (State::Open { served: true }) => {
                self.say(Saying::goodbye, reply);
                reply.report.goodbye = true;
                self.state = State::Over;
            }
            _ => {
                self.say(Saying::no_input_again, reply);
                want(reply, format!("the caller did not answer {} times in a row", self.silences));
            }
        }
    }

    fn on_resume(&mut self, why: Resumption, reply: &mut Reply) {
        (self.misses, self.silences, self.denials, self.guessed) = (0, 0, 0, false);
        match why {
            Resumption::Declined => self.say(Saying::declined, reply),
            Resumption::NobodyFound => self.say(Saying::nobody_found, reply),
            Resumption::HandedBack(note) => {
                self.say(Saying::handed_back, reply);
                let named =
                    |note: String| self.plan.intents.iter().position(|i| i.name == note.trim() || i.table.title.eq_ignore_ascii_case(note.trim()));
                if let Some(intent) = note.and_then(named) {
                    return self.enter(intent, &[], reply);
                }
                self.state = State::Open { served: true };
            }
        }
        self.ask(false, reply);
    }

    /// Asks what the state waits for; `again` when it was asked before and did not work.
    fn ask(&mut self, again: bool, reply: &mut Reply) {
        if !self.hears_words {
            return self.ask_for_keys(reply);
        }
        let plan = self.plan.clone();
        match &self.state {
            State::Open { .. } if again => {
                self.say_line(&plan.help, &[], reply);
                self.say(Saying::reach_person, reply);
            }
            State::Open { served: true } | State::Over => self.say(Saying::anything_else, reply),
            State::Open { served: false } => self.say(Saying::how_can_i_help, reply),
            State::Filling { slot, .. } => {
                let slot = &plan.slots[slot];
                self.say_line(if again { &slot.reprompt } else { &slot.prompt }, &[], reply);
            }
            State::Confirming { .. } | State::Guessing { .. } | State::Asking { .. } => {
                self.ask_yes_or_no(reply);
                if again {
                    self.say(Saying::yes_or_no, reply);
                }
            }
            State::Changing { .. } => self.say(Saying::change_what, reply),
        }
    }

    fn ask_yes_or_no(&mut self, reply: &mut Reply) {
        let plan = self.plan.clone();
        match self.state.clone() {
            State::Confirming { intent, slot } => {
                let line = slot.as_ref().map_or(&plan.intents[intent].confirm, |slot| &plan.slots[slot].confirm);
                let values = self.spoken();
                self.say_line(line, &values, reply);
            }
            State::Guessing { intent, .. } => {
                let title = plan.intents[intent].table.title.clone();
                self.say_line(plan.says(Saying::did_you_mean), &[("title".to_owned(), title)], reply);
            }
            State::Asking { intent } => {
                if let Some(ask) = &plan.intents[intent].ask {
                    self.say_line(&ask.question, &[], reply);
                }
            }
            State::Open { .. } | State::Filling { .. } | State::Changing { .. } | State::Over => {}
        }
    }

    /// Asks for keys instead of words.
    fn ask_for_keys(&mut self, reply: &mut Reply) {
        let plan = self.plan.clone();
        match self.state.clone() {
            State::Open { .. } | State::Over | State::Changing { .. } => {
                for (key, intent) in plan.menu() {
                    let n = self.next_variant(plan.says(Saying::menu_item));
                    reply.wording.0.extend(plan.menu_item(n, key, &plan.intents[intent].table.title));
                }
                let key = [("key".to_owned(), key_name(plan.table.person.key))];
                self.say_line(plan.says(Saying::reach_person_by_key), &key, reply);
            }
            State::Filling { slot, .. } => {
                let slot = &plan.slots[&slot];
                let choices = keyed_choices(&slot.table);
                if slot.table.kind != SlotKind::Digits && choices.is_empty() {
                    self.say(Saying::not_by_key, reply);
                    return want(reply, format!("the {} can not be keyed", slot.table.title));
                }
                self.say_line(&slot.prompt, &[], reply);
                if choices.is_empty() {
                    self.say(Saying::key_digits, reply);
                }
                for (n, choice) in choices.into_iter().enumerate() {
                    let values = [("choice".to_owned(), choice), ("key".to_owned(), (n + 1).to_string())];
                    self.say_line(plan.says(Saying::choice_item), &values, reply);
                }
            }
            State::Confirming { .. } | State::Guessing { .. } | State::Asking { .. } => {
                self.ask_yes_or_no(reply);
                self.say(Saying::yes_or_no_by_key, reply);
            }
        }
    }

    /// Something was understood.
    fn well(&mut self, reply: &mut Reply) {
        (self.misses, self.silences, self.guessed) = (0, 0, false);
        reply.report.understood = if reply.report.turn.is_some() { Understood::Well } else { Understood::Nothing };
    }

    fn say(&mut self, saying: Saying, reply: &mut Reply) {
        let plan = self.plan.clone();
        self.say_line(plan.says(saying), &[], reply);
    }

    fn say_line(&mut self, line: &Line, values: &[(String, String)], reply: &mut Reply) {
        let n = self.next_variant(line);
        let value = |slot: &str| values.iter().find(|(name, _)| name == slot).map(|(_, value)| value.clone()).unwrap_or_default();
        if let Some(template) = line.variants.get(n) {
            reply.wording.0.extend(template.say(value));
        }
    }

    fn next_variant(&mut self, line: &Line) -> usize {
        let said = &mut self.said[line.n];
        *said += 1;
        (*said - 1) % line.variants.len().max(1)
    }
}

/// The bot wants a person.
fn want(reply: &mut Reply, why: impl Into<String>) {
    reply.report.wants_person = Some(why.into());
}
