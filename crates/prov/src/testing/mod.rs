//! Tests in the language, run: every test in a world of its own, in parallel, with outcomes in order.
//!
//! ```
//! # fn main() -> Result<(), prov::Error> {
//! let policy = prov::Policy::from_strings([(
//!     "main.prov",
//!     r#"
//!     identity person { id : string key  department : text }
//!     source hr of person authoritative {}
//!     app crm via file { managed all  entitlement role(text) }
//!     role sales when department == "Sales" { grant crm.role("seller") }
//!     test "sellers sell" {
//!         given ann = person { department: "Sales" }
//!         at 2026-03-02
//!         expect ann has crm.role("seller")
//!         change ann { department: "Finance" }
//!         expect ann loses crm.role("seller")
//!     }
//!     "#,
//! )])?;
//! let run = prov::testing::run(&policy, &prov::testing::Options::default());
//! assert!(run.passed() && run.results.len() == 1);
//! # Ok(())
//! # }
//! ```
//!
//! Invariant: a test reads nothing of another, and its outcome depends neither on the number of threads nor on which
//! tests are run.

mod calendar;
mod changes;
mod coverage;
mod diff;
mod expect;
mod given;
mod mutate;
pub(crate) mod people;
mod report;
mod snapshot;
mod world;

pub use coverage::{Coverage, Covered, Point, PointKind, coverage_human, coverage_json, lcov};
pub use mutate::{Fate, Mutant, mutants_human, mutants_json, mutate};
pub use report::{human_summary, human_test, json, jsonl, junit, tap};
pub use snapshot::{Pending, accept, pending, reject, unreferenced};

use crate::Engine;
use crate::policy::Policy;
use prov_compile::testing::{Expectation, StatementKind, Test};
use prov_diag::Diagnostic;
use prov_eval::Cover;
use prov_plan::{ActionKind, FindingKind};
use rayon::prelude::*;
use std::time::{Duration, Instant};
use world::World;

/// What to run, and how.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Only tests whose `FILE: NAME` holds this text.
    pub filter: Option<String>,
    /// How many threads; the outcome does not depend on it.
    pub threads: Option<usize>,
    /// What to do with a plan that is not as its snapshot says.
    pub snapshots: Snapshots,
    /// Whether to gather which rules, conditions and clauses the tests reach.
    pub coverage: bool,
    /// Whether `wait` has a run on each day, those included on which nothing can change, and fails where something does:
    /// slow, and for tests of Prov itself.
    pub every_day: bool,
}

/// What to do with a plan that is not as its snapshot says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Snapshots {
    /// The test fails; nothing is written.
    #[default]
    Compare,
    /// The test fails, and what was found is written beside the snapshot, to be reviewed.
    Pend,
    /// What was found becomes the snapshot.
    Accept,
}

/// What became of the tests.
#[derive(Clone, Debug)]
pub struct TestRun {
    /// One a test that was run, in order of file and place.
    pub results: Vec<TestResult>,
    /// How many the filter left out.
    pub filtered: usize,
    /// What the tests reach, where that was asked for.
    pub coverage: Option<Coverage>,
}

/// What became of a test.
#[derive(Clone, Debug)]
pub struct TestResult {
    /// Its file, relative to the policy's folder.
    pub file: String,
    /// The line of its head, from 1.
    pub line: u32,
    /// Its name.
    pub name: String,
    /// What is not as expected; none where it passed.
    pub failures: Vec<Failure>,
    /// How long it took.
    pub took: Duration,
}

/// Something that is not as a test expects.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Where, and what.
    pub diagnostic: Diagnostic,
    /// The policy's own explanation of what it did; may be empty.
    pub explanation: String,
    /// What differs from the snapshot.
    pub diff: Option<String>,
}

impl TestRun {
    /// Whether all passed.
    pub fn passed(&self) -> bool {
        self.failed() == 0
    }

    /// How many failed.
    pub fn failed(&self) -> usize {
        self.results.iter().filter(|r| !r.passed()).count()
    }
}

