//! What `segue serve`, `segue demo` and `segue replay --realtime` have in common: from a configuration to a gateway that
//! takes calls, and phones to call it with.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::runtime::Handle;
use tokio::sync::mpsc::{Receiver, channel};
use tokio::task::JoinHandle;

use crate::base::{AgentId, Key, Rate};
use crate::call::ACCEPT_KEY;
use crate::config::Config;
use crate::console::people::People;
use crate::console::{self, ConsoleTable, Parts, Served};
use crate::edge::sip::digest::Credentials;
use crate::edge::sip::table::{SipTable, SrtpPolicy};
use crate::edge::sip::trunk::TrunkPeer;
use crate::edge::sip::trunk::table::TrunkTable;
use crate::edge::sip::{Peers, SipEdge};
use crate::edge::webrtc::WebRtcEdge;
use crate::edge::{Invited, Ports};
use crate::gateway::Kit;
use crate::gateway::live::call::Finished;
use crate::gateway::live::pages::Pages;
use crate::gateway::live::phones::{PhoneBook, Place, Places};
use crate::gateway::live::{Around, Gateway};
use crate::replay::result::{ReplayFacts, ReplayObject};
use crate::replay::time_map::TimeMap;
use crate::store::story::Story;
use crate::store::{Store, StoreTable};

/// Calls that ring and may wait to be looked at.
const RINGING: usize = 256;
/// Calls that ring at a phone of ours and may wait to be looked at.
const PHONE_CALLS: usize = 16;

/// A gateway that takes calls.
pub struct Running {
    /// The driver.
    pub gateway: Arc<Gateway>,
    /// Its edge for phones.
    pub sip: SipEdge,
    /// Its edge for browsers.
    pub webrtc: WebRtcEdge,
    /// Calls that are over.
    pub finished: Receiver<Finished>,
    /// Takes calls from the edge.
    pub serving: JoinHandle<()>,
    /// Where what happens is kept, if it is.
    pub store: Option<Store>,
    /// Pages and the API, where they are served.
    pub console: Option<Served>,
}

/// Opens the edge and the driver.
///
/// # Errors
/// Something of the configuration can't be had on this machine: a port, a directory, a certificate.
pub async fn open(config: &Config, kit: Kit) -> anyhow::Result<Running> {
    open_with(config, kit, None, None).await
}

/// As [`open`], and what happens is kept where `[store]` says.
///
/// # Errors
/// As with [`open`]; or the store can't be had.
pub async fn open_kept(config: &Config, kit: Kit) -> anyhow::Result<Running> {
    open_with(config, kit, None, store(&config.store).await?).await
}

/// As [`open`], with calls that all begin at this wall time.
///
/// # Errors
/// As with [`open`].
pub async fn open_at(config: &Config, kit: Kit, wall: Option<jiff::Zoned>) -> anyhow::Result<Running> {
    open_with(config, kit, wall, None).await
}

async fn open_with(config: &Config, kit: Kit, wall: Option<jiff::Zoned>, store: Option<Store>) -> anyhow::Result<Running> {
    // Before anybody can call: who rings is answered at once, and hears the first words at once.
    let kit = speak_ahead(config, kit).await;
    let (calls, ringing) = channel(RINGING);
    let ports = Arc::new(ports(&config.sip));
    let (places, accounts) = places(config)?;
    let peers = Peers { accounts, trunks: trunks(&config.trunk)? };
    let sip = SipEdge::open_with(&config.sip, peers, ports, calls).await.context("sip")?;
    let webrtc = WebRtcEdge::open(&config.webrtc)?;
    let from = format!("sip:segue@{}", sip.local());
    let srtp = config.sip.srtp == SrtpPolicy::Required;
    let book = PhoneBook::new(sip.clone(), places, (config.sip.codecs.clone(), srtp), from);
    let pages = pages(&config.console);
    let around = Around { overload_target: config.sip.overload_target.clone(), wall, store: store.clone() };
    let (gateway, finished) = Gateway::open(kit, config.gateway.clone(), book, pages.clone(), around)?;
    let console = match config.console.bind {
        Some(bind) => {
            let parts = Parts { pages, gateway: gateway.clone(), webrtc: webrtc.clone(), desk: config.desk(), people: People::of(store.clone()) };
            Some(console::open(bind, &config.console, parts).await?)
        }
        None => None,
    };
    let serving = tokio::spawn({
        let gateway = gateway.clone();
        async move { gateway.serve(ringing).await }
    });
    Ok(Running { gateway, sip, webrtc, finished, serving, store, console })
}

