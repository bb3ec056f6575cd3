//! The bridge of a call: who hears whom, and what is played to whom.
//!
//! A machine driven by the 20 ms tick. Feed it what legs send ([`BridgeInput::Media`]), say who hears whom and what to
//! play, then [`BridgeInput::Tick`]; poll until [`BridgeOutput::Idle`]. Its time is the count of samples that its ticks
//! have sent. Every playback that was asked for is reported as stopped, sooner or later, whatever happens to it.
//!
//! What is *not* here: who may hear whom (the call decides and routes), codecs, packets, jitter.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::base::{Frame, LegId, Party, PlaybackId, Rate};
use crate::sound::mix::Mix;

mod player;

use player::{News, Player, Verdict};

/// Legs of one call: caller, agents, supervisors.
pub const MAX_LEGS: usize = 8;
/// Playbacks that one leg can have, the one that sounds included.
pub const MAX_QUEUED: usize = 32;
/// Seconds of sound that a stream may be ahead of what was sent.
pub const MAX_SUPPLIED_SECS: usize = 600;
/// A heard leg whose media is missing is a moment of silence for so many ticks (200 ms), then nothing at all.
const HUSH_TICKS: u32 = 10;
/// Room for news between two polls; more is possible at a hang-up, and then it grows once.
const NEWS_ROOM: usize = 32;

/// What goes into a bridge.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant, reason = "frames are inline: the sound path allocates nothing")]
pub enum BridgeInput {
    /// A leg joins; it hears nobody and nobody hears it.
    Join(LegId, Party),
    /// A leg leaves; its playbacks and routes end.
    Leave(LegId),
    /// 20 ms that a leg sent, to be passed on at the next tick (the last one wins).
    Media(LegId, Frame),
    /// Whether `to` hears `from`.
    Route {
        /// Who speaks.
        from: LegId,
        /// Who hears.
        to: LegId,
        /// Whether they do.
        on: bool,
    },
    /// Begin a playback: after what is queued for the leg, or repeated for ever.
    Play(Play),
    /// More samples of a playback that was begun with `more`.
    Supply {
        /// Which.
        id: PlaybackId,
        /// At the bridge's rate.
        samples: Arc<[i16]>,
        /// True if more will follow.
        more: bool,
    },
    /// End a playback now (playing or queued), with a short fade.
    Stop(PlaybackId),
    /// 20 ms have passed: everything that each leg is to hear comes out.
    Tick,
}

/// A playback.
#[derive(Clone, Debug)]
pub struct Play {
    /// Chosen by the call, never reused.
    pub id: PlaybackId,
    /// Who hears it.
    pub leg: LegId,
    /// At the bridge's rate.
    pub samples: Arc<[i16]>,
    /// True if more samples will be supplied; running dry meanwhile is silence, not the end.
    pub more: bool,
    /// Repeat for ever (hold music). A loop does not queue: it sounds whenever nothing else is played to the leg.
    pub looped: bool,
}

/// What comes out of a bridge.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "frames are inline: the sound path allocates nothing")]
pub enum BridgeOutput {
    /// What the leg hears in these 20 ms; `None` if nothing at all is meant for it (its edge sends comfort noise or nothing).
    Egress(LegId, Option<Frame>),
    /// The playback's first sample was sent at this sample of the call.
    Started {
        /// Which.
        id: PlaybackId,
        /// Sample of the call, from its first tick.
        sample: u64,
    },
    /// The playback's last sample was sent just before this sample of the call.
    Stopped {
        /// Which.
        id: PlaybackId,
        /// Sample of the call, from its first tick; an unbroken playback has this minus its start samples.
        sample: u64,
        /// Samples of it that were sent.
        sent: u64,
        /// True if it was sent to its end.
        completed: bool,
    },
    /// The first sound that `from` sent after the route was opened has been sent to `to`.
    Crossed {
        /// Who spoke (or whose line sent).
        from: LegId,
        /// To whom it was sent.
        to: LegId,
    },
    /// Nothing more until the next input.
    Idle,
}

/// Odd inputs, which change nothing, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BridgeCounts {
    /// Playbacks refused: the queue was full, the leg unknown, or a loop empty.
    pub refused_plays: u64,
    /// Ids of playbacks that are over, unknown or taken.
    pub stale_playbacks: u64,
    /// Supplies beyond [`MAX_SUPPLIED_SECS`], left out.
    pub oversupplied: u64,
    /// Inputs about a leg that is not here, or joins twice, or a leg that hears itself.
    pub odd_legs: u64,
    /// Legs beyond [`MAX_LEGS`], not let in.
    pub refused_legs: u64,
    /// Frames at another rate than the bridge's, left out.
    pub wrong_rate: u64,
    /// Frames that nobody polled before the next tick.
    pub unpolled: u64,
}

