//! One party of a test call, 20 ms at a time: what they say to what they hear, and what they noted. It reads no clock.

use std::time::Duration;

use crate::base::{FRAME_MICROS, FRAME_MILLIS, Frame, Key, Time};

use super::probe::{Probe, samples_of};
use super::summary::quantile;
use super::{CallReport, Part, RATE, Script, is_audible};

/// A frame in s.
const FRAME_SECS: f64 = FRAME_MILLIS as f64 / 1_000.0;

/// One party in a call that stands.
pub struct Party {
    script: Script,
    part: Part,
    probe: Option<Probe>,
    /// Frames since the pick-up.
    ticks: u64,
    /// Frames in which nothing was heard, up to now.
    silence: u64,
    longest_silence: u64,
    sent: u64,
    heard: u64,
    first_heard: Option<u64>,
    keys_pressed: usize,
    /// When the recording stood still, since the pick-up.
    stood: Vec<(Duration, Duration)>,
}

impl Party {
    /// They have just been connected.
    pub fn new(part: Part, probe: Option<Probe>) -> Party {
        let script = Script::new(&part);
        Party {
            script,
            part,
            probe,
            ticks: 0,
            silence: 0,
            longest_silence: 0,
            sent: 0,
            heard: 0,
            first_heard: None,
            keys_pressed: 0,
            stood: Vec::new(),
        }
    }

    /// Since the pick-up.
    pub fn at(&self) -> Duration {
        Duration::from_millis(self.ticks * FRAME_MILLIS)
    }

    /// Hears 20 ms and says 20 ms. `wall` is the wall time of this tick: what is heard plays from then on, and what is
    /// said has been spoken in the 20 ms before, as with a phone that collects a packet.
    pub fn tick(&mut self, heard: Option<&Frame>, wall: Time) -> Frame {
        let hears = heard.is_some_and(is_audible);
        if hears {
            self.heard += 1;
            self.first_heard.get_or_insert(self.ticks);
            self.silence = 0;
        } else {
            self.silence += 1;
            self.longest_silence = self.longest_silence.max(self.silence);
        }
        let said = match (&mut self.probe, self.part.echoes) {
            (_, true) => heard.copied().unwrap_or(Frame::silence(RATE)),
            (Some(probe), false) => {
                let ear = samples_of(wall);
                probe.hear(heard, ear);
                probe.say(ear.saturating_sub(RATE.frame_samples() as u64))
            }
            (None, false) => self.script.next(hears),
        };
        self.sent += u64::from(is_audible(&said));
        let began = self.at();
        self.ticks += 1;
        if self.script.waits() {
            match self.stood.last_mut().filter(|(_, until)| *until == began) {
                Some((_, until)) => *until += Duration::from_millis(FRAME_MILLIS),
                None => self.stood.push((began, began + Duration::from_millis(FRAME_MILLIS))),
            }
        }
        said
    }

    /// True once the recording is over.
    pub fn has_said_all(&self) -> bool {
        self.script.is_done()
    }

    /// The next key that is due.
    pub fn key(&mut self) -> Option<Key> {
        let at = self.at();
        let (_, key) = self.part.keys.get(self.keys_pressed).filter(|(due, _)| *due < at)?;
        self.keys_pressed += 1;
        Some(*key)
    }

    /// Whether they hang up now.
    pub fn leaves(&self) -> bool {
        self.at() >= self.part.longest || (self.part.leaves_when_done && self.has_said_all())
    }

