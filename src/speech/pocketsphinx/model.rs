//! What decoders of ours read: the acoustic model with the parameters that they need, and our dictionary and language model.
//!
//! The model's `feat.params` silently overrides what a decoder is told, so decoders are given an edited one: no cepstral
//! mean normalisation, because the features that we give are normalised already. What we make lies in memory (memfd, which
//! the library opens by way of `/proc`), so that nothing is left behind, however the process ends.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};

use rustix::fs::{MemfdFlags, memfd_create};

/// The file that is edited.
const PARAMETERS: &str = "feat.params";
/// Files without which no decoder can be opened.
const NEEDED: [&str; 6] = [PARAMETERS, "mdef", "means", "variances", "transition_matrices", "sendump"];

/// The files.
pub struct ModelFiles {
    acoustic: PathBuf,
    parameters: File,
    dictionary: File,
    language: File,
}

impl ModelFiles {
    /// The acoustic model in `from`, with this dictionary and language model.
    ///
    /// # Errors
    /// What the system says, with the path where there is one.
    pub fn new(from: &Path, dictionary: &str, arpa: &str) -> io::Result<ModelFiles> {
        for name in NEEDED {
            let file = from.join(name);
            fs::metadata(&file).map_err(|e| at(&file, &e))?;
        }
        let parameters = from.join(PARAMETERS);
        let parameters = fs::read_to_string(&parameters).map_err(|e| at(&parameters, &e))?;
        Ok(ModelFiles {
            acoustic: from.to_owned(),
            parameters: in_memory(&edited(&parameters))?,
            dictionary: in_memory(dictionary)?,
            language: in_memory(arpa)?,
        })
    }

    /// What every decoder is told of them.
    pub fn arguments(&self) -> Vec<String> {
        let acoustic = self.acoustic.to_string_lossy().into_owned();
        vec!["-hmm".into(), acoustic, "-featparams".into(), path(&self.parameters), "-dict".into(), path(&self.dictionary)]
    }

    /// The language model.
    pub fn language(&self) -> String {
        path(&self.language)
    }
}

fn in_memory(text: &str) -> io::Result<File> {
    let mut file = File::from(memfd_create("segue-ear", MemfdFlags::CLOEXEC)?);
    file.write_all(text.as_bytes())?;
    Ok(file)
}

/// Each who opens it reads from the beginning.
fn path(file: &File) -> String {
    format!("/proc/self/fd/{}", file.as_raw_fd())
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

    #[test]
    fn only_the_normalisation_is_edited() {
        assert_eq!(
            edited("-lowerf 130\n-cmn batch\n-cmninit 41\n-model ptm"),
            "-lowerf 130\n-model ptm\n-cmn none\n-remove_noise no\n-remove_silence no\n"
        );
    }

    #[test]
    fn a_decoder_is_told_of_files_that_each_may_read_anew() -> io::Result<()> {
        let from = std::env::temp_dir().join(format!("segue-test-{}", uuid::Uuid::now_v7()));
        fs::create_dir_all(&from)?;
        for name in NEEDED {
            fs::write(from.join(name), "-cmn batch\n")?;
        }
        let made = ModelFiles::new(&from, "yes Y EH S\n", "\\data\\")?;
        fs::remove_dir_all(&from)?;
        let arguments = made.arguments();
        let after = |name: &str| arguments.iter().skip_while(|a| *a != name).nth(1).cloned().unwrap_or_default();
        assert_eq!(after("-hmm"), from.to_string_lossy());
        for _ in 0..2 {
            assert_eq!(fs::read_to_string(after("-featparams"))?, edited(""));
            assert_eq!(fs::read_to_string(after("-dict"))?, "yes Y EH S\n");
            assert_eq!(fs::read_to_string(made.language())?, "\\data\\");
        }
        Ok(())
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = ModelFiles::new(Path::new("/nowhere"), "", "").err().map(|e| e.to_string()).unwrap_or_default();
        assert!(error.contains("/nowhere/feat.params"), "{error}");
    }
}
