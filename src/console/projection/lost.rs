//! Calls whose end was missed, and calls that are forgotten.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{Audience, ENDED_KEPT_S, MAX_ENDED, Projection, Told, offer_id, secs};
use crate::base::{AgentId, CallId, Time};
use crate::console::views::{Event, StageWord, Topic};
use crate::store::GATEWAY_LOST;

/// Why an offer of a call that was lost is over.
const WITHDRAWN: &str = "withdrawn";

impl Projection {
    /// What the gateway has: calls that it had no more when this was last asked either are over, though nobody was told of their end.
    pub fn settle(&mut self, going_on: &BTreeSet<CallId>, now: Timestamp) -> Vec<Told> {
        let missing = self.calls.iter().filter(|(id, call)| !call.is_over() && !going_on.contains(id)).map(|(id, _)| *id);
        let missing: BTreeSet<CallId> = missing.collect();
        // A call that ends is gone there a moment before its last records are here.
        let lost: Vec<CallId> = missing.intersection(&self.missing).copied().collect();
        self.missing = missing;
        let mut told = Vec::new();
        for id in lost {
            self.lose(id, now, &mut told);
        }
        told
    }

    fn lose(&mut self, id: CallId, now: Timestamp, told: &mut Vec<Told>) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        call.is_lost = true;
        let at = call.story.last;
        self.dirty.insert(id);
        self.ended.push_back((now, id));
        told.push(Told { to: Audience::Call(id, Vec::new()), topic: Topic::Call, call: Some(id), event: Event::Stage { stage: StageWord::Ended } });
        let mut changed: BTreeSet<AgentId> = self.leave_all(id, at, GATEWAY_LOST, now, told).into_iter().collect();
        for (agent, desk) in &mut self.agents {
            for (_, n) in desk.offers.extract_if(.., |(call, _)| *call == id) {
                told.push(Told::desk(agent, Some(id), Event::OfferOver { offer: offer_id(id, n), why: WITHDRAWN.to_owned() }));
                changed.insert(agent.clone());
            }
        }
        told.extend(changed.iter().filter_map(|agent| self.state(agent, now)));
    }

    /// The call is over for everybody who is in it; gives who was.
    pub(super) fn leave_all(&mut self, id: CallId, at: Time, by: &str, now: Timestamp, told: &mut Vec<Told>) -> Vec<AgentId> {
        let packet = self.calls.get(&id).and_then(|call| call.packet_view(id, &self.tables, now));
        let mut left = Vec::new();
        for (agent, desk) in self.agents.iter_mut().filter(|(_, desk)| desk.is_on(id, None)) {
            desk.leave(now, at, packet.clone());
            told.push(Told::desk(agent, Some(id), Event::CallOver { ended_by: by.to_owned() }));
            left.push(agent.clone());
        }
        left
    }

    /// Calls that are over and that nobody needs any more.
    pub(super) fn forgotten(&mut self, now: Timestamp) -> Vec<CallId> {
        let mut too_many = self.ended.len().saturating_sub(MAX_ENDED);
        let mut forgotten = Vec::new();
        let agents = &self.agents;
        self.ended.retain(|(at, id)| {
            let is_kept = too_many == 0 && (secs(now, *at) < ENDED_KEPT_S || agents.values().any(|desk| desk.has(*id)));
            too_many = too_many.saturating_sub(1);
            if !is_kept {
                forgotten.push(*id);
            }
            is_kept
        });
        forgotten
    }
}
