//! The kit: everything that calls share, made once from the configuration's tables.
//!
//! Engines are opened, rules compiled, bots built, and what is known to be said is spoken ahead. A missing engine is no
//! error: its fault is kept, and calls go on with what there is.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::OnceCell;

use crate::base::{AgentId, CallId, Fault, Mode, Phrase, Pii, Problems, QueueId, Rate, Wording};
use crate::bot::{Bot, BotTable, Bots};
use crate::call::{AgentPlan, BotPlan, EntryTable, PicksUp, Plan, QueuePlan};
use crate::handoff::desk::{AcdAnswers, AcdTable, AgentTable, DeskTables, HoursTable, QueueTable};
use crate::handoff::notice::{NoticeTable, Notices};
use crate::handoff::trigger::{Does, Rules, TriggerTable};
use crate::listen::signal::{SignalsTable, heard_phrases};
use crate::listen::table::ListenTable;
use crate::sound::recording::{ChannelChoice, Recording};
use crate::speech::voice::Voice;
use crate::speech::{Opened, Recognizer, SpeechTable};

use super::Equipment;

/// Hold music for entries that name none.
const HOLD_MUSIC: &[u8] = include_bytes!("../../audio/prompts/hold.flac");
/// How long an agent whose line broke is waited for, unless the gateway says otherwise.
const RETURN_PATIENCE: Duration = Duration::from_secs(8);
/// The longest hold music.
const MUSIC_LIMIT: Duration = Duration::from_secs(600);

/// The tables that a kit is made from.
#[derive(Clone, Debug, Default)]
pub struct KitTables {
    /// What called numbers mean.
    pub entries: Vec<EntryTable>,
    /// Queues, agents and hours.
    pub desk: DeskTables,
    /// The triggers in force, in order.
    pub triggers: Vec<TriggerTable>,
    /// What callers are told.
    pub notices: BTreeMap<String, NoticeTable>,
    /// Pauses, barge-in and so on.
    pub listen: ListenTable,
    /// What counts as evidence.
    pub signals: SignalsTable,
    /// Engines of speech.
    pub speech: SpeechTable,
    /// Bots, by name.
    pub bots: BTreeMap<String, BotTable>,
}

/// What an entry's calls share.
#[derive(Clone)]
struct EntryKit {
    table: EntryTable,
    bot: Option<Arc<dyn Bot>>,
    recognizer: Option<Arc<dyn Recognizer>>,
    rules: Arc<Rules>,
    hours: Option<HoursTable>,
}

/// Everything that calls share.
pub struct Kit {
    tables: KitTables,
    entries: Vec<EntryKit>,
    notices: Arc<Notices>,
    voice: Arc<Voice>,
    listen: Arc<ListenTable>,
    signals: Arc<SignalsTable>,
    missing: Vec<Fault>,
    /// Who may be asked, for all calls.
    agents: OnceLock<Arc<BTreeMap<AgentId, AgentPlan>>>,
    /// Whether the notices were spoken, narrow band and wide band.
    spoken: [OnceCell<()>; 2],
    /// The built-in hold music, narrow band and wide band.
    music: [OnceLock<Option<Arc<[i16]>>>; 2],
}

/// What a caller dialled, and when.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// The call's id.
    pub call: CallId,
    /// The called number.
    pub called: String,
    /// The caller's number, if known.
    pub caller: Option<String>,
    /// What else is known of the caller.
    pub data: BTreeMap<String, String>,
    /// Wall time.
    pub wall: jiff::Zoned,
}

impl Kit {
    /// Makes the kit.
    ///
    /// # Errors
    /// Every mistake in triggers, notices and bots, by key.
    pub fn load(tables: KitTables) -> Result<Kit, Problems> {
        let mut problems = Problems::default();
        let notices = keep(Notices::new(&tables.notices, "notice"), &mut problems);
        let Bots { there: bots, mut missing, problems: found } = Bots::load(&tables.bots);
        problems.0.extend(found.0);
        let (mouth, standby) = tables.speech.mouth();
        let synthesizer = there(mouth, &mut missing);
        let voice = Voice::load(&tables.speech.voice, synthesizer.clone(), None).or_else(|fault| {
            missing.push(fault);
            Voice::load(&Default::default(), synthesizer, None)
        });
        let voice = voice.map(|voice| voice.with_standby(standby));
        let mut ears: BTreeMap<Option<String>, Option<Arc<dyn Recognizer>>> = BTreeMap::new();
        let mut entries = Vec::new();
        for table in &tables.entries {
            let bot = table.bot.as_ref().and_then(|name| bots.get(name)).cloned();
            let recognizer =
                ears.entry(table.bot.clone()).or_insert_with(|| there(tables.speech.ear(&sentences(&tables, bot.as_deref())), &mut missing)).clone();
            let Some(rules) = keep(Rules::compile(&in_force(&tables.triggers, table), "trigger"), &mut problems) else { continue };
            let hours = table.hours.as_ref().and_then(|name| tables.desk.hours.iter().find(|h| h.name == *name)).cloned();
            entries.push(EntryKit { table: table.clone(), bot, recognizer, rules: Arc::new(rules), hours });
        }
        let (Some(notices), Ok(voice)) = (notices, voice) else { return Err(problems) };
        let (listen, signals) = (Arc::new(tables.listen.clone()), Arc::new(tables.signals.clone()));
        problems.or(Kit {
            entries,
            notices: Arc::new(notices),
            voice: Arc::new(voice),
            listen,
            signals,
            missing,
            agents: OnceLock::new(),
            tables,
            spoken: Default::default(),
            music: Default::default(),
        })
    }

