//! Why those hold what they hold who are decided by columns alone: without the interpreter, from the rules that match.
//! Invariant: what is said of someone here is what [`crate::OneDesired`] says of them; of others nothing is said.

use super::block::{Side, Tools};
use crate::by_hand::ByHand;
use crate::evaluate::Engine;
use crate::interp::{Interp, Subject};
use crate::one::{Cause, way};
use crate::world::{NO_STATE, World};
use prov_model::{AppId, Background, Desired, Entitlement, IdentityId, KindId, Moment, Population, fold};
use rustc_hash::FxHashMap;
use std::sync::OnceLock;

/// Answers for a population as it was evaluated.
pub struct Plains<'a> {
    engine: &'a Engine,
    world: World<'a>,
    by_hand: ByHand,
    /// By type, made once someone of it is asked about; none where that would not pay or nobody is plain.
    sides: Vec<OnceLock<Option<OfType<'a>>>>,
}

/// A rule, and the position of a grant in it.
type Giver = (u32, u32);

struct OfType<'a> {
    side: Side<'a>,
    /// Static entitlements as they are compared, with the grants that give them: rule, position.
    givers: FxHashMap<(AppId, KindId, Box<str>), Vec<Giver>>,
}

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
    pub fn states_found(population: &Population, desired: &Desired) -> Vec<Vec<u32>> {
        let mut states: Vec<Vec<u32>> = population.types.iter().map(|t| vec![NO_STATE; t.len()]).collect();
        for ((ty, row), state) in desired.rows.iter().zip(&desired.states) {
            if let Some(known) = states.get_mut(ty.index()).and_then(|s| s.get_mut(*row as usize)) {
                *known = *state;
            }
        }
        states
    }

    /// Answers about those of a population who are decided by columns alone. `states` are those that the run found.
    pub fn plains<'a>(
        &'a self,
        population: &'a Population,
        moment: &'a Moment,
        background: &'a Background,
        states: &'a [Vec<u32>],
    ) -> Plains<'a> {
        let world = self.ready().world(population, moment, background, Some(states));
        let by_hand = ByHand::of(world.program, population, moment, background, None);
        let sides = population.types.iter().map(|_| OnceLock::new()).collect();
        Plains { engine: self, world, by_hand, sides }
    }
}

impl<'a> Plains<'a> {
    fn side(&self, ty: IdentityId) -> Option<&OfType<'a>> {
        let side = self.sides.get(ty.index())?.get_or_init(|| {
            let rows = self.world.population?.of(ty).len();
            let columns = self.engine.columns(rows)?;
            let shape = &self.engine.ready().shape;
            let side = columns.side(self.world, shape, self.world.states?, ty);
            if !side.of.statics.flat {
                return None;
            }
            let mut givers: FxHashMap<_, Vec<_>> = FxHashMap::default();
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
            Some(OfType { side, givers })
        });
        side.as_ref()
    }

    /// Someone of the population, where columns alone decide them.
    pub fn of(&self, (ty, row): (IdentityId, u32)) -> Option<PlainOne> {
        let of = self.side(ty)?;
        let table = self.world.population?.of(ty);
        if !table.is_whole(row) || self.by_hand.is_about(ty, row) || of.side.is_remembered(self.world, row) {
            return None;
        }
        let state = self.world.states?[ty.index()][row as usize];
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
        let shape = &self.engine.ready().shape;
        let mut interp = Interp::new(self.world, shape, Subject::Identity(ty, row));
        let simple = of.side.find(&mut interp, 0, row, &mut tools);
        let state = (state != NO_STATE).then_some(state);
        simple.then_some(PlainOne { state, who: (ty, row), rules: tools.one.rules })
    }

    /// How their rules give them an entitlement, whether or not it can be held: as in [`crate::Caused::causes`].
    pub fn causes(&self, one: &PlainOne, entitlement: &Entitlement) -> Vec<Cause> {
        let (ty, row) = one.who;
        let Some(of) = self.side(ty) else { return Vec::new() };
        let shape = &self.engine.ready().shape;
        let (app, kind) = (entitlement.app, entitlement.kind);
        let key: Box<str> = match shape.folds(app, kind) {
            true => fold(&entitlement.value).into(),
            false => entitlement.value.clone(),
        };
        let mut givers = of.givers.get(&(app, kind, key.clone())).cloned().unwrap_or_default();
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
}
