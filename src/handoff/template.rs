//! Texts with `{placeholders}`.

use crate::base::Problems;

/// One part of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// As it stands.
    Fixed(String),
    /// To be filled in.
    Slot(String),
}

/// Cuts a template; `{{` and `}}` are braces.
///
/// # Errors
/// What is wrong with it, for a person.
pub(super) fn parse(template: &str) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut fixed = String::new();
    let mut rest = template.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '{' | '}' if rest.peek() == Some(&c) => {
                rest.next();
                fixed.push(c);
            }
            '{' => {
                let mut name = String::new();
                loop {
                    match rest.next() {
                        Some('}') => break,
                        Some(c) if c != '{' => name.push(c),
                        Some(_) | None => return Err(format!("`{{{name}` is never closed; write `{{{{` for a brace")),
                    }
                }
                if !fixed.is_empty() {
                    parts.push(Part::Fixed(std::mem::take(&mut fixed)));
                }
                parts.push(Part::Slot(name.trim().to_owned()));
            }
            '}' => return Err("a `}` was never opened; write `}}` for a brace".into()),
            _ => fixed.push(c),
        }
    }
    if !fixed.is_empty() {
        parts.push(Part::Fixed(fixed));
    }
    Ok(parts)
}

/// Names at `key` what is wrong with a template that may use these placeholders.
pub(super) fn check(template: &str, known: &[&str], key: &str, problems: &mut Problems) {
    match parse(template) {
        Err(what) => problems.add(key, what),
        Ok(parts) => {
            for part in parts {
                if let Part::Slot(name) = part
                    && !known.contains(&name.as_str())
                {
                    let list = known.iter().map(|k| format!("{{{k}}}")).collect::<Vec<_>>().join(", ");
                    problems.add(key, format!("`{{{name}}}` is no placeholder; expected one of {list}"));
                }
            }
        }
    }
}

/// Fills a template in; what is unknown is left out.
pub(super) fn fill(parts: &[Part], value: impl Fn(&str) -> Option<String>) -> String {
    let mut out = String::new();
    for part in parts {
        match part {
            Part::Fixed(text) => out.push_str(text),
            Part::Slot(name) => out.push_str(&value(name).unwrap_or_default()),
        }
    }
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}
