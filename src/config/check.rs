//! What can only be seen of the whole configuration: every room's own check, and names that refer to nothing.

use std::collections::BTreeMap;

use super::Config;
use super::fit::Fitted;
use super::hint::suggestion;
use super::key::KeyPath;
use super::mistake::Mistakes;
use crate::base::Problems;
use crate::handoff::notice::{Notices, default_notices};
use crate::handoff::trigger::Rules;

/// Notes every mistake that is left when all values fit their types.
pub fn check(fitted: &Fitted<Config>, mistakes: &mut Mistakes) {
    let config = &fitted.value;
    let mut problems = Problems::default();
    config.listen.check("listen", &mut problems);
    config.signal.check("signal", &mut problems);
    config.speech.check("speech", &mut problems);
    config.sip.check("sip", &mut problems);
    config.webrtc.check("webrtc", &mut problems);
    config.gateway.check("gateway", &mut problems);
    for (n, trunk) in config.trunk.iter().enumerate() {
        trunk.check(&format!("trunk[{n}]"), &mut problems);
    }
    config.store.check("store", &mut problems);
    config.console.check("console", &mut problems);
    for (n, phone) in config.phone.iter().enumerate() {
        phone.check(&format!("phone[{n}]"), &mut problems);
    }
    if let Err(found) = Rules::compile(&config.trigger, "trigger") {
        problems.0.extend(found.0);
    }
    if let Err(found) = Notices::new(&config.notice, "notice") {
        problems.0.extend(found.0);
    }
    config.desk().check("", &mut problems);
    for (name, bot) in &config.bot {
        bot.check(&KeyPath::default().name("bot").name(name).to_string(), &mut problems);
    }
    for (n, entry) in config.entry.iter().enumerate() {
        entry.check(&format!("entry[{n}]"), &mut problems);
    }
    once(config.trigger.iter().map(|trigger| &trigger.name), "trigger", &mut problems);
    once(config.entry.iter().map(|entry| &entry.name), "entry", &mut problems);
    once(config.trunk.iter().map(|trunk| &trunk.name), "trunk", &mut problems);
    called_once(config, &mut problems);
    registered_once(config, &mut problems);
    references(config, mistakes, &mut problems);
    mistakes.add_all(problems, |key| fitted.original(key));
}

fn once<'a>(names: impl Iterator<Item = &'a String>, section: &str, problems: &mut Problems) {
    let mut first = BTreeMap::new();
    for (n, name) in names.enumerate() {
        if let Some(before) = first.insert(name, n).filter(|_| !name.is_empty()) {
            problems.add(format!("{section}[{n}].name"), format!("`{name}` is the name of {section}[{before}] already"));
        }
    }
}

fn called_once(config: &Config, problems: &mut Problems) {
    if config.entry.is_empty() {
        problems.add("entry", "there is none, so no call would be served; write an [[entry]] with called = [\"*\"]");
    }
    let mut first = BTreeMap::new();
    for (n, entry) in config.entry.iter().enumerate() {
        for (m, called) in entry.called.iter().enumerate() {
            if let Some(before) = first.insert(called, n) {
                problems.add(format!("entry[{n}].called[{m}]"), format!("`{called}` leads to entry[{before}] already"));
            }
        }
    }
}

/// Two phones of one agent may register by one name with one password; two agents may not.
fn registered_once(config: &Config, problems: &mut Problems) {
    let mut first = BTreeMap::new();
    for (n, phone) in config.phone.iter().enumerate() {
        if let Some(name) = &phone.username
            && let Some(before) = first.insert(name, n)
        {
            problems
                .add(format!("phone[{n}].username"), format!("`{name}` is that of phone[{before}] already; up to ten phones may register by one"));
        }
    }
}

/// Names that refer to something elsewhere in the configuration.
struct Known<'a> {
    /// What it is called in a sentence.
    noun: &'static str,
    names: Vec<&'a str>,
    /// False if names of this kind may be missing only because they are wrong themselves.
    sure: bool,
}

impl Known<'_> {
    fn hold(&self, key: &str, name: &str, problems: &mut Problems) {
        if self.sure && !name.is_empty() && !self.names.contains(&name) {
            problems.add(key, format!("there is no {} `{name}`{}", self.noun, suggestion(name, &self.names)));
        }
    }
}

fn references(config: &Config, mistakes: &Mistakes, problems: &mut Problems) {
    let sure = |section: &str| !mistakes.hide_names_of(section);
    let triggers = config.triggers();
    let default_notices = default_notices();
    let queues = Known { noun: "queue", names: config.queue.iter().map(|q| q.name.as_str()).collect(), sure: sure("queue") };
    let hours = Known { noun: "[[hours]] named", names: config.hours.iter().map(|h| h.name.as_str()).collect(), sure: sure("hours") };
    let bots = Known { noun: "bot", names: config.bot.keys().map(String::as_str).collect(), sure: sure("bot") };
    let rules = Known { noun: "trigger", names: triggers.iter().map(|t| t.name.as_str()).collect(), sure: sure("trigger") };
    let agents = Known { noun: "agent", names: config.agent.iter().map(|a| a.name.as_str()).collect(), sure: sure("agent") };
    let trunks = Known { noun: "[[trunk]] named", names: config.trunk.iter().map(|t| t.name.as_str()).collect(), sure: sure("trunk") };
    for (n, phone) in config.phone.iter().enumerate() {
        agents.hold(&format!("phone[{n}].agent"), &phone.agent, problems);
        for (m, trunk) in phone.trunks.iter().enumerate() {
            trunks.hold(&format!("phone[{n}].trunks[{m}]"), trunk, problems);
        }
    }
    for (n, acd) in config.acd.iter().enumerate() {
        for (m, trunk) in acd.trunks.iter().enumerate() {
            trunks.hold(&format!("acd[{n}].trunks[{m}]"), trunk, problems);
        }
    }
    let embedded = Known {
        noun: "configured bot",
        names: config.bot.iter().filter(|(_, bot)| !bot.is_hosted()).map(|(name, _)| name.as_str()).collect(),
        sure: sure("bot"),
    };
    for (name, bot) in &config.bot {
        let key = KeyPath::default().name("bot").name(name).name("chat").name("standby");
        embedded.hold(&key.to_string(), bot.standby().unwrap_or_default(), problems);
    }
    let notices =
        Known { noun: "notice", names: default_notices.keys().chain(config.notice.keys()).map(String::as_str).collect(), sure: sure("notice") };
    for (n, entry) in config.entry.iter().enumerate() {
        let key = |name: &str| format!("entry[{n}].{name}");
        queues.hold(&key("queue"), &entry.queue, problems);
        bots.hold(&key("bot"), entry.bot.as_deref().unwrap_or_default(), problems);
        for (digit, queue) in &entry.agent_keys.queues {
            queues.hold(&key(&format!("agent_keys.queues.{digit}")), queue, problems);
        }
        hours.hold(&key("hours"), entry.hours.as_deref().unwrap_or_default(), problems);
        for (m, trigger) in entry.triggers.iter().flatten().enumerate() {
            rules.hold(&key(&format!("triggers[{m}]")), trigger, problems);
        }
    }
    for (n, trigger) in config.trigger.iter().enumerate() {
        queues.hold(&format!("trigger[{n}].queue"), trigger.queue.as_deref().unwrap_or_default(), problems);
        notices.hold(&format!("trigger[{n}].notice"), trigger.notice.as_deref().unwrap_or_default(), problems);
    }
}
