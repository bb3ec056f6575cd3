//! What is played to one leg: playbacks one after the other without a gap, and music while there are none.
//!
//! Everything begins and ends with a fade of 5 ms, so that nothing clicks. Positions are samples of the call; the end
//! of a playback is the sample after its last one, so that an unbroken playback has `end − start = sent`.

use std::collections::VecDeque;
use std::sync::Arc;

use super::{MAX_QUEUED, MAX_SUPPLIED_SECS, Play};
use crate::base::{MAX_FRAME_SAMPLES, PlaybackId, Rate};
use crate::sound::mix::Mix;

/// Length of a fade: long enough not to click, short enough not to be heard.
const FADE_MILLIS: usize = 5;
/// A stream that ran dry is a pause of the speaker for so many ticks (500 ms); after that music may sound again.
const PAUSE_TICKS: u32 = 25;
/// Loops of one leg: one that sounds, the others fading out.
const MAX_LOOPS: usize = 4;

/// What became of a playback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum News {
    Started { id: PlaybackId, sample: u64 },
    Stopped { id: PlaybackId, sample: u64, sent: u64, completed: bool },
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Done.
    Taken,
    /// No such playback here.
    Unknown,
    /// A limit was hit.
    OverLimit,
}

#[derive(Debug)]
pub(super) struct Player {
    rate: Rate,
    fade: usize,
    queue: VecDeque<Playing>,
    loops: Vec<Loop>,
}

impl Player {
    pub fn new(rate: Rate) -> Self {
        let fade = rate.hz() as usize * FADE_MILLIS / 1_000;
        Player { rate, fade, queue: VecDeque::with_capacity(MAX_QUEUED), loops: Vec::with_capacity(MAX_LOOPS) }
    }

    /// True if nothing is played, or waits.
    pub fn is_idle(&self) -> bool {
        self.queue.is_empty() && self.loops.is_empty()
    }

    pub fn has(&self, id: PlaybackId) -> bool {
        self.queue.iter().any(|p| p.id == id) || self.loops.iter().any(|l| l.id == id)
    }

    /// Queues a playback, or lets a loop take the place of the one before.
    pub fn play(&mut self, play: Play, now: u64, news: &mut VecDeque<News>) -> Verdict {
        if play.looped {
            return self.play_loop(play, now, news);
        }
        if self.queue.len() >= MAX_QUEUED {
            return Verdict::OverLimit;
        }
        self.queue.push_back(Playing::new(play));
        Verdict::Taken
    }

    fn play_loop(&mut self, play: Play, now: u64, news: &mut VecDeque<News>) -> Verdict {
        if play.samples.is_empty() {
            return Verdict::OverLimit;
        }
        if let Some(before) = self.loops.iter().find(|l| !l.ending).map(|l| l.id) {
            self.stop_loop(before, now, news);
        }
        if self.loops.len() >= MAX_LOOPS {
            news.push_back(self.loops.remove(0).stopped(now));
        }
        self.loops.push(Loop { id: play.id, samples: play.samples, at: 0, gain: 0, sent: 0, ending: false });
        Verdict::Taken
    }

    /// More samples of a stream.
    pub fn supply(&mut self, id: PlaybackId, samples: Arc<[i16]>, more: bool) -> Verdict {
        let limit = self.rate.hz() as usize * MAX_SUPPLIED_SECS;
        match self.queue.iter_mut().find(|p| p.id == id && p.open && !matches!(p.stage, Stage::Ending { .. })) {
            Some(playing) => playing.supply(samples, more, limit),
            None => Verdict::Unknown,
        }
    }

    /// Ends a playback: what sounds fades within the next tick, what does not is over at once.
    pub fn stop(&mut self, id: PlaybackId, now: u64, news: &mut VecDeque<News>) -> Verdict {
        let Some(at) = self.queue.iter().position(|p| p.id == id) else {
            return self.stop_loop(id, now, news);
        };
        let playing = &mut self.queue[at];
        match playing.stage {
            Stage::Waiting | Stage::Dry { .. } => {
                news.push_back(playing.stopped(now, false));
                self.queue.remove(at);
                Verdict::Taken
            }
            Stage::Sounding { ramp } => {
                playing.stage = Stage::Ending { left: ramp.min(self.fade) };
                Verdict::Taken
            }
            Stage::Ending { .. } => Verdict::Unknown,
        }
    }

