//! Which rules hold for a block of rows of one type.
//! Invariant: what comes out for a row that can be trusted is exact: all rules whose condition holds, once each, but those
//! that the interpreter must be asked about; these are at least all of theirs.
//!
//! Rules are met in one of two ways. Where a part of the condition holds for few (its *driver*), the rule waits at the
//! classes of that input and is looked at only for rows that have one of them (Whang et al., Indexing Boolean
//! Expressions, VLDB 2009). The others are worked out for the whole block at once, 64 rows a word.

use super::coding::UNKNOWN;
use super::encode::{Coded, Encoded};
use super::formula::{Formulas, Node, NodeId};
use rustc_hash::FxHashMap;
use std::ops::Range;

/// A driver holds for at most one row in so many.
const DRIVES: u64 = 24;

/// A rule that waits at a class.
#[derive(Clone, Copy)]
struct Waiting {
    rule: u32,
    /// What remains to be tested; [`NOTHING`] where the driver is all.
    rest: NodeId,
}

const NOTHING: NodeId = NodeId::MAX;

/// Rules that wait at the classes of one input.
#[derive(Default)]
struct Queue {
    /// By class: where its rules begin.
    offsets: Vec<u32>,
    rules: Vec<Waiting>,
}

/// Where a rule is met.
#[derive(Clone, Copy)]
pub(crate) enum Place {
    /// By nobody.
    Nowhere,
    /// At the classes for which an atom is true.
    List { atom: u32, rest: NodeId },
    /// Among the words, as this formula.
    Words(NodeId),
}

pub(crate) struct Matcher<'a> {
    pub encoded: Encoded<'a>,
    atoms: Vec<u32>,
    queues: Vec<Queue>,
    /// Rules that are worked out for all rows, with their formula.
    dense: Vec<(u32, NodeId)>,
    /// What they are made of, parts first, with the place of each among the words.
    order: Vec<NodeId>,
    slots: FxHashMap<NodeId, u32>,
    /// By rule: whether its formula is exact; else the interpreter has the last word.
    pub exact: Vec<bool>,
    /// By rule: where it is met.
    pub places: Vec<Place>,
    /// Elements of sets that are asked for, by input: where its words begin.
    elements: Vec<usize>,
    words_of_elements: usize,
}

/// What a thread works in; reused from block to block.
#[derive(Default)]
pub(crate) struct Scratch {
    /// By input, then row: the class.
    classes: Vec<u16>,
    /// By input, then class of element, a bit a row.
    elements: Vec<u64>,
    /// By kernel, a bit a row that it holds for.
    kernels: Vec<u64>,
    /// By dense formula, a bit a row.
    words: Vec<u64>,
    /// By row: rules that hold or may hold, without doubles.
    pub rules: Vec<Vec<u32>>,
    /// By row: whether something that is read of it can't be known.
    pub odd: Vec<bool>,
    /// Rows of the block, and 64 of them a word.
    rows: usize,
    span: usize,
}

