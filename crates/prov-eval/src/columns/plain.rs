//! Why those hold what they hold who are decided by columns alone: without the interpreter, from the rules that match.
//! Invariant: what is said of someone here is what [`crate::OneDesired`] says of them; of others nothing is said.

use super::block::{Side, Tools};
use crate::by_hand::ByHand;
use crate::evaluate::Engine;
use crate::interp::{Interp, Subject};
use crate::one::{Cause, way};
use crate::shape::Shape;
use crate::world::{NO_STATE, World};
use prov_model::{
    AppId, Background, Csr, Desired, Entitlement, IdentityId, KindId, Moment, Population, fold,
};
use rustc_hash::FxHashMap;
use std::sync::OnceLock;

/// Answers for a population as it was evaluated.
pub struct Plains<'a> {
    engine: &'a Engine,
    world: World<'a>,
    /// By type, made once someone of it is asked about; none where that would not pay or nobody is plain.
    sides: Vec<OnceLock<Option<OfType<'a>>>>,
    /// What the run itself found, where it kept that.
    matched: Option<Matched>,
}

/// The rules of those whom columns alone decided and who were not settled.
#[derive(Default)]
pub(crate) struct Matched {
    /// Their positions among the desired, sorted.
    pub positions: Vec<u32>,
    /// Rules whose condition holds for them.
    pub rules: Csr<u32>,
}

/// A rule, and the position of a grant in it.
type Giver = (u32, u32);

struct OfType<'a> {
    side: Box<Side<'a>>,
    givers: OnceLock<Givers>,
}

/// Static entitlements as they are compared, with the grants that give them.
type Givers = FxHashMap<(AppId, KindId, Box<str>), Vec<Giver>>;

/// Someone who is decided by columns alone.
#[derive(Clone, Debug)]
pub struct PlainOne {
    /// The number of the state, where the type has a lifecycle.
    pub state: Option<u32>,
    who: (IdentityId, u32),
    /// Rules whose condition holds.
    rules: Vec<u32>,
}

impl std::fmt::Debug for Plains<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plains").finish_non_exhaustive()
    }
}

impl Engine {
    /// The states that a run found, by type and row.
    fn states_found(population: &Population, desired: &Desired) -> Vec<Vec<u32>> {
        let mut states: Vec<Vec<u32>> = population.types.iter().map(|t| vec![NO_STATE; t.len()]).collect();
        for ((ty, row), state) in desired.rows.iter().zip(&desired.states) {
            if let Some(known) = states.get_mut(ty.index()).and_then(|s| s.get_mut(*row as usize)) {
                *known = *state;
            }
        }
        states
    }

    /// Answers about those of a population who are decided by columns alone, where it was evaluated before.
    pub fn with_plains<T>(
        &self,
        population: &Population,
        moment: &Moment,
        background: &Background,
        desired: &Desired,
        then: impl FnOnce(&Plains<'_>) -> T,
    ) -> T {
        let states = Engine::states_found(population, desired);
        let world = self.ready().world(population, moment, background, Some(&states));
        let by_hand = ByHand::of(world.program, population, moment, background, None);
        let world = World { by_hand: Some(&by_hand), ..world };
        let sides = population.types.iter().map(|_| OnceLock::new()).collect();
        then(&Plains { engine: self, world, sides, matched: None })
    }
}

impl<'a> Plains<'a> {
    /// Answers from what a run worked with, and found: the sides of the types that columns decided.
    pub(crate) fn of_run(
        engine: &'a Engine,
        world: World<'a>,
        sides: impl Iterator<Item = Option<Box<Side<'a>>>>,
        matched: Matched,
    ) -> Plains<'a> {
        let ready = |side: Box<Side<'a>>| OfType { side, givers: OnceLock::new() };
        let sides = sides.map(|side| OnceLock::from(side.filter(|s| s.of.statics.flat).map(ready)));
        Plains { engine, world, sides: sides.collect(), matched: Some(matched) }
    }

