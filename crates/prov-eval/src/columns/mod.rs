//! The columnar engine, engine number two: everyone of a type at once, block by block, over columns.
//!
//! Conditions become formulas over atoms ([`formula`]), values become classes ([`coding`], [`encode`]), a block of rows is
//! matched against all rules ([`matcher`]), and whose rules are all plain ([`statics`]) holds just what these give. Whoever
//! is not that simple is decided by the interpreter, which then looks only at the rules that may hold.
//!
//! Invariant: the result is the interpreter's, whoever is decided here.

mod against;
mod block;
mod canon;
mod coding;
mod encode;
mod formula;
mod gather;
mod kernels;
mod matcher;
mod plain;
mod report;
mod statics;

pub(crate) use against::Against;
pub(crate) use block::{STATIC, Side, Tools};
pub(crate) use kernels::{Part, Use};
pub(crate) use plain::Matched;
pub use plain::{PlainOne, Plains};
pub(crate) use statics::Static;

use crate::interp::{Interp, Subject};
use crate::shape::Shape;
use crate::world::{NO_STATE, World};
use block::{ASK, Computed, NOTHING};
use coding::{Coding, UNKNOWN};
use encode::Encoded;
use formula::{Builder, Formulas, NodeId, Read};
use matcher::{Matcher, Scratch};
use prov_ir::{ExprId, Program};
use prov_model::{Entitlement, IdentityId};
use rayon::prelude::*;
use statics::{Items, Statics};

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
    /// By rule: whether its condition asks for what is known only once steps are taken in order.
    asks_steps: Vec<bool>,
    /// Whether federations admit identities of the type.
    pub guests: bool,
}

impl Columns {
    pub(crate) fn of(program: &Program, shape: &Shape) -> Columns {
        let canonical = canon::canonical(program);
        let had_through = |rule: u32| shape.rules[rule as usize].had_through.as_slice();
        let gated = |rule: u32| statics::is_gated(program, shape, rule);
        let of_type = |ty: usize| {
            let ty = IdentityId(ty as u32);
            let builder = || Builder::new(program, &canonical, ty, &gated, &had_through);
            let mut inputs = builder();
            OfType {
                states: builder().states(),
                rules: builder().rules(),
                statics: Statics::of(program, shape, ty, |grant| inputs.input_of(grant)),
                asks_steps: program
                    .rules
                    .iter()
                    .map(|r| r.when.is_some_and(|w| statics::asks_steps(program, w)))
                    .collect(),
                guests: program.schema.federations.iter().any(|f| f.identity == ty),
            }
        };
        Columns { types: (0..program.schema.identities.len()).map(of_type).collect() }
    }

    /// Conditions of a type that no formula says.
    pub(crate) fn open(&self, ty: IdentityId, part: Part) -> Vec<ExprId> {
        let of = &self.types[ty.index()];
        match part {
            Part::States => of.states.open().collect(),
            Part::Rules => of.rules.open().collect(),
        }
    }

    /// The state of every identity of a type by row; none where that takes the states of others.
    pub(crate) fn states(
        &self,
        world: World<'_>,
        shape: &Shape,
        ty: IdentityId,
        block: usize,
        kernels: &Use<'_>,
    ) -> Option<Vec<u32>> {
        let formulas = &self.types[ty.index()].states;
        if formulas.inputs.iter().any(|i| i.read == Read::State) {
            return None;
        }
        let table = world.population?.of(ty);
        let mut encoded = Encoded::new(formulas, world, shape, &[], ty);
        let roots: Vec<_> = formulas.states.iter().flatten().copied().collect();
        kernels.bring(&mut encoded, formulas, world, ty, Part::States, &[]);
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
        kernels: &Use<'a>,
    ) -> Side<'a> {
        let of = &self.types[ty.index()];
        let rows = world.population.map_or(0, |p| p.of(ty).len());
        let mut encoded = Encoded::new(&of.rules, world, shape, states, ty);
        kernels.bring(&mut encoded, &of.rules, world, ty, Part::Rules, states);
        let roots: Vec<NodeId> = of.rules.forbids.iter().flatten().copied().collect();
        let bounds = encoded.upper(&roots);
        // One whose upper bound is false for someone does not act on them.
        let forbids = of.rules.forbids.iter().map(|f| f.map(|f| bounds[&f].0)).collect();
        let matcher = Matcher::new(&of.rules, encoded, rows);
        let exact = of.asks_steps.iter().zip(&matcher.exact).map(|(asks, exact)| !asks || *exact);
        let plain = of.statics.plain.iter().zip(exact).map(|(plain, exact)| *plain && exact).collect();
        let mut items = of.statics.items.clone();
        let computed = computed(of, world, shape, states, ty, &mut items);
        let app = |number: usize| &world.program.schema.app(items.list[number].app).account;
        let bare = |(number, item): (usize, &Static)| item.special.is_none() && app(number).is_none();
        let bare = shape.accounts[ty.index()].is_empty()
            && world.program.schema.writebacks.is_empty()
            && items.list.iter().enumerate().all(bare);
        Side { ty, of, matcher, plain, items, computed, forbids, bare }
    }
}

/// What grants by input give for each value of their inputs that someone has.
fn computed<'a>(
    of: &'a OfType,
    world: World<'a>,
    shape: &'a Shape,
    states: &'a [Vec<u32>],
    ty: IdentityId,
    items: &mut Items,
) -> Vec<Computed<'a>> {
    let Some(population) = world.population else { return Vec::new() };
    let table = population.of(ty);
    let found: Vec<(Option<Coding<'a>>, Vec<Found>)> = of
        .statics
        .by_input
        .par_iter()
        .map(|by_input| {
            let coding = by_input.input.as_ref();
            let coding = coding.map(|i| Coding::new(world.program, population, states, ty, i));
            let mut found = vec![Found::Nothing; coding.as_ref().map_or(1, |c| c.codes as usize)];
            let mut seen = vec![false; found.len()];
            let mut interp = Interp::new(world, shape, Subject::Identity(ty, 0));
            for row in (0..table.len() as u32).filter(|row| table.is_whole(*row)) {
                let code = coding.as_ref().map_or(0, |c| c.code(row));
                if code == UNKNOWN || std::mem::replace(&mut seen[code as usize], true) {
                    continue;
                }
                let mut out = Vec::new();
                interp.turn_to(Subject::Identity(ty, row));
                let result = interp.expand(by_input.rule, by_input.grant, &mut out);
                found[code as usize] = match (result, &out[..]) {
                    (Ok(()), []) => Found::Nothing,
                    (Ok(()), [one]) => Found::One(interp.interner.entitlements.get(one.entitlement).clone()),
                    (Ok(()), _) | (Err(_), _) => Found::Ask,
                };
                if coding.is_none() {
                    break;
                }
            }
            (coding, found)
        })
        .collect();
    let mut number = |found: Found| match found {
        Found::Nothing => NOTHING,
        Found::Ask => ASK,
        Found::One(e) => items.number(world.program, shape, ty, (e.app, e.kind, &e.value)),
    };
    found
        .into_iter()
        .map(|(coding, found)| Computed { coding, items: found.into_iter().map(&mut number).collect() })
        .collect()
}

/// What a grant gives for a value.
#[derive(Clone)]
enum Found {
    Nothing,
    One(Entitlement),
    Ask,
}

fn asked<'a>(interp: &mut Interp<'a>, ty: IdentityId, row: u32) -> u32 {
    interp.turn_to(Subject::Identity(ty, row));
    interp.state_of(ty, row).unwrap_or(NO_STATE)
}
