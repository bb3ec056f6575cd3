//! `config/segue.toml` documents every key with its default, and is the configuration that is built in.
//!
//! In it `# text` is an explanation and `#key = value`, without a space, a key at its default (the lines of a long list
//! begin with two spaces). What is in force is the sample: the business line to try things with.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use segue::bot::chat::{ChatTable, ToolTable};
use segue::config::document::Document;
use segue::config::key::{KeyPath, Place};
use segue::config::mistake::Mistakes;
use segue::config::{Config, DOCUMENTED, SAMPLE};
use segue::handoff::notice::default_notices;
use segue::handoff::trigger::{TriggerTable, default_triggers};
use serde_json::Value as Json;

/// Sections whose documented elements are the default elements, compared as a whole.
const WHOLE: [&str; 2] = ["trigger", "notice"];
/// A bot has a file of its own, which documents its keys.
const ELSEWHERE: &str = "bot";

/// The file with every default in force, and which of its lines were defaults.
fn with_defaults() -> (String, Vec<bool>) {
    let is_default = |line: &str| line.strip_prefix('#').is_some_and(|rest| rest.starts_with("  \"") || !rest.is_empty() && !rest.starts_with(' '));
    let lines: Vec<bool> = DOCUMENTED.lines().map(is_default).collect();
    let text = DOCUMENTED.lines().map(|line| if is_default(line) { &line[1..] } else { line }).collect::<Vec<_>>().join("\n");
    (text, lines)
}

fn bot_file(path: &Path) -> io::Result<String> {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("config").join(path))
}

fn as_json(table: &toml::Table) -> Json {
    serde_json::to_value(table).unwrap()
}

#[test]
fn what_is_in_force_has_no_mistake() {
    let built_in = Config::read(None, [], bot_file).unwrap_or_else(|problems| panic!("{problems}"));
    let as_file = Config::read(Some(("config/segue.toml", DOCUMENTED)), [], bot_file).unwrap_or_else(|problems| panic!("{problems}"));
    assert!(built_in == as_file, "the file on its own is not what is built in: does a header in force empty a default?");
}

#[test]
fn only_the_sample_is_in_force() {
    let in_force: toml::Table = DOCUMENTED.parse().unwrap();
    for (section, value) in &in_force {
        let empty = value.as_table().is_some_and(only_headers);
        assert!(SAMPLE.contains(&section.as_str()) || empty, "[{section}] has keys in force; a default stands as `#key = value`");
    }
}

fn only_headers(table: &toml::Table) -> bool {
    table.values().all(|value| value.as_table().is_some_and(only_headers))
}

#[test]
fn every_default_can_be_uncommented() {
    let (text, _) = with_defaults();
    let config = Config::read(Some(("config/segue.toml", &text)), [], bot_file).unwrap_or_else(|problems| panic!("{problems}"));
    let names = |triggers: &[TriggerTable]| triggers.iter().map(|t| t.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&config.trigger), names(&default_triggers()), "all default triggers are shown, in their order");
    for (shown, default) in config.trigger.iter().zip(default_triggers()) {
        agree(&serde_json::to_value(shown).unwrap(), &serde_json::to_value(&default).unwrap(), &default.name);
    }
    assert_eq!(config.notice.keys().collect::<Vec<_>>(), default_notices().keys().collect::<Vec<_>>(), "all default notices are shown");
    for (name, default) in default_notices() {
        agree(&serde_json::to_value(&config.notice[&name]).unwrap(), &serde_json::to_value(&default).unwrap(), &name);
    }
}

/// A key that has no default may be shown with an example.
fn agree(shown: &Json, default: &Json, name: &str) {
    for (key, value) in default.as_object().unwrap().iter().filter(|(_, value)| !value.is_null()) {
        assert!(same(&shown[key], value), "`{name}`: {key} is shown as {}, but its default is {value}", shown[key]);
    }
}

#[test]
fn every_key_of_every_table_is_documented() {
    let (text, _) = with_defaults();
    let schema = Config::schema();
    let mut missing = Vec::new();
    find_missing(&schema, &schema, &[&as_json(&text.parse().unwrap())], "", &mut missing);
    assert!(missing.is_empty(), "config/segue.toml does not document:\n  {}", missing.join("\n  "));
}

/// A bot of a language model is documented here, as it has no file of its own.
#[test]
fn every_key_of_a_language_models_bot_is_documented_with_its_default() {
    let (text, _) = with_defaults();
    let shown = &as_json(&text.parse().unwrap())["bot"]["concierge"]["chat"];
    let chat = serde_json::to_value(ChatTable::default()).unwrap();
    let tool = serde_json::to_value(ToolTable::default()).unwrap();
    for (name, default) in chat.as_object().unwrap() {
        assert!(!shown[name].is_null(), "bot.NAME.chat.{name} is not documented");
        assert!(
            default.is_null() || name == "tool" || same(&shown[name], default),
            "{name} is shown as {}, but its default is {default}",
            shown[name]
        );
    }
    for (name, default) in tool.as_object().unwrap() {
        let shown = &shown["tool"][0][name];
        let is_example = ["name", "description", "url", "parameters"].contains(&name.as_str());
        assert!(!shown.is_null(), "bot.NAME.chat.tool.{name} is not documented");
        assert!(default.is_null() || is_example || same(shown, default), "{name} is shown as {shown}, but its default is {default}");
    }
}

