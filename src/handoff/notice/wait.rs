//! Waits and positions as they are spoken: never the exact figure, always an upper bound (METRICS: NICE's advice).

/// The bounds that are spoken: minutes, and the words.
const BOUNDS: [(f64, &str); 10] = [
    (1.0, "less than one minute"),
    (2.0, "less than two minutes"),
    (3.0, "less than three minutes"),
    (5.0, "less than five minutes"),
    (10.0, "less than ten minutes"),
    (15.0, "less than fifteen minutes"),
    (20.0, "less than twenty minutes"),
    (30.0, "less than half an hour"),
    (45.0, "less than forty-five minutes"),
    (60.0, "less than one hour"),
];
/// What is said beyond the last bound.
const LONGER: &str = "more than one hour";
/// Small numbers in words; larger ones are left to the synthesizer.
const NUMBERS: [&str; 20] = [
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
    "twenty",
];

/// The smallest bound that is spoken for a wait of so many s; `None` beyond an hour, or where the wait is no number.
pub fn wait_bound_secs(wait_s: f64) -> Option<f64> {
    BOUNDS.iter().map(|(minutes, _)| minutes * 60.0).find(|bound| wait_s <= *bound)
}

/// A wait of so many s as it is spoken; `None` if it is no number.
pub fn spoken_wait(wait_s: f64) -> Option<&'static str> {
    if !wait_s.is_finite() {
        return None;
    }
    Some(BOUNDS.iter().find(|(minutes, _)| wait_s <= minutes * 60.0).map_or(LONGER, |(_, words)| words))
}

/// A position as it is spoken.
pub(super) fn spoken_number(n: u32) -> String {
    let word = n.checked_sub(1).and_then(|n| NUMBERS.get(n as usize));
    word.map_or_else(|| n.to_string(), |w| (*w).to_owned())
}

/// The values of a placeholder that are known beforehand.
pub(super) fn known_values(slot: &str, queue_titles: &[String]) -> Vec<String> {
    match slot {
        "queue" => queue_titles.to_vec(),
        "position" => NUMBERS.iter().map(|n| (*n).to_owned()).collect(),
        "wait" => BOUNDS.iter().map(|(_, words)| *words).chain([LONGER]).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}
