//! Which changes to a policy no test notices: one change at a time, in the text, checked and run like any policy.
//! Invariant: a change that does not check, or that leaves the rule program as it is, is not held against the tests.

use super::changes::{self, Change};
use super::{Options, Snapshots, carry_out, fails, id, world};
use crate::Engine;
use crate::error::Error;
use crate::policy::{Inner, Policy, TestSet};
use prov_compile::Module;
use prov_compile::testing::Test;
use prov_diag::{Diagnostic, SourceMap, Span};
use prov_eval::Cover;
use prov_model::RuleInfo;
use prov_syntax::ast::ItemKind;
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
    let reached = reached(policy, options);
    let before = fingerprint(policy);
    let changes = changes::all(policy);
    let work =
        || changes.par_iter().map(|change| try_out(policy, change, &before, &reached, options)).collect();
    Ok(match options.threads.map(|n| rayon::ThreadPoolBuilder::new().num_threads(n).build()) {
        Some(Ok(pool)) => pool.install(work),
        Some(Err(_)) | None => work(),
    })
}

/// What the tests reach, one by one, in their order; those that the filter leaves out are not there.
fn reached(policy: &Policy, options: &Options) -> Vec<(usize, Reached)> {
    let engine = world::of_tests(policy);
    let options = &Options { snapshots: Snapshots::Compare, ..options.clone() };
    let chosen: Vec<(usize, &Test)> =
        policy.0.tests.tests.iter().enumerate().filter(|(_, t)| wanted(policy, t, options)).collect();
    let work = |&(number, test): &(usize, &Test)| {
        let mut cover = Some(Cover::default());
        carry_out(&engine, test, options, &mut cover);
        (number, Reached::of(&engine, &cover.unwrap_or_default()))
    };
    chosen.par_iter().map(work).collect()
}

fn wanted(policy: &Policy, test: &Test, options: &Options) -> bool {
    let id = id(&policy.sources().get(test.head.source).name, &test.name);
    options.filter.as_ref().is_none_or(|f| id.contains(f.as_str()))
}

/// Where a test came by.
struct Reached {
    /// Conditions and clauses that were asked.
    asked: BTreeSet<Span>,
    /// Rules that someone had, by file and line.
    had: BTreeSet<(String, u32)>,
    /// How often anything was asked: how long it takes, whatever the machine.
    asks: u64,
}

impl Reached {
    fn of(engine: &Engine, cover: &Cover) -> Reached {
        let program = engine.policy().program();
        let asked = cover.conditions.keys().map(|id| program.expr(*id).span).collect();
        let had = cover.rules.keys().filter_map(|n| program.rules.get(*n as usize));
        let place = |rule: &RuleInfo| (rule.file.clone(), rule.line);
        let asks = cover.conditions.values().map(|seen| seen.yes + seen.no).sum();
        Reached { asked, had: had.map(|r| place(program.schema.rule(r.rule))).collect(), asks }
    }

    /// Whether the test comes by where a change is made. One that does not may notice it all the same.
    fn reaches(&self, policy: &Policy, change: &Change) -> bool {
        let (span, sources) = (change.span, policy.sources());
        let within = |s: &Span| s.source == span.source && s.start < span.end && span.start < s.end;
        let rule = (sources.get(span.source).name.clone(), sources.start(change.item).line);
        self.had.contains(&rule) || self.asked.iter().any(within)
    }
}

/// What came of a change before a test was run.
enum Changed {
    /// A policy.
    Policy(Policy),
    /// A test that no longer checks, by its id.
    Test(String),
    /// Nothing: it does not check.
    Wrong,
}

