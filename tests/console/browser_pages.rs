//! The console's pages: their types hold, what needs no browser does what it says, and in a real browser every state looks as it
//! should and the story plays (`tests/web`). The server's part is a stand-in (`tests/standins/console.mjs`), but for the demo, which
//! is all real.
//!
//! Needs node (20 or newer; `tests/run` installs one), npm's registry once, and for most of them chromium; what is missing is said, and its
//! tests skipped.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::peers::Room;

/// The oldest node whose JavaScript the pages' modules speak.
const OLDEST_NODE: u32 = 20;
/// Where Debian and others have a browser.
const BROWSERS: [&str; 3] = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Packages and pictures are kept beside what cargo builds.
fn place() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("web-tests")
}

fn node_is_there() -> bool {
    let Ok(said) = Command::new("node").arg("--version").output() else { return false };
    let version = String::from_utf8_lossy(&said.stdout);
    version.trim().trim_start_matches('v').split('.').next().and_then(|major| major.parse::<u32>().ok()).is_some_and(|major| major >= OLDEST_NODE)
}

/// Installs what the tests need, once for all of them; or says why not.
fn tools() -> Result<(), String> {
    static TOOLS: OnceLock<Result<(), String>> = OnceLock::new();
    TOOLS.get_or_init(install).clone()
}

fn install() -> Result<(), String> {
    if !node_is_there() {
        return Err(format!("node {OLDEST_NODE} or newer is missing"));
    }
    let wanted = std::fs::read_to_string(root().join("tests/web/package.json")).map_err(|error| error.to_string())?;
    let kept = place().join("package.json");
    let has_all = ["axe-core", "playwright-core", "typescript"].iter().all(|name| place().join("node_modules").join(name).exists());
    if has_all && std::fs::read_to_string(&kept).is_ok_and(|had| had == wanted) {
        return Ok(());
    }
    std::fs::create_dir_all(place()).and_then(|()| std::fs::write(&kept, &wanted)).map_err(|error| error.to_string())?;
    let npm =
        Command::new("npm").args(["install", "--no-audit", "--no-fund", "--no-package-lock"]).current_dir(place()).stdin(Stdio::null()).output();
    match npm {
        Ok(done) if done.status.success() => Ok(()),
        Ok(done) => Err(format!("npm could not install the tools: {}", String::from_utf8_lossy(&done.stderr))),
        Err(_) => Err("npm is missing".into()),
    }
}

fn browser_is_there() -> bool {
    std::env::var_os("SEGUE_CHROMIUM").is_some() || BROWSERS.iter().any(|path| PathBuf::from(path).exists())
}

/// Runs one file of `tests/web`, or says loudly why not.
fn holds(file: &str, needs_browser: bool) {
    tried(file, needs_browser, &[]);
}

/// Runs one file of `tests/web` with more in its environment; false, said loudly, if something is missing for it.
pub(crate) fn tried(file: &str, needs_browser: bool, environment: &[(&str, &Path)]) -> bool {
    let missing = tools().err().or_else(|| (needs_browser && !browser_is_there()).then(|| "chromium is missing".to_owned()));
    if let Some(why) = missing {
        eprintln!("SKIPPED: {file} was not tried, because {why}");
        return false;
    }
    let run = Command::new("node")
        .args(["--test", "--test-reporter=spec"])
        .arg(root().join("tests/web").join(file))
        .env("SEGUE_NODE_MODULES", place().join("node_modules"))
        .env("SEGUE_SCREENS", place().join("screens"))
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .output()
        .expect("node was there a moment ago");
    assert!(run.status.success(), "{file}\n{}\n{}", String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    true
}

#[test]
fn types_of_the_pages_hold() {
    holds("types.test.mjs", false);
}

#[test]
fn what_needs_no_browser_does_what_it_says() {
    holds("models.test.mjs", false);
}

#[test]
fn the_demo_is_as_its_user_has_it() {
    let room = Room::new("demo");
    tried("demo.test.mjs", true, &[("SEGUE_BIN", Path::new(env!("CARGO_BIN_EXE_segue"))), ("SEGUE_ROOM", room.path())]);
}

#[test]
fn a_line_carries_sound_in_a_browser() {
    holds("line.test.mjs", true);
}

#[test]
fn every_page_looks_right_and_the_story_plays() {
    holds("pages.test.mjs", true);
}
