//! Recorded prompts: a directory of sound files, found by their stem.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::base::{Fault, Organ, Rate};
use crate::sound::recording::{ChannelChoice, Recording};

/// Known file types; where one stem has several files, the first of these is taken.
const TYPES: [&str; 3] = ["flac", "wav", "ogg"];
/// A prompt longer than this is music or a mistake.
const LONGEST: Duration = Duration::from_secs(600);

/// The prompts of a directory.
#[derive(Debug, Default)]
pub struct Prompts {
    files: BTreeMap<String, PathBuf>,
}

impl Prompts {
    /// Lists the directory.
    ///
    /// # Errors
    /// [`Fault::Unavailable`] if it can't be read.
    pub fn list(directory: &Path) -> Result<Prompts, Fault> {
        let unreadable = |error: std::io::Error| Fault::Unavailable {
            organ: Organ::Voice,
            detail: format!("the prompts in {} can't be read: {error}", directory.display()),
        };
        let mut files: BTreeMap<String, (usize, PathBuf)> = BTreeMap::new();
        for entry in std::fs::read_dir(directory).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            let kind = path.extension().and_then(|e| e.to_str()).and_then(|e| TYPES.iter().position(|t| e.eq_ignore_ascii_case(t)));
            if let (Some(stem), Some(kind)) = (path.file_stem().and_then(|s| s.to_str()), kind)
                && files.get(stem).is_none_or(|(known, _)| kind < *known)
            {
                files.insert(stem.to_owned(), (kind, path.clone()));
            }
        }
        Ok(Prompts { files: files.into_iter().map(|(stem, (_, path))| (stem, path)).collect() })
    }

    /// The prompt's samples at `rate`.
    ///
    /// # Errors
    /// [`Fault::Unavailable`] if there is no such file, [`Fault::Malformed`] if it is no sound that we read.
    pub fn read(&self, name: &str, rate: Rate) -> Result<Vec<i16>, Fault> {
        let Some(path) = self.files.get(name) else {
            return Err(Fault::Unavailable { organ: Organ::Voice, detail: format!("there is no recorded prompt {name:?}") });
        };
        let malformed = |what: String| Fault::Malformed { organ: Organ::Voice, detail: format!("prompt {}: {what}", path.display()) };
        let file = std::fs::File::open(path).map_err(|error| malformed(error.to_string()))?;
        let extension = path.extension().and_then(|e| e.to_str());
        let recording = Recording::open_at(Box::new(file), extension, ChannelChoice::Mix, rate).map_err(|error| malformed(error.to_string()))?;
        let sound = recording.read_all(LONGEST).map_err(|error| malformed(error.to_string()))?;
        if sound.iter().all(|&s| s == 0) { Err(malformed("it holds no sound".to_owned())) } else { Ok(sound.to_vec()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prompts_are_found_by_stem_and_read_at_the_call_s_rate() -> Result<(), Box<dyn std::error::Error>> {
        let directory = std::env::temp_dir().join(format!("segue-test-{}", uuid::Uuid::now_v7()));
        std::fs::create_dir(&directory)?;
        let spec = hound::WavSpec { channels: 2, sample_rate: 44_100, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
        let mut wav = hound::WavWriter::create(directory.join("welcome.wav"), spec)?;
        for n in 0..44_100 {
            wav.write_sample(((n as f32 * 0.05).sin() * 9_000.0) as i16)?;
            wav.write_sample(0i16)?;
        }
        wav.finalize()?;
        std::fs::write(directory.join("broken.flac"), "no sound")?;
        std::fs::write(directory.join("notes.txt"), "not a prompt")?;
        let prompts = Prompts::list(&directory)?;
        let sound = prompts.read("welcome", Rate::Hz8000)?;
        assert!((7_900..=8_200).contains(&sound.len()) && sound.iter().any(|s| s.abs() > 3_000), "{} samples", sound.len());
        assert!(matches!(prompts.read("broken", Rate::Hz8000), Err(Fault::Malformed { .. })));
        assert!(matches!(prompts.read("notes", Rate::Hz8000), Err(Fault::Unavailable { .. })));
        std::fs::remove_dir_all(&directory)?;
        assert!(matches!(Prompts::list(&directory), Err(Fault::Unavailable { .. })));
        Ok(())
    }
}
