//! Formulas over one population: for each input its values in classes, for each atom the classes for which it is true.
//! Invariant: values of one class satisfy the same atoms, so that a row is known by the class of each of its inputs.

use super::coding::{Coding, UNKNOWN};
use super::formula::{Formulas, Node, NodeId, Test, is_input};
use crate::interp::{Interp, Subject};
use crate::shape::Shape;
use crate::world::World;
use prov_ir::{ExprId, ExprKind, Kernel};
use prov_model::{Column, CompareOp, IdentityId, IdentityTable, Value, compare};
use rayon::prelude::*;
use rustc_hash::FxHashMap;
use std::cmp::Ordering;

/// Nobody has the value.
const NOBODY: u32 = u32::MAX;

/// A set of small numbers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bits(pub Vec<u64>);

impl Bits {
    pub(crate) fn none(len: u32) -> Bits {
        Bits(vec![0; (len as usize).div_ceil(64)])
    }

    pub(crate) fn set(&mut self, bit: u32) {
        self.0[bit as usize / 64] |= 1 << (bit % 64);
    }

    pub(crate) fn get(&self, bit: u32) -> bool {
        self.0[bit as usize / 64] >> (bit % 64) & 1 == 1
    }

    fn fill(&mut self, from: u32, to: u32) {
        (from..to).for_each(|bit| self.set(bit));
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.0.iter().enumerate().flat_map(|(at, &word)| {
            let mut word = word;
            std::iter::from_fn(move || {
                let bit = (word != 0).then(|| word.trailing_zeros())?;
                word &= word - 1;
                Some(at as u32 * 64 + bit)
            })
        })
    }
}

/// One input over a population.
pub(crate) enum Coded<'a> {
    /// One value a row: the class of each code.
    Single { coding: Coding<'a>, class_of: Vec<u16>, counts: Vec<u64> },
    /// A set a row: the class of each code of its elements; elements of class 0 are in no atom.
    Set { offsets: &'a [u32], column: &'a Column, elements: Coding<'a>, class_of: Vec<u16>, counts: Vec<u64> },
    /// Too much for classes: whoever reads it is asked about by the interpreter.
    Open,
}

/// For which classes an atom is true.
#[derive(Clone, Debug, Default)]
pub(crate) struct Truth {
    pub classes: Bits,
    /// The same as ranges, first and last, where these are few.
    pub ranges: Vec<(u16, u16)>,
    /// How many rows it is true for.
    pub rows: u64,
}

/// Formulas of a type over its rows.
pub(crate) struct Encoded<'a> {
    pub inputs: Vec<Coded<'a>>,
    /// By atom.
    pub truths: Vec<Truth>,
    /// Closed formulas and what is open after all, by node; others are as they stand.
    pub nodes: Vec<Node>,
    /// What decides open conditions without the interpreter.
    pub kernels: Vec<Box<dyn Kernel + 'a>>,
}

impl<'a> Encoded<'a> {
    pub(crate) fn new(
        formulas: &Formulas,
        world: World<'a>,
        shape: &'a Shape,
        states: &'a [Vec<u32>],
        ty: IdentityId,
    ) -> Encoded<'a> {
        let by_input: Vec<Vec<u32>> = {
            let mut lists = vec![Vec::new(); formulas.inputs.len()];
            for (number, atom) in formulas.atoms.iter().enumerate() {
                lists[atom.input as usize].push(number as u32);
            }
            lists
        };
        let parts: Vec<(Coded<'a>, Vec<(u32, Truth)>)> = (0..formulas.inputs.len())
            .into_par_iter()
            .map(|input| {
                let mut coder = Coder {
                    formulas,
                    world,
                    interp: Interp::new(world, shape, Subject::Identity(ty, 0)),
                    ty,
                };
                coder.input(states, input, &by_input[input])
            })
            .collect();
        let mut truths = vec![Truth::default(); formulas.atoms.len()];
        let mut inputs = Vec::with_capacity(parts.len());
        for (coded, of) in parts {
            inputs.push(coded);
            for (atom, truth) in of {
                truths[atom as usize] = truth;
            }
        }
        let mut interp = Interp::new(world, shape, Subject::Identity(ty, 0));
        let open = |atom: u32| matches!(inputs[formulas.atoms[atom as usize].input as usize], Coded::Open);
        let nodes = formulas
            .nodes
            .iter()
            .map(|node| match node {
                Node::Closed(id) => match interp.holds(Some(*id)) {
                    Ok(true) => Node::True,
                    Ok(false) => Node::False,
                    Err(_) => Node::Open(*id),
                },
                Node::Atom(atom) if open(*atom) => Node::Open(ExprId(u32::MAX)),
                node => node.clone(),
            })
            .collect();
        Encoded { inputs, truths, nodes, kernels: Vec::new() }
    }

