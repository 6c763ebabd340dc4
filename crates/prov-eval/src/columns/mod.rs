//! The columnar engine, engine number two: everyone of a type at once, block by block, over columns.
//!
//! Conditions become formulas over atoms ([`formula`]), values become classes ([`coding`], [`encode`]), a block of rows is
//! matched against all rules ([`matcher`]), and whose rules are all plain ([`statics`]) holds just what these give. Whoever
//! is not that simple is decided by the interpreter, which then looks only at the rules that may hold.
//!
//! Invariant: the result is the interpreter's, whoever is decided here.

mod block;
mod canon;
mod coding;
mod encode;
mod formula;
mod gather;
mod matcher;
mod plain;
mod statics;

pub(crate) use block::{STATIC, Side, Tools};
pub use plain::{PlainOne, Plains};

use crate::interp::{Interp, Subject};
use crate::shape::Shape;
use crate::world::{NO_STATE, World};
use encode::Encoded;
use formula::{Builder, Formulas, Read};
use matcher::{Matcher, Scratch};
use prov_ir::{ExprKind, Program};
use prov_model::IdentityId;
use rayon::prelude::*;
use statics::Statics;

/// A program made ready for columns.
#[derive(Debug)]
pub(crate) struct Columns {
    pub types: Vec<OfType>,
}

/// What belongs to one identity type.
#[derive(Debug)]
pub(crate) struct OfType {
    states: Formulas,
    rules: Formulas,
    pub statics: Statics,
    /// By rule: whether its condition asks for roles.
    asks_roles: Vec<bool>,
}

impl Columns {
    pub(crate) fn of(program: &Program, shape: &Shape) -> Columns {
        let canonical = canon::canonical(program);
        let had_through = |rule: u32| shape.rules[rule as usize].had_through.as_slice();
        let of_type = |ty: usize| {
            let ty = IdentityId(ty as u32);
            let builder = || Builder::new(program, &canonical, ty, shape.gated, &had_through);
            OfType {
                states: builder().states(),
                rules: builder().rules(),
                statics: Statics::of(program, shape, ty),
                asks_roles: program
                    .rules
                    .iter()
                    .map(|r| r.when.is_some_and(|w| asks_roles(program, w)))
                    .collect(),
            }
        };
        Columns { types: (0..program.schema.identities.len()).map(of_type).collect() }
    }

    /// The state of every identity of a type by row; none where that takes the states of others.
    pub(crate) fn states(
        &self,
        world: World<'_>,
        shape: &Shape,
        ty: IdentityId,
        block: usize,
    ) -> Option<Vec<u32>> {
        let formulas = &self.types[ty.index()].states;
        if formulas.inputs.iter().any(|i| i.read == Read::State) {
            return None;
        }
        let table = world.population?.of(ty);
        let mut encoded = Encoded::new(formulas, world, shape, &[], ty);
        let roots: Vec<_> = formulas.states.iter().flatten().copied().collect();
        let bounds = encoded.upper(&roots);
        let conditions: Vec<_> = formulas.states.iter().map(|c| c.map(|c| bounds[&c])).collect();
        let matcher = Matcher::plain(formulas, encoded);
        let starts: Vec<u32> = (0..table.len() as u32).step_by(block).collect();
        let parts: Vec<Vec<u32>> = starts
            .par_iter()
            .map_init(
                || (Scratch::default(), Interp::new(world, shape, Subject::Identity(ty, 0))),
                |(scratch, interp), &start| {
                    let rows = start..(table.len() as u32).min(start + block as u32);
                    matcher.classify_block(rows.clone(), scratch);
                    let state = |(at, row): (usize, u32)| {
                        if !scratch.odd[at] && table.is_whole(row) {
                            for (state, condition) in conditions.iter().enumerate() {
                                match condition {
                                    None => return state as u32,
                                    Some((node, true)) if matcher.test(*node, at, scratch) => {
                                        return state as u32;
                                    }
                                    Some((_, true)) => {}
                                    // Only the interpreter knows this one, and what comes after it.
                                    Some((node, false)) if matcher.test(*node, at, scratch) => {
                                        return asked(interp, ty, row);
                                    }
                                    Some((_, false)) => {}
                                }
                            }
                            return NO_STATE;
                        }
                        asked(interp, ty, row)
                    };
                    rows.enumerate().map(state).collect()
                },
            )
            .collect();
        Some(parts.concat())
    }

    /// A type over its rows.
    pub(crate) fn side<'a>(
        &'a self,
        world: World<'a>,
        shape: &'a Shape,
        states: &'a [Vec<u32>],
        ty: IdentityId,
    ) -> Side<'a> {
        let of = &self.types[ty.index()];
        let rows = world.population.map_or(0, |p| p.of(ty).len());
        let matcher = Matcher::new(&of.rules, Encoded::new(&of.rules, world, shape, states, ty), rows);
        // None that asks for roles may be left to the interpreter, which would have to take all steps.
        let exact = of.asks_roles.iter().zip(&matcher.exact).all(|(asks, exact)| !asks || *exact);
        Side { ty, of, flat: of.statics.flat && exact, matcher }
    }
}

fn asked<'a>(interp: &mut Interp<'a>, ty: IdentityId, row: u32) -> u32 {
    interp.turn_to(Subject::Identity(ty, row));
    interp.state_of(ty, row).unwrap_or(NO_STATE)
}

fn asks_roles(program: &Program, id: prov_ir::ExprId) -> bool {
    let mut open = vec![id];
    let mut seen = rustc_hash::FxHashSet::default();
    while let Some(id) = open.pop() {
        let kind = &program.expr(id).kind;
        if matches!(kind, ExprKind::HasRole(_)) {
            return true;
        }
        kind.children(|child| {
            if seen.insert(child) {
                open.push(child);
            }
        });
    }
    false
}
