//! Rules, compiled.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use cel::{Context, Env, Program, Value};

use super::check::Findings;
use super::facts::Facts;
use super::table::MAX_RULES;
use super::{Does, TriggerTable, WallFacts, check};
use crate::base::{CallId, Party, Pii, Problems, SignalKind, Time};
use crate::handoff::desk::QueueView;
use crate::handoff::dossier::{CallerData, Dossier};
use crate::handoff::template::{self, Part};
use crate::listen::types::{BotReport, Score, Signal, Understood};

/// Longest rule, in bytes.
const MAX_RULE_BYTES: usize = 4_000;

/// The rules of an entry, compiled once and shared by its calls.
pub struct Rules {
    pub(super) rules: Vec<Rule>,
    pub(super) env: Arc<Env>,
    /// Some rule looks at the list `signals`, which is dear to build.
    pub(super) lists_signals: bool,
}

/// One rule that is not off.
pub(super) struct Rule {
    /// Its place in the tables.
    pub(super) index: usize,
    pub(super) table: TriggerTable,
    pub(super) program: Program,
    pub(super) reason: Vec<Part>,
    /// The signals that may be its cause; empty for all.
    pub(super) kinds: BTreeSet<SignalKind>,
    pub(super) cooldown: Duration,
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.rules.iter().map(|r| &r.table)).finish()
    }
}

impl Rules {
    /// Compiles the rules; `key` is where they stand in the configuration (`trigger` gives `trigger[0].when`).
    ///
    /// # Errors
    /// Every mistake by its key.
    pub fn compile(tables: &[TriggerTable], key: &str) -> Result<Rules, Problems> {
        let mut problems = Problems::default();
        let env = Arc::new(Env::default().with_optional_support(false).with_stdlib());
        let parser = Env::stdlib().with_optional_support(false);
        let mut rules = Vec::new();
        let mut lists_signals = false;
        let mut names = BTreeSet::new();
        if tables.len() > MAX_RULES {
            problems.add(key, format!("has {} rules; at most {MAX_RULES} are considered", tables.len()));
        }
        for (index, table) in tables.iter().enumerate().take(MAX_RULES) {
            let key = format!("{key}[{index}]");
            table.check(&key, &mut problems);
            if !names.insert(table.name.as_str()) {
                problems.add(format!("{key}.name"), format!("`{}` is there twice", table.name));
            }
            match compile_rule(&table.when, &parser, &env) {
                Ok((program, found)) if table.does != Does::Off => {
                    lists_signals |= found.lists_signals;
                    rules.push(Rule {
                        index,
                        program,
                        reason: template::parse(&table.reason).unwrap_or_default(),
                        kinds: if table.kinds.is_empty() { found.kinds } else { table.kinds.iter().copied().collect() },
                        cooldown: Duration::try_from_secs_f64(table.cooldown_secs).unwrap_or_default(),
                        table: table.clone(),
                    });
                }
                Ok(_) => {}
                Err(mistakes) => mistakes.into_iter().for_each(|what| problems.add(format!("{key}.when"), what)),
            }
        }
        problems.or(Rules { rules, env, lists_signals })
    }

    /// Queues and notices that the rules name, each with the rule's place, for the configuration to check.
    pub fn names(&self) -> impl Iterator<Item = (usize, Option<&str>, Option<&str>)> {
        self.rules.iter().map(|r| (r.index, r.table.queue.as_deref(), r.table.notice.as_deref()))
    }
}

fn compile_rule(when: &str, parser: &Env, env: &Arc<Env>) -> Result<(Program, Findings), Vec<String>> {
    if when.len() > MAX_RULE_BYTES {
        return Err(vec![format!("is {} bytes long; at most {MAX_RULE_BYTES}", when.len())]);
    }
    let program = parser.compile(when).map_err(|errors| {
        let place = |e: &cel::ParseError| format!("line {}, column {}: {}", e.pos.0, e.pos.1, e.msg.lines().next().unwrap_or("is no expression"));
        errors.errors.iter().map(place).collect::<Vec<_>>()
    })?;
    let mut findings = check::look_through(program.expression());
    if findings.mistakes.is_empty() {
        for context in sample_contexts(env) {
            check::try_out(program.expression(), &context, &mut findings.mistakes);
        }
    }
    if findings.mistakes.is_empty() { Ok((program, findings)) } else { Err(findings.mistakes) }
}

/// A call that has just begun, and one of which much is known.
fn sample_contexts(env: &Arc<Env>) -> Vec<Context<'static, 'static>> {
    let caller = CallerData {
        call: CallId(uuid::Uuid::nil()),
        entry: "main".into(),
        called: "1000".into(),
        caller: Some(Pii("2000".into())),
        language: "en-US".into(),
        data: BTreeMap::new(),
    };
    let young = Dossier::new(caller, Time::ZERO);
    let mut old = young.clone();
    for (n, kind) in SignalKind::ALL.into_iter().enumerate() {
        let at = Time::from_millis(1_000 * n as u64);
        old.on_turn(Party::Caller, at, at, Some("hello"), None);
        let why = "heard".to_owned();
        old.on_signal(&Signal { kind, start: at, end: at, value: 1.0, unit: "count", weight: 0.5, why, turn: Some(n as u32) });
    }
    let now = Time::from_millis(30_000);
    old.on_score(&Score { score: 0.9, parts: BTreeMap::from([(SignalKind::Repeat, 0.9)]) }, now);
    old.on_bot(&BotReport { turn: Some(1), understood: Understood::NoMatch, intent: Some("order".into()), ..BotReport::default() }, now);
    let wall = WallFacts { hour: 10, minute: 0, weekday: 2, open: true };
    let idle = QueueView::default();
    let busy = QueueView { on_duty: 3, available: 1, waiting: 2, expected_wait_s: Some(60.0) };
    let samples = [(&young, &idle, Time::ZERO), (&old, &busy, now)];
    samples.into_iter().filter_map(|(dossier, desk, now)| Facts { dossier, desk, wall, now }.context(Arc::clone(env), true).ok()).collect()
}

impl Rule {
    /// True if the rule asks for a person now.
    ///
    /// # Errors
    /// Why it can't be told, in words that hold none of the caller's.
    pub(super) fn holds(&self, context: &Context<'_, '_>) -> Result<bool, String> {
        match self.program.execute(context) {
            Ok(Value::Bool(holds)) => Ok(holds),
            Ok(other) => Err(format!("gives a {} where true or false is needed", other.type_of())),
            Err(error) => Err(check::plain(&error)),
        }
    }
}
