//! The solver: literals, gates over them, clauses, and the search for a model.
//! Invariant: the only file that knows which solver stands behind; a search that takes too long says so and decides
//! nothing.

use batsat::{Callbacks, SolverInterface, SolverOpts, lbool};
use std::cell::Cell;
use std::collections::HashMap;

/// A boolean variable, or its negation.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(crate) struct Lit(i32);

impl Lit {
    /// What always holds.
    pub(crate) const TRUE: Lit = Lit(1);
    /// What never holds.
    pub(crate) const FALSE: Lit = Lit(-1);

    pub(crate) fn of(truth: bool) -> Lit {
        if truth { Lit::TRUE } else { Lit::FALSE }
    }

    /// The literal where `truth`, else its negation.
    pub(crate) fn sign(self, truth: bool) -> Lit {
        if truth { self } else { !self }
    }
}

impl std::ops::Not for Lit {
    type Output = Lit;
    fn not(self) -> Lit {
        Lit(-self.0)
    }
}

/// Counts how often the search asks whether it should stop.
struct Budget(Cell<u64>);

impl Callbacks for Budget {
    fn stop(&self) -> bool {
        let left = self.0.get();
        self.0.set(left.saturating_sub(1));
        left == 0
    }
}

/// What a search found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Found {
    Model,
    Nothing,
    GaveUp,
}

pub(crate) struct Sat {
    solver: batsat::Solver<Budget>,
    /// Conjunctions that have a literal already.
    gates: HashMap<Vec<Lit>, Lit>,
    variables: i32,
    model: Vec<bool>,
}

impl Sat {
    /// `steps` bounds each search.
    pub(crate) fn new(steps: u64) -> Sat {
        let solver = batsat::Solver::new(SolverOpts::default(), Budget(Cell::new(steps)));
        let mut sat = Sat { solver, gates: HashMap::new(), variables: 0, model: Vec::new() };
        let truth = sat.fresh();
        debug_assert_eq!(truth, Lit::TRUE);
        sat.solver.add_clause_reuse(&mut vec![Sat::theirs(truth)]);
        sat
    }

    /// A variable of its own.
    pub(crate) fn fresh(&mut self) -> Lit {
        self.solver.new_var_default();
        self.variables += 1;
        Lit(self.variables)
    }

    fn theirs(lit: Lit) -> batsat::Lit {
        batsat::Lit::new(batsat::Var::unsafe_from_idx(lit.0.unsigned_abs() - 1), lit.0 > 0)
    }

    /// One of these holds.
    pub(crate) fn clause(&mut self, lits: &[Lit]) {
        if lits.contains(&Lit::TRUE) {
            return;
        }
        let mut clause: Vec<batsat::Lit> =
            lits.iter().filter(|l| **l != Lit::FALSE).map(|l| Sat::theirs(*l)).collect();
        self.solver.add_clause_reuse(&mut clause);
    }

    /// Where `a` holds, `b` does.
    pub(crate) fn implies(&mut self, a: Lit, b: Lit) {
        self.clause(&[!a, b]);
    }

    /// All of these.
    pub(crate) fn and(&mut self, lits: &[Lit]) -> Lit {
        let mut parts: Vec<Lit> = lits.iter().copied().filter(|l| *l != Lit::TRUE).collect();
        parts.sort_unstable();
        parts.dedup();
        if parts.contains(&Lit::FALSE) || parts.iter().any(|l| parts.binary_search(&!*l).is_ok()) {
            return Lit::FALSE;
        }
        match parts[..] {
            [] => return Lit::TRUE,
            [one] => return one,
            _ => {}
        }
        if let Some(known) = self.gates.get(&parts) {
            return *known;
        }
        let gate = self.fresh();
        let mut back = vec![gate];
        for part in &parts {
            self.clause(&[!gate, *part]);
            back.push(!*part);
        }
        self.clause(&back);
        self.gates.insert(parts, gate);
        gate
    }

    /// One of these.
    pub(crate) fn or(&mut self, lits: &[Lit]) -> Lit {
        let flipped: Vec<Lit> = lits.iter().map(|l| !*l).collect();
        !self.and(&flipped)
    }

    /// Both or neither.
    pub(crate) fn same(&mut self, a: Lit, b: Lit) -> Lit {
        let both = self.and(&[a, b]);
        let neither = self.and(&[!a, !b]);
        self.or(&[both, neither])
    }

