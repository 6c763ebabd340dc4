//! The JIT: conditions that read several inputs of an identity, compiled to machine code that walks the columns.
//!
//! A condition becomes terms (`lower`), terms become a function (`emit`, `days`), a population gives it the addresses
//! of what it reads (`bind`), and all `unsafe` of the crate is in `code`.
//!
//! Invariant: a kernel says what the interpreter says, or asks it.

mod bind;
mod code;
mod days;
mod emit;
mod lower;
mod term;

use bind::Binder;
use code::Entry;
use lower::Refusal;
use prov_ir::{Compiler, Coverage, ExprId, Kernel, Kernels, Program};
use prov_model::{IdentityId, Moment, Population};
use term::Terms;

/// Compiles conditions for the machine at hand.
#[derive(Clone, Copy, Debug, Default)]
pub struct Jit;

/// Kernels of one identity type. Their memory is freed with the last that uses it.
struct Compiled {
    identity: IdentityId,
    conditions: Vec<Result<(Terms, Entry), Refusal>>,
    coverage: Vec<Coverage>,
}

impl Compiler for Jit {
    fn compile(&self, program: &Program, identity: IdentityId, conditions: &[ExprId]) -> Box<dyn Kernels> {
        let terms: Vec<_> = conditions.iter().map(|id| lower::lower(program, identity, *id)).collect();
        let entries = code::compile(&terms);
        let conditions: Vec<Result<(Terms, Entry), Refusal>> =
            terms.into_iter().zip(entries).map(|(t, e)| Ok((t?, e?))).collect();
        let coverage = conditions.iter().map(|c| match c {
            Ok(_) => Coverage::Compiled,
            Err(why) => Coverage::Not((*why).into()),
        });
        Box::new(Compiled { identity, coverage: coverage.collect(), conditions })
    }

    fn takes(&self, program: &Program, identity: IdentityId, condition: ExprId) -> bool {
        lower::lower(program, identity, condition).is_ok()
    }
}

impl Kernels for Compiled {
    fn coverage(&self) -> &[Coverage] {
        &self.coverage
    }

    fn over<'a>(
        &'a self,
        population: &'a Population,
        moment: &Moment,
        states: &'a [Vec<u32>],
    ) -> Vec<Option<Box<dyn Kernel + 'a>>> {
        let mut binder = Binder::new(population, moment, states, self.identity);
        let conditions = self.conditions.iter();
        conditions.map(|c| c.as_ref().ok().and_then(|(terms, entry)| binder.bind(terms, entry))).collect()
    }
}
