//! Agents at screens: who is on duty in a browser, what they are asked, and what they answer.
//!
//! An agent's page is on duty from [`Lines::go_on_duty`] until what that gives is dropped; their sound is a [`Line`]
//! ([`Lines::connect`]). While both are there they are asked on the screen ([`ScreenEvent::Offer`]), else on their
//! phones. What they answer goes into the inbox of the call that asks. Their line is a leg while they are in a call, and
//! theirs again afterwards. A line that breaks in mid-call takes the agent out of it; if they are back within
//! `gateway.line_grace_secs` they are brought together with the same caller again, without being asked. What is *not*
//! here: who may speak for an agent, and what pages look like (`console`).

mod seat;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};
use tokio::runtime::Handle;
use tokio::sync::mpsc::Sender;
use tokio::sync::oneshot;

use crate::base::{AgentId, CallId, Denial, LegId, OfferId};
use crate::call::{CallInput, Command};
use crate::edge::webrtc::{Line, LineState};
use crate::handoff::desk::{DeskInput, Presence};

use super::call::News;
use super::desk::DeskLine;

pub(super) use seat::Seat;

/// A page that is loaded again, or whose connection breaks for a moment, is back within this.
const PAGE_GRACE: Duration = Duration::from_secs(5);
/// Offers that one agent may have open; no agent's capacity is larger.
const MAX_OFFERS: usize = 64;
/// Pages that one agent may have open; of more the oldest are forgotten.
const MAX_PAGES: usize = 16;

/// What an agent's page is told.
#[derive(Clone, Debug)]
pub enum ScreenEvent {
    /// Somebody needs them: show this, ring, and say so by [`Lines::shown`].
    Offer(Card),
    /// The offer is over, however it ended: stop ringing.
    OfferOver(OfferId),
    /// Their line is so now.
    Line(LineState),
    /// Another page of the same agent has taken over.
    Replaced,
}

/// What an agent is asked. Why the caller is here is told from records.
#[derive(Clone, Copy, Debug)]
pub struct Card {
    /// The offer.
    pub offer: OfferId,
    /// When the offer ends by itself.
    pub deadline: Option<Instant>,
    /// The agent was with this caller when their line broke: it is accepted for them.
    pub resumes: bool,
}

/// What an agent wants can't be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotNow {
    /// The offer is over, or was never theirs.
    #[error("the offer is over")]
    OfferOver,
    /// They are in no call.
    #[error("you are in no call")]
    NoCall,
    /// Their line is in another call, and carries one at a time.
    #[error("your line is in another call; end that one first")]
    Busy,
    /// The call has more news waiting than it can take; it is stuck, and its own watchdogs end it.
    #[error("the call does not react; try again")]
    Stuck,
    /// It is not theirs to ask.
    #[error("{0}")]
    Denied(Denial),
}

/// How an agent's screen and line are.
#[derive(Clone, Debug)]
pub struct Desktop {
    /// Their line, if they have one.
    pub line: Option<LineState>,
    /// What they are asked now.
    pub offers: Vec<Card>,
    /// The calls that they are in, and their leg in each.
    pub calls: Vec<(CallId, LegId)>,
}

/// All agents at screens. Clones are the same.
#[derive(Clone)]
pub struct Lines {
    inner: Arc<Inner>,
}

struct Inner {
    people: Mutex<BTreeMap<AgentId, Person>>,
    desk: DeskLine,
    /// For how long an agent whose line broke is waited for.
    grace: Duration,
    /// Where timers run.
    handle: Handle,
}

/// One agent.
#[derive(Default)]
struct Person {
    /// Counts the pages that they have opened.
    pages: u64,
    /// Those that are open, by their number; the last one is told what happens.
    screens: Vec<(u64, Sender<ScreenEvent>)>,
    /// A page is open, or was a moment ago.
    has_screen: bool,
    has_phone: bool,
    /// What the desk was told.
    is_reachable: bool,
    line: Option<(Line, LineState)>,
    offers: BTreeMap<OfferId, Open>,
    calls: Vec<InCall>,
    /// The call in which their line broke, and when.
    lost: Option<(CallId, Instant)>,
}

struct Open {
    card: Card,
    call: Sender<News>,
    /// The screen is not there any more, and phones ring instead.
    is_on_phones: bool,
}

struct InCall {
    call: CallId,
    leg: LegId,
    inbox: Sender<News>,
    /// Tells the leg that the line broke.
    breaks: Option<oneshot::Sender<()>>,
}

/// An agent's page, as long as it is open: dropping this tells that it was closed.
pub struct OnDuty {
    lines: Lines,
    agent: AgentId,
    page: u64,
}

impl Drop for OnDuty {
    fn drop(&mut self) {
        self.lines.on_page_closed(&self.agent, self.page);
    }
}

