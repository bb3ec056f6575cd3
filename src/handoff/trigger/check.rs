//! Checks of a rule before it is used: every name known, nothing that depends on the order of a map, true or false.

use std::collections::BTreeSet;

use cel::common::ast::{CallExpr, ComprehensionExpr, Expr, IdedExpr, LiteralValue, operators};
use cel::{Context, ExecutionError, Value};

use super::facts::{FUNCTIONS, SIGNAL_FIELDS, SIGNAL_FUNCTIONS, VARIABLES, kind_named};
use crate::base::SignalKind;

/// Operators that a rule may use.
const OPERATORS: [&str; 17] = [
    operators::CONDITIONAL,
    operators::LOGICAL_AND,
    operators::LOGICAL_OR,
    operators::LOGICAL_NOT,
    operators::SUBSTRACT,
    operators::ADD,
    operators::MULTIPLY,
    operators::DIVIDE,
    operators::MODULO,
    operators::EQUALS,
    operators::NOT_EQUALS,
    operators::GREATER_EQUALS,
    operators::LESS_EQUALS,
    operators::GREATER,
    operators::LESS,
    operators::NEGATE,
    operators::IN,
];

/// How deep `all`, `exists` and their like may stand in each other: each level multiplies the work.
const MAX_NESTED: usize = 2;

/// What a walk through a rule found.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// What is wrong, in words.
    pub(super) mistakes: Vec<String>,
    /// The signals that the rule names.
    pub(super) kinds: BTreeSet<SignalKind>,
    /// It looks at the list `signals` itself, not only through the functions.
    pub(super) lists_signals: bool,
}

/// Names inside a comprehension.
#[derive(Clone, Copy)]
struct Bound<'a> {
    name: &'a str,
    is_signal: bool,
    outer: Option<&'a Bound<'a>>,
}

impl Bound<'_> {
    fn find<'a>(scope: Option<&'a Bound<'a>>, name: &str) -> Option<&'a Bound<'a>> {
        std::iter::successors(scope, |b| b.outer).find(|b| b.name == name)
    }
}

/// Looks at every name in a rule.
pub(super) fn look_through(rule: &IdedExpr) -> Findings {
    let mut findings = Findings::default();
    findings.visit(rule, None);
    findings
}

impl Findings {
    fn wrong(&mut self, what: String) {
        if !self.mistakes.contains(&what) {
            self.mistakes.push(what);
        }
    }

    fn visit(&mut self, node: &IdedExpr, scope: Option<&Bound<'_>>) {
        match &node.expr {
            Expr::Unspecified => self.wrong("has an empty part".into()),
            Expr::Literal(literal) => {
                if let LiteralValue::String(text) = literal {
                    self.kinds.extend(kind_named(text.inner()));
                }
            }
            Expr::Ident(name) => {
                self.lists_signals |= name == "signals";
                if Bound::find(scope, name).is_none() && !VARIABLES.iter().any(|(v, _)| v == name) {
                    let known = VARIABLES.map(|(v, _)| v).join(", ");
                    self.wrong(format!("`{name}` is unknown; expected one of {known}"));
                }
            }
            Expr::List(list) => list.elements.iter().for_each(|e| self.visit(e, scope)),
            Expr::Select(select) => {
                self.visit_field(&select.operand, &select.field, scope);
                self.visit(&select.operand, scope);
            }
            Expr::Call(call) => self.visit_call(call, scope),
            Expr::Comprehension(each) => self.visit_comprehension(each, scope),
            Expr::Map(_) | Expr::Struct(_) => self.wrong("makes a map; a rule may only read the ones that there are".into()),
        }
    }

    fn visit_field(&mut self, operand: &IdedExpr, field: &str, scope: Option<&Bound<'_>>) {
        let known: &[&str] = match &operand.expr {
            Expr::Ident(name) => match Bound::find(scope, name) {
                Some(bound) if bound.is_signal => SIGNAL_FIELDS,
                Some(_) => return,
                None => match VARIABLES.iter().find(|(v, _)| v == name) {
                    Some((_, [])) | None => return,
                    Some((_, fields)) => fields,
                },
            },
            Expr::Call(call) if call.func_name == operators::INDEX && call.args.first().is_some_and(is_signals) => SIGNAL_FIELDS,
            _ => return,
        };
        if !known.contains(&field) {
            self.wrong(format!("`.{field}` is unknown; expected one of {}", known.join(", ")));
        }
    }

    fn visit_call(&mut self, call: &CallExpr, scope: Option<&Bound<'_>>) {
        let name = call.func_name.as_str();
        if SIGNAL_FUNCTIONS.contains(&name) {
            self.visit_signal_function(call);
        } else if [operators::EQUALS, operators::NOT_EQUALS].contains(&name) {
            self.visit_kind_comparison(call);
        } else if !OPERATORS.contains(&name) && !FUNCTIONS.contains(&name) && name != operators::INDEX && name != operators::NOT_STRICTLY_FALSE {
            let known = SIGNAL_FUNCTIONS.iter().chain(&FUNCTIONS).copied().collect::<Vec<_>>().join(", ");
            self.wrong(format!("`{name}` is no function here; expected one of {known}"));
        }
        call.target.iter().for_each(|t| self.visit(t, scope));
        call.args.iter().for_each(|a| self.visit(a, scope));
    }

    /// `recent("repeat", 30)`: the first argument is checked now, so that no typing mistake silently never fires.
    fn visit_signal_function(&mut self, call: &CallExpr) {
        let name = &call.func_name;
        let [kinds, _] = call.args.as_slice() else {
            return self.wrong(format!("`{name}` takes two arguments, a signal (or a list of signals) and a number"));
        };
        let kinds = match &kinds.expr {
            Expr::List(list) => list.elements.as_slice(),
            _ => std::slice::from_ref(kinds),
        };
        for kind in kinds {
            match literal_text(kind) {
                Some(text) if kind_named(text).is_none() => self.wrong(no_such_kind(text)),
                Some(_) => {}
                None => self.wrong(format!("the first argument of `{name}` must be a signal's name in quotes, or a list of such")),
            }
        }
    }

