//! Whatever is written in a configuration, reading it ends in a configuration or in mistakes with a place or a key, never in a panic.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use segue::config::{Config, DOCUMENTED};

/// Texts of which each is read in this run.
const MUTATIONS: u64 = 8_000;
/// What is put in, beside what is there already.
const DICTIONARY: [&str; 40] = [
    "[",
    "]",
    "[[",
    "]]",
    "{",
    "}",
    "=",
    "\"",
    "'",
    "\"\"\"",
    "#",
    ".",
    ",",
    "\n",
    "\r\n",
    "\0",
    "\u{feff}",
    "é",
    "‹",
    "\\u{110000}",
    "\\u0000",
    "-1",
    "0",
    "1e999",
    "nan",
    "inf",
    "-inf",
    "99999999999999999999",
    "9223372036854775807",
    "0x",
    "1979-05-27",
    "true",
    "[]",
    "{}",
    "*",
    "{reason}",
    "{",
    "[entry]\n",
    "[[queue]]\n",
    "size(signals) > 0",
];

/// SplitMix64 (Steele, Lea and Flood 2014): the same mutations on every machine.
struct Dice(u64);

impl Dice {
    fn throw(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % sides.max(1) as u64) as usize
    }
}

/// The documented configuration with its defaults in force, cut at its empty lines, so that a text is short and a mistake is near.
fn parts() -> Vec<String> {
    let uncommented = DOCUMENTED.lines().map(|line| match line.strip_prefix('#') {
        Some(rest) if !rest.starts_with(' ') || rest.starts_with("  \"") => rest,
        _ => line,
    });
    let text = uncommented.collect::<Vec<_>>().join("\n");
    text.split("\n\n").filter(|part| part.lines().any(|line| !line.starts_with('#'))).map(str::to_owned).collect()
}

fn mutated(parts: &[String], dice: &mut Dice) -> String {
    let mut text = (0..=dice.throw(3)).map(|_| parts[dice.throw(parts.len())].as_str()).collect::<Vec<_>>().join("\n");
    for _ in 0..=dice.throw(4) {
        let places: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
        let (a, b) = (places[dice.throw(places.len())], places[dice.throw(places.len())]);
        let (from, to) = (a.min(b), a.max(b));
        match dice.throw(7) {
            0 => text.insert_str(from, DICTIONARY[dice.throw(DICTIONARY.len())]),
            1 => text.truncate(from),
            2 => text.replace_range(from..to, ""),
            3 => text.replace_range(from..places[(places.iter().position(|p| *p == from).unwrap() + 1).min(places.len() - 1)], ""),
            4 => {
                let copy = text[from..to].to_owned();
                text.insert_str(to, &copy);
            }
            5 => swap_value(&mut text, dice),
            _ => {
                let word = DICTIONARY[dice.throw(DICTIONARY.len())];
                text.replace_range(from..from + text[from..to].char_indices().nth(3).map_or(0, |(at, _)| at), word);
            }
        }
    }
    text
}

/// Gives a key another value: the mutation that gets past the parser.
fn swap_value(text: &mut String, dice: &mut Dice) {
    let keys: Vec<usize> = text.match_indices(" = ").map(|(at, _)| at + 3).collect();
    let Some(at) = keys.get(dice.throw(keys.len())) else { return };
    let end = text[*at..].find('\n').map_or(text.len(), |len| at + len);
    text.replace_range(*at..end, DICTIONARY[dice.throw(DICTIONARY.len())]);
}

fn read(text: &str) -> Result<Config, String> {
    Config::read(Some(("x.toml", text)), [], |_: &Path| Err(io::ErrorKind::NotFound.into())).map_err(|problems| problems.to_string())
}

#[test]
fn no_text_makes_it_panic_and_every_mistake_has_a_place() {
    let parts = parts();
    assert!(parts.len() > 30, "only {} parts", parts.len());
    let workers = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    let outcomes: Vec<(u64, u64)> = std::thread::scope(|scope| {
        let work = |worker: u64| {
            let parts = &parts;
            scope.spawn(move || {
                let (mut fine, mut wrong) = (0, 0);
                for seed in (worker..MUTATIONS).step_by(workers as usize) {
                    let text = mutated(parts, &mut Dice(seed));
                    let outcome = catch_unwind(AssertUnwindSafe(|| read(&text)));
                    match outcome.unwrap_or_else(|_| panic!("seed {seed} makes it panic:\n{text}")) {
                        Ok(_) => fine += 1,
                        Err(told) => {
                            wrong += 1;
                            assert!(!told.is_empty(), "seed {seed}: refused without a reason:\n{text}");
                            told.lines().for_each(|line| assert!(has_place(line), "seed {seed}: {line:?} has neither line nor key:\n{text}"));
                        }
                    }
                }
                (fine, wrong)
            })
        };
        let all: Vec<_> = (0..workers).map(work).collect();
        all.into_iter().map(|worker| worker.join().unwrap()).collect()
    });
    let (fine, wrong) = outcomes.iter().fold((0, 0), |sum, some| (sum.0 + some.0, sum.1 + some.1));
    println!("{fine} of {MUTATIONS} mutated texts are configurations, {wrong} are refused");
    assert!(fine > MUTATIONS / 50 && wrong > MUTATIONS / 2, "the mutations are too wild or too tame: {fine} fine, {wrong} wrong");
}

/// `x.toml:3:…: what`, or `key[0].inner: what`.
fn has_place(line: &str) -> bool {
    let Some((place, what)) = line.split_once(": ") else { return false };
    let line_of_file = place.strip_prefix("x.toml:").is_some_and(|n| n.split(':').all(|n| n.parse::<usize>().is_ok()));
    let key = ["entry", "queue", "agent", "hours", "bot", "trigger", "notice", "listen", "signal", "speech"]
        .iter()
        .any(|section| place.starts_with(section));
    (line_of_file || key) && !what.is_empty()
}
