//! Lays the file over the built-in sample and the environment over both, and brings in the files of bots.

use std::io;
use std::path::Path;

use super::document::{Document, MAX_FILE_BYTES};
use super::key::KeyPath;
use super::mistake::{Mistake, Mistakes};
use super::variables;
use super::{BUILT_IN, DOCUMENTED, SAMPLE};

/// The bots that are built in, by the path that the documented configuration names.
const BUILT_IN_BOTS: [(&str, &str); 1] = [("bots/mercury.toml", include_str!("../../config/bots/mercury.toml"))];

/// The values of all layers, and where each comes from.
pub fn layered(
    file: Option<(&str, &str)>,
    variables: impl IntoIterator<Item = (String, String)>,
    bot_file: &dyn Fn(&Path) -> io::Result<String>,
    mistakes: &mut Mistakes,
) -> Option<Document> {
    let root = KeyPath::default();
    let own = match file {
        Some((name, text)) => Some(Document::parse(name, text, &root, mistakes)?),
        None => None,
    };
    let has_own_line = own.as_ref().is_some_and(|own| SAMPLE.iter().any(|section| own.table.contains_key(*section)));
    let mut all = own.unwrap_or_default();
    let from_file = bots(&mut all, bot_file, mistakes);
    if !has_own_line {
        let built_in = |path: &Path| {
            let text = BUILT_IN_BOTS.iter().find(|(name, _)| Path::new(name) == path).map(|(_, text)| (*text).to_owned());
            text.ok_or_else(|| io::ErrorKind::NotFound.into())
        };
        let mut sample = Document::parse(BUILT_IN, DOCUMENTED, &root, mistakes)?;
        sample.table.retain(|section, _| SAMPLE.contains(&section));
        sample.places.0.retain(|key, _| SAMPLE.iter().any(|section| key.is_within(&root.name(section))));
        bots(&mut sample, &built_in, mistakes)?;
        all.table.extend(sample.table);
        all.places.0.extend(sample.places.0);
    }
    from_file?;
    variables::overlay(&mut all, variables, mistakes);
    Some(all)
}

/// Puts what stands in the file of each `[bot.NAME] file = "…"` in its place.
fn bots(document: &mut Document, read: &dyn Fn(&Path) -> io::Result<String>, mistakes: &mut Mistakes) -> Option<()> {
    let Some(toml::Value::Table(bots)) = document.table.get_mut("bot") else { return Some(()) };
    let mut complete = Some(());
    for (name, bot) in bots {
        let key = KeyPath::default().name("bot").name(name);
        let Some(toml::Value::String(file)) = bot.get("file").cloned() else { continue };
        if bot.as_table().is_some_and(|table| table.len() > 1) {
            mistakes.add(Mistake::of_key(key.name("file"), "stands beside other keys; a bot is in a file or here, not both"));
            continue;
        }
        let read = read(Path::new(&file)).map_err(|why| format!("`{file}` can't be read: {}", plain(&why)));
        let text = match read {
            Ok(text) => text,
            Err(what) => {
                mistakes.add(Mistake::of_key(key.name("file"), what));
                *bot = toml::Value::Table(toml::Table::new());
                complete = None;
                continue;
            }
        };
        let Some(read) = Document::parse(&file, &text, &key, mistakes) else {
            complete = None;
            continue;
        };
        *bot = toml::Value::Table(read.table);
        document.places.0.extend(read.places.0);
    }
    complete
}

/// The text of a configuration file; what hinders reading it is noted.
pub fn text_of(path: &Path, file: &str, mistakes: &mut Mistakes) -> Option<String> {
    let large = std::fs::metadata(path).is_ok_and(|about| about.len() > MAX_FILE_BYTES as u64);
    let text = if large { Err(format!("is larger than {MAX_FILE_BYTES} bytes")) } else { std::fs::read_to_string(path).map_err(|why| plain(&why)) };
    text.map_err(|what| mistakes.add(Mistake::of_file(file, what))).ok()
}

/// Why a file can't be read.
fn plain(why: &io::Error) -> String {
    match why.kind() {
        io::ErrorKind::NotFound => "there is no such file".into(),
        io::ErrorKind::PermissionDenied => "permission denied".into(),
        io::ErrorKind::IsADirectory => "is a directory".into(),
        io::ErrorKind::InvalidData => "is no UTF-8 text".into(),
        _ => why.to_string(),
    }
}
