//! The rules of the house, and where a crate breaks them.

use std::collections::BTreeSet;
use std::path::Path;

use super::names::{Meaning, Used, meanings};
use super::tree::{self, Module, Tree};

/// The rooms from the ground up. A room uses only rooms that stand before it.
pub const ROOMS: [&str; 17] = [
    "base",
    "sound",
    "listen",
    "handoff",
    "call",
    "net",
    "speech",
    "bot",
    "edge",
    "connector",
    "store",
    "gateway",
    "replay",
    "console",
    "config",
    "cmd",
    "main",
];

/// Rooms where nothing waits, does I/O, or reads a clock.
pub const PURE: [&str; 5] = ["base", "sound", "listen", "handoff", "call"];

/// Rooms whose children are alternatives to each other and never use each other.
pub const SIBLINGS: [&str; 4] = ["edge", "bot", "speech", "connector"];

/// What the pure side never uses, and why.
const FORBIDDEN: [(&str, &str); 62] = [
    ("tokio", "waits"),
    ("futures", "waits"),
    ("async_std", "waits"),
    ("smol", "waits"),
    ("mio", "does I/O"),
    ("axum", "does I/O"),
    ("reqwest", "does I/O"),
    ("sqlx", "does I/O"),
    ("libloading", "does I/O"),
    ("indicatif", "does I/O"),
    ("anstream", "does I/O"),
    ("std::net", "does I/O"),
    ("std::fs", "does I/O"),
    ("std::os", "does I/O"),
    ("std::io::stdin", "does I/O"),
    ("std::io::stdout", "does I/O"),
    ("std::io::stderr", "does I/O"),
    ("std::println", "does I/O"),
    ("std::print", "does I/O"),
    ("std::eprintln", "does I/O"),
    ("std::eprint", "does I/O"),
    ("std::env", "reads the environment"),
    ("std::process", "is a process's own"),
    ("std::thread", "belongs to a thread"),
    ("std::thread_local", "belongs to a thread"),
    ("std::task", "waits"),
    ("std::time::Instant", "reads a clock"),
    ("std::time::SystemTime", "reads a clock"),
    ("std::time::UNIX_EPOCH", "reads a clock"),
    ("jiff::Zoned::now", "reads a clock"),
    ("jiff::Timestamp::now", "reads a clock"),
    ("jiff::tz::TimeZone::system", "reads the environment"),
    ("uuid::Uuid::now_v7", "reads a clock"),
    ("uuid::Uuid::new_v4", "draws a random number"),
    ("rand", "draws a random number"),
    ("fastrand", "draws a random number"),
    ("getrandom", "draws a random number"),
    ("std::hash::RandomState", "has a random order"),
    ("std::hash::DefaultHasher", "has an order that changes with the compiler"),
    ("std::collections::hash_map", "has a random order"),
    ("std::collections::hash_set", "has a random order"),
    ("std::collections::HashMap", "has a random order"),
    ("std::collections::HashSet", "has a random order"),
    ("parking_lot", "locks"),
    ("std::sync::Mutex", "locks"),
    ("std::sync::RwLock", "locks"),
    ("std::sync::Condvar", "locks"),
    ("std::sync::Once", "locks"),
    ("std::sync::OnceLock", "locks"),
    ("std::sync::LazyLock", "locks"),
    ("std::sync::Barrier", "locks"),
    ("std::sync::ReentrantLock", "locks"),
    ("std::sync::mpsc", "locks"),
    ("std::sync::mpmc", "locks"),
    ("std::sync::poison", "locks"),
    ("std::sync::nonpoison", "locks"),
    ("std::sync::atomic", "locks"),
    ("once_cell", "locks"),
    ("crossbeam", "locks"),
    ("dashmap", "locks"),
    ("rayon", "is threads"),
    ("parking_lot", "locks"),
];

/// One broken rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// Relative to the crate's root: `src/listen.rs`.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// Which rule, and how.
    pub what: String,
}

