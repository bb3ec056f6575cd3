//! Turn taking: when somebody begins to speak, when an utterance is over, when they are done.
//!
//! A machine inside the listener: [`TurnTaking::on_frame`] in each frame, what the recognizer answers, the timers of
//! [`Why`] that concern it; then [`TurnTaking::poll`] until `None`. An *utterance* ends with a short pause, and the
//! recognizer is then asked for its final result; a *turn* ends with a longer pause, once every utterance of it has its
//! result (or the recognizer took too long). The pause is longer where the words so far look unfinished ("my order
//! number is"), and shorter where the bot has asked and the whole answer is a word like "yes". Every
//! [`Step::Began`] is followed by one [`Step::Ended`] of the same turn, and turns do not overlap.

mod draft;

use std::collections::VecDeque;
use std::time::Duration;

use crate::base::{FRAME_MILLIS, Time, Timers, UtteranceId};
use crate::listen::listener::Why;
use crate::listen::signal::words::{PhraseSet, Say, normalise};
use crate::listen::table::{ListenTable, secs};
use crate::listen::types::{Hypothesis, Turn};
use draft::{Draft, Result, Talk};

const FRAME: Duration = Duration::from_millis(FRAME_MILLIS);
/// Frames that stay away for so long are silence (a line that sends nothing while nobody speaks).
const SOUND_GONE: Duration = Duration::from_millis(200);
/// Steps of one input at most: cut, close, open, end and begin.
const MAX_STEPS: usize = 8;

/// What the speech detector adds to what was said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lags {
    /// From the first sound to the first frame that is called speech.
    pub onset: Duration,
    /// From the last sound to the last frame that is called speech.
    pub release: Duration,
}

/// What turn taking says.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// A turn began.
    Began {
        /// Counted from 0.
        turn: u32,
        /// First sound.
        at: Time,
    },
    /// An utterance began: give the recognizer what was heard since shortly before `at`.
    Open(UtteranceId, Time),
    /// An utterance is over.
    Close(UtteranceId),
    /// The recognizer is late, and is waited for once more because it still finds words.
    Late,
    /// A turn is over.
    Ended(Turn, Say),
}

/// What the recognizer's answer meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It was news.
    Taken,
    /// Nothing new.
    Same,
    /// Its utterance is over, or was never asked for.
    Stale,
}

/// Follows who has the floor.
#[derive(Debug)]
pub struct TurnTaking {
    rules: Rules,
    lags: Lags,
    floor: Floor,
    /// Frames of speech in a row.
    run: u32,
    /// True while a recognizer listens.
    ear: bool,
    /// True once the party is gone: no pause is waited for.
    gone: bool,
    next_turn: u32,
    next_utterance: u32,
    /// The last turn's last sound.
    free_since: Time,
    steps: VecDeque<Step>,
}

#[derive(Debug)]
enum Floor {
    Free,
    Taken(Box<Draft>),
}

#[derive(Debug)]
struct Rules {
    onset_frames: u32,
    utterance_pause: Duration,
    turn_pause: Duration,
    unfinished_pause: Duration,
    short_answer_pause: Duration,
    max_utterance: Duration,
    max_turn: Duration,
    final_limit: Duration,
    short_answers: PhraseSet,
    unfinished: Vec<String>,
}

impl TurnTaking {
    /// Nobody speaks yet.
    pub fn new(table: &ListenTable, lags: Lags) -> Self {
        let mut unfinished = Vec::new();
        table.unfinished.iter().for_each(|word| {
            let mut last = String::new();
            normalise(word, |w| last = w.to_owned());
            unfinished.push(last);
        });
        let rules = Rules {
            onset_frames: frames(table.onset_secs).max(1),
            utterance_pause: secs(table.utterance_pause_secs),
            turn_pause: secs(table.turn_pause_secs),
            unfinished_pause: secs(table.unfinished_pause_secs),
            short_answer_pause: secs(table.short_answer_pause_secs),
            max_utterance: secs(table.max_utterance_secs).max(FRAME * 2),
            max_turn: secs(table.max_turn_secs).max(FRAME * 2),
            final_limit: secs(table.final_limit_secs),
            short_answers: PhraseSet::new(table.short_answers.iter().map(|answer| format!("={answer}"))),
            unfinished,
        };
        TurnTaking {
            rules,
            lags,
            floor: Floor::Free,
            run: 0,
            ear: false,
            gone: false,
            next_turn: 0,
            next_utterance: 0,
            free_since: Time::ZERO,
            steps: VecDeque::with_capacity(MAX_STEPS),
        }
    }

    /// The next step, if any.
    pub fn poll(&mut self) -> Option<Step> {
        self.steps.pop_front()
    }

    /// The turn under way.
    pub fn turn(&self) -> Option<u32> {
        match &self.floor {
            Floor::Free => None,
            Floor::Taken(draft) => Some(draft.n),
        }
    }