impl Person {
    fn line_is_up(&self) -> bool {
        self.line.as_ref().is_some_and(|(_, state)| *state == LineState::Up)
    }

    /// Asked on the screen rather than by phone.
    fn is_at_screen(&self) -> bool {
        self.has_screen && self.line_is_up()
    }

    /// Their line is in another call than this one.
    fn is_in_another(&self, call: CallId) -> bool {
        self.calls.iter().any(|seat| seat.call != call)
    }

    /// The screen on which they are asked is gone, but they have phones: the calls that ask ring those.
    fn ring_phones(&mut self, agent: &AgentId) {
        let calls = &self.calls;
        let is_asked = |open: &&mut Open| !open.is_on_phones && !calls.iter().any(|seat| seat.call == open.card.offer.call);
        for open in self.offers.values_mut().filter(is_asked) {
            // A call whose inbox is full is stuck, and the offer ends by itself.
            open.is_on_phones = open.call.try_send(News::NoScreen(open.card.offer, agent.clone())).is_ok();
        }
    }

    fn tell(&self, event: ScreenEvent) {
        // A page that does not take what it is told loses its connection, and asks anew.
        if let Some((_, screen)) = self.screens.last() {
            let _ = screen.try_send(event);
        }
    }
}

impl Lines {
    /// Nobody is there yet. Must run inside the runtime in which timers are to run.
    pub fn new(desk: DeskLine, grace: Duration) -> Lines {
        Lines { inner: Arc::new(Inner { people: Mutex::default(), desk, grace, handle: Handle::current() }) }
    }

