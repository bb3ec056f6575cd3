//! Keys that are set by the environment.

use super::document::Document;
use super::key::{KeyPath, Place};
use super::mistake::{Mistake, Mistakes};

/// Variables that begin so and have a [`SEPARATOR`] set keys.
const PREFIX: &str = "SEGUE_";
/// Stands between the steps of a key: `SEGUE_QUEUE__0__RING_SECS`.
const SEPARATOR: &str = "__";

/// Sets what `variables` say. Names are compared without regard to case, with `_` for `-`.
pub fn overlay(document: &mut Document, variables: impl IntoIterator<Item = (String, String)>, mistakes: &mut Mistakes) {
    let mut ours: Vec<(String, String)> = variables.into_iter().filter(|(name, _)| name.starts_with(PREFIX) && name.contains(SEPARATOR)).collect();
    ours.sort();
    for (variable, text) in ours {
        let steps: Vec<&str> = variable[PREFIX.len()..].split(SEPARATOR).collect();
        match set(&mut document.table, &steps, value(&text)) {
            Ok(key) => {
                document.places.forget(&key);
                // Tables that this variable began are its own too.
                for len in 1..=key.0.len() {
                    let around = KeyPath(key.0[..len].to_vec());
                    document.places.0.entry(around).or_insert_with(|| Place::Variable(variable.clone()));
                }
            }
            Err(what) => mistakes.add(Mistake::of_file(&variable, what)),
        }
    }
}

/// A value as TOML, or as text where it is none.
fn value(text: &str) -> toml::Value {
    let parsed = format!("value = {text}").parse::<toml::Table>().ok().filter(|table| table.len() == 1);
    parsed.and_then(|mut table| table.remove("value")).unwrap_or_else(|| toml::Value::String(text.to_owned()))
}

fn set(table: &mut toml::Table, steps: &[&str], value: toml::Value) -> Result<KeyPath, String> {
    let mut key = KeyPath::default();
    let Some((last, before)) = steps.split_last() else { return Err("names no key".into()) };
    let Some((first, inner)) = before.split_first() else { return Err("names no key of a table".into()) };
    let name = known(table, first);
    key = key.name(&name);
    let mut at = table.entry(name).or_insert_with(|| toml::Value::Table(toml::Table::new()));
    for step in inner {
        (at, key) = below(at, step, key)?;
    }
    match at {
        toml::Value::Table(table) => {
            let name = known(table, last);
            key = key.name(&name);
            table.insert(name, value);
        }
        toml::Value::Array(_) => {
            let (element, whole) = below(at, last, key)?;
            (*element, key) = (value, whole);
        }
        _ => return Err(format!("names a key below `{key}`, which is no table")),
    }
    Ok(key)
}

fn below<'a>(at: &'a mut toml::Value, step: &str, key: KeyPath) -> Result<(&'a mut toml::Value, KeyPath), String> {
    match at {
        toml::Value::Table(table) => {
            let name = known(table, step);
            let key = key.name(&name);
            Ok((table.entry(name).or_insert_with(|| toml::Value::Table(toml::Table::new())), key))
        }
        toml::Value::Array(list) => {
            let len = list.len();
            let index = step.parse::<usize>().ok().filter(|index| *index < len);
            let index = index.ok_or_else(|| format!("`{step}` is no place in `{key}`, which has {len}, counted from 0"))?;
            Ok((&mut list[index], key.index(index)))
        }
        _ => Err(format!("names a key below `{key}`, which is no table")),
    }
}

/// The name as it is written in the table, or in lower case if it is not there.
fn known(table: &toml::Table, step: &str) -> String {
    let same = |name: &String| name.replace('-', "_").eq_ignore_ascii_case(step);
    table.keys().find(|name| same(name)).cloned().unwrap_or_else(|| step.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(text: &str, variable: &str, value: &str) -> Result<String, String> {
        let mut mistakes = Mistakes::default();
        let mut document = Document::parse("x.toml", text, &KeyPath::default(), &mut mistakes).unwrap();
        overlay(&mut document, [(variable.to_owned(), value.to_owned())], &mut mistakes);
        if mistakes.is_empty() { Ok(document.table.to_string()) } else { Err(mistakes.into_problems().to_string()) }
    }

    #[test]
    fn a_variable_sets_a_key() {
        for (text, variable, value, wanted) in [
            ("[listen]\na = 1", "SEGUE_LISTEN__A", "2", "[listen]\na = 2"),
            ("", "SEGUE_LISTEN__TURN_PAUSE_SECS", "0.9", "[listen]\nturn_pause_secs = 0.9"),
            ("[[queue]]\nname = 'a'", "SEGUE_QUEUE__0__NAME", "b", "[[queue]]\nname = \"b\""),
            ("[bot.My-Bot]\nname = 'a'", "SEGUE_BOT__MY_BOT__NAME", "b", "[bot.My-Bot]\nname = \"b\""),
            ("[a]\nlist = ['x', 'y']", "SEGUE_A__LIST__1", "z", "[a]\nlist = [\"x\", \"z\"]"),
            ("[a]\nb = 1", "SEGUE_A__B", "[1, 2]", "[a]\nb = [1, 2]"),
            ("[a]\nb = 1", "SEGUE_CONFIG", "x", "[a]\nb = 1"),
            ("[a]\nb = 1", "OTHER__A__B", "2", "[a]\nb = 1"),
            ("[a]\nb = 1", "SEGUE_A__B", "2\nc = 3", "[a]\nb = '''\n2\nc = 3'''"),
        ] {
            let wanted: toml::Table = wanted.parse().unwrap();
            assert_eq!(with(text, variable, value).map(|t| t.parse().unwrap()), Ok(wanted), "{variable}={value} over {text}");
        }
    }

    #[test]
    fn a_variable_that_fits_nowhere_is_named() {
        for (text, variable, what) in [
            ("[[queue]]\nname = 'a'", "SEGUE_QUEUE__3__NAME", "`3` is no place in `queue`, which has 1"),
            ("[[queue]]\nname = 'a'", "SEGUE_QUEUE__X__NAME", "`X` is no place"),
            ("[a]\nb = 1", "SEGUE_A__B__C", "below `a.b`, which is no table"),
            ("[a]\nb = 1", "SEGUE_A__B__C__D", "below `a.b`, which is no table"),
        ] {
            let told = with(text, variable, "1").unwrap_err();
            assert!(told.starts_with(variable) && told.contains(what), "{told}");
        }
    }
}