impl<'a> Matcher<'a> {
    pub(crate) fn new(formulas: &Formulas, mut encoded: Encoded<'a>, rows: usize) -> Matcher<'a> {
        let roots: Vec<NodeId> = formulas.rules.iter().flatten().copied().collect();
        let bounds = encoded.upper(&roots);
        let mut exact = vec![true; formulas.rules.len()];
        let mut dense = Vec::new();
        let mut places = vec![Place::Nowhere; formulas.rules.len()];
        let mut waiting: Vec<Vec<(u32, Waiting)>> = vec![Vec::new(); encoded.inputs.len()];
        let atoms: Vec<u32> = formulas.atoms.iter().map(|a| a.input).collect();
        for (rule, root) in formulas.rules.iter().enumerate() {
            let Some(root) = root else { continue };
            let (bound, is) = bounds[root];
            exact[rule] = is;
            if encoded.nodes[bound as usize] == Node::False {
                continue;
            }
            match driver(&mut encoded, &atoms, bound, rows as u64) {
                Some((atom, rest)) => {
                    places[rule] = Place::List { atom, rest };
                    let input = atoms[atom as usize] as usize;
                    for class in encoded.truths[atom as usize].classes.iter() {
                        waiting[input].push((class, Waiting { rule: rule as u32, rest }));
                    }
                }
                None => {
                    places[rule] = Place::Words(bound);
                    dense.push((rule as u32, bound));
                }
            }
        }
        let queues =
            waiting.into_iter().zip(&encoded.inputs).map(|(list, input)| Queue::of(list, input)).collect();
        Matcher { places, ..Matcher::assemble(encoded, atoms, queues, dense, exact) }
    }

    /// A matcher of no rules, by which formulas can be tested row by row.
    pub(crate) fn plain(formulas: &Formulas, encoded: Encoded<'a>) -> Matcher<'a> {
        let atoms = formulas.atoms.iter().map(|a| a.input).collect();
        Matcher::assemble(encoded, atoms, Vec::new(), Vec::new(), Vec::new())
    }

    fn assemble(
        encoded: Encoded<'a>,
        atoms: Vec<u32>,
        queues: Vec<Queue>,
        dense: Vec<(u32, NodeId)>,
        exact: Vec<bool>,
    ) -> Matcher<'a> {
        let mut order = Vec::new();
        let mut slots = FxHashMap::default();
        for (_, root) in &dense {
            place(&encoded.nodes, *root, &mut order, &mut slots);
        }
        let mut elements = Vec::with_capacity(encoded.inputs.len());
        let mut words_of_elements = 0;
        for input in &encoded.inputs {
            elements.push(words_of_elements);
            if let Coded::Set { counts, .. } = input {
                words_of_elements += counts.len();
            }
        }
        let places = Vec::new();
        Matcher { encoded, atoms, queues, dense, order, slots, exact, places, elements, words_of_elements }
    }

    /// How many formulas are tested beside a driver, at most.
    pub(crate) fn rest_parts(&self, rest: NodeId) -> u32 {
        match self.encoded.nodes.get(rest as usize) {
            None => 0,
            Some(Node::And(list)) => list.len() as u32,
            Some(
                Node::False
                | Node::True
                | Node::Closed(_)
                | Node::Atom(_)
                | Node::Not(_)
                | Node::Or(_)
                | Node::Open(_)
                | Node::Kernel(_),
            ) => 1,
        }
    }

    /// How many formulas are worked out for all rows.
    pub(crate) fn word_formulas(&self) -> u32 {
        self.order.len() as u32
    }

    /// Bytes of classes and lists, and those that each thread needs for blocks of a size.
    pub(crate) fn bytes(&self, block: usize) -> (u64, u64) {
        let inputs = self.encoded.inputs.iter().map(|input| match input {
            Coded::Single { class_of, counts, .. } | Coded::Set { class_of, counts, .. } => {
                size_of_val(&**class_of) + size_of_val(&**counts)
            }
            Coded::Open => 0,
        });
        let queues = self.queues.iter().map(|q| size_of_val(&*q.offsets) + size_of_val(&*q.rules));
        let truths = self.encoded.truths.iter().map(|t| size_of_val(&*t.classes.0) + size_of_val(&*t.ranges));
        let words = (self.order.len() + self.words_of_elements) * block.div_ceil(64) * size_of::<u64>();
        let classes = self.encoded.inputs.len() * block * size_of::<u16>();
        (inputs.chain(queues).chain(truths).sum::<usize>() as u64, (words + classes) as u64)
    }

    /// Matches a block of rows.
    pub(crate) fn block(&self, rows: Range<u32>, scratch: &mut Scratch) {
        scratch.rules.resize_with(rows.len().max(scratch.rules.len()), Vec::new);
        scratch.rules.iter_mut().for_each(Vec::clear);
        self.classify_block(rows.clone(), scratch);
        self.serve_queues(rows, scratch);
        self.work_out(scratch);
    }

    /// Reads a block of rows, so that formulas can be tested for them.
    pub(crate) fn classify_block(&self, rows: Range<u32>, scratch: &mut Scratch) {
        scratch.rows = rows.len();
        scratch.span = rows.len().div_ceil(64);
        scratch.odd.clear();
        scratch.odd.resize(rows.len(), false);
        self.classify(rows.clone(), scratch);
        self.mark_elements(rows.clone(), scratch);
        self.run_kernels(rows, scratch);
    }

    /// What kernels say of a block of rows. Who is to be asked about is known by nobody else.
    fn run_kernels(&self, rows: Range<u32>, scratch: &mut Scratch) {
        let span = scratch.span;
        scratch.kernels.clear();
        scratch.kernels.resize(self.encoded.kernels.len() * span, 0);
        if span == 0 {
            return;
        }
        let mut asks = std::mem::take(&mut scratch.words);
        asks.clear();
        asks.resize(span, 0);
        for (kernel, holds) in self.encoded.kernels.iter().zip(scratch.kernels.chunks_exact_mut(span)) {
            kernel.fill(rows.clone(), holds, &mut asks);
            for (at, &word) in asks.iter().enumerate() {
                let mut word = word;
                while word != 0 {
                    scratch.odd[at * 64 + word.trailing_zeros() as usize] = true;
                    word &= word - 1;
                }
            }
        }
        scratch.words = asks;
    }

    /// The classes of all rows.
    fn classify(&self, rows: Range<u32>, scratch: &mut Scratch) {
        let count = rows.len();
        scratch.classes.clear();
        scratch.classes.resize(self.encoded.inputs.len() * count, 0);
        for (input, classes) in self.encoded.inputs.iter().zip(scratch.classes.chunks_exact_mut(count.max(1)))
        {
            let Coded::Single { coding, class_of, .. } = input else { continue };
            for ((row, class), odd) in rows.clone().zip(classes).zip(&mut scratch.odd) {
                match coding.code(row) {
                    UNKNOWN => *odd = true,
                    code => *class = class_of[code as usize],
                }
            }
        }
    }

    /// Which rows have which elements.
    fn mark_elements(&self, rows: Range<u32>, scratch: &mut Scratch) {
        let span = scratch.span;
        scratch.elements.clear();
        scratch.elements.resize(self.words_of_elements * span, 0);
        for (input, &base) in self.encoded.inputs.iter().zip(&self.elements) {
            let Coded::Set { offsets, column, elements, class_of, .. } = input else { continue };
            for (at, row) in rows.clone().enumerate() {
                if !column.is_present(row as usize) {
                    continue;
                }
                for element in offsets[row as usize]..offsets[row as usize + 1] {
                    let class = class_of[elements.code(element) as usize] as usize;
                    scratch.elements[(base + class) * span + at / 64] |= 1 << (at % 64);
                }
            }
        }
    }

    /// Looks at the rules that wait where a row comes by.
    fn serve_queues(&self, rows: Range<u32>, scratch: &mut Scratch) {
        for (number, (input, queue)) in self.encoded.inputs.iter().zip(&self.queues).enumerate() {
            if queue.rules.is_empty() {
                continue;
            }
            match input {
                Coded::Single { .. } => {
                    for at in 0..rows.len() {
                        let class = scratch.classes[number * scratch.rows + at];
                        self.serve(queue, class, at, scratch);
                    }
                }
                Coded::Set { offsets, column, elements, class_of, .. } => {
                    for (at, row) in rows.clone().enumerate() {
                        if !column.is_present(row as usize) {
                            continue;
                        }
                        let before = scratch.rules[at].len();
                        for element in offsets[row as usize]..offsets[row as usize + 1] {
                            let class = class_of[elements.code(element) as usize];
                            self.serve(queue, class, at, scratch);
                        }
                        // Two spellings of one element are in one class.
                        let list = &mut scratch.rules[at];
                        if list.len() > before + 1 {
                            list[before..].sort_unstable();
                            list.dedup();
                        }
                    }
                }
                Coded::Open => {}
            }
        }
    }

    fn serve(&self, queue: &Queue, class: u16, at: usize, scratch: &mut Scratch) {
        let class = class as usize;
        let waiting = &queue.rules[queue.offsets[class] as usize..queue.offsets[class + 1] as usize];
        for w in waiting {
            if w.rest == NOTHING || self.test(w.rest, at, scratch) {
                scratch.rules[at].push(w.rule);
            }
        }
    }

    /// Whether a formula is true for a row of the block.
    pub(crate) fn test(&self, id: NodeId, at: usize, scratch: &Scratch) -> bool {
        match &self.encoded.nodes[id as usize] {
            Node::False => false,
            Node::True | Node::Closed(_) | Node::Open(_) => true,
            Node::Kernel(kernel) => {
                scratch.kernels[*kernel as usize * scratch.span + at / 64] >> (at % 64) & 1 == 1
            }
            Node::Atom(atom) => self.test_atom(*atom, at, scratch),
            Node::Not(of) => !self.test(*of, at, scratch),
            Node::And(list) => list.iter().all(|n| self.test(*n, at, scratch)),
            Node::Or(list) => list.iter().any(|n| self.test(*n, at, scratch)),
        }
    }

    fn test_atom(&self, atom: u32, at: usize, scratch: &Scratch) -> bool {
        let input = self.atoms[atom as usize] as usize;
        let truth = &self.encoded.truths[atom as usize];
        match &self.encoded.inputs[input] {
            Coded::Single { .. } => truth.classes.get(u32::from(scratch.classes[input * scratch.rows + at])),
            Coded::Set { .. } => truth.classes.iter().any(|class| {
                let word = (self.elements[input] + class as usize) * scratch.span + at / 64;
                scratch.elements[word] >> (at % 64) & 1 == 1
            }),
            Coded::Open => true,
        }
    }

    /// Works out the formulas of the dense rules, 64 rows at a time.
    fn work_out(&self, scratch: &mut Scratch) {
        let span = scratch.span;
        let mut words = std::mem::take(&mut scratch.words);
        words.clear();
        words.resize(self.order.len() * span, 0);
        for (slot, &id) in self.order.iter().enumerate() {
            let (parts, rest) = words.split_at_mut(slot * span);
            let out = &mut rest[..span];
            let part = |n: &NodeId| {
                let slot = self.slots[n] as usize;
                &parts[slot * span..(slot + 1) * span]
            };
            match &self.encoded.nodes[id as usize] {
                Node::False => {}
                Node::True | Node::Closed(_) | Node::Open(_) => out.fill(u64::MAX),
                Node::Kernel(kernel) => {
                    let from = *kernel as usize * span;
                    out.copy_from_slice(&scratch.kernels[from..from + span]);
                }
                Node::Atom(atom) => self.fill(*atom, scratch, out),
                Node::Not(of) => out.iter_mut().zip(part(of)).for_each(|(o, a)| *o = !a),
                Node::And(list) => {
                    out.copy_from_slice(part(&list[0]));
                    for n in &list[1..] {
                        out.iter_mut().zip(part(n)).for_each(|(o, a)| *o &= a);
                    }
                }
                Node::Or(list) => {
                    for n in list {
                        out.iter_mut().zip(part(n)).for_each(|(o, a)| *o |= a);
                    }
                }
            }
        }
        for (rule, root) in &self.dense {
            let slot = self.slots[root] as usize;
            for (at, &word) in words[slot * span..(slot + 1) * span].iter().enumerate() {
                let mut word = word;
                while word != 0 {
                    let row = at * 64 + word.trailing_zeros() as usize;
                    // Beyond the last row negations are true.
                    if row < scratch.rows {
                        scratch.rules[row].push(*rule);
                    }
                    word &= word - 1;
                }
            }
        }
        scratch.words = words;
    }

    /// The rows for which an atom is true.
    fn fill(&self, atom: u32, scratch: &Scratch, out: &mut [u64]) {
        let input = self.atoms[atom as usize] as usize;
        let truth = &self.encoded.truths[atom as usize];
        match &self.encoded.inputs[input] {
            Coded::Single { .. } => {
                let classes = &scratch.classes[input * scratch.rows..(input + 1) * scratch.rows];
                for (word, rows) in out.iter_mut().zip(classes.chunks(64)) {
                    let mut lanes = [0u8; 64];
                    if truth.ranges.is_empty() {
                        for (lane, class) in lanes.iter_mut().zip(rows) {
                            *lane = u8::from(truth.classes.get(u32::from(*class)));
                        }
                    } else {
                        for &(first, last) in &truth.ranges {
                            let width = last - first;
                            for (lane, class) in lanes.iter_mut().zip(rows) {
                                *lane |= u8::from(class.wrapping_sub(first) <= width);
                            }
                        }
                    }
                    *word = pack(&lanes);
                }
            }
            Coded::Set { .. } => {
                let span = scratch.span;
                for class in truth.classes.iter() {
                    let from = (self.elements[input] + class as usize) * span;
                    let bits = &scratch.elements[from..from + span];
                    out.iter_mut().zip(bits).for_each(|(o, b)| *o |= b);
                }
            }
            Coded::Open => out.fill(u64::MAX),
        }
    }
}

/// Bits of 64 bytes that are 0 or 1, the first the lowest.
fn pack(lanes: &[u8; 64]) -> u64 {
    let mut word = 0;
    for (at, eight) in lanes.chunks_exact(8).enumerate() {
        let eight = u64::from_le_bytes([
            eight[0], eight[1], eight[2], eight[3], eight[4], eight[5], eight[6], eight[7],
        ]);
        // Each byte's bit meets in the highest byte, in order.
        word |= (eight.wrapping_mul(0x0102_0408_1020_4080) >> 56) << (at * 8);
    }
    word
}

impl Queue {
    fn of(mut list: Vec<(u32, Waiting)>, input: &Coded<'_>) -> Queue {
        let classes = match input {
            Coded::Single { counts, .. } | Coded::Set { counts, .. } => counts.len(),
            Coded::Open => 0,
        };
        list.sort_by_key(|(class, w)| (*class, w.rule));
        let mut offsets = vec![0u32; classes + 1];
        for (class, _) in &list {
            offsets[*class as usize + 1] += 1;
        }
        for class in 0..classes {
            offsets[class + 1] += offsets[class];
        }
        Queue { offsets, rules: list.into_iter().map(|(_, w)| w).collect() }
    }
}

/// The atom of a conjunction that holds for the fewest, where these are few, and what remains beside it.
fn driver(encoded: &mut Encoded<'_>, atoms: &[u32], root: NodeId, rows: u64) -> Option<(u32, NodeId)> {
    let few = |encoded: &Encoded<'_>, id: NodeId| match encoded.nodes[id as usize] {
        Node::Atom(atom) if !matches!(encoded.inputs[atoms[atom as usize] as usize], Coded::Open) => {
            Some((encoded.truths[atom as usize].rows, atom))
        }
        _ => None,
    };
    let (found, rest) = match &encoded.nodes[root as usize] {
        Node::Atom(_) => (few(encoded, root)?, None),
        Node::And(list) => {
            let best = list.iter().filter_map(|n| Some((few(encoded, *n)?, *n))).min()?;
            let rest: Vec<NodeId> = list.iter().copied().filter(|n| *n != best.1).collect();
            (best.0, Some(rest))
        }
        _ => return None,
    };
    if found.0 * DRIVES > rows {
        return None;
    }
    let rest = match rest.as_deref() {
        None | Some([]) => NOTHING,
        Some([one]) => *one,
        Some(list) => {
            // What fails most often is tested first.
            let mut list = list.to_vec();
            list.sort_by_key(|n| encoded.guess(*n, rows));
            encoded.nodes.push(Node::And(list.into()));
            encoded.nodes.len() as NodeId - 1
        }
    };
    Some((found.1, rest))
}

/// Lists a formula's parts before it.
fn place(nodes: &[Node], id: NodeId, order: &mut Vec<NodeId>, slots: &mut FxHashMap<NodeId, u32>) {
    if slots.contains_key(&id) {
        return;
    }
    match &nodes[id as usize] {
        Node::Not(of) => place(nodes, *of, order, slots),
        Node::And(list) | Node::Or(list) => list.iter().for_each(|n| place(nodes, *n, order, slots)),
        Node::False | Node::True | Node::Closed(_) | Node::Atom(_) | Node::Open(_) | Node::Kernel(_) => {}
    }
    slots.insert(id, order.len() as u32);
    order.push(id);
}
