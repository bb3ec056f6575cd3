//! The edge of a live call: its phones, the desk, and what is kept of it.
//!
//! Every phone that the call deals with is a [`Contact`]: the caller's from the beginning, an agent's from the moment it
//! is rung. Several contacts of one agent ring together; the first that is picked up wins and the others are told to
//! stop. A contact becomes a leg when the call says so.

mod transfer;

use std::cell::{RefCell, RefMut};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::UdpSocket;
use tokio::sync::broadcast;
use tokio::sync::mpsc::Sender;

use crate::base::{AgentId, CallId, Denial, EndedBy, Frame, Key, LegId, OfferId, Rate, Record, Time};
use crate::call::{CallInput, Gone};
use crate::edge::rtp::{RtpLeg, RtpStats};
use crate::edge::{Leg, LegCommand, LegEvent, MediaPlan, Wire};
use crate::gateway::{Clock, Edge};
use crate::handoff::desk::{DeskInput, DeskOutput};
use crate::handoff::packet::ContextPacket;

use super::call::News;
use super::clock::LiveClock;
use super::desk::{DeskLine, Shift};
use super::journal::Journal;
use super::lines::{Card, Lines, Offered, Seat};
use super::pages::{Link, Pages};
use super::pair::{Pair, has_come};
use super::phones::PhoneBook;
use transfer::Moving;

/// A key that comes both in the sound and by INFO comes within this; by INFO often only as it is let go.
const SAME_KEY: Duration = Duration::from_secs(1);
/// Records of one call that are kept in memory for its last word; further ones are only written down.
const MAX_RECORDS: usize = 100_000;
/// Q.850 cause of a call that ended in the ordinary way.
const NORMAL_CLEARING: u16 = 16;
/// SIP status of an agent who is busy (RFC 3261).
const BUSY: [u16; 3] = [486, 600, 603];
/// From this SIP status on somebody refuses for all of their phones (RFC 3261, 21.6).
const EVERYWHERE: u16 = 600;

/// What all live calls share.
#[derive(Clone)]
pub struct Shared {
    /// Where agents are found.
    pub desk: DeskLine,
    /// What is kept.
    pub journal: Journal,
    /// How agents are rung.
    pub phones: Arc<PhoneBook>,
    /// Agents at screens.
    pub lines: Lines,
    /// What agents at somebody else's system are shown.
    pub pages: Pages,
    /// Whoever watches calls as they go on.
    pub watchers: broadcast::Sender<Record>,
    /// A leg from which nothing has come for so long is lost.
    pub media_timeout: Duration,
}

/// What a contact is to the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// It rings for this offer.
    Ringing(OfferId),
    /// It rings for this offer and is a leg already, for the sound that it sends (early media).
    Early(OfferId, LegId),
    /// It was picked up and waits to be joined.
    PickedUp(OfferId),
    /// It is a leg.
    Joined(LegId),
    /// It is outside, and rung for the caller to be put through.
    Outside,
}

impl Role {
    fn leg(self) -> Option<LegId> {
        match self {
            Role::Joined(leg) | Role::Early(_, leg) => Some(leg),
            Role::Ringing(_) | Role::PickedUp(_) | Role::Outside => None,
        }
    }

    fn rings_for(self) -> Option<OfferId> {
        match self {
            Role::Ringing(offer) | Role::Early(offer, _) => Some(offer),
            Role::PickedUp(_) | Role::Joined(_) | Role::Outside => None,
        }
    }
}

/// A leg's sound: of its contact, and of the task that forwards its packets. Nobody holds it while waiting for anything.
pub(super) type Sounding = Rc<RefCell<RtpLeg>>;

/// A phone that the call deals with.
struct Contact {
    n: u32,
    role: Role,
    commands: Sender<LegCommand>,
    rtp: Option<Sounding>,
    /// Tells when reports have come.
    reports: Option<UdpSocket>,
    /// The peer sends sound, unless it has us on hold.
    sends: bool,
    /// [`CallInput::NoMedia`] was told.
    is_mute: bool,
    /// Nobody of ours.
    is_outside: bool,
    /// The last key, of whom its other way may still come: whether it came in signalling, and when.
    key: Option<(Key, bool, Time)>,
}