/// Walks the schema beside everything that is written for it.
fn find_missing(root: &Json, node: &Json, written: &[&Json], at: &str, missing: &mut Vec<String>) {
    let node = resolve(root, node);
    if let Some(properties) = node["properties"].as_object() {
        for (name, inner) in properties {
            let key = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
            let below: Vec<&Json> = written.iter().filter_map(|table| table.get(name)).collect();
            if below.is_empty() {
                missing.push(key);
            } else if key != ELSEWHERE {
                find_missing(root, inner, &below, &key, missing);
            }
        }
    } else if node["items"].is_object() {
        let below: Vec<&Json> = written.iter().filter_map(|list| list.as_array()).flatten().collect();
        find_missing(root, &node["items"], &below, &format!("{at}[]"), missing);
    } else if node["additionalProperties"].is_object() {
        let below: Vec<&Json> = written.iter().filter_map(|map| map.as_object()).flat_map(|map| map.values()).collect();
        find_missing(root, &node["additionalProperties"], &below, &format!("{at}.NAME"), missing);
    }
}

fn resolve<'a>(root: &'a Json, node: &'a Json) -> &'a Json {
    let Some(reference) = node["$ref"].as_str().and_then(|r| r.strip_prefix('#')) else { return node };
    resolve(root, root.pointer(reference).unwrap())
}

#[test]
fn the_values_shown_are_the_defaults() {
    let (text, is_default) = with_defaults();
    let document = Document::parse("config/segue.toml", &text, &KeyPath::default(), &mut Mistakes::default()).unwrap();
    let schema = Config::schema();
    let mut wrong = Vec::new();
    let mut compared = 0;
    for (section, value) in &document.table {
        if WHOLE.contains(&section.as_str()) || section == ELSEWHERE {
            continue;
        }
        let node = &schema["properties"][section];
        compare(&schema, node, &serde_json::to_value(value).unwrap(), &KeyPath::default().name(section), &mut |key, shown, default| {
            compared += 1;
            let Some(Place::Line { line, .. }) = document.places.find(key) else { panic!("{key} has no line") };
            if is_default[line - 1] && !default.is_null() && !same(shown, default) {
                wrong.push(format!("{line}: {key} is shown as {shown}, but its default is {default}"));
            }
        });
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(compared > 30, "only {compared} keys were compared");
}

/// Calls `each` with key, value and default of everything that is written for `node`.
fn compare(root: &Json, node: &Json, written: &Json, at: &KeyPath, each: &mut dyn FnMut(&KeyPath, &Json, &Json)) {
    let node = resolve(root, node);
    if let (Some(properties), Some(table)) = (node["properties"].as_object(), written.as_object()) {
        for (name, value) in table {
            let Some(inner) = properties.get(name) else { continue };
            let key = at.name(name);
            if has_tables(root, inner) {
                compare(root, inner, value, &key, each);
            } else {
                each(&key, value, &inner["default"]);
            }
        }
    } else if let Some(list) = written.as_array() {
        list.iter().enumerate().for_each(|(n, value)| compare(root, &node["items"], value, &at.index(n), each));
    } else if let Some(map) = written.as_object() {
        map.iter().for_each(|(name, value)| compare(root, &node["additionalProperties"], value, &at.name(name), each));
    }
}

/// True for a table with keys of its own, and for lists and maps of such.
fn has_tables(root: &Json, node: &Json) -> bool {
    let node = resolve(root, node);
    let inner = [&node["items"], &node["additionalProperties"]];
    node["properties"].is_object() || inner.into_iter().any(|inner| inner.is_object() && has_tables(root, inner))
}

/// Numbers are equal whether written whole or not.
fn same(a: &Json, b: &Json) -> bool {
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => a == b,
        _ => match (a, b) {
            (Json::Array(a), Json::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
            _ => a == b,
        },
    }
}

#[test]
fn a_key_that_is_explained_has_its_words_before_it() {
    // Every default that is shown stands below an explanation in the same block, or beside one.
    let lines: Vec<&str> = DOCUMENTED.lines().collect();
    let mut bare = BTreeMap::new();
    for (n, line) in lines.iter().enumerate() {
        let key = line.trim_start_matches('#').split_once(" = ").map(|(key, _)| key);
        let shown = line.starts_with('#') && !line.starts_with("# ") && key.is_some();
        let block_begins = lines[..n].iter().rposition(|l| l.is_empty()).map_or(0, |at| at + 1);
        if shown && !lines[block_begins..n].iter().any(|l| l.starts_with("# ")) && !line.contains("  # ") {
            bare.insert(n + 1, key.unwrap_or_default());
        }
    }
    assert!(bare.is_empty(), "keys without a word of explanation, by line: {bare:?}");
}
