//! Measures the embedded recognizer on a person's recorded prompts over a µ-law line: word errors of a closed set of
//! sentences, how many are accepted, how many of other sentences are, and the work per second of sound.
//!
//! `apt-get install asterisk-core-sounds-en-wav` for the recordings, then `cargo bench --bench ear`.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use segue::base::{CallId, Frame, LegId, Rate, Time, UtteranceId};
use segue::speech::pocketsphinx::PocketSphinx;
use segue::speech::{Answering, EarOpening, PocketSphinxTable, Recognizer, RecognizerStream};

/// What callers say to a small business line; no prompt is one of these.
const BUSINESS: [&str; 16] = [
    "what are your opening hours",
    "are you open on saturday",
    "where is my order",
    "i want to know the status of my order",
    "my order has not arrived yet",
    "i have a question about my invoice",
    "the invoice is wrong",
    "i was charged twice",
    "i would like to make an appointment",
    "can i come on tuesday morning",
    "yes please",
    "no thank you",
    "agent",
    "operator",
    "representative please",
    "i want to talk to a person",
];
const SOUNDS: &str = "/usr/share/asterisk/sounds/en_US_f_Allison";
const TEXTS: &str = "/usr/share/doc/asterisk-core-sounds-en/core-sounds-en.txt.gz";

fn now<T>(mut answering: Answering<'_, T>) -> T {
    match answering.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer.expect("the engine works"),
        Poll::Pending => panic!("an embedded engine let us wait"),
    }
}

fn mulaw(sample: i16) -> i16 {
    let (sign, magnitude) = (i32::from(sample.signum()), i32::from(sample).abs().min(32_635) + 132);
    let segment = (0..8).rev().find(|e| magnitude >= 128 << e).unwrap_or(0);
    let step = (magnitude >> (segment + 3)) & 15;
    (sign * ((((step << 3) + 132) << segment) - 132)) as i16
}

fn clean(text: &str) -> String {
    text.to_lowercase().split(|c: char| !(c.is_alphanumeric() || c == '\'')).filter(|w| !w.is_empty()).collect::<Vec<_>>().join(" ")
}

fn errors(said: &str, heard: &str) -> usize {
    let heard: Vec<&str> = heard.split_whitespace().collect();
    let mut row: Vec<usize> = (0..=heard.len()).collect();
    for (i, word) in said.split_whitespace().enumerate() {
        let mut last = row[0];
        row[0] = i + 1;
        for (j, other) in heard.iter().enumerate() {
            let best = (last + usize::from(word != *other)).min(row[j] + 1).min(row[j + 1] + 1);
            last = std::mem::replace(&mut row[j + 1], best);
        }
    }
    row[heard.len()]
}

/// Name, text and sound of the prompts between three and fourteen words.
fn prompts() -> BTreeMap<String, (String, Vec<i16>)> {
    let mut text = String::new();
    let gunzip = Command::new("gzip").args(["-dc", TEXTS]).stdout(Stdio::piped()).spawn();
    gunzip.expect("gzip").stdout.expect("piped").read_to_string(&mut text).expect("the texts are UTF-8");
    let entry = |line: &str| {
        let (name, text) = line.split_once(": ")?;
        let words = text.split_whitespace().count();
        let plain = (3..=14).contains(&words) && !text.contains(['[', '(', '<']) && !text.contains(char::is_numeric);
        let mut wav = hound::WavReader::open(Path::new(SOUNDS).join(format!("{name}.wav"))).ok().filter(|_| plain)?;
        let sound: Vec<i16> = wav.samples::<i16>().map_while(Result::ok).collect();
        (wav.spec().sample_rate == 8_000).then(|| (name.to_owned(), (clean(text), sound)))
    };
    text.lines().filter_map(entry).collect()
}

fn hear(stream: &mut dyn RecognizerStream, n: u32, sound: &[i16]) -> segue::listen::types::Hypothesis {
    now(stream.begin(UtteranceId(n), Time::ZERO));
    for part in sound.chunks(160) {
        let line: Vec<i16> = part.iter().map(|&s| mulaw(s)).collect();
        now(stream.push(Frame::from_samples(Rate::Hz8000, &line)));
    }
    now(stream.end())
}

/// Processor time of this process in seconds, of 10 ms each (proc(5), fields 14 and 15).
fn cpu_secs() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

