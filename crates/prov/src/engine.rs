//! The engine as callers use it. Invariant: pure; the same arguments give the same result.

use crate::error::Error;
use crate::identity::{Entitlement, Identity, OneResult, show};
use crate::policy::Policy;
use crate::population::{Actual, Population};
use crate::reasons::EngineReasons;
use prov_diag::Span;
use prov_eval::Explanation;
use prov_model::{Background, IdentityId, Memory, Moment, Phase, timed};
use prov_plan::{Plan, PlanInput};
use std::borrow::Cow;

/// How a policy is run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Backend {
    /// The best that there is for the policy and the population: columns where the population is large enough for them to
    /// pay, with machine code where that is expected to win, compiling it included; else the interpreter.
    #[default]
    Auto,
    /// One identity after another.
    Interpreter,
    /// Everyone at once, over columns; the interpreter for whoever is not simple.
    Columns,
    /// Columns, with conditions over several inputs compiled to machine code. Without the feature `jit`, columns alone.
    Jit,
}

/// A policy that can be asked. `Send + Sync`, cheap to clone.
///
/// ```
/// # let home = std::env::temp_dir().join(format!("prov-doc-engine-{}", std::process::id()));
/// # let _ = std::fs::remove_dir_all(&home);
/// # prov::template::write(prov::template::Template::Minimal, &home).expect("the template is written");
/// use prov::{Actual, Backend, Memory, Policy, Population, Wiring};
///
/// let policy = Policy::load(&home)?; // the folder that `prov new` makes
/// let engine = policy.compile(Backend::Auto)?;
/// let at = policy.at("2026-03-02")?; // time is an input
/// let people = Population::load(&policy, &Wiring::default(), &at)?;
///
/// let desired = engine.evaluate(&people, &at);
/// let actual = Actual::load(&policy, home.join("actual"))?;
/// let plan = engine.plan(&desired, &actual, &Memory::default());
/// assert!(plan.actions().any(|a| a.identity() == "E007" && a.is_leaver()));
/// assert!(plan.tripped().next().is_none());
/// # std::fs::remove_dir_all(&home).ok();
/// # Ok::<(), prov::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Engine {
    policy: Policy,
    inner: prov_eval::Engine,
    threads: Option<usize>,
}

/// A condition that reads several inputs of an identity, and what becomes of it: see [`Engine::coverage`].
#[derive(Clone, Debug)]
pub struct CoveredCondition {
    /// Whose it is.
    pub identity: String,
    /// Its text in the policy.
    pub span: Option<Span>,
    /// Why it is not compiled; none where it is.
    pub refused: Option<Cow<'static, str>>,
}

/// An account that an identity should have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountView<'a> {
    /// The app.
    pub app: &'a str,
    /// Attributes by name; the first is the account's name.
    pub attributes: Vec<(&'a str, &'a str)>,
    /// Whether it may sign in.
    pub enabled: bool,
}

impl AccountView<'_> {
    /// The account's name in the app.
    pub fn name(&self) -> &str {
        self.attributes.first().map_or("", |a| a.1)
    }
}

/// What everyone should have.
#[derive(Clone, Debug)]
pub struct Desired {
    pub(crate) policy: Policy,
    pub(crate) population: Population,
    pub(crate) background: Background,
    pub(crate) data: prov_model::Desired,
}

/// A plan, with what it was made from.
#[derive(Clone, Debug)]
pub struct Planned {
    engine: Engine,
    actual: Actual,
    /// INVARIANT: never given away, since those who have what they should are not listed in it.
    desired: Desired,
    plan: Plan,
}

impl Planned {
    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// What is to be remembered once it has been carried out.
    pub fn memory_after(&self) -> Memory {
        let memory = &self.desired.background.memory;
        self.engine.memory_after(&self.desired, &self.actual, memory, &self.plan)
    }
}

impl Engine {
    pub(crate) fn new(policy: Policy, backend: Backend) -> Engine {
        let backend = match backend {
            Backend::Auto => prov_eval::Backend::Auto,
            Backend::Interpreter => prov_eval::Backend::Interpreter,
            Backend::Columns => prov_eval::Backend::Columns,
            Backend::Jit => prov_eval::Backend::Jit,
        };
        let inner =
            prov_eval::Engine::new(policy.0.program.clone(), policy.0.tables.clone(), &policy.0.catalogs)
                .with_backend(backend);
        let inner = crate::jit::with_compiler(inner);
        Engine { policy, inner, threads: None }
    }

