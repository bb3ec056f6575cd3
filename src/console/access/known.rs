//! Who was let in lately, and by which session they opened a line: what they hear ends with their access, and who has a call gets on
//! with it while the store is away.

use std::collections::BTreeMap;

use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};

use super::Person;
use crate::base::AgentId;

/// While the store is away somebody is believed to be who they were when it was last asked, for so long: a call is not longer as a
/// rule. Nobody's access can be taken from them in the store meanwhile, and what is taken from them here is forgotten at once.
const BELIEVED: Duration = Duration::from_secs(900);
/// Sessions that are remembered; further ones are not.
const REMEMBERED: usize = 10_000;

/// Whose access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose<'a> {
    /// Of everybody who has signed in by this name.
    Person(&'a str),
    /// Of one session, by its fingerprint.
    Session(&'a str),
    /// Of the program with the key of this name.
    Program(&'a str),
}

impl Whose<'_> {
    /// Whether it is theirs who have this name and this session; programs have none.
    pub(crate) fn is(self, name: &str, session: Option<&str>) -> bool {
        match self {
            Whose::Person(person) => session.is_some() && person.to_lowercase() == name.to_lowercase(),
            Whose::Session(ended) => session == Some(ended),
            Whose::Program(program) => session.is_none() && program == name,
        }
    }
}

/// A line, and who opened it.
#[derive(Debug)]
struct Opened {
    line: u64,
    name: String,
    session: Option<String>,
}

#[derive(Debug, Default)]
struct Inner {
    people: BTreeMap<String, (Person, Instant)>,
    lines: BTreeMap<AgentId, Opened>,
}

/// Who was let in lately, and their lines.
#[derive(Debug, Default)]
pub(crate) struct Known(Mutex<Inner>);

impl Known {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock()
    }

    /// The store has just said whose session it is.
    pub(crate) fn see(&self, session: String, person: &Person) {
        let mut inner = self.inner();
        if inner.people.len() >= REMEMBERED {
            inner.people.retain(|_, (_, seen)| seen.elapsed() < BELIEVED);
        }
        if inner.people.len() < REMEMBERED || inner.people.contains_key(&session) {
            inner.people.insert(session, (person.clone(), Instant::now()));
        }
    }

    /// The store says that it is nobody's any more.
    pub(crate) fn forget(&self, session: &str) {
        self.inner().people.remove(session);
    }

    /// Whose session it was a moment ago.
    pub(crate) fn recall(&self, session: &str) -> Option<Person> {
        self.inner().people.get(session).filter(|(_, seen)| seen.elapsed() < BELIEVED).map(|(person, _)| person.clone())
    }

    /// Somebody has opened a line.
    pub(crate) fn opened(&self, owner: &AgentId, line: u64, name: &str, session: Option<String>) {
        self.inner().lines.insert(owner.clone(), Opened { line, name: name.to_owned(), session });
    }

    /// Forgets them; gives the lines that they have opened, by owner and number.
    pub(crate) fn end(&self, whose: Whose) -> Vec<(AgentId, u64)> {
        let mut inner = self.inner();
        inner.people.retain(|session, (person, _)| !whose.is(&person.name, Some(session)));
        let mut lines = Vec::new();
        inner.lines.retain(|owner, opened| {
            let is_theirs = whose.is(&opened.name, opened.session.as_deref());
            if is_theirs {
                lines.push((owner.clone(), opened.line));
            }
            !is_theirs
        });
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::people::Role;

    fn person(name: &str) -> Person {
        Person { name: name.into(), title: name.into(), role: Role::Supervisor, agent: None }
    }

    #[test]
    fn what_somebody_has_ends_with_their_access_and_nothing_else_does() {
        let (sues, bens, desk) = (AgentId::from("supervisor:sue"), AgentId::from("ben"), AgentId::from("sue"));
        for (whose, lines, left) in [
            (Whose::Person("SUE"), vec![(desk.clone(), 8), (sues.clone(), 7)], vec!["c"]),
            (Whose::Session("a"), vec![(sues.clone(), 7)], vec!["b", "c"]),
            (Whose::Session("none"), vec![], vec!["a", "b", "c"]),
            (Whose::Program("sue"), vec![], vec!["a", "b", "c"]),
        ] {
            let known = Known::default();
            for (session, name) in [("a", "sue"), ("b", "Sue"), ("c", "ben")] {
                known.see(session.into(), &person(name));
            }
            for (owner, line, name, session) in [(&sues, 7, "sue", "a"), (&desk, 8, "Sue", "b"), (&bens, 9, "ben", "c")] {
                known.opened(owner, line, name, Some(session.into()));
            }
            assert_eq!(known.end(whose), lines, "{whose:?}");
            assert_eq!(["a", "b", "c"].into_iter().filter(|session| known.recall(session).is_some()).collect::<Vec<_>>(), left, "{whose:?}");
            assert_eq!(known.end(whose), [], "twice: {whose:?}");
        }
    }

    #[test]
    fn a_program_has_no_session() {
        assert!(Whose::Program("robot").is("robot", None) && !Whose::Program("robot").is("robot", Some("a")));
        assert!(!Whose::Person("robot").is("robot", None));
    }
}
