//! Reads TOML into a tree of values that remembers the line of each key.

use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::key::{KeyPath, Place, Places};
use super::mistake::{Mistake, Mistakes};

/// A configuration file that is larger is refused before it is read.
pub const MAX_FILE_BYTES: usize = 4 << 20;
/// Syntax errors that are shown; after these the rest is rarely to the point.
const MAX_SYNTAX_ERRORS: usize = 20;

/// A file as it was written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Document {
    /// Its values.
    pub table: toml::Table,
    /// The line of each key.
    pub places: Places,
}

impl Document {
    /// Reads `text`, which stands in `file`. Keys are told below `above`.
    ///
    /// Where the syntax is broken, everything that is wrong with it is noted and nothing is returned.
    pub fn parse(file: &str, text: &str, above: &KeyPath, mistakes: &mut Mistakes) -> Option<Document> {
        if text.len() > MAX_FILE_BYTES {
            mistakes.add(Mistake::of_file(file, format!("has {} bytes; at most {MAX_FILE_BYTES} are read", text.len())));
            return None;
        }
        let lines = Lines::of(text);
        let (parsed, errors) = DeTable::parse_recoverable(text);
        for error in errors.iter().take(MAX_SYNTAX_ERRORS) {
            let (line, column) = lines.position(error.span().map_or(text.len(), |span| span.start));
            let what = error.message().split_whitespace().collect::<Vec<_>>().join(" ");
            mistakes.add(Mistake::of_file(&format!("{file}:{line}:{column}"), format!("no TOML: {what}")));
        }
        if !errors.is_empty() {
            return None;
        }
        let mut reading = Reading { file: file.into(), lines, places: Places::default() };
        let table = reading.table(parsed.get_ref(), above);
        Some(Document { table, places: reading.places })
    }
}

/// Where each line begins.
struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl Lines<'_> {
    fn of(text: &str) -> Lines<'_> {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Lines { text, starts }
    }

    /// Line and column from 1; the column counts characters.
    fn position(&self, byte: usize) -> (usize, usize) {
        let line = self.starts.partition_point(|start| *start <= byte).max(1);
        let start = self.starts[line - 1];
        let column = self.text.get(start..byte.min(self.text.len())).map_or(1, |before| before.chars().count() + 1);
        (line, column)
    }
}

struct Reading<'a> {
    file: Arc<str>,
    lines: Lines<'a>,
    places: Places,
}

impl Reading<'_> {
    fn note(&mut self, key: KeyPath, byte: usize) {
        let (line, _) = self.lines.position(byte);
        self.places.0.insert(key, Place::Line { file: self.file.clone(), line });
    }

    fn table(&mut self, table: &DeTable<'_>, at: &KeyPath) -> toml::Table {
        let mut read = toml::Table::new();
        for (name, value) in table {
            let key = at.name(name.get_ref());
            self.note(key.clone(), name.span().start);
            read.insert(name.get_ref().to_string(), self.value(value, &key));
        }
        read
    }

    fn array(&mut self, array: &DeArray<'_>, at: &KeyPath) -> Vec<toml::Value> {
        let element = |(n, value): (usize, &Spanned<DeValue<'_>>)| {
            let key = at.index(n);
            self.note(key.clone(), value.span().start);
            self.value(value, &key)
        };
        array.iter().enumerate().map(element).collect()
    }

    fn value(&mut self, value: &Spanned<DeValue<'_>>, at: &KeyPath) -> toml::Value {
        match value.get_ref() {
            DeValue::String(text) => toml::Value::String(text.to_string()),
            // Beyond 64 bits it is kept as text, so that its key is named with what would fit.
            DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
                .map_or_else(|_| toml::Value::String(number.as_str().to_owned()), toml::Value::Integer),
            DeValue::Float(number) => toml::Value::Float(number.as_str().parse().unwrap_or(f64::NAN)),
            DeValue::Boolean(truth) => toml::Value::Boolean(*truth),
            DeValue::Datetime(moment) => toml::Value::Datetime(*moment),
            DeValue::Array(array) => toml::Value::Array(self.array(array, at)),
            DeValue::Table(table) => toml::Value::Table(self.table(table, at)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Document, String> {
        let mut mistakes = Mistakes::default();
        Document::parse("x.toml", text, &KeyPath::default(), &mut mistakes).ok_or_else(|| mistakes.into_problems().to_string())
    }

    #[test]
    fn each_key_knows_its_line() {
        let document = read("[listen]\nonset_secs = 0.2\n\n[[queue]]\nname = \"a\"\n[[queue]]\nskills = [\n  \"x\",\n  \"y\"]\n").unwrap();
        for (key, line) in [("listen", 1), ("listen.onset_secs", 2), ("queue[0].name", 5), ("queue[1]", 6), ("queue[1].skills[1]", 9)] {
            let place = document.places.find(&KeyPath::parse(key)).unwrap();
            assert_eq!(place.to_string(), format!("x.toml:{line}"), "{key}");
        }
    }

    #[test]
    fn values_are_those_of_the_toml_crate() {
        let text = "a = 1\nb = -2.5\nc = 0x1f\nd = 'x'\ne = [true, { f = 1_000 }]\ng = inf\nh = 1979-05-27T07:32:00Z\ni = 1e3\nj = 0b101\nk = +7\nl = 1_0.5\n";
        assert_eq!(read(text).unwrap().table, text.parse::<toml::Table>().unwrap());
    }

    #[test]
    fn broken_syntax_is_named_by_line_and_column() {
        let all = read("a = 1\nb = \nc = \"x\nd = 2\n").unwrap_err();
        assert!(all.contains("x.toml:2:") && all.contains("x.toml:3:"), "{all}");
        assert!(read("é = [1,\n").unwrap_err().starts_with("x.toml:"), "an unfinished list");
    }
}
