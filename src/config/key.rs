//! Keys of a configuration, dotted (`queue[0].ring_secs`), and where each was written.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// One step of a key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// A name in a table.
    Name(String),
    /// A place in a list, from 0.
    Index(usize),
}

/// A key from the root of the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyPath(pub Vec<Step>);

impl KeyPath {
    /// The key below this one.
    pub fn name(&self, name: &str) -> KeyPath {
        self.with(Step::Name(name.to_owned()))
    }

    /// The element of this list.
    pub fn index(&self, index: usize) -> KeyPath {
        self.with(Step::Index(index))
    }

    fn with(&self, step: Step) -> KeyPath {
        let mut steps = self.0.clone();
        steps.push(step);
        KeyPath(steps)
    }

    /// This key seen from a parent at `above`.
    pub fn under(&self, above: &KeyPath) -> KeyPath {
        KeyPath(above.0.iter().chain(&self.0).cloned().collect())
    }

    /// True if this is `other` or stands below it.
    pub fn is_within(&self, other: &KeyPath) -> bool {
        self.0.starts_with(&other.0)
    }

    /// Reads what [`fmt::Display`] writes. What can't be read as steps is taken as names.
    pub fn parse(dotted: &str) -> KeyPath {
        let mut steps = Vec::new();
        let mut rest = dotted;
        while !rest.is_empty() {
            if let Some(quoted) = rest.strip_prefix('"') {
                let end = quoted.find('"').unwrap_or(quoted.len());
                steps.push(Step::Name(quoted[..end].to_owned()));
                rest = quoted[end..].trim_start_matches('"');
            } else if let Some((index, after)) = rest.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
                steps.push(index.parse().map_or_else(|_| Step::Name(index.to_owned()), Step::Index));
                rest = after;
            } else {
                let end = rest.char_indices().skip(1).find(|(_, c)| matches!(c, '.' | '[')).map_or(rest.len(), |(at, _)| at);
                steps.push(Step::Name(rest[..end].to_owned()));
                rest = &rest[end..];
            }
            rest = rest.strip_prefix('.').unwrap_or(rest);
        }
        KeyPath(steps)
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, step) in self.0.iter().enumerate() {
            match step {
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Name(name) => {
                    let bare = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
                    let quote = if bare { "" } else { "\"" };
                    let dot = if n == 0 { "" } else { "." };
                    write!(f, "{dot}{quote}{}{quote}", name.replace(['\n', '\r', '"'], "?"))?;
                }
            }
        }
        Ok(())
    }
}

/// Where something was written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// In a file, on this line from 1.
    Line {
        /// As it was named.
        file: Arc<str>,
        /// From 1.
        line: usize,
    },
    /// In the environment, by this variable.
    Variable(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Line { file, line } => write!(f, "{file}:{line}"),
            Place::Variable(name) => f.write_str(name),
        }
    }
}

/// Where each key was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places(pub BTreeMap<KeyPath, Place>);

impl Places {
    /// Where `key` was written, or else the nearest table around it.
    pub fn find(&self, key: &KeyPath) -> Option<&Place> {
        (1..=key.0.len()).rev().find_map(|len| self.0.get(&KeyPath(key.0[..len].to_vec())))
    }

    /// Forgets everything at and below `key`.
    pub fn forget(&mut self, key: &KeyPath) {
        self.0.retain(|known, _| !known.is_within(key));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_can_be_read() {
        for dotted in ["queue[0].ring_secs", "notice.\"a b\".text", "a", "bot.x.intent.y.samples[3]", "list[1][2]"] {
            assert_eq!(KeyPath::parse(dotted).to_string(), dotted);
        }
    }

    #[test]
    fn odd_keys_are_read_to_their_end() {
        for odd in ["", ".", "..", "[", "]", "[x]", "\"", "\"\"", "a..b", "a[", "é.ü"] {
            let _ = KeyPath::parse(odd).to_string();
        }
    }

    #[test]
    fn the_nearest_table_stands_for_an_unwritten_key() {
        let mut places = Places::default();
        let queue = KeyPath::default().name("queue").index(0);
        places.0.insert(queue.clone(), Place::Variable("x".into()));
        assert_eq!(places.find(&queue.name("ring_secs")), Some(&Place::Variable("x".into())));
        assert_eq!(places.find(&KeyPath::parse("queue[1].ring_secs")), None);
    }
}
