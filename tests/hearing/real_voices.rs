//! Where turns begin and end in real voices (a corpus that is not part of the repository).

use std::path::{Path, PathBuf};
use std::time::Duration;

use segue::base::{Frame, Party, Rate, Time};
use segue::listen::Listener;
use segue::listen::signal::SignalsTable;
use segue::listen::table::ListenTable;
use segue::listen::types::{ListenInput, ListenOutput, ListenerSeat, Turn};
use segue::sound::recording::{ChannelChoice, Recording};

/// Line noise before, between and behind the sentences, in frames.
const QUIET: usize = 100;
/// A sentence begins and ends where its level comes within this of its loudest frame.
const WITHIN_DB: f64 = 30.0;

fn corpus() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus");
    let found = std::env::var_os("SEGUE_CORPUS").map_or(beside, PathBuf::from);
    found.join("emotion").is_dir().then_some(found)
}

fn samples(path: &Path) -> Vec<i16> {
    let file = std::fs::File::open(path).expect("the corpus can be read");
    let extension = path.extension().and_then(|e| e.to_str());
    let recording = Recording::open_at(Box::new(file), extension, ChannelChoice::Left, Rate::Hz8000).expect("a recording");
    recording.read_all(Duration::from_secs(60)).expect("it decodes").to_vec()
}

fn level_db(frame: &[i16]) -> f64 {
    let power = frame.iter().map(|&s| f64::from(s).powi(2)).sum::<f64>() / frame.len().max(1) as f64;
    10.0 * power.max(1.0).log10()
}

/// The turns of a sentence between two stretches of quiet, and where it begins and ends by its level, in ms.
fn heard(sentence: &[i16]) -> (Vec<Turn>, u64, u64) {
    let levels: Vec<f64> = sentence.chunks(160).map(level_db).collect();
    let top = levels.iter().copied().fold(f64::MIN, f64::max);
    let first = levels.iter().position(|l| *l > top - WITHIN_DB).unwrap_or(0);
    let last = levels.iter().rposition(|l| *l > top - WITHIN_DB).unwrap_or(0) + 1;
    let hiss = |n: usize| (n * 7_919 % 13) as i16 - 6;
    let line: Vec<i16> = (0..QUIET * 160).map(hiss).chain(sentence.iter().copied()).chain((0..QUIET * 160).map(hiss)).collect();
    let seat = ListenerSeat { party: Party::Caller, rate: Rate::Hz8000 };
    let mut listener = Listener::new(seat, &ListenTable::default(), &SignalsTable::default());
    let mut turns = Vec::new();
    for (n, chunk) in line.chunks(160).enumerate() {
        listener.handle(ListenInput::Audio(Frame::from_samples(Rate::Hz8000, chunk)), Time::from_millis((n as u64 + 1) * 20));
        loop {
            match listener.poll() {
                ListenOutput::Idle(_) => break,
                ListenOutput::TurnEnded(turn) => turns.push(turn),
                _ => {}
            }
        }
    }
    (turns, (QUIET + first) as u64 * 20, (QUIET + last) as u64 * 20)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

#[test]
fn turns_begin_and_end_with_the_voice() {
    let Some(corpus) = corpus() else {
        eprintln!("SKIPPED: no corpus of real voices; say where it is with SEGUE_CORPUS");
        return;
    };
    let mut files: Vec<PathBuf> = std::fs::read_dir(corpus.join("emotion")).expect("a directory").map(|f| f.expect("an entry").path()).collect();
    files.sort();
    let (mut began, mut ended, mut whole, mut none) = (Vec::new(), Vec::new(), 0, 0);
    let taken = files.iter().step_by(4);
    let count = taken.len();
    for path in taken {
        let (turns, start, end) = heard(&samples(path));
        let (Some(first), Some(last)) = (turns.first(), turns.last()) else {
            none += 1;
            continue;
        };
        whole += usize::from(turns.len() == 1);
        began.push(first.start.as_secs_f64() * 1e3 - start as f64);
        ended.push(last.end.as_secs_f64() * 1e3 - end as f64);
    }
    let (began, ended) = (median(began), median(ended));
    println!("{count} sentences: {none} unheard, {whole} in one turn; median begin {began:+.0} ms, end {ended:+.0} ms against the level");
    assert!(none * 50 <= count, "{none} of {count} sentences unheard");
    assert!(whole * 10 >= count * 8, "only {whole} of {count} sentences in one turn");
    assert!(began.abs() <= 100.0 && ended.abs() <= 100.0, "{began} {ended}");
}