/// Everything in the crate at `root` that breaks a rule, in order of file and line.
pub fn findings(root: &Path) -> BTreeSet<Finding> {
    let src = root.join("src");
    let (tree, files) = tree::read(&src);
    let mut found = Findings { root, tree: &tree, found: BTreeSet::new() };
    for file in every_file(&src) {
        if !files.contains(&file) && file != src.join("main.rs") {
            found.add(&file, 1, "belongs to no room: no `mod` names it".into());
        }
        if file.file_name().is_some_and(|name| name == "mod.rs") {
            found.add(&file, 1, "stands inside its directory: a module's file is `foo.rs` beside `foo/`".into());
        }
    }
    for module in tree.values() {
        found.module(module);
    }
    found.found
}

fn every_file(dir: &Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap_or_else(|why| panic!("{}: {why}", dir.display())).flatten() {
        let path = entry.path();
        if path.is_dir() {
            files.extend(every_file(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

fn rank(room: &str) -> Option<usize> {
    ROOMS.iter().position(|r| *r == room)
}

struct Findings<'a> {
    root: &'a Path,
    tree: &'a Tree,
    found: BTreeSet<Finding>,
}

impl Findings<'_> {
    fn add(&mut self, file: &Path, line: usize, what: String) {
        let file = file.strip_prefix(self.root).unwrap_or(file).display().to_string();
        self.found.insert(Finding { file, line, what });
    }

    fn module(&mut self, module: &Module) {
        for line in &module.hidden {
            self.add(&module.file, *line, "`#[path]` hides where a module lives".into());
        }
        let Some(room) = module.path.first() else { return };
        if rank(room).is_none() {
            if module.path.len() == 1 {
                self.add(&module.file, 1, format!("`{room}` is no room: the house has {}", ROOMS.join(", ")));
            }
            return;
        }
        let pure = PURE.contains(&room.as_str());
        if pure {
            for line in &module.waits {
                self.add(&module.file, *line, format!("the pure room `{room}` waits (`async` or `.await`)"));
            }
        }
        for used in &module.used {
            for meaning in meanings(self.tree, module, used) {
                let what = match &meaning {
                    Meaning::Own(path, modules) => wrong_room(&module.path, path).or_else(|| wrong_sibling(&module.path, path, *modules)),
                    Meaning::Outside(path) if pure && !used.in_tests => impure(room, path),
                    Meaning::Outside(_) => None,
                };
                if let Some(what) = what {
                    self.add(&module.file, used.line, format!("{what}{}", written(used, &meaning)));
                }
            }
        }
    }
}

/// How it is written, where that is not what it means.
fn written(used: &Used, meaning: &Meaning) -> String {
    let written = used.segments.join("::");
    let (Meaning::Own(meant, _) | Meaning::Outside(meant)) = meaning;
    if *meant == used.segments || written.trim_start_matches("crate::") == meant.join("::") {
        String::new()
    } else {
        format!(" (written `{written}`)")
    }
}

fn wrong_room(from: &[String], to: &[String]) -> Option<String> {
    let (from, room) = (from.first()?, to.first()?);
    let (here, there) = (rank(from)?, rank(room)?);
    (there > here).then(|| format!("`{from}` uses `{}`, but `{room}` stands after it: a room uses only rooms before it", to.join("::")))
}

fn wrong_sibling(from: &[String], to: &[String], modules: usize) -> Option<String> {
    let ([room, child, ..], [other_room, other, ..]) = (from, to) else { return None };
    let sibling = modules >= 2 && room == other_room && child != other && SIBLINGS.contains(&room.as_str());
    sibling.then(|| format!("`{room}::{child}` uses its sibling `{}`: children of `{room}` know only their parent", to.join("::")))
}

fn impure(room: &str, path: &[String]) -> Option<String> {
    let whole = path.join("::").trim_end_matches('!').to_string();
    let covers = |prefix: &str| whole == prefix || whole.strip_prefix(prefix).is_some_and(|rest| rest.starts_with("::"));
    let (_, why) = FORBIDDEN.iter().find(|(prefix, _)| covers(prefix))?;
    Some(format!("the pure room `{room}` uses `{whole}`, which {why}"))
}
