//! The listener of one leg: a machine that hears turns, words and signals in a party's sound.
//!
//! [`Listener::handle`] one input, then [`Listener::poll`] until [`ListenOutput::Idle`]; send [`ListenInput::Tick`] at
//! its deadline if nothing else comes before. A frame handled at `now` covers the 20 ms before `now`. Text comes from a
//! recognizer outside: the listener says which frames it gets ([`ListenOutput::OpenUtterance`],
//! [`ListenOutput::Recognize`], [`ListenOutput::CloseUtterance`]) and takes its answers as inputs.
//!
//! What holds: every [`ListenOutput::SpeechBegan`] is followed by one [`ListenOutput::TurnEnded`]; utterances are opened
//! and closed in pairs, one at a time; a turn's signals follow its `TurnEnded` (except those heard while it goes on);
//! a score follows the signals that change it; a frame in which nothing happens allocates nothing. Only a caller is
//! scored; of others the listener gives turns. After [`Scene::Gone`] the turn under way still ends, without signals.
//! What is *not* here: decisions.

mod evidence;
mod on_input;
mod outbox;
mod preroll;
mod senses;
mod talk_over;

use std::time::Duration;

use crate::base::{FRAME_MILLIS, Key, Party, Time, Timers};
use crate::listen::signal::SignalsTable;
use crate::listen::signal::repeat::SoundSketch;
use crate::listen::table::{ListenTable, secs};
use crate::listen::turn::{Step, TurnTaking, frames};
use crate::listen::types::{ListenInput, ListenOutput, ListenerSeat, Question, Scene};
use evidence::Evidence;
use outbox::Outbox;
use preroll::Preroll;
use senses::Senses;
use talk_over::{Watch, Words};

const FRAME: Duration = Duration::from_millis(FRAME_MILLIS);
/// A key that is heard in band and signalled comes twice within this time (RFC 4733 section 2.5.1.2 lets both be sent).
const SAME_KEY: Duration = Duration::from_millis(200);

/// The tones of a key in band are no speech; few keys are held longer, the detector's hangover included.
const KEY_TONE: Duration = Duration::from_millis(400);

/// Why the listener wants to be called at a certain time; equal times go in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// No frame came for a while: take it for silence.
    SoundGone,
    /// The pause is long enough for an utterance.
    UtterancePause,
    /// The recognizer is late with its final result.
    FinalLate,
    /// The pause is long enough for a turn.
    TurnPause,
    /// A partial transcript was held back.
    PartialDue,
    /// Whether a key for a person stayed alone.
    KeyAlone,
    /// The bot's patience ends.
    Patience,
    /// The caller has been silent for long.
    Silence,
    /// The score fades: tell it.
    ScoreStep,
}

/// What a listener could not use. Odd input changes nothing else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ListenCounts {
    /// Recognizer results for utterances that are over or were never opened.
    pub stale_results: u64,
    /// Frames of a wrong rate, or after the party was gone.
    pub odd_frames: u64,
    /// Outputs that were dropped because nobody polled.
    pub dropped_outputs: u64,
}

/// The listener of one leg.
pub struct Listener {
    seat: ListenerSeat,
    scene: Scene,
    ear: bool,
    senses: Senses,
    preroll: Preroll,
    turns: TurnTaking,
    /// The turn under way, while it may be told to be a repeat: nobody looks for any while a person listens.
    sketch: SoundSketch,
    is_sketched: bool,
    watch: Watch,
    played: Played,
    asked: Asked,
    /// The closed question that was open when the turn under way began.
    turn_answers: Option<String>,
    /// True if the voice was raised in the turn under way.
    turn_is_loud: bool,
    /// True once the bot's last question was told to be unanswered.
    told_no_input: bool,
    /// True once a key was pressed since the bot last spoke.
    keyed: bool,
    /// True once this silence was told.
    told_silence: bool,
    words: Words,
    backchannel: Vec<String>,
    partials: Partials,
    last_key: Option<(Key, Source, Time)>,
    /// Until when the tones of the last key in band may sound.
    tone_until: Time,
    evidence: Evidence,
    timers: Timers<Why>,
    out: Outbox,
    counts: ListenCounts,
}

/// What is played to the party.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Played {
    /// Nothing so far: its silence means nothing.
    Never,
    Now,
    Before,
}

/// What the bot waits for.
#[derive(Clone, Debug, PartialEq)]
enum Asked {
    Nothing,
    Open(Question),
    /// Something was said or keyed since.
    Answered(Question),
}

/// How a key came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    InBand,
    Signalled,
}

/// Partial transcripts come not too often.
#[derive(Debug)]
struct Partials {
    every: Duration,
    /// The last one that was told, and when.
    told: String,
    next: Time,
}

impl Listener {
    /// A listener that has heard nothing yet; no recognizer is there until [`ListenInput::Ear`] says so.
    pub fn new(seat: ListenerSeat, table: &ListenTable, signals: &SignalsTable) -> Self {
        Listener::with_senses(seat, table, signals, Senses::new(seat.rate, seat.party == Party::Caller))
    }

    /// The same, but every frame with a sample above `level` is speech: for scripted sound.
    #[cfg(test)]
    pub(crate) fn by_level(seat: ListenerSeat, table: &ListenTable, signals: &SignalsTable, level: i16) -> Self {
        Listener::with_senses(seat, table, signals, Senses::by_level(seat.rate, level))
    }

