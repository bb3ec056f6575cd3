//! `[console]`: pages for people.

use std::net::SocketAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::Problems;

/// `[console]`: pages for people.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ConsoleTable {
    /// Where pages are served, such as `127.0.0.1:8080`; without it nowhere.
    pub bind: Option<SocketAddr>,
    /// What browsers reach it by, such as `https://segue.example.com`, where that is not `http://` and `bind` (behind a proxy, which also brings TLS).
    pub public_url: Option<String>,
    /// How long the page of a handoff may be opened.
    pub handoff_page_secs: f64,
}

impl Default for ConsoleTable {
    fn default() -> Self {
        ConsoleTable { bind: None, public_url: None, handoff_page_secs: 14_400.0 }
    }
}

impl ConsoleTable {
    /// Names every mistake below `key`.
    pub fn check(&self, key: &str, problems: &mut Problems) {
        if let Some(url) = &self.public_url
            && !["http://", "https://"].iter().any(|scheme| url.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty()))
        {
            problems.add(format!("{key}.public_url"), format!("is `{url}`; expected a URL such as `https://segue.example.com`"));
        }
        if !(60.0..=604_800.0).contains(&self.handoff_page_secs) {
            problems.add(format!("{key}.handoff_page_secs"), format!("is {}; it must be between 60 and 604800", self.handoff_page_secs));
        }
    }

    /// What links begin with, if pages are served.
    pub fn base_url(&self) -> Option<String> {
        let bind = self.bind?;
        Some(self.public_url.clone().unwrap_or_else(|| format!("http://{bind}")))
    }
}