impl Contact {
    /// Whether this is a key of its own: a phone may send each both as an event in its sound and by INFO.
    fn presses(&mut self, key: Key, by_info: bool, now: Time) -> bool {
        let is_second = self.key.is_some_and(|(last, info, at)| last == key && info != by_info && now.since(at) <= SAME_KEY);
        self.key = (!is_second).then_some((key, by_info, now));
        !is_second
    }
}

/// Everything beyond a live call.
pub struct LiveEdge {
    pub(super) clock: LiveClock,
    call: CallId,
    caller: Option<String>,
    /// The offer that the desk made last, and when it ends by itself.
    deadline: Option<(OfferId, Instant)>,
    /// What an agent was shown last.
    shown: Option<(OfferId, Box<ContextPacket>)>,
    rate: Rate,
    shared: Shared,
    inbox: Sender<News>,
    contacts: Vec<Contact>,
    next_contact: u32,
    news: VecDeque<CallInput>,
    heard: Option<Frame>,
    /// Times 20 ms since the last tick.
    frames: u32,
    records: Vec<Record>,
    /// The worst refusal of an offer's contacts so far.
    busy: Vec<OfferId>,
    gone_stats: Vec<(LegId, RtpStats)>,
    /// Of these, how many were told by [`Self::newly_gone`].
    told_gone: usize,
    /// Legs whose packets are forwarded.
    pub(super) pair: Option<Pair>,
    /// Of what was asked of the call last: why it is not done.
    denied: Option<Denial>,
    /// The contact that asked for a transfer on which the call has not decided.
    asks: Option<u32>,
    /// The contact that asked for the transfer that goes on.
    referrer: Option<u32>,
    moving: Option<Moving>,
}

impl LiveEdge {
    /// The edge of a call that rings on `leg`.
    pub fn new(clock: LiveClock, (call, caller, rate): (CallId, Option<String>, Rate), leg: Leg, shared: Shared, inbox: Sender<News>) -> Self {
        shared.journal.begin(call, rate);
        let mut edge = LiveEdge {
            clock,
            call,
            caller,
            deadline: None,
            shown: None,
            rate,
            shared,
            inbox,
            contacts: Vec::new(),
            next_contact: 0,
            news: VecDeque::new(),
            heard: None,
            frames: 1,
            records: Vec::new(),
            busy: Vec::new(),
            gone_stats: Vec::new(),
            told_gone: 0,
            pair: None,
            denied: None,
            asks: None,
            referrer: None,
            moving: None,
        };
        edge.add(leg, Role::Joined(LegId::CALLER));
        edge
    }

    fn add(&mut self, leg: Leg, role: Role) {
        let n = self.next_contact;
        self.next_contact += 1;
        let Leg { commands, mut events } = leg;
        let inbox = self.inbox.clone();
        tokio::spawn(async move {
            while let Some(event) = events.recv().await {
                if inbox.send(News::Leg(n, event)).await.is_err() {
                    return;
                }
            }
        });
        self.contacts.push(Contact { n, role, commands, rtp: None, reports: None, sends: true, is_mute: false, is_outside: false, key: None });
    }

    /// How many phones the call deals with.
    pub fn contacts(&self) -> usize {
        self.contacts.len()
    }

    /// What contact number `at` sent since the last tick, its keys first; `None` if it is no leg. The sound of legs that are
    /// [overheard](Self::overheard) is taken by [`Self::catch_up`].
    pub fn take_sound(&mut self, at: usize, now: Time) -> Option<Sound> {
        let is_overheard = self.overheard().is_some();
        let contact = self.contacts.get_mut(at)?;
        let rtp = contact.rtp.clone()?;
        let mut rtp = rtp.borrow_mut();
        if !contact.role.leg().is_some_and(|leg| self.pair.as_ref().is_some_and(|pair| pair.forwards_to(leg))) {
            rtp.receive_sound(now);
        }
        if contact.reports.as_ref().is_none_or(has_come) {
            rtp.receive_reports(now);
        }
        let frame = if is_overheard { None } else { rtp.play_out(now) };
        let (key, silent) = (rtp.key(), rtp.silent_for(now));
        let key = key.filter(|key| contact.presses(*key, false, now));
        let leg = contact.role.leg()?;
        let is_lost = contact.sends && !contact.is_mute && silent > self.shared.media_timeout;
        contact.is_mute |= is_lost;
        Some(Sound { leg, frame, key, is_lost })
    }

