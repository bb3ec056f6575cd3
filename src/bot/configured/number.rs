//! Numbers in speech: digits as callers say them, and numbers, amounts and times of day in words that any plain
//! synthesizer pronounces.

use super::words::heard;

const DIGITS: [&str; 10] = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
const TEENS: [&str; 10] = ["ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"];
const TENS: [&str; 10] = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
/// Words that a recognizer writes for a digit between two other digits.
const SOUNDS_LIKE: [(&str, &str); 5] = [("for", "4"), ("to", "2"), ("too", "2"), ("ate", "8"), ("won", "1")];
/// Hesitations that may stand inside a number.
const HESITATIONS: [&str; 5] = ["um", "uh", "er", "ah", "and"];
/// Longer numbers are read digit by digit: nobody follows "four thousand seven hundred and eleven" on a phone.
const LONGEST_CARDINAL: usize = 3;

/// A run of digits in a turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DigitRun {
    /// First word.
    pub start: usize,
    /// One past the last word.
    pub end: usize,
    /// The digits.
    pub digits: String,
}

/// The word of a digit.
pub fn digit_word(digit: char) -> &'static str {
    digit.to_digit(10).map_or("", |d| DIGITS[d as usize])
}

/// The runs of digits in a turn: `4711`, `four seven one one`, `four seven double one`, `forty seven eleven`, `oh`.
pub fn digit_runs(words: &[String]) -> Vec<DigitRun> {
    let mut runs: Vec<DigitRun> = Vec::new();
    let mut at = 0;
    while at < words.len() {
        let follows = runs.last().is_some_and(|r| r.end == at || between(words, r.end, at));
        let Some((digits, used)) = digits_at(words, at, follows) else {
            at += 1;
            continue;
        };
        match runs.last_mut().filter(|_| follows) {
            Some(run) => {
                run.digits.push_str(&digits);
                run.end = at + used;
            }
            None => runs.push(DigitRun { start: at, end: at + used, digits }),
        }
        at += used;
    }
    runs
}

fn between(words: &[String], end: usize, at: usize) -> bool {
    words[end..at].iter().all(|w| HESITATIONS.contains(&w.as_str()))
}

/// The digits that begin at a word, and how many words they take.
fn digits_at(words: &[String], at: usize, follows: bool) -> Option<(String, usize)> {
    let word = words[at].as_str();
    if !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit()) {
        return Some((word.to_owned(), 1));
    }
    let single = |at: usize| words.get(at).and_then(|w| single_digit(w));
    if let Some(digit) = single_digit(word) {
        return Some((digit.to_string(), 1));
    }
    let times = match word {
        "double" => 2,
        "triple" => 3,
        _ => 0,
    };
    if times > 0 {
        return single(at + 1).map(|digit| (digit.to_string().repeat(times), 2));
    }
    if let Some(n) = TEENS.iter().position(|w| *w == word) {
        return Some((format!("1{n}"), 1));
    }
    if let Some(tens) = TENS.iter().position(|w| *w == word && !w.is_empty()) {
        return match single(at + 1) {
            Some(unit) if unit != '0' => Some((format!("{tens}{unit}"), 2)),
            _ => Some((format!("{tens}0"), 1)),
        };
    }
    let (_, digit) = SOUNDS_LIKE.iter().find(|(sound, _)| *sound == word)?;
    (follows && single(at + 1).is_some()).then(|| ((*digit).to_owned(), 1))
}

fn single_digit(word: &str) -> Option<char> {
    match word {
        "oh" | "o" | "nought" => Some('0'),
        _ if word.len() == 1 => word.chars().next().filter(char::is_ascii_digit),
        _ => DIGITS.iter().position(|w| *w == word).and_then(|d| char::from_digit(d as u32, 10)),
    }
}

/// Digits one by one, in words.
pub fn spell_digits(digits: &str) -> String {
    digits.chars().filter(char::is_ascii_digit).map(digit_word).collect::<Vec<_>>().join(" ")
}

/// A number below 1,000 in words; larger ones digit by digit.
pub fn cardinal(n: u64) -> String {
    let [d, t, u] = [n / 100, n / 10 % 10, n % 10].map(|part| part as usize);
    let below_hundred = match (t, u) {
        (0, u) => DIGITS[u].to_owned(),
        (1, u) => TEENS[u].to_owned(),
        (t, 0) => TENS[t].to_owned(),
        (t, u) => format!("{} {}", TENS[t], DIGITS[u]),
    };
    match (d, n % 100) {
        (0, _) => below_hundred,
        (1..=9, 0) => format!("{} hundred", DIGITS[d]),
        (1..=9, _) => format!("{} hundred and {below_hundred}", DIGITS[d]),
        _ => spell_digits(&n.to_string()),
    }
}

/// "first" … "thirty first", for days of a month.
pub fn ordinal(day: u8) -> String {
    const ONES: [&str; 20] = [
        "",
        "first",
        "second",
        "third",
        "fourth",
        "fifth",
        "sixth",
        "seventh",
        "eighth",
        "ninth",
        "tenth",
        "eleventh",
        "twelfth",
        "thirteenth",
        "fourteenth",
        "fifteenth",
        "sixteenth",
        "seventeenth",
        "eighteenth",
        "nineteenth",
    ];
    match day {
        0..20 => ONES[usize::from(day)].to_owned(),
        20 => "twentieth".to_owned(),
        30 => "thirtieth".to_owned(),
        _ => format!("{} {}", TENS[usize::from(day / 10).min(9)], ONES[usize::from(day % 10)]),
    }
}

