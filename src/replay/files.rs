//! Which recordings are meant, in which order.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Endings of files that a directory is searched for.
const AUDIO: [&str; 14] = ["wav", "wave", "flac", "mp3", "ogg", "oga", "opus", "m4a", "mp4", "aac", "caf", "mka", "webm", "m4b"];
/// A directory with this file is the result of an earlier replay; what was heard there is no recording of a caller.
const RESULTS: &str = "events.jsonl";
/// How deep directories may lie in each other.
const MAX_DEPTH: usize = 32;

/// The recordings that these paths mean: files as they are named, directories walked in byte order of path.
///
/// With them one line for each path that is missing, can't be read, or is a directory without a recording; the others are replayed all the same.
pub fn recordings(paths: &[PathBuf]) -> (Vec<PathBuf>, Vec<String>) {
    let (mut found, mut mistakes) = (Vec::new(), Vec::new());
    for path in paths {
        match std::fs::metadata(path) {
            Err(error) => mistakes.push(format!("{}: {}", path.display(), reason(&error))),
            Ok(meta) if meta.is_dir() => {
                let before = (found.len(), mistakes.len());
                walk(path, 0, &mut found, &mut mistakes);
                found[before.0..].sort_unstable_by(|a, b| a.as_os_str().as_encoded_bytes().cmp(b.as_os_str().as_encoded_bytes()));
                if (found.len(), mistakes.len()) == before {
                    mistakes.push(format!("{}: has no recordings in it (none of *.{})", path.display(), AUDIO.join(", *.")));
                }
            }
            Ok(_) => found.push(path.clone()),
        }
    }
    (found, mistakes)
}

fn walk(dir: &Path, depth: usize, found: &mut Vec<PathBuf>, mistakes: &mut Vec<String>) {
    if dir.join(RESULTS).exists() {
        return;
    }
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) if depth < MAX_DEPTH => entries,
        Ok(_) => return mistakes.push(format!("{}: lies deeper than {MAX_DEPTH} directories", dir.display())),
        Err(error) => return mistakes.push(format!("{}: {}", dir.display(), reason(&error))),
    };
    for entry in entries.flatten() {
        let path = entry.path();
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => walk(&path, depth + 1, found, mistakes),
            Ok(_) if is_audio(&path) => found.push(path),
            Ok(_) | Err(_) => {}
        }
    }
}

fn is_audio(path: &Path) -> bool {
    path.extension().and_then(|e| e.to_str()).is_some_and(|e| AUDIO.contains(&e.to_ascii_lowercase().as_str()))
}

/// The file's name without its ending: what its results are filed under.
pub fn stem(path: &Path) -> String {
    path.file_stem().map_or_else(|| "recording".to_owned(), |stem| stem.to_string_lossy().into_owned())
}

/// One line for each pair of recordings whose results would be filed under the same name.
pub fn equal_stems(recordings: &[PathBuf]) -> Vec<String> {
    let mut seen: BTreeMap<String, &PathBuf> = BTreeMap::new();
    let mut clashes = Vec::new();
    for path in recordings {
        if let Some(other) = seen.insert(stem(path), path) {
            clashes.push(format!(
                "{}: has the same name as {}, so both results would go to one directory; rename one",
                path.display(),
                other.display()
            ));
        }
    }
    clashes
}

/// The expectation that lies beside a recording.
pub fn expectation_beside(recording: &Path) -> PathBuf {
    recording.with_file_name(format!("{}.expect.toml", stem(recording)))
}

/// Why a file can't be used, in words.
pub fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".into(),
        std::io::ErrorKind::PermissionDenied => "may not be read (no permission)".into(),
        std::io::ErrorKind::IsADirectory => "is a directory".into(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_walked_in_byte_order_for_audio_only() {
        let dir = std::env::temp_dir().join(format!("segue-files-{}", std::process::id()));
        std::fs::create_dir_all(dir.join("b")).expect("a temporary directory");
        for name in ["z.wav", "b/a.FLAC", "b.mp3", "notes.txt", "z.expect.toml"] {
            std::fs::write(dir.join(name), b"").expect("a temporary file");
        }
        let (found, mistakes) = recordings(&[dir.clone(), "/no/such.wav".into()]);
        assert_eq!(found, [dir.join("b.mp3"), dir.join("b/a.FLAC"), dir.join("z.wav")]);
        assert_eq!(mistakes, ["/no/such.wav: there is no such file"]);
        std::fs::remove_dir_all(&dir).expect("it can be removed");
        let (none, missing) = recordings(std::slice::from_ref(&dir));
        assert!(none.is_empty() && missing[0].contains("no such file"), "{missing:?}");
    }

    #[test]
    fn equal_names_are_refused() {
        let clashes = equal_stems(&["a/x.wav".into(), "b/x.flac".into(), "a/y.wav".into()]);
        assert_eq!(clashes.len(), 1);
        assert!(clashes[0].contains("b/x.flac") && clashes[0].contains("a/x.wav"), "{clashes:?}");
    }
}
