//! `[[entry]]`: what a called number means.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::{CallId, Mode, Problems};

use super::AgentKeysTable;

/// [`EntryTable::rest`]: served, and triggers act on nothing.
const SHADOW: &str = "shadow";

/// What the numbers of entries begin with that visitors call from a page.
const WEB: &str = "web:";

/// What a called number (or page) means: its bot, language, queue, hours and triggers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EntryTable {
    /// The entry's name, in records and on pages.
    pub name: String,
    /// Called numbers: exact (`+4930123`), by prefix (`+4930*`), or `*` for every other one.
    pub called: Vec<String>,
    /// Whether visitors call this entry from a page, `/call?entry=NAME`; its calls are to the number `web:NAME`.
    pub browser: bool,
    /// BCP 47 language of callers.
    pub language: String,
    /// The bot that answers, by name; without one callers go straight to the queue.
    pub bot: Option<String>,
    /// The queue of handoffs whose trigger names none.
    pub queue: String,
    /// Opening hours, by name; without one it is always open.
    pub hours: Option<String>,
    /// The triggers in force, by name, in the file's order; without the key all of them.
    pub triggers: Option<Vec<String>>,
    /// `act`, or `shadow`: record what would have fired and act on nothing.
    pub mode: Mode,
    /// The share of calls, 0 to 1, that this is for; what happens to the others, `rest` says.
    pub share: f64,
    /// What happens to the other calls: `shadow` (served, and triggers act on nothing), or the `sip:` or `tel:` URI to which they are sent (302).
    pub rest: String,
    /// Whether callers may talk over the bot.
    pub barge_in: bool,
    /// Whether an agent with a screen is also briefed by ear before the caller is on.
    pub whisper: bool,
    /// Whether the caller is told the agent's name (notice `connecting`) as they come on.
    pub announce_agent: bool,
    /// Whether a caller whose concern is unknown is asked what it is about while a person is sought.
    pub ask_topic: bool,
    /// Whether callers are asked how it went, by key 1 to 5, after a person has hung up.
    pub survey: bool,
    /// The recording played while waiting, by file stem in the prompts directory.
    pub music: Option<String>,
    /// How long the bot may think before it counts as stalled.
    pub bot_patience_secs: f64,
    /// How long a yes or no to the offer of a person is waited for.
    pub offer_patience_secs: f64,
    /// How often a waiting caller is told where they stand.
    pub waiting_notice_secs: f64,
    /// How long sound may take to cross a new bridge before the agent counts as vanished.
    pub bridge_patience_secs: f64,
    /// The longest message that a caller may leave.
    pub message_max_secs: f64,
    /// Whether caller and agent are listened to while they talk. Without it there is no transcript of the bridge, no signal from it,
    /// no key in band, and a call costs less; keys by RFC 4733 and recordings go on.
    pub listen_bridged: bool,
    /// Whether the bot goes on listening while a person is with the caller: it is told what the caller says, and what it would answer is
    /// shown to the agent and never spoken. Only for bots whose answers change nothing elsewhere; needs `listen_bridged`.
    pub suggest: bool,
    /// The longest call.
    pub call_max_secs: f64,
    /// What agents on a phone do by key.
    pub agent_keys: AgentKeysTable,
}

impl Default for EntryTable {
    fn default() -> Self {
        EntryTable {
            name: "main".into(),
            called: vec!["*".into()],
            browser: false,
            language: "en-US".into(),
            bot: None,
            queue: String::new(),
            hours: None,
            triggers: None,
            mode: Mode::Act,
            share: 1.0,
            rest: SHADOW.into(),
            barge_in: true,
            whisper: false,
            announce_agent: false,
            ask_topic: true,
            survey: false,
            music: None,
            bot_patience_secs: 8.0,
            offer_patience_secs: 6.0,
            waiting_notice_secs: 45.0,
            bridge_patience_secs: 5.0,
            message_max_secs: 120.0,
            listen_bridged: true,
            suggest: false,
            call_max_secs: 43_200.0,
            agent_keys: AgentKeysTable::default(),
        }
    }
}

