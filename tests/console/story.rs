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
const SEARCH: usize = 6;

fn write(path: &Path, samples: &[i16]) {
    let spec = WavSpec { channels: 1, sample_rate: HZ as u32, bits_per_sample: 16, sample_format: SampleFormat::Int };
    let mut wav = WavWriter::create(path, spec).unwrap();
    samples.iter().for_each(|&sample| wav.write_sample(sample).unwrap());
    wav.finalize().unwrap();
}

fn silence(secs: usize) -> Vec<i16> {
    vec![0; secs * HZ]
}

#[test]
fn a_story_from_the_bot_to_an_agent_in_a_browser_in_which_each_hears_what_the_other_says() {
    let room = Room::new("story");
    let file = |name: &str| room.path().join(name);
    let agent = speech(&["gets-loud", "fraud", "calm-served-by-the-bot", "order-by-keys"]);
    let talks = speech(&["calm-served-by-the-bot", "repeats-the-question", "gets-loud", "fraud"]);
    write(&file("agent.wav"), &agent);
    write(&file("caller.wav"), &[silence(GREETING), speech(&["asks-for-a-person"]), silence(SEARCH), talks.clone()].concat());
    let segue = Path::new(env!("CARGO_BIN_EXE_segue"));
    if tried("story.test.mjs", true, &[("SEGUE_BIN", segue), ("SEGUE_ROOM", room.path())]) {
        Likeness::of(&talks, &read(&file("agent-heard.wav"), ChannelChoice::Mix)).must_be_good("the agent's page hears the caller");
        Likeness::of(&agent, &read(&file("caller-heard.wav"), ChannelChoice::Right)).must_be_good("the caller hears the agent's microphone");
    }
}