    /// Has kernels decide what is open, where there are any for it.
    pub(crate) fn take_kernels(&mut self, mut kernels: FxHashMap<ExprId, Box<dyn Kernel + 'a>>) {
        for node in &mut self.nodes {
            if let Node::Open(id) = node
                && let Some(kernel) = kernels.remove(id)
            {
                *node = Node::Kernel(self.kernels.len() as u32);
                self.kernels.push(kernel);
            }
        }
    }

    /// For each formula one that is true at least wherever it is, with nothing open in it, and whether it is the same.
    /// New ones are added to the nodes.
    pub(crate) fn upper(&mut self, roots: &[NodeId]) -> FxHashMap<NodeId, (NodeId, bool)> {
        let mut known = FxHashMap::default();
        let mut out = FxHashMap::default();
        for &root in roots {
            let bound = self.bound(root, true, &mut known);
            out.insert(root, bound);
        }
        out
    }

    /// An upper (or a lower) bound of a formula.
    fn bound(
        &mut self,
        id: NodeId,
        upper: bool,
        known: &mut FxHashMap<(NodeId, bool), (NodeId, bool)>,
    ) -> (NodeId, bool) {
        if let Some(&found) = known.get(&(id, upper)) {
            return found;
        }
        let node = self.nodes[id as usize].clone();
        let found = match node {
            Node::Open(_) => (self.add(if upper { Node::True } else { Node::False }), false),
            Node::False | Node::True | Node::Closed(_) | Node::Atom(_) | Node::Kernel(_) => (id, true),
            Node::Not(of) => {
                let (of, exact) = self.bound(of, !upper, known);
                match self.nodes[of as usize] {
                    Node::True => (self.add(Node::False), exact),
                    Node::False => (self.add(Node::True), exact),
                    _ if exact => (id, true),
                    _ => (self.add(Node::Not(of)), false),
                }
            }
            Node::And(list) => self.bound_all(id, true, &list, upper, known),
            Node::Or(list) => self.bound_all(id, false, &list, upper, known),
        };
        known.insert((id, upper), found);
        found
    }

    fn bound_all(
        &mut self,
        id: NodeId,
        and: bool,
        list: &[NodeId],
        upper: bool,
        known: &mut FxHashMap<(NodeId, bool), (NodeId, bool)>,
    ) -> (NodeId, bool) {
        let (ends, neutral) = if and { (Node::False, Node::True) } else { (Node::True, Node::False) };
        let mut parts = Vec::with_capacity(list.len());
        let (mut exact, mut same) = (true, true);
        for &part in list {
            let (bound, is) = self.bound(part, upper, known);
            if self.nodes[bound as usize] == ends {
                // One that is sure decides, whatever is open in the others.
                if is {
                    return (bound, true);
                }
                return (bound, false);
            }
            exact &= is;
            same &= bound == part;
            if self.nodes[bound as usize] != neutral {
                parts.push(bound);
            }
        }
        let bound = match parts[..] {
            [] => self.add(neutral),
            [one] => one,
            _ if same && parts.len() == list.len() => id,
            _ if and => self.add(Node::And(parts.into())),
            _ => self.add(Node::Or(parts.into())),
        };
        (bound, exact)
    }

    fn add(&mut self, node: Node) -> NodeId {
        self.nodes.push(node);
        self.nodes.len() as NodeId - 1
    }

    /// For how many of so many rows a formula is true, at a guess.
    pub(crate) fn guess(&self, id: NodeId, rows: u64) -> u64 {
        match &self.nodes[id as usize] {
            Node::False => 0,
            Node::True | Node::Closed(_) | Node::Open(_) | Node::Kernel(_) => rows,
            Node::Atom(atom) => self.truths[*atom as usize].rows,
            Node::Not(of) => rows.saturating_sub(self.guess(*of, rows)),
            Node::And(list) => list.iter().map(|n| self.guess(*n, rows)).min().unwrap_or(rows),
            Node::Or(list) => list.iter().map(|n| self.guess(*n, rows)).sum::<u64>().min(rows),
        }
    }
}

struct Coder<'f, 'a> {
    formulas: &'f Formulas,
    world: World<'a>,
    interp: Interp<'a>,
    ty: IdentityId,
}