    fn side(&self, ty: IdentityId) -> Option<&OfType<'a>> {
        let side = self.sides.get(ty.index())?.get_or_init(|| {
            let rows = self.world.population?.of(ty).len();
            let columns = self.engine.columns(rows)?;
            let kernels = self.engine.kernel_use();
            let side = columns.side(self.world, self.shape(), self.world.states?, ty, &kernels);
            side.of.statics.flat.then(|| OfType { side: side.into(), givers: OnceLock::new() })
        });
        side.as_ref()
    }

    fn shape(&self) -> &'a Shape {
        &self.engine.ready().shape
    }

    /// Someone of the population, by position among the desired and by row, where columns alone decide them.
    pub fn of(&self, position: u32, (ty, row): (IdentityId, u32)) -> Option<PlainOne> {
        let of = self.side(ty)?;
        let state = self.world.states?[ty.index()][row as usize];
        if let Some(matched) = &self.matched {
            let at = matched.positions.binary_search(&position).ok()?;
            let state = (state != NO_STATE).then_some(state);
            return Some(PlainOne { state, who: (ty, row), rules: matched.rules.get(at).to_vec() });
        }
        let table = self.world.population?.of(ty);
        if !table.is_whole(row) || of.side.concern(self.world, row).is_some() {
            return None;
        }
        let lifecycle = self.world.program.schema.identity(ty).lifecycle.as_ref();
        let def = lifecycle.and_then(|l| l.defs.get(state as usize));
        if state == NO_STATE && lifecycle.is_some() || of.side.is_told(def) {
            return None;
        }
        let mut tools = Tools::default();
        of.side.matcher.block(row..row + 1, &mut tools.scratch);
        if *tools.scratch.odd.first()? {
            return None;
        }
        let mut interp = Interp::new(self.world, self.shape(), Subject::Identity(ty, row));
        let simple = of.side.find(&mut interp, 0, row, &mut tools);
        let state = (state != NO_STATE).then_some(state);
        simple.is_ok().then_some(PlainOne { state, who: (ty, row), rules: tools.one.rules })
    }

    /// How their rules give them an entitlement, whether or not it can be held: as in [`crate::Caused::causes`].
    pub fn causes(&self, one: &PlainOne, entitlement: &Entitlement) -> Vec<Cause> {
        let (ty, row) = one.who;
        let Some(of) = self.side(ty) else { return Vec::new() };
        let shape = self.shape();
        let (app, kind) = (entitlement.app, entitlement.kind);
        let key: Box<str> = match shape.folds(app, kind) {
            true => fold(&entitlement.value).into(),
            false => entitlement.value.clone(),
        };
        let mut givers = self.givers(of).get(&(app, kind, key.clone())).cloned().unwrap_or_default();
        if let Some(item) = of.side.items.find(app, kind, key) {
            let computed = of.side.of.statics.by_input.iter().zip(0..);
            let gives = computed.filter(|(_, number)| of.side.computed(*number, row) == item);
            givers.extend(gives.map(|(by_input, _)| (by_input.rule, by_input.grant)));
        }
        let mut causes = Vec::new();
        for &(giver, grant) in &givers {
            let through = &shape.rules[giver as usize].had_through;
            for &rule in one.rules.iter().filter(|r| through.binary_search(r).is_ok()) {
                let path = way(self.world.program, shape, rule, giver, |_| true);
                causes.extend(path.map(|path| Cause { path, args: Vec::new(), grant, assignment: None }));
            }
        }
        causes.sort();
        causes.dedup();
        causes
    }
    fn givers<'s>(&self, of: &'s OfType<'a>) -> &'s Givers {
        of.givers.get_or_init(|| {
            let shape = self.shape();
            let mut givers = Givers::default();
            for (number, rule) in self.world.program.rules.iter().enumerate() {
                for (place, grant) in rule.grants.iter().enumerate() {
                    let at = (number as u32, place as u32);
                    let Some(constant) = shape.rules[number].constants[place] else { continue };
                    if self.world.program.observed.grants.contains(&at) {
                        continue;
                    }
                    let value = &shape.constants[constant as usize].value;
                    let folds = shape.folds(grant.app, grant.kind);
                    let key = if folds { fold(value).into() } else { value.as_str().into() };
                    givers.entry((grant.app, grant.kind, key)).or_default().push(at);
                }
            }
            givers
        })
    }
}