impl EntryTable {
    /// Names every mistake that can be seen without the other tables.
    pub fn check(&self, key: &str, problems: &mut Problems) {
        if self.name.trim().is_empty() {
            problems.add(format!("{key}.name"), "is empty; an entry needs a name");
        }
        if self.called.is_empty() && !self.browser {
            problems.add(format!("{key}.called"), "is empty; name the numbers, or `*` for every other one");
        }
        for (n, called) in self.called.iter().enumerate() {
            if called.is_empty() || called.trim_end_matches('*').contains('*') {
                problems.add(format!("{key}.called[{n}]"), format!("`{called}` is no number, prefix with `*` at its end, or `*`"));
            }
        }
        if self.queue.is_empty() {
            problems.add(format!("{key}.queue"), "is empty; name the queue for handoffs");
        }
        if !(0.0..=1.0).contains(&self.share) {
            problems.add(format!("{key}.share"), format!("is {}; it must be between 0 and 1", self.share));
        }
        if self.rest != SHADOW && !["sip:", "sips:", "tel:"].iter().any(|scheme| self.rest.starts_with(scheme)) {
            problems.add(format!("{key}.rest"), format!("is `{}`; expected `shadow` or a URI such as `sip:queue@192.0.2.9`", self.rest));
        }
        self.agent_keys.check(&format!("{key}.agent_keys"), problems);
        for (name, secs, max) in [
            ("bot_patience_secs", self.bot_patience_secs, 120.0),
            ("offer_patience_secs", self.offer_patience_secs, 120.0),
            ("waiting_notice_secs", self.waiting_notice_secs, 3_600.0),
            ("bridge_patience_secs", self.bridge_patience_secs, 60.0),
            ("message_max_secs", self.message_max_secs, 3_600.0),
            ("call_max_secs", self.call_max_secs, 172_800.0),
        ] {
            if !(secs >= 1.0 && secs <= max) {
                problems.add(format!("{key}.{name}"), format!("is {secs}; it must be between 1 and {max}"));
            }
        }
    }

    /// Whether this call is one of the share that the entry is for. Always the same for the same call.
    pub fn takes_part(&self, call: CallId) -> bool {
        // The end of a UUIDv7 is random (RFC 9562, 5.7); what stands before it may count the calls of a millisecond (6.2).
        let (_, low) = call.0.as_u64_pair();
        f64::from(low as u32) / f64::from(u32::MAX) < self.share || self.share >= 1.0
    }

    /// Where calls are sent that are not of the share; `None` where they are served in shadow.
    pub fn elsewhere(&self) -> Option<&str> {
        (self.rest != SHADOW).then_some(self.rest.as_str())
    }

    /// The number for which visitors' calls stand; `None` if browsers can't call it.
    pub fn web_number(&self) -> Option<String> {
        self.browser.then(|| format!("{WEB}{}", self.name))
    }

    /// How well the entry fits a called number: longer prefixes win, an exact number most.
    pub fn fit(&self, called: &str) -> Option<usize> {
        if self.web_number().as_deref() == Some(called) {
            return Some(usize::MAX);
        }
        self.called
            .iter()
            .filter_map(|pattern| match pattern.strip_suffix('*') {
                Some(prefix) => called.starts_with(prefix).then_some(prefix.len()),
                None => (pattern == called).then_some(usize::MAX),
            })
            .max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_takes_about_so_many_calls_and_all_or_none_at_its_ends() {
        let calls: Vec<CallId> = (0..4_000).map(|_| CallId(uuid::Uuid::now_v7())).collect();
        let taken = |share: f64| calls.iter().filter(|call| EntryTable { share, ..EntryTable::default() }.takes_part(**call)).count();
        assert_eq!((taken(0.0), taken(1.0)), (0, 4_000));
        assert!((800..1_200).contains(&taken(0.25)), "{}", taken(0.25));
    }

    #[test]
    fn a_share_and_its_rest_are_checked() {
        for (table, key) in [
            (EntryTable { share: 1.1, ..EntryTable::default() }, "entry[0].share"),
            (EntryTable { share: f64::NAN, ..EntryTable::default() }, "entry[0].share"),
            (EntryTable { rest: "elsewhere".into(), ..EntryTable::default() }, "entry[0].rest"),
        ] {
            let (mut good, mut found) = (Problems::default(), Problems::default());
            EntryTable { share: 1.0, rest: SHADOW.into(), ..table.clone() }.check("entry[0]", &mut good);
            table.check("entry[0]", &mut found);
            found.0.retain(|problem| !good.0.contains(problem));
            assert!(found.0.len() == 1 && found.0[0].key == key, "{table:?}: {found:?}");
        }
    }

    #[test]
    fn the_longest_prefix_wins_and_an_exact_number_beats_it() {
        let entry = |called: &str| EntryTable { called: vec![called.into()], ..EntryTable::default() };
        assert!(entry("+4930*").fit("+4930123") > entry("+49*").fit("+4930123"));
        assert!(entry("+4930123").fit("+4930123") > entry("+4930*").fit("+4930123"));
        assert!(entry("*").fit("+1").is_some());
        assert_eq!(entry("+1").fit("+2"), None);
    }

    #[test]
    fn an_entry_for_browsers_is_called_by_its_name_and_needs_no_number() {
        let entry = |browser: bool| EntryTable { name: "shop".into(), called: Vec::new(), queue: "service".into(), browser, ..EntryTable::default() };
        assert_eq!(entry(true).web_number().as_deref(), Some("web:shop"));
        assert_eq!((entry(true).fit("web:shop"), entry(true).fit("web:other"), entry(false).fit("web:shop")), (Some(usize::MAX), None, None));
        for (browser, problems) in [(true, 0), (false, 1)] {
            let mut found = Problems::default();
            entry(browser).check("entry[0]", &mut found);
            assert_eq!(found.0.len(), problems, "{found:?}");
        }
    }
}