impl<'a> Coder<'_, 'a> {
    fn table(&self) -> Option<&'a IdentityTable> {
        self.world.population.map(|p| p.of(self.ty))
    }

    /// An input with its atoms.
    fn input(
        &mut self,
        states: &'a [Vec<u32>],
        number: usize,
        atoms: &[u32],
    ) -> (Coded<'a>, Vec<(u32, Truth)>) {
        let (Some(population), Some(table)) = (self.world.population, self.table()) else {
            return (Coded::Open, Vec::new());
        };
        let input = &self.formulas.inputs[number];
        if let super::formula::Read::Attr(attr) = input.read
            && input.through.is_empty()
            && let Some(Column::Set(offsets, elements, _)) = table.table.columns.get(attr.index())
            && let Some(offsets) = offsets.bounds()
            && atoms.iter().all(|a| matches!(self.formulas.atoms[*a as usize].test, Test::Has(_)))
        {
            return self.set(table.table.columns.get(attr.index()), offsets, elements, atoms);
        }
        let coding = Coding::new(self.world.program, population, states, self.ty, input);
        let mut counts = vec![0u64; coding.codes as usize];
        let mut someone = vec![NOBODY; coding.codes as usize];
        for row in 0..table.len() as u32 {
            let code = coding.code(row);
            if code != UNKNOWN && table.is_whole(row) {
                counts[code as usize] += 1;
                if someone[code as usize] == NOBODY {
                    someone[code as usize] = row;
                }
            }
        }
        let mut truths = Vec::with_capacity(atoms.len());
        for &atom in atoms {
            match self.truth(&coding, &someone, self.formulas.atoms[atom as usize].test) {
                Some(bits) => truths.push((atom, bits)),
                None => return (Coded::Open, Vec::new()),
            }
        }
        let Some((class_of, classes)) = classes(coding.codes, truths.iter().map(|(_, bits)| bits), false)
        else {
            return (Coded::Open, Vec::new());
        };
        let counts = by_class(&class_of, &counts, classes);
        let truths = truths.into_iter().map(|(atom, bits)| (atom, Truth::of(&bits, &class_of, &counts)));
        let truths = truths.collect();
        (Coded::Single { coding, class_of, counts }, truths)
    }

    /// A set with what it is asked to contain.
    fn set(
        &mut self,
        column: Option<&'a Column>,
        offsets: &'a [u32],
        elements: &'a Column,
        atoms: &[u32],
    ) -> (Coded<'a>, Vec<(u32, Truth)>) {
        let Some(column) = column else { return (Coded::Open, Vec::new()) };
        let coding = Coding::of_elements(elements);
        if coding.is_presence() {
            return (Coded::Open, Vec::new());
        }
        let mut counts = vec![0u64; coding.codes as usize];
        for row in 0..elements.len() as u32 {
            let code = coding.code(row);
            if code != UNKNOWN {
                counts[code as usize] += 1;
            }
        }
        let mut truths = Vec::with_capacity(atoms.len());
        for &atom in atoms {
            let Test::Has(id) = self.formulas.atoms[atom as usize].test else { continue };
            let Ok(wanted) = self.interp.eval(id) else { return (Coded::Open, Vec::new()) };
            let mut bits = Bits::none(coding.codes);
            if !wanted.is_absent() {
                compared(&coding, CompareOp::Eq, &wanted, &mut bits);
            }
            truths.push((atom, bits));
        }
        let Some((class_of, classes)) = classes(coding.codes, truths.iter().map(|(_, bits)| bits), true)
        else {
            return (Coded::Open, Vec::new());
        };
        let counts = by_class(&class_of, &counts, classes);
        let truths = truths.into_iter().map(|(atom, bits)| (atom, Truth::of(&bits, &class_of, &counts)));
        let truths = truths.collect();
        (Coded::Set { offsets, column, elements: coding, class_of, counts }, truths)
    }

    /// For which codes an atom is true; none where that can't be said by the value alone.
    fn truth(&mut self, coding: &Coding<'a>, someone: &[u32], test: Test) -> Option<Bits> {
        let Test::Holds(id) = test else { return None };
        let mut bits = Bits::none(coding.codes);
        let program = self.world.program;
        let mut expr = program.expr(id);
        while let ExprKind::Named(_, of) = &expr.kind {
            expr = program.expr(*of);
        }
        match &expr.kind {
            ExprKind::IsPresent(of) if is_input(program, *of) => {
                bits.fill(1, coding.codes);
                return Some(bits);
            }
            ExprKind::Compare(op, of, with) if is_input(program, *of) && !coding.is_presence() => {
                if let Some(wanted) = self.closed(*with) {
                    if !wanted.is_absent() {
                        compared(coding, *op, &wanted, &mut bits);
                    }
                    return Some(bits);
                }
            }
            ExprKind::Contains(set, of) if is_input(program, *of) && !coding.is_presence() => {
                if let ExprKind::Const(Value::Set(elements)) = &program.expr(*set).kind {
                    for element in elements {
                        compared(coding, CompareOp::Eq, &crate::world::borrow(element), &mut bits);
                    }
                    return Some(bits);
                }
            }
            _ => {}
        }
        for (code, &row) in someone.iter().enumerate() {
            if row == NOBODY {
                continue;
            }
            self.interp.turn_to(Subject::Identity(self.ty, row));
            if self.interp.holds(Some(id)).ok()? {
                bits.set(code as u32);
            }
        }
        Some(bits)
    }

    /// The value of an expression that reads no row.
    fn closed(&mut self, id: ExprId) -> Option<Value<'a>> {
        let program = self.world.program;
        let mut open = vec![id];
        while let Some(id) = open.pop() {
            match &program.expr(id).kind {
                ExprKind::Const(_) | ExprKind::Today | ExprKind::Now => {}
                ExprKind::Named(_, of) | ExprKind::Neg(of) | ExprKind::ToText(of) => open.push(*of),
                ExprKind::Arith(_, a, b) => open.extend([*a, *b]),
                _ => return None,
            }
        }
        self.interp.eval(id).ok()
    }
}