    fn stop_loop(&mut self, id: PlaybackId, now: u64, news: &mut VecDeque<News>) -> Verdict {
        match self.loops.iter().position(|l| l.id == id && !l.ending) {
            Some(at) if self.loops[at].gain == 0 => {
                news.push_back(self.loops.remove(at).stopped(now));
                Verdict::Taken
            }
            Some(at) => {
                self.loops[at].ending = true;
                Verdict::Taken
            }
            None => Verdict::Unknown,
        }
    }

    /// Ends everything at once: the leg is gone.
    pub fn clear(&mut self, now: u64, news: &mut VecDeque<News>) {
        news.extend(self.queue.drain(..).map(|p| p.stopped(now, false)));
        news.extend(self.loops.drain(..).map(|l| l.stopped(now)));
    }

    /// Adds the next 20 ms to `mix`; true if anything was meant for the leg.
    pub fn render(&mut self, now: u64, mix: &mut Mix, news: &mut VecDeque<News>) -> bool {
        if self.queue.is_empty() && self.loops.is_empty() {
            return false;
        }
        let mut buffer = [0; MAX_FRAME_SAMPLES];
        let len = self.rate.frame_samples();
        let busy = self.render_queue(now, &mut buffer[..len], news);
        if busy > 0 {
            mix.add(&buffer[..len]);
        }
        let music = self.render_loops(now, busy, &mut buffer[..len], mix, news);
        busy > 0 || music
    }

    /// Writes the queued playbacks; how many samples from the frame's start belong to them, their pauses included.
    fn render_queue(&mut self, now: u64, out: &mut [i16], news: &mut VecDeque<News>) -> usize {
        let mut at = 0;
        while at < out.len() {
            let Some(head) = self.queue.front_mut() else { return at };
            match head.stage {
                Stage::Waiting if head.open && head.left == 0 => return at,
                Stage::Waiting => {
                    news.push_back(News::Started { id: head.id, sample: now + at as u64 });
                    head.stage = Stage::Sounding { ramp: 0 };
                }
                Stage::Dry { .. } if head.left > 0 => head.stage = Stage::Sounding { ramp: 0 },
                Stage::Sounding { .. } | Stage::Dry { .. } | Stage::Ending { .. } => {}
            }
            at += head.fill(&mut out[at..], self.fade);
            if let Some(completed) = head.ended() {
                news.push_back(head.stopped(now + at as u64, completed));
                self.queue.pop_front();
            } else if at < out.len() {
                return if head.pauses() { out.len() } else { at };
            }
        }
        at
    }

    /// Adds the music from sample `busy` on; true if any sounded.
    fn render_loops(&mut self, now: u64, busy: usize, buffer: &mut [i16], mix: &mut Mix, news: &mut VecDeque<News>) -> bool {
        let mut sounded = false;
        let fade = self.fade;
        self.loops.retain_mut(|music| {
            let sent = music.sent;
            let keep = music.render(now, busy, buffer, fade, news);
            if music.sent > sent {
                mix.add(buffer);
                sounded = true;
            }
            keep
        });
        sounded
    }
}

/// Where a playback is.
#[derive(Clone, Copy, Debug)]
enum Stage {
    /// Nothing of it was sent.
    Waiting,
    /// Being sent, `ramp` samples since it began or since it last ran dry.
    Sounding { ramp: usize },
    /// A stream that has nothing to send at the moment, for so many ticks.
    Dry { ticks: u32 },
    /// Stopped, `left` samples of its fade to be sent.
    Ending { left: usize },
}

#[derive(Debug)]
struct Playing {
    id: PlaybackId,
    chunks: VecDeque<Arc<[i16]>>,
    /// Position in the first chunk.
    at: usize,
    /// Samples in all chunks that are not sent yet.
    left: usize,
    /// More may be supplied.
    open: bool,
    /// Something was left out because of a limit.
    short: bool,
    sent: u64,
    stage: Stage,
}

impl Playing {
    fn new(play: Play) -> Self {
        let left = play.samples.len();
        let chunks = VecDeque::from([play.samples]);
        Playing { id: play.id, chunks, at: 0, left, open: play.more, short: false, sent: 0, stage: Stage::Waiting }
    }

