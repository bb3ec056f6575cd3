//! The whole story in a real browser, with nothing made up: callers by SIP, `segue serve` as a process, agents at their pages
//! (`tests/web/story.test.mjs`). Here what each side heard is compared with what the other said.

use std::path::Path;

use hound::{SampleFormat, WavSpec, WavWriter};
use segue::sound::recording::ChannelChoice;

use crate::likeness::{Likeness, read, speech};
use crate::peers::Room;
use crate::web::tried;

/// Samples in a second of what is written here.
const HZ: usize = 8_000;
/// The caller waits so long for the bot to have greeted, in s; and so long after having asked for a person.
const GREETING: usize = 10;
const SEARCH: usize = 8;
/// How often they ask, in case that the recognizer of a busy machine does not understand at once.
const ASKS: usize = 3;
/// Half of what parts utterances, in samples, and the level below which nothing is said.
const PAUSE: usize = HZ / 2;
const QUIET: i16 = 300;

fn write(path: &Path, samples: &[i16]) {
    let spec = WavSpec { channels: 1, sample_rate: HZ as u32, bits_per_sample: 16, sample_format: SampleFormat::Int };
    let mut wav = WavWriter::create(path, spec).unwrap();
    samples.iter().for_each(|&sample| wav.write_sample(sample).unwrap());
    wav.finalize().unwrap();
}

fn silence(secs: usize) -> Vec<i16> {
    vec![0; secs * HZ]
}

/// One utterance of a sample call, counted from 0.
fn utterance(name: &str, n: usize) -> Vec<i16> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("audio/calls").join(format!("{name}.flac"));
    let samples = read(&file, ChannelChoice::Left);
    let mut all: Vec<(usize, usize)> = Vec::new();
    for (at, _) in samples.iter().enumerate().filter(|(_, sample)| sample.abs() > QUIET) {
        match all.last_mut() {
            Some((_, end)) if at - *end < 2 * PAUSE => *end = at,
            _ => all.push((at, at)),
        }
    }
    let (begin, end) = all[n];
    samples[begin.saturating_sub(PAUSE)..samples.len().min(end + PAUSE)].to_vec()
}

#[test]
fn a_story_from_the_bot_to_an_agent_in_a_browser_in_which_each_hears_what_the_other_says() {
    let room = Room::new("story");
    let file = |name: &str| room.path().join(name);
    let agent = speech(&["gets-loud", "fraud", "calm-served-by-the-bot", "order-by-keys"]);
    let asks = [utterance("asks-for-a-person", 1), silence(SEARCH)].concat().repeat(ASKS);
    let caller = [silence(GREETING), asks, speech(&["calm-served-by-the-bot", "repeats-the-question", "gets-loud", "fraud"])].concat();
    write(&file("agent.wav"), &agent);
    write(&file("caller.wav"), &caller);
    let visitor = speech(&["repeats-the-question", "gets-loud", "asks-for-a-person"]);
    write(&file("visitor.wav"), &visitor);
    let segue = Path::new(env!("CARGO_BIN_EXE_segue"));
    if tried("story.test.mjs", true, &[("SEGUE_BIN", segue), ("SEGUE_ROOM", room.path())]) {
        Likeness::of(&caller, &read(&file("agent-heard.wav"), ChannelChoice::Mix)).must_be_good("the agent's page hears the caller");
        Likeness::of(&agent, &read(&file("caller-heard.wav"), ChannelChoice::Right)).must_be_good("the caller hears the agent's microphone");
        Likeness::of(&visitor, &read(&file("agent-heard-visitor.wav"), ChannelChoice::Mix)).must_be_good("the agent's page hears the visitor's");
        Likeness::of(&agent, &read(&file("visitor-heard.wav"), ChannelChoice::Mix)).must_be_good("the visitor's page hears the agent's");
    }
}