    pub(crate) fn map_inner(self, map: impl FnOnce(prov_eval::Engine) -> prov_eval::Engine) -> Engine {
        Engine { inner: map(self.inner), ..self }
    }

    pub(crate) fn inner(&self) -> &prov_eval::Engine {
        &self.inner
    }

    /// The same engine on a number of threads; the result does not depend on it.
    #[must_use]
    pub fn with_threads(self, threads: Option<usize>) -> Engine {
        Engine { threads, ..self }
    }

    /// The same engine with another number of identities that columns are worked on by, for tests: the result does not
    /// depend on it.
    #[doc(hidden)]
    #[must_use]
    pub fn with_block(self, block: usize) -> Engine {
        Engine { inner: self.inner.clone().with_block(block), ..self }
    }

    /// Conditions that read several inputs of an identity, in the order of their text, and whether each is compiled to
    /// machine code; empty without the feature `jit`. Compiles them, if that was not done.
    pub fn coverage(&self) -> Vec<CoveredCondition> {
        let program = self.inner.program();
        let of = |c: prov_eval::Covered| CoveredCondition {
            identity: program.schema.identity(c.identity).name.clone(),
            span: program.exprs.get(c.condition.0 as usize).map(|e| e.span),
            refused: match c.coverage {
                prov_ir::Coverage::Compiled => None,
                prov_ir::Coverage::Not(why) => Some(why),
            },
        };
        let mut list: Vec<CoveredCondition> = self.inner.coverage().into_iter().map(of).collect();
        list.sort_by_key(|c| c.span.map(|s| (s.source, s.start, s.end)));
        list
    }

    /// The policy.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// What everyone of a population should have at a moment, with nothing remembered, assigned or observed. In parallel.
    pub fn evaluate(&self, people: &Population, at: &Moment) -> Desired {
        self.evaluate_with(people, at, &Background::default())
    }

    /// The same, given what is remembered of the past, what was assigned by hand, and what was observed.
    pub fn evaluate_with(&self, people: &Population, at: &Moment, background: &Background) -> Desired {
        let data = self.inner.evaluate(&people.data, at, background, self.threads);
        let (policy, population, background) = (self.policy.clone(), people.clone(), background.clone());
        Desired { policy, population, background, data }
    }

    /// What one identity should have at a moment, with nothing remembered, assigned or observed.
    pub fn evaluate_one(&self, identity: &Identity, at: &Moment) -> OneResult {
        self.evaluate_one_with(identity, at, &Background::default())
    }

    /// The same, given what is remembered of the past, what was assigned by hand, and what was observed.
    pub fn evaluate_one_with(&self, identity: &Identity, at: &Moment, background: &Background) -> OneResult {
        let data = self.inner.evaluate_one(&identity.population.data, identity.who, at, background);
        OneResult { policy: self.policy.clone(), data }
    }

    /// What is to be done so that the actual state becomes the desired one, given what is remembered. Where the policy
    /// names or links accounts or has a state that keeps entitlements, and the desired state was worked out without this memory or without an actual state, it is worked
    /// out again: those hang on what is there.
    pub fn plan(&self, desired: &Desired, actual: &Actual, memory: &Memory) -> Plan {
        let desired = &*self.seeing(desired, actual, memory);
        let (people, background) = (&desired.population.data, &desired.background);
        self.pool(|| {
            self.inner.with_plains(people, &desired.data.at, background, &desired.data, |plains| {
                self.compare((people, background), &desired.data, actual, memory, plains)
            })
        })
    }

    /// [`Engine::evaluate_with`] and [`Engine::plan`] in one, the way to plan for many: no more is worked out of anyone
    /// than the plan asks for, so that of those who have what they should next to nothing is kept. The plan is the same.
    pub fn plan_people(
        &self,
        people: &Population,
        actual: &Actual,
        at: &Moment,
        background: &Background,
    ) -> Planned {
        let background = Background { actual: Some(actual.state()), ..background.clone() };
        let (data, plan) = self.pool(|| {
            self.inner.evaluate_against(&people.data, at, &background, &actual.data, |desired, plains| {
                let memory = &background.memory;
                let plan = self.compare((&people.data, &background), &desired, actual, memory, plains);
                (desired, plan)
            })
        });
        let (policy, population) = (self.policy.clone(), people.clone());
        let desired = Desired { policy, population, background, data };
        Planned { engine: self.clone(), actual: actual.clone(), desired, plan }
    }

