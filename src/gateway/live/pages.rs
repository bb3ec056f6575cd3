//! Pages of handoffs: what an agent at somebody else's system is shown, by a key that opens once.
//!
//! Every offer to a phone or an ACD gets a key. Whoever comes first with it sees the context packet, and goes on seeing
//! it (their browser is given a token); for everybody else the page is closed. Keys are 128 random bits and are never
//! logged. What is *not* here: how a page looks (`console`).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::mpsc::Sender;

use super::call::News;
use crate::base::OfferId;
use crate::call::CallInput;
use crate::handoff::packet::ContextPacket;
use crate::net::random;

/// Pages that are kept at the same time; for further ones the oldest goes.
const MAX_PAGES: usize = 50_000;

/// A key and where it leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// 22 characters of base64url.
    pub key: String,
    /// The page.
    pub url: String,
}

/// All pages. Clones are the same pages.
#[derive(Clone)]
pub struct Pages {
    all: Arc<Mutex<BTreeMap<String, Page>>>,
    public_url: Option<Arc<str>>,
    kept: Duration,
}

struct Page {
    offer: OfferId,
    packet: ContextPacket,
    made: Instant,
    /// The token of whoever opened it.
    token: Option<String>,
    call: Sender<News>,
}

/// What somebody with a key gets.
#[derive(Clone, Debug)]
pub enum Visit {
    /// The packet, and the token by which they see it again.
    Shown {
        /// As it stands now.
        packet: Box<ContextPacket>,
        /// For their browser.
        token: String,
    },
    /// Somebody else has opened it.
    Taken,
    /// There is no such page, or not any more.
    Unknown,
}

impl Pages {
    /// No pages yet. Links lead below `public_url`, and without it there are none; pages are kept for so long.
    pub fn new(public_url: Option<&str>, kept: Duration) -> Pages {
        Pages { all: Arc::default(), public_url: public_url.map(|url| url.trim_end_matches('/').into()), kept }
    }

    /// Makes a page for an offer, if pages are served; the call hears when it is opened.
    pub fn open(&self, offer: OfferId, packet: &ContextPacket, call: Sender<News>) -> Option<Link> {
        let key = random_key();
        let url = format!("{}/handoff/{key}", self.public_url.as_ref()?);
        let mut all = self.all();
        all.retain(|_, page| page.made.elapsed() < self.kept);
        if all.len() >= MAX_PAGES
            && let Some(oldest) = all.iter().min_by_key(|(_, page)| page.made).map(|(key, _)| key.clone())
        {
            all.remove(&oldest);
        }
        all.insert(key.clone(), Page { offer, packet: packet.clone(), made: Instant::now(), token: None, call });
        Some(Link { key, url })
    }

    /// The caller said more: pages of this offer show it.
    pub fn update(&self, offer: OfferId, packet: &ContextPacket) {
        for page in self.all().values_mut().filter(|page| page.offer == offer) {
            page.packet = packet.clone();
        }
    }

    /// Somebody comes with a key, and with the token that they were given if they were here before.
    pub fn visit(&self, key: &str, token: Option<&str>) -> Visit {
        let mut all = self.all();
        let Some(page) = all.get_mut(key).filter(|page| page.made.elapsed() < self.kept) else { return Visit::Unknown };
        let token = match &page.token {
            Some(known) if token == Some(known.as_str()) => known.clone(),
            Some(_) => return Visit::Taken,
            None => {
                for news in [CallInput::PacketShown(page.offer), CallInput::PersonFound(page.offer)] {
                    // A full inbox belongs to a call that is stuck; the page is shown all the same.
                    let _ = page.call.try_send(News::Call(news));
                }
                page.token.insert(random_key()).clone()
            }
        };
        Visit::Shown { packet: Box::new(page.packet.clone()), token }
    }

    /// Whether browsers reach pages over TLS, and below which path.
    pub fn reached(&self) -> (bool, &str) {
        let url = self.public_url.as_deref().unwrap_or_default();
        let (scheme, rest) = url.split_once("://").unwrap_or_default();
        (scheme == "https", rest.find('/').map_or("", |at| &rest[at..]))
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<String, Page>> {
        self.all.lock()
    }
}

fn random_key() -> String {
    URL_SAFE_NO_PAD.encode(random::<16>())
}