    /// What they noted goes into the report.
    pub fn note(&self, report: &mut CallReport) {
        report.talked_s = self.ticks as f64 * FRAME_SECS;
        report.sent_s = self.sent as f64 * FRAME_SECS;
        report.heard_s = self.heard as f64 * FRAME_SECS;
        report.longest_silence_s = self.longest_silence as f64 * FRAME_SECS;
        report.stood.clone_from(&self.stood);
        report.first_sound_ms = self.first_heard.map(|ticks| (ticks * FRAME_MICROS) as f64 / 1_000.0);
        if let Some(probe) = &self.probe {
            report.probes_sent = probe.sent();
            let (mut there, mut back) = (probe.mouth_to_ear_ms(), probe.echo_ms());
            report.probes_heard = there.len() as u64;
            report.mouth_to_ear_ms = quantile(&mut there, 0.5);
            report.mouth_to_ear_max_ms = quantile(&mut there, 1.0);
            report.echo_ms = quantile(&mut back, 0.5);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Manners;
    use super::super::probe::Voice;
    use super::*;

    fn part(said_frames: usize) -> Part {
        let recording = vec![5_000; said_frames * RATE.frame_samples()].into();
        let keys = [(40, '1'), (40, '2'), (100, '3')].map(|(ms, label)| (Duration::from_millis(ms), Key::new(label).expect("a key"))).into();
        Part { recording, manners: Manners::Recording, keys, echoes: false, leaves_when_done: true, longest: Duration::from_secs(60) }
    }

    fn loud() -> Frame {
        Frame::from_samples(RATE, &[5_000; 160])
    }

    fn wall(tick: u64) -> Time {
        Time::from_millis(1_700_000_000_000 + tick * FRAME_MILLIS)
    }

    #[test]
    fn what_was_said_and_heard_is_noted() {
        let mut party = Party::new(part(10), None);
        let mut leaves = Vec::new();
        for n in 0..14 {
            party.tick([5, 6, 12].contains(&n).then(loud).as_ref(), wall(n));
            leaves.push(party.leaves());
        }
        let mut report = CallReport::default();
        party.note(&mut report);
        assert_eq!(report.talked_s, 0.28);
        assert_eq!((report.sent_s, report.heard_s), (0.2, 0.06));
        assert_eq!((report.first_sound_ms, report.longest_silence_s), (Some(100.0), 0.1));
        assert_eq!(leaves.iter().position(|leaves| *leaves), Some(9), "when everything is said");
    }

    #[test]
    fn keys_are_pressed_when_they_are_due_and_once() {
        let mut party = Party::new(part(100), None);
        let mut pressed = Vec::new();
        for n in 0..20 {
            party.tick(None, wall(n));
            pressed.extend(std::iter::from_fn(|| party.key()).map(|key| (n * FRAME_MILLIS, key.label())));
        }
        assert_eq!(pressed, [(40, '1'), (40, '2'), (100, '3')]);
    }

    #[test]
    fn nobody_stays_longer_than_they_may() {
        let mut party = Party::new(Part { longest: Duration::from_millis(100), leaves_when_done: false, ..part(0) }, None);
        let ticks = std::iter::from_fn(|| (!party.leaves()).then(|| party.tick(None, wall(0)))).count();
        assert_eq!(ticks, 5);
    }

    #[test]
    fn who_echoes_says_what_they_hear() {
        let mut party = Party::new(Part { echoes: true, ..part(10) }, None);
        assert_eq!(party.tick(Some(&loud()), wall(0)), loud());
        assert!(party.tick(None, wall(1)).is_silent());
    }

    #[test]
    fn two_who_probe_each_other_measure_packet_and_line() {
        // What is said in tick n is heard in tick n + 2: 20 ms of the packet and 40 ms of the line.
        let (mut caller, mut agent) = (Party::new(part(0), Some(Probe::new(Voice::Caller))), Party::new(part(0), Some(Probe::new(Voice::Agent))));
        let mut line = std::collections::VecDeque::from(vec![(Frame::silence(RATE), Frame::silence(RATE)); 2]);
        for n in 0..500 {
            let (from_caller, from_agent) = line.pop_front().expect("two are on the way");
            line.push_back((caller.tick(Some(&from_agent), wall(n)), agent.tick(Some(&from_caller), wall(n))));
        }
        for party in [caller, agent] {
            let mut report = CallReport::default();
            party.note(&mut report);
            assert!(report.probes_heard >= 4 && report.probes_sent >= 5, "{report:?}");
            assert_eq!((report.mouth_to_ear_ms, report.mouth_to_ear_max_ms, report.echo_ms), (Some(60.0), Some(60.0), None));
        }
    }
}