    fn supply(&mut self, samples: Arc<[i16]>, more: bool, limit: usize) -> Verdict {
        self.open = more;
        if self.left + samples.len() > limit {
            self.short = true;
            return Verdict::OverLimit;
        }
        self.left += samples.len();
        if !samples.is_empty() {
            self.chunks.push_back(samples);
        }
        Verdict::Taken
    }

    /// Sends what is there and fits; how many samples.
    fn fill(&mut self, out: &mut [i16], fade: usize) -> usize {
        let room = match self.stage {
            Stage::Ending { left } => out.len().min(left),
            Stage::Waiting | Stage::Sounding { .. } | Stage::Dry { .. } => out.len(),
        };
        let n = room.min(self.left);
        for sample in &mut out[..n] {
            let gain = match &mut self.stage {
                Stage::Sounding { ramp } => {
                    *ramp += 1;
                    let to_end = if self.open { fade } else { self.left };
                    fade.min(*ramp).min(to_end)
                }
                Stage::Ending { left } => {
                    *left -= 1;
                    *left
                }
                Stage::Waiting | Stage::Dry { .. } => 0,
            };
            *sample = faded(self.next(), gain, fade);
        }
        self.sent += n as u64;
        n
    }

    /// The next sample; there must be one.
    fn next(&mut self) -> i16 {
        while let Some(chunk) = self.chunks.front() {
            if let Some(&sample) = chunk.get(self.at) {
                self.at += 1;
                self.left -= 1;
                return sample;
            }
            self.chunks.pop_front();
            self.at = 0;
        }
        0
    }

    /// `Some(completed)` if nothing of it will be sent any more.
    fn ended(&self) -> Option<bool> {
        match self.stage {
            Stage::Ending { left } => (left == 0 || self.left == 0).then_some(false),
            Stage::Sounding { .. } | Stage::Dry { .. } | Stage::Waiting => (!self.open && self.left == 0).then_some(!self.short),
        }
    }

    /// It ran dry in this tick; true while that is still a pause of the speaker.
    fn pauses(&mut self) -> bool {
        let ticks = match self.stage {
            Stage::Dry { ticks } => ticks.saturating_add(1),
            Stage::Waiting | Stage::Sounding { .. } | Stage::Ending { .. } => 1,
        };
        self.stage = Stage::Dry { ticks };
        ticks <= PAUSE_TICKS
    }

    fn stopped(&self, sample: u64, completed: bool) -> News {
        News::Stopped { id: self.id, sample, sent: self.sent, completed }
    }
}

/// Music: repeated for ever, silent and standing still while something else is played.
#[derive(Debug)]
struct Loop {
    id: PlaybackId,
    samples: Arc<[i16]>,
    at: usize,
    /// 0 (silent) to the fade's length (full).
    gain: usize,
    sent: u64,
    ending: bool,
}

impl Loop {
    /// Writes its part of the frame; false if it is over.
    fn render(&mut self, now: u64, busy: usize, out: &mut [i16], fade: usize, news: &mut VecDeque<News>) -> bool {
        for (i, sample) in out.iter_mut().enumerate() {
            let wanted = i >= busy && !self.ending;
            if self.gain == 0 && self.ending {
                news.push_back(self.stopped(now + i as u64));
                out[i..].fill(0);
                return false;
            }
            if self.gain == 0 && !wanted {
                *sample = 0;
                continue;
            }
            if self.sent == 0 {
                news.push_back(News::Started { id: self.id, sample: now + i as u64 });
            }
            self.gain = if wanted { (self.gain + 1).min(fade) } else { self.gain - 1 };
            *sample = faded(self.samples[self.at], self.gain, fade);
            self.at = (self.at + 1) % self.samples.len();
            self.sent += 1;
        }
        true
    }

    fn stopped(&self, sample: u64) -> News {
        News::Stopped { id: self.id, sample, sent: self.sent, completed: false }
    }
}

fn faded(sample: i16, gain: usize, fade: usize) -> i16 {
    if gain >= fade { sample } else { (i32::from(sample) * gain as i32 / fade as i32) as i16 }
}
