//! Comparisons of values, and elements of sets.
//! Invariant: as in `encode`.

use crate::encode::Encoder;
use crate::order::Sum;
use crate::sat::Lit;
use crate::term::Shape;
use crate::text::Test;
use crate::value::{Case, Sym, sum};
use prov_ir::ExprId;
use prov_model::{CompareOp, Unit, Value};

impl Encoder<'_> {
    /// `a op b`; `id` is where it stands.
    pub(crate) fn compare(&mut self, op: CompareOp, a: &Sym, b: &Sym, id: ExprId) -> Lit {
        let mut out = Vec::new();
        for (g, x) in &a.cases {
            for (h, y) in &b.cases {
                let both = self.sat.and(&[*g, *h]);
                if both == Lit::FALSE {
                    continue;
                }
                let lit = match self.compare_case(op, x, y) {
                    Some(lit) => lit,
                    None => self.open_comparison(op, x, y, id),
                };
                out.push(self.sat.and(&[both, lit]));
            }
        }
        self.or(&out)
    }

    pub(crate) fn open_comparison(&mut self, op: CompareOp, x: &Case, y: &Case, id: ExprId) -> Lit {
        let span = self.program.expr(id).span;
        self.gap(span, "it compares values that are both unknown");
        match (x.key(), y.key()) {
            (Some(x), Some(y)) => self.open_lit(format!("compare {} {x} {y}", op.symbol())),
            _ => self.unknown(),
        }
    }

    pub(crate) fn compare_case(&mut self, op: CompareOp, x: &Case, y: &Case) -> Option<Lit> {
        if let (Case::Const(_), false) = (x, matches!(y, Case::Const(_))) {
            return self.compare_case(crate::value::turned(op), y, x);
        }
        match (x, y) {
            (Case::Const(x), Case::Const(y)) => Some(Lit::of(op.holds(prov_model::compare(x, y)))),
            (Case::Bool(x), other) => {
                let y = match other {
                    Case::Bool(y) => *y,
                    Case::Const(Value::Bool(y)) => Lit::of(*y),
                    _ => return None,
                };
                let same = self.sat.same(*x, y);
                match op {
                    CompareOp::Eq => Some(same),
                    CompareOp::Ne => Some(!same),
                    CompareOp::Lt => Some(self.and(&[!*x, y])),
                    CompareOp::Gt => Some(self.and(&[*x, !y])),
                    CompareOp::Le => Some(!self.and(&[*x, !y])),
                    CompareOp::Ge => Some(!self.and(&[!*x, y])),
                }
            }
            (Case::Number(x), y) => {
                let y = sum(y)?;
                self.compare_sums(op, *x, y)
            }
            (Case::Days(x), Case::Days(y)) => self.compare_sums(op, *x, *y),
            (Case::Days(days), Case::Const(Value::Duration(d))) => {
                // A length of days ranks by its days; among equals, one with months ranks above.
                let (rank, months) = d.rank();
                let at = Sum::constant(i128::from(rank));
                let (above, equal) = (months > 0, months == 0);
                let op = match op {
                    CompareOp::Eq if !equal => return Some(Lit::FALSE),
                    CompareOp::Ne if !equal => return Some(Lit::TRUE),
                    CompareOp::Lt | CompareOp::Le if above => CompareOp::Le,
                    CompareOp::Lt | CompareOp::Le if !equal => CompareOp::Lt,
                    CompareOp::Gt | CompareOp::Ge if above => CompareOp::Gt,
                    CompareOp::Gt | CompareOp::Ge if !equal => CompareOp::Ge,
                    op => op,
                };
                self.compare_sums(op, *days, at)
            }
            (Case::Between(unit, from, to), Case::Const(Value::Int(n))) => {
                let at_least = |me: &mut Self, n: i64| me.between_at_least(*unit, *from, *to, n);
                match op {
                    CompareOp::Ge => at_least(self, *n),
                    CompareOp::Gt => at_least(self, n.checked_add(1)?),
                    CompareOp::Lt => at_least(self, *n).map(|l| !l),
                    CompareOp::Le => at_least(self, n.checked_add(1)?).map(|l| !l),
                    CompareOp::Eq | CompareOp::Ne => {
                        let (low, high) = (at_least(self, *n)?, at_least(self, n.checked_add(1)?)?);
                        let is = self.and(&[low, !high]);
                        Some(is.sign(op == CompareOp::Eq))
                    }
                }
            }
            (Case::Text(form), Case::Const(c)) => {
                let order = |op| Test::Order(op, c.clone());
                Some(match op {
                    CompareOp::Eq => self.text_test(form, Test::Is(c.clone())),
                    CompareOp::Ne => !self.text_test(form, Test::Is(c.clone())),
                    CompareOp::Lt => self.text_test(form, order(CompareOp::Lt)),
                    CompareOp::Le => self.text_test(form, order(CompareOp::Le)),
                    CompareOp::Gt => !self.text_test(form, order(CompareOp::Le)),
                    CompareOp::Ge => !self.text_test(form, order(CompareOp::Lt)),
                })
            }
            (Case::Text(x), Case::Text(y)) if x == y => {
                Some(Lit::of(matches!(op, CompareOp::Eq | CompareOp::Le | CompareOp::Ge)))
            }
            _ => None,
        }
    }

    pub(crate) fn compare_sums(&mut self, op: CompareOp, x: Sum, y: Sum) -> Option<Lit> {
        let diff = x.less(y)?;
        let back = y.less(x)?;
        let at_most = |me: &mut Self, sum: Sum, by: i128| {
            me.order.at_most_zero(&mut me.sat, Sum { constant: sum.constant + by, ..sum })
        };
        Some(match op {
            CompareOp::Le => at_most(self, diff, 0),
            CompareOp::Lt => at_most(self, diff, 1),
            CompareOp::Ge => at_most(self, back, 0),
            CompareOp::Gt => at_most(self, back, 1),
            CompareOp::Eq | CompareOp::Ne => {
                let (le, ge) = (at_most(self, diff, 0), at_most(self, back, 0));
                let is = self.and(&[le, ge]);
                is.sign(op == CompareOp::Eq)
            }
        })
    }

    /// Whether at least `n` whole units lie between two days.
    pub(crate) fn between_at_least(&mut self, unit: Unit, from: Sum, to: Sum, n: i64) -> Option<Lit> {
        let days = match unit {
            Unit::Days => Some(i128::from(n)),
            // Whole weeks, cut towards zero.
            Unit::Weeks if n > 0 => Some(i128::from(n) * 7),
            Unit::Weeks => Some(i128::from(n) * 7 - 6),
            Unit::Months | Unit::Years => None,
            Unit::Seconds | Unit::Minutes | Unit::Hours => return None,
        };
        if let Some(days) = days {
            let apart = to.less(from)?;
            return self.compare_sums(CompareOp::Ge, apart, Sum::constant(days));
        }
        let in_months = |n: i64| i32::try_from(n.checked_mul(if unit == Unit::Years { 12 } else { 1 })?).ok();
        // Complete on the same day of the month; backwards, counted from the other end.
        if n > 0 {
            let months = in_months(n)?;
            let Case::Number(then) = self.later(from, prov_model::Duration { months, days: 0 }, false)?
            else {
                return None;
            };
            return self.compare_sums(CompareOp::Le, then, to);
        }
        let months = in_months(1i64.checked_sub(n)?)?;
        let Case::Number(then) = self.later(to, prov_model::Duration { months, days: 0 }, false)? else {
            return None;
        };
        self.compare_sums(CompareOp::Gt, then, from)
    }

    pub(crate) fn contains(&mut self, set: &Sym, element: &Sym, id: ExprId) -> Lit {
        let mut out = Vec::new();
        for (g, set) in &set.cases {
            for (h, element) in &element.cases {
                let both = self.sat.and(&[*g, *h]);
                if both == Lit::FALSE {
                    continue;
                }
                let one = Sym::one(element.clone());
                let lit = match (set, element) {
                    (Case::Const(Value::Set(list)), _) => {
                        let hits: Vec<Lit> = list
                            .iter()
                            .map(|e| {
                                let e = Sym::one(Case::Const(e.clone()));
                                self.compare(CompareOp::Eq, &one, &e, id)
                            })
                            .collect();
                        self.or(&hits)
                    }
                    (Case::Elements(list), _) => {
                        let hits: Vec<Lit> =
                            list.iter().map(|e| self.compare(CompareOp::Eq, &one, e, id)).collect();
                        self.or(&hits)
                    }
                    (Case::Set(term, folds), Case::Const(value)) => {
                        let folds = *folds || matches!(value, Value::Text(_)) || self.holds_texts(*term);
                        self.set_has(*term, value, folds)
                    }
                    _ => self.open_test(id, "it looks for an unknown value in an unknown set"),
                };
                out.push(self.sat.and(&[both, lit]));
            }
        }
        self.or(&out)
    }

    /// Whether the elements of a set are `text`.
    pub(crate) fn holds_texts(&self, term: u32) -> bool {
        matches!(&self.terms[term as usize].shape, Shape::Set(set) if set.texts)
    }

    /// Whether a set has an element; folded where only its folded form counts.
    pub(crate) fn set_has(&mut self, term: u32, value: &Value<'static>, folds: bool) -> Lit {
        let name = match (value, folds) {
            (Value::Text(t), true) => t.folded.clone().into_owned(),
            (Value::Str(s), true) => prov_model::fold(s).into_owned(),
            (value, _) => match value.spelling() {
                Some(s) => s.to_owned(),
                None => format!("{value:?}"),
            },
        };
        let Shape::Set(set) = &mut self.terms[term as usize].shape else { return Lit::FALSE };
        if let Some((_, known)) = set.members.get(&(folds, name.clone())) {
            return *known;
        }
        let lit = self.sat.fresh();
        set.members.insert((folds, name), (value.clone(), lit));
        lit
    }
}
