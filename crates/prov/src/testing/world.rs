//! A test's world as it runs: who is there, what everyone has, what is remembered, and what day it is.
//! Invariant: every step is one run of the engine, of the planner and of the plan, as a hub would do it; nothing is
//! carried from one test to another.

use super::given::Slot;
use crate::error::Error;
use crate::policy::Policy;
use crate::population::{Actual, Population, epoch};
use crate::{Backend, Engine};
use prov_compile::testing::{Statement, StatementKind, Test, Who};
use prov_data::Raw;
use prov_diag::{Diagnostic, Span, codes};
use prov_eval::{Bound, Cover, LookupTable};
use prov_ir::ExprId;
use prov_model::{Assignment, Background, Exception, IdentityId, Memory, Moment, Value};
use prov_plan::Plan;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why a test could not go on.
pub(super) struct Stop(pub Box<Diagnostic>);

/// What a statement comes to.
pub(super) type Go<T> = Result<T, Stop>;

/// One run: what was looked at, and what came of it.
#[derive(Clone)]
pub(super) struct Ran {
    pub people: Population,
    pub moment: Moment,
    pub background: Background,
    pub desired: crate::Desired,
}

/// A test's world.
#[derive(Clone)]
pub(super) struct World<'a> {
    pub engine: Engine,
    pub test: &'a Test,
    /// The folder of the test's file.
    pub dir: PathBuf,
    pub moment: Option<Moment>,
    pub slots: BTreeMap<u32, Slot>,
    pub files: Vec<(u32, Raw)>,
    pub tables: BTreeMap<u32, LookupTable>,
    pub assignments: Arc<Vec<Assignment>>,
    pub exceptions: Arc<Vec<Exception>>,
    pub memory: Arc<Memory>,
    /// What everyone has now.
    pub actual: Actual,
    /// What everyone had before the last step.
    pub before: Actual,
    /// The last run of the step before.
    pub ran_before: Option<Ran>,
    /// The last run.
    pub ran: Option<Ran>,
    /// The plans of the step.
    pub plans: Vec<(Moment, Plan)>,
    /// What the runs reach, where that is asked for.
    pub cover: Option<Cover>,
    /// Whether something has changed since the last run.
    pub pending: bool,
    /// Whether the last run did nothing, and left memory as it was but for its date.
    pub still: bool,
    /// Whether days on which nothing can happen have their runs too.
    pub every_day: bool,
    /// Whether the step has been looked at, so that the next statement begins another.
    settled: bool,
}

