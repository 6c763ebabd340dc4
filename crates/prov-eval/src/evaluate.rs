//! The engine: a program made ready, and its run over a population in parallel.
//! Invariant: the result is the same whatever the number of threads: blocks have a fixed size, and are put together in
//! order.

use crate::by_hand::{ByHand, stray};
use crate::columns::{Against, Columns, Matched, Part, Plains, STATIC, Side, Static, Tools, Use};
use crate::decide::{Decision, Hold};
use crate::exceptions::idle;
use crate::index::RuleIndex;
use crate::interp::{Interp, Subject};
use crate::names::Rows;
use crate::profile::{Counts, Probe};
use crate::shape::Shape;
use crate::trial::Trials;
use crate::world::{Catalogs, LookupTable, NO_STATE, World};
use crate::writes::Write;
use prov_ir::{Compiler, Coverage, ExprId, Kernels, Program};
use prov_model::{
    Actual, AppId, AssignmentIssue, Background, Csr, Desired, DesiredAccount, EntId, Entered, Entitlement,
    EntitlementIssue, Entitlements, GuestOut, HoldReason, IdentityFlags, IdentityId, Keep, KindId,
    Membership, Moment, Phase, Population, RanOut, RuleId, Separated, SeparationHit, Stopwatch, WriteBack,
    timed,
};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

/// Identities that are decided together.
const BLOCK: usize = 4096;
/// Populations below this are not worth columns.
const FEW: usize = 256;

/// How a population is evaluated. The result is the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Backend {
    /// Columns where the population is large enough for them to pay, else the interpreter.
    #[default]
    Auto,
    /// One identity after another.
    Interpreter,
    /// Everyone at once, over columns; the interpreter for whoever is not simple.
    Columns,
    /// Columns, with conditions over several inputs compiled to machine code; as [`Backend::Columns`] where there is no
    /// compiler ([`Engine::with_compiler`]).
    Jit,
}

/// A condition over several inputs, and whether there is a kernel for it.
#[derive(Clone, Debug)]
pub struct Covered {
    /// Whose it is.
    pub identity: IdentityId,
    /// The condition, an expression of the program.
    pub condition: ExprId,
    /// Whether it is compiled, or why not.
    pub coverage: Coverage,
}

/// A policy ready to run: cheap to clone, safe to share.
#[derive(Clone)]
pub struct Engine {
    ready: Arc<Ready>,
    backend: Backend,
    block: usize,
    compiler: Option<Arc<dyn Compiler>>,
    pub(crate) probe: Option<Arc<Probe>>,
}

pub(crate) struct Ready {
    pub program: Arc<Program>,
    pub tables: Arc<[LookupTable]>,
    pub shape: Shape,
    /// The policy as it would be; where something is observed.
    pub trials: Option<Trials>,
    /// For the columnar engine, once asked for.
    columns: OnceLock<Columns>,
    /// By identity type: kernels of its lifecycle and of its rules, once asked for.
    kernels: Vec<[OnceLock<Box<dyn Kernels>>; 2]>,
}

