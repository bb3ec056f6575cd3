//! Scenarios on virtual time: scripted sound, scripted recognizer.

use std::collections::VecDeque;

use super::*;
use crate::base::{Frame, Organ, Rate, SignalKind, UtteranceId};
use crate::listen::signal::repeat::{RepeatMatch, Verdict};
use crate::listen::types::{BotReport, Hypothesis, Score, Signal, Turn, Understood};

mod random;
mod signals;
mod turns;

/// Samples above this are speech.
const LEVEL: i16 = 1_000;
/// How long the scripted recognizer takes for a final result.
const ANSWER_AFTER: Duration = Duration::from_millis(60);

/// A listener, its clock, and a recognizer that reads from a script.
struct Bench {
    listener: Listener,
    now: Time,
    told: Vec<(Time, ListenOutput)>,
    deadline: Option<Time>,
    /// What the next utterances say; `None`: no answer at all.
    script: VecDeque<Option<&'static str>>,
    /// Answers on their way.
    answers: VecDeque<(Time, UtteranceId, &'static str)>,
}

impl Bench {
    fn new(party: Party, ear: bool) -> Self {
        let seat = ListenerSeat { party, rate: Rate::Hz8000 };
        let listener = Listener::by_level(seat, &ListenTable::default(), &SignalsTable::default(), LEVEL);
        let mut bench = Bench { listener, now: Time::ZERO, told: Vec::new(), deadline: None, script: VecDeque::new(), answers: VecDeque::new() };
        bench.give(ListenInput::Ear(ear));
        bench
    }

    fn caller() -> Self {
        Bench::new(Party::Caller, true)
    }

    /// One input now, and everything that comes out of it.
    fn give(&mut self, input: ListenInput) {
        self.listener.handle(input, self.now);
        loop {
            match self.listener.poll() {
                ListenOutput::Idle(deadline) => {
                    self.deadline = deadline;
                    return;
                }
                output => {
                    if let ListenOutput::CloseUtterance(id) = output
                        && let Some(text) = self.script.pop_front().unwrap_or(Some(""))
                    {
                        self.answers.push_back((self.now + ANSWER_AFTER, id, text));
                    }
                    self.told.push((self.now, output));
                }
            }
        }
    }

    /// Lets time pass to `until`: answers and deadlines in their order.
    fn pass(&mut self, until: Time) {
        loop {
            let answer = self.answers.front().map(|(at, _, _)| *at).filter(|at| *at <= until);
            let deadline = self.deadline.filter(|at| *at < until);
            match (answer, deadline) {
                (Some(at), due) if due.is_none_or(|due| at <= due) => {
                    self.now = at.max(self.now);
                    let (_, id, text) = self.answers.pop_front().expect("it is the front");
                    self.give(ListenInput::Final(id, heard(text)));
                }
                (_, Some(at)) => {
                    self.now = at.max(self.now);
                    self.give(ListenInput::Tick);
                }
                (_, None) => break,
            }
        }
        self.now = until;
    }

    fn sound(&mut self, millis: u64, loud: bool) {
        for _ in 0..millis / FRAME_MILLIS {
            self.pass(self.now + FRAME);
            self.give(ListenInput::Audio(frame(loud)));
        }
    }

    fn silence(&mut self, millis: u64) {
        self.sound(millis, false);
    }

    /// Says something that the recognizer understands as `text` once the utterance is over.
    fn say(&mut self, millis: u64, text: &'static str) {
        self.script.push_back(Some(text));
        self.sound(millis, true);
    }

    /// A whole turn.
    fn turn(&mut self, text: &'static str) {
        self.say(900, text);
        self.silence(2_000);
    }

    fn play(&mut self, on: bool) {
        self.give(ListenInput::Playing { on, interruptible: true });
    }

    /// The bot says something and then waits for an answer to question `id`.
    fn ask(&mut self, id: &str, turn: Option<u32>, understood: Understood) {
        let expects = Some(Question { id: id.into(), patience: Duration::from_secs(5) });
        self.play(true);
        self.give(ListenInput::Bot(BotReport { turn, understood, expects, ..BotReport::default() }));
        self.silence(500);
        self.play(false);
    }

    fn turns(&self) -> Vec<(Time, Turn)> {
        self.told.iter().filter_map(|(at, o)| if let ListenOutput::TurnEnded(turn) = o { Some((*at, turn.clone())) } else { None }).collect()
    }

    fn texts(&self) -> Vec<Option<String>> {
        self.turns().into_iter().map(|(_, turn)| turn.text).collect()
    }

    fn signals(&self) -> Vec<Signal> {
        self.told.iter().filter_map(|(_, o)| if let ListenOutput::Signal(signal) = o { Some(signal.clone()) } else { None }).collect()
    }

    fn count(&self, kind: SignalKind) -> usize {
        self.signals().iter().filter(|signal| signal.kind == kind).count()
    }

    fn scores(&self) -> Vec<(Time, Score)> {
        self.told.iter().filter_map(|(at, o)| if let ListenOutput::Score(score) = o { Some((*at, score.clone())) } else { None }).collect()
    }

    fn barge_ins(&self) -> usize {
        self.told.iter().filter(|(_, o)| matches!(o, ListenOutput::BargeIn)).count()
    }
}

fn frame(loud: bool) -> Frame {
    let amplitude = if loud { 8_000 } else { 10 };
    let samples: Vec<i16> = (0..160).map(|n| if n / 20 % 2 == 0 { amplitude } else { -amplitude }).collect();
    Frame::from_samples(Rate::Hz8000, &samples)
}

fn heard(text: &str) -> Hypothesis {
    Hypothesis { text: text.into(), confidence: Some(0.9), words: Vec::new(), accepted: true }
}

fn key(label: char) -> ListenInput {
    ListenInput::Key(Key::new(label).expect("a key"))
}

fn at(millis: u64) -> Time {
    Time::from_millis(millis)
}

fn failed() -> crate::base::Fault {
    crate::base::Fault::Failed { organ: Organ::Bot, detail: "test".into() }
}

fn verdict(turn: u32, other: u32) -> ListenInput {
    ListenInput::Compared(Verdict { turn, best: Some(RepeatMatch { other, cost: 0.4, threshold: 0.592 }) })
}
