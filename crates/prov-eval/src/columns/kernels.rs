//! Kernels for what formulas leave open: when they are made, and put in their place.
//! Invariant: with kernels or without, who holds what is the same; only who is asked differs.

use super::encode::Encoded;
use super::formula::{Formulas, Node, NodeId};
use crate::evaluate::Engine;
use crate::world::World;
use prov_ir::{ExprId, Kernel};
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
    /// Where that is expected to pay, compiling them included.
    WhereWorth(&'a Engine),
    Always(&'a Engine),
}

/// What asking the interpreter about a condition of one row costs, in nanoseconds. These three were measured by
/// `prov-benches pairs` (benches/README.md).
const ASK: u64 = 115;
/// What a kernel costs a row.
const ROW: u64 = 16;
/// What compiling a kernel costs.
const COMPILE: u64 = 600_000;

impl<'a> Use<'a> {
    /// Puts kernels in place of what is open. `states`: see [`prov_ir::Kernels::over`].
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
            Use::WhereWorth(engine) | Use::Always(engine) => engine,
        };
        let Some(population) = world.population else { return };
        let open = formulas.open().count() as u64;
        if open == 0 {
            return;
        }
        if let Use::WhereWorth(_) = self {
            let rows = population.of(ty).len() as u64;
            let threads = rayon::current_num_threads() as u64;
            // The least that it costs is known before anything is looked at.
            if open * COMPILE > formulas.roots(part).count() as u64 * rows * ASK / threads {
                return;
            }
            let takes = |id| engine.takes(ty, id);
            let (kernels, saved) = gain(encoded, formulas, part, rows, &takes);
            if saved * ASK / threads <= kernels * (COMPILE + rows * ROW / threads) {
                return;
            }
        }
        let Some(kernels) = engine.kernels(ty, part) else { return };
        let conditions = formulas.open();
        let over = kernels.over(population, world.moment, states);
        let found: FxHashMap<_, Box<dyn Kernel + 'a>> =
            conditions.zip(over).filter_map(|(id, kernel)| Some((id, kernel?))).collect();
        encoded.take_kernels(found);
    }
}

/// How many kernels there would be, and about how often they would save asking: once for each row that a rule may have
/// whose condition has nothing open that no kernel takes.
fn gain(
    encoded: &mut Encoded<'_>,
    formulas: &Formulas,
    part: Part,
    rows: u64,
    takes: &dyn Fn(ExprId) -> bool,
) -> (u64, u64) {
    let roots: Vec<NodeId> = formulas.roots(part).collect();
    let bounds = encoded.upper(&roots);
    let taken: FxHashMap<ExprId, bool> = formulas.open().map(|id| (id, takes(id))).collect();
    let mut known = FxHashMap::default();
    let mut saved = 0;
    for root in roots {
        let (bound, exact) = bounds[&root];
        if !exact && settled(&formulas.nodes, root, &taken, &mut known) {
            saved += encoded.guess(bound, rows);
        }
    }
    (taken.values().filter(|takes| **takes).count() as u64, saved)
}

/// Whether kernels take all that is open in a formula.
fn settled(
    nodes: &[Node],
    id: NodeId,
    taken: &FxHashMap<ExprId, bool>,
    known: &mut FxHashMap<NodeId, bool>,
) -> bool {
    if let Some(known) = known.get(&id) {
        return *known;
    }
    let all = match &nodes[id as usize] {
        Node::Open(id) => taken.get(id).copied().unwrap_or(false),
        Node::Not(of) => settled(nodes, *of, taken, known),
        Node::And(list) | Node::Or(list) => list.iter().all(|n| settled(nodes, *n, taken, known)),
        Node::False | Node::True | Node::Closed(_) | Node::Atom(_) | Node::Kernel(_) => true,
    };
    known.insert(id, all);
    all
}