    fn people(&self) -> MutexGuard<'_, BTreeMap<AgentId, Person>> {
        self.inner.people.lock()
    }

    /// Does something for an agent, and tells the desk if they can be reached now or no longer.
    fn with<T>(&self, agent: &AgentId, act: impl FnOnce(&mut Person) -> T) -> T {
        let mut people = self.people();
        let person = people.entry(agent.clone()).or_default();
        let (had_screen, was_at_screen) = (person.has_screen, person.is_at_screen());
        let done = act(person);
        // All under the lock, so that the desk hears of changes in their order.
        if person.has_screen != had_screen {
            self.inner.desk.page(agent, person.has_screen);
        }
        let is_reachable = person.has_phone || person.is_at_screen();
        if std::mem::replace(&mut person.is_reachable, is_reachable) != is_reachable {
            self.inner.desk.tell(DeskInput::Line { agent: agent.clone(), up: is_reachable });
        } else if is_reachable && was_at_screen && !person.is_at_screen() {
            person.ring_phones(agent);
        }
        done
    }

    /// The agent's page is open and hears what happens. One that was open before is told that it was replaced, and hears what happens
    /// again when this one is closed.
    pub fn go_on_duty(&self, agent: &AgentId, screen: Sender<ScreenEvent>) -> OnDuty {
        let page = self.with(agent, |person| {
            person.tell(ScreenEvent::Replaced);
            person.pages += 1;
            if person.screens.len() >= MAX_PAGES {
                person.screens.remove(0);
            }
            person.screens.push((person.pages, screen));
            person.has_screen = true;
            for open in person.offers.values() {
                person.tell(ScreenEvent::Offer(open.card));
            }
            person.pages
        });
        OnDuty { lines: self.clone(), agent: agent.clone(), page }
    }

    /// The agent has a new line; one that they had is closed.
    pub fn connect(&self, agent: &AgentId, line: Line) {
        self.disconnect(agent);
        let (id, mut state) = (line.id(), line.state());
        self.with(agent, |person| person.line = Some((line, LineState::Connecting)));
        let (lines, agent) = (self.clone(), agent.clone());
        self.inner.handle.spawn(async move {
            loop {
                let now = *state.borrow_and_update();
                lines.on_line_state(&agent, id, now);
                if now == LineState::Gone || state.changed().await.is_err() {
                    return;
                }
            }
        });
    }

    /// The agent gives up their line. A call on it goes on as if it had broken.
    pub fn disconnect(&self, agent: &AgentId) {
        let id = self.people().get(agent).and_then(|person| person.line.as_ref()).map(|(line, _)| line.id());
        if let Some(id) = id {
            self.on_line_state(agent, id, LineState::Gone);
        }
    }

    /// The line of an agent, for a restart.
    pub fn line_of(&self, agent: &AgentId) -> Option<Line> {
        self.people().get(agent)?.line.as_ref().map(|(line, _)| line.clone())
    }

    /// The agent says whether they want calls.
    pub fn presence(&self, agent: &AgentId, presence: Presence) {
        self.inner.desk.tell(DeskInput::Presence { agent: agent.clone(), presence });
    }

    /// The agent has saved the wrap-up of this call.
    pub fn wrapped_up(&self, agent: &AgentId, call: CallId) {
        self.inner.desk.tell(DeskInput::WrappedUp { agent: agent.clone(), call });
    }

    /// One of the agent's phones can be rung, or none any more.
    pub fn phone(&self, agent: &AgentId, up: bool) {
        self.with(agent, |person| person.has_phone = up);
    }

    /// The card is on the agent's screen, and rings (t2, t3).
    ///
    /// # Errors
    /// The offer is over.
    pub fn shown(&self, agent: &AgentId, offer: OfferId) -> Result<(), NotNow> {
        self.answer(agent, offer, &[CallInput::PacketShown(offer), CallInput::Alerted(offer)])
    }

    /// The agent takes the caller. Who has them is the desk's to say.
    ///
    /// # Errors
    /// The offer is over, or their line is in another call.
    pub fn accept(&self, agent: &AgentId, offer: OfferId) -> Result<(), NotNow> {
        if self.people().get(agent).is_some_and(|person| person.offers.contains_key(&offer) && person.is_in_another(offer.call)) {
            return Err(NotNow::Busy);
        }
        self.answer(agent, offer, &[CallInput::AgentAnswered(offer)])
    }

    /// The agent does not take the caller, and may say why.
    ///
    /// # Errors
    /// The offer is over.
    pub fn decline(&self, agent: &AgentId, offer: OfferId, reason: Option<&str>) -> Result<(), NotNow> {
        let reason = reason.map(|reason| CallInput::DeclineReason(offer, reason.to_owned()));
        self.answer(agent, offer, &Vec::from_iter(reason.into_iter().chain([CallInput::AgentDeclined(offer)])))
    }

    fn answer(&self, agent: &AgentId, offer: OfferId, inputs: &[CallInput]) -> Result<(), NotNow> {
        let people = self.people();
        let open = people.get(agent).and_then(|person| person.offers.get(&offer)).ok_or(NotNow::OfferOver)?;
        inputs.iter().try_for_each(|input| send(&open.call, input.clone(), NotNow::OfferOver))
    }

    /// The agent wants something of the call that they are in, and hears whether it is theirs to ask.
    ///
    /// # Errors
    /// They are in none, it does not react, or it is not theirs to ask.
    pub async fn ask(&self, agent: &AgentId, command: Command) -> Result<(), NotNow> {
        let inbox = self.people().get(agent).and_then(|person| person.calls.last()).map(|seat| seat.inbox.clone());
        super::call::ask(&inbox.ok_or(NotNow::NoCall)?, command).await
    }

    /// How an agent's screen and line are.
    pub fn desktop(&self, agent: &AgentId) -> Desktop {
        let people = self.people();
        let person = people.get(agent);
        Desktop {
            line: person.and_then(|person| person.line.as_ref()).map(|(_, state)| *state),
            offers: person.map(|person| person.offers.values().map(|open| open.card).collect()).unwrap_or_default(),
            calls: person.map(|person| person.calls.iter().map(|seat| (seat.call, seat.leg)).collect()).unwrap_or_default(),
        }
    }

    fn on_page_closed(&self, agent: &AgentId, page: u64) {
        let (has_none, pages) = self.with(agent, |person| {
            person.screens.retain(|(open, _)| *open != page);
            (person.screens.is_empty(), person.pages)
        });
        if !has_none {
            return;
        }
        // Whoever has opened one meanwhile is there, or that one's own closing counts.
        let is_last = move |person: &Person| person.pages == pages;
        let (lines, agent) = (self.clone(), agent.clone());
        self.inner.handle.spawn(async move {
            tokio::time::sleep(PAGE_GRACE).await;
            lines.with(&agent, |person| person.has_screen &= !is_last(person));
            tokio::time::sleep(lines.inner.grace.saturating_sub(PAGE_GRACE)).await;
            let has_left = lines.people().get(&agent).is_some_and(|person| is_last(person) && !person.has_phone);
            if has_left {
                lines.inner.desk.leave(&agent);
            }
        });
    }

    /// A line's state has changed. Who loses theirs loses the call on it; the desk hears of the line first, so that
    /// nobody is offered to a line that is not there.
    fn on_line_state(&self, agent: &AgentId, id: u64, now: LineState) {
        let broken = self.with(agent, |person| {
            let Some((line, state)) = person.line.as_mut().filter(|(line, _)| line.id() == id) else { return Vec::new() };
            *state = now;
            if now == LineState::Gone {
                line.close();
                person.line = None;
            }
            person.tell(ScreenEvent::Line(now));
            match now {
                LineState::Connecting | LineState::Up => Vec::new(),
                LineState::Interrupted | LineState::Gone => {
                    person.lost = person.calls.last().map(|seat| (seat.call, Instant::now())).or(person.lost.take());
                    person.calls.iter_mut().filter_map(|seat| seat.breaks.take()).collect()
                }
            }
        });
        for seat in broken {
            // It fails if the leg has just ended by itself.
            let _ = seat.send(());
        }
    }

    /// Asks an agent on their screen; false if they are at none, and their phones are to ring.
    pub(super) fn offer(&self, agent: &AgentId, mut card: Card, call: &Sender<News>) -> Offered {
        self.with(agent, |person| {
            if !person.is_at_screen() || person.offers.len() >= MAX_OFFERS {
                return Offered::Nowhere;
            }
            if person.is_in_another(card.offer.call) {
                return if person.has_phone { Offered::Nowhere } else { Offered::Busy };
            }
            card.resumes = person.lost.take_if(|(lost, _)| *lost == card.offer.call).is_some_and(|(_, at)| at.elapsed() <= self.inner.grace);
            let offered = if card.resumes { Offered::Resumes } else { Offered::OnScreen };
            person.tell(ScreenEvent::Offer(card));
            person.offers.insert(card.offer, Open { card, call: call.clone(), is_on_phones: false });
            offered
        })
    }

    /// The offer is over.
    pub(super) fn over(&self, offer: OfferId) {
        for person in self.people().values_mut() {
            if person.offers.remove(&offer).is_some() {
                person.tell(ScreenEvent::OfferOver(offer));
            }
        }
    }

    /// Whether anybody at a screen is asked this.
    pub(super) fn is_open(&self, offer: OfferId) -> bool {
        self.people().values().any(|person| person.offers.contains_key(&offer))
    }

    /// Segue failed at this call, which says no more: whatever it asked is over.
    pub(super) fn forget(&self, call: CallId) {
        let asked: Vec<OfferId> =
            self.people().values().flat_map(|person| person.offers.keys()).filter(|offer| offer.call == call).copied().collect();
        asked.into_iter().for_each(|offer| self.over(offer));
    }

    /// The agent's line becomes a leg; `None` if there is none, or it is in a call.
    pub(super) fn sit_down(&self, agent: &AgentId, (call, leg): (CallId, LegId), inbox: &Sender<News>) -> Option<Seat> {
        let (breaks, broken) = oneshot::channel();
        let (plan, wire) = self.with(agent, |person| {
            // As the line says itself: what was told of it here may be of a moment ago.
            let sound = person.line.as_ref().filter(|(line, _)| line.is_up())?.0.attach().ok()?;
            person.calls.push(InCall { call, leg, inbox: inbox.clone(), breaks: Some(breaks) });
            person.lost = None;
            Some(sound)
        })?;
        Some(Seat::new(self.clone(), agent.clone(), (call, leg), (plan, wire), broken))
    }

    /// The call lets this leg go. Its agent is free for the next one before the desk can say so.
    pub(super) fn leave(&self, call: CallId, leg: LegId) {
        for person in self.people().values_mut() {
            person.calls.retain(|seat| (seat.call, seat.leg) != (call, leg));
        }
    }

    /// The agent's line is not a leg of this call any more.
    fn stand_up(&self, agent: &AgentId, (call, leg): (CallId, LegId)) {
        self.with(agent, |person| person.calls.retain(|seat| (seat.call, seat.leg) != (call, leg)));
    }
}