    fn compare(
        &self,
        (people, background): (&prov_model::Population, &Background),
        desired: &prov_model::Desired,
        actual: &Actual,
        memory: &Memory,
        plains: &prov_eval::Plains<'_>,
    ) -> Plan {
        let (policy, engine, token) = (&self.policy, &self.inner, crate::reasons::token());
        let reasons = EngineReasons { policy, engine, people, background, desired, plains, token };
        let input = PlanInput {
            schema: self.policy.schema(),
            desired,
            actual: &actual.data,
            memory,
            reasons: &reasons,
            policy: self.policy.hash(),
            engine: crate::VERSION,
            watch: self.inner.watch(),
        };
        timed(input.watch, Phase::Plan, || prov_plan::plan(input))
    }

    /// What is to be remembered once a plan of them has been carried out.
    pub fn memory_after(&self, desired: &Desired, actual: &Actual, memory: &Memory, plan: &Plan) -> Memory {
        self.remembers(desired, actual, memory, plan, |action| !action.is_report())
    }

    /// The same, where of the plan those actions ran that `runs` holds for.
    pub(crate) fn remembers(
        &self,
        desired: &Desired,
        actual: &Actual,
        memory: &Memory,
        plan: &Plan,
        runs: impl Fn(prov_plan::ActionView<'_>) -> bool,
    ) -> Memory {
        let desired = &*self.seeing(desired, actual, memory);
        let (schema, population) = (self.policy.schema(), &desired.population.data);
        let has = |id: &str| actual.data.ids.find(id).is_some();
        let good = self.inner.good_after(population, &desired.data, has, memory);
        Memory { good, ..prov_plan::memory_if(schema, &desired.data, &actual.data, memory, plan, runs) }
    }

    /// A desired state that was worked out with what its names hang on.
    fn seeing<'d>(&self, desired: &'d Desired, actual: &Actual, memory: &Memory) -> Cow<'d, Desired> {
        let known = &desired.background;
        let schema = self.policy.schema();
        let reads = schema.reads_accounts() || schema.keeps_entitlements() || !memory.links.is_empty();
        let same = known.memory.names == memory.names
            && known.memory.links == memory.links
            && known.memory.entered == memory.entered;
        if !reads || known.actual.is_some() && same {
            return Cow::Borrowed(desired);
        }
        let actual = known.actual.clone().unwrap_or_else(|| actual.state());
        let background =
            Background { memory: memory.clone().into(), actual: Some(actual), ..desired.background.clone() };
        Cow::Owned(self.evaluate_with(&desired.population, &desired.data.at, &background))
    }

    /// Why an identity holds what it holds, or does not: everything (`None`), an app, or one entitlement.
    pub fn explain(&self, identity: &Identity, what: Option<&Entitlement>, at: &Moment) -> Explanation {
        self.explain_with(identity, what, at, &Background::default())
    }

    /// The same, given what is remembered of the past, what was assigned by hand, and what was observed.
    pub fn explain_with(
        &self,
        identity: &Identity,
        what: Option<&Entitlement>,
        at: &Moment,
        background: &Background,
    ) -> Explanation {
        let target = what.map(|e| (e.app, e.kind.as_ref().map(|(k, v)| (*k, v.as_str()))));
        self.inner.explain(&identity.population.data, identity.who, target, at, background)
    }

    /// The same time of day, so many days later.
    pub fn days_later(&self, at: &Moment, days: u16) -> Moment {
        let days = prov_model::Duration { months: 0, days: i32::from(days) };
        Moment::at_instant(at.zone.plus(at.now, days), at.zone.clone())
    }

    /// The first moment after another at which the result of an identity changes, with the data and the background as they
    /// are: its state, its accounts, what it holds, or a verb of its state whose time has come. None where nothing
    /// changes any more.
    pub fn next_change(&self, identity: &Identity, at: &Moment, background: &Background) -> Option<Moment> {
        let next = self.inner.next_change(&identity.population.data, identity.who, at, background)?;
        Some(Moment::at_instant(next, at.zone.clone()))
    }

    /// The global ids for which a condition holds, and those for which that can't be known, in order.
    ///
    /// # Errors
    /// [`Error::Report`] where the condition is wrong.
    pub fn query(
        &self,
        people: &Population,
        condition: &str,
        identity: Option<&str>,
        at: &Moment,
    ) -> Result<(Vec<String>, Vec<String>), Error> {
        self.query_with(people, condition, identity, at, &Background::default())
    }

    /// The same, given what is remembered of the past, what was assigned by hand, and what was observed.
    ///
    /// # Errors
    /// [`Error::Report`] where the condition is wrong.
    pub fn query_with(
        &self,
        people: &Population,
        condition: &str,
        identity: Option<&str>,
        at: &Moment,
        background: &Background,
    ) -> Result<(Vec<String>, Vec<String>), Error> {
        let query = self.policy.query(condition, identity)?;
        let engine = prov_eval::Engine::new(
            std::sync::Arc::new(query.program),
            self.policy.0.tables.clone(),
            &self.policy.0.catalogs,
        );
        let matches = self.pool(|| engine.query(&people.data, at, background, query.identity, query.expr));
        let ids = |rows: Vec<u32>| rows.into_iter().map(|row| self.id(people, query.identity, row)).collect();
        Ok((ids(matches.rows), ids(matches.unknown)))
    }

    fn id(&self, people: &Population, identity: IdentityId, row: u32) -> String {
        let key = people.data.of(identity).table.key(row).unwrap_or("");
        self.policy.schema().global_id(identity, key)
    }

    fn pool<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        match self.threads.map(|n| rayon::ThreadPoolBuilder::new().num_threads(n).build()) {
            Some(Ok(pool)) => pool.install(work),
            Some(Err(_)) | None => work(),
        }
    }
}