/// A time of day in words: "nine in the morning", "two thirty in the afternoon", "noon".
pub fn clock(hour: u8, minute: u8) -> String {
    let part = match hour {
        0..12 => "in the morning",
        12..18 => "in the afternoon",
        _ => "in the evening",
    };
    let shown = match hour % 12 {
        0 => 12,
        h => h,
    };
    match (hour % 24, minute) {
        (0, 0) => "midnight".to_owned(),
        (12, 0) => "noon".to_owned(),
        (_, 0) => format!("{} {part}", cardinal(shown.into())),
        (_, 1..10) => format!("{} oh {} {part}", cardinal(shown.into()), cardinal(minute.into())),
        _ => format!("{} {} {part}", cardinal(shown.into()), cardinal(minute.into())),
    }
}

/// Writes figures in a text out: `$84.50`, `14:30`, `20`, and longer numbers digit by digit.
pub fn speakable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text.split_inclusive(char::is_whitespace) {
        let bare = word.trim_end();
        let core = bare.trim_end_matches(['.', ',', ';', '?', '!']);
        match in_words(core) {
            Some(said) => {
                out.push_str(&said);
                out.push_str(&word[core.len()..]);
            }
            None => out.push_str(word),
        }
    }
    out
}

fn in_words(figure: &str) -> Option<String> {
    if let Some(sign) = figure.chars().next().filter(|c| "$€£".contains(*c)) {
        return amount(&figure[sign.len_utf8()..], sign);
    }
    if let Some((hour, minute)) = figure.split_once(':') {
        let (hour, minute): (u8, u8) = (small(hour)?, small(minute)?);
        return (hour < 24 && minute < 60).then(|| clock(hour, minute));
    }
    if figure.is_empty() || !figure.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    if figure.len() > LONGEST_CARDINAL || (figure.len() > 1 && figure.starts_with('0')) {
        return Some(spell_digits(figure));
    }
    figure.parse().ok().map(cardinal)
}

fn small(figure: &str) -> Option<u8> {
    (matches!(figure.len(), 1 | 2) && figure.bytes().all(|b| b.is_ascii_digit())).then(|| figure.parse().ok())?
}

fn amount(figure: &str, sign: char) -> Option<String> {
    let (whole, part) = figure.split_once('.').unwrap_or((figure, ""));
    let whole: u64 = whole.parse().ok()?;
    let part: u64 = if part.is_empty() { 0 } else { (part.len() == 2).then(|| part.parse().ok())?? };
    let (one, many, cent, cents) = match sign {
        '€' => ("euro", "euros", "cent", "cents"),
        '£' => ("pound", "pounds", "penny", "pence"),
        _ => ("dollar", "dollars", "cent", "cents"),
    };
    let main = format!("{} {}", thousands(whole), if whole == 1 { one } else { many });
    Some(match part {
        0 => main,
        n => format!("{main} and {} {}", cardinal(n), if n == 1 { cent } else { cents }),
    })
}

/// Amounts of money are read as numbers up to a million.
fn thousands(n: u64) -> String {
    match (n / 1000, n % 1000) {
        (0, rest) => cardinal(rest),
        (k @ 1..1000, 0) => format!("{} thousand", cardinal(k)),
        (k @ 1..1000, rest) => format!("{} thousand {}", cardinal(k), cardinal(rest)),
        _ => spell_digits(&n.to_string()),
    }
}

/// A number below a hundred that stands at a word: its value and how many words it takes.
pub fn small_number_at(words: &[String], at: usize) -> Option<(u8, usize)> {
    let word = words.get(at)?.as_str();
    if let Some(n) = small(word) {
        return Some((n, 1));
    }
    if word == "oh" {
        return None;
    }
    let (digits, used) = match word {
        "double" | "triple" | "o" => return None,
        _ => digits_at(words, at, false)?,
    };
    small(&digits).map(|n| (n, used))
}

/// The digits of a text, whatever stands between them.
pub fn all_digits(text: &str) -> String {
    digit_runs(&heard(text)).into_iter().map(|run| run.digits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_heard_however_they_are_said() {
        for (said, digits) in [
            ("four seven one one", "4711"),
            ("it's 4711", "4711"),
            ("four seven double one", "4711"),
            ("forty seven eleven", "4711"),
            ("oh two um five nought", "0250"),
            ("triple five thirty", "55530"),
            ("four for two to one", "44221"),
            ("4-7-1-1", "4711"),
            ("I want to go for it", ""),
            ("double trouble", ""),
        ] {
            assert_eq!(all_digits(said), digits, "{said}");
        }
    }

    #[test]
    fn runs_are_kept_apart() {
        let runs = digit_runs(&heard("not four seven one one but four seven one two"));
        assert_eq!(runs.iter().map(|r| r.digits.as_str()).collect::<Vec<_>>(), ["4711", "4712"]);
        assert_eq!((runs[0].start, runs[0].end), (1, 5));
    }

    #[test]
    fn figures_are_written_out() {
        for (written, said) in [
            ("You owe $84.50.", "You owe eighty four dollars and fifty cents."),
            ("€1 or £2.01 or $1250", "one euro or two pounds and one penny or one thousand two hundred and fifty dollars"),
            ("at 09:00, 12:00 or 17:05", "at nine in the morning, noon or five oh five in the afternoon"),
            ("Press 0.", "Press zero."),
            ("in 14 days, 105 of 4711, 007", "in fourteen days, one hundred and five of four seven one one, zero zero seven"),
            ("25:61 $ $x 3rd", "25:61 $ $x 3rd"),
        ] {
            assert_eq!(speakable(written), said);
        }
        assert_eq!([ordinal(1), ordinal(12), ordinal(20), ordinal(31)].join(" "), "first twelfth twentieth thirty first");
    }
}
