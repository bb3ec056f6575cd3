//! One agent's desk as their page shows it.

use jiff::Timestamp;

use super::call::LiveCall;
use crate::base::{AgentId, CallId, LegId, Time};
use crate::console::views::{DeskCall, DeskState, LineState, NumbersView, OfferView};
use crate::gateway::live::desk::AgentNow;
use crate::handoff::desk::{AgentState, DeskTables, Presence};

/// What is known of an agent.
#[derive(Clone, Debug, Default)]
pub(super) struct AgentDesk {
    pub(super) state: DeskState,
    pub(super) since: Option<Timestamp>,
    pub(super) line: LineState,
    presence: Option<Presence>,
    /// Offers that are open, the first one first: call and number.
    pub(super) offers: Vec<(CallId, u32)>,
    pub(super) on: Option<OnCall>,
    calls: u32,
    handled_s: f64,
    handled: u32,
}

/// The call that an agent has, or has to wrap up.
#[derive(Clone, Debug)]
pub(super) struct OnCall {
    pub(super) call: CallId,
    leg: LegId,
    offer: Option<u32>,
    since: Timestamp,
    is_live: bool,
    held: bool,
    muted: bool,
    pub(super) over: Option<Timestamp>,
    /// When that was in the call: what was said later is not theirs to read.
    left: Option<Time>,
    /// The packet as it was then.
    pub(super) packet: Option<OfferView>,
}

impl AgentDesk {
    /// The desk says what they are doing; gives the call that they had last, if there was one.
    pub(super) fn on_state(&mut self, is: &AgentNow, now: Timestamp) -> Option<CallId> {
        self.state = match is.state {
            AgentState::Offline => DeskState::Offline,
            AgentState::OnBreak => DeskState::Break,
            AgentState::Available => DeskState::Available,
            AgentState::Ringing => DeskState::Ringing,
            AgentState::OnCall => DeskState::OnCall,
            AgentState::WrapUp => DeskState::WrapUp,
        };
        (self.since, self.presence) = (Some(is.since), Some(is.presence.clone()));
        let last = self.on.as_ref().map(|on| on.call);
        if self.on.as_ref().is_some_and(|on| on.over.is_some()) && self.state != DeskState::WrapUp {
            self.wrapped(now);
        }
        last
    }

    /// They have said that they work here now, be it that they are on a break.
    pub(super) fn wants_calls(&self) -> bool {
        self.presence.as_ref().is_some_and(|presence| *presence != Presence::Offline)
    }

    /// Why they are on a break, and why they will be after the call.
    pub(super) fn breaks(&self) -> (Option<String>, Option<String>) {
        match &self.presence {
            Some(Presence::Break(reason)) => (Some(reason.clone()), None),
            Some(Presence::BreakAfterCall(reason)) => (None, Some(reason.clone())),
            Some(Presence::Available | Presence::Offline) | None => (None, None),
        }
    }

    pub(super) fn join(&mut self, call: CallId, leg: LegId, offer: Option<u32>, now: Timestamp) {
        self.on = Some(OnCall { call, leg, offer, since: now, is_live: false, held: false, muted: false, over: None, left: None, packet: None });
    }

    /// Their part in the call is over.
    pub(super) fn leave(&mut self, now: Timestamp, at: Time, packet: Option<OfferView>) {
        let Some(on) = &mut self.on else { return };
        (on.over, on.left, on.packet) = (Some(now), Some(at), packet);
        if on.is_live {
            self.calls += 1;
        }
        if !matches!(self.state, DeskState::OnCall | DeskState::WrapUp) {
            self.wrapped(now);
        }
    }

    /// The call leaves the desk.
    fn wrapped(&mut self, now: Timestamp) {
        if let Some(on) = self.on.take().filter(|on| on.is_live) {
            self.handled += 1;
            self.handled_s += super::secs(now, on.since);
        }
    }

    /// Whether any call is theirs, still to be wrapped up or not.
    pub(super) fn is_busy(&self) -> bool {
        self.on.is_some()
    }

    /// Whether this call is theirs, still to be wrapped up or not.
    pub(super) fn has(&self, call: CallId) -> bool {
        self.on.as_ref().is_some_and(|on| on.call == call)
    }

    /// Whether they are in this call, by this leg if one is named.
    pub(super) fn is_on(&self, call: CallId, leg: Option<LegId>) -> bool {
        self.on.as_ref().is_some_and(|on| on.call == call && on.over.is_none() && leg.is_none_or(|leg| on.leg == leg))
    }

    pub(super) fn goes_live(&self, call: CallId) -> bool {
        self.is_on(call, None) && self.on.as_ref().is_some_and(|on| !on.is_live)
    }

    pub(super) fn live(&mut self) {
        if let Some(on) = &mut self.on {
            on.is_live = true;
        }
    }

    /// The caller was put on hold, or taken back.
    pub(super) fn hold(&mut self, on: bool) {
        if let Some(call) = &mut self.on {
            call.held = on;
        }
    }

    /// They were muted, or not any more.
    pub(super) fn mute(&mut self, on: bool) {
        if let Some(call) = &mut self.on {
            call.muted = on;
        }
    }

    pub(super) fn is_on_duty(&self) -> bool {
        !matches!(self.state, DeskState::Offline | DeskState::Break)
    }

    /// What the store says of their day.
    pub(super) fn recall(&mut self, day: NumbersView) {
        (self.calls, self.handled) = (day.calls_today, day.mean_handle_s.map_or(0, |_| day.calls_today));
        self.handled_s = day.mean_handle_s.unwrap_or_default() * f64::from(self.handled);
    }

    pub(super) fn numbers(&self) -> NumbersView {
        NumbersView { calls_today: self.calls, mean_handle_s: (self.handled > 0).then(|| self.handled_s / f64::from(self.handled)) }
    }
}

impl OnCall {
    pub(super) fn view(&self, agent: &AgentId, call: &LiveCall, packet: Option<OfferView>, tables: &DeskTables) -> DeskCall {
        let left_s = self.left.map_or(f64::INFINITY, Time::as_secs_f64);
        let (mut turns, mut signals, mut frustration) = (call.turns(), call.signals(), call.curve());
        turns.retain(|turn| turn.start_s < left_s);
        signals.retain(|signal| signal.start_s < left_s);
        frustration.retain(|point| point.at_s <= left_s);
        DeskCall {
            id: self.call.to_string(),
            offer: self.offer.map(|n| super::offer_id(self.call, n)),
            since: self.since.to_string(),
            live: self.is_live && self.over.is_none(),
            held: self.held,
            muted: self.muted,
            packet: if self.over.is_some() { self.packet.clone() } else { packet },
            turns,
            signals,
            frustration,
            parties: if self.over.is_some() { Vec::new() } else { call.parties(tables) },
            consult: call.consult(agent, tables).filter(|_| self.over.is_none()),
            over: self.over.is_some(),
        }
    }
}
