//! Numbers, days and instants: differences of two of them against constants.
//! Invariant: a truth value for every atom is possible together exactly where [`Order::conflict`] finds no conflict;
//! whole numbers only, so that nothing is lost between two of them.

use crate::sat::{Lit, Sat};
use std::collections::BTreeMap;

/// A quantity: a whole number between its bounds. The first is zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Node(pub u32);

impl Node {
    pub(crate) const ZERO: Node = Node(0);
}

/// `plus - minus + constant`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Sum {
    pub plus: Node,
    pub minus: Node,
    pub constant: i128,
}

impl Sum {
    pub(crate) fn of(node: Node) -> Sum {
        Sum { plus: node, minus: Node::ZERO, constant: 0 }
    }

    pub(crate) fn constant(constant: i128) -> Sum {
        Sum { plus: Node::ZERO, minus: Node::ZERO, constant }
    }

    pub(crate) fn as_constant(self) -> Option<i128> {
        (self.plus == self.minus).then_some(self.constant)
    }

    pub(crate) fn as_node(self) -> Option<Node> {
        (self.minus == Node::ZERO && self.constant == 0).then_some(self.plus)
    }

    /// `self - other`, where that has no more than two quantities left.
    pub(crate) fn less(self, other: Sum) -> Option<Sum> {
        let mut plus: Vec<Node> = [self.plus, other.minus].into_iter().filter(|n| *n != Node::ZERO).collect();
        let mut minus: Vec<Node> =
            [self.minus, other.plus].into_iter().filter(|n| *n != Node::ZERO).collect();
        plus.retain(|n| match minus.iter().position(|m| m == n) {
            Some(at) => {
                minus.remove(at);
                false
            }
            None => true,
        });
        let one = |list: &[Node]| match list {
            [] => Some(Node::ZERO),
            [one] => Some(*one),
            _ => None,
        };
        Some(Sum { plus: one(&plus)?, minus: one(&minus)?, constant: self.constant - other.constant })
    }
}

#[derive(Default)]
pub(crate) struct Order {
    /// The least and the greatest value of each.
    bounds: Vec<(i128, i128)>,
    /// What is wished for where nothing says otherwise.
    wishes: Vec<i128>,
    /// `a - b <= k`, with `a < b`.
    atoms: BTreeMap<(Node, Node, i128), Lit>,
}

impl Order {
    pub(crate) fn new() -> Order {
        Order { bounds: vec![(0, 0)], wishes: vec![0], atoms: BTreeMap::new() }
    }

    pub(crate) fn node(&mut self, low: i128, high: i128, wish: i128) -> Node {
        self.bounds.push((low, high));
        self.wishes.push(wish);
        Node(self.bounds.len() as u32 - 1)
    }

    /// Of a moment: between which it lies, and which is wished for. Before anything is asked of it.
    pub(crate) fn moment(&mut self, node: Node, low: i128, high: i128, wish: i128) {
        self.bounds[node.0 as usize] = (low, high);
        self.wishes[node.0 as usize] = wish;
    }

    pub(crate) fn bounds(&self, node: Node) -> (i128, i128) {
        self.bounds[node.0 as usize]
    }

    /// `sum <= 0`.
    pub(crate) fn at_most_zero(&mut self, sat: &mut Sat, sum: Sum) -> Lit {
        let (a, b, k) = (sum.plus, sum.minus, -sum.constant);
        if a == b {
            return Lit::of(0 <= k);
        }
        let ((a_low, a_high), (b_low, b_high)) = (self.bounds(a), self.bounds(b));
        if a_high - b_low <= k {
            return Lit::TRUE;
        }
        if a_low - b_high > k {
            return Lit::FALSE;
        }
        if a < b { self.atom(sat, a, b, k) } else { !self.atom(sat, b, a, -k - 1) }
    }

    fn atom(&mut self, sat: &mut Sat, a: Node, b: Node, k: i128) -> Lit {
        *self.atoms.entry((a, b, k)).or_insert_with(|| sat.fresh())
    }

    /// What follows among atoms of the same two quantities, said ahead so that the search need not find out.
    pub(crate) fn chain(&self, sat: &mut Sat) {
        let atoms: Vec<_> = self.atoms.iter().collect();
        for pair in atoms.windows(2) {
            let ((a, b, _), (c, d, _)) = (pair[0].0, pair[1].0);
            if (a, b) == (c, d) {
                sat.implies(*pair[0].1, *pair[1].1);
            }
        }
    }

    /// The atoms, for clauses that set a model aside.
    pub(crate) fn atoms(&self) -> impl Iterator<Item = ((Node, Node), Lit)> {
        self.atoms.iter().map(|((a, b, _), lit)| ((*a, *b), *lit))
    }