    /// The same kit, in which a trigger does something else; `None` if there is no such trigger.
    ///
    /// # Errors
    /// Every mistake in the triggers, by key.
    pub fn with_trigger(&self, name: &str, does: Does) -> Result<Option<Kit>, Problems> {
        let mut tables = self.tables.clone();
        let Some(trigger) = tables.triggers.iter_mut().find(|trigger| trigger.name == name) else { return Ok(None) };
        trigger.does = does;
        let mut problems = Problems::default();
        let mut entries = self.entries.clone();
        for entry in &mut entries {
            if let Some(rules) = keep(Rules::compile(&in_force(&tables.triggers, &entry.table), "trigger"), &mut problems) {
                entry.rules = Arc::new(rules);
            }
        }
        problems.or(Some(Kit {
            tables,
            entries,
            notices: self.notices.clone(),
            voice: self.voice.clone(),
            listen: self.listen.clone(),
            signals: self.signals.clone(),
            missing: self.missing.clone(),
            agents: self.agents.clone(),
            spoken: self.spoken.clone(),
            music: self.music.clone(),
        }))
    }

    /// Engines that are configured and not there, each once.
    pub fn missing(&self) -> &[Fault] {
        &self.missing
    }

    /// Takes over what another kit has spoken, if it has the same voice.
    pub fn take_phrases_of(&self, other: &Kit) {
        self.voice.take_phrases_of(&other.voice);
    }

    /// The voice that all calls may share, so that what was said once is spoken at once.
    pub fn voice(&self) -> Arc<Voice> {
        self.voice.clone()
    }

    /// The tables it was made from.
    pub fn tables(&self) -> &KitTables {
        &self.tables
    }

    /// Speaks what notices are made of at this rate, once, so that no caller waits for a notice. What a bot says is
    /// spoken as it comes up, and kept.
    pub async fn speak_ahead(&self, rate: Rate) {
        self.spoken[band(rate)].get_or_init(|| self.speak_notices(rate)).await;
        self.built_in_music(rate);
    }

    async fn speak_notices(&self, rate: Rate) {
        let titles: Vec<String> = self.tables.desk.queues.iter().map(|q| q.spoken().to_owned()).collect();
        for entry in &self.entries {
            let wordings = self.notices.fixed(&titles);
            // What can't be spoken now is a fault when it is to be said.
            let _ = self.voice.ahead(&wordings, &entry.table.language, rate).await;
        }
    }

    /// The plan of a call and what it works with; `None` if no entry takes the called number.
    /// Its engines will work in `engines`.
    pub fn admit(&self, arrival: Arrival, rate: Rate, bot: Option<BotPlan>, engines: Handle) -> Option<(Plan, Equipment)> {
        let entry = self.entry(&arrival.called)?;
        let configured = if entry.bot.is_some() { BotPlan::Serves } else { BotPlan::None };
        let bot = if configured == BotPlan::None { BotPlan::None } else { bot.unwrap_or(configured) };
        let mut table = entry.table.clone();
        if !table.takes_part(arrival.call) {
            table.mode = Mode::Shadow;
        }
        let plan = Plan {
            call: arrival.call,
            called: arrival.called,
            caller: arrival.caller.map(Pii),
            data: arrival.data,
            entry: table,
            bot,
            rules: entry.rules.clone(),
            notices: self.notices.clone(),
            queues: self.queues(),
            agents: self.agents.get_or_init(|| Arc::new(self.agents())).clone(),
            hours: entry.hours.clone(),
            wall: arrival.wall,
            return_patience: RETURN_PATIENCE,
            yields: false,
        };
        // A cache of its own: what another call has said must not change when this one can speak.
        let voice = Arc::new(self.voice.fork());
        let equipment = Equipment {
            voice,
            recognizer: entry.recognizer.clone(),
            bot: entry.bot.clone(),
            listen: self.listen.clone(),
            signals: self.signals.clone(),
            music: self.music(&entry.table, rate),
            rate,
            engines,
        };
        Some((plan, equipment))
    }

