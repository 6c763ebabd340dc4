//! Kernels: conditions of one identity type made ready to be decided for many rows at once, by whoever can.
//! Invariant: a kernel says *holds* of a row only where the condition holds by the scalar meaning, and *asks* wherever it
//! can't tell; of a row that is neither the condition does not hold. Attributes of the row itself count as readable: whoever
//! uses kernels sees to broken records first.

use crate::{ExprId, Program};
use prov_model::{IdentityId, Moment, Population};
use std::borrow::Cow;
use std::ops::Range;

/// Makes kernels.
pub trait Compiler: Send + Sync {
    /// Kernels for conditions of an identity type, in their order. Never fails: what can't be made is in
    /// [`Kernels::coverage`].
    fn compile(&self, program: &Program, identity: IdentityId, conditions: &[ExprId]) -> Box<dyn Kernels>;

    /// Whether a condition would be compiled, as far as that can be told without compiling it.
    fn takes(&self, program: &Program, identity: IdentityId, condition: ExprId) -> bool;
}

/// Conditions made ready, whatever the population.
pub trait Kernels: Send + Sync {
    /// By condition, in the order in which they were given.
    fn coverage(&self) -> &[Coverage];

    /// Kernels over a population; none where there is none for the condition, or where it can't be used over this one.
    /// `states` are those of all identities by type and row; empty where they aren't known yet.
    fn over<'a>(
        &'a self,
        population: &'a Population,
        moment: &Moment,
        states: &'a [Vec<u32>],
    ) -> Vec<Option<Box<dyn Kernel + 'a>>>;
}

/// A condition over the rows of a population.
pub trait Kernel: Send + Sync {
    /// Decides rows, one bit each from the lowest of the first word; bits beyond the last row are 0. Both slices have as
    /// many words as that takes.
    fn fill(&self, rows: Range<u32>, holds: &mut [u64], asks: &mut [u64]);
}

/// Whether there is a kernel for a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Coverage {
    /// There is.
    Compiled,
    /// There is none, since: what it does that no kernel does.
    Not(Cow<'static, str>),
}
