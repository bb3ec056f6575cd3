//! What is wrong with a configuration, told once for each key and in the order of the lines.

use super::key::{KeyPath, Place, Places, Step};
use crate::base::Problems;

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mistake {
    place: Option<Place>,
    file: String,
    key: KeyPath,
    what: String,
}

impl Mistake {
    /// A mistake of one key; where it stands is found when all is told.
    pub fn of_key(key: KeyPath, what: impl Into<String>) -> Mistake {
        Mistake { place: None, file: String::new(), key, what: what.into() }
    }

    /// A mistake of a whole file, or of its syntax (`file` then has line and column).
    pub fn of_file(file: &str, what: impl Into<String>) -> Mistake {
        Mistake { place: None, file: file.to_owned(), key: KeyPath::default(), what: what.into() }
    }
}

/// The mistakes found so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mistakes {
    found: Vec<Mistake>,
}

impl Mistakes {
    /// Notes one.
    pub fn add(&mut self, mistake: Mistake) {
        self.found.push(mistake);
    }

    /// Notes what a room found, unless a mistake at the same key or around it is known: then it is only its consequence.
    pub fn add_all(&mut self, problems: Problems, original: impl Fn(&KeyPath) -> KeyPath) {
        for problem in problems.0 {
            let key = original(&KeyPath::parse(&problem.key));
            if !self.found.iter().any(|known| known.file.is_empty() && (key.is_within(&known.key) || known.key.is_within(&key))) {
                self.found.push(Mistake::of_key(key, problem.what));
            }
        }
    }

    /// True if something in this section may not be known by its name because it is wrong itself.
    pub fn hide_names_of(&self, section: &str) -> bool {
        let section = KeyPath::default().name(section);
        let hides = |key: &KeyPath| key.is_within(&section) && (key.0.len() <= 2 || key.0[2..] == [Step::Name("name".into())]);
        self.found.iter().any(|mistake| mistake.file.is_empty() && hides(&mistake.key))
    }

    /// True if nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Says where each key was written.
    pub fn locate(&mut self, places: &Places) {
        for mistake in &mut self.found {
            if mistake.place.is_none() && mistake.file.is_empty() {
                mistake.place = places.find(&mistake.key).cloned();
            }
        }
    }

    /// All of them, in the order of their places: one line each, `config/segue.toml:41: queue[0].ring_secs: …`.
    pub fn into_problems(mut self) -> Problems {
        self.found.sort();
        self.found.dedup();
        let mut problems = Problems::default();
        for Mistake { place, file, key, what } in self.found {
            let whole = match (&place, file.is_empty()) {
                (_, false) => file,
                (Some(place), true) => format!("{place}: {key}"),
                (None, true) => key.to_string(),
            };
            problems.add(whole, what.replace(['\n', '\r'], " "));
        }
        problems
    }
}