/// The results of one block.
#[derive(Default)]
pub(crate) struct BlockResult {
    pub ids: Vec<Box<str>>,
    pub states: Vec<u32>,
    pub flags: Vec<IdentityFlags>,
    holds: Vec<(u32, HoldReason)>,
    pub accounts: Csr<DesiredAccount>,
    writes: Vec<(u32, Write)>,
    /// In ids of [`BlockResult::entitlements`], or, from [`STATIC`] on, in numbers of static ones of the type.
    pub holdings: Csr<EntId>,
    withheld: Vec<(u32, EntId, EntitlementIssue)>,
    active_forbids: Vec<(u32, Vec<u32>)>,
    forbidden_roles: Vec<(u32, u32, Box<str>)>,
    denied_roles: Vec<(u32, RuleId, u32, Box<str>)>,
    active_denies: Vec<(u32, Vec<(u32, Entitlement)>)>,
    ran_out: Vec<(u32, Vec<RanOut>)>,
    separated: Vec<(u32, SeparationHit<EntId>)>,
    out: Vec<(u32, Option<u32>, GuestOut)>,
    keeps: Vec<(u32, Vec<Keep>)>,
    entered: Vec<(u32, Entered)>,
    /// By number of the assignment.
    unmatched: Vec<(u32, AssignmentIssue)>,
    pub entitlements: Entitlements,
    /// By place: whether they have just what they should have, so that nothing is listed of them. Those beyond its end are
    /// not.
    pub settled: Vec<bool>,
    /// Who of the others columns decided, by place, with the rules that hold for them.
    matched: (Vec<u32>, Csr<u32>),
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("rules", &self.ready.program.rules.len()).finish_non_exhaustive()
    }
}

impl Engine {
    /// Makes a program ready. `tables` stand in the order of [`prov_model::Schema::tables`]; one that is missing is
    /// empty. Catalogs of kinds that have none in the policy are passed over; a kind without a catalog here allows
    /// every value.
    pub fn new(program: Arc<Program>, tables: Vec<LookupTable>, catalogs: &Catalogs) -> Engine {
        let tables: Arc<[LookupTable]> = tables.into();
        let trials = Trials::of(&program, &tables, catalogs);
        let shape = Shape::of(&program, catalogs);
        Engine::of(Ready::new(program, tables, shape, trials))
    }

    fn of(ready: Ready) -> Engine {
        let ready = Arc::new(ready);
        Engine { ready, backend: Backend::Auto, block: BLOCK, compiler: None, probe: None }
    }

    /// The same engine with another way to evaluate.
    #[must_use]
    pub fn with_backend(self, backend: Backend) -> Engine {
        Engine { backend, ..self }
    }

    /// The same engine with a compiler for conditions over several inputs.
    #[must_use]
    pub fn with_compiler(self, compiler: Arc<dyn Compiler>) -> Engine {
        Engine { compiler: Some(compiler), ..self }
    }

    /// The same engine, which notes what its runs do.
    #[must_use]
    pub fn with_probe(self, probe: Arc<Probe>) -> Engine {
        Engine { probe: Some(probe), ..self }
    }

    /// The same engine with another number of identities that are decided together, at least one. For tests: the result
    /// is the same.
    #[must_use]
    pub fn with_block(self, block: usize) -> Engine {
        Engine { block: block.max(1), ..self }
    }

    pub(crate) fn tuned_as(&self, other: &Engine) -> Engine {
        Engine {
            ready: self.ready.clone(),
            backend: other.backend,
            block: other.block,
            compiler: other.compiler.clone(),
            probe: None,
        }
    }

    /// The same for a policy as it would be: it is compared with nothing.
    pub(crate) fn alone(program: Arc<Program>, tables: Arc<[LookupTable]>, catalogs: &Catalogs) -> Engine {
        let shape = Shape::of(&program, catalogs);
        Engine::of(Ready::new(program, tables, shape, None))
    }

    /// The program.
    pub fn program(&self) -> &Program {
        &self.ready.program
    }

    /// What everyone should have at a moment. `threads`: how many to use; `None` leaves it to the machine.
    pub fn evaluate(
        &self,
        population: &Population,
        moment: &Moment,
        background: &Background,
        threads: Option<usize>,
    ) -> Desired {
        let run = || self.run(population, moment, background);
        match threads.map(|n| rayon::ThreadPoolBuilder::new().num_threads(n.max(1)).build()) {
            Some(Ok(pool)) => pool.install(run),
            // No threads to be had: the shared pool gives the same result.
            Some(Err(_)) | None => run(),
        }
    }

    pub(crate) fn run(&self, population: &Population, moment: &Moment, background: &Background) -> Desired {
        self.run_against(population, moment, background, None, |desired, _| desired)
    }

