//! What a gateway of a test works with.

use std::sync::OnceLock;

use segue::base::Rate;
use segue::cmd::live;
use segue::config::Config;
use segue::gateway::Kit;

/// The kit of this configuration. Notices, which take a core two seconds, are spoken once for all tests of a process.
pub fn kit(config: &Config) -> Kit {
    static FIRST: OnceLock<Kit> = OnceLock::new();
    let kit = load(config);
    kit.take_phrases_of(FIRST.get_or_init(|| std::thread::scope(|scope| scope.spawn(|| spoken(load(config))).join()).expect("it speaks")));
    kit
}

fn load(config: &Config) -> Kit {
    live::kit(config, None).unwrap_or_else(|problems| panic!("{problems}"))
}

fn spoken(kit: Kit) -> Kit {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        kit.speak_ahead(Rate::Hz8000).await;
        kit.speak_ahead(Rate::Hz16000).await;
    });
    kit
}
