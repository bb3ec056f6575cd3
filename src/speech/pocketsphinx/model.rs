//! A private copy of the acoustic model's directory, with the parameters that a decoder of ours needs.
//!
//! The model's `feat.params` silently overrides what a decoder is told, so decoders run on a directory of links with an
//! edited one: no cepstral mean normalisation, because the features that we give are normalised already. The language
//! model and the dictionary lie beside it. The directory is for this user only and is removed on drop.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, symlink};
use std::path::{Path, PathBuf};

/// The file that is edited.
const PARAMETERS: &str = "feat.params";
/// Files without which no decoder can be opened.
const NEEDED: [&str; 6] = [PARAMETERS, "mdef", "means", "variances", "transition_matrices", "sendump"];

/// The directory.
pub struct ModelDirectory {
    root: PathBuf,
}

impl ModelDirectory {
    /// Makes a copy of the model in `from`, with this dictionary and language model.
    ///
    /// # Errors
    /// What the file system says, with the path.
    pub fn new(from: &Path, dictionary: &str, arpa: &str) -> io::Result<ModelDirectory> {
        for name in NEEDED {
            let file = from.join(name);
            fs::metadata(&file).map_err(|e| at(&file, &e))?;
        }
        let root = std::env::temp_dir().join(format!("segue-ear-{}", uuid::Uuid::now_v7()));
        fs::DirBuilder::new().mode(0o700).create(&root).map_err(|e| at(&root, &e))?;
        // From here on drop removes what was made.
        let directory = ModelDirectory { root };
        let acoustic = directory.acoustic();
        fs::create_dir(&acoustic)?;
        let from = fs::canonicalize(from)?;
        for entry in fs::read_dir(&from)? {
            let entry = entry?;
            if entry.file_name() != PARAMETERS {
                symlink(entry.path(), acoustic.join(entry.file_name()))?;
            }
        }
        let parameters = fs::read_to_string(from.join(PARAMETERS))?;
        fs::write(acoustic.join(PARAMETERS), edited(&parameters))?;
        fs::write(directory.dictionary(), dictionary)?;
        fs::write(directory.language(), arpa)?;
        Ok(directory)
    }

    /// The acoustic model.
    pub fn acoustic(&self) -> PathBuf {
        self.root.join("model")
    }

    /// The dictionary.
    pub fn dictionary(&self) -> PathBuf {
        self.root.join("words.dict")
    }

    /// The language model.
    pub fn language(&self) -> PathBuf {
        self.root.join("sentences.lm")
    }
}

impl Drop for ModelDirectory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.root);
    }
}

fn at(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

fn edited(parameters: &str) -> String {
    let kept =
        parameters.lines().filter(|line| !matches!(line.split_whitespace().next(), Some("-cmn" | "-cmninit" | "-remove_noise" | "-remove_silence")));
    let mut edited: String = kept.flat_map(|line| [line, "\n"]).collect();
    edited.push_str("-cmn none\n-remove_noise no\n-remove_silence no\n");
    edited
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model() -> ModelDirectory {
        ModelDirectory { root: std::env::temp_dir().join(format!("segue-test-{}", uuid::Uuid::now_v7())) }
    }

    #[test]
    fn only_the_normalisation_is_edited() {
        assert_eq!(
            edited("-lowerf 130\n-cmn batch\n-cmninit 41\n-model ptm"),
            "-lowerf 130\n-model ptm\n-cmn none\n-remove_noise no\n-remove_silence no\n"
        );
    }

    #[test]
    fn the_directory_is_gone_after_use() -> io::Result<()> {
        let from = model();
        fs::create_dir_all(&from.root)?;
        for name in NEEDED {
            fs::write(from.root.join(name), "-cmn batch\n")?;
        }
        let made = ModelDirectory::new(&from.root, "yes Y EH S\n", "\\data\\")?;
        let root = made.root.clone();
        assert!(fs::read_to_string(made.acoustic().join(PARAMETERS))?.contains("-cmn none"));
        assert_eq!(fs::read_to_string(made.acoustic().join("mdef"))?, "-cmn batch\n");
        drop(made);
        assert!(!root.exists());
        Ok(())
    }

    #[test]
    fn a_missing_file_is_named() {
        let from = model();
        let error = ModelDirectory::new(&from.root, "", "").err().map(|e| e.to_string()).unwrap_or_default();
        assert!(error.contains("feat.params"), "{error}");
    }
}