    /// What everyone should have, and why, as far as it has to be known to plan from an actual state: of who has just
    /// that, no more is told ([`Desired::settled`]). On the pool of threads that it is called on.
    pub fn evaluate_against<T>(
        &self,
        population: &Population,
        moment: &Moment,
        background: &Background,
        actual: &Actual,
        then: impl FnOnce(Desired, &Plains<'_>) -> T,
    ) -> T {
        self.run_against(population, moment, background, Some(actual), then)
    }

    fn run_against<T>(
        &self,
        population: &Population,
        moment: &Moment,
        background: &Background,
        actual: Option<&Actual>,
        then: impl FnOnce(Desired, &Plains<'_>) -> T,
    ) -> T {
        let ready = &*self.ready;
        let (probe, watch) = (self.probe.as_deref(), self.watch());
        let since = watch.map(Stopwatch::begin);
        let states = timed(watch, Phase::States, || self.states(population, moment, background));
        let world = ready.world(population, moment, background, Some(&states));
        let by_hand = ByHand::of(world.program, population, moment, background, None);
        let world = World { by_hand: Some(&by_hand), ..world };
        let known = self.known(world, &Rows::All);
        let world = World { names: known.names.as_ref(), ..world };
        let types = (0..population.types.len()).map(|ty| IdentityId(ty as u32));
        let kernels = self.kernel_use();
        let ways = types.map(|ty| {
            timed(watch, Phase::Encode, || match self.columns(population.of(ty).len()) {
                Some(columns) => {
                    Way::Columns(columns.side(world, &ready.shape, &states, ty, &kernels).into())
                }
                None => Way::Rows(RuleIndex::new(world.program, population, ty)),
            })
        });
        let ways: Vec<Way<'_>> = ways.collect();
        if let Some(probe) = probe {
            self.note(probe, &ways, population, self.block);
        }
        let sides = || ways.iter().map(Way::side);
        // Where more than what someone holds bears on their plan, everyone is told of whole.
        let schema = &world.program.schema;
        let alone = ready.trials.is_none() && schema.judges_alone();
        let alone = alone && known.links.is_empty() && known.conflicts.is_empty();
        let actual = actual.filter(|_| alone);
        let against = actual.map(|actual| Against::new(actual, &ready.shape, sides()));
        let blocks = blocks(world.program, population, self.block);
        let results = || {
            blocks
                .par_iter()
                .map_init(Tools::default, |tools, (ty, rows)| match &ways[ty.index()] {
                    Way::Rows(index) => ready.block(world, *ty, rows.clone(), index, probe),
                    Way::Columns(side) => {
                        side.block(ready, world, rows.clone(), tools, against.as_ref(), probe)
                    }
                })
                .collect()
        };
        let mut results: Vec<BlockResult> = timed(watch, Phase::Blocks, results);
        drop(against);
        let matched = matched(&mut results);
        let mut unmatched: Vec<(u32, AssignmentIssue)> =
            results.iter().flat_map(|r| r.unmatched.iter().copied()).collect();
        unmatched.extend(stray(&world.program.schema, population, background));
        unmatched.sort_unstable();
        let mut desired =
            timed(watch, Phase::Merge, || merge(results, &blocks, &ways, population, moment, ready));
        let first = |ty| blocks.iter().take_while(|b| b.0 != ty).map(|b| b.1.len() as u32).sum::<u32>();
        if let Some(names) = &known.names {
            desired.names = names.given(world.program, first);
        }
        let row = |n: u32| background.assignments.get(n as usize).cloned();
        desired.unmatched = unmatched.into_iter().filter_map(|(n, why)| Some((row(n)?, why))).collect();
        desired.exceptions = background.exceptions.clone();
        desired.idle_exceptions = idle(world.program, population, moment, background);
        desired.unreadable = background.unreadable.to_vec();
        desired.recalled = self.recalled(&desired, background);
        desired.links = known.links;
        let conflicts = known.conflicts.into_iter();
        desired.conflicts = conflicts.map(|((ty, row, app), c)| ((first(ty) + row, app), c)).collect();
        if let Some(trials) = &ready.trials {
            trials.compare(self, &mut desired, |engine| engine.run(population, moment, background));
        }
        let sides = ways.into_iter().map(|way| match way {
            Way::Rows(_) => None,
            Way::Columns(side) => Some(side),
        });
        if let (Some(watch), Some(since)) = (watch, since) {
            watch.end(Phase::Evaluate, since);
        }
        then(desired, &Plains::of_run(self, world, sides, matched))
    }

    /// The state of every identity, by type and row.
    pub(crate) fn states(
        &self,
        population: &Population,
        moment: &Moment,
        background: &Background,
    ) -> Vec<Vec<u32>> {
        let ready = &*self.ready;
        let world = ready.world(population, moment, background, None);
        let of_type = |ty: usize| {
            let id = IdentityId(ty as u32);
            let rows = population.types[ty].len();
            if !world.program.lifecycles.iter().any(|l| l.identity == id) {
                return vec![NO_STATE; rows];
            }
            let kernels = self.kernel_use();
            let by_columns =
                self.columns(rows).and_then(|c| c.states(world, &ready.shape, id, self.block, &kernels));
            if let Some(states) = by_columns {
                return states;
            }
            let starts: Vec<usize> = (0..rows).step_by(BLOCK).collect();
            let parts: Vec<Vec<u32>> = starts
                .par_iter()
                .map(|&start| {
                    let mut interp = Interp::new(world, &ready.shape, Subject::Identity(id, 0));
                    (start..rows.min(start + BLOCK))
                        .map(|row| {
                            interp.turn_to(Subject::Identity(id, row as u32));
                            interp.state_of(id, row as u32).unwrap_or(NO_STATE)
                        })
                        .collect()
                })
                .collect();
            parts.concat()
        };
        (0..population.types.len()).map(of_type).collect()
    }

    /// The columnar engine's part, where it is to be used for so many rows.
    pub(crate) fn columns(&self, rows: usize) -> Option<&Columns> {
        let wanted = match self.backend {
            Backend::Auto => rows >= FEW,
            Backend::Interpreter => false,
            Backend::Columns | Backend::Jit => true,
        };
        wanted.then(|| self.ready.columns())
    }

    /// Whether kernels are used in columns.
    pub(crate) fn kernel_use(&self) -> Use<'_> {
        match self.backend {
            Backend::Auto => Use::WhereWorth(self),
            Backend::Interpreter | Backend::Columns => Use::Never,
            Backend::Jit => Use::Always(self),
        }
    }

    /// Kernels for the conditions of a type that no formula says, in the order of [`Columns::open`]; none where there is
    /// no compiler.
    pub(crate) fn kernels(&self, ty: IdentityId, part: Part) -> Option<&dyn Kernels> {
        let compiler = self.compiler.as_ref()?;
        let [states, rules] = self.ready.kernels.get(ty.index())?;
        let place = match part {
            Part::States => states,
            Part::Rules => rules,
        };
        let made = place
            .get_or_init(|| compiler.compile(&self.ready.program, ty, &self.ready.columns().open(ty, part)));
        Some(&**made)
    }

    /// Whether a condition of a type would get a kernel.
    pub(crate) fn takes(&self, ty: IdentityId, condition: ExprId) -> bool {
        self.compiler.as_ref().is_some_and(|c| c.takes(&self.ready.program, ty, condition))
    }

    /// What becomes of each condition that reads several inputs of an identity, type by type; nothing without a compiler.
    /// Compiles them, if that was not done.
    pub fn coverage(&self) -> Vec<Covered> {
        let types = (0..self.ready.program.schema.identities.len() as u32).map(IdentityId);
        let parts = types.flat_map(|ty| [(ty, Part::States), (ty, Part::Rules)]);
        let of = |(identity, part)| {
            let kernels = self.kernels(identity, part)?;
            let conditions = self.ready.columns().open(identity, part).into_iter();
            let coverage = kernels.coverage().iter().cloned();
            Some(conditions.zip(coverage).map(move |(condition, coverage)| Covered {
                identity,
                condition,
                coverage,
            }))
        };
        parts.filter_map(of).flatten().collect()
    }

    pub(crate) fn ready(&self) -> &Ready {
        &self.ready
    }
}

/// How the identities of a type are decided.
pub(crate) enum Way<'a> {
    /// One after another.
    Rows(RuleIndex<'a>),
    /// Block by block.
    Columns(Box<Side<'a>>),
}

impl<'a> Way<'a> {
    fn side(&self) -> Option<&Side<'a>> {
        match self {
            Way::Rows(_) => None,
            Way::Columns(side) => Some(side),
        }
    }

    /// The static entitlements.
    fn items(&self) -> &[Static] {
        match self {
            Way::Rows(_) => &[],
            Way::Columns(side) => &side.items.list,
        }
    }
}

impl Ready {
    fn new(program: Arc<Program>, tables: Arc<[LookupTable]>, shape: Shape, trials: Option<Trials>) -> Ready {
        let kernels = program.schema.identities.iter().map(|_| Default::default()).collect();
        Ready { program, tables, shape, trials, columns: OnceLock::new(), kernels }
    }