/// How an agent is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Offered {
    /// Not on a screen.
    Nowhere,
    /// On their screen.
    OnScreen,
    /// They were with this caller when their line broke, and are back: they need not be asked.
    Resumes,
    /// On a screen, but their line is in another call, and they have no phone.
    Busy,
}

fn send(call: &Sender<News>, input: CallInput, gone: NotNow) -> Result<(), NotNow> {
    call.try_send(News::Call(input)).map_err(|error| match error {
        tokio::sync::mpsc::error::TrySendError::Full(_) => NotNow::Stuck,
        tokio::sync::mpsc::error::TrySendError::Closed(_) => gone,
    })
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc::channel;

    use super::*;
    use crate::handoff::desk::DeskTables;

    #[tokio::test]
    async fn a_page_that_is_closed_leaves_the_desk_to_the_one_that_was_open_before() {
        let lines = Lines::new(DeskLine::open(&DeskTables::default(), Duration::ZERO), Duration::ZERO);
        let (anna, (first, mut on_first), (second, mut on_second)) = (AgentId::from("anna"), channel(8), channel(8));
        let _first = lines.go_on_duty(&anna, first);
        let second = lines.go_on_duty(&anna, second);
        assert!(matches!(on_first.try_recv(), Ok(ScreenEvent::Replaced)));
        let tell = || lines.with(&anna, |person| person.tell(ScreenEvent::Line(LineState::Up)));
        tell();
        assert!(on_first.try_recv().is_err() && on_second.try_recv().is_ok());
        drop(second);
        tell();
        assert!(matches!(on_first.try_recv(), Ok(ScreenEvent::Line(_))));
        assert!(lines.people()[&anna].has_screen);
    }
}