    /// The utterance that the recognizer is being given.
    pub fn listening(&self) -> Option<UtteranceId> {
        match &self.floor {
            Floor::Free => None,
            Floor::Taken(draft) => draft.open().map(|piece| piece.id),
        }
    }

    /// What is understood of the turn so far.
    pub fn say(&self) -> Say {
        match &self.floor {
            Floor::Free => Say::default(),
            Floor::Taken(draft) => draft.say_so_far(),
        }
    }

    /// 20 ms that end `now`, with speech or without.
    pub fn on_frame(&mut self, speech: bool, now: Time, timers: &mut Timers<Why>) {
        if self.gone {
            return;
        }
        self.run = if speech { self.run.saturating_add(1) } else { 0 };
        let long_enough = self.run >= self.rules.onset_frames;
        if self.run > 0 {
            timers.set(Why::SoundGone, SOUND_GONE, now);
        }
        match &mut self.floor {
            Floor::Free if long_enough => self.begin(now, timers),
            Floor::Free => {}
            Floor::Taken(draft) => match draft.talk {
                Talk::Speaking if speech => {
                    draft.last_sound = now;
                    self.cut_what_is_too_long(now, timers);
                }
                Talk::Speaking => self.pause(now.back(FRAME + self.lags.release), now, timers),
                Talk::Paused if long_enough => self.go_on(now, timers),
                Talk::Paused => {}
            },
        }
    }

    /// The recognizer's guess so far.
    pub fn on_partial(&mut self, id: UtteranceId, heard: Hypothesis) -> Answer {
        match &mut self.floor {
            Floor::Free => Answer::Stale,
            Floor::Taken(draft) => draft.guess(id, heard),
        }
    }

    /// The recognizer's final result, or `None` where it failed. `asked` says whether the bot waits for an answer.
    pub fn on_final(&mut self, id: UtteranceId, heard: Option<Hypothesis>, asked: bool, now: Time, timers: &mut Timers<Why>) -> Answer {
        let Floor::Taken(draft) = &mut self.floor else { return Answer::Stale };
        let result = heard.map_or(Result::Lost, Result::Heard);
        let answer = draft.settle(id, result);
        if answer != Answer::Stale {
            self.end_if_over(asked, now, timers);
        }
        answer
    }

    /// There is a recognizer from now on, or none.
    pub fn on_ear(&mut self, ear: bool, asked: bool, now: Time, timers: &mut Timers<Why>) {
        self.ear = ear;
        if ear {
            return;
        }
        if let Floor::Taken(draft) = &mut self.floor {
            if let Some(id) = draft.open().map(|piece| piece.id) {
                self.steps.push_back(Step::Close(id));
            }
            draft.lose_all();
            self.end_if_over(asked, now, timers);
        }
    }

    /// The party is gone: what was said is all that there will be.
    pub fn on_gone(&mut self, now: Time, timers: &mut Timers<Why>) {
        self.gone = true;
        self.run = 0;
        if let Floor::Taken(draft) = &mut self.floor {
            draft.talk = Talk::Paused;
            self.end_if_over(false, now, timers);
        }
    }

    /// The pause is long enough for an utterance.
    pub fn on_utterance_pause(&mut self, asked: bool, now: Time, timers: &mut Timers<Why>) {
        if self.run > 0 {
            timers.set(Why::UtterancePause, FRAME, now);
            return;
        }
        self.close(now, timers);
        self.end_if_over(asked, now, timers);
    }

    /// The pause is long enough for a turn.
    pub fn on_turn_pause(&mut self, asked: bool, now: Time, timers: &mut Timers<Why>) {
        self.end_if_over(asked, now, timers);
    }

    /// The recognizer took too long. While it still finds words it is only slow (a busy machine), and gets more time.
    pub fn on_final_late(&mut self, asked: bool, now: Time, timers: &mut Timers<Why>) {
        let Floor::Taken(draft) = &mut self.floor else { return };
        if draft.is_pending() && draft.waits_once_more() {
            timers.set(Why::FinalLate, self.rules.final_limit, now);
            self.steps.push_back(Step::Late);
            return;
        }
        draft.lose_pending();
        self.end_if_over(asked, now, timers);
    }

    /// No frame came for a while.
    pub fn on_sound_gone(&mut self, now: Time, timers: &mut Timers<Why>) {
        self.run = 0;
        if let Floor::Taken(draft) = &self.floor
            && draft.talk == Talk::Speaking
        {
            self.pause(draft.last_sound, now, timers);
        }
    }

    fn begin(&mut self, now: Time, timers: &mut Timers<Why>) {
        let at = now.back(FRAME * self.run + self.lags.onset).max(self.free_since);
        self.begin_at(at, now);
        self.open(at);
        timers.clear(Why::TurnPause);
    }