    fn columns(&self) -> &Columns {
        self.columns.get_or_init(|| Columns::of(&self.program, &self.shape))
    }

    pub(crate) fn world<'a>(
        &'a self,
        population: &'a Population,
        moment: &'a Moment,
        background: &'a Background,
        states: Option<&'a [Vec<u32>]>,
    ) -> World<'a> {
        let (program, tables) = (&*self.program, &*self.tables);
        let (population, background) = (Some(population), Some(background));
        World { program, tables, population, moment, background, by_hand: None, states, names: None }
    }

    fn block<'a>(
        &'a self,
        world: World<'a>,
        ty: IdentityId,
        rows: Range<u32>,
        index: &RuleIndex<'a>,
        probe: Option<&Probe>,
    ) -> BlockResult {
        let mut out = BlockResult::default();
        let mut counts = probe.map(|_| Counts::new(self.program.rules.len()));
        let mut interp = Interp::new(world, &self.shape, Subject::Identity(ty, rows.start));
        let mut candidates = index.candidates();
        let table = world.population.map(|p| p.of(ty));
        for (at, row) in rows.enumerate() {
            interp.turn_to(Subject::Identity(ty, row));
            index.turn_to(&mut candidates, row, table.is_some_and(|t| t.is_whole(row)));
            let decision = timed(probe.map(Probe::watch), Phase::Interpret, || {
                interp.decide(|rule| candidates.skips(rule))
            });
            if let Some(counts) = &mut counts {
                counts.asked(None, &interp);
            }
            let key = table.and_then(|t| t.table.key(row)).unwrap_or("");
            out.ids.push(world.program.schema.global_id(ty, key).into());
            out.push(at as u32, (ty, row), decision, world);
        }
        if let (Some(probe), Some(counts)) = (probe, counts) {
            probe.add(ty, counts);
        }
        out.entitlements = std::mem::take(&mut interp.interner.entitlements);
        out
    }
}