/// The store, if anything is to be kept. Calls that this gateway lost when it last ended are over from now on.
async fn store(table: &StoreTable) -> anyhow::Result<Option<Store>> {
    if !table.keeps() {
        return Ok(None);
    }
    let store = Store::open(table).await?;
    let lost = store.recover().await?;
    if !lost.is_empty() {
        tracing::warn!("calls that were lost when the gateway last ended: {}; `segue store check` tells of each", lost.len());
    }
    Ok(Some(store))
}

/// The kit, once it has synthesized what is known to be said, in every band in which callers may hear it. This takes a second or
/// two of work without a pause, and has a thread of its own.
pub async fn speak_ahead(config: &Config, kit: Kit) -> Kit {
    // Browsers come by way of our pages.
    let of_browsers = config.webrtc.codecs.iter().filter(|_| config.console.bind.is_some());
    let has_wide_band = config.sip.codecs.iter().chain(of_browsers).any(|codec| codec.band() == Rate::Hz16000);
    let runtime = Handle::current();
    let speaks = move || {
        runtime.block_on(kit.speak_ahead(Rate::Hz8000));
        if has_wide_band {
            runtime.block_on(kit.speak_ahead(Rate::Hz16000));
        }
        kit
    };
    tokio::task::spawn_blocking(speaks).await.expect("it can't be cancelled, and panics only if a voice does")
}

/// What a configuration is made into; mistakes that only show then are told by key.
///
/// # Errors
/// Every mistake in triggers, notices and bots.
pub fn kit(config: &Config, file: Option<&Path>) -> Result<Kit, crate::base::Problems> {
    Kit::load(config.kit_tables(file))
}

/// A finished call as `--json` prints it.
pub fn object(finished: &Finished) -> ReplayObject {
    let story = Story::tell(&finished.records);
    let recording = finished.dir.as_ref().map(|dir| dir.join("call.wav").display().to_string()).unwrap_or_default();
    let facts = ReplayFacts { recording, duration_s: finished.duration_s, call_s: finished.duration_s, truncated: false, processing_s: 0.0 };
    ReplayObject::of(&story, facts, &TimeMap::new())
}

/// A SIP phone of ours on loopback, and the calls that ring there. It takes 2,000 ports from `first_port` on for sound.
///
/// # Errors
/// No port can be had.
pub async fn phone(first_port: u16) -> anyhow::Result<(SipEdge, Receiver<Invited>)> {
    let (sender, rung) = channel(PHONE_CALLS);
    let table = SipTable { bind: vec!["udp:127.0.0.1:0".into()], ..SipTable::default() };
    let ports = Ports::new([127, 0, 0, 1].into(), first_port, first_port + 1_999);
    Ok((SipEdge::open(&table, Arc::new(ports), sender).await?, rung))
}

/// The key with which an agent takes a call.
pub fn accept_key() -> Key {
    Key::new(ACCEPT_KEY).expect("the accept key is a key")
}

/// Pages of handoffs; they lead somewhere where pages are served.
fn pages(table: &ConsoleTable) -> Pages {
    let kept = Duration::try_from_secs_f64(table.handoff_page_secs).unwrap_or_default();
    Pages::new(table.base_url().as_deref(), kept)
}

fn ports(table: &SipTable) -> Ports {
    let address = table.media_address().unwrap_or(IpAddr::from([127, 0, 0, 1]));
    Ports::new(address, table.rtp_first_port, table.rtp_last_port)
}

/// The trunks, with their passwords.
fn trunks(tables: &[TrunkTable]) -> anyhow::Result<Vec<TrunkPeer>> {
    let peer = |(n, table): (usize, &TrunkTable)| {
        let account = table.account().with_context(|| format!("trunk[{n}]"))?;
        Ok(TrunkPeer { table: table.clone(), account })
    };
    tables.iter().enumerate().map(peer).collect()
}

/// Where agents and ACDs are rung, and by what their phones register.
///
/// # Errors
/// A phone's password can't be read.
pub fn places(config: &Config) -> anyhow::Result<(Places, Vec<Credentials>)> {
    let mut places = Places::new();
    let mut accounts = Vec::new();
    for (n, phone) in config.phone.iter().enumerate() {
        let places = places.entry(AgentId::from(phone.agent.as_str())).or_default();
        places.extend(phone.contact.clone().map(|contact| Place::Dialled(contact, phone.trunks.clone())));
        if let Some(account) = phone.account().with_context(|| format!("phone[{n}]"))? {
            places.push(Place::Registered(account.username.clone()));
            accounts.push(account);
        }
    }
    let acds = config.acd.iter();
    places.extend(acds.map(|acd| (AgentId::from(acd.name.as_str()), vec![Place::Dialled(acd.target.clone(), acd.trunks.clone())])));
    Ok((places, accounts))
}
