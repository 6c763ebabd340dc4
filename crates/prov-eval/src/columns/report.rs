//! How a type's rules are met, told from the structures that they are met by.
//! Invariant: nothing here decides anything; it says what [`super::matcher`] and [`super::statics`] have decided.

use super::block::Side;
use super::encode::Coded;
use super::formula::{Atom, Formulas, Input, Node, NodeId, Read, Test};
use super::matcher::Place;
use crate::profile::{
    ColumnsProfile, InputProfile, Met, Open, Part, RuleProfile, Shared, TypeProfile, Unplain,
};
use prov_ir::Program;
use prov_model::{IdentityId, Type};
use rustc_hash::FxHashSet;

/// So many shared parts are told.
const SHARED: usize = 20;

impl Side<'_> {
    /// The type and its rules, before anyone is decided.
    pub(crate) fn report(
        &self,
        program: &Program,
        people: u64,
        block: usize,
    ) -> (TypeProfile, Vec<RuleProfile>) {
        let formulas = &self.of.rules;
        let mut rules_of = vec![0u32; formulas.atoms.len()];
        let mut reach = Reach::default();
        let of_rule: Vec<Found> = formulas
            .rules
            .iter()
            .map(|root| {
                let found = root.map(|root| reach.of(formulas, root)).unwrap_or_default();
                found.atoms.iter().for_each(|atom| rules_of[*atom as usize] += 1);
                found
            })
            .collect();
        let mut rules = Vec::new();
        let (mut in_lists, mut in_words) = (0, 0);
        for (number, found) in of_rule.iter().enumerate() {
            if program.rules[number].identity != self.ty {
                continue;
            }
            let met = self.met(program, number);
            match met {
                Met::List { .. } => in_lists += 1,
                Met::Words { .. } => in_words += 1,
                Met::Never | Met::Walked { .. } => {}
            }
            let steps = match &met {
                Met::List { rows, rest, .. } => rows * (1 + u64::from(*rest)),
                Met::Words { formulas } => people.div_ceil(64) * u64::from(*formulas),
                Met::Never | Met::Walked { .. } => 0,
            };
            let unplain = self.of.statics.unplain.get(number).copied().flatten();
            let asks = self.of.asks_steps[number] && !self.matcher.exact[number];
            rules.push(RuleProfile {
                rule: number as u32,
                met,
                matches: 0,
                steps,
                asked: 0,
                parts: found.atoms.len() as u32,
                shared: found.atoms.iter().filter(|a| rules_of[**a as usize] > 1).count() as u32,
                open: found.open.clone(),
                compiled: found.nodes.iter().filter(|id| self.is_compiled(**id)).count() as u32,
                unplain: unplain.or(asks.then_some((Unplain::Steps, number as u32))),
            });
        }
        let columns = self.columns(program, &rules_of, (in_lists, in_words), block);
        let ty =
            TypeProfile { identity: self.ty, people, columns: Some(columns), simple: 0, asked: Vec::new() };
        (ty, rules)
    }

    /// Whether machine code decides what no formula says.
    fn is_compiled(&self, node: NodeId) -> bool {
        matches!(self.matcher.encoded.nodes[node as usize], Node::Kernel(_))
    }

    fn met(&self, program: &Program, number: usize) -> Met {
        match self.matcher.places[number] {
            Place::Nowhere => Met::Never,
            Place::List { atom, rest } => Met::List {
                part: part(program, self.ty, &self.of.rules, atom),
                rows: self.matcher.encoded.truths[atom as usize].rows,
                rest: self.matcher.rest_parts(rest),
            },
            Place::Words(root) => {
                let mut seen = FxHashSet::default();
                count(&self.matcher.encoded.nodes, root, &mut seen);
                Met::Words { formulas: seen.len() as u32 }
            }
        }
    }

    fn columns(
        &self,
        program: &Program,
        rules_of: &[u32],
        (in_lists, in_words): (u32, u32),
        block: usize,
    ) -> ColumnsProfile {
        let formulas = &self.of.rules;
        let mut parts_of = vec![0u32; formulas.inputs.len()];
        formulas.atoms.iter().for_each(|a| parts_of[a.input as usize] += 1);
        let inputs = formulas.inputs.iter().zip(&self.matcher.encoded.inputs).zip(&parts_of);
        let inputs = inputs.map(|((input, coded), parts)| {
            let (values, classes) = match coded {
                Coded::Single { coding, counts, .. } => (Some(coding.codes), counts.len()),
                Coded::Set { elements, counts, .. } => (Some(elements.codes), counts.len()),
                Coded::Open => (None, 0),
            };
            let name = name(program, self.ty, input);
            InputProfile { name, values, classes: classes as u32, parts: *parts }
        });
        let mut order: Vec<usize> = (0..rules_of.len()).filter(|a| rules_of[*a] > 1).collect();
        order.sort_by_key(|a| (std::cmp::Reverse(rules_of[*a]), *a));
        order.truncate(SHARED);
        let shared = order.into_iter().map(|atom| Shared {
            part: part(program, self.ty, formulas, atom as u32),
            rules: rules_of[atom],
            rows: self.matcher.encoded.truths[atom].rows,
        });
        let (bytes, bytes_a_thread) = self.matcher.bytes(block);
        ColumnsProfile {
            inputs: inputs.collect(),
            parts: formulas.atoms.len() as u32,
            mentions: rules_of.iter().sum(),
            shared: shared.collect(),
            in_lists,
            in_words,
            word_formulas: self.matcher.word_formulas(),
            entitlements: self.items.list.len() as u32,
            bytes,
            bytes_a_thread,
        }
    }
}

