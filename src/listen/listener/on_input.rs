//! What the listener does with each input, and at each deadline that is not turn taking's own.

use crate::base::{Fault, Frame, Key, SignalKind, Time, UtteranceId};
use crate::listen::signal::counts;
use crate::listen::signal::repeat::Verdict;
use crate::listen::signal::words::Say;
use crate::listen::turn::Answer;
use crate::listen::types::{BotReport, Hypothesis, ListenOutput, Question, Scene, Signal, Turn, Understood};

use super::evidence::Place;
use super::talk_over::Words;
use super::{Asked, FRAME, KEY_TONE, Listener, Played, SAME_KEY, Source, Why};

impl Listener {
    pub(super) fn on_audio(&mut self, frame: &Frame, now: Time) {
        if self.scene == Scene::Gone || frame.rate() != self.seat.rate {
            self.counts.odd_frames += 1;
            return;
        }
        let mut sensed = self.senses.push(frame);
        if let Some(key) = sensed.key {
            self.tone_until = now + KEY_TONE;
            self.on_key(key, Source::InBand, now);
        }
        sensed.speech &= now >= self.tone_until;
        if self.ear || self.may_repeat() {
            self.preroll.push(now.back(FRAME), *frame);
        }
        if self.is_scored() {
            self.evidence.raised.push(&sensed.effort, sensed.speech, now);
        }
        let before = self.turns.turn();
        self.turns.on_frame(sensed.speech, now, &mut self.timers);
        self.take_steps(now);
        if let Some(id) = self.turns.listening() {
            let out = &mut self.out;
            self.preroll.give(|frame| out.push(ListenOutput::Recognize(id, frame)));
        }
        if let Some(turn) = self.turns.turn().filter(|_| self.is_scored()) {
            if before == Some(turn) && self.is_sketched {
                self.sketch.push(frame);
            }
            if let Some(hit) = self.evidence.raised.window(now) {
                let signal = self.evidence.raised(hit, Some(turn));
                self.turn_is_loud = true;
                self.tell(signal, now);
            }
        }
        self.watch_talk_over(sensed.speech, sensed.effort.level_db, now);
    }

    fn watch_talk_over(&mut self, speech: bool, level_db: f32, now: Time) {
        let turn = self.turns.turn().is_some();
        let Some(talk) = self.watch.on_frame(speech, turn, level_db, self.words, now) else { return };
        self.out.push(ListenOutput::BargeIn);
        if talk.interrupts {
            let text = self.turns.say().text;
            let signal = self.evidence.table.interruption.signal(talk.start, talk.spoken, &text, self.turns.turn(), now);
            self.tell(signal, now);
        }
    }

    pub(super) fn on_turn_began(&mut self, at: Time) {
        self.out.push(ListenOutput::SpeechBegan { at });
        self.turn_answers = self.closed_question();
        self.turn_is_loud = false;
        self.on_answered();
        self.sketch.clear();
        self.is_sketched = self.may_repeat();
        if self.is_scored() {
            self.evidence.raised.turn_began(at);
        }
        if self.is_sketched {
            let sketch = &mut self.sketch;
            self.preroll.since(at).for_each(|frame| sketch.push(frame));
        }
    }

    pub(super) fn on_turn_ended(&mut self, turn: Turn, say: &Say, now: Time) {
        let n = turn.n;
        self.out.push(ListenOutput::TurnEnded(turn.clone()));
        self.words = Words::Unknown;
        self.partials.told.clear();
        self.timers.clear(Why::PartialDue);
        let answers = self.turn_answers.take().or_else(|| self.closed_question());
        self.on_answered();
        self.wait_in_silence(now);
        if !self.is_scored() {
            return;
        }
        let hit = self.evidence.raised.turn_ended(now);
        self.turn_is_loud |= hit.is_some();
        if let Some(hit) = hit {
            let signal = self.evidence.raised(hit, Some(n));
            self.tell(signal, now);
        }
        for signal in self.evidence.hear(&turn, say, answers.as_deref()) {
            self.tell(signal, now);
        }
        self.compare_sound(n, now);
    }

