//! Some of a population decided. Invariant: as a run over everyone decides them, where nothing hangs on who else there is.

use super::Who;
use crate::by_hand::ByHand;
use crate::columns::{Matched, Plains};
use crate::evaluate::{BlockResult, Engine, put_together};
use crate::interp::{Interp, Subject};
use crate::world::World;
use prov_model::{Background, Desired, IdentityId, Moment, Population};
use std::ops::Range;

impl Engine {
    /// What some of a population should have, in order of global id; no names are given. `given` are the states of all, and
    /// who was given what by hand. `then` is told it, and may ask why.
    pub(super) fn with_some<T>(
        &self,
        population: &Population,
        of: &[Who],
        moment: &Moment,
        background: &Background,
        given: (&[Vec<u32>], &ByHand),
        then: impl FnOnce(Desired, &Plains<'_>) -> T,
    ) -> T {
        let world = self.ready().world(population, moment, background, Some(given.0));
        let world = World { by_hand: Some(given.1), ..world };
        let desired = self.some(world, population, of, background);
        let sides = population.types.iter().map(|_| None);
        then(desired, &Plains::of_run(self, world, sides, Matched::default()))
    }

    fn some(
        &self,
        world: World<'_>,
        population: &Population,
        of: &[Who],
        background: &Background,
    ) -> Desired {
        let ready = self.ready();
        let world = World { program: &ready.program, ..world };
        let blocks: Vec<(IdentityId, Range<u32>)> = of.iter().map(|(ty, row)| (*ty, *row..row + 1)).collect();
        let mut results = Vec::with_capacity(of.len());
        for &(ty, row) in of {
            let mut out = BlockResult::default();
            let mut interp = Interp::new(world, &ready.shape, Subject::Identity(ty, row));
            let decision = interp.decide(|_| false);
            let key = population.of(ty).table.key(row).unwrap_or("");
            out.ids.push(world.program.schema.global_id(ty, key).into());
            out.push(0, (ty, row), decision, world);
            out.entitlements = std::mem::take(&mut interp.interner.entitlements);
            results.push(out);
        }
        let mut desired = put_together(results, &blocks, population, world.moment, ready);
        desired.exceptions = background.exceptions.clone();
        desired.recalled = self.recalled(&desired, background);
        if let Some(trials) = &ready.trials {
            trials.compare(self, &mut desired, |engine| engine.some(world, population, of, background));
        }
        desired
    }
}
