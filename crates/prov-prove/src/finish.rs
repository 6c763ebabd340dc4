//! What is said of all unknown values together.
//! Invariant: only what holds of every text, set and number is said here.

use crate::encode::Encoder;
use crate::sat::Lit;
use crate::term::Shape;
use crate::value::{Case, Sym};
use prov_model::{Value, fold};

/// How often elements that conditions name are added to sets, at most.
const ROUNDS: usize = 12;

impl Encoder<'_> {
    /// What is said of all unknown values together, once all that is asked of them is known.
    pub(crate) fn finish(&mut self) {
        // Conditions over elements ask for more elements. Where that does not end, what is asked of them stays open.
        let (mut before, mut ends) = (0, false);
        for _ in 0..ROUNDS {
            let (mut asked, mut size) = (Vec::new(), 0);
            for (number, term) in self.terms.iter().enumerate() {
                if let Shape::Set(set) = &term.shape {
                    size += set.asked.len() + set.members.len();
                    asked.extend(set.asked.iter().map(|a| (number, a.clone())));
                }
            }
            if asked.is_empty() || size == before {
                ends = true;
                break;
            }
            before = size;
            for (number, ask) in asked {
                self.elements_of(number, ask);
            }
        }
        for number in 0..self.terms.len() {
            let mut asked = Vec::new();
            if let Shape::Set(set) = &self.terms[number].shape {
                asked.extend(set.asked.iter().cloned());
            }
            for ask in asked {
                let (lit, holding) = (ask.lit, self.elements_of(number, ask));
                let more = self.unknown();
                let Shape::Set(set) = &self.terms[number].shape else { continue };
                let mut others: Vec<Lit> =
                    set.members.iter().filter(|(k, _)| k.0).map(|(_, m)| m.1).collect();
                others.extend([set.other, !more]);
                if ends {
                    self.sat.clause(&others);
                }
                let mut all = holding;
                all.push(more);
                let some = self.sat.or(&all);
                self.sat.implies(some, lit);
                self.sat.implies(lit, some);
            }
        }
        for term in &self.terms {
            match &term.shape {
                Shape::Text(texts) => texts.lemmas(&mut self.sat),
                Shape::Set(set) => {
                    for ((is_folded, name), (_, lit)) in &set.members {
                        if let (false, Some((_, other))) =
                            (is_folded, set.members.get(&(true, fold(name).into_owned())))
                        {
                            self.sat.implies(*lit, *other);
                        }
                    }
                }
                Shape::Bool(_) | Shape::Enum(_) | Shape::Number(_) | Shape::Thing => {}
            }
        }
        self.order.chain(&mut self.sat);
    }

    /// For each known element of a set: that it is there and fulfils a condition.
    fn elements_of(&mut self, term: usize, ask: crate::term::Asked) -> Vec<Lit> {
        let Shape::Set(set) = &self.terms[term].shape else { return Vec::new() };
        let members: Vec<(Value<'static>, Lit)> =
            set.members.iter().filter(|(key, _)| !key.0).map(|(_, m)| m.clone()).collect();
        let mut out = Vec::new();
        for (value, there) in members {
            let holds = self.with_element(ask.local, Sym::one(Case::Const(value)), ask.condition);
            out.push(self.sat.and(&[there, holds.sign(!ask.negated)]));
        }
        out
    }
}