    /// Two legs whose packets are forwarded, and who are only listened to or recorded: their sound may be taken a few
    /// frames together.
    pub fn overheard(&self) -> Option<[LegId; 2]> {
        let pair = self.pair.as_ref().filter(|pair| pair.tapped() == Some(true))?;
        self.rests().then(|| pair.legs())
    }

    /// The next 20 ms of a leg that is overheard, which were due so many times 20 ms ago.
    pub fn catch_up(&mut self, leg: LegId, ago: u32) -> Option<Frame> {
        self.rtp_of(leg)?.catch_up(ago)
    }

    /// What the caller heard in the last tick.
    pub fn take_heard(&mut self) -> Option<Frame> {
        self.heard.take()
    }

    /// The rate of the call's sound.
    pub fn rate(&self) -> Rate {
        self.rate
    }

    /// News of the desk, in the call's time. When an offer ends is noted, for whom it is shown to.
    pub fn take_news(&mut self, news: DeskOutput) -> DeskOutput {
        let news = self.shift().to_call(news);
        if let DeskOutput::Offer { offer, deadline, .. } = &news {
            self.deadline = Some((*offer, self.clock.moment(*deadline)));
        }
        news
    }

    /// The journal.
    pub fn journal_of_calls(&self) -> &Journal {
        &self.shared.journal
    }

    /// Something came from the signalling of a contact; gives a key that was pressed, for the leg's listener.
    pub fn on_event(&mut self, n: u32, event: LegEvent) -> Option<(LegId, Key)> {
        let at = self.contacts.iter().position(|c| c.n == n)?;
        let role = self.contacts[at].role;
        match (event, role) {
            (event, Role::Outside) => self.on_outside(at, event),
            (LegEvent::Media { plan, wire }, _) => {
                self.on_media(at, &plan, wire);
                self.news.extend(role.rings_for().map(CallInput::AgentSounds));
            }
            (LegEvent::Ringing, Role::Ringing(offer) | Role::Early(offer, _)) => self.news.push_back(CallInput::Alerted(offer)),
            (LegEvent::Answered, Role::Ringing(offer) | Role::Early(offer, _)) => self.on_picked_up(at, offer),
            (LegEvent::Answered, Role::Joined(LegId::CALLER)) => self.news.push_back(CallInput::Answered),
            (LegEvent::Key(key), Role::Joined(leg)) => {
                let now = self.clock.now();
                return self.contacts[at].presses(key, true, now).then_some((leg, key));
            }
            (LegEvent::Referred { target }, _) => self.on_referred(at, target),
            (LegEvent::Moved(moved), Role::Joined(_)) => self.on_moved(moved),
            (LegEvent::Unmovable, Role::Joined(_)) => self.on_unmovable(),
            (LegEvent::Replaced(leg), Role::Joined(_) | Role::PickedUp(_)) => self.replace(at, leg),
            (LegEvent::Brought(leg), _) => self.bring(at, leg),
            // A phone that rings has no dialog that could be replaced; dropped, the other hangs up.
            (LegEvent::Replaced(_), Role::Ringing(_) | Role::Early(..)) => {}
            (LegEvent::Refused { status, reason }, Role::Ringing(offer) | Role::Early(offer, _) | Role::PickedUp(offer)) => {
                tracing::debug!(status, reason, "an agent's phone refused");
                self.contacts.remove(at);
                if BUSY.contains(&status) {
                    self.busy.push(offer);
                }
                if status >= EVERYWHERE {
                    self.hang_up_where(|c| c.role.rings_for() == Some(offer), "declined elsewhere");
                }
                self.on_contact_failed(offer);
            }
            (LegEvent::Gone(_), Role::Ringing(offer) | Role::Early(offer, _) | Role::PickedUp(offer)) => {
                self.contacts.remove(at);
                self.on_contact_failed(offer);
            }
            (LegEvent::Gone(gone), Role::Joined(leg)) => self.on_gone(at, leg, gone),
            (LegEvent::Refused { .. }, Role::Joined(leg)) => self.on_gone(at, leg, Gone::Lost),
            (LegEvent::Ringing | LegEvent::Answered, Role::PickedUp(_) | Role::Joined(_))
            | (LegEvent::Key(_) | LegEvent::Moved(_) | LegEvent::Unmovable, _) => {}
        }
        None
    }

