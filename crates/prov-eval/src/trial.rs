//! What would be if what is observed (`@stage(observe)`) were applied: the same population, run by the policy as it
//! would be, and compared.
//! Invariant: a trial is a whole run by the same engine, so that what it shows is what would happen.

use crate::evaluate::Engine;
use crate::shape::Shape;
use crate::world::{Catalogs, LookupTable};
use prov_ir::Program;
use prov_model::{Desired, EntId, Entitlements};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The policy as it would be.
pub(crate) struct Trials {
    /// With everything that is observed applied.
    pub all: Engine,
    /// With what gives applied, and what withholds not; where both are observed.
    giving: Option<Engine>,
    /// Whether anything is observed that gives.
    gives: bool,
}

impl Trials {
    /// The trials of a program; none where nothing is observed.
    pub(crate) fn of(
        program: &Arc<Program>,
        tables: &Arc<[LookupTable]>,
        catalogs: &Catalogs,
    ) -> Option<Trials> {
        let observed = &program.observed;
        if observed.is_empty() {
            return None;
        }
        let engine = |withholds| Engine::alone(program.trial(withholds).into(), tables.clone(), catalogs);
        let giving = (observed.gives() && observed.withholds()).then(|| engine(false));
        Some(Trials { all: engine(true), giving, gives: observed.gives() })
    }

    /// Notes in what everyone should have how it would be otherwise.
    pub(crate) fn compare(&self, tuned: &Engine, desired: &mut Desired, run: impl Fn(&Engine) -> Desired) {
        let shape = &tuned.ready().shape;
        let run = |engine: &Engine| run(&engine.tuned_as(tuned));
        let all = run(&self.all);
        let giving = self.giving.as_ref().map(run);
        let giving = giving.as_ref().unwrap_or(&all);
        let mut would = prov_model::Would::default();
        for position in 0..desired.ids.len() {
            let at = position as u32;
            if desired.flags[position].held {
                continue;
            }
            let now = same(&desired.entitlements, desired.holdings.get(position));
            if self.gives {
                if giving.flags[position].held {
                    would.unsure.push((at, true));
                } else {
                    let then = theirs(&mut desired.entitlements, giving, position, shape);
                    let more = then.iter().filter(|(same, _)| !now.contains_key(same));
                    would.spares.extend(more.map(|(_, id)| (at, *id)));
                }
            }
            if all.flags[position].held {
                if would.unsure.last().is_none_or(|(last, _)| *last != at) {
                    would.unsure.push((at, false));
                }
                continue;
            }
            let then = theirs(&mut desired.entitlements, &all, position, shape);
            let more = then.iter().filter(|(same, _)| !now.contains_key(same));
            would.gives.extend(more.map(|(_, id)| (at, *id)));
            let less = now.iter().filter(|(same, _)| !then.contains_key(same));
            would.withholds.extend(less.map(|(_, id)| (at, *id)));
        }
        desired.would = would;
    }
}

fn same(known: &Entitlements, list: &[EntId]) -> BTreeMap<EntId, EntId> {
    list.iter().map(|id| (known.same_as(*id), *id)).collect()
}

/// What someone would hold, in the ids of what they should hold now.
fn theirs(
    known: &mut Entitlements,
    other: &Desired,
    position: usize,
    shape: &Shape,
) -> BTreeMap<EntId, EntId> {
    let mut out = BTreeMap::new();
    for id in other.holdings.get(position) {
        let e = other.entitlements.get(*id);
        let id = known.intern(e.app, e.kind, &e.value, shape.folds(e.app, e.kind));
        out.insert(known.same_as(id), id);
    }
    out
}

impl Engine {
    /// The policy with what is observed and gives applied; none where nothing of the kind is observed.
    pub(crate) fn giving(&self) -> Option<&Engine> {
        let trials = self.ready().trials.as_ref().filter(|t| t.gives)?;
        Some(trials.giving.as_ref().unwrap_or(&trials.all))
    }

    /// The policy as it would be with everything applied that is observed; none where nothing is.
    pub fn trial(&self) -> Option<&Engine> {
        self.ready().trials.as_ref().map(|t| &t.all)
    }
}
