//! Recordings, directories, expectations and configurations that are bad: one line each, exit 2, and the others are replayed.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use super::run::{STRAIGHT, Scene, Told};
use super::sound::{HZ, raw_wav, room, sine, wav};

/// Half a second of a tone.
fn tone() -> Vec<i16> {
    sine(0.5, 440.0, 8_000.0)
}

/// A scene with a good recording before and after what is bad.
fn scene(name: &str) -> Scene {
    let scene = Scene::quiet(name);
    scene.write("a-good.wav", wav(&[&tone()]));
    scene.write("z-good.wav", wav(&[&room(0.5, 3)]));
    scene
}

/// The good ones are replayed in order, and exactly one line names the bad one and says what is wrong.
fn only_it_fails(told: &Told, name: &str, says: &str) {
    assert_eq!(told.status, 2, "{name}: {}", told.err);
    assert_eq!(told.recordings(), ["a-good.wav", "z-good.wav"], "{name}: {}", told.err);
    assert_eq!(told.lines().len(), 1, "{name}: {}", told.err);
    assert!(told.err.contains(name) && told.err.contains(says), "{name} should say “{says}”: {}", told.err);
}

#[test]
fn a_bad_recording_is_one_line_and_the_others_are_replayed() {
    let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/sound/");
    let fixture = |name: &str| std::fs::read(format!("{fixtures}{name}")).unwrap();
    let pcm = vec![1; 16_000];
    let floats = |list: &[f32]| list.iter().flat_map(|s| s.to_le_bytes()).collect::<Vec<u8>>();
    let mut nan_later = vec![0.1; 8_000];
    nan_later[0] = f32::NAN;
    let unreadable = "this is no recording that can be read";
    for (name, bytes, says) in [
        ("empty.wav", vec![], "the file is empty"),
        ("empty.flac", vec![], "the file is empty"),
        ("letter.wav", b"Dear customer, this is no sound at all.\n".repeat(40), unreadable),
        ("letter.mp3", b"Dear customer, this is no sound at all.\n".repeat(40), unreadable),
        ("no-sound.wav", raw_wav(1, 1, HZ, 16, &[]), "there is no sound in it"),
        ("one-hertz.wav", raw_wav(1, 1, 1, 16, &pcm), "its sample rate is 1 Hz"),
        ("384-khz.wav", raw_wav(1, 1, 384_000, 16, &pcm), "its sample rate is 384000 Hz"),
        ("nan.wav", raw_wav(3, 1, HZ, 32, &floats(&nan_later)), "the sample at 0.000 s is not a number"),
        ("infinite.wav", raw_wav(3, 1, HZ, 32, &floats(&[f32::INFINITY; 400])), "the sample at 0.000 s is not a number"),
        ("twelve.wav", raw_wav(1, 12, HZ, 16, &pcm), "it has 12 channels; one or two can be read"),
        ("codec.wav", raw_wav(0x1234, 1, HZ, 16, &pcm), "its sound is in a format that can't be read"),
        ("g722.wav", fixture("g722.wav"), "its sound is in a format that can't be read"),
        ("cut-header.flac", fixture("flac-8k.flac")[..30].to_vec(), unreadable),
        ("cut-index.m4a", fixture("aac-44k.m4a")[..200].to_vec(), "the file is damaged"),
        ("other.caf", fixture("other.caf"), unreadable),
    ] {
        let scene = scene(&format!("bad-{name}"));
        scene.write(name, bytes);
        only_it_fails(&scene.replay(&["--json", "a-good.wav", name, "z-good.wav"]), name, says);
        only_it_fails(&scene.replay(&["--json", "."]), name, says);
    }
}

#[test]
fn many_bad_recordings_are_one_line_each_in_order() {
    let scene = scene("many-bad");
    for n in 0..9 {
        scene.write(&format!("b-{n}.wav"), "");
    }
    let told = scene.replay(&["--json", "."]);
    assert_eq!((told.status, told.recordings()), (2, vec!["a-good.wav".to_owned(), "z-good.wav".to_owned()]));
    let wanted: Vec<String> = (0..9).map(|n| format!("segue: ./b-{n}.wav: the file is empty")).collect();
    assert_eq!(told.lines(), wanted);
}

#[test]
fn a_path_that_is_no_recording_is_one_line_and_the_others_are_replayed() {
    let scene = scene("paths");
    std::fs::create_dir(scene.path("nothing")).unwrap();
    std::fs::create_dir(scene.path("text-only")).unwrap();
    scene.write("text-only/notes.txt", "no sound");
    std::fs::create_dir(scene.path("folder.wav")).unwrap();
    std::os::unix::fs::symlink("nowhere.wav", scene.path("dangling.wav")).unwrap();
    for (name, says) in [
        ("missing.wav", "there is no such file"),
        ("a-good.wav/below.wav", "a-good.wav/below.wav: "),
        ("nothing", "has no recordings in it"),
        ("text-only", "has no recordings in it"),
        ("folder.wav", "has no recordings in it"),
        ("dangling.wav", "there is no such file"),
    ] {
        only_it_fails(&scene.replay(&["--json", "a-good.wav", name, "z-good.wav"]), name, says);
    }
    // Inside a directory the link is a recording like the others.
    only_it_fails(&scene.replay(&["--json", "."]), "dangling.wav", "there is no such file");
}

