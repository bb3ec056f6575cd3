//! From a wish to its answer: entering an intent, filling and confirming its slots, answering.

use crate::listen::types::Understood;

use super::super::matcher::Match;
use super::super::number::all_digits;
use super::super::table::{Saying, SlotKind, SlotTable};
use super::super::values::{Offer, Value};
use super::super::when::weekday_named;
use super::super::words::{content, has_not_got_it, heard, yes_or_no};
use super::{Dialogue, Filled, Reply, State, want};

/// Times that a value is denied before the bot wants a person.
const DENIALS_TO_PERSON: u32 = 3;

impl Dialogue {
    /// Begins to serve an intent with what the words hold already.
    pub(super) fn enter(&mut self, intent: usize, words: &[String], reply: &mut Reply) {
        let plan = self.plan.clone();
        let wanted = &plan.intents[intent];
        reply.report.intent = Some(wanted.name.clone());
        reply.report.intent_title = Some(wanted.table.title.clone());
        if wanted.table.out_of_scope {
            return self.on_out_of_scope(intent, reply);
        }
        self.well(reply);
        self.denials = 0;
        if self.answered.remove(&intent) {
            wanted.table.slots.iter().for_each(|slot| _ = self.filled.remove(slot));
        }
        for slot in std::mem::take(&mut self.passing) {
            self.filled.remove(&slot);
        }
        let values = self.values(intent, words, None);
        self.fill(values, reply);
        if wanted.table.topic {
            reply.report.topic = Some(wanted.name.clone());
        }
        self.advance(intent, reply);
    }

    fn on_out_of_scope(&mut self, intent: usize, reply: &mut Reply) {
        let plan = self.plan.clone();
        reply.report.understood = Understood::OutOfScope;
        self.misses += 1;
        self.say_line(&plan.intents[intent].answers, &[], reply);
        let why = &plan.intents[intent].wants_person;
        if self.misses >= super::MISSES_TO_PERSON || !plan.intents[intent].table.wants_person.is_empty() {
            let told = why.write(|_| String::new());
            let title = &plan.intents[intent].table.title;
            return want(reply, if told.is_empty() { format!("the caller wants what this bot does not do: {title}") } else { told });
        }
        self.ask(true, reply);
    }

    /// An answer while a slot was asked for.
    pub(super) fn on_value(&mut self, intent: usize, slot: &str, found: Option<Match>, words: &[String], reply: &mut Reply) {
        let values = self.values(intent, words, Some(slot));
        let bars = &self.plan.table.understanding;
        let bar = if values.is_empty() { bars.sure } else { bars.switch };
        if let Some(other) = found.filter(|m| m.sure && m.intent != intent && m.score >= bar) {
            return self.enter(other.intent, words, reply);
        }
        if !values.is_empty() {
            self.well(reply);
            self.fill(values, reply);
            return self.advance(intent, reply);
        }
        if has_not_got_it(words) {
            self.well(reply);
            self.say(Saying::has_not_got_it, reply);
            return want(reply, format!("the caller has not got the {}", self.plan.slots[slot].table.title));
        }
        if found.is_some_and(|m| m.sure && m.intent == intent) {
            self.well(reply);
            return self.ask(false, reply);
        }
        self.on_miss(reply);
    }

    /// An answer to "Is that right?"; corrections are taken at once.
    pub(super) fn on_confirmation(&mut self, intent: usize, slot: Option<String>, found: Option<Match>, words: &[String], reply: &mut Reply) {
        let asked = self.time_slot(intent);
        let values = self.values(intent, words, asked.as_deref());
        let again = !values.is_empty();
        let changed: Vec<(String, Value)> =
            values.into_iter().filter(|(name, value)| self.filled.get(name).is_none_or(|filled| filled.value != *value)).collect();
        if !changed.is_empty() {
            self.well(reply);
            self.fill(changed, reply);
            return self.advance(intent, reply);
        }
        let switch = self.plan.table.understanding.switch;
        let other = found.filter(|m| m.sure && m.intent != intent);
        match (other, yes_or_no(words)) {
            (Some(other), _) if other.score >= switch => self.enter(other.intent, words, reply),
            (_, Some(yes)) => self.on_confirmed(intent, slot, yes, reply),
            (Some(other), None) => self.enter(other.intent, words, reply),
            (None, None) if again => self.on_confirmed(intent, slot, true, reply),
            (None, None) => self.on_miss(reply),
        }
    }