    /// Edges `from → to` of a weight: `to - from <= weight`, with the literal that says so.
    fn edges(&self, sat: &Sat) -> Vec<(usize, usize, i128, Lit)> {
        let mut edges = Vec::new();
        for (i, (low, high)) in self.bounds.iter().enumerate().skip(1) {
            edges.push((0, i, *high, Lit::TRUE));
            edges.push((i, 0, -*low, Lit::TRUE));
        }
        for ((a, b, k), lit) in &self.atoms {
            let (a, b) = (a.0 as usize, b.0 as usize);
            if sat.holds(*lit) {
                edges.push((b, a, *k, *lit));
            } else {
                edges.push((a, b, -*k - 1, !*lit));
            }
        }
        edges
    }

    /// Atoms of the model that can't hold together; none where they can.
    pub(crate) fn conflict(&self, sat: &Sat) -> Option<Vec<Lit>> {
        let edges = self.edges(sat);
        let count = self.bounds.len();
        let mut far = vec![0i128; count];
        let mut by: Vec<Option<usize>> = vec![None; count];
        let mut last = None;
        for _ in 0..=count {
            last = None;
            for (number, (from, to, weight, _)) in edges.iter().enumerate() {
                if far[*from] + weight < far[*to] {
                    far[*to] = far[*from] + weight;
                    by[*to] = Some(number);
                    last = Some(*to);
                }
            }
            last?;
        }
        // Something still moves: there is a circle below zero. Go back far enough to stand in it.
        let mut at = last?;
        for _ in 0..count {
            at = edges[by[at]?].0;
        }
        let start = at;
        let mut circle = Vec::new();
        loop {
            let edge = edges[by[at]?];
            circle.push(edge.3);
            at = edge.0;
            if at == start {
                break;
            }
        }
        circle.retain(|l| *l != Lit::TRUE);
        circle.sort_unstable();
        circle.dedup();
        Some(circle)
    }

    /// Values for all quantities by the model, as near to what is wished for as they can be, the earlier first.
    pub(crate) fn values(&self, sat: &Sat) -> Vec<i128> {
        let count = self.bounds.len();
        const FAR: i128 = i128::MAX / 4;
        let mut far = vec![vec![FAR; count]; count];
        for (from, to, weight, _) in self.edges(sat) {
            far[from][to] = far[from][to].min(weight);
        }
        for (i, row) in far.iter_mut().enumerate() {
            row[i] = 0;
        }
        for via in 0..count {
            for from in 0..count {
                if far[from][via] == FAR {
                    continue;
                }
                for to in 0..count {
                    let through = far[from][via].saturating_add(far[via][to]);
                    if through < far[from][to] {
                        far[from][to] = through;
                    }
                }
            }
        }
        let mut values = vec![0i128; count];
        for node in 1..count {
            let (mut low, mut high) = self.bounds[node];
            for known in 0..node {
                high = high.min(values[known].saturating_add(far[known][node]));
                low = low.max(values[known].saturating_sub(far[node][known]));
            }
            values[node] = self.wishes[node].clamp(low, high.max(low));
        }
        values
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sat::Found;

    fn at_most(order: &mut Order, sat: &mut Sat, a: Node, b: Node, k: i128) -> Lit {
        order.at_most_zero(sat, Sum { plus: a, minus: b, constant: -k })
    }

    #[test]
    fn a_circle_is_a_conflict() {
        let (mut sat, mut order) = (Sat::new(1_000), Order::new());
        let [x, y, z] = [0; 3].map(|_| order.node(-1_000, 1_000, 7));
        let a = at_most(&mut order, &mut sat, x, y, -1);
        let b = at_most(&mut order, &mut sat, y, z, -1);
        let c = at_most(&mut order, &mut sat, z, x, 1);
        assert_eq!(sat.solve(&[a, b, c], 1_000), Found::Model);
        let mut conflict = order.conflict(&sat).expect("x < y < z <= x + 1 can't be");
        let mut all = vec![a, b, c];
        conflict.sort_unstable();
        all.sort_unstable();
        assert_eq!(conflict, all);
        assert_eq!(sat.solve(&[a, b, !c], 1_000), Found::Model);
        assert_eq!(order.conflict(&sat), None);
        let values = order.values(&sat);
        let of = |n: Node| values[n.0 as usize];
        assert!(of(x) < of(y) && of(y) < of(z) && of(z) > of(x) + 1);
        assert_eq!(of(x), 7);
    }

    #[test]
    fn bounds_are_kept() {
        let (mut sat, mut order) = (Sat::new(1_000), Order::new());
        let x = order.node(0, 10, 5);
        assert_eq!(at_most(&mut order, &mut sat, x, Node::ZERO, 10), Lit::TRUE);
        assert_eq!(at_most(&mut order, &mut sat, x, Node::ZERO, -1), Lit::FALSE);
        let y = order.node(0, 10, 5);
        let five = at_most(&mut order, &mut sat, x, Node::ZERO, 4);
        let above = at_most(&mut order, &mut sat, x, y, 5);
        assert_eq!(sat.solve(&[five, !above], 1_000), Found::Model);
        assert!(order.conflict(&sat).is_some(), "x <= 4 and x > y + 5 with y >= 0");
    }
}
