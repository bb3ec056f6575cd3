//! What the store has told of agents and callers.

use jiff::Timestamp;

use super::{Projection, Told};
use crate::base::{AgentId, CallId};
use crate::console::views::{EarlierView, Event, NumbersView};

impl Projection {
    /// The number of a call's caller, if it is known.
    pub fn caller(&self, call: CallId) -> Option<String> {
        self.calls.get(&call)?.story.arrival.as_ref()?.caller.clone()
    }

    /// The store has told of an agent's day and of callers' earlier calls; what is shown from now on has both.
    pub fn recall(&mut self, agent: &AgentId, day: NumbersView, callers: impl IntoIterator<Item = (CallId, Vec<EarlierView>)>) {
        if let Some(desk) = self.agents.get_mut(agent) {
            desk.recall(day);
        }
        for (call, earlier) in callers {
            if let Some(call) = self.calls.get_mut(&call) {
                call.history = earlier;
            }
        }
    }

    /// As [`Projection::recall`], and whoever sees it is told.
    pub fn on_kept(&mut self, agent: &AgentId, day: NumbersView, caller: Option<(CallId, Vec<EarlierView>)>, now: Timestamp) -> Vec<Told> {
        let call = caller.as_ref().map(|(call, _)| *call);
        self.recall(agent, day, caller);
        let mut told = Vec::new();
        let offers = self.agents.get(agent).into_iter().flat_map(|desk| desk.offers.iter()).filter(|(of, _)| Some(*of) == call);
        for (call, n) in offers {
            if let Some(view) = self.offer(*call, *n, now) {
                told.push(Told::desk(agent, Some(*call), Event::OfferUpdated(Box::new(view))));
            }
        }
        told.extend(self.state(agent, now));
        told
    }
}