    /// Yes or no to "Is that right?".
    pub(super) fn on_confirmed(&mut self, intent: usize, slot: Option<String>, yes: bool, reply: &mut Reply) {
        let plan = self.plan.clone();
        let slots = &plan.intents[intent].table.slots;
        self.well(reply);
        if yes {
            self.denials = 0;
            reply.report.progress = true;
            for (name, filled) in &mut self.filled {
                if slot.as_ref().map_or(slots.contains(name), |slot| slot == name) {
                    filled.confirmed = true;
                }
            }
            return self.advance(intent, reply);
        }
        self.denials += 1;
        self.say(Saying::sorry, reply);
        let Some(slot) = slot.or_else(|| (slots.len() == 1).then(|| slots[0].clone())) else {
            self.state = State::Changing { intent };
            return self.ask_or_want(self.denials, &plan.intents[intent].table.title, reply);
        };
        let table = &plan.slots[&slot].table;
        self.filled.remove(&slot);
        self.state = State::Filling { intent, slot, keyed: String::new() };
        if self.denials > 1 && self.denials < DENIALS_TO_PERSON && table.kind == SlotKind::Digits {
            return self.ask_for_keys(reply);
        }
        self.ask_or_want(self.denials, &table.title, reply);
    }

    fn ask_or_want(&mut self, denials: u32, title: &str, reply: &mut Reply) {
        if denials < DENIALS_TO_PERSON {
            return self.ask(true, reply);
        }
        want(reply, format!("the bot heard the {title} wrong {denials} times"));
    }

    /// An answer to "What should I change?".
    pub(super) fn on_change(&mut self, intent: usize, found: Option<Match>, words: &[String], reply: &mut Reply) {
        let asked = self.time_slot(intent);
        let values = self.values(intent, words, asked.as_deref());
        if !values.is_empty() {
            self.well(reply);
            self.fill(values, reply);
            return self.advance(intent, reply);
        }
        let plan = self.plan.clone();
        let said = |title: &str| heard(title).iter().any(|word| words.contains(word) && content(word, &Default::default()).is_some());
        if let Some(slot) = plan.intents[intent].table.slots.iter().find(|slot| said(&plan.slots[*slot].table.title)) {
            self.well(reply);
            self.filled.remove(slot);
            return self.advance(intent, reply);
        }
        match found.filter(|m| m.sure && m.intent != intent) {
            Some(other) => self.enter(other.intent, words, reply),
            None => self.on_miss(reply),
        }
    }

    /// The slot of an intent that takes a bare number for a time.
    fn time_slot(&self, intent: usize) -> Option<String> {
        self.plan.intents[intent].slots.iter().find(|slot| self.plan.slots[*slot].table.kind == SlotKind::Time).cloned()
    }

