//! The whole story in a real browser, with nothing made up: callers by SIP, `segue serve` as a process, agents at their pages
//! (`tests/web/story.test.mjs`). Here what each side heard is compared with what the other said.

use std::path::Path;

use hound::{SampleFormat, WavSpec, WavWriter};
use parking_lot::Mutex;
use segue::sound::recording::ChannelChoice;

use crate::browser_pages::tried;
use crate::likeness::{Course, Heard, Likeness, read, speech};
use crate::peers::Room;

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
/// A caller who never comes to an end talks for so long, in s.
const PATIENT: usize = 600;

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

/// Who says what where an agent puts the caller on hold and brings a colleague: hardly a sentence of two of them is the same.
struct Cast {
    ana: Vec<i16>,
    ben: Vec<i16>,
    caller: Vec<i16>,
    music: Vec<i16>,
}

impl Cast {
    fn new() -> Cast {
        let music = Path::new(env!("CARGO_MANIFEST_DIR")).join("audio/prompts/hold.flac");
        let ana = speech(&["gets-loud", "fraud", "calm-served-by-the-bot", "order-by-keys"]);
        let (ben, caller) = (speech(&["nobody-on-duty"]), speech(&["repeats-the-question", "asks-for-a-person"]));
        Cast { ana, ben, caller, music: read(&music, ChannelChoice::Left) }
    }

    fn write(&self, room: &Path) {
        write(&room.join("agent.wav"), &self.ana);
        write(&room.join("ben.wav"), &self.ben);
        write(&room.join("patient.wav"), &self.caller.repeat(PATIENT * HZ / self.caller.len()));
    }

    /// Each heard whom they should, and when.
    fn must_be_heard(&self, room: &Path) {
        let said = [&self.ana[..], &self.ben, &self.caller, &self.music];
        let [ana, ben, caller, music] = [0, 1, 2, 3].map(Heard::From);
        let heard = |name: &str, channel| Course::of(&read(&room.join(name), channel), &said);
        let talk_hold_talk = [(ana, 1.2), (music, 2.0), (ana, 1.2)];
        let mute_talk_consult_talk = [(Heard::Nothing, 2.0), (ana, 1.2), (music, 2.0), (ben, 1.2)];
        let both = [&talk_hold_talk[..], &mute_talk_consult_talk].concat();
        heard("patient-heard.wav", ChannelChoice::Right).must_be("the caller hears", &both);
        heard("ana-heard.wav", ChannelChoice::Mix).must_be("the agent hears", &[(caller, 1.2), (Heard::Nothing, 2.0), (caller, 1.2), (ben, 1.2)]);
        heard("ben-heard.wav", ChannelChoice::Mix).must_be("the colleague hears", &[(ana, 1.2), (caller, 1.2)]);
    }
}

/// What everybody says is left in this room, and these stories are played; false if they can't be here. Each keeps a core busy at
/// times: never more than one lot at once.
fn played(stories: &str, room: &Path, cast: &Cast) -> bool {
    static STAGE: Mutex<()> = Mutex::new(());
    let _stage = STAGE.lock();
    cast.write(room);
    tried(
        "story.test.mjs",
        true,
        &[("SEGUE_BIN", Path::new(env!("CARGO_BIN_EXE_segue"))), ("SEGUE_ROOM", room), ("SEGUE_STORIES", Path::new(stories))],
    )
}

#[test]
fn a_story_from_the_bot_to_an_agent_in_a_browser_in_which_each_hears_what_the_other_says() {
    let room = Room::new("story");
    let file = |name: &str| room.path().join(name);
    let asks = [utterance("asks-for-a-person", 1), silence(SEARCH)].concat().repeat(ASKS);
    let caller = [silence(GREETING), asks, speech(&["calm-served-by-the-bot", "repeats-the-question", "gets-loud", "fraud"])].concat();
    let visitor = speech(&["repeats-the-question", "gets-loud", "asks-for-a-person"]);
    write(&file("caller.wav"), &caller);
    write(&file("visitor.wav"), &visitor);
    let cast = Cast::new();
    if played("talk", room.path(), &cast) {
        Likeness::of(&caller, &read(&file("agent-heard.wav"), ChannelChoice::Mix)).must_be_good("the agent's page hears the caller");
        Likeness::of(&cast.ana, &read(&file("caller-heard.wav"), ChannelChoice::Right)).must_be_good("the caller hears the agent's microphone");
        Likeness::of(&visitor, &read(&file("agent-heard-visitor.wav"), ChannelChoice::Mix)).must_be_good("the agent's page hears the visitor's");
        Likeness::of(&cast.ana, &read(&file("visitor-heard.wav"), ChannelChoice::Mix)).must_be_good("the visitor's page hears the agent's");
        cast.must_be_heard(room.path());
    }
}

#[test]
fn an_agent_in_a_browser_whose_page_or_network_is_lost_has_the_same_caller_again_or_is_replaced() {
    let room = Room::new("lost");
    played("lost", room.path(), &Cast::new());
}