    /// Whether a turn that is said again would be told.
    fn may_repeat(&self) -> bool {
        self.is_scored() && counts(SignalKind::Repeat, self.scene)
    }

    fn compare_sound(&mut self, turn: u32, now: Time) {
        let Some(mut sound) = self.sketch.finish().filter(|_| self.is_sketched) else { return };
        sound.angry = self.turn_is_loud;
        let Some(mut comparison) = self.evidence.recent.compare(turn, sound, now) else { return };
        let evidence = &self.evidence;
        comparison.candidates.retain(|(other, _)| evidence.may_sound_alike(turn, *other));
        if !comparison.candidates.is_empty() {
            self.out.push(ListenOutput::Compare(Box::new(comparison)));
        }
    }

    pub(super) fn on_compared(&mut self, verdict: &Verdict, now: Time) {
        if let Some(signal) = self.evidence.compared(verdict) {
            self.tell(signal, now);
        }
    }

    pub(super) fn on_partial(&mut self, id: UtteranceId, heard: Hypothesis, now: Time) {
        match self.turns.on_partial(id, heard) {
            Answer::Taken => self.on_words(now),
            Answer::Same => {}
            Answer::Stale => self.counts.stale_results += 1,
        }
    }

    pub(super) fn on_final(&mut self, id: UtteranceId, heard: Option<Hypothesis>, now: Time) {
        let asked = self.is_asked();
        match self.turns.on_final(id, heard, asked, now, &mut self.timers) {
            Answer::Taken if self.turns.turn().is_some() => self.on_words(now),
            Answer::Taken | Answer::Same => {}
            Answer::Stale => self.counts.stale_results += 1,
        }
        self.take_steps(now);
    }

    /// The words of the turn so far have changed.
    fn on_words(&mut self, now: Time) {
        let say = self.turns.say();
        self.words = if say.is_empty() {
            Words::Unknown
        } else if say.is_only(&self.backchannel) {
            Words::Backchannel
        } else {
            Words::More
        };
        if now >= self.partials.next {
            self.tell_partial(now);
        } else if !self.timers.is_set(Why::PartialDue) {
            self.timers.set_at(Why::PartialDue, self.partials.next);
        }
    }

    pub(super) fn tell_partial(&mut self, now: Time) {
        let text = self.turns.say().text;
        if text.is_empty() || text == self.partials.told {
            return;
        }
        self.partials.told.clone_from(&text);
        self.partials.next = now + self.partials.every;
        self.out.push(ListenOutput::Partial(text));
    }

    pub(super) fn on_ear(&mut self, ear: bool, now: Time) {
        self.ear = ear;
        let asked = self.is_asked();
        self.turns.on_ear(ear, asked, now, &mut self.timers);
        self.take_steps(now);
    }

    pub(super) fn on_playing(&mut self, on: bool, interruptible: bool, now: Time) {
        if !on {
            self.played = Played::Before;
            self.watch.end();
            self.wait_for_answer(now);
            self.wait_in_silence(now);
            return;
        }
        self.played = Played::Now;
        self.keyed = false;
        self.timers.clear(Why::Patience);
        self.timers.clear(Why::Silence);
        if interruptible && self.scene != Scene::Gone {
            self.watch.begin(self.turns.turn().is_some(), now);
        } else {
            self.watch.end();
        }
    }

    pub(super) fn on_report(&mut self, report: BotReport, now: Time) {
        if self.scene != Scene::WithBot || !self.is_scored() {
            return;
        }
        let signals = self.evidence.reported(&report, self.place(now));
        signals.into_iter().for_each(|signal| self.tell(signal, now));
        if report.understood == Understood::NoInput && !self.told_no_input {
            let signal = self.evidence.no_input.unanswered(None, now);
            self.tell(signal, now);
        }
        self.told_no_input = false;
        self.asked = report.expects.map_or(Asked::Nothing, Asked::Open);
        self.timers.clear(Why::Patience);
        self.wait_for_answer(now);
    }

    pub(super) fn on_bot_failed(&mut self, fault: &Fault, now: Time) {
        let signal = self.evidence.bot_failed(fault, now);
        self.tell(signal, now);
    }

