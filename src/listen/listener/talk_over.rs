//! Talking over what is played: barge-in, once it is more than backchannel.
//!
//! A frame counts where the speech detector and the level agree: the detector holds on for 160 ms after a sound, which
//! would make of every "mm-hm" an interruption.

use std::time::Duration;

use crate::base::{FRAME_MILLIS, Time};
use crate::listen::table::ListenTable;
use crate::listen::turn::frames;

/// A frame that is this far below the loudest of the same stretch of speech is its reverberation, or the detector's hangover.
const WITHIN_DB: f32 = 20.0;

/// What is known of the words that are said over the playback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Words {
    /// Nothing yet.
    Unknown,
    /// Nothing but "yes", "mm-hm", "okay".
    Backchannel,
    /// More than that.
    More,
}

/// Somebody talks over the playback, and means it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TalkOver {
    /// When they began to.
    pub(super) start: Time,
    /// How long they have spoken since.
    pub(super) spoken: Duration,
    /// False if they had already been speaking when the playback began: then the playback interrupts them.
    pub(super) interrupts: bool,
}

/// Watches for talk over a playback.
#[derive(Debug)]
pub(super) struct Watch {
    need: u32,
    window: u32,
    limit: u32,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Nothing interruptible is played.
    Off,
    Watching(Heard),
    /// It was told; the playback is about to stop.
    Told,
}

#[derive(Debug)]
struct Heard {
    /// The last frames, the newest in the lowest bit.
    history: u64,
    /// Frames with talk since the last long silence, and where they begin.
    spoken: u32,
    start: Time,
    peak_db: f32,
    interrupts: bool,
}

impl Watch {
    pub(super) fn new(table: &ListenTable) -> Self {
        let window = frames(table.barge_in_window_secs).clamp(1, u64::BITS - 1);
        let need = frames(table.barge_in_secs).clamp(1, window);
        Watch { need, window, limit: frames(table.backchannel_limit_secs), state: State::Off }
    }

    /// Something that may be interrupted begins to be played; `speaking` if the party is speaking already.
    pub(super) fn begin(&mut self, speaking: bool, now: Time) {
        if matches!(self.state, State::Off) {
            self.state = State::Watching(Heard { history: 0, spoken: 0, start: now, peak_db: f32::MIN, interrupts: !speaking });
        }
    }

    /// It is over.
    pub(super) fn end(&mut self) {
        self.state = State::Off;
    }

    /// 20 ms that end `now`; `turn` once it is certain that somebody speaks. Told once for each playback.
    pub(super) fn on_frame(&mut self, speech: bool, turn: bool, level_db: f32, words: Words, now: Time) -> Option<TalkOver> {
        let State::Watching(heard) = &mut self.state else { return None };
        if !speech {
            heard.peak_db = f32::MIN;
            heard.interrupts = true;
        }
        heard.peak_db = heard.peak_db.max(level_db);
        let talk = speech && level_db > heard.peak_db - WITHIN_DB;
        let mask = (1 << self.window) - 1;
        heard.history = (heard.history << 1 | u64::from(talk)) & mask;
        if heard.history == 0 {
            heard.spoken = 0;
            return None;
        }
        if heard.spoken == 0 {
            heard.start = now.back(Duration::from_millis(FRAME_MILLIS));
        }
        heard.spoken += u32::from(talk);
        let enough = match words {
            Words::Unknown | Words::More => heard.history.count_ones() >= self.need,
            Words::Backchannel => heard.spoken >= self.limit.max(self.need),
        };
        if !enough || !turn {
            return None;
        }
        let spoken = Duration::from_millis(FRAME_MILLIS) * heard.spoken;
        let told = TalkOver { start: heard.start, spoken, interrupts: heard.interrupts };
        self.state = State::Told;
        Some(told)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds runs of (frames, speech, level) and gives the frame at which it was told.
    fn told(runs: &[(u32, bool, f32)], words: Words, speaking: bool) -> Option<(u32, TalkOver)> {
        let mut watch = Watch::new(&ListenTable::default());
        watch.begin(speaking, Time::ZERO);
        let frames = runs.iter().flat_map(|(n, speech, db)| (0..*n).map(move |_| (*speech, *db)));
        frames.zip(1..).find_map(|((speech, db), n)| Some((n, watch.on_frame(speech, true, db, words, Time::from_millis(u64::from(n) * 20))?)))
    }

    #[test]
    fn talk_is_told_at_once_and_backchannel_is_not() {
        let at = |runs: &[_], words| told(runs, words, false).map(|(n, _)| n);
        assert_eq!(at(&[(100, true, -20.0)], Words::Unknown), Some(18), "350 ms");
        assert_eq!(at(&[(12, true, -20.0), (8, true, -60.0), (80, false, -70.0)], Words::Unknown), None, "a short yes and the hangover");
        assert_eq!(at(&[(100, true, -20.0)], Words::Backchannel), Some(60), "nobody says yes for 1.2 s");
        assert_eq!(at(&[(30, true, -20.0), (50, false, -70.0)], Words::Backchannel), None);
        assert_eq!(at(&[(9, true, -20.0), (40, false, -70.0), (9, true, -20.0), (40, false, -70.0)], Words::Unknown), None);
    }

    #[test]
    fn who_spoke_first_does_not_interrupt() {
        let talk = |runs: &[_]| told(runs, Words::Unknown, true).map(|(_, talk)| talk.interrupts);
        assert_eq!(talk(&[(100, true, -20.0)]), Some(false));
        assert_eq!(talk(&[(10, true, -20.0), (20, false, -70.0), (50, true, -20.0)]), Some(true));
    }
}
