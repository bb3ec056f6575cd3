//! Says in plain words why a value does not fit, and what was probably meant.

/// A suggestion has at least this similarity (Jaro–Winkler, 0..1): `ring_sec` for `ring_secs`, not `name` for `title`.
const LEAST_SIMILARITY: f64 = 0.8;
/// More names than this are not listed.
const MAX_LISTED: usize = 12;
/// A longer value is shown cut.
const MAX_SHOWN_CHARS: usize = 60;

/// The name among `known` that is most like `written`, if any is.
pub fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let written = written.to_lowercase();
    let similar = known.into_iter().map(|name| (strsim::jaro_winkler(&written, &name.to_lowercase()), name));
    similar.filter(|(similarity, _)| *similarity >= LEAST_SIMILARITY).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, name)| name)
}

/// `; did you mean `x`?`, or the names that there are.
pub fn suggestion(written: &str, known: &[&str]) -> String {
    if let Some(name) = nearest(written, known.iter().copied()) {
        return format!("; did you mean `{name}`?");
    }
    match known.len() {
        0 => String::new(),
        1..=MAX_LISTED => format!("; there is {}", quoted(known)),
        more => format!("; there is {} and {} more", quoted(&known[..MAX_LISTED]), more - MAX_LISTED),
    }
}

fn quoted(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// What serde says, as a person would.
#[derive(Debug, PartialEq, Eq)]
pub enum Said {
    /// A key that is not known.
    UnknownKey {
        /// The key.
        key: String,
        /// With a suggestion.
        what: String,
    },
    /// A key that must be there.
    MissingKey(String),
    /// A value that does not fit.
    Wrong(String),
}

/// Translates the message of a deserializer.
pub fn translate(message: &str) -> Said {
    let message = message.split_whitespace().collect::<Vec<_>>().join(" ");
    let ticked = |text: &str| text.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    if let Some((_, rest)) = message.split_once("unknown field `")
        && let Some((key, rest)) = rest.split_once("`")
    {
        let known = ticked(rest);
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        return Said::UnknownKey { key: key.to_owned(), what: format!("is no key{}", suggestion(key, &known)) };
    }
    if let Some((_, rest)) = message.split_once("unknown variant `")
        && let Some((word, rest)) = rest.split_once("`")
    {
        let known = ticked(rest);
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        let nearest = nearest(word, known.iter().copied()).map_or(String::new(), |name| format!("; did you mean `{name}`?"));
        return Said::Wrong(format!("`{word}` must be one of {}{nearest}", quoted(&known)));
    }
    if let Some((_, rest)) = message.split_once("missing field `") {
        return Said::MissingKey(rest.split('`').next().unwrap_or_default().to_owned());
    }
    if message.ends_with("expected string only") {
        return Said::Wrong("must be one of its words in quotes".into());
    }
    if let Some(rest) = message.strip_prefix("invalid type: ").or_else(|| message.strip_prefix("invalid value: "))
        && let Some((got, expected)) = rest.rsplit_once(", expected ")
    {
        return Said::Wrong(format!("is {}; must be {}", plain_got(got), plain_expected(expected)));
    }
    Said::Wrong(shown(&message))
}

fn shown(text: &str) -> String {
    if text.chars().count() <= MAX_SHOWN_CHARS * 4 { text.to_owned() } else { text.chars().take(MAX_SHOWN_CHARS * 4).chain(['…']).collect() }
}

fn plain_got(got: &str) -> String {
    match got {
        "map" => "a table".into(),
        "sequence" => "a list".into(),
        _ => {
            let (kind, value) = got.split_once(' ').unwrap_or(("", got));
            let value: String = value.trim_matches('`').chars().take(MAX_SHOWN_CHARS).collect();
            match kind {
                "string" | "integer" | "boolean" | "character" => value,
                "floating" => value.trim_start_matches("point ").trim_matches('`').to_owned(),
                _ => got.chars().take(MAX_SHOWN_CHARS).collect(),
            }
        }
    }
}

fn plain_expected(expected: &str) -> String {
    let plain = match expected {
        "a string" => "text in quotes",
        "path string" => "a path in quotes",
        "a boolean" => "true or false",
        "a character" => "one character in quotes",
        "f64" | "f32" => "a number",
        "a sequence" => "a list",
        "a map" => "a table",
        "i64" | "i32" | "i16" | "i8" => "a whole number",
        "u64" | "usize" | "u32" => "a whole number, 0 or more",
        "u16" => "a whole number between 0 and 65535",
        "u8" => "a whole number between 0 and 255",
        "a nonzero u32" | "a nonzero usize" => "a whole number, 1 or more",
        _ if expected.starts_with("struct ") => "a table",
        _ if expected.starts_with("enum ") || expected == "string or table" => "one of its words in quotes",
        _ => expected,
    };
    plain.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_understood_and_a_stranger_is_not() {
        assert_eq!(nearest("ring_sec", ["name", "ring_secs", "skills"]), Some("ring_secs"));
        assert_eq!(nearest("Suport", ["billing", "support"]), Some("support"));
        assert_eq!(nearest("title", ["name"]), None);
    }

    #[test]
    fn messages_of_serde_become_plain() {
        let wrong = |text: &str| Said::Wrong(text.into());
        for (message, said) in [
            ("invalid type: string \"ten\", expected f64", wrong("is \"ten\"; must be a number")),
            ("invalid value: integer `-1`, expected u32", wrong("is -1; must be a whole number, 0 or more")),
            ("invalid type: floating point `1.5`, expected u32", wrong("is 1.5; must be a whole number, 0 or more")),
            ("invalid type: map, expected a sequence", wrong("is a table; must be a list")),
            (
                "unknown variant `trasnfer`, expected one of `transfer`, `offer`, `off`",
                wrong("`trasnfer` must be one of `transfer`, `offer`, `off`; did you mean `transfer`?"),
            ),
            ("missing field `name`", Said::MissingKey("name".into())),
            (
                "unknown field `ring_sec`, expected `ring_secs` or `name`",
                Said::UnknownKey { key: "ring_sec".into(), what: "is no key; did you mean `ring_secs`?".into() },
            ),
            ("something else", wrong("something else")),
        ] {
            assert_eq!(translate(message), said, "{message}");
        }
    }
}