impl BlockResult {
    /// Notes what sources are to be told.
    pub(crate) fn tell(&mut self, at: u32, writes: Vec<Write>) {
        self.writes.extend(writes.into_iter().map(|write| (at, write)));
    }

    /// The next one has just what they should have.
    pub(crate) fn settle(&mut self, state: u32) {
        self.states.push(state);
        self.flags.push(IdentityFlags::default());
        self.settled.resize(self.states.len() - 1, false);
        self.settled.push(true);
        self.holdings.push([]);
        self.accounts.push([]);
    }

    /// Notes the rules of someone whom columns decided.
    pub(crate) fn matched(&mut self, at: u32, rules: &[u32]) {
        self.matched.0.push(at);
        self.matched.1.push(rules.iter().copied());
    }

    /// The static entitlements that are held, sorted.
    fn statics(&self) -> Vec<u32> {
        let numbers = || self.holdings.items().iter().filter_map(|id| id.0.checked_sub(STATIC));
        let mut used = vec![false; numbers().max().map_or(0, |n| n as usize + 1)];
        numbers().for_each(|n| used[n as usize] = true);
        used.iter().zip(0..).filter(|(used, _)| **used).map(|(_, n)| n).collect()
    }

    pub(crate) fn push(&mut self, at: u32, who: (IdentityId, u32), decision: Decision, world: World<'_>) {
        self.states.push(decision.state);
        self.flags.push(IdentityFlags { held: decision.hold.is_some() });
        if let Some(hold) = decision.hold {
            self.holds.push((at, reason(hold, who, world)));
        }
        self.accounts.push(decision.accounts);
        self.writes.extend(decision.writes.into_iter().map(|write| (at, write)));
        self.holdings.push(decision.held);
        self.withheld.extend(decision.withheld.into_iter().map(|(id, issue)| (at, id, issue)));
        self.forbidden_roles.extend(decision.forbidden_roles.into_iter().map(|(f, args)| (at, f, args)));
        let rule = |role: u32| world.program.rules[role as usize].rule;
        self.denied_roles
            .extend(decision.denied_roles.into_iter().map(|(r, e, args)| (at, rule(r), e, args)));
        if !decision.active_denies.is_empty() {
            self.active_denies.push((at, decision.active_denies));
        }
        if !decision.ran_out.is_empty() {
            self.ran_out.push((at, decision.ran_out));
        }
        self.unmatched.extend(decision.unmatched);
        self.out.extend(decision.out.into_iter().map(|(federation, why)| (at, federation, why)));
        self.separated.extend(decision.separated.into_iter().map(|hit| (at, hit)));
        if !decision.keeps.next.is_empty() {
            self.keeps.push((at, decision.keeps.next));
        }
        if !decision.entered.is_empty() {
            self.entered.push((at, decision.entered));
        }
        if !decision.active_forbids.is_empty() {
            self.active_forbids.push((at, decision.active_forbids));
        }
    }
}