/// The bridge of one call.
#[derive(Debug)]
pub struct Bridge {
    rate: Rate,
    /// In the order of their ids.
    legs: Vec<Leg>,
    /// Samples sent by the ticks so far.
    sample: u64,
    mix: Mix,
    news: VecDeque<News>,
    egress: VecDeque<(LegId, Option<Frame>)>,
    crossed: VecDeque<(LegId, LegId)>,
    counts: BridgeCounts,
}

#[derive(Debug)]
struct Leg {
    id: LegId,
    /// Arrived since the last tick.
    arrived: Option<Frame>,
    player: Player,
    /// Whom this leg hears, in the order of their ids.
    hears: Vec<Heard>,
}

#[derive(Debug)]
struct Heard {
    from: LegId,
    crossing: Crossing,
}

/// How far a route is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Crossing {
    /// Open, but nothing has arrived since: what was sent before the opening is not for these ears.
    Opened,
    /// Something has arrived since the opening.
    Arrived,
    /// It has been sent; media has been missing for so many ticks.
    Flowing { missing: u32 },
}

impl Bridge {
    /// A bridge without legs.
    pub fn new(rate: Rate) -> Self {
        Bridge {
            rate,
            legs: Vec::with_capacity(MAX_LEGS),
            sample: 0,
            mix: Mix::new(rate),
            news: VecDeque::with_capacity(NEWS_ROOM),
            egress: VecDeque::with_capacity(MAX_LEGS),
            crossed: VecDeque::with_capacity(MAX_LEGS * MAX_LEGS),
            counts: BridgeCounts::default(),
        }
    }

    /// The rate of every frame and playback.
    pub fn rate(&self) -> Rate {
        self.rate
    }

    /// Samples sent by the ticks so far.
    pub fn sample(&self) -> u64 {
        self.sample
    }

    /// The odd inputs so far.
    pub fn counts(&self) -> BridgeCounts {
        self.counts
    }

    /// Takes one input.
    pub fn handle(&mut self, input: BridgeInput) {
        match input {
            BridgeInput::Join(leg, _) => self.on_join(leg),
            BridgeInput::Leave(leg) => self.on_leave(leg),
            BridgeInput::Media(leg, frame) => self.on_media(leg, frame),
            BridgeInput::Route { from, to, on } => self.on_route(from, to, on),
            BridgeInput::Play(play) => self.on_play(play),
            BridgeInput::Supply { id, samples, more } => self.on_supply(id, samples, more),
            BridgeInput::Stop(id) => self.on_stop(id),
            BridgeInput::Tick => self.on_tick(),
        }
    }

    /// What came of it: playbacks that began or ended, then what legs hear, then which routes carried their first sound.
    pub fn poll(&mut self) -> BridgeOutput {
        match self.news.pop_front() {
            Some(News::Started { id, sample }) => return BridgeOutput::Started { id, sample },
            Some(News::Stopped { id, sample, sent, completed }) => return BridgeOutput::Stopped { id, sample, sent, completed },
            None => {}
        }
        if let Some((leg, frame)) = self.egress.pop_front() {
            return BridgeOutput::Egress(leg, frame);
        }
        match self.crossed.pop_front() {
            Some((from, to)) => BridgeOutput::Crossed { from, to },
            None => BridgeOutput::Idle,
        }
    }

    /// The two legs who hear each other, if sound crosses both ways and that is all that this bridge does: nothing is
    /// played, and nobody else hears or is heard. Their packets need no mixing.
    pub fn plain_pair(&self) -> Option<(LegId, LegId)> {
        let mut routes = self.legs.iter().flat_map(|leg| leg.hears.iter().map(move |heard| (heard, leg.id)));
        let (Some((there, a)), Some((back, b)), None) = (routes.next(), routes.next(), routes.next()) else { return None };
        let flows = |heard: &Heard| matches!(heard.crossing, Crossing::Flowing { .. });
        let is_plain = (there.from, back.from) == (b, a) && flows(there) && flows(back);
        (is_plain && self.legs.iter().all(|leg| leg.player.is_idle())).then_some((a, b))
    }

    fn find(&self, leg: LegId) -> Result<usize, usize> {
        self.legs.binary_search_by_key(&leg, |l| l.id)
    }

    fn on_join(&mut self, leg: LegId) {
        match self.find(leg) {
            Ok(_) => self.counts.odd_legs += 1,
            Err(_) if self.legs.len() >= MAX_LEGS => self.counts.refused_legs += 1,
            Err(at) => {
                let joined = Leg { id: leg, arrived: None, player: Player::new(self.rate), hears: Vec::with_capacity(MAX_LEGS) };
                self.legs.insert(at, joined);
            }
        }
    }

