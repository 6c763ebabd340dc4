//! Kernels for what formulas leave open: when they are made, and put in their place.
//! Invariant: with kernels or without, who holds what is the same; only who is asked differs.

use super::encode::Encoded;
use super::formula::Formulas;
use crate::evaluate::Engine;
use crate::world::World;
use prov_ir::Kernel;
use prov_model::IdentityId;
use rustc_hash::FxHashMap;

/// Which conditions of a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Of its lifecycle.
    States,
    /// Of rules and forbids.
    Rules,
}

/// Whether kernels are used.
#[derive(Clone, Copy)]
pub(crate) enum Use<'a> {
    Never,
    Always(&'a Engine),
}

impl<'a> Use<'a> {
    /// Puts kernels in place of what is open. `states`: see [`prov_ir::Kernels::over`].
    #[expect(
        clippy::too_many_arguments,
        reason = "a type's conditions over a population, and whose they are"
    )]
    pub(crate) fn bring(
        &self,
        encoded: &mut Encoded<'a>,
        formulas: &Formulas,
        world: World<'a>,
        ty: IdentityId,
        part: Part,
        states: &'a [Vec<u32>],
    ) {
        let engine = match self {
            Use::Never => return,
            Use::Always(engine) => engine,
        };
        let Some(population) = world.population else { return };
        if formulas.open().next().is_none() {
            return;
        }
        let Some(kernels) = engine.kernels(ty, part) else { return };
        let conditions = formulas.open();
        let over = kernels.over(population, world.moment, states);
        let found: FxHashMap<_, Box<dyn Kernel + 'a>> =
            conditions.zip(over).filter_map(|(id, kernel)| Some((id, kernel?))).collect();
        encoded.take_kernels(found);
    }
}
