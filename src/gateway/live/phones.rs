//! The phones of agents: who is rung where.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::base::AgentId;
use crate::edge::Leg;
use crate::edge::sip::{Dialling, SipEdge};
use crate::sound::codec::Codec;

/// The desk ends an offer by itself; a phone that rings longer than any offer is given up.
const RING_LIMIT: Duration = Duration::from_secs(180);

/// Where one agent is rung.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// At this `sip:` or `tel:` URI, over these trunks in turn; directly if there are none.
    Dialled(String, Vec<String>),
    /// Wherever phones have registered by this name.
    Registered(String),
}

/// Where all agents are rung.
pub type Places = BTreeMap<AgentId, Vec<Place>>;

/// The phones of all agents.
pub struct PhoneBook {
    sip: SipEdge,
    places: watch::Sender<Arc<Places>>,
    codecs: Vec<Codec>,
    from: String,
    srtp: bool,
}

impl PhoneBook {
    /// A book of these places; phones see calls from `from` (a `sip:` URI) where the caller's number is unknown.
    pub fn new(sip: SipEdge, places: Places, (codecs, srtp): (Vec<Codec>, bool), from: String) -> Self {
        PhoneBook { sip, places: watch::Sender::new(places.into()), codecs, from, srtp }
    }

    /// Agents are rung at these places from now on; phones that ring go on ringing.
    pub fn renew(&self, places: Places) {
        self.places.send_replace(places.into());
    }

    /// Where agents are rung, now and whenever that is renewed.
    pub fn places(&self) -> watch::Receiver<Arc<Places>> {
        self.places.subscribe()
    }

    /// The agents who have a phone that can be rung, if these names are registered. One that is dialled is always there.
    pub fn reachable(&self, registered: &BTreeSet<String>) -> BTreeSet<AgentId> {
        let is_there = |place: &Place| match place {
            Place::Dialled(..) => true,
            Place::Registered(name) => registered.contains(name),
        };
        self.places.borrow().iter().filter(|(_, places)| places.iter().any(is_there)).map(|(agent, _)| agent.clone()).collect()
    }

    /// The names that are registered, now and whenever that changes.
    pub fn registered(&self) -> watch::Receiver<BTreeSet<String>> {
        self.sip.reachable()
    }

    /// The value of `User-to-User` that carries this key.
    pub fn user_to_user(&self, key: &str) -> Option<String> {
        self.sip.headers_for(key).into_iter().next().map(|(_, value)| value)
    }

    /// Rings all of an agent's phones at once, with the headers by which the context packet is found.
    pub fn ring(&self, agent: &AgentId, caller: Option<&str>, headers: &[(String, String)]) -> Vec<Leg> {
        let places = Arc::clone(&self.places.borrow());
        let targets = places.get(agent).into_iter().flatten().flat_map(|place| match place {
            Place::Dialled(target, trunks) => vec![(target.clone(), trunks.clone())],
            Place::Registered(name) => self.sip.contacts(name).into_iter().map(|target| (target, Vec::new())).collect(),
        });
        targets.map(|(target, trunks)| self.dial(target, trunks, (caller, headers))).collect()
    }

    /// Rings somebody outside, whom the caller is to be put through to: a number over every trunk in turn.
    pub fn ring_outside(&self, target: &str, caller: Option<&str>, headers: Vec<(String, String)>, ring_limit: Duration) -> Leg {
        let is_number = target.get(..4).is_some_and(|scheme| scheme.eq_ignore_ascii_case("tel:"));
        let trunks = self.sip.trunks().into_iter().filter(|_| is_number).map(|trunk| trunk.name).collect();
        self.sip.dial(Dialling { ring_limit, ..self.dialling(target.to_owned(), trunks, (caller, &headers)) })
    }

    /// The headers that tell whoever is rung how the context packet is found: by this key, and on its page if there is one.
    pub fn headers_for(&self, key: &str, page: Option<&str>) -> Vec<(String, String)> {
        let mut headers = self.sip.headers_for(key);
        // RFC 3261, 20.9.
        headers.extend(page.map(|url| ("Call-Info".to_owned(), format!("<{url}>;purpose=info"))));
        headers
    }

    fn dial(&self, target: String, trunks: Vec<String>, (caller, headers): (Option<&str>, &[(String, String)])) -> Leg {
        self.sip.dial(self.dialling(target, trunks, (caller, headers)))
    }

    fn dialling(&self, target: String, trunks: Vec<String>, (caller, headers): (Option<&str>, &[(String, String)])) -> Dialling {
        Dialling {
            target,
            from: self.from.clone(),
            from_name: caller.map(str::to_owned),
            headers: headers.to_vec(),
            codecs: self.codecs.clone(),
            srtp: self.srtp,
            ring_limit: RING_LIMIT,
            trunks,
        }
    }
}