    /// Where a call is sent that is not of its entry's share; `None` for a call that is served here.
    pub fn elsewhere(&self, called: &str, call: CallId) -> Option<&str> {
        let entry = &self.entry(called)?.table;
        entry.elsewhere().filter(|_| !entry.takes_part(call))
    }

    /// The time zone of who is called: that of the entry's hours, else of its queue's hours, else UTC.
    pub fn zone(&self, called: &str) -> jiff::tz::TimeZone {
        let zone = self.entry(called).and_then(|entry| {
            let queue = self.tables.desk.queues.iter().find(|q| q.name == entry.table.queue);
            entry.hours.clone().or_else(|| self.hours(queue?.hours.as_ref()))?.zone()
        });
        zone.unwrap_or(jiff::tz::TimeZone::UTC)
    }

    fn entry(&self, called: &str) -> Option<&EntryKit> {
        let fits = self.entries.iter().filter_map(|entry| entry.table.fit(called).map(|fit| (fit, entry)));
        fits.reduce(|best, other| if other.0 > best.0 { other } else { best }).map(|(_, entry)| entry)
    }

    fn queues(&self) -> BTreeMap<QueueId, QueuePlan> {
        let plan = |q: &QueueTable| QueuePlan { title: q.spoken().to_owned(), otherwise: q.otherwise.clone(), hours: self.hours(q.hours.as_ref()) };
        self.tables.desk.queues.iter().map(|q| (QueueId::from(q.name.as_str()), plan(q))).collect()
    }

    fn agents(&self) -> BTreeMap<AgentId, AgentPlan> {
        let person = |a: &AgentTable| AgentPlan { title: a.spoken().to_owned(), picks_up: PicksUp::Somebody, is_heard_early: false };
        let acd = |a: &AcdTable| {
            let picks_up = match a.answers {
                AcdAnswers::Agent => PicksUp::Agent,
                AcdAnswers::Queue => PicksUp::Queue,
            };
            AgentPlan { title: a.spoken().to_owned(), picks_up, is_heard_early: a.is_heard_early() }
        };
        let desk = &self.tables.desk;
        let people = desk.agents.iter().map(|a| (AgentId::from(a.name.as_str()), person(a)));
        people.chain(desk.acds.iter().map(|a| (AgentId::from(a.name.as_str()), acd(a)))).collect()
    }

    fn hours(&self, name: Option<&String>) -> Option<HoursTable> {
        name.and_then(|name| self.tables.desk.hours.iter().find(|h| h.name == *name)).cloned()
    }

    fn built_in_music(&self, rate: Rate) -> Option<Arc<[i16]>> {
        self.music[band(rate)].get_or_init(|| decode_music(rate)).clone()
    }

    /// The entry's music, or the built-in one, at the call's rate.
    fn music(&self, entry: &EntryTable, rate: Rate) -> Arc<[i16]> {
        let named = entry.music.as_ref().and_then(|name| {
            let wording = Wording(vec![Phrase::Prompt { name: name.clone(), text: String::new() }]);
            self.voice.cached(&wording, &entry.language, rate)
        });
        named.or_else(|| self.built_in_music(rate)).unwrap_or_else(|| crate::sound::tone::comfort(rate))
    }
}

fn band(rate: Rate) -> usize {
    match rate {
        Rate::Hz8000 => 0,
        Rate::Hz16000 => 1,
    }
}

fn decode_music(rate: Rate) -> Option<Arc<[i16]>> {
    let source = Box::new(std::io::Cursor::new(HOLD_MUSIC));
    Recording::open_at(source, Some("flac"), ChannelChoice::Left, rate).ok()?.read_all(MUSIC_LIMIT).ok()
}

fn keep<T>(made: Result<T, Problems>, problems: &mut Problems) -> Option<T> {
    match made {
        Ok(value) => Some(value),
        Err(found) => {
            problems.0.extend(found.0);
            None
        }
    }
}

/// The triggers that an entry names, in the file's order; all of them if it names none.
fn in_force(triggers: &[TriggerTable], entry: &EntryTable) -> Vec<TriggerTable> {
    let is_named = |trigger: &&TriggerTable| entry.triggers.as_ref().is_none_or(|names| names.contains(&trigger.name));
    triggers.iter().filter(is_named).cloned().collect()
}

/// An engine, if it is configured and there; why it is not there is kept, once.
fn there<T: ?Sized>(opened: Opened<T>, missing: &mut Vec<Fault>) -> Option<Arc<T>> {
    for fault in opened.missing {
        if !missing.contains(&fault) {
            missing.push(fault);
        }
    }
    opened.engine
}

/// What callers say to this bot, and every phrase that a signal listens for.
fn sentences(tables: &KitTables, bot: Option<&dyn Bot>) -> Vec<String> {
    let mut sentences = heard_phrases(&tables.signals);
    sentences.extend(bot.map(Bot::vocabulary).unwrap_or_default());
    sentences
}