    fn values(&self, intent: usize, words: &[String], asked: Option<&str>) -> Vec<(String, Value)> {
        let names = &self.plan.intents[intent].slots;
        let slots: Vec<(&str, &SlotTable)> = names.iter().map(|name| (name.as_str(), &self.plan.slots[name].table)).collect();
        let mut offer = Offer::new(words, self.wall.date());
        offer.take(&slots, asked).into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    fn fill(&mut self, values: Vec<(String, Value)>, reply: &mut Reply) {
        for (name, value) in values {
            reply.report.progress = true;
            match self.filled.get_mut(&name) {
                Some(filled) if filled.value == value => {}
                _ => _ = self.filled.insert(name, Filled { value, confirmed: false }),
            }
        }
    }

    /// Goes on with an intent: asks for the next slot, has it confirmed, or answers.
    pub(super) fn advance(&mut self, intent: usize, reply: &mut Reply) {
        let plan = self.plan.clone();
        let slots = &plan.intents[intent].table.slots;
        for slot in slots {
            match self.filled.get(slot) {
                None => {
                    self.state = State::Filling { intent, slot: slot.clone(), keyed: String::new() };
                    return self.ask(false, reply);
                }
                Some(filled) if !filled.confirmed && !plan.slots[slot].confirm.variants.is_empty() => {
                    self.state = State::Confirming { intent, slot: Some(slot.clone()) };
                    return self.ask(false, reply);
                }
                Some(_) => {}
            }
        }
        let open = slots.iter().any(|slot| self.filled.get(slot).is_some_and(|filled| !filled.confirmed));
        if open && !plan.intents[intent].confirm.variants.is_empty() {
            self.state = State::Confirming { intent, slot: None };
            return self.ask(false, reply);
        }
        self.answer(intent, reply);
    }

    fn answer(&mut self, intent: usize, reply: &mut Reply) {
        let plan = self.plan.clone();
        let wanted = &plan.intents[intent];
        self.answered.insert(intent);
        self.passing = wanted.slots[wanted.table.slots.len()..].to_vec();
        self.passing.retain(|slot| self.filled.get(slot).is_some_and(|filled| !filled.confirmed));
        self.state = State::Open { served: true };
        let mut values = self.spoken();
        if let Some(lookup) = wanted.table.lookup.as_ref().and_then(|name| plan.lookups.get(name)) {
            let value = self.filled.get(&lookup.table.slot).map(|filled| filled.value.written.as_str());
            let Some(row) = value.and_then(|value| lookup.table.rows.get(value)) else {
                self.say_line(&lookup.missing, &values, reply);
                return match lookup.wants_person.write(|slot| self.written(slot)) {
                    none if none.is_empty() => self.ask(false, reply),
                    why => want(reply, why),
                };
            };
            values.extend(row.iter().map(|(column, value)| (column.clone(), value.clone())));
        }
        values.push(("hours".to_owned(), self.hours(intent)));
        self.say_line(&wanted.answers, &values, reply);
        reply.report.progress = true;
        reply.report.next_step = Some(wanted.next_step.write(|slot| self.written(slot))).filter(|step| !step.is_empty());
        if !wanted.table.wants_person.is_empty() {
            want(reply, wanted.wants_person.write(|slot| self.written_or(slot, &values)));
        }
        if wanted.table.ends {
            reply.report.goodbye = true;
            self.state = State::Over;
        } else if reply.report.wants_person.is_some() || reply.report.topic.is_some() {
            self.state = State::Open { served: false };
        } else {
            reply.report.next_step = None;
            if wanted.ask.is_some() {
                self.state = State::Asking { intent };
            }
            self.ask(false, reply);
        }
    }

    /// What `{hours}` says: of the day that was asked for, else of now.
    fn hours(&mut self, intent: usize) -> String {
        let plan = self.plan.clone();
        let day = plan.intents[intent].slots.iter().find_map(|slot| weekday_named(&self.filled.get(slot)?.value.written));
        let lines = match day {
            Some(day) if day != self.wall.date().weekday() => plan.hours.on_weekday(day, self.wall.date()),
            _ => plan.hours.now(self.wall),
        };
        let mut told = Reply::default();
        for (saying, values) in lines {
            let values: Vec<(String, String)> = values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
            self.say_line(plan.says(saying), &values, &mut told);
        }
        told.wording.words()
    }

    /// Takes the keys pressed so far as a number, if they can be one; true if that settled something.
    pub(super) fn take_keyed(&mut self, reply: &mut Reply) -> bool {
        let State::Filling { intent, slot, keyed } = &mut self.state else { return false };
        let (intent, slot, keyed) = (*intent, slot.clone(), std::mem::take(keyed));
        if keyed == self.plan.table.person.key.to_string() {
            self.on_person(reply);
            return true;
        }
        let least = usize::from(self.plan.slots[&slot].table.min_digits.unwrap_or(1));
        if keyed.is_empty() || keyed.len() < least || all_digits(&keyed) != keyed {
            return false;
        }
        self.key_value(intent, slot, Value::digits(&keyed), reply);
        true
    }

    /// A keyed value needs no confirmation.
    pub(super) fn key_value(&mut self, intent: usize, slot: String, value: Value, reply: &mut Reply) {
        self.well(reply);
        reply.report.progress = true;
        self.filled.insert(slot, Filled { value, confirmed: true });
        self.advance(intent, reply);
    }
}