/// The codes for which a comparison with a value holds.
fn compared(coding: &Coding<'_>, op: CompareOp, wanted: &Value<'_>, bits: &mut Bits) {
    let order = |code: u32| coding.value(code).map(|v| compare(&v, wanted));
    if coding.is_ordered() {
        let below = partition(1, coding.codes, |c| order(c) == Some(Ordering::Less));
        let end = partition(below, coding.codes, |c| order(c) == Some(Ordering::Equal));
        for (from, to, is) in [
            (1, below, Ordering::Less),
            (below, end, Ordering::Equal),
            (end, coding.codes, Ordering::Greater),
        ] {
            if op.holds(is) {
                bits.fill(from, to);
            }
        }
        return;
    }
    if op == CompareOp::Eq && coding.equal_to(wanted, |code| bits.set(code)) {
        return;
    }
    for code in 1..coding.codes {
        if order(code).is_some_and(|o| op.holds(o)) {
            bits.set(code);
        }
    }
}

/// The first code of a range for which what holds for its beginning does not.
fn partition(from: u32, to: u32, holds: impl Fn(u32) -> bool) -> u32 {
    let (mut low, mut high) = (from, to);
    while low < high {
        let middle = low + (high - low) / 2;
        if holds(middle) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

/// Codes that satisfy the same atoms, in order of their first. With `apart`, class 0 is of those that satisfy none.
/// None where there are more than a class number can say.
fn classes<'b>(codes: u32, atoms: impl Iterator<Item = &'b Bits>, apart: bool) -> Option<(Vec<u16>, u32)> {
    let mut class_of = vec![0u32; codes as usize];
    let (mut sizes, mut hits, mut becomes) = (vec![codes], vec![0u32], vec![0u32]);
    let mut hit: Vec<u32> = Vec::new();
    for bits in atoms {
        for code in bits.iter() {
            let class = class_of[code as usize];
            if hits[class as usize] == 0 {
                hit.push(class);
            }
            hits[class as usize] += 1;
        }
        // A class of which only a part is hit is split.
        for class in hit.drain(..) {
            let count = std::mem::take(&mut hits[class as usize]);
            becomes[class as usize] = class;
            if count < sizes[class as usize] {
                becomes[class as usize] = sizes.len() as u32;
                sizes[class as usize] -= count;
                sizes.push(count);
                hits.push(0);
                becomes.push(0);
            }
        }
        for code in bits.iter() {
            let class = &mut class_of[code as usize];
            *class = becomes[*class as usize];
        }
    }
    let mut names = vec![NOBODY; sizes.len()];
    let mut next = 0;
    if apart {
        // Code 0 is nothing, and in no atom.
        names[class_of[0] as usize] = 0;
        next = 1;
    }
    for class in &mut class_of {
        let name = &mut names[*class as usize];
        if *name == NOBODY {
            *name = next;
            next += 1;
        }
        *class = *name;
    }
    let small: Option<Vec<u16>> = class_of.into_iter().map(|c| u16::try_from(c).ok()).collect();
    Some((small?, next))
}

fn by_class(class_of: &[u16], counts: &[u64], classes: u32) -> Vec<u64> {
    let mut out = vec![0; classes as usize];
    for (class, count) in class_of.iter().zip(counts) {
        out[*class as usize] += count;
    }
    out
}

/// Ranges that an atom is tested by, at most.
const RANGES: usize = 6;

impl Truth {
    fn of(codes: &Bits, class_of: &[u16], counts: &[u64]) -> Truth {
        let mut classes = Bits::none(counts.len() as u32);
        for code in codes.iter() {
            classes.set(u32::from(class_of[code as usize]));
        }
        let mut ranges: Vec<(u16, u16)> = Vec::new();
        let mut rows = 0;
        for class in classes.iter() {
            rows += counts[class as usize];
            let class = class as u16;
            match ranges.last_mut() {
                Some((_, last)) if *last + 1 == class => *last = class,
                _ => ranges.push((class, class)),
            }
        }
        if ranges.len() > RANGES {
            ranges.clear();
        }
        Truth { classes, ranges, rows }
    }
}