impl<'a> World<'a> {
    /// The world of a test as it begins, on the engine of [`of_tests`].
    pub(super) fn new(engine: Engine, test: &'a Test) -> World<'a> {
        let policy = engine.policy();
        let name = &policy.sources().get(test.head.source).name;
        let below = Path::new(name).parent().unwrap_or(Path::new(""));
        let dir = policy.dir().join(below);
        World {
            engine,
            test,
            dir,
            moment: None,
            slots: BTreeMap::new(),
            files: Vec::new(),
            tables: BTreeMap::new(),
            assignments: Arc::default(),
            exceptions: Arc::default(),
            memory: Arc::default(),
            actual: Actual::empty(),
            before: Actual::empty(),
            ran_before: None,
            ran: None,
            plans: Vec::new(),
            cover: None,
            pending: true,
            still: false,
            every_day: false,
            settled: true,
        }
    }

    pub(super) fn policy(&self) -> &Policy {
        self.engine.policy()
    }

    /// When it is.
    pub(super) fn now(&self) -> Moment {
        // Before `at` says so it is some day, in the policy's zone: times of day that are given are that zone's.
        let some_day = || Moment { zone: self.policy().program().zone.clone(), ..epoch() };
        self.moment.clone().unwrap_or_else(some_day)
    }

    /// Carries a statement out; those that expect something are not for here.
    pub(super) fn go(&mut self, statement: &Statement) -> Go<()> {
        let span = statement.span;
        self.begin();
        match &statement.kind {
            StatementKind::At(when) => {
                let to = self.moment_of(*when, span)?;
                self.move_to(to, span)?;
            }
            StatementKind::Wait(how_long) => {
                let now = self.now();
                let to = match self.value(*how_long) {
                    Value::Duration(d) => now.zone.plus(now.now, d),
                    Value::Elapsed(e) => prov_model::Instant(now.now.0.saturating_add(e.0)),
                    _ => now.now,
                };
                self.move_to(Moment::at_instant(to, now.zone), span)?;
            }
            StatementKind::Expect(_) => {}
            given => self.give(given, span)?,
        }
        self.pending = true;
        Ok(())
    }

    /// A step begins where the last one has been looked at.
    fn begin(&mut self) {
        if self.settled {
            self.before = self.actual.clone();
            self.ran_before = self.ran.clone();
            self.plans.clear();
            self.settled = false;
        }
    }

    /// Brings the world up to date, for something to be expected of it.
    pub(super) fn settle(&mut self, span: Span) -> Go<()> {
        if self.pending {
            self.run(span)?;
        }
        self.settled = true;
        Ok(())
    }

    /// One run at this moment: evaluates, plans, carries out, remembers.
    pub(super) fn run(&mut self, span: Span) -> Go<()> {
        let people = self.population(span)?;
        let moment = self.now();
        let background = Background {
            memory: self.memory.clone(),
            assignments: self.assignments.clone(),
            exceptions: self.exceptions.clone(),
            actual: Some(self.actual.state()),
            ..Background::default()
        };
        if let Some(cover) = &mut self.cover {
            self.engine.inner().cover(&people.data, &moment, &background, cover);
        }
        let desired = self.engine.evaluate_with(&people, &moment, &background);
        let plan = self.engine.plan(&desired, &self.actual, &background.memory);
        let memory = &background.memory;
        let remembered = self.engine.remembers(&desired, &self.actual, memory, &plan, |_| true);
        let after = prov_plan::apply_if(self.policy().schema(), &plan, &self.actual.data, |_| true);
        self.still = plan.is_empty() && undated(&remembered) == undated(memory);
        self.memory = Arc::new(remembered);
        self.actual = Actual { data: Arc::new(after), notices: Vec::new() };
        self.ran = Some(Ran { people, moment: moment.clone(), background, desired });
        self.plans.push((moment, plan));
        self.pending = false;
        Ok(())
    }

    /// The global id of someone of the test.
    pub(super) fn id(&self, who: Who) -> String {
        let identity = self.test.people[who.0 as usize].identity;
        let key = self.slots.get(&who.0).map_or("", |s| &s.key);
        self.policy().schema().global_id(identity, key)
    }

    /// Where someone of the test stands in the population of the last run.
    pub(super) fn row(&self, ran: Option<&Ran>, who: Who) -> Option<(IdentityId, u32)> {
        ran?.people.data.find(self.policy().schema(), &self.id(who))
    }

    /// The people of the test, as conditions name them.
    pub(super) fn bound(&self) -> Vec<Bound> {
        let bind = |i: u32| match self.row(self.ran.as_ref(), Who(i)) {
            Some((ty, row)) => Bound::Identity(ty, row),
            None => Bound::Absent,
        };
        (0..self.test.people.len() as u32).map(bind).collect()
    }

    /// The value of a constant of the test.
    pub(super) fn value(&self, expr: ExprId) -> Value<'static> {
        self.engine.inner().value(&self.now(), expr)
    }
}

/// The engine that the tests of a policy run on.
pub(super) fn of_tests(policy: &Policy) -> Engine {
    let program = policy.0.tests.program.clone().unwrap_or_else(|| policy.0.program.clone());
    engine(&policy.with(program, None))
}

pub(super) fn engine(policy: &Policy) -> Engine {
    Engine::new(policy.clone(), Backend::Auto)
}

/// A memory without its date.
fn undated(memory: &Memory) -> Memory {
    Memory { at: None, ..memory.clone() }
}

/// A moment as a test would write it: the day, or the day and the time of day in the policy's zone; where that names another
/// instant (a second, the later of two hours of one name) the instant in UTC.
pub(super) fn shown(moment: &Moment) -> String {
    let day = moment.today;
    let is = |hour: u8, minute: u8| moment.zone.instant_at(day, hour, minute) == moment.now;
    if is(0, 0) {
        return day.to_string();
    }
    let mut times = (0..24).flat_map(|hour| (0..60).map(move |minute| (hour, minute)));
    times
        .find(|(hour, minute)| is(*hour, *minute))
        .map_or_else(|| moment.now.to_string(), |(hour, minute)| format!("{day} at {hour:02}:{minute:02}"))
}

/// A finding about data, told at the line of the test that brought it.
pub(super) fn at(mut d: Diagnostic, span: Span) -> Stop {
    d.labels.insert(0, prov_diag::Label { span, text: "read here".into() });
    Stop(Box::new(d))
}

pub(super) fn stop(mut found: Vec<Diagnostic>, span: Span) -> Stop {
    let first = found.iter().position(Diagnostic::is_error).unwrap_or(0);
    if found.is_empty() {
        return Stop(Box::new(
            Diagnostic::new(&codes::CANNOT_READ, "this can't be read").at(span, "read here"),
        ));
    }
    at(found.swap_remove(first), span)
}

pub(super) fn error(e: Error, span: Span) -> Stop {
    match e {
        Error::Report(report) => stop(report.diagnostics, span),
        Error::Input { message, help } => {
            Stop(Box::new(Diagnostic::new(&codes::CANNOT_READ, message).at(span, "read here").help(help)))
        }
        e @ Error::Io { .. } => Stop(Box::new(
            Diagnostic::new(&codes::CANNOT_READ, e.to_string())
                .at(span, "read here")
                .help("the path is relative to the file of the test"),
        )),
    }
}