/// Takes out the rules that columns found.
fn matched(results: &mut [BlockResult]) -> Matched {
    let mut out = Matched::default();
    let mut base = 0;
    for block in results {
        let (positions, rules) = std::mem::take(&mut block.matched);
        out.positions.extend(positions.into_iter().map(|at| base + at));
        out.rules.append(rules);
        base += block.ids.len() as u32;
    }
    out
}

/// A hold in words that last beyond the run.
pub(crate) fn reason(hold: Hold, who: (IdentityId, u32), world: World<'_>) -> HoldReason {
    match hold {
        Hold::ByHand => HoldReason::ByHandRejected,
        Hold::Name { account, attribute, exhausted } => {
            let app = world.program.accounts[account as usize].app;
            if exhausted {
                HoldReason::NoNameLeft(app, attribute)
            } else {
                HoldReason::EmptyName(app, attribute)
            }
        }
        Hold::Own => {
            let table = world.population.map(|p| p.of(who.0));
            let Some(table) = table.filter(|t| !t.broken.contains_key(&who.1)) else {
                return HoldReason::Rejected;
            };
            let lacks = table.lacks(who.1);
            let source = lacks.and_then(|s| Some((s, world.program.schema.sources.get(s as usize)?)));
            match source {
                None => HoldReason::Rejected,
                // A source that may have a row of them may say this; else it is whom they refer to that it may bring.
                Some((s, source)) if table.membership(who.1, s) == Membership::Unknown => {
                    HoldReason::Incomplete(source.name.clone())
                }
                Some((_, source)) => HoldReason::RefersBeyond(source.name.clone()),
            }
        }
        Hold::On(unknown) => {
            let key = world.population.and_then(|p| p.of(unknown.identity).table.key(unknown.row));
            HoldReason::DependsOn(world.program.schema.global_id(unknown.identity, key.unwrap_or("")))
        }
    }
}

