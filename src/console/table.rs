//! `[console]`: pages for people.

use std::net::SocketAddr;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::Problems;

/// Longest list of reasons or dispositions: more can't be chosen from in the seconds between calls.
const MAX_CHOICES: usize = 30;
/// Longest reason or disposition, in characters.
const MAX_CHOICE_CHARS: usize = 60;
/// What stands for the caller in `crm_url`.
const CRM_PLACES: [&str; 4] = ["{caller}", "{called}", "{call}", "{entry}"];

/// `[console]`: pages for people.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ConsoleTable {
    /// Where pages are served, such as `127.0.0.1:8080`; without it nowhere.
    pub bind: Option<SocketAddr>,
    /// What browsers reach it by, such as `https://segue.example.com`, where that is not `bind` itself (behind a proxy, which also brings TLS).
    pub public_url: Option<String>,
    /// Our certificate and those between it and its root, in PEM: pages are served over TLS. It is read again with the configuration (SIGHUP).
    pub tls_certificate: Option<PathBuf>,
    /// The certificate's private key, in PEM.
    pub tls_key: Option<PathBuf>,
    /// A proxy stands before us: who somebody is at the other end, it says last in `X-Forwarded-For`.
    pub behind_proxy: bool,
    /// How long the page of a handoff may be opened.
    pub handoff_page_secs: f64,
    /// How long somebody stays signed in.
    pub session_secs: f64,
    /// Wrong passwords for one name from one address that are taken within `sign_in_secs`; what was right does not count.
    pub sign_in_attempts: u32,
    /// Wrong passwords from one address, for all names, that are taken within `sign_in_secs`.
    pub sign_in_address_attempts: u32,
    /// The time for which attempts to sign in are counted.
    pub sign_in_secs: f64,
    /// Visitors who call from pages at the same time at most.
    pub max_visitors: u32,
    /// How often visitors at one address may call within `visit_secs`.
    pub address_visits: u32,
    /// The time for which visits are counted.
    pub visit_secs: f64,
    /// Happenings that are kept for pages that were cut off for a moment.
    pub feed_events: u32,
    /// Why agents may say that they take no calls.
    pub break_reasons: Vec<String>,
    /// How agents may say that a call ended.
    pub dispositions: Vec<String>,
    /// The customer's page in your own system, such as `https://crm.example.com/find?phone={caller}`; also `{called}`, `{call}` and `{entry}`.
    pub crm_url: Option<String>,
}

impl Default for ConsoleTable {
    fn default() -> Self {
        let list = |items: &[&str]| items.iter().map(|item| (*item).to_owned()).collect();
        ConsoleTable {
            bind: None,
            public_url: None,
            tls_certificate: None,
            tls_key: None,
            behind_proxy: false,
            handoff_page_secs: 14_400.0,
            session_secs: 43_200.0,
            sign_in_attempts: 5,
            sign_in_address_attempts: 30,
            sign_in_secs: 300.0,
            max_visitors: 50,
            address_visits: 10,
            visit_secs: 600.0,
            feed_events: 20_000,
            break_reasons: list(&["lunch", "short break", "training", "meeting"]),
            dispositions: list(&["resolved", "follow-up needed", "wrong department", "nothing could be done"]),
            crm_url: None,
        }
    }
}

impl ConsoleTable {
    /// Names every mistake below `key`.
    pub fn check(&self, key: &str, problems: &mut Problems) {
        if let Some(url) = &self.public_url
            && !is_url(url)
        {
            problems.add(format!("{key}.public_url"), format!("is `{url}`; expected a URL such as `https://segue.example.com`"));
        }
        for (name, file, other) in [("tls_certificate", &self.tls_certificate, &self.tls_key), ("tls_key", &self.tls_key, &self.tls_certificate)] {
            if file.is_none() && other.is_some() {
                problems.add(format!("{key}.{name}"), "is missing; TLS needs a certificate and its key, in PEM");
            }
        }
        for (name, secs, least, most) in [
            ("handoff_page_secs", self.handoff_page_secs, 60.0, 604_800.0),
            ("session_secs", self.session_secs, 60.0, 2_592_000.0),
            ("sign_in_secs", self.sign_in_secs, 1.0, 86_400.0),
            ("visit_secs", self.visit_secs, 1.0, 86_400.0),
        ] {
            if !(least..=most).contains(&secs) {
                problems.add(format!("{key}.{name}"), format!("is {secs}; it must be between {least} and {most}"));
            }
        }
        for (name, count, least, most) in [
            ("sign_in_attempts", self.sign_in_attempts, 1, 1_000),
            ("sign_in_address_attempts", self.sign_in_address_attempts, 1, 100_000),
            ("max_visitors", self.max_visitors, 0, 10_000),
            ("address_visits", self.address_visits, 1, 100_000),
            ("feed_events", self.feed_events, 100, 1_000_000),
        ] {
            if !(least..=most).contains(&count) {
                problems.add(format!("{key}.{name}"), format!("is {count}; it must be between {least} and {most}"));
            }
        }
        check_choices(&self.break_reasons, &format!("{key}.break_reasons"), problems);
        check_choices(&self.dispositions, &format!("{key}.dispositions"), problems);
        if let Some(url) = &self.crm_url
            && !(is_url(url) && CRM_PLACES.iter().any(|place| url.contains(place)))
        {
            let places = CRM_PLACES.join(", ");
            problems.add(format!("{key}.crm_url"), format!("is `{url}`; expected an http or https URL with one of {places} in it"));
        }
    }