    fn on_media(&mut self, at: usize, plan: &MediaPlan, wire: Option<Wire>) {
        let contact = &mut self.contacts[at];
        // Who holds us may send music, or nothing.
        contact.sends = plan.receives && plan.sends;
        contact.is_mute = false;
        match (&mut contact.rtp, wire) {
            (Some(rtp), _) => rtp.borrow_mut().change(plan),
            (none @ None, Some(wire)) => match RtpLeg::open(wire, plan, self.rate) {
                Ok(rtp) => {
                    // Reports come every few seconds; a socket that is watched need not be asked fifty times in each.
                    contact.reports = rtp.wire().rtcp().and_then(|socket| socket.try_clone()).and_then(UdpSocket::from_std).ok();
                    *none = Some(Rc::new(RefCell::new(rtp)));
                }
                Err(fault) => self.news.push_back(CallInput::Fault(fault)),
            },
            (None, None) => tracing::warn!("sound was agreed without a wire"),
        }
    }

    /// The first contact of an agent that is picked up wins.
    fn on_picked_up(&mut self, at: usize, offer: OfferId) {
        self.contacts[at].role = self.contacts[at].role.leg().map_or(Role::PickedUp(offer), Role::Joined);
        self.hang_up_where(|c| c.role.rings_for() == Some(offer), "answered elsewhere");
        self.news.push_back(CallInput::AgentPickedUp(offer));
    }

    /// When none of an agent's contacts is left, the offer has failed.
    fn on_contact_failed(&mut self, offer: OfferId) {
        let is_left = self.contacts.iter().any(|c| matches!(c.role, Role::Ringing(o) | Role::Early(o, _) | Role::PickedUp(o) if o == offer));
        if is_left {
            return;
        }
        let is_busy = self.busy.contains(&offer);
        self.busy.retain(|o| *o != offer);
        self.news.push_back(if is_busy { CallInput::AgentDeclined(offer) } else { CallInput::AgentVanished(offer) });
    }

    fn on_gone(&mut self, at: usize, leg: LegId, gone: Gone) {
        let contact = self.contacts.remove(at);
        self.note_stats(leg, contact.rtp.as_ref());
        self.news.push_back(CallInput::LegGone(leg, gone));
    }

    fn note_stats(&mut self, leg: LegId, rtp: Option<&Sounding>) {
        if let Some(rtp) = rtp {
            self.gone_stats.push((leg, rtp.borrow().stats()));
        }
    }

    fn hang_up_where(&mut self, is_meant: impl Fn(&Contact) -> bool, text: &str) {
        let (meant, others): (Vec<Contact>, Vec<Contact>) = std::mem::take(&mut self.contacts).into_iter().partition(|c| is_meant(c));
        self.contacts = others;
        for contact in meant {
            if let Some(leg) = contact.role.leg() {
                self.note_stats(leg, contact.rtp.as_ref());
            }
            // A full queue hangs up as well: the sender is dropped.
            let _ = contact.commands.try_send(LegCommand::HangUp { cause: NORMAL_CLEARING, text: text.into() });
        }
    }

    /// What the network did to the next leg that is gone; each is told once.
    pub fn newly_gone(&mut self) -> Option<(LegId, RtpStats)> {
        let gone = self.gone_stats.get(self.told_gone).copied()?;
        self.told_gone += 1;
        Some(gone)
    }

    /// The call is over: everybody who is left is hung up.
    pub fn hang_up_all(&mut self) {
        self.hang_up_where(|_| true, "the call is over");
    }

    /// Nobody is left. Gives the call's records and what each leg's network did.
    pub async fn close(self) -> (Vec<Record>, Vec<(LegId, RtpStats)>) {
        self.shared.desk.end(self.call);
        self.shared.journal.end(self.call).await;
        (self.records, self.gone_stats)
    }