    fn with_senses(seat: ListenerSeat, table: &ListenTable, signals: &SignalsTable, senses: Senses) -> Self {
        let lags = senses.lags();
        let before = secs(table.preroll_secs);
        let kept = frames(table.preroll_secs) + frames(table.onset_secs) + frames(lags.onset.as_secs_f64()) + 1;
        let kept = usize::try_from(kept.min(MAX_PREROLL_FRAMES)).unwrap_or(1);
        Listener {
            seat,
            scene: Scene::WithBot,
            ear: false,
            senses,
            preroll: Preroll::new(kept, before),
            turns: TurnTaking::new(table, lags),
            sketch: SoundSketch::new(seat.rate),
            is_sketched: false,
            watch: Watch::new(table),
            played: Played::Never,
            asked: Asked::Nothing,
            turn_answers: None,
            turn_is_loud: false,
            told_no_input: false,
            keyed: false,
            told_silence: false,
            words: Words::Unknown,
            backchannel: table.backchannel.clone(),
            partials: Partials { every: secs(table.partial_every_secs), told: String::new(), next: Time::ZERO },
            last_key: None,
            tone_until: Time::ZERO,
            evidence: Evidence::new(signals),
            timers: Timers::default(),
            out: Outbox::new(kept),
            counts: ListenCounts::default(),
        }
    }

    /// Takes one input; poll afterwards.
    pub fn handle(&mut self, input: ListenInput, now: Time) {
        self.run_timers(now.back(Duration::from_micros(1)), now);
        match input {
            ListenInput::Audio(frame) => self.on_audio(&frame, now),
            ListenInput::Partial(id, heard) => self.on_partial(id, heard, now),
            ListenInput::Final(id, heard) => self.on_final(id, Some(heard), now),
            ListenInput::Unheard(id, _) => self.on_final(id, None, now),
            ListenInput::Ear(ear) => self.on_ear(ear, now),
            ListenInput::Playing { on, interruptible } => self.on_playing(on, interruptible, now),
            ListenInput::Bot(report) => self.on_report(report, now),
            ListenInput::BotFailed(fault) => self.on_bot_failed(&fault, now),
            ListenInput::Key(key) => self.on_key(key, Source::Signalled, now),
            ListenInput::Compared(verdict) => self.on_compared(&verdict, now),
            ListenInput::Scene(scene) => self.on_scene(scene, now),
            ListenInput::Tick => {}
        }
        self.run_timers(now, now);
        self.tell_score(now);
    }

    /// The next output; after [`ListenOutput::Idle`] there is nothing more until the next input.
    pub fn poll(&mut self) -> ListenOutput {
        match self.out.pop() {
            Some(output) => output,
            None => ListenOutput::Idle(self.timers.next().map(|(at, _)| at)),
        }
    }

    /// Whether this kind of evidence can be had here at all: unavailable is not zero.
    pub fn is_available(&self, kind: crate::base::SignalKind) -> bool {
        self.is_scored() && self.evidence.is_available(kind, self.ear)
    }

    /// True while the party's turn goes on, or its words are still awaited.
    pub fn is_in_turn(&self) -> bool {
        self.turns.turn().is_some()
    }

    /// What could not be used so far.
    pub fn counts(&self) -> ListenCounts {
        ListenCounts { dropped_outputs: self.out.dropped, ..self.counts }
    }

    fn is_scored(&self) -> bool {
        self.seat.party == Party::Caller
    }

    fn run_timers(&mut self, due: Time, now: Time) {
        while let Some(why) = self.timers.pop(due) {
            self.on_timer(why, now);
            self.take_steps(now);
        }
    }

    fn on_timer(&mut self, why: Why, now: Time) {
        let asked = self.is_asked();
        match why {
            Why::SoundGone => self.turns.on_sound_gone(now, &mut self.timers),
            Why::UtterancePause => self.turns.on_utterance_pause(asked, now, &mut self.timers),
            Why::FinalLate => self.turns.on_final_late(asked, now, &mut self.timers),
            Why::TurnPause => self.turns.on_turn_pause(asked, now, &mut self.timers),
            Why::PartialDue => self.tell_partial(now),
            Why::KeyAlone => self.on_key_alone(now),
            Why::Patience => self.on_patience_over(now),
            Why::Silence => self.on_long_silence(now),
            Why::ScoreStep => self.evidence.touch(),
        }
    }

    /// Carries out what turn taking says.
    fn take_steps(&mut self, now: Time) {
        while let Some(step) = self.turns.poll() {
            match step {
                Step::Began { at, .. } => self.on_turn_began(at),
                Step::Open(id, at) => {
                    let first = self.preroll.rewind(at, now);
                    self.out.push(ListenOutput::OpenUtterance(id, first));
                }
                Step::Close(id) => self.out.push(ListenOutput::CloseUtterance(id)),
                Step::Late => self.out.push(ListenOutput::EarLate),
                Step::Ended(turn, say) => self.on_turn_ended(turn, &say, now),
            }
        }
    }

    fn tell_score(&mut self, now: Time) {
        if let Some(score) = self.evidence.score(now) {
            self.timers.set(Why::ScoreStep, crate::listen::signal::fusion::STEP, now);
            self.out.push(ListenOutput::Score(score));
        }
    }

    fn is_asked(&self) -> bool {
        match self.asked {
            Asked::Nothing => false,
            Asked::Open(_) | Asked::Answered(_) => true,
        }
    }
}

/// Frames of history at most, whatever the configuration says: 2.5 s.
const MAX_PREROLL_FRAMES: u32 = 125;

#[cfg(test)]
mod tests;
