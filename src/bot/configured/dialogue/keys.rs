//! What callers press: the menu, numbers digit by digit, choices, 1 for yes and 2 for no, and the key for a person.

use crate::listen::types::Understood;

use super::super::table::{Saying, SlotKind};
use super::super::values::keyed;
use super::{Dialogue, Reply, State};

/// Repeats what was asked; within a number it begins anew.
const AGAIN: char = '*';
/// Ends a number.
const ENTER: char = '#';

impl Dialogue {
    pub(super) fn on_key(&mut self, key: char, reply: &mut Reply) {
        self.silences = 0;
        let plan = self.plan.clone();
        let person = key == plan.table.person.key;
        match self.state.clone() {
            State::Filling { intent, slot, .. } if plan.slots[&slot].table.kind == SlotKind::Digits => self.on_digit(intent, &slot, key, reply),
            _ if person => self.on_person(reply),
            State::Filling { intent, slot, .. } => match keyed(&plan.slots[&slot].table, key) {
                Some(value) => self.key_value(intent, slot, value, reply),
                None => self.on_wrong_key(key, reply),
            },
            State::Confirming { .. } | State::Guessing { .. } | State::Asking { .. } => match key {
                '1' => self.on_keyed_answer(true, reply),
                '2' => self.on_keyed_answer(false, reply),
                _ => self.on_wrong_key(key, reply),
            },
            State::Open { .. } | State::Over | State::Changing { .. } => match plan.menu().into_iter().find(|(label, _)| *label == key) {
                Some((_, intent)) => self.enter(intent, &[], reply),
                None => self.on_wrong_key(key, reply),
            },
        }
    }

    fn on_keyed_answer(&mut self, yes: bool, reply: &mut Reply) {
        match self.state.clone() {
            State::Confirming { intent, slot } => self.on_confirmed(intent, slot, yes, reply),
            State::Asking { intent } => self.on_asked_answer(intent, yes, reply),
            State::Guessing { intent, words } if yes => self.enter(intent, &words, reply),
            State::Guessing { .. } | State::Open { .. } | State::Filling { .. } | State::Changing { .. } | State::Over => {
                self.state = State::Open { served: false };
                self.ask_for_keys(reply);
            }
        }
    }

    /// A digit of a number: nothing is said until it is whole, `#` is pressed, or the caller stops.
    fn on_digit(&mut self, intent: usize, slot: &str, key: char, reply: &mut Reply) {
        let most = usize::from(self.plan.slots[slot].table.max_digits.unwrap_or(1));
        let State::Filling { keyed, .. } = &mut self.state else { return };
        match key {
            AGAIN => {
                keyed.clear();
                self.ask_for_keys(reply);
            }
            ENTER => {
                if !self.take_keyed(reply) {
                    self.on_wrong_key(key, reply);
                }
            }
            digit if digit.is_ascii_digit() => {
                keyed.push(digit);
                if keyed.len() >= most {
                    let number = super::Value::digits(&std::mem::take(keyed));
                    self.key_value(intent, slot.to_owned(), number, reply);
                }
            }
            _ => self.on_wrong_key(key, reply),
        }
    }

    fn on_wrong_key(&mut self, key: char, reply: &mut Reply) {
        if key == AGAIN {
            return self.ask_for_keys(reply);
        }
        self.misses += 1;
        reply.report.understood = Understood::NoMatch;
        if self.misses < super::MISSES_TO_PERSON {
            self.say(Saying::no_match, reply);
            return self.ask_for_keys(reply);
        }
        self.say(Saying::no_match_again, reply);
        super::want(reply, "the caller pressed keys that have no meaning here");
    }
}
