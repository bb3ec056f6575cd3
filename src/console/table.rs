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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mistake_is_named_by_its_key() {
        for (text, key) in [
            ("public_url = 'segue.example.com'", "console.public_url"),
            ("public_url = 'https://'", "console.public_url"),
            ("handoff_page_secs = 0.0", "console.handoff_page_secs"),
            ("handoff_page_secs = nan", "console.handoff_page_secs"),
        ] {
            let mut problems = Problems::default();
            toml::from_str::<ConsoleTable>(text).unwrap().check("console", &mut problems);
            assert!(problems.0.len() == 1 && problems.0[0].key == key, "{text}: {problems:?}");
        }
        assert!(toml::from_str::<ConsoleTable>("bind = '8080'").is_err());
    }

    #[test]
    fn links_begin_with_the_public_url_or_what_is_bound() {
        let links = |text: &str| toml::from_str::<ConsoleTable>(text).unwrap().base_url();
        assert_eq!(links("public_url = 'https://a.example'"), None);
        assert_eq!(links("bind = '127.0.0.1:8080'").as_deref(), Some("http://127.0.0.1:8080"));
        assert_eq!(links("bind = '127.0.0.1:8080'\npublic_url = 'https://a.example'").as_deref(), Some("https://a.example"));
    }
}