impl TestResult {
    /// Whether it passed.
    pub fn passed(&self) -> bool {
        self.failures.is_empty()
    }

    /// `FILE: NAME`, as filters see it.
    pub fn id(&self) -> String {
        id(&self.file, &self.name)
    }
}

fn id(file: &str, name: &str) -> String {
    format!("{file}: {name}")
}

/// How many tests a policy has.
pub fn count(policy: &Policy) -> usize {
    policy.0.tests.tests.len()
}

/// Runs the tests of a policy.
pub fn run(policy: &Policy, options: &Options) -> TestRun {
    let all = &policy.0.tests.tests;
    let sources = policy.sources();
    let wanted = |t: &&Test| {
        let id = id(&sources.get(t.head.source).name, &t.name);
        options.filter.as_ref().is_none_or(|f| id.contains(f.as_str()))
    };
    let chosen: Vec<&Test> = all.iter().filter(wanted).collect();
    let engine = world::of_tests(policy);
    let work = || chosen.par_iter().map(|t| run_one(policy, &engine, t, options)).collect::<Vec<_>>();
    let ran = match options.threads.map(|n| rayon::ThreadPoolBuilder::new().num_threads(n).build()) {
        Some(Ok(pool)) => pool.install(work),
        Some(Err(_)) | None => work(),
    };
    let (results, covers): (Vec<TestResult>, Vec<Cover>) = ran.into_iter().unzip();
    let coverage = options.coverage.then(|| {
        let mut sum = Cover::default();
        covers.iter().for_each(|c| sum.add(c));
        coverage::of(policy, &sum)
    });
    TestRun { results, filtered: all.len() - chosen.len(), coverage }
}

fn run_one(policy: &Policy, engine: &Engine, test: &Test, options: &Options) -> (TestResult, Cover) {
    let begun = Instant::now();
    let sources = policy.sources();
    let mut cover = options.coverage.then(Cover::default);
    let failures = carry_out(engine, test, options, &mut cover);
    let result = TestResult {
        file: sources.get(test.head.source).name.clone(),
        line: sources.start(test.head).line,
        name: test.name.clone(),
        failures,
        took: begun.elapsed(),
    };
    (result, cover.unwrap_or_default())
}

/// Whether a test fails: carried out as far as that takes.
fn fails(engine: &Engine, test: &Test, options: &Options) -> bool {
    !carried_out(engine, test, options, &mut None, true).is_empty()
}

/// Carries a test out to its end; what could not go on ends it.
fn carry_out(engine: &Engine, test: &Test, options: &Options, cover: &mut Option<Cover>) -> Vec<Failure> {
    carried_out(engine, test, options, cover, false)
}

fn carried_out(
    engine: &Engine,
    test: &Test,
    options: &Options,
    cover: &mut Option<Cover>,
    first_only: bool,
) -> Vec<Failure> {
    let mut failures = Vec::new();
    let mut go = || -> Result<(), world::Stop> {
        let mut world = World::new(engine.clone(), test);
        (world.cover, world.every_day) = (cover.take(), options.every_day);
        for statement in &test.statements {
            match &statement.kind {
                StatementKind::Expect(Expectation::Snapshot(number)) => {
                    world.settle(statement.span)?;
                    failures.extend(snapshot::check(&world, *number, statement.span, options.snapshots));
                }
                StatementKind::Expect(e) => failures.extend(world.check(e, statement.span)?),
                _ => world.go(statement)?,
            }
            if first_only && !failures.is_empty() {
                break;
            }
        }
        *cover = world.cover.take();
        Ok(())
    };
    if let Err(stop) = go() {
        failures.push(Failure { diagnostic: *stop.0, explanation: String::new(), diff: None });
    }
    failures
}

/// Actions and findings that plans have, as tests may expect them.
pub(crate) fn plan_words() -> Vec<&'static str> {
    let actions = ActionKind::ALL.iter().map(|k| k.name());
    actions.chain(FindingKind::ALL.iter().map(|k| k.name())).collect()
}
