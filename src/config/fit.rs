//! Fits a tree of values to a type, and finds every value that does not fit: each is noted, taken out, and the rest is tried again.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::DeserializeOwned;
use serde_path_to_error::Segment;

use super::hint::{Said, translate};
use super::key::{KeyPath, Step};
use super::mistake::{Mistake, Mistakes};

/// Mistakes that are told in one go; a file with more is not this configuration at all.
const MAX_MISTAKES: usize = 100;

/// A value, and which elements of lists had to be left out for it.
pub struct Fitted<T> {
    /// What fits.
    pub value: T,
    left_out: LeftOut,
}

impl<T> Fitted<T> {
    /// The key as it was written, for a key of `value`: elements that were left out count again.
    pub fn original(&self, key: &KeyPath) -> KeyPath {
        self.left_out.original(key)
    }
}

#[derive(Default)]
struct LeftOut(BTreeMap<KeyPath, BTreeSet<usize>>);

impl LeftOut {
    fn original(&self, key: &KeyPath) -> KeyPath {
        let mut original = KeyPath::default();
        for step in &key.0 {
            original = match step {
                Step::Name(name) => original.name(name),
                Step::Index(index) => {
                    let missing = self.0.get(&original).into_iter().flatten();
                    let index = missing.fold(*index, |index, missing| if *missing <= index { index + 1 } else { index });
                    original.index(index)
                }
            };
        }
        original
    }
}

/// Fits `table` to `T`; what does not fit is noted below `above` and left out, so its default stands.
///
/// `None` if what is left does not fit either.
pub fn fit<T: DeserializeOwned>(table: &toml::Table, above: &KeyPath, mistakes: &mut Mistakes) -> Option<Fitted<T>> {
    let mut rest = toml::Value::Table(table.clone());
    let mut left_out = LeftOut::default();
    for _ in 0..MAX_MISTAKES {
        let error = match serde_path_to_error::deserialize::<_, T>(rest.clone()) {
            Ok(value) => return Some(Fitted { value, left_out }),
            Err(error) => error,
        };
        let mut key = path_of(&error);
        let what = match translate(error.inner().message()) {
            Said::UnknownKey { key: name, what } => {
                if key.0.last() != Some(&Step::Name(name.clone())) {
                    key = key.name(&name);
                }
                what
            }
            Said::MissingKey(name) => {
                mistakes.add(Mistake::of_key(left_out.original(&key).name(&name).under(above), "is missing"));
                remove(&mut rest, &key, &mut left_out)?;
                continue;
            }
            Said::Wrong(what) => what,
        };
        mistakes.add(Mistake::of_key(left_out.original(&key).under(above), what));
        remove(&mut rest, &key, &mut left_out)?;
    }
    mistakes.add(Mistake::of_key(above.clone(), format!("more than {MAX_MISTAKES} mistakes; the others are not listed")));
    None
}

fn path_of(error: &serde_path_to_error::Error<toml::de::Error>) -> KeyPath {
    let mut key = KeyPath::default();
    for segment in error.path() {
        key = match segment {
            Segment::Map { key: name } | Segment::Enum { variant: name } => key.name(name),
            Segment::Seq { index } => key.index(*index),
            Segment::Unknown => key,
        };
    }
    key
}

/// Takes the value at `key` out, or else the nearest one around it. `None` if there is nothing left to take.
fn remove(root: &mut toml::Value, key: &KeyPath, left_out: &mut LeftOut) -> Option<()> {
    let existing = (1..=key.0.len()).rev().map(|len| KeyPath(key.0[..len].to_vec())).find(|key| find(root, &key.0).is_some())?;
    let original = left_out.original(&existing);
    let (last, before) = existing.0.split_last()?;
    match (find(root, before)?, last) {
        (toml::Value::Table(table), Step::Name(name)) => {
            table.remove(name);
        }
        (toml::Value::Array(array), Step::Index(index)) => {
            array.remove(*index);
            if let Some((Step::Index(index), list)) = original.0.split_last() {
                left_out.0.entry(KeyPath(list.to_vec())).or_default().insert(*index);
            }
        }
        _ => return None,
    }
    Some(())
}

fn find<'a>(root: &'a mut toml::Value, steps: &[Step]) -> Option<&'a mut toml::Value> {
    steps.iter().try_fold(root, |value, step| match step {
        Step::Name(name) => value.as_table_mut()?.get_mut(name),
        Step::Index(index) => value.as_array_mut()?.get_mut(*index),
    })
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Room {
        name: String,
        ring_secs: f64,
        seats: u32,
        tags: Vec<String>,
        table: Vec<Table>,
        by_name: BTreeMap<String, Table>,
        mood: Mood,
    }

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Table {
        legs: u8,
    }

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Mood {
        #[default]
        Calm,
        Angry,
    }

    fn told(text: &str) -> String {
        let mut mistakes = Mistakes::default();
        fit::<Room>(&text.parse().unwrap(), &KeyPath::default(), &mut mistakes);
        mistakes.into_problems().to_string()
    }

    #[test]
    fn every_mistake_is_named_by_its_key() {
        for (text, told_as) in [
            ("nme = 'x'", "nme: is no key; did you mean `name`?"),
            ("ring_secs = 'ten'", "ring_secs: is \"ten\"; must be a number"),
            ("seats = -1", "seats: is -1; must be a whole number, 0 or more"),
            ("tags = ['a', 2, 'c', 4]", "tags[1]: is 2; must be text in quotes\ntags[3]: is 4; must be text in quotes"),
            ("table = [{ legs = 4 }, 3, { legs = 4, legz = 3 }]", "table[1]: is 3; must be a table\ntable[2].legz: is no key; did you mean `legs`?"),
            ("table = { legs = 4 }", "table: is a table; must be a list"),
            (
                "by_name.a.legs = 300\nby_name.b = 1",
                "by_name.a.legs: is 300; must be a whole number between 0 and 255\nby_name.b: is 1; must be a table",
            ),
            ("mood = 'angri'", "mood: `angri` must be one of `calm`, `angry`; did you mean `angry`?"),
            ("mood = 3", "mood: must be one of its words in quotes"),
            (
                "name = 1\nseats = 'x'\nzzz = 1",
                "name: is 1; must be text in quotes\nseats: is \"x\"; must be a whole number, 0 or more\nzzz: is no key; there is `name`, `ring_secs`, `seats`, `tags`, `table`, `by_name`, `mood`",
            ),
        ] {
            assert_eq!(told(text), told_as, "{text}");
        }
    }

    #[test]
    fn what_fits_is_kept() {
        let mut mistakes = Mistakes::default();
        let table = "name = 'x'\nseats = 'many'\ntags = ['a', 1, 'b']".parse().unwrap();
        let fitted = fit::<Room>(&table, &KeyPath::default(), &mut mistakes).unwrap();
        assert_eq!(fitted.value, Room { name: "x".into(), tags: vec!["a".into(), "b".into()], ..Room::default() });
        assert_eq!(fitted.original(&KeyPath::parse("tags[1]")).to_string(), "tags[2]");
    }

    #[test]
    fn a_file_of_nothing_but_mistakes_ends() {
        let text: String = (0..500).map(|n| format!("key{n} = 1\n")).collect();
        assert_eq!(told(&text).lines().count(), MAX_MISTAKES + 1);
    }
}
