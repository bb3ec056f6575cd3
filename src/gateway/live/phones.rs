//! The phones of agents: who is rung where.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::base::AgentId;
use crate::edge::Leg;
use crate::edge::sip::{Dialling, SipEdge};
use crate::sound::codec::Codec;

/// The desk ends an offer by itself; a phone that rings longer than any offer is given up.
const RING_LIMIT: Duration = Duration::from_secs(180);

/// Where an agent can be rung.
#[derive(Clone, Debug, PartialEq)]
pub enum Place {
    /// At every phone that is registered under this user name.
    Registered(String),
    /// At this `sip:` or `tel:` target, perhaps over a trunk.
    Dialled {
        /// Kept as it is.
        target: String,
        /// The trunk's name.
        trunk: Option<String>,
    },
}

/// The phones of all agents.
#[derive(Clone)]
pub struct PhoneBook {
    sip: SipEdge,
    places: BTreeMap<AgentId, Vec<Place>>,
    codecs: Vec<Codec>,
    from: String,
    srtp: bool,
}

impl PhoneBook {
    /// A book of these places; phones see calls from `from` (a `sip:` URI) where the caller's number is unknown.
    pub fn new(sip: SipEdge, places: BTreeMap<AgentId, Vec<Place>>, (codecs, srtp): (Vec<Codec>, bool), from: String) -> Self {
        PhoneBook { sip, places, codecs, from, srtp }
    }

    /// Agents and where they are rung.
    pub fn places(&self) -> &BTreeMap<AgentId, Vec<Place>> {
        &self.places
    }

    /// Rings all of an agent's phones at once; none where no phone is registered.
    pub fn ring(&self, agent: &AgentId, caller: Option<&str>) -> Vec<Leg> {
        self.places.get(agent).into_iter().flatten().flat_map(|place| self.ring_at(place, caller)).collect()
    }

    fn ring_at(&self, place: &Place, caller: Option<&str>) -> Vec<Leg> {
        match place {
            Place::Registered(user) => self.sip.contacts(user).into_iter().map(|contact| self.dial(contact, None, caller)).collect(),
            Place::Dialled { target, trunk } => vec![self.dial(target.clone(), trunk.clone(), caller)],
        }
    }

    fn dial(&self, target: String, trunk: Option<String>, caller: Option<&str>) -> Leg {
        self.sip.dial(Dialling {
            target,
            from: self.from.clone(),
            from_name: caller.map(str::to_owned),
            headers: Vec::new(),
            trunk,
            auth: None,
            codecs: self.codecs.clone(),
            srtp: self.srtp,
            ring_limit: RING_LIMIT,
        })
    }
}