#[test]
fn a_pipe_is_no_recording_and_is_not_waited_for() {
    let scene = scene("a_pipe");
    let made = std::process::Command::new("mkfifo").arg(scene.dir.join("m.wav")).status();
    assert!(made.is_ok_and(|status| status.success()), "mkfifo belongs to every Unix");
    only_it_fails(&scene.replay(&["--json", "."]), "m.wav", "is no regular file");
}

#[test]
fn a_link_to_a_directory_inside_a_directory_is_no_recording() {
    let scene = scene("link");
    std::fs::create_dir(scene.path("below")).unwrap();
    std::os::unix::fs::symlink("below", scene.path("m.wav")).unwrap();
    only_it_fails(&scene.replay(&["--json", "."]), "m.wav", "is a directory");
}

#[test]
fn nothing_but_bad_paths_is_status_2_without_output() {
    let scene = Scene::quiet("only-bad");
    std::fs::create_dir(scene.path("nothing")).unwrap();
    for json in [&["--json"][..], &[]] {
        let told = scene.replay(&[json, &["missing.wav", "nothing"]].concat());
        assert_eq!((told.status, told.out.as_str(), told.lines().len()), (2, "", 2), "{}", told.err);
    }
}

#[test]
fn a_file_without_permission_is_one_line() {
    use std::os::unix::fs::PermissionsExt;
    let scene = scene("permission");
    let locked = scene.write("locked.wav", wav(&[&tone()]));
    std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o000)).unwrap();
    if std::fs::File::open(&locked).is_ok() {
        eprintln!("SKIPPED a_file_without_permission_is_one_line: this user may read everything");
        return;
    }
    only_it_fails(&scene.replay(&["--json", "."]), "locked.wav", "may not be read (no permission)");
}

#[test]
fn a_name_that_is_no_text_is_replayed_and_named() {
    let scene = Scene::quiet("no-text");
    let (good, bad) = (OsStr::from_bytes(b"g\xff.wav"), OsStr::from_bytes(b"e\xff.wav"));
    for (name, bytes) in [(good, wav(&[&tone()])), (bad, vec![])] {
        std::fs::write(scene.path("").join(name), bytes).unwrap();
    }
    let told = scene.replay_os(&[OsStr::new("--json"), bad, good]);
    assert_eq!((told.status, told.recordings()), (2, vec!["g\u{fffd}.wav".to_owned()]));
    assert_eq!(told.lines(), ["segue: e\u{fffd}.wav: the file is empty"]);
}

#[test]
fn a_name_with_a_line_break_is_still_one_line() {
    let scene = Scene::quiet("line-break");
    scene.write("two\nlines.wav", "");
    for arg in ["two\nlines.wav", ".", "miss\ning.wav"] {
        let told = scene.replay(&["--json", arg]);
        assert_eq!((told.status, told.lines().len()), (2, 1), "{arg:?}: {}", told.err);
    }
}

#[test]
fn a_cut_recording_is_replayed_to_its_cut_and_says_so() {
    let whole = wav(&[&room(2.0, 9)]);
    let flac = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/sound/flac-8k.flac")).unwrap();
    for (name, bytes, from_s, to_s) in [("cut.wav", &whole[..whole.len() / 2], 0.9, 1.1), ("cut.flac", &flac[..flac.len() * 6 / 10], 0.3, 0.65)] {
        let scene = scene(&format!("cut-{name}"));
        scene.write(name, bytes);
        let told = scene.replay(&["--json", "."]);
        assert_eq!((told.status, told.recordings()), (2, vec!["a-good.wav".into(), name.to_owned(), "z-good.wav".into()]), "{}", told.err);
        assert_eq!(told.lines().len(), 1, "{}", told.err);
        assert!(told.err.starts_with(&format!("segue: ./{name}: the file is cut off after ")), "{}", told.err);
        let told: Vec<bool> = told.objects().iter().map(|o| o["truncated"].as_bool().unwrap()).collect();
        assert_eq!(told, [false, true, false]);
        let length = scene.replay(&["--json", name]).objects()[0]["duration_s"].as_f64().unwrap();
        assert!((from_s..to_s).contains(&length), "{name}: {length} s");
    }
}

