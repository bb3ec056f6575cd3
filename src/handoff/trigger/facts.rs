//! What a rule may know: its variables and functions.
//!
//! Lists are sorted by time. Maps are only ever looked up by key, for the library's maps have no order
//! ([`check`](super::check) refuses to go through them).

use std::sync::Arc;

use cel::{Context, Env, ExecutionError, Value};
use serde::Serialize;

use super::WallFacts;
use crate::base::{SignalKind, Time};
use crate::handoff::desk::QueueView;
use crate::handoff::dossier::Dossier;
use crate::listen::types::Signal;

/// Variables and, where they have any, their fields.
pub(super) const VARIABLES: [(&str, &[&str]); 7] = [
    ("score", &[]),
    ("signals", &[]),
    ("bot", BOT_FIELDS),
    ("desk", &["on_duty", "available", "waiting", "expected_wait_s"]),
    ("time", &["hour", "minute", "weekday", "open"]),
    ("caller", &["number", "called", "entry", "language", "data"]),
    ("call", &["age_s", "turns", "handoffs"]),
];
const BOT_FIELDS: &[&str] =
    &["intent", "topic", "question", "turns", "turns_without_progress", "failures", "no_match", "no_input", "errors", "wants_person"];
/// Fields of one of `signals`.
pub(super) const SIGNAL_FIELDS: &[&str] = &["kind", "age_s", "start_s", "end_s", "value", "weight", "turn", "why"];
/// Functions over signals; each takes a kind (or a list of kinds) and a number.
pub(super) const SIGNAL_FUNCTIONS: [&str; 3] = ["recent", "turns_with", "apart"];
/// Functions of the language that a rule may use beside its operators.
pub(super) const FUNCTIONS: [&str; 9] = ["size", "contains", "startsWith", "endsWith", "matches", "int", "uint", "double", "string"];
/// The latest signals are in the list `signals`; the functions see all.
const SIGNALS_IN_LIST: usize = 64;
/// Stands for a turn, or a wait, that is not known.
const UNKNOWN: i64 = -1;

/// The state of things when a rule is evaluated.
pub(super) struct Facts<'a> {
    pub(super) dossier: &'a Dossier,
    pub(super) desk: &'a QueueView,
    pub(super) wall: WallFacts,
    pub(super) now: Time,
}

#[derive(Serialize)]
struct SignalFact {
    kind: &'static str,
    age_s: f64,
    start_s: f64,
    end_s: f64,
    value: f64,
    weight: f64,
    turn: i64,
    why: String,
}

#[derive(Serialize)]
struct BotFact<'a> {
    intent: &'a str,
    topic: &'a str,
    question: &'a str,
    turns: i64,
    turns_without_progress: i64,
    failures: i64,
    no_match: i64,
    no_input: i64,
    errors: i64,
    wants_person: bool,
}

#[derive(Serialize)]
struct DeskFact {
    on_duty: i64,
    available: i64,
    waiting: i64,
    expected_wait_s: f64,
}

#[derive(Serialize)]
struct TimeFact {
    hour: i64,
    minute: i64,
    weekday: i64,
    open: bool,
}

#[derive(Serialize)]
struct CallerFact<'a> {
    number: &'a str,
    called: &'a str,
    entry: &'a str,
    language: &'a str,
    data: &'a std::collections::BTreeMap<String, String>,
}

#[derive(Serialize)]
struct CallFact {
    age_s: f64,
    turns: i64,
    handoffs: i64,
}

/// A signal as the functions see it.
struct Mark {
    kind: SignalKind,
    age_s: f64,
    start_s: f64,
    turn: Option<u32>,
}