    fn on_leave(&mut self, leg: LegId) {
        let Ok(at) = self.find(leg) else {
            self.counts.odd_legs += 1;
            return;
        };
        self.legs.remove(at).player.clear(self.sample, &mut self.news);
        for other in &mut self.legs {
            other.hears.retain(|h| h.from != leg);
        }
    }

    fn on_media(&mut self, leg: LegId, frame: Frame) {
        if frame.rate() != self.rate {
            self.counts.wrong_rate += 1;
            return;
        }
        let Ok(at) = self.find(leg) else {
            self.counts.odd_legs += 1;
            return;
        };
        self.legs[at].arrived = Some(frame);
        for heard in self.legs.iter_mut().flat_map(|l| &mut l.hears).filter(|h| h.from == leg) {
            if heard.crossing == Crossing::Opened {
                heard.crossing = Crossing::Arrived;
            }
        }
    }

    fn on_route(&mut self, from: LegId, to: LegId, on: bool) {
        let (Ok(_), Ok(at)) = (self.find(from), self.find(to)) else {
            self.counts.odd_legs += 1;
            return;
        };
        let hears = &mut self.legs[at].hears;
        match (hears.binary_search_by_key(&from, |h| h.from), on) {
            _ if from == to => self.counts.odd_legs += 1,
            (Err(place), true) => hears.insert(place, Heard { from, crossing: Crossing::Opened }),
            (Ok(place), false) => {
                hears.remove(place);
            }
            (Ok(_), true) | (Err(_), false) => {}
        }
    }

    fn on_play(&mut self, play: Play) {
        let id = play.id;
        if self.legs.iter().any(|l| l.player.has(id)) {
            self.counts.stale_playbacks += 1;
            return;
        }
        let verdict = match self.find(play.leg) {
            Ok(at) => self.legs[at].player.play(play, self.sample, &mut self.news),
            Err(_) => Verdict::Unknown,
        };
        match verdict {
            Verdict::Taken => {}
            Verdict::Unknown | Verdict::OverLimit => {
                self.counts.refused_plays += 1;
                self.news.push_back(News::Started { id, sample: self.sample });
                self.news.push_back(News::Stopped { id, sample: self.sample, sent: 0, completed: false });
            }
        }
    }

    fn on_supply(&mut self, id: PlaybackId, samples: Arc<[i16]>, more: bool) {
        let verdict = match self.legs.iter_mut().find(|l| l.player.has(id)) {
            Some(leg) => leg.player.supply(id, samples, more),
            None => Verdict::Unknown,
        };
        match verdict {
            Verdict::Taken => {}
            Verdict::Unknown => self.counts.stale_playbacks += 1,
            Verdict::OverLimit => self.counts.oversupplied += 1,
        }
    }

    fn on_stop(&mut self, id: PlaybackId) {
        let verdict = match self.legs.iter_mut().find(|l| l.player.has(id)) {
            Some(leg) => leg.player.stop(id, self.sample, &mut self.news),
            None => Verdict::Unknown,
        };
        match verdict {
            Verdict::Taken => {}
            Verdict::Unknown | Verdict::OverLimit => self.counts.stale_playbacks += 1,
        }
    }

    fn on_tick(&mut self) {
        self.counts.unpolled += self.egress.len() as u64;
        self.egress.clear();
        for to in 0..self.legs.len() {
            self.mix.clear();
            let played = self.legs[to].player.render(self.sample, &mut self.mix, &mut self.news);
            let heard = self.mix_heard(to);
            let frame = (played || heard).then(|| self.mix.frame());
            self.egress.push_back((self.legs[to].id, frame));
        }
        for leg in &mut self.legs {
            leg.arrived = None;
        }
        self.sample += self.rate.frame_samples() as u64;
    }

    /// Adds whom a leg hears; true if any of them has anything for it.
    fn mix_heard(&mut self, to: usize) -> bool {
        let mut meant = false;
        for i in 0..self.legs[to].hears.len() {
            let Heard { from, crossing } = self.legs[to].hears[i];
            let arrived = self.find(from).ok().and_then(|at| self.legs[at].arrived.as_ref());
            let crossing = match (crossing, arrived) {
                (Crossing::Opened, _) => continue,
                (Crossing::Arrived | Crossing::Flowing { .. }, Some(frame)) => {
                    self.mix.add(frame.samples());
                    if crossing == Crossing::Arrived {
                        self.crossed.push_back((from, self.legs[to].id));
                    }
                    Crossing::Flowing { missing: 0 }
                }
                (Crossing::Flowing { missing }, None) => Crossing::Flowing { missing: missing.saturating_add(1) },
                (Crossing::Arrived, None) => Crossing::Arrived,
            };
            meant |= matches!(crossing, Crossing::Flowing { missing } if missing <= HUSH_TICKS);
            self.legs[to].hears[i].crossing = crossing;
        }
        meant
    }
}
