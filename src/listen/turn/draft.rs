//! A turn while it is being said.

use crate::base::{Time, UtteranceId};
use crate::listen::signal::words::Say;
use crate::listen::types::{Hypothesis, Turn};

use super::Answer;

/// A recognizer that is late but still finds words is waited for so many times more.
const LATE_WAITS: u32 = 3;

/// A turn while it is being said.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) n: u32,
    pub(super) start: Time,
    pub(super) last_sound: Time,
    pub(super) talk: Talk,
    pub(super) pieces: Vec<Piece>,
    /// True if a guess has changed since the recognizer was last waited for.
    has_news: bool,
    late_waits: u32,
}

/// Whether there is sound right now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Talk {
    Speaking,
    Paused,
}

/// An utterance of the turn.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) id: UtteranceId,
    pub(super) from: Time,
    to: Time,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Being said; the recognizer's guess so far.
    Open(Hypothesis),
    /// Said; the final result is being waited for.
    Pending(Hypothesis),
    Done(Result),
}

/// What became of an utterance.
#[derive(Debug)]
pub(super) enum Result {
    Heard(Hypothesis),
    Lost,
}

impl Draft {
    pub(super) fn new(n: u32, start: Time, now: Time) -> Self {
        Draft { n, start, last_sound: now, talk: Talk::Speaking, pieces: Vec::new(), has_news: false, late_waits: 0 }
    }

    pub(super) fn open(&self) -> Option<&Piece> {
        self.pieces.last().filter(|piece| matches!(piece.state, State::Open(_)))
    }

    pub(super) fn open_piece(&mut self, id: UtteranceId, from: Time) {
        self.pieces.push(Piece { id, from, to: from, state: State::Open(Hypothesis::default()) });
    }

    /// The open utterance is over, if there is one.
    pub(super) fn close_piece(&mut self) -> Option<UtteranceId> {
        let last_sound = self.last_sound;
        let piece = self.pieces.last_mut()?;
        let State::Open(guess) = &mut piece.state else { return None };
        piece.state = State::Pending(std::mem::take(guess));
        piece.to = last_sound.max(piece.from);
        self.has_news = false;
        Some(piece.id)
    }

    pub(super) fn is_pending(&self) -> bool {
        self.pieces.iter().any(|piece| matches!(piece.state, State::Pending(_)))
    }

    pub(super) fn guess(&mut self, id: UtteranceId, heard: Hypothesis) -> Answer {
        let Some(piece) = self.pieces.iter_mut().find(|piece| piece.id == id) else { return Answer::Stale };
        let (State::Open(guess) | State::Pending(guess)) = &mut piece.state else { return Answer::Stale };
        if guess.text == heard.text {
            return Answer::Same;
        }
        *guess = heard;
        self.has_news = true;
        Answer::Taken
    }

    /// The recognizer is done with an utterance; one that is still being said may only be lost.
    pub(super) fn settle(&mut self, id: UtteranceId, result: Result) -> Answer {
        let Some(piece) = self.pieces.iter_mut().find(|piece| piece.id == id) else { return Answer::Stale };
        match (&piece.state, &result) {
            (State::Done(_), _) | (State::Open(_), Result::Heard(_)) => Answer::Stale,
            (State::Pending(_), _) | (State::Open(_), Result::Lost) => {
                piece.state = State::Done(result);
                Answer::Taken
            }
        }
    }

    /// True if the recognizer has found more words since it was asked for its final result, or since this was last asked.
    pub(super) fn waits_once_more(&mut self) -> bool {
        let waits = std::mem::take(&mut self.has_news) && self.late_waits < LATE_WAITS;
        self.late_waits += u32::from(waits);
        waits
    }

    pub(super) fn lose_pending(&mut self) {
        self.pieces.iter_mut().filter(|p| matches!(p.state, State::Pending(_))).for_each(|p| p.state = State::Done(Result::Lost));
    }

    pub(super) fn lose_all(&mut self) {
        self.pieces.iter_mut().filter(|p| !matches!(p.state, State::Done(_))).for_each(|p| p.state = State::Done(Result::Lost));
    }

    /// Takes the open utterance out, if all before it are done: `None` if the turn can't be cut here.
    pub(super) fn split_off_open(&mut self) -> Option<Option<Piece>> {
        if self.is_pending() {
            return None;
        }
        if self.open().is_none() {
            return Some(None);
        }
        (self.pieces.len() > 1).then(|| self.pieces.pop())
    }

    /// What is understood so far, guesses included.
    pub(super) fn say_so_far(&self) -> Say {
        let mut say = Say::default();
        for piece in &self.pieces {
            match &piece.state {
                State::Open(guess) | State::Pending(guess) => say.add(guess, piece.from, piece.to),
                State::Done(Result::Heard(heard)) if heard.accepted => say.add(heard, piece.from, piece.to),
                State::Done(Result::Heard(_) | Result::Lost) => {}
            }
        }
        say
    }

    /// The turn is over; what has no final result by now is lost.
    pub(super) fn finish(mut self, end: Time) -> (Turn, Say) {
        self.lose_all();
        let say = self.say_so_far();
        let heard = || self.pieces.iter().filter_map(|piece| if let State::Done(Result::Heard(heard)) = &piece.state { Some(heard) } else { None });
        let turn = Turn {
            n: self.n,
            start: self.start,
            end: end.max(self.start),
            text: (!say.is_empty()).then(|| say.text.clone()),
            confidence: mean_confidence(heard()),
            recognized: heard().next().is_some(),
        };
        (turn, say)
    }
}

/// The mean over the utterances that were understood, weighted by their words.
fn mean_confidence<'a>(heard: impl Iterator<Item = &'a Hypothesis>) -> Option<f32> {
    let (mut sum, mut words) = (0.0, 0.0);
    for hypothesis in heard.filter(|h| h.accepted) {
        let n = hypothesis.text.split_whitespace().count() as f32;
        if let Some(confidence) = hypothesis.confidence {
            sum += confidence * n;
            words += n;
        }
    }
    (words > 0.0).then(|| sum / words)
}
