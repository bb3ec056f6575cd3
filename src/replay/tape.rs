//! The recording as it is read: its frames, its hash, and what the caller's room sounds like.

use std::collections::VecDeque;

use crate::base::{Frame, Rate};
use crate::sound::recording::{RecordedFrame, Recording, RecordingError};

/// While the recording stands still, the caller's line carries a loop of this many frames (200 ms) without speech.
const ROOM_FRAMES: usize = 10;
/// What came within so many frames (0.5 s) before a turn is not taken for the room: a turn is known later than it begins.
const ROOM_DELAY: usize = 25;
/// The recording stands still only where the caller is quiet, or after so many frames (0.5 s): a key is known before it ends.
const MIDST_FRAMES: usize = 25;
/// What is more than so many times as loud (12 dB) as the room before is no room.
const ROOM_RISE: u32 = 4;
/// A room is not taken for quieter than this (mean magnitude about −60 dBFS).
const QUIET: u32 = 33;

/// The recording as it is read.
pub(super) struct Tape {
    recording: Recording,
    rate: Rate,
    pub(super) hash: blake3::Hasher,
    pub(super) frames: u64,
    pub(super) is_over: bool,
    pub(super) cut: Option<RecordingError>,
    /// The last frames without speech, to stand for the caller's room while the recording stands still.
    room: Vec<Frame>,
    room_at: usize,
    /// The frames since then, which may yet turn out to be a turn's beginning.
    lately: VecDeque<Frame>,
    /// So many frames were read in a row that are louder than the room.
    loud_run: usize,
    loud_frames: u32,
    /// The caller is on the right.
    swap: bool,
}

impl Tape {
    pub(super) fn new(recording: Recording, swap: bool) -> Self {
        let rate = recording.info().rate;
        Tape {
            recording,
            rate,
            hash: blake3::Hasher::new(),
            frames: 0,
            is_over: false,
            cut: None,
            room: Vec::with_capacity(ROOM_FRAMES),
            room_at: 0,
            lately: VecDeque::with_capacity(ROOM_FRAMES + ROOM_DELAY),
            loud_run: 0,
            loud_frames: 0,
            swap,
        }
    }

    /// The next 20 ms; silence when the recording is over.
    pub(super) fn next(&mut self) -> RecordedFrame {
        let silence = RecordedFrame { first: Frame::silence(self.rate), second: None };
        if self.is_over {
            return silence;
        }
        match self.recording.next_frame() {
            Ok(Some(read)) => {
                let heard = match read.second {
                    Some(second) if self.swap => RecordedFrame { first: second, second: Some(read.first) },
                    Some(_) | None => read,
                };
                self.frames += 1;
                self.loud_run = if self.is_room(magnitude(&heard.first)) { 0 } else { self.loud_run + 1 };
                self.hash_frame(&heard.first);
                if let Some(second) = &heard.second {
                    self.hash_frame(second);
                    self.loud_frames += u32::from(is_loud(second));
                }
                heard
            }
            Ok(None) => {
                self.is_over = true;
                silence
            }
            Err(error) => {
                self.is_over = true;
                self.cut = Some(error);
                silence
            }
        }
    }

    fn hash_frame(&mut self, frame: &Frame) {
        let mut bytes = [0u8; 640];
        for (pair, sample) in bytes.chunks_exact_mut(2).zip(frame.samples()) {
            pair.copy_from_slice(&sample.to_le_bytes());
        }
        self.hash.update(&bytes[..frame.samples().len() * 2]);
    }

    /// Remembers what the caller's room sounds like: neither turns nor what comes just before them, nor keys in band.
    pub(super) fn remember_room(&mut self, frame: Frame, in_turn: bool) {
        if in_turn {
            self.lately.clear();
            return;
        }
        self.lately.push_back(frame);
        if self.lately.len() < ROOM_FRAMES + ROOM_DELAY {
            return;
        }
        if self.lately.iter().take(ROOM_FRAMES).all(|frame| self.is_room(magnitude(frame))) {
            self.room.clear();
            self.room.extend(self.lately.iter().take(ROOM_FRAMES));
        }
        self.lately.drain(..ROOM_FRAMES);
    }

    /// Whether a frame of this magnitude may be the room; where nothing is known of it, anything may.
    fn is_room(&self, heard: u32) -> bool {
        self.room.iter().map(magnitude).max().is_none_or(|known| heard <= ROOM_RISE * known.max(QUIET))
    }

    /// Whether the recording may stand still here.
    pub(super) fn rests(&self) -> bool {
        self.loud_run == 0 || self.loud_run > MIDST_FRAMES
    }

    /// True if the other channel carries enough sound to be somebody's speech.
    pub(super) fn other_speaks(&self) -> bool {
        self.loud_frames >= SPEAKS_FRAMES
    }

    /// 20 ms of the caller's room.
    pub(super) fn room(&mut self) -> Frame {
        if self.room.is_empty() {
            return Frame::silence(self.rate);
        }
        self.room_at = (self.room_at + 1) % self.room.len();
        self.room[self.room_at]
    }
}

/// A frame this loud (mean magnitude about −40 dBFS) on the other channel is probably speech.
const LOUD: u32 = 300;
/// So many loud frames (3 s) on the other channel are worth a hint.
const SPEAKS_FRAMES: u32 = 150;

fn is_loud(frame: &Frame) -> bool {
    magnitude(frame) > LOUD
}

/// Mean magnitude of the samples.
fn magnitude(frame: &Frame) -> u32 {
    let sum: u32 = frame.samples().iter().map(|s| u32::from(s.unsigned_abs())).sum();
    sum / frame.samples().len() as u32
}