    pub(super) fn on_key(&mut self, key: Key, source: Source, now: Time) {
        if self.scene == Scene::Gone {
            return;
        }
        let double = self.last_key.is_some_and(|(last, from, at)| last == key && from != source && now.since(at) <= SAME_KEY);
        if double {
            self.last_key = None;
            return;
        }
        self.last_key = Some((key, source, now));
        self.out.push(ListenOutput::Key(key));
        let answering = self.is_asked();
        self.keyed = true;
        self.on_answered();
        self.wait_in_silence(now);
        let (mash, alone) = self.evidence.on_key(key, answering, now);
        if let Some(signal) = mash {
            self.tell(signal, now);
        }
        self.timers.clear(Why::KeyAlone);
        if let Some(at) = alone {
            self.timers.set_at(Why::KeyAlone, at);
        }
    }

    pub(super) fn on_key_alone(&mut self, now: Time) {
        if let Some(signal) = self.evidence.request.key_pause() {
            self.tell(signal, now);
        }
    }

    pub(super) fn on_scene(&mut self, scene: Scene, now: Time) {
        if self.scene == Scene::Gone || self.scene == scene {
            return;
        }
        self.scene = scene;
        self.is_sketched &= self.may_repeat();
        self.asked = Asked::Nothing;
        self.timers.clear(Why::Patience);
        self.timers.clear(Why::Silence);
        match scene {
            Scene::WithBot => self.wait_in_silence(now),
            Scene::Waiting | Scene::WithPerson => {}
            Scene::Gone => {
                self.timers.clear(Why::KeyAlone);
                self.watch.end();
                self.turns.on_gone(now, &mut self.timers);
                self.take_steps(now);
            }
        }
    }

    pub(super) fn on_patience_over(&mut self, now: Time) {
        let Asked::Open(Question { patience, .. }) = &self.asked else { return };
        let patience = *patience;
        self.asked = Asked::Nothing;
        self.told_no_input = true;
        self.out.push(ListenOutput::NoInput);
        if self.keyed {
            return; // The end of a number that was keyed in, not a silence.
        }
        let signal = self.evidence.no_input.unanswered(Some(patience), now);
        self.tell(signal, now);
    }

    pub(super) fn on_long_silence(&mut self, now: Time) {
        self.told_silence = true;
        let signal = self.evidence.table.long_silence.signal(now);
        self.tell(signal, now);
    }

    /// The party said or keyed something: what was asked has its answer.
    fn on_answered(&mut self) {
        self.timers.clear(Why::Patience);
        self.timers.clear(Why::Silence);
        self.told_silence = false;
        self.evidence.no_input.answered();
        if let Asked::Open(question) = &self.asked {
            self.asked = Asked::Answered(question.clone());
        }
    }

    /// The bot's patience begins, if it has asked and the party could answer.
    fn wait_for_answer(&mut self, now: Time) {
        if let Asked::Open(question) = &self.asked
            && self.played != Played::Now
            && self.turns.turn().is_none()
        {
            self.timers.set(Why::Patience, question.patience, now);
        }
    }

    /// Silence begins to count, if the party was spoken to and nothing is played.
    fn wait_in_silence(&mut self, now: Time) {
        let counts = self.scene == Scene::WithBot && self.is_scored() && self.played == Played::Before;
        if counts && !self.told_silence && self.turns.turn().is_none() {
            self.timers.set(Why::Silence, self.evidence.table.long_silence.after(), now);
        }
    }

    fn closed_question(&self) -> Option<String> {
        match &self.asked {
            Asked::Nothing => None,
            Asked::Open(question) | Asked::Answered(question) => (!question.is_open()).then(|| question.id.clone()),
        }
    }

    /// Gives a signal away, if it counts here.
    fn tell(&mut self, signal: Signal, now: Time) {
        if !self.is_scored() {
            return;
        }
        let place = self.place(now);
        if let Some(signal) = self.evidence.take(signal, place) {
            self.out.push(ListenOutput::Signal(signal));
        }
    }

    fn place(&self, now: Time) -> Place {
        Place { scene: self.scene, ear: self.ear, now }
    }
}