    fn contact_of(&mut self, leg: LegId) -> Option<&mut Contact> {
        self.contacts.iter_mut().find(|c| c.role.leg() == Some(leg))
    }

    /// A fresh key by which whoever is rung next finds the packet: that of a page, if pages are served, else the handoff's name in
    /// the journal.
    fn key(&self) -> (String, Option<Link>) {
        let Some((offer, packet)) = &self.shown else { return (self.call.to_string(), None) };
        match self.shared.pages.open(*offer, packet, self.inbox.clone()) {
            Some(link) => (link.key.clone(), Some(link)),
            None => (format!("{}.{}", self.call, packet.handoff), None),
        }
    }

    /// A leg's sound.
    pub(super) fn rtp_of(&self, leg: LegId) -> Option<RefMut<'_, RtpLeg>> {
        Some(self.contacts.iter().find(|c| c.role.leg() == Some(leg))?.rtp.as_ref()?.borrow_mut())
    }

    /// The sound of two joined legs.
    pub(super) fn both(&self, legs: (LegId, LegId)) -> Option<[&Sounding; 2]> {
        let of = |leg| self.contacts.iter().find(|c| c.role == Role::Joined(leg))?.rtp.as_ref();
        Some([of(legs.0)?, of(legs.1)?])
    }

    /// True while nothing is done but to forward packets: ticks may be rare.
    pub fn rests(&self) -> bool {
        self.pair.as_ref().is_some_and(|pair| pair.tapped().is_some()) && self.contacts.iter().filter(|c| c.rtp.is_some()).count() == 2
    }

    /// So many times 20 ms passed before the tick that comes now.
    pub fn pass(&mut self, frames: u32) {
        self.frames = frames;
    }

    /// The screen on which an agent was asked is gone: their phones ring, if they are still asked.
    pub fn ring_phones(&mut self, offer: OfferId, agent: &AgentId) {
        if self.shared.lines.is_open(offer) {
            self.ring(offer, agent);
        }
    }

    fn ring(&mut self, offer: OfferId, agent: &AgentId) {
        let (key, link) = self.key();
        let headers = self.shared.phones.headers_for(&key, link.as_ref().map(|link| link.url.as_str()));
        let legs = self.shared.phones.ring(agent, self.caller.as_deref(), &headers);
        if legs.is_empty() {
            self.news.push_back(CallInput::AgentVanished(offer));
        }
        for leg in legs {
            self.add(leg, Role::Ringing(offer));
        }
    }

    /// An agent's line becomes a leg.
    fn join_line(&mut self, leg: LegId, agent: &AgentId) {
        let Some(Seat { leg: signalling, plan, wire }) = self.shared.lines.sit_down(agent, (self.call, leg), &self.inbox) else {
            return self.news.push_back(CallInput::LegGone(leg, Gone::Lost));
        };
        self.add(signalling, Role::Joined(leg));
        self.on_media(self.contacts.len() - 1, &plan, Some(wire.into()));
    }

    fn shift(&self) -> Shift {
        Shift(self.clock.since(self.shared.desk.origin()))
    }
}

/// What a leg sent in 20 ms.
#[derive(Clone, Copy, Debug)]
pub struct Sound {
    /// Which leg.
    pub leg: LegId,
    /// Its sound; `None` if it has not begun to send.
    pub frame: Option<Frame>,
    /// A key by RFC 4733.
    pub key: Option<Key>,
    /// Nothing has come for too long.
    pub is_lost: bool,
}

impl Edge for LiveEdge {
    fn answer(&mut self) {
        if let Some(contact) = self.contact_of(LegId::CALLER)
            && contact.commands.try_send(LegCommand::Answer).is_err()
        {
            self.news.push_back(CallInput::LegGone(LegId::CALLER, Gone::Lost));
        }
    }

    fn send(&mut self, leg: LegId, frame: Option<&Frame>) {
        if leg == LegId::CALLER {
            self.heard = frame.copied();
        }
        let now = self.clock.now();
        let is_forwarded_to = self.pair.as_ref().is_some_and(|pair| pair.forwards_to(leg));
        let frames = self.frames;
        match self.rtp_of(leg) {
            Some(mut rtp) if is_forwarded_to => rtp.rest(frames, now),
            Some(mut rtp) => {
                // The clock of what we send has rested as long.
                if frames > 1 {
                    rtp.rest(frames - 1, now);
                }
                rtp.send(frame, now);
            }
            None => {}
        }
    }