impl Desired {
    /// The global ids of everyone, in order.
    pub fn ids(&self) -> impl ExactSizeIterator<Item = &str> {
        self.data.ids.iter().map(|id| &**id)
    }

    /// The entitlements of an identity as `app.kind("value")`, in canonical order; none where it is not known.
    pub fn entitlements(&self, id: &str) -> Vec<String> {
        let Some(position) = self.data.position(id) else { return vec![] };
        let mut held: Vec<_> =
            self.data.holdings.get(position).iter().map(|e| self.data.entitlements.get(*e)).collect();
        held.sort();
        held.into_iter().map(|e| show(self.policy.schema(), e)).collect()
    }

    /// The lifecycle state of an identity.
    pub fn state(&self, id: &str) -> Option<&str> {
        let position = self.data.position(id)?;
        let lifecycle = self.policy.schema().identity(self.data.rows[position].0).lifecycle.as_ref()?;
        Some(&lifecycle.defs.get(self.data.states[position] as usize)?.name)
    }

    /// Whether an identity is held as it is, since its row (or one that its result reads) could not be read.
    pub fn is_held(&self, id: &str) -> bool {
        self.data.position(id).is_some_and(|p| self.data.flags[p].held)
    }

    /// The accounts an identity should have, in order of app.
    pub fn accounts(&self, id: &str) -> Vec<AccountView<'_>> {
        let Some(position) = self.data.position(id) else { return vec![] };
        let schema = self.policy.schema();
        self.data
            .accounts
            .get(position)
            .iter()
            .filter(|a| a.wanted)
            .filter_map(|a| {
                let app = schema.app(a.app);
                let names = app.account.as_ref()?.attributes.iter().map(|f| f.name.as_str());
                let attributes = names.zip(a.attributes.iter().map(|v| &**v)).collect();
                Some(AccountView { app: &app.name, attributes, enabled: a.enabled })
            })
            .collect()
    }

    /// How many entitlements everyone has together.
    pub fn len(&self) -> usize {
        self.data.holdings.items().len()
    }

    /// Whether nobody has anything.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The population.
    pub fn population(&self) -> &Population {
        &self.population
    }
}

/// The state after a desired one has been carried out from nothing.
pub(crate) fn applied(policy: &Policy, desired: &Desired) -> prov_model::Actual {
    let memory = Memory::default();
    let actual = prov_model::Actual::default();
    let input = PlanInput {
        schema: policy.schema(),
        desired: &desired.data,
        actual: &actual,
        memory: &memory,
        reasons: &prov_plan::NoReasons,
        policy: policy.hash(),
        engine: crate::VERSION,
        watch: None,
    };
    let plan = prov_plan::plan(input);
    prov_plan::apply_to(policy.schema(), &plan, &actual)
}
