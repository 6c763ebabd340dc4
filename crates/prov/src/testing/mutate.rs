//! Which changes to a policy no test notices: one change at a time, in the text, checked and run like any policy.
//! Invariant: a change that does not check, or that leaves the rule program as it is, is not held against the tests.

use super::{Options, Snapshots, carry_out, id};
use crate::error::Error;
use crate::policy::{Policy, TestSet};
use prov_compile::Module;
use prov_diag::{Diagnostic, Span};
use prov_syntax::ast::{
    Account, AppMember, BinaryOp, EntRef, Expr, ExprKind, Grant, Item, ItemKind, Member, StrPart, TypeKind,
};
use rayon::prelude::*;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;

/// A change of a policy, and what became of it.
#[derive(Clone, Debug)]
pub struct Mutant {
    /// Its file.
    pub file: String,
    /// Its line, from 1.
    pub line: u32,
    /// Its column, from 1.
    pub column: u32,
    /// What is done: `drop an operand`, `remove a grant` …
    pub what: &'static str,
    /// The text as it stands.
    pub before: String,
    /// The text in its place; empty where it is taken away.
    pub after: String,
    /// What became of it.
    pub fate: Fate,
}

/// What became of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The test of this id failed.
    Caught(String),
    /// All tests passed.
    Missed,
    /// It does not check, or changes nothing.
    Skipped,
}

/// A change that may be made.
struct Change {
    span: Span,
    what: &'static str,
    text: String,
}

/// Tries every change on the tests; the outcome is in order of place.
///
/// # Errors
/// [`Error::Input`] where the tests fail already, or there are none.
pub fn mutate(policy: &Policy, options: &Options) -> Result<Vec<Mutant>, Error> {
    let run =
        super::run(policy, &Options { snapshots: Snapshots::Compare, coverage: false, ..options.clone() });
    if run.results.is_empty() || !run.passed() {
        let what = if run.results.is_empty() { "there is no test" } else { "a test fails already" };
        return Err(Error::input(
            format!("{what}: nothing can be said of what the tests notice"),
            "see `prov test`; then mutate again",
        ));
    }
    let mut seeker = Seeker { policy, variants: variants(policy), changes: Vec::new() };
    policy.0.modules.iter().flat_map(|m| &m.file.items).for_each(|item| seeker.item(item));
    let mut changes = seeker.changes;
    changes.sort_by(|a, b| (a.span, a.what, &a.text).cmp(&(b.span, b.what, &b.text)));
    changes.dedup_by(|a, b| a.span == b.span && a.text == b.text);
    let before = policy.print_ir();
    let work = || changes.par_iter().map(|change| try_out(policy, change, &before, options)).collect();
    Ok(match options.threads.map(|n| rayon::ThreadPoolBuilder::new().num_threads(n).build()) {
        Some(Ok(pool)) => pool.install(work),
        Some(Err(_)) | None => work(),
    })
}

fn try_out(policy: &Policy, change: &Change, before: &str, options: &Options) -> Mutant {
    let sources = policy.sources();
    let (file, start) = (sources.get(change.span.source).name.clone(), sources.start(change.span));
    let fate = match changed(policy, change) {
        Some(mutant) if mutant.print_ir() != before => {
            let wanted = |t: &&prov_compile::testing::Test| {
                let id = id(&mutant.sources().get(t.head.source).name, &t.name);
                options.filter.as_ref().is_none_or(|f| id.contains(f.as_str()))
            };
            let mut tests = mutant.0.tests.tests.iter().filter(wanted);
            let engine = super::world::of_tests(&mutant);
            let options = &Options { snapshots: Snapshots::Compare, ..options.clone() };
            let caught = tests.find(|t| !carry_out(&engine, t, options, &mut None).is_empty());
            caught.map_or(Fate::Missed, |t| {
                Fate::Caught(id(&mutant.sources().get(t.head.source).name, &t.name))
            })
        }
        Some(_) | None => Fate::Skipped,
    };
    let short = |text: &str| {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if text.chars().count() > 80 { text.chars().take(79).chain(['…']).collect() } else { text }
    };
    Mutant {
        file,
        line: start.line,
        column: start.column,
        what: change.what,
        before: short(sources.text(change.span)),
        after: short(&change.text),
        fate,
    }
}