    /// What links begin with, if pages are served.
    pub fn base_url(&self) -> Option<String> {
        let bind = self.bind?;
        let scheme = if self.tls_certificate.is_some() { "https" } else { "http" };
        Some(self.public_url.clone().unwrap_or_else(|| format!("{scheme}://{bind}")))
    }

    /// True if browsers reach us over TLS, our own or a proxy's.
    pub fn is_https(&self) -> bool {
        self.base_url().is_some_and(|url| url.starts_with("https://"))
    }
}

fn is_url(url: &str) -> bool {
    ["http://", "https://"].iter().any(|scheme| url.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty()))
}

fn check_choices(choices: &[String], key: &str, problems: &mut Problems) {
    if choices.is_empty() || choices.len() > MAX_CHOICES {
        problems.add(key, format!("has {} items; expected 1 to {MAX_CHOICES}", choices.len()));
    }
    for (n, choice) in choices.iter().enumerate() {
        if choice.trim().is_empty() || choice.chars().count() > MAX_CHOICE_CHARS {
            problems.add(format!("{key}[{n}]"), format!("is `{choice}`; expected 1 to {MAX_CHOICE_CHARS} characters"));
        } else if choices[..n].contains(choice) {
            problems.add(format!("{key}[{n}]"), format!("`{choice}` is there twice"));
        }
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
            ("tls_key = 'key.pem'", "console.tls_certificate"),
            ("tls_certificate = 'certificate.pem'", "console.tls_key"),
            ("session_secs = 1.0", "console.session_secs"),
            ("sign_in_attempts = 0", "console.sign_in_attempts"),
            ("sign_in_address_attempts = 0", "console.sign_in_address_attempts"),
            ("sign_in_secs = inf", "console.sign_in_secs"),
            ("feed_events = 3", "console.feed_events"),
            ("max_visitors = 10001", "console.max_visitors"),
            ("address_visits = 0", "console.address_visits"),
            ("visit_secs = 0.5", "console.visit_secs"),
            ("break_reasons = []", "console.break_reasons"),
            ("break_reasons = ['lunch', ' ']", "console.break_reasons[1]"),
            ("dispositions = ['solved', 'solved']", "console.dispositions[1]"),
            ("crm_url = 'javascript:alert(1)//{caller}'", "console.crm_url"),
            ("crm_url = 'https://crm.example.com/'", "console.crm_url"),
        ] {
            let mut problems = Problems::default();
            toml::from_str::<ConsoleTable>(text).unwrap().check("console", &mut problems);
            assert!(problems.0.len() == 1 && problems.0[0].key == key, "{text}: {problems:?}");
        }
        assert!(toml::from_str::<ConsoleTable>("bind = '8080'").is_err());
        let mut problems = Problems::default();
        ConsoleTable::default().check("console", &mut problems);
        assert!(problems.0.is_empty(), "{problems:?}");
    }

    #[test]
    fn links_begin_with_the_public_url_or_what_is_bound() {
        let links = |text: &str| toml::from_str::<ConsoleTable>(text).unwrap().base_url();
        assert_eq!(links("public_url = 'https://a.example'"), None);
        assert_eq!(links("bind = '127.0.0.1:8080'").as_deref(), Some("http://127.0.0.1:8080"));
        assert_eq!(links("bind = '127.0.0.1:8080'\npublic_url = 'https://a.example'").as_deref(), Some("https://a.example"));
        assert_eq!(links("bind = '127.0.0.1:8443'\ntls_certificate = 'a'\ntls_key = 'b'").as_deref(), Some("https://127.0.0.1:8443"));
    }
}
