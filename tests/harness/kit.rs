//! What a gateway of a test works with.

use segue::cmd::live;
use segue::config::Config;
use segue::gateway::Kit;
use tokio::sync::OnceCell;

/// The kit of this configuration. Notices, which take a core two seconds, are spoken once for all tests of a process.
pub async fn kit(config: &Config) -> Kit {
    static FIRST: OnceCell<Kit> = OnceCell::const_new();
    let load = || live::kit(config, None).unwrap_or_else(|problems| panic!("{problems}"));
    let kit = load();
    kit.take_phrases_of(FIRST.get_or_init(|| live::speak_ahead(config, load())).await);
    kit
}