/// The policy with a change; nothing where it does not check.
fn changed(policy: &Policy, change: &Change) -> Option<Policy> {
    let mut sources = policy.sources().clone();
    let old = sources.get(change.span.source);
    let (name, mut text) = (old.name.clone(), old.text.to_string());
    text.replace_range(change.span.start as usize..change.span.end as usize, &change.text);
    let source = sources.add(name, text.as_str());
    let (file, found) = prov_syntax::parse(source, &text);
    if found.iter().any(Diagnostic::is_error) {
        return None;
    }
    let mut modules: Vec<Module> = policy.0.modules.to_vec();
    let module = modules.iter_mut().find(|m| m.source == change.span.source)?;
    (module.source, module.file) = (source, file);
    let checked = prov_compile::check(modules.clone(), &mut sources, &policy.0.options);
    let program = Arc::new(checked.program?);
    let tests = Arc::new(TestSet::from(checked.tests?));
    let inner =
        crate::policy::Inner { sources, modules: Arc::new(modules), program, tests, ..(*policy.0).clone() };
    Some(Policy(Arc::new(inner)))
}

/// The lists of words of which an expression may name one: enums and states.
fn variants(policy: &Policy) -> Vec<Vec<String>> {
    let mut lists = BTreeSet::new();
    for item in policy.0.modules.iter().flat_map(|m| &m.file.items) {
        match &item.kind {
            ItemKind::Identity { attributes, .. } | ItemKind::Record { fields: attributes, .. } => {
                lists.extend(attributes.iter().filter_map(|a| match &a.ty.kind {
                    TypeKind::Enum(names) => Some(names.iter().map(|n| n.text.clone()).collect()),
                    TypeKind::Named(_) | TypeKind::Set(_) | TypeKind::List(_) => None,
                }));
            }
            ItemKind::Lifecycle { states, .. } => {
                lists.insert(states.iter().map(|s| s.name.text.clone()).collect());
            }
            ItemKind::App(app) => {
                let kinds = app.members.iter().filter_map(|m| match m {
                    AppMember::Entitlement(e) => Some(&e.types),
                    AppMember::Account(_) | AppMember::Managed { .. } => None,
                });
                lists.extend(kinds.flatten().filter_map(|t| match &t.kind {
                    TypeKind::Enum(names) => Some(names.iter().map(|n| n.text.clone()).collect()),
                    TypeKind::Named(_) | TypeKind::Set(_) | TypeKind::List(_) => None,
                }));
            }
            _ => {}
        }
    }
    lists.into_iter().filter(|list: &Vec<String>| list.len() > 1).collect()
}

struct Seeker<'a> {
    policy: &'a Policy,
    variants: Vec<Vec<String>>,
    changes: Vec<Change>,
}

