//! Spoken phrases, the least recently used thrown away first, bounded by bytes.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::base::Rate;

/// What is spoken and kept as one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Piece {
    /// File stem of the recording, if it is one.
    pub prompt: Option<String>,
    /// The words.
    pub text: String,
    /// BCP 47 language.
    pub language: String,
    /// Rate of the samples.
    pub rate: Rate,
}

#[derive(Clone, Debug)]
struct Entry {
    sound: Arc<[i16]>,
    used: u64,
}

/// The cache.
#[derive(Clone, Debug)]
pub struct Cache {
    entries: BTreeMap<Piece, Entry>,
    /// Use counter → piece: the first is the least recently used.
    by_use: BTreeMap<u64, Piece>,
    uses: u64,
    bytes: usize,
    most_bytes: usize,
    thrown_away: u64,
}

impl Cache {
    /// An empty cache of at most this many bytes of samples.
    pub fn new(most_bytes: usize) -> Cache {
        Cache { entries: BTreeMap::new(), by_use: BTreeMap::new(), uses: 0, bytes: 0, most_bytes, thrown_away: 0 }
    }

    /// The piece's sound; it counts as used.
    pub fn find(&mut self, piece: &Piece) -> Option<Arc<[i16]>> {
        let entry = self.entries.get_mut(piece)?;
        self.uses += 1;
        self.by_use.remove(&entry.used);
        entry.used = self.uses;
        self.by_use.insert(self.uses, piece.clone());
        Some(Arc::clone(&entry.sound))
    }

    /// Keeps a sound, unless it is larger than the whole cache.
    pub fn keep(&mut self, piece: Piece, sound: Arc<[i16]>) {
        let bytes = size_of_val(&*sound);
        if bytes > self.most_bytes {
            self.thrown_away += 1;
            return;
        }
        self.remove(&piece);
        while self.bytes + bytes > self.most_bytes
            && let Some((_, oldest)) = self.by_use.pop_first()
        {
            self.remove(&oldest);
            self.thrown_away += 1;
        }
        self.uses += 1;
        self.bytes += bytes;
        self.by_use.insert(self.uses, piece.clone());
        self.entries.insert(piece, Entry { sound, used: self.uses });
    }

    /// Keeps what another cache has, recordings aside; what it used last stays longest.
    pub fn take_phrases_of(&mut self, mut other: Cache) {
        for piece in other.by_use.into_values().filter(|piece| piece.prompt.is_none()) {
            if let Some(entry) = other.entries.remove(&piece) {
                self.keep(piece, entry.sound);
            }
        }
    }

    fn remove(&mut self, piece: &Piece) {
        if let Some(entry) = self.entries.remove(piece) {
            self.by_use.remove(&entry.used);
            self.bytes -= size_of_val(&*entry.sound);
        }
    }

    /// How many pieces are kept.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// How many were thrown away for room, or not kept.
    pub fn thrown_away(&self) -> u64 {
        self.thrown_away
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(text: &str) -> Piece {
        Piece { prompt: None, text: text.into(), language: "en".into(), rate: Rate::Hz8000 }
    }

    #[test]
    fn the_least_recently_used_goes_first() {
        let mut cache = Cache::new(40);
        for name in ["a", "b"] {
            cache.keep(piece(name), vec![0; 10].into());
        }
        assert!(cache.find(&piece("a")).is_some());
        cache.keep(piece("c"), vec![0; 10].into());
        assert!(cache.find(&piece("b")).is_none());
        assert!(cache.find(&piece("a")).is_some() && cache.find(&piece("c")).is_some());
        assert_eq!((cache.len(), cache.thrown_away(), cache.bytes), (2, 1, 40));
    }

    #[test]
    fn phrases_of_another_cache_are_kept_as_far_as_there_is_room_and_recordings_are_not() {
        let mut old = Cache::new(100);
        for name in ["a", "b", "c"] {
            old.keep(piece(name), vec![0; 10].into());
        }
        old.find(&piece("a"));
        old.keep(Piece { prompt: Some("hold".into()), ..piece("d") }, vec![0; 10].into());
        let mut new = Cache::new(40);
        new.take_phrases_of(old);
        let kept: Vec<&str> = new.entries.keys().map(|piece| piece.text.as_str()).collect();
        assert_eq!(kept, ["a", "c"]);
    }

    #[test]
    fn bytes_never_exceed_the_limit() {
        let mut cache = Cache::new(100);
        for n in 0..1_000usize {
            cache.keep(piece(&(n % 7).to_string()), vec![1; n * 31 % 60].into());
            let sum: usize = cache.entries.values().map(|e| size_of_val(&*e.sound)).sum();
            assert!(cache.bytes <= 100 && sum == cache.bytes && cache.by_use.len() == cache.entries.len());
        }
    }
}
