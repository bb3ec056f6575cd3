//! A handoff as its story tells it: clocks, notice, offers, places in the queue, end.

use std::time::Duration;

use crate::base::{AgentId, Asked, Consent, EndedBy, HandoffClock, HandoffOutcome, Mode, OfferOutcome, Party, QueueId, Time};

/// Two notice playbacks with less silence than this between them are one notice; a later one is other news.
const NOTICE_JOIN: Duration = Duration::from_secs(1);

/// From a trigger to the end of what it started.
#[derive(Clone, Debug, PartialEq)]
pub struct Handoff {
    /// Counts the call's handoffs from 0.
    pub n: u32,
    /// When the trigger fired.
    pub at: Time,
    /// The trigger's name, or `entry`.
    pub trigger: String,
    /// The largest contributor's name, or `entry`.
    pub cause: String,
    /// Acts or only records.
    pub mode: Mode,
    /// At once, or by asking the caller.
    pub asked: Asked,
    /// Why, for a person.
    pub reason: String,
    /// The queue.
    pub queue: QueueId,
    /// The caller's answer, if they were asked.
    pub consent: Option<(Time, Consent)>,
    /// The handoff clocks.
    pub clocks: Clocks,
    /// What the caller was told.
    pub notice: Option<Notice>,
    /// Who was asked, in order.
    pub offers: Vec<Offer>,
    /// Where the caller stood in the queue, at each change.
    pub positions: Vec<Position>,
    /// What the agent was shown last, redacted.
    pub packet: Option<serde_json::Value>,
    /// Silence that the caller heard around t5, in ms.
    pub bridge_gap_ms: Option<f64>,
    /// Sides from which no sound flowed after t5.
    pub one_way: Vec<(Time, Party)>,
    /// How it ended.
    pub ended: Option<HandoffEnding>,
}

/// How a handoff ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HandoffEnding {
    /// When.
    pub at: Time,
    /// How.
    pub outcome: HandoffOutcome,
    /// By whom.
    pub by: EndedBy,
}

/// t0 to t6 (DESIGN §4).
///
/// Where several agents were asked, t2 to t4 are those of the offer that was accepted, at once with others or after them, or else of whoever
/// was last: each is moved when it is reached again before t5; from then on it stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Clocks(pub [Option<Time>; 7]);

impl Clocks {
    /// When the clock was reached.
    pub fn at(&self, clock: HandoffClock) -> Option<Time> {
        self.0[clock as usize]
    }

    fn reach(&mut self, clock: HandoffClock, at: Time) {
        let searched = matches!(clock, HandoffClock::T2 | HandoffClock::T3 | HandoffClock::T4);
        let moves = searched && self.at(HandoffClock::T5).is_none();
        let slot = &mut self.0[clock as usize];
        if slot.is_none() || moves {
            *slot = Some(at);
        }
    }

    /// An offer was accepted, which was seen and heard then: what others were shown meanwhile does not count.
    fn accept(&mut self, shown: Option<Time>, alerted: Option<Time>) {
        if self.at(HandoffClock::T5).is_none() {
            self.0[HandoffClock::T2 as usize] = shown;
            self.0[HandoffClock::T3 as usize] = alerted;
        }
    }
}

/// What the caller was told about the handoff.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Its words; `None` for a recording without known words.
    pub text: Option<String>,
    /// First sample.
    pub start: Time,
    /// Last sample, or `None` while it sounds.
    pub end: Option<Time>,
}

/// One agent who was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Counts the call's offers.
    pub offer: u32,
    /// Whom.
    pub agent: AgentId,
    /// When.
    pub at: Time,
    /// When the packet was on their screen (t2), if it is known.
    pub shown: Option<Time>,
    /// When they were alerted (t3), if it is known.
    pub alerted: Option<Time>,
    /// When and how it ended.
    pub settled: Option<(Time, OfferOutcome)>,
    /// Why they declined, in their words, redacted.
    pub reason: Option<String>,
}

/// A place in the queue.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Position {
    /// When it was so.
    pub at: Time,
    /// 1 is next.
    pub position: u32,
    /// Upper bound of the wait in s, if one can be told.
    pub expected_wait_s: Option<f64>,
}

impl Handoff {
    /// The agent who accepted, if one did.
    pub fn accepted_by(&self) -> Option<&AgentId> {
        self.offers.iter().find(|o| matches!(o.settled, Some((_, OfferOutcome::Accepted)))).map(|o| &o.agent)
    }

    /// A clock was reached, by this offer if it says so; older records don't.
    pub(super) fn reach(&mut self, clock: HandoffClock, offer: Option<u32>, at: Time) {
        if let Some(asked) = self.offers.iter_mut().find(|asked| Some(asked.offer) == offer) {
            match clock {
                HandoffClock::T2 => asked.shown = asked.shown.or(Some(at)),
                HandoffClock::T3 => asked.alerted = asked.alerted.or(Some(at)),
                HandoffClock::T4 => self.clocks.accept(asked.shown, asked.alerted),
                HandoffClock::T0 | HandoffClock::T1 | HandoffClock::T5 | HandoffClock::T6 => {}
            }
        }
        self.clocks.reach(clock, at);
    }

    pub(super) fn blank() -> Handoff {
        Handoff {
            n: 0,
            at: Time::ZERO,
            trigger: String::new(),
            cause: String::new(),
            mode: Mode::Act,
            asked: Asked::Transfer,
            reason: String::new(),
            queue: QueueId::from(""),
            consent: None,
            clocks: Clocks::default(),
            notice: None,
            offers: Vec::new(),
            positions: Vec::new(),
            packet: None,
            bridge_gap_ms: None,
            one_way: Vec::new(),
            ended: None,
        }
    }

    pub(super) fn hear_notice(&mut self, at: Time, words: Option<&str>) {
        match &mut self.notice {
            None => self.notice = Some(Notice { text: words.map(str::to_owned), start: at, end: None }),
            Some(notice) => {
                let joins = notice.end.is_none_or(|end| at.since(end) < NOTICE_JOIN);
                if !joins {
                    return;
                }
                notice.end = None;
                match (&mut notice.text, words) {
                    (Some(text), Some(words)) => {
                        text.push(' ');
                        text.push_str(words);
                    }
                    (text @ None, words) => *text = words.map(str::to_owned),
                    (Some(_), None) => {}
                }
            }
        }
    }
}