impl Facts<'_> {
    /// A context in which rules can be evaluated; the list `signals` is dear to build, and empty unless asked for.
    ///
    /// # Errors
    /// What the library could not take, which would be a mistake of ours.
    pub(super) fn context(&self, env: Arc<Env>, with_signals: bool) -> Result<Context<'static, 'static>, String> {
        let mut context = Context::with_env(env);
        let mut put = |name: &str, value: Result<Value, cel::SerializationError>| match value {
            Ok(value) => {
                context.add_variable_from_value(name, value);
                Ok(())
            }
            Err(error) => Err(format!("`{name}`: {error}")),
        };
        put("score", cel::to_value(self.dossier.score().score))?;
        put("signals", cel::to_value(if with_signals { self.signals() } else { Vec::new() }))?;
        put("bot", cel::to_value(self.bot()))?;
        put("desk", cel::to_value(self.desk()))?;
        put("time", cel::to_value(self.time()))?;
        put("caller", cel::to_value(self.caller()))?;
        put("call", cel::to_value(self.call()))?;
        self.add_functions(&mut context).map_err(|e| e.to_string())?;
        Ok(context)
    }

    fn signals(&self) -> Vec<SignalFact> {
        let fact = |s: &Signal| SignalFact {
            kind: s.kind.name(),
            age_s: self.now.since(s.end).as_secs_f64(),
            start_s: s.start.as_secs_f64(),
            end_s: s.end.as_secs_f64(),
            value: s.value,
            weight: s.weight,
            turn: s.turn.map_or(UNKNOWN, i64::from),
            why: s.why.clone(),
        };
        let mut latest: Vec<SignalFact> = self.dossier.signals().rev().take(SIGNALS_IN_LIST).map(fact).collect();
        latest.reverse();
        latest
    }

    fn bot(&self) -> BotFact<'_> {
        let bot = self.dossier.bot();
        BotFact {
            intent: bot.intent.as_deref().unwrap_or_default(),
            topic: bot.topic.as_deref().unwrap_or_default(),
            question: bot.question.as_deref().unwrap_or_default(),
            turns: bot.turns.into(),
            turns_without_progress: bot.turns_without_progress.into(),
            failures: bot.failures.into(),
            no_match: bot.no_match.into(),
            no_input: bot.no_input.into(),
            errors: bot.errors.into(),
            wants_person: bot.wants_person.is_some(),
        }
    }

    fn desk(&self) -> DeskFact {
        DeskFact {
            on_duty: self.desk.on_duty.into(),
            available: self.desk.available.into(),
            waiting: self.desk.waiting.into(),
            expected_wait_s: self.desk.expected_wait_s.unwrap_or(UNKNOWN as f64),
        }
    }

    fn time(&self) -> TimeFact {
        TimeFact { hour: self.wall.hour.into(), minute: self.wall.minute.into(), weekday: self.wall.weekday.into(), open: self.wall.open }
    }

    fn caller(&self) -> CallerFact<'_> {
        let caller = self.dossier.caller();
        CallerFact {
            number: caller.caller.as_ref().map_or("", |c| c.0.as_str()),
            called: &caller.called,
            entry: &caller.entry,
            language: &caller.language,
            data: &caller.data,
        }
    }

    fn call(&self) -> CallFact {
        CallFact {
            age_s: self.now.since(self.dossier.began()).as_secs_f64(),
            turns: self.dossier.caller_turns().into(),
            handoffs: self.dossier.handoffs().into(),
        }
    }

    fn add_functions(&self, context: &mut Context<'static, 'static>) -> Result<(), cel::DeclarationError> {
        let mark = |s: &Signal| Mark { kind: s.kind, age_s: self.now.since(s.end).as_secs_f64(), start_s: s.start.as_secs_f64(), turn: s.turn };
        let marks: Arc<[Mark]> = self.dossier.signals().map(mark).collect();
        let latest = self.dossier.latest_turn();
        let of = Arc::clone(&marks);
        context.add_function("recent", move |kinds: Value, secs: Value| recent(&of, &kinds, &secs))?;
        let of = Arc::clone(&marks);
        context.add_function("turns_with", move |kinds: Value, turns: Value| turns_with(&of, latest, &kinds, &turns))?;
        context.add_function("apart", move |kinds: Value, secs: Value| apart(&marks, &kinds, &secs))
    }
}

/// How many signals of these kinds ended in the last so many s.
fn recent(marks: &[Mark], kinds: &Value, secs: &Value) -> Result<i64, ExecutionError> {
    let (kinds, secs) = (kinds_of("recent", kinds)?, number_of("recent", secs)?);
    Ok(marks.iter().filter(|m| kinds.contains(&m.kind) && m.age_s <= secs).count() as i64)
}

/// In how many of the caller's last so many turns there were signals of these kinds.
fn turns_with(marks: &[Mark], latest: Option<u32>, kinds: &Value, turns: &Value) -> Result<i64, ExecutionError> {
    let (kinds, turns) = (kinds_of("turns_with", kinds)?, number_of("turns_with", turns)?);
    let Some(latest) = latest else { return Ok(0) };
    let among = |turn: &u32| f64::from(latest.saturating_sub(*turn)) < turns;
    let with: std::collections::BTreeSet<u32> = marks.iter().filter(|m| kinds.contains(&m.kind)).filter_map(|m| m.turn).filter(among).collect();
    Ok(with.len() as i64)
}

/// True if two signals of these kinds in the caller's latest such turn began at least so many s apart.
fn apart(marks: &[Mark], kinds: &Value, secs: &Value) -> Result<bool, ExecutionError> {
    let (kinds, secs) = (kinds_of("apart", kinds)?, number_of("apart", secs)?);
    let hits = || marks.iter().filter(|m| kinds.contains(&m.kind));
    let Some(turn) = hits().filter_map(|m| m.turn).max() else { return Ok(false) };
    let starts = || hits().filter(|m| m.turn == Some(turn)).map(|m| m.start_s);
    let first = starts().fold(f64::INFINITY, f64::min);
    let last = starts().fold(f64::NEG_INFINITY, f64::max);
    Ok(last - first >= secs)
}

/// The kind of this name.
pub(super) fn kind_named(name: &str) -> Option<SignalKind> {
    SignalKind::ALL.into_iter().find(|k| k.name() == name)
}

fn kinds_of(function: &str, value: &Value) -> Result<Vec<SignalKind>, ExecutionError> {
    let one = |value: &Value| match value {
        Value::String(name) => kind_named(name).ok_or_else(|| ExecutionError::function_error(function, "no signal of that name")),
        _ => Err(ExecutionError::function_error(function, "the first argument names a signal, or lists some")),
    };
    match value {
        Value::List(list) => list.iter().map(one).collect(),
        value => Ok(vec![one(value)?]),
    }
}

fn number_of(function: &str, value: &Value) -> Result<f64, ExecutionError> {
    match value {
        Value::Int(n) => Ok(*n as f64),
        Value::UInt(n) => Ok(*n as f64),
        Value::Float(n) => Ok(*n),
        _ => Err(ExecutionError::function_error(function, "the second argument is a number")),
    }
}