    /// `s.kind == "repeat"`
    fn visit_kind_comparison(&mut self, call: &CallExpr) {
        let is_kind = |e: &IdedExpr| matches!(&e.expr, Expr::Select(s) if s.field == "kind");
        if call.args.iter().any(is_kind)
            && let Some(text) = call.args.iter().find_map(literal_text)
            && kind_named(text).is_none()
        {
            self.wrong(no_such_kind(text));
        }
    }

    fn visit_comprehension(&mut self, each: &ComprehensionExpr, scope: Option<&Bound<'_>>) {
        if !is_list(&each.iter_range) || each.iter_var2.is_some() {
            self.wrong("goes through something that is no list; only `signals` and lists in brackets have an order".into());
        }
        // Each level binds two names: the item and what is gathered.
        if std::iter::successors(scope, |b| b.outer).count() >= 2 * MAX_NESTED {
            return self.wrong(format!("goes through lists within lists more than {MAX_NESTED} deep"));
        }
        self.visit(&each.iter_range, scope);
        self.visit(&each.accu_init, scope);
        let item = Bound { name: &each.iter_var, is_signal: ranges_over_signals(&each.iter_range), outer: scope };
        let inner = Bound { name: &each.accu_var, is_signal: false, outer: Some(&item) };
        for part in [&each.loop_cond, &each.loop_step, &each.result] {
            self.visit(part, Some(&inner));
        }
    }
}

fn no_such_kind(text: &str) -> String {
    let known = SignalKind::ALL.map(SignalKind::name).join(", ");
    format!("there is no signal `{text}`; expected one of {known}")
}

fn literal_text(node: &IdedExpr) -> Option<&str> {
    match &node.expr {
        Expr::Literal(LiteralValue::String(text)) => Some(text.inner()),
        _ => None,
    }
}

fn is_signals(node: &IdedExpr) -> bool {
    matches!(&node.expr, Expr::Ident(name) if name == "signals")
}

fn is_list(node: &IdedExpr) -> bool {
    match &node.expr {
        Expr::List(_) => true,
        Expr::Comprehension(each) => matches!(each.accu_init.expr, Expr::List(_)) && is_list(&each.iter_range),
        _ => is_signals(node),
    }
}

/// True for `signals`, and for `signals.filter(…)`, whose items are signals still.
fn ranges_over_signals(node: &IdedExpr) -> bool {
    let keeps_items = |each: &ComprehensionExpr| {
        let Expr::Call(step) = &each.loop_step.expr else { return false };
        let adds_item = |e: &IdedExpr| matches!(&e.expr, Expr::List(l) if matches!(l.elements.as_slice(), [IdedExpr { expr: Expr::Ident(n), .. }] if *n == each.iter_var));
        step.args.iter().any(|a| matches!(&a.expr, Expr::Call(add) if add.args.iter().any(adds_item)))
    };
    match &node.expr {
        Expr::Comprehension(each) => keeps_items(each) && ranges_over_signals(&each.iter_range),
        _ => is_signals(node),
    }
}

/// Evaluates each side of the rule's `&&`, `||`, `!` and `? :` by itself, so that a mistake on a side that is not
/// reached shows as well.
pub(super) fn try_out(rule: &IdedExpr, context: &Context<'_, '_>, mistakes: &mut Vec<String>) {
    if let Expr::Call(call) = &rule.expr
        && [operators::LOGICAL_AND, operators::LOGICAL_OR, operators::LOGICAL_NOT, operators::CONDITIONAL].contains(&call.func_name.as_str())
    {
        return call.args.iter().for_each(|arg| try_out(arg, context, mistakes));
    }
    let mistake = match Value::resolve(rule, context) {
        Ok(Value::Bool(_)) => return,
        Ok(other) => format!("gives a {} where true or false is needed", other.type_of()),
        Err(error) if depends_on_the_call(&error) => return,
        Err(error) => plain(&error),
    };
    if !mistakes.contains(&mistake) {
        mistakes.push(mistake);
    }
}

/// True for what can go well in another call: a key of caller data that this one lacks, an empty list.
fn depends_on_the_call(error: &ExecutionError) -> bool {
    matches!(
        error,
        ExecutionError::NoSuchKey(_)
            | ExecutionError::IndexOutOfBounds(_)
            | ExecutionError::DivisionByZero(_)
            | ExecutionError::RemainderByZero(_)
            | ExecutionError::Overflow(..)
    )
}

/// An error in words that hold none of the caller's.
pub(super) fn plain(error: &ExecutionError) -> String {
    match error {
        ExecutionError::NoSuchKey(key) => format!("there is no `{key}` here; ask `has(…)` first"),
        ExecutionError::UndeclaredReference(name) => format!("`{name}` is unknown"),
        ExecutionError::NoSuchOverload(what) => what.to_string(),
        ExecutionError::FunctionError { function, message } => format!("`{function}`: {message}"),
        ExecutionError::InvalidArgumentCount { expected, actual } => format!("takes {expected} arguments, not {actual}"),
        ExecutionError::DivisionByZero(_) | ExecutionError::RemainderByZero(_) => "divides by zero".into(),
        ExecutionError::IndexOutOfBounds(_) => "asks for an item that a list does not have".into(),
        ExecutionError::ValuesNotComparable(..) => "compares things of different types".into(),
        _ => "mixes types that don't go together".into(),
    }
}