#[test]
fn sound_before_a_sample_that_is_no_number_is_replayed_as_cut() {
    let scene = scene("nan-later");
    let mut floats = vec![0.1_f32; 16_000];
    floats[8_000] = f32::NAN;
    scene.write("nan.wav", raw_wav(3, 1, HZ, 32, &floats.iter().flat_map(|s| s.to_le_bytes()).collect::<Vec<u8>>()));
    let told = scene.replay(&["--json", "nan.wav"]);
    assert_eq!((told.status, told.err.as_str()), (2, "segue: nan.wav: the sample at 1.000 s is not a number\n"));
    assert_eq!(told.objects()[0]["truncated"], true);
}

#[test]
fn options_that_a_recording_cannot_serve_fail_it_alone() {
    let scene = scene("options");
    scene.write("stereo.wav", wav(&[&tone(), &room(0.5, 5)]));
    for (args, says) in [
        (["--bot", "recorded"], "--bot recorded needs a recording of two channels, this one has one"),
        (["--channel", "right"], "it has one channel, so there is no right one"),
    ] {
        let told = scene.replay(&[&["--json"][..], &args, &["."]].concat());
        assert_eq!((told.status, told.recordings()), (2, vec!["stereo.wav".to_owned()]), "{args:?}: {}", told.err);
        assert_eq!(told.lines(), [format!("segue: ./a-good.wav: {says}"), format!("segue: ./z-good.wav: {says}")]);
    }
}

#[test]
fn a_number_of_no_entry_is_told() {
    let scene = scene("number");
    scene.write("own.toml", STRAIGHT.replace("\"*\"", "\"+4930*\""));
    scene.write("z-good.expect.toml", "called = \"+4930123\"\n");
    let told = scene.replay(&["--json", "--config", "own.toml", "."]);
    assert_eq!((told.status, told.recordings()), (2, vec!["z-good.wav".to_owned()]), "{}", told.err);
    assert_eq!(told.lines().len(), 1, "{}", told.err);
    assert!(told.err.starts_with("segue: ./a-good.wav: `1000` is the number of no entry"), "{}", told.err);
}

#[test]
fn a_malformed_expectation_fails_its_own_recording_with_a_line_for_each_key() {
    let scene = scene("malformed");
    scene.write("m.wav", wav(&[&tone()]));
    let text =
        "agents = \"acept:4\"\nlinger = -1.0\nbott = \"none\"\n[expect]\noutcom = \"contained\"\nby_s = \"soon\"\nno_signals = [\"shouting\"]\n";
    scene.write("m.expect.toml", text);
    let told = scene.replay(&["--json", "."]);
    assert_eq!(told.status, 2);
    let recordings = told.recordings();
    assert!(recordings.first().is_some_and(|r| r == "a-good.wav") && recordings.last().is_some_and(|r| r == "z-good.wav"), "{recordings:?}");
    for key in ["agents", "linger", "bott", "expect.outcom", "expect.by_s", "expect.no_signals"] {
        let lines = told.lines().iter().filter(|line| line.starts_with("segue: ./m.expect.toml: ") && line.contains(key)).count();
        assert!(lines >= 1, "{key} is not named:\n{}", told.err);
    }
    assert_eq!(told.lines().len(), 6, "{}", told.err);
}

#[test]
fn an_expectation_that_is_no_toml_is_one_line() {
    let scene = scene("syntax");
    for text in [&b"[expect\n"[..], b"x = = 1", b"\xff\xfe\x00"] {
        scene.write("a-good.expect.toml", text);
        let told = scene.replay(&["--json", "."]);
        assert_eq!((told.status, told.lines().len()), (2, 1), "{}", told.err);
        assert!(told.err.contains("a-good.expect.toml: "), "{}", told.err);
        assert_eq!(told.recordings().last().map(String::as_str), Some("z-good.wav"));
    }
}

#[test]
fn a_malformed_configuration_is_a_line_for_each_key_and_nothing_is_replayed() {
    let scene = scene("configuration");
    scene.write("bad.toml", "[listen]\nturn_pause = 1\n[speech]\nrecognizer = \"ears\"\n[[entry]]\nqueue = \"b\"\nmode = \"shadw\"\n");
    let told = scene.replay(&["--json", "--out", "results", "--config", "bad.toml", "."]);
    assert_eq!((told.status, told.out.as_str()), (2, ""));
    for (line, key) in [(2, "listen.turn_pause"), (7, "entry[0].mode")] {
        assert!(told.err.contains(&format!("bad.toml:{line}: {key}: ")), "{key}: {}", told.err);
    }
    let (lines, mut unique) = (told.lines(), told.lines());
    unique.dedup();
    assert!(lines.len() >= 3 && unique == lines && lines.iter().all(|line| line.contains(": ")), "{}", told.err);
    assert!(!scene.path("results").exists());
}

#[test]
fn results_that_cannot_be_filed_are_told_by_name() {
    let scene = scene("unwritable");
    scene.write("results", "this is a file");
    let told = scene.replay(&["--json", "--out", "results", "a-good.wav"]);
    assert_eq!((told.status, told.lines().len()), (2, 1), "{}", told.err);
    assert!(told.err.starts_with("segue: a-good.wav: results"), "{}", told.err);
}
