//! The command line as a user meets it: help, exit status, one line a mistake, and standard output for programs.
//!
//! `SEGUE_BLESS=1 cargo test --test command_line` writes the golden help pages anew.

#![allow(clippy::unwrap_used, reason = "a test may fail by unwrapping")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn segue(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_segue"));
    command.args(args).env_clear().env("COLUMNS", "100").stdin(Stdio::null());
    command
}

fn run(args: &[&str]) -> (i32, String, String) {
    told(segue(args).output().unwrap())
}

fn told(output: Output) -> (i32, String, String) {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/help").join(name)
}

/// A file of this test's own, with this text.
fn file(name: &str, text: &str) -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("command_line");
    std::fs::create_dir_all(&dir).unwrap();
    let path = dir.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

/// The subcommands, as the help lists them.
fn subcommands() -> Vec<String> {
    let (_, help, _) = run(&["--help"]);
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    listed.map(|line| line.split_whitespace().next().unwrap().to_owned()).filter(|name| name != "help").collect()
}

#[test]
fn help_is_as_it_was() {
    let mut pages = vec![("segue.txt".to_owned(), vec!["--help".to_owned()])];
    pages.extend(subcommands().into_iter().map(|sub| (format!("{sub}.txt"), vec![sub, "--help".to_owned()])));
    assert!(pages.len() >= 4, "{pages:?}");
    for (page, args) in pages {
        let (status, help, err) = run(&args.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!((status, err.as_str()), (0, ""), "{page}");
        if std::env::var_os("SEGUE_BLESS").is_some() {
            std::fs::create_dir_all(golden("")).unwrap();
            std::fs::write(golden(&page), &help).unwrap();
        }
        let wanted = std::fs::read_to_string(golden(&page)).unwrap_or_default();
        assert!(help == wanted, "tests/golden/help/{page} says\n{wanted}\nbut the help is\n{help}\n(SEGUE_BLESS=1 writes it anew)");
        assert!(help.contains("Usage:") && help.lines().all(|line| line.chars().count() <= 150), "{page}");
    }
}

#[test]
fn bad_usage_is_one_line_and_status_2() {
    for (args, wanted) in [
        (&["chek"][..], "segue: unrecognized subcommand 'chek'; tip: a similar subcommand exists: 'check'; see `segue --help`"),
        (&["check", "--conf"], "segue: unexpected argument '--conf' found; tip: a similar argument exists: '--config'; see `segue check --help`"),
        (&["check", "a", "b"], "segue: unexpected argument 'b' found; see `segue check --help`"),
        (&["completions"], "segue: the following required arguments were not provided: <SHELL>; see `segue completions --help`"),
        (
            &["completions", "tcsh"],
            "segue: invalid value 'tcsh' for '<SHELL>'; [possible values: bash, elvish, fish, powershell, zsh]; tip: a similar value exists: 'zsh'; \
             see `segue completions --help`",
        ),
        (&["replay"], "segue: the following required arguments were not provided: <RECORDING|DIRECTORY>...; see `segue replay --help`"),
        (&["replay", "x.wav", "--agents", "fire"], "segue: invalid value 'fire' for '--agents <SCRIPT>': `fire` is none of accept:SECONDS"),
        (&["replay", "x.wav", "--at", "noon"], "segue: invalid value 'noon' for '--at <TIME>': `noon` is no time"),
        (&["replay", "x.wav", "--linger", "-1"], "segue: unexpected argument '-1' found"),
        (&["replay", "x.wav", "--linger=nan"], "segue: invalid value 'nan' for '--linger <SECONDS>': wanted are seconds from 0 to 3600"),
        (&["replay", "x.wav", "--bot", "speek"], "segue: invalid value 'speek' for '--bot <WHO>'; [possible values: speak, recorded, none]"),
        (&["replay", "/no/such.wav", "--realtime"], "segue: /no/such.wav: there is no such file"),
        (&["replay", "/no/such.wav"], "segue: /no/such.wav: there is no such file"),
    ] {
        let (status, out, err) = run(args);
        assert_eq!((status, out.as_str()), (2, ""), "{args:?}");
        assert!(err.starts_with(wanted) && err.lines().count() == 1, "{args:?}: {err}");
    }
}

#[test]
fn without_a_subcommand_the_help_is_shown() {
    let (status, out, err) = run(&[]);
    assert_eq!((status, out.as_str()), (2, ""));
    assert!(err.contains("Usage: segue"), "{err}");
}

#[test]
fn the_version_is_that_of_the_package() {
    assert_eq!(run(&["--version"]), (0, format!("segue {}\n", env!("CARGO_PKG_VERSION")), String::new()));
}

#[test]
fn the_built_in_configuration_is_fine() {
    let (status, out, err) = run(&["check"]);
    assert_eq!((status, err.as_str()), (0, ""));
    let verdict = "The built-in configuration is fine: 1 entry, 2 queues, 12 triggers, 1 bot.";
    assert_eq!(out.lines().next(), Some(verdict), "{out}");
}

#[test]
fn what_is_missing_on_the_machine_is_one_more_line() {
    let path = file("model.toml", "[speech.pocketsphinx]\nmodel = \"/no/such/model\"\n");
    let (status, out, err) = run(&["check", path.to_str().unwrap()]);
    assert_eq!((status, err.as_str()), (0, ""));
    let missing = out.lines().nth(1).unwrap_or_default();
    assert!(out.lines().count() == 2 && missing.starts_with("Missing on this machine: ") && missing.contains("apt-get install"), "{out}");
}

#[test]
fn every_mistake_is_one_line_with_file_line_and_key() {
    let path = file("bad.toml", "[[queue]]\nname = \"a\"\nring_sec = 3\n[[entry]]\nqueue = \"b\"\nbott = 'x'\n[listne]\na = 1\n");
    let (status, out, err) = run(&["check", path.to_str().unwrap()]);
    let path = path.display();
    assert_eq!(status, 2);
    assert_eq!(out, format!("{path} has 4 mistakes:\n"));
    let wanted = [
        format!("{path}:3: queue[0].ring_sec: is no key; did you mean `ring_secs`?"),
        format!("{path}:5: entry[0].queue: there is no queue `b`; there is `a`"),
        format!("{path}:6: entry[0].bott: is no key; did you mean `bot`?"),
        format!("{path}:7: listne: is no key"),
    ];
    assert_eq!(err.lines().count(), wanted.len(), "{err}");
    for (line, wanted) in err.lines().zip(wanted) {
        assert!(line.starts_with(&wanted), "{line}\nis not\n{wanted}");
    }
}

#[test]
fn a_file_that_is_none_is_one_line() {
    let binary = file("binary.toml", "");
    std::fs::write(&binary, [0xff, 0xfe, 0x00]).unwrap();
    let directory = binary.parent().unwrap().to_str().unwrap();
    for (path, what) in
        [("/no/such/file.toml", "there is no such file"), (directory, "is a directory"), (binary.to_str().unwrap(), "is no UTF-8 text")]
    {
        let (status, _, err) = run(&["check", path]);
        assert_eq!((status, err), (2, format!("{path}: {what}\n")));
    }
}

#[test]
fn syntax_errors_have_line_and_column() {
    let path = file("syntax.toml", "[listen]\nturn_pause_secs = \n");
    let (status, _, err) = run(&["check", path.to_str().unwrap()]);
    assert_eq!(status, 2);
    assert!(err.starts_with(&format!("{}:2:", path.display())) && err.lines().count() == 1, "{err}");
}

#[test]
fn the_environment_names_configuration_and_keys() {
    let path = file("named.toml", "[[entry]]\nqueue = 'a'\n[[queue]]\nname = 'a'\n");
    let (status, out, _) = told(segue(&["check"]).env("SEGUE_CONFIG", &path).output().unwrap());
    assert_eq!(status, 0);
    assert!(out.starts_with(path.to_str().unwrap()), "{out}");
    let (status, _, err) = told(segue(&["check"]).env("SEGUE_ENTRY__0__MODE", "shadw").output().unwrap());
    let wanted = "SEGUE_ENTRY__0__MODE: entry[0].mode: `shadw` must be one of `act`, `shadow`; did you mean `shadow`?\n";
    assert_eq!((status, err.as_str()), (2, wanted));
}

#[test]
fn every_mistake_is_told_before_anything_is_replayed() {
    let recording = file("speech.wav", "no sound");
    let config = file("replay.toml", "[listen]\nturn_pause = 1\n");
    let (recording, config) = (recording.to_str().unwrap(), config.to_str().unwrap());
    let (status, out, err) = run(&["replay", "--json", "--bot", "recorded", "--channel", "mix", "--config", config, "/no/such.wav", recording]);
    assert_eq!((status, out.as_str()), (2, ""));
    let wanted = [
        "segue: /no/such.wav: there is no such file".to_owned(),
        "segue: --channel mix leaves no other channel for --bot recorded".to_owned(),
        format!("{config}:2: listen.turn_pause: is no key; did you mean `turn_pause_secs`?"),
    ];
    assert_eq!(err.lines().collect::<Vec<_>>(), wanted);
}

#[test]
fn a_recording_that_is_none_is_one_line_and_status_2() {
    let recording = file("text.wav", "no sound");
    let quiet = file("off.toml", "[speech]\nrecognizer = \"off\"\nsynthesizer = \"off\"\n");
    let (status, out, err) = run(&["replay", "--json", "--config", quiet.to_str().unwrap(), recording.to_str().unwrap()]);
    assert_eq!((status, out.as_str()), (2, ""));
    assert!(err.starts_with(&format!("segue: {}: ", recording.display())) && err.lines().count() == 1, "{err}");
}

#[test]
fn the_schema_is_json_and_documents_its_keys() {
    let (status, out, _) = run(&["check", "--schema"]);
    let schema: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(status, 0);
    for section in ["listen", "signal", "speech", "entry", "bot", "queue", "agent", "hours", "trigger", "notice"] {
        assert!(schema["properties"][section]["description"].is_string(), "{section}");
    }
}

#[test]
fn nothing_is_coloured_into_a_pipe() {
    let path = file("colours.toml", "[x]\n");
    for args in [&["check"][..], &["check", path.to_str().unwrap()], &["chek"], &["--help"]] {
        let (_, out, err) = run(args);
        assert!(!out.contains('\u{1b}') && !err.contains('\u{1b}'), "{args:?}: {out}{err}");
    }
}

#[test]
fn no_color_beats_a_forced_colour() {
    let forced = |no_color: bool| {
        let mut command = segue(&["check"]);
        command.env("CLICOLOR_FORCE", "1");
        if no_color {
            command.env("NO_COLOR", "1");
        }
        told(command.output().unwrap()).1
    };
    assert!(forced(false).contains('\u{1b}'));
    assert!(!forced(true).contains('\u{1b}'));
}

#[test]
fn a_reader_that_leaves_ends_it_quietly() {
    for args in [&["man"][..], &["check", "--schema"], &["completions", "bash"], &["--help"], &["check"]] {
        let mut child = segue(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let (status, _, err) = told(child.wait_with_output().unwrap());
        assert_eq!((status, err.as_str()), (0, ""), "{args:?}");
    }
}

#[test]
fn the_manual_page_has_every_subcommand() {
    let (status, page, err) = run(&["man"]);
    assert_eq!((status, err.as_str()), (0, ""));
    assert!(page.contains(".TH segue 1"), "{page}");
    for sub in subcommands() {
        assert!(page.contains(&format!(".SH \"SEGUE {}\"", sub.to_uppercase())), "{sub} is not in\n{page}");
    }
}

#[test]
fn each_shell_gets_its_completions() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let (status, script, err) = run(&["completions", shell]);
        assert_eq!((status, err.as_str()), (0, ""), "{shell}");
        assert!(script.contains("segue") && script.contains("schema"), "{shell}: {script}");
    }
}
