//! Why those hold what they hold who are decided by columns alone: without the interpreter, from the rules that match.
//! Invariant: what is said of someone here is what [`crate::OneDesired`] says of them; of others nothing is said.

use super::block::Side;
use super::matcher::Scratch;
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

struct OfType<'a> {
    side: Side<'a>,
    /// Static entitlements as they are compared, with the grants that give them: rule, position.
    givers: FxHashMap<(AppId, KindId, Box<str>), Vec<(u32, u32)>>,
}

/// Someone who is decided by columns alone.
#[derive(Clone, Debug)]
pub struct PlainOne {
    /// The number of the state, where the type has a lifecycle.
    pub state: Option<u32>,
    identity: IdentityId,
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
            if !side.flat {
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
        let id = || self.world.program.schema.global_id(ty, table.table.key(row).unwrap_or(""));
        let memory = &self.world.background?.memory;
        let remembered =
            |known: bool| known && (memory.entered.contains_key(&id()) || memory.keeps.contains_key(&id()));
        if !table.is_whole(row)
            || self.by_hand.is_about(ty, row)
            || remembered(!memory.entered.is_empty() || !memory.keeps.is_empty())
        {
            return None;
        }
        let state = self.world.states?[ty.index()][row as usize];
        if state == NO_STATE && self.world.program.schema.identity(ty).lifecycle.is_some() {
            return None;
        }
        let mut scratch = Scratch::default();
        of.side.matcher.block(row..row + 1, &mut scratch);
        if *scratch.odd.first()? {
            return None;
        }
        let mut rules = std::mem::take(scratch.rules.first_mut()?);
        if !rules.iter().all(|r| of.side.of.statics.plain[*r as usize]) {
            return None;
        }
        if rules.iter().any(|r| !of.side.matcher.exact[*r as usize]) {
            let shape = &self.engine.ready().shape;
            let mut interp = Interp::new(self.world, shape, Subject::Identity(ty, row));
            let mut sure = true;
            rules.retain(|&rule| {
                let when = self.world.program.rules[rule as usize].when;
                of.side.matcher.exact[rule as usize]
                    || interp.holds(when).unwrap_or_else(|_| {
                        sure = false;
                        false
                    })
            });
            if !sure {
                return None;
            }
        }
        Some(PlainOne { state: (state != NO_STATE).then_some(state), identity: ty, rules })
    }

    /// How their rules give them an entitlement, whether or not it can be held: as in [`crate::Caused::causes`].
    pub fn causes(&self, one: &PlainOne, entitlement: &Entitlement) -> Vec<Cause> {
        let Some(of) = self.side(one.identity) else { return Vec::new() };
        let shape = &self.engine.ready().shape;
        let (app, kind) = (entitlement.app, entitlement.kind);
        let key = match shape.folds(app, kind) {
            true => fold(&entitlement.value).into(),
            false => entitlement.value.clone(),
        };
        let mut causes = Vec::new();
        for &(giver, grant) in of.givers.get(&(app, kind, key)).into_iter().flatten() {
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