impl Seeker<'_> {
    fn text(&self, span: Span) -> &str {
        self.policy.sources().text(span)
    }

    fn add(&mut self, span: Span, what: &'static str, text: impl Into<String>) {
        self.changes.push(Change { span, what, text: text.into() });
    }

    /// Applies what is observed.
    fn stages(&mut self, annotations: &[prov_syntax::ast::Annotation]) {
        for stage in annotations.iter().filter(|a| a.name.text == "stage") {
            self.add(stage.span, "apply what is observed", "");
        }
    }

    fn item(&mut self, item: &Item) {
        self.stages(&item.annotations);
        match &item.kind {
            ItemKind::Lifecycle { states, .. } => {
                for state in states {
                    state.when.iter().for_each(|c| self.whole(c));
                    for verb in &state.verbs {
                        self.add(verb.span, "remove a verb", "");
                        verb.after.iter().for_each(|d| self.expr(d));
                    }
                }
            }
            ItemKind::App(app) => {
                for member in &app.members {
                    if let AppMember::Account(account) = member {
                        self.account(account);
                    }
                }
            }
            ItemKind::Birthright { when, body, .. } => {
                when.iter().for_each(|c| self.whole(c));
                self.members(body);
            }
            ItemKind::Role(role) => {
                role.when.iter().for_each(|c| self.whole(c));
                if let Some(r) = &role.requestable {
                    r.when.iter().for_each(|c| self.whole(c));
                    r.at_most.iter().chain(&r.approved_by).for_each(|e| self.expr(e));
                }
                self.members(&role.body);
            }
            ItemKind::Forbid { when, .. } => {
                self.add(item.span, "remove a forbid", "");
                when.iter().for_each(|c| self.whole(c));
            }
            ItemKind::Separate(_) => self.add(item.span, "remove a separation", ""),
            ItemKind::Protect(_) => self.add(item.span, "remove a protection", ""),
            ItemKind::Limit { .. } => self.add(item.span, "remove a limit", ""),
            ItemKind::Let { value, .. } => self.expr(value),
            ItemKind::Fn { body, .. } => self.expr(body),
            ItemKind::Use { .. }
            | ItemKind::Timezone(_)
            | ItemKind::Identity { .. }
            | ItemKind::Record { .. }
            | ItemKind::Source(_)
            | ItemKind::Table { .. }
            | ItemKind::Guard(_)
            | ItemKind::Federation(_)
            | ItemKind::Login { .. }
            | ItemKind::Writeback { .. }
            | ItemKind::Prove { .. }
            | ItemKind::Test { .. } => {}
        }
    }

    fn account(&mut self, account: &Account) {
        account.when.iter().for_each(|c| self.whole(c));
        for field in &account.fields {
            match field.assign.name.text.as_str() {
                "enabled" => self.whole(&field.assign.value),
                _ => self.expr(&field.assign.value),
            }
        }
    }

    fn members(&mut self, body: &[Member]) {
        for member in body {
            match member {
                Member::Includes { span, roles } => {
                    let spans: Vec<Span> = roles.iter().map(|r| r.span).collect();
                    self.remove_one(*span, &spans, "remove an included role");
                }
                Member::Grant(grant) => self.grant(grant),
                Member::Each { list, filter, body, .. } => {
                    self.expr(list);
                    filter.iter().for_each(|c| self.whole(c));
                    self.members(body);
                }
            }
        }
    }

    fn grant(&mut self, grant: &Grant) {
        let spans: Vec<Span> = grant.entitlements.iter().map(|e| e.span).collect();
        self.remove_one(grant.span, &spans, "remove a grant");
        self.stages(&grant.annotations);
        for EntRef { args, .. } in &grant.entitlements {
            args.iter().for_each(|a| self.expr(&a.value));
        }
        grant.when.iter().for_each(|c| self.whole(c));
        for (clause, word) in [(&grant.from, "from"), (&grant.keep, "keep")] {
            if let Some(e) = clause {
                self.clause(grant.span, e.span, word);
                self.expr(e);
            }
        }
        if let Some(until) = &grant.until {
            self.clause(grant.span, until.date.span, if until.inclusive { "through" } else { "until" });
            self.expr(&until.date);
        }
    }

    /// Takes a clause away, its word included.
    fn clause(&mut self, whole: Span, value: Span, word: &str) {
        let before = self.text(Span { end: value.start, ..whole });
        let Some(at) = before.rfind(word) else { return };
        self.add(Span { start: whole.start + at as u32, ..value }, "remove a clause", "");
    }

    /// Takes one of a list away, or all that it is in where it is the only one.
    fn remove_one(&mut self, whole: Span, spans: &[Span], what: &'static str) {
        let (Some(first), Some(last)) = (spans.first(), spans.last()) else { return };
        if spans.len() == 1 {
            return self.add(whole, what, "");
        }
        for left_out in spans {
            let rest: Vec<&str> = spans.iter().filter(|s| *s != left_out).map(|s| self.text(*s)).collect();
            let text = rest.join(", ");
            self.add(first.to(*last), what, text);
        }
    }

    /// A condition as a whole.
    fn whole(&mut self, c: &Expr) {
        self.add(c.span, "remove a condition", "true");
        let negated = format!("not ({})", self.text(c.span));
        self.add(c.span, "negate a condition", negated);
        self.expr(c);
    }

    fn expr(&mut self, e: &Expr) {
        let span = e.span;
        match &e.kind {
            ExprKind::Binary(a, op @ (BinaryOp::And | BinaryOp::Or), _, b) => {
                let mut operands = vec![b.as_ref()];
                let mut left = a.as_ref();
                while let ExprKind::Binary(x, o, _, y) = &left.kind
                    && o == op
                {
                    operands.push(y);
                    left = x;
                }
                operands.push(left);
                operands.reverse();
                let word = if *op == BinaryOp::And { " and " } else { " or " };
                for i in 0..operands.len() {
                    let rest = operands.iter().enumerate().filter(|(n, _)| *n != i);
                    let rest: Vec<&str> = rest.map(|(_, o)| self.text(o.span)).collect();
                    let text = rest.join(word);
                    self.add(span, "drop an operand", text);
                }
                operands.into_iter().for_each(|o| self.expr(o));
            }
            ExprKind::Binary(a, op, op_span, b) => {
                let others: &[&str] = match op {
                    BinaryOp::Eq => &["!="],
                    BinaryOp::Ne => &["=="],
                    BinaryOp::Lt => &["<=", ">="],
                    BinaryOp::Le => &["<", ">"],
                    BinaryOp::Gt => &[">=", "<="],
                    BinaryOp::Ge => &[">", "<"],
                    BinaryOp::Add => &["-"],
                    BinaryOp::Sub => &["+"],
                    BinaryOp::Contains
                    | BinaryOp::StartsWith
                    | BinaryOp::EndsWith
                    | BinaryOp::Coalesce
                    | BinaryOp::Mul
                    | BinaryOp::And
                    | BinaryOp::Or => &[],
                };
                others.iter().for_each(|o| self.add(*op_span, "change an operator", *o));
                if matches!(op, BinaryOp::Contains | BinaryOp::StartsWith | BinaryOp::EndsWith) {
                    let text = format!("not ({})", self.text(span));
                    self.add(span, "negate a test", text);
                }
                self.expr(a);
                self.expr(b);
            }
            ExprKind::Not(a) => {
                let text = self.text(a.span).to_owned();
                self.add(span, "drop a `not`", text);
                self.expr(a);
            }
            ExprKind::In { .. } | ExprKind::InRange { .. } | ExprKind::Matches { .. } | ExprKind::Has(_) => {
                let text = format!("not ({})", self.text(span));
                self.add(span, "negate a test", text);
                if let ExprKind::In { set, .. } = &e.kind
                    && let ExprKind::List(items) = &set.kind
                    && items.len() > 1
                {
                    let spans: Vec<Span> = items.iter().map(|i| i.span).collect();
                    self.remove_one(set.span, &spans, "drop a value");
                }
            }
            ExprKind::Name(name) => {
                let next = self.variants.iter().find_map(|list| {
                    let at = list.iter().position(|v| *v == name.text)?;
                    Some(list[(at + 1) % list.len()].clone())
                });
                if let Some(next) = next {
                    self.add(span, "swap a constant", next);
                }
            }
            ExprKind::Duration(n, unit) => {
                self.add(span, "change a duration", format!("{} {}", n.saturating_add(1), unit.name()));
            }
            ExprKind::If(c, a, b) => {
                for side in [a, b] {
                    let text = self.text(side.span).to_owned();
                    self.add(span, "take one side", text);
                }
                self.expr(c);
                self.expr(a);
                self.expr(b);
            }
            ExprKind::Match(_, arms) => arms.iter().for_each(|a| self.expr(&a.value)),
            ExprKind::Quant { cond, .. } => cond.iter().for_each(|c| self.expr(c)),
            ExprKind::Paren(a) | ExprKind::Neg(a) => self.expr(a),
            ExprKind::Call(_, args) => args.iter().for_each(|a| self.expr(&a.value)),
            ExprKind::Str(parts) => {
                for part in parts {
                    if let StrPart::Expr(e) = part {
                        self.expr(e);
                    }
                }
            }
            ExprKind::Bool(_)
            | ExprKind::Int(_)
            | ExprKind::Decimal(_)
            | ExprKind::Date(_)
            | ExprKind::Field(..)
            | ExprKind::Index(..)
            | ExprKind::Slice(..)
            | ExprKind::List(_)
            | ExprKind::Record(..)
            | ExprKind::Is { .. }
            | ExprKind::Between { .. }
            | ExprKind::HoldsNothing
            | ExprKind::TodayIn(_)
            | ExprKind::AtTime { .. }
            | ExprKind::InSource(_) => {}
        }
    }
}

