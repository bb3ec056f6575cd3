//! A directory of its own for each test, the binary run in it, and what it told.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

/// A line that goes straight to a person; the queue gives up by callback.
pub const STRAIGHT: &str = "[[entry]]\nname = \"main\"\ncalled = [\"*\"]\nqueue = \"service\"\n[[queue]]\nname = \"service\"\n";

/// Where a test's files lie, and what the binary is run with.
pub struct Scene {
    pub dir: PathBuf,
    environment: Vec<(String, String)>,
}

/// What a run told.
#[derive(Debug)]
pub struct Told {
    /// The exit status.
    pub status: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Told {
    /// The objects on standard output, which holds nothing else.
    pub fn objects(&self) -> Vec<Value> {
        self.out.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
    }

    /// The one object of a run that was well.
    pub fn object(&self) -> Value {
        assert_eq!(self.status, 0, "{}", self.err);
        let [object] = <[Value; 1]>::try_from(self.objects()).unwrap();
        object
    }

    /// The lines of standard error.
    pub fn lines(&self) -> Vec<&str> {
        self.err.lines().collect()
    }

    /// The recordings on standard output, by file name.
    pub fn recordings(&self) -> Vec<String> {
        let name = |o: &Value| Path::new(o["recording"].as_str().unwrap()).file_name().unwrap().to_string_lossy().into_owned();
        self.objects().iter().map(name).collect()
    }
}

impl Scene {
    /// An empty directory, and engines that are switched off: words don't matter.
    pub fn quiet(name: &str) -> Self {
        Self::new(name).with("SEGUE_SPEECH__RECOGNIZER", "off").with("SEGUE_SPEECH__SYNTHESIZER", "off")
    }

    /// An empty directory, and a voice, but no recognizer.
    pub fn speaking(name: &str) -> Self {
        Self::new(name).with("SEGUE_SPEECH__RECOGNIZER", "off")
    }

    /// An empty directory, and both engines.
    pub fn new(name: &str) -> Self {
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("replay_contract").join(name);
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(&dir).unwrap();
        Scene { dir, environment: Vec::new() }
    }

    /// The same with a variable.
    pub fn with(mut self, key: &str, value: &str) -> Self {
        self.environment.push((key.into(), value.into()));
        self
    }

    /// The path of a file here.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Writes a file here.
    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// Reads a file here.
    pub fn read(&self, name: &str) -> String {
        let path = self.path(name);
        std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    }

    /// `segue replay` with these arguments, in this directory.
    pub fn replay(&self, args: &[&str]) -> Told {
        self.replay_os(&args.iter().map(std::ffi::OsStr::new).collect::<Vec<_>>())
    }

    /// The same for names that are no text.
    pub fn replay_os(&self, args: &[&std::ffi::OsStr]) -> Told {
        let mut command = Command::new(env!("CARGO_BIN_EXE_segue"));
        command.arg("replay").args(args).current_dir(&self.dir).env_clear().env("COLUMNS", "100").stdin(Stdio::null());
        command.envs(self.environment.iter().map(|(k, v)| (k, v)));
        let output = command.output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Told { status: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
    }
}

/// True if the embedded voice and ear are installed; else says that a test is skipped.
pub fn engines(test: &str) -> bool {
    let output = Command::new(env!("CARGO_BIN_EXE_segue")).arg("check").env_clear().output().unwrap();
    let is_well = !String::from_utf8_lossy(&output.stdout).contains("Missing on this machine");
    if !is_well {
        eprintln!("SKIPPED {test}: the run-time packages are not installed (libpocketsphinx3 pocketsphinx-en-us libflite1)");
    }
    is_well
}

/// A sample call of `audio/calls`; if it is missing, says that a test is skipped.
pub fn sample(test: &str, name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("audio/calls").join(name);
    if !path.is_file() {
        eprintln!("SKIPPED {test}: audio/calls/{name} is missing");
        return None;
    }
    Some(path)
}
