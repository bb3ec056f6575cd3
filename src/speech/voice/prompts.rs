//! Recorded prompts: a directory of sound files, found by their stem.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::base::{Fault, Organ, Rate};
use crate::speech::converted;

/// Known file types; where one stem has several files, the first of these is taken.
const TYPES: [&str; 3] = ["flac", "wav", "ogg"];
/// A prompt longer than this is music or a mistake.
const LONGEST_SECS: usize = 600;

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
        let (samples, from) = decode(path).map_err(malformed)?;
        let sound = converted(&samples, from, rate).filter(|sound| !sound.is_empty());
        sound.ok_or_else(|| malformed("it holds no sound".to_owned()))
    }
}

/// Mono samples and their rate.
fn decode(path: &Path) -> Result<(Vec<i16>, u32), String> {
    let mut wav = hound::WavReader::open(path).map_err(|e| e.to_string())?;
    let spec = wav.spec();
    if spec.sample_format != hound::SampleFormat::Int || spec.bits_per_sample != 16 || spec.channels == 0 {
        return Err("only 16-bit PCM is read".to_owned());
    }
    let channels = usize::from(spec.channels);
    let longest = LONGEST_SECS * spec.sample_rate as usize * channels;
    let samples: Result<Vec<i16>, _> = wav.samples::<i16>().take(longest).collect();
    let mono = samples.map_err(|e| e.to_string())?.chunks_exact(channels).map(mean).collect();
    Ok((mono, spec.sample_rate))
}

fn mean(frame: &[i16]) -> i16 {
    let sum: i32 = frame.iter().map(|&s| i32::from(s)).sum();
    (sum / frame.len() as i32) as i16
}
