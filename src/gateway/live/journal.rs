//! What is kept of live calls: one thread writes records and sound, so that no call waits for a disk; the store, where there is
//! one, is handed the records too.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use tokio::sync::oneshot;

use crate::base::{CallId, Rate, Record};
use crate::sound::recorder::StereoFrame;
use crate::store::{Began, Store};

/// Frames and records that may wait to be written: about five seconds of 400 calls.
const QUEUE: usize = 100_000;
/// Files are brought up to date after so many frames of 20 ms, so that a crash costs no more than these.
const FRAMES_AT_RISK: u32 = 250;

enum Entry {
    Began(CallId, Rate),
    Happened(CallId, Box<Record>),
    Sounded(CallId, Box<StereoFrame>),
    Ended(CallId, oneshot::Sender<()>),
}

/// Takes what calls leave behind. Without a directory and a store it keeps nothing.
#[derive(Clone, Debug)]
pub struct Journal {
    entries: Option<SyncSender<Entry>>,
    dir: Option<PathBuf>,
    store: Option<Store>,
}

impl Journal {
    /// Writes below this directory, which is made, and into the store.
    ///
    /// # Errors
    /// The directory or the thread can't be made.
    pub fn open(dir: Option<&Path>, store: Option<Store>) -> std::io::Result<Journal> {
        let Some(dir) = dir else { return Ok(Journal { entries: None, dir: None, store }) };
        std::fs::create_dir_all(dir)?;
        let (entries, taken) = sync_channel(QUEUE);
        let root = dir.to_owned();
        std::thread::Builder::new().name("journal".into()).spawn(move || write(&root, &taken))?;
        Ok(Journal { entries: Some(entries), dir: Some(dir.to_owned()), store })
    }

    /// Where a call's files are, if anything is kept.
    pub fn dir_of(&self, call: CallId) -> Option<PathBuf> {
        self.dir.as_ref().map(|dir| dir.join(call.to_string()))
    }

    /// True if sound is kept.
    pub fn keeps(&self) -> bool {
        self.entries.is_some()
    }

    /// A call begins.
    pub fn begin(&self, call: CallId, rate: Rate) {
        if let Some(store) = &self.store {
            store.begin(Began { call, at: jiff::Timestamp::now(), recordings: self.dir_of(call) });
        }
        self.put(Entry::Began(call, rate));
    }

    /// Something happened in it.
    pub fn record(&self, record: &Record) {
        if let Some(store) = &self.store {
            store.record(record);
        }
        if self.entries.is_some() {
            self.put(Entry::Happened(record.subject, Box::new(record.clone())));
        }
    }

    /// 20 ms of it.
    pub fn sound(&self, call: CallId, frame: StereoFrame) {
        if self.entries.is_none() {
            return;
        }
        self.put(Entry::Sounded(call, Box::new(frame)));
    }

    /// It is over. Comes back when its files are whole.
    pub async fn end(&self, call: CallId) {
        if let Some(store) = &self.store {
            store.end(call);
        }
        let Some(entries) = self.entries.clone() else { return };
        let (done, whole) = oneshot::channel();
        // However slow the disk is, this may not get lost: files would stay open.
        tokio::task::spawn_blocking(move || entries.send(Entry::Ended(call, done)));
        // The sender ends unused, when the files are done with or there are none.
        let _ = whole.await;
    }

    fn put(&self, entry: Entry) {
        if let Some(entries) = &self.entries
            && entries.try_send(entry).is_err()
        {
            tracing::error!("the disk is too slow: something of a call was not written down");
        }
    }
}

/// The files of one call.
struct Files {
    wav: hound::WavWriter<BufWriter<File>>,
    events: BufWriter<File>,
    frames: u32,
}

impl Files {
    fn make(dir: &Path, rate: Rate) -> std::io::Result<Files> {
        std::fs::create_dir_all(dir)?;
        let spec = hound::WavSpec { channels: 2, sample_rate: rate.hz(), bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
        let wav = hound::WavWriter::create(dir.join("call.wav"), spec).map_err(std::io::Error::other)?;
        Ok(Files { wav, events: BufWriter::new(File::create(dir.join("events.jsonl"))?), frames: 0 })
    }

    fn sound(&mut self, frame: &StereoFrame) -> std::io::Result<()> {
        frame.samples().iter().try_for_each(|&sample| self.wav.write_sample(sample)).map_err(std::io::Error::other)?;
        self.frames += 1;
        if self.frames.is_multiple_of(FRAMES_AT_RISK) {
            self.events.flush()?;
            self.wav.flush().map_err(std::io::Error::other)?;
        }
        Ok(())
    }

    fn finish(mut self) -> std::io::Result<()> {
        self.events.flush()?;
        self.wav.finalize().map_err(std::io::Error::other)
    }
}

fn write(root: &Path, entries: &Receiver<Entry>) {
    let mut files: BTreeMap<CallId, Files> = BTreeMap::new();
    for entry in entries {
        let (call, done) = match entry {
            Entry::Began(call, rate) => (call, Files::make(&root.join(call.to_string()), rate).map(|made| drop(files.insert(call, made)))),
            Entry::Happened(call, record) => (call, files.get_mut(&call).map_or(Ok(()), |files| line(&mut files.events, &record))),
            Entry::Sounded(call, frame) => (call, files.get_mut(&call).map_or(Ok(()), |files| files.sound(&frame))),
            // Who waits for it is told by the sender's end.
            Entry::Ended(call, _waiting) => (call, files.remove(&call).map_or(Ok(()), Files::finish)),
        };
        if let Err(error) = done {
            tracing::error!(%call, %error, "the call is not written down any further");
            files.remove(&call);
        }
    }
}

fn line(events: &mut impl Write, record: &Record) -> std::io::Result<()> {
    serde_json::to_writer(&mut *events, record)?;
    events.write_all(b"\n")
}