    fn begin_at(&mut self, at: Time, now: Time) {
        let turn = self.next_turn;
        self.next_turn += 1;
        self.floor = Floor::Taken(Box::new(Draft::new(turn, at, now)));
        self.steps.push_back(Step::Began { turn, at });
    }

    fn go_on(&mut self, now: Time, timers: &mut Timers<Why>) {
        let at = now.back(FRAME * self.run + self.lags.onset).max(self.free_since);
        let Floor::Taken(draft) = &mut self.floor else { return };
        draft.talk = Talk::Speaking;
        draft.last_sound = now;
        timers.clear(Why::UtterancePause);
        timers.clear(Why::TurnPause);
        if draft.open().is_none() {
            self.open(at);
        }
    }

    fn pause(&mut self, last_sound: Time, now: Time, timers: &mut Timers<Why>) {
        let Floor::Taken(draft) = &mut self.floor else { return };
        draft.talk = Talk::Paused;
        draft.last_sound = last_sound.max(draft.start);
        timers.clear(Why::SoundGone);
        let first = self.rules.turn_pause.min(self.rules.short_answer_pause);
        timers.set_at(Why::UtterancePause, (draft.last_sound + self.rules.utterance_pause).max(now));
        timers.set_at(Why::TurnPause, (draft.last_sound + first).max(now));
    }

    fn cut_what_is_too_long(&mut self, now: Time, timers: &mut Timers<Why>) {
        let Floor::Taken(draft) = &mut self.floor else { return };
        let frame = now.back(FRAME);
        if draft.open().is_some_and(|piece| now.since(piece.from) >= self.rules.max_utterance) {
            self.close(now, timers);
            self.open(frame);
        }
        let Floor::Taken(draft) = &mut self.floor else { return };
        if now.since(draft.start) < self.rules.max_turn {
            return;
        }
        let Some(rest) = draft.split_off_open() else { return };
        let at = rest.as_ref().map_or(frame, |piece| piece.from);
        self.end(at, timers);
        self.begin_at(at, now);
        if let (Some(piece), Floor::Taken(draft)) = (rest, &mut self.floor) {
            draft.pieces.push(piece);
        }
    }

    fn open(&mut self, at: Time) {
        if !self.ear {
            return;
        }
        let Floor::Taken(draft) = &mut self.floor else { return };
        let id = UtteranceId(self.next_utterance);
        self.next_utterance += 1;
        draft.open_piece(id, at);
        self.steps.push_back(Step::Open(id, at));
    }

    fn close(&mut self, now: Time, timers: &mut Timers<Why>) {
        let Floor::Taken(draft) = &mut self.floor else { return };
        if let Some(id) = draft.close_piece() {
            self.steps.push_back(Step::Close(id));
            timers.set(Why::FinalLate, self.rules.final_limit, now);
        }
    }

    /// Ends the turn if the pause is long enough and the recognizer is done; else sees to it that this is asked again.
    fn end_if_over(&mut self, asked: bool, now: Time, timers: &mut Timers<Why>) {
        let Floor::Taken(draft) = &self.floor else { return };
        if draft.talk == Talk::Speaking {
            return;
        }
        if self.run > 0 {
            timers.set(Why::TurnPause, FRAME, now);
            return;
        }
        let due = draft.last_sound + self.pause_after(draft, asked);
        if now < due {
            timers.set_at(Why::TurnPause, due);
            return;
        }
        self.close(now, timers);
        let Floor::Taken(draft) = &self.floor else { return };
        if !draft.is_pending() {
            let end = draft.last_sound;
            self.end(end, timers);
        }
    }

    fn pause_after(&self, draft: &Draft, asked: bool) -> Duration {
        if self.gone {
            return Duration::ZERO;
        }
        let say = draft.say_so_far();
        if say.tokens.last().is_some_and(|last| self.rules.unfinished.contains(&last.word)) {
            return self.rules.unfinished_pause;
        }
        if asked && !self.rules.short_answers.find(&say).is_empty() {
            return self.rules.short_answer_pause;
        }
        self.rules.turn_pause
    }

    fn end(&mut self, end: Time, timers: &mut Timers<Why>) {
        timers.retain(|why| !matches!(why, Why::UtterancePause | Why::TurnPause | Why::FinalLate | Why::SoundGone));
        self.free_since = end;
        let Floor::Taken(draft) = std::mem::replace(&mut self.floor, Floor::Free) else { return };
        let (turn, say) = draft.finish(end);
        self.steps.push_back(Step::Ended(turn, say));
    }
}

/// Frames in so many seconds, rounded up.
pub(crate) fn frames(value: f64) -> u32 {
    u32::try_from(secs(value).as_millis().div_ceil(u128::from(FRAME_MILLIS))).unwrap_or(u32::MAX)
}
