//! What guards say of some people's changes among everyone: for who plans a few at a time.
//! Invariant: where `some` are all for whom anything is to be done, the verdicts are those of the plan of everyone.

use crate::diff::{Context, PlanInput, chunks, work};
use crate::guards::{Tally, first, verdicts};
use crate::names::claims;
use crate::{Verdict, diff::Part};

/// What shares are of: what everyone has.
#[derive(Clone, Debug)]
pub struct Totals {
    tally: Tally,
    /// How many the actual state knows.
    actual: u64,
    /// The first few of them.
    first: Vec<String>,
}

/// How many identities there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Everyone {
    /// In the population.
    pub people: u64,
    /// That only the actual state knows.
    pub missing: u64,
}

impl Totals {
    /// Counts what everyone has. Nobody need be among the desired for it.
    pub fn of(input: PlanInput<'_>) -> Totals {
        let context = Context::new(input);
        let parts = all(&context, &input);
        let mut tally = Tally::new(input.schema);
        parts.into_iter().for_each(|part| tally.add(part.tally));
        Totals { tally: tally.bases_only(), actual: input.actual.ids.len() as u64, first: first(&input) }
    }
}

fn all<'a>(context: &Context<'a>, input: &PlanInput<'a>) -> Vec<Part<'a>> {
    let chunks = chunks(&input.desired.ids, &input.actual.ids);
    let every: Vec<usize> = (0..chunks.len()).collect();
    work(context, &chunks, &every)
}

/// What the guards say of the changes of some, in whose input nobody else is.
pub fn judge_some(input: PlanInput<'_>, totals: &Totals, everyone: Everyone) -> Vec<Verdict> {
    let mut context = Context::new(input);
    let mut parts = all(&context, &input);
    context.claims = claims(&context, parts.iter().flat_map(|p| &p.wishes).copied());
    if !context.claims.is_empty() {
        parts = all(&context, &input);
    }
    let mut tally = Tally::new(input.schema);
    parts.into_iter().for_each(|part| tally.add(part.tally));
    tally.take_bases(&totals.tally);
    tally.missing = (everyone.people + everyone.missing).saturating_sub(input.desired.ids.len() as u64);
    let mut said = verdicts(&input, &tally);
    for verdict in said.iter_mut().filter(|v| v.what == "population") {
        verdict.tripped = everyone.people == 0 && totals.actual > 0;
        verdict.count = everyone.people;
        verdict.limit = u64::from(totals.actual > 0);
        verdict.base = Some(totals.actual);
        verdict.hit = if verdict.tripped { totals.first.clone() } else { Vec::new() };
    }
    said
}