    /// At most one of these holds: a ladder, so that a thousand of them cost a thousand steps.
    pub(crate) fn at_most_one(&mut self, lits: &[Lit]) {
        let Some((first, rest)) = lits.split_first() else { return };
        if lits.len() <= 4 {
            for (i, a) in lits.iter().enumerate() {
                for b in &lits[i + 1..] {
                    self.clause(&[!*a, !*b]);
                }
            }
            return;
        }
        let mut before = *first;
        for lit in rest {
            self.clause(&[!before, !*lit]);
            let so_far = self.fresh();
            self.clause(&[!before, so_far]);
            self.clause(&[!*lit, so_far]);
            before = so_far;
        }
    }

    /// Literals that hold where more than 0, 1, 2 … of these do; as many as there are.
    pub(crate) fn more_than(&mut self, lits: &[Lit]) -> Vec<Lit> {
        let mut counts: Vec<Lit> = Vec::new();
        for lit in lits {
            let mut next = Vec::with_capacity(counts.len() + 1);
            for i in 0..=counts.len() {
                let already = counts.get(i).copied().unwrap_or(Lit::FALSE);
                let below = if i == 0 { Lit::TRUE } else { counts[i - 1] };
                let one_more = self.and(&[below, *lit]);
                next.push(self.or(&[already, one_more]));
            }
            counts = next;
        }
        counts
    }

    /// Searches for a model in which all of these hold.
    pub(crate) fn solve(&mut self, assumed: &[Lit], steps: u64) -> Found {
        self.solver.cb_mut().0.set(steps);
        if assumed.contains(&Lit::FALSE) {
            return Found::Nothing;
        }
        let assumed: Vec<batsat::Lit> = assumed.iter().map(|l| Sat::theirs(*l)).collect();
        let result = self.solver.solve_limited(&assumed);
        if result == lbool::TRUE {
            self.model = self.solver.get_model().iter().map(|v| *v == lbool::TRUE).collect();
            Found::Model
        } else if result == lbool::FALSE {
            Found::Nothing
        } else {
            Found::GaveUp
        }
    }

    /// Whether a literal holds in the model that was found last.
    pub(crate) fn holds(&self, lit: Lit) -> bool {
        let at = lit.0.unsigned_abs() as usize - 1;
        self.model.get(at).copied().unwrap_or(false) == (lit.0 > 0)
    }

    /// How many variables there are.
    pub(crate) fn size(&self) -> usize {
        self.variables as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gates_mean_what_they_say() {
        let mut sat = Sat::new(1_000);
        let (a, b) = (sat.fresh(), sat.fresh());
        assert_eq!(sat.solve(&[], 1_000), Found::Model);
        assert!(sat.holds(Lit::TRUE) && !sat.holds(Lit::FALSE));
        let both = sat.and(&[a, b]);
        let one = sat.or(&[a, b]);
        let same = sat.same(a, b);
        assert_eq!(sat.and(&[b, a]), both, "equal gates are one");
        assert_eq!(sat.and(&[a, !a]), Lit::FALSE);
        assert_eq!(sat.or(&[a, Lit::TRUE]), Lit::TRUE);
        for (x, y) in [(false, false), (false, true), (true, false), (true, true)] {
            assert_eq!(sat.solve(&[a.sign(x), b.sign(y)], 1_000), Found::Model);
            assert_eq!(sat.holds(both), x && y);
            assert_eq!(sat.holds(one), x || y);
            assert_eq!(sat.holds(same), x == y);
        }
        assert_eq!(sat.solve(&[both, !one], 1_000), Found::Nothing);
    }

    #[test]
    fn counting() {
        let mut sat = Sat::new(1_000);
        let lits: Vec<Lit> = (0..6).map(|_| sat.fresh()).collect();
        let more = sat.more_than(&lits);
        let chosen = [lits[0], lits[2], lits[5], !lits[1], !lits[3], !lits[4]];
        assert_eq!(sat.solve(&chosen, 1_000), Found::Model);
        let held: Vec<bool> = more.iter().map(|l| sat.holds(*l)).collect();
        assert_eq!(held, [true, true, true, false, false, false]);
        sat.at_most_one(&lits);
        assert_eq!(sat.solve(&[lits[0], lits[5]], 1_000), Found::Nothing);
        assert_eq!(sat.solve(&[lits[5]], 1_000), Found::Model);
    }
}