    fn send_key(&mut self, leg: LegId, key: Key) {
        if let Some(mut rtp) = self.rtp_of(leg) {
            rtp.send_key(key);
        }
    }

    fn join(&mut self, leg: LegId, agent: &AgentId, offer: Option<OfferId>) {
        let picked_up = offer.and_then(|offer| self.contacts.iter_mut().find(|c| c.role == Role::PickedUp(offer)).map(|c| (c, Role::Joined(leg))));
        let found = match picked_up {
            Some(found) => Some(found),
            // What rings and sends sound already; of several the first one.
            None => offer.and_then(|offer| {
                self.contacts.iter_mut().find(|c| c.role == Role::Ringing(offer) && c.rtp.is_some()).map(|c| (c, Role::Early(offer, leg)))
            }),
        };
        match found {
            Some((contact, role)) => contact.role = role,
            None => self.join_line(leg, agent),
        }
    }

    fn release(&mut self, leg: LegId, by: EndedBy) {
        self.shared.lines.leave(self.call, leg);
        self.hang_up_where(|c| c.role.leg() == Some(leg), ended_by(by));
    }

    /// Asks the agent on their screen, or rings all of their phones. Nothing is shown on a phone, so t2 stays open there.
    fn alert(&mut self, offer: OfferId, agent: &AgentId, packet: &ContextPacket) {
        self.shown = Some((offer, Box::new(packet.clone())));
        let deadline = self.deadline.filter(|(of, _)| *of == offer).map(|(_, deadline)| deadline);
        match self.shared.lines.offer(agent, Card { offer, deadline, resumes: false }, &self.inbox) {
            Offered::Nowhere => {}
            Offered::OnScreen => return,
            Offered::Resumes => {
                return self.news.extend([CallInput::PacketShown(offer), CallInput::Alerted(offer), CallInput::AgentAnswered(offer)]);
            }
            Offered::Busy => return self.news.push_back(CallInput::AgentDeclined(offer)),
        }
        self.ring(offer, agent);
    }

    fn update(&mut self, offer: OfferId, packet: &ContextPacket) {
        self.shared.pages.update(offer, packet);
        self.shown = Some((offer, Box::new(packet.clone())));
    }

    fn stop_alert(&mut self, offer: OfferId) {
        self.shared.lines.over(offer);
        self.busy.retain(|o| *o != offer);
        self.hang_up_where(|c| matches!(c.role, Role::Ringing(o) | Role::PickedUp(o) if o == offer), "not wanted any more");
    }

    fn move_to(&mut self, target: &str) {
        let (key, _) = self.key();
        let user_to_user = self.shared.phones.user_to_user(&key);
        self.move_caller(target, user_to_user);
    }

    fn dial(&mut self, target: &str) {
        self.dial_outside(target);
    }

    fn deny(&mut self, why: Denial) {
        self.on_denied(why);
    }

    fn stop_dial(&mut self) {
        self.hang_up_where(|c| c.role == Role::Outside, "not wanted any more");
    }

    fn join_outside(&mut self, leg: LegId) {
        self.seat_outside(leg);
    }

    fn tell_desk(&mut self, message: DeskInput) {
        self.shared.desk.tell(self.shift().to_desk(message));
    }

    fn journal(&mut self, record: Record) {
        self.shared.journal.record(&record);
        // Nobody may be watching.
        let _ = self.shared.watchers.send(record.clone());
        if self.records.len() < MAX_RECORDS {
            self.records.push(record);
        }
    }

    fn news(&mut self) -> Option<CallInput> {
        self.news.pop_front()
    }
}

fn ended_by(by: EndedBy) -> &'static str {
    match by {
        EndedBy::Caller => "the caller hung up",
        EndedBy::Agent => "the agent hung up",
        EndedBy::Bot => "the bot said goodbye",
        EndedBy::Supervisor => "ended by a supervisor",
        EndedBy::Gateway => "ended by the gateway",
        EndedBy::LostMedia => "no media",
    }
}