/// All identities in order of global id, cut into blocks.
fn blocks(program: &Program, population: &Population, block: usize) -> Vec<(IdentityId, Range<u32>)> {
    let mut types: Vec<usize> = (0..population.types.len()).collect();
    // Ids of several types are `name:key`; no name holds a `:`, so types don't mix.
    types.sort_by_key(|&ty| format!("{}:", program.schema.identities[ty].name));
    types
        .into_iter()
        .flat_map(|ty| {
            let rows = population.types[ty].len();
            (0..rows)
                .step_by(block)
                .map(move |start| (IdentityId(ty as u32), start as u32..rows.min(start + block) as u32))
        })
        .collect()
}

/// Gives the entitlements of all blocks common ids, and puts holdings in these, in order. What is left is by block: the
/// common id of each of its own.
fn common_ids(
    results: &mut [BlockResult],
    blocks: &[(IdentityId, Range<u32>)],
    ways: &[Way<'_>],
    ready: &Ready,
    known: &mut Entitlements,
) -> Vec<Vec<EntId>> {
    let shape = &ready.shape;
    let statics = |ty: IdentityId| ways[ty.index()].items();
    let used: Vec<Vec<u32>> = results.par_iter().map(BlockResult::statics).collect();
    let mut of_statics: Vec<Vec<EntId>> =
        ways.iter().map(|way| vec![EntId(u32::MAX); way.items().len()]).collect();
    let mut numbers: Vec<Vec<EntId>> = Vec::with_capacity(results.len());
    // In the order of blocks: new ids in the order in which the first block met them.
    for ((block, used), (ty, _)) in results.iter().zip(used).zip(blocks) {
        let mut intern = |e: (AppId, KindId, &str)| known.intern(e.0, e.1, e.2, shape.folds(e.0, e.1));
        let own = block.entitlements.iter().map(|(_, e)| intern((e.app, e.kind, &e.value))).collect();
        for number in used {
            let id = &mut of_statics[ty.index()][number as usize];
            if id.0 == u32::MAX {
                let e = &statics(*ty)[number as usize];
                *id = intern((e.app, e.kind, &e.value));
            }
        }
        numbers.push(own);
    }
    let (known, of_statics) = (&*known, &of_statics);
    results.par_iter_mut().zip(&numbers).zip(blocks).for_each(|((block, own), (ty, _))| {
        for id in block.holdings.items_mut() {
            *id = match id.0.checked_sub(STATIC) {
                Some(number) => of_statics[ty.index()][number as usize],
                None => own[id.0 as usize],
            };
        }
        block.holdings.each_mut(|list| {
            if !list.is_sorted_by_key(|id| known.same_as(*id)) {
                list.sort_unstable_by_key(|id| known.same_as(*id));
            }
        });
    });
    numbers
}

/// The results of blocks that were decided one identity after another, put together.
pub(crate) fn put_together(
    results: Vec<BlockResult>,
    blocks: &[(IdentityId, Range<u32>)],
    population: &Population,
    moment: &Moment,
    ready: &Ready,
) -> Desired {
    let ways: Vec<Way<'_>> = population.types.iter().map(|_| Way::Rows(RuleIndex::nobody())).collect();
    merge(results, blocks, &ways, population, moment, ready)
}

fn merge(
    mut results: Vec<BlockResult>,
    blocks: &[(IdentityId, Range<u32>)],
    ways: &[Way<'_>],
    population: &Population,
    moment: &Moment,
    ready: &Ready,
) -> Desired {
    let mut desired = Desired {
        at: moment.clone(),
        ids: Vec::with_capacity(population.len()),
        rows: Vec::with_capacity(population.len()),
        states: Vec::with_capacity(population.len()),
        flags: Vec::with_capacity(population.len()),
        settled: Vec::new(),
        holds: BTreeMap::new(),
        accounts: Csr::default(),
        holdings: Csr::default(),
        withheld: Vec::new(),
        unmatched: Vec::new(),
        exceptions: Arc::default(),
        idle_exceptions: Vec::new(),
        denied_roles: Vec::new(),
        active_denies: BTreeMap::new(),
        ran_out: BTreeMap::new(),
        unreadable: Vec::new(),
        forbidden_roles: Vec::new(),
        out: Vec::new(),
        separated: Vec::new(),
        active_forbids: BTreeMap::new(),
        keeps: BTreeMap::new(),
        entered: BTreeMap::new(),
        would: Default::default(),
        names: Vec::new(),
        links: Vec::new(),
        writes: Vec::new(),
        conflicts: Default::default(),
        recalled: BTreeMap::new(),
        entitlements: Entitlements::default(),
        counts: population.counts.clone(),
        rejections: population.rejections.clone(),
    };
    let numbers = common_ids(&mut results, blocks, ways, ready, &mut desired.entitlements);
    for ((block, ids), (ty, rows)) in results.into_iter().zip(numbers).zip(blocks) {
        let base = desired.ids.len() as u32;
        desired.ids.extend(block.ids);
        if !block.settled.is_empty() {
            desired.settled.resize(population.len().div_ceil(64), 0);
        }
        for (at, _) in (base..).zip(block.settled).filter(|(_, settled)| *settled) {
            desired.settled[at as usize / 64] |= 1 << (at % 64);
        }
        desired.rows.extend(rows.clone().map(|row| (*ty, row)));
        desired.states.extend(block.states);
        desired.flags.extend(block.flags);
        desired.holds.extend(block.holds.into_iter().map(|(at, r)| (base + at, r)));
        desired.accounts.append(block.accounts);
        desired.holdings.append(block.holdings);
        desired.writes.extend(block.writes.into_iter().map(|(at, (writeback, from, to))| {
            let position = base + at;
            WriteBack { position, writeback, from, to }
        }));
        let withheld =
            block.withheld.into_iter().map(|(at, id, issue)| (base + at, ids[id.0 as usize], issue));
        desired.withheld.extend(withheld);
        desired
            .denied_roles
            .extend(block.denied_roles.into_iter().map(|(at, r, e, args)| (base + at, r, e, args)));
        desired.ran_out.extend(block.ran_out.into_iter().map(|(at, r)| (base + at, r)));
        desired.active_denies.extend(block.active_denies.into_iter().map(|(at, d)| (base + at, d)));
        desired
            .forbidden_roles
            .extend(block.forbidden_roles.into_iter().map(|(at, f, args)| (base + at, f, args)));
        desired.out.extend(block.out.into_iter().map(|(at, f, why)| (base + at, f, why)));
        for (at, mut hit) in block.separated {
            for (_, item) in &mut hit.items {
                if let Separated::Entitlement(id) = item {
                    *id = ids[id.0 as usize];
                }
            }
            hit.items.sort_unstable();
            desired.separated.push((base + at, hit));
        }
        desired.keeps.extend(block.keeps.into_iter().map(|(at, k)| (base + at, k)));
        desired.entered.extend(block.entered.into_iter().map(|(at, e)| (base + at, e)));
        desired.active_forbids.extend(block.active_forbids.into_iter().map(|(at, f)| (base + at, f)));
    }
    desired.withheld.sort_unstable();
    desired
}