fn memory_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let resident = status.lines().find_map(|l| l.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse::<f64>().ok());
    resident.unwrap_or(0.0) / 1_024.0
}

/// What became of a set of sentences.
#[derive(Default)]
struct Tally {
    words: usize,
    wrong: usize,
    accepted: usize,
    right: usize,
    right_accepted: usize,
}

fn measure(name: &str, ear: &PocketSphinx, set: &[(String, Vec<i16>)]) {
    let opening = EarOpening { call: CallId(uuid::Uuid::nil()), leg: LegId::CALLER, rate: Rate::Hz8000, language: "en".into() };
    let mut stream = now(ear.open(opening));
    let (mut tally, mut secs, started) = (Tally::default(), 0.0, cpu_secs());
    let verbose = std::env::args().any(|a| a == "-v");
    for ((text, sound), n) in set.iter().zip(0..) {
        let heard = hear(stream.as_mut(), n, sound);
        let count = errors(text, &heard.text);
        if verbose {
            println!("{count} {} {:.3} {text:?} -> {:?}", heard.accepted, heard.confidence.unwrap_or(-1.0), heard.text);
        }
        tally.words += text.split_whitespace().count();
        tally.wrong += count;
        tally.accepted += usize::from(heard.accepted);
        tally.right += usize::from(count == 0);
        tally.right_accepted += usize::from(count == 0 && heard.accepted);
        secs += sound.len() as f64 / 8_000.0;
    }
    println!(
        "{name}: {} sentences, {} words, {:.1} % word errors, {} accepted ({} of the {} without an error), {:.3} s of work a second of {secs:.0}",
        set.len(),
        tally.words,
        100.0 * tally.wrong as f64 / tally.words as f64,
        tally.accepted,
        tally.right_accepted,
        tally.right,
        (cpu_secs() - started) / secs
    );
}

fn main() {
    let prompts: Vec<(String, Vec<i16>)> = prompts().into_values().collect();
    let (inside, outside): (Vec<_>, Vec<_>) = prompts.into_iter().enumerate().partition(|(n, _)| n % 4 == 0);
    let inside: Vec<_> = inside.into_iter().map(|(_, prompt)| prompt).collect();
    let outside: Vec<_> = outside.into_iter().map(|(_, prompt)| prompt).collect();
    let sentences: Vec<String> = inside.iter().map(|(text, _)| text.clone()).collect();
    let (before, started) = (memory_mb(), Instant::now());
    let ear = PocketSphinx::load(&PocketSphinxTable::default(), &sentences).expect("the packages are installed");
    println!("{} sentences loaded in {:?}, {:.0} MB; guessed: {:?}", sentences.len(), started.elapsed(), memory_mb() - before, ear.guessed());
    measure("the same sentences", &ear, &inside);
    measure("sentences that share words with them", &ear, &outside);
    println!("{:.0} MB after that", memory_mb() - before);
    let opening = EarOpening { call: CallId(uuid::Uuid::nil()), leg: LegId::CALLER, rate: Rate::Hz8000, language: "en".into() };
    let mut legs: Vec<_> = (0..11).map(|_| now(ear.open(opening.clone()))).collect();
    let (first, more) = (memory_mb(), Instant::now());
    for leg in &mut legs {
        now(leg.begin(UtteranceId(0), Time::ZERO));
        inside[0].1.chunks(160).for_each(|part| drop(now(leg.push(Frame::from_samples(Rate::Hz8000, part)))));
    }
    println!(
        "{:.1} MB and {:?} (opened, and one prompt decoded) for each further one who speaks at the same time",
        (memory_mb() - first) / 10.0,
        more.elapsed() / 10
    );
    drop(legs);
    let tables = segue::config::Config::load(None).expect("the built-in configuration is right");
    let mut all = segue::listen::signal::heard_phrases(&tables.signal);
    for bot in segue::bot::Bots::load(&tables.bot).there.values() {
        all.extend(bot.vocabulary());
    }
    let gateway = PocketSphinx::load(&PocketSphinxTable::default(), &all).expect("the packages are installed");
    println!("{} sentences of the built-in configuration", all.len());
    measure("the same speaker, everything that the built-in configuration listens for", &gateway, &outside);
    let business = PocketSphinx::load(&PocketSphinxTable::default(), &BUSINESS.map(str::to_owned)).expect("the packages are installed");
    measure("the same speaker, nothing in common with what is listened for", &business, &outside);
}