fn sums(mutants: &[Mutant]) -> (usize, usize, usize) {
    let of = |f: fn(&Fate) -> bool| mutants.iter().filter(|m| f(&m.fate)).count();
    (of(|f| matches!(f, Fate::Caught(_))), of(|f| *f == Fate::Missed), of(|f| *f == Fate::Skipped))
}

/// Those that no test notices, and the sums.
pub fn mutants_human(mutants: &[Mutant]) -> String {
    let mut out = String::new();
    for m in mutants.iter().filter(|m| m.fate == Fate::Missed) {
        let _ = writeln!(out, "missed {}:{}:{}  {}: {}", m.file, m.line, m.column, m.what, m.before);
        if !m.after.is_empty() {
            let _ = writeln!(out, "       to {}", m.after);
        }
    }
    let (caught, missed, skipped) = sums(mutants);
    let _ = writeln!(out, "mutants: {caught} caught, {missed} missed, {skipped} skipped");
    out
}

/// All of them as data.
pub fn mutants_json(mutants: &[Mutant]) -> serde_json::Value {
    let (caught, missed, skipped) = sums(mutants);
    let one = |m: &Mutant| {
        let (fate, by) = match &m.fate {
            Fate::Caught(by) => ("caught", Some(by)),
            Fate::Missed => ("missed", None),
            Fate::Skipped => ("skipped", None),
        };
        serde_json::json!({ "file": m.file, "line": m.line, "column": m.column, "what": m.what, "before": m.before, "after": m.after, "fate": fate, "by": by })
    };
    serde_json::json!({ "caught": caught, "missed": missed, "skipped": skipped, "mutants": mutants.iter().map(one).collect::<Vec<_>>() })
}