/// What stands in a formula.
#[derive(Clone, Debug, Default)]
struct Found {
    /// Atoms, each once.
    atoms: Vec<u32>,
    open: Vec<Open>,
    /// Nodes of what is open.
    nodes: Vec<NodeId>,
}

#[derive(Default)]
struct Reach {
    seen: FxHashSet<NodeId>,
}

impl Reach {
    fn of(&mut self, formulas: &Formulas, root: NodeId) -> Found {
        self.seen.clear();
        let (mut found, mut todo) = (Found::default(), vec![root]);
        while let Some(id) = todo.pop() {
            if !self.seen.insert(id) {
                continue;
            }
            match &formulas.nodes[id as usize] {
                Node::Atom(atom) => found.atoms.push(*atom),
                Node::Open(expr) => {
                    found.nodes.push(id);
                    found.open.push(Open { expr: *expr });
                }
                Node::Not(of) => todo.push(*of),
                Node::And(list) | Node::Or(list) => todo.extend(list.iter().rev()),
                Node::False | Node::True | Node::Closed(_) | Node::Kernel(_) => {}
            }
        }
        found.open.sort_unstable();
        found
    }
}

fn count(nodes: &[Node], id: NodeId, seen: &mut FxHashSet<NodeId>) {
    if !seen.insert(id) {
        return;
    }
    match &nodes[id as usize] {
        Node::Not(of) => count(nodes, *of, seen),
        Node::And(list) | Node::Or(list) => list.iter().for_each(|n| count(nodes, *n, seen)),
        Node::False | Node::True | Node::Closed(_) | Node::Atom(_) | Node::Open(_) | Node::Kernel(_) => {}
    }
}

fn part(program: &Program, ty: IdentityId, formulas: &Formulas, atom: u32) -> Part {
    let Atom { input, test } = formulas.atoms[atom as usize];
    let (expr, contains) = match test {
        Test::Holds(expr) => (expr, false),
        Test::Has(expr) => (expr, true),
    };
    Part { input: name(program, ty, &formulas.inputs[input as usize]), expr, contains }
}

/// An input as a policy writes it: `manager.department`.
pub(crate) fn name(program: &Program, mut ty: IdentityId, input: &Input) -> String {
    let mut out = String::new();
    for reference in &input.through {
        let attribute = &program.schema.identity(ty).attributes[reference.index()];
        out.push_str(&attribute.name);
        out.push('.');
        if let Type::Identity(of) = attribute.ty.required() {
            ty = *of;
        }
    }
    match input.read {
        Read::Attr(attr) => out.push_str(&program.schema.identity(ty).attributes[attr.index()].name),
        Read::State => out.push_str("state"),
    }
    out
}
