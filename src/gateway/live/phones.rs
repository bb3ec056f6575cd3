//! The phones of agents: who is rung where.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::base::AgentId;
use crate::edge::Leg;
use crate::edge::sip::{Dialling, SipEdge};
use crate::sound::codec::Codec;

/// The desk ends an offer by itself; a phone that rings longer than any offer is given up.
const RING_LIMIT: Duration = Duration::from_secs(180);

/// The phones of all agents.
#[derive(Clone)]
pub struct PhoneBook {
    sip: SipEdge,
    places: BTreeMap<AgentId, Vec<String>>,
    codecs: Vec<Codec>,
    from: String,
    srtp: bool,
}

impl PhoneBook {
    /// A book of these places; phones see calls from `from` (a `sip:` URI) where the caller's number is unknown.
    pub fn new(sip: SipEdge, places: BTreeMap<AgentId, Vec<String>>, (codecs, srtp): (Vec<Codec>, bool), from: String) -> Self {
        PhoneBook { sip, places, codecs, from, srtp }
    }

    /// Agents and the `sip:` targets at which they are rung.
    pub fn places(&self) -> &BTreeMap<AgentId, Vec<String>> {
        &self.places
    }

    /// Rings all of an agent's phones at once.
    pub fn ring(&self, agent: &AgentId, caller: Option<&str>) -> Vec<Leg> {
        self.places.get(agent).into_iter().flatten().map(|target| self.dial(target, caller)).collect()
    }

    fn dial(&self, target: &str, caller: Option<&str>) -> Leg {
        self.sip.dial(Dialling {
            target: target.to_owned(),
            from: self.from.clone(),
            from_name: caller.map(str::to_owned),
            headers: Vec::new(),
            codecs: self.codecs.clone(),
            srtp: self.srtp,
            ring_limit: RING_LIMIT,
        })
    }
}