fn try_out(
    policy: &Policy,
    change: &Change,
    before: &str,
    reached: &[(usize, Reached)],
    options: &Options,
) -> Mutant {
    let sources = policy.sources();
    let (file, start) = (sources.get(change.span.source).name.clone(), sources.start(change.span));
    let fate = match changed(policy, change) {
        Changed::Policy(mutant) if fingerprint(&mutant) != before => {
            // Those that come by the place are the likelier to notice, and of these the short ones are tried first.
            let mut near: Vec<_> =
                reached.iter().map(|(n, r)| (!r.reaches(policy, change), r.asks, *n)).collect();
            near.sort_unstable();
            let engine = world::of_tests(&mutant);
            let options = &Options { snapshots: Snapshots::Compare, ..options.clone() };
            let mut tests = near.into_iter().filter_map(|(.., n)| mutant.0.tests.tests.get(n));
            tests.find(|t| fails(&engine, t, options)).map_or(Fate::Missed, |t| {
                Fate::Caught(id(&mutant.sources().get(t.head.source).name, &t.name))
            })
        }
        Changed::Test(id) => Fate::Caught(id),
        Changed::Policy(_) | Changed::Wrong => Fate::Skipped,
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

/// The policy with a change.
fn changed(policy: &Policy, change: &Change) -> Changed {
    let mut sources = policy.sources().clone();
    let old = sources.get(change.span.source);
    let (name, mut text) = (old.name.clone(), old.text.to_string());
    text.replace_range(change.span.start as usize..change.span.end as usize, &change.text);
    let source = sources.add(name, text.as_str());
    let (file, found) = prov_syntax::parse(source, &text);
    if found.iter().any(Diagnostic::is_error) {
        return Changed::Wrong;
    }
    let mut modules: Vec<Module> = policy.0.modules.to_vec();
    let Some(module) = modules.iter_mut().find(|m| m.source == change.span.source) else {
        return Changed::Wrong;
    };
    (module.source, module.file) = (source, file);
    let modules = Arc::new(modules);
    let checked = prov_compile::check(modules.to_vec(), &mut sources, &policy.0.options);
    let Some(program) = checked.program else { return broken_test(&modules, &sources, &checked.diagnostics) };
    let tests = Arc::new(checked.tests.map(TestSet::from).unwrap_or_default());
    let inner = Inner { sources, modules, program: Arc::new(program), tests, ..(*policy.0).clone() };
    Changed::Policy(Policy(Arc::new(inner)))
}

/// The first test that no longer checks, where nothing but tests does not.
fn broken_test(modules: &[Module], sources: &SourceMap, found: &[Diagnostic]) -> Changed {
    let mut first = None;
    for error in found.iter().filter(|d| d.is_error()) {
        let within = |s: Span| {
            let module = modules.iter().find(|m| m.source == s.source)?;
            let item = module.file.items.iter().find(|i| i.span.start <= s.start && s.end <= i.span.end)?;
            match &item.kind {
                ItemKind::Test { name, .. } => Some(id(&sources.get(s.source).name, &name.text)),
                _ => None,
            }
        };
        let Some(test) = error.span().and_then(within) else { return Changed::Wrong };
        first.get_or_insert(test);
    }
    first.map_or(Changed::Wrong, Changed::Test)
}

/// All that decides: two policies that agree in it do the same.
fn fingerprint(policy: &Policy) -> String {
    let schema = policy.schema();
    // What the printed program names by its rule alone, or not at all.
    let mut out = policy.print_ir();
    let _ = write!(out, "{:?}{:?}{:?}", schema.identities, schema.apps, schema.sources);
    let _ = write!(out, "{:?}{:?}{:?}", schema.guards, schema.protects, schema.limits);
    let _ = write!(out, "{:?}{:?}{:?}", schema.forbids, schema.role_forbids, schema.separations);
    let _ = write!(out, "{:?}{:?}", schema.writebacks, schema.federations);
    out
}

fn sums(mutants: &[Mutant]) -> (usize, usize, usize) {
    let of = |f: fn(&Fate) -> bool| mutants.iter().filter(|m| f(&m.fate)).count();
    (of(|f| matches!(f, Fate::Caught(_))), of(|f| *f == Fate::Missed), of(|f| *f == Fate::Skipped))
}

/// Those that no test notices, and the sums.
pub fn mutants_human(mutants: &[Mutant]) -> String {
    let mut out = String::new();
    for m in mutants.iter().filter(|m| m.fate == Fate::Missed) {
        let _ = writeln!(out, "missed {}:{}:{}  {}\n       - {}", m.file, m.line, m.column, m.what, m.before);
        if !m.after.is_empty() {
            let _ = writeln!(out, "       + {}", m.after);
        }
    }
    let (caught, missed, skipped) = sums(mutants);
    let share = if caught + missed == 0 { 100.0 } else { caught as f64 * 100.0 / (caught + missed) as f64 };
    let _ =
        writeln!(out, "mutants: {caught} caught, {missed} missed ({share:.1}% caught), {skipped} skipped");
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
